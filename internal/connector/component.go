package connector

import "tickmark/internal/record"

// Component says that the records of a kind are parts of systems, each with an id and a name given as expressions over r: an
// account at a provider, a repository, a cluster. A boundary says of each whether it is inside.
func Component(k record.Kind, id, name string) record.Kind {
	k.Views = append(k.Views, record.View{Name: "component", Fields: map[string]string{"id": id, "name": name}})
	return k
}

package training

import (
	"slices"
	"strings"

	"tickmark/internal/record"
)

// Standing is where one person stands with one module.
type Standing struct {
	Person Person
	Last   string      // the day on which it was last completed; empty: never in this spell
	Open   *Assignment // what is still to be taken
	Late   bool        // the last completion was late, or what is open is overdue
}

// State says it in one word: completed, assigned, overdue, or unassigned.
func (s Standing) State() string {
	switch {
	case s.Open != nil && s.Open.OverdueSince != "":
		return "overdue"
	case s.Open != nil:
		return "assigned"
	case s.Last != "":
		return "completed"
	}
	return "unassigned"
}

// Standings are those of everybody in the module's audience who works here, those who are latest first.
func Standings(look record.Look, m Module, people []Person) ([]Standing, error) {
	all, err := Assignments(look, "module", m.Key)
	if err != nil {
		return nil, err
	}
	done, err := lastDone(look, m)
	if err != nil {
		return nil, err
	}
	open, late := map[string]*Assignment{}, map[string]string{}
	for i, a := range all {
		switch a.State {
		case "assigned":
			if a.OverdueSince == "" {
				all[i].OverdueSince = overdue(a.Due, today(look))
			}
			open[a.Person] = &all[i]
		case "completed":
			if a.OverdueSince != "" {
				late[a.Person] = max(late[a.Person], a.CompletedOn)
			}
		}
	}
	var out []Standing
	for _, p := range people {
		if !m.Concerns(p) {
			continue
		}
		s := Standing{Person: p, Last: done[p.ID], Open: open[p.ID]}
		s.Late = s.State() == "overdue" || s.Open == nil && s.Last != "" && late[p.ID] == s.Last
		out = append(out, s)
	}
	order := []string{"overdue", "assigned", "unassigned", "completed"}
	slices.SortStableFunc(out, func(a, b Standing) int {
		if d := slices.Index(order, a.State()) - slices.Index(order, b.State()); d != 0 {
			return d
		}
		return strings.Compare(a.Person.Name, b.Person.Name)
	})
	return out, nil
}

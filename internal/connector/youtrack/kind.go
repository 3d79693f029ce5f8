package youtrack

import (
	"tickmark/internal/connector/ticket"
	"tickmark/internal/record"
)

// The kinds this connector hands over.
const (
	kindProject = "youtrack_project"
	kindIssue   = "youtrack_issue"
	kindUser    = "youtrack_user"
)

func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "YouTrack", Collected: true, Label: label, Fields: fields}
}

func text(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Text}
}

func yes(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Bool}
}

func hidden(f record.Field) record.Field { f.Hidden = true; return f }

func personal(f record.Field) record.Field { f.Personal = true; return f }

var id = record.Field{Name: "id", Title: "Id", Type: record.Text, Indexed: true, Hidden: true}

func projectKind() record.Kind {
	return kind(kindProject, "YouTrack project", "YouTrack projects", "A project at YouTrack whose issues are read.", "name", id, text("shortName", "Short name"), text("name", "Name"), yes("archived", "Archived"))
}

func issueKind() record.Kind {
	reporter := personal(record.Field{Name: "reporter", Title: "Asked by", Type: record.Object, Fields: []record.Field{text("id", "Id"), personal(text("login", "Signs in as")),
		personal(text("fullName", "Name")), personal(text("email", "Address"))}})
	k := kind(kindIssue, "YouTrack issue", "YouTrack issues", "An issue at YouTrack, with its history. Comments are not read, and YouTrack does not tell of deleted issues.", "idReadable",
		append([]record.Field{id, text("idReadable", "Number"), text("summary", "Title"), hidden(reporter),
			{Name: "created", Title: "Opened (ms)", Type: record.Integer, Hidden: true}, {Name: "updated", Title: "Changed (ms)", Type: record.Integer, Hidden: true}, {Name: "resolved", Title: "Resolved (ms)", Type: record.Integer, Hidden: true},
			{Name: "customFields", Title: "Fields", Type: record.JSON, Personal: true, Hidden: true}, {Name: "tags", Title: "Tags", Type: record.JSON, Hidden: true},
			{Name: "history", Title: "History", Type: record.JSON, Personal: true, Hidden: true}}, ticket.Members()...)...)
	k.Occurred = "opened"
	view := ticket.View(`r.id`, `r.idReadable + " " + r.summary`, "")
	delete(view.Fields, "url") // an issue does not say where it is
	k.Views = []record.View{view, ticket.Approvals(view)}
	return k
}

func userKind() record.Kind {
	k := kind(kindUser, "YouTrack user", "YouTrack users", "An account at YouTrack.", "login",
		id, personal(text("login", "Signs in as")), personal(text("fullName", "Name")), personal(record.Field{Name: "email", Title: "Address", Type: record.Email}), yes("banned", "Banned"), yes("guest", "Guest"))
	k.Views = []record.View{{Name: "account", Fields: map[string]string{"id": `r.id`, "name": `r.login`, "email": `r.email`, "enabled": `!r.banned`}}}
	return k
}

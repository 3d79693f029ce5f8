package jira

import (
	"tickmark/internal/connector/ticket"
	"tickmark/internal/record"
)

// The kinds this connector hands over.
const (
	kindProject = "jira_project"
	kindIssue   = "jira_issue"
	kindUser    = "jira_user"
)

func kind(name, title, plural, help, label string, fields ...record.Field) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Jira", Collected: true, Label: label, Fields: fields}
}

func text(name, title string) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Text}
}

func object(name, title string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Title: title, Type: record.Object, Hidden: true, Fields: fields}
}

func list(f record.Field) record.Field { f.List = true; return f }

func indexed(f record.Field) record.Field { f.Indexed = true; return f }

func hidden(f record.Field) record.Field { f.Hidden = true; return f }

func personal(f record.Field) record.Field { f.Personal = true; return f }

func volatile(f record.Field) record.Field { f.Volatile = true; return f }

func projectKind() record.Kind {
	return kind(kindProject, "Jira project", "Jira projects", "A project at Jira whose issues are read.", "name",
		hidden(indexed(text("id", "Id"))), text("key", "Key"), text("name", "Name"), text("projectTypeKey", "Sort"))
}

func issueKind() record.Kind {
	of := func(name, title string) record.Field { return object(name, title, text("name", "Name")) }
	who := func(name, title string) record.Field {
		return personal(object(name, title, text("accountId", "Id"), text("key", "Key"), personal(text("displayName", "Name")), personal(text("emailAddress", "Address"))))
	}
	k := kind(kindIssue, "Jira issue", "Jira issues", "An issue at Jira, with its history. Comments are not read, and Jira does not tell of deleted issues.", "key",
		append([]record.Field{hidden(indexed(text("id", "Id"))), text("key", "Key"), hidden(text("self", "Address")),
			object("fields", "Fields", text("summary", "Title"), of("issuetype", "Sort"), object("status", "Status", text("name", "Name"), object("statusCategory", "Category", text("key", "Key"))),
				of("resolution", "Resolution"), of("priority", "Priority"), text("created", "Opened"), text("updated", "Changed"), text("resolutiondate", "Resolved"), text("duedate", "Due"),
				list(text("labels", "Labels")), who("creator", "Made by"), who("reporter", "Asked by"), who("assignee", "With"), volatile(text("lastViewed", "Last looked at"))),
			{Name: "changelog", Title: "History", Type: record.JSON, Personal: true, Hidden: true}}, ticket.Members()...)...)
	k.Occurred = "opened"
	view := ticket.View(`r.id`, `r.key + " " + r.fields.summary`, `r.self.split("/rest/")[0] + "/browse/" + r.key`)
	k.Views = []record.View{view, ticket.Approvals(view)}
	return k
}

func userKind() record.Kind {
	k := kind(kindUser, "Jira user", "Jira users", "An account at Jira.", "displayName",
		hidden(indexed(text("accountId", "Id"))), hidden(indexed(text("key", "Key"))), text("accountType", "Sort"), record.Field{Name: "active", Title: "Active", Type: record.Bool},
		personal(text("displayName", "Name")), personal(record.Field{Name: "emailAddress", Title: "Address", Type: record.Email}), hidden(personal(text("name", "Signs in as"))))
	// Customers of a service portal are no staff's accounts. Data Center says no sort; all it has sign in.
	k.Views = []record.View{{Name: "account", Where: `!(has(r.accountType) && r.accountType == "customer")`, Fields: map[string]string{
		"id": `has(r.accountId) ? r.accountId : r.key`, "name": `r.displayName`, "email": `r.emailAddress`, "enabled": `r.active`,
		"service": `has(r.accountType) && r.accountType == "app"`,
	}}}
	return k
}

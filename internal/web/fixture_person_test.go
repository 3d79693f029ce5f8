package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/connector/file"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

func fixturePeople() []PersonRow {
	return []PersonRow{
		{Key: "ada", Name: "Ada Example", Email: "ada@example.org", Position: "Head of security", Employment: "Employee", State: "current", Start: "2024-01-08", Done: 11, Duties: 12, Late: 1, Accounts: 4},
		{Key: "bo", Name: "Bo", Email: "bo@example.org", Employment: "Contractor", State: "leaving", Start: "2025-03-01", End: "2026-12-15", Done: 12, Duties: 12, Accounts: 2},
		{Key: "cy", Name: "Cy With a Long Family Name", Email: "cy.with-a-long-family-name@subsidiary.example.org", Position: "Engineer", Employment: "Employee", State: "joining", Start: "2027-01-04"},
		{Key: "di", Name: "Di", Email: "di@example.org", Employment: "Employee", State: "left", Start: "2022-01-04", End: "2026-10-31", Done: 8, Duties: 8},
	}
}

func fixtureAccounts() []AccountRow {
	return []AccountRow{
		{ID: "ada", Name: "ada", Href: "/records/host_account/ada?source=web-1", Kind: "Account", Source: "web-1", Enabled: "Yes", Admin: "Yes", LastUsed: "2026-11-20", Suggested: "ada"},
		{ID: "deploy", Name: "deploy", Href: "/records/host_account/deploy?source=web-1", Kind: "Account", Source: "web-1", Enabled: "Yes", Admin: "No"},
		{ID: "backup-with-a-very-long-name@storage-01.internal.example.org", Href: "/records/host_account/backup?source=web-1", Kind: "Account", Source: "web-1"},
	}
}

func personFixtures() []fixture {
	crumb := part.Crumb{Text: "People", Href: "/people"}
	filter := part.Filter{Action: "/people", Hint: "Filter by name, address or position", Found: "4 of 212", Groups: []part.Choice{{Name: "who", Label: "Who", Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "current", Text: "Here now"}, {Value: "joiners", Text: "Joiners"}, {Value: "leavers", Text: "Leavers"}, {Value: "left", Text: "Left"}}}}}
	cards := []part.Stat{{Word: "Here now", Icon: "users", N: 208, Href: "/people?who=current"}, {Word: "Joiners", Icon: "plus", N: 3, Small: "lately or to come", Href: "/people?who=joiners"}, {Word: "Leavers", Icon: "log-out", N: 2, Small: "lately or to come", Href: "/people?who=leavers"}, {Word: "Left", Icon: "archive", N: 4, Href: "/people?who=left"}}
	return []fixture{
		{path: "/people", page: func() templ.Component {
			return peoplePageOf(framed("People", "/people", part.Crumb{Text: "Company"}, part.Crumb{Text: "People"}), PeopleList{Cards: cards, Filter: filter, Rows: fixturePeople(), Any: true, Makes: true, Pager: part.Pager{Shown: 4, Next: "/people?after=50", Note: "of 212"}})
		}},
		{path: "/people-empty", page: func() templ.Component {
			return peoplePageOf(framed("People", "/people"), PeopleList{Cards: cards[:2], Filter: filter, Makes: true})
		}},
		{path: "/people/ada", page: func() templ.Component {
			return personPage(framed("Ada Example", "/people", crumb, part.Crumb{Text: "Ada Example"}), PersonPage{PersonRow: fixturePeople()[0], Record: "/records/person/ada", Editable: true,
				Facts:    []part.Fact{part.Say("Email", "ada@example.org"), part.Say("First day", "2024-01-08"), part.Say("Position", "Head of security")},
				Duty:     []DutyRow{{Policy: "Access control policy", Href: "/records/acknowledgement/a", State: "assigned", Due: "2026-11-10", Late: true}, {Policy: "Acceptable use policy", Href: "/records/acknowledgement/b", State: "acknowledged", Due: "2026-11-10", At: ago(3 * day)}},
				Accounts: fixtureAccounts(), Unseen: []string{"ada@old-host"}, Owned: []OwnedRow{{Kind: "Control", Title: "Administrators use a second factor", Href: "/controls/AC-06", State: "active"}, {Kind: "Task", Title: "Write down the recovery plan", Href: "/records/task/t", State: "open", Due: "2026-12-01"}},
				Changes: []ChangeRow{{Title: "Add the recovery plan", Href: "/records/git_commit/a1", At: ago(2 * day)}}, Commits: "214", History: fixtureEvents()})
		}},
		{path: "/people/unresolved", page: func() templ.Component {
			return looseAccountsPage(framed("Accounts of nobody", "/people", crumb, part.Crumb{Text: "Accounts of nobody"}), LooseAccounts{Rows: fixtureAccounts(), Says: true, Total: 9, People: []form.Option{{Key: "ada", Label: "Ada Example"}},
				Filter: part.Filter{Action: "/people/unresolved", Hint: "Filter by account or source", Found: "3 of 9"}}, "")
		}},
		{path: "/import/person", page: func() templ.Component {
			return importPage(framed("Import people", "/people", crumb, part.Crumb{Text: "Import"}), Import{Kind: "person", Title: "Person", Plural: "People", Fields: []part.Link{{Text: "id", Note: "Needed. Stable and never given to somebody else."}, {Text: "name", Note: "Needed."}, {Text: "start"}}, People: true, Kept: []part.Option{{Value: "hr", Text: "Personnel"}}})
		}},
		{path: "/import/person/look", page: func() templ.Component {
			return importPage(framed("Import people", "/people", crumb, part.Crumb{Text: "Import"}), Import{Kind: "person", Title: "Person", Plural: "People", File: "people.csv", Staged: "x", Read: 212, New: 12, Changed: 3, Same: 197, Ready: true, Everybody: true, People: true, Gone: []part.Link{{Text: "Bo", Note: "bo"}}, Asked: 1,
				Columns: []ImportColumn{{"Staff number", "id"}, {"Name", "name"}, {"Salary", ""}}, Choices: []part.Option{{Value: "id", Text: "Id"}, {Value: "name", Text: "Name"}}, Heads: []string{"Id", "Name", "Email"}, Rows: [][]string{{"1", "Ada", "ada@example.org"}, {"2", "Bo", ""}}})
		}},
		{path: "/import/person/wrong", page: func() templ.Component {
			return importPage(framed("Import people", "/people", crumb, part.Crumb{Text: "Import"}), Import{Kind: "person", Title: "Person", Plural: "People", File: "people.csv", Staged: "x", Problems: []file.Problem{{Line: 3, Column: "start", Message: "\"soon\" is not a date"}, {Line: 14, Column: "id", Message: "\"ada\" stands already on line 2"}},
				Columns: []ImportColumn{{"id", "id"}}, Choices: []part.Option{{Value: "id", Text: "Id"}}})
		}},
		{path: "/records/person/ada/edit", page: func() templ.Component {
			return formPage(framed("Edit person ada", "/people", crumb, part.Crumb{Text: "Edit"}), RecordForm{Kind: "person", Title: "Edit person ada", Key: "ada", Seen: "2026-11-22T11:00:00Z", Action: "/records/person/ada/edit", Cancel: "/people/ada", Form: everyField(),
				Conflict: &Conflict{By: "bo", Reason: "promoted", At: ago(day), Rows: []ConflictRow{{Title: "Name", Base: "Ada", Mine: "Ada Lovelace", Then: "Ada L", ByMe: true, ByThem: true}, {Title: "Position", Then: "Head of security", ByThem: true}, {Title: "Employment", Base: "employee", Mine: "director", Then: "employee", ByMe: true}}}})
		}},
	}
}

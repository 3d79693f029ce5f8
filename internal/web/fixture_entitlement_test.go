package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/entitlement"
	"tickmark/internal/record"
	pages "tickmark/internal/web/entitlement"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// entitlementFixtures are the pages of the company's access: a list with all that a cell may hold, one without anything, a request, a
// matrix and a review with its grid.
func entitlementFixtures() []fixture {
	framedAccess := func(title, section string, body templ.Component) templ.Component {
		p := framed(title, section, part.Crumb{Text: "Company"}, part.Crumb{Text: title})
		p.Loads = []string{"room.css", "review.js"}
		return roomPage(p, body)
	}
	moves := []form.Move{{ID: "x-", Name: "approve", Title: "Approve", Form: form.New([]record.Field{{Name: "decision", Title: "Comment", Type: record.Long}}, nil)}, {Name: "refuse", Title: "Refuse", Blocked: "bob is not appointed.", Who: "Appointed are ada."}}
	tabs := []part.Tab{{Text: "Requests", Href: "/access", Current: true}, {Text: "By person", Href: "/access/rights?by=person"}}
	mark := func(word string) []pages.Mark { return []pages.Mark{{Tone: part.Bad, Icon: "circle-x", Word: word}} }
	cards := []part.Stat{{Word: "To decide", Icon: "circle-dot", N: 2, Href: "/access?state=submitted"}, {Word: "Verified", Icon: "circle-check", N: 9, Href: "/access?state=verified", Current: true}}
	table := pages.Table{Title: "Access", Sentence: "Who asked for which role.", Tabs: tabs, Cards: cards, Note: "1 system has a blank.", More: "12 more.", Buttons: []part.Link{{Text: "Ask for access", Href: "/new/access_request"}}, Filter: part.Filter{Action: "/access", Hint: "Filter by person", Found: "2 of 2"},
		Heads: []string{"Request", "State", "For", ">Count", "Shown by"}, Rows: []pages.Row{{{Text: "Reports of Okta for Dan", Href: "/access/requests/r1", Sub: "Is on duty.", Marks: mark("Conflict")}, {Chip: "submitted", Sub: "2026-12-01"}, {Person: "dan", Sub: "a later review is due 2027-03-01"}, {Text: "12", End: true}, {}}}}
	none := pages.Table{Title: "Privileged access", Tabs: tabs, Icon: "shield-check", None: "No privileged right is known", NoneSay: "Mark roles as privileged.", First: part.Link{Text: "Role matrices", Href: "/access/matrices"}}
	lines := []pages.GridLine{
		{Line: entitlement.Line{N: 1, System: "okta", Role: "org-admin", RoleName: "Organisation administrator", Account: "okta/00u1", Name: "ada@example.org", Person: "ada", Position: "Head of security", LastUsed: "2026-11-30", Decision: "keep", Reason: "Runs it.", By: "bob", Was: "keep"}, Marks: mark("Privileged"), PersonName: "Ada", NeedsWhy: true},
		{Line: entitlement.Line{N: 2, System: "okta", Account: "okta/00u2-with-a-rather-long-name-of-an-account", LastUsed: "never"}, Marks: mark("Nobody's"), May: true, NeedsWhy: true},
		{Line: entitlement.Line{N: 3, System: "okta", RoleName: "Backup", Account: "okta/00u3", Machine: "backup", Decision: "remove", Reason: "Not used.", By: "bob"}, May: true},
	}
	review := pages.Grid{Key: "2026-q4", Title: "Fourth quarter", Record: "/records/access_review/2026-q4", Act: "/access-reviews/2026-q4", State: "in_review", Overdue: "2027-01-16", May: true, Wrong: "No row has a decision.", Cards: cards, Rows: lines, Found: 20000, Query: "flag=dormant", Pager: part.Pager{Shown: 100, Next: "/access-reviews/2026-q4?from=100", Note: "of 20,000"},
		File: sha, Gaps: []string{"okta: okta said it has 14 of okta_user, and 12 are here."}, Unresolved: []string{"okta/00u2"}, Fastest: 400, Facts: []part.Fact{part.Say("Lead", "Ada"), part.Say("Due", "")}, Targets: []part.Option{{Value: "reader", Text: "Okta: Reader"}},
		Extracts: []entitlement.Extract{{System: "okta", Version: "okta@2", Lines: 20000, Found: 12, Counted: 14, Read: "2026-12-01T10:00:00Z", Source: []string{"okta/okta_user"}, Run: []string{"12"}, Query: []string{`org-admin: every okta_user where r.roles.exists(x, x.type == "ORG_ADMIN")`}}},
		Acts:     []pages.ActRow{{At: noon, By: "bob", Decision: "keep", Count: 400, Bulk: true, Passed: "2s"}}, Filter: part.Filter{Action: "/access-reviews/2026-q4", Hint: "Filter by account", Found: "20,000 lines", Groups: []part.Choice{{Name: "flag", Label: "Mark", Options: []part.Option{{Value: "", Text: "Every mark"}}}}},
		Changes: []pages.Row{{{Text: "Backup of Okta", Href: "/records/access_change/2026-q4/3", Sub: "Remove"}, {Chip: "done"}, {Text: "2026-12-15"}, {Text: "it is gone", Sub: "after 3 working days"}}}, Moves: moves}
	return []fixture{
		{path: "/access", page: func() templ.Component { return framedAccess("Access", pages.Section, pages.TableView(table)) }},
		{path: "/access/privileged", page: func() templ.Component { return framedAccess("Privileged access", pages.Section, pages.TableView(none)) }},
		{path: "/access/changes", page: func() templ.Component {
			return framedAccess("Changes of access", pages.Section, pages.ChangesView(table, "2026-11-01", "2026-12-01"))
		}},
		{path: "/access/requests/r1", page: func() templ.Component {
			return framedAccess("Request", pages.Section, pages.RequestView(pages.RequestPage{Title: "Reports of Okta for Dan", Reason: "Is on duty.", Record: "/records/access_request/r1", State: "submitted", Conflicts: []string{"org-admin of okta excludes help-desk of okta: no."}, Said: "by its author, and by no second person", Doubt: "The source shows more.", Approvers: "Ada", About: []part.Fact{part.Say("For", "Dan")}, Way: []part.Fact{part.Say("Asked by", "Cleo")}, Moves: moves}))
		}},
		{path: "/access/matrices/okta", page: func() templ.Component {
			return framedAccess("Okta", pages.Section, pages.MatrixView(pages.MatrixPage{Key: "okta", Name: "Okta", Record: "/records/role_matrix/okta", Edit: "/records/role_matrix/okta/edit", State: "draft", Number: 2, Since: "2026-11-01", Draft: true, Holders: map[string]int{"org-admin": 3},
				Roles:     []entitlement.Role{{ID: "org-admin", Name: "Organisation administrator", Rights: "Changes sign-on.", Sensitivity: "privileged", Positions: []string{"Head of security"}, Kind: "okta_user", Where: `r.roles.exists(x, x.type == "ORG_ADMIN")`}, {ID: "vault", Name: "Vault", Rights: "Opens the safe.", Sensitivity: "sensitive", Birthright: true, Positions: []string{"*"}}},
				Conflicts: []entitlement.Conflict{{A: "org-admin", B: "release", Of: "deploy", Why: "no."}}, Approvers: []pages.Appointment{{Who: "Ada", Days: "from 2026-01-01", Today: true}, {Who: "Bob", Days: "from 2026-01-01", Delegate: "Dan"}}, Facts: []part.Fact{part.Say("Owner", "Ada")}}))
		}},
		{path: "/access-reviews/2026-q4", page: func() templ.Component { return framedAccess("Fourth quarter", pages.Reviews, pages.ReviewView(review)) }},
		{path: "/access-reviews/planned", page: func() templ.Component {
			return framedAccess("Planned", pages.Reviews, pages.ReviewView(pages.Grid{Key: "q1", Title: "Planned", Record: "/records/access_review/q1", Act: "/access-reviews/q1", State: "planned", Extract: true}))
		}},
	}
}

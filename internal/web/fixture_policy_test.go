package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/markdown"
	"tickmark/internal/policy"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/wording"

	"tickmark/internal/record"
)

const policyBefore = "## 1. Rules\n\n1. Access ends within one working day. {#ACP-1 AC-03}\n2. Accounts are personal. {#ACP-2 AC-08}\n\n## 2. Reviews\n\nOwners review access.\n"

const policyAfter = "## 1. Rules\n\n1. Access ends within four hours. {#ACP-1 AC-03}\n2. Accounts are personal. {#ACP-2 AC-08}\n3. Administrators use a second account. {#ACP-3}\n\n## 2. Reviews\n\nOwners review access.\n\n| Role | Review |\n|---|---|\n| Engineer | Quarterly |\n\n> Exceptions end after 90 days.\n"

func fixtureRows() []PolicyRow {
	return []PolicyRow{
		{ID: "access-control", Title: "Access control policy", Href: "/policies/access-control", Sort: "policy", Owner: "Ada", Status: "published", InForce: "1.0", Since: ago(200 * day), Working: "2.0", WorkingStatus: "pending_approval", Review: noon.Add(165 * day), Accepted: 41, Audience: 43},
		{ID: "incident-response", Title: "Incident response plan", Href: "/policies/incident-response", Sort: "plan", Owner: "Ada", Status: "published", InForce: "3.1", Since: ago(340 * day), Review: noon.Add(25 * day), ReviewStatus: "due", Accepted: 12, Overdue: 2, Audience: 43},
		{ID: "backup", Title: "Backup and restore policy", Href: "/policies/backup", Sort: "policy", Status: "published", InForce: "1.0", Since: ago(400 * day), Review: ago(35 * day), ReviewStatus: "overdue", Accepted: 43, Audience: 43},
		{ID: "vendor-management", Title: "Vendor management policy", Href: "/policies/vendor-management", Sort: "policy", Status: "draft", Working: "1.0", WorkingStatus: "draft"},
	}
}

func fixturePolicy(tab string) (Page, PolicyPage) {
	x := PolicyPage{PolicyRow: fixtureRows()[0], Tab: tab, Record: "/records/policy/access-control", Script: "/static/x/editor.js", Rich: "/static/x/milkdown.js", Act: "/records/policy_version/v2", Under: "/policies/access-control?version=v2",
		Facts:   []part.Fact{{Name: "Owner", Value: part.Person("Ada")}, {Name: "Approver", Value: part.Person("Cleo")}, part.Say("In force", "Version 1.0"), {Name: "Last approved", Value: part.Date(ago(200 * day))}, {Name: "Review by", Value: reviewBy(fixtureRows()[0])}, part.Say("Audience", "Everyone")},
		Moves:   []Move{{Name: "approve", Title: "Approve", Blocked: "ada is an author of this text and so can't approve it. Ask another person to do it."}, {Name: "refuse", Title: "Refuse", Form: form.New([]record.Field{{Name: "refused_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say what must change."}}, nil)}},
		Version: VersionSummary{Key: "v1", Number: "1.0", Status: "published", InForce: true, From: ago(200 * day), ApprovedBy: "Cleo", ApprovedAt: ago(200 * day), SHA256: sha, Proof: "/records/policy_version/v1/proof"},
		HTML:    markdown.HTML(policyBefore),
		Edits:   true, CanSay: true, Reviews: []ReviewRow{{By: "Bob", Note: "Compared with practice; nothing changed.", Status: "approved", At: ago(30 * day), ApprovedBy: "Cleo", ApprovedAt: ago(29 * day)}},
		Retire: &Move{Name: "retire", Blocked: "The controls in operation AC-03 rely on this policy. Let another policy carry them, or retire them first."},
		Versions: []VersionSummary{{Key: "v1", Number: "1.0", Change: "major", Href: "/policies/access-control?version=v1", Status: "published", InForce: true, Authors: []string{"Ada"}, ApprovedBy: "Cleo", ApprovedAt: ago(200 * day), From: ago(200 * day), SHA256: sha},
			{Key: "v2", Number: "2.0", Change: "major", Href: "/policies/access-control?version=v2", Compare: "/policies/access-control/changes?from=v1&to=v2", Status: "pending_approval", Authors: []string{"Ada", "Bob"}, Summary: "Leavers lose access within four hours.", Effective: "2026-12-01"}},
	}
	for _, t := range policyTabs {
		href := x.Href
		if t.tab != "" {
			href += "/" + t.tab
		}
		x.Tabs = append(x.Tabs, part.Tab{Text: t.text, Href: href, Current: t.tab == tab})
	}
	switch tab {
	case "changes":
		x.Change = &PolicyChange{From: "v1", To: "v2", Choices: x.Versions, Blocks: blockDiff(policyBefore, policyAfter)}
	case "acknowledgements":
		x.People = []AcceptRow{{Name: "Bob", Status: "overdue", Version: "1.0", Assigned: "2026-10-01", Due: "2026-10-31", OverdueSince: "2026-11-01"}, {Name: "Dan", Status: "due", Version: "1.0", Assigned: "2026-11-20", Due: "2026-12-20"}, {Name: "Ada", Status: "acknowledged", Version: "1.0", Assigned: "2026-10-01", Due: "2026-10-31", OverdueSince: "2026-11-01", At: ago(3 * day), SHA256: sha}}
	case "controls":
		x.Unlinked = 1
		x.Clauses = []ClauseRow{{ID: "ACP-1", Text: "Access ends within four hours.", Controls: []part.Link{{Text: "AC-03", Href: "/controls/AC-03", Status: part.Failing}, {Text: "AC-08"}}}, {ID: "ACP-3", Text: "Administrators use a second account."}}
		x.Others = []part.Link{{Text: "AC-05", Href: "/controls/AC-05"}}
	case "history":
		x.History = fixtureEvents()
	case "edit":
		x.PolicyRow.WorkingStatus, x.Status, x.Moves = "draft", "draft", []Move{{Name: "submit", Title: "Send for review", Blocked: "The text is not finished: {{channels.ethics}} has no value."}}
		x.Version.Status, x.Version.InForce = "draft", false
		x.Note, x.NoteBy, x.NoteAt = "Say who approves an emergency.", "Bob", ago(day)
		x.Gaps = []string{"{{channels.ethics}} has no value", `line 3 says "TODO"`}
		x.Wording = wording.Check("We are SOC 2 certified.")
		x.Editor = &PolicyEditor{Action: "/policies/access-control/edit", Title: x.Title, Change: "major", Number: "2.0", Summary: "Leavers lose access within four hours.", Text: policyAfter, Seen: part.Stamp(noon),
			Variables: []VariableRow{{Name: "channels.ethics", Title: "Where breaches of conduct are reported"}, {Name: "std.leaver_other", Title: "Other access of a leaver ends within", Value: "four hours", Default: "one working day"}}, Preview: markdown.HTML(policyAfter), Previewed: true}
	}
	return framed(x.Title, "/policies", part.Crumb{Text: "Policies", Href: "/policies"}, part.Crumb{Text: x.Title}), x
}

func policyFixtures() []fixture {
	cards := []part.Stat{{Word: "Needs approval", Icon: "stamp", N: 1, Href: "/policies?show=approval"}, {Word: "In review", Icon: "eye", Href: "/policies?show=review"}, {Word: "Drafts", Icon: "pencil", N: 1, Href: "/policies?show=draft", Current: true}, {Word: "Review due", Icon: "clock", N: 1, Href: "/policies?show=due"}, {Word: "Past due", Icon: "circle-x", N: 1, Href: "/policies?show=past"}}
	filter := part.Filter{Action: "/policies", Hint: "Filter by text, id or owner", Found: "4 of 4", Groups: []part.Choice{{Name: "sort", Label: "Sort", Options: []part.Option{{Value: "", Text: "All documents"}}}}}
	tab := func(name string) func() templ.Component {
		return func() templ.Component { p, x := fixturePolicy(name); return policyPage(p, x) }
	}
	library, _ := policy.Templates()
	var offers []TemplateRow
	for i, t := range library.Templates[:5] {
		row := TemplateRow{Template: t, Words: 520, Clauses: 15}
		if i == 4 {
			row.Begun = "backup"
		}
		offers = append(offers, row)
	}
	list := []fixture{
		{path: "/policies", page: func() templ.Component {
			return policiesPage(framed("Policies", "/policies"), PolicyList{Any: true, Makes: true, Offered: 23, Rows: fixtureRows(), Cards: cards, Filter: filter})
		}},
		{path: "/policies-empty", page: func() templ.Component {
			return policiesPage(framed("Policies", "/policies"), PolicyList{Makes: true, Offered: 27, Filter: filter})
		}},
		{path: "/policies/new", page: func() templ.Component {
			return policyNewPage(framed("New policy", "/policies"), PolicyNew{Groups: []TemplateGroup{{Title: "Every company needs these", Rows: offers[:4]}, {Title: "Begun already", Rows: offers[4:]}}, Filter: part.Filter{Action: "/policies/new", Hint: "Filter by text, control or criterion"}, Wrong: "A policy needs an id and a title."})
		}},
		{path: "/policies/access-control", page: tab("")},
		{path: "/policies/conflict", page: func() templ.Component {
			p, x := fixturePolicy("edit")
			x.Editor.Theirs = &TheirText{By: "bob", At: ago(3 * 60 * 1e9), Text: policyBefore, Diff: blockDiff(policyBefore, policyAfter)}
			x.Editor.Previewed = false
			return policyPage(p, x)
		}},
		{path: "/me", alone: true, page: func() templ.Component {
			return dutiesPage(framed("My page", "/me"), Duties{Name: "Ada", Working: true, Open: []AcceptDuty{{Title: "Incident response plan", Href: "/me/policies/a2", Number: "3.1", Minutes: 3, Status: "overdue", Due: ago(2 * day)}, {Title: "Access control policy", Href: "/me/policies/a1", Number: "2.0", Again: true, Status: "due", Due: noon.Add(20 * day)}},
				Learn: []AcceptDuty{{Title: "Security awareness", Href: "/me/training/t1", Minutes: 9, Again: true, Status: "due", Due: noon.Add(12 * day)}}, Learned: []AcceptDuty{{Title: "Privacy", Href: "/me/training/t2", At: ago(90 * day), Late: true}}, Ask: "/new/access_request",
				Tasks: []DutyTask{{Title: "Review the access of your team", Href: "/records/task/t1", Due: noon.Add(5 * day), Status: "due"}}, Done: []AcceptDuty{{Title: "Code of conduct", Href: "/me/policies/a0", Number: "1.0", At: ago(40 * day), Late: true}}})
		}},
		{path: "/me-empty", alone: true, page: func() templ.Component {
			return dutiesPage(framed("My page", "/me"), Duties{Name: "Ada"})
		}},
		{path: "/me-unlinked", alone: true, page: func() templ.Component {
			return dutiesPage(framed("My page", "/me"), Duties{Name: "Ada", Unlinked: true})
		}},
		{path: "/me/policies/a1", alone: true, page: func() templ.Component {
			return dutyPage(framed("Access control policy", "/me"), DutyPage{Title: "Access control policy", Number: "2.0", Summary: "Leavers lose access within four hours.", HTML: markdown.HTML(policyAfter), Action: "/me/policies/a1", Due: noon.Add(20 * day), Status: "due", Since: "1.0", Changes: blockDiff(policyBefore, policyAfter), Left: 2, SHA256: sha})
		}},
		{path: "/me/policies/a0", alone: true, page: func() templ.Component {
			return dutyPage(framed("Code of conduct", "/me"), DutyPage{Title: "Code of conduct", Number: "1.0", HTML: markdown.HTML(policyBefore), At: ago(day), Due: noon.Add(20 * day), Status: "acknowledged", SHA256: sha})
		}},
	}
	for _, t := range policyTabs[1:] {
		list = append(list, fixture{path: "/policies/access-control/" + t.tab, page: tab(t.tab)})
	}
	return list
}

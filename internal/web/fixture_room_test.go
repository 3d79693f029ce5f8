package web

import (
	"errors"
	"fmt"

	"github.com/a-h/templ"

	"tickmark/internal/engagement"
	"tickmark/internal/fieldwork"
	"tickmark/internal/opinion"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
	"tickmark/internal/workpaper"
)

// roomFixtures are the pages of an examination: few, each with everything that it can show.
func roomFixtures() []fixture {
	crumbs := []part.Crumb{{Text: "Engagements", Href: "/engagements"}, {Text: "Acme FY26 Type II"}}
	framedRoom := func(title string, body templ.Component) templ.Component {
		p := framed(title, room.Section, crumbs...)
		p.Loads = []string{"room.css", "grid.js"}
		return roomPage(p, body)
	}
	tabs := []part.Tab{{Text: "Overview", Href: "/engagements/acme-26", Current: true}, {Text: "Opinion", Href: "/engagements/acme-26/opinion"}}
	moves := func(id string) []form.Move {
		m := form.Move{ID: id + "-", Name: "review", Title: "Sign as reviewed", Seen: "2026-11-22T10:00:00Z", Form: form.New([]record.Field{{Name: "partner_reason", Title: "The partner's reason", Type: record.Long}}, nil)}
		m.Form.Inputs[0].ID = id + "-review-"
		return []form.Move{m, {ID: id + "-", Name: "reopen", Title: "Reopen", Blocked: "Only the manager or partner can do this.", Who: "Can do it: Mara."}}
	}
	days := func(n int) room.Deadline { return room.Deadline{Day: noon.AddDate(0, 0, n), Left: n} }
	return []fixture{
		{path: "/engagements", page: func() templ.Component {
			return framedRoom("Engagements", room.HomeView(room.Home{May: true, Rows: []room.HomeRow{
				{Name: "Acme FY26 Type II", Company: "Acme", Href: "/engagements/acme-26", Type: "Type II", Window: "1 Jan 2026 to 30 Jun 2026", Role: "manager", Stage: "fieldwork_final", Fieldwork: days(-3), Report: days(9), Papers: 41, Reviewed: 12, Notes: 3, Requests: 8, Deviations: 1},
				{Name: "Borealis Type I", Company: "Borealis", Href: "/engagements/b", Type: "Type I", Window: "as of 1 Dec 2026", Stage: "offered"},
			}}))
		}},
		{path: "/engagements-none", page: func() templ.Component {
			return framedRoom("Engagements", room.HomeView(room.Home{May: true}))
		}},
		{path: "/engagements/acme-26", page: func() templ.Component {
			return framedRoom("Acme FY26 Type II", room.OverviewView(room.Overview{ID: "acme-26", Name: "Acme FY26 Type II", Company: "Acme", Stage: "fieldwork_final", Tabs: tabs, Record: "/records/engagement/acme-26", Act: "/engagements/acme-26/records/engagement/acme-26", Edit: "/engagements/acme-26/edit/engagement/acme-26",
				Unusual: []string{"The window is shorter than three months, which users of reports seldom accept."}, Stages: []room.Stage{{Word: "Planning", Done: true}, {Word: "Final fieldwork", Now: true}, {Word: "Wrap-up"}}, Steps: moves("engagement"),
				Stats: []part.Stat{{Word: "Papers reviewed", Icon: "file-check", N: 12, Small: "of 41", Href: "/engagements/acme-26#papers"}},
				Papers: []room.PaperRow{{Control: "AC-03", Reference: "CC6.2-AC03-1", Text: "Leavers lose access within a day.", Href: "/engagements/acme-26/papers/AC-03", Risk: "high", State: "in_review", Rows: 412, Items: 40, Cells: 160, Marked: 158, Deviations: 1, Design: "suitable", Result: "effective_with_deviation", Prepared: "pete", Reviewed: "mara", Notes: 2},
					{Control: "AC-01", Href: "/engagements/acme-26/papers/AC-01", State: "not_started", Rows: -1}},
				NewMatrix: "/engagements/acme-26/new/control_matrix", Matrices: []room.MatrixRow{{Name: "First half", Days: "1 Jan 2026 to 30 Jun 2026", State: "draft", Controls: 41, Lacks: []string{"CC9.1"}, Moves: moves("matrix"), Act: "/engagements/acme-26/records/control_matrix/m1", Edit: "/engagements/acme-26/edit/control_matrix/m1"}},
				Criteria: []room.CriterionRow{{ID: "CC6.2", Title: "Access is granted and taken away in time", Controls: []part.Link{{Text: "AC-03", Href: "/engagements/acme-26/papers/AC-03"}}, Conclusion: "not_met", Href: "/engagements/acme-26/opinion#criterion-cc6-2"}, {ID: "CC9.1", Title: "Risk of interruption", Unspoken: true, Href: "/engagements/acme-26/opinion#criterion-cc9-1"}},
				Team:     []room.Member{{Person: "mara", Role: "Manager", Me: true, Accepted: "confirmed", Confirm: []room.Confirming{{Stage: "issue", New: "/engagements/acme-26/new/independence?stage=issue"}}}, {Person: "pia", Role: "Peer reviewer", Exempt: true}, {Person: "pete", Role: "Preparer", Accepted: "impaired", Issue: "draft"}},
				About:    []part.Fact{part.Say("Company", "Acme")}}))
		}},
		{path: "/engagements/acme-26/papers/AC-03", page: func() templ.Component {
			p := room.Paper{Control: "AC-03", Reference: "CC6.2-AC03-1", Text: "Leavers lose access within a day.", State: "in_progress", Tabs: tabs, After: part.Link{Text: "AC-01", Href: "/engagements/acme-26/papers/AC-01"}, Record: "/records/workpaper/AC-03", Act: "/engagements/acme-26/records/workpaper/AC-03", Moves: moves("paper"),
				Plan: []part.Fact{part.Say("Objective", "Access ends in time."), part.Say("Why", "")}, Signed: []part.Fact{part.Say("Prepared", "")}, Procedures: []room.Procedure{{Sort: "Inspection", Text: "Inspected disable times.", Aim: "Operation", On: noon}}, Design: "suitable", DesignReason: "Covers all systems.", Walkthrough: "One leaver of March.",
				Population: &room.PopulationCard{Name: "Leavers", Href: "/engagements/acme-26/populations/p1", State: "frozen", Gaps: []string{"The directory was not read on 3 March."}, Facts: []part.Fact{part.Say("Rows", "412")}}, Lists: "/engagements/acme-26/samples",
				Samples:    []room.SampleLine{{Name: "Leavers", Href: "/engagements/acme-26/populations/p1#sample-s1", Method: "Stratified", Size: 40, Why: "Table, high risk.", State: "testing", Replaced: 1}},
				Deviations: []room.DeviationRow{{Name: "Late removal", Item: "12", Sort: "Late", Facts: "Removed after nine days.", Attributes: []string{"A"}, State: "cause_assessed", Cause: "A ticket was lost.", Repaired: "An alert since July.", Suspected: true, Moves: moves("deviation"), Act: "/engagements/acme-26/records/deviation/d1", Record: "/records/deviation/d1"}},
				Unrecorded: []room.Unrecorded{{Item: "19", Attribute: "B", Href: "/engagements/acme-26/new/deviation?item=19"}}, NewDeviation: "/engagements/acme-26/new/deviation", NewNote: "/engagements/acme-26/new/review_note",
				Pointers: []workpaper.Pointer{{Attribute: "A", Marker: "beyond_plan", Reason: "1 deviation in a sample that was planned for none."}, {Attribute: "B", Reason: "Row 19: its cause is not recorded."}},
				Notes:    []room.NoteRow{{Note: "Which zone are the times in?", Answer: "UTC; said so.", By: "mara", Answered: "pete", At: ago(day), State: "answered", Moves: moves("note"), Act: "/engagements/acme-26/records/review_note/r1"}},
				Edit:     map[string]string{"plan": "/engagements/acme-26/edit/workpaper/AC-03?part=plan", "test": "/engagements/acme-26/edit/workpaper/AC-03?part=test", "procedures": "", "conclusion": "/engagements/acme-26/edit/workpaper/AC-03?part=conclusion"}}
			g := room.Grid{Attributes: []room.Attribute{{ID: "A", Text: "Disabled within a day.", Deviation: "Later than a day."}, {ID: "B", Text: "Badge is off.", Deviation: "The badge still opens a door.", Machine: true}}, Blank: 2, Open: 1, Action: "/engagements/acme-26/papers/AC-03/grid", Seen: "2026-11-22T10:00:00Z", May: true, Wrong: "Item 12, attribute B is marked as met without any evidence."}
			for i, letter := range []string{"I", "X", "N", "E", "", "R"} {
				item := fmt.Sprint(7 * (i + 1))
				g.Rows = append(g.Rows, room.GridRow{Item: item, Key: "L00" + item, Content: "team: platform, manager: someone with a rather long name", At: ago(30 * day), Targeted: i == 2, Cells: []room.Cell{{Name: item + "|A", Attribute: "A", Letter: letter, Evidence: sha}, {Name: item + "|B", Attribute: "B", Letter: "T", Note: "Of two doors.", Fact: "deviation", Wrong: i == 1}}})
			}
			p.Grid = g
			return framedRoom("AC-03", room.PaperView(p))
		}},
		{path: "/engagements/acme-26/samples", page: func() templ.Component {
			return framedRoom("Populations and samples", room.ListsView(room.Lists{Name: "Acme FY26 Type II", Tabs: tabs, Controls: []string{"AC-01", "AC-03"}, Commit: "/engagements/acme-26/commit", Request: "/engagements/acme-26/new/population", Wrong: "AC-03 has a commitment already, and a second one needs a reason.", Control: "AC-03",
				Rows: []room.ListRow{{Control: "AC-03", Href: "/engagements/acme-26/papers/AC-03", Commitments: []room.Commitment{{Hash: sha, State: "revealed", At: ago(9 * day), Again: "The first list was drawn too early."}}, Populations: []room.PopulationCard{{Name: "Leavers", Href: "/engagements/acme-26/populations/p1", State: "frozen", Facts: []part.Fact{part.Say("Rows", "412")}}},
					Samples: []room.SampleLine{{Name: "Leavers", Method: "Stratified", Size: 40, Href: "/engagements/acme-26/populations/p1#sample-s1", State: "testing"}}, Request: "/engagements/acme-26/new/population?control=AC-03"}, {Control: "AC-01", Href: "/engagements/acme-26/papers/AC-01"}}}))
		}},
		{path: "/engagements/acme-26/populations/p1", page: func() templ.Component {
			return framedRoom("Leavers", room.PopulationView(room.PopulationPage{Name: "Leavers", Control: "AC-03", Paper: "/engagements/acme-26/papers/AC-03", State: "requested", Tabs: tabs, Record: "/records/population/p1", Act: "/engagements/acme-26/records/population/p1", Moves: moves("population"), Facts: []part.Fact{part.Say("Rows", "412"), part.Say("Query", "end between")}, Late: true, Gaps: []string{"The directory was not read on 3 March."}, Columns: []string{"id", "left"},
				Commitments: []room.Commitment{{Hash: sha, State: "committed", At: ago(day)}}, Deliver: "/engagements/acme-26/populations/p1/deliver", Delivery: room.Delivery{Key: "id", Wrong: "There is no column \"left\"."}, New: "/engagements/acme-26/new/sample",
				Samples: []room.SamplePage{{SampleLine: room.SampleLine{Name: "Leavers", Method: "Stratified", Size: 2, Why: "Table, high risk.", State: "drawn"}, ID: "sample-s1", Act: "/engagements/acme-26/records/sample/s1", Release: "/engagements/acme-26/samples/s1/release", File: "/engagements/acme-26/samples/s1/file", Wrong: "The nonce cannot be read.", Moves: moves("sample"), Seed: sha, Replacements: []string{"Item 4 by 9: trial, a test account"}, Items: []fieldwork.Item{{Position: 4, Key: "L0004", At: ago(40 * day), Content: `{"team":"platform"}`, Targeted: true}}}}}))
		}},
		{path: "/engagements/acme-26/opinion", page: func() templ.Component {
			return framedRoom("Opinion", room.OpinionView(room.Opinion{Name: "Acme FY26 Type II", Type: "type_2", Tabs: tabs, Unconcluded: 32, NewMatter: "/engagements/acme-26/new/matter", NewLetter: "/engagements/acme-26/new/letter", NewEvent: "/engagements/acme-26/new/subsequent_inquiry", Day: "2026-11-22",
				Criteria: []room.CriterionLine{{ID: "CC6.2", Title: "Access is taken away in time", Anchor: "criterion-cc6-2", Reason: "Removals came late.", Controls: []part.Link{{Text: "AC-03", Href: "/engagements/acme-26/papers/AC-03"}}, Conclusion: "not_met", State: "prepared", Moves: moves("criterion"), Act: "/engagements/acme-26/records/criterion_conclusion/c1", Edit: "/engagements/acme-26/edit/criterion_conclusion/c1", By: "pete"}, {ID: "CC6.3", Title: "Roles are kept apart", Anchor: "criterion-cc6-3", New: "/engagements/acme-26/new/criterion_conclusion?criterion=CC6.3"}},
				Matters:  []room.MatterRow{{Name: "Late removals", Subject: "Operation", Sort: "Departure", Facts: "Access stayed after leaving.", Judgement: "One criterion alone.", Criteria: []string{"CC6.2"}, State: "answered", Material: "yes", Pervasive: "no", Cell: opinion.Cell{Matter: "Late removals", Subject: "operation", Opinion: "qualified"}, Moves: moves("matter"), Act: "/engagements/acme-26/records/matter/x1"}},
				Subjects: []room.Subject{{Name: "description"}, {Name: "operation", Cells: []opinion.Cell{{Matter: "Late removals", Subject: "operation", Opinion: "qualified"}}}},
				Opinions: []room.OpinionRow{{Name: "Opinion", Aggregate: "Nothing else adds up.", State: "draft", Subjects: []part.Fact{part.Say("Operation", "Qualified")}, Moves: moves("opinion"), Act: "/engagements/acme-26/records/opinion/o1", Edit: "/engagements/acme-26/edit/opinion/o1"}},
				Letters:  []room.LetterRow{{Sort: "Assertion", Dated: "2026-11-20", For: "Chief executive", File: sha, State: "received", Moves: moves("letter"), Act: "/engagements/acme-26/records/letter/l1"}}, Events: []room.EventRow{{UpTo: "2026-11-20", Asked: "Chief executive", Questions: "Incidents?", Answers: "None.", Bears: "Nothing"}},
				Guards: []engagement.Guard{{What: "Review notes are closed"}, {What: "The opinion is signed, and the report not dated before", Refused: errors.New("no opinion")}}, Steps: moves("steps"), Act: "/engagements/acme-26/records/engagement/acme-26"}))
		}},
		{path: "/engagements/acme-26/requests", page: func() templ.Component {
			return framedRoom("Requests", room.RequestsView(room.Requests{Tabs: tabs, New: "/engagements/acme-26/new/evidence_request", Ask: "/engagements/acme-26/new/questionnaire", Act: "/engagements/acme-26/requests", Wrong: "No request is chosen.", Cards: []part.Stat{{Status: "open", N: 3, Href: "/engagements/acme-26/requests?state=open"}, {Status: "overdue", N: 1, Href: "/engagements/acme-26/requests?state=overdue"}},
				Rows:  []room.RequestRow{{Key: "r1", Name: "Offboarding tickets", Href: "/engagements/acme-26/requests/r1", Sort: "Sample proof", Control: "AC-03", State: "overdue", Due: days(-2), Late: "2026-11-20", Returns: 1, Files: 12, Items: 40, Lacking: 28}},
				Lists: []room.QuestionnaireRow{{Name: "Governance", Href: "/engagements/acme-26/questionnaires/gov", State: "answering", Due: days(5), Questions: 12, Answered: 3}}}))
		}},
		{path: "/requests/r1", page: func() templ.Component {
			p := framed("Offboarding tickets", room.AskedSection, part.Crumb{Text: "Requests", Href: "/requests"}, part.Crumb{Text: "Offboarding tickets"})
			p.Loads = []string{"room.css", "grid.js"}
			return roomPage(p, room.RequestView(room.RequestPage{RequestRow: room.RequestRow{Name: "Offboarding tickets", State: "returned", Engagement: "Acme FY26 Type II", Lacking: 1}, Text: "The ticket of each leaver.", Facts: []part.Fact{part.Say("Kind", "Sample proof")}, Company: true, May: true, Base: "/requests/r1", Proof: true, Missing: "The second one.", Wrong: "These names speak of no item, and were not attached: holiday.jpg.",
				Lines: []room.RequestLine{{Item: "4", Label: "L0004", Files: []room.HandedIn{{Name: "ticket-L0004.pdf", Sum: sha, Href: "/requests/r1/files/" + sha, By: "cleo", Size: 12000, Round: 1, At: ago(day)}, {Name: "a rather long name of a file that somebody scanned.pdf", Sum: sha, Href: "/requests/r1/files/x", By: "cleo", Size: 3, Round: 2, At: noon, Pending: true}}}, {Item: "9", Label: "L0009"}},
				Loose: []room.HandedIn{{Name: "photo.jpg", Sum: sha, Href: "/requests/r1/files/y", By: "pete", Obtained: true, At: ago(day)}}, Answers: []room.Answer{{Text: "The other follows.", By: "cleo", Checked: "Carl", Round: 1, At: ago(day)}}}))
		}},
		{path: "/questionnaires/gov", page: func() templ.Component {
			p := framed("Governance", room.AskedSection, part.Crumb{Text: "Requests", Href: "/requests"}, part.Crumb{Text: "Governance"})
			p.Loads = []string{"room.css", "grid.js"}
			return roomPage(p, room.QuestionnaireView(room.Questionnaire{Name: "Governance", Engagement: "Acme FY26 Type II", State: "answering", Due: days(5), Unclear: "How often does it meet?", Company: true, Act: "/questionnaires/gov", Moves: moves("questionnaire"), Wrong: "The control is draft.", At: "2",
				Questions: []room.Question{{ID: "1", Text: "Is there a board?", Reply: "reply_yes", Answer: "It meets.", Evidence: []string{sha}, By: "person:cleo", At: ago(day)}, {ID: "2", Text: "Does it meet?", Control: "GOV-01", Form: "/questionnaires/gov/answer"}}}))
		}},
	}
}

package web

import (
	"github.com/a-h/templ"

	turn "tickmark/internal/cycle"
	"tickmark/internal/framework"
	"tickmark/internal/gap"
	"tickmark/internal/risk"
	"tickmark/internal/web/cycle"
	"tickmark/internal/web/part"
)

// programmeFixtures are the pages of the programme: each with everything that it can show, and the first with nothing.
func programmeFixtures() []fixture {
	shown := func(title, section string, body templ.Component) func() templ.Component {
		return func() templ.Component {
			p := framed(title, section)
			p.Loads = []string{"programme.css"}
			return roomPage(p, body)
		}
	}
	tabs := []part.Tab{{Text: "Programme", Href: "/programme", Current: true}, {Text: "Scope", Href: "/programme/scope"}, {Text: "Window", Href: "/programme/window"}}
	var weeks []cycle.Week
	var cells []cycle.Cell
	for i := range 27 {
		w := cycle.Week{Title: "5 to 11 January 2026", Now: i == 9}
		if i%4 == 0 {
			w.Label = "Jan"
		}
		c := cycle.Cell{}
		if i%3 == 0 {
			c = cycle.Cell{Tone: []part.Tone{part.OK, part.Warn, part.Bad, part.Info, part.Idle}[i/3%5], Mark: []string{"D", "L", "M3", "S", "N"}[i/3%5], Said: "5 to 11 January 2026: 1 done", Href: "/occurrences/x"}
		}
		weeks, cells = append(weeks, w), append(cells, c)
	}
	return []fixture{
		{path: "/programme", page: shown("Programme", "/programme", cycle.HomeView(cycle.Home{Tabs: tabs, May: true, Name: "SOC 2 programme FY26", Edit: "/records/cycle/fy26", State: "remediation",
			Marks:     []cycle.Mark{{Word: "Scoping", Done: true}, {Word: "Gap", Done: true}, {Word: "Remediation", Now: true}, {Word: "Ready"}, {Word: "In window"}, {Word: "In examination"}, {Word: "Reported"}, {Word: "Between reports"}},
			Warnings:  []string{"A bank wants the report by 2026-10-01; with the window through 2026-09-30 and 60 days of fieldwork it is there on 2026-11-29 at the earliest."},
			Blocks:    []turn.Block{{What: "No control in operation serves CC6.1", Next: "Put one into operation.", Kind: "criterion", Key: "CC6.1"}, {What: "No commitment is about privacy", Next: "Write one."}},
			Deadlines: []cycle.Deadline{{What: "Milestone", Text: "Policies out", Href: "/records/milestone/m1", Day: noon, Late: true}, {What: "Window", Text: "First day of the window", Href: "/records/period/fy26", Day: noon}},
			Facts:     []part.Fact{part.Say("Sponsor", "Ada"), part.Say("Charter", "")}, Drivers: []turn.Driver{{Sort: "customer", Name: "A bank", Source: "Contract, 7.2", Type: "type_2", By: "2026-10-01"}},
			Registers: []part.Link{{Text: "Milestones", Href: "/records/milestone", Note: "2"}}, Milestones: "/new/milestone?cycle=fy26", Carried: []part.Link{{Text: "Open door", Href: "/records/finding/f1", Note: "Finding"}}}))},
		{path: "/programme-none", page: shown("Programme", "/programme", cycle.HomeView(cycle.Home{Tabs: tabs, May: true, None: true}))},
		{path: "/programme-quiet", page: shown("Programme", "/programme", cycle.HomeView(cycle.Home{Tabs: tabs, Name: "FY26", Edit: "/records/cycle/fy26", State: "ready"}))},
		{path: "/programme/window", page: shown("Window", "/programme", cycle.WindowView(cycle.WindowPage{Tabs: tabs, From: "2026-04-01", To: "2026-06-30", Wrong: "A window needs a first and a later last day.", Unusual: "The window is shorter than three months.", Flagged: 1,
			Windows: []cycle.WindowRow{{Name: "FY26", Days: "Q2 2026", Href: "/programme/window?from=2026-04-01&to=2026-06-30", Months: 3, Current: true, Warnings: []string{"No report covers 1 July 2026, between A and this one."}}}, Next: []cycle.WindowRow{{Name: "Window 1 from now", Days: "H2 2026", Href: "/programme/window", Months: 6}},
			Rows: []cycle.PlannedRow{{ID: "GOV-01", Title: "Code of conduct", Href: "/controls/GOV-01", State: "active", Frequency: "Annual", Periodic: true, Flag: "It is due once in 2026, which ends after the window."}, {ID: "AC-05", Title: "Access review", Href: "/controls/AC-05", State: "active", Owner: "Ada", Frequency: "Quarterly", Periodic: true, Times: 2, First: "2026-06-30", Last: "2026-09-30"}, {ID: "AC-06", Title: "Second factor", Href: "/controls/AC-06", State: "draft", Frequency: "Continuous"}}}))},
		{path: "/programme/calendar", page: shown("Calendar", "/programme", cycle.HeatView(cycle.HeatPage{Tabs: tabs, Name: "FY26", Weeks: weeks, Rows: []cycle.HeatRow{{ID: "AC-05", Title: "Access review", Href: "/controls/AC-05", Cells: cells}, {ID: "BKP-01", Title: "Backups", Href: "/controls/BKP-01", Cells: cells}},
			Counts: []part.Stat{{Status: "missed", N: 2, Href: "/records/occurrence"}, {Status: "performed", N: 9, Href: "/records/occurrence"}}, Person: true, Made: "http://localhost:8420/calendar/tickmark_abc_def", Links: []cycle.CalendarLink{{ID: "abc", Name: "Phone", Made: noon, Expires: noon, Used: noon}}}))},
		{path: "/programme/calendar-none", page: shown("Calendar", "/programme", cycle.HeatView(cycle.HeatPage{Tabs: tabs, Name: "FY26"}))},
		{path: "/programme/gaps", page: shown("Gaps by criterion", "/programme", cycle.BoardView(cycle.Board{Tabs: tabs, Name: "FY26", Rows: []cycle.BoardRow{
			{ID: "CC6.1", Title: "Access is restricted", Href: "/criteria/CC6.1", Design: "partial", DesignTone: part.Warn, Operation: "not running", OperationTone: part.Bad, Severity: "high", Tasks: 1, Gaps: []gap.Gap{{What: "AC-06 is not approved", Why: "It is a draft.", Next: "Approve it.", Kind: "control", Key: "AC-06", Task: &gap.Task{Key: "t1", Title: "Approve it", State: "open"}}, {What: "No examination is planned", Why: "w", Next: "n"}}},
			{ID: "CC6.4", Title: "Premises", Href: "/criteria/CC6.4", Design: "not relevant", DesignTone: part.Idle, Operation: "not relevant", OperationTone: part.Idle, Excluded: true}}}))},
		{path: "/programme/scope", page: shown("Scope", "/programme", cycle.ScopeView(cycle.ScopePage{Tabs: tabs, Asked: true, Choices: []cycle.ScopeChoice{{Name: "security", Word: "Security", On: true, Fixed: true}, {Name: "privacy", Word: "Privacy"}}, Added: []framework.Criterion{{ID: "A1.1", Title: "Capacity"}}, Removed: []framework.Criterion{{ID: "P1.1", Title: "Notice"}},
			Controls: []string{"AVL-01, Capacity"}, Evidence: 3, Criteria: 36, Begun: "2026-04-01", Change: "/new/scope_change", NoPromise: []string{"Availability"}, Suggested: []string{"Privacy: Production keeps personal data."}, NotRelevant: []cycle.NotRelevant{{ID: "CC6.4", Title: "Premises", Reason: "The provider runs them.", Href: "/records/criterion/CC6.4"}}}))},
		{path: "/programme/readiness/r1", page: shown("Readiness 2026", "/programme", cycle.AssessmentView(cycle.AssessmentPage{Name: "Readiness 2026", State: "in_progress", Summary: "One thing.", Record: "/records/readiness_assessment/r1", New: "/new/readiness_observation", May: true, Facts: []part.Fact{part.Say("Firm", "Able & Co")},
			Rows:         []cycle.AssessmentRow{{ID: "CC1.1", Title: "Integrity", Result: "ready", Basis: "Read the code"}, {ID: "CC6.1", Title: "Access", Result: "gap", Basis: "Tried it"}, {ID: "CC6.4", Title: "Premises", Result: "not_assessed", Basis: "No time"}, {ID: "CC7.1", Title: "Watch", New: "/new/readiness_result"}},
			Observations: []cycle.ObservationRow{{Title: "No second factor", Text: "Root signs in by password", Href: "/records/readiness_observation/o1", Criteria: "CC6.1", Weight: "blocking", State: "planned", Plan: "Keys for all", Owner: "Ada", Due: "2026-04-30", Late: "2026-05-01"}, {Title: "Late minutes", Text: "t", Href: "/records/readiness_observation/o2", Criteria: "CC1.2", Weight: "minor", State: "open"}}}))},
		{path: "/risks/board", page: shown("Board", "/risks", cycle.RiskBoardView(cycle.RiskBoard{Tabs: cycle.RiskTabs("/risks/board"), Any: true, Changed: []string{"The boundary of Production is being changed, after its risks were assessed on 3 Mar 2026."},
			Columns: []cycle.RiskColumn{{Title: "To analyse", Cards: []cycle.RiskCard{{ID: "R-03", Title: "Nobody knows yet", Href: "/records/risk/R-03"}}}, {Title: "In treatment", Cards: []cycle.RiskCard{{ID: "R-01", Title: "Somebody takes the backups", Href: "/records/risk/R-01", Owner: "Ada", Rating: 20, Level: "critical"}}}, {Title: "Accepted for a time", Cards: []cycle.RiskCard{{ID: "R-02", Title: "Prices rise", Href: "/records/risk/R-02", Owner: "Ada", Rating: 6, Level: "medium", Until: "2027-03-31"}}}, {Title: "Settled"}}}))},
		{path: "/risks/threats", page: shown("Common threats", "/risks", cycle.ThreatView(cycle.ThreatPage{Tabs: cycle.RiskTabs("/risks/threats"), May: true, Rows: []cycle.ThreatRow{{Threat: risk.Threat{Title: "A laptop is lost", Threat: "Whoever finds it", Source: "practice", Weaknesses: []string{"Disks that are not encrypted"}, Affects: []string{"confidentiality"}, Ask: "What could be read on it?"}, New: "/new/risk?title=x", Named: []part.Link{{Text: "R-01", Href: "/records/risk/R-01"}}}},
			Findings: []part.Link{{Text: "HOST-04 fails", Href: "/new/risk?title=y", Note: "High"}}}))},
	}
}

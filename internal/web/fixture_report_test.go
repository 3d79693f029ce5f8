package web

import (
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/report/document"
	"tickmark/internal/report/readiness"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

func reportFixtures() []fixture {
	crumb := part.Crumb{Text: "Reports", Href: "/reports"}
	list := ReportList{Engine: Engine{Ready: true}, From: "1 Jun 2026", To: "22 Nov 2026", Window: "the period FY26 Type II", Today: "2026-11-22", Latest: "2026-11-22T12:00", Makes: true}
	busy := list
	busy.Engine = Engine{Preparing: true, Since: 12 * time.Second}
	busy.Making = []MakingRow{{Title: "Readiness report as of 22 Nov 2026, 12:00 UTC", Format: "pdf", Phase: "It waits for the PDF engine.", Since: noon}, {Title: "Readiness report as of 21 Nov 2026, 12:00 UTC", Format: "html", Error: "The disk is full.", Since: ago(time.Hour)}}
	busy.Kept = []KeptRow{{Title: "Readiness report of 21 Nov 2026", Href: "/records/report/r1", File: "/records/report/r1/file", Format: "pdf", Window: "1 Jun 2026 to 21 Nov 2026", By: "Ada", SHA256: sha, AsOf: ago(day), Made: ago(day), Size: 1_933_554},
		{Title: "Readiness report of 30 Sep 2026", Href: "/records/report/r2", File: "/records/report/r2/file", Format: "json", Window: "1 Jun 2026 to 30 Sep 2026", By: "Bob With a Long Name", SHA256: sha, AsOf: ago(53 * day), Made: ago(53 * day), Size: 412_001}}
	refused := list
	refused.Makes, refused.Refused = false, "An owner, the compliance lead or an engineer can make a file of it and keep it."
	refused.Engine = Engine{Error: "The PDF engine has nowhere to keep its code."}
	shown := func(d document.Document, makes bool) func() templ.Component {
		return func() templ.Component {
			x := ReportPage{Document: d, Style: documentStyle(), Moment: "2026-11-22T12:00:00Z", JSON: "/reports/readiness.json", Makes: makes}
			if !makes {
				x.Refused = refused.Refused
			}
			return readinessPage(framed("Readiness report", "/reports", crumb, part.Crumb{Text: "Readiness report"}), x)
		}
	}
	empty := readiness.Document(&readiness.Report{Organisation: readiness.Organisation{Name: "Example Ltd", Demo: true}, Zone: "UTC", AsOf: store.At(noon), From: store.At(ago(90 * day)), To: store.At(noon)}, readiness.Path)
	return []fixture{
		{path: "/reports", page: func() templ.Component { return reportsPage(framed("Reports", "/reports"), busy) }},
		{path: "/reports-none", page: func() templ.Component { return reportsPage(framed("Reports", "/reports"), list) }},
		{path: "/reports-refused", page: func() templ.Component { return reportsPage(framed("Reports", "/reports"), refused) }},
		{path: "/reports/readiness", page: shown(readiness.Document(fixtureReadiness(), readiness.Path), true)},
		{path: "/reports/readiness-empty", page: shown(empty, false)},
		{path: "/policies/access-control/pdf", page: func() templ.Component {
			return preparingPage(framed("Access control policy as a PDF", "/policies"), Preparing{Title: "Access control policy as a PDF", Engine: Engine{Preparing: true, Since: 4 * time.Second}})
		}},
	}
}

func fixtureReadiness() *readiness.Report {
	m := func(d time.Duration) store.Moment { return store.At(ago(d)) }
	course := readiness.Course{Spans: []readiness.Span{{Status: readiness.Passing, From: m(90 * day), To: m(40 * day)}, {Status: readiness.Failing, From: m(40 * day), To: m(31 * day)}, {Status: readiness.Unknown, From: m(31 * day), To: m(20 * day)}, {Status: readiness.Passing, From: m(20 * day), To: m(0)}},
		PassHours: 70 * 24, FailHours: 9 * 24, UnknownHours: 11 * 24, Covered: 87.8, Gaps: []readiness.CourseGap{{From: m(31 * day), To: m(20 * day), Reason: "The accounts could not be read completely from web-1: permission denied."}},
		Longest: &readiness.Failure{Kind: "host_account", Key: "deploy", Label: "deploy", From: m(40 * day), To: m(31 * day), Ref: "R-0004"}}
	return &readiness.Report{Format: readiness.Format, Organisation: readiness.Organisation{Name: "Example Ltd", Ref: "R-0001"}, AsOf: store.At(noon), From: m(90 * day), To: store.At(noon), Window: "the last 90 days", Zone: "UTC",
		Ledger: readiness.Ledger{Origin: "example.org/tickmark", Size: 1043, Root: sha}, Scope: readiness.Scope{Categories: []string{"security"}},
		Counts:   readiness.Counts{Criteria: readiness.Standing{Failing: 1, Unknown: 1}, Controls: readiness.Standing{Attention: 1, Unknown: 1}, Checks: readiness.Standing{Failing: 1}, Findings: 1, Gaps: 0},
		Criteria: []readiness.Criterion{{ID: "CC6.1", Title: "Logical access architecture", Series: "CC6", Status: readiness.Failing, Why: "Failing: AC-06.", Controls: []string{"AC-06", "AC-07"}, Checks: []string{"HOST-04"}, Ref: "R-0002"}, {ID: "CC6.4", Title: "Physical access", Series: "CC6", Status: readiness.Unknown, Why: "No control serves it."}},
		Controls: []readiness.Control{{ID: "AC-06", Title: "Administrators use a second factor", Criteria: []string{"CC6.1"}, Owner: "Ada Example", Frequency: "continuous", State: "active", Status: readiness.Attention, Why: "Failing inside its due date, 1 of 2 checks: HOST-04.", Ref: "R-0003",
			Occurrences: readiness.Occurrences{Due: 3, OnTime: 1, Late: 1, Missed: 1}, Evidence: []readiness.Evidence{{Title: "Export", State: "reviewed", Ref: "R-0005"}}}},
		Checks:   []readiness.Check{{ID: "HOST-04", Title: "Nobody signs in as root", Severity: "critical", Controls: []string{"AC-06"}, Status: readiness.Failing, Pass: 40, Fail: 1, Course: course, Ref: "R-0006"}},
		Findings: []readiness.Finding{{Title: "Root may sign in by ssh on build-1", Severity: "critical", State: "assigned", Open: true, Owner: "Ada Example", Opened: ago(9 * day), Due: "2026-11-20", Overdue: "2026-11-21", Check: "HOST-04", Controls: []string{"AC-06"}, Ref: "R-0004"}},
		Policies: []readiness.Policy{{ID: "access-control", Title: "Access control policy", Sort: "policy", Owner: "Ada Example", Version: "2.0", Effective: "2026-03-01", ApprovedBy: "Bob", ApprovedAt: ago(200 * day), Assigned: 40, Acknowledged: 38, Overdue: 1}},
		Sources:  []readiness.Source{{Name: "web-1", Title: "This host", Connector: "host", Coverage: []readiness.SourceKind{{Kind: "host_account", Title: "Accounts", Percent: 87.8, Gaps: []readiness.CourseGap{{From: m(31 * day), To: m(20 * day), Reason: "permission denied"}}}}}},
		References: []readiness.Reference{{Code: "R-0001", Kind: "organisation", Key: "organisation", Label: "Example Ltd", VersionFrom: m(80 * day), Entry: 4}, {Code: "R-0002", Kind: "criterion", Key: "CC6.1", Label: "Logical access architecture", VersionFrom: m(80 * day), Entry: 5},
			{Code: "R-0003", Kind: "control", Key: "AC-06", Label: "Administrators use a second factor", VersionFrom: m(30 * day), Entry: 900}, {Code: "R-0004", Kind: "finding", Key: "f1", Label: "Root may sign in by ssh on build-1", VersionFrom: m(9 * day), Entry: 1001},
			{Code: "R-0005", Kind: "evidence", Key: "e1", Label: "Export", VersionFrom: m(9 * day), Entry: 1002}, {Code: "R-0006", Kind: readiness.AnswersKind, Key: "HOST-04", Label: "Answers of HOST-04", VersionFrom: m(9 * day), Entry: 1003}}}
}

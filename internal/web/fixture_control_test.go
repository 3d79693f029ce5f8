package web

import (
	"context"
	"io"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/requirement"
	stands "tickmark/internal/standing"
	"tickmark/internal/web/part"
)

// fixtureOperation is a control's year with a missed quarter, one done late, and evidence with a gap.
func fixtureOperation() *stands.Operation {
	d := calendar.Parse
	x := func(from, to, due, state string) stands.Occurrence {
		o := stands.Occurrence{Key: "AC-05." + from, Title: "Access is reviewed", Control: "AC-05", From: from, To: to, Due: due, State: state, Owner: "ada"}
		if state == "performed" || state == "performed_late" {
			o.Occurred, o.PerformedAt, o.PerformedBy, o.Evidence = to+"T09:00:00Z", to+"T10:00:00Z", "Ada Lovelace", []string{"e1"}
		}
		return o
	}
	span := func(from, to string, s requirement.State, pieces ...string) requirement.Span {
		return requirement.Span{Span: calendar.Span{From: d(from), To: d(to)}, Due: d(to), State: s, Pieces: pieces}
	}
	return &stands.Operation{Zone: time.UTC, Today: d("2026-11-22"), Window: calendar.Span{From: d("2026-01-01"), To: d("2026-12-31")},
		Occurrences: map[string][]stands.Occurrence{"AC-05": {x("2026-01-01", "2026-03-31", "2026-04-10", "performed"), x("2026-04-01", "2026-06-30", "2026-07-10", "performed_late"), x("2026-07-01", "2026-09-30", "2026-10-10", "missed"), x("2026-10-01", "2026-12-31", "2027-01-10", "scheduled")}},
		Requirements: map[string][]stands.Requirement{"AC-05": {{Key: "r1", Control: "AC-05", Title: "Signed list of rights per system", Frequency: "quarterly", Owner: "Ada Lovelace", Help: "As exported, with the owner's decision on each line.", Spans: []requirement.Span{
			span("2026-01-01", "2026-03-31", requirement.Met, "e1"), span("2026-04-01", "2026-06-30", requirement.Waiting, "e2"), span("2026-07-01", "2026-09-30", requirement.Gap), span("2026-10-01", "2026-12-31", requirement.Open)}}}},
		Evidence: map[string]stands.Evidence{
			"e1": {Key: "e1", Title: "Access review Q1", Controls: []string{"AC-05"}, From: "2026-01-01", To: "2026-03-31", State: "reviewed", Source: "Identity provider", ReceivedBy: "Ada Lovelace", ReceivedAt: "2026-04-02T09:00:00Z", SHA256: sha, Origin: "uploaded"},
			"e2": {Key: "e2", Title: "Access review Q2", Controls: []string{"AC-05", "AC-06"}, From: "2026-04-01", To: "2026-06-30", State: "received", ReceivedBy: "Bob", ReceivedAt: "2026-07-12T09:00:00Z", Link: "https://example.org/q2", Origin: "typed"}}}
}

func fixtureControl(ctx context.Context, tab string) ControlPage {
	o := fixtureOperation()
	same := func(s string) string { return s }
	c := ControlPage{ID: "AC-05", Key: "AC-05", Tab: tab, Title: "Owners review who has access to their systems", Statement: "Each quarter the owner of each system goes through everyone who has access to it, decides on each, and signs the list.", Owner: "Ada Lovelace", OwnerRole: "it_lead",
		Answer:   part.Answer{Status: part.Failing, Why: "July to September was missed: it was due on 10 October 2026.", Since: ago(43 * day), From: []part.Link{{Text: "Occurrences", Href: "/controls/AC-05/occurrences"}}, Next: []part.Link{{Text: "Open its performances", Href: "/controls/AC-05/occurrences", Note: "Record what was done late."}}},
		Criteria: []part.Link{{Text: "CC6.2", Href: "/criteria/CC6.2"}}, Frequency: "quarterly", Nature: "detective", Manner: "manual", Category: "access", State: "active", Record: "/records/control/AC-05", Expected: []string{"Signed list of rights per system", "Tickets of removed rights"},
		Checks: fixtureChecks(), Findings: fixtureFindings(), History: fixtureEvents(), Policies: []part.Link{{Text: "Access control policy", Href: "/policies/access-control", Status: "active"}}, Approval: "Approved by its author, Ada Lovelace; later review due 2026-12-31.",
		NotCounted: []part.Link{{Text: "1 scheduled performance", Href: "/controls/AC-05/occurrences", Note: "not due yet."}, {Text: "1 piece of evidence", Href: "/controls/AC-05/evidence", Note: "not reviewed by another person."}}}
	k := controlState{ReviewDue: "2026-12-31", Approval: "approved_by_author", parts: []stands.Part{{Name: "checks", Status: check.Pass, Reason: "Everything that its checks judged passes.", Of: 3}, {Name: "occurrences", Status: check.Fail, Reason: "July to September was missed: it was due on 10 October 2026.", Of: 3, Bad: 1}, {Name: "evidence", Status: check.Unknown, Reason: "Nothing covers Q3 2026 of “Signed list of rights per system”.", Of: 3, Bad: 1}}}
	c.readiness(k, "2026-11-22")
	c.Tested = howOften(c.Frequency, control.Events{}, o)
	c.performances(ctx, o, same)
	c.required(ctx, o, same)
	for _, e := range []string{"e1", "e2"} {
		c.Evidence = append(c.Evidence, pieceRow(o.Evidence[e], same))
	}
	c.Tabs = controlTabsOf("AC-05", tab, map[string]int{"checks": 3, "occurrences": 4, "evidence": 2, "policies": 1, "findings": 2})
	return c
}

func controlFixtures() []fixture {
	crumbs := []part.Crumb{{Text: "Controls", Href: "/controls"}, {Text: "AC-05"}}
	var out []fixture
	for _, t := range controlTabs {
		path := "/controls/AC-05"
		if t.tab != "" {
			path += "/" + t.tab
		}
		out = append(out, fixture{path: path, page: func() templ.Component {
			return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
				return controlPage(framed("AC-05", "/controls", crumbs...), fixtureControl(ctx, t.tab)).Render(ctx, w)
			})
		}})
	}
	empty := ControlPage{ID: "X-01", Key: "X-01", Title: "A control of our own", Answer: part.Answer{Status: part.Unknown, Why: "There is nothing to judge."}, State: "draft", Record: "/records/control/X-01"}
	for _, t := range controlTabs[1:] {
		e := empty
		e.Tab, e.Tabs = t.tab, controlTabsOf("X-01", t.tab, nil)
		out = append(out, fixture{path: "/controls/X-01/" + t.tab, page: func() templ.Component { return controlPage(framed("X-01", "/controls", crumbs...), e) }})
	}
	rows := func() (list []MapRow) {
		for i, id := range []string{"AC-05", "AC-06", "BKP-03", "GOV-02"} {
			var cells []stands.Cell
			for w := range 47 {
				c := stands.Cell{Span: calendar.Span{From: calendar.Parse("2026-01-01").AddDate(0, 0, 7*w)}, Status: check.Pass}
				switch {
				case i == 3 && w < 20:
					c.Status = ""
				case w > 39 && i == 0, i == 2 && w == 12:
					c.Status = check.Fail
				case w%23 == 7:
					c.Status = check.Unknown
				}
				cells = append(cells, c)
			}
			r := MapRow{ID: id, Title: "Owners review who has access to their systems each quarter", Href: "/controls/" + id, Status: []part.Status{part.Failing, part.Passing, part.Attention, part.Unknown}[i]}
			r.Line, r.Said = lineOf(id, cells)
			list = append(list, r)
		}
		return list
	}
	filter := part.Filter{Action: "/controls/map", Hint: "Filter by text, id or owner", Found: "4 of 93", Groups: []part.Choice{part.StatusChoice("")}}
	answer := part.Answer{Status: "missed", Why: "It was due on 2026-10-10 and not on record as done by then.", Since: ago(43 * day), From: []part.Link{{Text: "AC-05", Href: "/controls/AC-05"}}, Next: []part.Link{{Text: "Record it as done late", Href: "#done"}}}
	performance := PerformancePage{Key: "AC-05.2026-07-01", Title: "Owners review who has access, Q3 2026", Span: "Q3 2026", Control: part.Link{Text: "AC-05", Href: "/controls/AC-05"}, Answer: answer, Record: "/records/occurrence/o1", Action: "/occurrences/o1", Form: true, Late: true, Now: "2026-11-22T12:00", Wrong: "It was done on 2026-06-30, before 2026-07-01, where its span begins.",
		Facts: []part.Fact{part.Say("For", "Q3 2026"), {Name: "Due", Value: dueDay(part.Due{Day: ago(43 * day), Overdue: true})}, {Name: "Owner", Value: part.Person("Ada Lovelace")}}, Pieces: fixtureControl(context.Background(), "evidence").Evidence}
	reviewed := performance
	reviewed.Form, reviewed.Wrong, reviewed.Evidence, reviewed.Note = false, "", performance.Pieces, "Two accounts were removed."
	reviewed.Blocked = "Only a person can do this."
	return append(out,
		fixture{path: "/controls/map", page: func() templ.Component {
			return controlMapPage(framed("Controls over the window", "/controls", crumbs...), ControlMap{Window: "2026", Filter: filter, Rows: rows()})
		}},
		fixture{path: "/controls-map-empty", page: func() templ.Component {
			return controlMapPage(framed("Controls over the window", "/controls", crumbs...), ControlMap{Window: "2026", Filter: filter})
		}},
		fixture{path: "/occurrences/o1", page: func() templ.Component { return performancePage(framed("Q3 2026", "/controls", crumbs...), performance) }},
		fixture{path: "/occurrences/o2", page: func() templ.Component { return performancePage(framed("Q3 2026", "/controls", crumbs...), reviewed) }},
	)
}

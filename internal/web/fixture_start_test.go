package web

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/gap"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// startFixtures are the states of Home and the plan.
func startFixtures() []fixture {
	return []fixture{
		{path: "/", page: func() templ.Component { return homePage(framed("Home", "/"), fixtureHome()) }},
		{path: "/home-new", page: func() templ.Component {
			return homePage(framed("Home", "/"), Home{Title: "Where we stand", Sentence: "No examination is planned yet.", New: true, Resume: "objective", Steps: 12, History: History{Points: []Point{{Date: noon}}}})
		}},
		{path: "/home-resume", page: func() templ.Component {
			h := fixtureHome()
			h.Resume, h.Answered, h.Steps, h.Needs, h.Since = "team", 8, 12, nil, time.Time{}
			h.History.Missing = 12
			return homePage(framed("Home", "/"), h)
		}},
		{path: "/plan", page: func() templ.Component {
			return planPage(framed("Plan", "/plan", part.Crumb{Text: "Program"}, part.Crumb{Text: "Plan"}), fixturePlan())
		}},
		{path: "/plan-none", page: func() templ.Component {
			v := fixturePlan()
			v.Groups, v.Any, v.May = nil, false, false
			v.History = History{Points: v.History.Points[:1]}
			return planPage(framed("Plan", "/plan"), v)
		}},
		{path: "/plan-past", page: func() templ.Component {
			v := fixturePlan()
			v.May, v.Why, v.Wrong = false, "Only a compliance lead may write tasks.", "No gap without a task is chosen."
			return planPage(framed("Plan", "/plan"), v)
		}},
		{path: "/plan/tasks", page: func() templ.Component { return tasksPage(framed("Tasks", "/plan"), fixtureTasks()) }},
		{path: "/plan/tasks-none", page: func() templ.Component {
			l := fixtureTasks()
			l.Rows, l.Any = nil, false
			return tasksPage(framed("Tasks", "/plan"), l)
		}},
	}
}

func fixtureHistory(points int) History {
	h := History{Weekly: true}
	for i := range points {
		h.Points = append(h.Points, Point{Date: ago(time.Duration(7*(points-1-i)) * day), At: ago(time.Duration(7*(points-1-i)) * day),
			Checks:   part.Counts{Passing: 15 + i/2, Attention: 5 - i/8, Failing: 4 - i/12, Unknown: 9 - i/6, NotApplicable: 2},
			Controls: part.Counts{Passing: 4 + i, Attention: 8 - i/6, Failing: 6 - i/8, Unknown: max(2, 50-i-i/6), NotApplicable: 2},
			Gaps:     map[string]int{"critical": max(0, 12-i), "high": max(3, 40-i), "medium": 80 - i, "low": 4}})
	}
	return h
}

func fixtureHome() Home {
	h := Home{Title: "SOC 2 Type II · 1 Jan – 31 Dec 2026", Sentence: "Day 326 of 365. Fieldwork starts in 50 days.", Checks: part.Counts{Passing: 21, Attention: 3, Failing: 2, Unknown: 7, Unconnected: 212}, Controls: part.Counts{Passing: 44, Attention: 8, Failing: 6, Unknown: 4, NotApplicable: 2},
		History: fixtureHistory(46), Findings: fixtureFindings(), Open: 3, Sources: fixtureSources(), Recent: fixtureEvents(), Since: ago(2 * day), Missing: 74, Answered: 12, Steps: 12,
		Severity: []SeverityCount{{"critical", "fail", 0}, {"high", "attention", 12}, {"medium", "unknown", 58}, {"low", "not-applicable", 4}},
		Needs:    []Need{{Icon: "flag", Text: "2 people who left still have accounts", Href: "/findings/f1", Tone: part.Bad, Due: ago(day)}, {Icon: "list-checks", Text: "Put the 4 controls of incident into operation", Href: "/records/task/a", Due: noon.Add(3 * day)}, {Icon: "list-checks", Text: "Write and approve: Incident response plan", Href: "/records/task/b"}},
		Next:     []part.Step{{Text: "Let root read the firewall", Why: "4 checks are unknown without it.", Href: "/sources/host", Action: "See how"}, {Text: "Turn off root over ssh on build-1", Why: "Critical, 2 days late.", Href: "/findings/f1", Action: "Open"}, {Text: "Adopt the 12 starter controls", Why: "9 criteria have none.", Href: "/catalogue", Action: "Catalogue"}}}
	for i, n := range []string{"Control environment", "Communication", "Risk assessment", "Monitoring", "Control activities", "Logical and physical access", "Operations", "Change management", "Risk mitigation", "Availability"} {
		id := fmt.Sprintf("CC%d", i+1)
		if i == 9 {
			id = "A1"
		}
		h.Series = append(h.Series, SeriesCard{ID: id, Name: n, Status: part.Attention, Criteria: part.Counts{Passing: 2 + i%3, Attention: i % 2, Failing: (i + 1) % 4 / 3, Unknown: i % 3}})
	}
	for _, g := range fixtureGaps()[:5] {
		h.Gaps = append(h.Gaps, GapLine{Gap: g, Href: "/controls/AC-01"})
	}
	return h
}

func fixtureGaps() []gap.Gap {
	late := &gap.Task{Key: "t1", Title: "Approve", State: "open", Due: "2026-11-01", Owner: "ada", Late: true}
	return []gap.Gap{
		{ID: "scope:boundary:production", Sort: gap.Scope, What: "The boundary of Example Cloud is not approved", Why: "It is a draft, so what is inside and outside is one person's opinion.", Next: "Have somebody who is none of its authors approve it.", Severity: "high", Remedy: "decision", Kind: "system", Key: "production", Task: late},
		{ID: "criterion:CC1.2", Sort: gap.Criterion, What: "No control in operation serves CC1.2, Board oversight and independence", Why: "Of the controls adopted for it, 2 are draft; none is in operation.", Next: "Approve GOV-01 or GOV-02, name an owner and put it into operation.", Severity: "high", Remedy: "workflow_change", Criteria: []string{"CC1.2"}, Kind: "criterion", Key: "CC1.2"},
		{ID: "owner:AC-01", Sort: gap.Owner, What: "The owner of AC-01 has left", Why: "Ada left on 3 Nov 2026 and still answers for it.", Next: "Name a person who is here.", Severity: "high", Remedy: "decision", Criteria: []string{"CC6.1", "CC6.2", "CC6.3", "CC6.6"}, Control: "AC-01", Kind: "control", Key: "AC-01", Task: &gap.Task{Key: "t2", State: "in_progress", Due: "2026-12-01", Owner: "ada"}},
		{ID: "failing:HOST-04", Sort: gap.Failing, What: "HOST-04 fails: Root does not sign in by ssh", Why: "1 of 3 records fail.", Next: "Fix what fails by 30 Nov 2026; the check says how.", Severity: "critical", Remedy: "technical", Criteria: []string{"CC6.1"}, Kind: "check", Key: "HOST-04", Task: &gap.Task{Key: "t3", State: "done"}},
		{ID: "policy:access-control", Sort: gap.Policy, What: "Access control is not in force", Why: "It has no text yet.", Next: "Write it, have it reviewed and approved by somebody who is none of its authors, and publish it.", Severity: "high", Remedy: "document", Criteria: []string{"CC6.1"}, Kind: "policy", Key: "access-control"},
		{ID: "approval:AC-02", Sort: gap.Approval, What: "AC-02 is not approved", Why: "Role and rights matrix is a draft.", Next: "Tailor its statement to what you do, then have another person approve it.", Severity: "medium", Remedy: "document", Criteria: []string{"CC6.3"}, Control: "AC-02", Kind: "control", Key: "AC-02"},
	}
}

func fixturePlan() PlanPage {
	v := PlanPage{Head: "What FY26 Type II asks for and is not there yet. A gap closes by itself when its reason is gone.", Any: true, Shown: 6, Here: "/plan", May: true, Due: "2026-12-13", History: fixtureHistory(30),
		People: []form.Option{{Key: "ada", Label: "Ada"}, {Key: "bob", Label: "Bob"}},
		Tabs:   []part.Tab{{Text: "Gaps", Href: "/plan", Count: 148, Current: true}, {Text: "Tasks", Href: "/plan/tasks"}},
		Cards:  []part.Stat{{Word: "Nobody on it", Icon: "circle-dashed", N: 120, Small: "of 148", Href: "/plan?status=open", Current: true}, {Word: "Planned", Icon: "calendar-clock", N: 20, Href: "/plan?status=planned"}, {Word: "Overdue", Icon: "circle-x", N: 5, Href: "/plan?status=overdue"}, {Word: "Done, still there", Icon: "circle-alert", N: 3, Href: "/plan?status=done"}},
		Filter: gapFilters(gapFilter{}, "6 of 148"), Pager: part.Pager{Shown: 6, Next: "/plan?from=100", Note: "of 148"}}
	v.Soon = fixtureTasks().Rows
	for i, s := range gap.Sorts() {
		v.Parts = append(v.Parts, ReadinessRow{gap.Part{Title: []string{"Scope settled", "Kinds of parts that all belong to a system or are outside", "Criteria with a control in operation", "Controls with an owner", "Controls approved", "Approved controls in operation", "Controls in operation with something on record", "Required evidence kept", "Checks that do not fail", "Checks that are answered", "Policies in force", "Commitments kept by a control", "What an assessor noted, put right and verified"}[i], Sort: s, Of: 10 + 5*i, Open: i * 3 % 11}, "/plan?sort=" + string(s)})
	}
	for _, g := range fixtureGaps() {
		l := GapLine{Gap: g, Href: "/controls/AC-01"}
		if g.Task != nil {
			l.Due, l.Owner = endOfDay(g.Task.Due, time.UTC), "Ada"
		}
		v.Groups = append(v.Groups, GapGroup{Sort: g.Sort, Rows: []GapLine{l}})
	}
	return v
}

func fixtureTasks() TaskList {
	return TaskList{Any: true, Tabs: []part.Tab{{Text: "Gaps", Href: "/plan", Count: 148}, {Text: "Tasks", Href: "/plan/tasks", Current: true}},
		Cards:  []part.Stat{{Word: "Open", Icon: "circle-dot", N: 3, Href: "/plan/tasks?state=open", Current: true}, {Word: "Overdue", Icon: "circle-x", N: 1, Href: "/plan/tasks?state=overdue"}},
		Filter: part.Filter{Action: "/plan/tasks", Hint: "Filter by text or owner", Found: "3 of 9"},
		Rows: []TaskRow{
			{Key: "t1", Title: "Approve the boundary of Example Cloud", Href: "/records/task/t1", Sort: "decision", State: "open", Status: "overdue", Owner: "Ada", Due: ago(21 * day), Gap: part.Link{Text: "scope:boundary:production", Href: "/plan?q=x"}, LateSince: ago(21 * day)},
			{Key: "t2", Title: "Put the 4 controls of incident into operation", Href: "/records/task/t2", Sort: "workflow_change", State: "in_progress", Status: "in_progress", Due: noon.Add(3 * day)},
			{Key: "t3", Title: "Train everyone on the policies", Href: "/records/task/t3", Sort: "training", State: "open", Status: "open"},
		}}
}

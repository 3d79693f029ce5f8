package gap

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/framework"
	"tickmark/internal/period"
	"tickmark/internal/policy"
	"tickmark/internal/requirement"
	"tickmark/internal/standing"
	"tickmark/internal/system"
)

// whole is a world without a gap: one criterion in scope, met by one control that everything is there for.
func whole() World {
	return World{
		Now:    time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
		Period: &period.Period{Key: "fy26", Name: "FY26", State: "current", Categories: []string{"security"}, System: "production", Policies: []string{"access-control"}},
		System: &system.System{Key: "production", Name: "Production", State: "approved"},
		Criteria: []framework.Criterion{
			{ID: "CC6.1", Title: "Access", AppliesWhen: framework.When{AnyCategory: []string{"security"}}},
			{ID: "P1.1", Title: "Notice", AppliesWhen: framework.When{AnyCategory: []string{"privacy"}}},
		},
		Standing: standing.Summary{
			Criteria: []standing.Criterion{{ID: "CC6.1", Title: "Access", Controls: []string{"AC-01"}}, {ID: "P1.1", Title: "Notice"}},
			Controls: []standing.Control{{Key: "AC-01", Life: "active", Criteria: []string{"CC6.1"}, ControlState: check.ControlState{Status: check.Pass,
				Checks: []check.State{{Setup: check.Setup{Check: &check.Check{ID: "X-01", Title: "Access is asked for", For: "account", Severity: "high"}}, Status: check.Pass}}}}},
		},
		Controls:     []Control{{Key: "AC-01", ID: "AC-01", Title: "Access is asked for", Owner: "ada", State: "active", Stage: "startup", Criteria: []string{"CC6.1"}}},
		People:       map[string]Person{"ada": {Name: "Ada"}},
		Requirements: []Need{{Key: "r1", Control: "AC-01", Title: "Minutes", Frequency: "monthly", From: "2026-10-01", Pieces: []requirement.Piece{piece("2026-10-01", "2026-10-31")}}},
		Evidence:     []Evidence{{Controls: []string{"AC-01"}}},
		Policies:     []Document{{Key: "access-control", Title: "Access policy", State: "active", published: true, approved: time.Date(2026, 2, 1, 9, 0, 0, 0, time.UTC), Controls: []string{"AC-01"}}},
		Commitments:  []Promise{{Key: "SC-01", Title: "We keep it safe", Controls: []string{"AC-01"}}},
		Readers:      func(string) []string { return []string{"Host"} },
	}
}

func piece(from, to string) requirement.Piece {
	return requirement.Piece{Covers: calendar.Span{From: calendar.Parse(from), To: calendar.Parse(to)}}
}

// policiesBut are the gaps of an organisation that wrote one policy and chose none.
func policiesBut(one string) []string {
	library, _ := policy.Templates()
	var out []string
	for _, t := range library.Templates {
		if t.ID != one && t.Category == "" {
			out = append(out, "policy:"+t.ID)
		}
	}
	return out
}

func ids(gaps []Gap) []string {
	out := []string{}
	for _, g := range gaps {
		out = append(out, g.ID)
	}
	slices.Sort(out)
	return out
}

func TestEverySortOfGapIsNamed(t *testing.T) {
	for _, s := range Sorts() {
		if s.Title() == "" || s.part() == "" {
			t.Errorf("%s has the heading %q and is missing from %q", s, s.Title(), s.part())
		}
	}
}

func TestAWholeWorldHasNoGap(t *testing.T) {
	if got := ids(whole().Gaps()); len(got) > 0 {
		t.Fatalf("%v", got)
	}
}

func TestEachThingMissingIsExactlyItsGap(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(w *World)
		want  []string
	}{
		"no period":        {func(w *World) { w.Period.Policies, w.Period = nil, nil }, append([]string{"scope:period"}, policiesBut("access-control")...)},
		"a planned period": {func(w *World) { w.Period.State = "planned" }, []string{"scope:current"}},
		"no system":        {func(w *World) { w.System = nil }, []string{"scope:system"}},
		"a draft boundary": {func(w *World) { w.System.State = "draft" }, []string{"scope:boundary:production"}},
		"a repository that belongs nowhere": {func(w *World) {
			w.Placed = []Placed{{Source: "git", Kind: "git_repository", Title: "Repositories", Of: 3, Lost: 1, Names: []string{"shop"}}, {Source: "host", Kind: "host", Of: 2}}
		}, []string{"place:git:git_repository"}},
		"a category chosen": {func(w *World) { w.Period.Categories = []string{"security", "privacy"} }, []string{"criterion:P1.1"}},
		"declared irrelevant": {func(w *World) {
			w.Period.Categories = []string{"security", "privacy"}
			w.Standing.Criteria[1].Excluded = true
		}, []string{}},
		"no control":                      {func(w *World) { w.Standing.Criteria[0].Controls = nil }, []string{"criterion:CC6.1"}},
		"no owner":                        {func(w *World) { w.Controls[0].Owner = "" }, []string{"owner:AC-01"}},
		"an owner unknown":                {func(w *World) { w.Controls[0].Owner = "bob" }, []string{"owner:AC-01"}},
		"an owner who left":               {func(w *World) { w.People["ada"] = Person{"Ada", "2026-11-28"} }, []string{"owner:AC-01"}},
		"an owner's last day":             {func(w *World) { w.People["ada"] = Person{"Ada", "2026-11-29"} }, []string{}},
		"a check that fails":              {func(w *World) { w.Standing.Controls[0].Checks[0].Status = check.Fail }, []string{"failing:X-01"}},
		"a check unknown":                 {func(w *World) { w.Standing.Controls[0].Checks[0].Status = check.Unknown }, []string{"unknown:X-01"}},
		"a check that applies to nothing": {func(w *World) { w.Standing.Controls[0].Checks[0].Status = check.NotApplicable }, []string{}},
		"nothing on record":               {func(w *World) { w.Standing.Controls[0].Checks = nil; w.Evidence = nil; w.Requirements = nil }, []string{"proof:AC-01"}},
		"evidence instead":                {func(w *World) { w.Standing.Controls[0].Checks = nil }, []string{}},
		"evidence of September":           {func(w *World) { w.Requirements[0].Pieces[0] = piece("2026-09-01", "2026-09-30") }, []string{"requirement:r1"}},
		"a day short":                     {func(w *World) { w.Requirements[0].Pieces[0] = piece("2026-09-02", "2026-10-30") }, []string{"requirement:r1"}},
		"two pieces cover it": {func(w *World) {
			w.Requirements[0].Pieces = []requirement.Piece{piece("2026-10-01", "2026-10-15"), piece("2026-10-16", "2026-10-31")}
		}, []string{}},
		"October and not September":       {func(w *World) { w.Requirements[0].From = "2026-09-01" }, []string{"requirement:r1"}},
		"September was before the window": {func(w *World) { w.Requirements[0].From, w.Period.From = "2026-09-01", "2026-10-01" }, []string{}},
		"one of two": {func(w *World) {
			w.Requirements = append(w.Requirements, Need{Key: "r2", Control: "AC-01", Title: "List", Frequency: "once", From: "2026-10-01"})
		}, []string{"requirement:r2"}},
		"required since this month": {func(w *World) { w.Requirements[0].Pieces = nil; w.Requirements[0].From = "2026-11-01" }, []string{}},
		"a policy without a text":   {func(w *World) { w.Policies[0].published = false }, []string{"policy:access-control"}},
		"an approval of last year":  {func(w *World) { w.Policies[0].approved = time.Date(2025, 11, 28, 12, 0, 0, 0, time.UTC) }, []string{"policy:access-control"}},
		"reviewed every six months": {func(w *World) { w.Policies[0].Months = 6 }, []string{"policy:access-control"}},
		"an author's approval that nobody reviewed": {func(w *World) {
			w.Policies[0].last(approved{State: "published", By: "ada", At: w.Policies[0].approved.Add(time.Hour), Due: "2026-11-28"})
		}, []string{"policy:access-control"}},
		"an author's approval until its later review": {func(w *World) {
			w.Policies[0].last(approved{State: "published", By: "ada", At: w.Policies[0].approved.Add(time.Hour), Due: "2026-11-29"})
		}, []string{}},
		"an author's approval that somebody reviewed": {func(w *World) {
			w.Policies[0].last(approved{State: "published", By: "ada", At: w.Policies[0].approved.Add(time.Hour), Due: "2026-11-28", Late: "bob"})
		}, []string{}},
		"never more than twelve": {func(w *World) {
			w.Policies[0].Months = 36
			w.Policies[0].approved = time.Date(2025, 11, 28, 12, 0, 0, 0, time.UTC)
		}, []string{"policy:access-control"}},
		"a retired policy":                 {func(w *World) { w.Policies[0].State = "retired" }, []string{"policy:access-control"}},
		"a policy begun from the template": {func(w *World) { w.Policies[0].Key, w.Policies[0].Template = "ours", "access-control" }, []string{}},
		"a retired policy nobody chose":    {func(w *World) { w.Policies = append(w.Policies, Document{Key: "x", State: "retired"}) }, []string{}},
		"a promise without control":        {func(w *World) { w.Commitments[0].Controls = nil }, []string{"commitment:SC-01"}},
		"a promise that ended":             {func(w *World) { w.Commitments[0].Controls, w.Commitments[0].Until = nil, "2026-11-28" }, []string{}},
		"a control out of scope":           {func(w *World) { w.Controls[0].Criteria, w.Controls[0].Owner = []string{"P1.1"}, "" }, []string{}},
		"a draft": {func(w *World) {
			w.Controls[0].State, w.Standing.Controls[0].Life = "draft", "draft"
		}, []string{"approval:AC-01", "commitment:SC-01", "criterion:CC6.1"}},
		"approved only": {func(w *World) {
			w.Controls[0].State, w.Standing.Controls[0].Life = "approved", "approved"
		}, []string{"commitment:SC-01", "criterion:CC6.1", "operation:AC-01"}},
	} {
		w := whole()
		c.spoil(&w)
		gaps := w.Gaps()
		slices.Sort(c.want)
		if got := ids(gaps); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		for _, g := range gaps {
			if g.What == "" || g.Why == "" || g.Next == "" || g.Severity == "" || g.Remedy == "" || g.Stage == "" {
				t.Errorf("%s: %+v leaves something unsaid", name, g)
			}
		}
		for _, p := range w.Parts(gaps) {
			if p.Done() < 0 {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

func TestATaskThatIsDoneDoesNotCloseAGap(t *testing.T) {
	w := whole()
	w.Controls[0].Owner = ""
	w.Tasks = []task{{Task: Task{Key: "a", State: "done", Due: "2026-12-01"}, Gap: "owner:AC-01"}}
	if g := w.Gaps(); len(g) != 1 || g[0].Status() != "done" {
		t.Fatalf("%+v", g)
	}
	w.Tasks = append(w.Tasks, task{Task: Task{Key: "b", State: "open", Due: "2026-11-01", Late: true}, Gap: "owner:AC-01"})
	if g := w.Gaps(); g[0].Status() != "overdue" || g[0].Task.Key != "b" {
		t.Fatalf("%+v", g[0].Task)
	}
}

func TestWhatToDoFollowsFromWhereItStands(t *testing.T) {
	for draft, want := range map[string]string{"": "Write it, have it reviewed", "draft": "Write it, have it reviewed", "in_review": "Have it reviewed", "pending_approval": "Have it approved", "approved": "Publish it."} {
		w := whole()
		w.Policies[0].published, w.Policies[0].draft = false, draft
		if gaps := w.Gaps(); len(gaps) != 1 || !strings.HasPrefix(gaps[0].Next, want) {
			t.Errorf("a text that is %q: %+v", draft, gaps)
		}
	}
	for due, want := range map[string]string{"2026-11-28": "which was due on 28 Nov 2026", "2026-11-29": "by 29 Nov 2026"} {
		w := whole()
		w.Standing.Controls[0].Checks[0].Status, w.Due = check.Fail, map[string]string{"X-01": due}
		if gaps := w.Gaps(); len(gaps) != 1 || !strings.Contains(gaps[0].Next, want) {
			t.Errorf("due on %s: %+v", due, gaps)
		}
	}
}

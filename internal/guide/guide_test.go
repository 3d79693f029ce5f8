package guide_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/guide"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

func opened(t *testing.T) (*workspace.Workspace, access.Session) {
	t.Helper()
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w, me
}

func example(t *testing.T) guide.Answers {
	t.Helper()
	f, err := os.Open("../../docs/start.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := guide.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTheExampleOfTheManualIsTheOneThatRuns(t *testing.T) {
	page, err := os.ReadFile("../../docs/start.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../../docs/start.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```yaml\n"+string(file)+"```") {
		t.Error("docs/start.md shows another example than docs/start.yaml")
	}
}

func TestNothingIsInPlaceBeforeThePlanIsConfirmed(t *testing.T) {
	w, me := opened(t)
	w.Log.Clock = func() time.Time { return time.Date(2099, 11, 2, 9, 0, 0, 0, time.UTC) }
	a := example(t)
	a.Window = guide.Window{From: "2100-01-01", To: "2100-06-30", Fieldwork: "2100-07-12"}
	if _, err := guide.Run(t.Context(), w.Book, me, a, false); err != nil {
		t.Fatal(err)
	}
	s, err := guide.Load(t.Context(), w.Book)
	if err != nil {
		t.Fatal(err)
	}
	if s.Next() != "plan" || s.Period.State != "planned" || len(s.Tasks) != 0 || len(s.Policies) != 0 || s.Controls["PHY-01"].State != "draft" {
		t.Fatalf("next %q, period %s, %d tasks, PHY-01 %s", s.Next(), s.Period.State, len(s.Tasks), s.Controls["PHY-01"].State)
	}
	for _, task := range s.Plan() {
		if task.Due < s.Today || task.Due > s.Period.Fieldwork {
			t.Errorf("%s is due on %s", task.Title, task.Due)
		}
	}
	for range 2 { // the second time changes nothing
		if _, err := guide.Run(t.Context(), w.Book, me, a, true); err != nil {
			t.Fatal(err)
		}
		after, err := guide.Load(t.Context(), w.Book)
		if err != nil {
			t.Fatal(err)
		}
		if after.Period.State != "current" || after.Next() != "" || len(after.Tasks) != len(s.Plan()) || len(after.Policies) != len(s.Period.Policies) || len(after.Commitments) != 1 {
			t.Fatalf("%s, next %q, %d tasks of %d, %d policies of %d, %d commitments", after.Period.State, after.Next(), len(after.Tasks), len(s.Plan()), len(after.Policies), len(s.Period.Policies), len(after.Commitments))
		}
		if c := after.Controls["PHY-01"]; c.State != "retired" {
			t.Errorf("PHY-01 was left out and is %s", c.State)
		}
		for _, c := range after.Proposed() {
			have := after.Controls[c.ID]
			if !c.Left && (have.State != "draft" || c.OwnerRole == "security_lead" && have.Owner != "ada") {
				t.Errorf("%s is %s, owned by %q", c.ID, have.State, have.Owner)
			}
		}
	}
}

func TestEveryCriterionInScopeIsServedAtEveryStage(t *testing.T) {
	criteria, err := framework.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, stage := range []string{"startup", "growth", "enterprise"} {
		for _, extra := range framework.Categories() {
			s := &guide.State{Period: &period.Period{Stage: stage, Categories: []string{"security", extra}}}
			served := map[string]bool{}
			for _, c := range s.Proposed() {
				for _, id := range c.Criteria {
					served[id] = true
				}
			}
			for _, c := range criteria {
				if c.InScope(s.Categories()) && !served[c.ID] {
					t.Errorf("%s, %s: no proposed control serves %s", stage, extra, c.ID)
				}
			}
		}
	}
}

func TestOnlyWhatIsInScopeAsksForItsPolicy(t *testing.T) {
	all, few := len(guide.Templates(framework.Categories())), len(guide.Templates([]string{"security"}))
	if all < 25 || few >= all || few < 20 {
		t.Errorf("%d policies for everything, %d for security", all, few)
	}
}

func TestEffectsAddUpToWhatIsProposed(t *testing.T) {
	s := &guide.State{}
	n := map[string]int{}
	for _, e := range s.Effects() {
		n[e.Category] = e.Criteria
	}
	if want := map[string]int{"security": 33, "availability": 3, "processing_integrity": 5, "confidentiality": 2, "privacy": 18}; !equal(n, want) {
		t.Errorf("%v", n)
	}
}

func equal(a, b map[string]int) bool {
	for k, v := range b {
		if a[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

func TestAnswersThatCannotBeAreRefused(t *testing.T) {
	w, me := opened(t)
	for _, c := range []struct {
		name, step string
		spoil      func(a *guide.Answers)
	}{
		{"no objective", "objective", func(a *guide.Answers) { a.Objective = " " }},
		{"SOC 1", "report", func(a *guide.Answers) { a.Report = "soc_1" }},
		{"no type", "type", func(a *guide.Answers) { a.Type = "" }},
		{"no such category", "categories", func(a *guide.Answers) { a.Categories = []string{"safety"} }},
		{"a window in reverse", "window", func(a *guide.Answers) { a.Window.To = "2026-01-01" }},
		{"fieldwork before the window", "window", func(a *guide.Answers) { a.Window.Fieldwork = "2020-01-01" }},
		{"no such zone", "organisation", func(a *guide.Answers) { a.Organisation.TimeZone = "Berlin" }},
		{"no boundary", "boundary", func(a *guide.Answers) { a.System.Inside = "" }},
		{"a component from long ago", "boundary", func(a *guide.Answers) { a.System.Components[0].From = "2020-01-01" }},
		{"a promise made nowhere", "commitments", func(a *guide.Answers) { a.Commitments[0].MadeIn = "" }},
		{"a role for nobody known", "team", func(a *guide.Answers) { a.Team["security_lead"] = "eve" }},
		{"left out without a reason", "controls", func(a *guide.Answers) { a.LeaveOut[0].Reason = "" }},
		{"left out and never proposed", "controls", func(a *guide.Answers) { a.LeaveOut[0].Control = "PI-01" }},
		{"no policy at all", "policies", func(a *guide.Answers) { a.Policies = []string{} }},
		{"the plan before the rest", "plan", func(a *guide.Answers) {}},
	} {
		a := example(t)
		c.spoil(&a)
		before, err := w.Log.Head(t.Context(), w.DB)
		if err != nil {
			t.Fatal(err)
		}
		_, err = guide.Apply(t.Context(), w.Book, me, c.step, a)
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", c.name, err)
		}
		if after, err := w.Log.Head(t.Context(), w.DB); err != nil || after.Size != before.Size {
			t.Errorf("%s: something was written", c.name)
		}
	}
	if _, err := guide.Read(strings.NewReader("objectiv: why\n")); !fault.Is(err, fault.Invalid) {
		t.Errorf("a misspelt name was read: %v", err)
	}
}

func TestStepsMayBeAnsweredInAnyOrderAndAgain(t *testing.T) {
	w, me := opened(t)
	a := example(t)
	for _, step := range []string{"window", "categories", "objective", "categories"} {
		if _, err := guide.Apply(t.Context(), w.Book, me, step, a); err != nil {
			t.Fatal(err)
		}
	}
	s, err := guide.Load(t.Context(), w.Book)
	if err != nil {
		t.Fatal(err)
	}
	if s.Next() != "report" || s.Period.From != "2027-01-01" || !slices.Equal(s.Period.Categories, []string{"security", "availability"}) || s.Period.Objective == "" {
		t.Errorf("%+v", s.Period)
	}
	a.Type = "type_1"
	if _, err := guide.Apply(t.Context(), w.Book, me, "type", a); err != nil {
		t.Fatal(err)
	}
	if s, err = guide.Load(t.Context(), w.Book); err != nil || s.Period.From != "" || s.Period.Type != "type_1" {
		t.Errorf("a Type I kept a window: %+v %v", s.Period, err)
	}
	var _ record.Authority = me
}

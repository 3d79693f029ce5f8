package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

var (
	ada      = record.Actor{User: "ada", Person: "p1"}
	adaAdmin = record.Actor{User: "ada-admin", Person: "p1"}
	bob      = record.Actor{User: "bob", Person: "p2"}
	stranger = record.Actor{User: "guest"}
	job      = record.Actor{Name: "job:check"}
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestCatalogueHoldsTheStarters(t *testing.T) {
	items, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 127 {
		t.Errorf("%d starter controls, want 127", len(items))
	}
	stages, covered := map[string]int{}, map[string]bool{}
	for _, item := range items {
		stages[item.Stage]++
		if item.Stage == "startup" {
			for _, c := range item.Criteria {
				covered[c] = true
			}
		}
		if len(item.Evidence) == 0 || len(item.Procedures.Design)+len(item.Procedures.Operating) == 0 {
			t.Errorf("%s lacks evidence or procedures", item.ID)
		}
	}
	if stages["startup"] != 93 || stages["growth"] != 29 || stages["enterprise"] != 5 {
		t.Errorf("stages: %v", stages)
	}
	criteria, err := framework.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range criteria {
		if !covered[c.ID] {
			t.Errorf("the startup set covers nothing of %s", c.ID)
		}
	}
}

func TestAMalformedCatalogueIsRefused(t *testing.T) {
	good := `version: v
controls:
  - id: X-01
    title: t
    statement: s
    criteria: [CC1.1]
    family: x
    frequency: daily
    nature: preventive
    type: manual
    owner_role: r
    stage: startup
    evidence: [e]
    automated_checks: [{check: PLT-01, assert: a}]
    test_procedures: {design: [d], operating: [o]}
`
	known := map[string]bool{"CC1.1": true}
	if _, err := parse("control/x.yaml", []byte(good), known); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown criterion": {"CC1.1", "CC5.8", `"CC5.8", which is none`},
		"no criterion":      {"[CC1.1]", "[]", "serves no criterion"},
		"wrong file":        {"family: x", "family: y", `the family "y"`},
		"bad frequency":     {"daily", "often", `the frequency "often"`},
		"misspelt field":    {"nature:", "natur:", "control/x.yaml:9:5: there is no field \"natur\""},
		"missing evidence":  {"    evidence: [e]\n", "", "\"evidence\" is missing"},
	} {
		_, err := parse("control/x.yaml", []byte(strings.Replace(good, c.old, c.new, 1)), known)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// adopted is the first starter control, written by a person.
func adopted(t *testing.T, by record.Actor) map[string]any {
	t.Helper()
	items, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Adopt(items[0])
	if err != nil {
		t.Fatal(err)
	}
	return write(t, nil, decode(t, raw), by)
}

func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func write(t *testing.T, before, after map[string]any, by record.Actor) map[string]any {
	t.Helper()
	k := Kind()
	body, err := k.Written(before, after, by, noon)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func with(body map[string]any, field string, value any) map[string]any {
	out := map[string]any{field: value}
	for k, v := range body {
		if k != field {
			out[k] = v
		}
	}
	return out
}

func act(t *testing.T, body map[string]any, move string, said map[string]any, by record.Actor) map[string]any {
	t.Helper()
	k := Kind()
	after, err := k.Moved(body, move, said, by, noon)
	if err != nil {
		t.Fatalf("%s: %v", move, err)
	}
	return after
}

func TestAdoptedControlNamesOnlyDeclaredFields(t *testing.T) {
	k := Kind()
	for field := range adopted(t, ada) {
		if _, ok := k.FieldNamed(field); !ok {
			t.Errorf("the body has %q, which the kind does not declare", field)
		}
	}
}

func TestApprovalNeedsAnotherPerson(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		by      record.Actor
		allowed bool
	}{
		"another person":                {bob, true},
		"the author":                    {ada, false},
		"another account of the author": {adaAdmin, false},
		"an account without a person":   {stranger, false},
		"a job":                         {job, false},
	} {
		after, err := k.Moved(adopted(t, ada), "approve", nil, c.by, noon)
		if c.allowed != (err == nil) || err != nil && !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", name, err)
		}
		if c.allowed && (after["state"] != "approved" || after["approved_by"] != "p2" || after["approved_at"] != "2026-03-01T12:00:00Z") {
			t.Errorf("%s: %v", name, after)
		}
	}
	body := adopted(t, ada)
	body["authors"] = []any{}
	if _, err := k.Moved(body, "approve", nil, bob, noon); !fault.Is(err, fault.Denied) {
		t.Errorf("approved without a known author: %v", err)
	}
	if _, err := k.Moved(adopted(t, job), "approve", nil, ada, noon); err != nil {
		t.Errorf("what a job adopted, any person may approve: %v", err)
	}
}

func TestOperationNeedsOwnerFrequencyAndEvidence(t *testing.T) {
	k := Kind()
	owned := write(t, adopted(t, ada), with(adopted(t, ada), "owner", "p3"), ada)
	for _, field := range []string{"owner", "frequency", "evidence"} {
		body := act(t, with(owned, field, nil), "approve", nil, bob)
		if _, err := k.Moved(body, "activate", nil, ada, noon); !fault.Is(err, fault.Invalid) {
			t.Errorf("active without %s: %v", field, err)
		}
	}
	body := act(t, act(t, owned, "approve", nil, bob), "activate", nil, ada)
	if body["state"] != "active" {
		t.Error(body)
	}
	if _, err := k.Moved(owned, "activate", nil, bob, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("a draft went into operation unapproved: %v", err)
	}
}

func TestChangedTextNeedsANewApproval(t *testing.T) {
	owned := write(t, adopted(t, ada), with(adopted(t, ada), "owner", "p3"), ada)
	active := act(t, act(t, owned, "approve", nil, bob), "activate", nil, ada)
	if body := write(t, active, with(active, "owner", "p2"), ada); body["state"] != "active" {
		t.Errorf("a new owner needs no new approval, but the state is %v", body["state"])
	}
	for _, c := range []struct {
		field string
		value any
	}{{"statement", "less"}, {"frequency", "annual"}, {"checks", []any{}}, {"criteria", []any{"CC1.1"}}, {"evidence", []any{"a"}}} {
		body := write(t, active, with(active, c.field, c.value), bob)
		if body["state"] != "draft" || body["tailored"] != true {
			t.Errorf("%s changed: state %v, tailored %v", c.field, body["state"], body["tailored"])
		}
		k := Kind()
		if _, err := k.Moved(body, "approve", nil, bob, noon); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: who changed it approved it: %v", c.field, err)
		}
	}
}

func TestTailoredTellsTheTruth(t *testing.T) {
	copied := adopted(t, ada)
	if copied["tailored"] != false {
		t.Errorf("an untouched copy is tailored: %v", copied["tailored"])
	}
	changed := write(t, copied, with(copied, "statement", "Ours."), ada)
	fresh := with(with(copied, "statement", "Ours."), "tailored", false)
	delete(fresh, "authors")
	claimed := write(t, nil, fresh, ada)
	if changed["tailored"] != true || claimed["tailored"] != true {
		t.Errorf("changed %v, changed and claimed untouched %v", changed["tailored"], claimed["tailored"])
	}
	back := write(t, changed, with(changed, "statement", copied["statement"]), ada)
	if back["tailored"] != false {
		t.Error("a text put back to the catalogue's is the catalogue's")
	}
	if other := write(t, changed, with(changed, "catalogue_id", "GOV-01"), ada); other["catalogue_id"] != copied["catalogue_id"] {
		t.Errorf("the origin of the copy changed to %v", other["catalogue_id"])
	}
	k := Kind()
	if _, err := k.Written(nil, with(fresh, "catalogue_version", "catalogue-0"), ada, noon); !fault.Is(err, fault.Invalid) {
		t.Errorf("a copy of nothing: %v", err)
	}
	if own := write(t, nil, map[string]any{"id": "X-01", "title": "Ours"}, ada); own["tailored"] != nil {
		t.Errorf("a control of one's own is not tailored: %v", own)
	}
}

func TestRetiredStandsStill(t *testing.T) {
	k := Kind()
	if _, err := k.Moved(adopted(t, ada), "retire", nil, ada, noon); !fault.Is(err, fault.Invalid) {
		t.Errorf("retired without a reason: %v", err)
	}
	body := act(t, adopted(t, ada), "retire", map[string]any{"retired_reason": "Merged into AC-02."}, ada)
	if _, err := k.Written(body, with(body, "title", "t"), ada, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("a retired control changed: %v", err)
	}
}

func TestAdoptedAgainNeedsANewApproval(t *testing.T) {
	k := Kind()
	approved := act(t, adopted(t, ada), "approve", nil, bob)
	retired := act(t, approved, "retire", map[string]any{"retired_reason": "Not needed."}, bob)
	back := act(t, retired, "readopt", nil, bob)
	if back["state"] != "draft" || back["retired_reason"] != nil || back["retired_at"] != nil || approval.Of(back) != "" {
		t.Errorf("adopted again it is %v", back)
	}
	if _, err := k.Moved(back, "activate", nil, ada, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("it went into operation on its old approval: %v", err)
	}
	for name, by := range map[string]record.Actor{"who wrote it": ada, "who brought it back": bob} {
		if _, err := k.Moved(back, "approve", nil, by, noon); !fault.Is(err, fault.Denied) {
			t.Errorf("%s approved it: %v", name, err)
		}
	}
	cleo := record.Actor{User: "cleo", Person: "p9"}
	if again := act(t, back, "approve", nil, cleo); approval.Of(again) != approval.Ordinary {
		t.Errorf("approved anew it is %v", again)
	}
}

func TestAnAuthorsApprovalIsNeverAnOrdinaryOne(t *testing.T) {
	k := Kind()
	said := map[string]any{"review_due": "2026-04-01"}
	own := act(t, adopted(t, ada), "approve_own", said, ada)
	if own["state"] != "approved_by_author" || approval.Of(own) != approval.ByAuthor {
		t.Errorf("it is %v, approved as %v", own["state"], approval.Of(own))
	}
	for name, c := range map[string]struct {
		due string
		by  record.Actor
		why fault.Kind
	}{
		"somebody else": {"2026-04-01", bob, fault.Denied}, "an account of nobody": {"2026-04-01", stranger, fault.Denied}, "today": {"2026-03-01", ada, fault.Invalid},
		"beyond six months": {"2026-09-02", ada, fault.Invalid}, "no day": {"", ada, fault.Invalid},
	} {
		if _, err := k.Moved(adopted(t, ada), "approve_own", map[string]any{"review_due": c.due}, c.by, noon); !fault.Is(err, c.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	seen := map[string]any{"late_review": "Read it against how we work."}
	if _, err := k.Moved(own, "late_review", seen, adaAdmin, noon); !fault.Is(err, fault.Denied) {
		t.Errorf("the author reviewed their own approval: %v", err)
	}
	reviewed := act(t, own, "late_review", seen, bob)
	if reviewed["state"] != "approved_by_author" || approval.Of(reviewed) != approval.LaterReview {
		t.Errorf("reviewed later it is %v, %v", reviewed["state"], approval.Of(reviewed))
	}
	if _, err := k.Moved(reviewed, "late_review", seen, bob, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("reviewed twice: %v", err)
	}
	ordinary := act(t, adopted(t, ada), "approve", nil, bob)
	if _, err := k.Moved(ordinary, "late_review", seen, bob, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("an ordinary approval was reviewed later: %v", err)
	}
	again := write(t, own, with(own, "statement", "Ours."), ada)
	if approval.Of(again) != "" {
		t.Errorf("a changed text is still approved as %v", approval.Of(again))
	}
	both := write(t, own, with(own, "statement", "Ours, says Bob."), bob)
	if _, err := k.Moved(both, "approve", nil, ada, noon); !fault.Is(err, fault.Denied) {
		t.Errorf("whoever alone approved their own text approved it as another person once somebody changed it: %v", err)
	}
	if again = act(t, again, "approve", nil, bob); again["review_due"] != nil || approval.Of(again) != approval.Ordinary {
		t.Errorf("approved by another person, it still waits for a later review: %v", again["review_due"])
	}
}

func TestAdoptingSaysHowOftenItWillBeTested(t *testing.T) {
	from, to := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	for frequency, want := range map[string]int{"daily": 365, "weekly": 52, "monthly": 12, "quarterly": 4, "semiannual": 2, "annual": 1} {
		if n, spans := TestedPerWindow(frequency, from, to); n != want || !spans {
			t.Errorf("%s: %d times, want %d", frequency, n, want)
		}
	}
	for _, f := range []string{"continuous", "per_event"} {
		if _, spans := TestedPerWindow(f, from, to); spans {
			t.Errorf("%s is counted by the calendar", f)
		}
	}
	if n, _ := TestedPerWindow("annual", from, to.AddDate(0, -1, 0)); n != 0 {
		t.Errorf("a year that is not over by the end of the window is tested %d times", n)
	}
}

func TestTheCatalogueIsCutByStageAndCategory(t *testing.T) {
	items, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	count := func(stage string, categories ...string) (n int) {
		for _, i := range items {
			if i.Wanted(stage, categories) {
				n++
			}
		}
		return n
	}
	if all := count(""); all != 127 {
		t.Errorf("without a stage and categories %d controls are wanted", all)
	}
	small, whole := count("startup", framework.Security), count("startup", framework.Categories()...)
	if small >= whole || whole != 93 {
		t.Errorf("a start-up wants %d for security and %d for all", small, whole)
	}
	if p := count("enterprise", framework.Privacy); p == 0 || p >= count("enterprise", framework.Categories()...) {
		t.Errorf("%d controls serve privacy", p)
	}
}

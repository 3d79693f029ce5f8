package finding

import (
	"maps"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

var (
	ada      = record.Actor{User: "ada", Person: "p1"}
	adaAdmin = record.Actor{User: "ada-admin", Person: "p1"}
	bob      = record.Actor{User: "bob", Person: "p2"}
	stranger = record.Actor{User: "guest"}
	job      = record.Actor{Name: "job:check"}
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	repaired = map[string]any{"cause": "Default setting.", "change": "Turned it off in sshd_config."}
	seen     = map[string]any{"verification": "Signed in from outside; refused."}
	ended    = map[string]any{"lasting": "The image carries it.", "similar": "Looked at all hosts."}
)

func item(as string) map[string]any {
	out := map[string]any{"kind": "account", "key": "a1", "label": "root", "from": "2026-02-01T00:00:00Z"}
	if as != "" {
		out["to"], out["ended_as"] = "2026-03-01T00:00:00Z", as
	}
	return out
}

// failing is what the check job opens; items end as said.
func failing(t *testing.T, ends ...string) map[string]any {
	t.Helper()
	items := []any{}
	for _, as := range ends {
		items = append(items, item(as))
	}
	k := Kind()
	body, err := k.Written(nil, map[string]any{"title": "Root may sign in", "origin": "check", "check": "HOST-11", "severity": "high",
		"items": items}, job, noon)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func reported(t *testing.T) map[string]any {
	t.Helper()
	k := Kind()
	body, err := k.Written(nil, map[string]any{"title": "Door open", "origin": "report", "severity": "low"}, ada, noon)
	if err != nil {
		t.Fatal(err)
	}
	return body
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

func refused(t *testing.T, what string, body map[string]any, move string, said map[string]any, by record.Actor, kind fault.Kind) {
	t.Helper()
	k := Kind()
	if _, err := k.Moved(body, move, said, by, noon); !fault.Is(err, kind) {
		t.Errorf("%s: got %v, want %s", what, err, kind)
	}
}

func TestFindingRunsToItsClose(t *testing.T) {
	body := act(t, reported(t), "assign", map[string]any{"owner": "p2", "due": "2026-03-31"}, ada)
	body = act(t, body, "start", nil, bob)
	body = act(t, body, "fix", repaired, bob)
	body = act(t, body, "verify", seen, ada)
	body = act(t, body, "close", ended, ada)
	if body["state"] != "closed" || body["fixed_by"] != "p2" || body["verified_by"] != "p1" || body["closed_at"] != "2026-03-01T12:00:00Z" {
		t.Error(body)
	}
	k := Kind()
	other := maps.Clone(body)
	other["title"] = "something else"
	if _, err := k.Written(body, other, job, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("a closed finding was written: %v", err)
	}
	if same, err := k.Written(body, maps.Clone(body), job, noon); err != nil || same["state"] != "closed" {
		t.Errorf("the same again is no change: %v %v", same, err)
	}
}

func TestVerifierIsNotTheFixer(t *testing.T) {
	for name, c := range map[string]struct {
		fixer, verifier record.Actor
		allowed         bool
	}{
		"another person":              {bob, ada, true},
		"the fixer":                   {ada, ada, false},
		"the fixer's other account":   {ada, adaAdmin, false},
		"an account without a person": {ada, stranger, false},
		"a fixer without a person":    {stranger, ada, false},
		"a job":                       {ada, job, false},
	} {
		fixed := act(t, reported(t), "fix", repaired, c.fixer)
		if c.allowed {
			act(t, fixed, "verify", seen, c.verifier)
		} else {
			refused(t, name, fixed, "verify", seen, c.verifier, fault.Denied)
		}
	}
}

func TestWhatACheckFoundIsFixedWhenTheCheckSaysSo(t *testing.T) {
	for _, c := range []struct {
		ends    []string
		allowed bool
	}{
		{[]string{"pass"}, true},
		{[]string{"pass", "gone", "not_applicable"}, true},
		{[]string{"pass", ""}, false},
		{[]string{"unknown"}, false},
		{[]string{"pass", "unknown"}, false},
		{[]string{}, false},
	} {
		k := Kind()
		if _, err := k.Moved(failing(t, c.ends...), "fix", nil, job, noon); c.allowed != (err == nil) {
			t.Errorf("job, items ended as %q: %v", c.ends, err)
		}
		fixed := act(t, failing(t, c.ends...), "fix", repaired, bob) // a person may say so, nobody may verify it
		if _, err := k.Moved(fixed, "verify", seen, ada, noon); c.allowed != (err == nil) {
			t.Errorf("verified, items ended as %q: %v", c.ends, err)
		}
	}
	back := act(t, act(t, failing(t, "pass"), "fix", nil, job), "verify", seen, ada)
	back["items"] = []any{item("pass"), item("")}
	refused(t, "closed while it fails again", back, "close", ended, ada, fault.Conflict)
	act(t, back, "reopen", nil, job)
}

func TestAJobClosesNothing(t *testing.T) {
	refused(t, "fixed a report", reported(t), "fix", nil, job, fault.Denied)
	fixed := act(t, failing(t, "pass"), "fix", nil, job)
	refused(t, "verified", fixed, "verify", seen, job, fault.Denied)
	refused(t, "closed", act(t, fixed, "verify", seen, ada), "close", ended, job, fault.Denied)
	refused(t, "accepted", failing(t, ""), "accept_risk", map[string]any{"exception": "e1"}, job, fault.Denied)
	refused(t, "refuted", act(t, failing(t, ""), "claim_false", map[string]any{"claim": "It is a test host."}, ada), "confirm_false", nil, job, fault.Denied)
}

func TestRefutingTakesTwoPeople(t *testing.T) {
	claim := map[string]any{"claim": "It is a test host."}
	refused(t, "without a reason", failing(t, ""), "claim_false", nil, ada, fault.Invalid)
	claimed := act(t, failing(t, ""), "claim_false", claim, ada)
	refused(t, "by the claimant", claimed, "confirm_false", nil, ada, fault.Denied)
	refused(t, "by the claimant's other account", claimed, "confirm_false", nil, adaAdmin, fault.Denied)
	if body := act(t, claimed, "confirm_false", nil, bob); body["state"] != "false_positive" {
		t.Error(body)
	}
	owned := act(t, act(t, failing(t, ""), "assign", map[string]any{"owner": "p2", "due": "2026-03-31"}, ada), "claim_false", claim, ada)
	refused(t, "by the owner", owned, "confirm_false", nil, bob, fault.Denied)
	act(t, claimed, "reject_claim", nil, bob)
}

func TestMovesNeedTheirStatements(t *testing.T) {
	fixed := act(t, reported(t), "fix", repaired, bob)
	for _, c := range []struct {
		body map[string]any
		move string
	}{
		{reported(t), "assign"}, {reported(t), "fix"}, {fixed, "verify"}, {act(t, fixed, "verify", seen, ada), "close"},
		{fixed, "reopen"}, {reported(t), "accept_risk"}, {reported(t), "mark_duplicate"}, {reported(t), "escalate"},
	} {
		refused(t, c.move, c.body, c.move, nil, ada, fault.Invalid)
	}
	refused(t, "a check's finding as duplicate", failing(t, ""), "mark_duplicate", map[string]any{"duplicate_of": "f1"}, ada, fault.Conflict)
	if body := act(t, reported(t), "escalate", map[string]any{"escalated_to": "p2"}, ada); body["state"] != "open" || body["escalated_by"] != "p1" {
		t.Errorf("escalation changes no state: %v", body)
	}
}

func TestPeopleWriteNoCheckFindings(t *testing.T) {
	k := Kind()
	if _, err := k.Written(nil, map[string]any{"title": "t", "origin": "check", "check": "AC-01"}, ada, noon); !fault.Is(err, fault.Invalid) {
		t.Errorf("a person opened a check's finding: %v", err)
	}
	if _, err := k.Written(failing(t, ""), map[string]any{"title": "t", "origin": "check", "items": []any{item("pass")}, "severity": "high"}, ada, noon); !fault.Is(err, fault.Invalid) {
		t.Errorf("a person changed what the check said: %v", err)
	}
	kept, err := k.Written(failing(t, ""), map[string]any{"title": "t", "origin": "check", "severity": "high"}, ada, noon)
	if err != nil {
		t.Fatal(err)
	}
	if got := kept["items"].([]any)[0].(map[string]any); got["ended_as"] != nil || kept["check"] != "HOST-11" {
		t.Errorf("a person changed what the check said: %v", kept)
	}
}

func TestOverdueFromTheDayAfter(t *testing.T) {
	for _, c := range []struct {
		state, due string
		want       bool
	}{
		{"open", "2026-03-01", false}, {"open", "2026-02-28", true}, {"claimed_false", "2026-02-28", true},
		{"fixed", "2026-02-28", false}, {"open", "", false},
	} {
		if got := Overdue(map[string]any{"state": c.state, "due": c.due}, noon); got != c.want {
			t.Errorf("%s, due %q: %v", c.state, c.due, got)
		}
	}
}

func TestAnUnknownThatWasFollowedByAPassHoldsNothingUp(t *testing.T) {
	body := map[string]any{"items": []any{
		map[string]any{"kind": "k", "key": "a", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "ended_as": "unknown"},
		map[string]any{"kind": "k", "key": "a", "from": "2026-01-03T00:00:00Z", "to": "2026-01-04T00:00:00Z", "ended_as": "pass"}}}
	if err := passes(body); err != nil {
		t.Error(err)
	}
	body["items"] = append(body["items"].([]any), map[string]any{"kind": "k", "key": "b", "from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "ended_as": "unknown"})
	if passes(body) == nil {
		t.Error("another record's unknown was taken for a pass")
	}
}

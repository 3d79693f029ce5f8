package job

import (
	"slices"
	"testing"
)

func TestALateFindingIsEscalatedOnceAtEachStep(t *testing.T) {
	w := newWorld(t)
	w.put(t, "ada", "person", "bob", map[string]any{"id": "bob", "name": "bob", "email": "bob@example.org", "start": "2026-01-05", "manager": "cleo"})
	w.put(t, "ada", "finding", "f1", map[string]any{"title": "Door", "origin": "report", "severity": "low", "owner": "bob", "due": "2026-01-10"})
	for _, c := range []struct{ day, want string }{
		{"2026-01-10", "<nil> <nil>"},
		{"2026-01-11", "2026-01-11 [map[after_days:0 at:2026-01-11T12:00:00Z to:cleo]]"},
		{"2026-02-09", "2026-01-11 [map[after_days:0 at:2026-01-11T12:00:00Z to:cleo]]"},
		{"2026-02-10", "2026-01-11 [map[after_days:0 at:2026-01-11T12:00:00Z to:cleo] map[after_days:30 at:2026-02-10T12:00:00Z to:cleo]]"},
		{"2026-06-01", "2026-01-11 [map[after_days:0 at:2026-01-11T12:00:00Z to:cleo] map[after_days:30 at:2026-02-10T12:00:00Z to:cleo]]"},
	} {
		w.at(c.day)
		w.due(t)
		if got := w.lines(t, "finding", "overdue_since", "escalations"); got[0] != c.want {
			t.Errorf("on %s: %s", c.day, got[0])
		}
	}
}

func TestWhatWasAcceptedForATimeIsOpenAgainAfterIt(t *testing.T) {
	w := newWorld(t)
	w.put(t, "ada", "finding", "f1", map[string]any{"title": "Door", "origin": "report", "severity": "low"})
	w.put(t, "ada", "exception", "x1", map[string]any{"title": "Door", "clause": "4.1", "resources": []any{"door"}, "reason": "r", "risk": "r", "compensating": "guard", "severity": "low", "start": "2026-01-05", "expiry": "2026-02-01", "beneficiary": "ada"})
	if err := w.say(t, "bob", "exception", "x1", "approve", map[string]any{"decision": "Bearable."}); err != nil {
		t.Fatal(err)
	}
	if err := w.say(t, "bob", "finding", "f1", "accept_risk", map[string]any{"exception": "x1"}); err != nil {
		t.Fatal(err)
	}
	w.at("2026-02-01")
	w.due(t)
	if got := w.lines(t, "finding", "state"); !slices.Equal(got, []string{"risk_accepted"}) {
		t.Errorf("on the last day it is %q", got)
	}
	w.at("2026-02-02")
	w.due(t)
	if got := w.lines(t, "finding", "state", "reopened_reason"); !slices.Equal(got, []string{"open The exception x1 is expired."}) {
		t.Errorf("after it it is %q", got)
	}
}

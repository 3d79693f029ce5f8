package collect

import (
	"slices"
	"testing"
	"time"
)

func TestAConnectionIsDueByItsIntervalAndSoonerWhileItIsLost(t *testing.T) {
	began := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	run := func(outcome string, missing ...Missing) Summary {
		return Summary{Started: began, Outcome: outcome, Missing: missing}
	}
	lost, well := run(Failed, Missing{Reason: "It could not be reached."}), run(Complete)
	for _, c := range []struct {
		what       string
		every      string
		runs       []Summary
		least, end time.Duration
	}{
		{"complete", "1h", []Summary{well}, time.Hour, time.Hour + 5*time.Minute},
		{"incomplete", "1h", []Summary{run(Incomplete, Missing{Denied: true}), lost}, time.Hour, time.Hour + 5*time.Minute},
		{"a day", "24h", []Summary{well}, 24 * time.Hour, 24*time.Hour + 5*time.Minute},
		{"often", "1m", []Summary{well}, time.Minute, time.Minute + 6*time.Second},
		{"lost once", "1h", []Summary{lost, well}, 2 * time.Minute, 2 * time.Minute},
		{"lost thrice", "1h", []Summary{lost, lost, lost, well}, 8 * time.Minute, 8 * time.Minute},
		{"lost from the start", "1h", []Summary{lost, lost}, 4 * time.Minute, 4 * time.Minute},
		{"lost for long", "1h", slices.Repeat([]Summary{lost}, 40), time.Hour, time.Hour},
		{"lost, often", "1m", []Summary{lost, well}, time.Minute, time.Minute},
		{"killed", "1h", []Summary{run(Interrupted), well}, 2 * time.Minute, 2 * time.Minute},
		{"refused", "1h", []Summary{run(Failed, Missing{Reason: "401", Denied: true})}, time.Hour, time.Hour + 5*time.Minute},
		{"stopped by a person", "1h", []Summary{run(Failed, Missing{Reason: "Not read: " + stopped + "."})}, time.Hour, time.Hour + 5*time.Minute},
	} {
		got := Connection{Name: "shop", Every: c.every}.Due(c.runs).Sub(began)
		if got < c.least || got > c.end {
			t.Errorf("%s: due after %s, not from %s to %s", c.what, got, c.least, c.end)
		}
	}
	if got := (Connection{Every: "8760h"}).Interval(); got != longest {
		t.Errorf("what was set to be read once a year is expected every %v", got)
	}
	if !(Connection{Every: "1h"}).Due(nil).IsZero() {
		t.Error("what was never read is not due at once")
	}
	apart := map[time.Duration]bool{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		apart[Connection{Name: name, Every: "1h"}.Due([]Summary{well}).Sub(began)] = true
	}
	if len(apart) < 4 {
		t.Errorf("five connections are due at %v", apart)
	}
}

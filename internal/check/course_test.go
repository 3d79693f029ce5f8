package check

import (
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/store"
)

func TestOverATimeAFailureStandsAndAnUncoveredPassIsUnknown(t *testing.T) {
	s := Series{ID: 1, Started: 10, Ended: store.Forever}
	turns := []turn{{Status: codes[Pass], At: 20, N: 3}, {Status: codes[Fail], At: 40, N: 1}, {Status: codes[Fail], At: 60, N: 0}, {Status: codes[Unknown], At: 80, N: 2}}
	course := counted(s, turns, 0, 100)
	pieces := []piece{{From: 0, To: 10, Reason: "not in use"}, {From: 10, To: 30}, {From: 30, To: 50, Reason: "not read"}, {From: 50, To: 100}}
	var out []string
	for _, x := range covered(course, pieces) {
		out = append(out, fmt.Sprintf("%d-%d %s%s", x.From, x.To, x.Status, strings.TrimSpace(" "+x.Reason)))
	}
	want := "0-10 unknownnot in use, 10-20 not_applicable, 20-30 pass, 30-40 unknownnot read, 40-60 fail, 60-80 pass, 80-100 unknown"
	if got := strings.Join(out, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

package check

import (
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/store"
)

func TestOverATimeWhatWasNotReadIsUnknownAndAFailureThatWasReadStands(t *testing.T) {
	s := Series{ID: 1, Started: 10, Ended: store.Forever}
	turns := []turn{{Status: codes[Pass], At: 20, N: 3}, {Status: codes[Fail], At: 40, N: 1}, {Status: codes[Fail], At: 60, N: 0}, {Status: codes[Unknown], At: 80, N: 2}}
	course := counted(s, turns, 0, 100)
	pieces := []piece{{From: 0, To: 10, Reason: "not in use"}, {From: 10, To: 30}, {From: 30, To: 50, Reason: "not read"}, {From: 50, To: 100}}
	for _, c := range []struct {
		known []piece
		want  string
	}{
		{nil, "30-50 unknownnot read, 50-60 fail"},
		{[]piece{{From: 0, To: 20}, {From: 42, To: 45}, {From: 48, To: 70}}, "30-42 unknownnot read, 42-45 fail, 45-48 unknownnot read, 48-60 fail"},
		{[]piece{{From: 25, To: 90}}, "30-40 unknownnot read, 40-60 fail"},
	} {
		var out []string
		for _, x := range covered(course, pieces, c.known) {
			out = append(out, fmt.Sprintf("%d-%d %s%s", x.From, x.To, x.Status, strings.TrimSpace(" "+x.Reason)))
		}
		want := "0-10 unknownnot in use, 10-20 not_applicable, 20-30 pass, " + c.want + ", 60-80 pass, 80-100 unknown"
		if got := strings.Join(out, ", "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

package requirement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/calendar"
)

func piece(key, from, to string, reviewed bool) Piece {
	return Piece{Key: key, Covers: calendar.Span{From: calendar.Parse(from), To: calendar.Parse(to)}, Reviewed: reviewed}
}

func said(spans []Span) string {
	var out []string
	for _, s := range spans {
		out = append(out, fmt.Sprintf("%s..%s %s%v", calendar.Text(s.From)[5:], calendar.Text(s.To)[5:], s.State, s.Pieces))
	}
	return strings.Join(out, ", ")
}

func TestASpanIsMetOnlyByEvidenceOfItsOwnTime(t *testing.T) {
	monthly := Required{Frequency: "monthly", From: calendar.Parse("2026-01-01"), Grace: 5}
	quarterly := Required{Frequency: "quarterly", From: calendar.Parse("2026-01-01")}
	for name, c := range map[string]struct {
		r      Required
		pieces []Piece
		today  string
		want   string
	}{
		"nothing handed in":                  {monthly, nil, "2026-03-05", "01-01..01-31 gap[], 02-01..02-28 open[], 03-01..03-31 open[]"},
		"the day after its grace":            {monthly, nil, "2026-03-06", "01-01..01-31 gap[], 02-01..02-28 gap[], 03-01..03-31 open[]"},
		"one within each":                    {monthly, []Piece{piece("a", "2026-01-15", "2026-01-15", true), piece("b", "2026-02-01", "2026-02-28", true)}, "2026-02-20", "01-01..01-31 met[a], 02-01..02-28 met[b]"},
		"one over all of them":               {monthly, []Piece{piece("a", "2025-12-01", "2026-02-28", true)}, "2026-03-31", "01-01..01-31 met[a], 02-01..02-28 met[a], 03-01..03-31 open[]"},
		"one that only reaches in":           {quarterly, []Piece{piece("a", "2026-01-01", "2026-04-01", true)}, "2026-07-10", "01-01..03-31 met[a], 04-01..06-30 gap[], 07-01..09-30 open[]"},
		"two that together cover it":         {quarterly, []Piece{piece("a", "2025-12-01", "2026-02-15", true), piece("b", "2026-02-16", "2026-04-30", true)}, "2026-03-31", "01-01..03-31 met[a b]"},
		"two with a day between them":        {quarterly, []Piece{piece("a", "2025-12-01", "2026-02-15", true), piece("b", "2026-02-17", "2026-04-30", true)}, "2026-04-01", "01-01..03-31 gap[], 04-01..06-30 open[]"},
		"nobody else looked at it":           {monthly, []Piece{piece("a", "2026-01-15", "2026-01-15", false)}, "2026-01-31", "01-01..01-31 waiting[a]"},
		"one reviewed beside one that isn't": {monthly, []Piece{piece("a", "2026-01-15", "2026-01-15", false), piece("b", "2026-01-16", "2026-01-16", true)}, "2026-01-31", "01-01..01-31 met[b]"},
		"no period":                          {monthly, []Piece{piece("a", "", "", true), piece("b", "2026-01-01", "", true)}, "2026-02-20", "01-01..01-31 gap[], 02-01..02-28 open[]"},
		"no longer required":                 {Required{Frequency: "monthly", From: calendar.Parse("2026-01-10"), To: calendar.Parse("2026-02-10")}, nil, "2026-05-01", "01-10..01-31 gap[], 02-01..02-10 gap[]"},
		"not required yet":                   {Required{Frequency: "monthly", From: calendar.Parse("2026-06-01")}, nil, "2026-05-01", ""},
		"once, not handed in":                {Required{Frequency: "once", From: calendar.Parse("2026-01-10"), Grace: 5}, nil, "2026-01-16", "01-10..01-16 gap[]"},
		"once, from before":                  {Required{Frequency: "once", From: calendar.Parse("2026-01-10")}, []Piece{piece("a", "2025-01-01", "2026-01-09", true)}, "2026-02-16", "01-10..02-16 gap[]"},
		"once":                               {Required{Frequency: "once", From: calendar.Parse("2026-01-10")}, []Piece{piece("a", "2026-01-20", "2026-01-20", true)}, "2026-02-16", "01-10..02-16 met[a]"},
		"continuous, with a gap": {Required{Frequency: "continuous", From: calendar.Parse("2026-01-01")},
			[]Piece{piece("a", "2025-12-01", "2026-01-10", true), piece("b", "2026-01-13", "2026-01-20", false)}, "2026-01-21", "01-01..01-10 met[a], 01-11..01-12 gap[], 01-13..01-20 waiting[b], 01-21..01-21 gap[]"},
		"per event": {Required{Frequency: "per_event", From: calendar.Parse("2026-01-01")}, nil, "2026-05-01", ""},
	} {
		got := said(Spans(c.r, c.pieces, calendar.Parse("2026-01-01"), calendar.Parse("2026-12-31"), calendar.Parse(c.today)))
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestAControlsEvidenceRuleBecomesRequirements(t *testing.T) {
	got, err := Missing("AC-01", Rule{Frequency: "weekly", Owner: "ada", Evidence: []string{"List", "Minutes, signed", "Tickets"}}, []string{"Tickets"}, calendar.Parse("2026-01-05"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, c := range got {
		said = append(said, c.Key+" "+string(c.Body))
	}
	if !slices.Equal(said, []string{
		`AC-01.list {"control":"AC-01","frequency":"monthly","from":"2026-01-05","owner":"ada","title":"List"}`,
		`AC-01.minutes-signed {"control":"AC-01","frequency":"monthly","from":"2026-01-05","owner":"ada","title":"Minutes, signed"}`}) {
		t.Errorf("asked for %q", said)
	}
}

package calendar

import (
	"strings"
	"testing"
	"time"
)

func days(spans []Span) string {
	var out []string
	for _, s := range spans {
		out = append(out, Text(s.From)+".."+Text(s.To))
	}
	return strings.Join(out, " ")
}

func TestSpansFollowTheCalendar(t *testing.T) {
	for _, c := range []struct{ frequency, from, to, want string }{
		{"daily", "2028-02-28", "2028-03-01", "2028-02-28..2028-02-28 2028-02-29..2028-02-29 2028-03-01..2028-03-01"},
		{"daily", "2100-02-28", "2100-03-01", "2100-02-28..2100-02-28 2100-03-01..2100-03-01"},
		{"weekly", "2026-03-04", "2026-03-16", "2026-03-02..2026-03-08 2026-03-09..2026-03-15"},
		{"weekly", "2026-03-01", "2026-03-01", "2026-02-23..2026-03-01"},
		{"monthly", "2028-01-15", "2028-03-30", "2028-01-01..2028-01-31 2028-02-01..2028-02-29"},
		{"quarterly", "2026-01-01", "2026-12-31", "2026-01-01..2026-03-31 2026-04-01..2026-06-30 2026-07-01..2026-09-30 2026-10-01..2026-12-31"},
		{"semiannual", "2026-02-01", "2026-12-30", "2026-01-01..2026-06-30"},
		{"annual", "2026-07-01", "2027-06-30", "2026-01-01..2026-12-31"},
		{"annual", "2026-07-01", "2026-09-30", ""},
		{"continuous", "2026-01-01", "2026-12-31", ""},
		{"per_event", "2026-01-01", "2026-12-31", ""},
	} {
		if got := days(Within(c.frequency, Parse(c.from), Parse(c.to))); got != c.want {
			t.Errorf("%s within %s..%s: %s, want %s", c.frequency, c.from, c.to, got, c.want)
		}
	}
	if got := days(Over("quarterly", Parse("2026-02-10"), Parse("2026-05-02"))); got != "2026-02-10..2026-03-31 2026-04-01..2026-05-02" {
		t.Errorf("quarters cut at both ends: %s", got)
	}
}

func TestADayIsOneOfTheOrganisationsZone(t *testing.T) {
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	late := time.Date(2026, 3, 31, 12, 30, 0, 0, time.UTC) // already 1 April there
	if got := Text(Of(late, zone)); got != "2026-04-01" {
		t.Errorf("in Auckland it is %s", got)
	}
	if got := Text(Of(late, nil)); got != "2026-03-31" {
		t.Errorf("in UTC it is %s", got)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	if d := Ends(Parse("2026-03-29"), berlin).Sub(Begins(Parse("2026-03-29"), berlin)); d != 23*time.Hour {
		t.Errorf("the day the clocks go forward lasts %s", d)
	}
}

func TestSpansAreSaidAsPeopleSayThem(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"2026-03-01", "2026-03-31", "March 2026"}, {"2026-01-01", "2026-03-31", "Q1 2026"}, {"2026-07-01", "2026-12-31", "H2 2026"}, {"2026-01-01", "2026-12-31", "2026"},
		{"2026-03-02", "2026-03-08", "2 to 8 March 2026"}, {"2026-02-23", "2026-03-01", "23 February to 1 March 2026"}, {"2026-03-02", "2026-03-02", "2 March 2026"}, {"2026-12-28", "2027-01-03", "28 December 2026 to 3 January 2027"},
	} {
		if got := (Span{Parse(c.from), Parse(c.to)}).Words(); got != c.want {
			t.Errorf("%s..%s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

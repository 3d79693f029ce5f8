package standing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/store"
)

func stretch(from, to int, s check.Status) check.Stretch {
	return check.Stretch{From: store.Moment(from), To: store.Moment(to), Status: s}
}

func TestOverEachOtherChecksStandAsTheWorstOfThem(t *testing.T) {
	got := worst([][]check.Stretch{
		{stretch(0, 10, check.Pass), stretch(10, 20, check.Fail), stretch(20, 40, check.Pass)},
		{stretch(5, 15, check.Unknown), stretch(15, 30, check.NotApplicable)},
		{stretch(60, 70, check.NotApplicable)},
	})
	var out []string
	for _, x := range got {
		out = append(out, fmt.Sprintf("%d-%d %s", x.From, x.To, x.Status))
	}
	if s := strings.Join(out, ", "); s != "0-5 pass, 5-10 unknown, 10-20 fail, 20-40 pass" {
		t.Errorf("together: %s", s)
	}
}

func TestACellIsTheWorstThatWasSoInIt(t *testing.T) {
	day := func(s string) time.Time { return calendar.Begins(calendar.Parse(s), time.UTC) }
	span := calendar.Span{From: calendar.Parse("2026-01-01"), To: calendar.Parse("2026-01-04")}
	cells := Cells([]Interval{
		{Status: check.Pass, From: day("2026-01-01"), To: day("2026-01-04")},
		{Status: check.Fail, From: day("2026-01-02"), To: day("2026-01-03"), Reason: "missed"},
		{Status: check.NotApplicable, From: day("2026-01-04"), To: day("2026-01-05")},
	}, span, 4, time.UTC)
	var out []string
	for _, c := range cells {
		out = append(out, string(c.Status)+c.Reason)
	}
	if s := strings.Join(out, ","); s != "pass,failmissed,pass," {
		t.Errorf("cells: %s", s)
	}
	if two := Cells(nil, span, 12, time.UTC); len(two) != 4 || two[0].Status != "" {
		t.Errorf("nothing judged is drawn as %v", two)
	}
}

func TestPassingChecksAloneAreNotEnoughForWhatPeopleDo(t *testing.T) {
	part := func(name string, s check.Status) Part { return Part{Name: name, Status: s, Reason: name} }
	nothing := Part{Name: "occurrences", Nothing: true}
	for _, c := range []struct {
		typ   string
		parts []Part
		want  check.Status
	}{
		{"automated", []Part{part("checks", check.Pass), nothing}, check.Pass},
		{"hybrid", []Part{part("checks", check.Pass), nothing}, check.Unknown},
		{"", []Part{part("checks", check.Pass), nothing}, check.Unknown},
		{"hybrid", []Part{part("checks", check.Pass), part("evidence", check.Pass)}, check.Pass},
		{"manual", []Part{{Name: "checks", Nothing: true}, part("occurrences", check.Pass)}, check.Pass},
		{"manual", []Part{part("checks", check.Pass), part("occurrences", check.Fail), part("evidence", check.Unknown)}, check.Fail},
		{"manual", []Part{part("checks", check.Pass), part("occurrences", check.Pass), part("evidence", check.Unknown)}, check.Unknown},
		{"automated", []Part{{Name: "checks", Nothing: true}, nothing}, check.Unknown},
	} {
		if got, why := combine(c.typ, c.parts); got != c.want || got != check.Pass && why == "" {
			t.Errorf("%s %v: %s (%s), want %s", c.typ, c.parts, got, why, c.want)
		}
	}
}

func TestAWindowOfPassingChecksAloneIsNoPassOfWhatPeopleDo(t *testing.T) {
	span := calendar.Span{From: calendar.Parse("2026-01-01"), To: calendar.Parse("2026-01-04")}
	begin, end := store.At(calendar.Begins(span.From, time.UTC)), store.At(calendar.Ends(span.To, time.UTC))
	for typ, want := range map[string]check.Status{"automated": check.Pass, "hybrid": check.Unknown, "": check.Unknown} {
		c := Control{Key: "AC-01", Type: typ}
		c.Checks = []check.State{{Setup: check.Setup{Check: &check.Check{ID: "X-01"}}}}
		s := Summary{Controls: []Control{c}, Operation: &Operation{Zone: time.UTC, bodies: []body{{key: "AC-01", Type: typ}}}}
		for _, cell := range s.Cells("AC-01", span, Courses{"X-01": {{From: begin, To: end, Status: check.Pass}}}, 4) {
			if cell.Status != want {
				t.Errorf("%q: %s is drawn as %q, want %q", typ, cell.Words(), cell.Status, want)
			}
		}
		e := Effect{From: begin, To: end}
		courses := Courses{"X-01": {{From: begin, To: end, Status: check.Pass}}}
		hours := func() Hours {
			l, _ := s.ofControl(c, e, span, courses)
			return hoursOf(l.Stretches, begin, end)
		}
		if h := hours(); h != (Hours{Pass: 96}) && want == check.Pass || want == check.Unknown && h != (Hours{Unknown: 96}) {
			t.Errorf("%q: as a whole it stands at %+v", typ, h)
		}
		// What was missed stays missed, and what was done speaks from then on.
		s.Occurrences = map[string][]Occurrence{"AC-01": {{Key: "a", Control: "AC-01", From: "2026-01-02", To: "2026-01-02", Due: "2026-01-02", State: "performed_late"}}}
		s.Today = calendar.Parse("2026-01-05")
		want := Hours{Pass: 72, Fail: 24}
		if typ != "automated" {
			want = Hours{Pass: 48, Fail: 24, Unknown: 24}
		}
		l, lines := s.ofControl(c, e, span, courses)
		if h := hours(); h != want || l.Failed != 1 || len(lines) != 2 || lines[1].About != "occurrences" || lines[1].Failed != 1 {
			t.Errorf("%q: with a late performance it stands at %+v, want %+v: %+v", typ, h, want, lines)
		}
	}
}

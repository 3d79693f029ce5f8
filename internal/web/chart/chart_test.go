package chart

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"
)

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("%v in %s", err, svg)
		}
		if e, ok := tok.(xml.StartElement); ok {
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("<%s %s=%q>", e.Name.Local, a.Name.Local, a.Value)
				}
			}
		}
	}
}

func TestChartsAreWellFormedWhateverTheyAreGiven(t *testing.T) {
	nasty := `<"&'>`
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	one := []Series{{Name: nasty, Class: "pass", Values: []float64{3}}}
	for name, svg := range map[string]string{
		"stack":         Stack(nasty, []string{nasty}, nil, one...),
		"linked stack":  Stack(nasty, []string{nasty}, []string{`/x?a="b"&c=d`}, one...),
		"empty stack":   Stack("t", []string{"a"}, nil, Series{Class: "fail", Values: []float64{0}}),
		"donut of one":  Donut(nasty, "3", nasty, one...),
		"donut of none": Donut("t", "0", "", Series{Class: "pass", Values: []float64{0}}),
		"share of none": Share("t", Series{Class: "pass", Values: []float64{0}}),
		"timeline":      Timeline(nasty, now.Add(-time.Hour), now, now, nil, []Row{{Label: nasty, Intervals: []Interval{{From: now.Add(-2 * time.Hour), Class: "fail", Title: nasty, Href: `/x?a="b"`}}}}),
		"instant":       Timeline("t", now.Add(-time.Second), now, now, nil, []Row{{Label: "a", Intervals: []Interval{{From: now, Class: "pass"}}}}),
		"patterns":      Patterns,
		"swatch":        Swatch("unknown"),
	} {
		t.Run(name, func(t *testing.T) { wellFormed(t, svg) })
	}
}

// An empty workspace must not look like a good one.
func TestNothingIsDrawnAsNothing(t *testing.T) {
	none := Series{Class: "pass", Values: []float64{0}}
	for _, svg := range []string{Donut("t", "0", "", none), Share("t", none)} {
		if strings.Contains(svg, "pass") || !strings.Contains(svg, "none") {
			t.Errorf("nothing was drawn as %s", svg)
		}
	}
}

func TestTimelineLeavesUnknownTimeEmpty(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	svg := Timeline("t", now.Add(-10*time.Hour), now, now, nil, []Row{{Label: "a", Intervals: []Interval{
		{From: now.Add(-9 * time.Hour), To: now.Add(-8 * time.Hour), Class: "pass"}, {From: now.Add(-20 * time.Hour), To: now.Add(-15 * time.Hour), Class: "fail"}, {From: now.Add(time.Hour), Class: "fail"}}}})
	if strings.Count(svg, `class="fill`) != 1 || strings.Contains(svg, "fail") {
		t.Errorf("drawn beyond what is known: %s", svg)
	}
}

func TestTicksAreFewAndInside(t *testing.T) {
	to := time.Date(2026, 11, 22, 12, 3, 4, 0, time.UTC)
	for _, span := range []time.Duration{time.Second, time.Minute, 10 * time.Minute, time.Hour, 9 * time.Hour, 29 * time.Hour, 14 * 24 * time.Hour, 380 * 24 * time.Hour, 5000 * 24 * time.Hour} {
		ts := ticks(to.Add(-span), to)
		if len(ts) > 10 {
			t.Errorf("%s has %d ticks", span, len(ts))
		}
		for _, x := range ts {
			if x.at.After(to) || x.at.Before(to.Add(-span)) {
				t.Errorf("%s has a tick at %s", span, x.at)
			}
		}
	}
}

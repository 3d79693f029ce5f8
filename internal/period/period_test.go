package period

import (
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

func TestPeriodRefusesWhatNoExaminationCanHave(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		body    map[string]any
		refused bool
	}{
		"a year":                {map[string]any{"type": "type_2", "categories": []any{"security"}, "from": "2026-01-01", "to": "2026-12-31"}, false},
		"a day":                 {map[string]any{"type": "type_2", "categories": []any{"security"}, "from": "2026-01-01", "to": "2026-01-01"}, false},
		"two years, unusual":    {map[string]any{"type": "type_2", "categories": []any{"security"}, "from": "2026-01-01", "to": "2027-12-31"}, false},
		"reversed":              {map[string]any{"type": "type_2", "categories": []any{"security"}, "from": "2026-06-30", "to": "2026-01-01"}, true},
		"no first day":          {map[string]any{"type": "type_2", "categories": []any{"security"}, "to": "2026-12-31"}, true},
		"a Type I has one date": {map[string]any{"type": "type_1", "categories": []any{"security"}, "to": "2026-12-31"}, false},
		"no security":           {map[string]any{"type": "type_1", "categories": []any{"privacy"}, "to": "2026-12-31"}, true},
	} {
		_, err := k.Written(nil, c.body, record.Actor{User: "ada"}, time.Time{})
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnUnusualWindowIsSaidAndNotRefused(t *testing.T) {
	for _, c := range []struct {
		from, to string
		unusual  bool
	}{
		{"2026-01-01", "2026-03-31", false}, {"2026-01-01", "2026-03-30", true},
		{"2026-01-01", "2026-12-31", false}, {"2026-01-01", "2027-01-01", true},
		{"2026-02-28", "2026-05-27", false},
	} {
		from, _ := time.Parse(time.DateOnly, c.from)
		to, _ := time.Parse(time.DateOnly, c.to)
		if got := Unusual(from, to); (got != "") != c.unusual {
			t.Errorf("%s to %s: %q", c.from, c.to, got)
		}
	}
}

func TestDaysAreCountedByTheCalendarOfTheZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	p := Period{From: "2026-01-01", To: "2026-12-31"}
	for at, want := range map[string]int{
		"2025-12-31T22:59:59Z": 0, "2025-12-31T23:00:00Z": 1, "2026-03-29T21:30:00Z": 88, // the night of the clock change has 23 hours
		"2026-03-29T22:30:00Z": 89, "2026-11-22T12:00:00Z": 326, "2026-12-31T22:59:59Z": 365, "2026-12-31T23:00:00Z": 366,
	} {
		now, _ := time.Parse(time.RFC3339, at)
		if day, total := p.Day(now, berlin); day != want || total != 365 {
			t.Errorf("%s is day %d of %d, want %d of 365", at, day, total, want)
		}
	}
}

func TestAPeriodicControlFallsDueAtLeastOnce(t *testing.T) {
	for _, c := range []struct {
		frequency string
		days      int
		want      int
	}{{"annual", 90, 1}, {"annual", 365, 1}, {"quarterly", 365, 4}, {"quarterly", 90, 1}, {"monthly", 365, 12}, {"weekly", 365, 52}, {"daily", 365, 365}, {"per_event", 365, 0}, {"continuous", 365, 0}, {"monthly", 0, 0}} {
		if got := Occasions(c.frequency, c.days); got != c.want {
			t.Errorf("%s in %d days: %d, want %d", c.frequency, c.days, got, c.want)
		}
	}
}

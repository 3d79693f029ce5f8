package occurrence

import (
	"strings"
	"testing"

	"tickmark/internal/calendar"
	"tickmark/internal/control"
)

func active(from, frequency string, grace int) Version {
	return Version{From: calendar.Parse(from), State: "active", Frequency: frequency, Grace: grace}
}

func in(from, state string) Version { return Version{From: calendar.Parse(from), State: state} }

func asked(versions []Version, from, to string) string {
	var out []string
	for _, d := range Scheduled(Terms(versions), calendar.Parse(from), calendar.Parse(to)) {
		s := calendar.Text(d.From) + ".." + calendar.Text(d.To)
		if !d.Due.Equal(d.To) {
			s += " due " + calendar.Text(d.Due)
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestAControlIsAskedForInEverySpanOfItsWindow(t *testing.T) {
	for name, c := range map[string]struct {
		versions       []Version
		from, to, want string
	}{
		"active long before":         {[]Version{active("2020-05-05", "quarterly", 0)}, "2026-01-01", "2026-12-31", "2026-01-01..2026-03-31, 2026-04-01..2026-06-30, 2026-07-01..2026-09-30, 2026-10-01..2026-12-31"},
		"activated in a span":        {[]Version{active("2026-02-10", "quarterly", 10)}, "2026-01-01", "2026-06-30", "2026-02-10..2026-03-31 due 2026-04-10, 2026-04-01..2026-06-30 due 2026-07-10"},
		"a year that ends in it":     {[]Version{active("2026-03-01", "annual", 0)}, "2026-07-01", "2027-06-30", "2026-03-01..2026-12-31"},
		"a year that does not":       {[]Version{active("2026-01-01", "annual", 0)}, "2026-01-01", "2026-03-31", ""},
		"leap day":                   {[]Version{active("2028-01-01", "daily", 0)}, "2028-02-28", "2028-03-01", "2028-02-28..2028-02-28, 2028-02-29..2028-02-29, 2028-03-01..2028-03-01"},
		"never in operation":         {[]Version{in("2026-01-01", "draft"), in("2026-01-02", "approved")}, "2026-01-01", "2026-12-31", ""},
		"a revision is no pause":     {[]Version{active("2026-01-01", "monthly", 0), in("2026-02-05", "draft"), active("2026-02-25", "monthly", 0)}, "2026-01-01", "2026-03-31", "2026-01-01..2026-01-31, 2026-02-01..2026-02-28, 2026-03-01..2026-03-31"},
		"retired makes no more":      {[]Version{active("2026-01-01", "monthly", 0), in("2026-03-10", "retired")}, "2026-01-01", "2026-12-31", "2026-01-01..2026-01-31, 2026-02-01..2026-02-28"},
		"retired on its first day":   {[]Version{active("2026-01-01", "monthly", 0), in("2026-01-01", "retired")}, "2026-01-01", "2026-12-31", ""},
		"more often from mid-window": {[]Version{active("2026-01-01", "quarterly", 0), active("2026-05-10", "monthly", 5)}, "2026-01-01", "2026-08-31", "2026-01-01..2026-03-31, 2026-04-01..2026-06-30, 2026-06-01..2026-06-30 due 2026-07-05, 2026-07-01..2026-07-31 due 2026-08-05, 2026-08-01..2026-08-31 due 2026-09-05"},
		"less often from mid-window": {[]Version{active("2026-01-01", "monthly", 0), active("2026-03-15", "quarterly", 0)}, "2026-01-01", "2026-06-30", "2026-01-01..2026-01-31, 2026-02-01..2026-02-28, 2026-03-01..2026-03-31, 2026-04-01..2026-06-30"},
		"changed between two spans":  {[]Version{active("2026-01-01", "monthly", 0), active("2026-04-01", "quarterly", 0)}, "2026-01-01", "2026-06-30", "2026-01-01..2026-01-31, 2026-02-01..2026-02-28, 2026-03-01..2026-03-31, 2026-04-01..2026-06-30"},
		"continuous has none":        {[]Version{active("2026-01-01", "continuous", 0)}, "2026-01-01", "2026-12-31", ""},
	} {
		if got := asked(c.versions, c.from, c.to); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// Whatever a new version says, what was asked for in spans that had begun is asked for as before.
func TestANewVersionNeverChangesWhatHadBegun(t *testing.T) {
	frequencies := []string{"daily", "weekly", "monthly", "quarterly", "semiannual", "annual", "continuous", "per_event"}
	for _, old := range frequencies {
		for _, fresh := range frequencies {
			for _, change := range []string{"2026-03-01", "2026-03-15", "2026-06-30", "2026-07-01"} {
				before := Scheduled(Terms([]Version{active("2026-01-05", old, 3)}), calendar.Parse("2026-01-01"), calendar.Parse("2026-12-31"))
				after := Scheduled(Terms([]Version{active("2026-01-05", old, 3), active(change, fresh, 9)}), calendar.Parse("2026-01-01"), calendar.Parse("2026-12-31"))
				have := map[Due]bool{}
				for _, d := range after {
					have[d] = true
				}
				for _, d := range before {
					if d.From.Before(calendar.Parse(change)) && !have[d] {
						t.Errorf("%s to %s on %s: %s is no longer asked for", old, fresh, change, d.Words())
					}
				}
			}
		}
	}
}

func TestAnEventAsksForOnePerformanceWhileTheControlIsInOperation(t *testing.T) {
	e := control.Events{Kind: "person", Where: "has(r.end)", Date: "end", Days: 1}
	terms := Terms([]Version{{From: calendar.Parse("2026-02-01"), State: "active", Frequency: "per_event", Grace: 2, Events: e}, in("2026-06-01", "retired")})
	if d, ok := ForEvent(terms, e.Question(), calendar.Parse("2026-03-31")); !ok || calendar.Text(d.To) != "2026-04-01" || calendar.Text(d.Due) != "2026-04-03" {
		t.Errorf("a last day in March: %v %v", d, ok)
	}
	for _, day := range []string{"2026-01-31", "2026-06-01"} {
		if _, ok := ForEvent(terms, e.Question(), calendar.Parse(day)); ok {
			t.Errorf("%s asks for it, when the control was not in operation", day)
		}
	}
	if _, ok := ForEvent(terms, control.Events{Kind: "git_commit"}, calendar.Parse("2026-03-31")); ok {
		t.Error("a record of another kind asks for it")
	}
}

func TestOccurrencesAreMadeForThePeriodOrTheNextYear(t *testing.T) {
	day := calendar.Parse
	for _, c := range []struct{ from, to, today, want string }{
		{"2026-01-01", "2026-06-30", "2026-06-30", "2026-01-01..2026-06-30"},
		{"2026-01-01", "2026-06-30", "2026-07-01", "2026-07-01..2027-06-30"},
		{"", "2026-06-30", "2026-02-01", "2026-02-01..2027-01-31"},
		{"", "", "2028-02-29", "2028-02-29..2029-02-28"},
	} {
		w := Window(day(c.from), day(c.to), day(c.today))
		if got := calendar.Text(w.From) + ".." + calendar.Text(w.To); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

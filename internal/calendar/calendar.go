// Package calendar counts days and the spans in which something is due again. The one rule: a day is a date of the
// organisation's own zone and no moment; spans are those of the calendar, so that the same days are the same span in every
// window and however often they are asked for.
package calendar

import (
	"fmt"
	"time"
)

// Day is a date, held as its midnight in UTC so that days can be compared and added.
type Day = time.Time

// Of is the date of a moment in a zone; nil is UTC.
func Of(t time.Time, zone *time.Location) Day {
	if zone == nil {
		zone = time.UTC
	}
	t = t.In(zone)
	return Date(t.Year(), t.Month(), t.Day())
}

// Date is a day by its numbers.
func Date(year int, month time.Month, day int) Day {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// Parse reads YYYY-MM-DD; the zero day when there is none.
func Parse(s string) Day {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Day{}
	}
	return t
}

// Text writes YYYY-MM-DD.
func Text(d Day) string { return d.Format(time.DateOnly) }

// Begins is the moment at which a day begins in a zone.
func Begins(d Day, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone)
}

// Ends is the moment at which a day is over in a zone.
func Ends(d Day, zone *time.Location) time.Time { return Begins(d.AddDate(0, 0, 1), zone) }

// Span is a run of days, inclusive at both ends.
type Span struct{ From, To Day }

// Has reports whether the day is in the span.
func (s Span) Has(d Day) bool { return !d.Before(s.From) && !d.After(s.To) }

// Words writes the span as people say it: "March 2026", "Q1 2026", "2 to 8 March 2026".
func (s Span) Words() string {
	next := s.To.AddDate(0, 0, 1)
	whole := s.From.Day() == 1 && next.Day() == 1
	months := (next.Year()-s.From.Year())*12 + int(next.Month()) - int(s.From.Month())
	switch {
	case s.From.Equal(s.To):
		return s.From.Format("2 January 2006")
	case whole && months == 1:
		return s.From.Format("January 2006")
	case whole && months == 3 && (s.From.Month()-1)%3 == 0:
		return fmt.Sprintf("Q%d %d", (s.From.Month()-1)/3+1, s.From.Year())
	case whole && months == 6 && (s.From.Month()-1)%6 == 0:
		return fmt.Sprintf("H%d %d", (s.From.Month()-1)/6+1, s.From.Year())
	case whole && months == 12 && s.From.Month() == 1:
		return fmt.Sprint(s.From.Year())
	case s.From.Year() != s.To.Year():
		return s.From.Format("2 January 2006") + " to " + s.To.Format("2 January 2006")
	case s.From.Month() != s.To.Month():
		return s.From.Format("2 January") + " to " + s.To.Format("2 January 2006")
	}
	return s.From.Format("2") + " to " + s.To.Format("2 January 2006")
}

// Around is the whole span of a frequency in which a day lies; false for what has no spans, such as continuous or per_event.
// Weeks begin on Monday.
func Around(frequency string, d Day) (Span, bool) {
	months := 0
	switch frequency {
	case "daily":
		return Span{d, d}, true
	case "weekly":
		monday := d.AddDate(0, 0, -int(d.Weekday()+6)%7)
		return Span{monday, monday.AddDate(0, 0, 6)}, true
	case "monthly":
		months = 1
	case "quarterly":
		months = 3
	case "semiannual":
		months = 6
	case "annual":
		months = 12
	default:
		return Span{}, false
	}
	first := Date(d.Year(), d.Month()-(d.Month()-1)%time.Month(months), 1)
	return Span{first, first.AddDate(0, months, -1)}, true
}

// Within are the spans of a frequency whose last day lies between from and to, both inclusive, in order.
func Within(frequency string, from, to Day) []Span {
	var out []Span
	s, ok := Around(frequency, from)
	for ok && !s.To.After(to) {
		out = append(out, s)
		s, ok = Around(frequency, s.To.AddDate(0, 0, 1))
	}
	return out
}

// Over are the spans of a frequency that have a day between from and to, the first and last cut at them.
func Over(frequency string, from, to Day) []Span {
	var out []Span
	s, ok := Around(frequency, from)
	for ok && !s.From.After(to) {
		cut := s
		if cut.From.Before(from) {
			cut.From = from
		}
		if cut.To.After(to) {
			cut.To = to
		}
		out = append(out, cut)
		s, ok = Around(frequency, s.To.AddDate(0, 0, 1))
	}
	return out
}

package occurrence

import (
	"tickmark/internal/calendar"
	"tickmark/internal/control"
)

// Version is one version of a control, as far as its occurrences go.
type Version struct {
	From      calendar.Day // the day on which it began to hold
	State     string       // draft, approved, active, retired
	Frequency string
	Grace     int // days after a span in which its performance is still in time
	Events    control.Events
}

// Term is a time in which a control was in operation under one frequency. A zero To is still so.
type Term struct {
	From, To  calendar.Day // inclusive
	Frequency string
	Grace     int
	Events    control.Events
}

// Terms are when a control was in operation, from its versions in order. While a new version waits for approval, the last
// active one goes on: revising a text is no pause. A retired control is in operation until the day before.
func Terms(versions []Version) []Term {
	var out []Term
	for _, v := range versions {
		open := len(out) > 0 && out[len(out)-1].To.IsZero()
		switch v.State {
		case "retired":
			if open {
				out[len(out)-1].To = v.From.AddDate(0, 0, -1)
			}
		case "active":
			next := Term{From: v.From, Frequency: v.Frequency, Grace: v.Grace, Events: v.Events}
			if open {
				last := &out[len(out)-1]
				if last.Frequency == v.Frequency && last.Grace == v.Grace && last.Events == v.Events {
					continue
				}
				if last.To = v.From.AddDate(0, 0, -1); last.To.Before(last.From) {
					out = out[:len(out)-1] // it held for no whole day
				}
			}
			out = append(out, next)
		}
	}
	return out
}

// Due is one performance that the calendar asks for.
type Due struct {
	calendar.Span
	Due calendar.Day
}

// Scheduled are the performances that terms ask for, of spans whose last day lies between from and to. A span in which a
// term begins counts from that day. The span in progress when a new version begins stays as it was, due under the old one;
// the new version's first, cut span is left out when it ends no later. With the control retired, a span that was not over
// by then is not asked for.
func Scheduled(terms []Term, from, to calendar.Day) []Due {
	var out []Due
	if n := len(terms); n > 0 && !terms[n-1].To.IsZero() && terms[n-1].To.Before(to) {
		to = terms[n-1].To // retired
	}
	promised := calendar.Day{} // the last day of the span in progress when the last term ended
	for i, t := range terms {
		begins := t.From
		if begins.Before(from) {
			if s, ok := calendar.Around(t.Frequency, from); ok && s.From.After(begins) {
				begins = s.From
			}
		}
		last := to
		if !t.To.IsZero() && t.To.Before(to) {
			last = t.To
			if s, ok := calendar.Around(t.Frequency, t.To); ok && i+1 < len(terms) && terms[i+1].From.Equal(t.To.AddDate(0, 0, 1)) {
				last = s.To // changed, not retired: what had begun goes on
			}
		}
		for n, s := range calendar.Over(t.Frequency, begins, last) {
			whole, _ := calendar.Around(t.Frequency, s.From)
			if s.To.Before(whole.To) || s.To.Before(from) || s.To.After(to) {
				continue // not over by the end of the window, of the term, or before it
			}
			if n == 0 && s.From.After(whole.From) && !promised.IsZero() && !s.To.After(promised) {
				continue
			}
			out = append(out, Due{s, s.To.AddDate(0, 0, t.Grace)})
		}
		promised = calendar.Day{}
		if last.After(t.To) && !t.To.IsZero() {
			promised = last
		}
	}
	return out
}

// ForEvent is the performance that an event on a day asks for, if a term that asks the same question counts that day.
func ForEvent(terms []Term, asked control.Events, on calendar.Day) (Due, bool) {
	for _, t := range terms {
		if t.Events.Question() == asked && !on.Before(t.From) && (t.To.IsZero() || !on.After(t.To)) {
			last := on.AddDate(0, 0, t.Events.Days)
			return Due{calendar.Span{From: on.AddDate(0, 0, -t.Events.Lead), To: last}, last.AddDate(0, 0, t.Grace)}, true
		}
	}
	return Due{}, false
}

// Key names the occurrence of a control's span, the same whenever it is asked for.
func Key(control string, from calendar.Day) string { return control + "." + calendar.Text(from) }

// EventKey names the occurrence that an event asks for. A record may change many times, so that a change is named with its
// day; for any other event the day is zero.
func EventKey(control, kind, key string, on calendar.Day) string {
	if on.IsZero() {
		return control + "." + kind + "." + key
	}
	return control + "." + kind + "." + key + "." + calendar.Text(on)
}

// Window is the time for which occurrences are made: the current period, or the next twelve months when there is none or
// it is over.
func Window(from, to, today calendar.Day) calendar.Span {
	if !from.IsZero() && !to.IsZero() && !today.After(to) {
		return calendar.Span{From: from, To: to}
	}
	return calendar.Span{From: today, To: today.AddDate(1, 0, -1)}
}

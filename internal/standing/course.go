package standing

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/requirement"
	"tickmark/internal/store"
)

// Interval is a time in which one part of a control stood the same, by what is on record now. What was missed stays missed:
// doing it late changes today's state and never the window's.
type Interval struct {
	Part     string // checks, occurrences, evidence
	Status   check.Status
	From, To time.Time
	Reason   string
	Key      string // of the occurrence, when it is one
	Title    string // of the requirement, when it is one
}

// Courses are how checks stood over a time; Monitor.Courses makes them.
type Courses map[string][]check.Stretch

// Follow reads how all checks stood from one day to another, for Intervals.
func Follow(ctx context.Context, monitor *check.Monitor, o *Operation, span calendar.Span) (Courses, error) {
	return monitor.Courses(ctx, store.At(calendar.Begins(span.From, o.Zone)), store.At(calendar.Ends(span.To, o.Zone)))
}

// Intervals are those of a control over a span of days, part by part and in order. What was not due, or not observed, is
// in none.
func (s Summary) Intervals(key string, span calendar.Span, courses Courses) []Interval {
	i := slices.IndexFunc(s.Controls, func(c Control) bool { return c.Key == key })
	j := slices.IndexFunc(s.bodies, func(b body) bool { return b.key == key })
	if i < 0 || j < 0 {
		return nil
	}
	var all [][]check.Stretch
	for _, c := range s.Controls[i].Checks {
		if course := courses[c.ID]; len(course) > 0 {
			all = append(all, course)
		}
	}
	var out []Interval
	for _, x := range worst(all) {
		out = append(out, Interval{Part: "checks", Status: x.Status, From: x.From.Time(), To: x.To.Time(), Reason: x.Reason})
	}
	return append(out, s.Operation.intervals(s.bodies[j], span)...)
}

func (o *Operation) intervals(b body, span calendar.Span) []Interval {
	var out []Interval
	for _, x := range o.Occurrences[b.key] {
		days := o.Span(x)
		if days.From.After(span.To) || days.To.Before(span.From) {
			continue
		}
		status, why := o.judged(b, x)
		if o.Missed(x) {
			status = check.Fail
			if x.State == "performed_late" {
				why = days.Words() + " was done after its due date, " + x.Due + "."
			}
		}
		if x.State == "not_applicable" {
			status, why = check.NotApplicable, "Nothing called for it."
		}
		if status != "" {
			out = append(out, Interval{Part: "occurrences", Status: status, From: calendar.Begins(days.From, o.Zone), To: calendar.Ends(days.To, o.Zone), Reason: why, Key: x.Key})
		}
	}
	if why := o.untold[b.key]; why != "" && !o.Today.Before(span.From) {
		out = append(out, Interval{Part: "occurrences", Status: check.Unknown, From: calendar.Begins(span.From, o.Zone), To: calendar.Ends(earlier(span.To, o.Today), o.Zone), Reason: why})
	}
	for _, r := range o.Requirements[b.key] {
		for _, s := range r.Spans {
			if s.State == requirement.Open || s.From.After(span.To) || s.To.Before(span.From) {
				continue
			}
			v := Interval{Part: "evidence", Status: check.Unknown, From: calendar.Begins(s.From, o.Zone), To: calendar.Ends(s.To, o.Zone), Title: r.Title, Reason: "Nothing covers it."}
			switch s.State {
			case requirement.Met:
				v.Status, v.Reason = check.Pass, ""
			case requirement.Waiting:
				v.Reason = "What covers it waits for review."
			}
			out = append(out, v)
		}
	}
	return out
}

func earlier(a, b calendar.Day) calendar.Day {
	if b.Before(a) {
		return b
	}
	return a
}

// worst lays courses over each other: at each moment the worst of them, what applies to nothing left out.
func worst(all [][]check.Stretch) []check.Stretch {
	var cuts []store.Moment
	for _, course := range all {
		for _, x := range course {
			cuts = append(cuts, x.From, x.To)
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var out []check.Stretch
	at := make([]int, len(all)) // where each course is
	for i := 0; i+1 < len(cuts); i++ {
		var statuses []check.Status
		why := ""
		for n, course := range all {
			for at[n] < len(course) && course[at[n]].To <= cuts[i] {
				at[n]++
			}
			if at[n] < len(course) && course[at[n]].From <= cuts[i] && course[at[n]].Status != check.NotApplicable {
				statuses = append(statuses, course[at[n]].Status)
				why = cmp.Or(why, course[at[n]].Reason)
			}
		}
		if len(statuses) == 0 {
			continue
		}
		x := check.Stretch{From: cuts[i], To: cuts[i+1], Status: check.Worst(statuses...)}
		if x.Status == check.Unknown {
			x.Reason = why
		}
		if n := len(out); n > 0 && out[n-1].To == x.From && out[n-1].Status == x.Status && out[n-1].Reason == x.Reason {
			out[n-1].To = x.To
			continue
		}
		out = append(out, x)
	}
	return out
}

// Cell is how a control stood in one stretch of days, all parts together; with nothing judged it is empty.
type Cell struct {
	calendar.Span
	Status check.Status
	Reason string
	people bool // something but checks was judged in it
}

// Cells are those of a control: its intervals over a span in n stretches. Passing checks are not enough for what people do, here
// as little as in the control's state: a stretch with nothing else on record is unknown.
func (s Summary) Cells(key string, span calendar.Span, courses Courses, n int) []Cell {
	out := Cells(s.Intervals(key, span, courses), span, n, s.Zone)
	if i := slices.IndexFunc(s.bodies, func(b body) bool { return b.key == key }); i < 0 || s.bodies[i].Type == "automated" {
		return out
	}
	seen := false // until a next performance is due, the last one speaks
	for i := range out {
		if seen = seen || out[i].people; out[i].Status == check.Pass && !seen {
			out[i].Status, out[i].Reason = check.Unknown, "Its checks pass, and nothing on record shows what people did."
		}
	}
	return out
}

// Cells divide a span into n stretches of whole days, each with the worst that was so in it.
func Cells(intervals []Interval, span calendar.Span, n int, zone *time.Location) []Cell {
	days := int(span.To.Sub(span.From).Hours()/24) + 1
	n = min(n, days)
	out := make([]Cell, 0, n)
	for i := range n {
		c := Cell{Span: calendar.Span{From: span.From.AddDate(0, 0, i*days/n), To: span.From.AddDate(0, 0, (i+1)*days/n-1)}}
		begins, ends := calendar.Begins(c.From, zone), calendar.Ends(c.To, zone)
		var statuses []check.Status
		for _, v := range intervals {
			if v.Status == check.NotApplicable || !v.From.Before(ends) || !v.To.After(begins) {
				continue
			}
			c.people = c.people || v.Part != "checks"
			before := check.Status("")
			if len(statuses) > 0 {
				before = check.Worst(statuses...)
			}
			statuses = append(statuses, v.Status)
			if now := check.Worst(statuses...); now != before {
				c.Reason = v.Reason
			}
		}
		if len(statuses) > 0 {
			c.Status = check.Worst(statuses...)
		}
		out = append(out, c)
	}
	return out
}

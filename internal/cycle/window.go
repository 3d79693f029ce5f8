package cycle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/occurrence"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

// Window is a proposed or recorded window with what follows from its length.
type Window struct {
	Name     string
	From, To calendar.Day
	Period   string // the period's key; empty for a proposal
	Warnings []string
}

// Months is how long the window is, in whole months.
func (w Window) Months() int {
	after := w.To.AddDate(0, 0, 1)
	return (after.Year()-w.From.Year())*12 + int(after.Month()) - int(w.From.Month())
}

// Rolling proposes the next windows after the last planned one: each begins on the day after the one before ends. After
// three months commonly come six, and then twelve.
func Rolling(periods []period.Period, n int) []Window {
	var last period.Period
	for _, p := range periods {
		if p.Type == "type_2" && p.To > last.To {
			last = p
		}
	}
	from, to := calendar.Parse(last.From), calendar.Parse(last.To)
	if from.IsZero() || to.IsZero() {
		return nil
	}
	months := Window{From: from, To: to}.Months()
	var out []Window
	for i := range n {
		switch {
		case months < 6:
			months = 6
		default:
			months = 12
		}
		from = to.AddDate(0, 0, 1)
		to = from.AddDate(0, months, 0).AddDate(0, 0, -1)
		out = append(out, Window{Name: fmt.Sprintf("Window %d from now", i+1), From: from, To: to})
	}
	return out
}

// Recorded are the windows of the Type II periods on record in order, each with what is unusual about it and about how it
// follows the one before.
func Recorded(periods []period.Period) []Window {
	var out []Window
	for _, p := range periods {
		if from, to := calendar.Parse(p.From), calendar.Parse(p.To); p.Type == "type_2" && !from.IsZero() && !to.IsZero() {
			out = append(out, Window{Name: cmp.Or(p.Name, p.Key), From: from, To: to, Period: p.Key})
		}
	}
	slices.SortFunc(out, func(a, b Window) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	for i := range out {
		w := &out[i]
		if s := period.Unusual(w.From, w.To); s != "" {
			w.Warnings = append(w.Warnings, s)
		}
		if i == 0 {
			continue
		}
		switch prev := out[i-1]; {
		case w.From.After(prev.To.AddDate(0, 0, 1)):
			gap := calendar.Span{From: prev.To.AddDate(0, 0, 1), To: w.From.AddDate(0, 0, -1)}
			w.Warnings = append(w.Warnings, "No report covers "+gap.Words()+", between "+prev.Name+" and this one.")
		case !w.From.After(prev.To):
			w.Warnings = append(w.Warnings, "It begins before "+prev.Name+" ends on "+calendar.Text(prev.To)+".")
		}
	}
	return out
}

// Planned is how often a control falls due inside a window.
type Planned struct {
	Key, Title, Owner, State, Frequency string
	Due                                 []occurrence.Due
	Flag                                string // why no performance of it can be shown in the window; empty: it can, or it has no dates
}

// Periodic reports whether the calendar asks for the control.
func (p Planned) Periodic() bool {
	_, ok := calendar.Around(p.Frequency, calendar.Date(2000, 1, 1))
	return ok
}

// plannedControl is what the planner asks of a control.
type plannedControl struct {
	Title, Owner, State, Frequency, Type string
	Grace                                int    `json:"grace_days"`
	Since                                string `json:"active_since"`
}

// Plan lays the controls that are not retired over a window. One in operation counts from the day on which it began; one that
// is not in operation is laid out as if it began with the window, or today when that has begun.
func Plan(look record.Look, w Window, now calendar.Day, zone *time.Location) ([]Planned, error) {
	list, err := look.All("control")
	if err != nil {
		return nil, err
	}
	var out []Planned
	for _, v := range list {
		var c plannedControl
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return nil, fmt.Errorf("read control %s: %w", v.Key, err)
		}
		if c.State == "retired" {
			continue
		}
		p := Planned{Key: v.Key, Title: c.Title, Owner: c.Owner, State: c.State, Frequency: c.Frequency}
		begins := now
		if since, err := time.Parse(time.RFC3339Nano, c.Since); err == nil && c.State == "active" {
			begins = calendar.Of(since, zone)
		} else if w.From.After(now) {
			begins = w.From
		}
		switch {
		case c.Frequency == "":
			p.Flag = "It does not say how often it happens."
		case p.Periodic() && c.Type != "automated":
			p.Due = occurrence.Scheduled([]occurrence.Term{{From: begins, Frequency: c.Frequency, Grace: c.Grace}}, w.From, w.To)
			if len(p.Due) == 0 {
				p.Flag = missing(c.Frequency, w, begins)
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Planned) int {
		return cmp.Compare(a.Key, b.Key)
	})
	return out, nil
}

// missing says why a periodic control has no due performance in a window.
func missing(frequency string, w Window, begins calendar.Day) string {
	s, _ := calendar.Around(frequency, w.From)
	if begins.After(w.To) {
		return "It begins after the window ends, so nothing of it falls due inside."
	}
	if s.To.After(w.To) {
		return "It is due once in " + s.Words() + ", which ends after the window, so nothing of it falls due inside. Do it more often, lengthen the window, or agree with the firm how it is shown."
	}
	return "It begins too late for a whole span of it to end inside the window."
}

package standing

import (
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Effect is how a check, a control or a criterion went over a window. It has times and counts and no score; what was not known is
// a part of it, and a failure that was mended stays.
type Effect struct {
	Of    string `json:"of" enum:"check,control,criterion"`
	ID    string `json:"id"`
	Title string `json:"title"`
	Line
	From  store.Moment `json:"from"`
	To    store.Moment `json:"to"`
	Lines []Line       `json:"lines" doc:"What it is the worst of: for a control its checks, performances and evidence, for a criterion its controls."`
	Gaps  []check.Gap  `json:"gaps" doc:"When its checks could not speak, and why."`
	Fixes []Fix        `json:"fixes" doc:"What was found in the window or before and not yet fixed, with how long fixing took against the day it was due."`

	Checks []check.Effect `json:"-"`
}

// Line is one course over the window.
type Line struct {
	Name      string          `json:"name"`
	About     string          `json:"about,omitempty" enum:"check,occurrences,evidence,control"`
	Words     string          `json:"words,omitempty"`
	Hours     Hours           `json:"hours"`
	Coverage  float64         `json:"coverage" doc:"Percent of the time in which its checks could speak; 0 where it has none."`
	Checked   int             `json:"checks" doc:"How many checks it has."`
	Failed    int             `json:"failed" doc:"Records that failed at some time; of performances, those that were missed or late."`
	Failures  int             `json:"failures" doc:"Times without a break in which a record failed."`
	Longest   *Longest        `json:"longest,omitempty"`
	Stretches []check.Stretch `json:"stretches"`
}

// Hours are the hours of the window by how it stood. Unjudged is the rest: nothing was judged, or there was nothing to judge.
type Hours struct {
	Pass     float64 `json:"pass"`
	Fail     float64 `json:"fail"`
	Unknown  float64 `json:"unknown"`
	Unjudged float64 `json:"unjudged"`
}

// Longest is the longest time without a break in which one record failed.
type Longest struct {
	Check  string       `json:"check"`
	Kind   string       `json:"kind"`
	Key    string       `json:"key"`
	Label  string       `json:"label"`
	Reason string       `json:"reason"`
	From   store.Moment `json:"from"`
	To     store.Moment `json:"to"`
	Hours  float64      `json:"hours"`
}

// Fix is a finding and how long it took to fix it.
type Fix struct {
	Finding  string        `json:"finding"`
	Title    string        `json:"title"`
	Check    string        `json:"check"`
	Severity string        `json:"severity"`
	State    string        `json:"state"`
	Since    store.Moment  `json:"since" doc:"When the first of it began to fail."`
	Fixed    *store.Moment `json:"fixed,omitempty" doc:"When it was fixed; nothing while it is not."`
	Due      string        `json:"due"`
	Hours    float64       `json:"hours" doc:"Until it was fixed, or until the end of the window."`
	Late     bool          `json:"late" doc:"It was fixed after its due date, or is past it and not fixed."`
}

// Effective follows a check, a control or a criterion over a span of days, as it was known at a moment; zero is now. Which checks
// a control has, and which controls a criterion, is told as of that moment.
func (s Summary) Effective(ctx context.Context, book *record.Book, monitor *check.Monitor, id string, span calendar.Span, asOf record.Moment) (Effect, error) {
	now := cmp.Or(asOf, store.At(book.Log.Now()))
	e := Effect{ID: id, From: store.At(calendar.Begins(span.From, s.Zone)), To: min(now, store.At(calendar.Ends(span.To, s.Zone))), Lines: []Line{}, Gaps: []check.Gap{}, Fixes: []Fix{}}
	if e.To <= e.From {
		return e, fault.New(fault.Invalid, "The window %s has not begun, so nothing is known of it.", span.Words()).WithNext("Choose one that begins in the past.")
	}
	var checks []string
	about := func(list []check.State) {
		for _, x := range list {
			if !slices.Contains(checks, x.ID) {
				checks = append(checks, x.ID)
			}
		}
	}
	var controls []Control
	n := slices.IndexFunc(s.Checks, func(x check.State) bool { return x.ID == id })
	c := slices.IndexFunc(s.Controls, func(x Control) bool { return x.Key == id || x.ID == id })
	r := slices.IndexFunc(s.Criteria, func(x Criterion) bool { return x.ID == id })
	switch {
	case n >= 0:
		e.Of, e.Title, checks = "check", s.Checks[n].Title, []string{id}
	case c >= 0:
		e.Of, e.ID, e.Title, controls = "control", s.Controls[c].Key, s.Controls[c].Label, []Control{s.Controls[c]}
		about(s.Controls[c].Checks)
	case r >= 0:
		e.Of, e.Title = "criterion", s.Criteria[r].Title
		for _, x := range s.Controls {
			if slices.Contains(s.Criteria[r].Controls, x.Key) {
				controls = append(controls, x)
				about(x.Checks)
			}
		}
	default:
		return e, fault.New(fault.NotFound, "There is no check, control or criterion %q.", id).WithNext("tickmark check list and tickmark status show them.")
	}
	var err error
	if e.Checks, err = monitor.Effects(ctx, checks, e.From, e.To, asOf); err != nil {
		return e, fmt.Errorf("follow %s: %w", id, err)
	}
	courses := Courses{}
	for _, x := range e.Checks {
		courses[x.Check] = x.Stretches
		e.Gaps = append(e.Gaps, x.Gaps...)
	}
	slices.SortStableFunc(e.Gaps, func(a, b check.Gap) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	e.Gaps = slices.CompactFunc(e.Gaps, func(a, b check.Gap) bool { return a == b })
	switch e.Of {
	case "check":
		e.Line = s.ofChecks(id, e, checks)
		e.About, e.Stretches = "check", e.Checks[0].Stretches
	case "control":
		e.Line, e.Lines = s.ofControl(controls[0], e, span, courses)
	case "criterion":
		e.Line = s.ofChecks(id, e, checks)
		var all [][]check.Stretch
		for _, x := range controls {
			l, _ := s.ofControl(x, e, span, courses)
			l.Name, l.Words, l.About = x.Key, x.Label, "control"
			e.Lines = append(e.Lines, l)
			all = append(all, slices.DeleteFunc(slices.Clone(l.Stretches), func(y check.Stretch) bool { return !Speaks(x.Life, y.Status) }))
		}
		e.Stretches = worst(all)
		if r := s.Criteria[r]; r.Status == check.NotApplicable {
			e.Words = r.Reason
		}
	}
	e.Name = ""
	e.Hours = hoursOf(e.Stretches, e.From, e.To)
	for i, l := range e.Lines {
		e.Lines[i].Hours = hoursOf(l.Stretches, e.From, e.To)
	}
	e.Fixes, err = s.fixes(ctx, book, e, checks, controls, asOf)
	return e, err
}

// CSV writes an effect as a table: it first, and what it is the worst of after it.
func (e Effect) CSV(out io.Writer) error {
	w := csv.NewWriter(out)
	w.Write([]string{"about", "id", "title", "from", "to", "pass_hours", "fail_hours", "unknown_hours", "unjudged_hours", "coverage_percent", "failed", "failures", "longest_hours", "longest_kind", "longest_key", "longest_from", "longest_to"})
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
	plain := func(s string) string { // a spreadsheet must not take a title for a formula
		if strings.ContainsAny(s[:min(1, len(s))], "=+-@\t\r") {
			return "'" + s
		}
		return s
	}
	first := e.Line
	first.About, first.Name, first.Words = e.Of, e.ID, e.Title
	for _, l := range append([]Line{first}, e.Lines...) {
		row := []string{l.About, l.Name, plain(l.Words), e.From.String(), e.To.String(), number(l.Hours.Pass), number(l.Hours.Fail), number(l.Hours.Unknown), number(l.Hours.Unjudged), "", strconv.Itoa(l.Failed), strconv.Itoa(l.Failures), "", "", "", "", ""}
		if l.Checked > 0 {
			row[9] = number(l.Coverage)
		}
		if x := l.Longest; x != nil {
			row[12], row[13], row[14], row[15], row[16] = number(x.Hours), x.Kind, plain(x.Key), x.From.String(), x.To.String()
		}
		w.Write(row)
	}
	w.Flush()
	return w.Error()
}

// ofChecks sums up some checks of an effect.
func (s Summary) ofChecks(name string, e Effect, checks []string) Line {
	l := Line{Name: name, Checked: len(checks), Stretches: []check.Stretch{}}
	var gaps []check.Gap
	for _, x := range e.Checks {
		if !slices.Contains(checks, x.Check) {
			continue
		}
		l.Failed, l.Failures = l.Failed+x.Failed, l.Failures+x.Failures
		gaps = append(gaps, x.Gaps...)
		if f := x.Longest; f != nil && (l.Longest == nil || f.To-f.From > l.Longest.To-l.Longest.From) {
			l.Longest = &Longest{Check: x.Check, Kind: f.Kind, Key: f.Key, Label: f.Label, Reason: f.Reason, From: f.From, To: f.To, Hours: float64(f.To-f.From) / 3600e6}
		}
	}
	if len(checks) > 0 {
		l.Coverage = covered(gaps, e.From, e.To)
	}
	return l
}

// covered is the percentage of a time in which there is no gap.
func covered(gaps []check.Gap, from, to store.Moment) float64 {
	slices.SortFunc(gaps, func(a, b check.Gap) int { return cmp.Compare(a.From, b.From) })
	at, lost := from, store.Moment(0)
	for _, g := range gaps {
		if a, b := max(g.From, at), min(g.To, to); a < b {
			lost += b - a
			at = b
		}
	}
	return 100 * float64(to-from-lost) / float64(to-from)
}

// ofControl lays the parts of a control over each other. Passing checks are not enough for what people do: until something shows
// that they did it, that is unknown.
func (s Summary) ofControl(c Control, e Effect, span calendar.Span, courses Courses) (Line, []Line) {
	var ids []string
	var lines []Line
	for _, x := range c.Checks {
		ids = append(ids, x.ID)
		l := s.ofChecks(x.ID, e, []string{x.ID})
		l.Words, l.About, l.Stretches = x.Title, "check", slices.Clone(courses[x.ID])
		lines = append(lines, l)
	}
	all := s.ofChecks(c.Key, e, ids)
	parts := map[string][][]check.Stretch{}
	people := store.Forever // from when on something shows what people did
	for _, v := range s.Intervals(c.Key, span, courses) {
		x := check.Stretch{From: max(store.At(v.From), e.From), To: min(store.At(v.To), e.To), Status: v.Status, Reason: v.Reason}
		if x.From >= x.To {
			continue
		}
		if v.Part == "checks" { // one after the other already
			if len(parts["checks"]) == 0 {
				parts["checks"] = [][]check.Stretch{nil}
			}
			parts["checks"][0] = append(parts["checks"][0], x)
		} else {
			parts[v.Part] = append(parts[v.Part], []check.Stretch{x})
			if v.Status != check.NotApplicable {
				people = min(people, x.From)
			}
			if v.Status == check.Fail {
				all.Failed++
			}
		}
	}
	for _, part := range []string{"occurrences", "evidence"} {
		if len(parts[part]) > 0 {
			l := Line{Name: part, About: part, Stretches: worst(parts[part])}
			for _, x := range parts[part] {
				if x[0].Status == check.Fail {
					l.Failed++
				}
			}
			lines = append(lines, l)
		}
	}
	whole := worst(slices.Concat(parts["checks"], parts["occurrences"], parts["evidence"]))
	if c.Type != "automated" {
		var out []check.Stretch
		const why = "Its checks pass, and nothing on record shows what people did."
		for _, x := range whole {
			if x.Status == check.Pass && x.From < people {
				out = append(out, check.Stretch{From: x.From, To: min(x.To, people), Status: check.Unknown, Reason: why})
				if x.From = people; x.From >= x.To {
					continue
				}
			}
			out = append(out, x)
		}
		whole = out
	}
	all.About, all.Stretches = "control", whole
	if whole == nil {
		all.Stretches = []check.Stretch{}
	}
	return all, lines
}

func hoursOf(list []check.Stretch, from, to store.Moment) Hours {
	h := Hours{Unjudged: float64(to-from) / 3600e6}
	for _, x := range list {
		n := float64(min(x.To, to)-max(x.From, from)) / 3600e6
		switch x.Status {
		case check.Pass:
			h.Pass += n
		case check.Fail:
			h.Fail += n
		case check.Unknown:
			h.Unknown += n
		default:
			continue
		}
		h.Unjudged -= n
	}
	h.Unjudged = max(0, h.Unjudged)
	return h
}

// fixes are the findings of checks and controls that were not over before the window.
func (s Summary) fixes(ctx context.Context, book *record.Book, e Effect, checks []string, controls []Control, asOf record.Moment) ([]Fix, error) {
	found := map[string]record.Version{}
	look := func(field, value string) error {
		list, err := book.Find(ctx, book.DB, "finding", field, value, asOf)
		for _, v := range list {
			found[v.Key] = v
		}
		return err
	}
	for _, id := range checks {
		if err := look("check", id); err != nil {
			return nil, err
		}
	}
	for _, c := range controls {
		if err := look("controls", c.ID); err != nil {
			return nil, err
		}
	}
	out := []Fix{}
	for _, v := range found {
		var b struct {
			Title, Check, Severity, State, Due, Opened string
			First                                      string `json:"first_seen"`
			Fixed                                      string `json:"fixed_at"`
		}
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return nil, fmt.Errorf("read the finding %s: %w", v.Key, err)
		}
		f := Fix{Finding: v.Key, Title: b.Title, Check: b.Check, Severity: b.Severity, State: b.State, Due: b.Due}
		t, err := time.Parse(time.RFC3339Nano, cmp.Or(b.First, b.Opened))
		if err != nil {
			continue // nobody says since when
		}
		f.Since = store.At(t)
		end, over := e.To, false
		if t, err := time.Parse(time.RFC3339Nano, b.Fixed); err == nil && (b.State == "fixed" || b.State == "verified" || b.State == "closed") {
			at := store.At(t)
			f.Fixed, end, over = &at, at, true
		}
		if f.Since >= e.To || over && end <= e.From {
			continue
		}
		f.Hours = float64(max(0, end-f.Since)) / 3600e6
		if due := calendar.Parse(b.Due); !due.IsZero() && b.State != "duplicate" && b.State != "false_positive" {
			f.Late = end > store.At(calendar.Ends(due, s.Zone))
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Fix) int { return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Finding, b.Finding)) })
	return out, nil
}

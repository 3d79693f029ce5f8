package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	stands "tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/web/chart"
	"tickmark/internal/web/part"
)

// EffectView is how a check, a control or a criterion went over a window.
type EffectView struct {
	Path           string // of the page
	FromDay, ToDay string // of the form
	Windows        []part.Link
	Wrong          string // why nothing is shown
	E              stands.Effect
	Drawing        string
	Lines          []EffectLine
	Fixes          []FixRow
	Gaps           []TimeGap
	MoreGaps       int
	JSON, CSV      string
	Records        bool // the timeline has records beside the whole
}

// EffectLine is one of those that something is the worst of.
type EffectLine struct {
	Text, Href, Note string
	Line             stands.Line
}

// FixRow is a finding with the time that fixing it took.
type FixRow struct {
	stands.Fix
	Href  string
	Since time.Time
	Fixed time.Time // zero while it is not
	Took  time.Duration
}

const (
	mostGaps  = 20
	mostLines = 40
	mostMarks = 300 // drawn in one line of a timeline
)

// effect follows something over the window that a request asks for: the current period when it names none.
func (s *site) effect(ctx context.Context, r *http.Request, id, path string) (v EffectView, err error) {
	q := r.URL.Query()
	now := part.Of(ctx).Moment()
	zone := part.Of(ctx).Zone
	day := func(t time.Time) string { return t.In(zone).Format(time.DateOnly) }
	for _, w := range []struct {
		text string
		days int
	}{{"30 days", 30}, {"90 days", 90}, {"12 months", 365}} {
		v.Windows = append(v.Windows, part.Link{Text: w.text, Href: path + "?" + url.Values{"from": {day(now.AddDate(0, 0, -w.days))}, "to": {day(now)}}.Encode()})
	}
	if from, to, name := s.periodWindow(ctx); name != "" && from.Before(now) {
		v.Windows = append(v.Windows, part.Link{Text: name, Href: path + "?" + url.Values{"from": {day(from)}, "to": {day(earlier(to.Add(-time.Second), now))}}.Encode()})
	}
	w := s.trialWindow(ctx, q)
	v.Path, v.FromDay, v.ToDay, v.Wrong = path, w.FromDay, w.ToDay, w.Wrong
	if v.Wrong != "" {
		return v, nil
	}
	st, err := s.stand(ctx)
	if err != nil {
		return v, err
	}
	if v.E, err = st.whole.Effective(ctx, s.Book, s.Monitor, id, calendar.Span{From: calendar.Parse(v.FromDay), To: calendar.Parse(v.ToDay)}, at(ctx)); err != nil {
		return v, err
	}
	for _, x := range v.E.Checks {
		for _, k := range s.kindsOf(x.Check) {
			if err := s.may(ctx, k); err != nil {
				return v, err
			}
		}
	}
	ask := url.Values{"from": {v.FromDay}, "to": {v.ToDay}}
	v.JSON, v.CSV = "/api/v1/effectiveness/"+url.PathEscape(id)+"?"+ask.Encode(), part.Path("effectiveness", id)+"?"+ask.Encode()
	from, to := v.E.From.Time(), v.E.To.Time()
	rows := []chart.Row{{Label: "As a whole", Intervals: marks(v.E.Stretches, v.E.ID, v.E.From, v.E.To, zone)}}
	for _, l := range v.E.Lines {
		x := EffectLine{Text: l.Name, Note: l.Words, Line: l}
		switch l.About {
		case "check":
			x.Href = part.Path("checks", l.Name, "time") + "?" + ask.Encode()
		case "control":
			x.Href = part.Path("controls", l.Name, "time") + "?" + ask.Encode()
		default:
			x.Text, x.Href = map[string]string{"occurrences": "Performances", "evidence": "Evidence"}[l.About], path[:strings.LastIndexByte(path, '/')]+"/"+l.About
		}
		v.Lines = append(v.Lines, x)
		if len(rows) <= mostLines {
			rows = append(rows, chart.Row{Label: x.Text, Intervals: marks(l.Stretches, x.Text, v.E.From, v.E.To, zone)})
		}
	}
	if v.E.Of == "check" {
		if rows, err = s.worstRecords(ctx, v.E.Checks[0], rows); err != nil {
			return v, err
		}
		v.Records = len(rows) > 1
	}
	v.Drawing = chart.Timeline(v.E.ID+" from "+v.FromDay+" to "+v.ToDay, from, to, time.Time{}, zone, rows)
	for _, f := range v.E.Fixes {
		row := FixRow{Fix: f, Href: part.Path("findings", f.Finding), Since: f.Since.Time(), Took: time.Duration(f.Hours * float64(time.Hour))}
		if f.Fixed != nil {
			row.Fixed = f.Fixed.Time()
		}
		v.Fixes = append(v.Fixes, row)
	}
	var last check.Gap
	for _, g := range v.E.Gaps {
		if n := len(v.Gaps); n > 0 && v.MoreGaps == 0 && g.From == last.From && g.To == last.To && g.Kind == last.Kind && g.Source == last.Source {
			v.Gaps[n-1].Alike++
			continue
		}
		last = g
		if len(v.Gaps) == mostGaps {
			v.MoreGaps++
			continue
		}
		gap := TimeGap{What: cmp.Or(s.titleOfKind(g.Kind), "Everything"), Reason: g.Reason, From: moment(g.From), To: moment(g.To)}
		if g.Source != "" {
			gap.What += " of " + g.Source
		}
		if g.To >= v.E.To {
			gap.To = time.Time{}
		}
		v.Gaps = append(v.Gaps, gap)
	}
	return v, nil
}

// kindsOf are the kinds that a check of the set reads.
func (s *site) kindsOf(id string) (out []string) {
	if c, err := s.Monitor.Set.Get(id); err == nil {
		for _, k := range c.Reads() {
			out = append(out, k.Name)
		}
	}
	return out
}

// worstRecords adds the records that a check failed for longest, each with all its answers.
func (s *site) worstRecords(ctx context.Context, e check.Effect, rows []chart.Row) ([]chart.Row, error) {
	zone := part.Of(ctx).Zone
	for _, w := range e.Worst {
		page, err := s.Monitor.Results(ctx, check.Filter{Check: e.Check, Kind: w.Kind, Key: w.Key, Source: w.Source, From: e.From, To: e.To, Known: at(ctx), Limit: 50})
		if err != nil {
			return nil, err
		}
		var list []check.Stretch
		for _, x := range page.Results {
			list = append(list, check.Stretch{From: max(x.From, e.From), To: min(x.To, e.To), Status: x.Status, Reason: x.Reason})
		}
		label := cmp.Or(w.Label, w.Key)
		rows = append(rows, chart.Row{Label: label, Intervals: marks(list, label, e.From, e.To, zone)})
	}
	return rows, nil
}

// marks draws stretches; where there are more than can be told apart, each mark is the worst of a part of the window.
func marks(list []check.Stretch, what string, from, to store.Moment, zone *time.Location) []chart.Interval {
	if len(list) > mostMarks {
		thin := make([]check.Stretch, 0, mostMarks)
		i := 0
		for n := range store.Moment(mostMarks) {
			x := check.Stretch{From: from + (to-from)*n/mostMarks, To: from + (to-from)*(n+1)/mostMarks}
			for ; i < len(list) && list[i].To <= x.From; i++ {
			}
			var all []check.Status
			for k := i; k < len(list) && list[k].From < x.To; k++ {
				if list[k].Status != check.NotApplicable && list[k].Status != "" {
					all = append(all, list[k].Status)
				}
			}
			if len(all) == 0 {
				continue
			}
			if x.Status = check.Worst(all...); len(thin) > 0 && thin[len(thin)-1].To == x.From && thin[len(thin)-1].Status == x.Status {
				thin[len(thin)-1].To = x.To
				continue
			}
			thin = append(thin, x)
		}
		list = thin
	}
	var out []chart.Interval
	for _, x := range list {
		if x.Status == check.NotApplicable || x.Status == "" {
			continue
		}
		said := fmt.Sprintf("%s: %s from %s until %s", what, strings.ToLower(statusOf(x.Status).Word()), part.Full(x.From.Time(), zone), part.Full(x.To.Time(), zone))
		if x.Reason != "" {
			said += ". " + x.Reason
		}
		out = append(out, chart.Interval{From: x.From.Time(), To: x.To.Time(), Class: statusOf(x.Status).Mark(), Title: said})
	}
	return out
}

// effectCSV is an effect as a file.
func (s *site) effectCSV(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), segment(r, "id")
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	for _, k := range []string{"control", "criterion", "finding"} {
		if err := s.may(ctx, k); err != nil {
			return err
		}
	}
	v, err := s.effect(ctx, r, id, "/effectiveness/"+id)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="effectiveness-`+v.FromDay+`-`+v.ToDay+`.csv"`)
	return v.E.CSV(w)
}

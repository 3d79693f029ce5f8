package web

import (
	"context"
	"slices"
	"time"

	"tickmark/internal/store"
	"tickmark/internal/web/chart"
	"tickmark/internal/web/part"
)

// Point is how things stood at the end of a day or week, as was known then.
type Point struct {
	Date     time.Time // the last day it speaks for
	At       time.Time // the moment; zero for the last point, which is the reader's own
	Checks   part.Counts
	Controls part.Counts
	Gaps     map[string]int // open gaps by severity
}

func pointOf(st *standing) Point {
	p := Point{Gaps: map[string]int{}}
	for _, c := range st.checks {
		p.Checks.Add(c.counted())
	}
	for _, c := range st.controls {
		p.Controls.Add(c.status)
	}
	for _, g := range st.gaps {
		p.Gaps[g.Severity]++
	}
	return p
}

const (
	weeksShown, daysShown = 53, 14
	historyPatience       = 15 * time.Minute
)

// History is points of the past, oldest first, and the reader's own moment at the end.
type History struct {
	Points  []Point
	Weekly  bool // or day by day
	Missing int  // points that are not summed up yet
	Summing bool // they are being summed up now, so that looking again helps
}

// history is how things stood over the window of the period, week by week; day by day while there are fewer than two weeks.
// What is not summed up yet is, behind the reader's back, the latest first, and shown the next time: with many records a
// point takes a while. What is past does not change, so that each is summed up once.
func (s *site) history(ctx context.Context, st *standing) (History, error) {
	first, err := s.Book.Log.Leaf(ctx, 0)
	if err != nil {
		return History{}, err
	}
	v := part.Of(ctx)
	now := v.Moment().In(v.Zone)
	begin := store.Moment(first.At).Time()
	if p := st.scope.Period; p != nil && p.From != "" {
		if from, _ := p.Days(v.Zone); from.Before(now) && from.After(begin) {
			begin = from
		}
	}
	h := History{Weekly: true}
	ends := endsOf(now, begin, 7, weeksShown)
	if len(ends) < 2 {
		ends, h.Weekly = endsOf(now, begin, 1, daysShown), false
	}
	var missing []time.Time
	s.mu.Lock()
	for _, e := range ends { // the latest first
		if p, ok := s.past[e.UTC()]; !ok {
			missing = append(missing, e)
		} else if len(missing) == 0 {
			p.Date, p.At = e.AddDate(0, 0, -1), e
			h.Points = append(h.Points, p)
		} // one that is known before a hole is shown when the hole is filled
	}
	start := len(missing) > 0 && !s.summing
	s.summing = s.summing || start
	h.Summing = s.summing && len(missing) > 0
	s.mu.Unlock()
	if start {
		go s.sumPast(context.WithoutCancel(ctx), v, missing)
	}
	h.Missing = len(missing)
	slices.Reverse(h.Points)
	own := pointOf(st)
	own.Date = now
	h.Points = append(h.Points, own)
	return h, nil
}

// endsOf are the ends of the last whole spans of days before now, weeks ending on Sundays, the latest first and none before
// begin.
func endsOf(now, begin time.Time, days, most int) []time.Time {
	end := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	if days == 7 {
		end = end.AddDate(0, 0, -(int(end.Weekday())+6)%7)
	}
	var out []time.Time
	for ; end.After(begin) && len(out) < most; end = end.AddDate(0, 0, -days) {
		out = append(out, end)
	}
	return out
}

// sumPast sums up past moments, one after the other.
func (s *site) sumPast(ctx context.Context, v part.View, ends []time.Time) {
	ctx, stop := context.WithTimeout(ctx, historyPatience)
	defer stop()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.summing = false
	}()
	for _, e := range ends {
		st := newStanding()
		if err := s.sum(part.With(ctx, part.View{Now: v.Now, AsOf: e, Zone: v.Zone}), store.At(e), st); err != nil {
			s.log.ErrorContext(ctx, "sum up a past moment", "moment", e, "error", err)
			return
		}
		s.mu.Lock()
		s.past[e.UTC()] = pointOf(st)
		s.mu.Unlock()
	}
}

// stacked draws counts of statuses over time, each column leading to the list as it stood then.
func (h History) stacked(ctx context.Context, title, list string, of func(Point) part.Counts) string {
	order := []part.Status{part.Passing, part.Attention, part.Failing, part.Unknown, part.NotApplicable}
	var series []chart.Series
	for _, x := range order {
		series = append(series, chart.Series{Name: x.Word(), Class: x.Mark()})
	}
	for _, p := range h.Points {
		for i, x := range order {
			series[i].Values = append(series[i].Values, float64(of(p).Of(x)))
		}
	}
	return chart.Stack(title, h.labels(), h.links(ctx, list), series...)
}

// severityMarks are how gaps are drawn, the worst at the bottom.
var severityMarks = []struct{ Severity, Class string }{{"critical", "fail"}, {"high", "attention"}, {"medium", "unknown"}, {"low", "not-applicable"}}

func (h History) gaps(ctx context.Context, title string) string {
	var series []chart.Series
	for _, m := range severityMarks {
		x := chart.Series{Name: part.Status(m.Severity).Word(), Class: m.Class}
		for _, p := range h.Points {
			x.Values = append(x.Values, float64(p.Gaps[m.Severity]))
		}
		series = append(series, x)
	}
	return chart.Stack(title, h.labels(), h.links(ctx, "/plan"), series...)
}

func (h History) labels() []string {
	var out []string
	for _, p := range h.Points {
		out = append(out, p.Date.Format("2 Jan"))
	}
	return out
}

// links lead from each point to a list as it stood at that moment.
func (h History) links(ctx context.Context, list string) []string {
	var out []string
	for _, p := range h.Points {
		as := ""
		if !p.At.IsZero() {
			as = part.Stamp(p.At)
		}
		out = append(out, string(part.To(ctx, list, part.AsOfName, as)))
	}
	return out
}

// span says how far the history reaches.
func (h History) span() string {
	if h.Weekly {
		return "week by week"
	}
	return "day by day"
}

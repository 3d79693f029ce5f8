package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/chart"
	"tickmark/internal/web/part"
)

// CheckTime is a check over a window: how many records gave which answer at the end of each step, how much of the time was
// covered, and the longest failure.
type CheckTime struct {
	From, To time.Time
	Windows  []part.Option // the windows to choose from
	Window   string
	Labels   []string
	Series   []chart.Series
	Covered  string // in percent
	Shares   []part.Fact
	Longest  *Longest
	Failures int // how many stretches of failing began in the window or before it
	Gaps     []TimeGap
	MoreGaps int
	Partial  bool
	Nothing  bool
}

// Longest is the longest stretch in which one record failed without a break.
type Longest struct {
	Label, Href, Reason string
	From, To            time.Time // To zero: it still fails
	Took                time.Duration
}

// TimeGap is a stretch in which the check could not speak.
type TimeGap struct {
	What, Reason string
	From, To     time.Time
}

const (
	mostSteps   = 60
	mostAnswers = 50_000
)

// checkTime sums a check up over a window.
func (s *site) checkTime(ctx context.Context, r *http.Request, id string) (CheckTime, error) {
	v := CheckTime{Window: r.URL.Query().Get("window"), Windows: []part.Option{{Value: "30", Text: "30 days"}, {Value: "90", Text: "90 days"}, {Value: "365", Text: "12 months"}}}
	v.To = part.Of(ctx).Moment()
	if from, to, name := s.periodWindow(ctx); name != "" {
		v.Windows = append(v.Windows, part.Option{Value: "period", Text: name})
		if v.Window == "period" {
			v.From, v.To = from, earlier(to, v.To)
		}
	}
	if v.From.IsZero() {
		days := map[string]int{"90": 90, "365": 365}[v.Window]
		if days == 0 {
			days, v.Window = 30, "30"
		}
		v.From = v.To.AddDate(0, 0, -days)
	}
	if !v.From.Before(v.To) {
		v.Nothing = true
		return v, nil
	}
	from, to := store.At(v.From), store.At(v.To)
	w, err := s.Monitor.Window(ctx, id, from, to)
	if err != nil {
		return v, err
	}
	v.Covered, v.Partial = fmt.Sprintf("%.1f %%", w.Percent), w.Partial
	if all := w.PassTime + w.FailTime + w.Unsure; all > 0 {
		for _, x := range []struct {
			word  string
			hours float64
		}{{"Passing", w.PassTime}, {"Failing", w.FailTime}, {"Unknown", w.Unsure}} {
			v.Shares = append(v.Shares, part.Say(x.word, fmt.Sprintf("%.1f %% of the time", 100*x.hours/all)))
		}
	}
	for _, g := range w.Gaps {
		if len(v.Gaps) == 20 {
			v.MoreGaps++
			continue
		}
		gap := TimeGap{What: s.titleOfKind(g.Kind), Reason: g.Reason, From: moment(g.From), To: moment(g.To)}
		if g.Source != "" {
			gap.What += " of " + g.Source
		}
		if g.To >= to {
			gap.To = time.Time{}
		}
		v.Gaps = append(v.Gaps, gap)
	}
	return v, s.steps(ctx, id, &v, from, to)
}

// steps counts the answers at the end of each step of the window, and finds the longest failure.
func (s *site) steps(ctx context.Context, id string, v *CheckTime, from, to store.Moment) error {
	zone := part.Of(ctx).Zone
	days := int(v.To.Sub(v.From).Hours()/24 + 0.999)
	each := (days + mostSteps - 1) / mostSteps
	var ends []store.Moment
	for at := v.To; at.After(v.From) && len(ends) < mostSteps; at = at.AddDate(0, 0, -each) {
		ends = append(ends, store.At(at))
		v.Labels = append(v.Labels, at.In(zone).Format("2 Jan"))
	}
	slices.Reverse(ends)
	slices.Reverse(v.Labels)
	counts := map[check.Status][]float64{check.Pass: make([]float64, len(ends)), check.Fail: make([]float64, len(ends)), check.Unknown: make([]float64, len(ends))}
	read := 0
	for after := ""; ; {
		page, err := s.Monitor.Results(ctx, check.Filter{Check: id, From: from, To: to + 1, After: after, Limit: 1000})
		if err != nil {
			return err
		}
		for _, x := range page.Results {
			if c := counts[x.Status]; c != nil {
				for i, end := range ends {
					if x.From <= end-1 && end-1 < x.To {
						c[i]++
					}
				}
			}
			if x.Status == check.Fail {
				v.Failures++
				s.longest(v, x, to)
			}
		}
		if read += len(page.Results); read >= mostAnswers && page.Next != "" {
			v.Partial = true
			break
		}
		if after = page.Next; after == "" {
			break
		}
	}
	v.Nothing = read == 0
	v.Series = []chart.Series{{Name: "Passing", Class: "pass", Values: counts[check.Pass]}, {Name: "Failing", Class: "fail", Values: counts[check.Fail]}, {Name: "Unknown", Class: "unknown", Values: counts[check.Unknown]}}
	return nil
}

func (s *site) longest(v *CheckTime, x check.Interval, to store.Moment) {
	end := min(x.To, to)
	took := end.Time().Sub(x.From.Time())
	if v.Longest != nil && took <= v.Longest.Took {
		return
	}
	v.Longest = &Longest{Label: x.Label, Href: recordPath(x.Kind, x.Key), Reason: x.Reason, From: x.From.Time(), Took: took}
	if x.Source != "" && x.Source != record.Program {
		v.Longest.Href = part.Path("records", x.Kind, x.Key) + "?source=" + x.Source
	}
	if x.To <= to {
		v.Longest.To = x.To.Time()
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// periodWindow is the window of the current period, from its first moment to its last, and its name; empty when there is none.
func (s *site) periodWindow(ctx context.Context) (from, to time.Time, name string) {
	if s.may(ctx, "period") != nil {
		return from, to, ""
	}
	found, err := s.Book.Find(ctx, s.Book.DB, "period", record.StateField, "current", at(ctx))
	if err != nil || len(found) == 0 {
		return from, to, ""
	}
	b := readBody(found[0].Body)
	zone := part.Of(ctx).Zone
	first, err := time.ParseInLocation(time.DateOnly, stated(b["from"]), zone)
	last, err2 := time.ParseInLocation(time.DateOnly, stated(b["to"]), zone)
	if err != nil || err2 != nil {
		return from, to, ""
	}
	return first, last.AddDate(0, 0, 1), found[0].Label
}

// faceOf is the address of one face of a record, such as its bytes; empty when href is no record's page.
func faceOf(href, face string) string {
	path, query, _ := strings.Cut(href, "?")
	if !strings.HasPrefix(path, "/records/") {
		return ""
	}
	if query != "" {
		query = "?" + query
	}
	return path + "/" + face + query
}

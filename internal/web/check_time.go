package web

import (
	"context"
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

// CheckTime is a check over a window: how it went, and how many records gave which answer at the end of each step.
type CheckTime struct {
	EffectView
	Labels  []string
	Series  []chart.Series
	Shares  []part.Fact
	Partial bool
	Nothing bool // was answered
}

// TimeGap is a stretch in which the check could not speak.
type TimeGap struct {
	What, Reason string
	From, To     time.Time
	Alike        int // how many others at the same time differ only in what exactly was not read
}

const (
	mostSteps   = 60
	mostAnswers = 50_000
)

// checkTime follows a check over a window.
func (s *site) checkTime(ctx context.Context, r *http.Request, id string) (v CheckTime, err error) {
	if v.EffectView, err = s.effect(ctx, r, id, part.Path("checks", id, "time")); err != nil || v.Wrong != "" {
		return v, err
	}
	return v, s.steps(ctx, id, &v)
}

// steps counts the answers at the end of each step of the window, and the record hours of each.
func (s *site) steps(ctx context.Context, id string, v *CheckTime) error {
	zone, from, to := part.Of(ctx).Zone, v.E.From, v.E.To
	days := int(to.Time().Sub(from.Time()).Hours()/24 + 0.999)
	each := (days + mostSteps - 1) / mostSteps
	var ends []store.Moment
	for at := to.Time(); at.After(from.Time()) && len(ends) < mostSteps; at = at.AddDate(0, 0, -each) {
		ends = append(ends, store.At(at))
		v.Labels = append(v.Labels, at.In(zone).Format("2 Jan"))
	}
	slices.Reverse(ends)
	slices.Reverse(v.Labels)
	counts := map[check.Status][]float64{check.Pass: make([]float64, len(ends)), check.Fail: make([]float64, len(ends)), check.Unknown: make([]float64, len(ends))}
	hours := map[check.Status]float64{}
	read := 0
	for after := ""; ; {
		page, err := s.Monitor.Results(ctx, check.Filter{Check: id, From: from, To: to, Known: at(ctx), After: after, Limit: 1000})
		if err != nil {
			return err
		}
		for _, x := range page.Results {
			hours[x.Status] += min(x.To, to).Time().Sub(max(x.From, from).Time()).Hours()
			if c := counts[x.Status]; c != nil {
				for i, end := range ends {
					if x.From <= end-1 && end-1 < x.To {
						c[i]++
					}
				}
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
	for _, status := range []check.Status{check.Pass, check.Fail, check.Unknown} {
		word := statusOf(status).Word()
		v.Series = append(v.Series, chart.Series{Name: word, Class: statusOf(status).Mark(), Values: counts[status]})
		v.Shares = append(v.Shares, part.Say(word, inHours(hours[status])))
	}
	return nil
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

package web

import (
	"context"
	"time"

	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

const daysShown, daysPatience = 14, 5 * time.Minute

// days are how the checks stood at the end of each of the last days, as was known then, and how they stand now. What is not
// summed up yet is, behind the reader's back, and shown the next time: with many records a day takes a while. Fewer than two
// days are no history.
func (s *site) days(ctx context.Context, today part.Counts) ([]Day, error) {
	first, err := s.Book.Log.Leaf(ctx, 0)
	if err != nil {
		return nil, err
	}
	v := part.Of(ctx)
	now := v.Moment().In(v.Zone)
	end := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, v.Zone)
	var ends []time.Time
	for i := daysShown - 1; i > 0; i-- {
		if e := end.AddDate(0, 0, 1-i); store.At(e) > store.Moment(first.At) {
			ends = append(ends, e)
		}
	}
	if len(ends) == 0 {
		return nil, nil
	}
	var out []Day
	var missing []time.Time
	s.mu.Lock()
	for _, e := range ends {
		if c, ok := s.dayCounts[e.UTC()]; ok {
			out = append(out, Day{Date: e.AddDate(0, 0, -1), Counts: c})
		} else {
			missing = append(missing, e)
		}
	}
	begin := len(missing) > 0 && !s.summing
	s.summing = s.summing || begin
	s.mu.Unlock()
	if begin {
		go s.sumDays(context.WithoutCancel(ctx), v, missing)
	}
	if len(missing) > 0 {
		return nil, nil
	}
	return append(out, Day{Date: now, Counts: today}), nil
}

// sumDays sums up the ends of days, one after the other.
func (s *site) sumDays(ctx context.Context, v part.View, ends []time.Time) {
	ctx, stop := context.WithTimeout(ctx, daysPatience)
	defer stop()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.summing = false
	}()
	for _, e := range ends {
		st := newStanding()
		if err := s.sum(part.With(ctx, part.View{Now: v.Now, AsOf: e, Zone: v.Zone}), store.At(e), st); err != nil {
			s.log.ErrorContext(ctx, "sum up a past day", "day", e, "error", err)
			return
		}
		var c part.Counts
		for _, k := range st.checks {
			c.Add(k.status)
		}
		s.mu.Lock()
		s.dayCounts[e.UTC()] = c
		s.mu.Unlock()
	}
}

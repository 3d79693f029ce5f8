package check

import (
	"context"
	"fmt"
	"slices"

	"tickmark/internal/store"
)

// Stretch is a time in which a check as a whole stood the same.
type Stretch struct {
	From, To store.Moment
	Status   Status // the worst answer about any record
	Reason   string // why it is unknown, when no record says so
}

// Courses are how each check that is not turned off stood over a time, as its answers were known at each moment, with what
// was not covered put over them: a failure stands, a pass that nothing was read for is unknown. The end is cut at now.
func (m *Monitor) Courses(ctx context.Context, from, to store.Moment) (map[string][]Stretch, error) {
	to = min(to, store.At(m.Book.Log.Clock()))
	out := map[string][]Stretch{}
	if to <= from {
		return out, nil
	}
	setups, err := m.setups(ctx)
	if err != nil {
		return nil, err
	}
	err = m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		cover, err := m.cover(ctx, tx)
		if err != nil {
			return err
		}
		series, err := store.All[Series](ctx, tx, "SELECT "+seriesColumns+" FROM series WHERE started < $1 AND ended > $2 ORDER BY check_id, started, id", to, from)
		if err != nil {
			return err
		}
		turns, err := m.turns(ctx, tx, from, to)
		if err != nil {
			return err
		}
		for _, c := range setups {
			if c.Off {
				continue
			}
			var own []Series
			var course []Stretch
			for _, s := range series {
				if s.Check == c.ID {
					own = append(own, s)
					course = append(course, counted(s, turns[s.ID], from, to)...)
				}
			}
			gaps := slices.Concat(cover.name(c.For, c.MaxGap, from, to), idle(own, from, to))
			for _, k := range m.Words.Kinds(c.For) {
				for _, l := range cover.kinds[k.Name] {
					if l.part != "" && cover.reads(c.Check, k.Name, l.part) {
						gaps = append(gaps, cover.holes(l, c.MaxGap, from, to)...)
					}
				}
			}
			for _, j := range c.Joins {
				gaps = append(gaps, cover.name(j, c.MaxGap, from, to)...)
			}
			out[c.ID] = covered(course, cut(gaps, from, to))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("follow the checks over a time: %w", err)
	}
	return out, nil
}

// turn is a moment at which the number of answers of one status became another.
type turn struct {
	Series int64        `db:"series"`
	Status int64        `db:"status"`
	At     store.Moment `db:"at"`
	N      int64        `db:"n"`
}

// turns are those of a time, by series, with the last before it.
func (m *Monitor) turns(ctx context.Context, q store.Q, from, to store.Moment) (map[int64][]turn, error) {
	rows, err := store.All[turn](ctx, q, `SELECT h.series, h.status, h.at, h.n FROM result_history h JOIN (SELECT series, status, max(at) AS at FROM result_history WHERE at <= $1 GROUP BY series, status) AS l
		ON l.series = h.series AND l.status = h.status AND l.at = h.at WHERE h.status > 0
		UNION ALL SELECT series, status, at, n FROM result_history WHERE at > $1 AND at < $2 AND status > 0 ORDER BY 3`, from, to)
	out := map[int64][]turn{}
	for _, r := range rows {
		out[r.Series] = append(out[r.Series], r)
	}
	return out, err
}

// counted is how a series stood by its counts alone; before its first answer there is none.
func counted(s Series, turns []turn, from, to store.Moment) []Stretch {
	var out []Stretch
	first, last := max(from, s.Started), min(to, s.Ended)
	n := map[int64]int64{}
	add := func(at store.Moment) {
		status := NotApplicable
		switch {
		case n[codes[Fail]] > 0:
			status = Fail
		case n[codes[Unknown]] > 0:
			status = Unknown
		case n[codes[Pass]] > 0:
			status = Pass
		}
		at = min(max(at, first), last)
		if k := len(out) - 1; k >= 0 && out[k].From == at {
			out[k].Status = status
		} else if k < 0 || out[k].Status != status {
			if k >= 0 {
				out[k].To = at
			}
			out = append(out, Stretch{From: at, To: last, Status: status})
		}
	}
	add(first)
	for _, t := range turns {
		n[t.Status] = t.N
		add(t.At)
	}
	return slices.DeleteFunc(out, func(x Stretch) bool { return x.To <= x.From })
}

// covered puts what was not covered over a course.
func covered(course []Stretch, pieces []piece) []Stretch {
	var out []Stretch
	add := func(x Stretch) {
		if x.To <= x.From {
			return
		}
		if n := len(out); n > 0 && out[n-1].To == x.From && out[n-1].Status == x.Status && out[n-1].Reason == x.Reason {
			out[n-1].To = x.To
			return
		}
		out = append(out, x)
	}
	for _, p := range pieces {
		at := p.From
		for _, x := range course {
			a, b := max(x.From, at), min(x.To, p.To)
			if b <= a {
				continue
			}
			if p.Reason != "" {
				add(Stretch{at, a, Unknown, p.Reason})
				if x.Status != Fail {
					x.Status, x.Reason = Unknown, p.Reason
				}
			}
			add(Stretch{a, b, x.Status, x.Reason})
			at = b
		}
		if p.Reason != "" {
			add(Stretch{at, p.To, Unknown, p.Reason})
		}
	}
	return out
}

package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"tickmark/internal/store"
)

// Failure is a time without a break in which a check failed about one record.
type Failure struct {
	Kind, Key, Label, Reason string
	From, To                 store.Moment // within the window; To is its end when the failure goes on
	Began                    store.Moment // when it began, which may be before the window
}

// Trace is how a check went over a time with every answer about every record, as it is known now. Courses tells less of it
// and at less cost.
type Trace struct {
	Check         string
	From, To      store.Moment
	Stretches     []Stretch
	Percent       float64 // of the time, in which everything the check rests on was read and the check was in use
	Gaps          []Gap
	PassTime      float64 // record-hours by answer
	FailTime      float64
	UnknownTime   float64
	Pass          int64 // records that had the answer at some time
	Fail, Unknown int64
	Longest       *Failure
	Entry         int64 // of the ledger: the newest batch of answers in it; -1 when there are none
	Partial       bool  // there are more answers than were summed
}

// traceLimit is how many answers of one check are summed.
const traceLimit = 200_000

// Traces follows every check of the set over a time, whether it is turned off now or not, by id; the end is cut at now.
func (m *Monitor) Traces(ctx context.Context, from, to store.Moment) ([]Trace, error) {
	to = min(to, store.At(m.Book.Log.Now()))
	setups, err := m.setups(ctx)
	if err != nil {
		return nil, err
	}
	var out []Trace
	err = m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		cover, err := m.cover(ctx, tx)
		if err != nil {
			return err
		}
		for _, c := range setups {
			if to <= from {
				out = append(out, Trace{Check: c.ID, From: from, To: from, Entry: -1})
				continue
			}
			x, err := m.trace(ctx, tx, cover, c, from, to)
			if err != nil {
				return fmt.Errorf("follow %s: %w", c.ID, err)
			}
			out = append(out, x)
		}
		return nil
	})
	return out, err
}

func (m *Monitor) trace(ctx context.Context, tx *store.Tx, cover *cover, s Setup, from, to store.Moment) (Trace, error) {
	c := Trace{Check: s.ID, From: from, To: to, Entry: -1}
	l := &listing{m: m, f: Filter{Check: s.ID, From: from, To: to, Limit: 1000}, q: tx, cover: cover}
	series, err := store.All[Series](ctx, tx, "SELECT "+seriesColumns+" FROM series WHERE check_id = $1 ORDER BY started, id", s.ID)
	if err != nil {
		return c, err
	}
	c.Gaps = slices.Concat(cover.name(s.For, s.MaxGap, from, to), idle(series, from, to))
	for _, k := range m.Words.Kinds(s.For) {
		for _, lane := range cover.kinds[k.Name] {
			if lane.part != "" && cover.reads(s.Check, k.Name, lane.part) {
				c.Gaps = append(c.Gaps, cover.holes(lane, s.MaxGap, from, to)...)
			}
		}
	}
	for _, x := range series {
		if from, to := max(from, x.Started), min(to, x.Ended); from < to {
			c.Gaps = append(c.Gaps, m.forsaken(cover, m.checkOf(x), x, from, to)...)
		}
	}
	for _, j := range s.Joins {
		c.Gaps = append(c.Gaps, cover.looked(s.Check, j, from, to)...)
	}
	pieces := cut(slices.Clone(c.Gaps), from, to)
	known := store.Moment(0)
	for _, p := range pieces {
		if p.Reason == "" {
			known += p.To - p.From
		}
	}
	c.Percent = 100 * float64(known) / float64(to-from)
	t := tracing{trace: &c}
	for n := 0; ; {
		page, err := l.list(ctx)
		if err != nil {
			return c, err
		}
		for _, r := range page.Results {
			t.take(r)
		}
		if n += len(page.Results); page.Next == "" {
			break
		}
		if l.f.After = page.Next; n >= traceLimit {
			c.Partial = true
			break
		}
	}
	t.record(Interval{Record: -1})
	c.Stretches = t.stretches(pieces)
	return c, nil
}

// tracing sums up answers in the order of the list: by series, record and time.
type tracing struct {
	trace   *Trace
	edges   []edge
	last    Interval
	had     [3]bool // of the present record: pass, fail, unknown
	failure *Failure
	seen    map[int64][3]bool // of records that an earlier series spoke about
}

// edge is where the number of records with an answer changes.
type edge struct {
	at    store.Moment
	place int // 0 pass, 1 fail, 2 unknown
	step  int
}

func place(s Status) int {
	switch s {
	case Pass:
		return 0
	case Fail:
		return 1
	}
	return 2
}

func (t *tracing) take(r Interval) {
	c := t.trace
	from, to := max(r.From, c.From), min(r.To, c.To)
	if from >= to {
		return
	}
	t.record(r)
	c.Entry = max(c.Entry, r.Entry)
	n := place(r.Status)
	t.had[n] = true
	t.edges = append(t.edges, edge{from, n, 1}, edge{to, n, -1})
	hours := float64(to-from) / hour
	*[]*float64{&c.PassTime, &c.FailTime, &c.UnknownTime}[n] += hours
	if r.Status != Fail {
		t.failure = nil
		return
	}
	if f := t.failure; f != nil && f.To == from {
		f.To = to
	} else {
		t.failure = &Failure{Kind: r.Kind, Key: r.Key, Label: r.Label, Reason: r.Reason, From: from, To: to, Began: r.From}
	}
	if f := t.failure; c.Longest == nil || f.To-f.From > c.Longest.To-c.Longest.From {
		c.Longest = f
	}
}

// record ends one record and begins the next; a record that several series speak about counts once.
func (t *tracing) record(r Interval) {
	if r.Record == t.last.Record && r.Series == t.last.Series {
		return
	}
	if t.seen == nil {
		t.seen = map[int64][3]bool{}
	}
	if t.last.Record != 0 {
		before := t.seen[t.last.Record]
		for i, n := range []*int64{&t.trace.Pass, &t.trace.Fail, &t.trace.Unknown} {
			if t.had[i] && !before[i] {
				*n++
				before[i] = true
			}
		}
		t.seen[t.last.Record] = before
	}
	t.last, t.had, t.failure = r, [3]bool{}, nil
}

// stretches puts the answers together: a failure about any record is a failure, an unread time is unknown, and a pass needs that
// all of it was read.
func (t *tracing) stretches(pieces []piece) []Stretch {
	slices.SortFunc(t.edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var out []Stretch
	var n [3]int
	i := 0
	for _, p := range pieces {
		for at := p.From; at < p.To; {
			for ; i < len(t.edges) && t.edges[i].at <= at; i++ {
				n[t.edges[i].place] += t.edges[i].step
			}
			end := p.To
			if i < len(t.edges) {
				end = min(end, t.edges[i].at)
			}
			s := Stretch{From: at, To: end}
			switch {
			case n[1] > 0:
				s.Status = Fail
			case p.Reason != "":
				s.Status, s.Reason = Unknown, p.Reason
			case n[2] > 0:
				s.Status = Unknown
			case n[0] > 0:
				s.Status = Pass
			}
			if k := len(out) - 1; k >= 0 && out[k].Status == s.Status && out[k].Reason == s.Reason {
				out[k].To = end
			} else {
				out = append(out, s)
			}
			at = end
		}
	}
	return out
}

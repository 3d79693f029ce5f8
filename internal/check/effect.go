package check

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/store"
)

// Effect is how a check went over a time: as a whole, and the records that it failed for. A failure that was mended stays in it.
type Effect struct {
	Check     string
	From, To  store.Moment
	Stretches []Stretch // as Courses has them
	Percent   float64   // of the time, in which everything the check rests on was read and the check was in use
	Gaps      []Gap
	Failed    int           // records that failed at some time
	Failures  int           // times without a break in which a record failed, so far as it was read
	Longest   *Failure      // of those
	Worst     []RecordShare // the records that failed longest
}

// RecordShare is a record and for how long it failed.
type RecordShare struct {
	Record                   int64
	Kind, Key, Label, Source string
	Hours                    float64
}

// worstRecords is how many records an Effect names.
const worstRecords = 12

// Effects follows checks over a time as it was known at a moment, zero for now; the end is cut at that moment. Of a check that is
// not and never was in use, all of the time is a gap.
func (m *Monitor) Effects(ctx context.Context, checks []string, from, to, asOf store.Moment) ([]Effect, error) {
	to = min(to, cmp.Or(asOf, store.At(m.Book.Log.Now())))
	out := make([]Effect, 0, len(checks))
	if to <= from || len(checks) == 0 {
		return out, nil
	}
	err := m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		f, err := m.following(ctx, tx, checks, from, to, asOf)
		if err != nil {
			return err
		}
		for _, id := range checks {
			e := Effect{Check: id, From: from, To: f.to}
			if e.Stretches, e.Gaps, err = f.course(ctx, id); err != nil {
				return err
			}
			known := store.Moment(0)
			for _, p := range cut(slices.Clone(e.Gaps), from, f.to) {
				if p.Reason == "" {
					known += p.To - p.From
				}
			}
			e.Percent = 100 * float64(known) / float64(f.to-from)
			if err := f.failures(ctx, &e); err != nil {
				return fmt.Errorf("read what failed of %s: %w", id, err)
			}
			out = append(out, e)
		}
		return f.cover.failed
	})
	return out, err
}

// failed is a time in which a record failed.
type failed struct {
	bad
	began store.Moment // which may be before the window
}

// failures fills in what failed. Whose answer it is must be known only where it lies in a gap.
func (f *following) failures(ctx context.Context, e *Effect) error {
	var all []failed
	gaps := slices.DeleteFunc(cut(slices.Clone(e.Gaps), f.from, f.to), func(p piece) bool { return p.Reason == "" })
	for _, s := range f.series[e.Check] {
		var torn []failed
		for _, b := range f.bad[s.ID] {
			x := failed{b, max(b.From, 0)}
			if x.From, x.To = max(b.From, f.from, s.Started), min(b.To, f.to, s.Ended); b.Status != codes[Fail] || x.From >= x.To {
				continue
			}
			if i, _ := slices.BinarySearchFunc(gaps, x.From, func(p piece, at store.Moment) int { return cmp.Compare(p.To, at+1) }); i < len(gaps) && gaps[i].From < x.To {
				torn = append(torn, x)
			} else {
				all = append(all, x)
			}
		}
		list, err := f.cutOut(ctx, s, torn)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b failed) int {
		return cmp.Or(cmp.Compare(a.Record, b.Record), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	var longest, now failed
	var share RecordShare
	end := func() {
		if now.To > now.From {
			share.Hours += float64(now.To-now.From) / hour
			if e.Failures++; now.To-now.From > longest.To-longest.From {
				longest = now
			}
		}
	}
	turn := func(record int64) {
		if share.Record != 0 {
			e.Failed++
			e.Worst = append(e.Worst, share)
		}
		share = RecordShare{Record: record}
	}
	for _, x := range all {
		switch {
		case x.Record != share.Record:
			end()
			turn(x.Record)
			now = x
		case x.From <= now.To:
			now.To = max(now.To, x.To)
		default:
			end()
			now = x
		}
	}
	end()
	turn(0)
	slices.SortStableFunc(e.Worst, func(a, b RecordShare) int { return cmp.Compare(b.Hours, a.Hours) })
	e.Worst = e.Worst[:min(len(e.Worst), worstRecords)]
	if longest.ID == 0 {
		return nil
	}
	type row struct {
		ID     int64  `db:"id"`
		Kind   string `db:"kind"`
		Key    string `db:"key"`
		Source string `db:"source"`
		Label  string `db:"label"`
		Reason string `db:"reason"`
	}
	r, err := store.One[row](ctx, f.q, "SELECT a.id, k.name AS kind, rc.key, rc.source, v.label, a.reason FROM result a JOIN record rc ON rc.id = a.record JOIN kind k ON k.id = rc.kind JOIN version v ON v.id = a.version WHERE a.id = $1", longest.ID)
	if err != nil {
		return err
	}
	e.Longest = &Failure{Kind: r.Kind, Key: r.Key, Label: r.Label, Reason: r.Reason, From: longest.From, To: longest.To, Began: longest.began}
	args := make([]any, len(e.Worst))
	for i, w := range e.Worst {
		args[i] = w.Record
	}
	return store.Each(ctx, f.q, func(r row) error {
		for i := range e.Worst {
			if w := &e.Worst[i]; w.Record == r.ID {
				w.Kind, w.Key, w.Source, w.Label = r.Kind, r.Key, r.Source, r.Label
			}
		}
		return nil
	}, "SELECT rc.id, k.name AS kind, rc.key, rc.source, v.label, '' AS reason FROM record rc JOIN kind k ON k.id = rc.kind JOIN version v ON v.record = rc.id WHERE rc.id IN ("+store.Marks(1, len(args))+") ORDER BY v.valid_from", args...)
}

// cutOut takes out of failures the times in which their records were not read.
func (f *following) cutOut(ctx context.Context, s Series, list []failed) (out []failed, err error) {
	c, broken := f.m.checkOf(s), f.m.unanswered(s)
	type place struct {
		ID     int64  `db:"id"`
		Basis  string `db:"basis"`
		Kind   string `db:"kind"`
		Source string `db:"source"`
		Scope  string `db:"scope"`
	}
	read := map[place][]piece{}
	for len(list) > 0 {
		n := min(len(list), 200)
		of := map[int64]place{}
		args := make([]any, n)
		for i, x := range list[:n] {
			args[i] = x.ID
		}
		if err := store.Each(ctx, f.q, func(p place) error { of[p.ID] = p; return nil }, `SELECT a.id, a.basis, k.name AS kind, rc.source, v.scope FROM result a JOIN record rc ON rc.id = a.record JOIN kind k ON k.id = rc.kind JOIN version v ON v.id = a.version
			WHERE a.id IN (`+store.Marks(1, n)+")", args...); err != nil {
			return nil, err
		}
		for _, x := range list[:n] {
			at := of[x.ID]
			b := parseBasis(at.Basis)
			joins, _ := json.Marshal(b.Joins)
			at.ID, at.Basis = 0, string(joins)
			pieces, ok := read[at]
			if !ok {
				pieces = slices.DeleteFunc(cut(append(f.m.gapsOver(f.cover, c, codes[Fail], at.Kind, at.Source, at.Scope, b, f.from, f.to), broken...), f.from, f.to), func(p piece) bool { return p.Reason != "" })
				read[at] = pieces
			}
			for _, p := range pieces {
				if y := x; p.From < x.To && p.To > x.From {
					if y.From, y.To = max(x.From, p.From), min(x.To, p.To); y.From > x.From {
						y.began = y.From
					}
					out = append(out, y)
				}
			}
		}
		list = list[n:]
	}
	return out, nil
}

package check

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Backtest is what a check, as it is now, would have answered over a past window.
type Backtest struct {
	Check    string       `json:"check"`
	From     store.Moment `json:"from"`
	To       store.Moment `json:"to"`
	Records  int          `json:"records"`
	Results  []Interval   `json:"results"` // by record and time, with what was not covered unknown
	PassTime float64      `json:"pass_hours"`
	FailTime float64      `json:"fail_hours"`
	Unsure   float64      `json:"unknown_hours"`
	Partial  bool         `json:"partial"` // it stopped at MaxBacktest answers
}

// MaxBacktest is how many answers a back-test gives at most.
const MaxBacktest = 100_000

// Backtest judges the past with a check of the set in its present settings. It is computed from the versions that are kept and
// stands beside what was answered at the time: nothing is written, and no answer is replaced.
func (m *Monitor) Backtest(ctx context.Context, id string, from, to store.Moment) (Backtest, error) {
	out := Backtest{Check: id, From: from, To: to}
	setups, err := m.setups(ctx)
	if err != nil {
		return out, err
	}
	i := slices.IndexFunc(setups, func(s Setup) bool { return s.ID == id })
	if i < 0 {
		_, err := m.Set.Get(id)
		return out, err
	}
	if to <= from {
		return out, fault.New(fault.Invalid, "The window ends at %s, before it begins at %s.", to, from)
	}
	if now := store.At(m.Book.Log.Clock()); to > now {
		return out, fault.New(fault.Invalid, "The window ends at %s, which has not come yet.", to).WithNext("End it now or earlier.")
	}
	c := setups[i].Check
	cover, err := m.cover(ctx, m.Book.DB)
	if err != nil {
		return out, err
	}
	err = m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		t := &backtest{Backtest: &out, m: m, cover: cover,
			u: &unit{Check: c, series: Series{Check: id}},
			r: &round{m: m, q: tx, now: to.Time(), past: map[store.Moment]*lookups{}, report: &Evaluation{}}}
		if err := t.findChanges(ctx); err != nil {
			return err
		}
		for _, k := range m.Words.Kinds(c.For) {
			if err := t.kind(ctx, k); err != nil {
				return fmt.Errorf("back-test %s over %s: %w", id, k.Name, err)
			}
		}
		return nil
	})
	return out, err
}

type backtest struct {
	*Backtest
	m       *Monitor
	u       *unit
	r       *round
	cover   *cover
	changes []store.Moment // of what the check looks up
}

func (t *backtest) findChanges(ctx context.Context) error {
	for _, name := range t.u.Joins {
		for _, k := range t.m.Words.Kinds(name) {
			list, err := store.All[store.Moment](ctx, t.r.q, `SELECT DISTINCT v.valid_from FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = $1 AND v.valid_from > $2 AND v.valid_from < $3
				UNION SELECT DISTINCT v.valid_to FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = $1 AND v.valid_to > $2 AND v.valid_to < $3`, k.Name, t.From, t.To)
			if err != nil {
				return err
			}
			t.changes = append(t.changes, list...)
		}
	}
	slices.Sort(t.changes)
	t.changes = slices.Compact(t.changes)
	const most = 500
	if len(t.changes) > most {
		return fault.New(fault.TooLarge, "What %s looks up changed at %d moments in this window, more than %d.", t.Check, len(t.changes), most).WithNext("Choose a shorter window.")
	}
	return nil
}

func (t *backtest) kind(ctx context.Context, k *record.Kind) error {
	last := int64(0)
	for after := ""; ; {
		page, err := t.m.Book.List(ctx, record.Query{Kind: k.Name, During: [2]store.Moment{t.From, t.To}, Room: k.Room, After: after, Limit: 1000})
		if err != nil {
			return err
		}
		for _, v := range page.Versions {
			if v.Erased {
				continue
			}
			if len(t.Results) >= MaxBacktest {
				t.Partial = true
				return nil
			}
			if v.Record != last {
				t.Records++
				last = v.Record
			}
			if err := t.version(ctx, v); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// version judges one version over the part of the window in which it held, in stretches between the moments at which the
// answer may change.
func (t *backtest) version(ctx context.Context, v record.Version) error {
	at, end := max(v.From, t.From), min(v.To, t.To)
	for at < end {
		j, err := t.r.judge(ctx, t.u, v, at)
		if err != nil {
			return err
		}
		next := end
		if !j.Flip.IsZero() {
			next = min(next, store.At(j.Flip))
		}
		if i, _ := slices.BinarySearch(t.changes, at+1); i < len(t.changes) {
			next = min(next, t.changes[i])
		}
		t.add(v, j, at, next)
		at = next
	}
	return nil
}

func (t *backtest) add(v record.Version, j judged, from, to store.Moment) {
	if j.Status == NotApplicable {
		return
	}
	b := j.basis()
	for _, p := range cut(t.m.gapsOver(t.cover, t.u.Check, codes[j.Status], v.Kind, v.Source, v.Scope, b, from, to), from, to) {
		i := Interval{Check: t.Check, Kind: v.Kind, Key: v.Key, Label: v.Label, Source: v.Source, Scope: v.Scope, Status: j.Status, Judged: j.Status, Reason: j.Reason,
			From: p.From, To: p.To, Hash: hex.EncodeToString(t.u.Hash[:]), Version: v.ID, Record: v.Record, Others: b.Versions}
		if p.Reason != "" {
			i.Status, i.Reason = Unknown, p.Reason
		}
		hours := float64(p.To-p.From) / hour
		switch i.Status {
		case Pass:
			t.PassTime += hours
		case Fail:
			t.FailTime += hours
		default:
			t.Unsure += hours
		}
		if n := len(t.Results); n > 0 {
			l := &t.Results[n-1]
			if l.Record == i.Record && l.To == i.From && l.Status == i.Status && (l.Reason == i.Reason || l.Version == i.Version) {
				l.To = i.To
				continue
			}
		}
		t.Results = append(t.Results, i)
	}
}

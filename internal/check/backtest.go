package check

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Unanswered is no answer: the check was not in use, or not yet evaluated. It stands only beside what a back-test says.
const Unanswered Status = "unanswered"

// Backtest sums up what a check would have answered over a past window, beside what was answered.
type Backtest struct {
	Check    string       `json:"check"`
	Hash     string       `json:"hash"` // of the logic and settings tried, hex
	From     store.Moment `json:"from"`
	To       store.Moment `json:"to"`
	Records  int          `json:"records"` // that held in the window
	Versions int          `json:"versions"`
	Dropped  int          `json:"dropped"` // of them: what they said was dropped by a rule of retention, and nothing is known of it
	Answers  int          `json:"answers"` // intervals
	PassTime float64      `json:"pass_hours"`
	FailTime float64      `json:"fail_hours"`
	Unsure   float64      `json:"unknown_hours"`
	Pairs    []Pair       `json:"pairs"`   // where the answer would be another, by what was answered and what would be
	Flipped  int          `json:"flipped"` // records about which an answer was given and would be another at some time
}

// Pair is how much would be answered otherwise in one way.
type Pair struct {
	Was       Status  `json:"was"`
	Would     Status  `json:"would"`
	Records   int     `json:"records"`
	Intervals int     `json:"intervals"`
	Hours     float64 `json:"hours"`
}

// Retried is what a check would have answered about one record over the window, in order of time, and where that differs from
// what was answered.
type Retried struct {
	Results     []Interval
	Differences []Difference
}

// Difference is a time in which a check would have answered otherwise.
type Difference struct {
	Check     string       `json:"check"`
	Kind      string       `json:"kind"`
	Key       string       `json:"key"`
	Label     string       `json:"label"`
	Source    string       `json:"source"`
	From      store.Moment `json:"from"`
	To        store.Moment `json:"to"`
	Was       Status       `json:"was"`
	Would     Status       `json:"would"`
	Reason    string       `json:"reason"`     // why it would be so
	WasReason string       `json:"was_reason"` // why it was
}

// InUse is a check of the set as the organisation uses it.
func (m *Monitor) InUse(ctx context.Context, id string) (*Check, error) {
	setups, err := m.setups(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(setups, func(s Setup) bool { return s.ID == id })
	if i < 0 {
		c, err := m.Set.Get(id)
		return c, err
	}
	return setups[i].Check, nil
}

// Backtest judges the past with a check, of the set or not, and hands over what it finds about each record. It is computed from
// the versions that are kept, once for each stretch in which neither the record nor what is looked up changed and no moment of
// the check's came. It stands beside what was answered at the time: nothing is written, and no answer is replaced. What the
// answers of the time are is what is known of them now.
func (m *Monitor) Backtest(ctx context.Context, c *Check, from, to store.Moment, each func(Retried) error) (Backtest, error) {
	out := Backtest{Check: c.ID, Hash: hex.EncodeToString(c.Hash[:]), From: from, To: to, Pairs: []Pair{}}
	if to <= from {
		return out, fault.New(fault.Invalid, "The window ends at %s, before it begins at %s.", to, from)
	}
	if now := store.At(m.Book.Log.Now()); to > now {
		return out, fault.New(fault.Invalid, "The window ends at %s, which has not come yet.", to).WithNext("End it now or earlier.")
	}
	err := m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		cover, err := m.cover(ctx, tx)
		if err != nil {
			return err
		}
		t := &backtest{Backtest: &out, ctx: ctx, m: m, cover: cover, each: each, covered: map[string][]piece{},
			u: &unit{Check: c, series: Series{Check: c.ID}},
			r: &round{m: m, q: tx, now: to.Time(), cover: cover, current: map[subjectID]*answer{}, report: &Evaluation{}},
			l: &listing{m: m, f: Filter{Check: c.ID, From: from, To: to}, q: tx, cover: cover}}
		if len(c.Joins) > 0 {
			t.r.over = m.lookups(ctx, tx, to)
			t.r.over.annals = &annals{ctx: ctx, m: m, q: tx, from: from, to: to, known: map[[2]string]*chronicle{}}
		}
		if err := t.l.inUse(ctx); err != nil {
			return err
		}
		for _, k := range m.Words.Kinds(c.For) {
			err := m.Book.EachDuring(ctx, tx, k.Name, from, to, t.take)
			if err == nil {
				err = t.end()
			}
			if err != nil {
				return fmt.Errorf("back-test %s over %s: %w", c.ID, k.Name, err)
			}
		}
		return cover.failed
	})
	slices.SortFunc(out.Pairs, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Was, b.Was), cmp.Compare(a.Would, b.Would))
	})
	return out, err
}

// backtest is one under way.
type backtest struct {
	*Backtest
	ctx     context.Context
	m       *Monitor
	u       *unit
	r       *round
	l       *listing // of what was answered
	cover   *cover
	covered map[string][]piece // by what an answer rests on: where it was read
	each    func(Retried) error

	record  []record.Version // versions of the record that is read
	waiting []tried          // records that were judged and not yet compared
}

// tried is a record that was judged.
type tried struct {
	last  record.Version
	spans []Interval // without gaps while the record held; not applicable among them
}

// take gathers the versions of a record, and judges them when the next record comes.
func (t *backtest) take(v record.Version) error {
	if len(t.record) > 0 && t.record[0].Record != v.Record {
		if err := t.judge(); err != nil {
			return err
		}
		if len(t.waiting) >= 200 {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	t.record = append(t.record, v)
	return nil
}

// judge judges the versions of a record. An event happened once, so that of it the last version speaks from its beginning.
func (t *backtest) judge() error {
	list := t.record
	t.record = t.record[:0]
	if len(list) == 0 {
		return nil
	}
	last := list[len(list)-1]
	x := tried{last: last}
	t.Records++
	happened := last.From
	for _, v := range list {
		if v.Occurred != nil {
			happened = min(happened, store.At(v.Occurred.At))
		}
	}
	if last.Occurred != nil && !last.Erased {
		list = list[len(list)-1:]
	}
	for _, v := range list {
		t.Versions++
		if v.Erased {
			continue
		}
		if v.Dropped != nil {
			t.Dropped++
		}
		if err := t.version(&x, v, happened); err != nil {
			return err
		}
	}
	delete(t.r.current, subjectID{t.u.series.ID, last.Record})
	t.waiting = append(t.waiting, x)
	return nil
}

// version judges one version over the part of the window in which it held, in stretches between the moments at which the
// answer may change; of an event, from when it happened.
func (t *backtest) version(x *tried, v record.Version, happened store.Moment) error {
	at, end := max(v.From, t.From), min(v.To, t.To)
	begins := at
	if v.Occurred != nil {
		begins = max(min(at, happened), t.From)
	}
	for at < end {
		j, err := t.r.judge(t.ctx, t.u, v, at)
		if err != nil {
			return err
		}
		j = t.r.believed(t.u, v, j)
		b := j.basis()
		t.r.current[subjectID{t.u.series.ID, v.Record}] = &answer{Status: codes[j.Status], Basis: b.text()}
		next := end
		if flip := store.At(j.Flip); !j.Flip.IsZero() && flip > at {
			next = min(next, flip)
		}
		if j.until > at {
			next = min(next, j.until)
		}
		if t.r.over != nil && t.r.over.next > at {
			next = min(next, t.r.over.next)
		}
		t.add(x, v, j, b, begins, next)
		at, begins = next, next
	}
	return nil
}

func (t *backtest) add(x *tried, v record.Version, j judged, b basis, from, to store.Moment) {
	i := Interval{Check: t.Check, Kind: v.Kind, Key: v.Key, Label: v.Label, Source: v.Source, Scope: v.Scope, Status: j.Status, Judged: j.Status, Reason: j.Reason,
		Hash: t.Hash, Version: v.ID, Record: v.Record, Others: b.Versions, lost: j.lost != nil}
	if j.Status == NotApplicable {
		i.From, i.To = from, to
		x.append(i)
		return
	}
	for _, p := range t.pieces(v, j, b) {
		if i.From, i.To = max(p.From, from), min(p.To, to); i.From >= i.To {
			continue
		}
		if i.Status, i.Reason = j.Status, j.Reason; p.Reason != "" {
			i.Status, i.Reason = Unknown, p.Reason
		}
		x.append(i)
	}
}

// append goes on with the last interval where nothing turned.
func (x *tried) append(i Interval) {
	if n := len(x.spans) - 1; n >= 0 {
		l := &x.spans[n]
		if l.To == i.From && l.Status == i.Status && l.Judged == i.Judged && l.lost == i.lost && (l.Reason == i.Reason || l.Version == i.Version) {
			l.To = i.To
			return
		}
	}
	x.spans = append(x.spans, i)
}

// pieces are the whole window cut where an answer is not covered.
func (t *backtest) pieces(v record.Version, j judged, b basis) []piece {
	joins, _ := json.Marshal(b.Joins)
	at := fmt.Sprintf("%d\x00%s\x00%s\x00%s\x00%s", codes[j.Status], v.Kind, v.Source, v.Scope, joins)
	out, ok := t.covered[at]
	if !ok {
		// The window begins no later for what happened before it was recorded.
		out = cut(t.m.gapsOver(t.cover, t.u.Check, codes[j.Status], v.Kind, v.Source, v.Scope, b, t.From, t.To), t.From, t.To)
		t.covered[at] = out
	}
	return out
}

// end judges the last record and compares what is left.
func (t *backtest) end() error {
	if err := t.judge(); err != nil {
		return err
	}
	return t.flush()
}

// flush compares what waits with what was answered.
func (t *backtest) flush() error {
	if len(t.waiting) == 0 {
		return nil
	}
	ids := make([]int64, len(t.waiting))
	for i, x := range t.waiting {
		ids[i] = x.last.Record
	}
	answered := map[int64][]Interval{}
	for _, s := range t.l.series {
		rows, err := t.l.rows(t.ctx, s, 0, ids, 1_000_000)
		if err != nil {
			return fmt.Errorf("read what %s answered: %w", t.Check, err)
		}
		for _, r := range rows {
			answered[r.Record] = append(answered[r.Record], t.l.intervals(s, r)...)
		}
	}
	for _, x := range t.waiting {
		found := Retried{Differences: t.compare(x, answered[x.last.Record])}
		for _, i := range x.spans {
			if i.Status == NotApplicable {
				continue
			}
			t.Answers++
			hours := float64(i.To-i.From) / hour
			switch i.Status {
			case Pass:
				t.PassTime += hours
			case Fail:
				t.FailTime += hours
			default:
				t.Unsure += hours
			}
			found.Results = append(found.Results, i)
		}
		t.count(found.Differences)
		if len(found.Results)+len(found.Differences) > 0 && t.each != nil {
			if err := t.each(found); err != nil {
				return err
			}
		}
	}
	t.waiting = t.waiting[:0]
	return nil
}

// compare lays what was answered about a record under what would be. Where a series was evaluated and has no answer, the check
// did not apply; where there was none, nothing was answered.
func (t *backtest) compare(x tried, was []Interval) []Difference {
	var edges []store.Moment
	for _, list := range [][]Interval{x.spans, was} {
		for i := range list {
			list[i].From, list[i].To = max(list[i].From, t.From), min(list[i].To, t.To)
			edges = append(edges, list[i].From, list[i].To)
		}
	}
	for _, s := range t.l.series {
		for _, at := range []store.Moment{s.Started, s.Evaluated, s.Ended} {
			edges = append(edges, min(max(at, t.From), t.To))
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	slices.SortFunc(was, func(a, b Interval) int { return cmp.Compare(a.From, b.From) })
	v := x.last
	var out []Difference
	n, o := 0, 0
	for e := 0; e+1 < len(edges); e++ {
		at := edges[e]
		for n < len(x.spans) && x.spans[n].To <= at {
			n++
		}
		for o < len(was) && was[o].To <= at {
			o++
		}
		d := Difference{Check: t.Check, Kind: v.Kind, Key: v.Key, Label: v.Label, Source: v.Source, From: at, To: edges[e+1], Was: Unanswered, Would: Unanswered}
		held, said := n < len(x.spans) && x.spans[n].From <= at, o < len(was) && was[o].From <= at
		if held {
			d.Would, d.Reason, d.Was = x.spans[n].Status, x.spans[n].Reason, t.silent(at, x.spans[n].Version)
		}
		if said {
			d.Was, d.WasReason = was[o].Status, was[o].Reason
		}
		if held && x.spans[n].lost && d.Would == Unknown { // nothing can be said of it, and so nothing otherwise
			continue
		}
		if d.Was == d.Would || d.Was == Unanswered && d.Would == NotApplicable {
			continue
		}
		if k := len(out) - 1; k >= 0 && out[k].To == at && out[k].Was == d.Was && out[k].Would == d.Would && out[k].Reason == d.Reason && out[k].WasReason == d.WasReason {
			out[k].To = d.To
			continue
		}
		out = append(out, d)
	}
	return out
}

// silent is what it means that there is no answer about a version at a moment.
func (t *backtest) silent(at store.Moment, version int64) Status {
	for _, s := range t.l.series {
		if s.Started <= at && at < s.Ended && s.Evaluated != 0 && (at < s.Evaluated || version <= s.Upto) {
			return NotApplicable
		}
	}
	return Unanswered
}

func (t *backtest) count(list []Difference) {
	flipped := false
	seen := map[[2]Status]bool{}
	for _, d := range list {
		i := slices.IndexFunc(t.Pairs, func(p Pair) bool { return p.Was == d.Was && p.Would == d.Would })
		if i < 0 {
			i = len(t.Pairs)
			t.Pairs = append(t.Pairs, Pair{Was: d.Was, Would: d.Would})
		}
		p := &t.Pairs[i]
		p.Intervals++
		p.Hours += float64(d.To-d.From) / hour
		if !seen[[2]Status{d.Was, d.Would}] {
			seen[[2]Status{d.Was, d.Would}] = true
			p.Records++
		}
		flipped = flipped || d.Was != Unanswered && d.Would != Unanswered
	}
	if flipped {
		t.Flipped++
	}
}

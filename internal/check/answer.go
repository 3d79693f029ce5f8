package check

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"tickmark/internal/record"
	"tickmark/internal/store"
)

// codes of statuses in the database; 0 is an end: from then on there is no answer.
var codes = map[Status]int64{NotApplicable: 0, Pass: 1, Fail: 2, Unknown: 3}

var statusOf = map[int64]Status{0: NotApplicable, 1: Pass, 2: Fail, 3: Unknown}

// answer is a row of results.
type answer struct {
	ID      int64        `db:"id"`
	Series  int64        `db:"series"`
	Record  int64        `db:"record"`
	Status  int64        `db:"status"`
	Reason  string       `db:"reason"`
	From    store.Moment `db:"valid_from"`
	To      store.Moment `db:"valid_to"`
	Known   store.Moment `db:"known"`
	Dropped store.Moment `db:"superseded"`
	Version int64        `db:"version"`
	Basis   string       `db:"basis"`

	Entry int64 `db:"entry"` // of the judged version in the ledger

	drop bool         // supersede the stored row instead of closing it
	cut  store.Moment // with drop: and whatever else begins from then on
	copy int64        // the stored row that this one repeats
}

const answerColumns = "a.id, a.series, a.record, a.status, a.reason, a.valid_from, a.valid_to, a.known, a.superseded, a.version, a.basis, v.entry"

type subjectID struct{ series, record int64 }

// stands reports whether the stored answer is still the answer. A failure's sentence may count days: it is taken anew only
// with a new version of the record.
func (r *round) stands(u *unit, v record.Version, j judged) bool {
	o := r.current[subjectID{u.series.ID, v.Record}]
	code := codes[j.Status]
	if o == nil {
		return code == 0
	}
	if o.Status != code {
		return false
	}
	if code == 0 {
		return true
	}
	if o.Version != v.ID && o.Reason != j.Reason {
		return false
	}
	return slices.Equal(parseBasis(o.Basis).Joins, joinsOf(j.Result))
}

// become makes the judgement the answer from a moment on.
func (r *round) become(u *unit, v record.Version, at store.Moment, j judged) {
	r.becomes(u, v, at, r.believed(u, v, j), 0)
}

// becomes is become for what may be answered; corrects is the stored answer that was taken back for it.
func (r *round) becomes(u *unit, v record.Version, at store.Moment, j judged, corrects int64) {
	if r.stands(u, v, j) && corrects == 0 {
		return
	}
	o := r.current[subjectID{u.series.ID, v.Record}]
	b := j.basis()
	if j.Status == NotApplicable {
		b = basis{Ended: string(NotApplicable)}
	}
	b.Corrects = corrects
	a := &answer{Status: codes[j.Status], Reason: j.Reason, From: at, Version: v.ID, Entry: v.Entry, Basis: b.text()}
	r.put(u, o, a, v.Record)
}

// begin judges a version from when its answer begins. An event that was read later than it happened is judged at each moment
// since at which its answer turns by itself, by what was known at until, when it was read. It happened once: what a newer version
// of it says corrects the answers about the older one from their beginning.
func (r *round) begin(ctx context.Context, u *unit, v record.Version, until store.Moment) error {
	since := u.since(v)
	now, first := until, since
	if until == 0 {
		now = store.At(r.now)
	}
	if !u.Clock {
		first = now // one judgement holds for all of it
	}
	corrects := int64(0)
	for at := since; first <= now; at = first {
		j, err := r.judgeAt(ctx, u, v, first, until)
		if err != nil {
			return err
		}
		if u.turns(j.Flip, r.now) && until != 0 {
			u.whole = true
		}
		if v.Occurred == nil {
			if err := r.reopen(ctx, u, v.Record, at); err != nil {
				return err
			}
		}
		j = r.believed(u, v, j)
		if v.Occurred != nil && at == since {
			if o := r.current[subjectID{u.series.ID, v.Record}]; o != nil && o.Version != v.ID && !(first == now && o.From == since && r.stands(u, v, j)) {
				corrects = r.restart(u, v.Record)
			}
		}
		r.becomes(u, v, at, j, corrects)
		corrects = 0
		if j.Flip.IsZero() || store.At(j.Flip) <= first {
			return nil
		}
		first = store.At(j.Flip)
	}
	return nil
}

// restart takes back every answer about a record in a series. It gives the stored one that stood.
func (r *round) restart(u *unit, record int64) int64 {
	id := subjectID{u.series.ID, record}
	o := r.current[id]
	if _, again := u.expect[record]; !again {
		u.expect[record] = o.ID
	}
	u.count(record, o.Status, -1)
	about := func(a *answer) bool { return a.Record == record }
	u.flips = slices.DeleteFunc(u.flips, about)
	u.ended = slices.DeleteFunc(u.ended, about)
	stored := u.expect[record]
	if stored != 0 {
		r.report.Corrected++
		u.ended = append(u.ended, &answer{Series: u.series.ID, Record: record, drop: true, cut: math.MinInt64})
	}
	delete(r.current, id)
	return stored
}

// count notes that there are more answers of a status, or fewer, and about which record that is.
func (u *unit) count(record, status, n int64) {
	u.delta[status] += n
	if len(u.moved) > maxMoved {
		return // so many that nobody asks which
	}
	if status != codes[Fail] {
		n = 0
	}
	u.moved[record] += n
}

// put replaces the answer o, which may be nil, by a.
func (r *round) put(u *unit, o, a *answer, record int64) {
	a.Series, a.Record, a.To, a.Dropped = u.series.ID, record, store.Forever, store.Forever
	if _, again := u.expect[record]; !again {
		u.expect[record] = 0
		if o != nil {
			u.expect[record] = o.ID
		}
	}
	if o != nil {
		u.count(record, o.Status, -1)
		switch {
		case o.ID == 0 && o.From >= a.From:
			// Not yet written, and nothing is left of it.
			u.flips = slices.DeleteFunc(u.flips, func(x *answer) bool { return x == o })
		case a.From > o.From && (o.ID == 0 || a.From >= u.series.Evaluated):
			o.To = a.From
			if o.ID != 0 {
				u.ended = append(u.ended, o)
			}
		default:
			// It had been answered otherwise about this time: the old row stays as it was known then.
			r.report.Corrected++
			o.drop, o.cut = true, min(a.From, o.From)
			u.ended = append(u.ended, o)
			b := parseBasis(a.Basis)
			b.Corrects = o.ID
			a.Basis = b.text()
			if a.From > o.From {
				rest := *o
				rest.copy, rest.ID, rest.To, rest.drop = o.ID, 0, a.From, false
				u.flips = append(u.flips, &rest)
			}
		}
	}
	u.count(record, a.Status, 1)
	u.flips = append(u.flips, a)
	r.current[subjectID{u.series.ID, record}] = a
}

// reopen takes back what was answered about a record from a moment on, so that it can be judged anew from there; the answer that
// stood at the moment stands on. It does nothing when the answer that stands began before.
func (r *round) reopen(ctx context.Context, u *unit, record int64, from store.Moment) error {
	id := subjectID{u.series.ID, record}
	o := r.current[id]
	if o == nil || o.ID == 0 || o.From <= from {
		return nil
	}
	rows, err := store.All[answer](ctx, r.m.Book.DB, "SELECT "+answerColumns+" FROM result a JOIN version v ON v.id = a.version WHERE a.series = $1 AND a.record = $2 AND a.superseded = $3 AND a.valid_to > $4 ORDER BY a.valid_from, a.id LIMIT 1",
		u.series.ID, record, store.Forever, from)
	if err != nil {
		return fmt.Errorf("read what was answered before: %w", err)
	}
	stored := r.restart(u, record)
	if len(rows) == 0 {
		return nil
	}
	first := rows[0]
	u.ended[len(u.ended)-1].cut = first.From
	if first.From >= from {
		return nil
	}
	b := parseBasis(first.Basis)
	b.Corrects = stored
	first.copy, first.ID, first.To, first.Basis = first.ID, 0, store.Forever, b.text()
	u.count(record, first.Status, 1)
	u.flips = append(u.flips, &first)
	r.current[id] = &first
	return nil
}

// load reads the present answers about the records of a batch.
func (r *round) load(ctx context.Context, units []*unit, batch []record.Version) error {
	r.current, r.parsed = make(map[subjectID]*answer, len(batch)), 0
	mine := map[int64]bool{}
	for _, u := range units {
		if !u.empty {
			mine[u.series.ID] = true
		}
	}
	if len(mine) == 0 {
		return nil
	}
	all := slices.Sorted(maps.Keys(mine))
	for some := range slices.Chunk(batch, 200) {
		about, args := answersAbout(all, some, store.Forever)
		// Not from the snapshot: answers written by this evaluation count.
		rows, err := store.All[answer](ctx, r.m.Book.DB, "SELECT "+answerColumns+" FROM result a JOIN version v ON v.id = a.version WHERE a.valid_to = $1 AND a.superseded = $1 AND "+about, args...)
		if err != nil {
			return fmt.Errorf("read the present answers: %w", err)
		}
		for _, a := range rows {
			r.current[subjectID{a.Series, a.Record}] = &a
		}
	}
	return nil
}

// answersAbout is the SQL of answers of some series about the records of some versions, as the index has them, behind the
// arguments that stand before.
func answersAbout(series []int64, about []record.Version, before ...any) (where string, args []any) {
	args = before
	for _, id := range series {
		args = append(args, id)
	}
	where = "a.series IN (" + store.Marks(len(before)+1, len(series)) + ") AND a.record IN (" + store.Marks(len(args)+1, len(about)) + ")"
	for _, v := range about {
		args = append(args, v.Record)
	}
	return where, args
}

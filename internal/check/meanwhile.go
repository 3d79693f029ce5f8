package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// What changed an answer between two evaluations, other than the record itself: a moment that came, or a record that is looked
// up. An answer that turned and turned back is a deviation all the same, and is not lost because nobody looked just then.

// moments are when records that a check looks up changed, or nobody vouches for them any more, since the last evaluation, in
// order, each minute once. Skipped is the
// first that is not among them, zero when all are.
type moments struct {
	list    []store.Moment
	skipped store.Moment
}

// bound is a kind since checks were last judged, which may have been at different times.
type bound struct {
	kind  string
	upto  int64
	since store.Moment
}

const (
	tooManyMoments = "So much of what it looks up changed between two evaluations that not every moment was judged."

	mostMoments = 16 // each is a reading of what is looked up
	minute      = store.Moment(time.Minute / time.Microsecond)
)

// within are the moments after from and before to.
func (m moments) within(from, to store.Moment) []store.Moment {
	i, _ := slices.BinarySearch(m.list, from+1)
	j, _ := slices.BinarySearch(m.list, to)
	return m.list[i:max(i, j)]
}

func (r *round) changes(ctx context.Context, u *unit) (moments, error) {
	if m, ok := r.merged[u.ID]; ok {
		return m, nil
	}
	var all []store.Moment
	for _, name := range u.Joins {
		all = append(all, r.cover.leaves(name, u.series.Evaluated, r.last)...)
		for _, k := range r.m.Words.Kinds(name) {
			since := bound{k.Name, u.series.Upto, u.series.Evaluated}
			list, ok := r.bounds[since]
			if !ok {
				var err error
				list, err = store.All[store.Moment](ctx, r.q, `SELECT DISTINCT v.valid_from FROM version v JOIN kind k ON k.id = v.kind
					WHERE k.name = $1 AND v.id > $2 AND v.valid_from > $3
					UNION SELECT DISTINCT v.valid_to FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = $1 AND v.valid_to > $3 AND v.valid_to <= $4`,
					k.Name, u.series.Upto, u.series.Evaluated, r.last)
				if err != nil {
					return moments{}, fmt.Errorf("find when any %s changed: %w", k.Name, err)
				}
				r.bounds[since] = list
			}
			all = append(all, list...)
		}
	}
	slices.Sort(all)
	var m moments
	for i, at := range all { // a run writes in several transactions: what stands after a minute is what it read
		if i+1 == len(all) || all[i+1]/minute != at/minute {
			m.list = append(m.list, at)
		}
	}
	if n := len(m.list); n > mostMoments {
		m.skipped, m.list = m.list[0], m.list[n-mostMoments:]
	}
	r.merged[u.ID] = m
	return m, nil
}

// settle judges a record now, and if the answer is another one, or may have been meanwhile, finds out since when.
func (r *round) settle(ctx context.Context, u *unit, v record.Version) error {
	if known, _ := r.knownAt(u, v, store.At(r.now)); !r.full && !u.fresh && !u.vol && v.ID <= u.series.Upto && known <= u.series.Evaluated && known < store.At(r.now) {
		return nil // nothing more is known than when it was judged
	}
	if u.fresh && u.Clock {
		return r.begin(ctx, u, v, 0)
	}
	final, err := r.judge(ctx, u, v, 0)
	if err != nil {
		return err
	}
	u.turns(final.Flip, r.now)
	stands := r.stands(u, v, r.believed(u, v, final)) // what is believed in the end depends on what comes out meanwhile
	now := store.At(r.now)
	// Of an older version it was known when its answer would turn, and whether that was before now.
	turned := u.Clock && u.series.Flip < now || v.ID > u.series.Upto && u.turned(now)
	if stands && (u.fresh || len(u.Joins) == 0 && !turned) {
		return nil
	}
	if u.fresh || !u.Clock && len(u.Joins) == 0 {
		at := u.since(v)
		if u.vol && !u.fresh && v.Occurred == nil {
			at = max(at, now) // when a volatile value changed is not known
		}
		r.become(u, v, at, final)
		return nil
	}
	from := max(u.series.Evaluated, u.since(v), v.From) // what was looked up before it was read says nothing of it
	if stands {
		m, err := r.changes(ctx, u)
		if err != nil {
			return err
		}
		// After the last change it is as it is now; only what was between two changes, or turned by itself, is not seen.
		if n := len(m.within(from, now)); !turned && (n == 0 || n == 1 && m.skipped == 0) {
			return nil
		}
	}
	if err := r.walk(ctx, u, v, from, now); err != nil {
		return err
	}
	r.become(u, v, now, final)
	return nil
}

// turned reports whether any answer of the unit may have turned by itself before a moment.
func (u *unit) turned(before store.Moment) bool {
	return u.Clock && (u.series.Flip < before || u.came != 0 && u.came < before)
}

// earlier are the records of a batch of new versions that had versions before it; none when no answer can have turned.
func (r *round) earlier(ctx context.Context, units []*unit, batch []record.Version) (map[int64]bool, error) {
	out := map[int64]bool{}
	may := false
	for _, u := range units {
		if len(batch) == 0 {
			break
		}
		m, err := r.changes(ctx, u)
		if err != nil {
			return nil, err
		}
		may = may || len(m.list) > 0 || u.turned(store.At(r.now))
	}
	for rest := batch; may && len(rest) > 0; {
		n := min(len(rest), 200)
		args := []any{batch[0].ID}
		for _, v := range rest[:n] {
			args = append(args, v.Record)
		}
		found, err := store.All[int64](ctx, r.q, "SELECT DISTINCT record FROM version WHERE id < $1 AND record IN ("+store.Marks(2, n)+")", args...)
		if err != nil {
			return nil, fmt.Errorf("find which records are not new: %w", err)
		}
		for _, id := range found {
			out[id] = true
		}
		rest = rest[n:]
	}
	return out, nil
}

// meanwhile judges what stood of a record until a moment, at which it changed or ended, at the moments since the last evaluation.
func (r *round) meanwhile(ctx context.Context, u *unit, id int64, until store.Moment) error {
	if u.fresh || u.vol || len(u.Joins) == 0 && !u.turned(until) {
		return nil
	}
	m, err := r.changes(ctx, u)
	if err != nil {
		return err
	}
	if len(m.within(u.series.Evaluated, until)) == 0 && !u.turned(until) {
		return nil
	}
	v, err := r.m.Book.ByRecord(ctx, r.q, id, until-1)
	if fault.Is(err, fault.NotFound) {
		return nil // it is new
	}
	if err != nil {
		return err
	}
	from := max(u.series.Evaluated, u.since(v), v.From)
	if v.Erased || from >= until {
		return nil
	}
	return r.walk(ctx, u, v, from, until)
}

// walk judges a version from one moment until another, again at each at which the answer may have turned.
func (r *round) walk(ctx context.Context, u *unit, v record.Version, from, until store.Moment) error {
	m, err := r.changes(ctx, u)
	if err != nil {
		return err
	}
	if o := r.current[subjectID{u.series.ID, v.Record}]; o != nil && o.From > from {
		// An answer that turned by itself was judged up to when it did, unless the clock went back and something changed before.
		if len(m.within(from, o.From)) == 0 {
			from = o.From
		} else if err := r.reopen(ctx, u, v.Record, from); err != nil {
			return err
		}
	}
	for at := from; at < until; {
		res, err := r.judge(ctx, u, v, at)
		if err != nil {
			return err
		}
		r.become(u, v, at, res)
		next := until
		if !res.Flip.IsZero() && store.At(res.Flip) < next && store.At(res.Flip) > at {
			next = store.At(res.Flip)
		}
		if res.until > at {
			next = min(next, res.until)
		}
		if later := m.within(at, next); len(later) > 0 {
			next = later[0]
		}
		if m.skipped > at && m.skipped < next && res.Status != Fail {
			r.become(u, v, m.skipped, judged{Result: Result{Status: Unknown, Reason: tooManyMoments}})
		}
		at = next
	}
	return nil
}

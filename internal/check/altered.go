package check

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// An answer that the ledger does not back was written by nobody: somebody changed the database. It is kept as it was found, for
// whoever looks into it, and counts at no moment; the time that it spoke for is unknown until it can be judged again. So it
// neither passes for an answer nor is it mended without a word: tickmark ledger verify goes on naming it, and so does each night.

const wasAltered = "What was answered here was changed in the database afterwards. tickmark ledger verify says what does not hold."

// tampering is what the ledger does not back, and what was set aside for that before.
type tampering struct {
	stand map[subjectID]map[int64]altered // by record and row: what still counts
	rows  map[int64]string                // the check of each row, of zero for rows that are gone
}

// where counts the rows by check.
func (t tampering) where() map[string]int {
	out := map[string]int{}
	for _, check := range t.rows {
		out[cmp.Or(check, "removed rows")]++
	}
	return out
}

// tampered compares every answer with the ledger.
func (m *Monitor) tampered(ctx context.Context) (tampering, error) {
	t := tampering{map[subjectID]map[int64]altered{}, map[int64]string{}}
	err := m.Book.DB.Read(ctx, func(tx *store.Tx) error {
		checks, err := m.checksOf(ctx, tx)
		if err != nil {
			return err
		}
		if _, err := m.audit(ctx, tx, nil, func(a altered) error {
			t.rows[a.row] = checks[a.series]
			if a.row == 0 {
				return nil
			}
			id := subjectID{a.series, a.record}
			if t.stand[id] == nil {
				t.stand[id] = map[int64]altered{}
			}
			if old, ok := t.stand[id][a.row]; !ok || old.end {
				t.stand[id][a.row] = a
			}
			return nil
		}); err != nil {
			return err
		}
		return m.Flips(ctx, tx, func(f CommittedFlip) error {
			if b := parseBasis(f.Basis); b.Altered {
				t.rows[b.Corrects] = f.Check
			}
			return nil
		})
	})
	if err != nil {
		return t, fmt.Errorf("compare the answers with the ledger: %w", err)
	}
	return t, nil
}

func (m *Monitor) checksOf(ctx context.Context, q store.Q) (map[int64]string, error) {
	all, err := store.All[Series](ctx, q, "SELECT "+seriesColumns+" FROM series")
	out := map[int64]string{}
	for _, s := range all {
		out[s.ID] = s.Check
	}
	return out, err
}

// setAside takes what the ledger does not back out of what counts, and says that the time it spoke for is unknown.
func (m *Monitor) setAside(ctx context.Context, t tampering) (changed int, err error) {
	if len(t.stand) == 0 {
		return 0, nil
	}
	release, err := m.still(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	subjects := slices.SortedFunc(maps.Keys(t.stand), func(a, b subjectID) int {
		return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.record, b.record))
	})
	for len(subjects) > 0 {
		n := 1
		for n < min(len(subjects), 200) && subjects[n].series == subjects[0].series {
			n++
		}
		err := m.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
			s, err := store.One[Series](ctx, tx, "SELECT "+seriesColumns+" FROM series WHERE id = $1", subjects[0].series)
			if err != nil {
				return err
			}
			u := &unit{Check: m.checkOf(s), series: s}
			for _, id := range subjects[:n] {
				done, err := u.setAside(ctx, tx, id, t.stand[id])
				if err != nil {
					return err
				}
				changed += done
			}
			next, err := store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) FROM result")
			if err != nil {
				return err
			}
			if _, err := u.write(ctx, tx, m, next); err != nil {
				return err
			}
			return u.recount(ctx, tx)
		})
		if err != nil {
			return changed, fmt.Errorf("set aside the answers that the ledger does not back: %w", err)
		}
		subjects = subjects[n:]
	}
	return changed, nil
}

// setAside puts what is known about one record in the place of what was altered. Where two rows do not meet, what lies between
// is unknown; where they overlap, the later one holds.
func (u *unit) setAside(ctx context.Context, tx *ledger.Tx, id subjectID, bad map[int64]altered) (int, error) {
	rows, err := store.All[answer](ctx, tx, "SELECT "+answerColumns+" FROM result a JOIN version v ON v.id = a.version WHERE a.series = $1 AND a.record = $2 AND a.superseded = $3 ORDER BY a.valid_from, a.id", id.series, id.record, store.Forever)
	if err != nil {
		return 0, err
	}
	n := 0
	unknown := func(o answer, from, to store.Moment) {
		if from < to {
			u.flips = append(u.flips, &answer{Series: id.series, Record: id.record, Status: codes[Unknown], Reason: wasAltered, From: from, To: to, Version: o.Version, Entry: o.Entry, Basis: basis{Corrects: o.ID, Altered: true}.text()})
		}
	}
	for i, o := range rows {
		next := store.Forever
		if i+1 < len(rows) {
			next = rows[i+1].From
		}
		why, found := bad[o.ID]
		if !found || why.end && o.To == next {
			continue
		}
		n++
		if why.end && o.To < next {
			unknown(o, o.To, next)
			continue
		}
		// What was altered was known at no moment; what was only too long was known as long as it stood.
		since := o.Known
		if why.end {
			since = tx.Now
		}
		if _, err := tx.Exec(ctx, "UPDATE result SET superseded = $1 WHERE id = $2", since, o.ID); err != nil {
			return n, err
		}
		if !why.end {
			unknown(o, o.From, next)
			continue
		}
		b := parseBasis(o.Basis)
		b.Corrects, b.Altered = o.ID, true
		if o.Basis, o.To = b.text(), next; o.From < next {
			u.flips = append(u.flips, &o)
		}
	}
	return n, nil
}

// recount keeps the tallies of a series by what stands.
func (u *unit) recount(ctx context.Context, tx *ledger.Tx) error {
	type row struct {
		Status int64 `db:"status"`
		N      int64 `db:"n"`
	}
	u.delta = map[int64]int64{}
	for _, q := range []struct {
		sign int64
		sql  string
		args []any
	}{
		{1, "SELECT status, count(*) AS n FROM result WHERE series = $1 AND valid_to = $2 AND superseded = $2 GROUP BY status", []any{u.series.ID, store.Forever}},
		{-1, "SELECT status, n FROM result_tally WHERE series = $1", []any{u.series.ID}},
	} {
		if err := store.Each(ctx, tx, func(r row) error { u.delta[r.Status] += q.sign * r.N; return nil }, q.sql, q.args...); err != nil {
			return err
		}
	}
	return u.tally(ctx, tx)
}

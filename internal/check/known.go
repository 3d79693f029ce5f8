package check

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"tickmark/internal/store"
)

// memory is what an evaluation leaves for the next, so that keeping the findings costs what changed and not what fails. It
// counts only as long as nobody else wrote answers or findings and nothing was erased; whoever doubts reads everything anew.
type memory struct {
	results int64 // the last row of results
	acts    int64 // the last action in the ledger
	checks  map[string]*tended
}

// tended are the findings of a check as they were kept.
type tended struct {
	series   Series          // as it is judged since
	findings map[int64]int64 // by record: the version that holds
	fails    map[string]int64
	lists    map[string]*list // by connection; there is none where nothing fails and no finding is open
}

// list is what a finding lists.
type list struct {
	finding *findingBody     // without its body
	first   []int64          // the first maxItems of the records that fail, by number
	times   map[int64][]item // by record that is listed: when it failed, with what is left out for its age
}

// maxMoved is up to how many records that were answered otherwise are looked at one by one.
const maxMoved = 1000

// remember gives what is known at the beginning of an evaluation.
func (m *Monitor) remember(ctx context.Context, q store.Q, known *memory) (*memory, error) {
	now := &memory{checks: map[string]*tended{}}
	var err error
	if now.results, err = store.One[int64](ctx, q, "SELECT coalesce(max(id), 0) FROM result"); err != nil {
		return nil, err
	}
	if now.acts, err = store.One[int64](ctx, q, "SELECT coalesce(max(entry), 0) FROM action"); err != nil {
		return nil, err
	}
	if known == nil || known.results != now.results {
		return now, nil
	}
	// What was erased must be forgotten here too.
	erased, err := store.All[int64](ctx, q, "SELECT entry FROM action WHERE entry > $1 AND verb = 'record.erased' LIMIT 1", known.acts)
	if err == nil && len(erased) == 0 {
		now.checks = known.checks
	}
	return now, err
}

// follow brings the findings of a check up to date by what changed in this evaluation. It reports false where that cannot be
// done, or cannot be trusted.
func (m *Monitor) follow(ctx context.Context, r *round, u *unit, t *tended, fails int64) (bool, error) {
	if r.full || u.fresh || len(u.moved) > maxMoved || t.series.ID != u.series.ID || t.series.Upto != u.series.Upto || t.series.Evaluated != u.series.Evaluated {
		return false, nil
	}
	last, err := store.One[int64](ctx, m.Book.DB, "SELECT coalesce(max(id), 0) FROM result")
	if err != nil || last != r.known.results {
		return false, err
	}
	findings, err := m.Book.Holding(ctx, m.Book.DB, findingKind, "check", u.ID)
	if err != nil || !maps.Equal(findings, t.findings) {
		return false, err
	}
	turned, err := m.sourcesOf(ctx, slices.Sorted(maps.Keys(u.moved)))
	if err != nil {
		return false, err
	}
	past, err := m.sourcesOf(ctx, r.brief[u.ID])
	if err != nil {
		return false, err
	}
	now := maps.Clone(t.fails)
	for source, records := range turned {
		for _, id := range records {
			now[source] += u.moved[id]
		}
	}
	for source := range past {
		now[source] += 0
	}
	sum := int64(0)
	for source, n := range now {
		if sum += n; n < 0 || t.lists[source] == nil && (n > 0 || len(past[source]) > 0) {
			return false, nil
		}
	}
	if sum != fails {
		return false, nil
	}
	for _, source := range slices.Sorted(maps.Keys(now)) {
		l := t.lists[source]
		if l == nil {
			continue
		}
		first, ok, err := m.firstFailing(ctx, u, source, l.first, t.fails[source], now[source], turned[source])
		if err != nil || !ok {
			return false, err
		}
		var again []int64
		for _, id := range slices.Concat(first, slices.Collect(maps.Keys(l.times)), past[source][:min(maxItems, len(past[source]))]) {
			_, changed := u.moved[id]
			if _, listed := l.times[id]; changed || !listed {
				again = append(again, id)
			}
		}
		slices.Sort(again)
		times := maps.Clone(l.times)
		if err := m.failures(ctx, u.Check, slices.Compact(again), since(l.finding), times); err != nil {
			return false, err
		}
		next := &list{finding: l.finding, first: first, times: times}
		if reread != nil {
			if err := reread(ctx, m, u.Check, source, next, now[source], past[source]); err != nil {
				return false, err
			}
		}
		kept, err := m.keep(ctx, r, u.Check, source, l.finding, now[source], past[source], next)
		if err != nil || !kept {
			return false, err
		}
		t.findings[next.finding.version.Record] = next.finding.version.ID
		t.lists[source] = next
	}
	t.fails = now
	return true, nil
}

// reread is set in tests, where what is known is compared with what is read anew.
var reread func(ctx context.Context, m *Monitor, c *Check, scope string, l *list, fails int64, brief []int64) error

// firstFailing are the first maxItems of the failing records of a connection, from what they were, how many failed and fail, and
// which were answered otherwise.
func (m *Monitor) firstFailing(ctx context.Context, u *unit, source string, was []int64, failed, fail int64, turned []int64) ([]int64, bool, error) {
	all := int64(len(was)) == failed
	if !all && len(was) != maxItems {
		return nil, false, nil
	}
	now := slices.Clone(was)
	left := 0
	for _, id := range turned {
		if !all && id > was[len(was)-1] {
			continue // after those that are listed
		}
		at, failing := slices.BinarySearch(now, id)
		switch n := u.moved[id]; {
		case n == 0:
		case n == 1 && !failing:
			now = slices.Insert(now, at, id)
		case n == -1 && failing:
			now = slices.Delete(now, at, at+1)
			left++
		default:
			return nil, false, nil
		}
	}
	if !all && left > 0 {
		next, err := m.failing(ctx, u.Check, source, was[len(was)-1], left)
		if err != nil {
			return nil, false, err
		}
		now = append(now, next...)
	}
	now = now[:min(len(now), maxItems)]
	return now, int64(len(now)) == min(fail, int64(maxItems)), nil
}

// failing are the next records of a connection that fail, by number.
func (m *Monitor) failing(ctx context.Context, c *Check, source string, after int64, limit int) ([]int64, error) {
	return store.All[int64](ctx, m.Book.DB, `SELECT a.record FROM result a JOIN series s ON s.id = a.series JOIN record rc ON rc.id = a.record
		WHERE s.check_id = $1 AND s.ended = $2 AND a.status = 2 AND a.valid_to = $2 AND a.superseded = $2 AND rc.source = $3 AND a.record > $4 ORDER BY a.record LIMIT `+fmt.Sprint(limit), c.ID, store.Forever, source, after)
}

package record

import (
	"context"
	"fmt"

	"tickmark/internal/store"
)

// Written is a version that a run wrote, or one that it ended with no successor.
type Written struct {
	Version
	New  bool // the record has no version before it
	Gone bool // the run ended it
}

// Writing is a run as its versions know it.
type Writing struct {
	Source     string
	Run        int64
	Below      int64 // the version of the run's own record before which it wrote nothing
	Above      int64 // and the one after which it wrote nothing; 0 while it goes on
	Began, End store.Moment
}

// WrittenBy lists what a run wrote of a kind, by version, after the one given: what began in it, and what ended in it for good.
func (b *Book) WrittenBy(ctx context.Context, kind string, w Writing, after int64, limit int) ([]Written, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return nil, err
	}
	above := w.Above
	if above == 0 {
		above = int64(store.Forever)
	}
	type row struct {
		versionRow
		Earlier int64 `db:"earlier"`
	}
	rows, err := store.All[row](ctx, b.DB, `SELECT v.id, v.record, v.kind, r.key, r.source, v.valid_from, v.valid_to, v.entry, v.closed, v.schema_version, v.hash, v.salt, v.body,
		v.origin, v.label, v.scope, v.occurred, v.zone, v.actor, v.reason, v.run, (SELECT count(*) FROM version p WHERE p.record = v.record AND p.valid_from < v.valid_from) AS earlier
		FROM (SELECT id FROM (SELECT id FROM version WHERE kind = $1 AND id > $2 AND id > $3 AND id < $4 AND run = $5 ORDER BY id LIMIT $6) AS began
		UNION SELECT id FROM (SELECT x.id FROM version x JOIN record y ON y.id = x.record WHERE x.kind = $1 AND x.id > $2 AND x.valid_to >= $7 AND x.valid_to <= $8 AND x.closed IS NOT NULL AND y.source = $9 ORDER BY x.id LIMIT $6) AS ended) AS w
		JOIN version v ON v.id = w.id JOIN record r ON r.id = v.record ORDER BY v.id LIMIT $6`,
		ki.id, after, w.Below, above, w.Run, limit, w.Began, w.End, w.Source)
	if err != nil {
		return nil, fmt.Errorf("list what run %d wrote: %w", w.Run, err)
	}
	out := make([]Written, len(rows))
	for i, r := range rows {
		v, err := b.version(r.versionRow)
		if err != nil {
			return nil, err
		}
		began := v.Run == w.Run && v.ID > w.Below
		out[i] = Written{Version: v, New: began && r.Earlier == 0, Gone: v.Closed != nil && v.To >= w.Began && v.To <= w.End}
	}
	return out, nil
}

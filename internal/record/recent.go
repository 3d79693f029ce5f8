package record

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"tickmark/internal/store"
)

// Recent returns the versions written last, newest first, of the kinds that want names; as of a moment those that were
// written by then. It reads at most limit versions a kind.
func (b *Book) Recent(ctx context.Context, asOf store.Moment, limit int, want func(*Kind) bool) ([]Version, error) {
	if err := b.past(asOf); err != nil {
		return nil, err
	}
	var all []versionRow
	for _, k := range b.Kinds.All() {
		ki := b.info[k.Name]
		if !want(k) || cmp.Or(k.Room, Company) != Company {
			continue
		}
		where, args := "", []any{ki.id, limit}
		if asOf != 0 {
			where, args = "AND v.valid_from <= $3 ", append(args, asOf)
		}
		rows, err := store.All[versionRow](ctx, b.DB, versionSelect+"WHERE v.kind = $1 "+where+"ORDER BY v.id DESC LIMIT $2", args...)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	slices.SortFunc(all, func(x, y versionRow) int { return cmp.Compare(y.ID, x.ID) })
	list, err := b.versions(all[:min(limit, len(all))])
	if err != nil {
		return nil, err
	}
	return b.seen(ctx, b.DB, list)
}

// FromEntry returns the versions that ledger entries from entry on committed to, in their order, at most limit. Versions are
// numbered in the order of their entries, so the first is found by halving and no index of entries is needed.
func (b *Book) FromEntry(ctx context.Context, entry int64, limit int) ([]Version, error) {
	type spot struct {
		ID    int64 `db:"id"`
		Entry int64 `db:"entry"`
	}
	high, err := store.One[int64](ctx, b.DB, "SELECT coalesce(max(id), 0) + 1 FROM version")
	if err != nil {
		return nil, err
	}
	for low := int64(0); low < high; {
		mid := (low + high) / 2
		s, err := store.One[spot](ctx, b.DB, "SELECT id, entry FROM version WHERE id >= $1 ORDER BY id LIMIT 1", mid)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && s.Entry >= entry:
			high = mid
		case err != nil:
			return nil, err
		default:
			low = s.ID + 1
		}
	}
	rows, err := store.All[versionRow](ctx, b.DB, versionSelect+"WHERE v.id >= $1 ORDER BY v.id LIMIT $2", high, limit)
	if err != nil {
		return nil, err
	}
	list, err := b.versions(rows)
	if err != nil {
		return nil, err
	}
	return b.seen(ctx, b.DB, list)
}

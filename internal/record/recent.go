package record

import (
	"cmp"
	"context"
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
	return b.versions(all[:min(limit, len(all))])
}

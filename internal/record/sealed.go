package record

import (
	"context"

	"tickmark/internal/store"
)

// CommittedInOrder is Committed record by record, each record's versions oldest first; after is the record and the From of
// the last version of the page before.
func (b *Book) CommittedInOrder(ctx context.Context, q store.Q, record int64, from store.Moment, limit int) ([]Sealed, error) {
	return b.committed(ctx, q, "(v.record, v.valid_from) > ($1, $2) ORDER BY v.record, v.valid_from LIMIT $3", record, from, limit)
}

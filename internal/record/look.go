package record

import (
	"context"
	"time"

	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// Moment is a recorded time, for rooms that hold no SQL; zero is now.
type Moment = store.Moment

// Look is what Kind.Check sees beside the record that is written: the day, and the other records as the writing
// transaction sees them.
type Look struct {
	At   time.Time                                                      // of the write
	Get  func(kind, key string) (Version, error)                        // a fault that is NotFound when there is none
	Find func(kind, field string, value any) (found []Version, _ error) // by an indexed field
}

func (b *Book) look(ctx context.Context, tx *ledger.Tx) Look {
	return Look{
		At:  tx.Now.Time(),
		Get: func(kind, key string) (Version, error) { return b.getIn(ctx, tx, kind, key) },
		Find: func(kind, field string, value any) ([]Version, error) {
			return b.Find(ctx, tx, kind, field, value, 0)
		},
	}
}

func (b *Book) getIn(ctx context.Context, tx *ledger.Tx, kind, key string) (Version, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return Version{}, err
	}
	return b.get(ctx, tx, ki, key, "", 0)
}

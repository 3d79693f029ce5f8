package retention

import (
	"context"
	"fmt"
	"sort"
	"time"

	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

const (
	day  = store.Moment(24 * time.Hour / time.Microsecond)
	week = 7 * day
)

// age tells what is old by the ledger's own entries, and not by a clock alone: a time in which nothing was recorded counts as a
// week of it at most. So a clock that is set forward makes nothing old; the ledger must have lived through the days.
type age struct {
	book *record.Book
	size int64
	now  store.Moment // of the last entry, or of the clock when that is before it
}

func ageOf(ctx context.Context, book *record.Book, q store.Q) (age, error) {
	h, err := book.Log.Head(ctx, q)
	return age{book, h.Size, min(h.At, store.At(book.Log.Clock()))}, err
}

// before is the moment up to which everything is at least so many days old; zero when nothing is.
func (a age) before(ctx context.Context, q store.Q, days int) (store.Moment, error) {
	need, lived := store.Moment(days)*day, store.Moment(0)
	at, end := a.now, a.size
	for {
		i, found, err := a.last(ctx, q, at-week, end)
		if err != nil {
			return 0, fmt.Errorf("tell what is %d days old: %w", days, err)
		}
		if i < 0 {
			return 0, nil
		}
		gap := at - found
		if gap > 2*week { // nothing was recorded: of all that time, a week counts
			if lived += week; lived >= need {
				return found, nil
			}
		} else if lived += gap; lived >= need {
			return found + lived - need, nil
		}
		at, end = found, i+1
	}
}

// last is the last of the first entries that was recorded at or before a moment, -1 when there is none.
func (a age) last(ctx context.Context, q store.Q, at store.Moment, end int64) (int64, store.Moment, error) {
	var failed error
	when := func(i int64) store.Moment {
		list, err := a.book.Log.Entries(ctx, q, i, i+1)
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("ledger entry %d is missing", i)
		}
		var leaf merkle.Leaf
		if err == nil {
			leaf, err = merkle.ParseLeaf(list[0])
		}
		if err != nil {
			failed = err
		}
		return store.Moment(leaf.At)
	}
	i := int64(sort.Search(int(end), func(i int) bool { return failed == nil && when(int64(i)) > at })) - 1
	if failed != nil || i < 0 {
		return -1, 0, failed
	}
	found := when(i)
	return i, found, failed
}

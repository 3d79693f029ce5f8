package record

import (
	"context"
	"tickmark/internal/store"
	"time"
)

// Moment is a recorded time, for rooms that hold no SQL; zero is now.
type Moment = store.Moment

// Look is the other records as they stand at one moment. Kind.Check and Kind.Follows see them as the writing transaction does.
type Look struct {
	At   time.Time                                                      // of the write, or the moment looked at
	Get  func(kind, key string) (Version, error)                        // a fault that is NotFound when there is none
	Find func(kind, field string, value any) (found []Version, _ error) // by an indexed field
	All  func(kind string) ([]Version, error)                           // for kinds of which there are few
	Kind func(name string) (*Kind, error)                               // a fault that is NotFound when there is none
	Fits func(kind, where string) error                                 // a fault when the filter does not work on the kind
}

func (b *Book) look(ctx context.Context, q store.Q, at time.Time, asOf Moment) Look {
	return Look{
		At:  at,
		Get: func(kind, key string) (Version, error) { return b.getIn(ctx, q, kind, key, asOf) },
		Find: func(kind, field string, value any) ([]Version, error) {
			return b.Find(ctx, q, kind, field, value, asOf)
		},
		All: func(kind string) (all []Version, err error) {
			err = b.EachAt(ctx, q, kind, asOf, func(v Version) error { all = append(all, v); return nil })
			return all, err
		},
		Kind: b.Kinds.Named,
		Fits: func(kind, where string) error {
			ki, err := b.kind(kind)
			if err != nil {
				return err
			}
			_, err = b.program(ki, where)
			return err
		},
	}
}

// LookAt is the records as they stood at a moment, as far as the one who asks may see them; the zero time is now.
func (b *Book) LookAt(ctx context.Context, at time.Time) Look {
	if at.IsZero() {
		return b.look(ctx, b.DB, b.Log.Now(), 0)
	}
	return b.look(ctx, b.DB, at, store.At(at))
}

func (b *Book) getIn(ctx context.Context, q store.Q, kind, key string, asOf Moment) (Version, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return Version{}, err
	}
	return b.get(ctx, q, ki, key, "", asOf)
}

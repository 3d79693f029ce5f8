package record

import (
	"context"
	"fmt"
	"slices"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// A window has every version that held at some time in it: the versions of a record stand together, in order of time, and the
// records are in order of key and source, so that a list goes on where its page ended whatever was written meanwhile.

const (
	duringRecords = 100     // looked at in one step
	duringBudget  = 20_000  // records looked at for a page, when few of them held in the window
	duringLimit   = 200_000 // versions counted
)

// held is a version that held in a window, and where it stands in the list.
type held struct {
	ID     int64        `db:"id"`
	Record int64        `db:"record"`
	From   store.Moment `db:"valid_from"`
}

// window reads a window of a kind from a position on, a step at a time.
type window struct {
	b        *Book
	ki       *kindInfo
	from, to store.Moment
	source   string
	at       position // key, source, and from when the last version read held
	begun    bool     // at is a version, and not the beginning
	ended    bool     // there are no more records
	looked   int      // at records
}

func (b *Book) window(ki *kindInfo, during [2]store.Moment, source string) (*window, error) {
	if during[1] <= during[0] {
		return nil, fault.New(fault.Invalid, "The window ends at %s, before it begins at %s.", during[1], during[0])
	}
	return &window{b: b, ki: ki, from: during[0], to: during[1], source: source}, nil
}

// placed is a version and its position.
type placed struct {
	position
	id int64
}

// next are the versions of some more records, at most a number of records; none when there are no more.
func (w *window) next(ctx context.Context, q store.Q, records int) ([]placed, error) {
	for !w.ended {
		type row struct {
			ID     int64  `db:"id"`
			Key    string `db:"key"`
			Source string `db:"source"`
		}
		rows, err := store.All[row](ctx, q, "SELECT id, key, source FROM record WHERE kind = $1 AND (key, source) >= ($2, $3) ORDER BY key, source LIMIT $4",
			w.ki.id, w.at.Value, w.at.Order, records+1)
		if err != nil {
			return nil, err
		}
		if w.ended = len(rows) <= records; !w.ended {
			rows = rows[:records]
		}
		w.looked += len(rows)
		begun, since := w.begun, w.at
		order := make(map[int64]int, len(rows))
		var ids []any
		for i, r := range rows {
			if w.source == "" || r.Source == w.source {
				order[r.ID] = i
				ids = append(ids, r.ID)
			}
		}
		if len(rows) > 0 {
			last := rows[len(rows)-1]
			w.at, w.begun = position{last.Key, last.Source, int64(store.Forever)}, true
		}
		var out []placed
		if len(ids) > 0 {
			found, err := store.All[held](ctx, q, "SELECT id, record, valid_from FROM version WHERE record IN ("+store.Marks(3, len(ids))+") AND valid_to > $1 AND valid_from < $2",
				append([]any{w.from, w.to}, ids...)...)
			if err != nil {
				return nil, err
			}
			slices.SortFunc(found, func(x, y held) int {
				if d := order[x.Record] - order[y.Record]; d != 0 {
					return d
				}
				return int(min(1, max(-1, x.From-y.From)))
			})
			for _, h := range found {
				r := rows[order[h.Record]]
				if begun && r.Key == since.Value && r.Source == since.Order && int64(h.From) <= since.Record {
					continue
				}
				out = append(out, placed{position{r.Key, r.Source, int64(h.From)}, h.ID})
			}
		}
		if len(out) > 0 || w.looked >= duringBudget {
			return out, nil
		}
	}
	return nil, nil
}

// bodies reads versions, in the order of their places.
func (w *window) bodies(ctx context.Context, q store.Q, list []placed) ([]Version, error) {
	order := make(map[int64]int, len(list))
	for i, p := range list {
		order[p.id] = i
	}
	out := make([]Version, len(list))
	for rest := list; len(rest) > 0; {
		n := min(len(rest), 200)
		args := make([]any, n)
		for i, p := range rest[:n] {
			args[i] = p.id
		}
		err := store.Each(ctx, q, func(r versionRow) (err error) {
			out[order[r.ID]], err = w.b.version(r)
			return err
		}, versionSelect+"WHERE v.id IN ("+store.Marks(1, n)+")", args...)
		if err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return out, nil
}

// during lists every version of a kind that held at some time in the window.
func (b *Book) during(ctx context.Context, tx *store.Tx, q Query) (page Page, err error) {
	ki, err := b.readable(q.Kind, q.Room)
	if err != nil {
		return page, err
	}
	if q.Sort != "" {
		return page, fault.New(fault.Invalid, "A list over a window is in order of key and time and cannot be sorted by %s.", q.Sort)
	}
	w, err := b.window(ki, q.During, q.Source)
	if err != nil {
		return page, err
	}
	if w.at, err = parsePosition(q.After); err != nil {
		return page, err
	}
	w.begun = q.After != ""
	var program *expr.Program
	if q.Where != "" {
		if program, err = b.program(ki, q.Where); err != nil {
			return page, err
		}
	}
	var doc expr.Doc
	for last := w.at; ; {
		list, err := w.next(ctx, tx, min(duringRecords, q.Limit+1))
		if err != nil {
			return page, fmt.Errorf("list %s over a window: %w", ki.Plural, err)
		}
		for len(list) > 0 {
			n := min(len(list), max(q.Limit-len(page.Versions), 0)+1)
			if program != nil {
				n = min(len(list), 200)
			}
			found, err := w.bodies(ctx, tx, list[:n])
			if err != nil {
				return page, fmt.Errorf("list %s over a window: %w", ki.Plural, err)
			}
			for i, v := range found {
				if len(page.Versions) == q.Limit {
					page.Next = last.String()
					return page, nil
				}
				last = list[i].position
				if ok, err := b.sees(ctx, tx, v); err != nil || !ok {
					if err != nil {
						return page, err
					}
					continue
				}
				if program != nil && v.Dropped != nil {
					page.Untold++
					continue
				}
				if program != nil {
					page.Scanned++
					ok, err := matches(program, &doc, v.Body, b.Log.Now())
					if err != nil {
						return page, err
					}
					if !ok {
						continue
					}
				}
				page.Versions = append(page.Versions, v)
			}
			list = list[n:]
			if len(list) > 0 && page.Scanned >= scanBudget {
				page.Partial, page.Next = true, last.String()
				return page, nil
			}
		}
		if w.ended {
			return page, nil
		}
		if last = w.at; page.Scanned >= scanBudget || w.looked >= duringBudget {
			page.Partial, page.Next = true, last.String()
			return page, nil
		}
	}
}

// EachDuring hands over every version of a kind that held at some time in a window, those of a record together and in order of
// time.
func (b *Book) EachDuring(ctx context.Context, q store.Q, kind string, from, to store.Moment, fn func(Version) error) error {
	ki, err := b.kind(kind)
	if err != nil {
		return err
	}
	w, err := b.window(ki, [2]store.Moment{from, to}, "")
	if err != nil {
		return err
	}
	for !w.ended {
		list, err := w.next(ctx, q, duringRecords)
		for err == nil && len(list) > 0 {
			n := min(len(list), 1000)
			var found []Version
			if found, err = w.bodies(ctx, q, list[:n]); err != nil {
				break
			}
			if found, err = b.seen(ctx, q, found); err != nil {
				break
			}
			for _, v := range found {
				if err := fn(v); err != nil {
					return err
				}
			}
			list = list[n:]
		}
		if err != nil {
			return fmt.Errorf("read every %s over a window: %w", kind, err)
		}
	}
	return nil
}

func (b *Book) countDuring(ctx context.Context, q Query) (c Count, err error) {
	ki, err := b.readable(q.Kind, q.Room)
	if err != nil {
		return c, err
	}
	if _, err := b.window(ki, q.During, ""); err != nil {
		return c, err
	}
	n, err := store.One[int64](ctx, b.DB, "SELECT count(*) FROM (SELECT 1 AS one FROM version WHERE kind = $1 AND valid_to > $2 AND valid_from < $3 LIMIT $4) AS held", ki.id, q.During[0], q.During[1], duringLimit+1)
	return Count{min(n, duringLimit), n <= duringLimit}, err
}

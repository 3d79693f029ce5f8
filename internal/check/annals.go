package check

import (
	"context"
	"fmt"
	"slices"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// annals are the records that a check looks up, as they stood at each moment of a window, by the value of a field. A lookup in
// them tells until when it would find the same, so that nothing is judged anew while nothing changed.
type annals struct {
	ctx      context.Context
	m        *Monitor
	q        store.Q
	from, to store.Moment
	known    map[[2]string]*chronicle
	bytes    int // kept
}

// chronicle is a kind or view by a field.
type chronicle struct {
	rows map[any][]past
	odd  []doubtful
	lost map[int64]error // by version, of records found by their key: the body was dropped
}

// past is a record while it held.
type past struct {
	row
	to store.Moment
}

// doubtful is a time in which a record could not be told to belong to a view.
type doubtful struct {
	from, to store.Moment
	why      error
}

// maxAnnals is how much of what is looked up is kept in memory.
const maxAnnals = 512 << 20

func (a *annals) find(l *lookups, name, field string, value any, beside bool) (docs []*expr.Doc, odd, err error) {
	c := a.known[[2]string{name, field}]
	if c == nil {
		if c, err = a.read(name, field); err != nil {
			return nil, nil, err
		}
		a.known[[2]string{name, field}] = c
	}
	for _, d := range c.odd {
		if l.turns(d.from); d.from <= l.at && l.at < d.to {
			l.turns(d.to)
			return nil, d.why, nil
		}
	}
	for _, r := range c.rows[hashKey(value)] {
		if beside && !l.near(r.source, r.scope) || slices.Contains(l.less, lane{r.source, r.kind, "", r.scope}) {
			continue
		}
		if l.turns(r.since); r.since > l.at || l.at >= r.to {
			continue
		}
		l.turns(r.to)
		if gone := c.lost[r.version]; gone != nil {
			return nil, gone, nil
		}
		d, err := expr.Parse(r.body)
		if err != nil {
			return nil, nil, err
		}
		l.saw(lane{r.source, r.kind, "", r.scope}, r.version, r.since)
		docs = append(docs, d)
	}
	return docs, nil, nil
}

// turns notes that what is found may be another from a moment on.
func (l *lookups) turns(at store.Moment) {
	if at > l.at && (l.next == 0 || at < l.next) {
		l.next = at
	}
}

func (a *annals) read(name, field string) (*chronicle, error) {
	c := &chronicle{rows: map[any][]past{}, lost: map[int64]error{}}
	view := a.m.Words.IsView(name)
	var doc expr.Doc
	for _, k := range a.m.Words.Kinds(name) {
		err := a.m.Book.EachDuring(a.ctx, a.q, k.Name, a.from, a.to, func(v record.Version) error {
			if v.Erased {
				return nil
			}
			if v.Dropped != nil && (view || field != expr.Key) { // it may be any that is looked for
				c.odd = append(c.odd, doubtful{v.From, v.To, &record.ErrDropped{Version: v}})
				return nil
			}
			if v.Dropped != nil {
				c.lost[v.ID] = &record.ErrDropped{Version: v}
			}
			body := []byte(v.Full())
			if err := doc.Parse(body); err != nil {
				return fmt.Errorf("%s %s: %w", v.Kind, v.Key, err)
			}
			if view {
				seen, odd, err := a.m.Words.belongs(name, k.Name, v, &doc)
				if odd != nil {
					c.odd = append(c.odd, doubtful{v.From, v.To, odd})
				}
				if seen == nil || err != nil {
					return err
				}
				if body = seen; field != expr.Key {
					if err := doc.Parse(body); err != nil {
						return err
					}
				}
			}
			if a.bytes += len(body); a.bytes > maxAnnals {
				return fault.New(fault.TooLarge, "What the check looks up of %s in this window is more than fits into memory.", k.Plural).WithNext("Choose a shorter window.")
			}
			r := past{row{body, v.ID, v.From, v.Kind, v.Source, v.Scope}, v.To}
			if field == expr.Key {
				c.rows[v.Key] = append(c.rows[v.Key], r)
				return nil
			}
			for _, value := range doc.Scalars(field) {
				key := hashKey(value)
				if list := c.rows[key]; len(list) > 0 && list[len(list)-1].version == v.ID {
					continue
				}
				c.rows[key] = append(c.rows[key], r)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read every %s over a window: %w", k.Name, err)
		}
	}
	return c, nil
}

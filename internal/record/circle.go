package record

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// Sight is what somebody may do with the records that belong to one governing record, such as an engagement.
type Sight int

// The sights.
const (
	Hidden Sight = iota // not even that it is there
	Reads
	Writes
)

// A room may be divided: one of its kinds governs (Kind.Sight is set), and every other kind names the governing record in an
// indexed field that refers to it, unless it is Common. Whoever asks then sees the records of those that he may see, as the
// governing record says now, and no others: a list leaves them out, a count does not count them, and what asks for one by its key
// is answered as if there were none. Rules of kinds and the program's own work see everything.

// divided finds the governing kind of each room, and the field by which each other kind of it names its record.
func (ks *Kinds) divided() error {
	governing := map[Room]*Kind{}
	for _, k := range ks.list {
		if k.Sight == nil {
			continue
		}
		if governing[k.Room] != nil {
			return fmt.Errorf("kind %s: the room %s is governed by %s already", k.Name, k.Room, governing[k.Room].Name)
		}
		if f, ok := k.FieldNamed(k.Key); !ok || !f.Indexed {
			return fmt.Errorf("kind %s governs its room, so the field that gives its key must be indexed", k.Name)
		}
		governing[k.Room] = k
		k.governor, k.governs = k, k.Key
	}
	for _, k := range ks.list {
		g := governing[k.Room]
		if g == nil || g == k || k.Common {
			continue
		}
		for _, f := range k.Fields {
			if f.Type == Ref && f.Refers == g.Name && f.Indexed && f.Required && !f.List {
				k.governor, k.governs = g, f.Name
			}
		}
		if k.governor == nil {
			return fmt.Errorf("kind %s: it stands in the room %s, so it must name its %s in a required, indexed field, or be common", k.Name, k.Room, g.Name)
		}
	}
	return nil
}

// programSees is the key of a context in which the program's own rules read.
type programSees struct{}

// AsProgram is a context in which the program reads for itself and hands nothing on: counting, caching, looking after the whole.
func AsProgram(ctx context.Context) context.Context {
	return context.WithValue(ctx, programSees{}, true)
}

// reader is who asks for records of a divided room; false when it is the program itself.
func (b *Book) reader(ctx context.Context, k *Kind) (Actor, bool) {
	if k.governor == nil || b.Reader == nil || ctx.Value(programSees{}) != nil {
		return Actor{}, false
	}
	return b.Reader(ctx)
}

// governingOf is the key of the governing record that a version belongs to; empty when its body says none.
func (k *Kind) governingOf(v Version) string {
	if k.governor == k {
		return v.Key
	}
	var body map[string]json.RawMessage
	var key string
	if json.Unmarshal(v.Body, &body) == nil && json.Unmarshal(body[k.governs], &key) == nil {
		return key
	}
	return ""
}

// sight is what an actor may do with what belongs to a governing record, as that record stands now.
func (b *Book) sight(ctx context.Context, q store.Q, k *Kind, key string, actor Actor) (Sight, error) {
	if key == "" {
		return Hidden, nil
	}
	v, err := b.get(AsProgram(ctx), q, b.info[k.governor.Name], key, "", 0)
	if fault.Is(err, fault.NotFound) {
		return Hidden, nil
	}
	if err != nil {
		return Hidden, err
	}
	body, err := decode(v.Body)
	if err != nil {
		return Hidden, err
	}
	return k.governor.Sight(body, actor), nil
}

// seen are those of the versions that the one who asks may see.
func (b *Book) seen(ctx context.Context, q store.Q, list []Version) ([]Version, error) {
	out, known := list[:0:0], map[string]Sight{}
	for i, v := range list {
		k := b.info[v.Kind].Kind
		actor, asks := b.reader(ctx, k)
		if !asks {
			out = append(out, v)
			continue
		}
		key := k.governingOf(v)
		id := k.governor.Name + "/" + key
		s, ok := known[id]
		if !ok {
			var err error
			if s, err = b.sight(ctx, q, k, key, actor); err != nil {
				return nil, fmt.Errorf("read who may see %s %d: %w", v.Kind, i, err)
			}
			known[id] = s
		}
		if s != Hidden {
			out = append(out, v)
		}
	}
	return out, nil
}

// sees reports whether the one who asks may see a version.
func (b *Book) sees(ctx context.Context, q store.Q, v Version) (bool, error) {
	if _, asks := b.reader(ctx, b.info[v.Kind].Kind); !asks {
		return true, nil
	}
	list, err := b.seen(ctx, q, []Version{v})
	return len(list) == 1, err
}

// Shows reports whether the one who asks may see a record of a divided room, as it stands or stood last; of other kinds it says yes.
func (b *Book) Shows(ctx context.Context, kind, key string) (bool, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return false, err
	}
	if _, asks := b.reader(ctx, ki.Kind); !asks {
		return true, nil
	}
	_, err = b.HistoryFor(ctx, kind, key, ki.Room)
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// visible is the condition on the index under which the one who asks sees records of a kind; false where he sees all.
func (b *Book) visible(ctx context.Context, ki *kindInfo) (probe, bool, error) {
	actor, asks := b.reader(ctx, ki.Kind)
	if !asks {
		return probe{}, false, nil
	}
	f, _ := ki.FieldNamed(ki.governs)
	p := probe{field: ki.fields[f.Name], values: []string{"-"}} // which no value of an index is
	err := b.EachOpen(AsProgram(ctx), b.DB, ki.governor.Name, func(v Version) error {
		body, err := decode(v.Body)
		if err == nil && ki.governor.Sight(body, actor) != Hidden {
			p.values = append(p.values, indexValue(f, v.Key))
		}
		return err
	})
	return p, true, err
}

// writable refuses a write by somebody who may not see, or only reads, what the record belongs to, before and after.
func (b *Book) writable(ctx context.Context, q store.Q, ki *kindInfo, key string, before, after map[string]any, actor Actor) error {
	if ki.governor == nil || actor.IsJob() {
		return nil
	}
	for _, body := range []map[string]any{before, after} {
		if body == nil {
			continue
		}
		of := key
		if ki.governor != ki.Kind {
			of, _ = body[ki.governs].(string)
		} else if before == nil {
			continue // a new one: its own rules say who may
		}
		s, err := b.sight(ctx, q, ki.Kind, of, actor)
		switch {
		case err != nil:
			return err
		case s == Hidden && actor.Person == "":
			return fault.New(fault.Denied, "Only who is known as a person writes here, and %s is not linked to one.", actor.Stamp()).WithNext("Link the user to a person record first.")
		case s == Hidden:
			return fault.New(fault.NotFound, "There is no %s %q.", strings.ToLower(ki.governor.Title), of).WithNext("You see those on whose team you are.")
		case s == Reads:
			return fault.New(fault.Denied, "You only read what belongs to %s.", of).WithNext("Whoever reviews from outside writes nothing.")
		}
	}
	return nil
}

// writableNow is writable for a record as it stands, whatever it says.
func (b *Book) writableNow(ctx context.Context, q store.Q, ki *kindInfo, key string, actor Actor) error {
	if ki.governor == nil || actor.IsJob() {
		return nil
	}
	v, err := b.get(AsProgram(ctx), q, ki, key, "", 0)
	if err != nil {
		return err
	}
	body, err := decode(v.Body)
	if err != nil {
		return err
	}
	return b.writable(ctx, q, ki, key, body, nil, actor)
}

// limited reports whether the one who asks may not see every record of a kind.
func (b *Book) limited(ctx context.Context, kind string) bool {
	ki := b.info[kind]
	if ki == nil {
		return false
	}
	_, asks := b.reader(ctx, ki.Kind)
	return asks
}

package collect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// reading is what a run knows of one kind.
type reading struct {
	tally     Tally
	known     map[string]*record.Known
	before    map[string]int64 // by scope: how many were known
	unseen    map[string]int64 // how many of those were not met yet
	census    *population      // nil where only some of what is known is loaded
	few       bool             // each is looked up when it comes: few events of many were sent
	pending   []*record.Observed
	complete  map[string]bool // scopes
	unchanged map[string]bool
	under     string               // the kind whose keys are its scopes
	through   map[string]time.Time // by scope: up to when its events are known
	spoilt    map[string]bool      // scopes of which an object could not be kept: it must be asked for again
	found     map[string]int64     // by scope
	parts     map[[2]string]bool   // by part and scope: it was read for every object
	learnt    bool                 // what its bodies have in common
}

// reading returns what is known of a kind; the caller holds the lock.
func (r *run) reading(kind string) (*reading, error) {
	k := r.kinds[kind]
	if k != nil && k.known != nil {
		return k, nil
	}
	declared := slices.IndexFunc(r.k.Kinds, func(k record.Kind) bool { return k.Name == kind })
	if declared < 0 && !r.k.Any {
		return nil, fmt.Errorf("the connector %s hands over %s, which it does not declare", r.k.Name, kind)
	}
	few, known := r.k.Sent && r.sent <= fewSent && r.k.Kinds[declared].Occurred != "", map[string]*record.Known{}
	if !few {
		var err error
		if known, err = r.c.Book.Known(r.ctx, kind, r.conn.Name); err != nil {
			return nil, err
		}
	}
	if k == nil {
		k = r.unread(kind)
	}
	k.known, k.before, k.unseen = known, map[string]int64{}, map[string]int64{}
	if k.few = few; few {
		return k, nil
	}
	k.census = populate(known)
	for _, n := range known {
		k.before[n.Scope]++
		k.unseen[n.Scope]++
	}
	return k, nil
}

// see notes that a known object is there.
func (k *reading) see(n *record.Known) {
	if !n.Seen {
		n.Seen = true
		k.unseen[n.Scope]--
	}
}

// unread begins the reading of a kind without loading what is known of it.
func (r *run) unread(kind string) *reading {
	k := &reading{tally: Tally{Kind: kind}, complete: map[string]bool{}, unchanged: map[string]bool{}, through: map[string]time.Time{}, spoilt: map[string]bool{}, found: map[string]int64{}, parts: map[[2]string]bool{}}
	r.kinds[kind] = k
	return k
}

// Item implements connector.Sink.
func (r *run) Item(it connector.Item) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil {
		return r.broken
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	k, err := r.reading(it.Kind)
	if err != nil {
		return err
	}
	o := record.Observation{Kind: it.Kind, Key: it.Key, Scope: it.Scope, Label: it.Label, Raw: it.Raw, Body: it.Body, Occurred: it.Occurred}
	known := k.known[it.Key]
	if known == nil && k.few {
		if known, err = r.c.Book.KnownAs(r.ctx, it.Kind, r.conn.Name, it.Key); err != nil {
			return err
		}
		if known != nil {
			k.known[it.Key] = known
		}
	}
	if known != nil && known.Seen {
		k.spoilt[it.Scope] = true
		r.gap(Missing{Kind: it.Kind, Scope: it.Scope, Reason: fmt.Sprintf("The source named two objects %q.", it.Key)})
		return nil
	}
	var ob *record.Observed
	if len(it.Parts) > 0 {
		err = r.compose(k, &o, it.Parts)
	}
	if err == nil {
		err = r.since(&o, known)
	}
	if err == nil {
		ob, err = r.c.Book.Observe(r.collection(), o, known)
	}
	from := made(it)
	if known != nil {
		r.holds(from, known.Record)
	}
	if err != nil {
		if f := (*fault.Fault)(nil); errors.As(err, &f) && (f.Kind == fault.Invalid || f.Kind == fault.TooLarge) {
			k.spoilt[it.Scope] = true
			r.gap(Missing{Kind: it.Kind, Scope: it.Scope, Reason: fmt.Sprintf("The object %q cannot be kept: %s", it.Key, f.Message)})
			if known != nil {
				k.see(known) // it is there, only unreadable: it must not be closed
			}
			return nil
		}
		return err
	}
	k.tally.Read++
	k.found[it.Scope]++
	switch {
	case known == nil:
		known = &record.Known{Key: it.Key, Scope: it.Scope, Seen: true}
		k.known[it.Key] = known
		k.census.came(known)
		k.tally.New++
	case ob != nil && ob.Changed():
		k.tally.Changed++
	}
	k.see(known)
	if known.Scope != it.Scope {
		k.before[known.Scope]--
		k.before[it.Scope]++
		known.Scope = it.Scope
	}
	if ob == nil {
		return nil
	}
	if h, ok := ob.Hash(); ok {
		k.census.changed(known, h)
	}
	if r.dry {
		return nil
	}
	if ob.Changed() {
		ob.From(r.bring(from, it.Kind))
	}
	if k.pending = append(k.pending, ob); len(k.pending) >= batchSize || r.keeping > mostKept {
		return r.flush(k)
	}
	return nil
}

// compose adds the parts to the body under their names. A part that was not answered keeps what the body said of it before.
func (r *run) compose(k *reading, o *record.Observation, parts []connector.Part) error {
	src := o.Body
	if src == nil {
		src = o.Raw
	}
	src, err := record.Canonical(src) // or one of two members of a name would be lost
	if err != nil {
		return err
	}
	body := map[string]json.RawMessage{}
	if err := json.Unmarshal(src, &body); err != nil {
		return fmt.Errorf("the object %s of %s: %w", o.Key, o.Kind, err)
	}
	raw := bytesOf(o.Raw)
	for _, p := range parts {
		at := [2]string{p.Name, o.Scope}
		if _, ok := k.parts[at]; !ok {
			k.parts[at] = true
		}
		switch {
		case p.Gap != "":
			k.parts[at] = false
			k.spoilt[o.Scope] = true
			if !slices.ContainsFunc(r.gaps, func(g Missing) bool { return g.Kind == o.Kind && g.Scope == o.Scope && g.Part == p.Name }) {
				r.gap(Missing{Kind: o.Kind, Scope: o.Scope, Part: p.Name, Reason: p.Gap}) // which the connector may have said better
			}
			if before, err := r.c.Book.GetFrom(r.ctx, o.Kind, o.Key, r.conn.Name, 0, record.Company); err == nil {
				var old map[string]json.RawMessage
				if json.Unmarshal(before.Body, &old) == nil && old[p.Name] != nil {
					body[p.Name] = old[p.Name]
				}
			}
		case p.Absent:
			body[p.Name] = json.RawMessage("null")
		default:
			body[p.Name] = p.JSON
			said := p.JSON
			if p.Raw != nil {
				said = p.Raw
			}
			raw = append(append(raw, '\n'), said...)
		}
	}
	b, err := json.Marshal(body)
	if err != nil { // only what a part holds can be wrong
		return fault.New(fault.Invalid, "A part of it is not valid JSON: %w.", err)
	}
	o.Raw, o.Body = raw, b
	return nil
}

// since writes down when a state was first seen where its source does not say: as it stands while the record is open, or now.
func (r *run) since(o *record.Observation, known *record.Known) error {
	kind, err := r.c.Book.Kinds.Named(o.Kind)
	if err != nil || kind.Since == "" {
		return err
	}
	src := o.Body
	if src == nil {
		src = o.Raw
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(src, &body); err != nil {
		return fault.New(fault.Invalid, "It is not a JSON object: %w.", err)
	}
	if v := body[kind.Since]; v != nil && string(v) != "null" {
		return nil
	}
	at, err := json.Marshal(r.sum.Started.UTC().Format(time.RFC3339))
	if err != nil {
		return err
	}
	if known != nil && known.Record != 0 {
		v, err := r.c.Book.GetFrom(r.ctx, o.Kind, o.Key, r.conn.Name, 0, record.Company)
		if err != nil {
			return err
		}
		var before map[string]json.RawMessage
		if err := json.Unmarshal(v.Body, &before); err != nil && !v.Erased {
			return err
		}
		if before[kind.Since] != nil {
			at = before[kind.Since]
		}
	}
	body[kind.Since] = at
	o.Body, err = json.Marshal(body)
	return err
}

func bytesOf(b []byte) []byte { return append(make([]byte, 0, 2*len(b)), b...) }

// flush hands a kind's pending observations to the writer, which works while the source is read on; the caller holds the
// lock.
func (r *run) flush(k *reading) error {
	if len(k.pending) == 0 {
		return nil
	}
	list := k.pending
	k.pending = nil
	if err := r.hand(list); err != nil {
		return err
	}
	if k.tally.New >= learnAfter && !k.learnt { // the first batch was written, or this one would not have been taken
		k.learnt = true
		_, err := r.c.Book.Learn(r.ctx, k.tally.Kind)
		return err
	}
	return nil
}

// batch is what is written in one transaction.
type batch struct {
	list []*record.Observed
	said record.Said
	rows [][]any // of the questions that New of said answered
}

// hand gives observations, and what was answered until now, to the writer.
func (r *run) hand(list []*record.Observed) error {
	next := batch{list: list}
	next.said, next.rows = r.answered()
	if r.batches == nil {
		batches, written := make(chan batch, 2), make(chan error, 1)
		r.batches, r.written = batches, written
		go func() {
			var failed error
			for b := range batches {
				if failed == nil {
					failed = r.c.Book.Log.Write(r.ctx, func(tx *ledger.Tx) error {
						if err := r.current(tx); err != nil {
							return err
						}
						if err := store.Insert(r.ctx, tx, "exchange", exchangeColumns, b.rows); err != nil {
							return fmt.Errorf("write down what was asked: %w", err)
						}
						return r.c.Book.KeepSaid(r.ctx, tx, b.list, b.said)
					})
					for _, a := range b.said.New { // they are written
						a.Body = nil
					}
					if failed != nil {
						r.stuck.Store(true)
					}
				}
			}
			written <- failed
		}()
	}
	if r.stuck.Load() {
		return r.drain()
	}
	r.batches <- next
	return nil
}

// drain waits until every batch is written; the caller holds the lock.
func (r *run) drain() error {
	if r.batches == nil {
		return r.broken
	}
	close(r.batches)
	r.batches = nil
	if err := <-r.written; err != nil {
		r.broken = err
	}
	return r.broken
}

// Seen implements connector.Sink.
func (r *run) Seen(kind, key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.reading(kind)
	if err != nil {
		r.broken = cmp.Or(r.broken, err)
		return false
	}
	known := k.known[key]
	if known == nil {
		return false
	}
	if !known.Seen {
		k.see(known)
		k.tally.Read++
		k.found[known.Scope]++
	}
	return true
}

package connector

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/fault"
)

// oldest is how far back events are read at first.
func oldest(setting string, now time.Time) (time.Time, error) {
	if setting == "" {
		return now.AddDate(-1, 0, 0), nil
	}
	at, err := time.Parse(time.DateOnly, setting)
	if err != nil {
		return at, fault.New(fault.Invalid, "%q is not a day such as 2026-01-31.", printable(setting)).WithNext("Correct the connection's setting since.")
	}
	return at, nil
}

// event is one of which the list told.
type event struct {
	Item
	changed time.Time
}

// events reads on from where the last run ended. What the list names is handed over from the oldest on; at the first that cannot
// be read it ends, and the next run begins there.
func (r *rest) events(ctx context.Context, l List, over parent, scope string) error {
	began := r.out.Now()
	from := r.oldest
	if since := r.out.Since(l.Kind, scope); !since.IsZero() {
		from = since.Add(-cmp.Or(l.Overlap, late))
	}
	list, gap, err := r.changed(ctx, l, over, scope, from)
	if err != nil {
		return err
	}
	if gap != nil {
		gap.Scope = scope
		r.missing(l.Kind, *gap)
		return nil
	}
	if Glimpsed(ctx) {
		list = list[:min(1, len(list))]
	}
	var done time.Time
	spared := &spare{}
	for batch := range slices.Chunk(list, cmp.Or(r.Parallel, 4)) {
		group, ctx := r.group(ctx)
		var mu sync.Mutex
		for _, e := range batch {
			group.Go(func() error {
				g, err := r.event(ctx, l, e.Item, over, spared)
				mu.Lock()
				defer mu.Unlock()
				gap = cmp.Or(gap, g)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if gap != nil {
			break
		}
		done = batch[len(batch)-1].changed
	}
	if gap == nil {
		r.through(l.Kind, scope, began)
		return nil
	}
	if !done.IsZero() {
		r.out.Through(l.Kind, scope, done)
		gap.Reason += fmt.Sprintf(" What changed up to %s was read; the next run goes on there.", done.UTC().Format(time.RFC3339))
	}
	gap.Scope = scope
	r.missing(l.Kind, *gap)
	return nil
}

// event hands over one with all its parts, or says why not.
func (r *rest) event(ctx context.Context, l List, it Item, over parent, spared *spare) (*Gap, error) {
	if gap, err := r.whole(ctx, l, &it, over); gap != nil || err != nil {
		return gap, err
	}
	for _, call := range l.Parts {
		if spared.has(call.Name) {
			continue
		}
		part, gap, err := r.part(ctx, l, call, it, over)
		if gap != nil && gap.Denied && call.Spare {
			if spared.add(call.Name) {
				gap.Scope, gap.Part = it.Scope, call.Name
				r.missing(l.Kind, *gap)
			}
			continue
		}
		if gap != nil || err != nil {
			return gap, err
		}
		it.Parts = append(it.Parts, part)
	}
	return nil, r.out.Item(it)
}

// spare are the parts of a scope that were denied and are not asked for again.
type spare struct {
	mu    sync.Mutex
	names []string
}

func (s *spare) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.names, name)
}

func (s *spare) add(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.names, name) {
		return false
	}
	s.names = append(s.names, name)
	return true
}

// changed are the events of a list that changed at a moment or later, the oldest first.
func (r *rest) changed(ctx context.Context, l List, over parent, scope string, from time.Time) ([]event, *Gap, error) {
	next := l.Next
	if next == nil {
		next = r.Next
	}
	var list []event
	at := map[string]int{} // by key
	sorted, last := true, time.Time{}
	var bad *Gap
	take := func(items []json.RawMessage, page Answer) bool {
		older := false
		for _, raw := range items {
			said, _ := text(raw, l.Changed)
			changed, err := moment(said)
			if err != nil {
				bad = cmp.Or(bad, &Gap{Reason: fmt.Sprintf("The list says that something changed at %q, which is not a time.", printable(said))})
				continue
			}
			if !last.IsZero() && changed.After(last) {
				sorted = false // a list in another order must be read to its end
			}
			last = changed
			if older = changed.Before(from); older || !only(raw, l.Only) {
				continue
			}
			it := Item{Kind: l.Kind, Scope: scope, Raw: raw, Key: r.name(l.Key, raw, over), Label: r.name(l.Label, raw, over)}
			if it.Key == "" {
				bad = cmp.Or(bad, &Gap{Reason: fmt.Sprintf("The list holds an object without %s, by which it is named.", l.Key)})
				continue
			}
			it.Label = cmp.Or(it.Label, it.Key)
			bad = cmp.Or(bad, occurred(&it, l.Occurred))
			if it.From = []Answer{page}; l.Object != "" {
				it.Raw, it.From = r.stub(l, raw), nil
			}
			if i, twice := at[it.Key]; twice { // it moved while the list was paged
				if changed.After(list[i].changed) {
					list[i] = event{it, changed}
				}
				continue
			}
			at[it.Key] = len(list)
			list = append(list, event{it, changed})
		}
		r.out.Progress(l.Kind, len(list), 0)
		return !(sorted && older || Glimpsed(ctx))
	}
	call := Call{Base: l.Base, Path: l.Path, Body: l.Body, Absent: l.Absent, Told: l.Told, Items: l.Items, Needs: l.Needs, Next: next}
	_, gap, err := r.paged(ctx, l.Kind, call, over, take)
	if err != nil || gap != nil {
		return nil, gap, err
	}
	slices.SortStableFunc(list, func(a, b event) int { return a.changed.Compare(b.changed) })
	return list, bad, nil
}

// stub is what must be known of an object to ask for the whole of it.
func (r *rest) stub(l List, raw json.RawMessage) json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, h := range hole.FindAllStringSubmatch(l.Object, -1) {
		v, ok := pick(raw, h[1])
		if ok && strings.Contains(h[1], ".") {
			return raw
		}
		if ok {
			out[h[1]] = v
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return raw
	}
	return b
}

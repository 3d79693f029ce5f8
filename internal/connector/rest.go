package connector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits of a read.
const (
	maxPages = 10_000
	maxItems = 5_000_000
	maxAnew  = 3 // times that a list is begun again
)

// Read reads every list.
func (s Service) Read(ctx context.Context, v Values, out Sink) error {
	c, err := s.dial(ctx, v, out)
	if err != nil {
		return err
	}
	r := &rest{Service: s, client: c, out: out, values: v, lists: map[string]*listing{}}
	if r.oldest, err = oldest(v["since"], out.Now()); err != nil {
		return err
	}
	for _, l := range s.Lists {
		if l.For != "" && r.lists[l.For] == nil {
			return fmt.Errorf("%s is read for each %s, which is not declared before it", l.Kind, l.For)
		}
		r.lists[l.Kind] = &listing{}
		if err := r.list(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// rest is one run.
type rest struct {
	Service
	*client
	out    Sink
	values Values
	oldest time.Time // how far back events are read at first
	lists  map[string]*listing
}

// listing is what is kept of a list for its children.
type listing struct {
	mu          sync.Mutex
	parents     []parent
	gap         *Gap // why the list is not known
	read, total int  // objects so far, and how many the service counts, over all scopes
}

// progress adds what was read, and what the service counts, and tells the run.
func (r *rest) progress(kind string, read, total int) {
	own := r.lists[kind]
	own.mu.Lock()
	own.read, own.total = own.read+read, own.total+total
	read, total = own.read, own.total
	own.mu.Unlock()
	r.out.Progress(kind, read, total)
}

type parent struct {
	key  string
	body json.RawMessage // its own, when what is asked of its children needs members of it
	over *parent

	since, until string // of what is read for it, when those are events
}

// of is the object that a list was read for.
func (p *parent) of(it Item) parent { return parent{key: it.Key, body: it.Raw, over: p} }

// place names it among those above it.
func (p *parent) place() string {
	if p == nil || p.key == "" {
		return ""
	}
	return p.over.place() + "/" + p.key
}

// list reads one list, or one for each parent.
func (r *rest) list(ctx context.Context, l List) error {
	if l.For == "" && l.Each == "" {
		return r.scope(ctx, l, parent{}, "")
	}
	above := r.lists[l.For]
	if l.Each != "" {
		above = &listing{}
		for _, value := range values(r.values[l.Each]) {
			above.parents = append(above.parents, parent{key: value})
		}
		if len(above.parents) == 0 && !l.Optional {
			r.missing(l.Kind, Gap{Reason: fmt.Sprintf("The setting %s names nothing to read it for.", l.Each)})
			return nil
		}
	}
	if above.gap != nil {
		g := Gap{Kind: l.Kind, Denied: above.gap.Denied, Needs: above.gap.Needs,
			Reason: fmt.Sprintf("It is read for each %s, and not all of those are known: %s", l.For, above.gap.Reason)}
		r.missing(l.Kind, g)
	} else {
		if len(above.parents) == 0 {
			r.complete(l, "", r.out.Now())
		}
		if l.For != "" && l.Kept == 0 && l.Changed == "" { // events stay
			r.out.Under(l.Kind, l.For)
		}
	}
	group, ctx := r.group(ctx)
	parents := above.parents
	if Glimpsed(ctx) {
		parents = parents[:min(1, len(parents))]
	}
	for _, p := range parents {
		group.Go(func() error { return r.scope(ctx, l, p, p.key) })
	}
	return group.Wait()
}

// values are what a setting names, between commas or on lines of their own, each once.
func values(setting string) []string {
	var out []string
	for _, v := range strings.FieldsFunc(setting, func(c rune) bool { return c == ',' || c == '\n' }) {
		if v = strings.TrimSpace(v); v != "" && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func (r *rest) group(ctx context.Context) (*errgroup.Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cmp.Or(r.Parallel, 4))
	return g, ctx
}

// missing reports a gap and, when it is the list's own, keeps it for the list's children.
func (r *rest) missing(kind string, g Gap) {
	g.Kind, g.Reason, g.Needs = kind, r.cover.Hide(g.Reason), r.cover.Hide(g.Needs)
	r.out.Missing(g)
	if own := r.lists[kind]; own != nil && g.Part == "" {
		own.mu.Lock()
		defer own.mu.Unlock()
		if own.gap == nil {
			own.gap = &g
		}
	}
}

// late is how long a service may take to list an event, and how much its clock may differ.
const late = time.Hour

// scope reads the pages of one list and completes it when nothing was missing.
func (r *rest) scope(ctx context.Context, l List, over parent, scope string) error {
	if l.Changed != "" {
		return r.events(ctx, l, over, scope)
	}
	until := r.out.Now()
	if l.Kept > 0 {
		since := r.out.Since(l.Kind, scope).Add(-late)
		if first := until.Add(-l.Kept); since.Before(first) {
			since = first
		}
		over.since, over.until = since.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339)
	}
	gap, err := r.pages(ctx, l, over, scope)
	if err != nil {
		return err
	}
	if gap != nil {
		gap.Scope = scope
		r.missing(l.Kind, *gap)
		return nil
	}
	r.complete(l, scope, until)
	return nil
}

func (r *rest) complete(l List, scope string, until time.Time) {
	if l.Kept > 0 {
		r.through(l.Kind, scope, until)
		return
	}
	r.out.Complete(l.Kind, scope)
}

// through vouches for events up to a moment. A service that dates them by a clock far behind this machine's may yet name some that
// happened before: it vouches by its own clock, so that the next run begins there, and that is said.
func (r *rest) through(kind, scope string, until time.Time) {
	behind := r.lag()
	if behind < late {
		r.out.Through(kind, scope, until)
		return
	}
	until = until.Add(-behind)
	r.out.Through(kind, scope, until)
	r.missing(kind, Gap{Scope: scope, Reason: fmt.Sprintf("The service's clock is %s behind this machine's, so that what happened after %s may not be listed yet. Correct the clock that is wrong.",
		behind.Round(time.Minute), until.UTC().Format(time.RFC3339))})
}

var seed = maphash.MakeSeed()

// pages reads one list. It returns a gap when not all of it was read.
func (r *rest) pages(ctx context.Context, l List, over parent, scope string) (*Gap, error) {
	at, err := r.question(l.Base, l.Path, l.Body, over)
	if err != nil {
		return &Gap{Reason: err.Error()}, nil
	}
	at.page, at.accept = true, l.Accept
	first, anew := at, 0
	next := l.Next
	if next == nil {
		next = r.Next
	}
	marks, err := r.marks(ctx, l, next, over, scope)
	if err != nil {
		return nil, err
	}
	seen := map[string]uint64{} // keys of this list, and a hash of each object
	visited, pages := map[string]bool{}, repetition{}
	var gap *Gap
	for page, read := 1, 0; ; page++ {
		visited[at.id()] = true
		at.place = slot(l.Path, scope, page)
		answer, err := r.get(ctx, l.Kind, at, r.told(l.Absent, l.Told, over))
		if f := (*refused)(nil); page > 1 && anew < maxAnew && r.Expired != 0 && errors.As(err, &f) && f.status == r.Expired {
			for key := range seen {
				seen[key] = 0 // it may have changed meanwhile
			}
			clear(visited)
			clear(pages)
			at, page, read = first, 0, 0
			anew++
			continue
		}
		if err != nil {
			g, err := asGap(err, l.Needs)
			if g != nil && !g.Denied {
				g = cmp.Or(gap, g) // what went wrong first says more
			}
			return g, err
		}
		if answer.absent && page > 1 {
			return cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The list goes on at %s, where the service says there is nothing.", where(at.URL))}), nil
		}
		if answer.absent {
			return nil, nil
		}
		items, err := r.objects(answer.body, l.Items)
		if err != nil {
			return cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The answer of %s is not as expected: %v.", where(at.URL), err)}), nil
		}
		if g, err := r.items(ctx, l, over, scope, items, answer.from, seen, marks); err != nil {
			return nil, err
		} else if gap == nil {
			gap = cmp.Or(g, r.partial(at, answer.body))
		}
		if pages.met(items) {
			return cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The service gave the same page twice, at %s, so that the list may not be whole.", where(at.URL))}), nil
		}
		read += len(items)
		total := 0
		if page == 1 && anew == 0 {
			total, _ = count(answer.body, l.Total)
		}
		r.progress(l.Kind, len(items), total)
		if Glimpsed(ctx) {
			return gap, nil
		}
		from := at
		p := Page{At: at.URL, Asked: at.body, Header: answer.header, Body: answer.body, Items: len(items), Read: read}
		if at, err = r.after(p, l, next); err != nil {
			return cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The page after %s %v.", where(from.URL), err)}), nil
		}
		if at.URL == nil {
			return cmp.Or(gap, short(answer.body, l.Total, len(seen))), nil
		}
		switch {
		case visited[at.id()]:
			return cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The pages go round in a circle at %s.", where(at.URL))}), nil
		case page >= maxPages:
			return cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The list has more than %d pages; the rest was not read.", maxPages)}), nil
		case read >= maxItems:
			return cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The list has more than %d objects; the rest was not read.", maxItems)}), nil
		}
	}
}

// repetition are pages of a list that were met. A service that does not heed what page it is asked for gives the first for ever.
type repetition map[uint64]bool

func (r repetition) met(items []json.RawMessage) bool {
	if len(items) == 0 {
		return false
	}
	var h maphash.Hash
	h.SetSeed(seed)
	for _, i := range items {
		h.Write(i)
	}
	sum := h.Sum64()
	if r[sum] {
		return true
	}
	r[sum] = true
	return false
}

// slot is what a page of a list is called in every run, whatever its address holds of times and cursors.
func slot(path, scope string, page int) string { return fmt.Sprintf("%s %s %d", path, scope, page) }

// after is the question for the page after p, whose URL is nil after the last.
func (r *rest) after(p Page, l List, next Pager) (q question, err error) {
	switch {
	case l.Items == ".":
		return q, nil
	case l.NextBody != nil:
		body, err := l.NextBody(p)
		if err != nil || body == nil {
			return q, found(err)
		}
		return question{URL: p.At, body: body, page: true, accept: l.Accept}, nil
	case next == nil:
		return q, nil
	}
	to, err := next(p)
	if err != nil || to == "" {
		return q, found(err)
	}
	at, err := r.follow(p.At, to)
	if err != nil {
		return q, fmt.Errorf("is not read: %w", err)
	}
	return question{URL: at, body: p.Asked, page: true, accept: l.Accept}, nil
}

func found(err error) error {
	if err != nil {
		err = fmt.Errorf("cannot be found: %w", err)
	}
	return err
}

// short is a gap when the service counts more objects than were read.
func short(body []byte, member string, read int) *Gap {
	if member == "" {
		return nil
	}
	total, ok := count(body, member)
	if !ok {
		return &Gap{Reason: fmt.Sprintf("The service did not say how many there are (%s), so the list may not be whole.", member)}
	}
	if read < total {
		return &Gap{Reason: fmt.Sprintf("The service counts %d and listed %d.", total, read)}
	}
	return nil
}

// items hands over the objects of a page, each with its parts.
func (r *rest) items(ctx context.Context, l List, over parent, scope string, items []json.RawMessage, from Answer, seen map[string]uint64, marks []mark) (gap *Gap, err error) {
	group, ctx := r.group(ctx)
	var mu sync.Mutex
	var lost *Gap
	for i, raw := range items {
		l := l
		if i > 0 && Glimpsed(ctx) {
			l.Parts, l.Object = nil, "" // those of one object show whether they may be read
		}
		if k := bytes.TrimSpace(raw); len(k) == 0 || k[0] != '{' {
			gap = &Gap{Reason: "The list holds something that is not an object."}
			continue
		}
		if !only(raw, l.Only) || excepted(raw, l.Except) {
			continue
		}
		it := Item{Kind: l.Kind, Scope: scope, Raw: raw, Key: r.name(l.Key, raw, over), Label: r.name(l.Label, raw, over), From: []Answer{from}}
		if it.Key == "" {
			gap = &Gap{Reason: fmt.Sprintf("The list holds an object without %s, by which it is named.", l.Key)}
			continue
		}
		sum := maphash.Bytes(seed, raw)
		if before, twice := seen[it.Key]; twice {
			// A list that moves while it is paged shows an object twice; two that differ under one name are another matter.
			if before != sum && before != 0 {
				gap = &Gap{Reason: fmt.Sprintf("The list names two different objects %q.", it.Key)}
			}
			continue
		}
		seen[it.Key] = sum
		if g := occurred(&it, l.Occurred); g != nil {
			gap = g
		}
		if it.Label == "" {
			it.Label = it.Key
		}
		for _, m := range marks {
			it.Parts = append(it.Parts, m.part(it.Key))
		}
		r.keep(l.Kind, it, over)
		if len(l.Parts) == 0 && l.Object == "" {
			if err := r.out.Item(it); err != nil {
				return nil, errors.Join(err, group.Wait())
			}
			continue
		}
		group.Go(func() error {
			g, err := r.deliver(ctx, l, it, over)
			mu.Lock()
			defer mu.Unlock()
			lost = cmp.Or(lost, g)
			return err
		})
	}
	err = group.Wait()
	return cmp.Or(gap, lost), err
}

// excepted says that a member has the value that sets an object apart.
func excepted(raw json.RawMessage, is string) bool {
	member, value, ok := strings.Cut(is, "=")
	s, there := text(raw, member)
	return ok && there && s == value
}

// occurred sets when an event happened. It returns a gap when that is no time.
func occurred(it *Item, member string) *Gap {
	if member == "" {
		return nil
	}
	at, ok := text(it.Raw, member)
	if !ok {
		return nil
	}
	var err error
	if it.Occurred, err = moment(at); err != nil {
		return &Gap{Reason: fmt.Sprintf("%q says it occurred at %q, which is not a time.", it.Key, at)}
	}
	return nil
}

package connector

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// deliver hands over an object with its parts. It returns a gap when the object itself could not be read; a part that could
// not is told here.
func (r *rest) deliver(ctx context.Context, l List, it Item, over parent) (*Gap, error) {
	if gap, err := r.whole(ctx, l, &it, over); gap != nil || err != nil {
		return gap, err
	}
	for _, call := range l.Parts {
		part, gap, err := r.part(ctx, l, call, it, over)
		if err != nil {
			return nil, err
		}
		if gap != nil {
			gap.Scope, gap.Part = it.Scope, call.Name
			r.missing(l.Kind, *gap)
		}
		it.Parts = append(it.Parts, part)
	}
	return nil, r.out.Item(it)
}

// whole asks for the whole of an object of which a list told some.
func (r *rest) whole(ctx context.Context, l List, it *Item, over parent) (*Gap, error) {
	if l.Object == "" {
		return nil, nil
	}
	q, err := r.question(l.Base, l.Object, nil, over.of(*it))
	if err != nil {
		return &Gap{Reason: err.Error()}, nil
	}
	answer, err := r.get(ctx, l.Kind, q, r.told(nil, nil, over.of(*it)))
	if err != nil {
		return asGap(err, l.Needs)
	}
	if k := answer.body; answer.absent || len(k) == 0 || k[0] != '{' {
		return &Gap{Reason: fmt.Sprintf("The list names %q, and %s does not tell of it.", it.Key, where(q.URL))}, nil
	}
	it.Raw, it.From = answer.body, []Answer{answer.from}
	return occurred(it, l.Occurred), nil
}

// mark is what a further list said.
type mark struct {
	Mark
	keys  map[string]listed
	pages []Answer // all of them: of what is on none
	gap   string
}

type listed struct {
	raw  json.RawMessage
	from Answer
}

func (m mark) part(key string) Part {
	if m.gap != "" {
		return Part{Name: m.Name, Gap: m.gap}
	}
	said, is := m.keys[key]
	from := m.pages
	if is {
		from = []Answer{said.from}
	}
	if m.Whole {
		return Part{Name: m.Name, JSON: said.raw, Absent: !is, From: from}
	}
	return Part{Name: m.Name, JSON: strconv.AppendBool(nil, is), From: from}
}

// marks reads the further lists. A list that has none of them for a reason it tells marks none.
func (r *rest) marks(ctx context.Context, l List, next Pager, over parent, scope string) (out []mark, err error) {
	for _, declared := range l.Marks {
		m := mark{Mark: declared, keys: map[string]listed{}}
		var bad *Gap
		call := Call{Path: declared.Path, Items: l.Items, Told: declared.Told, Next: next, Needs: declared.Needs}
		_, gap, err := r.paged(ctx, l.Kind, call, over, func(items []json.RawMessage, from Answer) bool {
			m.pages = append(m.pages, from)
			for _, raw := range items {
				key := r.name(declared.Key, raw, over)
				if key == "" {
					bad = cmp.Or(bad, &Gap{Reason: fmt.Sprintf("The list holds an object without %s, by which it is named.", declared.Key)})
				}
				m.keys[key] = listed{raw, from}
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		gap = cmp.Or(gap, bad)
		if gap != nil {
			m.gap = r.cover.Hide(gap.Reason)
			gap.Scope, gap.Part = scope, m.Name
			r.missing(l.Kind, *gap)
		}
		out = append(out, m)
	}
	return out, nil
}

// told are the answers that say something at one place.
func (r *rest) told(absent []int, said []Told, over parent) []Told {
	var out []Told
	for _, status := range absent {
		out = append(out, Told{Status: status})
	}
	out = append(append(out, said...), r.Told...)
	for i, t := range out {
		if t.When != nil {
			out[i].bound = func(body []byte) bool {
				return t.When(body, func(name string) string {
					value, err := r.value(name, over)
					if err != nil {
						return ""
					}
					return value
				})
			}
		}
	}
	return out
}

// keep holds what the children of an object need of it.
func (r *rest) keep(kind string, it Item, over parent) {
	children, members := r.children(kind)
	if !children {
		return
	}
	p := over.of(it)
	if !members {
		p.body = nil
	}
	own := r.lists[kind]
	own.mu.Lock()
	defer own.mu.Unlock()
	own.parents = append(own.parents, p)
}

// children says whether lists are read for each object of a kind, and whether they or theirs need members of it.
func (r *rest) children(kind string) (children, members bool) {
	for _, l := range r.Lists {
		if l.For == kind {
			_, below := r.children(l.Kind)
			children = true
			members = members || below || l.Body != nil || hole.MatchString(l.Path+l.Key+l.Label) || strings.Contains(l.Object, "{parent")
			for _, call := range l.Parts {
				members = members || call.From != "" || strings.Contains(call.Path, "{parent") || strings.Contains(call.Path, "{+parent")
			}
		}
	}
	return children, members
}

// part asks one further question about an object. The gap says why it was not answered.
func (r *rest) part(ctx context.Context, l List, call Call, it Item, over parent) (Part, *Gap, error) {
	part := Part{Name: call.Name}
	missed := func(gap *Gap) (Part, *Gap, error) {
		part.Gap = r.cover.Hide(gap.Reason)
		return part, gap, nil
	}
	if call.From != "" {
		raw, ok := pick(over.body, call.From)
		if call.From == "key" {
			raw, ok = jsonText(over.key), true
		}
		if !ok {
			return missed(&Gap{Reason: fmt.Sprintf("%q has no %s.", over.key, call.From)})
		}
		part.JSON = raw
		return part, nil, nil
	}
	if call.Next != nil {
		items, from, gap, err := r.gather(ctx, l.Kind, call, over.of(it))
		if err != nil || gap != nil {
			if err != nil {
				return part, nil, err
			}
			return missed(gap)
		}
		part.From = from
		if part.Absent = items == nil; !part.Absent {
			if part.JSON, err = json.Marshal(items); err != nil {
				return part, nil, err
			}
		}
		return part, nil, nil
	}
	at, err := r.question(call.Base, call.Path, call.Body, over.of(it))
	if err != nil {
		return missed(&Gap{Reason: err.Error()})
	}
	answer, err := r.get(ctx, l.Kind, at, r.told(call.Absent, call.Told, over.of(it)))
	if err != nil {
		gap, err := asGap(err, call.Needs)
		if err != nil {
			return part, nil, err
		}
		return missed(gap)
	}
	part.From = []Answer{answer.from}
	if answer.absent {
		part.Absent = true
		return part, nil, nil
	}
	if part.JSON = answer.body; call.Member != "" {
		raw, ok := pick(answer.body, call.Member)
		if !ok {
			part.JSON = nil
			return missed(&Gap{Reason: fmt.Sprintf("The answer of %s has no %s.", where(at.URL), call.Member)})
		}
		part.JSON = raw
	}
	return part, nil, nil
}

func jsonText(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a text always encodes
	return b
}

// gather reads all pages of a list that is a part. It is nil when the service says that there is none.
func (r *rest) gather(ctx context.Context, kind string, call Call, over parent) (all []json.RawMessage, from []Answer, gap *Gap, err error) {
	last, gap, err := r.paged(ctx, kind, call, over, func(items []json.RawMessage, page Answer) bool {
		all, from = append(all, items...), append(from, page)
		return true
	})
	if err != nil || gap != nil || last.body == nil {
		return nil, []Answer{last.from}, gap, err
	}
	if all == nil {
		all = []json.RawMessage{}
	}
	return all, from, short(last.body, call.Total, len(all)), nil
}

// paged hands the pages of a list to take until it wants no more. It returns the last page, which has no body when the service
// says that there is no list.
func (r *rest) paged(ctx context.Context, kind string, call Call, over parent, take func([]json.RawMessage, Answer) bool) (last answer, gap *Gap, err error) {
	at, err := r.question(call.Base, call.Path, call.Body, over)
	if err != nil {
		return last, &Gap{Reason: err.Error()}, nil
	}
	visited, pages := map[string]bool{}, repetition{}
	for read := 0; ; {
		visited[at.id()] = true
		at.place = slot(call.Path, over.place(), len(visited))
		answer, err := r.get(ctx, kind, at, r.told(call.Absent, call.Told, over))
		if err != nil {
			gap, err := asGap(err, call.Needs)
			return last, gap, err
		}
		if answer.absent && len(visited) == 1 {
			return answer, nil, nil
		}
		items, err := r.objects(answer.body, call.Items)
		if err != nil {
			return last, &Gap{Reason: fmt.Sprintf("The answer of %s is not as expected: %v.", where(at.URL), err)}, nil
		}
		if pages.met(items) {
			return last, &Gap{Reason: fmt.Sprintf("The service gave the same page twice, at %s, so that the list may not be whole.", where(at.URL))}, nil
		}
		if !take(items, answer.from) {
			return answer, nil, nil
		}
		gap = cmp.Or(gap, r.partial(at, answer.body))
		read += len(items)
		from := at
		p := Page{At: at.URL, Asked: at.body, Header: answer.header, Body: answer.body, Items: len(items), Read: read}
		if at, err = r.after(p, List{}, call.Next); err != nil {
			return last, &Gap{Reason: fmt.Sprintf("The page after %s %v.", where(from.URL), err)}, nil
		}
		switch {
		case at.URL == nil:
			return answer, gap, nil
		case visited[at.id()] || len(visited) >= maxPages:
			return last, &Gap{Reason: fmt.Sprintf("The pages do not end at %s.", where(at.URL))}, nil
		}
	}
}

// partial is a gap when the service says that a page lacks some of what it should hold.
func (r *rest) partial(at question, body []byte) *Gap {
	if r.Partial == nil {
		return nil
	}
	if reason := r.Partial(body); reason != "" {
		return &Gap{Reason: fmt.Sprintf("%s did not list everything: %s.", where(at.URL), printable(reason))}
	}
	return nil
}

// asGap turns a refusal or failure of the service into a gap, and leaves what ends the read an error.
func asGap(err error, needs string) (*Gap, error) {
	var f *refused
	if !errors.As(err, &f) {
		return nil, err
	}
	if !f.denied {
		needs = ""
	}
	return &Gap{Denied: f.denied, Reason: f.Error(), Needs: needs}, nil
}

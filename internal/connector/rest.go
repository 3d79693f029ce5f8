package connector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"tickmark/internal/fault"
)

// Service declares how a service that speaks JSON over HTTP is read; its method Read serves as a Connector's. Every request
// is a GET, or a declared question with a body that only reads, to a declared host: no page, part or redirect leads
// elsewhere. What could not be read is told to the Sink, and a limit that was hit is such a thing.
type Service struct {
	Base  func(Values) string             // where the service is; the setting endpoint stands before it
	Sign  func(Values, http.Header) error // puts the credential into headers, never into an address
	Next  Pager                           // how lists go on; nil: one page
	Lists []List                          // parents before what is read for each of them

	// Token fetches a credential that must first be asked for: an OAuth grant, a signed JWT. It is asked when the first
	// request leaves, kept until it expires, and asked once more when the service no longer takes it (401).
	Token   func(ctx context.Context, v Values, from *Issuer) (Token, error)
	TokenAt func(Values) string // where Token asks; nil: where the service is. The setting token_endpoint stands before it

	// Roots are certificates in PEM of the authorities that the service is trusted by, besides the machine's; "" for none.
	Roots func(Values) string

	// Expired is the status that says that a list cannot be gone on with because it changed meanwhile: it is read anew from the
	// beginning, some times, and what was handed over before stands.
	Expired int

	// Told are answers other than 200 that say something wherever they come; what a list or part declares stands before them.
	Told []Told

	// Failed finds the error in an answer of status 200, where the service has such: a reason, "" for none.
	Failed func(body []byte) (reason string, denied bool)

	// Sparse are the other members of a list's answer, where the service leaves the list's own out when it is empty: an answer
	// that holds nothing but these is an empty list.
	Sparse []string

	Every    time.Duration // least time from one request to the next, where the service limits the rate
	Parallel int           // requests under way at once for parts and children; 4 when zero
	Backoff  time.Duration // first wait before a retry where the service names none, doubled each time; a second when zero
}

// List declares one list of objects.
type List struct {
	Kind     string
	Path     string // {name} is filled from the parent's member, {parent.name} from its parent's, {settings.name} from the settings
	Base     string // of this list alone: another host of the service, when the connection names no endpoint
	Body     any    // when not nil, the question is a POST that only reads; each string in it that is one {hole} is filled as Path is
	Accept   string // asks for another form of the answer, where the service has such; "application/json" when empty
	Items    string // member that holds the list; "" when the answer is the list, "." when it is the one object
	Key      string // member that names the object, or a template: "{parent}#{number}", "{parent.id}/{id}"
	Label    string // member, or template
	Occurred string // member with an RFC 3339 time, for events

	// Kept is how long the service keeps events: {since} and {until} in Path and Body are the span to ask for, from the end of
	// the last that was read whole, or from when the service still has any; and what is no longer listed is not closed.
	Kept time.Duration

	Total    string // member with the number of objects in all: fewer read is a gap
	For      string // kind of the parent: one list for each, and its key is the scope; parents may have parents
	Each     string // setting with values between commas: one list for each, which is {key} in Path, {parent} in Key, and the scope
	Optional bool   // Each may name nothing, and then there is nothing to read
	Absent   []int  // statuses that say: has none
	Told     []Told // as Absent, where the status alone does not tell
	Next     Pager  // instead of the service's
	NextBody BodyPager
	Needs    string // the permission to name when it is denied
	Only     string // member that is null or false where an object of the list is none of this kind
	Object   string // path of the whole object, where the list tells only some of it; filled as a part's
	Marks    []Mark
	Parts    []Call

	// Changed makes it a list of events that begins with what changed last: the member with that time. Only what changed since
	// the last run is read, and Overlap before it, or at first since the setting "since" or for a year; the oldest first, and
	// each only with all its parts but Spare ones, so that the next run goes on where this one had to stop. Nothing of it is closed.
	Changed string
	Overlap time.Duration // an hour when zero
}

// Told is an answer by its status and, when Says is set, a text in it. Without more it says that there is none.
type Told struct {
	Status int
	Says   string // without regard to case
	Means  string // JSON that stands for the answer
	Denied bool   // services say so where one may not look
	Busy   bool   // asking again later may help
}

// Mark is a further list of some of the same objects: each object has a member that says whether it is among them, or that is
// what the list says of it.
type Mark struct {
	Name  string // of the member
	Whole bool   // the listed object itself is the member, null where it is not listed
	Path  string // as List.Path
	Key   string // as List.Key
	Needs string
	Told  []Told
}

// Call is a further question about each object of a list.
type Call struct {
	Name   string
	Path   string // filled from the object as List.Path is from the parent
	Base   string // as List.Base
	Body   any    // as List.Body
	Member string // the member that is the part; "" for the whole answer
	Absent []int
	Told   []Told
	Needs  string

	Next  Pager  // the part is a list, gathered over all its pages
	Items string // member that holds that list; "" when the answer is the list
	Total string // member with how many there are in all
	Spare bool   // of an event: where it is denied, the event is handed over without it
	From  string // instead of a question: the member of the parent that is the part, or "key"
}

// Limits of a read.
const (
	maxPages = 10_000
	maxItems = 5_000_000
	maxAnew  = 3 // times that a list is begun again
)

// Read reads every list.
func (s Service) Read(ctx context.Context, v Values, out Sink) error {
	c, err := s.dial(v, out)
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
	g.Kind, g.Reason, g.Needs = kind, r.hide(g.Reason), r.hide(g.Needs)
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
		r.out.Through(l.Kind, scope, until)
		return
	}
	r.out.Complete(l.Kind, scope)
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
	visited := map[string]bool{}
	var gap *Gap
	for page, read := 1, 0; ; page++ {
		visited[at.id()] = true
		answer, err := r.get(ctx, l.Kind, at, r.told(l.Absent, l.Told))
		if f := (*refused)(nil); page > 1 && anew < maxAnew && r.Expired != 0 && errors.As(err, &f) && f.status == r.Expired {
			for key := range seen {
				seen[key] = 0 // it may have changed meanwhile
			}
			clear(visited)
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
		if g, err := r.items(ctx, l, over, scope, items, seen, marks); err != nil {
			return nil, err
		} else if gap == nil {
			gap = g
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

// count is how many objects the service says there are.
func count(body []byte, member string) (n int, ok bool) {
	if member == "" {
		return 0, false
	}
	raw, ok := pick(body, member)
	ok = ok && json.Unmarshal(raw, &n) == nil
	return n, ok
}

// items hands over the objects of a page, each with its parts.
func (r *rest) items(ctx context.Context, l List, over parent, scope string, items []json.RawMessage, seen map[string]uint64, marks []mark) (gap *Gap, err error) {
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
		if !only(raw, l.Only) {
			continue
		}
		it := Item{Kind: l.Kind, Scope: scope, Raw: raw, Key: r.name(l.Key, raw, over), Label: r.name(l.Label, raw, over)}
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

// only says that a member is there and neither null nor false.
func only(raw json.RawMessage, member string) bool {
	if member == "" {
		return true
	}
	v, ok := pick(raw, member)
	return ok && string(v) != "null" && string(v) != "false"
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

// moment reads a time as services write it: RFC 3339, with or without the colon in its zone, or seconds or milliseconds since 1970.
func moment(s string) (time.Time, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 1e8 && n < 1e14 {
		if n < 1e11 {
			n *= 1000
		}
		return time.UnixMilli(n).UTC(), nil
	}
	if at, err := time.Parse("2006-01-02T15:04:05Z0700", s); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

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
	answer, err := r.get(ctx, l.Kind, q, r.Told)
	if err != nil {
		return asGap(err, l.Needs)
	}
	if k := answer.body; answer.absent || len(k) == 0 || k[0] != '{' {
		return &Gap{Reason: fmt.Sprintf("The list names %q, and %s does not tell of it.", it.Key, where(q.URL))}, nil
	}
	it.Raw = answer.body
	return occurred(it, l.Occurred), nil
}

// mark is what a further list said.
type mark struct {
	Mark
	keys map[string]json.RawMessage
	gap  string
}

func (m mark) part(key string) Part {
	if m.gap != "" {
		return Part{Name: m.Name, Gap: m.gap}
	}
	said, listed := m.keys[key]
	if m.Whole {
		return Part{Name: m.Name, JSON: said, Absent: !listed}
	}
	return Part{Name: m.Name, JSON: strconv.AppendBool(nil, listed)}
}

// marks reads the further lists. A list that has none of them for a reason it tells marks none.
func (r *rest) marks(ctx context.Context, l List, next Pager, over parent, scope string) (out []mark, err error) {
	for _, declared := range l.Marks {
		m := mark{Mark: declared, keys: map[string]json.RawMessage{}}
		items, gap, err := r.gather(ctx, l.Kind, Call{Path: declared.Path, Items: l.Items, Told: declared.Told, Next: next, Needs: declared.Needs}, over)
		if err != nil {
			return nil, err
		}
		for _, raw := range items {
			key := r.name(declared.Key, raw, over)
			if key == "" {
				gap = cmp.Or(gap, &Gap{Reason: fmt.Sprintf("The list holds an object without %s, by which it is named.", declared.Key)})
			}
			m.keys[key] = raw
		}
		if gap != nil {
			m.gap = r.hide(gap.Reason)
			gap.Scope, gap.Part = scope, m.Name
			r.missing(l.Kind, *gap)
		}
		out = append(out, m)
	}
	return out, nil
}

// told are the answers that say something at one place.
func (r *rest) told(absent []int, said []Told) []Told {
	var out []Told
	for _, status := range absent {
		out = append(out, Told{Status: status})
	}
	return append(append(out, said...), r.Told...)
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
				members = members || call.From != "" || strings.Contains(call.Path, "{parent")
			}
		}
	}
	return children, members
}

// part asks one further question about an object. The gap says why it was not answered.
func (r *rest) part(ctx context.Context, l List, call Call, it Item, over parent) (Part, *Gap, error) {
	part := Part{Name: call.Name}
	missed := func(gap *Gap) (Part, *Gap, error) {
		part.Gap = r.hide(gap.Reason)
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
		items, gap, err := r.gather(ctx, l.Kind, call, over.of(it))
		if err != nil || gap != nil {
			if err != nil {
				return part, nil, err
			}
			return missed(gap)
		}
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
	answer, err := r.get(ctx, l.Kind, at, r.told(call.Absent, call.Told))
	if err != nil {
		gap, err := asGap(err, call.Needs)
		if err != nil {
			return part, nil, err
		}
		return missed(gap)
	}
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
func (r *rest) gather(ctx context.Context, kind string, call Call, over parent) (all []json.RawMessage, gap *Gap, err error) {
	last, gap, err := r.paged(ctx, kind, call, over, func(items []json.RawMessage) bool {
		all = append(all, items...)
		return true
	})
	if err != nil || gap != nil || last == nil {
		return nil, gap, err
	}
	if all == nil {
		all = []json.RawMessage{}
	}
	return all, short(last, call.Total, len(all)), nil
}

// paged hands the pages of a list to take until it wants no more. It returns the last page; nil when the service says that
// there is no list.
func (r *rest) paged(ctx context.Context, kind string, call Call, over parent, take func([]json.RawMessage) bool) ([]byte, *Gap, error) {
	at, err := r.question(call.Base, call.Path, call.Body, over)
	if err != nil {
		return nil, &Gap{Reason: err.Error()}, nil
	}
	visited := map[string]bool{}
	for read := 0; ; {
		visited[at.id()] = true
		answer, err := r.get(ctx, kind, at, r.told(call.Absent, call.Told))
		if err != nil {
			gap, err := asGap(err, call.Needs)
			return nil, gap, err
		}
		if answer.absent && len(visited) == 1 {
			return nil, nil, nil
		}
		items, err := r.objects(answer.body, call.Items)
		if err != nil {
			return nil, &Gap{Reason: fmt.Sprintf("The answer of %s is not as expected: %v.", where(at.URL), err)}, nil
		}
		if !take(items) {
			return answer.body, nil, nil
		}
		read += len(items)
		from := at
		p := Page{At: at.URL, Asked: at.body, Header: answer.header, Body: answer.body, Items: len(items), Read: read}
		if at, err = r.after(p, List{}, call.Next); err != nil {
			return nil, &Gap{Reason: fmt.Sprintf("The page after %s %v.", where(from.URL), err)}, nil
		}
		switch {
		case at.URL == nil:
			return answer.body, nil, nil
		case visited[at.id()] || len(visited) >= maxPages:
			return nil, &Gap{Reason: fmt.Sprintf("The pages do not end at %s.", where(at.URL))}, nil
		}
	}
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

// objects are the elements of a page.
func (r *rest) objects(body []byte, member string) ([]json.RawMessage, error) {
	if member == "." {
		return []json.RawMessage{body}, nil
	}
	if member != "" {
		raw, ok := pick(body, member)
		if !ok && r.Sparse != nil && holdsOnly(body, r.Sparse) {
			return nil, nil
		}
		if !ok {
			return nil, fmt.Errorf("it has no %s", member)
		}
		body = raw
	}
	if items, ok := elements(body); ok {
		return items, nil
	}
	if member == "" {
		return nil, errors.New("it is not a list")
	}
	return nil, fmt.Errorf("its %s is not a list", member)
}

// holdsOnly reports whether an object has no members but these.
func holdsOnly(body []byte, names []string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return false
	}
	for name := range members {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

func elements(body []byte) (items []json.RawMessage, ok bool) {
	d := lenient(body)
	if d.PeekKind() != '[' {
		return nil, false
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		items = append(items, json.RawMessage(bytes.Clone(v)))
	}
	return items, ends(d)
}

// pick is a member's own bytes; a path of members is dotted. All of raw is read, so that one which is cut off has no member.
func pick(raw json.RawMessage, path string) (json.RawMessage, bool) {
	for name := range strings.SplitSeq(path, ".") {
		d := lenient(raw)
		if d.PeekKind() != '{' {
			return nil, false
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, false
		}
		raw = nil
		for d.PeekKind() == '"' {
			at, err := d.ReadToken()
			if err != nil {
				return nil, false
			}
			if at.String() != name {
				if d.SkipValue() != nil {
					return nil, false
				}
				continue
			}
			v, err := d.ReadValue()
			if err != nil {
				return nil, false
			}
			raw = bytes.Clone(v)
		}
		if !ends(d) || raw == nil {
			return nil, false
		}
	}
	return raw, true
}

// lenient reads JSON without judging an object, which is done where it is kept.
func lenient(raw []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// ends reports whether the object or list under way ends, and nothing follows.
func ends(d *jsontext.Decoder) bool {
	if k := d.PeekKind(); k != '}' && k != ']' {
		return false
	}
	if _, err := d.ReadToken(); err != nil {
		return false
	}
	_, err := d.ReadToken()
	return err == io.EOF
}

// text is a member that is a text, a number, or true or false.
func text(raw json.RawMessage, path string) (string, bool) {
	p, ok := pick(raw, path)
	if !ok {
		return "", false
	}
	var s string
	if json.Unmarshal(p, &s) == nil && !bytes.Equal(p, []byte("null")) {
		return s, true
	}
	if c := p[0]; c == 'n' || c == '{' || c == '[' {
		return "", false
	}
	return string(p), true
}

var hole = regexp.MustCompile(`\{([^{}]+)\}`)

// name makes a key or label: a member, or a template over members, {parent} and the parent's members. It is empty when one
// is not there.
func (r *rest) name(template string, raw json.RawMessage, over parent) string {
	if !hole.MatchString(template) {
		if template == "" {
			return ""
		}
		s, _ := text(raw, template)
		return printable(s)
	}
	whole := true
	out := hole.ReplaceAllStringFunc(template, func(h string) string {
		name := h[1 : len(h)-1]
		from := raw
		if name == "parent" {
			return over.key
		} else if member, is := strings.CutPrefix(name, "parent."); is {
			name, from = member, over.body
		}
		s, ok := text(from, name)
		whole = whole && ok && s != ""
		return s
	})
	if !whole {
		return ""
	}
	return printable(out)
}

// printable keeps what a database and a page can hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// fill puts the parent's members and the settings into a path, each as one segment that cannot climb, or one value of the
// query.
func (r *rest) fill(path string, over parent) (string, error) {
	var b strings.Builder
	query := false
	for at := 0; at < len(path); {
		next := hole.FindStringIndex(path[at:])
		if next == nil {
			next = []int{len(path) - at, len(path) - at}
		}
		b.WriteString(path[at : at+next[0]])
		query = query || strings.Contains(path[at:at+next[0]], "?")
		if next[1] > next[0] {
			value, err := r.value(path[at+next[0]+1:at+next[1]-1], over)
			if err != nil {
				return "", err
			}
			if query {
				value = url.QueryEscape(value)
			} else {
				value = escape(value)
			}
			b.WriteString(value)
		}
		at += next[1]
	}
	return b.String(), nil
}

// value is what stands for a hole.
func (r *rest) value(name string, over parent) (value string, err error) {
	ok := true
	at, member := &over, name
	for {
		up, is := strings.CutPrefix(member, "parent")
		if !is || at.over == nil || up != "" && up[0] != '.' {
			break
		}
		at, member = at.over, cmp.Or(strings.TrimPrefix(up, "."), "key")
	}
	if name == "since" && over.since != "" {
		value = over.since
	} else if name == "until" && over.until != "" {
		value = over.until
	} else if setting, is := strings.CutPrefix(name, "settings."); is {
		value = r.values[setting]
	} else if member == "key" {
		value = at.key
	} else {
		value, ok = text(at.body, member)
	}
	if !ok || value == "" || value == "." || value == ".." {
		return "", fmt.Errorf("%q has no usable %s, which is needed to ask further", over.key, name)
	}
	return value, nil
}

// check refuses a declaration that could not work.
func (s Service) check() error {
	if s.Base == nil || len(s.Lists) == 0 {
		return fault.New(fault.Internal, "The service declares neither where it is nor what it lists.")
	}
	for i, l := range s.Lists {
		if l.For != "" && l.Each != "" || l.NextBody != nil && l.Body == nil {
			return fault.New(fault.Internal, "The service declares %s for each of two things, or with pages in a body that it has not.", l.Kind)
		}
		if l.Kind == "" || l.Key == "" || slices.ContainsFunc(s.Lists[:i], func(o List) bool { return o.Kind == l.Kind }) {
			return fault.New(fault.Internal, "The service declares the list %d (%s) without a kind or key, or twice.", i+1, l.Kind)
		}
	}
	return nil
}

package aws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"golang.org/x/sync/errgroup"

	"tickmark/internal/awsauth"
	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/secret"
)

// list declares one list of objects in an account, or in each region of it. Its scope is the account, or account/region.
type list struct {
	kind   string
	call   *call
	items  string // path of the list in the answer; "." when the answer is the one object
	wrap   string // where the list holds texts: the member that each becomes
	key    string // template over the object, {account}, {region}
	label  string // likewise; the key when empty
	global bool   // it is asked once for an account
	over   string // kind of the same place, declared before: one list for each object of it, which {…} fills
	above  string // member that takes that object
	empty  string // member that is 0 where the answer leaves an empty list out
	keep   func(p place, body map[string]any) bool
	ready  func(ctx context.Context, a *asking, body map[string]any) error // completes an object before its parts are asked
	asks   []*call                                                         // what ready may ask
	detail *detail
	parts  []part
}

// detail is a further question whose answer takes the place of what the list says of an object.
type detail struct {
	call  *call
	at    string // path of the object in the answer; "." for all of it
	batch int    // asked for so many at once, whose names are in {ids}; the answer is a list at the path
	id    string // member with the name
}

// part is a further answer about each object.
type part struct {
	name   string
	calls  []*call // all that it may ask; the first is what most parts ask
	at     string  // path in the answer; "." for all of it
	as     func(v any) (any, error)
	region string // member with the region where it is asked, when not that of the place
	shared bool   // the same question is asked once for a place
	some   bool   // the answer may not have it: then there is none
	when   func(body map[string]any) bool
	read   func(ctx context.Context, a *asking, body map[string]any) (any, error) // instead of one question
}

// place is an account, or a region of it, and by what it is asked.
type place struct {
	account, region, partition string
	home                       bool // it stands for the account as a whole
	keys                       aws.CredentialsProvider
}

func (p place) scope() string {
	if p.home {
		return p.account
	}
	return p.account + "/" + p.region
}

// reader is one run.
type reader struct {
	out      connector.Sink
	http     *http.Client
	endpoint string
	backoff  time.Duration
	budget   *connector.Budget
	pace     map[string]*retry.AdaptiveMode // by service and region: slower while it says that it is asked too much
	cover    secret.Cover
	kinds    map[string]*record.Kind
	members  map[string]thing // what the organisation says of its accounts

	mu     sync.Mutex
	missed map[connector.Gap]bool
	worn   map[string]int // by action: how often in a row it failed whatever was tried
}

// visit is the reading of one place.
type visit struct {
	*reader
	place

	mu    sync.Mutex
	known map[string][]map[string]any // objects that others are read for, by kind
	gaps  map[string]*refusal         // why not all of them are known
	once  map[string]func() (any, said, error)
}

func (r *reader) visit(p place) *visit {
	return &visit{reader: r, place: p, known: map[string][]map[string]any{}, gaps: map[string]*refusal{}, once: map[string]func() (any, said, error){}}
}

// miss reports a gap once.
func (r *reader) miss(kind, scope, part string, f *refusal) {
	g := connector.Gap{Kind: kind, Scope: scope, Part: part, Denied: f.denied, Reason: f.Error(), Needs: f.needs()}
	r.mu.Lock()
	defer r.mu.Unlock()
	same := connector.Gap{Kind: kind, Scope: scope, Part: part, Denied: f.denied, Needs: g.Needs}
	if !r.missed[same] {
		r.missed[same] = true
		r.out.Missing(g)
	}
}

// parallel is how many objects of a list are looked at more closely at the same time.
const parallel = 8

// all reads the lists of a place, those of an account or those of a region.
func (v *visit) all(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(6)
	done := map[string]chan struct{}{}
	for _, l := range lists {
		if l.global == v.home {
			done[l.kind] = make(chan struct{})
		}
	}
	for _, l := range lists {
		ready := done[l.kind]
		if ready == nil {
			continue
		}
		g.Go(func() error {
			defer close(ready)
			if l.over != "" {
				select {
				case <-done[l.over]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return v.list(ctx, l)
		})
	}
	return g.Wait()
}

// list reads one list, or one for each object above it, and completes it when nothing was missing.
func (v *visit) list(ctx context.Context, l list) error {
	overs := []map[string]any{nil}
	if l.over != "" {
		v.mu.Lock() // other lists are read meanwhile
		known, f := v.known[l.over], v.gaps[l.over]
		v.mu.Unlock()
		overs = known
		if f != nil {
			v.gap(l.kind, &refusal{call: f.call, denied: f.denied, code: f.code, where: f.where, reason: "not all that it is asked for is known: " + f.reason})
		}
	}
	for _, over := range overs {
		f, err := v.pages(ctx, l, over)
		if err != nil {
			return err
		}
		if f != nil && f.nowhere && v.elsewhere(ctx) {
			f = nil // no such service here: there is none
		}
		if f != nil {
			v.gap(l.kind, f)
		}
	}
	v.mu.Lock()
	whole := v.gaps[l.kind] == nil
	v.mu.Unlock()
	if whole {
		v.out.Complete(l.kind, v.scope())
	}
	return nil
}

func (v *visit) gap(kind string, f *refusal) {
	v.miss(kind, v.scope(), "", f)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.gaps[kind] == nil {
		v.gaps[kind] = f
	}
}

// elsewhere says that names are found at all in this region, so that one which is not found does not exist.
func (v *visit) elsewhere(ctx context.Context) bool {
	return v.resolves(ctx, "ec2."+v.region+"."+awsauth.Domain(v.region))
}

// pages reads one list. It returns a refusal when not all of it was read.
func (v *visit) pages(ctx context.Context, l list, over map[string]any) (*refusal, error) {
	var missing *refusal
	seen := map[string]bool{}
	tokens := map[string]bool{}
	token := ""
	for page := 1; ; page++ {
		a, f, err := v.page(ctx, l.kind, l.call, v.place, over, token, page)
		if f != nil || err != nil {
			return cmp.Or(missing, f), err
		}
		if a.absent {
			return missing, nil
		}
		odd := func(err error) *refusal {
			return cmp.Or(missing, &refusal{call: l.call, where: v.scope(), reason: "the answer is not as expected: " + plain(err)})
		}
		var found []thing
		if l.items == "." {
			one, err := a.whole()
			if err != nil {
				return odd(err), nil
			}
			found = []thing{one}
		} else if l.empty != "" && a.text(l.empty) == "0" {
			return missing, nil
		} else if found, err = a.items(l.items); err != nil {
			return odd(err), nil
		}
		if f, err := v.objects(ctx, l, over, found, seen); err != nil {
			return nil, err
		} else if missing == nil {
			missing = f
		}
		v.out.Progress(l.kind, len(seen), 0)
		if l.call.out == "" {
			return missing, nil
		}
		if token = a.text(l.call.out); token == "" || token == "null" {
			return missing, nil
		}
		switch {
		case tokens[token]:
			return odd(errors.New("its pages go round in a circle")), nil
		case page >= maxPages:
			return odd(fmt.Errorf("it has more than %d pages", maxPages)), nil
		}
		tokens[token] = true
	}
}

// page asks for one page. A refusal is apart from what ends the read.
func (v *visit) page(ctx context.Context, kind string, c *call, p place, from any, token string, page int) (answer, *refusal, error) {
	q, err := v.question(c, p, from, token)
	if err == nil && page > 1 { // its token is another one in each run
		first, err := v.question(c, p, from, "")
		if err != nil {
			return answer{}, nil, err
		}
		q.always = fmt.Sprintf("%s, page %d", first, page)
	}
	if err == nil {
		var a answer
		if a, err = v.ask(ctx, kind, q); err == nil {
			return a, nil, nil
		}
	}
	var f *refusal
	if errors.As(err, &f) {
		return answer{}, f, nil
	}
	return answer{}, nil, err
}

// objects hands over the objects of a page, each with its parts.
func (v *visit) objects(ctx context.Context, l list, over map[string]any, found []thing, seen map[string]bool) (missing *refusal, err error) {
	odd := func(format string, args ...any) {
		missing = cmp.Or(missing, &refusal{call: l.call, where: v.scope(), reason: fmt.Sprintf(format, args...)})
	}
	if l.wrap != "" {
		for i, o := range found {
			found[i].value = map[string]any{l.wrap: o.value}
		}
	}
	var mu sync.Mutex
	keep := func(f *refusal) {
		mu.Lock()
		defer mu.Unlock()
		missing = cmp.Or(missing, f)
	}
	if l.detail != nil && l.detail.batch > 0 {
		if found, err = v.batches(ctx, l, over, found, keep); err != nil {
			return nil, err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, o := range found {
		if _, ok := o.value.(map[string]any); !ok {
			odd("the list holds something that is not an object")
			continue
		}
		one := func() error {
			if l.detail != nil && l.detail.batch == 0 {
				f, err := v.more(ctx, l, &o)
				if f != nil {
					keep(f)
				}
				if f != nil || err != nil || o.value == nil {
					return err
				}
			}
			it, f, err := v.item(ctx, l, over, o)
			if f != nil || err != nil || it == nil {
				keep(f)
				return err
			}
			mu.Lock()
			twice := seen[it.Key]
			seen[it.Key] = true
			mu.Unlock()
			if twice { // a list that moves while it is paged shows an object twice
				return nil
			}
			return v.out.Item(*it)
		}
		if l.detail == nil && len(l.parts) == 0 {
			if err := one(); err != nil {
				return nil, errors.Join(err, g.Wait())
			}
			continue
		}
		g.Go(one)
	}
	err = g.Wait()
	return missing, err
}

// batches asks for the details of many at once.
func (v *visit) batches(ctx context.Context, l list, over map[string]any, found []thing, keep func(*refusal)) (out []thing, err error) {
	for some := range slices.Chunk(found, l.detail.batch) {
		ids := make([]any, len(some))
		for i, o := range some {
			ids[i] = at(o.value, l.detail.id)
		}
		from := map[string]any{"ids": ids}
		maps.Copy(from, over)
		a, f, err := v.page(ctx, l.kind, l.detail.call, v.place, from, "", 1)
		if err != nil {
			return nil, err
		}
		if f == nil {
			details, err := a.items(l.detail.at)
			if err == nil && len(details) < len(some) {
				err = fmt.Errorf("it speaks of %d of %d", len(details), len(some))
			}
			if err != nil {
				f = &refusal{call: l.detail.call, where: v.scope(), reason: "the answer is not as expected: " + plain(err)}
			}
			for _, o := range details { // the list named them
				o.from = append(slices.Clone(o.from), some[0].from...)
				out = append(out, o)
			}
		}
		if f != nil {
			keep(f)
		}
	}
	return out, nil
}

// more puts the detail of an object in its place; nothing when it has gone meanwhile.
func (v *visit) more(ctx context.Context, l list, o *thing) (*refusal, error) {
	a, f, err := v.page(ctx, l.kind, l.detail.call, v.place, o.value, "", 1)
	if f != nil || err != nil {
		return f, err
	}
	if a.absent {
		o.value = nil
		return nil, nil
	}
	whole, err := a.whole()
	got := whole.value
	if l.detail.at != "." {
		got = at(got, l.detail.at)
	}
	m, ok := got.(map[string]any)
	if err != nil || !ok {
		return &refusal{call: l.detail.call, where: v.scope(), reason: "the answer is not as expected: it has no " + l.detail.at}, nil
	}
	for name, x := range o.value.(map[string]any) { // the name it was asked by
		if _, there := m[name]; !there && name == l.wrap {
			m[name] = x
		}
	}
	o.raw, o.value, o.from = whole.raw, m, slices.Concat(o.from, whole.from)
	return nil, nil
}

// item makes what is handed over of an object; nil for what is not kept.
func (v *visit) item(ctx context.Context, l list, over map[string]any, o thing) (*connector.Item, *refusal, error) {
	k := v.kinds[l.kind]
	body := typed(o.value, k.Fields).(map[string]any)
	if l.keep != nil && !l.keep(v.place, body) {
		return nil, nil, nil
	}
	if body["account_id"] = v.account; !v.home {
		body["region"] = v.region
	}
	from := o.from
	if l.ready != nil {
		a := &asking{visit: v, kind: l.kind}
		err := l.ready(ctx, a, body)
		if from = append(slices.Clone(from), a.from...); err != nil {
			var f *refusal
			errors.As(err, &f)
			if f != nil {
				err = nil
			}
			return nil, f, err
		}
	}
	if l.above != "" {
		f, _ := k.FieldNamed(l.above)
		body[l.above] = only(over, f.Fields)
	}
	key, ok := v.fill(l.key, body, nil)
	if !ok {
		return nil, &refusal{call: l.call, where: v.scope(), reason: fmt.Sprintf("the list holds an object without %s, by which it is named", l.key)}, nil
	}
	label, ok := v.fill(l.label, body, nil)
	if !ok || label == "" {
		label = key
	}
	it := &connector.Item{Kind: l.kind, Key: key, Scope: v.scope(), Raw: o.raw, Label: label, From: from}
	for _, p := range l.parts {
		if p.when != nil && !p.when(body) {
			continue
		}
		got, err := v.part(ctx, l.kind, p, body)
		if err != nil {
			return nil, nil, err
		}
		it.Parts = append(it.Parts, got)
		if got.JSON != nil { // those after it may need it
			if x, err := decode(got.JSON); err == nil {
				body[p.name] = x
			}
		}
	}
	for _, p := range it.Parts {
		delete(body, p.Name)
	}
	v.hold(l.kind, body)
	var err error
	it.Body, err = marshal(body)
	return it, nil, err
}

// only are the declared members of an object.
func only(m map[string]any, fields []record.Field) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		if v, ok := m[f.Name]; ok {
			out[f.Name] = v
		}
	}
	return out
}

// hold keeps an object that others are read for.
func (v *visit) hold(kind string, body map[string]any) {
	if !slices.ContainsFunc(lists, func(l list) bool { return l.over == kind }) {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.known[kind] = append(v.known[kind], maps.Clone(body))
}

// part asks one further question about an object.
func (v *visit) part(ctx context.Context, kind string, p part, body map[string]any) (connector.Part, error) {
	out := connector.Part{Name: p.name}
	value, said, err := v.partly(ctx, kind, p, body)
	out.From = said.from
	var f *refusal
	if errors.As(err, &f) {
		if f.nowhere && v.elsewhere(ctx) { // no such service here: there is none
			out.Absent = true
			return out, nil
		}
		v.miss(kind, v.scope(), p.name, f)
		out.Gap = f.Error()
		return out, nil
	}
	if err != nil {
		return out, err
	}
	if value == nil {
		out.Absent = true
		return out, nil
	}
	if p.shared || p.read != nil {
		value = clone(value)
	}
	named := map[string]any{p.name: value}
	typed(named, v.kinds[kind].Fields)
	value = named[p.name]
	out.JSON, err = marshal(value)
	if !bytes.Equal(said.raw, out.JSON) {
		out.Raw = said.raw
	}
	return out, err
}

// clone is a value that may be changed.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, x := range v {
			m[name] = clone(x)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = clone(v[i])
		}
		return list
	}
	return v
}

// said is in what bytes something was said, and by which answers.
type said struct {
	raw  []byte
	from []connector.Answer
}

// partly is what a part says, nil for nothing, and how.
func (v *visit) partly(ctx context.Context, kind string, p part, body map[string]any) (any, said, error) {
	if p.read != nil {
		a := &asking{visit: v, kind: kind}
		value, err := p.read(ctx, a, body)
		return value, said{bytes.Join(a.said, []byte("\n")), a.from}, err
	}
	where := v.place
	if p.region != "" {
		where.region = cmp.Or(text(body, p.region), where.region)
	}
	ask := func() (any, said, error) {
		a, f, err := v.page(ctx, kind, p.calls[0], where, body, "", 1)
		if f != nil {
			return nil, said{}, f
		}
		by := said{from: a.from}
		if err != nil || a.absent {
			return nil, by, err
		}
		o, err := a.whole()
		if err != nil {
			return nil, by, err
		}
		by.raw = o.raw
		got := o.value
		if p.at != "." {
			if got = at(got, p.at); got == nil && p.some {
				return nil, by, nil
			} else if got == nil {
				return nil, by, &refusal{call: p.calls[0], where: v.scope(), reason: "the answer is not as expected: it has no " + p.at}
			}
		}
		if p.as != nil {
			if got, err = p.as(got); err != nil {
				return nil, by, &refusal{call: p.calls[0], where: v.scope(), reason: "the answer is not as expected: " + plain(err)}
			}
		}
		return got, by, nil
	}
	if !p.shared {
		return ask()
	}
	q, err := v.question(p.calls[0], where, body, "")
	if err != nil {
		return nil, said{}, err
	}
	return v.share(q.String(), ask)
}

// share asks a question once for a place. What it answers must not be changed.
func (v *visit) share(name string, ask func() (any, said, error)) (any, said, error) {
	v.mu.Lock()
	once := v.once[name]
	if once == nil {
		var do sync.Once
		var value any
		var by said
		var err error
		once = func() (any, said, error) {
			do.Do(func() { value, by, err = ask() })
			return value, by, err
		}
		v.once[name] = once
	}
	v.mu.Unlock()
	return once()
}

// asking is the reading of one part that takes more than one question. It notes the bytes that the part was said in, and all answers
// that it was told by, also by saying that there is nothing.
type asking struct {
	*visit
	kind string
	said [][]byte
	from []connector.Answer
}

func (a *asking) note(o thing) {
	a.said = append(a.said, o.raw)
	a.told(o.from)
}

func (a *asking) told(from []connector.Answer) {
	for _, x := range from {
		if !slices.Contains(a.from, x) {
			a.from = append(a.from, x)
		}
	}
}

// page asks for the first page of a call.
func (a *asking) page(ctx context.Context, c *call, from any) (answer, *refusal, error) {
	got, f, err := a.visit.page(ctx, a.kind, c, a.place, from, "", 1)
	a.told(got.from)
	return got, f, err
}

// every is all objects of a call's list, over its pages, asked once for a place. They must not be changed.
func (a *asking) every(ctx context.Context, c *call, from any, items string) ([]thing, error) {
	q, err := a.question(c, a.place, from, "")
	if err != nil {
		return nil, err
	}
	v, by, err := a.share(q.String(), func() (any, said, error) {
		out, told, err := a.visit.every(ctx, a.kind, c, from, items)
		return out, said{from: told}, err
	})
	a.told(by.from)
	out, _ := v.([]thing)
	return out, err
}

// every is all objects of a call's list, over its pages, and the answers that had them.
func (v *visit) every(ctx context.Context, kind string, c *call, from any, items string) (out []thing, told []connector.Answer, err error) {
	token := ""
	for page := 1; ; page++ {
		a, f, err := v.page(ctx, kind, c, v.place, from, token, page)
		if f != nil {
			return nil, told, f
		}
		told = append(told, a.from...)
		if err != nil || a.absent {
			return out, told, err
		}
		found, err := a.items(items)
		if err != nil {
			return nil, told, &refusal{call: c, where: v.scope(), reason: "the answer is not as expected: " + plain(err)}
		}
		out = append(out, found...)
		if c.out == "" {
			return out, told, nil
		}
		next := a.text(c.out)
		if next == "" || next == "null" {
			return out, told, nil
		}
		if next == token || page >= maxPages {
			return nil, told, &refusal{call: c, where: v.scope(), reason: "its pages do not end"}
		}
		token = next
	}
}

// single is the whole answer of a call; no value when there is none.
func (a *asking) single(ctx context.Context, c *call, from any) (thing, error) {
	got, f, err := a.page(ctx, c, from)
	if f != nil {
		return thing{}, f
	}
	if err != nil || got.absent {
		return thing{}, err
	}
	o, err := got.whole()
	if _, ok := o.value.(map[string]any); err != nil || !ok {
		return o, &refusal{call: c, where: a.scope(), reason: "the answer is not as expected"}
	}
	a.note(o)
	return o, nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

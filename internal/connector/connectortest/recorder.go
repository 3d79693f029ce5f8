// Package connectortest tries connectors: Recorder is a Sink that keeps what a connector hands over, and Run is the
// conformance suite that every connector of a service passes. The one rule: the Recorder answers Seen, Unchanged and State
// as the collecting engine does, so that a second read in a test is a second read in the field.
package connectortest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"tickmark/internal/connector"
)

// Recorder keeps what one run hands over. Its zero value is a first run. It is safe for several goroutines; read its
// findings when the run is over.
type Recorder struct {
	Clock time.Time                  // what Now answers; the machine's time when zero
	Light bool                       // keep keys and counts, not items: for reads too large to hold
	Fail  func(connector.Item) error // when it answers an error, Item returns it: a full disk, a lost database

	mu        sync.Mutex
	items     []connector.Item
	count     map[string]int
	bytes     int64
	at        map[[2]string]int // kind and key to its place in items
	keys      map[place]map[string]bool
	complete  map[place]bool
	unchanged map[place]bool
	through   map[place]time.Time
	gaps      []connector.Gap
	exchanges []connector.Exchange
	untraced  []string // what names no answer that it was made of
	seen      map[string]int
	progress  map[string]int
	state     []byte
	problems  []string
	before    *past
}

type place struct{ kind, scope string }

// past is what the engine remembers between runs.
type past struct {
	keys     map[place]map[string]bool
	complete map[place]bool
	through  map[place]time.Time
	state    []byte
}

var _ connector.Sink = (*Recorder)(nil)

// Item keeps the object.
func (r *Recorder) Item(it connector.Item) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	if r.Fail != nil {
		if err := r.Fail(it); err != nil {
			return err
		}
	}
	r.inspect(it)
	r.trace(it)
	r.hold(place{it.Kind, it.Scope}, it.Key)
	if _, twice := r.at[[2]string{it.Kind, it.Key}]; twice {
		r.problem("%s %q was handed over twice in one run", it.Kind, it.Key)
	}
	r.at[[2]string{it.Kind, it.Key}] = len(r.items)
	r.count[it.Kind]++
	r.bytes += int64(len(it.Raw) + len(it.Body))
	if r.Light {
		return nil
	}
	it.Raw, it.Body = bytes.Clone(it.Raw), bytes.Clone(it.Body)
	it.Parts = slices.Clone(it.Parts)
	r.items = append(r.items, it)
	return nil
}

// Untraced are the connectors whose records name no answer, each with the reason; docs/decisions/0011-answers.md says more.
var Untraced = map[string]string{
	"git": "An object is its own unedited answer: its key is the hash of its bytes, and the body is made of them.",
}

// trace looks for the answers that an object was made of: each is of this run, and its bytes are handed over, or it is said why not.
func (r *Recorder) trace(it connector.Item) {
	from := slices.Clone(it.From)
	for _, p := range it.Parts {
		from = append(from, p.From...) // one without any was made of what the object was
	}
	if len(it.From) == 0 {
		r.untraced = append(r.untraced, fmt.Sprintf("%s %q names no answer that it was made of", it.Kind, it.Key))
	}
	for _, a := range from {
		x, ok := a.(*connector.Exchange)
		switch {
		case a == nil && r.Light:
		case !ok:
			r.problem("%s %q names as its answer what this run did not give", it.Kind, it.Key)
		case x.Body == nil && x.Unkept == "" && x.Bytes > 0:
			r.problem("%s %q names the answer to %s, whose bytes were not handed over, and not why", it.Kind, it.Key, x.Request)
		case x.Body != nil && sha256.Sum256(x.Body) != x.SHA256:
			r.problem("%s %q names the answer to %s, whose bytes have another SHA-256", it.Kind, it.Key, x.Request)
		}
	}
}

// Seen is true for a key that stood after the run before.
func (r *Recorder) Seen(kind, key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	if r.before == nil {
		return false
	}
	for p, keys := range r.before.keys {
		if p.kind == kind && keys[key] {
			r.hold(p, key)
			r.seen[kind]++
			return true
		}
	}
	return false
}

// Unchanged is true when the kind and scope were complete in the run before.
func (r *Recorder) Unchanged(kind, scope string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	p := place{kind, scope}
	if r.before == nil || !r.before.complete[p] {
		return false
	}
	for key := range r.before.keys[p] {
		r.hold(p, key)
	}
	r.unchanged[p] = true
	return true
}

// Complete notes that the kind was read whole in this scope.
func (r *Recorder) Complete(kind, scope string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	r.complete[place{kind, scope}] = true
}

// Under is noted by the engine; nothing here is closed.
func (r *Recorder) Under(kind, parent string) {}

// Through notes up to when events are known; what stood before stands.
func (r *Recorder) Through(kind, scope string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	p := place{kind, scope}
	if r.before != nil {
		for key := range r.before.keys[p] {
			r.hold(p, key)
		}
	}
	r.through[p] = until
}

// Since answers the last Through of the runs before.
func (r *Recorder) Since(kind, scope string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.before == nil {
		return time.Time{}
	}
	return r.before.through[place{kind, scope}]
}

// Missing notes a gap.
func (r *Recorder) Missing(g connector.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	if g.Reason == "" {
		r.problem("a gap in %s has no reason", g.Kind)
	}
	r.gaps = append(r.gaps, g)
}

// Exchange notes a question and its answer.
func (r *Recorder) Exchange(x connector.Exchange) connector.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	if x.Request == "" || x.Status == "" || x.At.IsZero() {
		r.problem("an exchange lacks its request, status or time: %+v", x)
	}
	r.exchanges = append(r.exchanges, x)
	if r.Light {
		return nil
	}
	return &x
}

// Progress keeps the last figure for each kind.
func (r *Recorder) Progress(kind string, done, total int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	r.progress[kind] = done
}

// State answers what the last complete run kept.
func (r *Recorder) State() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.before == nil {
		return nil
	}
	return bytes.Clone(r.before.state)
}

// SetState keeps bytes for the next run.
func (r *Recorder) SetState(state []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = bytes.Clone(state)
}

// Now is the run's clock.
func (r *Recorder) Now() time.Time {
	if r.Clock.IsZero() {
		return time.Now()
	}
	return r.Clock
}

// Next is the sink of the run after this one: what stood in a complete scope is known; what was missing from it is closed;
// state is kept only when nothing was missing.
func (r *Recorder) Next() *Recorder {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.start()
	next := &past{keys: map[place]map[string]bool{}, complete: map[place]bool{}, through: maps.Clone(r.through)}
	if r.before != nil {
		next.state = r.before.state
		for p, until := range r.before.through {
			if _, ok := next.through[p]; !ok {
				next.through[p] = until
			}
		}
		for p, keys := range r.before.keys {
			if !r.complete[p] {
				add(next.keys, p, keys)
			}
		}
	}
	for p, keys := range r.keys {
		add(next.keys, p, keys)
	}
	for _, ok := range []map[place]bool{r.complete, r.unchanged} {
		for p := range ok {
			next.complete[p] = !r.gapAt(p)
		}
	}
	if r.whole() && r.state != nil {
		next.state = r.state
	}
	return &Recorder{Clock: r.Clock, Light: r.Light, before: next}
}

func add(to map[place]map[string]bool, p place, keys map[string]bool) {
	if to[p] == nil {
		to[p] = map[string]bool{}
	}
	for k := range keys {
		to[p][k] = true
	}
}

// Items are the objects of a kind in the order they came; every kind when it is empty.
func (r *Recorder) Items(kind string) []connector.Item {
	var out []connector.Item
	for _, it := range r.items {
		if kind == "" || it.Kind == kind {
			out = append(out, it)
		}
	}
	return out
}

// Find returns one object.
func (r *Recorder) Find(kind, key string) (connector.Item, bool) {
	i, ok := r.at[[2]string{kind, key}]
	if !ok || i >= len(r.items) {
		return connector.Item{}, false
	}
	return r.items[i], true
}

// Body is an object's body with its parts in it, decoded; nil when there is no such object.
func (r *Recorder) Body(kind, key string) map[string]any {
	it, ok := r.Find(kind, key)
	if !ok {
		return nil
	}
	return Decode(it)
}

// Decode is an object's body with its parts in it. A part that is a gap is not in the body.
func Decode(it connector.Item) map[string]any {
	var body map[string]any
	if json.Unmarshal(content(it), &body) != nil {
		return nil
	}
	for _, p := range it.Parts {
		switch {
		case p.Absent:
			body[p.Name] = nil
		case p.JSON != nil:
			var v any
			if json.Unmarshal(p.JSON, &v) == nil {
				body[p.Name] = v
			}
		}
	}
	return body
}

// Keys are the keys that stand after this run in a kind and scope: handed over, seen or unchanged; sorted.
func (r *Recorder) Keys(kind, scope string) []string {
	var out []string
	for k := range r.keys[place{kind, scope}] {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Count is how many objects of a kind were handed over.
func (r *Recorder) Count(kind string) int { return r.count[kind] }

// SeenCount is how many objects of a kind were said to be still there without being handed over.
func (r *Recorder) SeenCount(kind string) int { return r.seen[kind] }

// Bytes is the size of all that was handed over.
func (r *Recorder) Bytes() int64 { return r.bytes }

// Gaps are the gaps reported.
func (r *Recorder) Gaps() []connector.Gap { return r.gaps }

// Exchanges are the questions recorded.
func (r *Recorder) Exchanges() []connector.Exchange { return r.exchanges }

// Completed says that a kind and scope was read whole or proven unchanged, with no gap in it.
func (r *Recorder) Completed(kind, scope string) bool {
	p := place{kind, scope}
	_, events := r.through[p]
	return (r.complete[p] || r.unchanged[p] || events) && !r.gapAt(p)
}

// SaidUnchanged says that a kind and scope was proven unchanged.
func (r *Recorder) SaidUnchanged(kind, scope string) bool { return r.unchanged[place{kind, scope}] }

// Whole says that the run had no gap of any sort.
func (r *Recorder) Whole() bool { return r.whole() }

func (r *Recorder) whole() bool {
	if len(r.gaps) > 0 {
		return false
	}
	for _, it := range r.items {
		for _, p := range it.Parts {
			if p.Gap != "" {
				return false
			}
		}
	}
	return true
}

// Problems are the breaches of the Sink's contract in this run; none when the connector keeps it. Each kind the connector
// declares must be complete, unchanged or named in a gap.
func (r *Recorder) Problems(c connector.Connector) []string {
	out := slices.Clone(r.problems)
	declared := map[string]bool{}
	for _, k := range c.Kinds {
		declared[k.Name] = true
	}
	spoken := map[string]bool{}
	note := func(kind string) {
		if !declared[kind] && !spoken[kind] {
			out = append(out, fmt.Sprintf("kind %q is not declared", kind))
		}
		spoken[kind] = true
	}
	for kind := range r.count {
		if !declared[kind] {
			out = append(out, fmt.Sprintf("kind %q is not declared", kind))
		}
	}
	for p := range r.complete {
		note(p.kind)
		if r.gapAt(p) {
			out = append(out, fmt.Sprintf("%s in scope %q is both complete and missing", p.kind, p.scope))
		}
	}
	for p := range r.unchanged {
		note(p.kind)
	}
	for p := range r.through {
		note(p.kind)
	}
	for _, g := range r.gaps {
		note(g.Kind)
	}
	for _, k := range c.Kinds {
		if !spoken[k.Name] {
			out = append(out, fmt.Sprintf("%s is neither complete nor unchanged nor missing", k.Name))
		}
	}
	if Untraced[c.Name] == "" {
		out = append(out, r.untraced...)
	}
	slices.Sort(out)
	return out
}

// Leaks names the places in this run's output that hold the text; a secret must be in none.
func (r *Recorder) Leaks(secret string) []string {
	var out []string
	look := func(where string, texts ...string) {
		for _, t := range texts {
			if strings.Contains(t, secret) {
				out = append(out, where)
				return
			}
		}
	}
	for _, it := range r.items {
		look(it.Kind+" "+it.Key, string(it.Raw), string(it.Body), it.Label, it.Key, it.Scope)
		for _, p := range it.Parts {
			look(it.Kind+" "+it.Key+" part "+p.Name, string(p.JSON), p.Gap)
		}
	}
	for _, g := range r.gaps {
		look("gap in "+g.Kind, g.Reason, g.Scope, g.Needs)
	}
	for i, x := range r.exchanges {
		look(fmt.Sprintf("exchange %d", i), x.Request, x.Status)
	}
	look("state", string(r.state))
	return out
}

func (r *Recorder) gapAt(p place) bool {
	return slices.ContainsFunc(r.gaps, func(g connector.Gap) bool {
		return g.Kind == p.kind && g.Part == "" && g.Scope == p.scope
	})
}

func (r *Recorder) start() {
	if r.count != nil {
		return
	}
	r.count, r.at = map[string]int{}, map[[2]string]int{}
	r.keys = map[place]map[string]bool{}
	r.complete, r.unchanged, r.through = map[place]bool{}, map[place]bool{}, map[place]time.Time{}
	r.seen, r.progress = map[string]int{}, map[string]int{}
}

func (r *Recorder) hold(p place, key string) {
	if r.keys[p] == nil {
		r.keys[p] = map[string]bool{}
	}
	r.keys[p][key] = true
}

func (r *Recorder) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

func (r *Recorder) inspect(it connector.Item) {
	for what, s := range map[string]string{"key": it.Key, "label": it.Label, "scope": it.Scope} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			r.problem("%s %q has a %s that a database cannot hold", it.Kind, it.Key, what)
		}
	}
	if it.Key == "" {
		r.problem("%s %q has no key", it.Kind, it.Label)
	}
	body := bytes.TrimSpace(content(it))
	if len(body) == 0 || body[0] != '{' || !json.Valid(body) || !utf8.Valid(body) {
		r.problem("%s %q has a body that is not a JSON object", it.Kind, it.Key)
	}
	for _, p := range it.Parts {
		n := 0
		for _, is := range []bool{p.JSON != nil, p.Absent, p.Gap != ""} {
			if is {
				n++
			}
		}
		if n != 1 || p.Name == "" {
			r.problem("%s %q has a part %q that is not exactly one of answer, absent and gap", it.Kind, it.Key, p.Name)
		}
		if p.JSON != nil && !json.Valid(p.JSON) {
			r.problem("%s %q has a part %q that is not JSON", it.Kind, it.Key, p.Name)
		}
	}
}

func content(it connector.Item) []byte {
	if it.Body != nil {
		return it.Body
	}
	return it.Raw
}

package collect

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

const (
	batchSize    = 500
	learnAfter   = 4 * batchSize // new records of a kind, before what they have in common is learnt
	maxExchanges = 10_000        // kept one by one; beyond that only counted
	fewSent      = 2_000         // events in one sending, up to which each is looked up rather than all of them loaded
)

// Progress is told how far a run is; total 0 when unknown.
type Progress func(connection, kind string, done, total int)

// Run collects one connection. The run's record says what was read and what was not; an error is returned only when there
// is no such connection, it is being collected already, or the workspace cannot be written.
func (c *Collector) Run(ctx context.Context, name string, progress Progress) (Summary, error) {
	return c.run(ctx, name, progress, nil)
}

// Handed is what a person or a program gives to a connection at once: a file that a connector of that sort understood.
type Handed struct {
	Kinds  []string // that it speaks for
	Origin record.Origin
	Read   func(context.Context, connector.Sink) error
}

// Take runs a connection that reads no source itself with what is handed to it.
func (c *Collector) Take(ctx context.Context, by record.Authority, name string, h Handed, progress Progress) (Summary, error) {
	kind, err := c.Book.Kinds.Named(ConnectionKind)
	if err != nil {
		return Summary{}, err
	}
	if err := by.May(ctx, "connect", kind); err != nil {
		return Summary{}, err
	}
	return c.run(ctx, name, progress, &h)
}

// Preview says what taking something would change, and writes nothing. The connection need not be there yet.
func (c *Collector) Preview(ctx context.Context, name string, h Handed) (Summary, error) {
	k, err := c.handed(connector.Connector{Sent: true}, h)
	if err != nil {
		return Summary{}, err
	}
	r := &run{c: c, conn: Connection{Name: name}, k: k, ctx: ctx, dry: true, kinds: map[string]*reading{}, asked: map[string]*asked{}, sum: Summary{Connection: name, Started: c.Book.Log.Now().UTC()}}
	if err := k.Read(ctx, nil, r); err != nil {
		return r.sum, err
	}
	for _, name := range slices.Sorted(maps.Keys(r.kinds)) {
		t := r.kinds[name]
		for scope := range t.complete {
			t.tally.Closed += t.unseen[scope]
		}
		r.sum.Kinds = append(r.sum.Kinds, t.tally)
	}
	r.sum.Missing = r.gaps
	return r.sum, nil
}

func (c *Collector) run(ctx context.Context, name string, progress Progress, handed *Handed) (Summary, error) {
	conn, err := c.Connection(ctx, name)
	if err != nil {
		return Summary{}, err
	}
	k, err := c.Connector(conn.Connector)
	if err != nil {
		return Summary{}, err
	}
	release, err := c.Book.DB.Lock(ctx, "collect-"+name)
	if errors.Is(err, store.ErrLocked) {
		return Summary{}, fault.New(fault.Unavailable, "%s is being collected already.", name).WithNext("Wait for that run to end.")
	}
	if err != nil {
		return Summary{}, err
	}
	defer release()
	if err := c.repair(ctx, name); err != nil {
		return Summary{}, err
	}
	var sent Sending
	switch {
	case handed != nil && !k.Sent:
		return Summary{}, fault.New(fault.Denied, "Nothing can be given to %s: Tickmark reads it itself.", conn.Name)
	case handed != nil:
		if k, err = c.handed(k, *handed); err != nil {
			return Summary{}, err
		}
	case k.Sent:
		if k, sent, err = c.takeOver(ctx, conn, k); err != nil {
			return Summary{}, err
		}
	}
	r := &run{c: c, conn: conn, k: k, sent: sent.Items, ctx: store.Background(ctx), progress: progress, kinds: map[string]*reading{}, asked: map[string]*asked{},
		sum: Summary{Connection: name, Connector: k.Name, Started: c.Book.Log.Now().UTC().Truncate(time.Microsecond), Outcome: Running, Release: c.Release}}
	if behind := c.Book.Log.Behind(); behind > 0 {
		r.sum.Clock = fmt.Sprintf("This machine's clock was %s behind what was recorded before; the times of this run go on from there.", behind)
	}
	if u, err := user.Current(); err == nil {
		r.sum.Account = u.Username
	}
	r.sum.Collector = binary()
	if err := r.begin(); err != nil {
		return r.sum, err
	}
	defer r.drain() // whatever happens, no write goes on when this returns
	values, err := c.values(ctx, conn)
	if err == nil {
		r.hide = hider(k, values)
		err = k.Read(ctx, values, r)
	}
	if ctx.Err() != nil {
		err = errors.New(stopped)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken != nil { // the workspace cannot be written: the run's record stays running and the next start repairs it
		return r.sum, r.drain()
	}
	stopped := r.ctx.Err() != nil
	r.ctx = context.WithoutCancel(r.ctx)
	if err := r.end(err); err != nil || sent.ID == "" || stopped {
		return r.sum, err
	}
	return r.sum, c.taken(r.ctx, sent, r.sum.Number)
}

// repair marks runs that were killed.
func (c *Collector) repair(ctx context.Context, name string) error {
	runs, err := c.Book.Find(ctx, c.Book.DB, RunKind, "outcome", Running, 0)
	if err != nil {
		return err
	}
	for _, v := range runs {
		var s Summary
		if err := json.Unmarshal(v.Body, &s); err != nil {
			return err
		}
		if s.Connection != name {
			continue
		}
		s.Outcome = Interrupted
		if err := c.save(ctx, v, s, "the program ended before the run did"); err != nil && !fault.Is(err, fault.Conflict) { // it may end at this moment
			return err
		}
	}
	return nil
}

func (c *Collector) save(ctx context.Context, v record.Version, s Summary, reason string) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = c.Book.Put(ctx, record.Job("connection:"+s.Connection), record.Change{Kind: RunKind, Key: v.Key, Body: body, Reason: reason, If: &v.From})
	return err
}

var binary = sync.OnceValue(func() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
})

// run is one collection under way; it is the connector's Sink.
type run struct {
	c        *Collector
	conn     Connection
	k        connector.Connector
	ctx      context.Context
	progress Progress
	hide     func(string) string // takes the connection's secrets out of a text; nil until they are opened
	sum      Summary
	version  int64 // of its record, while it goes on

	mu        sync.Mutex
	kinds     map[string]*reading
	gaps      []Missing
	asked     map[string]*asked
	exchanges [][]any
	answers   []byte // digests of the answers, one after the other
	before    []byte // the connector's state after the last complete run; nil when the last run was not complete
	state     []byte // for the next run
	broken    error
	dry       bool  // nothing is written
	sent      int64 // items that were sent, where the connector reads nothing itself

	batches chan []*record.Observed // to the writer; nil when none is under way
	written chan error
	stuck   atomic.Bool // the writer met an error
}

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

func (r *run) begin() error {
	n, err := store.One[int64](r.ctx, r.c.Book.DB, "SELECT count(*) FROM record r JOIN kind k ON k.id = r.kind WHERE k.name = $1", RunKind)
	if err != nil {
		return err
	}
	body, err := json.Marshal(r.sum)
	if err != nil {
		return err
	}
	zero := store.Moment(0)
	for range 100 { // another connection may take the number at the same moment
		n++
		err = r.c.Book.Log.Write(r.ctx, func(tx *ledger.Tx) error {
			began, err := r.c.Book.PutIn(r.ctx, tx, record.Job("connection:"+r.conn.Name), record.Change{Kind: RunKind, Key: fmt.Sprint(n), Body: body, Reason: "run began", If: &zero})
			if err != nil {
				return err
			}
			r.version = began[0].ID
			// The state comes back only when this run is complete: a run that was cut short may have written half of what changed.
			state, err := store.All[[]byte](r.ctx, tx, "DELETE FROM connection_state WHERE connection = $1 RETURNING state", r.conn.Name)
			if len(state) > 0 {
				r.before = state[0]
			}
			return err
		})
		if !fault.Is(err, fault.Conflict) {
			break
		}
	}
	r.sum.Number = n
	return err
}

func (r *run) collection() record.Collection {
	return record.Collection{Run: r.sum.Number, Source: r.conn.Name, Origin: cmp.Or(r.k.Origin, record.Collected), Actor: "connection:" + r.conn.Name}
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
	if k.pending = append(k.pending, ob); len(k.pending) >= batchSize {
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
	batch := k.pending
	k.pending = nil
	if r.batches == nil {
		batches, written := make(chan []*record.Observed, 2), make(chan error, 1)
		r.batches, r.written = batches, written
		go func() {
			var failed error
			for b := range batches {
				if failed == nil {
					failed = r.c.Book.Log.Write(r.ctx, func(tx *ledger.Tx) error {
						if err := r.current(tx); err != nil {
							return err
						}
						return r.c.Book.Keep(r.ctx, tx, b)
					})
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
	r.batches <- batch
	if k.tally.New >= learnAfter && !k.learnt { // the first batch was written, or this one would not have been taken
		k.learnt = true
		_, err := r.c.Book.Learn(r.ctx, k.tally.Kind)
		return err
	}
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

type coverageRow struct {
	ID   int64        `db:"id"`
	To   store.Moment `db:"valid_to"`
	Last int64        `db:"last_run"`
}

func (r *run) coverage(q store.Q, kind, part, scope string) (coverageRow, error) {
	return store.One[coverageRow](r.ctx, q, `SELECT id, valid_to, last_run FROM coverage WHERE connection = $1 AND kind = $2 AND part = $3 AND scope = $4 AND ended = ''
		ORDER BY valid_to DESC LIMIT 1`, r.conn.Name, kind, part, scope)
}

// Unchanged implements connector.Sink: true only when the last run read the kind and scope completely.
func (r *run) Unchanged(kind, scope string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.coverage(r.c.Book.DB, kind, "", scope); err != nil || r.before == nil {
		return false
	}
	k := r.kinds[kind]
	if k == nil { // nothing was loaded yet, and nothing needs to be
		k = r.unread(kind)
	}
	k.unchanged[scope] = true
	k.tally.Unchanged = true
	return true
}

// Complete implements connector.Sink.
func (r *run) Complete(kind, scope string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.reading(kind)
	if err != nil {
		r.broken = cmp.Or(r.broken, err)
		return
	}
	k.complete[scope] = true
}

// Under implements connector.Sink.
func (r *run) Under(kind, parent string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.reading(kind)
	if err != nil {
		r.broken = cmp.Or(r.broken, err)
		return
	}
	k.under = parent
}

// Through implements connector.Sink.
func (r *run) Through(kind, scope string, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, err := r.reading(kind)
	if err != nil {
		r.broken = cmp.Or(r.broken, err)
		return
	}
	k.through[scope] = until
}

// Since implements connector.Sink.
func (r *run) Since(kind, scope string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, err := store.One[store.Moment](r.ctx, r.c.Book.DB, "SELECT until FROM event_mark WHERE connection = $1 AND kind = $2 AND scope = $3", r.conn.Name, kind, scope)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			r.broken = cmp.Or(r.broken, err)
		}
		return time.Time{}
	}
	if until.Time().After(r.c.Book.Log.Clock().Add(ledger.Drift)) { // the clock was set back: what happens until then would never be read
		return time.Time{}
	}
	return until.Time()
}

// Missing implements connector.Sink.
func (r *run) Missing(g connector.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gap(Missing{Kind: g.Kind, Scope: g.Scope, Part: g.Part, Denied: g.Denied, Reason: g.Reason, Needs: g.Needs})
}

func (r *run) gap(m Missing) {
	if r.hide != nil {
		m.Reason, m.Needs = r.hide(m.Reason), r.hide(m.Needs)
	}
	if len(r.gaps) < 10_000 && !slices.Contains(r.gaps, m) {
		r.gaps = append(r.gaps, m)
	}
}

// Exchange implements connector.Sink.
func (r *run) Exchange(e connector.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Requests++
	r.sum.Bytes += e.Bytes
	e.Request, e.Status = r.hide(e.Request), r.hide(e.Status)
	r.ask(e)
	r.answers = append(r.answers, e.SHA256[:]...)
	if len(r.exchanges) < maxExchanges {
		r.exchanges = append(r.exchanges, []any{r.sum.Number, r.sum.Requests, e.Kind, e.Request, e.Status, e.Bytes, e.SHA256[:], store.At(e.At), e.Took.Microseconds()})
	}
}

// ask counts a question of a kind.
func (r *run) ask(e connector.Exchange) {
	if e.Kind == "" { // for a token
		return
	}
	a := r.asked[e.Kind]
	if a == nil {
		a = &asked{began: e.At}
		r.asked[e.Kind] = a
	}
	a.questions++
	if e.Page && e.Status == "200" {
		a.pages++
	}
	if e.Busy {
		a.throttled++
		a.waited += e.Wait
	}
	if end := e.At.Add(e.Took); end.After(a.ended) {
		a.ended = end
	}
}

// asked is how the reading of a kind went.
type asked struct {
	questions, pages, throttled, expected int64
	waited                                time.Duration
	began, ended                          time.Time
}

// tallies are what was found of each kind, and how its reading went.
func (r *run) tallies() []Tally {
	var out []Tally
	names := map[string]bool{}
	for name := range r.kinds {
		names[name] = true
	}
	for name := range r.asked { // of one that was refused nothing else is known
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		t := Tally{Kind: name}
		if k := r.kinds[name]; k != nil {
			t = k.tally
		}
		for _, g := range r.gaps {
			if g.Kind == name && g.Denied {
				t.Denied++
			}
		}
		if a := r.asked[name]; a != nil {
			t.Questions, t.Pages, t.Throttled, t.Expected = a.questions, a.pages, a.throttled, a.expected
			t.Waited, t.Took = a.waited.Milliseconds(), a.ended.Sub(a.began).Milliseconds()
		}
		out = append(out, t)
	}
	return out
}

// Progress implements connector.Sink.
func (r *run) Progress(kind string, done, total int) {
	if total > 0 {
		r.mu.Lock()
		if a := r.asked[kind]; a != nil {
			a.expected = int64(total)
		}
		r.mu.Unlock()
	}
	if r.progress != nil {
		r.progress(r.conn.Name, kind, done, total)
	}
}

// State implements connector.Sink.
func (r *run) State() []byte { return r.before }

// SetState implements connector.Sink.
func (r *run) SetState(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = slices.Clone(b)
	if r.state == nil {
		r.state = []byte{}
	}
}

// Now implements connector.Sink.
func (r *run) Now() time.Time { return r.c.Book.Log.Clock() }

// end writes what is pending, closes what is gone from everything read completely, moves the coverage, and ends the run's
// record, the last of it in one transaction. The caller holds the lock.
func (r *run) end(failed error) error {
	for _, k := range r.kinds {
		if err := r.flush(k); err != nil {
			return err
		}
	}
	if err := r.drain(); err != nil {
		return err
	}
	for name, k := range r.kinds {
		if k.tally.New > 0 && !k.learnt {
			if _, err := r.c.Book.Learn(r.ctx, name); err != nil {
				return err
			}
		}
	}
	return r.c.Book.Log.Write(r.ctx, func(tx *ledger.Tx) error {
		if err := r.current(tx); err != nil {
			return err
		}
		if err := r.still(); fault.Is(err, fault.Conflict) {
			failed = err
			for _, k := range r.kinds {
				clear(k.complete)
				clear(k.unchanged)
				clear(k.through)
			}
		} else if err != nil {
			return err
		}
		r.settle(failed)
		for _, k := range r.parentsFirst() {
			if err := r.settleKind(tx, k); err != nil {
				return err
			}
		}
		for _, g := range r.gaps {
			if err := r.cut(tx, g); err != nil {
				return err
			}
		}
		if err := store.Insert(r.ctx, tx, "exchange", []string{"run", "n", "kind", "request", "status", "bytes", "sha256", "at", "took"}, r.exchanges); err != nil {
			return fmt.Errorf("write down what was asked: %w", err)
		}
		r.sum.Kinds = r.tallies()
		r.sum.Outcome = Complete
		if len(r.gaps) > 0 {
			r.sum.Outcome = Incomplete
		}
		if failed != nil && r.sum.nothing() {
			r.sum.Outcome = Failed
		}
		if r.state == nil {
			r.state = r.before
		}
		if r.state != nil && r.sum.Outcome == Complete {
			if err := store.InsertOr(r.ctx, tx, "connection_state", []string{"connection", "state"}, "ON CONFLICT (connection) DO UPDATE SET state = excluded.state", [][]any{{r.conn.Name, r.state}}); err != nil {
				return err
			}
		}
		r.sum.Missing = r.gaps
		h := sha256.Sum256(r.answers)
		r.sum.Answers = hex.EncodeToString(h[:])
		r.sum.Ended = tx.Now.Time()
		body, err := json.Marshal(r.sum)
		if err != nil {
			return err
		}
		_, err = r.c.Book.PutIn(r.ctx, tx, record.Job("connection:"+r.conn.Name), record.Change{Kind: RunKind, Key: fmt.Sprint(r.sum.Number), Body: body, Reason: "run ended"})
		return err
	})
}

// current refuses to write when another run of the connection began and marked this one as interrupted. On PostgreSQL the lock of a
// run ends with one connection of this process, which may be cut while the run goes on; its record is what all its writes stand on.
func (r *run) current(tx *ledger.Tx) error {
	stands, err := store.All[int64](r.ctx, tx, "SELECT id FROM version WHERE id = $1 AND valid_to = $2", r.version, store.Forever)
	if err != nil {
		return fmt.Errorf("see whether this run goes on: %w", err)
	}
	if len(stands) == 0 {
		return fault.New(fault.Conflict, "Another run of %s began while this one was cut off from its lock; this one wrote nothing more.", r.conn.Name).WithNext("The other run reads what this one left.")
	}
	return nil
}

// still refuses to vouch for what was read when the connection was removed or changed meanwhile. No other writer can come
// between this and the end of the run.
func (r *run) still() error {
	now, err := r.c.Connection(r.ctx, r.conn.Name)
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.New(fault.Conflict, "The connection was removed while it was read.")
	case err != nil:
		return err
	case !r.k.Sent && (now.Connector != r.conn.Connector || !maps.Equal(now.Settings, r.conn.Settings)): // what was sent was sent before
		return fault.New(fault.Conflict, "The connection was changed while it was read.")
	}
	return nil
}

func (s Summary) nothing() bool {
	for _, k := range s.Kinds {
		if k.Complete {
			return false
		}
	}
	return true
}

// Course says how the reading went, where the service told or made one wait.
func (t Tally) Course() []string {
	var out []string
	if t.Expected > 0 && t.Expected != t.Read {
		out = append(out, fmt.Sprintf("%d expected", t.Expected))
	}
	if t.Pages > 0 {
		out = append(out, fmt.Sprintf("%d pages", t.Pages))
	}
	if t.Denied > 0 {
		out = append(out, fmt.Sprintf("%d denied", t.Denied))
	}
	if t.Throttled > 0 {
		out = append(out, fmt.Sprintf("%d times throttled, %s waited", t.Throttled, time.Duration(t.Waited)*time.Millisecond))
	}
	return out
}

// Describe says in one line what a run found.
func (s Summary) Describe() string {
	var read, changed, closed int64
	for _, k := range s.Kinds {
		read, changed, closed = read+k.Read, changed+k.New+k.Changed, closed+k.Closed
	}
	if read == 0 && len(s.Missing) == 0 && len(s.Kinds) > 0 && !slices.ContainsFunc(s.Kinds, func(k Tally) bool { return !k.Unchanged }) {
		return "nothing changed since the last run"
	}
	out := []string{fmt.Sprintf("%d read", read), fmt.Sprintf("%d new or changed", changed)}
	if closed > 0 {
		out = append(out, fmt.Sprintf("%d gone", closed))
	}
	if len(s.Missing) > 0 {
		out = append(out, fmt.Sprintf("%d not read", len(s.Missing)))
	}
	return strings.Join(out, ", ")
}

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
	"strconv"
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
	var said *Statement
	switch {
	case handed != nil && (!k.Sent || k.Enrolled):
		return Summary{}, fault.New(fault.Denied, "Nothing can be given to %s: Tickmark reads it itself.", conn.Name)
	case handed != nil:
		if k, err = c.handed(k, *handed); err != nil {
			return Summary{}, err
		}
	case k.Sent:
		if k, sent, said, err = c.takeOver(ctx, conn, k); err != nil {
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
	r.sum.Collector, r.sum.Sender = Binary(), sent.Sender
	if said != nil { // it was read there, by another copy of this program
		r.sum.Account, r.sum.Collector, r.sum.Release, r.read = said.Account, said.Program, said.Release, said.Began
	}
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
		if s.Number, err = strconv.ParseInt(v.Key, 10, 64); err != nil {
			return err
		}
		err = c.Book.Log.Write(ctx, func(tx *ledger.Tx) (err error) {
			if s.Kept, s.Traced, err = c.Book.Traced(ctx, tx, s.Number, v.ID, int64(store.Forever)); err != nil {
				return err
			}
			return c.save(ctx, tx, v, s, "the program ended before the run did")
		})
		if err != nil && !fault.Is(err, fault.Conflict) { // it may end at this moment
			return err
		}
	}
	return nil
}

func (c *Collector) save(ctx context.Context, tx *ledger.Tx, v record.Version, s Summary, reason string) error {
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = c.Book.PutIn(ctx, tx, record.Job("connection:"+s.Connection), record.Change{Kind: RunKind, Key: v.Key, Body: body, Reason: reason, If: &v.From})
	return err
}

// Binary is the SHA-256 of this program.
var Binary = sync.OnceValue(func() string {
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

	mu      sync.Mutex
	kinds   map[string]*reading
	gaps    []Missing
	asked   map[string]*asked
	noted   []*noted
	answers []byte                       // digests of the answers, one after the other
	secrets map[string]map[string]string // by kind: the names of members that hold secrets, and for which kind each is declared
	keep    []*reply                     // answers that brought something, to be written with the next batch
	keeping int                          // bytes of them
	holding []*reply                     // answers that hold more than is written down of them
	before  []byte                       // the connector's state after the last complete run; nil when the last run was not complete
	state   []byte                       // for the next run
	broken  error
	dry     bool      // nothing is written
	read    time.Time // when a machine began to read what it sent; zero: now
	sent    int64     // items that were sent, where the connector reads nothing itself

	batches chan batch // to the writer; nil when none is under way
	written chan error
	stuck   atomic.Bool // the writer met an error
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

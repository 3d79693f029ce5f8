package collect

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// A sending is what another tool sends to a connection whose connector is Sent: it begins with its first batch, grows by
// batches, and is complete when its sender says so. Batches are kept until they are taken over by a run, so that a server
// that was killed, or a sender, goes on where it was. The same batch twice is one.

// The states of a sending.
const (
	Open  = "open"  // more may come
	Ready = "ready" // complete, and waiting to be taken over
	Taken = "taken" // its run has ended
)

// Limits of a sending.
const (
	MaxBatchItems = 10_000
	MaxOpen       = 100 // open sendings of one connection

	givenUp   = 24 * time.Hour      // after which an open sending that nothing is heard of is taken over as incomplete
	forgotten = 30 * 24 * time.Hour // after which the ids of a sending that was taken over are used no more
	lateInZip = 64 << 20            // what the bytes of one batch may unpack to
)

// Sending is how far one is.
type Sending struct {
	Connection string       `db:"connection" json:"connection"`
	ID         string       `db:"id" json:"run" doc:"The sender's own id of this sending."`
	Kinds      string       `db:"kinds" json:"-"`
	Scopes     string       `db:"scopes" json:"-"`
	Sender     string       `db:"sender" json:"sender"`
	State      string       `db:"state" json:"state" enum:"open,ready,taken"`
	Begun      store.Moment `db:"begun" json:"begun"`
	Heard      store.Moment `db:"heard" json:"heard"`
	Items      int64        `db:"items" json:"items"`
	Batches    int64        `db:"batches" json:"batches"`
	Run        int64        `db:"run" json:"number,omitempty" doc:"The run that took it over."`
	Key        string       `db:"signer" json:"key,omitempty" doc:"The fingerprint of the key that signed it, of a machine's reading."`
	Statement  string       `db:"statement" json:"-"`
}

const sendingColumns = "connection, id, kinds, scopes, sender, state, begun, heard, items, batches, run, signer, statement"

// Delivery is one message of a sender.
type Delivery struct {
	Connection string
	ID         string // of the sending, the sender's own
	Sender     string // who sends, for the record of the run
	Kinds      []string
	Scopes     []string // what a complete sending is complete for; none: the connection as a whole
	Batch      string   // the sender's own id of these items; empty when there are none
	Items      []json.RawMessage
	Complete   *int64 // that it is complete, and how many items it has in all

	Key       string     // the fingerprint of the key that signed it; whoever sets it has verified the signature
	Statement *Statement // of a machine's reading, with Complete
}

// Sent is one item as it is sent.
type Sent struct {
	Kind     string          `json:"kind"`
	Key      string          `json:"key"`
	Scope    string          `json:"scope,omitempty"`
	Label    string          `json:"label,omitempty"`
	Occurred time.Time       `json:"occurred,omitzero"`
	Body     json.RawMessage `json:"body"`

	Raw   []byte     `json:"raw,omitempty"`   // of a machine's reading: the bytes that the body was made of
	Parts []SentPart `json:"parts,omitempty"` // and further answers about it
}

// SentKinds are the kinds that may be sent to a connection.
func SentKinds(conn Connection) []string {
	return strings.FieldsFunc(conn.Settings["kinds"], func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
}

// Receive takes a delivery: all of its items or, when one is wrong, none. What was received before is answered as it was.
func (c *Collector) Receive(ctx context.Context, d Delivery) (Sending, error) {
	conn, err := c.Connection(ctx, d.Connection)
	if err != nil {
		return Sending{}, err
	}
	k, err := c.Connector(conn.Connector)
	if err != nil {
		return Sending{}, err
	}
	switch {
	case !k.Sent:
		return Sending{}, fault.New(fault.Denied, "Nothing can be sent to %s: Tickmark reads it itself.", conn.Name).WithNext("Make a connection to send to with tickmark connect add push.")
	case conn.Paused:
		return Sending{}, fault.New(fault.Unavailable, "The connection %s is paused.", conn.Name).WithNext("Send it again when it is not.")
	case d.ID == "" || len(d.ID) > 200 || strings.ContainsAny(d.ID, "\x00\n\r"):
		return Sending{}, fault.New(fault.Invalid, "A run needs an id of 1 to 200 letters, made by the sender.")
	case len(d.Items) > MaxBatchItems:
		return Sending{}, fault.New(fault.TooLarge, "A batch of %d items is over the limit of %d.", len(d.Items), MaxBatchItems).WithNext("Send them in several batches.")
	case (len(d.Items) > 0) != (d.Batch != "") || len(d.Batch) > 200:
		return Sending{}, fault.New(fault.Invalid, "Items come with the id of their batch, of 1 to 200 letters, and no batch is without items.")
	}
	if d.Kinds, d.Scopes, err = c.promised(conn, k, d); err != nil {
		return Sending{}, err
	}
	if err := d.signed(conn, k); err != nil {
		return Sending{}, err
	}
	body, err := c.batch(conn, d)
	if err != nil {
		return Sending{}, err
	}
	sum := sha256.Sum256(body)
	packed := packer().EncodeAll(body, nil)
	var out Sending
	err = c.Book.DB.Write(ctx, func(tx *store.Tx) error {
		now := store.At(c.Book.Log.Now())
		out, err = store.One[Sending](ctx, tx, "SELECT "+sendingColumns+" FROM sending WHERE connection = $1 AND id = $2", conn.Name, d.ID)
		if errors.Is(err, store.ErrNotFound) {
			out, err = c.beginSending(ctx, tx, conn, d, now)
		}
		if err != nil {
			return err
		}
		if out.Key != d.Key {
			return fault.New(fault.Conflict, "The run %s was begun with another key.", d.ID).WithNext("Begin another run, with another id.")
		}
		if out.Kinds != strings.Join(d.Kinds, ",") || out.Scopes != listed(d.Scopes) {
			return fault.New(fault.Conflict, "The run %s was begun for the kinds %s, and this is for %s.", d.ID, out.Kinds, strings.Join(d.Kinds, ",")).WithNext("Begin another run, with another id.")
		}
		if d.Batch != "" {
			if err := keepBatch(ctx, tx, &out, d, body, packed, sum, now); err != nil {
				return err
			}
		}
		if d.Complete != nil {
			if *d.Complete != out.Items {
				return fault.New(fault.Conflict, "The run %s is said to have %d items, and %d have arrived, in %d batches.", d.ID, *d.Complete, out.Items, out.Batches).
					WithNext("Ask which batches arrived, send the others, and then say again that it is complete.")
			}
			if out.State == Open {
				out.State = Ready
				out.Statement = d.Statement.text()
			}
		}
		if out.State == Taken {
			return nil
		}
		out.Heard = now
		_, err := tx.Exec(ctx, "UPDATE sending SET state = $1, heard = $2, items = $3, batches = $4, statement = $5 WHERE connection = $6 AND id = $7",
			out.State, now, out.Items, out.Batches, out.Statement, conn.Name, d.ID)
		return err
	})
	return out, err
}

// promised are the kinds and scopes of a delivery, sorted; each kind must be among those of the connection.
func (c *Collector) promised(conn Connection, k connector.Connector, d Delivery) (kinds, scopes []string, err error) {
	allowed := SentKinds(conn)
	if k.Enrolled {
		allowed = k.KindNames()
	}
	kinds, scopes = slices.Sorted(slices.Values(d.Kinds)), slices.Sorted(slices.Values(d.Scopes))
	kinds, scopes = slices.Compact(kinds), slices.Compact(scopes)
	if len(kinds) == 0 {
		return nil, nil, fault.New(fault.Invalid, "A run says which kinds it sends.").WithNext("To %s these may be sent: %s.", conn.Name, strings.Join(allowed, ", "))
	}
	for _, name := range kinds {
		if !slices.Contains(allowed, name) {
			return nil, nil, fault.New(fault.Denied, "To %s no %s may be sent.", conn.Name, name).WithNext("These may: %s.", strings.Join(allowed, ", "))
		}
		if _, err := c.sentKind(name); err != nil {
			return nil, nil, err
		}
	}
	if len(scopes) == 0 {
		scopes = []string{""}
	}
	if len(scopes) > 1000 {
		return nil, nil, fault.New(fault.TooLarge, "A run of %d scopes is over the limit of 1000.", len(scopes)).WithNext("Send several runs.")
	}
	return kinds, scopes, nil
}

// sentKind is a kind that may be sent: one that is read from sources. What people write is written by people.
func (c *Collector) sentKind(name string) (*record.Kind, error) {
	k, err := c.Book.Kinds.Named(name)
	if err != nil {
		return nil, err
	}
	if !k.Collected {
		return nil, fault.New(fault.Denied, "%s are written by people, or by Tickmark, and cannot be sent.", k.Plural).WithNext("Import them from a file, or write them through the API of their kind.")
	}
	return k, nil
}

// batch checks the items and returns them as lines of JSON.
func (c *Collector) batch(conn Connection, d Delivery) ([]byte, error) {
	kinds := map[string]*record.Kind{}
	for _, name := range d.Kinds {
		kinds[name], _ = c.Book.Kinds.Named(name)
	}
	var b bytes.Buffer
	keys := make(map[[2]string]bool, len(d.Items))
	for i, raw := range d.Items {
		it, err := readSent(raw)
		if err != nil {
			return nil, fault.New(fault.Invalid, "Item %d of the batch %s is not what an item is: %w.", i+1, d.Batch, err).WithNext("Each item is an object with kind, key and body.")
		}
		wrong := func(err error) error {
			f := (*fault.Fault)(nil)
			if !errors.As(err, &f) {
				return err
			}
			return fault.New(f.Kind, "Nothing of the batch %s was taken. Item %d (%s %q): %s", d.Batch, i+1, it.Kind, it.Key, f.Message).WithNext("%s", f.Next)
		}
		k := kinds[it.Kind]
		switch {
		case k == nil:
			return nil, wrong(fault.New(fault.Denied, "the run was not begun for this kind.").WithNext("Name it among the kinds of the run."))
		case !slices.Contains(d.Scopes, it.Scope):
			return nil, wrong(fault.New(fault.Invalid, "the run was not begun for the scope %q.", it.Scope).WithNext("Name it among the scopes of the run."))
		case keys[[2]string{it.Kind, it.Key}]:
			return nil, wrong(fault.New(fault.Invalid, "it stands in the batch twice.").WithNext("A key names one object."))
		}
		keys[[2]string{it.Kind, it.Key}] = true
		if d.Key == "" && (len(it.Raw) > 0 || len(it.Parts) > 0) {
			return nil, wrong(fault.New(fault.Invalid, "raw and parts are what a machine that enrolled says of itself.").WithNext("Put all of it into the body."))
		}
		if err := c.Book.Sound(k, it.Key, it.Body, it.Occurred); err != nil {
			return nil, wrong(err)
		}
		if err := json.Compact(&b, raw); err != nil { // it was parsed
			return nil, err
		}
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// readSent reads one item strictly: a misspelt member would otherwise be lost without a word.
func readSent(raw []byte) (Sent, error) {
	var quick Sent
	if jsonv2.Unmarshal(raw, &quick, jsonv2.RejectUnknownMembers(true)) == nil {
		return quick, nil
	}
	var it Sent // what the other refuses may be right by the rules of before, or is told by them
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&it); err != nil {
		return it, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return it, nil
}

func listed(scopes []string) string {
	b, _ := json.Marshal(scopes)
	return string(b)
}

func (c *Collector) beginSending(ctx context.Context, tx *store.Tx, conn Connection, d Delivery, now store.Moment) (Sending, error) {
	n, err := store.One[int64](ctx, tx, "SELECT count(*) FROM sending WHERE connection = $1 AND state = $2", conn.Name, Open)
	if err != nil {
		return Sending{}, err
	}
	if n >= MaxOpen {
		return Sending{}, fault.New(fault.Unavailable, "%d runs of %s are open already.", n, conn.Name).WithNext("Complete them first; those that nothing is heard of for a day end by themselves.")
	}
	for _, sql := range []string{
		"DELETE FROM sending_batch WHERE EXISTS (SELECT 1 FROM sending s WHERE s.connection = sending_batch.connection AND s.id = sending_batch.sending AND s.state = $1 AND s.heard < $2)",
		"DELETE FROM sending WHERE state = $1 AND heard < $2",
	} {
		if _, err := tx.Exec(ctx, sql, Taken, now-store.Moment(forgotten.Microseconds())); err != nil {
			return Sending{}, fmt.Errorf("forget old sendings: %w", err)
		}
	}
	if d.Key != "" { // a reading takes the place of one that was never finished, which is older
		if err := drop(ctx, tx, conn.Name, Open); err != nil {
			return Sending{}, err
		}
	}
	s := Sending{Connection: conn.Name, ID: d.ID, Kinds: strings.Join(d.Kinds, ","), Scopes: listed(d.Scopes), Sender: d.Sender, State: Open, Begun: now, Heard: now, Key: d.Key}
	err = store.Insert(ctx, tx, "sending", strings.Split(sendingColumns, ", "), [][]any{{s.Connection, s.ID, s.Kinds, s.Scopes, s.Sender, s.State, s.Begun, s.Heard, 0, 0, 0, s.Key, ""}})
	return s, err
}

func keepBatch(ctx context.Context, tx *store.Tx, s *Sending, d Delivery, body, packed []byte, sum [32]byte, now store.Moment) error {
	had, err := store.One[[]byte](ctx, tx, "SELECT sha256 FROM sending_batch WHERE connection = $1 AND sending = $2 AND id = $3", s.Connection, s.ID, d.Batch)
	switch {
	case err == nil && bytes.Equal(had, sum[:]):
		return nil
	case err == nil:
		return fault.New(fault.Conflict, "The batch %s of the run %s arrived before with other content.", d.Batch, s.ID).WithNext("A batch's id names its content: give other items another id.")
	case !errors.Is(err, store.ErrNotFound):
		return err
	case s.State != Open:
		return fault.New(fault.Conflict, "The run %s is complete, and the batch %s is not in it.", s.ID, d.Batch).WithNext("Send it in another run.")
	}
	s.Items += int64(len(d.Items))
	s.Batches++
	return store.Insert(ctx, tx, "sending_batch", []string{"connection", "sending", "id", "n", "items", "bytes", "sha256", "at", "body"},
		[][]any{{s.Connection, s.ID, d.Batch, s.Batches, len(d.Items), len(body), sum[:], now, packed}})
}

// SendingOf says how far a sending is, and which batches arrived.
func (c *Collector) SendingOf(ctx context.Context, connection, id string) (Sending, []string, error) {
	s, err := store.One[Sending](ctx, c.Book.DB, "SELECT "+sendingColumns+" FROM sending WHERE connection = $1 AND id = $2", connection, id)
	if errors.Is(err, store.ErrNotFound) {
		return s, nil, fault.New(fault.NotFound, "No run %q was begun at %s.", id, connection)
	}
	if err != nil {
		return s, nil, err
	}
	batches, err := store.All[string](ctx, c.Book.DB, "SELECT id FROM sending_batch WHERE connection = $1 AND sending = $2 ORDER BY n", connection, id)
	return s, batches, err
}

// Waiting are the sendings of a connection that can be taken over: those that are complete, the earliest first, and those
// that were given up. Half of a machine's reading is never taken over: a later one is whole, and newer.
func (c *Collector) Waiting(ctx context.Context, connection string) ([]Sending, error) {
	return store.All[Sending](ctx, c.Book.DB, "SELECT "+sendingColumns+" FROM sending WHERE connection = $1 AND (state = $2 OR state = $3 AND heard < $4 AND signer = '') ORDER BY heard, begun, id",
		connection, Ready, Open, store.At(c.Book.Log.Now().Add(-givenUp)))
}

// takeOver makes the connector of a run that hands over a sending, or is a fault when none waits.
func (c *Collector) takeOver(ctx context.Context, conn Connection, k connector.Connector) (connector.Connector, Sending, *Statement, error) {
	list, err := c.Waiting(ctx, conn.Name)
	if err != nil {
		return k, Sending{}, nil, err
	}
	if len(list) == 0 {
		return k, Sending{}, nil, fault.New(fault.Incomplete, "Nothing waits that was sent to %s.", conn.Name).WithNext("Send something with tickmark push.")
	}
	s := list[0]
	k.Kinds = nil
	for name := range strings.SplitSeq(s.Kinds, ",") {
		kind, err := c.Book.Kinds.Named(name)
		if err != nil { // of a release that had it
			return k, s, nil, err
		}
		k.Kinds = append(k.Kinds, *kind)
	}
	st, err := s.statement()
	if err != nil {
		return k, s, nil, err
	}
	if st != nil && !st.Began.Add(freshFor(conn, k)).After(c.Book.Log.Now()) {
		st = st.stale()
	}
	k.Read = func(ctx context.Context, _ connector.Values, out connector.Sink) error {
		return c.hand(ctx, s, st, out)
	}
	return k, s, st, nil
}

// handed makes the connector of a run that hands over what was given.
func (c *Collector) handed(k connector.Connector, h Handed) (connector.Connector, error) {
	k.Kinds, k.Origin = nil, h.Origin
	for _, name := range h.Kinds {
		kind, err := c.sentKind(name)
		if err != nil {
			return k, err
		}
		k.Kinds = append(k.Kinds, *kind)
	}
	k.Read = func(ctx context.Context, _ connector.Values, out connector.Sink) error { return h.Read(ctx, out) }
	return k, nil
}

// hand gives every item of a sending to a run, and what a machine stated of its reading.
func (c *Collector) hand(ctx context.Context, s Sending, st *Statement, out connector.Sink) error {
	type batch struct {
		ID    string       `db:"id"`
		N     int64        `db:"n"`
		Items int64        `db:"items"`
		Bytes int64        `db:"bytes"`
		SHA   []byte       `db:"sha256"`
		At    store.Moment `db:"at"`
		Body  []byte       `db:"body"`
	}
	done := 0
	for n := int64(1); n <= s.Batches; n++ {
		b, err := store.One[batch](ctx, c.Book.DB, "SELECT id, n, items, bytes, sha256, at, body FROM sending_batch WHERE connection = $1 AND sending = $2 AND n = $3", s.Connection, s.ID, n)
		if err != nil {
			return fmt.Errorf("read batch %d of the sending %s: %w", n, s.ID, err)
		}
		body, err := unpacker().DecodeAll(b.Body, nil)
		if err != nil {
			return fmt.Errorf("unpack batch %s of the sending %s: %w", b.ID, s.ID, err)
		}
		sum := sha256.Sum256(body)
		if !bytes.Equal(sum[:], b.SHA) {
			return fault.New(fault.Invalid, "The batch %s of the run %s is not what was received.", b.ID, s.ID).WithNext("The database was changed or is damaged; send it again in another run.")
		}
		from := []connector.Answer{out.Exchange(connector.Exchange{Request: fmt.Sprintf("batch %s of run %s, sent by %s", b.ID, s.ID, s.Sender), Status: "received", Bytes: b.Bytes, SHA256: sum, At: b.At.Time(),
			Body: body, Place: fmt.Sprintf("batch %d", n)})}
		lines := bufio.NewReaderSize(bytes.NewReader(body), 64<<10)
		for {
			line, err := lines.ReadBytes('\n')
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			it, err := readSent(line)
			if err != nil {
				return fmt.Errorf("read an item of the sending %s: %w", s.ID, err)
			}
			if err := out.Item(c.item(it, from)); err != nil {
				return err
			}
			if done++; done%1000 == 0 {
				out.Progress(it.Kind, done, int(s.Items))
				if err := ctx.Err(); err != nil {
					return err
				}
			}
		}
	}
	if st != nil {
		st.hand(out)
		return nil
	}
	var scopes []string
	if err := json.Unmarshal([]byte(s.Scopes), &scopes); err != nil {
		return err
	}
	for kind := range strings.SplitSeq(s.Kinds, ",") {
		for _, scope := range scopes {
			switch {
			case s.State == Ready && c.event(kind): // no sending says that another did not happen
				out.Through(kind, scope, s.Heard.Time())
			case s.State == Ready:
				out.Complete(kind, scope)
			default:
				out.Missing(connector.Gap{Kind: kind, Scope: scope, Reason: "The sender did not say that this was everything; it was last heard of at " + s.Heard.Time().UTC().Format(time.RFC3339) + "."})
			}
		}
	}
	return nil
}

func (c *Collector) event(kind string) bool {
	k, err := c.Book.Kinds.Named(kind)
	return err == nil && k.Occurred != ""
}

// happened is when an item happened: as it says beside its body, or in it.
func (c *Collector) happened(it Sent) time.Time {
	if k, err := c.Book.Kinds.Named(it.Kind); err == nil && it.Occurred.IsZero() && k.Occurred != "" {
		t, _ := time.Parse(time.RFC3339Nano, record.TextOf(it.Body, k.Occurred))
		return t
	}
	return it.Occurred
}

// taken ends a sending whose run has ended; its items are records now.
func (c *Collector) taken(ctx context.Context, s Sending, run int64) error {
	return c.Book.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE sending SET state = $1, run = $2 WHERE connection = $3 AND id = $4", Taken, run, s.Connection, s.ID); err != nil {
			return fmt.Errorf("end the sending %s: %w", s.ID, err)
		}
		_, err := tx.Exec(ctx, "UPDATE sending_batch SET body = $1 WHERE connection = $2 AND sending = $3", []byte{}, s.Connection, s.ID)
		return err
	})
}

var packer = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constant
	}
	return e
})

var unpacker = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(lateInZip))
	if err != nil {
		panic(err)
	}
	return d
})

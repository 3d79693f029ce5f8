package record

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fastjson"
	"github.com/zeebo/xxh3"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// draft is a version about to be written.
type draft struct {
	kind     *kindInfo
	key      string
	source   string
	body     []byte // canonical, without volatile values and secrets
	raw      []byte // the source's own bytes when they are not the body
	stored   *stored
	rawHash  []byte // xxh3-128 of what the source sent
	volatile []byte
	hash     [32]byte
	label    string
	scope    string
	occurred *moment
	zoneText string
	origin   Origin
	actor    string
	reason   string
	run      int64
	from     []*Answer // of the source, that it was made of
	gone     bool      // close the record instead

	record int64 // 0 for a new record
	prev   *openRow

	version, entry int64 // once it is written

	before, after map[string]any // of an authored record, for what follows from the change
}

// stored is what a draft becomes in the database, made before the transaction where that can be.
type stored struct {
	body []byte
	raw  any // nil or bytes
	rows []indexRow
}

func (d *draft) prepare() error {
	if d.stored != nil {
		return nil
	}
	body, err := decode(d.body)
	if err != nil {
		return err
	}
	d.stored = &stored{body: d.kind.squeeze.squeeze(d.body), rows: d.kind.rows(d, body)}
	if d.raw != nil {
		d.stored.raw = d.kind.squeeze.squeezeRaw(d.raw, d.body)
	}
	return nil
}

type moment struct{ at store.Moment }

func (m *moment) Time() time.Time { return m.at.Time() }

// openRow is what is needed of the version that holds now.
type openRow struct {
	ID      int64        `db:"id"`
	Record  int64        `db:"record"`
	Key     string       `db:"key"`
	From    store.Moment `db:"valid_from"`
	Entry   int64        `db:"entry"`
	Label   string       `db:"label"`
	Body    []byte       `db:"body"`
	Hash    []byte       `db:"hash"`
	Scope   string       `db:"scope"`
	Occ     *int64       `db:"occurred"`
	Zone    string       `db:"zone"`
	Schema  int64        `db:"schema_version"`
	RawHash []byte       `db:"raw_hash"`
}

// Commitment is what the ledger holds of a version.
func Commitment(v Committed) [32]byte { return v.Commitment() }

// Committed are the parts of a version that its commitment covers; a package carries them.
type Committed = merkle.Version

// NoTime stands for "no event" in Committed.Occurred.
const NoTime = merkle.NoTime

// ids gives out numbers within one writing transaction.
type ids struct{ record, version int64 }

func (b *Book) ids(ctx context.Context, tx *ledger.Tx) (*ids, error) {
	r, err := store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) FROM record")
	if err != nil {
		return nil, err
	}
	v, err := store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) FROM version")
	return &ids{r, v}, err
}

var versionColumns = []string{"id", "record", "kind", "valid_from", "valid_to", "entry", "schema_version", "hash", "raw_hash", "salt", "body", "raw",
	"origin", "label", "scope", "occurred", "zone", "actor", "reason", "run", "answers"}

// write appends the drafts as versions, closes what they replace, and keeps index and tallies. Drafts are of distinct
// records. It is the only writer of the tables record, version, value and tally.
func (b *Book) write(ctx context.Context, tx *ledger.Tx, drafts []*draft) error {
	if len(drafts) == 0 {
		return nil
	}
	n, err := b.ids(ctx, tx)
	if err != nil {
		return fmt.Errorf("number the new versions: %w", err)
	}
	var records, versions, values, volatiles [][]any
	counts := map[counted]int64{}
	for _, d := range drafts {
		var old []indexRow
		previous := int64(-1)
		if d.prev != nil {
			previous = d.prev.Entry
			if old, err = b.oldRows(d); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE version SET valid_to = $1 WHERE record = $2 AND valid_from = $3", tx.Now, d.record, d.prev.From); err != nil {
				return fmt.Errorf("end a version: %w", err)
			}
		}
		var fresh []indexRow
		if d.gone {
			entry, err := tx.ActAs(ctx, merkle.LeafClose, "record.closed", d.actor, d.kind.Name+"/"+d.key,
				map[string]any{"version": d.prev.Entry, "reason": d.reason, "run": d.run})
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE version SET closed = $1 WHERE id = $2", entry, d.prev.ID); err != nil {
				return fmt.Errorf("close a record: %w", err)
			}
		} else {
			if d.record == 0 {
				n.record++
				d.record = n.record
				records = append(records, []any{d.record, d.kind.id, d.key, d.source})
			}
			if err := d.prepare(); err != nil {
				return err
			}
			fresh = d.stored.rows
			n.version++
			salt := merkle.NewSalt()
			c := Committed{Kind: d.kind.Name, Key: d.key, Source: d.source, Origin: string(d.origin), Schema: int64(d.kind.Schema), From: int64(tx.Now),
				Occurred: NoTime, Zone: d.zone(), Previous: previous, Run: d.run, Label: d.label, Scope: d.scope, Actor: d.actor, Reason: d.reason,
				Body: d.body, Raw: d.raw, Salt: salt}
			var occurred any
			if d.occurred != nil {
				c.Occurred, occurred = int64(d.occurred.at), int64(d.occurred.at)
			}
			entry := tx.Append(merkle.LeafVersion, Commitment(c))
			d.version, d.entry = n.version, entry
			versions = append(versions, []any{n.version, d.record, d.kind.id, tx.Now, store.Forever, entry, d.kind.Schema, d.hash[:], d.rawHash, salt,
				d.stored.body, d.stored.raw, string(d.origin), d.label, d.scope, occurred, d.zone(), d.actor, d.reason, d.run, numbersOf(d.from)})
		}
		if err := b.diffRows(ctx, tx, d, old, fresh, &values, counts); err != nil {
			return err
		}
		if d.volatile != nil {
			volatiles = append(volatiles, []any{d.record, d.volatile, tx.Now})
		}
	}
	if err := store.Insert(ctx, tx, "record", []string{"id", "kind", "key", "source"}, records); err != nil {
		return fmt.Errorf("write new records: %w", err)
	}
	if err := store.Insert(ctx, tx, "version", versionColumns, versions); err != nil {
		return fmt.Errorf("write versions: %w", err)
	}
	if err := b.index(ctx, tx, values, counts); err != nil {
		return err
	}
	return b.putVolatile(ctx, tx, volatiles)
}

func (d *draft) zone() string { return d.zoneText }

func (b *Book) putVolatile(ctx context.Context, tx *ledger.Tx, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	err := store.InsertOr(ctx, tx, "volatile", []string{"record", "body", "read_at"}, "ON CONFLICT (record) DO UPDATE SET body = excluded.body, read_at = excluded.read_at", rows)
	if err != nil {
		return fmt.Errorf("write volatile values: %w", err)
	}
	return nil
}

// oldRows are the index rows of the version that d replaces.
func (b *Book) oldRows(d *draft) ([]indexRow, error) {
	p := d.prev
	stored, err := d.kind.squeeze.open(p.Body)
	if err != nil {
		return nil, err
	}
	body, err := d.kind.upcast(stored, int(p.Schema))
	if err != nil {
		return nil, err
	}
	old := &draft{kind: d.kind, key: p.Key, label: p.Label}
	if p.Occ != nil {
		old.occurred = &moment{store.Moment(*p.Occ)}
	}
	return d.kind.rows(old, body), nil
}

// counted is a value of a field of which the number of records is kept.
type counted struct {
	field int64
	value string
}

// diffRows ends the index rows that no longer hold and collects those that begin.
func (b *Book) diffRows(ctx context.Context, tx *ledger.Tx, d *draft, old, fresh []indexRow, values *[][]any, counts map[counted]int64) error {
	var had, has map[indexRow]bool
	if len(old) > 0 {
		had, has = map[indexRow]bool{}, map[indexRow]bool{}
		for _, r := range old {
			had[r] = true
		}
		for _, r := range fresh {
			has[r] = true
		}
	}
	count := func(r indexRow, by int64) {
		if d.kind.tallied[r.field] {
			counts[counted{r.field, r.value}] += by
		}
	}
	for _, r := range old {
		if !has[r] {
			if _, err := tx.Exec(ctx, "UPDATE value SET valid_to = $1 WHERE field = $2 AND value = $3 AND ord = $4 AND record = $5 AND valid_to = $6",
				tx.Now, r.field, r.value, r.order, d.record, store.Forever); err != nil {
				return fmt.Errorf("end an index entry: %w", err)
			}
			count(r, -1)
		}
	}
	for _, r := range fresh {
		if !had[r] {
			*values = append(*values, []any{r.field, r.value, r.order, d.record, tx.Now, store.Forever})
			count(r, 1)
		}
	}
	return nil
}

func (b *Book) index(ctx context.Context, tx *ledger.Tx, values [][]any, counts map[counted]int64) error {
	slices.SortFunc(values, func(a, b []any) int { // neighbours in the table are written one after the other
		return cmp.Or(cmp.Compare(a[0].(int64), b[0].(int64)), cmp.Compare(a[1].(string), b[1].(string)), cmp.Compare(a[2].(string), b[2].(string)))
	})
	if err := store.Insert(ctx, tx, "value", []string{"field", "value", "ord", "record", "valid_from", "valid_to"}, values); err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	var rows [][]any
	for k, n := range counts {
		if n != 0 {
			rows = append(rows, []any{k.field, k.value, n})
		}
	}
	if err := store.InsertOr(ctx, tx, "tally", []string{"field", "value", "n"}, "ON CONFLICT (field, value) DO UPDATE SET n = tally.n + excluded.n", rows); err != nil {
		return fmt.Errorf("count: %w", err)
	}
	return nil
}

// reindex rebuilds a kind's index from its versions.
func (b *Book) reindex(ctx context.Context, tx *store.Tx, ki *kindInfo) error {
	kept, err := b.keptRows(ctx, tx, ki)
	if err != nil {
		return err
	}
	for _, id := range ki.fields {
		for _, table := range []string{"value", "tally"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE field = $1", id); err != nil {
				return err
			}
		}
	}
	type row struct {
		openRow
		To store.Moment `db:"valid_to"`
	}
	after := [2]int64{}
	counts := map[counted]int64{}
	type key struct {
		indexRow
		record int64
	}
	for {
		rows, err := store.All[row](ctx, tx, `SELECT v.id, v.record, r.key, v.valid_from, v.valid_to, v.entry, v.label, v.body, v.hash, v.scope, v.occurred, v.zone, v.schema_version, v.raw_hash
			FROM version v JOIN record r ON r.id = v.record WHERE v.kind = $1 AND (v.record, v.valid_from) > ($2, $3) ORDER BY v.record, v.valid_from LIMIT 2000`, ki.id, after[0], after[1])
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			break
		}
		if len(rows) == 2000 { // do not split a record over two rounds
			last := rows[len(rows)-1].Record
			if rows[0].Record != last {
				for rows[len(rows)-1].Record == last {
					rows = rows[:len(rows)-1]
				}
			}
		}
		open := map[key]int{} // index into values of a row that may be extended
		var values [][]any
		for _, r := range rows {
			after = [2]int64{r.Record, int64(r.From)}
			if len(r.Body) == 0 {
				continue
			}
			var held []indexRow
			if r.Body[0] == droppedBody {
				held = ki.leftRows(&r.openRow, r.To, kept[r.Record])
			} else if held, err = b.oldRows(&draft{kind: ki, prev: &r.openRow}); err != nil {
				return err
			}
			for _, h := range held {
				k := key{h, r.Record}
				if i, ok := open[k]; ok && values[i][5] == r.From {
					values[i][5] = r.To
				} else {
					open[k] = len(values)
					values = append(values, []any{h.field, h.value, h.order, r.Record, r.From, r.To})
				}
				if r.To == store.Forever && ki.tallied[h.field] {
					counts[counted{h.field, h.value}]++
				}
			}
		}
		if err := store.Insert(ctx, tx, "value", []string{"field", "value", "ord", "record", "valid_from", "valid_to"}, values); err != nil {
			return err
		}
	}
	var rows [][]any
	for k, n := range counts {
		rows = append(rows, []any{k.field, k.value, n})
	}
	return store.Insert(ctx, tx, "tally", []string{"field", "value", "n"}, rows)
}

// keptRow is a row of the index while it held.
type keptRow struct {
	Field  int64        `db:"field"`
	Value  string       `db:"value"`
	Order  string       `db:"ord"`
	Record int64        `db:"record"`
	From   store.Moment `db:"valid_from"`
	To     store.Moment `db:"valid_to"`
}

// keptRows are the rows of records some of whose bodies were dropped: of those bodies, nothing else tells them any more.
func (b *Book) keptRows(ctx context.Context, tx *store.Tx, ki *kindInfo) (map[int64][]keptRow, error) {
	out := map[int64][]keptRow{}
	for _, f := range ki.indexed {
		err := store.Each(ctx, tx, func(r keptRow) error { out[r.Record] = append(out[r.Record], r); return nil },
			`SELECT field, value, ord, record, valid_from, valid_to FROM value WHERE field = $1
			AND record IN (SELECT record FROM version WHERE kind = $2 AND substr(body, 1, 1) = $3) ORDER BY valid_from`, ki.fields[f.Name], ki.id, []byte{droppedBody})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// leftRows are the index rows of a version whose body was dropped: its place in the list and its words, which do not come from the
// body, and what the index said of its fields.
func (ki *kindInfo) leftRows(r *openRow, to store.Moment, kept []keptRow) []indexRow {
	d := &draft{kind: ki, key: r.Key, label: r.Label}
	if r.Occ != nil {
		d.occurred = &moment{store.Moment(*r.Occ)}
	}
	out := slices.DeleteFunc(ki.rows(d, map[string]any{}), func(x indexRow) bool { return x.field != ki.fields[indexAll] && x.field != ki.fields[indexWord] })
	for _, k := range kept {
		if k.From < to && k.To > r.From {
			out = append(out, indexRow{k.Field, k.Value, k.Order})
		}
	}
	return out
}

// upcast decodes a stored body and brings it to the kind's present schema.
func (k *Kind) upcast(stored []byte, schema int) (map[string]any, error) {
	if len(stored) == 0 {
		return map[string]any{}, nil
	}
	m, err := decode(stored)
	if err != nil {
		return nil, err
	}
	for s := schema; s < k.Schema; s++ {
		m = k.Upcasts[s-1](m)
	}
	return m, nil
}

// Known is what a collection needs to know of a record to tell whether it changed.
type Known struct {
	Key    string
	Record int64
	Hash   [32]byte
	Raw    [16]byte
	Scope  string
	Seen   bool // set by the collection
}

const knownAtOnce = 1024

// Known loads every record of a kind and source that holds now, by key. There may be a million: two readers share the work.
func (b *Book) Known(ctx context.Context, kind, source string) (map[string]*Known, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return nil, err
	}
	const those = "FROM version v WHERE v.kind = $1 AND v.valid_to = 4611686018427387904" // as the index has it
	last, err := store.One[int64](ctx, b.DB, "SELECT coalesce(max(v.record), 0) "+those, ki.id)
	if err != nil {
		return nil, err
	}
	first, err := store.One[int64](ctx, b.DB, "SELECT coalesce(min(v.record), 0) "+those, ki.id)
	if err != nil {
		return nil, err
	}
	middle := last
	readers := 1
	if last-first > 20*knownAtOnce {
		middle, readers = (first+last)/2, 2
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	found, ended := make(chan []Known, 8), make(chan error, readers)
	read := func(from, to int64) { ended <- b.known1(ctx, ki.id, source, from, to, found) }
	go read(first, middle)
	if readers == 2 {
		go read(middle+1, last)
	}
	out := make(map[string]*Known, max(0, min(last-first, 1<<20)))
	take := func(some []Known) {
		for i := range some {
			out[some[i].Key] = &some[i]
		}
	}
	for readers > 0 {
		select {
		case some := <-found:
			take(some)
		case e := <-ended:
			if readers--; e != nil && err == nil {
				err = e
				stop()
			}
		}
	}
	for len(found) > 0 {
		take(<-found)
	}
	return out, err
}

// KnownAs is Known for one record; nil when none holds.
func (b *Book) KnownAs(ctx context.Context, kind, source, key string) (*Known, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return nil, err
	}
	type row struct {
		Record int64  `db:"record"`
		Hash   []byte `db:"hash"`
		Raw    []byte `db:"raw_hash"`
		Scope  string `db:"scope"`
	}
	r, err := store.One[row](ctx, b.DB, "SELECT v.record, v.hash, v.raw_hash, v.scope FROM record r JOIN version v ON v.record = r.id WHERE r.kind = $1 AND r.key = $2 AND r.source = $3 AND v.valid_to = $4",
		ki.id, key, source, store.Forever)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what is known of %s %s: %w", kind, key, err)
	}
	k := &Known{Key: key, Record: r.Record, Scope: r.Scope}
	copy(k.Hash[:], r.Hash)
	copy(k.Raw[:], r.Raw)
	return k, nil
}

// known1 hands over what is known of the records from one number to another.
func (b *Book) known1(ctx context.Context, kind int64, source string, from, to int64, found chan<- []Known) error {
	rows, err := b.DB.Query(ctx, `SELECT r.key, v.record, v.hash, v.raw_hash, v.scope FROM version v JOIN record r ON r.id = v.record
		WHERE v.kind = $1 AND v.valid_to = 4611686018427387904 AND v.record BETWEEN $2 AND $3 AND r.source = $4`, kind, from, to, source)
	if err != nil {
		return err
	}
	defer rows.Close()
	var some []Known
	var keys []byte // of some, one after the other: one string for all of them
	var key, hash, raw, scope sql.RawBytes
	var ends []int
	hand := func() error {
		at, all := 0, string(keys)
		for i, end := range ends {
			some[i].Key, at = all[at:end], end
		}
		select {
		case found <- some:
		case <-ctx.Done():
			return ctx.Err()
		}
		some, keys, ends = nil, keys[:0], ends[:0]
		return nil
	}
	parent := ""
	for rows.Next() {
		var k Known
		if err := rows.Scan(&key, &k.Record, &hash, &raw, &scope); err != nil {
			return err
		}
		copy(k.Hash[:], hash)
		copy(k.Raw[:], raw)
		if parent != string(scope) {
			parent = string(scope)
		}
		k.Scope = parent
		if some == nil {
			some = make([]Known, 0, knownAtOnce)
		}
		some, keys = append(some, k), append(keys, key...)
		if ends = append(ends, len(keys)); len(some) == knownAtOnce {
			if err := hand(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read what is known: %w", err)
	}
	return hand()
}

// Observation is one object that a source stated.
type Observation struct {
	Kind, Key, Scope, Label string
	Raw, Body               []byte // Body nil: Raw is the JSON object
	Occurred                time.Time
}

// Observed is an observation made ready for writing.
type Observed struct{ d *draft }

// Collection says on whose behalf observations are written.
type Collection struct {
	Run    int64
	Source string
	Origin Origin
	Actor  string
	Reason string
}

// Observe makes an observation ready, outside any transaction. It returns nil when known stands exactly so already.
func (b *Book) Observe(c Collection, o Observation, known *Known) (*Observed, error) {
	ki, err := b.kind(o.Kind)
	if err != nil {
		return nil, err
	}
	if o.Key == "" || len(o.Key) > 1000 {
		return nil, fault.New(fault.Invalid, "A %s came with a key of %d characters.", ki.Title, len(o.Key))
	}
	sum := xxh3.Hash128(o.Raw).Bytes()
	if o.Body != nil {
		h := xxh3.New()
		h.Write(o.Raw)
		h.Write([]byte{0})
		h.Write(o.Body)
		sum = h.Sum128().Bytes()
	}
	if known != nil && known.Raw == sum && known.Scope == o.Scope {
		return nil, nil
	}
	src := o.Body
	if src == nil {
		src = o.Raw
	}
	canon, err := Canonical(src)
	if err != nil {
		return nil, err
	}
	d := &draft{kind: ki, key: o.Key, source: c.Source, scope: o.Scope, rawHash: sum[:], origin: c.Origin, actor: c.Actor, reason: c.Reason, run: c.Run}
	var secrets []string
	if d.body, d.volatile, secrets, err = b.split(ki.Kind, canon); err != nil {
		return nil, err
	}
	if len(secrets) == 0 && d.volatile == nil && !bytes.Equal(o.Raw, d.body) {
		d.raw = o.Raw
	}
	d.hash = sha256.Sum256(d.body)
	if known != nil {
		d.record = known.Record
		if known.Hash == d.hash && known.Scope == o.Scope {
			if d.volatile == nil && o.Body == nil {
				return nil, nil // the same facts in another spelling
			}
			if d.volatile == nil {
				return nil, nil
			}
			d.body = nil // only the volatile values are new
		}
	}
	if !o.Occurred.IsZero() {
		d.occurred = &moment{store.At(o.Occurred)}
		d.zoneText = o.Occurred.Format("-07:00")
	}
	d.label = o.Label
	if (d.label == "" || !ki.Collected) && d.body != nil {
		d.label = ki.labelOf(d.body, d.key)
	}
	d.label = clip(d.label, maxLabel)
	if d.body != nil {
		if err := d.prepare(); err != nil {
			return nil, err
		}
	}
	return &Observed{d}, nil
}

// Changed reports whether a new version will be written, and not only volatile values.
func (o *Observed) Changed() bool { return o.d.body != nil }

// From says of which answers an observation was made.
func (o *Observed) From(answers []*Answer) { o.d.from = answers }

// Keep writes observations of one kind in the transaction.
func (b *Book) Keep(ctx context.Context, tx *ledger.Tx, list []*Observed) error {
	return b.KeepSaid(ctx, tx, list, Said{})
}

// KeepSaid is Keep, with what the source answered.
func (b *Book) KeepSaid(ctx context.Context, tx *ledger.Tx, list []*Observed, said Said) error {
	var drafts []*draft
	var volatiles [][]any
	for _, o := range list {
		if o.d.body == nil {
			volatiles = append(volatiles, []any{o.d.record, o.d.volatile, tx.Now})
			continue
		}
		drafts = append(drafts, o.d)
	}
	if err := b.attach(ctx, tx, drafts); err != nil {
		return err
	}
	if err := b.write(ctx, tx, drafts); err != nil {
		return err
	}
	if err := b.keepAnswers(ctx, tx, drafts, said); err != nil {
		return err
	}
	return b.putVolatile(ctx, tx, volatiles)
}

// Vanish closes records that a complete read no longer found.
func (b *Book) Vanish(ctx context.Context, tx *ledger.Tx, c Collection, kind string, keys []string) error {
	ki, err := b.kind(kind)
	if err != nil {
		return err
	}
	drafts := make([]*draft, len(keys))
	for i, k := range keys {
		drafts[i] = &draft{kind: ki, key: k, source: c.Source, actor: c.Actor, reason: c.Reason, run: c.Run, gone: true}
	}
	if err := b.attach(ctx, tx, drafts); err != nil {
		return err
	}
	live := drafts[:0]
	for _, d := range drafts {
		if d.prev != nil {
			live = append(live, d)
		}
	}
	return b.write(ctx, tx, live)
}

const openColumns = `v.id, v.record, r.key, v.valid_from, v.entry, v.label, v.body, v.hash, v.scope, v.occurred, v.zone, v.schema_version, v.raw_hash`

// attach finds, for each draft, the record and the version that holds now. Drafts are of one kind and source.
func (b *Book) attach(ctx context.Context, tx *ledger.Tx, drafts []*draft) error {
	type row struct {
		ID  int64  `db:"id"`
		Key string `db:"key"`
	}
	for len(drafts) > 0 {
		part := drafts[:min(200, len(drafts))]
		drafts = drafts[len(part):]
		byKey := map[string]*draft{}
		args := []any{part[0].kind.id, part[0].source}
		for _, d := range part {
			if byKey[d.key] != nil {
				return fault.New(fault.Conflict, "Two different %s came with the key %q.", d.kind.Plural, d.key)
			}
			byKey[d.key] = d
			args = append(args, d.key)
		}
		for len(args) < 202 && len(part) > 1 {
			args = append(args, part[0].key) // one statement text
		}
		rows, err := store.All[row](ctx, tx, "SELECT id, key FROM record WHERE kind = $1 AND source = $2 AND key IN ("+store.Marks(3, len(args)-2)+")", args...)
		if err != nil {
			return fmt.Errorf("find the records: %w", err)
		}
		byRecord := map[int64]*draft{}
		var known []any
		for _, r := range rows {
			byKey[r.Key].record = r.ID
			byRecord[r.ID] = byKey[r.Key]
			known = append(known, r.ID)
		}
		if len(known) == 0 {
			continue
		}
		args = append([]any{store.Forever}, known...)
		open, err := store.All[openRow](ctx, tx, "SELECT "+openColumns+" FROM version v JOIN record r ON r.id = v.record WHERE v.valid_to = $1 AND v.record IN ("+store.Marks(2, len(known))+")", args...)
		if err != nil {
			return fmt.Errorf("find the versions that hold: %w", err)
		}
		for i := range open {
			byRecord[open[i].Record].prev = &open[i]
		}
	}
	return nil
}

// labelOf is what to show for a body.
func (k *Kind) labelOf(body []byte, key string) string {
	if k.Label == "" {
		return key
	}
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(body)
	if err != nil {
		return key
	}
	switch l := v.Get(k.Label); {
	case l == nil:
	case l.Type() == fastjson.TypeString && len(l.GetStringBytes()) > 0:
		return string(l.GetStringBytes())
	case l.Type() == fastjson.TypeNumber:
		return l.String()
	}
	return key
}

// Hash is the hash of the body about to be written; false when only volatile values are.
func (o *Observed) Hash() ([32]byte, bool) { return o.d.hash, o.d.body != nil }

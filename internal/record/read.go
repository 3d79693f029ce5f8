package record

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// Query asks for the records of one kind.
type Query struct {
	Kind   string
	AsOf   store.Moment    // zero: now
	During [2]store.Moment // when set: every version that held at some time in [0], [1]
	Where  string          // CEL over r
	Sort   string          // an indexed field, "-" before it for descending; empty: the kind's own order
	After  string          // Page.Next of the page before
	Limit  int             // zero: 50
	Room   Room            // zero: Company
	Source string          // only records of this source
	Latest bool            // with the volatile values

	budget int // bodies a page may read; zero: scanBudget
}

// Page is a part of a list.
type Page struct {
	Versions []Version
	Next     string // to ask for what follows; empty at the end
	Scanned  int    // bodies read to answer a filter that no index serves
	Partial  bool   // the scan budget ended before the page was full; Next goes on
	Untold   int    // versions left out because their bodies were dropped by a rule, and nobody can tell whether they fit the filter
}

// Count is a number of records; when not Exact there are at least so many.
type Count struct {
	N     int64
	Exact bool
}

const (
	scanBudget  = 20_000 // bodies a page may read
	narrowLimit = 1_000  // records fetched to be sorted in memory
	countLimit  = 10_000 // index rows walked for a count
	restLimit   = 1_000  // bodies read for a count that no index serves
)

type versionRow struct {
	ID       int64        `db:"id"`
	Record   int64        `db:"record"`
	Kind     int64        `db:"kind"`
	Key      string       `db:"key"`
	Source   string       `db:"source"`
	From     store.Moment `db:"valid_from"`
	To       store.Moment `db:"valid_to"`
	Entry    int64        `db:"entry"`
	Closed   *int64       `db:"closed"`
	Schema   int64        `db:"schema_version"`
	Hash     []byte       `db:"hash"`
	Salt     []byte       `db:"salt"`
	Body     []byte       `db:"body"`
	Origin   string       `db:"origin"`
	Label    string       `db:"label"`
	Scope    string       `db:"scope"`
	Occurred *int64       `db:"occurred"`
	Zone     string       `db:"zone"`
	Actor    string       `db:"actor"`
	Reason   string       `db:"reason"`
	Run      int64        `db:"run"`
}

const versionSelect = `SELECT v.id, v.record, v.kind, r.key, r.source, v.valid_from, v.valid_to, v.entry, v.closed, v.schema_version, v.hash, v.salt, v.body,
	v.origin, v.label, v.scope, v.occurred, v.zone, v.actor, v.reason, v.run FROM version v JOIN record r ON r.id = v.record `

func (b *Book) version(r versionRow) (Version, error) {
	ki := b.byNumber[r.Kind]
	if ki == nil {
		return Version{}, fmt.Errorf("version %d is of the unknown kind number %d", r.ID, r.Kind)
	}
	v := Version{ID: r.ID, Record: r.Record, Kind: ki.Name, Key: r.Key, Source: r.Source, Origin: Origin(r.Origin), Label: r.Label, Scope: r.Scope,
		From: r.From, To: r.To, Actor: r.Actor, Reason: r.Reason, Entry: r.Entry, Closed: r.Closed, Run: r.Run, Hash: r.Hash, Erased: r.Salt == nil}
	if r.Occurred != nil {
		t := store.Moment(*r.Occurred).Time()
		if z, err := time.Parse("-07:00", r.Zone); err == nil {
			t = t.In(z.Location())
		}
		v.Occurred = &Occurred{t, r.Zone}
	}
	if v.Erased {
		v.Body = json.RawMessage("{}")
		return v, nil
	}
	if len(r.Body) > 0 && r.Body[0] == droppedBody {
		left, err := isDropped(r.Body, nil, r.Salt)
		if err == nil {
			v.Dropped, err = b.droppedBy(left.By)
		}
		if v.Body = json.RawMessage("{}"); err != nil {
			return v, fmt.Errorf("read version %d: %w", r.ID, err)
		}
		return v, nil
	}
	body, err := ki.squeeze.open(r.Body)
	if err != nil {
		return v, fmt.Errorf("read version %d: %w", r.ID, err)
	}
	if int(r.Schema) < ki.Schema {
		m, err := ki.upcast(body, int(r.Schema))
		if err != nil {
			return v, err
		}
		if body, err = encode(m); err != nil {
			return v, err
		}
	}
	v.Body = body
	return v, nil
}

func (b *Book) versions(rows []versionRow) ([]Version, error) {
	out := make([]Version, len(rows))
	for i, r := range rows {
		v, err := b.version(r)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// past refuses a moment that has not come.
func (b *Book) past(m store.Moment) error {
	if m > store.At(b.Log.Now()) {
		return fault.New(fault.Invalid, "The moment %s has not come yet.", m).WithNext("Ask for a time in the past, or leave it out for now.")
	}
	return nil
}

func (b *Book) readable(name string, room Room) (*kindInfo, error) {
	ki, err := b.kind(name)
	if err != nil {
		return nil, err
	}
	if ki.Room != cmp.Or(room, Company) {
		return nil, fault.New(fault.NotFound, "There is no kind %q.", name)
	}
	return ki, nil
}

// holds is the SQL that a row's interval holds at the moment; now is an equality, which the indexes serve best.
func holds(alias string, at store.Moment, n int) (string, []any) {
	if at == 0 {
		return fmt.Sprintf("%s.valid_to = $%d", alias, n), []any{store.Forever}
	}
	return fmt.Sprintf("%s.valid_from <= $%d AND %s.valid_to > $%d", alias, n, alias, n), []any{at}
}

// Get returns one record as it holds, or as it held at asOf. When several sources know the key, the organisation's own
// record comes first, then the sources by name.
func (b *Book) Get(ctx context.Context, kind, key string, asOf store.Moment) (Version, error) {
	return b.GetFrom(ctx, kind, key, "", asOf, Company)
}

// GetFrom is Get from one source and for a room.
func (b *Book) GetFrom(ctx context.Context, kind, key, source string, asOf store.Moment, room Room) (Version, error) {
	ki, err := b.readable(kind, room)
	if err != nil {
		return Version{}, err
	}
	if err := b.past(asOf); err != nil {
		return Version{}, err
	}
	return b.get(ctx, b.DB, ki, key, source, asOf)
}

func (b *Book) get(ctx context.Context, q store.Q, ki *kindInfo, key, source string, asOf store.Moment) (Version, error) {
	cond, args := holds("v", asOf, 3)
	where := versionSelect + "WHERE r.kind = $1 AND r.key = $2 AND " + cond
	args = append([]any{ki.id, key}, args...)
	if source != "" {
		args = append(args, source)
		where += fmt.Sprintf(" AND r.source = $%d", len(args))
	}
	rows, err := store.All[versionRow](ctx, q, where, args...)
	if err != nil {
		return Version{}, err
	}
	if _, asks := b.reader(ctx, ki.Kind); asks && len(rows) > 0 {
		list, err := b.versions(rows)
		if err == nil {
			list, err = b.seen(ctx, q, list)
		}
		if err != nil {
			return Version{}, err
		}
		rows = slices.DeleteFunc(rows, func(r versionRow) bool {
			return !slices.ContainsFunc(list, func(v Version) bool { return v.ID == r.ID })
		})
	}
	if len(rows) == 0 {
		what := fmt.Sprintf("There is no %s %q", strings.ToLower(ki.Title), key)
		if asOf != 0 {
			return Version{}, fault.New(fault.NotFound, "%s at %s.", what, asOf)
		}
		return Version{}, fault.New(fault.NotFound, "%s.", what)
	}
	slices.SortFunc(rows, func(x, y versionRow) int {
		return cmp.Or(-cmp.Compare(btoi(x.Source == Program), btoi(y.Source == Program)), cmp.Compare(x.Source, y.Source))
	})
	v, err := b.version(rows[0])
	if err != nil {
		return v, err
	}
	list := []Version{v}
	err = b.latest(ctx, q, list)
	return list[0], err
}

func btoi(x bool) int {
	if x {
		return 1
	}
	return 0
}

// latest adds the volatile values.
func (b *Book) latest(ctx context.Context, q store.Q, list []Version) error {
	type row struct {
		Record int64        `db:"record"`
		Body   []byte       `db:"body"`
		Read   store.Moment `db:"read_at"`
	}
	at := map[int64]int{}
	var args []any
	for i, v := range list {
		at[v.Record] = i
		if special(b.info[v.Kind].Fields) && !v.Erased && v.Dropped == nil {
			args = append(args, v.Record)
		}
	}
	for len(args) > 0 {
		n := min(len(args), 200)
		rows, err := store.All[row](ctx, q, "SELECT record, body, read_at FROM volatile WHERE record IN ("+store.Marks(1, n)+")", args[:n]...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			list[at[r.Record]].Volatile, list[at[r.Record]].VolRead = r.Body, r.Read
		}
		args = args[n:]
	}
	return nil
}

// History returns every version of a record, oldest first, of all sources that know the key.
func (b *Book) History(ctx context.Context, kind, key string) ([]Version, error) {
	return b.HistoryFor(ctx, kind, key, Company)
}

// HistoryFor is History for a room.
func (b *Book) HistoryFor(ctx context.Context, kind, key string, room Room) ([]Version, error) {
	ki, err := b.readable(kind, room)
	if err != nil {
		return nil, err
	}
	rows, err := store.All[versionRow](ctx, b.DB, versionSelect+"WHERE r.kind = $1 AND r.key = $2 ORDER BY r.source, v.valid_from", ki.id, key)
	if err != nil {
		return nil, err
	}
	list, err := b.versions(rows)
	if err == nil {
		list, err = b.seen(ctx, b.DB, list)
	}
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "There is and was no %s %q.", strings.ToLower(ki.Title), key)
	}
	return list, err
}

// ByRecord returns the version of a record number that held at the moment; a record that did not exist is NotFound.
func (b *Book) ByRecord(ctx context.Context, q store.Q, record int64, asOf store.Moment) (Version, error) {
	cond, args := holds("v", asOf, 2)
	r, err := store.One[versionRow](ctx, q, versionSelect+"WHERE v.record = $1 AND "+cond, append([]any{record}, args...)...)
	if errors.Is(err, store.ErrNotFound) {
		return Version{}, fault.New(fault.NotFound, "Record %d did not exist then.", record)
	}
	if err != nil {
		return Version{}, err
	}
	return b.shown(ctx, q, r, fmt.Sprintf("Record %d did not exist then.", record))
}

// Records returns the versions of record numbers that hold at the moment, by number; those that don't exist are left out.
func (b *Book) Records(ctx context.Context, q store.Q, records []int64, asOf store.Moment) (map[int64]Version, error) {
	out := make(map[int64]Version, len(records))
	for len(records) > 0 {
		n := min(len(records), 200)
		cond, args := holds("v", asOf, 1)
		for _, r := range records[:n] {
			args = append(args, r)
		}
		rows, err := store.All[versionRow](ctx, q, versionSelect+"WHERE "+cond+" AND v.record IN ("+store.Marks(2, n)+")", args...)
		if err != nil {
			return nil, err
		}
		list, err := b.versions(rows)
		if err == nil {
			list, err = b.seen(ctx, q, list)
		}
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			out[v.Record] = v
		}
		records = records[n:]
	}
	return out, nil
}

// Raw returns the source's own bytes of a version: those kept beside the body, or the body itself when they are the same.
func (b *Book) Raw(ctx context.Context, v Version) ([]byte, error) {
	if v.Dropped != nil {
		return nil, fault.New(fault.NotFound, "%s", v.Dropped).WithNext("Its proof stands.")
	}
	type row struct {
		Raw  []byte `db:"raw"`
		Body []byte `db:"body"`
	}
	r, err := store.One[row](ctx, b.DB, "SELECT raw, body FROM version WHERE id = $1", v.ID)
	if err != nil {
		return nil, err
	}
	squeeze := b.info[v.Kind].squeeze
	body, err := squeeze.open(r.Body)
	if r.Raw == nil || err != nil {
		return body, err
	}
	return squeeze.openRaw(r.Raw, body)
}

// ByEntry returns the version that a ledger entry committed to, or NotFound.
func (b *Book) ByEntry(ctx context.Context, entry int64) (Version, error) {
	r, err := store.One[versionRow](ctx, b.DB, versionSelect+"WHERE v.entry = $1", entry)
	if errors.Is(err, store.ErrNotFound) {
		return Version{}, fault.New(fault.NotFound, "Ledger entry %d is not a version of a record.", entry)
	}
	if err != nil {
		return Version{}, err
	}
	return b.shown(ctx, b.DB, r, fmt.Sprintf("Ledger entry %d is not a version of a record.", entry))
}

// shown is a version, or a fault that says there is none where the one who asks may not see it.
func (b *Book) shown(ctx context.Context, q store.Q, r versionRow, none string) (Version, error) {
	v, err := b.version(r)
	if err != nil {
		return v, err
	}
	ok, err := b.sees(ctx, q, v)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "%s", none)
	}
	if err != nil {
		return Version{}, err
	}
	return v, nil
}

// EachVersion hands over versions of a kind with a number above after, oldest written first, with those that ended since;
// at most limit. It is what incremental evaluation reads.
func (b *Book) EachVersion(ctx context.Context, q store.Q, kind string, after int64, limit int, fn func(Version) error) error {
	ki, err := b.kind(kind)
	if err != nil {
		return err
	}
	rows, err := store.All[versionRow](ctx, q, versionSelect+"WHERE v.kind = $1 AND v.id > $2 ORDER BY v.id LIMIT $3", ki.id, after, limit)
	if err != nil {
		return err
	}
	list, err := b.versions(rows)
	if err == nil {
		list, err = b.seen(ctx, q, list)
	}
	if err != nil {
		return err
	}
	for _, v := range list {
		if err := fn(v); err != nil {
			return err
		}
	}
	return nil
}

// EachOpen hands over every version of a kind that holds now, by record number.
func (b *Book) EachOpen(ctx context.Context, q store.Q, kind string, fn func(Version) error) error {
	return b.EachAt(ctx, q, kind, 0, fn)
}

// EachAt is EachOpen as of a moment; zero is now.
func (b *Book) EachAt(ctx context.Context, q store.Q, kind string, at store.Moment, fn func(Version) error) error {
	return b.eachAt(ctx, q, kind, at, versionSelect, true, fn)
}

// EachBody is EachAt for who needs nothing but key, source, label and body, without what is kept outside the history: of many
// records, that is half the work.
func (b *Book) EachBody(ctx context.Context, q store.Q, kind string, at store.Moment, fn func(Version) error) error {
	return b.eachAt(ctx, q, kind, at, "SELECT v.id, v.record, v.kind, r.key, r.source, v.label, v.schema_version, v.salt, v.body FROM version v JOIN record r ON r.id = v.record ", false, fn)
}

func (b *Book) eachAt(ctx context.Context, q store.Q, kind string, at store.Moment, columns string, volatile bool, fn func(Version) error) error {
	ki, err := b.kind(kind)
	if err != nil {
		return err
	}
	hand := func(rows []versionRow) error {
		list, err := b.versions(rows)
		if err == nil {
			list, err = b.seen(ctx, q, list)
		}
		if err == nil && volatile {
			err = b.latest(ctx, q, list)
		}
		for _, v := range list {
			if err == nil {
				err = fn(v)
			}
		}
		return err
	}
	if at != 0 {
		return b.eachPast(ctx, q, ki, at, columns, hand)
	}
	for after := int64(0); ; {
		rows, err := store.All[versionRow](ctx, q, columns+"WHERE v.kind = $1 AND v.valid_to = $2 AND v.record > $3 ORDER BY v.record LIMIT 1000", ki.id, store.Forever, after)
		if err == nil {
			err = hand(rows)
		}
		if err != nil || len(rows) < 1000 {
			return err
		}
		after = rows[len(rows)-1].Record
	}
}

// eachPast finds the versions that held at a moment at once, for no index has them in the order of their records: page by page
// they would be found anew for each page.
func (b *Book) eachPast(ctx context.Context, q store.Q, ki *kindInfo, at store.Moment, columns string, hand func([]versionRow) error) error {
	ids, err := store.All[int64](ctx, q, "SELECT id FROM version WHERE kind = $1 AND valid_to > $2 AND valid_from <= $2 ORDER BY record", ki.id, at)
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), 200)
		args := make([]any, n)
		for i, id := range ids[:n] {
			args[i] = id
		}
		rows, err := store.All[versionRow](ctx, q, columns+"WHERE v.id IN ("+store.Marks(1, n)+") ORDER BY v.record", args...)
		if err == nil {
			err = hand(rows)
		}
		if err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// Find returns the records of a kind whose indexed field equals value at the moment (zero: now), by record number.
func (b *Book) Find(ctx context.Context, q store.Q, kind, field string, value any, at store.Moment) ([]Version, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return nil, err
	}
	f, ok := ki.FieldNamed(field)
	if !ok || !f.Indexed {
		return nil, fmt.Errorf("find %s by %s: the field is not indexed", kind, field)
	}
	if n, isInt := value.(int); isInt {
		value = int64(n)
	}
	ids, err := b.with(ctx, q, ki, f, value, at)
	if err != nil {
		return nil, err
	}
	found, err := b.Records(ctx, q, ids, at)
	if err != nil {
		return nil, err
	}
	out := make([]Version, 0, len(found))
	for _, v := range found {
		out = append(out, v)
	}
	slices.SortFunc(out, func(x, y Version) int { return cmp.Compare(x.Record, y.Record) })
	return out, b.latest(ctx, q, out)
}

// with are the numbers of the records with a value in an indexed field.
func (b *Book) with(ctx context.Context, q store.Q, ki *kindInfo, f Field, value any, at store.Moment) ([]int64, error) {
	cond, args := holds("d", at, 3)
	return store.All[int64](ctx, q, "SELECT d.record FROM value d WHERE d.field = $1 AND d.value = $2 AND "+cond,
		append([]any{ki.fields[f.Name], indexValue(f, value)}, args...)...)
}

// Holding are the versions that Find finds now, by the number of their record, without reading them.
func (b *Book) Holding(ctx context.Context, q store.Q, kind, field, value string) (map[int64]int64, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return nil, err
	}
	f, ok := ki.FieldNamed(field)
	if !ok || !f.Indexed || b.limited(ctx, kind) {
		return nil, fmt.Errorf("find %s by %s: the field is not indexed, or its room is divided", kind, field)
	}
	ids, err := b.with(ctx, q, ki, f, value, 0)
	if err != nil {
		return nil, err
	}
	type row struct {
		Record int64 `db:"record"`
		ID     int64 `db:"id"`
	}
	out := map[int64]int64{}
	for some := range slices.Chunk(ids, 200) {
		args := []any{store.Forever}
		for _, id := range some {
			args = append(args, id)
		}
		err := store.Each(ctx, q, func(r row) error { out[r.Record] = r.ID; return nil },
			"SELECT record, id FROM version WHERE valid_to = $1 AND record IN ("+store.Marks(2, len(some))+")", args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Tallies are the present numbers of records by the value of an indexed yes/no or choice field.
func (b *Book) Tallies(ctx context.Context, kind, field string) (map[string]int64, error) {
	ki, err := b.kind(kind)
	if err != nil {
		return nil, err
	}
	if b.limited(ctx, kind) {
		return nil, fmt.Errorf("count %s by %s: its room is divided, and what is counted is everybody's", kind, field)
	}
	type row struct {
		Value string `db:"value"`
		N     int64  `db:"n"`
	}
	rows, err := store.All[row](ctx, b.DB, "SELECT value, n FROM tally WHERE field = $1 AND n <> 0", ki.fields[field])
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, r := range rows {
		switch {
		case r.Value == "b1":
			out["true"] += r.N
		case r.Value == "b0":
			out["false"] += r.N
		case r.Value == absent:
			out[""] += r.N
		default:
			out[r.Value[1:]] += r.N
		}
	}
	return out, nil
}

// Totals are the present numbers of records by kind; of a divided room those that the one who asks may see.
func (b *Book) Totals(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	type row struct {
		Name string `db:"name"`
		N    int64  `db:"n"`
	}
	err := store.Each(ctx, b.DB, func(r row) error { out[r.Name] = r.N; return nil },
		"SELECT k.name, t.n FROM tally t JOIN field f ON f.id = t.field JOIN kind k ON k.id = f.kind WHERE f.name = $1", indexAll)
	for _, k := range b.Kinds.All() {
		if err != nil {
			break
		}
		if out[k.Name] > 0 && b.limited(ctx, k.Name) {
			var c Count
			c, err = b.Count(ctx, Query{Kind: k.Name, Room: k.Room})
			out[k.Name] = c.N
		}
	}
	return out, err
}

// Search finds records by words of their label or key, in every kind of the room that is no event.
func (b *Book) Search(ctx context.Context, text string, at store.Moment, room Room, limit int) ([]Version, error) {
	if err := b.past(at); err != nil {
		return nil, err
	}
	asked := wordsOf(text)
	if len(asked) == 0 {
		return nil, nil
	}
	var out []Version
	err := b.DB.Read(ctx, func(tx *store.Tx) error {
		for _, k := range b.Kinds.All() {
			ki := b.info[k.Name]
			if k.Room != cmp.Or(room, Company) || k.Occurred != "" || len(out) >= limit {
				continue
			}
			ids, err := b.withWords(ctx, tx, ki, asked, at)
			if err != nil {
				return err
			}
			found, err := b.Records(ctx, tx, ids, at)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if v, ok := found[id]; ok && len(out) < limit && hasWords(v.Label+" "+v.Key, asked) {
					out = append(out, v)
				}
			}
		}
		return nil
	})
	return out, err
}

const searchLimit = 500 // records looked at per kind

// withWords returns records that have a word beginning with the rarest of those asked.
func (b *Book) withWords(ctx context.Context, tx *store.Tx, ki *kindInfo, asked []string, at store.Moment) ([]int64, error) {
	var best []int64
	for i, w := range asked {
		cond, args := holds("d", at, 4)
		ids, err := store.All[int64](ctx, tx, "SELECT d.record FROM value d WHERE d.field = $1 AND d.value >= $2 AND d.value < $3 AND "+cond+fmt.Sprintf(" LIMIT %d", searchLimit),
			append([]any{ki.fields[indexWord], w, w + "\U0010FFFF"}, args...)...)
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		if i == 0 || len(ids) < len(best) {
			best = ids
		}
	}
	slices.Sort(best)
	return slices.Compact(best), nil
}

// hasWords reports whether each word asked begins a word of the text.
func hasWords(text string, asked []string) bool {
	have := wordsOf(text)
	for _, w := range asked {
		if !slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, w) }) {
			return false
		}
	}
	return true
}

// position is where a page ended.
type position struct {
	Value, Order string
	Record       int64
}

func (p position) String() string {
	b, _ := json.Marshal([]any{p.Value, p.Order, p.Record})
	return base64.RawURLEncoding.EncodeToString(b)
}

func parsePosition(s string) (p position, err error) {
	if s == "" {
		return p, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &[]any{&p.Value, &p.Order, &p.Record})
	}
	if err != nil {
		return p, fault.New(fault.Invalid, "The page mark %q is not one of ours.", clip(s, 40)).WithNext("Start the list again from its first page.")
	}
	return p, nil
}

// matches reports whether a body satisfies a program; unknown is no match.
func matches(p *expr.Program, doc *expr.Doc, body []byte, now time.Time) (bool, error) {
	if err := doc.Parse(body); err != nil {
		return false, err
	}
	return p.Eval(doc, &expr.Scope{Now: now}).Answer == expr.True, nil
}

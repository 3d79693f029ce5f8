package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
)

// Program is the source of records that the organisation writes itself.
const Program = "program"

// Custom is the field that holds the values of an organisation's own fields.
const Custom = "custom"

// Origin says how a record came here; what rests on several shows the weakest.
type Origin string

// The origins, strongest first.
const (
	Collected Origin = "collected" // read from the source by Tickmark
	Forwarded Origin = "forwarded" // sent by another tool
	Uploaded  Origin = "uploaded"  // from a file somebody gave
	Typed     Origin = "typed"     // written by a person
)

// Weaker returns the weaker of two origins.
func Weaker(a, b Origin) Origin {
	rank := map[Origin]int{Collected: 1, Forwarded: 2, Uploaded: 3, Typed: 4}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// Occurred is when an event happened in the world.
type Occurred struct {
	At   time.Time // with the zone it was stated in
	Zone string    // that zone as an offset, "+02:00"
}

// Version is one version of a record: what held from From until To.
type Version struct {
	ID       int64
	Record   int64
	Kind     string
	Key      string
	Source   string // a connection's name, or Program
	Origin   Origin
	Label    string
	Scope    string          // the parent within the source; empty for most
	Body     json.RawMessage // in the kind's present schema
	Volatile json.RawMessage // latest values outside the history; only when asked for
	VolRead  store.Moment    // when they were read
	From, To store.Moment
	Occurred *Occurred
	Actor    string
	Reason   string
	Entry    int64  // of the ledger
	Closed   *int64 // ledger entry of the closing, when it ended with no successor
	Run      int64
	Hash     []byte // SHA-256 of the stored body
	Erased   bool
	Dropped  *Dropped // how its body went, when a rule of retention dropped it; Body is then {}
}

// Open reports whether the version still holds.
func (v Version) Open() bool { return v.To == store.Forever }

// Full is the body with the volatile values put back at their top-level names.
func (v Version) Full() json.RawMessage {
	if len(v.Volatile) == 0 {
		return v.Body
	}
	m, err := decode(v.Body)
	if err != nil {
		return v.Body
	}
	vol, err := decode(v.Volatile)
	if err != nil {
		return v.Body
	}
	for k, x := range vol {
		if !strings.Contains(k, ".") {
			m[k] = x
		}
	}
	b, err := encode(m)
	if err != nil {
		return v.Body
	}
	return b
}

// Authority says who acts and what they may; access satisfies it for people, Job for the program's own work.
type Authority interface {
	May(ctx context.Context, verb string, k *Kind) error // verbs: read, write, act, erase
	Actor() Actor
}

type work string

// Job is the authority of the program's own work, such as "job:check" or "connection:host".
func Job(name string) Authority { return work(name) }

func (j work) May(context.Context, string, *Kind) error { return nil }
func (j work) Actor() Actor                             { return Actor{Name: string(j)} }

// Book is the opened records of a workspace.
type Book struct {
	DB    *store.DB
	Log   *ledger.Log
	Kinds *Kinds

	// Digest is the keyed digest that takes a secret's place.
	Digest func(purpose string, value []byte) string

	// Reader says who asks in a context, where a room is divided; false: the program itself, which sees everything. Nil: always.
	Reader func(ctx context.Context) (Actor, bool)

	mu       sync.RWMutex
	info     map[string]*kindInfo
	byNumber map[int64]*kindInfo
	programs map[string]*expr.Program
	drops    map[int64]*Dropped // by entry
}

// kindInfo is a kind with its numbers in this database.
type kindInfo struct {
	*Kind
	id      int64
	fields  map[string]int64 // index name -> number
	indexed []Field
	tallied map[int64]bool // index numbers whose present counts are kept
	squeeze *squeezer
	env     func() (*expr.Env, error) // of filters; most kinds are never filtered by one
}

// OpenBook registers the kinds in the database, giving numbers to new ones and rebuilding the index of those whose
// indexed fields changed.
func OpenBook(ctx context.Context, log *ledger.Log, kinds *Kinds, digest func(purpose string, value []byte) string) (*Book, error) {
	b := &Book{DB: log.DB, Log: log, Kinds: kinds, Digest: digest, info: map[string]*kindInfo{}, byNumber: map[int64]*kindInfo{}, programs: map[string]*expr.Program{}}
	if known, err := b.known(ctx); err != nil {
		return nil, err
	} else if known {
		return b, nil
	}
	var stale []*kindInfo
	err := b.DB.Write(ctx, func(tx *store.Tx) error {
		for _, k := range kinds.All() {
			ki, changed, err := b.register(ctx, tx, k)
			if err != nil {
				return fmt.Errorf("register the kind %s: %w", k.Name, err)
			}
			b.add(ki)
			if changed {
				stale = append(stale, ki)
			}
		}
		for _, ki := range stale {
			if err := b.reindex(ctx, tx, ki); err != nil {
				return fmt.Errorf("rebuild the index of %s: %w", ki.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Book) add(ki *kindInfo) { b.info[ki.Name], b.byNumber[ki.id] = ki, ki }

type kindRow struct {
	ID      int64  `db:"id"`
	Name    string `db:"name"`
	Indexed string `db:"indexed"`
}

type fieldRow struct {
	ID   int64  `db:"id"`
	Kind int64  `db:"kind"`
	Name string `db:"name"`
}

// known loads the kinds' numbers without writing, and reports whether every kind is registered as it is declared.
func (b *Book) known(ctx context.Context) (bool, error) {
	rows, err := store.All[kindRow](ctx, b.DB, "SELECT id, name, indexed FROM kind")
	if err != nil {
		return false, err
	}
	fields, err := store.All[fieldRow](ctx, b.DB, "SELECT id, kind, name FROM field")
	if err != nil {
		return false, err
	}
	byName := map[string]kindRow{}
	for _, r := range rows {
		byName[r.Name] = r
	}
	for _, k := range b.Kinds.All() {
		r, ok := byName[k.Name]
		ki := b.prepare(k)
		if !ok || r.Indexed != ki.declared() {
			return false, nil
		}
		ki.id = r.ID
		for _, f := range fields {
			if f.Kind == r.ID {
				ki.number(f.Name, f.ID)
			}
		}
		if err := b.ready(ctx, b.DB, ki); err != nil {
			return false, err
		}
		b.add(ki)
	}
	return true, nil
}

func (b *Book) prepare(k *Kind) *kindInfo {
	ki := &kindInfo{Kind: k, fields: map[string]int64{}, tallied: map[int64]bool{}}
	for _, f := range k.Fields {
		if f.Indexed {
			ki.indexed = append(ki.indexed, f)
		}
	}
	return ki
}

func (ki *kindInfo) declared() string {
	var names []string
	for _, f := range ki.indexed {
		names = append(names, f.Name+":"+string(f.Type))
	}
	return ki.Label + "|" + ki.Occurred + "|" + strings.Join(names, ",")
}

func (ki *kindInfo) number(name string, id int64) {
	ki.fields[name] = id
	if name == indexAll {
		ki.tallied[id] = true
	}
	if f, ok := ki.FieldNamed(name); ok && (f.Type == Bool || f.Type == Choice) {
		ki.tallied[id] = true
	}
}

func (b *Book) ready(ctx context.Context, q store.Q, ki *kindInfo) error {
	has, err := whatIsLearnt(ctx, q, ki.Name)
	if err != nil {
		return err
	}
	if ki.squeeze, err = newSqueezer(has, func() (learnt, error) { return whatIsLearnt(context.Background(), b.DB, ki.Name) }); err != nil {
		return err
	}
	ki.env = sync.OnceValues(func() (*expr.Env, error) { return expr.NewEnv(ki.Expr()) })
	return nil
}

func (b *Book) register(ctx context.Context, tx *store.Tx, k *Kind) (ki *kindInfo, changed bool, err error) {
	ki = b.prepare(k)
	row, err := store.One[kindRow](ctx, tx, "SELECT id, name, indexed FROM kind WHERE name = $1", k.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if ki.id, err = store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) + 1 FROM kind"); err != nil {
			return nil, false, err
		}
		if err := store.Insert(ctx, tx, "kind", []string{"id", "name", "indexed"}, [][]any{{ki.id, k.Name, ki.declared()}}); err != nil {
			return nil, false, err
		}
		if err := store.Insert(ctx, tx, "meta", []string{"name", "value"}, [][]any{{"dictionary:" + k.Name, dictionary(k)}}); err != nil {
			return nil, false, err
		}
	case err != nil:
		return nil, false, err
	default:
		ki.id = row.ID
		if changed = row.Indexed != ki.declared(); changed {
			if _, err := tx.Exec(ctx, "UPDATE kind SET indexed = $1 WHERE id = $2", ki.declared(), ki.id); err != nil {
				return nil, false, err
			}
		}
	}
	have, err := store.All[fieldRow](ctx, tx, "SELECT id, kind, name FROM field WHERE kind = $1", ki.id)
	if err != nil {
		return nil, false, err
	}
	for _, f := range have {
		ki.number(f.Name, f.ID)
	}
	names := []string{indexAll, indexWord}
	for _, f := range ki.indexed {
		names = append(names, f.Name)
	}
	for _, name := range names {
		if _, ok := ki.fields[name]; ok {
			continue
		}
		id, err := store.One[int64](ctx, tx, "SELECT coalesce(max(id), 0) + 1 FROM field")
		if err != nil {
			return nil, false, err
		}
		if err := store.Insert(ctx, tx, "field", []string{"id", "kind", "name"}, [][]any{{id, ki.id, name}}); err != nil {
			return nil, false, err
		}
		ki.number(name, id)
	}
	return ki, changed, b.ready(ctx, tx, ki)
}

func (b *Book) kind(name string) (*kindInfo, error) {
	k, err := b.Kinds.Named(name)
	if err != nil {
		return nil, err
	}
	return b.info[k.Name], nil
}

// program compiles a filter once.
func (b *Book) program(ki *kindInfo, where string) (*expr.Program, error) {
	id := ki.Name + "\x00" + where
	b.mu.RLock()
	p := b.programs[id]
	b.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	env, err := ki.env()
	if err != nil {
		return nil, fmt.Errorf("the expressions of %s: %w", ki.Name, err)
	}
	if p, err = expr.CompileTest(env, where); err != nil {
		return nil, fault.New(fault.Invalid, "The filter does not work on %s: %w.", ki.Plural, err).WithNext("Write it over r, as in r.name == \"x\".")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.programs) > 256 {
		clear(b.programs)
	}
	b.programs[id] = p
	return p, nil
}

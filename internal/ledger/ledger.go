// Package ledger is the append-only log kept in the workspace's own database. The one rule: an entry is appended in the same
// transaction as what it commits to, so there is never one without the other.
//
// The database is trusted to keep rows; it is not trusted to keep them unchanged: Verify recomputes the tree from its
// entries, and a checkpoint that left the house shows whether they are the same entries.
package ledger

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// Log is the workspace's ledger.
type Log struct {
	DB     *store.DB
	Origin string // the log's name, first line of each checkpoint
	VKey   string // the public verifier key, as `verify --key` takes it
	Clock  func() time.Time

	signer note.Signer
	seen   string // file of the newest checkpoint that was signed here; empty: none is kept
	mu     sync.Mutex
	tree   *merkle.Tree // right edge as of the last write of this process
	root   tlog.Hash
}

// Open opens the ledger of a database. The signing key lives in the file ledger.key of dir and is made on first use; a
// workspace whose database names another key is refused. Whether the database went back in time, Lost says.
func Open(ctx context.Context, db *store.DB, dir string) (*Log, error) {
	l := &Log{DB: db, Clock: time.Now, seen: filepath.Join(dir, seenFile)}
	known, err := store.One[[]byte](ctx, db, "SELECT value FROM meta WHERE name = $1", "vkey")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("read the ledger's key: %w", err)
	}
	path := filepath.Join(dir, "ledger.key")
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist) && known == nil:
		if key, err = newKey(path); err != nil {
			return nil, err
		}
	case errors.Is(err, os.ErrNotExist):
		return nil, fault.New(fault.Unavailable, "The ledger's signing key, %s, is missing.", path).WithNext("Restore it from the backup of this workspace.")
	case err != nil:
		return nil, fault.New(fault.Unavailable, "The ledger's signing key cannot be read: %w.", err)
	}
	secret, vkey, ok := strings.Cut(strings.TrimSpace(string(key)), "\n")
	if !ok {
		return nil, fault.New(fault.Unavailable, "%s does not hold a signing key and its verifier key.", path).WithNext("Restore it from the backup of this workspace.")
	}
	if l.signer, err = note.NewSigner(secret); err != nil {
		return nil, fault.New(fault.Unavailable, "%s does not hold a signing key.", path).WithNext("Restore it from the backup of this workspace.")
	}
	l.Origin, l.VKey = l.signer.Name(), vkey
	if known != nil && string(known) != vkey {
		return nil, fault.New(fault.Unavailable, "%s is not the key of this workspace.", path).WithNext("Restore the workspace's own ledger.key.")
	}
	if known == nil {
		empty := (&merkle.Tree{}).Root()
		err := db.Write(ctx, func(tx *store.Tx) error {
			if err := store.InsertOr(ctx, tx, "meta", []string{"name", "value"}, "ON CONFLICT (name) DO NOTHING", [][]any{{"vkey", []byte(vkey)}}); err != nil {
				return err
			}
			return store.InsertOr(ctx, tx, "head", []string{"one", "size", "root", "at"}, "ON CONFLICT (one) DO NOTHING", [][]any{{1, 0, empty[:], 0}})
		})
		if err != nil {
			return nil, fmt.Errorf("begin the ledger: %w", err)
		}
	}
	return l, nil
}

// newKey writes a fresh Ed25519 note key; the file is complete or absent.
func newKey(path string) ([]byte, error) {
	secret, vkey, err := note.GenerateKey(rand.Reader, "tickmark/"+strings.ToLower(rand.Text()[:12]))
	if err != nil {
		return nil, err
	}
	b := []byte(secret + "\n" + vkey + "\n")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "The folder for the ledger's key cannot be made: %w.", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ledger-*")
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The ledger's signing key cannot be written: %w.", err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path) // never over an existing key
	}
	os.Remove(f.Name())
	if errors.Is(err, os.ErrExist) {
		return os.ReadFile(path)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The ledger's signing key cannot be written: %w.", err)
	}
	return b, nil
}

// Tx is a writing transaction with the ledger open at its end.
type Tx struct {
	*store.Tx
	Now    store.Moment // the recorded time of everything in this transaction; later than any before
	size   int64        // of the log before this transaction
	leaves []merkle.Leaf
}

type head struct {
	Size int64        `db:"size"`
	Root []byte       `db:"root"`
	At   store.Moment `db:"at"`
}

func readHead(ctx context.Context, q store.Q) (head, error) {
	h, err := store.One[head](ctx, q, "SELECT size, root, at FROM head WHERE one = 1")
	if err != nil {
		return h, fmt.Errorf("read the ledger's head: %w", err)
	}
	return h, nil
}

// Write runs fn in a writing transaction and integrates the leaves it appended before committing.
func (l *Log) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return l.DB.Write(ctx, func(st *store.Tx) error {
		h, err := readHead(ctx, st)
		if err != nil {
			return err
		}
		tx := &Tx{Tx: st, Now: max(store.At(l.Clock()), h.At+1), size: h.Size}
		if err := fn(tx); err != nil {
			return err
		}
		if len(tx.leaves) == 0 {
			return nil
		}
		return l.integrate(ctx, tx, h)
	})
}

func (l *Log) integrate(ctx context.Context, tx *Tx, h head) error {
	t, err := l.edge(ctx, tx, h)
	if err != nil {
		return err
	}
	var tiles [][]any
	put := func(t merkle.Tile) { tiles = append(tiles, []any{t.Level, t.Index, t.Data}) }
	entries := make([][]any, len(tx.leaves))
	for i, leaf := range tx.leaves {
		b := leaf.Bytes()
		entries[i] = []any{t.N, b}
		t.Add(tlog.RecordHash(b), put)
	}
	t.Edge(put)
	if err := store.Insert(ctx, tx, "entry", []string{"idx", "leaf"}, entries); err != nil {
		return fmt.Errorf("append to the ledger: %w", err)
	}
	for _, row := range tiles {
		if err := store.InsertOr(ctx, tx, "tile", []string{"level", "idx", "data"}, "ON CONFLICT (level, idx) DO UPDATE SET data = excluded.data", [][]any{row}); err != nil {
			return fmt.Errorf("write a tile of the ledger: %w", err)
		}
	}
	root := t.Root()
	n, err := tx.Exec(ctx, "UPDATE head SET size = $1, root = $2, at = $3 WHERE one = 1 AND size = $4", t.N, root[:], tx.Now, h.Size)
	if err != nil || n != 1 {
		return fmt.Errorf("move the ledger's head from %d to %d (%d rows): %w", h.Size, t.N, n, err)
	}
	l.mu.Lock()
	l.tree, l.root = t, root // if the commit fails the next write sees another head and loads again
	l.mu.Unlock()
	return nil
}

// edge returns a tree positioned at h that the caller may change.
func (l *Log) edge(ctx context.Context, tx *Tx, h head) (*merkle.Tree, error) {
	l.mu.Lock()
	t, root := l.tree, l.root
	l.mu.Unlock()
	if t != nil && t.N == h.Size && root == tlog.Hash(h.Root) {
		return t.Clone(), nil
	}
	t, err := merkle.Load(h.Size, func(level, index int64) ([]byte, error) {
		return store.One[[]byte](ctx, tx, "SELECT data FROM tile WHERE level = $1 AND idx = $2", level, index)
	})
	if err != nil {
		return nil, fmt.Errorf("load the ledger's edge: %w", err)
	}
	if t.Root() != tlog.Hash(h.Root) {
		return nil, fault.New(fault.Unavailable, "The ledger's tiles and its head disagree at size %d; nothing was written.", h.Size).WithNext("Run tickmark ledger verify and restore from a backup.")
	}
	return t, nil
}

// Append adds a leaf and returns the index that its entry will have.
func (tx *Tx) Append(typ string, commitment [32]byte) int64 {
	tx.leaves = append(tx.leaves, merkle.Leaf{Type: typ, At: int64(tx.Now), Commitment: commitment})
	return tx.size + int64(len(tx.leaves)) - 1
}

// Action is something a person or job did that is not a record version: a sign-in, a token made, a package handed over.
type Action struct {
	Entry   int64           `db:"entry" json:"entry"`
	At      store.Moment    `db:"at" json:"at"`
	Verb    string          `db:"verb" json:"verb"`       // noun.verb: "user.signed_in"
	Actor   string          `db:"actor" json:"actor"`     // "person:ada"
	Subject string          `db:"subject" json:"subject"` // what it was done to
	Detail  json.RawMessage `db:"detail" json:"detail"`   // a JSON object; no secrets
	Salt    []byte          `db:"salt" json:"-"`
}

// Commitment is what the ledger holds of the action.
func (a Action) Commitment() [32]byte { return a.Opening().Commitment() }

// Opening is the action as its commitment covers it.
func (a Action) Opening() merkle.Action {
	return merkle.Action{At: int64(a.At), Verb: a.Verb, Actor: a.Actor, Subject: a.Subject, Detail: a.Detail, Salt: a.Salt}
}

// Act records an action; detail is marshalled to a JSON object, nil for none.
func (tx *Tx) Act(ctx context.Context, verb, actor, subject string, detail any) (int64, error) {
	return tx.ActAs(ctx, merkle.LeafAction, verb, actor, subject, detail)
}

// ActAs is Act under a leaf type of its own, such as a closing, an erasure or a package's manifest.
func (tx *Tx) ActAs(ctx context.Context, typ, verb, actor, subject string, detail any) (int64, error) {
	a := Action{At: tx.Now, Verb: verb, Actor: actor, Subject: subject, Detail: json.RawMessage("{}"), Salt: merkle.NewSalt()}
	if detail != nil {
		b, err := json.Marshal(detail)
		if err != nil {
			return 0, fmt.Errorf("write down the action %s: %w", verb, err)
		}
		a.Detail = b
	}
	a.Entry = tx.Append(typ, a.Commitment())
	err := store.Insert(ctx, tx, "action", []string{"entry", "at", "verb", "actor", "subject", "detail", "salt"},
		[][]any{{a.Entry, a.At, a.Verb, a.Actor, a.Subject, []byte(a.Detail), a.Salt}})
	return a.Entry, err
}

// Head is where the log stands.
type Head struct {
	Size int64
	Root tlog.Hash
	At   store.Moment // recorded time of the last entry
}

// Head reads the log's size and root.
func (l *Log) Head(ctx context.Context, q store.Q) (Head, error) {
	h, err := readHead(ctx, q)
	if err != nil {
		return Head{}, err
	}
	return Head{h.Size, tlog.Hash(h.Root), h.At}, nil
}

// Checkpoint signs the log as it stands, keeps the checkpoint, and returns it. An unchanged log keeps its checkpoint.
func (l *Log) Checkpoint(ctx context.Context) (signed []byte, err error) {
	h, err := l.Head(ctx, l.DB)
	if err != nil {
		return nil, err
	}
	signed, err = store.One[[]byte](ctx, l.DB, "SELECT note FROM checkpoint WHERE size = $1", h.Size)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return signed, err
	}
	err = l.DB.Write(ctx, func(tx *store.Tx) error {
		if h, err = l.Head(ctx, tx); err != nil {
			return err
		}
		if signed, err = (merkle.Checkpoint{Origin: l.Origin, Size: h.Size, Root: h.Root}).Sign(l.signer); err != nil {
			return fmt.Errorf("sign a checkpoint: %w", err)
		}
		return store.InsertOr(ctx, tx, "checkpoint", []string{"size", "at", "note"}, "ON CONFLICT (size) DO NOTHING", [][]any{{h.Size, store.At(l.Clock()), signed}})
	})
	if err == nil {
		err = l.remember(signed) // only what is committed
	}
	return signed, err
}

// LastCheckpoint returns the newest signed checkpoint and when it was signed; ErrNotFound before the first.
func (l *Log) LastCheckpoint(ctx context.Context) ([]byte, store.Moment, error) {
	type row struct {
		Note []byte       `db:"note"`
		At   store.Moment `db:"at"`
	}
	r, err := store.One[row](ctx, l.DB, "SELECT note, at FROM checkpoint ORDER BY size DESC LIMIT 1")
	return r.Note, r.At, err
}

// Entries returns the leaves [from, to) as bytes.
func (l *Log) Entries(ctx context.Context, q store.Q, from, to int64) ([][]byte, error) {
	return store.All[[]byte](ctx, q, "SELECT leaf FROM entry WHERE idx >= $1 AND idx < $2 ORDER BY idx", from, to)
}

// Leaf returns one parsed leaf.
func (l *Log) Leaf(ctx context.Context, index int64) (merkle.Leaf, error) {
	b, err := store.One[[]byte](ctx, l.DB, "SELECT leaf FROM entry WHERE idx = $1", index)
	if errors.Is(err, store.ErrNotFound) {
		return merkle.Leaf{}, fault.New(fault.NotFound, "The ledger has no entry %d.", index)
	}
	if err != nil {
		return merkle.Leaf{}, err
	}
	return merkle.ParseLeaf(b)
}

// Tile returns the first width hashes of a tile, as C2SP tlog-tiles serves it; ErrNotFound when the log has not that many.
func (l *Log) Tile(ctx context.Context, q store.Q, level, index int64, width int) ([]byte, error) {
	b, err := store.One[[]byte](ctx, q, "SELECT data FROM tile WHERE level = $1 AND idx = $2", level, index)
	if err == nil && len(b) < width*tlog.HashSize {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return b[:width*tlog.HashSize], nil
}

// reader reads stored hashes of the log for tlog's proof code.
func (l *Log) reader(ctx context.Context, q store.Q, size int64) tlog.HashReader {
	cache := map[tlog.Tile][]byte{}
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			t := tlog.TileForIndex(8, x)
			b, ok := cache[t]
			if !ok {
				var err error
				if b, err = l.Tile(ctx, q, int64(t.L), t.N, t.W); err != nil {
					return nil, fmt.Errorf("read tile %d/%d of the ledger: %w", t.L, t.N, err)
				}
				cache[t] = b
			}
			h, err := tlog.HashFromTile(t, b, x)
			if err != nil {
				return nil, err
			}
			out[i] = h
		}
		return out, nil
	})
}

// ProveEntry returns the inclusion proof of entry index in the tree of the given size.
func (l *Log) ProveEntry(ctx context.Context, q store.Q, size, index int64) (tlog.RecordProof, error) {
	return tlog.ProveRecord(size, index, l.reader(ctx, q, size))
}

// ProveTree returns the proof that the tree of size old is a prefix of the tree of the given size.
func (l *Log) ProveTree(ctx context.Context, q store.Q, size, old int64) (tlog.TreeProof, error) {
	return tlog.ProveTree(size, old, l.reader(ctx, q, size))
}

// Verify recomputes the tree from the entries and compares tiles, head and every checkpoint kept. It returns the number of
// entries; an error is a fault that names the first thing that does not hold.
func (l *Log) Verify(ctx context.Context, q store.Q, progress func(done, total int64)) (int64, error) {
	h, err := l.Head(ctx, q)
	if err != nil {
		return 0, err
	}
	type cp struct {
		Size int64  `db:"size"`
		Note []byte `db:"note"`
	}
	points, err := store.All[cp](ctx, q, "SELECT size, note FROM checkpoint ORDER BY size")
	if err != nil {
		return 0, err
	}
	broken := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "The ledger does not hold: "+format, args...).WithNext("Compare with a checkpoint that left this machine, and restore from a backup.")
	}
	var t merkle.Tree
	var bad error
	full := func(made merkle.Tile) {
		if bad != nil {
			return
		}
		b, err := l.Tile(ctx, q, made.Level, made.Index, len(made.Data)/tlog.HashSize)
		if err != nil || string(b) != string(made.Data) {
			bad = broken("tile %d/%d is not the one that its entries give.", made.Level, made.Index)
		}
	}
	check := func() error {
		for len(points) > 0 && points[0].Size == t.N {
			c, err := merkle.OpenCheckpoint(points[0].Note, l.VKey)
			if err != nil {
				return broken("the checkpoint of size %d: %w.", points[0].Size, err)
			}
			if c.Size != t.N || c.Root != t.Root() {
				return broken("the checkpoint of size %d states another root than its entries give.", points[0].Size)
			}
			points = points[1:]
		}
		return nil
	}
	if err := check(); err != nil {
		return 0, err
	}
	last := int64(0)
	for from := int64(0); from < h.Size; from += 4096 {
		type row struct {
			Idx  int64  `db:"idx"`
			Leaf []byte `db:"leaf"`
		}
		rows, err := store.All[row](ctx, q, "SELECT idx, leaf FROM entry WHERE idx >= $1 AND idx < $2 ORDER BY idx", from, min(from+4096, h.Size))
		if err != nil {
			return 0, err
		}
		for _, r := range rows {
			if r.Idx != t.N {
				return 0, broken("entry %d is missing.", t.N)
			}
			leaf, err := merkle.ParseLeaf(r.Leaf)
			if err != nil {
				return 0, broken("entry %d: %w.", r.Idx, err)
			}
			if leaf.At < last {
				return 0, broken("entry %d was recorded before the one above it.", r.Idx)
			}
			last = leaf.At
			t.Add(tlog.RecordHash(r.Leaf), full)
			if bad != nil {
				return 0, bad
			}
			if err := check(); err != nil {
				return 0, err
			}
		}
		if progress != nil {
			progress(t.N, h.Size)
		}
	}
	if t.N != h.Size {
		return 0, broken("it has %d entries, its head says %d.", t.N, h.Size)
	}
	t.Edge(full)
	if bad != nil {
		return 0, bad
	}
	if t.Root() != h.Root {
		return 0, broken("the head's root is not the one that its entries give.")
	}
	if len(points) > 0 {
		return 0, broken("a checkpoint of size %d was signed, but the log has only %d entries.", points[0].Size, h.Size)
	}
	if n, err := store.One[int64](ctx, q, "SELECT count(*) FROM entry"); err != nil || n != h.Size {
		return 0, broken("%d entries lie beyond the head.", n-h.Size)
	}
	return h.Size, nil
}

// Digest is SHA-256, named for what it is used for: the fingerprint of a population, a file or a page.
func Digest(b []byte) [32]byte { return sha256.Sum256(b) }

// CountLeaves counts the entries of one type.
func (l *Log) CountLeaves(ctx context.Context, q store.Q, typ string) (int64, error) {
	n := int64(0)
	h, err := l.Head(ctx, q)
	if err != nil {
		return 0, err
	}
	prefix := []byte(merkle.LeafPrefix(typ))
	for from := int64(0); from < h.Size; from += 8192 {
		leaves, err := l.Entries(ctx, q, from, min(from+8192, h.Size))
		if err != nil {
			return 0, err
		}
		for _, b := range leaves {
			if bytes.HasPrefix(b, prefix) {
				n++
			}
		}
	}
	return n, nil
}

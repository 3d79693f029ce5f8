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
	"sync/atomic"
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
	last   atomic.Int64 // the newest recorded time that was met
	seen   string       // file of the newest checkpoint that was signed here; empty: none is kept
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
	if known != nil {
		if _, err := l.Head(ctx, db); err != nil {
			return nil, err
		}
	} else {
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

// Drift is how far a clock may be behind what was recorded, before that is said.
const Drift = 5 * time.Minute

// Now is the time that everything is judged by: the clock's, and while that is behind, the newest recorded time. What was recorded
// is never in the future, and nothing that was is undone because a clock was set back.
func (l *Log) Now() time.Time {
	now := l.Clock()
	if last := store.Moment(l.last.Load()).Time(); last.After(now) {
		return last
	}
	return now
}

// Behind is how far the clock is behind what was recorded; zero while that is no more than Drift.
func (l *Log) Behind() time.Duration {
	if behind := store.Moment(l.last.Load()).Time().Sub(l.Clock()); behind > Drift {
		return behind.Round(time.Second)
	}
	return 0
}

// met notes a recorded time.
func (l *Log) met(at store.Moment) {
	for old := l.last.Load(); int64(at) > old && !l.last.CompareAndSwap(old, int64(at)); old = l.last.Load() {
	}
}

type head struct {
	Size int64        `db:"size"`
	Root []byte       `db:"root"`
	At   store.Moment `db:"at"`
}

func (l *Log) head(ctx context.Context, q store.Q) (head, error) {
	h, err := store.One[head](ctx, q, "SELECT size, root, at FROM head WHERE one = 1")
	if err != nil {
		return h, fmt.Errorf("read the ledger's head: %w", err)
	}
	l.met(h.At)
	return h, nil
}

// Write runs fn in a writing transaction and integrates the leaves it appended before committing.
func (l *Log) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return l.DB.Write(ctx, func(st *store.Tx) error {
		h, err := l.head(ctx, st)
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
		entries[i] = []any{t.N, packed(leaf)}
		t.Add(tlog.RecordHash(b), put)
	}
	t.Edge(h.Size, put)
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
	h, err := l.head(ctx, q)
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
	list, err := store.All[[]byte](ctx, q, "SELECT leaf FROM entry WHERE idx >= $1 AND idx < $2 ORDER BY idx", from, to)
	for i, kept := range list {
		list[i] = unpack(nil, kept)
	}
	return list, err
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
	return merkle.ParseLeaf(unpack(nil, b))
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
	cache := map[tileAt][]byte{}
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			t := tlog.TileForIndex(8, x) // as narrow as x allows: several may lie in one stored tile
			at := tileAt{int64(t.L), t.N}
			b, ok := cache[at]
			if !ok {
				var err error
				if b, err = store.One[[]byte](ctx, q, "SELECT data FROM tile WHERE level = $1 AND idx = $2", at.level, at.index); err != nil {
					return nil, fmt.Errorf("read tile %d/%d of the ledger: %w", t.L, t.N, err)
				}
				cache[at] = b
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

// Consistency says that the log of one size is the beginning of the log of another.
type Consistency struct {
	Old, New tlog.Tree
	Proof    tlog.TreeProof
}

// Consistent proves, and checks, that the log as it was with old entries is the beginning of the log with size entries; 0 is
// the log as it stands.
func (l *Log) Consistent(ctx context.Context, old, size int64) (Consistency, error) {
	var c Consistency
	err := l.DB.Read(ctx, func(tx *store.Tx) error {
		h, err := l.Head(ctx, tx)
		if err != nil {
			return err
		}
		if size == 0 {
			size = h.Size
		}
		if old < 1 || old > size || size > h.Size {
			return fault.New(fault.Invalid, "There is no proof from %d to %d entries: the log has %d, and the earlier size is from 1 to the later.", old, size, h.Size)
		}
		c.Old, c.New = tlog.Tree{N: old}, tlog.Tree{N: size}
		for _, t := range []*tlog.Tree{&c.Old, &c.New} {
			if t.Hash, err = tlog.TreeHash(t.N, l.reader(ctx, tx, t.N)); err != nil {
				return fmt.Errorf("compute the ledger's root at %d entries: %w", t.N, err)
			}
		}
		if c.Proof, err = l.ProveTree(ctx, tx, size, old); err != nil {
			return fmt.Errorf("prove the ledger from %d to %d entries: %w", old, size, err)
		}
		if err := tlog.CheckTree(c.Proof, size, c.New.Hash, old, c.Old.Hash); err != nil {
			return broken("the first %d of %d entries are not what they were: %w.", old, size, err)
		}
		return nil
	})
	return c, err
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

package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// Verify recomputes the tree from the entries and compares tiles, head and every checkpoint kept. It returns the number of
// entries; an error is a fault that names a thing that does not hold. In q nothing may change meanwhile.
func (l *Log) Verify(ctx context.Context, q store.Q, progress func(done, total int64)) (int64, error) {
	h, err := l.Head(ctx, q)
	if err != nil {
		return 0, err
	}
	a := &audit{vkey: l.VKey, above: map[tileAt][32]byte{}}
	if a.points, err = store.All[point](ctx, q, "SELECT size, note FROM checkpoint ORDER BY size"); err != nil {
		return 0, err
	}
	if err := a.checkpoints(); err != nil {
		return 0, err
	}
	// One reads while the other hashes; a transaction is one connection, so that only one may read.
	reading, stop := context.WithCancel(ctx)
	defer stop()
	blocks, spare := make(chan *block, 2), make(chan *block, 3)
	for range cap(spare) {
		spare <- &block{}
	}
	go func() {
		defer close(blocks)
		for from := int64(0); from < h.Size; from += auditBlock {
			b := <-spare
			b.err = b.read(reading, q, from, min(from+auditBlock, h.Size))
			blocks <- b
			if b.err != nil {
				return
			}
		}
	}()
	var wrong error
	for b := range blocks { // to its end, so that nobody reads any more when we return
		if wrong == nil {
			if wrong = b.err; wrong == nil {
				wrong = a.add(b)
			}
			if wrong != nil {
				stop()
			} else if progress != nil {
				progress(a.tree.N, h.Size)
			}
		}
		spare <- b
	}
	if wrong == nil {
		wrong = a.end(ctx, q, h)
	}
	if wrong != nil {
		return 0, wrong
	}
	return h.Size, nil
}

const auditBlock = 16 * merkle.Width

type point struct {
	Size int64  `db:"size"`
	Note []byte `db:"note"`
}

type tileAt struct{ level, index int64 }

// block is a stretch of the log as the database has it.
type block struct {
	from   int64
	leaves []byte           // each after a zero, as RFC 6962 hashes it
	ends   []int            // of each leaf in leaves; an entry that is missing ends the block
	tiles  map[int64][]byte // of the leaves' hashes
	err    error
}

func (b *block) read(ctx context.Context, q store.Q, from, to int64) error {
	b.from, b.leaves, b.ends, b.tiles = from, b.leaves[:0], b.ends[:0], map[int64][]byte{}
	rows, err := q.Query(ctx, "SELECT idx, leaf FROM entry WHERE idx >= $1 AND idx < $2 ORDER BY idx", from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	var idx int64
	var leaf sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&idx, &leaf); err != nil {
			return err
		}
		if idx != from+int64(len(b.ends)) {
			break
		}
		b.leaves = unpack(append(b.leaves, 0), leaf)
		b.ends = append(b.ends, len(b.leaves))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := rows.Close(); err != nil {
		return err
	}
	type row struct {
		Index int64  `db:"idx"`
		Data  []byte `db:"data"`
	}
	return store.Each(ctx, q, func(r row) error { b.tiles[r.Index] = r.Data; return nil },
		"SELECT idx, data FROM tile WHERE level = 0 AND idx >= $1 AND idx < $2", from/merkle.Width, (to+merkle.Width-1)/merkle.Width)
}

// audit is the tree as the entries give it.
type audit struct {
	vkey   string
	tree   merkle.Tree
	points []point             // still to be reached
	above  map[tileAt][32]byte // SHA-256 of the tiles above the leaves' hashes
	tiles  map[int64][]byte    // of the block under way
	last   int64               // recorded time
	bad    error
}

func broken(format string, args ...any) error {
	return fault.New(fault.Invalid, "The ledger does not hold: "+format, args...).WithNext("Compare with a checkpoint that left this machine, and restore from a backup.")
}

func wrongTile(at tileAt) error {
	return broken("tile %d/%d is not the one that its entries give.", at.level, at.index)
}

func (a *audit) add(b *block) error {
	a.tiles = b.tiles
	begin := 0
	for _, end := range b.ends {
		hashed := b.leaves[begin:end]
		begin = end
		leaf, err := merkle.ParseLeaf(hashed[1:])
		if err != nil {
			return broken("entry %d: %w.", a.tree.N, err)
		}
		if leaf.At < a.last {
			return broken("entry %d was recorded before the one above it.", a.tree.N)
		}
		a.last = leaf.At
		if a.tree.Add(sha256.Sum256(hashed), a.tile); a.bad != nil {
			return a.bad
		}
		if len(a.points) > 0 && a.points[0].Size == a.tree.N {
			if err := a.checkpoints(); err != nil {
				return err
			}
		}
	}
	return nil
}

// tile compares a tile with the stored one; those above the leaves' hashes wait for the end.
func (a *audit) tile(made merkle.Tile) {
	at := tileAt{made.Level, made.Index}
	if at.level > 0 {
		a.above[at] = sha256.Sum256(made.Data)
	} else if a.bad == nil && !bytes.Equal(a.tiles[at.index], made.Data) {
		a.bad = wrongTile(at)
	}
}

func (a *audit) checkpoints() error {
	for len(a.points) > 0 && a.points[0].Size == a.tree.N {
		c, err := merkle.OpenCheckpoint(a.points[0].Note, a.vkey)
		if err != nil {
			return broken("the checkpoint of size %d: %w.", a.points[0].Size, err)
		}
		if c.Size != a.tree.N || c.Root != a.tree.Root() {
			return broken("the checkpoint of size %d states another root than its entries give.", a.points[0].Size)
		}
		a.points = a.points[1:]
	}
	return nil
}

func (a *audit) end(ctx context.Context, q store.Q, h Head) error {
	if a.tree.N != h.Size {
		return broken("entry %d is missing; its head says that there are %d.", a.tree.N, h.Size)
	}
	if a.tree.Edge(0, a.tile); a.bad != nil {
		return a.bad
	}
	if a.tree.Root() != h.Root {
		return broken("the head's root is not the one that its entries give.")
	}
	if len(a.points) > 0 {
		return broken("a checkpoint of size %d was signed, but the log has only %d entries.", a.points[0].Size, h.Size)
	}
	type row struct {
		Level int64  `db:"level"`
		Index int64  `db:"idx"`
		Data  []byte `db:"data"`
	}
	err := store.Each(ctx, q, func(r row) error {
		at := tileAt{r.Level, r.Index}
		if want, ok := a.above[at]; !ok || sha256.Sum256(r.Data) != want {
			return wrongTile(at)
		}
		delete(a.above, at)
		return nil
	}, "SELECT level, idx, data FROM tile WHERE level > 0")
	if err != nil {
		return err
	}
	for at := range a.above {
		return wrongTile(at)
	}
	n, err := store.One[int64](ctx, q, "SELECT count(*) FROM entry")
	if err != nil {
		return fmt.Errorf("count the ledger's entries: %w", err)
	}
	if n != h.Size {
		return broken("%d entries lie beyond the head.", n-h.Size)
	}
	return nil
}

// Package merkle is the format of the ledger: an RFC 6962 tree kept as C2SP tiles, leaves that hold only commitments, signed
// checkpoints and proofs. The one rule: no database and no clock here, so that anyone can verify with this code alone.
package merkle

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Width is the number of hashes in a full tile (C2SP tlog-tiles: tile height 8).
const Width = 256

// Tree is the right edge of the tree: for each tile level the hashes of the tile that is not yet full, and a stack of
// perfect subtrees from which the root follows. The zero value is the empty tree.
type Tree struct {
	N     int64
	edge  [8][]tlog.Hash
	stack []tlog.Hash // largest first
}

// Tile is one tile of hashes, full or the right edge.
type Tile struct {
	Level, Index int64
	Data         []byte // 32 bytes a hash
}

func node(l, r tlog.Hash) tlog.Hash {
	var b [65]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[33:], r[:])
	return sha256.Sum256(b[:])
}

func fold(h []tlog.Hash) tlog.Hash {
	t := append([]tlog.Hash(nil), h...)
	for len(t) > 1 {
		for i := range len(t) / 2 {
			t[i] = node(t[2*i], t[2*i+1])
		}
		t = t[:len(t)/2]
	}
	return t[0]
}

func pack(h []tlog.Hash) []byte {
	b := make([]byte, 0, tlog.HashSize*len(h))
	for i := range h {
		b = append(b, h[i][:]...)
	}
	return b
}

// Add appends one leaf hash and hands every tile that became full to full.
func (t *Tree) Add(h tlog.Hash, full func(Tile)) {
	t.stack = append(t.stack, h)
	t.edge[0] = append(t.edge[0], h)
	height := 0
	for n := t.N; n&1 == 1; n >>= 1 {
		k := len(t.stack)
		t.stack = append(t.stack[:k-2], node(t.stack[k-2], t.stack[k-1]))
		if height++; height%8 == 0 { // the hash of a tile that is full now
			t.edge[height/8] = append(t.edge[height/8], t.stack[k-2])
		}
	}
	t.N++
	for level := range t.edge {
		if len(t.edge[level]) < Width {
			return
		}
		full(Tile{int64(level), t.N>>(8*(level+1)) - 1, pack(t.edge[level])})
		t.edge[level] = t.edge[level][:0]
	}
}

// Root is the tree's root hash.
func (t *Tree) Root() tlog.Hash {
	if t.N == 0 {
		return sha256.Sum256(nil)
	}
	k := len(t.stack) - 1
	h := t.stack[k]
	for k--; k >= 0; k-- {
		h = node(t.stack[k], h)
	}
	return h
}

// Edge hands over the tiles that are not full and are others than when the tree had since leaves; with 0, all of them.
func (t *Tree) Edge(since int64, each func(Tile)) {
	for level := range t.edge {
		if len(t.edge[level]) > 0 && t.N>>(8*level) != since>>(8*level) {
			each(Tile{int64(level), t.N >> (8 * (level + 1)), pack(t.edge[level])})
		}
	}
}

// Clone returns an independent copy.
func (t *Tree) Clone() *Tree {
	c := &Tree{N: t.N, stack: append([]tlog.Hash(nil), t.stack...)}
	for i := range t.edge {
		c.edge[i] = append([]tlog.Hash(nil), t.edge[i]...)
	}
	return c
}

// Load rebuilds the right edge of a tree of n leaves from its stored tiles.
func Load(n int64, tile func(level, index int64) ([]byte, error)) (*Tree, error) {
	t := &Tree{N: n}
	for level := range t.edge {
		w := int(n>>(8*level)) & (Width - 1)
		if w == 0 {
			continue
		}
		b, err := tile(int64(level), n>>(8*(level+1)))
		if err != nil {
			return nil, err
		}
		if len(b) < tlog.HashSize*w {
			return nil, fmt.Errorf("tile %d/%d holds %d hashes, %d were expected", level, n>>(8*(level+1)), len(b)/tlog.HashSize, w)
		}
		for i := range w {
			t.edge[level] = append(t.edge[level], tlog.Hash(b[tlog.HashSize*i:tlog.HashSize*(i+1)]))
		}
	}
	for level := len(t.edge) - 1; level >= 0; level-- {
		e := t.edge[level]
		for w := Width / 2; w > 0; w /= 2 {
			if len(e)&w != 0 {
				t.stack = append(t.stack, fold(e[:w]))
				e = e[w:]
			}
		}
	}
	return t, nil
}

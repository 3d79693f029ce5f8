package ledger

import (
	"context"
	"slices"

	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
)

// A leaf is kept packed: the number of its type, the time in seven bytes with the big end first, and the commitment. That says
// the same as its three lines of text in less than half the bytes. No text of a leaf begins with a byte below 32, so that both
// stand beside each other: what was written before, and what does not fit, is kept as the text.
const packedSize = 1 + 7 + 32

var packedTypes = []string{1: merkle.LeafVersion, merkle.LeafClose, merkle.LeafRun, merkle.LeafResults, merkle.LeafAction, merkle.LeafErasure, merkle.LeafManifest}

// packed is the leaf as the database keeps it.
func packed(l merkle.Leaf) []byte {
	n := slices.Index(packedTypes, l.Type)
	if n < 1 || l.At < 0 || l.At >= 1<<56 {
		return l.Bytes()
	}
	b := make([]byte, 0, packedSize)
	b = append(b, byte(n))
	for shift := 48; shift >= 0; shift -= 8 {
		b = append(b, byte(l.At>>shift))
	}
	return append(b, l.Commitment[:]...)
}

// unpack appends the leaf as it stands in the log. What is no packed leaf is appended as it is.
func unpack(b, kept []byte) []byte {
	if len(kept) != packedSize || kept[0] < 1 || int(kept[0]) >= len(packedTypes) {
		return append(b, kept...)
	}
	l := merkle.Leaf{Type: packedTypes[kept[0]], Commitment: [32]byte(kept[8:])}
	for _, x := range kept[1:8] {
		l.At = l.At<<8 | int64(x)
	}
	return l.AppendTo(b)
}

// Leaves returns those of the entries that are there, parsed.
func (l *Log) Leaves(ctx context.Context, q store.Q, entries []int64) (map[int64]merkle.Leaf, error) {
	type row struct {
		Index int64  `db:"idx"`
		Leaf  []byte `db:"leaf"`
	}
	out := make(map[int64]merkle.Leaf, len(entries))
	for some := range slices.Chunk(entries, 200) {
		args := make([]any, len(some))
		for i, n := range some {
			args[i] = n
		}
		err := store.Each(ctx, q, func(r row) (err error) {
			out[r.Index], err = merkle.ParseLeaf(unpack(nil, r.Leaf))
			return err
		}, "SELECT idx, leaf FROM entry WHERE idx IN ("+store.Marks(1, len(some))+")", args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

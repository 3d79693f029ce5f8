package record

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// A source's own bytes say what the body says, in another order and spelling. So they are kept as pieces of the body and what
// stands between: the length of the whole, and then in turn so many new bytes, and so many of the body from some place.

const (
	alikePiece = 6  // bytes that must be equal before a piece is looked for
	alikeBits  = 13 // of the table of pieces, for a body of some kilobytes
	alikeMost  = 20 // for the largest
)

// alike appends raw, told by body, to b.
func alike(b, raw, body []byte) []byte {
	var few [1 << alikeBits]int32 // by the hash of a piece: where it last began in the body, plus one
	at, shift := few[:], 64-alikeBits
	if n := bits.Len(uint(len(body))); n > alikeBits {
		at, shift = make([]int32, 1<<min(n, alikeMost)), 64-min(n, alikeMost)
	}
	piece := func(p []byte) uint32 {
		v := binary.LittleEndian.Uint64(p) << (64 - 8*alikePiece)
		return uint32(v * 0x9E3779B185EBCA87 >> shift)
	}
	for i := 0; i+8 <= len(body); i++ {
		at[piece(body[i:])] = int32(i + 1)
	}
	b = binary.AppendUvarint(b, uint64(len(raw)))
	next, begun := 0, 0 // where in the body the last piece ended, and in raw
	for i := 0; i+8 <= len(raw); {
		from := int(at[piece(raw[i:])]) - 1
		if from < 0 {
			i++
			continue
		}
		n := 0
		for i+n < len(raw) && from+n < len(body) && raw[i+n] == body[from+n] {
			n++
		}
		if n < alikePiece {
			i++
			continue
		}
		for i > begun && from > 0 && raw[i-1] == body[from-1] {
			i, from, n = i-1, from-1, n+1
		}
		b = append(binary.AppendUvarint(b, uint64(i-begun)), raw[begun:i]...)
		b = binary.AppendVarint(binary.AppendUvarint(b, uint64(n)), int64(from-next))
		i += n
		next, begun = from+n, i
	}
	return append(binary.AppendUvarint(b, uint64(len(raw)-begun)), raw[begun:]...)
}

var errAlike = errors.New("the source's own bytes do not fit the body beside them")

// unlike is raw again.
func unlike(told, body []byte) ([]byte, error) {
	number := func() uint64 {
		v, n := binary.Uvarint(told)
		if n <= 0 {
			told = nil
			return 1 << 62
		}
		told = told[n:]
		return v
	}
	size := number()
	if size > 4*MaxBody {
		return nil, errAlike
	}
	out := make([]byte, 0, size)
	for next := int64(0); ; {
		n := number()
		if n > uint64(len(told)) {
			return nil, errAlike
		}
		out, told = append(out, told[:n]...), told[n:]
		if uint64(len(out)) >= size {
			break
		}
		n = number()
		by, k := binary.Varint(told)
		if k <= 0 {
			return nil, errAlike
		}
		told = told[k:]
		from := next + by
		if n == 0 || from < 0 || from > int64(len(body)) || n > uint64(len(body))-uint64(from) || n > size-uint64(len(out)) {
			return nil, errAlike
		}
		out, next = append(out, body[from:from+int64(n)]...), from+int64(n)
	}
	if uint64(len(out)) != size || len(told) > 0 {
		return nil, errAlike
	}
	return out, nil
}

// Package sample is the arithmetic of audit sampling: what a population commits to, which items a seed gives, how many items
// an extent asks for, and what results point at. The one rule: no database, no clock and no chance but the bytes it is given,
// so that anyone reaches the same items with another program; docs/sampling.md says how.
package sample

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"

	"tickmark/internal/ledger/merkle"
)

// NoTime stands for the time of a row that happened at no moment, such as one of a list that holds on a day.
const NoTime = merkle.NoTime

// minSalt is the least length of a salt in bytes: what is shorter can be guessed, and the row with it. By so many bytes salts
// must differ.
const minSalt = 16

// Hash is a SHA-256; as text, 64 lower-case hexadecimal digits.
type Hash [32]byte

func (h Hash) String() string               { return hex.EncodeToString(h[:]) }
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes, in that one spelling.
func (h *Hash) UnmarshalText(b []byte) error { return readHex((*[32]byte)(h), b) }

func readHex(into *[32]byte, b []byte) error {
	var read [32]byte
	if len(b) != 2*len(read) {
		return fmt.Errorf("%q has not 64 hexadecimal digits", b)
	}
	if _, err := hex.Decode(read[:], b); err != nil || hex.EncodeToString(read[:]) != string(b) {
		return fmt.Errorf("%q is not spelt in lower-case hexadecimal digits", b)
	}
	*into = read
	return nil
}

// Row is what stands of an occurrence in a population for ever. It names nobody: time and location are in clear because the
// draw rests on them, the rest is behind the commitment.
type Row struct {
	At         int64  // when it occurred, in microseconds since 1970, UTC; NoTime when at no moment
	Location   string // the system, site or team it belongs to, where a population has several; names no person
	Commitment Hash
}

// Opening is what a row's commitment hides. Destroying it erases the row, and every draw goes on being the same.
type Opening struct {
	Salt    []byte // random, of this row alone, at least 16 bytes
	Key     string // which occurrence it is; no other row of the population has it
	Content []byte // what the population shows of it, UTF-8
}

// Commitment is SHA-256 over the salted key and the salted content, so that one of them can be shown without the other.
func (o Opening) Commitment() Hash {
	key, content := merkle.Hide(o.Salt, "key", []byte(o.Key)), merkle.Hide(o.Salt, "content", o.Content)
	return merkle.Commit([]byte("tickmark row v1"), key[:], content[:])
}

// leaf is the row's leaf hash (RFC 6962) over time, commitment and location; the location may have any length and stands last.
func (r Row) leaf() [32]byte {
	b := make([]byte, 0, 128)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(r.At))
	b = append(b, r.Commitment[:]...)
	b = append(b, r.Location...)
	return sha256.Sum256(b)
}

// Compare is the canonical order: by time of occurrence, what occurred at one moment by commitment. It rests on nothing that
// an erasure takes away.
func Compare(a, b Row) int {
	return cmp.Or(cmp.Compare(a.At, b.At), bytes.Compare(a.Commitment[:], b.Commitment[:]))
}

// Population takes rows in canonical order and keeps no more of them than the right edge of the tree, so that any number
// can stream through. The zero value has no rows, which is a population too.
type Population struct {
	n    int
	last Row
	tree merkle.Tree
}

// Add takes the next row. A row that is out of order, or that stands there twice, is refused.
func (p *Population) Add(r Row) error {
	if !utf8.ValidString(r.Location) {
		return fmt.Errorf("row %d has a location that is not UTF-8", p.n)
	}
	if r.At > NoTime {
		return fmt.Errorf("row %d has a time beyond all times", p.n)
	}
	if p.n > 0 {
		switch c := Compare(p.last, r); {
		case c == 0:
			return fmt.Errorf("row %d is row %d again", p.n, p.n-1)
		case c > 0:
			return fmt.Errorf("row %d stands after row %d and belongs before it", p.n, p.n-1)
		}
	}
	p.n, p.last = p.n+1, r
	p.tree.Add(r.leaf(), func(merkle.Tile) {})
	return nil
}

// Len is the number of rows, N.
func (p *Population) Len() int { return p.n }

// Hash is the population's hash: the root of the RFC 6962 tree over its rows; of no rows, SHA-256 of nothing.
func (p *Population) Hash() Hash { return Hash(p.tree.Root()) }

// HashOf is the hash of rows that stand in canonical order.
func HashOf(rows []Row) (Hash, error) {
	var p Population
	for _, r := range rows {
		if err := p.Add(r); err != nil {
			return Hash{}, err
		}
	}
	return p.Hash(), nil
}

// Occurrence is a row with its opening, as it is delivered.
type Occurrence struct {
	At       int64
	Location string
	Opening
}

// Frozen is a population that was delivered: nothing of it is added, taken out or moved without another hash.
type Frozen struct {
	Rows  []Row // in canonical order
	Order []int // of each row, which of the delivered occurrences it is, counted from 0
	Hash  Hash
}

// Freeze commits to occurrences, in whatever order they come. It refuses a key that comes twice, for such a row would be
// twice as likely to be drawn, a salt that hides nothing or was used before, and text that is not UTF-8. It keeps about 150
// bytes of each, whatever its content.
func Freeze(delivered iter.Seq[Occurrence]) (Frozen, error) {
	type placed struct {
		Row
		nth int
	}
	var all []placed
	keys, salts := map[[16]byte]struct{}{}, map[[16]byte]struct{}{}
	for o := range delivered {
		if len(o.Salt) < minSalt {
			return Frozen{}, fmt.Errorf("the salt of occurrence %q has %d bytes; at least %d hide what it holds", o.Key, len(o.Salt), minSalt)
		}
		salt, named := [16]byte(o.Salt), sha256.Sum256([]byte(o.Key))
		key := [16]byte(named[:]) // half a SHA-256, which nobody finds twice by chance
		_, salted := salts[salt]
		_, again := keys[key]
		switch {
		case o.Key == "":
			return Frozen{}, fmt.Errorf("occurrence %d has no key", len(all))
		case !utf8.ValidString(o.Key) || !utf8.Valid(o.Content):
			return Frozen{}, fmt.Errorf("occurrence %q is not UTF-8", o.Key)
		case again:
			return Frozen{}, fmt.Errorf("occurrence %q is delivered twice", o.Key)
		case salted:
			return Frozen{}, fmt.Errorf("the salt of occurrence %q is another's too", o.Key)
		}
		keys[key], salts[salt] = struct{}{}, struct{}{}
		all = append(all, placed{Row{o.At, o.Location, o.Commitment()}, len(all)})
	}
	slices.SortFunc(all, func(a, b placed) int { return Compare(a.Row, b.Row) })
	f := Frozen{make([]Row, len(all)), make([]int, len(all)), Hash{}}
	for i, p := range all {
		f.Rows[i], f.Order[i] = p.Row, p.nth
	}
	var err error
	f.Hash, err = HashOf(f.Rows)
	return f, err
}

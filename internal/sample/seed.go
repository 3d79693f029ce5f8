package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"

	"tickmark/internal/ledger/merkle"
)

// Nonce is 256 random bits that the firm makes for one control and keeps to itself until the sample is released.
type Nonce [32]byte

// Commitment is what the firm logs, signed, with the request and before the population is delivered: SHA-256 of the nonce.
func (n Nonce) Commitment() Hash             { return sha256.Sum256(n[:]) }
func (n Nonce) String() string               { return hex.EncodeToString(n[:]) }
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads what MarshalText writes, in that one spelling.
func (n *Nonce) UnmarshalText(b []byte) error { return readHex((*[32]byte)(n), b) }

// Seed decides a draw. Neither side can foresee it: the company does not know the nonce, and the firm fixed the nonce before
// it knew the population.
type Seed [32]byte

// SeedOf is SHA-256 over the length-prefixed engagement, control, hash of the population and nonce.
func SeedOf(engagement, control string, population Hash, nonce Nonce) (Seed, error) {
	if engagement == "" || control == "" {
		return Seed{}, errors.New("a seed needs the ids of an engagement and of a control")
	}
	return merkle.Commit([]byte(engagement), []byte(control), population[:], nonce[:]), nil
}

// Simulated is the seed of a sample that a company draws from its own population to see whether it is ready. It has nothing
// to do with any nonce of a firm, and no engagement's seed is made like it.
func Simulated(random [32]byte) Seed {
	return merkle.Commit([]byte("tickmark simulated sample v1"), random[:])
}

func (s Seed) String() string               { return hex.EncodeToString(s[:]) }
func (s Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText writes, in that one spelling.
func (s *Seed) UnmarshalText(b []byte) error { return readHex((*[32]byte)(s), b) }

// extension is the seed of the extension with that number, from 1. Its size is in it, so that another size is another draw.
func (s Seed) extension(number, size int) Seed {
	return merkle.Commit([]byte("tickmark extension v1"), s[:], merkle.Int(int64(number)), merkle.Int(int64(size)))
}

// location is the seed of the draw from one location.
func (s Seed) location(name string) Seed {
	return merkle.Commit([]byte("tickmark location v1"), s[:], []byte(name))
}

// below is the j-th number of a run, from 0 to m-1: SHA-256 of seed and run index, and after the first also of j, as one
// unsigned number, modulo m. No m that occurs makes one number likelier than another by more than 2 to the power -200.
func (s Seed) below(run, j, m int) int {
	b := make([]byte, 0, 48)
	b = append(b, s[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(run))
	if j > 0 {
		b = binary.BigEndian.AppendUint64(b, uint64(j))
	}
	h := sha256.Sum256(b)
	var rest uint64
	for i := 0; i < len(h); i += 8 {
		rest = bits.Rem64(rest, binary.BigEndian.Uint64(h[i:]), uint64(m))
	}
	return int(rest)
}

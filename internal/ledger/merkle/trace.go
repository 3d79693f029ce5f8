package merkle

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// Answer is an answer of a source of which something was made, as the record of its run commits to it.
type Answer struct {
	N       int64    // its number among the questions of the run
	SHA256  [32]byte // of the unedited answer
	Kept    [32]byte // of the bytes that were kept, where they were edited; zero where they are the unedited ones
	Request string
	Status  string
	At      int64  // microseconds
	Unkept  string // why no bytes were kept, as a sentence; empty where they were
}

// Commitment tells nothing to whoever has not the hash of the unedited answer, which nobody has without its bytes: so it can stand in
// the place of an answer that is not shown.
func (a Answer) Commitment() [32]byte {
	return Commit([]byte("tickmark answer v1"), Int(a.N), a.SHA256[:], a.Kept[:], []byte(a.Request), []byte(a.Status), Int(a.At), []byte(a.Unkept))
}

// Trace says of which answers of its run a version was made.
type Trace struct {
	Entry   int64   // of the version
	Answers []int64 // their numbers, rising
}

// Traced is the digest in a run's record over its answers, in order of their numbers, and the versions that were made of them, in
// order of their entries: it is SHA-256("tickmark traces v1" 0x00 Int(run) Int(number of answers) the commitments, and for each
// version Int(entry) Int(number of its answers) and Int of each).
func Traced(run int64, answers [][32]byte, traces []Trace) [32]byte {
	t := Tracing(run, answers)
	for _, v := range traces {
		t.Add(v)
	}
	return t.Sum()
}

// Traces makes what Traced does of versions that come one by one, so that a million need not be held.
type Traces struct {
	h hash.Hash
	b []byte
}

// Tracing begins with the answers of a run.
func Tracing(run int64, answers [][32]byte) *Traces {
	t := &Traces{h: sha256.New()}
	t.h.Write([]byte("tickmark traces v1\x00"))
	b := append(Int(run), Int(int64(len(answers)))...)
	for _, a := range answers {
		b = append(b, a[:]...)
	}
	t.h.Write(b)
	return t
}

// Add is for each version, in order of their entries.
func (t *Traces) Add(v Trace) {
	t.b = binary.BigEndian.AppendUint64(t.b[:0], uint64(v.Entry))
	t.b = binary.BigEndian.AppendUint64(t.b, uint64(len(v.Answers)))
	for _, n := range v.Answers {
		t.b = binary.BigEndian.AppendUint64(t.b, uint64(n))
	}
	t.h.Write(t.b)
}

// Sum is the digest.
func (t *Traces) Sum() [32]byte { return [32]byte(t.h.Sum(nil)) }

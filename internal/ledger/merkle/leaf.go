package merkle

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// What a leaf commits to.
const (
	LeafVersion  = "version"  // a record version came to hold
	LeafClose    = "close"    // a version ceased to hold with no successor
	LeafRun      = "run"      // a collection: time, scope, counts, population digest, collector
	LeafResults  = "results"  // the root over a check's changed answers in one evaluation
	LeafAction   = "action"   // something a person or job did
	LeafErasure  = "erasure"  // bodies were destroyed, with their salts or by a rule of retention; by whom and why
	LeafManifest = "manifest" // a package was made
)

const leafHeader = "tickmark/v1 "

// Leaf is one entry of the log: what happened, when it was recorded, and a commitment, never data.
type Leaf struct {
	Type       string
	At         int64 // microseconds since 1970, UTC
	Commitment [32]byte
}

// Bytes is the leaf as it stands in the log: three lines of text.
func (l Leaf) Bytes() []byte { return l.AppendTo(make([]byte, 0, 96)) }

// AppendTo appends Bytes.
func (l Leaf) AppendTo(b []byte) []byte {
	b = append(b, leafHeader...)
	b = append(b, l.Type...)
	b = append(b, '\n')
	b = strconv.AppendInt(b, l.At, 10)
	b = append(b, '\n')
	b = base64.StdEncoding.AppendEncode(b, l.Commitment[:])
	return append(b, '\n')
}

// ParseLeaf reads what Bytes writes and nothing else.
func ParseLeaf(b []byte) (Leaf, error) {
	typ, rest, _ := bytes.Cut(b, []byte("\n"))
	at, rest, _ := bytes.Cut(rest, []byte("\n"))
	commitment, rest, ended := bytes.Cut(rest, []byte("\n"))
	if !ended || len(rest) > 0 || !bytes.HasPrefix(typ, []byte(leafHeader)) {
		return Leaf{}, fmt.Errorf("not a ledger leaf: %q", b)
	}
	l := Leaf{Type: leafType(typ[len(leafHeader):])}
	var err error
	if l.At, err = strconv.ParseInt(string(at), 10, 64); err != nil {
		return Leaf{}, fmt.Errorf("ledger leaf with time %q", at)
	}
	var c [33]byte
	if len(commitment) != base64.StdEncoding.EncodedLen(32) {
		return Leaf{}, fmt.Errorf("ledger leaf with commitment %q", commitment)
	}
	if n, err := base64.StdEncoding.Decode(c[:], commitment); err != nil || n != 32 {
		return Leaf{}, fmt.Errorf("ledger leaf with commitment %q", commitment)
	}
	l.Commitment = [32]byte(c[:32])
	var again [128]byte
	if !bytes.Equal(l.AppendTo(again[:0]), b) {
		return Leaf{}, fmt.Errorf("ledger leaf in another spelling: %q", b)
	}
	return l, nil
}

// leafType is the type's name; the known ones take no memory, for a log holds millions.
func leafType(b []byte) string {
	for _, t := range [...]string{LeafVersion, LeafClose, LeafRun, LeafResults, LeafAction, LeafErasure, LeafManifest} {
		if string(b) == t {
			return t
		}
	}
	return string(b)
}

// NewSalt returns 16 random bytes. A salt is kept with the data it hides and destroyed with it; what is left in the log then
// says that something stood there and nothing of what it was.
func NewSalt() []byte {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return b
}

// Hide is the salted hash of one named part of a commitment.
func Hide(salt []byte, name string, value []byte) [32]byte {
	buf := make([]byte, 0, len(salt)+len(name)+1+len(value))
	buf = append(buf, salt...)
	buf = append(buf, name...)
	buf = append(buf, 0)
	buf = append(buf, value...)
	return sha256.Sum256(buf)
}

// Commit is SHA-256 over the length-prefixed parts (each length as 8 bytes, big end first).
func Commit(parts ...[]byte) [32]byte {
	n := 0
	for _, p := range parts {
		n += 8 + len(p)
	}
	buf := make([]byte, 0, n)
	for _, p := range parts {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(p)))
		buf = append(buf, p...)
	}
	return sha256.Sum256(buf)
}

// Int is a number as a part of a commitment.
func Int(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// Checkpoint is a statement of the tree's size and root.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
}

// Text is the C2SP checkpoint body that is signed.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// Sign returns the signed note.
func (c Checkpoint) Sign(s note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.Text()}, s)
}

// OpenCheckpoint verifies a signed checkpoint against a verifier key (vkey) and returns what it states.
func OpenCheckpoint(signed []byte, vkey string) (Checkpoint, error) {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the verifier key is not one: %w", err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint is not signed by %s: %w", v.Name(), err)
	}
	f := strings.SplitN(n.Text, "\n", 4)
	if len(f) < 4 || f[3] != "" {
		return Checkpoint{}, fmt.Errorf("the checkpoint has not three lines")
	}
	size, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != f[1] {
		return Checkpoint{}, fmt.Errorf("the checkpoint's size is %q", f[1])
	}
	root, err := base64.StdEncoding.DecodeString(f[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("the checkpoint's root is %q", f[2])
	}
	if f[0] != v.Name() {
		return Checkpoint{}, fmt.Errorf("the checkpoint's origin is %q, the key's is %q", f[0], v.Name())
	}
	return Checkpoint{f[0], size, tlog.Hash(root)}, nil
}

// LeafPrefix is how the bytes of every leaf of a type begin.
func LeafPrefix(typ string) string { return leafHeader + typ + "\n" }

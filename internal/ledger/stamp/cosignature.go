package stamp

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Witness is the public key of a C2SP witness (tlog-cosignature): whoever holds the other half has seen a checkpoint, and that
// the log goes on from every one it saw before.
type Witness struct {
	VKey string
	name string
	hash uint32
	key  ed25519.PublicKey
}

const cosignatureV1 = 4 // what the key's first byte says it is for

// ParseWitness reads a verifier key, name+hash+key.
func ParseWitness(vkey string) (*Witness, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, text, _ := strings.Cut(rest, "+")
	sum, err := strconv.ParseUint(hash, 16, 32)
	key, wrong := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || wrong != nil || len(hash) != 8 || name == "" || strings.ContainsAny(name, " \t\r\n") {
		return nil, fmt.Errorf("%q is no witness's verifier key: it looks like name+hash+key", vkey)
	}
	if len(key) != 1+ed25519.PublicKeySize || key[0] != cosignatureV1 {
		return nil, fmt.Errorf("the key of %s is not one for cosignatures (Ed25519, cosignature/v1)", name)
	}
	if own := sha256.Sum256(append([]byte(name+"\n"), key...)); binary.BigEndian.Uint32(own[:]) != uint32(sum) {
		return nil, fmt.Errorf("the key of %s was mistyped: its hash is another", name)
	}
	return &Witness{vkey, name, uint32(sum), key[1:]}, nil
}

// Name, KeyHash and Verify make the witness a note.Verifier.
func (w *Witness) Name() string    { return w.name }
func (w *Witness) KeyHash() uint32 { return w.hash }
func (w *Witness) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= math.MaxInt64 && ed25519.Verify(w.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text), sig[8:])
}

// Cosigned finds this witness's cosignature over a signed checkpoint among the lines that it answered with, and verifies it.
func (w *Witness) Cosigned(lines, signed []byte) (line string, s Statement, err error) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return "", s, errors.New("it is over no checkpoint")
	}
	n, err := note.Open(slices.Concat(text, []byte("\n\n"), lines), note.VerifierList(w))
	var unsigned *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unsigned):
		return "", s, fmt.Errorf("there is no cosignature by %s", w.name)
	case err != nil:
		return "", s, fmt.Errorf("its cosignature does not hold: %w", err)
	}
	raw, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil {
		return "", s, err
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(raw[4:])), 0).UTC()
	return fmt.Sprintf("— %s %s\n", w.name, n.Sigs[0].Base64), Statement{At: at, Authority: w.name}, nil
}

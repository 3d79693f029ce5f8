// Package signature holds the auditors' own keys, and what they sign with them. The one rule: the private half is made and kept by the
// auditor, in a file sealed with a passphrase, and never reaches a workspace: who runs the workspace can sign nothing in an auditor's name.
package signature

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/argon2"

	"tickmark/internal/fault"
)

const keyFormat = "tickmark auditor key v1"

// MinPassphrase is how many characters a passphrase has at least.
const MinPassphrase = 12

// file is a key as it is kept: the private half sealed with AES-256-GCM under a key that Argon2id makes of the passphrase.
type file struct {
	Format string `json:"format"`
	Public string `json:"public"`
	Salt   []byte `json:"salt"`
	Nonce  []byte `json:"nonce"`
	Sealed []byte `json:"sealed"`
}

func seal(passphrase string, salt []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(argon2.IDKey([]byte(passphrase), salt, 3, 64<<10, 2, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

// NewKey makes a key, sealed with a passphrase, as the bytes of its file, and its public half as it is put on record.
func NewKey(passphrase string) (sealed []byte, public string, err error) {
	if len([]rune(passphrase)) < MinPassphrase {
		return nil, "", fault.New(fault.Invalid, "The passphrase has fewer than %d characters.", MinPassphrase).WithNext("Take several words.")
	}
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	f := file{Format: keyFormat, Public: base64.StdEncoding.EncodeToString(pub), Salt: make([]byte, 16), Nonce: make([]byte, 12)}
	rand.Read(f.Salt)
	rand.Read(f.Nonce)
	a, err := seal(passphrase, f.Salt)
	if err != nil {
		return nil, "", err
	}
	f.Sealed = a.Seal(nil, f.Nonce, private.Seed(), []byte(keyFormat+"\n"+f.Public))
	b, err := json.Marshal(f)
	return append(b, '\n'), f.Public, err
}

// OpenKey opens a key's file.
func OpenKey(b []byte, passphrase string) (ed25519.PrivateKey, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil || f.Format != keyFormat || len(f.Nonce) != 12 {
		return nil, fault.New(fault.Invalid, "The file is no auditor's key.")
	}
	a, err := seal(passphrase, f.Salt)
	if err != nil {
		return nil, err
	}
	seed, err := a.Open(nil, f.Nonce, f.Sealed, []byte(keyFormat+"\n"+f.Public))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fault.New(fault.Denied, "The key does not open: the passphrase is another, or the file was changed.")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// PublicOf is the public half that a key's file names.
func PublicOf(b []byte) (string, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil || f.Format != keyFormat {
		return "", fault.New(fault.Invalid, "The file is no auditor's key.")
	}
	_, err := parse(f.Public)
	return f.Public, err
}

func parse(public string) (ed25519.PublicKey, error) {
	b, err := base64.StdEncoding.DecodeString(public)
	if err != nil || len(b) != ed25519.PublicKeySize {
		return nil, fault.New(fault.Invalid, "The key is no Ed25519 public key in base64.")
	}
	return b, nil
}

// Fingerprint names a public key, for people to compare.
func Fingerprint(public string) string {
	sum := sha256.Sum256([]byte(public))
	var out []string
	for g := range slices.Chunk([]byte(hex.EncodeToString(sum[:16])), 4) {
		out = append(out, string(g))
	}
	return strings.Join(out, " ")
}

// text is what is signed: what the signer says of which version of which record of which engagement.
func text(engagement, act, kind, key, hash, person string) []byte {
	quoted, _ := json.Marshal([]string{engagement, act, kind, key, hash, person})
	return append([]byte("tickmark signature v1\n"), append(quoted, '\n')...)
}

// Sign signs that a person says act of a version, named by the SHA-256 of its body.
func Sign(private ed25519.PrivateKey, engagement, act, kind, key, hash, person string) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(private, text(engagement, act, kind, key, hash, person)))
}

// Holds reports whether a signature is that of a public key over what Sign signs.
func Holds(public, signature, engagement, act, kind, key, hash, person string) bool {
	pub, err := parse(public)
	if err != nil {
		return false
	}
	s, err := base64.StdEncoding.DecodeString(signature)
	return err == nil && ed25519.Verify(pub, text(engagement, act, kind, key, hash, person), s)
}

// Public is the public half of a key, as it is put on record.
func Public(private ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
}

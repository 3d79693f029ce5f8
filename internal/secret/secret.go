// Package secret seals and opens credentials. The one rule: a Value never prints itself, and a sealed value opens only
// under the connection and setting it was sealed for.
//
// The keys lie in one file in the data directory, readable by its owner alone: whoever reads that file and the database
// reads every credential, so the file belongs in a different backup than the database.
package secret

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"

	"tickmark/internal/fault"
)

// Place is where a sealed value belongs. It is authenticated with the value, so that a value copied into another
// connection's row, where someone else could read it or send it to a server of theirs, does not open.
type Place struct{ Connection, Setting string }

// Keys seals, opens and digests. It is safe for concurrent use.
type Keys struct {
	path string

	mu      sync.RWMutex
	sealing *keyset.Handle
	digest  *keyset.Handle
	aead    tink.AEAD
	prf     *prf.Set
}

// file is the key file: two Tink keysets. Sealing holds every key ever used, the newest primary; digest holds one key that
// is never rotated, because a digest that changes would look like a changed secret.
type file struct {
	Sealing json.RawMessage `json:"sealing"`
	Digest  json.RawMessage `json:"digest"`
}

// Open reads the key file at path, and makes it with fresh keys on first use. A file that others can read is refused.
func Open(path string) (*Keys, error) {
	k := &Keys{path: path}
	err := k.load()
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if k.sealing, err = keyset.NewHandle(aead.AES256GCMKeyTemplate()); err != nil {
		return nil, fmt.Errorf("make a sealing key: %w", err)
	}
	if k.digest, err = keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()); err != nil {
		return nil, fmt.Errorf("make a digest key: %w", err)
	}
	// Link refuses to replace a file, so that of two processes starting at once one makes the keys and both use them.
	err = k.store(func(temp string) error {
		if err := os.Link(temp, path); !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The key file %s cannot be made: %w.", path, err).WithNext("Check that you own the folder and that the disk is writable.")
	}
	return k, k.load()
}

// Seal encrypts v for its place under the newest key.
func (k *Keys) Seal(at Place, v Value) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	b, err := k.aead.Encrypt([]byte(v.Reveal()), at.bytes())
	if err != nil {
		return nil, fmt.Errorf("seal %s of %s: %w", at.Setting, at.Connection, err)
	}
	return b, nil
}

// Open decrypts what Seal made for the same place, under whichever key it was sealed.
func (k *Keys) Open(at Place, sealed []byte) (Value, error) {
	b, err := k.open(at, sealed)
	if err != nil && k.load() == nil { // another process may have added a key since
		b, err = k.open(at, sealed)
	}
	if err != nil {
		return Value{}, fault.New(fault.Unavailable, "The %s of %s does not open with the keys in %s.", at.Setting, at.Connection, k.path).
			WithNext("Restore the key file that belongs to this workspace, or enter the value again.")
	}
	return Of(string(b)), nil
}

func (k *Keys) open(at Place, sealed []byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.aead.Decrypt(sealed, at.bytes())
}

// Stale reports whether sealed was sealed under an older key than the newest; Open and Seal it again to move it on.
func (k *Keys) Stale(sealed []byte) bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	primary, err := k.sealing.Primary()
	return err != nil || len(sealed) < 5 || binary.BigEndian.Uint32(sealed[1:5]) != primary.KeyID() // Tink's prefix: version, key id
}

// Rotate adds a key and seals with it from now on. Everything sealed before still opens.
func (k *Keys) Rotate() error {
	if err := k.load(); err != nil { // begin from what is on disk: another process may have rotated
		return err
	}
	k.mu.Lock()
	m := keyset.NewManagerFromHandle(k.sealing)
	id, err := m.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = m.SetPrimary(id)
	}
	if err == nil {
		k.sealing, err = m.Handle()
	}
	k.mu.Unlock()
	if err != nil {
		return fmt.Errorf("add a sealing key: %w", err)
	}
	if err := k.store(func(temp string) error { return os.Rename(temp, k.path) }); err != nil {
		return errors.Join(fault.New(fault.Unavailable, "The key file %s cannot be replaced: %w.", k.path, err).WithNext("Nothing was sealed with the new key; free some space and try again."), k.load())
	}
	return k.load()
}

// Digest is a keyed digest of value that only this workspace's keys can make: equal values of one purpose give equal
// digests, and nobody without the key file can try guesses against one. It survives Rotate.
func (k *Keys) Digest(purpose string, value []byte) string {
	k.mu.RLock()
	defer k.mu.RUnlock()
	d, err := k.prf.ComputePrimaryPRF(Place{purpose, string(value)}.bytes(), 32)
	if err != nil {
		panic("secret: digest: " + err.Error()) // HMAC-SHA256 of 32 bytes cannot fail once the key is loaded
	}
	return "hmac-sha256:" + hex.EncodeToString(d)
}

// bytes is unambiguous: each part is preceded by its length.
func (p Place) bytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(p.Connection)))
	b = append(b, p.Connection...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(p.Setting)))
	return append(b, p.Setting...)
}

func (k *Keys) load() error {
	info, err := os.Stat(k.path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return fault.New(fault.Denied, "The key file %s can be read by others (mode %04o).", k.path, mode).
			WithNext("Run chmod 600 on it; if others use this machine, replace the credentials that were sealed with it.")
	}
	b, err := os.ReadFile(k.path)
	if err != nil {
		return fault.New(fault.Unavailable, "The key file %s cannot be read: %w.", k.path, err).WithNext("Check who owns it.")
	}
	next := Keys{}
	if err := next.parse(b); err != nil {
		// The cause is left out: it may quote the file.
		return fault.New(fault.Unavailable, "The key file %s is damaged or is not one.", k.path).WithNext("Restore it from its backup.")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sealing, k.digest, k.aead, k.prf = next.sealing, next.digest, next.aead, next.prf
	return nil
}

func (k *Keys) parse(b []byte) (err error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if k.sealing, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.Sealing))); err != nil {
		return err
	}
	if k.digest, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.Digest))); err != nil {
		return err
	}
	if k.aead, err = aead.New(k.sealing); err != nil {
		return err
	}
	k.prf, err = prf.NewPRFSet(k.digest)
	return err
}

// store writes the keys to a temporary file beside path, syncs it and lets place put it under its name.
func (k *Keys) store(place func(temp string) error) error {
	var sealing, digest bytes.Buffer
	k.mu.RLock()
	err := errors.Join(
		insecurecleartextkeyset.Write(k.sealing, keyset.NewJSONWriter(&sealing)),
		insecurecleartextkeyset.Write(k.digest, keyset.NewJSONWriter(&digest)))
	k.mu.RUnlock()
	if err != nil {
		return err
	}
	b, err := json.Marshal(file{sealing.Bytes(), digest.Bytes()})
	if err != nil {
		return err
	}
	dir := filepath.Dir(k.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	t, err := os.CreateTemp(dir, ".keys-*") // 0600 by definition
	if err != nil {
		return err
	}
	defer os.Remove(t.Name())
	_, err = t.Write(b)
	if err = errors.Join(err, t.Sync(), t.Close()); err != nil {
		return err
	}
	if err := place(t.Name()); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && runtime.GOOS != "windows" {
		return err
	}
	return nil
}

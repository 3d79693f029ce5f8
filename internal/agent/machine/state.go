package machine

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"tickmark/internal/fault"
)

// State is what an agent keeps in its directory: the key, in a file of its own that only its user reads, who it is to which
// server, the last sequence number, and a reading that waits.
type State struct {
	Dir string `json:"-"`

	URL     string `json:"url"`
	Name    string `json:"name"`            // of the machine as a source there; empty until it enrolled
	Group   string `json:"group"`           //
	Machine string `json:"machine"`         // the digest of its id
	Given   bool   `json:"given,omitempty"` // the id was made here, because the machine has none or shares it
	Last    string `json:"last,omitempty"`  // when a reading was last taken
	Refused string `json:"refused,omitempty"`

	key ed25519.PrivateKey
}

const (
	keyFile      = "key.pem"
	stateFile    = "machine.json"
	sequenceFile = "sequence"
	readingFile  = "reading.json"
)

// DefaultDir is where an agent keeps its state when nothing else is said: the system's place for an administrator, the user's
// own for anybody else.
func DefaultDir() (string, error) {
	switch {
	case runtime.GOOS == "windows":
		if dir := os.Getenv("ProgramData"); dir != "" {
			return filepath.Join(dir, "Tickmark Agent"), nil
		}
	case os.Geteuid() == 0 && runtime.GOOS == "darwin":
		return "/Library/Application Support/Tickmark Agent", nil
	case os.Geteuid() == 0:
		return "/var/lib/tickmark-agent", nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fault.New(fault.Usage, "There is no directory for the agent's key: %w.", err).WithNext("Name one with --state.")
	}
	return filepath.Join(dir, "tickmark-agent"), nil
}

// Open reads the state of an agent that enrolled.
func Open(dir string) (*State, error) {
	s := &State{Dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "No agent enrolled with its state in %s.", dir).WithNext("Run tickmark agent enrol URL @TOKENFILE first, or name its directory with --state.")
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The agent's state cannot be read: %w.", err).WithNext("Run it as the user that enrolled it.")
	}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fault.New(fault.Invalid, "%s is not an agent's state: %w.", filepath.Join(dir, stateFile), err)
	}
	if s.key, err = readKey(filepath.Join(dir, keyFile)); err != nil {
		return nil, err
	}
	return s, nil
}

// Public is the machine's public key.
func (s *State) Public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

func readKey(path string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, "Others than its user may read the key %s.", path).WithNext("Others may have it by now: revoke the machine, take the file away and enrol again.")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The agent's key cannot be read: %w.", err).WithNext("Run the agent as the user that enrolled it.")
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fault.New(fault.Invalid, "%s holds no key.", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := k.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fault.New(fault.Invalid, "%s holds no Ed25519 key.", path)
	}
	return key, nil
}

// prepare makes the directory and the key, unless they are there: an enrolment that was cut off goes on with the same key.
func (s *State) prepare() error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fault.New(fault.Unavailable, "%s cannot be made: %w.", s.Dir, err).WithNext("Run it as administrator, or name another directory with --state.")
	}
	if err := ownOnly(s.Dir); err != nil {
		return err
	}
	path := filepath.Join(s.Dir, keyFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		if err := write(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
			return err
		}
	}
	var err error
	s.key, err = readKey(path)
	return err
}

// ownOnly keeps the directory from other users where permissions of a file do not: on Windows, below ProgramData, everybody
// may read what is made there.
func ownOnly(dir string) error {
	if runtime.GOOS != "windows" {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fault.New(fault.Unavailable, "%s cannot be kept from other users: %w.", dir, err).WithNext("Name another directory with --state.")
		}
		return nil
	}
	icacls := filepath.Join(os.Getenv("SystemRoot"), "System32", "icacls.exe")
	said, err := exec.Command(icacls, dir, "/inheritance:r", "/grant:r", "*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F").CombinedOutput() // the system, and administrators
	if err != nil {
		return fault.New(fault.Unavailable, "%s cannot be kept from other users: %s.", dir, said).WithNext("Enrol as administrator.")
	}
	return nil
}

// ownID is a random id for a machine that has none of its own.
func ownID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Save writes what is known of the enrolment.
func (s *State) Save() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return write(filepath.Join(s.Dir, stateFile), append(b, '\n'))
}

// sequence is the next sequence number, written down before it is used. It follows the clock, so that an agent whose state was
// restored from a copy is not behind what it used since.
func (s *State) sequence() (int64, error) {
	path := filepath.Join(s.Dir, sequenceFile)
	var last int64
	b, err := os.ReadFile(path)
	if err == nil {
		if _, err := fmt.Sscan(string(b), &last); err != nil {
			last = 0
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	next := max(last+1, time.Now().UnixMicro())
	return next, write(path, fmt.Appendln(nil, next))
}

// waiting is the reading that was kept; nil when there is none, or none that can be read.
func (s *State) waiting() *Reading {
	b, err := os.ReadFile(filepath.Join(s.Dir, readingFile))
	r := &Reading{}
	if err != nil || json.Unmarshal(b, r) != nil || r.Run == "" {
		return nil
	}
	return r
}

func (s *State) keep(r *Reading) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return write(filepath.Join(s.Dir, readingFile), b)
}

func (s *State) forget() error {
	err := os.Remove(filepath.Join(s.Dir, readingFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// write puts a file in place whole or not at all, for its user alone.
func write(path string, b []byte) error {
	full := func(err error) error {
		return fault.New(fault.Unavailable, "%s cannot be written: %w.", path, err).WithNext("Make room, or run the agent as the user that enrolled it.")
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // for its user alone, 0600
	if err != nil {
		return full(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return full(err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return full(err)
	}
	return nil
}

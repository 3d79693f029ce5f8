package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/ledger/merkle"
)

// Checkpoint is a statement of the ledger's size and root, signed by its key. Keep Signed somewhere else: with it you can
// show later that nothing before it was rewritten.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   [32]byte
	Signed string // the C2SP signed note
}

// OpenCheckpoint reads a kept checkpoint and verifies its signature by the ledger's verifier key.
func OpenCheckpoint(signed, key string) (Checkpoint, error) {
	p, err := merkle.OpenCheckpoint([]byte(signed), key)
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{p.Origin, p.Size, p.Root, signed}, nil
}

// Checkpoint fetches the ledger's checkpoint and verifies its signature by key, the verifier key you were given.
func (c *Client) Checkpoint(ctx context.Context, key string) (Checkpoint, error) {
	var a struct {
		Checkpoint string `json:"checkpoint"`
	}
	if err := c.get(ctx, address("ledger", "checkpoint"), nil, &a); err != nil {
		return Checkpoint{}, err
	}
	return OpenCheckpoint(a.Checkpoint, key)
}

// Key asks the server for its verifier key. Believe it on the first meeting only, and compare it with what its people say.
func (c *Client) Key(ctx context.Context) (string, error) {
	var a struct {
		Key string `json:"key"`
	}
	err := c.get(ctx, address("ledger"), nil, &a)
	return a.Key, err
}

// Since fetches the present checkpoint and verifies that the ledger still begins with all that old stated: nothing of it was
// changed, removed or put in another order.
func (c *Client) Since(ctx context.Context, old Checkpoint, key string) (Checkpoint, error) {
	now, err := c.Checkpoint(ctx, key)
	if err != nil {
		return Checkpoint{}, err
	}
	if now.Origin != old.Origin {
		return Checkpoint{}, fmt.Errorf("the checkpoint is of the ledger %s, and the one before of %s", now.Origin, old.Origin)
	}
	if now.Size < old.Size {
		return Checkpoint{}, fmt.Errorf("the ledger has %d entries, and had %d: entries were removed", now.Size, old.Size)
	}
	var a struct {
		Proof []string `json:"proof"`
	}
	v := url.Values{"old": {strconv.FormatInt(old.Size, 10)}, "size": {strconv.FormatInt(now.Size, 10)}}
	if old.Size > 0 && old.Size < now.Size {
		if err := c.get(ctx, address("ledger", "consistency"), v, &a); err != nil {
			return Checkpoint{}, err
		}
	}
	proof, err := hashes(a.Proof)
	if err != nil {
		return Checkpoint{}, err
	}
	switch {
	case old.Size == 0:
	case old.Size == now.Size && old.Root != now.Root:
		return Checkpoint{}, fmt.Errorf("the ledger has the same %d entries by number and others by content: it was rewritten", now.Size)
	case old.Size < now.Size:
		if err := tlog.CheckTree(proof, now.Size, now.Root, old.Size, old.Root); err != nil {
			return Checkpoint{}, fmt.Errorf("the ledger of %d entries does not begin with the %d it had: it was rewritten: %w", now.Size, old.Size, err)
		}
	}
	return now, nil
}

// Proven is a version of a record that was shown to stand in the ledger.
type Proven struct {
	Kind, Key, Source string
	From              int64  // microseconds since 1970, UTC
	Entry             int64  // its index in the ledger
	Body              []byte // canonical JSON, as committed to
	Checkpoint        Checkpoint
}

// committed is what an entry's commitment covers, as the server states it.
type committed struct {
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	Source   string `json:"source"`
	Origin   string `json:"origin"`
	Schema   int64  `json:"schema"`
	From     int64  `json:"from"`
	Occurred int64  `json:"occurred"`
	Zone     string `json:"zone"`
	Previous int64  `json:"previous"`
	Run      int64  `json:"run"`
	Label    string `json:"label"`
	Scope    string `json:"scope"`
	Actor    string `json:"actor"`
	Reason   string `json:"reason"`
	Body     []byte `json:"body"`
	Raw      []byte `json:"raw"`
	Salt     []byte `json:"salt"`
}

// commitment is computed here and not by the server's code, so that one checks the other.
func (v committed) commitment() [32]byte {
	parts := [][]byte{[]byte("tickmark version v1"), []byte(v.Kind), []byte(v.Source), []byte(v.Origin), merkle.Int(v.Schema),
		merkle.Int(v.From), merkle.Int(v.Occurred), []byte(v.Zone), merkle.Int(v.Previous), merkle.Int(v.Run)}
	for _, hidden := range []struct {
		name  string
		value []byte
	}{{"key", []byte(v.Key)}, {"body", v.Body}, {"raw", v.Raw}, {"label", []byte(v.Label)}, {"scope", []byte(v.Scope)}, {"actor", []byte(v.Actor)}, {"reason", []byte(v.Reason)}} {
		h := merkle.Hide(v.Salt, hidden.name, hidden.value)
		parts = append(parts, h[:])
	}
	return merkle.Commit(parts...)
}

// Prove fetches a record's proof and verifies it: its content is what a ledger entry commits to, and that entry is in the
// tree of a checkpoint signed by key.
func (c *Client) Prove(ctx context.Context, kind, key, vkey string) (Proven, error) {
	var a struct {
		Entry      int64     `json:"entry"`
		Leaf       string    `json:"leaf"`
		Version    committed `json:"version"`
		Inclusion  []string  `json:"inclusion"`
		Checkpoint string    `json:"checkpoint"`
	}
	if err := c.get(ctx, address("records", kind, key, "proof"), nil, &a); err != nil {
		return Proven{}, err
	}
	point, err := OpenCheckpoint(a.Checkpoint, vkey)
	if err != nil {
		return Proven{}, err
	}
	raw, err := base64.StdEncoding.DecodeString(a.Leaf)
	if err != nil {
		return Proven{}, fmt.Errorf("read the ledger entry: %w", err)
	}
	leaf, err := merkle.ParseLeaf(raw)
	if err != nil {
		return Proven{}, err
	}
	proof, err := hashes(a.Inclusion)
	if err != nil {
		return Proven{}, err
	}
	if err := tlog.CheckRecord(proof, point.Size, point.Root, a.Entry, tlog.RecordHash(raw)); err != nil {
		return Proven{}, fmt.Errorf("entry %d is not in the ledger of %d entries: %w", a.Entry, point.Size, err)
	}
	v := a.Version
	switch {
	case v.Kind != kind || v.Key != key:
		return Proven{}, fmt.Errorf("the proof is of %s %s, and %s %s was asked for", v.Kind, v.Key, kind, key)
	case leaf.Type != merkle.LeafVersion || leaf.At != v.From || leaf.Commitment != v.commitment():
		return Proven{}, fmt.Errorf("%s %s: its content is not what ledger entry %d commits to", kind, key, a.Entry)
	}
	return Proven{v.Kind, v.Key, v.Source, v.From, a.Entry, v.Body, point}, nil
}

func hashes(text []string) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(text))
	for i, s := range text {
		var err error
		if out[i], err = tlog.ParseHash(s); err != nil {
			return nil, fmt.Errorf("read a proof: %w", err)
		}
	}
	return out, nil
}

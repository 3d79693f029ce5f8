package merkle

import "golang.org/x/mod/sumdb/tlog"

// NoTime stands for "no event" in Version.Occurred, and for "still holds" where a version ends.
const NoTime = int64(1 << 62)

// Version is what a version's leaf commits to: whoever has these parts and the leaf can tell that they belong together.
type Version struct {
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	Source   string `json:"source"`
	Origin   string `json:"origin"`
	Schema   int64  `json:"schema"`
	From     int64  `json:"from"`     // microseconds
	Occurred int64  `json:"occurred"` // microseconds; NoTime when it is no event
	Zone     string `json:"zone"`
	Previous int64  `json:"previous"` // ledger entry of the version before; -1 for the first
	Run      int64  `json:"run"`
	Label    string `json:"label"`
	Scope    string `json:"scope"`
	Actor    string `json:"actor"`
	Reason   string `json:"reason"`
	Body     []byte `json:"body"` // as stored: canonical JSON
	Raw      []byte `json:"raw"`  // the source's own bytes where they differ from the body
	Salt     []byte `json:"salt"`

	Dropped *Dropped `json:"dropped,omitempty"` // Body and Raw are gone, and this is what is left of them
}

// Dropped is what stands for bytes that were dropped by a rule: whoever kept a copy can still prove it with the salt.
type Dropped struct {
	Body []byte `json:"body_hash"` // Hide(salt, "body", the bytes)
	Raw  []byte `json:"raw_hash"`  // Hide(salt, "raw", the bytes)
	By   int64  `json:"entry"`     // the ledger entry that says who dropped them, and by which rule
}

// HiddenVersion is a version whose personal parts are shown as salted hashes only. It still proves that the leaf is a version
// of that kind, source and time, and tells nothing more.
type HiddenVersion struct {
	Kind, Source, Origin                        string
	Schema, From, Occurred                      int64
	Zone                                        string
	Previous, Run                               int64
	Key, Body, Raw, Label, Scope, Actor, Reason [32]byte
}

// Hidden takes the personal parts away.
func (v Version) Hidden() HiddenVersion {
	hide := func(name string, value []byte) [32]byte { return Hide(v.Salt, name, value) }
	var body, raw [32]byte
	if v.Dropped == nil {
		body, raw = hide("body", v.Body), hide("raw", v.Raw)
	} else {
		copy(body[:], v.Dropped.Body)
		copy(raw[:], v.Dropped.Raw)
	}
	return HiddenVersion{Kind: v.Kind, Source: v.Source, Origin: v.Origin, Schema: v.Schema, From: v.From, Occurred: v.Occurred, Zone: v.Zone,
		Previous: v.Previous, Run: v.Run, Key: hide("key", []byte(v.Key)), Body: body, Raw: raw,
		Label: hide("label", []byte(v.Label)), Scope: hide("scope", []byte(v.Scope)), Actor: hide("actor", []byte(v.Actor)),
		Reason: hide("reason", []byte(v.Reason))}
}

// Commitment is what the ledger holds of the version. Every part that stands in clear is not personal; the others are
// hidden with the version's salt, so that they can be destroyed without touching the log.
func (v HiddenVersion) Commitment() [32]byte {
	return Commit([]byte("tickmark version v1"), []byte(v.Kind), []byte(v.Source), []byte(v.Origin), Int(v.Schema),
		Int(v.From), Int(v.Occurred), []byte(v.Zone), Int(v.Previous), Int(v.Run),
		v.Key[:], v.Body[:], v.Raw[:], v.Label[:], v.Scope[:], v.Actor[:], v.Reason[:])
}

// Commitment is what the ledger holds of the version.
func (v Version) Commitment() [32]byte { return v.Hidden().Commitment() }

// Action is what the leaf of an action, a closing, an erasure or a package's manifest commits to.
type Action struct {
	At      int64 // microseconds
	Verb    string
	Actor   string
	Subject string
	Detail  []byte // a JSON object
	Salt    []byte
}

// HiddenAction is an action of which only the time and the verb are told.
type HiddenAction struct {
	At                     int64
	Verb                   string
	Actor, Subject, Detail [32]byte
}

// Hidden takes the personal parts away.
func (a Action) Hidden() HiddenAction {
	return HiddenAction{At: a.At, Verb: a.Verb, Actor: Hide(a.Salt, "actor", []byte(a.Actor)), Subject: Hide(a.Salt, "subject", []byte(a.Subject)),
		Detail: Hide(a.Salt, "detail", a.Detail)}
}

// Commitment is what the ledger holds of the action.
func (a HiddenAction) Commitment() [32]byte {
	return Commit([]byte("tickmark action v1"), Int(a.At), []byte(a.Verb), a.Actor[:], a.Subject[:], a.Detail[:])
}

// Commitment is what the ledger holds of the action.
func (a Action) Commitment() [32]byte { return a.Hidden().Commitment() }

// Flip is one changed answer of a check, hidden where it may be personal.
type Flip struct {
	Check   string // id
	Hash    []byte // of the check's logic and settings
	Version int64  // ledger entry of the judged version; -1 for what is left of a corrected answer
	Status  int64  // 0 an end, 1 pass, 2 fail, 3 unknown
	From    int64  // microseconds
	Known   int64  // microseconds
	Reason  string
	Basis   string
	Salt    []byte
}

// Commitment is the flip's leaf in the tree over an evaluation's flips.
func (f Flip) Commitment() [32]byte {
	reason, basis := Hide(f.Salt, "reason", []byte(f.Reason)), Hide(f.Salt, "basis", []byte(f.Basis))
	return Commit([]byte("tickmark result v1"), []byte(f.Check), f.Hash, Int(f.Version), Int(f.Status),
		Int(f.From), Int(f.Known), reason[:], basis[:])
}

// FlipsCommitment is what the ledger entry of a batch of flips commits to: the check, its hash, their number and the root of
// the RFC 6962 tree over their commitments, in order of their ids.
func FlipsCommitment(check string, hash []byte, flips [][32]byte) [32]byte {
	var t Tree
	for _, f := range flips {
		t.Add(tlog.RecordHash(f[:]), func(Tile) {})
	}
	root := t.Root()
	return Commit([]byte("tickmark results v1"), []byte(check), hash, Int(int64(len(flips))), root[:])
}

package verify

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
)

// ProofFormat is the first member of a proof.
const ProofFormat = "tickmark proof v1"

// A ProofFile proves one version of a record without any other: its content, the log's leaf, and the path from the leaf to
// the root that the checkpoint states.
type ProofFile struct {
	Format     string          `json:"format"`
	Key        string          `json:"key"` // the verifier key, the proof's own word
	Checkpoint string          `json:"checkpoint"`
	Version    json.RawMessage `json:"version"` // as a line of records/KIND.jsonl; its "to" is null, for one version does not tell its end
	Leaf       string          `json:"leaf"`
	Path       []string        `json:"path"` // hashes in base64, from the leaf up
}

// Proof verifies a proof.
func Proof(b []byte, o Options) (Verdict, error) {
	if o.Key != "" {
		if _, err := note.NewVerifier(o.Key); err != nil {
			return Verdict{}, fault.New(fault.Usage, "The key %q is not a verifier key: %w.", o.Key, err).WithNext("It looks like name+hash+key; tickmark ledger checkpoint prints it.")
		}
	}
	whole := &claim{text: "The file is a proof of one version of one record."}
	key := &claim{text: "The proof's key is the key you gave."}
	signed := &claim{text: "The checkpoint is signed by that key."}
	content := &claim{text: "The version is what its leaf commits to."}
	included := &claim{text: "The leaf is in the log that the checkpoint states."}
	if o.Key == "" {
		key.text, signed.text = "The proof names a key.", "The checkpoint is signed by the key that the proof itself names."
	}
	claims := []*claim{whole, key, signed, content, included}
	limits := []string{"A log proves what was recorded, when, and that it was not changed since. It does not prove that a source told the truth.",
		"A proof of one version says nothing about others: this record may have changed or ended since, up to the checkpoint and after. A package says that."}
	if o.Key == "" {
		limits = append(limits, "No key was given: everything above rests on the proof's own key, which anyone could have made.")
	}
	var f ProofFile
	var r Record
	if err := strict(b, &f); err != nil {
		whole.fail("It cannot be read: %v.", err)
		return verdict(claims, limits), nil
	}
	if f.Format != ProofFormat {
		whole.fail("It says its format is %q; this program knows %q.", f.Format, ProofFormat)
		return verdict(claims, limits), nil
	}
	if err := parseRecord(f.Version, &r); err != nil {
		whole.fail("Its version cannot be read: %v.", err)
		return verdict(claims, limits), nil
	}
	if line, err := r.AppendJSON(nil); err != nil || string(line) != string(f.Version)+"\n" || r.To != noTime {
		whole.fail("Its version is not spelt as it must be.")
		return verdict(claims, limits), nil
	}
	if again, err := f.Encode(); err != nil || string(again) != string(b) {
		whole.fail("It is not spelt as it must be.")
		return verdict(claims, limits), nil
	}
	whole.hold("%s %q from %s, entry %d of the log.", r.Kind, r.Key, moment(r.From), r.Entry)
	switch {
	case o.Key == "":
		key.hold("%s. Nobody but the proof vouches for it: give the key you know with --key.", f.Key)
	case o.Key != f.Key:
		key.fail("The proof's key is %s, yours is %s.", f.Key, o.Key)
		f.Key = o.Key
	default:
		key.hold("%s.", f.Key)
	}
	point, err := checkpoint([]byte(f.Checkpoint), f.Key)
	if err != nil {
		signed.fail("%s", sentenceOf(err))
		included.skipped = "the checkpoint is not signed by the key."
	} else {
		signed.hold("%s states %s with the root %s.", point.Origin, count(point.Size, "entry", "entries"), point.Root)
	}
	leaf, err := merkle.ParseLeaf([]byte(f.Leaf))
	switch {
	case err != nil:
		content.fail("%s", sentenceOf(err))
	case leaf.Type != merkle.LeafVersion || leaf.Commitment != r.Commitment() || leaf.At != r.From:
		content.fail("The leaf commits to something else.")
	default:
		content.hold("Recorded %s by %s.", moment(leaf.At), r.Actor)
		if r.Dropped != nil {
			limits = append(limits, fmt.Sprintf("Its body is not here, only the hash of it: the proof says that entry %d of the log dropped it by a rule of retention, and a package shows that entry. Whoever has a copy of the body can prove it with the salt.", r.Dropped.By))
		}
	}
	for _, a := range o.Anchors {
		if c, err := merkle.OpenCheckpoint(a, f.Key); err != nil || c.Size == point.Size && c.Root != point.Root {
			included.fail("It does not agree with the checkpoint you kept.")
		}
	}
	if included.skipped == "" {
		if err := inLog(f, r.Entry, point); err != nil {
			included.fail("%s", sentenceOf(err))
		} else {
			included.hold("Entry %d of %s.", r.Entry, number(point.Size))
		}
	}
	return verdict(claims, limits), nil
}

func inLog(f ProofFile, index int64, point merkle.Checkpoint) error {
	var path tlog.RecordProof
	for _, s := range f.Path {
		h, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil || len(h) != tlog.HashSize {
			return fmt.Errorf("%q is no hash", s)
		}
		path = append(path, tlog.Hash(h))
	}
	if index < 0 || index >= point.Size {
		return fmt.Errorf("entry %d is not among the %d that the checkpoint states", index, point.Size)
	}
	if err := tlog.CheckRecord(path, point.Size, point.Root, index, tlog.RecordHash([]byte(f.Leaf))); err != nil {
		return fmt.Errorf("the path does not lead from entry %d to the root", index)
	}
	return nil
}

// Encode gives the file's bytes: one line of JSON.
func (f ProofFile) Encode() ([]byte, error) {
	var l line
	l.text("format", f.Format)
	l.text("key", f.Key)
	l.text("checkpoint", f.Checkpoint)
	if err := l.json("version", f.Version); err != nil {
		return nil, err
	}
	l.text("leaf", f.Leaf)
	l.name("path")
	l.b = append(l.b, '[')
	for i, h := range f.Path {
		if i > 0 {
			l.b = append(l.b, ',')
		}
		l.b = append(append(append(l.b, '"'), h...), '"')
	}
	l.b = append(l.b, ']')
	return l.end(), nil
}

package verify

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"tickmark/internal/ledger/merkle"
	"tickmark/internal/ledger/stamp"
)

// stamped is a stamp of an outside authority, as its record in the package says it.
type stamped struct {
	key        string
	Size       int64  `json:"size"`
	Root       string `json:"root"`
	At         string `json:"at"`
	Checkpoint string `json:"checkpoint"`
	Token      string `json:"token"`
	VKey       string `json:"vkey"` // of the witness; empty: an authority's
}

// keepStamp takes note of a record that is a stamp; what it says is judged once all are read.
func (v *reading) keepStamp(r *Record) {
	s := stamped{key: r.Key}
	if err := json.Unmarshal(r.Body, &s); err != nil {
		v.stamped.fail("The stamp %s cannot be read: %v.", r.Key, err)
		return
	}
	v.stamps = append(v.stamps, s)
}

// checkStamps compares each stamp with the log: the authority signed a checkpoint, and the log must go on from it.
func (v *reading) checkStamps() error {
	if len(v.stamps) == 0 {
		if v.o.trusts() {
			v.stamped.fail("The package has no stamp of any authority and no cosignature of any witness.")
		}
		return nil
	}
	points := make([]merkle.Checkpoint, len(v.stamps))
	at := map[int64]bool{}
	for i, s := range v.stamps {
		c, err := checkpoint([]byte(s.Checkpoint), v.vkey)
		if err != nil {
			v.stamped.fail("The stamp %s is over no checkpoint of this log: %v.", s.key, err)
			continue
		}
		points[i] = c
		at[c.Size] = true
	}
	m, _ := v.a.Member(LogFile)
	_, roots, err := readLog(v.a.Open(m), v.point.Size, at)
	if err != nil {
		return v.ctx.Err() // the log's own claim says what is wrong
	}
	var first, last stamp.Statement
	var size, strange int64
	for i, s := range v.stamps {
		c := points[i]
		if c.Origin == "" {
			continue
		}
		said, err := v.said(s)
		if err != nil {
			v.stamped.fail("The stamp %s does not hold: %v.", s.key, err)
			continue
		}
		if v.o.trusts() && !said.Trusted {
			strange++ // sound, but not by anybody that was given
			continue
		}
		if root, ok := roots[c.Size]; !ok || root != c.Root || s.Size != c.Size {
			v.stamped.fail("The stamp %s is over %s that are not the first of this log: it was rewritten since %s.", s.key, count(c.Size, "entry", "entries"), said.At.Format(time.RFC3339))
			continue
		}
		if t, err := time.Parse(time.RFC3339Nano, s.At); err != nil || !t.Equal(said.At) {
			v.stamped.fail("The stamp %s was made at %s, its record says %q.", s.key, said.At.Format(time.RFC3339), s.At)
			continue
		}
		if first.At.IsZero() || said.At.Before(first.At) {
			first = said
		}
		if said.At.After(last.At) {
			last, size = said, c.Size
		}
	}
	if last.At.IsZero() {
		if strange > 0 {
			v.stamped.fail("%s in the package, and none leads to a root or key you gave.", count(strange, "stamp is", "stamps are"))
		}
		return nil
	}
	v.stamped.hold("%s, the first of %s; %s stated on %s that it had seen the first %s, which are these.", count(int64(len(v.stamps))-strange, "stamp", "stamps"), first.At.Format(time.RFC3339),
		last.Authority, last.At.Format(time.RFC3339), count(size, "entry", "entries"))
	v.since = fmt.Sprintf("since %s for the entries that were there at that time, up to %s for the first %s", first.At.Format(time.RFC3339), last.At.Format(time.RFC3339), number(size))
	return nil
}

// said verifies what an authority or a witness signed. Trusted tells whether it is one that the verifier gave.
func (v *reading) said(s stamped) (stamp.Statement, error) {
	if s.VKey != "" {
		for _, w := range v.o.Witnesses {
			if w.VKey == s.VKey {
				_, said, err := w.Cosigned([]byte(s.Token), []byte(s.Checkpoint))
				said.Trusted = true
				return said, err
			}
		}
		own, err := stamp.ParseWitness(s.VKey)
		if err != nil {
			return stamp.Statement{}, err
		}
		_, said, err := own.Cosigned([]byte(s.Token), []byte(s.Checkpoint))
		return said, err
	}
	token, err := base64.StdEncoding.Strict().DecodeString(s.Token)
	if err != nil {
		return stamp.Statement{}, err
	}
	if v.o.Authorities != nil {
		if said, err := stamp.Check(token, []byte(s.Checkpoint), v.o.Authorities); err == nil {
			return said, nil
		}
	}
	return stamp.Check(token, []byte(s.Checkpoint), nil)
}

// Package anchor lets outsiders see the ledger: RFC 3161 authorities stamp its checkpoints and C2SP witnesses cosign them. The
// one rule: a stamp is kept only when it verifies, over the very checkpoint that was sent, by a root or key that somebody here chose.
//
// Whoever holds the signing key can rewrite what no outsider has seen. What a stamp covers cannot be rewritten unnoticed any more.
package anchor

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/ledger/stamp"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// The kinds of this package.
const (
	AuthorityKind = "anchor"
	StampKind     = "stamp"
)

// The methods of an anchor.
const (
	ByAuthority = "authority" // an RFC 3161 time-stamp authority; also where none is named
	ByWitness   = "witness"   // a C2SP witness
	ByMirror    = "mirror"    // a copy of the log elsewhere: a bucket of S3, or a git repository
)

const (
	every     = 24 * time.Hour
	again     = time.Hour // after a failure
	maxReply  = 256 << 10
	maxOffset = time.Hour // between the authority's clock and ours
)

// Kinds are the authority and its stamps.
func Kinds() []record.Kind {
	return []record.Kind{
		{Name: AuthorityKind, Title: "Outside anchor", Plural: "Outside anchors", Group: "System", Label: "title",
			Help: "Somebody outside who signs, once a day, that they have seen the ledger's checkpoint: an RFC 3161 time-stamp authority or a C2SP witness; or a place elsewhere that the ledger is copied to once a day.",
			Fields: []record.Field{
				{Name: "title", Type: record.Text, Required: true},
				{Name: "method", Type: record.Choice, Choices: []string{ByAuthority, ByWitness, ByMirror}, Help: "A time-stamp authority signs when it saw the checkpoint. A witness also refuses one that does not go on from what it saw before. A mirror is a copy of the whole log, which holds no data. An authority when left out."},
				{Name: "url", Title: "Address", Type: record.Text, Required: true, Help: "Where it is asked by POST: an authority gets a SHA-256, a witness the checkpoint and hashes. Of a mirror: s3://BUCKET/PREFIX, or git+https:// or git+ssh:// and the repository."},
				{Name: "certificates", Type: record.Long, Hidden: true, Help: "Of an authority: its root certificates in PEM, from the authority itself. A stamp that does not lead to one of them is refused."},
				{Name: "vkey", Title: "Verifier key", Type: record.Text, Hidden: true, Help: "Of a witness: its verifier key, name+hash+key, from the witness itself."},
				{Name: "paused", Type: record.Bool},
			}, Guard: written},
		{Name: StampKind, Title: "Stamp", Plural: "Stamps", Group: "System", Label: "authority", System: true, Occurred: "at",
			Help: "What an outside authority signed: that it had seen this checkpoint of the ledger at this time.",
			Fields: []record.Field{
				{Name: "authority", Type: record.Text, Required: true, Help: "The name in the authority's certificate, or in the witness's key."},
				{Name: "anchor", Type: record.Ref, Refers: AuthorityKind, Required: true, Indexed: true},
				{Name: "at", Type: record.Time, Required: true, Help: "By the authority's clock."},
				{Name: "size", Title: "Ledger entries", Type: record.Integer, Required: true, Indexed: true},
				{Name: "root", Type: record.Text, Required: true},
				{Name: "serial", Type: record.Text, Help: "The stamp's number at the authority."},
				{Name: "checkpoint", Type: record.Long, Required: true, Hidden: true, Help: "The signed checkpoint that the stamp is over."},
				{Name: "token", Type: record.Long, Required: true, Hidden: true, Help: "The stamp itself, DER in base64; of a witness, the line of its cosignature."},
				{Name: "vkey", Title: "Verifier key", Type: record.Text, Hidden: true, Help: "Of the witness that cosigned; empty for the stamp of an authority."},
			}},
	}
}

// written refuses an authority that could never be asked or never be trusted.
func written(_, after map[string]any, _ record.Actor) error {
	at, _ := after["url"].(string)
	method, _ := after["method"].(string)
	if method == ByMirror {
		return goodMirror(at)
	}
	if method == ByWitness {
		key, _ := after["vkey"].(string)
		if _, err := stamp.ParseWitness(key); err != nil {
			return fault.New(fault.Invalid, "vkey: %w.", err).WithNext("Take the verifier key from the witness itself; it says for what it is a key.")
		}
	} else {
		text, _ := after["certificates"].(string)
		if _, err := stamp.Roots([]byte(text)); err != nil {
			return fault.New(fault.Invalid, "certificates: %w.", err).WithNext("Paste the authority's root certificate as PEM, from BEGIN CERTIFICATE to END CERTIFICATE.")
		}
	}
	if u, err := url.Parse(at); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
		return fault.New(fault.Invalid, "url: %q is not an address that begins with https:// or http:// and holds no password.", at)
	}
	return nil
}

// Authority is a configured authority.
type Authority struct {
	Key          string `json:"-"`
	Title        string `json:"title"`
	URL          string `json:"url"`
	Method       string `json:"method,omitempty"`
	Certificates string `json:"certificates,omitempty"`
	VKey         string `json:"vkey,omitempty"` // of a witness
	Paused       bool   `json:"paused"`
}

// Stamp is a kept stamp.
type Stamp struct {
	Authority  string    `json:"authority"`
	Anchor     string    `json:"anchor"`
	At         time.Time `json:"at"`
	Size       int64     `json:"size"`
	Root       string    `json:"root"`
	Serial     string    `json:"serial"`
	Checkpoint string    `json:"checkpoint"`
	Token      string    `json:"token"`
	VKey       string    `json:"vkey,omitempty"` // of a witness
}

// Key is the key of the stamp's record.
func (s Stamp) Key() string { return fmt.Sprintf("%s-%d", s.Anchor, s.Size) }

// Keeper asks authorities and keeps their stamps.
type Keeper struct {
	Book *record.Book
	HTTP *http.Client // nil: one of its own
	Dir  string       // where working copies of git mirrors are kept; empty: they are made anew each time

	failed map[string]time.Time // when an authority last failed, by key; used by one goroutine
}

// Authorities are those configured, in order of key.
func (k *Keeper) Authorities(ctx context.Context) ([]Authority, error) {
	var out []Authority
	for after := ""; ; {
		p, err := k.Book.List(ctx, record.Query{Kind: AuthorityKind, Limit: 200, After: after})
		if err != nil {
			return nil, err
		}
		for _, v := range p.Versions {
			a := Authority{Key: v.Key}
			if err := json.Unmarshal(v.Body, &a); err != nil {
				return nil, fmt.Errorf("read the outside anchor %s: %w", v.Key, err)
			}
			out = append(out, a)
		}
		if after = p.Next; after == "" {
			return out, nil
		}
	}
}

// Last is the newest stamp as of a moment (zero is now), of one authority or of any; ok says whether there is
// one.
func Last(ctx context.Context, b *record.Book, authority string, asOf store.Moment) (s Stamp, ok bool, err error) {
	q := record.Query{Kind: StampKind, Limit: 1, AsOf: asOf}
	if authority != "" {
		q.Where = fmt.Sprintf("r.anchor == %q", authority)
	}
	p, err := b.List(ctx, q)
	if err != nil || len(p.Versions) == 0 {
		return s, false, err
	}
	if err := json.Unmarshal(p.Versions[0].Body, &s); err != nil {
		return s, false, fmt.Errorf("read the stamp %s: %w", p.Versions[0].Key, err)
	}
	return s, true, nil
}

// Covering is the earliest stamp over a ledger that had the entry already.
func Covering(ctx context.Context, b *record.Book, entry int64) (s Stamp, ok bool, err error) {
	p, err := b.List(ctx, record.Query{Kind: StampKind, Limit: 1, Sort: "size", Where: fmt.Sprintf("r.size > %d", entry)})
	if err != nil || len(p.Versions) == 0 {
		return s, false, err
	}
	if err := json.Unmarshal(p.Versions[0].Body, &s); err != nil {
		return s, false, fmt.Errorf("read the stamp %s: %w", p.Versions[0].Key, err)
	}
	return s, true, nil
}

// State is how an authority stands.
type State struct {
	Authority
	Last   Stamp // the newest; At is zero for none
	Failed time.Time
	Why    string // of the newest failure, when nothing was stamped since
	Fork   bool   // that failure: it saw another log than this one
}

// Late reports whether an authority that is asked has stamped nothing for two days.
func (s State) Late(now time.Time) bool { return !s.Paused && now.Sub(s.Last.At) > 2*every }

// States are the authorities with their newest stamp and what went wrong since.
func (k *Keeper) States(ctx context.Context) ([]State, error) {
	list, err := k.Authorities(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]State, 0, len(list))
	for _, a := range list {
		s := State{Authority: a}
		if s.Last, err = k.last(ctx, a); err != nil {
			return nil, err
		}
		at, detail, err := k.lastAct(ctx, a, "anchor.failed")
		if err != nil {
			return nil, err
		}
		if at.After(s.Last.At) {
			var d struct {
				Reason string
				Fork   bool
			}
			if err := json.Unmarshal(detail, &d); err != nil {
				return nil, fmt.Errorf("read why the outside anchor %s failed: %w", a.Key, err)
			}
			s.Failed, s.Why, s.Fork = at, d.Reason, d.Fork
		}
		out = append(out, s)
	}
	return out, nil
}

// Due asks every authority that is not paused and has stamped nothing for a day; one that failed is asked again after an hour.
func (k *Keeper) Due(ctx context.Context) error {
	list, err := k.Authorities(ctx)
	if err != nil {
		return err
	}
	now := k.Book.Log.Clock()
	var wrong []error
	for _, a := range list {
		if a.Paused || now.Sub(k.failed[a.Key]) < again {
			continue
		}
		last, err := k.last(ctx, a)
		if err != nil {
			return err
		}
		if now.Sub(last.At) < every {
			continue
		}
		if _, err := k.Stamp(ctx, a); err != nil {
			if k.failed == nil {
				k.failed = map[string]time.Time{}
			}
			k.failed[a.Key] = now
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// Stamp has an authority stamp the ledger as it stands and keeps what it answered. A failure is written into the ledger too.
func (k *Keeper) Stamp(ctx context.Context, a Authority) (Stamp, error) {
	s, err := k.stamp(ctx, a)
	if err != nil && ctx.Err() == nil {
		reason := err.Error()
		var f *fault.Fault
		if errors.As(err, &f) {
			reason = f.Message
		}
		detail := map[string]any{"reason": reason}
		if fork := (*refusal)(nil); errors.As(err, &fork) {
			detail["fork"] = true
		}
		lost := k.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
			_, err := tx.Act(ctx, "anchor.failed", "job:anchor", AuthorityKind+"/"+a.Key, detail)
			return err
		})
		if lost != nil {
			slog.ErrorContext(ctx, "write down that an anchor failed", "anchor", a.Key, "error", lost)
		}
	}
	return s, err
}

func (k *Keeper) stamp(ctx context.Context, a Authority) (s Stamp, err error) {
	refused := func(err error) error {
		if fork := (*refusal)(nil); errors.As(err, &fork) {
			return fault.New(fault.Conflict, "%s (%s) did not go along: %w.", a.Title, a.URL, err).WithNext("Run tickmark ledger verify, and find out who put back or rewrote what. Do not remove the anchor: what it saw is the evidence.")
		}
		did := "did not stamp the ledger"
		if a.Method == ByMirror {
			did = "has no new copy of the ledger"
		}
		return fault.New(fault.Unavailable, "%s (%s) %s: %w.", a.Title, a.URL, did, err).WithNext("Check its address and its key or credentials under Outside anchors; it is asked again within the hour.")
	}
	signed, err := k.Book.Log.Checkpoint(ctx)
	if err != nil {
		return s, err
	}
	c, err := merkle.OpenCheckpoint(signed, k.Book.Log.VKey)
	if err != nil {
		return s, err
	}
	switch a.Method {
	case ByWitness:
		s, err = k.cosign(ctx, a, signed, c)
	case ByMirror:
		s, err = k.copyTo(ctx, a)
	default:
		s, err = k.timestamp(ctx, a, signed, c)
	}
	if err != nil {
		return s, refused(err)
	}
	if a.Method == ByMirror {
		return s, nil
	}
	if off := s.At.Sub(k.Book.Log.Clock()); off.Abs() > maxOffset {
		return s, refused(fmt.Errorf("its clock says %s, which is %s from this machine's; one of the two is wrong", s.At.Format(time.RFC3339), off.Abs().Round(time.Minute)))
	}
	body, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	_, err = k.Book.Put(ctx, record.Job("job:anchor"), record.Change{Kind: StampKind, Key: s.Key(), Body: body, Origin: record.Collected})
	return s, err
}

// timestamp has an RFC 3161 authority stamp the checkpoint.
func (k *Keeper) timestamp(ctx context.Context, a Authority, signed []byte, c merkle.Checkpoint) (s Stamp, err error) {
	roots, err := stamp.Roots([]byte(a.Certificates))
	if err != nil {
		return s, err
	}
	q, err := stamp.Ask(signed)
	if err != nil {
		return s, err
	}
	reply, err := k.ask(ctx, a.URL, q.Body)
	if err != nil {
		return s, err
	}
	token, said, err := q.Token(reply, roots)
	if err != nil {
		return s, err
	}
	return Stamp{Authority: said.Authority, Anchor: a.Key, At: said.At, Size: c.Size, Root: hex.EncodeToString(c.Root[:]), Serial: said.Serial,
		Checkpoint: string(signed), Token: base64.StdEncoding.EncodeToString(token)}, nil
}

func (k *Keeper) ask(ctx context.Context, to string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", stamp.QueryType)
	answer, err := k.client().Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", answer.Status)
	}
	if t := answer.Header.Get("Content-Type"); !strings.HasPrefix(t, stamp.ReplyType) {
		return nil, fmt.Errorf("it answered with %q instead of %s", t, stamp.ReplyType)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxReply+1))
	if err == nil && len(b) > maxReply {
		err = fmt.Errorf("its answer is longer than %d bytes", maxReply)
	}
	return b, err
}

package exchange

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
)

// Office is where one side makes and takes parcels.
type Office struct {
	Book  *record.Book
	Keys  *secret.Keys
	Blobs blob.Store
	Firm  bool // the workspace is a firm's
}

// tokenLife is for how long the token of an invitation works.
const tokenLife = 400 * 24 * time.Hour

// Invitation is what the company hands to the firm, signed with the company's key: which engagement, which key, and where and by
// which token its server takes parcels, if it does. Who holds it can deliver parcels, but sign none.
type Invitation struct {
	Format     string `json:"format"`
	Engagement string `json:"engagement"`
	Company    string `json:"company"`
	Key        string `json:"key"`
	Address    string `json:"address,omitempty"`
	Token      string `json:"token,omitempty"`
}

// Acceptance is the firm's answer, signed with the firm's key.
type Acceptance struct {
	Format     string `json:"format"`
	Engagement string `json:"engagement"`
	Firm       string `json:"firm"`
	Key        string `json:"key"`
	Company    string `json:"company_key"` // that it accepts
}

const (
	invitationFormat = "tickmark invitation v1"
	acceptanceFormat = "tickmark acceptance v1"
)

func (o *Office) side() string {
	if o.Firm {
		return Firm
	}
	return Company
}

func (o *Office) other() string {
	if o.Firm {
		return Company
	}
	return Firm
}

// names are the kinds of this side: link, parcel, item.
func (o *Office) names() (link, parcel, item string) {
	if o.Firm {
		return CompanyLink, CompanyParcel, CompanyItem
	}
	return FirmLink, FirmParcel, FirmItem
}

func (o *Office) room() record.Room {
	if o.Firm {
		return record.Auditor
	}
	return record.Company
}

// May refuses who does not act for this side in an engagement.
func (o *Office) May(ctx context.Context, by record.Authority, id string) error {
	return o.may(ctx, by, id, "act in its exchange of parcels")
}

// may refuses who does not act for this side: at the firm a member of the team, at the company who decides there.
func (o *Office) may(ctx context.Context, by record.Authority, id, act string) error {
	if !o.Firm {
		return by.May(ctx, "approve", nil)
	}
	k, err := o.Book.Kinds.Named(CompanyLink)
	if err != nil {
		return err
	}
	if err := by.May(ctx, "act", k); err != nil {
		return err
	}
	v, err := o.Book.GetFrom(ctx, engagement.Name, id, record.Program, 0, record.Auditor)
	if err != nil {
		return err
	}
	b, err := engagement.Body(v)
	if err != nil {
		return err
	}
	return engagement.Requires(b, by.Actor(), act, engagement.Workers()...)
}

// Link is an exchange as it stands.
type Link struct {
	Engagement  string `json:"engagement"`
	Name        string `json:"name"`
	State       string `json:"state"`
	Key         string `json:"key,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	ConfirmedBy string `json:"confirmed_by,omitempty"`
	Address     string `json:"address,omitempty"`
	Bearer      string `json:"bearer,omitempty"`
	Sealed      string `json:"sealed,omitempty"`
	Expires     string `json:"expires,omitempty"`
	EndedBy     string `json:"ended_by,omitempty"`
	EndedAt     string `json:"ended_at,omitempty"`
	Reason      string `json:"reason,omitempty"`

	Distrusted []string `json:"distrusted,omitempty"` // keys that are never taken again
}

// Ended reports whether one side ended the exchange here.
func (l Link) Ended() bool { return l.State == "ended" }

// link is the exchange of an engagement; NotFound when there is none.
func (o *Office) link(ctx context.Context, id string) (l Link, err error) {
	kind, _, _ := o.names()
	v, err := o.Book.GetFrom(ctx, kind, id, record.Program, 0, o.room())
	if fault.Is(err, fault.NotFound) {
		return l, fault.New(fault.NotFound, "There is no exchange of parcels for %q.", id).WithNext("The company invites: tickmark audit invite; the firm accepts: tickmark audit accept.")
	}
	if err != nil {
		return l, err
	}
	return l, json.Unmarshal(v.Body, &l)
}

func (o *Office) put(ctx context.Context, tx *ledger.Tx, by record.Authority, l Link, verb string) error {
	kind, _, _ := o.names()
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := o.Book.PutIn(ctx, tx, record.Job("job:exchange"), record.Change{Kind: kind, Key: l.Engagement, Body: body, Reason: verb + " by " + by.Actor().Name}); err != nil {
		return err
	}
	_, err = tx.Act(ctx, "exchange."+verb, by.Actor().Name, kind+"/"+l.Engagement, map[string]any{"fingerprint": l.Fingerprint})
	return err
}

// Invite begins an exchange at the company, or makes a new invitation with a new token. It returns the file for the firm.
func (o *Office) Invite(ctx context.Context, by record.Authority, id, company, firm, address string) ([]byte, error) {
	if o.Firm {
		return nil, fault.New(fault.Conflict, "A firm's workspace invites nobody: the company invites the firm.").WithNext("Run it in the company's workspace.")
	}
	if err := o.may(ctx, by, id, "invite"); err != nil {
		return nil, err
	}
	if id != strings.TrimSpace(id) || id == "" || len(id) > 100 || strings.ContainsAny(id, "/\n\x00") {
		return nil, fault.New(fault.Invalid, "%q cannot be the id of an engagement.", id).WithNext("Take the id that the firm gave it, such as acme-fy26.")
	}
	l, err := o.link(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	in := Invitation{Format: invitationFormat, Engagement: id, Company: company, Key: o.Book.Log.VKey, Address: strings.TrimRight(address, "/")}
	l.Engagement, l.Name, l.Address = id, firm, in.Address
	if l.Ended() { // it begins anew: people compare the keys once more
		l.State, l.Key, l.Fingerprint, l.ConfirmedBy, l.EndedBy, l.EndedAt, l.Reason = "", "", "", "", "", "", ""
	}
	l.State = cmp.Or(l.State, "invited")
	l.Bearer, l.Expires = "", ""
	if in.Address != "" {
		in.Token = "parcels_" + rand.Text() + rand.Text()
		l.Bearer, l.Expires = sum([]byte(in.Token)), o.Book.Log.Now().Add(tokenLife).UTC().Format(time.RFC3339)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	signed, err := o.Book.Log.Statement(invitationFormat + "\n" + string(raw) + "\n")
	if err != nil {
		return nil, err
	}
	return signed, o.Book.Log.Write(ctx, func(tx *ledger.Tx) error { return o.put(ctx, tx, by, l, "invited") })
}

// statement reads a signed invitation or acceptance; its key is the one it names itself.
func statement(signed []byte, format string, into any, key func() string) error {
	no := fault.New(fault.Invalid, "The file is not what it should be: %s.", strings.TrimPrefix(format, "tickmark ")).WithNext("Take the file as it was written.")
	head, rest, _ := bytes.Cut(signed, []byte("\n"))
	raw, _, _ := bytes.Cut(rest, []byte("\n"))
	if string(head) != format || strict(raw, into) != nil || !goodKey(key()) {
		return no
	}
	text, err := ledger.OpenStatement(signed, key())
	if err != nil || text != format+"\n"+string(raw)+"\n" {
		return no
	}
	return nil
}

// ReadInvitation verifies that an invitation is signed by the key it names. Whose key that is, people compare.
func ReadInvitation(signed []byte) (in Invitation, err error) {
	return in, statement(signed, invitationFormat, &in, func() string { return in.Key })
}

// ReadAcceptance is ReadInvitation for the firm's answer.
func ReadAcceptance(signed []byte) (a Acceptance, err error) {
	return a, statement(signed, acceptanceFormat, &a, func() string { return a.Key })
}

// Accept takes an invitation at the firm, for an engagement that is there, once somebody compared the fingerprint of the company's
// key. It returns the file for the company.
func (o *Office) Accept(ctx context.Context, by record.Authority, signed []byte, fingerprint string) ([]byte, error) {
	if !o.Firm {
		return nil, fault.New(fault.Conflict, "An invitation is accepted in the firm's workspace.")
	}
	in, err := ReadInvitation(signed)
	if err != nil {
		return nil, err
	}
	if err := o.may(ctx, by, in.Engagement, "accept the company's invitation"); err != nil {
		return nil, err
	}
	if err := compared(fingerprint, in.Key, "company"); err != nil {
		return nil, err
	}
	v, err := o.Book.GetFrom(ctx, engagement.Name, in.Engagement, record.Program, 0, record.Auditor)
	if err != nil {
		return nil, err
	}
	e, err := engagement.Body(v)
	if err != nil {
		return nil, err
	}
	if known := engagement.Text(e, "company_key"); known != "" && known != in.Key {
		return nil, fault.New(fault.Conflict, "The invitation is signed by another key than the one on the engagement.").WithNext("Ask the company which key is its own, and correct company_key or refuse.")
	}
	l := Link{Engagement: in.Engagement, Name: in.Company, State: "confirmed", Key: in.Key, Fingerprint: Fingerprint(in.Key), ConfirmedBy: by.Actor().Name, Address: in.Address}
	old, err := o.link(ctx, in.Engagement)
	if err := trusted(old, in.Key, "company"); err != nil {
		return nil, err
	}
	if l.Distrusted = old.Distrusted; err == nil && old.Key != in.Key && !old.Ended() {
		return nil, fault.New(fault.Conflict, "The exchange of %s is confirmed with another key.", in.Engagement).WithNext("A key that changes is agreed between people: end the exchange first.")
	} else if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if in.Token != "" {
		sealed, err := o.Keys.Seal(place(in.Engagement), secret.Of(in.Token))
		if err != nil {
			return nil, err
		}
		l.Sealed = base64.StdEncoding.EncodeToString(sealed)
	}
	firm, _ := e["firm"].(map[string]any)
	raw, err := json.Marshal(Acceptance{Format: acceptanceFormat, Engagement: in.Engagement, Firm: engagement.Text(firm, "name"), Key: o.Book.Log.VKey, Company: in.Key})
	if err != nil {
		return nil, err
	}
	answer, err := o.Book.Log.Statement(acceptanceFormat + "\n" + string(raw) + "\n")
	if err != nil {
		return nil, err
	}
	return answer, o.Book.Log.Write(ctx, func(tx *ledger.Tx) error { return o.put(ctx, tx, by, l, "accepted") })
}

// trusted refuses a key that was ended as one that is not to be trusted any more.
func trusted(l Link, key, whose string) error {
	if slices.Contains(l.Distrusted, key) {
		return fault.New(fault.Denied, "The exchange was ended because this key of the %s is not to be trusted any more (%s).", whose, Fingerprint(key)).WithNext("Only a workspace with another key can take it up again.")
	}
	return nil
}

// End ends an exchange on this side, with its reason. Nothing more is sent or taken until it is begun anew; a key that is distrusted is
// never taken again. What was sent and taken stays.
func (o *Office) End(ctx context.Context, by record.Authority, id, reason string, distrust bool) (Link, error) {
	if err := o.may(ctx, by, id, "end its exchange of parcels"); err != nil {
		return Link{}, err
	}
	l, err := o.link(ctx, id)
	if err != nil {
		return l, err
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		return l, fault.New(fault.Invalid, "An exchange is ended with a reason.").WithNext("Say why; the other side reads it.")
	}
	switch {
	case l.Ended():
		return l, fault.New(fault.Conflict, "The exchange of %s was ended on %s.", id, day(l.EndedAt)).WithNext("A new invitation begins it anew.")
	case distrust && l.Key == "":
		return l, fault.New(fault.Conflict, "No key of the other side is on record yet, so that none can be distrusted.").WithNext("End it without that.")
	}
	l.State, l.EndedBy, l.EndedAt, l.Reason = "ended", by.Actor().Name, o.Book.Log.Now().UTC().Format(time.RFC3339), reason
	if distrust && !slices.Contains(l.Distrusted, l.Key) {
		l.Distrusted = append(l.Distrusted, l.Key)
	}
	return l, o.Book.Log.Write(ctx, func(tx *ledger.Tx) error { return o.put(ctx, tx, by, l, "ended") })
}

func day(moment string) string {
	day, _, _ := strings.Cut(moment, "T")
	return day
}

// over is the refusal of an exchange that was ended.
func (l Link) over() *Refused {
	return refuse(WhyEnded, "The exchange of %s was ended on %s: %s", l.Engagement, day(l.EndedAt), l.Reason).with("A new invitation begins it anew.")
}

func compared(fingerprint, key, whose string) error {
	if !same(fingerprint, key) {
		return fault.New(fault.Conflict, "The key of the %s has the fingerprint %s, and that is not what you gave.", whose, Fingerprint(key)).
			WithNext("Ask somebody there, by telephone or in person, for the fingerprint of their key (tickmark audit fingerprint), and give that.")
	}
	return nil
}

func place(id string) secret.Place {
	return secret.Place{Connection: "exchange " + id, Setting: "token"}
}

// Confirm takes the firm's answer at the company, once somebody compared the fingerprint of the firm's key.
func (o *Office) Confirm(ctx context.Context, by record.Authority, signed []byte, fingerprint string) (Link, error) {
	if o.Firm {
		return Link{}, fault.New(fault.Conflict, "An acceptance is confirmed in the company's workspace.")
	}
	a, err := ReadAcceptance(signed)
	if err != nil {
		return Link{}, err
	}
	if err := o.may(ctx, by, a.Engagement, "confirm"); err != nil {
		return Link{}, err
	}
	l, err := o.link(ctx, a.Engagement)
	if err != nil {
		return l, err
	}
	switch {
	case a.Company != o.Book.Log.VKey:
		return l, fault.New(fault.Conflict, "The answer accepts the invitation of another key than this workspace's.").WithNext("Somebody may have changed the invitation on its way: send it again.")
	case l.Key != "" && l.Key != a.Key:
		return l, fault.New(fault.Conflict, "The exchange of %s is confirmed with another key.", a.Engagement).WithNext("A key that changes is agreed between people: end the exchange first.")
	}
	if l.Ended() {
		return l, asFault(l.over())
	}
	if err := trusted(l, a.Key, "firm"); err != nil {
		return l, err
	}
	if err := compared(fingerprint, a.Key, "firm"); err != nil {
		return l, err
	}
	l.State, l.Key, l.Fingerprint, l.ConfirmedBy, l.Name = "confirmed", a.Key, Fingerprint(a.Key), by.Actor().Name, cmp.Or(a.Firm, l.Name)
	return l, o.Book.Log.Write(ctx, func(tx *ledger.Tx) error { return o.put(ctx, tx, by, l, "confirmed") })
}

// Sent is a parcel that was made.
type Sent struct {
	Number int    `json:"number"`
	Hash   string `json:"hash"` // of its content
	File   string `json:"file"` // SHA-256 of the parcel as a file, under which it is kept
	Items  int    `json:"items"`
	Next   string `json:"next,omitempty"`
}

// noted is a parcel as it is recorded.
type noted struct {
	Engagement string   `json:"engagement"`
	Name       string   `json:"name"`
	Direction  string   `json:"direction"`
	Number     int      `json:"number"`
	Hash       string   `json:"hash"`
	Previous   string   `json:"previous,omitempty"`
	File       string   `json:"file"`
	Made       string   `json:"made"`
	Items      int      `json:"items"`
	Told       []string `json:"told,omitempty"`
	Why        string   `json:"why,omitempty"`
	Detail     string   `json:"detail,omitempty"`
	By         string   `json:"by,omitempty"`
}

// parcels are those of one direction, in order of their numbers.
func (o *Office) parcels(ctx context.Context, q store.Q, id, direction string) ([]noted, error) {
	_, kind, _ := o.names()
	found, err := o.Book.Find(ctx, q, kind, engagement.Name, id, 0)
	if err != nil {
		return nil, err
	}
	var out []noted
	for _, v := range found {
		var n noted
		if err := json.Unmarshal(v.Body, &n); err != nil {
			return nil, fmt.Errorf("read the parcel %s: %w", v.Key, err)
		}
		if n.Direction == direction {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b noted) int { return a.Number - b.Number })
	return out, nil
}

func (n noted) key() string { return fmt.Sprintf("%s.%s.%04d", n.Engagement, n.Direction, n.Number) }

// told names an item with its content, to know whether it was sent as it is.
// The proof is left out: its checkpoint is newer each time.
func (i Item) told() string {
	var members map[string]json.RawMessage
	if json.Unmarshal(i.Content, &members) == nil {
		delete(members, "proof")
		i.Content, _ = json.Marshal(members)
	}
	raw, _ := json.Marshal(i)
	return i.Sort + " " + i.Key + " " + sum(raw)[:32]
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// fresh are the items that were not sent as they are.
func fresh(before []noted, items []Item) []Item {
	last := map[string]string{}
	for _, n := range before {
		for _, t := range n.Told {
			f := strings.Fields(t)
			last[strings.Join(f[:len(f)-1], " ")] = t
		}
	}
	return slices.DeleteFunc(items, func(i Item) bool { return last[i.Sort+" "+i.Key] == i.told() })
}

// makeAs writes the next parcel of items that were not sent as they are, keeps it, and records it; all or nothing. Where seen is given it
// must be what somebody saw before: the digest of a preview.
func (o *Office) makeAs(ctx context.Context, by record.Authority, id string, items []Item, seen string) (Sent, error) {
	l, err := o.link(ctx, id)
	if err != nil {
		return Sent{}, err
	}
	if l.Ended() {
		return Sent{}, asFault(l.over())
	}
	if l.State != "confirmed" {
		return Sent{}, fault.New(fault.Conflict, "The exchange of %s is %s, and nothing is sent before the other side's key is confirmed.", id, l.State).WithNext("Confirm it with the firm's answer: tickmark audit confirm.")
	}
	before, err := o.parcels(ctx, o.Book.DB, id, "sent")
	if err != nil {
		return Sent{}, err
	}
	items = fresh(before, items)
	if len(items) == 0 {
		return Sent{}, fault.New(fault.Conflict, "There is nothing to send that was not sent already.").WithNext("Hand in an answer, or name what is to go.")
	}
	if seen != "" && seen != digest(items) {
		return Sent{}, fault.New(fault.Conflict, "What would be sent is no longer what was looked at.").WithNext("Look at it again, and send it then.")
	}
	p := Parcel{Format: Format, Engagement: id, From: o.side(), Number: len(before) + 1, Made: o.Book.Log.Now(), Items: items}
	n := noted{Engagement: id, Direction: "sent", Number: p.Number, Items: len(items), Made: p.Made.UTC().Format(time.RFC3339Nano), By: by.Actor().Name}
	if len(before) > 0 {
		p.Previous = before[len(before)-1].Hash
		n.Previous = p.Previous
	}
	have := map[string]bool{}
	for _, i := range items {
		n.Told = append(n.Told, i.told())
		if i.File == "" || have[i.File] {
			continue
		}
		have[i.File] = true
		h, err := blob.Parse(i.File)
		if err != nil {
			return Sent{}, err
		}
		r, size, err := o.Blobs.Open(h)
		if err != nil {
			return Sent{}, err
		}
		r.Close()
		p.Files = append(p.Files, File{i.File, size})
	}
	n.Name = fmt.Sprintf("Parcel %d of the %s", n.Number, o.side())
	pr, pw := io.Pipe()
	go func() {
		var err error
		n.Hash, err = p.write(pw, o.Book.Log, o.Blobs)
		pw.CloseWithError(err)
	}()
	file, _, err := o.Blobs.Put(ctx, pr, MaxParcel)
	pr.CloseWithError(err)
	if err != nil {
		return Sent{}, err
	}
	n.File = file.String()
	_, kind, _ := o.names()
	body, err := json.Marshal(n)
	if err != nil {
		return Sent{}, err
	}
	err = o.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		again, err := o.parcels(record.AsProgram(ctx), tx, id, "sent")
		if err != nil {
			return err
		}
		if len(again) != len(before) {
			return fault.New(fault.Conflict, "Another parcel was made meanwhile.").WithNext("Make this one again.")
		}
		none := store.Moment(0)
		if _, err := o.Book.PutIn(ctx, tx, record.Job("job:exchange"), record.Change{Kind: kind, Key: n.key(), Body: body, Reason: "made by " + by.Actor().Name, If: &none}); err != nil {
			return err
		}
		_, err = tx.Act(ctx, "parcel.made", by.Actor().Name, kind+"/"+n.key(), map[string]any{"hash": n.Hash, "items": n.Items})
		return err
	})
	return Sent{Number: n.Number, Hash: n.Hash, File: n.File, Items: n.Items}, err
}

// Taken is a parcel that was taken.
type Taken struct {
	Number int    `json:"number"`
	Hash   string `json:"hash"`
	Items  int    `json:"items"`
	Again  bool   `json:"again,omitempty"` // it was taken before, and nothing was changed
}

// Take verifies a parcel whole and records what it tells, or refuses it and changes nothing.
func (o *Office) Take(ctx context.Context, by record.Authority, id string, r io.ReaderAt, size int64) (Taken, error) {
	if err := o.may(ctx, by, id, "take its parcels"); err != nil {
		return Taken{}, err
	}
	t, err := o.take(ctx, by.Actor().Name, id, r, size)
	return t, asFault(err)
}

func (o *Office) take(ctx context.Context, who, id string, r io.ReaderAt, size int64) (Taken, error) {
	l, err := o.link(ctx, id)
	if err != nil {
		return Taken{}, err
	}
	t, err := o.taken(ctx, l, who, id, r, size)
	if no, ok := refusal(err); ok {
		if err := o.note(ctx, no, who, id, r, size); err != nil {
			return Taken{}, err
		}
	}
	return t, err
}

// mostRefused is how many refused parcels of an exchange are noted: who sends rubbish all day fills no disk with it.
const mostRefused = 200

// note records that a parcel was refused and why, once for each file. Nothing of it is kept.
func (o *Office) note(ctx context.Context, no *Refused, who, id string, r io.ReaderAt, size int64) error {
	h, _, err := hashOf(io.NewSectionReader(r, 0, min(size, MaxParcel)))
	if err != nil {
		return err
	}
	_, kind, _ := o.names()
	key := id + ".refused." + h[:32]
	return o.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		before, err := o.parcels(record.AsProgram(ctx), tx, id, "refused")
		if err != nil || len(before) >= mostRefused {
			return err
		}
		for _, n := range before {
			if n.File == h {
				return nil
			}
		}
		n := noted{Engagement: id, Name: "A parcel that was refused", Direction: "refused", Number: len(before) + 1, Hash: h, File: h, Made: o.Book.Log.Now().UTC().Format(time.RFC3339Nano), Why: no.Why, Detail: strings.TrimSpace(no.Detail + " " + no.Next), By: who}
		body, err := json.Marshal(n)
		if err != nil {
			return err
		}
		none := store.Moment(0)
		_, err = o.Book.PutIn(ctx, tx, record.Job("job:exchange"), record.Change{Kind: kind, Key: key, Body: body, Reason: "refused, brought by " + who, If: &none})
		return err
	})
}

func (o *Office) taken(ctx context.Context, l Link, who, id string, r io.ReaderAt, size int64) (Taken, error) {
	if l.Ended() {
		return Taken{}, l.over()
	}
	if l.State != "confirmed" {
		return Taken{}, refuse(WhyUnknown, "The exchange of %s is %s.", id, l.State).with("Confirm the other side's key first.")
	}
	p, err := open(r, size, l.Key)
	if err != nil {
		return Taken{}, err
	}
	if p.Engagement != id || p.From != o.other() {
		return Taken{}, refuse(WhyForeign, "It is of %s, from the %s.", p.Engagement, p.From).with("Here parcels of %s from the %s are taken.", id, o.other())
	}
	if err := o.speaks(p.Parcel, l.Key); err != nil {
		return Taken{}, err
	}
	// The chain is looked at before the files are kept, and again in the transaction.
	before, err := o.parcels(record.AsProgram(ctx), o.Book.DB, id, "taken")
	if err != nil {
		return Taken{}, err
	}
	if again, err := follows(before, p); err != nil || again {
		return Taken{p.Number, p.hash, len(p.Items), again}, err
	}
	file, _, err := o.Blobs.Put(ctx, io.NewSectionReader(r, 0, size), MaxParcel)
	if err != nil {
		return Taken{}, err
	}
	for _, f := range p.Files {
		if h, _, err := o.Blobs.Put(ctx, p.file(f.Hash), MaxParcel); err != nil {
			return Taken{}, err
		} else if h.String() != f.Hash {
			return Taken{}, refuse(WhyBroken, "The file %s changed while it was read.", f.Hash)
		}
	}
	taken := Taken{Number: p.Number, Hash: p.hash, Items: len(p.Items)}
	err = o.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
		before, err := o.parcels(record.AsProgram(ctx), tx, id, "taken")
		if err != nil {
			return err
		}
		if taken.Again, err = follows(before, p); err != nil || taken.Again {
			return err
		}
		return o.keep(ctx, tx, who, p, file.String())
	})
	if err != nil {
		return taken, err
	}
	// The parcel is taken, whatever of it fits into the firm's requests: what does not is said where they are shown.
	_, err = o.Apply(ctx, id)
	return taken, err
}

// follows reports whether a parcel was taken already, and refuses one that does not follow the last that was.
func follows(before []noted, p *opened) (again bool, err error) {
	last := len(before)
	switch {
	case p.Number < 1:
		return false, refuse(WhyBroken, "It has the number %d.", p.Number)
	case p.Number <= last:
		if before[p.Number-1].Hash == p.hash {
			return true, nil
		}
		return false, refuse(WhyChain, "Another parcel was taken under the number %d, with the hash %s.", p.Number, before[p.Number-1].Hash).with("Ask the other side why there are two: one of them rewrote its history.")
	case p.Number > last+1:
		missing := fmt.Sprintf("parcel %d is", last+1)
		if p.Number > last+2 {
			missing = fmt.Sprintf("parcels %d to %d are", last+1, p.Number-1)
		}
		return false, refuse(WhyGap, "It has the number %d, and %s missing.", p.Number, missing).with("Take those first; the other side has them still.")
	}
	previous := ""
	if last > 0 {
		previous = before[last-1].Hash
	}
	if p.Previous != previous {
		return false, refuse(WhyChain, "It follows another parcel than the one taken last.").with("Ask the other side why: one of them rewrote its history.")
	}
	return false, nil
}

// keep records a parcel and what it tells, in one transaction.
func (o *Office) keep(ctx context.Context, tx *ledger.Tx, who string, p *opened, file string) error {
	_, kind, item := o.names()
	n := noted{Engagement: p.Engagement, Name: fmt.Sprintf("Parcel %d of the %s", p.Number, p.From), Direction: "taken", Number: p.Number, Hash: p.hash, Previous: p.Previous, File: file,
		Made: p.Made.Format(time.RFC3339Nano), Items: len(p.Items), By: who}
	for _, i := range p.Items {
		n.Told = append(n.Told, i.told())
	}
	job := record.Job("job:exchange")
	none := store.Moment(0)
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	changes := []record.Change{{Kind: kind, Key: n.key(), Body: body, Origin: record.Forwarded, Reason: "taken by " + who, If: &none}}
	for _, i := range p.Items {
		body, err := json.Marshal(map[string]any{engagement.Name: p.Engagement, "sort": i.Sort, "of": i.Key, "title": cmp.Or(i.Title, i.Key), "content": i.Content, "sha256": i.File, "file_name": i.Name, "parcel": n.key(), "number": p.Number})
		if err != nil {
			return err
		}
		changes = append(changes, record.Change{Kind: item, Key: ItemKey(p.Engagement, i.Sort, i.Key), Source: p.From + ":" + p.Engagement, Body: body, Origin: record.Forwarded, Reason: n.Name})
	}
	if _, err := o.Book.PutIn(ctx, tx, job, changes...); err != nil {
		return err
	}
	_, err = tx.Act(ctx, "parcel.taken", who, kind+"/"+n.key(), map[string]any{"hash": n.Hash, "items": n.Items, "number": n.Number})
	return err
}

// ItemKey is the key under which an item is kept by who took it.
func ItemKey(id, sort, key string) string { return id + "." + sort + "." + key }

// Fetch is a parcel that was sent, as a file, for whoever carries it.
func (o *Office) Fetch(ctx context.Context, id string, number int) (io.ReadCloser, int64, error) {
	list, err := o.parcels(ctx, o.Book.DB, id, "sent")
	if err != nil {
		return nil, 0, err
	}
	if number < 1 || number > len(list) {
		return nil, 0, fault.New(fault.NotFound, "There is no parcel %d of %s; the last has the number %d.", number, id, len(list))
	}
	h, err := blob.Parse(list[number-1].File)
	if err != nil {
		return nil, 0, err
	}
	return o.Blobs.Open(h)
}

// Listed is a parcel as it is recorded.
type Listed struct {
	Direction string `json:"direction"` // sent or taken
	Number    int    `json:"number"`
	Made      string `json:"made"`
	Items     int    `json:"items"`
	Hash      string `json:"hash"` // of its content; of the file, where it was refused

	Told   []string `json:"told,omitempty"`   // each as sort, key and the first digits of its hash
	Why    string   `json:"why,omitempty"`    // it was refused
	Detail string   `json:"detail,omitempty"` // what was wrong with it
	By     string   `json:"by,omitempty"`     // who made or brought it
}

// Links are the exchanges of this workspace, as they stand.
func (o *Office) Links(ctx context.Context, by record.Authority) ([]Link, error) {
	if err := o.reads(ctx, by); err != nil {
		return nil, err
	}
	kind, _, _ := o.names()
	var out []Link
	err := o.Book.EachOpen(ctx, o.Book.DB, kind, func(v record.Version) error {
		l, err := linkOf(v)
		out = append(out, l)
		return err
	})
	return out, err
}

// Link is one of them.
func (o *Office) Link(ctx context.Context, by record.Authority, id string) (Link, error) {
	if err := o.reads(ctx, by); err != nil {
		return Link{}, err
	}
	kind, _, _ := o.names()
	v, err := o.Book.GetFrom(ctx, kind, id, record.Program, 0, o.room())
	if err != nil {
		return Link{}, err
	}
	return linkOf(v)
}

// linkOf is a link without what opens it.
func linkOf(v record.Version) (l Link, err error) {
	err = json.Unmarshal(v.Body, &l)
	l.Bearer, l.Sealed = "", ""
	return l, err
}

// Parcels are the parcels of an engagement, those sent before those taken and those refused, each in order.
func (o *Office) Parcels(ctx context.Context, by record.Authority, id string) ([]Listed, error) {
	if err := o.reads(ctx, by); err != nil {
		return nil, err
	}
	if _, err := o.link(ctx, id); err != nil {
		return nil, err
	}
	out := []Listed{}
	for _, direction := range []string{"sent", "taken", "refused"} {
		list, err := o.parcels(ctx, o.Book.DB, id, direction)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			out = append(out, Listed{n.Direction, n.Number, n.Made, n.Items, n.Hash, n.Told, n.Why, n.Detail, n.By})
		}
	}
	return out, nil
}

func (o *Office) reads(ctx context.Context, by record.Authority) error {
	_, _, item := o.names()
	k, err := o.Book.Kinds.Named(item)
	if err != nil {
		return err
	}
	return by.May(ctx, "read", k)
}

// Came is something that the other side told, as it was told last.
type Came struct {
	Kind, Key, Sort, Of, Title string
	File, FileName             string
	Number                     int
	At                         time.Time
}

// Came is everything that the other side told in an engagement, the newest first.
func (o *Office) Came(ctx context.Context, by record.Authority, id string) (out []Came, err error) {
	if err := o.reads(ctx, by); err != nil {
		return nil, err
	}
	_, _, item := o.names()
	found, err := o.Book.Find(ctx, o.Book.DB, item, engagement.Name, id, 0)
	for _, v := range found {
		var b struct {
			Sort, Of, Title string
			File            string `json:"sha256"`
			Name            string `json:"file_name"`
			Number          int
		}
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return nil, fmt.Errorf("read %s: %w", v.Key, err)
		}
		out = append(out, Came{item, v.Key, b.Sort, b.Of, b.Title, b.File, b.Name, b.Number, v.From.Time()})
	}
	slices.SortStableFunc(out, func(a, b Came) int {
		return cmp.Or(b.Number-a.Number, strings.Compare(a.Sort, b.Sort), strings.Compare(a.Of, b.Of))
	})
	return out, err
}

// FileOf opens the file of something that the other side told.
func (o *Office) FileOf(ctx context.Context, by record.Authority, id, sort, key string) (io.ReadCloser, int64, error) {
	if err := o.reads(ctx, by); err != nil {
		return nil, 0, err
	}
	_, _, item := o.names()
	v, err := o.Book.GetFrom(ctx, item, ItemKey(id, sort, key), o.other()+":"+id, 0, o.room())
	if err != nil {
		return nil, 0, err
	}
	var b struct {
		Hash string `json:"sha256"`
	}
	if err := json.Unmarshal(v.Body, &b); err != nil {
		return nil, 0, err
	}
	if b.Hash == "" {
		return nil, 0, fault.New(fault.NotFound, "No file came with %s %s.", sort, key)
	}
	h, err := blob.Parse(b.Hash)
	if err != nil {
		return nil, 0, err
	}
	return o.Blobs.Open(h)
}

// bearer finds the exchange that a token belongs to.
func (o *Office) bearer(ctx context.Context, token string) (Link, error) {
	no := fault.New(fault.SignIn, "This token opens no exchange of parcels.").WithNext("Take the one of the newest invitation.")
	if o.Firm || token == "" {
		return Link{}, no
	}
	var found *Link
	err := o.Book.EachOpen(ctx, o.Book.DB, FirmLink, func(v record.Version) error {
		var l Link
		if err := json.Unmarshal(v.Body, &l); err != nil {
			return err
		}
		if l.Bearer != "" && subtle.ConstantTimeCompare([]byte(l.Bearer), []byte(sum([]byte(token)))) == 1 {
			found = &l
		}
		return nil
	})
	if err != nil {
		return Link{}, err
	}
	if found == nil {
		return Link{}, no
	}
	if at, err := time.Parse(time.RFC3339, found.Expires); err != nil || !o.Book.Log.Clock().Before(at) {
		return Link{}, no
	}
	return *found, nil
}

func faultOf(err error) *fault.Fault {
	var f *fault.Fault
	errors.As(err, &f)
	return f
}

// refusal is the refusal in an error, if it is one.
func refusal(err error) (*Refused, bool) {
	var r *Refused
	ok := errors.As(err, &r)
	return r, ok
}

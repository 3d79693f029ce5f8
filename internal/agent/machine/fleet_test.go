package machine

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/connector/host"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var ada = record.Job("person:ada")

// office is a server with a group of machines, and the machines that a test makes.
type office struct {
	*testing.T
	*agent.Fleet
	ctx    context.Context
	server *httptest.Server
}

func open(t *testing.T, db *store.DB) *office {
	t.Helper()
	ctx, dir := t.Context(), t.TempDir()
	log, err := ledger.Open(ctx, db, dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(append(append(append(record.Builtin(), collect.Kinds()...), host.Connector().Kinds...), person.Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(ctx, log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	c := &collect.Collector{Book: book, Keys: keys, Connectors: []connector.Connector{agent.Group(), agent.Machine()}}
	o := &office{t, &agent.Fleet{Book: book, Collector: c}, ctx, nil}
	if _, err := c.Add(ctx, ada, collect.Connection{Name: "laptops", Connector: "agent"}, nil); err != nil {
		t.Fatal(err)
	}
	o.server = httptest.NewServer(o.Handler())
	t.Cleanup(o.server.Close)
	return o
}

func (o *office) token(uses int64) string {
	o.Helper()
	plain, _, err := o.NewToken(o.ctx, ada, "laptops", uses, 0)
	if err != nil {
		o.Fatal(err)
	}
	return plain
}

// laptop enrols a machine with an id of its own.
func (o *office) laptop() *State {
	o.Helper()
	s, joined, err := Enrol(o.ctx, filepath.Join(o.TempDir(), "state"), o.server.URL, o.token(1), true)
	if err != nil || joined.State != agent.StateEnrolled {
		o.Fatalf("%+v, %v", joined, err)
	}
	return s
}

var runs = 0

// reading is one of a machine with accounts, complete for accounts and the machine itself.
func reading(s *State, accounts ...string) *Reading {
	runs++
	r := &Reading{Run: fmt.Sprint("run-", runs), Kinds: []string{"host", "host_account"}, Statement: collect.Statement{Began: time.Now().UTC().Truncate(time.Microsecond), Vouched: []string{"host", "host_account"}}}
	batch := []json.RawMessage{item("host", s.Machine, fmt.Sprintf(`{"hostname":"lap","machine":%q,"os":"linux","last_seen":%q}`, s.Machine, r.Statement.Began.Format(time.RFC3339)))}
	for _, a := range accounts {
		batch = append(batch, item("host_account", a, fmt.Sprintf(`{"name":%q,"login_shell":true}`, a)))
	}
	r.Batches, r.Items = [][]json.RawMessage{batch}, int64(len(batch))
	return r
}

func item(kind, key, body string) json.RawMessage {
	b, err := json.Marshal(collect.Sent{Kind: kind, Key: key, Body: json.RawMessage(body)})
	if err != nil {
		panic(err)
	}
	return b
}

func (o *office) send(s *State, r *Reading) {
	o.Helper()
	if err := s.Send(o.ctx, r); err != nil {
		o.Fatal(err)
	}
}

func (o *office) exec(sql string) {
	o.Helper()
	if err := o.Book.DB.Write(o.ctx, func(tx *store.Tx) error { _, err := tx.Exec(o.ctx, sql); return err }); err != nil {
		o.Fatal(err)
	}
}

// refused wants an error to be a refusal of that name.
func (o *office) refused(err error, why string) {
	o.Helper()
	var no *agent.Refused
	if !errors.As(err, &no) || no.Why != why {
		o.Errorf("want it refused as %s: %v", why, err)
	} else if no.Detail == "" {
		o.Errorf("%s is refused without a sentence", why)
	}
}

// accounts are those that stand of a machine.
func (o *office) accounts(name string) string {
	o.Helper()
	var out []string
	err := o.Book.EachOpen(o.ctx, o.Book.DB, "host_account", func(v record.Version) error {
		if v.Source == name {
			out = append(out, v.Key)
		}
		if v.Origin != record.Forwarded {
			o.Errorf("%s came here as %s", v.Key, v.Origin)
		}
		return nil
	})
	if err != nil {
		o.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// covered is until when a machine vouches for a kind; zero when it does not.
func (o *office) covered(name, kind string) time.Time {
	o.Helper()
	list, err := o.Collector.Coverage(o.ctx, collect.CoverageQuery{Connection: name, Kind: kind, From: store.At(o.Book.Log.Now())})
	if err != nil {
		o.Fatal(err)
	}
	for _, c := range list {
		if c.Part == "" && c.Ended == "" {
			return c.To.Time()
		}
	}
	return time.Time{}
}

func (o *office) member(name string) agent.Member {
	o.Helper()
	list, err := o.Machines(o.ctx, "laptops")
	if err != nil {
		o.Fatal(err)
	}
	i := slices.IndexFunc(list, func(m agent.Member) bool { return m.Name == name })
	if i < 0 {
		o.Fatalf("there is no %s among %+v", name, list)
	}
	return list[i]
}

func TestAMachineSpeaksForItselfAndForNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := open(t, db)
		a, b := o.laptop(), o.laptop()
		if a.Name == b.Name || a.Machine == b.Machine {
			t.Fatalf("%s and %s", a.Name, b.Name)
		}
		o.send(a, reading(a, "root", "ada"))
		o.send(b, reading(b, "root", "bob"))
		until := o.covered(a.Name, "host_account")
		if d := time.Until(until); d < 47*time.Hour || d > 48*time.Hour {
			t.Errorf("two days of a daily machine are vouched for, not %s", d)
		}
		o.send(b, reading(b, "root")) // bob is gone there
		if got := o.accounts(a.Name); got != "ada root" {
			t.Errorf("another machine closed what stands of this one: %s", got)
		}
		if got := o.accounts(b.Name); got != "root" {
			t.Errorf("what is gone stands: %s", got)
		}
		if !o.covered(a.Name, "host_account").Equal(until) {
			t.Error("another machine vouched for this one, or ended what it vouches for")
		}

		other := *b
		other.Name = a.Name
		o.refused(other.Send(o.ctx, reading(a, "eve")), agent.WhyUnknown) // its key at the other's address
		o.refused(b.Send(o.ctx, reading(a, "eve")), agent.WhyForeign)     // the other's record at its own
		r := reading(b, "root")
		r.Batches[0] = append(r.Batches[0], json.RawMessage(`{"kind":"host_account","key":"eve","scope":"x","body":{"name":"eve"}}`))
		r.Items++
		o.refused(b.Send(o.ctx, r), agent.WhyContent)
		r = reading(b, "root")
		r.Kinds = append(r.Kinds, "person")
		o.refused(b.Send(o.ctx, r), agent.WhyContent)
		r = reading(b, "root")
		r.Statement.Vouched = append(r.Statement.Vouched, "host_sshd")
		o.refused(b.Send(o.ctx, r), agent.WhyContent)
		for _, field := range []string{"owner_email", "managed"} {
			r = reading(b)
			r.Batches[0][0] = item("host", b.Machine, fmt.Sprintf(`{"machine":%q,%q:null}`, b.Machine, field))
			o.refused(b.Send(o.ctx, r), agent.WhyContent)
		}

		n := int64(0) // nor does anybody else, by the other ways in which records come here
		for _, d := range []collect.Delivery{{Kinds: []string{"host_account"}, Complete: &n}, {Kinds: []string{"host_account"}, Complete: &n, Statement: &collect.Statement{}}} {
			d.Connection, d.ID = a.Name, "r"
			if _, err := o.Collector.Receive(o.ctx, d); !fault.Is(err, fault.Denied) {
				t.Errorf("records without a signature: %v", err)
			}
		}
		if _, err := o.Collector.Take(o.ctx, ada, a.Name, collect.Handed{Kinds: []string{"host_account"}}, nil); !fault.Is(err, fault.Denied) {
			t.Errorf("a file handed in: %v", err)
		}
		if _, err := o.Collector.Add(o.ctx, ada, collect.Connection{Name: "x", Connector: "machine"}, nil); !fault.Is(err, fault.Denied) {
			t.Errorf("a machine made by hand: %v", err)
		}
		if got := o.accounts(a.Name); got != "ada root" {
			t.Errorf("it changed: %s", got)
		}
	})
}

func TestWhatIsRefusedIsRefusedByName(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	s := o.laptop()
	path := fmt.Sprintf(agent.ReadingsPath, s.Name)
	// message sends the last message of a reading, signed as it is told.
	message := func(r *Reading, key ed25519.PrivateKey, n int64, at time.Time, spoil func(*http.Request)) error {
		m := r.messages()
		body, err := json.Marshal(m[len(m)-1])
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest("POST", o.server.URL+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		agent.Sign(req, body, key, n, at)
		if spoil != nil {
			spoil(req)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode == 200 {
			return nil
		}
		no := &agent.Refused{}
		if err := json.NewDecoder(resp.Body).Decode(no); err != nil {
			t.Fatal(err)
		}
		return no
	}
	n, now := time.Now().UnixMicro(), time.Now()
	next := func() int64 { n++; return n }
	_, stranger, _ := ed25519.GenerateKey(nil)
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body = http.NoBody
			r.Body = nopCloser{strings.NewReader(text)}
			r.ContentLength = int64(len(text))
		}
	}
	for name, c := range map[string]struct {
		why string
		err func() error
	}{
		"another body": {agent.WhyAltered, func() error { return message(reading(s), s.key, next(), now, body(`{"run":"x"}`)) }},
		"another sequence": {agent.WhyAltered, func() error {
			return message(reading(s), s.key, next(), now, func(r *http.Request) { r.Header.Set("Tickmark-Sequence", fmt.Sprint(n+1)) })
		}},
		"another time": {agent.WhyAltered, func() error {
			return message(reading(s), s.key, next(), now, func(r *http.Request) {
				r.Header.Set("Tickmark-Time", now.Add(time.Second).UTC().Format(time.RFC3339Nano))
			})
		}},
		"another method": {agent.WhyAltered, func() error {
			return message(reading(s), s.key, next(), now, func(r *http.Request) { r.Method, r.URL.Path = "GET", path+"/x"; body("")(r) })
		}},
		"no signature": {agent.WhyAltered, func() error {
			return message(reading(s), s.key, next(), now, func(r *http.Request) { r.Header.Del("Tickmark-Signature") })
		}},
		"a strange key": {agent.WhyUnknown, func() error { return message(reading(s), stranger, next(), now, nil) }},
		"its name alone": {agent.WhyAltered, func() error {
			return message(reading(s), stranger, next(), now, func(r *http.Request) { r.Header.Set("Tickmark-Key", agent.Fingerprint(s.Public())) })
		}},
		"a clock behind": {agent.WhyExpired, func() error { return message(reading(s), s.key, next(), now.Add(-6*time.Minute), nil) }},
		"a clock ahead":  {agent.WhyAhead, func() error { return message(reading(s), s.key, next(), now.Add(6*time.Minute), nil) }},
		"an old reading": {agent.WhyOld, func() error {
			r := reading(s)
			r.Statement.Began = now.Add(-2 * time.Hour)
			return message(r, s.key, next(), now, nil)
		}},
		"one to come": {agent.WhyAhead, func() error {
			r := reading(s)
			r.Statement.Began = now.Add(time.Hour)
			return message(r, s.key, next(), now, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) { o := *o; o.T = t; o.refused(c.err(), c.why) })
	}
	if got := o.accounts(s.Name); got != "" || !o.covered(s.Name, "host").IsZero() {
		t.Errorf("something of it was taken: %s", got)
	}
	if err := message(reading(s, "ada"), s.key, next(), now.Add(-4*time.Minute), nil); err != nil { // a clock that is a little off
		t.Error(err)
	}
	o.refused(message(reading(s, "eve"), s.key, n, now, nil), agent.WhyReplayed)
	o.refused(message(reading(s, "eve"), s.key, n-1, now, nil), agent.WhyReplayed)
	late := reading(s, "eve")
	late.Statement.Began = late.Statement.Began.Add(-time.Minute)
	o.refused(message(late, s.key, next(), now, nil), agent.WhyOld)
	if m := o.member(s.Name); m.Refused == "" || m.RefusedAt == 0 {
		t.Errorf("an administrator does not see that it is refused: %+v", m)
	}
	if got := o.accounts(s.Name); got != "ada" {
		t.Errorf("%s", got)
	}
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }

func TestEnrolmentTakesATokenThatStands(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	dir := func() string { return filepath.Join(t.TempDir(), "state") }
	enrol := func(at, token string) (*State, agent.Enrolled, error) {
		return Enrol(o.ctx, at, o.server.URL, token, true)
	}
	once := o.token(1)
	at := dir()
	if _, _, err := enrol(at, once); err != nil {
		t.Fatal(err)
	}
	if _, joined, err := enrol(at, once); err != nil || joined.State != agent.StateEnrolled { // the answer may have been lost
		t.Errorf("the same machine asks again: %+v, %v", joined, err)
	}
	_, _, err := enrol(dir(), once)
	o.refused(err, agent.WhyToken)
	_, _, err = enrol(dir(), "tickmark_enrol_x_y")
	o.refused(err, agent.WhyToken)
	plain, made, err := o.NewToken(o.ctx, ada, "laptops", 3, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.RevokeToken(o.ctx, ada, made.ID, ""); err != nil {
		t.Fatal(err)
	}
	_, _, err = enrol(dir(), plain)
	o.refused(err, agent.WhyToken)
	plain = o.token(1)
	o.exec("UPDATE enrolment SET expires = 1 WHERE uses = 1 AND revoked = 0")
	_, _, err = enrol(dir(), plain)
	o.refused(err, agent.WhyToken)
	for _, bad := range []struct {
		uses int64
		life time.Duration
	}{{0, 0}, {1001, 0}, {1, time.Second}, {1, 91 * 24 * time.Hour}} {
		if _, _, err := o.NewToken(o.ctx, ada, "laptops", bad.uses, bad.life); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, _, err := o.NewToken(o.ctx, ada, "printers", 1, 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("a token of no group: %v", err)
	}
	info, err := os.Stat(filepath.Join(at, "key.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(filepath.Join(at, "key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(at); !fault.Is(err, fault.Denied) {
		t.Errorf("a key that others may read is used: %v", err)
	}
}

func TestAnotherKeyOfAMachineWaitsForAnAdministrator(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := open(t, db)
		old := o.laptop()
		o.send(old, reading(old, "ada"))
		// Somebody who knows the machine's id, and has a token.
		again := &State{Dir: filepath.Join(t.TempDir(), "state"), URL: o.server.URL, Machine: old.Machine, Given: true}
		if err := again.prepare(); err != nil {
			t.Fatal(err)
		}
		if err := again.Save(); err != nil {
			t.Fatal(err)
		}
		s, joined, err := Enrol(o.ctx, again.Dir, o.server.URL, o.token(1), true)
		if err != nil || joined.State != agent.StateWaiting || joined.Name != old.Name {
			t.Fatalf("%+v, %v", joined, err)
		}
		o.refused(s.Send(o.ctx, reading(s, "eve")), agent.WhyWaiting)
		o.send(old, reading(old, "ada")) // which goes on by its own
		print := agent.Fingerprint(s.Public())
		for _, wrong := range []string{"", "abcdefabcdefabcdef", print[:8], agent.Fingerprint(old.Public())} {
			if err := o.Approve(o.ctx, ada, old.Name, wrong); !fault.Is(err, fault.Conflict) {
				t.Errorf("%q is approved: %v", wrong, err)
			}
		}
		if err := o.Dismiss(o.ctx, ada, old.Name); err != nil {
			t.Fatal(err)
		}
		o.refused(s.Send(o.ctx, reading(s, "eve")), agent.WhyUnknown)
		if _, joined, err = Enrol(o.ctx, again.Dir, o.server.URL, o.token(1), true); err != nil || joined.State != agent.StateWaiting {
			t.Fatalf("%+v, %v", joined, err)
		}
		if err := o.Approve(o.ctx, ada, old.Name, agent.Short(print)); err != nil {
			t.Fatal(err)
		}
		if !o.covered(old.Name, "host_account").IsZero() {
			t.Error("what the old key said is still vouched for")
		}
		o.refused(old.Send(o.ctx, reading(old, "eve")), agent.WhyUnknown)
		o.send(s, reading(s, "ada", "bob"))
		if got := o.accounts(old.Name); got != "ada bob" {
			t.Errorf("%s", got)
		}
		// A copy of the machine, with the key, is no machine of its own.
		b, err := json.Marshal(agent.Enrolment{Token: o.token(1), Machine: ownID(), Hostname: "copy", System: "linux", Key: base64.StdEncoding.EncodeToString(s.Public())})
		if err != nil {
			t.Fatal(err)
		}
		o.refused(s.ask(o.ctx, "POST", agent.EnrolPath, b, &joined), agent.WhyForeign)

		if err := o.Revoke(o.ctx, ada, s.Name, "lost on a train"); err != nil {
			t.Fatal(err)
		}
		o.refused(s.Send(o.ctx, reading(s, "eve")), agent.WhyRevoked)
		if got := o.accounts(s.Name); got != "ada bob" || !o.covered(s.Name, "host_account").IsZero() {
			t.Errorf("after it was revoked its records stand, and nothing vouches for them: %s", got)
		}
		if m := o.member(s.Name); m.State != agent.StateRevoked || m.Revoked != "lost on a train" {
			t.Errorf("%+v", m)
		}
		if _, joined, err = Enrol(o.ctx, s.Dir, o.server.URL, o.token(1), true); err != nil || joined.State != agent.StateWaiting {
			t.Errorf("a revoked machine comes back by itself: %+v, %v", joined, err)
		}
		if err := o.Approve(o.ctx, ada, s.Name, print); err != nil {
			t.Fatal(err)
		}
		o.send(s, reading(s, "ada"))
	})
}

func TestHalfAReadingIsNothingAndANewerOneTakesItsPlace(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	s := o.laptop()
	o.send(s, reading(s, "ada"))
	until := o.covered(s.Name, "host_account")
	half := reading(s, "eve")
	half.Batches = append(half.Batches, []json.RawMessage{item("host_account", "mallory", `{"name":"mallory"}`)})
	half.Items++
	first := half.messages()[0]
	body, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf(agent.ReadingsPath, s.Name)
	var at agent.Answer
	if err := s.ask(o.ctx, "POST", path, body, &at); err != nil || at.State != collect.Open {
		t.Fatalf("%+v, %v", at, err)
	}
	o.exec("UPDATE sending SET heard = heard - 172800000000 WHERE state = 'open'") // two days ago
	if list, err := o.Collector.Waiting(o.ctx, s.Name); err != nil || len(list) != 0 {
		t.Errorf("half a reading is taken over: %+v, %v", list, err)
	}
	o.send(s, reading(s, "ada", "bob"))
	if err := s.ask(o.ctx, "POST", path, body, &at); err != nil {
		t.Fatal(err)
	}
	o.refused(s.Send(o.ctx, half), agent.WhyOld) // its end comes after a newer reading
	if got := o.accounts(s.Name); got != "ada bob" {
		t.Errorf("what was is written over what is: %s", got)
	}
	if !o.covered(s.Name, "host_account").After(until) {
		t.Error("the newer reading vouches for nothing")
	}

	whole := reading(s, "ada") // its first batch arrived, and the agent was killed
	whole.Batches = append(whole.Batches, []json.RawMessage{item("host_account", "carol", `{"name":"carol"}`)})
	whole.Items++
	if body, err = json.Marshal(whole.messages()[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.ask(o.ctx, "POST", path, body, &at); err != nil {
		t.Fatal(err)
	}
	o.send(s, whole)
	o.send(s, whole) // and once more, for its answer was lost
	if got := o.accounts(s.Name); got != "ada carol" {
		t.Errorf("%s", got)
	}
}

func TestWhatAMachineCouldNotReadIsMissing(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	s := o.laptop()
	o.send(s, reading(s, "ada", "bob"))
	r := reading(s, "ada")
	r.Statement.Vouched = []string{"host"}
	r.Statement.Missing = []collect.Missing{{Kind: "host_account", Denied: true, Reason: "The machine refused it.", Needs: "root"}}
	o.send(s, r)
	if got := o.accounts(s.Name); got != "ada bob" {
		t.Errorf("what was not read whole closed something: %s", got)
	}
	if !o.covered(s.Name, "host_account").IsZero() || o.covered(s.Name, "host").IsZero() {
		t.Error("a kind that was refused is vouched for, or one that was read is not")
	}
	last, err := o.Collector.LastRuns(o.ctx, s.Name, 1)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := collect.ParseSummary(last[0])
	if err != nil || sum.Outcome != collect.Incomplete || len(sum.Missing) != 1 || sum.Missing[0].Needs != "root" || !strings.Contains(sum.Sender, agent.Short(agent.Fingerprint(s.Public()))) {
		t.Errorf("%+v, %v", sum, err)
	}
	r = reading(s, "ada") // it began a while before it came here
	r.Statement.Began = o.Book.Log.Now().Add(-time.Millisecond).UTC().Truncate(time.Microsecond)
	o.send(s, r)
	if got := o.covered(s.Name, "host_account"); !got.Equal(r.Statement.Began.Truncate(time.Microsecond).Add(48 * time.Hour)) {
		t.Errorf("it vouches until %s, and began at %s", got, r.Statement.Began)
	}
	r = reading(s, "ada") // it says nothing of a kind that it sends
	r.Statement.Vouched = []string{"host_account"}
	o.send(s, r)
	if !o.covered(s.Name, "host").IsZero() {
		t.Error("a kind that the machine said nothing of is vouched for")
	}
}

func TestTheOrganisationSaysWhoOwnsAMachine(t *testing.T) {
	o := open(t, storetest.SQLite(t))
	s := o.laptop()
	owner := func() string {
		o.Helper()
		o.send(s, reading(s))
		v, err := o.Book.GetFrom(o.ctx, "host", s.Machine, s.Name, 0, record.Company)
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]json.RawMessage
		if err := json.Unmarshal(v.Full(), &body); err != nil {
			t.Fatal(err)
		}
		return string(body["managed"]) + " " + string(body["owner_email"])
	}
	if got := owner(); got != `true ""` {
		t.Errorf("nobody is named: %s", got)
	}
	if _, err := o.Book.Put(o.ctx, ada, record.Change{Kind: "person", Key: "p1", Body: json.RawMessage(`{"id":"p1","name":"Ada","email":"ada@example.org"}`)}); err != nil {
		t.Fatal(err)
	}
	if err := o.SetOwner(o.ctx, ada, s.Name, "p9"); !fault.Is(err, fault.NotFound) {
		t.Errorf("somebody who is not there: %v", err)
	}
	if err := o.SetOwner(o.ctx, ada, s.Name, "p1"); err != nil {
		t.Fatal(err)
	}
	if got := owner(); got != `true "ada@example.org"` {
		t.Errorf("%s", got)
	}
	if _, err := o.Collector.Add(o.ctx, ada, collect.Connection{Name: "laptops", Connector: "agent", Settings: map[string]string{"devices": "no"}, Every: "12h"}, nil); err != nil {
		t.Fatal(err)
	}
	if got := owner(); got != " " {
		t.Errorf("a server has a custodian: %s", got)
	}
	if d := time.Until(o.covered(s.Name, "host")); d > 24*time.Hour || d < 23*time.Hour {
		t.Errorf("the interval of the group is not the machine's: %s", d)
	}
}

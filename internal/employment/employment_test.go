package employment_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/commitment"
	"tickmark/internal/connector"
	"tickmark/internal/control"
	"tickmark/internal/employment"
	"tickmark/internal/evidence"
	"tickmark/internal/exception"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/occurrence"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/person"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
	"tickmark/internal/risk"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/system"
	"tickmark/internal/task"
	"tickmark/internal/training"
)

type somebody record.Actor

func (s somebody) May(context.Context, string, *record.Kind) error { return nil }
func (s somebody) Actor() record.Actor                             { return record.Actor(s) }

func human(key string) somebody { return somebody{User: key, Person: key, Name: "person:" + key} }

type body = map[string]any

// user is an account as a source of the test lists it.
func user() record.Kind {
	return record.Kind{Name: "site_user", Title: "User", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "email", Type: record.Email}, {Name: "on", Type: record.Bool}},
		Views: []record.View{{Name: "account", Fields: map[string]string{"id": "r.id", "email": "r.email", "enabled": "r.on"}}}}
}

// world is a real database with people, two sources of accounts, and a clock that tests set.
type world struct {
	*record.Book
	t       *testing.T
	now     time.Time
	words   *check.Vocabulary
	collect *collect.Collector
	users   []string // what the source lists, as JSON
	broken  bool
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t}
	w.at("2026-01-05 09:00")
	log.Clock = func() time.Time { w.now = w.now.Add(time.Microsecond); return w.now }
	list := []record.Kind{organisation.Kind(), person.Kind(), person.MachineKind(), framework.Kind(), control.Kind(), system.Kind(), period.Kind(), evidence.Kind(), requirement.Kind(), occurrence.Kind(), exception.Kind(), commitment.Kind(), finding.Kind(), task.Kind(), user(),
		policy.Kind(), policy.VersionKind(), policy.AcknowledgementKind(), policy.ReviewKind()}
	list = append(append(append(append(list, risk.Kinds()...), training.Kinds()...), employment.Kinds()...), append(record.Builtin(), collect.Kinds()...)...)
	kinds, err := record.NewKinds(list...)
	if err != nil {
		t.Fatal(err)
	}
	if w.Book, err = record.OpenBook(t.Context(), log, kinds, func(string, []byte) string { return "" }); err != nil {
		t.Fatal(err)
	}
	if w.words, err = check.ShippedVocabulary(kinds.All()...); err != nil {
		t.Fatal(err)
	}
	w.collect = &collect.Collector{Book: w.Book, Connectors: []connector.Connector{{Name: "site", Title: "Site", Kinds: []record.Kind{user()}, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
		if w.broken {
			return errors.New("it does not answer")
		}
		for i, u := range w.users {
			if err := out.Item(connector.Item{Kind: "site_user", Key: fmt.Sprint("u", i), Raw: []byte(u)}); err != nil {
				return err
			}
		}
		out.Complete("site_user", "")
		return nil
	}}}}
	for _, p := range []string{"ada", "bob", "cleo"} {
		w.person(p, body{})
	}
	return w
}

func (w *world) at(when string) {
	d, err := time.Parse("2006-01-02 15:04", when)
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = d
}

// person writes somebody's record; ada is everybody's manager where nothing else is said.
func (w *world) person(key string, more body) {
	w.t.Helper()
	b := body{"id": key, "name": key, "email": key + "@example.org", "start": "2024-01-01"}
	if key != "ada" {
		b["manager"] = "ada"
	}
	for k, v := range more {
		b[k] = v
	}
	j, err := json.Marshal(b)
	if err == nil {
		_, err = w.Put(w.t.Context(), human("hr"), record.Change{Kind: "person", Key: key, Body: j})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) connect(name string) {
	w.t.Helper()
	if _, err := w.collect.Add(w.t.Context(), record.Job("person:ada"), collect.Connection{Name: name, Connector: "site", Every: "24h"}, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) {
	w.t.Helper()
	if _, err := w.collect.Run(w.t.Context(), name, nil); err != nil && !w.broken {
		w.t.Fatal(err)
	}
}

// tick does what the job does.
func (w *world) tick() {
	w.t.Helper()
	put := func(list []record.Change, err error) {
		w.t.Helper()
		for _, c := range list {
			if err == nil {
				_, err = w.Put(w.t.Context(), record.Job("job:employment"), c)
			}
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	r, err := employment.NewRound(w.t.Context(), w.Book)
	if err != nil {
		w.t.Fatal(err)
	}
	put(r.Events())
	open, err := r.Open()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range open {
		c, err := employment.Read(v)
		if err != nil {
			w.t.Fatal(err)
		}
		s, err := employment.Look(w.t.Context(), w.Book, w.words, w.collect, map[string]bool{c.Person: true})
		if err != nil {
			w.t.Fatal(err)
		}
		looked, err := r.Looked(v, c, s)
		put([]record.Change{looked}, err)
		key := c.Key
		if err := json.Unmarshal(looked.Body, &c); err != nil {
			w.t.Fatal(err)
		}
		c.Key = key
		put(r.Steps(c, s))
	}
}

func (w *world) act(by, kind, key, move string, said body) error {
	_, err := w.Put(w.t.Context(), human(by), record.Change{Kind: kind, Key: key, Move: move, Said: said})
	return err
}

func (w *world) change(key string) employment.Change {
	w.t.Helper()
	v, err := w.Get(w.t.Context(), "employment_change", key, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := employment.Read(v)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// tasks are the states of the steps of an event, by what follows its key.
func (w *world) tasks(c employment.Change) map[string]string {
	w.t.Helper()
	list, err := w.Find(w.t.Context(), w.DB, "task", "person", c.Person, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]string{}
	for _, v := range list {
		var b struct{ State string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			w.t.Fatal(err)
		}
		if id, ok := strings.CutPrefix(v.Key, c.Key+"-"); ok {
			out[id] = b.State
		}
	}
	return out
}

// finish does every step that is open, and has another person verify it.
func (w *world) finish(c employment.Change) {
	w.t.Helper()
	for id, state := range w.tasks(c) {
		if state == "open" {
			if err := w.act("bob", "task", c.Key+"-"+id, "finish", body{"outcome": "Done."}); err != nil {
				w.t.Fatal(err)
			}
			if err := w.act("ada", "task", c.Key+"-"+id, "verify", nil); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func TestAnExitIsClosedOnlyByReadsAfterItThatShowNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		const key = "leaver-cleo-2026-03-06"
		closing := func(by string) error {
			return w.act(by, "employment_change", key, "close", body{"outcome": "Looked at."})
		}
		w.at("2026-03-02 09:00")
		w.person("cleo", body{"end": "2026-03-06"})
		w.tick()
		c := w.change(key)
		if c.ToldOn != "2026-03-02" || c.State != "open" || c.Sort != "leaver" {
			t.Fatalf("opened %+v", c)
		}
		w.finish(c)
		w.at("2026-03-05 08:00")
		w.tick()
		if err := closing("ada"); err == nil || !strings.Contains(err.Error(), "no source") {
			t.Fatalf("closed although nothing is read: %v", err)
		}
		w.at("2026-03-05 09:00")
		w.connect("okta")
		w.connect("git")
		w.users = []string{`{"id":"c","email":"Cleo@Example.org","on":true}`, `{"id":"b","email":"bob@example.org","on":true}`}
		w.read("okta")
		w.tick()
		if c = w.change(key); c.Systems == nil || *c.Systems != 2 || *c.Unread != 2 || len(c.Proofs) != 2 || c.Proofs[0].State != employment.Enabled || c.Proofs[0].Source != "okta" {
			t.Fatalf("looked at %+v", c)
		}
		if st := w.tasks(c)["account-okta"]; st != "open" {
			t.Fatalf("the step for okta is %q of %v", st, w.tasks(c))
		}
		if err := w.act("cleo", "task", key+"-account-okta", "finish", body{"outcome": "Mine."}); !fault.Is(err, fault.Denied) {
			t.Errorf("did a step of their own exit: %v", err)
		}
		w.finish(c)

		// disabled and read, but before the last day is over: not proved, and git was never read
		w.users[0] = `{"id":"c","email":"cleo@example.org","on":false}`
		w.at("2026-03-06 10:00")
		w.read("okta")
		w.tick()
		if err := closing("ada"); !fault.Is(err, fault.Conflict) {
			t.Fatalf("closed by a read before the end: %v", err)
		}
		for _, p := range w.change(key).Proofs {
			if p.Proved() {
				t.Errorf("a read before the end proves %+v", p)
			}
		}
		w.at("2026-03-07 10:00")
		w.read("okta")
		w.tick()
		if err := closing("ada"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "git") {
			t.Fatalf("closed although git was not read: %v", err)
		}
		w.broken = true
		w.read("git")
		w.tick()
		if err := closing("ada"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "git") {
			t.Fatalf("closed by a read that failed: %v", err)
		}
		w.broken = false
		w.users = append(w.users, `{"id":"x","email":"cleo@example.org"}`)
		w.read("git")
		w.tick()
		if err := closing("ada"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "does not say") {
			t.Fatalf("closed although a source does not say: %v", err)
		}
		w.users[2] = `{"id":"x","email":"team@example.org","on":true}`
		w.person("cleo", body{"end": "2026-03-06", "other_emails": []string{"team@example.org"}})
		w.person("bob", body{"other_emails": []string{"team@example.org"}})
		w.read("git")
		w.tick()
		if err := closing("ada"); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "several people") {
			t.Fatalf("closed although an account may be theirs: %v", err)
		}
		w.users = w.users[:1]
		w.read("git")
		w.tick()
		c = w.change(key)
		w.finish(c)
		if err := closing("cleo"); !fault.Is(err, fault.Denied) {
			t.Errorf("closed their own exit: %v", err)
		}

		// a proof grows stale: what was not read for long no longer shows anything
		w.at("2026-03-20 10:00")
		w.tick()
		if err := closing("ada"); !fault.Is(err, fault.Conflict) {
			t.Fatalf("closed by reads of two weeks ago: %v", err)
		}
		w.read("okta")
		w.read("git")
		w.tick()
		w.finish(w.change(key))
		if err := closing("ada"); err != nil {
			t.Fatal(err)
		}
		if c = w.change(key); c.State != "closed" || c.ClosedBy != "ada" {
			t.Errorf("closed %+v", c)
		}
		for _, p := range c.Proofs {
			if !p.Proved() || p.ReadAt.Before(calendar.Parse("2026-03-20")) {
				t.Errorf("closed with %+v", p)
			}
		}
		w.tick()
		if again := w.change(key); again.State != "closed" {
			t.Errorf("opened again: %+v", again)
		}
	})
}

func TestEventsFollowWhatPeoplesRecordsSay(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.tick()
		state := func(key string) string {
			v, err := w.Get(t.Context(), "employment_change", key, 0)
			if fault.Is(err, fault.NotFound) {
				return "none"
			}
			c, err := employment.Read(v)
			if err != nil {
				t.Fatal(err)
			}
			return c.State
		}
		if list, err := w.Find(t.Context(), w.DB, "employment_change", record.StateField, "open", 0); err != nil || len(list) != 0 {
			t.Fatalf("those who were here for years: %v %v", list, err)
		}

		// somebody comes, and the records settle what they can
		w.at("2026-02-01 09:00")
		w.person("dan", body{"start": "2026-02-16", "manager": "bob"})
		w.tick()
		joins := w.change("joiner-dan-2026-02-16")
		if got := w.tasks(joins); got["screening"] != "open" || got["terms"] != "open" || got["device"] != "open" || got["access"] != "open" {
			t.Fatalf("steps %v", got)
		}
		w.finish(joins)
		if err := w.act("ada", "employment_change", joins.Key, "close", body{"outcome": "x"}); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "screening") {
			t.Errorf("closed without a screening on record: %v", err)
		}
		w.person("dan", body{"start": "2026-02-16", "manager": "bob", "screened": "2026-02-03", "terms_signed": "2026-02-04"})
		if err := w.act("ada", "employment_change", joins.Key, "close", body{"outcome": "x"}); err != nil {
			t.Error(err)
		}
		w.person("eve", body{"start": "2026-02-20"})
		w.tick()
		w.person("eve", body{"start": "2026-02-23", "screened": "2026-02-03"})
		w.tick()
		if state("joiner-eve-2026-02-20") != "withdrawn" || state("joiner-eve-2026-02-23") != "open" {
			t.Error("a first day that moved")
		}
		if got := w.tasks(w.change("joiner-eve-2026-02-23")); got["screening"] != "" {
			t.Errorf("asked for what is on record: %v", got)
		}

		// somebody changes
		w.at("2026-03-02 09:00")
		w.person("cleo", body{"manager": "bob", "title": "Lead"})
		w.tick()
		w.tick()
		moves := w.change("mover-cleo-2026-03-02")
		if moves.Was.Manager != "ada" || moves.Became.Manager != "bob" {
			t.Fatalf("moved %+v", moves)
		}
		yes := body{"rights": "as_they_should_be", "rights_note": "Looked through."}
		for who, refused := range map[string]bool{"cleo": true, "ada": true} {
			if err := w.act(who, "employment_change", moves.Key, "confirm", yes); refused != fault.Is(err, fault.Denied) {
				t.Errorf("confirmed by %s: %v", who, err)
			}
		}
		if err := w.act("bob", "employment_change", moves.Key, "confirm", yes); err != nil {
			t.Fatal(err)
		}
		if c := w.change(moves.Key); c.State != "open" || c.ConfirmedBy != "bob" {
			t.Errorf("confirmed %+v", c)
		}

		// a last day that is told late is opened all the same, one that is taken back is withdrawn, and who comes back begins anew
		w.at("2026-06-10 09:00")
		w.person("cleo", body{"manager": "bob", "title": "Lead", "end": "2026-03-31"})
		w.tick()
		if c := w.change("leaver-cleo-2026-03-31"); c.ToldOn != "2026-06-10" {
			t.Errorf("told %+v", c)
		}
		w.person("cleo", body{"manager": "bob", "title": "Lead", "start": "2026-06-15"})
		w.tick()
		if state("leaver-cleo-2026-03-31") != "open" || state("joiner-cleo-2026-06-15") != "open" {
			t.Error("a new spell ends nothing of the old one")
		}
		w.person("bob", body{"end": "2026-06-30"})
		w.tick()
		w.person("bob", body{})
		w.tick()
		if state("leaver-bob-2026-06-30") != "withdrawn" {
			t.Error("a last day that was taken back")
		}
		if _, err := w.Put(t.Context(), human("ada"), record.Change{Kind: "employment_change", Key: "leaver-ada-2026-06-30", Body: []byte(`{"sort":"leaver","person":"ada","on":"2026-06-30"}`)}); !fault.Is(err, fault.Denied) {
			t.Errorf("opened by hand: %v", err)
		}
	})
}

func TestNobodyReviewsThemselves(t *testing.T) {
	k := employment.ReviewKind()
	for name, c := range map[string]struct {
		by, reviewer string
		refused      bool
	}{"by another": {"hr", "ada", false}, "of oneself": {"hr", "cleo", true}, "recorded by oneself": {"cleo", "ada", true}} {
		_, err := k.Written(nil, body{"person": "cleo", "reviewer": c.reviewer, "on": "2026-01-01"}, record.Actor{User: c.by, Person: c.by}, time.Time{})
		if c.refused != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package training_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/organisation"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/training"
)

type somebody record.Actor

func (s somebody) May(context.Context, string, *record.Kind) error { return nil }
func (s somebody) Actor() record.Actor                             { return record.Actor(s) }

func human(key string) somebody { return somebody{User: key, Person: key, Name: "person:" + key} }

type body = map[string]any

// world is a real database with people and a clock that tests set.
type world struct {
	*record.Book
	t   *testing.T
	now time.Time
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t}
	w.at("2026-01-05")
	log.Clock = func() time.Time { w.now = w.now.Add(time.Microsecond); return w.now }
	kinds, err := record.NewKinds(append(append([]record.Kind{organisation.Kind(), person.Kind()}, training.Kinds()...), record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	if w.Book, err = record.OpenBook(t.Context(), log, kinds, func(string, []byte) string { return "" }); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"ada", "bob", "dan"} {
		w.put(p == "", "ada", "person", p, body{"id": p, "name": p, "email": p + "@example.org", "start": "2024-01-01"})
	}
	w.put(false, "ada", "person", "eve", body{"id": "eve", "name": "eve", "email": "eve@example.org", "start": "2026-03-02", "groups": []string{"engineering"}})
	w.put(false, "ada", "training_module", "m", body{"id": "m", "title": "Basics", "topic": "security_awareness", "audience": "everyone", "months": 12, "text": "Read this.", "pass_mark": 60,
		"questions": []body{{"id": "q1", "question": "One?", "options": []string{"a", "b"}}, {"id": "q2", "question": "Two?", "options": []string{"a", "b", "c"}}}})
	return w
}

func (w *world) at(day string) {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = d.Add(12 * time.Hour)
}

// put writes, and expects to be refused where it says so.
func (w *world) put(refused bool, by, kind, key string, b body) {
	w.t.Helper()
	j, err := json.Marshal(b)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err = w.Put(w.t.Context(), human(by), record.Change{Kind: kind, Key: key, Body: j}); refused != (err != nil) {
		w.t.Fatalf("%s writes %s %s: %v", by, kind, key, err)
	}
}

func (w *world) act(by, kind, key, move string, said body) error {
	_, err := w.Put(w.t.Context(), human(by), record.Change{Kind: kind, Key: key, Move: move, Said: said})
	return err
}

func (w *world) publish(said body) {
	w.t.Helper()
	if err := w.act("ada", "training_module", "m", "publish", said); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rightAnswers() {
	w.t.Helper()
	w.put(false, "ada", "training_key", "m", body{"module": "m", "right": []body{{"question": "q1", "option": 2}, {"question": "q2", "option": 3}}})
}

// tick does what is due, as the job does.
func (w *world) tick() {
	w.t.Helper()
	look := w.LookAt(w.t.Context(), time.Time{})
	v, err := look.Get("training_module", "m")
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := training.ReadModule(v)
	if err != nil {
		w.t.Fatal(err)
	}
	people, err := training.People(look)
	if err != nil {
		w.t.Fatal(err)
	}
	due, err := training.Due(look, m, people)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range due {
		if _, err := w.Put(w.t.Context(), record.Job("job:training"), c); err != nil {
			w.t.Fatal(err)
		}
	}
}

// of is somebody's assignments, the earliest first.
func (w *world) of(who string) []training.Assignment {
	w.t.Helper()
	all, err := training.Assignments(w.LookAt(w.t.Context(), time.Time{}), "person", who)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) answer(by, key string, answers ...any) error {
	return w.act(by, "training_assignment", key, "hand_in", body{"answers": answers})
}

func TestNothingIsPublishedThatCouldNotBeMarked(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		if err := w.act("ada", "training_module", "m", "publish", nil); !fault.Is(err, fault.Conflict) {
			t.Fatalf("published without right answers: %v", err)
		}
		w.put(false, "ada", "training_key", "m", body{"module": "m", "right": []body{{"question": "q1", "option": 2}, {"question": "q2", "option": 4}}})
		if err := w.act("ada", "training_module", "m", "publish", nil); !fault.Is(err, fault.Conflict) {
			t.Fatalf("published with a right answer that is no option: %v", err)
		}
		w.rightAnswers()
		w.publish(nil)
		if err := w.act("ada", "training_module", "m", "publish", nil); err == nil {
			t.Error("published twice")
		}
	})
}

// One database for the whole life of a module's assignments: it is dear to make.
func TestTrainingIsTakenByThePersonAndOnlyWhatSufficesCounts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.rightAnswers()
		w.publish(nil)
		w.tick()
		w.tick()
		if a := w.of("ada"); len(a) != 1 || a[0].Due != "2026-02-04" || a[0].Because != "publication" {
			t.Fatalf("assigned %+v", a)
		}
		if len(w.of("eve")) != 0 {
			t.Error("assigned before the first day")
		}
		key := w.of("ada")[0].Key
		if err := w.answer("bob", key, "q1=2", "q2=3"); !fault.Is(err, fault.Denied) {
			t.Fatalf("answered for somebody else: %v", err)
		}
		for _, bad := range [][]any{{"q1=3"}, {"q9=1"}, {"q1=2", "q1=2"}, {"q1"}} {
			if err := w.answer("ada", key, bad...); !fault.Is(err, fault.Invalid) {
				t.Errorf("%v: %v", bad, err)
			}
		}
		for _, few := range [][]any{{"q1=2", "q2=1"}, {"q1=2"}, {}} {
			if err := w.answer("ada", key, few...); err != nil {
				t.Fatal(err)
			}
		}
		a := w.of("ada")[0]
		if a.State != "assigned" || a.CompletedOn != "" || len(a.Attempts) != 3 || a.Attempts[0].Passed || a.Attempts[0].Score != 50 || a.Attempts[2].Right != 0 {
			t.Fatalf("what did not suffice: %+v", a)
		}
		if err := w.answer("ada", key, "q1=2", "q2=3"); err != nil {
			t.Fatal(err)
		}
		if a = w.of("ada")[0]; a.State != "completed" || a.Score == nil || *a.Score != 100 || a.CompletedOn != "2026-01-05" || len(a.Attempts) != 4 || a.OverdueSince != "" {
			t.Fatalf("completed: %+v", a)
		}
		v, err := w.Get(t.Context(), "training_assignment", key, 0)
		if err != nil || strings.Contains(string(v.Body), "q2=3") || strings.Contains(string(v.Body), "answers") {
			t.Errorf("what was answered is kept: %s", v.Body)
		}
		done, err := w.Find(t.Context(), w.DB, "training_completion", "person", "ada", 0)
		if err != nil || len(done) != 1 || !strings.Contains(string(done[0].Body), `"counts":true`) || !strings.Contains(string(done[0].Body), `"here":true`) {
			t.Fatalf("completions %v %v", done, err)
		}
		if err := w.act("bob", "training_completion", done[0].Key, "withdraw", body{"withdrawn_reason": "x"}); !fault.Is(err, fault.Conflict) {
			t.Errorf("what was taken here was withdrawn: %v", err)
		}

		// late stays late, and whoever joins has days of their own
		w.at("2026-03-10")
		w.tick()
		if b := w.of("bob")[0]; b.OverdueSince != "2026-02-05" {
			t.Fatalf("overdue %+v", b)
		}
		if err := w.answer("bob", w.of("bob")[0].Key, "q1=2", "q2=3"); err != nil {
			t.Fatal(err)
		}
		if b := w.of("bob")[0]; b.State != "completed" || b.OverdueSince != "2026-02-05" {
			t.Errorf("late is forgotten: %+v", b)
		}
		if e := w.of("eve"); len(e) != 1 || e[0].Due != "2026-04-01" || e[0].Because != "joining" {
			t.Errorf("joined: %+v", e)
		}

		// a course taken elsewhere
		w.put(true, "dan", "training_completion", "c0", body{"module": "m", "person": "dan", "on": "2026-03-01", "result": "passed", "provider": "Academy"})
		w.put(true, "ada", "training_completion", "c0", body{"module": "m", "person": "dan", "on": "2026-03-01", "result": "passed", "score": 59, "provider": "Academy"})
		w.put(true, "ada", "training_completion", "c0", body{"module": "m", "person": "dan", "on": "2026-03-11", "result": "passed", "provider": "Academy"})
		w.put(false, "ada", "training_completion", "c1", body{"module": "m", "person": "dan", "on": "2026-03-01", "result": "attended", "provider": "Academy"})
		w.put(false, "ada", "training_completion", "c2", body{"module": "m", "person": "dan", "on": "2026-03-01", "result": "failed", "score": 20, "provider": "Academy"})
		w.put(false, "ada", "training_completion", "c3", body{"module": "m", "person": "dan", "on": "2024-03-01", "result": "passed", "provider": "Academy"})
		w.tick()
		if d := w.of("dan")[0]; d.State != "assigned" {
			t.Fatalf("attended, failed or long ago was enough: %+v", d)
		}
		w.put(false, "ada", "training_completion", "c4", body{"module": "m", "person": "dan", "on": "2026-03-01", "result": "passed", "score": 80, "provider": "Academy"})
		if d := w.of("dan")[0]; d.State != "completed" || d.CompletedOn != "2026-03-01" || d.OverdueSince != "2026-02-05" || *d.Score != 80 {
			t.Fatalf("recognised %+v", d)
		}
		if err := w.act("dan", "training_completion", "c4", "withdraw", body{"withdrawn_reason": "x"}); !fault.Is(err, fault.Denied) {
			t.Errorf("withdrew their own: %v", err)
		}
		if err := w.act("ada", "training_completion", "c4", "withdraw", body{"withdrawn_reason": "Of somebody else."}); err != nil {
			t.Fatal(err)
		}
		if d := w.of("dan")[0]; d.State != "assigned" || d.CompletedOn != "" || d.Completion != "" {
			t.Errorf("still completed: %+v", d)
		}

		// due again, from the day on which it was completed, and asked for a month before
		w.at("2026-12-01")
		w.tick()
		if a := w.of("ada"); len(a) != 1 {
			t.Errorf("asked for too early: %+v", a)
		}
		w.at("2026-12-20")
		w.tick()
		a2 := w.of("ada")
		if len(a2) != 2 || a2[1].Due != "2027-01-05" || a2[1].Because != "cadence" || a2[1].OverdueSince != "" {
			t.Fatalf("due again: %+v", a2)
		}

		// while it is rewritten nobody can take it, and who left owes nothing
		if err := w.act("ada", "training_module", "m", "revise", body{"revised_reason": "New threats."}); err != nil {
			t.Fatal(err)
		}
		if err := w.answer("ada", a2[1].Key, "q1=2", "q2=3"); !fault.Is(err, fault.Conflict) {
			t.Errorf("answered a draft: %v", err)
		}
		w.publish(body{"anew": true})
		w.put(false, "ada", "person", "dan", body{"id": "dan", "name": "dan", "email": "dan@example.org", "start": "2024-01-01", "end": "2026-12-19"})
		w.tick()
		if d := w.of("dan")[0]; d.State != "void" {
			t.Errorf("of somebody who left: %+v", d)
		}
		if b := w.of("bob"); len(b) != 2 || b[1].Because != "publication" || b[1].Due != "2027-01-19" {
			t.Errorf("everybody takes it anew: %+v", b)
		}
	})
}

func TestTheStarterModulesCanBePublished(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		all, err := training.Templates()
		if err != nil || len(all) < 3 {
			t.Fatalf("%d modules: %v", len(all), err)
		}
		for _, m := range all {
			changes, err := training.Begin(w.LookAt(t.Context(), time.Time{}), m.ID)
			if err == nil {
				_, err = w.Put(t.Context(), human("ada"), changes...)
			}
			if err == nil {
				err = w.act("ada", "training_module", m.ID, "publish", nil)
			}
			if err != nil {
				t.Errorf("%s: %v", m.ID, err)
			}
		}
		if _, err := training.Begin(w.LookAt(t.Context(), time.Time{}), "privacy"); !fault.Is(err, fault.Conflict) {
			t.Errorf("begun twice: %v", err)
		}
	})
}

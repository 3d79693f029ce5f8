package policy_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/person"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/system"
)

// somebody acts with every right, so that only the policies' own rules refuse.
type somebody record.Actor

func (s somebody) May(context.Context, string, *record.Kind) error { return nil }
func (s somebody) Actor() record.Actor                             { return record.Actor(s) }

func human(key string) somebody { return somebody{User: key, Person: key, Name: "person:" + key} }

var (
	ada      = human("ada") // writes
	adaAdmin = somebody{User: "ada-admin", Person: "ada", Name: "person:ada"}
	bob      = human("bob")  // reviews
	cleo     = human("cleo") // approves
	dan      = human("dan")
	guest    = somebody{User: "guest", Name: "user:guest"} // linked to nobody
)

// world is a real database with four people, two controls and a clock that tests set.
type world struct {
	*record.Book
	now time.Time
}

func newWorld(t *testing.T, db *store.DB) *world {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{now: day("2026-01-05")}
	log.Clock = func() time.Time { w.now = w.now.Add(time.Microsecond); return w.now }
	kinds, err := record.NewKinds(append([]record.Kind{framework.Kind(), control.Kind(), organisation.Kind(), person.Kind(), system.Kind(), period.Kind(), policy.Kind(), policy.VersionKind(),
		policy.AcknowledgementKind(), policy.ReviewKind(), policy.ProcedureKind()}, record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	if w.Book, err = record.OpenBook(t.Context(), log, kinds, func(string, []byte) string { return "" }); err != nil {
		t.Fatal(err)
	}
	w.put(t, ada, "organisation", "organisation", map[string]any{"name": "Example Ltd", "time_zone": "America/New_York"})
	for _, p := range []string{"ada", "bob", "cleo", "dan"} {
		w.put(t, ada, "person", p, map[string]any{"id": p, "name": p, "email": p + "@example.org", "start": "2024-01-01", "employment": "employee"})
	}
	w.put(t, ada, "person", "kim", map[string]any{"id": "kim", "name": "kim", "email": "kim@example.org", "start": "2024-01-01", "employment": "contractor"})
	criteria, err := framework.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range criteria {
		if c.ID == "CC6.1" {
			body, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Put(t.Context(), record.Job("job:library"), record.Change{Kind: "criterion", Key: c.ID, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.put(t, ada, "control", "AC-06", map[string]any{"id": "AC-06", "title": "Factor", "statement": "x", "criteria": []string{"CC6.1"}, "frequency": "annual", "owner": "ada", "evidence": []string{"x"}})
	return w
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t.Add(15 * time.Hour) // the same day in New York
}

func (w *world) at(d string) { w.now = day(d) }

func (w *world) try(by somebody, kind, key string, body map[string]any) (record.Version, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return record.Version{}, err
	}
	out, err := w.Put(context.Background(), by, record.Change{Kind: kind, Key: key, Body: b})
	if err != nil {
		return record.Version{}, err
	}
	return out[0], nil
}

func (w *world) put(t *testing.T, by somebody, kind, key string, body map[string]any) record.Version {
	t.Helper()
	v, err := w.try(by, kind, key, body)
	if err != nil {
		t.Fatalf("put %s %s: %v", kind, key, err)
	}
	return v
}

func (w *world) move(by record.Authority, kind, key, name string) error {
	k, err := w.Kinds.Named(kind)
	if err != nil {
		return err
	}
	said := map[string]any{}
	for _, m := range k.States.Moves {
		for _, f := range m.Fields {
			if m.Name == name && !by.Actor().IsJob() {
				if said[f.Name] = "Because."; f.Type == record.Date {
					said[f.Name] = w.now.AddDate(0, 1, 0).Format(time.DateOnly)
				}
			}
		}
	}
	_, err = w.Put(context.Background(), by, record.Change{Kind: kind, Key: key, Move: name, Said: said})
	return err
}

func (w *world) must(t *testing.T, by record.Authority, kind, key string, moves ...string) {
	t.Helper()
	for _, m := range moves {
		if err := w.move(by, kind, key, m); err != nil {
			t.Fatalf("%s %s %s: %v", kind, key, m, err)
		}
	}
}

// body is what a record says now.
func (w *world) body(t *testing.T, kind, key string) map[string]any {
	t.Helper()
	v, err := w.Get(t.Context(), kind, key, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b map[string]any
	if err := json.Unmarshal(v.Body, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// policy makes a policy that cleo approves.
func (w *world) policy(t *testing.T, more map[string]any) {
	t.Helper()
	body := map[string]any{"id": "access", "title": "Access policy", "sort": "policy", "owner": "ada", "approver": "cleo", "audience": "employees", "controls": []string{"AC-06"}}
	for k, v := range more {
		body[k] = v
	}
	w.put(t, ada, "policy", "access", body)
}

func draft(number, change string, more map[string]any) map[string]any {
	body := map[string]any{"policy": "access", "title": "Access policy", "number": number, "change": change,
		"text": "# Access\n\n1. {{company.short_name}} uses a second factor. {#AC-1}\n", "variables": map[string]any{"company.short_name": "Example"}}
	for k, v := range more {
		body[k] = v
	}
	return body
}

// publish takes a draft all the way.
func (w *world) publish(t *testing.T, key, number, change string) {
	t.Helper()
	w.put(t, ada, "policy_version", key, draft(number, change, nil))
	w.must(t, ada, "policy_version", key, "submit")
	w.must(t, bob, "policy_version", key, "review")
	w.must(t, cleo, "policy_version", key, "approve")
	w.must(t, ada, "policy_version", key, "publish")
}

func refused(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: got %v, want a fault of kind %s", what, err, kind)
	}
}

func onSQLite(t *testing.T) *world { return newWorld(t, storetest.SQLite(t)) }

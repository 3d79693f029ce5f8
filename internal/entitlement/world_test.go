package entitlement_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/entitlement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

type body = map[string]any

// tester is a test or a benchmark.
type tester interface {
	Helper()
	Error(...any)
	Errorf(string, ...any)
	Fatal(...any)
	Fatalf(string, ...any)
	Context() context.Context
}

// world is a workspace whose Okta has the users that a test says, with a clock that tests set.
type world struct {
	*workspace.Workspace
	tester
	now   time.Time
	users map[string]string // the body of each user
	scope map[string]string // of each user, where the company has several; who is in none that is met is not read
	desk  *entitlement.Desk
}

func newWorld(t *testing.T) *world { t.Helper(); return newWorldFor(t) }

func newWorldFor(t testing.TB) *world {
	t.Helper()
	ws, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.Close() })
	w := &world{Workspace: ws, tester: t, users: map[string]string{}}
	w.desk = &entitlement.Desk{Register: entitlement.Register{Book: w.Book, Words: w.Words}, Blobs: w.Blobs}
	w.at("2026-01-05")
	w.Log.Clock = func() time.Time { w.now = w.now.Add(time.Microsecond); return w.now }
	okta, err := w.Collect.Connector("okta")
	if err != nil {
		t.Fatal(err)
	}
	w.Collect.Connectors = []connector.Connector{{Name: "okta", Title: "Okta", Kinds: okta.Kinds, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
		met := map[string]bool{}
		for id, b := range w.users {
			if err := out.Item(connector.Item{Kind: "okta_user", Key: id, Scope: w.scope[id], Raw: []byte(b)}); err != nil {
				return err
			}
			met[w.scope[id]] = true
		}
		for scope := range met {
			out.Complete("okta_user", scope)
		}
		return nil
	}}}
	if _, err := w.Collect.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: "okta", Connector: "okta", Every: "24h"}, nil); err != nil {
		t.Fatal(err)
	}
	for key, title := range map[string]string{"ada": "Head of security", "bob": "Engineer", "cleo": "Accountant", "dan": "Engineer", "eve": "Accountant"} {
		w.put("ada", "person", key, body{"id": key, "name": strings.ToUpper(key[:1]) + key[1:], "email": key + "@example.org", "start": "2025-01-06", "title": title, "employment": "employee"})
	}
	w.now = w.now.Add(time.Second)
	return w
}

func (w *world) at(day string) {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	w.now = d.Add(12 * time.Hour)
}

type person string

func (p person) Actor() record.Actor {
	return record.Actor{User: string(p), Person: string(p), Name: "person:" + string(p)}
}
func (p person) May(context.Context, string, *record.Kind) error { return nil }

func (w *world) put(by, kind, key string, b body) {
	w.Helper()
	if err := w.tried(by, kind, key, b); err != nil {
		w.Fatalf("%s %s: %v", kind, key, err)
	}
}

func (w *world) tried(by, kind, key string, b body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = w.Book.Put(w.Context(), person(by), record.Change{Kind: kind, Key: key, Body: raw})
	return err
}

func (w *world) act(by, kind, key, move string, said body) error {
	_, err := w.Book.Put(w.Context(), person(by), record.Change{Kind: kind, Key: key, Move: move, Said: said})
	return err
}

func (w *world) must(by, kind, key, move string, said body) {
	w.Helper()
	if err := w.act(by, kind, key, move, said); err != nil {
		w.Fatalf("%s %s %s: %v", move, kind, key, err)
	}
}

func (w *world) get(kind, key string) body {
	w.Helper()
	v, err := w.Book.Get(w.Context(), kind, key, 0)
	if err != nil {
		w.Fatal(err)
	}
	var b body
	if err := json.Unmarshal(v.Body, &b); err != nil {
		w.Fatal(err)
	}
	return b
}

func (w *world) has(kind, key string) bool {
	_, err := w.Book.Get(w.Context(), kind, key, 0)
	if err != nil && !fault.Is(err, fault.NotFound) {
		w.Fatal(err)
	}
	return err == nil
}

// user is somebody at Okta with roles there.
func (w *world) user(id, name string, roles ...string) {
	list := make([]string, len(roles))
	for i, r := range roles {
		list[i] = fmt.Sprintf(`{"id":"r%d","label":%q,"type":%q,"status":"ACTIVE"}`, i, r, r)
	}
	w.users[id] = fmt.Sprintf(`{"id":%q,"status":"ACTIVE","created":"2025-01-06T09:00:00Z","lastLogin":%q,"profile":{"login":%q,"email":%q},"factors":[{"id":"f1","status":"ACTIVE","factorType":"webauthn"}],"roles":[%s]}`,
		id, w.now.UTC().Format(time.RFC3339), name+"@example.org", name+"@example.org", strings.Join(list, ","))
}

// read reads Okta and settles what it shows.
func (w *world) read() {
	w.Helper()
	w.now = w.now.Add(time.Minute)
	if _, err := w.Collect.Run(w.Context(), "okta", nil); err != nil {
		w.Fatal(err)
	}
	w.settle()
}

func (w *world) settle() {
	w.Helper()
	w.now = w.now.Add(time.Minute)
	if _, err := w.desk.Settle(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// okta is the role matrix that most tests begin with.
func oktaMatrix() body {
	has := func(t string) string {
		return fmt.Sprintf(`r.roles.exists(x, x.status == "ACTIVE" && x.type == %q)`, t)
	}
	return body{"id": "okta", "name": "Okta", "owner": "ada", "sources": []any{"okta"}, "review_months": 3,
		"roles": []any{
			body{"id": "org-admin", "name": "Organisation administrator", "rights": "Changes everybody's sign-on.", "sensitivity": "privileged", "positions": []any{"Head of security"}, "granted_as": "ORG_ADMIN", "kind": "okta_user", "where": has("ORG_ADMIN")},
			body{"id": "help-desk", "name": "Help desk", "rights": "Resets factors.", "sensitivity": "sensitive", "positions": []any{"Engineer"}, "granted_as": "HELP_DESK_ADMIN", "kind": "okta_user", "where": has("HELP_DESK_ADMIN")},
			body{"id": "reports", "name": "Reports", "rights": "Reads reports.", "sensitivity": "normal", "positions": []any{"*"}, "granted_as": "REPORT_ADMIN", "kind": "okta_user", "where": has("REPORT_ADMIN")},
			body{"id": "vault", "name": "Paper vault", "rights": "Opens the safe.", "sensitivity": "sensitive", "positions": []any{"Accountant"}},
		},
		"conflicts": []any{body{"a": "org-admin", "b": "help-desk", "why": "Who resets factors grants no roles."}},
		"approvers": []any{body{"person": "ada", "from": "2026-01-01"}, body{"person": "bob", "from": "2026-01-01", "to": "2026-06-30", "delegate": "dan", "delegate_from": "2026-02-01", "delegate_to": "2026-02-28"}}}
}

func (w *world) matrix() {
	w.Helper()
	w.put("ada", "role_matrix", "okta", oktaMatrix())
	w.must("bob", "role_matrix", "okta", "approve", nil)
}

func (w *world) ask(by, key, role, beneficiary string) error {
	return w.tried(by, "access_request", key, body{"matrix": "okta", "role": role, "beneficiary": beneficiary, "reason": "Is on duty."})
}

// refused fails unless an act was refused with a word on what to do next.
func (w *world) refused(err error, says string) {
	w.Helper()
	var f *fault.Fault
	if !asFault(err, &f) || f.Next == "" || !strings.Contains(f.Error()+" "+f.Next, says) {
		w.Errorf("%q was expected in the refusal: %v", says, err)
	}
}

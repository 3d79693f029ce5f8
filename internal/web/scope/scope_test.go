package scope_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/web/part"
	"tickmark/internal/web/scope"
	"tickmark/internal/web/shell"
)

// visit is somebody at the pages, with a real collector behind them.
type visit struct {
	t    *testing.T
	c    *collect.Collector
	s    *scope.Site
	who  access.Session
	said string
}

func open(t *testing.T, db *store.DB) *visit {
	t.Helper()
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	box := record.Kind{Name: "box", Plural: "Boxes", Label: "id", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text, Required: true}}}
	kinds, err := record.NewKinds(append(append(record.Builtin(), collect.Kinds()...), box)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	c := &collect.Collector{Book: book, Keys: keys, Connectors: []connector.Connector{
		{Name: "push", Title: "Push", Sent: true, Origin: record.Forwarded, Kinds: []record.Kind{box}, Settings: []connector.Setting{{Name: "kinds", Required: true}}},
		{Name: "shelf", Title: "Shelf", Kinds: []record.Kind{box}},
	}}
	for _, conn := range []collect.Connection{{Name: "ci", Connector: "push", Settings: map[string]string{"kinds": "box"}}, {Name: "shelf", Connector: "shelf"}} {
		if _, err := c.Add(t.Context(), record.Job("person:ada"), conn, nil); err != nil {
			t.Fatal(err)
		}
	}
	v := &visit{t: t, c: c, who: access.Session{User: access.User{Key: "ada", Roles: []access.Role{access.Engineer}}}}
	v.s = &scope.Site{Collector: c, Site: shell.Site{
		Who: func(context.Context) access.Session { return v.who },
		Show: func(w http.ResponseWriter, r *http.Request, status int, p shell.Page, body templ.Component) error {
			w.WriteHeader(status)
			return body.Render(r.Context(), w)
		},
		Done: func(w http.ResponseWriter, r *http.Request, to, said string) error {
			v.said = to + " " + said
			return nil
		},
		Read: func(w http.ResponseWriter, r *http.Request) error { return r.ParseForm() },
	}}
	return v
}

// send sends a box for a scope, completely.
func (v *visit) send(name string) {
	v.t.Helper()
	n := int64(1)
	item := json.RawMessage(fmt.Sprintf(`{"kind":"box","key":%q,"scope":%q,"body":{"id":"x"}}`, name, name))
	if _, err := v.c.Receive(v.t.Context(), collect.Delivery{Connection: "ci", Sender: "person:ada", ID: rand(), Kinds: []string{"box"}, Scopes: []string{name}, Batch: "1", Items: []json.RawMessage{item}, Complete: &n}); err != nil {
		v.t.Fatal(err)
	}
	if _, err := v.c.Run(v.t.Context(), "ci", nil); err != nil {
		v.t.Fatal(err)
	}
}

var sendings int

func rand() string { sendings++; return fmt.Sprint("r", sendings) }

// ask is a request, answered by the page or an error.
func (v *visit) ask(method, path string, form url.Values, at time.Time) (string, error) {
	v.t.Helper()
	mux := http.NewServeMux()
	var failed error
	for pattern, do := range v.s.Routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { failed = do(w, r) })
	}
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r = r.WithContext(part.With(r.Context(), part.View{Now: time.Now(), AsOf: at, Zone: time.UTC}))
	w := httptest.NewRecorder()
	w.Body = &bytes.Buffer{}
	mux.ServeHTTP(w, r)
	return w.Body.String(), failed
}

func (v *visit) get(path string) string {
	v.t.Helper()
	page, err := v.ask(http.MethodGet, path, nil, time.Time{})
	if err != nil {
		v.t.Fatal(err)
	}
	return page
}

func TestAScopeIsEndedByHandWithAReason(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		v := open(t, db)
		if page := v.get("/sources/ci/scopes"); !strings.Contains(page, "Nothing was sent for a scope") {
			t.Error(page)
		}
		v.send("m1")
		v.send("m2 & m3")
		page := v.get("/sources/ci/scopes")
		for _, want := range []string{">m1<", "Boxes", "Read", `href="/sources/ci/scopes?end=m2+%26+m3"`} {
			if !strings.Contains(page, want) {
				t.Errorf("the list lacks %q: %s", want, page)
			}
		}
		if page := v.get("/sources/ci/scopes?end=m2+%26+m3"); !strings.Contains(page, "1 record of it stands") || !strings.Contains(page, `value="m2 &amp; m3"`) || !strings.Contains(page, "_reason") {
			t.Errorf("the question is %s", page)
		}
		form := func(scope, reason string) url.Values { return url.Values{"scope": {scope}, "_reason": {reason}} }
		refused := func(what string, kind fault.Kind, form url.Values) {
			t.Helper()
			if _, err := v.ask(http.MethodPost, "/sources/ci/scopes", form, time.Time{}); !fault.Is(err, kind) {
				t.Errorf("%s: %v", what, err)
			}
		}
		refused("no reason", fault.Invalid, form("m1", "  "))
		refused("a scope that nobody sent", fault.NotFound, form("m9", "gone"))
		refused("no scope", fault.Invalid, form("", "gone"))
		me := v.who
		v.who.User.Roles = []access.Role{access.Auditor}
		refused("who may not change connections", fault.Denied, form("m1", "gone"))
		if page := v.get("/sources/ci/scopes"); strings.Contains(page, "?end=") || !strings.Contains(page, "Who may change connections can end a scope.") {
			t.Errorf("an auditor is shown %s", page)
		}
		if _, err := v.ask(http.MethodGet, "/sources/ci/scopes?end=m1", nil, time.Time{}); !fault.Is(err, fault.Denied) {
			t.Errorf("an auditor is asked: %v", err)
		}
		v.who = me
		if _, err := v.ask(http.MethodGet, "/sources/ci/scopes", nil, time.Now().Add(-time.Hour)); !fault.Is(err, fault.Conflict) {
			t.Errorf("the past: %v", err)
		}
		if _, err := v.ask(http.MethodGet, "/sources/shelf/scopes", nil, time.Time{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("of a connection that is read: %v", err)
		}

		if _, err := v.ask(http.MethodPost, "/sources/ci/scopes", form("m1", "The machine was given up."), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(v.said, "/sources/ci/scopes The scope m1 of ci has ended.") {
			t.Errorf("it is said: %s", v.said)
		}
		if page := v.get("/sources/ci/scopes"); strings.Contains(page, "?end=m1") || !strings.Contains(page, "Retired") || !strings.Contains(page, "?end=m2") {
			t.Errorf("afterwards: %s", page)
		}
		refused("a scope that has ended", fault.NotFound, form("m1", "again"))
		acts, err := v.c.Book.Log.Actions(t.Context(), v.c.Book.Log.DB, 0, 1)
		if err != nil || acts[0].Verb != "connection.scope_ended" || acts[0].Actor != v.who.Actor().Name || !strings.Contains(string(acts[0].Detail), "The machine was given up.") {
			t.Errorf("the ledger says %v, %v", acts, err)
		}
		v.send("m1") // it is heard again
		if page := v.get("/sources/ci/scopes"); !strings.Contains(page, "?end=m1") {
			t.Errorf("once it is heard again: %s", page)
		}
	})
}

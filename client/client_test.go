package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tickmark/client"
	"tickmark/internal/access"
	"tickmark/internal/api"
	"tickmark/internal/check"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workspace"
)

// server is the real API over a fresh workspace; change, when set, falsifies its answers.
type server struct {
	*client.Client
	w      *workspace.Workspace
	key    string
	change func(path string, body []byte) []byte
}

func open(t *testing.T, database string) *server {
	t.Helper()
	ctx := context.Background()
	w, err := workspace.Open(ctx, workspace.Options{Data: t.TempDir(), Database: database, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	me, err := w.Local(ctx)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := w.Gate.NewToken(ctx, me, access.TokenRequest{Name: "client", Scope: access.ScopeWrite})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{w: w, key: w.Log.VKey}
	h := api.New(api.Deps{Book: w.Book, Blobs: w.Blobs, Access: w.Gate, Monitor: w.Monitor, Collector: w.Collect})
	web := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if s.change == nil {
			h.ServeHTTP(out, r)
			return
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		out.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		out.WriteHeader(rec.Code)
		out.Write(s.change(r.URL.Path, rec.Body.Bytes()))
	}))
	t.Cleanup(web.Close)
	if s.Client, err = client.New(web.URL, token); err != nil {
		t.Fatal(err)
	}
	return s
}

// each runs a test against a server on each engine.
func each(t *testing.T, test func(t *testing.T, s *server)) {
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, "")) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, storetest.PostgresURL(t))) })
}

type person struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

func TestAClientWritesReadsAndLists(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		ctx := t.Context()
		for i := range 7 {
			id := fmt.Sprintf("p/%d", i)
			if _, err := s.Put(ctx, "person", id, person{id, "Ada", "ada@example.org"}, client.PutOptions{Reason: "hired", New: true}); err != nil {
				t.Fatal(err)
			}
		}
		first, err := s.Get(ctx, "person", "p/0", time.Time{})
		if err != nil || first.Reason != "hired" || first.To != nil {
			t.Fatalf("%+v %v", first, err)
		}
		if _, err := s.Put(ctx, "person", "p/0", person{"p/0", "Bob", "bob@example.org"}, client.PutOptions{IfMatch: first.ETag()}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(ctx, "person", "p/0", person{"p/0", "Cleo", "c@example.org"}, client.PutOptions{IfMatch: first.ETag()}); !client.Changed(err) {
			t.Errorf("a second change of the first version: %v", err)
		}
		if _, err := s.Put(ctx, "person", "p/0", person{"p/0", "Cleo", "c@example.org"}, client.PutOptions{New: true}); !client.Changed(err) {
			t.Errorf("made anew: %v", err)
		}
		was, err := s.Get(ctx, "person", "p/0", first.From)
		if err != nil || was.Label != "Ada" {
			t.Errorf("as it was: %+v %v", was, err)
		}
		if h, err := s.History(ctx, "person", "p/0"); err != nil || len(h) != 2 {
			t.Errorf("%+v %v", h, err)
		}
		n := 0
		for r, err := range s.List(ctx, "person", client.Query{Where: `r.name == "Ada"`, Sort: "id", Page: 2}) {
			if n++; err != nil || r.Key != fmt.Sprintf("p/%d", n) {
				t.Errorf("%d: %+v %v", n, r, err)
			}
		}
		if n != 6 {
			t.Errorf("%d records", n)
		}
		for range s.List(ctx, "person", client.Query{Page: 2}) {
			break // must ask for no more and not panic
		}
		for _, err := range s.List(ctx, "person", client.Query{Where: "r.nothing"}) {
			var p *client.Problem
			if !errors.As(err, &p) || p.Status != 422 || p.Next == "" {
				t.Errorf("%v", err)
			}
		}
		if err := s.End(ctx, "person", "p/0", "left"); err != nil {
			t.Error(err)
		}
		if _, err := s.Get(ctx, "person", "p/0", time.Time{}); !client.NotFound(err) {
			t.Errorf("after its end: %v", err)
		}
		done, err := s.Import(ctx, "person", "more.csv", strings.NewReader("id,name,email\neve,Eve,eve@example.org\n"), "")
		if err != nil || done.Written != 1 {
			t.Errorf("%+v %v", done, err)
		}
		_, err = s.Import(ctx, "person", "more.csv", strings.NewReader("id,name,email\nfay,,fay@example.org\n"), "")
		var p *client.Problem
		if !errors.As(err, &p) || len(p.Errors) != 1 || p.Errors[0].Line != 2 || p.Errors[0].Column != "name" {
			t.Errorf("%+v", err)
		}
		f, err := s.Keep(ctx, strings.NewReader("proof"))
		if err != nil || f.Size != 5 {
			t.Fatalf("%+v %v", f, err)
		}
		if _, err := s.Put(ctx, "evidence", "e", map[string]any{"title": "Proof", "sort": "document", "sha256": f.SHA256}, client.PutOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := s.w.Monitor.Evaluate(ctx, check.Options{}); err != nil {
			t.Fatal(err)
		}
		results := 0
		for r, err := range s.Results(ctx, client.ResultQuery{Kind: "person"}) {
			if results++; err != nil || r.Kind != "person" || r.Status == "" {
				t.Fatalf("%+v %v", r, err)
			}
		}
		if results == 0 {
			t.Error("no check answered about a person")
		}
		st, err := s.Status(ctx, time.Time{})
		if err != nil || len(st.Criteria) != 61 || st.Checks.Pass+st.Checks.Fail+st.Checks.Unknown+st.Checks.NotApplicable == 0 {
			t.Errorf("%+v %v", st, err)
		}
	})
}

func TestAProofIsVerifiedHereAndALieIsFound(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		ctx := t.Context()
		key, err := s.Key(ctx)
		if err != nil || key != s.key {
			t.Fatalf("%q %v", key, err)
		}
		old, err := s.Checkpoint(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Since(ctx, old, key); err != nil {
			t.Errorf("nothing happened, and: %v", err)
		}
		for _, id := range []string{"ada", "bob"} {
			if _, err := s.Put(ctx, "person", id, person{id, id, id + "@example.org"}, client.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		now, err := s.Since(ctx, old, key)
		if err != nil || now.Size <= old.Size {
			t.Fatalf("%+v %v", now, err)
		}
		kept, err := client.OpenCheckpoint(old.Signed, key)
		if err != nil || kept != old {
			t.Errorf("%+v %v", kept, err)
		}
		p, err := s.Prove(ctx, "person", "ada", key)
		if err != nil || !bytes.Contains(p.Body, []byte("ada@example.org")) || p.Entry >= p.Checkpoint.Size {
			t.Fatalf("%+v %v", p, err)
		}
		forged := old
		forged.Root[0] ^= 1
		if _, err := s.Since(ctx, forged, key); err == nil {
			t.Error("a rewritten beginning was taken")
		}
		long := now
		long.Size++
		if _, err := s.Since(ctx, long, key); err == nil {
			t.Error("a shorter ledger was taken")
		}
		other := strings.Replace(key, key[len(key)-6:], "AAAAAA", 1)
		if _, err := s.Checkpoint(ctx, other); err == nil {
			t.Error("another key's checkpoint was taken")
		}
		for name, lie := range map[string]func(map[string]any){
			"another body":   func(m map[string]any) { m["version"].(map[string]any)["body"] = "e30=" },
			"another actor":  func(m map[string]any) { m["version"].(map[string]any)["actor"] = "person:bob" },
			"another time":   func(m map[string]any) { m["version"].(map[string]any)["from"] = 1 },
			"another record": func(m map[string]any) { m["version"].(map[string]any)["key"] = "bob" },
			"another entry":  func(m map[string]any) { m["entry"] = p.Entry - 1 },
			"":               func(m map[string]any) {},
			"no path":        func(m map[string]any) { m["inclusion"] = []string{} },
			"an older tree":  func(m map[string]any) { m["checkpoint"] = old.Signed },
		} {
			s.change = func(_ string, b []byte) []byte {
				var m map[string]any
				d := json.NewDecoder(bytes.NewReader(b))
				d.UseNumber()
				if err := d.Decode(&m); err != nil {
					t.Error(err)
				}
				lie(m)
				out, _ := json.Marshal(m)
				return out
			}
			if _, err := s.Prove(ctx, "person", "ada", key); (err == nil) != (name == "") {
				t.Errorf("with %q: %v", name, err)
			}
		}
	})
}

func TestATokenIsNotSentInClearNorElsewhere(t *testing.T) {
	for _, base := range []string{"http://tickmark.example.org", "http://10.0.0.1:8420", "tickmark.example.org", "ftp://example.org", ""} {
		if _, err := client.New(base, "t"); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
	got := ""
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer here.Close()
	c, err := client.New(here.URL, "secret")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "person", "ada", time.Time{}); err == nil || got != "" {
		t.Errorf("followed to another server: %v, %q", err, got)
	}
}

func TestAnAnswerOfSomethingElseIsAnError(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"a page":         func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") },
		"a broken proxy": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"half an answer": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"records":[`)
		},
		"a circle": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"records":[],"next":"again"}`)
		},
	} {
		web := httptest.NewServer(serve)
		c, err := client.New(web.URL, "t")
		if err != nil {
			t.Fatal(err)
		}
		var last error
		for _, err := range c.List(t.Context(), "person", client.Query{}) {
			last = err
		}
		if last == nil {
			t.Errorf("%s: no error", name)
		}
		web.Close()
	}
}

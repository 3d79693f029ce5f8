package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/getkin/kin-openapi/openapi3"

	"tickmark/internal/access"
	"tickmark/internal/api"
	"tickmark/internal/blob"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workspace"
)

// The kinds that only tests have: a workpaper in the auditor's room, and what secret and volatile fields need.
var (
	paper = record.Kind{Common: true, Name: "paper", Title: "Workpaper", Group: "Audit", Room: record.Auditor, Label: "title", Fields: []record.Field{
		{Name: "title", Type: record.Text, Required: true}, {Name: "sha256", Type: record.Text, Indexed: true}}}
	safe = record.Kind{Name: "safe", Title: "Safe", Group: "Program", Label: "name", Fields: []record.Field{
		{Name: "name", Type: record.Text, Required: true, Indexed: true},
		{Name: "colour", Type: record.Choice, Choices: []string{"red", "blue"}, Indexed: true},
		{Name: "size", Type: record.Integer, Indexed: true},
		{Name: "pin", Type: record.Text, Secret: true},
		{Name: "seen", Type: record.Time, Volatile: true},
	}}
)

type fixture struct {
	testing.TB
	deps    api.Deps
	book    *record.Book
	gate    *access.Gate
	handler http.Handler
	owner   access.Session
	spec    *openapi3.T
	ops     []operation
	token   string // of the owner, scope write
	monitor *check.Monitor
}

type operation struct {
	method, path string
	*openapi3.Operation
}

func open(t testing.TB, db *store.DB) *fixture {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log, err := ledger.Open(ctx, db, dir)
	must(err)
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	must(err)
	kinds, err := declared()
	must(err)
	book, err := record.OpenBook(ctx, log, kinds, keys.Digest)
	must(err)
	blobs, err := blob.Open(filepath.Join(dir, "files"))
	must(err)
	set, words, err := library()
	must(err)
	gate, err := access.Open(access.Options{Book: book, Log: log, Keys: keys})
	must(err)
	_, err = gate.FirstUser(ctx, access.NewUser{Key: "olga", Name: "Olga", Email: "olga@example.org"})
	must(err)
	f := &fixture{TB: t, book: book, gate: gate}
	f.owner, err = gate.Local(ctx, "olga")
	must(err)
	f.monitor = check.NewMonitor(book, words, set)
	f.deps = api.Deps{Book: book, Blobs: blobs, Access: gate, Monitor: f.monitor,
		Collector: &collect.Collector{Book: book, Keys: keys, Connectors: workspace.Connectors()}}
	mux := http.NewServeMux() // as the server mounts it
	mux.Handle("/api/", api.New(f.deps))
	f.handler = mux
	f.token = f.newToken("olga", access.ScopeWrite)
	return f
}

// declared are the kinds of a workspace with those of the tests, and library the checks over them; both are read once.
var (
	declared = sync.OnceValues(func() (*record.Kinds, error) {
		all, err := workspace.Kinds()
		if err != nil {
			return nil, err
		}
		list := []record.Kind{paper, safe}
		for _, k := range all.All() {
			list = append(list, *k)
		}
		return record.NewKinds(list...)
	})
	read = sync.OnceValue(func() (l struct {
		set   *check.Set
		words *check.Vocabulary
		err   error
	}) {
		kinds, err := declared()
		if err == nil {
			l.set, l.words, err = workspace.Checks(kinds, "")
		}
		l.err = err
		return l
	})
)

func library() (*check.Set, *check.Vocabulary, error) { l := read(); return l.set, l.words, l.err }

// each runs a test over an API on each engine.
func each(t *testing.T, test func(f *fixture)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) { test(open(t, db)) })
}

func (f *fixture) newToken(user, scope string) string {
	f.Helper()
	plain, _, err := f.gate.NewToken(context.Background(), f.owner, access.TokenRequest{User: user, Name: "test", Scope: scope})
	if err != nil {
		f.Fatal(err)
	}
	return plain
}

// user makes a user of a role, with the person of the same key, and returns a token of theirs.
func (f *fixture) user(key string, scope string, roles ...access.Role) string {
	f.Helper()
	f.want(201, f.send("PUT", "/api/v1/records/person/"+key, `{"id":"`+key+`","name":"`+key+`","email":"`+key+`@example.org"}`))
	_, err := f.gate.CreateUser(context.Background(), f.owner, access.NewUser{Key: key, Name: key, Email: key + "@example.org", Roles: roles, Person: key})
	if err != nil {
		f.Fatal(err)
	}
	return f.newToken(key, scope)
}

type answer struct {
	*http.Response
	body []byte
	what string
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%s: %v in %s", a.what, err, a.body)
	}
}

func (a answer) problem(t testing.TB) api.Problem {
	t.Helper()
	var p api.Problem
	a.into(t, &p)
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" || p.Status != a.StatusCode || p.Detail == "" || p.Title == "" {
		t.Errorf("%s: not a problem document: %s %s", a.what, got, a.body)
	}
	return p
}

// send asks as the owner by token; further arguments are pairs of header and value, Authorization among them.
func (f *fixture) send(method, path, body string, headers ...string) answer {
	f.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+f.token)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return f.do(r)
}

func (f *fixture) as(token, method, path, body string) answer {
	f.Helper()
	return f.send(method, path, body, "Authorization", "Bearer "+token)
}

func (f *fixture) do(r *http.Request) answer {
	f.Helper()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	a := answer{w.Result(), w.Body.Bytes(), r.Method + " " + r.URL.String()}
	f.agrees(r, a)
	return a
}

func (f *fixture) want(status int, a answer) answer {
	f.Helper()
	if a.StatusCode != status {
		f.Fatalf("%s: %d, want %d: %s", a.what, a.StatusCode, status, a.body)
	}
	return a
}

// agrees holds every answer to what the OpenAPI document says of it.
func (f *fixture) agrees(r *http.Request, a answer) {
	f.Helper()
	f.load()
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Content-Security-Policy") == "" {
		f.Errorf("%s: without the headers that every answer has: %v", a.what, a.Header)
	}
	op := f.operation(r)
	if op == nil {
		return
	}
	response := op.Responses.Status(a.StatusCode)
	if response == nil {
		if response = op.Responses.Default(); a.StatusCode < 400 {
			f.Errorf("%s: the document knows no answer %d", a.what, a.StatusCode)
			return
		}
	}
	media := a.Header.Get("Content-Type")
	content := response.Value.Content.Get(strings.Split(media, ";")[0])
	if len(a.body) == 0 && len(response.Value.Content) == 0 {
		return
	}
	if content == nil {
		f.Errorf("%s: the document knows no %q in an answer %d", a.what, media, a.StatusCode)
		return
	}
	if !strings.HasSuffix(media, "json") || content.Schema.Value.Format == "binary" {
		return
	}
	var v any
	a.into(f, &v)
	if err := content.Schema.Value.VisitJSON(v); err != nil {
		f.Errorf("%s answers %s\nand the document says otherwise: %v", a.what, a.body, err)
	}
}

// document is the API's own, read once: it is the same over every workspace.
var document struct {
	sync.Once
	spec *openapi3.T
	ops  []operation
}

func (f *fixture) load() {
	f.Helper()
	document.Do(func() {
		r := httptest.NewRequest("GET", "/api/openapi.json", nil)
		r.Header.Set("Authorization", "Bearer "+f.token)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		spec, err := openapi3.NewLoader().LoadFromData(downgraded(f, w.Body.Bytes()))
		if err != nil {
			f.Fatal(err)
		}
		document.spec = spec
		for path, item := range spec.Paths.Map() {
			for method, op := range item.Operations() {
				document.ops = append(document.ops, operation{method, path, op})
			}
		}
		slices.SortFunc(document.ops, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	})
	f.spec, f.ops = document.spec, document.ops
}

// downgraded is the document in OpenAPI 3.0.3, which is what kin-openapi judges.
func downgraded(t testing.TB, doc []byte) []byte {
	t.Helper()
	var whole struct {
		Paths      map[string]json.RawMessage `json:"paths"`
		Components json.RawMessage            `json:"components"`
	}
	if err := json.Unmarshal(doc, &whole); err != nil {
		t.Fatal(err)
	}
	o := huma.OpenAPI{OpenAPI: "3.1.0", Info: &huma.Info{Title: "t", Version: "1"}, Extensions: map[string]any{}}
	for path, item := range whole.Paths {
		if o.Extensions["paths"] == nil {
			o.Extensions["paths"] = map[string]json.RawMessage{}
		}
		o.Extensions["paths"].(map[string]json.RawMessage)[path] = item
	}
	o.Extensions["components"] = whole.Components
	b, err := o.Downgrade()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(b, []byte(`"contentMediaType":"application/octet-stream",`), nil) // unknown to 3.0
}

// operation is the document's operation of a request; an exact path goes before one with parameters.
func (f *fixture) operation(r *http.Request) *operation {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	var best *operation
	params := 99
	for i, op := range f.ops {
		if op.method != r.Method {
			continue
		}
		parts, n := strings.Split(op.path, "/"), 0
		ok := len(parts) == len(segments)
		for j := 0; ok && j < len(parts); j++ {
			if strings.HasPrefix(parts[j], "{") {
				n++
			} else {
				ok = parts[j] == segments[j]
			}
		}
		if ok && n < params {
			best, params = &f.ops[i], n
		}
	}
	return best
}

// signIn signs a user in by a one-time link and returns the browser's cookies.
func (f *fixture) signIn(user string) []*http.Cookie {
	f.Helper()
	link, err := f.gate.Link(context.Background(), f.owner, user)
	if err != nil {
		f.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		f.Fatal(err)
	}
	h := f.gate.Sessions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := f.gate.SignInByLink(r.Context(), u.Query().Get("token"), "127.0.0.1"); err != nil {
			f.Error(err)
		}
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/sign-in", nil))
	return w.Result().Cookies()
}

// browse asks with a browser's cookies.
func (f *fixture) browse(cookies []*http.Cookie, method, path, body string, headers ...string) answer {
	f.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for _, c := range cookies {
		r.AddCookie(c)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return f.do(r)
}

package connectortest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/connector"
)

// Base stands in a reply for the address of the server that gives it.
const Base = "{{base}}"

// Reply is a recorded answer.
type Reply struct {
	Status int // 200 when zero
	Header http.Header
	Body   string
}

// Cassette is a service's recorded answers by request: "/users?limit=2", "POST /search" whatever its body, or with the body
// as JSON or a form, "POST /graphql {…}". The order of a query, of an object's members and of a form's fields does not matter.
type Cassette map[string]Reply

// Suite is what Run needs to try a connector.
type Suite struct {
	Values   connector.Values // settings that work; endpoint and token_endpoint are set by Run
	Secrets  []string         // values that may be in no output
	Cassette Cassette         // answers for a whole read, with a list of more than one page
	Now      time.Time        // the runs' clock; the machine's time when zero
	Again    Cassette         // what a second run asks otherwise: events from where the first left off
	Apart    Apart            // what else tells requests apart
	Tokens   []string         // the requests of the cassette that ask for a token, such as "POST /oauth2/token"
}

// Apart is what tells a request apart beside its method, address and body, such as the region that it is signed for: a path that
// stands before its own on the cassette. Nil: nothing.
type Apart func(*http.Request) string

// token says whether a request asks for a token.
func (s Suite) token(request string) bool {
	return slices.ContainsFunc(s.Tokens, func(t string) bool {
		t = canonical(t)
		return t == request || strings.HasPrefix(request, t+" ")
	})
}

// Run tries a connector of a web service against its cassette: every page is followed, keys are stable, a busy service is
// asked again, a denied question is a denied gap that names the permission, and anything else than whole JSON from the
// service itself is a gap. No request changes anything and no secret is in any output.
func Run(t *testing.T, c connector.Connector, s Suite) {
	t.Helper()
	var whole *Recorder
	var asked []string
	ok := t.Run("reads everything", func(t *testing.T) {
		srv := s.serve(t, nil)
		whole = s.read(t, c, srv, s.sink())
		if !whole.Whole() {
			t.Fatalf("gaps: %v", whole.Gaps())
		}
		for _, k := range c.Kinds {
			if len(whole.Items(k.Name)) == 0 {
				t.Errorf("no %s was handed over", k.Name)
			}
			if !k.Collected {
				t.Errorf("%s is not declared as collected", k.Name)
			}
		}
		asked = srv.paths()
		for path := range s.Cassette {
			path = canonical(path)
			if !slices.ContainsFunc(asked, func(a string) bool {
				return a == path || strings.HasPrefix(path, "POST ") && strings.HasPrefix(a, path+" ")
			}) {
				t.Errorf("%s was not asked for: a page or part is not followed", path)
			}
		}
		if n := len(whole.Exchanges()); n != srv.count() {
			t.Errorf("%d exchanges are recorded of %d requests", n, srv.count())
		}
	})
	if !ok {
		return
	}
	t.Run("gives the same keys again", func(t *testing.T) {
		second := s
		second.Cassette = maps.Clone(s.Cassette)
		maps.Copy(second.Cassette, s.Again)
		again := s.read(t, c, second.serve(t, nil), whole.Next())
		for _, k := range c.Kinds {
			if a, b := keys(whole, k.Name), keys(again, k.Name); !slices.Equal(a, b) {
				t.Errorf("%s: %v, then %v", k.Name, a, b)
			}
		}
	})
	t.Run("asks a busy service again", func(t *testing.T) {
		var mu sync.Mutex
		first := map[string]time.Time{}
		srv := s.serve(t, func(w http.ResponseWriter, path string) bool {
			mu.Lock()
			defer mu.Unlock()
			at, tried := first[path]
			if !tried {
				first[path] = time.Now()
				wait := "0"
				if len(first) == 1 {
					wait = "1"
				}
				w.Header().Set("Retry-After", wait)
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			if len(first) == 1 && time.Since(at) < 900*time.Millisecond {
				t.Error("Retry-After is not waited for")
			}
			return false
		})
		if r := s.read(t, c, srv, s.sink()); !r.Whole() {
			t.Errorf("gaps: %v", r.Gaps())
		}
	})
	t.Run("reports what is denied", func(t *testing.T) { s.denied(t, c, asked) })
	if len(s.Tokens) > 0 {
		t.Run("reads nothing without a token", func(t *testing.T) { s.untrusted(t, c) })
	}
	for name, spoil := range map[string]func(body string) (contentType, spoilt string){
		"takes no web page for an answer":         func(string) (string, string) { return "text/html", "<!doctype html><title>Sign in</title>" },
		"takes no half answer for whole":          func(b string) (string, string) { return "application/json", b[:len(b)/2] },
		"takes no empty answer for an empty list": func(string) (string, string) { return "application/json", "" },
		"takes no error object for a list":        func(string) (string, string) { return "application/json", `{"error":"internal"}` },
	} {
		t.Run(name, func(t *testing.T) {
			srv := s.serve(t, func(w http.ResponseWriter, path string) bool {
				if s.token(path) {
					return false
				}
				contentType, body := spoil(strings.ReplaceAll(s.Cassette.find(path).Body, Base, ""))
				w.Header().Set("Content-Type", contentType)
				io.WriteString(w, body)
				return true
			})
			r := s.read(t, c, srv, s.sink())
			for _, k := range c.Kinds {
				if r.Completed(k.Name, "") {
					t.Errorf("%s is complete", k.Name)
				}
			}
		})
	}
	t.Run("carries no credential elsewhere", func(t *testing.T) {
		var stray []string
		var mu sync.Mutex
		elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			stray = append(stray, r.URL.String())
			io.WriteString(w, "[]")
		}))
		defer elsewhere.Close()
		srv := s.serve(t, func(w http.ResponseWriter, path string) bool {
			if s.token(path) {
				return false
			}
			_, at, _ := strings.Cut(" "+path, "/")
			at, _, _ = strings.Cut(at, " ")
			http.Redirect(w, &http.Request{URL: &url.URL{Path: "/"}}, elsewhere.URL+"/"+at, http.StatusTemporaryRedirect)
			return true
		})
		r := s.read(t, c, srv, s.sink())
		if len(stray) > 0 {
			t.Errorf("another server was asked: %v", stray)
		}
		if r.Whole() {
			t.Error("a redirect to another server leaves no gap")
		}
	})
	t.Run("stops when the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		srv := s.serve(t, func(_ http.ResponseWriter, path string) bool {
			if !s.token(path) {
				cancel()
			}
			return false
		})
		err := c.Read(ctx, s.values(srv), s.sink())
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("stops when the sink fails", func(t *testing.T) {
		full := errors.New("disk full")
		err := c.Read(t.Context(), s.values(s.serve(t, nil)), &Recorder{Clock: s.Now, Fail: func(connector.Item) error { return full }})
		if !errors.Is(err, full) {
			t.Errorf("error is %v", err)
		}
	})
}

// untrusted refuses the credential itself, and then its answer is no token: nothing is read, and it is said why.
func (s Suite) untrusted(t *testing.T, c connector.Connector) {
	for name, reply := range map[string]Reply{
		"refused":     {Status: 400, Body: `{"error":"invalid_client","error_description":"no"}`},
		"not a token": {Body: `{"message":"hello"}`},
		"a web page":  {Body: "<!doctype html><title>Sign in</title>"},
	} {
		srv := s.serve(t, func(w http.ResponseWriter, path string) bool {
			if !s.token(path) {
				t.Errorf("%s: %s is asked without a credential", name, path)
				return false
			}
			w.WriteHeader(cmp.Or(reply.Status, 200))
			io.WriteString(w, reply.Body)
			return true
		})
		sink := s.sink()
		err := c.Read(t.Context(), s.values(srv), sink)
		if err == nil || len(sink.Items("")) > 0 {
			t.Errorf("%s: %d objects were read, %v", name, len(sink.Items("")), err)
			continue
		}
		for _, secret := range s.Secrets {
			if strings.Contains(err.Error(), secret) || len(sink.Leaks(secret)) > 0 {
				t.Errorf("%s: a secret is in what is said of it", name)
			}
		}
	}
}

// denied refuses each question in turn.
func (s Suite) denied(t *testing.T, c connector.Connector, asked []string) {
	for _, status := range []int{401, 403} {
		for _, path := range asked {
			if s.token(path) {
				continue
			}
			t.Run(fmt.Sprintf("%d %s", status, path), func(t *testing.T) {
				srv := s.serve(t, func(w http.ResponseWriter, p string) bool {
					if p == path {
						w.WriteHeader(status)
						io.WriteString(w, `{"message":"no"}`)
					}
					return p == path
				})
				r := s.read(t, c, srv, s.sink())
				at := slices.IndexFunc(r.Gaps(), func(g connector.Gap) bool { return g.Denied })
				if at < 0 {
					t.Fatalf("no gap is denied: %v", r.Gaps())
				}
				g := r.Gaps()[at]
				if !slices.ContainsFunc(c.Permissions, func(p connector.Permission) bool {
					return p.Name == g.Needs && (slices.Contains(p.Kinds, g.Kind) || slices.Contains(p.Kinds, g.Kind+"."+g.Part))
				}) {
					t.Errorf("the gap in %s %s names the permission %q, which is not declared for it", g.Kind, g.Part, g.Needs)
				}
				if g.Part == "" && r.Completed(g.Kind, g.Scope) {
					t.Errorf("%s is complete", g.Kind)
				}
			})
		}
	}
}

func (s Suite) sink() *Recorder { return &Recorder{Clock: s.Now} }

func (s Suite) values(srv *server) connector.Values {
	v := maps.Clone(s.Values)
	v["endpoint"], v["token_endpoint"] = srv.URL, srv.URL
	return v
}

// read reads once, and holds the run to the Sink's contract and to its secrets.
func (s Suite) read(t *testing.T, c connector.Connector, srv *server, sink *Recorder) *Recorder {
	t.Helper()
	if err := c.Read(t.Context(), s.values(srv), sink); err != nil {
		t.Fatal(err)
	}
	for _, p := range sink.Problems(c) {
		t.Error(p)
	}
	for _, secret := range s.Secrets {
		for _, place := range sink.Leaks(secret) {
			t.Errorf("a secret is in %s", place)
		}
	}
	return sink
}

// keys are those that stand after a run, with their scopes.
func keys(r *Recorder, kind string) []string {
	var out []string
	for p, at := range r.keys {
		for key := range at {
			if p.kind == kind {
				out = append(out, p.scope+"\x00"+key)
			}
		}
	}
	slices.Sort(out)
	return out
}

// server plays a cassette and notes what is asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func (s Suite) serve(t *testing.T, before func(w http.ResponseWriter, path string) bool) *server {
	srv := &server{}
	srv.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, err := requested(r, s.Apart)
		if err != nil {
			t.Error(err)
		}
		srv.mu.Lock()
		srv.asked = append(srv.asked, path)
		srv.mu.Unlock()
		if r.Method != http.MethodGet && (r.Method != http.MethodPost || s.Cassette.find(path) == nil) {
			t.Errorf("%s may change something", path)
		}
		for _, secret := range s.Secrets {
			if strings.Contains(r.URL.String(), url.QueryEscape(secret)) {
				t.Errorf("the address %s holds a secret", path)
			}
		}
		if before != nil && before(w, path) {
			return
		}
		s.Cassette.play(t, w, path, srv.URL)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// Serve plays a cassette to a test of its own. What is not on it is not found, and fails the test.
func Serve(t testing.TB, c Cassette) http.Handler { return ServeApart(t, c, nil) }

// ServeApart is Serve for requests that more tells apart.
func ServeApart(t testing.TB, c Cassette, apart Apart) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, err := requested(r, apart)
		if err != nil {
			t.Error(err)
		}
		c.play(t, w, request, "http://"+r.Host)
	})
}

// Answer is the reply to a request, for a test that plays a cassette with a hand of its own; false when it is not on it.
func (c Cassette) Answer(r *http.Request, apart Apart) (Reply, bool) {
	request, err := requested(r, apart)
	if err != nil {
		return Reply{}, false
	}
	reply := c.find(request)
	if reply == nil {
		return Reply{}, false
	}
	out := Reply{Status: cmp.Or(reply.Status, http.StatusOK), Header: reply.Header.Clone(), Body: strings.ReplaceAll(reply.Body, Base, "http://"+r.Host)}
	for _, values := range out.Header {
		for i := range values {
			values[i] = strings.ReplaceAll(values[i], Base, "http://"+r.Host)
		}
	}
	return out, true
}

// requested is a request in canonical form.
func requested(r *http.Request, apart Apart) (string, error) {
	request := r.URL.RequestURI()
	if apart != nil {
		request = apart(r) + request
	}
	if r.Method != http.MethodGet {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return "", err
		}
		request = strings.TrimSpace(r.Method + " " + request + " " + string(body))
	}
	return canonical(request), nil
}

func (c Cassette) play(t testing.TB, w http.ResponseWriter, request, base string) {
	reply := c.find(request)
	if reply == nil {
		t.Errorf("%s is not on the cassette", request)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header()["Date"] = nil // it was recorded then, by no clock of today's
	for name, values := range reply.Header {
		for _, v := range values {
			w.Header().Add(name, strings.ReplaceAll(v, Base, base))
		}
	}
	w.WriteHeader(cmp.Or(reply.Status, http.StatusOK))
	io.WriteString(w, strings.ReplaceAll(reply.Body, Base, base))
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// paths are the different requests, sorted.
func (s *server) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.asked)
	slices.Sort(out)
	return slices.Compact(out)
}

// find is the answer to a request in canonical form: the one for its very body before the one for any.
func (c Cassette) find(request string) *Reply {
	if reply, ok := c[request]; ok {
		return &reply
	}
	var loose *Reply
	for at, reply := range c {
		switch at = canonical(at); {
		case at == request:
			return &reply
		case strings.HasPrefix(at, "POST ") && strings.HasPrefix(request, at+" "):
			loose = &reply
		}
	}
	return loose
}

// canonical writes a request with its query and body in one order.
func canonical(request string) string {
	if rest, is := strings.CutPrefix(request, "POST "); is {
		at, body, ok := strings.Cut(rest, " ")
		at = "POST " + canonical(at)
		if !ok {
			return at
		}
		var v any
		d := json.NewDecoder(strings.NewReader(body))
		d.UseNumber()
		if d.Decode(&v) == nil {
			if b, err := json.Marshal(v); err == nil {
				return at + " " + string(b)
			}
		}
		if form, err := url.ParseQuery(body); err == nil {
			body = form.Encode()
		}
		return at + " " + body
	}
	path, query, ok := strings.Cut(request, "?")
	if !ok {
		return path
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return request
	}
	return path + "?" + values.Encode()
}

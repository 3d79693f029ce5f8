package connectortest

import (
	"context"
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

// Cassette is a service's recorded answers by request: "/users?limit=2". The query's order does not matter.
type Cassette map[string]Reply

// Suite is what Run needs to try a connector.
type Suite struct {
	Values   connector.Values // settings that work; endpoint is set by Run
	Secrets  []string         // values that may be in no output
	Cassette Cassette         // answers for a whole read, with a list of more than one page
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
		whole = s.read(t, c, srv, &Recorder{})
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
			if !slices.Contains(asked, canonical(path)) {
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
		again := s.read(t, c, s.serve(t, nil), whole.Next())
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
		if r := s.read(t, c, srv, &Recorder{}); !r.Whole() {
			t.Errorf("gaps: %v", r.Gaps())
		}
	})
	t.Run("reports what is denied", func(t *testing.T) { s.denied(t, c, asked) })
	for name, spoil := range map[string]func(body string) (contentType, spoilt string){
		"takes no web page for an answer":         func(string) (string, string) { return "text/html", "<!doctype html><title>Sign in</title>" },
		"takes no half answer for whole":          func(b string) (string, string) { return "application/json", b[:len(b)/2] },
		"takes no empty answer for an empty list": func(string) (string, string) { return "application/json", "" },
		"takes no error object for a list":        func(string) (string, string) { return "application/json", `{"error":"internal"}` },
	} {
		t.Run(name, func(t *testing.T) {
			srv := s.serve(t, func(w http.ResponseWriter, path string) bool {
				contentType, body := spoil(strings.ReplaceAll(s.Cassette.find(path).Body, Base, ""))
				w.Header().Set("Content-Type", contentType)
				io.WriteString(w, body)
				return true
			})
			r := s.read(t, c, srv, &Recorder{})
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
			http.Redirect(w, &http.Request{URL: &url.URL{Path: "/"}}, elsewhere.URL+path, http.StatusTemporaryRedirect)
			return true
		})
		r := s.read(t, c, srv, &Recorder{})
		if len(stray) > 0 {
			t.Errorf("another server was asked: %v", stray)
		}
		if r.Whole() {
			t.Error("a redirect to another server leaves no gap")
		}
	})
	t.Run("stops when the context ends", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		srv := s.serve(t, func(http.ResponseWriter, string) bool { cancel(); return false })
		err := c.Read(ctx, s.values(srv), &Recorder{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("stops when the sink fails", func(t *testing.T) {
		full := errors.New("disk full")
		err := c.Read(t.Context(), s.values(s.serve(t, nil)), &Recorder{Fail: func(connector.Item) error { return full }})
		if !errors.Is(err, full) {
			t.Errorf("error is %v", err)
		}
	})
}

// denied refuses each question in turn.
func (s Suite) denied(t *testing.T, c connector.Connector, asked []string) {
	for _, status := range []int{401, 403} {
		for _, path := range asked {
			t.Run(fmt.Sprintf("%d %s", status, path), func(t *testing.T) {
				srv := s.serve(t, func(w http.ResponseWriter, p string) bool {
					if p == path {
						w.WriteHeader(status)
						io.WriteString(w, `{"message":"no"}`)
					}
					return p == path
				})
				r := s.read(t, c, srv, &Recorder{})
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

func (s Suite) values(srv *server) connector.Values {
	v := maps.Clone(s.Values)
	v["endpoint"] = srv.URL
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

func keys(r *Recorder, kind string) []string {
	var out []string
	for _, it := range r.Items(kind) {
		out = append(out, it.Scope+"\x00"+it.Key)
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
		path := canonical(r.URL.RequestURI())
		srv.mu.Lock()
		srv.asked = append(srv.asked, path)
		srv.mu.Unlock()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			t.Errorf("%s %s may change something", r.Method, path)
		}
		for _, secret := range s.Secrets {
			if strings.Contains(r.URL.String(), url.QueryEscape(secret)) {
				t.Errorf("the address %s holds a secret", path)
			}
		}
		if before != nil && before(w, path) {
			return
		}
		reply := s.Cassette.find(path)
		if reply == nil {
			t.Errorf("%s is not on the cassette", path)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		for name, values := range reply.Header {
			for _, v := range values {
				w.Header().Add(name, strings.ReplaceAll(v, Base, srv.URL))
			}
		}
		if reply.Status != 0 {
			w.WriteHeader(reply.Status)
		}
		io.WriteString(w, strings.ReplaceAll(reply.Body, Base, srv.URL))
	}))
	t.Cleanup(srv.Close)
	return srv
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

func (c Cassette) find(path string) *Reply {
	for at, reply := range c {
		if canonical(at) == path {
			return &reply
		}
	}
	return nil
}

// canonical writes a query in one order.
func canonical(uri string) string {
	path, query, ok := strings.Cut(uri, "?")
	if !ok {
		return path
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return uri
	}
	return path + "?" + values.Encode()
}

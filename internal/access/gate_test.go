package access

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// A password's cost is nine tenths of the work of these tests, and nothing to most of them.
var shippedMemory = hashMemory

func init() { hashMemory = 1 << 10 }

// atShippedCost lets hashes cost what they do in the product, until the test ends.
func atShippedCost(t *testing.T) {
	before := hashMemory
	hashMemory = shippedMemory
	t.Cleanup(func() { hashMemory = before })
}

// house is a workspace with a gate, a clock that the test moves, and a first owner, ada.
type house struct {
	*Gate
	t     testing.TB
	clock *clock
	dir   string
	ada   User
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// each runs the test in a fresh house on each engine.
func each(t *testing.T, test func(t *testing.T, h *house)) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
		h := open(t, db, t.TempDir(), c, "")
		people := []record.Change{}
		for _, p := range []string{"ada", "bob"} {
			people = append(people, record.Change{Kind: "person", Key: p, Body: []byte(`{"name":"` + p + `"}`)})
		}
		if _, err := h.book.Put(t.Context(), record.Job("job:test"), people...); err != nil {
			t.Fatal(err)
		}
		var err error
		if h.ada, err = h.FirstUser(t.Context(), NewUser{Name: "Ada Example", Email: "Ada@Example.org", Person: "ada"}); err != nil {
			t.Fatal(err)
		}
		test(t, h)
	})
}

func open(t testing.TB, db *store.DB, dir string, c *clock, base string) *house {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	log.Clock = c.now
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	person := record.Kind{Name: "person", Label: "name", Fields: []record.Field{{Name: "name", Type: record.Text}}}
	kinds, err := record.NewKinds(append(record.Builtin(), person, Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(Options{Book: book, Log: log, Keys: keys, BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return &house{Gate: g, t: t, clock: c, dir: dir}
}

// local is the authority of the machine's owner.
func (h *house) local() Session {
	h.t.Helper()
	s, err := h.Local(h.t.Context(), "root")
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

// add makes a user with roles.
func (h *house) add(key string, roles ...Role) User {
	h.t.Helper()
	u, err := h.CreateUser(h.t.Context(), h.local(), NewUser{Key: key, Name: key + " example", Email: key + "@example.org", Roles: roles})
	if err != nil {
		h.t.Fatal(err)
	}
	return u
}

// actions are the verbs of the ledger's actions about a subject, oldest first.
func (h *house) actions(subject string) []string {
	h.t.Helper()
	list, err := store.All[string](h.t.Context(), h.db, "SELECT verb FROM action WHERE subject = $1 ORDER BY entry", subject)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

func (h *house) sees(subject, verb string) {
	h.t.Helper()
	if list := h.actions(subject); !slices.Contains(list, verb) {
		h.t.Errorf("no %s of %q in the ledger: %v", verb, subject, list)
	}
}

// browser holds cookies and makes requests through Sessions.
type browser struct {
	h       *house
	cookies map[string]*http.Cookie
	header  http.Header
}

func (h *house) browser() *browser {
	return &browser{h: h, cookies: map[string]*http.Cookie{}, header: http.Header{}}
}

// visit runs do inside one request.
func (b *browser) visit(do func(ctx context.Context)) *http.Response {
	b.h.t.Helper()
	ran := false
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(b.h.t.Context(), "POST", "http://localhost:8420/", nil)
	r.Header = b.header.Clone()
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	b.h.Sessions(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ran = true
		do(r.Context())
	})).ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	if !ran && res.StatusCode == 200 {
		b.h.t.Fatal("the handler did not run")
	}
	return res
}

// who is who the next request finds signed in.
func (b *browser) who() string {
	b.h.t.Helper()
	var key string
	b.visit(func(ctx context.Context) {
		if s, ok := FromContext(ctx); ok {
			key = s.User.Key
		}
	})
	return key
}

func (b *browser) token() string { return b.cookies[cookieName].Value }

// link makes a sign-in link for a user and returns its token.
func (h *house) link(key string) string {
	h.t.Helper()
	link, err := h.Link(h.t.Context(), h.local(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	at, token, ok := strings.Cut(link, "?token=")
	if !ok || at != "http://localhost:8420/sign-in/link" {
		h.t.Fatalf("link %s", at)
	}
	return token
}

func (b *browser) byLink(token string) (err error) {
	b.h.t.Helper()
	b.visit(func(ctx context.Context) { _, err = b.h.SignInByLink(ctx, token, "192.0.2.1") })
	return err
}

// signIn brings a user in by link.
func (h *house) signIn(key string) *browser {
	h.t.Helper()
	b := h.browser()
	if err := b.byLink(h.link(key)); err != nil {
		h.t.Fatal(err)
	}
	return b
}

func want(t testing.TB, what string, err error, k fault.Kind) {
	t.Helper()
	if !fault.Is(err, k) {
		t.Errorf("%s: got %v, want %s", what, err, k)
	}
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// Everything that happens at the gate leaves a ledger that proves, and an action whose actor is who did it.
func TestLedgerProvesWhatHappenedAtTheGate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Viewer)
		a, _ := h.signIn("ada").enrol()
		want(t, "a wrong code", h.browser().byPassword("ada@example.org", phrase, a.other()), fault.SignIn)
		h.apiToken(TokenRequest{User: "bob", Name: "ci", Scope: ScopeRead})
		if _, err := h.SetDisabled(t.Context(), h.local(), "bob", true, "left"); err != nil {
			t.Fatal(err)
		}
		if n, err := h.log.Verify(t.Context(), h.db, nil); err != nil || n < 10 {
			t.Errorf("%d entries, %v", n, err)
		}
		type row struct {
			Verb  string `db:"verb"`
			Actor string `db:"actor"`
		}
		rows, err := store.All[row](t.Context(), h.db, "SELECT verb, actor FROM action ORDER BY entry")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			who := "person:ada"
			switch r.Verb {
			case "user.sign_in_refused":
				who = "nobody"
			case "user.created":
				if r.Actor == "job:setup" {
					who = "job:setup"
				}
			}
			if r.Actor != who {
				t.Errorf("%s by %s", r.Verb, r.Actor)
			}
		}
	})
}

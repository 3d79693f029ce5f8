package access

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// dump prints every column of a table.
func (h *house) dump(table string) string {
	h.t.Helper()
	rows, err := h.db.Query(h.t.Context(), "SELECT * FROM "+table)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	names, _ := rows.Columns()
	var out strings.Builder
	for rows.Next() {
		cells, at := make([]any, len(names)), make([]any, len(names))
		for i := range cells {
			at[i] = &cells[i]
		}
		if err := rows.Scan(at...); err != nil {
			h.t.Fatal(err)
		}
		for _, c := range cells {
			if b, ok := c.([]byte); ok {
				c = string(b)
			}
			fmt.Fprintf(&out, "%v | ", c)
		}
		out.WriteString("\n")
	}
	if out.Len() == 0 {
		h.t.Fatalf("%s is empty", table)
	}
	return out.String()
}

func TestSessionTokenIsFreshAfterSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.visit(func(ctx context.Context) {
			if _, err := h.BeginPasskeySignIn(ctx); err != nil { // an anonymous session
				t.Error(err)
			}
		})
		planted := b.token()
		if err := b.byLink(h.link("ada")); err != nil {
			t.Fatal(err)
		}
		if b.token() == planted {
			t.Fatal("the token from before sign-in is the token after it")
		}
		if b.who() != "ada" {
			t.Error("not signed in")
		}
		thief := h.browser()
		thief.cookies[cookieName] = &http.Cookie{Name: cookieName, Value: planted}
		if who := thief.who(); who != "" {
			t.Errorf("the planted token is %s's session", who)
		}
		invented := h.browser()
		invented.cookies[cookieName] = &http.Cookie{Name: cookieName, Value: "chosen-by-somebody-else-0123456789"}
		if err := invented.byLink(h.link("ada")); err != nil {
			t.Fatal(err)
		}
		if invented.token() == "chosen-by-somebody-else-0123456789" {
			t.Error("a token that the client invented was adopted")
		}
	})
}

func TestSessionTokenIsKeptOnlyAsHash(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		if strings.Contains(h.dump("session"), b.token()) {
			t.Error("the database holds the token")
		}
		thief := h.browser()
		id, err := store.One[string](t.Context(), h.db, "SELECT id FROM session WHERE user_key = $1", "ada")
		if err != nil {
			t.Fatal(err)
		}
		thief.cookies[cookieName] = &http.Cookie{Name: cookieName, Value: id}
		if who := thief.who(); who != "" {
			t.Error("what the database holds signs in")
		}
	})
}

func TestSessionEnds(t *testing.T) {
	for name, c := range map[string]struct {
		steps []time.Duration // between page views
		alive bool
	}{
		"in use":                    {[]time.Duration{7 * time.Hour, 7 * time.Hour, 7 * time.Hour}, true},
		"idle for eight hours":      {[]time.Duration{8 * time.Hour}, false},
		"idle between uses":         {[]time.Duration{7 * time.Hour, 8*time.Hour + time.Minute}, false},
		"just before seven days":    {repeat(7*time.Hour, 23), true},
		"seven days, never idle":    {repeat(7*time.Hour, 24), false},
		"many views within minutes": {append(repeat(30*time.Second, 5), 8*time.Hour-2*time.Minute), true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				b := h.signIn("ada")
				var who string
				for _, d := range c.steps {
					h.clock.pass(d)
					who = b.who()
				}
				if (who == "ada") != c.alive {
					t.Errorf("signed in as %q", who)
				}
			})
		})
	}
}

func repeat(d time.Duration, n int) (out []time.Duration) {
	for range n {
		out = append(out, d)
	}
	return out
}

func TestSignOutEndsTheSessionOnTheServer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, other := h.signIn("ada"), h.signIn("ada")
		kept := *b.cookies[cookieName]
		b.visit(func(ctx context.Context) {
			if err := h.SignOut(ctx); err != nil {
				t.Error(err)
			}
			if _, ok := FromContext(ctx); ok {
				t.Error("still in the context")
			}
		})
		if _, left := b.cookies[cookieName]; left {
			t.Error("the cookie stayed")
		}
		b.cookies[cookieName] = &kept
		if who := b.who(); who != "" {
			t.Error("the cookie still signs in")
		}
		if other.who() != "ada" {
			t.Error("the other browser was signed out")
		}
		h.sees("user/ada", "user.signed_out")
		if err := h.SignOutEverywhere(t.Context(), h.local(), "ada"); err != nil {
			t.Fatal(err)
		}
		if other.who() != "" {
			t.Error("still signed in elsewhere")
		}
		h.sees("user/ada", "user.sessions_ended")
	})
}

// A request under way when its session is ended elsewhere must not write the session back when it finishes.
func TestEndedSessionIsNotWrittenBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		b.visit(func(ctx context.Context) {
			if err := h.SignOutEverywhere(ctx, h.local(), "ada"); err != nil {
				t.Error(err)
			}
			h.scs.Put(ctx, "anything", "changed")
		})
		if who := b.who(); who != "" {
			t.Errorf("signed in as %s", who)
		}
	})
}

func TestOpenSessionsAreListed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.signIn("ada")
		h.clock.pass(9 * time.Hour)
		b := h.signIn("ada")
		list, err := h.Signed(t.Context(), h.local(), "ada")
		if err != nil || len(list) != 1 || list[0].Method != ByLink {
			t.Errorf("got %+v, %v", list, err)
		}
		if strings.Contains(fmt.Sprint(list), b.token()) {
			t.Error("the list holds a token")
		}
	})
}

func TestCookieIsBoundToItsSite(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		c := b.cookies[cookieName]
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("got %v", c)
		}
		secure := open(t, h.db, h.dir, h.clock, "https://tickmark.example.org")
		secure.ada = h.ada
		b = secure.browser()
		link, err := secure.Link(t.Context(), secure.local(), "ada")
		if err != nil || !strings.HasPrefix(link, "https://tickmark.example.org/sign-in/link?token=") {
			t.Fatal(link, err)
		}
		if err := b.byLink(link[strings.Index(link, "=")+1:]); err != nil {
			t.Fatal(err)
		}
		if c := b.cookies[cookieNameHTTPS]; c == nil || !c.Secure {
			t.Errorf("got %v", b.cookies)
		}
	})
}

func TestSignInNeedsSessions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		if _, err := h.SignInByLink(t.Context(), h.link("ada"), ""); err == nil {
			t.Error("signed in without a session")
		}
		if _, ok := FromContext(t.Context()); ok {
			t.Error("somebody in an empty context")
		}
	})
}

func TestSweepRemovesWhatLapsed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		b.visit(func(ctx context.Context) {
			if _, err := h.BeginPasskey(ctx); err != nil {
				t.Error(err)
			}
		})
		want(t, "a wrong link", h.browser().byLink("wrong"), fault.SignIn)
		h.link("ada")
		h.clock.pass(60 * 24 * time.Hour)
		if err := h.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"session", "sign_in_ceremony", "sign_in_link", "sign_in_attempt"} {
			if n, err := store.One[int64](t.Context(), h.db, "SELECT count(*) FROM "+table); n != 0 || err != nil {
				t.Errorf("%s holds %d, %v", table, n, err)
			}
		}
	})
}

// spellings are the ways in which a secret could lie in a table.
func spellings(s string) []string {
	return []string{s, strings.ToLower(s), strings.ToUpper(s), hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s))}
}

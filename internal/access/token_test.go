package access

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
)

func (h *house) apiToken(r TokenRequest) (string, Token) {
	h.t.Helper()
	plain, tok, err := h.NewToken(h.t.Context(), h.local(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	return plain, tok
}

func TestTokenActsAsItsUserUntilRevokedOrExpired(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Viewer)
		plain, tok := h.apiToken(TokenRequest{User: "bob", Name: "ci", Scope: ScopeRead, Expires: h.clock.now().Add(48 * time.Hour)})
		s, err := h.Bearer(t.Context(), plain)
		if err != nil || s.User.Key != "bob" || s.Method != ByToken || s.Scope != ScopeRead {
			t.Fatalf("got %+v, %v", s, err)
		}
		list, err := h.Tokens(t.Context(), "bob")
		if err != nil || len(list) != 1 || list[0].ID != tok.ID || list[0].Used == 0 {
			t.Errorf("got %+v, %v", list, err)
		}
		if !strings.HasPrefix(plain, tokenMark+tok.ID+"_") {
			t.Errorf("the id %s does not begin the token", tok.ID)
		}
		for _, wrong := range []string{"", plain + "x", plain[:len(plain)-1], strings.ToUpper(plain), tok.ID, tokenMark + tok.ID + "_"} {
			_, err := h.Bearer(t.Context(), wrong)
			want(t, wrong, err, fault.SignIn)
		}
		if err := h.RevokeToken(t.Context(), h.local(), tok.ID); err != nil {
			t.Fatal(err)
		}
		_, err = h.Bearer(t.Context(), plain)
		want(t, "revoked", err, fault.SignIn)
		plain, _ = h.apiToken(TokenRequest{User: "bob", Name: "ci", Scope: ScopeRead, Expires: h.clock.now().Add(48 * time.Hour)})
		h.clock.pass(48 * time.Hour)
		_, err = h.Bearer(t.Context(), plain)
		want(t, "expired", err, fault.SignIn)
		h.sees("user/bob", "token.made")
		h.sees("user/bob", "token.revoked")
	})
}

func TestTokenRequestIsHeldToItsRules(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		now := h.clock.now()
		for name, r := range map[string]TokenRequest{
			"no name":       {Scope: ScopeRead},
			"no scope":      {Name: "n"},
			"strange scope": {Name: "n", Scope: "admin"},
			"past":          {Name: "n", Scope: ScopeRead, Expires: now},
			"for ever":      {Name: "n", Scope: ScopeRead, Expires: now.AddDate(2, 0, 0)},
		} {
			_, _, err := h.NewToken(t.Context(), h.local(), r)
			want(t, name, err, fault.Invalid)
		}
		_, tok := h.apiToken(TokenRequest{Name: "n", Scope: ScopeWrite})
		if tok.User != "ada" || tok.Expires.Time().Sub(now) != tokenLife {
			t.Errorf("got %+v", tok)
		}
	})
}

func TestTokenIsKeptOnlyAsHash(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		plain, _ := h.apiToken(TokenRequest{Name: "n", Scope: ScopeRead})
		key := plain[strings.LastIndex(plain, "_")+1:]
		if len(key) < 52 {
			t.Errorf("%d letters of base32 are fewer than 256 bits", len(key))
		}
		for _, s := range spellings(key) {
			if strings.Contains(h.dump("api_token")+h.dump("action"), s) {
				t.Error("the database holds the token")
			}
		}
	})
}

func TestBearerInRequests(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Viewer)
		plain, _ := h.apiToken(TokenRequest{User: "bob", Name: "n", Scope: ScopeRead})
		b := h.signIn("ada")
		for head, c := range map[string]struct {
			who    string
			status int
		}{
			"Bearer " + plain:  {"bob", 200}, // the token goes before the cookie
			"bearer " + plain:  {"bob", 200},
			"Bearer wrong":     {"", 401}, // and never falls back to it
			"Bearer ":          {"", 401},
			"Basic YWRhOnB3":   {"", 401},
			plain:              {"", 401},
			"Bearer  " + plain: {"bob", 200},
		} {
			b.header.Set("Authorization", head)
			who := ""
			res := b.visit(func(ctx context.Context) {
				if s, ok := FromContext(ctx); ok {
					who = s.User.Key
				}
				_, err := h.BeginPasskey(ctx)
				want(t, "a token enrols a passkey", err, fault.SignIn)
			})
			if who != c.who || res.StatusCode != c.status {
				t.Errorf("%.12s: %q, %d", head, who, res.StatusCode)
			}
			if c.status == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") == "" {
				t.Error("no WWW-Authenticate")
			}
		}
	})
}

func TestOwnTokensNeedNoAdministrator(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		bob := Session{User: h.add("bob", Employee), Method: ByPasskey}
		plain, tok, err := h.NewToken(t.Context(), bob, TokenRequest{Name: "mine", Scope: ScopeRead})
		if err != nil {
			t.Fatal(err)
		}
		carl := Session{User: h.add("carl", Lead), Method: ByPasskey}
		want(t, "another's token", h.RevokeToken(t.Context(), carl, tok.ID), fault.Denied)
		s, err := h.Bearer(t.Context(), plain)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "a token revokes itself", h.RevokeToken(t.Context(), s, tok.ID), fault.Denied)
		if err := h.RevokeToken(t.Context(), bob, tok.ID); err != nil {
			t.Error(err)
		}
		want(t, "no such token", h.RevokeToken(t.Context(), bob, "0123"), fault.NotFound)
	})
}

package access

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tickmark/internal/fault"
)

// addPasskey enrols the authenticator for who is signed in.
func (b *browser) addPasskey(a *authenticator) (p Passkey, err error) {
	b.h.t.Helper()
	var options []byte
	b.visit(func(ctx context.Context) { options, err = b.h.BeginPasskey(ctx) })
	if err != nil {
		return p, err
	}
	reply := a.create(options)
	b.visit(func(ctx context.Context) { p, err = b.h.FinishPasskey(ctx, "laptop", reply) })
	return p, err
}

func (b *browser) byPasskey(a *authenticator) error {
	b.h.t.Helper()
	return b.finish(a.get(b.begin()))
}

func (b *browser) begin() (options []byte) {
	b.h.t.Helper()
	b.visit(func(ctx context.Context) {
		var err error
		if options, err = b.h.BeginPasskeySignIn(ctx); err != nil {
			b.h.t.Fatal(err)
		}
	})
	return options
}

func (b *browser) finish(reply []byte) (err error) {
	b.h.t.Helper()
	b.visit(func(ctx context.Context) { _, err = b.h.FinishPasskeySignIn(ctx, reply, "192.0.2.1") })
	return err
}

func TestPasskeySignsIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.signIn("ada"), newAuthenticator(t)
		p, err := b.addPasskey(a)
		if err != nil || p.Label != "laptop" {
			t.Fatal(p, err)
		}
		in := h.browser()
		if err := in.byPasskey(a); err != nil {
			t.Fatal(err)
		}
		in.visit(func(ctx context.Context) {
			if s, ok := FromContext(ctx); !ok || s.User.Key != "ada" || s.Method != ByPasskey || s.Unenrolled {
				t.Errorf("got %+v", s)
			}
		})
		if err := h.browser().byPasskey(a); err != nil {
			t.Error("a second time:", err)
		}
		list, err := h.Passkeys(t.Context(), "ada")
		if err != nil || len(list) != 1 || list[0].ID != p.ID || list[0].Used == 0 {
			t.Errorf("got %+v, %v", list, err)
		}
		h.sees("user/ada", "passkey.added")
		h.sees("user/ada", "user.signed_in")
	})
}

func TestEnrolmentAsksForADiscoverableVerifiedPasskey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.signIn("ada"), newAuthenticator(t)
		if _, err := b.addPasskey(a); err != nil {
			t.Fatal(err)
		}
		b.visit(func(ctx context.Context) {
			options, err := h.BeginPasskey(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var o creation
			if err := json.Unmarshal(options, &o); err != nil {
				t.Fatal(err)
			}
			if o.RP.ID != "localhost" || o.Selection.ResidentKey != "required" || o.Selection.UserVerification != "required" || o.Attestation != "none" && o.Attestation != "" {
				t.Errorf("options %s", options)
			}
			if len(o.Exclude) != 1 || string(o.Exclude[0].ID) != string(a.id) {
				t.Errorf("the passkey there is may be enrolled again: %s", options)
			}
			if len(o.Challenge) < 16 || len(o.User.ID) != 32 || strings.Contains(string(o.User.ID), "ada") {
				t.Errorf("challenge %d bytes, handle %q", len(o.Challenge), o.User.ID)
			}
		})
	})
}

func TestEnrolmentRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*authenticator){
		"no user verification": func(a *authenticator) { a.flags = userPresent },
		"no user presence":     func(a *authenticator) { a.flags = userVerified },
		"another site":         func(a *authenticator) { a.origin = "https://evil.example.org" },
		"another port":         func(a *authenticator) { a.origin = "http://localhost:9999" },
		"another party":        func(a *authenticator) { a.rp = "evil.example.org" },
		"another challenge":    func(a *authenticator) { a.spoil = func(c map[string]any) { c["challenge"] = raw(make([]byte, 32)) } },
		"a sign-in's answer":   func(a *authenticator) { a.spoil = func(c map[string]any) { c["type"] = "webauthn.get" } },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				a := newAuthenticator(t)
				spoil(a)
				_, err := h.signIn("ada").addPasskey(a)
				want(t, name, err, fault.Invalid)
				if list, err := h.Passkeys(t.Context(), "ada"); len(list) != 0 || err != nil {
					t.Errorf("kept %+v, %v", list, err)
				}
			})
		})
	}
}

func TestPasskeySignInRefuses(t *testing.T) {
	for name, spoil := range map[string]func(h *house, a *authenticator){
		"no user verification": func(_ *house, a *authenticator) { a.flags = userPresent },
		"no user presence":     func(_ *house, a *authenticator) { a.flags = userVerified },
		"another site":         func(_ *house, a *authenticator) { a.origin = "https://localhost.evil.example.org" },
		"another party":        func(_ *house, a *authenticator) { a.rp = "evil.example.org" },
		"another challenge": func(_ *house, a *authenticator) {
			a.spoil = func(c map[string]any) { c["challenge"] = raw(make([]byte, 32)) }
		},
		"an enrolment's answer": func(_ *house, a *authenticator) {
			a.spoil = func(c map[string]any) { c["type"] = "webauthn.create" }
		},
		"another key":       func(_ *house, a *authenticator) { a.key = newAuthenticator(a.t).key },
		"changed signature": func(_ *house, a *authenticator) { a.damage = func(s []byte) { s[len(s)-1] ^= 1 } },
		"unknown user":      func(_ *house, a *authenticator) { rand.Read(a.handle) },
		"no user":           func(_ *house, a *authenticator) { a.handle = nil },
		"another user": func(h *house, a *authenticator) {
			h.add("bob", Viewer)
			other := newAuthenticator(a.t)
			if _, err := h.signIn("bob").addPasskey(other); err != nil {
				h.t.Fatal(err)
			}
			a.handle = other.handle
		},
		"unknown passkey":    func(_ *house, a *authenticator) { rand.Read(a.id) },
		"copied, one behind": func(_ *house, a *authenticator) { a.count -= 2 },
		"copied, level":      func(_ *house, a *authenticator) { a.count-- },
		"disabled user": func(h *house, a *authenticator) {
			h.add("bob", Owner)
			if _, err := h.SetDisabled(h.t.Context(), h.local(), "ada", true, "left"); err != nil {
				h.t.Fatal(err)
			}
		},
		"removed passkey": func(h *house, a *authenticator) {
			if err := h.Reset(h.t.Context(), h.local(), "ada", "lost"); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				a := newAuthenticator(t)
				a.count = 7
				if _, err := h.signIn("ada").addPasskey(a); err != nil {
					t.Fatal(err)
				}
				if err := h.browser().byPasskey(a); err != nil {
					t.Fatal("unspoilt:", err)
				}
				spoil(h, a)
				b := h.browser()
				err := b.byPasskey(a)
				want(t, name, err, fault.SignIn)
				if err != nil && err.Error() != refused(nil).Error() {
					t.Errorf("the answer tells more: %v", err)
				}
				if b.who() != "" {
					t.Error("signed in")
				}
			})
		})
	}
}

func TestCeremonyIsUsedOnceByTheBrowserThatBegan(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := newAuthenticator(t)
		if _, err := h.signIn("ada").addPasskey(a); err != nil {
			t.Fatal(err)
		}
		b := h.browser()
		reply := a.get(b.begin())
		want(t, "another browser finishes", h.browser().finish(reply), fault.SignIn)
		twin := &browser{h: h, cookies: map[string]*http.Cookie{cookieName: b.cookies[cookieName]}, header: b.header}
		if err := b.finish(reply); err != nil {
			t.Fatal(err)
		}
		want(t, "the same answer again", b.finish(reply), fault.SignIn)
		want(t, "the same answer with the cookie from before", twin.finish(reply), fault.SignIn)

		late := h.browser()
		reply = a.get(late.begin())
		h.clock.pass(ceremonyLife)
		want(t, "too late", late.finish(reply), fault.SignIn)

		b = h.signIn("ada")
		var options []byte
		b.visit(func(ctx context.Context) { options, _ = h.BeginPasskey(ctx) })
		fresh := newAuthenticator(t)
		enrol := fresh.create(options)
		want(t, "a sign-in ends with an enrolment's ceremony", b.finish(a.get(asSignIn(t, options))), fault.SignIn)
		b.visit(func(ctx context.Context) {
			if _, err := h.FinishPasskey(ctx, "", enrol); err != nil {
				t.Error(err)
			}
			_, err := h.FinishPasskey(ctx, "", enrol)
			want(t, "enrolled twice", err, fault.SignIn)
		})
	})
}

// asSignIn makes sign-in options of the challenge in enrolment options.
func asSignIn(t *testing.T, options []byte) []byte {
	var o creation
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"challenge": o.Challenge, "rpId": "localhost", "userVerification": "required"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGarbledAnswersAreRefused(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		for _, reply := range []string{"", "{}", "null", "[]", `{"id":"x"}`, strings.Repeat("[", 10000), `{"id":"AA","rawId":"AA","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA","authenticatorData":"AA","signature":"AA"}}`} {
			b.visit(func(ctx context.Context) {
				if _, err := h.BeginPasskey(ctx); err != nil {
					t.Fatal(err)
				}
				_, err := h.FinishPasskey(ctx, "", []byte(reply))
				want(t, "enrol", err, fault.Invalid)
			})
			in := h.browser()
			in.begin()
			if err := in.finish([]byte(reply)); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.SignIn) {
				t.Errorf("%.20q: %v", reply, err)
			}
			if in.who() != "" {
				t.Error("signed in")
			}
		}
	})
}

func TestRemovingAPasskey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Viewer)
		b, a, second := h.signIn("ada"), newAuthenticator(t), newAuthenticator(t)
		p, err := b.addPasskey(a)
		if err != nil {
			t.Fatal(err)
		}
		b.visit(func(ctx context.Context) { want(t, "the last way in", h.RemovePasskey(ctx, p.ID), fault.Conflict) })
		if _, err := b.addPasskey(second); err != nil {
			t.Fatal(err)
		}
		h.signIn("bob").visit(func(ctx context.Context) { want(t, "another's passkey", h.RemovePasskey(ctx, p.ID), fault.NotFound) })
		other := h.browser()
		if err := other.byPasskey(a); err != nil {
			t.Fatal(err)
		}
		b.visit(func(ctx context.Context) {
			if err := h.RemovePasskey(ctx, p.ID); err != nil {
				t.Error(err)
			}
		})
		if other.who() != "" || b.who() != "ada" {
			t.Error("the other session lives, or one's own does not")
		}
		want(t, "the removed passkey", h.browser().byPasskey(a), fault.SignIn)
		if err := h.browser().byPasskey(second); err != nil {
			t.Error(err)
		}
		h.sees("user/ada", "passkey.removed")
	})
}

func TestPasskeysSayWhereTheyCannotWork(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for base, works := range map[string]bool{
			"http://localhost:8420": true, "http://localhost": true, "http://tickmark.localhost:1": true, "https://tickmark.example.org": true,
			"http://127.0.0.1:8420": false, "https://192.0.2.7": false, "http://[::1]:8420": false, "http://tickmark.example.org": false,
		} {
			g := open(t, h.db, h.dir, h.clock, base)
			g.browser().visit(func(ctx context.Context) {
				_, err := g.BeginPasskeySignIn(ctx)
				if works && err != nil {
					t.Errorf("%s: %v", base, err)
				}
				if !works {
					want(t, base, err, fault.Invalid)
				}
			})
		}
		for _, base := range []string{"localhost:8420", "ftp://x", "https://", "https://x/path", "://"} {
			_, err := Open(Options{Book: h.book, Log: h.log, Keys: h.keys, BaseURL: base})
			want(t, base, err, fault.Usage)
		}
	})
}

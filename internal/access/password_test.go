package access

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"tickmark/internal/fault"
	"tickmark/internal/secret"
	"tickmark/internal/store"
)

const phrase = "seven brown kettles sing"

// app is an authenticator app: it shows the code of a time.
type app struct {
	h    *house
	seed string
}

func (a app) code() string {
	a.h.t.Helper()
	c, err := totp.GenerateCode(a.seed, a.h.clock.now())
	if err != nil {
		a.h.t.Fatal(err)
	}
	return c
}

// other is a code that is right at no step near now.
func (a app) other() string {
	for n := 0; ; n++ {
		c := fmt.Sprintf("%06d", n)
		right := false
		for d := -3; d <= 3; d++ {
			at, err := totp.GenerateCode(a.seed, a.h.clock.now().Add(time.Duration(d)*30*time.Second))
			if err != nil {
				a.h.t.Fatal(err)
			}
			right = right || at == c
		}
		if !right {
			return c
		}
	}
}

// enrol sets the phrase as the password of a user who is signed in.
func (b *browser) enrol() (app, []string) {
	b.h.t.Helper()
	a := app{h: b.h}
	var codes []string
	b.visit(func(ctx context.Context) {
		e, err := b.h.BeginPassword(ctx)
		if err != nil {
			b.h.t.Fatal(err)
		}
		a.seed = e.Secret.Reveal()
		if !strings.HasPrefix(e.URL.Reveal(), "otpauth://totp/Tickmark:") || !strings.HasPrefix(e.QR.Reveal(), "\x89PNG") {
			b.h.t.Errorf("url %.20s", e.URL.Reveal())
		}
	})
	b.visit(func(ctx context.Context) {
		var err error
		if codes, err = b.h.FinishPassword(ctx, phrase, a.code()); err != nil {
			b.h.t.Fatal(err)
		}
	})
	b.h.clock.pass(time.Minute) // past the step that enrolling used
	return a, codes
}

func (b *browser) byPassword(email, password, code string) (err error) {
	b.h.t.Helper()
	b.visit(func(ctx context.Context) {
		_, err = b.h.SignInByPassword(ctx, Attempt{Email: email, Password: secret.Of(password), Code: secret.Of(code), Address: "192.0.2.1"})
	})
	return err
}

func TestPasswordNeedsItsCode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		a, codes := b.enrol()
		if len(codes) != recoveryCodes {
			t.Errorf("%d recovery codes", len(codes))
		}
		b.visit(func(ctx context.Context) {
			if s, _ := FromContext(ctx); s.Unenrolled {
				t.Error("still shown as not enrolled")
			}
		})
		for name, c := range map[string][3]string{
			"no code":             {"ada@example.org", phrase, ""},
			"wrong code":          {"ada@example.org", phrase, a.other()},
			"wrong password":      {"ada@example.org", "eight brown kettles sing", a.code()},
			"no password":         {"ada@example.org", "", a.code()},
			"another's address":   {"eve@example.org", phrase, a.code()},
			"the key, no email":   {"ada", phrase, a.code()},
			"wrong recovery":      {"ada@example.org", phrase, "aaaa-bbbb-cccc-dddd"},
			"recovery, no phrase": {"ada@example.org", "", codes[0]},
		} {
			t.Run(name, func(t *testing.T) {
				b := h.browser()
				err := b.byPassword(c[0], c[1], c[2])
				want(t, name, err, fault.SignIn)
				if err != nil && err.Error() != refused(nil).Error() {
					t.Errorf("the answer tells more: %v", err)
				}
				if b.who() != "" {
					t.Error("signed in")
				}
				h.clock.pass(2 * forgiven)
			})
		}
		in := h.browser()
		if err := in.byPassword(" ADA@example.org", phrase, " "+a.code()[:3]+" "+a.code()[3:]); err != nil {
			t.Fatal(err)
		}
		in.visit(func(ctx context.Context) {
			if s, ok := FromContext(ctx); !ok || s.User.Key != "ada" || s.Method != ByPassword || s.Unenrolled {
				t.Errorf("got %+v", s)
			}
		})
		h.sees("user/ada", "password.set")
		h.sees("user/ada", "user.sign_in_refused")
	})
}

func TestCodeWorksOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, _ := h.signIn("ada").enrol()
		code := a.code()
		if err := h.browser().byPassword("ada@example.org", phrase, code); err != nil {
			t.Fatal(err)
		}
		want(t, "the same code", h.browser().byPassword("ada@example.org", phrase, code), fault.SignIn)
		h.clock.pass(30 * time.Second)
		want(t, "the same code, still within drift", h.browser().byPassword("ada@example.org", phrase, code), fault.SignIn)
		if err := h.browser().byPassword("ada@example.org", phrase, a.code()); err != nil {
			t.Error(err)
		}
		h.clock.pass(time.Minute)
		code = a.code()
		h.clock.pass(30 * time.Second)
		if err := h.browser().byPassword("ada@example.org", phrase, code); err != nil {
			t.Error("a code of the step before was refused:", err)
		}
		h.clock.pass(2 * time.Minute)
		want(t, "an old code", h.browser().byPassword("ada@example.org", phrase, code), fault.SignIn)
	})
}

func TestCodeUsedByManyAtOnceSignsInOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, _ := h.signIn("ada").enrol()
		code := a.code()
		var wg sync.WaitGroup
		errs := make([]error, accountFree)
		for i := range errs {
			wg.Go(func() { errs[i] = h.browser().byPassword("ada@example.org", phrase, code) })
		}
		wg.Wait()
		in := 0
		for _, err := range errs {
			if err == nil {
				in++
			}
		}
		if in != 1 {
			t.Errorf("%d signed in by one code: %v", in, errs)
		}
	})
}

func TestRecoveryCodeWorksOnceAndWithThePassword(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, codes := h.signIn("ada").enrol()
		typed := strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))
		if err := h.browser().byPassword("ada@example.org", phrase, typed); err != nil {
			t.Fatal(err)
		}
		want(t, "again", h.browser().byPassword("ada@example.org", phrase, codes[3]), fault.SignIn)
		if n, err := h.RecoveryLeft(t.Context(), "ada"); n != recoveryCodes-1 || err != nil {
			t.Errorf("%d left, %v", n, err)
		}
		want(t, "a wrong password", h.browser().byPassword("ada@example.org", "wrong", codes[4]), fault.SignIn)
		if n, err := h.RecoveryLeft(t.Context(), "ada"); n != recoveryCodes-1 || err != nil {
			t.Errorf("%d left after a wrong password, %v", n, err)
		}
		h.signIn("ada").enrol()
		want(t, "a code from before", h.browser().byPassword("ada@example.org", phrase, codes[5]), fault.SignIn)
	})
}

func TestPasswordHoldsNothingBeforeItsFirstCode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		var a app
		b.visit(func(ctx context.Context) {
			_, err := h.FinishPassword(ctx, phrase, "123456")
			want(t, "finish without begin", err, fault.SignIn)
			e, err := h.BeginPassword(ctx)
			if err != nil {
				t.Fatal(err)
			}
			a = app{h, e.Secret.Reveal()}
			_, err = h.FinishPassword(ctx, phrase, a.other())
			want(t, "a wrong code", err, fault.Invalid)
			_, err = h.FinishPassword(ctx, "short", a.code())
			want(t, "a weak password", err, fault.Invalid)
		})
		if _, set, err := h.Password(t.Context(), "ada"); set || err != nil {
			t.Error("a password is set", err)
		}
		want(t, "signing in", h.browser().byPassword("ada@example.org", phrase, a.code()), fault.SignIn)
		thief := h.signIn("ada") // another session of the same user
		thief.visit(func(ctx context.Context) {
			_, err := h.FinishPassword(ctx, phrase, a.code())
			want(t, "another browser finishes", err, fault.SignIn)
		})
		b.visit(func(ctx context.Context) { // the ceremony is still open after the mistakes
			if _, err := h.FinishPassword(ctx, phrase, a.code()); err != nil {
				t.Error(err)
			}
			_, err := h.FinishPassword(ctx, phrase, a.code())
			want(t, "finishing twice", err, fault.SignIn)
		})
		b.visit(func(ctx context.Context) {
			if _, err := h.BeginPassword(ctx); err != nil {
				t.Fatal(err)
			}
		})
		h.clock.pass(ceremonyLife)
		b.visit(func(ctx context.Context) {
			_, err := h.FinishPassword(ctx, phrase, a.code())
			want(t, "too late", err, fault.SignIn)
		})
	})
}

func TestChangingHowOneSignsInNeedsAFreshSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		h.clock.pass(fresh + time.Second)
		b.visit(func(ctx context.Context) {
			_, err := h.BeginPassword(ctx)
			want(t, "password", err, fault.SignIn)
			_, err = h.BeginPasskey(ctx)
			want(t, "passkey", err, fault.SignIn)
			want(t, "removing", h.RemovePassword(ctx), fault.SignIn)
		})
		h.browser().visit(func(ctx context.Context) {
			_, err := h.BeginPassword(ctx)
			want(t, "nobody", err, fault.SignIn)
		})
	})
}

func TestNewPasswordEndsOtherSessions(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		thief, b := h.signIn("ada"), h.signIn("ada")
		b.enrol()
		if thief.who() != "" || b.who() != "ada" {
			t.Error("the other session lives, or one's own does not")
		}
	})
}

func TestLockoutGrowsAndSurvivesRestart(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, _ := h.signIn("ada").enrol()
		fail := func() error { return h.browser().byPassword("ada@example.org", "wrong", a.code()) }
		for range accountFree {
			want(t, "free", fail(), fault.SignIn)
		}
		h.sees("user/ada", "user.locked")
		want(t, "locked", fail(), fault.Unavailable)
		err := h.browser().byPassword("ada@example.org", phrase, a.code())
		want(t, "the right password while locked", err, fault.Unavailable)
		if err != nil && !strings.Contains(err.Error(), "in a minute") {
			t.Errorf("got %v", err)
		}
		n := len(h.actions("user/ada"))
		again := open(t, h.db, h.dir, h.clock, "")
		again.ada = h.ada
		want(t, "after a restart", again.browser().byPassword("ada@example.org", phrase, a.code()), fault.Unavailable)
		if len(h.actions("user/ada")) != n {
			t.Error("tries that were not judged fill the ledger")
		}
		h.clock.pass(accountWait)
		want(t, "one more failure", fail(), fault.SignIn)
		h.clock.pass(accountWait)
		want(t, "the wait doubled", fail(), fault.Unavailable)
		h.clock.pass(accountWait)
		if err := h.browser().byPassword("ada@example.org", phrase, a.code()); err != nil {
			t.Fatal(err)
		}
		want(t, "a success forgives", fail(), fault.SignIn)
		if err := h.browser().byLink(h.link("ada")); err != nil {
			t.Error("a locked password locks the link:", err)
		}
	})
}

func TestManyTriesAtOnceGainNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.signIn("ada").enrol()
		var wg sync.WaitGroup
		errs := make([]error, 3*accountFree)
		for i := range errs {
			wg.Go(func() { errs[i] = h.browser().byPassword("ada@example.org", "wrong", "000000") })
		}
		wg.Wait()
		judged := 0
		for _, err := range errs {
			if fault.Is(err, fault.SignIn) {
				judged++
			}
		}
		if judged != accountFree {
			t.Errorf("%d of %d tries were judged", judged, len(errs))
		}
	})
}

// Not a measurement of time: the steps taken for an unknown address are those for a known one.
func TestUnknownUserTakesTheSameSteps(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.signIn("ada").enrol()
		h.add("bob", Viewer) // has no password
		h.add("carl", Viewer)
		if _, err := h.SetDisabled(t.Context(), h.local(), "carl", true, "left"); err != nil {
			t.Fatal(err)
		}
		entries := func() int64 {
			n, err := store.One[int64](t.Context(), h.db, "SELECT count(*) FROM entry")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		var first string
		for _, email := range []string{"ada@example.org", "nobody@example.org", "bob@example.org", "carl@example.org", "", strings.Repeat("x", 100_000)} {
			c, _, err := h.credentials(t.Context(), email)
			if err != nil {
				t.Fatal(err)
			}
			if cost := strings.Split(c.Hash, "$"); cost[3] != fmt.Sprintf("m=%d,t=%d,p=%d", hashMemory, hashPasses, hashLanes) {
				t.Errorf("%.20s is compared at the cost %s", email, cost[3])
			}
			if _, err := h.keys.Open(totpPlace(c.sealed), c.TOTP); err != nil {
				t.Errorf("%.20s has no code to compare: %v", email, err)
			}
			before := entries()
			for i := range accountFree + 1 {
				err := h.browser().byPassword(email, "wrong", "000000")
				answer := fmt.Sprint(i, fault.KindOf(err), err)
				if i == accountFree {
					want(t, "locked", err, fault.Unavailable)
				}
				if email == "ada@example.org" {
					first += answer
				} else if !strings.Contains(first, answer) {
					t.Errorf("%.20s: %s", email, answer)
				}
			}
			if n := entries() - before; n != accountFree+1 {
				t.Errorf("%.20s wrote %d entries", email, n)
			}
			h.clock.pass(2 * forgiven)
		}
	})
}

func TestPasswordsThatAreRefused(t *testing.T) {
	u := User{Key: "ada", Name: "Ada Byron-Example", Email: "ada.byron@analytical.example.org"}
	for _, p := range []string{
		"", "short", "elevenchars", "aaaaaaaaaaaa", "abababababab", "123456789012", "1234567890123456", "password1234", "Password1234!", "PASSWORDPASSWORD",
		"qwertyuiop12", "passwordqwerty", "Welcome2026!!", "letmein123456", "adaadaadaada", "ada.byron@analytical.example.org", "AdaByronExample", "byron-analytical",
		"Ada Byron-Example", "ada.byron.2026", "abcdefghijklm", "111111111111", "admin@123456", "iloveyou1234", "           x", "p@ssw0rdp@ssw0rd", "pass\x00word is here ok", "bad \xff bytes in here",
		strings.Repeat("long words ", 100), "Summer2026!!!", "changemechangeme", "qwertyqwerty", "１２３４５６７８９０１２", "Tickmark2026!",
	} {
		if err := acceptable(p, u); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", p, err)
		}
	}
	for _, p := range []string{phrase, "correct horse battery staple", "tr0ub4dor&3-zxq", "Grüße aus Köln 7", "ночь улица фонарь", "739281640572", "kH8$wq2LpZ!x", "my ada sings loud tunes", "ふるいけやかわずとびこむみずのおと"} {
		if err := acceptable(p, u); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestPasswordHashStatesItsCost(t *testing.T) {
	atShippedCost(t)
	g := &Gate{hashing: make(chan struct{}, 2)}
	h, err := g.hashPassword(t.Context(), phrase)
	if err != nil || !strings.HasPrefix(h, "$argon2id$v=19$m=47104,t=2,p=1$") {
		t.Fatal(h, err)
	}
	other, _ := g.hashPassword(t.Context(), phrase)
	if other == h {
		t.Error("no salt")
	}
	for p, ok := range map[string]bool{phrase: true, phrase + " ": false, "": false, strings.ToUpper(phrase): false} {
		if got, stale, err := g.checkPassword(t.Context(), h, p); got != ok || stale || err != nil {
			t.Errorf("%q: %v %v %v", p, got, stale, err)
		}
	}
	composed, _ := g.hashPassword(t.Context(), "caf\u00e9 au lait chaud")
	if ok, _, _ := g.checkPassword(t.Context(), composed, "cafe\u0301 au lait chaud"); !ok {
		t.Error("the same letters typed on another keyboard are refused")
	}
	// argon2id of "password" with salt "somesaltsomesalt", m=64, t=1, p=1: cheaper than ours, still opens.
	key, _ := g.derive(t.Context(), "password", []byte("somesaltsomesalt"), 1, 64, 1, 32)
	weak := fmt.Sprintf("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$%s", b64(key))
	if ok, stale, err := g.checkPassword(t.Context(), weak, "password"); !ok || !stale || err != nil {
		t.Errorf("an older cost: %v %v %v", ok, stale, err)
	}
	for _, bad := range []string{"", "$argon2id$", strings.Replace(h, "argon2id", "argon2i", 1), strings.Replace(h, "v=19", "v=16", 1), strings.Replace(h, "m=47104", "m=4710400000", 1),
		strings.Replace(h, "t=2", "t=0", 1), strings.Replace(h, "p=1", "p=0", 1), h[:strings.LastIndex(h, "$")+1], h[:len(h)-2] + "!!"} {
		if ok, _, err := g.checkPassword(t.Context(), bad, phrase); ok || err == nil {
			t.Errorf("%q: %v %v", bad, ok, err)
		}
	}
}

func TestCheaperHashIsRenewedAtSignIn(t *testing.T) {
	atShippedCost(t)
	each(t, func(t *testing.T, h *house) {
		a, _ := h.signIn("ada").enrol()
		key, _ := h.derive(t.Context(), phrase, []byte("somesaltsomesalt"), 1, 64, 1, 32)
		weak := "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + b64(key)
		err := h.db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE password SET hash = $1", weak)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.browser().byPassword("ada@example.org", phrase, a.code()); err != nil {
			t.Fatal(err)
		}
		if dump := h.dump("password"); strings.Contains(dump, "m=64,") || !strings.Contains(dump, "m=47104,") {
			t.Error("the hash stayed cheap")
		}
	})
}

func TestPasswordSecretsAreNowhereInTheClear(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var log strings.Builder
		old := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		defer slog.SetDefault(old)
		b := h.signIn("ada")
		a, codes := b.enrol()
		wrong := "not the right phrase"
		attempt := Attempt{Email: "ada@example.org", Password: secret.Of(wrong), Code: secret.Of(codes[0]), Address: "192.0.2.1"}
		err := b.byPassword(attempt.Email, wrong, codes[0])
		typo := b.byPassword(phrase, phrase, a.code()) // the password in the wrong field
		fmt.Fprintf(&log, "%v %+v %#v %v %+v %v", attempt, attempt, attempt, err, err, typo)
		fmt.Fprintf(&log, "%v %+v", h.Gate, Enrolment{Secret: secret.Of(a.seed)})
		for _, table := range []string{"password", "recovery_code", "sign_in_attempt", "action", "session", "version"} {
			log.WriteString(h.dump(table))
		}
		for _, s := range []string{phrase, wrong, a.seed, codes[0], strings.ReplaceAll(codes[0], "-", ""), b.token()} {
			for _, s := range spellings(s) {
				if strings.Contains(log.String(), s) {
					t.Errorf("%q is there in the clear", s)
				}
			}
		}
	})
}

func TestResetTakesEverythingAway(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add("bob", Viewer)
		b := h.signIn("bob")
		a, codes := b.enrol()
		want(t, "no reason", h.Reset(t.Context(), h.local(), "bob", ""), fault.Invalid)
		if err := h.Reset(t.Context(), h.local(), "bob", "lost the phone"); err != nil {
			t.Fatal(err)
		}
		if b.who() != "" {
			t.Error("the session lives")
		}
		want(t, "code", h.browser().byPassword("bob@example.org", phrase, a.code()), fault.SignIn)
		want(t, "recovery", h.browser().byPassword("bob@example.org", phrase, codes[0]), fault.SignIn)
		h.sees("user/bob", "user.reset")
	})
}

func TestLastWayInStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.signIn("ada")
		a, _ := b.enrol()
		b.visit(func(ctx context.Context) { want(t, "removing it", h.RemovePassword(ctx), fault.Conflict) })
		if err := h.browser().byPassword("ada@example.org", phrase, a.code()); err != nil {
			t.Error(err)
		}
	})
}

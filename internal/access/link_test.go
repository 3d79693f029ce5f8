package access

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

func TestLinkSignsInOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token := h.link("ada")
		for range 2 {
			if u, err := h.PeekLink(t.Context(), token); err != nil || u.Key != "ada" {
				t.Fatal("looking at the link used it up:", err)
			}
		}
		b := h.browser()
		if err := b.byLink(token); err != nil {
			t.Fatal(err)
		}
		b.visit(func(ctx context.Context) {
			if s, ok := FromContext(ctx); !ok || s.User.Key != "ada" || s.Method != ByLink || !s.Unenrolled {
				t.Errorf("got %+v", s)
			}
		})
		again := h.browser()
		want(t, "used again", again.byLink(token), fault.SignIn)
		if again.who() != "" {
			t.Error("signed in by a used link")
		}
		_, err := h.PeekLink(t.Context(), token)
		want(t, "looked at again", err, fault.SignIn)
		for _, verb := range []string{"link.made", "user.signed_in", "user.sign_in_refused"} {
			h.sees("user/ada", verb)
		}
	})
}

func TestLinkExpires(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token := h.link("ada")
		h.clock.pass(24*time.Hour - time.Second)
		if _, err := h.PeekLink(t.Context(), token); err != nil {
			t.Error(err)
		}
		h.clock.pass(time.Second)
		want(t, "after a day", h.browser().byLink(token), fault.SignIn)
	})
}

func TestNewLinkReplacesTheOldOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		old := h.link("ada")
		fresh := h.link("ada")
		want(t, "the old link", h.browser().byLink(old), fault.SignIn)
		if err := h.browser().byLink(fresh); err != nil {
			t.Error(err)
		}
	})
}

func TestLinkUsedByManyAtOnceSignsInOne(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token := h.link("ada")
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() { errs[i] = h.browser().byLink(token) })
		}
		wg.Wait()
		in := 0
		for _, err := range errs {
			if err == nil {
				in++
			} else {
				want(t, "loser", err, fault.SignIn)
			}
		}
		if in != 1 {
			t.Errorf("%d signed in by one link", in)
		}
	})
}

func TestLinkIsKeptOnlyAsHash(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		token := h.link("ada")
		if len(token) < 52 {
			t.Errorf("%d letters of base32 are fewer than 256 bits", len(token))
		}
		for _, s := range spellings(token) {
			if strings.Contains(h.dump("sign_in_link")+h.dump("action"), s) {
				t.Error("the database holds the token")
			}
		}
		hash, err := store.One[[]byte](t.Context(), h.db, "SELECT hash FROM sign_in_link")
		if err != nil {
			t.Fatal(err)
		}
		want(t, "the hash as a link", h.browser().byLink(fmt.Sprintf("%x", hash)), fault.SignIn)
		want(t, "raw hash", h.browser().byLink(string(hash)), fault.SignIn)
		want(t, "nothing", h.browser().byLink(""), fault.SignIn)
	})
}

func TestGuessingLinksIsLimitedByAddress(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		for range addressFree {
			want(t, "guess", b.byLink("guess"), fault.SignIn)
		}
		token := h.link("ada")
		want(t, "once too often", b.byLink(token), fault.Unavailable)
		before := h.actions("")
		want(t, "still", b.byLink(token), fault.Unavailable)
		if len(h.actions("")) != len(before) {
			t.Error("a try that was not judged fills the ledger")
		}
		h.clock.pass(addressWait)
		if err := b.byLink(token); err != nil {
			t.Error(err)
		}
	})
}

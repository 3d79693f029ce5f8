package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// till is a service of which what may be read depends on the secret.
func till(began chan<- bool) connector.Connector {
	return connector.Connector{Name: "till", Title: "Till", Help: "Reads a till.", Kinds: []record.Kind{{Name: "git_commit"}, {Name: "git_tag"}},
		Settings: []connector.Setting{{Name: "shop", Required: true}, {Name: "token", Title: "Token", Required: true, Secret: true}},
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			out.Progress("git_commit", 3, 9)
			switch token := v["token"]; {
			case strings.HasPrefix(token, "slow"):
				began <- true
				<-ctx.Done()
				return ctx.Err()
			case strings.HasPrefix(token, "good"):
				out.Complete("git_commit", "")
				out.Complete("git_tag", "")
			case strings.HasPrefix(token, "half"):
				out.Complete("git_commit", "")
				out.Missing(connector.Gap{Kind: "git_tag", Denied: true, Reason: "The till refused it to " + token + ".", Needs: "till:tags:read"})
			default:
				for _, kind := range []string{"git_commit", "git_tag"} {
					out.Missing(connector.Gap{Kind: kind, Denied: true, Reason: "The till does not know it.", Needs: "till:read"})
				}
			}
			return nil
		}}
}

func TestASourceIsTriedAndGetsANewSecretOnItsPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	began := make(chan bool, 1)
	w.Collect.Connectors = append(w.Collect.Connectors, till(began))
	w.signIn(t)
	says := func(page string, words ...string) {
		t.Helper()
		for _, x := range words {
			if !strings.Contains(plainText(page), x) && !strings.Contains(page, x) {
				t.Errorf("does not say %q: %s", x, plainText(page))
			}
		}
	}
	entries := func() int64 {
		t.Helper()
		h, err := w.Log.Head(t.Context(), w.DB)
		if err != nil {
			t.Fatal(err)
		}
		return h.Size
	}
	outcome := func() string {
		t.Helper()
		s, err := w.Collect.Run(t.Context(), "till", nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.Outcome
	}
	last := func() (string, *trial) { return w.lastTrial(t) }

	// Before it is saved.
	before := entries()
	form := url.Values{"_name": {"till"}, "_every": {"6h"}, "set.shop": {"acme"}, "set.token": {"half-secret-1"}, "_do": {"try"}}
	status, page := w.post(t, "/connect/till", form)
	if status != 200 || strings.Contains(page, "half-secret-1") {
		t.Fatalf("tried before it is saved: %d %s", status, plainText(page))
	}
	says(page, "1 of what is in scope cannot be read", "Denied", "till:tags:read", "Connect all the same", "Nothing was written")
	if n := entries(); n != before {
		t.Errorf("the test wrote %d entries", n-before)
	}
	if _, err := w.Collect.Connection(t.Context(), "till"); err == nil {
		t.Error("the test set it up")
	}
	id, _ := last()
	if status, page = w.get(t, "/connect/till?trial="+id); status != 200 || !strings.Contains(page, `value="acme"`) || !strings.Contains(page, `value="till"`) || strings.Contains(page, "half-secret-1") {
		t.Errorf("back at the form: %d %s", status, plainText(page))
	}
	form.Set("set.shop", "")
	if status, page = w.post(t, "/connect/till", form); status != http.StatusUnprocessableEntity || !strings.Contains(plainText(page), "needs the setting shop") {
		t.Errorf("tried without what it needs: %d %s", status, plainText(page))
	}
	form.Set("set.shop", "acme")
	form.Set("set.token", "good-secret-1")
	_, page = w.post(t, "/connect/till", form)
	says(page, "Everything in scope can be read", "Connect and read")
	id, _ = last()
	if status, page = w.post(t, "/trials/"+id+"/keep", nil); status != 200 {
		t.Fatalf("kept: %d %s", status, plainText(page))
	}
	says(page, "till is set up", "A run is asked for", "New secret", "Try it")
	if got := outcome(); got != collect.Complete {
		t.Fatalf("the run is %s", got)
	}
	if status, _ = w.get(t, "/trials/"+id); status != http.StatusNotFound {
		t.Errorf("after it was kept the trial is shown: %d", status)
	}

	// As it is set up.
	before = entries()
	_, page = w.post(t, "/sources/till/try", nil)
	says(page, "Everything in scope can be read", "Try again")
	if n := entries(); n != before {
		t.Errorf("the test wrote %d entries", n-before)
	}

	// Other settings with what is sealed.
	status, page = w.post(t, "/sources/till/edit", url.Values{"_every": {"6h"}, "set.shop": {"elsewhere"}, "_do": {"try"}})
	if status != http.StatusUnprocessableEntity || !strings.Contains(page, "is not sent anywhere else") {
		t.Errorf("what is sealed is tried elsewhere: %d %s", status, plainText(page))
	}

	// A new secret.
	if status, page = w.get(t, "/sources/till/secret"); status != 200 || !strings.Contains(page, `type="password"`) {
		t.Errorf("the form: %d %s", status, plainText(page))
	}
	if status, page = w.post(t, "/sources/till/secret", url.Values{"set.token": {" "}}); status != http.StatusUnprocessableEntity {
		t.Errorf("no secret: %d %s", status, plainText(page))
	}
	for secret, why := range map[string]string{"bad-secret-2": "nothing can be read", "half-secret-2": "git_tag cannot be read"} {
		_, page = w.post(t, "/sources/till/secret", url.Values{"set.token": {secret}})
		says(page, "The old secret stays", why, "Put it in all the same")
		if strings.Contains(page, secret) {
			t.Error("the page shows the secret")
		}
		if got := outcome(); got != collect.Complete {
			t.Errorf("after %s the run is %s", secret, got)
		}
	}
	_, page = w.post(t, "/sources/till/secret", url.Values{"set.token": {"good-secret-2"}})
	says(page, "The new secret is in place")
	if id, _ = last(); w.trials(t)[id].secrets != nil {
		t.Error("the secret is kept in memory after it was sealed")
	}
	if status, _ = w.post(t, "/trials/"+id+"/keep", url.Values{"_reason": {"again"}}); status != http.StatusConflict {
		t.Errorf("what is in place is put in again: %d", status)
	}
	w.post(t, "/sources/till/secret", url.Values{"set.token": {"half-secret-3"}})
	id, _ = last()
	if status, _ = w.post(t, "/trials/"+id+"/keep", nil); status != http.StatusUnprocessableEntity {
		t.Errorf("put in untested without a reason: %d", status)
	}
	if got := outcome(); got != collect.Complete {
		t.Errorf("without a reason it was put in: the run is %s", got)
	}

	// Others.
	other := w.seenBy(t, "olga", access.Owner)
	viewer := w.seenBy(t, "victor", access.Viewer)
	for _, path := range []string{"/trials/" + id + "/keep", "/trials/" + id + "/stop"} {
		if status, _ := other.post(t, path, url.Values{"_reason": {"because"}}); status != http.StatusNotFound {
			t.Errorf("another's %s answers %d", path, status)
		}
	}
	for _, path := range []string{"/sources/till/try", "/sources/till/secret", "/trials/" + id + "/keep"} {
		if status, _ := viewer.post(t, path, url.Values{"set.token": {"good"}, "_reason": {"because"}}); status != http.StatusForbidden {
			t.Errorf("a viewer's %s answers %d", path, status)
		}
	}
	if status, _ := viewer.get(t, "/sources/till/secret"); status != http.StatusForbidden {
		t.Errorf("a viewer sees the form of a new secret: %d", status)
	}
	if status, page = w.post(t, "/trials/"+id+"/keep", url.Values{"_reason": {"the service is moved"}}); status != 200 || !strings.Contains(page, "untested") {
		t.Errorf("put in for a reason: %d %s", status, plainText(page))
	}
	if got := outcome(); got != collect.Incomplete {
		t.Errorf("with what was put in untested the run is %s", got)
	}

	// One that takes long is stopped; the old secret stays.
	var wg sync.WaitGroup
	wg.Go(func() { w.post(t, "/sources/till/secret", url.Values{"set.token": {"slow-secret-4"}}) })
	select {
	case <-began:
	case <-time.After(10 * time.Second):
		t.Fatal("it did not begin")
	}
	id, _ = last()
	_, page = w.get(t, "/trials/"+id)
	says(page, "The test is under way", "3 of 9", "/trials/"+id+"/stop")
	if status, _ = w.post(t, "/trials/"+id+"/keep", url.Values{"_reason": {"I cannot wait"}}); status != http.StatusConflict {
		t.Errorf("what is under way is put in: %d", status)
	}
	w.post(t, "/trials/"+id+"/stop", nil)
	wg.Wait()
	_, page = w.get(t, "/trials/"+id)
	says(page, "The old secret stays", "stopped before it ended")
	if got := outcome(); got != collect.Incomplete {
		t.Errorf("after it was stopped the run is %s", got)
	}
	if status, page = w.post(t, "/sources/git/try", nil); status != 200 {
		t.Errorf("a source of the machine itself: %d %s", status, plainText(page))
	}
	if status, _ = w.get(t, "/sources/git/secret"); status != http.StatusNotFound {
		t.Errorf("a new secret for what has none: %d", status)
	}
}

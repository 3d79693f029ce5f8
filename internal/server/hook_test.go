package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

func TestAServiceThatSaysSomethingChangedIsReadAtOnce(t *testing.T) {
	w := open(t, workspace.Options{Data: t.TempDir()})
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reading, goOn := make(chan struct{}, 10), make(chan struct{}, 10)
	w.Collect.Connectors = []connector.Connector{
		{Name: "shop", Title: "Shop", Kinds: []record.Kind{{Name: "git_commit"}}, Hook: connector.SignedHook("X-Shop-Signature", "sha256=", "Enter it there."),
			Read: func(ctx context.Context, _ connector.Values, _ connector.Sink) error {
				reading <- struct{}{}
				select {
				case <-goOn:
				case <-ctx.Done():
				}
				return ctx.Err()
			}},
		{Name: "mute", Title: "Mute", Kinds: []record.Kind{{Name: "git_tag"}}},
		{Name: "okta", Title: "Okta", Kinds: []record.Kind{{Name: "git_branch"}}, Hook: connector.OktaHook("Enter it there.")},
	}
	for _, name := range []string{"shop", "mute", "okta"} {
		if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: name, Connector: name, Every: "24h"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := working(t, w)
	s.hooks.apart = 0
	h, err := s.handler()
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, path, body string, header ...string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		return rec.Code, rec.Body.String()
	}
	sign := func(secret, body string) string {
		mac := hmac.New(sha256.New, []byte(secret))
		io.WriteString(mac, body)
		return "sha256=" + hex.EncodeToString(mac.Sum(nil))
	}

	if status, said := send("POST", "/hooks/shop", "{}", "X-Shop-Signature", sign("", "{}")); status != http.StatusNotFound {
		t.Errorf("before it is opened: %d %s", status, said)
	}
	if _, err := w.Collect.OpenHook(t.Context(), me, "mute"); err == nil {
		t.Error("a service that tells nothing has a hook")
	}
	key, err := w.Collect.OpenHook(t.Context(), me, "shop")
	if err != nil {
		t.Fatal(err)
	}
	absent, _ := send("POST", "/hooks/nowhere", "{}")
	silent, _ := send("POST", "/hooks/mute", "{}")
	if absent != http.StatusNotFound || silent != http.StatusNotFound {
		t.Errorf("what is not there answers %d, what has none %d", absent, silent)
	}
	for what, signature := range map[string]string{"none": "", "another body's": sign(key, "{ }"), "another key's": sign("guess", "{}"), "not hex": "sha256=zz", "no prefix": strings.TrimPrefix(sign(key, "{}"), "sha256=")} {
		if status, said := send("POST", "/hooks/shop", "{}", "X-Shop-Signature", signature); status != http.StatusUnauthorized || strings.Contains(said, key) {
			t.Errorf("signature %s: %d %s", what, status, said)
		}
	}
	if status, _ := send("POST", "/hooks/shop", string(bytes.Repeat([]byte(" "), hookLimit+1)), "X-Shop-Signature", sign(key, "{}")); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a message of over 25 MB answers %d", status)
	}
	if n := len(jobs(t, s)); n != 0 {
		t.Fatalf("%d runs were asked for by who does not know the secret", n)
	}

	tell := func() {
		t.Helper()
		if status, said := send("POST", "/hooks/shop", `{"changed":1}`, "X-Shop-Signature", sign(key, `{"changed":1}`)); status != http.StatusAccepted {
			t.Fatalf("a message: %d %s", status, said)
		}
	}
	begins := func(what string) {
		t.Helper()
		select {
		case <-reading:
		case <-time.After(2 * time.Minute):
			t.Fatalf("%s: no run begins: %+v", what, jobs(t, s))
		}
	}
	tell()
	begins("the first message")
	for range 5 { // while it is read
		tell()
	}
	goOn <- struct{}{}
	begins("messages while it was read")
	goOn <- struct{}{}
	idle(t, s)
	s.under.Wait()
	if runs, err := w.Collect.LastRuns(t.Context(), "shop", 10); err != nil || len(runs) != 2 {
		t.Errorf("six messages made %d runs, %v", len(runs), err)
	}

	old := key
	if key, err = w.Collect.OpenHook(t.Context(), me, "shop"); err != nil || key == old {
		t.Fatal("the secret is not made anew", err)
	}
	if status, _ := send("POST", "/hooks/shop", "{}", "X-Shop-Signature", sign(old, "{}")); status != http.StatusUnauthorized {
		t.Errorf("the secret of before answers %d", status)
	}
	if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: "shop", Connector: "shop", Every: "12h", Paused: true}, nil); err != nil {
		t.Fatal(err)
	}
	tell() // taken, and nothing done: it is paused
	s.under.Wait()
	if runs, _ := w.Collect.LastRuns(t.Context(), "shop", 10); len(runs) != 2 {
		t.Errorf("a paused connection was read")
	}
	if err := w.Collect.CloseHook(t.Context(), me, "shop"); err != nil {
		t.Fatal(err)
	}
	if status, _ := send("POST", "/hooks/shop", "{}", "X-Shop-Signature", sign(key, "{}")); status != http.StatusNotFound {
		t.Errorf("after it is closed: %d", status)
	}

	if key, err = w.Collect.OpenHook(t.Context(), me, "okta"); err != nil {
		t.Fatal(err)
	}
	if status, said := send("GET", "/hooks/okta", "", "Authorization", key, "X-Okta-Verification-Challenge", `a"b`); status != 200 || said != `{"verification":"a\"b"}` {
		t.Errorf("the challenge: %d %s", status, said)
	}
	if status, _ := send("GET", "/hooks/okta", "", "X-Okta-Verification-Challenge", "x"); status != http.StatusUnauthorized {
		t.Errorf("a challenge without the secret: %d", status)
	}
}

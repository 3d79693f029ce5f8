package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tickmark/internal/access"
	"tickmark/internal/connector"
	"tickmark/internal/record"
)

func TestASourceIsConnectedChangedAndRemovedOnItsPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var given connector.Values
	w.Collect.Connectors = append(w.Collect.Connectors, connector.Connector{Name: "shop", Title: "Shop", Help: "Reads a shop.", Hook: connector.SharedHook("X-Shop", "Enter both in the shop."), Kinds: []record.Kind{{Name: "git_commit"}},
		Settings: []connector.Setting{{Name: "organisation", Required: true}, {Name: "token", Required: true, Secret: true}},
		Read:     func(_ context.Context, v connector.Values, out connector.Sink) error { given = v; return nil }})
	w.signIn(t)
	const hidden = "hunter2-of-the-shop"

	if status, page := w.get(t, "/connect"); status != 200 || !strings.Contains(page, `href="/connect/shop"`) || strings.Contains(page, "/connect/demo") {
		t.Fatalf("what can be connected: %d %s", status, plainText(page))
	}
	if status, page := w.get(t, "/connect/shop"); status != 200 || !strings.Contains(page, `type="password"`) {
		t.Fatalf("the form: %d %s", status, plainText(page))
	}
	form := url.Values{"_name": {"till"}, "_every": {"6h"}, "set.organisation": {"acme"}}
	status, page := w.post(t, "/connect/shop", form)
	if status != http.StatusUnprocessableEntity || !strings.Contains(plainText(page), "needs the secret token") || !strings.Contains(page, `value="acme"`) {
		t.Errorf("without its secret: %d %s", status, plainText(page))
	}
	form.Set("set.token", hidden)
	if status, page = w.post(t, "/connect/shop", form); status != 200 || !strings.Contains(plainText(page), "Sealed, never shown") {
		t.Fatalf("set up: %d %s", status, plainText(page))
	}
	if status, page = w.post(t, "/connect/shop", form); status != http.StatusConflict || strings.Contains(page, hidden) {
		t.Errorf("a second of that name: %d %s", status, plainText(page))
	}
	if status, page = w.get(t, "/sources/till/edit"); status != 200 || !strings.Contains(page, `value="acme"`) || strings.Contains(page, hidden) {
		t.Errorf("the form to change it: %d %s", status, plainText(page))
	}
	if status, page = w.post(t, "/sources/till/edit", url.Values{"_every": {"1h"}, "set.organisation": {"other"}, "set.token": {""}}); status != 200 {
		t.Fatalf("changed: %d %s", status, plainText(page))
	}
	if _, err := w.Collect.Run(t.Context(), "till", nil); err != nil {
		t.Fatal(err)
	}
	if given["organisation"] != "other" || given["token"] != hidden {
		t.Errorf("it was read with %v", given)
	}
	if conn, err := w.Collect.Connection(t.Context(), "till"); err != nil || conn.Every != "1h" || conn.Title == "" {
		t.Errorf("it is %+v, %v", conn, err)
	}

	if status, page = w.get(t, "/sources/till"); status != 200 || !strings.Contains(page, "Take its messages") || strings.Contains(page, "shown only now") {
		t.Errorf("before its messages are taken: %s", plainText(page))
	}
	if status, page = w.post(t, "/sources/till/webhook", url.Values{}); status != 200 || !strings.Contains(page, "shown only now") || !strings.Contains(page, "/hooks/till") {
		t.Errorf("the secret of its messages: %d %s", status, plainText(page))
	}
	if status, page = w.get(t, "/sources/till"); status != 200 || !strings.Contains(page, "Make a new secret") || strings.Contains(page, "shown only now") {
		t.Errorf("afterwards: %s", plainText(page))
	}
	if status, page = w.post(t, "/sources/till/webhook", url.Values{"off": {"true"}}); status != 200 || !strings.Contains(page, "Take its messages") {
		t.Errorf("messages ended: %d %s", status, plainText(page))
	}

	if status, page = w.post(t, "/connect/git", url.Values{"_name": {"code"}, "set.path": {"/"}}); status != http.StatusForbidden {
		t.Errorf("what reads the server's own files answers %d: %s", status, plainText(page))
	}
	if status, page = w.get(t, "/connect/git"); status != 200 || strings.Contains(page, `name="set.path"`) || !strings.Contains(page, "tickmark connect add git --set path=PATH") {
		t.Errorf("what reads the server's own files is offered as %s", plainText(page))
	}

	reader := w.seenBy(t, "reader", access.Viewer)
	for _, path := range []string{"/connect", "/connect/shop", "/sources/till/edit"} {
		if status, _ := reader.get(t, path); status != http.StatusForbidden {
			t.Errorf("a reader's %s answers %d", path, status)
		}
	}
	for _, path := range []string{"/connect/shop", "/sources/till/edit", "/sources/till/remove", "/sources/till/webhook"} {
		if status, _ := reader.post(t, path, url.Values{"_name": {"x"}, "_reason": {"because"}, "set.organisation": {"a"}, "set.token": {"b"}}); status != http.StatusForbidden {
			t.Errorf("a reader's %s answers %d", path, status)
		}
	}
	if _, page := reader.get(t, "/sources/till"); strings.Contains(page, "/sources/till/edit") || strings.Contains(page, "/sources/till/remove") {
		t.Error("a reader is offered to change it")
	}

	if status, _ = w.post(t, "/sources/till/remove", url.Values{}); status != http.StatusUnprocessableEntity {
		t.Errorf("removed without a reason: %d", status)
	}
	if status, page = w.post(t, "/sources/till/remove", url.Values{"_reason": {"the shop is sold"}}); status != 200 {
		t.Errorf("removed: %d %s", status, plainText(page))
	}
	if _, err := w.Collect.Connection(t.Context(), "till"); err == nil {
		t.Error("it is still there")
	}
}

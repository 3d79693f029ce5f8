package web

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"tickmark/internal/access"
)

// seenBy signs another user in, of these roles, and returns the same world seen by them.
func (w *world) seenBy(t *testing.T, key string, roles ...access.Role) *world {
	t.Helper()
	if _, err := w.Gate.CreateUser(t.Context(), w.by, access.NewUser{Key: key, Name: key, Email: key + "@example.org", Roles: roles}); err != nil {
		t.Fatal(err)
	}
	link, err := w.Gate.Link(t.Context(), w.by, key)
	if err != nil {
		t.Fatal(err)
	}
	other := *w
	jar, _ := cookiejar.New(nil)
	other.http = &http.Client{Jar: jar}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := other.post(t, "/sign-in/link", url.Values{"token": {u.Query().Get("token")}}); status != http.StatusOK {
		t.Fatalf("%s signs in with %d", key, status)
	}
	return &other
}

// entries are the addresses of the sidebar.
func entries(t *testing.T, page string) []string {
	t.Helper()
	var out []string
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if n.Data != "a" || n.Parent == nil || n.Parent.Data != "li" {
			return
		}
		for p := n.Parent; p != nil; p = p.Parent {
			for _, x := range p.Attr {
				if x.Key == "id" && x.Val == "side" {
					out = append(out, a["href"])
					return
				}
			}
		}
	})
	return out
}

func TestEachRoleLandsWhereItsWorkIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	whole := entries(t, func() string { _, p := w.get(t, "/criteria"); return p }())
	for _, c := range []struct {
		role  access.Role
		lands string
		side  int // entries of the sidebar; -1: all
	}{{access.Employee, "/me", 0}, {access.Engineer, "/work", len(ofEngineers)}, {access.Auditor, "/", -1}, {access.Viewer, "/", -1}, {access.Lead, "/", -1}} {
		other := w.seenBy(t, string(c.role), c.role)
		r, err := other.http.Get(w.URL + "/")
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK || r.Request.URL.Path != c.lands {
			t.Errorf("%s lands on %s with %d, not on %s", c.role, r.Request.URL.Path, r.StatusCode, c.lands)
		}
		_, page := other.get(t, c.lands)
		want := c.side
		if want < 0 {
			want = len(whole)
		}
		if c.role == access.Auditor {
			want++ // the engagements, which management does not see
		}
		if got := entries(t, page); len(got) != want {
			t.Errorf("%s has %d entries in the sidebar, not %d: %v", c.role, len(got), want, got)
		}
		for _, href := range entries(t, page) {
			if status, _ := other.get(t, href); status != http.StatusOK {
				t.Errorf("%s is led to %s, which answers %d", c.role, href, status)
			}
		}
	}
}

func TestAnAuditorReadsAndIsToldWhoActs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "task", "t1", map[string]any{"title": "Write it down", "sort": "document"})
	other := w.seenBy(t, "auditor", access.Auditor)
	_, page := other.get(t, "/records/task/t1")
	said := plainText(page)
	if !strings.Contains(said, "As auditor you can't act tasks") && !strings.Contains(said, "As auditor you can't") || !strings.Contains(said, "Can do it: ") {
		t.Errorf("it does not say why and who: %s", said)
	}
	if strings.Contains(page, "/move/") || strings.Contains(page, "/records/task/t1/edit") {
		t.Error("an auditor is offered to change something")
	}
	if status, _ := other.post(t, "/records/task/t1/move/start", nil); status != http.StatusForbidden {
		t.Errorf("acting answers %d", status)
	}
	for _, path := range []string{"/bulk/task", "/import/person", "/people/unresolved", "/settings/checks/HOST-01", "/settings/me/person"} {
		if status, _ := other.post(t, path, url.Values{"row": {"2026-01-01T00:00:00Z t1"}, "do": {"assign"}, "owner": {"ada"}, "reason": {"x"}, "account": {"root"}, "person": {"ada"}}); status == http.StatusOK {
			t.Errorf("posting to %s answers %d", path, status)
		}
	}
}

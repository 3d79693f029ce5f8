package api_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/api"
)

// filled is an operation's path with something in place of its parameters.
func filled(op operation) string {
	var out []string
	for s := range strings.SplitSeq(op.path, "/") {
		if strings.HasPrefix(s, "{") {
			s = "x"
		}
		out = append(out, s)
	}
	return strings.Join(out, "/")
}

func TestNobodyIsAnsweredAnything(t *testing.T) {
	f := open(t, sqlite(t))
	f.load()
	if len(f.ops) < 300 {
		t.Fatalf("the document has only %d operations", len(f.ops))
	}
	ctx := context.Background()
	u, err := f.gate.CreateUser(ctx, f.owner, access.NewUser{Key: "gone", Name: "Gone", Email: "gone@example.org", Roles: []access.Role{access.Viewer}})
	if err != nil {
		t.Fatal(err)
	}
	disabled := f.newToken(u.Key, access.ScopeRead)
	if _, err := f.gate.SetDisabled(ctx, f.owner, u.Key, true, "left"); err != nil {
		t.Fatal(err)
	}
	revoked, rt, err := f.gate.NewToken(ctx, f.owner, access.TokenRequest{User: "olga", Name: "old", Scope: access.ScopeWrite})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.gate.RevokeToken(ctx, f.owner, rt.ID); err != nil {
		t.Fatal(err)
	}
	expired, _, err := f.gate.NewToken(ctx, f.owner, access.TokenRequest{User: "olga", Name: "short", Scope: access.ScopeWrite, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	clock := f.book.Log.Clock
	f.book.Log.Clock = func() time.Time { return clock().Add(2 * time.Hour) }
	paths := []struct{ method, path string }{{"GET", "/api/openapi.json"}, {"GET", "/api/openapi.yaml"}, {"GET", "/api/reference"}, {"GET", "/api/v1/nothing"}, {"GET", "/api/v1/records/nothing/x"}, {"TRACE", "/api/v1/me"}}
	for _, op := range f.ops {
		paths = append(paths, struct{ method, path string }{op.method, filled(op)})
	}
	for i, p := range paths {
		heads := []string{""}
		if i < 20 || i%25 == 0 {
			heads = append(heads, "Bearer ", "Bearer nonsense", "Basic b2xnYTpvbGdh", "Bearer "+revoked, "Bearer "+expired, "Bearer "+disabled)
		}
		for _, head := range heads {
			a := f.send(p.method, p.path, "{}", "Authorization", head)
			if a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") != "Bearer" {
				t.Fatalf("%s %s with %q: %d %s", p.method, p.path, head, a.StatusCode, a.body)
			}
			if pr := a.problem(t); !strings.HasSuffix(pr.Type, "#problem-sign-in") || pr.Next == "" {
				t.Errorf("%+v", pr)
			}
		}
	}
}

// writing are the operations that change something.
func (f *fixture) writing() []operation {
	f.load()
	return slices.DeleteFunc(slices.Clone(f.ops), func(op operation) bool { return op.method == "GET" })
}

func TestOnlyWhoMayWriteWrites(t *testing.T) {
	each(t, func(f *fixture) {
		callers := map[string]string{
			"a read token of the owner":    f.newToken("olga", access.ScopeRead),
			"a write token of a viewer":    f.user("vera", access.ScopeWrite, access.Viewer),
			"a write token of an employee": f.user("emil", access.ScopeWrite, access.Employee),
		}
		before, err := f.book.Log.Head(context.Background(), f.book.DB)
		if err != nil {
			f.Fatal(err)
		}
		for _, op := range f.writing() {
			path := filled(op)
			if op.method == "DELETE" {
				path += "?reason=r"
			}
			if strings.HasSuffix(path, "/attachments") {
				path += "?name=n"
			}
			if strings.HasSuffix(path, "/backtest") {
				path += "?from=2026-01-01T00:00:00Z"
			}
			for who, token := range callers {
				a := f.as(token, op.method, path, `{}`)
				if a.StatusCode != 403 && a.StatusCode != 404 {
					f.Errorf("%s: %s %s: %d %s", who, op.method, op.path, a.StatusCode, a.body)
				}
			}
		}
		after, err := f.book.Log.Head(context.Background(), f.book.DB)
		if err != nil || after.Size != before.Size {
			f.Errorf("the ledger went from %d to %d entries (%v)", before.Size, after.Size, err)
		}
	})
}

// A kind in a room that is not the caller's reads like one that does not exist, in whichever way it is asked for.
func TestAForeignRoomDoesNotExist(t *testing.T) {
	each(t, func(f *fixture) {
		f.user("rita", access.ScopeWrite, access.Auditor)
		ritas := f.newToken("rita", access.ScopeWrite)
		f.want(201, f.as(ritas, "PUT", "/api/v1/records/paper/p1", `{"title":"Quagga notes"}`))
		f.want(200, f.as(ritas, "GET", "/api/v1/records/paper/p1", ""))
		f.load()
		for _, op := range f.ops {
			if !strings.Contains(op.path, "/paper") {
				continue
			}
			path := strings.Replace(filled(op), "/x", "/p1", 1) + map[string]string{"DELETE": "?reason=r"}[op.method]
			if strings.HasPrefix(op.path, "/api/v1/export") {
				path += "?format=json"
			}
			a := f.want(404, f.send(op.method, path, `{"title":"x","reason":"r"}`))
			unknown := f.want(404, f.send(op.method, strings.Replace(path, "/paper", "/papier", 1), `{}`))
			p, q := a.problem(f), unknown.problem(f)
			if strings.Replace(p.Detail, "paper", "papier", 1) != q.Detail || p.Next != q.Next {
				f.Errorf("%s: %q is told from %q", op.path, p.Detail, q.Detail)
			}
		}
		f.want(404, f.send("GET", "/api/v1/kinds/paper", ""))
		for _, path := range []string{"/api/v1/kinds", "/api/v1/search?q=quagga", "/api/v1/actions?limit=1000", "/api/v1/results"} {
			if a := f.want(200, f.send("GET", path, "")); strings.Contains(string(a.body), "Quagga") || strings.Contains(string(a.body), "paper") {
				f.Errorf("%s tells of the other room: %s", path, a.body)
			}
		}
		if a := f.want(200, f.as(ritas, "GET", "/api/v1/search?q=quagga", "")); !strings.Contains(string(a.body), "p1") {
			f.Errorf("the auditor finds %s", a.body)
		}
		p := f.want(422, f.as(f.token, "PUT", "/api/v1/records/comment/c", `{"on_kind":"paper","on":"paper/p1","text":"hm"}`)).problem(f)
		if strings.Contains(p.Detail, "Quagga") {
			f.Errorf("%+v", p)
		}
		f.want(403, f.as(ritas, "PUT", "/api/v1/records/safe/s", `{"name":"s"}`))
		f.want(204, f.as(ritas, "DELETE", "/api/v1/records/paper/p1?reason=wrong", ""))
		if a := f.send("GET", "/api/v1/actions?limit=1000", ""); strings.Contains(string(a.body), "paper") || strings.Contains(string(a.body), "wrong") {
			f.Errorf("the log tells of the other room: %s", a.body)
		}
	})
}

func TestABrowserOfAnotherSiteWritesNothing(t *testing.T) {
	f := open(t, sqlite(t))
	cookies := f.signIn("olga")
	f.want(200, f.browse(cookies, "GET", "/api/v1/me", ""))
	f.want(201, f.browse(cookies, "PUT", "/api/v1/records/safe/a", `{"name":"a"}`, "Sec-Fetch-Site", "same-origin"))
	for _, site := range []string{"cross-site", "same-site"} {
		f.want(403, f.browse(cookies, "PUT", "/api/v1/records/safe/a", `{"name":"b"}`, "Sec-Fetch-Site", site)).problem(f)
	}
	f.want(403, f.browse(cookies, "DELETE", "/api/v1/records/safe/a?reason=r", "", "Origin", "https://elsewhere.example"))
	f.want(200, f.send("PUT", "/api/v1/records/safe/a", `{"name":"b"}`, "Origin", "https://elsewhere.example")) // a token is not sent by a browser on its own
	if a := f.browse(cookies, "GET", "/api/v1/me", "", "Authorization", "Bearer nonsense"); a.StatusCode != 401 {
		t.Errorf("a bad token fell back to the cookie: %d", a.StatusCode)
	}
}

func TestADefectTellsNothingOfTheInside(t *testing.T) {
	f := open(t, sqlite(t))
	f.want(201, f.send("PUT", "/api/v1/records/safe/a", `{"name":"a"}`))
	f.book.DB.Close()
	a := f.send("GET", "/api/v1/records/safe/a", "")
	p := a.problem(t)
	if a.StatusCode != 500 || strings.Contains(strings.ToLower(string(a.body)), "sql") || !strings.HasPrefix(p.Instance, "urn:uuid:") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestEveryProblemIsInTheReference(t *testing.T) {
	f := open(t, sqlite(t))
	page := f.want(200, f.send("GET", "/api/reference", ""))
	for _, a := range []answer{f.send("GET", "/api/v1/nothing", ""), f.send("PATCH", "/api/v1/me", ""), f.send("GET", "/api/v1/me?x=1", ""),
		f.send("GET", "/api/v1/me", "", "Authorization", ""), f.send("PUT", "/api/v1/records/safe/a", "{}", "If-Match", "*")} {
		var p api.Problem
		a.into(t, &p)
		_, anchor, ok := strings.Cut(p.Type, "#")
		if !ok || !strings.HasPrefix(p.Type, "/api/reference#") || !strings.Contains(string(page.body), `id="`+anchor+`"`) {
			t.Errorf("%s: %s is not in the reference", a.what, p.Type)
		}
	}
	if s := string(page.body); strings.Contains(s, "<script") || regexp.MustCompile(`(?i)(=\s*["']?|url\(["']?|@import\s*["']?)(https?:)?//`).MatchString(s) {
		t.Error("the reference takes something from elsewhere")
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'sha256-") {
		t.Errorf("policy %q", policy)
	}
}

func TestTheDocumentIsValid(t *testing.T) {
	f := open(t, sqlite(t))
	f.load()
	if err := f.spec.Validate(context.Background()); err != nil {
		t.Error(err)
	}
	f.want(200, f.send("GET", "/api/openapi.yaml", ""))
	person := f.spec.Components.Schemas["person"].Value
	if !slices.Contains(person.Required, "email") || person.Properties["email"].Value.Format != "email" || person.AdditionalProperties.Has == nil || *person.AdditionalProperties.Has {
		t.Errorf("person: %+v", person)
	}
	evidence := f.spec.Components.Schemas["evidence"].Value
	if !evidence.Properties["state"].Value.ReadOnly || !slices.Contains(evidence.Properties["sort"].Value.Enum, any("population")) {
		t.Errorf("evidence: %+v", evidence.Properties)
	}
	if p := f.spec.Paths.Find("/api/v1/records/run/{key}"); p == nil || p.Put != nil || p.Get == nil {
		t.Error("runs can be written, or not read")
	}
}

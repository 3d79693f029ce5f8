package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"tickmark/internal/access"
	"tickmark/internal/api"
	"tickmark/internal/retention"
)

func TestAFileIsKeptWithARecordAndServedInert(t *testing.T) {
	each(t, func(f *fixture) {
		const at = "/api/v1/records/safe/a%2Fb"
		f.want(201, f.send("PUT", at, `{"name":"A"}`))
		f.want(201, f.send("PUT", "/api/v1/records/safe/a", `{"name":"A"}`))
		page := "<script>alert(1)</script>"
		var kept api.Record
		f.want(201, f.send("POST", at+"/attachments?name="+url.QueryEscape("rapport \"é\".html"), page, "Content-Type", "text/html")).into(f, &kept)
		var list []api.Record
		if f.want(200, f.send("GET", at+"/attachments", "")).into(f, &list); len(list) != 1 || list[0].Key != kept.Key {
			f.Fatalf("%+v", list)
		}
		a := f.want(200, f.send("GET", at+"/attachments/"+kept.Key, ""))
		if string(a.body) != page || a.Header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") ||
			!strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") {
			f.Errorf("%q %v", a.body, a.Header)
		}
		f.want(404, f.send("GET", "/api/v1/records/safe/a/attachments/"+kept.Key, "")).problem(f)
		f.want(422, f.send("POST", at+"/attachments", page)).problem(f)
		f.want(404, f.send("POST", "/api/v1/records/safe/none/attachments?name=n", page))
		f.want(413, f.send("POST", at+"/attachments?name=large", strings.Repeat("x", 33<<20))).problem(f)
		if f.want(200, f.send("GET", at+"/attachments", "")).into(f, &list); len(list) != 1 {
			f.Errorf("%+v", list)
		}
		f.want(200, f.send("GET", at+"/raw", ""))
	})
}

func TestEvidenceNamesAFileThatIsThere(t *testing.T) {
	each(t, func(f *fixture) {
		sum := sha256.Sum256([]byte("a,b\n1,2\n"))
		body := `{"title":"List","sort":"document","file_name":"list.csv","sha256":"` + hex.EncodeToString(sum[:]) + `"}`
		f.want(422, f.send("PUT", "/api/v1/records/evidence/e", body)).problem(f)
		var kept api.Kept
		f.want(201, f.send("POST", "/api/v1/files", "a,b\n1,2\n")).into(f, &kept)
		if kept.SHA256 != hex.EncodeToString(sum[:]) || kept.Size != 8 {
			f.Errorf("%+v", kept)
		}
		f.want(201, f.send("PUT", "/api/v1/records/evidence/e", body))
		if a := f.want(200, f.send("GET", "/api/v1/records/evidence/e/file", "")); string(a.body) != "a,b\n1,2\n" || !strings.Contains(a.Header.Get("Content-Disposition"), "list.csv") {
			f.Errorf("%q %v", a.body, a.Header)
		}
	})
}

func TestErasureTakesTheFilesThatNothingElseNames(t *testing.T) {
	each(t, func(f *fixture) {
		for _, key := range []string{"a", "b"} {
			f.want(201, f.send("PUT", "/api/v1/records/safe/"+key, `{"name":"`+key+`"}`))
		}
		attach := func(key, content string) string {
			var r api.Record
			f.want(201, f.send("POST", "/api/v1/records/safe/"+key+"/attachments?name=n", content)).into(f, &r)
			return "/api/v1/records/attachment/" + r.Key + "/file"
		}
		attach("a", "only a's")
		ended := attach("a", "ended")
		f.want(204, f.send("DELETE", strings.TrimSuffix(ended, "/file")+"?reason=wrong", ""))
		attach("a", "shared")
		shared := attach("b", "shared")
		f.want(201, f.send("POST", "/api/v1/records/safe/a/comments", `{"text":"about a"}`))
		f.want(403, f.send("POST", "/api/v1/records/safe/a/erasure", `{"reason":"asked"}`)).problem(f)
		cookies := f.signIn("olga")
		f.want(422, f.browse(cookies, "POST", "/api/v1/records/safe/a/erasure", `{"reason":""}`))
		f.want(422, f.browse(cookies, "POST", "/api/v1/records/safe/a/erasure", `{"why":"asked"}`))
		f.want(204, f.browse(cookies, "POST", "/api/v1/records/safe/a/erasure", `{"reason":"asked"}`))
		f.want(404, f.send("GET", "/api/v1/records/safe/a", ""))
		if a := f.want(200, f.send("GET", shared, "")); string(a.body) != "shared" {
			f.Errorf("b's file went with a: %s", a.body)
		}
		for content, held := range map[string]int{"only a's": 422, "ended": 422, "shared": 201} {
			sum := sha256.Sum256([]byte(content))
			f.want(held, f.send("POST", "/api/v1/records/evidence", `{"title":"t","sort":"document","sha256":"`+hex.EncodeToString(sum[:])+`"}`))
		}
		if a := f.want(200, f.send("GET", "/api/v1/records/comment", "")); strings.Contains(string(a.body), "about a") {
			f.Errorf("%s", a.body)
		}
		if _, err := f.book.Verify(f.Context(), nil); err != nil {
			f.Error(err)
		}
	})
}

func TestAnImportIsWholeOrNothing(t *testing.T) {
	each(t, func(f *fixture) {
		const header = "id,name,email,manager,start\n"
		good := header + "bob,Bob,bob@example.org,ada,2026-01-01\nada,Ada,ada@example.org,,2025-01-01\n" // bob names ada, who stands below
		var done api.Imported
		f.want(200, f.send("POST", "/api/v1/import/person?reason=hired", good, "Content-Type", "text/csv")).into(f, &done)
		if done != (api.Imported{Read: 2, Written: 2}) {
			f.Errorf("%+v", done)
		}
		var r api.Record
		if f.want(200, f.send("GET", "/api/v1/records/person/bob", "")).into(f, &r); r.Origin != "uploaded" || r.Reason != "hired" {
			f.Errorf("%+v", r)
		}
		if f.want(200, f.send("POST", "/api/v1/import/person", good, "Content-Type", "text/csv")).into(f, &done); done != (api.Imported{Read: 2, Unchanged: 2}) {
			f.Errorf("again: %+v", done)
		}
		for name, c := range map[string]struct {
			content      string
			line, column any
		}{
			"a row without a name":    {header + "cleo,Cleo,cleo@example.org,,\ndan,,dan@example.org,,\n", 3, "name"},
			"an address that is none": {header + "cleo,Cleo,cleo@example.org,,\ndan,Dan,nowhere,,\n", 3, "email"},
			"a manager who is not":    {header + "cleo,Cleo,cleo@example.org,,\ndan,Dan,dan@example.org,zoe,\n", 3, "manager"},
			"an end before the start": {"id,name,email,start,end\ncleo,Cleo,cleo@example.org,2026-02-01,2026-01-01\n", 2, ""},
			"a column of nobody":      {"id,name,email,shoe\ncleo,Cleo,cleo@example.org,42\n", 1, "shoe"},
		} {
			p := f.want(422, f.send("POST", "/api/v1/import/person?name=people.csv", c.content, "Content-Type", "text/csv")).problem(f)
			if len(p.Errors) == 0 || any(p.Errors[0].Line) != c.line || any(p.Errors[0].Column) != c.column || !strings.Contains(p.Detail, "people.csv") {
				f.Errorf("%s: %+v", name, p)
			}
		}
		f.want(404, f.send("GET", "/api/v1/records/person/cleo", ""))
		mapping := url.QueryEscape("fields:\n  id: No\n  name: \"{First} {Last}\"\n  email: Mail\n")
		f.want(200, f.send("POST", "/api/v1/import/person?map="+mapping, "No,First,Last,Mail\n7,Cleo,C,cleo@example.org\n", "Content-Type", "text/csv"))
		if f.want(200, f.send("GET", "/api/v1/records/person/7", "")).into(f, &r); r.Label != "Cleo C" {
			f.Errorf("%+v", r)
		}
		f.want(422, f.send("POST", "/api/v1/import/person?map=fields:+7", "No\n7\n", "Content-Type", "text/csv")).problem(f)
		f.want(200, f.send("POST", "/api/v1/import/person", `[{"id":"eve","name":"Eve","email":"eve@example.org"}]`, "Content-Type", "application/json"))
		f.want(413, f.send("POST", "/api/v1/import/person", strings.Repeat("x", 33<<20), "Content-Type", "text/csv"))
		f.want(404, f.send("POST", "/api/v1/import/run", "a", "Content-Type", "text/csv"))
		viewer := f.user("vera", access.ScopeWrite, access.Viewer)
		f.want(403, f.as(viewer, "POST", "/api/v1/import/person", good))
	})
}

func TestAnExportIsTakenBackByAnImport(t *testing.T) {
	each(t, func(f *fixture) {
		f.want(200, f.send("POST", "/api/v1/import/person", "id,name,email,title\nada,Ada,ada@example.org,=1+1\nbob,\"Bob, B\",bob@example.org,\n", "Content-Type", "text/csv"))
		for _, format := range []string{"csv", "xlsx", "json", "jsonl"} {
			a := f.want(200, f.send("GET", "/api/v1/export/person?format="+format, ""))
			if !strings.Contains(a.Header.Get("Content-Disposition"), "person-") {
				f.Errorf("%v", a.Header)
			}
			var done api.Imported
			f.want(200, f.send("POST", "/api/v1/import/person", string(a.body), "Content-Type", a.Header.Get("Content-Type"))).into(f, &done)
			if done != (api.Imported{Read: 2, Unchanged: 2}) {
				f.Errorf("%s: %+v\n%s", format, done, a.body)
			}
		}
		if a := f.want(200, f.send("GET", "/api/v1/export/person?format=csv&where="+url.QueryEscape(`r.id == "bob"`), "")); strings.Contains(string(a.body), "ada") || !strings.Contains(string(a.body), "bob") {
			f.Errorf("%s", a.body)
		}
		f.want(200, f.send("GET", "/api/v1/export/git_commit?format=jsonl", ""))
		f.want(404, f.send("POST", "/api/v1/import/git_commit", "x"))
	})
}

func TestARuleOfRetentionIsSetByAnOwnerWhoSignedIn(t *testing.T) {
	each(t, func(f *fixture) {
		const at = "/api/v1/retention"
		var is api.Retention
		f.want(200, f.send("GET", at, "")).into(f, &is)
		if is.Rules == nil || len(is.Rules)+len(is.Dropped) != 0 {
			f.Errorf("%+v", is)
		}
		f.want(403, f.send("PUT", at+"/git_commit", `{"days":400,"reason":"space"}`)).problem(f)
		cookies := f.signIn("olga")
		for body, status := range map[string]int{`{"days":399,"reason":"space"}`: 422, `{"days":400,"reason":" "}`: 422, `{"days":400}`: 422, `{"days":400,"reason":"space","kind":"x"}`: 422} {
			f.want(status, f.browse(cookies, "PUT", at+"/git_commit", body)).problem(f)
		}
		f.want(422, f.browse(cookies, "PUT", at+"/safe", `{"days":400,"reason":"space"}`)).problem(f)
		f.want(404, f.browse(cookies, "PUT", at+"/nothing", `{"days":400,"reason":"space"}`)).problem(f)
		f.want(404, f.browse(cookies, "PUT", at+"/git_commit?source=nowhere", `{"days":400,"reason":"space"}`)).problem(f)
		var tried, now retention.Plan
		f.want(200, f.send("GET", at+"/preview?kind=git_commit&days=500", "")).into(f, &tried)
		f.want(200, f.send("GET", at+"/preview", "")).into(f, &now)
		if len(tried.Rules) != 1 || tried.Rules[0].Days != 500 || tried.Rules[0].Entry != 0 || now.Rules == nil || len(now.Rules) != 0 {
			f.Errorf("tried %+v, now %+v", tried, now)
		}
		f.want(200, f.browse(cookies, "PUT", at+"/git_commit", `{"days":400,"reason":"space"}`))
		f.want(200, f.send("GET", at, "")).into(f, &is)
		if len(is.Rules) != 1 || is.Rules[0].Key != "git_commit" || is.Rules[0].Reason != "space" || is.Rules[0].By == "" {
			f.Errorf("%+v", is)
		}
		f.want(403, f.send("DELETE", at+"/git_commit?reason=over", ""))
		f.want(422, f.browse(cookies, "DELETE", at+"/git_commit", ""))
		f.want(204, f.browse(cookies, "DELETE", at+"/git_commit?reason=over", ""))
		f.want(404, f.browse(cookies, "DELETE", at+"/git_commit?reason=over", ""))
	})
}

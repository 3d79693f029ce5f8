package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/api"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestARecordIsWrittenReadAndEndedWithItsHistory(t *testing.T) {
	each(t, func(f *fixture) {
		const at = "/api/v1/records/safe/a"
		made := f.want(201, f.send("PUT", at+"?reason=bought", `{"name":"Vault","colour":"red","pin":"hunter2","seen":"2026-01-01T00:00:00Z"}`))
		if made.Header.Get("Location") != at || strings.Contains(string(made.body), "hunter2") {
			f.Errorf("made %v %s", made.Header, made.body)
		}
		f.want(200, f.send("PUT", at, `{"name":"Vault","colour":"blue"}`, "If-Match", made.Header.Get("ETag")))
		var now, then api.Record
		f.want(200, f.send("GET", at, "")).into(f, &now)
		f.want(200, f.send("GET", at+"?as_of="+now.From.Time().Add(-time.Microsecond).Format(time.RFC3339Nano), "")).into(f, &then)
		if !strings.Contains(string(now.Body), "blue") || !strings.Contains(string(then.Body), "red") || then.Reason != "bought" || then.Latest != nil {
			f.Errorf("now %s, then %+v", now.Body, then)
		}
		if now.Actor == "" || now.Origin != "typed" || now.Source != "program" || now.Entry <= then.Entry {
			f.Errorf("%+v", now)
		}
		f.want(422, f.send("DELETE", at, ""))
		f.want(204, f.send("DELETE", at+"?reason=sold", ""))
		f.want(404, f.send("GET", at, ""))
		var history []api.Record
		f.want(200, f.send("GET", at+"/history", "")).into(f, &history)
		if len(history) != 2 || history[0].To != history[1].From || history[1].Closed == nil {
			f.Errorf("history %+v", history)
		}
		f.want(404, f.send("GET", "/api/v1/records/safe/b/history", ""))
	})
}

func TestAChangeOfAnotherVersionThanTheOneSeenIsRefused(t *testing.T) {
	each(t, func(f *fixture) {
		const at = "/api/v1/records/safe/a"
		first := f.want(201, f.send("PUT", at, `{"name":"A"}`)).Header.Get("ETag")
		f.want(200, f.send("PUT", at, `{"name":"B"}`))
		for name, c := range map[string]struct {
			method, path, body string
			headers            []string
			status             int
		}{
			"put":                    {"PUT", at, `{"name":"C"}`, []string{"If-Match", first}, 412},
			"end":                    {"DELETE", at + "?reason=r", "", []string{"If-Match", first}, 412},
			"make what is there":     {"PUT", at, `{"name":"C"}`, []string{"If-None-Match", "*"}, 412},
			"change what is not":     {"PUT", at + "2", `{"name":"C"}`, []string{"If-Match", "*"}, 412},
			"an ETag of nobody":      {"PUT", at, `{"name":"C"}`, []string{"If-Match", "what I saw"}, 422},
			"an ETag and none match": {"PUT", at, `{"name":"C"}`, []string{"If-Match", first, "If-None-Match", "*"}, 422},
		} {
			if a := f.send(c.method, c.path, c.body, c.headers...); a.StatusCode != c.status {
				f.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			} else {
				a.problem(f)
			}
		}
		f.want(201, f.send("POST", "/api/v1/records/person", `{"id":"ada","name":"Ada","email":"ada@example.org"}`))
		p := f.want(409, f.send("POST", "/api/v1/records/person", `{"id":"ada","name":"Ada","email":"ada@example.org"}`)).problem(f)
		if !strings.Contains(p.Detail, "already") || p.Next == "" {
			f.Errorf("%+v", p)
		}
		f.want(201, f.send("POST", "/api/v1/records/safe", `{"name":"C"}`))
	})
}

// Keys are ARNs, paths, addresses: each must come back through its own path, and reach nothing else.
func TestAKeyOfAnyLettersIsOnePathSegment(t *testing.T) {
	each(t, func(f *fixture) {
		keys := []string{"arn:aws:iam::1:user/bob", "a//b", "/etc/passwd", "../safe", "ada@example.org", "50% off", "100%25", "a+b c", "what?", "#1", "x;y=z", "naïve/ü",
			"history", "export", "import", "proof", "a/history", "{key}", `back\slash`, "trailing/", "..."}
		for _, key := range keys {
			at := "/api/v1/records/safe/" + url.PathEscape(key)
			a := f.want(201, f.send("PUT", at, `{"name":"`+strings.ReplaceAll(key, `\`, `\\`)+`"}`))
			if a.Header.Get("Location") != at {
				f.Errorf("%q is at %q", key, a.Header.Get("Location"))
			}
			var r api.Record
			f.want(200, f.send("GET", at, "")).into(f, &r)
			if r.Key != key || r.Label != key {
				f.Errorf("%q came back as %q, %q", key, r.Key, r.Label)
			}
			f.want(200, f.send("GET", at+"/history", ""))
			f.want(201, f.send("POST", at+"/comments", `{"text":"mine"}`))
			var said []api.Record
			if f.want(200, f.send("GET", at+"/comments", "")).into(f, &said); len(said) != 1 {
				f.Errorf("%q: comments %+v", key, said)
			}
		}
		var page api.Page
		if f.want(200, f.send("GET", "/api/v1/records/safe?limit=1000&count=true", "")).into(f, &page); len(page.Records) != len(keys) || page.Count.N != int64(len(keys)) || !page.Count.Exact {
			f.Errorf("%d records of %d, %+v", len(page.Records), len(keys), page.Count)
		}
	})
}

func TestAListIsFilteredSortedPagedAndDated(t *testing.T) {
	each(t, func(f *fixture) {
		for _, c := range []string{`{"name":"a","colour":"red","size":3}`, `{"name":"b","colour":"blue","size":2}`, `{"name":"c","colour":"red","size":1}`} {
			f.want(201, f.send("PUT", "/api/v1/records/safe/"+c[9:10], c))
		}
		var b api.Record
		f.want(200, f.send("GET", "/api/v1/records/safe/b", "")).into(f, &b)
		f.want(204, f.send("DELETE", "/api/v1/records/safe/b?reason=r", ""))
		then := b.From.Time().Format(time.RFC3339Nano)
		names := func(query string) (keys string, next string) {
			var p api.Page
			f.want(200, f.send("GET", "/api/v1/records/safe?"+query, "")).into(f, &p)
			for _, r := range p.Records {
				keys += r.Key
			}
			return keys, p.Next
		}
		for query, want := range map[string]string{
			"":                                       "ac",
			"sort=size":                              "ca",
			"sort=-size":                             "ac",
			"where=" + url.QueryEscape(`r.size > 1`): "a",
			"where=" + url.QueryEscape(`r.colour == "blue"`): "",
			"as_of=" + then:                                     "ab",
			"as_of=1970-01-01T00:00:00Z":                        "",
			"as_of=1969-01-01T00:00:00Z":                        "",
			"source=nowhere":                                    "",
			"from=2020-01-01T00:00:00Z":                         "abc",
			"from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z": "",
		} {
			if got, _ := names(query); got != want {
				f.Errorf("%q lists %q, want %q", query, got, want)
			}
		}
		first, next := names("limit=1")
		second, end := names("limit=1&after=" + next)
		if first+second != "ac" || next == "" || end != "" {
			f.Errorf("pages %q %q, next %q %q", first, second, next, end)
		}
	})
}

func TestAQuestionThatIsNotUnderstoodIsRefused(t *testing.T) {
	f := open(t, sqlite(t))
	tomorrow := url.QueryEscape(time.Now().Add(24 * time.Hour).Format(time.RFC3339))
	for path, says := range map[string]string{
		"/api/v1/records/safe?wehre=true":                                           "wehre",
		"/api/v1/records/safe?limit=0":                                              "limit",
		"/api/v1/records/safe?limit=1001":                                           "limit",
		"/api/v1/records/safe?limit=ten":                                            "limit",
		"/api/v1/records/safe?limit=1&limit=2":                                      "2 times",
		"/api/v1/records/safe?as_of=" + tomorrow:                                    "not come yet",
		"/api/v1/records/safe/a?as_of=" + tomorrow:                                  "not come yet",
		"/api/v1/records/safe?from=2026-01-01T00:00:00Z&to=" + tomorrow:             "not come yet",
		"/api/v1/records/safe?to=2026-01-01T00:00:00Z":                              "without from",
		"/api/v1/records/safe?from=2026-01-01T00:00:00Z&as_of=2026-01-01T00:00:00Z": "Both",
		"/api/v1/records/safe?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z":    "before it begins",
		"/api/v1/records/safe?as_of=yesterday":                                      "not a time",
		"/api/v1/records/safe?as_of=2026-01-01T00:00:00+01:00":                      "%2B",
		"/api/v1/records/safe?where=r.nam+%3D%3D+%22x%22":                           "filter",
		"/api/v1/records/safe?sort=pin":                                             "sorted",
		"/api/v1/records/safe?after=elsewhere":                                      "page mark",
		"/api/v1/records/safe?count=perhaps":                                        "true or false",
		"/api/v1/records/safe?where=%zz":                                            "cannot be read",
		"/api/v1/records/safe?latest=true&as_of=2026-01-01T00:00:00Z":               "history",
		"/api/v1/results?status=fine":                                               "status",
		"/api/v1/search":                                                            "q is needed",
		"/api/v1/export/safe":                                                       "format is needed",
		"/api/v1/ledger/consistency?old=99999999":                                   "beyond",
		"/api/v1/ledger/inclusion?entry=99999999":                                   "beyond",
	} {
		if p := f.want(422, f.send("GET", path, "")).problem(f); !strings.Contains(p.Detail, says) {
			f.Errorf("%s: %+v", path, p)
		}
	}
	for path, status := range map[string]int{"/api/v1/records/nothing": 404, "/api/v1/records/nothing/a": 404, "/api/v1/nothing": 404, "/api/": 404, "/api/v1/kinds/nothing": 404,
		"/api/v1/import/nothing": 404, "/api/v1/export/nothing": 404} {
		f.want(status, f.send("GET", path, "")).problem(f)
	}
	if a := f.want(405, f.send("PATCH", "/api/v1/records/safe/a", "{}")); a.Header.Get("Allow") != "GET, HEAD, PUT, DELETE" {
		f.Errorf("allow %q", a.Header.Get("Allow"))
	}
	f.want(405, f.send("POST", "/api/v1/ledger", ""))
}

func TestContentThatIsNotValidIsRefused(t *testing.T) {
	f := open(t, sqlite(t))
	for body, status := range map[string]int{
		`{"colour":"red"}`:             422,
		`{"name":"n","colour":"pink"}`: 422,
		`{"name":"n","color":"red"}`:   422,
		`{"name":"n","name":"m"}`:      422,
		`[]`:                           422,
		``:                             422,
		`{"name":`:                     422,
		`{"name":"` + strings.Repeat("x", 9<<20) + `"}`: 413,
	} {
		f.want(status, f.send("PUT", "/api/v1/records/safe/a", body)).problem(f)
	}
	f.want(422, f.send("PUT", "/api/v1/records/safe/a", `name=n`, "Content-Type", "application/x-www-form-urlencoded")).problem(f)
	f.want(422, f.send("PUT", "/api/v1/records/safe/"+strings.Repeat("k", 301), `{"name":"n"}`)).problem(f)
	f.want(404, f.send("GET", "/api/v1/records/safe/a", ""))
	f.want(405, f.send("PUT", "/api/v1/records/run/1", `{}`))
	f.want(405, f.send("PUT", "/api/v1/records/git_commit/1", `{}`))
}

func TestAMoveTakesAPersonAndAnotherOne(t *testing.T) {
	each(t, func(f *fixture) {
		adas := f.user("ada", access.ScopeWrite, access.Engineer)
		f.user("bob", access.ScopeWrite, access.Engineer)
		const at = "/api/v1/records/evidence/e1"
		for _, forged := range []string{`"state":"reviewed"`, `"reviewed_by":"bob"`} {
			a := f.want(422, f.as(adas, "PUT", at, `{"title":"Screenshot","sort":"document","link":"https://example.org/s",`+forged+`}`))
			if name, _, _ := strings.Cut(forged[1:], `"`); !strings.Contains(string(a.body), name+" of this evidence") || !strings.Contains(string(a.body), "a move sets it: review") {
				f.Errorf("does not say that %s cannot be set: %s", name, a.body)
			}
		}
		f.want(404, f.send("GET", at, ""))
		f.want(201, f.as(adas, "PUT", at, `{"title":"Screen","sort":"document","link":"https://example.org/s"}`))
		var e api.Record
		f.want(200, f.send("GET", at, "")).into(f, &e)
		if !strings.Contains(string(e.Body), `"state":"received"`) {
			f.Errorf("%s", e.Body)
		}
		// What was read may be given back, with another title.
		f.want(200, f.as(adas, "PUT", at, strings.Replace(string(e.Body), "Screen", "Screenshot", 1)))
		f.want(422, f.as(adas, "PUT", at, strings.Replace(string(e.Body), `"received"`, `"reviewed"`, 1)))
		f.want(403, f.as(adas, "POST", at+"/moves/review", `{"review":"looked at it"}`)).problem(f)
		ada, bob := f.signIn("ada"), f.signIn("bob")
		f.want(403, f.browse(ada, "POST", at+"/moves/review", `{"review":"looked at it"}`))
		f.want(422, f.browse(bob, "POST", at+"/moves/review", `{}`))
		f.want(422, f.browse(bob, "POST", at+"/moves/review", `{"state":"withdrawn","review":"x"}`))
		f.want(404, f.browse(bob, "POST", at+"/moves/bless", `{}`))
		a := f.want(200, f.browse(bob, "POST", at+"/moves/review?reason=asked", `{"review":"looked at it"}`))
		if !strings.Contains(string(a.body), `"reviewed_by":"bob"`) {
			f.Errorf("%s", a.body)
		}
		f.want(409, f.browse(bob, "POST", at+"/moves/review", `{"review":"again"}`)).problem(f)
		f.want(409, f.as(adas, "PUT", at, `{"title":"Another","sort":"document","link":"https://example.org/s"}`)).problem(f)
	})
}

func TestSecretsStayOutAndVolatileValuesStandApart(t *testing.T) {
	each(t, func(f *fixture) {
		const at = "/api/v1/records/safe/a"
		f.want(201, f.send("PUT", at, `{"name":"A","pin":"hunter2","seen":"2026-01-01T00:00:00Z"}`))
		f.want(200, f.send("PUT", at, `{"name":"A","pin":"hunter2","seen":"2026-02-02T00:00:00Z"}`))
		var history []api.Record
		if f.want(200, f.send("GET", at+"/history", "")).into(f, &history); len(history) != 1 {
			f.Errorf("a volatile value made a version: %+v", history)
		}
		var r api.Record
		got := f.want(200, f.send("GET", at, ""))
		got.into(f, &r)
		if !strings.Contains(string(r.Latest), "2026-02-02") || strings.Contains(string(r.Body), "2026") || strings.Contains(string(got.body), "hunter2") {
			f.Errorf("%s", got.body)
		}
		same := f.want(200, f.send("PUT", at, string(r.Body)))
		if same.Header.Get("ETag") != got.Header.Get("ETag") {
			f.Errorf("writing the answer back made a version: %s", same.body)
		}
		for _, path := range []string{at + "/raw", at + "/proof", "/api/v1/export/safe?format=json", "/api/v1/export/safe?format=csv", "/api/v1/records/safe?latest=true"} {
			if a := f.want(200, f.send("GET", path, "")); strings.Contains(string(a.body), "hunter2") {
				f.Errorf("%s: %s", path, a.body)
			}
		}
	})
}

func sqlite(t *testing.T) *store.DB { return storetest.SQLite(t) }

func TestOfTwoWhoSawTheSameVersionOneWrites(t *testing.T) {
	each(t, func(f *fixture) {
		const at = "/api/v1/records/safe/a"
		seen := f.want(201, f.send("PUT", at, `{"name":"a"}`)).Header.Get("ETag")
		codes := make(chan int, 8)
		for i := range cap(codes) {
			go func() {
				r := httptest.NewRequest("PUT", at, strings.NewReader(fmt.Sprintf(`{"name":"a","size":%d}`, i)))
				r.Header.Set("Authorization", "Bearer "+f.token)
				r.Header.Set("If-Match", seen)
				w := httptest.NewRecorder()
				f.handler.ServeHTTP(w, r)
				codes <- w.Code
			}()
		}
		got := map[int]int{}
		for range cap(codes) {
			got[<-codes]++
		}
		if got[200] != 1 || got[412] != cap(codes)-1 {
			f.Errorf("answers %v", got)
		}
	})
}

func TestHeadAnswersWithoutABody(t *testing.T) {
	f := open(t, sqlite(t))
	f.want(201, f.send("PUT", "/api/v1/records/safe/a", `{"name":"a"}`))
	web := httptest.NewServer(f.handler)
	defer web.Close()
	r, _ := http.NewRequest("HEAD", web.URL+"/api/v1/records/safe/a", nil)
	r.Header.Set("Authorization", "Bearer "+f.token)
	a, err := http.DefaultClient.Do(r)
	if err != nil || a.StatusCode != 200 || a.Header.Get("ETag") == "" || a.ContentLength <= 0 {
		t.Errorf("%v %v", a, err)
	}
}

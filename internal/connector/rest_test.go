package connector_test

import (
	"compress/gzip"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// forge is a declared service such as a code host: members by Link header, projects by cursor with a part each, and for
// each project its alerts by offset.
func forge() (connector.Connector, connector.Service) {
	s := connector.Service{
		Base: func(connector.Values) string { return "https://forge.example" },
		Sign: func(v connector.Values, h http.Header) error {
			if v["token"] == "" {
				return fault.New(fault.Invalid, "The connection has no token.")
			}
			h.Set("Authorization", "Bearer "+v["token"])
			return nil
		},
		Next:    connector.LinkPages,
		Backoff: time.Millisecond,
		Lists: []connector.List{
			{Kind: "forge_member", Path: "/orgs/{settings.org}/members?limit=2", Key: "id", Label: "login", Needs: "members:read"},
			{Kind: "forge_project", Path: "/orgs/{settings.org}/projects", Items: "data.list", Key: "name", Total: "data.total", Needs: "projects:read",
				Next:  connector.CursorPages("data.next", "cursor"),
				Parts: []connector.Call{{Name: "protection", Path: "/projects/{name}/protection", Absent: []int{404}, Needs: "projects:admin"}}},
			{Kind: "forge_alert", For: "forge_project", Path: "/projects/{name}/alerts", Key: "{parent}#{number}", Label: "title", Occurred: "created_at",
				Next: connector.OffsetPages("offset"), Needs: "alerts:read"},
		},
	}
	kind := func(name string) record.Kind { return record.Kind{Name: name, Collected: true} }
	return connector.Connector{
		Name: "forge", Read: s.Read,
		Kinds: []record.Kind{kind("forge_member"), kind("forge_project"), kind("forge_alert")},
		Permissions: []connector.Permission{
			{Name: "members:read", Kinds: []string{"forge_member"}},
			{Name: "projects:read", Kinds: []string{"forge_project", "forge_alert"}},
			{Name: "projects:admin", Kinds: []string{"forge_project.protection"}},
			{Name: "alerts:read", Kinds: []string{"forge_alert"}},
		},
	}, s
}

func cassette() connectortest.Cassette {
	return connectortest.Cassette{
		"/orgs/acme/members?limit=2": {Header: http.Header{"Link": {`<{{base}}/first>; rel="first", <{{base}}/orgs/acme/members?limit=2&after=2>; title="a, b"; rel="next"`}},
			Body: `[{"id":1,"login":"ada"}, {"id":2,"login":"bob"}]`},
		"/orgs/acme/members?limit=2&after=2": {Body: `[{"id":3,"login":"eve"}]`},
		"/orgs/acme/projects":                {Body: `{"data":{"list":[{"name":"app"}],"next":"c2","total":2}}`},
		"/orgs/acme/projects?cursor=c2":      {Body: `{"data":{"list":[{"name":"a/b?c"}],"next":null,"total":2}}`},
		"/projects/app/protection":           {Body: `{"enabled":true}`},
		"/projects/a%2Fb%3Fc/protection":     {Status: 404, Body: `{"message":"none"}`},
		"/projects/app/alerts":               {Body: `[{"number":1,"title":"old library","created_at":"2026-01-02T03:04:05+01:00"},{"number":2}]`},
		"/projects/app/alerts?offset=2":      {Body: `[{"number":3}]`},
		"/projects/app/alerts?offset=3":      {Body: `[]`},
		"/projects/a%2Fb%3Fc/alerts":         {Body: `[]`},
	}
}

var settings = connector.Values{"org": "acme", "token": "s3cr3t-token"}

func TestDeclaredServiceConforms(t *testing.T) {
	c, _ := forge()
	connectortest.Run(t, c, connectortest.Suite{Values: settings, Secrets: []string{"s3cr3t-token"}, Cassette: cassette()})
}

// Of a quota that others use as well a fifth is left to them, and what was not asked for is a gap that says so.
func TestAServiceWithLittleLeftIsNotAskedDry(t *testing.T) {
	c, _ := forge()
	asked, dry := 0, true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if dry {
			w.Header().Set("X-RateLimit-Limit", "100")
			w.Header().Set("X-RateLimit-Remaining", "20")
			w.Header().Set("X-RateLimit-Reset", fmt.Sprint(time.Now().Add(time.Hour).Unix()))
		}
		replay(cassette()).ServeHTTP(w, r)
	}))
	defer srv.Close()
	first := &connectortest.Recorder{}
	if err := c.Read(t.Context(), with(srv.URL), first); err != nil {
		t.Fatal(err)
	}
	if asked != 1 || first.Completed("forge_member", "") || len(first.Gaps()) != 3 || !strings.Contains(first.Gaps()[0].Reason, "still answers 20 of 100 requests, which are left to others") {
		t.Errorf("%d requests, gaps %+v", asked, first.Gaps())
	}
	dry = false
	if next := first.Next(); c.Read(t.Context(), with(srv.URL), next) != nil || !next.Whole() {
		t.Errorf("the run after that: %+v", next.Gaps())
	}
}

func TestObjectsAreHandedOverAsTheServiceStatedThem(t *testing.T) {
	c, _ := forge()
	srv := httptest.NewServer(replay(cassette()))
	defer srv.Close()
	r := &connectortest.Recorder{}
	if err := c.Read(t.Context(), with(srv.URL), r); err != nil {
		t.Fatal(err)
	}
	if it, _ := r.Find("forge_member", "1"); string(it.Raw) != `{"id":1,"login":"ada"}` || it.Label != "ada" {
		t.Errorf("member %s, %q", it.Raw, it.Label)
	}
	if b := r.Body("forge_project", "app"); b["protection"].(map[string]any)["enabled"] != true {
		t.Errorf("project %v", b)
	}
	if b := r.Body("forge_project", "a/b?c"); b["protection"] != nil {
		t.Errorf("project without protection %v", b)
	}
	it, _ := r.Find("forge_alert", "app#1")
	if it.Scope != "app" || it.Occurred.Format(time.RFC3339) != "2026-01-02T03:04:05+01:00" {
		t.Errorf("alert %+v", it)
	}
	for _, scope := range []string{"app", "a/b?c"} {
		if !r.Completed("forge_alert", scope) {
			t.Errorf("the alerts of %s are not complete", scope)
		}
	}
}

// replay is a handler over a cassette whose paths may be answered otherwise.
func replay(c connectortest.Cassette) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for path, reply := range c {
			w.Header()["Date"] = nil // unless the cassette has one
			if path == r.URL.RequestURI() || strings.ReplaceAll(path, "limit=2&after=2", "after=2&limit=2") == r.URL.RequestURI() {
				for k, v := range reply.Header {
					w.Header().Set(k, strings.ReplaceAll(v[0], connectortest.Base, "http://"+r.Host))
				}
				if reply.Status != 0 {
					w.WriteHeader(reply.Status)
				}
				io.WriteString(w, strings.ReplaceAll(reply.Body, connectortest.Base, "http://"+r.Host))
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	})
}

func with(endpoint string) connector.Values {
	return connector.Values{"org": "acme", "token": "s3cr3t-token", "endpoint": endpoint}
}

func TestListsThatAreNotWholeAreNeverComplete(t *testing.T) {
	members := "/orgs/acme/members?limit=2"
	link := func(to string) http.Header { return http.Header{"Link": {"<" + to + `>; rel=next`}} }
	for name, c := range map[string]struct {
		path  string
		reply connectortest.Reply
		kind  string
		says  string
	}{
		"next page on another host":      {members, connectortest.Reply{Header: link("https://elsewhere.example/x"), Body: "[]"}, "forge_member", "another place, https://elsewhere.example"},
		"next page with a user":          {members, connectortest.Reply{Header: link("http://u:p@127.0.0.1/x"), Body: "[]"}, "forge_member", "another place"},
		"next page of another scheme":    {members, connectortest.Reply{Header: link("file:///etc/passwd"), Body: "[]"}, "forge_member", "another place"},
		"pages in a circle":              {members, connectortest.Reply{Header: link("{{base}}" + members), Body: `[{"id":1}]`}, "forge_member", "circle"},
		"not found where not declared":   {members, connectortest.Reply{Status: 404, Body: "{}"}, "forge_member", "404 Not Found"},
		"server error":                   {members, connectortest.Reply{Status: 503, Body: "{}"}, "forge_member", "after 6 tries"},
		"asked to wait for a day":        {members, connectortest.Reply{Status: 429, Header: http.Header{"Retry-After": {"86400"}}}, "forge_member", "not waited for"},
		"object instead of list":         {members, connectortest.Reply{Body: `{"members":[]}`}, "forge_member", "not a list"},
		"null instead of list":           {members, connectortest.Reply{Body: `null`}, "forge_member", "not a list"},
		"something that is no object":    {members, connectortest.Reply{Body: `[1]`}, "forge_member", "not an object"},
		"object without a name":          {members, connectortest.Reply{Body: `[{"login":"ada"}]`}, "forge_member", "without id"},
		"two objects of one name":        {members, connectortest.Reply{Body: `[{"id":1,"login":"ada"},{"id":1,"login":"bob"}]`}, "forge_member", "two different objects"},
		"member twice":                   {members, connectortest.Reply{Body: `[{"id":1,"id":2}]`}, "forge_member", "not whole JSON"},
		"bad letters":                    {members, connectortest.Reply{Body: "[{\"id\":\"\xff\"}]"}, "forge_member", "not whole JSON"},
		"more behind the answer":         {members, connectortest.Reply{Body: `[] []`}, "forge_member", "not whole JSON"},
		"no content":                     {members, connectortest.Reply{Status: 204}, "forge_member", "204"},
		"redirect without a place":       {members, connectortest.Reply{Status: 302}, "forge_member", "redirects"},
		"redirects without an end":       {members, connectortest.Reply{Status: 302, Header: http.Header{"Location": {"{{base}}" + members}}}, "forge_member", "redirects"},
		"fewer than the service counts":  {"/orgs/acme/projects", connectortest.Reply{Body: `{"data":{"list":[{"name":"app"}],"total":3}}`}, "forge_project", "counts 3 and listed 1"},
		"no count where one is declared": {"/orgs/acme/projects", connectortest.Reply{Body: `{"data":{"list":[{"name":"app"}]}}`}, "forge_project", "did not say how many"},
		"a list that is not there":       {"/orgs/acme/projects", connectortest.Reply{Body: `{"data":{}}`}, "forge_project", "no data.list"},
		"a name that climbs":             {"/orgs/acme/projects", connectortest.Reply{Body: `{"data":{"list":[{"name":".."}],"total":1}}`}, "forge_alert", "no usable name"},
		"a time that is none":            {"/projects/app/alerts", connectortest.Reply{Body: `[{"number":1,"created_at":"yesterday"}]`}, "forge_alert", "not a time"},
	} {
		t.Run(name, func(t *testing.T) {
			tape := cassette()
			tape[c.path] = c.reply
			srv := httptest.NewServer(replay(tape))
			defer srv.Close()
			con, _ := forge()
			r := &connectortest.Recorder{}
			if err := con.Read(t.Context(), with(srv.URL), r); err != nil {
				t.Fatal(err)
			}
			found := false
			for _, g := range r.Gaps() {
				found = found || g.Kind == c.kind && strings.Contains(g.Reason, c.says)
				if r.Completed(g.Kind, g.Scope) && g.Part == "" {
					t.Errorf("%s is complete", g.Kind)
				}
			}
			if !found {
				t.Errorf("gaps: %+v", r.Gaps())
			}
		})
	}
}

func TestChildrenOfAListThatWasNotReadAreMissing(t *testing.T) {
	tape := cassette()
	tape["/orgs/acme/projects?cursor=c2"] = connectortest.Reply{Status: 403, Body: "{}"}
	srv := httptest.NewServer(replay(tape))
	defer srv.Close()
	con, _ := forge()
	r := &connectortest.Recorder{}
	if err := con.Read(t.Context(), with(srv.URL), r); err != nil {
		t.Fatal(err)
	}
	if r.Completed("forge_alert", "") || r.Count("forge_alert") != 3 {
		t.Errorf("gaps %+v, %d alerts", r.Gaps(), r.Count("forge_alert"))
	}
}

func TestRedirectsStayWithTheServiceAndCarryTheCredential(t *testing.T) {
	con, _ := forge()
	tape := cassette()
	tape["/orgs/acme/members?limit=2"] = connectortest.Reply{Status: 307, Header: http.Header{"Location": {"/moved"}}}
	tape["/moved"] = connectortest.Reply{Body: `[{"id":9}]`}
	srv := httptest.NewServer(replay(tape))
	defer srv.Close()
	r := &connectortest.Recorder{}
	if err := con.Read(t.Context(), with(srv.URL), r); err != nil || r.Body("forge_member", "9") == nil {
		t.Errorf("%v %v", err, r.Gaps())
	}
}

func TestAddressesThatAreNoServiceAreRefused(t *testing.T) {
	con, _ := forge()
	for endpoint, kind := range map[string]fault.Kind{
		"file:///etc/passwd":        fault.Invalid,
		"forge.example":             fault.Invalid,
		"https://u:p@forge.example": fault.Invalid,
		"https://forge.example?x=1": fault.Invalid,
		"ftp://forge.example":       fault.Invalid,
		"http://127.0.0.1:1":        fault.Unavailable,
	} {
		err := con.Read(t.Context(), with(endpoint), &connectortest.Recorder{})
		if fault.KindOf(err) != kind {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if err := con.Read(t.Context(), connector.Values{"org": "acme"}, &connectortest.Recorder{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a token: %v", err)
	}
}

func TestAnswersBeyondTheLimitAreNotRead(t *testing.T) {
	con, _ := forge()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "[")
		blank := strings.Repeat(" ", 1<<20)
		for range 40 {
			io.WriteString(z, blank)
		}
		io.WriteString(z, "]")
		z.Close()
	}))
	defer srv.Close()
	r := &connectortest.Recorder{}
	if err := con.Read(t.Context(), with(srv.URL), r); err != nil || len(r.Gaps()) == 0 || !strings.Contains(r.Gaps()[0].Reason, "larger than") {
		t.Errorf("%v %v", err, r.Gaps())
	}
}

func TestAnswerThatBreaksOffIsAskedForAgain(t *testing.T) {
	con, _ := forge()
	tape := replay(cassette())
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "[")
			return
		}
		tape.ServeHTTP(w, r)
	}))
	defer srv.Close()
	r := &connectortest.Recorder{}
	if err := con.Read(t.Context(), with(srv.URL), r); err != nil || !r.Whole() {
		t.Errorf("%v %v", err, r.Gaps())
	}
}

func TestLongListsArePagedToTheirEnd(t *testing.T) {
	_, s := forge()
	s.Lists = []connector.List{{Kind: "forge_member", Path: "/m?page=1", Key: "id", Next: connector.NumberPages("page", 1)}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var page int
		fmt.Sscan(r.URL.Query().Get("page"), &page)
		if page > 300 {
			io.WriteString(w, "[]")
			return
		}
		fmt.Fprintf(w, `[{"id":%d},{"id":%d}]`, 2*page, 2*page+1)
	}))
	defer srv.Close()
	r := &connectortest.Recorder{}
	if err := s.Read(t.Context(), with(srv.URL), r); err != nil || r.Count("forge_member") != 600 || !r.Completed("forge_member", "") {
		t.Errorf("%v, %d members, %v", err, r.Count("forge_member"), r.Gaps())
	}
}

func TestPagers(t *testing.T) {
	_, s := forge()
	tape := connectortest.Cassette{
		"/m":       {Body: `{"list":[{"id":1}],"links":{"next":"/m?p=2"}}`},
		"/m?p=2":   {Body: `{"list":[{"id":2}],"links":{"next":"?p=3"}}`},
		"/m?p=3":   {Body: `{"list":[{"id":3}],"links":{"next":null}}`},
		"/bad":     {Body: `{"list":[{"id":1}],"links":{"next":5}}`},
		"/bad-num": {Body: `[]`},
	}
	srv := httptest.NewServer(replay(tape))
	defer srv.Close()
	s.Lists = []connector.List{{Kind: "forge_member", Path: "/m", Items: "list", Key: "id", Next: connector.URLPages("links.next")}}
	r := &connectortest.Recorder{}
	if err := s.Read(t.Context(), with(srv.URL), r); err != nil || r.Count("forge_member") != 3 || !r.Whole() {
		t.Errorf("%v, %d, %v", err, r.Count("forge_member"), r.Gaps())
	}
	s.Lists[0].Path = "/bad"
	r = &connectortest.Recorder{}
	if err := s.Read(t.Context(), with(srv.URL), r); err != nil || r.Whole() {
		t.Errorf("%v, %v", err, r.Gaps())
	}
}

func TestAListThatIsLeftOutIsEmptyOnlyWhereNothingElseIsSaid(t *testing.T) {
	for body, whole := range map[string]bool{`{}`: true, `{"kind":"members","etag":"x"}`: true, `{"members":[]}`: true, `{"error":"internal"}`: false,
		`{"kind":"members","warning":"partial"}`: false, `{"members":null}`: false, `[]`: false} {
		_, s := forge()
		s.Sparse = []string{"kind", "etag"}
		s.Lists = []connector.List{{Kind: "forge_member", Path: "/m", Items: "members", Key: "id"}}
		srv := httptest.NewServer(replay(connectortest.Cassette{"/m": {Body: body}}))
		r := &connectortest.Recorder{}
		if err := s.Read(t.Context(), with(srv.URL), r); err != nil || r.Completed("forge_member", "") != whole {
			t.Errorf("%s: complete %t, %v, %v", body, !whole, err, r.Gaps())
		}
		srv.Close()
	}
}

func TestEventsAreReadOnFromWhereTheLastRunEnded(t *testing.T) {
	_, s := forge()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s.Lists = []connector.List{{Kind: "forge_event", Path: "/events?from={since}&to={until}", Key: "id", Kept: 48 * time.Hour}}
	srv := httptest.NewServer(replay(connectortest.Cassette{
		"/events?from=2026-02-27T12%3A00%3A00Z&to=2026-03-01T12%3A00%3A00Z": {Body: `[{"id":1}]`},
		"/events?from=2026-03-01T11%3A00%3A00Z&to=2026-03-02T12%3A00%3A00Z": {Body: `[{"id":2}]`},
	}))
	defer srv.Close()
	first := &connectortest.Recorder{Clock: now}
	if err := s.Read(t.Context(), with(srv.URL), first); err != nil || !first.Completed("forge_event", "") {
		t.Fatalf("%v, %v", err, first.Gaps())
	}
	second := first.Next()
	second.Clock = now.Add(24 * time.Hour)
	if err := s.Read(t.Context(), with(srv.URL), second); err != nil || second.Count("forge_event") != 1 || len(second.Keys("forge_event", "")) != 2 {
		t.Errorf("%v, %v, %v", err, second.Gaps(), second.Keys("forge_event", ""))
	}
	third := second.Next() // denied: what was read before is the place to go on from
	third.Clock = now.Add(24 * time.Hour)
	s.Lists[0].Path = "/none"
	if err := s.Read(t.Context(), with(srv.URL), third); err != nil || third.Completed("forge_event", "") {
		t.Errorf("%v: a list that was not read is complete", err)
	}
	if at := third.Next().Since("forge_event", ""); !at.Equal(now.Add(24 * time.Hour)) {
		t.Errorf("the next run goes on from %v", at)
	}
}

func TestAListThatExpiredIsReadAnew(t *testing.T) {
	_, s := forge()
	s.Expired = http.StatusGone
	s.Lists = []connector.List{{Kind: "forge_member", Path: "/members", Items: "items", Key: "id", Accept: "application/json;as=short", Next: connector.CursorPages("next", "continue")}}
	for name, c := range map[string]struct {
		pages []string // "" is 410
		keys  int
		whole bool
	}{
		"once":       {pages: []string{`{"items":[{"id":1,"v":1}],"next":"a"}`, "", `{"items":[{"id":1,"v":2},{"id":2}],"next":"b"}`, `{"items":[{"id":3}]}`}, keys: 3, whole: true},
		"for ever":   {pages: []string{`{"items":[{"id":1}],"next":"a"}`, "", `{"items":[{"id":1}],"next":"a"}`, "", `{"items":[{"id":1}],"next":"a"}`, "", `{"items":[{"id":1}],"next":"a"}`, ""}, keys: 1},
		"at once":    {pages: []string{""}},
		"two by one": {pages: []string{`{"items":[{"id":1,"v":1},{"id":1,"v":2}],"next":"a"}`, "", `{"items":[{"id":1,"v":2}]}`}, keys: 1},
	} {
		asked := 0
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			if asked > len(c.pages) || r.Header.Get("Accept") != "application/json;as=short" {
				t.Errorf("%s: asked %d times, for %s", name, asked, r.Header.Get("Accept"))
			} else if c.pages[asked-1] != "" {
				io.WriteString(w, c.pages[asked-1])
				return
			}
			w.WriteHeader(http.StatusGone)
		}))
		r := &connectortest.Recorder{}
		if err := s.Read(t.Context(), with(srv.URL), r); err != nil || r.Count("forge_member") != c.keys || r.Completed("forge_member", "") != c.whole || asked != len(c.pages) {
			t.Errorf("%s: %v, %d objects, whole is %v, asked %d times, %v", name, err, r.Count("forge_member"), r.Completed("forge_member", ""), asked, r.Gaps())
		}
		srv.Close()
	}
}

func TestAServiceIsTrustedByItsOwnAuthority(t *testing.T) {
	_, s := forge()
	s.Lists = []connector.List{{Kind: "forge_member", Path: "/members", Key: "id"}}
	s.Roots = func(v connector.Values) string { return v["ca"] }
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `[{"id":1}]`) }))
	defer srv.Close()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	v := with(srv.URL)
	for ca, want := range map[string]fault.Kind{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})): "",
		"":           fault.Unavailable,
		"not in PEM": fault.Invalid,
	} {
		v["ca"] = ca
		r := &connectortest.Recorder{}
		if err := s.Read(t.Context(), v, r); want == "" && (err != nil || !r.Completed("forge_member", "")) || want != "" && !fault.Is(err, want) {
			t.Errorf("%q: %v %v", ca, err, r.Gaps())
		}
	}
}

func TestDeclarationsThatCannotWorkAreRefused(t *testing.T) {
	_, s := forge()
	for _, lists := range [][]connector.List{
		nil,
		{{Kind: "a", Path: "/a"}},
		{{Kind: "a", Path: "/a", Key: "id"}, {Kind: "a", Path: "/b", Key: "id"}},
		{{Kind: "b", For: "a", Path: "/b", Key: "id"}, {Kind: "a", Path: "/a", Key: "id"}},
	} {
		s.Lists = lists
		if err := s.Read(t.Context(), with("http://127.0.0.1:1"), &connectortest.Recorder{}); err == nil || errors.Is(err, http.ErrNotSupported) {
			t.Errorf("%v was taken", lists)
		}
	}
}

// An answer whose compression ends early or is damaged says so, and nothing of it counts.
func TestAnAnswerWithDamagedCompressionIsNamedSo(t *testing.T) {
	var whole strings.Builder
	z := gzip.NewWriter(&whole)
	io.WriteString(z, `[{"id":1,"login":"ada"}]`)
	z.Close()
	sum := []byte(whole.String())
	sum[len(sum)-6] ^= 1
	for name, c := range map[string]struct{ body, says string }{
		"ends early":     {whole.String()[:whole.Len()-9], "broke off"},
		"ends at once":   {whole.String()[:5], "broke off"},
		"is none":        {"this was never compressed", "is compressed, and damaged"},
		"has a bad sum":  {string(sum), "is compressed, and damaged"},
		"is bad in it":   {whole.String()[:12] + "\xff\xff\xff" + whole.String()[15:], "is compressed, and damaged"},
		"of an end only": {"", "answered nothing"},
	} {
		con, _ := forge()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, c.body)
		}))
		r := &connectortest.Recorder{}
		if err := con.Read(t.Context(), with(srv.URL), r); err != nil || len(r.Gaps()) == 0 || !strings.Contains(r.Gaps()[0].Reason, c.says) || r.Count("forge_member") != 0 || r.Whole() {
			t.Errorf("%s: %v %v", name, err, r.Gaps())
		}
		srv.Close()
	}
}

// A part that is out of order for every object costs few tries, not six for each; and one answer restores its credit.
func TestAPartThatIsOutOfOrderIsTriedLessAndLess(t *testing.T) {
	con, _ := forge()
	const projects = 60
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/orgs/acme/projects":
			io.WriteString(w, `{"data":{"next":null,"total":60,"list":[`)
			for i := range projects {
				fmt.Fprintf(w, `%s{"name":"p%d"}`, strings.Repeat(",", min(i, 1)), i)
			}
			io.WriteString(w, `]}}`)
		case strings.HasSuffix(r.URL.Path, "/protection"):
			asked.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
		default:
			io.WriteString(w, "[]")
		}
	}))
	defer srv.Close()
	r := &connectortest.Recorder{}
	if err := con.Read(t.Context(), with(srv.URL), r); err != nil || r.Count("forge_project") != projects {
		t.Fatalf("%v, %d projects", err, r.Count("forge_project"))
	}
	if n := asked.Load(); n < projects || n > projects+4*6 {
		t.Errorf("the part was asked %d times for %d projects", n, projects)
	}
	if len(r.Gaps()) == 0 || !strings.Contains(fmt.Sprint(r.Gaps()), "answered 500") || strings.Contains(fmt.Sprint(r.Gaps()), "after 1 tries") {
		t.Errorf("%v", r.Gaps())
	}
}

package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

const planted = "github_pat_planted0secret"

func suite(t testing.TB) connectortest.Suite {
	return connectortest.Suite{Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Cassette: connectortest.Load(t, "testdata/cassette.json"), Secrets: []string{planted},
		Values: connector.Values{"org": "acme", "token": planted, "audit_log": "yes"}}
}

func TestGitHubConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func TestGitHubIsAskedAndAnswersAsDescribed(t *testing.T) {
	connectortest.Described(t, suite(t).Cassette, "testdata/openapi.json", "")
}

func TestAnAppSignsInByItsKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := suite(t)
	s.Cassette = maps.Clone(s.Cassette)
	s.Cassette["POST /app/installations/77/access_tokens"] = connectortest.Reply{Status: 201, Body: `{"token":"ghs_fetched0secret","expires_at":"2026-03-01T01:00:00Z","permissions":{"metadata":"read"}}`}
	s.Tokens = []string{"POST /app/installations/77/access_tokens"}
	s.Values = connector.Values{"org": "acme", "audit_log": "yes", "app_id": "12", "installation_id": "77",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))}
	s.Secrets = []string{"ghs_fetched0secret", "BEGIN RSA PRIVATE KEY"}
	connectortest.Run(t, Connector(), s)
}

func TestAConnectionWithoutACredentialIsRefused(t *testing.T) {
	for _, v := range []connector.Values{{"org": "acme"}, {"org": "acme", "app_id": "1"}, {"org": "acme", "token": "x", "audit_log": "maybe"}} {
		if err := Connector().Read(t.Context(), v, &connectortest.Recorder{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: %v", v, err)
		}
	}
}

// heard reads the cassette with some answers otherwise.
func heard(t testing.TB, otherwise connectortest.Cassette) *connectortest.Recorder {
	t.Helper()
	s := suite(t)
	maps.Copy(s.Cassette, otherwise)
	srv := httptest.NewServer(connectortest.Serve(t, s.Cassette))
	defer srv.Close()
	s.Values["endpoint"] = srv.URL
	r := &connectortest.Recorder{Clock: s.Now}
	if err := Connector().Read(t.Context(), s.Values, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func says(status int, message string) connectortest.Reply {
	return connectortest.Reply{Status: status, Body: fmt.Sprintf(`{"message":%q,"documentation_url":"https://docs.github.example"}`, message)}
}

// GitHub's limits of questions in an hour, and of many at once, are waited for and are no refusal.
func TestTheRateLimitIsWaitedFor(t *testing.T) {
	s := suite(t)
	var mu sync.Mutex
	limited := map[string]bool{}
	tape := connectortest.Serve(t, s.Cassette)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		first := !limited[r.URL.RequestURI()]
		limited[r.URL.RequestURI()] = true
		n := len(limited)
		mu.Unlock()
		if first && n%3 == 0 {
			w.Header().Set("X-RateLimit-Remaining", "0")
			w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(s.Now.Unix()-1, 10))
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"message":"API rate limit exceeded for installation."}`)
			return
		}
		if first && n%3 == 1 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}`)
			return
		}
		tape.ServeHTTP(w, r)
	}))
	defer srv.Close()
	s.Values["endpoint"] = srv.URL
	r := &connectortest.Recorder{Clock: s.Now}
	if err := Connector().Read(t.Context(), s.Values, r); err != nil || !r.Whole() {
		t.Errorf("%v %+v", err, r.Gaps())
	}
}

// That something is off is a fact; that it may not be seen is not.
func TestOffIsToldApartFromRefused(t *testing.T) {
	protection, alerts := "/repos/acme/web/branches/main/protection", "/repos/acme/web/vulnerability-alerts"
	dependabot, scanning, secret := "/orgs/acme/dependabot/alerts?per_page=100", "/orgs/acme/code-scanning/alerts?per_page=100", "/orgs/acme/secret-scanning/alerts?hide_secret=true&per_page=100"
	for _, c := range []struct {
		path   string
		reply  connectortest.Reply
		denied string // the kind and part that are denied; empty: nothing is
	}{
		{protection, says(404, "Branch not protected"), ""},
		{protection, says(404, "Branch not found"), ""},
		{protection, says(403, "Upgrade to GitHub Pro or make this repository public to enable this feature."), ""},
		{protection, says(404, "Not Found"), KindRepository + ".protection"},
		{protection, says(403, "Resource not accessible by personal access token"), KindRepository + ".protection"},
		{alerts, says(404, "Vulnerability alerts are disabled."), ""},
		{alerts, says(404, "Not Found"), KindRepository + ".vulnerability_alerts"},
		{dependabot, says(403, "Dependabot alerts are disabled for this organization."), ""},
		{dependabot, says(403, "Resource not accessible by integration"), KindDependabot + "."},
		{scanning, says(404, "no analysis found"), ""},
		{scanning, says(403, "Advanced Security must be enabled for this organization to use code scanning."), ""},
		{scanning, says(404, "Not Found"), KindCodeScanning + "."},
		{secret, says(404, "Secret scanning is disabled on this organization."), ""},
		{secret, says(404, "Not Found"), KindSecret + "."},
		{"/orgs/acme/members?filter=2fa_disabled&per_page=100", says(422, "Only owners can use this filter."), KindMember + ".two_factor_disabled"},
		{"/orgs/acme", says(404, "Not Found"), KindOrganization + "."},
	} {
		r := heard(t, connectortest.Cassette{c.path: c.reply})
		denied := ""
		for _, g := range r.Gaps() {
			if g.Denied {
				denied = g.Kind + "." + g.Part
			}
		}
		if denied != c.denied || (len(r.Gaps()) > 0) != (c.denied != "") {
			t.Errorf("%s, %s: %+v", c.path, c.reply.Body, r.Gaps())
		}
		if b := r.Body(KindRepository, "acme/web"); c.path == protection {
			if v, said := b["protection"]; said != (c.denied == "") || v != nil {
				t.Errorf("%s: the protection is %v", c.reply.Body, v)
			}
		} else if c.path == alerts {
			if v, said := b["vulnerability_alerts"]; said != (c.denied == "") || said && v != false {
				t.Errorf("%s: alerts are %v", c.reply.Body, v)
			}
		}
	}
}

func vocabulary(t testing.TB) *check.Vocabulary {
	t.Helper()
	var kinds []*record.Kind
	for _, k := range Kinds() {
		kinds = append(kinds, &k)
	}
	v, err := check.NewVocabulary(kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// seen is a record of the cassette through a view, after a change to its body.
func seen(t *testing.T, words *check.Vocabulary, r *connectortest.Recorder, view, kind, key string, change func(body map[string]any)) map[string]any {
	t.Helper()
	body := r.Body(kind, key)
	if body == nil {
		t.Fatalf("there is no %s %s", kind, key)
	}
	if change != nil {
		change(body)
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := expr.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	out, in, err := words.See(view, kind, doc)
	if err != nil {
		t.Fatal(err)
	}
	if in.Answer != expr.True {
		return nil
	}
	fields := map[string]any{}
	for _, name := range strings.Fields(`id title author merged_at merged_by repository commit url authors approvers independent checks_passed system environment at by status
		severity asset detected fixed state tool enabled admin mfa external service account role`) {
		p := words.ViewField(view, kind, name)
		if p == "" {
			continue
		}
		if values, _ := words.Values(view, kind, doc, name); values[0] != nil {
			fields[name] = values[0]
		}
	}
	if out == nil {
		t.Fatal("nothing is seen")
	}
	return fields
}

func TestViewsSayWhatGitHubSaid(t *testing.T) {
	words, r := vocabulary(t), heard(t, nil)
	for _, c := range []struct{ view, kind, key, want string }{
		{"account", KindMember, "101", "admin:true enabled:true external:false id:ada-oak mfa:true service:false"},
		{"account", KindMember, "103", "admin:false enabled:true external:false id:cy-ash mfa:false service:false"},
		{"account", KindOutside, "104", "admin:false enabled:true external:true id:dan-fir mfa:true service:false"},
		{"deployment", KindDeployment, "acme/web#21", "at:2026-02-11 11:00:00 +0000 UTC by:ada-oak commit:" + strings.Repeat("b", 40) + " environment:production id:acme/web#21 status:success system:acme/web"},
		{"vulnerability", KindDependabot, "acme/web#3", "asset:acme/web detected:2026-01-05 00:00:00 +0000 UTC id:acme/web#3 severity:high state:open title:Parsing may not end tool:Dependabot"},
		{"vulnerability", KindCodeScanning, "acme/web#4", "asset:acme/web detected:2026-01-06 00:00:00 +0000 UTC fixed:2026-01-20 00:00:00 +0000 UTC id:acme/web#4 severity:critical state:fixed title:Query built from input tool:CodeQL"},
		{"vulnerability", KindSecret, "acme/web#5", "asset:acme/web detected:2026-01-07 00:00:00 +0000 UTC fixed:2026-01-08 00:00:00 +0000 UTC id:acme/web#5 severity:critical state:fixed title:Adafruit IO Key tool:Secret scanning"},
		{"grant", KindAudit, "doc2", "account:bo-elm at:2026-02-11 08:53:20 +0000 UTC by:ada-oak id:doc2 role:team.add_member system:acme/core"},
		{"grant", KindAudit, "doc1", "<nil>"},
		{"change", KindPull, "acme/web#7", "approvers:[bo-elm] author:ada-oak authors:[ada-oak ada-oak ada-oak cy-ash] checks_passed:true commit:" + strings.Repeat("b", 40) + " id:acme/web#7 independent:true " +
			"merged_at:2026-02-11 10:00:00 +0000 UTC merged_by:bo-elm repository:acme/web title:read the archive faster url:https://github.example/acme/web/pull/7"},
	} {
		got := seen(t, words, r, c.view, c.kind, c.key, nil)
		said := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(got), "map["), "]")
		if got == nil {
			said = "<nil>"
		}
		if said != c.want {
			t.Errorf("%s of %s %s:\n got %s\nwant %s", c.view, c.kind, c.key, said, c.want)
		}
	}
}

// What counts as somebody else's approval of all that was merged, and what cannot be told.
func TestIndependentApprovalIsByNobodyWhoWroteAnyOfIt(t *testing.T) {
	words, r := vocabulary(t), heard(t, nil)
	type m = map[string]any
	commits := func(b m) []any { return b["commit_list"].([]any) }
	last := func(b m) m { return commits(b)[1].(m) }
	approval := func(b m) m { return b["reviews"].([]any)[1].(m) }
	by := func(login string, id int, kind string) m { return m{"login": login, "id": id, "type": kind} }
	trailer := func(b m, s string) { last(b)["commit"].(m)["message"] = "one\n\n" + s }
	for name, c := range map[string]struct {
		change func(b m)
		want   string
	}{
		"as it was":                               {func(m) {}, "true"},
		"no review":                               {func(b m) { b["reviews"] = []any{} }, "false"},
		"a comment only":                          {func(b m) { approval(b)["state"] = "COMMENTED" }, "false"},
		"dismissed":                               {func(b m) { approval(b)["state"] = "DISMISSED" }, "false"},
		"of a commit before the last":             {func(b m) { approval(b)["commit_id"] = strings.Repeat("f", 40) }, "false"},
		"after the merge":                         {func(b m) { approval(b)["submitted_at"] = "2026-02-11T10:00:01Z" }, "false"},
		"by a bot":                                {func(b m) { approval(b)["user"] = by("helper[bot]", 9, "Bot") }, "false"},
		"by a bot that calls itself a user":       {func(b m) { approval(b)["user"] = by("helper[bot]", 9, "User") }, "false"},
		"by an account that is gone":              {func(b m) { approval(b)["user"] = nil }, "false"},
		"by who opened it":                        {func(b m) { approval(b)["user"] = by("ada-oak", 101, "User") }, "false"},
		"by who opened it, written otherwise":     {func(b m) { approval(b)["user"] = by("Ada-Oak", 101, "User") }, "false"},
		"by the author of one commit":             {func(b m) { approval(b)["user"] = by("eve", 105, "User"); last(b)["author"] = by("eve", 105, "User") }, "false"},
		"by a co-author":                          {func(b m) { approval(b)["user"] = by("cy-ash", 103, "User") }, "false"},
		"opened by a bot, approved by its author": {func(b m) { b["user"] = by("dependabot[bot]", 1, "Bot"); last(b)["author"] = by("bo-elm", 102, "User") }, "false"},
		"changes were asked for afterwards": {func(b m) {
			b["reviews"] = append(b["reviews"].([]any), m{"id": 3, "user": by("bo-elm", 102, "User"), "state": "CHANGES_REQUESTED", "commit_id": strings.Repeat("d", 40), "submitted_at": "2026-02-11T09:30:00Z", "author_association": "MEMBER"})
		}, "false"},
		"changes were asked for by another": {func(b m) {
			b["reviews"] = append(b["reviews"].([]any), m{"id": 3, "user": nil, "state": "CHANGES_REQUESTED", "commit_id": strings.Repeat("d", 40), "submitted_at": "2026-02-11T09:30:00Z", "author_association": "MEMBER"})
		}, "true"},
		"by a stranger, where anybody may": {func(b m) {
			b["base"].(m)["repo"].(m)["private"] = false
			approval(b)["author_association"] = "CONTRIBUTOR"
		}, "false"},
		"by a member, where anybody may":              {func(b m) { b["base"].(m)["repo"].(m)["private"] = false }, "true"},
		"a commit is linked to nobody":                {func(b m) { last(b)["author"] = nil }, "unknown"},
		"a commit is linked to an empty account":      {func(b m) { last(b)["author"] = m{} }, "unknown"},
		"linked to nobody, and no approval":           {func(b m) { last(b)["author"] = nil; b["reviews"] = []any{} }, "false"},
		"linked to nobody, approved by its opener":    {func(b m) { last(b)["author"] = nil; approval(b)["user"] = by("ada-oak", 101, "User") }, "false"},
		"a co-author whose address is nobody's":       {func(b m) { trailer(b, "Co-authored-by: Bo <bo@home.example>") }, "unknown"},
		"a co-author in other letters":                {func(b m) { trailer(b, "CO-AUTHORED-BY: Bo <bo@home.example>") }, "unknown"},
		"a co-author without an address":              {func(b m) { trailer(b, "Co-authored-by: Bo") }, "unknown"},
		"a co-author with the address of an author":   {func(b m) { trailer(b, "Co-authored-by: Ada <ADA@example.com>") }, "true"},
		"a co-author that is a machine":               {func(b m) { trailer(b, "Co-Authored-By: Claude <noreply@anthropic.com>") }, "true"},
		"more commits than GitHub lists":              {func(b m) { b["commits"] = 251 }, "unknown"},
		"no number of commits":                        {func(b m) { delete(b, "commits") }, "unknown"},
		"the commits were not read":                   {func(b m) { delete(b, "commit_list") }, "unknown"},
		"the reviews were not read":                   {func(b m) { delete(b, "reviews") }, "unknown"},
		"whether anybody may review was not told":     {func(b m) { delete(b["base"].(m)["repo"].(m), "private"); approval(b)["author_association"] = "NONE" }, "unknown"},
		"into a branch that nothing is released from": {func(b m) { b["base"].(m)["ref"] = "wip" }, "not a change"},
	} {
		got := seen(t, words, r, "change", KindPull, "acme/web#7", c.change)
		said := "unknown"
		if v, ok := got["independent"]; ok {
			said = fmt.Sprint(v)
		} else if got == nil {
			said = "not a change"
		}
		if said != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, said, c.want, got)
		}
		if _, ok := got["authors"]; said == "true" && !ok {
			t.Errorf("%s: independent of authors that are not known", name)
		}
	}
}

func TestChecksHadPassedOnlyWhenAllDid(t *testing.T) {
	words, r := vocabulary(t), heard(t, nil)
	type m = map[string]any
	run := func(b m) m { return b["check_runs"].([]any)[0].(m) }
	for name, c := range map[string]struct {
		change func(b m)
		want   any
	}{
		"all":                 {func(m) {}, true},
		"one failed":          {func(b m) { run(b)["conclusion"] = "failure" }, false},
		"one was not over":    {func(b m) { run(b)["status"], run(b)["conclusion"] = "in_progress", nil }, false},
		"a status is pending": {func(b m) { b["status_list"].([]any)[0].(m)["state"] = "pending" }, false},
		"one was left out":    {func(b m) { run(b)["conclusion"] = "skipped" }, true},
		"there were none":     {func(b m) { b["check_runs"], b["status_list"] = []any{}, []any{} }, false},
		"they were not read":  {func(b m) { delete(b, "check_runs") }, nil},
	} {
		if got := seen(t, words, r, "change", KindPull, "acme/web#7", c.change)["checks_passed"]; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

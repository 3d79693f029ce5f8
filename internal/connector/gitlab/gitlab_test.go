package gitlab

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

const planted = "glpat-planted0secret"

func suite(t *testing.T) connectortest.Suite {
	return connectortest.Suite{Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Cassette: connectortest.Load(t, "testdata/cassette.json"), Secrets: []string{planted},
		Values: connector.Values{"group": "acme", "token": planted}}
}

func TestGitLabConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func TestAConnectionWithoutATokenIsRefused(t *testing.T) {
	if err := Connector().Read(t.Context(), connector.Values{"group": "acme"}, &connectortest.Recorder{}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

// heard reads the cassette with some answers otherwise.
func heard(t *testing.T, otherwise connectortest.Cassette) *connectortest.Recorder {
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

// What GitLab hides it answers with 404, and what GraphQL cannot answer with 200.
func TestWhatWasNotAnsweredIsAGap(t *testing.T) {
	for _, c := range []struct {
		request string
		reply   connectortest.Reply
		denied  bool
	}{
		{"/api/v4/projects/1/approvals", connectortest.Reply{Status: 404, Body: `{"message":"404 Not Found"}`}, true},
		{"/api/v4/groups/acme/access_tokens?state=active&per_page=100", connectortest.Reply{Status: 404, Body: `{"message":"404 Group Not Found"}`}, true},
		{"POST /api/graphql", connectortest.Reply{Body: `{"data":null,"errors":[{"message":"Query has complexity of 300, which exceeds max complexity of 250"}]}`}, false},
		{"POST /api/graphql", connectortest.Reply{Body: `{"data":{"project":null}}`}, false},
	} {
		r := heard(t, connectortest.Cassette{c.request: c.reply})
		if len(r.Gaps()) != 1 || r.Gaps()[0].Denied != c.denied {
			t.Errorf("%s, %s: %+v", c.request, c.reply.Body, r.Gaps())
		}
		if strings.HasPrefix(c.request, "POST") && r.Completed(KindRequest, "acme/web") {
			t.Errorf("%s: a merged request without its commits counts as read", c.reply.Body)
		}
	}
}

func vocabulary(t *testing.T) *check.Vocabulary {
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

// seen is a record of the cassette through a view, after a change to its body; nil when it is not in the view.
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
	fields := map[string]any{}
	for _, name := range strings.Fields(`id title author merged_at merged_by repository commit url authors approvers independent checks_passed system environment at by status
		enabled admin email name service created expires`) {
		if words.ViewField(view, kind, name) == "" {
			continue
		}
		values, in := words.Values(view, kind, doc, name)
		if in.Answer != expr.True {
			return nil
		}
		if values[0] != nil {
			fields[name] = values[0]
		}
	}
	return fields
}

func TestViewsSayWhatGitLabSaid(t *testing.T) {
	words, r := vocabulary(t), heard(t, nil)
	for _, c := range []struct{ view, kind, key, want string }{
		{"account", KindMember, "11", "admin:true email:ada@example.com enabled:true id:ada-oak name:Ada Oak service:false"},
		{"account", KindMember, "12", "admin:false enabled:true id:bo-elm name:Bo Elm service:false"},
		{"account", KindMember, "14", "admin:true enabled:true id:group_9_bot_ab12 name:Group_9_Bot_Ab12 service:true"},
		{"token", KindProjectToken, "acme/web#31", "created:2026-01-01 00:00:00 +0000 UTC expires:2027-06-30 id:31 name:deploy"},
		{"deployment", KindDeployment, "acme/web#42", "at:2026-02-11 11:00:00 +0000 UTC by:ada-oak commit:" + strings.Repeat("b", 40) + " environment:production id:acme/web#42 status:success system:acme/web"},
		{"change", KindRequest, "acme/web!7", "approvers:[bo-elm] author:ada-oak authors:[ada-oak ada-oak ada-oak cy-ash] checks_passed:true commit:" + strings.Repeat("b", 40) + " id:acme/web!7 independent:true " +
			"merged_at:2026-02-11 10:00:00 +0000 UTC merged_by:bo-elm repository:acme/web title:read the archive faster url:https://gitlab.example/acme/web/-/merge_requests/7"},
	} {
		got := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(seen(t, words, r, c.view, c.kind, c.key, nil)), "map["), "]")
		if got != c.want {
			t.Errorf("%s of %s %s:\n got %s\nwant %s", c.view, c.kind, c.key, got, c.want)
		}
	}
}

// What counts as somebody else's approval of all that was merged, and what cannot be told.
func TestIndependentApprovalIsByNobodyWhoWroteAnyOfIt(t *testing.T) {
	words, r := vocabulary(t), heard(t, nil)
	type m = map[string]any
	approval := func(b m) m { return b["approvals"].(m)["approved_by"].([]any)[0].(m) }
	last := func(b m) m { return b["commits"].(m)["nodes"].([]any)[1].(m) }
	for name, c := range map[string]struct {
		change func(b m)
		want   string
	}{
		"as it was":                   {func(m) {}, "true"},
		"no approval":                 {func(b m) { b["approvals"].(m)["approved_by"] = []any{} }, "false"},
		"before the last push":        {func(b m) { approval(b)["approved_at"] = "2026-02-10T11:59:59.000Z" }, "false"},
		"after the merge":             {func(b m) { approval(b)["approved_at"] = "2026-02-11T10:00:01.000Z" }, "false"},
		"when is not told":            {func(b m) { delete(approval(b), "approved_at") }, "unknown"},
		"by who opened it":            {func(b m) { approval(b)["user"] = m{"username": "Ada-Oak"} }, "false"},
		"by an author":                {func(b m) { last(b)["author"] = m{"username": "bo-elm"} }, "false"},
		"by a co-author":              {func(b m) { approval(b)["user"] = m{"username": "cy-ash"} }, "false"},
		"by a token's account":        {func(b m) { approval(b)["user"] = m{"username": "project_1_bot_77"} }, "false"},
		"the last version is another": {func(b m) { b["sha"] = strings.Repeat("e", 40) }, "false"},
		"an author nobody knows":      {func(b m) { last(b)["author"] = nil }, "unknown"},
		"a co-author nobody knows":    {func(b m) { last(b)["message"] = "x\n\nCo-authored-by: Bo <bo@home.example>" }, "unknown"},
		"a machine as co-author":      {func(b m) { last(b)["message"] = "x\n\nCo-Authored-By: Claude <noreply@anthropic.com>" }, "true"},
		"more commits than were told": {func(b m) { b["commits"].(m)["pageInfo"].(m)["hasNextPage"] = true }, "unknown"},
		"no commits were read":        {func(b m) { delete(b, "commits") }, "unknown"},
		"no versions were read":       {func(b m) { delete(b, "versions") }, "unknown"},
		"into another branch":         {func(b m) { b["target_branch"] = "wip" }, "not a change"},
	} {
		got := seen(t, words, r, "change", KindRequest, "acme/web!7", c.change)
		said := "unknown"
		if v, ok := got["independent"]; ok {
			said = fmt.Sprint(v)
		} else if got == nil {
			said = "not a change"
		}
		if said != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, said, c.want, got)
		}
	}
}

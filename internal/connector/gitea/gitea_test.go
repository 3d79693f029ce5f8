package gitea

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

const planted = "gitea0planted0secret"

func suite(t *testing.T) connectortest.Suite {
	return connectortest.Suite{Now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Cassette: connectortest.Load(t, "testdata/cassette.json"), Secrets: []string{planted},
		Values: connector.Values{"org": "acme", "token": planted}}
}

func TestGiteaConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func TestGiteaIsAskedAndAnswersAsDescribed(t *testing.T) {
	connectortest.Described(t, suite(t).Cassette, "testdata/openapi.json", "/api/v1")
}

func TestAConnectionWithoutATokenIsRefused(t *testing.T) {
	if err := Connector().Read(t.Context(), connector.Values{"org": "acme"}, &connectortest.Recorder{}); !fault.Is(err, fault.Invalid) {
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

func TestViewsSayWhatGiteaSaid(t *testing.T) {
	words, r := vocabulary(t), heard(t, nil)
	for _, c := range []struct{ view, kind, key, want string }{
		{"account", KindMember, "2", "created:2025-01-01 00:00:00 +0000 UTC email:ada-oak@example.com enabled:true id:ada-oak name:Ada Oak"},
		// Whether an account is off only an administrator of the server is told.
		{"account", KindMember, "4", "created:2025-01-01 00:00:00 +0000 UTC email:cy-ash@example.com id:cy-ash name:Cy Ash"},
		{"change", KindPull, "acme/web#7", "approvers:[bo-elm] author:ada-oak authors:[ada-oak ada-oak ada-oak] checks_passed:true commit:" + strings.Repeat("b", 40) + " id:acme/web#7 independent:true " +
			"merged_at:2026-02-11 10:00:00 +0000 UTC merged_by:bo-elm repository:acme/web title:read the archive faster url:https://gitea.example/acme/web/pulls/7"},
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
	approval := func(b m) m { return b["reviews"].([]any)[1].(m) }
	last := func(b m) m { return b["commits"].([]any)[0].(m) }
	message := func(b m, s string) { last(b)["commit"].(m)["message"] = s }
	for name, c := range map[string]struct {
		change func(b m)
		want   string
	}{
		"as it was":                     {func(m) {}, "true"},
		"no review":                     {func(b m) { b["reviews"] = []any{} }, "false"},
		"dismissed":                     {func(b m) { approval(b)["dismissed"] = true }, "false"},
		"a comment only":                {func(b m) { approval(b)["state"] = "COMMENT" }, "false"},
		"of a commit before the last":   {func(b m) { approval(b)["commit_id"] = strings.Repeat("f", 40) }, "false"},
		"after the merge":               {func(b m) { approval(b)["submitted_at"] = "2026-02-11T10:00:01Z" }, "false"},
		"by who opened it":              {func(b m) { approval(b)["user"] = m{"login": "Ada-Oak", "id": 2} }, "false"},
		"by an author":                  {func(b m) { last(b)["author"] = m{"login": "bo-elm", "id": 3} }, "false"},
		"by an account that is gone":    {func(b m) { approval(b)["user"] = m{"login": "Ghost", "id": -1} }, "false"},
		"changes were asked for after":  {func(b m) { b["reviews"].([]any)[0].(m)["submitted_at"] = "2026-02-11T09:30:00Z" }, "false"},
		"by a stranger where all may":   {func(b m) { b["repository_private"] = false; approval(b)["official"] = false }, "false"},
		"officially where all may":      {func(b m) { b["repository_private"] = false }, "true"},
		"an author nobody knows":        {func(b m) { last(b)["author"] = nil }, "unknown"},
		"an author without an account":  {func(b m) { last(b)["author"] = m{"login": "", "id": 0} }, "unknown"},
		"a co-author nobody knows":      {func(b m) { message(b, "x\n\nCo-authored-by: Bo <bo@home.example>") }, "unknown"},
		"a co-author who is the author": {func(b m) { message(b, "x\n\nCo-authored-by: Ada <ada@example.com>") }, "true"},
		"no commits were read":          {func(b m) { delete(b, "commits") }, "unknown"},
		"into another branch":           {func(b m) { b["base"].(m)["ref"] = "wip" }, "not a change"},
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
	}
}

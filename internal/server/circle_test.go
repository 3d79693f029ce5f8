package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// TestNoPageAndNoAnswerShowsAnotherTeamsEngagement asks for everything of the auditor's room over HTTP as a member of the firm who is
// not on the team. The words of the engagement hold "Zebra".
func TestNoPageAndNoAnswerShowsAnotherTeamsEngagement(t *testing.T) {
	w := open(t, workspace.Options{Data: t.TempDir(), Firm: true})
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{}
	people := map[string]access.Session{}
	for _, p := range []string{"zoe", "pete", "rita"} {
		if _, err := w.Book.Put(t.Context(), me, record.Change{Kind: "person", Key: p, Body: json.RawMessage(`{"id":"` + p + `","name":"` + p + `","email":"` + p + `@firm.example"}`)}); err != nil {
			t.Fatal(err)
		}
		u, err := w.Gate.CreateUser(t.Context(), me, access.NewUser{Key: p, Name: p, Email: p + "@firm.example", Roles: []access.Role{access.Auditor, access.Lead}, Person: p})
		if err != nil {
			t.Fatal(err)
		}
		people[p] = access.Session{User: u, Method: access.ByPasskey, Started: time.Now()}
		if tokens[p], _, err = w.Gate.NewToken(t.Context(), me, access.TokenRequest{User: p, Name: "test", Scope: access.ScopeRead}); err != nil {
			t.Fatal(err)
		}
	}
	do := func(c record.Change) record.Version {
		t.Helper()
		v, err := w.Book.Put(access.NewContext(t.Context(), people["zoe"]), people["zoe"], c)
		if err != nil {
			t.Fatal(err)
		}
		return v[0]
	}
	made := []record.Version{
		do(record.Change{Kind: "engagement", Key: "k-26", Body: json.RawMessage(`{"id":"k-26","name":"Zebra Type II","company":"Zebra","operator":"company","type":"type_2","categories":["security"],"system":"Zebra","from":"2026-01-01","to":"2026-06-30","zone":"UTC",
			"team":[{"person":"zoe","role":"partner","credential":"CPA"},{"person":"rita","role":"peer_reviewer","credential":"CPA"}],
			"firm":{"name":"F","licence":"1","jurisdiction":"NY","licensed_to":"2099-01-01","peer_reviewed":"2025-01-01","peer_review":"pass"}}`)}),
		do(record.Change{Kind: "independence", Key: "k-zoe", Body: json.RawMessage(`{"engagement":"k-26","person":"zoe","stage":"acceptance","interests":"None in Zebra."}`)}),
	}
	do(record.Change{Kind: "independence", Key: "k-zoe", Move: "confirm"})
	do(record.Change{Kind: "engagement", Key: "k-26", Move: "accept", Said: map[string]any{"competence": "x", "integrity": "x", "letter": strings.Repeat("ab", 32), "sponsor": "x"}})
	made = append(made, do(record.Change{Kind: "workpaper", Key: "k-paper", Body: json.RawMessage(`{"engagement":"k-26","reference":"Zebra-1","control":"AC-03","objective":"Zebra"}`)}))
	s, _ := working(t, w)
	h, err := s.handler()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path, token string) (int, string) {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		a := httptest.NewRecorder()
		h.ServeHTTP(a, r)
		return a.Code, a.Body.String()
	}
	now := url.QueryEscape(w.Log.Now().UTC().Format(time.RFC3339Nano))
	general := []string{"/", "/records", "/search?q=type", "/ledger", "/work", "/settings/history", "/settings/version", "/reports", "/records/person", "/api/v1/kinds", "/api/v1/ledger/actions", "/people/zoe"}
	var paths []string
	for _, v := range made {
		for _, base := range []string{"/api/v1/records/" + v.Kind, "/records/" + v.Kind} {
			paths = append(paths, base, base+"?sort=engagement", base+"?where="+url.QueryEscape(`r.state != "x"`), base+"?as_of="+now, base+"?count=true", base+"?from=2020-01-01T00:00:00Z",
				base+"/"+v.Key, base+"/"+v.Key+"?as_of="+now, base+"/"+v.Key+"/history", base+"/"+v.Key+"/proof", base+"/"+v.Key+"/raw", base+"/"+v.Key+"/bytes", base+"/"+v.Key+"/edit", base+"/"+v.Key+"/comments", base+"/"+v.Key+"/results", base+"/"+v.Key+"/attachments")
		}
		for _, format := range []string{"csv", "json", "jsonl"} {
			paths = append(paths, "/api/v1/export/"+v.Kind+"?format="+format)
		}
		paths = append(paths, "/new/"+v.Kind, fmt.Sprintf("/api/v1/ledger/entries/%d", v.Entry), fmt.Sprintf("/ledger?entry=%d", v.Entry))
	}
	told := 0
	for _, path := range append(general, paths...) {
		for _, by := range []string{"pete"} { // not on the team
			code, said := ask(path, tokens[by])

			words := strings.ToLower(said)
			if code >= 500 || strings.Contains(words, "zebra") {
				at := max(0, strings.Index(words, "zebra")-100)
				t.Errorf("%s answers %s with %d: …%s", path, by, code, said[at:min(len(said), at+300)])
			}
		}
		for _, by := range []string{"zoe", "rita"} {
			if code, said := ask(path, tokens[by]); code == http.StatusOK && strings.Contains(said, "ebra") {
				told++
			}
		}
	}
	if told < 60 {
		t.Errorf("only %d answers told the team of its engagement, so that the others prove little", told)
	}
	if sight := engagement.Sight(map[string]any{"state": "accepted", "proposed_by": "pete"}, record.Actor{Person: "pete"}); sight != record.Hidden {
		t.Error("who proposed an engagement sees it for ever")
	}
}

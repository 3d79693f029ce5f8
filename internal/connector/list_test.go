package connector_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

// answering reads lists from a service that answers by path; what it does not know is not found.
func answering(t *testing.T, s connector.Service, answers map[string]string) *connectortest.Recorder {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.RequestURI()]
		if status, text, is := strings.Cut(body, " "); is && status == "403" {
			w.WriteHeader(http.StatusForbidden)
			body = text
		} else if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	s.Base = func(connector.Values) string { return srv.URL }
	out := &connectortest.Recorder{}
	if err := s.Read(context.Background(), connector.Values{}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestListsWithinAnObjectAreOneList(t *testing.T) {
	s := connector.Service{Sparse: []string{"warning"}, Lists: []connector.List{{Kind: "disk", Path: "/disks", Items: "items.*.disks", Key: "name"}}}
	for body, want := range map[string]int{
		`{"items":{"a":{"disks":[{"name":"1"},{"name":"2"}]},"b":{"disks":[{"name":"3"}]},"c":{"warning":{}}}}`: 3,
		`{"items":{}}`:  0,
		`{"warning":1}`: 0,
		// None of these says that there are no disks.
		`{"items":{"a":{"disks":[{"name":"1"}]},"b":{"error":1}}}`:   -1,
		`{"items":{"a":{"disks":[{"name":"1"}]},"b":{"disks":"1"}}}`: -1,
		`{"items":{"a":{"disks":[{"name":"1"}]},"b":null}}`:          -1,
		`{"items":[{"disks":[{"name":"1"}]}]}`:                       -1,
		`{"items":null}`:                                             -1,
		`null`:                                                       -1,
		`{"error":1}`:                                                -1,
	} {
		r := answering(t, s, map[string]string{"/disks": body})
		if complete := r.Completed("disk", ""); complete != (want >= 0) || complete && r.Count("disk") != want {
			t.Errorf("%s: %d disks, gaps %v", body, r.Count("disk"), r.Gaps())
		}
	}
}

func TestWhatAPageSaysItLacksIsAGap(t *testing.T) {
	partial := func(body []byte) string {
		if strings.Contains(string(body), "lacking") {
			return "it could not reach b"
		}
		return ""
	}
	next := connector.CursorPages("next", "from")
	s := connector.Service{Next: next, Partial: partial, Lists: []connector.List{{Kind: "disk", Path: "/disks", Items: "items", Key: "name", Parts: []connector.Call{
		{Name: "users", Path: "/disks/{name}/users", Items: "items", Next: next}}}}}
	r := answering(t, s, map[string]string{"/disks": `{"items":[{"name":"1"}],"lacking":1,"next":"2"}`, "/disks?from=2": `{"items":[{"name":"2"}]}`,
		"/disks/1/users": `{"items":[],"lacking":1,"next":"2"}`, "/disks/1/users?from=2": `{"items":[]}`, "/disks/2/users": `{"items":[]}`})
	if r.Count("disk") != 2 || r.Completed("disk", "") {
		t.Errorf("%d disks, gaps %v", r.Count("disk"), r.Gaps())
	}
	if users, there := r.Body("disk", "1")["users"]; there {
		t.Errorf("the users of 1 are %v", users)
	}
	if users, there := r.Body("disk", "2")["users"]; !there || len(users.([]any)) > 0 {
		t.Errorf("the users of 2 are %v", users)
	}
}

func TestWhatIsExceptedIsNoneOfTheKind(t *testing.T) {
	s := connector.Service{Lists: []connector.List{{Kind: "box", Path: "/boxes", Key: "name", Except: "state.now=gone"}}}
	r := answering(t, s, map[string]string{"/boxes": `[{"name":"1","state":{"now":"gone"}},{"name":"2","state":{"now":"there"}},{"name":"3"},{"name":"4","state":{"now":null}}]`})
	if got := r.Keys("box", ""); strings.Join(got, ",") != "2,3,4" || !r.Completed("box", "") {
		t.Errorf("boxes %v, gaps %v", got, r.Gaps())
	}
}

func TestANameWithSlashesGoesIntoAPathAndCannotClimb(t *testing.T) {
	s := connector.Service{Lists: []connector.List{
		{Kind: "ring", Path: "/rings", Key: "name"},
		{Kind: "key", For: "ring", Path: "/v1/{+name}/keys", Key: "id"},
	}}
	r := answering(t, s, map[string]string{"/rings": `[{"name":"p/a b/r"}]`, "/v1/p/a%20b/r/keys": `[{"id":"k"}]`})
	if r.Count("key") != 1 {
		t.Errorf("gaps %v", r.Gaps())
	}
	for _, name := range []string{"p/../admin", "p//r", "/p", "p/", "p/./r", ".."} {
		r := answering(t, s, map[string]string{"/rings": `[{"name":"` + name + `"}]`})
		if len(r.Exchanges()) != 1 || r.Completed("key", name) {
			t.Errorf("%s: asked %v", name, r.Exchanges())
		}
	}
}

func TestAnAnswerIsReadByWhatItIsAbout(t *testing.T) {
	off := func(body []byte, member func(string) string) bool {
		return member("number") != "" && strings.Contains(string(body), "off in "+member("number"))
	}
	told := []connector.Told{{Status: 403, When: off}}
	s := connector.Service{Lists: []connector.List{
		{Kind: "project", Path: "/projects", Key: "name", Parts: []connector.Call{{Name: "plan", Path: "/plan/{name}", Told: told}}},
		{Kind: "disk", For: "project", Path: "/disks/{name}", Key: "id", Told: told},
	}}
	r := answering(t, s, map[string]string{"/projects": `[{"name":"a","number":"1"},{"name":"b","number":"2"}]`,
		"/plan/a": `403 {"it is":"off in 1"}`, "/plan/b": `403 {"it is":"off in 1"}`, "/disks/a": `403 {"it is":"off in 1"}`, "/disks/b": `403 {"it is":"off in 1"}`})
	if !r.Completed("disk", "a") || r.Completed("disk", "b") {
		t.Errorf("gaps %v", r.Gaps())
	}
	if plan, there := r.Body("project", "a")["plan"]; !there || plan != nil {
		t.Errorf("the plan of a is %v", plan)
	}
	if plan, there := r.Body("project", "b")["plan"]; there {
		t.Errorf("the plan of b is %v", plan)
	}
}

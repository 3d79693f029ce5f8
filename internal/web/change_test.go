package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/queue"
)

// field is the value of a form's input on a page.
func field(t *testing.T, page, name string) string {
	t.Helper()
	value := ""
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if a["name"] == name && n.Data == "input" {
			value = a["value"]
		}
	})
	return value
}

func TestChangesThroughForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	says := func(t *testing.T, status, want int, page string, words ...string) {
		t.Helper()
		if status != want {
			t.Fatalf("answers %d, want %d: %s", status, want, plainText(page))
		}
		for _, x := range words {
			if !strings.Contains(plainText(page), x) && !strings.Contains(page, x) {
				t.Errorf("does not say %q: %s", x, plainText(page))
			}
		}
	}
	person := url.Values{"_key": {"carol"}, "id": {"carol"}, "name": {"Carol"}, "email": {"carol@example.org"}, "start": {"2026-01-05"}, "employment": {"employee"}}

	t.Run("a form with a mistake comes back with what was typed", func(t *testing.T) {
		bad := url.Values{}
		for k, v := range person {
			bad[k] = v
		}
		bad.Set("start", "soon")
		status, page := w.post(t, "/new/person", bad)
		says(t, status, http.StatusUnprocessableEntity, page, "Give a date", "carol@example.org")
		if status, _ := w.get(t, "/records/person/carol"); status != http.StatusNotFound {
			t.Error("it was written all the same")
		}
	})
	t.Run("a record is made, once", func(t *testing.T) {
		status, page := w.post(t, "/new/person", person)
		says(t, status, 200, page, "Carol", "2026-01-05")
		status, page = w.post(t, "/new/person", person)
		says(t, status, http.StatusConflict, page, "Carol")
	})
	t.Run("an edit needs a reason and the version it was made on", func(t *testing.T) {
		_, page := w.get(t, "/records/person/carol/edit")
		seen := field(t, page, "_seen")
		edit := url.Values{"_seen": {seen}, "id": {"carol"}, "name": {"Carol B"}, "email": {"carol@example.org"}, "start": {"2026-01-05"}, "employment": {"employee"}}
		status, page := w.post(t, "/records/person/carol/edit", edit)
		says(t, status, http.StatusUnprocessableEntity, page, "reason")
		edit.Set("_reason", "new name")
		status, page = w.post(t, "/records/person/carol/edit", edit)
		says(t, status, 200, page, "Carol B")
		edit.Set("name", "Carol C")
		status, page = w.post(t, "/records/person/carol/edit", edit)
		says(t, status, http.StatusConflict, page, "Carol C")
		// Over a window every version is there, with when it held.
		day := w.Log.Clock().Format(time.DateOnly)
		_, window := w.get(t, "/records/person?from="+day+"&to="+day)
		if said := plainText(window); strings.Count(window, "/records/person/carol\"") < 2 || !strings.Contains(said, "Until") || !strings.Contains(said, "Still so") {
			t.Errorf("the window says %s", said)
		}
		if status, _ := w.get(t, "/records/person?from=2999-01-01"); status != http.StatusBadRequest {
			t.Errorf("a window that has not begun answers %d", status)
		}
		status, page = w.get(t, "/records/person/carol/history")
		says(t, status, 200, page, "2 versions", "new name", "First seen")
	})
	t.Run("a state that a form claims is refused by name", func(t *testing.T) {
		evidence := url.Values{"_key": {"e9"}, "title": {"Screenshot"}, "sort": {"document"}, "link": {"https://example.org/s"}, "state": {"reviewed"}}
		status, page := w.post(t, "/new/evidence", evidence)
		says(t, status, http.StatusUnprocessableEntity, page, "state of this evidence is not set", "a move sets it: review")
		if status, _ := w.get(t, "/records/evidence/e9"); status != http.StatusNotFound {
			t.Error("it was written all the same")
		}
	})
	t.Run("a comment and a file stay with the record", func(t *testing.T) {
		status, page := w.post(t, "/records/person/carol/comments", url.Values{"text": {"Hello <b>there</b>"}})
		says(t, status, 200, page, "Hello &lt;b&gt;there&lt;/b&gt;")
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		f, _ := m.CreateFormFile("file", `C:\dir\page.html`)
		f.Write([]byte("<script>alert(1)</script>"))
		m.Close()
		r, err := w.http.Post(w.URL+"/records/person/carol/attachments", m.FormDataContentType(), &b)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		_, page = w.get(t, "/records/person/carol/attachments")
		says(t, r.StatusCode, 200, page, "page.html", "25 B")
		link := ""
		walk(t, []byte(page), func(n *html.Node, a map[string]string) {
			if strings.HasSuffix(a["href"], "/file") {
				link = a["href"]
			}
		})
		r, err = w.http.Get(w.URL + link)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if h := r.Header; h.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("a page that was attached comes back as a page: %v", h)
		}
	})
	t.Run("a starter control is adopted once and approved by nobody who wrote it", func(t *testing.T) {
		_, page := w.get(t, "/catalogue?adopted=no")
		id := ""
		walk(t, []byte(page), func(n *html.Node, a map[string]string) {
			if n.Data == "button" && strings.HasPrefix(a["formaction"], "/catalogue/") && id == "" {
				id = strings.TrimPrefix(a["formaction"], "/catalogue/")
			}
		})
		status, page := w.post(t, "/catalogue/"+id, nil)
		says(t, status, 200, page, id, "Draft")
		status, page = w.post(t, "/catalogue/"+id, nil)
		says(t, status, http.StatusConflict, page)
		status, page = w.post(t, "/records/control/"+id+"/move/approve", nil)
		if status == 200 {
			t.Errorf("its author approved it: %s", plainText(page))
		}
	})
	t.Run("adopting says how often it is tested, and what was retired is adopted again", func(t *testing.T) {
		status, page := w.post(t, "/catalogue/AVL-02", nil)
		says(t, status, 200, page, "Tested about 4 times in twelve months", "3 pieces of evidence are asked for")
		status, page = w.post(t, "/catalogue/VEN-06", nil)
		says(t, status, 200, page, "Not tested until there is a register of vendors", "Waits for a register of vendors")
		retire := url.Values{"retired_reason": {"Not now."}}
		_, page = w.get(t, "/controls/AVL-02")
		if seen := field(t, page, "_seen"); seen != "" {
			retire.Set("_seen", seen)
		}
		status, page = w.post(t, "/records/control/AVL-02/move/retire", retire)
		says(t, status, 200, page, "Retired")
		status, page = w.post(t, "/catalogue/AVL-02", nil)
		says(t, status, 200, page, "AVL-02 is adopted", "Draft")
	})
	t.Run("a token is shown once", func(t *testing.T) {
		status, page := w.post(t, "/settings/tokens", url.Values{"name": {"CI"}, "scope": {"read"}})
		says(t, status, 200, page, "tickmark_", "CI")
		_, page = w.get(t, "/settings/tokens")
		if strings.Contains(page, "tickmark_") {
			t.Error("the token is shown again")
		}
	})
	t.Run("a token that sends is offered for what is sent to", func(t *testing.T) {
		form := url.Values{"name": {"Pipeline"}, "scope": {"push:ci"}}
		if _, page := w.get(t, "/settings/tokens"); strings.Contains(page, "push:") || !strings.Contains(page, `href="/connect/push"`) {
			t.Errorf("before there is something to send to: %s", plainText(page))
		}
		for _, connection := range []string{"ci", "git"} {
			status, page := w.post(t, "/settings/tokens", url.Values{"name": {"Pipeline"}, "scope": {"push:" + connection}})
			says(t, status, http.StatusUnprocessableEntity, page, "Nothing can be sent to")
		}
		if _, err := w.Collect.Add(t.Context(), w.by, collect.Connection{Name: "ci", Connector: "push", Settings: map[string]string{"kinds": "ci_deployment"}}, nil); err != nil {
			t.Fatal(err)
		}
		status, page := w.get(t, "/settings/tokens")
		says(t, status, 200, page, `value="push:ci"`, "Send to ci, and nothing else")
		status, page = w.post(t, "/settings/tokens", form)
		says(t, status, 200, page, "tickmark_", "Send to ci")
		viewer := w.seenBy(t, "wendy", access.Viewer)
		if _, page := viewer.get(t, "/settings/tokens"); strings.Contains(page, "push:ci") {
			t.Error("who may not connect is offered a token that sends")
		}
		if status, _ := viewer.post(t, "/settings/tokens", form); status != http.StatusForbidden {
			t.Errorf("who may not connect made a token that sends: %d", status)
		}
	})
	t.Run("a user gets a link", func(t *testing.T) {
		status, page := w.post(t, "/settings/users", url.Values{"name": {"bob"}, "email": {"bob@example.org"}, "role": {"viewer"}})
		says(t, status, 200, page, "/sign-in/link?token=", "bob@example.org")
		status, page = w.post(t, "/settings/users", url.Values{"name": {"bob"}, "email": {"bob@example.org"}, "role": {"viewer"}})
		if status == 200 || !strings.Contains(page, "That was not done") {
			t.Errorf("a second user of one address: %d", status)
		}
	})
	t.Run("a run is asked for", func(t *testing.T) {
		status, page := w.post(t, "/sources/git/collect", nil)
		says(t, status, 200, page, "A run of git is asked for", "A run is waiting", "/settings/jobs/1/stop")
		if len(w.jobs) != 1 || w.jobs[0].Target != "git" || w.jobs[0].Work != "collect" {
			t.Errorf("asked for %v", w.jobs)
		}
		w.jobs[0].State, w.jobs[0].Progress = queue.Running, queue.Progress{Said: "git_commit", Done: 1200, Of: 5000}
		_, page = w.get(t, "/settings/jobs")
		says(t, status, 200, page, "Collect", "Running", "Commits, 1,200 of 5,000", `value="1200"`, "Stop")
		status, page = w.post(t, "/settings/jobs/1/stop", nil)
		says(t, status, 200, page, "It stops as soon as it can", "Stopping")
		if strings.Contains(page, "/settings/jobs/1/stop") {
			t.Error("what stops already can be stopped")
		}
		w.jobs[0].State, w.jobs[0].Error = queue.Failed, "The <repository> is away."
		_, page = w.get(t, "/settings/jobs")
		says(t, status, 200, page, "Failed", "The &lt;repository&gt; is away.")
		if status, _ = w.post(t, "/settings/jobs/99/stop", nil); status != http.StatusNotFound {
			t.Errorf("stopping a job that is none answers %d", status)
		}
		if status, _ = w.post(t, "/sources/nothing/collect", nil); status != http.StatusNotFound {
			t.Errorf("a source that is none answers %d", status)
		}
	})
	t.Run("collected records are edited by nobody", func(t *testing.T) {
		if status, _ := w.post(t, "/new/git_commit", url.Values{}); status != http.StatusForbidden {
			t.Errorf("it answers %d", status)
		}
	})
	t.Run("an expression that is wrong says so in the list", func(t *testing.T) {
		status, page := w.get(t, "/records/git_commit?where="+url.QueryEscape(`r.nothing == 1`))
		says(t, status, 200, page, "The expression cannot be used", "nothing")
		status, page = w.get(t, "/records/git_commit?sort=-committed_at&where="+url.QueryEscape(`r.parents.size() == 0`))
		says(t, status, 200, page)
	})
	t.Run("a proof leads from the record to the checkpoint", func(t *testing.T) {
		if _, err := w.Log.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		status, page := w.get(t, "/records/person/carol/proof")
		says(t, status, 200, page, "Inclusion proof", "Signed checkpoint", w.Log.Origin)
	})
	t.Run("a fragment holds the list alone", func(t *testing.T) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/checks?q=git", nil)
		req.Header.Set("HX-Request", "true")
		req.Header.Set("HX-Target", "div#list")
		r, err := w.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(r.Body)
		if strings.Contains(b.String(), "<nav") || !strings.Contains(b.String(), `<div id="list"`) || !strings.Contains(b.String(), `id="found"`) {
			t.Errorf("the fragment is %.300s", b.String())
		}
		if v := strings.Join(r.Header.Values("Vary"), " "); !strings.Contains(v, "HX-Request") {
			t.Errorf("Vary is %q", v)
		}
	})
	t.Run("an export is of the rows that are shown", func(t *testing.T) {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", w.URL+"/records/git_commit?where="+url.QueryEscape(`r.author_email == "ada@example.org"`), nil)
		req.Header.Set("HX-Request", "true")
		req.Header.Set("HX-Target", "div#list")
		r, err := w.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		n := 0
		var b bytes.Buffer
		b.ReadFrom(r.Body)
		walk(t, b.Bytes(), func(_ *html.Node, a map[string]string) {
			if strings.HasPrefix(a["href"], "/api/v1/export/git_commit") {
				n++
				if !strings.Contains(a["href"], "where=") {
					t.Errorf("%s exports other rows than the list shows", a["href"])
				}
			}
		})
		if n != 4 {
			t.Errorf("the fragment has %d exports", n)
		}
	})
	t.Run("a viewer sees and changes nothing", func(t *testing.T) {
		users, err := w.Gate.Users(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		link := ""
		for _, u := range users {
			if u.Email == "bob@example.org" {
				if link, err = w.Gate.Link(t.Context(), w.by, u.Key); err != nil {
					t.Fatal(err)
				}
			}
		}
		u, _ := url.Parse(link)
		w.post(t, "/sign-out", nil)
		w.post(t, "/sign-in/link", url.Values{"token": {u.Query().Get("token")}})
		status, page := w.get(t, "/records/person/carol")
		says(t, status, 200, page, "Carol")
		if strings.Contains(page, "/edit") {
			t.Error("a viewer is offered to edit")
		}
		for _, path := range []string{"/new/person", "/records/person/carol/edit", "/catalogue/GOV-01", "/sources/git/collect", "/records/person/carol/comments"} {
			if status, _ := w.post(t, path, url.Values{"text": {"x"}, "_seen": {"2026-01-01T00:00:00Z"}}); status != http.StatusForbidden && status != http.StatusConflict && status != http.StatusUnprocessableEntity {
				t.Errorf("%s answers a viewer %d", path, status)
			}
		}
		if status, _ := w.get(t, "/settings/users"); status != http.StatusForbidden {
			t.Errorf("users answer a viewer %d", status)
		}
	})
}

func TestSeveralControlsAreAdoptedTogetherOrNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	_, page := w.get(t, "/catalogue?adopted=no")
	var ids []string
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if n.Data == "input" && a["name"] == "id" && len(ids) < 2 {
			ids = append(ids, a["value"])
		}
	})
	if len(ids) < 2 {
		t.Fatalf("the catalogue lets %v be chosen", ids)
	}
	adopted := func(id string) bool {
		_, err := w.Book.Get(t.Context(), "control", id, 0)
		return err == nil
	}
	if status, _ := w.post(t, "/catalogue", url.Values{"id": {ids[0], "NONE-99"}}); status != http.StatusNotFound || adopted(ids[0]) {
		t.Errorf("with one that does not exist: %d, and the other adopted: %v", status, adopted(ids[0]))
	}
	status, page := w.post(t, "/catalogue", url.Values{"id": ids})
	if status != http.StatusOK || !strings.Contains(page, "2 controls are adopted") {
		t.Errorf("adopting two answers %d: %s", status, plainText(page))
	}
	if !adopted(ids[0]) || !adopted(ids[1]) {
		t.Error("not both were adopted")
	}
	if status, _ := w.post(t, "/catalogue", url.Values{}); status == http.StatusOK {
		t.Error("choosing none is taken as done")
	}
}

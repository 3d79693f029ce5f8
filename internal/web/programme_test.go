package web

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// The programme's pages show what is on record, and a private link to the reader's days works until it is revoked, for nothing else.
func TestTheProgrammeIsShownAndItsCalendarReadFromOutside(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.put(t, "organisation", "organisation", map[string]any{"name": "Example Ltd"})
	w.signIn(t)
	if _, page := w.get(t, "/programme"); !strings.Contains(page, "No programme yet") {
		t.Errorf("an empty programme says %s", plainText(page))
	}
	person := w.by.Actor().Person
	if person == "" {
		w.put(t, "person", "ada", map[string]any{"id": "ada", "name": "Ada", "email": "ada@example.org"})
		if _, err := w.Gate.SetPerson(t.Context(), w.by, w.by.User.Key, "ada", "it is her"); err != nil {
			t.Fatal(err)
		}
		person = "ada"
	}
	w.put(t, "person", "bob", map[string]any{"id": "bob", "name": "Bob", "email": "bob@example.org"})
	w.put(t, "period", "fy26", map[string]any{"id": "fy26", "name": "FY26 Type II", "report": "soc_2", "type": "type_2", "categories": []string{"security"}, "from": "2030-01-01", "to": "2030-03-31"})
	w.put(t, "cycle", "fy26", map[string]any{"id": "fy26", "name": "Programme FY26", "period": "fy26", "sponsor": "bob", "owner": person, "wanted_by": "2030-04-01"})
	w.put(t, "milestone", "m1", map[string]any{"title": "Policies out; all of them", "cycle": "fy26", "due": "2029-11-30", "owner": person})
	w.put(t, "finding", "f1", map[string]any{"title": "The secret door is open", "origin": "review", "severity": "high", "owner": person, "due": "2029-12-01"})
	_, page := w.get(t, "/programme")
	for _, want := range []string{"Programme FY26", "The charter is not approved", "2030-05-30 at the earliest", "Policies out; all of them", "The examination names no system"} {
		if !strings.Contains(page, want) {
			t.Errorf("the programme lacks %q", want)
		}
	}
	for path, want := range map[string]string{"/programme/window": "shorter", "/programme/window?from=2030-01-01&to=x": "A window needs", "/programme/calendar": "Nothing falls due yet", "/programme/gaps": "CC1.1", "/programme/scope?category=availability": "A1.1",
		"/risks/board": "No risk yet", "/risks/threats": "The secret door is open"} {
		if path == "/programme/window" {
			want = "Q1 2030"
		}
		if status, page := w.get(t, path); status != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%s is %d and lacks %q", path, status, want)
		}
	}

	response, err := w.http.PostForm(w.URL+"/programme/calendar/link", url.Values{"name": {"Phone"}})
	if err != nil {
		t.Fatal(err)
	}
	made, _ := io.ReadAll(response.Body)
	response.Body.Close()
	token := regexp.MustCompile(`/calendar/(tickmark_[a-z0-9]+_[a-z0-9]+)`).FindStringSubmatch(string(made))
	if token == nil {
		t.Fatalf("no link was shown: %s", plainText(string(made)))
	}
	outside := func(path string, bearer string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", w.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	status, feed := outside("/calendar/"+token[1]+".ics", "")
	if status != http.StatusOK || !strings.HasPrefix(feed, "BEGIN:VCALENDAR\r\n") || !strings.Contains(feed, `Policies out\; all of them`) || !strings.Contains(feed, "DTSTART;VALUE=DATE:20291130") {
		t.Errorf("the calendar is %d: %s", status, feed)
	}
	if strings.Contains(feed, "secret door") || strings.Contains(feed, token[1]) || !strings.Contains(feed, "Fix a finding") {
		t.Errorf("the calendar tells more than a duty and its day:\n%s", feed)
	}
	again := func() string { _, f := outside("/calendar/"+token[1], ""); return f }
	uids := regexp.MustCompile(`UID:\S+`)
	if a, b := uids.FindAllString(feed, -1), uids.FindAllString(again(), -1); strings.Join(a, " ") != strings.Join(b, " ") || len(a) < 2 {
		t.Errorf("the same duties are named %v and then %v", a, b)
	}
	if status, body := outside("/records/finding", token[1]); status == http.StatusOK && strings.Contains(body, "secret door") {
		t.Error("the calendar's token reads records")
	}
	if status, body := outside("/calendar/tickmark_none_none", ""); status != http.StatusNotFound || strings.Contains(body, "VCALENDAR") {
		t.Errorf("an invented link is answered with %d", status)
	}
	id := strings.Split(token[1], "_")[1]
	if response, err = w.http.PostForm(w.URL+"/programme/calendar/"+id+"/revoke", nil); err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if status, body := outside("/calendar/"+token[1], ""); status != http.StatusNotFound || strings.Contains(body, "VCALENDAR") {
		t.Errorf("a revoked link is answered with %d", status)
	}
}

package web

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tickmark/internal/access"
)

// as is a world in which somebody else is signed in: a user of one role, linked to a person.
func (w *world) as(t *testing.T, key string, role access.Role) *world {
	t.Helper()
	w.put(t, "person", key, map[string]any{"id": key, "name": strings.ToUpper(key[:1]) + key[1:], "email": key + "@example.org", "start": "2024-01-01", "employment": "employee"})
	if _, err := w.Gate.CreateUser(t.Context(), w.by, access.NewUser{Key: key, Name: key, Email: key + "@example.org", Roles: []access.Role{role}, Person: key}); err != nil {
		t.Fatal(err)
	}
	link, err := w.Gate.Link(t.Context(), w.by, key)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	other := *w
	jar, _ := cookiejar.New(nil)
	other.http = &http.Client{Jar: jar}
	if status, _ := other.post(t, "/sign-in/link", url.Values{"token": {u.Query().Get("token")}}); status != http.StatusOK {
		t.Fatalf("%s cannot sign in: %d", key, status)
	}
	return &other
}

func (w *world) says(t *testing.T, path string, want ...string) string {
	t.Helper()
	status, page := w.get(t, path)
	if status != http.StatusOK {
		t.Fatalf("%s answered %d\n%s", path, status, page)
	}
	for _, s := range want {
		if !strings.Contains(page, s) {
			t.Errorf("%s does not say %q", path, s)
		}
	}
	return page
}

var seenField = regexp.MustCompile(`name="_seen" value="([^"]+)"`)

func seenIn(t *testing.T, page string) string {
	t.Helper()
	m := seenField.FindStringSubmatch(page)
	if m == nil {
		t.Fatal("the page says not which version it changes")
	}
	return m[1]
}

func TestAPolicyFromItsTemplateToItsAcknowledgement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob, cleo := w.as(t, "lead", access.Lead), w.as(t, "bob", access.Lead), w.as(t, "cleo", access.Owner)
	eve := w.as(t, "eve", access.Employee)

	ada.says(t, "/policies", "No policy yet", "27 templates")
	if _, page := ada.post(t, "/policies/new", url.Values{"template": {"access-control"}}); !strings.Contains(page, "channels.ethics}} has no value") {
		t.Errorf("the draft does not say what is missing")
	}
	for name, who := range map[string]*world{"its author": ada, "an owner": cleo} {
		for _, step := range []string{"submit", "approve", "approve_own", "publish"} {
			if status, page := who.post(t, "/records/policy_version/access-control-1/move/"+step, url.Values{"review_due": {"2026-12-31"}}); status != http.StatusConflict ||
				step == "submit" && !strings.Contains(plainText(page), "The text is not finished") {
				t.Errorf("a text with variables that nobody filled: %s by %s answered %d", step, name, status)
			}
		}
	}
	form := ada.says(t, "/policies/access-control/edit", "Where breaches of conduct are reported", "Example Ltd", "The text is not finished")
	text := "## 1. Rules\n\n1. Access ends within {{std.leaver_other}}. {#ACP-1 AC-03}\n2. We are SOC 2 certified. {#ACP-2}\n"
	fill := func(text, seen string) url.Values {
		return url.Values{"_seen": {seen}, "title": {"Access control policy"}, "change": {"major"}, "text": {text}, "v:std.leaver_other": {"one working day"}, "do": {"save"}}
	}
	preview := fill(text, seenIn(t, form))
	preview.Set("do", "preview")
	if _, page := ada.post(t, "/policies/access-control/edit", preview); !strings.Contains(page, `<li id="ACP-1">Access ends within one working day.`) || !strings.Contains(page, "not true of a SOC 2 report") {
		t.Error("the preview does not show how it reads, and its wrong words")
	}
	if _, page := ada.post(t, "/policies/access-control/edit", fill(text, seenIn(t, form))); !strings.Contains(page, "not true of a SOC 2 report") {
		t.Error("nothing is said of the wrong words")
	}

	// Two write at once: the second sees both texts, and nothing is lost.
	status, page := bob.post(t, "/policies/access-control/edit", fill("bob's other text", seenIn(t, form)))
	if status != http.StatusConflict || !strings.Contains(page, "saved another text while you wrote") || !strings.Contains(page, "bob&#39;s other text") || !strings.Contains(page, "We are SOC 2 certified") {
		t.Errorf("a stale form answered %d", status)
	}
	if v, err := w.Book.Get(t.Context(), "policy_version", "access-control-1", 0); err != nil || !strings.Contains(string(v.Body), "leaver_other") {
		t.Errorf("a stale form overwrote: %s %v", v.Body, err)
	}
	text = strings.Replace(text, "We are SOC 2 certified", "Accounts are personal", 1)
	if status, _ := ada.post(t, "/policies/access-control/edit", fill(text, seenIn(t, ada.says(t, "/policies/access-control/edit")))); status != http.StatusOK {
		t.Errorf("saving answered %d", status)
	}

	move := func(who *world, name string, said url.Values) (int, string) {
		return who.post(t, "/records/policy_version/access-control-1/move/"+name, said)
	}
	move(ada, "submit", nil)
	ada.says(t, "/policies/access-control", "In review", "is an author of this text and so can&#39;t review it")
	ada.says(t, "/policies?show=review", "1 of 1", "Access control policy")
	if status, _ := move(ada, "review", nil); status != http.StatusForbidden {
		t.Errorf("the author reviewed: %d", status)
	}
	move(bob, "review", nil)
	bob.says(t, "/policies?show=approval", "1 of 1")
	if status, page := move(cleo, "approve", nil); status != http.StatusOK || !strings.Contains(page, "approved") {
		t.Errorf("approving answered %d", status)
	}
	move(cleo, "publish", nil)
	cleo.says(t, "/policies/access-control", "In force", "SHA-256 of this text", `<li id="ACP-1">`)
	cleo.says(t, "/policies/access-control/controls", "ACP-2", "carried out by no control", "AC-03")
	cleo.says(t, "/policies/access-control/acknowledgements", "Eve", "Due")
	cleo.says(t, "/policies/access-control/versions", "1.0", "Lead", "Cleo")
	cleo.says(t, "/policies/access-control/history", "Version 1.0")
	cleo.says(t, "/policies", "0 of 5")
	if status, file := cleo.get(t, "/policies/access-control/pdf?as=docx"); status != http.StatusOK || !strings.HasPrefix(file, "PK") {
		t.Errorf("the DOCX answered %d", status)
	}
	cleo.says(t, "/policies/coverage", "CC6.1", "Access control policy")
	cleo.says(t, "/policies/access-control", "/records/policy/access-control/edit")
	ada.put(t, "policy", "access-control", map[string]any{"id": "access-control", "title": "Access control policy", "sort": "policy", "audience": "everyone", "approver": "cleo"})
	bob.says(t, "/policies/access-control", "Only Cleo, the named approver of this policy, can retire it.")

	// Everybody has a page of their own; an employee sees nothing else.
	if status, _ := eve.get(t, "/policies"); status != http.StatusForbidden {
		t.Errorf("an employee sees the policies with their drafts: %d", status)
	}
	eve.says(t, "/", "Hello, eve")
	mine := eve.says(t, "/me", "Hello, eve", "Access control policy", "Version 1.0")
	path := regexp.MustCompile(`/me/policies/[^"]+`).FindString(mine)
	eve.says(t, path, "Access ends within one working day", "I have read it and accept it")
	if status, _ := bob.get(t, path); status != http.StatusNotFound {
		t.Errorf("bob sees what eve has to accept: %d", status)
	}
	if status, _ := bob.post(t, path, nil); status != http.StatusNotFound {
		t.Errorf("bob accepted for eve: %d", status)
	}
	if _, page := eve.post(t, path, nil); !strings.Contains(page, "You are up to date") || !strings.Contains(page, "You accepted Access control policy.") {
		t.Error("eve is not up to date")
	}
	eve.says(t, path, "You accepted this version on")
	cleo.says(t, "/policies", "1 of 5")

	// The next version is written while the first is in force; who accepted that sees what changed.
	if status, _ := ada.post(t, "/policies/access-control/draft", url.Values{"change": {"major"}}); status != http.StatusOK {
		t.Errorf("beginning version 2 answered %d", status)
	}
	next := fill(strings.Replace(text, "Accounts are personal", "Accounts are personal and never shared", 1), seenIn(t, ada.says(t, "/policies/access-control/edit")))
	next.Set("summary", "Sharing is ruled out.")
	ada.post(t, "/policies/access-control/edit", next)
	ada.says(t, "/policies/access-control", "Accounts are personal. ", "In force")
	ada.says(t, "/policies/access-control/changes", "<ins>", "and never shared")
	for _, step := range []struct {
		who  *world
		name string
	}{{ada, "submit"}, {bob, "review"}, {cleo, "approve"}, {cleo, "publish"}} {
		if status, _ := step.who.post(t, "/records/policy_version/access-control-2/move/"+step.name, nil); status != http.StatusOK {
			t.Fatalf("%s answered %d", step.name, status)
		}
	}
	again := regexp.MustCompile(`/me/policies/[^"]+`).FindString(eve.says(t, "/me", "A new version, 2.0: see what changed"))
	eve.says(t, again, "What changed since version 1.0, which you accepted", "Sharing is ruled out.", "<ins>")

	// A review without change is approved by another.
	bob.post(t, "/policies/access-control/review", url.Values{"note": {"Compared with practice."}})
	bob.says(t, "/policies/access-control", "Compared with practice.", "is the reviewer and so can&#39;t approve it")
	bob.says(t, "/policies?show=approval", "1 of 1")

	// The past shows the text of then, and cannot be changed.
	v, err := w.Book.History(t.Context(), "policy_version", "access-control-2")
	if err != nil {
		t.Fatal(err)
	}
	then := url.QueryEscape(v[0].From.Time().Add(-time.Microsecond).Format(time.RFC3339Nano))
	past := cleo.says(t, "/policies/access-control?as_of="+then, "You see everything as it stood", "Version 1.0")
	if strings.Contains(past, "Next version") || strings.Contains(past, "/move/") {
		t.Error("the past can be changed")
	}
}

func TestAnAuthorWhoIsAloneApprovesAndThePageSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.as(t, "lead", access.Lead), w.as(t, "bob", access.Lead)
	w.put(t, "policy", "own", map[string]any{"id": "own", "title": "Own policy", "sort": "policy", "audience": "contractors"})
	ada.post(t, "/policies/own/draft", url.Values{"change": {"major"}})
	ada.post(t, "/policies/own/edit", url.Values{"_seen": {seenIn(t, ada.says(t, "/policies/own/edit"))}, "title": {"Own policy"}, "change": {"major"}, "text": {"# Own\n\nNobody shares an account."}, "do": {"save"}})
	post := func(who *world, name string) int {
		due := url.Values{}
		switch name {
		case "approve_own":
			due.Set("review_due", w.Log.Clock().AddDate(0, 2, 0).Format("2006-01-02"))
		case "late_review":
			due.Set("late_review", "Read all of it.")
		}
		status, _ := who.post(t, "/records/policy_version/own-1/move/"+name, due)
		return status
	}
	post(ada, "submit")
	if _, page := ada.get(t, "/policies/own"); strings.Contains(page, "Approve as its author") {
		t.Error("it is offered where the organisation did not say that it has nobody else")
	}
	if status := post(ada, "approve_own"); status != http.StatusForbidden {
		t.Errorf("and it answers %d", status)
	}
	w.put(t, "organisation", "organisation", map[string]any{"name": "Example Ltd", "small_team": true})
	ada.says(t, "/policies/own", "Approve as its author")
	if status := post(ada, "approve_own"); status != http.StatusOK {
		t.Fatalf("its author alone: %d", status)
	}
	post(ada, "publish")
	for _, path := range []string{"/policies/own", "/policies/own/versions"} {
		ada.says(t, path, "by its author, and by no second person; a later review is due")
	}
	bob.says(t, "/work", "Policy approved by its author")
	if _, page := ada.get(t, "/work"); strings.Contains(page, "Policy approved by its author") {
		t.Error("the later review waits for the author")
	}
	if status := post(bob, "late_review"); status != http.StatusOK {
		t.Errorf("the later review answers %d", status)
	}
	ada.says(t, "/policies/own", "by no second person at the time; reviewed later by")
}

func TestWrongWordsAreSaidWhenSomethingIsSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	form := url.Values{"id": {"SC-01"}, "title": {"Security"}, "sort": {"service_commitment"}, "category": {"security"}, "statement": {"We are SOC 2 certified."}, "made_in": {"Terms"}}
	if status, page := w.post(t, "/new/commitment", form); status != http.StatusOK || !strings.Contains(page, "is saved. But mind the words: instead of “SOC 2 certified” say examined by") {
		t.Errorf("saving answered %d without a word", status)
	}
}

func TestAnAccountOfNobodyIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.says(t, "/me", "belongs to nobody yet", "Ask whoever invited you")
}

func TestBlocksPairWhatChanged(t *testing.T) {
	t.Parallel()
	got := blockDiff("# A\n\none two three\n\nsame\n\nsame 2\n\nsame 3\n\ngone away\n", "# A\n\none two four\n\nsame\n\nsame 2\n\nsame 3\n")
	b, _ := json.Marshal(got)
	var kinds string
	for _, c := range got {
		kinds += string(c.Kind)
	}
	if kinds != " ~ . -" {
		t.Errorf("%q: %s", kinds, b)
	}
	if unchanged(got) || !unchanged(blockDiff("a\n\nb", "a\n\nb\n")) {
		t.Error("same and changed are confused")
	}
}

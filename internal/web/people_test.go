package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/job"
)

// What people learn is begun, published, asked of everybody, and taken on the own page, where nothing tells which answers are right.
func TestTrainingIsTakenOnOnesOwnPage(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.put(t, "organisation", "organisation", map[string]any{"name": "Example Ltd"})
	lead, eve := w.as(t, "lead", access.Lead), w.as(t, "eve", access.Employee)
	lead.says(t, "/training", "Nothing is taught here yet", "Security awareness")
	if status, page := lead.post(t, "/training", url.Values{"template": {"security-awareness"}}); status != http.StatusOK || !strings.Contains(page, "Draft") {
		t.Fatalf("begun: %d", status)
	}
	if status, _ := eve.post(t, "/training", url.Values{"template": {"privacy"}}); status == http.StatusOK {
		t.Error("an employee began a module")
	}
	if status, page := lead.post(t, "/records/training_module/security-awareness/move/publish", nil); status != http.StatusOK || !strings.Contains(page, "In force") {
		t.Fatalf("published: %d", status)
	}
	if _, err := job.Due(t.Context(), w.Workspace); err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`/me/training/[^"]+`).FindString(eve.says(t, "/me", "Training", "Security awareness", "Report something"))
	page := eve.says(t, path, "Questions", "Where do passwords of work belong?")
	if strings.Contains(page, "right\"") || strings.Contains(page, "checked") {
		t.Error("the page tells which answers are right")
	}
	for _, closed := range []string{"/records/training_key", "/records/training_key/security-awareness", "/records/training_module", "/training", "/people/changes"} {
		if status, _ := eve.get(t, closed); status == http.StatusOK {
			t.Errorf("an employee reads %s", closed)
		}
	}
	engineer := w.as(t, "ira", access.Engineer)
	for _, closed := range []string{"/records/training_key", "/records/training_key/security-awareness", "/records/training_key/security-awareness/history"} {
		if status, _ := engineer.get(t, closed); status == http.StatusOK {
			t.Errorf("who only learns reads %s", closed)
		}
	}
	if status, _ := lead.get(t, path); status != http.StatusNotFound {
		t.Errorf("the training of somebody else answered %d", status)
	}
	answers := func(n ...string) url.Values {
		v := url.Values{}
		for i, x := range n {
			v.Set("answer-q"+string(rune('1'+i)), x)
		}
		return v
	}
	if _, page := eve.post(t, path, answers("2", "2", "2", "1", "1")); !strings.Contains(page, "2 of 5 were right") || !strings.Contains(page, "questions 3, 4, 5.") {
		t.Error("what did not suffice is not said")
	}
	lead.says(t, "/training/security-awareness", "Eve", "Assigned")
	if _, page := eve.post(t, path, answers("2", "2", "1", "2", "3")); !strings.Contains(page, "You completed Security awareness.") {
		t.Error("it is not completed")
	}
	eve.says(t, path, "with 100 percent at attempt 2")
	lead.says(t, "/training/security-awareness?state=completed", "Eve")
	lead.says(t, "/people/duties/eve", "Training", "Security awareness", "Completed")
	eve.says(t, "/people/duties/eve", "You may not see some kinds")
	if status, _ := eve.get(t, "/people/duties/lead"); status == http.StatusOK {
		t.Error("an employee reads the duties of others")
	}

	// what somebody saw becomes a finding, though they may write none
	if _, page := eve.post(t, "/me/report", url.Values{"what": {""}}); !strings.Contains(page, "Say in a sentence") {
		t.Error("an empty report is not refused")
	}
	if _, page := eve.post(t, "/me/report", url.Values{"what": {"A door stands open"}, "sort": {"report"}}); !strings.Contains(page, "Thank you") {
		t.Error("the report was not taken")
	}
	lead.says(t, "/findings", "A door stands open")
	eve.says(t, "/me/access", "No account is known to be yours")

	// somebody leaves, and no source of accounts is read
	day := time.Now().UTC().AddDate(0, 0, 3).Format(time.DateOnly)
	w.put(t, "person", "ira", map[string]any{"id": "ira", "name": "Ira", "email": "ira@example.org", "start": "2024-01-01", "end": day, "manager": "lead"})
	if _, err := job.Due(t.Context(), w.Workspace); err != nil {
		t.Fatal(err)
	}
	lead.says(t, "/people/changes", "Ira", "Leaves", "No source of accounts is read")
	lead.says(t, "/people/changes?sort=joiner", "Nothing fits the filter")
	lead.says(t, "/people/changes/leaver-ira-"+day, "What stands in the way of closing it", "Take back the devices", "No source of accounts is connected")
	if status, _ := lead.post(t, "/records/employment_change/leaver-ira-"+day+"/move/close", url.Values{"outcome": {"Fine."}}); status != http.StatusConflict {
		t.Errorf("an exit that nothing proves was closed: %d", status)
	}
}

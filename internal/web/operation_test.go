package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	"tickmark/internal/job"
	"tickmark/internal/record"
	stands "tickmark/internal/standing"
)

// somebody is a person, so that what one wrote another can approve.
type somebody string

func (p somebody) May(context.Context, string, *record.Kind) error { return nil }
func (p somebody) Actor() record.Actor {
	return record.Actor{User: string(p), Person: string(p), Name: "person:" + string(p)}
}

func (w *world) act(t *testing.T, by record.Authority, kind, key, move string) {
	t.Helper()
	if _, err := w.Book.Put(t.Context(), by, record.Change{Kind: kind, Key: key, Move: move}); err != nil {
		t.Fatal(err)
	}
}

func TestAControlIsPerformedOnItsPageAndThenPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, "person", "bob", map[string]any{"id": "bob", "name": "Bob", "email": "bob@example.org", "start": "2024-01-01"})
	body, err := json.Marshal(map[string]any{"id": "X-01", "title": "Rights are reviewed", "statement": "Each day.", "criteria": []any{"CC6.1"}, "type": "manual", "owner": "ada", "frequency": "daily", "grace_days": 3, "evidence": []any{"Signed list", "Minutes"}})
	if err == nil {
		_, err = w.Book.Put(t.Context(), somebody("ada"), record.Change{Kind: "control", Key: "X-01", Body: body})
	}
	if err != nil {
		t.Fatal(err)
	}
	w.act(t, somebody("bob"), "control", "X-01", "approve")
	w.act(t, somebody("bob"), "control", "X-01", "activate")
	if _, err := job.Due(t.Context(), w.Workspace); err != nil {
		t.Fatal(err)
	}
	w.signIn(t)
	read := func(path string, want ...string) string {
		t.Helper()
		status, page := w.get(t, path)
		text := plainText(page)
		if status != http.StatusOK {
			t.Fatalf("%s answered %d: %.300s", path, status, text)
		}
		for _, s := range want {
			if !strings.Contains(text, s) {
				t.Errorf("%s does not say %q: %.900s", path, s, text)
			}
		}
		return page
	}
	read("/controls/X-01", "Nothing to judge", "Approved by Bob")
	read("/controls/X-01/occurrences", "Record as done", "Scheduled")
	read("/controls/X-01/evidence", "2 items of its evidence rule are not asked for yet")
	if status, page := w.post(t, "/controls/X-01/requirements", url.Values{}); status != http.StatusOK || !strings.Contains(plainText(page), "Signed list") {
		t.Errorf("asking for what the rule names answered %d", status)
	}
	read("/controls/X-01/evidence", "Signed list", "Minutes", "Hand in for")
	read("/controls/X-01/time", "How it stood", "No check is about it", "Time to fix")
	read("/criteria/CC6.1/time", "How it stood", "Rights are reviewed", "When it could not speak")
	if _, csv := w.get(t, "/effectiveness/CC6.1?from="+w.Log.Clock().Format(time.DateOnly)); !strings.HasPrefix(csv, "about,id,title,from,to,pass_hours,") || !strings.Contains(csv, "\ncontrol,X-01,Rights are reviewed,") {
		t.Errorf("the file says %s", csv)
	}
	read("/controls/map", "X-01", "Rights are reviewed")
	read("/controls?status=unknown&family=access")
	today := calendar.Text(calendar.Of(w.Log.Clock(), w.zoneOf(t)))
	key := "X-01." + today
	read("/occurrences/"+key, "Record it as done", "Due")
	form := url.Values{"occurred_at": {w.Log.Clock().In(w.zoneOf(t)).Format("2006-01-02T15:04")}}
	if status, page := w.post(t, "/occurrences/"+key, form); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest || !strings.Contains(plainText(page), "It was not recorded") {
		t.Errorf("done without anything that shows it answered %d: %.300s", status, plainText(page))
	}
	w.put(t, "evidence", "e1", map[string]any{"title": "List", "sort": "document", "link": "https://example.org/1", "controls": []any{"X-01"}, "covers_from": today, "covers_to": today})
	form.Set("evidence", "e1")
	read("/occurrences/"+key, "A file counts for the item it was handed in for")
	if status, page := w.uploadAs(t, "/occurrences/"+key, form, "_fileX-01.minutes", "minutes.txt", "We looked at all of them."); status != http.StatusOK {
		t.Fatalf("done answered %d: %.400s", status, plainText(page))
	}
	asked := operation(t, w).Requirements["X-01"]
	for _, r := range asked {
		said, mine := fmt.Sprintf("%+v", r.Spans), strings.Contains(fmt.Sprintf("%+v", r.Spans), key+".")
		if mine != (r.Title == "Minutes") || strings.Contains(said, "e1") {
			t.Errorf("what shows %q: %s", r.Title, said)
		}
	}
	if len(asked) != 2 {
		t.Errorf("it asks for %d items", len(asked))
	}
	v, err := w.Book.Get(t.Context(), "occurrence", key, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b map[string]any
	if err := json.Unmarshal(v.Body, &b); err != nil || b["state"] != "performed" {
		t.Errorf("it is %v: %v", b["state"], err)
	}
	read("/controls/X-01", "The one that was due is on record as done.")
	read("/occurrences/"+key, "It was done in time")
	read("/work?whose=everyone", "Review", "Evidence that nobody else looked at")
}

func operation(t *testing.T, w *world) *stands.Operation {
	t.Helper()
	o, err := stands.Load(t.Context(), w.Book, 0)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) zoneOf(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestWhatIsLateIsToldUntilItIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob, eve := w.as(t, "lead", access.Lead), w.as(t, "bob", access.Lead), w.as(t, "vera", access.Viewer)
	w.put(t, "person", "lead", map[string]any{"id": "lead", "name": "Lead", "email": "lead@example.org", "start": "2024-01-01", "employment": "employee", "manager": "bob"})
	late := func(key string, days int) {
		w.put(t, "task", key, map[string]any{"title": "Task " + key, "sort": "document", "owner": "lead", "due": w.Log.Clock().AddDate(0, 0, -days).Format("2006-01-02")})
	}
	late("one", 2)
	late("long", 20)
	page := ada.says(t, "/work", `id="notices"`, "2 notices not seen", "Do: Task one", "Overdue")
	bob.says(t, "/work", "1 notice not seen", "Do: Task long", "Escalated", "days late")
	eve.says(t, "/work", "0 notices not seen")
	var told []string
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if a["name"] == "notice" {
			told = append(told, a["value"])
		}
	})
	late("new", 1) // came in after the page was drawn
	if status, _ := ada.post(t, "/notices/seen", url.Values{"notice": told}); status != http.StatusOK {
		t.Fatalf("marking answers %d", status)
	}
	page = ada.says(t, "/work", "1 notice not seen", "Do: Task new")
	if strings.Contains(page, "Do: Task one") {
		t.Error("what was seen is told again")
	}
	bob.says(t, "/work", "1 notice not seen", "Do: Task long")
	ada.post(t, "/notices/seen", url.Values{"notice": {"overdue task/nothing  2026-01-01"}})
	ada.says(t, "/work", "1 notice not seen")
}

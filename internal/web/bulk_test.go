package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// picks are the values of a list's boxes, by the label of their row.
func picks(t *testing.T, page string) map[string]string {
	t.Helper()
	out := map[string]string{}
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if n.Data == "input" && a["name"] == "row" {
			out[strings.TrimPrefix(a["aria-label"], "Choose ")] = a["value"]
		}
	})
	return out
}

func TestManyRecordsChangeTogetherOrNotAtAll(t *testing.T) {
	w := newWorld(t)
	w.signIn(t)
	for _, id := range []string{"t1", "t2", "t3"} {
		w.put(t, "task", id, map[string]any{"title": "Task " + id, "sort": "document"})
	}
	_, page := w.get(t, "/records/task")
	rows := picks(t, page)
	if len(rows) != 3 {
		t.Fatalf("the list offers %v", rows)
	}
	chosen := url.Values{"row": {rows["Task t1"], rows["Task t2"]}, "do": {"assign"}, "owner": {"ada"}, "due": {"2026-12-24"}, "to": {"/records/task"}}
	body := func(id string) string {
		v, err := w.Book.Get(t.Context(), "task", id, 0)
		if err != nil {
			t.Fatal(err)
		}
		return string(v.Body)
	}
	if status, page := w.post(t, "/bulk/task", chosen); status != http.StatusUnprocessableEntity || !strings.Contains(page, "needs its reason") {
		t.Errorf("without a reason it answers %d", status)
	}
	w.put(t, "task", "t2", map[string]any{"title": "Task t2, changed", "sort": "document"})
	chosen.Set("reason", "before the holidays")
	if status, page := w.post(t, "/bulk/task", chosen); status != http.StatusConflict || !strings.Contains(plainText(page), "since you looked at it") {
		t.Errorf("over a changed row it answers %d: %s", status, plainText(page))
	}
	if strings.Contains(body("t1"), "ada") {
		t.Error("one row was changed although another was refused")
	}
	_, page = w.get(t, "/records/task")
	rows = picks(t, page)
	chosen["row"] = []string{rows["Task t1"], rows["Task t2, changed"]}
	if status, page := w.post(t, "/bulk/task", chosen); status != 200 || !strings.Contains(page, "2 tasks changed") {
		t.Fatalf("it answers %d: %s", status, plainText(page))
	}
	if !strings.Contains(body("t1"), `"owner":"ada"`) || !strings.Contains(body("t2"), `"due":"2026-12-24"`) || strings.Contains(body("t3"), "ada") {
		t.Errorf("the rows are %s %s %s", body("t1"), body("t2"), body("t3"))
	}
	_, page = w.get(t, "/records/task")
	rows = picks(t, page)
	status, page := w.post(t, "/bulk/task", url.Values{"row": {rows["Task t1"], rows["Task t3"]}, "do": {"move"}, "move": {"cancel"}, "text": {"not needed"}, "reason": {"scope changed"}, "to": {"/records/task"}})
	if status != 200 || !strings.Contains(body("t3"), `"cancelled_reason":"not needed"`) {
		t.Errorf("the step answers %d, and leaves %s", status, body("t3"))
	}
	_, page = w.get(t, "/records/task")
	rows = picks(t, page)
	status, page = w.post(t, "/bulk/task", url.Values{"row": {rows["Task t1"], rows["Task t2, changed"]}, "do": {"move"}, "move": {"start"}, "reason": {"begin"}})
	if status != http.StatusConflict || !strings.Contains(plainText(page), "Nothing was changed, because of “Task t1”") || !strings.Contains(body("t2"), `"state":"open"`) {
		t.Errorf("a step that one row refuses answers %d: %s", status, plainText(page))
	}
	if status, page = w.post(t, "/bulk/task", url.Values{"row": {rows["Task t1"]}, "do": {"export"}}); status != 200 || !strings.Contains(page, "Task t1") || strings.Contains(page, "t3") {
		t.Errorf("the export answers %d: %s", status, page)
	}
}

func TestASavedViewIsItsKeepersUntilItIsShared(t *testing.T) {
	w := newWorld(t)
	w.signIn(t)
	save := url.Values{"name": {"Past due with ssh"}, "path": {"/findings"}, "query": {"state=past&q=ssh&as_of=2026-01-01T00:00:00Z"}}
	if status, page := w.post(t, "/views", save); status != 200 || !strings.Contains(page, "The view is saved") {
		t.Fatalf("saving answers %d: %s", status, plainText(page))
	}
	href, remove := "", ""
	_, page := w.get(t, "/findings")
	walk(t, []byte(page), func(n *html.Node, a map[string]string) {
		if n.Data == "a" && strings.Contains(text(n), "Past due with ssh") {
			href = a["href"]
		}
		if n.Data == "form" && strings.HasPrefix(a["action"], "/views/") {
			remove = a["action"]
		}
	})
	if href != "/findings?q=ssh&state=past" {
		t.Errorf("the view leads to %q", href)
	}
	if _, page = w.get(t, "/checks"); strings.Contains(page, "Past due with ssh") {
		t.Error("another list shows it")
	}
	save.Set("path", "//evil.example.org")
	if status, _ := w.post(t, "/views", save); status != http.StatusUnprocessableEntity {
		t.Errorf("a view that leads elsewhere answers %d", status)
	}
	if status, _ := w.post(t, remove, nil); status != 200 {
		t.Errorf("removing answers %d", status)
	}
	if _, page = w.get(t, "/findings"); strings.Contains(page, "Past due with ssh") {
		t.Error("it is still there")
	}
}

package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"tickmark/internal/access"
	"tickmark/internal/record"
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
	t.Parallel()
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
	t.Parallel()
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

func TestControlsEvidenceAndFindingsChangeTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.put(t, "evidence", "e1", map[string]any{"title": "Minutes", "sort": "document", "link": "https://example.org/minutes", "controls": []string{"AC-01"}})
	w.put(t, "finding", "f1", map[string]any{"title": "Weakness", "severity": "low", "origin": "report"})
	state := func(kind, key string) string {
		v, err := w.Book.Get(t.Context(), kind, key, 0)
		if err != nil {
			t.Fatal(err)
		}
		return string(v.Body)
	}
	_, page := w.get(t, "/controls")
	rows := picks(t, page)
	chosen := []string{rows["AC-01"], rows["AC-02"]}
	if status, page := w.post(t, "/bulk/control", url.Values{"row": chosen, "do": {"assign"}, "owner": {"ada"}, "reason": {"she runs it"}, "to": {"/controls"}}); status != 200 || !strings.Contains(page, "2 controls changed") || !strings.Contains(state("control", "AC-02"), `"owner":"ada"`) {
		t.Errorf("naming an owner answers %d: %s", status, plainText(page))
	}
	_, page = w.get(t, "/controls")
	rows = picks(t, page)
	tasks := url.Values{"row": {rows["AC-01"], rows["AC-03"]}, "do": {"tasks"}, "what": {"Write the procedure"}, "sort": {"document"}, "reason": {"asked for"}, "to": {"/controls"}}
	if status, page := w.post(t, "/bulk/control", tasks); status != http.StatusUnprocessableEntity || !strings.Contains(page, "by which they are due") {
		t.Errorf("tasks without a day answer %d: %s", status, plainText(page))
	}
	tasks.Set("task_due", "2027-01-31")
	if status, page := w.post(t, "/bulk/control", tasks); status != 200 || !strings.Contains(page, "2 tasks are made") {
		t.Errorf("tasks answer %d: %s", status, plainText(page))
	}
	made := map[string]bool{}
	list, err := w.Book.List(t.Context(), record.Query{Kind: "task"})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range list.Versions {
		made[string(v.Body)] = true
	}
	if len(made) != 2 {
		t.Errorf("the tasks are %v", made)
	}
	for body := range made {
		if !strings.Contains(body, `"due":"2027-01-31"`) || !strings.Contains(body, `"title":"Write the procedure: `) || strings.Contains(body, `"control":"AC-01"`) != strings.Contains(body, `"owner":"ada"`) {
			t.Errorf("a task is %s", body)
		}
	}
	if status, page := w.post(t, "/bulk/control", url.Values{"row": {rows["AC-03"]}, "do": {"move"}, "move": {"retire"}, "text": {"not ours"}, "reason": {"scope"}, "to": {"/controls"}}); status != 200 || !strings.Contains(state("control", "AC-03"), `"state":"retired"`) {
		t.Errorf("retiring answers %d: %s", status, plainText(page))
	}
	_, page = w.get(t, "/evidence")
	if status, page := w.post(t, "/bulk/evidence", url.Values{"row": {picks(t, page)["Minutes"]}, "do": {"move"}, "move": {"withdraw"}, "text": {"the wrong month"}, "reason": {"mistake"}, "to": {"/evidence"}}); status != 200 || !strings.Contains(state("evidence", "e1"), `"state":"withdrawn"`) {
		t.Errorf("withdrawing answers %d: %s", status, plainText(page))
	}
	_, page = w.get(t, "/findings")
	if status, page := w.post(t, "/bulk/finding", url.Values{"row": {picks(t, page)["Weakness"]}, "do": {"tasks"}, "what": {"Mend"}, "sort": {"technical"}, "task_due": {"2027-01-31"}, "reason": {"asked for"}, "to": {"/findings"}}); status != 200 {
		t.Errorf("a task of a finding answers %d: %s", status, plainText(page))
	}
}

func TestWhatWasJustDoneCanBeUndoneUnlessItChangedSince(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	for _, id := range []string{"t1", "t2"} {
		w.put(t, "task", id, map[string]any{"title": "Task " + id, "sort": "document"})
	}
	body := func(id string) string {
		v, err := w.Book.Get(t.Context(), "task", id, 0)
		if err != nil {
			t.Fatal(err)
		}
		return string(v.Body)
	}
	assign := func() string {
		t.Helper()
		_, page := w.get(t, "/records/task")
		rows := picks(t, page)
		status, page := w.post(t, "/bulk/task", url.Values{"row": {rows["Task t1"], rows["Task t2"]}, "do": {"assign"}, "owner": {"ada"}, "reason": {"hers"}, "to": {"/records/task"}})
		if status != 200 || !strings.Contains(body("t1"), "ada") {
			t.Fatalf("it answers %d", status)
		}
		return undoOf(t, page)
	}
	was := body("t1")
	id := assign()
	if status, page := w.post(t, "/undo", url.Values{"id": {id}, "to": {"/records/task"}}); status != 200 || !strings.Contains(page, "Undone") || body("t1") != was || strings.Contains(body("t2"), "ada") {
		t.Fatalf("undoing answers %d and leaves %s: %s", status, body("t1"), plainText(page))
	}
	if history, err := w.Book.History(t.Context(), "task", "t1"); err != nil || len(history) != 3 {
		t.Errorf("the history has %d versions", len(history))
	}
	if status, _ := w.post(t, "/undo", url.Values{"id": {id}}); status != http.StatusNotFound {
		t.Errorf("undoing twice answers %d", status)
	}
	id = assign()
	w.put(t, "task", "t2", map[string]any{"title": "Task t2", "sort": "document", "owner": "ada", "due": "2027-01-31"})
	if status, page := w.post(t, "/undo", url.Values{"id": {id}}); status != http.StatusConflict || !strings.Contains(plainText(page), "changed since") || !strings.Contains(body("t1"), "ada") || !strings.Contains(body("t2"), "2027-01-31") {
		t.Errorf("undoing what changed since answers %d: %s", status, plainText(page))
	}
	other := w.seenBy(t, "other", access.Lead)
	if status, _ := other.post(t, "/undo", url.Values{"id": {id}}); status != http.StatusNotFound {
		t.Errorf("another user undoing it answers %d", status)
	}
	// an approval that an edit took away does not come back with the text
	w.put(t, "person", "bob", map[string]any{"id": "bob", "name": "Bob", "email": "bob@example.org", "start": "2024-01-01"})
	control := func() string {
		v, err := w.Book.Get(t.Context(), "control", "X-01", 0)
		if err != nil {
			t.Fatal(err)
		}
		return string(v.Body)
	}
	if _, err := w.Book.Put(t.Context(), somebody("ada"), record.Change{Kind: "control", Key: "X-01", Body: []byte(`{"id":"X-01","title":"Rights are reviewed","statement":"Each day.","criteria":["CC6.1"],"type":"manual","owner":"ada","frequency":"daily","evidence":["Signed list"]}`)}); err != nil {
		t.Fatal(err)
	}
	w.act(t, somebody("bob"), "control", "X-01", "approve")
	const edit = "/records/control/X-01/edit"
	_, page := w.get(t, edit)
	form := filled(t, page, edit)
	form.Set("statement", "Each month.")
	form.Set("_reason", "less often")
	status, page := w.post(t, edit, form)
	if status != 200 || !strings.Contains(control(), `"state":"draft"`) {
		t.Fatalf("editing answers %d and leaves %s", status, control())
	}
	status, page = w.post(t, "/undo", url.Values{"id": {undoOf(t, page)}})
	if status != 200 || !strings.Contains(control(), "Each day.") || !strings.Contains(control(), `"state":"draft"`) {
		t.Errorf("undoing answers %d and leaves %s: %s", status, control(), plainText(page))
	}
}

// undoOf is what the message of a page offers to undo.
func undoOf(t *testing.T, page string) string {
	t.Helper()
	id := filled(t, page, "/undo").Get("id")
	if id == "" {
		t.Fatal("the page offers no undo")
	}
	return id
}

func TestFindingsAreReadPageByPageWithinTheFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	for i := range findingsShown + 3 {
		w.put(t, "finding", fmt.Sprintf("low%02d", i), map[string]any{"title": fmt.Sprintf("Weakness %02d", i), "severity": "low", "origin": "report", "due": fmt.Sprintf("2027-01-%02d", 1+i%28)})
	}
	next := "/findings?q=weakness&severity=low&state=open"
	seen := map[string]int{}
	for pages := 1; next != ""; pages++ {
		_, page := w.get(t, next)
		if found := foundIn(page); !strings.HasPrefix(found, fmt.Sprint(findingsShown+3)+" of") {
			t.Errorf("page %d says it found %q", pages, found)
		}
		next = ""
		walk(t, []byte(page), func(n *html.Node, a map[string]string) {
			if n.Data == "a" && strings.HasPrefix(a["href"], "/findings/low") && !strings.Contains(a["href"], "#") && strings.HasPrefix(text(n), "Weakness") {
				seen[a["href"]]++
			}
			if n.Data == "a" && a["rel"] == "next" {
				next = a["href"]
			}
		})
		if next != "" && (!strings.Contains(next, "severity=low") || !strings.Contains(next, "q=weakness") || pages > 1) {
			t.Fatalf("page %d leads to %s", pages, next)
		}
	}
	if len(seen) != findingsShown+3 {
		t.Errorf("%d findings were seen", len(seen))
	}
	for href, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", href, n)
		}
	}
}

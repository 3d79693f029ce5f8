package room_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/engagement"
)

func has(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
}

func TestPagesSayWhereAnEngagementStandsAndWhatStandsAgainstTheNextStep(t *testing.T) {
	f := open(t, memory(t))
	_, empty := f.page("mara", "/engagements")
	has(t, empty, "No engagement yet")
	f.planned()
	f.sampled(120, 40, 2)
	for path, words := range map[string][]string{
		"/engagements":                                        {"Acme FY26 Type II", "Interim fieldwork", "in 10 days", "0 of 2", "Manager"},
		"/engagements/acme-26":                                {"Wrap-up", "0 of 80", "At acceptance: independent", "Before issue: not confirmed", "CC6.1", "Only the partner of Acme FY26 Type II can withdraw"},
		"/engagements/acme-26/papers/AC-03":                   {"Leavers lose access within a day.", "Payroll count.", "40 items, 80 cells blank", "L0", "Empty. It is a person"},
		"/engagements/acme-26/samples":                        {"Revealed", "Stratified, 40"},
		"/engagements/acme-26/populations/p1":                 {"120", "Traced five.", "Seed", "team: team"},
		"/engagements/acme-26/opinion":                        {"empty", "No opinion is signed", "Nobody asked yet", "Departure, pervasive: adverse"},
		"/engagements/acme-26/samples/s1/file":                {"tickmark sample v1"},
		"/engagements/acme-26/new/deviation":                  {"What happened, when, and what shows it."},
		"/engagements/acme-26/edit/workpaper/AC-03?part=plan": {"Risk and objective"},
	} {
		status, page := f.page("mara", path)
		if status != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, status, page)
			continue
		}
		has(t, page, words...)
	}
	f.put("mara", "person", "rival", body{"id": "rival", "name": "Rival", "email": "rival@firm.example"})
	for _, path := range []string{"/engagements", "/engagements/acme-26", "/engagements/acme-26/papers/AC-03", "/engagements/acme-26/samples/s1/file", "/engagements/acme-26/opinion"} {
		if _, page := f.page("rival", path); strings.Contains(page, "Acme") {
			t.Errorf("somebody of the firm who is not on the team reads %s", path)
		}
	}
	if status, page := f.page("lead", "/engagements/acme-26"); status != http.StatusNotFound || strings.Contains(page, "Acme") {
		t.Errorf("management reads the room: %d %s", status, page)
	}
}

func TestTheGridTakesLettersAndRefusesWhatIsNoMark(t *testing.T) {
	f := open(t, memory(t))
	f.planned()
	items := f.sampled(120, 30, 2)
	const grid = "/engagements/acme-26/papers/AC-03/grid"
	cell := func(i int, a string) string { return "c|" + items[i] + "|" + a }
	send := func(in url.Values) (int, string) {
		in.Set("_seen", f.seen("workpaper", "AC-03"))
		return f.post("pete", grid, in)
	}
	cells := func() map[string]body {
		out := map[string]body{}
		for _, c := range engagement.Objects(f.get("workpaper", "AC-03"), "grid") {
			out[engagement.Text(c, "item")+engagement.Text(c, "attribute")] = c
		}
		return out
	}

	if status, page := send(url.Values{cell(0, "A"): {"i"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "marked as met without any evidence") || !strings.Contains(page, `aria-invalid="true"`) {
		t.Errorf("a met cell without evidence was taken: %d", status)
	}
	if status, page := send(url.Values{cell(0, "A"): {"q"}, "evidence": {"e1"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "is no mark") || !strings.Contains(page, `value="Q"`) {
		t.Errorf("q was taken for a mark: %d", status)
	}
	if status, page := send(url.Values{cell(0, "A"): {"N"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "not applicable without a reason") {
		t.Errorf("not applicable without a reason: %d", status)
	}
	if n := len(cells()); n != 0 {
		t.Fatalf("%d cells were saved beside a refusal", n)
	}
	send(url.Values{cell(0, "A"): {"i"}, cell(0, "B"): {"N"}, "n|" + items[0] + "|B": {"A contractor."}, cell(1, "A"): {"X"}, "evidence": {"e1, e2"}})
	got := cells()
	if c := got[items[0]+"A"]; c["mark"] != "met" || c["tickmarks"] != "inspected" || fmt.Sprint(c["evidence"]) != "[e1 e2]" {
		t.Errorf("the cell is %v", c)
	}
	if c := got[items[1]+"A"]; c["mark"] != "deviation" || len(got) != 3 {
		t.Errorf("%d cells, %v", len(got), c)
	}
	_, page := f.page("pete", "/engagements/acme-26/papers/AC-03")
	has(t, page, "Item "+items[1]+" deviates in A, and no deviation is on record", "control=AC-03&amp;item="+items[1], "57 cells blank")

	stale := f.seen("workpaper", "AC-03")
	send(url.Values{cell(2, "A"): {"R"}, "evidence": {"e3"}})
	if status, page := f.post("pete", grid, url.Values{cell(3, "A"): {"T"}, "evidence": {"e4"}, "_seen": {stale}}); status != http.StatusConflict || !strings.Contains(page, "changed this paper since you opened it") || !strings.Contains(page, `value="T"`) {
		t.Errorf("a stale grid was saved: %d", status)
	}
	send(url.Values{cell(0, "A"): {""}})
	if _, stays := cells()[items[0]+"A"]; stays {
		t.Error("an emptied cell stays")
	}
	// all that is blank at once, and nothing that is marked
	send(url.Values{"bulk": {"1"}, "bulk.letter": {"O"}, "evidence": {"walk"}})
	got = cells()
	if got[items[1]+"A"]["mark"] != "deviation" || got[items[5]+"B"]["tickmarks"] != "observed" || len(got) != 60 {
		t.Errorf("%d cells, %v %v", len(got), got[items[1]+"A"], got[items[5]+"B"])
	}
	send(url.Values{"bulk": {"1"}, "bulk.letter": {"X"}, "bulk.over": {"1"}, "bulk.attribute": {"B"}, "pick": {items[4], items[5]}})
	got = cells()
	if got[items[5]+"B"]["mark"] != "deviation" || got[items[5]+"A"]["mark"] != "met" || got[items[6]+"B"]["mark"] != "met" {
		t.Error("the mark for chosen items went elsewhere")
	}
	if status, _ := f.post("quinn", grid, url.Values{cell(6, "A"): {"X"}, "_seen": {f.seen("workpaper", "AC-03")}}); status != http.StatusForbidden {
		t.Errorf("the quality reviewer marked a cell: %d", status)
	}
	if status, _ := f.post("lead", grid, url.Values{cell(6, "A"): {"X"}, "_seen": {f.seen("workpaper", "AC-03")}}); status != http.StatusNotFound {
		t.Errorf("management marked a cell: %d", status)
	}
}

func TestARefusalStandsOnItsPageBesideItsStep(t *testing.T) {
	f := open(t, memory(t))
	f.planned()
	f.sampled(120, 30, 1)
	status, page := f.post("pete", "/engagements/acme-26/records/workpaper/AC-03/move/prepare", url.Values{"_seen": {f.seen("workpaper", "AC-03")}})
	if status != http.StatusConflict {
		t.Errorf("answers %d", status)
	}
	has(t, page, "Leavers lose access within a day.", "There is no conclusion on the design")
	if status, page := f.post("mara", "/engagements/acme-26/commit", url.Values{"control": {"AC-03"}}); status != http.StatusConflict || !strings.Contains(page, "No commitment was made") {
		t.Errorf("a second commitment without a reason: %d", status)
	}
	f.put("pete", "population", "p2", body{"engagement": "acme-26", "name": "Requests", "control": "AC-01", "sort": "events", "source": "tickets", "query": "all", "from": "2026-01-01", "to": "2026-06-30"})
	fields := url.Values{"key_column": {"id"}, "time_column": {"left"}, "by": {"Payroll"}, "drawn": {"2026-07-02T00:00:00Z"}, "complete": {"1"}}
	if status, page := f.upload("pete", "/engagements/acme-26/populations/p2/deliver", fields, [3]string{"list", "l.csv", leavers(9)}); status != http.StatusConflict || !strings.Contains(page, "committed to no nonce") || !strings.Contains(page, `value="Payroll"`) {
		t.Errorf("a list was taken without a commitment: %d", status)
	}
	f.post("pete", "/engagements/acme-26/commit", url.Values{"control": {"AC-01"}})
	if status, page := f.upload("pete", "/engagements/acme-26/populations/p2/deliver", fields, [3]string{"list", "l.csv", leavers(9)}); status != http.StatusOK || !strings.Contains(page, "Delivered") {
		t.Errorf("the list was not taken: %d %s", status, page)
	}
	if status, _ := f.post("pete", "/engagements/acme-26/records/sample/s1/move/begin_test", url.Values{}); status != http.StatusConflict {
		t.Errorf("a step that is over answers %d", status)
	}
	other := f.get("engagement", "acme-26")
	for name := range other {
		if !slices.Contains([]string{"name", "company", "operator", "type", "categories", "system", "from", "to", "zone", "team", "firm"}, name) {
			delete(other, name)
		}
	}
	other["id"] = "other-26"
	f.put("mara", "engagement", "other-26", other)
	if status, _ := f.post("pete", "/engagements/other-26/records/sample/s1/move/conclude", url.Values{}); status != http.StatusNotFound {
		t.Errorf("a record was reached through another engagement: %d", status)
	}
	if status, _ := f.page("pete", "/engagements/other-26/samples/s1/file"); status != http.StatusNotFound {
		t.Errorf("a file was reached through another engagement: %d", status)
	}
}

func BenchmarkGridPage(b *testing.B) {
	f := open(b, memory(b))
	f.planned()
	items := f.sampled(400, 60, 8)
	paper := f.get("workpaper", "AC-03")
	var grid []body
	for _, i := range items {
		for _, a := range attributes(8) {
			grid = append(grid, body{"item": i, "attribute": a["id"], "mark": "met", "tickmarks": "inspected", "evidence": []string{sum}})
		}
	}
	paper["grid"] = grid
	f.put("pete", "workpaper", "AC-03", paper)
	f.page("pete", "/engagements/acme-26/papers/AC-03")
	for b.Loop() {
		if status, _ := f.page("pete", "/engagements/acme-26/papers/AC-03"); status != http.StatusOK {
			b.Fatal(status)
		}
	}
}

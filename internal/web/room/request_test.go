package room_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tickmark/internal/engagement"
)

// The whole way of a request: made from a released sample, sent, answered by the company, returned, answered again, accepted, and then
// what cells rest on.
func TestARequestGoesItsWayBetweenFirmAndCompany(t *testing.T) {
	f := open(t, memory(t))
	f.planned()
	items := f.sampled(120, 30, 1)
	e := f.get("engagement", "acme-26")
	e["contacts"] = []string{"client"}
	f.put("mara", "engagement", "acme-26", e)

	in := url.Values{"name": {"Offboarding tickets"}, "text": {"The ticket of each leaver."}, "sort": {"sample_proof"}, "sample": {"s1"}, "control": {"AC-03"}, "attributes": {"A"}, "from": {"2026-01-01"}, "to": {"2026-06-30"}, "due": {"2026-07-15"}}
	status, page := f.post("pete", "/engagements/acme-26/new/evidence_request", in)
	if status != http.StatusOK {
		t.Fatalf("making it answers %d %s", status, page)
	}
	has(t, page, "30, 30 without a file", "Draft")
	list, err := f.desk.Book.LookAt(t.Context(), noTime).Find("evidence_request", "engagement", "acme-26")
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	key := list[0].Key
	req := func() body { return f.get("evidence_request", key) }
	label := engagement.Text(engagement.Objects(req(), "items")[0], "label")
	if label == "" {
		t.Fatal("the items have no label")
	}

	company := "/requests/" + key
	if status, page := f.page("client", company); status != http.StatusNotFound || strings.Contains(page, "Offboarding") {
		t.Errorf("the company reads a draft: %d", status)
	}
	if _, page := f.page("client", "/requests"); strings.Contains(page, "Offboarding") {
		t.Error("a draft stands in the company's list")
	}
	f.post("pete", "/engagements/acme-26/requests", url.Values{"move": {"send"}, "pick": {key}})
	if status, page := f.page("client", company); status != http.StatusOK || !strings.Contains(page, label) || strings.Contains(page, "/engagements/") {
		t.Errorf("the company's page: %d", status)
	}
	if status, _ := f.page("lead", company); status != http.StatusNotFound {
		t.Errorf("who is no contact reads it: %d", status)
	}

	// one file by its name, one beside its item, one that speaks of none
	second := items[1]
	status, page = f.upload("client", company+"/attach", nil, [3]string{"files", "ticket-" + label + ".pdf", "one"}, [3]string{"file|" + second, "scan.pdf", "two"}, [3]string{"files", "holiday.jpg", "three"})
	if status != http.StatusUnprocessableEntity || !strings.Contains(page, "holiday.jpg") {
		t.Errorf("a file that speaks of no item was not named: %d", status)
	}
	got := map[string]string{}
	for _, x := range engagement.Objects(req(), "files") {
		got[engagement.Text(x, "item")] = engagement.Text(x, "name")
	}
	if len(got) != 2 || got[items[0]] != "ticket-"+label+".pdf" || got[second] != "scan.pdf" {
		t.Errorf("attached: %v", got)
	}
	if status, page := f.post("client", company+"/submit", url.Values{}); status != http.StatusConflict || !strings.Contains(page, "Nothing is attached for") {
		t.Errorf("handed in with items lacking and no word: %d", status)
	}
	if status, _ := f.post("pete", company+"/submit", url.Values{"answer": {"All."}}); status != http.StatusNotFound {
		t.Errorf("the firm answered for the company: %d", status)
	}
	f.post("client", company+"/submit", url.Values{"answer": {"The others follow."}, "checked_by": {"Cleo"}})
	if s := req()["state"]; s != "submitted" {
		t.Fatalf("it is %v", s)
	}
	if status, _ := f.upload("client", company+"/attach", nil, [3]string{"files", label + ".pdf", "later"}); status != http.StatusConflict {
		t.Errorf("a file came after the handing-in: %d", status)
	}
	base := "/engagements/acme-26/records/evidence_request/" + key + "/move/"
	f.post("pete", base+"begin_review", nil)
	f.post("pete", base+"return", url.Values{"missing": {"The other 28."}})
	if b := req(); b["state"] != "returned" || b["returns"] != float64(1) {
		t.Errorf("it is %v, returned %v times", b["state"], b["returns"])
	}
	sum := engagement.Text(engagement.Objects(req(), "files")[0], "sha256")
	if status, _ := f.post("client", company+"/detach", url.Values{"sum": {sum}}); status != http.StatusConflict {
		t.Errorf("a file that was handed in was taken back: %d", status)
	}

	// past its day: what did not come is told as a fact, and nothing is recorded
	f.now = f.now.AddDate(0, 0, 10)
	_, paper := f.page("pete", "/engagements/acme-26/papers/AC-03")
	has(t, paper, "No evidence came for item "+items[2], "sort=no_evidence", "Overdue")
	if strings.Contains(paper, "No evidence came for item "+items[0]+"<") {
		t.Error("an item with a file is told as missing")
	}
	if d, _ := f.desk.Book.LookAt(t.Context(), noTime).Find("deviation", "engagement", "acme-26"); len(d) != 0 {
		t.Error("a deviation was recorded by itself")
	}
	f.post("client", company+"/submit", url.Values{"answer": {"There are none of the others."}})
	if since := req()["overdue_since"]; since != "2026-07-15" {
		t.Errorf("overdue since %v", since)
	}
	f.post("pete", "/engagements/acme-26/requests", url.Values{"move": {"begin_review"}, "pick": {key}})
	f.post("pete", "/engagements/acme-26/requests", url.Values{"move": {"accept"}, "pick": {key}})
	if s := req()["state"]; s != "accepted" {
		t.Fatalf("it is %v", s)
	}
	// a cell of an item rests on what was accepted for it
	status, page = f.post("pete", "/engagements/acme-26/papers/AC-03/grid", url.Values{"c|" + items[0] + "|A": {"I"}, "_seen": {f.seen("workpaper", "AC-03")}})
	if c := engagement.Objects(f.get("workpaper", "AC-03"), "grid"); status != http.StatusOK || len(c) != 1 || engagement.List(c[0], "evidence")[0] != sum {
		t.Errorf("the cell is %v: %d", c, status)
	}
	if status, got := f.page("client", company+"/files/"+sum); status != http.StatusOK || got != "one" {
		t.Errorf("the file is %d %q", status, got)
	}
	if status, _ := f.page("lead", company+"/files/"+sum); status != http.StatusNotFound {
		t.Errorf("who is no contact read the file: %d", status)
	}
	for _, path := range []string{"/engagements/acme-26/requests", "/engagements/acme-26/requests/" + key} {
		if status, page := f.page("mara", path); status != http.StatusOK || !strings.Contains(page, "Accepted") {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestARequestNeverGivesAnUnreleasedSampleAway(t *testing.T) {
	f := open(t, memory(t))
	f.planned()
	f.sampled(120, 30, 1)
	f.put("pete", "sample", "s2", body{"engagement": "acme-26", "name": "More", "control": "AC-03", "population": "p1", "method": "stratified", "size": 5, "size_reason": "One deviation.", "extends": "s1", "extends_reason": "It may be unusual."})
	if _, err := f.desk.Draw(t.Context(), anybody("pete"), "s2"); err != nil {
		t.Fatal(err)
	}
	in := url.Values{"name": {"More"}, "text": {"Tickets."}, "sort": {"sample_proof"}, "sample": {"s2"}, "control": {"AC-03"}, "from": {"2026-01-01"}, "to": {"2026-06-30"}, "due": {"2026-07-15"}}
	if status, page := f.post("pete", "/engagements/acme-26/new/evidence_request", in); status != http.StatusConflict || !strings.Contains(page, "would give it away") {
		t.Errorf("a request of an unreleased sample: %d", status)
	}
}

func TestAQuestionnaireIsAnsweredOnItsPage(t *testing.T) {
	f := open(t, memory(t))
	f.planned()
	f.put("mara", "person", "cara", body{"id": "cara", "name": "Cara", "email": "cara@acme.example"})
	e := f.get("engagement", "acme-26")
	e["contacts"] = []string{"client", "cara"}
	f.put("mara", "engagement", "acme-26", e)
	status, page := f.post("pete", "/engagements/acme-26/new/questionnaire", url.Values{"id": {"gov"}, "name": {"Governance"}, "due": {"2026-07-20"}, "questions.0.id": {"1"}, "questions.0.text": {"Is there a board?"}})
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, page)
	}
	has(t, page, "Is there a board?", "No answer yet")
	const company = "/questionnaires/gov"
	if status, _ := f.page("client", company); status != http.StatusNotFound {
		t.Errorf("the company reads a draft: %d", status)
	}
	f.post("pete", "/engagements/acme-26/records/questionnaire/gov/move/assign", nil)
	if status, page := f.post("client", company+"/answer", url.Values{"question": {"1"}, "reply": {"yes"}, "text": {"It meets."}}); status != http.StatusConflict || !strings.Contains(page, "stand still") {
		t.Errorf("answered before it was begun: %d", status)
	}
	f.post("client", company+"/move/begin", nil)
	if status, page := f.post("client", company+"/move/hand_over", nil); status != http.StatusConflict || !strings.Contains(page, "has no answer") {
		t.Errorf("handed over without an answer: %d", status)
	}
	f.post("client", company+"/answer", url.Values{"question": {"1"}, "reply": {"yes"}, "text": {"It meets."}, "evidence": {"minutes"}})
	f.post("client", company+"/answer", url.Values{"question": {"1"}, "reply": {"partly"}, "text": {"It meets twice a year."}})
	f.post("client", company+"/move/hand_over", nil)
	if status, _ := f.post("client", company+"/move/accept", nil); status != http.StatusNotFound {
		t.Errorf("the company accepted its own answers: %d", status)
	}
	if status, page := f.post("client", company+"/move/submit", nil); status != http.StatusForbidden || !strings.Contains(page, "one who answered") {
		t.Errorf("handed in by the one who answered: %d", status)
	}
	f.post("cara", company+"/move/submit", nil)
	_, page = f.page("pete", "/engagements/acme-26/questionnaires/gov")
	has(t, page, "It meets twice a year.", "Partly", "Accept")
	if status, _ := f.page("lead", company); status != http.StatusNotFound {
		t.Errorf("who is no contact reads it: %d", status)
	}
	for _, path := range []string{"/requests", "/engagements/acme-26/requests"} {
		name := map[string]string{"/requests": "cara"}[path]
		if name == "" {
			name = "mara"
		}
		if _, page := f.page(name, path); !strings.Contains(page, "1 of 1 question answered") {
			t.Errorf("%s does not list it", path)
		}
	}
}

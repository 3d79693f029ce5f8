package exchange

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var (
	cleo = who{User: "cleo", Person: "cleo", Name: "person:cleo"} // of the company
	carl = who{User: "carl", Person: "carl", Name: "person:carl"}
)

func (o *Office) as(t *testing.T, by who, kind, key, move string, said map[string]any) error {
	t.Helper()
	_, err := o.Book.Put(t.Context(), by, record.Change{Kind: kind, Key: key, Move: move, Said: said})
	return err
}

func (o *Office) says(t *testing.T, by who, key string, b map[string]any) error {
	t.Helper()
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Book.Put(t.Context(), by, record.Change{Kind: FirmAnswer, Key: key, Body: raw})
	return err
}

func (o *Office) keeps(t *testing.T, content string) string {
	t.Helper()
	h, _, err := o.Blobs.Put(t.Context(), strings.NewReader(content), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// carries brings the next parcel of one side to the other.
func carries(t *testing.T, from, to *Office) Sent {
	t.Helper()
	var sent Sent
	var err error
	if from.Firm {
		sent, err = from.Tell(t.Context(), paula, "e", "")
	} else {
		sent, err = from.Hand(t.Context(), paula, "e", Deliver{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.takes(t, bytesOf(t, from, sent.Number)); err != nil {
		t.Fatal(err)
	}
	return sent
}

func (o *Office) asked(t *testing.T, sort, of string) Asked {
	t.Helper()
	a, err := o.AskedOf(t.Context(), paula, "e", sort, of)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// asks is a company and a firm that asked for minutes and for a questionnaire; a draft and a withdrawn draft hold secrets.
func asks(t *testing.T, db func() *store.DB) (company, firm *Office) {
	company, firm = joined(t, db, "")
	for _, p := range []string{"cleo", "carl", "paula"} {
		company.write(t, "person", p, `{"id":"`+p+`","name":"`+strings.ToUpper(p[:1])+p[1:]+` Park","email":"`+p+`@acme.example"}`)
	}
	firm.write(t, request.Name, "r", `{"engagement":"e","name":"Minutes","text":"The minutes of the board.","sort":"document","control":"AC-03","attributes":["SECRET"],"from":"2026-01-01","to":"2026-06-30","due":"2026-07-20","items":[{"item":"1","label":"January"},{"item":"2","label":"February"}]}`)
	firm.act(t, request.Name, "r", "send", nil)
	firm.write(t, request.Name, "draft", `{"engagement":"e","name":"SECRET","text":"SECRET","sort":"inquiry","due":"2026-07-20"}`)
	firm.write(t, request.Name, "dropped", `{"engagement":"e","name":"SECRET","text":"SECRET","sort":"inquiry","due":"2026-07-20"}`)
	firm.act(t, request.Name, "dropped", "withdraw", map[string]any{"reason": planted})
	firm.write(t, request.QuestionnaireName, "q", `{"id":"q","engagement":"e","name":"Governance","questions":[{"id":"1","text":"Is there a board?","control":"GOV-01"},{"id":"2","text":"Does it meet?"}]}`)
	firm.write(t, request.QuestionnaireName, "unsent", `{"id":"unsent","engagement":"e","name":"SECRET","questions":[{"id":"1","text":"SECRET"}]}`)
	firm.act(t, request.QuestionnaireName, "q", "assign", nil)
	return company, firm
}

func TestARequestGoesToTheCompanyByParcelAndItsAnswersComeBackRoundByRound(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		company, firm := asks(t, func() *store.DB {
			if d := db; d != nil {
				db = nil
				return d
			}
			return storetest.SQLite(t)
		})
		sent := carries(t, firm, company)
		if b := bytesOf(t, firm, sent.Number); bytes.Contains(b, []byte(planted)) || !bytes.Contains(b, []byte("The minutes of the board.")) {
			t.Errorf("the parcel tells a secret, or not the request: %s", b)
		}
		a := company.asked(t, EvidenceRequest, "r")
		if a.State() != "open" || a.Round() != 1 || len(engagement.Objects(a.Content, "items")) != 2 {
			t.Fatalf("%+v", a)
		}
		key := AnswerKey("e", EvidenceRequest, "r", 1)
		january, stray := company.keeps(t, "minutes of January"), company.keeps(t, "stray")
		b := map[string]any{"engagement": "e", "sort": EvidenceRequest, "of": "r", "name": "Minutes", "round": 1, "files": []any{map[string]any{"sha256": january, "name": "jan.pdf", "size": 18, "item": "1"}}}
		with := func(f string, v any) map[string]any {
			out := map[string]any{}
			for k, x := range b {
				out[k] = x
			}
			out[f] = v
			return out
		}
		for name, c := range map[string]struct {
			b     map[string]any
			words string
		}{
			"a request that nobody made":  {with("of", "other"), "asked no"},
			"a draft of the firm's":       {with("of", "draft"), "asked no"},
			"another round":               {with("round", 2), "waits for round 1"},
			"an item that is not asked":   {with("files", []any{map[string]any{"sha256": stray, "name": "x", "item": "9"}}), "not asked about"},
			"a file that has no hash":     {with("files", []any{map[string]any{"sha256": "x", "name": "x"}}), "no SHA-256"},
			"an engagement of its own":    {with("engagement", "f"), "asked no"},
			"a state that nobody reached": {with("state", "handed_in"), "state"},
		} {
			if err := company.says(t, cleo, "wrong", c.b); err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%s: %v, want a refusal with %q", name, err, c.words)
			}
		}
		if err := company.says(t, cleo, key, b); err != nil {
			t.Fatal(err)
		}
		if err := company.says(t, cleo, "twice", b); !fault.Is(err, fault.Conflict) {
			t.Errorf("two answers of one round: %v", err)
		}
		if _, err := company.Hand(t.Context(), paula, "e", Deliver{}); !fault.Is(err, fault.Conflict) {
			t.Errorf("an answer goes before it is handed in: %v", err)
		}
		if err := company.as(t, cleo, FirmAnswer, key, "hand_in", nil); err == nil || !strings.Contains(err.Error(), "Nothing is attached for 2") {
			t.Errorf("handed in with an item that lacks: %v", err)
		}
		if err := company.says(t, cleo, key, with("text", "There was none in February.")); err != nil {
			t.Fatal(err)
		}
		if err := company.as(t, cleo, FirmAnswer, key, "hand_in", nil); err != nil {
			t.Fatal(err)
		}
		if err := company.says(t, cleo, key, with("text", "Another.")); !fault.Is(err, fault.Conflict) {
			t.Errorf("what was handed in is changed: %v", err)
		}
		if s := company.asked(t, EvidenceRequest, "r").State(); s != "submitted" {
			t.Errorf("the company sees it as %s", s)
		}
		p, err := company.Next(t.Context(), paula, "e", Deliver{})
		if err != nil || len(p.Items) != 2 {
			t.Fatalf("the preview: %+v, %v", p, err)
		}
		if _, err := company.Hand(t.Context(), paula, "e", Deliver{Seen: strings.Repeat("0", 64)}); !fault.Is(err, fault.Conflict) || !strings.Contains(fmt.Sprint(err), "looked at") {
			t.Errorf("something is sent that nobody looked at: %v", err)
		}
		handed := carries(t, company, firm)
		if again, err := open(bytes.NewReader(bytesOf(t, company, handed.Number)), int64(len(bytesOf(t, company, handed.Number))), company.Book.Log.VKey); err != nil || digest(again.Items) != p.Digest {
			t.Errorf("the parcel is not what the preview showed: %v", err)
		}
		r := firm.body(t, request.Name, "r")
		files, answers := engagement.Objects(r, "files"), engagement.Objects(r, "answers")
		if r["state"] != "submitted" || len(files) != 1 || files[0]["sha256"] != january || files[0]["item"] != "1" || files[0]["obtained"] == true || len(answers) != 1 || answers[0]["by"] != "Cleo Park, of the company" || r["overdue_since"] != nil {
			t.Fatalf("the firm's request is %v", r)
		}
		in, _, err := firm.FileOf(t.Context(), paula, "e", AnswerFile, key+".1")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(in); string(got) != "minutes of January" || err != nil {
			t.Errorf("the file is %q, %v", got, err)
		}
		in.Close()
		size := firm.size(t)
		if left, err := firm.Apply(t.Context(), "e"); err != nil || len(left) != 0 || firm.size(t) != size {
			t.Errorf("taken over twice: %v, %v", left, err)
		}
		// Nobody at the firm says what the company says.
		firm.act(t, request.Name, "r", "begin_review", nil)
		firm.act(t, request.Name, "r", "return", map[string]any{"missing": "February."})
		if err := firm.as(t, paula, request.Name, "r", "receive", map[string]any{"answer": "x"}); !fault.Is(err, fault.Denied) {
			t.Errorf("the firm answers for the company: %v", err)
		}
		carries(t, firm, company)
		if a = company.asked(t, EvidenceRequest, "r"); a.State() != "returned" || a.Round() != 2 || engagement.Text(a.Content, "missing") != "February." {
			t.Fatalf("returned: %+v", a.Content)
		}
		second := with("round", 2)
		second["text"], second["files"] = "The secretary was ill.", []any{}
		if err := company.says(t, cleo, AnswerKey("e", EvidenceRequest, "r", 2), second); err != nil {
			t.Fatal(err)
		}
		if err := company.as(t, cleo, FirmAnswer, AnswerKey("e", EvidenceRequest, "r", 2), "decline", map[string]any{"reason": "There was no meeting."}); err != nil {
			t.Fatal(err)
		}
		carries(t, company, firm)
		if r = firm.body(t, request.Name, "r"); r["state"] != "not_available" || r["reason"] != "There was no meeting." || len(engagement.Objects(r, "files")) != 1 {
			t.Errorf("declined: %v", r)
		}
	})
}

func TestAQuestionnaireGoesByParcelAndIsHandedInByAnother(t *testing.T) {
	company, firm := asks(t, func() *store.DB { return storetest.SQLite(t) })
	carries(t, firm, company)
	company.write(t, "criterion", "CC1.2", `{"id":"CC1.2","title":"Board","summary":"x","intent":"x","series":"CC1","category":"common","version":"1","applies_when":{"any_category":["security"]}}`)
	company.write(t, "control", "GOV-01", `{"id":"GOV-01","title":"Board","statement":"The board meets.","frequency":"quarterly","owner":"cleo","criteria":["CC1.2"]}`)
	reply := func(q, word, text, despite string) map[string]any {
		out := map[string]any{"question": q, "reply": word, "text": text}
		if despite != "" {
			out["despite"] = despite
		}
		return out
	}
	key := AnswerKey("e", QuestionnaireSent, "q", 1)
	b := map[string]any{"engagement": "e", "sort": QuestionnaireSent, "of": "q", "name": "Governance", "round": 1, "replies": []any{reply("9", "yes", "x", "")}}
	if err := company.says(t, cleo, key, b); err == nil || !strings.Contains(err.Error(), "no question 9") {
		t.Errorf("a question that nobody asked: %v", err)
	}
	b["replies"] = []any{reply("1", "yes", "It does.", "")}
	if err := company.says(t, cleo, key, b); err != nil {
		t.Fatal(err)
	}
	if err := company.as(t, cleo, FirmAnswer, key, "hand_over", nil); err == nil || !strings.Contains(err.Error(), "GOV-01 is draft") {
		t.Errorf("a yes to a control that is none: %v", err)
	}
	b["replies"] = []any{reply("1", "yes", "It does.", "Adopted by the founders.")}
	if err := company.says(t, cleo, key, b); err != nil {
		t.Fatal(err)
	}
	if err := company.as(t, cleo, FirmAnswer, key, "hand_over", nil); err == nil || !strings.Contains(err.Error(), "question 2 has no answer") {
		t.Errorf("a question without an answer: %v", err)
	}
	b["replies"] = []any{reply("1", "yes", "It does.", "Adopted by the founders."), reply("2", "partly", "Each quarter.", "")}
	if err := company.says(t, cleo, key, b); err != nil {
		t.Fatal(err)
	}
	if err := company.as(t, carl, FirmAnswer, key, "hand_in", nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("handed in without a review: %v", err)
	}
	if err := company.as(t, cleo, FirmAnswer, key, "hand_over", nil); err != nil {
		t.Fatal(err)
	}
	if err := company.as(t, cleo, FirmAnswer, key, "hand_in", nil); !fault.Is(err, fault.Denied) {
		t.Errorf("handed in by who answered: %v", err)
	}
	if err := company.as(t, carl, FirmAnswer, key, "hand_in", nil); err != nil {
		t.Fatal(err)
	}
	carries(t, company, firm)
	if q := firm.body(t, request.QuestionnaireName, "q"); q["state"] != "submitted" {
		t.Fatalf("the firm's questionnaire is %v", q)
	}
	if a := firm.body(t, request.AnswerName, "q.2"); a["reply"] != "partly" || a["told_by"] != "Carl Park, of the company" {
		t.Errorf("the answer is %v", a)
	}
	firm.act(t, request.QuestionnaireName, "q", "clarify", map[string]any{"clarification": "How often?"})
	carries(t, firm, company)
	if a := company.asked(t, QuestionnaireSent, "q"); a.State() != "clarifying" || a.Round() != 2 {
		t.Fatalf("%+v", a.Content)
	}
	b["round"], b["replies"] = 2, []any{reply("1", "no", "Not yet.", ""), reply("2", "yes", "Four times.", "")}
	key = AnswerKey("e", QuestionnaireSent, "q", 2)
	if err := company.says(t, cleo, key, b); err != nil {
		t.Fatal(err)
	}
	if err := company.as(t, cleo, FirmAnswer, key, "hand_over", nil); err != nil {
		t.Fatal(err)
	}
	if err := company.as(t, carl, FirmAnswer, key, "hand_in", nil); err != nil {
		t.Fatal(err)
	}
	carries(t, company, firm)
	if q, a := firm.body(t, request.QuestionnaireName, "q"), firm.body(t, request.AnswerName, "q.1"); q["state"] != "submitted" || a["reply"] != "no" {
		t.Errorf("the second round: %v, %v", q, a)
	}
}

func TestAnAnswerThatComesToNothingStopsNoParcel(t *testing.T) {
	company, firm := asks(t, func() *store.DB { return storetest.SQLite(t) })
	carries(t, firm, company)
	key := AnswerKey("e", EvidenceRequest, "r", 1)
	if err := company.says(t, cleo, key, map[string]any{"engagement": "e", "sort": EvidenceRequest, "of": "r", "name": "Minutes", "round": 1, "text": "All are lost."}); err != nil {
		t.Fatal(err)
	}
	if err := company.as(t, cleo, FirmAnswer, key, "hand_in", nil); err != nil {
		t.Fatal(err)
	}
	firm.act(t, request.Name, "r", "withdraw", map[string]any{"reason": "Found elsewhere."})
	carries(t, company, firm)
	left, err := firm.Apply(t.Context(), "e")
	if err != nil || len(left) != 1 || left[0].Of != "r" || !strings.Contains(left[0].Why, "withdrawn") {
		t.Errorf("what was not taken over: %+v, %v", left, err)
	}
	if r := firm.body(t, request.Name, "r"); r["state"] != "withdrawn" || r["answers"] != nil {
		t.Errorf("the request is %v", r)
	}
	// What is not what it should be stops the parcel instead.
	for name, i := range map[string][]Item{
		"a file that did not come": {{Sort: AnswerGiven, Key: "x", Content: json.RawMessage(`{"of_sort":"evidence_request","of":"r","name":"x","round":1,"outcome":"handed_in","by":"x","at":"2026-07-10T09:00:00Z","files":[{"sha256":"` + strings.Repeat("a", 64) + `","name":"x"}]}`)}},
		"no round":                 {{Sort: AnswerGiven, Key: "x", Content: json.RawMessage(`{"of_sort":"evidence_request","of":"r","name":"x","round":0,"outcome":"handed_in","by":"x","at":"2026-07-10T09:00:00Z"}`)}},
		"nobody":                   {{Sort: AnswerGiven, Key: "x", Content: json.RawMessage(`{"of_sort":"evidence_request","of":"r","name":"x","round":1,"outcome":"handed_in","by":"","at":"2026-07-10T09:00:00Z"}`)}},
		"another outcome":          {{Sort: AnswerGiven, Key: "x", Content: json.RawMessage(`{"of_sort":"evidence_request","of":"r","name":"x","round":1,"outcome":"accepted","by":"x","at":"2026-07-10T09:00:00Z"}`)}},
		"a file of no answer":      {{Sort: AnswerFile, Key: "x", Content: json.RawMessage(`{"answer":"y"}`)}},
		"a state of the firm's":    {{Sort: AnswerGiven, Key: "x", Content: json.RawMessage(`{"state":"accepted"}`)}},
	} {
		if no, ok := refusal(firm.speaks(Parcel{From: Company, Items: i}, "")); !ok || no.Why != WhyContent {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestAnExchangeThatIsEndedTakesAndSendsNothing(t *testing.T) {
	var h http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r) }))
	defer server.Close()
	company, firm := joined(t, func() *store.DB { return storetest.SQLite(t) }, server.URL)
	h = (&Desk{Office: *company, Dir: t.TempDir()}).Handler()
	if _, err := firm.Tell(t.Context(), paula, "e", ""); err != nil {
		t.Fatal(err)
	}
	b := bytesOf(t, firm, 1)
	if _, err := company.End(t.Context(), paula, "e", " ", false); !fault.Is(err, fault.Invalid) {
		t.Errorf("ended without a reason: %v", err)
	}
	if _, err := company.End(t.Context(), paula, "e", "We chose another firm.", false); err != nil {
		t.Fatal(err)
	}
	if _, err := company.takes(t, b); err == nil || !strings.Contains(err.Error(), "We chose another firm.") {
		t.Errorf("taken after the end: %v", err)
	}
	if company.count(t, FirmItem) != 0 {
		t.Error("something was kept after the end")
	}
	if _, err := firm.Sync(t.Context(), paula, server.Client(), "e", t.TempDir()); err == nil || !strings.Contains(err.Error(), "We chose another firm.") {
		t.Errorf("over HTTPS after the end: %v", err)
	}
	for _, err := range []error{
		func() error { _, err := company.Hand(t.Context(), paula, "e", Deliver{}); return err }(),
		func() error { _, err := company.End(t.Context(), paula, "e", "Again.", false); return err }(),
	} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("after the end: %v", err)
		}
	}
	// It begins anew with a new invitation, which people confirm again, and goes on in the same chain.
	again := func() error {
		in, err := company.Invite(t.Context(), paula, "e", "Acme", "F", server.URL)
		if err != nil {
			return err
		}
		if _, err := company.takes(t, b); err == nil {
			t.Error("taken before the firm's key was confirmed anew")
		}
		out, err := firm.Accept(t.Context(), paula, in, Fingerprint(company.Book.Log.VKey))
		if err != nil {
			return err
		}
		_, err = company.Confirm(t.Context(), paula, out, Fingerprint(firm.Book.Log.VKey))
		return err
	}
	if err := again(); err != nil {
		t.Fatal(err)
	}
	if _, err := company.takes(t, b); err != nil {
		t.Errorf("after it was begun anew: %v", err)
	}
	// A key that was distrusted comes back by no invitation, on either side.
	if _, err := company.End(t.Context(), paula, "e", "The firm's server was broken into.", true); err != nil {
		t.Fatal(err)
	}
	if err := again(); !fault.Is(err, fault.Denied) {
		t.Errorf("a distrusted key of the firm is confirmed: %v", err)
	}
	if _, err := firm.End(t.Context(), paula, "e", "The company's server was broken into.", true); err != nil {
		t.Fatal(err)
	}
	if _, err := firm.Tell(t.Context(), paula, "e", ""); !fault.Is(err, fault.Conflict) || !strings.Contains(fmt.Sprint(err), "was ended") {
		t.Errorf("the firm tells after it ended: %v", err)
	}
	if err := again(); !fault.Is(err, fault.Denied) {
		t.Errorf("a distrusted key of the company is accepted: %v", err)
	}
}

package request_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

type body = map[string]any

// who acts: an account of a person to whom access has granted everything; the kinds' own rules say the rest.
type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

func of(name string) who { return who{User: name, Person: name, Name: "person:" + name} }

var (
	paula, pete, quinn = of("paula"), of("pete"), of("quinn") // the firm's: partner, preparer, quality reviewer
	cleo, carl         = of("cleo"), of("carl")               // the company's contacts
	stranger           = of("strange")
	nobody             = who{User: "guest", Name: "user:guest"}
	sum                = strings.Repeat("0123456789abcdef", 4)
)

type file struct {
	t    testing.TB
	book *record.Book
	now  time.Time
}

func open(t testing.TB, db *store.DB) *file {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kinds := append(append(append(engagement.Kinds(), workpaper.Kinds()...), request.Kinds()...), record.Builtin()...)
	known, err := record.NewKinds(append(kinds, person.Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, known, func(p string, v []byte) string { return p })
	if err != nil {
		t.Fatal(err)
	}
	f := &file{t, book, time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { f.now = f.now.Add(time.Second); return f.now }
	for _, p := range []who{paula, pete, quinn, cleo, carl, stranger} {
		f.put(paula, "person", p.Person, body{"id": p.Person, "name": p.Person, "email": p.Person + "@firm.example"})
	}
	f.put(paula, "engagement", "e", body{"id": "e", "name": "E", "company": "Acme", "operator": "company", "type": "type_2", "categories": []string{"security"}, "system": "S", "from": "2026-01-01", "to": "2026-06-30", "zone": "UTC", "contacts": []string{"cleo", "carl"},
		"team": []body{{"person": "paula", "role": "partner", "credential": "CPA"}, {"person": "pete", "role": "preparer", "credential": "CPA"}, {"person": "quinn", "role": "quality_reviewer", "credential": "CPA"}},
		"firm": body{"name": "F", "licence": "1", "jurisdiction": "NY", "licensed_to": "2027-01-01", "peer_reviewed": "2025-01-01", "peer_review": "pass"}})
	for _, p := range []who{paula, pete, quinn} {
		f.put(p, "independence", p.Person, body{"engagement": "e", "person": p.Person, "stage": "acceptance", "interests": "None."})
		f.act(p, "independence", p.Person, "confirm", nil)
	}
	f.act(paula, "engagement", "e", "accept", body{"competence": "x", "integrity": "x", "letter": sum, "sponsor": "x"})
	return f
}

func (f *file) write(by who, kind, key string, b body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = f.book.Put(f.t.Context(), by, record.Change{Kind: kind, Key: key, Body: raw})
	return err
}

func (f *file) put(by who, kind, key string, b body) {
	f.t.Helper()
	if err := f.write(by, kind, key, b); err != nil {
		f.t.Fatalf("%s %s by %s: %v", kind, key, by.Person, err)
	}
}

func (f *file) move(by who, kind, key, move string, said body) error {
	raw, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(raw, &said)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = f.book.Put(f.t.Context(), by, record.Change{Kind: kind, Key: key, Move: move, Said: said})
	return err
}

func (f *file) act(by who, kind, key, move string, said body) {
	f.t.Helper()
	if err := f.move(by, kind, key, move, said); err != nil {
		f.t.Fatalf("%s %s %s by %s: %v", move, kind, key, by.Person, err)
	}
}

func (f *file) get(kind, key string) body {
	f.t.Helper()
	v, err := f.book.GetFrom(f.t.Context(), kind, key, record.Program, 0, record.Auditor)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := engagement.Body(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *file) not(err error, kind fault.Kind, words string) {
	f.t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(fmt.Sprint(err), words) {
		f.t.Errorf("got %v, want a refusal with %q", err, words)
	}
}

func asked(with body) body {
	b := body{"engagement": "e", "name": "Minutes", "text": "The minutes of the board.", "sort": "document", "control": "GOV-01", "from": "2026-01-01", "to": "2026-06-30", "due": "2026-03-20"}
	for k, v := range with {
		b[k] = v
	}
	return b
}

var (
	files  = body{"new_files": []body{{"sha256": sum, "name": "minutes.pdf", "size": 12}}}
	howGot = body{"new_files": []body{{"sha256": sum, "name": "photo.jpg"}}, "obtained_how": "Photographed on site."}
)

// said is what each step needs.
var said = map[string]body{"attach": files, "detach": {"drop": sum}, "submit": {"answer": "Here."}, "obtain": howGot, "decline": {"reason": "Lost."}, "return": {"missing": "Page two."}, "withdraw": {"reason": "Found elsewhere."}}

// way leads a new request to a state.
func (f *file) way(key, state string) {
	f.t.Helper()
	f.put(pete, request.Name, key, asked(nil))
	for _, s := range map[string][]string{"draft": nil, "open": {"send"}, "submitted": {"send", "submit"}, "in_auditor_review": {"send", "submit", "begin_review"}, "accepted": {"send", "submit", "begin_review", "accept"}, "returned": {"send", "submit", "begin_review", "return"},
		"withdrawn": {"withdraw"}, "not_available": {"send", "decline"}}[state] {
		by := pete
		if slices.Contains([]string{"submit", "decline"}, s) {
			by = cleo
		}
		f.act(by, request.Name, key, s, said[s])
	}
}

// TestEachStepIsTakenByItsOwnSideAndFromItsOwnStates tries every step from every state by everybody.
func TestEachStepIsTakenByItsOwnSideAndFromItsOwnStates(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	company := []string{"attach", "detach", "submit", "decline"}
	kinds := request.Kinds()
	states := kinds[0].States
	tried, taken := 0, 0
	for _, state := range states.States() {
		for _, m := range states.Moves {
			for name, by := range map[string]who{"preparer": pete, "quality reviewer": quinn, "contact": cleo, "stranger": stranger, "nobody": nobody} {
				key := strings.ReplaceAll(state+"-"+m.Name+"-"+name, " ", "-")
				f.way(key, state)
				if m.Name == "detach" && slices.Contains(m.From, state) {
					f.act(cleo, request.Name, key, "attach", files)
				}
				err := f.move(by, request.Name, key, m.Name, said[m.Name])
				tried++
				may := slices.Contains(m.From, state) && !m.Job && (name == "contact") == slices.Contains(company, m.Name) && (name == "contact" || name == "preparer")
				switch {
				case may && err != nil:
					t.Errorf("%s from %s by the %s: %v", m.Name, state, name, err)
				case !may && !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound):
					t.Errorf("%s from %s by the %s: %v", m.Name, state, name, err)
				case may:
					taken++
				}
			}
		}
	}
	if tried < 300 || taken < 14 {
		t.Errorf("%d were tried, %d taken", tried, taken)
	}
}

func TestWhatWasHandedInStaysAndWhatComesLateIsKnownForEver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.put(pete, request.Name, "r", asked(nil))
		f.act(pete, request.Name, "r", "send", nil)
		f.not(f.write(pete, request.Name, "r", asked(body{"text": "Something else."})), fault.Conflict, "can no longer be changed")
		f.not(f.move(cleo, request.Name, "r", "submit", nil), fault.Conflict, "Nothing is handed in")
		f.act(cleo, request.Name, "r", "attach", files)
		f.act(cleo, request.Name, "r", "submit", nil)
		f.act(pete, request.Name, "r", "begin_review", nil)
		f.act(pete, request.Name, "r", "return", said["return"])
		f.not(f.move(cleo, request.Name, "r", "detach", said["detach"]), fault.Conflict, "what was handed in stays")
		f.not(f.move(cleo, request.Name, "r", "submit", nil), fault.Conflict, "Nothing is handed in")
		f.now = f.now.AddDate(0, 1, 0)
		f.act(cleo, request.Name, "r", "attach", body{"new_files": []body{{"sha256": strings.Repeat("ab", 32), "name": "page two.pdf"}}})
		f.act(cleo, request.Name, "r", "submit", body{"answer": "Page two.", "checked_by": "Carl"})
		b := f.get(request.Name, "r")
		got := engagement.Objects(b, "files")
		if len(got) != 2 || got[0]["sha256"] != sum || got[0]["round"] != float64(1) || got[1]["round"] != float64(2) || got[1]["by"] != "cleo" || b["overdue_since"] != "2026-03-20" || b["returns"] != float64(1) || b["new_files"] != nil {
			t.Errorf("the request is %v", b)
		}
		f.not(f.move(pete, request.Name, "r", "send", nil), fault.Conflict, "")

		f.put(pete, request.Name, "p", asked(body{"sort": "population", "due": "2026-04-20"}))
		f.act(pete, request.Name, "p", "send", nil)
		f.act(cleo, request.Name, "p", "attach", files)
		f.not(f.move(cleo, request.Name, "p", "submit", body{"answer": "All of them."}), fault.Invalid, "A population comes with its source")
		f.act(cleo, request.Name, "p", "submit", body{"source": "people system", "query": "end between", "extractor": "Cleo", "extracted_at": "2026-04-01T10:00:00Z", "row_count": 0})
	})
}

// TestEvidenceThatWasMadeAfterTheRequestIsMarked hands in what was made before and after a request, and what does not say.
func TestEvidenceThatWasMadeAfterTheRequestIsMarked(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.put(pete, request.Name, "r", asked(body{"from": "2026-01-01", "to": "2026-02-28"}))
	f.put(pete, request.Name, "open", asked(body{"from": "2026-01-01", "to": "2026-06-30"}))
	for _, key := range []string{"r", "open"} {
		f.act(pete, request.Name, key, "send", nil) // on 2 March
	}
	f.now = f.now.AddDate(0, 0, 7)
	for _, c := range []struct{ key, made, want string }{{"r", "2026-02-10", request.No}, {"r", "2026-03-02", request.No}, {"r", "2026-03-05", request.Yes}, {"r", "", request.Unknown}, {"open", "2026-03-05", request.Unknown}, {"open", "2026-01-05", request.No}} {
		file := body{"sha256": strings.Repeat("ab", 32), "name": "proof.pdf"}
		if c.made != "" {
			file["made"] = c.made
		}
		f.act(cleo, request.Name, c.key, "attach", body{"new_files": []body{file}})
		got := engagement.Objects(f.get(request.Name, c.key), "files")
		if last := got[len(got)-1]; last["afterwards"] != c.want {
			t.Errorf("made %q for %s: %v, want %s", c.made, c.key, last["afterwards"], c.want)
		}
	}
	// Nobody says it otherwise afterwards.
	f.not(f.write(pete, request.Name, "r", asked(body{"files": []body{}})), fault.Invalid, "content cannot set it")
}

func TestWhatIsSentIsWhole(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	for name, c := range map[string]struct {
		with  body
		words string
	}{
		"late":   {body{"due": "2026-02-01"}, "which is over"},
		"undue":  {body{"due": nil}, "until when"},
		"days":   {body{"from": nil}, "for which time"},
		"sample": {body{"sort": "sample_proof"}, "names none"},
		"theirs": {body{"contact": "strange"}, "no contact of the company"},
	} {
		b := asked(c.with)
		for k, v := range b {
			if v == nil {
				delete(b, k)
			}
		}
		f.put(pete, request.Name, name, b)
		f.not(f.move(pete, request.Name, name, "send", nil), fault.Conflict, c.words)
	}
	e := f.get("engagement", "e")
	e["contacts"] = []string{"cleo", "quinn"}
	f.not(f.write(paula, "engagement", "e", e), fault.Invalid, "nobody asks and answers")
}

func TestFilesAreMatchedToItemsByTheirNames(t *testing.T) {
	b := body{"items": []any{body{"item": "4", "label": "L-0004"}, body{"item": "40", "label": "L-0040"}, body{"item": "7", "label": "Ann Lee"}, body{"item": "8", "label": "Ann"}}}
	for name, want := range map[string]string{"L-0004.pdf": "4", "ticket l_0040 (2).png": "40", "L-00400.pdf": "", "ann lee.pdf": "7", "Ann.pdf": "8", "item 4.pdf": "4", "4 and 7.pdf": "", "holiday.jpg": "", "40.csv": "40"} {
		if got := request.Match(b, name); got != want {
			t.Errorf("%s is matched to %q, want %q", name, got, want)
		}
	}
}

func TestMissingEvidenceIsToldAndNeverFromSilence(t *testing.T) {
	b := body{"name": "Tickets", "state": "open", "due": "2026-03-20", "sent_at": "2026-03-02T09:00:00Z", "attributes": []any{"A"}, "items": []any{body{"item": "4"}, body{"item": "7"}}, "files": []any{body{"item": "4"}}}
	if got := request.Missing(b, "2026-03-20"); len(got) != 0 {
		t.Errorf("on its day it is told as missing: %v", got)
	}
	got := request.Missing(b, "2026-03-21")
	if len(got) != 1 || got[0].Item != "7" || !strings.Contains(got[0].Facts, "nothing came until 2026-03-21") {
		t.Errorf("missing: %v", got)
	}
	for _, state := range []string{"draft", "submitted", "in_auditor_review", "accepted", "withdrawn"} {
		b["state"] = state
		if got := request.Missing(b, "2027-01-01"); len(got) != 0 {
			t.Errorf("%s: %v", state, got)
		}
	}
	if got := request.Missing(body{"state": "not_available", "reason": "Lost."}, "2026-01-01"); len(got) != 1 || !strings.Contains(got[0].Facts, "Lost.") {
		t.Errorf("what the company cannot give: %v", got)
	}
}

func TestAQuestionnaireIsAnsweredByOneAndHandedInByAnother(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.put(pete, request.QuestionnaireName, "q", body{"id": "q", "engagement": "e", "name": "Governance", "questions": []body{{"id": "1", "text": "Is there a board?"}, {"id": "2", "text": "Does it meet?"}}})
	answer := func(by who, key, question string) error {
		return f.write(by, request.AnswerName, key, body{"engagement": "e", "questionnaire": "q", "question": question, "reply": "yes", "text": "Yes."})
	}
	f.not(answer(cleo, "a0", "1"), fault.Conflict, "stand still")
	f.not(f.move(cleo, request.QuestionnaireName, "q", "assign", nil), fault.Denied, "")
	f.act(pete, request.QuestionnaireName, "q", "assign", nil)
	f.not(f.move(pete, request.QuestionnaireName, "q", "begin", nil), fault.Denied, "Only a contact of the company")
	f.act(cleo, request.QuestionnaireName, "q", "begin", nil)
	f.not(answer(pete, "a0", "1"), fault.Denied, "Only a contact of the company")
	f.not(answer(cleo, "a0", "9"), fault.Invalid, "no question 9")
	if err := answer(cleo, "a1", "1"); err != nil {
		t.Fatal(err)
	}
	f.not(answer(carl, "a2", "1"), fault.Conflict, "has an answer already")
	f.not(f.move(cleo, request.QuestionnaireName, "q", "hand_over", nil), fault.Conflict, "question 2 has no answer")
	if err := answer(cleo, "a2", "2"); err != nil {
		t.Fatal(err)
	}
	f.act(cleo, request.QuestionnaireName, "q", "hand_over", nil)
	f.not(f.move(cleo, request.QuestionnaireName, "q", "submit", nil), fault.Denied, "one who answered")
	f.act(carl, request.QuestionnaireName, "q", "submit", nil)
	f.not(answer(cleo, "a1", "1"), fault.Conflict, "stand still")
	f.not(f.move(carl, request.QuestionnaireName, "q", "accept", nil), fault.Denied, "")
	f.act(pete, request.QuestionnaireName, "q", "clarify", body{"clarification": "How often?"})
	f.act(cleo, request.QuestionnaireName, "q", "answer_again", nil)
	f.put(cleo, request.AnswerName, "a2", body{"engagement": "e", "questionnaire": "q", "question": "2", "reply": "yes", "text": "Each quarter."})
	f.act(cleo, request.QuestionnaireName, "q", "hand_over", nil)
	f.act(carl, request.QuestionnaireName, "q", "submit", nil)
	f.act(pete, request.QuestionnaireName, "q", "accept", nil)
}

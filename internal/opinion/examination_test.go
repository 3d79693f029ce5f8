package opinion_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/sample"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

type body = map[string]any

// who acts: an account of a person, to whom access has granted the auditor's room.
type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

func of(name string) who { return who{User: name, Person: name, Name: "person:" + name} }

var (
	partner, manager, preparer, second = of("paula"), of("mara"), of("pete"), of("sam")
	quality, peer, stranger            = of("quinn"), of("peer"), of("strange")
	manager2                           = who{User: "mara-admin", Person: "mara", Name: "person:mara"} // the same human on another account
	sum                                = strings.Repeat("0123456789abcdef", 4)
)

// file is a firm's workspace whose clock the test moves.
type file struct {
	t    *testing.T
	book *record.Book
	now  time.Time
}

func open(t *testing.T, db *store.DB) *file {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kinds := append(room(), person.Kind())
	known, err := record.NewKinds(append(kinds, record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, known, func(p string, v []byte) string { return p })
	if err != nil {
		t.Fatal(err)
	}
	f := &file{t, book, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { f.now = f.now.Add(time.Second); return f.now }
	for _, p := range []who{partner, manager, preparer, second, quality, peer, stranger} {
		f.put(p, "person", p.Person, body{"id": p.Person, "name": p.Person, "email": p.Person + "@firm.example"})
	}
	return f
}

func (f *file) try(by who, c record.Change) error {
	_, err := f.book.Put(f.t.Context(), by, c)
	return err
}

func (f *file) put(by who, kind, key string, b body) {
	f.t.Helper()
	if err := f.write(by, kind, key, b); err != nil {
		f.t.Fatalf("%s %s by %s: %v", kind, key, by.Person, err)
	}
}

func (f *file) write(by who, kind, key string, b body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.try(by, record.Change{Kind: kind, Key: key, Body: raw})
}

func (f *file) move(by who, kind, key, move string, said body) error {
	raw, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(raw, &said) // as it comes from outside
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return f.try(by, record.Change{Kind: kind, Key: key, Move: move, Said: said})
}

func (f *file) act(by who, kind, key, move string, said body) {
	f.t.Helper()
	if err := f.move(by, kind, key, move, said); err != nil {
		f.t.Fatalf("%s %s %s by %s: %v", move, kind, key, by.Person, err)
	}
}

// not holds that something is refused, with a reason that has the words in it.
func (f *file) not(err error, words string) {
	f.t.Helper()
	if err == nil || !(fault.Is(err, fault.Denied) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid)) || !strings.Contains(err.Error(), words) {
		f.t.Errorf("got %v, want a refusal with %q", err, words)
	}
}

func (f *file) get(kind, key string) body {
	f.t.Helper()
	v, err := f.book.GetFrom(f.t.Context(), kind, key, record.Program, 0, record.Auditor)
	if err != nil {
		f.t.Fatal(err)
	}
	var b body
	if err := json.Unmarshal(v.Body, &b); err != nil {
		f.t.Fatal(err)
	}
	return b
}

// change writes a record again with some fields otherwise.
func (f *file) change(by who, kind, key string, with body) error {
	b := f.get(kind, key)
	for k, v := range with {
		b[k] = v
	}
	return f.write(by, kind, key, b)
}

func (f *file) day(s string) {
	f.t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		f.t.Fatal(err)
	}
	f.now = at.Add(9 * time.Hour)
}

func member(p who, role string) body {
	return body{"person": p.Person, "role": role, "credential": "CPA, 2026"}
}

func proposed(with body) body {
	b := body{"id": "acme-26", "name": "Acme FY26 Type II", "company": "Acme", "operator": "company", "type": "type_2", "categories": []string{"security"}, "system": "Acme Cloud",
		"from": "2026-01-01", "to": "2026-06-30", "zone": "Europe/Berlin",
		"team": []body{member(partner, "partner"), member(manager, "manager"), member(preparer, "preparer"), member(second, "preparer"), member(quality, "quality_reviewer"), member(peer, "peer_reviewer")},
		"firm": body{"name": "Example CPAs", "licence": "12345", "jurisdiction": "NY", "licensed_to": "2027-12-31", "peer_reviewed": "2024-05-01", "peer_review": "pass"}}
	for k, v := range with {
		b[k] = v
	}
	return b
}

func (f *file) independent(stage string) {
	f.t.Helper()
	for _, p := range []who{partner, manager, preparer, second, quality} {
		key := stage + "-" + p.Person
		f.put(p, "independence", key, body{"engagement": "acme-26", "person": p.Person, "stage": stage, "interests": "None."})
		f.act(p, "independence", key, "confirm", nil)
	}
}

var letters = body{"competence": "Skills and time.", "integrity": "No doubts.", "letter": sum, "sponsor": "Chief executive"}

// planned takes an engagement to fieldwork with one control that speaks for every criterion, and another for CC6.1 alone.
func (f *file) planned() {
	f.t.Helper()
	f.put(manager, "engagement", "acme-26", proposed(nil))
	f.independent("acceptance")
	f.act(partner, "engagement", "acme-26", "accept", letters)
	f.act(manager, "engagement", "acme-26", "plan", nil)
	f.put(preparer, "control_matrix", "m1", matrix("2026-01-01", "2026-06-30"))
	f.act(manager, "control_matrix", "m1", "freeze", nil)
	for _, c := range []string{"AC-03", "AC-01"} {
		f.put(preparer, "workpaper", c, body{"engagement": "acme-26", "reference": c + "-1", "control": c, "objective": "Access ends in time.", "risk": "moderate"})
	}
	f.act(manager, "engagement", "acme-26", "begin_fieldwork", body{"plan": "Leavers first."})
}

func matrix(from, to string) body {
	all, _ := framework.Load()
	var ids []string
	for _, c := range all {
		if c.InScope([]string{"security"}) {
			ids = append(ids, c.ID)
		}
	}
	return body{"engagement": "acme-26", "name": "All", "from": from, "to": to, "controls": []body{
		{"id": "AC-03", "text": "Leavers lose access within a day.", "criteria": ids, "nature": "manual", "frequency": "on each event"},
		{"id": "AC-01", "text": "Access is approved first.", "criteria": []string{"CC6.1"}, "nature": "manual", "frequency": "on each event"}}}
}

// delivered commits to a nonce and takes delivery of a population of n leavers.
func (f *file) delivered(control string, n int, complete bool) (nonce sample.Nonce, root sample.Hash) {
	f.t.Helper()
	nonce = sha256.Sum256([]byte(control))
	f.put(preparer, "nonce", "n-"+control, body{"engagement": "acme-26", "control": control, "commitment": nonce.Commitment().String()})
	f.put(preparer, "population", "p-"+control, population(control))
	root = sample.Hash(sha256.Sum256([]byte("rows")))
	f.act(preparer, "population", "p-"+control, "deliver", body{"extractor": "tickmark", "extracted_at": f.now.Format(time.RFC3339), "row_count": n, "file": sum, "root": root.String(), "origin": "collected", "complete": complete})
	f.act(preparer, "population", "p-"+control, "evaluate", body{"completeness": "Payroll count.", "accuracy": "Traced five.", "logic": "Read the query.", "reliable": "yes"})
	f.act(preparer, "population", "p-"+control, "freeze", nil)
	return nonce, root
}

func population(control string) body {
	return body{"engagement": "acme-26", "name": "Leavers", "control": control, "sort": "events", "source": "people system", "query": "end between", "from": "2026-01-01", "to": "2026-06-30"}
}

func (f *file) sampled(control string, n, size int) []string {
	f.t.Helper()
	nonce, root := f.delivered(control, n, true)
	draft := body{"engagement": "acme-26", "name": "Leavers", "control": control, "population": "p-" + control, "method": "stratified", "size": size, "size_reason": "Table, moderate.", "reserves": 2}
	seed, err := sample.SeedOf("acme-26", control, root, nonce)
	if err != nil {
		f.t.Fatal(err)
	}
	said := body{"seed": seed.String()}
	if size == n {
		draft["method"], said = "all", nil
	}
	f.put(preparer, "sample", "s-"+control, draft)
	f.act(preparer, "sample", "s-"+control, "draw", said)
	f.act(preparer, "nonce", "n-"+control, "reveal", body{"nonce": nonce.String()})
	f.act(preparer, "sample", "s-"+control, "send", nil)
	f.act(preparer, "sample", "s-"+control, "begin_test", nil)
	return workpaper.Items(f.get("sample", "s-"+control))
}

// tested is what a paper says once every cell is marked; the items named deviate.
func tested(control string, items []string, result string, deviating ...string) body {
	var grid []body
	for _, i := range items {
		mark := "met"
		for _, d := range deviating {
			if d == i {
				mark = "deviation"
			}
		}
		grid = append(grid, body{"item": i, "attribute": "A", "mark": mark, "tickmarks": "I", "evidence": []string{sum}})
	}
	return body{"population": "p-" + control, "attributes": []body{{"id": "A", "text": "Disabled within a day.", "deviation": "Later than a day.", "decided_by": "person"}}, "grid": grid,
		"procedures": []body{{"sort": "inspection", "text": "Inspected disable times.", "aim": "operation"}}, "design": "suitable", "design_reason": "Covers all systems.", "result": result, "result_reason": "As tested."}
}

func (f *file) reviewed(control string) {
	f.t.Helper()
	f.act(preparer, "workpaper", control, "prepare", nil)
	f.act(manager, "workpaper", control, "begin_review", nil)
	f.act(manager, "workpaper", control, "review", nil)
}

func (f *file) deviates(item string) {
	f.t.Helper()
	f.put(preparer, "deviation", "d1", body{"engagement": "acme-26", "name": "Late removal", "control": "AC-03", "item": item, "attributes": []string{"A"}, "sort": "late", "facts": "Removed after nine days."})
	f.act(preparer, "deviation", "d1", "confirm_facts", body{"confirmed": "Agreed; no other proof."})
	f.act(preparer, "deviation", "d1", "assess", body{"cause": "Ticket was lost", "cause_sort": "isolated", "episode": "March", "by_design": "no", "factors": "Account was idle.", "harm": "No sign-in since."})
	f.act(manager, "deviation", "d1", "dispose", body{"disposition": "effective_with_deviation", "disposition_reason": "One of 60, idle."})
}

// TestATypeIIYearEndsInAnIssuedReport lives through one engagement, and tries at each step what must not be possible there.
func TestATypeIIYearEndsInAnIssuedReport(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		f := open(t, db)
		f.put(manager, "engagement", "acme-26", proposed(nil))
		f.not(f.move(partner, "engagement", "acme-26", "accept", letters), "Independence was not confirmed")
		f.not(f.write(manager, "independence", "x", body{"engagement": "acme-26", "person": "pete", "stage": "acceptance", "interests": "None."}), "Only pete can say this")
		f.independent("acceptance")
		f.not(f.move(manager, "engagement", "acme-26", "accept", letters), "Only the partner")
		f.act(partner, "engagement", "acme-26", "accept", letters)
		f.act(manager, "engagement", "acme-26", "plan", nil)
		f.not(f.move(manager, "engagement", "acme-26", "begin_fieldwork", body{"plan": "x"}), "No frozen control matrix covers 2026-01-01")
		f.put(preparer, "control_matrix", "m1", matrix("2026-01-01", "2026-06-30"))
		f.not(f.move(preparer, "control_matrix", "m1", "freeze", nil), "Only the manager or partner")
		f.act(manager, "control_matrix", "m1", "freeze", nil)
		f.not(f.move(manager, "engagement", "acme-26", "begin_fieldwork", body{"plan": "x"}), "no paper with an assessed risk for AC-03, AC-01")
		for _, c := range []string{"AC-03", "AC-01"} {
			f.put(preparer, "workpaper", c, body{"engagement": "acme-26", "reference": c + "-1", "control": c, "objective": "Access ends in time.", "risk": "moderate"})
		}
		f.act(manager, "engagement", "acme-26", "begin_fieldwork", body{"plan": "Leavers first."})

		f.day("2026-06-15") // the window is open
		f.put(preparer, "nonce", "early", body{"engagement": "acme-26", "control": "AC-03", "commitment": sum})
		f.put(preparer, "population", "early", population("AC-03"))
		deliver := body{"extractor": "tickmark", "extracted_at": "2026-06-15T08:00:00Z", "row_count": 10, "file": sum, "root": sum, "origin": "collected"}
		f.not(f.move(preparer, "population", "early", "deliver", deliver), "before its last day 2026-06-30 had ended")
		f.not(f.move(manager, "engagement", "acme-26", "finalise", nil), "The window is open until the end of 2026-06-30")

		f.day("2026-07-10")
		f.not(f.write(preparer, "nonce", "n-AC-03", body{"engagement": "acme-26", "control": "AC-03", "commitment": sum}), "second one needs a reason")
		f.act(preparer, "population", "early", "supersede", body{"superseded_reason": "Drawn too early."})
		f.act(manager, "engagement", "acme-26", "finalise", nil)
		f.not(f.move(manager, "engagement", "acme-26", "wrap_up", nil), "not concluded")
		items := f.sampledAgain("AC-03", 400, 40)
		f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "no conclusion on the design")
		if err := f.change(preparer, "workpaper", "AC-03", tested("AC-03", items[1:], "effective")); err != nil {
			t.Fatal(err)
		}
		f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "1 cells of the grid are blank")
		if err := f.change(preparer, "workpaper", "AC-03", tested("AC-03", items, "effective", items[3])); err != nil {
			t.Fatal(err)
		}
		f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "no deviation is on record")
		f.deviates(items[3])
		f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "1 deviations stand, so the control is not simply effective")
		if err := f.change(preparer, "workpaper", "AC-03", tested("AC-03", items, "effective_with_deviation", items[3])); err != nil {
			t.Fatal(err)
		}
		f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "does not support the conclusion")
		said := tested("AC-03", items, "effective_with_deviation", items[3])
		said["concentrated"], said["concentrated_reason"], said["persistent"], said["persistent_reason"] = "no", "Different teams.", "no", "March only."
		if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
			t.Fatal(err)
		}
		f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "More deviations than planned")
		said["compensating"] = []string{"AC-01"}
		more := f.sampled("AC-01", 20, 20)
		if err := f.change(preparer, "workpaper", "AC-01", tested("AC-01", more, "effective")); err != nil {
			t.Fatal(err)
		}
		f.reviewed("AC-01")
		if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
			t.Fatal(err)
		}
		f.act(preparer, "workpaper", "AC-03", "prepare", nil)
		f.not(f.move(preparer, "workpaper", "AC-03", "begin_review", nil), "so can't review it")
		f.not(f.move(second, "workpaper", "AC-03", "begin_review", nil), "Only the manager or partner")
		f.act(manager, "workpaper", "AC-03", "begin_review", nil)
		f.put(manager, "review_note", "r1", body{"engagement": "acme-26", "paper": "AC-03", "note": "Which zone are the times in?"})
		f.not(f.move(manager, "workpaper", "AC-03", "review", nil), "Review notes are open")
		f.act(preparer, "review_note", "r1", "answer", body{"answer": "UTC; said so."})
		f.not(f.move(preparer, "review_note", "r1", "close", nil), "so can't close the note")
		f.not(f.move(second, "review_note", "r1", "close", nil), "raise and close review notes")
		f.act(manager, "review_note", "r1", "close", nil)
		f.act(manager, "workpaper", "AC-03", "review", nil)
		if marker := f.get("workpaper", "AC-03")["rule_output"]; !strings.Contains(fmt.Sprint(marker), "beyond_plan") {
			t.Errorf("the rules' output is not on the paper: %v", marker)
		}
		for _, key := range []string{"s-AC-03b", "s-AC-01"} {
			f.act(preparer, "sample", key, "conclude", nil)
		}
		f.not(f.move(manager, "engagement", "acme-26", "wrap_up", nil), "criteria are not concluded")
		f.concluded("CC7.2")
		f.act(manager, "engagement", "acme-26", "wrap_up", nil)
		f.not(f.move(manager, "engagement", "acme-26", "draft", nil), "Nobody asked about events after the window")
		f.put(manager, "subsequent_inquiry", "q1", body{"engagement": "acme-26", "up_to": "2026-07-10", "asked": "Chief executive", "questions": "Incidents?", "answers": "None.", "bears": "nothing"})
		f.act(manager, "engagement", "acme-26", "draft", nil)
		f.not(f.move(manager, "engagement", "acme-26", "hand_over", body{"description": sum, "description_by": "Chief executive"}), "deviations are not concluded")
		f.act(manager, "deviation", "d1", "respond", body{"response": "We alert now.", "responded_for": "Chief executive", "remediation": "Alert since July."})
		f.act(manager, "engagement", "acme-26", "hand_over", body{"description": sum, "description_by": "Chief executive"})

		issue := body{"report_date": "2026-07-20", "report_number": "1", "report_file": sum}
		f.day("2026-07-20")
		f.not(f.move(partner, "engagement", "acme-26", "issue", issue), "Independence was not confirmed (issue)")
		f.independent("issue")
		f.not(f.move(partner, "engagement", "acme-26", "issue", issue), "No opinion is signed")
		f.opinion()
		f.not(f.move(partner, "engagement", "acme-26", "issue", issue), "no written assertion")
		f.put(manager, "letter", "l1", body{"engagement": "acme-26", "sort": "assertion", "dated": "2026-07-19", "signed_for": []string{"Chief executive"}, "file": sum})
		f.put(manager, "letter", "l2", body{"engagement": "acme-26", "sort": "representations", "dated": "2026-07-19", "signed_for": []string{"Chief executive"}, "file": sum})
		f.not(f.move(partner, "engagement", "acme-26", "issue", issue), "dated the day of the report")
		f.act(manager, "letter", "l2", "replace", nil)
		f.put(manager, "letter", "l3", body{"engagement": "acme-26", "sort": "representations", "dated": "2026-07-20", "signed_for": []string{"Chief executive"}, "file": sum})
		f.not(f.move(partner, "engagement", "acme-26", "issue", issue), "does not reach the date of the report")
		f.put(manager, "subsequent_inquiry", "q2", body{"engagement": "acme-26", "up_to": "2026-07-20", "asked": "Chief executive", "questions": "Incidents?", "answers": "None.", "bears": "nothing"})
		f.not(f.move(partner, "engagement", "acme-26", "issue", body{"report_date": "2026-07-21", "report_number": "1", "report_file": sum}), "has not come yet")
		f.not(f.move(manager, "engagement", "acme-26", "issue", issue), "Only the partner")
		f.act(partner, "engagement", "acme-26", "issue", issue)

		f.not(f.change(preparer, "workpaper", "AC-01", body{"objective": "Another."}), "its papers stand still")
		f.not(f.move(manager, "engagement", "acme-26", "archive", body{"archive_file": sum, "kept_until": "2030-01-01"}), "less than five years")
		f.act(manager, "engagement", "acme-26", "archive", body{"archive_file": sum, "kept_until": "2033-07-20"})
	})
}

// sampledAgain is sampled after an earlier commitment.
func (f *file) sampledAgain(control string, n, size int) []string {
	f.t.Helper()
	nonce := sample.Nonce(sha256.Sum256([]byte(control)))
	f.put(preparer, "nonce", "n-"+control, body{"engagement": "acme-26", "control": control, "commitment": nonce.Commitment().String(), "again": "The first population was drawn too early."})
	f.put(preparer, "population", "p-"+control, population(control))
	root := sample.Hash(sha256.Sum256([]byte("rows")))
	f.act(preparer, "population", "p-"+control, "deliver", body{"extractor": "tickmark", "extracted_at": "2026-07-10T08:00:00Z", "row_count": n, "file": sum, "root": root.String(), "origin": "collected", "complete": true})
	f.act(preparer, "population", "p-"+control, "evaluate", body{"completeness": "Payroll count.", "accuracy": "Traced five.", "logic": "Read the query.", "reliable": "yes"})
	draft := body{"engagement": "acme-26", "name": "Leavers", "control": control, "population": "p-" + control, "method": "stratified", "size": size, "size_reason": "Table, moderate.", "reserves": 2}
	f.put(preparer, "sample", "s-"+control, draft)
	seed, err := sample.SeedOf("acme-26", control, root, nonce)
	if err != nil {
		f.t.Fatal(err)
	}
	f.not(f.move(preparer, "sample", "s-"+control, "draw", body{"seed": seed.String()}), "nothing is drawn before it is frozen")
	f.act(preparer, "population", "p-"+control, "freeze", nil)

	f.act(preparer, "sample", "s-"+control, "draw", body{"seed": sum}) // a seed that pleases
	f.not(f.move(preparer, "sample", "s-"+control, "send", nil), "The nonce is not revealed")
	f.not(f.move(preparer, "nonce", "n-"+control, "reveal", body{"nonce": sum}), "not the number that was committed to")
	f.act(preparer, "nonce", "n-"+control, "reveal", body{"nonce": nonce.String()})
	f.not(f.move(preparer, "sample", "s-"+control, "send", nil), "drawn by another seed")
	f.put(preparer, "sample", "s-2", draft)
	f.not(f.move(preparer, "sample", "s-2", "draw", body{"seed": seed.String()}), "there is one draw")
	f.act(preparer, "sample", "s-"+control, "void", body{"voided_reason": "Drawn by a seed of no nonce."})
	f.put(preparer, "sample", "s-"+control+"b", draft)
	f.act(preparer, "sample", "s-"+control+"b", "draw", body{"seed": seed.String()})
	f.act(preparer, "sample", "s-"+control+"b", "send", nil)
	f.act(preparer, "sample", "s-"+control+"b", "begin_test", nil)
	f.act(preparer, "sample", "s-2", "void", body{"voided_reason": "Not needed."})
	return workpaper.Items(f.get("sample", "s-"+control+"b"))
}

// concluded signs a conclusion on every criterion, and on one of them that it is not met.
func (f *file) concluded(unmet string) {
	f.t.Helper()
	all, err := framework.Load()
	if err != nil {
		f.t.Fatal(err)
	}
	for i, c := range all {
		if !c.InScope([]string{"security"}) {
			continue
		}
		b := body{"engagement": "acme-26", "criterion": c.ID, "conclusion": "met", "reason": "As tested.", "controls": []string{"AC-03"}}
		if c.ID == unmet {
			b["conclusion"] = "not_met"
		}
		f.put(preparer, "criterion_conclusion", c.ID, b)
		f.act(preparer, "criterion_conclusion", c.ID, "prepare", nil)
		if i == 0 {
			f.not(f.move(second, "criterion_conclusion", c.ID, "review", nil), "Only the manager or partner")
		}
		f.act(manager, "criterion_conclusion", c.ID, "review", nil)
	}
}

// opinion writes and signs a qualified opinion, and tries a milder one on the way.
func (f *file) opinion() {
	f.t.Helper()
	subjects := func(operation string) []body {
		out := []body{{"subject": "description", "opinion": "unqualified"}, {"subject": "design", "opinion": "unqualified"}, {"subject": "operation", "opinion": operation}}
		if operation != "unqualified" {
			out[2]["basis"] = "Alerts were not acted on; CC7.2."
		}
		return out
	}
	f.not(f.write(manager, "opinion", "o", body{"engagement": "acme-26", "name": "Opinion", "subjects": subjects("unqualified"), "aggregate": "Nothing more."}), "Only the partner")
	f.put(partner, "opinion", "o", body{"engagement": "acme-26", "name": "Opinion", "subjects": subjects("unqualified"), "aggregate": "Nothing more."})
	f.not(f.move(quality, "opinion", "o", "agree", nil), "No matter speaks of CC7.2 (not met)")
	f.put(manager, "matter", "m", body{"engagement": "acme-26", "name": "Monitoring", "subject": "operation", "sort": "departure", "facts": "Alerts were not acted on.", "criteria": []string{"CC7.2"}})
	f.not(f.move(quality, "opinion", "o", "agree", nil), "is not judged")
	f.not(f.move(manager, "matter", "m", "answer", body{"material": "no", "judgement": "x"}), "Only the partner")
	f.not(f.move(partner, "matter", "m", "answer", body{"material": "yes", "judgement": "x"}), "pervasive is answered")
	f.act(partner, "matter", "m", "answer", body{"material": "yes", "pervasive": "no", "judgement": "Users rely on it."})
	f.not(f.move(quality, "opinion", "o", "agree", nil), "leads to qualified on the operation")
	if err := f.change(partner, "opinion", "o", body{"subjects": subjects("qualified")}); err != nil {
		f.t.Fatal(err)
	}
	f.not(f.move(partner, "opinion", "o", "agree", nil), "Only the quality reviewer")
	f.act(quality, "opinion", "o", "agree", nil)
	f.act(partner, "opinion", "o", "sign", nil)
}

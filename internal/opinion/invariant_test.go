package opinion_test

import (
	"testing"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store/storetest"
)

// TestATypeIConcludesOnNoOperation writes a conclusion on the operation of a control where nothing of it was examined.
func TestATypeIConcludesOnNoOperation(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.put(manager, "engagement", "acme-26", proposed(body{"type": "type_1", "from": nil}))
	f.independent("acceptance")
	f.act(partner, "engagement", "acme-26", "accept", letters)
	paper := body{"engagement": "acme-26", "reference": "AC-03-1", "control": "AC-03", "objective": "x", "design": "suitable", "design_reason": "x", "procedures": []body{{"sort": "inspection", "text": "x", "aim": "design"}}}
	f.put(preparer, "workpaper", "AC-03", paper)
	for _, result := range []string{"effective", "effective_with_deviation", "not_effective", "not_operated", "not_tested"} {
		f.not(f.change(preparer, "workpaper", "AC-03", body{"result": result, "result_reason": "x"}), "A Type I examines no operation")
	}
	f.not(f.write(manager, "matter", "m", body{"engagement": "acme-26", "name": "x", "subject": "operation", "sort": "departure", "facts": "x"}), "A Type I has no operation")
	f.act(preparer, "workpaper", "AC-03", "prepare", nil)
}

// TestADayHasOneTextOfAControl freezes a second matrix for days that have one, and changes a frozen one.
func TestADayHasOneTextOfAControl(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	other := matrix("2026-04-01", "2026-06-30")
	other["controls"].([]body)[0]["text"] = "Leavers lose access within a week."
	f.put(preparer, "control_matrix", "m2", other)
	f.not(f.move(manager, "control_matrix", "m2", "freeze", nil), "a day has one matrix")
	f.not(f.change(preparer, "control_matrix", "m1", other), "can no longer be changed")
	f.act(manager, "control_matrix", "m1", "shorten", body{"to": "2026-03-31", "shortened_reason": "The promise changed."})
	f.act(manager, "control_matrix", "m2", "freeze", nil)
	twice := matrix("2026-01-01", "2026-06-30")
	twice["controls"] = append(twice["controls"].([]body), twice["controls"].([]body)[0])
	f.not(f.write(preparer, "control_matrix", "m3", twice), "stands in the matrix twice")
}

// TestAnAcceptedExceptionIsStillADeviation lets management's waiver stand for an operation that was not there.
func TestAnAcceptedExceptionIsStillADeviation(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	items := f.sampled("AC-03", 20, 20)
	said := tested("AC-03", items, "effective", items[0])
	said["grid"].([]body)[0]["note"] = "Management accepted it as exception EX-01, which another person approved."
	said["result_reason"] = "The only case is an accepted exception."
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "no deviation is on record")
	f.deviates(items[0])
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "not simply effective")
	f.not(f.move(preparer, "deviation", "d1", "doubt", body{"doubt": "Waived by EX-01."}), "possible only from")
	f.not(f.change(preparer, "deviation", "d1", body{"item": items[1]}), "")
}

// TestNothingOfAnEngagementIsRemoved tries to end and to erase each kind of record of an engagement that goes on.
func TestNothingOfAnEngagementIsRemoved(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	items := f.sampled("AC-03", 400, 40)
	f.found(items[0])
	f.put(manager, "review_note", "n", body{"engagement": "acme-26", "paper": "AC-03", "note": "Why?"})
	f.put(manager, "subsequent_inquiry", "q", body{"engagement": "acme-26", "up_to": "2026-07-10", "asked": "x", "questions": "x", "answers": "x", "bears": "nothing"})
	f.put(manager, "matter", "m", body{"engagement": "acme-26", "name": "x", "subject": "design", "sort": "departure", "facts": "x"})
	f.put(manager, "letter", "l", body{"engagement": "acme-26", "sort": "assertion", "dated": "2026-07-01", "signed_for": []string{"x"}, "file": sum})
	f.put(partner, "opinion", "o", body{"engagement": "acme-26", "name": "x", "subjects": []body{{"subject": "description", "opinion": "unqualified"}, {"subject": "design", "opinion": "unqualified"}, {"subject": "operation", "opinion": "unqualified"}}, "aggregate": "x"})
	f.put(preparer, "criterion_conclusion", "c", body{"engagement": "acme-26", "criterion": "CC6.1", "conclusion": "met", "reason": "x", "controls": []string{"AC-03"}})
	keys := map[string]string{"engagement": "acme-26", "independence": "acceptance-pete", "control_matrix": "m1", "workpaper": "AC-03", "nonce": "n-AC-03", "population": "p-AC-03", "sample": "s-AC-03", "deviation": "d1", "review_note": "n",
		"subsequent_inquiry": "q", "matter": "m", "letter": "l", "opinion": "o", "criterion_conclusion": "c"}
	for _, k := range room() {
		key, ok := keys[k.Name]
		if !ok {
			t.Errorf("nobody tries to remove a %s", k.Name)
			continue
		}
		f.not(f.try(partner, record.Change{Kind: k.Name, Key: key, Delete: true, Reason: "no longer needed"}), "never deleted")
		f.not(f.book.Erase(t.Context(), partner, k.Name, key, "no longer needed"), "is not over")
		if got := f.get(k.Name, key); len(got) == 0 {
			t.Errorf("the %s is gone", k.Name)
		}
	}
	// What was never an examination may go.
	f.put(manager, "engagement", "other", func() body { b := proposed(nil); b["id"] = "other"; return b }())
	if err := f.book.Erase(t.Context(), manager, "engagement", "other", "proposed by mistake"); err != nil {
		t.Errorf("an engagement that was only proposed is kept: %v", err)
	}
	// A legal hold is the partner's, and outlasts everything.
	f.not(f.move(manager, "engagement", "acme-26", "hold", body{"held_reason": "x"}), "Only the partner")
	f.not(f.move(partner, "engagement", "acme-26", "release", body{"released_reason": "x"}), "no legal hold")
	f.act(partner, "engagement", "acme-26", "hold", body{"held_reason": "A court asks."})
	f.act(partner, "engagement", "acme-26", "withdraw", body{"ended_reason": "x"})
	f.day("2040-01-01")
	if err := f.book.Erase(t.Context(), partner, "workpaper", "AC-03", "old"); !fault.Is(err, fault.Denied) {
		t.Errorf("what is under a legal hold was erased: %v", err)
	}
	f.act(partner, "engagement", "acme-26", "release", body{"released_reason": "The matter is closed."})
	if err := f.book.Erase(t.Context(), partner, "workpaper", "AC-03", "old"); err != nil {
		t.Errorf("what is kept by nothing any more is not erased: %v", err)
	}
	if e := f.get("engagement", "acme-26"); engagement.Text(e, "held_reason") == "" {
		t.Error("that there was a hold is forgotten")
	}
}

// found records a deviation as it was found, and no more.
func (f *file) found(item string) {
	f.t.Helper()
	if err := f.change(preparer, "workpaper", "AC-03", tested("AC-03", []string{item}, "not_effective", item)); err != nil {
		f.t.Fatal(err)
	}
	f.put(preparer, "deviation", "d1", body{"engagement": "acme-26", "name": "Late removal", "control": "AC-03", "item": item, "attributes": []string{"A"}, "sort": "late", "facts": "Removed after nine days."})
}

// TestDifferencesBetweenListsAreExplainedOneByOne says the result of a comparison by hand, leaves a difference unexplained, and changes
// either afterwards.
func TestDifferencesBetweenListsAreExplainedOneByOne(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	f.put(preparer, "nonce", "n", body{"engagement": "acme-26", "control": "AC-03", "commitment": sum})
	f.put(preparer, "population", "p", population("AC-03"))
	f.act(preparer, "population", "p", "deliver", body{"extractor": "tickmark", "extracted_at": "2026-07-10T08:00:00Z", "row_count": 3, "file": sum, "root": sum, "origin": "collected", "complete": true})
	found := body{"reconciled_with": "q", "reconciled_ours": "r.id", "reconciled_theirs": "r.id", "matched": 2.0, "only_here": 1.0, "only_there": 1.0, "differences": []any{
		body{"side": "here", "row": "hr p7", "text": "x"}, body{"side": "there", "row": "dir p9", "text": "y"}}}
	f.not(f.move(preparer, "population", "p", "reconcile", found), "nobody writes what that gives")
	if _, err := f.book.Put(t.Context(), record.Job("job:reconcile"), record.Change{Kind: "population", Key: "p", Move: "reconcile", Said: found}); err != nil {
		t.Fatal(err)
	}
	evaluate := body{"completeness": "x", "accuracy": "x", "logic": "x", "reliable": "yes"}
	f.not(f.move(preparer, "population", "p", "evaluate", evaluate), "2 differences between the lists are not explained")
	f.not(f.move(preparer, "population", "p", "explain", body{"explanations": []body{{"side": "there", "row": "hr p7", "explained": "x"}}}), "no difference")
	f.act(preparer, "population", "p", "explain", body{"explanations": []body{{"side": "here", "row": "hr p7", "explained": "Left before the directory was in use."}}})
	f.not(f.move(preparer, "population", "p", "evaluate", evaluate), "1 differences")
	f.act(preparer, "population", "p", "explain", body{"explanations": []body{{"side": "there", "row": "dir p9", "explained": "An account of a machine."}}})
	f.not(f.move(preparer, "population", "p", "evaluate", body{"completeness": "x", "accuracy": "x", "logic": "x", "reliable": "yes", "only_there": 0}), "found by comparing")
	f.act(preparer, "population", "p", "evaluate", evaluate)
	f.act(preparer, "population", "p", "freeze", nil)
	b := f.get("population", "p")
	if b["matched"] != 2.0 || len(engagement.Objects(b, "differences")) != 2 || engagement.Objects(b, "differences")[0]["explained"] != "Left before the directory was in use." {
		t.Errorf("what was frozen says %v", b["differences"])
	}
	f.not(f.move(preparer, "population", "p", "explain", body{"explanations": []body{{"side": "here", "row": "hr p7", "explained": "Another."}}}), "possible only from")
}

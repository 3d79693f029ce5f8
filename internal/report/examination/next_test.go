package examination_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/sample"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

// TestNextYearBeginsWithWhatWasAgreedAndNothingThatWasFound brings an issued engagement into the next.
func TestNextYearBeginsWithWhatWasAgreedAndNothingThatWasFound(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	f.act(partner, "engagement", "acme-26", "issue", body{"report_date": "2026-07-20", "report_number": "2026-1", "report_file": sum})
	desk := &fieldwork.Desk{Book: f.book}
	roll := func(by who) (fieldwork.Rolled, error) {
		return desk.RollForward(t.Context(), by, "acme-26", "acme-27", "2026-07-01", "2026-12-31")
	}
	if _, err := roll(of("strange")); !fault.Is(err, fault.Denied) {
		t.Errorf("somebody who is not on the team: %v", err)
	}
	if r, err := roll(manager); err != nil || !r.Proposed || len(r.Papers) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	e := f.get("engagement", "acme-27")
	for _, field := range []string{"letter", "accepted_at", "report_file", "scope_reason", "competence", "matrix", "fieldwork_to"} {
		if e[field] != nil {
			t.Errorf("%s of last year came along: %v", field, e[field])
		}
	}
	if e["prior"] != "acme-26" || e["state"] != "proposed" || len(engagement.Objects(e, "subservice")) != 1 || len(engagement.Objects(e, "team")) != 4 {
		t.Errorf("it is %v", e)
	}
	_, err := roll(manager)
	refused(t, err, "acme-27 is proposed")
	for _, p := range []who{partner, manager, preparer, quality} {
		f.put(p, "independence", "next-"+p.Person, body{"engagement": "acme-27", "person": p.Person, "stage": "acceptance", "interests": "None."})
		f.act(p, "independence", "next-"+p.Person, "confirm", nil)
	}
	f.act(partner, "engagement", "acme-27", "accept", body{"competence": "Skills and time.", "integrity": "No doubts.", "letter": sum, "sponsor": "Chief executive"})
	f.act(manager, "engagement", "acme-27", "plan", nil)
	r, err := roll(manager)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Papers) != 5 || r.Matrix == "" || len(r.Prior) != 2 || r.Prior[0] != (workpaper.Prior{Control: "AC-03", Tested: 40, Deviations: 1}) || r.Prior[1] != (workpaper.Prior{Control: "LOG-02", Tested: 12, Deviations: 2}) {
		t.Errorf("it brought %+v", r)
	}
	look := f.book.LookAt(t.Context(), time.Time{})
	papers, err := engagement.Found(look, workpaper.Name, engagement.Name, "acme-27")
	if err != nil || len(papers) != 5 {
		t.Fatalf("%d papers, %v", len(papers), err)
	}
	for _, p := range papers {
		for _, field := range []string{"risk", "risk_reason", "grid", "result", "result_reason", "design", "design_reason", "population", "procedures", "configurations", "compensating", "facts", "prepared_by", "reviewed_by"} {
			if l, isList := p[field].([]any); p[field] != nil && !(isList && len(l) == 0) {
				t.Errorf("%s: %s came along: %v", p["control"], field, p[field])
			}
		}
	}
	m := f.get("control_matrix", r.Matrix)
	if m["state"] != "draft" || m["from"] != "2026-07-01" || m["to"] != "2026-12-31" || len(engagement.Objects(m, "controls")) != 5 {
		t.Errorf("the matrix is %v", m)
	}
	if again, err := roll(manager); err != nil || again.Matrix != "" || len(again.Papers) != 0 {
		t.Errorf("twice: %+v, %v", again, err)
	}
	f.act(manager, "control_matrix", r.Matrix, "freeze", nil)
	refused(t, f.move(manager, "engagement", "acme-27", "begin_fieldwork", body{"plan": "x"}), "no paper with an assessed risk")

	// Where items deviated, the sample grows.
	f.day("2027-01-10")
	nonce, root := sample.Nonce(sha256.Sum256([]byte("next"))), sample.Hash(sha256.Sum256([]byte("rows")))
	f.put(preparer, "nonce", "n27", body{"engagement": "acme-27", "control": "AC-03", "commitment": nonce.Commitment().String()})
	f.put(preparer, "population", "p27", body{"engagement": "acme-27", "name": "Leavers", "control": "AC-03", "sort": "events", "source": "People system", "query": "All", "from": "2026-07-01", "to": "2026-12-31"})
	f.act(preparer, "population", "p27", "deliver", body{"extractor": "tickmark", "extracted_at": f.now.Format(time.RFC3339), "row_count": 400, "file": sum, "root": root.String(), "origin": "collected", "complete": true})
	f.act(preparer, "population", "p27", "evaluate", body{"completeness": "x", "accuracy": "x", "logic": "x", "reliable": "yes"})
	f.act(preparer, "population", "p27", "freeze", nil)
	seed, err := sample.SeedOf("acme-27", "AC-03", root, nonce)
	if err != nil {
		t.Fatal(err)
	}
	draft := body{"engagement": "acme-27", "name": "Leavers", "control": "AC-03", "population": "p27", "method": "stratified", "size": 40, "size_reason": "Table."}
	f.put(preparer, "sample", "s27", draft)
	refused(t, f.move(preparer, "sample", "s27", "draw", body{"seed": seed.String()}), "1 of 40 items of AC-03 deviated")
	f.change(preparer, "sample", "s27", body{"size": 41})
	f.act(preparer, "sample", "s27", "draw", body{"seed": seed.String()})
}

package readiness_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/period"
	"tickmark/internal/person"
	"tickmark/internal/readiness"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

type body = map[string]any

type who string

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor {
	return record.Actor{User: string(w), Person: string(w), Name: "person:" + string(w)}
}

const assessor, manager, engineer, other = who("assessor"), who("manager"), who("engineer"), who("other")

type room struct {
	t    *testing.T
	book *record.Book
}

func open(t *testing.T, db *store.DB) room {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string) record.Kind {
		return record.Kind{Name: name, Title: name, Plural: name, Fields: []record.Field{{Name: "title", Type: record.Text}}}
	}
	known, err := record.NewKinds(append(append(readiness.Kinds(), period.Kind(), person.Kind(), framework.Kind(), named("control"), named("system")), record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, known, func(p string, v []byte) string { return p })
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	log.Clock = func() time.Time { now = now.Add(time.Second); return now }
	r := room{t, book}
	for _, p := range []who{assessor, manager, engineer, other} {
		r.put(manager, "person", string(p), body{"id": string(p), "name": string(p), "email": string(p) + "@example.org"})
	}
	for id, category := range map[string]string{"CC1.1": "common", "CC6.1": "common", "P1.1": "privacy"} {
		in := "security"
		if category == "privacy" {
			in = "privacy"
		}
		r.put(manager, "criterion", id, body{"id": id, "title": id, "summary": "s", "intent": "i", "series": "X", "category": category, "applies_when": body{"any_category": []string{in}}, "version": "test"})
	}
	r.put(manager, "period", "fy26", body{"id": "fy26", "name": "FY26", "report": "soc_2", "type": "type_1", "categories": []string{"security"}, "to": "2026-09-30"})
	r.put(manager, readiness.AssessmentName, "r1", body{"id": "r1", "name": "Readiness 2026", "period": "fy26", "firm": "Able & Co", "assessors": []string{"assessor"}, "independence": "Will not examine.", "from": "2026-03-01", "to": "2026-03-31"})
	return r
}

func (r room) try(by who, c record.Change) error {
	_, err := r.book.Put(r.t.Context(), by, c)
	return err
}

func (r room) write(by who, kind, key string, b body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.try(by, record.Change{Kind: kind, Key: key, Body: raw})
}

func (r room) put(by who, kind, key string, b body) {
	r.t.Helper()
	if err := r.write(by, kind, key, b); err != nil {
		r.t.Fatalf("%s %s: %v", kind, key, err)
	}
}

func (r room) move(by who, kind, key, move string, said body) error {
	return r.try(by, record.Change{Kind: kind, Key: key, Move: move, Said: said})
}

func (r room) act(by who, kind, key, move string, said body) {
	r.t.Helper()
	if err := r.move(by, kind, key, move, said); err != nil {
		r.t.Fatalf("%s %s %s: %v", move, kind, key, err)
	}
}

func (r room) not(err error, words string) {
	r.t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		r.t.Errorf("refused with %v, want %q", err, words)
	}
}

// An assessment from its invitation to its end: the assessor alone finds, management alone answers, another person verifies.
func TestAnAssessmentIsMadeAndAnswered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := open(t, db)
		const a, o, res = readiness.AssessmentName, readiness.ObservationName, readiness.ResultName
		result := func(criterion, result string) body {
			return body{"assessment": "r1", "criterion": criterion, "result": result, "basis": "Read the code"}
		}
		r.not(r.write(assessor, res, "r1.CC1.1", result("CC1.1", "ready")), "written while it runs")
		r.not(r.move(manager, a, "r1", "begin", nil), "Only an assessor")
		r.act(assessor, a, "r1", "begin", nil)
		r.not(r.write(manager, res, "r1.CC1.1", result("CC1.1", "ready")), "Only an assessor")
		r.not(r.write(assessor, res, "r1.CC1.1", body{"assessment": "r1", "criterion": "CC1.1", "basis": "x"}), "result")
		r.not(r.write(assessor, res, "r1.CC1.1", body{"assessment": "r1", "criterion": "CC1.1", "result": "ready", "basis": "  "}), "basis is needed")
		r.put(assessor, res, "r1.CC1.1", result("CC1.1", "ready"))
		r.not(r.move(assessor, a, "r1", "report", body{"summary": "s"}), "Nothing says how CC6.1 stands")
		r.put(assessor, res, "r1.CC6.1", result("CC6.1", "gap"))
		r.not(r.move(assessor, a, "r1", "report", body{"summary": "s"}), "no observation says what is missing")

		note := body{"assessment": "r1", "title": "No second factor", "text": "Root signs in by password", "criteria": []string{"CC6.1"}, "weight": "blocking"}
		r.not(r.write(manager, o, "o1", note), "Only an assessor")
		r.put(assessor, o, "o1", note)
		r.not(r.write(manager, o, "o1", body{"assessment": "r1", "title": "All is well", "text": "x", "criteria": []string{"CC6.1"}, "weight": "minor"}), "Only an assessor")
		r.act(assessor, a, "r1", "report", body{"summary": "One thing"})
		r.not(r.write(assessor, res, "r1.CC6.1", result("CC6.1", "ready")), "written while it runs")
		r.not(r.move(manager, a, "r1", "close", nil), "Management has not said")

		plan := body{"response": "Keys for all", "owner": "engineer", "due": "2026-04-30"}
		r.not(r.move(assessor, o, "o1", "plan", plan), "an assessor")
		r.not(r.move(manager, o, "o1", "accept", body{"accepted_reason": "cheap"}), "It blocks")
		r.not(r.move(manager, o, "o1", "withdraw", body{"withdrawn_reason": "no"}), "Only an assessor can withdraw")
		r.act(manager, o, "o1", "plan", plan)
		r.not(r.move(assessor, a, "r1", "close", nil), "an assessor")
		r.act(manager, a, "r1", "close", nil)
		r.act(engineer, o, "o1", "fix", body{"proof": "All have keys"})
		r.not(r.move(engineer, o, "o1", "verify", body{"verification": "v"}), "the one who did it")
		r.act(other, o, "o1", "verify", body{"verification": "Tried it"})
	})
}

// What an assessor notes stays in the company's room, and no field of the auditor's room refers to it.
func TestNothingOfItStandsInTheAuditorsRoom(t *testing.T) {
	for _, k := range readiness.Kinds() {
		if k.Room != "" && k.Room != record.Company {
			t.Errorf("%s stands in the room %s", k.Name, k.Room)
		}
		for _, f := range k.Fields {
			if n := strings.ToLower(f.Name + f.Title); strings.Contains(n, "opinion") || strings.Contains(n, "score") {
				t.Errorf("%s has a field %s: an assessment gives neither opinion nor score", k.Name, f.Name)
			}
		}
	}
}

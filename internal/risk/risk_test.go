package risk_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/ledger"
	"tickmark/internal/organisation"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/risk"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/task"
)

type body = map[string]any

type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

func of(name string) who { return who{User: name, Person: name, Name: "person:" + name} }

var (
	chief, lead, owner, other = of("chief"), of("lead"), of("owner"), of("other") // lead reports to chief, owner and other to lead
	ownerAdmin                = who{User: "owner-admin", Person: "owner", Name: "person:owner"}
	guest                     = who{User: "guest", Name: "user:guest"}
)

// register is a workspace of these kinds alone, whose clock the test moves.
type register struct {
	t    *testing.T
	book *record.Book
	now  time.Time
}

func open(t *testing.T, db *store.DB) *register {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	named := func(name string, fields ...record.Field) record.Kind {
		return record.Kind{Name: name, Title: name, Plural: name, Fields: append(fields, record.Field{Name: "title", Type: record.Text})}
	}
	kinds := append(risk.Kinds(), person.Kind(), organisation.Kind(), task.Kind(), named("system"), named("control"), named("finding"), named("commitment"), named("policy"))
	known, err := record.NewKinds(append(kinds, record.Builtin()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, known, func(p string, v []byte) string { return p })
	if err != nil {
		t.Fatal(err)
	}
	r := &register{t, book, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { r.now = r.now.Add(time.Second); return r.now }
	r.put(chief, "person", "chief", body{"id": "chief", "name": "chief", "email": "chief@example.org", "leads": true})
	for _, p := range [][2]string{{"lead", "chief"}, {"owner", "lead"}, {"other", "lead"}} {
		r.put(chief, "person", p[0], body{"id": p[0], "name": p[0], "email": p[0] + "@example.org", "manager": p[1]})
	}
	r.put(chief, "system", "prod", body{"title": "Production"})
	r.put(chief, "control", "AC-06", body{"title": "Second factor"})
	return r
}

func (r *register) try(by who, c record.Change) error {
	_, err := r.book.Put(r.t.Context(), by, c)
	return err
}

func (r *register) write(by who, kind, key string, b body) error {
	raw, err := json.Marshal(b)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.try(by, record.Change{Kind: kind, Key: key, Body: raw})
}

func (r *register) put(by who, kind, key string, b body) {
	r.t.Helper()
	if err := r.write(by, kind, key, b); err != nil {
		r.t.Fatalf("%s %s: %v", kind, key, err)
	}
}

func (r *register) move(by who, kind, key, move string, said body) error {
	raw, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(raw, &said) // as it comes from outside
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return r.try(by, record.Change{Kind: kind, Key: key, Move: move, Said: said})
}

func (r *register) act(by who, kind, key, move string, said body) {
	r.t.Helper()
	if err := r.move(by, kind, key, move, said); err != nil {
		r.t.Fatalf("%s %s %s by %s: %v", move, kind, key, by.User, err)
	}
}

// not holds that something is refused, with a reason that has the words in it.
func (r *register) not(err error, words string) {
	r.t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		r.t.Errorf("refused with %v, want %q", err, words)
	}
}

// get is the body of a record as it stands.
func (r *register) get(kind, key string) body {
	r.t.Helper()
	v, err := r.book.Get(r.t.Context(), kind, key, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	var b body
	if err := json.Unmarshal(v.Body, &b); err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *register) is(kind, key string, want body) {
	r.t.Helper()
	got := r.get(kind, key)
	for f, w := range want {
		if g := got[f]; g != w {
			r.t.Errorf("%s of %s %s is %v, want %v", f, kind, key, g, w)
		}
	}
}

func theft(change body) body {
	b := body{"id": "R-01", "title": "Somebody takes the backups", "source": "practice", "cause": "The keys lie beside them", "system": "prod", "assets": []string{"db"}, "threats": []string{"A thief"},
		"weaknesses": []string{"One key for all"}, "affects": []string{"confidentiality"}, "likelihood": 4, "impact": 5, "owner": "owner"}
	for k, v := range change {
		if b[k] = v; v == nil {
			delete(b, k)
		}
	}
	return b
}

func (r *register) asset(key string, change body) {
	r.t.Helper()
	b := body{"id": key, "title": key, "sort": "data", "system": "prod", "confidentiality": 4, "integrity": 3, "availability": 2}
	for k, v := range change {
		if b[k] = v; v == nil {
			delete(b, k)
		}
	}
	r.put(lead, "asset", key, b)
}

// A rating is computed, never said, and what lies off the scale is refused.
func TestRatingsAreComputed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := open(t, db)
		r.asset("db", nil)
		r.not(r.write(lead, "asset", "x", body{"id": "x", "title": "x", "sort": "data", "integrity": 5}), "goes from 1 to 4")
		for _, n := range []int{0, 6, -1} {
			r.not(r.write(other, "risk", "R-01", theft(body{"likelihood": n})), "scale goes from 1 to 5")
		}
		r.not(r.write(other, "risk", "R-01", theft(body{"inherent": 2})), "content cannot set it")
		r.put(other, "risk", "R-01", theft(nil))
		r.is("risk", "R-01", body{"inherent": 20.0, "level": "critical", "scale": risk.Scale, "state": "identified"})
		r.put(other, "risk", "R-01", theft(body{"likelihood": 2, "impact": 2}))
		r.is("risk", "R-01", body{"inherent": 4.0, "level": "low"})
		r.put(other, "risk", "R-01", theft(body{"likelihood": nil}))
		r.is("risk", "R-01", body{"inherent": nil, "level": nil, "scale": nil})
	})
	for rating, want := range map[int]string{0: "", 1: "low", 4: "low", 5: "medium", 9: "medium", 10: "high", 16: "high", 17: "critical", 25: "critical", 26: ""} {
		if got := risk.Level(rating); got != want {
			t.Errorf("the level of %d is %q, want %q", rating, got, want)
		}
		if got := risk.Above(rating); got != (rating > 9) {
			t.Errorf("%d above the accepted level: %v", rating, got)
		}
	}
}

// A risk from its discovery to its end, and what is refused on the way.
func TestARiskIsTreated(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := open(t, db)
		r.asset("db", nil)
		r.put(other, "risk", "R-01", theft(body{"threats": nil, "owner": nil}))
		r.not(r.move(owner, "risk", "R-01", "analyse", nil), "lacks threats and owner")
		r.put(other, "risk", "R-01", theft(nil))
		r.not(r.move(other, "risk", "R-01", "analyse", nil), "Only the owner")
		r.not(r.move(guest, "risk", "R-01", "analyse", nil), "Only the owner")
		r.act(ownerAdmin, "risk", "R-01", "analyse", nil)

		choose := func(response string, l, i int) body {
			return body{"response": response, "response_reason": "It fits", "target_likelihood": l, "target_impact": i}
		}
		r.not(r.move(owner, "risk", "R-01", "choose", choose("reduce", 5, 5)), "lies above")
		r.not(r.move(owner, "risk", "R-01", "choose", choose("reduce", 4, 5)), "reduces nothing")
		r.not(r.move(owner, "risk", "R-01", "choose", choose("reduce", 0, 5)), "scale goes from 1 to 5")
		r.not(r.move(owner, "risk", "R-01", "choose", choose("accept", 1, 1)), "stays as it is")
		r.act(owner, "risk", "R-01", "choose", choose("reduce", 2, 3))
		r.is("risk", "R-01", body{"target": 6.0, "state": "response_chosen"})

		r.not(r.move(owner, "risk", "R-01", "treat", nil), "Nothing says what is done")
		r.not(r.move(other, "risk", "R-01", "transfer", body{"settled_reason": "insured"}), "was chosen is to reduce")
		r.put(other, "task", "t1", body{"title": "A key for each", "sort": "technical", "risk": "R-01"})
		r.not(r.move(owner, "risk", "R-01", "treat", nil), "no owner or no date")
		r.put(other, "task", "t1", body{"title": "A key for each", "sort": "technical", "risk": "R-01", "owner": "owner", "due": "2026-03-01"})
		r.act(owner, "risk", "R-01", "treat", nil)

		left := func(l, i int) body { return body{"residual_likelihood": l, "residual_impact": i, "proof": "Tried it"} }
		r.not(r.move(other, "risk", "R-01", "verify", left(1, 5)), "task t1 is open")
		r.act(owner, "task", "t1", "finish", body{"outcome": "Done"})
		r.not(r.move(other, "risk", "R-01", "verify", left(1, 5)), "task t1 is done")
		r.act(other, "task", "t1", "verify", nil)
		r.not(r.move(ownerAdmin, "risk", "R-01", "verify", left(1, 5)), "the owner of this risk")
		r.not(r.move(guest, "risk", "R-01", "verify", left(1, 5)), "linked to one")
		r.not(r.move(other, "risk", "R-01", "verify", left(5, 5)), "lies above what it was")
		r.not(r.move(other, "risk", "R-01", "verify", left(2, 5)), "above the accepted level")
		r.act(other, "risk", "R-01", "verify", left(1, 5))
		r.is("risk", "R-01", body{"residual": 5.0, "level": "medium", "inherent": 20.0, "state": "treated"})
		r.not(r.write(other, "risk", "R-01", theft(body{"impact": 1})), "can no longer be changed")

		// Something happened: nothing that was decided counts any more, and the inherent rating is the level again.
		r.not(r.move(guest, "risk", "R-01", "reassess", body{"again_reason": "x"}), "linked to one")
		r.act(other, "risk", "R-01", "reassess", body{"again_reason": "A backup was stolen"})
		r.is("risk", "R-01", body{"state": "identified", "residual": nil, "response": nil, "verified_by": nil, "level": "critical"})
	})
}

// What lies above the accepted level only somebody in charge accepts, for a time that ends by itself; never its own owner.
func TestOnlyAnExecutiveAcceptsAndForATime(t *testing.T) {
	r := open(t, storetest.SQLite(t))
	r.asset("db", nil)
	analysed := func(change body) {
		r.put(other, "risk", "R-01", theft(change))
		r.act(owner, "risk", "R-01", "analyse", nil)
	}
	analysed(nil)
	until := func(day string) body { return body{"accepted_reason": "Cheaper", "accepted_until": day} }
	r.not(r.move(owner, "risk", "R-01", "accept", until("2026-06-30")), "the owner of this risk")
	r.not(r.move(other, "risk", "R-01", "accept", until("2026-06-30")), "only an executive")
	r.not(r.move(chief, "risk", "R-01", "accept", until("2027-01-06")), "at latest 2027-01-05")
	r.not(r.move(chief, "risk", "R-01", "accept", until("2026-01-04")), "from today on")
	r.act(lead, "risk", "R-01", "accept", until("2026-06-30")) // reports to the one who leads

	lapse := record.Change{Kind: "risk", Key: "R-01", Move: "lapse"}
	job := record.Job("job:risk")
	r.not(r.try(chief, lapse), "ends by itself")
	r.now = time.Date(2026, 6, 30, 23, 0, 0, 0, time.UTC)
	_, err := r.book.Put(t.Context(), job, lapse)
	r.not(err, "accepted through 2026-06-30")
	if risk.Lapsed(r.get("risk", "R-01"), "2026-06-30") || !risk.Lapsed(r.get("risk", "R-01"), "2026-07-01") {
		t.Error("it lapses after its last day")
	}
	r.now = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	if _, err := r.book.Put(t.Context(), job, lapse); err != nil {
		t.Fatal(err)
	}
	r.is("risk", "R-01", body{"state": "analysed", "accepted_by": nil, "accepted_until": nil})

	// Within the level anybody but the owner will do; an executive does not accept a risk of their own.
	analysed(body{"likelihood": 1})
	r.act(other, "risk", "R-01", "accept", until("2026-12-31"))
	r.act(other, "risk", "R-01", "reassess", body{"again_reason": "The chief takes it over"})
	r.put(other, "risk", "R-01", theft(body{"owner": "chief"}))
	r.act(chief, "risk", "R-01", "analyse", nil)
	r.not(r.move(chief, "risk", "R-01", "accept", until("2026-12-31")), "the owner of this risk")
	r.act(lead, "risk", "R-01", "accept", until("2026-12-31"))
}

// What a risk is made of changes it: it is analysed anew.
func TestAChangedRiskIsAnalysedAnew(t *testing.T) {
	r := open(t, storetest.SQLite(t))
	r.asset("db", nil)
	r.put(other, "risk", "R-01", theft(nil))
	r.act(owner, "risk", "R-01", "analyse", nil)
	r.act(owner, "risk", "R-01", "choose", body{"response": "avoid", "response_reason": "No need", "target_likelihood": 1, "target_impact": 1})
	r.put(other, "risk", "R-01", theft(body{"title": "Another title"}))
	r.is("risk", "R-01", body{"state": "response_chosen"})
	r.put(other, "risk", "R-01", theft(body{"likelihood": 5}))
	r.is("risk", "R-01", body{"state": "identified", "inherent": 25.0, "response": nil, "target": nil})

	// Who names another owner cannot accept in the next step what was theirs: the new one analyses it first.
	r.put(other, "risk", "R-02", theft(body{"id": "R-02", "owner": "lead"}))
	r.act(lead, "risk", "R-02", "analyse", nil)
	r.put(lead, "risk", "R-02", theft(body{"id": "R-02", "owner": "other"}))
	r.not(r.move(lead, "risk", "R-02", "accept", body{"accepted_reason": "x", "accepted_until": "2026-06-30"}), "possible only from")
}

func fraud(n int) []body {
	var out []body
	for _, s := range risk.Scenarios[:n] {
		out = append(out, body{"scenario": s, "incentive": "money", "opportunity": "a shared key", "response": "keys apart"})
	}
	return out
}

// An assessment leaves out no asset, no risk and no kind of fraud, and its authors do not approve it.
func TestAnAssessmentIsComplete(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := open(t, db)
		whole := func(change body) body {
			b := body{"id": "2026", "title": "2026", "systems": []string{"prod"}, "participants": []string{"lead", "owner"}, "method": "m", "growth": "g", "changes": "c", "fraud": fraud(4)}
			for k, v := range change {
				if b[k] = v; v == nil {
					delete(b, k)
				}
			}
			return b
		}
		r.put(lead, "risk_assessment", "2026", whole(body{"fraud": fraud(3), "participants": []string{"lead"}}))
		r.not(r.move(lead, "risk_assessment", "2026", "submit", nil), "possible only from")
		r.act(lead, "risk_assessment", "2026", "begin", nil)
		r.not(r.move(lead, "risk_assessment", "2026", "submit", nil), "a second participant and the fraud management override")
		r.put(lead, "risk_assessment", "2026", whole(nil))
		r.not(r.move(lead, "risk_assessment", "2026", "submit", nil), "no assets on record")
		r.asset("db", body{"integrity": nil})
		r.asset("old", body{"until": "2025-12-31", "integrity": nil})
		r.not(r.move(lead, "risk_assessment", "2026", "submit", nil), "asset db does not say")
		r.asset("db", nil)
		r.not(r.move(lead, "risk_assessment", "2026", "submit", nil), "No risk of the asset db")
		r.put(other, "risk", "R-01", theft(nil))
		r.not(r.move(lead, "risk_assessment", "2026", "submit", nil), "No risk of the asset db was analysed")
		r.act(owner, "risk", "R-01", "analyse", nil)
		r.put(other, "risk", "R-02", theft(body{"id": "R-02"}))
		r.not(r.move(lead, "risk_assessment", "2026", "submit", nil), "risk R-02 was not analysed")
		r.act(owner, "risk", "R-02", "analyse", nil)
		r.act(owner, "risk_assessment", "2026", "submit", nil)
		r.not(r.write(lead, "risk_assessment", "2026", whole(body{"title": "x"})), "can no longer be changed")
		for _, by := range []who{lead, owner, ownerAdmin} {
			r.not(r.move(by, "risk_assessment", "2026", "approve", nil), "can't approve it")
		}
		r.not(r.move(guest, "risk_assessment", "2026", "approve", nil), "linked to one")
		r.asset("new", nil) // between the two
		r.not(r.move(chief, "risk_assessment", "2026", "approve", nil), "No risk of the asset new")
		r.asset("new", body{"until": "2026-01-04"})
		r.not(r.move(lead, "risk_assessment", "2026", "approve_own", body{"review_due": "2026-03-01"}), "has not said so")
		r.act(chief, "risk_assessment", "2026", "approve", nil)
		r.is("risk_assessment", "2026", body{"state": "approved", "approved_by": "chief"})
	})
}

func TestATriggerIsDecidedUpon(t *testing.T) {
	r := open(t, storetest.SQLite(t))
	r.put(other, "risk_trigger", "t", body{"title": "A region", "sort": "region", "occurred": "2026-01-02"})
	r.not(r.write(other, "risk_trigger", "t", body{"title": "A region", "sort": "region", "occurred": "2026-01-04"}), "does not change")
	r.not(r.move(guest, "risk_trigger", "t", "settle", body{"decision": "no_change", "outcome": "Looked"}), "linked to one")
	r.not(r.move(other, "risk_trigger", "t", "settle", body{"decision": "risks_changed", "outcome": "Looked"}), "which risks changed")
	r.act(other, "risk_trigger", "t", "settle", body{"decision": "no_change", "outcome": "Looked"})
	r.not(r.move(other, "risk_trigger", "t", "withdraw", body{"cancelled_reason": "x"}), "possible only from")
}

// Every move is tried from every state that it does not lead from.
func TestNoMoveStartsFromAnotherState(t *testing.T) {
	tried := 0
	for _, k := range risk.Kinds() {
		if k.States == nil {
			continue
		}
		for _, state := range k.States.States() {
			for _, m := range k.States.Moves {
				if slices.Contains(m.From, state) {
					continue
				}
				tried++
				if _, err := k.Moved(body{"state": state}, m.Name, nil, record.Actor(chief), time.Now()); err == nil || !strings.Contains(err.Error(), "possible only from") {
					t.Errorf("%s: %s from %s: %v", k.Name, m.Name, state, err)
				}
			}
		}
	}
	if tried < 80 {
		t.Errorf("only %d transitions were tried", tried)
	}
}

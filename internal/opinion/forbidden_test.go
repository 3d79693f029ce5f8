package opinion_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/opinion"
	"tickmark/internal/record"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

func room() []record.Kind {
	return append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...)
}

// TestNoMoveStartsFromAnotherState tries every move of every kind of the room from every state that it does not lead from.
func TestNoMoveStartsFromAnotherState(t *testing.T) {
	tried := 0
	for _, k := range room() {
		if k.Room != record.Auditor {
			t.Errorf("%s stands in the room %q, where management reads it", k.Name, k.Room)
		}
		if k.States == nil {
			continue
		}
		for _, state := range k.States.States() {
			for _, m := range k.States.Moves {
				if slices.Contains(m.From, state) {
					continue
				}
				tried++
				if _, err := k.Moved(body{"state": state}, m.Name, nil, record.Actor(partner), time.Now()); !fault.Is(err, fault.Conflict) {
					t.Errorf("%s: %s from %s: %v", k.Name, m.Name, state, err)
				}
			}
		}
	}
	if tried < 150 {
		t.Errorf("only %d transitions were tried", tried)
	}
}

// TestNobodyOutsideTheTeamActs tries to write and to move as somebody who is not on the team, as one who only reads, and by an
// account that is linked to nobody.
func TestNobodyOutsideTheTeamActs(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	for _, by := range []who{stranger, peer, {User: "guest", Name: "user:guest"}} {
		kept := fault.Denied
		if by.Person == stranger.Person {
			kept = fault.NotFound // to whom the engagement is not there
		}
		for kind, b := range map[string]body{
			"control_matrix":       matrix("2026-01-01", "2026-06-30"),
			"workpaper":            {"engagement": "acme-26", "reference": "X", "control": "AC-09", "objective": "x"},
			"nonce":                {"engagement": "acme-26", "control": "AC-03", "commitment": sum},
			"population":           population("AC-03"),
			"deviation":            {"engagement": "acme-26", "name": "x", "control": "AC-03", "sort": "late", "facts": "x"},
			"review_note":          {"engagement": "acme-26", "paper": "AC-03", "note": "x"},
			"matter":               {"engagement": "acme-26", "name": "x", "subject": "design", "sort": "departure", "facts": "x"},
			"criterion_conclusion": {"engagement": "acme-26", "criterion": "CC6.1", "conclusion": "met", "reason": "x", "controls": []string{"AC-03"}},
			"subsequent_inquiry":   {"engagement": "acme-26", "up_to": "2026-01-01", "asked": "x", "questions": "x", "answers": "x", "bears": "nothing"},
			"letter":               {"engagement": "acme-26", "sort": "assertion", "dated": "2026-01-01", "signed_for": []string{"x"}, "file": sum},
			"opinion":              {"engagement": "acme-26", "name": "x", "subjects": []body{}, "aggregate": "x"},
		} {
			if err := f.write(by, kind, "x", b); !fault.Is(err, kept) {
				t.Errorf("%s by %q: %v", kind, by.Person, err)
			}
		}
		for _, move := range []string{"finalise", "withdraw", "suspend"} {
			said := body{}
			if move != "finalise" {
				said["ended_reason"] = "x"
			}
			if err := f.move(by, "engagement", "acme-26", move, said); !fault.Is(err, kept) {
				t.Errorf("%s by %q: %v", move, by.Person, err)
			}
		}
	}
	// A member who gives himself another role in the same breath acts by the team that stood.
	b := f.get("engagement", "acme-26")
	b["team"] = []body{member(preparer, "partner")}
	f.not(f.write(preparer, "engagement", "acme-26", b), "Only the manager or partner")
}

func TestOneHumanOnTwoAccountsIsOnePerson(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	items := f.sampled("AC-01", 20, 20)
	if err := f.change(manager, "workpaper", "AC-01", tested("AC-01", items, "effective")); err != nil {
		t.Fatal(err)
	}
	f.act(manager, "workpaper", "AC-01", "prepare", nil)
	f.not(f.move(manager2, "workpaper", "AC-01", "begin_review", nil), "can't review it")
	f.act(partner, "workpaper", "AC-01", "begin_review", nil)
	f.act(partner, "workpaper", "AC-01", "review", nil)

	if err := f.change(second, "workpaper", "AC-01", body{"result_reason": "Said otherwise."}); err != nil {
		t.Fatal(err)
	}
	p := f.get("workpaper", "AC-01")
	if p["state"] != "in_progress" || p["reviewed_by"] != nil || p["prepared_by"] != nil {
		t.Errorf("a paper that was changed after its signatures keeps them: %v, prepared %v, reviewed %v", p["state"], p["prepared_by"], p["reviewed_by"])
	}
}

func TestWhatNobodyMayConclude(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	items := f.sampled("AC-03", 400, 40)

	said := tested("AC-03", items, "effective")
	said["procedures"] = []body{{"sort": "inquiry", "text": "Asked the IT lead.", "aim": "operation"}}
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "inquiry alone is never sufficient")

	said = tested("AC-03", items, "effective")
	said["design"] = "not_suitable"
	f.not(f.change(preparer, "workpaper", "AC-03", said), "its operation is not concluded on")

	said = tested("AC-03", items, "not_operated")
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "has 400 rows")

	said = tested("AC-03", items, "effective")
	cells := said["grid"].([]body)
	cells[0]["evidence"] = nil
	f.not(f.change(preparer, "workpaper", "AC-03", said), "without any evidence")
	cells[0]["mark"] = "not_applicable"
	f.not(f.change(preparer, "workpaper", "AC-03", said), "not applicable without a reason")
	cells[0]["mark"] = "open"
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "Evidence is still asked for")

	// A suspicion of fraud blocks the conclusion, and only the partner answers it.
	if err := f.change(preparer, "workpaper", "AC-03", tested("AC-03", items, "not_effective", items[0])); err != nil {
		t.Fatal(err)
	}
	f.deviates(items[0])
	f.act(preparer, "deviation", "d1", "suspect", body{"fraud": "The log was edited."})
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "fraud is suspected")
	answers := body{"fraud_risk": "a", "fraud_evidence": "b", "fraud_representations": "c", "fraud_communication": "d", "fraud_withdrawal": "e"}
	f.not(f.move(manager, "deviation", "d1", "answer", answers), "Only the partner")
	f.act(partner, "deviation", "d1", "answer", answers)
	if f.get("deviation", "d1")["suspected"] != true {
		t.Error("that fraud was suspected is forgotten")
	}

	// A deviation is doubted by one and agreed to by another, and is never ended.
	f.act(preparer, "deviation", "d1", "doubt", body{"doubt": "A typing slip."})
	f.not(f.move(second, "deviation", "d1", "agree", nil), "Only the manager or partner")
	f.act(manager, "deviation", "d1", "agree", nil)
	f.not(f.try(partner, record.Change{Kind: "deviation", Key: "d1", Delete: true, Reason: "was repaired"}), "never deleted")
}

// TestAFactMarksNothingAndIsOverruledWithAReason tries to write facts by hand, to conclude without them, and to go against them in silence.
func TestAFactMarksNothingAndIsOverruledWithAReason(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	items := f.sampled("AC-03", 20, 20)
	said := tested("AC-03", items, "effective")
	said["attributes"] = []body{{"id": "A", "text": "Disabled within a day.", "deviation": "Later than a day.", "decided_by": "machine"}}
	cells := said["grid"].([]body)
	cells[0]["fact"] = "deviation" // typed: nobody computed it
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	if c := engagement.Objects(f.get("workpaper", "AC-03"), "grid")[0]; c["fact"] != nil {
		t.Errorf("a fact that somebody typed stands: %v", c["fact"])
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "nothing says by which expression")
	said["attributes"].([]body)[0]["rule"] = "r.days <= 1"
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "No machine was asked of item")
	var facts []any
	for i, item := range items {
		facts = append(facts, body{"item": item, "attribute": "A", "says": []string{"deviation", "unknown", "met"}[min(i, 2)], "reason": "x"})
	}
	take := func(by record.Authority) error {
		_, err := f.book.Put(t.Context(), by, record.Change{Kind: "workpaper", Key: "AC-03", Move: "take_facts", Said: body{"facts": facts, "facts_for": "pete"}})
		return err
	}
	f.not(take(preparer), "nobody writes it")
	if err := take(record.Job("job:fact")); err != nil {
		t.Fatal(err)
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "is marked met, and the machine says deviation")
	f.not(f.change(preparer, "workpaper", "AC-03", said), "and the machine says deviation")
	cells[0]["note"] = "The log shows another zone."
	f.not(f.change(preparer, "workpaper", "AC-03", said), "the machine says that it is not known")
	cells[1]["note"] = "Seen in the system itself."
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	f.act(preparer, "workpaper", "AC-03", "prepare", nil)

	said["attributes"].([]body)[0]["rule"] = "r.days <= 100" // another question: what was answered is no answer to it
	if err := f.change(preparer, "workpaper", "AC-03", said); err != nil {
		t.Fatal(err)
	}
	f.not(f.move(preparer, "workpaper", "AC-03", "prepare", nil), "No machine was asked of item")
}

// TestATestOfOneCoversTheWholeWindow leaves gaps between configurations, and takes one of two for both.
func TestATestOfOneCoversTheWholeWindow(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	said := tested("AC-01", nil, "effective")
	delete(said, "population")
	span := func(name, from, to string) body {
		return body{"name": name, "from": from, "to": to, "shown_by": []string{sum}, "negative": "It refused one."}
	}
	const begin, end = "2025-12-31T23:00:00Z", "2026-06-30T22:00:00Z" // of the window, in the company's zone
	for words, list := range map[string][]body{
		`"web" is not shown to have held from 2026-01-01`: {span("web", "2026-01-08T00:00:00Z", end)},
		`"web" is not shown to have held from 2026-06-01`: {span("web", begin, "2026-06-01T00:00:00Z")},
		`"web" is not shown to have held from 2026-03-01`: {span("web", "2026-03-02T00:00:00Z", end), span("web", begin, "2026-03-01T00:00:00Z")},
		`"api" is not shown to have held`:                 {span("web", begin, end), span("api", begin, "2026-02-01T00:00:00Z")},
	} {
		said["configurations"] = list
		if err := f.change(preparer, "workpaper", "AC-01", said); err != nil {
			t.Fatal(err)
		}
		f.not(f.move(preparer, "workpaper", "AC-01", "prepare", nil), words)
	}
	said["configurations"] = []body{span("web", "2026-03-01T00:00:00Z", end), span("web", begin, "2026-03-01T00:00:00Z"), span("api", begin, end)}
	if err := f.change(preparer, "workpaper", "AC-01", said); err != nil {
		t.Fatal(err)
	}
	f.act(preparer, "workpaper", "AC-01", "prepare", nil)
}

func TestASupersededPopulationVoidsItsSamples(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	items := f.sampled("AC-03", 400, 40)
	if err := f.change(preparer, "workpaper", "AC-03", tested("AC-03", items, "effective")); err != nil {
		t.Fatal(err)
	}
	f.act(preparer, "workpaper", "AC-03", "prepare", nil)
	f.not(f.change(preparer, "population", "p-AC-03", body{"query": "another"}), "never changed")
	f.act(preparer, "population", "p-AC-03", "supersede", body{"superseded_reason": "A team was missing."})
	if s := f.get("sample", "s-AC-03"); s["state"] != "voided" || s["voided_reason"] == "" {
		t.Errorf("the sample of a superseded population is %v", s["state"])
	}
	f.act(manager, "workpaper", "AC-03", "begin_review", nil)
	f.not(f.move(manager, "workpaper", "AC-03", "review", nil), "only a frozen one")
}

func TestAnExtensionLeavesOutWhatWasLookedAt(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.planned()
	f.day("2026-07-10")
	first := f.sampled("AC-03", 400, 40)
	f.not(f.move(preparer, "sample", "s-AC-03", "replace", body{"item": 401, "why": "trial", "reason": "x"}), "no item of this draw")
	var item int
	for _, r := range f.get("sample", "s-AC-03")["runs"].([]any)[:1] {
		item = int(r.(map[string]any)["items"].([]any)[0].(float64))
	}
	f.act(preparer, "sample", "s-AC-03", "replace", body{"item": item, "why": "trial", "reason": "A test account of the installer."})
	now := workpaper.Items(f.get("sample", "s-AC-03"))
	if len(now) != 40 || slices.Contains(now, first[0]) && first[0] == strconv.Itoa(item) {
		t.Errorf("%d items after a replacement", len(now))
	}
	seed := f.get("sample", "s-AC-03")["seed"].(string)
	f.put(preparer, "sample", "more", body{"engagement": "acme-26", "name": "More", "control": "AC-03", "population": "p-AC-03", "method": "stratified", "size": 20, "size_reason": "To 60.",
		"extends": "s-AC-03", "extends_reason": "One deviation, perhaps not representative."})
	f.act(preparer, "sample", "more", "draw", body{"seed": seed})
	for _, i := range workpaper.Items(f.get("sample", "more")) {
		if slices.Contains(now, i) || i == strconv.Itoa(item) {
			t.Errorf("item %s was looked at before", i)
		}
	}
}

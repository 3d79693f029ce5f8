package entitlement_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/entitlement"
)

func (w *world) campaign(key string) entitlement.Campaign {
	w.Helper()
	c, err := entitlement.CampaignOf(w.get("access_review", key))
	if err != nil {
		w.Fatal(err)
	}
	return c
}

func (w *world) lines(key string) []entitlement.Line {
	w.Helper()
	lines, err := w.desk.Lines(w.Context(), key, w.campaign(key))
	if err != nil {
		w.Fatal(err)
	}
	return lines
}

func (w *world) decide(by, key string, a entitlement.Act) error {
	_, err := w.desk.Decide(w.Context(), person(by), key, a)
	return err
}

func TestAReviewIsProvedAtTheSource(t *testing.T) {
	w := newWorld(t)
	w.matrix()
	w.user("u-ada", "ada", "ORG_ADMIN")
	w.user("u-bob", "bob", "HELP_DESK_ADMIN", "REPORT_ADMIN")
	w.user("u-dan", "dan")
	w.user("u-old", "nobody", "REPORT_ADMIN")
	w.put("ada", "person", "eve", body{"id": "eve", "name": "Eve", "email": "eve@example.org", "end": "2025-12-31"})
	w.user("u-eve", "eve")
	w.read()
	plan := body{"id": "q1", "title": "First quarter", "sort": "systems", "systems": []any{"okta"}, "from": "2025-10-01", "to": "2025-12-31", "due": "2026-01-15", "owner": "ada"}
	w.refused(w.tried("ada", "access_review", "q1", body{"id": "q1", "title": "x", "sort": "systems", "systems": []any{"okta"}, "from": "2025-10-01", "to": "2025-12-31", "due": "2026-01-16", "owner": "ada"}), "by 2026-01-15")
	w.put("ada", "access_review", "q1", plan)
	if _, err := w.desk.Extract(t.Context(), person("bob"), "q1"); err == nil {
		t.Error("somebody else than the lead took the extract")
	}
	c, err := w.desk.Extract(t.Context(), person("ada"), "q1")
	if err != nil {
		t.Fatal(err)
	}
	if c.State != "in_review" || c.Lines != 6 || c.Pending != 6 || len(c.Gaps) != 0 || len(c.Extracts) != 1 || c.Extracts[0].Counted != 5 || c.Extracts[0].Found != 5 || !slices.Equal(c.Unresolved, []string{"okta/u-old"}) || c.File == "" {
		t.Fatalf("the extract is %+v", c)
	}
	got := ""
	for _, l := range w.lines("q1") {
		got += fmt.Sprintln(l.N, l.Account, l.Role, l.Person, strings.Join(l.Flags, ","))
	}
	if want := `1 okta/u-ada org-admin ada privileged,no_request
2 okta/u-bob help-desk bob privileged,no_request
3 okta/u-bob reports bob privileged,no_request
4 okta/u-dan  dan 
5 okta/u-eve  eve leaver
6 okta/u-old reports  no_owner,no_request
`; got != want {
		t.Errorf("the lines are\n%swant\n%s", got, want)
	}
	w.refused(w.decide("ada", "q1", entitlement.Act{Lines: []int{1}, Decision: "keep", Reason: "I need it."}), "whose access it is")
	w.refused(w.decide("bob", "q1", entitlement.Act{Lines: []int{4}, Decision: "keep"}), "who owns the system")
	w.refused(w.decide("ada", "q1", entitlement.Act{Lines: []int{5}, Decision: "keep"}), "marked leaver")
	w.refused(w.decide("ada", "q1", entitlement.Act{Lines: []int{2, 4}, Decision: "keep"}), "Confirm that you looked at all 2")
	w.refused(w.decide("ada", "q1", entitlement.Act{Lines: []int{5}, Decision: "remove"}), "Give a reason")
	w.refused(w.decide("ada", "q1", entitlement.Act{Lines: []int{9}, Decision: "keep"}), "no line 9")
	if err := w.decide("ada", "q1", entitlement.Act{Lines: []int{2, 4}, Decision: "keep", Reason: "Is on duty.", Confirmed: 2}); err != nil {
		t.Fatal(err)
	}
	for line, a := range map[int]entitlement.Act{3: {Decision: "remove", Reason: "Not needed."}, 5: {Decision: "remove", Reason: "Left."}, 6: {Decision: "remove", Reason: "Nobody's."}} {
		a.Lines = []int{line}
		if err := w.decide("ada", "q1", a); err != nil {
			t.Fatal(err)
		}
	}
	w.refused(w.act("ada", "access_review", "q1", "remediate", nil), "1 of 6 lines are not decided")
	// Ada cannot decide on herself; somebody else is made owner, and decides on her line.
	m := oktaMatrix()
	m["owner"] = "bob"
	w.put("ada", "role_matrix", "okta", m)
	w.must("bob", "role_matrix", "okta", "approve", nil)
	if err := w.decide("bob", "q1", entitlement.Act{Lines: []int{1}, Decision: "keep", Reason: "Runs it."}); err != nil {
		t.Fatal(err)
	}
	if c := w.campaign("q1"); c.Pending != 0 || c.Kept != 3 || c.Removed != 3 || c.Bulk != 2 {
		t.Errorf("it is summed up as %+v", c)
	}
	w.must("ada", "access_review", "q1", "remediate", nil)
	w.settle()
	w.refused(w.act("ada", "access_review", "q1", "complete", body{"sign_off": "Done."}), "3 changes that were decided are not shown")

	// That Okta was not read since proves nothing; that it was read and shows the same neither.
	w.read()
	if s := w.get("access_change", "q1/3")["state"]; s != "open" {
		t.Errorf("what is still there is %v", s)
	}
	// The matrix forgets the role, and Okta still shows it.
	m["roles"] = m["roles"].([]any)[:2]
	w.put("ada", "role_matrix", "okta", m)
	w.must("bob", "role_matrix", "okta", "approve", nil)
	w.read()
	if s := w.get("access_change", "q1/3")["state"]; s != "open" {
		t.Errorf("what the matrix forgot and the source shows is %v", s)
	}
	w.at("2026-01-19") // two weeks after, ten working days
	w.user("u-bob", "bob", "HELP_DESK_ADMIN")
	delete(w.users, "u-old")
	w.users["u-eve"] = strings.Replace(w.users["u-eve"], "ACTIVE", "SUSPENDED", 1)
	w.read()
	for key, want := range map[string]string{"q1/3": "it no longer has reports", "q1/5": "the account is off", "q1/6": "it is gone"} {
		if b := w.get("access_change", key); b["state"] != "executed" || !strings.Contains(fmt.Sprint(b["snapshot"]), want) || b["days"] != 10.0 {
			t.Errorf("%s is %v after %v working days: %v", key, b["state"], b["days"], b["snapshot"])
		}
	}
	w.refused(w.act("bob", "access_review", "q1", "complete", body{"sign_off": "Done."}), "Only who leads")
	w.must("ada", "access_review", "q1", "complete", body{"sign_off": "Done."})
	if c := w.campaign("q1"); c.Overdue != "2026-01-16" || c.State != "completed" {
		t.Errorf("signed off late it is %+v", c)
	}

	// The next one says what is new since.
	w.user("u-dan", "dan", "HELP_DESK_ADMIN")
	w.read()
	plan["id"], plan["from"], plan["to"], plan["due"] = "q2", "2026-01-01", "2026-03-31", "2026-04-15"
	w.put("ada", "access_review", "q2", plan)
	if c, err = w.desk.Extract(t.Context(), person("ada"), "q2"); err != nil || c.Previous != "q1" {
		t.Fatalf("%v, compared with %q", err, c.Previous)
	}
	got = ""
	for _, l := range w.lines("q2") {
		got += fmt.Sprintln(l.Account, l.Role, l.Delta, l.Was)
	}
	if want := "okta/u-ada org-admin  keep\nokta/u-bob help-desk  keep\nokta/u-dan help-desk new \n"; got != want {
		t.Errorf("the next one says\n%swant\n%s", got, want)
	}
}

func TestARightIsNotGoneBecauseItsSourceIsNotRead(t *testing.T) {
	w := newWorld(t)
	w.matrix()
	w.user("u-dan", "dan", "HELP_DESK_ADMIN")
	w.read()
	w.at("2026-01-20") // its last read no longer vouches
	w.settle()
	if b := w.get("access_right", "okta/help-desk/okta/u-dan"); b["unread_since"] == nil {
		t.Errorf("that its source is not read is not said: %v", b)
	}
	w.user("u-bob", "bob") // Okta would be empty of the right now
	w.user("u-dan", "dan")
	w.settle()
	if !w.has("access_right", "okta/help-desk/okta/u-dan") {
		t.Error("a right ended without a read")
	}
	w.read()
	if w.has("access_right", "okta/help-desk/okta/u-dan") {
		t.Error("a right that a read no longer shows is still there")
	}
}

func TestSpansWriteLinesAndReadThemAgain(t *testing.T) {
	in := []int{1, 2, 3, 7, 9, 10}
	var out []int
	if s := entitlement.Spans(in); s != "1-3,7,9-10" || !entitlement.EachLine(s, func(n int) { out = append(out, n) }) || !slices.Equal(in, out) {
		t.Errorf("%s %v", s, out)
	}
	if entitlement.EachLine("1-x", func(int) {}) {
		t.Error("no number was taken for one")
	}
}

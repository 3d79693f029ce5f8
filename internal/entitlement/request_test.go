package entitlement_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/collect"
	"tickmark/internal/entitlement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

func asFault(err error, f **fault.Fault) bool { return errors.As(err, f) }

func TestAnAppointmentHoldsFromItsFirstThroughItsLastDay(t *testing.T) {
	m := entitlement.Roles{Approvers: []entitlement.Approver{{Person: "ada", From: "2026-01-10", To: "2026-03-31", Delegate: "bob", DelegateFrom: "2026-03-20", DelegateTo: "2026-04-10"}}}
	for on, want := range map[string]string{
		"ada 2026-01-09": "no", "ada 2026-01-10": "yes", "ada 2026-03-31": "yes", "ada 2026-04-01": "no",
		"bob 2026-03-19": "no", "bob 2026-03-20": "yes for ada", "bob 2026-03-31": "yes for ada", "bob 2026-04-01": "no", // not longer than who they stand in for
		"cleo 2026-03-20": "no", " 2026-03-20": "no",
	} {
		who, day, _ := strings.Cut(on, " ")
		ok, instead := m.Appointed(who, day)
		got := "no"
		if ok {
			got = strings.TrimSuffix("yes for "+instead, " for ")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", on, got, want)
		}
	}
}

func TestAccessIsAskedForApprovedAndShownByTheSystem(t *testing.T) {
	w := newWorld(t)
	w.refused(w.ask("cleo", "none", "reports", "cleo"), "Write that record first")
	w.matrix()
	w.user("u-bob", "bob")
	w.user("u-dan", "dan")
	w.read()

	w.refused(w.ask("cleo", "x", "owner", "cleo"), "Its roles are org-admin, help-desk, reports, vault")
	if err := w.ask("cleo", "r1", "reports", "dan"); err != nil {
		t.Fatal(err)
	}
	if b := w.get("access_request", "r1"); b["matrix_version"] != "okta@1" || b["granted_as"] != "REPORT_ADMIN" || b["read"] != true || b["title"] != "Reports of Okta for Dan" {
		t.Errorf("the matrix says of it %v", b)
	}
	yes := body{"decision": "Needs them."}
	w.refused(w.act("cleo", "access_request", "r1", "approve", yes), "not appointed")
	w.refused(w.act("eve", "access_request", "r1", "approve", yes), "Appointed are ada, bob")
	w.refused(w.act("dan", "access_request", "r1", "approve", yes), "who gets it")
	w.refused(w.act("eve", "access_request", "r1", "refuse", body{"ended_reason": "No."}), "not appointed")
	w.must("bob", "access_request", "r1", "approve", yes)
	w.refused(w.tried("cleo", "access_request", "r1", body{"matrix": "okta", "role": "org-admin", "beneficiary": "dan", "reason": "More."}), "can no longer be changed")
	w.refused(w.act("ada", "access_request", "r1", "provision", body{"granted_at": w.now.Format("2006-01-02T15:04:05.999999Z"), "granted_by": "Ada", "actual_role": "REPORT_ADMIN"}), "nobody enters it by hand")

	w.settle()
	if s := w.get("access_request", "r1")["state"]; s != "approved" {
		t.Errorf("it is %v, and no source was read since", s)
	}
	w.user("u-dan", "dan", "REPORT_ADMIN", "HELP_DESK_ADMIN") // more than was asked for
	w.read()
	if b := w.get("access_request", "r1"); b["state"] != "provisioned" || b["how"] != "collected" {
		t.Errorf("with another role beside it, it is %v, known by %v", b["state"], b["how"])
	}
	w.user("u-dan", "dan", "REPORT_ADMIN")
	w.read()
	if b := w.get("access_request", "r1"); b["state"] != "verified" || !strings.Contains(fmt.Sprint(b["snapshot"]), "okta_user u-dan of okta, run 3") {
		t.Errorf("with exactly the role it is %v: %v", b["state"], b["snapshot"])
	}
	if w.has("access_right", "okta/help-desk/okta/u-dan") || w.get("access_right", "okta/reports/okta/u-dan")["request"] != "r1" {
		t.Error("the rights are not those that the source shows")
	}
	w.user("u-dan", "dan")
	w.read()
	if s := w.get("access_request", "r1")["state"]; s != "revoked" {
		t.Errorf("what the source no longer shows is %v", s)
	}
}

func TestWhatWasThereBeforeIsNotFulfilledByARequest(t *testing.T) {
	w := newWorld(t)
	w.user("u-dan", "dan", "REPORT_ADMIN")
	w.read() // before there is any matrix
	w.at("2026-01-06")
	w.matrix()
	if err := w.ask("cleo", "r1", "reports", "dan"); err != nil {
		t.Fatal(err)
	}
	w.must("ada", "access_request", "r1", "approve", body{"decision": "Has it anyway."})
	w.read()
	w.read()
	if s := w.get("access_request", "r1")["state"]; s != "approved" {
		t.Errorf("a right that was there before is %v by a request made afterwards", s)
	}
}

func TestSeparationOfDutiesOfARequest(t *testing.T) {
	w := newWorld(t)
	w.matrix()
	yes := body{"decision": "Needs it."}
	// The one who asked does not approve; a manager does where the matrix says so, and never for themselves.
	if err := w.ask("bob", "r1", "help-desk", "dan"); err != nil {
		t.Fatal(err)
	}
	w.refused(w.act("bob", "access_request", "r1", "approve", yes), "the one who asked")
	m := oktaMatrix()
	m["manager_may_ask"] = true
	w.put("ada", "role_matrix", "okta", m)
	w.must("bob", "role_matrix", "okta", "approve", nil)
	w.refused(w.act("bob", "access_request", "r1", "approve", yes), "the one who asked")
	w.put("ada", "person", "dan", body{"id": "dan", "name": "Dan", "email": "dan@example.org", "manager": "bob", "title": "Engineer"})
	w.must("bob", "access_request", "r1", "approve", yes)
	if err := w.ask("bob", "r2", "help-desk", "bob"); err != nil {
		t.Fatal(err)
	}
	w.refused(w.act("bob", "access_request", "r2", "approve", yes), "who gets it")

	// A delegate only on their days, and not for who they stand in for.
	if err := w.ask("cleo", "r3", "vault", "eve"); err != nil {
		t.Fatal(err)
	}
	w.refused(w.act("dan", "access_request", "r3", "approve", yes), "not appointed")
	w.at("2026-02-02")
	w.refused(w.act("dan", "access_request", "r2", "approve", yes), "stands in for bob, who gets it")
	if err := w.ask("cleo", "r4", "vault", "eve"); err != nil {
		t.Fatal(err)
	}
	w.must("dan", "access_request", "r4", "approve", yes)
	if b := w.get("access_request", "r4"); b["instead_of"] != "bob" {
		t.Errorf("a delegate approved instead of %v", b["instead_of"])
	}

	// Nobody reads the vault: it is entered, by another than who gets it, verified by a second, and shown as typed.
	given := body{"granted_at": "2026-02-02T11:00:00Z", "granted_by": "Cleo", "actual_role": "Paper vault"}
	w.refused(w.act("cleo", "access_request", "r4", "provision", given), "before it was approved")
	given["granted_at"] = w.now.Format("2006-01-02T15:04:05.999999Z")
	w.refused(w.act("eve", "access_request", "r4", "provision", given), "who gets it")
	w.must("cleo", "access_request", "r4", "provision", given)
	w.refused(w.act("cleo", "access_request", "r4", "confirm", body{"snapshot": "Saw it."}), "who entered it")
	w.must("bob", "access_request", "r4", "confirm", body{"snapshot": "Saw the key book."})
	if b := w.get("access_request", "r4"); b["state"] != "verified" || b["how"] != "typed" {
		t.Errorf("it is %v, known by %v", b["state"], b["how"])
	}

	// Nobody decided within 14 days.
	w.at("2026-01-18")
	w.at("2026-02-16")
	w.settle()
	if a, b := w.get("access_request", "r3")["state"], w.get("access_request", "r2")["state"]; a != "expired" || b != "expired" {
		t.Errorf("after their days they are %v and %v", a, b)
	}
}

func TestAConflictNeedsAnExceptionForThatPersonAndRole(t *testing.T) {
	w := newWorld(t)
	w.matrix()
	w.user("u-dan", "dan", "HELP_DESK_ADMIN")
	w.read()
	if err := w.ask("cleo", "r1", "org-admin", "dan"); err != nil {
		t.Fatal(err)
	}
	if b := w.get("access_request", "r1"); !strings.Contains(fmt.Sprint(b["conflicts"]), "org-admin of okta excludes help-desk of okta") {
		t.Errorf("the conflict is not shown: %v", b["conflicts"])
	}
	yes := body{"decision": "For the move."}
	w.refused(w.act("ada", "access_request", "r1", "approve", yes), "okta/org-admin among its resources")
	x := body{"title": "Both", "clause": "4.1", "resources": []any{"okta/reports"}, "reason": "r", "risk": "r", "compensating": "c", "severity": "low", "start": "2026-01-05", "expiry": "2026-02-01", "beneficiary": "dan"}
	w.put("cleo", "exception", "x1", x)
	w.must("bob", "exception", "x1", "approve", body{"decision": "Bearable."})
	yes["exception"] = "x1"
	w.refused(w.act("ada", "access_request", "r1", "approve", yes), "does not allow this")
	x["resources"] = []any{"okta/org-admin"}
	w.put("cleo", "exception", "x2", x)
	yes["exception"] = "x2"
	w.refused(w.act("ada", "access_request", "r1", "approve", yes), "is requested")
	w.must("bob", "exception", "x2", "approve", body{"decision": "Bearable."})
	w.must("ada", "access_request", "r1", "approve", yes)
}

func TestWhereNobodyElseIsThereAnApprovalIsShownAsOnesOwn(t *testing.T) {
	w := newWorld(t)
	w.matrix()
	if err := w.ask("ada", "r1", "org-admin", "ada"); err != nil {
		t.Fatal(err)
	}
	own := body{"review_due": "2026-03-01"}
	w.refused(w.act("ada", "access_request", "r1", "approve_own", own), "nobody independent")
	w.put("ada", "organisation", "organisation", body{"name": "Small", "time_zone": "UTC", "small_team": true})
	w.must("ada", "access_request", "r1", "approve_own", own)
	a, err := entitlement.AskedOf(w.get("access_request", "r1"))
	if err != nil || a.Approval() != "approved_by_author" {
		t.Errorf("it counts as %q, %v", a.Approval(), err)
	}
	w.refused(w.act("ada", "access_request", "r1", "late_review", body{"late_review": "Fine."}), "so can't")
	w.must("bob", "access_request", "r1", "late_review", body{"late_review": "Ada runs it alone."})
	if a, _ = entitlement.AskedOf(w.get("access_request", "r1")); a.Approval() != "approved_by_author_reviewed" {
		t.Errorf("after the review it counts as %q", a.Approval())
	}
}

// Of two parts of a company one leaves: what stood in it is known no more, though the source is read.
func TestARightInWhatLeftIsNotRead(t *testing.T) {
	w := newWorld(t)
	w.matrix()
	w.scope = map[string]string{"1": "oslo", "2": "berlin"}
	w.user("1", "bob", "ORG_ADMIN")
	w.user("2", "dan", "ORG_ADMIN")
	w.read()
	unread := func() map[string]bool {
		out := map[string]bool{}
		err := w.Book.EachBody(w.Context(), w.Book.DB, entitlement.Right, 0, func(v record.Version) error {
			var h entitlement.Held
			err := json.Unmarshal(v.Body, &h)
			out[h.Account] = h.Unread != ""
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := unread(); len(got) != 2 || got["okta/1"] || got["okta/2"] {
		t.Fatalf("before anything left: %v", got)
	}
	now := store.At(w.now)
	if err := w.Book.DB.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE coverage SET valid_to = $1, ended = $2 WHERE scope = 'berlin'", now, collect.Gone)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if got := unread(); got["okta/1"] || !got["okta/2"] {
		t.Errorf("what left is told as read: %v", got)
	}
}

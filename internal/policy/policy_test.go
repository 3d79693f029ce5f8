package policy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func (w *world) acks(t *testing.T, version string) map[string]policy.Acknowledgement {
	t.Helper()
	all, err := policy.Acknowledgements(w.LookAt(t.Context(), zero), "access")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]policy.Acknowledgement{}
	for _, a := range all {
		if a.Version == version {
			out[a.Person] = a
		}
	}
	return out
}

func states(acks map[string]policy.Acknowledgement) string {
	var out []string
	for p, a := range acks {
		out = append(out, p+" "+a.State)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestPublishingSupersedesAndOpensAcknowledgementsTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.policy(t, nil)
		w.publish(t, "v1", "1.0", "major")
		if got := states(w.acks(t, "v1")); got != "ada assigned, bob assigned, cleo assigned, dan assigned" {
			t.Errorf("after the first publication: %s", got)
		}
		if a := w.acks(t, "v1")["bob"]; a.Due != "2026-02-04" {
			t.Errorf("due %s", a.Due)
		}
		before := w.now
		w.must(t, bob, "acknowledgement", w.acks(t, "v1")["bob"].Key, "acknowledge")

		w.at("2026-01-20")
		w.publish(t, "v2", "1.1", "minor")
		if got := states(w.acks(t, "v1")); got != "ada void, bob acknowledged, cleo void, dan void" {
			t.Errorf("a minor change: %s", got)
		}
		if got := w.acks(t, "v2"); states(got) != "ada assigned, cleo assigned, dan assigned" || got["ada"].Due != "2026-02-04" {
			t.Errorf("what was open goes on under its old date: %+v", got)
		}
		if b := w.body(t, "policy_version", "v1"); b["state"] != "superseded" || b["ended_at"] == nil {
			t.Errorf("v1 is %v", b["state"])
		}
		w.at("2026-03-01")
		w.publish(t, "v3", "2.0", "major")
		if got := states(w.acks(t, "v3")); got != "ada assigned, bob assigned, cleo assigned, dan assigned" {
			t.Errorf("a major change: %s", got)
		}
		for at, want := range map[string]string{"v1": "1.0", "v3": "2.0"} {
			moment := before
			if at == "v3" {
				moment = w.now
			}
			if v, err := policy.InForce(t.Context(), w.Book, "access", moment); err != nil || v.Number != want {
				t.Errorf("in force at %s: %s %v", moment, v.Number, err)
			}
		}
		if p, err := w.Verify(t.Context(), nil); err != nil || p.Versions == 0 {
			t.Errorf("verify: %+v %v", p, err)
		}
	})
}

func TestApprovalKeepsTheSumOfExactlyWhatIsRead(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.publish(t, "v1", "1.0", "major")
	want := sha256.Sum256([]byte("# Access\n\n1. Example uses a second factor. {#AC-1}\n"))
	if got := w.body(t, "policy_version", "v1")["sha256"]; got != hex.EncodeToString(want[:]) {
		t.Errorf("sha256 %v", got)
	}
	ack := w.acks(t, "v1")["bob"].Key
	w.must(t, bob, "acknowledgement", ack, "acknowledge")
	if got := w.body(t, "acknowledgement", ack)["sha256"]; got != hex.EncodeToString(want[:]) {
		t.Errorf("accepted %v", got)
	}
}

func TestAnUnfinishedTextIsNotSentAndTheRefusalNamesEachGap(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	for name, c := range map[string]struct{ text, says string }{
		"variable":    {"Ask {{roles.it_lead}}.", "{{roles.it_lead}} has no value"},
		"empty value": {"At {{company.name}}.", "{{company.name}} has no value"},
		"todo":        {"one\n\nTODO: write this", `line 3 says "TODO"`},
		"tbd":         {"The day is tbd.", `"tbd"`},
		"brackets":    {"Ask [...] first.", `"[...]"`},
		"insert":      {"Call [insert number].", `"[insert number]"`},
		"lorem":       {"Lorem ipsum dolor", `"Lorem ipsum"`},
		"unclosed":    {"Ask {{roles.it_lead first.", "not closed"},
	} {
		const key = "v" // one text under way at a time
		body := draft("1.0", "major", map[string]any{"text": c.text, "variables": map[string]any{"company.name": " "}})
		w.put(t, ada, "policy_version", key, body)
		err := w.move(ada, "policy_version", key, "submit")
		refused(t, name, err, fault.Conflict)
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.put(t, ada, "policy_version", "v", draft("1.0", "major", map[string]any{"text": "See [the site](https://example.org) and [x]: is fine. - [ ] box"}))
	w.must(t, ada, "policy_version", "v", "submit")
}

func TestOnlyTheNamedApproverApproves(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.put(t, ada, "policy_version", "v", draft("1.0", "major", nil))
	w.must(t, ada, "policy_version", "v", "submit")
	w.must(t, bob, "policy_version", "v", "review")
	refused(t, "another person", w.move(dan, "policy_version", "v", "approve"), fault.Denied)
	refused(t, "another refuses", w.move(dan, "policy_version", "v", "refuse"), fault.Denied)
	w.must(t, cleo, "policy_version", "v", "approve")

	w = onSQLite(t)
	w.policy(t, map[string]any{"approver": nil})
	w.put(t, ada, "policy_version", "v", draft("1.0", "major", nil))
	w.put(t, dan, "policy_version", "v", draft("1.0", "major", map[string]any{"summary": "dan wrote too"}))
	w.must(t, ada, "policy_version", "v", "submit")
	w.must(t, bob, "policy_version", "v", "review")
	for _, author := range []somebody{ada, adaAdmin, dan, guest} {
		refused(t, author.Name, w.move(author, "policy_version", "v", "approve"), fault.Denied)
	}
	w.must(t, bob, "policy_version", "v", "approve")
}

func TestNobodyBecomesAStrangerToTheirTextByReturningIt(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, map[string]any{"approver": nil})
	w.put(t, ada, "policy_version", "v", draft("1.0", "major", nil))
	w.must(t, ada, "policy_version", "v", "submit")
	if _, err := w.try(bob, "policy_version", "v", draft("1.0", "major", map[string]any{"text": "bob's"})); !fault.Is(err, fault.Conflict) {
		t.Errorf("a text in review was changed: %v", err)
	}
	w.must(t, bob, "policy_version", "v", "comment")
	w.put(t, bob, "policy_version", "v", draft("1.0", "major", map[string]any{"text": "bob's text"}))
	w.must(t, bob, "policy_version", "v", "submit")
	for _, author := range []somebody{ada, bob} {
		refused(t, author.Name, w.move(author, "policy_version", "v", "review"), fault.Denied)
	}
}

func TestAPublishedTextIsImmutableAndADraftBesideItChangesNothing(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.publish(t, "v1", "1.0", "major")
	if _, err := w.try(ada, "policy_version", "v1", draft("1.0", "major", map[string]any{"text": "other"})); !fault.Is(err, fault.Conflict) {
		t.Errorf("a published text was changed: %v", err)
	}
	w.put(t, ada, "policy_version", "v2", draft("2.0", "major", map[string]any{"text": "A new text."}))
	if v, err := policy.InForce(t.Context(), w.Book, "access", zero); err != nil || v.Number != "1.0" {
		t.Errorf("in force: %s %v", v.Number, err)
	}
	_, err := w.try(ada, "policy_version", "v3", draft("3.0", "major", nil))
	refused(t, "a second draft", err, fault.Conflict)
	for n, change := range map[string]string{"1.0": "major", "0.9": "minor", "2.1": "major", "3.0": "minor", "x": "major", "4.1": "minor", "2": "major"} {
		if _, err := w.try(ada, "policy_version", "v2", draft(n, change, nil)); !fault.Is(err, fault.Invalid) {
			t.Errorf("number %s of a %s change: %v", n, change, err)
		}
	}
}

func TestATextIsPublishedNotBeforeItsDayInTheOrganisationsZone(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.put(t, ada, "policy_version", "v", draft("1.0", "major", map[string]any{"effective": "2026-02-01"}))
	w.must(t, ada, "policy_version", "v", "submit")
	w.must(t, bob, "policy_version", "v", "review")
	refused(t, "before approval", w.move(ada, "policy_version", "v", "publish"), fault.Conflict)
	w.must(t, cleo, "policy_version", "v", "approve")
	w.now = day("2026-02-01").Add(-12 * 3600 * 1e9) // 03:00 UTC: the evening before in New York
	refused(t, "the evening before", w.move(record.Job("job:policy"), "policy_version", "v", "publish"), fault.Conflict)
	w.at("2026-02-01")
	w.must(t, record.Job("job:policy"), "policy_version", "v", "publish")
}

func TestAPolicyThatAnActiveControlReliesOnIsNotRetired(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.publish(t, "v1", "1.0", "major")
	w.must(t, bob, "control", "AC-06", "approve")
	w.must(t, bob, "control", "AC-06", "activate")
	refused(t, "not the approver", w.move(bob, "policy", "access", "retire"), fault.Denied)
	err := w.move(cleo, "policy", "access", "retire")
	refused(t, "a control in operation", err, fault.Conflict)
	if err == nil || !strings.Contains(err.Error(), "AC-06") {
		t.Errorf("the refusal does not name the control: %v", err)
	}
	w.must(t, bob, "control", "AC-06", "retire")
	w.must(t, cleo, "policy", "access", "retire")
	if b := w.body(t, "policy_version", "v1"); b["state"] != "retired" {
		t.Errorf("its text is %v", b["state"])
	}
	if got := states(w.acks(t, "v1")); strings.Contains(got, "assigned") {
		t.Errorf("still open: %s", got)
	}
	_, err = w.try(ada, "policy_version", "v2", draft("2.0", "major", nil))
	refused(t, "a new text of it", err, fault.Conflict)
}

func TestOnlyThePersonAcknowledgesAndLateStaysLate(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.publish(t, "v1", "1.0", "major")
	acks := w.acks(t, "v1")
	for _, other := range []record.Authority{ada, cleo, guest, record.Job("job:policy"), record.Job("connection:git")} {
		if err := w.move(other, "acknowledgement", acks["bob"].Key, "acknowledge"); !fault.Is(err, fault.Denied) {
			t.Errorf("%s for bob: %v", other.Actor().Name, err)
		}
	}
	_, err := w.try(bob, "acknowledgement", acks["bob"].Key, map[string]any{"policy": "access", "version": "v1", "person": "bob", "assigned": "2026-01-05", "due": "2030-01-01"})
	refused(t, "a later due date", err, fault.Denied)
	_, err = w.try(bob, "acknowledgement", "mine", map[string]any{"policy": "access", "version": "v1", "person": "bob", "assigned": "2026-01-05", "due": "2030-01-01"})
	refused(t, "one of my own making", err, fault.Denied)
	w.must(t, bob, "acknowledgement", acks["bob"].Key, "acknowledge")
	if b := w.body(t, "acknowledgement", acks["bob"].Key); b["overdue_since"] != nil || b["acknowledged_by"] != "bob" {
		t.Errorf("in time: %v", b)
	}
	w.at("2026-02-05")
	w.must(t, dan, "acknowledgement", acks["dan"].Key, "acknowledge")
	if b := w.body(t, "acknowledgement", acks["dan"].Key); b["overdue_since"] != "2026-02-05" {
		t.Errorf("late: %v", b["overdue_since"])
	}
	w.publish(t, "v2", "2.0", "major")
	err = w.move(cleo, "acknowledgement", acks["cleo"].Key, "acknowledge")
	refused(t, "a version no longer in force", err, fault.Conflict)
}

func TestAReviewWithoutChangeRenewsTheApprovalByAnotherPerson(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.publish(t, "v1", "1.0", "major")
	w.at("2026-06-01")
	w.put(t, bob, "policy_review", "r", map[string]any{"policy": "access", "version": "v1", "note": "Compared with practice; nothing changed."})
	refused(t, "the reviewer", w.move(bob, "policy_review", "r", "approve"), fault.Denied)
	refused(t, "an author of the text", w.move(ada, "policy_review", "r", "approve"), fault.Denied)
	refused(t, "not the named approver", w.move(dan, "policy_review", "r", "approve"), fault.Denied)
	w.must(t, cleo, "policy_review", "r", "approve")
	doc, _ := w.Get(t.Context(), "policy", "access", 0)
	d, _ := policy.ReadDocument(doc)
	got, err := policy.LastApproval(w.LookAt(t.Context(), zero), d)
	if err != nil || got.At.Format("2006-01-02") != "2026-06-01" || got.Through.Format("2006-01-02") != "2027-06-01" {
		t.Errorf("%+v %v", got, err)
	}
	w.publish(t, "v2", "1.1", "minor")
	_, err = w.try(bob, "policy_review", "r2", map[string]any{"policy": "access", "version": "v1", "note": "x"})
	refused(t, "of a text no longer in force", err, fault.Conflict)
}

func TestLapsesAreEveryTimeWithoutAYoungApproval(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.publish(t, "v1", "1.0", "major") // 2026-01-05
	w.at("2027-02-01")
	w.put(t, bob, "policy_review", "r", map[string]any{"policy": "access", "version": "v1", "note": "Late."})
	w.must(t, cleo, "policy_review", "r", "approve")
	w.at("2027-03-01")
	got, err := policy.Lapses(w.LookAt(t.Context(), zero), "access", day("2025-12-01"), day("2027-03-01"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, l := range got {
		said = append(said, fmt.Sprintf("%s to %s of %q", l.From.Format("2006-01-02"), l.To.Format("2006-01-02"), l.Version))
	}
	want := []string{`2025-12-01 to 2026-01-05 of ""`, `2027-01-06 to 2027-02-01 of "1.0"`}
	if !slices.Equal(said, want) {
		t.Errorf("got  %q\nwant %q", said, want)
	}
	rec, _ := w.Get(t.Context(), "policy", "access", 0)
	d, _ := policy.ReadDocument(rec)
	if got, err := policy.Missed(w.LookAt(t.Context(), zero), d, day("2025-12-01"), day("2027-03-01")); err != nil || len(got) != 1 ||
		got[0] != "From 6 January 2027 to 1 February 2027 the approval of version 1.0 was more than 12 months old: its review was not held in time." {
		t.Errorf("missed %q %v", got, err)
	}
	w.must(t, cleo, "policy", "access", "retire")
	w.at("2027-06-01")
	if got, err := policy.Lapses(w.LookAt(t.Context(), zero), "access", day("2027-03-02"), day("2027-06-01")); err != nil || len(got) != 0 {
		t.Errorf("a retired policy lapses: %+v %v", got, err)
	}
}

func TestAnApprovalOfALeapDayIsTooOldAfterTheLastDayOfFebruary(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, nil)
	w.at("2028-02-29")
	w.publish(t, "v1", "1.0", "major")
	w.at("2029-03-05")
	got, err := policy.Lapses(w.LookAt(t.Context(), zero), "access", day("2028-03-01"), day("2029-03-05"))
	if err != nil || len(got) != 1 || got[0].From.Format("2006-01-02") != "2029-03-01" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWhereThereIsNobodyElseItsAuthorApprovesAndItSaysSo(t *testing.T) {
	w := onSQLite(t)
	w.policy(t, map[string]any{"approver": nil})
	w.put(t, ada, "policy_version", "v1", draft("1.0", "major", map[string]any{"text": "# Access\n\n{{company.name}} {{unknown}}"}))
	refused(t, "of an unfinished text", w.move(ada, "policy_version", "v1", "submit"), fault.Conflict)
	w.put(t, ada, "policy_version", "v1", draft("1.0", "major", nil))
	w.must(t, ada, "policy_version", "v1", "submit")
	refused(t, "without the organisation saying so", w.move(ada, "policy_version", "v1", "approve_own"), fault.Denied)
	w.put(t, ada, "organisation", "organisation", map[string]any{"name": "Example Ltd", "time_zone": "America/New_York", "small_team": true})
	refused(t, "the ordinary approval by its author", w.move(ada, "policy_version", "v1", "approve"), fault.Conflict)
	refused(t, "an account of nobody", w.move(guest, "policy_version", "v1", "approve_own"), fault.Denied)
	refused(t, "who wrote none of it", w.move(bob, "policy_version", "v1", "approve_own"), fault.Denied)
	w.must(t, ada, "policy_version", "v1", "approve_own", "publish")
	read := func(key string) policy.Version {
		rec, err := w.Get(t.Context(), "policy_version", key, 0)
		if err != nil {
			t.Fatal(err)
		}
		v, err := policy.ReadVersion(rec)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := read("v1")
	if v.SHA256 == "" || v.Approval() != approval.ByAuthor || v.Approval().Said(v.ReviewDue, "") != "by its author, and by no second person; a later review is due 2026-02-05" {
		t.Errorf("it is approved as %q: %+v", v.Approval(), v)
	}
	for name, by := range map[string]somebody{"its author": ada, "another account of its author": adaAdmin, "an account of nobody": guest} {
		refused(t, "the later review by "+name, w.move(by, "policy_version", "v1", "late_review"), fault.Denied)
	}
	w.at("2026-01-20")
	w.put(t, ada, "policy_review", "r", map[string]any{"policy": "access", "version": "v1", "note": "Nothing changes."})
	refused(t, "the ordinary approval of the review by its reviewer", w.move(ada, "policy_review", "r", "approve"), fault.Denied)
	w.must(t, ada, "policy_review", "r", "approve_own")
	refused(t, "the later review of a review by an author of the text", w.move(ada, "policy_review", "r", "late_review"), fault.Denied)
	w.put(t, bob, "policy_review", "r2", map[string]any{"policy": "access", "version": "v1", "note": "Nothing changes."})
	w.must(t, bob, "policy_review", "r2", "approve_own")
	refused(t, "the later review of another's review by an author of the text", w.move(ada, "policy_review", "r2", "late_review"), fault.Denied)
	w.put(t, ada, "policy_version", "v2", draft("2.0", "major", nil)) // a text above it is under way
	w.must(t, bob, "policy_version", "v1", "late_review")
	w.must(t, bob, "policy_review", "r", "late_review")
	if v := read("v1"); v.Approval() != approval.LaterReview || v.ApprovedBy != "ada" || v.LateBy != "bob" {
		t.Errorf("reviewed later it is approved as %q by %s", v.Approval(), v.ApprovedBy)
	}
	refused(t, "a second later review", w.move(cleo, "policy_version", "v1", "late_review"), fault.Conflict)
}

func TestOnlyTheNamedApproverApprovesAlone(t *testing.T) {
	w := onSQLite(t)
	w.put(t, ada, "organisation", "organisation", map[string]any{"name": "Example Ltd", "small_team": true})
	w.policy(t, nil) // cleo approves it
	w.put(t, ada, "policy_version", "v1", draft("1.0", "major", nil))
	w.must(t, ada, "policy_version", "v1", "submit")
	refused(t, "an author who is not the approver", w.move(ada, "policy_version", "v1", "approve_own"), fault.Denied)
}

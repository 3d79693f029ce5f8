package occurrence

import (
	"maps"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

var (
	ada      = record.Actor{User: "ada", Person: "p1"}
	adaAdmin = record.Actor{User: "ada-admin", Person: "p1"}
	bob      = record.Actor{User: "bob", Person: "p2"}
	clock    = record.Actor{Name: "job:occurrence"}
	march    = map[string]any{"title": "AC-01, March 2026", "control": "AC-01", "from": "2026-03-01", "to": "2026-03-31", "due": "2026-04-05", "zone": "America/New_York"}
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func scheduled(t *testing.T) map[string]any {
	t.Helper()
	k := Kind()
	body, err := k.Written(nil, march, clock, at("2026-01-01T00:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func done(when string) map[string]any {
	return map[string]any{"occurred_at": when, "evidence": []any{"e1"}}
}

func try(body map[string]any, move string, said map[string]any, by record.Actor, when string) (map[string]any, error) {
	k := Kind()
	return k.Moved(body, move, said, by, at(when))
}

func must(t *testing.T, body map[string]any, move string, said map[string]any, by record.Actor, when string) map[string]any {
	t.Helper()
	after, err := try(body, move, said, by, when)
	if err != nil {
		t.Fatalf("%s: %v", move, err)
	}
	return after
}

func TestItIsInTimeThroughItsDueDateInItsOwnZone(t *testing.T) {
	// 03:59 UTC on 6 April is still 5 April in New York.
	body := must(t, scheduled(t), "perform", done("2026-04-05T23:00:00-04:00"), ada, "2026-04-06T03:59:00Z")
	if body["state"] != "performed" || body["performed_by"] != "p1" {
		t.Errorf("it is %v by %v", body["state"], body["performed_by"])
	}
	if _, err := try(scheduled(t), "perform", done("2026-04-05T23:00:00-04:00"), ada, "2026-04-06T04:00:00Z"); !fault.Is(err, fault.Conflict) {
		t.Errorf("recorded a minute after the due date: %v", err)
	}
	if _, err := try(scheduled(t), "miss", nil, clock, "2026-04-06T03:59:00Z"); !fault.Is(err, fault.Conflict) {
		t.Errorf("missed before its due date was over: %v", err)
	}
}

func TestWhatWasMissedStaysMissed(t *testing.T) {
	missed := must(t, scheduled(t), "miss", nil, clock, "2026-04-06T04:00:00Z")
	for _, move := range []string{"perform", "exclude", "withdraw", "miss"} {
		if _, err := try(missed, move, nil, ada, "2026-04-07T00:00:00Z"); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s after it was missed: %v", move, err)
		}
	}
	late := must(t, missed, "perform_late", done("2026-04-07T09:00:00Z"), ada, "2026-04-07T10:00:00Z")
	if late["state"] != "performed_late" || late["missed_at"] != missed["missed_at"] {
		t.Errorf("performed late it is %v, missed at %v", late["state"], late["missed_at"])
	}
	reviewed := must(t, late, "review", map[string]any{"review": "The list is whole."}, bob, "2026-04-08T10:00:00Z")
	if reviewed["state"] != "performed_late" {
		t.Errorf("a review made it %v", reviewed["state"])
	}
	if _, err := try(scheduled(t), "exclude", map[string]any{"excluded_reason": "none", "excluded_source": "list"}, ada, "2026-04-06T05:00:00Z"); !fault.Is(err, fault.Conflict) {
		t.Errorf("excluded after its due date: %v", err)
	}
}

func TestDoneIsRefusedWhenItCannotHaveBeen(t *testing.T) {
	for name, when := range map[string]string{"before its span": "2026-02-28T23:59:00-05:00", "in the future": "2026-03-20T12:00:01Z"} {
		if _, err := try(scheduled(t), "perform", done(when), ada, "2026-03-20T12:00:00Z"); !fault.Is(err, fault.Invalid) {
			t.Errorf("done %s: %v", name, err)
		}
	}
	for name, said := range map[string]map[string]any{"without evidence": {"occurred_at": "2026-03-20T11:00:00Z", "evidence": []any{}}, "without a time": {"evidence": []any{"e1"}}} {
		if _, err := try(scheduled(t), "perform", said, ada, "2026-03-20T12:00:00Z"); !fault.Is(err, fault.Invalid) {
			t.Errorf("done %s: %v", name, err)
		}
	}
	if _, err := try(scheduled(t), "perform", done("2026-03-20T11:00:00Z"), clock, "2026-03-20T12:00:00Z"); !fault.Is(err, fault.Denied) {
		t.Errorf("done by a job: %v", err)
	}
}

func TestNobodyReviewsWhatTheyDidThemselves(t *testing.T) {
	body := must(t, scheduled(t), "perform", done("2026-03-20T11:00:00Z"), ada, "2026-03-20T12:00:00Z")
	for name, by := range map[string]record.Actor{"the performer": ada, "the performer's other account": adaAdmin} {
		if _, err := try(body, "review", map[string]any{"review": "fine"}, by, "2026-03-21T12:00:00Z"); !fault.Is(err, fault.Denied) {
			t.Errorf("%s reviewed it: %v", name, err)
		}
	}
	body = must(t, body, "review", map[string]any{"review": "fine"}, bob, "2026-03-21T12:00:00Z")
	if _, err := try(body, "review", map[string]any{"review": "again"}, bob, "2026-03-22T12:00:00Z"); !fault.Is(err, fault.Conflict) {
		t.Errorf("reviewed twice: %v", err)
	}
}

func TestOnlyTheCalendarSaysWhenItIsDue(t *testing.T) {
	k := Kind()
	for field, value := range map[string]any{"due": "2026-12-31", "to": "2026-04-01", "from": "2026-03-02", "control": "AC-02", "zone": "Asia/Tokyo"} {
		after := maps.Clone(scheduled(t))
		after[field] = value
		if _, err := k.Written(scheduled(t), after, ada, at("2026-03-02T00:00:00Z")); !fault.Is(err, fault.Denied) {
			t.Errorf("a person changed %s: %v", field, err)
		}
		if _, err := k.Written(scheduled(t), after, clock, at("2026-03-02T00:00:00Z")); err != nil {
			t.Errorf("the calendar may not change %s: %v", field, err)
		}
	}
	for _, move := range []string{"withdraw"} {
		if _, err := try(scheduled(t), move, nil, ada, "2026-03-02T00:00:00Z"); !fault.Is(err, fault.Denied) {
			t.Errorf("a person may %s: %v", move, err)
		}
	}
	gone := must(t, scheduled(t), "withdraw", nil, clock, "2026-03-02T00:00:00Z")
	if _, err := try(gone, "restore", nil, ada, "2026-03-02T00:00:00Z"); !fault.Is(err, fault.Denied) {
		t.Errorf("a person brought it back: %v", err)
	}
	if back := must(t, gone, "restore", nil, clock, "2026-03-03T00:00:00Z"); back["state"] != "scheduled" {
		t.Errorf("restored it is %v", back["state"])
	}
}

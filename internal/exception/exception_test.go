package exception

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
	eve      = record.Actor{User: "eve", Person: "p3"}
	stranger = record.Actor{User: "guest"}
	job      = record.Actor{Name: "job:exception"}
	decided  = map[string]any{"decision": "Bearable for a quarter."}
)

func on(day string) time.Time {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t.Add(10 * time.Hour)
}

// asked is a request by ada for something of eve's, from March to May.
func asked(t *testing.T, change map[string]any) map[string]any {
	t.Helper()
	body := map[string]any{"title": "Old server", "resources": []any{"db1"}, "start": "2026-03-01", "expiry": "2026-05-31", "beneficiary": "p3"}
	maps.Copy(body, change)
	k := Kind()
	body, err := k.Written(nil, body, ada, on("2026-02-20"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func act(t *testing.T, body map[string]any, move string, said map[string]any, by record.Actor, day string) map[string]any {
	t.Helper()
	k := Kind()
	after, err := k.Moved(body, move, said, by, on(day))
	if err != nil {
		t.Fatalf("%s on %s: %v", move, day, err)
	}
	return after
}

func TestSpanIsAtMostTwelveMonths(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		start, expiry string
		refused       bool
	}{
		"twelve months":   {"2026-03-01", "2027-03-01", false},
		"a day more":      {"2026-03-01", "2027-03-02", true},
		"a day":           {"2026-03-01", "2026-03-01", false},
		"reversed":        {"2026-03-02", "2026-03-01", true},
		"for ever":        {"2026-03-01", "", true},
		"no beginning":    {"", "2026-03-01", true},
		"from a leap day": {"2028-02-29", "2029-03-01", false},
		"no such day":     {"2026-02-30", "2026-03-01", true},
	} {
		_, err := k.Written(nil, map[string]any{"start": c.start, "expiry": c.expiry}, ada, on("2026-02-20"))
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestApproverNeitherAsksNorGains(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		by      record.Actor
		allowed bool
	}{
		"another person":                {bob, true},
		"the requester":                 {ada, false},
		"the requester's other account": {adaAdmin, false},
		"the beneficiary":               {eve, false},
		"an account without a person":   {stranger, false},
		"a job":                         {job, false},
	} {
		_, err := k.Moved(asked(t, nil), "approve", decided, c.by, on("2026-02-25"))
		if c.allowed != (err == nil) || err != nil && !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	edited, err := k.Written(asked(t, nil), asked(t, map[string]any{"resources": []any{"db1", "db2"}}), bob, on("2026-02-21"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Moved(edited, "approve", decided, bob, on("2026-02-25")); !fault.Is(err, fault.Denied) {
		t.Errorf("who widened the request approved it: %v", err)
	}
	unknown := asked(t, nil)
	delete(unknown, "beneficiary")
	if _, err := k.Moved(unknown, "approve", decided, bob, on("2026-02-25")); !fault.Is(err, fault.Invalid) {
		t.Errorf("approved without knowing who gains: %v", err)
	}
}

func TestExceptionIsNeverRetroactive(t *testing.T) {
	k := Kind()
	if _, err := k.Moved(asked(t, nil), "approve", decided, bob, on("2026-03-01")); err != nil {
		t.Errorf("approved on the first day: %v", err)
	}
	if _, err := k.Moved(asked(t, nil), "approve", decided, bob, on("2026-03-02")); !fault.Is(err, fault.Invalid) {
		t.Errorf("approved a day late: %v", err)
	}
}

func TestApprovedStandsStill(t *testing.T) {
	k := Kind()
	body := act(t, asked(t, nil), "approve", decided, bob, "2026-02-25")
	for _, state := range []string{"approved", "active"} {
		body["state"] = state
		longer := maps.Clone(body)
		longer["expiry"] = "2026-12-31"
		if _, err := k.Written(body, longer, bob, on("2026-02-26")); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: extended without a new request: %v", state, err)
		}
	}
}

func TestExceptionRunsFromFirstToLastDay(t *testing.T) {
	k := Kind()
	approved := act(t, asked(t, nil), "approve", decided, bob, "2026-02-25")
	for day, allowed := range map[string]bool{"2026-02-28": false, "2026-03-01": true, "2026-05-31": true, "2026-06-01": false} {
		if _, err := k.Moved(approved, "activate", nil, job, on(day)); allowed != (err == nil) {
			t.Errorf("activated on %s: %v", day, err)
		}
	}
	active := act(t, approved, "activate", nil, job, "2026-03-01")
	if _, err := k.Moved(active, "expire", nil, job, on("2026-05-31")); !fault.Is(err, fault.Conflict) {
		t.Errorf("expired on its last day: %v", err)
	}
	if body := act(t, active, "expire", nil, job, "2026-06-01"); body["state"] != "expired" {
		t.Error(body)
	}
	act(t, approved, "expire", nil, job, "2026-06-01")
}

func TestClosingNeedsProofAndAnotherPerson(t *testing.T) {
	k := Kind()
	active := act(t, act(t, asked(t, nil), "approve", decided, bob, "2026-02-25"), "activate", nil, job, "2026-03-01")
	proof := map[string]any{"proof": "db1 was replaced."}
	for name, by := range map[string]record.Actor{"the requester": ada, "the requester's other account": adaAdmin, "a job": job} {
		if _, err := k.Moved(active, "close", proof, by, on("2026-04-01")); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Moved(active, "close", nil, eve, on("2026-04-01")); !fault.Is(err, fault.Invalid) {
		t.Errorf("closed without proof: %v", err)
	}
	act(t, active, "close", proof, eve, "2026-04-01")
	for _, move := range []string{"revoke", "refuse", "withdraw"} {
		body := active
		if move != "revoke" {
			body = asked(t, nil)
		}
		if _, err := k.Moved(body, move, nil, bob, on("2026-04-01")); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s without a reason: %v", move, err)
		}
	}
}

func TestTimeAloneMovesAnException(t *testing.T) {
	k := Kind()
	for _, c := range []struct{ state, day, want string }{
		{"requested", "2026-04-01", ""}, {"approved", "2026-02-28", ""}, {"approved", "2026-03-01", "activate"}, {"approved", "2026-06-01", "expire"},
		{"active", "2026-05-31", ""}, {"active", "2026-06-01", "expire"}, {"closed", "2026-06-01", ""},
	} {
		body := asked(t, nil)
		body["state"] = c.state
		move := Next(body, on(c.day))
		if move != c.want {
			t.Errorf("%s on %s: %q, want %q", c.state, c.day, move, c.want)
		}
		if move == "" {
			continue
		}
		if _, err := k.Moved(body, move, nil, job, on(c.day)); err != nil {
			t.Errorf("%s on %s: %v", move, c.day, err)
		}
	}
}

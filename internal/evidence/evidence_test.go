package evidence

import (
	"maps"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

var (
	ada      = record.Actor{User: "ada", Person: "p1"}
	adaAdmin = record.Actor{User: "ada-admin", Person: "p1"}
	bob      = record.Actor{User: "bob", Person: "p2"}
	stranger = record.Actor{User: "guest"}
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sum      = strings.Repeat("0123456789abcdef", 4)
)

func received(t *testing.T, by record.Actor) map[string]any {
	t.Helper()
	k := Kind()
	body, err := k.Written(nil, map[string]any{"title": "Minutes", "sort": "document", "sha256": sum, "file_name": "minutes.pdf",
		"covers_from": "2026-01-01", "covers_to": "2026-03-31"}, by, noon)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestEvidenceHasOneProof(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		body    map[string]any
		refused bool
	}{
		"a file":             {map[string]any{"sha256": sum}, false},
		"a link":             {map[string]any{"link": "https://example.com/minutes"}, false},
		"neither":            {map[string]any{}, true},
		"both":               {map[string]any{"sha256": sum, "link": "https://example.com/"}, true},
		"half a hash":        {map[string]any{"sha256": sum[:40]}, true},
		"a hash in capitals": {map[string]any{"sha256": strings.ToUpper(sum)}, true},
		"a script":           {map[string]any{"link": "javascript:alert(1)"}, true},
		"no host":            {map[string]any{"link": "https:///minutes"}, true},
		"a period reversed":  {map[string]any{"sha256": sum, "covers_from": "2026-02-01", "covers_to": "2026-01-01"}, true},
	} {
		_, err := k.Written(nil, c.body, ada, noon)
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEvidenceIsNeverOverwritten(t *testing.T) {
	k, before := Kind(), received(t, ada)
	for field, value := range map[string]any{"sha256": strings.Repeat("a", 64), "file_name": "other.pdf", "sort": "population", "row_count": 3, "replaces": "e1"} {
		after := maps.Clone(before)
		after[field] = value
		if _, err := k.Written(before, after, ada, noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s was overwritten: %v", field, err)
		}
	}
	after := maps.Clone(before)
	after["controls"], after["received_at"] = []any{"GOV-01"}, "2020-01-01T00:00:00Z"
	if _, err := k.Written(before, after, bob, noon.Add(time.Hour)); !fault.Is(err, fault.Invalid) {
		t.Errorf("content said when it was received: %v", err)
	}
	delete(after, "received_at")
	got, err := k.Written(before, after, bob, noon.Add(time.Hour))
	if err != nil || got["received_at"] != "2026-03-01T12:00:00Z" || got["received_by"] != "p1" {
		t.Errorf("received by %v at %v: %v", got["received_by"], got["received_at"], err)
	}
}

func TestReviewIsByAnotherPerson(t *testing.T) {
	k, said := Kind(), map[string]any{"review": "Compared with the calendar."}
	for name, c := range map[string]struct {
		giver, by record.Actor
		allowed   bool
	}{
		"another person":            {ada, bob, true},
		"the giver":                 {ada, ada, false},
		"the giver's other account": {ada, adaAdmin, false},
		"nobody known":              {ada, stranger, false},
		"giver not known":           {stranger, bob, false},
	} {
		if _, err := k.Moved(received(t, c.giver), "review", said, c.by, noon); c.allowed != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	body, err := k.Moved(received(t, ada), "review", said, bob, noon)
	if err != nil {
		t.Fatal(err)
	}
	after := maps.Clone(body)
	after["covers_to"] = "2026-12-31"
	if _, err := k.Written(body, after, ada, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("the period grew after the review: %v", err)
	}
	if _, err := k.Moved(body, "withdraw", nil, ada, noon); !fault.Is(err, fault.Invalid) {
		t.Errorf("withdrawn without a reason: %v", err)
	}
}

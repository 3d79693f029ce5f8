package record

import (
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
)

var (
	ada  = Actor{User: "ada", Person: "p1", Name: "person:p1"}
	ada2 = Actor{User: "ada-admin", Person: "p1", Name: "person:p1"}
	bob  = Actor{User: "bob", Person: "p2", Name: "person:p2"}
	odd  = Actor{User: "odd", Name: "user:odd"}
	job  = Actor{Name: "job:check"}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func note() *Kind {
	return &Kind{Name: "note", Title: "Note", Fields: []Field{
		{Name: "text", Type: Text}, {Name: "tag", Type: Text}, {Name: "seen", Type: Time, Fixed: true},
		{Name: "approved_by", Type: Text, Fixed: true},
	}, States: &Machine{
		Initial: "draft", By: "made_by", At: "made_at", Authors: "authors", Revises: []string{"text"}, Frozen: []string{"locked"},
		Independent: func(before map[string]any) bool { return before["state"] == "approved" },
		Moves: []Move{
			{Name: "approve", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at",
				Fields: []Field{{Name: "why", Type: Text, Required: true, Help: "Say why."}},
				Guard: func(before, after map[string]any, a Actor) error {
					for _, s := range before["authors"].([]any) {
						if err := Apart(a, "approve", Party{"the author", s.(string)}); err != nil {
							return err
						}
					}
					return nil
				}},
			{Name: "show", From: []string{"draft"}, To: "shown"},
			{Name: "lock", From: []string{"approved"}, To: "locked", Job: true},
			{Name: "unlock", From: []string{"locked"}, To: "approved", Job: true},
			{Name: "hide", From: []string{"shown"}, To: "draft"},
			{Name: "end", From: []string{"approved"}, To: "ended", Job: true},
		},
	}}
}

func must(t *testing.T, body map[string]any, err error) map[string]any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func write(t *testing.T, k *Kind, before, after map[string]any, a Actor) map[string]any {
	t.Helper()
	body, err := k.Written(before, after, a, noon)
	return must(t, body, err)
}

func move(t *testing.T, k *Kind, before map[string]any, name string, said map[string]any, a Actor) map[string]any {
	t.Helper()
	body, err := k.Moved(before, name, said, a, noon)
	return must(t, body, err)
}

func TestContentThatSetsWhatOnlyActsSetIsRefusedByName(t *testing.T) {
	k := note()
	body := write(t, k, nil, map[string]any{"text": "x", "state": "draft"}, ada)
	want := map[string]any{"text": "x", "state": "draft", "made_by": "p1", "made_at": "2026-03-01T12:00:00Z", "authors": []any{"p1"}}
	if !reflect.DeepEqual(body, want) {
		t.Fatalf("got %v", body)
	}
	body = write(t, k, body, map[string]any{"text": "x", "seen": "t", "state": "ended", "approved_by": "p9"}, job)
	if body["seen"] != "t" || body["state"] != "draft" || body["approved_by"] != nil {
		t.Errorf("a job may set a fixed field, but no state and no stamp: %v", body)
	}
	for field, forged := range map[string]any{"state": "approved", "approved_by": "p9", "approved_at": "2026-01-01T00:00:00Z", "made_by": "p9", "seen": "u", "authors": []any{}} {
		for _, before := range []map[string]any{nil, body} {
			for _, by := range []Actor{ada, odd, {Name: "connection:file"}, {Name: "person:p1"}} {
				if before == nil && field == "authors" {
					continue // an empty list says nothing
				}
				got, err := k.Written(before, map[string]any{"text": "y", field: forged}, by, noon)
				if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), field+" of this note ") {
					t.Errorf("%s set %s: %v, %v", by.Name, field, got, err)
				}
			}
		}
	}
	_, err := k.Written(body, map[string]any{"text": "y", "approved_by": "p9"}, ada, noon)
	if f := (*fault.Fault)(nil); !errors.As(err, &f) || !strings.Contains(f.Next, "approve") || strings.Contains(f.Next, "lock") {
		t.Errorf("what sets it is not named: %v", err)
	}
}

func TestARecordGivenBackAsItWasReadIsAccepted(t *testing.T) {
	k := note()
	body := write(t, k, nil, map[string]any{"text": "x"}, ada)
	body = move(t, k, body, "approve", map[string]any{"why": "good"}, bob)
	back := maps.Clone(body)
	back["tag"], back["seen"] = "t", nil
	got := write(t, k, body, back, ada)
	want := maps.Clone(body)
	want["tag"] = "t"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got = write(t, k, body, map[string]any{"text": "x", "tag": "t"}, ada); !reflect.DeepEqual(got["approved_by"], "p2") {
		t.Errorf("what was left out was lost: %v", got)
	}
}

func TestApartComparesPeopleNotAccounts(t *testing.T) {
	why := map[string]any{"why": "good"}
	for name, c := range map[string]struct {
		author, by Actor
		refused    bool
	}{
		"another person":                {ada, bob, false},
		"the author":                    {ada, ada, true},
		"another account of the author": {ada, ada2, true},
		"an account without a person":   {ada, odd, true},
		"author without a person":       {odd, bob, true},
		"a job":                         {ada, job, true},
		"author is a job":               {job, bob, false},
	} {
		k := note()
		_, err := k.Moved(write(t, k, nil, map[string]any{"text": "x"}, c.author), "approve", why, c.by, noon)
		if c.refused != fault.Is(err, fault.Denied) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryEditorIsAnAuthorUntilApproval(t *testing.T) {
	k, why := note(), map[string]any{"why": "good"}
	body := write(t, k, nil, map[string]any{"text": "x"}, ada)
	body = write(t, k, body, map[string]any{"text": "y"}, bob)
	if _, err := k.Moved(body, "approve", why, ada, noon); !fault.Is(err, fault.Denied) {
		t.Errorf("the first author approved what the second touched last: %v", err)
	}
	body = write(t, k, nil, map[string]any{"text": "x"}, ada)
	body = move(t, k, body, "approve", why, bob)
	if tagged := write(t, k, body, map[string]any{"text": "x", "tag": "t"}, bob); tagged["state"] != "approved" || tagged["approved_by"] != "p2" {
		t.Errorf("a field outside Revises needs no new approval: %v", tagged)
	}
	body = write(t, k, body, map[string]any{"text": "z"}, bob)
	if body["state"] != "draft" || !reflect.DeepEqual(body["authors"], []any{"p2"}) {
		t.Fatalf("changed text needs approval by someone other than who changed it: %v", body)
	}
	if _, err := k.Moved(body, "approve", why, bob, noon); err == nil {
		t.Error("bob approved his own change")
	}
	move(t, k, body, "approve", why, ada)

	shown := move(t, k, write(t, k, nil, map[string]any{"text": "x"}, ada), "show", nil, bob)
	if body = write(t, k, shown, map[string]any{"text": "z"}, bob); !reflect.DeepEqual(body["authors"], []any{"p1", "p2"}) {
		t.Errorf("nobody else approved the text, and its author is forgotten: %v", body["authors"])
	}
}

func TestFrozenAndFinalStatesKeepTheirContent(t *testing.T) {
	k := note()
	for _, state := range []string{"locked", "ended"} {
		before := map[string]any{"text": "x", "state": state, "authors": []any{"p1"}}
		if _, err := k.Written(before, map[string]any{"text": "y"}, job, noon); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func TestMovedRefuses(t *testing.T) {
	draft := map[string]any{"text": "x", "state": "draft", "authors": []any{"p1"}}
	for name, c := range map[string]struct {
		move string
		said map[string]any
		by   Actor
		kind fault.Kind
	}{
		"an unknown move":      {"publish", nil, bob, fault.Invalid},
		"the wrong state":      {"lock", nil, bob, fault.Conflict},
		"a missing statement":  {"approve", nil, bob, fault.Invalid},
		"a blank statement":    {"approve", map[string]any{"why": "  "}, bob, fault.Invalid},
		"a field not its own":  {"approve", map[string]any{"why": "w", "text": "z"}, bob, fault.Invalid},
		"a connection":         {"approve", map[string]any{"why": "w"}, Actor{Name: "connection:file"}, fault.Denied},
		"a stamp in the guise": {"approve", map[string]any{"why": "w", "approved_by": "p3"}, bob, fault.Invalid},
	} {
		if _, err := note().Moved(draft, c.move, c.said, c.by, noon); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if draft["state"] != "draft" || len(draft) != 3 {
		t.Errorf("a refused move changed the body it was given: %v", draft)
	}
}

func TestARecordWithStatesIsNeverDeleted(t *testing.T) {
	if err := note().Ended(); !fault.Is(err, fault.Conflict) {
		t.Errorf("deleted: %v", err)
	}
	if err := (&Kind{Name: "plain"}).Ended(); err != nil {
		t.Errorf("a kind without states: %v", err)
	}
}

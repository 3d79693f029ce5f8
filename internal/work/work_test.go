package work_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"tickmark/internal/job"
	"tickmark/internal/record"
	"tickmark/internal/work"
	"tickmark/internal/workspace"
)

type person string

func (p person) Actor() record.Actor {
	return record.Actor{User: string(p), Person: string(p), Name: "person:" + string(p)}
}

type world struct {
	*workspace.Workspace
	t   *testing.T
	now time.Time
}

func (w *world) put(by person, kind, key string, body map[string]any) {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Book.Put(w.t.Context(), by, record.Change{Kind: kind, Key: key, Body: b}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) act(by person, kind, key, move string, said map[string]any) {
	w.t.Helper()
	if _, err := w.Book.Put(w.t.Context(), by, record.Change{Kind: kind, Key: key, Move: move, Said: said}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) waits(who string, at record.Moment) []string {
	w.t.Helper()
	list, err := work.List(w.t.Context(), w.Book, who, at)
	if err != nil {
		w.t.Fatal(err)
	}
	out := []string{}
	for _, i := range list {
		late := ""
		if i.Overdue {
			late = " overdue"
		}
		out = append(out, fmt.Sprintf("%s %s %s%s", i.Act, i.Kind, i.Key, late))
	}
	return out
}

func TestWhatWaitsFollowsFromTheRecords(t *testing.T) {
	ws, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	w := &world{Workspace: ws, t: t, now: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)}
	w.Log.Clock = func() time.Time { w.now = w.now.Add(time.Microsecond); return w.now }
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	same := func(who string, want ...string) {
		t.Helper()
		if got := w.waits(who, 0); !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("for %q waits\n %q\nwant\n %q", who, got, want)
		}
	}
	for _, p := range []string{"ada", "bob"} {
		w.put("ada", "person", p, map[string]any{"id": p, "name": p, "email": p + "@example.org"})
	}
	same("") // starter controls that nobody owns wait for nobody
	w.put("ada", "control", "X-01", map[string]any{"id": "X-01", "title": "T", "statement": "S", "criteria": []any{"CC6.1"}, "type": "manual", "owner": "ada", "frequency": "monthly", "evidence": []any{"List"}, "review_each": true})
	same("ada") // not what she wrote herself
	same("bob", "Approve control X-01")
	w.act("bob", "control", "X-01", "approve", nil)
	same("ada", "Put into operation control X-01")
	same("bob")
	w.act("ada", "control", "X-01", "activate", nil)
	w.put("ada", "requirement", "r1", map[string]any{"control": "X-01", "title": "List", "frequency": "monthly", "from": "2026-01-05"})
	before := record.Moment(w.now.UnixMicro())
	if _, err := job.Due(t.Context(), w.Workspace); err != nil {
		t.Fatal(err)
	}
	same("ada", "Do occurrence X-01.2026-01-05")
	w.now = w.now.AddDate(0, 1, 0)
	if _, err := job.Due(t.Context(), w.Workspace); err != nil {
		t.Fatal(err)
	}
	same("ada", "Do late occurrence X-01.2026-01-05 overdue", "Hand in requirement r1 overdue", "Do occurrence X-01.2026-02-01")
	if got := w.waits("ada", before); len(got) != 0 {
		t.Errorf("as of before anything was scheduled waits %q", got)
	}
	w.put("ada", "evidence", "e1", map[string]any{"title": "List", "sort": "document", "link": "https://example.org/1", "controls": []any{"X-01"}, "requirement": "r1", "covers_from": "2026-01-05", "covers_to": "2026-01-31"})
	w.act("ada", "occurrence", "X-01.2026-01-05", "perform_late", map[string]any{"occurred_at": "2026-02-01T10:00:00Z", "evidence": []any{"e1"}})
	same("ada", "Do occurrence X-01.2026-02-01")
	same("bob", "Review evidence e1", "Review occurrence X-01.2026-01-05")
	w.act("bob", "evidence", "e1", "review", map[string]any{"review": "Whole."})
	w.act("bob", "occurrence", "X-01.2026-01-05", "review", map[string]any{"review": "Whole."})
	same("bob")
	w.put("bob", "finding", "f1", map[string]any{"title": "Door", "origin": "report", "severity": "low", "owner": "ada", "due": "2026-02-04"})
	same("ada", "Fix finding f1 overdue", "Do occurrence X-01.2026-02-01")
	w.act("ada", "finding", "f1", "fix", map[string]any{"cause": "c", "change": "c"})
	same("ada", "Do occurrence X-01.2026-02-01")
	same("bob", "Verify finding f1 overdue")
}

func (p person) May(context.Context, string, *record.Kind) error { return nil }

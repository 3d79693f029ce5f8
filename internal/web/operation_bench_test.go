package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/control"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	stands "tickmark/internal/standing"
	"tickmark/internal/work"
)

// BenchmarkOperation measures the pages of a company of 2,000 people and 10,000 assets in its twelfth month: every starter
// control in operation, with all its performances and its evidence.
func BenchmarkOperation(b *testing.B) {
	w := newWorld(b)
	ctx := b.Context()
	by := record.Job("job:bench")
	var changes []record.Change
	flush := func() {
		if len(changes) == 0 {
			return
		}
		if err := w.Log.Write(ctx, func(tx *ledger.Tx) error {
			_, err := w.Book.PutIn(ctx, tx, by, changes...)
			return err
		}); err != nil {
			b.Fatal(err)
		}
		changes = nil
	}
	put := func(kind, key string, body map[string]any) {
		raw, err := json.Marshal(body)
		if err != nil {
			b.Fatal(err)
		}
		if changes = append(changes, record.Change{Kind: kind, Key: key, Body: raw}); len(changes) == 500 {
			flush()
		}
	}
	for i := range 2000 {
		put("person", fmt.Sprintf("p%d", i), map[string]any{"id": fmt.Sprintf("p%d", i), "name": fmt.Sprintf("Person %d", i), "email": fmt.Sprintf("p%d@example.org", i), "start": "2024-01-01", "employment": "employee", "accounts": []any{fmt.Sprintf("u%d", i), fmt.Sprintf("u%d", i+2000)}})
	}
	flush()
	c := record.Collection{Run: 1, Source: "bulk", Origin: record.Collected, Actor: "connection:bulk"}
	var list []*record.Observed
	for i := range 10_000 {
		o, err := w.Book.Observe(c, record.Observation{Kind: "host_account", Key: fmt.Sprintf("pkg%d", i), Raw: []byte(fmt.Sprintf(`{"name":"u%d","uid":%d,"full_name":"User %d","shell":"/bin/bash","login_shell":true,"system":false,"home":"/home/u%d","groups":["users"],"password":{"set":true,"locked":false,"changed":"2026-01-01","account_expired":false}}`, i, 1000+i, i, i))}, nil)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, o)
	}
	if err := w.Log.Write(ctx, func(tx *ledger.Tx) error { return w.Book.Keep(ctx, tx, list) }); err != nil {
		b.Fatal(err)
	}
	today := calendar.Of(w.Log.Clock(), time.UTC)
	put("period", "p", map[string]any{"id": "p", "name": "FY", "report": "soc_2", "type": "type_2", "categories": []any{"security"}, "from": calendar.Text(today.AddDate(-1, 0, 2)), "to": calendar.Text(today.AddDate(0, 0, 1))})
	items, err := control.Catalogue()
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for _, i := range items {
		raw, err := control.Adopt(i)
		if err != nil {
			b.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(raw, &body); err != nil {
			b.Fatal(err)
		}
		body["owner"] = "p1"
		put("control", i.ID, body)
		put("requirement", "r-"+i.ID, map[string]any{"control": i.ID, "title": "Proof", "frequency": "quarterly", "from": calendar.Text(today.AddDate(-1, 0, 2))})
		spans := calendar.Within(i.Frequency, today.AddDate(-1, 0, 2), today)
		if i.Frequency == "per_event" {
			spans = calendar.Within("weekly", today.AddDate(-1, 0, 2), today)
		}
		for k, s := range spans {
			if k%13 == 0 {
				put("evidence", fmt.Sprintf("e-%s-%d", i.ID, k), map[string]any{"title": "Proof", "sort": "document", "link": "https://example.org/1", "controls": []any{i.ID}, "requirement": "r-" + i.ID, "covers_from": calendar.Text(s.From), "covers_to": calendar.Text(s.To)})
			}
			put("occurrence", i.ID+"."+calendar.Text(s.From), map[string]any{"title": i.Title, "control": i.ID, "from": calendar.Text(s.From), "to": calendar.Text(s.To), "due": calendar.Text(s.To), "zone": "UTC", "owner": "p1"})
			n++
		}
	}
	flush()
	b.Logf("%d occurrences", n)
	w.signIn(b)
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := stands.Load(ctx, w.Book, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stand", func(b *testing.B) {
		for b.Loop() {
			if _, err := stands.At(ctx, w.Book, w.Monitor, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	var keeper stands.Keeper
	b.Run("after a write", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			put("task", "t", map[string]any{"title": fmt.Sprint("Task ", i), "sort": "document"})
			flush()
			b.StartTimer()
			if _, err := keeper.Now(ctx, w.Book, w.Monitor); err != nil {
				b.Fatal(err)
			}
		}
	})
	o, err := stands.Load(ctx, w.Book, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("work", func(b *testing.B) {
		for b.Loop() {
			if _, err := work.Of(ctx, w.Book, o, "p1", 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("follow", func(b *testing.B) {
		for b.Loop() {
			if _, err := stands.Follow(ctx, w.Monitor, o, o.Window); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, p := range []string{"/", "/plan", "/criteria"} {
		b.Run("page "+strings.Trim(p, "/")+" after a write", func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				put("task", "t", map[string]any{"title": fmt.Sprint("Task again ", i), "sort": "document"})
				flush()
				b.StartTimer()
				if status, page := w.get(b, p); status != 200 {
					b.Fatalf("%d: %.100s", status, plainText(page))
				}
			}
		})
	}
	for _, p := range []string{"/", "/plan", "/plan/tasks", "/criteria", "/commitments", "/controls", "/controls/map", "/controls/AC-01", "/controls/AC-01/occurrences", "/controls/AC-01/evidence", "/evidence", "/work", "/work?whose=everyone", "/people", "/people/unresolved", "/records/host_account", "/records/host_account?q=99", "/records/occurrence?q=99", "/records/occurrence?q=review", "/records/person?q=99"} {
		b.Run(p, func(b *testing.B) {
			for b.Loop() {
				if status, page := w.get(b, p); status != 200 {
					b.Skipf("%d: %.100s", status, plainText(page))
				}
			}
		})
	}
}

package entitlement_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"tickmark/internal/entitlement"
	"tickmark/internal/record"
)

// large is a review of 20,000 lines whose extract is kept.
func large(b *testing.B) (*world, string) {
	b.Helper()
	w := newWorldFor(b)
	w.matrix()
	w.put("ada", "access_review", "big", body{"id": "big", "title": "All", "sort": "systems", "systems": []any{"okta"}, "from": "2025-10-01", "to": "2025-12-31", "due": "2026-01-15", "owner": "ada"})
	if _, err := w.desk.Extract(b.Context(), person("ada"), "big"); err != nil {
		b.Fatal(err)
	}
	var file bytes.Buffer
	enc := json.NewEncoder(&file)
	on := true
	for n := 1; n <= 20_000; n++ {
		l := entitlement.Line{N: n, System: "okta", Role: "reports", RoleName: "Reports", Sensitivity: "normal", Account: fmt.Sprintf("okta/00u%07d", n), Name: fmt.Sprintf("person.%d@example.org", n), Person: fmt.Sprintf("p%d", n), Position: "Engineer", Manager: "bob",
			Enabled: &on, MFA: &on, LastUsed: "2026-01-04", Source: "okta", Kind: "okta_user", Key: fmt.Sprintf("00u%07d", n), Where: `r.roles.exists(x, x.status == "ACTIVE" && x.type == "REPORT_ADMIN")`}
		if n%10 == 0 {
			l.Flags = []string{entitlement.NoRequest}
		}
		if err := enc.Encode(l); err != nil {
			b.Fatal(err)
		}
	}
	sum, _, err := w.Blobs.Put(b.Context(), &file, 1<<28)
	if err != nil {
		b.Fatal(err)
	}
	c := w.get("access_review", "big")
	c["file"], c["lines"], c["pending"] = sum.String(), 20_000, 20_000
	raw, err := json.Marshal(c)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Book.Put(b.Context(), record.Job("job:test"), record.Change{Kind: "access_review", Key: "big", Body: raw}); err != nil {
		b.Fatal(err)
	}
	return w, "big"
}

// A step of a review of 20,000 lines has 200 ms: the benchmarks say how much of it the review itself takes.
func BenchmarkReviewOf20000Lines(b *testing.B) {
	w, key := large(b)
	c := w.campaign(key)
	b.Run("open, never opened before", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.desk.Open(b.Context(), key, c); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open again", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.desk.Lines(b.Context(), key, c); err != nil {
				b.Fatal(err)
			}
		}
	})
	all := make([]int, 20_000)
	for i := range all {
		all[i] = i + 1
	}
	b.Run("keep all at once", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.desk.Decide(b.Context(), person("ada"), key, entitlement.Act{Lines: all, Decision: "keep", Confirmed: len(all)}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("keep one", func(b *testing.B) {
		for b.Loop() {
			if _, err := w.desk.Decide(b.Context(), person("ada"), key, entitlement.Act{Lines: []int{17}, Decision: "keep"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("for comparison, a record for each line", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n++
			changes := make([]record.Change, len(all))
			for i := range all {
				changes[i] = record.Change{Kind: "access_decision", Key: fmt.Sprintf("%d/%d", n, i), Body: []byte(fmt.Sprintf(`{"review":"big","lines":"%d","decision":"keep","by":"ada","at":"2026-01-05T12:00:00Z"}`, i+1))}
			}
			if _, err := w.Book.Put(b.Context(), record.Job("job:test"), changes...); err != nil {
				b.Fatal(err)
			}
		}
	})
}

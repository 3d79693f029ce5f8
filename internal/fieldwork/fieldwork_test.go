package fieldwork_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/ledger"
	"tickmark/internal/opinion"
	"tickmark/internal/person"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/sample/redraw"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workpaper"
)

type who record.Actor

func (w who) May(context.Context, string, *record.Kind) error { return nil }
func (w who) Actor() record.Actor                             { return record.Actor(w) }

var (
	paula = who{User: "paula", Person: "paula", Name: "person:paula"}
	pete  = who{User: "pete", Person: "pete", Name: "person:pete"}
)

// firm is a firm's workspace in which an engagement stands in the fieldwork.
func firm(t testing.TB, db *store.DB) (*fieldwork.Desk, string) {
	t.Helper()
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 7, 10, 9, 0, 0, 0, time.UTC)
	log.Clock = func() time.Time { now = now.Add(time.Second); return now }
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.OpenAt(filepath.Join(dir, "files"), "")
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...), record.Builtin()...), person.Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	d := &fieldwork.Desk{Book: book, Keys: keys, Blobs: blobs}
	for _, p := range []string{"paula", "pete"} {
		put(t, d, paula, "person", p, `{"id":"`+p+`","name":"`+p+`","email":"`+p+`@firm.example"}`)
	}
	put(t, d, paula, "engagement", "e", `{"id":"e","name":"E","company":"Acme","operator":"company","type":"type_2","categories":["security"],"system":"S","from":"2026-01-01","to":"2026-06-30","zone":"UTC",
		"team":[{"person":"paula","role":"partner","credential":"CPA"},{"person":"pete","role":"preparer","credential":"CPA"}],
		"firm":{"name":"F","licence":"1","jurisdiction":"NY","licensed_to":"2027-01-01","peer_reviewed":"2025-01-01","peer_review":"pass"}}`)
	for _, p := range []who{paula, pete} {
		put(t, d, p, "independence", p.Person, `{"engagement":"e","person":"`+p.Person+`","stage":"acceptance","interests":"None."}`)
		act(t, d, p, "independence", p.Person, "confirm", nil)
	}
	act(t, d, paula, "engagement", "e", "accept", map[string]any{"competence": "x", "integrity": "x", "letter": strings.Repeat("ab", 32), "sponsor": "x"})
	return d, dir
}

func put(t testing.TB, d *fieldwork.Desk, by who, kind, key, body string) {
	t.Helper()
	if _, err := d.Book.Put(t.Context(), by, record.Change{Kind: kind, Key: key, Body: json.RawMessage(body)}); err != nil {
		t.Fatal(err)
	}
}

func act(t testing.TB, d *fieldwork.Desk, by who, kind, key, move string, said map[string]any) {
	t.Helper()
	if _, err := d.Book.Put(t.Context(), by, record.Change{Kind: kind, Key: key, Move: move, Said: said}); err != nil {
		t.Fatal(err)
	}
}

func body(t testing.TB, d *fieldwork.Desk, kind, key string) map[string]any {
	t.Helper()
	v, err := d.Book.GetFrom(t.Context(), kind, key, record.Program, 0, record.Auditor)
	if err != nil {
		t.Fatal(err)
	}
	b, err := engagement.Body(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const requested = `{"engagement":"e","name":"Leavers","control":"AC-03","sort":"events","source":"people system","query":"end between","from":"2026-01-01","to":"2026-06-30"}`

// table is a list of n leavers as somebody exported it.
func table(n int) string {
	var b strings.Builder
	b.WriteString("\ufeffid,left,team\n")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, "L%04d,%s,\"team, %d\"\n", i, at.Add(time.Duration(i)*10*time.Hour).Format(time.RFC3339), i%3)
	}
	return b.String()
}

func how() fieldwork.Delivery {
	return fieldwork.Delivery{Key: "id", At: "left", Extractor: "Payroll", Extracted: time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC), Complete: true}
}

func frozen(t testing.TB, d *fieldwork.Desk) {
	t.Helper()
	act(t, d, pete, "population", "p", "evaluate", map[string]any{"completeness": "x", "accuracy": "x", "logic": "x", "reliable": "yes"})
	act(t, d, pete, "population", "p", "freeze", nil)
}

func TestAnybodyDrawsTheSampleAgainFromItsFile(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d, dir := firm(t, db)
		put(t, d, pete, "population", "p", requested)
		if _, err := d.Deliver(t.Context(), pete, "p", strings.NewReader(table(400)), how()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "committed to no nonce") {
			t.Fatalf("a list was taken before the commitment: %v", err)
		}
		if _, err := d.Commit(t.Context(), pete, "e", "AC-03", ""); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Deliver(t.Context(), pete, "p", strings.NewReader(table(400)), how()); err != nil {
			t.Fatal(err)
		}
		p := body(t, d, "population", "p")
		if p["row_count"] != 400.0 || p["origin"] != "uploaded" || fmt.Sprint(p["columns"]) != "[id left team]" || p["salts"] != "the commitment" {
			t.Errorf("delivered as %v rows, %v, %v, salts of %v", p["row_count"], p["origin"], p["columns"], p["salts"])
		}
		put(t, d, pete, "sample", "s", `{"engagement":"e","name":"S","control":"AC-03","population":"p","method":"stratified","size":40,"size_reason":"Table.","reserves":1}`)
		if _, err := d.Draw(t.Context(), pete, "s"); !fault.Is(err, fault.Conflict) {
			t.Errorf("drawn from a list that is not frozen: %v", err)
		}
		frozen(t, d)
		if _, err := d.Draw(t.Context(), pete, "s"); err != nil {
			t.Fatal(err)
		}
		f, err := d.File(t.Context(), pete, "s")
		if err != nil || f.Nonce != nil {
			t.Fatalf("before the release the file has the nonce %v, %v", f.Nonce, err)
		}
		if _, err := d.Release(t.Context(), pete, "s"); err != nil {
			t.Fatal(err)
		}
		items, err := d.Items(t.Context(), pete, "s")
		if err != nil || len(items) != 40 || !strings.Contains(items[0].Content, `"team":"team, `) {
			t.Fatalf("%d items, %v", len(items), err)
		}
		if f, err = d.File(t.Context(), pete, "s"); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := f.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := redraw.Read(&b)
		if err != nil {
			t.Fatal(err)
		}
		if v := redraw.Draw(again, redraw.Known{}); !v.OK {
			failed, _ := v.Failed()
			t.Errorf("drawn again: %+v", failed)
		}
		again.Stages[0].Runs[7].Items[0]++
		if v := redraw.Draw(again, redraw.Known{}); v.OK {
			t.Error("another item was drawn again without a word")
		}

		// Another workspace's key opens nothing, and the nonce stands nowhere in the open before its release.
		other, err := secret.Open(filepath.Join(dir, "other.key"))
		if err != nil {
			t.Fatal(err)
		}
		put(t, d, pete, "sample", "more", `{"engagement":"e","name":"S","control":"AC-03","population":"p","method":"random","size":20,"size_reason":"More.","extends":"s","extends_reason":"One deviation."}`)
		thief := *d
		thief.Keys = other
		if _, err := thief.Draw(t.Context(), pete, "more"); err == nil {
			t.Error("a sealed nonce was opened with another key")
		}
		if _, err := d.Draw(t.Context(), pete, "more"); err != nil {
			t.Fatal(err)
		}
		if f, err = d.File(t.Context(), pete, "more"); err != nil {
			t.Fatal(err)
		}
		if v := redraw.Draw(f, redraw.Known{}); !v.OK || len(f.Stages) != 2 {
			failed, _ := v.Failed()
			t.Errorf("%d stages drawn again: %+v", len(f.Stages), failed)
		}
	})
}

func TestAListThatCannotBeAPopulationIsRefusedWhole(t *testing.T) {
	d, _ := firm(t, storetest.SQLite(t))
	put(t, d, pete, "population", "p", requested)
	if _, err := d.Commit(t.Context(), pete, "e", "AC-03", ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		how  func(*fieldwork.Delivery)
		want string
	}{
		"nothing":              {"", nil, "empty"},
		"a row twice":          {table(3) + "L0001,2026-02-01,x\n", nil, "twice"},
		"outside the window":   {table(3) + "L9,2026-07-01,x\n", nil, "Line 5"},
		"no time":              {table(3) + "L9,soon,x\n", nil, "Line 5"},
		"a cell too many":      {table(3) + "L9,2026-02-01,x,y\n", nil, "wrong number of fields"},
		"no such column":       {table(3), func(h *fieldwork.Delivery) { h.Key = "number" }, "number"},
		"two columns alike":    {"id,id\n1,2\n", nil, "twice"},
		"no name in a row":     {table(3) + ",2026-02-01,x\n", nil, "no key"},
		"drawn before its end": {table(3), func(h *fieldwork.Delivery) { h.Extracted = time.Date(2026, 6, 30, 23, 0, 0, 0, time.UTC) }, "before its last day"},
		"drawn in the future":  {table(3), func(h *fieldwork.Delivery) { h.Extracted = time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC) }, "has not come yet"},
		"half a population":    {`{"format":"` + population.Format + `"}`, nil, "without its last line"},
	} {
		h := how()
		if c.how != nil {
			c.how(&h)
		}
		if _, err := d.Deliver(t.Context(), pete, "p", strings.NewReader(c.text), h); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if p := body(t, d, "population", "p"); p["state"] != "requested" || p["file"] != nil {
		t.Errorf("after all that it is %v", p["state"])
	}
	// No rows are a population.
	if _, err := d.Deliver(t.Context(), pete, "p", strings.NewReader("id,left\n"), how()); err != nil || body(t, d, "population", "p")["row_count"] != 0.0 {
		t.Errorf("a list without rows: %v", err)
	}
}

func TestSaltsAreFixedBeforeTheListIsKnown(t *testing.T) {
	roots := []string{}
	d, _ := firm(t, storetest.SQLite(t))
	if _, err := d.Commit(t.Context(), pete, "e", "AC-03", ""); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"p", "q"} { // the same list delivered again gives the same hash: nobody looks for a pleasing one
		put(t, d, pete, "population", key, requested)
		if _, err := d.Deliver(t.Context(), pete, key, strings.NewReader(table(50)), how()); err != nil {
			t.Fatal(err)
		}
		roots = append(roots, engagement.Text(body(t, d, "population", key), "root"))
	}
	if roots[0] != roots[1] {
		t.Error("one list has two hashes, so whoever delivers it chooses the sample")
	}
	lines := strings.SplitAfter(table(50), "\n")
	slices.Reverse(lines[1:51])
	put(t, d, pete, "population", "turned", requested)
	if _, err := d.Deliver(t.Context(), pete, "turned", strings.NewReader(strings.Join(lines, "")), how()); err != nil || engagement.Text(body(t, d, "population", "turned"), "root") != roots[0] {
		t.Errorf("the same list in another order has another hash, or: %v", err)
	}
	put(t, d, pete, "population", "r", requested)
	if _, err := d.Deliver(t.Context(), pete, "r", strings.NewReader(table(51)), how()); err != nil || slices.Contains(roots, engagement.Text(body(t, d, "population", "r"), "root")) {
		t.Errorf("another list has the same hash, or: %v", err)
	}
}

func BenchmarkDeliver(b *testing.B) {
	d, _ := firm(b, storetest.SQLite(b))
	if _, err := d.Commit(b.Context(), pete, "e", "AC-03", ""); err != nil {
		b.Fatal(err)
	}
	var big strings.Builder
	big.WriteString("id,left,team\n")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 1_000_000 {
		fmt.Fprintf(&big, "L%07d,%s,team %d of the company\n", i, at.Add(time.Duration(i)*15*time.Second).Format(time.RFC3339), i%3)
	}
	n := 0
	for b.Loop() {
		key := fmt.Sprint("p", n)
		n++
		put(b, d, pete, "population", key, requested)
		if _, err := d.Deliver(b.Context(), pete, key, strings.NewReader(big.String()), how()); err != nil {
			b.Fatal(err)
		}
	}
}

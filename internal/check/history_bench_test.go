package check_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/corpus"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// year is the corpus with a year behind it, in which 0.1 percent of the records changed each hour and the checks were evaluated
// each hour. TICKMARK_BENCH_RECORDS and TICKMARK_BENCH_HOURS say how much of that; TICKMARK_BENCH_DIR keeps it for the next time.
func year(b *testing.B) *corpus.World {
	b.Helper()
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	n, hours := number("TICKMARK_BENCH_RECORDS", 2_000), number("TICKMARK_BENCH_HOURS", 240)
	dir := os.Getenv("TICKMARK_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "tickmark.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	w := corpus.Open(b, db, corpus.Options{Records: n, Checks: 30, Dir: dir})
	if w.Now.After(corpus.Began) {
		return w
	}
	begun := time.Now()
	w.Run(b)
	part := 0
	as := record.Collection{Run: 1, Source: corpus.Connection, Origin: record.Collected, Actor: "connection:" + corpus.Connection, Reason: "read"}
	keep := func(list []record.Observation) {
		kinds := map[string][]*record.Observed{}
		for _, o := range list {
			x, err := w.Book.Observe(as, o, nil)
			if err != nil {
				b.Fatal(err)
			}
			kinds[o.Kind] = append(kinds[o.Kind], x)
		}
		if err := w.Log.Write(ctx, func(tx *ledger.Tx) error {
			for _, k := range slices.Sorted(maps.Keys(kinds)) {
				if err := w.Book.Keep(ctx, tx, kinds[k]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	for h := 1; h <= hours; h++ {
		w.Now = w.Now.Add(time.Hour)
		part += n
		keep(w.Change(part / 1000))
		part %= 1000
		at := store.At(w.Now)
		if err := db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE coverage SET valid_to = $1, last_read = $2, reads = reads + 1", at+2*3600*1e6, at)
			return err
		}); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Monitor.Evaluate(ctx, check.Options{}); err != nil {
			b.Fatal(err)
		}
		if h%730 == 0 {
			b.Logf("%d hours after %s", h, time.Since(begun).Round(time.Second))
		}
	}
	return w
}

// BenchmarkBacktest judges the whole history with one check, whose kind has a sixth of it.
func BenchmarkBacktest(b *testing.B) {
	w := year(b)
	c, err := w.Monitor.InUse(context.Background(), "CORPUS-02")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r, err := w.Monitor.Backtest(context.Background(), c, store.At(corpus.Began), store.At(w.Now), nil)
		if err != nil || r.Answers == 0 || r.Flipped > 0 {
			b.Fatalf("%+v %v", r, err)
		}
		b.ReportMetric(float64(r.Versions), "versions")
		b.ReportMetric(float64(r.Records), "records")
	}
}

// BenchmarkEffects follows ten checks over the whole history, as the page of a control with ten checks does.
func BenchmarkEffects(b *testing.B) {
	w := year(b)
	var ids []string
	for _, c := range w.Monitor.Set.Checks()[:10] {
		ids = append(ids, c.ID)
	}
	for b.Loop() {
		list, err := w.Monitor.Effects(context.Background(), ids, store.At(corpus.Began)+1, store.At(w.Now), 0)
		if err != nil || len(list) != 10 || list[1].Failed == 0 {
			b.Fatalf("%+v %v", list, err)
		}
		b.ReportMetric(float64(list[1].Failed), "failed")
	}
}

// BenchmarkPast asks for what was at a moment in the middle of the history: one record, a page of a kind, counts, the states of
// the checks, and a page of a window.
func BenchmarkPast(b *testing.B) {
	w := year(b)
	ctx := context.Background()
	then := store.At(corpus.Began.Add(w.Now.Sub(corpus.Began) / 2))
	kind := "cloud_user"
	page, err := w.Book.List(ctx, record.Query{Kind: kind, AsOf: then, Limit: 1000})
	if err != nil || len(page.Versions) == 0 {
		b.Fatal(page, err)
	}
	key := page.Versions[len(page.Versions)/2].Key
	for name, do := range map[string]func() error{
		"record": func() error { _, err := w.Book.Get(ctx, kind, key, then); return err },
		"page":   func() error { _, err := w.Book.List(ctx, record.Query{Kind: kind, AsOf: then}); return err },
		"filter": func() error {
			_, err := w.Book.List(ctx, record.Query{Kind: kind, AsOf: then, Where: "r.mfa_active == false"})
			return err
		},
		"kind": func() error {
			return w.Book.EachBody(ctx, w.Book.DB, kind, then, func(record.Version) error { return nil })
		},
		"count":  func() error { _, err := w.Book.Count(ctx, record.Query{Kind: kind, AsOf: then}); return err },
		"checks": func() error { _, err := w.Monitor.Summary(ctx, then); return err },
		"window": func() error {
			_, err := w.Book.List(ctx, record.Query{Kind: kind, During: [2]store.Moment{then, store.At(w.Now)}})
			return err
		},
		"window_count": func() error {
			_, err := w.Book.Count(ctx, record.Query{Kind: kind, During: [2]store.Moment{then, store.At(w.Now)}})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

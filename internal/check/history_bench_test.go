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

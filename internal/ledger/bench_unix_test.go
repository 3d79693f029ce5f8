//go:build unix

package ledger_test

import (
	"context"
	"encoding/binary"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// appendLeaves appends n leaves in transactions of some each.
func appendLeaves(b *testing.B, l *ledger.Log, n, each int) {
	b.Helper()
	for done := 0; done < n; done += each {
		err := l.Write(b.Context(), func(tx *ledger.Tx) error {
			for i := range min(each, n-done) {
				var c [32]byte
				binary.BigEndian.PutUint64(c[:], uint64(done+i))
				tx.Append(merkle.LeafVersion, c)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// processor is the time that this process has had of the processors: on a busy machine it says more than a clock.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run runs do again and again, and says how many entries a second that makes, and the processor's time beside the clock's.
func run(b *testing.B, name string, entries int64, do func(b *testing.B)) {
	b.Run(name, func(b *testing.B) {
		used := processor(b)
		for b.Loop() {
			do(b)
		}
		b.ReportMetric(float64(processor(b)-used)/float64(b.N), "cpu-ns/op")
		if entries > 0 {
			b.ReportMetric(float64(entries)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		}
	})
}

// BenchmarkLedger measures a log of many entries: TICKMARK_BENCH_ENTRIES says how many. What it is filled with in batches
// counts as the first figure.
func BenchmarkLedger(b *testing.B) {
	n := 100_000
	if s := os.Getenv("TICKMARK_BENCH_ENTRIES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) { benchLedger(b, open(b), n) })
	}
}

func benchLedger(b *testing.B, db *store.DB, n int) {
	ctx := context.Background()
	l, err := ledger.Open(ctx, db, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	size := int64(n)
	begun, used := time.Now(), processor(b)
	appendLeaves(b, l, n, 1000)
	took, cpu := time.Since(begun), processor(b)-used
	b.Run("fill in batches of 1000", func(b *testing.B) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(n)/took.Seconds(), "entries/s")
		b.ReportMetric(float64(cpu)/float64(n), "cpu-ns/entry")
	})
	h, err := l.Head(ctx, db)
	if err != nil {
		b.Fatal(err)
	}
	i := int64(0)
	spread := func() int64 { i = (i + size*618/1000 + 1) % size; return i } // all over the log
	run(b, "inclusion", 0, func(b *testing.B) {
		if _, err := l.ProveEntry(ctx, db, size, spread()); err != nil {
			b.Fatal(err)
		}
	})
	proof, err := l.ProveEntry(ctx, db, size, size/3)
	if err != nil {
		b.Fatal(err)
	}
	leaf, err := l.Entries(ctx, db, size/3, size/3+1)
	if err != nil {
		b.Fatal(err)
	}
	run(b, "check inclusion", 0, func(b *testing.B) {
		if err := tlog.CheckRecord(proof, size, h.Root, size/3, tlog.RecordHash(leaf[0])); err != nil {
			b.Fatal(err)
		}
	})
	run(b, "consistency", 0, func(b *testing.B) {
		if _, err := l.ProveTree(ctx, db, size, spread()+1); err != nil {
			b.Fatal(err)
		}
	})
	run(b, "audit", size, func(b *testing.B) {
		if got, err := l.Verify(ctx, db, nil); err != nil || got != size {
			b.Fatal(got, err)
		}
	})
	run(b, "append one", 1, func(b *testing.B) { appendLeaves(b, l, 1, 1) })
	run(b, "append 1000", 1000, func(b *testing.B) { appendLeaves(b, l, 1000, 1000) })
}

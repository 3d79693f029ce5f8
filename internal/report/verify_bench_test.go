package report_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/report/verify"
	"tickmark/internal/store/storetest"
)

// many fills a workspace with records about as large as commits, each in the source's own spelling.
func many(b testing.TB, n int) *workspace {
	w := empty(b, storetest.SQLite(b))
	rng := rand.New(rand.NewPCG(1, 2))
	hex := func() string { return fmt.Sprintf("%016x%016x%08x", rng.Uint64(), rng.Uint64(), rng.Uint32()) }
	for done := 0; done < n; done += 1000 {
		err := w.book.Log.Write(w.ctx, func(tx *ledger.Tx) error {
			var list []*record.Observed
			for i := range 1000 {
				body, _ := json.Marshal(map[string]any{"name": fmt.Sprintf("user%d", done+i), "human": true, "mfa": i%3 > 0, "sha": hex(), "tree": hex(), "parents": []string{hex()},
					"author":  map[string]any{"name": "Ada Example", "email": "ada@example.org", "time": "2026-01-01T09:00:00+01:00"},
					"message": "change " + hex() + " so that " + hex() + " stands and nobody has to look for it again\n\nReviewed by bob."})
				o, err := w.book.Observe(record.Collection{Run: 1, Source: "repository", Origin: record.Collected, Actor: "connection:repository"},
					record.Observation{Kind: "host_user", Key: fmt.Sprint(done + i), Raw: body}, nil)
				if err != nil {
					return err
				}
				list = append(list, o)
			}
			return w.book.Keep(w.ctx, tx, list)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return w
}

// BenchmarkVerify100000 verifies a package of 100,000 records; the limit is 3 seconds.
func BenchmarkVerify100000(b *testing.B) {
	w := many(b, 100_000)
	path := filepath.Join(b.TempDir(), "p.zip")
	if _, _, err := report.PackageFile(w.ctx, w.options(), path); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	b.ResetTimer()
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		v, err := verify.File(context.Background(), path, verify.Options{Key: w.book.Log.VKey})
		if err != nil || !v.OK {
			b.Fatal(err, say(v))
		}
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(info.Size())/1e6, "MB-file")
	b.ReportMetric(float64(after.Sys)/1e6, "MB-process")
}

// BenchmarkPackage100000 makes that package.
func BenchmarkPackage100000(b *testing.B) {
	w := many(b, 100_000)
	path := filepath.Join(b.TempDir(), "p.zip")
	b.ResetTimer()
	for b.Loop() {
		if _, _, err := report.PackageFile(w.ctx, w.options(), path); err != nil {
			b.Fatal(err)
		}
	}
}

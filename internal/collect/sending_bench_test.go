//go:build unix

package collect_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/store/storetest"
)

// BenchmarkSending sends 100,000 events, or as many as TICKMARK_BENCH_RECORDS says, in batches of 5,000 and takes them over.
func BenchmarkSending(b *testing.B) {
	const size = 5_000
	n := 100_000
	if s := os.Getenv("TICKMARK_BENCH_RECORDS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n < size || n%size != 0 {
			b.Fatalf("TICKMARK_BENCH_RECORDS is %q; it must be a multiple of %d", s, size)
		}
	}
	for b.Loop() {
		c := sent(b, storetest.SQLite(b))
		start, used := time.Now(), processor()
		for at := 0; at < n; at += size {
			d := collect.Delivery{ID: "r", Kinds: []string{"ship"}, Batch: fmt.Sprint(at)}
			for i := range size {
				d.Items = append(d.Items, json.RawMessage(fmt.Sprintf(`{"kind":"ship","key":"s%07d","body":{"id":"s%07d","at":"2026-01-02T03:04:05+01:00","ok":true}}`, at+i, at+i)))
			}
			if at+size == n {
				d.Complete = all(int64(n))
			}
			deliver(b, c, d)
		}
		received := time.Since(start)
		take(b, c)
		b.ReportMetric(float64(n)/received.Seconds(), "received/s")
		b.ReportMetric(float64(n)/time.Since(start).Seconds(), "records/s")
		b.ReportMetric(processor()-used, "cpu-s")
	}
}

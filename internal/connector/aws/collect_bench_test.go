//go:build unix

package aws

import (
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store/storetest"
)

// BenchmarkCollect reads 100,000 resources of 20 accounts and 4 regions from a server in this process and keeps them, and then again
// after one in 1,250 changed. It reports the processor time of both, the server's included, and the most memory that the process held.
func BenchmarkCollect(b *testing.B) {
	credentials(b)
	var asked atomic.Int64
	var changed atomic.Bool
	srv := big(b, &asked, &changed)
	usage := func() syscall.Rusage {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u
	}
	seconds := func(u syscall.Rusage) float64 {
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	for b.Loop() {
		dir := b.TempDir()
		log, err := ledger.Open(b.Context(), storetest.SQLite(b), dir)
		if err != nil {
			b.Fatal(err)
		}
		keys, err := secret.Open(filepath.Join(dir, "secret.key"))
		if err != nil {
			b.Fatal(err)
		}
		kinds, err := record.NewKinds(append(append(record.Builtin(), collect.Kinds()...), Connector().Kinds...)...)
		if err != nil {
			b.Fatal(err)
		}
		book, err := record.OpenBook(b.Context(), log, kinds, keys.Digest)
		if err != nil {
			b.Fatal(err)
		}
		c := &collect.Collector{Book: book, Keys: keys, Connectors: []connector.Connector{Connector()}}
		if _, err := c.Add(b.Context(), record.Job("person:ada"), collect.Connection{Name: "aws", Connector: "aws",
			Settings: map[string]string{"endpoint": srv.URL, "accounts": "organization", "member_role": "reader"}}, nil); err != nil {
			b.Fatal(err)
		}
		run := func(name string, fresh, other int64) {
			before, begun := usage(), time.Now()
			got, err := c.Run(b.Context(), "aws", nil)
			if err != nil || got.Outcome != collect.Complete {
				b.Fatalf("%v: %d gaps of %s", err, len(got.Missing), got.Outcome)
			}
			b.ReportMetric(seconds(usage())-seconds(before), name+"-cpu-s")
			b.ReportMetric(time.Since(begun).Seconds(), name+"-s")
			for _, k := range got.Kinds {
				if k.Kind == "aws_security_group" && (int64(k.New) != fresh || int64(k.Changed) != other || k.Closed != 0) {
					b.Errorf("%s: %+v", name, k)
				}
			}
		}
		changed.Store(false)
		run("first", 20*4*perRegion, 0)
		changed.Store(true)
		run("again", 0, 20*4)
	}
	most := float64(usage().Maxrss) / 1024
	if runtime.GOOS == "darwin" { // which counts in bytes
		most /= 1024
	}
	b.ReportMetric(most, "max-MB")
}

//go:build unix

package sample_test

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"tickmark/internal/sample"
)

// cpu is the time that the processors spent on this process, which a busy machine does not stretch.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A million rows in less than 5 seconds of CPU, and as a stream without keeping them. Heavy for its seconds.
func TestAMillionRows(t *testing.T) {
	if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
		t.Skip("set TICKMARK_TEST_HEAVY: it takes seconds of CPU")
	}
	const n = 1_000_000
	began, hash := cpu(t), sample.Hash{}
	for i := range n {
		hash[0] ^= occurrence(i).Salt[0]
	}
	making := cpu(t) - began
	began = cpu(t)
	f, err := sample.Freeze(func(yield func(sample.Occurrence) bool) {
		for i := range n {
			if !yield(occurrence(i * 7919 % n)) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	took := cpu(t) - began - making
	if took > 5*time.Second {
		t.Errorf("frozen after %s", took)
	}
	t.Logf("frozen in %s, %s were spent on making the occurrences", took, making)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began = cpu(t)
	var p sample.Population
	for _, r := range f.Rows {
		if err := p.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	took = cpu(t) - began
	runtime.GC()
	runtime.ReadMemStats(&after)
	if p.Hash() != f.Hash || took > 5*time.Second || after.HeapAlloc > before.HeapAlloc+1<<20 {
		t.Errorf("%s after %s and %d bytes", p.Hash(), took, int64(after.HeapAlloc)-int64(before.HeapAlloc))
	}
	t.Logf("hashed as a stream in %s", took)
	for _, plan := range []sample.Plan{{Method: sample.Stratified, Size: 60, Reserves: 3}, {Method: sample.Random, Size: 100_000}, {Method: sample.Systematic, Size: 60}, {Method: sample.Stratified, Size: 5000, Reserves: 2, ByLocation: true}} {
		began = cpu(t)
		if _, err := sample.Draw(sample.Seed{1}, f.Rows, plan); err != nil || cpu(t)-began > time.Second {
			t.Errorf("%+v: %v after %s", plan, err, cpu(t)-began)
		}
		t.Logf("%+v in %s", plan, cpu(t)-began)
	}
}

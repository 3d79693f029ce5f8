package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"tickmark/internal/api"
	"tickmark/internal/store/storetest"
)

// people is a CSV of n people.
func people(n int) string {
	var b strings.Builder
	b.WriteString("id,name,email,start,employment\n")
	for i := range n {
		fmt.Fprintf(&b, "p%06d,Person %d,p%d@example.org,2025-01-01,employee\n", i, i, i)
	}
	return b.String()
}

func BenchmarkImport(b *testing.B) {
	csv := people(5000)
	for b.Loop() {
		b.StopTimer()
		f := open(b, storetest.SQLite(b))
		b.StartTimer()
		f.want(200, f.send("POST", "/api/v1/import/person", csv, "Content-Type", "text/csv"))
	}
	b.ReportMetric(5000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkRequests(b *testing.B) {
	f := open(b, storetest.SQLite(b))
	f.want(200, f.send("POST", "/api/v1/import/person", people(20_000), "Content-Type", "text/csv"))
	for name, path := range map[string]string{
		"record":         "/api/v1/records/person/p000077",
		"page of 50":     "/api/v1/records/person?limit=50",
		"page, filtered": "/api/v1/records/person?limit=50&count=true&sort=id&where=r.employment+%3D%3D+%22employee%22",
		"page of 1000":   "/api/v1/records/person?limit=1000",
		"proof":          "/api/v1/records/person/p000077/proof",
		"export csv":     "/api/v1/export/person?format=csv",
		"export jsonl":   "/api/v1/export/person?format=jsonl",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("Authorization", "Bearer "+f.token)
				w := httptest.NewRecorder()
				f.handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body.String())
				}
			}
		})
	}
}

// BenchmarkNew is what the API adds to a start, and the memory it holds from then on.
func BenchmarkNew(b *testing.B) {
	f := open(b, storetest.SQLite(b))
	var before, after runtime.MemStats
	var last http.Handler
	runtime.GC()
	runtime.ReadMemStats(&before)
	last = api.New(f.deps)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		last = api.New(f.deps)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB-held")
	runtime.KeepAlive(last)
}

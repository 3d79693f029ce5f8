//go:build unix

package corpus_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/corpus"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// size is how many records a measurement takes.
func size(b *testing.B, otherwise int) int { return number(b, "TICKMARK_BENCH_RECORDS", otherwise) }

func number(b *testing.B, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// each runs the measurement on SQLite, and on PostgreSQL where the test command started one.
func each(b *testing.B, measure func(b *testing.B, db *store.DB)) {
	b.Run("sqlite", func(b *testing.B) { measure(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { measure(b, storetest.Postgres(b)) })
}

func processor() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// took reports how long something took, on the clock and on the processor.
func took(b *testing.B, what string, do func()) {
	b.Helper()
	wall, cpu := time.Now(), processor()
	do()
	b.ReportMetric(time.Since(wall).Seconds(), what+"-s")
	b.ReportMetric((processor() - cpu).Seconds(), what+"-cpu-s")
}

func bytesOf(b *testing.B, db *store.DB) int64 {
	b.Helper()
	sql := "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
	if db.Engine == store.Postgres {
		sql = "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"
	}
	n, err := store.One[int64](context.Background(), db, sql)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// parts is what each table and each index takes.
func parts(b *testing.B, db *store.DB) map[string]int64 {
	b.Helper()
	sql := "SELECT name, pgsize AS bytes FROM dbstat WHERE aggregate = TRUE"
	if db.Engine == store.Postgres {
		sql = `SELECT c.relname::text AS name, CASE WHEN c.relkind = 'r' THEN pg_table_size(c.oid) ELSE pg_relation_size(c.oid) END AS bytes
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'i')`
	}
	out := map[string]int64{}
	if err := store.Each(b.Context(), db, func(r struct {
		Name  string `db:"name"`
		Bytes int64  `db:"bytes"`
	}) error {
		out[r.Name] = r.Bytes
		return nil
	}, sql); err != nil {
		b.Fatal(err)
	}
	return out
}

// BenchmarkFirst collects records for the first time and judges them with ten checks.
func BenchmarkFirst(b *testing.B) {
	each(b, func(b *testing.B, db *store.DB) {
		n := size(b, 6000)
		w := corpus.Open(b, db, corpus.Options{Records: n, Checks: 10})
		for b.Loop() {
			took(b, "collect", func() { w.CollectNow(b) })
			took(b, "judge", func() { w.Judge(b) })
			var r syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
			b.ReportMetric(float64(r.Maxrss)/1024, "max-MB")
			b.ReportMetric(float64(bytesOf(b, db))/float64(n), "B/record")
		}
	})
}

// BenchmarkChanged collects and judges records of which a hundred changed since the last time.
func BenchmarkChanged(b *testing.B) {
	each(b, func(b *testing.B, db *store.DB) {
		w := corpus.Open(b, db, corpus.Options{Records: size(b, 6000), Checks: 30, Held: true})
		w.Run(b)
		w.Now = w.Now.Add(time.Hour)
		w.Run(b)
		for b.Loop() {
			w.Now = w.Now.Add(time.Hour)
			w.Change(100)
			head, err := w.Log.Head(b.Context(), db)
			if err != nil {
				b.Fatal(err)
			}
			size := bytesOf(b, db)
			took(b, "collect", func() { w.CollectNow(b) })
			took(b, "judge", func() { w.Judge(b) })
			after, err := w.Log.Head(b.Context(), db)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(w.Compared).Seconds()*1000, "after-comparing-ms")
			b.ReportMetric(float64(after.Size-head.Size), "leaves")
			b.ReportMetric(float64(bytesOf(b, db)-size)/1000, "kB")
		}
	})
}

// BenchmarkChangedOverHTTP is BenchmarkChanged through a service on this machine, a thousand objects a page.
func BenchmarkChangedOverHTTP(b *testing.B) {
	each(b, func(b *testing.B, db *store.DB) {
		w := corpus.Open(b, db, corpus.Options{Records: size(b, 6000), Checks: 30, Held: true})
		w.Run(b)
		var pages map[string][][]byte // by kind: lists of a thousand
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
			kind, n := in.URL.Path[1:], 0
			fmt.Sscan(in.URL.Query().Get("after"), &n)
			next := "null"
			if n+1 < len(pages[kind]) {
				next = fmt.Sprintf(`"%d"`, n+1)
			}
			fmt.Fprintf(out, `{"items":[%s],"next":%s}`, pages[kind][n], next)
		}))
		defer server.Close()
		s := connector.Service{Base: func(connector.Values) string { return server.URL }, Next: connector.CursorPages("next", "after")}
		for kind, key := range map[string]string{"cloud_bucket": "arn", "cloud_user": "arn", "cloud_firewall": "group_id", "cloud_instance": "instance_id", "directory_user": "id", "code_repository": "full_name"} {
			s.Lists = append(s.Lists, connector.List{Kind: kind, Path: "/" + kind, Items: "items", Key: key})
		}
		w.Collect.Connectors[0].Read = s.Read
		for b.Loop() {
			w.Now = w.Now.Add(time.Hour)
			w.Change(100)
			pages = map[string][][]byte{}
			counts := map[string]int{}
			w.Each(func(kind string, raw []byte) {
				if counts[kind]%1000 == 0 {
					pages[kind] = append(pages[kind], nil)
				} else {
					pages[kind][len(pages[kind])-1] = append(pages[kind][len(pages[kind])-1], ',')
				}
				counts[kind]++
				pages[kind][len(pages[kind])-1] = append(pages[kind][len(pages[kind])-1], raw...)
			})
			var got collect.Summary
			took(b, "collect", func() { got = w.CollectNow(b) })
			var changed int64
			for _, k := range got.Kinds {
				changed += k.New + k.Changed + k.Closed
			}
			if changed != 100 {
				b.Fatalf("%d changed: %+v", changed, got.Kinds)
			}
		}
	})
}

// vacuum does what PostgreSQL does by itself once a minute, with the settings it comes with: an hour passes here in less.
func vacuum(b *testing.B, db *store.DB) {
	b.Helper()
	due, err := store.All[string](b.Context(), db, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_stat_all_tables s JOIN pg_class c ON c.oid = s.relid
		JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class m ON m.reltoastrelid = c.oid
		WHERE coalesce(m.relnamespace, c.relnamespace) = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
		AND s.n_dead_tup > 50 + greatest(c.reltuples, 0) * coalesce((SELECT option_value::float FROM pg_options_to_table(c.reloptions) WHERE option_name = 'autovacuum_vacuum_scale_factor'), 0.2)`)
	if err != nil {
		b.Fatal(err)
	}
	for _, table := range due {
		rows, err := db.Query(b.Context(), "VACUUM "+table)
		if err != nil {
			b.Fatal(err)
		}
		rows.Close()
	}
}

// BenchmarkYear lets a year pass in which records are collected every hour; TICKMARK_BENCH_HOURS shortens it.
func BenchmarkYear(b *testing.B) {
	each(b, func(b *testing.B, db *store.DB) {
		n, hours := size(b, 600), number(b, "TICKMARK_BENCH_HOURS", 365*24)
		w := corpus.Open(b, db, corpus.Options{Records: n, Checks: 30, Held: true})
		for b.Loop() {
			w.Run(b)
			first, before := bytesOf(b, db), parts(b, db)
			if w.EachHour = nil; db.Engine == store.Postgres {
				w.EachHour = func() { vacuum(b, db) }
			}
			took(b, "year", func() { w.Hours(b, hours, 1) })
			last, after := bytesOf(b, db), parts(b, db)
			changes := float64(n) * float64(hours) * 0.00095
			for _, part := range slices.Sorted(maps.Keys(after)) {
				if grew := float64(after[part]-before[part]) / changes; grew != 0 {
					fmt.Printf("%8.1f bytes for each change, %8.1f for each record at first: %s\n", grew, float64(before[part])/float64(n), part)
				}
			}
			b.ReportMetric(float64(first)/1e6, "MB-first")
			b.ReportMetric(float64(last)/1e6, "MB")
			b.ReportMetric(float64(last-first)/changes, "B/change")
		}
	})
}

//go:build unix

package collect_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// BenchmarkAnswers collects TICKMARK_BENCH_RECORDS (100,000) objects of about 1 KB in pages of 100 for the first time, and then so many
// hours in each of which one of a thousand changed: with answers whose bytes are handed over, and without, as before they were kept.
func BenchmarkAnswers(b *testing.B) {
	n := 100_000
	if s := os.Getenv("TICKMARK_BENCH_RECORDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	const hours = 12
	person := record.Kind{Name: "person2", Label: "login", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "login", Type: record.Text, Indexed: true},
		{Name: "role", Type: record.Text, Indexed: true}, {Name: "active", Type: record.Bool, Indexed: true}, {Name: "updated_at", Type: record.Text}}}
	open := map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite}
	if os.Getenv("TICKMARK_TEST_POSTGRES") != "" {
		open["postgres"] = storetest.Postgres
	}
	for engine, db := range open {
		for _, kept := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/kept=%t", engine, kept), func(b *testing.B) {
				for b.Loop() {
					db := db(b)
					changed := make([]int, n)
					word := rand.New(rand.NewPCG(1, 2))
					words := make([]string, n)
					for i := range words {
						words[i] = fmt.Sprintf("%x-%x", word.Uint64(), word.Uint64())
					}
					s := &shelf{then: func(out connector.Sink) error {
						for page := 0; page < n; page += 100 {
							body := []byte(`{"total":` + strconv.Itoa(n) + `,"items":[`)
							var raws [][]byte
							for i := page; i < min(page+100, n); i++ {
								raw := fmt.Appendf(nil, `{"login":"user-%[1]d","id":"%[1]d","url":"https://api.example.org/users/user-%[1]d","avatar":"https://images.example.org/%[2]s.png","teams":["team-%[3]d","everyone"],"name":"Person %[1]d of the firm","email":"user-%[1]d@example.org","active":true,"role":"role-%[4]d","updated_at":"2026-01-01T00:00:%02[5]dZ","bio":"%[2]s writes about %[3]d things and lives somewhere else than in town number %[3]d, as far as the directory knows of it","links":{"self":"https://api.example.org/users/user-%[1]d","groups":"https://api.example.org/users/user-%[1]d/groups","keys":"https://api.example.org/users/user-%[1]d/keys","events":"https://api.example.org/users/user-%[1]d/events"}}`,
									i, words[i], i%37, changed[i], changed[i]%60)
								raws = append(raws, raw)
								if len(raws) > 1 {
									body = append(body, ',')
								}
								body = append(body, raw...)
							}
							body = append(body, "]}"...)
							x := connector.Exchange{Kind: "person2", Page: true, Request: fmt.Sprintf("GET https://api.example.org/users?per_page=100&page=%d", page/100), Status: "200", At: out.Now(), Bytes: int64(len(body)), SHA256: sha256.Sum256(body)}
							if kept {
								x.Body = body
							}
							from := []connector.Answer{out.Exchange(x)}
							if !kept {
								from = nil
							}
							for i, raw := range raws {
								if err := out.Item(connector.Item{Kind: "person2", Key: strconv.Itoa(page + i), Raw: raw, From: from}); err != nil {
									return err
								}
							}
						}
						out.Complete("person2", "")
						return nil
					}}
					c := collectorOf(b, db, s, box, person)
					c.Connectors[0].Kinds = append(c.Connectors[0].Kinds, person)
					hour := func() float64 {
						before := processor()
						if _, err := c.Run(context.Background(), "shelf", nil); err != nil {
							b.Fatal(err)
						}
						return processor() - before
					}
					b.ReportMetric(hour(), "first-cpu-s")
					first := size(b, db)
					b.ReportMetric(float64(first)/float64(n), "B/record")
					cpu := 0.0
					for h := range hours {
						for range n / 1000 {
							changed[word.IntN(n)] = h + 1
						}
						cpu += hour()
					}
					b.ReportMetric(cpu/hours, "hour-cpu-s")
					b.ReportMetric(float64(size(b, db)-first)/float64(hours*n/1000), "B/change")
				}
			})
		}
	}
}

// size is what the database takes, without what is free in its file.
func size(b *testing.B, db *store.DB) int64 {
	b.Helper()
	sql := "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
	if db.Engine == store.Postgres {
		sql = "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"
	}
	n, err := store.One[int64](context.Background(), db, sql)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

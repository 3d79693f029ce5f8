package web

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
)

// BenchmarkPages measures pages of a workspace with many records, from request to last byte. TICKMARK_BENCH_RECORDS sets how many.
func BenchmarkPages(b *testing.B) {
	n := 20_000
	if s := os.Getenv("TICKMARK_BENCH_RECORDS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	w := newWorld(b)
	c := record.Collection{Run: 1, Source: "bulk", Origin: record.Collected, Actor: "connection:bulk"}
	var list []*record.Observed
	for i := range n {
		id := fmt.Sprintf("%040x", i*2654435761)
		body := fmt.Sprintf(`{"hash":"%s","subject":"Change %d of the payments service","author_name":"dev%d","author_email":"dev%d@example.org","committed_at":"%s","signature":"%s"}`,
			id, i, i%40, i%40, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i)*time.Minute).Format(time.RFC3339), []string{"good", "none"}[i%2])
		o, err := w.Book.Observe(c, record.Observation{Kind: "git_commit", Key: id, Raw: []byte(body)}, nil)
		if err != nil {
			b.Fatal(err)
		}
		if list = append(list, o); len(list) == 1000 || i == n-1 {
			if err := w.Log.Write(b.Context(), func(tx *ledger.Tx) error { return w.Book.Keep(b.Context(), tx, list) }); err != nil {
				b.Fatal(err)
			}
			list = list[:0]
		}
	}
	if _, err := w.Log.Checkpoint(b.Context()); err != nil {
		b.Fatal(err)
	}
	w.signIn(b)
	key := fmt.Sprintf("%040x", (n/2)*2654435761)
	past := "as_of=" + w.Log.Clock().UTC().Add(-time.Second).Format(time.RFC3339)
	for _, p := range []string{
		"/", "/checks", "/controls", "/records", "/records/git_commit", "/records/git_commit?sort=-author_email", "/records/git_commit?where=" + "r.author_email%20%3D%3D%20%22dev7%40example.org%22&sort=author_email",
		"/records/git_commit?" + past, "/records/git_commit/" + key, "/records/git_commit/" + key + "/history", "/records/git_commit/" + key + "/raw", "/records/git_commit/" + key + "/proof", "/ledger", "/ledger?entry=" + strconv.Itoa(n/2), "/search?q=payments",
	} {
		b.Run(p, func(b *testing.B) {
			for b.Loop() {
				if status, page := w.get(b, p); status != 200 {
					b.Fatalf("%d: %s", status, plainText(page))
				}
			}
		})
	}
}

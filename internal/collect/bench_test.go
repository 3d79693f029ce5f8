package collect_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/store/storetest"
)

// BenchmarkFirstRun writes 100,000 records of a commit's shape for the first time.
func BenchmarkFirstRun(b *testing.B) {
	const n = 100_000
	commit := record.Kind{Name: "box", Label: "subject", Occurred: "at", Collected: true, Fields: []record.Field{
		{Name: "id", Type: record.Text}, {Name: "subject", Type: record.Text}, {Name: "at", Type: record.Time},
		{Name: "author_email", Type: record.Email, Indexed: true}, {Name: "signed", Type: record.Bool, Indexed: true}, {Name: "merge", Type: record.Bool, Indexed: true}}}
	for b.Loop() {
		s := &shelf{items: map[string]string{"i": `{"id":"i"}`}}
		s.then = func(out connector.Sink) error {
			for i := range n {
				id := fmt.Sprintf("%040x", i*2654435761)
				at := time.Unix(1577836800+int64(i)*1500, 0).UTC()
				body := fmt.Sprintf(`{"id":"%s","subject":"billing: charge the account once (%d)","at":"%s","author_email":"ada%d@example.org","signed":false,"merge":%t,"author":"Ada","message":"The second charge came from a retry that did not carry the key of the first."}`,
					id, i, at.Format(time.RFC3339), i%50, i%10 == 0)
				raw := fmt.Sprintf("tree %s\nauthor Ada <ada%d@example.org> %d +0100\n\nbilling: charge the account once (%d)", id, i%50, i, i)
				if err := out.Item(connector.Item{Kind: "box", Key: id, Raw: []byte(raw), Body: []byte(body), Occurred: at}); err != nil {
					return err
				}
			}
			return nil
		}
		c := collectorOf(b, storetest.SQLite(b), s, commit)
		start := time.Now()
		if _, err := c.Run(context.Background(), "shelf", nil); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(n)/time.Since(start).Seconds(), "records/s")
	}
}

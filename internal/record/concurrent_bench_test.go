package record_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// BenchmarkConcurrentPut measures what people who write at the same time wait for, each with a write of their own.
func BenchmarkConcurrentPut(b *testing.B) {
	for _, people := range []int{1, 8, 32} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			book := open(b, storetest.SQLite(b))
			ctx, body := context.Background(), json.RawMessage(`{"name":"A control of ours","colour":"red","size":3,"note":"reviewed every quarter by its owner"}`)
			var wg sync.WaitGroup
			each := b.N/people + 1
			start := time.Now()
			for p := range people {
				wg.Go(func() {
					for i := range each {
						if _, err := book.Put(ctx, me, record.Change{Kind: "thing", Key: fmt.Sprintf("%d-%d", p, i), Body: body}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			took := time.Since(start)
			b.ReportMetric(float64(each*people)/took.Seconds(), "writes/s")
			b.ReportMetric(took.Seconds()*1000/float64(each), "ms/write")
		})
	}
}

// BenchmarkPutBesideARun measures a person's write while a collection writes batch after batch.
func BenchmarkPutBesideARun(b *testing.B) {
	for _, batch := range []int{1000, 500, 250} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			book := open(b, storetest.SQLite(b), parcel)
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan float64)
			go func() {
				c := record.Collection{Run: 1, Source: "depot", Origin: record.Collected, Actor: "connection:depot"}
				begun, n := time.Now(), 0
				for ctx.Err() == nil {
					var list []*record.Observed
					for range batch {
						n++
						id := fmt.Sprintf("p%07d", n)
						raw := fmt.Sprintf(`{"id":"%s","name":"Parcel %d","depot":"d%d","state":"open","weight":%d,"insured":true,"note":"left at the door of number %d"}`, id, n*7919, n%31, n%1000, n)
						o, err := book.Observe(c, record.Observation{Kind: "parcel", Key: id, Raw: []byte(raw)}, nil)
						if err != nil {
							b.Error(err)
						}
						list = append(list, o)
					}
					if err := book.Log.Write(store.Background(context.Background()), func(tx *ledger.Tx) error { return book.Keep(ctx, tx, list) }); err != nil && ctx.Err() == nil {
						b.Error(err)
					}
				}
				done <- float64(n) / time.Since(begun).Seconds()
			}()
			var waits []time.Duration
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				if _, err := book.Put(context.Background(), me, record.Change{Kind: "thing", Key: fmt.Sprint(i), Body: json.RawMessage(`{"name":"A control of ours","size":3}`)}); err != nil {
					b.Fatal(err)
				}
				waits = append(waits, time.Since(start))
			}
			stop()
			rate := <-done
			slices.Sort(waits)
			b.ReportMetric(float64(waits[len(waits)/2].Microseconds())/1000, "ms-median")
			b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds())/1000, "ms-99th")
			b.ReportMetric(rate, "collected/s")
		})
	}
}

package record_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/klauspost/compress/zstd"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// BenchmarkDelta measures what deltas between versions would spare and cost, which docs/decisions says why we don't have: the
// bytes of 100,000 versions, and reading one body as it is stored and through a chain.
func BenchmarkDelta(b *testing.B) {
	body := func(i, version int) []byte {
		return fmt.Appendf(nil, `{"depot":"d%d","id":"p%07d","insured":%t,"name":"Parcel %d of many","note":"left at the door of number %d, signed for by nobody; the neighbour was told by a card in the box","state":"%s","weight":%d}`,
			i%31, i, i%3 == 0, i*7919%10_000, i, []string{"open", "held", "done"}[version%3], i*31%1000+version)
	}
	b.Run("size", func(b *testing.B) {
		for b.Loop() {
			book, ctx := open(b, storetest.SQLite(b), parcel), context.Background()
			c := record.Collection{Run: 1, Source: "depot", Origin: record.Collected, Actor: "connection:depot"}
			for version := range 10 {
				known, err := book.Known(ctx, "parcel", "depot")
				if err != nil {
					b.Fatal(err)
				}
				for from := 0; from < 10_000; from += 1000 {
					var list []*record.Observed
					for i := from; i < from+1000; i++ {
						id := fmt.Sprintf("p%07d", i)
						o, err := book.Observe(c, record.Observation{Kind: "parcel", Key: id, Raw: body(i, version)}, known[id])
						if err != nil {
							b.Fatal(err)
						}
						list = append(list, o)
					}
					if err := book.Log.Write(ctx, func(tx *ledger.Tx) error { return book.Keep(ctx, tx, list) }); err != nil {
						b.Fatal(err)
					}
				}
			}
			for name, sql := range map[string]string{
				"B-all/version":    "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
				"B-bodies/version": "SELECT sum(length(body)) FROM version"} {
				n, err := store.One[int64](ctx, book.DB, sql)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n)/100_000, name)
			}
			deltas := 0
			for i := range 1000 {
				e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderDictRaw(1, body(i, 0)), zstd.WithEncoderCRC(false))
				deltas += len(e.EncodeAll(body(i, 1), nil)) + 1
			}
			b.ReportMetric(float64(deltas)/1000, "B-delta")
		}
	})
	dict := []byte(`{"id":"","name":"","depot":"","state":"open","held","done","weight":0,"insured":false,true,"note":""}`)
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderDictRaw(1, dict), zstd.WithEncoderCRC(false))
	d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderDictRaw(1, dict))
	plain := e.EncodeAll(body(1, 0), nil)
	b.Run("read/plain", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.DecodeAll(plain, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, depth := range []int{1, 4, 8} {
		var chain [][]byte
		for v := range depth {
			e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderDictRaw(1, body(1, v)), zstd.WithEncoderCRC(false))
			chain = append(chain, e.EncodeAll(body(1, v+1), nil))
		}
		b.Run(fmt.Sprintf("read/chain-%d", depth), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				at, err := d.DecodeAll(plain, nil)
				if err != nil {
					b.Fatal(err)
				}
				for _, c := range chain {
					r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderDictRaw(1, at), zstd.WithDecoderLowmem(true))
					if err != nil {
						b.Fatal(err)
					}
					if at, err = r.DecodeAll(c, nil); err != nil {
						b.Fatal(err)
					}
					r.Close()
				}
			}
		})
	}
}

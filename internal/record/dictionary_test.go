package record_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var badge = record.Kind{Name: "badge", Label: "id", Collected: true, Fields: []record.Field{
	{Name: "id", Type: record.Text}, {Name: "holder", Type: record.Text, Personal: true}, {Name: "door", Type: record.Text, Indexed: true},
	{Name: "log", Type: record.Object, Fields: []record.Field{{Name: "guard", Type: record.Text, Personal: true}, {Name: "zone", Type: record.Text}}}}}

// What many bodies have in common is learnt, and everything stays readable: what was kept before and after, by who learnt it and
// by who had the book open meanwhile. Nothing personal is learnt, and nothing that few have.
func TestWhatManyBodiesHaveInCommonIsLearnt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		book, ctx := open(t, db, badge), context.Background()
		other, err := record.OpenBook(ctx, book.Log, book.Kinds, book.Digest)
		if err != nil {
			t.Fatal(err)
		}
		raws := map[string]string{}
		keep := func(from, to int, how string) {
			t.Helper()
			var list []*record.Observed
			for i := from; i < to; i++ {
				id := fmt.Sprintf("b%05d", i)
				raws[id] = fmt.Sprintf(how, id, i%7, i%3, i)
				o, err := book.Observe(record.Collection{Run: 1, Source: "gate", Origin: record.Collected, Actor: "connection:gate"}, record.Observation{Kind: "badge", Key: id, Raw: []byte(raws[id])}, nil)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, o)
			}
			if err := book.Log.Write(ctx, func(tx *ledger.Tx) error { return book.Keep(ctx, tx, list) }); err != nil {
				t.Fatal(err)
			}
		}
		size := func(column string) int64 {
			t.Helper()
			n, err := store.One[int64](ctx, db, "SELECT length("+column+") FROM version ORDER BY id DESC LIMIT 1")
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		const usual = `{"id":"%s","holder":"Ada Lovelace","door":"the north entrance of building %d","log":{"zone":"the inner circle of zone %d, behind the second lock","guard":"Grace Hopper"},"note":"seen by nobody else","serial":%d}`
		keep(0, 499, usual)
		if done, err := book.Learn(ctx, "badge"); done || err != nil {
			t.Fatalf("of 499: %v %v", done, err)
		}
		keep(499, 600, usual)
		body, raw := size("body"), size("raw")
		if done, err := book.Learn(ctx, "badge"); !done || err != nil {
			t.Fatalf("of 600: %v %v", done, err)
		}
		if done, err := book.Learn(ctx, "badge"); done || err != nil {
			t.Fatalf("a second time: %v %v", done, err)
		}
		keep(600, 620, usual)
		if b, r := size("body"), size("raw"); b > body*2/3 || r != 2 || raw < 20 {
			t.Errorf("a body of %d bytes before takes %d, the source's own %d of %d", body, b, r, raw)
		}
		for i, odd := range []string{ // none of these is the body in the order that was learnt
			`{"serial":%[4]d,"id":"%[1]s","door":"%[2]d","log":{"zone":"%[3]d"}}`,
			`{"id":"%s","door":"%d","log":{"zone":"%d","unheard":{"z":1,"a":2}},"serial":%d}`,
			"{ \"id\" : \"%s\",\n\t\"door\": \"%d\", \"log\": {\"zone\":\"%d\"}, \"serial\": %d.0 }\n",
			`{"id":"%s","door":"\u0041%d","log":{"zone":"%d","guard":"\"}{"},"serial":%d}`,
			`{"id":"%s","door":"%d","log":[[{"zone":"%d","guard":[]}],{}],"serial":-%d}`,
		} {
			keep(700+i, 701+i, odd)
		}
		for _, b := range []*record.Book{book, other} {
			for id, want := range raws {
				v, err := b.Get(ctx, "badge", id, 0)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := b.Raw(ctx, v); err != nil || string(got) != want {
					t.Fatalf("%s came back as %s, %v", want, got, err)
				}
				if canon, err := record.Canonical([]byte(want)); err != nil || !bytes.Equal(canon, v.Body) {
					t.Fatalf("%s came back as %s, %v", canon, v.Body, err)
				}
			}
			if _, err := b.Verify(ctx, nil); err != nil {
				t.Error(err)
			}
		}
		all, err := store.All[[]byte](ctx, db, "SELECT value FROM meta WHERE name LIKE '%badge%'")
		if err != nil || len(all) != 3 {
			t.Fatal(len(all), err)
		}
		learnt := string(bytes.Join(all, nil))
		for _, not := range []string{"Ada", "Lovelace", "Grace", "Hopper", "b0050", `"serial":5`} {
			if strings.Contains(learnt, not) {
				t.Errorf("%q was learnt: %s", not, learnt)
			}
		}
		if !strings.Contains(learnt, "behind the second lock") || !strings.Contains(learnt, "north entrance") || !strings.Contains(learnt, "note") {
			t.Errorf("little was learnt: %s", learnt)
		}
	})
}

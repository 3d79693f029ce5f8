package record_test

import (
	"fmt"
	"testing"

	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestFromEntryFindsEachVersionByItsEntry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := open(t, db)
		var all []record.Version
		for i := range 40 {
			out, err := b.Put(t.Context(), record.Job("job:test"), record.Change{Kind: "thing", Key: fmt.Sprint("t", i%7), Body: []byte(fmt.Sprintf(`{"name":"n%d"}`, i))})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, out...)
		}
		for i, want := range all {
			got, err := b.FromEntry(t.Context(), want.Entry, 3)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 || got[0].Entry != want.Entry || got[0].Key != want.Key || len(got) != min(3, len(all)-i) {
				t.Fatalf("entry %d gave %d versions, the first %+v", want.Entry, len(got), got[0])
			}
		}
		if got, err := b.FromEntry(t.Context(), all[len(all)-1].Entry+1, 3); err != nil || len(got) != 0 {
			t.Errorf("beyond the end: %v %v", got, err)
		}
		recent, err := b.Recent(t.Context(), 0, 5, func(k *record.Kind) bool { return k.Name == "thing" })
		if err != nil || len(recent) != 5 || recent[0].Entry != all[len(all)-1].Entry {
			t.Errorf("recent: %v %v", recent, err)
		}
		past, err := b.Recent(t.Context(), all[10].From, 5, func(k *record.Kind) bool { return k.Name == "thing" })
		if err != nil || len(past) != 5 || past[0].Entry != all[10].Entry {
			t.Errorf("recent then: %v %v", past, err)
		}
	})
}

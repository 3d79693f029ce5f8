package corpus_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/corpus"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestAnObjectIsTheSameEveryTime(t *testing.T) {
	for i := range 60 {
		for rev := range 9 {
			b := corpus.Body(i, rev)
			if !json.Valid(b) || len(b) < 800 || len(b) > 1900 || !bytes.Equal(b, corpus.Body(i, rev)) {
				t.Fatalf("object %d, revision %d: %d bytes: %s", i, rev, len(b), b)
			}
			if bytes.Equal(b, corpus.Body(i, rev+1)) {
				t.Fatalf("object %d did not change in revision %d", i, rev+1)
			}
		}
	}
}

// A few days leave what they ought to: a version for each change, nothing for what stood, and the answers that a judgement of
// everything anew would give.
func TestDaysLeaveOneVersionForEachChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := corpus.Open(t, db, corpus.Options{Records: 600, Checks: 30, Held: true})
		if s, e := w.Run(t); e.Judged != 600*5 || s.Kinds[0].New != 100 {
			t.Fatalf("%+v %+v", s, e)
		}
		w.Hours(t, 50, 1)
		var versions, open int64
		for _, k := range corpus.Kinds() {
			n, err := w.Book.Count(context.Background(), record.Query{Kind: k.Name})
			if err != nil {
				t.Fatal(err)
			}
			open += n.N
			all, err := store.One[int64](context.Background(), db, "SELECT count(*) FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = $1", k.Name)
			if err != nil {
				t.Fatal(err)
			}
			versions += all
		}
		// 600 at first, 27 changes (0.54 an hour) and one that came in the place of another, in whose hour nothing else did
		if open != 600 || versions < 600+25 || versions > 600+28 {
			t.Errorf("%d open, %d versions: %s", open, versions, w)
		}
		again, err := w.Monitor.Evaluate(context.Background(), check.Options{Full: true})
		if err != nil || again.Flips != 0 || again.Judged != 600*5 {
			t.Errorf("judged anew: %s", fmt.Sprint(again, err))
		}
	})
}

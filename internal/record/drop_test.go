package record_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var machine = record.Kind{Name: "machine", Plural: "Machines", Label: "name", Collected: true, Fields: []record.Field{
	{Name: "name", Type: record.Text}, {Name: "colour", Type: record.Text, Indexed: true}, {Name: "note", Type: record.Text}}}

// observe writes what a source says of a machine.
func observe(t testing.TB, b *record.Book, body string) {
	t.Helper()
	ctx := context.Background()
	known, err := b.Known(ctx, "machine", "cloud")
	if err != nil {
		t.Fatal(err)
	}
	o, err := b.Observe(record.Collection{Source: "cloud", Origin: record.Collected, Actor: "connection:cloud"}, record.Observation{Kind: "machine", Key: "m1", Raw: []byte(body)}, known["m1"])
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Log.Write(ctx, func(tx *ledger.Tx) error { return b.Keep(ctx, tx, []*record.Observed{o}) }); err != nil {
		t.Fatal(err)
	}
}

func drop(b *record.Book, days int, list []record.Ended) (d record.Dropping, err error) {
	ctx := context.Background()
	err = b.Log.Write(ctx, func(tx *ledger.Tx) error {
		d, err = b.Drop(ctx, tx, "job:retention", record.Dropping{Kind: "machine", Rule: "machine", Days: days}, list)
		return err
	})
	return d, err
}

func TestABodyIsDroppedAndItsProofStands(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		dir := t.TempDir()
		b := openAt(t, db, dir, machine)
		now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		b.Log.Clock = func() time.Time { return now }
		first := now
		observe(t, b, `{"name": "Mill", "colour": "red", "note": "in the yard"}`)
		now = now.AddDate(0, 0, 10)
		observe(t, b, `{"name": "Mill", "colour": "blue", "note": "in the hall"}`)
		now = now.AddDate(0, 0, 100)
		observe(t, b, `{"name": "Mill", "colour": "green", "note": "in the hall"}`)
		now = now.AddDate(0, 0, 350)
		held := store.At(first.AddDate(0, 0, 5))

		before, err := b.Get(ctx, "machine", "m1", held)
		if err != nil {
			t.Fatal(err)
		}
		copied, err := b.CommittedRecord(ctx, db, before.Record)
		if err != nil {
			t.Fatal(err)
		}
		all, err := b.EndedBy(ctx, db, "machine", store.At(now), 0, 10)
		if err != nil || len(all) != 2 {
			t.Fatalf("what ended: %+v %v", all, err)
		}
		if _, err := drop(b, 400, all); !fault.Is(err, fault.Denied) {
			t.Errorf("a young one was dropped: %v", err)
		}
		if _, err := b.Put(ctx, me, record.Change{Kind: "hold", Key: "h", Body: json.RawMessage(`{"on_kind":"machine","on":"machine/m1","reason":"a court asks"}`)}); err != nil {
			t.Fatal(err)
		}
		if _, err := drop(b, 400, all[:1]); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "a court asks") {
			t.Errorf("one under a hold was dropped: %v", err)
		}
		if _, err := b.Put(ctx, me, record.Change{Kind: "hold", Key: "h", Delete: true, Reason: "over"}); err != nil {
			t.Fatal(err)
		}
		d, err := drop(b, 400, all[:1])
		if err != nil || d.Versions != 1 || d.Bytes != all[0].Bytes {
			t.Fatalf("%+v %v", d, err)
		}
		if again, err := drop(b, 400, all[:1]); err != nil || again.Versions != 0 {
			t.Errorf("dropped twice: %+v %v", again, err)
		}
		if left, _ := b.EndedBy(ctx, db, "machine", store.At(now), 0, 10); len(left) != 1 {
			t.Errorf("it is offered again: %+v", left)
		}

		v, err := b.Get(ctx, "machine", "m1", held)
		if err != nil || v.Dropped == nil || string(v.Body) != "{}" || v.Label != "Mill" || v.From != before.From || v.To != before.To || !bytes.Equal(v.Hash, before.Hash) {
			t.Fatalf("%+v %v", v, err)
		}
		if said := v.Dropped.String(); !strings.Contains(said, "retention rule for machine") || !strings.Contains(said, "6 April 2027") {
			t.Error(said)
		}
		if _, err := b.Raw(ctx, v); !fault.Is(err, fault.NotFound) {
			t.Errorf("its bytes: %v", err)
		}
		p, err := b.Verify(ctx, nil)
		if err != nil || p.Dropped != 1 || p.Versions != 4 || p.Erased != 0 {
			t.Fatalf("verify %+v %v", p, err)
		}
		after, err := b.CommittedRecord(ctx, db, v.Record)
		if err != nil || after[0].Body != nil || record.Commitment(after[0].Committed) != record.Commitment(copied[0].Committed) {
			t.Errorf("what is left is not what the ledger has: %+v %v", after[0], err)
		}
		if kept := merkle.Hide(after[0].Salt, "body", copied[0].Body); !bytes.Equal(kept[:], after[0].Dropped.Body) {
			t.Error("a copy kept elsewhere is not proved by what is left")
		}

		list := func(where string) record.Page {
			page, err := b.List(ctx, record.Query{Kind: "machine", AsOf: held, Where: where})
			if err != nil {
				t.Fatal(err)
			}
			return page
		}
		asked := func() {
			t.Helper()
			if p := list(""); len(p.Versions) != 1 || p.Versions[0].Dropped == nil {
				t.Errorf("the list of then: %+v", p)
			}
			if p := list(`r.colour == "red"`); len(p.Versions) != 1 || p.Untold != 0 {
				t.Errorf("what the index knows: %+v", p)
			}
			if p := list(`r.colour == "blue"`); len(p.Versions) != 0 || p.Untold != 0 {
				t.Errorf("what the index knows it is not: %+v", p)
			}
			for _, where := range []string{`r.note == "in the yard"`, `r.note != "in the yard"`, `r.colour == "red" && r.note == "in the yard"`} {
				if p := list(where); len(p.Versions) != 0 || p.Untold != 1 {
					t.Errorf("%s: %+v", where, p)
				}
				if n, err := b.Count(ctx, record.Query{Kind: "machine", AsOf: held, Where: where}); err != nil || n.Exact {
					t.Errorf("%s is counted as if it were known: %+v %v", where, n, err)
				}
			}
			if p, err := b.List(ctx, record.Query{Kind: "machine", During: [2]store.Moment{1, store.At(now)}, Where: `r.note == "in the hall"`}); err != nil || len(p.Versions) != 2 || p.Untold != 1 {
				t.Errorf("over a window: %+v %v", p, err)
			}
		}
		asked()
		more := machine
		more.Fields = append([]record.Field{}, machine.Fields...)
		more.Fields[2].Indexed = true
		b = openAt(t, db, dir, more) // whose index is made anew
		b.Log.Clock = func() time.Time { return now }
		if p := list(`r.colour == "red"`); len(p.Versions) != 1 {
			t.Errorf("after the index was made anew: %+v", p)
		}
		b = openAt(t, db, dir, machine)
		b.Log.Clock = func() time.Time { return now }
		asked()

		tamper := func(what, sql string, args ...any) {
			t.Helper()
			err := db.Write(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, sql, args...)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if p, err := b.Verify(ctx, nil); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s and nobody noticed: %+v %v", what, p, err)
			}
		}
		stored := func(id int64) []byte {
			body, err := store.One[[]byte](ctx, db, "SELECT body FROM version WHERE id = $1", id)
			if err != nil {
				t.Fatal(err)
			}
			return body
		}
		put := func(id int64, body []byte) {
			if err := db.Write(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, "UPDATE version SET body = $1 WHERE id = $2", body, id)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		mark, second := stored(all[0].ID), stored(all[1].ID)
		other := bytes.Clone(mark)
		other[5] ^= 1
		tamper("its hash was changed", "UPDATE version SET body = $1 WHERE id = $2", other, all[0].ID)
		put(all[0].ID, mark)
		hide := merkle.Hide(after[1].Salt, "body", after[1].Body)
		tamper("another body was taken away under the same action", "UPDATE version SET body = $1 WHERE id = $2", append(append([]byte{4}, hide[:]...), mark[33:]...), all[1].ID)
		put(all[1].ID, second)
		tamper("it names an action that dropped nothing", "UPDATE version SET body = $1 WHERE id = $2", append(bytes.Clone(mark[:33]), 2), all[0].ID)
		put(all[0].ID, mark)
		tamper("a label of it was changed", "UPDATE version SET label = 'Will' WHERE id = $1", all[0].ID)
		if err := db.Write(ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE version SET label = 'Mill' WHERE id = $1", all[0].ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		bad := append([]byte{0}, `{"colour":"blue","name":"Hill","note":"in the hall"}`...)
		put(all[1].ID, bad)
		now = now.AddDate(0, 0, 200)
		if _, err := drop(b, 400, all); !fault.Is(err, fault.Invalid) {
			t.Errorf("bytes that somebody changed were dropped, and the change with them: %v", err)
		}
		put(all[1].ID, second)
		if err := b.Erase(ctx, me, "machine", "m1", "asked"); err != nil {
			t.Fatal(err)
		}
		if p, err := b.Verify(ctx, nil); err != nil || p.Dropped != 0 || p.Erased == 0 {
			t.Errorf("erased after it was dropped: %+v %v", p, err)
		}
	})
}

func TestOnlyWhatWasCollectedIsDropped(t *testing.T) {
	b := open(t, storetest.SQLite(t))
	ctx := context.Background()
	put(t, b, "a", `{"name":"Ball"}`)
	put(t, b, "a", `{"name":"Bell"}`)
	list, err := b.EndedBy(ctx, b.DB, "thing", store.Forever-1, 0, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	err = b.Log.Write(ctx, func(tx *ledger.Tx) error {
		_, err := b.Drop(ctx, tx, "job:retention", record.Dropping{Kind: "thing"}, list)
		return err
	})
	if !fault.Is(err, fault.Denied) {
		t.Errorf("what people wrote was dropped: %v", err)
	}
	if list, err = b.EndedBy(ctx, b.DB, "thing", store.Forever, 0, 10); err != nil || len(list) != 2 {
		t.Errorf("%+v %v", list, err)
	}
}

package record_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestManyChangesTogetherAreAsEachByItself(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, b := context.Background(), open(t, db, worker)
		thing := func(key, body string) record.Change {
			return record.Change{Kind: "thing", Key: key, Body: json.RawMessage(body), Reason: "batch"}
		}
		put(t, b, "same", `{"name":"same","size":1}`)
		put(t, b, "changed", `{"name":"changed","size":1}`)
		put(t, b, "ends", `{"name":"ends"}`)
		put(t, b, "seen", `{"name":"seen","seen":"2026-01-01T00:00:00Z"}`)
		changes := []record.Change{
			thing("same", `{"size":1,"name":"same"}`),
			thing("changed", `{"name":"changed","size":2,"tags":["a","b"]}`),
			{Kind: "thing", Key: "ends", Delete: true, Reason: "over"},
			thing("seen", `{"name":"seen","seen":"2026-01-02T00:00:00Z"}`),
			{Kind: "meeting", Key: "m", Body: json.RawMessage(`{"title":"Standup","held":"2026-01-01T09:00:00+02:00"}`), Origin: record.Uploaded},
			{Kind: "worker", Key: "w2", Body: json.RawMessage(`{"id":"w2","name":"Bo","email":"b@example.org","manager":"w1"}`)},
			{Kind: "worker", Key: "w1", Body: json.RawMessage(`{"id":"w1","name":"Al","email":"a@example.org"}`)},
			thing("same", `{"name":"same","size":1}`), // again: nothing is left to change
		}
		for i := range 1200 {
			changes = append(changes, thing(fmt.Sprintf("t%04d", i), fmt.Sprintf(`{"name":"Thing %d","size":%d,"colour":"red"}`, i, i)))
		}
		out, err := b.Put(ctx, me, changes...)
		if err != nil || len(out) != len(changes) {
			t.Fatal(len(out), err)
		}
		for i, v := range out {
			c := changes[i]
			if v.Key != c.Key || v.Kind != c.Kind {
				t.Fatalf("%d: %s %s came for %s %s", i, v.Kind, v.Key, c.Kind, c.Key)
			}
			held := v
			if c.Delete {
				h, err := b.History(ctx, c.Kind, c.Key)
				if err != nil || len(h) != 1 || h[0].Closed == nil {
					t.Fatalf("%+v %v", h, err)
				}
				held = h[0]
			} else if held, err = b.Get(ctx, c.Kind, c.Key, 0); err != nil {
				t.Fatal(err)
			}
			held.Volatile, held.VolRead = nil, 0
			if held.Occurred != nil && v.Occurred != nil && held.Occurred.At.Equal(v.Occurred.At) {
				held.Occurred.At = v.Occurred.At // another pointer to the same zone
			}
			if !reflect.DeepEqual(held, v) {
				t.Fatalf("Put answered\n%+v, and it is\n%+v", v, held)
			}
		}
		if h, err := b.History(ctx, "thing", "same"); err != nil || len(h) != 1 {
			t.Errorf("the same content made a version: %d %v", len(h), err)
		}
		if v, err := b.List(ctx, record.Query{Kind: "thing", Where: `r.name == "seen"`, Latest: true}); err != nil || !strings.Contains(string(v.Versions[0].Volatile), "2026-01-02") {
			t.Errorf("%s %v", v.Versions[0].Volatile, err)
		}
		n, err := b.Count(ctx, record.Query{Kind: "thing", Where: `r.colour == "red"`})
		if err != nil || n.N != 1200 {
			t.Errorf("%+v %v", n, err)
		}
		if p, err := b.Verify(ctx, nil); err != nil || p.Versions != int64(4+1+1+2+1200) {
			t.Errorf("%+v %v", p, err)
		}
	})
}

func TestTheFirstOfManyThatIsWrongIsNamed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, b := context.Background(), open(t, db, worker)
		good := func(i int) record.Change {
			return record.Change{Kind: "worker", Key: fmt.Sprintf("w%d", i), Body: json.RawMessage(fmt.Sprintf(`{"id":"w%d","name":"A","email":"a@example.org"}`, i))}
		}
		bad := func(i int, body string) record.Change {
			return record.Change{Kind: "worker", Key: fmt.Sprintf("w%d", i), Body: json.RawMessage(body)}
		}
		for name, c := range map[string]struct {
			list []record.Change
			at   int
			says string
		}{
			"a reference before bad JSON": {[]record.Change{good(0), bad(1, `{"id":"w1","name":"A","email":"a@example.org","manager":"w9"}`), bad(2, `{`)}, 1, `there is no worker "w9"`},
			"bad JSON before a reference": {[]record.Change{good(0), bad(1, `{`), bad(2, `{"id":"w2","name":"A","email":"a@example.org","manager":"w9"}`)}, 1, "not valid JSON"},
			"of another kind":             {[]record.Change{good(0), {Kind: "thing", Key: "t", Body: json.RawMessage(`{}`)}}, 1, "name is needed"},
			"the same key twice":          {[]record.Change{good(0), bad(0, `{"id":"w0","email":"a@example.org"}`)}, 1, "name is needed"},
		} {
			_, err := b.Put(ctx, me, c.list...)
			var r *record.Refused
			if !errors.As(err, &r) || r.Change != c.at || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n, err := b.Count(ctx, record.Query{Kind: "worker"}); err != nil || n.N != 0 {
			t.Errorf("something was written: %+v %v", n, err)
		}
	})
}

func TestAKindThatLooksAtOthersSeesThoseOfTheSameBatch(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		seat := record.Kind{Name: "seat", Fields: []record.Field{{Name: "row", Type: record.Text, Indexed: true}},
			Check: func(look record.Look, before, after map[string]any, _ record.Actor) error {
				found, err := look.Find("seat", "row", after["row"])
				if err == nil && before == nil && len(found) > 0 {
					err = fault.New(fault.Conflict, "The row is taken.")
				}
				return err
			},
			Follows: func(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
				return []record.Change{{Kind: "thing", Key: "for-" + key, Body: json.RawMessage(`{"name":"came along"}`)}}, nil
			}}
		ctx, b := context.Background(), open(t, db, seat)
		in := func(key, row string) record.Change {
			return record.Change{Kind: "seat", Key: key, Body: json.RawMessage(`{"row":"` + row + `"}`)}
		}
		_, err := b.Put(ctx, me, in("a", "1"), in("b", "1"))
		var r *record.Refused
		if !errors.As(err, &r) || r.Change != 1 || !fault.Is(err, fault.Conflict) {
			t.Errorf("two took one row in one batch: %v", err)
		}
		if _, err := b.Put(ctx, me, in("a", "1"), in("b", "2")); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Count(ctx, record.Query{Kind: "thing"}); err != nil || n.N != 2 {
			t.Errorf("%+v came along, %v", n, err)
		}
	})
}

package record_test

import (
	"context"
	"encoding/json"
	"testing"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// lamp is a kind whose lighting puts out the lamp that was lit before, and names the lamp for the refusal.
func lamp() record.Kind {
	k := record.Kind{Name: "lamp", Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "state", Type: record.Choice, Choices: []string{"dark", "lit", "out"}, Fixed: true, Indexed: true}},
		States: &record.Machine{Initial: "dark", Moves: []record.Move{{Name: "light", From: []string{"dark"}, To: "lit", Job: true}, {Name: "put_out", From: []string{"lit"}, To: "out", Job: true}}}}
	k.Follows = func(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
		if after["state"] != "lit" || before["state"] == "lit" {
			return nil, nil
		}
		lit, err := look.Find("lamp", "state", "lit")
		var out []record.Change
		for _, v := range lit {
			if v.Key != key {
				out = append(out, record.Change{Kind: "lamp", Key: v.Key, Move: "put_out"})
			}
		}
		if after["name"] == "broken" {
			out = append(out, record.Change{Kind: "lamp", Key: "nowhere", Move: "put_out"})
		}
		return out, err
	}
	return k
}

func TestWhatFollowsIsWrittenWithTheChangeOrNeitherIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db, lamp())
		for key, name := range map[string]string{"a": "fine", "b": "fine", "c": "broken"} {
			body, _ := json.Marshal(map[string]any{"name": name})
			if _, err := b.Put(ctx, me, record.Change{Kind: "lamp", Key: key, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
		state := func(key string) string {
			v, err := b.Get(ctx, "lamp", key, 0)
			if err != nil {
				t.Fatal(err)
			}
			var x struct{ State string }
			if err := json.Unmarshal(v.Body, &x); err != nil {
				t.Fatal(err)
			}
			return x.State
		}
		light := func(key string) error {
			_, err := b.Put(ctx, me, record.Change{Kind: "lamp", Key: key, Move: "light"})
			return err
		}
		if err := light("a"); err != nil {
			t.Fatal(err)
		}
		if err := light("b"); err != nil {
			t.Fatal(err)
		}
		if state("a") != "out" || state("b") != "lit" {
			t.Errorf("a is %s, b is %s", state("a"), state("b"))
		}
		if h, err := b.History(ctx, "lamp", "a"); err != nil || h[len(h)-1].Actor != "job:lamp" {
			t.Errorf("who put it out: %+v %v", h[len(h)-1], err)
		}
		if err := light("c"); !fault.Is(err, fault.NotFound) {
			t.Errorf("what follows was refused, and the change was not: %v", err)
		}
		if state("b") != "lit" || state("c") != "dark" {
			t.Errorf("half of it was written: b is %s, c is %s", state("b"), state("c"))
		}
		if _, err := b.Verify(ctx, nil); err != nil {
			t.Error(err)
		}
	})
}

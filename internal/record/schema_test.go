package record_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestAnOlderBodyIsReadInThePresentSchemaAndProvedInItsOwn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		dir := t.TempDir()
		one := record.Kind{Name: "desk", Label: "name", Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "colour", Type: record.Text, Indexed: true}}}
		b := openAt(t, db, dir, one)
		first, err := b.Put(ctx, me, record.Change{Kind: "desk", Key: "d", Body: json.RawMessage(`{"name":"Desk","colour":"red"}`)})
		if err != nil {
			t.Fatal(err)
		}
		two := record.Kind{Name: "desk", Label: "name", Schema: 2, Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "paint", Type: record.Text, Indexed: true}},
			Upcasts: []record.Upcast{func(m map[string]any) map[string]any { m["paint"] = m["colour"]; delete(m, "colour"); return m }}}
		b = openAt(t, db, dir, two)
		v, err := b.Get(ctx, "desk", "d", first[0].From)
		if err != nil || string(v.Body) != `{"name":"Desk","paint":"red"}` {
			t.Errorf("%s %v", v.Body, err)
		}
		if n, err := b.Count(ctx, record.Query{Kind: "desk", Where: `r.paint == "red"`}); err != nil || n.N != 1 {
			t.Errorf("the index does not know the new field: %+v %v", n, err)
		}
		if _, err := b.Put(ctx, me, record.Change{Kind: "desk", Key: "d", Body: json.RawMessage(`{"name":"Desk","paint":"blue"}`)}); err != nil {
			t.Fatal(err)
		}
		if n, _ := b.Count(ctx, record.Query{Kind: "desk", Where: `r.paint == "red"`}); n.N != 0 {
			t.Errorf("the old value still counts: %+v", n)
		}
		if p, err := b.Verify(ctx, nil); err != nil || p.Versions != 2 {
			t.Errorf("%+v %v", p, err)
		}
	})
}

func TestOwnFieldsAreCheckedLikeDeclaredOnes(t *testing.T) {
	ctx := context.Background()
	b := open(t, storetest.SQLite(t))
	if _, err := b.Put(ctx, me, record.Change{Kind: "custom_field", Body: json.RawMessage(`{"kind":"thing","name":"shelf","title":"Shelf","type":"integer"}`)}); err != nil {
		t.Fatal(err)
	}
	put(t, b, "a", `{"name":"A","custom":{"shelf":3}}`)
	_, err := b.Put(ctx, me, record.Change{Kind: "thing", Key: "b", Body: json.RawMessage(`{"name":"B","custom":{"shelf":"three"}}`)})
	if err == nil || !strings.Contains(err.Error(), "custom.shelf") {
		t.Errorf("%v", err)
	}
}

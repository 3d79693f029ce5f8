package workspace

import (
	"encoding/json"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

func opened(t *testing.T) *Workspace {
	t.Helper()
	w, err := Open(t.Context(), Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestOnlyOnePeriodIsCurrent(t *testing.T) {
	w := opened(t)
	by := record.Job("job:test")
	write := func(kind, key string, body map[string]any) error {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Book.Put(t.Context(), by, record.Change{Kind: kind, Key: key, Body: b})
		return err
	}
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for key, to := range map[string]string{"first": "2026-12-31", "second": "2027-12-31"} {
		if err := write("period", key, map[string]any{"id": key, "name": key, "report": "soc_2", "type": "type_1", "categories": []string{"security"}, "to": to}); err != nil {
			t.Fatal(err)
		}
	}
	if p, ok, err := period.Current(t.Context(), w.Book, 0); err != nil || !ok || p.Key != "first" {
		t.Fatalf("before one is made current the earlier is taken: %v %v %v", p, ok, err)
	}
	move := func(key, name string) error {
		_, err := w.Book.Put(t.Context(), me, record.Change{Kind: "period", Key: key, Move: name})
		return err
	}
	if err := move("second", "begin"); err != nil {
		t.Fatal(err)
	}
	if p, _, err := period.Current(t.Context(), w.Book, 0); err != nil || p.Key != "second" {
		t.Fatalf("%v %v", p, err)
	}
	if err := move("first", "begin"); !fault.Is(err, fault.Conflict) {
		t.Fatalf("a second current period was accepted: %v", err)
	}
	if err := move("second", "close"); err != nil {
		t.Fatal(err)
	}
	if err := move("first", "begin"); err != nil {
		t.Fatal(err)
	}
}

func TestABoundaryIsDatedInTheOrganisationsZone(t *testing.T) {
	w := opened(t)
	w.Log.Clock = func() time.Time { return time.Date(2099, 11, 29, 23, 30, 0, 0, time.UTC) } // the 30th in Berlin
	write := func(kind, key string, body map[string]any) error {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: kind, Key: key, Body: b})
		return err
	}
	if err := write("organisation", "organisation", map[string]any{"name": "Example", "time_zone": "Europe/Berlin"}); err != nil {
		t.Fatal(err)
	}
	component := func(from string) map[string]any {
		return map[string]any{"id": "production", "name": "Production", "components": []any{map[string]any{"type": "software", "name": "payments", "from": from}}}
	}
	if err := write("system", "production", component("2099-11-29")); !fault.Is(err, fault.Invalid) {
		t.Fatalf("a component from yesterday was accepted: %v", err)
	}
	if err := write("system", "production", component("2099-11-30")); err != nil {
		t.Fatal(err)
	}
}

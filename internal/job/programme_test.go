package job

import (
	"encoding/json"
	"testing"

	"tickmark/internal/record"
)

// What the days make due of the programme happens on its day, once, and stays.
func TestTheProgrammeGoesOnByItsDays(t *testing.T) {
	w := newWorld(t)
	body := func(kind, key string) map[string]any {
		v, err := w.Book.Get(t.Context(), kind, key, 0)
		if err != nil {
			t.Fatal(err)
		}
		var b map[string]any
		if err := json.Unmarshal(v.Body, &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	due := func() {
		if _, err := Due(t.Context(), w.Workspace); err != nil {
			t.Fatal(err)
		}
	}
	w.put(t, "ada", "period", "fy26", map[string]any{"id": "fy26", "name": "FY26", "report": "soc_2", "type": "type_2", "categories": []string{"security"}, "from": "2026-01-01", "to": "2026-06-30"})
	w.act(t, "ada", "period", "fy26", "begin")
	w.put(t, "ada", "cycle", "fy26", map[string]any{"id": "fy26", "name": "FY26", "period": "fy26", "sponsor": "bob", "owner": "ada"})
	w.put(t, "ada", "milestone", "m1", map[string]any{"title": "Policies out", "cycle": "fy26", "due": "2026-01-10"})
	w.put(t, "ada", "scope_change", "c1", map[string]any{"title": "Availability too", "period": "fy26", "reason": "Asked for", "effect": "Three more", "from": "2026-01-11", "categories": []string{"security", "availability"}})
	if _, err := w.Book.Put(t.Context(), person("bob"), record.Change{Kind: "scope_change", Key: "c1", Move: "approve", Said: map[string]any{"decision": "Fine"}}); err != nil {
		t.Fatal(err)
	}
	w.at("2026-01-10")
	due()
	if body("milestone", "m1")["overdue_since"] != nil || body("scope_change", "c1")["state"] != "approved" {
		t.Error("a milestone is late on its own day, or a change took effect before its day")
	}
	w.at("2026-01-11")
	due()
	if s := body("milestone", "m1")["overdue_since"]; s != "2026-01-11" {
		t.Errorf("the milestone is late since %v", s)
	}
	if n := len(body("period", "fy26")["categories"].([]any)); body("scope_change", "c1")["state"] != "in_effect" || n != 2 {
		t.Errorf("the change is %v and the period has %d categories", body("scope_change", "c1")["state"], n)
	}
	if s := body("cycle", "fy26")["state"]; s != "scoping" {
		t.Errorf("a programme that is not ready is %v although its window came", s)
	}
	if _, err := w.Book.Put(t.Context(), person("ada"), record.Change{Kind: "milestone", Key: "m1", Move: "reach", Said: map[string]any{"proof": "Out"}}); err != nil {
		t.Fatal(err)
	}
	if body("milestone", "m1")["overdue_since"] != "2026-01-11" {
		t.Error("a milestone that was late is so no longer once it is reached")
	}
}

package person

import (
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

func TestPersonRefusesImpossibleSpells(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		body    map[string]any
		refused bool
	}{
		"a day's work":    {map[string]any{"start": "2026-01-01", "end": "2026-01-01"}, false},
		"still here":      {map[string]any{"start": "2026-01-01"}, false},
		"left too early":  {map[string]any{"start": "2026-02-01", "end": "2026-01-01"}, true},
		"own manager":     {map[string]any{"manager": "p1"}, true},
		"own sponsor":     {map[string]any{"sponsor": "p1"}, true},
		"another manager": {map[string]any{"manager": "p2"}, false},
	} {
		c.body["id"] = "p1"
		_, err := k.Written(nil, c.body, record.Actor{User: "ada"}, time.Time{})
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPersonHasTheFieldsOfACSVOfPeople(t *testing.T) {
	k := Kind()
	for i, name := range []string{"id", "name", "email", "start", "end", "manager", "title", "employment"} {
		if k.Fields[i].Name != name {
			t.Errorf("field %d is %s, want %s", i, k.Fields[i].Name, name)
		}
	}
}

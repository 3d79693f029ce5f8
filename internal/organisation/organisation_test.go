package organisation

import (
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

func TestOrganisationRefusesWhatNoExaminationCanHave(t *testing.T) {
	k := Kind()
	for name, c := range map[string]struct {
		body    map[string]any
		refused bool
	}{
		"a name only":          {map[string]any{"name": "Example"}, false},
		"security":             {map[string]any{"categories": []any{"security", "privacy"}}, false},
		"no security":          {map[string]any{"categories": []any{"availability"}}, true},
		"a zone":               {map[string]any{"time_zone": "Europe/Berlin"}, false},
		"no zone":              {map[string]any{"time_zone": "Berlin"}, true},
		"this machine's zone":  {map[string]any{"time_zone": "Local"}, true},
		"a window of a day":    {map[string]any{"window_from": "2026-01-01", "window_to": "2026-01-01"}, false},
		"a window in reverse":  {map[string]any{"window_from": "2026-06-30", "window_to": "2026-01-01"}, true},
		"a window not yet set": {map[string]any{"window_from": "2026-06-30"}, false},
	} {
		_, err := k.Written(nil, c.body, record.Actor{User: "ada"}, time.Time{})
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

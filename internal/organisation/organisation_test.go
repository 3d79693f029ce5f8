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
		"a name only":         {map[string]any{"name": "Example"}, false},
		"a zone":              {map[string]any{"time_zone": "Europe/Berlin"}, false},
		"no zone":             {map[string]any{"time_zone": "Berlin"}, true},
		"this machine's zone": {map[string]any{"time_zone": "Local"}, true},
	} {
		_, err := k.Written(nil, c.body, record.Actor{User: "ada"}, time.Time{})
		if c.refused != fault.Is(err, fault.Invalid) || !c.refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package obligation

import (
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// A review dates the next one, and is none while nobody answers for the obligation or nothing meets it.
func TestAReviewDatesTheNext(t *testing.T) {
	k, at := Kind(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	owner := record.Actor{User: "ada", Person: "ada"}
	for name, c := range map[string]struct {
		body map[string]any
		by   record.Actor
		want fault.Kind
	}{
		"nobody answers for it":            {map[string]any{"controls": []any{"AC-06"}}, owner, fault.Invalid},
		"nothing meets it":                 {map[string]any{"owner": "ada"}, owner, fault.Invalid},
		"a blank reason":                   {map[string]any{"owner": "ada", "no_control": " "}, owner, fault.Invalid},
		"an account without a person":      {map[string]any{"owner": "ada", "controls": []any{"AC-06"}}, record.Actor{User: "guest"}, fault.Denied},
		"owned and met":                    {map[string]any{"owner": "ada", "controls": []any{"AC-06"}}, owner, ""},
		"owned, and nothing has to be met": {map[string]any{"owner": "ada", "no_control": "It binds hospitals."}, owner, ""},
	} {
		c.body[record.StateField] = "in_force"
		after, err := k.Moved(c.body, "renew", map[string]any{"review": "Read it."}, c.by, at)
		if c.want != "" {
			if !fault.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		} else if err != nil || after["review_due"] != "2027-03-01" || after["reviewed_by"] != "ada" {
			t.Errorf("%s: %v, next review %v", name, err, after["review_due"])
		}
	}
}

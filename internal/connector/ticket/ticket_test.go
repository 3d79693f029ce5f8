package ticket

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

func TestATicketIsClosedWhenItsWorkWasDone(t *testing.T) {
	for name, c := range map[string]struct {
		status      string
		said        time.Time
		moves       []string // on the second day, the third and so on
		first, last string
	}{
		"once":                             {"Done", time.Time{}, []string{"Open", "Done"}, "03", "03"},
		"opened again":                     {"Done", time.Time{}, []string{"Done", "Open", "Done"}, "02", "04"},
		"reviewed afterwards":              {"Reviewed", day(3), []string{"Open", "Done", "Reviewed"}, "03", "03"},
		"reviewed, and closed then":        {"Closed", time.Time{}, []string{"Done", "Reviewed", "Closed"}, "02", "04"},
		"reviewed without being closed":    {"Reviewed", time.Time{}, []string{"Open", "Deployed", "Reviewed"}, "03", "03"},
		"at a status of the tracker's own": {"Geschlossen", time.Time{}, []string{"Open", "geschlossen"}, "03", "03"},
		"when the tracker says so, first":  {"Done", day(2), []string{"Open", "Work", "Done"}, "02", "04"},
		"made closed":                      {"Done", time.Time{}, nil, "01", "01"},
		"moved by an import, told by day":  {"Done", day(9), nil, "09", "09"},
	} {
		is := Issue{Status: c.status, Done: true, Created: day(1), Closed: c.said, Member: func(string) json.RawMessage { return nil }}
		for i, m := range c.moves {
			is.History = append(is.History, Change{At: day(2 + i), By: Person{ID: "ada"}, Status: m})
		}
		got := string(Parts(Values(nil), is, nil)[0].JSON)
		if !strings.Contains(got, `"closed":"2026-01-`+c.last+`T`) || !strings.Contains(got, `"first_closed":"2026-01-`+c.first+`T`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

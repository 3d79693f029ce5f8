package system

import (
	"encoding/json"
	"testing"

	"tickmark/internal/fault"
)

func components(t *testing.T, list ...Component) []map[string]any {
	t.Helper()
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestABoundaryIsNeverChangedBackwards(t *testing.T) {
	const today = "2026-11-29"
	there := Component{Type: "software", Name: "payments", From: "2026-03-01"}
	with := func(change func(*Component)) []Component {
		c := there
		change(&c)
		return []Component{c}
	}
	before := []Component{there}
	ended := with(func(c *Component) { c.To = "2026-06-30" })
	ending := with(func(c *Component) { c.To = "2026-12-31" })
	for name, c := range map[string]struct {
		before, after []Component
		draft         bool // never approved
		ok            bool
	}{
		"nothing changes":                   {before, before, false, true},
		"added from today":                  {nil, []Component{{Type: "data", Name: "ledger", From: today}}, false, true},
		"added from next year":              {nil, []Component{{Type: "data", Name: "ledger", From: "2027-01-01"}}, false, true},
		"added from yesterday":              {nil, []Component{{Type: "data", Name: "ledger", From: "2026-11-28"}}, false, false},
		"added from yesterday to a draft":   {nil, []Component{{Type: "data", Name: "ledger", From: "2026-11-28"}}, true, false},
		"first day moved back":              {before, with(func(c *Component) { c.From = "2026-02-01" }), false, false},
		"first day moved back in a draft":   {before, with(func(c *Component) { c.From = "2026-02-01" }), true, false},
		"first day moved to today":          {before, with(func(c *Component) { c.From = today }), false, false},
		"first day moved to today, a draft": {before, with(func(c *Component) { c.From = today }), true, true},
		"ends today":                        {before, with(func(c *Component) { c.To = today }), false, true},
		"ends later":                        {before, ending, false, true},
		"ended yesterday":                   {before, with(func(c *Component) { c.To = "2026-11-28" }), false, false},
		"an end to come is taken back":      {ending, before, false, true},
		"an end to come moves to yesterday": {ending, with(func(c *Component) { c.To = "2026-11-28" }), false, false},
		"what ended stays ended":            {ended, before, false, false},
		"what ended is prolonged":           {ended, ending, false, false},
		"removed":                           {before, nil, false, false},
		"removed from a draft":              {before, nil, true, true},
		"removed before it begins":          {[]Component{{Type: "data", Name: "ledger", From: "2027-01-01"}}, nil, false, true},
		"another type":                      {before, with(func(c *Component) { c.Type = "data" }), false, false},
		"stands for other records":          {before, with(func(c *Component) { c.Kinds = []string{"git_commit"} }), false, false},
		"stands for other records, a draft": {before, with(func(c *Component) { c.Kinds = []string{"git_commit"} }), true, true},
		"narrowed":                          {before, with(func(c *Component) { c.Where = `r.name == "x"` }), false, false},
		"described better":                  {before, with(func(c *Component) { c.Description = "Takes payments." }), false, true},
		"the same twice, one from long ago": {before, append([]Component{there}, there), false, false},
		"ends before it begins":             {nil, []Component{{Type: "data", Name: "ledger", From: "2027-01-01", To: "2026-12-31"}}, false, false},
		"came back after it ended":          {ended, append([]Component{{Type: "software", Name: "payments", From: today}}, ended...), false, true},
		"came back and the old one is gone": {ended, []Component{{Type: "software", Name: "payments", From: today}}, false, false},
	} {
		err := Changed(components(t, c.before...), components(t, c.after...), today, !c.draft)
		if c.ok != (err == nil) || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

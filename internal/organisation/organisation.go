// Package organisation holds the company itself: its names and the zone in which its days are counted. The one rule: a
// workspace has exactly one organisation, under one key. What it is examined on stands in its period and its system.
package organisation

import (
	"encoding/json"
	"strings"
	"time"
	_ "time/tzdata" // zones are names in records, and a bare machine may have no list of them

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Key is the key of the one organisation of a workspace.
const Key = "organisation"

// Kind declares the organisation.
func Kind() record.Kind {
	return record.Kind{
		Name: "organisation", Title: "Organisation", Plural: "Organisation", Group: "Program",
		Help: "The company this workspace is about.",
		Key:  `"` + Key + `"`, Label: "name",
		Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true},
			{Name: "legal_name", Type: record.Text, Help: "As it stands in contracts and on the report."},
			{Name: "website", Type: record.URL},
			{Name: "time_zone", Type: record.Text, Help: "In which days and windows are counted, such as Europe/Berlin."},
			{Name: "small_team", Type: record.Bool, Hidden: true,
				Help: "Nobody here is independent for some approvals. An author may then approve, and another person reviews that later, by a promised day; it is shown as exactly that."},
			{Name: "due_days", Title: "Days to fix a finding", Type: record.Object, Hidden: true, Help: "By severity, from the day a finding opens: 7, 30, 90 and 180 unless said otherwise. A change moves no date that stands.",
				Fields: []record.Field{{Name: "critical", Type: record.Integer}, {Name: "high", Type: record.Integer}, {Name: "medium", Type: record.Integer}, {Name: "low", Type: record.Integer}}},
			{Name: "demo", Title: "Demonstration", Type: record.Bool, Fixed: true, Hidden: true, Help: "The organisation is invented, and so is everything here. Set once, by what makes a demonstration."},
		},
		Schema: 2, Upcasts: []record.Upcast{scopeElsewhere},
		Guard: written,
	}
}

// written refuses a zone in which no day can be counted, and an invented organisation under a name that does not say so: its
// name is what stands on every report and package.
func written(_, after map[string]any, _ record.Actor) error {
	if after["demo"] == true {
		for _, f := range []string{"name", "legal_name"} {
			if name, _ := after[f].(string); name != "" && !strings.Contains(strings.ToLower(name), "demonstration") {
				return fault.New(fault.Invalid, "%q is the name of an invented organisation and does not say so.", name).
					WithNext("Let the word demonstration stand in it.")
			}
		}
	}
	if zone, ok := after["time_zone"].(string); ok && zone != "" {
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
			return fault.New(fault.Invalid, "%q is no time zone.", zone).WithNext("Use a name such as Europe/Berlin or UTC.")
		}
	}
	days, _ := after["due_days"].(map[string]any)
	for severity, v := range days {
		if n, ok := whole(v); !ok || n < 1 || n > 365 {
			return fault.New(fault.Invalid, "A finding of severity %s cannot be due after %v days.", severity, v).WithNext("Give a number of days from 1 to 365.")
		}
	}
	return nil
}

// whole is a number from JSON, however it was decoded.
func whole(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	}
	return 0, false
}

// scopeElsewhere leaves out what stood here before periods and systems were records of their own. The stored bytes keep it.
func scopeElsewhere(body map[string]any) map[string]any {
	for _, f := range []string{"stage", "categories", "report_type", "system_name", "system_boundary", "window_from", "window_to"} {
		delete(body, f)
	}
	return body
}

// Zone is the time zone of an organisation's body; UTC until it names one.
func Zone(body []byte) *time.Location {
	var o struct {
		Zone string `json:"time_zone"`
	}
	if json.Unmarshal(body, &o) == nil && o.Zone != "" {
		if z, err := time.LoadLocation(o.Zone); err == nil {
			return z
		}
	}
	return time.UTC
}

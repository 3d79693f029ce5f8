// Package organisation holds what the examination is about: the company, its chosen categories, its window. The one rule:
// a workspace has exactly one organisation, under one key.
package organisation

import (
	"slices"
	"time"
	_ "time/tzdata" // zones are names in records, and a bare machine may have no list of them

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Key is the key of the one organisation of a workspace.
const Key = "organisation"

// Kind declares the organisation.
func Kind() record.Kind {
	return record.Kind{
		Name: "organisation", Title: "Organisation", Plural: "Organisation", Group: "Program",
		Help: "The company this workspace is about, what it chose to be examined on, and for which window.",
		Key:  `"` + Key + `"`, Label: "name",
		Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true},
			{Name: "legal_name", Type: record.Text, Help: "As it stands in contracts and on the report."},
			{Name: "website", Type: record.URL},
			{Name: "stage", Type: record.Choice, Choices: []string{"startup", "growth", "enterprise"},
				Help: "Decides which starter controls are proposed."},
			{Name: "categories", Type: record.Choice, List: true, Indexed: true, Choices: framework.Categories(),
				Help: "What the report will cover. Security is always in it."},
			{Name: "report_type", Type: record.Choice, Choices: []string{"type_1", "type_2"},
				Help: "Type 1 judges the design at a date; type 2 also the operation over the window."},
			{Name: "system_name", Title: "System", Type: record.Text, Help: "The system or service the report is about."},
			{Name: "system_boundary", Type: record.Long, Hidden: true, Help: "What is inside and what is outside."},
			{Name: "time_zone", Type: record.Text, Help: "In which days and windows are counted, such as Europe/Berlin."},
			{Name: "window_from", Type: record.Date, Help: "First day of the window, inclusive."},
			{Name: "window_to", Type: record.Date, Help: "Last day of the window, inclusive."},
		},
		Guard: written,
	}
}

// written refuses what no examination can have.
func written(_, after map[string]any, _ record.Actor) error {
	if chosen, ok := after["categories"].([]any); ok && len(chosen) > 0 && !slices.Contains(chosen, any(framework.Security)) {
		return fault.New(fault.Invalid, "The categories leave out security, which every SOC 2 report covers.").
			WithNext("Add %q to categories.", framework.Security)
	}
	if zone, ok := after["time_zone"].(string); ok && zone != "" {
		if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
			return fault.New(fault.Invalid, "%q is no time zone.", zone).WithNext("Use a name such as Europe/Berlin or UTC.")
		}
	}
	from, _ := after["window_from"].(string)
	to, _ := after["window_to"].(string)
	if from != "" && to != "" && to < from {
		return fault.New(fault.Invalid, "The window ends on %s, before it begins on %s.", to, from)
	}
	return nil
}

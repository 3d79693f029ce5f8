// Package period holds what the organisation works towards: one examination, its report, its categories and its window. The
// one rule: a window is dated in the organisation's own zone and inclusive at both ends, and only one period is current.
package period

import (
	"slices"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Kind declares the period: planned, current, closed.
func Kind() record.Kind {
	return record.Kind{
		Name: "period", Title: "Period", Plural: "Periods", Group: "Program",
		Help: "One examination that the organisation works towards: which report, which categories, which window.",
		Key:  "id", Label: "name",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as fy26-type-2."},
			{Name: "name", Type: record.Text, Required: true, Help: "As people say it, such as FY26 Type II."},
			{Name: "objective", Type: record.Long, Hidden: true, Help: "Why the organisation wants the report, and who asks for it."},
			{Name: "report", Type: record.Choice, Required: true, Choices: []string{"soc_2", "soc_3", "soc_1"},
				Help: "SOC 2 speaks about security and the chosen categories, to those its restriction names. SOC 3 is its public summary. SOC 1 is about financial reporting of customers."},
			{Name: "type", Type: record.Choice, Required: true, Choices: []string{"type_1", "type_2"},
				Help: "Type I judges the design at a date; Type II also the operation over the window."},
			{Name: "categories", Type: record.Choice, List: true, Required: true, Choices: framework.Categories(),
				Help: "What the report will cover. Security is always in it."},
			{Name: "system", Type: record.Ref, Refers: "system", Help: "The system the report is about."},
			{Name: "from", Title: "First day", Type: record.Date, Indexed: true, Help: "First day of the window, inclusive. Empty for a Type I."},
			{Name: "to", Title: "Last day", Type: record.Date, Required: true, Indexed: true, Help: "Last day of the window, inclusive; the as-of date of a Type I."},
			{Name: "fieldwork", Title: "Fieldwork begins", Type: record.Date, Help: "When the firm begins its work."},
			{Name: "stage", Type: record.Choice, Choices: []string{"startup", "growth", "enterprise"},
				Help: "How far the organisation is; decides which starter controls are proposed."},
			{Name: "team", Type: record.Object, List: true, Hidden: true, Help: "Who answers for what in this programme.", Fields: []record.Field{
				{Name: "role", Type: record.Text, Help: "Such as security_lead, as the controls name it."},
				{Name: "person", Type: record.Ref, Refers: "person"},
			}},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "begun_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "begun_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "closed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "closed_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: machine(),
		Guard:  written,
	}
}

func machine() *record.Machine {
	return &record.Machine{
		Initial: "planned",
		Moves: []record.Move{
			{Name: "begin", Title: "Make current", From: []string{"planned"}, To: "current", By: "begun_by", At: "begun_at"},
			{Name: "close", Title: "Close", From: []string{"planned", "current"}, To: "closed", By: "closed_by", At: "closed_at"},
		},
	}
}

// written refuses what no examination can have. An unusual length is no error; Unusual says it.
func written(_, after map[string]any, _ record.Actor) error {
	if chosen, _ := after["categories"].([]any); !slices.Contains(chosen, any(framework.Security)) {
		return fault.New(fault.Invalid, "The categories leave out security, which every SOC 2 report covers.").
			WithNext("Add %q to categories.", framework.Security)
	}
	from, _ := after["from"].(string)
	to, _ := after["to"].(string)
	if after["type"] == "type_2" && from == "" {
		return fault.New(fault.Invalid, "A Type II report needs a window, and this one has no first day.").WithNext("Fill in from.")
	}
	if from != "" && to < from {
		return fault.New(fault.Invalid, "The window ends on %s, before it begins on %s.", to, from)
	}
	return nil
}

// Unusual says what is uncommon about a window from its first to its last day, or nothing: three to twelve months is custom,
// and no rule.
func Unusual(from, to time.Time) string {
	after := to.AddDate(0, 0, 1)
	switch {
	case after.Before(from.AddDate(0, 3, 0)):
		return "The window is shorter than three months; few readers accept that."
	case after.After(from.AddDate(0, 12, 0)):
		return "The window is longer than twelve months; reports usually follow each other without such a span."
	}
	return ""
}

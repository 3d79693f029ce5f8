// Package period holds what the organisation works towards: one examination, its report, its categories and its window. The
// one rule: a window is dated in the organisation's own zone and inclusive at both ends, and only one period is current.
package period

import (
	"slices"

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
			{Name: "categories", Type: record.Choice, List: true, Required: true, Indexed: true, Choices: framework.Categories(),
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
			{Name: "left_out", Title: "Left out of the control set", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
				{Name: "control", Type: record.Text, Required: true, Help: "The id of the starter control."},
				{Name: "reason", Type: record.Long, Required: true, Help: "Why the organisation does not need it."},
			}},
			{Name: "policies", Title: "Policies to write", Type: record.Text, List: true, Hidden: true, Help: "By the id of their template."},
			{Name: "answered", Title: "Answered in the guided start", Type: record.Choice, List: true, Hidden: true, Choices: Steps()},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "begun_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "begun_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "closed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "closed_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: machine(),
		Guard:  written,
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if err := steady(look, before, after, actor); err != nil {
				return err
			}
			return alone(look, before, after, actor)
		},
	}
}

// Steps are the steps of the guided start, in their order.
func Steps() []string {
	return []string{"objective", "report", "type", "categories", "window", "organisation", "boundary", "commitments", "team", "controls", "policies", "plan"}
}

// alone refuses a second current period.
func alone(look record.Look, before, after map[string]any, _ record.Actor) error {
	if after[record.StateField] != "current" || before[record.StateField] == "current" {
		return nil
	}
	list, err := look.Find("period", record.StateField, "current")
	if err != nil || len(list) == 0 {
		return err
	}
	return fault.New(fault.Conflict, "%s is current, and only one period can be.", list[0].Label).WithNext("Close it first.")
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

// Package requirement holds what evidence a control must have, how often, and from when. The one rule: a span is met only by
// evidence whose own period covers it; when a file was received says nothing about what it speaks for.
package requirement

import "tickmark/internal/record"

// Kind declares the evidence requirement of a control.
func Kind() record.Kind {
	return record.Kind{
		Name: "requirement", Title: "Evidence requirement", Plural: "Evidence requirements", Group: "Program",
		Help:  "What must exist as proof of a control, how often, and from when.",
		Label: "title",
		Fields: []record.Field{
			{Name: "control", Type: record.Ref, Refers: "control", Required: true, Indexed: true},
			{Name: "title", Type: record.Text, Required: true, Help: "What should exist, such as signed minutes."},
			{Name: "help", Type: record.Long, Hidden: true, Help: "Where it is found, and what makes it good enough."},
			{Name: "frequency", Type: record.Choice, Required: true, Indexed: true,
				Choices: []string{"once", "continuous", "per_event", "daily", "weekly", "monthly", "quarterly", "semiannual", "annual"},
				Help:    "How often a new piece is due; continuous means the whole time must be covered."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true, Help: "Who hands it in."},
			{Name: "from", Title: "From", Type: record.Date, Required: true, Indexed: true, Help: "First day for which it is required."},
			{Name: "to", Title: "Through", Type: record.Date, Help: "Last day for which it is required; empty while it is."},
		},
	}
}

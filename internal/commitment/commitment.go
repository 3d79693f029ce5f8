// Package commitment holds what the organisation promised: service commitments to customers and the system requirements that
// follow from them. The one rule: a commitment names where it was made, so that it can be read there.
package commitment

import "tickmark/internal/record"

// Kind declares the commitment.
func Kind() record.Kind {
	return record.Kind{
		Name: "commitment", Title: "Commitment", Plural: "Commitments", Group: "Program",
		Help: "A promise to customers about the service, or a requirement on the system that follows from one.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as SC-01."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"service_commitment", "system_requirement"}},
			{Name: "category", Type: record.Choice, Required: true, Indexed: true,
				Choices: []string{"security", "availability", "processing_integrity", "confidentiality", "privacy"}},
			{Name: "statement", Type: record.Long, Required: true, Hidden: true},
			{Name: "made_in", Title: "Made in", Type: record.Text, Required: true, Help: "The contract, terms, page or policy that says it."},
			{Name: "criteria", Type: record.Ref, Refers: "criterion", List: true, Indexed: true, Hidden: true},
			{Name: "controls", Type: record.Ref, Refers: "control", List: true, Indexed: true, Hidden: true, Help: "The controls that keep the promise."},
			{Name: "since", Type: record.Date, Help: "First day it holds."},
			{Name: "until", Type: record.Date, Help: "Last day it holds; empty while it does."},
		},
	}
}

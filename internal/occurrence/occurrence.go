// Package occurrence holds the due performances of controls. The one rule: a missed span stays missed for ever; performing
// later makes it late, not on time.
package occurrence

import "tickmark/internal/record"

// Kind declares the occurrence: scheduled, performed, reviewed; or missed, then performed late; or not applicable.
func Kind() record.Kind {
	return record.Kind{
		Name: "occurrence", Title: "Occurrence", Plural: "Occurrences", Group: "Program",
		Help:  "One due performance of a control: a span of the calendar, or one event that calls for it.",
		Label: "title",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "control", Type: record.Ref, Refers: "control", Required: true, Indexed: true},
			{Name: "from", Title: "From", Type: record.Date, Required: true, Indexed: true, Help: "First day of the span it is for."},
			{Name: "to", Title: "Through", Type: record.Date, Required: true, Indexed: true, Help: "Last day of the span, inclusive."},
			{Name: "due", Type: record.Date, Required: true, Indexed: true, Help: "Last day on which it is in time."},
			{Name: "event_kind", Title: "Event kind", Type: record.Text, Hidden: true, Help: "The kind of the event that called for it."},
			{Name: "event_key", Title: "Event", Type: record.Text, Indexed: true, Hidden: true, Help: "The key of that event's record."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "evidence", Type: record.Ref, Refers: "evidence", List: true, Fixed: true, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "occurred_at", Title: "Done on", Type: record.Time, Fixed: true, Indexed: true, Help: "When it was done in the world."},
			{Name: "note", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "performed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "performed_at", Type: record.Time, Fixed: true, Hidden: true, Help: "When it was recorded as done."},
			{Name: "missed_at", Type: record.Time, Fixed: true, Hidden: true, Help: "Set when the due date passes, and stays."},
			{Name: "reviewed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "reviewed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "review", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "excluded_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "excluded_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "excluded_reason", Title: "Why it does not apply", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: machine(),
	}
}

func machine() *record.Machine {
	did := []record.Field{
		{Name: "occurred_at", Title: "Done on", Type: record.Time, Required: true, Help: "When it was done in the world."},
		{Name: "evidence", Type: record.Ref, Refers: "evidence", List: true, Required: true, Help: "What shows it."},
		{Name: "note", Type: record.Long},
	}
	return &record.Machine{
		Initial: "scheduled",
		Moves: []record.Move{
			{Name: "perform", Title: "Record as done", From: []string{"scheduled"}, To: "performed", By: "performed_by", At: "performed_at", Fields: did},
			{Name: "miss", Title: "Mark as missed", From: []string{"scheduled"}, To: "missed", At: "missed_at", Job: true},
			{Name: "perform_late", Title: "Record as done late", From: []string{"missed"}, To: "performed_late", By: "performed_by", At: "performed_at", Fields: did},
			{Name: "review", Title: "Review", From: []string{"performed", "performed_late"}, By: "reviewed_by", At: "reviewed_at",
				Fields: []record.Field{{Name: "review", Title: "What you looked at", Type: record.Long, Required: true}}},
			{Name: "exclude", Title: "Say that it does not apply", From: []string{"scheduled", "missed"}, To: "not_applicable", By: "excluded_by", At: "excluded_at",
				Fields: []record.Field{{Name: "excluded_reason", Title: "Why it does not apply", Type: record.Long, Required: true, Help: "Name the source that shows that nothing called for it."}}},
		},
	}
}

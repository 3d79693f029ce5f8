package risk

import (
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// TriggerKind declares the event that calls for looking at risks again: open, then reviewed.
func TriggerKind() record.Kind {
	return record.Kind{
		Name: "risk_trigger", Title: "Change that bears on risk", Plural: "Changes that bear on risk", Group: "Program",
		Help:  "Something changed: a new critical provider, a region, a product, who leads. Its risks are looked at within thirty days.",
		Label: "title",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"vendor", "region", "product", "executive", "law", "technology", "acquisition", "incident", "other"}},
			{Name: "occurred", Title: "When it happened", Type: record.Date, Required: true, Indexed: true},
			{Name: "detail", Type: record.Long, Hidden: true},
			{Name: "owner", Title: "Who looks at it", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: record.StateField, Type: record.Choice, Choices: triggerMachine().States(), Fixed: true, Indexed: true},
			{Name: "noted_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "noted_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "reviewed_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "reviewed_at", Type: record.Time, Fixed: true},
			{Name: "decision", Type: record.Choice, Choices: decisions, Fixed: true, Hidden: true},
			{Name: "outcome", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "risks", Type: record.Ref, Refers: "risk", List: true, Fixed: true, Hidden: true},
			{Name: "cancelled_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "cancelled_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: triggerMachine(),
		Guard: func(before, after map[string]any, _ record.Actor) error {
			if before != nil && before["occurred"] != after["occurred"] { // from which the thirty days count
				return fault.New(fault.Invalid, "When it happened was noted as %v and does not change.", before["occurred"]).WithNext("Withdraw it with a reason and note it again.")
			}
			return nil
		},
	}
}

var decisions = []string{"no_change", "risks_changed", "assessment_due"}

func triggerMachine() *record.Machine {
	return &record.Machine{
		Initial: "open", By: "noted_by", At: "noted_at",
		Moves: []record.Move{
			{Name: "settle", Title: "Note what was decided", From: []string{"open"}, To: "reviewed", By: "reviewed_by", At: "reviewed_at", Guard: reviewed,
				Fields: []record.Field{{Name: "decision", Type: record.Choice, Choices: decisions, Required: true},
					{Name: "outcome", Type: record.Long, Required: true, Help: "Say what was looked at and what follows."},
					{Name: "risks", Type: record.Ref, Refers: "risk", List: true, Help: "The risks that were looked at."}}},
			{Name: "withdraw", Title: "Withdraw", From: []string{"open"}, To: "withdrawn", By: "cancelled_by",
				Fields: []record.Field{{Name: "cancelled_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why it bears on no risk."}}},
		},
	}
}

func reviewed(_, after map[string]any, actor record.Actor) error {
	risks, _ := after["risks"].([]any)
	if text(after, "decision") == "risks_changed" && len(risks) == 0 {
		return fault.New(fault.Invalid, "Nothing says which risks changed.").WithNext("Name them in risks.")
	}
	return record.Apart(actor, "decide on it")
}

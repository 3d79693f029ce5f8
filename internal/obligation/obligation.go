// Package obligation holds the laws, regulations, standards and contracts that bear on what the organisation must do beside
// SOC 2. The one rule: each has somebody who answers for it and controls that meet it, and is looked at again within a year.
package obligation

import (
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// ReviewMonths is how long a review holds.
const ReviewMonths = 12

// Kind declares the obligation: in force until it ends. A review leaves it as it is and dates the next one.
func Kind() record.Kind {
	return record.Kind{
		Name: "obligation", Title: "Obligation", Plural: "Obligations", Group: "Program",
		Help: "A law, regulation, standard or contract that bears on the service, with who answers for it and the controls that meet it.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as OB-01."},
			{Name: "title", Type: record.Text, Required: true, Help: "Such as HIPAA security rule, or Contract with a customer."},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"law", "regulation", "standard", "contract", "other"}},
			{Name: "jurisdiction", Type: record.Text, Help: "Where it holds, such as EU or United States."},
			{Name: "reference", Title: "Where it says so", Type: record.Text, Required: true, Help: "The article, section or clause."},
			{Name: "summary", Title: "What it asks", Type: record.Long, Required: true, Hidden: true, Help: "In your own words."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "systems", Title: "Applies to", Type: record.Ref, Refers: "system", List: true, Hidden: true, Help: "The systems it bears on; empty for all."},
			{Name: "controls", Type: record.Ref, Refers: "control", List: true, Indexed: true, Hidden: true, Help: "The controls that meet it. One control may serve several regimes."},
			{Name: "no_control", Title: "Why no control is needed", Type: record.Long, Hidden: true, Help: "Only where nothing has to be done for it."},
			{Name: "since", Title: "In force since", Type: record.Date},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "noted_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "noted_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "reviewed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "reviewed_at", Type: record.Time, Fixed: true},
			{Name: "review", Title: "What the review found", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "review_due", Title: "Next review", Type: record.Date, Fixed: true, Indexed: true},
			{Name: "ended_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "ended_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "ended_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: machine(),
	}
}

func machine() *record.Machine {
	return &record.Machine{
		Initial: "in_force", By: "noted_by", At: "noted_at",
		Moves: []record.Move{
			{Name: "renew", Title: "Review", From: []string{"in_force"}, By: "reviewed_by", At: "reviewed_at", Guard: review,
				Fields: []record.Field{{Name: "review", Title: "What you found", Type: record.Long, Required: true, Help: "Say what you read, what changed in it, and whether the controls still meet it."}}},
			{Name: "lift", Title: "End", From: []string{"in_force"}, To: "ended", By: "ended_by", At: "ended_at",
				Fields: []record.Field{{Name: "ended_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why it does not bear on the service any more."}}},
		},
	}
}

// review is refused while nobody answers for it or nothing meets it: a review that leaves that open looked at nothing.
func review(before, after map[string]any, actor record.Actor) error {
	owner, _ := before["owner"].(string)
	controls, _ := before["controls"].([]any)
	why, _ := before["no_control"].(string)
	switch {
	case owner == "":
		return fault.New(fault.Invalid, "Nobody answers for it.").WithNext("Name its owner, then review it.")
	case len(controls) == 0 && strings.TrimSpace(why) == "":
		return fault.New(fault.Invalid, "No control meets it, and nothing says that none is needed.").WithNext("Name its controls, or fill in no_control.")
	}
	at, _ := after["reviewed_at"].(string)
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return fault.New(fault.Invalid, "It does not say when it is reviewed.").WithNext("Try again.")
	}
	after["review_due"] = t.AddDate(0, ReviewMonths, 0).Format(time.DateOnly)
	return record.Apart(actor, "review it")
}

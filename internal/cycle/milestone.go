package cycle

import (
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Milestone is one as its record says it.
type Milestone struct {
	Key      string `json:"key"`
	Title    string `json:"title"`
	Cycle    string `json:"cycle"`
	Due      string `json:"due"`
	Owner    string `json:"owner"`
	Blocking bool   `json:"blocking"`
	Note     string `json:"note"`
	Late     string `json:"overdue_since"`
	State    string `json:"state"`
}

// MilestoneKind declares the milestone: open, then reached or dropped. A day that is moved keeps its reason.
func MilestoneKind() record.Kind {
	return record.Kind{
		Name: "milestone", Title: "Milestone", Plural: "Milestones", Group: "Program",
		Help:  "What the programme wants to have reached by a day.",
		Label: "title",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "cycle", Type: record.Ref, Refers: Name, Required: true, Indexed: true},
			{Name: "due", Type: record.Date, Required: true, Indexed: true},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "blocking", Title: "Before it is ready", Type: record.Bool, Help: "The programme is not ready before this is reached."},
			{Name: "note", Type: record.Long, Hidden: true, Help: "How it stands; needed once it is late."},
			{Name: "moved_reason", Title: "Why its day was moved", Type: record.Long, Hidden: true, Help: "Needed each time the day is changed."},
			{Name: "overdue_since", Type: record.Date, Fixed: true, Indexed: true, Hidden: true, Help: "Set when its day passes, and stays."},
			{Name: record.StateField, Type: record.Choice, Choices: milestones().States(), Fixed: true, Indexed: true},
			{Name: "set_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "set_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "reached_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "reached_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "proof", Title: "What shows it", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "dropped_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "dropped_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "dropped_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: milestones(),
		Guard:  moved,
	}
}

func milestones() *record.Machine {
	return &record.Machine{
		Initial: "open", By: "set_by", At: "set_at",
		Moves: []record.Move{
			{Name: "reach", Title: "Mark as reached", From: []string{"open"}, To: "reached", By: "reached_by", At: "reached_at", Guard: person("mark it as reached"),
				Fields: []record.Field{{Name: "proof", Title: "What shows it", Type: record.Long, Required: true, Help: "Say what was reached and where it can be seen."}}},
			{Name: "drop", Title: "Drop", From: []string{"open"}, To: "dropped", By: "dropped_by", At: "dropped_at", Guard: person("drop it"),
				Fields: []record.Field{{Name: "dropped_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why it is not needed any more."}}},
		},
	}
}

// moved refuses another day without another reason: a date that slips in silence tells nobody anything.
func moved(before, after map[string]any, _ record.Actor) error {
	if before == nil || before["due"] == after["due"] {
		return nil
	}
	if why := strings.TrimSpace(text(after, "moved_reason")); why == "" || why == strings.TrimSpace(text(before, "moved_reason")) {
		return fault.New(fault.Invalid, "Its day was %v and would become %v without a word on why.", before["due"], after["due"]).WithNext("Write the reason of this change in moved_reason.")
	}
	return nil
}

// Package occurrence holds the due performances of controls. The one rule: a missed span stays missed for ever; performing
// later makes it late, not on time.
package occurrence

import (
	"reflect"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind declares the occurrence: scheduled, then performed; or missed, and perhaps performed late; or not applicable, by a
// source that shows that nothing called for it; or withdrawn, because its control was retired or changed before it began.
// A review by another person changes none of these.
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
			{Name: "event_on", Title: "Event on", Type: record.Date, Hidden: true, Help: "The day of that event."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true, Help: "Who does it; the control's owner when empty."},
			{Name: "zone", Type: record.Text, Hidden: true, Help: "The time zone in which its days are counted."},
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
			{Name: "excluded_source", Title: "What shows it", Type: record.Text, Fixed: true, Hidden: true},
			{Name: "withdrawn_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: machine(),
		Guard:  written,
	}
}

func machine() *record.Machine {
	fields := []record.Field{
		{Name: "occurred_at", Title: "Done on", Type: record.Time, Required: true, Help: "When it was done in the world."},
		{Name: "evidence", Type: record.Ref, Refers: "evidence", List: true, Required: true, Help: "What shows it."},
		{Name: "note", Type: record.Long},
	}
	return &record.Machine{
		Initial: "scheduled",
		Moves: []record.Move{
			{Name: "perform", Title: "Record as done", From: []string{"scheduled"}, To: "performed", By: "performed_by", At: "performed_at", Fields: fields, Guard: perform},
			{Name: "miss", Title: "Mark as missed", From: []string{"scheduled"}, To: "missed", At: "missed_at", Job: true, Guard: miss},
			{Name: "perform_late", Title: "Record as done late", From: []string{"missed"}, To: "performed_late", By: "performed_by", At: "performed_at", Fields: fields, Guard: performLate},
			{Name: "review", Title: "Review", From: []string{"performed", "performed_late"}, By: "reviewed_by", At: "reviewed_at", Guard: review,
				Fields: []record.Field{{Name: "review", Title: "What you looked at", Type: record.Long, Required: true, Help: "Say what you compared it with and what you found."}}},
			{Name: "exclude", Title: "Say that it does not apply", From: []string{"scheduled"}, To: "not_applicable", By: "excluded_by", At: "excluded_at", Guard: exclude,
				Fields: []record.Field{
					{Name: "excluded_reason", Title: "Why it does not apply", Type: record.Long, Required: true, Help: "Say why nothing called for it."},
					{Name: "excluded_source", Title: "What shows it", Type: record.Text, Required: true, Help: "Name the list, system or record that shows it."}}},
			{Name: "withdraw", Title: "Withdraw", From: []string{"scheduled"}, To: "withdrawn", At: "withdrawn_at", Job: true, Guard: calendarOnly},
			{Name: "restore", Title: "Schedule again", From: []string{"withdrawn"}, To: "scheduled", Job: true, Guard: calendarOnly},
		},
	}
}

// fromTheCalendar are what an occurrence is for; only the calendar says it, or a due date could be moved to when it suits.
var fromTheCalendar = []string{"control", "from", "to", "due", "zone", "event_kind", "event_key", "event_on"}

// written refuses days that contradict each other, and another due date than the calendar's.
func written(before, after map[string]any, actor record.Actor) error {
	from, to, due := text(after, "from"), text(after, "to"), text(after, "due")
	switch {
	case to < from:
		return fault.New(fault.Invalid, "It runs through %s, which lies before %s, where it begins.", to, from)
	case due < to:
		return fault.New(fault.Invalid, "It is due on %s, before its span is over on %s.", due, to)
	}
	if zone := text(after, "zone"); zone != "" {
		if _, err := time.LoadLocation(zone); err != nil {
			return fault.New(fault.Invalid, "%q is no time zone.", zone).WithNext("Use a name such as Europe/Berlin or UTC.")
		}
	}
	if before == nil || actor.IsJob() {
		return nil
	}
	for _, f := range fromTheCalendar {
		if !reflect.DeepEqual(before[f], after[f]) {
			return fault.New(fault.Denied, "What an occurrence is for and when it is due follows from its control, and this would change its %s.", f).
				WithNext("Change the control's frequency or its days of grace; what is past stays as it was.")
		}
	}
	return nil
}

func perform(before, after map[string]any, _ record.Actor) error {
	if late, due := overdue(before, after, "performed_at"); late {
		return fault.New(fault.Conflict, "It was due on %s, and that day is over.", due).
			WithNext("It is marked as missed within a minute; then record it as done late.")
	}
	return did(before, after)
}

func performLate(before, after map[string]any, _ record.Actor) error { return did(before, after) }

// did refuses a time at which this cannot have been done. Without evidence the move's own fields refuse it.
func did(before, after map[string]any) error {
	done := moment(after, "occurred_at")
	if done.IsZero() {
		return fault.New(fault.Invalid, "When it was done is needed.").WithNext("Fill in occurred_at, with date and time.")
	}
	if done.After(moment(after, "performed_at")) {
		return fault.New(fault.Invalid, "It cannot have been done at %s, which has not come yet.", text(after, "occurred_at")).WithNext("Record it once it is done.")
	}
	if day := calendar.Of(done, Zone(before)); calendar.Text(day) < text(before, "from") {
		return fault.New(fault.Invalid, "It was done on %s, before %s, where its span begins.", calendar.Text(day), text(before, "from")).
			WithNext("Record it with the occurrence whose span that day lies in.")
	}
	return nil
}

func miss(before, after map[string]any, _ record.Actor) error {
	if late, due := overdue(before, after, "missed_at"); !late {
		return fault.New(fault.Conflict, "It is due on %s, and that day is not over.", due).WithNext("Until then it can be done in time.")
	}
	return nil
}

func exclude(before, after map[string]any, _ record.Actor) error {
	if late, due := overdue(before, after, "excluded_at"); late {
		return fault.New(fault.Conflict, "It was due on %s, and what was missed stays missed.", due).
			WithNext("Record what was done late, or explain it in a comment.")
	}
	return nil
}

func review(before, _ map[string]any, actor record.Actor) error {
	if by := text(before, "reviewed_by"); by != "" {
		return fault.New(fault.Conflict, "%s reviewed it already.", by)
	}
	return record.Apart(actor, "review it", record.Party{Role: "the one who did it", Stamp: text(before, "performed_by")})
}

func calendarOnly(_, _ map[string]any, actor record.Actor) error {
	if actor.IsJob() {
		return nil
	}
	return fault.New(fault.Denied, "Only a change of its control takes an occurrence back or brings it back.").
		WithNext("Retire the control or change its frequency; what is past stays as it was.")
}

// overdue reports whether the due date is over at the stamped moment, in the occurrence's own zone.
func overdue(before, after map[string]any, at string) (late bool, due string) {
	due = text(before, "due")
	now := moment(after, at)
	return Overdue(before, now), due
}

// Overdue reports whether an occurrence's due date is over.
func Overdue(body map[string]any, now time.Time) bool {
	return !now.IsZero() && calendar.Text(calendar.Of(now, Zone(body))) > text(body, "due")
}

// Zone is the zone in which an occurrence's days are counted.
func Zone(body map[string]any) *time.Location {
	zone, err := time.LoadLocation(text(body, "zone"))
	if err != nil {
		return time.UTC
	}
	return zone
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

func moment(body map[string]any, field string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text(body, field))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Package task holds work with an owner and a date: what a gap, a finding, a policy or a person asks for. The one rule: a
// date that passed stays on record after the work is done.
package task

import (
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind declares the task: open, in progress, done, verified by another; or cancelled with a reason.
func Kind() record.Kind {
	return record.Kind{
		Name: "task", Title: "Task", Plural: "Tasks", Group: "Program",
		Help:  "Work that somebody does by a date.",
		Label: "title",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "description", Type: record.Long, Hidden: true},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"workflow_change", "training", "document", "technical", "evidence", "decision"},
				Help: "What kind of remedy it is."},
			{Name: "gap", Type: record.Text, Indexed: true, Hidden: true, Help: "The gap it closes, by its id."},
			{Name: "control", Type: record.Ref, Refers: "control", Indexed: true},
			{Name: "finding", Type: record.Ref, Refers: "finding", Indexed: true, Hidden: true},
			{Name: "policy", Type: record.Ref, Refers: "policy", Indexed: true, Hidden: true},
			{Name: "risk", Type: record.Ref, Refers: "risk", Indexed: true, Hidden: true, Help: "The risk that it treats."},
			{Name: "person", Title: "It is about", Type: record.Ref, Refers: "person", Indexed: true, Hidden: true, Help: "Whose coming, changing or going it is a step of; they do not do it themselves."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "due", Type: record.Date, Indexed: true},
			{Name: "overdue_since", Type: record.Date, Fixed: true, Indexed: true, Hidden: true, Help: "Set when the due date passes, and stays."},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "opened_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "opened_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "done_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "done_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "outcome", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "verified_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "verified_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "cancelled_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "cancelled_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "cancelled_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: machine(),
	}
}

func machine() *record.Machine {
	open := []string{"open", "in_progress"}
	return &record.Machine{
		Initial: "open", By: "opened_by", At: "opened_at",
		Moves: []record.Move{
			{Name: "start", Title: "Start", From: []string{"open"}, To: "in_progress", Guard: own},
			{Name: "finish", Title: "Mark as done", From: open, To: "done", By: "done_by", At: "done_at", Guard: own,
				Fields: []record.Field{{Name: "outcome", Type: record.Long, Required: true, Help: "Say what was done and where it can be seen."}}},
			{Name: "verify", Title: "Verify", From: []string{"done"}, To: "verified", By: "verified_by", At: "verified_at", Guard: verify},
			{Name: "settle", Title: "Close as settled", From: open, To: "verified", By: "done_by", At: "done_at", Job: true, Guard: settle,
				Fields: []record.Field{{Name: "outcome", Type: record.Long, Help: "What on record settled it."}}},
			{Name: "reopen", Title: "Reopen", From: []string{"done"}, To: "open"},
			{Name: "cancel", Title: "Cancel", From: open, To: "cancelled", By: "cancelled_by", At: "cancelled_at", Guard: own,
				Fields: []record.Field{{Name: "cancelled_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why it is not needed."}}},
		},
	}
}

// settle is for the program: what the task asked for is on record, approved by whoever that needs.
func settle(_, after map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "Only what is on record settles a task by itself.").WithNext("Mark it as done, and say what was done.")
	}
	after["verified_at"] = after["done_at"]
	return nil
}

// own keeps everybody out of the steps of their own coming, changing and going.
func own(before, _ map[string]any, actor record.Actor) error {
	who, _ := before["person"].(string)
	if who == "" {
		return nil
	}
	return record.Apart(actor, "do this", record.Party{Role: "the one it is about", Stamp: who})
}

func verify(before, _ map[string]any, actor record.Actor) error {
	doer, _ := before["done_by"].(string)
	if err := own(before, nil, actor); err != nil {
		return err
	}
	return record.Apart(actor, "verify it", record.Party{Role: "the one who did this", Stamp: doer})
}

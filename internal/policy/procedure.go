package policy

import (
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/markdown"
	"tickmark/internal/record"
)

// ProcedureKind declares how a policy's clauses are carried out: steps, each with who does it and the record that it leaves. Draft,
// approved by another person, retired; what is changed is a draft again.
func ProcedureKind() record.Kind {
	return record.Kind{
		Name: "procedure", Title: "Procedure", Plural: "Procedures", Group: "Program",
		Help: "How something is done, step by step, for which clauses of a policy and which controls, and the record that each step leaves.",
		Key:  "id", Label: "title",
		Fields: append([]record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as leaver."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "policy", Type: record.Ref, Refers: "policy", Required: true, Indexed: true},
			{Name: "clauses", Type: record.Text, List: true, Hidden: true, Help: "The clauses of that policy that it carries out, by their ids, such as ACP-3."},
			{Name: "controls", Type: record.Ref, Refers: "control", List: true, Indexed: true, Hidden: true},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "trigger", Title: "Begins when", Type: record.Text, Hidden: true},
			{Name: "steps", Type: record.Object, List: true, Required: true, Hidden: true, Fields: []record.Field{
				{Name: "step", Type: record.Text, Required: true, Help: "What is done."},
				{Name: "by", Title: "Who", Type: record.Text, Required: true, Help: "A role, such as it_lead."},
				{Name: "within", Type: record.Text, Help: "By when, such as one working day."},
				{Name: "leaves", Title: "Record it leaves", Type: record.Text, Help: "Such as a ticket, a task here, an export."},
			}},
			{Name: record.StateField, Type: record.Choice, Choices: procedureMachine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Indexed: true},
			{Name: "retired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "retired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_reason", Type: record.Long, Fixed: true, Hidden: true},
		}, approval.Fields()...),
		States: procedureMachine(), Guard: writeProcedure, Check: checkProcedure,
	}
}

func procedureMachine() *record.Machine {
	return &record.Machine{
		Initial: "draft", Authors: "authors", Independent: approval.Independent,
		Revises: []string{"title", "policy", "clauses", "controls", "trigger", "steps"},
		Moves: append([]record.Move{
			{Name: "approve", Title: "Approve", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at", Guard: procedureApprovals().Approve},
			{Name: "retire", Title: "Retire", From: []string{"draft", "approved"}, To: "retired", By: "retired_by", At: "retired_at",
				Fields: []record.Field{{Name: "retired_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say what replaces it."}}},
		}, procedureApprovals().Moves()...),
	}
}

func procedureApprovals() approval.Rules {
	return approval.Rules{From: "draft", To: "approved", Standing: []string{"approved"}, Parties: approval.Authors("procedure", "Ask another person.")}
}

func writeProcedure(_, after map[string]any, _ record.Actor) error {
	if steps, _ := after["steps"].([]any); len(steps) == 0 {
		return fault.New(fault.Invalid, "A procedure without a step says nothing.").WithNext("Write at least one: what is done, by whom, and the record it leaves.")
	}
	return nil
}

// checkProcedure refuses to approve what refers to clauses that the policy's text in force does not have, or leaves no record at all.
func checkProcedure(look record.Look, before, after map[string]any, _ record.Actor) error {
	if text(after, record.StateField) != "approved" || text(before, record.StateField) == "approved" {
		return nil
	}
	left := false
	steps, _ := after["steps"].([]any)
	for _, s := range steps {
		if m, _ := s.(map[string]any); text(m, "leaves") != "" {
			left = true
		}
	}
	if !left {
		return fault.New(fault.Invalid, "No step of it leaves a record, so that nobody could show that it was followed.").WithNext("Say at one step at least which record it leaves.")
	}
	wanted := list(after, "clauses")
	if len(wanted) == 0 {
		return nil
	}
	v, err := inForce(look, text(after, "policy"))
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Conflict, "No text of the policy %s is in force, so that there is no clause to carry out.", text(after, "policy")).WithNext("Publish the policy first.")
	}
	if err != nil {
		return err
	}
	var has, lacks []string
	for _, c := range markdown.Clauses(v.Text) {
		has = append(has, c.ID)
	}
	for _, w := range wanted {
		if !slices.Contains(has, w) {
			lacks = append(lacks, w)
		}
	}
	if len(lacks) > 0 {
		return fault.New(fault.Invalid, "The text in force, %s, has no clause %s.", fmt.Sprintf("version %s", v.Number), strings.Join(lacks, ", ")).WithNext("It has %s.", strings.Join(has, ", "))
	}
	return nil
}

// Package system holds the boundary: what delivers the service and is examined, and what is outside. The one rule: what
// belongs to it is dated and never retroactive; a change of boundary begins on the day it is made or later.
package system

import (
	"slices"

	"tickmark/internal/approval"
	"tickmark/internal/record"
)

// Kind declares the system: draft, approved, retired. Changing its boundary makes it a draft again.
func Kind() record.Kind {
	return record.Kind{
		Name: "system", Title: "System", Plural: "Systems", Group: "Program",
		Help: "What delivers the service that the report is about: its boundary, its parts and the data in it.",
		Key:  "id", Label: "name",
		Fields: slices.Concat([]record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as production."},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "description", Type: record.Long, Hidden: true, Help: "What it does and for whom."},
			{Name: "services", Type: record.Text, List: true, Help: "The services in scope, as customers know them."},
			{Name: "inside", Title: "Inside the boundary", Type: record.Long, Hidden: true},
			{Name: "outside", Title: "Outside the boundary", Type: record.Long, Hidden: true, Help: "What is left out, and why."},
			{Name: "locations", Type: record.Text, List: true, Hidden: true},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "components", Type: record.Object, List: true, Hidden: true, Help: "The parts, each with the day from which it belongs.", Fields: []record.Field{
				{Name: "type", Type: record.Choice, Required: true, Choices: []string{"infrastructure", "software", "people", "procedure", "data", "third_party"}},
				{Name: "name", Type: record.Text, Required: true},
				{Name: "description", Type: record.Text},
				{Name: "source", Title: "Source", Type: record.Text, Help: "The connection whose records are this part; empty for all."},
				{Name: "kinds", Type: record.Text, List: true, Help: "Kinds of record that are this part, such as host_account."},
				{Name: "where", Title: "Only where", Type: record.Text, Help: "A condition over r that narrows them, such as r.name.startsWith(\"prod-\")."},
				{Name: "outside", Title: "Outside, because", Type: record.Text, Help: "Only for what is named to say that it is outside: why. Empty for what is inside."},
				{Name: "from", Title: "From", Type: record.Date, Required: true, Help: "First day; today or later when it is added."},
				{Name: "to", Title: "Through", Type: record.Date, Help: "Last day inside; empty while it belongs."},
			}},
			{Name: "data", Title: "Data", Type: record.Object, List: true, Hidden: true, Help: "What data is kept or passes through.", Fields: []record.Field{
				{Name: "name", Type: record.Text, Required: true},
				{Name: "class", Type: record.Choice, Required: true, Choices: []string{"public", "internal", "confidential", "restricted"}},
				{Name: "personal", Type: record.Bool},
				{Name: "where", Title: "Kept in", Type: record.Text},
				{Name: "retention", Type: record.Text},
			}},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Hidden: true},
		}, approval.Fields(), []record.Field{
			{Name: "retired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "retired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_reason", Type: record.Long, Fixed: true, Hidden: true},
		}),
		States: machine(),
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if err := approval.SmallTeam(look, before, after); err != nil {
				return err
			}
			return dated(look, before, after, actor)
		},
	}
}

func machine() *record.Machine {
	return &record.Machine{
		Initial: "draft", Authors: "authors", Revises: []string{"services", "inside", "outside", "components", "data"},
		Independent: approval.Independent,
		Moves: slices.Concat([]record.Move{
			{Name: "approve", Title: "Approve", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at", Guard: approvals().Approve},
		}, approvals().Moves(), []record.Move{
			{Name: "retire", Title: "Retire", From: []string{"draft", "approved"}, To: "retired", By: "retired_by", At: "retired_at",
				Fields: []record.Field{{Name: "retired_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}},
		}),
	}
}

func approvals() approval.Rules {
	return approval.Rules{From: "draft", To: "approved", Standing: []string{"approved"}, Parties: approval.Authors("boundary", "Write it again, then ask another person to approve it.")}
}

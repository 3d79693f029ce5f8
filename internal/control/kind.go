package control

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind declares the control: draft, approved, active, retired. Changing what was approved makes it a draft again, until
// someone other than those who changed it approves.
func Kind() record.Kind {
	return record.Kind{
		Name: "control", Title: "Control", Plural: "Controls", Group: "Program",
		Help: "What the organisation does to meet criteria: who does what, when, and which record proves it.",
		Key:  "id", Label: "title",
		Fields: slices.Concat([]record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as AC-06."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "statement", Type: record.Long, Required: true, Hidden: true,
				Help: "Who does what, when, and which record proves it. Promise only what you will do."},
			{Name: "criteria", Type: record.Ref, Refers: "criterion", List: true, Required: true, Indexed: true,
				Help: "The criteria it helps to meet, the primary one first."},
			{Name: "family", Type: record.Text, Indexed: true, Help: "The group it belongs to, such as access or change."},
			{Name: "frequency", Type: record.Choice, Choices: Frequencies(),
				Help: "How often it happens, and so how often it will be tested in your window."},
			{Name: "grace_days", Title: "Days of grace", Type: record.Integer, Hidden: true,
				Help: "How many days after a span its performance and its evidence are still in time; none when empty."},
			{Name: "events", Title: "What calls for it", Type: record.Object, Hidden: true,
				Help: "For a control that is performed per event: which records are the events. Those of an automated control are judged by its checks; for any other, each event is a performance that is due.",
				Fields: []record.Field{
					{Name: "kind", Type: record.Text, Help: "The kind of record, such as person, or for an automated control a view, such as change."},
					{Name: "where", Type: record.Text, Help: "Which of them, as a filter over r, such as has(r.end)."},
					{Name: "date", Type: record.Text, Help: "The field that holds the day, such as end; empty for when it occurred."},
					{Name: "changed", Title: "Field that changes", Type: record.Text, Help: "Instead of a date: the field each of whose changes is an event, such as title."},
					{Name: "lead_days", Title: "Days before", Type: record.Integer, Help: "How many days before that day it may be done already."},
					{Name: "due_days", Type: record.Integer, Help: "Within how many days after that day."},
					{Name: "waits_for", Title: "Waits for", Type: record.Text, Help: "Instead of a kind: the source that would tell, while none is connected. Until then the control is unknown."},
				}},
			{Name: "review_each", Title: "Each performance is reviewed", Type: record.Bool, Hidden: true,
				Help: "A second person looks at each performance; until then it does not count."},
			{Name: "nature", Type: record.Choice, Choices: Natures(), Hidden: true},
			{Name: "type", Type: record.Choice, Choices: Types(), Hidden: true},
			{Name: "owner_role", Type: record.Text, Hidden: true, Help: "The accountable role, such as security_lead."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true, Help: "The one active person who answers for it."},
			{Name: "stage", Type: record.Choice, Choices: Stages(), Hidden: true, Help: "The earliest stage of a company that needs it."},
			{Name: "evidence", Title: "Evidence rule", Type: record.Text, List: true, Hidden: true, Help: "What should exist as proof."},
			{Name: "checks", Type: record.Text, List: true, Indexed: true, Hidden: true, Help: "Ids of the checks that watch it."},
			{Name: "procedures", Title: "Test procedures", Type: record.Object, Hidden: true,
				Help: "What an auditor would do, as a starting text.",
				Fields: []record.Field{
					{Name: "design", Type: record.Text, List: true},
					{Name: "operating", Type: record.Text, List: true},
				}},
			{Name: "catalogue_id", Title: "Copied from", Type: record.Text, Hidden: true, Help: "The starter control it was copied from."},
			{Name: "catalogue_version", Type: record.Text, Hidden: true},
			{Name: "tailored", Type: record.Bool, Hidden: true, Help: "Its content was changed after it was copied from the catalogue."},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true,
				Help: "Everyone who wrote the content that is to be approved; none of them may approve it."},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Hidden: true},
		}, approval.Fields(), []record.Field{
			{Name: "active_since", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "retired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_reason", Type: record.Long, Fixed: true, Hidden: true},
		}),
		States: machine(),
		Guard:  marker(),
		Check: func(look record.Look, before, after map[string]any, _ record.Actor) error {
			if err := askable(look, before, after); err != nil {
				return err
			}
			return approval.SmallTeam(look, before, after)
		},
	}
}

// contentFields are what an approval is about and what makes an adopted control a tailored one. The owner is neither: a duty may
// pass from one person to another without a new approval of its text.
func contentFields() []string {
	return []string{"title", "statement", "criteria", "frequency", "nature", "type", "evidence", "checks", "procedures"}
}

// approvedFields are what an approval is about beside the content: how strictly it is held to.
func approvedFields() []string { return append(contentFields(), "grace_days", "events", "review_each") }

func approvals() approval.Rules {
	return approval.Rules{From: "draft", To: string(approval.ByAuthor), Standing: []string{string(approval.ByAuthor), "active"},
		Parties: approval.Authors("control", "Write its statement again, then ask another person to approve it.")}
}

func machine() *record.Machine {
	return &record.Machine{
		Initial: "draft", Authors: "authors", Revises: approvedFields(), Frozen: []string{"retired"},
		Independent: approval.Independent,
		Moves: slices.Concat([]record.Move{
			{Name: "approve", Title: "Approve", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at", Guard: approvals().Approve},
		}, approvals().Moves(), []record.Move{
			{Name: "return", Title: "Return to draft", From: []string{"approved", "approved_by_author"}, To: "draft"},
			{Name: "activate", Title: "Put into operation", From: []string{"approved", "approved_by_author"}, To: "active", At: "active_since", Guard: activate},
			{Name: "retire", Title: "Retire", From: []string{"draft", "approved", "approved_by_author", "active"}, To: "retired", By: "retired_by", At: "retired_at",
				Fields: []record.Field{{Name: "retired_reason", Title: "Reason", Type: record.Long, Required: true,
					Help: "Say why nothing relies on it any more, or what replaces it."}}},
			{Name: "readopt", Title: "Adopt again", From: []string{"retired"}, To: "draft", Guard: readopt},
		}),
	}
}

// readopt begins anew: whoever brings it back is one of those who cannot approve it alone. That it was retired, and why, stays
// in its history.
func readopt(before, after map[string]any, actor record.Actor) error {
	approval.Forget(after)
	for _, f := range []string{"retired_by", "retired_at", "retired_reason"} {
		delete(after, f)
	}
	authors, _ := before["authors"].([]any)
	if authors = slices.Clone(authors); !slices.Contains(authors, any(actor.Stamp())) {
		authors = append(authors, actor.Stamp())
	}
	after["authors"] = authors
	return nil
}

// activate asks for what a control in operation can't be without.
func activate(before, _ map[string]any, _ record.Actor) error {
	for _, f := range []struct{ field, what string }{
		{"owner", "an owner"}, {"frequency", "a frequency"}, {"evidence", "an evidence rule"},
	} {
		empty := before[f.field] == nil || before[f.field] == ""
		if list, ok := before[f.field].([]any); ok && len(list) == 0 {
			empty = true
		}
		if empty {
			return fault.New(fault.Invalid, "A control in operation needs %s, and this one has none.", f.what).
				WithNext("Fill in %q first.", f.field)
		}
	}
	return nil
}

// marker keeps the mark of tailoring true to what was done: untailored is only what equals the catalogue's text, and what a
// record was copied from doesn't change afterwards.
func marker() func(before, after map[string]any, actor record.Actor) error {
	catalogue := sync.OnceValues(Catalogue)
	return func(before, after map[string]any, _ record.Actor) error {
		for _, f := range []string{"catalogue_id", "catalogue_version"} {
			if v, copied := before[f]; copied {
				after[f] = v
			}
		}
		id, copied := after["catalogue_id"].(string)
		if !copied {
			delete(after, "tailored")
			return nil
		}
		items, err := catalogue()
		if err != nil {
			return err
		}
		tailored, _ := before["tailored"].(bool)
		for _, f := range contentFields() {
			tailored = tailored || before != nil && !reflect.DeepEqual(before[f], after[f])
		}
		i := slices.IndexFunc(items, func(item Item) bool { return item.ID == id && item.Version == after["catalogue_version"] })
		switch {
		case i >= 0:
			if tailored, err = differs(items[i], after); err != nil {
				return err
			}
		case before == nil:
			return fault.New(fault.Invalid, "The catalogue has no control %s in version %v.", id, after["catalogue_version"]).
				WithNext("Leave out catalogue_id and catalogue_version for a control of your own.")
		}
		after["tailored"] = tailored
		return nil
	}
}

func differs(item Item, body map[string]any) (bool, error) {
	raw, err := Adopt(item)
	if err != nil {
		return false, err
	}
	var copied map[string]any
	if err := json.Unmarshal(raw, &copied); err != nil {
		return false, fmt.Errorf("compare %s with the catalogue: %w", item.ID, err)
	}
	return slices.ContainsFunc(contentFields(), func(f string) bool { return !reflect.DeepEqual(copied[f], body[f]) }), nil
}

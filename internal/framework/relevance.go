package framework

import (
	"encoding/json"
	"fmt"
	"strings"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// RelevanceName is the kind in which a criterion in scope is said to be touched by no part of the system.
const RelevanceName = "not_relevant"

// RelevanceKind declares it: proposed with its reason, then approved by another person. Only then does the criterion carry the
// reason, and stops being a gap; withdrawn, it counts again.
func RelevanceKind() record.Kind {
	kept := func(name string, t record.Type) record.Field {
		f := record.Field{Name: name, Type: t, Fixed: true, Hidden: true}
		if t == record.Ref {
			f.Refers = "person"
		}
		return f
	}
	return record.Kind{
		Name: RelevanceName, Title: "Criterion not relevant", Plural: "Criteria not relevant", Group: "Program",
		Help:  "A criterion in scope that no part of the system touches, with the reason and who looked at it. The auditor reads both.",
		Label: "criterion",
		Fields: []record.Field{
			{Name: "criterion", Type: record.Ref, Refers: "criterion", Required: true, Indexed: true},
			{Name: "reason", Type: record.Long, Required: true, Help: "Why nothing in the system touches it. That it is dear or late is no reason."},
			{Name: record.StateField, Type: record.Choice, Choices: relevance().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			kept("proposed_by", record.Ref), kept("proposed_at", record.Time), {Name: "approved_by", Title: "Reviewer", Type: record.Ref, Refers: "person", Fixed: true}, kept("approved_at", record.Time), kept("looked_at", record.Long),
			kept("ended_by", record.Ref), kept("ended_at", record.Time), kept("ended_reason", record.Long),
		},
		States: relevance(),
		Check: func(look record.Look, before, after map[string]any, _ record.Actor) error {
			if before != nil && before["criterion"] != after["criterion"] {
				return fault.New(fault.Invalid, "It is about %v, and stays so.", before["criterion"]).WithNext("Write another one.")
			}
			list, err := look.Find(RelevanceName, "criterion", after["criterion"])
			if err != nil || before != nil {
				return err
			}
			for _, v := range list {
				var b struct{ State string }
				if err := json.Unmarshal(v.Body, &b); err != nil {
					return fmt.Errorf("read %s: %w", v.Key, err)
				}
				if b.State == "proposed" || b.State == "approved" {
					return fault.New(fault.Conflict, "%v is said not to be relevant already (%s).", after["criterion"], b.State).WithNext("Withdraw that one first.")
				}
			}
			return nil
		},
		Follows: func(look record.Look, _ string, before, after map[string]any) ([]record.Change, error) {
			was, is := before[record.StateField], after[record.StateField]
			if was == is || is != "approved" && was != "approved" {
				return nil, nil
			}
			id, _ := after["criterion"].(string)
			v, err := look.Get("criterion", id)
			if err != nil {
				return nil, err
			}
			var body map[string]any
			if err := json.Unmarshal(v.Body, &body); err != nil {
				return nil, fmt.Errorf("read criterion %s: %w", id, err)
			}
			delete(body, "not_relevant_reason")
			if is == "approved" {
				body["not_relevant_reason"] = after["reason"]
			}
			raw, err := json.Marshal(body)
			return []record.Change{{Kind: "criterion", Key: id, Body: raw, Reason: fmt.Sprintf("said not to be relevant: %v", is)}}, err
		},
	}
}

func relevance() *record.Machine {
	reason := []record.Field{{Name: "ended_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}
	return &record.Machine{
		Initial: "proposed", By: "proposed_by", At: "proposed_at", Authors: "authors", Frozen: []string{"approved"},
		Moves: []record.Move{
			{Name: "approve", Title: "Agree", From: []string{"proposed"}, To: "approved", By: "approved_by", At: "approved_at", Guard: agree,
				Fields: []record.Field{{Name: "looked_at", Title: "What you looked at", Type: record.Long, Required: true, Help: "Say what shows that nothing in the system touches it."}}},
			{Name: "refuse", Title: "Refuse", From: []string{"proposed"}, To: "refused", By: "ended_by", At: "ended_at", Fields: reason},
			{Name: "withdraw", Title: "Withdraw", From: []string{"proposed", "approved"}, To: "withdrawn", By: "ended_by", At: "ended_at", Fields: reason},
		},
	}
}

func agree(before, _ map[string]any, actor record.Actor) error {
	authors, _ := before["authors"].([]any)
	if len(authors) == 0 {
		return fault.New(fault.Denied, "Nobody is known as its author, so nobody can be shown to be someone else.").WithNext("Write it again, then ask another person.")
	}
	var parties []record.Party
	for _, a := range authors {
		stamp, _ := a.(string)
		parties = append(parties, record.Party{Role: "the one who wrote it", Stamp: stamp})
	}
	return record.Apart(actor, "agree to it", parties...)
}

// reviewed refuses a reason that somebody writes into a criterion: it comes there when another person agreed to it.
func reviewed(before, after map[string]any, actor record.Actor) error {
	was, _ := before["not_relevant_reason"].(string)
	is, _ := after["not_relevant_reason"].(string)
	if actor.IsJob() || strings.TrimSpace(was) == strings.TrimSpace(is) {
		return nil
	}
	return fault.New(fault.Denied, "Why a criterion is not relevant is written beside it, and counts once another person agreed.").WithNext("tickmark put %s, with criterion and reason; then ask another person to approve it.", RelevanceName)
}

package period

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
)

// ChangeName is the kind in which the scope of an examination is changed once its window has begun.
const ChangeName = "scope_change"

// changeJob is what writes the period when a change takes effect.
const changeJob = "job:" + ChangeName

// scoped are the fields of a period that only an approved change may alter once the window has begun.
var scoped = []string{"report", "type", "categories", "system", "from", "to"}

// ChangeKind declares the dated change of what an examination is about.
func ChangeKind() record.Kind {
	fields := []record.Field{
		{Name: "title", Type: record.Text, Required: true},
		{Name: "period", Title: "Examination", Type: record.Ref, Refers: "period", Required: true, Indexed: true},
		{Name: "reason", Type: record.Long, Required: true, Hidden: true, Help: "Why it changes while the window runs. The firm reads it."},
		{Name: "effect", Title: "What it does", Type: record.Long, Required: true, Hidden: true, Help: "To criteria, controls, evidence and to what customers were told."},
		{Name: "from", Title: "Takes effect on", Type: record.Date, Required: true, Indexed: true, Help: "Never before the day on which it is approved."},
		{Name: "categories", Type: record.Choice, List: true, Choices: framework.Categories(), Help: "All categories from then on; empty when they stay."},
		{Name: "system", Type: record.Ref, Refers: "system", Hidden: true, Help: "Another system; empty when it stays. A change of a system's boundary is made in the system, dated as well."},
		{Name: "to", Title: "Last day of the window", Type: record.Date, Hidden: true, Help: "Another last day; empty when it stays."},
		{Name: "firm_agrees", Title: "Agreed with the firm", Type: record.Text, Hidden: true, Help: "Who of the firm agreed, and when; needed once a firm examines."},
		{Name: record.StateField, Type: record.Choice, Choices: changes().States(), Fixed: true, Indexed: true},
		{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
		{Name: "before", Title: "As it was", Type: record.JSON, Fixed: true, Hidden: true},
	}
	for _, verb := range []string{"proposed", "approved", "ended"} {
		fields = append(fields, record.Field{Name: verb + "_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: verb != "approved"}, record.Field{Name: verb + "_at", Type: record.Time, Fixed: true, Hidden: true})
	}
	fields = append(fields, record.Field{Name: "decision", Type: record.Long, Fixed: true, Hidden: true}, record.Field{Name: "ended_reason", Type: record.Long, Fixed: true, Hidden: true}, record.Field{Name: "applied_at", Type: record.Time, Fixed: true, Hidden: true})
	return record.Kind{
		Name: ChangeName, Title: "Change of scope", Plural: "Changes of scope", Group: "Program",
		Help:  "Another set of categories, another system or another last day, once the window has begun: with its reason, approved by another, from a day on.",
		Label: "title", Fields: fields, States: changes(), Guard: proposed, Check: changeable, Follows: applied,
	}
}

func changes() *record.Machine {
	reason := []record.Field{{Name: "ended_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}
	return &record.Machine{
		Initial: "proposed", By: "proposed_by", At: "proposed_at", Authors: "authors", Frozen: []string{"approved", "in_effect"},
		Moves: []record.Move{
			{Name: "approve", Title: "Approve", From: []string{"proposed"}, To: "approved", By: "approved_by", At: "approved_at", Guard: approveChange,
				Fields: []record.Field{{Name: "decision", Type: record.Long, Required: true, Help: "Say why the change is reasonable and what readers of the report are told."}}},
			{Name: "refuse", Title: "Refuse", From: []string{"proposed"}, To: "refused", By: "ended_by", At: "ended_at", Fields: reason},
			{Name: "withdraw", Title: "Withdraw", From: []string{"proposed", "approved"}, To: "withdrawn", By: "ended_by", At: "ended_at", Fields: reason},
			{Name: "apply", Title: "Take effect", From: []string{"approved"}, To: "in_effect", At: "applied_at", Job: true},
		},
	}
}

func approveChange(before, _ map[string]any, actor record.Actor) error {
	var parties []record.Party
	authors, _ := before["authors"].([]any)
	for _, a := range authors {
		stamp, _ := a.(string)
		parties = append(parties, record.Party{Role: "an author of this change", Stamp: stamp})
	}
	if len(parties) == 0 {
		return fault.New(fault.Denied, "Nobody is known as its author, so nobody can be shown to be someone else.").WithNext("Write it again, then ask another person to approve it.")
	}
	return record.Apart(actor, "approve it", parties...)
}

// proposed refuses a change that changes nothing or leaves out what every report covers.
func proposed(_, after map[string]any, _ record.Actor) error {
	list, _ := after["categories"].([]any)
	system, _ := after["system"].(string)
	to, _ := after["to"].(string)
	switch {
	case len(list) == 0 && system == "" && to == "":
		return fault.New(fault.Invalid, "It changes nothing.").WithNext("Name all categories from then on, another system or another last day.")
	case len(list) > 0 && !slices.Contains(list, any(framework.Security)):
		return fault.New(fault.Invalid, "The categories leave out security, which every SOC 2 report covers.").WithNext("Add %q to categories.", framework.Security)
	}
	return nil
}

// changeable refuses a change that reaches into the past, when it is proposed, approved and applied.
func changeable(look record.Look, before, after map[string]any, _ record.Actor) error {
	state, was := text(after, record.StateField), text(before, record.StateField)
	if before != nil && state == was && reflect.DeepEqual(before["from"], after["from"]) && reflect.DeepEqual(before["to"], after["to"]) {
		return nil
	}
	if state != "proposed" && state != "approved" && state != "in_effect" {
		return nil
	}
	v, err := look.Get("period", text(after, "period"))
	if err != nil {
		return err
	}
	p, err := Read(v)
	if err != nil {
		return err
	}
	if p.State == "closed" {
		return fault.New(fault.Conflict, "%s is closed, and its scope stands.", p.Name).WithNext("Plan the next period with the scope that you want.")
	}
	today, err := day(look)
	if err != nil {
		return err
	}
	from := text(after, "from")
	switch {
	case state != "in_effect" && from < today:
		return fault.New(fault.Invalid, "It would take effect on %s, before today, %s. Scope is never changed backwards.", from, today).WithNext("Let it take effect today or later.")
	case state == "in_effect" && from > today:
		return fault.New(fault.Conflict, "It takes effect on %s, and today is %s.", from, today).WithNext("It takes effect by itself on that day.")
	case p.To != "" && from > p.To:
		return fault.New(fault.Invalid, "It would take effect on %s, after the window, which ends on %s.", from, p.To).WithNext("Change the next period instead.")
	}
	if to := text(after, "to"); to != "" && (to < p.From || to < today) {
		return fault.New(fault.Invalid, "The window would end on %s, before today or before it begins.", to).WithNext("Give a later day.")
	}
	if state != "approved" {
		return nil
	}
	begun, err := examined(look, p.Key)
	if err != nil {
		return err
	}
	if begun && strings.TrimSpace(text(after, "firm_agrees")) == "" {
		return fault.New(fault.Conflict, "The examination has begun, and nothing says that the firm agreed to the change.").WithNext("Take it back with a reason, and propose it again with who of the firm agreed and when, in firm_agrees.")
	}
	return nil
}

// examined reports whether the programme says that a firm examines the period.
func examined(look record.Look, key string) (bool, error) {
	if _, err := look.Kind("cycle"); fault.Is(err, fault.NotFound) {
		return false, nil
	}
	list, err := look.Find("cycle", "period", key)
	for _, v := range list {
		var c struct{ State string }
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return false, fmt.Errorf("read the cycle %s: %w", v.Key, err)
		}
		if c.State == "in_examination" {
			return true, nil
		}
	}
	return false, err
}

// applied writes the period when a change takes effect.
func applied(look record.Look, _ string, before, after map[string]any) ([]record.Change, error) {
	if text(after, record.StateField) != "in_effect" || text(before, record.StateField) == "in_effect" {
		return nil, nil
	}
	v, err := look.Get("period", text(after, "period"))
	if err != nil {
		return nil, err
	}
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return nil, fmt.Errorf("read the period %s: %w", v.Key, err)
	}
	for _, f := range []string{"system", "to"} {
		if s := text(after, f); s != "" {
			body[f] = s
		}
	}
	if list, _ := after["categories"].([]any); len(list) > 0 {
		body["categories"] = list
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return []record.Change{{Kind: "period", Key: v.Key, Body: raw, Reason: "change of scope: " + text(after, "title")}}, nil
}

// steady refuses to alter the scope of a period whose window has begun, except by a change that took effect.
func steady(look record.Look, before, after map[string]any, actor record.Actor) error {
	if before == nil || before[record.StateField] != "current" || actor.IsJob() && actor.Name == changeJob {
		return nil
	}
	var altered string
	for _, f := range scoped {
		if !reflect.DeepEqual(before[f], after[f]) {
			altered = f
			break
		}
	}
	opens, _ := before["from"].(string)
	if altered == "" || opens == "" {
		return nil
	}
	today, err := day(look)
	if err != nil || opens > today {
		return err
	}
	return fault.New(fault.Conflict, "The window began on %s, and since then %s changes only by a change of scope that another person approved.", opens, altered).
		WithNext("Propose it with its reason: tickmark put scope_change.")
}

func day(look record.Look) (string, error) {
	zone := time.UTC
	v, err := look.Get("organisation", organisation.Key)
	switch {
	case err == nil:
		zone = organisation.Zone(v.Body)
	case !fault.Is(err, fault.NotFound):
		return "", err
	}
	return calendar.Text(calendar.Of(look.At, zone)), nil
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

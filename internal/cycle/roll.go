package cycle

import (
	"encoding/json"
	"slices"
	"strings"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// rolled refuses a second roll forward.
func rolled(before, _ map[string]any, actor record.Actor) error {
	if next := text(before, "next_id"); next != "" {
		return fault.New(fault.Conflict, "It was rolled forward to %s.", next).WithNext("Go on with that cycle; nothing is made twice.")
	}
	return record.Apart(actor, "roll it forward")
}

// rollable refuses a next window that does not follow on, and ids that are taken.
func rollable(look record.Look, c Cycle, id, to string) error {
	v, err := look.Get("period", c.Period)
	if err != nil {
		return err
	}
	var p struct{ To string }
	if err := json.Unmarshal(v.Body, &p); err != nil {
		return err
	}
	if to <= p.To {
		return fault.New(fault.Invalid, "The next window would end on %s, and the one before ends on %s.", to, p.To).WithNext("Give a later day.")
	}
	if strings.TrimSpace(id) == "" {
		return fault.New(fault.Invalid, "The next cycle has no id.").WithNext("Give one, such as fy27.")
	}
	for _, kind := range []string{"period", Name} {
		if _, err := look.Get(kind, id); err == nil {
			return fault.New(fault.Conflict, "There is a %s %s already.", kind, id).WithNext("Give another id.")
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// follows makes the next period and the next cycle when one is rolled forward. Scope, system, team, control set and people are
// carried over, and what is open is listed by name; populations, results and conclusions begin anew. The next window begins on
// the day after this one ends, so that no day lies between two reports.
func follows(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
	if before == nil || before["rolled_at"] == after["rolled_at"] {
		return nil, nil
	}
	v, err := look.Get("period", text(after, "period"))
	if err != nil {
		return nil, err
	}
	var old map[string]any
	if err := json.Unmarshal(v.Body, &old); err != nil {
		return nil, err
	}
	id, name := text(after, "next_id"), text(after, "next_name")
	next := map[string]any{"id": id, "name": name, "from": calendar.Text(calendar.Parse(text(old, "to")).AddDate(0, 0, 1)), "to": text(after, "next_to")}
	for _, f := range []string{"objective", "report", "type", "categories", "system", "stage", "team", "left_out", "policies"} {
		if x, ok := old[f]; ok {
			next[f] = x
		}
	}
	if t := text(after, "next_type"); t != "" {
		next["type"] = t
	}
	if next["type"] == "type_1" {
		delete(next, "from")
	}
	carried, err := open(look)
	if err != nil {
		return nil, err
	}
	turn := map[string]any{"id": id, "name": name, "period": id, "previous": key, "carried": carried}
	for _, f := range []string{"sponsor", "owner", "charter", "drivers", "report_reason", "type_reason", "fieldwork_days", "firm", "auditors"} {
		if x, ok := after[f]; ok && x != nil {
			turn[f] = x
		}
	}
	var out []record.Change
	none := record.Moment(0)
	for _, c := range []struct {
		kind string
		body map[string]any
	}{{"period", next}, {Name, turn}} {
		raw, err := json.Marshal(c.body)
		if err != nil {
			return nil, err
		}
		out = append(out, record.Change{Kind: c.kind, Key: id, Body: raw, If: &none, Reason: "rolled forward from " + key})
	}
	return out, nil
}

// open is what is carried over by name: findings, exceptions and tasks about gaps that nobody closed.
func open(look record.Look) ([]any, error) {
	out := []any{}
	for _, k := range []struct {
		kind string
		open []string
	}{
		{"finding", []string{"open", "assigned", "in_progress", "fixed", "verified", "claimed_false", "risk_accepted"}},
		{"exception", []string{"requested", "approved", "active"}},
		{"task", []string{"open", "in_progress", "done"}},
		{"readiness_observation", []string{"open", "planned", "fixed"}},
	} {
		list, err := all[openBody](look, k.kind)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			if slices.Contains(k.open, x.State) && (k.kind != "task" || x.Gap != "") {
				out = append(out, map[string]any{"kind": k.kind, "key": x.Key, "label": x.Label, "state": x.State})
			}
		}
	}
	return out, nil
}

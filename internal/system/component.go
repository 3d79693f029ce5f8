package system

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
)

// System is a system as its record says it.
type System struct {
	Key         string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Services    []string    `json:"services"`
	Inside      string      `json:"inside"`
	Outside     string      `json:"outside"`
	Locations   []string    `json:"locations"`
	Owner       string      `json:"owner"`
	Components  []Component `json:"components"`
	Data        []Data      `json:"data"`
	State       string      `json:"state"`
	ApprovedBy  string      `json:"approved_by"`
	ApprovedAt  string      `json:"approved_at"`
	ReviewDue   string      `json:"review_due,omitempty"` // of an approval by its author
	LateBy      string      `json:"late_reviewed_by,omitempty"`
}

// Approval is how the boundary was approved.
func (s System) Approval() approval.Approval {
	return approval.How(s.State, s.ApprovedBy, s.ReviewDue, s.LateBy)
}

// Component is one part of a system, inside from its first day through its last.
type Component struct {
	Type        string   `json:"type" yaml:"type"`
	Name        string   `json:"name" yaml:"name"`
	Description string   `json:"description,omitempty" yaml:"description"`
	Source      string   `json:"source,omitempty" yaml:"source"`
	Kinds       []string `json:"kinds,omitempty" yaml:"kinds"`
	Where       string   `json:"where,omitempty" yaml:"where"`
	From        string   `json:"from" yaml:"from"`
	To          string   `json:"to,omitempty" yaml:"to"`
	Outside     string   `json:"outside,omitempty" yaml:"outside"` // why the records are outside, where it is named to say that
}

// Data is one sort of data that is kept or passes through.
type Data struct {
	Name      string `json:"name" yaml:"name"`
	Class     string `json:"class" yaml:"class"`
	Personal  bool   `json:"personal,omitempty" yaml:"personal"`
	Where     string `json:"where,omitempty" yaml:"where"`
	Retention string `json:"retention,omitempty" yaml:"retention"`
}

// Read reads a system's record.
func Read(v record.Version) (System, error) {
	var s System
	if err := json.Unmarshal(v.Body, &s); err != nil {
		return s, fmt.Errorf("read the system %s: %w", v.Key, err)
	}
	s.Key = v.Key
	return s, nil
}

// Inside reports whether the component belongs on a day, YYYY-MM-DD.
func (c Component) Inside(day string) bool { return c.From <= day && (c.To == "" || day <= c.To) }

// dated refuses a change of the boundary that would reach into the past. Days are those of the organisation's zone.
func dated(look record.Look, before, after map[string]any, _ record.Actor) error {
	zone := time.UTC
	if v, err := look.Get("organisation", organisation.Key); err == nil {
		zone = organisation.Zone(v.Body)
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	_, approved := before["approved_at"]
	return Changed(parts(before), parts(after), look.At.In(zone).Format(time.DateOnly), approved)
}

func parts(body map[string]any) []map[string]any {
	list, _ := body["components"].([]any)
	var out []map[string]any
	for _, x := range list {
		if c, ok := x.(map[string]any); ok {
			out = append(out, c)
		}
	}
	return out
}

// Changed refuses a set of components that follows another one on a day. A new one begins that day or later. One that was
// there keeps its first day and, once the boundary was approved, what it stands for; it is ended by a last day that has not
// passed, and what ended stays ended. Before the first approval nothing rests on it, so it may also be changed or removed.
func Changed(before, after []map[string]any, today string, approved bool) error {
	left := append([]map[string]any{}, before...)
	for _, c := range after {
		i := match(left, c, approved)
		if i < 0 {
			if from := text(c, "from"); from < today {
				return fault.New(fault.Invalid, "The component %q would begin on %s, before today, %s. A boundary is never changed backwards.", text(c, "name"), from, today).
					WithNext("Let it begin today or later.")
			}
			if to := text(c, "to"); to != "" && to < text(c, "from") {
				return fault.New(fault.Invalid, "The component %q would end on %s, before it begins.", text(c, "name"), to)
			}
			continue
		}
		old := left[i]
		left = append(left[:i:i], left[i+1:]...)
		was, is := text(old, "to"), text(c, "to")
		switch {
		case was == is:
		case was != "" && was < today:
			return fault.New(fault.Invalid, "The component %q ended on %s, and what ended stays ended.", text(c, "name"), was).WithNext("Add it again from today.")
		case is != "" && is < today:
			return fault.New(fault.Invalid, "The component %q would end on %s, before today, %s. A boundary is never changed backwards.", text(c, "name"), is, today).
				WithNext("Let it end today or later.")
		case is != "" && is < text(c, "from"):
			return fault.New(fault.Invalid, "The component %q would end on %s, before it begins.", text(c, "name"), is)
		}
	}
	for _, c := range left {
		if approved && text(c, "from") <= today {
			return fault.New(fault.Invalid, "The component %q belongs to the approved boundary since %s; it cannot be removed, moved to another day or made to stand for something else.", text(c, "name"), text(c, "from")).
				WithNext("Give it a last day, and add a new component from today.")
		}
	}
	return nil
}

// match finds the component that goes on as c: the same name, type and first day and, once approved, the same records.
func match(list []map[string]any, c map[string]any, approved bool) int {
	same := []string{"name", "type", "from"}
	if approved {
		same = append(same, "source", "kinds", "where", "outside")
	}
	for i, old := range list {
		all := true
		for _, f := range same {
			all = all && reflect.DeepEqual(old[f], c[f])
		}
		if all {
			return i
		}
	}
	return -1
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return strings.TrimSpace(s)
}

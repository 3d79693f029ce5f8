// Package control holds what the organisation does to meet the criteria: the catalogue of starter controls and the kind
// control. The one rule: a control is adopted as a copy, and counts only once someone other than its authors approved it.
package control

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"tickmark/content"
	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
)

// Item is one starter control of the catalogue.
type Item struct {
	ID         string     `yaml:"id"`
	Title      string     `yaml:"title"`
	Statement  string     `yaml:"statement"` // who does what, when, and which record proves it
	Criteria   []string   `yaml:"criteria"`  // ids, the primary one first
	Family     string     `yaml:"family"`
	Frequency  string     `yaml:"frequency"`
	Events     *Events    `yaml:"events,omitempty"` // of a control that is performed per event, and of no other
	Nature     string     `yaml:"nature"`
	Type       string     `yaml:"type"`
	OwnerRole  string     `yaml:"owner_role"`
	Stage      string     `yaml:"stage"`    // the earliest that needs it
	Evidence   []string   `yaml:"evidence"` // what should exist as proof
	Checks     []Check    `yaml:"automated_checks"`
	Procedures Procedures `yaml:"test_procedures"`
	Version    string     // of the catalogue
}

// Events say which records call for a control that is performed per event: those of a kind or view, or each change of one of
// its fields. What no kind can tell yet waits for its source, and until then nobody knows whether the control was called for.
type Events struct {
	Kind    string `yaml:"kind,omitempty" json:"kind,omitempty"`
	Where   string `yaml:"where,omitempty" json:"where,omitempty"`         // CEL over r; empty for all
	Date    string `yaml:"date,omitempty" json:"date,omitempty"`           // the field that holds the day; empty: when the record occurred
	Changed string `yaml:"changed,omitempty" json:"changed,omitempty"`     // the field each of whose changes is an event, on the day it was recorded
	Lead    int    `yaml:"lead_days,omitempty" json:"lead_days,omitempty"` // days before that day from which on it may be done
	Days    int    `yaml:"due_days,omitempty" json:"due_days,omitempty"`   // days after that day by which it is done
	Waits   string `yaml:"waits_for,omitempty" json:"waits_for,omitempty"` // the source that would tell, while no kind does
}

// Question is the events without the days around them: what is asked of the records.
func (e Events) Question() Events {
	e.Lead, e.Days = 0, 0
	return e
}

// Check names a check by its id and what it must show for this control.
type Check struct {
	Check  string `yaml:"check" json:"check"`
	Assert string `yaml:"assert" json:"assert"`
}

// Procedures are what an auditor would do: a starting text.
type Procedures struct {
	Design    []string `yaml:"design" json:"design"`
	Operating []string `yaml:"operating" json:"operating"`
}

// Frequencies, natures, types and stages a control may have.
func Frequencies() []string {
	return []string{"continuous", "per_event", "daily", "weekly", "monthly", "quarterly", "semiannual", "annual"}
}
func Natures() []string { return []string{"preventive", "detective"} }
func Types() []string   { return []string{"automated", "manual", "hybrid"} }
func Stages() []string  { return []string{"startup", "growth", "enterprise"} }

// TestedPerWindow is about how often a control of a frequency will be tested in a window: once for each of its spans that
// ends there. Spans is false for what is not counted by the calendar: a continuous control is tested over the whole of the
// window, one per event as often as there are events.
func TestedPerWindow(frequency string, from, to time.Time) (times int, spans bool) {
	if _, spans = calendar.Around(frequency, from); !spans {
		return 0, false
	}
	return len(calendar.Within(frequency, from, to)), true
}

// Wanted reports whether an organisation of a stage that chose categories needs a starter control: its stage is reached and
// one of its criteria is in scope. Without a stage or categories nothing is left out by them.
func (i Item) Wanted(stage string, categories []string) bool {
	if n := slices.Index(Stages(), stage); n >= 0 && slices.Index(Stages(), i.Stage) > n {
		return false
	}
	if len(categories) == 0 {
		return true
	}
	return slices.ContainsFunc(i.Categories(), func(c string) bool { return slices.Contains(categories, c) })
}

// Categories are those of the item's criteria; the common criteria belong to security.
func (i Item) Categories() []string {
	var out []string
	for _, id := range i.Criteria {
		if c := framework.CategoryOf(id); c != "" && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// Catalogue returns the starter controls, by family and in the order of their files.
func Catalogue() ([]Item, error) {
	criteria, err := framework.Load()
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, c := range criteria {
		known[c.ID] = true
	}
	files, err := fs.Glob(content.Control, "control/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the starter controls: %w", err)
	}
	var all []Item
	seen := map[string]string{}
	for _, file := range files {
		data, err := fs.ReadFile(content.Control, file)
		if err != nil {
			return nil, fmt.Errorf("read the starter controls: %w", err)
		}
		items, err := parse(file, data, known)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if first, twice := seen[item.ID]; twice {
				return nil, fault.New(fault.Invalid, "%s: %s stands in %s already.", file, item.ID, first)
			}
			seen[item.ID] = file
		}
		all = append(all, items...)
	}
	return all, nil
}

func parse(file string, data []byte, criteria map[string]bool) ([]Item, error) {
	var lib struct {
		Version  string `yaml:"version"`
		Controls []Item `yaml:"controls"`
	}
	if err := framework.Read(file, data, &lib); err != nil {
		return nil, err
	}
	family := strings.TrimSuffix(file[strings.LastIndex(file, "/")+1:], ".yaml")
	for i := range lib.Controls {
		item := &lib.Controls[i]
		for _, c := range []struct {
			field, value string
			allowed      []string
		}{
			{"family", item.Family, []string{family}},
			{"frequency", item.Frequency, Frequencies()},
			{"nature", item.Nature, Natures()},
			{"type", item.Type, Types()},
			{"stage", item.Stage, Stages()},
		} {
			if !slices.Contains(c.allowed, c.value) {
				return nil, fault.New(fault.Invalid, "%s: %s has the %s %q.", file, item.ID, c.field, c.value).
					WithNext("It must be one of: %s.", strings.Join(c.allowed, ", "))
			}
		}
		if (item.Events != nil) != (item.Frequency == "per_event") {
			return nil, fault.New(fault.Invalid, "%s: %s must say its events if it is performed per event, and only then.", file, item.ID)
		}
		if item.Events != nil {
			if err := item.Events.sound(); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, item.ID, err)
			}
		}
		if len(item.Criteria) == 0 {
			return nil, fault.New(fault.Invalid, "%s: %s serves no criterion.", file, item.ID)
		}
		for _, id := range item.Criteria {
			if !criteria[id] {
				return nil, fault.New(fault.Invalid, "%s: %s names %q, which is none of the 61 criteria.", file, item.ID, id)
			}
		}
		item.Version = lib.Version
	}
	return lib.Controls, nil
}

// Adopt returns the body of a new control record that is a copy of the item: a draft, without an owner, the organisation's
// own from then on.
func Adopt(item Item) (json.RawMessage, error) {
	copied := map[string]any{
		"id": item.ID, "title": item.Title, "statement": item.Statement, "criteria": item.Criteria, "family": item.Family,
		"frequency": item.Frequency, "nature": item.Nature, "type": item.Type, "owner_role": item.OwnerRole, "stage": item.Stage,
		"evidence": item.Evidence, "checks": checkIDs(item), "procedures": item.Procedures,
		"catalogue_id": item.ID, "catalogue_version": item.Version, "tailored": false,
	}
	if item.Events != nil {
		copied["events"] = item.Events
	}
	body, err := json.Marshal(copied)
	if err != nil {
		return nil, fmt.Errorf("adopt %s: %w", item.ID, err)
	}
	return body, nil
}

// checkIDs names each check once, in the item's order.
func checkIDs(item Item) []string {
	ids := []string{}
	for _, c := range item.Checks {
		if !slices.Contains(ids, c.Check) {
			ids = append(ids, c.Check)
		}
	}
	return ids
}

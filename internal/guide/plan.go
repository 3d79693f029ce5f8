package guide

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/policy"
	"tickmark/internal/record"
)

// Task is one step of the plan.
type Task struct {
	Name        string `yaml:"name"` // stable within the plan: policies, family:access
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	Sort        string `yaml:"sort"`
	Owner       string `yaml:"owner"`
	Due         string `yaml:"due"`
	Skip        bool   `yaml:"skip"`

	gap, policy string
}

// Plan proposes what is to be done, backwards from the first day of the window, or from the as-of day of a Type I. When that
// day is near or past, the same order is kept in the six weeks from today.
func (s *State) Plan() []Task {
	if s.Period == nil {
		return nil
	}
	p := s.Period
	goal := cmp.Or(p.From, p.To)
	at := func(days int) string { return s.before(goal, days) }
	lead, engineering := s.member("security_lead"), s.member("engineering_lead")
	manager := cmp.Or(s.member("compliance_manager"), lead)
	out := []Task{{Name: "people", Title: "Have every person on record", Sort: "evidence", Owner: cmp.Or(s.member("hr_lead"), manager), Due: at(63),
		Description: "Import everyone who works here with first and last working day, manager and position. Accounts and approvals resolve to people."}}
	if s.System != nil && s.System.State != "approved" {
		out = append(out, Task{Name: "boundary", Title: "Approve the boundary of " + s.System.Name, Sort: "decision", Owner: cmp.Or(s.System.Owner, lead), Due: at(56), gap: "scope:boundary:" + s.System.Key,
			Description: "Somebody who is none of its authors approves what is inside and outside."})
	}
	out = append(out, Task{Name: "sources", Title: "Connect the sources that answer for the controls", Sort: "technical", Owner: cmp.Or(engineering, lead), Due: at(49),
		Description: "Identity provider, code host, cloud, devices, tickets. What is read from the first day on needs no one to collect it later."})
	out = append(out, s.familyTasks(at)...)
	out = append(out, s.policyTasks(at)...)
	out = append(out,
		Task{Name: "training", Title: "Train everyone on the policies", Sort: "training", Owner: cmp.Or(s.member("hr_lead"), lead), Due: at(7),
			Description: "Everyone acknowledges the policies in force and takes the yearly training before the window begins."},
		Task{Name: "risk", Title: "Hold the first risk assessment", Sort: "decision", Owner: lead, Due: at(28), Description: "What could keep you from your commitments, how likely, how bad, and what you do about it; management approves the result."},
		Task{Name: "readiness", Title: "Look through the readiness report and close what is open", Sort: "evidence", Owner: manager, Due: at(0),
			Description: "Every gap of the plan is closed, or has somebody's reason why it stands."})
	if f, ok := day(p.Fieldwork); ok {
		out = append(out, Task{Name: "firm", Title: "Engage the firm for fieldwork on " + f.Format("2 Jan 2006"), Sort: "decision", Owner: manager, Due: s.before(p.Fieldwork, 91),
			Description: "A licensed CPA firm examines and issues the report. Ask early: good ones are booked a quarter ahead."})
	}
	slices.SortStableFunc(out, func(a, b Task) int { return strings.Compare(a.Due, b.Due) })
	return out
}

// ahead is how many days before its goal the plan begins.
const ahead = 63

// before is the day so many days before a goal, never on a weekend. When the plan's nine weeks are not left, they shrink to
// what there is, and to six weeks from today at least; what would be earlier still begins in a week.
func (s *State) before(goal string, days int) string {
	today, _ := day(s.Today)
	first := today.AddDate(0, 0, 7)
	end, ok := day(goal)
	if least := today.AddDate(0, 0, 42); !ok || end.Before(least) {
		end = least
	}
	due := end.AddDate(0, 0, -days)
	if span := int(end.Sub(first) / (24 * time.Hour)); span < ahead {
		due = first.AddDate(0, 0, span*max(0, ahead-days)/ahead)
	}
	for due.Weekday() == time.Saturday || due.Weekday() == time.Sunday {
		due = due.AddDate(0, 0, 1)
	}
	return due.Format(time.DateOnly)
}

// familyTasks put the chosen controls into operation, family by family.
func (s *State) familyTasks(at func(int) string) []Task {
	var order []string
	byFamily := map[string][]Choice{}
	for _, c := range s.Proposed() {
		if a := s.Controls[c.ID]; c.Left || a.State == "active" {
			continue
		}
		if byFamily[c.Family] == nil {
			order = append(order, c.Family)
		}
		byFamily[c.Family] = append(byFamily[c.Family], c)
	}
	var out []Task
	for n, family := range order {
		list := byFamily[family]
		roles := map[string]int{}
		role := ""
		var ids []string
		for _, c := range list {
			roles[c.OwnerRole]++
			if roles[c.OwnerRole] > roles[role] {
				role = c.OwnerRole
			}
			ids = append(ids, c.ID)
		}
		out = append(out, Task{Name: "family:" + family, Sort: "workflow_change", Owner: s.member(role), Due: at(42 - 28*n/max(1, len(order))),
			Title:       fmt.Sprintf("Put the %s of %s into operation", counted(len(list), "control"), strings.ReplaceAll(family, "_", " ")),
			Description: "Tailor what each says to what you do, have it approved by another person, name its owner, and begin: " + strings.Join(ids, ", ") + "."})
	}
	return out
}

func (s *State) policyTasks(at func(int) string) []Task {
	var chosen []policy.Template
	for _, t := range Templates(s.Categories()) {
		if slices.Contains(s.Period.Policies, t.ID) {
			chosen = append(chosen, t)
		}
	}
	var out []Task
	for n, t := range chosen {
		out = append(out, Task{Name: "policy:" + t.ID, Title: "Write and approve: " + t.Title, Sort: "document", Owner: s.policyOwner(t), Due: at(42 - 28*n/max(1, len(chosen))), gap: "policy:" + t.ID, policy: t.ID,
			Description: "Say only what is done. Another person approves it; it is published before the window begins."})
	}
	return out
}

func (s *State) policyOwner(t policy.Template) string {
	items, err := catalogue()
	if err != nil {
		return ""
	}
	for _, i := range items {
		if slices.Contains(t.Controls, i.ID) && s.member(i.OwnerRole) != "" {
			return s.member(i.OwnerRole)
		}
	}
	return s.member("security_lead")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// plan puts everything in place, all or none: the chosen controls adopted and owned, those left out retired with their reason,
// the policies and tasks made, the period current when no other is.
func (s *State) plan(a Answers) ([]record.Change, error) {
	for _, step := range []string{"objective", "report", "type", "categories", "window", "organisation", "boundary", "controls", "policies"} {
		if !s.Answered(step) {
			return nil, fault.New(fault.Conflict, "The step %q is not answered yet, and the plan follows from it.", step).WithNext("Answer it first.")
		}
	}
	out, err := s.controlChanges()
	if err != nil {
		return nil, err
	}
	policies, err := s.policyChanges()
	if err != nil {
		return nil, err
	}
	out = append(out, policies...)
	tasks, err := s.taskChanges(a)
	if err != nil {
		return nil, err
	}
	out = append(out, tasks...)
	if s.Period.State == "planned" && s.Running == "" { // one record takes one version in a transaction: beginning it is the answer
		return append(out, record.Change{Kind: "period", Key: s.Period.Key, Move: "begin", Reason: "guided start"}), nil
	}
	if s.Answered("plan") {
		return out, nil
	}
	p, err := s.onPeriod("plan", map[string]any{})
	return append(out, p), err
}

func (s *State) controlChanges() ([]record.Change, error) {
	var out []record.Change
	for _, c := range s.Proposed() {
		have := s.Controls[c.ID]
		owner := s.member(c.OwnerRole)
		switch {
		case c.Left && have.ID != "" && (have.State == "draft" || have.State == "approved"):
			out = append(out, record.Change{Kind: "control", Key: c.ID, Move: "retire", Said: map[string]any{"retired_reason": c.Reason}, Reason: "left out in the guided start"})
		case c.Left:
		case have.ID == "":
			raw, err := control.Adopt(c.Item)
			if err != nil {
				return nil, err
			}
			var body map[string]any
			if err := json.Unmarshal(raw, &body); err != nil {
				return nil, err
			}
			if owner != "" {
				body["owner"] = owner
			}
			ch, err := s.change("control", c.ID, body)
			if err != nil {
				return nil, err
			}
			out = append(out, ch)
		case have.State == "retired":
			out = append(out, record.Change{Kind: "control", Key: c.ID, Move: "readopt", Reason: "chosen again in the guided start"})
		case have.Owner == "" && owner != "":
			ch, err := s.change("control", c.ID, map[string]any{"owner": owner})
			if err != nil {
				return nil, err
			}
			out = append(out, ch)
		}
	}
	return out, nil
}

func (s *State) policyChanges() ([]record.Change, error) {
	var out []record.Change
	left := map[string]bool{}
	taken := map[string]bool{}
	for _, c := range s.Proposed() {
		left[c.ID], taken[c.ID] = c.Left, !c.Left
	}
	for _, t := range Templates(s.Categories()) {
		if _, there := s.Policies[t.ID]; there || !slices.Contains(s.Period.Policies, t.ID) {
			continue
		}
		begun, err := policy.Begin(s.look, t.ID, t.ID)
		if err != nil {
			return nil, err
		}
		var body map[string]any
		if err := json.Unmarshal(begun[0].Body, &body); err != nil {
			return nil, err
		}
		var controls []any
		for _, c := range t.Controls {
			if have := s.Controls[c]; taken[c] || have.ID != "" && have.State != "retired" && !left[c] {
				controls = append(controls, c)
			}
		}
		if body["controls"] = controls; len(controls) == 0 {
			delete(body, "controls")
		}
		if owner := s.policyOwner(t); owner != "" {
			body["owner"] = owner
		}
		if begun[0].Body, err = json.Marshal(body); err != nil {
			return nil, err
		}
		out = append(out, begun...)
	}
	return out, nil
}

func (s *State) taskChanges(a Answers) ([]record.Change, error) {
	said := map[string]Task{}
	for _, t := range a.Plan {
		said[t.Name] = t
	}
	var out []record.Change
	for _, t := range s.Plan() {
		if x, ok := said[t.Name]; ok {
			if x.Skip {
				continue
			}
			t.Owner, t.Due = cmp.Or(x.Owner, t.Owner), cmp.Or(x.Due, t.Due)
		}
		if _, there := s.Tasks[t.Title]; there {
			continue
		}
		if _, ok := day(t.Due); !ok {
			return nil, fault.New(fault.Invalid, "%q is not the day by which %q is done.", t.Due, t.Title).WithNext("Write it like 2026-12-31.")
		}
		if _, ok := s.People[t.Owner]; t.Owner != "" && !ok {
			return nil, fault.New(fault.Invalid, "There is no person %q who could own %q.", t.Owner, t.Title)
		}
		body := map[string]any{"title": t.Title, "description": t.Description, "sort": t.Sort, "due": t.Due}
		for field, v := range map[string]string{"owner": t.Owner, "gap": t.gap, "policy": t.policy} {
			if v != "" {
				body[field] = v
			}
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		out = append(out, record.Change{Kind: "task", Body: raw, Reason: "guided start"})
	}
	return out, nil
}

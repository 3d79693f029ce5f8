package training

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/record"
)

// Person is what this room needs to know of somebody.
type Person struct {
	ID         string `json:"-"`
	Name       string `json:"name"`
	Start, End string
	Employment string
	Manager    string
	Groups     []string
}

// People are those who work here on the day of the look.
func People(look record.Look) ([]Person, error) {
	all, err := look.All("person")
	if err != nil {
		return nil, err
	}
	day := today(look)
	var out []Person
	for _, v := range all {
		if v.Source != record.Program || v.Erased {
			continue
		}
		p := Person{}
		if err := json.Unmarshal(v.Body, &p); err != nil {
			return nil, fmt.Errorf("read person %s: %w", v.Key, err)
		}
		p.ID = v.Key
		if p.Start <= day && (p.End == "" || p.End >= day) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Person) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// ahead is how long before a module is due again it is asked for.
const ahead = 30

// since is the first day on which a completion counts towards what is due on a day: the turn before it is another.
func (m Module) since(due string) string {
	d, err := time.Parse(time.DateOnly, due)
	if err != nil {
		return due
	}
	if m.Months > 0 {
		d = d.AddDate(0, -m.Months, 1)
	} else {
		d = d.AddDate(0, 0, -366)
	}
	return max(d.Format(time.DateOnly), m.AnewOn)
}

// Due is what the moment calls for of one published module, given the people who work here: assignments for who joined its audience or
// has to take it again, void for who left it, late where the due date passed.
func Due(look record.Look, m Module, people []Person) ([]record.Change, error) {
	known, err := look.Find("training_assignment", "module", m.Key)
	if err != nil {
		return nil, err
	}
	done, err := lastDone(look, m)
	if err != nil {
		return nil, err
	}
	day := today(look)
	var out []record.Change
	open, here := map[string]bool{}, map[string]bool{}
	for _, p := range people {
		here[p.ID] = m.Concerns(p)
	}
	for _, v := range known {
		a, at := Assignment{}, v.From
		if v.Erased {
			continue
		}
		if err := json.Unmarshal(v.Body, &a); err != nil {
			return nil, fmt.Errorf("read training assignment %s: %w", v.Key, err)
		}
		if a.State != "assigned" {
			continue
		}
		open[a.Person] = true
		switch late := overdue(a.Due, day); {
		case !here[a.Person]:
			out = append(out, record.Change{Kind: v.Kind, Key: v.Key, Move: "void", Reason: "the person left or is no longer in the audience", If: &at})
		case a.OverdueSince == "" && late != "":
			body := map[string]any{}
			if err := json.Unmarshal(v.Body, &body); err != nil {
				return nil, err
			}
			body["overdue_since"] = late
			out = append(out, record.Change{Kind: v.Kind, Key: v.Key, Body: encoded(body), Reason: "its due date passed", If: &at})
		}
	}
	for _, p := range people {
		if !here[p.ID] || open[p.ID] {
			continue
		}
		due, because := m.next(p, done[p.ID], look)
		if due == "" || day < before(due, ahead) && because == "cadence" {
			continue
		}
		body := map[string]any{"module": m.Key, "topic": m.Topic, "person": p.ID, "because": because, "assigned": day, "due": due}
		if late := overdue(due, day); late != "" {
			body["overdue_since"] = late
		}
		out = append(out, record.Change{Kind: "training_assignment", Key: strings.Join([]string{m.Key, p.ID, due}, "-"), Body: encoded(body), Reason: "training is due"})
	}
	return out, nil
}

// next is when somebody has to have taken the module, and why; empty where nothing is left to take.
func (m Module) next(p Person, last string, look record.Look) (due, because string) {
	if last != "" && last >= m.AnewOn && last >= before(p.Start, 90) { // what somebody took in an earlier spell here does not count for this one
		if m.Months == 0 {
			return "", ""
		}
		d, err := time.Parse(time.DateOnly, last)
		if err != nil {
			return "", ""
		}
		return d.AddDate(0, m.Months, 0).Format(time.DateOnly), "cadence"
	}
	from, because := m.AnewOn, "publication"
	if from == "" {
		from = m.PublishedAt.Format(time.DateOnly)
	}
	if p.Start > from {
		from, because = p.Start, "joining"
	}
	d, err := time.Parse(time.DateOnly, from)
	if err != nil {
		return today(look), because
	}
	return d.AddDate(0, 0, m.days()).Format(time.DateOnly), because
}

func before(day string, days int) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return d.AddDate(0, 0, -days).Format(time.DateOnly)
}

// lastDone is the latest day on which each person completed the module.
func lastDone(look record.Look, m Module) (map[string]string, error) {
	list, err := look.Find("training_completion", "module", m.Key)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, v := range list {
		if v.Erased {
			continue
		}
		c, err := ReadCompletion(v)
		if err != nil {
			return nil, err
		}
		if earlier := c.Here && c.On == m.AnewOn && c.Edition < m.Edition; earlier {
			continue // of the day on which everybody began anew, and before they did
		}
		if c.Counts && c.State == "recorded" && c.On > out[c.Person] {
			out[c.Person] = c.On
		}
	}
	return out, nil
}

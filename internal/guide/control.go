package guide

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/control"
	"tickmark/internal/framework"
	"tickmark/internal/period"
)

// Both are read once; they come with the binary.
var (
	catalogue = sync.OnceValues(control.Catalogue)
	library   = sync.OnceValues(framework.Load)
)

// Choice is a starter control that is proposed.
type Choice struct {
	control.Item
	Tests   int    // how often it will be tested in the window; 0: continuously or with each event
	Left    bool   // left out
	Reason  string // why
	Adopted bool
}

// Proposed are the starter controls that suit the organisation's stage and whose primary criterion is in scope, with those
// that alone serve another criterion in scope.
func (s *State) Proposed() []Choice {
	stage := "startup"
	days := 0
	left := map[string]string{}
	if s.Period != nil {
		stage = cmp.Or(s.Period.Stage, stage)
		for _, l := range s.Period.LeftOut {
			left[l.Control] = l.Reason
		}
		if from, ok := day(s.Period.From); ok {
			if to, ok := day(s.Period.To); ok {
				days = int(to.Sub(from)/(24*time.Hour)) + 1
			}
		}
	}
	var out []Choice
	for _, i := range suits(stage, s.Categories()) {
		reason, isLeft := left[i.ID]
		a := s.Controls[i.ID]
		out = append(out, Choice{Item: i, Tests: period.Occasions(i.Frequency, days), Left: isLeft, Reason: reason, Adopted: a.ID != "" && a.State != "retired"})
	}
	return out
}

func suits(stage string, categories []string) []control.Item {
	items, err := catalogue()
	if err != nil {
		return nil
	}
	criteria, err := library()
	if err != nil {
		return nil
	}
	in := map[string]bool{}
	for _, c := range criteria {
		in[c.ID] = c.InScope(categories)
	}
	reach := slices.Index(control.Stages(), stage)
	served := map[string]bool{}
	take := make([]bool, len(items))
	for n, i := range items {
		if slices.Index(control.Stages(), i.Stage) > reach {
			continue
		}
		if take[n] = in[i.Criteria[0]]; take[n] {
			for _, id := range i.Criteria {
				served[id] = true
			}
		}
	}
	for _, near := range []bool{true, false} { // no criterion is left without, if need be by a control of a later stage
		for n, i := range items {
			if take[n] || near && slices.Index(control.Stages(), i.Stage) > reach {
				continue
			}
			for _, id := range i.Criteria {
				take[n] = take[n] || in[id] && !served[id]
			}
			for _, id := range i.Criteria {
				served[id] = served[id] || take[n]
			}
		}
	}
	var out []control.Item
	for n, i := range items {
		if take[n] {
			out = append(out, i)
		}
	}
	return out
}

// Effect is what choosing a category brings.
type Effect struct {
	Category string
	Criteria int // that it adds to the common ones
	Controls int // starter controls that it adds at the organisation's stage
	Promised bool
}

// Effects says for each category what it adds; for security, what every examination has.
func (s *State) Effects() []Effect {
	stage := "startup"
	if s.Period != nil {
		stage = cmp.Or(s.Period.Stage, stage)
	}
	criteria, err := library()
	if err != nil {
		return nil
	}
	count := func(categories []string) (n, controls int) {
		for _, c := range criteria {
			if c.InScope(categories) {
				n++
			}
		}
		return n, len(suits(stage, categories))
	}
	base, baseControls := count([]string{framework.Security})
	out := []Effect{{Category: framework.Security, Criteria: base, Controls: baseControls}}
	for _, c := range framework.Categories() {
		if c == framework.Security {
			continue
		}
		n, k := count([]string{framework.Security, c})
		out = append(out, Effect{Category: c, Criteria: n - base, Controls: k - baseControls})
	}
	return out
}

// Role is a role that controls name, with how many of the proposed ones it answers for.
type Role struct {
	Name     string
	Controls int
	Person   string
}

// Roles are the roles of the proposed controls, the one with most first.
func (s *State) Roles() []Role {
	n := map[string]int{}
	for _, c := range s.Proposed() {
		if !c.Left {
			n[c.OwnerRole]++
		}
	}
	person := map[string]string{}
	if s.Period != nil {
		for _, m := range s.Period.Team {
			person[m.Role] = m.Person
			n[m.Role] += 0
		}
	}
	var out []Role
	for role, k := range n {
		out = append(out, Role{role, k, person[role]})
	}
	slices.SortFunc(out, func(a, b Role) int {
		return cmp.Or(cmp.Compare(b.Controls, a.Controls), strings.Compare(a.Name, b.Name))
	})
	return out
}

// member is the person bound to a role; empty when nobody is.
func (s *State) member(role string) string {
	if s.Period != nil {
		for _, m := range s.Period.Team {
			if m.Role == role {
				return m.Person
			}
		}
	}
	return ""
}

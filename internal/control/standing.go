package control

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"tickmark/internal/check"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Standing is how the programme stands, or stood: each criterion by its controls, each control by its checks.
type Standing struct {
	Criteria []CriterionState
	Controls []State
	Checks   []check.State
}

// State is how one adopted control stands. Its status is the worst of what gives evidence for it; nothing to judge is unknown.
type State struct {
	Key      string // of the control's record
	Label    string
	Life     string   // draft, approved, active, retired
	Criteria []string // the primary one first
	check.ControlState
}

// CriterionState is how one criterion stands: the worst of its controls in operation; without one it is unknown.
type CriterionState struct {
	ID       string
	Title    string
	Status   check.Status
	Reason   string
	Controls []string // keys of the adopted controls that serve it, by key
	Excluded bool     // the organisation said that it is not relevant
}

// Stand computes how everything stands as of a moment; zero is now.
func Stand(ctx context.Context, book *record.Book, monitor *check.Monitor, asOf store.Moment) (Standing, error) {
	var s Standing
	var err error
	if s.Checks, err = monitor.Summary(ctx, asOf); err != nil {
		return s, err
	}
	serving := map[string][]State{}
	err = book.EachAt(ctx, book.DB, Kind().Name, asOf, func(v record.Version) error {
		var body struct {
			Criteria  []string `json:"criteria"`
			State     string   `json:"state"`
			Catalogue string   `json:"catalogue_id"`
			Type      string   `json:"type"`
		}
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return err
		}
		id := body.Catalogue
		if id == "" {
			id = v.Key
		}
		c := State{Key: v.Key, Label: v.Label, Life: body.State, Criteria: body.Criteria, ControlState: Judge(id, body.Type, s.Checks)}
		s.Controls = append(s.Controls, c)
		if body.State != "retired" {
			for _, cr := range body.Criteria {
				serving[cr] = append(serving[cr], c)
			}
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	slices.SortFunc(s.Controls, func(a, b State) int { return strings.Compare(a.Key, b.Key) })
	err = book.EachAt(ctx, book.DB, "criterion", asOf, func(v record.Version) error {
		var body struct {
			NotRelevant string `json:"not_relevant_reason"`
		}
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return err
		}
		c := CriterionState{ID: v.Key, Title: v.Label, Status: check.Unknown, Excluded: body.NotRelevant != ""}
		var statuses []check.Status
		for _, k := range serving[v.Key] {
			c.Controls = append(c.Controls, k.Key)
			if Speaks(k.Life, k.Status) {
				statuses = append(statuses, k.Status)
			}
		}
		slices.Sort(c.Controls)
		switch {
		case c.Excluded:
			c.Status, c.Reason = check.NotApplicable, "The organisation said that it is not relevant: "+body.NotRelevant
		case len(c.Controls) == 0:
			c.Reason = "No control serves it."
		case len(statuses) == 0:
			c.Reason = "No control that serves it is in operation."
		default:
			c.Status = check.Worst(statuses...)
		}
		s.Criteria = append(s.Criteria, c)
		return nil
	})
	slices.SortFunc(s.Criteria, func(a, b CriterionState) int { return compareIDs(a.ID, b.ID) })
	return s, err
}

// Judge is how a control of a catalogue id and type stands by its checks. Passing checks are not enough for what people do:
// such a control is unknown until something on record shows that they did it.
func Judge(id, typ string, states []check.State) check.ControlState {
	c := check.Control(id, states)
	if typ != "automated" && c.Status == check.Pass {
		c.Status, c.Reason = check.Unknown, "Its checks pass, but part of it is done by people, and nothing on record shows that they did it."
	}
	return c
}

// Speaks says whether a control's status counts for the criteria it serves: what is not in operation can fail a criterion,
// never pass it.
func Speaks(life string, status check.Status) bool { return life == "active" || status == check.Fail }

// compareIDs sorts CC1.1, CC1.2 ... CC1.10, then A1.1, PI1.1, C1.1, P1.1 as the criteria stand in the framework.
func compareIDs(a, b string) int {
	rank := func(id string) (int, string) {
		for i, p := range []string{"CC", "A", "PI", "C", "P"} {
			if rest, ok := strings.CutPrefix(id, p); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				return i, rest
			}
		}
		return 9, id
	}
	ra, x := rank(a)
	rb, y := rank(b)
	if ra != rb {
		return ra - rb
	}
	if len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}

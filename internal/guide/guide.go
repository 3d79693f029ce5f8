// Package guide is the guided start: what an organisation answers, and the records that follow from it. The one rule: pages
// and the command line turn answers into records here and nowhere else, each step by itself, so that one may stop after any
// step and go on later.
package guide

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/system"
)

// Answers are what the organisation said. A step takes its own part and leaves the rest alone.
type Answers struct {
	Objective    string            `yaml:"objective"`
	Report       string            `yaml:"report"`     // soc_2
	Type         string            `yaml:"type"`       // type_1, type_2
	Categories   []string          `yaml:"categories"` // security is always in it
	Window       Window            `yaml:"window"`
	Organisation Organisation      `yaml:"organisation"`
	System       System            `yaml:"system"`
	Commitments  []Commitment      `yaml:"commitments"`
	People       []Person          `yaml:"people"` // written when they are not there yet
	Team         map[string]string `yaml:"team"`   // role to person
	LeaveOut     []LeftOut         `yaml:"leave_out"`
	Policies     []string          `yaml:"policies"` // ids of templates; nil: all that are proposed
	Plan         []Task            `yaml:"plan"`     // changes of the proposed plan, by name; nil: as proposed
}

// Window is when the examination looks. Days are YYYY-MM-DD.
type Window struct {
	From      string `yaml:"from"`
	To        string `yaml:"to"`
	Fieldwork string `yaml:"fieldwork"`
}

// Organisation is the company and how far it is.
type Organisation struct {
	Name      string `yaml:"name"`
	LegalName string `yaml:"legal_name"`
	Website   string `yaml:"website"`
	TimeZone  string `yaml:"time_zone"`
	Stage     string `yaml:"stage"`
}

// System is the boundary.
type System struct {
	ID          string             `yaml:"id"`
	Name        string             `yaml:"name"`
	Description string             `yaml:"description"`
	Services    []string           `yaml:"services"`
	Inside      string             `yaml:"inside"`
	Outside     string             `yaml:"outside"`
	Locations   []string           `yaml:"locations"`
	Owner       string             `yaml:"owner"`
	Components  []system.Component `yaml:"components"` // from: empty is today
	Data        []system.Data      `yaml:"data"`
}

// Commitment is a promise to customers.
type Commitment struct {
	ID        string   `yaml:"id" json:"id"`
	Title     string   `yaml:"title" json:"title"`
	Sort      string   `yaml:"sort" json:"sort"`
	Category  string   `yaml:"category" json:"category"`
	Statement string   `yaml:"statement" json:"statement"`
	MadeIn    string   `yaml:"made_in" json:"made_in"`
	Criteria  []string `yaml:"criteria" json:"criteria,omitempty"`
	Controls  []string `yaml:"controls" json:"controls,omitempty"`
}

// Person is somebody of the team.
type Person struct {
	ID         string `yaml:"id" json:"id"`
	Name       string `yaml:"name" json:"name"`
	Email      string `yaml:"email" json:"email"`
	Start      string `yaml:"start" json:"start,omitempty"`
	Title      string `yaml:"title" json:"title,omitempty"`
	Employment string `yaml:"employment" json:"employment,omitempty"`
}

// LeftOut is a proposed control that the organisation does not take, and why.
type LeftOut struct {
	Control string `yaml:"control" json:"control"`
	Reason  string `yaml:"reason" json:"reason"`
}

// State is what is there already.
type State struct {
	Today        string // in the organisation's zone
	Period       *period.Period
	Organisation Organisation
	System       *system.System
	Commitments  []Commitment
	People       map[string]string // names of those who are here, by key
	Controls     map[string]Adopted
	Policies     map[string]bool   // keys of policies that are not retired
	Tasks        map[string]string // titles of open tasks, to their key
	Connections  []Connection
	Running      string // name of the current period, when the guide is about a later one

	bodies map[string]map[string]any // by kind/key, of what a step may change
	from   map[string]record.Moment
	look   record.Look
}

// Adopted is a control that is there.
type Adopted struct{ ID, Title, Family, State, Owner, OwnerRole, Catalogue string }

// Connection is a source that could be a part of the system.
type Connection struct{ Name, Title, Connector string }

// Load reads what is there now.
func Load(ctx context.Context, book *record.Book) (*State, error) {
	s := &State{People: map[string]string{}, Controls: map[string]Adopted{}, Policies: map[string]bool{}, Tasks: map[string]string{},
		bodies: map[string]map[string]any{}, from: map[string]record.Moment{}, look: book.LookAt(ctx, time.Time{})}
	zone := time.UTC
	var periods []period.Period
	for _, read := range []struct {
		kind string
		keep func(v record.Version, b map[string]any) error
	}{
		{"organisation", func(v record.Version, b map[string]any) error {
			zone = organisation.Zone(v.Body)
			s.Organisation = Organisation{Name: text(b, "name"), LegalName: text(b, "legal_name"), Website: text(b, "website"), TimeZone: text(b, "time_zone")}
			return nil
		}},
		{"period", func(v record.Version, _ map[string]any) error {
			p, err := period.Read(v)
			periods = append(periods, p)
			return err
		}},
		{"system", func(v record.Version, _ map[string]any) error { return nil }},
		{"commitment", func(v record.Version, _ map[string]any) error {
			var c Commitment
			err := json.Unmarshal(v.Body, &c)
			s.Commitments = append(s.Commitments, c)
			return err
		}},
		{"person", func(v record.Version, b map[string]any) error {
			if end := text(b, "end"); end == "" || end >= book.Log.Now().Format(time.DateOnly) {
				s.People[v.Key] = text(b, "name")
			}
			return nil
		}},
		{"control", func(v record.Version, b map[string]any) error {
			s.Controls[v.Key] = Adopted{ID: v.Key, Title: text(b, "title"), Family: text(b, "family"), State: text(b, "state"), Owner: text(b, "owner"), OwnerRole: text(b, "owner_role"), Catalogue: text(b, "catalogue_id")}
			return nil
		}},
		{"policy", func(v record.Version, b map[string]any) error {
			s.Policies[v.Key] = text(b, "state") != "retired"
			return nil
		}},
		{"task", func(v record.Version, b map[string]any) error {
			if st := text(b, "state"); st == "open" || st == "in_progress" {
				s.Tasks[text(b, "title")] = v.Key
			}
			return nil
		}},
		{"connection", func(v record.Version, b map[string]any) error {
			s.Connections = append(s.Connections, Connection{Name: v.Key, Title: text(b, "title"), Connector: text(b, "connector")})
			return nil
		}},
	} {
		err := book.EachAt(ctx, book.DB, read.kind, 0, func(v record.Version) error {
			b := map[string]any{}
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
			}
			s.bodies[v.Kind+"/"+v.Key], s.from[v.Kind+"/"+v.Key] = b, v.From
			return read.keep(v, b)
		})
		if err != nil {
			return nil, err
		}
	}
	s.Today = book.Log.Now().In(zone).Format(time.DateOnly)
	s.choose(periods)
	if s.Period != nil {
		s.Organisation.Stage = s.Period.Stage
		if v, err := book.Get(ctx, "system", s.Period.System, 0); s.Period.System != "" && err == nil {
			x, err := system.Read(v)
			if err != nil {
				return nil, err
			}
			s.System = &x
		}
	}
	slices.SortFunc(s.Commitments, func(a, b Commitment) int { return strings.Compare(a.ID, b.ID) })
	return s, nil
}

// choose takes the period that the guide is about: the planned one, else the current one.
func (s *State) choose(all []period.Period) {
	slices.SortFunc(all, func(a, b period.Period) int { return strings.Compare(a.To+a.Key, b.To+b.Key) })
	for _, want := range []string{"planned", "current"} {
		for i := range all {
			if all[i].State == "current" {
				s.Running = all[i].Name
			}
			if s.Period == nil && all[i].State == want {
				s.Period = &all[i]
			}
		}
	}
	if s.Period != nil && s.Period.State == "current" {
		s.Running = ""
	}
}

// Answered reports whether a step was answered. The plan is when the period was made current too.
func (s *State) Answered(step string) bool {
	if step == "plan" && s.Period != nil && s.Period.State == "current" {
		return true
	}
	return s.Period != nil && slices.Contains(s.Period.Answered, step)
}

// Next is the first step that was not answered; empty when all were.
func (s *State) Next() string {
	for _, step := range period.Steps() {
		if !s.Answered(step) {
			return step
		}
	}
	return ""
}

// Begun says that the plan was confirmed: the period is current, or all its steps are answered.
func (s *State) Begun() bool { return s.Answered("plan") }

// Categories are those chosen; security before anything is.
func (s *State) Categories() []string {
	if s.Period == nil || len(s.Period.Categories) == 0 {
		return []string{framework.Security}
	}
	return s.Period.Categories
}

// Answer turns the answers of one step into the changes that keep them.
func (s *State) Answer(step string, a Answers) ([]record.Change, error) {
	do, ok := map[string]func(Answers) ([]record.Change, error){
		"objective": s.objective, "report": s.report, "type": s.reportType, "categories": s.categories, "window": s.window, "organisation": s.organisation,
		"boundary": s.boundary, "commitments": s.commitments, "team": s.team, "controls": s.controls, "policies": s.policies, "plan": s.plan,
	}[step]
	if !ok {
		return nil, fault.New(fault.NotFound, "The guided start has no step %q.", step).WithNext("Its steps are %s.", strings.Join(period.Steps(), ", "))
	}
	return do(a)
}

// change writes a record's fields over what is there; nil takes a field away.
func (s *State) change(kind, key string, fields map[string]any) (record.Change, error) {
	body := maps.Clone(s.bodies[kind+"/"+key])
	if body == nil {
		body = map[string]any{}
	}
	for name, v := range fields {
		if v == nil || v == "" {
			delete(body, name)
			continue
		}
		body[name] = v
	}
	raw, err := json.Marshal(body)
	from := s.from[kind+"/"+key]
	return record.Change{Kind: kind, Key: key, Body: raw, Reason: "guided start", If: &from}, err
}

// onPeriod writes fields of the period and marks the step as answered. The first answer of all makes a planned period, whose
// other fields are proposals until their steps are answered.
func (s *State) onPeriod(step string, fields map[string]any) (record.Change, error) {
	key, answered := "", []string{}
	if s.Period != nil {
		key, answered = s.Period.Key, s.Period.Answered
	} else {
		key = s.freeKey()
		w := s.ProposedWindow("type_2")
		first := map[string]any{"id": key, "name": name(w.To, "type_2"), "report": "soc_2", "type": "type_2", "categories": []string{framework.Security}, "from": w.From, "to": w.To, "fieldwork": w.Fieldwork, "stage": "startup"}
		maps.Copy(first, fields)
		fields = first
	}
	if !slices.Contains(answered, step) {
		answered = append(slices.Clone(answered), step)
	}
	slices.SortFunc(answered, func(a, b string) int {
		return slices.Index(period.Steps(), a) - slices.Index(period.Steps(), b)
	})
	fields["answered"] = answered
	return s.change("period", key, fields)
}

func (s *State) freeKey() string {
	for n := 1; ; n++ {
		key := fmt.Sprintf("examination-%d", n)
		if _, taken := s.bodies["period/"+key]; !taken {
			return key
		}
	}
}

// name is what people call an examination: by the year in which it ends, and its type.
func name(to, typ string) string {
	year := "00"
	if len(to) >= 4 {
		year = to[2:4]
	}
	return "FY" + year + " " + map[string]string{"type_1": "Type I", "type_2": "Type II"}[typ]
}

func text(b map[string]any, field string) string {
	s, _ := b[field].(string)
	return s
}

func one(c record.Change, err error) ([]record.Change, error) { return []record.Change{c}, err }

func day(s string) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return t, err == nil
}

package guide

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/system"
)

func (s *State) objective(a Answers) ([]record.Change, error) {
	if strings.TrimSpace(a.Objective) == "" {
		return nil, fault.New(fault.Invalid, "Say why you want the report, and who asks for it.").WithNext("A sentence is enough; it decides what the rest is measured against.")
	}
	return one(s.onPeriod("objective", map[string]any{"objective": strings.TrimSpace(a.Objective)}))
}

func (s *State) report(a Answers) ([]record.Change, error) {
	switch a.Report {
	case "soc_2", "soc_3":
	case "soc_1":
		return nil, fault.New(fault.Invalid, "A SOC 1 report is about your customers' financial reporting, and Tickmark does not run that examination.").
			WithNext("Choose SOC 2 if your customers ask how their data is protected; ask a firm about SOC 1 if their auditors ask for it.")
	default:
		return nil, fault.New(fault.Invalid, "Choose one of the reports.")
	}
	return one(s.onPeriod("report", map[string]any{"report": a.Report}))
}

func (s *State) reportType(a Answers) ([]record.Change, error) {
	if a.Type != "type_1" && a.Type != "type_2" {
		return nil, fault.New(fault.Invalid, "Choose Type I or Type II.")
	}
	fields := map[string]any{"type": a.Type}
	if s.Period == nil || s.Period.Type != a.Type { // the window of the other type is not this one's
		w := s.ProposedWindow(a.Type)
		fields["from"], fields["to"], fields["fieldwork"], fields["name"] = w.From, w.To, w.Fieldwork, name(w.To, a.Type)
	}
	return one(s.onPeriod("type", fields))
}

func (s *State) categories(a Answers) ([]record.Change, error) {
	chosen := []string{framework.Security}
	for _, c := range framework.Categories() {
		if c != framework.Security && slices.Contains(a.Categories, c) {
			chosen = append(chosen, c)
		}
	}
	for _, c := range a.Categories {
		if !slices.Contains(framework.Categories(), c) {
			return nil, fault.New(fault.Invalid, "%q is no category.", c).WithNext("The categories are %s.", strings.Join(framework.Categories(), ", "))
		}
	}
	return one(s.onPeriod("categories", map[string]any{"categories": chosen}))
}

// ProposedWindow is a window to begin with: a Type I in three months; a Type II of six months from the first of the month
// after next, the usual length of a first one. Fieldwork begins two weeks after the last day.
func (s *State) ProposedWindow(typ string) Window {
	today, ok := day(s.Today)
	if !ok {
		today = time.Now()
	}
	first := time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 2, 0)
	w := Window{From: first.Format(time.DateOnly)}
	last := first.AddDate(0, 6, -1)
	if typ == "type_1" {
		w.From, last = "", first.AddDate(0, 1, 0)
	}
	w.To, w.Fieldwork = last.Format(time.DateOnly), last.AddDate(0, 0, 15).Format(time.DateOnly)
	return w
}

func (s *State) window(a Answers) ([]record.Change, error) {
	typ := "type_2"
	if s.Period != nil {
		typ = s.Period.Type
	}
	w := a.Window
	if typ == "type_1" {
		w.From = ""
	}
	from, okFrom := day(w.From)
	to, okTo := day(w.To)
	fieldwork, okFieldwork := day(w.Fieldwork)
	switch {
	case !okTo:
		return nil, fault.New(fault.Invalid, "The last day is not a date.").WithNext("Write it like 2026-12-31.")
	case typ == "type_2" && !okFrom:
		return nil, fault.New(fault.Invalid, "The first day is not a date.").WithNext("Write it like 2026-01-01.")
	case typ == "type_2" && to.Before(from):
		return nil, fault.New(fault.Invalid, "The window ends before it begins.")
	case w.Fieldwork != "" && !okFieldwork:
		return nil, fault.New(fault.Invalid, "The first day of fieldwork is not a date.").WithNext("Write it like 2027-01-11, or leave it empty.")
	case okFieldwork && okFrom && fieldwork.Before(from):
		return nil, fault.New(fault.Invalid, "Fieldwork would begin before the window does.")
	}
	fields := map[string]any{"from": w.From, "to": w.To, "fieldwork": w.Fieldwork}
	if s.Period == nil || s.Period.Name == name(s.Period.To, s.Period.Type) { // a name of the organisation's own stays
		fields["name"] = name(w.To, typ)
	}
	return one(s.onPeriod("window", fields))
}

// Warnings say what is unusual about a window; none of it is refused.
func (s *State) Warnings(w Window, typ string) []string {
	var out []string
	from, okFrom := day(w.From)
	to, okTo := day(w.To)
	fieldwork, okFieldwork := day(w.Fieldwork)
	if typ == "type_2" && okFrom && okTo {
		if said := period.Unusual(from, to); said != "" {
			out = append(out, said)
		}
		if w.From < s.Today {
			out = append(out, "The window began in the past. What was not recorded then cannot be shown now, except from sources that keep their own history.")
		}
	}
	if okFieldwork && okTo && !fieldwork.After(to) {
		out = append(out, "Fieldwork begins before the window ends; the last days are then tested in a second visit.")
	}
	if okTo && w.To < s.Today {
		out = append(out, "The last day has passed.")
	}
	return out
}

func (s *State) organisation(a Answers) ([]record.Change, error) {
	o := a.Organisation
	if strings.TrimSpace(o.Name) == "" {
		return nil, fault.New(fault.Invalid, "The organisation needs a name.")
	}
	if !slices.Contains([]string{"startup", "growth", "enterprise"}, o.Stage) {
		return nil, fault.New(fault.Invalid, "Choose how far the organisation is.")
	}
	org, err := s.change("organisation", "organisation", map[string]any{"name": strings.TrimSpace(o.Name), "legal_name": strings.TrimSpace(o.LegalName), "website": strings.TrimSpace(o.Website), "time_zone": cmp.Or(strings.TrimSpace(o.TimeZone), "UTC")})
	if err != nil {
		return nil, err
	}
	p, err := s.onPeriod("organisation", map[string]any{"stage": o.Stage})
	return []record.Change{org, p}, err
}

func (s *State) boundary(a Answers) ([]record.Change, error) {
	x := a.System
	if strings.TrimSpace(x.Name) == "" {
		return nil, fault.New(fault.Invalid, "The system needs a name, such as the product's.")
	}
	if strings.TrimSpace(x.Inside) == "" {
		return nil, fault.New(fault.Invalid, "Say what is inside the boundary.").WithNext("A few sentences: what runs the service, and where.")
	}
	key := x.ID
	if s.System != nil {
		key = s.System.Key
	} else if key == "" {
		key = cmp.Or(slug(x.Name), "system")
	}
	var parts []any
	for _, c := range x.Components {
		if c.Name == "" {
			continue
		}
		c.From = cmp.Or(c.From, s.Today)
		parts = append(parts, plain(c))
	}
	var data []any
	for _, d := range x.Data {
		if d.Name != "" {
			data = append(data, plain(d))
		}
	}
	fields := map[string]any{"id": key, "name": strings.TrimSpace(x.Name), "description": x.Description, "inside": strings.TrimSpace(x.Inside), "outside": strings.TrimSpace(x.Outside), "owner": x.Owner}
	for name, list := range map[string][]any{"services": lines(x.Services), "locations": lines(x.Locations), "components": parts, "data": data} {
		fields[name] = nil
		if len(list) > 0 {
			fields[name] = list
		}
	}
	sys, err := s.change("system", key, fields)
	if err != nil {
		return nil, err
	}
	p, err := s.onPeriod("boundary", map[string]any{"system": key})
	return []record.Change{sys, p}, err
}

func lines(list []string) []any {
	var out []any
	for _, l := range list {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// plain is a value as it stands in a body.
func plain(v any) map[string]any {
	var m map[string]any
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		panic(err) // our own plain structs
	}
	return m
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

func slug(name string) string {
	return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

func (s *State) commitments(a Answers) ([]record.Change, error) {
	var out []record.Change
	taken := map[string]bool{}
	titled := map[string]string{}
	for _, c := range s.Commitments {
		taken[c.ID], titled[c.Title] = true, c.ID
	}
	for i, c := range a.Commitments {
		if strings.TrimSpace(c.Title+c.Statement) == "" {
			continue
		}
		if c.Statement == "" || c.MadeIn == "" {
			return nil, fault.New(fault.Invalid, "The commitment %q does not say what is promised and where.", cmp.Or(c.Title, c.ID, fmt.Sprint(i+1))).
				WithNext("Name the contract, terms or page that says it, so that it can be read there.")
		}
		c.Title, c.Sort, c.Category = cmp.Or(c.Title, c.Statement), cmp.Or(c.Sort, "service_commitment"), cmp.Or(c.Category, framework.Security)
		c.ID = cmp.Or(c.ID, titled[c.Title])
		for n := 1; c.ID == ""; n++ {
			if key := fmt.Sprintf("SC-%02d", n); !taken[key] {
				c.ID = key
			}
		}
		taken[c.ID] = true
		c.Controls = slices.DeleteFunc(slices.Clone(c.Controls), func(k string) bool { return s.Controls[k].ID == "" })
		fields := plain(c)
		if len(c.Criteria) == 0 {
			delete(fields, "criteria")
		}
		if len(c.Controls) == 0 {
			delete(fields, "controls")
		}
		ch, err := s.change("commitment", c.ID, fields)
		if err != nil {
			return nil, err
		}
		out = append(out, ch)
	}
	p, err := s.onPeriod("commitments", map[string]any{})
	return append(out, p), err
}

func (s *State) team(a Answers) ([]record.Change, error) {
	var out []record.Change
	known := maps.Clone(s.People)
	for _, p := range a.People {
		if p.ID == "" || known[p.ID] != "" {
			continue
		}
		ch, err := s.change("person", p.ID, plain(p))
		if err != nil {
			return nil, err
		}
		out, known[p.ID] = append(out, ch), p.Name
	}
	var team []any
	for _, role := range slices.Sorted(maps.Keys(a.Team)) {
		who := strings.TrimSpace(a.Team[role])
		if who == "" {
			continue
		}
		if _, ok := known[who]; !ok {
			return nil, fault.New(fault.Invalid, "There is no person %q who could be %s.", who, strings.ReplaceAll(role, "_", " ")).
				WithNext("Add the person first, or import your people from a CSV file.")
		}
		team = append(team, map[string]any{"role": role, "person": who})
	}
	fields := map[string]any{"team": nil}
	if len(team) > 0 {
		fields["team"] = team
	}
	p, err := s.onPeriod("team", fields)
	return append(out, p), err
}

func (s *State) controls(a Answers) ([]record.Change, error) {
	proposed := map[string]bool{}
	for _, p := range s.Proposed() {
		proposed[p.ID] = true
	}
	var left []any
	for _, l := range a.LeaveOut {
		switch {
		case !proposed[l.Control]:
			return nil, fault.New(fault.Invalid, "%s is not among the proposed controls, so it cannot be left out of them.", l.Control)
		case strings.TrimSpace(l.Reason) == "":
			return nil, fault.New(fault.Invalid, "Leaving out %s needs a reason.", l.Control).WithNext("Say why you do not need it; the auditor may ask.")
		}
		left = append(left, map[string]any{"control": l.Control, "reason": strings.TrimSpace(l.Reason)})
	}
	fields := map[string]any{"left_out": nil}
	if len(left) > 0 {
		fields["left_out"] = left
	}
	return one(s.onPeriod("controls", fields))
}

func (s *State) policies(a Answers) ([]record.Change, error) {
	var chosen []any
	for _, t := range Templates(s.Categories()) {
		if a.Policies == nil || slices.Contains(a.Policies, t.ID) {
			chosen = append(chosen, t.ID)
		}
	}
	if len(chosen) == 0 {
		return nil, fault.New(fault.Invalid, "Choose at least one policy.").WithNext("Small companies may write few and long ones, and no auditor accepts none.")
	}
	return one(s.onPeriod("policies", map[string]any{"policies": chosen}))
}

// Components proposes a part of the system for each connected source that is not in it yet.
func (s *State) Components() []system.Component {
	var out []system.Component
	for _, c := range s.Connections {
		if s.System != nil && slices.ContainsFunc(s.System.Components, func(x system.Component) bool { return x.Source == c.Name }) {
			continue
		}
		typ := map[string]string{"git": "software", "host": "infrastructure"}[c.Connector]
		out = append(out, system.Component{Type: cmp.Or(typ, "data"), Name: cmp.Or(c.Title, c.Name), Source: c.Name, From: s.Today})
	}
	return out
}

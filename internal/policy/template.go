package policy

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"tickmark/content"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Template is a policy to begin from, in our own words.
type Template struct {
	ID           string   `yaml:"id"`
	Title        string   `yaml:"title"`
	Sort         string   `yaml:"sort"`
	Prefix       string   `yaml:"prefix"` // of the ids of its clauses
	Criteria     []string `yaml:"criteria"`
	Controls     []string `yaml:"controls"`
	NeededWhen   string   `yaml:"needed_when"`
	Category     string   `yaml:"category,omitempty"` // the one that has to be in scope for it
	ReviewMonths int      `yaml:"review_months"`
	Audience     string   `yaml:"audience"`
	Text         string   `yaml:"-"`
}

// Standard is a number or name that policies refer to.
type Standard struct {
	Name    string `yaml:"name"`
	Title   string `yaml:"title"`
	Default string `yaml:"default,omitempty"` // empty: the organisation has to say
}

// Library is the templates, by id, and what they refer to.
type Library struct {
	Templates []Template
	Standards []Standard
}

// Get returns the template of that id.
func (l Library) Get(id string) (Template, error) {
	var ids []string
	for _, t := range l.Templates {
		if t.ID == id {
			return t, nil
		}
		ids = append(ids, t.ID)
	}
	return Template{}, fault.New(fault.NotFound, "There is no policy template %q.", id).WithNext("The templates are %s.", strings.Join(ids, ", "))
}

// Standard returns what is known of a variable's name.
func (l Library) Standard(name string) (Standard, bool) {
	i := slices.IndexFunc(l.Standards, func(s Standard) bool { return s.Name == name })
	if i < 0 {
		return Standard{Name: name, Title: name}, false
	}
	return l.Standards[i], true
}

// Templates are the templates of this release.
var Templates = sync.OnceValues(func() (Library, error) { return load(content.Policy) })

func load(files fs.FS) (Library, error) {
	var l Library
	data, err := fs.ReadFile(files, "policy/standards.yaml")
	if err != nil {
		return l, fmt.Errorf("read the policy standards: %w", err)
	}
	var table struct {
		Version   string     `yaml:"version"`
		Closing   string     `yaml:"closing"`
		Variables []Standard `yaml:"variables"`
	}
	if err := framework.Read("policy/standards.yaml", data, &table); err != nil {
		return l, err
	}
	l.Standards = table.Variables
	names, err := fs.Glob(files, "policy/*.md")
	if err != nil {
		return l, fmt.Errorf("list the policy templates: %w", err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return l, fmt.Errorf("read the policy templates: %w", err)
		}
		front, text, ok := strings.Cut(strings.TrimPrefix(string(data), "---\n"), "\n---\n")
		if !ok {
			return l, fault.New(fault.Invalid, "%s:1:1: it does not begin with its front matter between two lines of three dashes.", name)
		}
		t := Template{}
		if err := framework.Read(name, []byte("\n"+front), &t); err != nil {
			return l, err
		}
		sections := 1 + strings.Count(text, "\n## ")
		t.Text = fmt.Sprintf("%s\n\n## %d. Exceptions, breaches and upkeep\n\n%s", strings.TrimSpace(text), sections, strings.ReplaceAll(table.Closing, "PREFIX", t.Prefix))
		l.Templates = append(l.Templates, t)
	}
	return l, nil
}

// Begin returns the changes that begin a policy from a template: the policy, and its first text as a draft. Controls that are
// not adopted are left out of the policy; its text goes on naming them.
func Begin(look record.Look, id, template string) ([]record.Change, error) {
	library, err := Templates()
	if err != nil {
		return nil, err
	}
	t, err := library.Get(template)
	if err != nil {
		return nil, err
	}
	if _, err := look.Get("policy", id); err == nil {
		return nil, fault.New(fault.Conflict, "There is a policy %s already.", id).WithNext("Write its next version, or begin this one under another id.")
	} else if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	controls := []string{}
	for _, c := range t.Controls {
		switch _, err := look.Get("control", c); {
		case err == nil:
			controls = append(controls, c)
		case !fault.Is(err, fault.NotFound):
			return nil, err
		}
	}
	values, err := Values(look, Variables(t.Text))
	if err != nil {
		return nil, err
	}
	none := record.Moment(0)
	return []record.Change{
		{Kind: "policy", Key: id, If: &none, Reason: "begun from the template " + t.ID, Body: encoded(map[string]any{
			"id": id, "title": t.Title, "sort": t.Sort, "template": t.ID, "audience": t.Audience, "review_months": t.ReviewMonths, "controls": controls})},
		{Kind: "policy_version", Key: id + "-1", If: &none, Reason: "begun from the template " + t.ID, Body: encoded(map[string]any{
			"policy": id, "title": t.Title, "number": "1.0", "change": "major", "text": t.Text, "variables": values})},
	}, nil
}

// Values are what is known of the named variables: what other policies say, so that a number stands the same everywhere, then
// what the organisation, its systems and its period say, then the default.
func Values(look record.Look, names []string) (map[string]any, error) {
	library, err := Templates()
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for _, s := range library.Standards {
		known[s.Name] = s.Default
	}
	if err := fromOrganisation(look, known); err != nil {
		return nil, err
	}
	all, err := look.All("policy_version")
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b record.Version) int { return int(a.From - b.From) })
	for _, v := range all {
		x, err := ReadVersion(v)
		if err != nil {
			return nil, err
		}
		for name, value := range x.Variables {
			if s := strings.TrimSpace(said(value)); s != "" {
				known[name] = s
			}
		}
	}
	out := map[string]any{}
	for _, n := range names {
		if known[n] != "" {
			out[n] = known[n]
		}
	}
	return out, nil
}

func fromOrganisation(look record.Look, known map[string]string) error {
	set := func(name, value string) {
		if value != "" {
			known[name] = value
		}
	}
	if v, err := look.Get("organisation", "organisation"); err == nil {
		var o struct {
			Name  string
			Legal string `json:"legal_name"`
		}
		if err := json.Unmarshal(v.Body, &o); err != nil {
			return fmt.Errorf("read the organisation: %w", err)
		}
		set("company.short_name", o.Name)
		set("company.legal_name", o.Name)
		set("company.legal_name", o.Legal)
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	systems, err := look.All("system")
	if err != nil {
		return err
	}
	var services []string
	for _, v := range systems {
		var s struct {
			Name, State string
			Services    []string
		}
		if err := json.Unmarshal(v.Body, &s); err != nil {
			return fmt.Errorf("read system %s: %w", v.Key, err)
		}
		switch {
		case s.State == "retired":
		case len(s.Services) == 0:
			services = append(services, s.Name)
		default:
			services = append(services, s.Services...)
		}
	}
	set("service.names", strings.Join(services, ", "))
	periods, err := look.Find("period", "state", "current")
	if err != nil {
		return err
	}
	for _, v := range periods {
		var p struct {
			Team []struct{ Role, Person string }
		}
		if err := json.Unmarshal(v.Body, &p); err != nil {
			return fmt.Errorf("read period %s: %w", v.Key, err)
		}
		for _, member := range p.Team {
			who, err := look.Get("person", member.Person)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			var position struct{ Title string }
			if err := json.Unmarshal(who.Body, &position); err != nil {
				return fmt.Errorf("read person %s: %w", member.Person, err)
			}
			set("roles."+member.Role, position.Title)
		}
	}
	return nil
}

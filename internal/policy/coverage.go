package policy

import (
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/framework"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

// Covered is a criterion in scope with the policies that speak for it.
type Covered struct {
	Criterion, Title string
	InForce          []string // keys of policies with a text in force
	Drafts           []string // keys of policies without one
	Suggested        []string // templates that speak for it and were not begun; only where no text is in force
}

// Coverage is every criterion in scope at the moment of a look. A policy speaks for the criteria of the controls that carry it out, and
// for those that its template was written for.
func Coverage(look record.Look) ([]Covered, error) {
	library, err := Templates()
	if err != nil {
		return nil, err
	}
	p, known, err := period.Working(look)
	if err != nil {
		return nil, err
	}
	categories := p.Categories
	if !known {
		categories = []string{"security"}
	}
	criteria, err := framework.Load()
	if err != nil {
		return nil, err
	}
	docs, err := look.All("policy")
	if err != nil {
		return nil, err
	}
	begun := map[string]bool{}
	inForce, drafts := map[string][]string{}, map[string][]string{}
	for _, v := range docs {
		if v.Erased {
			continue
		}
		d, err := ReadDocument(v)
		if err != nil {
			return nil, err
		}
		if d.State == "retired" {
			continue
		}
		begun[d.Template] = true
		speaks, err := criteriaOf(look, library, d)
		if err != nil {
			return nil, err
		}
		versions, err := Versions(look, d.Key)
		if err != nil {
			return nil, err
		}
		to := drafts
		if slices.ContainsFunc(versions, func(x Version) bool { return x.State == "published" }) {
			to = inForce
		}
		for c := range speaks {
			to[c] = append(to[c], d.Key)
		}
	}
	var out []Covered
	for _, c := range criteria {
		if !c.InScope(categories) {
			continue
		}
		x := Covered{Criterion: c.ID, Title: c.Title, InForce: inForce[c.ID], Drafts: drafts[c.ID]}
		slices.Sort(x.InForce)
		slices.Sort(x.Drafts)
		for _, t := range library.Templates {
			if len(x.InForce) == 0 && !begun[t.ID] && slices.Contains(t.Criteria, c.ID) {
				x.Suggested = append(x.Suggested, t.ID)
			}
		}
		out = append(out, x)
	}
	return out, nil
}

func criteriaOf(look record.Look, library Library, d Document) (map[string]bool, error) {
	out := map[string]bool{}
	for _, t := range library.Templates {
		if t.ID == d.Template {
			for _, c := range t.Criteria {
				out[c] = true
			}
		}
	}
	for _, key := range d.Controls {
		v, err := look.Get("control", key)
		if err != nil {
			continue // not adopted, or gone: it carries out nothing
		}
		var c struct {
			State    string
			Criteria []string
		}
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return nil, fmt.Errorf("read control %s: %w", key, err)
		}
		for _, id := range c.Criteria {
			if c.State != "retired" {
				out[id] = true
			}
		}
	}
	return out, nil
}

package fieldwork

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
)

// Rolled is what was brought from one engagement into the next.
type Rolled struct {
	Proposed bool              `json:"proposed"` // the engagement itself; nothing else comes before it is accepted
	Matrix   string            `json:"matrix,omitempty"`
	Papers   []string          `json:"papers"`
	Requests []string          `json:"requests"`
	Prior    []workpaper.Prior `json:"prior"` // controls that deviated then, whose samples are larger now
}

// next are the fields of an engagement that are the same in the next: what was agreed anew each year is not among them.
var next = []string{"company", "addressee", "company_key", "operator", "type", "categories", "system", "zone", "team", "contacts", "firm", "similar", "other_services", "materiality", "subservice", "user_controls", "require_signatures"}

// RollForward brings scope, matrix, papers and requests of an engagement into the next, as drafts. No risk, no conclusion, no mark, no
// sample and no evidence comes with it: each is of its own year. What is there already stays as it is.
func (d *Desk) RollForward(ctx context.Context, by record.Authority, from, to, first, last string) (Rolled, error) {
	out := Rolled{Papers: []string{}, Requests: []string{}, Prior: []workpaper.Prior{}}
	old, err := d.body(ctx, engagement.Name, from)
	if err != nil {
		return out, err
	}
	if err := engagement.Requires(old, by.Actor(), "bring it into the next year", append(engagement.Workers(), engagement.QualityReviewer)...); err != nil {
		return out, err
	}
	if err := by.May(ctx, "write", d.kind(engagement.Name)); err != nil {
		return out, err
	}
	e, err := d.body(ctx, engagement.Name, to)
	if fault.Is(err, fault.NotFound) {
		out.Proposed = true
		return out, d.propose(ctx, by, old, from, to, first, last)
	}
	if err != nil {
		return out, err
	}
	if engagement.Text(e, "prior") != from {
		return out, fault.New(fault.Conflict, "%s does not follow on %s.", to, from).WithNext("Set prior of %s to %s, or choose another id.", to, from)
	}
	if !slices.Contains([]string{"accepted", "planning"}, engagement.Text(e, record.StateField)) {
		return out, fault.New(fault.Conflict, "%s is %s; what comes from last year is taken while it is accepted or planned.", to, engagement.Text(e, record.StateField)).WithNext("Accept it first.")
	}
	look := d.Book.LookAt(ctx, time.Time{})
	if out.Matrix, err = d.rollMatrix(ctx, by, look, from, to, e); err != nil {
		return out, err
	}
	if out.Papers, err = d.rollPapers(ctx, by, look, from, to); err != nil {
		return out, err
	}
	if out.Requests, err = d.rollRequests(ctx, by, look, from, to, e); err != nil {
		return out, err
	}
	out.Prior, err = workpaper.PriorOf(look, from)
	return out, err
}

func (d *Desk) write(ctx context.Context, by record.Authority, kind, key string, body map[string]any, reason string) (string, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	v, err := d.Book.Put(ctx, by, record.Change{Kind: kind, Key: key, Body: raw, Reason: reason})
	if err != nil {
		return "", err
	}
	return v[0].Key, nil
}

func (d *Desk) propose(ctx context.Context, by record.Authority, old map[string]any, from, to, first, last string) error {
	body := map[string]any{"id": to, "name": engagement.Text(old, "company") + " " + to, "prior": from, "to": last}
	if first != "" {
		body["from"] = first
	}
	for _, f := range next {
		if v, ok := old[f]; ok {
			body[f] = v
		}
	}
	_, err := d.write(ctx, by, engagement.Name, to, body, "follows on "+from)
	return err
}

// rollMatrix drafts a matrix with the controls of the last one, for the new window; it is agreed and frozen anew.
func (d *Desk) rollMatrix(ctx context.Context, by record.Authority, look record.Look, from, to string, e map[string]any) (string, error) {
	if there, err := look.Find(engagement.MatrixName, engagement.Name, to); err != nil || len(there) > 0 {
		return "", err
	}
	all, err := engagement.Matrices(look, from)
	if err != nil || len(all) == 0 {
		return "", err
	}
	last := all[len(all)-1]
	var controls []any
	for _, c := range engagement.Objects(last, "controls") {
		delete(c, "version") // of the company's record then
		controls = append(controls, c)
	}
	begin := engagement.Text(e, "from")
	if begin == "" {
		begin = engagement.Text(e, "to")
	}
	body := map[string]any{engagement.Name: to, "name": "From " + from, "from": begin, "to": e["to"], "controls": controls}
	if n, ok := last["not_relevant"]; ok {
		body["not_relevant"] = n
	}
	return d.write(ctx, by, engagement.MatrixName, "", body, "from "+from)
}

// rollPapers begins a paper of each control of the last year's, with what is tested and how, and nothing of what came of it.
func (d *Desk) rollPapers(ctx context.Context, by record.Authority, look record.Look, from, to string) ([]string, error) {
	out := []string{}
	there, err := engagement.Found(look, workpaper.Name, engagement.Name, to)
	if err != nil {
		return out, err
	}
	old, err := engagement.Found(look, workpaper.Name, engagement.Name, from)
	if err != nil {
		return out, err
	}
	for _, p := range old {
		if slices.ContainsFunc(there, func(t map[string]any) bool { return t["control"] == p["control"] }) {
			continue
		}
		body := map[string]any{engagement.Name: to}
		for _, f := range []string{"reference", "control", "objective", "attributes", "links"} {
			if v, ok := p[f]; ok {
				body[f] = v
			}
		}
		if _, err := d.write(ctx, by, workpaper.Name, "", body, "from "+from); err != nil {
			return out, fmt.Errorf("paper of %s: %w", engagement.Text(p, "control"), err)
		}
		out = append(out, engagement.Text(p, "control"))
	}
	slices.Sort(out)
	return out, nil
}

// rollRequests drafts what was asked for last year again, for the new window; what asked about a sample is left out, for there is another.
func (d *Desk) rollRequests(ctx context.Context, by record.Authority, look record.Look, from, to string, e map[string]any) ([]string, error) {
	const kind = "evidence_request"
	out := []string{}
	if _, err := d.Book.Kinds.Named(kind); err != nil {
		return out, nil
	}
	there, err := engagement.Found(look, kind, engagement.Name, to)
	if err != nil {
		return out, err
	}
	old, err := engagement.Found(look, kind, engagement.Name, from)
	if err != nil {
		return out, err
	}
	for _, r := range old {
		if r["sort"] == "sample_proof" || r[record.StateField] == "withdrawn" || slices.ContainsFunc(there, func(t map[string]any) bool { return t["name"] == r["name"] }) {
			continue
		}
		body := map[string]any{engagement.Name: to, "to": e["to"]}
		if v := engagement.Text(e, "from"); v != "" {
			body["from"] = v
		}
		for _, f := range []string{"name", "text", "sort", "control", "attributes"} {
			if v, ok := r[f]; ok {
				body[f] = v
			}
		}
		if _, err := d.write(ctx, by, kind, "", body, "from "+from); err != nil {
			return out, fmt.Errorf("request %q: %w", engagement.Text(r, "name"), err)
		}
		out = append(out, engagement.Text(r, "name"))
	}
	slices.Sort(out)
	return out, nil
}

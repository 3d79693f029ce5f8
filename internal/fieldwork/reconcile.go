package fieldwork

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
)

// Difference is a row of one of two lists that has none in the other.
type Difference struct {
	Side string `json:"side"` // here or there
	Row  string `json:"row"`
	Text string `json:"text"`
}

// Reconciled is how two lists stand to each other.
type Reconciled struct {
	Matched   int          `json:"matched"`
	OnlyHere  int          `json:"only_here"`
	OnlyThere int          `json:"only_there"`
	List      []Difference `json:"differences"`
}

// maxDifferences is how many differences people can explain one by one. Lists that differ in more are not two of the same.
const maxDifferences = 500

// Reconcile compares a delivered population with another of the engagement, row by row, by what expressions say of each as text, and puts
// the differences on record. A person explains each; until then the population is not evaluated.
func (d *Desk) Reconcile(ctx context.Context, by record.Authority, key, with, ours, theirs string) (Reconciled, error) {
	if err := by.May(ctx, "act", d.kind(workpaper.PopulationName)); err != nil {
		return Reconciled{}, err
	}
	p, err := d.body(ctx, workpaper.PopulationName, key)
	if err != nil {
		return Reconciled{}, err
	}
	if _, err := engagement.Member(d.Book.LookAt(ctx, time.Time{}), engagement.Text(p, engagement.Name), by.Actor(), "reconcile its populations", engagement.Workers()...); err != nil {
		return Reconciled{}, err
	}
	o, err := d.body(ctx, workpaper.PopulationName, with)
	if err != nil {
		return Reconciled{}, err
	}
	switch {
	case key == with:
		return Reconciled{}, fault.New(fault.Invalid, "A list always agrees with itself.").WithNext("Name another population, from a source of its own.")
	case o[engagement.Name] != p[engagement.Name]:
		return Reconciled{}, fault.New(fault.Invalid, "The population %s is of another engagement.", with)
	case o["file"] == p["file"]:
		return Reconciled{}, fault.New(fault.Invalid, "%s is the same file, and a list always agrees with itself.", with).WithNext("Name a list from another source.")
	case p[record.StateField] != "delivered":
		return Reconciled{}, fault.New(fault.Conflict, "The population %s is %s, and is reconciled once it is delivered and before it is evaluated.", engagement.Text(p, "name"), engagement.Text(p, record.StateField))
	case slices.Contains([]string{"requested", "superseded"}, engagement.Text(o, record.StateField)):
		return Reconciled{}, fault.New(fault.Conflict, "The population %s is %s.", engagement.Text(o, "name"), engagement.Text(o, record.StateField)).WithNext("Take its delivery first.")
	}
	here, err := d.values(ctx, p, ours)
	if err != nil {
		return Reconciled{}, err
	}
	there, err := d.values(ctx, o, theirs)
	if err != nil {
		return Reconciled{}, err
	}
	r := compare(here, there)
	if n := r.OnlyHere + r.OnlyThere; n > maxDifferences {
		return r, fault.New(fault.Conflict, "The lists differ in %d rows (%d agree), and %d are the most that people explain one by one.", n, r.Matched, maxDifferences).WithNext("Look whether ours and theirs name the same, and whether both lists are of the same time.")
	}
	raw, err := json.Marshal(r.List)
	if err != nil {
		return r, err
	}
	var list []any
	if err := json.Unmarshal(raw, &list); err != nil {
		return r, err
	}
	_, err = d.Book.Put(ctx, record.Job("job:reconcile"), record.Change{Kind: workpaper.PopulationName, Key: key, Move: "reconcile", Reason: "asked by " + by.Actor().Name,
		Said: map[string]any{"reconciled_with": with, "reconciled_ours": ours, "reconciled_theirs": theirs, "reconciled_root": engagement.Text(o, "root"), "matched": float64(r.Matched), "only_here": float64(r.OnlyHere), "only_there": float64(r.OnlyThere), "differences": list}})
	return r, err
}

// valued is a row with what it is compared by; unsaid where it does not say.
type valued struct {
	row, value, text string
	unsaid           bool
}

// values are the rows of a population with what an expression says of each.
func (d *Desk) values(ctx context.Context, p map[string]any, source string) ([]valued, error) {
	l, err := d.kept(ctx, p)
	if err != nil {
		return nil, err
	}
	schema := expr.Schema{Name: tableRow}
	if l.kind != "" {
		k, err := d.Book.Kinds.Named(l.kind)
		if err != nil {
			return nil, err
		}
		schema = k.Expr()
	} else {
		for _, c := range l.columns {
			schema.Fields = append(schema.Fields, expr.Field{Name: c, Type: expr.Text})
		}
	}
	env, err := expr.NewEnv(schema)
	if err != nil {
		return nil, err
	}
	prog, err := expr.Compile(env, source)
	if err == nil && !prog.IsText() {
		err = fmt.Errorf("it gives no text")
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s cannot be compared by %q: %w.", engagement.Text(p, "name"), source, err).WithNext("Write CEL over r that gives a text, such as r.email.lowerAscii().")
	}
	out := make([]valued, 0, len(l.of))
	for _, o := range l.of {
		v := valued{row: o.Key, text: brief(string(o.Content)), unsaid: true}
		if doc, err := expr.Parse(o.Content); err == nil {
			if text, err := prog.Text(doc, nil); err == nil && strings.TrimSpace(text) != "" {
				v.value, v.unsaid = text, false
			}
		}
		out = append(out, v)
	}
	return out, nil
}

func brief(s string) string {
	if r := []rune(s); len(r) > 200 {
		return string(r[:199]) + "…"
	}
	return s
}

// compare finds the rows of either side that have none of the same value in the other. A row that says nothing to compare by agrees with
// none, and of two rows of one value here a single one there answers one only.
func compare(here, there []valued) Reconciled {
	r := Reconciled{List: []Difference{}}
	left := map[string]int{}
	for _, t := range there {
		if !t.unsaid {
			left[t.value]++
		}
	}
	used := map[string]int{}
	for _, h := range here {
		if !h.unsaid && left[h.value] > 0 {
			left[h.value]--
			used[h.value]++
			r.Matched++
			continue
		}
		r.OnlyHere++
		r.List = append(r.List, Difference{"here", h.row, h.text})
	}
	for _, t := range there {
		if !t.unsaid && used[t.value] > 0 {
			used[t.value]--
			continue
		}
		r.OnlyThere++
		r.List = append(r.List, Difference{"there", t.row, t.text})
	}
	return r
}

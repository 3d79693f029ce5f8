// Package scope says which records belong to a system. The one rule: that is computed from the dated components of its
// boundary and never stored, so that a record is inside on the days that the boundary says, and on no earlier one. What
// cannot be told to be outside is not left out.
package scope

import (
	"slices"
	"strings"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
	"tickmark/internal/system"
)

// Boundary is what a system is made of, ready to be asked.
type Boundary struct {
	parts []part
	zone  *time.Location
}

// part is a component that stands for records. Where holds its condition by kind; nil where it has none.
type part struct {
	system.Component
	where map[string]*expr.Program
	wrong map[string]string // by kind: why the condition cannot be asked of it
}

// Of reads a system's boundary. A condition that does not work on a kind it names is refused.
func Of(kinds *record.Kinds, s system.System) (*Boundary, error) {
	b := &Boundary{zone: time.UTC}
	for _, c := range s.Components {
		p := part{Component: c, where: map[string]*expr.Program{}, wrong: map[string]string{}}
		if c.Source == "" && len(c.Kinds) == 0 {
			continue // said in words; no record is this part
		}
		for _, k := range kinds.All() {
			if strings.TrimSpace(c.Where) == "" || !p.about(k.Name) {
				continue
			}
			env, err := expr.NewEnv(k.Expr())
			if err == nil {
				p.where[k.Name], err = expr.CompileTest(env, c.Where)
			}
			switch {
			case err != nil && len(c.Kinds) > 0:
				return nil, fault.New(fault.Invalid, "The component %q of %s: its condition does not work on %s: %w.", c.Name, s.Key, k.Plural, err).WithNext("Mend the condition, or the kinds it is about.")
			case err != nil:
				p.wrong[k.Name] = err.Error()
			}
		}
		for _, name := range c.Kinds {
			if _, err := kinds.Named(name); err != nil {
				return nil, fault.New(fault.Invalid, "The component %q of %s is about the kind %q, which there is not.", c.Name, s.Key, name).WithNext("tickmark records lists the kinds there are.")
			}
		}
		b.parts = append(b.parts, p)
	}
	return b, nil
}

func (p part) about(kind string) bool { return len(p.Kinds) == 0 || slices.Contains(p.Kinds, kind) }

// View is offered by the kinds whose records are parts of systems rather than within one: a machine, an account at a
// provider, a repository. Each belongs to a system's boundary, or is said to be outside.
const View = "component"

// Placed says whether the boundary speaks of a record on a day, YYYY-MM-DD, as inside or as outside.
func (b *Boundary) Placed(v record.Version, day string) (expr.Answer, string) {
	return b.fits(v, day, day, func(part) bool { return true })
}

// Holds says whether a record, as its version says it, is inside on some day from the first through the last, both
// YYYY-MM-DD; the sentence says why that cannot be told.
func (b *Boundary) Holds(v record.Version, first, last string) (expr.Answer, string) {
	in, why := b.fits(v, first, last, func(p part) bool { return p.Outside == "" })
	if in == expr.False {
		return in, why
	}
	through := func(p part) bool { return p.Outside != "" && p.From <= first && (p.To == "" || p.To >= last) }
	switch out, reason := b.fits(v, first, last, through); out {
	case expr.True:
		return expr.False, ""
	case expr.Unknown:
		return expr.Unknown, reason
	}
	return in, why
}

// fits asks the parts that are wanted.
func (b *Boundary) fits(v record.Version, first, last string, want func(part) bool) (expr.Answer, string) {
	answer, why := expr.False, ""
	for _, p := range b.parts {
		if !want(p) {
			continue
		}
		if p.From > last || p.To != "" && p.To < first || p.Source != "" && p.Source != v.Source || !p.about(v.Kind) {
			continue
		}
		in, reason := p.fits(v)
		if in == expr.True {
			return expr.True, ""
		}
		if in == expr.Unknown && answer == expr.False {
			answer, why = in, reason
		}
	}
	return answer, why
}

func (p part) fits(v record.Version) (expr.Answer, string) {
	if strings.TrimSpace(p.Where) == "" {
		return expr.True, ""
	}
	unsure := func(why string) (expr.Answer, string) {
		return expr.Unknown, "It cannot be told whether it is " + p.Name + ": " + why
	}
	program := p.where[v.Kind]
	if program == nil {
		return unsure(p.wrong[v.Kind])
	}
	if v.Dropped != nil {
		return unsure(v.Dropped.String())
	}
	doc, err := expr.Parse(v.Full())
	if err != nil {
		return unsure(err.Error())
	}
	r := program.Eval(doc, &expr.Scope{})
	if r.Answer == expr.Unknown {
		return unsure(r.Reason)
	}
	return r.Answer, ""
}

// At reads the boundary of a system as it was recorded at a moment.
func At(look record.Look, kinds *record.Kinds, key string) (*Boundary, error) {
	v, err := look.Get(system.Kind().Name, key)
	if err != nil {
		return nil, err
	}
	s, err := system.Read(v)
	if err != nil {
		return nil, err
	}
	b, err := Of(kinds, s)
	if err != nil {
		return nil, err
	}
	o, err := look.Get("organisation", organisation.Key)
	switch {
	case err == nil:
		b.zone = organisation.Zone(o.Body)
	case !fault.Is(err, fault.NotFound):
		return nil, err
	}
	return b, nil
}

// Day is the day of a moment where the organisation is, as Holds takes it.
func (b *Boundary) Day(at time.Time) string { return at.In(b.zone).Format(time.DateOnly) }

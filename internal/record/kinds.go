package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
)

// Kinds are the kinds a workspace knows, by name.
type Kinds struct {
	list  []*Kind
	named map[string]*Kind
}

// NewKinds checks the declarations and gathers them, sorted by name.
func NewKinds(kinds ...Kind) (*Kinds, error) {
	ks := &Kinds{named: map[string]*Kind{}}
	for _, k := range kinds {
		k := k
		if k.Room == "" {
			k.Room = Company
		}
		k.Schema = max(k.Schema, 1)
		k.Title = cmp.Or(k.Title, sentence(k.Name))
		k.Plural = cmp.Or(k.Plural, k.Title+"s")
		if err := k.check(); err != nil {
			return nil, fmt.Errorf("kind %s: %w", k.Name, err)
		}
		if ks.named[k.Name] != nil {
			return nil, fmt.Errorf("kind %s is declared twice", k.Name)
		}
		ks.named[k.Name] = &k
		ks.list = append(ks.list, &k)
	}
	slices.SortFunc(ks.list, func(a, b *Kind) int { return strings.Compare(a.Name, b.Name) })
	if err := ks.divided(); err != nil {
		return nil, err
	}
	for _, k := range ks.list {
		for _, f := range k.Fields {
			if f.Type == Ref && f.Refers != "" && ks.named[f.Refers] == nil {
				return nil, fmt.Errorf("kind %s: field %s refers to the unknown kind %s", k.Name, f.Name, f.Refers)
			}
		}
	}
	return ks, nil
}

func (k *Kind) check() error {
	if k.Name == "" || strings.ToLower(k.Name) != k.Name || strings.ContainsAny(k.Name, " -./") {
		return fmt.Errorf("a name in snake_case is needed")
	}
	if len(k.Upcasts) != k.Schema-1 {
		return fmt.Errorf("schema %d needs %d upcasts, %d are given", k.Schema, k.Schema-1, len(k.Upcasts))
	}
	seen := map[string]bool{}
	for _, f := range k.Fields {
		if seen[f.Name] || f.Name == "" {
			return fmt.Errorf("field %q is declared twice or has no name", f.Name)
		}
		seen[f.Name] = true
		if f.Indexed && (f.Type == Object || f.Type == JSON || f.Type == Long || f.Secret || f.Volatile) {
			return fmt.Errorf("field %s cannot be indexed", f.Name)
		}
		if f.Secret && f.Type != Text {
			return fmt.Errorf("field %s is secret, so it must be text", f.Name)
		}
	}
	for _, name := range []string{k.Label, k.Occurred, k.Since} {
		if name != "" && !seen[name] {
			return fmt.Errorf("there is no field %s to show or to take the time from", name)
		}
	}
	return nil
}

// All returns every kind, by name.
func (ks *Kinds) All() []*Kind { return ks.list }

// Named returns a kind, or a fault that offers the nearest names.
func (ks *Kinds) Named(name string) (*Kind, error) {
	if k := ks.named[name]; k != nil {
		return k, nil
	}
	f := fault.New(fault.NotFound, "There is no kind %q.", name)
	var near []string
	for _, k := range ks.list {
		if strings.Contains(k.Name, strings.ToLower(name)) || strings.Contains(strings.ToLower(name), k.Name) {
			near = append(near, k.Name)
		}
	}
	if len(near) > 0 {
		return nil, f.WithNext("Did you mean %s?", strings.Join(near, ", "))
	}
	return nil, f.WithNext("tickmark records lists the kinds there are.")
}

// Providers returns the kinds that offer a view.
func (ks *Kinds) Providers(view string) []*Kind {
	var out []*Kind
	for _, k := range ks.list {
		if slices.ContainsFunc(k.Views, func(v View) bool { return v.Name == view }) {
			out = append(out, k)
		}
	}
	return out
}

// Expr is the kind's schema as expressions see it: custom fields are under custom.
func (k *Kind) Expr() expr.Schema {
	s := expr.Schema{Name: k.Name, Fields: exprFields(k.Fields)}
	if !k.Collected && k.FieldIndex(Custom) < 0 {
		s.Fields = append(s.Fields, expr.Field{Name: Custom, Type: expr.Object})
	}
	if k.States != nil && k.FieldIndex(StateField) < 0 {
		s.Fields = append(s.Fields, expr.Field{Name: StateField, Type: expr.Text})
	}
	return s
}

// FieldIndex is the position of the named field, or -1.
func (k *Kind) FieldIndex(name string) int {
	return slices.IndexFunc(k.Fields, func(f Field) bool { return f.Name == name })
}

func exprFields(fields []Field) []expr.Field {
	out := make([]expr.Field, len(fields))
	for i, f := range fields {
		out[i] = expr.Field{Name: f.Name, List: f.List, Type: expr.Text}
		switch f.Type {
		case Integer, Number, Bool, Time, Date, Object, JSON:
			out[i].Type = expr.Type(f.Type)
		}
		if f.Type == Object {
			out[i].Fields = exprFields(f.Fields)
		}
	}
	return out
}

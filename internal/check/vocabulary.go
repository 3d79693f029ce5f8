package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Vocabulary is what checks may speak of: every kind, and every view that a kind offers.
type Vocabulary struct {
	kinds    map[string]*record.Kind
	views    map[string][]*provider // by view, in the order of kinds
	compiled func() (*expr.Types, error)
	plain    bool

	conditions *conditions
}

// Plain gives the same words for checks that CEL alone answers, to compare with.
func (v *Vocabulary) Plain() *Vocabulary {
	n := *v
	n.plain = true
	return &n
}

// provider is how one kind answers a view.
type provider struct {
	kind   *record.Kind
	view   record.View
	where  *expr.Program // nil: every record of the kind
	fields []viewField
	said   func() map[string]map[string]bool // the words of each field's expression; under no name, those of where
}

type viewField struct {
	name string
	prog *expr.Program
}

// NewVocabulary compiles the views of the kinds. An expression of a view that does not compile is an error, because every
// check over the view would be unknown for ever.
func NewVocabulary(kinds ...*record.Kind) (*Vocabulary, error) {
	v, err := ShippedVocabulary(kinds...)
	if err == nil {
		_, err = v.compiled()
	}
	return v, err
}

// ShippedVocabulary is NewVocabulary for the kinds of this release, whose views a test compiles: here that is put off until a check
// or a view is needed, for most of what is done with a workspace needs none.
func ShippedVocabulary(kinds ...*record.Kind) (*Vocabulary, error) {
	v := &Vocabulary{kinds: map[string]*record.Kind{}, views: map[string][]*provider{}, conditions: &conditions{all: map[[2]string]condition{}}}
	for _, k := range kinds {
		if v.kinds[k.Name] != nil {
			return nil, fmt.Errorf("kind %s is declared twice", k.Name)
		}
		v.kinds[k.Name] = k
	}
	for _, k := range kinds {
		for _, view := range k.Views {
			if v.kinds[view.Name] != nil {
				return nil, fmt.Errorf("view %s of kind %s has the name of a kind", view.Name, k.Name)
			}
			if v.offers(view.Name, k.Name) != nil {
				return nil, fmt.Errorf("kind %s offers the view %s twice", k.Name, view.Name)
			}
			v.views[view.Name] = append(v.views[view.Name], &provider{kind: k, view: view, said: sync.OnceValue(func() map[string]map[string]bool {
				said := map[string]map[string]bool{"": wordsOf(view.Where)}
				for field, text := range view.Fields {
					said[field] = wordsOf(text)
				}
				return said
			})})
		}
	}
	v.compiled = sync.OnceValues(func() (*expr.Types, error) { return v.compile(kinds) })
	return v, nil
}

// types are those of the kinds and views. That they cannot be made is a mistake in the release, and no check could be trusted.
func (v *Vocabulary) types() *expr.Types {
	t, err := v.compiled()
	if err != nil {
		panic(err)
	}
	return t
}

func (v *Vocabulary) compile(kinds []*record.Kind) (*expr.Types, error) {
	var schemas []expr.Schema
	for _, k := range kinds {
		schemas = append(schemas, k.Expr())
	}
	alone, err := expr.NewTypes(schemas...)
	if err != nil {
		return nil, err
	}
	typed := map[string]map[string]expr.Field{}
	for _, k := range kinds {
		if len(k.Views) == 0 {
			continue
		}
		env, err := alone.Env(expr.Options{Record: k.Name, Timeless: true, Alone: true})
		if err != nil {
			return nil, err
		}
		for _, view := range k.Views {
			p := v.offers(view.Name, k.Name)
			if err := p.compile(env); err != nil {
				return nil, err
			}
			if typed[view.Name] == nil {
				typed[view.Name] = map[string]expr.Field{}
			}
			for _, f := range p.fields {
				t := f.prog.Type()
				if old, ok := typed[view.Name][f.name]; ok && !sameType(old, t) {
					t = expr.Field{Type: expr.JSON} // providers differ: each value is judged when it is read
				}
				t.Name = f.name
				typed[view.Name][f.name] = t
			}
		}
	}
	for name, fields := range typed {
		s := expr.Schema{Name: name}
		for _, f := range fields {
			s.Fields = append(s.Fields, f)
		}
		slices.SortFunc(s.Fields, func(a, b expr.Field) int { return strings.Compare(a.Name, b.Name) })
		schemas = append(schemas, s)
	}
	return expr.NewTypes(schemas...)
}

func sameType(a, b expr.Field) bool {
	return a.Type == b.Type && a.List == b.List && len(a.Fields) == 0 && len(b.Fields) == 0
}

func (p *provider) compile(env *expr.Env) error {
	k, view := p.kind, p.view
	var err error
	if view.Where != "" {
		if p.where, err = expr.CompileTest(env, view.Where); err != nil {
			return fmt.Errorf("view %s of kind %s, where: %w", view.Name, k.Name, err)
		}
	}
	names := make([]string, 0, len(view.Fields))
	for name := range view.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		prog, err := expr.Compile(env, view.Fields[name])
		if err != nil {
			return fmt.Errorf("view %s of kind %s, field %s: %w", view.Name, k.Name, name, err)
		}
		p.fields = append(p.fields, viewField{name, prog})
	}
	return nil
}

// Kinds are the kinds behind a name: the kind itself, or those that offer the view; nil for an unknown name.
func (v *Vocabulary) Kinds(name string) []*record.Kind {
	if k := v.kinds[name]; k != nil {
		return []*record.Kind{k}
	}
	var out []*record.Kind
	for _, p := range v.views[name] {
		out = append(out, p.kind)
	}
	return out
}

// IsView reports whether the name is a view.
func (v *Vocabulary) IsView(name string) bool { return len(v.views[name]) > 0 }

// provider is how a kind answers a view, compiled; nil when it does not offer it.
func (v *Vocabulary) provider(view, kind string) *provider {
	v.types()
	return v.offers(view, kind)
}

func (v *Vocabulary) offers(view, kind string) *provider {
	for _, p := range v.views[view] {
		if p.kind.Name == kind {
			return p
		}
	}
	return nil
}

// ViewField is the expression over r that gives a view's field for a kind; empty when the kind has no answer.
func (v *Vocabulary) ViewField(view, kind, field string) string {
	if p := v.offers(view, kind); p != nil {
		return p.view.Fields[field]
	}
	return ""
}

// See shows a record of a kind through a view: its body in the view's fields. A field that the kind leaves out, or that
// cannot be told from this record, is left out. in is False when the record is not in the view, Unknown with the reason when
// that cannot be told.
func (v *Vocabulary) See(view, kind string, doc *expr.Doc) (seen *expr.Doc, in expr.Value, err error) {
	body, in, err := v.see(view, kind, doc)
	if err != nil || in.Answer != expr.True {
		return nil, in, err
	}
	seen, err = expr.Parse(body)
	return seen, in, err
}

// Values are fields of a record as a view asks for them, in order; nil where its source does not say. Without one it is not in
// the view.
func (v *Vocabulary) Values(view, kind string, doc *expr.Doc, fields ...string) ([]any, expr.Value) {
	p := v.provider(view, kind)
	in := expr.Value{Answer: expr.True}
	if p != nil && p.where != nil {
		in = p.where.Eval(doc, nil)
	}
	if p == nil || in.Answer != expr.True {
		return nil, in
	}
	out := make([]any, len(fields))
	for _, f := range p.fields {
		if i := slices.Index(fields, f.name); i >= 0 {
			if value, err := f.prog.Native(doc, nil); err == nil {
				out[i] = value
			}
		}
	}
	return out, in
}

func (v *Vocabulary) see(view, kind string, doc *expr.Doc) (body []byte, in expr.Value, err error) {
	p := v.provider(view, kind)
	if p == nil {
		return nil, expr.Value{}, fmt.Errorf("kind %s has no view %s", kind, view)
	}
	in = expr.Value{Answer: expr.True}
	if p.where != nil {
		if in = p.where.Eval(doc, nil); in.Answer != expr.True {
			return nil, in, nil
		}
	}
	body = []byte{'{'}
	for _, f := range p.fields {
		value, err := f.prog.Native(doc, nil)
		if err != nil || value == nil {
			continue
		}
		if t, ok := value.(time.Time); ok {
			value = t.Format(time.RFC3339Nano)
		}
		j, err := json.Marshal(value)
		if err != nil {
			return nil, in, fmt.Errorf("view %s of kind %s, field %s: %w", view, kind, f.name, err)
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		name, _ := json.Marshal(f.name)
		body = append(append(append(body, name...), ':'), j...)
	}
	return append(body, '}'), in, nil
}

// logic is the part of the views behind a name that a check's answers depend on.
func (v *Vocabulary) logic(name string) any {
	if !v.IsView(name) {
		return nil
	}
	type how struct {
		Kind   string            `json:"kind"`
		Where  string            `json:"where,omitempty"`
		Fields map[string]string `json:"fields"`
	}
	var out []how
	for _, p := range v.views[name] {
		out = append(out, how{p.kind.Name, p.view.Where, p.view.Fields})
	}
	slices.SortFunc(out, func(a, b how) int { return strings.Compare(a.Kind, b.Kind) })
	return out
}

// names lists kinds and views for a message.
func (v *Vocabulary) names() string {
	var all []string
	for n := range v.kinds {
		all = append(all, n)
	}
	for n := range v.views {
		all = append(all, n)
	}
	slices.Sort(all)
	if len(all) > 30 {
		return strings.Join(all[:30], ", ") + " …"
	}
	return strings.Join(all, ", ")
}

func (v *Vocabulary) known(name string) error {
	if v.types().Has(name) && !strings.Contains(name, ".") {
		return nil
	}
	return fault.New(fault.Invalid, "There is no kind or view named %q.", name).WithNext("There are %s.", v.names())
}

package expr

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
	"github.com/valyala/fastjson"
)

// Doc is a record's JSON body, read lazily. It keeps its own copy of the bytes and may be parsed into again; values taken
// out before are then gone. It is not safe for concurrent use.
type Doc struct {
	p fastjson.Parser
	v *fastjson.Value
}

// Parse reads a body, which must be a JSON object that was validated when it was stored.
func Parse(body []byte) (*Doc, error) {
	d := new(Doc)
	return d, d.Parse(body)
}

// Parse reads another body into d.
func (d *Doc) Parse(body []byte) error {
	v, err := d.p.ParseBytes(body)
	if err != nil {
		return fmt.Errorf("read a body: %w", err)
	}
	if v.Type() != fastjson.TypeObject {
		return fmt.Errorf("read a body: it is %s, not an object", v.Type())
	}
	d.v = v
	return nil
}

// Share reads all of d now, which reading otherwise does and notes as it goes: several may then ask it at once.
func (d *Doc) Share() *Doc {
	var visit func(v *fastjson.Value)
	visit = func(v *fastjson.Value) {
		switch v.Type() {
		case fastjson.TypeObject:
			v.GetObject().Visit(func(_ []byte, e *fastjson.Value) { visit(e) })
		case fastjson.TypeArray:
			for _, e := range v.GetArray() {
				visit(e)
			}
		}
	}
	visit(d.v)
	return d
}

// Source looks up other records for find, one and beside: those of the kind or view whose field equals the value (text, a
// whole number, a number or a truth value), as of the evaluation's moment; with beside only those of the same source and,
// where a source tells of several, of the same machine or other parent as the record that is judged.
type Source interface {
	Find(kind, field string, value any, beside bool) ([]*Doc, error)
}

// Rows is a list of records of the schema that the variable declares with Of, for Scope.Vars. Kind, Field and Value say how
// they were looked up; they come back in Scope.Reads when the rows are looked at.
type Rows struct {
	Docs  []*Doc
	Kind  string
	Field string
	Value any
	Err   error // the lookup failed: whatever asks for the rows is unknown
}

// Read is one lookup that an answer used. Absence says that the answer may rest on there being no further record: had the
// kind been read incompletely, it could be otherwise.
type Read struct {
	Kind, Field string
	Value       any
	Absence     bool
}

// Scope is what an evaluation may ask besides the record, and what it asked. One Scope serves several programs over the
// same record; Reset makes it ready for the next.
type Scope struct {
	Now      time.Time
	Settings *Doc
	Vars     map[string]any // string, bool, int64, float64, time.Time, *Doc, Rows, or func() Rows, called when it is looked at
	Source   Source
	Fits     func(condition string) (Answer, string) // whether the record as it is stored fits a condition; nil: it cannot be asked

	Clock bool      // the answer depends on Now
	Flip  time.Time // the earliest moment after Now at which the answer may change by itself; zero when it never does
	Reads []Read
}

// Reset forgets what was asked.
func (s *Scope) Reset() { s.Clock, s.Flip, s.Reads = false, time.Time{}, s.Reads[:0] }

// at records that the answer changes at t.
func (s *Scope) at(t time.Time) {
	s.Clock = true
	if t.After(s.Now) && (s.Flip.IsZero() || t.Before(s.Flip)) {
		s.Flip = t
	}
}

func (s *Scope) read(kind, field string, value any) int {
	for i, r := range s.Reads {
		if r.Kind == kind && r.Field == field && r.Value == value {
			return i
		}
	}
	s.Reads = append(s.Reads, Read{Kind: kind, Field: field, Value: value})
	return len(s.Reads) - 1
}

// Answer is a truth value of three.
type Answer int8

// The answers. The zero Answer is Unknown.
const (
	Unknown Answer = iota
	False
	True
)

func (a Answer) String() string { return [...]string{"unknown", "false", "true"}[a] }

// What one program may do about one record: elements of lists gone through, and as much of long texts; and the same as CEL
// counts it. An own check, or a record that somebody made for it, must not hold up all the others.
const (
	maxSteps = 1_000_000
	maxCost  = 5_000_000

	tooMuch = "The record is too large for this expression: it takes more work than one record is allowed."
)

// Value is an answer, and why it is unknown: a sentence that names the field.
type Value struct {
	Answer Answer
	Reason string
}

// evaluation is one run of a program: CEL's activation, and what the functions of this package are handed.
type evaluation struct {
	env   *Env
	doc   ref.Val
	scope *Scope

	// For the functions of closure.go.
	root   *fastjson.Value
	slots  [maxLoops]*fastjson.Value // the present element of each list gone through
	steps  int
	unsure bool  // something was not known, though the answer may be
	none   Scope // when no scope is given
}

const evaluationName = "@evaluation"

var evaluationType = types.NewOpaqueType("evaluation")

func (e *evaluation) ResolveName(name string) (any, bool) {
	switch name {
	case "r":
		if e.doc == nil {
			return types.NewErr("There is no record."), true
		}
		return e.doc, true
	case evaluationName:
		return e, true
	case "settings":
		if e.scope.Settings == nil {
			return types.NewErr("No settings were given."), true
		}
		return structure{e.scope.Settings.v, e.env.types.shape(settingsType)}, true
	}
	for _, f := range e.env.opts.Vars {
		if f.Name == name {
			return e.variable(f), true
		}
	}
	return nil, false
}

func (e *evaluation) Parent() interpreter.Activation { return nil }

func (e *evaluation) variable(f Field) ref.Val {
	switch v := e.scope.Vars[f.Name].(type) {
	case nil:
		return types.NewErr("The value of %s is missing.", f.Name)
	case *Doc:
		if s := e.env.types.shape(f.Of); s != nil {
			return structure{v.v, s}
		}
		return object{v.v}
	case Rows:
		return e.rows(f.Of, v)
	case func() Rows:
		return e.rows(f.Of, v())
	case time.Time:
		return types.Timestamp{Time: v}
	default:
		return adapter{}.NativeToValue(v)
	}
}

func (e *evaluation) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("an evaluation has no native value")
}
func (e *evaluation) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("An evaluation cannot be converted.")
}
func (e *evaluation) Equal(o ref.Val) ref.Val { return types.Bool(e == o) }
func (e *evaluation) Type() ref.Type          { return evaluationType }
func (e *evaluation) Value() any              { return e }

// run evaluates the program. doc may be nil when the environment has no record, scope when nothing is asked of it.
func (p *Program) run(doc *Doc, scope *Scope) (ref.Val, error) {
	e := p.reused.Get().(*evaluation)
	if scope == nil {
		scope = new(Scope)
	}
	e.scope, e.doc = scope, nil
	if doc != nil && p.env.opts.Record != "" {
		e.doc = structure{doc.v, p.env.types.shape(p.env.opts.Record)}
	}
	v, _, err := p.prog.Eval(e)
	e.scope, e.doc = nil, nil
	p.reused.Put(e)
	return v, err
}

// ask answers without CEL, unless it does not know. over says that it gave up because of what the record costs.
func (p *Program) ask(doc *Doc, scope *Scope) (yes, known, over bool) {
	e := p.reused.Get().(*evaluation)
	if e.scope = scope; scope == nil {
		e.none = Scope{}
		e.scope = &e.none
	}
	if e.root = nil; doc != nil && p.env.opts.Record != "" {
		e.root = doc.v
	}
	e.steps, e.unsure = 0, false
	clock, flip := e.scope.Clock, e.scope.Flip
	yes, known = p.quick(e)
	over = e.steps > maxSteps
	if p.Clock && (e.unsure || !known) {
		// What CEL knows of that decides which moments it comes to look at.
		known, e.scope.Clock, e.scope.Flip = false, clock, flip
	}
	e.scope, e.root, e.slots = nil, nil, [maxLoops]*fastjson.Value{}
	p.reused.Put(e)
	return yes, known, over
}

// Eval answers whether the program is true of the record.
func (p *Program) Eval(doc *Doc, scope *Scope) Value {
	if p.quick != nil {
		switch yes, known, over := p.ask(doc, scope); {
		case known && yes:
			return Value{Answer: True}
		case known:
			return Value{Answer: False}
		case over:
			return Value{Reason: tooMuch}
		}
	}
	return p.slow(doc, scope)
}

// slow is Eval by CEL alone.
func (p *Program) slow(doc *Doc, scope *Scope) Value {
	v, err := p.run(doc, scope)
	if err != nil {
		return Value{Reason: p.reason(err)}
	}
	switch v {
	case types.True:
		return Value{Answer: True}
	case types.False:
		return Value{Answer: False}
	}
	return Value{Reason: "The expression " + p.Source + " is neither true nor false."}
}

// Text evaluates a program that makes text; the error is a sentence.
func (p *Program) Text(doc *Doc, scope *Scope) (string, error) {
	v, err := p.run(doc, scope)
	if err != nil {
		return "", &fieldError{p.reason(err)}
	}
	s, ok := v.(types.String)
	if !ok {
		return "", &fieldError{"The expression " + p.Source + " is not text."}
	}
	return strings.Clone(string(s)), nil
}

// Native evaluates the program and gives a plain Go value: nil, bool, int64, float64, string, time.Time, []any or
// map[string]any. A field of r that stands alone and is null is nil; any other unknown is an error, which is a sentence.
func (p *Program) Native(doc *Doc, scope *Scope) (any, error) {
	v, err := p.run(doc, scope)
	if err != nil {
		return nil, &fieldError{p.reason(err)}
	}
	return goValue(v)
}

func goValue(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Double:
		return float64(v), nil
	case types.String:
		return strings.Clone(string(v)), nil
	case types.Timestamp:
		return v.Time, nil
	case types.Duration:
		return v.Duration.String(), nil
	case types.Null:
		return nil, nil
	case structure:
		return plain(v.v)
	case object:
		return plain(v.v)
	case list:
		return plain(v.v)
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			e, err := goValue(it.Next())
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			name, ok := k.(types.String)
			if !ok {
				return nil, &fieldError{"A map's keys are text."}
			}
			e, err := goValue(v.Get(k))
			if err != nil {
				return nil, err
			}
			out[strings.Clone(string(name))] = e
		}
		return out, nil
	case *types.Err:
		return nil, v
	}
	return nil, &fieldError{fmt.Sprintf("A %s has no plain value.", v.Type().TypeName())}
}

// reason is the sentence for an error of the evaluation.
func (p *Program) reason(err error) string {
	if cancelled := new(interpreter.EvalCancelledError); errors.As(err, cancelled) {
		return tooMuch
	}
	msg := err.Error()
	var at string
	if e, ok := err.(*types.Err); ok {
		if e.NodeID() != 0 {
			at = p.snippet(e.NodeID())
		}
		msg = e.Error()
	}
	switch {
	case strings.HasPrefix(msg, "no such key: "):
		return "The key " + strings.TrimPrefix(msg, "no such key: ") + " is missing" + at + "."
	case strings.HasPrefix(msg, "index out of bounds: "):
		return "The list has no element " + strings.TrimPrefix(msg, "index out of bounds: ") + at + "."
	case strings.HasPrefix(msg, "no such overload"):
		return "A value has another type than the expression needs" + at + "."
	case strings.HasSuffix(msg, "."):
		return strings.Clone(msg)
	}
	return "The expression failed" + at + ": " + msg + "."
}

// snippet says where in the source a node stands.
func (p *Program) snippet(id int64) string {
	loc := p.ast.NativeRep().SourceInfo().GetStartLocation(id)
	if loc.Line() <= 0 {
		return ""
	}
	lines := strings.Split(p.Source, "\n")
	if loc.Line() > len(lines) {
		return ""
	}
	line := []rune(lines[loc.Line()-1])
	if loc.Column() < 0 || loc.Column() >= len(line) {
		return ""
	}
	if loc.Line() == 1 {
		return fmt.Sprintf(" (column %d of the expression)", loc.Column()+1)
	}
	return fmt.Sprintf(" (line %d, column %d of the expression)", loc.Line(), loc.Column()+1)
}

var _ cel.Activation = (*evaluation)(nil)

// Holds reports whether the body's top-level field equals the value, or is a list that holds it. A missing or null field
// holds nothing.
func (d *Doc) Holds(field string, value any) bool {
	v := d.v.Get(field)
	if v == nil || v.Type() == fastjson.TypeNull {
		return false
	}
	want := adapter{}.NativeToValue(value)
	if v.Type() == fastjson.TypeArray {
		return list{v, anything}.Contains(want) == types.True
	}
	return equal(v, want) == types.True
}

// Scalars are the values that Holds would be true of: the top-level field's text, number or truth value, or those in its list.
func (d *Doc) Scalars(field string) []any {
	v := d.v.Get(field)
	if v == nil {
		return nil
	}
	values := []*fastjson.Value{v}
	if v.Type() == fastjson.TypeArray {
		values, _ = v.Array()
	}
	var out []any
	for _, e := range values {
		switch e.Type() {
		case fastjson.TypeString, fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
			if p, err := plain(e); err == nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// Package expr evaluates CEL over a record's JSON bytes: filters, checks and views. The one rule: a field that is missing,
// null or of another type than declared makes the answer unknown, never true and never false, unless the other side of
// && or || decides alone; and a field that no schema declares does not compile.
//
// What differs from plain CEL: has(r.x) is true when x is there, even as null; r.x == null and r.x != null are the only
// comparisons with null, and only a field may stand there. age, due and business_days read the evaluation's clock, find and
// one look up other records; the Scope says afterwards what was asked of both. fits(text) asks whether the record fits a condition
// that another record holds as text. unknown("sentence.") answers unknown for that reason.
package expr

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"tickmark/internal/fault"
)

// Options say what an environment's expressions may speak of.
type Options struct {
	Record   string   // the schema of r; empty for none
	Settings []Field  // the fields of settings
	Vars     []Field  // further variables, given in Scope.Vars
	Holidays []string // dates (YYYY-MM-DD) that are no business days
	Timeless bool     // refuse age, due and business_days with one argument: the answer may not depend on the clock
	Alone    bool     // refuse find and one: the answer may not depend on other records
	Plain    bool     // answer by CEL alone, to compare with
}

// Env compiles expressions. It is safe for concurrent use.
type Env struct {
	types    *Types
	opts     Options
	cel      *cel.Env
	holidays map[string]bool
}

const (
	settingsType = "settings"
	maxSource    = 10_000 // characters of an expression
	maxDepth     = 60     // of nested parentheses and calls
	maxLoops     = 3      // of lists gone through within each other
)

// NewEnv makes an environment over one schema, as a filter needs it: r and the given variables, no lookups.
func NewEnv(record Schema, vars ...Field) (*Env, error) {
	t, err := NewTypes(record)
	if err != nil {
		return nil, err
	}
	return t.Env(Options{Record: record.Name, Vars: vars, Alone: true})
}

// Env makes an environment.
func (t *Types) Env(o Options) (*Env, error) {
	if o.Record != "" && !t.Has(o.Record) {
		return nil, fault.New(fault.Invalid, "There is no kind or view named %s.", o.Record)
	}
	e := &Env{types: t, opts: o, holidays: map[string]bool{}}
	for _, d := range o.Holidays {
		if _, err := parseDate(d); err != nil {
			return nil, fault.New(fault.Invalid, "The holiday %q is not a date (YYYY-MM-DD).", d)
		}
		e.holidays[d] = true
	}
	e.types = t.with(settingsType, o.Settings)
	options := []cel.EnvOption{
		cel.CustomTypeProvider(e.types),
		cel.Variable(evaluationName, evaluationType),
		cel.Variable("settings", objectType(settingsType)),
	}
	if o.Record != "" {
		options = append(options, cel.Variable("r", objectType(o.Record)))
	}
	for _, v := range o.Vars {
		if v.Type == Object && v.Of != "" && !t.Has(v.Of) {
			return nil, fault.New(fault.Invalid, "There is no kind or view named %s.", v.Of)
		}
		options = append(options, cel.Variable(v.Name, e.types.shapeOf(v, "variable", "", "the expression").cel))
	}
	common, err := language()
	if err == nil {
		e.cel, err = common.Extend(options...)
	}
	if err != nil {
		return nil, fmt.Errorf("make an expression environment: %w", err)
	}
	return e, nil
}

// language is what every environment has in common. To declare its functions is the dear part of making one, so that it is done
// once: CEL shares them with each environment that only adds variables.
var language = sync.OnceValues(func() (*cel.Env, error) {
	base, err := NewTypes()
	if err != nil {
		return nil, err
	}
	return cel.NewEnv(append(functions(),
		cel.CustomTypeProvider(base), cel.CustomTypeAdapter(adapter{}),
		cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true), cel.EnableIdentifierEscapeSyntax(),
		cel.ParserRecursionLimit(maxDepth), cel.ParserExpressionSizeLimit(maxSource),
		ext.Strings(), ext.Bindings(), ext.Sets())...)
})

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	Source string
	// Clock says that the text mentions the clock, Joins which kinds and views it looks up, Fields which top-level fields of
	// r it reads, Vars that it reads a variable, Fits that it asks conditions of other records.
	Clock  bool
	Fits   bool
	Joins  []string
	Fields []string
	Vars   bool

	env    *Env
	quick  of[bool] // nil: only CEL answers
	ast    *cel.Ast
	prog   cel.Program
	out    *types.Type
	reused sync.Pool // *evaluation
}

// Error is what is wrong with an expression. Line and Column count from 1, in characters.
type Error struct {
	Line, Column int
	Message      string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Compile type-checks an expression. The error is a fault that names line and column; errors.As finds the *Error in it.
func Compile(env *Env, src string) (*Program, error) {
	p, err := compile(env, src)
	if err != nil {
		return nil, &fault.Fault{Kind: fault.Invalid, Message: "The expression does not compile: " + err.Error(), Err: err}
	}
	return p, nil
}

// CompileTest is Compile for an expression that must answer true or false.
func CompileTest(env *Env, src string) (*Program, error) {
	p, err := Compile(env, src)
	if err != nil {
		return nil, err
	}
	if !p.IsTest() {
		e := &Error{1, 1, "this is " + typeWords(p.out) + ", where true or false is needed"}
		return nil, &fault.Fault{Kind: fault.Invalid, Message: "The expression does not compile: " + e.Error(), Err: e}
	}
	return p, nil
}

func compile(env *Env, src string) (*Program, *Error) {
	if strings.TrimSpace(src) == "" {
		return nil, &Error{1, 1, "the expression is empty"}
	}
	if !utf8.ValidString(src) {
		return nil, &Error{1, 1, "the expression is not valid UTF-8"}
	}
	if n := utf8.RuneCountInString(src); n > maxSource {
		return nil, &Error{1, 1, fmt.Sprintf("the expression has %d characters, more than %d", n, maxSource)}
	}
	parsed, issues := env.cel.Parse(src)
	if issues.Err() != nil {
		return nil, env.explain(issues, src, nil)
	}
	if n := loops(ast.NavigateAST(parsed.NativeRep())); n > maxLoops {
		return nil, &Error{1, 1, fmt.Sprintf("lists are gone through %d deep, and at most %d is allowed", n, maxLoops)}
	}
	p := &Program{Source: src, env: env}
	rw := &rewriter{env: env, prog: p, info: parsed.NativeRep().SourceInfo()}
	if err := rw.run(parsed.NativeRep().Expr()); err != nil {
		return nil, err
	}
	with := env.cel
	if len(p.Joins) > 0 {
		var err error
		if with, err = env.cel.Extend(env.types.lookups(rw.lookups)...); err != nil {
			return nil, &Error{1, 1, err.Error()}
		}
	}
	checked, issues := with.Check(parsed)
	if issues.Err() != nil {
		return nil, env.explain(issues, src, parsed.NativeRep().Expr())
	}
	p.ast, p.out = checked, checked.OutputType()
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	folds := false
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		folds = folds || e.Kind() == ast.ComprehensionKind
		p.Vars = p.Vars || e.Kind() == ast.IdentKind && slices.ContainsFunc(env.opts.Vars, func(f Field) bool { return f.Name == e.AsIdent() })
	}))
	if folds { // what goes through no list and names no part costs no more than it is long
		options = append(options, cel.CostLimit(maxCost))
	}
	prog, err := with.Program(checked, options...)
	if err != nil {
		return nil, &Error{1, 1, err.Error()}
	}
	p.prog = prog
	if !env.opts.Plain {
		p.quick = (&closer{env: env, ast: checked.NativeRep()}).test(checked.NativeRep().Expr())
	}
	p.reused.New = func() any { return &evaluation{env: env} }
	return p, nil
}

// loops is how deep comprehensions stand within each other; cel.bind is none.
func loops(root ast.NavigableExpr) int {
	deepest := 0
	for _, e := range ast.MatchDescendants(root, ast.KindMatcher(ast.ComprehensionKind)) {
		n := 0
		for up, ok := e, true; ok; up, ok = up.Parent() {
			if up.Kind() == ast.ComprehensionKind && up.AsComprehension().IterRange().Kind() != ast.ListKind || up.Kind() == ast.ComprehensionKind && up.AsComprehension().IterRange().AsList().Size() > 0 {
				n++
			}
		}
		deepest = max(deepest, n)
	}
	return deepest
}

// IsTest reports whether the program answers true or false. A value of undeclared type may, and is judged when it is read.
func (p *Program) IsTest() bool {
	return p.out.IsExactType(types.BoolType) || p.out.IsExactType(types.DynType)
}

// IsText reports whether the program makes text.
func (p *Program) IsText() bool {
	return p.out.IsExactType(types.StringType) || p.out.IsExactType(types.DynType)
}

// Type is the declared type of what the program makes, as a Field without a name: a view's fields are typed by it.
func (p *Program) Type() Field { return fieldOf(p.env.types, p.out) }

func fieldOf(t *Types, c *types.Type) Field {
	switch {
	case c.IsExactType(types.StringType):
		return Field{Type: Text}
	case c.IsExactType(types.IntType):
		return Field{Type: Integer}
	case c.IsExactType(types.DoubleType):
		return Field{Type: Number}
	case c.IsExactType(types.BoolType):
		return Field{Type: Bool}
	case c.IsExactType(types.TimestampType):
		return Field{Type: Time}
	case c.Kind() == types.ListKind && len(c.Parameters()) == 1:
		f := fieldOf(t, c.Parameters()[0])
		if !f.List {
			f.List = true
			return f
		}
	case c.Kind() == types.StructKind && t.shape(c.TypeName()) != nil:
		return Field{Type: Object, Fields: t.shape(c.TypeName()).declared()}
	}
	return Field{Type: JSON}
}

// declared gives an object's shape back as fields.
func (s *shape) declared() []Field {
	var out []Field
	for _, n := range s.names {
		f, list := s.fields[n], false
		if f.elem != nil {
			f, list = f.elem, true
		}
		d := Field{Name: n, Type: f.typ, List: list}
		if f.fields != nil {
			d.Fields = f.declared()
		}
		out = append(out, d)
	}
	return out
}

var (
	undefined = regexp.MustCompile(`^undefined field '(.*)'$`)
	undeclare = regexp.MustCompile(`^undeclared reference to '(.*)'(?: \(in container ''\))?$`)
	overload  = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '\(?(.*?)\)?'$`)
)

// explain turns CEL's first complaint into a sentence.
func (e *Env) explain(issues *cel.Issues, src string, root ast.Expr) *Error {
	first := issues.Errors()[0]
	for _, other := range issues.Errors()[1:] {
		// A misspelt field is the cause of what else is wrong.
		if undefined.MatchString(other.Message) && !undefined.MatchString(first.Message) {
			first = other
		}
	}
	out := &Error{Line: max(first.Location.Line(), 1), Column: max(first.Location.Column()+1, 1), Message: first.Message}
	if m := undefined.FindStringSubmatch(first.Message); m != nil {
		out.Message = e.noField(m[1], e.owner(root, first.ExprID))
		lines := strings.Split(src, "\n")
		if out.Line <= len(lines) {
			// Point at the name, not at the dot or at has( before it.
			runes := []rune(lines[out.Line-1])
			from := min(out.Column-1, len(runes))
			if at := strings.Index(string(runes[from:]), "."+m[1]); at >= 0 {
				out.Column = from + utf8.RuneCountInString(string(runes[from:])[:at]) + 2
			}
		}
	} else if m := undeclare.FindStringSubmatch(first.Message); m != nil {
		out.Message = "there is nothing named " + m[1] + " here"
		if e.opts.Record != "" && e.types.HasField(e.opts.Record, m[1]) {
			out.Message += "; write r." + m[1]
		}
	} else if m := overload.FindStringSubmatch(first.Message); m != nil {
		name := strings.Trim(m[1], "_@!")
		if i := strings.IndexByte(name, '@'); i > 0 {
			name = name[:i]
		}
		if name == "" {
			name = m[1]
		}
		out.Message = name + " cannot be applied to " + plainTypes(strings.TrimPrefix(m[2], "evaluation, "))
	}
	out.Message = strings.ReplaceAll(out.Message, "@", "")
	return out
}

// owner is the shape of the object whose field the select of that id reads; nil when the tree does not say.
func (e *Env) owner(root ast.Expr, id int64) *shape {
	var found *shape
	if root == nil {
		return nil
	}
	ast.PreOrderVisit(root, ast.NewExprVisitor(func(x ast.Expr) {
		if x.ID() == id && x.Kind() == ast.SelectKind && found == nil {
			found = e.shapeAt(x.AsSelect().Operand())
		}
	}))
	return found
}

func (e *Env) shapeAt(x ast.Expr) *shape {
	switch x.Kind() {
	case ast.IdentKind:
		switch name := x.AsIdent(); name {
		case "r":
			return e.types.shape(e.opts.Record)
		case "settings":
			return e.types.shape(settingsType)
		default:
			for _, v := range e.opts.Vars {
				if v.Name == name && !v.List {
					return e.types.shape(v.Of)
				}
			}
		}
	case ast.SelectKind:
		if o := e.shapeAt(x.AsSelect().Operand()); o != nil && o.fields != nil {
			return o.fields[x.AsSelect().FieldName()]
		}
	}
	return nil
}

func (e *Env) noField(name string, owner *shape) string {
	msg := "there is no field " + name + " declared"
	if owner == nil || owner.fields == nil {
		return msg
	}
	msg += " in " + owner.path
	if n := owner.near(name); n != "" {
		return msg + "; did you mean " + n + "?"
	}
	return msg + ", which has " + strings.Join(owner.names, ", ")
}

func plainTypes(list string) string {
	parts := strings.Split(list, ", ")
	for i, p := range parts {
		switch p {
		case "string":
			parts[i] = "text"
		case "int":
			parts[i] = "a whole number"
		case "double":
			parts[i] = "a number with a fraction"
		case "bool":
			parts[i] = "true or false"
		case "timestamp", "google.protobuf.Timestamp":
			parts[i] = "a time"
		case "duration", "google.protobuf.Duration":
			parts[i] = "a duration"
		}
	}
	return strings.Join(parts, " and ")
}

func typeWords(t *types.Type) string { return plainTypes(t.String()) }

// adapter passes CEL values through and leaves the rest to CEL.
type adapter struct{}

func (adapter) NativeToValue(v any) ref.Val {
	if val, ok := v.(ref.Val); ok {
		return val
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// AsError finds the position in a Compile error.
func AsError(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

package expr

import (
	"cmp"
	"math"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/valyala/fastjson"
)

// of is a part of an expression as a Go function: fields, comparisons, texts, ages and lists gone through are made into such,
// and answer in a fraction of the time CEL takes. The one rule: it knows a value (the second result) only where CEL comes to the
// same, and has noted the same clock in the scope by then. Whatever is missing, null, of another type or merely unusual it
// does not know, and CEL is asked, so that every reason and everything rare is CEL's own. A test holds the two equal.
type of[T any] func(*evaluation) (T, bool)

// closer makes the functions; it gives nil for what it leaves to CEL.
type closer struct {
	env  *Env
	ast  *ast.AST
	vars []loopVar // of the lists gone through here, outermost first; the place is the slot of evaluation
}

type loopVar struct {
	name  string
	shape *shape
}

func one[A, R any](a of[A], f func(*evaluation, A) (R, bool)) of[R] {
	if a == nil {
		return nil
	}
	return func(ev *evaluation) (r R, known bool) {
		if x, ok := a(ev); ok {
			return f(ev, x)
		}
		return r, false
	}
}

func two[A, B, R any](a of[A], b of[B], f func(*evaluation, A, B) (R, bool)) of[R] {
	if a == nil || b == nil {
		return nil
	}
	return func(ev *evaluation) (r R, known bool) {
		if x, ok := a(ev); ok {
			if y, ok := b(ev); ok {
				return f(ev, x, y)
			}
		}
		return r, false
	}
}

func constant[T any](v T, known bool) of[T] { return func(*evaluation) (T, bool) { return v, known } }

// spend counts work. It reports false when one record has had its share: whoever asked does not know.
func (e *evaluation) spend(n int) bool {
	e.steps += n
	return e.steps <= maxSteps
}

func (c *closer) kind(e ast.Expr) types.Kind { return c.ast.GetType(e.ID()).Kind() }

func arguments(c ast.CallExpr) []ast.Expr {
	if c.IsMemberFunction() {
		return append([]ast.Expr{c.Target()}, c.Args()...)
	}
	return c.Args()
}

func (c *closer) test(e ast.Expr) of[bool] {
	switch e.Kind() {
	case ast.LiteralKind:
		b, ok := e.AsLiteral().(types.Bool)
		return constant(bool(b), ok)
	case ast.ComprehensionKind:
		return c.loop(e.AsComprehension())
	case ast.CallKind:
		return c.call(e, e.AsCall().FunctionName(), arguments(e.AsCall()))
	case ast.SelectKind:
		if s := e.AsSelect(); s.IsTestOnly() {
			if s.Operand().Kind() != ast.IdentKind || s.Operand().AsIdent() != "r" || c.local("r") >= 0 {
				return nil
			}
			at, _ := c.place(s.Operand())
			return one(at, func(_ *evaluation, r *fastjson.Value) (bool, bool) { return r.Get(s.FieldName()) != nil, true })
		}
	}
	return c.truth(e)
}

// truth is a truth value that stands somewhere.
func (c *closer) truth(e ast.Expr) of[bool] {
	at, s := c.place(e)
	if at == nil || s.typ != Bool && s.typ != JSON {
		return nil
	}
	return one(at, func(_ *evaluation, v *fastjson.Value) (bool, bool) {
		t := v.Type()
		return t == fastjson.TypeTrue, t == fastjson.TypeTrue || t == fastjson.TypeFalse
	})
}

func (c *closer) call(e ast.Expr, name string, args []ast.Expr) of[bool] {
	switch name {
	case operators.LogicalNot:
		return one(c.test(args[0]), func(_ *evaluation, b bool) (bool, bool) { return !b, true })
	case operators.LogicalAnd:
		if args[0].Kind() == ast.LiteralKind && args[0].AsLiteral() == types.False {
			return constant(false, true) // what only shows the checker a field: see asked
		}
		return either(false, c.test(args[0]), c.test(args[1]))
	case operators.LogicalOr:
		return either(true, c.test(args[0]), c.test(args[1]))
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return c.compare(name, args[0], args[1])
	case operators.In:
		return c.in(args[0], args[1])
	case operators.Index:
		return c.truth(e)
	case fnHas, fnNull:
		at, s := c.place(args[0])
		if at == nil || s.typ != Object && s.typ != JSON {
			return nil
		}
		field, null := string(args[1].AsLiteral().(types.String)), name == fnNull
		return one(at, func(_ *evaluation, v *fastjson.Value) (bool, bool) {
			if v.Type() != fastjson.TypeObject {
				return false, false
			}
			if v = v.Get(field); !null || v == nil {
				return v != nil, !null
			}
			return isJSONNull(v), true
		})
	case fnAgeCompare:
		op := string(args[1].AsLiteral().(types.String))
		return two(c.moment(args[2]), c.number(args[3]), func(ev *evaluation, t time.Time, days number) (bool, bool) {
			return truthOf(ev.older(op, t, days.float()))
		})
	case fnDue:
		if c.kind(args[2]) == types.IntKind {
			return two(c.moment(args[1]), c.number(args[2]), func(ev *evaluation, t time.Time, days number) (bool, bool) {
				return truthOf(ev.passed(t, types.Int(days.i)))
			})
		}
		return two(c.moment(args[1]), c.text(args[2]), func(ev *evaluation, t time.Time, span string) (bool, bool) {
			return truthOf(ev.passed(t, types.String(span)))
		})
	case "matches":
		var last atomic.Pointer[regexp.Regexp] // a literal or a setting, so that the next is hardly ever another
		return two(c.text(args[0]), c.text(args[1]), func(ev *evaluation, s, form string) (bool, bool) {
			re := last.Load()
			if re == nil || re.String() != form {
				var err error
				if re, err = regexp.Compile(strings.Clone(form)); err != nil {
					return false, false
				}
				last.Store(re)
			}
			return re.MatchString(s), ev.spend(len(s) / 8)
		})
	}
	if f := textTests[name]; f != nil && len(args) == 2 {
		return two(c.text(args[0]), c.text(args[1]), func(ev *evaluation, s, t string) (bool, bool) { return f(s, t), ev.spend(len(s) / 64) })
	}
	return nil
}

var textTests = map[string]func(string, string) bool{"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains}

func truthOf(v ref.Val) (bool, bool) {
	b, ok := v.(types.Bool)
	return bool(b), ok
}

// either is || (decided by true) or && (decided by false): when one side decides the other need not be known.
func either(decides bool, a, b of[bool]) of[bool] {
	if a == nil || b == nil {
		return nil
	}
	return func(ev *evaluation) (bool, bool) {
		x, ok := a(ev)
		if ok && x == decides {
			return decides, true
		}
		y, known := b(ev)
		ev.unsure = ev.unsure || !ok || !known
		return y, known && (ok || y == decides)
	}
}

// loop is exists or all.
func (c *closer) loop(e ast.ComprehensionExpr) of[bool] {
	init, literal := e.AccuInit().Kind() == ast.LiteralKind, types.Bool(false)
	if init {
		literal, init = e.AccuInit().AsLiteral().(types.Bool)
	}
	slot, decides := len(c.vars), !bool(literal)
	join := map[bool]string{true: operators.LogicalOr, false: operators.LogicalAnd}[decides]
	accu := func(x ast.Expr) bool { return x.Kind() == ast.IdentKind && x.AsIdent() == e.AccuVar() }
	until, step := e.LoopCondition(), e.LoopStep()
	if !init || slot == maxLoops || e.HasIterVar2() || !accu(e.Result()) || until.Kind() != ast.CallKind || until.AsCall().FunctionName() != operators.NotStrictlyFalse ||
		step.Kind() != ast.CallKind || step.AsCall().FunctionName() != join || !accu(step.AsCall().Args()[0]) {
		return nil
	}
	elements, s := c.elements(e.IterRange())
	if elements == nil {
		return nil
	}
	c.vars = append(c.vars, loopVar{e.IterVar(), s})
	each := c.test(step.AsCall().Args()[1])
	c.vars = c.vars[:slot]
	if each == nil {
		return nil
	}
	return one(elements, func(ev *evaluation, list []*fastjson.Value) (bool, bool) {
		known := true
		for _, v := range list {
			if !ev.spend(1) {
				return false, false
			}
			ev.slots[slot] = v
			x, ok := each(ev)
			if ok && x == decides {
				return decides, true
			}
			known, ev.unsure = known && ok, ev.unsure || !ok
		}
		return !decides, known
	})
}

// holds says of each comparison whether it is true of less, equal and greater.
var holds = map[string][3]bool{operators.Equals: {1: true}, operators.NotEquals: {0: true, 2: true}, operators.Less: {0: true},
	operators.LessEquals: {0: true, 1: true}, operators.Greater: {2: true}, operators.GreaterEquals: {1: true, 2: true}}

func (c *closer) compare(op string, l, r ast.Expr) of[bool] {
	kind, yes := c.kind(l), holds[op]
	if kind == types.DynKind {
		kind = c.kind(r)
	}
	switch kind {
	case types.StringKind:
		return ordered(yes, c.text(l), c.text(r), strings.Compare)
	case types.IntKind, types.DoubleKind:
		return ordered(yes, c.number(l), c.number(r), number.compare)
	case types.TimestampKind:
		return ordered(yes, c.time(l), c.time(r), time.Time.Compare)
	case types.BoolKind:
		if op == operators.Equals || op == operators.NotEquals {
			return two(c.test(l), c.test(r), func(_ *evaluation, x, y bool) (bool, bool) { return (x == y) == yes[1], true })
		}
	}
	return nil
}

func ordered[T any](yes [3]bool, a, b of[T], order func(T, T) int) of[bool] {
	return two(a, b, func(_ *evaluation, x, y T) (bool, bool) { return yes[order(x, y)+1], true })
}

// in looks for a text among literals, or in a list of texts.
func (c *closer) in(what, where ast.Expr) of[bool] {
	if where.Kind() == ast.ListKind {
		set := map[string]bool{}
		for _, e := range where.AsList().Elements() {
			if e.Kind() != ast.LiteralKind || c.kind(e) != types.StringKind {
				return nil
			}
			set[string(e.AsLiteral().(types.String))] = true
		}
		return one(c.text(what), func(_ *evaluation, s string) (bool, bool) { return set[s], true })
	}
	elements, s := c.elements(where)
	if elements == nil || s.typ != Text && s.typ != JSON {
		return nil
	}
	return two(c.text(what), elements, func(ev *evaluation, want string, list []*fastjson.Value) (bool, bool) {
		known := ev.spend(1 + len(list)/8)
		for _, v := range list {
			if v.Type() != fastjson.TypeString {
				known = false // CEL says whether it can be read
			} else if text(v.GetStringBytes()) == want {
				return true, true
			}
		}
		return false, known
	})
}

func (c *closer) local(name string) int {
	for i := len(c.vars) - 1; i >= 0; i-- {
		if c.vars[i].name == name {
			return i
		}
	}
	return -1
}

// place is where a value stands in the record, the settings or an element, and what is declared of it.
func (c *closer) place(e ast.Expr) (of[*fastjson.Value], *shape) {
	switch e.Kind() {
	case ast.IdentKind:
		if slot := c.local(e.AsIdent()); slot >= 0 {
			return func(ev *evaluation) (*fastjson.Value, bool) { return ev.slots[slot], true }, c.vars[slot].shape
		}
		if s := c.env.types.shape(c.env.opts.Record); s != nil && e.AsIdent() == "r" {
			return func(ev *evaluation) (*fastjson.Value, bool) { return ev.root, ev.root != nil }, s
		}
		if e.AsIdent() == settingsType {
			return func(ev *evaluation) (*fastjson.Value, bool) {
				if ev.scope.Settings == nil {
					return nil, false
				}
				return ev.scope.Settings.v, true
			}, c.env.types.shape(settingsType)
		}
	case ast.SelectKind:
		if !e.AsSelect().IsTestOnly() {
			return c.member(e.AsSelect().Operand(), e.AsSelect().FieldName())
		}
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == operators.Index && call.Args()[1].Kind() == ast.LiteralKind {
			if key, ok := call.Args()[1].AsLiteral().(types.String); ok {
				return c.member(call.Args()[0], string(key))
			}
		}
	}
	return nil, nil
}

func (c *closer) member(object ast.Expr, name string) (of[*fastjson.Value], *shape) {
	in, s := c.place(object)
	if in == nil || s.elem != nil || s.fields == nil && s.typ != JSON && s.cel.Kind() != types.MapKind || s.fields != nil && s.fields[name] == nil {
		return nil, nil
	}
	member := anything
	if s.fields != nil {
		member = s.fields[name]
	}
	return one(in, func(_ *evaluation, v *fastjson.Value) (*fastjson.Value, bool) {
		if v.Type() != fastjson.TypeObject {
			return nil, false
		}
		v = v.Get(name)
		return v, v != nil
	}), member
}

// elements are those of a list, and what is declared of each.
func (c *closer) elements(e ast.Expr) (of[[]*fastjson.Value], *shape) {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == fnQuantify {
		e = e.AsCall().Args()[0]
	}
	at, s := c.place(e)
	if at == nil || s.elem == nil && s.typ != JSON {
		return nil, nil
	}
	if s = s.elem; s == nil {
		s = anything
	}
	return one(at, func(_ *evaluation, v *fastjson.Value) ([]*fastjson.Value, bool) {
		return v.GetArray(), v.Type() == fastjson.TypeArray
	}), s
}

func (c *closer) text(e ast.Expr) of[string] {
	switch e.Kind() {
	case ast.LiteralKind:
		s, ok := e.AsLiteral().(types.String)
		return constant(string(s), ok)
	case ast.IdentKind:
		for _, v := range c.env.opts.Vars {
			if v.Name == e.AsIdent() && v.Type == Text && !v.List && c.local(v.Name) < 0 {
				return func(ev *evaluation) (string, bool) { s, ok := ev.scope.Vars[v.Name].(string); return s, ok }
			}
		}
	case ast.CallKind:
		args := arguments(e.AsCall())
		switch name := e.AsCall().FunctionName(); {
		case name == operators.Add && c.kind(e) == types.StringKind:
			return two(c.text(args[0]), c.text(args[1]), func(ev *evaluation, a, b string) (string, bool) { return a + b, ev.spend((len(a) + len(b)) / 64) })
		case textTurns[name] != nil:
			return one(c.text(args[0]), func(ev *evaluation, s string) (string, bool) { return textTurns[name](s), ev.spend(len(s) / 64) })
		}
	}
	at, s := c.place(e)
	if at == nil || s.typ != Text && s.typ != Date && s.typ != JSON {
		return nil
	}
	return one(at, func(_ *evaluation, v *fastjson.Value) (string, bool) {
		if v.Type() != fastjson.TypeString {
			return "", false
		}
		t := text(v.GetStringBytes())
		if s.typ == Date {
			_, err := parseDate(t)
			return t, err == nil
		}
		return t, true
	})
}

var textTurns = map[string]func(string) string{"lower": strings.ToLower, "upper": strings.ToUpper, "lowerAscii": func(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}}

// number is CEL's int, when whole, or double.
type number struct {
	i     int64
	f     float64
	whole bool
}

func (a number) float() float64 {
	if a.whole {
		return float64(a.i)
	}
	return a.f
}

// compare orders as CEL does across types: a whole number beside a double is rounded to one.
func (a number) compare(b number) int {
	switch {
	case a.whole && b.whole:
		return cmp.Compare(a.i, b.i)
	case a.whole:
		return -b.compare(a)
	case b.whole && a.f < math.MinInt64:
		return -1
	case b.whole && a.f > math.MaxInt64:
		return 1
	}
	return cmp.Compare(a.f, b.float())
}

func (c *closer) number(e ast.Expr) of[number] {
	switch e.Kind() {
	case ast.LiteralKind:
		switch l := e.AsLiteral().(type) {
		case types.Int:
			return constant(number{i: int64(l), whole: true}, true)
		case types.Double:
			return constant(number{f: float64(l)}, true)
		}
		return nil
	case ast.CallKind:
		if e.AsCall().FunctionName() == fnSize {
			elements, s := c.elements(e.AsCall().Args()[0])
			return one(elements, func(_ *evaluation, list []*fastjson.Value) (number, bool) {
				var err error
				if len(list) > 0 {
					_, err = s.wrap(list[0]) // by the first CEL finds out what list it is
				}
				return number{i: int64(len(list)), whole: true}, err == nil
			})
		}
	}
	at, s := c.place(e)
	if at == nil || s.typ != Integer && s.typ != Number && s.typ != JSON {
		return nil
	}
	return one(at, func(_ *evaluation, v *fastjson.Value) (number, bool) {
		n, err := v.Int64()
		switch {
		case err != nil && s.typ == Number && v.Type() == fastjson.TypeNumber:
			d, err := s.double(v)
			f, _ := d.(types.Double)
			return number{f: float64(f)}, err == nil
		case s.typ == Number:
			return number{f: float64(n)}, err == nil && n < 1<<53 && n > -(1<<53)
		}
		return number{i: n, whole: true}, err == nil
	})
}

// time is what has CEL's type timestamp.
func (c *closer) time(e ast.Expr) of[time.Time] {
	if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "timestamp" {
		arg := e.AsCall().Args()[0]
		read := one(c.text(arg), func(_ *evaluation, s string) (time.Time, bool) {
			t, ok := types.String(s).ConvertToType(types.TimestampType).(types.Timestamp)
			return t.Time, ok
		})
		if read != nil && arg.Kind() == ast.LiteralKind {
			return constant(read(nil))
		}
		return read
	}
	at, s := c.place(e)
	if at == nil || s.typ != Time {
		return nil
	}
	return one(at, func(_ *evaluation, v *fastjson.Value) (time.Time, bool) {
		t, err := time.Parse(time.RFC3339Nano, text(v.GetStringBytes()))
		return t, err == nil
	})
}

// moment is what age and due take: a timestamp or a text.
func (c *closer) moment(e ast.Expr) of[time.Time] {
	if t := c.time(e); t != nil {
		return t
	}
	return one(c.text(e), func(_ *evaluation, s string) (time.Time, bool) {
		t, err := momentText(s)
		return t, err == nil
	})
}

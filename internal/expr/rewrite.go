package expr

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// The functions that a rewritten call becomes; @ cannot be typed by an author. The first argument of those that read the
// clock or other records is the evaluation.
const (
	fnNull         = "@null"     // (object, field) -> bool: is the field null
	fnNullAt       = "@null_at"  // (map or list, key) -> bool
	fnHas          = "@has"      // (object, field) -> bool: is the field there, even as null
	fnQuantify     = "@quantify" // (list or map) -> the same, gone through by exists or all
	fnSize         = "size@"     // (list, map or text) -> int
	fnAge          = "age@"      // (evaluation, t) -> double
	fnAgeCompare   = "compare@"  // (evaluation, op, t, bound) -> bool
	fnDue          = "due@"      // (evaluation, t, span) -> bool
	fnBusinessDays = "business@" // (evaluation, from[, to]) -> int
	fnFind         = "find@"     // + kind@field: (evaluation, field, value) -> list(kind)
	fnOne          = "one@"      // + kind@field: (evaluation, field, value) -> kind
	fnBeside       = "beside@"   // + kind@field: (evaluation, field, value) -> list(kind)
	fnFits         = "fits@"     // (evaluation, condition) -> bool
)

// Key is the name by which find, one and beside look a record up by its key, which is no field of its body.
const Key = "key"

// rewriter changes a parsed tree before it is checked: comparisons with null, and calls that need the evaluation.
type rewriter struct {
	env  *Env
	prog *Program
	info *ast.SourceInfo
	fac  ast.ExprFactory
	last int64
	err  *Error

	lookups []lookedUp
}

// lookedUp is a field by which records are looked up.
type lookedUp struct{ kind, field string }

func (w *rewriter) run(root ast.Expr) *Error {
	w.fac = ast.NewExprFactory()
	ast.PreOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) { w.last = max(w.last, e.ID()) }))
	for id := range w.info.OffsetRanges() {
		w.last = max(w.last, id)
	}
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if w.err == nil {
			w.visit(e)
		}
	}))
	slices.Sort(w.prog.Joins)
	slices.Sort(w.prog.Fields)
	w.prog.Joins, w.prog.Fields = slices.Compact(w.prog.Joins), slices.Compact(w.prog.Fields)
	return w.err
}

// id makes a new node's id, at the place of e.
func (w *rewriter) id(e ast.Expr) int64 {
	w.last++
	if at, ok := w.info.GetOffsetRange(e.ID()); ok {
		w.info.SetOffsetRange(w.last, at)
	}
	return w.last
}

func (w *rewriter) refuse(e ast.Expr, message string) {
	loc := w.info.GetStartLocation(e.ID())
	w.err = &Error{loc.Line(), loc.Column() + 1, message}
}

func (w *rewriter) evaluation(e ast.Expr) ast.Expr { return w.fac.NewIdent(w.id(e), evaluationName) }

func (w *rewriter) text(e ast.Expr, s string) ast.Expr {
	return w.fac.NewLiteral(w.id(e), types.String(s))
}

// become replaces e by a call.
func (w *rewriter) become(e ast.Expr, function string, args ...ast.Expr) {
	e.SetKindCase(w.fac.NewCall(e.ID(), function, args...))
}

func (w *rewriter) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		s := e.AsSelect()
		if s.Operand().Kind() == ast.IdentKind && s.Operand().AsIdent() == "r" {
			w.prog.Fields = append(w.prog.Fields, s.FieldName())
		} else if s.IsTestOnly() {
			// CEL's own test takes the error that null is for an error of the test.
			e.SetKindCase(w.asked(e, fnHas, s))
		}
	case ast.CallKind:
		w.call(e, e.AsCall())
	case ast.ComprehensionKind:
		w.comprehension(e.AsComprehension())
	case ast.StructKind:
		w.refuse(e, "an expression cannot make an object")
	}
}

// comprehension marks what exists and all go through, where it may be rows: their accumulator begins with a truth value.
func (w *rewriter) comprehension(c ast.ComprehensionExpr) {
	over := c.IterRange()
	if c.AccuInit().Kind() != ast.LiteralKind || over.Kind() == ast.SelectKind || over.Kind() == ast.ListKind {
		return
	}
	if _, truth := c.AccuInit().AsLiteral().(types.Bool); !truth {
		return
	}
	inner := w.fac.CopyExpr(over)
	over.SetKindCase(w.fac.NewCall(w.id(over), fnQuantify, inner))
	w.moved(over, inner)
}

// moved gives the copied node an id of its own: the old one now stands for the call around it.
func (w *rewriter) moved(old, inner ast.Expr) {
	inner.RenumberIDs(func(id int64) int64 {
		if id == old.ID() {
			return w.id(old)
		}
		return id
	})
}

func (w *rewriter) call(e ast.Expr, c ast.CallExpr) {
	args := c.Args()
	if c.FunctionName() == "size" {
		if c.IsMemberFunction() && len(args) == 0 {
			w.become(e, fnSize, c.Target())
		} else if !c.IsMemberFunction() && len(args) == 1 {
			w.become(e, fnSize, args[0])
		}
		return
	}
	if c.IsMemberFunction() {
		return
	}
	switch c.FunctionName() {
	case operators.Equals, operators.NotEquals:
		w.equality(e, c.FunctionName(), args)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		w.order(e, c.FunctionName(), args)
	case "age":
		if len(args) == 1 && w.clock(e) {
			w.become(e, fnAge, w.evaluation(e), args[0])
		}
	case "due":
		if len(args) == 2 && w.clock(e) {
			w.become(e, fnDue, w.evaluation(e), args[0], args[1])
		}
	case "business_days":
		if len(args) == 2 || len(args) == 1 && w.clock(e) {
			w.become(e, fnBusinessDays, append([]ast.Expr{w.evaluation(e)}, args...)...)
		}
	case "find", "one", "beside":
		w.lookup(e, c.FunctionName(), args)
	case "fits":
		if s := w.env.types.shape(w.env.opts.Record); s != nil && len(args) == 1 {
			w.prog.Fields = slices.AppendSeq(w.prog.Fields, maps.Keys(s.fields)) // the condition may ask for any
			w.prog.Fits = true
			w.become(e, fnFits, w.evaluation(e), args[0])
		}
	}
}

func (w *rewriter) clock(e ast.Expr) bool {
	if w.env.opts.Timeless {
		w.refuse(e, "the clock cannot be asked here")
		return false
	}
	w.prog.Clock = true
	return true
}

func isNull(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.NullValue
}

func isAge(e ast.Expr) bool { return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == fnAge }

// asked is a question about the field of an object, f(x, "field") || false && has(x.field), in which has shows the field to
// the checker and is never reached.
func (w *rewriter) asked(e ast.Expr, f string, s ast.SelectExpr) ast.Expr {
	object := s.Operand()
	ask := w.fac.NewCall(w.id(e), f, object, w.text(e, s.FieldName()))
	show := w.fac.NewPresenceTest(w.id(e), w.fac.CopyExpr(object), s.FieldName())
	never := w.fac.NewCall(w.id(e), operators.LogicalAnd, w.fac.NewLiteral(w.id(e), types.False), show)
	return w.fac.NewCall(w.id(e), operators.LogicalOr, ask, never)
}

// equality makes x.f == null a question.
func (w *rewriter) equality(e ast.Expr, op string, args []ast.Expr) {
	if isAge(args[0]) || isAge(args[1]) {
		w.refuse(e, "an age is never exactly equal to anything; compare it with <, <=, > or >=")
		return
	}
	if !isNull(args[0]) && !isNull(args[1]) {
		return
	}
	x := args[0]
	if isNull(x) {
		x = args[1]
	}
	var test ast.Expr
	switch {
	case x.Kind() == ast.SelectKind && !x.AsSelect().IsTestOnly():
		test = w.asked(x, fnNull, x.AsSelect())
	case x.Kind() == ast.CallKind && x.AsCall().FunctionName() == operators.Index:
		test = w.fac.NewCall(w.id(e), fnNullAt, x.AsCall().Args()...)
	default:
		w.refuse(e, "only a field can be compared with null")
		return
	}
	if op == operators.NotEquals {
		test = w.fac.NewCall(w.id(e), operators.LogicalNot, test)
	}
	e.SetKindCase(test)
}

var mirrored = map[string]string{operators.Less: operators.Greater, operators.LessEquals: operators.GreaterEquals,
	operators.Greater: operators.Less, operators.GreaterEquals: operators.LessEquals}

// order turns a comparison with an age into one that knows when it will flip.
func (w *rewriter) order(e ast.Expr, op string, args []ast.Expr) {
	age, bound := args[0], args[1]
	if isNull(age) || isNull(bound) {
		w.refuse(e, "null can only be compared with == and !=")
		return
	}
	if !isAge(age) {
		age, bound, op = bound, age, mirrored[op]
	}
	if !isAge(age) || isAge(bound) {
		return
	}
	t := age.AsCall().Args()[1]
	w.become(e, fnAgeCompare, w.evaluation(e), w.text(e, op), t, bound)
}

func (w *rewriter) lookup(e ast.Expr, name string, args []ast.Expr) {
	if len(args) != 3 {
		w.refuse(e, name+` takes a kind, a field and a value: `+name+`("person", "email", r.email)`)
		return
	}
	if w.env.opts.Alone {
		w.refuse(e, "other records cannot be looked up here")
		return
	}
	var words [2]string
	for i := range words {
		if args[i].Kind() == ast.LiteralKind {
			if s, ok := args[i].AsLiteral().(types.String); ok {
				words[i] = string(s)
				continue
			}
		}
		w.refuse(args[i], "the kind and the field are written out in quotes, so that they can be checked")
		return
	}
	kind, field := words[0], words[1]
	if kind == settingsType || !w.env.types.Has(kind) {
		w.refuse(args[0], "there is no kind or view named "+kind)
		return
	}
	if field != Key && !w.env.types.HasField(kind, field) {
		msg := "there is no field " + field + " declared in " + kind
		if n := w.env.types.shape(kind).near(field); n != "" {
			msg += "; did you mean " + n + "?"
		}
		w.refuse(args[1], msg)
		return
	}
	w.prog.Joins = append(w.prog.Joins, kind)
	if at := (lookedUp{kind, field}); !slices.Contains(w.lookups, at) {
		w.lookups = append(w.lookups, at)
	}
	run := map[string]string{"find": fnFind, "one": fnOne, "beside": fnBeside}[name]
	w.become(e, run+kind+"@"+field, w.evaluation(e), args[1], args[2])
}

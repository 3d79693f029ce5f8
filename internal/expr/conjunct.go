package expr

import (
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Conjunct is one condition that must hold for the program to be true: a top-level field of r against constants. The Op is
// one of == != < <= > >= in, contains (the field is a list that holds the value), prefix (the text begins with it), within (the
// value is part of the text) or folded (the value is part of the text in lower case). A bare r.f is == true, !r.f is == false. Values are string, int64, float64, bool or, for timestamp("…"), time.Time; one value
// save for in.
//
// A record whose field is missing, null or of another type never satisfies a conjunct, not even !=.
type Conjunct struct {
	Field  string
	Op     string
	Values []any
}

// Conjuncts splits the program at && into conjuncts. all says that nothing else is in it: whoever satisfies every conjunct
// is then exactly what the program is true of; otherwise the program must still be asked.
func (p *Program) Conjuncts() (list []Conjunct, all bool) {
	all = true
	var walk func(e ast.Expr)
	walk = func(e ast.Expr) {
		if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd {
			for _, a := range e.AsCall().Args() {
				walk(a)
			}
			return
		}
		if c, ok := conjunct(e); ok {
			list = append(list, c)
		} else {
			all = false
		}
	}
	walk(p.ast.NativeRep().Expr())
	return list, all
}

var opSigns = map[string]string{operators.Equals: "==", operators.NotEquals: "!=", operators.Less: "<",
	operators.LessEquals: "<=", operators.Greater: ">", operators.GreaterEquals: ">="}

var turned = map[string]string{"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func conjunct(e ast.Expr) (Conjunct, bool) {
	if f, ok := fieldOfR(e); ok {
		return Conjunct{f, "==", []any{true}}, true
	}
	if e.Kind() != ast.CallKind {
		return Conjunct{}, false
	}
	c := e.AsCall()
	args := c.Args()
	if c.IsMemberFunction() {
		op := map[string]string{"startsWith": "prefix", "contains": "within"}[c.FunctionName()]
		if op == "" || len(args) != 1 {
			return Conjunct{}, false
		}
		f, ok := fieldOfR(c.Target())
		if t := c.Target(); op == "within" && !ok && t.Kind() == ast.CallKind && t.AsCall().FunctionName() == "lower" {
			op = "folded"
			if of := t.AsCall(); of.IsMemberFunction() {
				f, ok = fieldOfR(of.Target())
			} else {
				f, ok = fieldOfR(of.Args()[0])
			}
		}
		v, constant := constantOf(args[0])
		return Conjunct{f, op, []any{v}}, ok && constant
	}
	switch fn := c.FunctionName(); fn {
	case operators.LogicalNot:
		if f, ok := fieldOfR(args[0]); ok {
			return Conjunct{f, "==", []any{false}}, true
		}
	case operators.In:
		if f, ok := fieldOfR(args[0]); ok && args[1].Kind() == ast.ListKind {
			values := []any{}
			for _, el := range args[1].AsList().Elements() {
				v, constant := constantOf(el)
				if !constant {
					return Conjunct{}, false
				}
				values = append(values, v)
			}
			return Conjunct{f, "in", values}, true
		}
		if f, ok := fieldOfR(args[1]); ok {
			if v, constant := constantOf(args[0]); constant {
				return Conjunct{f, "contains", []any{v}}, true
			}
		}
	default:
		op, ok := opSigns[fn]
		if !ok {
			return Conjunct{}, false
		}
		f, isField := fieldOfR(args[0])
		v, constant := constantOf(args[1])
		if !isField {
			f, isField = fieldOfR(args[1])
			v, constant = constantOf(args[0])
			op = turned[op]
		}
		if isField && constant {
			return Conjunct{f, op, []any{v}}, true
		}
	}
	return Conjunct{}, false
}

func fieldOfR(e ast.Expr) (string, bool) {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() {
		return "", false
	}
	s := e.AsSelect()
	if s.Operand().Kind() != ast.IdentKind || s.Operand().AsIdent() != "r" {
		return "", false
	}
	return s.FieldName(), true
}

func constantOf(e ast.Expr) (any, bool) {
	if e.Kind() == ast.CallKind && !e.AsCall().IsMemberFunction() && e.AsCall().FunctionName() == "timestamp" && len(e.AsCall().Args()) == 1 {
		s, ok := constantOf(e.AsCall().Args()[0])
		text, isText := s.(string)
		if !ok || !isText {
			return nil, false
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		return t, err == nil
	}
	if e.Kind() != ast.LiteralKind {
		return nil, false
	}
	return literal(e.AsLiteral())
}

func literal(v ref.Val) (any, bool) {
	switch v := v.(type) {
	case types.String:
		return string(v), true
	case types.Int:
		return int64(v), true
	case types.Uint:
		return int64(v), v <= 1<<62
	case types.Double:
		return float64(v), true
	case types.Bool:
		return bool(v), true
	}
	return nil, false
}

package expr

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// rows is the list that find gives. It notes when an answer may rest on there being no further row: the end of it was
// reached, or it was counted. Finding a row and stopping there does not.
type rows struct {
	e     *evaluation
	docs  []*Doc
	elem  *shape
	index int // in scope.Reads

	quantified bool // it is gone through by exists or all, which may be decided before the end
}

func (e *evaluation) rows(schema string, r Rows) ref.Val {
	s := e.env.types.shape(schema)
	if s == nil {
		return types.NewErr("There is no kind or view named %s.", schema)
	}
	i := e.scope.read(r.Kind, r.Field, r.Value)
	if r.Err != nil {
		e.scope.Reads[i].Absence = true
		return types.WrapErr(sentence(r.Err))
	}
	return &rows{e: e, docs: r.Docs, elem: s, index: i}
}

func sentence(err error) error {
	if f, ok := err.(*fieldError); ok {
		return f
	}
	return &fieldError{"Other records could not be looked up: " + err.Error() + "."}
}

func (r *rows) whole() { r.e.scope.Reads[r.index].Absence = true }

func (r *rows) at(i int) ref.Val { return structure{r.docs[i].v, r.elem} }

func (r *rows) Get(index ref.Val) ref.Val {
	r.whole()
	i, err := types.GetOrError(index)
	if err != nil {
		return types.WrapErr(err)
	}
	if i < 0 || i >= len(r.docs) {
		return types.NewErr("index out of bounds: %d", i)
	}
	return r.at(i)
}

func (r *rows) Contains(want ref.Val) ref.Val {
	for i := range r.docs {
		if r.at(i).Equal(want) == types.True {
			return types.True
		}
	}
	r.whole()
	return types.False
}

func (r *rows) Iterator() traits.Iterator { return &rowIterator{r: r} }

// Size is also asked by every comprehension before it begins; the size function of expressions goes through counted.
func (r *rows) Size() ref.Val {
	if len(r.docs) == 0 {
		r.whole()
	}
	return types.Int(len(r.docs))
}

func counted(v ref.Val) ref.Val {
	if r, ok := v.(*rows); ok {
		r.whole()
	}
	if s, ok := v.(traits.Sizer); ok {
		return s.Size()
	}
	return types.NewErr("no such overload")
}

// quantify marks the rows that exists and all go through; other lists pass.
func quantify(v ref.Val) ref.Val {
	if r, ok := v.(*rows); ok {
		q := *r
		q.quantified = true
		return &q
	}
	return v
}

// Fold shows the rows to a comprehension. exists and all say only at the entry after the deciding one that they are decided,
// so that they are shown the last row twice: it changes no answer of theirs.
func (r *rows) Fold(f traits.Folder) {
	for i := range r.docs {
		if !f.FoldEntry(types.Int(i), r.at(i)) {
			return
		}
	}
	if n := len(r.docs); r.quantified && n > 0 && !f.FoldEntry(types.Int(n-1), r.at(n-1)) {
		return
	}
	r.whole()
}

func (r *rows) Add(other ref.Val) ref.Val { return concat(r, other) }

func (r *rows) ConvertToNative(t reflect.Type) (any, error) {
	r.whole()
	all := make([]ref.Val, len(r.docs))
	for i := range r.docs {
		all[i] = r.at(i)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all).ConvertToNative(t)
}

func (r *rows) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.TypeType:
		return types.ListType
	case types.ListType:
		return r
	}
	return types.NewErr("A list cannot be made into %s.", t.TypeName())
}

func (r *rows) Equal(other ref.Val) ref.Val {
	r.whole()
	l, ok := other.(traits.Lister)
	if !ok || l.Size() != types.Int(len(r.docs)) {
		return types.False
	}
	for i := range r.docs {
		if eq := types.Equal(r.at(i), l.Get(types.Int(i))); eq != types.True {
			return eq
		}
	}
	return types.True
}

func (r *rows) Type() ref.Type { return types.ListType }
func (r *rows) Value() any     { return r }

type rowIterator struct {
	iterator
	r *rows
	i int
}

func (it *rowIterator) HasNext() ref.Val {
	if it.i < len(it.r.docs) {
		return types.True
	}
	it.r.whole()
	return types.False
}

func (it *rowIterator) Next() ref.Val {
	if it.i >= len(it.r.docs) {
		return types.NewErr("There is nothing left to go through.")
	}
	it.i++
	return it.r.at(it.i - 1)
}

// lookup runs find, one or beside for kind.
func lookup(kind string, single, beside bool) func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		e := args[0].(*evaluation)
		field := string(args[1].(types.String))
		value, err := goValue(args[2])
		if err != nil {
			return types.WrapErr(err)
		}
		switch value.(type) {
		case string, int64, float64, bool:
		default:
			return types.NewErr("A record cannot be looked up by %s.", args[2].Type().TypeName())
		}
		if e.scope.Source == nil {
			return types.NewErr("Other records cannot be looked up here.")
		}
		docs, err := e.scope.Source.Find(kind, field, value, beside)
		found := e.rows(kind, Rows{Docs: docs, Kind: kind, Field: field, Value: value, Err: err})
		r, ok := found.(*rows)
		if !ok || !single {
			return found
		}
		r.whole()
		switch len(docs) {
		case 0:
			return types.WrapErr(&fieldError{fmt.Sprintf("There is no %s whose %s is %v.", kind, field, value)})
		case 1:
			return r.at(0)
		}
		return types.WrapErr(&fieldError{fmt.Sprintf("There are %d of %s whose %s is %v, where one is needed.", len(docs), kind, field, value)})
	}
}

package expr

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/valyala/fastjson"
)

// anything is the shape of what no schema describes.
var anything = &shape{path: "value", typ: JSON, cel: types.DynType,
	missing: &fieldError{"A value is missing."}, null: &fieldError{"A value is null."}}

// text sees the bytes as a string without a copy; they live as long as the Doc is not parsed again.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// wrap makes the CEL value of v, which must be what the shape declares: null, or a value of another type, is an error and
// so an unknown answer.
func (s *shape) wrap(v *fastjson.Value) (ref.Val, error) {
	t := v.Type()
	if t == fastjson.TypeNull {
		return nil, s.null
	}
	if s.elem != nil {
		if t != fastjson.TypeArray {
			return nil, s.mismatch(t)
		}
		return list{v, s.elem}, nil
	}
	switch s.typ {
	case Text:
		if t == fastjson.TypeString {
			b, _ := v.StringBytes()
			return types.String(text(b)), nil
		}
	case Bool:
		if t == fastjson.TypeTrue {
			return types.True, nil
		}
		if t == fastjson.TypeFalse {
			return types.False, nil
		}
	case Integer:
		if t == fastjson.TypeNumber {
			return s.whole(v)
		}
	case Number:
		if t == fastjson.TypeNumber {
			return s.double(v)
		}
	case Time:
		if t == fastjson.TypeString {
			b, _ := v.StringBytes()
			at, err := time.Parse(time.RFC3339Nano, text(b))
			if err != nil {
				return nil, &fieldError{fmt.Sprintf("The field %s is %q, which is not a time with zone (RFC 3339).", s.path, b)}
			}
			return types.Timestamp{Time: at}, nil
		}
	case Date:
		if t == fastjson.TypeString {
			b, _ := v.StringBytes()
			if _, err := time.Parse(time.DateOnly, text(b)); err != nil {
				return nil, &fieldError{fmt.Sprintf("The field %s is %q, which is not a date (YYYY-MM-DD).", s.path, b)}
			}
			return types.String(text(b)), nil
		}
	case Object:
		if t == fastjson.TypeObject {
			if s.fields != nil {
				return structure{v, s}, nil
			}
			return object{v}, nil
		}
	default:
		return dynamic(v)
	}
	return nil, s.mismatch(t)
}

func (s *shape) mismatch(t fastjson.Type) error {
	is := map[fastjson.Type]string{fastjson.TypeObject: "an object", fastjson.TypeArray: "a list", fastjson.TypeString: "text",
		fastjson.TypeNumber: "a number", fastjson.TypeTrue: "true", fastjson.TypeFalse: "false"}[t]
	return &fieldError{"The field " + s.path + " is " + is + " where " + s.words() + " is declared."}
}

// dynamic wraps a value that no schema describes. A whole number is int, any other double; null is an error, because what
// is compared with it would otherwise answer where nothing is known.
func dynamic(v *fastjson.Value) (ref.Val, error) {
	switch v.Type() {
	case fastjson.TypeObject:
		return object{v}, nil
	case fastjson.TypeArray:
		return list{v, anything}, nil
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		return types.String(text(b)), nil
	case fastjson.TypeNumber:
		if n, err := v.Int64(); err == nil {
			return types.Int(n), nil
		}
		if strings.ContainsAny(numeral(v), ".eE") {
			return anything.double(v)
		}
		return anything.whole(v)
	case fastjson.TypeTrue:
		return types.True, nil
	case fastjson.TypeFalse:
		return types.False, nil
	}
	return nil, anything.null
}

// wrapVal is wrap with the error as a CEL value.
func (s *shape) wrapVal(v *fastjson.Value) ref.Val {
	val, err := s.wrap(v)
	if err != nil {
		return types.WrapErr(err)
	}
	return val
}

// numeral returns the number's own text.
func numeral(v *fastjson.Value) string { return text(v.MarshalTo(nil)) }

// isNumeral refuses what the lenient parser lets through: NaN, inf and a leading plus.
func isNumeral(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s != "" && s[0] >= '0' && s[0] <= '9'
}

func (s *shape) whole(v *fastjson.Value) (ref.Val, error) {
	if n, err := v.Int64(); err == nil {
		return types.Int(n), nil
	}
	raw := numeral(v)
	if !isNumeral(raw) {
		return nil, &fieldError{fmt.Sprintf("The field %s is %s, which is not a number.", s.path, raw)}
	}
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return types.Int(n), nil
	}
	if !strings.ContainsAny(raw, ".eE") {
		return nil, &fieldError{fmt.Sprintf("The field %s is %s, too large to be held exactly.", s.path, raw)}
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || f < -(1<<63) || f >= 1<<63 {
		return nil, &fieldError{fmt.Sprintf("The field %s is %s, too large to be held exactly.", s.path, raw)}
	}
	if f == 0 && strings.Trim(strings.SplitN(strings.ToLower(raw), "e", 2)[0], "-0.") == "" {
		return types.Int(0), nil
	}
	whole := f != 0 && f == math.Trunc(f) // before the exact reading: it must not be asked to hold 1e-999999999
	var exact *big.Rat
	if whole {
		exact, whole = new(big.Rat).SetString(raw)
	}
	if !whole || !exact.IsInt() || !exact.Num().IsInt64() {
		return nil, &fieldError{fmt.Sprintf("The field %s is %s where a whole number is declared.", s.path, raw)}
	}
	return types.Int(exact.Num().Int64()), nil
}

// double reads any number. Fractions are rounded to the nearest double, as everywhere; a whole number that a double cannot
// hold is an error.
func (s *shape) double(v *fastjson.Value) (ref.Val, error) {
	raw := numeral(v)
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || !isNumeral(raw) {
		return nil, &fieldError{fmt.Sprintf("The field %s is %s, which is not a number that can be held.", s.path, raw)}
	}
	if f >= 1<<53 || f <= -(1<<53) {
		exact, ok := new(big.Rat).SetString(raw)
		if !ok || exact.Cmp(new(big.Rat).SetFloat64(f)) != 0 {
			return nil, &fieldError{fmt.Sprintf("The field %s is %s, too large to be held exactly.", s.path, raw)}
		}
	}
	return types.Double(f), nil
}

// structure is an object whose fields are declared.
type structure struct {
	v *fastjson.Value
	s *shape
}

func (o structure) Get(key ref.Val) ref.Val {
	name, ok := key.(types.String)
	if !ok {
		return types.NewErr("A field's name is text.")
	}
	f := o.s.fields[string(name)]
	if f == nil {
		return types.NewErr("There is no field %s.", name)
	}
	v := o.v.Get(string(name))
	if v == nil {
		return types.WrapErr(f.missing)
	}
	return f.wrapVal(v)
}

func (o structure) IsSet(key ref.Val) ref.Val {
	name, ok := key.(types.String)
	if !ok || o.s.fields[string(name)] == nil {
		return types.NewErr("There is no field %v.", key)
	}
	return types.Bool(o.v.Get(string(name)) != nil)
}

func (o structure) ConvertToNative(t reflect.Type) (any, error) { return toNative(o, o.v, t) }
func (o structure) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.s.cel
	}
	if t.TypeName() == o.s.cel.TypeName() {
		return o
	}
	return types.NewErr("An object cannot be made into %s.", t.TypeName())
}
func (o structure) Equal(other ref.Val) ref.Val { return equal(o.v, other) }
func (o structure) Type() ref.Type              { return o.s.cel }
func (o structure) Value() any                  { return o.v }

// object is an object that no schema describes.
type object struct{ v *fastjson.Value }

func (o object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	v := o.v.Get(string(name))
	if v == nil {
		return nil, false
	}
	if v.Type() == fastjson.TypeNull {
		return types.WrapErr(&fieldError{"The key " + string(name) + " is null."}), true
	}
	return anything.wrapVal(v), true
}

func (o object) Contains(key ref.Val) ref.Val {
	name, ok := key.(types.String)
	return types.Bool(ok && o.v.Get(string(name)) != nil)
}

func (o object) Get(key ref.Val) ref.Val {
	v, ok := o.Find(key)
	if !ok {
		return types.NewErr("no such key: %v", key)
	}
	return v
}

func (o object) keys() []ref.Val {
	obj, _ := o.v.Object()
	keys := make([]ref.Val, 0, obj.Len())
	obj.Visit(func(k []byte, _ *fastjson.Value) { keys = append(keys, types.String(text(k))) })
	return keys
}

func (o object) Iterator() traits.Iterator { return &iterator{next: o.keys()} }
func (o object) Size() ref.Val {
	obj, _ := o.v.Object()
	return types.Int(obj.Len())
}
func (o object) ConvertToNative(t reflect.Type) (any, error) { return toNative(o, o.v, t) }
func (o object) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.TypeType:
		return types.MapType
	case types.MapType:
		return o
	}
	return types.NewErr("An object cannot be made into %s.", t.TypeName())
}
func (o object) Equal(other ref.Val) ref.Val { return equal(o.v, other) }
func (o object) Type() ref.Type              { return types.MapType }
func (o object) Value() any                  { return o.v }

// list is a JSON array; elem is the shape of its elements.
type list struct {
	v    *fastjson.Value
	elem *shape
}

func (l list) items() []*fastjson.Value { a, _ := l.v.Array(); return a }

func (l list) Get(index ref.Val) ref.Val {
	i, err := types.GetOrError(index)
	if err != nil {
		return types.WrapErr(err)
	}
	a := l.items()
	if i < 0 || i >= len(a) {
		return types.NewErr("index out of bounds: %d", i)
	}
	return l.elem.wrapVal(a[i])
}

// Contains is three-valued: an element that cannot be read leaves a miss unknown.
func (l list) Contains(want ref.Val) ref.Val {
	var unread ref.Val
	for _, v := range l.items() {
		if s, ok := want.(types.String); ok && v.Type() == fastjson.TypeString && (l.elem.typ == Text || l.elem.typ == JSON) {
			if b, _ := v.StringBytes(); text(b) == string(s) {
				return types.True
			}
			continue
		}
		e := l.elem.wrapVal(v)
		if types.IsError(e) {
			unread = e
			continue
		}
		if types.Equal(e, want) == types.True {
			return types.True
		}
	}
	if unread != nil {
		return unread
	}
	return types.False
}

func (l list) Iterator() traits.Iterator { return &iterator{raw: l.items(), elem: l.elem} }
func (l list) Size() ref.Val             { return types.Int(len(l.items())) }
func (l list) Add(other ref.Val) ref.Val { return concat(l, other) }

func (l list) ConvertToNative(t reflect.Type) (any, error) { return toNative(l, l.v, t) }
func (l list) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.TypeType:
		return types.ListType
	case types.ListType:
		return l
	}
	return types.NewErr("A list cannot be made into %s.", t.TypeName())
}
func (l list) Equal(other ref.Val) ref.Val { return equal(l.v, other) }
func (l list) Type() ref.Type              { return types.ListType }
func (l list) Value() any                  { return l.v }

// iterator walks the elements of a list or the keys of an object.
type iterator struct {
	raw  []*fastjson.Value
	elem *shape
	next []ref.Val
}

func (it *iterator) HasNext() ref.Val { return types.Bool(len(it.raw)+len(it.next) > 0) }
func (it *iterator) Next() ref.Val {
	if len(it.raw) > 0 {
		v := it.raw[0]
		it.raw = it.raw[1:]
		return it.elem.wrapVal(v)
	}
	if len(it.next) == 0 {
		return types.NewErr("There is nothing left to go through.")
	}
	v := it.next[0]
	it.next = it.next[1:]
	return v
}
func (it *iterator) ConvertToNative(reflect.Type) (any, error) {
	return nil, fmt.Errorf("an iterator has no native value")
}
func (it *iterator) ConvertToType(ref.Type) ref.Val {
	return types.NewErr("An iterator cannot be converted.")
}
func (it *iterator) Equal(other ref.Val) ref.Val { return types.Bool(it == other) }
func (it *iterator) Type() ref.Type              { return types.IteratorType }
func (it *iterator) Value() any                  { return nil }

// concat joins two lists; an element that cannot be read makes the whole unreadable.
func concat(a traits.Lister, other ref.Val) ref.Val {
	b, ok := other.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	var all []ref.Val
	for _, l := range []traits.Lister{a, b} {
		for it := l.Iterator(); it.HasNext() == types.True; {
			v := it.Next()
			if types.IsError(v) {
				return v
			}
			all = append(all, v)
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}

// equal compares a JSON value with a CEL value, deeply; numbers compare by value, null equals only null.
func equal(v *fastjson.Value, other ref.Val) ref.Val {
	if types.IsUnknownOrError(other) {
		return other
	}
	if w, ok := other.Value().(*fastjson.Value); ok {
		return types.Bool(same(v, w))
	}
	switch v.Type() {
	case fastjson.TypeObject:
		m, ok := other.(traits.Mapper)
		o, _ := v.Object()
		if !ok || m.Size() != types.Int(o.Len()) {
			return types.False
		}
		answer := ref.Val(types.True)
		o.Visit(func(k []byte, e *fastjson.Value) {
			if answer != types.True {
				return
			}
			w, found := m.Find(types.String(text(k)))
			if !found {
				answer = types.False
				return
			}
			answer = equal(e, w)
		})
		return answer
	case fastjson.TypeArray:
		l, ok := other.(traits.Lister)
		a, _ := v.Array()
		if !ok || l.Size() != types.Int(len(a)) {
			return types.False
		}
		for i, e := range a {
			if r := equal(e, l.Get(types.Int(i))); r != types.True {
				return r
			}
		}
		return types.True
	case fastjson.TypeNull:
		return types.Bool(other == types.NullValue)
	}
	w, err := dynamic(v)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Equal(w, other)
}

// same compares two JSON values, deeply.
func same(a, b *fastjson.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch a.Type() {
	case fastjson.TypeObject:
		x, _ := a.Object()
		y, _ := b.Object()
		if x.Len() != y.Len() {
			return false
		}
		eq := true
		x.Visit(func(k []byte, v *fastjson.Value) {
			if eq {
				w := y.Get(text(k))
				eq = w != nil && same(v, w)
			}
		})
		return eq
	case fastjson.TypeArray:
		x, _ := a.Array()
		y, _ := b.Array()
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case fastjson.TypeString:
		x, _ := a.StringBytes()
		y, _ := b.StringBytes()
		return text(x) == text(y)
	case fastjson.TypeNumber:
		r, s := numeral(a), numeral(b)
		if r == s {
			return true
		}
		x, err1 := dynamic(a)
		y, err2 := dynamic(b)
		return err1 == nil && err2 == nil && types.Equal(x, y) == types.True
	}
	return true
}

// plain is v as encoding/json would decode it, save that whole numbers are int64. Numbers that cannot be held are errors.
func plain(v *fastjson.Value) (any, error) {
	switch v.Type() {
	case fastjson.TypeObject:
		o, _ := v.Object()
		m := make(map[string]any, o.Len())
		var err error
		o.Visit(func(k []byte, e *fastjson.Value) {
			if err == nil {
				m[string(k)], err = plain(e)
			}
		})
		return m, err
	case fastjson.TypeArray:
		a, _ := v.Array()
		l := make([]any, len(a))
		for i, e := range a {
			p, err := plain(e)
			if err != nil {
				return nil, err
			}
			l[i] = p
		}
		return l, nil
	case fastjson.TypeString:
		b, _ := v.StringBytes()
		return string(b), nil
	case fastjson.TypeNull:
		return nil, nil
	}
	val, err := dynamic(v)
	if err != nil {
		return nil, err
	}
	switch val := val.(type) {
	case types.Bool:
		return bool(val), nil
	case types.Int:
		return int64(val), nil
	case types.Double:
		return float64(val), nil
	}
	return nil, fmt.Errorf("a JSON value of type %s", v.Type())
}

// toNative gives Go values and, through CEL's own conversions, the protobuf ones that its libraries ask for.
func toNative(self ref.Val, v *fastjson.Value, t reflect.Type) (any, error) {
	if reflect.TypeOf(self).AssignableTo(t) && t.Kind() != reflect.Interface {
		return self, nil
	}
	p, err := plain(v)
	if err != nil {
		return nil, err
	}
	if t.Kind() == reflect.Interface && reflect.TypeOf(p).Implements(t) {
		return p, nil
	}
	if reflect.TypeOf(p).AssignableTo(t) {
		return p, nil
	}
	return types.DefaultTypeAdapter.NativeToValue(p).ConvertToNative(t)
}

func isJSONNull(v *fastjson.Value) bool { return v.Type() == fastjson.TypeNull }

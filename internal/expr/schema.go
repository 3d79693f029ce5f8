package expr

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/valyala/fastjson"
)

// Type is the type of a field's value in the JSON body.
type Type string

// The types of a field. Every other word for text (an address, a choice, the key of another record) is Text here.
const (
	Text    Type = "text"    // a string
	Integer Type = "integer" // a whole number, CEL int
	Number  Type = "number"  // any number, CEL double
	Bool    Type = "bool"    // true or false
	Time    Type = "time"    // RFC 3339 with zone, CEL timestamp: compare it with timestamp("2026-01-31T00:00:00Z")
	Date    Type = "date"    // YYYY-MM-DD, CEL string: compares as text, and age, due and business_days take it
	Object  Type = "object"  // the named Fields, or a record of schema Of, or, with neither, a map of anything
	JSON    Type = "json"    // anything: not checked when compiling
)

// Field is one named value of a schema.
type Field struct {
	Name   string
	Type   Type
	List   bool    // an array of Type
	Fields []Field // of an Object
	Of     string  // of an Object: the name of the schema it has; for variables
}

// Schema names the fields of a kind or a view.
type Schema struct {
	Name   string
	Fields []Field
}

// shape is a field made ready for reading: what its value must be, and what to say when it is not.
type shape struct {
	path   string // "mfa_active of aws_iam_user", for sentences
	typ    Type
	fields map[string]*shape // of an object with declared fields; nil for maps
	names  []string          // of fields, in order
	elem   *shape            // of a list; typ is then empty
	cel    *types.Type
	ftype  *types.FieldType // how CEL reads it from its object

	missing, null error // made once: they are the most common answers
}

// Types are all kinds and views that expressions may speak of, by name.
type Types struct {
	structs map[string]*shape
	outer   *Types // whose types are known here too; nil for none
	base    *types.Registry
}

// NewTypes makes the types of the schemas. Names must be unique.
func NewTypes(schemas ...Schema) (*Types, error) {
	base, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("make the expression types: %w", err)
	}
	t := &Types{structs: map[string]*shape{}, base: base}
	for _, s := range schemas {
		if _, dup := t.structs[s.Name]; dup {
			return nil, fmt.Errorf("schema %s is declared twice", s.Name)
		}
		t.addObject(s.Name, "", s.Fields, s.Name)
	}
	return t, nil
}

// Has reports whether a schema of that name is known.
func (t *Types) Has(name string) bool { return t.shape(name) != nil }

func (t *Types) shape(name string) *shape {
	for ; t != nil; t = t.outer {
		if s := t.structs[name]; s != nil {
			return s
		}
	}
	return nil
}

// HasField reports whether the schema declares the field.
func (t *Types) HasField(schema, field string) bool {
	s := t.shape(schema)
	return s != nil && s.fields[field] != nil
}

// with returns the types and one more, for an environment of its own.
func (t *Types) with(name string, fields []Field) *Types {
	n := &Types{structs: map[string]*shape{}, outer: t, base: t.base}
	n.addObject(name, "", fields, name)
	return n
}

// addObject registers the struct type name and returns its shape. prefix is the dotted path inside the record, root its kind.
func (t *Types) addObject(name, prefix string, fields []Field, root string) *shape {
	s := &shape{path: root, typ: Object, fields: make(map[string]*shape, len(fields)), cel: types.NewObjectType(name)}
	if prefix != "" {
		s.path = strings.TrimSuffix(prefix, ".") + " of " + root
	}
	s.close()
	t.structs[name] = s
	for _, f := range fields {
		fs := t.shapeOf(f, name, prefix, root)
		fs.ftype = &types.FieldType{Type: fs.cel, IsSet: isSet(f.Name), GetFrom: getFrom(f.Name, fs)}
		if s.fields[f.Name] == nil {
			s.names = append(s.names, f.Name)
		}
		s.fields[f.Name] = fs
	}
	return s
}

func (t *Types) shapeOf(f Field, owner, prefix, root string) *shape {
	path := prefix + f.Name + " of " + root
	var s *shape
	if f.Type == Object && len(f.Fields) > 0 {
		obj := t.addObject(owner+"."+f.Name, prefix+f.Name+".", f.Fields, root)
		c := *obj
		s = &c
	} else {
		s = &shape{path: path, typ: f.Type, cel: scalar(f.Type)}
		if f.Type == Object && f.Of != "" {
			s.cel = types.NewObjectType(f.Of)
		}
	}
	s.path = path
	s.close()
	if !f.List {
		return s
	}
	l := &shape{path: path, elem: s, cel: types.NewListType(s.cel)}
	l.close()
	return l
}

func (s *shape) close() {
	s.missing = &fieldError{"The field " + s.path + " is missing."}
	s.null = &fieldError{"The field " + s.path + " is null."}
}

// fieldError is a sentence about a field, as a Go error for CEL to carry.
type fieldError struct{ text string }

func (e *fieldError) Error() string { return e.text }

func scalar(t Type) *types.Type {
	switch t {
	case Text, Date:
		return types.StringType
	case Integer:
		return types.IntType
	case Number:
		return types.DoubleType
	case Bool:
		return types.BoolType
	case Time:
		return types.TimestampType
	case Object:
		return types.NewMapType(types.StringType, types.DynType)
	}
	return types.DynType
}

// words names a type in a sentence.
func (s *shape) words() string {
	if s.elem != nil {
		return "a list"
	}
	switch s.typ {
	case Text:
		return "text"
	case Integer:
		return "a whole number"
	case Number:
		return "a number"
	case Bool:
		return "true or false"
	case Time:
		return "a time (RFC 3339)"
	case Date:
		return "a date (YYYY-MM-DD)"
	case Object:
		return "an object"
	}
	return "anything"
}

func isSet(name string) ref.FieldTester {
	return func(obj any) bool {
		v, ok := obj.(*fastjson.Value)
		return ok && v.Get(name) != nil
	}
}

func getFrom(name string, s *shape) ref.FieldGetter {
	return func(obj any) (any, error) {
		v, ok := obj.(*fastjson.Value)
		if !ok {
			return nil, s.missing
		}
		f := v.Get(name)
		if f == nil {
			return nil, s.missing
		}
		val, err := s.wrap(f)
		if err != nil {
			return nil, err
		}
		return val, nil
	}
}

// The methods of types.Provider.

func (t *Types) EnumValue(name string) ref.Val { return t.base.EnumValue(name) }

func (t *Types) FindIdent(name string) (ref.Val, bool) { return t.base.FindIdent(name) }

func (t *Types) FindStructType(name string) (*types.Type, bool) {
	if s := t.shape(name); s != nil {
		return types.NewTypeTypeWithParam(s.cel), true
	}
	return nil, false
}

func (t *Types) FindStructFieldNames(name string) ([]string, bool) {
	if s := t.shape(name); s != nil {
		return s.names, true
	}
	return nil, false
}

func (t *Types) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if s := t.shape(name); s != nil {
		if f := s.fields[field]; f != nil {
			return f.ftype, true
		}
	}
	return nil, false
}

func (t *Types) NewValue(name string, _ map[string]ref.Val) ref.Val {
	return types.NewErr("An expression cannot make a %s.", name)
}

// near returns the declared field closest in spelling, for "did you mean".
func (s *shape) near(name string) string {
	best, at := "", 3
	names := slices.Clone(s.names)
	sort.Strings(names)
	for _, n := range names {
		if d := distance(strings.ToLower(n), strings.ToLower(name)); d < at {
			best, at = n, d
		}
	}
	return best
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			prev, row[j] = row[j], min(row[j]+1, row[j-1]+1, prev+cost)
		}
	}
	return row[len(b)]
}

var _ types.Provider = (*Types)(nil)

func objectType(name string) *cel.Type { return types.NewObjectType(name) }

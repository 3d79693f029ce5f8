package expr_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickmark/internal/expr"
)

// anyJSON draws a JSON value: its text, and what encoding/json makes of it with whole numbers exact.
func anyJSON(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		top := 7
		if depth == 0 {
			top = 5
		}
		switch rapid.IntRange(0, top).Draw(t, "type") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2, 3:
			return rapid.Int64().Draw(t, "int")
		case 4:
			return rapid.Float64Range(-1e300, 1e300).Draw(t, "float")
		case 5:
			return rapid.String().Draw(t, "text")
		case 6:
			return rapid.SliceOfN(anyJSON(depth-1), 0, 4).Draw(t, "list")
		}
		return rapid.MapOfN(rapid.String(), anyJSON(depth-1), 0, 4).Draw(t, "object")
	})
}

func body(t *rapid.T, v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(rapid.Bool().Draw(t, "escaped"))
	if err := enc.Encode(map[string]any{"v": v}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decoded is the value as encoding/json reads it back, whole numbers as int64.
func decoded(t *rapid.T, b []byte) any {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return exact(m["v"])
}

func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = exact(v[k])
		}
	}
	return v
}

func jsonEnv(t testing.TB) *expr.Env {
	env, err := expr.NewEnv(expr.Schema{Name: "thing", Fields: []expr.Field{{Name: "v", Type: expr.JSON}, {Name: "s", Type: expr.Text}}}, expr.Field{Name: "want", Type: expr.JSON})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func TestValuesAreThoseOfEncodingJSON(t *testing.T) {
	env := jsonEnv(t)
	value, err := expr.Compile(env, "r.v")
	if err != nil {
		t.Fatal(err)
	}
	same, err := expr.Compile(env, "r.v == want")
	if err != nil {
		t.Fatal(err)
	}
	turned, err := expr.Compile(env, "want == r.v")
	if err != nil {
		t.Fatal(err)
	}
	var doc expr.Doc
	rapid.Check(t, func(t *rapid.T) {
		v := anyJSON(3).Draw(t, "value")
		b := body(t, v)
		want := decoded(t, b)
		if err := doc.Parse(b); err != nil {
			t.Fatal(err)
		}
		got, err := value.Native(&doc, nil)
		if want == nil {
			if err == nil {
				t.Fatalf("null reads as %v", got)
			}
			return
		}
		if err != nil {
			// A double that is whole and beyond int64 is written without a fraction: it must be refused, not rounded.
			if strings.Contains(err.Error(), "too large to be held exactly") && huge(want) {
				return
			}
			t.Fatalf("%s: %v", b, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s reads as %#v, want %#v", b, got, want)
		}
		if !hasNull(want) {
			for _, p := range []*expr.Program{same, turned} {
				if a := p.Eval(&doc, &expr.Scope{Vars: map[string]any{"want": want}}); a.Answer != expr.True {
					t.Fatalf("%s: %s is %v for its own value %#v", b, p.Source, a, want)
				}
			}
		}
		other := anyJSON(2).Draw(t, "other")
		if other == nil || hasNull(other) || reflect.DeepEqual(exact(other), want) || hasNull(want) || numbers(want) || numbers(other) {
			return
		}
		if a := same.Eval(&doc, &expr.Scope{Vars: map[string]any{"want": other}}); a.Answer != expr.False {
			t.Fatalf("%s == %#v is %v", b, other, a)
		}
	})
}

func contains(v any, is func(any) bool) bool {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if contains(e, is) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if contains(e, is) {
				return true
			}
		}
	}
	return is(v)
}

func huge(v any) bool {
	return contains(v, func(v any) bool { f, ok := v.(float64); return ok && (f >= 1<<53 || f <= -(1<<53)) })
}
func hasNull(v any) bool { return contains(v, func(v any) bool { return v == nil }) }
func numbers(v any) bool {
	return contains(v, func(v any) bool {
		return strings.Contains(fmt.Sprintf("%T", v), "int") || strings.Contains(fmt.Sprintf("%T", v), "float")
	})
}

func TestIterationVisitsWhatEncodingJSONHolds(t *testing.T) {
	env := jsonEnv(t)
	size, _ := expr.Compile(env, "r.v.size()")
	keys, _ := expr.Compile(env, "r.v.map(k, k)")
	in, _ := expr.Compile(env, "r.s in r.v")
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.MapOfN(rapid.String(), rapid.String(), 0, 5).Draw(t, "object")
		key := rapid.String().Draw(t, "key")
		b, _ := json.Marshal(map[string]any{"v": v, "s": key})
		doc, err := expr.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := size.Native(doc, nil); err != nil || n != int64(len(v)) {
			t.Fatalf("size of %s is %v, %v", b, n, err)
		}
		got, err := keys.Native(doc, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range got.([]any) {
			if _, ok := v[k.(string)]; !ok {
				t.Fatalf("%s has no key %q", b, k)
			}
		}
		if len(got.([]any)) != len(v) {
			t.Fatalf("%s: keys %v", b, got)
		}
		_, held := v[key]
		if a := in.Eval(doc, nil); (a.Answer == expr.True) != held || a.Answer == expr.Unknown {
			t.Fatalf("%s: %v", b, a)
		}
	})
}

// FuzzEval looks for a program or body that panics, or that answers where nothing is known.
func FuzzEval(f *testing.F) {
	f.Add(`r.v.a == 1`, `{"v":{"a":1}}`)
	f.Add(`r.v.exists(x, x != null)`, `{"v":[1e400]}`)
	f.Fuzz(func(t *testing.T, src, body string) {
		p, err := expr.Compile(jsonEnv(t), src)
		if err != nil {
			return
		}
		d, err := expr.Parse([]byte(body))
		if err != nil {
			return
		}
		if v := p.Eval(d, nil); (v.Answer == expr.Unknown) != (v.Reason != "") {
			t.Fatalf("%s of %s: %+v", src, body, v)
		}
	})
}

package expr

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var shown = Schema{Name: "thing", Fields: []Field{
	{Name: "s", Type: Text}, {Name: "t", Type: Text}, {Name: "p", Type: Bool}, {Name: "q", Type: Bool},
	{Name: "n", Type: Integer}, {Name: "f", Type: Number}, {Name: "at", Type: Time}, {Name: "on", Type: Date},
	{Name: "any", Type: JSON}, {Name: "map", Type: Object},
	{Name: "names", Type: Text, List: true}, {Name: "counts", Type: Integer, List: true}, {Name: "anys", Type: JSON, List: true},
	{Name: "sub", Type: Object, Fields: part}, {Name: "parts", Type: Object, List: true, Fields: append(part, Field{Name: "names", Type: Text, List: true})},
}}

var part = []Field{{Name: "s", Type: Text}, {Name: "p", Type: Bool}, {Name: "n", Type: Integer}, {Name: "at", Type: Time}, {Name: "on", Type: Date}, {Name: "any", Type: JSON}}

func draw[T any](t *rapid.T, of ...T) T { return of[rapid.IntRange(0, len(of)-1).Draw(t, "of")] }

// writer draws expressions. Its variables are the elements of lists around the place.
type writer struct {
	t     *rapid.T
	loops []Field
	paths map[string]Type // "x.s": the fields of elements in reach
}

func (w *writer) place(of ...Type) string {
	var all []string
	add := func(prefix string, fields []Field) {
		for _, f := range fields {
			for _, typ := range of {
				if f.Type == typ && !f.List {
					all = append(all, prefix+f.Name)
				}
			}
		}
	}
	add("r.", shown.Fields)
	add("r.sub.", part)
	add("settings.", settingsFields)
	for i, l := range w.loops {
		name := string(rune('x' + i))
		if l.Type == Object {
			add(name+".", l.Fields)
		} else {
			add("", []Field{{Name: name, Type: l.Type}})
		}
	}
	for _, typ := range of {
		if typ == JSON {
			all = append(all, "r.map.k", `r.any.k`, `r.any["k"]`, `r.map["two words"]`, "r.any.k.k")
		}
	}
	return draw(w.t, all...)
}

var settingsFields = []Field{{Name: "s", Type: Text}, {Name: "n", Type: Integer}, {Name: "names", Type: Text, List: true}}

func (w *writer) text(depth int) string {
	if depth > 0 && rapid.IntRange(0, 4).Draw(w.t, "made") == 0 {
		return draw(w.t, "lower(%s)", "upper(%s)", "%s.lower()", "%s.lowerAscii()", "(%s + %[2]s)", "%s.trim()")
	}
	switch rapid.IntRange(0, 5).Draw(w.t, "text") {
	case 0:
		return draw(w.t, `"a"`, `"b"`, `"ab"`, `""`, `"ä"`, `"2026-01-01"`, `"2026-01-01T00:00:00Z"`, "key")
	case 1:
		return w.place(Date)
	case 2:
		return w.place(JSON)
	}
	return w.place(Text)
}

// texts is text with the parts of made texts filled in.
func (w *writer) texts(depth int) string {
	s := w.text(depth)
	if strings.Contains(s, "%[2]s") {
		return fmt.Sprintf(s, w.texts(depth-1), draw(w.t, `"a"`, `"ä"`, w.place(Text)))
	}
	if strings.Contains(s, "%s") {
		return fmt.Sprintf(s, w.place(Text))
	}
	return s
}

func (w *writer) number() string {
	switch rapid.IntRange(0, 5).Draw(w.t, "number") {
	case 0:
		return draw(w.t, "0", "1", "-1", "9007199254740993", "9223372036854775807", "1.5", "1.0", "9007199254740992.0", "1e300")
	case 1:
		return draw(w.t, "r.names", "r.parts", "r.any", "settings.names", "r.s") + ".size()"
	case 2:
		return w.place(JSON)
	}
	return w.place(Integer, Number)
}

func (w *writer) moment() string {
	return draw(w.t, w.place(Time), w.place(Time), w.place(Date), w.place(Text), `timestamp("2026-01-01T00:00:00Z")`, `timestamp(settings.s + "T00:00:00Z")`, `timestamp("2026-01-01")`, w.place(JSON))
}

func (w *writer) test(depth int) string {
	order := func() string { return draw(w.t, "==", "!=", "<", "<=", ">", ">=") }
	top := 12
	if depth > 0 {
		top = 22
	}
	switch n := rapid.IntRange(0, top).Draw(w.t, "test"); n {
	case 0:
		return draw(w.t, "true", "false")
	case 1, 2:
		return w.place(Bool, JSON)
	case 3:
		return "has(" + draw(w.t, "r.s", "r.any", "r.sub.s", "r.sub", "r.map.k", "r.any.k", w.member()) + ")"
	case 4:
		return draw(w.t, "r.s", "r.sub", "r.parts", "r.sub.n", "r.map.k", "r.any.k", w.member()) + draw(w.t, " == null", " != null")
	case 5, 6:
		return w.texts(1) + " " + order() + " " + w.texts(1)
	case 7:
		return w.texts(1) + " in " + draw(w.t, `["a", "ab"]`, `["a"]`, `[]`, "r.names", "settings.names", "r.any", "r.anys", "r.map")
	case 8:
		return w.texts(0) + draw(w.t, ".startsWith(", ".endsWith(", ".contains(", ".matches(") + draw(w.t, `"a"`, `"^a?b$"`, "settings.s", "key") + ")"
	case 9, 10:
		return w.number() + " " + order() + " " + w.number()
	case 11:
		return "age(" + w.moment() + ") " + draw(w.t, "<", "<=", ">", ">=") + " " + w.number()
	case 12:
		return draw(w.t, "due("+w.moment()+", "+draw(w.t, `"3d"`, `"1mo"`, `"x"`, "3", "settings.n", "settings.s")+")", w.place(Time)+" "+order()+" "+`timestamp("2026-01-02T00:00:00Z")`, w.place(Time)+" "+order()+" "+w.place(Time))
	case 13:
		return "!(" + w.test(depth-1) + ")"
	case 14, 15:
		return "(" + w.test(depth-1) + " && " + w.test(depth-1) + ")"
	case 16, 17:
		return "(" + w.test(depth-1) + " || " + w.test(depth-1) + ")"
	case 18:
		return "(" + w.test(depth-1) + draw(w.t, ") == (", ") != (") + w.test(depth-1) + ")"
	case 19:
		if rapid.IntRange(0, 3).Draw(w.t, "rare") == 0 {
			return "(" + w.test(depth-1) + " ? " + w.test(depth-1) + " : " + w.test(depth-1) + ")"
		}
		fallthrough
	default:
		return w.loop(depth)
	}
}

// member is a field of an element around the place, or of an inner object.
func (w *writer) member() string {
	for i, l := range w.loops {
		if l.Type == Object {
			return string(rune('x'+i)) + "." + draw(w.t, part...).Name
		}
	}
	return "r.sub." + draw(w.t, part...).Name
}

func (w *writer) loop(depth int) string {
	if len(w.loops) == maxLoops {
		return "true"
	}
	over := map[string]Field{"r.names": {Type: Text}, "r.counts": {Type: Integer}, "r.anys": {Type: JSON}, "r.any": {Type: JSON}, "settings.names": {Type: Text},
		"r.parts": {Type: Object, Fields: part}}
	names := []string{"r.names", "r.counts", "r.anys", "r.any", "settings.names", "r.parts", "r.parts"}
	for i, l := range w.loops {
		if l.Type == Object {
			names = append(names, string(rune('x'+i))+".names")
		}
	}
	list := draw(w.t, names...)
	f, ok := over[list]
	if !ok {
		f = Field{Type: Text}
	}
	name := string(rune('x' + len(w.loops)))
	w.loops = append(w.loops, f)
	inner := w.test(depth - 1)
	w.loops = w.loops[:len(w.loops)-1]
	return list + draw(w.t, ".exists(", ".all(") + name + ", " + inner + ")"
}

// value draws JSON for a declared field: mostly what is declared, now and then something else or nothing.
func value(t *rapid.T, f Field) string {
	if rapid.IntRange(0, 14).Draw(t, "odd") == 0 {
		return draw(t, "null", `"odd"`, "7", "true", "[]", "{}", "[1]", `{"k":1}`)
	}
	if f.List {
		f.List = false
		out := []string{}
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			out = append(out, value(t, f))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	switch f.Type {
	case Text:
		return draw(t, `"a"`, `"b"`, `"ab"`, `""`, `"A"`, `"\u00e4"`, `"Ä"`, `"2026-01-01"`, `"2026-01-01T00:00:00Z"`, `"\"a"`, `"\ud800"`)
	case Bool:
		return draw(t, "true", "false")
	case Integer:
		return draw(t, "0", "1", "2", "-1", "9007199254740992", "9007199254740993", "9223372036854775807", "99999999999999999999", "1.5", "1.0", "1e3", "-0")
	case Number:
		return draw(t, "0", "1", "1.5", "0.1", "0.30000000000000004", "1e300", "1e400", "9007199254740992", "9007199254740993", "-1", "-9007199254740993", "-0.0")
	case Time:
		return draw(t, `"2026-01-01T00:00:00Z"`, `"2026-01-02T00:00:00.5+02:00"`, `"2025-12-01T00:00:00Z"`, `"2026-01-01T02:00:00+02:00"`, `"soon"`)
	case Date:
		return draw(t, `"2026-01-01"`, `"2025-12-01"`, `"2026-01-09"`, `"1.1.2026"`)
	case Object:
		if f.Fields != nil {
			return fields(t, f.Fields)
		}
		return draw(t, `{}`, `{"k":"a"}`, `{"k":null}`, `{"k":1,"two words":"a"}`, `{"two words":true}`, `{"\u006b":"a"}`)
	}
	return draw(t, `"a"`, `"b"`, "1", "1.5", "2.0", "true", "false", "null", `["a","b"]`, `["a",null,1]`, `[]`, `{"k":"a"}`, `{"k":null}`, `{"k":true}`, `{"k":{"k":1}}`, `{"k":[1,2]}`, `[true,false]`)
}

func fields(t *rapid.T, declared []Field) string {
	out := []string{}
	for _, f := range declared {
		if rapid.IntRange(0, 9).Draw(t, "there") > 0 {
			out = append(out, fmt.Sprintf("%q:%s", f.Name, value(t, f)))
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

func shownEnv(t testing.TB) *Env {
	types, err := NewTypes(shown)
	if err != nil {
		t.Fatal(err)
	}
	env, err := types.Env(Options{Record: "thing", Settings: settingsFields, Vars: []Field{{Name: "key", Type: Text}}})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// alike says where a program differs from itself by CEL alone: in answer, reason, moment of change or lookups. decided says that
// there is an answer, and quick that it came without CEL.
func alike(p *Program, body, settings, key string) (difference string, decided, quick bool) {
	var docs [4]Doc
	scope := func(settings *Doc) *Scope {
		s := &Scope{Now: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), Settings: settings}
		if key != "" {
			s.Vars = map[string]any{"key": key}
		}
		return s
	}
	for i, text := range []string{body, body, settings, settings} {
		if err := docs[i].Parse([]byte(text)); err != nil {
			return err.Error(), false, false
		}
	}
	a, b := scope(&docs[2]), scope(&docs[3])
	got, want := p.Eval(&docs[0], a), p.slow(&docs[1], b)
	if got != want || a.Clock != b.Clock || !a.Flip.Equal(b.Flip) || !reflect.DeepEqual(a.Reads, b.Reads) {
		difference = fmt.Sprintf("%s\nof %s\nwith %s\nis %s (%s), clock %v, %v; by CEL %s (%s), clock %v, %v",
			p.Source, body, settings, got.Answer, got.Reason, a.Clock, a.Flip, want.Answer, want.Reason, b.Clock, b.Flip)
	}
	if p.quick != nil {
		_, quick, _ = p.ask(&docs[0], a)
	}
	return difference, want.Answer != Unknown, quick
}

// TestFunctionsAnswerAsCELDoes draws expressions and records.
func TestFunctionsAnswerAsCELDoes(t *testing.T) {
	env := shownEnv(t)
	var refused, made, asked, answered int
	rapid.Check(t, func(t *rapid.T) {
		for range 20 {
			p, err := CompileTest(env, (&writer{t: t}).test(3))
			if err != nil {
				refused++
				continue
			}
			if p.quick != nil {
				made++
			}
			for range 3 {
				difference, decided, quick := alike(p, fields(t, shown.Fields), fields(t, settingsFields), draw(t, "", "ab"))
				if difference != "" {
					t.Fatal(difference)
				}
				if decided && p.quick != nil {
					asked++
					if quick {
						answered++
					}
				}
			}
		}
	})
	if refused > made || answered < asked/2 {
		t.Errorf("of the expressions drawn %d do not compile and %d are functions; of %d answers only %d came without CEL", refused, made, asked, answered)
	}
}

// What functions don't know, CEL may: the moments at which that changes must not be lost when something else decides.
func TestFunctionsLoseNoMoment(t *testing.T) {
	env := shownEnv(t)
	for _, c := range []struct{ src, body string }{
		{`due(r.at, settings.n) && r.p`, `{"at":"2026-01-02T12:00:00Z","p":false}`},
		{`r.p && due(r.at, settings.n) || r.q`, `{"at":"2026-01-02T12:00:00Z","p":true,"q":true}`},
		{`r.any > 1 || age(r.at) < 3`, `{"at":"2026-01-02T12:00:00Z","any":1.5}`},
		{`(r.any == 1.5) == (age(r.at) < 3) || r.p`, `{"at":"2026-01-02T12:00:00Z","any":1.5,"p":true}`},
		{`r.counts.exists(x, age(r.at) < x)`, `{"at":"2026-01-02T12:00:00Z","counts":[1.0,99]}`},
		{`r.counts.all(x, age(r.at) > x)`, `{"at":"2026-01-02T12:00:00Z","counts":[1.0,99]}`},
		{`age(r.at) < 3 && false`, `{"at":"2026-01-02T12:00:00Z"}`},
	} {
		p, err := CompileTest(env, c.src)
		if err != nil || p.quick == nil {
			t.Fatal(c.src, err)
		}
		if difference, _, _ := alike(p, c.body, `{"n":1.0}`, ""); difference != "" {
			t.Error(difference)
		}
	}
}

// FuzzFunctions looks for an expression and a record about which functions and CEL differ.
func FuzzFunctions(f *testing.F) {
	f.Add(`r.any.k == 1 || age(r.at) < 3`, `{"any":{"k":1},"at":"2026-01-02T12:00:00Z"}`)
	f.Add(`r.parts.all(x, x.names.exists(y, y in settings.names && y.matches("^a")))`, `{"parts":[{"names":["a"]}]}`)
	env := shownEnv(f)
	f.Fuzz(func(t *testing.T, src, body string) {
		p, err := CompileTest(env, src)
		if err != nil || !utf8.ValidString(body) {
			return
		}
		if _, err := Parse([]byte(body)); err != nil {
			return
		}
		if difference, _, _ := alike(p, body, `{"s":"2026-01-01","n":3,"names":["a","b"]}`, "a"); difference != "" {
			t.Fatal(difference)
		}
	})
}

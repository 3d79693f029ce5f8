package expr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
)

var user = expr.Schema{Name: "host_user", Fields: []expr.Field{
	{Name: "name", Type: expr.Text}, {Name: "admin", Type: expr.Bool}, {Name: "uid", Type: expr.Integer},
	{Name: "load", Type: expr.Number}, {Name: "seen", Type: expr.Time}, {Name: "ends", Type: expr.Date},
	{Name: "groups", Type: expr.Text, List: true}, {Name: "extra", Type: expr.JSON}, {Name: "labels", Type: expr.Object},
	{Name: "address", Type: expr.Object, Fields: []expr.Field{{Name: "city", Type: expr.Text}, {Name: "geo", Type: expr.Object, Fields: []expr.Field{{Name: "lat", Type: expr.Number}}}}},
	{Name: "keys", Type: expr.Object, List: true, Fields: []expr.Field{{Name: "id", Type: expr.Text}, {Name: "active", Type: expr.Bool}}},
	{Name: "odd-name", Type: expr.Text},
}}

var person = expr.Schema{Name: "person", Fields: []expr.Field{{Name: "email", Type: expr.Text}, {Name: "end", Type: expr.Date}, {Name: "n", Type: expr.Integer}}}

func environment(t testing.TB) *expr.Env {
	t.Helper()
	ts, err := expr.NewTypes(user, person)
	if err != nil {
		t.Fatal(err)
	}
	env, err := ts.Env(expr.Options{Record: "host_user", Settings: []expr.Field{{Name: "days", Type: expr.Integer}},
		Vars: []expr.Field{{Name: "key", Type: expr.Text}, {Name: "people", Type: expr.Object, Of: "person", List: true}}, Holidays: []string{"2026-12-25"}})
	if err != nil {
		t.Fatal(err)
	}
	return env
}

func eval(t testing.TB, env *expr.Env, src, body string, sc *expr.Scope) expr.Value {
	t.Helper()
	p, err := expr.CompileTest(env, src)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	d, err := expr.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return p.Eval(d, sc)
}

func TestUnknownIsNeverTrueOrFalse(t *testing.T) {
	env := environment(t)
	for _, c := range []struct {
		src, body string
		want      expr.Answer
		reason    string // part of it
	}{
		{`r.admin`, `{"admin":true}`, expr.True, ""},
		{`r.admin`, `{"admin":false}`, expr.False, ""},
		{`r.admin`, `{}`, expr.Unknown, "admin of host_user is missing"},
		{`!r.admin`, `{}`, expr.Unknown, "admin of host_user is missing"},
		{`r.admin`, `{"admin":null}`, expr.Unknown, "admin of host_user is null"},
		{`!r.admin`, `{"admin":null}`, expr.Unknown, "admin of host_user is null"},
		{`!r.admin`, `{"admin":"yes"}`, expr.Unknown, "is text where true or false is declared"},
		{`r.name != "root"`, `{}`, expr.Unknown, "name of host_user is missing"},
		{`r.name != "root"`, `{"name":null}`, expr.Unknown, "null"},
		{`r.name != "root"`, `{"name":7}`, expr.Unknown, "is a number where text is declared"},
		{`r.name == "root"`, `{"name":["root"]}`, expr.Unknown, "is a list where text is declared"},
		{`r.admin || r.name == "root"`, `{"name":"root"}`, expr.True, ""},
		{`r.admin || r.name == "root"`, `{"name":"bob"}`, expr.Unknown, "admin"},
		{`r.admin && r.name == "root"`, `{"name":"bob"}`, expr.False, ""},
		{`r.admin && r.name == "root"`, `{"name":"root"}`, expr.Unknown, "admin"},
		{`r.admin ? true : true`, `{}`, expr.Unknown, "admin"},

		{`has(r.name)`, `{}`, expr.False, ""},
		{`has(r.name)`, `{"name":null}`, expr.True, ""},
		{`has(r.address.city)`, `{"address":{}}`, expr.False, ""},
		{`has(r.address.city)`, `{}`, expr.Unknown, "address of host_user is missing"},
		{`has(r.address.city)`, `{"address":null}`, expr.Unknown, "null"},
		{`has(r.labels.env)`, `{"labels":{"env":null}}`, expr.True, ""},
		{`has(r.labels.env)`, `{"labels":{}}`, expr.False, ""},

		{`r.name == null`, `{"name":null}`, expr.True, ""},
		{`r.name == null`, `{"name":"x"}`, expr.False, ""},
		{`r.name == null`, `{}`, expr.Unknown, "missing"},
		{`null != r.name`, `{"name":"x"}`, expr.True, ""},
		{`r.name != null`, `{"name":null}`, expr.False, ""},
		{`r.address == null`, `{"address":null}`, expr.True, ""},
		{`r.groups == null`, `{"groups":null}`, expr.True, ""},
		{`r.address.city == null`, `{"address":{"city":null}}`, expr.True, ""},
		{`r.address.city == null`, `{"address":null}`, expr.Unknown, "null"},
		{`r.address == null || r.address.city == "Bern"`, `{"address":null}`, expr.True, ""},
		{`r.extra.a == null`, `{"extra":{"a":null}}`, expr.True, ""},
		{`r.extra["a"] == null`, `{"extra":{"a":null}}`, expr.True, ""},
		{`r.extra["a"] == null`, `{"extra":{}}`, expr.Unknown, "key a is missing"},
		{`r.extra.a != "x"`, `{"extra":{"a":null}}`, expr.Unknown, "null"},
		{`r.extra.a != "x"`, `{"extra":{}}`, expr.Unknown, "key a is missing"},
		{`r.extra.a.b == 1`, `{"extra":{"a":"text"}}`, expr.Unknown, ""},
		{`r.keys.exists(k, k.id == null)`, `{"keys":[{"id":null}]}`, expr.True, ""},

		{`"wheel" in r.groups`, `{"groups":["a","wheel"]}`, expr.True, ""},
		{`"wheel" in r.groups`, `{"groups":["a"]}`, expr.False, ""},
		{`"wheel" in r.groups`, `{"groups":["a",null]}`, expr.Unknown, "null"},
		{`!("wheel" in r.groups)`, `{"groups":[7]}`, expr.Unknown, "number"},
		{`"wheel" in r.groups`, `{"groups":[null,"wheel"]}`, expr.True, ""},
		{`!("wheel" in r.groups)`, `{}`, expr.Unknown, "groups"},
		{`r.keys.all(k, !k.active)`, `{"keys":[{"active":false},{}]}`, expr.Unknown, "keys.active of host_user is missing"},
		{`r.keys.all(k, !k.active)`, `{"keys":[{"active":true},{}]}`, expr.False, ""},
		{`r.keys.all(k, !k.active)`, `{"keys":[{"active":false}]}`, expr.True, ""},
		{`r.keys.all(k, !k.active)`, `{"keys":[]}`, expr.True, ""},
		{`r.keys.all(k, !k.active)`, `{"keys":null}`, expr.Unknown, "null"},
		{`r.keys.exists(k, k.active)`, `{"keys":[{},{"active":true}]}`, expr.True, ""},
		{`r.keys.exists(k, k.active)`, `{"keys":[{},{"active":false}]}`, expr.Unknown, "missing"},
		{`r.keys.filter(k, k.active).size() == 1`, `{"keys":[{"active":true},{"active":null}]}`, expr.Unknown, "null"},
		{`r.keys[0].active`, `{"keys":[]}`, expr.Unknown, "no element 0"},
		{`r.extra.exists(x, x == "a")`, `{"extra":["a"]}`, expr.True, ""},
		{`r.extra.all(x, x != "a")`, `{"extra":[null]}`, expr.Unknown, "null"},
		{`r.labels.all(k, r.labels[k] != "x")`, `{"labels":{"a":"y"}}`, expr.True, ""},
		{`r.labels.all(k, r.labels[k] != "x")`, `{"labels":{"a":null}}`, expr.Unknown, "null"},
		{`r.extra == {"a": 1}`, `{"extra":{"a":1}}`, expr.True, ""},
		{`r.extra == {"a": [1, 2.5]}`, `{"extra":{"a":[1,2.5]}}`, expr.True, ""},
		{`r.extra != {"a": 1}`, `{"extra":{"a":2}}`, expr.True, ""},
		{`r.extra`, `{"extra":"yes"}`, expr.Unknown, "neither true nor false"},
		{`r.extra > 3`, `{"extra":"yes"}`, expr.Unknown, "another type"},

		{`r.uid == 9007199254740993`, `{"uid":9007199254740993}`, expr.True, ""},
		{`r.uid == 9007199254740992`, `{"uid":9007199254740993}`, expr.False, ""},
		{`r.uid > 0`, `{"uid":99999999999999999999}`, expr.Unknown, "too large"},
		{`r.uid > 0`, `{"uid":1.5}`, expr.Unknown, "where a whole number is declared"},
		{`r.uid == 5`, `{"uid":5.0}`, expr.True, ""},
		{`r.uid == 1000`, `{"uid":1e3}`, expr.True, ""},
		{`r.uid == 0`, `{"uid":1e-999999999}`, expr.Unknown, "whole number"},
		{`r.uid == 0`, `{"uid":0e5}`, expr.True, ""},
		{`r.load > 1`, `{"load":2}`, expr.True, ""},
		{`r.load > 1`, `{"load":9007199254740993}`, expr.Unknown, "exactly"},
		{`r.load > 1`, `{"load":NaN}`, expr.Unknown, "not a number"},
		{`r.extra == 9007199254740993`, `{"extra":9007199254740993}`, expr.True, ""},
		{`r.extra == 9007199254740992`, `{"extra":9007199254740993}`, expr.False, ""},
		{`r.extra == 5`, `{"extra":5.0}`, expr.True, ""},

		{`r.seen < timestamp("2026-01-01T00:00:00Z")`, `{"seen":"2026-01-01T01:00:00+02:00"}`, expr.True, ""},
		{`r.seen < timestamp("2026-01-01T00:00:00Z")`, `{"seen":"yesterday"}`, expr.Unknown, "not a time"},
		{`r.ends < "2026-02-01"`, `{"ends":"2026-01-31"}`, expr.True, ""},
		{`r.ends < "2026-02-01"`, `{"ends":"31.1.2026"}`, expr.Unknown, "not a date"},
		{"r.`odd-name` == \"x\"", `{"odd-name":"x"}`, expr.True, ""},
		{`r.name == "a\"b"`, `{"name":"a\"\u0062"}`, expr.True, ""},
		{`key == "k"`, `{}`, expr.Unknown, "key is missing"},
		{`settings.days > 1`, `{}`, expr.Unknown, "settings"},
		{`1 / r.uid == 1`, `{"uid":0}`, expr.Unknown, "division by zero"},
		{`lower(r.name) == "ada"`, `{"name":"ADA"}`, expr.True, ""},
		{`r.name.lower().startsWith("ad")`, `{"name":"ADA"}`, expr.True, ""},
		{`r.groups.all(a, r.groups.exists(b, a == b && cel.bind(c, b, c == a)))`, `{"groups":["a"]}`, expr.True, ""},
		{`r.name.split(",").exists(x, x.trim() == "b")`, `{"name":"a, b"}`, expr.True, ""},
	} {
		got := eval(t, env, c.src, c.body, &expr.Scope{Now: time.Unix(1, 0)})
		if got.Answer != c.want || !strings.Contains(got.Reason, c.reason) {
			t.Errorf("%s of %s is %s (%s), want %s (%s)", c.src, c.body, got.Answer, got.Reason, c.want, c.reason)
		}
		if got.Answer == expr.Unknown && !strings.HasSuffix(got.Reason, ".") {
			t.Errorf("%s of %s: %q is no sentence", c.src, c.body, got.Reason)
		}
	}
}

func TestMisspeltDoesNotCompile(t *testing.T) {
	env := environment(t)
	for _, c := range []struct {
		src          string
		line, column int
		message      string
	}{
		{`r.nmae == "x"`, 1, 3, "did you mean name"},
		{`has(r.nmae)`, 1, 7, "no field nmae"},
		{`r.name == "x" &&` + "\n  r.adress.city == \"y\"", 2, 5, "did you mean address"},
		{`r.address.town == "x"`, 1, 11, "no field town"},
		{`has(r.address.geo.lon)`, 1, 19, "did you mean lat"},
		{`r.keys.exists(k, k.activ)`, 1, 20, "no field activ"},
		{`r.keys.exists(k, has(k.activ))`, 1, 24, "no field activ"},
		{`r.nmae == null`, 1, 3, "no field nmae"},
		{`r.name == 7`, 1, 8, "== cannot be applied to text and a whole number"},
		{`r.name && r.admin`, 1, 0, ""},
		{`r.name`, 1, 1, "text, where true or false"},
		{`r.name ==`, 1, 0, ""},
		{``, 1, 1, "empty"},
		{`name == "x"`, 1, 1, "write r.name"},
		{`null == null`, 1, 0, "only a field"},
		{`r.name < null`, 1, 0, "null can only be compared"},
		{`lower(r.name) == null`, 1, 0, "only a field"},
		{`find("persn", "email", "x").size() == 0`, 1, 6, "no kind or view named persn"},
		{`find("person", "emial", "x").size() == 0`, 1, 16, "did you mean email"},
		{`find("person", "email", "x").exists(p, p.ende == "x")`, 1, 42, "no field ende"},
		{`find("person", r.name, "x").size() == 0`, 1, 17, "written out"},
		{`find("person", "n", r.name).size() == 0`, 1, 5, "find cannot be applied to text and text"},
		{`find("person", "email", r.uid).size() == 0`, 1, 5, "find cannot be applied to text and a whole number"},
		{`one("person", "email").end == "x"`, 1, 0, "takes a kind"},
		{`age(r.seen) == 3`, 1, 0, "never exactly equal"},
		{`settings.dayz == 3`, 1, 10, "no field dayz"},
		{`people.exists(p, p.mail == "x")`, 1, 20, "no field mail"},
		{strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), 1, 0, ""},
		{`r.groups.all(a, r.groups.all(b, r.groups.all(c, r.groups.all(d, a == b))))`, 1, 1, "4 deep"},
		{strings.Repeat("a", 20000), 1, 0, "characters"},
		{`host_user{name: "x"} == r`, 1, 0, "cannot make"},
	} {
		_, err := expr.CompileTest(env, c.src)
		e, ok := expr.AsError(err)
		if !ok || !fault.Is(err, fault.Invalid) {
			t.Errorf("%.60s compiles, or its error is no fault: %v", c.src, err)
			continue
		}
		if e.Line != c.line || c.column > 0 && e.Column != c.column || !strings.Contains(e.Message, c.message) {
			t.Errorf("%.60s: %v, want line %d, column %d: …%s…", c.src, e, c.line, c.column, c.message)
		}
		if strings.ContainsAny(e.Message, "@") {
			t.Errorf("%.60s: %v shows an inner name", c.src, e)
		}
	}
}

func TestOneRecordHasItsShareOfWork(t *testing.T) {
	env := environment(t)
	groups := func(n int) string { return `{"name":"ada","groups":["a"` + strings.Repeat(`,"a"`, n-1) + `]}` }
	double := `cel.bind(a, r.name, ` + strings.Repeat(`cel.bind(a, a + a, `, 40) + `a != ""` + strings.Repeat(")", 41)
	for _, c := range []struct {
		src, body string
		enough    bool
	}{
		// The first two are answered by functions, the others by CEL.
		{`r.groups.all(a, r.groups.all(b, r.groups.all(c, a == b && b == c)))`, groups(200), false},
		{`r.groups.all(a, r.groups.all(b, r.groups.all(c, a == b && b == c)))`, groups(50), true},
		{`r.groups.all(a, r.groups.all(b, r.groups.all(c, a.trim() == b && b == c)))`, groups(200), false},
		{`r.groups.all(a, r.groups.all(b, r.groups.all(c, a.trim() == b && b == c)))`, groups(20), true},
		{double, groups(1), false},
	} {
		got := eval(t, env, c.src, c.body, nil)
		if c.enough && got.Answer != expr.True || !c.enough && (got.Answer != expr.Unknown || !strings.Contains(got.Reason, "more work than one record is allowed")) {
			t.Errorf("%.80s of %d bytes is %s (%s)", c.src, len(c.body), got.Answer, got.Reason)
		}
	}
	p, err := expr.Compile(env, `string(r.groups.map(a, r.groups.map(b, r.groups.map(c, c))).size())`)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := p.Text(docs(t, groups(200))[0], nil); err == nil || !strings.Contains(err.Error(), "more work") {
		t.Errorf("a text of too much work is %q, %v", text, err)
	}
}

func TestConjuncts(t *testing.T) {
	env := environment(t)
	for _, c := range []struct {
		src  string
		want string
		all  bool
	}{
		{`r.name == "x"`, `name == [x]`, true},
		{`"x" == r.name && 5 < r.uid`, `name == [x]; uid > [5]`, true},
		{`r.admin && !r.admin`, `admin == [true]; admin == [false]`, true},
		{`r.name in ["a","b"] && r.load >= 1.5`, `name in [a b]; load >= [1.5]`, true},
		{`"wheel" in r.groups`, `groups contains [wheel]`, true},
		{`r.name.startsWith("x") && r.uid != 3`, `name prefix [x]; uid != [3]`, true},
		{`r.seen >= timestamp("2026-01-01T00:00:00Z")`, `seen >= [2026-01-01 00:00:00 +0000 UTC]`, true},
		{`r.name.contains("x") && lower(r.name).contains("y") && r.name.lower().contains("z")`, `name within [x]; name folded [y]; name folded [z]`, true},
		{`r.name == "x" && (r.admin || r.uid == 1)`, `name == [x]`, false},
		{`r.address.city == "x"`, ``, false},
		{`has(r.name)`, ``, false},
		{`r.name == null`, ``, false},
		{`r.name == lower("X")`, ``, false},
		{`age(r.seen) > 3 && r.admin`, `admin == [true]`, false},
		{`r.keys.exists(r, r.id == "x")`, ``, false},
	} {
		p, err := expr.CompileTest(env, c.src)
		if err != nil {
			t.Fatal(err)
		}
		list, all := p.Conjuncts()
		var parts []string
		for _, x := range list {
			parts = append(parts, x.Field+" "+x.Op+" "+strings.TrimSpace(fmt.Sprint(x.Values)))
		}
		if got := strings.Join(parts, "; "); got != c.want || all != c.all {
			t.Errorf("%s: %q %v, want %q %v", c.src, got, all, c.want, c.all)
		}
	}
}

func TestSettingsServeSeveralAtOnce(t *testing.T) {
	ts, err := expr.NewTypes(user)
	if err != nil {
		t.Fatal(err)
	}
	env, err := ts.Env(expr.Options{Record: "host_user", Settings: []expr.Field{{Name: "form", Type: expr.Text, List: true}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := expr.CompileTest(env, `settings.form.exists(f, r.name == f)`)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		settings := docs(t, `{"form":["\\\\\\\\a"]}`)[0].Share()
		done := make(chan expr.Value)
		for range 4 {
			go func() {
				var d expr.Doc
				d.Parse([]byte(`{"name":"\\\\\\\\a"}`))
				done <- p.Eval(&d, &expr.Scope{Settings: settings})
			}()
		}
		for range 4 {
			if got := <-done; got.Answer != expr.True {
				t.Fatal(got)
			}
		}
	}
}

func TestProgramsServeSeveralAtOnce(t *testing.T) {
	env := environment(t)
	p, err := expr.CompileTest(env, `r.name == "ada" && r.keys.all(k, k.active) && age(r.seen) < 90 && r.missing_is_not_declared_here`)
	if err == nil {
		t.Fatal("an undeclared field compiles")
	}
	if p, err = expr.CompileTest(env, `r.name == "ada" && r.keys.all(k, k.active) && age(r.seen) < 90`); err != nil {
		t.Fatal(err)
	}
	done := make(chan string)
	for i := range 4 {
		go func() {
			body := fmt.Sprintf(`{"name":"ada","keys":[{"active":%v}],"seen":"2026-01-01T00:00:00Z"}`, i%2 == 0)
			if i == 3 {
				body = `{"name":"ada","keys":[{"active":null}],"seen":"2026-01-01T00:00:00Z"}`
			}
			want := []expr.Answer{expr.True, expr.False, expr.True, expr.Unknown}[i]
			var d expr.Doc
			for range 2000 {
				if err := d.Parse([]byte(body)); err != nil {
					done <- err.Error()
					return
				}
				sc := &expr.Scope{Now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
				if got := p.Eval(&d, sc); got.Answer != want {
					done <- fmt.Sprintf("%s: %v", body, got)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if s := <-done; s != "" {
			t.Error(s)
		}
	}
}

func TestAConditionOfAnotherRecordIsAskedOfThisOne(t *testing.T) {
	env := environment(t)
	asked := ""
	sc := &expr.Scope{Fits: func(text string) (expr.Answer, string) {
		asked = text
		switch text {
		case "yes":
			return expr.True, ""
		case "no":
			return expr.False, ""
		}
		return expr.Unknown, "The condition is odd."
	}}
	for body, want := range map[string]expr.Value{
		`{"name":"yes"}`:   {Answer: expr.True},
		`{"name":"no"}`:    {Answer: expr.False},
		`{"name":"other"}`: {Reason: "The condition is odd."},
	} {
		if got := eval(t, env, `fits(r.name)`, body, sc); got != want {
			t.Errorf("%s: %+v", body, got)
		}
	}
	if asked == "" {
		t.Error("the condition was not asked")
	}
	if got := eval(t, env, `fits(r.name)`, `{"name":"yes"}`, nil); got.Answer != expr.Unknown {
		t.Errorf("nobody can ask, and the answer is %s", got.Answer)
	}
	p, err := expr.CompileTest(env, `fits("r.admin")`)
	if err != nil || !p.Fits || !strings.Contains(strings.Join(p.Fields, " "), "admin") {
		t.Errorf("a condition may read any field, and the program says %v %v", p.Fields, err)
	}
}

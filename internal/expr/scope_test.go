package expr_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/expr"
)

// people is a Source over a fixed list.
type people struct{ docs []*expr.Doc }

func (p people) Find(kind, field string, value any, _ bool) ([]*expr.Doc, error) {
	if kind != "person" {
		return nil, fmt.Errorf("there is no list of %s", kind)
	}
	ts, _ := expr.NewTypes(person)
	env, _ := ts.Env(expr.Options{Record: "person", Vars: []expr.Field{{Name: "want", Type: expr.JSON}}})
	match, err := expr.Compile(env, "r."+field+" == want")
	if err != nil {
		return nil, err
	}
	var out []*expr.Doc
	for _, d := range p.docs {
		if match.Eval(d, &expr.Scope{Vars: map[string]any{"want": value}}).Answer == expr.True {
			out = append(out, d)
		}
	}
	return out, nil
}

func docs(t testing.TB, bodies ...string) (out []*expr.Doc) {
	t.Helper()
	for _, b := range bodies {
		d, err := expr.Parse([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func TestLookupSaysWhetherTheAnswerRestsOnAbsence(t *testing.T) {
	env := environment(t)
	source := people{docs(t, `{"email":"ada","end":"2026-01-31","n":1}`, `{"email":"bob","n":2}`, `{"email":"bob","n":3}`)}
	for _, c := range []struct {
		src     string
		want    expr.Answer
		absence bool
		reason  string
	}{
		{`find("person", "email", r.name).exists(p, p.n == 1)`, expr.True, false, ""},
		{`find("person", "email", r.name).exists(p, p.n == 2)`, expr.False, true, ""},
		{`find("person", "email", r.name).all(p, p.n == 2)`, expr.False, false, ""},
		{`find("person", "email", r.name).all(p, p.n == 1)`, expr.True, true, ""},
		{`find("person", "email", "bob").exists(p, p.n == 3)`, expr.True, false, ""},
		{`find("person", "email", "bob").exists(p, p.n == 2)`, expr.True, false, ""},
		{`find("person", "email", "bob").all(p, p.n == 2)`, expr.False, false, ""},
		{`find("person", "email", "bob").exists_one(p, p.n == 2)`, expr.True, true, ""},
		{`find("person", "email", "bob").filter(p, p.n == 2).exists(p, p.n == 2)`, expr.True, true, ""},
		{`size(find("person", "email", "bob")) == 2`, expr.True, true, ""},
		{`find("person", "email", r.name).size() == 1`, expr.True, true, ""},
		{`find("person", "email", "eve").size() == 0`, expr.True, true, ""},
		{`find("person", "email", "bob").exists(p, p.end == "x")`, expr.Unknown, true, "end of person is missing"},
		{`find("person", "email", r.name)[0].n == 1`, expr.True, true, ""},
		{`(find("person", "email", r.name) + find("person", "email", "bob")).size() == 3`, expr.True, true, ""},
		{`one("person", "email", r.name).end == "2026-01-31"`, expr.True, true, ""},
		{`one("person", "email", "eve").end == "x"`, expr.Unknown, true, "There is no person whose email is eve."},
		{`one("person", "email", "bob").n > 0`, expr.Unknown, true, "There are 2 of person whose email is bob"},
		{`find("host_user", "name", "x").size() == 0`, expr.Unknown, true, "there is no list of host_user"},
		{`find("person", "n", r.uid).exists(p, p.email == "ada")`, expr.True, false, ""},
		{`find("person", "email", r.address.city).size() == 0`, expr.Unknown, false, "address"},
	} {
		sc := &expr.Scope{Source: source}
		got := eval(t, env, c.src, `{"name":"ada","uid":1}`, sc)
		absence := false
		for _, r := range sc.Reads {
			absence = absence || r.Absence
		}
		if got.Answer != c.want || absence != c.absence || !strings.Contains(got.Reason, c.reason) {
			t.Errorf("%s: %s (%s) absence %v, want %s (%s) %v", c.src, got.Answer, got.Reason, absence, c.want, c.reason, c.absence)
		}
	}
	got := eval(t, env, `people.exists(p, p.n == 1)`, `{}`, &expr.Scope{Vars: map[string]any{"people": expr.Rows{Docs: source.docs}}})
	if got.Answer != expr.True {
		t.Errorf("rows given as a variable: %v", got)
	}
}

func TestClockSaysWhenTheAnswerFlips(t *testing.T) {
	env := environment(t)
	at := func(s string) time.Time {
		m, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	us := time.Microsecond
	now := at("2026-03-01T00:00:00Z")
	for _, c := range []struct {
		src, body string
		want      expr.Answer
		clock     bool
		flip      time.Time
	}{
		{`age(r.seen) < 90`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.True, true, at("2026-04-01T00:00:00Z")},
		{`age(r.seen) <= settings.days`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.True, true, at("2026-01-31T00:00:00Z").Add(59*24*time.Hour - 29*24*time.Hour + 30*24*time.Hour + us)},
		{`90 > age(r.seen)`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.True, true, at("2026-04-01T00:00:00Z")},
		{`age(r.seen) > 90`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.False, true, at("2026-04-01T00:00:00Z").Add(us)},
		{`age(r.seen) >= 59`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.True, true, time.Time{}},
		{`age(r.seen) > 59`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.False, true, now.Add(us)},
		{`age(r.seen) <= 59`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.True, true, now.Add(us)},
		{`age(r.seen) > 1`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.True, true, time.Time{}},
		{`age(r.ends) > 0.5`, `{"ends":"2026-03-02"}`, expr.False, true, at("2026-03-02T12:00:00Z").Add(us)},
		{`age(r.seen) < 90 && age(r.ends) < 10`, `{"seen":"2026-01-01T00:00:00Z","ends":"2026-02-27"}`, expr.True, true, at("2026-03-09T00:00:00Z")},
		{`age(r.seen) * 2.0 > 100.0`, `{"seen":"2026-01-01T00:00:00Z"}`, expr.True, true, now.Add(time.Hour)},
		{`due(r.ends, "3mo")`, `{"ends":"2025-11-30"}`, expr.True, true, time.Time{}},
		{`due(r.ends, "1y")`, `{"ends":"2025-11-30"}`, expr.False, true, at("2026-11-30T00:00:00Z")},
		{`due(r.ends, 90)`, `{"ends":"2026-01-01"}`, expr.False, true, at("2026-04-01T00:00:00Z")},
		{`due(r.ends, "x")`, `{"ends":"2026-01-01"}`, expr.Unknown, true, time.Time{}},
		{`due(r.ends, "1mo")`, `{"ends":"2026-01-31"}`, expr.True, true, time.Time{}},
		{`business_days("2026-12-23", "2026-12-28") == 2`, `{}`, expr.True, false, time.Time{}},
		{`business_days("2026-12-28", "2026-12-23") == -2`, `{}`, expr.True, false, time.Time{}},
		{`business_days(r.ends) > 3`, `{"ends":"2026-02-27"}`, expr.False, true, at("2026-03-02T00:00:00Z")},
		{`age(r.seen) < 90`, `{}`, expr.Unknown, false, time.Time{}},
		{`age(r.name) < 90`, `{"name":"soon"}`, expr.Unknown, false, time.Time{}},
		{`r.admin || age(r.seen) < 90`, `{"admin":true}`, expr.True, false, time.Time{}},
	} {
		sc := &expr.Scope{Now: now, Settings: docs(t, `{"days":89}`)[0]}
		got := eval(t, env, c.src, c.body, sc)
		if strings.Contains(c.src, "settings") {
			c.flip = at("2026-01-01T00:00:00Z").Add(89*24*time.Hour + us)
		}
		if got.Answer != c.want || !sc.Flip.Equal(c.flip) || c.want != expr.Unknown && sc.Clock != c.clock {
			t.Errorf("%s of %s: %s (%s), clock %v, flips %v; want %s %v %v", c.src, c.body, got.Answer, got.Reason, sc.Clock, sc.Flip, c.want, c.clock, c.flip)
		}
		if !c.flip.IsZero() && c.flip.After(now) {
			before := eval(t, env, c.src, c.body, &expr.Scope{Now: c.flip.Add(-us), Settings: sc.Settings})
			if before.Answer != c.want {
				t.Errorf("%s: the answer changed before its flip", c.src)
			}
		}
	}
	if got := eval(t, env, `age(r.seen) < 90`, `{"seen":"2026-01-01T00:00:00Z"}`, nil); got.Answer != expr.Unknown {
		t.Errorf("without a clock: %v", got)
	}
	ts, _ := expr.NewTypes(user)
	timeless, _ := ts.Env(expr.Options{Record: "host_user", Timeless: true})
	if _, err := expr.Compile(timeless, `age(r.seen) < 3`); err == nil {
		t.Error("a timeless environment reads the clock")
	}
}

func TestFlipIsWhereTheAnswerChanges(t *testing.T) {
	env := environment(t)
	for _, src := range []string{`age(r.seen) < 90`, `age(r.seen) <= 90`, `age(r.seen) > 90`, `age(r.seen) >= 90`, `due(r.seen, "90d")`, `90.5 < age(r.seen)`} {
		sc := &expr.Scope{Now: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}
		body := `{"seen":"2026-01-01T12:34:56.789012Z"}`
		first := eval(t, env, src, body, sc)
		second := eval(t, env, src, body, &expr.Scope{Now: sc.Flip})
		before := eval(t, env, src, body, &expr.Scope{Now: sc.Flip.Add(-time.Microsecond)})
		if first.Answer == expr.Unknown || first.Answer != before.Answer || first.Answer == second.Answer {
			t.Errorf("%s: %v, just before the flip %v, at it %v", src, first, before, second)
		}
	}
}

func TestAddressesAndVersions(t *testing.T) {
	env := environment(t)
	for src, want := range map[string]expr.Answer{
		`cidr_contains("10.0.0.0/8", "10.1.2.3")`: expr.True, `cidr_contains("10.0.0.0/8", "10.1.0.0/16")`: expr.True,
		`cidr_contains("10.1.0.0/16", "10.0.0.0/8")`: expr.False, `cidr_contains("0.0.0.0/0", "::1")`: expr.False,
		`cidr_contains("10.0.0.0/8", "::ffff:10.1.2.3")`: expr.True, `cidr_contains("ten", "10.1.2.3")`: expr.Unknown,
		`cidr_contains("10.0.0.0/8", "*")`: expr.Unknown, `is_cidr("0.0.0.0/0")`: expr.True, `is_cidr("10.0.0.1")`: expr.False,
		`is_ip("fe80::1%eth0")`: expr.True, `is_public_ip("8.8.8.8")`: expr.True, `is_public_ip("100.64.1.1")`: expr.False,
		`is_private_ip("127.0.0.1")`: expr.True, `is_private_ip("::ffff:192.168.1.1")`: expr.True, `is_private_ip("x")`: expr.Unknown,
		`semver_compare("1.10.0", "v1.9") > 0`: expr.True, `semver_compare("1.0.0-rc1", "1.0.0") < 0`: expr.True, `semver_compare("one", "1") < 0`: expr.Unknown,
		`"ÄÖ".lower() == "äö"`: expr.True,
	} {
		if got := eval(t, env, src, `{}`, nil); got.Answer != want {
			t.Errorf("%s is %v, want %s", src, got, want)
		}
	}
}

package check_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

func kinds() []*record.Kind {
	account := func(email string) []record.View {
		return []record.View{{Name: "account", Where: `r.human`, Fields: map[string]string{"email": email, "active": "!r.locked"}}}
	}
	return []*record.Kind{
		{Name: "host_user", Collected: true, Fields: []record.Field{
			{Name: "name", Type: record.Text}, {Name: "mail", Type: record.Email}, {Name: "locked", Type: record.Bool}, {Name: "human", Type: record.Bool},
			{Name: "mfa", Type: record.Bool}, {Name: "changed", Type: record.Time}, {Name: "groups", Type: record.Text, List: true}},
			Views: account(`r.mail`)},
		{Name: "git_user", Collected: true, Fields: []record.Field{
			{Name: "login", Type: record.Text}, {Name: "locked", Type: record.Bool}, {Name: "human", Type: record.Bool}},
			Views: account(`r.login + "@example.org"`)},
		{Name: "person", Fields: []record.Field{{Name: "email", Type: record.Email}, {Name: "end", Type: record.Date}, {Name: "manager", Type: record.Ref, Refers: "person"}}},
	}
}

func words(t testing.TB) *check.Vocabulary {
	t.Helper()
	v, err := check.NewVocabulary(kinds()...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const multiFactor = `id: HOST-01
title: People have multi-factor
for: host_user
where: r.human
expect: r.mfa
because: '"user " + r.name + " can sign in without a second factor"'
severity: critical
controls: [AC-06]
why: A password alone can be stolen.
fix: {cli: enrol the user}
examples:
  - {name: no device, record: {name: bob, human: true, mfa: false}, expect: fail}
  - {name: device, record: {name: bob, human: true, mfa: true}, expect: pass}
  - {name: not read, record: {name: bob, human: true}, expect: unknown}
  - {name: a machine, record: {name: bob, human: false}, expect: not_applicable}
`

const leavers = `id: JOIN-01
title: Leavers have no active account
for: person
where: r.end != null && age(r.end) > settings.days
let:
  accounts: account by email = r.email
expect: accounts.all(a, !a.active)
because: '"the account of " + r.email + " is still active"'
severity: high
settings: {days: 1}
why: Access ends with the work.
fix:
  console: lock the account
max_gap: 36h
examples:
  - name: still active
    record: {email: bob@example.org, end: 2025-12-01}
    others: {host_user: [{mail: bob@example.org, human: true, locked: false}]}
    expect: fail
  - name: found although nothing else was read completely
    record: {email: bob@example.org, end: 2025-12-01}
    others: {account: [{email: bob@example.org, active: true}]}
    expect: fail
  - name: locked
    record: {email: bob@example.org, end: 2025-12-01}
    others: {host_user: [{mail: bob@example.org, human: true, locked: true}], git_user: [{login: bob, human: true, locked: true}]}
    expect: pass
  - name: no provider
    record: {email: bob@example.org, end: 2025-12-01}
    expect: unknown
  - name: just left
    record: {email: bob@example.org, end: 2025-12-31}
    expect: not_applicable
  - name: a longer grace
    record: {email: bob@example.org, end: 2025-12-01}
    settings: {days: 60}
    expect: not_applicable
  - name: still here
    record: {email: bob@example.org, end: null}
    expect: not_applicable
  - name: later
    record: {email: bob@example.org, end: 2025-12-31}
    now: "2026-02-01T00:00:00Z"
    others: {account: []}
    expect: pass
  - name: lock unknown
    record: {email: bob@example.org, end: 2025-12-01}
    others: {host_user: [{mail: bob@example.org, human: true}]}
    expect: unknown
`

const overView = `id: ACC-01
title: Accounts have an address
for: account
expect: r.email.endsWith("@example.org") && find("person", "key", key).size() >= 0
because: '"the account " + label + " is foreign"'
severity: low
why: Foreign accounts belong to nobody.
fix: {console: remove it}
examples:
  - {name: ours, record: {email: a@example.org, active: true}, others: {person: []}, expect: pass}
  - {name: through git, kind: git_user, record: {login: a, human: true, locked: false}, others: {person: []}, expect: pass}
  - {name: foreign, kind: host_user, record: {mail: a@b.c, human: true, locked: false}, expect: fail}
  - {name: robot, kind: git_user, record: {login: a, human: false}, expect: not_applicable}
  - {name: cannot tell, kind: git_user, record: {login: a}, expect: unknown}
  - {name: no login, kind: git_user, record: {human: true}, expect: unknown}
  - {name: nobody read, record: {email: a@example.org}, expect: unknown}
`

func TestExamplesHold(t *testing.T) {
	for _, text := range []string{multiFactor, leavers, overView} {
		if _, err := check.Read(words(t), check.Rules{Controls: map[string]bool{"AC-06": true}, Unknown: true}, "a.yaml", []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown key":              {"severity: critical", "severity: critical\nsevrity: low", `a.yaml:8:1: a check has no field "sevrity"`},
		"twice":                    {"severity: critical", "severity: critical\nseverity: low", `a.yaml:8:1: severity is there twice`},
		"bad severity":             {"severity: critical", "severity: grave", `a.yaml:7:11: the severity "grave"`},
		"bad id":                   {"id: HOST-01", "id: host one", `a.yaml:1:5: the id "host one"`},
		"unknown kind":             {"for: host_user", "for: hosts", `a.yaml:3:6: There is no kind or view named "hosts"`},
		"unknown field":            {"expect: r.mfa", "expect: r.mfaa", `a.yaml:5:11: there is no field mfaa declared in host_user; did you mean mfa?`},
		"unknown field in has":     {"where: r.human", "where: r.human && has(r.humam)", `a.yaml:4:25: there is no field humam`},
		"unknown field in because": {"r.name +", "r.nam +", `a.yaml:6:23: there is no field nam`},
		"unknown field in a block": {"expect: r.mfa", "expect: |\n  r.mfa &&\n    r.mfaa", `a.yaml:7:7: there is no field mfaa`},
		"not a test":               {"expect: r.mfa", "expect: r.name", `a.yaml:5:9: this is text`},
		"because is no text":       {`'"user " + r.name + " can sign in without a second factor"'`, "r.mfa", `a.yaml:6:10: because makes a sentence`},
		"unknown control":          {"AC-06", "AC-66", `a.yaml:8:12: there is no control "AC-66"`},
		"no failing example":       {"expect: fail", "expect: pass", `expects fail`},
		"no unknown example":       {"expect: unknown", "expect: pass", `and one that is unknown`},
		"wrong example":            {"mfa: true}, expect: pass", "mfa: false}, expect: pass", `a.yaml:13:5: the example "device" of HOST-01 should be pass, and is fail (User bob can sign in without a second factor.)`},
		"misspelt example":         {"mfa: false}", "mfaa: false}", `a.yaml:12:56: there is no field "mfaa" declared in host_user`},
		"bad expect":               {"expect: fail", "expect: failed", `expect is one of pass, fail, unknown, not_applicable`},
		"no why":                   {"why: A password alone can be stolen.\n", "", `a.yaml:1:1: the check has no why`},
		"empty why":                {"why: A password alone can be stolen.", "why: ''", `a.yaml:9:6: text is needed here, and it is empty`},
		"two documents":            {"id: HOST-01", "id: HOST-01\n---\nid: HOST-02", "second document"},
		"not yaml":                 {"title: People", "title: [", "this is not YAML"},
		"empty":                    {multiFactor, "", "a.yaml:1:1: this is not YAML: the file is empty"},
		"anchor":                   {"title: People", "title: &a People", "anchors and aliases"},
		"others not joined":        {"mfa: true}, expect: pass", "mfa: true}, others: {person: []}, expect: pass", "the check does not look up person"},
		"bad gap":                  {"severity: critical", "severity: critical\nmax_gap: soon", "max_gap is a number with m, h, d or w"},
		"unknown setting":          {"expect: r.mfa", "expect: r.mfa && settings.x", "there is no field x declared in settings"},
		"bad let":                  {"expect: r.mfa", "expect: r.mfa\nlet: {a: person}", "a.yaml:6:10: let is written KIND by FIELD = VALUE"},
		"let of unknown field":     {"expect: r.mfa", "expect: r.mfa\nlet: {a: person by mail = r.mail}", `there is no field "mail" declared in person`},
		"let of another type":      {"expect: r.mfa", "expect: r.mfa\nlet: {a: person by email = r.mfa}", `of another type than the field email of person`},
		"let with unknown value":   {"expect: r.mfa", "expect: r.mfa\nlet: {a: person by email = r.emial}", `a.yaml:6:30: there is no field emial`},
	} {
		text := strings.Replace(multiFactor, c.from, c.to, 1)
		if text == multiFactor {
			t.Fatalf("%s changes nothing", name)
		}
		_, err := check.Read(words(t), check.Rules{Controls: map[string]bool{"AC-06": true}, Unknown: true}, "a.yaml", []byte(text))
		if err == nil || !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestLoadRefusesAnIDTwiceAndNamesEveryBadFile(t *testing.T) {
	library := fstest.MapFS{
		"check/host/a.yaml": {Data: []byte(multiFactor)}, "check/host/b.yaml": {Data: []byte(multiFactor)},
		"check/join/c.yaml": {Data: []byte(strings.Replace(leavers, "a.active", "a.activ", 1))}, "check/readme.md": {Data: []byte("no check")},
	}
	_, err := check.Load(words(t), nil, library, "")
	if err == nil || !strings.Contains(err.Error(), "check/host/b.yaml: the check HOST-01 is already in check/host/a.yaml.") || !strings.Contains(err.Error(), "check/join/c.yaml:7:28: there is no field activ") {
		t.Errorf("%v", err)
	}
	delete(library, "check/host/b.yaml")
	library["check/join/c.yaml"] = &fstest.MapFile{Data: []byte(leavers)}
	set, err := check.Load(words(t), nil, library, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Get("JOIN-01"); err != nil || len(set.Checks()) != 2 || set.Checks()[0].ID != "HOST-01" {
		t.Errorf("%v %v", set, err)
	}
	if _, err := set.Get("JOIN-02"); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	report, err := check.Test(words(t), check.Rules{}, library)
	files, examples, failed := report.Counts()
	if err != nil || !report.OK() || files != 2 || examples != 13 || failed != 0 {
		t.Errorf("%v %d %d %d %+v", err, files, examples, failed, report)
	}
}

// source answers lookups from bodies by kind or view; what is not in covered was not read completely.
type source struct {
	t       testing.TB
	bodies  map[string][]string
	covered map[string]bool
}

func (s source) Covered(name string) (bool, string) {
	return s.covered[name], "The last read of " + name + " failed."
}

func (s source) Find(name, field string, value any, _ bool) (out []*expr.Doc, err error) {
	for _, b := range s.bodies[name] {
		d, err := expr.Parse([]byte(b))
		if err != nil {
			return nil, err
		}
		if d.Holds(field, value) {
			out = append(out, d)
		}
	}
	return out, nil
}

func TestJoinDependsOnCoverage(t *testing.T) {
	head := "id: J-01\ntitle: A join\nfor: person\nseverity: low\nwhy: x\nfix: {cli: x}\nlet: {accounts: account by email = r.email}\nbecause: '\"no\"'\n"
	tail := "\nexamples:\n  - {name: a, record: {email: a}, others: {account: [%s]}, expect: pass}\n  - {name: b, record: {email: a}, others: {account: [%s]}, expect: fail}\n"
	for _, c := range []struct {
		expect, where      string
		passing, failing   string
		body               string // of the account that is there; empty: none
		covered, uncovered check.Status
	}{
		{"accounts.all(a, !a.active)", "", "", "{email: a, active: true}", `{"email":"a","active":true}`, check.Fail, check.Fail},
		{"accounts.all(a, !a.active)", "", "", "{email: a, active: true}", `{"email":"a","active":false}`, check.Pass, check.Unknown},
		{"accounts.all(a, !a.active)", "", "", "{email: a, active: true}", ``, check.Pass, check.Unknown},
		{"accounts.exists(a, a.active)", "", "{email: a, active: true}", "", `{"email":"a","active":true}`, check.Pass, check.Unknown},
		{"accounts.exists(a, a.active)", "", "{email: a, active: true}", "", `{"email":"a","active":false}`, check.Fail, check.Unknown},
		{"accounts.exists(a, a.active)", "", "{email: a, active: true}", "", ``, check.Fail, check.Unknown},
		{"accounts.size() == 1", "", "{email: a}", "", ``, check.Fail, check.Unknown},
		{"accounts.size() == 1", "", "{email: a}", "", `{"email":"a"}`, check.Pass, check.Unknown},
		{"r.email == \"b\" || accounts.size() == 1", "", "{email: a}", "", ``, check.Fail, check.Unknown},
		{"r.email == \"a\" || accounts.size() == 1", "", "", "", ``, check.Pass, check.Pass},
	} {
		tail := tail
		if c.passing == "" && c.failing == "" {
			tail = "\nexamples:\n  - {name: a, record: {email: a}, others: {account: [%s]}, expect: pass}\n  - {name: b, record: {email: b}, others: {account: [%s]}, expect: fail}\n"
		}
		text := head + "expect: " + fmt.Sprintf("%q", c.expect) + fmt.Sprintf(tail, c.passing, c.failing)
		k, err := check.Read(words(t), check.Rules{}, "j.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := expr.Parse([]byte(`{"email":"a"}`))
		bodies := map[string][]string{}
		if c.body != "" {
			bodies["account"] = []string{c.body}
		}
		for covered, want := range map[bool]check.Status{true: c.covered, false: c.uncovered} {
			got := k.Evaluate(check.Subject{Kind: "person", Doc: doc}, time.Now(), source{t, bodies, map[string]bool{"account": covered}})
			if got.Status != want {
				t.Errorf("%s with %q, covered %v: %s (%s), want %s", c.expect, c.body, covered, got.Status, got.Reason, want)
			}
			if got.Status == check.Unknown && got.Reason != "The last read of account failed." {
				t.Errorf("%s: the reason is %q", c.expect, got.Reason)
			}
		}
	}
}

func TestClockAndFlipComeWithTheResult(t *testing.T) {
	k, err := check.Read(words(t), check.Rules{}, "j.yaml", []byte(leavers))
	if err != nil {
		t.Fatal(err)
	}
	doc, _ := expr.Parse([]byte(`{"email":"a","end":"2026-03-01"}`))
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	src := source{t, nil, map[string]bool{"account": true}}
	got := k.Evaluate(check.Subject{Kind: "person", Doc: doc}, now, src)
	flip := time.Date(2026, 3, 2, 0, 0, 0, 1000, time.UTC)
	if got.Status != check.NotApplicable || !got.Clock || !got.Flip.Equal(flip) {
		t.Errorf("%+v", got)
	}
	if got = k.Evaluate(check.Subject{Kind: "person", Doc: doc}, flip, src); got.Status != check.Pass || len(got.Joins) != 1 {
		t.Errorf("%+v", got)
	}
	if !k.Clock || len(k.Joins) != 1 || k.Joins[0] != "account" || k.MaxGap != 36*time.Hour {
		t.Errorf("%v %v %v", k.Clock, k.Joins, k.MaxGap)
	}
}

func TestSettingsAndLogicMakeTheHash(t *testing.T) {
	read := func(text string) *check.Check {
		t.Helper()
		k, err := check.Read(words(t), check.Rules{}, "j.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k := read(leavers)
	same := read(strings.Replace(leavers, "Access ends with the work.", "Access ends.", 1))
	logic := read(strings.Replace(leavers, "!a.active)", "!a.active || false)", 1))
	set, err := k.With(map[string]any{"days": float64(30)})
	if err != nil {
		t.Fatal(err)
	}
	if same.Hash != k.Hash || logic.Hash == k.Hash || set.Hash == k.Hash || set.SettingsJSON() != `{"days":30}` || k.SettingsJSON() != `{"days":1}` {
		t.Errorf("%x %x %x %x %s %s", k.Hash, same.Hash, logic.Hash, set.Hash, set.SettingsJSON(), k.SettingsJSON())
	}
	for _, bad := range []map[string]any{{"days": "one"}, {"days": 1.5}, {"day": int64(1)}} {
		if _, err := k.With(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestViewThatDoesNotCompileIsRefused(t *testing.T) {
	ks := kinds()
	ks[0].Views[0].Fields["email"] = "r.email"
	if _, err := check.NewVocabulary(ks...); err == nil || !strings.Contains(err.Error(), "view account of kind host_user, field email") {
		t.Error(err)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	k, err := check.Read(words(b), check.Rules{}, "a.yaml", []byte(multiFactor))
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"name":"ada","mail":"ada@example.org","locked":false,"human":true,"mfa":true,"changed":"2026-01-01T00:00:00Z","groups":["a","b"],"shell":"/bin/sh","home":"/home/ada"}`)
	var doc expr.Doc
	src := source{b, nil, nil}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if doc.Parse(body) != nil || k.Evaluate(check.Subject{Kind: "host_user", Key: "ada", Doc: &doc}, now, src).Status != check.Pass {
			b.Fatal("no pass")
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	w := words(b)
	for b.Loop() {
		if _, err := check.Read(w, check.Rules{}, "a.yaml", []byte(leavers)); err != nil {
			b.Fatal(err)
		}
	}
}

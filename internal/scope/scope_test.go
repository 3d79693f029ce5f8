package scope

import (
	"encoding/json"
	"strings"
	"testing"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/system"
)

func kinds(t *testing.T) *record.Kinds {
	t.Helper()
	ks, err := record.NewKinds(
		record.Kind{Name: "account", Collected: true, Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "admin", Type: record.Bool}}},
		record.Kind{Name: "disk", Collected: true, Fields: []record.Field{{Name: "size", Type: record.Integer}}})
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

func TestARecordBelongsOnTheDaysThatTheBoundarySays(t *testing.T) {
	prod := system.System{Key: "production", Components: []system.Component{
		{Type: "procedure", Name: "on call", From: "2020-01-01"},
		{Type: "infrastructure", Name: "web", Source: "web1", From: "2026-02-01", To: "2026-03-31"},
		{Type: "software", Name: "administrators", Kinds: []string{"account"}, Where: "r.admin", From: "2026-05-01"},
		{Type: "infrastructure", Name: "scratch", Source: "web1", Kinds: []string{"disk"}, Where: "r.size < 5", Outside: "thrown away each night", From: "2026-03-01", To: "2026-03-31"},
		{Type: "infrastructure", Name: "anything large", Source: "store", Where: "r.size > 10", From: "2026-05-01"},
	}}
	b, err := Of(kinds(t), prod)
	if err != nil {
		t.Fatal(err)
	}
	version := func(kind, source, body string) record.Version {
		return record.Version{Kind: kind, Source: source, Body: json.RawMessage(body)}
	}
	for name, c := range map[string]struct {
		v           record.Version
		first, last string
		want        expr.Answer
	}{
		"the day before":              {version("disk", "web1", `{}`), "2026-01-31", "2026-01-31", expr.False},
		"the first day":               {version("disk", "web1", `{}`), "2026-02-01", "2026-02-01", expr.True},
		"the last day":                {version("disk", "web1", `{"size":9}`), "2026-03-31", "2026-03-31", expr.True},
		"said to be outside":          {version("disk", "web1", `{"size":4}`), "2026-03-01", "2026-03-31", expr.False},
		"before it was outside":       {version("disk", "web1", `{"size":4}`), "2026-02-28", "2026-02-28", expr.True},
		"outside on some of the days": {version("disk", "web1", `{"size":4}`), "2026-02-28", "2026-03-31", expr.True},
		"perhaps outside":             {version("disk", "web1", `{}`), "2026-03-31", "2026-03-31", expr.Unknown},
		"the day after":               {version("disk", "web1", `{}`), "2026-04-01", "2026-04-01", expr.False},
		"a window over it":            {version("disk", "web1", `{}`), "2026-01-01", "2026-12-31", expr.True},
		"a window beside it":          {version("disk", "web1", `{}`), "2026-04-01", "2026-04-30", expr.False},
		"another source":              {version("disk", "web2", `{}`), "2026-02-01", "2026-02-01", expr.False},
		"the condition holds":         {version("account", "any", `{"admin":true}`), "2026-05-01", "2026-05-01", expr.True},
		"it does not":                 {version("account", "any", `{"admin":false}`), "2026-05-01", "2026-05-01", expr.False},
		"it cannot be told":           {version("account", "any", `{"name":"x"}`), "2026-05-01", "2026-05-01", expr.Unknown},
		"before the condition is one": {version("account", "any", `{"admin":true}`), "2026-04-30", "2026-04-30", expr.False},
		"a kind without the field":    {version("account", "store", `{"admin":false}`), "2026-05-01", "2026-05-01", expr.Unknown},
		"of the same source, with it": {version("disk", "store", `{"size":11}`), "2026-05-01", "2026-05-01", expr.True},
	} {
		if got, why := b.Holds(c.v, c.first, c.last); got != c.want || (why == "") == (got == expr.Unknown) {
			t.Errorf("%s: %v %q", name, got, why)
		}
	}
}

func TestABoundarySpeaksOfWhatIsInsideAndOfWhatIsOutside(t *testing.T) {
	b, err := Of(kinds(t), system.System{Key: "s", Components: []system.Component{
		{Name: "web", Source: "web1", From: "2026-02-01"}, {Name: "lab", Source: "lab", Outside: "holds no customer's data", From: "2026-02-01", To: "2026-02-28"},
		{Name: "words", From: "2020-01-01"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[[2]string]expr.Answer{
		{"web1", "2026-02-01"}: expr.True, {"web1", "2026-01-31"}: expr.False, {"lab", "2026-02-28"}: expr.True, {"lab", "2026-03-01"}: expr.False, {"other", "2026-02-01"}: expr.False,
	} {
		if got, _ := b.Placed(record.Version{Kind: "disk", Source: at[0], Body: json.RawMessage(`{}`)}, at[1]); got != want {
			t.Errorf("%v: %v", at, got)
		}
	}
}

func TestAConditionThatDoesNotWorkIsRefused(t *testing.T) {
	for name, c := range map[string]system.Component{
		"a field that is not declared": {Name: "c", Kinds: []string{"disk"}, Where: "r.admin", From: "2026-01-01"},
		"no condition at all":          {Name: "c", Kinds: []string{"disk"}, Where: "r.size +", From: "2026-01-01"},
		"a kind there is not":          {Name: "c", Kinds: []string{"dish"}, From: "2026-01-01"},
	} {
		if _, err := Of(kinds(t), system.System{Key: "s", Components: []system.Component{c}}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `"c"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package form

import (
	"net/url"
	"strings"
	"testing"

	"tickmark/internal/record"
)

func TestParseKeepsAbsentApartFromFalseAndEmpty(t *testing.T) {
	fields := []record.Field{{Name: "title", Type: record.Text, Required: true}, {Name: "done", Type: record.Bool}, {Name: "n", Type: record.Integer}, {Name: "tags", Type: record.Text, List: true}, {Name: "state", Type: record.Text, Fixed: true}}
	for _, c := range []struct{ name, in, keep, want string }{
		{"nothing said", "title=A&done=&n=&tags=", "", `{"title":"A"}`},
		{"false is said", "title=A&done=false", "", `{"done":false,"title":"A"}`},
		{"zero is said", "title=A&n=0", "", `{"n":0,"title":"A"}`},
		{"a list by lines", "title=A&tags=x%0D%0A%0D%0A+y+", "", `{"tags":["x","y"],"title":"A"}`},
		{"fixed fields stay", "title=A", `{"title":"B","state":"draft","extra":1.50}`, `{"extra":1.50,"state":"draft","title":"A"}`},
		{"what claims a fixed field is handed on, for the record to refuse", "title=A&state=approved", `{"title":"B","state":"draft"}`, `{"state":"approved","title":"A"}`},
		{"what is cleared goes", "title=A&n=", `{"title":"B","n":3}`, `{"title":"A"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := url.ParseQuery(c.in)
			if err != nil {
				t.Fatal(err)
			}
			body, form, ok := Parse(fields, q, []byte(c.keep))
			if !ok || string(body) != c.want {
				t.Errorf("got %s, %v %+v; want %s", body, ok, form, c.want)
			}
		})
	}
}

func TestParseRefusesBesideTheField(t *testing.T) {
	for _, c := range []struct {
		field record.Field
		typed string
		says  string
	}{
		{record.Field{Type: record.Integer}, "3.5", "whole number"},
		{record.Field{Type: record.Number}, "NaN", "finite"},
		{record.Field{Type: record.Bool}, "maybe", "yes or no"},
		{record.Field{Type: record.Date}, "2026-02-30", "date"},
		{record.Field{Type: record.Time}, "yesterday", "date and time"},
		{record.Field{Type: record.Choice, Choices: []string{"low"}}, "LOW", "one of: low"},
		{record.Field{Type: record.Email}, "Ada <ada@example.org>", "ada@example.org"},
		{record.Field{Type: record.URL}, "example.org", "https://"},
		{record.Field{Type: record.JSON}, `{"a":1} {"b":2}`, "not JSON"},
		{record.Field{Type: record.Integer, List: true}, "1\nx", `"x": Give a whole number`},
		{record.Field{Type: record.Text, Required: true}, " ", "needed"},
	} {
		c.field.Name = "f"
		_, form, ok := Parse([]record.Field{c.field}, url.Values{"f": {c.typed}}, nil)
		if ok || !strings.Contains(form.Inputs[0].Wrong, c.says) {
			t.Errorf("%s %q: %v, %q", c.field.Type, c.typed, ok, form.Inputs[0].Wrong)
		}
	}
}

func TestAListOfObjectsGrowsByOneAndDropsTheEmpty(t *testing.T) {
	fields := []record.Field{{Name: "steps", Type: record.Object, List: true, Fields: []record.Field{{Name: "what", Type: record.Text, Required: true}, {Name: "on", Type: record.Date}}}}
	f := New(fields, []byte(`{"steps":[{"what":"look"}]}`))
	if n := len(f.Inputs[0].Groups); n != 2 {
		t.Fatalf("%d groups, want the one there is and an empty one", n)
	}
	body, _, ok := Parse(fields, url.Values{"steps.0.what": {"look"}, "steps.0.on": {""}, "steps.1.what": {""}, "steps.1.on": {""}, "steps.2.what": {"act"}, "steps.2.on": {"2026-01-01"}}, nil)
	if want := `{"steps":[{"what":"look"},{"on":"2026-01-01","what":"act"}]}`; !ok || string(body) != want {
		t.Errorf("got %s, %v; want %s", body, ok, want)
	}
	if _, form, ok := Parse(fields, url.Values{"steps.0.on": {"2026-01-01"}}, nil); ok || form.Inputs[0].Groups[0][0].Wrong == "" {
		t.Error("an object without its needed field was taken")
	}
}

func TestWhatWasTypedComesBack(t *testing.T) {
	fields := []record.Field{{Name: "n", Type: record.Integer}, {Name: "long", Type: record.Long}}
	_, form, ok := Parse(fields, url.Values{"n": {"x"}, "long": {"a\r\n\r\nb"}}, nil)
	if ok || form.Inputs[0].Value() != "x" || form.Inputs[1].Value() != "a\n\nb" {
		t.Errorf("got %+v", form.Inputs)
	}
}

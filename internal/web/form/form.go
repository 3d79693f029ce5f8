// Package form makes a form out of a kind's declaration and reads it back into a record's body. The one rule: what a person
// did not state is left out of the body, because absent is not false; and what cannot be read is refused beside its field.
package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/record"
)

// Form is a kind's form, filled in or empty.
type Form struct {
	Inputs []Input
	Reason string
	Wrong  string // what is wrong with the whole
}

// Input is one field of it.
type Input struct {
	ID                string // before its element's id, where several forms stand on a page
	Name, Title, Help string
	Type              record.Type
	Required, List    bool
	Choices           []string
	Options           []Option // for references: what may be referred to
	Refers            string
	Values            []string  // as typed; one, or one a line for a list
	Groups            [][]Input // for objects: one set of inputs, or several for a list of objects
	Wrong             string    // what is wrong with it
}

// Option is a record that may be referred to.
type Option struct{ Key, Label string }

// Value is the only or first value as typed.
func (i Input) Value() string {
	if len(i.Values) == 0 {
		return ""
	}
	return i.Values[0]
}

// Lines are the values one a line.
func (i Input) Lines() string { return strings.Join(i.Values, "\n") }

// Has says whether a choice is ticked.
func (i Input) Has(v string) bool { return slices.Contains(i.Values, v) }

// New makes the inputs for the fields a person may fill in, from a body or none. Fixed fields have no input.
func New(fields []record.Field, body []byte) Form {
	var doc map[string]any
	if len(body) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if d.Decode(&doc) != nil {
			doc = nil
		}
	}
	return Form{Inputs: inputs("", fields, doc)}
}

func inputs(prefix string, fields []record.Field, doc map[string]any) []Input {
	var out []Input
	for _, f := range fields {
		if f.Fixed {
			continue
		}
		in := blank(prefix, f)
		v := doc[f.Name]
		switch {
		case f.Type == record.Object && f.List:
			list, _ := v.([]any)
			for i := range len(list) + 1 {
				var e map[string]any
				if i < len(list) {
					e, _ = list[i].(map[string]any)
				}
				in.Groups = append(in.Groups, inputs(fmt.Sprintf("%s.%d.", in.Name, i), f.Fields, e))
			}
		case f.Type == record.Object:
			e, _ := v.(map[string]any)
			in.Groups = [][]Input{inputs(in.Name+".", f.Fields, e)}
		case v == nil:
		case f.List && f.Type != record.JSON:
			list, _ := v.([]any)
			for _, e := range list {
				in.Values = append(in.Values, written(f.Type, e))
			}
		default:
			in.Values = []string{written(f.Type, v)}
		}
		out = append(out, in)
	}
	return out
}

func blank(prefix string, f record.Field) Input {
	title := f.Title
	if title == "" {
		title = sentence(f.Name)
	}
	return Input{Name: prefix + f.Name, Title: title, Help: f.Help, Type: f.Type, Required: f.Required, List: f.List, Choices: f.Choices, Refers: f.Refers}
}

func sentence(name string) string {
	s := strings.ReplaceAll(name, "_", " ")
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func written(t record.Type, v any) string {
	switch x := v.(type) {
	case string:
		if t != record.JSON {
			return x
		}
	case json.Number:
		return x.String()
	case bool:
		return strconv.FormatBool(x)
	case nil:
		return ""
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// Parse reads a submitted form. It returns the body, and the form as typed with what is wrong beside each field; ok when
// nothing is. Keep is the body before, whose fixed and undeclared fields stay.
func Parse(fields []record.Field, in url.Values, keep []byte) (body []byte, form Form, ok bool) {
	p := parser{in: in}
	doc := map[string]any{}
	if len(keep) > 0 {
		d := json.NewDecoder(bytes.NewReader(keep))
		d.UseNumber()
		if err := d.Decode(&doc); err != nil {
			return nil, Form{Wrong: "The record as it stands cannot be read."}, false
		}
	}
	form.Inputs = p.fields("", fields, doc)
	form.Reason = strings.TrimSpace(in.Get("_reason"))
	if p.wrong > 0 {
		return nil, form, false
	}
	body, err := json.Marshal(doc)
	if err != nil {
		form.Wrong = "The form cannot be written as JSON: " + err.Error() + "."
		return nil, form, false
	}
	return body, form, true
}

type parser struct {
	in    url.Values
	wrong int
}

// fields reads the inputs into doc, and returns them as typed.
func (p *parser) fields(prefix string, fields []record.Field, doc map[string]any) []Input {
	var out []Input
	for _, f := range fields {
		if f.Fixed { // no form of ours has it; the record refuses a post that says it otherwise than it stands
			if p.in.Has(prefix + f.Name) {
				doc[f.Name] = p.in.Get(prefix + f.Name)
			}
			continue
		}
		in := blank(prefix, f)
		v := p.field(&in, f)
		if v == nil {
			delete(doc, f.Name)
			if f.Required && in.Wrong == "" {
				in.Wrong = "This is needed."
			}
		} else {
			doc[f.Name] = v
		}
		if in.Wrong != "" {
			p.wrong++
		}
		out = append(out, in)
	}
	return out
}

func (p *parser) field(in *Input, f record.Field) any {
	switch {
	case f.Type == record.Object && f.List:
		var list []any
		for i := 0; ; i++ {
			prefix := fmt.Sprintf("%s.%d.", in.Name, i)
			if !p.posted(prefix) {
				break
			}
			if !p.filled(prefix) {
				continue
			}
			e := map[string]any{}
			in.Groups = append(in.Groups, p.fields(prefix, f.Fields, e))
			list = append(list, e)
		}
		in.Groups = append(in.Groups, inputs(fmt.Sprintf("%s.%d.", in.Name, len(in.Groups)), f.Fields, nil))
		if list == nil {
			return nil
		}
		return list
	case f.Type == record.Object:
		prefix := in.Name + "."
		if !p.filled(prefix) {
			in.Groups = [][]Input{inputs(prefix, f.Fields, nil)}
			return nil
		}
		e := map[string]any{}
		in.Groups = [][]Input{p.fields(prefix, f.Fields, e)}
		return e
	case f.List && f.Type != record.JSON:
		var list []any
		for _, typed := range p.in[in.Name] {
			for _, line := range strings.Split(typed, "\n") {
				line = strings.TrimSpace(line)
				if line == "" {
					continue
				}
				in.Values = append(in.Values, line)
				v, wrong := value(f, line)
				if wrong != "" && in.Wrong == "" {
					in.Wrong = fmt.Sprintf("%q: %s", line, wrong)
				}
				list = append(list, v)
			}
		}
		if list == nil {
			return nil
		}
		return list
	}
	typed := strings.ReplaceAll(p.in.Get(in.Name), "\r\n", "\n")
	if f.Type != record.Long {
		typed = strings.TrimSpace(typed)
	}
	if strings.TrimSpace(typed) == "" {
		return nil
	}
	in.Values = []string{typed}
	v, wrong := value(f, typed)
	in.Wrong = wrong
	return v
}

func (p *parser) posted(prefix string) bool {
	for name := range p.in {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (p *parser) filled(prefix string) bool {
	for name, vs := range p.in {
		if strings.HasPrefix(name, prefix) && strings.TrimSpace(strings.Join(vs, "")) != "" {
			return true
		}
	}
	return false
}

// value reads one typed value; wrong says in a sentence why it cannot be one.
func value(f record.Field, typed string) (v any, wrong string) {
	switch f.Type {
	case record.Integer:
		n, err := strconv.ParseInt(typed, 10, 64)
		if err != nil {
			return typed, "Give a whole number."
		}
		return n, ""
	case record.Number:
		n, err := strconv.ParseFloat(typed, 64)
		if err != nil {
			return typed, "Give a number."
		}
		b, err := json.Marshal(n)
		if err != nil {
			return typed, "Give a finite number."
		}
		return json.Number(b), ""
	case record.Bool:
		b, err := strconv.ParseBool(typed)
		if err != nil {
			return typed, "Choose yes or no."
		}
		return b, ""
	case record.Time:
		return moment(typed)
	case record.Date:
		if _, err := time.Parse("2006-01-02", typed); err != nil {
			return typed, "Give a date as 2026-11-30."
		}
	case record.Choice:
		if !slices.Contains(f.Choices, typed) {
			return typed, "Choose one of: " + strings.Join(f.Choices, ", ") + "."
		}
	case record.Email:
		if a, err := mail.ParseAddress(typed); err != nil || a.Address != typed {
			return typed, "Give an address as ada@example.org."
		}
	case record.URL:
		if u, err := url.Parse(typed); err != nil || u.Scheme == "" || u.Host == "" {
			return typed, "Give a whole address, with https://."
		}
	case record.JSON:
		d := json.NewDecoder(strings.NewReader(typed))
		d.UseNumber()
		if err := d.Decode(&v); err != nil || d.More() {
			return typed, "This is not JSON."
		}
		return v, ""
	}
	return typed, ""
}

// moment reads what a date and time control sends, which has no zone and is taken as UTC, or RFC 3339.
func moment(typed string) (any, string) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, typed); err == nil {
			return t.Format(time.RFC3339Nano), ""
		}
	}
	return typed, "Give a date and time as 2026-11-30T09:00Z."
}

// Called is the name of the record whose key is filled in, where it is another than the key.
func (in Input) Called() string {
	for _, o := range in.Options {
		if o.Key == in.Value() && o.Label != o.Key {
			return o.Label
		}
	}
	return ""
}

// Move is a step of a record's life cycle that may be taken now, with what the person must say, or what stands against it.
type Move struct {
	ID          string // before its elements' ids, where several records stand on a page
	Name, Title string
	Form        Form
	Blocked     string // why this reader cannot take it
	Who         string // who can, when it is blocked
	Unlinked    bool   // it is blocked because the reader is linked to no person
	Seen        string // the version that the reader looks at; empty: not bound to one
	Open        bool   // it was just tried and refused: its form stands open with what was typed
}

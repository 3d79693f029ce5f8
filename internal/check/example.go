package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/expr"
	"tickmark/internal/record"
)

// Example is one record and the answer that the check must give for it.
type Example struct {
	Name     string
	Kind     string // for a check over a view: the kind whose own body Record is; empty: Record is in the view's fields
	Key      string // the record's key, for checks that speak of it
	Source   string // the connection it was read by, for checks that speak of it
	Record   json.RawMessage
	Others   map[string][]json.RawMessage // a kind or view named here was read completely; one that is not, was not read
	Now      time.Time
	Settings map[string]any
	Expect   Status

	Line, Column int
}

// exampleNow is the moment at which examples that name none are judged.
var exampleNow = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *reader) examples(c *Check, n *yaml.Node) {
	seen := map[Status]bool{}
	for _, e := range r.sequence(n, "examples") {
		x := r.example(c, e)
		if r.err != nil {
			return
		}
		if slices.ContainsFunc(c.Examples, func(o Example) bool { return o.Name == x.Name }) {
			r.refuse(e, "the example %q is there twice", x.Name)
		}
		seen[x.Expect] = true
		c.Examples = append(c.Examples, x)
	}
	if r.err != nil {
		return
	}
	need := []Status{Pass, Fail}
	if r.rules.Unknown {
		need = append(need, Unknown)
	}
	for _, s := range need {
		if !seen[s] {
			r.refuse(n, "no example expects %s; a check shows one that passes and one that fails%s", s, map[bool]string{true: ", and one that is unknown"}[r.rules.Unknown])
		}
	}
}

func (r *reader) example(c *Check, n *yaml.Node) Example {
	x := Example{Line: n.Line, Column: n.Column, Now: exampleNow, Others: map[string][]json.RawMessage{}}
	m := r.mapping(n, "an example", "name", "kind", "key", "source", "record", "others", "now", "settings", "expect")
	for _, name := range []string{"name", "record", "expect"} {
		if m[name] == nil {
			r.refuse(n, "the example has no %s", name)
			return x
		}
	}
	x.Name, x.Kind, x.Key, x.Source, x.Expect = r.text(m["name"]), r.text(m["kind"]), r.text(m["key"]), r.text(m["source"]), Status(r.text(m["expect"]))
	if r.err == nil && !slices.Contains(statusWords, string(x.Expect)) {
		r.refuse(m["expect"], "expect is one of %s", strings.Join(statusWords, ", "))
	}
	shape := c.For
	if x.Kind != "" {
		if r.words.offers(c.For, x.Kind) == nil {
			r.refuse(m["kind"], "the kind %q does not offer the view %s", x.Kind, c.For)
			return x
		}
		shape = x.Kind
	}
	x.Record = r.body(m["record"], shape)
	if o := m["others"]; o != nil {
		others := r.mapping(o, "others")
		for _, k := range names(o) {
			if r.err != nil {
				return x
			}
			if err := r.words.known(k.Value); err != nil {
				r.refuse(k, "%s", err.Error())
				return x
			}
			if !r.joined(c, k.Value) {
				r.refuse(k, "the check does not look up %s", k.Value)
			}
			list := []json.RawMessage{}
			for _, e := range r.sequence(others[k.Value], k.Value) {
				list = append(list, r.body(e, k.Value))
			}
			x.Others[k.Value] = list
		}
	}
	if w := m["now"]; w != nil && r.err == nil {
		t, err := time.Parse(time.RFC3339, w.Value)
		if err != nil {
			r.refuse(w, "now is a time with zone, such as \"2026-03-01T00:00:00Z\"")
		}
		x.Now = t
	}
	if s := m["settings"]; s != nil && r.err == nil {
		v, err := decodeExact(r.json(s))
		set, ok := v.(map[string]any)
		if err != nil || !ok {
			r.refuse(s, "settings is a mapping of names to values")
			return x
		}
		x.Settings = set
		for name, value := range set {
			i := slices.IndexFunc(c.Settings, func(st Setting) bool { return st.Name == name })
			if i < 0 {
				r.refuse(s, "the check has no setting %q", name)
			} else if _, err := settingLike(c.Settings[i].Default, value); err != nil {
				r.refuse(s, "the setting %s: %v", name, err)
			}
		}
	}
	return x
}

// joined reports whether the check looks the name up, itself or as a kind behind a view.
func (r *reader) joined(c *Check, name string) bool {
	for _, j := range c.Joins {
		if j == name || slices.ContainsFunc(r.words.Kinds(j), func(k *record.Kind) bool { return k.Name == name }) {
			return true
		}
	}
	return false
}

// body reads a record, whose fields must be declared: a misspelt one would make an example that shows nothing.
func (r *reader) body(n *yaml.Node, of string) json.RawMessage {
	if n == nil || r.err != nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.refuse(n, "a record is a mapping of fields to values")
		return nil
	}
	for _, k := range names(n) {
		if k.Value != expr.Key && !r.words.types().HasField(of, k.Value) {
			r.refuse(k, "there is no field %q declared in %s", k.Value, of)
		}
	}
	return r.json(n)
}

// json gives a node as JSON. What YAML reads as a date or time stays the text that was written.
func (r *reader) json(n *yaml.Node) json.RawMessage {
	var b bytes.Buffer
	r.write(&b, n)
	return b.Bytes()
}

func (r *reader) write(b *bytes.Buffer, n *yaml.Node) {
	if n == nil || r.err != nil {
		return
	}
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		r.refuse(n, "anchors and aliases are not used in checks")
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		m := r.mapping(n, "an object")
		b.WriteByte('{')
		for i, k := range names(n) {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, k.Value)
			b.WriteByte(':')
			r.write(b, m[k.Value])
		}
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			r.write(b, e)
		}
		b.WriteByte(']')
	default:
		r.scalar(b, n)
	}
}

func writeText(b *bytes.Buffer, s string) {
	j, _ := json.Marshal(s)
	b.Write(j)
}

func (r *reader) scalar(b *bytes.Buffer, n *yaml.Node) {
	switch n.ShortTag() {
	case "!!null":
		b.WriteString("null")
	case "!!bool":
		b.WriteString(strconv.FormatBool(strings.EqualFold(n.Value, "true")))
	case "!!int":
		i, err := strconv.ParseInt(n.Value, 0, 64)
		if err == nil {
			b.WriteString(strconv.FormatInt(i, 10))
			return
		}
		if !json.Valid([]byte(n.Value)) {
			r.refuse(n, "the number %s is not written in digits", n.Value)
		}
		b.WriteString(n.Value)
	case "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			r.refuse(n, "the number %s cannot be written in JSON", n.Value)
			return
		}
		if json.Valid([]byte(n.Value)) {
			b.WriteString(n.Value)
			return
		}
		j, _ := json.Marshal(f)
		b.Write(j)
	case "!!str", "!!timestamp":
		writeText(b, n.Value)
	default:
		r.refuse(n, "a value of type %s is not used in checks", n.ShortTag())
	}
}

// decodeExact reads JSON with whole numbers as int64.
func decodeExact(j []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(j))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return exact(v)
}

func exact(v any) (any, error) {
	var err error
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			return v.Int64()
		}
		return v.Float64()
	case []any:
		for i := range v {
			if v[i], err = exact(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = exact(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// try judges an example.
func (c *Check) try(e Example) Result {
	judge := c
	if len(e.Settings) > 0 {
		var err error
		if judge, err = c.With(e.Settings); err != nil {
			return Result{Status: Unknown, Reason: err.Error()}
		}
	}
	doc, err := expr.Parse(e.Record)
	if err != nil {
		return Result{Status: Unknown, Reason: err.Error()}
	}
	return judge.Evaluate(Subject{Kind: e.Kind, Key: e.Key, Source: e.Source, Doc: doc, Seen: e.Kind == ""}, e.Now, &exampleSource{c.words, e.Others})
}

// exampleSource is the other records of an example.
type exampleSource struct {
	words  *Vocabulary
	others map[string][]json.RawMessage
}

func (s *exampleSource) Covered(name string) (bool, string) {
	if _, ok := s.others[name]; ok {
		return true, ""
	}
	for _, k := range s.words.Kinds(name) {
		if _, ok := s.others[k.Name]; ok {
			return true, ""
		}
	}
	return false, "No " + name + " was read."
}

// Find takes all other records of an example for such that stand beside it.
func (s *exampleSource) Find(name, field string, value any, _ bool) ([]*expr.Doc, error) {
	var out []*expr.Doc
	add := func(kind string, see bool) error {
		for _, body := range s.others[kind] {
			doc, err := expr.Parse(body)
			if err != nil {
				return err
			}
			if see {
				seen, in, err := s.words.See(name, kind, doc)
				if err != nil {
					return err
				}
				if in.Answer == expr.Unknown {
					return fmt.Errorf("a %s cannot be told to be a %s or not: %s", kind, name, in.Reason)
				}
				if doc = seen; in.Answer == expr.False {
					continue
				}
			}
			if doc.Holds(field, value) {
				out = append(out, doc)
			}
		}
		return nil
	}
	if err := add(name, false); err != nil {
		return nil, err
	}
	if s.words.IsView(name) {
		for _, k := range s.words.Kinds(name) {
			if err := add(k.Name, true); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

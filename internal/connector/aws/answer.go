package aws

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// node is an element of an XML answer, with the place of its bytes.
type node struct {
	name     string
	kids     []*node
	text     string
	from, to int64
}

// parse reads one whole XML document.
func parse(body []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	var stack []*node
	var root *node
	for {
		at := d.InputOffset()
		t, err := d.Token()
		if errors.Is(err, io.EOF) && root != nil && len(stack) == 0 {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("it is not whole XML: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, from: at}
			for _, a := range t.Attr {
				if a.Name.Local == "type" { // xsi:type says what a grantee is
					n.kids = append(n.kids, &node{name: "type", text: a.Value})
				}
			}
			if len(stack) > 0 {
				above := stack[len(stack)-1]
				above.kids = append(above.kids, n)
			} else if root != nil {
				return nil, errors.New("it holds more than one document")
			} else {
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			n := stack[len(stack)-1]
			n.to = d.InputOffset()
			if len(n.kids) > 0 {
				n.text = ""
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(t)
			}
		}
	}
}

// wrapped are the elements that hold a list of another name than item or member, so that one is a list too; * is any name.
var wrapped = map[string]string{
	"Buckets": "Bucket", "AccessControlList": "Grant", "TagSet": "Tag", "Items": "*",
	"DBInstances": "DBInstance", "DBParameterGroups": "DBParameterGroup", "VpcSecurityGroups": "VpcSecurityGroupMembership", "Subnets": "Subnet",
	"TagList": "Tag", "Parameters": "Parameter",
}

// flat are the elements that make a list where they stand, however many there are.
var flat = map[string]bool{"Rule": true, "Transition": true, "NoncurrentVersionTransition": true}

func (n *node) list() bool {
	if n.name == "entry" || len(n.kids) == 0 {
		return false
	}
	for _, k := range n.kids {
		if k.name != "item" && k.name != "member" && wrapped[n.name] != k.name && wrapped[n.name] != "*" {
			return false
		}
	}
	return true
}

// value is what the element says, as JSON would.
func (n *node) value() any {
	switch {
	case len(n.kids) == 0:
		if wrapped[n.name] != "" && strings.TrimSpace(n.text) == "" {
			return []any{}
		}
		return n.text
	case n.list():
		out := make([]any, len(n.kids))
		for i, k := range n.kids {
			out[i] = k.value()
		}
		return out
	}
	out := map[string]any{}
	for _, k := range n.kids {
		if k.name == "entry" && k.kid("key") != nil && k.kid("value") != nil { // a map
			out[k.kid("key").text] = k.kid("value").value()
			continue
		}
		before, twice := out[k.name]
		many, isList := before.([]any)
		switch {
		case flat[k.name] && !twice:
			out[k.name] = []any{k.value()}
		case flat[k.name] || twice && isList:
			out[k.name] = append(many, k.value())
		case twice:
			out[k.name] = []any{before, k.value()}
		default:
			out[k.name] = k.value()
		}
	}
	return out
}

func (n *node) kid(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// find is the first element of a name, at any depth.
func (n *node) find(name string) *node {
	if n.name == name {
		return n
	}
	for _, k := range n.kids {
		if f := k.find(name); f != nil {
			return f
		}
	}
	return nil
}

// thing is what an answer speaks of: the source's own bytes, what they say, and the answers that it is made of.
type thing struct {
	raw   []byte
	value any
	from  []connector.Answer
}

// answer is what a service said.
type answer struct {
	body   []byte
	root   *node // of XML; its result, without what stands around it
	absent bool
	from   []connector.Answer // itself, as it was recorded
}

// whole is the answer as one object.
func (a answer) whole() (thing, error) {
	if a.root != nil {
		return thing{a.body, a.root.value(), a.from}, nil
	}
	v, err := decode(a.body)
	return thing{a.body, v, a.from}, err
}

// text is a member of the answer that is a text or number.
func (a answer) text(path string) string {
	o, err := a.whole()
	if err != nil {
		return ""
	}
	return text(o.value, path)
}

// items are the elements of the list at a path; a list within the elements of a list is gone through.
func (a answer) items(path string) ([]thing, error) {
	if a.root == nil {
		return rawItems(a.body, strings.Split(path, "."), a.from)
	}
	at := []*node{a.root}
	for name := range strings.SplitSeq(path, ".") {
		var next []*node
		for _, n := range at {
			k := n.kid(name)
			if k == nil {
				return nil, fmt.Errorf("it has no %s", path)
			}
			if len(k.kids) > 0 && !k.list() {
				return nil, fmt.Errorf("its %s is not a list", path)
			}
			next = append(next, k.kids...)
		}
		at = next
	}
	out := make([]thing, len(at))
	for i, n := range at {
		out[i] = thing{a.body[n.from:n.to], n.value(), a.from}
	}
	return out, nil
}

func rawItems(body []byte, path []string, from []connector.Answer) ([]thing, error) {
	for i, name := range path {
		var o map[string]json.RawMessage
		if err := json.Unmarshal(body, &o); err != nil {
			return nil, errors.New("it is not an object")
		}
		member, ok := o[name]
		if !ok {
			return nil, fmt.Errorf("it has no %s", strings.Join(path[:i+1], "."))
		}
		body = member
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil || list == nil {
		return nil, fmt.Errorf("its %s is not a list", strings.Join(path, "."))
	}
	out := make([]thing, len(list))
	for i, raw := range list {
		v, err := decode(raw)
		if err != nil {
			return nil, err
		}
		out[i] = thing{raw, v, from}
	}
	return out, nil
}

// decode reads one whole JSON value with its numbers as they are written.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("it is not whole JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more follows after its JSON")
	}
	return v, nil
}

// at is the value at a dotted path; nil when there is none.
func at(v any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

func text(v any, path string) string {
	switch x := at(v, path).(type) {
	case string:
		return x
	case json.Number:
		return x.String()
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

// typed gives what is declared its type: XML writes everything as text and an empty list as nothing, and JSON writes times as
// numbers. What is not declared stays as it was.
func typed(v any, fields []record.Field) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for _, f := range fields {
		x, ok := m[f.Name]
		if !ok {
			continue
		}
		if !f.List {
			m[f.Name] = typedOne(x, f)
			continue
		}
		if s, ok := x.(string); ok && strings.TrimSpace(s) == "" {
			m[f.Name] = []any{}
		}
		if list, ok := x.([]any); ok {
			for i := range list {
				list[i] = typedOne(list[i], f)
			}
		}
	}
	return m
}

func typedOne(v any, f record.Field) any {
	s, isText := v.(string)
	n, isNumber := v.(json.Number)
	switch {
	case f.Type == record.Object && isText && strings.TrimSpace(s) == "":
		return map[string]any{}
	case f.Type == record.Object:
		return typed(v, f.Fields)
	case f.Type == record.Bool && isText && (s == "true" || s == "false"):
		return s == "true"
	case (f.Type == record.Integer || f.Type == record.Number) && isText:
		if _, err := strconv.ParseFloat(s, 64); err == nil && json.Valid([]byte(s)) {
			return json.Number(s)
		}
	case f.Type == record.Time && isNumber:
		return moment(n)
	}
	return v
}

// moment is a time that is given in seconds, or thousandths of them, since 1970.
func moment(n json.Number) any {
	f, err := n.Float64()
	if err != nil || math.Abs(f) > 1e14 {
		return n
	}
	if math.Abs(f) < 1e11 {
		f *= 1000
	}
	return time.UnixMilli(int64(math.Round(f))).UTC().Format(time.RFC3339Nano)
}

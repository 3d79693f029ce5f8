package framework

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/fault"
)

// Read decodes one strict YAML document of the library into the struct that into points to. Every field of the struct is
// required unless its yaml tag says omitempty; an unknown or repeated field, an alias, a value of another type and a second
// document are refused with file, line and column. Numbers and dates are not taken for text: quote them.
func Read(file string, data []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "%s is empty.", file)
	} else if err != nil {
		return syntax(file, err)
	}
	if err := dec.Decode(&more); err == nil {
		return at(file, &more, "a second document begins here, and a file holds one")
	} else if !errors.Is(err, io.EOF) {
		return syntax(file, err)
	}
	return read(file, doc.Content[0], reflect.ValueOf(into).Elem())
}

func read(file string, n *yaml.Node, v reflect.Value) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return at(file, n, "anchors and aliases are not used here; write the value out")
	}
	switch v.Kind() {
	case reflect.Pointer: // null leaves it nil
		if n.ShortTag() == "!!null" {
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		return read(file, n, v.Elem())
	case reflect.Struct:
		return readFields(file, n, v)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return at(file, n, "expected a list")
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			if err := read(file, item, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.String:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			return at(file, n, "expected text")
		}
		if strings.TrimSpace(n.Value) == "" {
			return at(file, n, "the text is empty")
		}
		v.SetString(n.Value)
		return nil
	case reflect.Int:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
			return at(file, n, "expected a whole number")
		}
		v.SetInt(i)
		return nil
	}
	return fmt.Errorf("read %s: no rule for %s", file, v.Type())
}

func readFields(file string, n *yaml.Node, v reflect.Value) error {
	if n.Kind != yaml.MappingNode {
		return at(file, n, "expected named fields")
	}
	names, required := map[string]int{}, []string{}
	for i := range v.NumField() {
		name, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		names[name] = i
		if option != "omitempty" {
			required = append(required, name)
		}
	}
	var seen []string
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		field, known := names[key.Value]
		if !known {
			return at(file, key, fmt.Sprintf("there is no field %q here", key.Value))
		}
		if slices.Contains(seen, key.Value) {
			return at(file, key, fmt.Sprintf("%q stands here twice", key.Value))
		}
		seen = append(seen, key.Value)
		if err := read(file, n.Content[i+1], v.Field(field)); err != nil {
			return err
		}
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return at(file, n, fmt.Sprintf("%q is missing", name))
		}
	}
	return nil
}

func at(file string, n *yaml.Node, what string) error {
	return fault.New(fault.Invalid, "%s:%d:%d: %s.", file, n.Line, n.Column, what)
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// syntax words what the YAML reader says; it knows the line only.
func syntax(file string, err error) error {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return fault.New(fault.Invalid, "%s:%s:1: this is not YAML: %s.", file, m[1], m[2])
	}
	return fault.New(fault.Invalid, "%s:1:1: this is not YAML: %s.", file, strings.TrimPrefix(err.Error(), "yaml: "))
}

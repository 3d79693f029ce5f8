// Package programme is the organisation's own records as text in a directory, one YAML file a record, so that they can be
// kept in git and edited there. The one rule: writing, applying and writing again gives the same bytes, and what only acts
// may set (states, approvals, who did what when) goes out and never comes in.
package programme

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// fixedKey holds what only acts may set.
const fixedKey = "fixed"

// Kinds are the kinds whose records are text: those that people write.
func Kinds(ks *record.Kinds) []*record.Kind {
	var out []*record.Kind
	for _, k := range ks.All() {
		if !k.Collected && !k.System && k.Room == record.Company {
			out = append(out, k)
		}
	}
	return out
}

// Write writes every record as DIR/KIND/KEY.yaml and removes files of records that no longer hold. Other files stay. It
// returns how many files there are now.
func Write(ctx context.Context, book *record.Book, dir string, asOf store.Moment) (int, error) {
	n := 0
	for _, k := range Kinds(book.Kinds) {
		want := map[string][]byte{}
		err := book.EachAt(ctx, book.DB, k.Name, asOf, func(v record.Version) error {
			if v.Source != record.Program {
				return nil
			}
			b, err := text(k, v.Body)
			if err != nil {
				return fmt.Errorf("write %s %s: %w", k.Name, v.Key, err)
			}
			want[fileName(v.Key)] = b
			return nil
		})
		if err != nil {
			return n, err
		}
		folder := filepath.Join(dir, k.Name)
		have, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil {
			return n, err
		}
		for _, old := range have {
			if want[filepath.Base(old)] == nil {
				if err := os.Remove(old); err != nil {
					return n, cannot(err)
				}
			}
		}
		if len(want) == 0 {
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return n, cannot(err)
		}
		for name, b := range want {
			path := filepath.Join(folder, name)
			if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, b) {
				n++
				continue
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				return n, cannot(err)
			}
			n++
		}
	}
	return n, nil
}

func cannot(err error) error {
	return fault.New(fault.Unavailable, "The directory cannot be written: %w.", err)
}

// fileName is the file of a key; what a path cannot hold is percent-encoded.
func fileName(key string) string {
	return strings.ReplaceAll(url.PathEscape(key), ".", "%2E") + ".yaml"
}

func keyOf(name string) (string, error) { return url.PathUnescape(strings.TrimSuffix(name, ".yaml")) }

// text is a body as YAML: the kind's fields in their order, then custom, then what is fixed.
func text(k *record.Kind, body []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	top, fixed := &yaml.Node{Kind: yaml.MappingNode}, &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range k.Fields {
		v, ok := m[f.Name]
		if !ok || f.Secret {
			continue
		}
		to := top
		if f.Fixed {
			to = fixed
		}
		to.Content = append(to.Content, plain(f.Name), node(v))
		delete(m, f.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		to := fixed
		if name == record.Custom {
			to = top
		}
		if f, ok := k.FieldNamed(name); !ok || !f.Secret {
			to.Content = append(to.Content, plain(name), node(m[name]))
		}
	}
	if len(fixed.Content) > 0 {
		key := plain(fixedKey)
		key.HeadComment = "Set by acts alone; apply refuses a change of it."
		top.Content = append(top.Content, key, fixed)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(top), e.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func node(v any) *yaml.Node {
	switch v := v.(type) {
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(string(v), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: string(v)}
	case string:
		n := plain(v)
		if strings.Contains(v, "\n") {
			n.Style = yaml.LiteralStyle
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, e := range v {
			n.Content = append(n.Content, node(e))
		}
		return n
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			n.Content = append(n.Content, plain(name), node(v[name]))
		}
		return n
	}
	return plain(fmt.Sprint(v))
}

// Difference is what one file says otherwise than the record.
type Difference struct {
	Kind, Key string
	File      string
	New       bool
	Fields    []string // those that differ
	Change    record.Change
}

// Read compares a directory with the records and returns what applying it would change, sorted by kind and key. Files of
// kinds or shapes that are not known, and changes of what is fixed, are refused; all that is wrong is named.
func Read(ctx context.Context, book *record.Book, dir string) ([]Difference, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fault.New(fault.NotFound, "There is no directory %s.", dir).WithNext("tickmark export %s writes one.", dir)
	}
	var out []Difference
	var wrong []error
	for _, k := range Kinds(book.Kinds) {
		files, err := fs.Glob(os.DirFS(dir), k.Name+"/*.yaml")
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			d, err := difference(ctx, book, k, dir, file)
			if err != nil {
				wrong = append(wrong, err)
				continue
			}
			if d != nil {
				out = append(out, *d)
			}
		}
	}
	if len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "Nothing was applied:\n%w", errors.Join(wrong...))
	}
	return out, nil
}

func difference(ctx context.Context, book *record.Book, k *record.Kind, dir, file string) (*Difference, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("  %s: %s", file, fmt.Sprintf(format, args...))
	}
	key, err := keyOf(filepath.Base(file))
	if err != nil {
		return nil, bad("its name is no key")
	}
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, bad("it cannot be read: %v", err)
	}
	if len(data) > record.MaxBody {
		return nil, bad("it is larger than %d bytes", record.MaxBody)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, bad("%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, bad("it is not a mapping of fields")
	}
	v, err := value(doc.Content[0])
	if err != nil {
		return nil, bad("%v", err)
	}
	said := v.(map[string]any)
	fixed, _ := said[fixedKey].(map[string]any)
	delete(said, fixedKey)
	before := map[string]any{}
	now, err := book.GetFrom(ctx, k.Name, key, record.Program, 0, record.Company)
	fresh := fault.Is(err, fault.NotFound)
	if err != nil && !fresh {
		return nil, err
	}
	if !fresh {
		d := json.NewDecoder(bytes.NewReader(now.Body))
		d.UseNumber()
		if err := d.Decode(&before); err != nil {
			return nil, err
		}
	}
	after := maps.Clone(said)
	for name, was := range before {
		if f, ok := k.FieldNamed(name); ok && f.Secret {
			after[name] = was
		} else if !ok && name != record.Custom || ok && f.Fixed {
			if v, ok := fixed[name]; ok && !same(v, was) {
				return nil, bad("%s is %s and cannot be changed here", name, short(was))
			}
			after[name] = was
		}
	}
	for name := range fixed {
		if _, ok := before[name]; !ok {
			return nil, bad("%s cannot be set here", name)
		}
	}
	for name := range said {
		if f, ok := k.FieldNamed(name); ok && f.Fixed {
			return nil, bad("%s cannot be set here", name)
		} else if !ok && name != record.Custom {
			return nil, bad("%s has no field %q", k.Title, name)
		}
	}
	d := &Difference{Kind: k.Name, Key: key, File: file, New: fresh}
	for _, name := range slices.Sorted(maps.Keys(union(before, after))) {
		if !same(before[name], after[name]) {
			d.Fields = append(d.Fields, name)
		}
	}
	if len(d.Fields) == 0 && !fresh {
		return nil, nil
	}
	body, err := json.Marshal(said)
	if err != nil {
		return nil, err
	}
	since := now.From
	d.Change = record.Change{Kind: k.Name, Key: key, Body: body, If: &since}
	return d, nil
}

func union(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return reflect.DeepEqual(x, y)
}

func short(v any) string {
	b, _ := json.Marshal(v)
	if len(b) > 60 {
		b = append(b[:57], "..."...)
	}
	return string(b)
}

// value turns YAML into what JSON can say. Times and dates stay text; aliases, tags and repeated names are refused.
func value(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if _, twice := m[name]; twice {
				return nil, fmt.Errorf("line %d: %s stands there twice", n.Content[i].Line, name)
			}
			v, err := value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[name] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			v, err := value(e)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return nil, nil
		case "!!bool":
			var b bool
			err := n.Decode(&b)
			return b, err
		case "!!int", "!!float":
			if !json.Valid([]byte(n.Value)) {
				return nil, fmt.Errorf("line %d: %s is not a plain number", n.Line, n.Value)
			}
			return json.Number(n.Value), nil
		case "!!str", "!!timestamp":
			return n.Value, nil
		}
	}
	return nil, fmt.Errorf("line %d, column %d: only plain values, lists and mappings are taken", n.Line, n.Column)
}

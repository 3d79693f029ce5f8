// Package declared reads connectors that are YAML files of the workspace's own. The one rule: a file may say where and what to
// ask and how to read the answer, and nothing that could change anything; what it says beyond that is refused with its line.
package declared

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

const maxFile = 256 << 10

type file struct {
	Name        string
	Title       string
	Help        string
	Endpoint    string
	Tried       string
	Grant       string
	Sign        map[string]string
	Basic       []string
	Settings    []setting
	Permissions []permission
	Kinds       []kind
	Lists       []list
}

type setting struct {
	Name, Title, Help, Default string
	Required, Secret           bool
}

type permission struct {
	Name, Why string
	Kinds     []string
}

type kind struct {
	Name, Title, Help, Label, Occurred string
	Fields                             []field
}

type field struct {
	Name, Title, Help, Type                     string
	List, Required, Indexed, Personal, Volatile bool
	Fields                                      []field
}

type list struct {
	Kind, Path, Items, Key, Label, Occurred, Total, For, Each, Needs string
	Ask                                                              map[string]any
	Kept                                                             string
	Absent                                                           []int
	Next                                                             next
	Parts                                                            []part
}

type next struct {
	Link                                    bool
	Cursor, Into, URL, Offset, Page, Within string
	First                                   int
}

type part struct {
	Name, Path, Member, Needs string
	Absent                    []int
}

// Text is a connector with the text that declares it.
type Text struct {
	connector.Connector
	Text []byte
}

// Load reads every file of the folder that ends in .yaml or .yml. What cannot be used is an error that names its file and line,
// and stops nothing else. taken are the connectors and kinds that there are.
func Load(dir string, taken []connector.Connector, kinds []*record.Kind) (all []Text, wrong []error) {
	taken = slices.Clone(taken)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{fmt.Errorf("read the connectors of %s: %w", dir, err)}
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); e.IsDir() || ext != ".yaml" && ext != ".yml" {
			continue
		}
		text, c, err := load(filepath.Join(dir, e.Name()))
		if err == nil {
			err = free(c, taken, kinds)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", e.Name(), err))
			continue
		}
		all, taken = append(all, Text{c, text}), append(taken, c)
	}
	return all, wrong
}

// free says that no other connector has the name, and no other kind that of one of its kinds.
func free(c connector.Connector, taken []connector.Connector, kinds []*record.Kind) error {
	names := map[string]bool{}
	for _, k := range kinds {
		names[k.Name] = true
	}
	for _, t := range taken {
		if t.Name == c.Name {
			return fault.New(fault.Invalid, "There is a connector %s already.", c.Name)
		}
		for _, k := range t.Kinds {
			names[k.Name] = true
		}
	}
	for _, k := range c.Kinds {
		if names[k.Name] {
			return fault.New(fault.Invalid, "There is a kind %s already.", k.Name)
		}
	}
	if _, err := record.NewKinds(append(record.Builtin(), c.Kinds...)...); err != nil {
		return err
	}
	return nil
}

func load(path string) (data []byte, c connector.Connector, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, c, err
	}
	defer f.Close()
	if data, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, c, err
	}
	if len(data) > maxFile {
		return nil, c, fault.New(fault.TooLarge, "It is larger than %d KB.", maxFile>>10)
	}
	c, err = Parse(data)
	return data, c, err
}

var (
	word   = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	header = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)
	hole   = regexp.MustCompile(`\{([^{}]*)\}`)
)

// Parse reads one file.
func Parse(data []byte) (connector.Connector, error) {
	var f file
	var c connector.Connector
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return c, fault.New(fault.Invalid, "It is not a connector: %s.", plain(err))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return c, fault.New(fault.Invalid, "It holds more than one document.")
	}
	s, err := f.service()
	if err != nil {
		return c, err
	}
	c = connector.Connector{Name: f.Name, Title: cmp.Or(f.Title, f.Name), Help: f.Help, Grant: f.Grant, Read: s.Read,
		Limits: connector.Limits{PerMinute: 300, AtOnce: 4}, Tried: cmp.Or(f.Tried, "The file of this workspace's own that declares it does not say.")}
	for _, x := range f.Settings {
		c.Settings = append(c.Settings, connector.Setting{Name: x.Name, Title: cmp.Or(x.Title, x.Name), Help: x.Help, Default: x.Default, Required: x.Required, Secret: x.Secret})
	}
	if !f.has("endpoint") {
		c.Settings = append(c.Settings, connector.Setting{Name: "endpoint", Title: "Endpoint", Help: "Where the service is, when it is not at " + f.Endpoint + "."})
	}
	for _, p := range f.Permissions {
		c.Permissions = append(c.Permissions, connector.Permission{Name: p.Name, Why: p.Why, Kinds: p.Kinds})
	}
	for _, k := range f.Kinds {
		fields, err := fieldsOf(k.Name, k.Fields)
		if err != nil {
			return c, err
		}
		c.Kinds = append(c.Kinds, record.Kind{Name: k.Name, Title: cmp.Or(k.Title, k.Name), Help: k.Help, Label: k.Label, Occurred: k.Occurred, Collected: true, Fields: fields})
	}
	return connector.WithBudget(connector.WithPrivate(c)), nil
}

var inGo = regexp.MustCompile(`field (\S+) not found in type \S+`)

// plain is an error of YAML without the words of this program.
func plain(err error) string {
	s := strings.NewReplacer("yaml: ", "", "unmarshal errors:", "", "\n", " ").Replace(err.Error())
	return strings.Join(strings.Fields(inGo.ReplaceAllString(s, "nothing is called $1 there")), " ")
}

func (f file) has(name string) bool {
	return slices.ContainsFunc(f.Settings, func(s setting) bool { return s.Name == name })
}

// holes refuses a {settings.x} of which there is none.
func (f file) holes(what, text string) error {
	for _, h := range hole.FindAllStringSubmatch(text, -1) {
		if name, is := strings.CutPrefix(h[1], "settings."); is && !f.has(name) {
			return fault.New(fault.Invalid, "%s names the setting %q, which is not declared.", what, name)
		}
	}
	return nil
}

func (f file) service() (s connector.Service, err error) {
	bad := func(format string, args ...any) (connector.Service, error) {
		return connector.Service{}, fault.New(fault.Invalid, format, args...)
	}
	if !word.MatchString(f.Name) {
		return bad("Its name %q is not in small letters, digits and _.", f.Name)
	}
	if !strings.HasPrefix(f.Endpoint, "https://") {
		return bad("Its endpoint %q does not begin with https://.", f.Endpoint)
	}
	if err := f.holes("endpoint", f.Endpoint); err != nil {
		return s, err
	}
	for _, x := range f.Settings {
		if !word.MatchString(x.Name) || x.Secret && x.Default != "" {
			return bad("The setting %q has no proper name, or is a secret with a default.", x.Name)
		}
	}
	for name, value := range f.Sign {
		if !header.MatchString(name) || slices.Contains([]string{"host", "content-length", "transfer-encoding", "connection", "cookie"}, strings.ToLower(name)) {
			return bad("%q is not a header that may carry a credential.", name)
		}
		if err := f.holes("sign "+name, value); err != nil {
			return s, err
		}
	}
	if n := len(f.Basic); n != 0 && n != 2 || n == 2 && !(f.has(f.Basic[0]) && f.has(f.Basic[1])) {
		return bad("basic names two settings, of the user and the password.")
	}
	if len(f.Kinds) == 0 || len(f.Lists) == 0 {
		return bad("It declares no kind or no list.")
	}
	kinds := map[string]bool{}
	for _, k := range f.Kinds {
		if !word.MatchString(k.Name) || kinds[k.Name] {
			return bad("The kind %q has no proper name, or stands there twice.", k.Name)
		}
		kinds[k.Name] = true
	}
	read := map[string]bool{}
	for _, l := range f.Lists {
		if !kinds[l.Kind] || read[l.Kind] || l.For != "" && !read[l.For] {
			return bad("The list of %q is of a kind that is not declared, a second one, or for each of a kind that is not listed before it.", l.Kind)
		}
		read[l.Kind] = true
		out, err := f.list(l)
		if err != nil {
			return s, err
		}
		s.Lists = append(s.Lists, out)
	}
	for name := range kinds {
		if !read[name] {
			return bad("No list is of the kind %s.", name)
		}
	}
	s.Base = func(v connector.Values) string { return fill(f.Endpoint, v) }
	s.Sign = func(v connector.Values, h http.Header) error {
		for name, value := range f.Sign {
			h.Set(name, fill(value, v))
		}
		if len(f.Basic) == 2 {
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(v[f.Basic[0]]+":"+v[f.Basic[1]])))
		}
		return nil
	}
	return s, nil
}

func fill(text string, v connector.Values) string {
	return hole.ReplaceAllStringFunc(text, func(h string) string { return v[strings.TrimPrefix(h[1:len(h)-1], "settings.")] })
}

func (f file) list(l list) (out connector.List, err error) {
	out = connector.List{Kind: l.Kind, Path: l.Path, Items: l.Items, Key: l.Key, Label: l.Label, Occurred: l.Occurred, Total: l.Total, For: l.For, Each: l.Each, Absent: l.Absent, Needs: l.Needs}
	bad := func(format string, args ...any) (connector.List, error) {
		return out, fault.New(fault.Invalid, "The list of "+l.Kind+": "+format, args...)
	}
	if l.Key == "" || !strings.HasPrefix(l.Path, "/") {
		return bad("it has no key, or its path does not begin with /.")
	}
	if l.Each != "" && (!f.has(l.Each) || l.For != "") {
		return bad("it is for each value of a setting that is not declared, or for each of two things.")
	}
	if l.Kept != "" {
		if out.Kept, err = time.ParseDuration(l.Kept); err != nil || out.Kept <= 0 {
			return bad("%q is not a time such as 2160h.", l.Kept)
		}
	}
	if l.Ask != nil {
		out.Body = any(l.Ask)
	}
	n := l.Next
	switch ways := slices.DeleteFunc([]bool{n.Link, n.Cursor != "", n.URL != "", n.Offset != "", n.Page != ""}, func(b bool) bool { return !b }); {
	case len(ways) > 1:
		return bad("it goes on in more than one way.")
	case n.Link:
		out.Next = connector.LinkPages
	case n.Cursor != "" && n.Within != "" && l.Ask != nil:
		out.NextBody = connector.BodyCursor(n.Cursor, n.Within)
	case n.Cursor != "" && n.Into != "":
		out.Next = connector.CursorPages(n.Cursor, n.Into)
	case n.Cursor != "":
		return bad("the cursor goes into no parameter, and within no body.")
	case n.URL != "":
		out.Next = connector.URLPages(n.URL)
	case n.Offset != "":
		out.Next = connector.OffsetPages(n.Offset)
	case n.Page != "":
		out.Next = connector.NumberPages(n.Page, n.First)
	}
	texts := []string{l.Path}
	for _, p := range l.Parts {
		if p.Name == "" || !strings.HasPrefix(p.Path, "/") {
			return bad("a part has no name, or its path does not begin with /.")
		}
		out.Parts = append(out.Parts, connector.Call{Name: p.Name, Path: p.Path, Member: p.Member, Needs: p.Needs, Absent: p.Absent})
		texts = append(texts, p.Path)
	}
	for _, text := range texts {
		if err := f.holes("the list of "+l.Kind, text); err != nil {
			return out, err
		}
		for _, h := range hole.FindAllStringSubmatch(text, -1) { // what is in an address is written down
			for _, x := range f.Settings {
				if x.Secret && h[1] == "settings."+x.Name {
					return bad("its address holds the secret %s.", x.Name)
				}
			}
		}
	}
	return out, nil
}

func fieldsOf(kind string, list []field) ([]record.Field, error) {
	types := []record.Type{record.Text, record.Email, record.Bool, record.Integer, record.Time, record.Date, record.JSON, record.Object}
	var out []record.Field
	for _, f := range list {
		t := record.Type(cmp.Or(f.Type, string(record.Text)))
		if f.Name == "" || !slices.Contains(types, t) || (t == record.Object) != (len(f.Fields) > 0) {
			return nil, fault.New(fault.Invalid, "The field %q of %s has no name, or a type that is none of %v; an object has fields.", f.Name, kind, types)
		}
		below, err := fieldsOf(kind+"."+f.Name, f.Fields)
		if err != nil {
			return nil, err
		}
		out = append(out, record.Field{Name: f.Name, Title: f.Title, Help: f.Help, Type: t, List: f.List, Required: f.Required, Indexed: f.Indexed, Personal: f.Personal, Volatile: f.Volatile, Fields: below})
	}
	return out, nil
}

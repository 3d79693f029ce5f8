package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/fault"
)

// Mapping says where each field's value comes from. The zero Mapping takes columns by the names of the fields.
//
//	sheet: People              # of an XLSX; the first when empty
//	delimiter: ";"             # of a CSV; found out when empty
//	zone: Europe/Berlin        # of times that state none
//	fields:
//	  id: Staff number         # the column of that name
//	  name: "{First} {Last}"   # columns put together
//	  employment:
//	    column: Type
//	    values: {FT: employee, EXT: contractor}
//	    default: employee      # when the cell is empty
//	  start: {column: Hired, format: DD.MM.YYYY}
//	  title: {value: Engineer} # the same for every row
//	ignore: [Salary]           # columns not to be taken; "*" for all that name no field
//	left:                      # of people: a column that says who has left
//	  column: Status
//	  values: [Terminated]
//	  here: [Active, On leave] # any other value refuses the file
//	  day: import              # who left without a last working day left, as far as is known, today
type Mapping struct {
	Sheet     string            `yaml:"sheet"`
	Delimiter string            `yaml:"delimiter"`
	Zone      string            `yaml:"zone"`
	Fields    map[string]Source `yaml:"fields"`
	Ignore    []string          `yaml:"ignore"`
	Left      *Left             `yaml:"left"`

	location *time.Location
}

// Source is where one field's value comes from: one of Column, Template and Value.
type Source struct {
	Column   string            `yaml:"column"`
	Template string            `yaml:"template"`
	Value    string            `yaml:"value"`
	Values   map[string]string `yaml:"values"`
	Format   string            `yaml:"format"`
	Default  string            `yaml:"default"`
}

// Left says by which column a list of people tells who has left. What it calls neither left nor here is refused: a leaver that is
// taken for somebody who works here keeps their access.
type Left struct {
	Column string   `yaml:"column"`
	Values []string `yaml:"values"`
	Here   []string `yaml:"here"`
	Day    string   `yaml:"day"`
}

// lastDay is the field of a person that says that they have left.
const lastDay = "end"

// says answers whether a cell says that somebody has left.
func (l Left) says(cell any) (bool, error) {
	s, _ := cell.(string)
	s = strings.TrimSpace(s)
	is := func(v string) bool { return strings.EqualFold(strings.TrimSpace(v), s) }
	switch {
	case s != "" && slices.ContainsFunc(l.Values, is):
		return true, nil
	case s != "" && slices.ContainsFunc(l.Here, is):
		return false, nil
	}
	return false, fmt.Errorf("%s is neither among the values that say that somebody has left nor among those that say that they are here", quote(s))
}

// UnmarshalYAML takes a bare text as a column, or as a template when it holds {column}.
func (s *Source) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		if hole.MatchString(n.Value) {
			s.Template = n.Value
		} else {
			s.Column = n.Value
		}
		return nil
	}
	known := []string{"column", "template", "value", "values", "format", "default"}
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			if k := n.Content[i]; !slices.Contains(known, k.Value) {
				return fmt.Errorf("line %d: %q is not one of %s", k.Line, k.Value, strings.Join(known, ", "))
			}
		}
	}
	type plain Source
	return n.Decode((*plain)(s))
}

var hole = regexp.MustCompile(`\{([^{}]+)\}`)

// ReadMapping reads a map file; the error is a fault that names file and line.
func ReadMapping(name string, data []byte) (Mapping, error) {
	var m Mapping
	if len(data) > 1<<20 {
		return m, fault.New(fault.TooLarge, "The map file %s is larger than 1 MB.", name)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&m); err != nil && !errors.Is(err, io.EOF) {
		return m, fault.New(fault.Invalid, "The map file %s cannot be read: %s.", name, strings.TrimPrefix(err.Error(), "yaml: ")).
			WithNext("It has sheet, delimiter, zone, fields, ignore and left.")
	}
	if l := m.Left; l != nil {
		if l.Column == "" || len(l.Values) == 0 || len(l.Here) == 0 || l.Day != "" && l.Day != "import" {
			return m, fault.New(fault.Invalid, "The map file %s says left without column, values and here, or with a day other than import.", name).
				WithNext("Name the column, its values for who has left, and its values for who is here.")
		}
	}
	for field, s := range m.Fields {
		given := 0
		for _, v := range []string{s.Column, s.Template, s.Value} {
			if v != "" {
				given++
			}
		}
		if given != 1 {
			return m, fault.New(fault.Invalid, "The map file %s must give %s one of column, template and value.", name, field)
		}
		if s.Format != "" {
			if _, err := layoutOf(s.Format); err != nil {
				return m, fault.New(fault.Invalid, "The map file %s gives %s the format %q: %v.", name, field, s.Format, err)
			}
		}
	}
	if m.Zone != "" {
		var err error
		if m.location, err = time.LoadLocation(m.Zone); err != nil {
			return m, fault.New(fault.Invalid, "The map file %s names the zone %q, which is not known.", name, m.Zone).WithNext("Use a name such as Europe/Berlin or UTC.")
		}
	}
	if len([]rune(m.Delimiter)) > 1 {
		return m, fault.New(fault.Invalid, "The map file %s names a delimiter of more than one letter.", name)
	}
	return m, nil
}

// layoutOf turns DD.MM.YYYY hh:mm into the layout of package time.
func layoutOf(format string) (string, error) {
	var b strings.Builder
	seen := map[string]bool{}
	for s := format; s != ""; {
		found := false
		for _, p := range [][2]string{{"YYYY", "2006"}, {"YY", "06"}, {"MMM", "Jan"}, {"MM", "01"}, {"M", "1"}, {"DD", "02"}, {"D", "2"},
			{"hh", "15"}, {"mm", "04"}, {"ss", "05"}} {
			if rest, ok := strings.CutPrefix(s, p[0]); ok {
				b.WriteString(p[1])
				seen[p[0][:1]] = true
				s, found = rest, true
				break
			}
		}
		if !found {
			if c := s[0]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' && c != 'T' || c >= 'A' && c <= 'Z' && c != 'T' && c != 'Z' {
				return "", fmt.Errorf("%q is not one of YYYY, YY, MMM, MM, M, DD, D, hh, mm, ss", s[:1])
			}
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
	if !seen["Y"] || !seen["M"] || !seen["D"] {
		return "", errors.New("it needs year, month and day, as in DD.MM.YYYY")
	}
	return b.String(), nil
}

// plan says for each field which columns of a table it is made of.
type plan struct {
	fields  []planned
	columns []string // by position
	left    int      // the column that says who has left; -1 for none
	speaks  []string
}

type planned struct {
	path   []string // field, or field and member
	source Source
	at     int            // the column's position; -1 for templates and constants
	holes  map[string]int // a template's columns
	mapped bool
}

// plan settles the columns of a table, and names those that are not known, doubled or refused inward.
func (c *reader) plan(headers []string) *plan {
	p := &plan{columns: headers, left: -1}
	position := map[string]int{}
	for i, h := range headers {
		if h = strings.TrimSpace(h); h == "" {
			continue
		}
		if _, twice := position[h]; twice {
			c.problem(1, h, "the column is there twice")
		}
		position[h] = i
	}
	find := func(name string) (int, bool) {
		if i, ok := position[name]; ok {
			return i, true
		}
		i := slices.IndexFunc(headers, func(h string) bool { return normal(h) == normal(name) })
		return i, i >= 0
	}
	used := map[int]bool{}
	if l := c.mapping.Left; l != nil {
		i, ok := find(l.Column)
		if c.kind.Name != personKind {
			c.problem(0, "", "the map says who has left, and %s are no people", c.kind.Name)
		} else if !ok {
			c.problem(1, l.Column, "the map tells by this column who has left, and the file does not have it%s", hint(near(l.Column, headers)))
		} else {
			p.left, used[i] = i, true
		}
	}
	for _, field := range sorted(c.mapping.Fields) {
		s := c.mapping.Fields[field]
		f := planned{path: c.pathOf(field), source: s, at: -1, mapped: true}
		if f.path == nil {
			c.problem(0, "", "the map names %q, which is not a field of %s%s", field, c.kind.Name, hint(near(field, fieldNames(c.kind))))
			continue
		}
		switch {
		case s.Column != "":
			i, ok := find(s.Column)
			if !ok {
				c.problem(1, s.Column, "the map takes %s from this column, which the file does not have%s", field, hint(near(s.Column, headers)))
				continue
			}
			f.at, used[i] = i, true
		case s.Template != "":
			f.holes = map[string]int{}
			for _, h := range hole.FindAllStringSubmatch(s.Template, -1) {
				i, ok := find(h[1])
				if !ok {
					c.problem(1, h[1], "the map makes %s of this column, which the file does not have%s", field, hint(near(h[1], headers)))
					continue
				}
				f.holes[h[1]], used[i] = i, true
			}
		}
		c.inward(f, field)
		p.fields = append(p.fields, f)
	}
	for i, h := range headers {
		h = strings.TrimSpace(h)
		if h == "" || used[i] || c.ignored(h) {
			continue
		}
		path := c.pathOf(h)
		if path == nil && slices.Contains(c.mapping.Ignore, "*") {
			continue
		}
		if path == nil {
			c.problem(1, h, "%s has no such field%s", c.kind.Name, hint(near(h, fieldNames(c.kind))))
			continue
		}
		if slices.ContainsFunc(p.fields, func(f planned) bool { return slices.Equal(f.path, path) }) {
			c.problem(1, h, "two columns give %s", strings.Join(path, "."))
			continue
		}
		f := planned{path: path, at: i}
		c.inward(f, h)
		p.fields = append(p.fields, f)
	}
	for _, f := range p.fields {
		if len(f.path) == 1 && f.path[0] != keyColumn(c.kind) {
			p.speaks = append(p.speaks, f.path[0])
		}
	}
	return p
}

func (c *reader) ignored(header string) bool {
	return slices.ContainsFunc(c.mapping.Ignore, func(i string) bool { return normal(i) == normal(header) })
}

// inward refuses what a file may not set.
func (c *reader) inward(p planned, column string) {
	if f, ok := c.kind.FieldNamed(p.path[0]); ok && f.Fixed {
		c.problem(1, column, "%s is set by an action or by Tickmark, never by a file; take the column out", f.Name)
	}
}

// pathOf finds the field that a header names; nil when there is none. Members of an object and own fields are dotted.
func (c *reader) pathOf(header string) []string {
	header = strings.TrimSpace(header)
	if header == keyColumn(c.kind) {
		return []string{header}
	}
	if name, ok := strings.CutPrefix(header, "custom."); ok && name != "" {
		return []string{"custom", name}
	}
	fields := c.kind.Fields
	var path []string
	for part := range strings.SplitSeq(header, ".") {
		i := -1
		for n, f := range fields {
			if f.Name == part || i < 0 && (f.Name == normal(part) || f.Title != "" && normal(f.Title) == normal(part)) {
				i = n
			}
		}
		if i < 0 || len(path) == 0 && header == "custom" {
			return nil
		}
		path = append(path, fields[i].Name)
		fields = fields[i].Fields
	}
	return path
}

func hint(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", name)
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

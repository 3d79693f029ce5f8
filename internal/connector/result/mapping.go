package result

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/fault"
)

// Mapping names the controls that a tool's rules speak for. Of several lines that fit a rule the longest counts; one "*" stands
// for anything.
type Mapping []MappingLine

// MappingLine is one line of a mapping.
type MappingLine struct {
	Tool     string   `yaml:"tool"`
	Rules    []string `yaml:"rules"`
	Controls []string `yaml:"controls"`
}

// ReadMapping reads mapping files, the first of which wins. known are the ids of controls; nil: any.
func ReadMapping(known map[string]bool, files ...NamedFile) (Mapping, error) {
	var all Mapping
	for _, file := range files {
		var m Mapping
		d := yaml.NewDecoder(strings.NewReader(string(file.Data)))
		d.KnownFields(true)
		if err := d.Decode(&m); err != nil {
			return nil, fault.New(fault.Invalid, "The mapping %s cannot be read: %w.", file.Name, err).WithNext("It is a list of tool, rules and controls.")
		}
		for i, l := range m {
			if l.Tool == "" || len(l.Rules) == 0 || len(l.Controls) == 0 {
				return nil, fault.New(fault.Invalid, "Line %d of the mapping %s lacks tool, rules or controls.", i+1, file.Name)
			}
			for _, c := range l.Controls {
				if known != nil && !known[c] {
					return nil, fault.New(fault.Invalid, "The mapping %s names the control %q, which there is not.", file.Name, c)
				}
			}
		}
		all = append(all, m...)
	}
	return all, nil
}

// NamedFile is a file with its name.
type NamedFile struct {
	Name string
	Data []byte
}

// Library reads the library's own mappings.
func Library(dir fs.FS) ([]NamedFile, error) {
	names, err := fs.Glob(dir, "mapping/*.yaml")
	if err != nil {
		return nil, err
	}
	var out []NamedFile
	for _, name := range names {
		b, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read a mapping: %w", err)
		}
		out = append(out, NamedFile{name, b})
	}
	return out, nil
}

// Controls are the controls of a rule, sorted; none when no line fits it.
func (m Mapping) Controls(tool, rule string) []string {
	best, controls := -1, []string{}
	for _, l := range m {
		if !strings.EqualFold(l.Tool, tool) {
			continue
		}
		for _, r := range l.Rules {
			fits, n := r == rule, len(r)+1
			if before, after, any := strings.Cut(r, "*"); any {
				fits, n = len(rule) >= len(before)+len(after) && strings.HasPrefix(rule, before) && strings.HasSuffix(rule, after), len(before)+len(after)
			}
			if fits && n > best {
				best, controls = n, l.Controls
			}
		}
	}
	out := slices.Clone(controls)
	slices.Sort(out)
	return out
}

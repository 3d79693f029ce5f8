// Package framework holds the 61 trust services criteria. The one rule: a criterion outside the library does not exist, and
// the library refuses to load when its counts are not exactly those of the 2017 edition.
package framework

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"tickmark/content"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// The categories a company chooses from; Common criteria apply to every examination, whatever it chooses.
const (
	Common              = "common"
	Security            = "security"
	Availability        = "availability"
	ProcessingIntegrity = "processing_integrity"
	Confidentiality     = "confidentiality"
	Privacy             = "privacy"
)

// Categories are what an organisation may choose; security is the common criteria and nothing else.
func Categories() []string {
	return []string{Security, Availability, ProcessingIntegrity, Confidentiality, Privacy}
}

// Criterion is one of the 61. All its text but the id is our own.
type Criterion struct {
	ID            string  `yaml:"id" json:"id"` // CC6.1
	Series        string  `yaml:"series" json:"series"`
	Category      string  `yaml:"category" json:"category"`
	Title         string  `yaml:"title" json:"title"`
	COSOPrinciple *int    `yaml:"coso_principle" json:"coso_principle,omitempty"`
	Summary       string  `yaml:"summary" json:"summary"`
	Intent        string  `yaml:"intent" json:"intent"`
	Focus         []Focus `yaml:"focus" json:"focus"`
	AppliesWhen   When    `yaml:"applies_when" json:"applies_when"`
	Version       string  `json:"version"` // of the library: tsc-2017-pof-2022
}

// Focus is a point to think about, never a requirement.
type Focus struct {
	Key     string   `yaml:"key" json:"key"`
	Text    string   `yaml:"text" json:"text"`
	OnlyFor []string `yaml:"only_for" json:"only_for,omitempty"` // categories; empty: always
}

// When says for which chosen categories a criterion is in scope.
type When struct {
	AnyCategory []string `yaml:"any_category" json:"any_category"`
}

// InScope reports whether the criterion belongs to an examination of the chosen categories.
func (c Criterion) InScope(chosen []string) bool {
	return slices.ContainsFunc(c.AppliesWhen.AnyCategory, func(s string) bool { return slices.Contains(chosen, s) })
}

type library struct {
	Version  string      `yaml:"version"`
	Counts   counts      `yaml:"counts"`
	Criteria []Criterion `yaml:"criteria"`
}

type counts struct {
	Total               int `yaml:"total"`
	Common              int `yaml:"common"`
	Availability        int `yaml:"availability"`
	ProcessingIntegrity int `yaml:"processing_integrity"`
	Confidentiality     int `yaml:"confidentiality"`
	Privacy             int `yaml:"privacy"`
}

// CategoryOf is the category that a criterion's id belongs to; the common criteria are security's. Empty: no such series.
func CategoryOf(id string) string {
	for _, c := range []struct{ series, category string }{{"CC", Security}, {"PI", ProcessingIntegrity}, {"A", Availability}, {"C", Confidentiality}, {"P", Privacy}} {
		if rest, ok := strings.CutPrefix(id, c.series); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return c.category
		}
	}
	return ""
}

// Load returns the criteria in the order of the library.
func Load() ([]Criterion, error) {
	const file = "framework/tsc-2017.yaml"
	data, err := fs.ReadFile(content.Framework, file)
	if err != nil {
		return nil, fmt.Errorf("read the criteria: %w", err)
	}
	return parse(file, data)
}

func parse(file string, data []byte) ([]Criterion, error) {
	var lib library
	if err := Read(file, data, &lib); err != nil {
		return nil, err
	}
	got, seen := counts{Total: len(lib.Criteria)}, map[string]bool{}
	for i := range lib.Criteria {
		c := &lib.Criteria[i]
		if seen[c.ID] {
			return nil, fault.New(fault.Invalid, "%s: %s stands twice in the library.", file, c.ID)
		}
		seen[c.ID] = true
		switch c.Category {
		case Common:
			got.Common++
		case Availability:
			got.Availability++
		case ProcessingIntegrity:
			got.ProcessingIntegrity++
		case Confidentiality:
			got.Confidentiality++
		case Privacy:
			got.Privacy++
		default:
			return nil, fault.New(fault.Invalid, "%s: %s has the unknown category %q.", file, c.ID, c.Category)
		}
		for _, s := range c.AppliesWhen.AnyCategory {
			if !slices.Contains(Categories(), s) {
				return nil, fault.New(fault.Invalid, "%s: %s applies to the unknown category %q.", file, c.ID, s)
			}
		}
		c.Version = lib.Version
	}
	// the 2022 revision changed points of focus and no criterion
	edition := counts{Total: 61, Common: 33, Availability: 3, ProcessingIntegrity: 5, Confidentiality: 2, Privacy: 18}
	if got != edition || lib.Counts != edition {
		return nil, fault.New(fault.Invalid, "%s holds %d criteria (%+v), and the 2017 edition has exactly %d.", file, got.Total, got, edition.Total)
	}
	return lib.Criteria, nil
}

// Kind declares the criterion. Its texts come from the library; what the organisation says of it is whether it is relevant.
func Kind() record.Kind {
	return record.Kind{
		Name: "criterion", Title: "Criterion", Plural: "Criteria", Group: "Program",
		Help: "One of the 61 trust services criteria, by its official id and in our own words.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "The official id, such as CC6.1."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "summary", Type: record.Long, Required: true, Hidden: true, Help: "One sentence, in our own words."},
			{Name: "intent", Type: record.Long, Required: true, Hidden: true, Help: "Why it matters and what an auditor is after."},
			{Name: "series", Type: record.Text, Required: true, Indexed: true, Help: "CC1 to CC9, A1, PI1, C1, P1 to P8."},
			{Name: "category", Type: record.Choice, Required: true, Indexed: true,
				Choices: []string{Common, Availability, ProcessingIntegrity, Confidentiality, Privacy}},
			{Name: "coso_principle", Title: "COSO principle", Type: record.Integer, Hidden: true},
			{Name: "focus", Title: "Points of focus", Type: record.Object, List: true, Hidden: true,
				Help: "Points to think about. They are never requirements, and nothing is judged by them.",
				Fields: []record.Field{
					{Name: "key", Type: record.Text, Required: true},
					{Name: "text", Type: record.Text, Required: true},
					{Name: "only_for", Type: record.Choice, List: true, Choices: Categories()},
				}},
			{Name: "applies_when", Type: record.Object, Hidden: true, Required: true, Fields: []record.Field{
				{Name: "any_category", Type: record.Choice, List: true, Required: true, Choices: Categories(),
					Help: "In scope when the organisation chose any of these."},
			}},
			{Name: "version", Title: "Library version", Type: record.Text, Required: true, Hidden: true},
			{Name: "not_relevant_reason", Title: "Why it is not relevant", Type: record.Long, Hidden: true,
				Help: "Only for a criterion in scope that no part of the system touches. It is written when another person agreed to it; the auditor reads this sentence."},
		},
		Guard: reviewed,
	}
}

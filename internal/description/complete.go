package description

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"go.yaml.in/yaml/v3"

	"tickmark/content"
	"tickmark/internal/framework"
	"tickmark/internal/system"
	"tickmark/internal/wording"
)

// Item is a description criterion with what is missing for it, by name. Nothing missing is no judgement on what is said.
type Item struct {
	DC      string   `json:"dc"`
	Title   string   `json:"title"`
	Missing []string `json:"missing"`
}

// Titles of the description criteria, in our own words.
var titles = []string{"Kinds of service provided", "Principal commitments and requirements", "Components of the system", "Incidents", "Criteria and related controls",
	"Controls of user entities", "Subservice organisations", "Criteria that are not relevant", "Significant changes in the period"}

// Complete holds the description against each description criterion. It looks for what is missing and says nothing of what is there.
func (f *File) Complete() []Item {
	items := make([]Item, 0, 9)
	for i, t := range titles {
		if i == 8 && f.Type != "type_2" {
			continue
		}
		items = append(items, Item{DC: fmt.Sprintf("DC %d", i+1), Title: t, Missing: []string{}})
	}
	miss := func(n int, format string, args ...any) {
		items[n-1].Missing = append(items[n-1].Missing, fmt.Sprintf(format, args...))
	}
	for _, p := range Parts() {
		n := int(p.DC[3] - '0')
		text := f.Text(p.Name)
		switch {
		case p.Type2 && f.Type != "type_2":
		case text == "" && !p.Open:
			miss(n, "The part %q has no text.", p.Title)
		default:
			for _, v := range Unfilled(text) {
				miss(n, "The part %q still has the variable %s.", p.Title, v)
			}
		}
	}
	if len(f.Services) == 0 {
		miss(1, "The system %s names no service.", f.SystemName)
	}
	for _, c := range f.Categories {
		if !slices.ContainsFunc(f.Commitments, func(m Commitment) bool { return m.Category == c }) {
			miss(2, "No commitment or requirement for %s held in the period.", strings.ReplaceAll(c, "_", " "))
		}
	}
	if !f.Approved {
		miss(3, "The boundary of %s is not approved.", f.SystemName)
	}
	for _, sort := range []string{"infrastructure", "software", "people", "procedure", "data"} {
		there := slices.ContainsFunc(f.Components, func(c system.Component) bool { return c.Type == sort && c.Outside == "" })
		if !there && !(sort == "data" && len(f.Data) > 0) && !(sort == "people" && len(f.Positions) > 0) && !(sort == "procedure" && len(f.Procedures) > 0) {
			miss(3, "The system has no component of the sort %s.", sort)
		}
	}
	if len(f.Incidents) == 0 && !f.NoIncidents {
		miss(4, "No incident is described, and nothing says that there was none.")
	}
	for _, r := range f.Reported {
		if !slices.ContainsFunc(f.Incidents, func(i Incident) bool { return "finding "+i.Finding == r.ID }) && !f.leftOut(r.ID) {
			miss(4, "An incident of %s is on record (%s, %s) and neither described nor left out with a reason.", r.On, r.ID, r.What)
		}
	}
	f.criteria(miss)
	f.others(miss)
	if f.Type == "type_2" {
		standing := slices.ContainsFunc(f.OnRecord, func(c Change) bool { return !f.leftOut(c.ID) })
		switch {
		case f.NoChanges && standing:
			for _, c := range f.OnRecord {
				if !f.leftOut(c.ID) {
					miss(9, "It says that nothing significant changed, and the records show: %s on %s.", c.ID, c.On)
				}
			}
		case !f.NoChanges && !standing && len(f.Changes) == 0:
			miss(9, "No change is described, and nothing says that there was none.")
		}
	}
	return items
}

func (f *File) leftOut(id string) bool {
	return slices.ContainsFunc(f.LeftOut, func(r Reason) bool { return r.What == id })
}

// Disclosed are the changes that the description shows: those on record that were not left out, and those that people added.
func (f *File) Disclosed() []Change {
	var out []Change
	for _, c := range f.OnRecord {
		if !f.leftOut(c.ID) {
			out = append(out, c)
		}
	}
	out = append(out, f.Changes...)
	slices.SortStableFunc(out, func(a, b Change) int { return strings.Compare(a.On, b.On) })
	return out
}

// criteria asks for a control or a reason for each criterion in scope, and for known criteria everywhere.
func (f *File) criteria(miss func(int, string, ...any)) {
	scope, err := f.Scope()
	if err != nil {
		miss(5, "The criteria cannot be read: %v.", err)
		return
	}
	known := func(id string) bool {
		return slices.ContainsFunc(scope, func(c framework.Criterion) bool { return c.ID == id })
	}
	for _, c := range scope {
		controlled := slices.ContainsFunc(f.Controls, func(x Control) bool { return slices.Contains(x.Criteria, c.ID) })
		apart := slices.ContainsFunc(f.NotRelevant, func(r Reason) bool { return r.Criterion == c.ID })
		switch {
		case !controlled && !apart:
			miss(5, "No control in operation speaks for %s, and nothing says why it is not relevant.", c.ID)
		case controlled && apart:
			miss(8, "%s is said to be not relevant, and controls speak for it.", c.ID)
		}
	}
	for _, r := range f.NotRelevant {
		if !known(r.Criterion) {
			miss(8, "%s is no criterion in scope.", r.Criterion)
		}
		if strings.TrimSpace(r.Reason) == "" {
			miss(8, "%s is said to be not relevant, and nothing says why.", r.Criterion)
		}
	}
	if len(f.UserControls) == 0 && !f.NoUserControls {
		miss(6, "No control of user entities is named, and nothing says that none is needed.")
	}
	for _, u := range f.UserControls {
		for _, id := range u.Criteria {
			if !known(id) {
				miss(6, "%q names %s, which is no criterion in scope.", u.Text, id)
			}
		}
		if len(u.Criteria) == 0 {
			miss(6, "%q belongs to no criterion.", u.Text)
		}
	}
}

// others asks how each third party of the system is treated.
func (f *File) others(miss func(int, string, ...any)) {
	treated := map[string]bool{}
	for _, s := range f.Subservice {
		treated[s.Name] = true
		if s.Method == "carve_out" && len(s.Criteria) == 0 {
			miss(7, "%s is carved out, and nothing says which criteria its controls help to meet.", s.Name)
		}
	}
	for _, v := range f.Vendors {
		treated[v.Name] = true
	}
	for _, c := range f.Components {
		if c.Type == "third_party" && c.Outside == "" && !treated[c.Name] {
			miss(7, "The third party %s is neither treated as a subservice organisation nor said to be none.", c.Name)
		}
	}
}

var variable = regexp.MustCompile(`\{\{[^{}]*\}\}`)

// Unfilled are the variables of a template that still stand in a text.
func Unfilled(text string) []string { return variable.FindAllString(text, -1) }

// Template is what each part begins from.
var Template = sync.OnceValues(func() (map[string]string, error) {
	b, err := content.Description.ReadFile("description/template.yaml")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	if err := yaml.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("read the template of descriptions: %w", err)
	}
	return out, nil
})

// Begun is the body of a new description, each part with the template's words. Without a first day it is of a Type I.
func Begun(id, system, from, to string, more []string) ([]byte, error) {
	body := map[string]any{"id": id, "name": "Description " + id, "system": system, "type": "type_1", "to": to, "categories": append([]string{framework.Security}, more...)}
	if from != "" {
		body["type"], body["from"] = "type_2", from
	}
	templates, err := Template()
	if err != nil {
		return nil, err
	}
	for name, text := range templates {
		body[name] = text
	}
	return json.Marshal(body)
}

// Warning is something about a text that its writer should look at. It refuses nothing.
type Warning struct {
	Part string `json:"part"`
	Says string `json:"says"`
}

// resembles is the share of a text's runs of words that may be the template's before it is taken for boilerplate.
const resembles = 0.5

var praise = regexp.MustCompile(`(?i)\b(world[ -]class|best[ -]in[ -]class|best[ -]of[ -]breed|state[ -]of[ -]the[ -]art|cutting[ -]edge|industry[ -]leading|bank[ -]grade|military[ -]grade|unbreakable|bulletproof|fully secure|(?:100|hundred) ?(?:%|percent) secure)\b`)

// Warnings are boilerplate, praise and wrong words in what people wrote.
func (f *File) Warnings() ([]Warning, error) {
	templates, err := Template()
	if err != nil {
		return nil, err
	}
	out := []Warning{}
	for _, t := range f.Texts {
		if share := Likeness(t.Text, templates[t.Name]); share >= resembles {
			out = append(out, Warning{t.Title, fmt.Sprintf("%d percent of it are the template's words; say what is so in this system.", int(share*100+.5))})
		}
		for _, p := range praise.FindAllString(t.Text, -1) {
			out = append(out, Warning{t.Title, fmt.Sprintf("%q praises; a description states facts.", p)})
		}
		for _, w := range wording.Check(t.Text) {
			out = append(out, Warning{t.Title, fmt.Sprintf("%q: say %s. %s", w.Text, w.Say, w.Why)})
		}
	}
	return out, nil
}

// run is how many words are compared at once.
const run = 4

// Likeness is the share of a text's runs of four words that stand in a template too, from 0 to 1. Variables count as no words.
func Likeness(text, template string) float64 {
	known := map[string]bool{}
	for _, r := range runs(template) {
		known[r] = true
	}
	all := runs(text)
	same := 0
	for _, r := range all {
		if known[r] {
			same++
		}
	}
	if len(all) == 0 {
		return 0
	}
	return float64(same) / float64(len(all))
}

func runs(text string) []string {
	var out []string
	for _, piece := range variable.Split(text, -1) {
		words := strings.FieldsFunc(strings.ToLower(piece), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for i := 0; i+run <= len(words); i++ {
			out = append(out, strings.Join(words[i:i+run], " "))
		}
	}
	return out
}

package workpaper

import (
	"slices"
	"strconv"

	"tickmark/internal/engagement"
	"tickmark/internal/record"
	"tickmark/internal/sample"
)

// Pointer is what a rule says of one attribute: a marker with its reason, or, without a marker, what has to be answered first.
type Pointer struct{ Attribute, Marker, Reason string }

// Pointed is what the rules point at as a paper stands, before anybody concludes. It records nothing, and an empty list says
// nothing for the control.
func Pointed(look record.Look, paper map[string]any) ([]Pointer, error) {
	population, rows, err := frozenPopulation(look, paper)
	if err != nil || population == nil {
		return nil, nil // what is not frozen has no results yet
	}
	samples, err := samplesOf(look, paper)
	if err != nil {
		return nil, err
	}
	all, err := deviationsOf(look, paper)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(d map[string]any) bool { return d[record.StateField] == "not_a_deviation" })
	var out []Pointer
	for _, a := range engagement.Objects(paper, "attributes") {
		id := engagement.Text(a, "id")
		o, err := sample.Evaluate(resultsOf(paper, population, rows, samples, id, all))
		if err != nil {
			out = append(out, Pointer{id, "", "Its results cannot be evaluated yet: " + err.Error() + "."})
			continue
		}
		for _, m := range o.Markers {
			out = append(out, Pointer{id, m.Marker, m.Reason})
		}
		for _, open := range o.Open {
			out = append(out, Pointer{id, "", open})
		}
	}
	return out, nil
}

// Row is one item of a paper's grid, in the order in which it was drawn.
type Row struct {
	Item, Sample string // Sample is the key of the sample that has it; empty: only the grid names it
	Targeted     bool   // added on purpose; never projected
}

// Rows are the items of a paper's grid: those of the samples that count, and after them what only its cells name.
func Rows(look record.Look, paper map[string]any) ([]Row, error) {
	var out []Row
	seen := map[string]bool{}
	if engagement.Text(paper, PopulationName) != "" {
		found, err := look.Find(SampleName, PopulationName, paper[PopulationName])
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(found, func(a, b record.Version) int { return a.From.Time().Compare(b.From.Time()) })
		for _, v := range found {
			s, err := engagement.Body(v)
			if err != nil {
				return nil, err
			}
			if s["control"] != paper["control"] || slices.Contains([]string{"designed", "voided"}, engagement.Text(s, record.StateField)) {
				continue
			}
			aimed := map[string]bool{}
			for _, t := range engagement.Objects(s, "targeted") {
				aimed[strconv.Itoa(Whole(t["position"]))] = true
			}
			for _, i := range Items(s) {
				if !seen[i] {
					out = append(out, Row{Item: i, Sample: v.Key, Targeted: aimed[i]})
				}
				seen[i] = true
			}
		}
	}
	for _, c := range engagement.Objects(paper, "grid") {
		if i := engagement.Text(c, "item"); !seen[i] {
			seen[i] = true
			out = append(out, Row{Item: i})
		}
	}
	return out, nil
}

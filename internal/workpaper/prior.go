package workpaper

import (
	"slices"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/sample"
)

// Prior is what came of a control in the engagement before: how many items were tested, and how many deviated.
type Prior struct {
	Control    string `json:"control"`
	Tested     int    `json:"tested"`
	Deviations int    `json:"deviations"`
}

// PriorOf are the controls of an engagement that deviated in it.
func PriorOf(look record.Look, id string) ([]Prior, error) {
	all, err := engagement.Found(look, DeviationName, engagement.Name, id)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, d := range all {
		if d[record.StateField] != "not_a_deviation" {
			count[engagement.Text(d, "control")]++
		}
	}
	samples, err := engagement.Found(look, SampleName, engagement.Name, id)
	if err != nil {
		return nil, err
	}
	var out []Prior
	for control, n := range count {
		p := Prior{Control: control, Deviations: n}
		for _, s := range samples {
			if s["control"] == control && !slices.Contains([]string{"designed", "voided"}, engagement.Text(s, record.StateField)) {
				p.Tested += len(numbers(s, "tested"))
			}
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Prior) int { return strings.Compare(a.Control, b.Control) })
	return out, nil
}

// raised refuses a sample that is no larger than last year's though items deviated then, unless a reason says why.
func raised(look record.Look, e, p, s map[string]any) error {
	prior := engagement.Text(e, "prior")
	size, rows := Whole(s["size"]), Whole(p["row_count"])
	if prior == "" || engagement.Text(s, "extends") != "" || engagement.Text(s, "method") == string(sample.All) || size >= rows || engagement.Text(s, "not_raised") != "" {
		return nil
	}
	before, err := PriorOf(look, prior)
	if err != nil {
		return err
	}
	for _, b := range before {
		if b.Control == engagement.Text(s, "control") && size <= b.Tested {
			return fault.New(fault.Conflict, "In %s %d of %d items of %s deviated, and %d now are no more than then.", prior, b.Deviations, b.Tested, b.Control, size).
				WithNext("Raise the size above %d, or say under not_raised why it stays.", b.Tested)
		}
	}
	return nil
}

package workpaper

import (
	"slices"
	"strconv"
	"strings"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/sample"
)

// judged holds a conclusion against the deviations of the control, and records what the rules point at: sample.Evaluate says it,
// and what a softer conclusion needs.
func judged(look record.Look, paper, population map[string]any, rows int, actor record.Actor) error {
	all, err := deviationsOf(look, paper)
	if err != nil {
		return err
	}
	if err := onRecord(paper, all); err != nil {
		return err
	}
	result := engagement.Text(paper, "result")
	standing := slices.DeleteFunc(all, func(d map[string]any) bool { return d[record.StateField] == "not_a_deviation" })
	var undecided []string
	for _, d := range standing {
		switch engagement.Text(d, record.StateField) {
		case "suspected_fraud":
			return fault.New(fault.Conflict, "A fraud is suspected (%s), which blocks every conclusion on the control.", engagement.Text(d, "name")).WithNext("Answer what it does to risk, evidence, representations, communication and the engagement itself.")
		case "identified", "fact_confirmed", "cause_assessed", "doubted":
			undecided = append(undecided, engagement.Text(d, "name"))
		}
	}
	switch {
	case len(undecided) > 0:
		return fault.New(fault.Conflict, "These deviations are not decided on: %s.", strings.Join(undecided, ", "))
	case len(standing) > 0 && result == Effective:
		return fault.New(fault.Conflict, "%d deviations stand, so the control is not simply effective.", len(standing)).WithNext("Conclude effective_with_deviation or not_effective; a deviation is never removed by its repair.")
	case len(standing) == 0 && result == EffectiveWithDeviation:
		return fault.New(fault.Conflict, "No deviation is on record, so the control is not effective with one.").WithNext("Record the deviation, or conclude effective.")
	}
	paper["rule_output"] = []any{}
	if population == nil { // a test of one has no rows to count
		return nil
	}
	grounds, err := groundsOf(look, paper, actor)
	if err != nil {
		return err
	}
	samples, err := samplesOf(look, paper)
	if err != nil {
		return err
	}
	var output []any
	for _, a := range engagement.Objects(paper, "attributes") {
		r := resultsOf(paper, population, rows, samples, engagement.Text(a, "id"), standing)
		o, err := sample.Evaluate(r)
		if err != nil {
			return fault.New(fault.Conflict, "Attribute %s cannot be evaluated: %v.", engagement.Text(a, "id"), err)
		}
		for _, m := range o.Markers {
			output = append(output, map[string]any{"attribute": engagement.Text(a, "id"), "marker": m.Marker, "reason": m.Reason})
		}
		c := sample.Conclusion(result)
		if len(r.Deviations) == 0 && c == sample.EffectiveWithDeviation {
			c = sample.Effective // of another attribute, or found outside the sample
		}
		lacks, err := sample.Lacks(r, c, grounds)
		if err != nil {
			return err
		}
		if len(lacks) > 0 {
			return fault.New(fault.Conflict, "Attribute %s does not support the conclusion %s: %s", engagement.Text(a, "id"), words(result), strings.Join(lacks, " ")).
				WithNext("Record what is missing, or conclude not_effective, which needs nothing more.")
		}
	}
	if output != nil {
		paper["rule_output"] = output
	}
	return nil
}

// onRecord refuses a cell that deviates and stands in no deviation.
func onRecord(paper map[string]any, deviations []map[string]any) error {
	for _, c := range engagement.Objects(paper, "grid") {
		if c["mark"] == Deviates && !slices.ContainsFunc(deviations, func(d map[string]any) bool {
			return d["item"] == c["item"] && slices.Contains(engagement.List(d, "attributes"), engagement.Text(c, "attribute"))
		}) {
			return fault.New(fault.Conflict, "Item %s deviates in %s, and no deviation is on record.", engagement.Text(c, "item"), engagement.Text(c, "attribute")).WithNext("Record it: tickmark put deviation.")
		}
	}
	return nil
}

// resultsOf counts one attribute over the drawn items of all draws; targeted items are left out, for they are never projected.
func resultsOf(paper, population map[string]any, rows int, samples []map[string]any, attribute string, standing []map[string]any) sample.Results {
	r := sample.Results{Population: rows, Complete: sample.No, Planned: Whole(paper["planned"]),
		Concentrated: sample.Judgement{Answer: sample.Answer(engagement.Text(paper, "concentrated")), Reason: engagement.Text(paper, "concentrated_reason")},
		Persistent:   sample.Judgement{Answer: sample.Answer(engagement.Text(paper, "persistent")), Reason: engagement.Text(paper, "persistent_reason")}}
	if population["complete"] == true {
		r.Complete = sample.Yes
	}
	drawn := map[string]bool{}
	for _, s := range samples {
		for _, i := range numbers(s, "tested") {
			drawn[strconv.Itoa(i)] = true
		}
	}
	r.Size = len(drawn)
	for _, c := range engagement.Objects(paper, "grid") {
		if drawn[engagement.Text(c, "item")] && c["attribute"] == attribute && c["mark"] != followsUp {
			r.Tested++
		}
	}
	for _, d := range standing {
		if drawn[engagement.Text(d, "item")] && slices.Contains(engagement.List(d, "attributes"), attribute) {
			item, _ := strconv.Atoi(engagement.Text(d, "item"))
			r.Deviations = append(r.Deviations, sample.Deviation{Item: item, Kind: sample.DeviationKind(engagement.Text(d, "sort")), Cause: engagement.Text(d, "cause"), Episode: engagement.Text(d, "episode"),
				Design: sample.Answer(engagement.Text(d, "by_design")), Factors: engagement.Text(d, "factors"), Slice: engagement.Text(d, "slice"), Covered: engagement.Text(d, "covered_by")})
		}
	}
	return r
}

// groundsOf is what the paper's conclusion rests on besides its results. Before the review begins the reviewer is still to come, and
// is asked for again when the paper is signed as reviewed.
func groundsOf(look record.Look, paper map[string]any, actor record.Actor) (sample.Grounds, error) {
	g := sample.Grounds{By: engagement.Text(paper, "prepared_by"), Reason: engagement.Text(paper, "softer_reason"), Reviewer: "the reviewer to come", Partner: engagement.Text(paper, "partner_reason")}
	if paper[record.StateField] == "reviewed" {
		g.Reviewer = actor.Person
	}
	papers, err := engagement.Found(look, Name, engagement.Name, paper[engagement.Name])
	if err != nil {
		return g, err
	}
	for _, id := range engagement.List(paper, "compensating") {
		for _, b := range papers {
			if b["control"] == id && id != engagement.Text(paper, "control") && b["result"] == Effective && slices.Contains([]string{"reviewed", "partner_signed"}, engagement.Text(b, record.StateField)) {
				g.Compensating = id
			}
		}
	}
	return g, nil
}

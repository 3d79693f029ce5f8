package risk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Scenarios are the frauds that each assessment must have looked at.
var Scenarios = []string{"misuse_of_access", "theft_of_data", "false_records", "management_override"}

// assessment is an assessment as its record says it.
type assessment struct {
	Method, Growth, Changes string
	Systems, Participants   []string
	Fraud                   []struct{ Scenario, Incentive, Opportunity, Rationalisation, Response string }
}

func readAssessment(body map[string]any) (a assessment, err error) {
	b, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		err = fmt.Errorf("read a risk assessment: %w", err)
	}
	return a, err
}

// AssessmentKind declares the assessment of all risks of some systems: planned, in progress, submitted, approved. The register and the
// matrix that were approved are the records as of that moment.
func AssessmentKind() record.Kind {
	return record.Kind{
		Name: "risk_assessment", Title: "Risk assessment", Plural: "Risk assessments", Group: "Program",
		Help: "All risks of the systems in scope, looked at together by several people and approved. What was approved is the register as of that moment.",
		Key:  "id", Label: "title",
		Fields: append([]record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as 2027."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "planned", Title: "Planned for", Type: record.Date, Indexed: true},
			{Name: "systems", Type: record.Ref, Refers: "system", List: true, Required: true, Hidden: true, Help: "Whose assets and risks are looked at."},
			{Name: "participants", Type: record.Ref, Refers: "person", List: true, Hidden: true, Help: "Who took part: from engineering, people, legal, product."},
			{Name: "method", Type: record.Long, Hidden: true, Help: "How risks are found and rated, and what is accepted without more."},
			{Name: "growth", Title: "Growth, places and providers", Type: record.Long, Hidden: true, Help: "What growth, new places, new people and new providers bring with them."},
			{Name: "changes", Title: "Changes", Type: record.Long, Hidden: true, Help: "Of the surroundings, the business model and who leads, and what they mean."},
			{Name: "fraud", Type: record.Object, List: true, Hidden: true, Help: "At least one of each scenario: misuse of access, theft of data, false records, management override.", Fields: []record.Field{
				{Name: "scenario", Type: record.Choice, Required: true, Choices: append(slices.Clone(Scenarios), "other")},
				{Name: "incentive", Type: record.Text, Required: true},
				{Name: "opportunity", Type: record.Text, Required: true},
				{Name: "rationalisation", Type: record.Text, Help: "How whoever did it would excuse it."},
				{Name: "response", Type: record.Text, Required: true},
			}},
			{Name: "conclusion", Type: record.Long, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: assessmentMachine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "planned_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "planned_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "began_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "submitted_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "submitted_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Indexed: true},
			{Name: "returned_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "returned_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "cancelled_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "cancelled_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "cancelled_reason", Type: record.Long, Fixed: true, Hidden: true},
		}, approval.Fields()...),
		States: assessmentMachine(),
		Check:  complete,
	}
}

func assessmentMachine() *record.Machine {
	why := func(name string) []record.Field {
		return []record.Field{{Name: name, Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}
	}
	return &record.Machine{
		Initial: "planned", By: "planned_by", At: "planned_at", Authors: "authors", Frozen: []string{"pending_approval", "approved"},
		Moves: append([]record.Move{
			{Name: "begin", Title: "Begin", From: []string{"planned"}, To: "in_progress", At: "began_at"},
			{Name: "submit", Title: "Submit for approval", From: []string{"in_progress"}, To: "pending_approval", By: "submitted_by", At: "submitted_at", Guard: submit},
			{Name: "return", Title: "Send back", From: []string{"pending_approval"}, To: "in_progress", By: "returned_by", Fields: why("returned_reason")},
			{Name: "approve", Title: "Approve", From: []string{"pending_approval"}, To: "approved", By: "approved_by", At: "approved_at", Guard: rules.Approve},
			{Name: "cancel", Title: "Cancel", From: []string{"planned", "in_progress"}, To: "cancelled", By: "cancelled_by", At: "cancelled_at", Fields: why("cancelled_reason")},
		}, rules.Moves()...),
	}
}

func submit(before, _ map[string]any, actor record.Actor) error {
	a, err := readAssessment(before)
	if err != nil {
		return err
	}
	var lacks []string
	for _, f := range []struct{ name, said string }{{"method", a.Method}, {"growth", a.Growth}, {"changes", a.Changes}} {
		if strings.TrimSpace(f.said) == "" {
			lacks = append(lacks, f.name)
		}
	}
	if len(a.Participants) < 2 {
		lacks = append(lacks, "a second participant")
	}
	for _, s := range Scenarios {
		if !slices.ContainsFunc(a.Fraud, func(f struct{ Scenario, Incentive, Opportunity, Rationalisation, Response string }) bool {
			return f.Scenario == s
		}) {
			lacks = append(lacks, "the fraud "+strings.ReplaceAll(s, "_", " "))
		}
	}
	if len(lacks) > 0 {
		return fault.New(fault.Invalid, "The assessment lacks %s.", list(lacks)).WithNext("Fill that in first.")
	}
	return record.Apart(actor, "submit it")
}

// rules are how an assessment is approved: by somebody who neither wrote nor submitted it, or in a small team by its author with a later review.
var rules = approval.Rules{From: "pending_approval", To: "approved", Standing: []string{"approved"}, Parties: func(before map[string]any) ([]record.Party, error) {
	parties, err := approval.Authors("risk assessment", "Take it back and write it again.")(before)
	return append(parties, record.Party{Role: "the one who submitted it", Stamp: text(before, "submitted_by")}), err
}}

// complete refuses an assessment that left out an asset of its systems, or a risk: when it is submitted, and again when it is approved, since
// the register may have changed in between.
func complete(look record.Look, before, after map[string]any, _ record.Actor) error {
	if err := approval.SmallTeam(look, before, after); err != nil {
		return err
	}
	state := text(after, record.StateField)
	if text(before, record.StateField) == state || state != "pending_approval" && state != "approved" {
		return nil
	}
	a, err := readAssessment(after)
	if err != nil {
		return err
	}
	today := look.At.UTC().Format("2006-01-02")
	assessed := map[string]bool{}
	for _, system := range a.Systems {
		risks, err := look.Find("risk", "system", system)
		if err != nil {
			return err
		}
		assets, err := look.Find("asset", "system", system)
		if err != nil {
			return err
		}
		held := 0
		for _, v := range assets {
			x, err := ReadAsset(v)
			if err != nil {
				return err
			}
			if !x.Held(today) {
				continue
			}
			held++
			if !x.Levelled() {
				return fault.New(fault.Conflict, "The asset %s does not say how much confidentiality, integrity and availability it needs.", v.Key).WithNext("Fill in the three levels.")
			}
			of, err := look.Find("risk", "assets", v.Key)
			if err != nil {
				return err
			}
			risks = append(risks, of...)
			for _, r := range of {
				var b struct{ State string }
				if err := json.Unmarshal(r.Body, &b); err != nil {
					return err
				}
				assessed[v.Key] = assessed[v.Key] || b.State != "identified"
			}
			if !assessed[v.Key] {
				return fault.New(fault.Conflict, "No risk of the asset %s was analysed.", v.Key).WithNext("Analyse one, or end the asset.")
			}
		}
		if held == 0 {
			return fault.New(fault.Conflict, "The system %s has no assets on record, so nothing shows that all were looked at.", system).WithNext("Write its assets: tickmark put asset.")
		}
		for _, r := range risks {
			var b struct{ State string }
			if err := json.Unmarshal(r.Body, &b); err != nil {
				return err
			}
			if b.State == "identified" {
				return fault.New(fault.Conflict, "The risk %s was not analysed.", r.Key).WithNext("Its owner finishes the analysis first.")
			}
		}
	}
	return nil
}

package workpaper

import (
	"slices"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// DeviationName and NoteName are kinds of the file.
const (
	DeviationName = "deviation"
	NoteName      = "review_note"
)

// DeviationKind declares an occasion on which a control did not operate as described. Its repair never removes it.
func DeviationKind() record.Kind {
	person := func(name string) record.Field {
		return record.Field{Name: name, Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}
	}
	moment := func(name string) record.Field {
		return record.Field{Name: name, Type: record.Time, Fixed: true, Hidden: true}
	}
	said := func(name, title string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Fixed: true, Hidden: true}
	}
	return record.Kind{
		Name: DeviationName, Title: "Deviation", Plural: "Deviations", Group: "Examination", Room: record.Auditor,
		Help:  "An occasion on which a control did not operate as described, with its facts, cause and disposition. Its repair stands beside it and never removes it.",
		Label: "name",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "control", Type: record.Text, Required: true, Indexed: true},
			{Name: "item", Type: record.Text, Help: "The item of the sample, as the grid names it; empty when it was found otherwise."},
			{Name: "attributes", Type: record.Text, List: true, Help: "Which of the paper's attributes."},
			{Name: "sort", Type: record.Choice, Required: true, Choices: []string{"wrong", "late", "not_done", "no_evidence"}, Help: "Done wrongly, late, not at all, or without anything that shows it."},
			{Name: "facts", Type: record.Long, Required: true, Help: "What happened, when, and what shows it."},
			{Name: "occurred", Type: record.Date, Help: "The day on which it happened."},
			said("confirmed", "What the company said of the facts"),
			{Name: "cause", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "cause_sort", Title: "Sort of cause", Type: record.Choice, Choices: []string{"isolated", "systematic", "intentional"}, Fixed: true, Help: "Empty until a person decides."},
			{Name: "episode", Type: record.Text, Fixed: true, Hidden: true, Help: "What went wrong at one time for one reason is one episode."},
			{Name: "by_design", Title: "Its cause lies in the design", Type: record.Choice, Choices: []string{"yes", "no"}, Fixed: true, Hidden: true},
			{Name: "factors", Title: "What was weighed of its lateness", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "slice", Title: "Part of the window it speaks for", Type: record.Text, Fixed: true, Hidden: true},
			{Name: "covered_by", Title: "Tested control that covered it", Type: record.Text, Fixed: true, Hidden: true},
			said("harm", "Whether harm came of it"),
			{Name: "disposition", Type: record.Choice, Choices: []string{"extend", "full_test", "not_effective", "effective_with_deviation"}, Fixed: true},
			said("disposition_reason", ""),
			{Name: "criteria", Title: "Criteria it bears on", Type: record.Text, List: true, Fixed: true, Hidden: true},
			{Name: "response", Title: "Management's response", Type: record.Long, Fixed: true, Hidden: true, Help: "Management's own words, not examined."},
			{Name: "responded_for", Title: "Who responded", Type: record.Text, Fixed: true, Hidden: true},
			said("remediation", "What was repaired, and when"),
			said("doubt", "Why it is no deviation"),
			said("fraud", "Why fraud is suspected"), said("fraud_risk", "What it does to the risk"), said("fraud_evidence", "What it does to the reliability of evidence"),
			said("fraud_representations", "What it does to representations"), said("fraud_communication", "Who was told"), said("fraud_withdrawal", "Whether the firm goes on"),
			{Name: "suspected", Title: "Fraud was suspected", Type: record.Bool, Fixed: true, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: deviating().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
			person("identified_by"), moment("identified_at"), person("confirmed_by"), moment("confirmed_at"), person("assessed_by"), moment("assessed_at"),
			person("decided_by"), moment("decided_at"), person("response_by"), moment("response_at"), person("reported_by"), moment("reported_at"),
			person("doubted_by"), moment("doubted_at"), person("agreed_by"), moment("agreed_at"), person("suspected_by"), moment("suspected_at"), person("answered_by"), moment("answered_at"),
		},
		States: deviating(), Check: weighed,
		Guard: func(before, after map[string]any, _ record.Actor) error {
			if before != nil && (before[engagement.Name] != after[engagement.Name] || before["control"] != after["control"] || before["item"] != after["item"]) {
				return fault.New(fault.Conflict, "A deviation stays that of its control and item.").WithNext("Record another one.")
			}
			return nil
		},
	}
}

func deviating() *record.Machine {
	long := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	undecided := []string{"identified", "fact_confirmed", "cause_assessed"}
	return &record.Machine{Initial: "identified", By: "identified_by", At: "identified_at", Authors: "authors",
		Frozen: []string{"fact_confirmed", "cause_assessed", "disposition_set", "response_received", "suspected_fraud", "doubted"},
		Moves: []record.Move{
			{Name: "confirm_facts", Title: "Confirm the facts", From: []string{"identified"}, To: "fact_confirmed", By: "confirmed_by", At: "confirmed_at",
				Fields: []record.Field{long("confirmed", "What the company said", "Say what was shown to whom, and what proof that existed before was considered.")}},
			{Name: "assess", Title: "Record the cause", From: []string{"fact_confirmed"}, To: "cause_assessed", By: "assessed_by", At: "assessed_at", Fields: []record.Field{
				long("cause", "Cause", "Say why it happened."),
				{Name: "cause_sort", Title: "Sort of cause", Type: record.Choice, Choices: []string{"isolated", "systematic", "intentional"}, Required: true, Help: "Isolated, systematic, or intentional."},
				{Name: "episode", Type: record.Text, Required: true, Help: "Name the occasion; what went wrong at one time for one reason is one."},
				{Name: "by_design", Title: "Does its cause lie in the design?", Type: record.Choice, Choices: []string{"yes", "no"}, Required: true, Help: "Yes or no."},
				{Name: "factors", Title: "What was weighed of its lateness", Type: record.Long, Help: "For what was late."},
				{Name: "slice", Title: "Part of the window it speaks for", Type: record.Text, Help: "Such as 2026-01-01 to 2026-03-31; where it was not done or not shown."},
				{Name: "covered_by", Title: "Tested control that covered it", Type: record.Text, Help: "For that part of the window, if any."},
				long("harm", "Whether harm came of it", "Say what was looked at: was the account used, was the change malicious?")}},
			{Name: "dispose", Title: "Decide", From: []string{"cause_assessed"}, To: "disposition_set", By: "decided_by", At: "decided_at", Fields: []record.Field{
				{Name: "disposition", Type: record.Choice, Choices: []string{"extend", "full_test", "not_effective", "effective_with_deviation"}, Required: true, Help: "Extend the sample, test everything, or conclude."},
				long("disposition_reason", "Reason", "Say why."),
				{Name: "criteria", Title: "Criteria it bears on", Type: record.Text, List: true}}},
			{Name: "respond", Title: "Enter management's response", From: []string{"disposition_set"}, To: "response_received", By: "response_by", At: "response_at", Fields: []record.Field{
				long("response", "Management's response", "In management's own words; write that there is none where there is none."),
				{Name: "responded_for", Title: "Who responded", Type: record.Text, Required: true, Help: "Name the executive, or who was asked in vain."},
				{Name: "remediation", Title: "What was repaired, and when", Type: record.Long}}},
			{Name: "report", Title: "Put in the report", From: []string{"response_received"}, To: "reported", By: "reported_by", At: "reported_at"},
			{Name: "doubt", Title: "Propose that it is no deviation", From: undecided, To: "doubted", By: "doubted_by", At: "doubted_at",
				Fields: []record.Field{long("doubt", "Why it is no deviation", "Say why the control as described was not breached. A later repair is no reason.")}},
			{Name: "agree", Title: "Agree that it is no deviation", From: []string{"doubted"}, To: "not_a_deviation", By: "agreed_by", At: "agreed_at", Guard: func(before, _ map[string]any, actor record.Actor) error {
				parties := []record.Party{{Role: "the one who proposed it", Stamp: engagement.Text(before, "doubted_by")}}
				return record.Apart(actor, "agree that it is no deviation", parties...)
			}},
			{Name: "disagree", Title: "Disagree: it is one", From: []string{"doubted"}, To: "identified", By: "agreed_by", At: "agreed_at"},
			{Name: "suspect", Title: "Suspect fraud", From: append([]string{"disposition_set", "response_received"}, undecided...), To: "suspected_fraud", By: "suspected_by", At: "suspected_at",
				Fields: []record.Field{long("fraud", "Why fraud is suspected", "Say what points at it. Only the firm sees this.")},
				Guard: func(_, after map[string]any, _ record.Actor) error {
					after["suspected"] = true
					return nil
				}},
			{Name: "answer", Title: "Answer the suspicion", From: []string{"suspected_fraud"}, To: "fact_confirmed", By: "answered_by", At: "answered_at", Fields: []record.Field{
				long("fraud_risk", "What it does to the risk", "Say how the risk and the other tests change."), long("fraud_evidence", "Reliability of evidence", "Say which evidence is relied on no more."),
				long("fraud_representations", "Representations", "Say whether management's word is still relied on."), long("fraud_communication", "Communication", "Say who was told, and when."),
				long("fraud_withdrawal", "Whether the firm goes on", "Say whether the firm goes on, and why.")}},
		}}
}

// weighed says who may act on a deviation, and holds it to its paper.
func weighed(look record.Look, before, after map[string]any, actor record.Actor) error {
	was, is := engagement.Text(before, record.StateField), engagement.Text(after, record.StateField)
	act, roles := "work on its deviations", engagement.Workers()
	switch {
	case was == "suspected_fraud":
		act, roles = "answer a suspicion of fraud", []engagement.Role{engagement.Partner}
	case was != is && slices.Contains([]string{"disposition_set", "not_a_deviation"}, is), was == "doubted":
		act, roles = "decide on its deviations", engagement.Reviewers()
	}
	if is == "reported" && actor.IsJob() {
		return nil
	}
	if _, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, act, roles...); err != nil {
		return err
	}
	papers, err := engagement.Found(look, Name, engagement.Name, after[engagement.Name])
	if err != nil {
		return err
	}
	i := slices.IndexFunc(papers, func(b map[string]any) bool { return b["control"] == after["control"] })
	if i < 0 {
		return fault.New(fault.Invalid, "There is no paper of %s.", engagement.Text(after, "control")).WithNext("Write its paper first.")
	}
	if before == nil && engagement.Text(after, "item") != "" {
		for _, a := range engagement.List(after, "attributes") {
			if !slices.ContainsFunc(engagement.Objects(papers[i], "attributes"), func(o map[string]any) bool { return o["id"] == a }) {
				return fault.New(fault.Invalid, "The paper of %s has no attribute %s.", engagement.Text(after, "control"), a)
			}
		}
	}
	return nil
}

// deviationsOf are the deviations of a paper's control.
func deviationsOf(look record.Look, paper map[string]any) ([]map[string]any, error) {
	all, err := engagement.Found(look, DeviationName, engagement.Name, paper[engagement.Name])
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(d map[string]any) bool { return d["control"] != paper["control"] }), nil
}

// NoteKind declares a reviewer's note on a paper; the paper is not reviewed while it is open.
func NoteKind() record.Kind {
	return record.Kind{
		Name: NoteName, Title: "Review note", Plural: "Review notes", Group: "Examination", Room: record.Auditor,
		Help: "What a reviewer asks about a paper, and what came of it.", Label: "note",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "paper", Type: record.Ref, Refers: Name, Required: true, Indexed: true},
			{Name: "note", Type: record.Long, Required: true},
			{Name: "answer", Type: record.Long, Fixed: true},
			{Name: record.StateField, Type: record.Choice, Choices: noted().States(), Fixed: true, Indexed: true},
			{Name: "raised_by", Type: record.Ref, Refers: "person", Fixed: true}, {Name: "raised_at", Type: record.Time, Fixed: true},
			{Name: "answered_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "answered_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "closed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "closed_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: noted(),
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			roles, act := engagement.Workers(), "answer its review notes"
			if before == nil || after[record.StateField] == "closed" || before[record.StateField] == "answered" {
				roles, act = append(engagement.Reviewers(), engagement.QualityReviewer), "raise and close review notes"
			}
			if _, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, act, roles...); err != nil {
				return err
			}
			v, err := look.Get(Name, engagement.Text(after, "paper"))
			if err != nil {
				return err
			}
			b, err := engagement.Body(v)
			if err != nil {
				return err
			}
			if b[engagement.Name] != after[engagement.Name] {
				return fault.New(fault.Invalid, "The paper %s is of another engagement.", engagement.Text(b, "reference"))
			}
			return nil
		},
	}
}

func noted() *record.Machine {
	return &record.Machine{Initial: "open", By: "raised_by", At: "raised_at", Frozen: []string{"answered"}, Moves: []record.Move{
		{Name: "answer", Title: "Answer", From: []string{"open"}, To: "answered", By: "answered_by", At: "answered_at",
			Fields: []record.Field{{Name: "answer", Type: record.Long, Required: true, Help: "Say what was changed, or why nothing was."}}},
		{Name: "return", Title: "Not answered", From: []string{"answered"}, To: "open"},
		{Name: "close", Title: "Close", From: []string{"answered"}, To: "closed", By: "closed_by", At: "closed_at", Guard: func(before, _ map[string]any, actor record.Actor) error {
			return record.Apart(actor, "close the note", record.Party{Role: "the one who answered it", Stamp: engagement.Text(before, "answered_by")})
		}},
	}}
}

// notes are the notes on a paper that are not closed, for a sentence.
func notes(look record.Look, paper map[string]any) ([]string, error) {
	all, err := engagement.Found(look, NoteName, engagement.Name, paper[engagement.Name])
	if err != nil {
		return nil, err
	}
	var out []string
	for _, n := range all {
		v, err := look.Get(Name, engagement.Text(n, "paper"))
		if err != nil {
			return nil, err
		}
		b, err := engagement.Body(v)
		if err != nil {
			return nil, err
		}
		if n[record.StateField] != "closed" && b["control"] == paper["control"] {
			out = append(out, engagement.Text(n, "note"))
		}
	}
	return out, nil
}

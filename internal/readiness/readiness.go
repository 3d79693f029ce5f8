// Package readiness holds the assessment before an examination: an engagement of its own kind, by an invited assessor, for
// management alone. The one rule: it gives no opinion and no score, and nothing of it is copied into an examination.
package readiness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

// The names of the kinds.
const (
	AssessmentName  = "readiness_assessment"
	ResultName      = "readiness_result"
	ObservationName = "readiness_observation"
)

// Statement stands on every page and report of an assessment.
const Statement = "For management only. It is no examination and gives no opinion, no score and no assurance; nothing of it is evidence in an examination."

// Assessment is one as its record says it.
type Assessment struct {
	Key          string   `json:"id"`
	Name         string   `json:"name"`
	Period       string   `json:"period"`
	Firm         string   `json:"firm"`
	Assessors    []string `json:"assessors"`
	Independence string   `json:"independence"`
	From         string   `json:"from"`
	To           string   `json:"to"`
	Summary      string   `json:"summary"`
	State        string   `json:"state"`
	ReportedAt   string   `json:"reported_at"`
}

// Result is what the assessor found of one criterion.
type Result struct {
	Assessment string `json:"assessment"`
	Criterion  string `json:"criterion"`
	Result     string `json:"result"`
	Basis      string `json:"basis"`
}

// Observation is what the assessor noted and what management does about it.
type Observation struct {
	Key        string   `json:"key"`
	Assessment string   `json:"assessment"`
	Title      string   `json:"title"`
	Text       string   `json:"text"`
	Criteria   []string `json:"criteria"`
	Control    string   `json:"control"`
	Weight     string   `json:"weight"`
	Response   string   `json:"response"`
	Owner      string   `json:"owner"`
	Due        string   `json:"due"`
	Late       string   `json:"overdue_since"`
	State      string   `json:"state"`
}

// Read reads a record of one of these kinds.
func Read[T Assessment | Result | Observation](v record.Version) (x T, err error) {
	if err = json.Unmarshal(v.Body, &x); err != nil {
		return x, fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
	}
	switch y := any(&x).(type) {
	case *Assessment:
		y.Key = v.Key
	case *Observation:
		y.Key = v.Key
	}
	return x, nil
}

// Kinds are the kinds of this room.
func Kinds() []record.Kind { return []record.Kind{kind(), resultKind(), observationKind()} }

func kind() record.Kind {
	return record.Kind{
		Name: AssessmentName, Title: "Readiness assessment", Plural: "Readiness assessments", Group: "Program",
		Help: "An invited assessor looks at each criterion before the examination. " + Statement,
		Key:  "id", Label: "name",
		Fields: append([]record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as ready-26."},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "period", Title: "Before the examination", Type: record.Ref, Refers: "period", Required: true, Indexed: true},
			{Name: "firm", Title: "Assessor's firm", Type: record.Text, Required: true},
			{Name: "assessors", Type: record.Ref, Refers: "person", List: true, Required: true, Indexed: true, Help: "The invited people. They alone write results and observations."},
			{Name: "independence", Title: "The firm's part", Type: record.Long, Required: true, Hidden: true, Help: "What the firm does here, and whether it will also examine. The firm's independence is judged by this."},
			{Name: "scope", Type: record.Long, Hidden: true, Help: "What is looked at, and how: inquiry, inspection, a walk through."},
			{Name: "from", Title: "Begins", Type: record.Date, Required: true, Indexed: true},
			{Name: "to", Title: "Ends", Type: record.Date, Required: true},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "summary", Title: "Summary for management", Type: record.Long, Fixed: true, Hidden: true},
		}, acts("planned", "begun", "reported", "closed", "cancelled")...),
		States: machine(), Guard: dated, Check: allowed,
	}
}

func machine() *record.Machine {
	long := func(name, title, help string) []record.Field {
		return []record.Field{{Name: name, Title: title, Type: record.Long, Required: true, Help: help}}
	}
	return &record.Machine{
		Initial: "planned", By: "planned_by", At: "planned_at", Frozen: []string{"reported"},
		Moves: []record.Move{
			{Name: "begin", Title: "Begin", From: []string{"planned"}, To: "in_progress", By: "begun_by", At: "begun_at"},
			{Name: "report", Title: "Report to management", From: []string{"in_progress"}, To: "reported", By: "reported_by", At: "reported_at",
				Fields: long("summary", "Summary for management", "Say what was looked at and what stands out. Give no opinion.")},
			{Name: "close", Title: "Close", From: []string{"reported"}, To: "closed", By: "closed_by", At: "closed_at"},
			{Name: "cancel", Title: "Cancel", From: []string{"planned", "in_progress"}, To: "cancelled", By: "cancelled_by", At: "cancelled_at", Fields: long("cancelled_reason", "Reason", "Say why.")},
		},
	}
}

// acts are the fields that moves set.
func acts(verbs ...string) (out []record.Field) {
	for _, v := range verbs {
		out = append(out, record.Field{Name: v + "_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, record.Field{Name: v + "_at", Type: record.Time, Fixed: true, Hidden: true})
		if v == "cancelled" || v == "withdrawn" || v == "accepted" {
			out = append(out, record.Field{Name: v + "_reason", Title: "Reason", Type: record.Long, Fixed: true, Hidden: true})
		}
	}
	return out
}

func dated(_, after map[string]any, _ record.Actor) error {
	if text(after, "to") < text(after, "from") {
		return fault.New(fault.Invalid, "It ends on %s, before it begins on %s.", text(after, "to"), text(after, "from"))
	}
	return nil
}

// allowed lets only the assessors begin and report, only when each criterion in scope has a result, and only management close.
func allowed(look record.Look, before, after map[string]any, actor record.Actor) error {
	was, is := text(before, record.StateField), text(after, record.StateField)
	if before == nil || was == is {
		return nil
	}
	assessors := list(after, "assessors")
	switch is {
	case "in_progress", "reported":
		if actor.Person == "" || !slices.Contains(assessors, actor.Person) {
			return fault.New(fault.Denied, "Only an assessor, %s, can do that.", strings.Join(assessors, ", ")).WithNext("Ask one of them.")
		}
	case "closed":
		if err := record.Apart(actor, "close it", parties(assessors)...); err != nil {
			return err
		}
	}
	switch is {
	case "reported":
		return whole(look, text(after, "id"), text(after, "period"))
	case "closed":
		open, err := look.Find(ObservationName, "assessment", text(after, "id"))
		if err != nil {
			return err
		}
		for _, v := range open {
			o, err := Read[Observation](v)
			if err != nil {
				return err
			}
			if o.State == "open" {
				return fault.New(fault.Conflict, "Management has not said what it does about “%s”.", o.Title).WithNext("Write the plan of each observation first: tickmark act %s %s plan.", ObservationName, o.Key)
			}
		}
	}
	return nil
}

// whole refuses a report that leaves out a criterion, or calls one a gap without saying which.
func whole(look record.Look, id, periodKey string) error {
	v, err := look.Get("period", periodKey)
	if err != nil {
		return err
	}
	p, err := period.Read(v)
	if err != nil {
		return err
	}
	found, err := look.Find(ResultName, "assessment", id)
	if err != nil {
		return err
	}
	results := map[string]string{}
	for _, v := range found {
		r, err := Read[Result](v)
		if err != nil {
			return err
		}
		results[r.Criterion] = r.Result
	}
	noted, err := look.Find(ObservationName, "assessment", id)
	if err != nil {
		return err
	}
	observed := map[string]bool{}
	for _, v := range noted {
		o, err := Read[Observation](v)
		if err != nil {
			return err
		}
		for _, c := range o.Criteria {
			observed[c] = observed[c] || o.State != "withdrawn"
		}
	}
	criteria, err := look.All("criterion")
	if err != nil {
		return err
	}
	asked := 0
	for _, v := range criteria {
		var c framework.Criterion
		if err := json.Unmarshal(v.Body, &c); err != nil {
			return fmt.Errorf("read criterion %s: %w", v.Key, err)
		}
		if !p.InScope(c) {
			continue
		}
		switch asked++; {
		case results[c.ID] == "":
			return fault.New(fault.Conflict, "Nothing says how %s stands.", c.ID).WithNext("Write a result for it; not_assessed is one, with the reason as its basis.")
		case results[c.ID] == "gap" && !observed[c.ID]:
			return fault.New(fault.Conflict, "%s is called a gap, and no observation says what is missing.", c.ID).WithNext("Write the observation: tickmark put %s.", ObservationName)
		}
	}
	if asked == 0 {
		return fault.New(fault.Conflict, "No criterion is in scope on record, so nothing was assessed.").WithNext("Choose the categories of the period first.")
	}
	return nil
}

func resultKind() record.Kind {
	return record.Kind{
		Name: ResultName, Title: "Readiness of a criterion", Plural: "Readiness by criterion", Group: "Program",
		Help:  "What the assessor found of one criterion. Nothing is filled in beforehand.",
		Key:   `r.assessment + "." + r.criterion`,
		Label: "criterion",
		Fields: []record.Field{
			{Name: "assessment", Type: record.Ref, Refers: AssessmentName, Required: true, Indexed: true},
			{Name: "criterion", Type: record.Ref, Refers: "criterion", Required: true, Indexed: true},
			{Name: "result", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"ready", "gap", "not_assessed"}},
			{Name: "basis", Title: "What was looked at", Type: record.Long, Required: true, Help: "What was seen, of whom it was asked; for not assessed, why."},
		},
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if before != nil && (before["assessment"] != after["assessment"] || before["criterion"] != after["criterion"]) {
				return fault.New(fault.Invalid, "A result stays with its assessment and its criterion.").WithNext("Write another result.")
			}
			_, err := assessor(look, text(after, "assessment"), actor, "write a result")
			return err
		},
	}
}

// assessor refuses what only an assessor may do, while the assessment runs.
func assessor(look record.Look, key string, actor record.Actor, act string) (Assessment, error) {
	v, err := look.Get(AssessmentName, key)
	if err != nil {
		return Assessment{}, err
	}
	a, err := Read[Assessment](v)
	if err != nil {
		return a, err
	}
	if a.State != "in_progress" {
		return a, fault.New(fault.Conflict, "%s is %s, and results and observations are written while it runs.", a.Name, strings.ReplaceAll(a.State, "_", " ")).WithNext("An assessor begins it: tickmark act %s %s begin.", AssessmentName, a.Key)
	}
	if actor.Person == "" || !slices.Contains(a.Assessors, actor.Person) {
		return a, fault.New(fault.Denied, "Only an assessor of %s can %s, and %s is none.", a.Name, act, actor.Stamp()).WithNext("Ask one of them: %s.", strings.Join(a.Assessors, ", "))
	}
	return a, nil
}

func observationKind() record.Kind {
	return record.Kind{
		Name: ObservationName, Title: "Readiness observation", Plural: "Readiness observations", Group: "Program",
		Help:  "What an assessor noted. Each is a gap until what management planned is done and another person verified it.",
		Label: "title",
		Fields: append([]record.Field{
			{Name: "assessment", Type: record.Ref, Refers: AssessmentName, Required: true, Indexed: true},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "text", Title: "What was observed", Type: record.Long, Required: true, Hidden: true},
			{Name: "criteria", Type: record.Ref, Refers: "criterion", List: true, Required: true, Indexed: true},
			{Name: "control", Type: record.Ref, Refers: "control", Indexed: true},
			{Name: "weight", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"blocking", "important", "minor"}, Help: "Blocking: the programme is not ready before it is verified."},
			{Name: record.StateField, Type: record.Choice, Choices: observations().States(), Fixed: true, Indexed: true},
			{Name: "response", Title: "Management's plan", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "owner", Type: record.Ref, Refers: "person", Fixed: true, Indexed: true},
			{Name: "due", Type: record.Date, Fixed: true, Indexed: true},
			{Name: "overdue_since", Type: record.Date, Fixed: true, Hidden: true, Help: "Set when its day passes, and stays."},
			{Name: "proof", Title: "What shows it", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "verification", Title: "What was looked at", Type: record.Long, Fixed: true, Hidden: true},
		}, acts("noted", "planned", "fixed", "verified", "returned", "accepted", "withdrawn")...),
		States: observations(), Check: observed,
	}
}

func observations() *record.Machine {
	long := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	return &record.Machine{
		Initial: "open", By: "noted_by", At: "noted_at", Frozen: []string{"planned", "fixed"},
		Moves: []record.Move{
			{Name: "plan", Title: "Write management's plan", From: []string{"open", "planned"}, To: "planned", By: "planned_by", At: "planned_at", Fields: []record.Field{
				long("response", "Plan", "Say what is done about it."),
				{Name: "owner", Type: record.Ref, Refers: "person", Required: true, Help: "Name who does it."},
				{Name: "due", Type: record.Date, Required: true, Help: "Say by when."}}},
			{Name: "fix", Title: "Mark as done", From: []string{"planned"}, To: "fixed", By: "fixed_by", At: "fixed_at", Fields: []record.Field{long("proof", "What shows it", "Say what was done and where it can be seen.")}},
			{Name: "verify", Title: "Verify", From: []string{"fixed"}, To: "verified", By: "verified_by", At: "verified_at", Guard: verify, Fields: []record.Field{long("verification", "What you looked at", "Say what you looked at and what it showed.")}},
			{Name: "return", Title: "Send back", From: []string{"fixed"}, To: "planned", By: "returned_by", At: "returned_at"},
			{Name: "accept", Title: "Leave it as it is", From: []string{"open", "planned"}, To: "accepted", By: "accepted_by", At: "accepted_at", Guard: accept, Fields: []record.Field{long("accepted_reason", "Reason", "Say why management leaves it as it is.")}},
			{Name: "withdraw", Title: "Withdraw", From: []string{"open", "planned"}, To: "withdrawn", By: "withdrawn_by", At: "withdrawn_at", Fields: []record.Field{long("withdrawn_reason", "Reason", "Say why it was none.")}},
		},
	}
}

func verify(before, _ map[string]any, actor record.Actor) error {
	return record.Apart(actor, "verify it", record.Party{Role: "the one who did it", Stamp: text(before, "fixed_by")}, record.Party{Role: "its owner", Stamp: text(before, "owner")})
}

func accept(before, _ map[string]any, actor record.Actor) error {
	if text(before, "weight") == "blocking" {
		return fault.New(fault.Conflict, "It blocks, and what blocks cannot be left as it is.").WithNext("Plan it, or have an assessor withdraw it with a reason.")
	}
	return record.Apart(actor, "leave it as it is", record.Party{Role: "its owner", Stamp: text(before, "owner")})
}

// observed keeps the two sides apart: assessors write and withdraw, management plans, does and accepts.
func observed(look record.Look, before, after map[string]any, actor record.Actor) error {
	if actor.IsJob() {
		return nil
	}
	was, is := text(before, record.StateField), text(after, record.StateField)
	if before == nil || was == is && was == "open" {
		_, err := assessor(look, text(after, "assessment"), actor, "write an observation")
		return err
	}
	v, err := look.Get(AssessmentName, text(after, "assessment"))
	if err != nil {
		return err
	}
	a, err := Read[Assessment](v)
	if err != nil {
		return err
	}
	if is == "withdrawn" {
		if !slices.Contains(a.Assessors, actor.Person) || actor.Person == "" {
			return fault.New(fault.Denied, "Only an assessor can withdraw what an assessor noted.").WithNext("Ask one of them: %s.", strings.Join(a.Assessors, ", "))
		}
		return nil
	}
	if is == "planned" && was == "open" || is == "accepted" || is == "fixed" {
		if err := record.Apart(actor, "answer for management", parties(a.Assessors)...); err != nil {
			return err
		}
	}
	return nil
}

func parties(people []string) (out []record.Party) {
	for _, p := range people {
		out = append(out, record.Party{Role: "an assessor", Stamp: p})
	}
	return out
}

// Overdue is the day since which an observation is late, if it is and does not say so yet.
func Overdue(body map[string]any, today string) (string, bool) {
	due := text(body, "due")
	day := calendar.Parse(due)
	if day.IsZero() || body["overdue_since"] != nil || due >= today {
		return "", false
	}
	return calendar.Text(day.AddDate(0, 0, 1)), true
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

func list(body map[string]any, field string) (out []string) {
	all, _ := body[field].([]any)
	for _, x := range all {
		if s, ok := x.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

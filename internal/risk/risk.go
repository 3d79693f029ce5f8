// Package risk holds what may go wrong, how bad that would be and what is done about it: assets with the protection they need,
// risks, assessments of the whole, and the events that call for looking again. The one rule: a rating is computed from what
// stands in the record, and nobody accepts for the organisation what they own themselves.
package risk

import (
	"encoding/json"
	"fmt"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// MaxMonths is how long a risk above the accepted level may be accepted; then it is decided again.
const MaxMonths = 12

// Risk is a risk as its record says it.
type Risk struct {
	ID         string   `json:"id"`
	Title      string   `json:"title"`
	Cause      string   `json:"cause"`
	Source     string   `json:"source"`
	System     string   `json:"system"`
	Assets     []string `json:"assets"`
	Threats    []string `json:"threats"`
	Weaknesses []string `json:"weaknesses"`
	Affects    []string `json:"affects"`
	Likelihood int      `json:"likelihood"`
	Impact     int      `json:"impact"`
	Inherent   int      `json:"inherent"`
	Response   string   `json:"response"`
	TargetL    int      `json:"target_likelihood"`
	TargetI    int      `json:"target_impact"`
	ResidualL  int      `json:"residual_likelihood"`
	ResidualI  int      `json:"residual_impact"`
	Residual   int      `json:"residual"`
	Controls   []string `json:"controls"`
	Owner      string   `json:"owner"`
	Until      string   `json:"accepted_until"`
	AcceptedBy string   `json:"accepted_by"`
	State      string   `json:"state"`
}

// Of reads a risk from a body, however its numbers were decoded.
func Of(body map[string]any) (Risk, error) {
	var r Risk
	b, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read a risk: %w", err)
	}
	return r, nil
}

// Kinds are the kinds of this room.
func Kinds() []record.Kind {
	return []record.Kind{AssetKind(), Kind(), AssessmentKind(), TriggerKind()}
}

// Kind declares the risk: identified, analysed, answered, treated; accepted for a time; closed.
func Kind() record.Kind {
	point := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Integer, Hidden: true, Help: help}
	}
	scale := "From 1 to 5 on the written scale."
	return record.Kind{
		Name: "risk", Title: "Risk", Plural: "Risks", Group: "Program",
		Help: "What may happen, how bad that would be, and what is done about it. The rating is computed: likelihood times impact.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Short and stable, such as R-01."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "source", Title: "Where it comes from", Type: record.Choice, Required: true, Indexed: true,
				Choices: []string{"growth", "location", "practice", "vendor", "fraud", "change", "disruption", "other"}},
			{Name: "cause", Type: record.Long, Hidden: true, Help: "Why it could happen."},
			{Name: "event", Type: record.Long, Hidden: true, Help: "What would happen."},
			{Name: "effect", Type: record.Long, Hidden: true, Help: "What that would mean for customers and for the organisation."},
			{Name: "system", Type: record.Ref, Refers: "system", Indexed: true},
			{Name: "assets", Type: record.Ref, Refers: "asset", List: true, Indexed: true, Hidden: true},
			{Name: "threats", Type: record.Text, List: true, Hidden: true, Help: "Who or what could bring it about."},
			{Name: "weaknesses", Type: record.Text, List: true, Hidden: true, Help: "What would let them."},
			{Name: "findings", Type: record.Ref, Refers: "finding", List: true, Hidden: true, Help: "Findings that are such a weakness."},
			{Name: "commitments", Type: record.Ref, Refers: "commitment", List: true, Hidden: true, Help: "The promises that it would break."},
			{Name: "affects", Type: record.Choice, List: true, Hidden: true, Choices: []string{"confidentiality", "integrity", "availability"}},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			point("likelihood", "Likelihood", scale), point("impact", "Impact", scale),
			{Name: "inherent", Title: "Inherent rating", Type: record.Integer, Fixed: true, Indexed: true, Help: "Likelihood times impact, before anything is done."},
			{Name: "level", Title: "Level", Type: record.Choice, Choices: Levels(), Fixed: true, Indexed: true, Help: "Of the residual rating, or of the inherent one while there is none."},
			{Name: "scale", Type: record.Text, Fixed: true, Hidden: true, Help: "The scale by which it was rated."},
			{Name: "controls", Type: record.Ref, Refers: "control", List: true, Indexed: true, Hidden: true, Help: "The measures in place against it."},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "identified_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "identified_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "analysed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "analysed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "response", Type: record.Choice, Choices: responses, Fixed: true, Indexed: true},
			{Name: "response_reason", Title: "Why this response", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "target_likelihood", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "target_impact", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "target", Title: "Target rating", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "chosen_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "chosen_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "treating_since", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "residual_likelihood", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "residual_impact", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "residual", Title: "Residual rating", Type: record.Integer, Fixed: true, Indexed: true},
			{Name: "proof", Type: record.Long, Fixed: true, Hidden: true, Help: "What shows that the measures work."},
			{Name: "verified_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "verified_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "accepted_by", Type: record.Ref, Refers: "person", Fixed: true, Indexed: true, Hidden: true},
			{Name: "accepted_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "accepted_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "accepted_until", Title: "Accepted through", Type: record.Date, Fixed: true, Indexed: true},
			{Name: "settled_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "settled_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "settled_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "again_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "again_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "again_reason", Title: "Why it is looked at again", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: machine(),
		Guard:  written,
		Check:  others,
	}
}

type guard = func(before, after map[string]any, actor record.Actor) error

var responses = []string{"reduce", "accept", "avoid", "share"}

func machine() *record.Machine {
	reason := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	pair := func(of string) []record.Field {
		return []record.Field{
			{Name: of + "_likelihood", Title: "Likelihood then", Type: record.Integer, Required: true, Help: "From 1 to 5."},
			{Name: of + "_impact", Title: "Impact then", Type: record.Integer, Required: true, Help: "From 1 to 5."},
		}
	}
	return &record.Machine{
		Initial: "identified", By: "identified_by", At: "identified_at", Frozen: []string{"treated", "accepted", "transferred", "avoided"},
		Revises: []string{"owner", "cause", "system", "assets", "threats", "weaknesses", "affects", "likelihood", "impact"},
		Moves: []record.Move{
			{Name: "analyse", Title: "Finish the analysis", From: []string{"identified"}, To: "analysed", By: "analysed_by", At: "analysed_at", Guard: analyse},
			{Name: "choose", Title: "Choose the response", From: []string{"analysed"}, To: "response_chosen", By: "chosen_by", At: "chosen_at", Guard: choose,
				Fields: append([]record.Field{{Name: "response", Type: record.Choice, Choices: responses, Required: true},
					reason("response_reason", "Why", "Say why this response fits the risk.")}, pair("target")...)},
			{Name: "treat", Title: "Begin the treatment", From: []string{"response_chosen"}, To: "treating", At: "treating_since", Guard: treat},
			{Name: "verify", Title: "Verify the treatment", From: []string{"treating"}, To: "treated", By: "verified_by", At: "verified_at", Guard: verify,
				Fields: append(pair("residual"), reason("proof", "What shows it", "Say what shows that the measures work."))},
			{Name: "accept", Title: "Accept", From: []string{"analysed", "response_chosen", "treating"}, To: "accepted", By: "accepted_by", At: "accepted_at", Guard: accept,
				Fields: []record.Field{reason("accepted_reason", "Why", "Say why the organisation bears it."),
					{Name: "accepted_until", Title: "Through", Type: record.Date, Required: true, Help: "The last day, at most twelve months from now."}}},
			{Name: "transfer", Title: "Note that it is shared", From: []string{"response_chosen", "treating"}, To: "transferred", By: "settled_by", At: "settled_at", Guard: settle("share"),
				Fields: []record.Field{reason("settled_reason", "With whom", "Say who bears it now, and by which contract or policy.")}},
			{Name: "avoid", Title: "Note that it is avoided", From: []string{"response_chosen", "treating"}, To: "avoided", By: "settled_by", At: "settled_at", Guard: settle("avoid"),
				Fields: []record.Field{reason("settled_reason", "How", "Say what is no longer done, and since when.")}},
			{Name: "lapse", Title: "End the acceptance", From: []string{"accepted"}, To: "analysed", At: "again_at", Job: true, Guard: lapse},
			{Name: "reassess", Title: "Assess again", From: []string{"analysed", "response_chosen", "treating", "treated", "accepted", "transferred", "avoided"}, To: "identified",
				By: "again_by", At: "again_at", Guard: again, Fields: []record.Field{reason("again_reason", "Why", "Say what happened.")}},
			{Name: "close", Title: "Close", From: []string{"treated", "transferred", "avoided"}, To: "closed", By: "settled_by", At: "settled_at", Guard: notOwner("close it"),
				Fields: []record.Field{reason("settled_reason", "Why", "Say why it is no longer a risk.")}},
		},
	}
}

// written computes the ratings, and refuses numbers that are not on the scale at once.
func written(before, after map[string]any, _ record.Actor) error {
	r, err := Of(after)
	if err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		n    int
	}{{"likelihood", r.Likelihood}, {"impact", r.Impact}} {
		if _, said := after[p.name]; said && (p.n < 1 || p.n > 5) {
			return fault.New(fault.Invalid, "%s is %d, and the scale goes from 1 to 5.", p.name, p.n).WithNext("Give a whole number from 1 to 5, or leave it out until it is known.")
		}
	}
	if before != nil && before[record.StateField] != after[record.StateField] { // its substance changed: it is analysed anew
		forget(after)
	}
	rate(after, r.Likelihood, r.Impact)
	return nil
}

// rate sets the inherent rating, and the level of what remains.
func rate(body map[string]any, likelihood, impact int) {
	n := Rate(likelihood, impact)
	delete(body, "inherent")
	delete(body, "scale")
	if n > 0 {
		body["inherent"], body["scale"] = float64(n), Scale
	}
	if left, err := Of(body); err == nil && left.Residual > 0 {
		n = left.Residual
	}
	delete(body, "level")
	if n > 0 {
		body["level"] = Level(n)
	}
}

// forget clears what was decided about a risk that is analysed anew; its history keeps it.
func forget(body map[string]any) {
	for _, f := range []string{"analysed_by", "analysed_at", "response", "response_reason", "target_likelihood", "target_impact", "target", "chosen_by", "chosen_at", "treating_since",
		"residual_likelihood", "residual_impact", "residual", "proof", "verified_by", "verified_at", "settled_by", "settled_at", "settled_reason"} {
		delete(body, f)
	}
	unaccept(body)
}

func unaccept(body map[string]any) {
	for _, f := range []string{"accepted_by", "accepted_at", "accepted_reason", "accepted_until"} {
		delete(body, f)
	}
}

func analyse(before, after map[string]any, actor record.Actor) error {
	r, err := Of(before)
	if err != nil {
		return err
	}
	var lacks []string
	for _, f := range []struct {
		name string
		ok   bool
	}{{"cause", r.Cause != ""}, {"assets or system", len(r.Assets) > 0 || r.System != ""}, {"threats", len(r.Threats) > 0}, {"weaknesses", len(r.Weaknesses) > 0},
		{"affects", len(r.Affects) > 0}, {"likelihood", r.Likelihood > 0}, {"impact", r.Impact > 0}, {"owner", r.Owner != ""}} {
		if !f.ok {
			lacks = append(lacks, f.name)
		}
	}
	if len(lacks) > 0 {
		return fault.New(fault.Invalid, "The analysis lacks %s.", list(lacks)).WithNext("Fill that in first.")
	}
	rate(after, r.Likelihood, r.Impact)
	return owns(before, actor, "finish the analysis")
}

func choose(before, after map[string]any, actor record.Actor) error {
	r, err := Of(after)
	if err != nil {
		return err
	}
	target := Rate(r.TargetL, r.TargetI)
	switch {
	case target == 0:
		return offScale("target", r.TargetL, r.TargetI)
	case target > r.Inherent:
		return fault.New(fault.Invalid, "The target of %d lies above what it is without any measure, %d.", target, r.Inherent).WithNext("Rate what would remain.")
	case r.Response == "accept" && target != r.Inherent:
		return fault.New(fault.Invalid, "What is accepted stays as it is, %d; the target says %d.", r.Inherent, target).WithNext("Give the likelihood and impact that it has, or choose reduce.")
	case r.Response == "reduce" && target == r.Inherent:
		return fault.New(fault.Invalid, "The target of %d reduces nothing.", target).WithNext("Rate what would remain, or choose accept.")
	}
	after["target"] = float64(target)
	return owns(before, actor, "choose the response")
}

func treat(before, _ map[string]any, actor record.Actor) error {
	r, err := Of(before)
	if err != nil {
		return err
	}
	if r.Response == "accept" {
		return fault.New(fault.Conflict, "The response is to accept it, so there is nothing to treat.").WithNext("Somebody other than its owner accepts it: accept.")
	}
	return owns(before, actor, "begin the treatment")
}

func verify(before, after map[string]any, actor record.Actor) error {
	r, err := Of(after)
	if err != nil {
		return err
	}
	left := Rate(r.ResidualL, r.ResidualI)
	switch {
	case left == 0:
		return offScale("residual", r.ResidualL, r.ResidualI)
	case left > r.Inherent:
		return fault.New(fault.Invalid, "What remains, %d, lies above what it was without any measure, %d.", left, r.Inherent).WithNext("Assess it again instead: reassess.")
	case Above(left):
		return fault.New(fault.Conflict, "What remains, %d, is %s and above the accepted level, so it is not treated.", left, Level(left)).
			WithNext("Go on treating it, or have an executive accept what remains: accept.")
	}
	after["residual"] = float64(left)
	rate(after, r.Likelihood, r.Impact)
	return notOwner("verify it")(before, after, actor)
}

func accept(before, after map[string]any, actor record.Actor) error {
	at, err := time.Parse(time.RFC3339Nano, text(after, "accepted_at"))
	if err != nil {
		return fmt.Errorf("accept a risk: %w", err)
	}
	until := text(after, "accepted_until")
	if last := at.AddDate(0, MaxMonths, 0).Format(time.DateOnly); until < at.Format(time.DateOnly) || until > last {
		return fault.New(fault.Invalid, "It would be accepted through %q.", until).WithNext("Say a day from today on, at latest %s; then it is decided again.", last)
	}
	r, err := Of(before)
	if err != nil {
		return err
	}
	if r.Inherent == 0 {
		return fault.New(fault.Invalid, "Nobody can accept what was not rated.").WithNext("Rate likelihood and impact first.")
	}
	return notOwner("accept it")(before, after, actor)
}

// settle is for a response that ends the risk with somebody else or with what is no longer done.
func settle(response string) guard {
	return func(before, after map[string]any, actor record.Actor) error {
		if got := text(before, "response"); got != response {
			return fault.New(fault.Conflict, "The response that was chosen is to %s it, not to %s it.", got, response).WithNext("Assess it again to choose another: reassess.")
		}
		return notOwner("confirm it")(before, after, actor)
	}
}

func lapse(before, after map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "An acceptance ends by itself after its last day.").WithNext("To look at it earlier, assess it again: reassess.")
	}
	if at := text(after, "again_at"); len(at) < 10 || at[:10] <= text(before, "accepted_until") {
		return fault.New(fault.Conflict, "It is accepted through %s.", text(before, "accepted_until")).WithNext("Wait until then, or assess it again.")
	}
	after["again_reason"] = "It was accepted through " + text(before, "accepted_until") + "."
	unaccept(after)
	return nil
}

func again(_, after map[string]any, actor record.Actor) error {
	forget(after)
	r, err := Of(after)
	if err != nil {
		return err
	}
	rate(after, r.Likelihood, r.Impact)
	if actor.Person == "" {
		return record.Apart(actor, "assess it again")
	}
	return nil
}

// Lapsed reports whether the acceptance is over on a day.
func Lapsed(body map[string]any, day string) bool {
	until := text(body, "accepted_until")
	return text(body, record.StateField) == "accepted" && until != "" && until < day
}

// others holds what a move asks of other records.
func others(look record.Look, before, after map[string]any, actor record.Actor) error {
	r, err := Of(after)
	if err != nil {
		return err
	}
	from, to := text(before, record.StateField), r.State
	if from == to {
		return nil
	}
	switch to {
	case "treating", "treated":
		tasks, err := look.Find("task", "risk", r.ID)
		if err != nil {
			return err
		}
		if len(r.Controls) == 0 && len(tasks) == 0 {
			return fault.New(fault.Invalid, "Nothing says what is done about it.").WithNext("Link the controls that are in place, and write a task for each measure that is due, with this risk in it.")
		}
		for _, v := range tasks {
			var t struct{ State, Owner, Due string }
			if err := json.Unmarshal(v.Body, &t); err != nil {
				return err
			}
			over := t.State == "verified" || t.State == "cancelled"
			if !over && (t.Owner == "" || t.Due == "") {
				return fault.New(fault.Invalid, "The task %s has no owner or no date.", v.Key).WithNext("Give it both.")
			}
			if !over && to == "treated" {
				return fault.New(fault.Conflict, "The task %s is %s.", v.Key, t.State).WithNext("Finish it and have somebody else verify it, or cancel it with a reason.")
			}
		}
	case "accepted":
		if Above(r.Inherent) {
			return executive(look, actor)
		}
	}
	return nil
}

// executive refuses who neither leads the organisation nor reports to somebody who does.
func executive(look record.Look, actor record.Actor) error {
	v, err := look.Get("person", actor.Person)
	if err != nil {
		return err
	}
	var p struct {
		Name, Manager, Employment string
		Leads                     bool
	}
	if err := json.Unmarshal(v.Body, &p); err != nil {
		return err
	}
	if p.Leads || p.Employment == "director" {
		return nil
	}
	if p.Manager != "" {
		up, err := look.Get("person", p.Manager)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		var boss struct{ Leads bool }
		if err == nil {
			if err := json.Unmarshal(up.Body, &boss); err != nil {
				return err
			}
		}
		if boss.Leads {
			return nil
		}
	}
	return fault.New(fault.Denied, "It lies above the accepted level, and only an executive accepts that: who leads the organisation, a director, or who reports to the one who leads.").
		WithNext("Ask one of them. If you are one, the record of your person says it: leads, or manager.")
}

func owns(before map[string]any, actor record.Actor, act string) error {
	if owner := text(before, "owner"); actor.Person == "" || owner != actor.Person {
		return fault.New(fault.Denied, "Only the owner of this risk, %s, can %s.", owner, act).WithNext("Ask the owner, or name another.")
	}
	return nil
}

func notOwner(act string) guard {
	return func(before, _ map[string]any, actor record.Actor) error {
		return record.Apart(actor, act, record.Party{Role: "the owner of this risk", Stamp: text(before, "owner")})
	}
}

func offScale(of string, likelihood, impact int) error {
	return fault.New(fault.Invalid, "The %s is %d by %d, and the scale goes from 1 to 5.", of, likelihood, impact).WithNext("Give two whole numbers from 1 to 5.")
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

// list says names as in "a, b and c".
func list(names []string) string {
	out := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			out += " and "
		default:
			out += ", "
		}
		out += n
	}
	return out
}

// Package finding holds what is opened when a check fails or a person reports a weakness. The one rule: what was found stays
// on record with its times; it closes only after somebody other than the fixer verified the fix.
package finding

import (
	"slices"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind declares the finding: open, assigned, in_progress, fixed, verified, closed; or accepted, a duplicate, or refuted by
// a second person. The check job opens one per check and scope and keeps its items.
func Kind() record.Kind {
	return record.Kind{
		Name: "finding", Title: "Finding", Plural: "Findings", Group: "Program",
		Help:  "Something that fails or is weak, with an owner, a due date and the times at which it was seen, fixed and verified.",
		Label: "title",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "description", Type: record.Long, Hidden: true},
			{Name: "origin", Type: record.Choice, Required: true, Choices: []string{"check", "review", "incident", "audit", "scan", "report"},
				Help: "What brought it to light."},
			{Name: "check", Type: record.Text, Indexed: true, Fixed: true, Help: "Id of the check that failed."},
			{Name: "scope", Type: record.Text, Indexed: true, Fixed: true, Hidden: true, Help: "The connection or part of the system it failed in."},
			{Name: "severity", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"critical", "high", "medium", "low"}},
			{Name: "controls", Type: record.Text, List: true, Indexed: true, Hidden: true, Help: "Ids of the controls it speaks against, adopted or not."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "due", Type: record.Date, Indexed: true, Help: "By when it is to be fixed, from the standard for its severity."},
			{Name: "opened", Type: record.Time, Fixed: true},
			{Name: "opened_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "first_seen", Type: record.Time, Fixed: true, Hidden: true, Help: "When the first of its items began to fail, as far as the records say."},
			{Name: "items", Title: "What fails", Type: record.Object, List: true, Fixed: true, Hidden: true,
				Help: "The failing records, each with the time in which it failed. An item that ended stays.",
				Fields: []record.Field{
					{Name: "kind", Type: record.Text, Required: true},
					{Name: "key", Type: record.Text, Required: true},
					{Name: "label", Type: record.Text, Personal: true},
					{Name: "reason", Type: record.Text, Personal: true},
					{Name: "from", Type: record.Time, Required: true},
					{Name: "to", Type: record.Time, Help: "Empty while it fails."},
					{Name: "ended_as", Type: record.Choice, Choices: []string{"pass", "not_applicable", "gone", "unknown"},
						Help: "What it turned into; unknown is not fixed."},
				}},
			{Name: "overdue_since", Type: record.Date, Fixed: true, Indexed: true, Hidden: true, Help: "Set when the due date passes, and stays."},
			{Name: "escalations", Title: "Told of its lateness", Type: record.Object, List: true, Fixed: true, Hidden: true,
				Help: "When it passed its due date and thirty days later: who was to be told, the manager of its owner.",
				Fields: []record.Field{
					{Name: "after_days", Type: record.Integer, Required: true},
					{Name: "at", Type: record.Time, Required: true},
					{Name: "to", Type: record.Ref, Refers: "person"},
				}},
			{Name: "escalated_to", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "escalated_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "escalated_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "cause", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "change", Title: "What was changed", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "fixed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "fixed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "verification", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "verified_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "verified_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "lasting", Title: "Lasting fix", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "similar", Title: "Similar cases", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "closed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "closed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "reopened_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "reopened_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "reopened_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "exception", Type: record.Ref, Refers: "exception", Fixed: true, Hidden: true},
			{Name: "accepted_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "accepted_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "duplicate_of", Type: record.Ref, Refers: "finding", Fixed: true, Hidden: true},
			{Name: "claim", Title: "Why it is no finding", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "claimed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "claimed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "claim_decided_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "claim_decided_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: machine(),
		Guard:  written,
	}
}

func machine() *record.Machine {
	long := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	open := []string{"open", "assigned", "in_progress"}
	return &record.Machine{
		Initial: "open", By: "opened_by", At: "opened",
		Moves: []record.Move{
			{Name: "assign", Title: "Assign", From: open, To: "assigned", Fields: []record.Field{
				{Name: "owner", Type: record.Ref, Refers: "person", Required: true, Help: "Name the person who will see it fixed."},
				{Name: "due", Type: record.Date, Required: true, Help: "Say by when, from the standard for its severity."}}},
			{Name: "start", Title: "Start work", From: []string{"assigned"}, To: "in_progress"},
			{Name: "escalate", Title: "Escalate", From: open, By: "escalated_by", At: "escalated_at", Fields: []record.Field{
				{Name: "escalated_to", Type: record.Ref, Refers: "person", Required: true, Help: "Name the person it goes to."}}},
			{Name: "fix", Title: "Mark as fixed", From: open, To: "fixed", By: "fixed_by", At: "fixed_at", Job: true, Guard: fix,
				Fields: []record.Field{long("cause", "Cause", "Say why it was so."), long("change", "What was changed", "Say what was changed, where.")}},
			{Name: "verify", Title: "Verify", From: []string{"fixed"}, To: "verified", By: "verified_by", At: "verified_at", Guard: verify,
				Fields: []record.Field{long("verification", "How you verified it", "Say what you looked at and what it showed.")}},
			{Name: "close", Title: "Close", From: []string{"verified"}, To: "closed", By: "closed_by", At: "closed_at", Guard: stillPasses,
				Fields: []record.Field{
					long("lasting", "Lasting fix", "Say what keeps it from coming back."),
					long("similar", "Similar cases", "Say where else you looked for the same, and what you found.")}},
			{Name: "reopen", Title: "Reopen", From: []string{"fixed", "verified", "risk_accepted"}, To: "open", Job: true,
				By: "reopened_by", At: "reopened_at", Fields: []record.Field{long("reopened_reason", "Reason", "Say what shows that it is not fixed.")}},
			{Name: "accept_risk", Title: "Accept the risk", From: open, To: "risk_accepted", By: "accepted_by", At: "accepted_at",
				Fields: []record.Field{{Name: "exception", Type: record.Ref, Refers: "exception", Required: true, Help: "Name the approved exception that allows it."}}},
			{Name: "mark_duplicate", Title: "Mark as duplicate", From: open, To: "duplicate", By: "closed_by", At: "closed_at", Guard: duplicate,
				Fields: []record.Field{{Name: "duplicate_of", Type: record.Ref, Refers: "finding", Required: true, Help: "Name the finding that says the same."}}},
			{Name: "claim_false", Title: "Claim that it is no finding", From: open, To: "claimed_false", By: "claimed_by", At: "claimed_at",
				Fields: []record.Field{long("claim", "Why it is no finding", "Say what was judged wrongly.")}},
			{Name: "confirm_false", Title: "Confirm that it is no finding", From: []string{"claimed_false"}, To: "false_positive",
				By: "claim_decided_by", At: "claim_decided_at", Guard: confirm},
			{Name: "reject_claim", Title: "Reject the claim", From: []string{"claimed_false"}, To: "open", By: "claim_decided_by", At: "claim_decided_at"},
		},
	}
}

// EscalateAfter are the days after its due date at which the manager of a late finding's owner is told.
func EscalateAfter() []int { return []int{0, 30} }

// Overdue reports whether the finding's due date has passed while it waits for a fix; a job then sets overdue_since, which
// stays. Days are counted in UTC.
func Overdue(body map[string]any, now time.Time) bool {
	state, _ := body[record.StateField].(string)
	text, _ := body["due"].(string)
	due, err := time.Parse(time.DateOnly, text)
	return err == nil && slices.Contains([]string{"open", "assigned", "in_progress", "claimed_false"}, state) && !now.Before(due.AddDate(0, 0, 1))
}

// written holds what the check job says together: a check's finding names the check, and a report of a person never does.
func written(_, after map[string]any, _ record.Actor) error {
	check, _ := after["check"].(string)
	if (after["origin"] == "check") != (check != "") {
		return fault.New(fault.Invalid, "Only a failing check opens a finding of origin check.").
			WithNext("Use review, incident, audit, scan or report as its origin.")
	}
	return nil
}

// fix lets a job mark as fixed only what a check judges and no longer fails.
func fix(before, _ map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return nil
	}
	if before["origin"] != "check" {
		return fault.New(fault.Denied, "Only a person can say that this is fixed, for no check judges it.").WithNext("Its owner says what was done, and another person verifies it.")
	}
	return passes(before)
}

func verify(before, _ map[string]any, actor record.Actor) error {
	fixer, _ := before["fixed_by"].(string)
	if fixer == "" {
		return fault.New(fault.Denied, "Nobody is known to have fixed this, so nobody can be shown to be someone else.")
	}
	if err := record.Apart(actor, "verify the fix", record.Party{Role: "the one who fixed it", Stamp: fixer}); err != nil {
		return err
	}
	return stillPasses(before, nil, actor)
}

func stillPasses(before, _ map[string]any, _ record.Actor) error {
	if before["origin"] != "check" {
		return nil
	}
	return passes(before)
}

// passes refuses while a record of a check's finding fails or turned into something that proves nothing. The last item of
// each record decides: an earlier one that ended as unknown was followed by what came after.
func passes(body map[string]any) error {
	items, _ := body["items"].([]any)
	if len(items) == 0 {
		return fault.New(fault.Conflict, "This finding has no items, so nothing shows that its check passes.")
	}
	last := map[[2]any]int{}
	for i, v := range items {
		item, _ := v.(map[string]any)
		last[[2]any{item["kind"], item["key"]}] = i
	}
	for i, v := range items {
		item, _ := v.(map[string]any)
		to, _ := item["to"].(string)
		as, _ := item["ended_as"].(string)
		name := item["label"]
		if name == nil || name == "" {
			name = item["key"]
		}
		switch {
		case to == "":
			return fault.New(fault.Conflict, "Its check still fails for %v.", name).WithNext("Fix it and let the source be read again.")
		case last[[2]any{item["kind"], item["key"]}] != i:
		case as != "pass" && as != "not_applicable" && as != "gone":
			return fault.New(fault.Conflict, "Its check can't tell about %v, and unknown is not fixed.", name).
				WithNext("Let the source be read completely.")
		}
	}
	return nil
}

func duplicate(before, after map[string]any, actor record.Actor) error {
	if before["origin"] == "check" {
		return fault.New(fault.Conflict, "A check opens one finding a scope, so this is no duplicate.").
			WithNext("If the check is wrong about it, claim that it is no finding.")
	}
	return nil
}

func confirm(before, _ map[string]any, actor record.Actor) error {
	claimant, _ := before["claimed_by"].(string)
	owner, _ := before["owner"].(string)
	return record.Apart(actor, "confirm the claim",
		record.Party{Role: "the one who made the claim", Stamp: claimant}, record.Party{Role: "the owner of this finding", Stamp: owner})
}

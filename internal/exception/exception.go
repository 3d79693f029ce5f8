// Package exception holds permitted departures from a control or policy. The one rule: an exception is approved before it
// begins, by someone who neither asks for it nor gains by it, ends within twelve months, and never turns a fail into a pass.
package exception

import (
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// MaxMonths is the longest an exception may run; renewal is a new request.
const MaxMonths = 12

// Kind declares the exception: requested, approved, active, then expired, closed or revoked.
func Kind() record.Kind {
	return record.Kind{
		Name: "exception", Title: "Exception", Plural: "Exceptions", Group: "Program",
		Help:  "A permitted, expiring departure from a control or policy. What fails goes on failing; the exception is shown beside it.",
		Label: "title",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "control", Type: record.Ref, Refers: "control", Indexed: true, Help: "The control it departs from."},
			{Name: "clause", Type: record.Text, Hidden: true, Help: "The clause of a policy it departs from, when there is no control."},
			{Name: "resources", Type: record.Text, List: true, Required: true, Hidden: true, Help: "What it covers, and nothing else."},
			{Name: "finding", Type: record.Ref, Refers: "finding", Indexed: true, Hidden: true},
			{Name: "renews", Type: record.Ref, Refers: "exception", Hidden: true, Help: "The earlier exception that this one asks to go on; it is decided anew."},
			{Name: "reason", Type: record.Long, Required: true, Hidden: true},
			{Name: "risk", Type: record.Long, Required: true, Hidden: true, Help: "What can happen because of it."},
			{Name: "compensating", Title: "Compensating measure", Type: record.Long, Required: true, Hidden: true},
			{Name: "compensating_control", Type: record.Ref, Refers: "control", Hidden: true},
			{Name: "severity", Type: record.Choice, Choices: []string{"critical", "high", "medium", "low"}, Required: true},
			{Name: "start", Title: "First day", Type: record.Date, Required: true, Help: "Not before the day it is approved (UTC)."},
			{Name: "expiry", Title: "Last day", Type: record.Date, Required: true, Indexed: true, Help: "At most twelve months after the first day."},
			{Name: "beneficiary", Type: record.Ref, Refers: "person", Required: true, Indexed: true,
				Help: "Who owns the resource or gains by it; never the approver."},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "requested_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "requested_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true, Help: "Everyone who wrote the request."},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "decision", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "activated_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "ended_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "ended_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "ended_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "proof", Type: record.Long, Fixed: true, Hidden: true, Help: "What shows that the departure is over."},
		},
		States: machine(),
		Guard:  written,
	}
}

func machine() *record.Machine {
	reason := []record.Field{{Name: "ended_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say why."}}
	return &record.Machine{
		Initial: "requested", By: "requested_by", At: "requested_at", Authors: "authors", Frozen: []string{"approved", "active"},
		Moves: []record.Move{
			{Name: "approve", Title: "Approve", From: []string{"requested"}, To: "approved", By: "approved_by", At: "approved_at",
				Fields: []record.Field{{Name: "decision", Type: record.Long, Required: true, Help: "Say why the risk is bearable."}}, Guard: approve},
			{Name: "refuse", Title: "Refuse", From: []string{"requested"}, To: "refused", By: "ended_by", At: "ended_at", Fields: reason},
			{Name: "withdraw", Title: "Withdraw", From: []string{"requested"}, To: "withdrawn", By: "ended_by", At: "ended_at", Fields: reason},
			{Name: "activate", Title: "Begin", From: []string{"approved"}, To: "active", At: "activated_at", Job: true, Guard: activate},
			{Name: "close", Title: "Close", From: []string{"active"}, To: "closed", By: "ended_by", At: "ended_at",
				Fields: []record.Field{{Name: "proof", Type: record.Long, Required: true, Help: "Say what shows that the departure is over."}}, Guard: finish},
			{Name: "revoke", Title: "Revoke", From: []string{"approved", "active"}, To: "revoked", By: "ended_by", At: "ended_at", Fields: reason},
			{Name: "expire", Title: "Expire", From: []string{"approved", "active"}, To: "expired", At: "ended_at", Job: true, Guard: expire},
		},
	}
}

// written refuses a span that could never be approved, at once, so that nobody waits for a decision on it.
func written(_, after map[string]any, _ record.Actor) error {
	_, _, err := span(after)
	return err
}

func approve(before, after map[string]any, actor record.Actor) error {
	beneficiary, _ := before["beneficiary"].(string)
	requester, _ := before["requested_by"].(string)
	if beneficiary == "" || requester == "" {
		return fault.New(fault.Invalid, "Who asks for this exception and who gains by it must be known before anyone approves it.").
			WithNext("Fill in beneficiary.")
	}
	parties := []record.Party{{Role: "the requester", Stamp: requester}, {Role: "the beneficiary", Stamp: beneficiary}}
	authors, _ := before["authors"].([]any)
	for _, a := range authors {
		stamp, _ := a.(string)
		parties = append(parties, record.Party{Role: "an author of the request", Stamp: stamp})
	}
	if err := record.Apart(actor, "approve it", parties...); err != nil {
		return err
	}
	start, _, err := span(before)
	if err != nil {
		return err
	}
	if approved := moment(after, "approved_at"); start.Before(approved.Truncate(24 * time.Hour)) {
		return fault.New(fault.Invalid, "It would begin on %s and is approved on %s; an exception is never retroactive.",
			start.Format(time.DateOnly), approved.Format(time.DateOnly)).WithNext("Ask for one that begins today or later.")
	}
	return nil
}

func activate(before, after map[string]any, _ record.Actor) error {
	start, end, err := span(before)
	if err != nil {
		return err
	}
	switch now := moment(after, "activated_at"); {
	case now.Before(start):
		return fault.New(fault.Conflict, "It begins on %s.", start.Format(time.DateOnly))
	case !now.Before(end):
		return fault.New(fault.Conflict, "It was over on %s before it began.", before["expiry"]).WithNext("It expires by itself; ask for a new one.")
	}
	return nil
}

func finish(before, _ map[string]any, actor record.Actor) error {
	requester, _ := before["requested_by"].(string)
	return record.Apart(actor, "confirm that it is over", record.Party{Role: "the requester", Stamp: requester})
}

func expire(before, after map[string]any, _ record.Actor) error {
	_, end, err := span(before)
	if err != nil {
		return err
	}
	if moment(after, "ended_at").Before(end) {
		return fault.New(fault.Conflict, "It runs through %s.", before["expiry"]).WithNext("To end it earlier, close or revoke it.")
	}
	return nil
}

// Next is the move that time alone makes of an exception: "activate" from its first day on, "expire" once its last day is
// over, or none. A job makes it.
func Next(body map[string]any, now time.Time) string {
	start, end, err := span(body)
	state, _ := body[record.StateField].(string)
	switch {
	case err != nil || state != "approved" && state != "active":
		return ""
	case !now.Before(end):
		return "expire"
	case state == "approved" && !now.Before(start):
		return "activate"
	}
	return ""
}

// span is the half-open time in which the exception holds, in UTC.
func span(body map[string]any) (start, end time.Time, err error) {
	from, _ := body["start"].(string)
	to, _ := body["expiry"].(string)
	start, errStart := time.Parse(time.DateOnly, from)
	last, errEnd := time.Parse(time.DateOnly, to)
	switch {
	case errStart != nil || errEnd != nil:
		return start, last, fault.New(fault.Invalid, "An exception needs a first and a last day, as YYYY-MM-DD; these are %q and %q.", from, to).WithNext("Fill in start and expiry.")
	case last.Before(start):
		return start, last, fault.New(fault.Invalid, "The last day, %s, lies before the first, %s.", to, from)
	case last.After(start.AddDate(0, MaxMonths, 0)):
		return start, last, fault.New(fault.Invalid, "It would run from %s to %s, and an exception runs for at most %d months.", from, to, MaxMonths).
			WithNext("End it by %s; renewal is a new request.", start.AddDate(0, MaxMonths, 0).Format(time.DateOnly))
	}
	return start, last.AddDate(0, 0, 1), nil
}

// moment reads a time the machine stamped.
func moment(body map[string]any, field string) time.Time {
	s, _ := body[field].(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

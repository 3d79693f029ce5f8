package policy

import (
	"encoding/json"
	"fmt"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// WarnDays is how long before its approval is too old a policy's owner is asked to review it.
const WarnDays = 60

// Publication is the version that time alone publishes now: approved, with a first day that has come. Empty when there is none.
func Publication(look record.Look, policy string) (version string, err error) {
	all, err := Versions(look, policy)
	for _, v := range all {
		if v.State == "approved" && v.Effective != "" && Pending(v, look) == "" {
			return v.Key, nil
		}
	}
	return "", err
}

// Due is what the moment calls for of one active policy, given the people who work here: acknowledgements for who joined its
// audience, void for who left it, late where the due date passed, and a task to review it before its approval is too old.
func Due(look record.Look, d Document, people []Person) ([]record.Change, error) {
	version, err := inForce(look, d.Key)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	versions, err := Versions(look, d.Key)
	if err != nil {
		return nil, err
	}
	known, err := look.Find("acknowledgement", "policy", d.Key)
	if err != nil {
		return nil, err
	}
	acks, err := each(known, nil, ReadAcknowledgement)
	if err != nil {
		return nil, err
	}
	line := lineOf(versions, acks, version)
	var out []record.Change
	day, here := today(look), map[string]bool{}
	for _, p := range d.Audiences(people) {
		here[p.ID] = true
		if line[p.ID].State == "" {
			out = append(out, assign(d, version, p.ID, day, dueFor(d, p, day), ""))
		}
	}
	began := map[string]record.Moment{}
	for _, v := range known {
		began[v.Key] = v.From
	}
	for _, a := range acks {
		if a.State != "assigned" { // of many acknowledgements few are open
			continue
		}
		at := began[a.Key]
		switch late := overdue(a.Due, look); {
		case !here[a.Person]:
			out = append(out, record.Change{Kind: "acknowledgement", Key: a.Key, Move: "void", Reason: "the person left or is no longer in the audience", If: &at})
		case a.OverdueSince == "" && late != "":
			body := map[string]any{"policy": a.Policy, "version": a.Version, "person": a.Person, "assigned": a.Assigned, "due": a.Due, "overdue_since": late, record.StateField: a.State}
			out = append(out, record.Change{Kind: "acknowledgement", Key: a.Key, Body: encoded(body), Reason: "its due date passed", If: &at})
		}
	}
	task, err := reviewTask(look, d)
	return append(out, task...), err
}

// reviewTask asks the owner for a review, once for each day on which the approval becomes too old.
func reviewTask(look record.Look, d Document) ([]record.Change, error) {
	last, err := LastApproval(look, d)
	if err != nil {
		return nil, err
	}
	out, err := settled(look, d, last)
	if err != nil || look.At.Before(last.Through.AddDate(0, 0, -WarnDays)) {
		return out, err
	}
	due := last.Through.Format(time.DateOnly)
	key := reviewKey(d.Key, due)
	if _, err := look.Get("task", key); !fault.Is(err, fault.NotFound) {
		return out, err
	}
	body := map[string]any{"title": "Review " + d.Title, "sort": "document", "policy": d.Key, "due": due,
		"description": fmt.Sprintf("Version %s was last approved on %s. Publish a new version, or record a review that found nothing to change and let another person approve it.",
			last.Version.Number, last.At.In(Zone(look)).Format("2 January 2006"))}
	if d.Owner != "" {
		body["owner"] = d.Owner
	}
	return append(out, record.Change{Kind: "task", Key: key, Body: encoded(body), Reason: "its review is due"}), nil
}

func reviewKey(policy, due string) string { return "review-" + policy + "-" + due }

// settled closes what asked for a review that was held since: the approval was renewed, so that it is due later now. A due date
// that passed before that stays on the task.
func settled(look record.Look, d Document, last Approval) ([]record.Change, error) {
	tasks, err := look.Find("task", "policy", d.Key)
	if err != nil {
		return nil, err
	}
	var out []record.Change
	for _, v := range tasks {
		var b struct{ State, Due string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return nil, fmt.Errorf("read task %s: %w", v.Key, err)
		}
		if v.Key != reviewKey(d.Key, b.Due) || b.State != "open" && b.State != "in_progress" || b.Due >= last.Through.Format(time.DateOnly) {
			continue
		}
		out = append(out, record.Change{Kind: "task", Key: v.Key, Move: "settle", Reason: "its review was held",
			Said: map[string]any{"outcome": fmt.Sprintf("Version %s was approved on %s.", last.Version.Number, last.At.In(Zone(look)).Format("2 January 2006"))}})
	}
	return out, nil
}

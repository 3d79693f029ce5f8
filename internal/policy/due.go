package policy

import (
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
	if look.At.Before(last.Through.AddDate(0, 0, -WarnDays)) {
		return nil, nil
	}
	due := last.Through.Format(time.DateOnly)
	key := "review-" + d.Key + "-" + due
	if _, err := look.Get("task", key); !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	body := map[string]any{"title": "Review " + d.Title, "sort": "document", "policy": d.Key, "due": due,
		"description": fmt.Sprintf("Version %s was last approved on %s. Publish a new version, or record a review that found nothing to change and let another person approve it.",
			last.Version.Number, last.At.In(Zone(look)).Format("2 January 2006"))}
	if d.Owner != "" {
		body["owner"] = d.Owner
	}
	return []record.Change{{Kind: "task", Key: key, Body: encoded(body), Reason: "its review is due"}}, nil
}

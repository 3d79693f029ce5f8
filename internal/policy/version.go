package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/approval"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

func writeVersion(before, after map[string]any, _ record.Actor) error {
	n, change := text(after, "number"), text(after, "change")
	_, minor, ok := numbers(n)
	switch {
	case !ok:
		return fault.New(fault.Invalid, "%q is no version number.", n).WithNext("Write major and minor, such as 2.0.")
	case change == "major" && minor != 0:
		return fault.New(fault.Invalid, "%s is the number of a minor change.", n).WithNext("A major change gets a number that ends in .0.")
	case change == "minor" && minor == 0:
		return fault.New(fault.Invalid, "%s is the number of a major change.", n).WithNext("A minor change raises the number after the dot.")
	case before != nil && text(before, "policy") != text(after, "policy"):
		return fault.New(fault.Invalid, "A version stays with its policy, %s.", text(before, "policy"))
	}
	if v, ok := after["variables"]; ok {
		if _, ok := v.(map[string]any); !ok {
			return fault.New(fault.Invalid, "variables: names with their values were expected.")
		}
	}
	return nil
}

// checkVersion holds what depends on the policy and on its other versions.
func checkVersion(look record.Look, before, after map[string]any, actor record.Actor) error {
	from, to := text(before, record.StateField), text(after, record.StateField)
	if to == "superseded" || to == "retired" {
		return nil
	}
	doc, err := look.Get("policy", text(after, "policy"))
	if err != nil {
		return err
	}
	policy, err := ReadDocument(doc)
	if err != nil {
		return err
	}
	if policy.State == "retired" {
		return fault.New(fault.Conflict, "The policy %s is retired.", policy.ID).WithNext("Begin a new policy.")
	}
	switch {
	case before != nil && before["late_reviewed_at"] != after["late_reviewed_at"]:
		return nil
	case from == to || before == nil:
		return alone(look, before, after)
	case to == "approved" || from == "pending_approval":
		if err := onlyApprover(look, policy.Approver, map[bool]string{true: "approve it", false: "refuse it"}[to == "approved"], actor); err != nil {
			return err
		}
		return approval.SmallTeam(look, before, after)
	case to == "published":
		return due(look, after)
	}
	return nil
}

// alone refuses a second text under way, and a number that is not above those before it.
func alone(look record.Look, before, after map[string]any) error {
	all, err := Versions(look, text(after, "policy"))
	if err != nil {
		return err
	}
	n := text(after, "number")
	others := slices.DeleteFunc(slices.Clone(all), func(v Version) bool { return before != nil && v.Number == text(before, "number") })
	if text(after, "change") == "minor" && !slices.ContainsFunc(others, func(v Version) bool { return sameLine(v.Number, n) }) {
		return fault.New(fault.Invalid, "%s would be a minor change of a version that there is not.", n).
			WithNext("Use %s.", NextNumber(others, "minor"))
	}
	for _, v := range all {
		same := before != nil && v.Number == text(before, "number")
		switch {
		case same:
		case before == nil && slices.Contains(Unfinished, v.State):
			return fault.New(fault.Conflict, "Version %s of this policy is %s.", v.Number, strings.ReplaceAll(v.State, "_", " ")).
				WithNext("Go on with that one; a policy has one text under way at a time.")
		case compareNumbers(n, v.Number) <= 0:
			return fault.New(fault.Invalid, "This policy has a version %s already, and %s is not above it.", v.Number, n).
				WithNext("Use %s.", NextNumber(all, text(after, "change")))
		}
	}
	return nil
}

// due refuses to publish before the day from which the text holds, and says that day where none was said.
func due(look record.Look, after map[string]any) error {
	day, effective := today(look), text(after, "effective")
	if effective == "" {
		after["effective"] = day
	} else if effective > day {
		return fault.New(fault.Conflict, "It is in force from %s, and it is %s.", effective, day).
			WithNext("It is published by itself on that day.")
	}
	return nil
}

// submit refuses a text that is not one yet.
func submit(before, _ map[string]any, _ record.Actor) error {
	if gaps := Gaps(before); len(gaps) > 0 {
		return fault.New(fault.Conflict, "The text is not finished: %s.", strings.Join(firstOf(gaps, 4), "; ")).
			WithNext("Fill that in, and send it then.")
	}
	return nil
}

func firstOf(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n]), fmt.Sprintf("and %d more", len(list)-n))
}

func apart(before map[string]any, act string, actor record.Actor) error {
	parties, err := versionApprovals().Parties(before)
	if err != nil {
		return err
	}
	return record.Apart(actor, act, parties...)
}

func review(before, _ map[string]any, actor record.Actor) error {
	return apart(before, "review it", actor)
}
func refuse(before, _ map[string]any, actor record.Actor) error {
	return apart(before, "refuse it", actor)
}

// approve keeps the SHA-256 of exactly what is approved.
func approve(before, after map[string]any, _ record.Actor) error {
	if gaps := Gaps(before); len(gaps) > 0 {
		return fault.New(fault.Conflict, "The text is not finished: %s.", strings.Join(firstOf(gaps, 4), "; ")).WithNext("Refuse it, so that it can be finished.")
	}
	rendered, _ := Rendered(before)
	after["sha256"] = sum(rendered)
	return nil
}

// afterVersion supersedes the version before, when one is published, and opens what its audience must acknowledge. A minor
// change opens nothing: only what was still open goes on with the new text, under its old dates.
func afterVersion(look record.Look, key string, before, after map[string]any) ([]record.Change, error) {
	if text(before, record.StateField) == text(after, record.StateField) || text(after, record.StateField) != "published" {
		return nil, nil
	}
	policy := text(after, "policy")
	v, err := look.Get("policy", policy)
	if err != nil {
		return nil, err
	}
	doc, err := ReadDocument(v)
	if err != nil {
		return nil, err
	}
	all, err := Versions(look, policy)
	if err != nil {
		return nil, err
	}
	var out []record.Change
	for _, old := range all {
		if old.Key != key && old.State == "published" {
			out = append(out, record.Change{Kind: "policy_version", Key: old.Key, Move: "supersede", Reason: "version " + text(after, "number") + " is published"})
		}
	}
	now, err := read(record.Version{Kind: "policy_version", Key: key, Body: encoded(after)}, func(x *Version) *string { return &x.Key })
	if err != nil {
		return nil, err
	}
	acks, err := Acknowledgements(look, policy)
	if err != nil {
		return nil, err
	}
	carried := map[string]Acknowledgement{}
	for _, a := range acks {
		if a.State == "assigned" {
			carried[a.Person] = a
			out = append(out, record.Change{Kind: "acknowledgement", Key: a.Key, Move: "void", Reason: "version " + now.Number + " is published"})
		}
	}
	if now.Change == "minor" {
		for _, person := range slices.Sorted(keys(carried)) {
			out = append(out, assign(doc, now, person, carried[person].Assigned, carried[person].Due, carried[person].OverdueSince))
		}
		return out, nil
	}
	audience, err := Audience(look, doc)
	if err != nil {
		return nil, err
	}
	day := today(look)
	for _, p := range audience {
		out = append(out, assign(doc, now, p.ID, day, dueFor(doc, p, day), ""))
	}
	return out, nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// Pending says on which day an approved version is published; empty when its day has come.
func Pending(v Version, look record.Look) string {
	if day := today(look); v.Effective > day {
		return v.Effective
	}
	return ""
}

func addMonths(day time.Time, n int) time.Time {
	out := day.AddDate(0, n, 0)
	if out.Day() != day.Day() { // the month is shorter: its last day
		out = out.AddDate(0, 0, -out.Day())
	}
	return out
}

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

func writeReview(_, after map[string]any, actor record.Actor) error {
	if actor.IsJob() {
		return fault.New(fault.Denied, "Only a person can review a policy.")
	}
	if strings.TrimSpace(text(after, "note")) == "" {
		return fault.New(fault.Invalid, "A review says what was looked at.").WithNext("Fill in note.")
	}
	return nil
}

// checkReview keeps a review to the text in force, and its approval to whoever may approve that text.
func checkReview(look record.Look, before, after map[string]any, actor record.Actor) error {
	v, err := look.Get("policy_version", text(after, "version"))
	if err != nil {
		return err
	}
	version, err := ReadVersion(v)
	switch {
	case err != nil:
		return err
	case version.Policy != text(after, "policy"):
		return fault.New(fault.Invalid, "Version %s belongs to the policy %s.", version.Key, version.Policy)
	case version.State != "published":
		return fault.New(fault.Conflict, "Version %s is %s, and only the text in force can be reviewed.", version.Number, strings.ReplaceAll(version.State, "_", " ")).
			WithNext("Review the version in force.")
	case before == nil || text(before, record.StateField) == text(after, record.StateField) && before["late_reviewed_at"] == after["late_reviewed_at"]:
		return nil
	}
	var parties []record.Party
	for _, a := range version.Authors {
		parties = append(parties, record.Party{Role: "an author of the text", Stamp: a})
	}
	switch {
	case before["late_reviewed_at"] != after["late_reviewed_at"]:
		return record.Apart(actor, "review its approval", parties...)
	case text(after, "review_due") != "": // by the reviewer alone, who may have written the text too
		if err := approval.SmallTeam(look, before, after); err != nil {
			return err
		}
	default:
		if err := record.Apart(actor, "approve it", parties...); err != nil {
			return err
		}
	}
	doc, err := look.Get("policy", version.Policy)
	if err != nil {
		return err
	}
	policy, err := ReadDocument(doc)
	if err != nil {
		return err
	}
	return onlyApprover(look, policy.Approver, "approve it", actor)
}

// Lapse is a time in which a policy had no text in force, or one whose approval was too old.
type Lapse struct {
	From, To time.Time
	Version  string    // number of the text; empty when none was in force
	Approved time.Time // when that was last approved; zero when none was in force
}

// Approval is the last time that the version in force was approved, by its own approval or by a review without change, and
// the last day on which that approval is not too old.
type Approval struct {
	Version Version
	At      time.Time
	Through time.Time // begin of that day, in the organisation's zone
}

// LastApproval returns it for the moment of the look, or a fault that is NotFound when no text is in force.
func LastApproval(look record.Look, d Document) (Approval, error) {
	v, err := inForce(look, d.Key)
	if err != nil {
		return Approval{}, err
	}
	reviews, err := Reviews(look, d.Key)
	if err != nil {
		return Approval{}, err
	}
	return approvalOf(v, reviews, d.Months(), Zone(look)), nil
}

func approvalOf(v Version, reviews []Review, months int, zone *time.Location) Approval {
	at := v.ApprovedAt
	for _, r := range reviews {
		if r.Version == v.Key && r.State == "approved" && r.ApprovedAt.After(at) {
			at = r.ApprovedAt
		}
	}
	return Approval{v, at, through(at, months, zone)}
}

func through(approved time.Time, months int, zone *time.Location) time.Time {
	y, m, day := approved.In(zone).Date()
	return addMonths(time.Date(y, m, day, 0, 0, 0, 0, zone), months)
}

// Missed are the lapses of a summary's policy in which a text was in force whose review was not held in time, in sentences.
func (s Summary) Missed(from, to time.Time, zone *time.Location) []string {
	return missed(lapses(s.Versions, s.Reviews, s.Months(), zone, from, to), s.Months(), zone)
}

// Missed is Summary.Missed by a policy's key.
func Missed(look record.Look, d Document, from, to time.Time) ([]string, error) {
	list, err := Lapses(look, d.Key, from, to)
	return missed(list, d.Months(), Zone(look)), err
}

func missed(list []Lapse, months int, zone *time.Location) []string {
	var out []string
	for _, l := range list {
		if l.Version != "" {
			out = append(out, fmt.Sprintf("From %s to %s the approval of version %s was more than %d months old: its review was not held in time.",
				l.From.In(zone).Format("2 January 2006"), l.To.Add(-time.Second).In(zone).Format("2 January 2006"), l.Version, months))
		}
	}
	return out
}

// Lapses are the times within a window, from inclusive and to exclusive, in which a policy had no text in force or the approval
// of its text was older than its review_months; none after the policy was retired. Not one is good: at any day of a window the approval must be younger.
func Lapses(look record.Look, policy string, from, to time.Time) ([]Lapse, error) {
	rec, err := look.Get("policy", policy)
	if err != nil {
		return nil, err
	}
	doc, err := ReadDocument(rec)
	if err != nil {
		return nil, err
	}
	versions, err := Versions(look, policy)
	if err != nil {
		return nil, err
	}
	reviews, err := Reviews(look, policy)
	if err != nil {
		return nil, err
	}
	return lapses(versions, reviews, doc.Months(), Zone(look), from, to), nil
}

func lapses(versions []Version, reviews []Review, months int, zone *time.Location, from, to time.Time) []Lapse {
	published := slices.DeleteFunc(slices.Clone(versions), func(v Version) bool { return v.PublishedAt.IsZero() })
	slices.SortFunc(published, func(a, b Version) int { return a.PublishedAt.Compare(b.PublishedAt) })
	var out []Lapse
	add := func(l Lapse) {
		if l.From.Before(from) {
			l.From = from
		}
		if l.To.IsZero() || l.To.After(to) {
			l.To = to
		}
		if l.From.Before(l.To) {
			out = append(out, l)
		}
	}
	none := time.Time{} // since when no text is in force
	for _, v := range published {
		add(Lapse{From: none, To: v.PublishedAt})
		end := v.EndedAt
		if end.IsZero() {
			end = to
		}
		approvals := []time.Time{v.ApprovedAt}
		for _, r := range reviews {
			if r.Version == v.Key && r.State == "approved" {
				approvals = append(approvals, r.ApprovedAt)
			}
		}
		slices.SortFunc(approvals, time.Time.Compare)
		for i, at := range approvals {
			old, until := through(at, months, zone).AddDate(0, 0, 1), end
			if i+1 < len(approvals) && approvals[i+1].Before(until) {
				until = approvals[i+1]
			}
			if old.Before(v.PublishedAt) {
				old = v.PublishedAt
			}
			if old.Before(until) {
				add(Lapse{From: old, To: until, Version: v.Number, Approved: at})
			}
		}
		if none = v.EndedAt; none.IsZero() || v.State == "retired" { // a retired policy has to have none
			return out
		}
	}
	add(Lapse{From: none, To: to})
	return out
}

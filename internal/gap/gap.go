// Package gap compares what the criteria in scope ask for with what there is: controls, their owners and approvals, evidence,
// checks, policies, commitments. The one rule: a gap is computed from records and never written, so that it is open exactly
// while its reason holds; a task may be about it, and finishing the task closes nothing.
package gap

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Sort is what a gap is about.
type Sort string

// The sorts, in the order in which a list shows them.
const (
	Scope       Sort = "scope"       // nothing says what will be examined
	Place       Sort = "place"       // what a source reads belongs to no system, and nothing says that it is outside
	Criterion   Sort = "criterion"   // a criterion in scope without a control in operation
	Owner       Sort = "owner"       // a control without an owner who is here
	Approval    Sort = "approval"    // a control that nobody approved
	Operation   Sort = "operation"   // an approved control that is not in operation
	Proof       Sort = "proof"       // a control in operation of which nothing on record speaks
	Requirement Sort = "requirement" // evidence that is due and missing
	Failing     Sort = "failing"     // a check that fails
	Unknown     Sort = "unknown"     // a check that nothing answers
	Policy      Sort = "policy"      // a policy that is missing, not in force, or approved too long ago
	Commitment  Sort = "commitment"  // a promise that no control keeps
	Observed    Sort = "observed"    // what an assessor noted before the examination, until somebody verified what was done
)

// Sorts are all of them, in order.
func Sorts() []Sort {
	return []Sort{Scope, Place, Criterion, Owner, Approval, Operation, Proof, Requirement, Failing, Unknown, Policy, Commitment, Observed}
}

// Title is the sort in words, as a heading.
func (s Sort) Title() string {
	return map[Sort]string{
		Scope: "Scope not settled", Place: "Outside every boundary, without a reason", Criterion: "Criterion without a control in operation", Owner: "Control without an owner", Approval: "Control not approved",
		Operation: "Control not in operation", Proof: "Nothing on record shows the control", Requirement: "Evidence missing", Failing: "Check failing", Unknown: "Check unknown",
		Policy: "Policy missing or not in force", Commitment: "Commitment without a control", Observed: "Noted in a readiness assessment",
	}[s]
}

// Gap is one thing that is missing.
type Gap struct {
	ID       string   `json:"id"` // stable: the same gap has the same id at every moment
	Sort     Sort     `json:"sort"`
	What     string   `json:"what"`
	Why      string   `json:"why"`
	Next     string   `json:"next"`
	Severity string   `json:"severity"` // critical, high, medium, low
	Stage    string   `json:"stage"`    // from which on it matters: startup, growth, enterprise
	Remedy   string   `json:"remedy"`   // as the sorts of a task: workflow_change, training, document, technical, evidence, decision
	Criteria []string `json:"criteria"` // those in scope that it bears on
	Control  string   `json:"control,omitempty"`
	Kind     string   `json:"kind,omitempty"` // of the record to open; empty: there is none yet
	Key      string   `json:"key,omitempty"`
	Task     *Task    `json:"task,omitempty"` // what somebody does about it
}

// Task is the latest task about a gap that was not cancelled.
type Task struct {
	Key   string `json:"key"`
	Title string `json:"title"`
	State string `json:"state"`
	Owner string `json:"owner,omitempty"`
	Due   string `json:"due,omitempty"`
	Late  bool   `json:"late"` // its date passed before it was done
}

// Status is how far somebody is with the gap: open when no task is about it; planned; overdue; done when the task is, and the
// gap is still there.
func (g Gap) Status() string {
	switch {
	case g.Task == nil:
		return "open"
	case g.Task.State == "done" || g.Task.State == "verified":
		return "done"
	case g.Task.Late:
		return "overdue"
	}
	return "planned"
}

// Statuses are the words that Status gives.
func Statuses() []string { return []string{"open", "planned", "overdue", "done"} }

func rank(severity string) int {
	return max(0, slices.Index([]string{"critical", "high", "medium", "low"}, severity))
}

// order is the worst first, then by sort and id.
func order(a, b Gap) int {
	return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(slices.Index(Sorts(), a.Sort), slices.Index(Sorts(), b.Sort)), strings.Compare(a.ID, b.ID))
}

// id is a stable name of a gap.
func id(sort Sort, of ...string) string { return string(sort) + ":" + strings.Join(of, ":") }

// day is a date in words.
func day(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("2 Jan 2006")
}

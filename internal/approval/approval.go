// Package approval holds how a record counts as approved: by another person than its authors, or, in an organisation that has
// nobody else, by its author with an independent later review. The one rule: an approval without a second person is never
// shown as an ordinary one, and says so until somebody independent reviewed it, and after.
package approval

import (
	"encoding/json"
	"slices"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Approval says in a word how a record was approved; empty for one that nobody approved.
type Approval string

// The approvals.
const (
	Ordinary    Approval = "approved"
	ByAuthor    Approval = "approved_by_author"
	LaterReview Approval = "approved_by_author_reviewed"
)

// Own and Later are the names of the two moves; kinds have them beside an ordinary approval.
const (
	Own   = "approve_own"
	Later = "late_review"
)

// maxMonths is how long an author's approval may wait for its later review.
const maxMonths = 6

// Of reads from a record's body how it was approved.
func Of(body map[string]any) Approval {
	return How(text(body, record.StateField), text(body, "approved_by"), text(body, "review_due"), text(body, "late_reviewed_by"))
}

// How is Of for who has the fields. What is a draft again counts as approved by nobody.
func How(state, by, due, reviewer string) Approval {
	switch {
	case by == "" || state == "draft":
		return ""
	case due == "":
		return Ordinary
	case reviewer == "":
		return ByAuthor
	}
	return LaterReview
}

// Said is what must stand beside an approval that no second person gave, given the reviewer's name; empty for any other.
func (a Approval) Said(due, reviewer string) string {
	switch a {
	case ByAuthor:
		return "by its author, and by no second person; a later review is due " + due
	case LaterReview:
		return "by its author, and by no second person at the time; reviewed later by " + reviewer
	}
	return ""
}

// Independent reports whether somebody other than its authors looked at what stands: it is Machine.Independent.
func Independent(before map[string]any) bool {
	a := Of(before)
	return a == Ordinary || a == LaterReview
}

// Fields are what a kind needs for it, beside approved_by and approved_at.
func Fields() []record.Field {
	return []record.Field{
		{Name: "review_due", Title: "Later review due", Type: record.Date, Fixed: true, Indexed: true, Hidden: true,
			Help: "Set when its author approved it, because there was nobody else: by when another person reviews that."},
		{Name: "late_reviewed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
		{Name: "late_reviewed_at", Type: record.Time, Fixed: true, Hidden: true},
		{Name: "late_review", Title: "Later review", Type: record.Long, Fixed: true, Hidden: true},
	}
}

// Rules are what a kind says of its approvals.
type Rules struct {
	From, To string                                                   // the states between which its author may approve it
	Also     []string                                                 // further states from which its author may
	Standing []string                                                 // the states in which the later review is done
	Parties  func(before map[string]any) ([]record.Party, error)      // who wrote it
	Ready    func(before, after map[string]any, a record.Actor) error // what any approval asks for; may be nil
}

// Moves are the approval by its author and the later review of that.
func (r Rules) Moves() []record.Move {
	return []record.Move{
		{Name: Own, Title: "Approve as its author", From: append([]string{r.From}, r.Also...), To: r.To, By: "approved_by", At: "approved_at", Guard: r.own,
			Fields: []record.Field{{Name: "review_due", Title: "Later review due", Type: record.Date, Required: true,
				Help: "Say by when an independent person will review it: at most six months from now."}}},
		{Name: Later, Title: "Review the author's approval", From: r.Standing, By: "late_reviewed_by", At: "late_reviewed_at", Guard: r.later,
			Fields: []record.Field{{Name: "late_review", Title: "What you looked at", Type: record.Long, Required: true, Help: "Say what you looked at and what you found."}}},
	}
}

// Approve is the guard of the ordinary approval, by somebody else; what an earlier approval by the author promised is over
// with it.
func (r Rules) Approve(before, after map[string]any, actor record.Actor) error {
	parties, err := r.Parties(before)
	if err != nil {
		return err
	}
	Forget(after)
	if err := record.Apart(actor, "approve it", parties...); err != nil || r.Ready == nil {
		return err
	}
	return r.Ready(before, after, actor)
}

// own is for the author alone: whoever else is there gives an ordinary approval.
func (r Rules) own(before, after map[string]any, actor record.Actor) error {
	parties, err := r.Parties(before)
	if err != nil {
		return err
	}
	if actor.Person == "" || !slices.ContainsFunc(parties, func(p record.Party) bool { return p.Stamp == actor.Person }) {
		return fault.New(fault.Denied, "Only an author of it can approve it as its author.").WithNext("You wrote none of it, so give it an ordinary approval.")
	}
	due := text(after, "review_due")
	at, _ := time.Parse(time.RFC3339Nano, text(after, "approved_at"))
	Forget(after)
	after["review_due"] = due
	if r.Ready != nil {
		if err := r.Ready(before, after, actor); err != nil {
			return err
		}
	}
	if last := at.AddDate(0, maxMonths, 0).Format(time.DateOnly); due <= at.Format(time.DateOnly) || due > last {
		return fault.New(fault.Invalid, "The later review is promised for %q.", due).WithNext("Promise it for a day after today, at latest %s.", last)
	}
	return nil
}

// later is by another person than the authors, and once.
func (r Rules) later(before, _ map[string]any, actor record.Actor) error {
	switch Of(before) {
	case ByAuthor:
	case LaterReview:
		return fault.New(fault.Conflict, "The later review was done by %v.", before["late_reviewed_by"])
	default:
		return fault.New(fault.Conflict, "It was not approved by its author, so no later review is due.")
	}
	parties, err := r.Parties(before)
	if err != nil {
		return err
	}
	return record.Apart(actor, "review its approval", append(parties, record.Party{Role: "the one who approved it", Stamp: text(before, "approved_by")})...)
}

// Forget clears what an earlier approval by the author promised.
func Forget(after map[string]any) {
	for _, f := range Fields() {
		delete(after, f.Name)
	}
}

// SmallTeam refuses an approval by the author while the organisation has not said that it has nobody else. Kinds call it from
// Kind.Check.
func SmallTeam(look record.Look, before, after map[string]any) error {
	if text(after, "review_due") == "" || before["approved_at"] == after["approved_at"] {
		return nil
	}
	var said struct {
		SmallTeam bool `json:"small_team"`
	}
	v, err := look.Get("organisation", "organisation")
	if err == nil {
		err = json.Unmarshal(v.Body, &said)
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if !said.SmallTeam {
		return fault.New(fault.Denied, "An author may approve what they wrote only where there is nobody independent, and this organisation has not said so.").
			WithNext("Ask another person to approve it, or set small_team of the organisation.")
	}
	return nil
}

// Authors are the parties of a kind that keeps them in the field authors; said as "an author of this control".
func Authors(what, rewrite string) func(before map[string]any) ([]record.Party, error) {
	return func(before map[string]any) ([]record.Party, error) {
		list, _ := before["authors"].([]any)
		if len(list) == 0 {
			return nil, fault.New(fault.Denied, "Nobody is known as the author of this %s, so nobody can be shown to be someone else.", what).WithNext("%s", rewrite)
		}
		var parties []record.Party
		for _, a := range list {
			stamp, _ := a.(string)
			parties = append(parties, record.Party{Role: "an author of this " + what, Stamp: stamp})
		}
		return parties, nil
	}
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

package control

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kind declares the control: draft, approved, active, retired. Changing what was approved makes it a draft again, until
// someone other than those who changed it approves.
func Kind() record.Kind {
	return record.Kind{
		Name: "control", Title: "Control", Plural: "Controls", Group: "Program",
		Help: "What the organisation does to meet criteria: who does what, when, and which record proves it.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as AC-06."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "statement", Type: record.Long, Required: true, Hidden: true,
				Help: "Who does what, when, and which record proves it. Promise only what you will do."},
			{Name: "criteria", Type: record.Ref, Refers: "criterion", List: true, Required: true, Indexed: true,
				Help: "The criteria it helps to meet, the primary one first."},
			{Name: "family", Type: record.Text, Indexed: true, Help: "The group it belongs to, such as access or change."},
			{Name: "frequency", Type: record.Choice, Choices: Frequencies(),
				Help: "How often it happens, and so how often it will be tested in your window."},
			{Name: "grace_days", Title: "Days of grace", Type: record.Integer, Hidden: true,
				Help: "How many days after a span its performance and its evidence are still in time; none when empty."},
			{Name: "events", Title: "What calls for it", Type: record.Object, Hidden: true,
				Help: "For a control that is performed per event: which records are the events. Those of an automated control are judged by its checks; for any other, each event is a performance that is due.",
				Fields: []record.Field{
					{Name: "kind", Type: record.Text, Help: "The kind of record, such as person, or for an automated control a view, such as change."},
					{Name: "where", Type: record.Text, Help: "Which of them, as a filter over r, such as has(r.end)."},
					{Name: "date", Type: record.Text, Help: "The field that holds the day, such as end; empty for when it occurred."},
					{Name: "changed", Title: "Field that changes", Type: record.Text, Help: "Instead of a date: the field each of whose changes is an event, such as title."},
					{Name: "lead_days", Title: "Days before", Type: record.Integer, Help: "How many days before that day it may be done already."},
					{Name: "due_days", Type: record.Integer, Help: "Within how many days after that day."},
					{Name: "waits_for", Title: "Waits for", Type: record.Text, Help: "Instead of a kind: the source that would tell, while none is connected. Until then the control is unknown."},
				}},
			{Name: "review_each", Title: "Each performance is reviewed", Type: record.Bool, Hidden: true,
				Help: "A second person looks at each performance; until then it does not count."},
			{Name: "nature", Type: record.Choice, Choices: Natures(), Hidden: true},
			{Name: "type", Type: record.Choice, Choices: Types(), Hidden: true},
			{Name: "owner_role", Type: record.Text, Hidden: true, Help: "The accountable role, such as security_lead."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true, Help: "The one active person who answers for it."},
			{Name: "stage", Type: record.Choice, Choices: Stages(), Hidden: true, Help: "The earliest stage of a company that needs it."},
			{Name: "evidence", Title: "Evidence rule", Type: record.Text, List: true, Hidden: true, Help: "What should exist as proof."},
			{Name: "checks", Type: record.Text, List: true, Indexed: true, Hidden: true, Help: "Ids of the checks that watch it."},
			{Name: "procedures", Title: "Test procedures", Type: record.Object, Hidden: true,
				Help: "What an auditor would do, as a starting text.",
				Fields: []record.Field{
					{Name: "design", Type: record.Text, List: true},
					{Name: "operating", Type: record.Text, List: true},
				}},
			{Name: "catalogue_id", Title: "Copied from", Type: record.Text, Hidden: true, Help: "The starter control it was copied from."},
			{Name: "catalogue_version", Type: record.Text, Hidden: true},
			{Name: "tailored", Type: record.Bool, Hidden: true, Help: "Its content was changed after it was copied from the catalogue."},
			{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true,
				Help: "Everyone who wrote the content that is to be approved; none of them may approve it."},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "review_due", Title: "Later review due", Type: record.Date, Fixed: true, Indexed: true, Hidden: true,
				Help: "Set when its author approved it, because there was nobody else: by when another person reviews that."},
			{Name: "late_reviewed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "late_reviewed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "late_review", Title: "Later review", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "active_since", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "retired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: machine(),
		Guard:  marker(),
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if err := askable(look, before, after); err != nil {
				return err
			}
			return smallTeam(look, before, after, actor)
		},
	}
}

// smallTeam refuses an approval by the author while the organisation has not said that it has nobody else.
func smallTeam(look record.Look, before, after map[string]any, _ record.Actor) error {
	if after[record.StateField] != "approved_by_author" || before[record.StateField] == "approved_by_author" {
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

// contentFields are what an approval is about and what makes an adopted control a tailored one. The owner is neither: a duty may
// pass from one person to another without a new approval of its text.
func contentFields() []string {
	return []string{"title", "statement", "criteria", "frequency", "nature", "type", "evidence", "checks", "procedures"}
}

// approvedFields are what an approval is about beside the content: how strictly it is held to.
func approvedFields() []string { return append(contentFields(), "grace_days", "events", "review_each") }

// Approval says in a few words how a control that counts was approved; empty for one that nobody approved.
type Approval string

// The approvals. One by its author is never an ordinary one, and says so until another person reviewed it.
const (
	Ordinary    Approval = "approved"
	ByAuthor    Approval = "approved_by_author"
	LaterReview Approval = "approved_by_author_reviewed"
)

// ApprovalOf reads it from a control's body.
func ApprovalOf(body map[string]any) Approval {
	by, _ := body["approved_by"].(string)
	due, _ := body["review_due"].(string)
	reviewer, _ := body["late_reviewed_by"].(string)
	switch {
	case by == "" || body[record.StateField] == "draft":
		return ""
	case due == "":
		return Ordinary
	case reviewer == "":
		return ByAuthor
	}
	return LaterReview
}

func machine() *record.Machine {
	return &record.Machine{
		Initial: "draft", Authors: "authors", Revises: approvedFields(), Frozen: []string{"retired"},
		Independent: func(before map[string]any) bool {
			a := ApprovalOf(before)
			return a == Ordinary || a == LaterReview
		},
		Moves: []record.Move{
			{Name: "approve", Title: "Approve", From: []string{"draft"}, To: "approved", By: "approved_by", At: "approved_at", Guard: approve},
			{Name: "approve_own", Title: "Approve as its author", From: []string{"draft"}, To: "approved_by_author", By: "approved_by", At: "approved_at", Guard: approveOwn,
				Fields: []record.Field{{Name: "review_due", Title: "Later review due", Type: record.Date, Required: true,
					Help: "Say by when an independent person will review it: at most six months from now."}}},
			{Name: "late_review", Title: "Review the author's approval", From: []string{"approved_by_author", "active"}, By: "late_reviewed_by", At: "late_reviewed_at", Guard: lateReview,
				Fields: []record.Field{{Name: "late_review", Title: "What you looked at", Type: record.Long, Required: true, Help: "Say what you looked at and what you found."}}},
			{Name: "return", Title: "Return to draft", From: []string{"approved", "approved_by_author"}, To: "draft"},
			{Name: "activate", Title: "Put into operation", From: []string{"approved", "approved_by_author"}, To: "active", At: "active_since", Guard: activate},
			{Name: "retire", Title: "Retire", From: []string{"draft", "approved", "approved_by_author", "active"}, To: "retired", By: "retired_by", At: "retired_at",
				Fields: []record.Field{{Name: "retired_reason", Title: "Reason", Type: record.Long, Required: true,
					Help: "Say why nothing relies on it any more, or what replaces it."}}},
			{Name: "readopt", Title: "Adopt again", From: []string{"retired"}, To: "draft", Guard: readopt},
		},
	}
}

// readopt begins anew: whoever brings it back is one of those who cannot approve it alone. That it was retired, and why, stays
// in its history.
func readopt(before, after map[string]any, actor record.Actor) error {
	forget(after)
	for _, f := range []string{"retired_by", "retired_at", "retired_reason"} {
		delete(after, f)
	}
	authors, _ := before["authors"].([]any)
	if authors = slices.Clone(authors); !slices.Contains(authors, any(actor.Stamp())) {
		authors = append(authors, actor.Stamp())
	}
	after["authors"] = authors
	return nil
}

// approve is by somebody else; what an earlier approval by the author promised is over with it.
func approve(before, after map[string]any, actor record.Actor) error {
	parties, err := authors(before)
	if err != nil {
		return err
	}
	forget(after)
	return record.Apart(actor, "approve it", parties...)
}

// approveOwn is for the author alone: whoever else is there gives an ordinary approval.
func approveOwn(before, after map[string]any, actor record.Actor) error {
	parties, err := authors(before)
	if err != nil {
		return err
	}
	if actor.Person == "" || !slices.ContainsFunc(parties, func(p record.Party) bool { return p.Stamp == actor.Person }) {
		return fault.New(fault.Denied, "Only an author of this control can approve it as its author.").WithNext("You wrote none of it, so give it an ordinary approval.")
	}
	due, _ := after["review_due"].(string)
	approved, _ := after["approved_at"].(string)
	at, _ := time.Parse(time.RFC3339Nano, approved)
	forget(after)
	after["review_due"] = due
	if last := at.AddDate(0, maxLateMonths, 0).Format(time.DateOnly); due <= at.Format(time.DateOnly) || due > last {
		return fault.New(fault.Invalid, "The later review is promised for %q.", due).WithNext("Promise it for a day after today, at latest %s.", last)
	}
	return nil
}

// maxLateMonths is how long an author's approval may wait for its later review.
const maxLateMonths = 6

// lateReview is by another person than the authors, and once.
func lateReview(before, _ map[string]any, actor record.Actor) error {
	switch ApprovalOf(before) {
	case ByAuthor:
	case LaterReview:
		return fault.New(fault.Conflict, "The later review was done by %v.", before["late_reviewed_by"])
	default:
		return fault.New(fault.Conflict, "This control was not approved by its author, so no later review is due.")
	}
	parties, err := authors(before)
	if err != nil {
		return err
	}
	approver, _ := before["approved_by"].(string)
	return record.Apart(actor, "review its approval", append(parties, record.Party{Role: "the one who approved it", Stamp: approver})...)
}

func forget(after map[string]any) {
	for _, f := range []string{"review_due", "late_reviewed_by", "late_reviewed_at", "late_review"} {
		delete(after, f)
	}
}

func authors(before map[string]any) ([]record.Party, error) {
	authors, _ := before["authors"].([]any)
	if len(authors) == 0 {
		return nil, fault.New(fault.Denied, "Nobody is known as the author of this control, so nobody can be shown to be someone else.").
			WithNext("Write its statement again, then ask another person to approve it.")
	}
	var parties []record.Party
	for _, a := range authors {
		stamp, _ := a.(string)
		parties = append(parties, record.Party{Role: "an author of this control", Stamp: stamp})
	}
	return parties, nil
}

// activate asks for what a control in operation can't be without.
func activate(before, _ map[string]any, _ record.Actor) error {
	for _, f := range []struct{ field, what string }{
		{"owner", "an owner"}, {"frequency", "a frequency"}, {"evidence", "an evidence rule"},
	} {
		empty := before[f.field] == nil || before[f.field] == ""
		if list, ok := before[f.field].([]any); ok && len(list) == 0 {
			empty = true
		}
		if empty {
			return fault.New(fault.Invalid, "A control in operation needs %s, and this one has none.", f.what).
				WithNext("Fill in %q first.", f.field)
		}
	}
	return nil
}

// marker keeps the mark of tailoring true to what was done: untailored is only what equals the catalogue's text, and what a
// record was copied from doesn't change afterwards.
func marker() func(before, after map[string]any, actor record.Actor) error {
	catalogue := sync.OnceValues(Catalogue)
	return func(before, after map[string]any, _ record.Actor) error {
		for _, f := range []string{"catalogue_id", "catalogue_version"} {
			if v, copied := before[f]; copied {
				after[f] = v
			}
		}
		id, copied := after["catalogue_id"].(string)
		if !copied {
			delete(after, "tailored")
			return nil
		}
		items, err := catalogue()
		if err != nil {
			return err
		}
		tailored, _ := before["tailored"].(bool)
		for _, f := range contentFields() {
			tailored = tailored || before != nil && !reflect.DeepEqual(before[f], after[f])
		}
		i := slices.IndexFunc(items, func(item Item) bool { return item.ID == id && item.Version == after["catalogue_version"] })
		switch {
		case i >= 0:
			if tailored, err = differs(items[i], after); err != nil {
				return err
			}
		case before == nil:
			return fault.New(fault.Invalid, "The catalogue has no control %s in version %v.", id, after["catalogue_version"]).
				WithNext("Leave out catalogue_id and catalogue_version for a control of your own.")
		}
		after["tailored"] = tailored
		return nil
	}
}

func differs(item Item, body map[string]any) (bool, error) {
	raw, err := Adopt(item)
	if err != nil {
		return false, err
	}
	var copied map[string]any
	if err := json.Unmarshal(raw, &copied); err != nil {
		return false, fmt.Errorf("compare %s with the catalogue: %w", item.ID, err)
	}
	return slices.ContainsFunc(contentFields(), func(f string) bool { return !reflect.DeepEqual(copied[f], body[f]) }), nil
}

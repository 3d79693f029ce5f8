// Package policy holds the organisation's policies and procedures, their texts, approvals and acknowledgements. The one rule:
// a published text is immutable; what changes is a new version, and the one in force at any past moment can be read.
package policy

import (
	"slices"

	"tickmark/internal/approval"
	"tickmark/internal/record"
)

// Kind declares the policy: the document as such. Its texts are versions.
func Kind() record.Kind {
	return record.Kind{
		Name: "policy", Title: "Policy", Plural: "Policies", Group: "Program",
		Help: "What is expected and who answers for it. Its text is kept as versions.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as access-control."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"policy", "procedure", "standard", "plan"},
				Help: "A policy says what is expected, a procedure how it is done, a standard holds numbers, a plan is exercised."},
			{Name: "template", Type: record.Text, Hidden: true, Help: "The template it was begun from."},
			{Name: "owner", Type: record.Ref, Refers: "person", Indexed: true},
			{Name: "approver", Type: record.Ref, Refers: "person", Indexed: true, Help: "An executive who is none of its authors."},
			{Name: "audience", Type: record.Choice, Required: true, Choices: []string{"everyone", "employees", "contractors", "named"}, Help: "Who must acknowledge it."},
			{Name: "named", Title: "Named people", Type: record.Ref, Refers: "person", List: true, Hidden: true, Help: "Who must, when the audience is named."},
			{Name: "acknowledge_days", Title: "Days to acknowledge", Type: record.Integer, Hidden: true},
			{Name: "review_months", Title: "Review after months", Type: record.Integer, Hidden: true, Help: "At most twelve."},
			{Name: "controls", Type: record.Ref, Refers: "control", List: true, Indexed: true, Hidden: true, Help: "The controls that carry it out."},
			{Name: record.StateField, Type: record.Choice, Choices: []string{"active", "retired"}, Fixed: true, Indexed: true},
			{Name: "retired_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "retired_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "retired_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: &record.Machine{Initial: "active", Moves: []record.Move{
			{Name: "retire", Title: "Retire", From: []string{"active"}, To: "retired", By: "retired_by", At: "retired_at",
				Fields: []record.Field{{Name: "retired_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say what replaces it, or why nothing relies on it any more."}}},
		}},
		Guard: writePolicy, Check: checkPolicy, Follows: afterPolicy,
	}
}

// VersionKind declares one text of a policy: draft, in review, pending approval, approved, published, then superseded or retired.
func VersionKind() record.Kind {
	return record.Kind{
		Name: "policy_version", Title: "Policy version", Plural: "Policy versions", Group: "Program",
		Help:  "One text of a policy, from draft to publication.",
		Label: "title",
		Fields: slices.Concat([]record.Field{
			{Name: "policy", Type: record.Ref, Refers: "policy", Required: true, Indexed: true},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "number", Type: record.Text, Required: true, Help: "Major and minor, such as 2.0."},
			{Name: "change", Type: record.Choice, Required: true, Choices: []string{"major", "minor"}, Help: "A major change is acknowledged anew; a minor one mends typing and form."},
			{Name: "summary", Title: "What changed", Type: record.Long, Hidden: true},
			{Name: "text", Type: record.Long, Required: true, Hidden: true, Help: "Markdown."},
			{Name: "variables", Type: record.JSON, Hidden: true, Help: "Values for the names in double braces."},
			{Name: "effective", Title: "In force from", Type: record.Date, Indexed: true},
			{Name: "sha256", Title: "SHA-256 of the text", Type: record.Text, Fixed: true, Hidden: true, Help: "Of the text with its variables filled in, as approved and signed."},
			{Name: record.StateField, Type: record.Choice, Choices: versionMachine().States(), Fixed: true, Indexed: true},
			{Name: "authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true},
			{Name: "reviewed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "reviewed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Indexed: true, Hidden: true},
		}, approval.Fields(), []record.Field{
			{Name: "published_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "published_at", Type: record.Time, Fixed: true, Indexed: true, Hidden: true},
			{Name: "ended_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "refused_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "refused_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "refused_reason", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "returned_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "returned_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "returned_comments", Title: "Comments", Type: record.Long, Fixed: true, Hidden: true},
		}),
		States: versionMachine(), Guard: writeVersion, Check: checkVersion, Follows: afterVersion,
	}
}

func versionMachine() *record.Machine {
	long := func(name, title, help string) []record.Field {
		return []record.Field{{Name: name, Title: title, Type: record.Long, Required: true, Help: help}}
	}
	return &record.Machine{
		Initial: "draft", Authors: "authors", Frozen: []string{"in_review", "pending_approval", "approved", "published"},
		Moves: slices.Concat([]record.Move{
			{Name: "submit", Title: "Send for review", From: []string{"draft"}, To: "in_review", Guard: submit},
			{Name: "comment", Title: "Return with comments", From: []string{"in_review"}, To: "draft", By: "returned_by", At: "returned_at",
				Fields: long("returned_comments", "Comments", "Say what should change, and where.")},
			{Name: "review", Title: "Finish review", From: []string{"in_review"}, To: "pending_approval", By: "reviewed_by", At: "reviewed_at", Guard: review},
			{Name: "approve", Title: "Approve", From: []string{"pending_approval"}, To: "approved", By: "approved_by", At: "approved_at", Guard: versionApprovals().Approve},
		}, versionApprovals().Moves(), []record.Move{
			{Name: "refuse", Title: "Refuse", From: []string{"pending_approval"}, To: "draft", By: "refused_by", At: "refused_at", Guard: refuse,
				Fields: long("refused_reason", "Reason", "Say what must change.")},
			{Name: "publish", Title: "Publish", From: []string{"approved"}, To: "published", By: "published_by", At: "published_at", Job: true},
			{Name: "supersede", Title: "Supersede", From: []string{"published"}, To: "superseded", At: "ended_at", Job: true, Guard: jobOnly},
			{Name: "retire", Title: "Retire", From: []string{"published"}, To: "retired", At: "ended_at", Job: true, Guard: jobOnly},
		}),
	}
}

// versionApprovals: where there is nobody else, the author approves a text that was sent for review, and it is shown as that.
func versionApprovals() approval.Rules {
	return approval.Rules{From: "pending_approval", Also: []string{"in_review"}, To: "approved", Standing: []string{"approved", "published"},
		Parties: approval.Authors("text", "Return it, write the text again, and ask another person."), Ready: approve}
}

// AcknowledgementKind declares that one person acknowledges one version: assigned, acknowledged; void when the person left or
// the version is no longer in force. Only the program opens one, so that nobody sets their own due date.
func AcknowledgementKind() record.Kind {
	return record.Kind{
		Name: "acknowledgement", Title: "Acknowledgement", Plural: "Acknowledgements", Group: "Program",
		Help: "That one person read and accepts one version of a policy.",
		Fields: []record.Field{
			{Name: "policy", Type: record.Ref, Refers: "policy", Required: true, Indexed: true},
			{Name: "version", Type: record.Ref, Refers: "policy_version", Required: true, Indexed: true},
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "assigned", Type: record.Date, Required: true},
			{Name: "due", Type: record.Date, Required: true, Indexed: true},
			{Name: "overdue_since", Type: record.Date, Fixed: true, Indexed: true, Hidden: true, Help: "Set when the due date passes, and stays."},
			{Name: "sha256", Title: "SHA-256 of the text", Type: record.Text, Fixed: true, Hidden: true, Help: "Of what was accepted."},
			{Name: record.StateField, Type: record.Choice, Choices: acknowledgementMachine().States(), Fixed: true, Indexed: true},
			{Name: "acknowledged_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "acknowledged_at", Type: record.Time, Fixed: true, Indexed: true},
			{Name: "voided_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: acknowledgementMachine(), Guard: writeAcknowledgement, Check: checkAcknowledgement,
	}
}

func acknowledgementMachine() *record.Machine {
	return &record.Machine{
		Initial: "assigned",
		Moves: []record.Move{
			{Name: "acknowledge", Title: "I have read it and accept it", From: []string{"assigned"}, To: "acknowledged", By: "acknowledged_by", At: "acknowledged_at", Guard: acknowledge},
			{Name: "void", Title: "Void", From: []string{"assigned"}, To: "void", At: "voided_at", Job: true, Guard: jobOnly},
		},
	}
}

// ReviewKind declares a review that found nothing to change; it renews the approval of the version in force.
func ReviewKind() record.Kind {
	return record.Kind{
		Name: "policy_review", Title: "Policy review", Plural: "Policy reviews", Group: "Program",
		Help: "A review that found nothing to change; another person's approval renews the version in force.",
		Fields: append([]record.Field{
			{Name: "policy", Type: record.Ref, Refers: "policy", Required: true, Indexed: true},
			{Name: "version", Type: record.Ref, Refers: "policy_version", Required: true, Indexed: true},
			{Name: "note", Type: record.Long, Required: true, Help: "What was looked at, and why nothing changes."},
			{Name: record.StateField, Type: record.Choice, Choices: reviewMachine().States(), Fixed: true, Indexed: true},
			{Name: "reviewer", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "reviewed_at", Type: record.Time, Fixed: true},
			{Name: "approved_by", Type: record.Ref, Refers: "person", Fixed: true},
			{Name: "approved_at", Type: record.Time, Fixed: true, Indexed: true},
		}, approval.Fields()...),
		States: reviewMachine(), Guard: writeReview, Check: checkReview,
	}
}

func reviewMachine() *record.Machine {
	return &record.Machine{
		Initial: "proposed", By: "reviewer", At: "reviewed_at", Frozen: []string{"proposed"},
		Moves: append([]record.Move{
			{Name: "approve", Title: "Approve", From: []string{"proposed"}, To: "approved", By: "approved_by", At: "approved_at", Guard: reviewApprovals().Approve},
		}, reviewApprovals().Moves()...),
	}
}

func reviewApprovals() approval.Rules {
	return approval.Rules{From: "proposed", To: "approved", Standing: []string{"approved"}, Parties: func(before map[string]any) ([]record.Party, error) {
		return []record.Party{{Role: "the reviewer", Stamp: text(before, "reviewer")}}, nil
	}}
}

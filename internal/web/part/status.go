package part

// Status is a word of the one vocabulary; each has its icon, its word and its colour, always together.
type Status string

// The words for checks, controls and criteria, and for the life of documents.
const (
	Passing       Status = "passing"
	Attention     Status = "attention" // failing, inside its due date
	Failing       Status = "failing"   // failing, past its due date
	Unknown       Status = "unknown"   // not observed, stale or half read
	NotApplicable Status = "not-applicable"

	// Unconnected is a check of a service that is not connected: it stays unknown, and is counted apart.
	Unconnected Status = "not-connected"

	Unanswered Status = "unanswered" // the check was not in use, beside what a back-test says
)

// Statuses are the five, from worst to best as lists sort them.
var Statuses = []Status{Failing, Attention, Unknown, Passing, NotApplicable}

// Tone is the colour of a chip: ok, warn, bad, unsure, info or idle.
type Tone string

// The tones.
const (
	OK     Tone = "ok"
	Warn   Tone = "warn"
	Bad    Tone = "bad"
	Unsure Tone = "unsure"
	Info   Tone = "info"
	Idle   Tone = "idle"
)

type look struct {
	word, icon string
	tone       Tone
}

var looks = map[Status]look{
	Passing:       {"Passing", "circle-check", OK},
	Attention:     {"Attention", "circle-alert", Warn},
	Failing:       {"Failing", "circle-x", Bad},
	Unknown:       {"Unknown", "circle-question-mark", Unsure},
	NotApplicable: {"Not applicable", "circle-minus", Idle},
	Unconnected:   {"Not connected", "plug", Idle},
	Unanswered:    {"Not answered", "circle-dashed", Idle},

	// Requests and samples.
	"open": {"Open", "circle-dot", Info}, "submitted": {"Submitted", "send", Info}, "returned": {"Returned", "undo-2", Warn}, "accepted": {"Accepted", "circle-check", OK},
	// Documents, reviews, risks.
	"draft": {"Draft", "pencil", Idle}, "in_review": {"In review", "eye", Info}, "approved": {"Approved", "circle-check", OK}, "retired": {"Retired", "archive", Idle},
	"pending_approval": {"Needs approval", "stamp", Warn}, "published": {"In force", "circle-check", OK}, "superseded": {"Superseded", "archive", Idle}, "proposed": {"Needs approval", "stamp", Warn},
	"completed":    {"Completed", "circle-check", OK},
	"acknowledged": {"Acknowledged", "circle-check", OK}, "unassigned": {"Not assigned yet", "circle-dashed", Idle}, "void": {"Void", "circle-minus", Idle},
	"analysed": {"Analysed", "eye", Info}, "response_chosen": {"Response chosen", "scale", Info}, "treating": {"In treatment", "clock", Info}, "treated": {"Treated", "circle-check", OK}, "transferred": {"Shared", "send", Idle}, "avoided": {"Avoided", "ban", Idle},
	// Findings and exceptions.
	"closed": {"Closed", "circle-check", OK}, "fixed": {"Fixed", "circle-check", OK}, "resolved": {"Resolved", "circle-check", OK}, "in_progress": {"In progress", "clock", Info},
	"overdue": {"Overdue", "circle-x", Bad}, "due_soon": {"Due soon", "clock", Warn}, "escalated": {"Escalated", "triangle-alert", Bad}, "due": {"Due", "clock", Warn}, "expired": {"Expired", "circle-minus", Idle}, "requested": {"Requested", "send", Info}, "rejected": {"Rejected", "ban", Bad}, "active": {"In operation", "circle-check", OK},
	"assigned": {"Assigned", "user", Info}, "verified": {"Verified", "circle-check", OK}, "risk_accepted": {"Risk accepted", "scale", Idle}, "duplicate": {"Duplicate", "copy", Idle}, "claimed_false": {"Claimed to be none", "circle-question-mark", Info}, "false_positive": {"No finding", "circle-minus", Idle},
	"gone": {"Gone", "archive", Idle}, "received": {"Received", "folder-check", Info}, "reviewed": {"Reviewed", "circle-check", OK}, "withdrawn": {"Withdrawn", "undo-2", Idle}, "refused": {"Refused", "ban", Bad}, "revoked": {"Revoked", "ban", Idle}, "interrupted": {"Interrupted", "circle-alert", Unsure},
	// Runs and sources.
	"complete": {"Complete", "circle-check", OK}, "incomplete": {"Incomplete", "circle-alert", Unsure}, "running": {"Running", "refresh-cw", Info}, "failed": {"Failed", "circle-x", Bad}, "never": {"Never read", "circle-dashed", Idle}, "stale": {"Stale", "clock", Unsure},
	"waiting": {"Waiting", "clock", Idle}, "done": {"Done", "circle-check", OK}, "stopped": {"Stopped", "ban", Idle},
	"covered": {"Covered", "circle-check", OK}, "read": {"Read", "circle-check", OK}, "denied": {"Denied", "lock", Unsure},
	// People.
	"joining": {"Joining", "plus", Info}, "current": {"Current", "circle-check", OK}, "leaving": {"Leaving", "clock", Warn}, "left": {"Left", "archive", Idle},
	// Performances of controls.
	"scheduled": {"Scheduled", "calendar-clock", Info}, "performed": {"Done", "circle-check", OK}, "missed": {"Missed", "circle-x", Bad}, "performed_late": {"Done late", "circle-alert", Warn}, "not_applicable": {"Not applicable", "circle-minus", Idle},
	"approved_by_author": {"Approved by its author", "circle-alert", Warn},
	// Examinations: stages, papers, lists, conclusions.
	"offered": {"Proposed", "pencil", Idle}, "planning": {"Planning", "map", Info}, "fieldwork_interim": {"Interim fieldwork", "search", Info}, "fieldwork_final": {"Final fieldwork", "search", Info}, "wrap_up": {"Wrap-up", "list-checks", Info}, "draft_report": {"Draft report", "file-text", Info},
	"quality_review": {"Quality review", "eye", Info}, "issued": {"Issued", "stamp", OK}, "archived": {"Archived", "archive", Idle}, "declined": {"Declined", "ban", Idle}, "suspended": {"Suspended", "clock", Warn},
	"not_started": {"Not begun", "circle-dashed", Idle}, "prepared": {"Prepared", "pencil", Info}, "partner_signed": {"Signed by partner", "stamp", OK}, "frozen": {"Frozen", "lock", OK}, "delivered": {"Delivered", "inbox", Info}, "ipe_evaluated": {"Evaluated", "eye", Info}, "dropped": {"Dropped", "archive", Idle},
	"committed": {"Committed", "lock", Info}, "revealed": {"Revealed", "eye", OK}, "designed": {"Designed", "pencil", Idle}, "drawn": {"Drawn", "target", Info}, "sent": {"Released", "send", Info}, "testing": {"Testing", "search", Info}, "concluded": {"Concluded", "circle-check", OK}, "voided": {"Void", "circle-minus", Idle},
	"effective": {"Effective", "circle-check", OK}, "effective_with_deviation": {"Effective with deviation", "circle-alert", Warn}, "not_effective": {"Not effective", "circle-x", Bad}, "not_operated": {"Did not operate", "circle-minus", Idle}, "not_tested": {"Not tested", "circle-dashed", Idle},
	"met": {"Met", "circle-check", OK}, "not_met": {"Not met", "circle-x", Bad}, "not_concluded": {"Not concluded", "circle-question-mark", Unsure}, "answered": {"Answered", "message-square", Info}, "agreed": {"Agreed to", "circle-check", Info}, "signed": {"Signed", "stamp", OK}, "replaced": {"Replaced", "archive", Idle},
	"identified": {"Identified", "flag", Warn}, "fact_confirmed": {"Facts confirmed", "flag", Warn}, "cause_assessed": {"Cause recorded", "flag", Warn}, "disposition_set": {"Decided", "scale", Info}, "response_received": {"Response received", "message-square", Info}, "reported": {"Reported", "book-open", Idle}, "not_a_deviation": {"No deviation", "circle-minus", Idle}, "doubted": {"Doubted", "circle-question-mark", Info}, "suspected_fraud": {"Fraud is suspected", "triangle-alert", Bad},
	"imported": {"Draft", "pencil", Idle}, "answering": {"Being answered", "pencil", Info}, "internal_review": {"Being checked", "eye", Info}, "clarifying": {"To be made clear", "message-square", Warn},
	"reply_yes": {"Yes", "check", OK}, "reply_no": {"No", "x", Warn}, "reply_partly": {"Partly", "circle-alert", Warn}, "reply_not_applicable": {"Not applicable", "circle-minus", Idle}, "reply_unknown": {"Unknown", "circle-question-mark", Unsure},
	"in_auditor_review": {"In review", "eye", Info}, "not_available": {"Not available", "ban", Bad},
	// Severities.
	"critical": {"Critical", "triangle-alert", Bad}, "high": {"High", "arrow-up", Warn}, "medium": {"Medium", "circle", Info}, "low": {"Low", "arrow-down", Idle},
}

func (s Status) look() look {
	if l, ok := looks[s]; ok {
		return l
	}
	return look{Sentence(string(s)), "circle-dot", Idle}
}

// Word is what people read.
func (s Status) Word() string { return s.look().word }

// Tone is its colour.
func (s Status) Tone() Tone { return s.look().tone }

// Icon is its drawing.
func (s Status) Icon() string { return s.look().icon }

// Mark is the class of its mark in a chart: pass, attention, fail, unknown, not-applicable.
func (s Status) Mark() string {
	switch s {
	case Passing:
		return "pass"
	case Failing:
		return "fail"
	}
	return string(s)
}

// rank puts the worst first; a status that is none of the five is last.
func (s Status) rank() int {
	for i, o := range Statuses {
		if o == s {
			return i
		}
	}
	return len(Statuses)
}

// Worst is the worst of them by the one order; nothing to judge is Unknown.
func Worst(ss ...Status) Status {
	worst, seen := NotApplicable, false
	for _, s := range ss {
		seen = true
		if s.rank() < worst.rank() {
			worst = s
		}
	}
	if !seen {
		return Unknown
	}
	return worst
}

// Counts says how many there are of each status.
type Counts struct{ Passing, Attention, Failing, Unknown, NotApplicable, Unconnected int }

// Total is the sum of what stands for something: what is not connected is left out.
func (c Counts) Total() int {
	return c.Passing + c.Attention + c.Failing + c.Unknown + c.NotApplicable
}

// Of is the count of one status.
func (c Counts) Of(s Status) int {
	switch s {
	case Passing:
		return c.Passing
	case Attention:
		return c.Attention
	case Failing:
		return c.Failing
	case Unknown:
		return c.Unknown
	case NotApplicable:
		return c.NotApplicable
	case Unconnected:
		return c.Unconnected
	}
	return 0
}

// Add counts one more.
func (c *Counts) Add(s Status) {
	switch s {
	case Passing:
		c.Passing++
	case Attention:
		c.Attention++
	case Failing:
		c.Failing++
	case NotApplicable:
		c.NotApplicable++
	case Unconnected:
		c.Unconnected++
	default:
		c.Unknown++
	}
}

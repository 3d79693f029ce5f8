// Package readiness tells how far an organisation is: what is in scope, how each criterion and control stood at a moment, how
// each check went over a window, what is missing, and what no machine can tell. The one rule: every line says where it comes
// from, and nothing is added up into a score; what is not known is said and never passes.
package readiness

import (
	"time"

	"tickmark/internal/gap"
	"tickmark/internal/period"
	"tickmark/internal/store"
	"tickmark/internal/system"
)

// Format names the shape of the JSON.
const Format = "tickmark readiness v1"

// The words for how something stands. A failure that is inside its due date is attention.
const (
	Passing       = "passing"
	Attention     = "attention"
	Failing       = "failing"
	Unknown       = "unknown"
	NotApplicable = "not_applicable"
)

// Report is the whole of it. In lists, everything is in the order in which people look for it: criteria as in the framework,
// the rest by id.
type Report struct {
	Format       string       `json:"format"`
	Organisation Organisation `json:"organisation"`
	AsOf         store.Moment `json:"as_of"`
	From         store.Moment `json:"from"` // of the window
	To           store.Moment `json:"to"`   // its end, or the moment of the report when it is not over
	Window       string       `json:"window"`
	Zone         string       `json:"zone"`
	Ledger       Ledger       `json:"ledger"`
	Library      string       `json:"criteria_library"` // the version of the criteria that it was judged by
	Period       *Period      `json:"period"`
	Scope        Scope        `json:"scope"`
	Counts       Counts       `json:"counts"`
	Criteria     []Criterion  `json:"criteria"`
	OutOfScope   []string     `json:"criteria_out_of_scope"`
	Controls     []Control    `json:"controls"`
	Gaps         []Gap        `json:"gaps"`
	Checks       []Check      `json:"checks"`
	Findings     []Finding    `json:"findings"`
	Exceptions   []Exception  `json:"exceptions"`
	Unwatched    Unwatched    `json:"not_checked_by_machine"`
	Policies     []Policy     `json:"policies"`
	Sources      []Source     `json:"sources"`
	Changes      []Change     `json:"changed_checks"`
	References   []Reference  `json:"references"`
}

// Reference is a tickmark: what a line was traced to. Code stands beside the line.
type Reference struct {
	Code        string       `json:"code"` // R-0001
	Kind        string       `json:"kind"` // of the record; check_answers for the answers of a check
	Key         string       `json:"key"`
	Label       string       `json:"label"`
	VersionFrom store.Moment `json:"version_from"`
	Entry       int64        `json:"entry"` // of the ledger
}

// AnswersKind marks a reference to the answers of a check, which are no record; its entry is their newest batch.
const AnswersKind = "check_answers"

// Ledger is the head of the log when the report was computed. What it says of the window is as known then.
type Ledger struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

// Organisation is whose report it is.
type Organisation struct {
	Name      string `json:"name"`
	LegalName string `json:"legal_name,omitempty"`
	Demo      bool   `json:"demo"` // its records are invented
	Ref       string `json:"ref,omitempty"`
}

// Period is the examination that the organisation works towards.
type Period struct {
	period.Period
	Ref string `json:"ref"`
}

// Scope is what will be examined.
type Scope struct {
	Categories  []string     `json:"categories"`
	Chosen      bool         `json:"chosen"` // somebody chose them; otherwise security is assumed
	Systems     []System     `json:"systems"`
	Commitments []Commitment `json:"commitments"`
}

// System is a boundary as it stood at the moment.
type System struct {
	system.System
	OwnerName    string `json:"owner_name,omitempty"`
	ApproverName string `json:"approver_name,omitempty"`
	LateName     string `json:"late_name,omitempty"`
	Ref          string `json:"ref"`
}

// Commitment is a promise, with the controls that keep it.
type Commitment struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Sort     string   `json:"sort"`
	Category string   `json:"category"`
	MadeIn   string   `json:"made_in"`
	Controls []string `json:"controls"`
	Ref      string   `json:"ref"`
}

// Standing counts how things stand by word.
type Standing struct {
	Passing       int `json:"passing"`
	Attention     int `json:"attention"`
	Failing       int `json:"failing"`
	Unknown       int `json:"unknown"`
	NotApplicable int `json:"not_applicable"`
}

// Add counts one.
func (s *Standing) Add(status string) {
	switch status {
	case Passing:
		s.Passing++
	case Attention:
		s.Attention++
	case Failing:
		s.Failing++
	case NotApplicable:
		s.NotApplicable++
	default:
		s.Unknown++
	}
}

// Total is how many were counted.
func (s Standing) Total() int {
	return s.Passing + s.Attention + s.Failing + s.Unknown + s.NotApplicable
}

// Counts sum up the lists; each number is the length of what the report lists under that word.
type Counts struct {
	Criteria Standing `json:"criteria"`
	Controls Standing `json:"controls"`
	Checks   Standing `json:"checks"`
	Findings int      `json:"open_findings"`
	Gaps     int      `json:"gaps"`
}

// Criterion is a criterion in scope.
type Criterion struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Series   string   `json:"series"`
	Category string   `json:"category"`
	Status   string   `json:"status"`
	Why      string   `json:"why"`
	Controls []string `json:"controls"`
	Checks   []string `json:"checks"`
	Evidence int      `json:"evidence"` // pieces kept for its controls, each counted once
	Ref      string   `json:"ref"`
}

// Control is a control that the organisation adopted and did not retire.
type Control struct {
	ID           string        `json:"id"`
	Title        string        `json:"title"`
	Statement    string        `json:"statement"`
	Criteria     []string      `json:"criteria"`
	Owner        string        `json:"owner"`
	OwnerRole    string        `json:"owner_role"`
	Frequency    string        `json:"frequency"`
	Type         string        `json:"type"`
	State        string        `json:"state"`
	Status       string        `json:"status"`
	Why          string        `json:"why"`
	Parts        []Part        `json:"parts"`
	Checks       []string      `json:"checks"`
	Occurrences  Occurrences   `json:"occurrences"`
	Requirements []Requirement `json:"requirements"`
	Evidence     []Evidence    `json:"evidence"`
	Ref          string        `json:"ref"`
}

// Part is one of what a control's status is the worst of.
type Part struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Why    string `json:"why"`
}

// Occurrences counts the performances of a control that belong to the window. Late ones were missed first and stay late.
type Occurrences struct {
	Due           int      `json:"due"` // all of them, not applicable ones left out
	OnTime        int      `json:"on_time"`
	Late          int      `json:"late"`
	Missed        int      `json:"missed"`
	Open          int      `json:"open"` // not done, and not yet due
	NotApplicable int      `json:"not_applicable"`
	Refs          []string `json:"refs,omitempty"` // of those late or missed
}

// Requirement is what evidence a control must have, and the spans of the window for which it is there or not.
type Requirement struct {
	Title     string `json:"title"`
	Frequency string `json:"frequency"`
	Spans     int    `json:"spans"` // those that ended in the window
	Met       int    `json:"met"`
	Unmet     []Days `json:"unmet"`
	Ref       string `json:"ref"`
}

// Days is an inclusive span of days.
type Days struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Waiting bool   `json:"waiting,omitempty"` // covered by evidence that nobody else reviewed yet
}

// Evidence is a piece kept for a control that speaks for some day of the window.
type Evidence struct {
	Title    string `json:"title"`
	State    string `json:"state"`
	Origin   string `json:"origin"`
	From     string `json:"covers_from"`
	To       string `json:"covers_to"`
	Reviewed string `json:"reviewed_by"`
	SHA256   string `json:"sha256,omitempty"`
	Ref      string `json:"ref"`
}

// Gap is something that is missing, and what to do about it.
type Gap struct {
	gap.Gap
	Owner string `json:"owner,omitempty"` // of the task about it
	Ref   string `json:"ref,omitempty"`
}

// Check is a check: how it stood at the moment, and how it went over the window.
type Check struct {
	ID       string   `json:"id"`
	Title    string   `json:"title"`
	Severity string   `json:"severity"`
	Controls []string `json:"controls"`
	Status   string   `json:"status"`
	Why      string   `json:"why"`
	Off      bool     `json:"off"`
	Pass     int64    `json:"pass"` // records by answer at the moment
	Fail     int64    `json:"fail"`
	Unknown  int64    `json:"unknown"`
	NA       int64    `json:"not_applicable"`
	Due      string   `json:"due,omitempty"` // of its open finding
	Course   Course   `json:"course"`
	Ref      string   `json:"ref,omitempty"`
}

// Course is how a check went over the window: the worst answer about any record, by time.
type Course struct {
	Spans        []Span      `json:"spans"`
	PassHours    float64     `json:"pass_hours"` // of the window
	FailHours    float64     `json:"fail_hours"`
	UnknownHours float64     `json:"unknown_hours"`
	NothingHours float64     `json:"nothing_hours"`   // in which there was nothing to judge
	Records      [3]int64    `json:"records"`         // that passed, failed, were unknown at some time
	Covered      float64     `json:"covered_percent"` // of the time: everything it rests on was read
	Gaps         []CourseGap `json:"gaps"`
	Longest      *Failure    `json:"longest_failure"`
	Partial      bool        `json:"partial"`
}

// Span is a time with one status; nothing where there was nothing to judge.
type Span struct {
	Status string       `json:"status"`
	From   store.Moment `json:"from"`
	To     store.Moment `json:"to"`
}

// CourseGap is a time in which the check could not speak.
type CourseGap struct {
	From   store.Moment `json:"from"`
	To     store.Moment `json:"to"`
	Reason string       `json:"reason"`
}

// Failure is the longest time without a break in which a check failed about one record.
type Failure struct {
	Kind  string       `json:"kind"`
	Key   string       `json:"key"`
	Label string       `json:"label"`
	Why   string       `json:"why"`
	From  store.Moment `json:"from"`
	To    store.Moment `json:"to"`
	Goes  bool         `json:"goes_on"` // at the end of the window
	Ref   string       `json:"ref,omitempty"`
}

// Finding is one that still has to be dealt with, or was opened in the window.
type Finding struct {
	Title    string    `json:"title"`
	Severity string    `json:"severity"`
	State    string    `json:"state"`
	Open     bool      `json:"open"`
	Owner    string    `json:"owner"`
	Opened   time.Time `json:"opened"`
	Due      string    `json:"due"`
	Overdue  string    `json:"overdue_since,omitempty"`
	Check    string    `json:"check,omitempty"`
	Controls []string  `json:"controls"`
	Ref      string    `json:"ref"`
}

// Exception is an exception that held in the window or is asked for; it turns no failure into a pass.
type Exception struct {
	Title     string   `json:"title"`
	State     string   `json:"state"`
	Control   string   `json:"control,omitempty"`
	Resources []string `json:"resources"` // what it covers, and nothing else
	From      string   `json:"from"`
	To        string   `json:"to"`
	Approved  string   `json:"approved_by"`
	Reason    string   `json:"reason"`
	Ref       string   `json:"ref"`
}

// Unwatched is what no check answers: people must.
type Unwatched struct {
	Criteria []string `json:"criteria"` // in scope, none of whose controls has a check that judged anything
	Controls []string `json:"controls"`
}

// Policy is a policy with its text in force and who has acknowledged it.
type Policy struct {
	ID           string    `json:"id"`
	Title        string    `json:"title"`
	Sort         string    `json:"sort"`
	Owner        string    `json:"owner"`
	Version      string    `json:"version"` // the number of the text in force; empty when none is
	Draft        string    `json:"draft,omitempty"`
	Effective    string    `json:"effective"`
	ApprovedBy   string    `json:"approved_by"`
	ApprovedAt   time.Time `json:"approved_at,omitzero"` // the last approval, by review too
	Alone        string    `json:"alone,omitempty"`      // what stands beside an approval that no second person gave
	Missed       []string  `json:"missed,omitempty"`     // times of the window in which its review was not held, in sentences
	SHA256       string    `json:"sha256,omitempty"`
	Assigned     int       `json:"assigned"`     // people whom the text in force concerns
	Acknowledged int       `json:"acknowledged"` // of them, who accepted it, or a text that it changed in nothing that matters
	Overdue      int       `json:"overdue"`
	Ref          string    `json:"ref"`
	VersionRef   string    `json:"version_ref,omitempty"`
}

// Source is a connection, its last run, and how much of the window it could vouch for.
type Source struct {
	Name      string       `json:"name"`
	Title     string       `json:"title"`
	Connector string       `json:"connector"`
	Paused    bool         `json:"paused"`
	Every     string       `json:"every"`
	Last      *Run         `json:"last_run"`
	Coverage  []SourceKind `json:"coverage"`
	Ref       string       `json:"ref"`
}

// Run is the last run of a connection that ended.
type Run struct {
	Ended   time.Time `json:"ended"`
	Outcome string    `json:"outcome"`
	Missing []string  `json:"missing"`
	Ref     string    `json:"ref"`
}

// SourceKind is how much of the window a connection vouches for, for one kind of record.
type SourceKind struct {
	Kind    string      `json:"kind"`
	Title   string      `json:"title"`           // of the kind, and the part of it
	Scope   string      `json:"scope,omitempty"` // the machine or other parent it is about
	Percent float64     `json:"covered_percent"`
	Gaps    []CourseGap `json:"gaps"`
}

// Change is a check that the organisation turned off or set otherwise.
type Change struct {
	Check  string       `json:"check"`
	What   string       `json:"what"`
	Reason string       `json:"reason"`
	By     string       `json:"by"`
	At     store.Moment `json:"at"`
	Ended  store.Moment `json:"ended"` // when it was changed again; null while it holds
	Off    bool         `json:"off"`
	Ref    string       `json:"ref"`
}

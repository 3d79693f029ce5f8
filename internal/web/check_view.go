package web

import (
	"time"

	"tickmark/internal/check"
	"tickmark/internal/web/part"
)

// CheckList shows the checks that run.
type CheckList struct {
	Counts  part.Counts
	Current string
	Filter  part.Filter
	Rows    []CheckRow
	Broken  []check.Problem // the organisation's own files that are no checks
	Night   check.Rechecked // what judging everything again found
}

// CheckRow is one check; Results counts records by their answer.
type CheckRow struct {
	ID, Title, Href string
	For             string // plural of the kind or view it asks about
	Severity        string
	Status          part.Status
	Why             string
	Results         part.Counts
	Since           time.Time
	Controls        []string
}

// CheckPage shows one check: what it asks, what it found, over time.
type CheckPage struct {
	Manual              string // where the manual speaks of it
	ID, Title, Severity string
	For, ForHref        string
	Answer              part.Answer
	Tab                 string // "", records, logic, runs
	Why                 string // rationale
	Fix                 []Fix
	Controls            []part.Link
	Criteria            []part.Link
	Counts              part.Counts // results by status
	Results             []ResultRow // of the filter, worst first
	Filter              part.Filter
	Pager               part.Pager
	Window              Window
	Time                CheckTime
	Trial               CheckTrial
	Where               string
	Expect              string
	Because             string
	Source              string // the check's file
	Hash                string
	Settings            []part.Fact
	Examples            []Example
	Series              []CheckSeries
	Finding             string // address of the open finding, if any
	Record              string
}

// Window is a stretch of time with its intervals.
type Window struct {
	From, To, Now time.Time
	Rows          []WindowRow
	Hidden        int // rows beyond those drawn
}

// WindowRow is one record's answers over it.
type WindowRow struct {
	Label, Href string
	Spans       []Span
}

// Span is one answer over one interval; a zero To still holds.
type Span struct {
	From, To time.Time
	Status   part.Status
	Reason   string
}

// Fix says how a failing record is put right in one place: console, command line, Terraform.
type Fix struct{ Where, Text string }

// ResultRow is a check's answer for one record, or for a record one check's answer.
type ResultRow struct {
	Text, Href string // the record, or the check
	Note       string // its key or kind
	Status     part.Status
	Reason     string
	Since      time.Time
	Due        time.Time
}

// Example is a case inside the check's own file.
type Example struct {
	Name, Body string
	Expect     part.Status
}

// CheckSeries is the stretch in which one version of the logic and settings held.
type CheckSeries struct {
	Hash      string
	From, To  time.Time
	Evaluated time.Time // up to when it was judged
	Why       string    // adopted, settings changed
	Current   bool
}

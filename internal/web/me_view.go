package web

import (
	"time"

	"tickmark/internal/web/part"
)

// Duties is the one page of somebody who works here: what to read and accept, and what to do.
type Duties struct {
	Name     string
	Unlinked bool // the account is linked to no person
	Open     []AcceptDuty
	Learn    []AcceptDuty // modules to take
	Learned  []AcceptDuty
	Tasks    []DutyTask
	Done     []AcceptDuty
	Ask      string // where access is asked for
	Working  bool   // the reader has the company's pages too
}

// AcceptDuty is a policy to accept, or one that was accepted.
type AcceptDuty struct {
	Title, Href string
	Number      string
	Again       bool // an earlier version was accepted
	Minutes     int  // to read it
	Status      part.Status
	Due, At     time.Time
	Late        bool
}

// DutyTask is work of one's own.
type DutyTask struct {
	Title, Href string
	Due         time.Time
	Status      part.Status
}

// DutyPage shows one policy to read and accept.
type DutyPage struct {
	Title, Number, Summary string
	HTML                   string
	Action                 string
	Due, At                time.Time
	Status                 part.Status
	Owner                  string
	Since                  string        // number of the version accepted before
	Changes                []BlockChange // since then
	Left                   int           // how many more wait
	SHA256                 string
	Closed                 string // why it can't be accepted
}

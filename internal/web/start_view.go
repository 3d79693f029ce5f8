package web

import (
	"tickmark/internal/guide"
	"tickmark/internal/policy"
	"tickmark/internal/web/part"
)

// StartPage is one step of the guided start, or its overview.
type StartPage struct {
	Steps    []StartStep
	Step     StartStep
	Number   int
	Back     string // address of the step before; empty at the first
	Next     string // name of the step that is open; empty when all are answered
	Answered int
	Wrong    string
	Advice   string // what to do about it
	Warnings []string
	A        guide.Answers // as answered before, or as typed
	Today    string

	Effects   []guide.Effect
	Roles     []guide.Role
	People    []part.Option
	Families  []StartFamily
	Proposed  int
	Policies  []StartPolicy
	Suggested []guide.Commitment
	Plan      []guide.Task
	Missing   []StartStep // steps to answer before the plan
	Days      int         // of the window
	Running   string      // name of the current period, when this is a later one
	Begun     bool
	System    string // its key
	Approved  bool   // the boundary was approved before
	Made      []part.Link
	Name      string // of the period
}

// StartStep is a step in the rail.
type StartStep struct {
	Name, Title, Why string
	Done, Current    bool
}

// StartFamily is the proposed controls of one family.
type StartFamily struct {
	Name string
	Rows []guide.Choice
}

// StartPolicy is a policy that is proposed.
type StartPolicy struct {
	policy.Template
	Chosen, There bool
}

// startSteps are the steps in words.
func startSteps() []StartStep {
	return []StartStep{
		{Name: "objective", Title: "Objective", Why: "Why do you want the report, and who asks for it?"},
		{Name: "report", Title: "Report", Why: "Which report do your customers need?"},
		{Name: "type", Title: "Type", Why: "Design at a date, or operation over a window?"},
		{Name: "categories", Title: "Categories", Why: "What will the report cover?"},
		{Name: "window", Title: "Window", Why: "Which days are looked at, and when does the firm begin?"},
		{Name: "organisation", Title: "Organisation", Why: "Who are you, where are your days counted, how far are you?"},
		{Name: "boundary", Title: "Boundary", Why: "Which part of the company delivers the service?"},
		{Name: "commitments", Title: "Commitments", Why: "What did you promise your customers?"},
		{Name: "team", Title: "Team", Why: "Who answers for what?"},
		{Name: "controls", Title: "Controls", Why: "Which controls will you promise to run?"},
		{Name: "policies", Title: "Policies", Why: "Which policies will you write?"},
		{Name: "plan", Title: "Plan", Why: "Who does what until when?"},
	}
}

package web

import (
	"time"

	"tickmark/internal/gap"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// PlanPage shows what is missing, and what is done about it.
type PlanPage struct {
	Head    string // which examination it is for
	Tabs    []part.Tab
	Cards   []part.Stat
	Filter  part.Filter
	Groups  []GapGroup
	Any     bool // there is a gap at all
	Shown   int
	Pager   part.Pager
	Here    string // address of the list with its filters, to come back to
	May     bool   // make tasks
	Why     string // why not
	People  []form.Option
	Due     string // proposed due date
	History History
	Parts   []ReadinessRow
	Soon    []TaskRow // open tasks, those due first
	Wrong   string
}

// GapGroup is the gaps of one sort.
type GapGroup struct {
	Sort gap.Sort
	Rows []GapLine
}

// GapLine is one gap as a row.
type GapLine struct {
	gap.Gap
	Href  string
	Owner string // of its task, by name
	Due   time.Time
}

// ReadinessRow is one part of readiness.
type ReadinessRow struct {
	gap.Part
	Href string
}

// TaskList shows the tasks, by due date.
type TaskList struct {
	Tabs   []part.Tab
	Cards  []part.Stat
	Filter part.Filter
	Rows   []TaskRow
	Any    bool
}

// TaskRow is one task.
type TaskRow struct {
	Key, Title, Href, Sort string
	State                  part.Status
	Status                 part.Status // overdue, due or the state
	Owner                  string
	Due                    time.Time
	Gap                    part.Link
	LateSince              time.Time
}

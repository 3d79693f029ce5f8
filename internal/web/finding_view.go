package web

import (
	"time"

	"tickmark/internal/web/part"
)

// FindingList shows what is to be put right, by due date.
type FindingList struct {
	Cards  []part.Stat
	Filter part.Filter
	Rows   []FindingRow
	Pager  part.Pager
	Any    bool // there are findings, whatever the filter
	Bulk   *Bulk
}

// FindingRow is one finding. Status is attention inside the due date and failing past it.
type FindingRow struct {
	Key, Title, Href string
	Pick             string // what choosing it says
	Check            part.Link
	Severity, State  string
	Status           part.Status
	Items            int
	Owner            string
	Opened, Due      time.Time
}

// FindingPage shows one finding with its dated items.
type FindingPage struct {
	FindingRow
	Answer  part.Answer
	Detail  string
	Items   []FindingItem
	Facts   []part.Fact
	Fix     []Fix
	History []part.Event
	Moves   []Move
	Record  string
}

// FindingItem is one failing record of it.
type FindingItem struct {
	Text, Href, Reason string
	Since, Until, Due  time.Time
	Status             part.Status
}

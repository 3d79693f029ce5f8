package web

import (
	"time"

	"tickmark/internal/system"
	"tickmark/internal/web/part"
)

// SystemList shows the systems.
type SystemList struct {
	Rows []SystemRow
	May  bool
}

// SystemRow is one system.
type SystemRow struct {
	Key, Name, Href string
	State           part.Status
	Services        []string
	Owner           string
	Components      int  // inside on the day
	Examined        bool // the current period is about it
}

// SystemPage shows the boundary of one system.
type SystemPage struct {
	Key, Name, Description string
	State                  part.Status
	Inside, Outside        string
	Services, Locations    []string
	Owner                  string
	ApprovedBy             string
	ApprovedAt             time.Time
	Alone                  string // what stands beside an approval that no second person gave
	Examined               string // name of the period that is about it
	Components             []ComponentRow
	Data                   []system.Data
	Crossing               int // components that left
	Moves                  []Move
	Record                 string
	Edit                   bool
	History                []part.Event
}

// ComponentRow is one part of the boundary and the records that are it.
type ComponentRow struct {
	system.Component
	From, To time.Time
	State    part.Status // active, gone, planned
	Records  []part.Link // lists of the records, with how many
}

// CommitmentList shows the promises and the controls that keep them.
type CommitmentList struct {
	Cards  []part.Stat
	Filter part.Filter
	Rows   []CommitmentRow
	Any    bool
	May    bool
}

// CommitmentRow is one promise.
type CommitmentRow struct {
	ID, Title, Href, Statement, MadeIn, Category, Sort string
	Criteria                                           []string
	Controls                                           []part.Link
	Status                                             part.Status // the worst of its controls in operation; unknown without one
	Why                                                string
	Ended                                              bool
}

package web

import (
	"time"

	"tickmark/internal/web/part"
)

// ControlList shows what the organisation does.
type ControlList struct {
	Counts  part.Counts
	Current string
	Filter  part.Filter
	Rows    []ControlRow
	Offered int // in the catalogue and not adopted
	Bulk    *Bulk
}

// ControlRow is one control.
type ControlRow struct {
	ID, Title, Href string
	Pick            string // what choosing it says; empty where it cannot be chosen
	Status          part.Status
	Criteria        []string
	Category        string
	Owner           string // person's name; empty when nobody
	Frequency       string
	Checks          part.Counts
	Evidence        int
	State           part.Status // of its life cycle
	Weeks           string      // a drawing of how it stood in the last weeks
}

// ControlPage shows one control and why it stands as it does.
type ControlPage struct {
	ID, Title, Statement      string
	Answer                    part.Answer
	Criteria                  []part.Link
	Owner, OwnerRole          string
	Frequency, Nature, Manner string // Manner: automated, manual, hybrid
	Category                  string
	Checks                    []CheckRow
	Evidence                  []EvidenceRow
	Expected                  []string // what should exist as proof
	Findings                  []FindingRow
	History                   []part.Event
	State                     part.Status // of its life cycle
	Moves                     []Move
	Record                    string

	Key, Tab     string
	Tabs         []part.Tab
	Cards        []ReadyCard
	NotCounted   []part.Link // what is there and does not count, and why
	Approval     string      // how it was approved, in a sentence
	Tested       string      // how often it is tested in the window
	CalledFor    string      // what calls for it, when it is performed per event
	Window       string
	Drawing      string // its performances over the window
	Done         []PerformanceRow
	Requirements []RequirementCard
	Offers       int // items of its evidence rule that no requirement asks for
	Policies     []part.Link
	Time         EffectView
}

// ReadyCard is one of the four things that a control stands on.
type ReadyCard struct {
	Name, Icon, Href string
	Status           part.Status
	Tone             part.Tone // with Word, instead of Status
	Mark, Word       string
	N                string // "3 of 4"
	Why              string
}

// PerformanceRow is one due performance of a control.
type PerformanceRow struct {
	Span, Href string
	State      part.Status
	Due        part.Due
	Done       time.Time
	By         string
	Reviewed   string // by whom; empty when nobody did
	Evidence   int
	Act        string // what can be done about it now
}

// RequirementCard is one evidence requirement with its gap calendar.
type RequirementCard struct {
	Title, Help, Frequency, Owner string
	Record                        string
	Drawing                       string
	Status                        part.Status
	Why                           string
	HandIn                        string // the form for the first span that waits; empty when none does
	HandInSpan                    string
	Control                       part.Link // on a page of several controls
	Pieces                        []EvidenceRow
}

// PerformancePage shows one due performance and lets it be done.
type PerformancePage struct {
	Key, Title, Span   string
	Control            part.Link
	Answer             part.Answer
	Facts              []part.Fact
	Note               string
	Evidence           []EvidenceRow
	Record, Action     string
	Moves              []Move
	Form               bool // it can be recorded as done, or as done late
	Late               bool
	Wrong              string
	Now                string // for the field of when it was done
	From, To           string
	Pieces             []EvidenceRow // of its control, to choose from
	Items              []part.Link   // what is asked for of it, with the requirement's key in place of an address; none where it is one thing
	NoteTyped, Blocked string
}

// ControlMap is how all controls stood over the window.
type ControlMap struct {
	Window string
	Filter part.Filter
	Rows   []MapRow
}

// MapRow is one control's line.
type MapRow struct {
	ID, Title, Href string
	Status          part.Status
	Line            string
	Said            string // "40 weeks passing, 2 failing"
}

// EvidenceRow is one piece of evidence.
type EvidenceRow struct {
	Title, Href        string
	Pick               string // what choosing it says; empty where it cannot be chosen
	From, To, Received time.Time
	SHA256             string
	By                 string
	Key                string
	State              part.Status
	Source             string
	Controls           []part.Link
	Link               bool // it is kept elsewhere
}

// Catalogue shows the starter controls; a company adopts a copy and tailors it.
type Catalogue struct {
	Filter  part.Filter
	Rows    []CatalogueRow
	Adopted int
	Total   int
}

// CatalogueRow is one starter control.
type CatalogueRow struct {
	ID, Title, Statement string
	Criteria             []string
	Category, Stage      string
	Frequency            string
	Adopted              bool
	Tested               string // how often it would be tested in the window
}

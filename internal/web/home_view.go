package web

import (
	"time"

	"tickmark/internal/web/part"
)

// Home shows where the organisation stands. Every number on it leads to the list that gives exactly that number.
type Home struct {
	Title    string // the report and its window
	Sentence string // which day of the window it is, and when fieldwork begins
	New      bool   // nothing is planned yet
	Resume   string // the first step of the guided start that is not answered; empty when all are
	Answered int    // steps of the guided start that are
	Steps    int    // of how many
	Checks   part.Counts
	Controls part.Counts
	Series   []SeriesCard
	History  History
	Gaps     []GapLine // the worst open ones
	Severity []SeverityCount
	Missing  int // gaps in all
	Findings []FindingRow
	Open     int // findings open in all
	Sources  []SourceRow
	Needs    []Need
	Next     []part.Step
	Recent   []part.Event
	Since    time.Time // the reader's visit before; zero at the first
}

// SeverityCount is how many gaps are that severe.
type SeverityCount struct {
	Severity, Class string
	N               int
}

// SeriesCard is one series of criteria: CC6, logical access.
type SeriesCard struct {
	ID, Name string
	Status   part.Status
	Criteria part.Counts
}

// Need is one thing that waits for the reader.
type Need struct {
	Icon, Text, Href string
	Tone             part.Tone
	Due              time.Time
}

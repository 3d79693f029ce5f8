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
}

// ControlRow is one control.
type ControlRow struct {
	ID, Title, Href string
	Status          part.Status
	Criteria        []string
	Category        string
	Owner           string // person's name; empty when nobody
	Frequency       string
	Checks          part.Counts
	Evidence        int
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
}

// EvidenceRow is one piece of evidence.
type EvidenceRow struct {
	Title, Href        string
	From, To, Received time.Time
	SHA256             string
	By                 string
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
}

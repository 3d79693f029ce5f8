package web

import "tickmark/internal/web/part"

// CriteriaList shows the criteria in their series.
type CriteriaList struct {
	Counts  part.Counts // over all, not only what is shown
	Current string      // status filtered by
	Filter  part.Filter
	Groups  []CriteriaGroup
}

// CriteriaGroup is one series.
type CriteriaGroup struct {
	ID, Name string
	Counts   part.Counts
	Rows     []CriterionRow
}

// CriterionRow is one criterion.
type CriterionRow struct {
	ID, Title, Category string
	Status              part.Status
	Why                 string
	Controls            int
	Gaps                int // open ones that bear on it
	Checks              part.Counts
	Points              int // to consider
	Answered, Required  int // pieces of evidence: requirements of its controls, and those that are answered
}

// CriterionPage shows one criterion: what meets it and what an auditor is after.
type CriterionPage struct {
	Tab  string // empty or time
	Time EffectView

	ID, Title, Summary, Intent string
	Series, SeriesName         string
	Category                   string
	Principle                  int // COSO; 0 for none
	Answer                     part.Answer
	Controls                   []ControlRow
	Offered                    []CatalogueRow // catalogue controls for it that are not adopted
	Focus                      []Focus
	Answered, Required         int         // evidence requirements of its controls
	Gaps                       []GapLine   // what is missing for it
	Policies                   []part.Link // that its controls are carried by
	Record                     string      // address of its record
}

// Focus is a point to consider, never a requirement.
type Focus struct {
	Key, Text string
	OnlyFor   []string
}

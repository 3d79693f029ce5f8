package web

import (
	"time"

	"tickmark/internal/web/chart"
	"tickmark/internal/web/part"
)

// Home shows where the organisation stands. Every number on it leads to the list that gives exactly that number.
type Home struct {
	Checks   part.Counts
	Controls part.Counts
	Criteria part.Counts
	Series   []SeriesCard
	Days     []Day // checks by status, day by day; empty while there is one day only
	Findings []FindingRow
	Open     int // findings open in all
	Sources  []SourceRow
	Recent   []part.Event
	Steps    []part.Step
}

// SeriesCard is one series of criteria: CC6, logical access.
type SeriesCard struct {
	ID, Name string
	Status   part.Status
	Criteria part.Counts
}

// Day is how the checks stood at the end of a day.
type Day struct {
	Date   time.Time
	Counts part.Counts
}

func days(ds []Day) (labels []string, series []chart.Series) {
	order := []part.Status{part.Passing, part.Attention, part.Failing, part.Unknown}
	for _, s := range order {
		series = append(series, chart.Series{Name: s.Word(), Class: s.Mark()})
	}
	for _, d := range ds {
		labels = append(labels, d.Date.Format("2 Jan"))
		for i, s := range order {
			series[i].Values = append(series[i].Values, float64(d.Counts.Of(s)))
		}
	}
	return labels, series
}

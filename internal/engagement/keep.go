package engagement

import (
	"fmt"
	"slices"
	"time"

	"tickmark/internal/record"
)

// For how many years a file is kept from the report: by default, and at the least.
const (
	usualYears  = 7
	fewestYears = 5
)

// retention is for how many years the firm keeps its files.
func retention(body map[string]any) int {
	firm, _ := body["firm"].(map[string]any)
	if n, ok := firm["retention_years"].(float64); ok && int(n) > 0 {
		return max(int(n), fewestYears)
	}
	return usualYears
}

// Keeps is why nothing of an engagement is erased at a moment: a legal hold, work that goes on, a file that is not archived yet, or one
// that the firm's policy still keeps. What was only proposed or declined is kept by nothing.
func Keeps(body map[string]any, at time.Time) string {
	today := at.UTC().Format(time.DateOnly)
	state := Text(body, record.StateField)
	switch {
	case body["held"] == true:
		return fmt.Sprintf("%s is under a legal hold (%s)", named(body), Text(body, "held_reason"))
	case slices.Contains([]string{"proposed", "declined"}, state):
		return ""
	case state == "archived":
		if until := Text(body, "kept_until"); until >= today {
			return fmt.Sprintf("the file of %s is kept until %s", named(body), until)
		}
		return ""
	case state == "withdrawn":
		ended, err := time.Parse(time.RFC3339Nano, Text(body, "ended_at"))
		if until := ended.AddDate(retention(body), 0, 0).Format(time.DateOnly); err != nil || until >= today {
			return fmt.Sprintf("the papers of %s, from which the firm withdrew, are kept until %s", named(body), until)
		}
		return ""
	}
	return fmt.Sprintf("%s is not over, and its papers are not archived", named(body))
}

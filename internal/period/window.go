package period

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Period is one period as its record says it.
type Period struct {
	Key        string   `json:"id"`
	Name       string   `json:"name"`
	Objective  string   `json:"objective"`
	Report     string   `json:"report"`
	Type       string   `json:"type"`
	Categories []string `json:"categories"`
	System     string   `json:"system"`
	From       string   `json:"from"` // dates as YYYY-MM-DD; empty for a Type I
	To         string   `json:"to"`
	Fieldwork  string   `json:"fieldwork"`
	Stage      string   `json:"stage"`
	State      string   `json:"state"`
	Answered   []string `json:"answered"`
	Policies   []string `json:"policies"`
	Team       []struct {
		Role   string `json:"role"`
		Person string `json:"person"`
	} `json:"team"`
	LeftOut []struct {
		Control string `json:"control"`
		Reason  string `json:"reason"`
	} `json:"left_out"`
}

// Current is the period that the organisation works towards at a moment, zero being now: the current one; before one is
// made current, the planned one that ends first. Without either, ok is false.
func Current(ctx context.Context, book *record.Book, at record.Moment) (p Period, ok bool, err error) {
	moment := time.Time{}
	if at != 0 {
		moment = at.Time()
	}
	return Working(book.LookAt(ctx, moment))
}

// Working is Current of the records that a look sees.
func Working(look record.Look) (p Period, ok bool, err error) {
	all, err := look.All("period")
	if err != nil {
		return Period{}, false, err
	}
	var open []Period
	for _, v := range all {
		x, err := Read(v)
		if err != nil {
			return Period{}, false, err
		}
		if x.State != "closed" {
			open = append(open, x)
		}
	}
	if len(open) == 0 {
		return Period{}, false, nil
	}
	return slices.MinFunc(open, func(a, b Period) int {
		return cmp.Or(cmp.Compare(rank(a.State), rank(b.State)), cmp.Compare(a.To, b.To), cmp.Compare(a.Key, b.Key))
	}), true, nil
}

func rank(state string) int {
	if state == "current" {
		return 0
	}
	return 1
}

// Read reads a period's record.
func Read(v record.Version) (Period, error) {
	var p Period
	if err := json.Unmarshal(v.Body, &p); err != nil {
		return p, fmt.Errorf("read the period %s: %w", v.Key, err)
	}
	p.Key = v.Key
	return p, nil
}

// Title is the report in the words people use: SOC 2 Type II.
func (p Period) Title() string {
	return map[string]string{"soc_1": "SOC 1", "soc_2": "SOC 2", "soc_3": "SOC 3"}[p.Report] + " " + map[string]string{"type_1": "Type I", "type_2": "Type II"}[p.Type]
}

// InScope reports whether a criterion belongs to the examination. Without a period only what every examination covers does.
func (p Period) InScope(c framework.Criterion) bool {
	if len(p.Categories) == 0 {
		return c.InScope([]string{framework.Security})
	}
	return c.InScope(p.Categories)
}

// Days are the first and last day as moments of the zone: From is the beginning of the first day, To the beginning of the
// day after the last. A Type I has only its day.
func (p Period) Days(zone *time.Location) (from, to time.Time) {
	to, _ = time.ParseInLocation(time.DateOnly, p.To, zone)
	from, err := time.ParseInLocation(time.DateOnly, p.From, zone)
	if err != nil {
		from = to
	}
	return from, to.AddDate(0, 0, 1)
}

// Day is which day of the window the moment falls on, from 1, and how many there are; day is 0 before it begins and above
// total after it ended.
func (p Period) Day(now time.Time, zone *time.Location) (day, total int) {
	from, to := p.Days(zone)
	total = days(from, to)
	if now.Before(from) {
		return 0, total
	}
	return days(from, now) + 1, total
}

// days counts calendar days from one moment to another in the first one's zone, whatever the clocks did between.
func days(from, to time.Time) int {
	a, b := from, to.In(from.Location())
	x := time.Date(a.Year(), a.Month(), a.Day(), 0, 0, 0, 0, time.UTC)
	y := time.Date(b.Year(), b.Month(), b.Day(), 0, 0, 0, 0, time.UTC)
	return int(y.Sub(x) / (24 * time.Hour))
}

// Unusual says what is uncommon about a window from its first to its last day, or nothing: three to twelve months is custom,
// and no rule.
func Unusual(from, to time.Time) string {
	after := to.AddDate(0, 0, 1)
	switch {
	case after.Before(from.AddDate(0, 3, 0)):
		return "The window is shorter than three months; few readers accept that."
	case after.After(from.AddDate(0, 12, 0)):
		return "The window is longer than twelve months; reports usually follow each other without such a span."
	}
	return ""
}

// Occasions is how often a control of some frequency falls due in a window of so many days: at least once for what is
// periodic, zero for what is continuous or follows events, whose number nobody knows beforehand.
func Occasions(frequency string, days int) int {
	per := map[string]int{"daily": 1, "weekly": 7, "monthly": 30, "quarterly": 91, "semiannual": 182, "annual": 365}[frequency]
	if per == 0 || days <= 0 {
		return 0
	}
	return max(1, (days+per/2)/per)
}

package demo

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"tickmark/internal/connector/demo"
)

func sortBy(list []object, field string) {
	slices.SortFunc(list, func(a, b object) int { return cmp.Compare(text(a, field), text(b, field)) })
}

// duties are what the records of a day call for.
func (s *story) duties(day time.Time) []act {
	out := s.findings(day)
	out = append(out, s.evidence(day)...)
	return append(out, s.acknowledgements(day)...)
}

// hand hands in a file as evidence for a control and a period.
func (s *story) hand(who int, key, title, control, sort string, from, to time.Time) error {
	content := fmt.Sprintf("DEMONSTRATION: an invented document.\n\n%s\nControl %s\nFrom %s through %s\nHanded in by %s\n", title, control, date(from), date(to), s.People[who].ID)
	sum, size, err := s.w.Blobs.Put(s.ctx, bytes.NewReader([]byte(content)), 1<<20)
	if err != nil {
		return err
	}
	b := object{"title": title, "controls": []string{control}, "sort": sort, "sha256": sum.String(), "file_name": key + ".txt", "media_type": "text/plain", "size": size,
		"covers_from": date(from), "covers_to": date(to)}
	if sort == "population" {
		b["source"], b["query"], b["drawn_at"], b["row_count"], b["validation"] = "Demonstration", "every machine that was on during the month", s.now, len(s.Hosts), "Counted against what the provider bills; the same."
	}
	return s.put(who, "evidence", key, b, "")
}

// evidence of the inventory comes each month, for the month before, but for one month that was forgotten; most is
// reviewed by another a few days later.
func (s *story) evidence(day time.Time) []act {
	if day.Day() != 8 && day.Day() != 12 || day.Before(s.Begin.AddDate(0, 2, 0)) {
		return nil
	}
	from := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, -1, 0)
	key, forgotten := "inventory-"+from.Format("2006-01"), from.Month() == s.At(0.65).Month()
	switch {
	case forgotten:
		return nil
	case day.Day() == 8:
		return []act{func() error {
			return s.hand(demo.ITLead, key, "Inventory of machines, "+from.Format("January 2006"), "AST-01", "population", from, from.AddDate(0, 1, -1))
		}}
	case from.Month()%4 == 0:
		return nil // nobody looked at it yet
	}
	return []act{func() error {
		return s.move(demo.Analyst, "evidence", key, "review", object{"review": "Compared the list with what was read from the machines; two names differed and were put right."})
	}}
}

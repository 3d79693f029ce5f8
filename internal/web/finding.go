package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

type findingBody struct {
	Title, Description, Check, Severity, Owner, Due, State, Origin string
	Opened                                                         time.Time
	Controls                                                       []string
	Items                                                          []findingItem
	OverdueSince                                                   string `json:"overdue_since"`
}

type findingItem struct {
	Kind, Key, Label, Reason string
	From, To                 time.Time
	EndedAs                  string `json:"ended_as"`
}

func readFinding(v record.Version) (f findingBody, err error) {
	if err = json.Unmarshal(v.Body, &f); err != nil {
		err = fmt.Errorf("read finding %s: %w", v.Key, err)
	}
	return f, err
}

// findingRow shows a finding as it stands at the reader's moment. Inside its due date it needs attention, past it it fails; one
// without a date fails, because nobody said how long it may.
func (s *site) findingRow(ctx context.Context, v record.Version) (FindingRow, error) {
	f, err := readFinding(v)
	if err != nil {
		return FindingRow{}, err
	}
	row := FindingRow{Key: v.Key, Title: cmp.Or(f.Title, v.Label, v.Key), Href: part.Path("findings", v.Key), Severity: f.Severity, State: f.State, Opened: f.Opened, Due: endOfDay(f.Due, part.Of(ctx).Zone), Owner: f.Owner, Pick: pickValue(v)}
	if row.Opened.IsZero() {
		row.Opened = v.From.Time()
	}
	if f.Check != "" {
		row.Check = part.Link{Text: f.Check, Href: part.Path("checks", f.Check)}
	}
	for _, it := range f.Items {
		if it.To.IsZero() {
			row.Items++
		}
	}
	row.Status = findingStatus(f, row.Due, part.Of(ctx).Moment())
	return row, nil
}

func findingStatus(f findingBody, due, now time.Time) part.Status {
	switch {
	case !contains(openFindings, f.State):
		return part.Status(f.State)
	case f.State == "fixed" || f.State == "verified":
		return part.Attention
	case !due.IsZero() && now.Before(due):
		return part.Attention
	}
	return part.Failing
}

// allFindings are the findings of the reader's moment, those due first in front; the ones without a date come after.
func (s *site) allFindings(ctx context.Context, where string) ([]FindingRow, error) {
	var rows []FindingRow
	err := s.each(ctx, record.Query{Kind: "finding", AsOf: at(ctx), Where: where}, func(v record.Version) error {
		row, err := s.findingRow(ctx, v)
		rows = append(rows, row)
		return err
	})
	slices.SortStableFunc(rows, func(a, b FindingRow) int {
		if a.Due.IsZero() != b.Due.IsZero() {
			if a.Due.IsZero() {
				return 1
			}
			return -1
		}
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)), cmp.Compare(a.Title, b.Title))
	})
	return rows, err
}

func severityRank(s string) int {
	return slices.Index([]string{"critical", "high", "medium", "low"}, s)
}

// dueFirst are the open findings that are due first, with how many there are in all.
func (s *site) dueFirst(ctx context.Context, st *standing, most int) ([]FindingRow, int, error) {
	if err := s.may(ctx, "finding"); err != nil {
		return nil, 0, nil
	}
	rows, err := s.allFindings(ctx, oneOf("state", openFindings))
	return rows[:min(most, len(rows))], len(rows), err
}

// findingsShown is how many findings a page lists.
const findingsShown = 50

func (s *site) findings(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "finding"); err != nil {
		return err
	}
	all, err := s.allFindings(ctx, "")
	if err != nil {
		return err
	}
	now := part.Of(ctx).Moment()
	tests := map[string]func(FindingRow) bool{
		"open": func(f FindingRow) bool { return contains(openFindings, f.State) },
		"past": func(f FindingRow) bool {
			return contains(openFindings, f.State) && !f.Due.IsZero() && !now.Before(f.Due)
		},
		"soon": func(f FindingRow) bool {
			return contains(openFindings, f.State) && now.Before(f.Due) && f.Due.Before(now.AddDate(0, 0, 7))
		},
		"alone": func(f FindingRow) bool { return contains(openFindings, f.State) && f.Owner == "" },
		"over":  func(f FindingRow) bool { return !contains(openFindings, f.State) },
	}
	state := q.Get("state")
	if tests[state] == nil && state != "all" {
		state = "open"
	}
	l := FindingList{Any: len(all) > 0}
	for _, c := range []struct{ name, word, icon string }{{"open", "Open", "flag"}, {"past", "Past due", "circle-x"}, {"soon", "Due in 7 days", "clock"}, {"alone", "Without owner", "user"}, {"over", "Closed", "circle-check"}} {
		n := int64(0)
		for _, f := range all {
			if tests[c.name](f) {
				n++
			}
		}
		l.Cards = append(l.Cards, part.Stat{Word: c.word, Icon: c.icon, N: n, Href: "/findings?state=" + c.name, Current: state == c.name})
	}
	severity := part.Choice{Name: "severity", Label: "Severity", Value: q.Get("severity"), Options: []part.Option{{Value: "", Text: "Any severity"}, {Value: "critical", Text: "Critical"}, {Value: "high", Text: "High"}, {Value: "medium", Text: "Medium"}, {Value: "low", Text: "Low"}}}
	for _, f := range all {
		if state != "all" && !tests[state](f) || severity.Value != "" && f.Severity != severity.Value || !fits(q.Get("q"), f.Title, f.Check.Text, part.People(ctx, f.Owner)) {
			continue
		}
		l.Rows = append(l.Rows, f)
	}
	l.Filter = part.Filter{Action: "/findings", Q: q.Get("q"), Hint: "Filter by text, check or owner", Found: fmt.Sprintf("%d of %d", len(l.Rows), len(all)), Keep: map[string]string{"state": state}, Groups: []part.Choice{severity}}
	found := part.Number(int64(len(l.Rows)))
	rows, next := pageAfter(l.Rows, q.Get("after"), findingsShown, func(f FindingRow) string { return f.Key })
	l.Rows, l.Pager = rows, pagerOf(r, len(rows), next, "of "+found)
	k, err := s.Book.Kinds.Named("finding")
	if err != nil {
		return err
	}
	if l.Bulk, err = s.bulkOf(r, k); err != nil {
		return err
	}
	p := Page{Title: "Findings", Section: "/findings", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Findings"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return findingsPage(p, l) })
}

func (s *site) finding(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "key")
	if err := s.may(ctx, "finding"); err != nil {
		return err
	}
	v, err := s.Book.Get(ctx, "finding", key, at(ctx))
	if err != nil {
		return err
	}
	row, err := s.findingRow(ctx, v)
	if err != nil {
		return err
	}
	body, err := readFinding(v)
	if err != nil {
		return err
	}
	f := FindingPage{FindingRow: row, Detail: body.Description, Record: recordPath("finding", key)}
	for _, it := range body.Items {
		x := FindingItem{Text: cmp.Or(it.Label, it.Key), Href: recordPath(it.Kind, it.Key), Reason: it.Reason, Since: it.From, Until: it.To, Due: row.Due, Status: row.Status}
		if !it.To.IsZero() {
			switch it.EndedAs {
			case "pass":
				x.Status = part.Passing
			case "not_applicable":
				x.Status = part.NotApplicable
			case "gone":
				x.Status = "gone"
			default:
				x.Status = part.Unknown
			}
		}
		f.Items = append(f.Items, x)
	}
	f.Answer = part.Answer{Status: row.Status, Since: row.Opened, Why: findingWhy(row, part.Of(ctx).Moment())}
	if row.Check.Text != "" {
		f.Answer.From = append(f.Answer.From, row.Check)
		if c, err := s.Monitor.Set.Get(row.Check.Text); err == nil {
			f.Answer.From[0].Note = c.Title
			for _, x := range c.Fix {
				f.Fix = append(f.Fix, Fix{Where: x.Where, Text: x.How})
			}
		}
	}
	for i, it := range f.Items {
		if i == 3 {
			break
		}
		f.Answer.From = append(f.Answer.From, part.Link{Text: it.Text, Href: it.Href})
	}
	if f.Moves, err = s.moves(ctx, v); err != nil {
		return err
	}
	for _, m := range f.Moves {
		if m.Blocked == "" && contains(openFindings, row.State) {
			f.Answer.Next = append(f.Answer.Next, part.Link{Text: m.Title})
			break
		}
	}
	if row.Owner == "" && contains(openFindings, row.State) {
		f.Answer.Next = append([]part.Link{{Text: "Assign it to somebody"}}, f.Answer.Next[:0]...)
	}
	for _, c := range body.Controls {
		f.Facts = append(f.Facts, part.Fact{Name: "Speaks against", Value: part.LinkTo(part.Link{Text: c, Href: part.Path("controls", c)})})
	}
	if body.OverdueSince != "" {
		f.Facts = append(f.Facts, part.Say("Late since", body.OverdueSince))
	}
	history, err := s.Book.History(ctx, "finding", key)
	if err != nil {
		return err
	}
	for i := len(history) - 1; i >= 0 && len(f.History) < 5; i-- {
		if m := at(ctx); m != 0 && history[i].From > m {
			continue
		}
		b, err := readFinding(history[i])
		if err != nil {
			return err
		}
		e := s.event(history[i])
		e.What, e.Href = part.Status(b.State).Word(), ""
		f.History = append(f.History, e)
	}
	p := Page{Title: row.Title, Section: "/findings", Crumbs: []part.Crumb{{Text: "Findings", Href: "/findings"}, {Text: part.Short(row.Title, 48)}}}
	return s.show(w, r, p, func(p Page) templ.Component { return findingPage(p, f) })
}

func findingWhy(f FindingRow, now time.Time) string {
	switch {
	case !contains(openFindings, f.State):
		return part.Status(f.State).Word() + "."
	case f.State == "fixed":
		return "Somebody fixed it; another person has to verify that."
	case f.State == "verified":
		return "The fix was verified; it can be closed."
	case f.Due.IsZero():
		return "It is open and has no due date."
	case now.Before(f.Due):
		return "It is open and due " + part.Relative(f.Due, now) + "."
	}
	return "It is open and " + part.Span(now.Sub(f.Due)) + " past its due date."
}

package gap

import (
	"fmt"
	"time"
)

// maxMonths is how long an approval of a policy is good for; a policy may say less, never more.
const maxMonths = 12

func (f *finding) policies() {
	for _, p := range f.Policies {
		if p.State == "retired" {
			continue
		}
		g := Gap{ID: id(Policy, p.Key), Sort: Policy, Severity: "high", Remedy: "document", Kind: "policy", Key: p.Key, Criteria: f.criteriaOf(p.Controls)}
		if len(p.Controls) > 0 {
			g.Control = p.Controls[0]
		}
		months := maxMonths
		if p.Months > 0 && p.Months < months {
			months = p.Months
		}
		switch {
		case !p.published:
			g.What = p.Title + " is not in force"
			g.Why = map[bool]string{true: "It has no text yet.", false: "Its text is " + words(p.draft) + "."}[p.draft == ""]
			g.Next = "Write it, have it reviewed and approved by somebody who is none of its authors, and publish it."
		case p.approved.AddDate(0, months, 0).Before(f.Now):
			g.What = fmt.Sprintf("%s was approved more than %d months ago", p.Title, months)
			g.Why = "Its approval is of " + p.approved.In(f.Now.Location()).Format("2 Jan 2006") + ", and must not be older on any day of the window."
			g.Next = "Review it; when nothing changes, another person's approval renews it."
		default:
			continue
		}
		f.add(g)
	}
}

// criteriaOf are the criteria in scope that some controls serve.
func (f *finding) criteriaOf(controls []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, c := range controls {
		for _, id := range f.bears(f.judged[c].Criteria) {
			if !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// requirements finds evidence that is due and missing: for a requirement that returns, of the last span of the calendar that
// ended; for one piece, any that speaks for a day since it is required; for the whole time, up to yesterday.
func (f *finding) requirements() {
	controls := map[string]Control{}
	for _, c := range f.Controls {
		controls[c.Key] = c
	}
	for _, r := range f.Requirements {
		c, ok := controls[r.Control]
		bears := f.bears(c.Criteria)
		if !ok || c.State == "retired" || len(bears) == 0 || r.From > f.today {
			continue
		}
		from, to, due := due(r, f.Now)
		if !due || f.covered(r, from, to) {
			continue
		}
		g := Gap{ID: id(Requirement, r.Key), Sort: Requirement, What: c.ID + ": " + r.Title + " is missing", Severity: "high", Remedy: "evidence", Stage: c.Stage, Criteria: bears, Control: c.Key,
			Kind: "requirement", Key: r.Key, Next: "Keep evidence for " + c.ID + " whose own period covers it."}
		g.Why = "No evidence covers " + day(from) + " to " + day(to) + "."
		if r.Frequency == "once" {
			g.Why = "No evidence for it is kept."
		}
		f.add(g)
	}
}

// due is the span of days for which evidence must exist now. What follows events has none here: an occurrence asks for it.
func due(r Need, now time.Time) (from, to string, ok bool) {
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	end := today.AddDate(0, 0, -1)
	if r.To != "" && r.To < end.Format(time.DateOnly) {
		end, _ = time.Parse(time.DateOnly, r.To)
	}
	var a, b time.Time
	switch r.Frequency {
	case "once":
		return r.From, today.Format(time.DateOnly), true
	case "continuous":
		if end.Format(time.DateOnly) < r.From {
			return "", "", false
		}
		return r.From, end.Format(time.DateOnly), true
	case "daily":
		a, b = end, end
	case "weekly":
		b = end.AddDate(0, 0, -int(end.Weekday()))
		a = b.AddDate(0, 0, -6)
	default:
		n := map[string]int{"monthly": 1, "quarterly": 3, "semiannual": 6, "annual": 12}[r.Frequency]
		if n == 0 {
			return "", "", false
		}
		first := time.Date(end.Year(), end.Month(), 1, 0, 0, 0, 0, time.UTC)
		next := first.AddDate(0, n-(int(first.Month())-1)%n, 0)
		if b = next.AddDate(0, 0, -1); b.After(end) {
			b = next.AddDate(0, -n, -1)
		}
		a = b.AddDate(0, 0, 1).AddDate(0, -n, 0)
	}
	from, to = a.Format(time.DateOnly), b.Format(time.DateOnly)
	return from, to, from >= r.From
}

// covered reports whether evidence of the requirement covers every day of a span; one piece is enough for what is asked once.
func (f *finding) covered(r Need, from, to string) bool {
	list := f.evidenceFor(r)
	if r.Frequency == "once" {
		for _, e := range list {
			if e.To >= from && e.From != "" {
				return true
			}
		}
		return false
	}
	for at := from; ; {
		best := ""
		for _, e := range list {
			if e.From != "" && e.From <= at && e.To >= at && e.To > best {
				best = e.To
			}
		}
		if best == "" {
			return false
		}
		if best >= to {
			return true
		}
		t, err := time.Parse(time.DateOnly, best)
		if err != nil {
			return false
		}
		at = t.AddDate(0, 0, 1).Format(time.DateOnly)
	}
}

// evidenceFor is the evidence that names the requirement. What names none counts for the only requirement of its control, or
// for the one whose title it gives as its item; among several it is not guessed.
func (f *finding) evidenceFor(r Need) []Evidence {
	same := 0
	for _, x := range f.Requirements {
		if x.Control == r.Control {
			same++
		}
	}
	var out []Evidence
	for _, e := range f.Evidence {
		if e.Requirement == r.Key || e.Requirement == "" && contains(e.Controls, r.Control) && (same == 1 || e.Item == r.Title) {
			out = append(out, e)
		}
	}
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

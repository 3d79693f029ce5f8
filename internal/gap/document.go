package gap

import (
	"cmp"
	"fmt"
	"slices"

	"tickmark/internal/calendar"
	"tickmark/internal/policy"
	"tickmark/internal/requirement"
)

// maxMonths is how long an approval of a policy is good for; a policy may say less, never more.
const maxMonths = 12

// wanted are the templates of the policies that the organisation chose to write; before it chose, of all that its categories
// ask for.
func (w World) wanted() []policy.Template {
	library, err := policy.Templates()
	if err != nil {
		return nil // they come with the binary, and a test reads them
	}
	var out []policy.Template
	for _, t := range library.Templates {
		chosen := t.Category == ""
		if w.Period != nil {
			chosen = chosen || slices.Contains(w.Period.Categories, t.Category)
			if len(w.Period.Policies) > 0 {
				chosen = slices.Contains(w.Period.Policies, t.ID)
			}
		}
		if chosen {
			out = append(out, t)
		}
	}
	return out
}

// missing are the templates that are wanted and that no policy was begun from.
func (w World) missing() []policy.Template {
	have := map[string]bool{}
	for _, p := range w.Policies {
		if p.State != "retired" {
			have[p.Key], have[p.Template] = true, true
		}
	}
	return slices.DeleteFunc(w.wanted(), func(t policy.Template) bool { return have[t.ID] })
}

func (f *finding) policies() {
	for _, t := range f.missing() {
		f.add(Gap{ID: id(Policy, t.ID), Sort: Policy, Severity: "high", Remedy: "document", Criteria: f.bears(t.Criteria), What: "There is no " + lower(t.Title), Why: "Nothing says what is expected there.",
			Next: "Begin it from its template; or choose in the guided start not to write it."})
	}
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
			g.Next = map[string]string{
				"approved":         "Publish it.",
				"pending_approval": "Have it approved by somebody who is none of its authors, and publish it.",
				"in_review":        "Have it reviewed and approved by somebody who is none of its authors, and publish it.",
			}[p.draft]
			g.Next = cmp.Or(g.Next, "Write it, have it reviewed and approved by somebody who is none of its authors, and publish it.")
		case p.approved.AddDate(0, months, 0).Before(f.Now):
			g.What = fmt.Sprintf("%s was approved more than %d months ago", p.Title, months)
			g.Why = "Its approval is of " + p.approved.In(f.Now.Location()).Format("2 Jan 2006") + ", and must not be older on any day of the window."
			g.Next = "Review it; when nothing changes, another person's approval renews it."
		case p.reviewDue != "" && p.reviewDue < f.today:
			g.What = p.Title + " was approved by no second person"
			g.Why = "Its author approved it, and the later review promised for " + p.reviewDue + " was not done."
			g.Next = "Have somebody who wrote none of it review that approval."
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

// requirements finds evidence that is due and missing: of every span since the window began, or since it is required.
func (f *finding) requirements() {
	controls := map[string]Control{}
	for _, c := range f.Controls {
		controls[c.Key] = c
	}
	today := calendar.Of(f.Now, f.Now.Location())
	for _, r := range f.Requirements {
		c, ok := controls[r.Control]
		bears := f.bears(c.Criteria)
		if !ok || c.State == "retired" || len(bears) == 0 {
			continue
		}
		from := calendar.Parse(r.From)
		if f.Period != nil && f.Period.From != "" && f.Period.From > r.From && f.Period.From <= f.today {
			from = calendar.Parse(f.Period.From)
		}
		var missing []requirement.Span
		for _, s := range requirement.Spans(requirement.Required{Frequency: r.Frequency, From: calendar.Parse(r.From), To: calendar.Parse(r.To), Grace: c.Grace}, r.Pieces, from, today, today) {
			if s.State == requirement.Gap {
				missing = append(missing, s)
			}
		}
		if len(missing) == 0 {
			continue
		}
		g := Gap{ID: id(Requirement, r.Key), Sort: Requirement, What: c.ID + ": “" + r.Title + "” is missing", Severity: "high", Remedy: "evidence", Stage: c.Stage, Criteria: bears, Control: c.Key,
			Kind: "requirement", Key: r.Key, Next: "Keep evidence for " + c.ID + " whose own period covers it."}
		g.Why = "No evidence covers " + missing[len(missing)-1].Words() + "."
		if n := len(missing) - 1; n > 0 {
			g.Why = fmt.Sprintf("No evidence covers %s, nor %d spans before.", missing[n].Words(), n)
		}
		if r.Frequency == "once" {
			g.Why = "No evidence for it is kept."
		}
		f.add(g)
	}
}

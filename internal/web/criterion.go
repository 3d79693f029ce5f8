package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/web/part"
)

func (s *site) criteria(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "criterion"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	l := CriteriaList{Current: q.Get("status")}
	series := part.Choice{Name: "series", Label: "Series", Value: q.Get("series"), Options: []part.Option{{Value: "", Text: "All series"}}}
	shown := 0
	gaps := map[string]int{}
	for _, g := range st.gaps {
		for _, id := range g.Criteria {
			gaps[id]++
		}
	}
	for _, c := range st.criteria {
		l.Counts.Add(c.status)
		if n := len(series.Options); series.Options[n-1].Value != c.Series {
			series.Options = append(series.Options, part.Option{Value: c.Series, Text: c.Series + " " + seriesName(c.Series)})
		}
		if l.Current != "" && l.Current != string(c.status) || series.Value != "" && series.Value != c.Series || !fits(q.Get("q"), c.ID, c.Title, c.Summary) {
			continue
		}
		shown++
		if n := len(l.Groups); n == 0 || l.Groups[n-1].ID != c.Series {
			l.Groups = append(l.Groups, CriteriaGroup{ID: c.Series, Name: seriesName(c.Series)})
		}
		g := &l.Groups[len(l.Groups)-1]
		g.Counts.Add(c.status)
		answered, all := required(st.whole.Operation, c.controls)
		g.Rows = append(g.Rows, CriterionRow{Points: len(c.Focus), Answered: answered, Required: all, ID: c.ID, Title: c.Title, Category: part.Sentence(c.Category), Status: c.status, Controls: len(c.controls), Gaps: gaps[c.ID], Checks: c.checks})
	}
	l.Filter = part.Filter{Action: "/criteria", Q: q.Get("q"), Hint: "Filter by text or id", Found: fmt.Sprintf("%d of %d", shown, len(st.criteria)), Groups: []part.Choice{part.StatusChoice(l.Current), series}}
	p := Page{Title: "Criteria", Section: "/criteria", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Criteria"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return criteriaPage(p, l) })
}

func (s *site) criterion(w http.ResponseWriter, r *http.Request) error {
	ctx, id, tab := r.Context(), segment(r, "id"), r.PathValue("tab")
	if tab != "" && tab != "time" {
		return noPage(r)
	}
	if err := s.may(ctx, "criterion"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	for _, c := range st.criteria {
		if c.ID != id {
			continue
		}
		v := CriterionPage{ID: c.ID, Title: c.Title, Summary: c.Summary, Intent: c.Intent, Series: c.Series, SeriesName: seriesName(c.Series), Category: c.Category}
		if c.COSOPrinciple != nil {
			v.Principle = *c.COSOPrinciple
		}
		if v.Tab = tab; tab == "time" {
			if v.Time, err = s.effect(ctx, r, id, part.Path("criteria", id, "time")); err != nil {
				return err
			}
		}
		for _, f := range c.Focus {
			v.Focus = append(v.Focus, Focus{Key: f.Key, Text: f.Text, OnlyFor: f.OnlyFor})
		}
		if _, err := s.Book.Get(ctx, "criterion", id, at(ctx)); err == nil {
			v.Record = recordPath("criterion", id)
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
		v.Answer = criterionAnswer(c)
		v.Answered, v.Required = required(st.whole.Operation, c.controls)
		for _, x := range c.controls {
			v.Controls = append(v.Controls, controlRow(st, x))
		}
		for _, g := range st.gaps {
			if contains(g.Criteria, id) {
				v.Gaps = append(v.Gaps, s.gapLine(st, g, part.Of(ctx).Zone))
			}
		}
		for _, p := range st.scope.Policies {
			if p.State != "retired" && slices.ContainsFunc(c.controls, func(x controlState) bool { return contains(p.Controls, x.Key) }) {
				v.Policies = append(v.Policies, part.Link{Text: p.Title, Href: part.Path("policies", p.Key)})
			}
		}
		offered, _, err := s.offered(st, func(i control.Item) bool { return contains(i.Criteria, id) })
		if err != nil {
			return err
		}
		for _, o := range offered {
			if !o.Adopted {
				v.Offered = append(v.Offered, o)
			}
		}
		p := Page{Title: c.ID + " " + c.Title, Section: "/criteria", Crumbs: []part.Crumb{{Text: "Criteria", Href: "/criteria"}, {Text: c.ID}}}
		return s.show(w, r, p, func(p Page) templ.Component { return criterionPage(p, v) })
	}
	return fault.New(fault.NotFound, "There is no criterion %q.", id).WithNext("The 61 criteria are in the list of criteria.")
}

func criterionAnswer(c criterionState) part.Answer {
	a := part.Answer{Status: c.status}
	if c.status == part.NotApplicable {
		a.Why = c.why
		return a
	}
	if len(c.controls) == 0 {
		a.Why = "No control serves this criterion yet, so there is nothing to judge."
		a.Next = []part.Link{{Text: "Adopt a control for it", Href: "/catalogue?criterion=" + c.ID}}
		return a
	}
	var n part.Counts
	var worst []controlState
	for _, x := range c.controls {
		n.Add(x.status)
		if x.status == c.status {
			worst = append(worst, x)
		}
	}
	a.Why = fmt.Sprintf("%s: %s. It stands as the worst of those in operation; what fails counts before that too.", part.Count(len(c.controls), "control"), part.Said(n))
	if c.why != "" {
		a.Why = c.why + " Of " + part.Count(len(c.controls), "control") + ": " + part.Said(n) + "."
	}
	for i, x := range worst {
		if i == 3 {
			a.From = append(a.From, part.Link{Text: fmt.Sprintf("and %d more", len(worst)-3), Href: "/controls?criterion=" + c.ID + "&status=" + string(c.status)})
			break
		}
		a.From = append(a.From, part.Link{Text: x.ID, Href: part.Path("controls", x.Key), Note: strings.ToLower(x.status.Word())})
		for _, k := range x.checks {
			if k.status == x.status && a.Since.IsZero() && k.Evaluated != 0 {
				a.Since = k.Evaluated.Time()
			}
		}
	}
	for _, x := range c.controls {
		if x.State != "active" && c.status == part.Unknown && c.why != "" {
			a.Next = []part.Link{{Text: "Bring " + x.ID + " into operation", Href: part.Path("controls", x.Key), Note: "It is " + strings.ToLower(part.Status(x.State).Word()) + "."}}
			return a
		}
	}
	if c.status != part.Passing && len(worst) > 0 {
		a.Next = []part.Link{{Text: "Open " + worst[0].ID, Href: part.Path("controls", worst[0].Key), Note: worst[0].why}}
	}
	return a
}

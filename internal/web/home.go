package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

func (s *site) home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if to := landing(reader(ctx, session(ctx)), s.has); to != "/" && r.URL.Query().Get("home") == "" {
		http.Redirect(w, r, string(part.To(ctx, to)), http.StatusSeeOther)
		return nil
	}
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	var h Home
	for _, c := range st.checks {
		h.Checks.Add(c.status)
	}
	for _, c := range st.controls {
		h.Controls.Add(c.status)
	}
	h.Series = seriesCards(st.criteria)
	for _, c := range st.criteria {
		h.Criteria.Add(c.status)
	}
	if h.Findings, h.Open, err = s.dueFirst(ctx, st, 6); err != nil {
		return err
	}
	if h.Sources, err = s.sourceRows(ctx); err != nil {
		return err
	}
	if h.Recent, err = s.recent(ctx, 8); err != nil {
		return err
	}
	if h.Days, err = s.days(ctx, h.Checks); err != nil {
		return err
	}
	h.Steps = steps(st, h, part.Of(ctx).Moment())
	return s.show(w, r, Page{Title: "Home", Section: "/"}, func(p Page) templ.Component { return homePage(p, h) })
}

func seriesCards(all []criterionState) []SeriesCard {
	var out []SeriesCard
	for _, c := range all {
		if len(out) == 0 || out[len(out)-1].ID != c.Series {
			out = append(out, SeriesCard{ID: c.Series, Name: seriesName(c.Series)})
		}
		out[len(out)-1].Criteria.Add(c.status)
	}
	return out
}

// seriesName is a series in plain words.
func seriesName(id string) string {
	return map[string]string{
		"CC1": "Control environment", "CC2": "Communication and information", "CC3": "Risk assessment", "CC4": "Monitoring", "CC5": "Control activities",
		"CC6": "Logical and physical access", "CC7": "System operations", "CC8": "Change management", "CC9": "Risk mitigation",
		"A1": "Availability", "PI1": "Processing integrity", "C1": "Confidentiality",
		"P1": "Notice", "P2": "Choice and consent", "P3": "Collection", "P4": "Use, retention, disposal", "P5": "Access", "P6": "Disclosure", "P7": "Quality", "P8": "Monitoring of privacy",
	}[id]
}

// steps are the three most useful things to do next: what a source could not show, what fails and is due first, what no
// control covers.
func steps(st *standing, h Home, now time.Time) []part.Step {
	var out []part.Step
	for _, f := range h.Findings {
		why := part.Status(f.Severity).Word()
		if !f.Due.IsZero() {
			why += ", due " + part.Relative(f.Due, now)
		}
		out = append(out, part.Step{Text: "Fix: " + f.Title, Why: why + ".", Href: f.Href, Action: "Open"})
		break
	}
	gaps := slices.Clone(h.Sources)
	slices.SortFunc(gaps, func(a, b SourceRow) int { return cmp.Compare(b.Gaps, a.Gaps) })
	for _, g := range gaps {
		if g.Gaps > 0 {
			out = append(out, part.Step{Text: "Let " + g.Name + " be read completely", Why: fmt.Sprintf("%s in scope could not be read.", part.Count(g.Gaps, "thing")), Href: part.Path("sources", g.Name), Action: "See how"})
			break
		}
		if g.Status == "never" {
			out = append(out, part.Step{Text: "Collect from " + g.Name, Why: "It was never read.", Href: part.Path("sources", g.Name), Action: "Open"})
			break
		}
	}
	without := 0
	for _, c := range st.criteria {
		if len(c.controls) == 0 {
			without++
		}
	}
	if without > 0 {
		out = append(out, part.Step{Text: "Adopt controls from the catalogue", Why: part.Count(without, "criterion has", "criteria have") + " none.", Href: "/catalogue", Action: "Catalogue"})
	}
	for _, c := range st.controls {
		if len(out) >= 3 {
			break
		}
		if c.Owner == "" {
			out = append(out, part.Step{Text: "Name an owner for " + c.ID, Why: c.Title + " has none.", Href: part.Path("controls", c.ID), Action: "Open"})
			break
		}
	}
	return out[:min(3, len(out))]
}

// recent are the latest changes that people made and the latest runs.
func (s *site) recent(ctx context.Context, most int) ([]part.Event, error) {
	list, err := s.Book.Recent(ctx, at(ctx), most, func(k *record.Kind) bool { return !k.Collected && s.may(ctx, k.Name) == nil })
	if err != nil {
		return nil, err
	}
	var out []part.Event
	for _, v := range list {
		out = append(out, s.event(v))
	}
	return out, nil
}

// event is a version told as something that happened.
func (s *site) event(v record.Version) part.Event {
	title := v.Kind
	if k, err := s.Book.Kinds.Named(v.Kind); err == nil {
		title = k.Title
	}
	return part.Event{What: title + ": " + cmp.Or(v.Label, v.Key), Href: s.pathOf(v.Kind, v.Key), By: v.Actor, Reason: v.Reason, At: v.From.Time()}
}

// pathOf is the best page about a record: its own, where its kind has one.
func (s *site) pathOf(kind, key string) string { return pageOf(kind, key) }

// pageOf is the page of a record: its own where its kind has one.
func pageOf(kind, key string) string {
	switch kind {
	case "person":
		return part.Path("people", key)
	case "control":
		return part.Path("controls", key)
	case "criterion":
		return part.Path("criteria", key)
	case "finding":
		return part.Path("findings", key)
	case "policy":
		return part.Path("policies", key)
	case "connection":
		return part.Path("sources", key)
	case "user":
		return "/settings/users"
	}
	return recordPath(kind, key)
}

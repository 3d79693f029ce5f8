package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/record"
	"tickmark/internal/system"
	"tickmark/internal/web/part"
)

func (s *site) systems(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "system"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	l := SystemList{May: s.mayProgram(r) == nil}
	today := st.scope.Now.Format(time.DateOnly)
	err = s.each(ctx, record.Query{Kind: "system", AsOf: at(ctx)}, func(v record.Version) error {
		x, err := system.Read(v)
		if err != nil {
			return err
		}
		row := SystemRow{Key: v.Key, Name: x.Name, Href: part.Path("systems", v.Key), State: part.Status(x.State), Services: x.Services, Owner: st.nameOf(x.Owner), Examined: st.scope.Period != nil && st.scope.Period.System == v.Key}
		for _, c := range x.Components {
			if c.Inside(today) {
				row.Components++
			}
		}
		l.Rows = append(l.Rows, row)
		return nil
	})
	if err != nil {
		return err
	}
	p := Page{Title: "Systems", Section: "/systems", Crumbs: []part.Crumb{{Text: "Company"}, {Text: "Systems"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return systemsPage(p, l) })
}

// nameOf is what a person is called; the key when nobody knows.
func (st *standing) nameOf(person string) string {
	if p, ok := st.scope.People[person]; ok && p.Name != "" {
		return p.Name
	}
	return person
}

func (s *site) system(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "id")
	if err := s.may(ctx, "system"); err != nil {
		return err
	}
	v, err := s.Book.Get(ctx, "system", key, at(ctx))
	if err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	x, err := system.Read(v)
	if err != nil {
		return err
	}
	d := SystemPage{Key: key, Name: x.Name, Description: x.Description, State: part.Status(x.State), Inside: x.Inside, Outside: x.Outside, Services: x.Services, Locations: x.Locations, Owner: st.nameOf(x.Owner),
		ApprovedBy: st.nameOf(x.ApprovedBy), Alone: x.Approval().Said(x.ReviewDue, st.nameOf(x.LateBy)), Data: x.Data, Record: recordPath("system", key), Edit: s.mayProgram(r) == nil && x.State != "retired"}
	d.ApprovedAt, _ = time.Parse(time.RFC3339Nano, x.ApprovedAt)
	if p := st.scope.Period; p != nil && p.System == key {
		d.Examined = p.Name
	}
	today := st.scope.Now.Format(time.DateOnly)
	for _, c := range x.Components {
		row := ComponentRow{Component: c, State: "active"}
		row.From, _ = time.ParseInLocation(time.DateOnly, c.From, part.Of(ctx).Zone)
		row.To, _ = time.ParseInLocation(time.DateOnly, c.To, part.Of(ctx).Zone)
		switch {
		case c.From > today:
			row.State = "planned"
		case !c.Inside(today):
			row.State = "gone"
		}
		if row.Records, err = s.recordsOf(ctx, c); err != nil {
			return err
		}
		d.Components = append(d.Components, row)
	}
	slices.SortStableFunc(d.Components, func(a, b ComponentRow) int {
		order := []part.Status{"active", "planned", "gone"}
		return slices.Index(order, a.State) - slices.Index(order, b.State)
	})
	if d.Moves, err = s.moves(ctx, v); err != nil {
		return err
	}
	history, err := s.Book.History(ctx, "system", key)
	if err != nil {
		return err
	}
	for i := len(history) - 1; i >= 0 && len(d.History) < 5; i-- {
		if m := at(ctx); m == 0 || history[i].From <= m {
			e := s.event(history[i])
			e.What, e.Href = "Changed", ""
			if i == 0 {
				e.What = "Written"
			}
			d.History = append(d.History, e)
		}
	}
	p := Page{Title: x.Name, Section: "/systems", Crumbs: []part.Crumb{{Text: "Systems", Href: "/systems"}, {Text: x.Name}}}
	return s.show(w, r, p, func(p Page) templ.Component { return systemPage(p, d) })
}

// recordsOf leads to the records that are a component: of the kinds it names, or of those its source has, narrowed by its
// condition. A component that names neither is described in words only.
func (s *site) recordsOf(ctx context.Context, c system.Component) ([]part.Link, error) {
	kinds := c.Kinds
	if len(kinds) == 0 && c.Source != "" {
		v, err := s.Book.Get(ctx, "connection", c.Source, at(ctx))
		if err != nil {
			return []part.Link{{Text: c.Source, Note: "There is no such source."}}, nil
		}
		return []part.Link{{Text: v.Label, Href: part.Path("sources", c.Source)}}, nil
	}
	var out []part.Link
	for _, name := range kinds {
		k, err := s.Book.Kinds.Named(name)
		if err != nil {
			out = append(out, part.Link{Text: name, Note: "There is no such kind."})
			continue
		}
		if s.may(ctx, name) != nil {
			continue
		}
		href := part.Path("records", name)
		if c.Where != "" {
			href += "?where=" + url.QueryEscape(c.Where)
		}
		link := part.Link{Text: k.Plural, Href: href}
		if n, err := s.Book.Count(ctx, record.Query{Kind: name, AsOf: at(ctx), Where: c.Where, Source: c.Source}); err == nil && c.Source == "" {
			link.Text = counted(n) + " " + strings.ToLower(k.Plural)
		}
		out = append(out, link)
	}
	return out, nil
}

func (s *site) commitments(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "commitment"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	byKey := map[string]controlState{}
	for _, c := range st.controls {
		byKey[c.Key] = c
	}
	today := st.scope.Now.Format(time.DateOnly)
	l := CommitmentList{May: s.mayProgram(r) == nil}
	var all []CommitmentRow
	err = s.each(ctx, record.Query{Kind: "commitment", AsOf: at(ctx)}, func(v record.Version) error {
		var b struct {
			ID, Title, Sort, Category, Statement, Until string
			MadeIn                                      string `json:"made_in"`
			Criteria, Controls                          []string
		}
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return fmt.Errorf("read commitment %s: %w", v.Key, err)
		}
		row := CommitmentRow{ID: v.Key, Title: b.Title, Href: recordPath("commitment", v.Key), Statement: b.Statement, MadeIn: b.MadeIn, Category: b.Category, Sort: b.Sort, Criteria: b.Criteria, Ended: b.Until != "" && b.Until < today}
		row.Status, row.Why = keeps(b.Controls, byKey)
		for _, c := range b.Controls {
			row.Controls = append(row.Controls, part.Link{Text: c, Href: part.Path("controls", c)})
		}
		all = append(all, row)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b CommitmentRow) int { return strings.Compare(a.ID, b.ID) })
	l.Any = len(all) > 0
	var n part.Counts
	for _, c := range all {
		if c.Ended {
			continue
		}
		n.Add(c.Status)
	}
	status := q.Get("status")
	l.Cards = part.CountStats(n, "/commitments", status)
	category := part.Choice{Name: "category", Label: "Category", Value: q.Get("category"), Options: []part.Option{{Value: "", Text: "Every category"}}}
	for _, c := range []string{"security", "availability", "processing_integrity", "confidentiality", "privacy"} {
		category.Options = append(category.Options, part.Option{Value: c, Text: part.Sentence(c)})
	}
	for _, c := range all {
		if (status == "" || string(c.Status) == status && !c.Ended) && (category.Value == "" || category.Value == c.Category) && fits(q.Get("q"), c.ID, c.Title, c.Statement, c.MadeIn) {
			l.Rows = append(l.Rows, c)
		}
	}
	l.Filter = part.Filter{Action: "/commitments", Q: q.Get("q"), Hint: "Filter by text or id", Found: fmt.Sprintf("%d of %d", len(l.Rows), len(all)), Groups: []part.Choice{category}, Keep: map[string]string{"status": status}}
	p := Page{Title: "Commitments", Section: "/commitments", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Commitments"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return commitmentsPage(p, l) })
}

// keeps says how a promise stands by the controls it names: the worst of those in operation. What is not in operation can fail
// a promise and never keep it.
func keeps(controls []string, byKey map[string]controlState) (part.Status, string) {
	var of []part.Status
	waiting := 0
	for _, k := range controls {
		c, ok := byKey[k]
		switch {
		case !ok:
		case c.State == "active" || c.status == part.Failing || c.status == part.Attention:
			of = append(of, c.status)
		default:
			waiting++
		}
	}
	switch {
	case len(controls) == 0:
		return part.Unknown, "It names no control."
	case len(of) == 0:
		return part.Unknown, "None of its controls is in operation."
	case waiting > 0 && part.Worst(of...) == part.Passing:
		return part.Passing, part.Count(waiting, "control is", "controls are") + " not in operation yet."
	}
	return part.Worst(of...), ""
}

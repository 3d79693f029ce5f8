package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/record"
	"tickmark/internal/risk"
	"tickmark/internal/web/cycle"
	"tickmark/internal/web/part"
)

func (s *site) risks(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	for _, kind := range []string{"risk", "asset", "task"} {
		if err := s.may(ctx, kind); err != nil {
			return err
		}
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	matrix := segment(r, "tab") == "matrix"
	p := RiskPage{Whole: matrix, May: s.mayProgram(r) == nil, Left: q.Get("by") == "residual",
		Tabs: cycle.RiskTabs(map[bool]string{false: "/risks", true: "/risks/matrix"}[matrix])}
	due := map[string][]part.Link{}
	err = s.each(ctx, record.Query{Kind: "task", AsOf: at(ctx)}, func(v record.Version) error {
		var t struct{ Title, Risk, Due, State string }
		if err := json.Unmarshal(v.Body, &t); err != nil {
			return fmt.Errorf("read task %s: %w", v.Key, err)
		}
		if t.Risk != "" && t.State != "verified" && t.State != "cancelled" {
			due[t.Risk] = append(due[t.Risk], part.Link{Text: t.Title, Href: recordPath("task", v.Key), Note: t.Due})
		}
		return nil
	})
	if err != nil {
		return err
	}
	show := q.Get("show")
	of := map[string][]RiskRow{}
	var n struct{ above, undecided, treating, accepted int64 }
	total := 0
	err = s.each(ctx, record.Query{Kind: "risk", AsOf: at(ctx)}, func(v record.Version) error {
		var body map[string]any
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return fmt.Errorf("read risk %s: %w", v.Key, err)
		}
		x, err := risk.Of(body)
		if err != nil {
			return err
		}
		row := RiskRow{ID: v.Key, Title: x.Title, Href: recordPath("risk", v.Key), Owner: st.nameOf(x.Owner), State: riskState(x.State), Response: x.Response, Inherent: x.Inherent, Residual: x.Residual, Affects: x.Affects, Due: due[v.Key]}
		for _, c := range x.Controls {
			row.Controls = append(row.Controls, part.Link{Text: c, Href: part.Path("controls", c)})
		}
		if x.State == "accepted" {
			row.Until = x.Until
		}
		row.Level = part.Status(risk.Level(row.Rating()))
		if total++; x.State == "closed" {
			if show == "closed" {
				p.Rows = append(p.Rows, row)
			}
			return nil
		}
		undecided := x.State == "identified" || x.State == "analysed"
		above := risk.Above(row.Rating())
		if above {
			n.above++
		}
		switch {
		case undecided:
			n.undecided++
		case x.State == "treating" || x.State == "response_chosen":
			n.treating++
		case x.State == "accepted":
			n.accepted++
		}
		l, i := x.Likelihood, x.Impact
		if p.Left && x.Residual > 0 {
			l, i = x.ResidualL, x.ResidualI
		}
		if risk.Rate(l, i) > 0 {
			p.Map[l-1][i-1]++
		}
		for _, a := range x.Assets {
			of[a] = append(of[a], row)
		}
		if len(x.Assets) == 0 {
			p.Lost = append(p.Lost, row)
		}
		shown := map[string]bool{"": true, "above": above, "undecided": undecided, "treating": x.State == "treating" || x.State == "response_chosen", "accepted": x.State == "accepted"}
		if shown[show] && fits(q.Get("q"), v.Key, x.Title, x.Cause, strings.Join(x.Threats, " "), strings.Join(x.Weaknesses, " ")) {
			p.Rows = append(p.Rows, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.Any = total > 0
	worst := func(a, b RiskRow) int {
		if a.Rating() != b.Rating() {
			return b.Rating() - a.Rating()
		}
		return strings.Compare(a.ID, b.ID)
	}
	slices.SortFunc(p.Rows, worst)
	p.Cards = []part.Stat{
		{Word: "Above the accepted level", Icon: "triangle-alert", N: n.above, Href: "/risks?show=above", Current: show == "above"},
		{Word: "To decide", Icon: "circle-dot", N: n.undecided, Href: "/risks?show=undecided", Current: show == "undecided"},
		{Word: "In treatment", Icon: "clock", N: n.treating, Href: "/risks?show=treating", Current: show == "treating"},
		{Word: "Accepted for a time", Icon: "scale", N: n.accepted, Href: "/risks?show=accepted", Current: show == "accepted"},
	}
	p.Filter = part.Filter{Action: "/risks", Q: q.Get("q"), Hint: "Filter by text, threat or weakness", Found: fmt.Sprintf("%d of %d", len(p.Rows), total), Keep: map[string]string{"show": show}}
	if matrix {
		today := st.scope.Now.Format(time.DateOnly)
		err := s.each(ctx, record.Query{Kind: "asset", AsOf: at(ctx)}, func(v record.Version) error {
			a, err := risk.ReadAsset(v)
			if err != nil || !a.Held(today) {
				return err
			}
			row := AssetRow{ID: v.Key, Title: a.Title, Sort: a.Sort, Href: recordPath("asset", v.Key), Needs: [3]int{a.Confidentiality, a.Integrity, a.Availability}, Risks: of[v.Key]}
			slices.SortFunc(row.Risks, worst)
			p.Matrix = append(p.Matrix, row)
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(p.Matrix, func(a, b AssetRow) int { return strings.Compare(a.ID, b.ID) })
	}
	page := Page{Title: "Risks", Section: "/risks", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Risks"}}}
	return s.show(w, r, page, func(f Page) templ.Component { return risksPage(f, p) })
}

// riskState is the word for a risk's state: what is accepted here is not what is accepted of evidence.
func riskState(state string) part.Status {
	if state == "accepted" {
		return "risk_accepted"
	}
	return part.Status(state)
}

// orNone lets an asset without any risk have a row of its own.
func orNone(rows []RiskRow) []RiskRow {
	if len(rows) == 0 {
		return []RiskRow{{}}
	}
	return rows
}

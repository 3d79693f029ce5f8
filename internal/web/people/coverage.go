package people

import (
	"encoding/csv"
	"net/http"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/policy"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Covering is which policies speak for each criterion in scope.
type Covering struct {
	Cards  []part.Stat
	Filter part.Filter
	Rows   []policy.Covered
	Titles map[string]string // of policies and templates
}

func (s *Site) coverage(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, access.Read, "policy"); err != nil {
		return err
	}
	look := s.look(ctx)
	all, err := policy.Coverage(look)
	if err != nil {
		return err
	}
	if q.Get("as") == "csv" {
		return coverageCSV(w, all)
	}
	d := Covering{Titles: map[string]string{}}
	docs, err := look.All("policy")
	if err != nil {
		return err
	}
	library, err := policy.Templates()
	if err != nil {
		return err
	}
	for _, t := range library.Templates {
		d.Titles[t.ID] = t.Title
	}
	for _, v := range docs {
		d.Titles[v.Key] = v.Label
	}
	show, none := q.Get("show"), int64(0)
	for _, c := range all {
		if len(c.InForce) == 0 {
			none++
		} else if show == "none" {
			continue
		}
		d.Rows = append(d.Rows, c)
	}
	n := int64(len(all))
	d.Cards = []part.Stat{{Word: "Covered", Icon: "circle-check", N: n - none, Small: "of " + part.Number(n), Href: "/policies/coverage"}, {Word: "By none in force", Icon: "circle-alert", N: none, Href: "/policies/coverage?show=none", Current: show == "none"}}
	p := shell.Page{Title: "Criteria and policies", Section: "/policies", Crumbs: []part.Crumb{{Text: "Policies", Href: "/policies"}, {Text: "Criteria"}}}
	return s.Show(w, r, http.StatusOK, p, ShowCoverage(d))
}

func coverageCSV(w http.ResponseWriter, all []policy.Covered) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="criteria-and-policies.csv"`)
	rows := [][]string{{"criterion", "title", "in_force", "drafts", "suggested"}}
	for _, c := range all {
		rows = append(rows, []string{c.Criterion, plain(c.Title), strings.Join(c.InForce, " "), strings.Join(c.Drafts, " "), strings.Join(c.Suggested, " ")})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

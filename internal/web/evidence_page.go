package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"tickmark/internal/requirement"
	stands "tickmark/internal/standing"
	"tickmark/internal/web/part"
)

// EvidencePage shows every piece of evidence, or the requirements that something is missing of.
type EvidencePage struct {
	Cards    []part.Stat
	Filter   part.Filter
	Rows     []EvidenceRow
	Required []RequirementCard
	Any      bool
	Calendar bool // requirements are shown instead of pieces
	Pager    part.Pager
	Bulk     *Bulk
}

// evidenceShown is how many pieces a page lists.
const evidenceShown = 50

func (s *site) evidence(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "evidence"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	o, people, show := st.whole.Operation, s.namer(ctx), q.Get("show")
	v := EvidencePage{Any: len(o.Evidence)+len(o.Requirements) > 0, Calendar: contains([]string{"gaps", "due", "answered", "calendar"}, show)}
	criterion := part.Choice{Name: "criterion", Label: "Criterion", Value: q.Get("criterion"), Options: []part.Option{{Value: "", Text: "Every criterion"}}}
	for _, c := range st.criteria {
		criterion.Options = append(criterion.Options, part.Option{Value: c.ID, Text: c.ID})
	}
	serves := map[string]bool{} // controls that serve the criterion that was chosen
	for _, c := range st.controls {
		serves[c.Key] = criterion.Value == "" || contains(c.Criteria, criterion.Value)
	}
	var waiting, gaps, due, answered, all int64
	found := 0
	for _, e := range o.Evidence {
		if e.State == "received" {
			waiting++
		}
		if v.Calendar || show == "waiting" && e.State != "received" || criterion.Value != "" && !slices.ContainsFunc(e.Controls, func(c string) bool { return serves[c] }) || !fits(q.Get("q"), e.Title, e.Source, e.SHA256) {
			continue
		}
		found++
		v.Rows = append(v.Rows, pieceRow(e, people))
	}
	slices.SortFunc(v.Rows, func(a, b EvidenceRow) int { return cmp.Or(b.Received.Compare(a.Received), cmp.Compare(a.Key, b.Key)) })
	if !v.Calendar {
		if err := s.evidenceOfPage(r, &v); err != nil {
			return err
		}
	}
	for _, c := range st.controls {
		for _, need := range o.Requirements[c.Key] {
			all++
			gap, open, met := has(need, requirement.Gap), has(need, requirement.Open), isAnswered(need)
			if gap {
				gaps++
			}
			if open {
				due++
			}
			if met {
				answered++
			}
			if !v.Calendar || show == "gaps" && !gap || show == "due" && !open || show == "answered" && !met || !serves[c.Key] || !fits(q.Get("q"), need.Title, c.ID, c.Title) {
				continue
			}
			found++
			card := requirementCard(ctx, o, need, people)
			card.Control = part.Link{Text: c.ID, Href: part.Path("controls", c.Key, "evidence")}
			v.Required = append(v.Required, card)
		}
	}
	for _, c := range []struct {
		show, word, icon string
		n                int64
	}{{"", "Pieces of evidence", "folder-check", int64(len(o.Evidence))}, {"waiting", "Wait for review", "eye", waiting}, {"gaps", "Requirements with gaps", "circle-question-mark", gaps}, {"due", "Due next", "clock", due}, {"answered", "Requirements answered", "circle-check", answered}, {"calendar", "All requirements", "calendar-clock", all}} {
		href := "/evidence"
		if c.show != "" {
			href += "?show=" + c.show
		}
		v.Cards = append(v.Cards, part.Stat{Icon: c.icon, Word: c.word, N: c.n, Href: href, Current: show == c.show})
	}
	v.Filter = part.Filter{Action: "/evidence", Q: q.Get("q"), Hint: "Filter by text, source or hash", Found: fmt.Sprintf("%d found", found), Keep: map[string]string{"show": show}, Groups: []part.Choice{criterion}}
	p := Page{Title: "Evidence", Section: "/evidence", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Evidence"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return evidencePage(p, v) })
}

// evidenceOfPage leaves the rows of the page that the address asks for, with boxes where the reader may change something.
func (s *site) evidenceOfPage(r *http.Request, v *EvidencePage) error {
	all := part.Number(int64(len(v.Rows)))
	rows, next := pageAfter(v.Rows, r.URL.Query().Get("after"), evidenceShown, func(e EvidenceRow) string { return e.Key })
	v.Rows, v.Pager = rows, pagerOf(r, len(rows), next, "of "+all)
	k, err := s.Book.Kinds.Named("evidence")
	if err != nil {
		return err
	}
	if v.Bulk, err = s.bulkOf(r, k); err != nil || v.Bulk == nil {
		return err
	}
	picks, err := s.picks(r.Context(), "evidence")
	for i, e := range v.Rows {
		v.Rows[i].Pick = picks[e.Key]
	}
	return err
}

// pageAfter cuts a sorted list that is in memory: the rows after the one whose key is given, and the key that the next page
// begins after. A row that left the list meanwhile leads back to the first page.
func pageAfter[T any](all []T, after string, size int, key func(T) string) (shown []T, next string) {
	from := 0
	if after != "" {
		from = 1 + slices.IndexFunc(all, func(x T) bool { return key(x) == after })
	}
	to := min(from+size, len(all))
	if to < len(all) {
		next = key(all[to-1])
	}
	return all[from:to], next
}

func has(need stands.Requirement, state requirement.State) bool {
	return slices.ContainsFunc(need.Spans, func(x requirement.Span) bool { return x.State == state })
}

// isAnswered says that reviewed evidence covers all of a requirement that is due, and that something of it is.
func isAnswered(need stands.Requirement) bool {
	return has(need, requirement.Met) && !has(need, requirement.Gap) && !has(need, requirement.Waiting)
}

// required counts the evidence requirements of controls, and how many of them are answered.
func required(o *stands.Operation, controls []controlState) (answered, all int) {
	for _, c := range controls {
		for _, need := range o.Requirements[c.Key] {
			if all++; isAnswered(need) {
				answered++
			}
		}
	}
	return answered, all
}

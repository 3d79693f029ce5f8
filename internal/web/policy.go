package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

// lookAt is the records as they stand at the reader's moment.
func (s *site) lookAt(ctx context.Context) record.Look {
	if v := part.Of(ctx); v.Past() {
		return s.Book.LookAt(ctx, v.AsOf)
	}
	return s.Book.LookAt(ctx, time.Time{})
}

// names are the names of people by key.
func names(look record.Look) (map[string]string, error) {
	all, err := look.All("person")
	out := map[string]string{}
	for _, v := range all {
		out[v.Key] = cmp.Or(v.Label, v.Key)
	}
	return out, err
}

// writes says that the reader may write records of a kind, now.
func (s *site) writes(ctx context.Context, kind string) bool {
	k, err := s.Book.Kinds.Named(kind)
	return err == nil && !part.Past(ctx) && session(ctx).May(ctx, access.Write, k) == nil
}

func (s *site) policies(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "policy"); err != nil {
		return err
	}
	look := s.lookAt(ctx)
	all, err := policy.Summaries(look)
	if err != nil {
		return err
	}
	people, err := names(look)
	if err != nil {
		return err
	}
	tests := map[string]func(policy.Summary) bool{
		"approval": func(p policy.Summary) bool { return working(p, "pending_approval") || proposed(p) != nil },
		"review":   func(p policy.Summary) bool { return working(p, "in_review") },
		"draft":    func(p policy.Summary) bool { return working(p, "draft") },
		"due":      func(p policy.Summary) bool { return p.ReviewDue(look.At) && !p.Lapsed(look.At) },
		"past":     func(p policy.Summary) bool { return p.Lapsed(look.At) },
	}
	show := q.Get("show")
	if tests[show] == nil {
		show = ""
	}
	l := PolicyList{Any: len(all) > 0, Makes: s.writes(ctx, "policy")}
	for _, c := range []struct{ name, word, icon string }{{"approval", "Needs approval", "stamp"}, {"review", "In review", "eye"}, {"draft", "Drafts", "pencil"}, {"due", "Review due", "clock"}, {"past", "Past due", "circle-x"}} {
		st := part.Stat{Word: c.word, Icon: c.icon, Href: "/policies?show=" + c.name, Current: show == c.name}
		if st.Current {
			st.Href = "/policies"
		}
		for _, p := range all {
			if tests[c.name](p) {
				st.N++
			}
		}
		l.Cards = append(l.Cards, st)
	}
	sort := part.Choice{Name: "sort", Label: "Sort", Value: q.Get("sort"), Options: []part.Option{{Value: "", Text: "All documents"}, {Value: "policy", Text: "Policies"}, {Value: "procedure", Text: "Procedures"}, {Value: "standard", Text: "Standards"}, {Value: "plan", Text: "Plans"}}}
	begun := map[string]bool{}
	for _, p := range all {
		begun[p.Template] = true
		row := policyRow(p, people, look.At)
		if show != "" && !tests[show](p) || sort.Value != "" && p.Sort != sort.Value || !fits(q.Get("q"), p.Title, p.ID, row.Owner) {
			continue
		}
		l.Rows = append(l.Rows, row)
	}
	library, err := policy.Templates()
	if err != nil {
		return err
	}
	for _, t := range library.Templates {
		if !begun[t.ID] {
			l.Offered++
		}
	}
	l.Filter = part.Filter{Action: "/policies", Q: q.Get("q"), Hint: "Filter by text, id or owner", Found: fmt.Sprintf("%d of %d", len(l.Rows), len(all)), Keep: map[string]string{"show": show}, Groups: []part.Choice{sort}}
	p := Page{Title: "Policies", Section: "/policies", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Policies"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return policiesPage(p, l) })
}

func working(p policy.Summary, state string) bool {
	return p.Working != nil && p.Working.State == state
}

// proposed is a review without change that waits for its approval, of the text in force.
func proposed(p policy.Summary) *policy.Review {
	for i := range p.Reviews {
		if r := &p.Reviews[i]; r.State == "proposed" && p.InForce != nil && r.Version == p.InForce.Key {
			return r
		}
	}
	return nil
}

func policyRow(p policy.Summary, people map[string]string, now time.Time) PolicyRow {
	row := PolicyRow{ID: p.ID, Title: p.Title, Href: part.Path("policies", p.Key), Sort: p.Sort, Retired: p.State == "retired", Accepted: p.Accepted, Overdue: p.Overdue, Audience: len(p.Audience)}
	if p.Owner != "" {
		row.Owner = cmp.Or(people[p.Owner], p.Owner)
	}
	if p.Working != nil {
		row.Working, row.WorkingStatus, row.Status = p.Working.Number, part.Status(p.Working.State), part.Status(p.Working.State)
	}
	if p.InForce != nil {
		row.InForce, row.Since, row.Status, row.Review = p.InForce.Number, p.InForce.PublishedAt, "published", p.Approval.Through
		switch {
		case p.Lapsed(now):
			row.ReviewStatus = "overdue"
		case p.ReviewDue(now):
			row.ReviewStatus = "due"
		}
	}
	switch {
	case row.Retired:
		row.Status, row.Working = "retired", ""
	case row.Status == "":
		row.Status = "draft"
	}
	return row
}

// policyNew offers the templates, and a blank beginning.
func (s *site) policyNew(w http.ResponseWriter, r *http.Request) error {
	k, err := s.Book.Kinds.Named("policy")
	if err != nil {
		return err
	}
	if err := session(r.Context()).May(r.Context(), access.Write, k); err != nil {
		return err
	}
	return s.showNewPolicy(w, r, http.StatusOK, PolicyNew{})
}

func (s *site) showNewPolicy(w http.ResponseWriter, r *http.Request, status int, n PolicyNew) error {
	ctx, q := r.Context(), r.URL.Query()
	look := s.lookAt(ctx)
	docs, err := look.All("policy")
	if err != nil {
		return err
	}
	begun := map[string]string{}
	for _, v := range docs {
		d, err := policy.ReadDocument(v)
		if err != nil {
			return err
		}
		begun[d.Template] = v.Key
	}
	library, err := policy.Templates()
	if err != nil {
		return err
	}
	needed, other, have := TemplateGroup{Title: "Every company needs these"}, TemplateGroup{Title: "Needed in some cases"}, TemplateGroup{Title: "Begun already"}
	found := 0
	for _, t := range library.Templates {
		if !fits(q.Get("q"), t.Title, t.ID, strings.Join(t.Criteria, " "), strings.Join(t.Controls, " ")) {
			continue
		}
		found++
		row := TemplateRow{Template: t, Words: len(strings.Fields(t.Text)), Clauses: strings.Count(t.Text, "{#"), Begun: begun[t.ID]}
		switch {
		case row.Begun != "":
			have.Rows = append(have.Rows, row)
		case strings.HasPrefix(t.NeededWhen, "Always"):
			needed.Rows = append(needed.Rows, row)
		default:
			other.Rows = append(other.Rows, row)
		}
	}
	for _, g := range []TemplateGroup{needed, other, have} {
		if len(g.Rows) > 0 {
			n.Groups = append(n.Groups, g)
		}
	}
	n.Filter = part.Filter{Action: "/policies/new", Q: q.Get("q"), Hint: "Filter by text, control or criterion", Found: fmt.Sprintf("%d of %d", found, len(library.Templates))}
	p := Page{Title: "New policy", Section: "/policies", Crumbs: []part.Crumb{{Text: "Policies", Href: "/policies"}, {Text: "New"}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return policyNewPage(p, n) })
}

// policyBegin begins a policy from a template, or a blank one.
func (s *site) policyBegin(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ctx := r.Context()
	template, title, id := r.PostForm.Get("template"), strings.TrimSpace(r.PostForm.Get("title")), strings.TrimSpace(r.PostForm.Get("id"))
	var changes []record.Change
	var err error
	if template != "" {
		id = cmp.Or(id, template)
		changes, err = policy.Begin(s.Book.LookAt(ctx, time.Time{}), id, template)
	} else {
		changes, err = blankPolicy(id, title)
	}
	if err == nil {
		_, err = s.Book.Put(ctx, session(ctx), changes...)
	}
	if known(err) {
		return s.showNewPolicy(w, r, http.StatusUnprocessableEntity, PolicyNew{Wrong: sentenceOf(err), ID: id, Title: title})
	}
	if err != nil {
		return err
	}
	return done(w, r, part.Path("policies", id)+"/edit", "The draft is yours to tailor. It must promise only what is done.")
}

// everyEvent is what happened to a policy, its texts and its reviews, newest first.
func (s *site) everyEvent(ctx context.Context, p policy.Summary, people map[string]string) ([]part.Event, error) {
	var out []part.Event
	add := func(kind, key, what string) error {
		history, err := s.Book.History(ctx, kind, key)
		if err != nil {
			return err
		}
		state := ""
		for i, h := range history {
			if m := at(ctx); m != 0 && h.From > m {
				continue
			}
			now := stateOf(h)
			e := s.event(h)
			if name := people[strings.TrimPrefix(h.Actor, "person:")]; name != "" {
				e.By = name
			}
			e.What, e.Href = what+" changed", recordPath(kind, key)+"/history"
			switch {
			case i == 0:
				e.What = what + " begun"
			case now != state:
				e.What, e.Status = what, part.Status(now)
			}
			state = now
			out = append(out, e)
		}
		return nil
	}
	if err := add("policy", p.Key, "Policy"); err != nil {
		return nil, err
	}
	for _, v := range p.Versions {
		if err := add("policy_version", v.Key, "Version "+v.Number); err != nil {
			return nil, err
		}
	}
	for _, x := range p.Reviews {
		if err := add("policy_review", x.Key, "Review without change"); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b part.Event) int { return b.At.Compare(a.At) })
	return out, nil
}

package people

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/markdown"
	"tickmark/internal/training"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Catalogue is every module, with how everybody stands.
type Catalogue struct {
	Rows   []ModuleRow
	Begin  []part.Option // starter modules that are not here yet
	Writes bool
}

// ModuleRow is one module.
type ModuleRow struct {
	Title, Href, Topic, Audience, Rhythm      string
	State                                     part.Status
	Edition, Questions                        int
	People, Completed, Assigned, Overdue, Not int
}

func (s *Site) rowOf(m training.Module, all []training.Standing) ModuleRow {
	row := ModuleRow{Title: m.Title, Href: part.Path("training", m.Key), Topic: part.Sentence(m.Topic), Audience: part.Sentence(m.Audience), Rhythm: "Once", State: part.Status(m.State), Edition: m.Edition, Questions: len(m.Questions), People: len(all)}
	if m.Months > 0 {
		row.Rhythm = "Every " + part.Count(m.Months, "month")
	}
	for _, x := range all {
		switch x.State() {
		case "completed":
			row.Completed++
		case "assigned":
			row.Assigned++
		case "overdue":
			row.Overdue++
		default:
			row.Not++
		}
	}
	return row
}

func (s *Site) training(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, access.Read, "training_module"); err != nil {
		return err
	}
	look := s.look(ctx)
	modules, err := look.All("training_module")
	if err != nil {
		return err
	}
	people, err := training.People(look)
	if err != nil {
		return err
	}
	l := Catalogue{Writes: !part.Past(ctx) && s.may(ctx, access.Write, "training_module") == nil}
	have := map[string]bool{}
	for _, v := range modules {
		m, err := training.ReadModule(v)
		if err != nil {
			return err
		}
		have[m.Key] = true
		all, err := training.Standings(look, m, people)
		if err != nil {
			return err
		}
		l.Rows = append(l.Rows, s.rowOf(m, all))
	}
	starters, err := training.Templates()
	if err != nil {
		return err
	}
	for _, t := range starters {
		if !have[t.ID] {
			l.Begin = append(l.Begin, part.Option{Value: t.ID, Text: t.Title})
		}
	}
	slices.SortStableFunc(l.Rows, func(a, b ModuleRow) int { return strings.Compare(a.Title, b.Title) })
	p := shell.Page{Title: "Training", Section: "/training", Crumbs: []part.Crumb{{Text: "Company"}, {Text: "Training"}}}
	return s.Show(w, r, http.StatusOK, p, ShowTraining(l))
}

// begin begins a module from a starter.
func (s *Site) begin(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.Read(w, r); err != nil {
		return err
	}
	id := strings.TrimSpace(r.PostForm.Get("template"))
	changes, err := training.Begin(s.Book.LookAt(ctx, time.Time{}), id)
	if err != nil {
		return err
	}
	if _, err := s.Book.Put(ctx, s.Who(ctx), changes...); err != nil {
		return err
	}
	return s.Done(w, r, part.Path("training", id), "The module is a draft. Read it, change what does not fit, and publish it.")
}

// ModulePage shows one module, and how everybody stands with it.
type ModulePage struct {
	ModuleRow
	Key, Record string
	HTML        string
	Asked       []training.Question
	Filter      part.Filter
	Rows        []PersonStanding
	Pager       part.Pager
	Moves       []form.Move
	Facts       []part.Fact
	Writes      bool
}

// PersonStanding is how one person stands with it.
type PersonStanding struct {
	Name, Href, Due, Last string
	State                 part.Status
	Late                  bool
	Attempts              int
}

const pageSize = 50

func (s *Site) module(w http.ResponseWriter, r *http.Request) error {
	ctx, key, q := r.Context(), segment(r, "id"), r.URL.Query()
	if err := s.may(ctx, access.Read, "training_module"); err != nil {
		return err
	}
	look := s.look(ctx)
	v, err := look.Get("training_module", key)
	if err != nil {
		return err
	}
	m, err := training.ReadModule(v)
	if err != nil {
		return err
	}
	people, err := training.People(look)
	if err != nil {
		return err
	}
	all, err := training.Standings(look, m, people)
	if err != nil {
		return err
	}
	d := ModulePage{ModuleRow: s.rowOf(m, all), Key: key, Record: part.Path("records", "training_module", key), HTML: markdown.HTML(m.Text), Asked: m.Questions, Writes: !part.Past(ctx) && s.may(ctx, access.Write, "training_module") == nil}
	state, text := q.Get("state"), strings.ToLower(q.Get("q"))
	var fit []training.Standing
	for _, x := range all {
		if state != "" && x.State() != state || text != "" && !strings.Contains(strings.ToLower(x.Person.Name+" "+x.Person.ID), text) {
			continue
		}
		fit = append(fit, x)
	}
	from, err := strconv.Atoi(q.Get("after"))
	if err != nil || from < 0 || from > len(fit) {
		from = 0
	}
	to := min(from+pageSize, len(fit))
	for _, x := range fit[from:to] {
		row := PersonStanding{Name: x.Person.Name, Href: part.Path("people", x.Person.ID), Last: x.Last, State: part.Status(x.State()), Late: x.Late}
		if x.Open != nil {
			row.Due, row.Attempts = x.Open.Due, len(x.Open.Attempts)
		}
		d.Rows = append(d.Rows, row)
	}
	d.Pager = part.Pager{Shown: to - from, Note: "of " + part.Number(int64(len(fit)))}
	if to < len(fit) {
		next := *r.URL
		values := next.Query()
		values.Set("after", strconv.Itoa(to))
		next.RawQuery = values.Encode()
		d.Pager.Next = next.String()
	}
	d.Filter = part.Filter{Action: part.Path("training", key), Q: q.Get("q"), Hint: "Filter by name", Found: part.Number(int64(len(fit))) + " of " + part.Number(int64(len(all))), Groups: []part.Choice{
		{Name: "state", Label: "State", Value: state, Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "overdue", Text: "Overdue"}, {Value: "assigned", Text: "Open"}, {Value: "completed", Text: "Completed"}}}}}
	if d.Moves, err = s.Moves(ctx, v); err != nil {
		return err
	}
	d.Facts = []part.Fact{part.Say("Topic", d.Topic), part.Say("Audience", d.Audience), part.Say("Taken", d.Rhythm), part.Say("Pass mark", strconv.Itoa(m.Pass())+" percent"), part.Say("Edition", strconv.Itoa(m.Edition))}
	if m.AnewOn != "" {
		d.Facts = append(d.Facts, part.Say("Taken anew since", m.AnewOn))
	}
	p := shell.Page{Title: m.Title, Section: "/training", Crumbs: []part.Crumb{{Text: "Training", Href: "/training"}, {Text: m.Title}}}
	return s.Show(w, r, http.StatusOK, p, ShowModule(d))
}

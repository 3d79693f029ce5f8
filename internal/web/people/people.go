// Package people is the pages of who comes, changes and goes, of what people learn, and of what each answers for. The one rule: a page
// says what is proved and what is not, and who can do something about it.
package people

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/employment"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Site is the site around these pages, and the records that they show.
type Site struct {
	shell.Site
	Book *record.Book
}

// Routes are the addresses of these pages.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{
		"GET /people/changes":       s.changes,
		"GET /people/changes/{key}": s.change,
		"GET /people/duties/{id}":   s.duties,
		"GET /policies/coverage":    s.coverage,
		"GET /training":             s.training,
		"POST /training":            s.begin,
		"GET /training/{id}":        s.module,
	}
}

func (s *Site) may(ctx context.Context, verb, kind string) error {
	k, err := s.Book.Kinds.Named(kind)
	if err != nil {
		return err
	}
	return s.Who(ctx).May(ctx, verb, k)
}

func (s *Site) look(ctx context.Context) record.Look { return s.Book.LookAt(ctx, part.Of(ctx).AsOf) }

func segment(r *http.Request, name string) string { return part.Segment(r.PathValue(name)) }

// names are the names of people by key.
func names(look record.Look) (map[string]string, error) {
	all, err := look.All("person")
	out := map[string]string{}
	for _, v := range all {
		out[v.Key] = cmp.Or(v.Label, v.Key)
	}
	return out, err
}

func today(ctx context.Context) string {
	v := part.Of(ctx)
	return v.Moment().In(v.Zone).Format("2006-01-02")
}

// Changes lists who comes, changes and goes.
type Changes struct {
	Cards  []part.Stat
	Filter part.Filter
	Rows   []ChangeRow
	Any    bool
}

// ChangeRow is one event.
type ChangeRow struct {
	Href, Name, Person, Sort, On string
	State                        part.Status
	Steps, Done, Late            int
	Accounts, Open               int    // of a leaver: accounts known, and those not proved to be closed
	Left                         string // the first thing that stands in the way
}

func (s *Site) changes(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, access.Read, "employment_change"); err != nil {
		return err
	}
	look := s.look(ctx)
	all, err := look.All("employment_change")
	if err != nil {
		return err
	}
	who, err := names(look)
	if err != nil {
		return err
	}
	l := Changes{Any: len(all) > 0}
	sort, state := q.Get("sort"), q.Get("state")
	if !q.Has("state") {
		state = "open"
	}
	count := map[string]int64{}
	for _, v := range all {
		c, err := employment.Read(v)
		if err != nil {
			return err
		}
		if c.State == "open" {
			count[c.Sort]++
		}
		if sort != "" && c.Sort != sort || state != "" && c.State != state {
			continue
		}
		row, err := s.row(ctx, look, c, who)
		if err != nil {
			return err
		}
		l.Rows = append(l.Rows, row)
	}
	slices.SortStableFunc(l.Rows, func(a, b ChangeRow) int { return cmp.Or(strings.Compare(b.On, a.On), strings.Compare(a.Name, b.Name)) })
	for _, x := range []struct{ sort, word, icon string }{{"joiner", "Joining", "plus"}, {"mover", "Changing", "refresh-cw"}, {"leaver", "Leaving", "log-out"}} {
		l.Cards = append(l.Cards, part.Stat{Word: x.word, Icon: x.icon, N: count[x.sort], Small: "open", Href: "/people/changes?sort=" + x.sort, Current: sort == x.sort})
	}
	l.Filter = part.Filter{Action: "/people/changes", NoWords: true, Found: part.Number(int64(len(l.Rows))) + " of " + part.Number(int64(len(all))), Groups: []part.Choice{
		{Name: "sort", Label: "What", Value: sort, Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "joiner", Text: "Joiners"}, {Value: "mover", Text: "Movers"}, {Value: "leaver", Text: "Leavers"}}},
		{Name: "state", Label: "State", Value: state, Options: []part.Option{{Value: "open", Text: "Open"}, {Value: "closed", Text: "Closed"}, {Value: "withdrawn", Text: "Withdrawn"}, {Value: "", Text: "Any state"}}}}}
	p := shell.Page{Title: "Who joins, changes, leaves", Section: "/people", Crumbs: []part.Crumb{{Text: "People", Href: "/people"}, {Text: "Joining, changing, leaving"}}}
	return s.Show(w, r, http.StatusOK, p, ShowChanges(l))
}

// Step is one task of an event.
type Step struct {
	Title, Href, Owner, Due string
	State                   part.Status
	Late                    bool
}

func (s *Site) steps(ctx context.Context, look record.Look, c employment.Change, who map[string]string) ([]Step, []record.Version, error) {
	list, err := look.Find("task", "person", c.Person)
	if err != nil {
		return nil, nil, err
	}
	list = slices.DeleteFunc(list, func(v record.Version) bool { return !strings.HasPrefix(v.Key, c.Key+"-") })
	var out []Step
	now := today(ctx)
	for _, v := range list {
		var t struct {
			Title, Owner, Due, State string
			Overdue                  string `json:"overdue_since"`
		}
		if err := json.Unmarshal(v.Body, &t); err != nil {
			return nil, nil, err
		}
		x := Step{Title: t.Title, Href: part.Path("records", "task", v.Key), Owner: cmp.Or(who[t.Owner], "Nobody yet"), Due: t.Due, State: part.Status(t.State)}
		x.Late = t.Overdue != "" || (t.State == "open" || t.State == "in_progress") && t.Due < now
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Or(strings.Compare(a.Due, b.Due), strings.Compare(a.Title, b.Title)) })
	return out, list, nil
}

func (s *Site) row(ctx context.Context, look record.Look, c employment.Change, who map[string]string) (ChangeRow, error) {
	row := ChangeRow{Href: part.Path("people", "changes", c.Key), Name: cmp.Or(who[c.Person], c.Person), Person: part.Path("people", c.Person), Sort: c.Sort, On: c.On, State: part.Status(c.State)}
	steps, tasks, err := s.steps(ctx, look, c, who)
	if err != nil {
		return row, err
	}
	for _, x := range steps {
		row.Steps++
		switch {
		case x.State == "verified" || x.State == "cancelled":
			row.Done++
		case x.Late:
			row.Late++
		}
	}
	for _, p := range c.Proofs {
		if p.Account != "" {
			row.Accounts++
		}
		if c.Sort == "leaver" && !p.Proved() {
			row.Open++
		}
	}
	if c.State == "open" {
		open, err := s.blocks(look, c, tasks)
		if err != nil {
			return row, err
		}
		if len(open) > 0 {
			row.Left = open[0]
		}
	}
	return row, nil
}

// blocks are all that stands in the way of closing an event, in words.
func (s *Site) blocks(look record.Look, c employment.Change, tasks []record.Version) ([]string, error) {
	left, err := employment.Left(look, c.Sort, c.Person, func() ([]record.Version, error) { return tasks, nil })
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return append(c.Blocks(), left...), err
}

// ChangePage shows one event.
type ChangePage struct {
	ChangeRow
	Key     string
	Title   string
	Record  string
	Steps   []Step
	Proofs  []ProofRow
	Systems int
	Unread  int
	Blocks  []string
	Moves   []form.Move
	Facts   []part.Fact
	Looked  bool
}

// ProofRow is what one source shows.
type ProofRow struct {
	employment.Proof
	Leaver bool
}

func (s *Site) change(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "key")
	if err := s.may(ctx, access.Read, "employment_change"); err != nil {
		return err
	}
	look := s.look(ctx)
	v, err := look.Get("employment_change", key)
	if err != nil {
		return err
	}
	c, err := employment.Read(v)
	if err != nil {
		return err
	}
	who, err := names(look)
	if err != nil {
		return err
	}
	d := ChangePage{Key: key, Title: cmp.Or(v.Label, key), Record: part.Path("records", "employment_change", key), Looked: !c.LookedAt.IsZero()}
	if d.ChangeRow, err = s.row(ctx, look, c, who); err != nil {
		return err
	}
	steps, tasks, err := s.steps(ctx, look, c, who)
	if err != nil {
		return err
	}
	d.Steps = steps
	if c.State == "open" {
		if d.Blocks, err = s.blocks(look, c, tasks); err != nil {
			return err
		}
	}
	for _, p := range c.Proofs {
		d.Proofs = append(d.Proofs, ProofRow{p, c.Sort == "leaver"})
	}
	if c.Systems != nil {
		d.Systems = *c.Systems
	}
	if c.Unread != nil {
		d.Unread = *c.Unread
	}
	if d.Moves, err = s.Moves(ctx, v); err != nil {
		return err
	}
	days := map[string]string{"joiner": "First day", "mover": "Day of the change", "leaver": "Last working day"}
	d.Facts = []part.Fact{part.Say(days[c.Sort], c.On)}
	add := func(name, value string) {
		if value != "" {
			d.Facts = append(d.Facts, part.Say(name, value))
		}
	}
	add("Last working time", c.LastWorked)
	add("Entered on", c.ToldOn)
	add("First access seen", c.FirstAccess)
	add("Manager before", who[c.Was.Manager])
	add("Manager now", who[c.Became.Manager])
	add("Position before", c.Was.Title)
	add("Position now", c.Became.Title)
	add("Rights confirmed by", who[c.ConfirmedBy])
	add("Closed by", who[c.ClosedBy])
	add("Withdrawn because", c.Withdrawn)
	p := shell.Page{Title: d.Title, Section: "/people", Crumbs: []part.Crumb{{Text: "People", Href: "/people"}, {Text: "Joining, changing, leaving", Href: "/people/changes"}, {Text: d.Title}}}
	return s.Show(w, r, http.StatusOK, p, ShowChange(d))
}

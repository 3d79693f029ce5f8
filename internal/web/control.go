package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/approval"
	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
	stands "tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/web/chart"
	"tickmark/internal/web/part"
)

func (s *site) controls(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "control"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	f := controlFilter(r, st)
	l := ControlList{Current: f.status}
	weeks, err := s.weeks(ctx, st)
	if err != nil {
		return err
	}
	k, err := s.Book.Kinds.Named("control")
	if err != nil {
		return err
	}
	if l.Bulk, err = s.bulkOf(r, k); err != nil {
		return err
	}
	var picks map[string]string
	if l.Bulk != nil {
		if picks, err = s.picks(ctx, "control"); err != nil {
			return err
		}
	}
	for _, c := range st.controls {
		l.Counts.Add(c.status)
		if f.fits(st, c) {
			row := controlRow(st, c)
			row.Weeks, row.Pick = weeks(c), picks[c.Key]
			l.Rows = append(l.Rows, row)
		}
	}
	items, adopted, err := s.offered(st, nil)
	if err != nil {
		return err
	}
	l.Offered = len(items) - adopted
	l.Filter = f.bar("/controls", fmt.Sprintf("%d of %d", len(l.Rows), len(st.controls)))
	p := Page{Title: "Controls", Section: "/controls", Crumbs: []part.Crumb{{Text: "Program"}, {Text: "Controls"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return controlsPage(p, l) })
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func controlRow(st *standing, c controlState) ControlRow {
	return ControlRow{ID: c.ID, Title: c.Title, Href: part.Path("controls", c.Key), Status: c.status, Criteria: c.Criteria, Category: c.Family, Owner: st.people[c.Owner],
		Frequency: c.Frequency, Checks: c.results, Evidence: st.evidence[c.Key], State: part.Status(c.State)}
}

// controlChoice is what a list of controls is cut down to; all of it is in the address.
type controlChoice struct {
	q, status, owner, criterion, family, stage, category, state string
	groups                                                      []part.Choice
}

func controlFilter(r *http.Request, st *standing) controlChoice {
	q := r.URL.Query()
	f := controlChoice{q: q.Get("q"), status: q.Get("status"), owner: q.Get("owner"), criterion: q.Get("criterion"), family: q.Get("family"), stage: q.Get("stage"), category: q.Get("category"), state: q.Get("state")}
	owner := part.Choice{Name: "owner", Label: "Owner", Value: f.owner, Options: []part.Option{{Value: "", Text: "All owners"}, {Value: "none", Text: "Without owner"}}}
	for _, key := range slices.Sorted(keysOf(st.people)) {
		owner.Options = append(owner.Options, part.Option{Value: key, Text: st.people[key]})
	}
	choose := func(name, label, all, value string, options []string) part.Choice {
		c := part.Choice{Name: name, Label: label, Value: value, Options: []part.Option{{Value: "", Text: all}}}
		for _, o := range options {
			c.Options = append(c.Options, part.Option{Value: o, Text: part.Status(o).Word()})
		}
		return c
	}
	var families []string
	for _, c := range st.controls {
		if c.Family != "" && !contains(families, c.Family) {
			families = append(families, c.Family)
		}
	}
	slices.Sort(families)
	f.groups = []part.Choice{part.StatusChoice(f.status), owner, choose("category", "Category", "All categories", f.category, framework.Categories()), choose("family", "Family", "All families", f.family, families),
		choose("stage", "Stage", "Any stage", f.stage, control.Stages()), choose("state", "State", "Any state", f.state, []string{"draft", "approved", "approved_by_author", "active"})}
	return f
}

func (f controlChoice) fits(st *standing, c controlState) bool {
	switch {
	case f.status != "" && f.status != string(c.status), f.criterion != "" && !contains(c.Criteria, f.criterion), f.family != "" && f.family != c.Family,
		f.stage != "" && f.stage != c.Stage, f.state != "" && f.state != c.State, f.owner == "none" && c.Owner != "", f.owner != "" && f.owner != "none" && f.owner != c.Owner,
		f.category != "" && !slices.ContainsFunc(c.Criteria, func(id string) bool { return framework.CategoryOf(id) == f.category }):
		return false
	}
	return fits(f.q, c.ID, c.Title, c.Family, st.people[c.Owner])
}

func (f controlChoice) bar(action, found string) part.Filter {
	return part.Filter{Action: action, Q: f.q, Hint: "Filter by text, id or owner", Found: found, Groups: f.groups, Keep: map[string]string{"criterion": f.criterion}}
}

// weeksDrawn is how many weeks the list of controls draws.
const weeksDrawn = 12

// weeks draws how a control stood in the last weeks.
func (s *site) weeks(ctx context.Context, st *standing) (func(controlState) string, error) {
	span := calendar.Span{From: st.whole.Today.AddDate(0, 0, 1-7*weeksDrawn), To: st.whole.Today}
	courses, err := stands.Follow(ctx, s.Monitor, st.whole.Operation, span)
	if err != nil {
		return nil, err
	}
	return func(c controlState) string {
		var n part.Counts
		var classes []string
		for _, cell := range st.whole.Cells(c.Key, span, courses, weeksDrawn) {
			if cell.Status != "" {
				n.Add(statusOf(cell.Status))
			}
			classes = append(classes, classOf(cell.Status))
		}
		said := part.Said(n)
		if n.Total() == 0 {
			said = "nothing judged"
		}
		return chart.Weeks("Twelve weeks: "+said, classes)
	}, nil
}

func (s *site) control(w http.ResponseWriter, r *http.Request) error {
	ctx, key, tab := r.Context(), segment(r, "id"), r.PathValue("tab")
	if !slices.ContainsFunc(controlTabs, func(t struct{ tab, text string }) bool { return t.tab == tab }) {
		return noPage(r)
	}
	if err := s.may(ctx, "control"); err != nil {
		return err
	}
	v, err := s.Book.Get(ctx, "control", key, at(ctx))
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			if item, ok := starter(key); ok {
				return fault.New(fault.NotFound, "The control %s, %q, is in the catalogue and not adopted here.", item.ID, item.Title).WithNext("Adopt it from the catalogue first.")
			}
		}
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	var body struct {
		ID, Title, Statement, Family, Frequency, Nature, Type, Owner, State string
		OwnerRole                                                           string `json:"owner_role"`
		ApprovedBy                                                          string `json:"approved_by"`
		LateReviewedBy                                                      string `json:"late_reviewed_by"`
		Criteria, Evidence                                                  []string
		Events                                                              control.Events
	}
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return fmt.Errorf("read control %s: %w", key, err)
	}
	c := ControlPage{ID: cmp.Or(body.ID, key), Title: body.Title, Statement: body.Statement, OwnerRole: body.OwnerRole, Frequency: body.Frequency, Nature: body.Nature,
		Manner: body.Type, Category: body.Family, Expected: body.Evidence, Record: recordPath("control", key), Key: key, Tab: tab}
	people, o := s.namer(ctx), st.whole.Operation
	for _, id := range body.Criteria {
		c.Criteria = append(c.Criteria, part.Link{Text: id, Href: part.Path("criteria", id)})
	}
	if body.Owner != "" {
		c.Owner = cmp.Or(st.people[body.Owner], body.Owner)
	}
	i := slices.IndexFunc(st.controls, func(x controlState) bool { return x.Key == key })
	if i < 0 { // retired: it is still shown, and judged by nothing
		c.Answer = part.Answer{Status: part.Unknown, Why: "This control is retired, so nothing is judged by it.", Since: v.From.Time()}
	} else {
		c.Answer = controlAnswer(st.controls[i])
		for _, k := range st.controls[i].checks {
			c.Checks = append(c.Checks, checkRow(s, k))
		}
	}
	if c.Moves, err = s.moves(ctx, v); err != nil {
		return err
	}
	c.State = part.Status(body.State)
	for _, e := range o.EvidenceOf(key) {
		c.Evidence = append(c.Evidence, pieceRow(o.Evidence[e], people))
	}
	slices.SortFunc(c.Evidence, func(a, b EvidenceRow) int { return cmp.Or(b.Received.Compare(a.Received), cmp.Compare(a.Key, b.Key)) })
	if err := s.each(ctx, record.Query{Kind: "finding", AsOf: at(ctx), Where: quoted(c.ID) + " in r.controls"}, func(v record.Version) error {
		row, err := s.findingRow(ctx, v)
		c.Findings = append(c.Findings, row)
		return err
	}); err != nil {
		return err
	}
	if err := s.governing(ctx, &c); err != nil {
		return err
	}
	if i >= 0 {
		k := st.controls[i]
		if k.Approval != "" {
			c.Approval = "Approved by " + people(body.ApprovedBy) + "."
		}
		switch k.Approval {
		case approval.ByAuthor:
			c.Approval = fmt.Sprintf("Approved by its author, %s, and by no second person; later review due %s.", people(body.ApprovedBy), k.ReviewDue)
		case approval.LaterReview:
			c.Approval = fmt.Sprintf("Approved by its author, %s, and by no second person; reviewed later by %s.", people(body.ApprovedBy), people(body.LateReviewedBy))
		}
		c.readiness(k, calendar.Text(o.Today))
		exceptions, err := s.exceptionsOf(ctx, key)
		if err != nil {
			return err
		}
		c.notCounted(k, o, exceptions)
	}
	c.Tested = howOften(c.Frequency, body.Events, o)
	c.CalledFor = s.calledFor(c.Frequency, c.Manner, body.Events)
	c.performances(ctx, o, people)
	c.required(ctx, o, people)
	if tab == "time" && i >= 0 {
		if c.Time, err = s.effect(ctx, r, key, part.Path("controls", key, "time")); err != nil {
			return err
		}
	}
	c.Tabs = controlTabsOf(key, tab, map[string]int{"checks": len(c.Checks), "occurrences": len(c.Done), "evidence": len(c.Evidence), "policies": len(c.Policies), "findings": len(c.Findings)})
	history, err := s.Book.History(ctx, "control", key)
	if err != nil {
		return err
	}
	for i := len(history) - 1; i >= 0 && len(c.History) < 4; i-- {
		if m := at(ctx); m != 0 && history[i].From > m {
			continue
		}
		e := s.event(history[i])
		e.What, e.Href = "Changed", ""
		if i == 0 {
			e.What = "Written"
		}
		c.History = append(c.History, e)
	}
	p := Page{Title: c.ID + " " + c.Title, Section: "/controls", Crumbs: []part.Crumb{{Text: "Controls", Href: "/controls"}, {Text: c.ID}}}
	return s.show(w, r, p, func(p Page) templ.Component { return controlPage(p, c) })
}

// smallTeam says whether the organisation said that nobody in it is independent.
func (s *site) smallTeam(ctx context.Context) bool {
	var o struct {
		SmallTeam bool `json:"small_team"`
	}
	v, err := s.Book.Get(ctx, "organisation", organisation.Key, at(ctx))
	return err == nil && json.Unmarshal(v.Body, &o) == nil && o.SmallTeam
}

// governing are the policies that a control carries out.
func (s *site) governing(ctx context.Context, c *ControlPage) error {
	list, err := s.Book.Find(ctx, s.Book.DB, "policy", "controls", c.Key, at(ctx))
	for _, v := range list {
		var b struct{ State string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return err
		}
		c.Policies = append(c.Policies, part.Link{Text: cmp.Or(v.Label, v.Key), Href: s.pathOf("policy", v.Key), Status: part.Status(b.State)})
	}
	return err
}

// exceptionsOf are the approved departures from a control that have not ended.
func (s *site) exceptionsOf(ctx context.Context, key string) ([]part.Link, error) {
	list, err := s.Book.Find(ctx, s.Book.DB, "exception", "control", key, at(ctx))
	var out []part.Link
	for _, v := range list {
		var b struct{ State string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return nil, err
		}
		if b.State == "active" || b.State == "approved" {
			out = append(out, part.Link{Text: cmp.Or(v.Label, v.Key), Href: recordPath("exception", v.Key)})
		}
	}
	return out, err
}

func controlAnswer(c controlState) part.Answer {
	a := part.Answer{Status: c.status, Why: c.why}
	for _, p := range c.parts {
		if !p.Nothing && statusOf(p.Status) == c.status && p.Name != "checks" {
			a.From = append(a.From, part.Link{Text: part.Sentence(p.Name), Href: part.Path("controls", c.Key, p.Name), Note: p.Reason})
			if !p.Since.IsZero() && (a.Since.IsZero() || p.Since.Before(a.Since)) {
				a.Since = p.Since
			}
		}
	}
	if missed(c.parts) {
		a.Next = append(a.Next, part.Link{Text: "Open its performances", Href: part.Path("controls", c.Key, "occurrences"), Note: "Record what was done late."})
	}
	for _, k := range c.checks {
		if k.status == c.status {
			a.From = append(a.From, part.Link{Text: k.ID, Href: part.Path("checks", k.ID), Note: k.Title})
			if k.Evaluated != 0 && (a.Since.IsZero() || k.Evaluated.Time().Before(a.Since)) {
				a.Since = k.Evaluated.Time()
			}
		}
	}
	if len(a.From) > 4 {
		a.From = append(a.From[:4], part.Link{Text: fmt.Sprintf("and %d more", len(a.From)-4), Href: "#checks"})
	}
	switch {
	case len(a.Next) > 0:
	case partNamed(c.parts, "evidence").Bad > 0:
		a.Next = []part.Link{{Text: "Hand in evidence", Href: part.Path("controls", c.Key, "evidence"), Note: "Its calendar shows what is missing."}}
	case untold(c.parts):
		a.Next = []part.Link{{Text: "Say what calls for it", Href: recordPath("control", c.Key) + "/edit", Note: "Until then nobody knows whether it was done each time."}}
	case len(c.checks) == 0 && c.status == part.Unknown:
		a.Next = []part.Link{{Text: "Add evidence", Href: "/new/evidence?control=" + c.Key, Note: "No check watches it."}}
	case c.status == part.Failing || c.status == part.Attention:
		for _, k := range c.checks {
			if k.finding != "" && k.status == c.status {
				l := part.Link{Text: "Fix " + k.ID, Href: part.Path("findings", k.finding)}
				if !k.due.IsZero() {
					l.Note = "due " + k.due.Add(-time.Second).Format("2 Jan 2006")
				}
				a.Next = append(a.Next, l)
			}
		}
		if a.Next == nil {
			a.Next = []part.Link{{Text: "Open " + a.From[0].Text, Href: a.From[0].Href}}
		}
	case c.status == part.Unknown:
		for _, k := range c.checks {
			if k.status == part.Unknown {
				a.Next = []part.Link{{Text: "Open " + k.ID, Href: part.Path("checks", k.ID), Note: k.Reason}}
				break
			}
		}
	}
	if c.Owner == "" {
		a.Next = append(a.Next, part.Link{Text: "Name an owner", Href: recordPath("control", c.Key) + "/edit"})
	}
	return a
}

// eventsOf are what calls for a starter control.
func eventsOf(i control.Item) control.Events {
	if i.Events == nil {
		return control.Events{}
	}
	return *i.Events
}

// untold reports whether nothing tells when a control is called for.
func untold(parts []stands.Part) bool {
	p := partNamed(parts, "occurrences")
	return p.Status == check.Unknown && !p.Nothing && p.Of == 0
}

var catalogueOnce = sync.OnceValues(control.Catalogue)

func starter(id string) (control.Item, bool) {
	items, err := catalogueOnce()
	if err != nil {
		return control.Item{}, false
	}
	i := slices.IndexFunc(items, func(i control.Item) bool { return i.ID == id })
	if i < 0 {
		return control.Item{}, false
	}
	return items[i], true
}

// offered are the catalogue's controls that want names, with how many of all are adopted.
func (s *site) offered(st *standing, want func(control.Item) bool) (rows []CatalogueRow, adopted int, err error) {
	items, err := catalogueOnce()
	if err != nil {
		return nil, 0, err
	}
	have := map[string]bool{}
	for _, c := range st.controls {
		have[c.ID] = true
	}
	for _, i := range items {
		if have[i.ID] {
			adopted++
		}
		if want == nil || want(i) {
			rows = append(rows, CatalogueRow{ID: i.ID, Title: i.Title, Statement: i.Statement, Criteria: i.Criteria, Category: i.Family, Stage: i.Stage, Frequency: i.Frequency, Adopted: have[i.ID], Tested: howOften(i.Frequency, eventsOf(i), st.whole.Operation)})
		}
	}
	return rows, adopted, nil
}

func (s *site) catalogue(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, "control"); err != nil {
		return err
	}
	st, err := s.stand(ctx)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	stage := part.Choice{Name: "stage", Label: "Stage", Value: q.Get("stage"), Options: []part.Option{{Value: "", Text: "Any stage"}}}
	for _, x := range control.Stages() {
		stage.Options = append(stage.Options, part.Option{Value: x, Text: "Needed from " + x})
	}
	needed := part.Choice{Name: "categories", Label: "Categories", Value: q.Get("categories"), Options: []part.Option{{Value: "", Text: "Any category"}}}
	var categories []string
	if p := st.scope.Period; p != nil {
		needed.Options = append(needed.Options, part.Option{Value: "period", Text: "In the categories of the period"})
		if needed.Value == "period" {
			categories = p.Categories
		}
	}
	state := part.Choice{Name: "adopted", Label: "Adopted", Value: q.Get("adopted"), Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "no", Text: "Not adopted"}, {Value: "yes", Text: "Adopted"}}}
	items, err := catalogueOnce()
	if err != nil {
		return err
	}
	c := Catalogue{Total: len(items)}
	rows, adopted, err := s.offered(st, func(i control.Item) bool {
		return fits(q.Get("q"), i.ID, i.Title, i.Family, i.Statement) && (stage.Value == "" || stage.Value == i.Stage) && i.Wanted("", categories) && (q.Get("criterion") == "" || contains(i.Criteria, q.Get("criterion")))
	})
	if err != nil {
		return err
	}
	for _, x := range rows {
		if state.Value == "" || (state.Value == "yes") == x.Adopted {
			c.Rows = append(c.Rows, x)
		}
	}
	c.Adopted = adopted
	c.Filter = part.Filter{Action: "/catalogue", Q: q.Get("q"), Hint: "Filter by text or id", Found: fmt.Sprintf("%d of %d", len(c.Rows), c.Total), Groups: []part.Choice{state, stage, needed}, Keep: map[string]string{"criterion": q.Get("criterion")}}
	p := Page{Title: "Catalogue", Section: "/controls", Crumbs: []part.Crumb{{Text: "Controls", Href: "/controls"}, {Text: "Catalogue"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return cataloguePage(p, c) })
}

// adopt makes the organisation's own copy of a starter control.
func (s *site) adopt(w http.ResponseWriter, r *http.Request) error {
	id := segment(r, "id")
	if err := s.adoptAll(r.Context(), id); err != nil {
		return err
	}
	said := id + " is adopted. It is yours to tailor now."
	if st, err := s.stand(r.Context()); err == nil {
		if i := slices.IndexFunc(st.controls, func(c controlState) bool { return c.Key == id }); i >= 0 {
			c, n := st.controls[i], len(st.whole.Requirements[id])
			item, _ := starter(id)
			said += " " + howOften(c.Frequency, eventsOf(item), st.whole.Operation) + "; " + part.Count(n, "piece of evidence is", "pieces of evidence are") + " asked for."
		}
	}
	return done(w, r, part.Path("controls", id), said)
}

// adoptChosen adopts several at once: all of them, or none.
func (s *site) adoptChosen(w http.ResponseWriter, r *http.Request) error {
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(r.PostForm["id"])))
	if len(ids) == 0 {
		return fault.New(fault.Invalid, "No control was chosen.").WithNext("Go back and tick the controls that you mean.")
	}
	if err := s.adoptAll(r.Context(), ids...); err != nil {
		return err
	}
	return done(w, r, "/controls", part.Count(len(ids), "control is", "controls are")+" adopted as "+part.Count(len(ids), "draft", "drafts")+", yours to tailor now.")
}

func (s *site) adoptAll(ctx context.Context, ids ...string) error {
	var changes []record.Change
	none := store.Moment(0)
	for _, id := range ids {
		item, ok := starter(id)
		if !ok {
			return fault.New(fault.NotFound, "The catalogue has no control %q.", id)
		}
		if v, err := s.Book.Get(ctx, "control", item.ID, 0); err == nil && readBody(v.Body)[record.StateField] == "retired" {
			changes = append(changes, record.Change{Kind: "control", Key: item.ID, Move: "readopt", Reason: "adopted again from the catalogue"})
			continue
		} else if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		body, err := control.Adopt(item)
		if err != nil {
			return err
		}
		changes = append(changes, record.Change{Kind: "control", Key: item.ID, Body: body, Reason: "adopted from the catalogue", If: &none})
	}
	_, err := s.Book.Put(ctx, session(ctx), changes...)
	return err
}

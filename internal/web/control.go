package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
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
	q := r.URL.Query()
	l := ControlList{Current: q.Get("status")}
	owner := part.Choice{Name: "owner", Label: "Owner", Value: q.Get("owner"), Options: []part.Option{{Value: "", Text: "All owners"}, {Value: "none", Text: "Without owner"}}}
	criterion := q.Get("criterion")
	for _, key := range slices.Sorted(keysOf(st.people)) {
		owner.Options = append(owner.Options, part.Option{Value: key, Text: st.people[key]})
	}
	for _, c := range st.controls {
		l.Counts.Add(c.status)
		if l.Current != "" && l.Current != string(c.status) || criterion != "" && !contains(c.Criteria, criterion) || !fits(q.Get("q"), c.ID, c.Title, c.Family, st.people[c.Owner]) {
			continue
		}
		if owner.Value == "none" && c.Owner != "" || owner.Value != "" && owner.Value != "none" && owner.Value != c.Owner {
			continue
		}
		l.Rows = append(l.Rows, controlRow(st, c))
	}
	items, adopted, err := s.offered(st, nil)
	if err != nil {
		return err
	}
	l.Offered = len(items) - adopted
	l.Filter = part.Filter{Action: "/controls", Q: q.Get("q"), Hint: "Filter by text, id or owner", Found: fmt.Sprintf("%d of %d", len(l.Rows), len(st.controls)),
		Groups: []part.Choice{part.StatusChoice(l.Current), owner}, Keep: map[string]string{"criterion": criterion}}
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
		Frequency: c.Frequency, Checks: c.results, Evidence: st.evidence[c.Key]}
}

func (s *site) control(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "id")
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
		Criteria, Evidence                                                  []string
	}
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return fmt.Errorf("read control %s: %w", key, err)
	}
	c := ControlPage{ID: cmp.Or(body.ID, key), Title: body.Title, Statement: body.Statement, OwnerRole: body.OwnerRole, Frequency: body.Frequency, Nature: body.Nature,
		Manner: body.Type, Category: body.Family, Expected: body.Evidence, Record: recordPath("control", key)}
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
	if err := s.each(ctx, record.Query{Kind: "evidence", AsOf: at(ctx), Where: quoted(key) + " in r.controls"}, func(v record.Version) error {
		row, err := evidenceRow(v)
		c.Evidence = append(c.Evidence, row)
		return err
	}); err != nil {
		return err
	}
	if err := s.each(ctx, record.Query{Kind: "finding", AsOf: at(ctx), Where: quoted(c.ID) + " in r.controls"}, func(v record.Version) error {
		row, err := s.findingRow(ctx, v)
		c.Findings = append(c.Findings, row)
		return err
	}); err != nil {
		return err
	}
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

func controlAnswer(c controlState) part.Answer {
	a := part.Answer{Status: c.status, Why: c.why}
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
	case len(c.checks) == 0:
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

func evidenceRow(v record.Version) (EvidenceRow, error) {
	var e struct {
		Title, SHA256 string
		From          string    `json:"covers_from"`
		To            string    `json:"covers_to"`
		By            string    `json:"received_by"`
		At            time.Time `json:"received_at"`
	}
	if err := json.Unmarshal(v.Body, &e); err != nil {
		return EvidenceRow{}, fmt.Errorf("read evidence %s: %w", v.Key, err)
	}
	row := EvidenceRow{Title: cmp.Or(e.Title, v.Key), Href: recordPath("evidence", v.Key), SHA256: e.SHA256, By: e.By, Received: e.At}
	row.From, _ = time.Parse("2006-01-02", e.From)
	row.To, _ = time.Parse("2006-01-02", e.To)
	if row.Received.IsZero() {
		row.Received = v.From.Time()
	}
	return row, nil
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
			rows = append(rows, CatalogueRow{ID: i.ID, Title: i.Title, Statement: i.Statement, Criteria: i.Criteria, Category: i.Family, Stage: i.Stage, Frequency: i.Frequency, Adopted: have[i.ID]})
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
	state := part.Choice{Name: "adopted", Label: "Adopted", Value: q.Get("adopted"), Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "no", Text: "Not adopted"}, {Value: "yes", Text: "Adopted"}}}
	items, err := catalogueOnce()
	if err != nil {
		return err
	}
	c := Catalogue{Total: len(items)}
	rows, adopted, err := s.offered(st, func(i control.Item) bool {
		return fits(q.Get("q"), i.ID, i.Title, i.Family, i.Statement) && (stage.Value == "" || stage.Value == i.Stage) && (q.Get("criterion") == "" || contains(i.Criteria, q.Get("criterion")))
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
	c.Filter = part.Filter{Action: "/catalogue", Q: q.Get("q"), Hint: "Filter by text or id", Found: fmt.Sprintf("%d of %d", len(c.Rows), c.Total), Groups: []part.Choice{state, stage}, Keep: map[string]string{"criterion": q.Get("criterion")}}
	p := Page{Title: "Catalogue", Section: "/controls", Crumbs: []part.Crumb{{Text: "Controls", Href: "/controls"}, {Text: "Catalogue"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return cataloguePage(p, c) })
}

// adopt makes the organisation's own copy of a starter control.
func (s *site) adopt(w http.ResponseWriter, r *http.Request) error {
	item, ok := starter(segment(r, "id"))
	if !ok {
		return fault.New(fault.NotFound, "The catalogue has no control %q.", segment(r, "id"))
	}
	body, err := control.Adopt(item)
	if err != nil {
		return err
	}
	none := store.Moment(0)
	if _, err := s.Book.Put(r.Context(), session(r.Context()), record.Change{Kind: "control", Key: item.ID, Body: body, Reason: "adopted from the catalogue", If: &none}); err != nil {
		return err
	}
	return done(w, r, part.Path("controls", item.ID), item.ID+" is adopted. It is yours to tailor now.")
}

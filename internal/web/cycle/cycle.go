// Package cycle is the pages of the company's programme: where it stands and what blocks it, its window laid out, its calendar,
// its gaps by criterion, and what categories would ask for. The one rule: a page shows what the records say and decides nothing;
// every act goes through the records' own rules.
package cycle

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	turn "tickmark/internal/cycle"
	"tickmark/internal/fault"
	"tickmark/internal/gap"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Section is the sidebar's entry of these pages.
const Section = "/programme"

// Site is these pages.
type Site struct {
	shell.Site
	Book *record.Book
	Gate *access.Gate
	Base string                                                          // where browsers find the workspace
	Gaps func(ctx context.Context) (w gap.World, g []gap.Gap, err error) // as of the reader's moment
}

// Routes is every address of these pages.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{
		"GET /programme":                       s.home,
		"GET /programme/window":                s.window,
		"GET /programme/calendar":              s.heat,
		"POST /programme/calendar/link":        s.linkMade,
		"POST /programme/calendar/{id}/revoke": s.linkRevoked,
		"GET /programme/gaps":                  s.gaps,
		"GET /programme/gaps.csv":              s.gapsCSV,
		"GET /programme/scope":                 s.scope,
		"GET /programme/readiness/{id}":        s.assessment,
		"GET /risks/board":                     s.riskBoard,
		"GET /risks/threats":                   s.threats,
		"GET /risks/matrix.csv":                s.matrixCSV,
	}
}

// tabs lead from one of these pages to the others.
func tabs(current string) []part.Tab {
	out := []part.Tab{{Text: "Programme", Href: Section}, {Text: "Scope", Href: Section + "/scope"}, {Text: "Gaps by criterion", Href: Section + "/gaps"}, {Text: "Window", Href: Section + "/window"}, {Text: "Calendar", Href: Section + "/calendar"}}
	for i := range out {
		out[i].Current = out[i].Href == current
	}
	return out
}

func page(title string) shell.Page {
	crumbs := []part.Crumb{{Text: "Program"}, {Text: "Programme", Href: Section}}
	if title != "Programme" {
		crumbs = append(crumbs, part.Crumb{Text: title})
	}
	return shell.Page{Title: title, Section: Section, Crumbs: crumbs}
}

// may refuses who may not read records of the kinds that a page shows.
func (s *Site) may(ctx context.Context, kinds ...string) error {
	for _, name := range kinds {
		k, err := s.Book.Kinds.Named(name)
		if err != nil {
			return err
		}
		if err := s.Who(ctx).May(ctx, access.Read, k); err != nil {
			return err
		}
	}
	return nil
}

// writes reports whether the reader may write records of a kind, now.
func (s *Site) writes(ctx context.Context, kind string) bool {
	k, err := s.Book.Kinds.Named(kind)
	return err == nil && !part.Past(ctx) && s.Who(ctx).May(ctx, access.Write, k) == nil
}

func (s *Site) look(ctx context.Context) record.Look { return s.Book.LookAt(ctx, part.Of(ctx).AsOf) }

// days are the zone and the day of the reader's moment where the organisation is.
func (s *Site) days(ctx context.Context, look record.Look) (*time.Location, calendar.Day, error) {
	zone := time.UTC
	v, err := look.Get("organisation", organisation.Key)
	switch {
	case err == nil:
		zone = organisation.Zone(v.Body)
	case !fault.Is(err, fault.NotFound):
		return nil, calendar.Day{}, err
	}
	return zone, calendar.Of(part.Of(ctx).Moment(), zone), nil
}

func (s *Site) periods(look record.Look) ([]period.Period, error) {
	list, err := look.All("period")
	if err != nil {
		return nil, err
	}
	var out []period.Period
	for _, v := range list {
		p, err := period.Read(v)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Deadline is something with a day.
type Deadline struct {
	What, Text, Href string
	Day              time.Time
	Late             bool
}

// Mark is a state of the programme on its way.
type Mark struct {
	Word      string
	Done, Now bool
}

// Home is the programme's page.
type Home struct {
	Tabs       []part.Tab
	None       bool
	May        bool
	Name, Edit string
	State      part.Status
	Marks      []Mark
	Warnings   []string
	Blocks     []turn.Block
	Deadlines  []Deadline
	Facts      []part.Fact
	Drivers    []turn.Driver
	Registers  []part.Link
	Milestones string // where a new one is made
	Carried    []part.Link
}

// current is the cycle of the period that the organisation works towards, or the newest that goes on.
func current(look record.Look) (c turn.Cycle, v record.Version, ok bool, err error) {
	p, found, err := period.Working(look)
	if err != nil {
		return c, v, false, err
	}
	list, err := look.All(turn.Name)
	if err != nil {
		return c, v, false, err
	}
	for _, x := range list {
		y, err := turn.Read(x)
		if err != nil {
			return c, v, false, err
		}
		if y.State == "ended" || y.State == "abandoned" {
			continue
		}
		if !ok || found && y.Period == p.Key || (!found || c.Period != p.Key) && x.From > v.From {
			c, v, ok = y, x, true
		}
	}
	return c, v, ok, nil
}

func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, turn.Name, "period", "milestone", "finding", "control"); err != nil {
		return err
	}
	look := s.look(ctx)
	h := Home{Tabs: tabs(Section), May: s.writes(ctx, turn.Name)}
	c, v, ok, err := current(look)
	if err != nil {
		return err
	}
	if !ok {
		h.None = true
		return s.Show(w, r, http.StatusOK, page("Programme"), HomeView(h))
	}
	_, today, err := s.days(ctx, look)
	if err != nil {
		return err
	}
	h.Name, h.State, h.Edit, h.Drivers = c.Name, part.Status(c.State), part.Path("records", turn.Name, c.Key), c.Drivers
	at := slices.Index(turn.States(), c.State)
	for i, st := range turn.States() {
		h.Marks = append(h.Marks, Mark{Word: part.Sentence(st), Done: i < at, Now: i == at})
	}
	if h.Blocks, err = turn.Blocks(look, c); err != nil {
		return err
	}
	p := period.Period{}
	if pv, err := look.Get("period", c.Period); err == nil {
		if p, err = period.Read(pv); err != nil {
			return err
		}
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	h.Warnings = turn.Feasible(c, p)
	if p.Type == "type_2" && p.From != "" && p.From <= calendar.Text(today) && slices.Contains([]string{"scoping", "gap", "remediation"}, c.State) {
		h.Warnings = append(h.Warnings, "The window began on "+p.From+", and the programme is not ready.")
	}
	if h.Deadlines, err = s.deadlines(look, c, p, calendar.Text(today)); err != nil {
		return err
	}
	window := p.To
	if p.From != "" {
		window = p.From + " through " + p.To
	}
	h.Facts = []part.Fact{part.Say("Sponsor", part.People(ctx, c.Sponsor)), part.Say("Compliance owner", part.People(ctx, c.Owner)), part.Say("Examination", strings.TrimSpace(p.Title()+" "+p.Name)), part.Say("Window", window),
		part.Say("Examining firm", c.Firm), part.Say("Charter", charter(ctx, c)), part.Say("Why this report", c.ReportWhy), part.Say("Why this type", c.TypeWhy)}
	if c.Unready != "" {
		h.Facts = append(h.Facts, part.Say("Begun although not ready", c.Unready))
	}
	for _, m := range p.Team {
		h.Facts = append(h.Facts, part.Say(part.Sentence(m.Role), part.People(ctx, m.Person)))
	}
	h.Milestones = "/new/milestone?cycle=" + c.Key
	for _, k := range []struct{ kind, text string }{{"milestone", "Milestones"}, {"obligation", "Obligations"}, {"adviser", "Advisers"}, {period.ChangeName, "Changes of scope"}, {"readiness_assessment", "Readiness assessments"}, {"commitment", "Commitments"}} {
		list, err := look.All(k.kind)
		if err != nil {
			return err
		}
		h.Registers = append(h.Registers, part.Link{Text: k.text, Href: part.Path("records", k.kind), Note: fmt.Sprint(len(list))})
	}
	var body struct {
		Carried []struct{ Kind, Key, Label, State string }
	}
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return err
	}
	for _, x := range body.Carried {
		h.Carried = append(h.Carried, part.Link{Text: cmp.Or(x.Label, x.Key), Href: part.Path("records", x.Kind, x.Key), Note: part.Sentence(x.Kind)})
	}
	return s.Show(w, r, http.StatusOK, page("Programme"), HomeView(h))
}

func charter(ctx context.Context, c turn.Cycle) string {
	switch {
	case c.Chartered != "":
		return "Approved by " + part.People(ctx, c.ChartedBy)
	case strings.TrimSpace(c.Charter) == "":
		return "Not written"
	}
	return "Waits for the sponsor's approval"
}

// deadlines are the days that come, and those that passed with something open: of milestones, of the window, of who wants the report.
func (s *Site) deadlines(look record.Look, c turn.Cycle, p period.Period, today string) ([]Deadline, error) {
	var out []Deadline
	add := func(what, text, href, day string, open bool) {
		d := calendar.Parse(day)
		if late := day < today; !d.IsZero() && (open || !late) {
			out = append(out, Deadline{What: what, Text: text, Href: href, Day: d, Late: open && late})
		}
	}
	list, err := look.Find("milestone", "cycle", c.Key)
	if err != nil {
		return nil, err
	}
	for _, v := range list {
		var m turn.Milestone
		if err := json.Unmarshal(v.Body, &m); err != nil {
			return nil, fmt.Errorf("read milestone %s: %w", v.Key, err)
		}
		if m.State == "open" {
			add("Milestone", m.Title, part.Path("records", "milestone", v.Key), m.Due, true)
		}
	}
	at := part.Path("records", "period", p.Key)
	add("Window", "First day of the window", at, p.From, false)
	add("Window", "Last day of the window", at, p.To, false)
	add("Examination", "Fieldwork begins", at, p.Fieldwork, false)
	done := slices.Contains([]string{"reported", "between_reports"}, c.State)
	add("Report", "The report is wanted", part.Path("records", turn.Name, c.Key), c.Wanted, !done)
	for _, d := range c.Drivers {
		add("Report", d.Name+" wants the report", part.Path("records", turn.Name, c.Key), d.By, !done)
	}
	slices.SortStableFunc(out, func(a, b Deadline) int { return a.Day.Compare(b.Day) })
	return out, nil
}

// wanted says who wants the report in what way, in one line.
func wanted(d turn.Driver) string {
	said := []string{part.Sentence(d.Sort)}
	for _, s := range []string{d.Source, map[string]string{"type_1": "Type I", "type_2": "Type II"}[d.Type]} {
		if s != "" {
			said = append(said, s)
		}
	}
	if d.By != "" {
		said = append(said, "by "+d.By)
	}
	return strings.Join(said, ", ")
}

// Package entitlement is the pages of the company's access: requests, role matrices, rights by person and by system, privileged access,
// what changed, how people sign on, and reviews. The one rule: a page shows what the records say and asks for acts; every act goes
// through the records' own rules and through entitlement.Desk, as it does from the command line.
package entitlement

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/entitlement"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// The addresses of the two entries of the sidebar.
const (
	Section = "/access"
	Reviews = "/access-reviews"
)

// Site is the room's pages.
type Site struct {
	shell.Site
	Desk *entitlement.Desk
}

// Routes is every address of the room.
func (s *Site) Routes() shell.Routes {
	return shell.Routes{
		"GET /access":                        s.requests,
		"GET /access/requests/{key}":         s.request,
		"GET /access/matrices":               s.matrices,
		"GET /access/matrices/{key}":         s.matrix,
		"GET /access/rights":                 s.rights,
		"GET /access/privileged":             s.privileged,
		"GET /access/changes":                s.changes,
		"GET /access/authentication":         s.authentication,
		"GET /access-reviews":                s.reviews,
		"GET /access-reviews/{key}":          s.review,
		"POST /access-reviews/{key}/extract": s.extract,
		"POST /access-reviews/{key}/decide":  s.decide,
	}
}

// Table is a list: its tabs, the cards that filter it, and rows of cells.
type Table struct {
	Title, Sentence string
	Tabs            []part.Tab
	Buttons         []part.Link
	Cards           []part.Stat
	Filter          part.Filter
	Heads           []string
	Rows            []Row
	Note            string // above the list, in a banner
	More            string // how many rows are left out
	None, NoneSay   string // where there is nothing
	Icon            string
	First           part.Link // what to do then
}

// Row is one row.
type Row []Cell

// Cell is what stands in one place: words, perhaps a link, a status, marks.
type Cell struct {
	Text, Sub, Href string
	Chip            part.Status
	Marks           []Mark
	Person          string
	End             bool
}

// Mark is a small warning with its word.
type Mark struct {
	Tone       part.Tone
	Icon, Word string
}

var marks = map[string]Mark{
	entitlement.Privileged:  {part.Warn, "shield-check", "Privileged"},
	entitlement.Leaver:      {part.Bad, "triangle-alert", "Left"},
	entitlement.Dormant:     {part.Warn, "clock", "Dormant"},
	entitlement.Conflicting: {part.Bad, "circle-x", "Conflict"},
	entitlement.NoOwner:     {part.Unsure, "circle-question-mark", "Nobody's"},
	entitlement.NoFactor:    {part.Bad, "lock", "No second factor"},
	entitlement.NoRequest:   {part.Warn, "circle-alert", "No request"},
	entitlement.Unfit:       {part.Warn, "user", "Not for the position"},
	entitlement.Typed:       {part.Unsure, "pencil", "Typed"},
	"new":                   {part.Info, "plus", "New"},
	"changed":               {part.Info, "circle-dot", "Changed"},
	"bulk":                  {part.Warn, "list-checks", "Many at once"},
}

func marked(flags ...string) []Mark {
	var out []Mark
	for _, f := range flags {
		if m, ok := marks[f]; ok {
			out = append(out, m)
		}
	}
	return out
}

func say(text string) Cell               { return Cell{Text: text} }
func link(text, href string) Cell        { return Cell{Text: text, Href: href} }
func chip(state string) Cell             { return Cell{Chip: status(state)} }
func (c Cell) with(sub string) Cell      { c.Sub = sub; return c }
func (c Cell) marked(m ...Mark) Cell     { c.Marks = m; return c }
func recordPath(kind, key string) string { return part.Path("records", kind, key) }

// status is the word of a state: words that other rooms use for something else have one of their own.
func status(state string) part.Status {
	switch state {
	case "completed":
		return "complete"
	case "executed":
		return "done"
	case "excepted":
		return "risk_accepted"
	case "not_needed":
		return "dropped"
	case "remediating":
		return "in_progress"
	}
	return part.Status(state)
}

func (s *Site) tabs(current string) []part.Tab {
	var out []part.Tab
	for _, t := range [][2]string{{"Requests", "/access"}, {"By person", "/access/rights?by=person"}, {"By system", "/access/rights?by=system"}, {"Privileged", "/access/privileged"}, {"Changes", "/access/changes"}, {"Role matrices", "/access/matrices"}, {"Sign-on", "/access/authentication"}} {
		out = append(out, part.Tab{Text: t[0], Href: t[1], Current: t[0] == current})
	}
	return out
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, title, section string, body templ.Component, crumbs ...part.Crumb) error {
	return s.Show(w, r, http.StatusOK, shell.Page{Title: title, Section: section, Crumbs: append([]part.Crumb{{Text: "Company"}}, crumbs...)}, body)
}

// table shows a list.
func (s *Site) table(w http.ResponseWriter, r *http.Request, section string, t Table) error {
	const most = 500
	if n := len(t.Rows); n > most {
		t.Rows, t.More = t.Rows[:most], part.Number(int64(n-most))+" more; filter to see them, or export the records."
	}
	crumb := part.Crumb{Text: t.Title}
	return s.show(w, r, t.Title, section, TableView(t), crumb)
}

// may refuses who may not read records of the kinds.
func (s *Site) may(ctx context.Context, kinds ...string) error {
	for _, kind := range kinds {
		k, err := s.Desk.Book.Kinds.Named(kind)
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
	k, err := s.Desk.Book.Kinds.Named(kind)
	return err == nil && !part.Past(ctx) && s.Who(ctx).May(ctx, access.Write, k) == nil
}

// at is the moment that the reader looks at; zero for now.
func at(ctx context.Context) store.Moment {
	if v := part.Of(ctx); v.Past() {
		return store.At(v.AsOf)
	}
	return 0
}

// each reads the records of a kind as they stood when the reader looks.
func each[T any](ctx context.Context, s *Site, kind string, do func(v record.Version, b T) error) error {
	return s.Desk.Book.EachAt(ctx, s.Desk.Book.DB, kind, at(ctx), func(v record.Version) error {
		var b T
		if v.Erased {
			return nil
		}
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return err
		}
		return do(v, b)
	})
}

func fits(q string, of ...string) bool {
	q = strings.ToLower(strings.TrimSpace(q))
	return q == "" || slices.ContainsFunc(of, func(s string) bool { return strings.Contains(strings.ToLower(s), q) })
}

func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}

func day(ctx context.Context, text string) string {
	if t := instant(text); !t.IsZero() {
		return t.In(part.Of(ctx).Zone).Format(time.DateOnly)
	}
	return text
}

package web

import (
	"net/http"

	"github.com/a-h/templ"

	"tickmark/internal/web/shell"
)

// rooms are the addresses of the pages that stand in rooms of their own.
func (s *site) rooms() []shell.Routes {
	return append(s.betweenRoutes(), s.room.Routes(), s.programme().Routes(), s.scopes().Routes(), s.companyAccess().Routes(), s.peopleRoom().Routes())
}

// around is this site as a room sees it; its pages load these files.
func (s *site) around(loads ...string) shell.Site {
	return shell.Site{
		Show: func(w http.ResponseWriter, r *http.Request, status int, p shell.Page, body templ.Component) error {
			framed := Page{Title: p.Title, Section: p.Section, Crumbs: p.Crumbs, Loads: loads}
			return s.showAs(w, r, status, framed, func(p Page) templ.Component { return roomPage(p, body) })
		},
		Who:     session,
		Done:    done,
		Moves:   s.moves,
		Options: s.options,
		Read:    submitted,
	}
}

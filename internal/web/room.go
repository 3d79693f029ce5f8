package web

import (
	"net/http"

	"github.com/a-h/templ"

	"tickmark/internal/fieldwork"
	"tickmark/internal/web/room"
)

// examination is the room of those who examine, within the pages of this site.
func (s *site) examination() *room.Site {
	return &room.Site{
		Desk: &fieldwork.Desk{Book: s.Book, Keys: s.Keys, Blobs: s.Blobs},
		Show: func(w http.ResponseWriter, r *http.Request, status int, p room.Page, body templ.Component) error {
			return s.showAs(w, r, status, roomFrame(p), func(p Page) templ.Component { return roomPage(p, body) })
		},
		Who:     session,
		Done:    done,
		Moves:   s.moves,
		Options: s.options,
		Read:    submitted,
	}
}

// roomFrame is a page of the room as the site knows pages.
func roomFrame(p room.Page) Page {
	return Page{Title: p.Title, Section: p.Section, Crumbs: p.Crumbs, Loads: []string{"room.css", "grid.js"}}
}

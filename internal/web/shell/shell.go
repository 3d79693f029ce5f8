// Package shell is what pages in a room of their own need of the site around them: who is signed in, the frame, forms, and the way
// back after something was done. The one rule: it is handed to the room, and the room never reaches for the site.
package shell

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// Page is what the site puts around a page of a room.
type Page struct {
	Title, Section string // Section is the address of the sidebar's entry
	Crumbs         []part.Crumb
}

// Site is the site around a room.
type Site struct {
	Who     func(ctx context.Context) access.Session // who is signed in; every page of a room has somebody
	Show    func(w http.ResponseWriter, r *http.Request, status int, p Page, body templ.Component) error
	Done    func(w http.ResponseWriter, r *http.Request, to, said string) error // leads on after something was done, and says so
	Moves   func(ctx context.Context, v record.Version) ([]form.Move, error)    // steps of a life cycle, with what stands against each
	Options func(r *http.Request, in []form.Input) error                        // what references may refer to
	Read    func(w http.ResponseWriter, r *http.Request) error                  // a form, with files or without, within its limits
}

// Routes are the addresses of a room, by pattern of http.ServeMux.
type Routes map[string]func(w http.ResponseWriter, r *http.Request) error

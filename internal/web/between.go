package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/exchange"
	"tickmark/internal/grant"
	"tickmark/internal/report/examination"
	"tickmark/internal/web/describe"
	"tickmark/internal/web/grants"
	"tickmark/internal/web/parcel"
	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
	"tickmark/internal/web/shell"
)

// between makes the pages of what lies between the company and its firm.
func (s *site) between() {
	s.room.Press = &examination.Press{Book: s.Book, Blobs: s.Blobs, Renderer: s.Paper, Shared: !s.Firm}
	s.parcels = &parcel.Site{Site: s.around("room.css", "grid.js"), Office: &exchange.Office{Book: s.Book, Keys: s.Keys, Blobs: s.Blobs, Firm: s.Firm}, Client: &http.Client{Timeout: 10 * time.Minute}, Dir: s.Parcels,
		Company: func(ctx context.Context) string { return s.organisation(ctx, 0).Name }}
	s.grants = &grants.Site{Site: s.around("room.css"), Desk: &grant.Desk{Book: s.Book, Blobs: s.Blobs}, Base: s.BaseURL}
	if !s.Firm {
		show := s.room.Show
		s.room.Show = func(w http.ResponseWriter, r *http.Request, status int, p shell.Page, body templ.Component) error {
			if p.Section == room.Section { // every page of the firm's, and none of the company's own
				body = templ.Join(part.Banner(part.Warn, "users", "Shared mode, for trials", strings.TrimPrefix(examination.InShared, "Shared mode, for trials: ")), body)
			}
			return show(w, r, status, p, body)
		}
		s.room.Told, s.room.AnyTold = s.parcels.Told, s.parcels.Any
	}
}

// betweenRoutes are their addresses. A firm describes no system of its own and gives its report to its client alone.
func (s *site) betweenRoutes() []shell.Routes {
	out := []shell.Routes{s.parcels.Routes()}
	if !s.Firm {
		out = append(out, (&describe.Site{Site: s.around("room.css"), Book: s.Book, Paper: s.Paper}).Routes(), s.grants.Routes())
	}
	return out
}

package web

import (
	"tickmark/internal/entitlement"
	pages "tickmark/internal/web/entitlement"
)

// companyAccess is the room of the company's access, within the pages of this site.
func (s *site) companyAccess() *pages.Site {
	desk := &entitlement.Desk{Register: entitlement.Register{Book: s.Book, Words: s.Monitor.Words}, Blobs: s.Blobs}
	return &pages.Site{Site: s.around("room.css", "review.js"), Desk: desk}
}

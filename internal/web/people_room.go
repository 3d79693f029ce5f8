package web

import "tickmark/internal/web/people"

// peopleRoom is the pages of who comes, changes and goes, and of what people learn.
func (s *site) peopleRoom() *people.Site { return &people.Site{Site: s.around(), Book: s.Book} }

package web

import "tickmark/internal/web/scope"

// scopes are the pages on which what others send for is ended.
func (s *site) scopes() *scope.Site { return &scope.Site{Site: s.around(), Collector: s.Collector} }

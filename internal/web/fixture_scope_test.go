package web

import (
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/web/part"
	"tickmark/internal/web/scope"
)

// scopeFixtures are the scopes of a connection that others send to.
func scopeFixtures() []fixture {
	page := func(v scope.View) templ.Component {
		return roomPage(framed("Scopes of ci", "/sources", part.Crumb{Text: "Sources", Href: "/sources"}, part.Crumb{Text: "ci", Href: "/sources/ci"}, part.Crumb{Text: "Scopes"}), scope.PageView(v))
	}
	rows := []scope.Row{{Name: "build-7.example.com", Kinds: "Test runs, Deployments", Read: noon.Add(-90 * time.Hour), Status: "stale", Records: 41}, {Name: "build-8.example.com", Kinds: "Test runs", Read: noon, Status: "read"},
		{Name: "an-older-builder-with-a-long-name.internal.example.com", Kinds: "Test runs", Read: noon.Add(-900 * time.Hour), Status: "retired"}}
	return []fixture{
		{path: "/sources/ci/scopes", page: func() templ.Component {
			return page(scope.View{Connection: "ci", May: true, Rows: rows, Chosen: &rows[0]})
		}},
		{path: "/sources/ci/scopes-seen", page: func() templ.Component { return page(scope.View{Connection: "ci", Rows: rows}) }},
		{path: "/sources/ci/scopes-none", page: func() templ.Component { return page(scope.View{Connection: "ci", May: true}) }},
	}
}

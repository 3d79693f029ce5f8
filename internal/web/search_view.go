package web

import "tickmark/internal/web/part"

// Search shows what fits some words: pages to go to, then records of each kind.
type Search struct {
	Q      string
	Groups []SearchGroup
}

// SearchGroup is a heading with its hits.
type SearchGroup struct {
	Title string
	Hits  []Hit
}

// Hit is one of them.
type Hit struct {
	Text, Note, Href, Icon string
	Status                 part.Status
}

// Package web is what people see in a browser. The one rule: a page is a plain struct of what it shows, drawn by one template;
// handlers fill the struct, and every link on the page keeps the moment the reader is looking at.
package web

import (
	"net/url"

	"tickmark/internal/web/part"
)

// Page is what surrounds every page.
type Page struct {
	Title   string
	Section string // the address of the sidebar's entry that is current
	Crumbs  []part.Crumb
	Frame   Frame
}

// Frame is the same for all pages that one reader sees.
type Frame struct {
	Organisation string
	Reader       Reader
	Theme        string // light, dark, or empty for the system's
	Toast        string // what was just done
	Here         *url.URL
	Counts       map[string]int // beside entries of the sidebar, by address
	Asset        func(name string) string
}

// Reader is who is signed in.
type Reader struct {
	Login, Name string
	Admin       bool // sees users and tokens
	Unenrolled  bool // has no way yet to sign in again
}

// group is a heading of the sidebar with its pages.
type group struct {
	Title string
	Items []item
}

type item struct{ Text, Href, Icon string }

// sidebar lists the pages there are, in the words of the product.
func sidebar() []group {
	return []group{
		{"", []item{{"Home", "/", "layout-dashboard"}}},
		{"Program", []item{
			{"Criteria", "/criteria", "target"},
			{"Controls", "/controls", "shield-check"},
			{"Checks", "/checks", "list-checks"},
			{"Evidence", "/records/evidence", "folder-check"},
			{"Findings", "/findings", "flag"},
		}},
		{"Company", []item{{"People", "/records/person", "users"}}},
		{"Operations", []item{
			{"Sources", "/sources", "plug"},
			{"Records", "/records", "database"},
		}},
		{"Assurance", []item{{"Ledger", "/ledger", "stamp"}}},
		{"Settings", []item{
			{"Users", "/settings/users", "user"},
			{"Tokens", "/settings/tokens", "key-round"},
		}},
	}
}

// recordPath is the page of any record.
func recordPath(kind, key string) string { return part.Path("records", kind, key) }

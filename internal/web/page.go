// Package web is what people see in a browser. The one rule: a page is a plain struct of what it shows, drawn by one template;
// handlers fill the struct, and every link on the page keeps the moment the reader is looking at.
package web

import (
	"net/url"

	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
)

// Page is what surrounds every page.
type Page struct {
	Title   string
	Section string // the address of the sidebar's entry that is current
	Crumbs  []part.Crumb
	Loads   []string // files that this page alone loads: room.css, grid.js
	Frame   Frame
}

// Frame is the same for all pages that one reader sees.
type Frame struct {
	Organisation  string
	Demonstration bool   // everything here is invented, and every page says so
	Period        string // what the organisation works towards, such as FY26 Type II
	Side          []group
	Settings      []item
	Reader        Reader
	Theme         string // light, dark, or empty for the system's
	Toast         string // what was just done
	Undo          string // takes it back; empty where it cannot be
	Here          *url.URL
	Base          string         // where browsers find these pages, for paper
	Counts        map[string]int // beside entries of the sidebar, by address
	Told          bool           // the reader can be told something: there is a bell
	Notices       int            // that the reader has not seen
	Asset         func(name string) string
}

// Reader is who is signed in.
type Reader struct {
	Login, Name string
	Admin       bool // sees users and tokens
	Unenrolled  bool // has no way yet to sign in again
	Nobody      bool // is linked to no person, so that nothing can be approved
	Portal      bool // is an employee only: sees the own duties and nothing else
	Engineer    bool // works on checks and findings; the sidebar is cut to that
	Examiner    bool // may enter the rooms of an examination
	Asked       bool // answers requests of an examination for the company
	Firm        bool // the workspace is a firm's: there is no programme of a company in it
}

// group is a heading of the sidebar with its pages.
type group struct {
	Title string
	Items []item
}

// item is one page; Or is where it leads as long as it has no page of its own.
type item struct{ Text, Href, Icon, Or string }

// sidebar lists the pages in the words of the product.
func sidebar() []group {
	return []group{
		{"", []item{{"Home", "/", "layout-dashboard", ""}, {"My work", "/work", "inbox", ""}}},
		{"Program", []item{
			{"Programme", "/programme", "stamp", ""},
			{"Criteria", "/criteria", "target", ""},
			{"Controls", "/controls", "shield-check", ""},
			{"Checks", "/checks", "list-checks", ""},
			{"Evidence", "/evidence", "folder-check", "/records/evidence"},
			{"Policies", "/policies", "file-text", "/records/policy"},
			{"Plan", "/plan", "map", ""},
			{"Findings", "/findings", "flag", ""},
			{"Risks", "/risks", "scale", "/records/risk"},
			{"Commitments", "/commitments", "scroll-text", "/records/commitment"},
		}},
		{"Company", []item{
			{"People", "/people", "users", "/records/person"},
			{"Training", "/training", "book-open", "/records/training_module"},
			{"Systems", "/systems", "box", "/records/system"},
			{"Access", "/access", "key-round", ""},
			{"Access reviews", "/access-reviews", "eye", ""},
		}},
		{"Operations", []item{
			{"Sources", "/sources", "plug", ""},
			{"Records", "/records", "database", ""},
		}},
		{"Assurance", []item{
			{"Engagements", "/engagements", "scale", ""},
			{"Requests", "/requests", "inbox", ""},
			{"Parcels", "/parcels", "send", ""},
			{"System description", "/descriptions", "file-text", ""},
			{"Reports", "/reports", "book-open", ""},
			{"Report recipients", "/report-access", "users", ""},
			{"Ledger", "/ledger", "stamp", ""},
		}},
	}
}

// settingPages are the pages behind the organisation's name.
func settingPages() []item {
	return []item{
		{"Settings", "/settings", "settings", ""},
		{"Organisation and periods", "/settings/organisation", "building-2", ""},
		{"Checks and deadlines", "/settings/checks", "calendar-clock", ""},
		{"Users and roles", "/settings/users", "user", ""},
		{"Tokens", "/settings/tokens", "key-round", ""},
		{"Jobs", "/settings/jobs", "play", ""},
		{"Retention", "/settings/retention", "archive", ""},
		{"Backup and version", "/settings/version", "server", ""},
		{"History of settings", "/settings/history", "history", ""},
		{"Manual", "/manual", "book-open", ""},
	}
}

// ofEngineers are the pages that an engineer works with; everything else is found by its name and by links.
var ofEngineers = []string{"/work", "/controls", "/checks", "/evidence", "/findings", "/sources", "/records"}

// ofFirms are the pages that there is something on in the workspace of a firm that examines.
var ofFirms = []string{"/work", room.Section, room.AskedSection, "/parcels", "/people", "/records", "/ledger"}

// existing puts the pages that there are in place of those that are planned, and leaves out what the reader has no use for.
func existing(groups []group, r Reader, has func(path string) bool) []group {
	var out []group
	for _, g := range groups {
		n := group{Title: g.Title}
		for _, it := range g.Items {
			if r.Engineer && !contains(ofEngineers, it.Href) || r.Firm && !contains(ofFirms, it.Href) || it.Href == room.Section && !r.Examiner || it.Href == room.AskedSection && !r.Asked {
				continue
			}
			if !has(it.Href) {
				if it.Href = it.Or; it.Or == "" {
					continue
				}
			}
			n.Items = append(n.Items, it)
		}
		if len(n.Items) > 0 {
			out = append(out, n)
		}
	}
	return out
}

// landing is the page a reader begins on.
func landing(r Reader, has func(path string) bool) string {
	switch {
	case r.Portal && has("/me"):
		return "/me"
	case r.Portal:
		return "/settings/me"
	case r.Firm && r.Examiner:
		return room.Section
	case r.Engineer && has("/work"):
		return "/work"
	}
	return "/"
}

// recordPath is the page of any record.
func recordPath(kind, key string) string { return part.Path("records", kind, key) }

package web

import (
	"time"

	"tickmark/internal/report/document"
)

// ReportList shows which reports can be made, which are being made, and those that were kept.
type ReportList struct {
	Engine   Engine
	From, To string // of the window that a report is over when nobody chooses another, YYYY-MM-DD
	Window   string // why that one
	Today    string
	Latest   string // the last moment that can be chosen, as the input writes it
	Makes    bool   // the reader may make and keep one
	Refused  string // why not
	Making   []MakingRow
	Kept     []KeptRow
	More     bool // there are more than are shown
}

// Engine is how far the PDF engine is.
type Engine struct {
	Ready, Preparing bool
	Since            time.Duration // that it has been preparing
	Error            string
}

// MakingRow is a report that is being made, or could not be.
type MakingRow struct {
	Title, Format, Phase, Error string
	Since                       time.Time
}

// KeptRow is a report that was made.
type KeptRow struct {
	Title, Href, File, Format, Window, By, SHA256 string
	AsOf, Made                                    time.Time
	Size                                          int64
}

// ReportPage is a report on the screen.
type ReportPage struct {
	Document document.Document
	Style    string // address of the document's style sheet
	From, To string // chosen window, YYYY-MM-DD; empty for none
	Moment   string // of the report, RFC 3339
	JSON     string // address of the same as JSON
	Makes    bool
	Refused  string
}

// Preparing says that a PDF is not ready yet; the page comes back by itself.
type Preparing struct {
	Title  string
	Engine Engine
}

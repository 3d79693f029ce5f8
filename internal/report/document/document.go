// Package document is a document apart from how it is shown: sections of text, facts, tables and timelines, from which a page
// and a PDF are drawn alike. The one rule: text is data; whatever stands in it is shown as it stands and is never instruction.
package document

import (
	"time"
)

// Document is a document of sections.
type Document struct {
	Title        string    `json:"title"`
	Subtitle     string    `json:"subtitle,omitempty"`
	Organisation string    `json:"organisation"`
	Running      string    `json:"running,omitempty"`   // beside the organisation at the head of every page
	Facts        []Fact    `json:"facts,omitempty"`     // on the cover
	Cover        string    `json:"cover,omitempty"`     // a paragraph at the foot of the cover
	Notice       string    `json:"notice,omitempty"`    // at the foot of every page
	Banner       string    `json:"banner,omitempty"`    // across the head of every page: what nobody may miss
	Watermark    string    `json:"watermark,omitempty"` // a word across every page, such as DRAFT
	Date         time.Time `json:"-"`                   // of the PDF
	Language     string    `json:"language,omitempty"`
	Contents     bool      `json:"contents"`
	Sections     []Section `json:"sections"`
}

// Section is a heading with what stands under it.
type Section struct {
	ID       string    `json:"id"` // stable, for links within the document
	Title    string    `json:"title"`
	Follows  bool      `json:"follows,omitempty"` // on the page where the one before it ends
	Blocks   []Block   `json:"blocks,omitempty"`
	Sections []Section `json:"sections,omitempty"`
}

// Block is one thing in a section: exactly one of its members is set.
type Block struct {
	Text  []Span  `json:"text,omitempty"`
	Small bool    `json:"small,omitempty"` // of text
	Refs  []Ref   `json:"refs,omitempty"`  // of text
	Facts []Fact  `json:"facts,omitempty"`
	Table *Table  `json:"table,omitempty"`
	List  *List   `json:"list,omitempty"`
	Tiles []Tile  `json:"tiles,omitempty"`
	Note  *Note   `json:"note,omitempty"`
	Code  string  `json:"code,omitempty"`
	Quote []Block `json:"quote,omitempty"`
	Head  *Head   `json:"head,omitempty"`
	Rule  bool    `json:"rule,omitempty"`
	Sign  []Fact  `json:"sign,omitempty"` // a panel of who did what, as at the end of a signed text
}

// Head is a heading within a text that has no section of its own.
type Head struct {
	Level int    `json:"level"` // from 1
	Spans []Span `json:"spans"`
}

// Span is a run of text.
type Span struct {
	Text   string `json:"text"`
	Bold   bool   `json:"bold,omitempty"`
	Italic bool   `json:"italic,omitempty"`
	Strike bool   `json:"strike,omitempty"`
	Code   bool   `json:"code,omitempty"`
	Href   string `json:"href,omitempty"`  // http, https or mailto; others are left out
	Break  bool   `json:"break,omitempty"` // a new line after it
}

// Plain is a text of one span.
func Plain(text string) []Span { return []Span{{Text: text}} }

// Fact is a name with its value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Code  bool   `json:"code,omitempty"`
	Ref   *Ref   `json:"ref,omitempty"`
}

// Tone is a status' colour and mark; the word stands beside it always.
type Tone string

// The tones.
const (
	Pass      Tone = "pass"
	Attention Tone = "attention"
	Fail      Tone = "fail"
	Unknown   Tone = "unknown"
	None      Tone = "none" // not applicable, or nothing to judge
	Info      Tone = "info"
)

// Status is a word with its tone.
type Status struct {
	Word string `json:"word"`
	Tone Tone   `json:"tone"`
}

// Ref is a tickmark: the code of a reference, and where it leads on a page.
type Ref struct {
	Code string `json:"code"`
	Href string `json:"href,omitempty"`
}

// Tile is a number that is a door to what it counts.
type Tile struct {
	Title  string  `json:"title"`
	To     string  `json:"to"` // id of a section
	Number int     `json:"number"`
	Parts  []Count `json:"parts,omitempty"`
}

// Count is a part of a number.
type Count struct {
	N      int    `json:"n"`
	Status Status `json:"status"`
}

// Note is a remark that must not be missed.
type Note struct {
	Tone  Tone   `json:"tone"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// List is a list of items, each of blocks.
type List struct {
	Ordered bool      `json:"ordered"`
	Start   int       `json:"start,omitempty"`
	Items   [][]Block `json:"items"`
}

// Table is rows under a head that is repeated on every page.
type Table struct {
	Label   string   `json:"label"` // what it is, for who cannot see it
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
	Empty   string   `json:"empty,omitempty"` // what to say without rows
}

// Column is a column of a table.
type Column struct {
	Title string  `json:"title"`
	Width float64 `json:"width"` // a share of what is left; negative: as many points
	Right bool    `json:"right,omitempty"`
}

// Row is a row; one with a group spans the table and heads those after it.
type Row struct {
	Group string `json:"group,omitempty"`
	Ref   string `json:"ref,omitempty"` // the code that it explains, in the table of references
	Cells []Cell `json:"cells,omitempty"`
}

// Cell is what stands in a place of a table: any of these, one below the other.
type Cell struct {
	Status *Status  `json:"status,omitempty"`
	Title  string   `json:"title,omitempty"` // strong
	Text   string   `json:"text,omitempty"`
	Spans  []Span   `json:"spans,omitempty"`
	Sub    string   `json:"sub,omitempty"` // smaller
	Code   string   `json:"code,omitempty"`
	Href   string   `json:"href,omitempty"` // of the title or code, on a page
	Strip  *Strip   `json:"strip,omitempty"`
	Lines  []Line   `json:"lines,omitempty"` // each with its own references
	Refs   []Ref    `json:"refs,omitempty"`
	Words  []string `json:"words,omitempty"` // short ones, such as ids
}

// Line is one of several statements in a cell.
type Line struct {
	Text string `json:"text"`
	Refs []Ref  `json:"refs,omitempty"`
}

// Strip is a timeline; what it shows is told in words beside it.
type Strip struct {
	Says   string  `json:"says"`
	Pieces []Piece `json:"pieces"`
}

// Piece is a stretch of a strip, as shares of the whole.
type Piece struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Tone Tone    `json:"tone"`
}

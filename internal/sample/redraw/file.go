// Package redraw draws a sample again from one file, without a workspace. The one rule: what the file claims is never the
// ground of a proof; everything is made anew from rows, plan and nonce, and compared.
package redraw

import (
	"io"

	jsonv2 "github.com/go-json-experiment/json"

	"tickmark/internal/sample"
)

// Format is the first member of a file.
const Format = "tickmark sample v1"

// MaxBytes is the size of the largest file that is read: some ten million rows.
const MaxBytes = 2 << 30

// File is a sample with all that is needed to draw it again. Of rows whose content was erased it still has what the draw rests on.
type File struct {
	Format     string         `json:"format"`
	Engagement string         `json:"engagement"`
	Control    string         `json:"control"`
	Commitment *sample.Hash   `json:"commitment,omitempty"` // what the firm logged before the population was delivered
	Nonce      *sample.Nonce  `json:"nonce,omitempty"`
	Population sample.Hash    `json:"population"`
	Seed       *sample.Seed   `json:"seed,omitempty"`
	Earlier    []Earlier      `json:"earlier,omitempty"` // commitments and freezes that were given up for these
	Stages     []sample.Stage `json:"stages"`            // the first draw, then extensions
	Opened     []Opened       `json:"opened,omitempty"`
	Rows       []Row          `json:"rows"`
}

// Earlier is a commitment or a population that was given up for a later one, and why.
type Earlier struct {
	What   string      `json:"what"` // commitment or population
	Hash   sample.Hash `json:"hash"`
	Reason string      `json:"reason"`
}

// Row is a row of the population, in canonical order.
type Row struct {
	At         *int64      `json:"at"` // null when at no moment
	Location   string      `json:"location,omitempty"`
	Commitment sample.Hash `json:"commitment"`
}

// Opened shows what a row's commitment hides.
type Opened struct {
	Position int    `json:"position"`
	Salt     []byte `json:"salt,format:base16"`
	Key      string `json:"key"`
	Content  string `json:"content"`
}

// Read reads a file: members that are unknown or there twice, and text that is not UTF-8, are refused.
func Read(r io.Reader) (File, error) {
	var f File
	err := jsonv2.UnmarshalRead(r, &f, jsonv2.RejectUnknownMembers(true))
	return f, err
}

// Write writes the file.
func (f File) Write(w io.Writer) error { return jsonv2.MarshalWrite(w, f) }

// RowOf is a row as it stands in a file.
func RowOf(r sample.Row) Row {
	out := Row{Location: r.Location, Commitment: r.Commitment}
	if r.At != sample.NoTime {
		out.At = &r.At
	}
	return out
}

func (r Row) row() sample.Row {
	at := int64(sample.NoTime)
	if r.At != nil {
		at = *r.At
	}
	return sample.Row{At: at, Location: r.Location, Commitment: r.Commitment}
}

// Package population draws the complete list of a control's occasions from the company's records, for a firm that examines it. The
// one rule: a list says where it came from and what it may lack; one that is cut short, drawn too early or changed is refused.
package population

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"tickmark/internal/fault"
	"tickmark/internal/sample"
)

// Format is the first member of a file's first line.
const Format = "tickmark population v1"

// The sorts of a population.
const (
	Events        = "events"        // what happened over the window
	Configuration = "configuration" // what stood at some time in the window
)

// Header is the first line of a file: where the rows come from.
type Header struct {
	Format      string    `json:"format"`
	Name        string    `json:"name"`
	Sort        string    `json:"sort"`
	Kind        string    `json:"kind"`
	Query       string    `json:"query"`            // the filter as it was run; empty for all of the kind
	Source      string    `json:"source,omitempty"` // only this connection's
	From        string    `json:"from"`             // first day, inclusive
	To          string    `json:"to"`               // last day, inclusive
	Zone        string    `json:"zone"`
	AsOf        time.Time `json:"as_of"` // the moment at which the records were read
	Extractor   string    `json:"extractor"`
	ExtractedBy string    `json:"extracted_by"`
	Ledger      string    `json:"ledger"` // the key of the company's ledger
}

// Row is one occasion.
type Row struct {
	Key      string    `json:"key"`
	At       time.Time `json:"at"`
	Location string    `json:"location,omitempty"`
	Salt     []byte    `json:"salt,format:base16"`
	Content  string    `json:"content"`
}

// Trailer is the last line of a file: what its rows come to. A file without it was cut short.
type Trailer struct {
	End      bool        `json:"end"`
	Rows     int         `json:"rows"`
	Root     sample.Hash `json:"root"`
	Columns  []string    `json:"columns"`
	Origin   string      `json:"origin"` // the weakest among the rows
	Complete bool        `json:"complete"`
	Gaps     []string    `json:"gaps"` // where the sources were not read over the window, with the reason
	Runs     []int64     `json:"runs"` // of the company's ledger, which brought the rows
}

// maxLine is the longest line of a file in bytes.
const maxLine = 64 << 20

// Read reads a file: its header, each of its rows, and its trailer, which must fit them. fn may be nil.
func Read(r io.Reader, fn func(Row) error) (Header, Trailer, error) {
	var h Header
	var t Trailer
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<16), maxLine)
	number := 0
	next := func() (line []byte, ok bool) {
		ok = lines.Scan()
		number++
		return lines.Bytes(), ok
	}
	line, ok := next()
	if !ok {
		return h, t, fault.New(fault.Invalid, "The file is empty.").WithNext("Draw the population again.")
	}
	if err := jsonv2.Unmarshal(line, &h, jsonv2.RejectUnknownMembers(true)); err != nil || h.Format != Format {
		return h, t, fault.New(fault.Invalid, "The first line is not that of a population in the form %q.", Format)
	}
	var wrong error
	f, err := sample.Freeze(func(yield func(sample.Occurrence) bool) {
		for {
			line, ok := next()
			switch {
			case !ok:
				wrong = fault.New(fault.Invalid, "The file ends after %d lines without its last line, so rows are missing.", number-1).WithNext("Get the whole file.")
				if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
					wrong = fault.New(fault.TooLarge, "Line %d is longer than %d bytes.", number, maxLine)
				} else if err != nil {
					wrong = fmt.Errorf("read line %d: %w", number, err)
				}
				return
			case bytes.HasPrefix(line, []byte(`{"end":`)):
				if err := jsonv2.Unmarshal(line, &t, jsonv2.RejectUnknownMembers(true)); err != nil || !t.End {
					wrong = fault.New(fault.Invalid, "The last line, %d, cannot be read.", number)
				} else if more, ok := next(); ok {
					wrong = fault.New(fault.Invalid, "Line %d stands after the last one: %.40q.", number, more)
				}
				return
			}
			var row Row
			if wrong = jsonv2.Unmarshal(line, &row, jsonv2.RejectUnknownMembers(true)); wrong != nil {
				wrong = fault.New(fault.Invalid, "Line %d is no row of a population: %w.", number, wrong)
				return
			}
			if fn != nil {
				if wrong = fn(row); wrong != nil {
					return
				}
			}
			if !yield(row.Occurrence()) {
				return
			}
		}
	})
	switch {
	case wrong != nil:
		return h, t, wrong
	case err != nil:
		return h, t, fault.New(fault.Invalid, "Line %d: %w.", number, err)
	case len(f.Rows) != t.Rows:
		return h, t, fault.New(fault.Invalid, "The file has %d rows, and its last line says %d.", len(f.Rows), t.Rows).WithNext("Get the file again; rows were lost or added.")
	case f.Hash != t.Root:
		return h, t, fault.New(fault.Invalid, "The rows do not give the hash that the last line says, so they were changed.").WithNext("Get the file again, and compare its SHA-256 with the company's ledger.")
	}
	return h, t, nil
}

// Occurrence is the row as sampling sees it.
func (r Row) Occurrence() sample.Occurrence {
	at := int64(sample.NoTime)
	if !r.At.IsZero() {
		at = r.At.UnixMicro()
	}
	return sample.Occurrence{At: at, Location: r.Location, Opening: sample.Opening{Salt: r.Salt, Key: r.Key, Content: []byte(r.Content)}}
}

// write writes a file, and gives its trailer with the rows' number and hash.
func write(w io.Writer, h Header, rows iter.Seq[Row], end func() (Trailer, error)) (Trailer, error) {
	h.Format = Format
	line := func(v any) error {
		b, err := jsonv2.Marshal(v)
		if err == nil {
			_, err = w.Write(append(b, '\n'))
		}
		return err
	}
	if err := line(h); err != nil {
		return Trailer{}, err
	}
	var wrong error
	f, err := sample.Freeze(func(yield func(sample.Occurrence) bool) {
		for r := range rows {
			if wrong = line(r); wrong != nil || !yield(r.Occurrence()) {
				return
			}
		}
	})
	if err := errors.Join(wrong, err); err != nil {
		return Trailer{}, err
	}
	t, err := end()
	if err != nil {
		return t, err
	}
	t.End, t.Rows, t.Root = true, len(f.Rows), f.Hash
	return t, line(t)
}

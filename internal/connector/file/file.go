// Package file reads and writes records of a kind as CSV, XLSX and JSON. The one rule: a file is taken whole or not at all;
// every bad row is named with its line and column, and what Write makes Read takes back as it was.
//
// In a table an empty cell is a field that is not there. A list of texts stands in one cell, parted by ";". What a plain cell
// cannot carry (a null, an empty text, spaces at the ends) stands as json: and the value, as in json:null. In CSV a text that a
// spreadsheet would take for a formula (=, +, -, @ first) is written with a ' before it, which reading takes off again.
package file

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Limits of one file.
const (
	MaxBytes   = 64 << 20
	MaxRows    = 1_000_000
	MaxColumns = 500
	MaxCell    = 1 << 20
	MaxListed  = 20 // problems named in one refusal
)

// Format is how a file is written.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	XLSX  Format = "xlsx"
	JSON  Format = "json"  // an array of objects
	JSONL Format = "jsonl" // an object a line
)

// Row is one record of a file.
type Row struct {
	Line int             // where it began: the line, or the row of a sheet
	Key  string          // empty when neither a column key nor the kind's key field gives it
	Body json.RawMessage // an object of the kind's fields, names sorted

	Speaks []string // the fields that the file has a place for, empty in this row or not
	Left   bool     // the map's left says that this person has left,
	Here   bool     // or that they work here
}

// Problem is one thing wrong in a file.
type Problem struct {
	Line    int    // 0 for the file as a whole
	Column  string // as the file names it; empty for the whole line
	Message string // without a full stop
}

func (p Problem) String() string {
	switch {
	case p.Line == 0 && p.Column == "":
		return p.Message
	case p.Line == 0:
		return fmt.Sprintf("column %s: %s", p.Column, p.Message)
	case p.Column == "":
		return fmt.Sprintf("line %d: %s", p.Line, p.Message)
	}
	return fmt.Sprintf("line %d, column %s: %s", p.Line, p.Column, p.Message)
}

// Refusal is the cause of the fault that Read returns for bad rows.
type Refusal struct {
	File     string
	Problems []Problem // at most MaxListed
	More     bool      // there were more
}

func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Nothing of %s was taken:", r.File)
	for _, p := range r.Problems {
		b.WriteString("\n  " + p.String())
	}
	if r.More {
		b.WriteString("\n  and more of the kind")
	}
	return b.String()
}

// Read takes every row of a file as a record of the kind; name is used for its ending and in messages. The error is a fault
// whose cause is a Refusal when rows are bad; nothing is returned then.
func Read(kind *record.Kind, name string, r io.Reader, m Mapping) ([]Row, error) {
	if kind.Collected || kind.System {
		return nil, fault.New(fault.Invalid, "%s are read from their source and cannot be imported.", kind.Plural).
			WithNext("Import into a kind that people write, such as person.")
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The file %s could not be read: %w.", name, err)
	}
	if len(data) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "The file %s is larger than %d MB.", name, MaxBytes>>20).WithNext("Divide it into several files.")
	}
	c := &reader{kind: kind, name: filepath.Base(name), mapping: m, keys: map[string]int{}}
	format := formatOf(name, data)
	switch format {
	case XLSX:
		err = c.xlsx(data)
	case JSON, JSONL:
		err = c.json(data)
	default:
		err = c.csv(data, strings.EqualFold(filepath.Ext(name), ".tsv"))
	}
	if err != nil {
		return nil, err
	}
	if len(c.problems) > 0 {
		refusal := &Refusal{File: c.name, Problems: c.problems, More: c.more}
		return nil, &fault.Fault{Kind: fault.Invalid, Message: refusal.Error(), Err: refusal}
	}
	return c.rows, nil
}

// Columns returns the names in a table's first line, as the file writes them; none for JSON, whose members name themselves.
func Columns(kind *record.Kind, name string, r io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The file %s could not be read: %w.", name, err)
	}
	if len(data) > MaxBytes {
		return nil, fault.New(fault.TooLarge, "The file %s is larger than %d MB.", name, MaxBytes>>20).WithNext("Divide it into several files.")
	}
	c := &reader{kind: kind, name: filepath.Base(name), keys: map[string]int{}, headOnly: true}
	switch formatOf(name, data) {
	case XLSX:
		err = c.xlsx(data)
	case JSON, JSONL:
		return nil, nil
	default:
		err = c.csv(data, strings.EqualFold(filepath.Ext(name), ".tsv"))
	}
	return c.head, err
}

// Named returns the field that a column's name stands for, dotted for members of objects; empty when it names none.
func Named(kind *record.Kind, column string) string {
	c := &reader{kind: kind}
	return strings.Join(c.pathOf(column), ".")
}

// formatOf goes by the file's ending, else by its first bytes.
func formatOf(name string, data []byte) Format {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv", ".tsv":
		return CSV
	case ".xlsx":
		return XLSX
	case ".json", ".jsonl", ".ndjson":
		return JSON
	}
	start := bytes.TrimSpace(data[:min(len(data), 100)])
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return XLSX
	case bytes.HasPrefix(start, []byte("{")), bytes.HasPrefix(start, []byte("[")):
		return JSON
	}
	return CSV
}

// reader turns rows into records and gathers what is wrong.
type reader struct {
	kind     *record.Kind
	name     string
	mapping  Mapping
	sheet    bool // cells come from a spreadsheet: days may be numbers
	epoch    bool // the sheet counts days from 1904
	workbook bool // cells are made for a workbook
	rows     []Row
	keys     map[string]int // key to its line
	problems []Problem
	more     bool
	headOnly bool     // nothing but the head is asked for
	head     []string // the names of the columns
}

func (c *reader) problem(line int, column, format string, args ...any) {
	if len(c.problems) >= MaxListed {
		c.more = true
		return
	}
	c.problems = append(c.problems, Problem{Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
}

// full says that reading on would name nothing further.
func (c *reader) full() bool { return c.more }

// keyColumn is what a table calls a record's key, unless the kind has a field of that name.
func keyColumn(k *record.Kind) string {
	if _, taken := k.FieldNamed("key"); taken {
		return "_key"
	}
	return "key"
}

// keyField is the field whose value is the key; empty when there is none.
func keyField(k *record.Kind) string {
	if f, ok := k.FieldNamed(k.Key); ok && !f.List {
		return f.Name
	}
	return ""
}

// add takes a finished row.
func (c *reader) add(line int, key string, body map[string]any, column string) {
	if f := keyField(c.kind); f != "" && body[f] != nil {
		own := fmt.Sprint(body[f])
		if key != "" && key != own {
			c.problem(line, column, "the key %q is not the value of %s, %q", key, f, own)
			return
		}
		key, column = own, f
	}
	if key != "" {
		if before, twice := c.keys[key]; twice {
			c.problem(line, column, "%q stands already on line %d", key, before)
			return
		}
		c.keys[key] = line
	}
	if len(c.rows) >= MaxRows {
		c.problem(line, "", "a file may have at most %d rows", MaxRows)
		c.more = true
		return
	}
	if len(c.problems) > 0 {
		return // the rows will not be used
	}
	raw, err := json.Marshal(body)
	if err != nil {
		c.problem(line, "", "the row cannot be kept: %v", err)
		return
	}
	c.rows = append(c.rows, Row{Line: line, Key: key, Body: raw})
}

// required names the required fields that a row lacks.
func (c *reader) required(line int, body map[string]any) {
	for _, f := range c.kind.Fields {
		if f.Required && !f.Fixed && body[f.Name] == nil {
			c.problem(line, c.columnOf(f.Name), "a value is needed")
		}
	}
}

// columnOf is what the file calls a field.
func (c *reader) columnOf(field string) string {
	if s, ok := c.mapping.Fields[field]; ok && s.Column != "" {
		return s.Column
	}
	return field
}

// decodeText makes UTF-8 of a file that may begin with a byte order mark.
func decodeText(name string, data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		out, err := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder().Bytes(data)
		if err != nil {
			return nil, fault.New(fault.Invalid, "The file %s is not whole UTF-16.", name).WithNext("Save it as CSV in UTF-8.")
		}
		data = out
	}
	if at := invalidAt(data); at >= 0 {
		return nil, fault.New(fault.Invalid, "The file %s is not UTF-8: line %d holds a byte that is no letter.", name, 1+bytes.Count(data[:at], []byte("\n"))).
			WithNext("Save it in UTF-8.")
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return nil, fault.New(fault.Invalid, "The file %s is no text: line %d holds a zero byte.", name, 1+bytes.Count(data[:at], []byte("\n")))
	}
	return data, nil
}

func invalidAt(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// near is the name that was probably meant; empty when none is close.
func near(name string, names []string) string {
	best, at := "", 3
	fold := normal(name)
	for _, n := range names {
		d := distance(fold, normal(n))
		if strings.HasPrefix(n, fold) || strings.HasPrefix(fold, n) && len(n) > 2 {
			d = min(d, 2)
		}
		if d < at {
			best, at = n, d
		}
	}
	return best
}

// distance counts the letters to insert, delete or change (Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > 60 || len(y) > 60 {
		return 99
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		left := row[0]
		row[0] = i + 1
		for j := range y {
			d := left
			if x[i] != y[j] {
				d = 1 + min(left, row[j], row[j+1])
			}
			left, row[j+1] = row[j+1], d
		}
	}
	return row[len(y)]
}

// normal is a header as a field would be named: "First day" is first_day.
func normal(header string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(strings.TrimSpace(header)), func(r rune) bool {
		return r == ' ' || r == '-' || r == '_' || r == '\t' || r == '\n'
	}), "_")
}

func fieldNames(k *record.Kind) []string {
	var out []string
	for _, f := range k.Fields {
		if !f.Fixed {
			out = append(out, f.Name)
		}
	}
	slices.Sort(out)
	return out
}

package file

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/xuri/excelize/v2"

	"tickmark/internal/fault"
)

// csv reads comma-separated values (RFC 4180) with a header.
func (c *reader) csv(data []byte, tabs bool) error {
	data, err := decodeText(c.name, data)
	if err != nil {
		return err
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.Comma = delimiter(data, tabs)
	if c.mapping.Delimiter != "" {
		r.Comma = []rune(c.mapping.Delimiter)[0]
	}
	if strings.ContainsRune("\"\r\n\uFFFD", r.Comma) {
		return fault.New(fault.Invalid, "A CSV cannot be parted by %q.", string(r.Comma)).WithNext("Give another delimiter in the map file.")
	}
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	var p *plan
	var cells []any
	for !c.full() {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			c.problem(bad.Line, "", "%s at letter %d; the rest of the file was not read", csvWords(bad.Err), bad.Column)
			return nil
		}
		if err != nil {
			return fault.New(fault.Unavailable, "The file %s could not be read: %w.", c.name, err)
		}
		line, _ := r.FieldPos(0)
		if p == nil {
			if p = c.header(slices.Clone(fields)); p == nil {
				return nil
			}
			continue
		}
		if blank(fields) {
			continue
		}
		if len(fields) != len(p.columns) {
			c.problem(line, "", "%d values stand under %d columns", len(fields), len(p.columns))
			continue
		}
		cells = cells[:0]
		for _, s := range fields {
			cells = append(cells, unguard(s))
		}
		c.row(p, line, cells, false)
	}
	if p == nil {
		return c.empty()
	}
	return nil
}

func csvWords(err error) string {
	switch {
	case errors.Is(err, csv.ErrQuote):
		return "a quotation mark is not closed or not doubled"
	case errors.Is(err, csv.ErrBareQuote):
		return "a quotation mark stands inside a value that does not begin with one"
	}
	return err.Error()
}

func (c *reader) empty() error {
	return fault.New(fault.Invalid, "The file %s is empty.", c.name).WithNext("Its first line names the fields: %s.", strings.Join(fieldNames(c.kind), ","))
}

// header settles the columns; nil when they are bad, which is a problem already.
func (c *reader) header(names []string) *plan {
	if c.head = names; c.headOnly {
		return nil
	}
	if len(names) > MaxColumns {
		c.problem(1, "", "a file may have at most %d columns", MaxColumns)
		return nil
	}
	before := len(c.problems)
	p := c.plan(names)
	if len(c.problems) > before {
		return nil
	}
	if len(p.fields) == 0 {
		c.problem(1, "", "no column names a field of %s, which are %s", c.kind.Name, strings.Join(fieldNames(c.kind), ", "))
		return nil
	}
	return p
}

// delimiter is what parts the first line: the comma unless it has more semicolons or tabs.
func delimiter(data []byte, tabs bool) rune {
	if tabs {
		return '\t'
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	best := ','
	for _, d := range []rune{';', '\t'} {
		if bytes.Count(line, []byte(string(d))) > bytes.Count(line, []byte(string(best))) {
			best = d
		}
	}
	return best
}

func blank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// json reads an array of objects, or objects one after another. Doubled members and bad UTF-8 are refused.
func (c *reader) json(data []byte) error {
	data, err := decodeText(c.name, data)
	if err != nil {
		return err
	}
	d := jsontext.NewDecoder(bytes.NewReader(data))
	at, line := int64(0), 1
	lineAt := func(offset int64) int {
		offset = min(max(offset, at), int64(len(data)))
		line += bytes.Count(data[at:offset], []byte("\n"))
		at = offset
		return line
	}
	start := func() int64 { // of the next value: behind spaces and the comma
		i := d.InputOffset()
		for i < int64(len(data)) && bytes.IndexByte([]byte(" \t\r\n,"), data[i]) >= 0 {
			i++
		}
		return i
	}
	array := d.PeekKind() == '['
	if array {
		if _, err := d.ReadToken(); err != nil {
			return c.badJSON(err, lineAt(d.InputOffset()))
		}
	}
	plans := map[string]*plan{}
	for !c.full() {
		kind := d.PeekKind()
		from := start()
		if array && kind == ']' {
			if _, err := d.ReadToken(); err != nil {
				return c.badJSON(err, lineAt(d.InputOffset()))
			}
			if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
				c.problem(lineAt(d.InputOffset()), "", "more follows after the array")
			}
			return nil
		}
		value, err := d.ReadValue()
		if errors.Is(err, io.EOF) && !array {
			if len(plans) == 0 && len(c.rows) == 0 && len(c.problems) == 0 {
				return c.empty()
			}
			return nil
		}
		if err != nil {
			c.problem(lineAt(max(from, d.InputOffset())), "", "%s; the rest of the file was not read", jsonWords(err))
			return nil
		}
		here := lineAt(from)
		if value.Kind() != '{' {
			c.problem(here, "", "an object is needed, as in {\"%s\": …}", c.kind.Fields[0].Name)
			continue
		}
		v, err := decodeJSON(value)
		if err != nil {
			c.problem(here, "", "%s", jsonWords(err))
			continue
		}
		c.member(plans, here, v.(map[string]any))
	}
	return nil
}

// member takes one object. Its members are the columns, but custom, whose members are columns of their own.
func (c *reader) member(plans map[string]*plan, line int, object map[string]any) {
	if own, ok := object["custom"].(map[string]any); ok {
		delete(object, "custom")
		for name, v := range own {
			object["custom."+name] = v
		}
	}
	names := sorted(object)
	id := strings.Join(names, "\x00")
	p := plans[id]
	if p == nil {
		before := len(c.problems)
		p = c.plan(names)
		for i := before; i < len(c.problems); i++ {
			c.problems[i].Line = line
		}
		if len(c.problems) > before {
			return
		}
		if len(plans) < 1000 {
			plans[id] = p
		}
	}
	cells := make([]any, len(names))
	for i, n := range names {
		if cells[i] = object[n]; cells[i] == nil {
			cells[i] = null
		}
	}
	c.row(p, line, cells, true)
}

func (c *reader) badJSON(err error, line int) error {
	c.problem(line, "", "%s", jsonWords(err))
	return nil
}

func jsonWords(err error) string {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		err = syntax.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "the file ends in the middle"
	}
	return "this is not JSON: " + strings.TrimPrefix(err.Error(), "jsontext: ")
}

const (
	maxUnzipped = 512 << 20 // of all parts of an XLSX
	maxRatio    = 200       // unzipped to zipped, above a size where that matters
	maxParts    = 2000
)

// xlsx reads one sheet of a workbook. Cells are taken as stored, not as shown; a formula gives its last result.
func (c *reader) xlsx(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fault.New(fault.Invalid, "The file %s is not a whole XLSX workbook.", c.name).WithNext("Save it anew as XLSX or CSV.")
	}
	// The sizes are those the parts declare; reading a part beyond its declared size fails.
	var unzipped uint64
	for _, f := range z.File {
		if f.UncompressedSize64 > maxUnzipped {
			unzipped = maxUnzipped + 1
			break
		}
		unzipped += f.UncompressedSize64
	}
	if unzipped > maxUnzipped || len(z.File) > maxParts || unzipped > 10<<20 && unzipped/uint64(len(data)) > maxRatio {
		return fault.New(fault.TooLarge, "The workbook %s unpacks to more than it may: %d MB is the limit, or %d times its size.", c.name, maxUnzipped>>20, maxRatio).
			WithNext("Save the sheet as CSV.")
	}
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: true, UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: 64 << 20})
	if err != nil {
		return fault.New(fault.Invalid, "The workbook %s cannot be read: %w.", c.name, err).WithNext("Save it anew without a password as XLSX, or as CSV.")
	}
	defer f.Close()
	c.sheet = true
	if props, err := f.GetWorkbookProps(); err == nil && props.Date1904 != nil {
		c.epoch = *props.Date1904
	}
	sheet := c.mapping.Sheet
	sheets := f.GetSheetList()
	if sheet == "" && len(sheets) > 0 {
		sheet = sheets[0]
	}
	if !slices.Contains(sheets, sheet) {
		return fault.New(fault.Invalid, "The workbook %s has no sheet %q.", c.name, sheet).WithNext("Its sheets are %s.", strings.Join(sheets, ", "))
	}
	rows, err := f.Rows(sheet)
	if err != nil {
		return fault.New(fault.Invalid, "The sheet %s of %s cannot be read: %w.", sheet, c.name, err)
	}
	defer rows.Close()
	var p *plan
	var cells []any
	for line := 1; rows.Next() && !c.full(); line++ {
		fields, err := rows.Columns()
		if err != nil {
			return fault.New(fault.Invalid, "Row %d of %s cannot be read: %w.", line, c.name, err)
		}
		if blank(fields) {
			continue
		}
		if p == nil {
			if p = c.header(slices.Clone(fields)); p == nil {
				return nil
			}
			continue
		}
		if len(fields) > len(p.columns) {
			if !blank(fields[len(p.columns):]) {
				c.problem(line, "", "a value stands to the right of the last column that has a name")
				continue
			}
			fields = fields[:len(p.columns)]
		}
		cells = cells[:0]
		for _, s := range fields {
			cells = append(cells, any(s))
		}
		c.row(p, line, cells, false)
	}
	if err := rows.Error(); err != nil {
		return fault.New(fault.Invalid, "The sheet %s of %s cannot be read: %w.", sheet, c.name, err)
	}
	if p == nil && len(c.problems) == 0 {
		return c.empty()
	}
	return nil
}

// serial reads a day as spreadsheets count them, from 1 January 1900 or 1904, with the time as a fraction.
func (c *reader) serial(s string) (time.Time, bool) {
	if !c.sheet {
		return time.Time{}, false
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 1 || n > 2958465 || strings.ContainsAny(s, "eE") && n < 1 {
		return time.Time{}, false
	}
	at, err := excelize.ExcelDateToTime(n, c.epoch)
	return at.Round(time.Second), err == nil
}

// guard puts a ' before a text that a spreadsheet would take for a formula; unguard takes it off.
func guard(s string) string {
	if formula(strings.TrimLeft(s, "'")) {
		return "'" + s
	}
	return s
}

func unguard(s string) string {
	if strings.HasPrefix(s, "'") && formula(strings.TrimLeft(s, "'")) {
		return s[1:]
	}
	return s
}

func formula(s string) bool { return s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 }

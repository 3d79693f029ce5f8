package file

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Options of Write.
type Options struct {
	// Fixed writes the fields that only actions set as well. Such a file is for reading: Read refuses those columns.
	Fixed bool
}

// Write writes records of a kind so that Read takes them back as they are, but for fields that are secret, which are never
// written, and fixed, which are left out unless asked for.
func Write(kind *record.Kind, format Format, w io.Writer, rows []Row, o Options) error {
	t := &table{c: &reader{kind: kind}, o: o}
	bodies := make([]map[string]any, len(rows))
	for i, r := range rows {
		v, err := decodeJSON(r.Body)
		body, ok := v.(map[string]any)
		if err != nil || !ok {
			return fmt.Errorf("write %s %s: its body is not a JSON object", kind.Name, r.Key)
		}
		bodies[i] = body
	}
	t.settle(rows, bodies)
	switch format {
	case JSON, JSONL:
		return t.json(w, rows, bodies, format == JSON)
	case XLSX:
		return t.xlsx(w, rows, bodies)
	}
	return t.csv(w, rows, bodies)
}

// table is the columns of what is written.
type table struct {
	c       *reader
	o       Options
	key     bool
	columns []column
}

type column struct {
	name     string
	path     []string
	field    record.Field
	declared bool
}

// settle finds the columns: the key where no field gives it, the fields, the organisation's own fields, and what else the
// bodies hold.
func (t *table) settle(rows []Row, bodies []map[string]any) {
	k := t.c.kind
	own, extra := map[string]bool{}, map[string]bool{}
	for i, body := range bodies {
		f := keyField(k)
		t.key = t.key || rows[i].Key != "" && (f == "" || body[f] == nil || fmt.Sprint(body[f]) != rows[i].Key)
		for name, v := range body {
			if m, ok := v.(map[string]any); ok && name == "custom" {
				for n := range m {
					own[n] = true
				}
				continue
			}
			if _, ok := k.FieldNamed(name); !ok {
				extra[name] = true
			}
		}
	}
	for _, f := range k.Fields {
		if t.writes(f) {
			t.columns = append(t.columns, column{name: f.Name, path: []string{f.Name}, field: f, declared: true})
		}
	}
	for _, n := range sorted(extra) {
		t.columns = append(t.columns, column{name: n, path: []string{n}, field: record.Field{Name: n, Type: record.Text}})
	}
	for _, n := range sorted(own) {
		t.columns = append(t.columns, column{name: "custom." + n, path: []string{"custom", n}, field: record.Field{Name: n, Type: record.Text}})
	}
}

func (t *table) writes(f record.Field) bool { return !f.Secret && (t.o.Fixed || !f.Fixed) }

func (t *table) header() []string {
	var out []string
	if t.key {
		out = append(out, keyColumn(t.c.kind))
	}
	for _, c := range t.columns {
		out = append(out, c.name)
	}
	return out
}

// value is what a body holds in a column; there is false when it holds nothing.
func (c column) value(body map[string]any) (v any, there bool) {
	for i, name := range c.path {
		v, there = body[name]
		if !there || i == len(c.path)-1 {
			return v, there
		}
		if body, there = v.(map[string]any); !there {
			return nil, false
		}
	}
	return v, there
}

// line makes one row of cells.
func (t *table) line(cells []string, key string, body map[string]any) ([]string, error) {
	if t.key {
		text := ""
		if key != "" {
			var err error
			if text, err = t.c.cell(record.Field{Type: record.Text}, true, key); err != nil {
				return nil, err
			}
		}
		cells = append(cells, text)
	}
	for _, c := range t.columns {
		v, there := c.value(body)
		text := ""
		if there {
			var err error
			if text, err = t.c.cell(c.field, c.declared, v); err != nil {
				return nil, err
			}
		}
		cells = append(cells, text)
	}
	return cells, nil
}

func (t *table) csv(w io.Writer, rows []Row, bodies []map[string]any) error {
	out := csv.NewWriter(w)
	if err := out.Write(t.header()); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	var cells []string
	for i, r := range rows {
		var err error
		if cells, err = t.line(cells[:0], r.Key, bodies[i]); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
		at := 0
		if t.key {
			cells[0] = guard(cells[0])
			at = 1
		}
		for n, c := range t.columns {
			if !slices.Contains([]record.Type{record.Integer, record.Number}, c.field.Type) || c.field.List {
				cells[at+n] = guard(cells[at+n])
			}
		}
		if err := out.Write(cells); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

const maxSheetCell = 32_767 // letters of a cell, as spreadsheets allow

func (t *table) xlsx(w io.Writer, rows []Row, bodies []map[string]any) error {
	t.c.workbook = true
	f := excelize.NewFile()
	defer f.Close()
	sheet := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]'`, r) {
			return ' '
		}
		return r
	}, t.c.kind.Plural)
	if r := []rune(sheet); len(r) > 31 || strings.TrimSpace(sheet) == "" {
		sheet = "Records"
	}
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	out, err := f.NewStreamWriter(sheet)
	if err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	var cells []string
	for line := 0; line <= len(rows); line++ {
		if line == 0 {
			cells = t.header()
		} else if cells, err = t.line(cells[:0], rows[line-1].Key, bodies[line-1]); err != nil {
			return fmt.Errorf("write xlsx: %w", err)
		}
		values := make([]any, len(cells))
		for i, s := range cells {
			if len(s) > maxSheetCell {
				return fault.New(fault.TooLarge, "%s %q holds a text of %d letters, and a cell of a workbook holds %d.", t.c.kind.Title, rows[max(line, 1)-1].Key, len(s), maxSheetCell).
					WithNext("Write CSV or JSON.")
			}
			if s != "" {
				values[i] = s
			}
		}
		at, err := excelize.CoordinatesToCellName(1, line+1)
		if err != nil {
			return fmt.Errorf("write xlsx: %w", err)
		}
		if err := out.SetRow(at, values); err != nil {
			return fmt.Errorf("write xlsx: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("write xlsx: %w", err)
	}
	return nil
}

func (t *table) json(w io.Writer, rows []Row, bodies []map[string]any, array bool) error {
	out := bufio.NewWriter(w)
	if array {
		out.WriteString("[")
	}
	for i, r := range rows {
		object := make(map[string]any, len(bodies[i])+1)
		for name, v := range bodies[i] {
			if f, ok := t.c.kind.FieldNamed(name); !ok || t.writes(f) {
				object[name] = v
			}
		}
		if t.key {
			object[keyColumn(t.c.kind)] = r.Key
		}
		b, err := json.Marshal(object)
		if err != nil {
			return fmt.Errorf("write json: %w", err)
		}
		if array {
			if i > 0 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
		}
		out.Write(b)
		if !array {
			out.WriteByte('\n')
		}
	}
	if array {
		out.WriteString("\n]\n")
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/record"
)

// spelled begins a cell that holds its value as JSON.
const spelled = "json:"

// row makes a record of one row. Cells are texts of a table, or values of a JSON object when typed; nil is nothing there.
func (c *reader) row(p *plan, line int, cells []any, typed bool) {
	body := map[string]any{}
	key, keyName := "", ""
	before := len(c.problems)
	for _, f := range p.fields {
		v, column, err := c.source(f, p, cells)
		if err == nil && v != nil {
			field, declared := c.declared(f.path)
			switch {
			case f.path[0] == keyColumn(c.kind):
				key, keyName, err = c.keyText(v, column, typed && !f.mapped)
			default:
				v, err = c.value(field, declared, v, typed && !f.mapped, f.source.Format)
				if err == nil && v != absent {
					err = put(body, f.path, v)
				}
			}
		}
		if err != nil {
			c.problem(line, column, "%s", err)
		}
	}
	left := false
	if p.left >= 0 {
		var cell any
		if p.left < len(cells) {
			cell = cells[p.left]
		}
		var err error
		if left, err = c.mapping.Left.says(cell); err != nil {
			c.problem(line, strings.TrimSpace(p.columns[p.left]), "%s", err)
		}
		if left && body[lastDay] == nil && c.mapping.Left.Day == "" {
			c.problem(line, c.columnOf(lastDay), "who has left needs a last working day; without one in the file, day: import in the map's left takes the day of the import")
		}
	}
	if len(c.problems) == before {
		c.required(line, body)
	}
	if keyName == "" {
		keyName = keyColumn(c.kind)
	}
	c.add(line, key, body, keyName)
	if n := len(c.rows); n > 0 && c.rows[n-1].Line == line {
		c.rows[n-1].Speaks, c.rows[n-1].Left, c.rows[n-1].Here = p.speaks, left, p.left >= 0 && !left
	}
}

// source is the value of a field before it is understood, and the column to name when it is not.
func (c *reader) source(f planned, p *plan, cells []any) (any, string, error) {
	cell := func(i int) any {
		if i < len(cells) {
			return cells[i]
		}
		return nil
	}
	var v any
	column := strings.Join(f.path, ".")
	switch {
	case f.source.Value != "":
		v = f.source.Value
	case f.source.Template != "":
		some := false
		text := hole.ReplaceAllStringFunc(f.source.Template, func(h string) string {
			s := ""
			if v := cell(f.holes[h[1:len(h)-1]]); v != nil && v != null {
				s = strings.TrimSpace(fmt.Sprint(v))
			}
			some = some || s != ""
			return s
		})
		if some {
			v = text
		}
	case f.at >= 0:
		v, column = cell(f.at), strings.TrimSpace(p.columns[f.at])
	}
	s, isText := v.(string)
	if isText && len(s) > MaxCell {
		return nil, column, fmt.Errorf("the value is longer than %d letters", MaxCell)
	}
	if isText && f.mapped {
		s = strings.TrimSpace(s)
		if to, ok := f.source.Values[s]; ok {
			s = to
		} else {
			for from, to := range f.source.Values {
				if strings.EqualFold(from, s) {
					s = to
				}
			}
		}
		v = s
	}
	if (v == nil || v == "" || v == null) && f.source.Default != "" {
		v = f.source.Default
	}
	return v, column, nil
}

// absence stands for a cell that says nothing.
type absence struct{}

// stated stands for a null that is stated, which differs from nothing there.
type stated struct{}

var (
	absent = absence{}
	null   = stated{}
)

// declared is the field at a path; a field of the organisation's own is none of ours and holds text.
func (c *reader) declared(path []string) (record.Field, bool) {
	fields := c.kind.Fields
	var f record.Field
	for _, name := range path {
		i := slices.IndexFunc(fields, func(f record.Field) bool { return f.Name == name })
		if i < 0 {
			return record.Field{Name: name, Type: record.Text}, false
		}
		f, fields = fields[i], fields[i].Fields
	}
	return f, true
}

// keyText understands the key's cell as any other text.
func (c *reader) keyText(v any, column string, typed bool) (string, string, error) {
	v, err := c.value(record.Field{Type: record.Text}, true, v, typed, "")
	if err != nil || v == nil || v == absent {
		return "", column, err
	}
	s, ok := v.(string)
	if !ok || len(s) > 500 {
		return "", column, errors.New("a key is a text of at most 500 letters")
	}
	return s, column, nil
}

// put sets a member, making the objects around it.
func put(body map[string]any, path []string, v any) error {
	for _, name := range path[:len(path)-1] {
		inner, ok := body[name].(map[string]any)
		if !ok {
			if body[name] != nil {
				return fmt.Errorf("%s is given twice", name)
			}
			inner = map[string]any{}
			body[name] = inner
		}
		body = inner
	}
	last := path[len(path)-1]
	if _, twice := body[last]; twice {
		return fmt.Errorf("%s is given twice", last)
	}
	body[last] = v
	return nil
}

// value understands a cell as the field's type. A typed value comes from JSON and must be of the type already.
func (c *reader) value(f record.Field, declared bool, v any, typed bool, format string) (any, error) {
	if v == null {
		return nil, nil
	}
	s, isText := v.(string)
	if typed || !isText {
		if !declared {
			return v, nil
		}
		return c.typed(f, v)
	}
	if rest, ok := strings.CutPrefix(s, spelled); ok {
		out, err := decodeJSON([]byte(rest))
		if err != nil {
			return nil, fmt.Errorf("after json: stands no JSON: %s", err)
		}
		if !declared {
			return out, nil
		}
		return c.typed(f, out)
	}
	if s = strings.TrimSpace(s); s == "" {
		return absent, nil
	}
	if f.List && f.Type != record.Object && f.Type != record.JSON {
		list := []any{}
		one := f
		one.List = false
		for part := range strings.SplitSeq(s, ";") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			v, err := c.text(one, part, format)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return c.text(f, s, format)
}

// text understands the text of a cell, which is not empty.
func (c *reader) text(f record.Field, s, format string) (any, error) {
	switch f.Type {
	case record.Integer:
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return json.Number(strconv.FormatInt(n, 10)), nil
		}
		if x, err := strconv.ParseFloat(s, 64); err == nil && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return json.Number(strconv.FormatInt(int64(x), 10)), nil
		}
		return nil, fmt.Errorf("%s is not a whole number", quote(s))
	case record.Number:
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("%s is not a number; write it with a point and no thousands marks, as in 1234.5", quote(s))
		}
		if json.Valid([]byte(s)) {
			return json.Number(s), nil
		}
		return json.Number(strconv.FormatFloat(x, 'g', -1, 64)), nil
	case record.Bool:
		switch strings.ToLower(s) {
		case "true", "yes", "y", "1":
			return true, nil
		case "false", "no", "n", "0":
			return false, nil
		}
		return nil, fmt.Errorf("%s is neither true nor false", quote(s))
	case record.Date:
		return c.date(s, format)
	case record.Time:
		return c.time(s, format)
	case record.Object, record.JSON:
		v, err := decodeJSON([]byte(s))
		if err != nil {
			if f.Type == record.JSON && !f.List {
				return s, nil
			}
			return nil, fmt.Errorf("%s is not JSON", quote(s))
		}
		return c.typed(f, v)
	case record.Choice:
		for _, choice := range f.Choices {
			if strings.EqualFold(choice, s) {
				return choice, nil
			}
		}
	}
	return c.typed(f, s)
}

func (c *reader) date(s, format string) (any, error) {
	if format != "" {
		layout, err := layoutOf(format)
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(layout, s)
		if err != nil {
			return nil, fmt.Errorf("%s is not a date of the form %s", quote(s), format)
		}
		return at.Format(time.DateOnly), nil
	}
	if at, ok := c.serial(s); ok {
		return at.Format(time.DateOnly), nil
	}
	if at, err := time.Parse(time.DateOnly, s); err == nil {
		return at.Format(time.DateOnly), nil
	}
	return nil, fmt.Errorf("%s is not a date; write YYYY-MM-DD, or give the column a format in a map file", quote(s))
}

func (c *reader) time(s, format string) (any, error) {
	if _, err := time.Parse(time.RFC3339Nano, s); err == nil && format == "" {
		return s, nil
	}
	local := func(at time.Time) (any, error) {
		if c.mapping.location == nil {
			return nil, fmt.Errorf("%s says no time zone; write it as 2026-01-31T09:00:00+01:00, or give zone in a map file", quote(s))
		}
		return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, c.mapping.location).Format(time.RFC3339), nil
	}
	layouts := []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"}
	if format != "" {
		layout, err := layoutOf(format)
		if err != nil {
			return nil, err
		}
		layouts = []string{layout}
	} else if at, ok := c.serial(s); ok {
		return local(at)
	}
	for _, layout := range layouts {
		if at, err := time.Parse(layout, s); err == nil {
			return local(at)
		}
	}
	if format != "" {
		return nil, fmt.Errorf("%s is not a time of the form %s", quote(s), format)
	}
	return nil, fmt.Errorf("%s is not a time; write it as 2026-01-31T09:00:00+01:00", quote(s))
}

// typed checks a value that has a type of its own.
func (c *reader) typed(f record.Field, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	if f.List {
		list, ok := v.([]any)
		if !ok {
			return nil, errors.New("a list is needed")
		}
		one := f
		one.List = false
		out := make([]any, len(list))
		for i, e := range list {
			var err error
			if out[i], err = c.typed(one, e); err != nil {
				return nil, fmt.Errorf("entry %d: %w", i+1, err)
			}
		}
		return out, nil
	}
	s, isText := v.(string)
	switch f.Type {
	case record.JSON:
		return v, nil
	case record.Object:
		return c.object(f, v)
	case record.Bool:
		if _, ok := v.(bool); !ok {
			return nil, fmt.Errorf("%s is neither true nor false", quote(v))
		}
		return v, nil
	case record.Integer, record.Number:
		n, ok := v.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%s is not a number", quote(v))
		}
		if _, err := n.Int64(); err != nil && f.Type == record.Integer {
			return nil, fmt.Errorf("%s is not a whole number", n)
		}
		if _, err := n.Float64(); err != nil {
			return nil, fmt.Errorf("%s is too large", n)
		}
		return v, nil
	}
	if !isText {
		return nil, fmt.Errorf("%s is not text", quote(v))
	}
	if strings.ContainsRune(s, 0) {
		return nil, errors.New("a text may not hold a zero byte")
	}
	if s == "" {
		return v, nil
	}
	switch f.Type {
	case record.Choice:
		if !slices.Contains(f.Choices, s) {
			return nil, fmt.Errorf("%s is not one of %s%s", quote(s), strings.Join(f.Choices, ", "), hint(near(s, f.Choices)))
		}
	case record.Date:
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return nil, fmt.Errorf("%s is not a date (YYYY-MM-DD)", quote(s))
		}
	case record.Time:
		if _, err := time.Parse(time.RFC3339Nano, s); err != nil {
			return nil, fmt.Errorf("%s is not a time with zone, as in 2026-01-31T09:00:00+01:00", quote(s))
		}
	case record.Email:
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			return nil, fmt.Errorf("%s is not an address", quote(s))
		}
	case record.URL:
		if u, err := url.Parse(s); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" && u.Path == "" {
			return nil, fmt.Errorf("%s is not a web address", quote(s))
		}
	}
	return v, nil
}

func (c *reader) object(f record.Field, v any) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("an object is needed")
	}
	out := make(map[string]any, len(m))
	for _, name := range sorted(m) {
		i := slices.IndexFunc(f.Fields, func(f record.Field) bool { return f.Name == name })
		if i < 0 && len(f.Fields) > 0 {
			return nil, fmt.Errorf("%s has no member %q", f.Name, name)
		}
		inner := any(m[name])
		if i >= 0 {
			var err error
			if inner, err = c.typed(f.Fields[i], inner); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		out[name] = inner
	}
	return out, nil
}

func decodeJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more follows")
	}
	return v, nil
}

func quote(v any) string {
	s, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			return "the value"
		}
		s = string(b)
		if len(s) > 60 {
			return s[:60] + "…"
		}
		return s
	}
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return strconv.Quote(s)
}

// cell is how a value stands in a table: plainly where reading gives the same value again, else spelled out.
func (c *reader) cell(f record.Field, declared bool, v any) (string, error) {
	plain, ok := "", true
	switch v := v.(type) {
	case string:
		plain = v
		ok = !strings.ContainsAny(v, "\r\x00") && !control(v)
	case bool:
		plain = strconv.FormatBool(v)
	case json.Number:
		plain = v.String()
	case []any:
		if f.Type == record.Object || f.Type == record.JSON {
			b, err := json.Marshal(v)
			if err != nil {
				return "", err
			}
			plain = string(b)
			break
		}
		parts := make([]string, len(v))
		for i, e := range v {
			s, isText := e.(string)
			if !isText {
				s = fmt.Sprint(e)
			}
			parts[i] = s
			ok = ok && !strings.ContainsAny(s, ";\r\n\x00") && !control(s)
		}
		plain = strings.Join(parts, "; ")
	case map[string]any:
		b, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		plain = string(b)
	default:
		ok = false
	}
	if c.workbook && strings.Contains(plain, "_x") {
		ok = false // a workbook reads _x0041_ as A
	}
	if ok && plain != "" {
		again, err := c.value(f, declared, plain, false, "")
		if err == nil && reflect.DeepEqual(again, v) {
			return plain, nil
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	// XML has no place for the first two.
	return spelled + strings.NewReplacer("\ufffe", `\ufffe`, "\uffff", `\uffff`, "_x", `\u005fx`).Replace(string(b)), nil
}

func control(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == 0xFFFE || r == 0xFFFF })
}

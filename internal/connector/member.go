package connector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// count is how many objects the service says there are.
func count(body []byte, member string) (n int, ok bool) {
	if member == "" {
		return 0, false
	}
	raw, ok := pick(body, member)
	ok = ok && json.Unmarshal(raw, &n) == nil
	return n, ok
}

// only says that a member is there and neither null nor false.
func only(raw json.RawMessage, member string) bool {
	if member == "" {
		return true
	}
	v, ok := pick(raw, member)
	return ok && string(v) != "null" && string(v) != "false"
}

// moment reads a time as services write it: RFC 3339, with or without the colon in its zone, or seconds or milliseconds since 1970.
func moment(s string) (time.Time, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 1e8 && n < 1e14 {
		if n < 1e11 {
			n *= 1000
		}
		return time.UnixMilli(n).UTC(), nil
	}
	if at, err := time.Parse("2006-01-02T15:04:05Z0700", s); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339Nano, s)
}

// objects are the elements of a page.
func (r *rest) objects(body []byte, member string) ([]json.RawMessage, error) {
	if member == "." {
		return []json.RawMessage{body}, nil
	}
	if over, within, each := strings.Cut(member, ".*."); each {
		return r.gathered(body, over, within)
	}
	if member != "" {
		raw, ok := pick(body, member)
		if !ok && r.Sparse != nil && holdsOnly(body, r.Sparse) {
			return nil, nil
		}
		if !ok {
			return nil, fmt.Errorf("it has no %s", member)
		}
		body = raw
	}
	if items, ok := elements(body); ok {
		return items, nil
	}
	if member == "" {
		return nil, errors.New("it is not a list")
	}
	return nil, fmt.Errorf("its %s is not a list", member)
}

// gathered are the elements of one list within each member of an object. A member without the list holds what an answer may
// hold whose list is empty, and nothing else.
func (r *rest) gathered(body []byte, over, within string) (all []json.RawMessage, err error) {
	raw, ok := pick(body, over)
	if !ok && r.Sparse != nil && holdsOnly(body, r.Sparse) {
		return nil, nil
	}
	var members map[string]json.RawMessage
	if !ok || json.Unmarshal(raw, &members) != nil || members == nil {
		return nil, fmt.Errorf("it has no %s", over)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		items, err := r.objects(members[name], within)
		if err != nil {
			return nil, fmt.Errorf("in %s, %w", printable(name), err)
		}
		all = append(all, items...)
	}
	return all, nil
}

// holdsOnly reports whether an object has no members but these.
func holdsOnly(body []byte, names []string) bool {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil || members == nil { // null is no object
		return false
	}
	for name := range members {
		if !slices.Contains(names, name) {
			return false
		}
	}
	return true
}

func elements(body []byte) (items []json.RawMessage, ok bool) {
	d := lenient(body)
	if d.PeekKind() != '[' {
		return nil, false
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		items = append(items, json.RawMessage(bytes.Clone(v)))
	}
	return items, ends(d)
}

// pick is a member's own bytes; a path of members is dotted. All of raw is read, so that one which is cut off has no member.
func pick(raw json.RawMessage, path string) (json.RawMessage, bool) {
	for name := range strings.SplitSeq(path, ".") {
		d := lenient(raw)
		if d.PeekKind() != '{' {
			return nil, false
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, false
		}
		raw = nil
		for d.PeekKind() == '"' {
			at, err := d.ReadToken()
			if err != nil {
				return nil, false
			}
			if at.String() != name {
				if d.SkipValue() != nil {
					return nil, false
				}
				continue
			}
			v, err := d.ReadValue()
			if err != nil {
				return nil, false
			}
			raw = bytes.Clone(v)
		}
		if !ends(d) || raw == nil {
			return nil, false
		}
	}
	return raw, true
}

// lenient reads JSON without judging an object, which is done where it is kept.
func lenient(raw []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// ends reports whether the object or list under way ends, and nothing follows.
func ends(d *jsontext.Decoder) bool {
	if k := d.PeekKind(); k != '}' && k != ']' {
		return false
	}
	if _, err := d.ReadToken(); err != nil {
		return false
	}
	_, err := d.ReadToken()
	return err == io.EOF
}

// text is a member that is a text, a number, or true or false.
func text(raw json.RawMessage, path string) (string, bool) {
	p, ok := pick(raw, path)
	if !ok {
		return "", false
	}
	var s string
	if json.Unmarshal(p, &s) == nil && !bytes.Equal(p, []byte("null")) {
		return s, true
	}
	if c := p[0]; c == 'n' || c == '{' || c == '[' {
		return "", false
	}
	return string(p), true
}

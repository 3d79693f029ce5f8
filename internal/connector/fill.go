package connector

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

var hole = regexp.MustCompile(`\{([^{}]+)\}`)

// name makes a key or label: a member, or a template over members, {parent} and the parent's members. It is empty when one
// is not there.
func (r *rest) name(template string, raw json.RawMessage, over parent) string {
	if !hole.MatchString(template) {
		if template == "" {
			return ""
		}
		s, _ := text(raw, template)
		return printable(s)
	}
	whole := true
	out := hole.ReplaceAllStringFunc(template, func(h string) string {
		name := h[1 : len(h)-1]
		from := raw
		if name == "parent" {
			return over.key
		} else if member, is := strings.CutPrefix(name, "parent."); is {
			name, from = member, over.body
		}
		s, ok := text(from, name)
		whole = whole && ok && s != ""
		return s
	})
	if !whole {
		return ""
	}
	return printable(out)
}

// printable keeps what a database and a page can hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// fill puts the parent's members and the settings into a path, each as one segment that cannot climb, or one value of the
// query.
func (r *rest) fill(path string, over parent) (string, error) {
	var b strings.Builder
	query := false
	for at := 0; at < len(path); {
		next := hole.FindStringIndex(path[at:])
		if next == nil {
			next = []int{len(path) - at, len(path) - at}
		}
		b.WriteString(path[at : at+next[0]])
		query = query || strings.Contains(path[at:at+next[0]], "?")
		if next[1] > next[0] {
			name, slashes := strings.CutPrefix(path[at+next[0]+1:at+next[1]-1], "+")
			value, err := r.value(name, over)
			if err != nil {
				return "", err
			}
			switch {
			case query:
				value = url.QueryEscape(value)
			case slashes:
				if value, err = segments(value); err != nil {
					return "", fmt.Errorf("%q has no usable %s, which is needed to ask further", over.key, name)
				}
			default:
				value = escape(value)
			}
			b.WriteString(value)
		}
		at += next[1]
	}
	return b.String(), nil
}

// segments escapes each segment of a name, none of which may climb or be empty.
func segments(name string) (string, error) {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		if p == "" || p == "." || p == ".." {
			return "", errors.New("a segment is empty or climbs")
		}
		parts[i] = escape(p)
	}
	return strings.Join(parts, "/"), nil
}

// value is what stands for a hole.
func (r *rest) value(name string, over parent) (value string, err error) {
	ok := true
	at, member := &over, name
	for {
		up, is := strings.CutPrefix(member, "parent")
		if !is || at.over == nil || up != "" && up[0] != '.' {
			break
		}
		at, member = at.over, cmp.Or(strings.TrimPrefix(up, "."), "key")
	}
	if name == "since" && over.since != "" {
		value = over.since
	} else if name == "until" && over.until != "" {
		value = over.until
	} else if setting, is := strings.CutPrefix(name, "settings."); is {
		value = r.values[setting]
	} else if member == "key" {
		value = at.key
	} else {
		value, ok = text(at.body, member)
	}
	if !ok || value == "" || value == "." || value == ".." {
		return "", fmt.Errorf("%q has no usable %s, which is needed to ask further", over.key, name)
	}
	return value, nil
}

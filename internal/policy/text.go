package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var variable = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)

// placeholder is what writers leave where something is to come.
var placeholder = regexp.MustCompile(`(?i)\b(?:TODO|TBD|TBC|FIXME|XXX|lorem ipsum|lorem)\b|\[\s*(?:\.{2,}|…|_+|\?+|(?:insert|enter|add|fill in|your|company|name of|date of)\b[^\]\n]*)\s*\]|<(?:insert|enter|company|name|date)[^>\n]*>`)

// Variables are the names in double braces that a text uses, each once, in its order.
func Variables(text string) []string {
	var out []string
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// Rendered is the text of a version with its variables filled in, and the names that have no value.
func Rendered(body map[string]any) (string, []string) {
	values, _ := body["variables"].(map[string]any)
	return render(text(body, "text"), values)
}

// Render is Rendered of a version that was read.
func (v Version) Render() (string, []string) { return render(v.Text, v.Variables) }

func render(source string, values map[string]any) (string, []string) {
	var missing []string
	out := variable.ReplaceAllStringFunc(source, func(m string) string {
		name := variable.FindStringSubmatch(m)[1]
		value := strings.TrimSpace(said(values[name]))
		if value == "" {
			if !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
			return m
		}
		return value
	})
	return out, missing
}

func said(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []any:
		var parts []string
		for _, e := range x {
			parts = append(parts, said(e))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

// Gaps are what keeps a text from being sent for review: variables without a value and placeholders, each named.
func Gaps(body map[string]any) []string {
	rendered, missing := Rendered(body)
	return gaps(rendered, missing)
}

// Gaps of a version that was read.
func (v Version) Gaps() []string { return gaps(v.Render()) }

func gaps(rendered string, missing []string) []string {
	var out []string
	if strings.TrimSpace(rendered) == "" {
		out = append(out, "it has no text")
	}
	for _, name := range missing {
		out = append(out, fmt.Sprintf("{{%s}} has no value", name))
	}
	for i, line := range strings.Split(rendered, "\n") {
		for _, at := range placeholder.FindAllStringIndex(line, -1) {
			if line[at[1]-1] == ']' && at[1] < len(line) && (line[at[1]] == '(' || line[at[1]] == ':') {
				continue // a link
			}
			out = append(out, fmt.Sprintf("line %d says %q", i+1, line[at[0]:at[1]]))
		}
		if strings.Contains(variable.ReplaceAllString(line, ""), "{{") {
			out = append(out, fmt.Sprintf("line %d has double braces that are not closed", i+1))
		}
	}
	return out
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// Sum is the SHA-256 of the text of a version as people see it.
func (v Version) Sum() string {
	rendered, _ := v.Render()
	return sum(rendered)
}

func encoded(body map[string]any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		return []byte("null") // a body that was just decoded can be encoded
	}
	return b
}

package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// shortest is the length from which a credential is looked for: a shorter one is also a part of ordinary words.
const shortest = 6

// Cover takes the secrets that it was told of out of texts: as they are, and as a service says them back, in an address, in
// JSON, in base64 (also as a part of something longer) and in hexadecimal. Its zero value covers nothing; it serves several goroutines.
type Cover struct {
	mu    sync.RWMutex
	known map[string]bool
	forms []string // of all secrets, the longest first
}

// Add covers secrets from now on. Of one with several lines, such as a key in PEM, each long line is covered as well.
func (c *Cover) Add(secrets ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range secrets {
		if len(s) < shortest || c.known[s] {
			continue
		}
		if c.known == nil {
			c.known = map[string]bool{}
		}
		c.known[s] = true
		all := forms(s)
		for line := range strings.SplitSeq(strings.ReplaceAll(s, `\n`, "\n"), "\n") { // the key of a service account is PEM within JSON
			if line = strings.TrimSpace(line); len(line) >= 16 && line != s && !strings.HasPrefix(line, "-----") {
				all = append(all, forms(line)...)
			}
		}
		next := append(slices.Clone(c.forms), all...)
		slices.SortFunc(next, longestFirst)
		c.forms = slices.Compact(next)
	}
}

func longestFirst(a, b string) int {
	if len(a) != len(b) {
		return len(b) - len(a)
	}
	return strings.Compare(a, b)
}

// Hide puts … in the place of every secret.
func (c *Cover) Hide(text string) string {
	c.mu.RLock()
	forms := c.forms
	c.mu.RUnlock()
	for _, f := range forms {
		text = strings.ReplaceAll(text, f, "…")
	}
	return text
}

// Within reports whether a secret stands in some bytes.
func (c *Cover) Within(text []byte) bool {
	c.mu.RLock()
	forms := c.forms
	c.mu.RUnlock()
	return slices.ContainsFunc(forms, func(f string) bool { return bytes.Contains(text, []byte(f)) })
}

// forms are a secret as it is and as others write it.
func forms(s string) []string {
	quoted, _ := json.Marshal(s) // a text always encodes
	out := []string{s, strings.TrimSpace(s), strings.Trim(string(quoted), `"`), strings.Join(strings.Fields(s), " "), html.EscapeString(s),
		hex.EncodeToString([]byte(s)), strings.ToUpper(hex.EncodeToString([]byte(s)))}
	for _, escaped := range []string{url.QueryEscape(s), url.PathEscape(s)} {
		out = append(out, escaped, lowerEscapes(escaped))
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			out = append(out, within(e, s, before))
		}
	}
	return slices.DeleteFunc(out, func(f string) bool { return len(f) < shortest })
}

// within is what stands for a secret in the base64 of something longer, where it begins that many bytes after a whole group
// of three: the letters at its ends that hang on its neighbours are left out.
func within(e *base64.Encoding, s string, before int) string {
	text := e.EncodeToString(append(make([]byte, before), s...))
	from := []int{0, 2, 3}[before]
	return text[from : (before+len(s))*8/6]
}

// lowerEscapes writes %2F as %2f.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(s[i+1:i+3]))
		}
	}
	return string(b)
}

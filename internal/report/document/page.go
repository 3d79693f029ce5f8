package document

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// CSS is how the document looks on a page. It takes the colours of the page it stands in, and has its own when it stands alone.
//
//go:embed document.css
var CSS string

// HTML is the document as one file that needs nothing else: no script, no font, no picture from anywhere.
func HTML(ctx context.Context, d Document) ([]byte, error) {
	var b bytes.Buffer
	if err := Whole(d).Render(ctx, &b); err != nil {
		return nil, fmt.Errorf("draw %s: %w", d.Title, err)
	}
	return b.Bytes(), nil
}

type linksKey struct{}

// WithLinks lets a page say where its links lead, such as to keep the moment that its reader looks at.
func WithLinks(ctx context.Context, to func(href string) string) context.Context {
	return context.WithValue(ctx, linksKey{}, to)
}

// link is an address within the site as the page wants it.
func link(ctx context.Context, href string) templ.SafeURL {
	if to, ok := ctx.Value(linksKey{}).(func(string) string); ok {
		href = to(href)
	}
	return templ.SafeURL(href)
}

// printing is what stands on every sheet of a page that is printed: what nobody may miss, and the number.
func printing(d Document) string {
	return fmt.Sprintf("@page{margin:18mm 14mm;@top-left{content:%s;font:600 8pt sans-serif}@bottom-left{content:%s;font:8pt sans-serif}@bottom-right{content:counter(page) \" / \" counter(pages);font:8pt sans-serif}}",
		quoted(d.Banner), quoted(d.Notice))
}

// quoted is a text as a string of CSS, in which nothing but letters, digits and spaces stands as it is.
func quoted(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == ' ' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\%06x ", r)
		}
	}
	return `"` + b.String() + `"`
}

func language(d Document) string {
	if d.Language == "" {
		return "en"
	}
	return d.Language
}

func safe(href string) bool {
	return strings.HasPrefix(href, "https://") || strings.HasPrefix(href, "http://") || strings.HasPrefix(href, "mailto:")
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }

// top and tall tell the tones of a timeline apart where there is no colour.
func top(t Tone) string {
	return map[Tone]string{Fail: "0", Unknown: "4"}[t] + map[bool]string{true: "8"}[t == Pass]
}

func tall(t Tone) string {
	return map[Tone]string{Fail: "16", Unknown: "12", Pass: "8"}[t]
}

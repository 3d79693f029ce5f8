// Package markdown turns the organisation's texts into HTML. The one rule: whatever is in a text, only plain structure
// comes out: no script, no style, no image, no form, and no id but that of a clause.
package markdown

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

var (
	engine = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList),
		goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(clauses{}, 500))), goldmark.WithRendererOptions(html.WithXHTML()))
	allowed = policy()
	mark    = regexp.MustCompile(`\s*\{#([A-Z][A-Z0-9]*-[0-9]+)((?:[ ,]+[A-Z][A-Z0-9]*-[0-9]+)*)\}\s*$`)
)

func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "strong", "em", "del", "code", "pre", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("id").Matching(regexp.MustCompile(`^[A-Z][A-Z0-9]*-[0-9]+$`)).OnElements("p", "li")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^clause$`)).OnElements("a")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireParseableURLs(true)
	p.RequireNoReferrerOnFullyQualifiedLinks(true)
	return p
}

// HTML renders a text. Headings move down a step, because the page has its own first heading.
func HTML(source string) string {
	var b bytes.Buffer
	if err := engine.Convert([]byte(source), &b); err != nil {
		return bluemonday.StrictPolicy().Sanitize(source)
	}
	return allowed.Sanitize(b.String())
}

// clauses gives every paragraph and list item that ends in {#AC-3} or {#AC-3 AC-06} that id, and a link to itself.
type clauses struct{}

func (clauses) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	source := reader.Source()
	var marked []ast.Node
	ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(6, max(2, n.Level))
		case *ast.Paragraph, *ast.TextBlock:
			marked = append(marked, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range marked {
		last, ok := n.LastChild().(*ast.Text)
		if !ok {
			continue
		}
		// The braces may be cut into several pieces of text; what they say stands in the source.
		begin := n.LastChild()
		for p := begin.PreviousSibling(); p != nil; p = begin.PreviousSibling() {
			if t, same := p.(*ast.Text); !same || t.SoftLineBreak() {
				break
			}
			begin = p
		}
		from := begin.(*ast.Text).Segment.Start
		m := mark.FindSubmatchIndex(source[from:last.Segment.Stop])
		if m == nil {
			continue
		}
		id, cut := string(source[from+m[2]:from+m[3]]), from+m[0]
		for c := n.LastChild(); c != nil; {
			t, prev := c.(*ast.Text), c.PreviousSibling()
			if t == nil || t.Segment.Stop <= cut {
				break
			}
			if t.Segment.Start >= cut {
				n.RemoveChild(n, c)
			} else {
				t.Segment = t.Segment.WithStop(cut)
				break
			}
			if c = prev; c != nil {
				if _, still := c.(*ast.Text); !still {
					break
				}
			}
		}
		owner := n
		if li, ok := n.Parent().(*ast.ListItem); ok && li.FirstChild() == n {
			owner = li
		}
		owner.SetAttributeString("id", []byte(id))
		link := ast.NewLink()
		link.Destination = []byte("#" + id)
		link.SetAttributeString("class", []byte("clause"))
		link.AppendChild(link, ast.NewString([]byte(id)))
		n.AppendChild(n, ast.NewString([]byte(" ")))
		n.AppendChild(n, link)
	}
}

// Clause is a sentence of a text that has an id of its own: {#AC-3 AC-06 AC-08} at its end names it and the controls that
// carry it out.
type Clause struct {
	ID       string
	Text     string // without the mark
	Controls []string
}

// Clauses are the clauses of a text, in its order.
func Clauses(source string) []Clause {
	var out []Clause
	for _, b := range Blocks(source) {
		m := mark.FindStringSubmatchIndex(b)
		if m == nil {
			continue
		}
		text := strings.TrimSpace(begins.ReplaceAllString(strings.TrimSpace(b[:m[0]]), ""))
		out = append(out, Clause{ID: b[m[2]:m[3]], Text: strings.Join(strings.Fields(text), " "), Controls: strings.FieldsFunc(b[m[4]:m[5]], func(r rune) bool { return r == ' ' || r == ',' })})
	}
	return out
}

// Blocks cuts a text into what readers see as one thing each: paragraphs, list items, headings, tables.
func Blocks(source string) []string {
	var out []string
	fenced := false
	flush := true
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\r\n")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "```") {
			fenced = !fenced
		}
		switch {
		case trimmed == "" && !fenced:
			flush = true
			continue
		case flush || !fenced && begins.MatchString(trimmed):
			out = append(out, line)
		default:
			out[len(out)-1] += "\n" + line
		}
		flush = !fenced && strings.HasPrefix(trimmed, "#")
	}
	return out
}

// begins says that a line begins a block of its own, though no empty line stands before.
var begins = regexp.MustCompile(`^([-*+]|\d+[.)])\s|^#{1,6}\s`)

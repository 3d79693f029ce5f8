package document

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

var reader = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList))

var clause = regexp.MustCompile(`\s*\{#([A-Z][A-Z0-9]*-[0-9]+)( [^{}]*)?\}\s*$`)

// Markdown reads a text into blocks. Raw HTML and pictures are shown as the text they are; nothing of them takes effect.
func Markdown(source string) []Block {
	b := []byte(source)
	m := &markdown{source: b}
	return m.blocks(reader.Parser().Parse(text.NewReader(b)))
}

// deepest is how deep lists and quotes lie within each other; what lies deeper stands at that depth.
const deepest = 12

type markdown struct {
	source []byte
	depth  int
}

func (m *markdown) blocks(parent ast.Node) []Block {
	m.depth++
	defer func() { m.depth-- }()
	var out []Block
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if n.FirstChild() != nil && m.depth > deepest && (n.Kind() == ast.KindBlockquote || n.Kind() == ast.KindList) {
			out = append(out, m.blocks(n)...)
			continue
		}
		switch n := n.(type) {
		case *ast.Heading:
			out = append(out, Block{Head: &Head{Level: n.Level, Spans: m.line(n)}})
		case *ast.Paragraph, *ast.TextBlock:
			if s := m.line(n); len(s) > 0 {
				out = append(out, Block{Text: s})
			}
		case *ast.List:
			l := List{Ordered: n.IsOrdered(), Start: n.Start, Items: [][]Block{}}
			for i := n.FirstChild(); i != nil; i = i.NextSibling() {
				l.Items = append(l.Items, m.blocks(i))
			}
			out = append(out, Block{List: &l})
		case *ast.Blockquote:
			out = append(out, Block{Quote: m.blocks(n)})
		case *ast.FencedCodeBlock, *ast.CodeBlock, *ast.HTMLBlock:
			if s := strings.TrimRight(m.lines(n), "\n"); s != "" {
				out = append(out, Block{Code: s})
			}
		case *ast.ThematicBreak:
			out = append(out, Block{Rule: true})
		case *east.Table:
			out = append(out, Block{Table: m.table(n)})
		default:
			out = append(out, m.blocks(n)...)
		}
	}
	return out
}

func (m *markdown) lines(n ast.Node) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		s := n.Lines().At(i)
		b.Write(s.Value(m.source))
	}
	return b.String()
}

func (m *markdown) table(n *east.Table) *Table {
	t := &Table{Rows: []Row{}}
	for r := n.FirstChild(); r != nil; r = r.NextSibling() {
		row := Row{Cells: []Cell{}}
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			if _, head := r.(*east.TableHeader); head {
				t.Columns = append(t.Columns, Column{Title: textOf(m.line(c)), Width: 1})
				continue
			}
			row.Cells = append(row.Cells, Cell{Spans: m.line(c)})
		}
		if len(row.Cells) > 0 {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// line reads the text of a node; the mark of a clause becomes its number in brackets at the end.
func (m *markdown) line(n ast.Node) []Span {
	spans := m.spans(n, Span{})
	if len(spans) == 0 {
		return spans
	}
	last := &spans[len(spans)-1]
	if found := clause.FindStringSubmatch(last.Text); found != nil {
		last.Text = clause.ReplaceAllString(last.Text, "")
		spans = append(spans, Span{Text: " "}, Span{Text: found[1], Code: true})
	}
	return spans
}

func (m *markdown) spans(parent ast.Node, like Span) []Span {
	var out []Span
	add := func(s Span) {
		if k := len(out) - 1; k >= 0 && !out[k].Break {
			like := out[k]
			like.Text, like.Break = s.Text, s.Break
			if like == s { // pieces of one run
				out[k].Text += s.Text
				out[k].Break = s.Break
				return
			}
		}
		out = append(out, s)
	}
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		s := like
		switch n := n.(type) {
		case *ast.Text:
			s.Text = string(n.Segment.Value(m.source))
			s.Break = n.HardLineBreak()
			if n.SoftLineBreak() {
				s.Text += " "
			}
			add(s)
		case *ast.String:
			s.Text = string(n.Value)
			add(s)
		case *ast.CodeSpan:
			s.Code = true
			for _, x := range m.spans(n, s) {
				add(x)
			}
		case *ast.Emphasis:
			s.Bold, s.Italic = s.Bold || n.Level == 2, s.Italic || n.Level == 1
			for _, x := range m.spans(n, s) {
				add(x)
			}
		case *east.Strikethrough:
			s.Strike = true
			for _, x := range m.spans(n, s) {
				add(x)
			}
		case *ast.Link:
			s.Href = string(n.Destination)
			for _, x := range m.spans(n, s) {
				add(x)
			}
		case *ast.AutoLink:
			s.Text, s.Href = string(n.Label(m.source)), string(n.URL(m.source))
			add(s)
		case *ast.RawHTML:
			for i := range n.Segments.Len() {
				seg := n.Segments.At(i)
				s.Text = string(seg.Value(m.source))
				add(s)
			}
		case *east.TaskCheckBox:
			s.Text = "[ ] "
			if n.IsChecked {
				s.Text = "[x] "
			}
			add(s)
		default:
			for _, x := range m.spans(n, s) {
				add(x)
			}
		}
	}
	return out
}

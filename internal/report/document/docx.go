package document

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DOCX is the document as a file of Office Open XML (ECMA-376), with styles for headings, a contents field, and heads and feet. The
// same document gives the same bytes. Timelines are told in words; a reader of the file may edit it, so it is never what is issued.
func DOCX(d Document, paper Paper) ([]byte, error) {
	w := &docx{wide: 9638, high: 16838, sheet: 11906, links: map[string]string{}} // A4 with margins of 20 mm, in twentieths of a point
	if paper == Letter {
		w.wide, w.high, w.sheet = 9972, 15840, 12240
	}
	w.cover(d)
	if d.Contents {
		w.heading(1, "Contents", "", false)
		w.contents(d.Sections)
	}
	for _, s := range d.Sections {
		w.section(s, 1)
	}
	return w.file(d)
}

type docx struct {
	b                 strings.Builder
	wide, high, sheet int
	lists             []bool            // whether each list is numbered, by its number from 1
	starts            []int             // where each begins
	links             map[string]string // relationship of an address
	order             []string          // addresses by relationship
	marks             int
}

func escaped(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a strings.Builder refuses nothing; what XML cannot hold becomes U+FFFD
	return b.String()
}

// run writes a text; a line break in it stays one.
func (w *docx) run(properties, text string) {
	for i, line := range strings.Split(text, "\n") {
		w.b.WriteString("<w:r>")
		if properties != "" {
			w.b.WriteString("<w:rPr>" + properties + "</w:rPr>")
		}
		if i > 0 {
			w.b.WriteString("<w:br/>")
		}
		w.b.WriteString(`<w:t xml:space="preserve">` + escaped(line) + "</w:t></w:r>")
	}
}

func (w *docx) open(style, more string) {
	w.b.WriteString(`<w:p><w:pPr><w:pStyle w:val="` + style + `"/>` + more + `</w:pPr>`)
}

func (w *docx) close() { w.b.WriteString("</w:p>") }

func (w *docx) text(style, text string) {
	w.open(style, "")
	w.run("", text)
	w.close()
}

func (w *docx) spans(list []Span) {
	for _, s := range list {
		var p string
		if s.Bold {
			p += "<w:b/>"
		}
		if s.Italic {
			p += "<w:i/>"
		}
		if s.Strike {
			p += "<w:strike/>"
		}
		if s.Code {
			p = `<w:rStyle w:val="Code"/>` + p
		}
		if safe(s.Href) && len(s.Href) < 2000 {
			id, ok := w.links[s.Href]
			if !ok {
				w.order = append(w.order, s.Href)
				id = "link" + strconv.Itoa(len(w.order))
				w.links[s.Href] = id
			}
			w.b.WriteString(`<w:hyperlink r:id="` + id + `">`)
			w.run(`<w:rStyle w:val="Hyperlink"/>`+p, s.Text)
			w.b.WriteString("</w:hyperlink>")
		} else {
			w.run(p, s.Text)
		}
		if s.Break {
			w.b.WriteString("<w:r><w:br/></w:r>")
		}
	}
}

// refs writes the codes of references behind a text.
func (w *docx) refs(list []Ref) {
	for _, r := range list {
		w.run(`<w:rStyle w:val="Reference"/>`, " ✓"+r.Code)
	}
}

func (w *docx) cover(d Document) {
	w.open("Organisation", "")
	w.run("", d.Organisation)
	w.close()
	w.text("Title", d.Title)
	if d.Subtitle != "" {
		w.text("Subtitle", d.Subtitle)
	}
	w.facts(d.Facts)
	if d.Cover != "" {
		w.text("Small", d.Cover)
	}
}

func (w *docx) heading(level int, title, id string, follows bool) {
	more := ""
	if level == 1 && !follows {
		more = "<w:pageBreakBefore/>"
	}
	w.open("Heading"+strconv.Itoa(min(level, 4)), more)
	if id != "" {
		w.marks++
		fmt.Fprintf(&w.b, `<w:bookmarkStart w:id="%d" w:name="%s"/>`, w.marks, bookmark(id))
	}
	w.run("", title)
	if id != "" {
		fmt.Fprintf(&w.b, `<w:bookmarkEnd w:id="%d"/>`, w.marks)
	}
	w.close()
}

// bookmark is a name as Word takes it: letters, digits and underlines, at most 40 of them.
func bookmark(id string) string {
	var b strings.Builder
	for _, r := range "s_" + id {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()[:min(40, b.Len())]
}

// contents is a field that Word fills with page numbers; until then it lists the titles, each leading to its section.
func (w *docx) contents(list []Section) {
	first := true
	entry := func(level int, s Section) {
		w.open("TOC"+strconv.Itoa(level), "")
		if first {
			w.b.WriteString(`<w:r><w:fldChar w:fldCharType="begin" w:dirty="true"/></w:r><w:r><w:instrText xml:space="preserve"> TOC \o "1-2" \h \z \u </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r>`)
			first = false
		}
		w.b.WriteString(`<w:hyperlink w:anchor="` + bookmark(s.ID) + `">`)
		w.run("", s.Title)
		w.b.WriteString("</w:hyperlink>")
		w.close()
	}
	for _, s := range list {
		entry(1, s)
		for _, x := range s.Sections {
			entry(2, x)
		}
	}
	if !first {
		w.open("Normal", "")
		w.b.WriteString(`<w:r><w:fldChar w:fldCharType="end"/></w:r>`)
		w.close()
	}
}

func (w *docx) section(s Section, level int) {
	w.heading(level, s.Title, s.ID, s.Follows)
	w.blocks(s.Blocks, level, 0, "Normal")
	for _, x := range s.Sections {
		w.section(x, level+1)
	}
}

func (w *docx) blocks(list []Block, level, depth int, style string) {
	for _, b := range list {
		switch {
		case b.Text != nil:
			as := style
			if b.Small {
				as = "Small"
			}
			w.open(as, indent(depth))
			w.spans(b.Text)
			w.refs(b.Refs)
			w.close()
		case b.Facts != nil:
			w.facts(b.Facts)
		case b.Table != nil:
			w.table(*b.Table)
		case b.List != nil:
			w.list(*b.List, level, depth)
		case b.Tiles != nil:
			for _, t := range b.Tiles {
				w.text("Normal", t.Title+": "+strconv.Itoa(t.Number))
			}
		case b.Note != nil:
			w.open("Note", indent(depth))
			if b.Note.Title != "" {
				w.run("<w:b/>", b.Note.Title+". ")
			}
			w.run("", b.Note.Text)
			w.close()
		case b.Code != "":
			w.open("CodeBlock", indent(depth))
			w.run("", b.Code)
			w.close()
		case b.Quote != nil:
			w.blocks(b.Quote, level, depth+1, style)
		case b.Head != nil:
			w.open("Heading"+strconv.Itoa(min(level+b.Head.Level, 4)), "")
			w.spans(b.Head.Spans)
			w.close()
		case b.Rule:
			w.open("Normal", `<w:pBdr><w:bottom w:val="single" w:sz="4" w:space="1" w:color="D9DCE3"/></w:pBdr>`)
			w.close()
		case b.Sign != nil:
			w.facts(b.Sign)
		}
	}
}

func indent(depth int) string {
	if depth == 0 {
		return ""
	}
	return fmt.Sprintf(`<w:ind w:left="%d"/>`, depth*360)
}

// list writes items; what follows the first paragraph of one is indented under it.
func (w *docx) list(l List, level, depth int) {
	w.lists, w.starts = append(w.lists, l.Ordered), append(w.starts, max(l.Start, 1))
	n := len(w.lists)
	for _, item := range l.Items {
		for i, b := range item {
			if i == 0 && b.Text != nil {
				w.open("ListParagraph", fmt.Sprintf(`<w:numPr><w:ilvl w:val="%d"/><w:numId w:val="%d"/></w:numPr>`, min(depth, 8), n))
				w.spans(b.Text)
				w.refs(b.Refs)
				w.close()
				continue
			}
			w.blocks([]Block{b}, level, depth+1, "Normal")
		}
	}
}

func (w *docx) facts(list []Fact) {
	if len(list) == 0 {
		return
	}
	left := w.wide * 28 / 100
	w.b.WriteString(`<w:tbl><w:tblPr><w:tblStyle w:val="Plain"/><w:tblW w:w="5000" w:type="pct"/><w:tblLayout w:type="fixed"/></w:tblPr><w:tblGrid>`)
	fmt.Fprintf(&w.b, `<w:gridCol w:w="%d"/><w:gridCol w:w="%d"/></w:tblGrid>`, left, w.wide-left)
	for _, f := range list {
		fmt.Fprintf(&w.b, `<w:tr><w:trPr><w:cantSplit/></w:trPr><w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/></w:tcPr>`, left)
		w.text("CellSmall", f.Name)
		fmt.Fprintf(&w.b, `</w:tc><w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/></w:tcPr>`, w.wide-left)
		w.open("Cell", "")
		w.spans([]Span{{Text: f.Value, Code: f.Code}})
		if f.Ref != nil {
			w.refs([]Ref{*f.Ref})
		}
		w.close()
		w.b.WriteString("</w:tc></w:tr>")
	}
	w.b.WriteString("</w:tbl>")
	w.text("Small", "")
}

// widths are a table's columns in twentieths of a point.
func (w *docx) widths(columns []Column) []int {
	left, shares := float64(w.wide), 0.0
	for _, c := range columns {
		if c.Width < 0 {
			left += c.Width * 20
		} else {
			shares += c.Width
		}
	}
	out := make([]int, len(columns))
	for i, c := range columns {
		if c.Width < 0 {
			out[i] = int(-c.Width * 20)
		} else if shares > 0 {
			out[i] = int(max(left, 0) * c.Width / shares)
		}
	}
	return out
}

func (w *docx) table(t Table) {
	if len(t.Rows) == 0 {
		if t.Empty != "" {
			w.text("Small", t.Empty)
		}
		return
	}
	widths := w.widths(t.Columns)
	w.b.WriteString(`<w:tbl><w:tblPr><w:tblStyle w:val="Lines"/><w:tblW w:w="5000" w:type="pct"/><w:tblLayout w:type="fixed"/><w:tblLook w:firstRow="1" w:val="0020"/>`)
	if t.Label != "" {
		w.b.WriteString(`<w:tblCaption w:val="` + escaped(t.Label) + `"/>`)
	}
	w.b.WriteString(`</w:tblPr><w:tblGrid>`)
	for _, n := range widths {
		fmt.Fprintf(&w.b, `<w:gridCol w:w="%d"/>`, n)
	}
	w.b.WriteString(`</w:tblGrid><w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>`)
	for i, c := range t.Columns {
		fmt.Fprintf(&w.b, `<w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/><w:shd w:val="clear" w:color="auto" w:fill="F5F6F9"/></w:tcPr>`, widths[i])
		w.text("CellHead", c.Title)
		w.b.WriteString("</w:tc>")
	}
	w.b.WriteString("</w:tr>")
	for _, r := range t.Rows {
		if r.Cells == nil {
			fmt.Fprintf(&w.b, `<w:tr><w:trPr><w:cantSplit/></w:trPr><w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/><w:gridSpan w:val="%d"/></w:tcPr>`, w.wide, max(len(t.Columns), 1))
			w.open("CellHead", "<w:keepNext/>")
			w.run("", r.Group)
			w.close()
			w.b.WriteString("</w:tc></w:tr>")
			continue
		}
		w.b.WriteString(`<w:tr>`)
		if short(r) {
			w.b.WriteString(`<w:trPr><w:cantSplit/></w:trPr>`)
		}
		for i := range t.Columns {
			fmt.Fprintf(&w.b, `<w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/></w:tcPr>`, widths[i])
			var c Cell
			if i < len(r.Cells) {
				c = r.Cells[i]
			}
			w.cell(c, t.Columns[i].Right)
			w.b.WriteString("</w:tc>")
		}
		w.b.WriteString("</w:tr>")
	}
	w.b.WriteString("</w:tbl>")
	w.text("Small", "")
}

// short reports whether a row is of a usual size and so stays on one page.
func short(r Row) bool {
	for _, c := range r.Cells {
		n := len(c.Text) + len(c.Sub) + len(c.Title)
		for _, s := range c.Spans {
			n += len(s.Text)
		}
		for _, l := range c.Lines {
			n += len(l.Text)
		}
		if n > 900 {
			return false
		}
	}
	return true
}

// cell writes what stands in a place of a table, one below the other. Each cell has a paragraph, or the file would be refused.
func (w *docx) cell(c Cell, right bool) {
	more := ""
	if right {
		more = `<w:jc w:val="right"/>`
	}
	wrote := false
	line := func(style string, write func()) {
		w.open(style, more)
		write()
		w.close()
		wrote = true
	}
	if c.Status != nil {
		line("Cell", func() { w.run("<w:b/>", c.Status.Word) })
	}
	if c.Strip != nil {
		line("CellSmall", func() { w.run("", c.Strip.Says) })
	}
	if c.Title != "" {
		line("Cell", func() { w.run("<w:b/>", c.Title) })
	}
	if c.Code != "" {
		line("Cell", func() { w.run(`<w:rStyle w:val="Code"/>`, c.Code) })
	}
	if c.Text != "" {
		line("Cell", func() { w.run("", c.Text) })
	}
	if c.Spans != nil {
		line("Cell", func() { w.spans(c.Spans) })
	}
	for _, l := range c.Lines {
		line("Cell", func() { w.run("", l.Text); w.refs(l.Refs) })
	}
	if len(c.Words) > 0 {
		line("Cell", func() { w.run("", strings.Join(c.Words, ", ")) })
	}
	if c.Sub != "" {
		line("CellSmall", func() { w.run("", c.Sub) })
	}
	if len(c.Refs) > 0 {
		line("CellSmall", func() { w.refs(c.Refs) })
	}
	if !wrote {
		line("Cell", func() {})
	}
}

const (
	office = `xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	rels   = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
)

// style is a paragraph style. Where it stands in the outline is from 1; 0 for nowhere.
func style(id, name string, outline int, paragraph, run string) string {
	if outline > 0 {
		paragraph += fmt.Sprintf(`<w:outlineLvl w:val="%d"/>`, outline-1)
	}
	return fmt.Sprintf(`<w:style w:type="paragraph" w:styleId="%s"><w:name w:val="%s"/><w:basedOn w:val="Normal"/><w:qFormat/><w:pPr>%s</w:pPr><w:rPr>%s</w:rPr></w:style>`, id, name, paragraph, run)
}

func (w *docx) styles(d Document) string {
	ink, soft := `<w:color w:val="2F3192"/>`, `<w:color w:val="5B6270"/>`
	var b strings.Builder
	fmt.Fprintf(&b, `<w:styles %s><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii="Calibri" w:hAnsi="Calibri" w:cs="Calibri" w:eastAsia="Calibri"/><w:sz w:val="20"/><w:szCs w:val="20"/><w:lang w:val="%s"/></w:rPr></w:rPrDefault></w:docDefaults>`, office, escaped(language(d)))
	b.WriteString(`<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/><w:qFormat/><w:pPr><w:spacing w:after="140" w:line="276" w:lineRule="auto"/></w:pPr></w:style>`)
	b.WriteString(style("Organisation", "Organisation", 0, `<w:spacing w:before="3600" w:after="120"/>`, `<w:b/>`+soft))
	b.WriteString(style("Title", "Title", 0, `<w:spacing w:after="160" w:line="240" w:lineRule="auto"/>`, `<w:b/>`+ink+`<w:sz w:val="60"/>`))
	b.WriteString(style("Subtitle", "Subtitle", 0, `<w:spacing w:after="480"/>`, `<w:sz w:val="26"/>`))
	b.WriteString(style("Heading1", "heading 1", 1, `<w:keepNext/><w:keepLines/><w:spacing w:before="480" w:after="240"/>`, `<w:b/>`+ink+`<w:sz w:val="36"/>`))
	b.WriteString(style("Heading2", "heading 2", 2, `<w:keepNext/><w:keepLines/><w:spacing w:before="320" w:after="120"/>`, `<w:b/><w:sz w:val="25"/>`))
	b.WriteString(style("Heading3", "heading 3", 3, `<w:keepNext/><w:keepLines/><w:spacing w:before="240" w:after="100"/>`, `<w:b/><w:sz w:val="22"/>`))
	b.WriteString(style("Heading4", "heading 4", 4, `<w:keepNext/><w:keepLines/><w:spacing w:before="200" w:after="80"/>`, `<w:b/>`))
	right := fmt.Sprintf(`<w:tabs><w:tab w:val="right" w:leader="dot" w:pos="%d"/></w:tabs>`, w.wide)
	b.WriteString(style("TOC1", "toc 1", 0, right+`<w:spacing w:before="120" w:after="40"/>`, `<w:b/>`))
	b.WriteString(style("TOC2", "toc 2", 0, right+`<w:spacing w:after="20"/><w:ind w:left="280"/>`, ``))
	b.WriteString(style("ListParagraph", "List Paragraph", 0, `<w:spacing w:after="60"/><w:contextualSpacing/>`, ``))
	b.WriteString(style("Small", "Small", 0, `<w:spacing w:after="80"/>`, soft+`<w:sz w:val="17"/>`))
	b.WriteString(style("Running", "Running", 0, fmt.Sprintf(`<w:tabs><w:tab w:val="right" w:pos="%d"/></w:tabs><w:spacing w:after="0"/>`, w.wide), soft+`<w:sz w:val="16"/>`))
	b.WriteString(style("Banner", "Banner", 0, `<w:pBdr><w:top w:val="single" w:sz="4" w:space="2" w:color="8A5300"/><w:bottom w:val="single" w:sz="4" w:space="2" w:color="8A5300"/></w:pBdr><w:shd w:val="clear" w:color="auto" w:fill="FDF1DC"/><w:spacing w:after="80"/>`, `<w:b/><w:color w:val="8A5300"/><w:sz w:val="17"/>`))
	b.WriteString(style("Note", "Note", 0, `<w:pBdr><w:left w:val="single" w:sz="18" w:space="8" w:color="2F3192"/></w:pBdr><w:shd w:val="clear" w:color="auto" w:fill="F5F6F9"/>`, ``))
	b.WriteString(style("CodeBlock", "Code Block", 0, `<w:shd w:val="clear" w:color="auto" w:fill="F5F6F9"/>`, `<w:rFonts w:ascii="Consolas" w:hAnsi="Consolas"/><w:sz w:val="17"/>`))
	b.WriteString(style("Cell", "Cell", 0, `<w:spacing w:before="20" w:after="40" w:line="250" w:lineRule="auto"/>`, `<w:sz w:val="17"/>`))
	b.WriteString(style("CellSmall", "Cell Small", 0, `<w:spacing w:before="20" w:after="20" w:line="240" w:lineRule="auto"/>`, soft+`<w:sz w:val="15"/>`))
	b.WriteString(style("CellHead", "Cell Head", 0, `<w:spacing w:before="40" w:after="40" w:line="240" w:lineRule="auto"/>`, `<w:b/><w:sz w:val="16"/>`))
	for _, c := range [][3]string{{"Code", "Code", `<w:rFonts w:ascii="Consolas" w:hAnsi="Consolas"/><w:sz w:val="17"/>`}, {"Reference", "Reference", ink + `<w:sz w:val="14"/>`}, {"Hyperlink", "Hyperlink", ink + `<w:u w:val="single"/>`}} {
		fmt.Fprintf(&b, `<w:style w:type="character" w:styleId="%s"><w:name w:val="%s"/><w:rPr>%s</w:rPr></w:style>`, c[0], c[1], c[2])
	}
	margins := `<w:tblCellMar><w:left w:w="80" w:type="dxa"/><w:right w:w="80" w:type="dxa"/></w:tblCellMar>`
	line := `w:val="single" w:sz="4" w:space="0" w:color="D9DCE3"/>`
	b.WriteString(`<w:style w:type="table" w:styleId="Plain"><w:name w:val="Plain"/><w:tblPr>` + margins + `</w:tblPr></w:style>`)
	b.WriteString(`<w:style w:type="table" w:styleId="Lines"><w:name w:val="Lines"/><w:tblPr><w:tblBorders><w:top ` + line + `<w:bottom ` + line + `<w:insideH ` + line + `</w:tblBorders>` + margins + `</w:tblPr></w:style></w:styles>`)
	return b.String()
}

// numbering declares each list anew, so that each counts from its own beginning.
func (w *docx) numbering() string {
	var abstract, used strings.Builder
	for i, ordered := range w.lists {
		fmt.Fprintf(&abstract, `<w:abstractNum w:abstractNumId="%d"><w:multiLevelType w:val="multilevel"/>`, i+1)
		for l := range 9 {
			format, text := "bullet", "•"
			if ordered {
				format, text = "decimal", "%"+strconv.Itoa(l+1)+"."
			}
			fmt.Fprintf(&abstract, `<w:lvl w:ilvl="%d"><w:start w:val="%d"/><w:numFmt w:val="%s"/><w:lvlText w:val="%s"/><w:lvlJc w:val="left"/><w:pPr><w:ind w:left="%d" w:hanging="320"/></w:pPr></w:lvl>`, l, w.starts[i], format, text, 360+l*360)
		}
		abstract.WriteString(`</w:abstractNum>`)
		fmt.Fprintf(&used, `<w:num w:numId="%d"><w:abstractNumId w:val="%d"/></w:num>`, i+1, i+1)
	}
	return `<w:numbering ` + office + `>` + abstract.String() + used.String() + `</w:numbering>`
}

func (w *docx) file(d Document) ([]byte, error) {
	field := func(name string) string {
		return `<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> ` + name + ` </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>1</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>`
	}
	plain := func(s string) string { return `<w:r><w:t xml:space="preserve">` + escaped(s) + `</w:t></w:r>` }
	banner := ""
	if d.Banner != "" {
		banner = `<w:p><w:pPr><w:pStyle w:val="Banner"/></w:pPr>` + plain(d.Banner) + `</w:p>`
	}
	head := banner + `<w:p><w:pPr><w:pStyle w:val="Running"/></w:pPr>` + plain(d.Organisation) + `<w:r><w:tab/></w:r>` + plain(d.Running) + `</w:p>`
	foot := `<w:p><w:pPr><w:pStyle w:val="Running"/></w:pPr>` + plain(d.Notice) + `<w:r><w:tab/></w:r>` + field("PAGE") + plain(" / ") + field("NUMPAGES") + `</w:p>`
	first := banner + `<w:p><w:pPr><w:pStyle w:val="Running"/></w:pPr></w:p>`
	var links strings.Builder
	for i, to := range w.order {
		fmt.Fprintf(&links, `<Relationship Id="link%d" Type="%shyperlink" Target="%s" TargetMode="External"/>`, i+1, rels, escaped(to))
	}
	parts := []struct{ name, text string }{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` + types("document.main", "document", "styles", "styles", "settings", "settings", "numbering", "numbering", "header", "header1", "header", "header2", "footer", "footer1") +
			`<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="` + rels + `officeDocument" Target="word/document.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>`},
		{"docProps/core.xml", `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>` + escaped(d.Title) + `</dc:title><dc:creator>` + escaped(d.Organisation) + `</dc:creator><dc:language>` + escaped(language(d)) + `</dc:language></cp:coreProperties>`},
		{"word/_rels/document.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` + related("styles", "styles", "settings", "settings", "numbering", "numbering", "header", "header1", "header", "header2", "footer", "footer1") + links.String() + `</Relationships>`},
		{"word/settings.xml", `<w:settings ` + office + `><w:updateFields w:val="true"/><w:compat><w:compatSetting w:name="compatibilityMode" w:uri="http://schemas.microsoft.com/office/word" w:val="15"/></w:compat></w:settings>`},
		{"word/styles.xml", w.styles(d)},
		{"word/numbering.xml", w.numbering()},
		{"word/header1.xml", `<w:hdr ` + office + `>` + head + `</w:hdr>`},
		{"word/header2.xml", `<w:hdr ` + office + `>` + first + `</w:hdr>`},
		{"word/footer1.xml", `<w:ftr ` + office + `>` + foot + `</w:ftr>`},
		{"word/document.xml", `<w:document ` + office + `><w:body>` + w.b.String() + fmt.Sprintf(`<w:sectPr><w:headerReference w:type="default" r:id="header1"/><w:headerReference w:type="first" r:id="header2"/><w:footerReference w:type="default" r:id="footer1"/><w:pgSz w:w="%d" w:h="%d"/><w:pgMar w:top="1500" w:right="1134" w:bottom="1300" w:left="1134" w:header="600" w:footer="600" w:gutter="0"/><w:titlePg/></w:sectPr></w:body></w:document>`, w.sheet, w.high)},
	}
	at := d.Date.UTC()
	if at.Year() < 1980 { // a zip knows no earlier day
		at = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		f, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate, Modified: at})
		if err == nil {
			_, err = f.Write([]byte(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + p.text))
		}
		if err != nil {
			return nil, fmt.Errorf("write %s of the document: %w", p.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	return b.Bytes(), nil
}

// types names the content types of parts: pairs of type and part.
func types(list ...string) string {
	var b strings.Builder
	for i := 0; i < len(list); i += 2 {
		fmt.Fprintf(&b, `<Override PartName="/word/%s.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.%s+xml"/>`, list[i+1], list[i])
	}
	return b.String()
}

// related names the parts that the document leads to: pairs of sort and part.
func related(list ...string) string {
	var b strings.Builder
	for i := 0; i < len(list); i += 2 {
		fmt.Fprintf(&b, `<Relationship Id="%s" Type="%s%s" Target="%s.xml"/>`, list[i+1], rels, list[i], list[i+1])
	}
	return b.String()
}

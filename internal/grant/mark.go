package grant

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tickmark/internal/fault"
)

// Mark adds a line to every page of a PDF, and to its end, that names the copy and whose it is. The pages themselves stay byte for byte as they were
// issued: what is added follows them, as ISO 32000 has it for incremental updates (7.5.6), with an annotation that cannot be edited and prints.
// Whoever wants to can take a mark out of any PDF; it says whose copy somebody has, and prevents nothing.
func Mark(file []byte, line string) (out []byte, err error) {
	no := fault.New(fault.Conflict, "The report cannot be marked: %s.", "its PDF is not one that can be read here").WithNext("Let the firm issue it as a PDF without encryption, or hand over another copy outside of Tickmark.")
	if !bytes.HasPrefix(file, []byte("%PDF-")) {
		return nil, fault.New(fault.Conflict, "Only a PDF is marked for a recipient, and this report is none.").WithNext("Let the firm issue it as a PDF.")
	}
	defer func() {
		if recover() != nil { // a broken file leads nowhere in it
			out, err = nil, no
		}
	}()
	p := &pdf{b: file, at: map[int]place{}, streams: map[int][]part{}}
	start := bytes.LastIndex(file, []byte("startxref"))
	if start < 0 {
		return nil, no
	}
	p.start = number(word(file, start+len("startxref")))
	if !p.table(p.start, map[int]bool{}) || p.trailer["Root"] == nil {
		return nil, no
	}
	if p.trailer["Encrypt"] != nil {
		return nil, fault.New(fault.Conflict, "The report cannot be marked: its PDF is encrypted.").WithNext("Let the firm issue it without encryption.")
	}
	root := dictionary(p.resolve(p.trailer["Root"]))
	if !p.walk(root["Pages"], nil, 0, map[int]bool{}) || len(p.pages) == 0 {
		return nil, no
	}
	return p.update(line)
}

// pdf is a file as far as its pages are found.
type pdf struct {
	b       []byte
	start   int // of the newest table of references
	stream  bool
	at      map[int]place
	trailer map[string][]byte
	streams map[int][]part
	pages   []page
}

// place is where an object stands: at an offset, or as the n-th of an object stream.
type place struct {
	offset, gen int
	within      bool
	in, n       int
}

type part struct {
	number int
	value  []byte
}

type page struct {
	number, gen int
	dict        []byte
	box         [4]float64
}

func space(c byte) bool { return strings.IndexByte(" \t\r\n\f\x00", c) >= 0 }

func delimiter(c byte) bool { return strings.IndexByte("()<>[]{}/%", c) >= 0 }

// skip passes over spaces and comments.
func skip(b []byte, i int) int {
	for i < len(b) {
		switch {
		case space(b[i]):
			i++
		case b[i] == '%':
			for i < len(b) && b[i] != '\n' && b[i] != '\r' {
				i++
			}
		default:
			return i
		}
	}
	return i
}

// word is the regular characters from a place on.
func word(b []byte, i int) []byte {
	i = skip(b, i)
	j := i
	for j < len(b) && !space(b[j]) && !delimiter(b[j]) {
		j++
	}
	return b[i:j]
}

func number(b []byte) int {
	n, err := strconv.Atoi(string(b))
	if err != nil {
		return -1
	}
	return n
}

// end is where the value that begins at i ends. A reference is one value.
func end(b []byte, i int) int { return ends(b, i, 0) }

// deepest is how deep values lie in one another at most; a file that goes deeper is none that anybody issued.
const deepest = 100

func ends(b []byte, i, depth int) int {
	if depth > deepest {
		panic("too deep")
	}
	i = skip(b, i)
	switch {
	case bytes.HasPrefix(b[i:], []byte("<<")):
		for i = skip(b, i+2); !bytes.HasPrefix(b[i:], []byte(">>")); i = skip(b, i) {
			i = ends(b, i, depth+1)
		}
		return i + 2
	case b[i] == '[':
		for i = skip(b, i+1); b[i] != ']'; i = skip(b, i) {
			i = ends(b, i, depth+1)
		}
		return i + 1
	case b[i] == '(':
		for depth := 0; ; i++ {
			switch b[i] {
			case '\\':
				i++
			case '(':
				depth++
			case ')':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	case b[i] == '<':
		n := bytes.IndexByte(b[i:], '>')
		if n < 0 {
			panic("a text without an end")
		}
		return i + n + 1
	case b[i] == '/':
		return i + 1 + len(word(b, i+1))
	}
	w := word(b, i)
	if len(w) == 0 {
		panic("nothing to read")
	}
	j := i + len(w)
	if number(w) >= 0 { // perhaps a reference: n g R
		k := skip(b, j)
		g := word(b, k)
		if l := skip(b, k+len(g)); len(g) > 0 && number(g) >= 0 && bytes.Equal(word(b, l), []byte("R")) {
			return l + 1
		}
	}
	return j
}

// dictionary is the entries of one; nil when it is none.
func dictionary(b []byte) map[string][]byte {
	i := skip(b, 0)
	if !bytes.HasPrefix(b[i:], []byte("<<")) {
		return nil
	}
	out := map[string][]byte{}
	for i = skip(b, i+2); !bytes.HasPrefix(b[i:], []byte(">>")); i = skip(b, i) {
		if b[i] != '/' {
			panic("no key")
		}
		key := string(word(b, i+1))
		from := skip(b, i+1+len(key))
		i = end(b, from)
		out[key] = b[from:i]
	}
	return out
}

func list(b []byte) (out [][]byte) {
	i := skip(b, 0)
	if i >= len(b) || b[i] != '[' {
		return nil
	}
	for i = skip(b, i+1); b[i] != ']'; i = skip(b, i) {
		j := end(b, i)
		out = append(out, b[i:j])
		i = j
	}
	return out
}

// reference is the number of the object that a value refers to; -1 when it refers to none.
func reference(b []byte) int {
	f := bytes.Fields(b)
	if len(f) == 3 && string(f[2]) == "R" {
		return number(f[0])
	}
	return -1
}

// resolve follows references to a value.
func (p *pdf) resolve(v []byte) []byte {
	for range 16 {
		n := reference(v)
		if n < 0 {
			return v
		}
		v = p.object(n)
	}
	panic("a reference that leads back to itself")
}

func (p *pdf) object(n int) []byte {
	o, ok := p.at[n]
	if !ok {
		return []byte("null")
	}
	if o.within {
		for _, x := range p.within(o.in) {
			if x.number == n {
				return x.value
			}
		}
		return []byte("null")
	}
	i := p.body(o.offset)
	return p.b[i:end(p.b, i)]
}

// body is where the value of the object at an offset begins: after "n g obj".
func (p *pdf) body(offset int) int {
	i := skip(p.b, offset)
	for _, want := range []string{"", "", "obj"} {
		w := word(p.b, i)
		if want != "" && string(w) != want || want == "" && number(w) < 0 {
			panic("no object there")
		}
		i = skip(p.b, skip(p.b, i)+len(w))
	}
	return i
}

// data is the content of the stream object at an offset, with its dictionary.
func (p *pdf) data(offset int) (map[string][]byte, []byte) {
	i := p.body(offset)
	j := end(p.b, i)
	d := dictionary(p.b[i:j])
	k := skip(p.b, j)
	if string(word(p.b, k)) != "stream" {
		panic("no stream")
	}
	k += len("stream")
	if p.b[k] == '\r' {
		k++
	}
	if p.b[k] == '\n' {
		k++
	}
	n := number(bytes.TrimSpace(p.resolve(d["Length"])))
	raw := p.b[k : k+n]
	switch filter := string(bytes.Trim(d["Filter"], "[] \r\n")); filter {
	case "":
		return d, raw
	case "/FlateDecode":
		z, err := zlib.NewReader(bytes.NewReader(raw))
		if err != nil {
			panic(err)
		}
		out, err := io.ReadAll(io.LimitReader(z, 256<<20))
		if err != nil {
			panic(err)
		}
		parms := map[string][]byte{}
		if v := d["DecodeParms"]; v != nil {
			if l := list(v); l != nil {
				v = l[0]
			}
			parms = dictionary(p.resolve(v))
		}
		if number(parms["Predictor"]) >= 10 {
			return d, predicted(out, max(1, number(parms["Columns"])))
		}
		return d, out
	}
	panic("a filter that is not known here")
}

// predicted undoes the PNG predictors over rows of bytes.
func predicted(b []byte, columns int) []byte {
	var out []byte
	before := make([]byte, columns)
	for len(b) > columns {
		sort, row := b[0], slices.Clone(b[1:1+columns])
		b = b[1+columns:]
		for i := range row {
			var left, up, corner byte
			up = before[i]
			if i > 0 {
				left, corner = row[i-1], before[i-1]
			}
			switch sort {
			case 0:
			case 1:
				row[i] += left
			case 2:
				row[i] += up
			case 3:
				row[i] += byte((int(left) + int(up)) / 2)
			case 4:
				row[i] += paeth(left, up, corner)
			default:
				panic("no predictor")
			}
		}
		out, before = append(out, row...), row
	}
	return out
}

func paeth(a, b, c byte) byte {
	abs := func(n int) int { return max(n, -n) }
	n := int(a) + int(b) - int(c)
	x, y, z := abs(n-int(a)), abs(n-int(b)), abs(n-int(c))
	switch {
	case x <= y && x <= z:
		return a
	case y <= z:
		return b
	}
	return c
}

// within are the objects of an object stream.
func (p *pdf) within(n int) []part {
	if known, ok := p.streams[n]; ok {
		return known
	}
	p.streams[n] = nil // while it is read: what leads back to it finds nothing
	d, b := p.data(p.at[n].offset)
	first := number(d["First"])
	var out []part
	var offsets []int
	i := 0
	for range number(d["N"]) {
		w := word(b, i)
		i = skip(b, i) + len(w)
		o := word(b, i)
		if i = skip(b, i) + len(o); len(o) == 0 {
			panic("fewer objects than it says")
		}
		out = append(out, part{number: number(w)})
		offsets = append(offsets, first+number(o))
	}
	for j := range out {
		out[j].value = b[offsets[j]:end(b, offsets[j])]
	}
	p.streams[n] = out
	return out
}

// table reads the references at an offset and those before them, the newest first.
func (p *pdf) table(offset int, seen map[int]bool) bool {
	if offset < 0 || offset >= len(p.b) || seen[offset] {
		return false
	}
	seen[offset] = true
	var trailer map[string][]byte
	put := func(n int, o place) {
		if _, ok := p.at[n]; !ok {
			p.at[n] = o
		}
	}
	if string(word(p.b, offset)) == "xref" {
		i := skip(p.b, offset) + len("xref")
		for {
			w := word(p.b, i)
			i = skip(p.b, i) + len(w)
			if string(w) == "trailer" {
				break
			}
			from := number(w)
			if from < 0 {
				return false
			}
			w = word(p.b, i)
			i = skip(p.b, i) + len(w)
			for n := range number(w) {
				o := word(p.b, i)
				i = skip(p.b, i) + len(o)
				g := word(p.b, i)
				i = skip(p.b, i) + len(g)
				t := word(p.b, i)
				if i = skip(p.b, i) + len(t); len(t) == 0 {
					return false
				}
				if string(t) == "n" {
					put(from+n, place{offset: number(o), gen: number(g)})
				}
			}
		}
		i = skip(p.b, i)
		trailer = dictionary(p.b[i:end(p.b, i)])
		if x := number(trailer["XRefStm"]); x >= 0 && !p.references(x, put) {
			return false
		}
	} else {
		p.stream = p.stream || p.trailer == nil
		d, _ := p.data(offset)
		if trailer = d; !p.references(offset, put) {
			return false
		}
	}
	if p.trailer == nil {
		p.trailer = trailer
	}
	if before := trailer["Prev"]; before != nil {
		return p.table(number(before), seen)
	}
	return true
}

// references reads a stream of references.
func (p *pdf) references(offset int, put func(int, place)) bool {
	d, b := p.data(offset)
	var width [3]int
	for i, w := range list(d["W"]) {
		width[i] = number(w)
	}
	size := width[0] + width[1] + width[2]
	if size < 1 || size > 24 {
		return false
	}
	index := []int{0, number(d["Size"])}
	if l := list(d["Index"]); l != nil {
		index = nil
		for _, x := range l {
			index = append(index, number(x))
		}
	}
	for i := 0; i+1 < len(index); i += 2 {
		for n := range index[i+1] {
			if len(b) < size {
				return false
			}
			var f [3]int
			at := 0
			for j, w := range width {
				for _, c := range b[at : at+w] {
					f[j] = f[j]<<8 | int(c)
				}
				at += w
			}
			b = b[size:]
			if width[0] == 0 {
				f[0] = 1
			}
			switch f[0] {
			case 1:
				put(index[i]+n, place{offset: f[1], gen: f[2]})
			case 2:
				put(index[i]+n, place{within: true, in: f[1], n: f[2]})
			}
		}
	}
	return true
}

// walk finds the pages of a tree, each with the box that holds for it.
func (p *pdf) walk(ref []byte, box []byte, depth int, seen map[int]bool) bool {
	n := reference(ref)
	if n < 0 || depth > 60 || seen[n] {
		return false
	}
	seen[n] = true
	raw := p.object(n)
	d := dictionary(raw)
	if d == nil {
		return false
	}
	if b := d["MediaBox"]; b != nil {
		box = b
	}
	if kids := d["Kids"]; kids != nil {
		for _, k := range list(p.resolve(kids)) {
			if !p.walk(k, box, depth+1, seen) {
				return false
			}
		}
		return true
	}
	if string(d["Type"]) != "/Page" {
		return false
	}
	one := page{number: n, gen: p.at[n].gen, dict: raw, box: [4]float64{0, 0, 612, 792}}
	if l := list(p.resolve(box)); len(l) == 4 {
		for i, x := range l {
			f, err := strconv.ParseFloat(string(p.resolve(x)), 64)
			if err != nil {
				return false
			}
			one.box[i] = f
		}
	}
	p.pages = append(p.pages, one)
	return true
}

// update writes the file with what is added to it.
func (p *pdf) update(line string) ([]byte, error) {
	out := bytes.NewBuffer(append(slices.Clone(p.b), '\n'))
	next := number(p.trailer["Size"])
	type written struct{ number, gen, offset int }
	var all []written
	object := func(n, gen int, body string) {
		all = append(all, written{n, gen, out.Len()})
		fmt.Fprintf(out, "%d %d obj\n%s\nendobj\n", n, gen, body)
	}
	font := next
	object(font, 0, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	next++
	text := literal(line)
	for _, pg := range p.pages {
		left, bottom, right := min(pg.box[0], pg.box[2])+24, min(pg.box[1], pg.box[3])+8, max(pg.box[0], pg.box[2])-24
		content := "q 0.35 g BT /F 7 Tf 2 3 Td " + text + " Tj ET Q"
		look, note := next, next+1
		next += 2
		object(look, 0, fmt.Sprintf("<< /Type /XObject /Subtype /Form /BBox [0 0 %.2f 11] /Resources << /Font << /F %d 0 R >> >> /Length %d >>\nstream\n%s\nendstream", right-left, font, len(content), content))
		object(note, 0, fmt.Sprintf("<< /Type /Annot /Subtype /Stamp /Rect [%.2f %.2f %.2f %.2f] /F 708 /P %d %d R /Contents %s /AP << /N %d 0 R >> >>", left, bottom, right, bottom+11, pg.number, pg.gen, text, look))
		dict, err := p.annotated(pg, note)
		if err != nil {
			return nil, err
		}
		object(pg.number, pg.gen, string(dict))
	}
	start := out.Len()
	keep := ""
	for _, k := range []string{"Root", "Info", "ID"} {
		if v := p.trailer[k]; v != nil {
			keep += " /" + k + " " + string(v)
		}
	}
	slices.SortFunc(all, func(a, b written) int { return a.number - b.number })
	if p.stream {
		own := next
		all = append(all, written{own, 0, start})
		slices.SortFunc(all, func(a, b written) int { return a.number - b.number })
		var index strings.Builder
		var rows bytes.Buffer
		for _, w := range all {
			fmt.Fprintf(&index, "%d 1 ", w.number)
			rows.Write([]byte{1, byte(w.offset >> 24), byte(w.offset >> 16), byte(w.offset >> 8), byte(w.offset), byte(w.gen >> 8), byte(w.gen)})
		}
		fmt.Fprintf(out, "%d 0 obj\n<< /Type /XRef /Size %d /W [1 4 2] /Index [%s] /Prev %d%s /Length %d >>\nstream\n", own, own+1, strings.TrimSpace(index.String()), p.start, keep, rows.Len())
		out.Write(rows.Bytes())
		out.WriteString("\nendstream\nendobj\n")
	} else {
		out.WriteString("xref\n")
		for _, w := range all {
			fmt.Fprintf(out, "%d 1\n%010d %05d n \n", w.number, w.offset, w.gen)
		}
		fmt.Fprintf(out, "trailer\n<< /Size %d /Prev %d%s >>\n", next, p.start, keep)
	}
	fmt.Fprintf(out, "startxref\n%d\n%%%%EOF\n%%%% %s\n", start, strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, line))
	return out.Bytes(), nil
}

// annotated is a page's dictionary with one annotation more.
func (p *pdf) annotated(pg page, note int) ([]byte, error) {
	ref := fmt.Sprintf("%d 0 R", note)
	d := dictionary(pg.dict)
	old, ok := d["Annots"]
	if !ok {
		i := bytes.LastIndex(pg.dict, []byte(">>"))
		return append(append(slices.Clone(pg.dict[:i]), " /Annots ["+ref+"] "...), pg.dict[i:]...), nil
	}
	var refs []string
	for _, x := range list(p.resolve(old)) {
		refs = append(refs, string(x))
	}
	i := 0
	for i = skip(pg.dict, 0) + 2; ; { // the entry of this dictionary, not of one within
		i = skip(pg.dict, i)
		key := string(word(pg.dict, i+1))
		from := skip(pg.dict, i+1+len(key))
		to := end(pg.dict, from)
		if key == "Annots" {
			return append(append(slices.Clone(pg.dict[:from]), "["+strings.Join(append(refs, ref), " ")+"]"...), pg.dict[to:]...), nil
		}
		i = to
	}
}

// literal is a text as PDF writes it in the encoding of Windows' western letters; what that does not have stands as a question mark.
func literal(s string) string {
	var b strings.Builder
	b.WriteByte('(')
	for _, r := range s {
		switch {
		case r == '(' || r == ')' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		case r >= 0xa0 && r <= 0xff:
			fmt.Fprintf(&b, "\\%03o", r)
		default:
			b.WriteByte('?')
		}
	}
	b.WriteByte(')')
	return b.String()
}

package grant

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/fault"
)

// classic is a PDF of two pages with a table of references; the second page has an annotation in a list of its own.
func classic() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var at []int
	for n, body := range []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 2 /Kids [3 0 R 4 0 R] /MediaBox [0 0 595 842] >>",
		"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F 7 0 R >> >> /Contents 5 0 R >>", "<< /Type /Page /Parent 2 0 R /PieceInfo << /Annots (no) >> /Annots 6 0 R /Resources << /Font << /F 7 0 R >> >> /Contents 5 0 R >>",
		"<< /Length 38 >>\nstream\nBT /F 12 Tf 72 700 Td (Section I) Tj ET\nendstream", "[ << /Type /Annot /Subtype /Text /Rect [1 1 2 2] /Contents (a \\) b) >> ]", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"} {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", n+1, strings.Replace(body, "/Length 38", "/Length 39", 1))
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, o := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return b.Bytes()
}

// modern is a PDF whose pages stand in an object stream, with a stream of references in rows that a predictor made.
func modern() []byte {
	deflate := func(s string) string {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		z.Write([]byte(s))
		z.Close()
		return b.String()
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>", "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>"}
	head, body := "", ""
	for n, o := range objects {
		head += fmt.Sprintf("%d %d ", n+1, len(body))
		body += o + " "
	}
	packed := deflate(head + body)
	stream := b.Len()
	fmt.Fprintf(&b, "4 0 obj\n<< /Type /ObjStm /N 3 /First %d /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream\nendobj\n", len(head), len(packed), packed)
	start := b.Len()
	rows, before := "", []byte{0, 0, 0, 0}
	for _, r := range [][]byte{{0, 0, 0, 0}, {2, 0, 4, 0}, {2, 0, 4, 1}, {2, 0, 4, 2}, {1, byte(stream >> 8), byte(stream), 0}, {1, byte(start >> 8), byte(start), 0}} {
		rows += "\x02"
		for i := range r {
			rows += string([]byte{r[i] - before[i]})
		}
		before = r
	}
	packed = deflate(rows)
	fmt.Fprintf(&b, "5 0 obj\n<< /Type /XRef /Size 6 /W [1 2 1] /Root 1 0 R /Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 4 >> /Length %d >>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", len(packed), packed, start)
	return b.Bytes()
}

func TestEveryPageOfACopyBearsItsMarkAndStaysAsItWasIssued(t *testing.T) {
	for name, c := range map[string]struct {
		file  []byte
		pages int
	}{"with a table": {classic(), 2}, "with streams": {modern(), 1}} {
		got, err := Mark(c.file, "Copy ABC-123 for Ann (Acme), \\ Zürich")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !bytes.HasPrefix(got, c.file) {
			t.Errorf("%s: what was issued is changed", name)
		}
		p := &pdf{b: got, at: map[int]place{}, streams: map[int][]part{}}
		p.start = number(word(got, bytes.LastIndex(got, []byte("startxref"))+len("startxref")))
		if !p.table(p.start, map[int]bool{}) || !p.walk(dictionary(p.resolve(p.trailer["Root"]))["Pages"], nil, 0, map[int]bool{}) || len(p.pages) != c.pages {
			t.Fatalf("%s: it cannot be read again, or has %d pages", name, len(p.pages))
		}
		for i, pg := range p.pages {
			notes := list(p.resolve(dictionary(pg.dict)["Annots"]))
			last := dictionary(p.resolve(notes[len(notes)-1]))
			look := p.at[reference(dictionary(last["AP"])["N"])]
			_, content := p.data(look.offset)
			if len(notes) != i+1 || !bytes.Contains(content, []byte(`(Copy ABC-123 for Ann \(Acme\), \\ Z\374rich)`)) {
				t.Errorf("%s: page %d bears %d annotations, the last says %s", name, i+1, len(notes), content)
			}
		}
		again, err := Mark(got, "Copy DEF")
		if err != nil || !bytes.HasPrefix(again, got) {
			t.Errorf("%s: a marked copy cannot be marked: %v", name, err)
		}
		if tool, err := exec.LookPath("pdftotext"); err == nil { // another program reads it as well
			path := filepath.Join(t.TempDir(), "x.pdf")
			if err := os.WriteFile(path, again, 0o600); err != nil {
				t.Fatal(err)
			}
			text, err := exec.Command(tool, path, "-").CombinedOutput()
			if err != nil || bytes.Contains(text, []byte("Error")) || strings.Count(string(text), "ABC-123") != c.pages || strings.Count(string(text), "DEF") != c.pages {
				t.Errorf("%s: another program reads %q, %v", name, text, err)
			}
		}
	}
}

func TestWhatCannotBeMarkedIsRefused(t *testing.T) {
	good := classic()
	encrypted := bytes.Replace(good, []byte("/Root 1 0 R"), []byte("/Root 1 0 R /Encrypt 9 0 R"), 1)
	for name, b := range map[string][]byte{"a DOCX": []byte("PK\x03\x04"), "nothing": nil, "a heading": []byte("%PDF-1.7\n"), "half": good[:len(good)/2], "no pages": bytes.ReplaceAll(good, []byte("/Kids"), []byte("/Gone")), "encrypted": encrypted,
		"a loop": bytes.Replace(good, []byte("/Kids [3 0 R"), []byte("/Kids [2 0 R"), 1), "references that end nowhere": bytes.Replace(good, []byte("startxref\n"), []byte("startxref\n9"), 1)} {
		if got, err := Mark(b, "x"); !fault.Is(err, fault.Conflict) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, whole := range [][]byte{good, modern()} { // no broken file stops the program
		for i := range whole {
			bad := bytes.Clone(whole)
			bad[i] ^= 0x55
			Mark(bad, "x")
			Mark(whole[:i], "x")
		}
	}
	Mark(append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("["), 1<<20)...), "x")
}

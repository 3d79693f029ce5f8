package document

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"tickmark/internal/fault"
	"tickmark/internal/report/typst"
)

//go:embed sheet.typ
var sheet []byte

//go:embed font/*.zst
var fonts embed.FS

var loadFonts = sync.OnceValues(func() ([][]byte, error) {
	unpack, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer unpack.Close()
	var out [][]byte
	err = fs.WalkDir(fonts, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fonts.ReadFile(path)
		if err == nil {
			b, err = unpack.DecodeAll(b, nil)
		}
		out = append(out, b)
		return err
	})
	return out, err
})

// Paper is a size of paper.
type Paper string

// The sizes; A4 when none is named.
const (
	A4     Paper = "a4"
	Letter Paper = "us-letter"
)

// Renderer turns documents into PDFs, one at a time.
type Renderer struct{ engine *typst.Engine }

// New returns a renderer that keeps its machine code in the directory; "" for nowhere.
func New(dir string, workers int) *Renderer { return &Renderer{typst.New(dir, workers)} }

// Prepare makes ready, which takes a while the first time.
func (r *Renderer) Prepare(ctx context.Context) error { return r.engine.Prepare(ctx) }

// Make does what takes a while the first time, and keeps nothing of it in memory.
func (r *Renderer) Make(ctx context.Context) error { return r.engine.Make(ctx) }

// Quick reports whether a PDF can be set without more than a second's preparation.
func (r *Renderer) Quick() bool {
	p := r.engine.State().Phase
	return p == typst.Ready || p == typst.Asleep
}

// State says how far that is.
func (r *Renderer) State() typst.State { return r.engine.State() }

// PDF sets a document: tagged, and the same bytes for the same document and paper.
func (r *Renderer) PDF(ctx context.Context, d Document, paper Paper) ([]byte, error) {
	if paper == "" {
		paper = A4
	}
	if paper != A4 && paper != Letter {
		return nil, fault.New(fault.Invalid, "There is no paper %q.", paper).WithNext("Choose %s or %s.", A4, Letter)
	}
	if d.Sections == nil {
		d.Sections = []Section{}
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write the document's data: %w", err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("write the document's data: %w", err)
	}
	if b, err = json.Marshal(settable(v, "")); err != nil {
		return nil, fmt.Errorf("write the document's data: %w", err)
	}
	at := d.Date.UTC()
	size, err := json.Marshal(map[string]any{"name": paper, "year": at.Year(), "month": at.Month(), "day": at.Day(), "hour": at.Hour(), "minute": at.Minute(), "second": at.Second()})
	if err != nil {
		return nil, err
	}
	list, err := loadFonts()
	if err != nil {
		return nil, fmt.Errorf("read the fonts: %w", err)
	}
	return r.engine.Render(ctx, typst.Job{Main: "/sheet.typ", Fonts: list, Files: map[string][]byte{"/sheet.typ": sheet, "/document.json": b, "/paper.json": size}})
}

const (
	longest = 6000 // letters of one text in a PDF; the rest stands in the other forms of the report
	unbound = 24   // letters without a place to break a line
)

// settable makes every text fit for a page: bounded, and with places to break lines in what has none. Names, ids and links
// stay as they are.
func settable(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = settable(x, k)
		}
	case []any:
		for i, x := range v {
			v[i] = settable(x, name)
		}
	case string:
		switch name {
		case "href":
			if len(v) > 2000 { // longer than any reader follows
				return ""
			}
			return v
		case "id", "to", "ref", "tone":
			return v
		}
		most := longest
		switch name {
		case "organisation", "running", "notice", "banner":
			most = 160 // they stand on every page
		case "title", "subtitle", "word", "words", "name", "group":
			most = 300
		}
		return broken(bounded(v, most))
	}
	return v
}

func bounded(s string, most int) string {
	n := utf8.RuneCountInString(s)
	if n <= most {
		return s
	}
	return fmt.Sprintf("%s… (%d more characters, which the JSON holds)", string([]rune(s)[:most]), n-most)
}

// broken lets long words break: after what joins their parts, and at last anywhere.
func broken(s string) string {
	const here = '\u200b'
	if len(s) == 64 && !strings.ContainsAny(s, " /") {
		return s // a SHA-256, which fits and is copied
	}
	run := 0
	var b strings.Builder
	for _, r := range s {
		if unicode.IsSpace(r) || r == here || r == '\u00ad' {
			run = 0
		} else if run++; run > unbound {
			b.WriteRune(here)
			run = 1
		}
		b.WriteRune(r)
		if run > unbound/2 && strings.ContainsRune("/-_.:@,;=&?", r) {
			b.WriteRune(here)
			run = 0
		}
	}
	return b.String()
}

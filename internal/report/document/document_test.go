package document_test

import (
	"bytes"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/report/document"
	"tickmark/internal/report/typst/typsttest"
)

var renderer = sync.OnceValue(func() *document.Renderer { return document.New(typsttest.Dir(), 2) })

// hostile are texts that would do something if they were read as anything but text.
var hostile = []string{
	`#read("/etc/passwd")`, `#import "@preview/cetz:0.3.0"`, `\ \\ \u{41} \n`, "*bold* _em_ `raw` $x^2$ <label> @ref [content] {code}", `"quoted" 'single' // comment /* more */`,
	"שלום עולם, مرحبا بالعالم", "😀 👩‍👩‍👧 ✅ 漢字 ไทย", "a\x00b\x1bc\u202ed", "\xff\xfe not UTF-8", "", " ", "\n\n\n", strings.Repeat("x", 100_000), strings.Repeat("word ", 20_000), strings.Repeat("é\u0301", 500),
	"-- --- ... ~ = == + - 1. / ", "</script><script>alert(1)</script>", "{{ .Secret }}", `#{while true {}}`, "R-9999", strings.Repeat("a/", 300),
}

// everything is a document with the text in every place where text stands.
func everything(text string) document.Document {
	status := &document.Status{Word: text, Tone: document.Fail}
	cell := document.Cell{Status: status, Title: text, Text: text, Sub: text, Code: text, Words: []string{text, text}, Spans: []document.Span{{Text: text, Bold: true, Href: "https://example.org/" + text}, {Text: text, Code: true, Break: true}},
		Strip: &document.Strip{Says: text, Pieces: []document.Piece{{From: 0, To: .4, Tone: document.Pass}, {From: .4, To: .41, Tone: document.Fail}, {From: .41, To: 1, Tone: document.Unknown}}}, Refs: []document.Ref{{Code: "R-0001"}, {Code: "R-0002"}}}
	return document.Document{Title: text, Subtitle: text, Organisation: text, Running: text, Cover: text, Notice: text, Banner: text, Date: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Contents: true,
		Facts: []document.Fact{{Name: text, Value: text}, {Name: text, Value: text, Code: true}},
		Sections: []document.Section{{ID: "one", Title: text, Blocks: []document.Block{
			{Text: document.Plain(text)}, {Text: document.Plain(text), Small: true}, {Facts: []document.Fact{{Name: text, Value: text, Ref: &document.Ref{Code: "R-0001"}}}},
			{Table: &document.Table{Label: text, Columns: []document.Column{{Title: text, Width: 1}, {Title: text, Width: -60, Right: true}}, Rows: []document.Row{{Group: text}, {Ref: "R-0001", Cells: []document.Cell{cell, {Text: text}}}}}},
			{Table: &document.Table{Label: text, Columns: []document.Column{{Title: text, Width: 1}}, Rows: []document.Row{}, Empty: text}},
			{List: &document.List{Ordered: true, Start: 3, Items: [][]document.Block{{{Text: document.Plain(text)}, {List: &document.List{Items: [][]document.Block{{{Text: document.Plain(text)}}}}}}}}},
			{Tiles: []document.Tile{{Title: text, To: "one", Number: 3, Parts: []document.Count{{N: 3, Status: *status}}}}}, {Note: &document.Note{Tone: document.Attention, Title: text, Text: text}},
			{Code: text}, {Quote: []document.Block{{Text: document.Plain(text)}}}, {Head: &document.Head{Level: 1, Spans: document.Plain(text)}}, {Rule: true}, {Sign: []document.Fact{{Name: text, Value: text}}},
		}, Sections: []document.Section{{ID: "two", Title: text}}}}}
}

func TestTextIsShownAsItStandsAndNeverRead(t *testing.T) {
	for _, text := range hostile {
		pdf, err := renderer().PDF(t.Context(), everything(text), "")
		if err != nil {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		if bytes.Contains(pdf, []byte("root:x:0")) || !bytes.HasPrefix(pdf, []byte("%PDF-1.7")) {
			t.Errorf("%.60q: %.20q", text, pdf)
		}
	}
}

func TestADocumentIsTheSameBytesEveryTimeAndOnEveryPaperAnother(t *testing.T) {
	d := everything("A text")
	first, err := renderer().PDF(t.Context(), d, document.A4)
	if err != nil {
		t.Fatal(err)
	}
	again, err := renderer().PDF(t.Context(), d, "")
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("%d and %d bytes, %v", len(first), len(again), err)
	}
	letter, err := renderer().PDF(t.Context(), d, document.Letter)
	if err != nil || !bytes.Contains(letter, []byte("612 792")) && !regexp.MustCompile(`MediaBox ?\[0 0 612 792`).Match(letter) {
		t.Errorf("letter: %v", err)
	}
	if _, err := renderer().PDF(t.Context(), d, "napkin"); !fault.Is(err, fault.Invalid) {
		t.Errorf("napkin: %v", err)
	}
}

func TestThePDFIsTaggedForWhoCannotSeeIt(t *testing.T) {
	pdf, err := renderer().PDF(t.Context(), everything("A text"), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"/MarkInfo", "/StructTreeRoot", "/Lang"} {
		if !bytes.Contains(pdf, []byte(s)) {
			t.Errorf("no %s", s)
		}
	}
}

func TestABannerStandsOnEverySheetOfAPrintedPage(t *testing.T) {
	page, err := document.HTML(t.Context(), document.Document{Title: "T", Organisation: "O", Banner: "Demo: \"it\"</style>", Notice: "No opinion"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`@top-left{content:"Demo\00003a  \000022 it\000022 \00003c \00002f style\00003e "`, `@bottom-left{content:"No opinion"`} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the page has no %s", want)
		}
	}
	if n := bytes.Count(page, []byte("</style>")); n != 1 {
		t.Errorf("a text ends the style: %d ends", n)
	}
}

func TestABannerStandsOnEveryPageAlsoOnTheCover(t *testing.T) {
	d := document.Document{Title: "T", Organisation: "O", Sections: []document.Section{{ID: "a", Title: "A"}, {ID: "b", Title: "B"}}}
	without, err := renderer().PDF(t.Context(), d, "")
	if err != nil {
		t.Fatal(err)
	}
	d.Sections = nil // the cover alone
	bare, err := renderer().PDF(t.Context(), d, "")
	if err != nil {
		t.Fatal(err)
	}
	d.Banner = "Demo data"
	cover, err := renderer().PDF(t.Context(), d, "")
	if err != nil || len(cover) <= len(bare) {
		t.Errorf("the cover has no banner: %d and %d bytes, %v", len(bare), len(cover), err)
	}
	if len(without) <= len(bare) {
		t.Error("no pages but the cover")
	}
}

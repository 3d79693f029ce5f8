package examination_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"strings"
	"sync"
	"testing"

	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
	"tickmark/internal/report/typst/typsttest"
	"tickmark/internal/store/storetest"
)

var renderer = sync.OnceValue(func() *document.Renderer { return document.New(typsttest.Dir(), 2) })

func (f *firm) press() *examination.Press {
	return &examination.Press{Book: f.book, Blobs: f.blobs, Renderer: renderer()}
}

// meddling is a store of files in whose keeping something else happens.
type meddling struct {
	blob.Store
	meanwhile func()
}

func (m meddling) Put(ctx context.Context, r io.Reader, limit int64) (blob.Hash, int64, error) {
	m.meanwhile()
	return m.Store.Put(ctx, r, limit)
}

// denied is somebody whom access refuses the auditor's room.
type denied struct{ who }

func (denied) May(context.Context, string, *record.Kind) error {
	return fault.New(fault.Denied, "not here")
}

// TestSharedModeIsSaidEverywhereAndIssuesNothing is of a firm that works as a guest in the company's own workspace.
func TestSharedModeIsSaidEverywhereAndIssuesNothing(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	p := f.press()
	p.Shared = true
	r, err := p.Read(t.Context(), partner, "acme-26")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []examination.Form{examination.SOC2, examination.Letter} {
		for _, how := range []examination.Copy{examination.Draft, examination.FirmsCopy, examination.Final} {
			b, err := p.Print(t.Context(), r, form, how, "html", document.A4)
			if err != nil || !strings.Contains(string(b), "Shared mode, for trials") {
				t.Errorf("%s, %s: shared mode is not said: %v", form, how, err)
			}
		}
	}
	if b, err := p.Print(t.Context(), r, examination.SOC2, examination.Final, "json", document.A4); err != nil || !strings.Contains(string(b), "Shared mode, for trials") {
		t.Errorf("JSON does not say it: %v", err)
	}
	if b, err := examination.WriteOSCAL(r, "assessment-results"); err != nil || !strings.Contains(string(b), "Shared mode, for trials") {
		t.Errorf("OSCAL does not say it: %v", err)
	}
	order := examination.Order{Form: examination.SOC2, Number: "2026-1", Date: "2026-07-20"}
	_, err = p.Issue(t.Context(), partner, "acme-26", order)
	refused(t, err, "no report is issued from it")
	order.File, order.Name = []byte("%PDF-1.7"), "own.pdf"
	_, err = p.Issue(t.Context(), partner, "acme-26", order)
	refused(t, err, "no report is issued from it")
}

// TestIssuingKeepsTheFileAndMovesTheEngagementTogether issues a report made from the papers, reads it back and issues another version.
func TestIssuingKeepsTheFileAndMovesTheEngagementTogether(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	p := f.press()
	order := examination.Order{Form: examination.SOC2, Number: "2026-1", Date: "2026-07-20"}
	f.agreed()
	if _, err := p.Issue(t.Context(), partner, "acme-26", order); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "stand against the issue") {
		t.Errorf("an unfinished report was issued: %v", err)
	}
	f = open(t, storetest.SQLite(t))
	p = f.press()
	f.ready()
	for _, by := range []record.Authority{denied{partner}} {
		if _, err := p.Issue(t.Context(), by, "acme-26", order); !fault.Is(err, fault.Denied) {
			t.Errorf("issued by who may not: %v", err)
		}
		if _, err := p.Read(t.Context(), by, "acme-26"); !fault.Is(err, fault.Denied) {
			t.Errorf("read by who may not: %v", err)
		}
		if _, _, err := p.Issued(t.Context(), by, "acme-26", examination.SOC2, ""); !fault.Is(err, fault.Denied) {
			t.Errorf("read by who may not: %v", err)
		}
	}
	_, err := p.Issue(t.Context(), manager, "acme-26", order)
	refused(t, err, "Only the partner")
	early := order
	early.Date = "2026-07-19"
	_, err = p.Issue(t.Context(), partner, "acme-26", early)
	refused(t, err, "before the opinion was signed")
	if e := f.get("engagement", "acme-26"); e["state"] != "quality_review" || f.get("deviation", "d1")["state"] != "response_received" {
		t.Fatal("a refused issue moved something")
	}
	// A paper that is written while the report is made would be issued with its old words.
	var once sync.Once
	meddled := *p
	meddled.Blobs = meddling{f.blobs, func() {
		once.Do(func() { f.act(manager, "workpaper", "CM-01", "reopen", nil) })
	}}
	_, err = meddled.Issue(t.Context(), partner, "acme-26", order)
	refused(t, err, "changed while the report was made")
	f.reviewed("CM-01")
	v, err := p.Issue(t.Context(), partner, "acme-26", order)
	if err != nil {
		t.Fatal(err)
	}
	b, err := engagement.Body(v)
	if err != nil {
		t.Fatal(err)
	}
	file, name, err := p.Issued(t.Context(), partner, "acme-26", examination.SOC2, "")
	if err != nil || blob.Of(file).String() != b["file"] || !bytes.HasPrefix(file, []byte("%PDF-")) || name != "soc-2-acme-26-2026-1.pdf" {
		t.Errorf("the issued file is %.10q, %s: %v", file, name, err)
	}
	if e := f.get("engagement", "acme-26"); e["state"] != "issued" || e["report_file"] != b["file"] || f.get("deviation", "d3")["state"] != "reported" {
		t.Errorf("the engagement is %v with %v", e["state"], e["report_file"])
	}
	if len(f.read().Deviations) != 3 {
		t.Error("a deviation went with the issue")
	}
	_, err = p.Issue(t.Context(), partner, "acme-26", examination.Order{Form: examination.SOC2, Number: "2026-2", Date: "2026-07-20"})
	refused(t, err, "needs a reason")
	if _, err = p.Issue(t.Context(), partner, "acme-26", examination.Order{Form: examination.SOC2, Number: "2026-2", Date: "2026-07-20", Reason: "The cover named another city."}); err != nil {
		t.Error(err)
	}
	first, _, err := p.Issued(t.Context(), partner, "acme-26", examination.SOC2, "2026-1")
	if err != nil || !bytes.Equal(first, file) {
		t.Errorf("the first version is another file now: %v", err)
	}
}

// TestAFileOfTheFirmsOwnIsHeldAgainstThePapers issues a DOCX, once with a deviation left out.
func TestAFileOfTheFirmsOwnIsHeldAgainstThePapers(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	r := f.read()
	whole, err := document.DOCX(examination.Report2(r, examination.Final, nil), document.A4)
	if err != nil {
		t.Fatal(err)
	}
	if said, err := examination.Compare(r, "report.docx", whole); err != nil || !strings.Contains(said, "each of 5 controls and the facts of each of 3 deviations") {
		t.Errorf("%q, %v", said, err)
	}
	milder := *r
	milder.Deviations = append([]examination.Deviation{}, r.Deviations[:2]...)
	milder.Controls = append([]examination.Control{}, r.Controls...)
	for i, k := range milder.Controls {
		if k.ID == "LOG-02" {
			milder.Controls[i].Result = &examination.Result{Sort: examination.NoExceptions, Text: "No exceptions noted."}
		}
	}
	file, err := document.DOCX(examination.Report2(&milder, examination.Final, nil), document.A4)
	if err != nil {
		t.Fatal(err)
	}
	_, err = examination.Compare(r, "report.docx", file)
	refused(t, err, "the facts of D-3, LOG-02")
	_, err = examination.Compare(r, "report.txt", []byte("AC-01"))
	refused(t, err, "neither a PDF nor a DOCX")
	if said, err := examination.Compare(r, "report.pdf", []byte("%PDF-1.7")); err != nil || !strings.Contains(said, "was not compared") {
		t.Errorf("a PDF: %q, %v", said, err)
	}
}

// TestTheDOCXIsWellFormedAndSaysTheSame reads the parts of the file back.
func TestTheDOCXIsWellFormedAndSaysTheSame(t *testing.T) {
	f := open(t, storetest.SQLite(t))
	f.ready()
	d := examination.Report2(f.read(), examination.Draft, nil)
	file, err := document.DOCX(d, document.Letter)
	if err != nil {
		t.Fatal(err)
	}
	again, err := document.DOCX(d, document.Letter)
	if err != nil || !bytes.Equal(file, again) {
		t.Error("the same document gives other bytes")
	}
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var body, head string
	for _, x := range z.File {
		r, err := x.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		switch x.Name {
		case "word/document.xml":
			body = string(b)
		case "word/header1.xml":
			head = string(b)
		}
		for dec := xml.NewDecoder(bytes.NewReader(b)); ; {
			if _, err := dec.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", x.Name, err)
			}
		}
	}
	for _, s := range []string{"TOC \\o", `w:val="Heading1"`, `w:val="Heading2"`, "<w:tblHeader/>", "Qualified opinion", "nine working days", "✓R-00", `w:numId w:val="1"`} {
		if !strings.Contains(body, s) {
			t.Errorf("the document has no %q", s)
		}
	}
	if !strings.Contains(head, "Draft: not issued") {
		t.Errorf("the head does not say that it is a draft: %s", head)
	}
}

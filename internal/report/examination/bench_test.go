package examination_test

import (
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/description"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
)

// large is a report of 120 controls with 400 tests and a long description, some 150 pages.
func large() *examination.Report {
	para := strings.Repeat("The company keeps what its customers entrust to it in places that only those enter whose work needs it. ", 6)
	r := &examination.Report{ID: "large", Company: "Acme", System: "Acme Cloud", Type: "type_2", From: "2026-01-01", To: "2026-12-31", Categories: []string{"security"}, Firm: "Example CPAs LLP", Zone: "UTC",
		Opinion: &examination.Opinion{Signed: true, Subjects: []examination.Subject{{Subject: "description", Opinion: "unqualified"}, {Subject: "design", Opinion: "unqualified"}, {Subject: "operation", Opinion: "unqualified"}}}}
	f := &description.File{Format: description.Format}
	f.Type, f.From, f.To = r.Type, r.From, r.To
	for _, p := range description.Parts() {
		f.Texts = append(f.Texts, description.Text{Name: p.Name, Title: p.Title, DC: p.DC, Text: strings.Repeat(para+"\n\n", 26)})
	}
	r.Description = &examination.Described{File: f}
	ref := func(kind, key string) string {
		code := fmt.Sprintf("R-%04d", len(r.References)+1)
		r.References = append(r.References, examination.Reference{Code: code, Kind: kind, Key: key, Label: key})
		return code
	}
	for n := range 120 {
		k := examination.Control{ID: fmt.Sprintf("C-%03d", n), Criteria: []string{"CC6.1", "CC6.2"}, Worded: []examination.Worded{{From: r.From, To: r.To, Text: para[:280]}}}
		refs := []string{ref("workpaper", k.ID), ref("population", k.ID), ref("sample", k.ID)}
		k.Refs = refs[:1]
		tests := 3 + (n%3+1)/3
		for range tests {
			k.Tests = append(k.Tests, examination.Test{Sort: "inspection", Text: "Inspected " + para[:240], Refs: refs})
		}
		k.Result = &examination.Result{Sort: examination.NoExceptions, Text: "No exceptions noted.", Refs: refs}
		r.Controls = append(r.Controls, k)
	}
	return r
}

func BenchmarkPDF(b *testing.B) {
	r := large()
	if err := renderer().Prepare(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		file, err := renderer().PDF(b.Context(), examination.Report2(r, examination.FirmsCopy, nil), document.Letter)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(strings.Count(string(file), "/Type /Page\n")+strings.Count(string(file), "/Type/Page\n")+strings.Count(string(file), "/Type /Page/")+strings.Count(string(file), "/Type/Page/")), "pages")
	}
}

func BenchmarkDOCX(b *testing.B) {
	r := large()
	for b.Loop() {
		if _, err := document.DOCX(examination.Report2(r, examination.FirmsCopy, nil), document.Letter); err != nil {
			b.Fatal(err)
		}
	}
}

package report

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/readiness"
	"tickmark/internal/store"
)

// KeptKind is the kind of a report that was made and kept.
const KeptKind = "report"

// Kind declares the kept report: its file cannot change unnoticed, for the record that names its hash is in the ledger.
func Kind() record.Kind {
	return record.Kind{
		Name: KeptKind, Title: "Report", Plural: "Reports", Group: "System", Label: "title", System: true,
		Help: "A report that was made: of which moment, over which window, by whom, with the file itself.",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Required: true},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"readiness"}},
			{Name: "format", Type: record.Choice, Required: true, Choices: Formats()},
			{Name: "as_of", Title: "As of", Type: record.Time, Required: true, Indexed: true},
			{Name: "from", Title: "Window from", Type: record.Time, Required: true},
			{Name: "to", Title: "Window to", Type: record.Time, Required: true},
			{Name: "ledger_size", Title: "Ledger entries", Type: record.Integer, Required: true, Help: "How many entries the ledger had when it was made."},
			{Name: "file_name", Title: "File", Type: record.Text, Required: true},
			{Name: "size", Title: "Bytes", Type: record.Integer, Required: true},
			{Name: "sha256", Title: "SHA-256 of the file", Type: record.Text, Required: true, Hidden: true},
			{Name: "made_by", Title: "Made by", Type: record.Text, Required: true, Help: "Who asked for it."},
			{Name: "release", Type: record.Text, Hidden: true, Help: "The release that made it."},
		},
	}
}

// Formats are those in which a report can be made.
func Formats() []string { return []string{"pdf", "html", "json"} }

// Print says how to write a report.
type Print struct {
	Format string
	Paper  document.Paper
	Base   string // where the workspace's pages are, for the links of HTML; empty for none
}

// Readiness writes a readiness report in a format.
func Readiness(ctx context.Context, r *readiness.Report, renderer *document.Renderer, p Print) ([]byte, error) {
	switch p.Format {
	case "json":
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return nil, fmt.Errorf("write the report: %w", err)
		}
		return b.Bytes(), nil
	case "html":
		var link func(readiness.Reference) string
		if p.Base != "" {
			link = func(x readiness.Reference) string { return strings.TrimSuffix(p.Base, "/") + readiness.PathThen(x) }
		}
		return document.HTML(ctx, readiness.Document(r, link))
	case "pdf":
		return renderer.PDF(ctx, readiness.Document(r, nil), p.Paper)
	}
	return nil, fault.New(fault.Usage, "A report has no format %q.", p.Format).WithNext("Choose one of %s.", strings.Join(Formats(), ", "))
}

// Keep stores the file of a report and writes its record.
func Keep(ctx context.Context, book *record.Book, blobs blob.Store, by record.Actor, release string, r *readiness.Report, format string, file []byte) (record.Version, error) {
	sum, size, err := blobs.Put(ctx, bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return record.Version{}, fmt.Errorf("keep the report: %w", err)
	}
	text := func(m store.Moment) string { return m.Time().Format(time.RFC3339Nano) }
	body, err := json.Marshal(map[string]any{
		"title": "Readiness report of " + r.AsOf.Time().Format("2 Jan 2006"), "sort": "readiness", "format": format, "as_of": text(r.AsOf), "from": text(r.From), "to": text(r.To),
		"ledger_size": r.Ledger.Size, "file_name": "readiness-" + r.AsOf.Time().Format("2006-01-02T1504") + "." + format, "size": size, "sha256": sum.String(), "made_by": by.Name, "release": release,
	})
	if err != nil {
		return record.Version{}, err
	}
	list, err := book.Put(ctx, record.Job("job:report"), record.Change{Kind: KeptKind, Body: body, Reason: "made for " + by.Name})
	if err != nil {
		return record.Version{}, err
	}
	return list[0], nil
}

package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/connector/file"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
)

// Imported says what an import did.
type Imported struct {
	Read      int `json:"read" doc:"Rows of the file."`
	Written   int `json:"written" doc:"Records that are new or have a new version."`
	Unchanged int `json:"unchanged" doc:"Records that were as the file says already."`
}

// wholeLimit is how many records an export that must be built before it is sent may have; JSON lines have no limit.
const wholeLimit = 200_000

const sheetMedia = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

// mediaOf are the media types of the file formats.
func mediaOf(f file.Format) string {
	return map[file.Format]string{file.CSV: "text/csv; charset=utf-8", file.XLSX: sheetMedia, file.JSON: "application/json", file.JSONL: "application/x-ndjson"}[f]
}

// formatOf is the format of a media type; empty when it is told from the bytes.
func formatOf(media string) file.Format {
	media, _, _ = mime.ParseMediaType(media)
	for _, f := range []file.Format{file.CSV, file.XLSX, file.JSON, file.JSONL} {
		if strings.HasPrefix(mediaOf(f), media) && media != "" {
			return f
		}
	}
	return ""
}

// importRoutes are the routes that move a kind's records as files. They stand apart from the records' own paths, where any
// word may be a key.
func (s *server) importRoutes(k *record.Kind) []route {
	out := []route{{method: "GET", path: exportPath + "/" + k.Name, id: "export-" + k.Name, tag: k.Name, summary: lower(k.Plural) + " as a file",
		help: "What it holds an import takes back. It is of one moment throughout. JSON lines are sent as they are read; the other formats take 200,000 records at most.",
		query: []param{must(oneOf("format", "csv, xlsx, json or jsonl.", "csv", "xlsx", "json", "jsonl")), asked("where", "A filter in CEL over r."), asked("source", "Only what this connection says."),
			asOf(), yes("fixed", "With the fields that only actions set; an import refuses them.")},
		media: []string{"text/csv", sheetMedia, "application/json", "application/x-ndjson"}, serve: func(c *call) (any, error) { return c.export(k) }}}
	if k.Collected || k.System {
		return out
	}
	return append(out, route{method: "POST", path: importPath + "/" + k.Name, id: "import-" + k.Name, tag: k.Name, summary: "Write " + lower(k.Plural) + " from a file",
		help: "CSV, XLSX, JSON or JSON lines of 32 MiB at most, by field names. All of it is written or, when a row is wrong, nothing, and each problem is named with its line and column.",
		query: []param{asked("name", "The file's name, for messages and, by its ending, for its format."), asked("reason", "Why; the versions keep it."),
			asked("map", "Where each field's value comes from, as the text of a map file (YAML); columns by the fields' names when left out.")},
		file: []string{"text/csv", sheetMedia, "application/json", "application/x-ndjson", "application/octet-stream"}, answer: s.schemaOf(Imported{}),
		serve: func(c *call) (any, error) { return c.importFile(k) }})
}

func (c *call) importFile(k *record.Kind) (any, error) {
	if err := c.reads(k); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	if err := c.who.May(ctx, access.Write, k); err != nil {
		return nil, err
	}
	name := path.Base(c.text("name"))
	if name == "." || name == "/" {
		name = "the file"
		if f := formatOf(c.r.Header.Get("Content-Type")); f != "" {
			name = "import." + string(f)
		}
	}
	var mapping file.Mapping
	if text := c.text("map"); text != "" {
		var err error
		if mapping, err = file.ReadMapping("map", []byte(text)); err != nil {
			return nil, err
		}
	}
	rows, err := file.Read(k, name, c.r.Body, mapping)
	if err != nil {
		return nil, refusal(err)
	}
	for _, r := range rows {
		if err := c.s.complete(ctx, c.who, record.Change{Kind: k.Name, Key: r.Key, Body: r.Body}); err != nil {
			return nil, atRow(name, r, err)
		}
	}
	done := Imported{Read: len(rows)}
	err = c.s.Book.Log.Write(ctx, func(tx *ledger.Tx) (err error) {
		done.Written, err = c.writeRows(ctx, tx, k, name, rows)
		return err
	})
	if err != nil {
		return nil, err
	}
	done.Unchanged = done.Read - done.Written
	return done, nil
}

// writeRows writes every row. A row may name one that stands below it: what is refused is tried again after the others, for
// as long as that gets further.
func (c *call) writeRows(ctx context.Context, tx *ledger.Tx, k *record.Kind, name string, rows []file.Row) (written int, err error) {
	for len(rows) > 0 {
		var again []file.Row
		var first error
		for _, r := range rows {
			v, err := c.s.Book.PutIn(ctx, tx, c.who, record.Change{Kind: k.Name, Key: r.Key, Body: r.Body, Reason: c.text("reason"), Origin: record.Uploaded})
			switch {
			case fault.Is(err, fault.Invalid):
				if first == nil {
					first = atRow(name, r, err)
				}
				again = append(again, r)
			case err != nil:
				return 0, atRow(name, r, err)
			case v[0].From == tx.Now:
				written++
			}
		}
		if len(again) == len(rows) {
			return 0, first
		}
		rows = again
	}
	return written, nil
}

// refusal carries the problems that reading the file named.
func refusal(err error) error {
	var r *file.Refusal
	var f *fault.Fault
	if !errors.As(err, &r) || !errors.As(err, &f) {
		return err
	}
	p := &problems{Fault: f}
	for _, x := range r.Problems {
		p.errors = append(p.errors, Wrong{Detail: sentence(x.Message), Line: x.Line, Column: x.Column})
	}
	return p
}

// atRow says on which line a record was refused, and in which column when the message begins with its field.
func atRow(name string, r file.Row, err error) error {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return fmt.Errorf("import line %d: %w", r.Line, err)
	}
	w := Wrong{Detail: f.Message, Line: r.Line}
	if field, _, ok := strings.Cut(f.Message, ":"); ok && !strings.Contains(field, " ") {
		w.Column = field
	}
	return &problems{&fault.Fault{Kind: f.Kind, Message: fmt.Sprintf("Nothing of %s was taken: line %d: %s", name, r.Line, f.Message), Next: f.Next, Err: f.Err}, []Wrong{w}}
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}

// export sends the records of one moment.
func (c *call) export(k *record.Kind) (any, error) {
	if err := c.reads(k); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	q, at, err := c.listed(k)
	if err != nil {
		return nil, err
	}
	if q.AsOf == 0 {
		head, err := c.s.Book.Log.Head(ctx, c.s.Book.DB)
		if err != nil {
			return nil, err
		}
		q.AsOf = head.At // what is written while the export runs is not in it
	}
	q.Limit = 1000
	format := file.Format(c.text("format"))
	options := file.Options{Fixed: c.flag("fixed")}
	head := func() {
		c.w.Header().Set("Content-Type", mediaOf(format))
		c.w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": k.Name + "-" + at.Time().Format(time.DateOnly) + "." + string(format)}))
	}
	if format == file.JSONL {
		return c.stream(k, q, options, head)
	}
	var rows []file.Row
	err = c.eachPage(q, func(page []file.Row) error {
		if rows = append(rows, page...); len(rows) > wholeLimit {
			return fault.New(fault.TooLarge, "There are more than %d %s for one %s file.", wholeLimit, lower(k.Plural), format).WithNext("Ask for jsonl, or for less with where.")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := file.Write(k, format, &b, rows, options); err != nil {
		return nil, err
	}
	head()
	c.w.Write(b.Bytes())
	return streamed{}, nil
}

// stream sends JSON lines page by page. Once it began, an error cuts the connection: half a file must not look whole.
func (c *call) stream(k *record.Kind, q record.Query, o file.Options, head func()) (any, error) {
	began := false
	err := c.eachPage(q, func(page []file.Row) error {
		if !began {
			head()
			c.w.WriteHeader(http.StatusOK)
			began = true
		}
		return file.Write(k, file.JSONL, c.w, page, o)
	})
	switch {
	case err == nil && !began:
		head()
		c.w.WriteHeader(http.StatusOK)
	case err != nil && began:
		c.s.log.ErrorContext(c.r.Context(), "api: export", "kind", k.Name, "error", err)
		panic(http.ErrAbortHandler)
	}
	return streamed{}, err
}

// eachPage hands over a list page by page. Erased records have no content to export.
func (c *call) eachPage(q record.Query, fn func([]file.Row) error) error {
	for {
		page, err := c.s.Book.List(c.r.Context(), q)
		if err != nil {
			return err
		}
		if err := page.Whole(); err != nil {
			return err
		}
		rows := make([]file.Row, 0, len(page.Versions))
		for _, v := range page.Versions {
			if !v.Erased {
				rows = append(rows, file.Row{Key: v.Key, Body: v.Row()})
			}
		}
		if len(rows) > 0 {
			if err := fn(rows); err != nil {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

package examination

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/issue"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/workpaper"
)

// MaxFile is the largest file of a report that is issued, in bytes.
const MaxFile = 256 << 20

// Press is what reports are made and kept with.
type Press struct {
	Book     *record.Book
	Blobs    blob.Store
	Renderer *document.Renderer
	Link     func(Reference) string // where a reference leads on a page; nil for nowhere
	Shared   bool                   // the engagement lies in the company's own workspace, for a trial
}

// InShared is said on every page and every copy where the firm is a guest in the company's workspace.
const InShared = "Shared mode, for trials: the firm works as a guest in the company's own workspace, whose operator could read and change its papers. No report is issued from it."

// Formats of a report that is not issued. A DOCX can be edited, so it is for work on a draft.
func Formats() []string { return []string{"pdf", "docx", "html", "json"} }

// Form is which report of an examination.
type Form string

// The forms.
const (
	SOC2   Form = issue.SOC2
	SOC3   Form = issue.SOC3
	Letter Form = "management_letter"
)

// Read reads the report of an engagement for somebody who may read the firm's file.
func (p *Press) Read(ctx context.Context, by record.Authority, id string) (*Report, error) {
	k, err := p.Book.Kinds.Named(engagement.Name)
	if err != nil {
		return nil, err
	}
	if err := by.May(ctx, access.Read, k); err != nil {
		return nil, err
	}
	r, err := Read(ctx, p.Book.LookAt(ctx, time.Time{}), p.Blobs, id)
	if err == nil && p.Shared {
		r.Shared = InShared
	}
	return r, err
}

// Print writes a report in a format.
func (p *Press) Print(ctx context.Context, r *Report, form Form, c Copy, format string, paper document.Paper) ([]byte, error) {
	if p.Shared {
		marked := *r
		marked.Shared = InShared
		r = &marked
	}
	if format == "json" {
		if form != SOC2 {
			return nil, fault.New(fault.Usage, "Only the SOC 2 report is written as JSON.").WithNext("Choose pdf, docx or html.")
		}
		if c == Final {
			r = r.Issued()
		}
		return written(r)
	}
	var d document.Document
	switch form {
	case SOC2:
		d = Report2(r, c, p.Link)
	case SOC3:
		var err error
		if d, err = Report3(r, c, p.Link); err != nil {
			return nil, err
		}
	case Letter:
		d = ManagementLetter(r, c, p.Link)
	default:
		return nil, fault.New(fault.Usage, "There is no report %q.", form).WithNext("Choose %s, %s or %s.", SOC2, SOC3, Letter)
	}
	if p.Shared {
		d.Banner = strings.TrimSpace(InShared + " " + d.Banner)
		if d.Watermark == "" {
			d.Watermark = "TRIAL"
		}
	}
	switch format {
	case "pdf":
		return p.Renderer.PDF(ctx, d, paper)
	case "docx":
		return document.DOCX(d, paper)
	case "html":
		return document.HTML(ctx, d)
	}
	return nil, fault.New(fault.Usage, "A report has no format %q.", format).WithNext("Choose one of %s.", strings.Join(Formats(), ", "))
}

func written(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return b.Bytes(), nil
}

// WriteOSCAL is a report in an OSCAL model, as a file.
func WriteOSCAL(r *Report, model string) ([]byte, error) {
	v, err := OSCAL(r, model)
	if err != nil {
		return nil, err
	}
	return written(v)
}

// Order is what is to be issued.
type Order struct {
	Form   Form
	Number string
	Date   string
	Paper  document.Paper
	File   []byte // the firm's own; nil: made from the papers
	Name   string // of the firm's own file
	Reason string // of another version
}

// Issue makes the report from the papers, or takes the firm's own, keeps the file and issues it. The first SOC 2 moves the engagement
// in the same transaction, with its deviations marked as reported: either all of it is on record or nothing.
func (p *Press) Issue(ctx context.Context, by record.Authority, id string, o Order) (record.Version, error) {
	var none record.Version
	r, err := p.Read(ctx, by, id)
	if err != nil {
		return none, err
	}
	k, err := p.Book.Kinds.Named(issue.Name)
	if err != nil {
		return none, err
	}
	if err := by.May(ctx, access.Act, k); err != nil {
		return none, err
	}
	switch {
	case p.Shared:
		return none, fault.New(fault.Conflict, "This engagement lies in the company's own workspace, which is for trials, and no report is issued from it.").WithNext("Let the firm examine in a workspace that it runs: tickmark up --firm.")
	case o.Form != SOC2 && o.Form != SOC3:
		return none, fault.New(fault.Usage, "Only %s and %s are issued.", SOC2, SOC3)
	case len(r.Missing) > 0:
		return none, fault.New(fault.Conflict, "%d things stand against the issue: %s", len(r.Missing), strings.Join(r.Missing[:min(5, len(r.Missing))], " ")).WithNext("See all of them on the last pages of a draft: tickmark audit report %s --out draft.pdf.", id)
	case strings.TrimSpace(o.Number) == "" || o.Date == "":
		return none, fault.New(fault.Usage, "A report has a number and a date.")
	}
	file, name, made, compared := o.File, o.Name, "firm", ""
	r.Number, r.Date = o.Number, o.Date
	if file == nil {
		if file, err = p.Print(ctx, r, o.Form, Final, "pdf", o.Paper); err != nil {
			return none, err
		}
		name, made, compared = strings.ReplaceAll(string(o.Form), "_", "-")+"-"+safe(id)+"-"+safe(o.Number)+".pdf", "tickmark", "Made from the papers."
	} else if compared, err = Compare(r, name, file); err != nil {
		return none, err
	}
	sum, size, err := p.Blobs.Put(ctx, bytes.NewReader(file), MaxFile)
	if err != nil {
		return none, err
	}
	body, err := json.Marshal(map[string]any{engagement.Name: id, "form": o.Form, "number": o.Number, "dated": o.Date, "file": sum.String(), "file_name": name, "size": size, "made_by": made, "compared": compared, "reason": o.Reason})
	if err != nil {
		return none, err
	}
	var changes []record.Change
	if o.Form == SOC2 && r.State == "quality_review" {
		for _, d := range r.Deviations {
			v, err := p.Book.GetFrom(ctx, workpaper.DeviationName, d.key, record.Program, 0, record.Auditor)
			if err != nil {
				return none, err
			}
			if b, err := engagement.Body(v); err != nil {
				return none, err
			} else if b[record.StateField] == "response_received" {
				changes = append(changes, record.Change{Kind: workpaper.DeviationName, Key: d.key, Move: "report", Reason: "stands in report " + o.Number})
			}
		}
		changes = append(changes, record.Change{Kind: engagement.Name, Key: id, Move: "issue", Said: map[string]any{"report_date": o.Date, "report_number": o.Number, "report_file": sum.String()}})
	}
	return p.write(ctx, by, r, append(changes, record.Change{Kind: issue.Name, Body: body, Reason: cmp.Or(o.Reason, "issued")}))
}

// write puts the issue on record if the file still says what the report was made of: a paper that changed while the PDF was set
// would otherwise be issued with its old words.
func (p *Press) write(ctx context.Context, by record.Authority, r *Report, changes []record.Change) (record.Version, error) {
	moved := errors.New("the ledger has grown")
	for range 5 {
		head, err := p.Book.Log.Head(ctx, p.Book.DB)
		if err != nil {
			return record.Version{}, err
		}
		again, err := p.Read(ctx, by, r.ID)
		if err != nil {
			return record.Version{}, err
		}
		again.Number, again.Date = r.Number, r.Date
		was, err := written(r)
		if err != nil {
			return record.Version{}, err
		}
		if is, err := written(again); err != nil || !bytes.Equal(was, is) {
			return record.Version{}, cmp.Or(err, error(fault.New(fault.Conflict, "The engagement's file changed while the report was made of it.").WithNext("Look at it again, and issue it then.")))
		}
		var out []record.Version
		err = p.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
			now, err := p.Book.Log.Head(ctx, tx)
			if err == nil && now.Size != head.Size {
				err = moved
			}
			if err == nil {
				out, err = p.Book.PutIn(ctx, tx, by, changes...)
			}
			return err
		})
		if err == nil {
			return out[len(out)-1], nil
		}
		if !errors.Is(err, moved) {
			return record.Version{}, err
		}
	}
	return record.Version{}, fault.New(fault.Conflict, "Others keep writing in this workspace.").WithNext("Try again in a moment.")
}

// safe is a text as part of a file's name.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, s)
}

// Issued is the file of an issued version, whose bytes are compared with the sum on record; number "" is the last version.
func (p *Press) Issued(ctx context.Context, by record.Authority, id string, form Form, number string) (file []byte, name string, err error) {
	k, err := p.Book.Kinds.Named(issue.Name)
	if err != nil {
		return nil, "", err
	}
	if err := by.May(ctx, access.Read, k); err != nil {
		return nil, "", err
	}
	all, err := engagement.Found(p.Book.LookAt(ctx, time.Time{}), issue.Name, engagement.Name, id)
	if err != nil {
		return nil, "", err
	}
	var last map[string]any
	for _, b := range all {
		if b["form"] == string(form) && (number == "" && (last == nil || workpaper.Whole(b["version"]) > workpaper.Whole(last["version"])) || number != "" && b["number"] == number) {
			last = b
		}
	}
	if last == nil {
		return nil, "", fault.New(fault.NotFound, "No such report of %s was issued.", id).WithNext("List them: tickmark records issued_report.")
	}
	h, err := blob.Parse(engagement.Text(last, "file"))
	if err != nil {
		return nil, "", err
	}
	file, err = blob.Get(p.Blobs, h, MaxFile)
	return file, engagement.Text(last, "file_name"), err
}

// Compare holds a report that the firm made itself against the papers, as far as its text can be read: each control and each result
// with exceptions must be in it, word for word. A PDF's text is not read here, and that is said. A difference is refused.
func Compare(r *Report, name string, file []byte) (string, error) {
	lower := strings.ToLower(name)
	switch {
	case bytes.HasPrefix(file, []byte("%PDF-")):
		return "Section IV was not compared with the papers: the text of a PDF is not read here. Whoever signs compares it.", nil
	case !strings.HasSuffix(lower, ".docx"):
		return "", fault.New(fault.Invalid, "%s is neither a PDF nor a DOCX.", name).WithNext("Give the file as it leaves the firm.")
	}
	text, err := textOf(file)
	if err != nil {
		return "", fault.New(fault.Invalid, "The text of %s cannot be read: %w.", name, err)
	}
	var missing []string
	for _, k := range r.Controls {
		if !strings.Contains(text, squeeze(k.ID)) {
			missing = append(missing, "the control "+k.ID)
			continue
		}
		if k.Result == nil || k.Result.Sort == NoExceptions {
			continue
		}
		for _, n := range k.Result.Deviations {
			i := slices.IndexFunc(r.Deviations, func(d Deviation) bool { return d.Number == n })
			if i >= 0 && !strings.Contains(text, squeeze(strings.TrimRight(r.Deviations[i].Facts, ". "))) {
				missing = append(missing, fmt.Sprintf("the facts of %s, %s", n, k.ID))
			}
		}
	}
	if len(missing) > 0 {
		return "", fault.New(fault.Conflict, "%s does not have what the papers say: %s.", name, strings.Join(missing[:min(5, len(missing))], "; ")).WithNext("Every deviation is reported; correct the file.")
	}
	return fmt.Sprintf("Section IV was compared with the papers: each of %d controls and the facts of each of %d deviations stand in it, word for word. Whether it says more was not looked at.", len(r.Controls), len(r.Deviations)), nil
}

// squeeze is a text without spaces, as a comparison of words needs it across runs and lines.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// textOf is the text of a DOCX without its spaces.
func textOf(file []byte) (string, error) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return "", err
	}
	f, err := z.Open("word/document.xml")
	if err != nil {
		return "", err
	}
	defer f.Close()
	d := xml.NewDecoder(io.LimitReader(f, MaxFile))
	var b strings.Builder
	in := false
	for {
		t, err := d.Token()
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.StartElement:
			in = t.Name.Local == "t"
		case xml.EndElement:
			in = false
		case xml.CharData:
			if in {
				b.WriteString(squeeze(string(t)))
			}
		}
	}
}

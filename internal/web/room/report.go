package room

import (
	"io"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/issue"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

// ReportPage is the report of an engagement: drafts, what stands against its issue, and issued versions.
type ReportPage struct {
	Tabs    []part.Tab
	State   part.Status
	Missing []string // what the papers and texts lack
	Guards  []engagement.Guard
	Day     string
	Drafts  []DraftRow
	Texts   []TextRow
	Issued  []IssuedRow
	Issue   string // where it is issued; empty where it cannot be by this reader
	Again   bool   // a version was issued already, so that another has a reason
	Wrong   string
	Typed   map[string][]string
	Final   bool // the engagement was issued: what is written now is the firm's own copy
	NoPDF   bool
}

// DraftRow is one document as it stands.
type DraftRow struct {
	Name    string
	Formats []part.Link
}

// TextRow is a text of management's.
type TextRow struct{ Sort, From, Sum, Record string }

// IssuedRow is an issued version.
type IssuedRow struct {
	Form, Number, Dated, File, Sum, Compared, Reason, Href, Record string
	Version                                                        int
	Size                                                           int64
	By                                                             string
	At                                                             time.Time
}

var formNames = map[string]string{string(examination.SOC2): "SOC 2, Sections I to V", string(examination.SOC3): "SOC 3", string(examination.Letter): "Management letter"}

func (s *Site) report(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	p := ReportPage{State: part.Status(f.state()), Day: f.today(ctx), Final: slices.Contains([]string{"issued", "archived"}, f.state()), NoPDF: s.Press.Renderer == nil}
	if p.Tabs, err = f.tabs("Report"); err != nil {
		return err
	}
	if day := r.URL.Query().Get("day"); day != "" {
		p.Day = day
	}
	rep, err := examination.Read(ctx, f.look, s.Desk.Blobs, f.Key)
	if err != nil && !said(err) {
		return err
	} else if err != nil {
		p.Missing = []string{sentence(err)}
	} else {
		p.Missing = rep.Missing
		for _, form := range []examination.Form{examination.SOC2, examination.SOC3, examination.Letter} {
			if form == examination.SOC3 && !rep.Type2() {
				continue
			}
			row := DraftRow{Name: formNames[string(form)]}
			for _, format := range examination.Formats() {
				if format == "json" && form != examination.SOC2 || format == "pdf" && p.NoPDF {
					continue
				}
				row.Formats = append(row.Formats, part.Link{Text: strings.ToUpper(format), Href: f.path("report", "draft", string(form), format)})
			}
			p.Drafts = append(p.Drafts, row)
		}
		row := DraftRow{Name: "OSCAL"}
		for _, model := range oscal {
			row.Formats = append(row.Formats, part.Link{Text: part.Sentence(strings.ReplaceAll(model, "-", " ")), Href: f.path("report", "draft", "oscal", model)})
		}
		p.Drafts = append(p.Drafts, row)
	}
	if !p.Final {
		p.Guards = engagement.IssueGuards(f.look, f.Body, p.Day)
	}
	texts, err := f.all(issue.TextName)
	if err != nil {
		return err
	}
	for _, e := range texts {
		if e.state() == "received" {
			p.Texts = append(p.Texts, TextRow{part.Sentence(e.text("sort")), e.text("received_from"), e.text("file"), part.Path("records", issue.TextName, e.Key)})
		}
	}
	issued, err := f.all(issue.Name)
	if err != nil {
		return err
	}
	for _, e := range issued {
		p.Again = p.Again || e.text("form") == issue.SOC2
		p.Issued = append(p.Issued, IssuedRow{Form: formNames[e.text("form")], Number: e.text("number"), Dated: e.text("dated"), File: e.text("file_name"), Sum: e.text("file"), Compared: e.text("compared"), Reason: e.text("reason"), Href: f.path("report", "issued", e.text("form"), e.text("number")),
			Record: part.Path("records", issue.Name, e.Key), Version: workpaper.Whole(e.Body["version"]), Size: int64(workpaper.Whole(e.Body["size"])), By: e.text("issued_by"), At: e.at("issued_at")})
	}
	slices.SortStableFunc(p.Issued, func(a, b IssuedRow) int { return b.At.Compare(a.At) })
	if s.may(ctx, access.Act, issue.Name) == nil && !part.Past(ctx) {
		p.Issue = f.path("report", "issue")
	}
	if why := refused(ctx); why.At == "issue" {
		p.Wrong, p.Typed = why.Sentence, why.Typed
	}
	return s.Show(w, r, status(ctx), shell.Page{Title: "Report", Section: Section, Crumbs: f.crumbs(part.Crumb{Text: "Report"})}, ReportView(p))
}

var oscal = []string{"assessment-plan", "assessment-results", "plan-of-action-and-milestones"}

// reportDraft writes the report as the file stands, marked as a draft until it is issued.
func (s *Site) reportDraft(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	form, format := r.PathValue("form"), r.PathValue("format")
	rep, err := examination.Read(ctx, f.look, s.Desk.Blobs, f.Key)
	if err != nil {
		return err
	}
	if s.Press.Shared {
		rep.Shared = examination.InShared
	}
	how := examination.Draft
	if slices.Contains([]string{"issued", "archived"}, f.state()) {
		how = examination.FirmsCopy
	}
	var b []byte
	name := strings.ReplaceAll(form, "_", "-") + "-" + f.Key + "-draft." + format
	switch {
	case form == "oscal" && slices.Contains(oscal, format):
		b, err = examination.WriteOSCAL(rep, format)
		name = "oscal-" + format + "-" + f.Key + ".json"
	case formNames[form] == "" || !slices.Contains(examination.Formats(), format):
		return fault.New(fault.NotFound, "There is no such document.")
	case format == "pdf" && s.Press.Renderer == nil:
		return fault.New(fault.Unavailable, "This server makes no PDFs.").WithNext("Take the DOCX, or ask whoever runs it.")
	default:
		b, err = s.Press.Print(ctx, rep, examination.Form(form), how, format, document.Letter)
	}
	if err != nil {
		return err
	}
	return attachment(w, name, b)
}

// reportIssued hands out the very file that was issued.
func (s *Site) reportIssued(w http.ResponseWriter, r *http.Request) error {
	f, err := s.open(r)
	if err != nil {
		return err
	}
	b, name, err := s.Press.Issued(r.Context(), s.Who(r.Context()), f.Key, examination.Form(r.PathValue("form")), segment(r, "number"))
	if err != nil {
		return err
	}
	return attachment(w, name, b)
}

func attachment(w http.ResponseWriter, name string, b []byte) error {
	h := w.Header() // a browser must not take it for a page of ours
	h.Set("Content-Type", "application/octet-stream")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", strconv.Itoa(len(b)))
	_, err := w.Write(b)
	return err
}

// reportIssue issues the report as tickmark audit issue does: made from the papers, or the firm's own file.
func (s *Site) reportIssue(w http.ResponseWriter, r *http.Request) error {
	f, err := s.acts(w, r, access.Act, issue.Name)
	if err != nil {
		return err
	}
	in := r.PostForm
	o := examination.Order{Form: examination.Form(in.Get("form")), Number: strings.TrimSpace(in.Get("number")), Date: in.Get("date"), Reason: strings.TrimSpace(in.Get("reason")), Paper: document.Letter}
	err = func() error {
		file, h, err := r.FormFile("file")
		if err == nil && h.Filename != "" {
			defer file.Close()
			if o.File, err = io.ReadAll(io.LimitReader(file, examination.MaxFile+1)); err != nil {
				return err
			}
			if len(o.File) > examination.MaxFile {
				return fault.New(fault.TooLarge, "The file is too large for a report.").WithNext("Make it smaller.")
			}
			o.Name = path.Base(strings.ReplaceAll(h.Filename, `\`, "/"))
		} else if s.Press.Renderer == nil {
			return fault.New(fault.Conflict, "This server makes no PDFs.").WithNext("Give the firm's own file, or issue it from the command line.")
		}
		_, err = s.Press.Issue(r.Context(), s.Who(r.Context()), f.Key, o)
		return err
	}()
	return s.tried(w, r, s.report, "issue", err, f.path("report"), "Issued as number "+o.Number+". The file is kept for good.")
}

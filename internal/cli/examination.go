package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/issue"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
	"tickmark/internal/report/readiness"
	"tickmark/internal/workspace"
)

// press makes and issues reports of an examination.
func press(w *workspace.Workspace) *examination.Press {
	p := &examination.Press{Book: w.Book, Blobs: w.Blobs, Renderer: w.Paper, Shared: !w.Firm}
	if w.BaseURL != "" {
		p.Link = func(x examination.Reference) string {
			return strings.TrimSuffix(w.BaseURL, "/") + readiness.PathThen(x)
		}
	}
	return p
}

type auditText struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Sort       string `arg:"" enum:"description,assertion,subservice_assertion,other_information" help:"description, assertion, subservice_assertion or other_information."`
	File       string `arg:"" type:"path" help:"The file of management's: Markdown, or for the description what tickmark description file wrote."`
	From       string `required:"" placeholder:"WHO" help:"Who of management handed it over."`
	Subservice string `placeholder:"NAME" help:"Whose assertion it is, with the inclusive method."`
	Signed     string `placeholder:"SHA256" help:"Of the signed letter whose words these are, when it is another file."`
}

func (c *auditText) Run(s *session) error {
	text, err := readFile(c.File, 16<<20)
	if err != nil {
		return unreadable(c.File, err)
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		k, err := w.Book.Kinds.Named(issue.TextName)
		if err != nil {
			return err
		}
		if err := me.May(s, access.Act, k); err != nil {
			return err
		}
		sum, _, err := w.Blobs.Put(s, bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return err
		}
		earlier, err := w.Book.LookAt(s, time.Time{}).Find(issue.TextName, engagement.Name, c.Engagement)
		if err != nil {
			return err
		}
		var changes []record.Change
		for _, v := range earlier {
			b, err := engagement.Body(v)
			if err != nil {
				return err
			}
			if b["sort"] == c.Sort && engagement.Text(b, "subservice") == c.Subservice && b[record.StateField] == "received" {
				if b["file"] == sum.String() {
					s.say("That very text is on file already.")
					return s.written(v)
				}
				changes = append(changes, record.Change{Kind: issue.TextName, Key: v.Key, Move: "replace"})
			}
		}
		body := map[string]any{engagement.Name: c.Engagement, "sort": c.Sort, "file": sum.String(), "received_from": c.From}
		for name, v := range map[string]string{"subservice": c.Subservice, "signed": c.Signed} {
			if v != "" {
				body[name] = v
			}
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		out, err := w.Book.Put(s, me, append(changes, record.Change{Kind: issue.TextName, Body: raw})...)
		if err != nil {
			return err
		}
		if !s.flags.JSON {
			s.fact("Took management's %s with the SHA-256 %s.", strings.ReplaceAll(c.Sort, "_", " "), sum)
		}
		return s.written(out[len(out)-1])
	})
}

type auditReport struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Form       string `enum:"soc_2,soc_3,management_letter" default:"soc_2" help:"soc_2, soc_3 or management_letter."`
	Format     string `placeholder:"FORMAT" help:"pdf, docx, html, json or oscal; what the file's name ends in when left out."`
	Model      string `enum:"assessment-plan,assessment-results,plan-of-action-and-milestones" default:"assessment-results" help:"Of OSCAL: assessment-plan, assessment-results or plan-of-action-and-milestones."`
	Out        string `required:"" type:"path" placeholder:"FILE" help:"The file to write."`
	Paper      string `enum:"a4,us-letter" default:"us-letter" help:"Of a PDF or DOCX: a4 or us-letter."`
	Issued     bool   `help:"The file that was issued, unchanged, instead of a copy with references."`
	Number     string `placeholder:"N" help:"With --issued: the number of the version; the last one when left out."`
}

func (c *auditReport) Run(s *session) error {
	format := c.Format
	if format == "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Out)), ".")
	}
	if !c.Issued && format != "oscal" && !slices.Contains(examination.Formats(), format) {
		return fault.New(fault.Usage, "A report has no format %q.", format).WithNext("Choose pdf, docx, html, json or oscal: --format.")
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		p := press(w)
		var file []byte
		var err error
		if c.Issued {
			var name string
			if file, name, err = p.Issued(s, me, c.Engagement, examination.Form(c.Form), c.Number); err != nil {
				return err
			}
			if err := s.output(c.Out, func(f io.Writer) error { _, err := f.Write(file); return err }); err != nil {
				return err
			}
			s.say("%s: %s as it was issued.", c.Out, name)
			return nil
		}
		r, err := p.Read(s, me, c.Engagement)
		if err != nil {
			return err
		}
		how := examination.Draft
		if slices.Contains([]string{"issued", "archived"}, r.State) {
			how = examination.FirmsCopy
		}
		if format == "oscal" {
			file, err = examination.WriteOSCAL(r, c.Model)
		} else {
			if format == "pdf" {
				if err := s.prepare(w.Paper); err != nil {
					return err
				}
			}
			file, err = p.Print(s, r, examination.Form(c.Form), how, format, document.Paper(c.Paper))
		}
		if err != nil {
			return err
		}
		if err := s.output(c.Out, func(f io.Writer) error { _, err := f.Write(file); return err }); err != nil {
			return err
		}
		s.say("%s: %s, %d references, %d things stand against its issue.", c.Out, word(how == examination.Draft, "a draft", "the firm's own copy"), len(r.References), len(r.Missing))
		for _, m := range r.Missing[:min(len(r.Missing), 10)] {
			s.say("  %s", printable(m))
		}
		return nil
	})
}

type auditIssue struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Number     string `required:"" placeholder:"N" help:"The number of the report; another version has another."`
	Date       string `required:"" placeholder:"DAY" help:"The date of the report, which is that of the representations."`
	Form       string `enum:"soc_2,soc_3" default:"soc_2" help:"soc_2 or soc_3."`
	File       string `type:"path" placeholder:"FILE" help:"The firm's own PDF or DOCX, instead of one made from the papers."`
	Reason     string `placeholder:"WHY" help:"Why it is issued again."`
	Paper      string `enum:"a4,us-letter" default:"us-letter" help:"a4 or us-letter."`
}

func (c *auditIssue) Run(s *session) error {
	o := examination.Order{Form: examination.Form(c.Form), Number: c.Number, Date: c.Date, Reason: c.Reason, Paper: document.Paper(c.Paper)}
	if c.File != "" {
		b, err := readFile(c.File, examination.MaxFile)
		if err != nil {
			return unreadable(c.File, err)
		}
		o.File, o.Name = b, filepath.Base(c.File)
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if o.File == nil {
			if err := s.prepare(w.Paper); err != nil {
				return err
			}
		}
		v, err := press(w).Issue(s, me, c.Engagement, o)
		if err != nil {
			return err
		}
		if !s.flags.JSON {
			b, err := engagement.Body(v)
			if err != nil {
				return err
			}
			s.fact("Issued %s number %s of %s, SHA-256 %s. %s", engagement.Text(b, "file_name"), c.Number, c.Date, engagement.Text(b, "file"), engagement.Text(b, "compared"))
		}
		return s.written(v)
	})
}

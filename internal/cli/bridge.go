package cli

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/description"
	"tickmark/internal/fault"
	"tickmark/internal/report/document"
	"tickmark/internal/report/examination"
	"tickmark/internal/workspace"
)

type reportBridge struct {
	ID    string `arg:"" help:"Id of the bridge letter; tickmark put bridge_letter begins one."`
	Out   string `required:"" type:"path" placeholder:"FILE" help:"The file to write; its ending decides the format: .pdf, .docx or .html."`
	Paper string `enum:"a4,us-letter" default:"a4" help:"Of a PDF or DOCX: a4 or us-letter."`
}

// Run writes the letter and says what the records show that it is silent on: such a letter cannot be approved.
func (c *reportBridge) Run(s *session) error {
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Out)), ".")
	if format != "pdf" && format != "docx" && format != "html" {
		return fault.New(fault.Usage, "%s ends in none of .pdf, .docx and .html.", c.Out)
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		k, err := w.Book.Kinds.Named(description.BridgeName)
		if err != nil {
			return err
		}
		if err := me.May(s, access.Read, k); err != nil {
			return err
		}
		v, err := w.Book.Get(s, description.BridgeName, c.ID, 0)
		if err != nil {
			return err
		}
		var body map[string]any
		if err := json.Unmarshal(v.Body, &body); err != nil {
			return err
		}
		b, err := description.ReadBridge(body)
		if err != nil {
			return err
		}
		f, changes, err := b.Since(w.Book.LookAt(s, time.Time{}))
		if err != nil {
			return err
		}
		open := b.Open(changes)
		if b.State == "approved" && len(open) > 0 {
			return fault.New(fault.Conflict, "Since its approval the records show %d things more that the letter is silent on, such as %s of %s.", len(open), open[0].ID, open[0].On).WithNext("Return it to draft, and disclose or judge each.")
		}
		d := examination.BridgeLetter(b, f)
		var file []byte
		switch format {
		case "pdf":
			if err := s.prepare(w.Paper); err != nil {
				return err
			}
			file, err = w.Paper.PDF(s, d, document.Paper(c.Paper))
		case "docx":
			file, err = document.DOCX(d, document.Paper(c.Paper))
		default:
			file, err = document.HTML(s, d)
		}
		if err != nil {
			return err
		}
		if err := s.output(c.Out, func(o io.Writer) error { _, err := o.Write(file); return err }); err != nil {
			return err
		}
		s.say("%s: %s, silent on %d things that the records show.", c.Out, word(b.State == "approved", "as management approved it", "a draft"), len(open))
		for _, x := range open {
			s.say("  %s  %s  %s", x.On, printable(x.ID), printable(x.What))
		}
		return nil
	})
}

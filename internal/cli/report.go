package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/report"
	"tickmark/internal/report/document"
	"tickmark/internal/report/readiness"
	"tickmark/internal/report/typst"
	"tickmark/internal/workspace"
)

type reportCommand struct {
	Bridge    reportBridge    `cmd:"" help:"Management's bridge letter on the time since a report, and what the records show that it is silent on."`
	Readiness reportReadiness `cmd:"" help:"How far the organisation is: scope, criteria, controls, checks over a window, gaps, with the source of every line."`
}

type reportReadiness struct {
	Out   string `type:"path" placeholder:"FILE" help:"The file to write; its ending decides the format: .pdf, .html or .json. JSON on standard output when left out."`
	AsOf  string `placeholder:"TIME" help:"As of a past moment."`
	From  string `placeholder:"DAY" help:"The window's first day; the current period, or the last 90 days, when left out."`
	To    string `placeholder:"DAY" help:"The window's last day, inclusive, in the organisation's zone."`
	Paper string `enum:"a4,us-letter" default:"a4" help:"Of a PDF: a4 or us-letter."`
	Keep  bool   `help:"Keep the file in the workspace too, with a record of who made it."`
}

func (c *reportReadiness) Run(s *session) error {
	format := "json"
	if c.Out != "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(c.Out)), ".")
		if !slices.Contains(report.Formats(), format) {
			return fault.New(fault.Usage, "%s ends in none of .pdf, .html and .json.", c.Out)
		}
	}
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	return s.with(func(ws *workspace.Workspace, me access.Session) error {
		if err := me.May(s, access.Read, nil); err != nil {
			return err
		}
		zone, err := readiness.Zone(s, ws.Book, asOf)
		if err != nil {
			return err
		}
		w, err := window(c.From, c.To, zone)
		if err != nil {
			return err
		}
		r, err := readiness.Make(s, readiness.Options{Book: ws.Book, Monitor: ws.Monitor, AsOf: asOf, From: w[0], To: w[1]})
		if err != nil {
			return err
		}
		if format == "pdf" {
			if err := s.prepare(ws.Paper); err != nil {
				return err
			}
		}
		file, err := report.Readiness(s, r, ws.Paper, report.Print{Format: format, Paper: document.Paper(c.Paper), Base: ws.BaseURL})
		if err != nil {
			return err
		}
		if err := s.output(c.Out, func(out io.Writer) error { _, err := out.Write(file); return err }); err != nil {
			return err
		}
		if c.Keep {
			if err := me.May(s, access.Act, nil); err != nil {
				return err
			}
			if _, err := report.Keep(s, ws.Book, ws.Blobs, me.Actor(), workspace.Release(), r, format, file); err != nil {
				return err
			}
		}
		if c.Out != "" {
			s.say("%s: readiness as of %s, %d references into a ledger of %d entries.", c.Out, r.AsOf, len(r.References), r.Ledger.Size)
		}
		return nil
	})
}

// prepare waits for the PDF engine and says how far it is; its machine code is made once.
func (s *session) prepare(paper *document.Renderer) error {
	done := make(chan error, 1)
	go func() { done <- paper.Prepare(s) }()
	began, tick := time.Now(), time.NewTicker(time.Second)
	defer tick.Stop()
	said := false
	for {
		select {
		case err := <-done:
			if said && s.talksToTerminal() {
				fmt.Fprintf(s.stderr, "\r\x1b[K")
			}
			return err
		case <-tick.C:
			if paper.State().Phase != typst.Preparing {
				continue
			}
			switch {
			case s.talksToTerminal():
				fmt.Fprintf(s.stderr, "\r\x1b[KPreparing the PDF engine, once: %d s …", int(time.Since(began).Seconds()))
			case !said:
				s.say("Preparing the PDF engine, which is done once …")
			}
			said = true
		}
	}
}

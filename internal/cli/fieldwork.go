package cli

import (
	"cmp"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/organisation"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
	"tickmark/internal/workspace"
)

type auditPopulation struct {
	Draw      populationDraw      `cmd:"" help:"Draw the complete list of a control's occasions from the company's records, with what it may lack, into a file for the firm."`
	Reconcile populationReconcile `cmd:"" help:"Compare a delivered population with another list, row by row; each difference is then explained by a person."`
	Explain   populationExplain   `cmd:"" help:"Explain one difference between two lists."`

	Deliver populationDeliver `cmd:"" help:"Take a list of the company's for a population that was requested: a file that Tickmark drew, or a table in CSV."`
}

type populationDraw struct {
	Kind   string `arg:"" help:"The kind of record, such as git_commit; tickmark records lists them."`
	From   string `required:"" placeholder:"DAY" help:"First day of the window, inclusive."`
	To     string `required:"" placeholder:"DAY" help:"Last day, inclusive; it must be over."`
	Where  string `placeholder:"CEL" help:"Which of them, such as r.merged == true."`
	Source string `placeholder:"NAME" help:"Only those of this connection."`
	Name   string `placeholder:"NAME" help:"What they are; the kind's own name when left out."`
	Zone   string `placeholder:"ZONE" help:"Time zone of the days; the organisation's when left out."`
	Out    string `required:"" type:"path" placeholder:"FILE" help:"The file to write."`
}

func (c *populationDraw) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		page, err := w.Book.List(s, record.Query{Kind: "organisation", Limit: 1})
		if err != nil {
			return err
		}
		zone := time.UTC
		for _, v := range page.Versions {
			zone = organisation.Zone(v.Body)
		}
		if c.Zone != "" {
			if zone, err = time.LoadLocation(c.Zone); err != nil {
				return fault.New(fault.Usage, "There is no time zone %q.", c.Zone)
			}
		}
		var drawn population.Drawn
		err = s.output(c.Out, func(f io.Writer) (err error) {
			drawn, err = population.Draw(s, w.Book, me, population.Query{Name: c.Name, Kind: c.Kind, Where: c.Where, Source: c.Source, From: c.From, To: c.To, Zone: zone,
				Release: workspace.Release(), Ledger: w.Log.VKey}, f)
			return err
		})
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(drawn)
		}
		s.fact("%s: %d rows of %s to %s, %s.", c.Out, drawn.Rows, drawn.From, drawn.To, cmp.Or(drawn.Trailer.Origin, "no origin"))
		s.fact("  hash of the population  %s\n  SHA-256 of the file     %s", drawn.Root, drawn.File)
		if drawn.Complete {
			s.fact("  The sources were read completely over the window.")
		}
		for _, g := range drawn.Gaps {
			s.fact("  may lack: %s", printable(g))
		}
		return nil
	})
}

type populationDeliver struct {
	Population string   `arg:"" help:"The key of the population."`
	File       string   `arg:"" type:"path" help:"The list."`
	Key        string   `placeholder:"COLUMN" help:"Of a table: the column that names a row."`
	Time       string   `placeholder:"COLUMN" help:"Of a table: the column that says when it happened."`
	Location   string   `placeholder:"COLUMN" help:"Of a table: the column of the system, site or team."`
	By         string   `placeholder:"WHO" help:"Of a table: who drew it."`
	Drawn      string   `placeholder:"TIME" help:"Of a table: when it was drawn from its source."`
	Complete   bool     `help:"Of a table: the source is known to have been read completely."`
	Gap        []string `placeholder:"TEXT" help:"Of a table: what it may lack."`
}

func (c *populationDeliver) Run(s *session) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fault.New(fault.NotFound, "The list %s cannot be read: %w.", c.File, err)
	}
	defer f.Close()
	how := fieldwork.Delivery{Key: c.Key, At: c.Time, Location: c.Location, Extractor: c.By, Complete: c.Complete, Gaps: c.Gap}
	if c.Drawn != "" {
		m, err := moment("drawn", c.Drawn)
		if err != nil {
			return err
		}
		how.Extracted = m.Time()
	}
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		v, err := d.Deliver(s, me, c.Population, f, how)
		if err != nil {
			return err
		}
		if !s.flags.JSON {
			var b struct {
				Rows int    `json:"row_count"`
				Root string `json:"root"`
			}
			json.Unmarshal(v.Body, &b)
			s.fact("%d rows, with the hash %s.", b.Rows, b.Root)
		}
		return s.written(v)
	})
}

// desk opens the workspace for fieldwork.
func (s *session) desk(fn func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		return fn(w, me, &fieldwork.Desk{Book: w.Book, Keys: w.Keys, Blobs: w.Blobs})
	})
}

type auditCommit struct {
	Engagement string `arg:"" help:"The id of the engagement."`
	Control    string `arg:"" help:"The id of the control."`
	Again      string `placeholder:"REASON" help:"Why the control gets another commitment; the first stays on record."`
}

func (c *auditCommit) Run(s *session) error {
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		key, err := d.Commit(s, me, c.Engagement, c.Control, c.Again)
		if err != nil {
			return err
		}
		v, err := w.Book.GetFrom(s, workpaper.NonceName, key, record.Program, 0, record.Auditor)
		if err != nil {
			return err
		}
		if !s.flags.JSON {
			s.fact("Committed to a nonce for %s. Now the population may be delivered.", c.Control)
		}
		return s.written(v)
	})
}

type auditSampleDraw struct {
	Sample string `arg:"" help:"The key of the sample."`
}

func (c *auditSampleDraw) Run(s *session) error {
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		v, err := d.Draw(s, me, c.Sample)
		if err != nil {
			return err
		}
		return s.items(d, me, c.Sample, func() error { return s.written(v) })
	})
}

type auditSampleRelease struct {
	Sample string `arg:"" help:"The key of the sample."`
}

func (c *auditSampleRelease) Run(s *session) error {
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		v, err := d.Release(s, me, c.Sample)
		if err != nil {
			return err
		}
		return s.items(d, me, c.Sample, func() error { return s.written(v) })
	})
}

type auditSampleItems struct {
	Sample string `arg:"" help:"The key of the sample."`
}

func (c *auditSampleItems) Run(s *session) error {
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		return s.items(d, me, c.Sample, func() error {
			list, err := d.Items(s, me, c.Sample)
			if err != nil {
				return err
			}
			return s.writeJSON(list)
		})
	})
}

// items lists the items of a sample; with --json it says what asJSON does.
func (s *session) items(d *fieldwork.Desk, me access.Session, key string, asJSON func() error) error {
	if s.flags.JSON {
		return asJSON()
	}
	list, err := d.Items(s, me, key)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, i := range list {
		at := ""
		if !i.At.IsZero() {
			at = i.At.Format(time.RFC3339)
		}
		mark := ""
		if i.Targeted {
			mark = "targeted"
		}
		rows = append(rows, []string{strconv.Itoa(i.Position), at, i.Key, mark, clip(i.Content, 100)})
	}
	return s.table([]string{"position", "when", "row", "", "content"}, rows)
}

func clip(text string, n int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}

type auditSampleFile struct {
	Sample string `arg:"" help:"The key of the sample."`
	Out    string `required:"" type:"path" placeholder:"FILE" help:"The file to write."`
}

func (c *auditSampleFile) Run(s *session) error {
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		f, err := d.File(s, me, c.Sample)
		if err != nil {
			return err
		}
		if err := s.output(c.Out, f.Write); err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"file": c.Out, "rows": len(f.Rows), "stages": len(f.Stages)})
		}
		s.fact("%s: %d rows, %d draws. Anybody draws it again: tickmark audit sample redraw %s", c.Out, len(f.Rows), len(f.Stages), c.Out)
		return nil
	})
}

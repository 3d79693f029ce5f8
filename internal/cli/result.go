package cli

import (
	"os"
	"path/filepath"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector/result"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

// result imports what another tool wrote.
func (c *importCommand) result(s *session, w *workspace.Workspace, me access.Session) error {
	o := result.Options{Target: c.Target, Command: c.Command, Mapping: workspace.Mapping()}
	if c.Map != "" {
		b, err := readFile(c.Map, 1<<20)
		if err != nil {
			return unreadable(c.Map, err)
		}
		ids, err := workspace.ControlIDs()
		if err != nil {
			return err
		}
		own, err := result.ReadMapping(ids, result.NamedFile{Name: filepath.Base(c.Map), Data: b})
		if err != nil {
			return err
		}
		o.Mapping = append(own, o.Mapping...)
	}
	f, err := result.FromDisk(s, c.File, o, nil)
	if err != nil {
		return err
	}
	report := f.Report()
	h := collect.Handed{Kinds: report.Kinds, Origin: record.Uploaded, Read: f.Hand}
	var sum collect.Summary
	if c.Preview {
		if sum, err = w.Collect.Preview(s, c.Connection, h); err != nil {
			return err
		}
	} else {
		if sum, err = c.take(s, w, me, h); err != nil {
			return err
		}
	}
	if s.flags.JSON {
		return s.writeJSON(map[string]any{"format": report.Format, "scans": report.Scans, "unmapped": report.Unmapped, "kinds": sum.Kinds, "run": sum.Number})
	}
	for _, x := range report.Scans {
		s.fact("%s on %s, of %s (%s): %d found", x.Tool, x.Target, x.At.Format("2006-01-02 15:04"), report.Format, x.Found)
	}
	for _, k := range sum.Kinds {
		s.fact("%s\t%d read\t%d new\t%d changed\t%d gone", k.Kind, k.Read, k.New, k.Changed, k.Closed)
	}
	for _, m := range sum.Missing {
		s.say("%s: %s", m.Kind, printable(m.Reason))
	}
	if n := len(report.Unmapped); n > 0 {
		s.say("%d rules speak for no control yet. Name controls for them in a file that --map gives:", n)
		for _, r := range report.Unmapped[:min(n, 20)] {
			s.say("  %s", printable(r))
		}
		if n > 20 {
			s.say("  and %d more; --json lists all", n-20)
		}
	}
	if c.Preview {
		s.say("Nothing was changed.")
	}
	if len(sum.Missing) > 0 {
		return fault.New(fault.Incomplete, "What the file says was not taken as whole.")
	}
	return nil
}

// take keeps the file and hands over what it says.
func (c *importCommand) take(s *session, w *workspace.Workspace, me access.Session, h collect.Handed) (collect.Summary, error) {
	var none collect.Summary
	if _, err := w.Collect.Connection(s, c.Connection); fault.Is(err, fault.NotFound) {
		if _, err := w.Collect.Add(s, me, collect.Connection{Name: c.Connection, Connector: "results"}, nil); err != nil {
			return none, err
		}
	} else if err != nil {
		return none, err
	}
	in, err := os.Open(c.File)
	if err != nil {
		return none, unreadable(c.File, err)
	}
	defer in.Close()
	if _, _, err := w.Blobs.Put(s, in, result.MaxBytes); err != nil {
		return none, err
	}
	sum, err := w.Collect.Take(s, me, c.Connection, h, nil)
	if err != nil {
		return sum, err
	}
	if _, err := w.Monitor.Evaluate(s, check.Options{}); err != nil {
		return sum, err
	}
	_, err = w.Log.Checkpoint(s)
	return sum, err
}

package cli

import (
	"cmp"
	"fmt"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/standing"
	"tickmark/internal/workspace"
)

type effectivenessCommand struct {
	ID   string `arg:"" name:"id" help:"The id of a check, a control or a criterion, such as HOST-01, AC-01 or CC6.1."`
	From string `placeholder:"DAY" help:"The first day; the current period when left out, or the last twelve months without one."`
	To   string `placeholder:"DAY" help:"The last day, inclusive."`
	AsOf string `placeholder:"TIME" help:"As it was known at a past moment."`
	CSV  bool   `name:"csv" help:"As CSV."`
}

func (c *effectivenessCommand) Run(s *session) error {
	asOf, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		st, err := standing.At(s, w.Book, w.Monitor, asOf)
		if err != nil {
			return err
		}
		span := st.Window
		for _, d := range []struct {
			flag, text string
			day        *calendar.Day
		}{{"from", c.From, &span.From}, {"to", c.To, &span.To}} {
			if d.text == "" {
				continue
			}
			if *d.day = calendar.Parse(d.text); d.day.IsZero() {
				return fault.New(fault.Usage, "--%s: %q is not a day.", d.flag, d.text).WithNext("Write it like 2026-01-31.")
			}
		}
		if span.To.Before(span.From) {
			return fault.New(fault.Usage, "The window ends before it begins: --from %s, --to %s.", calendar.Text(span.From), calendar.Text(span.To))
		}
		e, err := st.Effective(s, w.Book, w.Monitor, c.ID, span, asOf)
		switch {
		case err != nil:
			return err
		case c.CSV:
			return e.CSV(s.stdout)
		case s.flags.JSON:
			return s.writeJSON(e)
		}
		s.fact("%s %s  %s", e.Of, e.ID, printable(e.Title))
		s.fact("From %s to %s: hours pass %.1f, fail %.1f, unknown %.1f, not judged %.1f", e.From, e.To, e.Hours.Pass, e.Hours.Fail, e.Hours.Unknown, e.Hours.Unjudged)
		if e.Checked > 0 {
			s.fact("Coverage %.1f%% in %d gaps; records that failed at some time %d, in %d stretches", e.Coverage, len(e.Gaps), e.Failed, e.Failures)
		}
		if x := e.Longest; x != nil {
			s.fact("Longest failure: %.1f hours, %s %s, %s to %s (%s)", x.Hours, x.Kind, printable(cmp.Or(x.Label, x.Key)), x.From, x.To, x.Check)
		}
		var rows [][]string
		for _, l := range e.Lines {
			covered := ""
			if l.Checked > 0 {
				covered = fmt.Sprintf("%.1f%%", l.Coverage)
			}
			rows = append(rows, []string{l.About, l.Name, fmt.Sprintf("%.1f", l.Hours.Pass), fmt.Sprintf("%.1f", l.Hours.Fail), fmt.Sprintf("%.1f", l.Hours.Unknown), covered, fmt.Sprint(l.Failed), printable(l.Words)})
		}
		if len(rows) > 0 {
			if err := s.table([]string{"about", "id", "pass", "fail", "unknown", "coverage", "failed", "title"}, rows); err != nil {
				return err
			}
		}
		rows = nil
		for _, f := range e.Fixes {
			fixed := word(f.Late, "not fixed, late", "not fixed")
			if f.Fixed != nil {
				fixed = f.Fixed.String() + word(f.Late, ", late", ", in time")
			}
			rows = append(rows, []string{f.Finding, f.Severity, f.State, f.Since.Time().Format(time.DateOnly), f.Due, fixed, fmt.Sprintf("%.1f", f.Hours/24)})
		}
		if len(rows) > 0 {
			s.fact("")
			if err := s.table([]string{"finding", "severity", "state", "since", "due", "fixed", "days"}, rows); err != nil {
				return err
			}
		}
		rows = nil
		for i, g := range e.Gaps {
			if i == 100 {
				s.say("There are %d more gaps; --json shows them.", len(e.Gaps)-i)
				break
			}
			rows = append(rows, []string{cmp.Or(g.Kind, "all"), g.From.String(), g.To.String(), printable(g.Reason)})
		}
		if len(rows) == 0 {
			return nil
		}
		s.fact("")
		return s.table([]string{"not read", "from", "to", "why"}, rows)
	})
}

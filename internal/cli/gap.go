package cli

import (
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/gap"
	"tickmark/internal/standing"
	"tickmark/internal/workspace"
)

type gapsCommand struct {
	AsOf     string `placeholder:"T" help:"As they stood at that moment."`
	Sort     string `placeholder:"S" help:"Only gaps of this sort, such as criterion, owner, policy."`
	Severity string `placeholder:"S" enum:",critical,high,medium,low" default:"" help:"Only gaps of this severity: critical, high, medium or low."`
}

func (c *gapsCommand) Run(s *session) error {
	at, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	if c.Sort != "" && !slices.Contains(gap.Sorts(), gap.Sort(c.Sort)) {
		var sorts []string
		for _, x := range gap.Sorts() {
			sorts = append(sorts, string(x))
		}
		return fault.New(fault.Usage, "--sort: there is no sort of gap %q.", c.Sort).WithNext("The sorts are %s.", strings.Join(sorts, ", "))
	}
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		standing, err := standing.At(s, w.Book, w.Monitor, at)
		if err != nil {
			return err
		}
		world, err := gap.Load(s, w.Book, w.Monitor, standing, at)
		if err != nil {
			return err
		}
		all := world.Gaps()
		shown := []gap.Gap{}
		for _, g := range all {
			if (c.Sort == "" || c.Sort == string(g.Sort)) && (c.Severity == "" || c.Severity == g.Severity) {
				shown = append(shown, g)
			}
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"as_of": world.Now, "parts": world.Parts(all), "gaps": shown})
		}
		var rows [][]string
		for _, g := range shown {
			rows = append(rows, []string{g.ID, g.Severity, g.Status(), g.What, g.Next})
		}
		if err := s.table([]string{"id", "severity", "status", "what is missing", "what to do"}, rows); err != nil {
			return err
		}
		s.say("%d gaps of %d.", len(shown), len(all))
		return nil
	})
}

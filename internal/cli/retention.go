package cli

import (
	"fmt"

	"tickmark/internal/access"
	"tickmark/internal/doctor"
	"tickmark/internal/fault"
	"tickmark/internal/retention"
	"tickmark/internal/workspace"
)

type retentionCommand struct {
	List    retentionList    `cmd:"" help:"List the rules and what they dropped so far."`
	Preview retentionPreview `cmd:"" help:"Say what the rules, or one that is only tried, would drop now, and what is kept and why."`
	Set     retentionSet     `cmd:"" help:"Set the rule of a kind: after how many days the bodies of versions that ended are dropped."`
	End     retentionEnd     `cmd:"" help:"End a rule; what it dropped stays dropped."`
	Run     retentionRun     `cmd:"" help:"Apply the rules now; the server does it each night."`
	Compact retentionCompact `cmd:"" help:"Write the SQLite file anew without its free space, once, for a workspace that an older release made."`
}

type retentionList struct{}

func (retentionList) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		rules, err := retention.Rules(s, w.Book, 0)
		if err != nil {
			return err
		}
		gone, err := w.Book.DroppedSoFar(s, w.DB)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"rules": append([]retention.Rule{}, rules...), "dropped": gone})
		}
		var rows [][]string
		for _, r := range rules {
			rows = append(rows, []string{r.Key, fmt.Sprint(r.Days), r.By, r.Since.String(), r.Reason})
		}
		if err := s.table([]string{"rule", "days", "set by", "since", "reason"}, rows); err != nil {
			return err
		}
		if len(rules) == 0 {
			s.fact("There is no rule: every body is kept for ever.")
		}
		for kind, n := range gone {
			s.fact("%s: %d bodies dropped so far, %s, the last at %s.", kind, n.Versions, doctor.Bytes(n.Bytes), n.Last)
		}
		return nil
	})
}

type retentionPreview struct {
	Kind   string `arg:"" optional:"" help:"Try a rule for this kind."`
	Source string `placeholder:"NAME" help:"With a kind: only of this source."`
	Days   int    `placeholder:"N" help:"With a kind: after so many days from the end of a version."`
}

func (c *retentionPreview) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if err := me.May(s, access.Read, nil); err != nil {
			return err
		}
		var tried []retention.Rule
		if c.Kind != "" {
			tried = append(tried, retention.Rule{Kind: c.Kind, Source: c.Source, Days: c.Days})
		} else if c.Days != 0 || c.Source != "" {
			return fault.New(fault.Usage, "Say which kind is tried.")
		}
		plan, err := retention.Preview(s, w.Book, tried...)
		if err != nil {
			return err
		}
		return s.plan(plan, "would go")
	})
}

// plan shows what rules would do or did.
func (s *session) plan(p retention.Plan, goes string) error {
	if s.flags.JSON {
		return s.writeJSON(p)
	}
	if len(p.Rules) == 0 {
		s.fact("There is no rule: every body is kept for ever.")
		return nil
	}
	for _, l := range p.Rules {
		s.fact("%s, after %d days: %d bodies of versions that ended %s (%s); %d are not old enough.", l.Key, l.Days, l.Versions, goes, doctor.Bytes(l.Bytes), l.Young)
		for _, r := range retention.Reasons() {
			if n := l.Kept[r]; n > 0 {
				s.fact("  kept %d: %s", n, r)
			}
		}
	}
	return nil
}

type retentionSet struct {
	Kind   string `arg:"" help:"A kind that is read from a source, such as git_commit."`
	Source string `placeholder:"NAME" help:"Only of this source; it goes before the rule of the kind."`
	Days   int    `required:"" placeholder:"N" help:"After so many days from the end of a version; at least 400."`
	Reason string `required:"" help:"Why; it stays in the ledger."`
	Yes    bool   `help:"Do it; without this it is only said what the rule would drop."`
}

func (c *retentionSet) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		rule := retention.Rule{Kind: c.Kind, Source: c.Source, Days: c.Days, Reason: c.Reason}
		if err := me.May(s, access.Admin, nil); err != nil {
			return err
		}
		if !c.Yes {
			plan, err := retention.Preview(s, w.Book, rule)
			if err != nil {
				return err
			}
			if err := s.plan(plan, "would go"); err != nil {
				return err
			}
			return fault.New(fault.Usage, "Each night this drops for good what %s said, of versions that ended %d days ago.", c.Kind, c.Days).WithNext("Say --yes to set the rule.")
		}
		r, err := retention.Set(s, w.Book, me, rule)
		if err == nil {
			s.fact("The rule %s is set: bodies go %d days after a version ended, each night, or now with tickmark retention run.", r.Key, r.Days)
		}
		return err
	})
}

type retentionEnd struct {
	Kind   string `arg:"" help:"The kind of the rule."`
	Source string `placeholder:"NAME" help:"The source of the rule, if it has one."`
	Reason string `required:"" help:"Why; it stays in the ledger."`
}

func (c *retentionEnd) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		return retention.End(s, w.Book, me, c.Kind, c.Source, c.Reason)
	})
}

type retentionRun struct {
	Yes bool `help:"Do it; without this it is only said what would go."`
}

func (c *retentionRun) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if err := me.May(s, access.Admin, nil); err != nil {
			return err
		}
		if !c.Yes {
			plan, err := retention.Preview(s, w.Book)
			if err != nil {
				return err
			}
			if err := s.plan(plan, "would go"); err != nil {
				return err
			}
			if n, _ := plan.Total(); n > 0 {
				return fault.New(fault.Usage, "This destroys %d bodies for good.", n).WithNext("Say --yes to do it.")
			}
			return nil
		}
		plan, err := retention.Run(s, w.Book, nil)
		if err != nil {
			return err
		}
		if err := s.plan(plan, "went"); err != nil {
			return err
		}
		back, err := w.DB.GiveBack(s)
		if err == nil && !s.flags.JSON && back > 0 {
			s.fact("%s were given back to the disk.", doctor.Bytes(back))
		}
		return err
	})
}

type retentionCompact struct{}

func (retentionCompact) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		if err := me.May(s, access.Admin, nil); err != nil {
			return err
		}
		free, _, err := w.DB.Free(s)
		if err != nil {
			return err
		}
		if err := w.DB.Compact(s); err != nil {
			return err
		}
		s.fact("The file is written anew; about %s were given back to the disk. From now on the server gives back what is freed.", doctor.Bytes(free))
		return nil
	})
}

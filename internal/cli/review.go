package cli

import (
	"fmt"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/entitlement"
	"tickmark/internal/fault"
	"tickmark/internal/workspace"
)

type reviewCommand struct {
	Extract reviewExtract `cmd:"" help:"Take the extract of a planned access review: everybody's access to its systems, kept under its hash."`
	Lines   reviewLines   `cmd:"" help:"The lines of a review, with what was decided."`
	Decide  reviewDecide  `cmd:"" help:"Decide on lines: keep, modify or remove."`
}

func reviewDesk(w *workspace.Workspace) *entitlement.Desk {
	return &entitlement.Desk{Register: entitlement.Register{Book: w.Book, Words: w.Words}, Blobs: w.Blobs}
}

type reviewExtract struct {
	Key string `arg:"" help:"The review's key."`
}

func (c *reviewExtract) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		r, err := reviewDesk(w).Extract(s, me, c.Key)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(r)
		}
		s.fact("%d lines, kept as %s; %d accounts belong to nobody that is known.", r.Lines, r.File, len(r.Unresolved))
		for _, g := range r.Gaps {
			s.fact("It lacks something: %s", g)
		}
		return nil
	})
}

type reviewLines struct {
	Key     string `arg:"" help:"The review's key."`
	Pending bool   `help:"Only those that nobody decided on."`
}

func (c *reviewLines) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		for _, kind := range []string{entitlement.Review, entitlement.Right} {
			k, err := w.Book.Kinds.Named(kind)
			if err != nil {
				return err
			}
			if err := me.May(s, access.Read, k); err != nil {
				return err
			}
		}
		v, err := w.Book.Get(s, entitlement.Review, c.Key, 0)
		if err != nil {
			return err
		}
		r, err := entitlement.CampaignOf(v.Body)
		if err != nil {
			return err
		}
		lines, err := reviewDesk(w).Lines(s, c.Key, r)
		if err != nil {
			return err
		}
		shown := []entitlement.Line{}
		var rows [][]string
		for _, l := range lines {
			if c.Pending && l.Decision != "" {
				continue
			}
			shown = append(shown, l)
			rows = append(rows, []string{fmt.Sprint(l.N), l.Account, l.RoleName, l.Person + l.Machine, strings.Join(l.Flags, " "), l.Decision, l.Reason})
		}
		if s.flags.JSON {
			return s.writeJSON(shown)
		}
		return s.table([]string{"line", "account", "role", "whose", "marks", "decision", "why"}, rows)
	})
}

type reviewDecide struct {
	Key      string `arg:"" help:"The review's key."`
	Decision string `arg:"" enum:"keep,modify,remove" help:"keep, modify or remove."`
	Lines    string `arg:"" help:"Their numbers, such as 3 or 1-40,52."`
	Reason   string `help:"Why; needed but for keeping what is not marked."`
	Target   string `placeholder:"ROLE" help:"To modify: the role to have instead."`
	Confirm  int    `placeholder:"N" help:"To keep many at once: how many you looked at."`
}

func (c *reviewDecide) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		a := entitlement.Act{Decision: c.Decision, Reason: c.Reason, Target: c.Target, Confirmed: c.Confirm}
		if !entitlement.EachLine(c.Lines, func(n int) { a.Lines = append(a.Lines, n) }) {
			return fault.New(fault.Usage, "%q names no lines.", c.Lines).WithNext("Write their numbers, such as 3 or 1-40,52.")
		}
		r, err := reviewDesk(w).Decide(s, me, c.Key, a)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(r)
		}
		s.fact("%d of %d lines are not decided.", r.Pending, r.Lines)
		return nil
	})
}

package cli

import (
	"errors"
	"fmt"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/agent"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

func asRefused(err error) (*agent.Refused, bool) {
	var no *agent.Refused
	ok := errors.As(err, &no)
	return no, ok
}

// withFleet acts on the machines of the workspace.
func (s *session) withFleet(fn func(f *agent.Fleet, me access.Session) error) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		return fn(&agent.Fleet{Book: w.Book, Collector: w.Collect}, me)
	})
}

type agentToken struct {
	Add    agentTokenAdd    `cmd:"" help:"Make a token with which machines join a group; shown once."`
	List   agentTokenList   `cmd:"" help:"List enrolment tokens."`
	Revoke agentTokenRevoke `cmd:"" help:"End a token; machines that enrolled with it stay."`
}

type agentTokenAdd struct {
	Group   string        `arg:"" help:"The group, made with tickmark connect add agent."`
	Uses    int64         `default:"1" help:"How many machines may enrol with it."`
	Expires time.Duration `default:"168h" help:"After how long it ends by itself, at most 2160h."`
}

func (c *agentTokenAdd) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, me access.Session) error {
		plain, t, err := f.NewToken(s, me, c.Group, c.Uses, c.Expires)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"token": plain, "id": t.ID, "group": t.Group, "uses": t.Uses, "expires": t.Expires})
		}
		s.fact("%s", plain)
		s.say("It lets %d %s join %s until %s, and is shown only now. On each: tickmark agent enrol URL @FILE.", t.Uses, word(t.Uses == 1, "machine", "machines"), t.Group, day(t.Expires))
		return nil
	})
}

func day(m store.Moment) string { return m.Time().UTC().Format("2006-01-02 15:04Z") }

type agentTokenList struct {
	Group string `arg:"" optional:"" help:"Only those of a group."`
}

func (c *agentTokenList) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, _ access.Session) error {
		list, err := f.Tokens(s, c.Group)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(list)
		}
		var rows [][]string
		for _, t := range list {
			state := word(t.Stands(time.Now()), "stands", "over")
			if t.Revoked != 0 {
				state = "revoked"
			}
			rows = append(rows, []string{t.ID, t.Group, state, fmt.Sprintf("%d left", t.Uses), day(t.Expires), t.By})
		}
		return s.table([]string{"id", "group", "state", "uses", "expires", "made by"}, rows)
	})
}

type agentTokenRevoke struct {
	ID     string `arg:"" name:"id" help:"The token's id; tickmark agent token list shows them."`
	Reason string `help:"Why; it stays in the ledger."`
}

func (c *agentTokenRevoke) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, me access.Session) error { return f.RevokeToken(s, me, c.ID, c.Reason) })
}

type agentMachines struct {
	Group string `arg:"" optional:"" help:"Only those of a group."`
}

func (c *agentMachines) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, _ access.Session) error {
		list, err := f.Machines(s, c.Group)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(list)
		}
		if len(list) == 0 {
			s.say("No machine has enrolled. Make a group with tickmark connect add agent, and a token with tickmark agent token add GROUP.")
		}
		var rows [][]string
		for _, m := range list {
			heard := "never heard"
			if m.Heard != 0 {
				heard = "heard " + day(m.Heard)
			}
			rows = append(rows, []string{m.Name, m.Hostname, m.System, m.State + word(m.Waiting != "", " "+agent.Short(m.Waiting), ""), word(m.Owner == "", "no owner", m.Owner), heard, m.Refused})
		}
		return s.table([]string{"name", "host name", "system", "state", "owner", "heard", "last refused"}, rows)
	})
}

type agentOwner struct {
	Name   string `arg:"" help:"The machine; tickmark agent machines lists them."`
	Person string `arg:"" optional:"" help:"The person's id; nobody when left out."`
}

func (c *agentOwner) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, me access.Session) error { return f.SetOwner(s, me, c.Name, c.Person) })
}

type agentApprove struct {
	Name string `arg:"" help:"The machine; tickmark agent machines lists them."`
	Key  string `arg:"" help:"The fingerprint of the key, as tickmark agent status shows it on the machine: 16 letters or more."`
}

func (c *agentApprove) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, me access.Session) error { return f.Approve(s, me, c.Name, c.Key) })
}

type agentDismiss struct {
	Name string `arg:"" help:"The machine; tickmark agent machines lists them."`
}

func (c *agentDismiss) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, me access.Session) error { return f.Dismiss(s, me, c.Name) })
}

type agentRevoke struct {
	Name   string `arg:"" help:"The machine; tickmark agent machines lists them."`
	Reason string `required:"" help:"Why; it stays on record."`
}

func (c *agentRevoke) Run(s *session) error {
	return s.withFleet(func(f *agent.Fleet, me access.Session) error { return f.Revoke(s, me, c.Name, c.Reason) })
}

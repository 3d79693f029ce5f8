package cli

import (
	"fmt"
	"time"

	"tickmark/internal/demo"
	"tickmark/internal/fault"
	"tickmark/internal/workspace"
)

type demoCommand struct {
	People int    `default:"150" help:"How many people work there."`
	Months int    `default:"13" help:"How many months it looks back on."`
	Seed   uint64 `default:"1" help:"What the invention follows from; the same seed makes the same organisation."`
	Until  string `placeholder:"DATE" help:"Its last day; today when left out."`
}

func (c *demoCommand) Run(s *session) error {
	o := demo.Options{People: c.People, Months: c.Months, Seed: c.Seed}
	if c.Until != "" {
		day, err := time.Parse(time.DateOnly, c.Until)
		if err != nil || day.After(time.Now()) {
			return fault.New(fault.Usage, "--until: %q is not a day that has come.", c.Until).WithNext("Write it like 2026-01-31.")
		}
		o.Until = day.Add(24*time.Hour - time.Second)
	}
	w, err := s.openAs(workspace.Options{Create: true})
	if err != nil {
		return err
	}
	defer w.Close()
	done, err := demo.Made(s, w)
	if err != nil {
		return err
	}
	if done {
		s.say("The demonstration in %s is there already.", w.Data)
	} else if err := c.make(s, w, o); err != nil {
		return err
	}
	me, err := w.Local(s)
	if err != nil {
		return err
	}
	link, err := w.Gate.Link(s, me, me.User.Key)
	if err != nil {
		return err
	}
	s.fact("Everything in %s is invented: nobody works at %s. Serve it with\n  tickmark serve --data %s\nand sign in once with this link, within 24 hours, as %s:\n  %s", w.Data, demo.Name, w.Data, me.User.Name, link)
	return nil
}

func (c *demoCommand) make(s *session, w *workspace.Workspace, o demo.Options) error {
	begun, last := time.Now(), time.Time{}
	s.say("Inventing %d people and %d months …", c.People, c.Months)
	o.Progress = func(day time.Time, n, total int) {
		every := 100 * time.Millisecond
		if !s.talksToTerminal() {
			every = 10 * time.Second
		}
		if time.Since(last) < every {
			return
		}
		last = time.Now()
		if s.talksToTerminal() {
			fmt.Fprintf(s.stderr, "\r\x1b[K%s, day %d of %d", day.Format(time.DateOnly), n+1, total)
		} else if n > 0 {
			s.say("%s, day %d of %d", day.Format(time.DateOnly), n+1, total)
		}
	}
	err := demo.Make(s, w, o)
	if s.talksToTerminal() {
		fmt.Fprint(s.stderr, "\r\x1b[K")
	}
	if err == nil {
		s.say("Made in %s.", time.Since(begun).Round(100*time.Millisecond))
	}
	return err
}

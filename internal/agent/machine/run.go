package machine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"tickmark/internal/agent"
	"tickmark/internal/connector/host"
	"tickmark/internal/fault"
)

const (
	fresh     = 15 * time.Minute // how old a kept reading may be to be sent; an older one is read again
	firstWait = time.Minute      // after a first failure; doubled for each further one, up to the interval
)

// Runner reads and sends again and again.
type Runner struct {
	State    *State
	Interval time.Duration
	Release  string
	Say      func(format string, args ...any)
}

// Once reads, keeps and sends. What could not be sent stays for the next time.
func (r *Runner) Once(ctx context.Context) error {
	s := r.State
	given := ""
	if s.Given {
		given = s.Machine
	} else if id := host.ID(ctx); id != s.Machine {
		return fault.New(fault.Denied, "This is not the machine that enrolled as %s: its id is another.", s.Name).WithNext("Was the agent's state copied from that machine? Take %s away and enrol this one.", s.Dir)
	}
	reading := s.waiting()
	if reading == nil || time.Since(reading.Statement.Began) > fresh || time.Until(reading.Statement.Began) > agent.Drift {
		var err error
		if reading, err = Read(ctx, given, r.Release); err != nil {
			return err
		}
		if err := s.keep(reading); err != nil {
			return err
		}
	}
	err := s.Send(ctx, reading)
	var no *agent.Refused
	if errors.As(err, &no) && (no.Why == agent.WhyOld || no.Why == agent.WhyContent || no.Why == agent.WhyForeign) { // the same again would be refused again
		if err := s.forget(); err != nil {
			return err
		}
	}
	if err != nil {
		s.Refused = err.Error()
		return errors.Join(err, s.Save())
	}
	s.Last, s.Refused = reading.Statement.Began.Format(time.RFC3339), ""
	if err := errors.Join(s.forget(), s.Save()); err != nil {
		return err
	}
	r.Say("%d records of %d kinds sent as %s; %d things could not be read", reading.Items, len(reading.Kinds), s.Name, len(reading.Statement.Missing))
	for _, g := range reading.Statement.Missing {
		if g.Needs != "" {
			r.Say("  %s%s needs %s: %s", g.Kind, part(g.Part), g.Needs, g.Reason)
		}
	}
	return nil
}

func part(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// Run goes on until the context ends. Machines of one group are spread, and one that fails waits longer each time.
func (r *Runner) Run(ctx context.Context) error {
	failed := 0
	wait := spread(min(r.Interval/10, time.Minute)) // machines that start together do not all send at once
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		if err := r.Once(ctx); err != nil && ctx.Err() == nil {
			failed++
			wait = min(firstWait<<min(failed-1, 20), r.Interval)
			wait += spread(wait / 5)
			r.Say("Nothing was taken: %s The next try is in %s.", sentence(err), wait.Round(time.Second))
			continue
		}
		failed, wait = 0, r.Interval+spread(r.Interval/10)
	}
}

func sentence(err error) string {
	if no := (*agent.Refused)(nil); errors.As(err, &no) {
		return fmt.Sprintf("(%s) %s", no.Why, no.Error())
	}
	return err.Error()
}

func spread(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// Package demo makes a workspace of an organisation that does not exist, with a year behind it. The one rule: everything is
// done through the product's own paths, by users who are different people, under a clock that only goes forward; nothing is
// written around a guard, so what is refused to everybody is refused here too.
package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/connector/demo"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/job"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// Options say which organisation. The zero value is 150 people, 13 months until now, seed 1.
type Options struct {
	People   int
	Months   int
	Seed     uint64
	Until    time.Time // the last moment; now when zero
	Progress func(day time.Time, done, total int)
}

// The connections, named so that nobody can mistake what they read.
const (
	MachinesName     = "demo-hosts"
	RepositoriesName = "demo-repositories"
)

// What meta says of a demonstration.
const (
	mark  = "demonstration"
	begun = "begun"
	made  = "made"
)

// Made reports whether the workspace is a finished demonstration. One that was begun and not finished is a fault, and so is
// a workspace of a real organisation.
func Made(ctx context.Context, w *workspace.Workspace) (bool, error) {
	state, err := store.One[[]byte](ctx, w.DB, "SELECT value FROM meta WHERE name = $1", mark)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	switch string(state) {
	case made:
		return true, nil
	case begun:
		return false, fault.New(fault.Conflict, "The demonstration in %s was begun and not finished.", w.Data).
			WithNext("Remove that directory and make it again, or name another with --data.")
	}
	users, err := w.Gate.Users(ctx)
	if err == nil && len(users) > 0 {
		err = fault.New(fault.Conflict, "The workspace in %s is not a demonstration, and is not made into one.", w.Data).WithNext("Name another directory with --data.")
	}
	return false, err
}

// Make makes the demonstration in a new workspace. On return the workspace's clock is the machine's again.
func Make(ctx context.Context, w *workspace.Workspace, o Options) error {
	if done, err := Made(ctx, w); err != nil || done {
		return err
	}
	now := time.Now().UTC()
	if o.People == 0 {
		o.People = 150
	}
	if o.Months == 0 {
		o.Months = 13
	}
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Until.IsZero() || o.Until.After(now) {
		o.Until = now
	}
	switch {
	case o.People < demo.Smallest || o.People > 20_000:
		return fault.New(fault.Usage, "A demonstration has between %d and 20,000 people.", demo.Smallest)
	case o.Months < 2 || o.Months > 36:
		return fault.New(fault.Usage, "A demonstration has between 2 and 36 months.")
	}
	end := demo.Day(o.Until)
	s := &story{ctx: store.Background(ctx), w: w, until: o.Until.UTC(), acts: map[time.Time][]act{},
		World: demo.Make(demo.Plan{Seed: o.Seed, People: o.People, Begin: end.AddDate(0, -o.Months, 0), End: end})}
	clock := w.Log.Clock
	defer func() { w.Log.Clock = clock }()
	w.Log.Clock = func() time.Time { return s.now }
	return s.tell(o.Progress)
}

// story is the making of a demonstration.
type story struct {
	*demo.World
	ctx      context.Context
	w        *workspace.Workspace
	now      time.Time
	until    time.Time
	users    map[int]access.Session // by place in People
	acts     map[time.Time][]act    // by day, in the order in which they were planned
	standing []control.Item         // controls in operation that no calendar asks for, and that must be shown each quarter
	failed   error                  // the first thing that could not be read while looking for duties
}

func (s *story) tell(progress func(time.Time, int, int)) error {
	s.now = s.Begin.Add(8 * time.Hour)
	if err := s.note(begun); err != nil {
		return err
	}
	if err := s.found(); err != nil {
		return fmt.Errorf("begin the demonstration: %w", err)
	}
	s.plan()
	total := int(s.End.Sub(s.Begin).Hours()/24) + 1
	for n := range total {
		day := s.Begin.AddDate(0, 0, n)
		if err := s.ctx.Err(); err != nil {
			return err
		}
		if progress != nil {
			progress(day, n, total)
		}
		if err := s.live(day); err != nil {
			return fmt.Errorf("on %s: %w", day.Format(time.DateOnly), err)
		}
	}
	s.now = later(s.now, s.until)
	if err := s.judge(); err != nil {
		return err
	}
	if _, err := s.w.Log.Checkpoint(s.ctx); err != nil {
		return err
	}
	return s.note(made)
}

func (s *story) note(state string) error {
	return s.w.Log.Write(s.ctx, func(tx *ledger.Tx) error {
		return store.InsertOr(s.ctx, tx, "meta", []string{"name", "value"}, "ON CONFLICT (name) DO UPDATE SET value = excluded.value", [][]any{{mark, []byte(state)}})
	})
}

// live lives one day: after midnight what falls due is done, at two in the morning the sources are read and everything is
// judged, and from nine on people work.
func (s *story) live(day time.Time) error {
	if at := day.Add(time.Minute); at.After(s.now) && !at.After(s.until) {
		s.now = at
		if _, err := job.Due(s.ctx, s.w); err != nil {
			return err
		}
	}
	if at := day.Add(2 * time.Hour); at.After(s.now) && !at.After(s.until) {
		s.now = at
		for _, name := range []string{MachinesName, RepositoriesName} {
			if _, err := s.w.Collect.Run(s.ctx, name, nil); err != nil {
				return err
			}
		}
		if _, err := s.w.Monitor.Evaluate(s.ctx, check.Options{}); err != nil {
			return err
		}
	}
	for _, list := range []func() []act{func() []act { return s.acts[day] }, func() []act { return s.duties(day) }} {
		acts := list()
		pace := min(3*time.Minute, 6*time.Hour/time.Duration(max(1, len(acts)))) // many people act at once, and the day still ends
		for _, a := range acts {
			next := later(s.now.Add(pace), day.Add(9*time.Hour))
			if next.After(s.until) {
				return s.failed
			}
			s.now = next
			if err := a(); err != nil {
				return err
			}
		}
	}
	if day.Weekday() == time.Friday {
		if _, err := s.w.Log.Checkpoint(s.ctx); err != nil {
			return err
		}
	}
	return s.failed
}

// judge is what the server does when somebody looks.
func (s *story) judge() error {
	if _, err := s.w.Monitor.Evaluate(s.ctx, check.Options{}); err != nil {
		return err
	}
	_, err := job.Due(s.ctx, s.w)
	return err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/doctor"
	"tickmark/internal/job"
	"tickmark/internal/ledger"
	"tickmark/internal/queue"
	"tickmark/internal/retention"
	"tickmark/internal/store"
)

// What can be asked for. Whoever asks, one of the servers does it, and the page of jobs shows it.
const (
	collectWork = "collect" // a connection
	judgeWork   = "judge"   // what changed
	nightWork   = "night"   // every answer again, to see whether it comes out the same

	retainWork = "retention" // bodies that the rules of retention drop
)

func (s *Server) works() map[string]queue.Work {
	return map[string]queue.Work{collectWork: s.collect, judgeWork: s.judge, nightWork: s.night, retainWork: s.retain}
}

func (s *Server) collect(ctx context.Context, connection string, say func(queue.Progress)) error {
	sum, err := s.w.Collect.Run(store.Background(ctx), connection, func(_, kind string, done, total int) {
		say(queue.Progress{Said: kind, Done: done, Of: total})
	})
	if err != nil {
		return err
	}
	say(queue.Progress{Said: "The run is " + sum.Outcome + behind(s.w.Log.Behind())})
	if more, err := s.w.Collect.Waiting(ctx, connection); err == nil && len(more) > 0 && ctx.Err() == nil {
		return s.collect(ctx, connection, say)
	}
	if ctx.Err() != nil { // the run says that it was stopped
		return ctx.Err()
	}
	_, err = s.queue.Ask(ctx, judgeWork, "", "connection:"+connection)
	return err
}

func (s *Server) judge(ctx context.Context, _ string, say func(queue.Progress)) error {
	e, err := s.w.Monitor.Evaluate(store.Background(ctx), check.Options{})
	say(queue.Progress{Said: fmt.Sprintf("%d answers turned", e.Flips) + behind(e.Behind)})
	return err
}

func (s *Server) night(ctx context.Context, _ string, say func(queue.Progress)) error {
	found, err := s.w.Monitor.Night(store.Background(ctx), func(id string, done int) { say(queue.Progress{Said: id, Done: done}) })
	for _, d := range found.Differences[:min(20, len(found.Differences))] {
		slog.Error("an answer was not the one that its versions give", "check", d.Check, "kind", d.Kind, "version", d.Versions[0], "kept", d.Stored, "judged", d.Judged)
	}
	said := fmt.Sprintf("%d answers judged again, %d differed", found.Judged, found.Differ)
	if found.Altered > 0 {
		slog.Error("somebody changed answers in the database: run tickmark ledger verify", "answers", found.Altered)
		said += fmt.Sprintf(", %d that the ledger does not back", found.Altered)
	}
	say(queue.Progress{Said: said + behind(s.w.Log.Behind())})
	return err
}

// behind says that the clock is behind what was recorded.
func behind(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("; this machine's clock is %s behind what was recorded", d)
}

func (s *Server) retain(ctx context.Context, _ string, say func(queue.Progress)) error {
	plan, err := retention.Run(ctx, s.w.Book, func(rule string, n int64) { say(queue.Progress{Said: rule, Done: int(n)}) })
	versions, bytes := plan.Total()
	if err != nil {
		return err
	}
	back, err := s.w.DB.GiveBack(store.Background(ctx))
	say(queue.Progress{Said: fmt.Sprintf("%d bodies dropped, %s; %s given back to the disk", versions, doctor.Bytes(bytes), doctor.Bytes(back))})
	return err
}

// work does what falls due, minute by minute.
func (s *Server) work(ctx context.Context) {
	minutes := time.NewTicker(time.Minute)
	defer minutes.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-minutes.C:
			s.try(ctx, "do the work of a minute", s.minute)
		}
	}
}

// minute asks for the collection of connections by their interval and, once a night, for every answer again, has the ledger
// stamped and judges what changed. Of several servers of one workspace one does so at a time; what is asked for any may do.
func (s *Server) minute(ctx context.Context) error {
	s.try(ctx, "compare the ledger with what was signed before", s.w.Log.Notice) // on each server: each keeps its own memory
	release, err := s.w.DB.Lock(ctx, "work")
	if errors.Is(err, store.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer release()
	s.try(ctx, "see whose process is gone", s.queue.Revive)
	s.try(ctx, "collect what is due", s.collectDue)
	s.try(ctx, "have the ledger stamped", s.w.Anchors.Due)
	s.try(ctx, "do what is due", func(ctx context.Context) error { _, err := job.Due(ctx, s.w); return err })
	s.try(ctx, "judge what changed", s.judgeLight)
	s.try(ctx, "ask for the work of a night", s.nightly)
	return nil
}

// judgeLight judges what changed or turns by the clock, unless that is being done.
func (s *Server) judgeLight(ctx context.Context) error {
	if time.Now().Before(s.rest) {
		return nil
	}
	for _, work := range []string{judgeWork, nightWork} {
		release, err := s.queue.Hold(ctx, work, "")
		if errors.Is(err, store.ErrLocked) {
			return nil
		}
		if err != nil {
			return err
		}
		defer release()
	}
	e, err := s.w.Monitor.Evaluate(ctx, check.Options{Light: true})
	s.rest = time.Now().Add(20 * e.Took) // a very large workspace is not judged all the time
	return err
}

func (s *Server) nightly(ctx context.Context) error {
	last, ok, err := s.queue.Last(ctx, nightWork, "")
	if err != nil || ok && within(last.Asked, time.Now(), 24*time.Hour) {
		return err
	}
	if err := s.w.Gate.Sweep(ctx); err != nil {
		return err
	}
	if _, err := s.queue.Ask(ctx, nightWork, "", "job:night"); err != nil {
		return err
	}
	rules, err := retention.Rules(ctx, s.w.Book, 0)
	if err != nil || len(rules) == 0 {
		return err
	}
	_, err = s.queue.Ask(ctx, retainWork, "", "job:night")
	return err
}

// within reports whether something was less than a time ago. What is said to be yet to come was by a clock that was set back since.
func within(at, now time.Time, d time.Duration) bool {
	return !at.After(now.Add(ledger.Drift)) && now.Sub(at) < d
}

// lookedAt is how many runs tell when a connection is due again.
const lookedAt = 20

// collectDue asks for the connections that are due.
func (s *Server) collectDue(ctx context.Context) error {
	conns, err := s.w.Collect.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range conns {
		if c.Paused {
			continue
		}
		if k, err := s.w.Collect.Connector(c.Connector); err == nil && k.Sent {
			if waiting, err := s.w.Collect.Waiting(ctx, c.Name); err != nil {
				return err
			} else if len(waiting) > 0 {
				if _, err := s.queue.Ask(ctx, collectWork, c.Name, "job:schedule"); err != nil {
					return err
				}
			}
			continue
		}
		last, err := s.w.Collect.LastRuns(ctx, c.Name, lookedAt)
		if err != nil {
			return err
		}
		now := s.w.Log.Clock()
		var runs []collect.Summary
		for _, v := range last {
			sum, err := collect.ParseSummary(v)
			if err != nil {
				return err
			}
			runs = append(runs, sum)
		}
		if len(runs) > 0 && runs[0].Started.After(now) { // the clock was set back: by when it was asked for, which is by this clock if it was since
			j, ok, err := s.queue.Last(ctx, collectWork, c.Name)
			if err != nil {
				return err
			}
			if ok {
				runs[0].Started = j.Asked
			}
		}
		ahead := len(runs) > 0 && runs[0].Started.After(now.Add(ledger.Drift))
		if !ahead && now.Before(c.Due(runs)) {
			continue
		}
		if _, err := s.queue.Ask(ctx, collectWork, c.Name, "job:schedule"); err != nil {
			return err
		}
	}
	return nil
}

package cli

import (
	"cmp"
	"fmt"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/queue"
	"tickmark/internal/workspace"
)

type jobsCommand struct {
	List jobList `cmd:"" default:"withargs" help:"What servers do now and did lately, newest first."`
	Stop jobStop `cmd:"" help:"Ask a job to stop; what it wrote so far stays."`
}

type jobList struct {
	Limit int `default:"100" help:"At most so many."`
}

func (c *jobList) Run(s *session) error {
	return s.jobs(func(_ access.Session, q *queue.Queue) error {
		list, err := q.List(s, c.Limit)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(append([]queue.Job{}, list...))
		}
		if len(list) == 0 {
			s.say("Nothing was asked for. tickmark serve collects by each connection's interval and judges what changed.")
			return nil
		}
		var rows [][]string
		for _, j := range list {
			took := ""
			if !j.Began.IsZero() {
				took = cmp.Or(j.Ended, time.Now()).Sub(j.Began).Round(time.Second).String()
			}
			far := j.Said
			if j.Done > 0 && !j.Over() {
				far += fmt.Sprintf(", %d%s", j.Done, word(j.Of > 0, fmt.Sprintf(" of %d", j.Of), ""))
			}
			rows = append(rows, []string{fmt.Sprint(j.ID), j.Work, j.Target, word(j.Stopping, "stopping", string(j.State)), j.Asked.UTC().Format("2006-01-02 15:04:05Z"), took, j.By, printable(cmp.Or(j.Error, far))})
		}
		return s.table([]string{"id", "job", "of", "state", "asked", "took", "by", "how far"}, rows)
	})
}

type jobStop struct {
	ID int64 `arg:"" help:"The job's id; tickmark jobs shows them."`
}

func (c *jobStop) Run(s *session) error {
	return s.jobs(func(me access.Session, q *queue.Queue) error {
		if err := me.May(s, access.Act, nil); err != nil {
			return err
		}
		j, err := q.StopJob(s, c.ID)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(j)
		}
		switch {
		case j.Stopping:
			s.say("It stops as soon as it can; what it wrote so far stays.")
		case j.State == queue.Stopped:
			s.say("It will not begin.")
		default:
			s.say("It was over already.")
		}
		return nil
	})
}

// jobs opens the queue to look into it: whoever serves the workspace does the work.
func (s *session) jobs(fn func(me access.Session, q *queue.Queue) error) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		q, err := queue.Open(s, w.DB, w.Data, w.Database, nil)
		if err != nil {
			return err
		}
		defer q.Close()
		return fn(me, q)
	})
}

package api

import (
	"context"
	"strconv"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/queue"
)

const jobsPath = "/api/v1/jobs"

// Jobs is the work that this workspace's servers do for whoever asks.
type Jobs interface {
	List(ctx context.Context, limit int) ([]queue.Job, error)
	StopJob(ctx context.Context, id int64) (queue.Job, error)
}

// Job is one piece of work that was asked for.
type Job struct {
	ID       int64       `json:"id"`
	Work     string      `json:"work" doc:"Such as collect, judge or night."`
	Target   string      `json:"target,omitempty" doc:"What it is done to, such as a connection."`
	State    queue.State `json:"state" enum:"waiting,running,done,stopped,failed"`
	Stopping bool        `json:"stopping,omitempty" doc:"Somebody asked it to stop and it has not yet."`
	Said     string      `json:"said,omitempty" doc:"How far it says it is."`
	Done     int         `json:"done,omitempty"`
	Of       int         `json:"of,omitempty" doc:"Left out where that is not known."`
	Error    string      `json:"error,omitempty"`
	By       string      `json:"by" doc:"Who asked for it."`
	Asked    time.Time   `json:"asked"`
	Began    *time.Time  `json:"began,omitempty"`
	Ended    *time.Time  `json:"ended,omitempty"`
}

func (s *server) jobRoutes() []route {
	tag, one := "Workspace", s.schemaOf(Job{})
	return []route{
		{method: "GET", path: jobsPath, id: "list-jobs", tag: tag, summary: "What servers do now and did lately, newest first",
			query: []param{whole("limit", "Jobs, 100 when left out.", 1, 1000)}, answer: listOf(one), serve: (*call).jobs},
		{method: "POST", path: jobsPath + "/{id}/stop", id: "stop-job", tag: tag, summary: "Ask a job to stop",
			help: "What waits never begins; what runs ends as soon as it can, and what it wrote so far stays. A job that is over stays as it is.", answer: one, serve: (*call).stopJob},
	}
}

func (c *call) jobs() (any, error) {
	if err := c.workspace(access.Read); err != nil {
		return nil, err
	}
	out := []Job{}
	if c.s.Jobs == nil {
		return out, nil
	}
	list, err := c.s.Jobs.List(c.r.Context(), int(c.number("limit", 100)))
	for _, j := range list {
		out = append(out, jobOf(j))
	}
	return out, err
}

func (c *call) stopJob() (any, error) {
	verb := access.Act
	if c.who.Method == access.ByToken {
		verb = access.Write // to stop work is no decision, which would take a person who signed in
	}
	if err := c.workspace(verb); err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(c.r.PathValue("id"), 10, 64)
	if err != nil || c.s.Jobs == nil {
		return nil, fault.New(fault.NotFound, "There is no job %q.", c.r.PathValue("id")).WithNext("GET %s lists them.", jobsPath)
	}
	j, err := c.s.Jobs.StopJob(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	return jobOf(j), nil
}

func jobOf(j queue.Job) Job {
	when := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		return &t
	}
	return Job{ID: j.ID, Work: j.Work, Target: j.Target, State: j.State, Stopping: j.Stopping, Said: j.Said, Done: j.Done, Of: j.Of, Error: j.Error, By: j.By,
		Asked: j.Asked, Began: when(j.Began), Ended: when(j.Ended)}
}

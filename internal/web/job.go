package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/queue"
	"tickmark/internal/web/part"
)

// Jobs is the work that this workspace's servers do for whoever asks.
type Jobs interface {
	Ask(ctx context.Context, work, target, by string) (queue.Job, error)
	StopJob(ctx context.Context, id int64) (queue.Job, error)
	List(ctx context.Context, limit int) ([]queue.Job, error)
}

// JobList is what servers do now and did lately.
type JobList struct{ Rows []JobRow }

// JobRow is one job.
type JobRow struct {
	Title               string
	Target              part.Link
	Status              part.Status
	Said, Error, By     string
	Done, Of            int // 0 of 0 where that is not known
	Asked, Began, Ended time.Time
	Took                time.Duration
	Stop                string // where it is stopped; "" where it cannot be
	Stopping            bool
}

// far says in words how far a job is.
func (j JobRow) far() string {
	switch {
	case !j.Ended.IsZero() || j.Done == 0:
		return j.Said
	case j.Of == 0:
		return j.Said + ", " + part.Number(int64(j.Done))
	}
	return j.Said + ", " + part.Number(int64(j.Done)) + " of " + part.Number(int64(j.Of))
}

const jobsShown = 100

// jobRow says a job as people read it. Whoever may act stops it.
func (s *site) jobRow(ctx context.Context, j queue.Job, acts bool) JobRow {
	row := JobRow{Title: part.Sentence(j.Work), Status: part.Status(j.State), Said: j.Said, Error: j.Error, By: j.By, Done: j.Done, Of: j.Of, Asked: j.Asked, Began: j.Began, Ended: j.Ended, Stopping: j.Stopping}
	switch j.Work {
	case "collect":
		row.Target = part.Link{Text: j.Target, Href: part.Path("sources", j.Target)}
		if j.State == queue.Running {
			row.Said = s.titleOfKind(j.Said)
		}
	case "judge":
		row.Title = "Judge what changed"
	case "night":
		row.Title = "Judge everything again"
	case "retention":
		row.Title = "Drop what the rules of retention say"
	}
	if !j.Began.IsZero() {
		row.Took = cmp.Or(j.Ended, part.Of(ctx).Moment()).Sub(j.Began)
	}
	if acts && !j.Over() && !j.Stopping {
		row.Stop = part.Path("settings", "jobs", strconv.FormatInt(j.ID, 10), "stop")
	}
	return row
}

func (s *site) jobs(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayWorkspace(ctx); err != nil {
		return err
	}
	var v JobList
	if s.Jobs != nil && !part.Past(ctx) { // what was under way at a past moment is in the records of runs
		list, err := s.Jobs.List(ctx, jobsShown)
		if err != nil {
			return err
		}
		acts := session(ctx).May(ctx, access.Act, nil) == nil
		for _, j := range list {
			v.Rows = append(v.Rows, s.jobRow(ctx, j, acts))
		}
		if slices.ContainsFunc(list, func(j queue.Job) bool { return !j.Over() }) {
			w.Header().Set("Refresh", "3") // the page comes back by itself until nothing is under way
		}
	}
	p := Page{Title: "Jobs", Section: "/settings/jobs", Crumbs: settingCrumbs("Jobs")}
	return s.show(w, r, p, func(p Page) templ.Component { return jobsPage(p, v) })
}

func (s *site) jobStop(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := session(ctx).May(ctx, access.Act, nil); err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || s.Jobs == nil {
		return fault.New(fault.NotFound, "There is no such job.")
	}
	j, err := s.Jobs.StopJob(ctx, id)
	if err != nil {
		return err
	}
	said := "It was over already."
	switch {
	case j.Stopping:
		said = "It stops as soon as it can; what it wrote so far stays."
	case j.State == queue.Stopped:
		said = "It will not begin."
	}
	return done(w, r, "/settings/jobs", said)
}

// jobOf is the job under way for a target, if there is one.
func (s *site) jobOf(ctx context.Context, work, target string) (JobRow, bool) {
	if s.Jobs == nil || part.Past(ctx) {
		return JobRow{}, false
	}
	list, err := s.Jobs.List(ctx, jobsShown)
	if err != nil {
		s.log.Warn("list jobs", "error", err)
	}
	for _, j := range list {
		if j.Work == work && j.Target == target && !j.Over() {
			return s.jobRow(ctx, j, session(ctx).May(ctx, access.Act, nil) == nil), true
		}
	}
	return JobRow{}, false
}

// Package queue spreads long work over the servers of a workspace: who asked for it, how far it is, how it ended, and a way to
// stop it. The one rule: what is queued can be asked for again, so that nothing is lost with the queue; records, and only
// they, say what was done.
package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"tickmark/internal/fault"
	"tickmark/internal/store"
)

// State is how far a job is.
type State string

// The states of a job.
const (
	Waiting State = "waiting"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
	Stopped State = "stopped" // by somebody
)

// Job is one piece of work that was asked for.
type Job struct {
	ID     int64     `json:"id"`
	Work   string    `json:"work"` // such as collect, and of what: the connection's name
	Target string    `json:"target,omitempty"`
	By     string    `json:"by"` // who asked: an actor's name
	State  State     `json:"state"`
	Asked  time.Time `json:"asked"`
	Began  time.Time `json:"began,omitzero"` // zero while it has not
	Ended  time.Time `json:"ended,omitzero"`
	Progress
	Error    string `json:"error,omitempty"`
	Stopping bool   `json:"stopping,omitempty"` // somebody asked it to stop and it has not yet
}

// Progress is how far a job says it is; Of is 0 where that is not known.
type Progress struct {
	Said string `json:"said,omitempty"`
	Done int    `json:"done,omitempty"`
	Of   int    `json:"of,omitempty"`
}

// Over reports whether nothing more will come of it.
func (j Job) Over() bool { return j.State != Waiting && j.State != Running }

// Work does one sort of work for a target until it is done or ctx ends, and says how far it is.
type Work func(ctx context.Context, target string, say func(Progress)) error

// Queue is the jobs of a workspace.
type Queue struct {
	db     *store.DB
	works  map[string]Work
	client client
	exec   func(ctx context.Context, query string, args ...any) error
	close  func()
	life   context.Context // ends when this process takes no more work
}

// client is what is used of River, whichever engine it stands on.
type client interface {
	Start(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	JobCancel(ctx context.Context, id int64) (*rivertype.JobRow, error)
	JobGet(ctx context.Context, id int64) (*rivertype.JobRow, error)
	JobList(ctx context.Context, params *river.JobListParams) (*river.JobListResult, error)
	JobUpdate(ctx context.Context, id int64, params *river.JobUpdateParams) (*rivertype.JobRow, error)
}

// asked is what a job's row holds. A job is the same as another that is not over when it does the same work for the same target.
type asked struct {
	Work   string `json:"work" river:"unique"`
	Target string `json:"target" river:"unique"`
	By     string `json:"by"`
}

// Kind names the row to River.
func (asked) Kind() string { return "work" }

// Together is how many jobs one process does at a time.
const Together = 2

// grace is how long a job that is said to run may go without its lock: its worker is about to take it.
const grace = 20 * time.Second

// Open opens the queue of a workspace, without works only to look and to stop: on SQLite a file of its own in dir, so that no work waits for a writer of records; on
// PostgreSQL tables beside the workspace's, at the address.
func Open(ctx context.Context, db *store.DB, dir, address string, works map[string]Work) (*Queue, error) {
	q := &Queue{db: db, works: works}
	var err error
	if db.Engine == store.Postgres {
		err = q.postgres(ctx, address)
	} else {
		file := filepath.Join(dir, "jobs.db")
		if err = q.sqlite(ctx, file); err != nil && works != nil && ctx.Err() == nil { // nothing in it cannot be asked for again
			slog.Warn("the queue of jobs cannot be read and begins anew", "file", file, "error", err)
			for _, end := range []string{"", "-wal", "-shm"} {
				os.Remove(file + end)
			}
			err = q.sqlite(ctx, file)
		}
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The queue of jobs cannot be opened: %w.", err).WithNext("Check the disk, or the rights of the database's user to make tables.")
	}
	return q, nil
}

func (q *Queue) postgres(ctx context.Context, address string) error {
	c, err := pgxpool.ParseConfig(address)
	if err != nil {
		return errors.New("its address is not one of a PostgreSQL database")
	}
	c.MaxConns = Together + 4
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return err
	}
	q.close = pool.Close
	q.exec = func(ctx context.Context, query string, args ...any) error {
		_, err := pool.Exec(ctx, query, args...)
		return err
	}
	if err := open(ctx, q, riverpgxv5.New(pool), false); err != nil {
		pool.Close()
		return err
	}
	return nil
}

func (q *Queue) sqlite(ctx context.Context, file string) error {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath()}
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	db, err := sql.Open("sqlite", u.String()+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_txlock=immediate")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	q.close = func() { db.Close() }
	q.exec = func(ctx context.Context, query string, args ...any) error {
		_, err := db.ExecContext(ctx, query, args...)
		return err
	}
	if err := open(ctx, q, riversqlite.New(db), true); err != nil {
		db.Close()
		return err
	}
	return nil
}

// open makes the tables, one process at a time, and the client.
func open[T any](ctx context.Context, q *Queue, driver riverdriver.Driver[T], poll bool) error {
	quiet := slog.New(slog.DiscardHandler) // what matters of a job is in its row, and is logged where it is done
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return err
	}
	var release func()
	for {
		if release, err = q.db.Lock(ctx, "jobs-schema"); !errors.Is(err, store.ErrLocked) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	release()
	if err != nil {
		return fmt.Errorf("make the tables of jobs: %w", err)
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{q: q}); err != nil {
		return err
	}
	c, err := river.NewClient(driver, &river.Config{Logger: quiet, Workers: workers, PollOnly: poll, MaxAttempts: 1, JobTimeout: -1,
		RescueStuckJobsAfter:        365 * 24 * time.Hour, // Revive knows at once whose process is gone
		Queues:                      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: Together}},
		CompletedJobRetentionPeriod: 7 * 24 * time.Hour, CancelledJobRetentionPeriod: 7 * 24 * time.Hour, DiscardedJobRetentionPeriod: 30 * 24 * time.Hour})
	if err != nil {
		return err
	}
	q.client = c
	return nil
}

// Close gives the queue's connections free. It must not be at work.
func (q *Queue) Close() { q.close() }

// Start takes work until ctx ends; then what is under way goes back to the queue.
func (q *Queue) Start(ctx context.Context) error {
	q.life = ctx
	return q.client.Start(context.WithoutCancel(ctx))
}

// Stop ends what is under way and waits until it has ended.
func (q *Queue) Stop(ctx context.Context) error { return q.client.StopAndCancel(ctx) }

// Ask asks for work. Where the same is waiting or running already, that is what it returns.
func (q *Queue) Ask(ctx context.Context, work, target, by string) (Job, error) {
	if q.works[work] == nil {
		return Job{}, fault.New(fault.NotFound, "There is no work called %q.", work)
	}
	in, err := q.client.Insert(ctx, asked{Work: work, Target: target, By: by}, &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled}}})
	if err != nil {
		return Job{}, q.fault(err)
	}
	return read(in.Job)
}

// StopJob asks a job to stop: what waits never begins; what runs ends as soon as it can, with what it wrote so far kept.
func (q *Queue) StopJob(ctx context.Context, id int64) (Job, error) {
	row, err := q.client.JobCancel(ctx, id)
	if err != nil {
		return Job{}, q.fault(err)
	}
	return read(row)
}

// Get is one job.
func (q *Queue) Get(ctx context.Context, id int64) (Job, error) {
	row, err := q.client.JobGet(ctx, id)
	if err != nil {
		return Job{}, q.fault(err)
	}
	return read(row)
}

// List is the newest jobs first, at most so many.
func (q *Queue) List(ctx context.Context, limit int) ([]Job, error) {
	rows, err := q.client.JobList(ctx, river.NewJobListParams().First(limit).OrderBy(river.JobListOrderByID, river.SortOrderDesc))
	if err != nil {
		return nil, q.fault(err)
	}
	var out []Job
	for _, row := range rows.Jobs {
		j, err := read(row)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// Last is the newest job of a sort of work for a target; ok is false when none is kept.
func (q *Queue) Last(ctx context.Context, work, target string) (j Job, ok bool, err error) {
	rows, err := q.client.JobList(ctx, river.NewJobListParams().First(1).OrderBy(river.JobListOrderByID, river.SortOrderDesc).Where("args ->> 'work' = @work AND args ->> 'target' = @target", river.NamedArgs{"work": work, "target": target}))
	if err != nil || len(rows.Jobs) == 0 {
		return j, false, err
	}
	j, err = read(rows.Jobs[0])
	return j, err == nil, err
}

// Hold keeps a job from being done until release, for something that must not be done beside it; store.ErrLocked says that it
// is being done.
func (q *Queue) Hold(ctx context.Context, work, target string) (release func(), err error) {
	return q.db.Lock(ctx, asked{Work: work, Target: target}.lock())
}

// Revive gives back to the queue what was under way in a process that is gone: whoever works holds a lock that ends with its
// process. What waits for a time that a clock said which was set back since is taken now.
func (q *Queue) Revive(ctx context.Context) error {
	if err := q.exec(ctx, "UPDATE river_job SET state = 'available', scheduled_at = $1 WHERE state IN ('available', 'scheduled') AND scheduled_at > $2", q.time(time.Now()), q.time(time.Now().Add(grace))); err != nil {
		return fmt.Errorf("take what waits for a time that is long to come: %w", err)
	}
	rows, err := q.client.JobList(ctx, river.NewJobListParams().First(1000).States(rivertype.JobStateRunning))
	if err != nil {
		return q.fault(err)
	}
	for _, row := range rows.Jobs {
		var a asked
		if err := json.Unmarshal(row.EncodedArgs, &a); err != nil || row.AttemptedAt == nil || time.Since(*row.AttemptedAt).Abs() < grace {
			continue
		}
		release, err := q.db.Lock(ctx, a.lock())
		if errors.Is(err, store.ErrLocked) {
			continue
		}
		if err != nil {
			return err
		}
		err = q.exec(ctx, "UPDATE river_job SET state = 'available', attempt = 0 WHERE id = $1 AND state = 'running'", row.ID)
		release()
		if err != nil {
			return fmt.Errorf("give job %d back to the queue: %w", row.ID, err)
		}
		slog.Warn("a job whose process is gone begins again", "work", a.Work, "target", a.Target)
	}
	return nil
}

// time is a moment as the queue's tables hold it.
func (q *Queue) time(t time.Time) any {
	if q.db.Engine == store.SQLite {
		return t.UTC().Format("2006-01-02 15:04:05.999")
	}
	return t.UTC()
}

func (a asked) lock() string { return "job-" + a.Work + "-" + a.Target }

func (q *Queue) fault(err error) error {
	if errors.Is(err, rivertype.ErrNotFound) {
		return fault.New(fault.NotFound, "There is no such job.").WithNext("Jobs that are over are kept for a week.")
	}
	return fmt.Errorf("ask the queue of jobs: %w", err)
}

func read(row *rivertype.JobRow) (Job, error) {
	var a asked
	if err := json.Unmarshal(row.EncodedArgs, &a); err != nil {
		return Job{}, fmt.Errorf("read job %d: %w", row.ID, err)
	}
	j := Job{ID: row.ID, Work: a.Work, Target: a.Target, By: a.By, Asked: row.CreatedAt}
	if row.AttemptedAt != nil {
		j.Began = *row.AttemptedAt
	}
	if row.FinalizedAt != nil {
		j.Ended = *row.FinalizedAt
	}
	if b := row.Output(); b != nil {
		if err := json.Unmarshal(b, &j.Progress); err != nil {
			return Job{}, fmt.Errorf("read how far job %d is: %w", row.ID, err)
		}
	}
	switch row.State {
	case rivertype.JobStateRunning:
		var meta map[string]json.RawMessage
		j.State = Running
		if json.Unmarshal(row.Metadata, &meta) == nil {
			_, j.Stopping = meta["cancel_attempted_at"]
		}
	case rivertype.JobStateCompleted:
		j.State = Done
	case rivertype.JobStateCancelled:
		j.State = Stopped
	case rivertype.JobStateDiscarded:
		j.State = Failed
	default:
		j.State = Waiting
	}
	if n := len(row.Errors); n > 0 && j.State == Failed {
		j.Error = row.Errors[n-1].Error
	}
	return j, nil
}

type worker struct {
	river.WorkerDefaults[asked]
	q *Queue
}

// Work does a job. It holds the job's lock meanwhile, so that the end of this process is seen by others.
func (w *worker) Work(ctx context.Context, job *river.Job[asked]) error {
	q, a := w.q, job.Args
	do := q.works[a.Work]
	if do == nil {
		return river.JobCancel(fmt.Errorf("this release knows no work called %q", a.Work))
	}
	release, err := q.db.Lock(ctx, a.lock())
	if errors.Is(err, store.ErrLocked) {
		return river.JobSnooze(5 * time.Second)
	}
	if err != nil {
		return err
	}
	defer release()
	say, quiet := q.sayer(context.WithoutCancel(ctx), job.ID)
	err = do(ctx, a.Target, say)
	quiet()
	if q.life.Err() != nil && err != nil {
		return river.JobSnooze(0) // this process stops; another goes on, or the next start
	}
	if err != nil && ctx.Err() == nil {
		slog.Error(a.Work, "target", a.Target, "error", err)
	}
	return err
}

// sayer keeps what a job says of itself, at most once a second, and what it said last.
func (q *Queue) sayer(ctx context.Context, id int64) (say func(Progress), end func()) {
	var mu sync.Mutex
	var last, kept Progress
	var at time.Time
	keep := func() {
		if last == kept {
			return
		}
		if _, err := q.client.JobUpdate(ctx, id, &river.JobUpdateParams{Output: last}); err != nil {
			slog.Warn("keep how far a job is", "job", id, "error", err)
		}
		kept, at = last, time.Now()
	}
	say = func(p Progress) {
		mu.Lock()
		defer mu.Unlock()
		if last = p; time.Since(at) >= time.Second {
			keep()
		}
	}
	return say, func() {
		mu.Lock()
		defer mu.Unlock()
		keep()
	}
}

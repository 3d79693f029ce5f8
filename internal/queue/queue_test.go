package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// each runs the test for each engine, with a way to open another queue of the same workspace.
func each(t *testing.T, test func(t *testing.T, open func(works map[string]Work) *Queue)) {
	for engine, where := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "tickmark.db") },
		"postgres": func(t *testing.T) string { return storetest.PostgresURL(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			address, dir := where(t), t.TempDir()
			test(t, func(works map[string]Work) *Queue {
				t.Helper()
				db, err := store.Open(t.Context(), address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { db.Close() })
				q, err := Open(t.Context(), db, dir, address, works)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(q.Close)
				return q
			})
		})
	}
}

func start(t *testing.T, q *Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if err := q.Start(ctx); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := q.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func ask(t *testing.T, q *Queue, work, target string) Job {
	t.Helper()
	j, err := q.Ask(t.Context(), work, target, "user:ada")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// wait waits until a job is as it should be.
func wait(t *testing.T, q *Queue, id int64, what string, is func(Job) bool) Job {
	t.Helper()
	var j Job
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if j, err = q.Get(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if is(j) {
			return j
		}
	}
	t.Fatalf("job %d never was %s: %+v", id, what, j)
	return j
}

func state(s State) func(Job) bool { return func(j Job) bool { return j.State == s } }

func TestAJobIsDoneOnceAndSaysHowFarItIs(t *testing.T) {
	each(t, func(t *testing.T, open func(map[string]Work) *Queue) {
		goOn := make(chan struct{})
		q := open(map[string]Work{"read": func(_ context.Context, target string, say func(Progress)) error {
			say(Progress{Said: "half of " + target, Done: 1, Of: 2})
			<-goOn
			say(Progress{Said: "all", Done: 2, Of: 2})
			return nil
		}})
		if _, err := q.Ask(t.Context(), "dance", "", ""); !fault.Is(err, fault.NotFound) {
			t.Errorf("unknown work was taken: %v", err)
		}
		j := ask(t, q, "read", "git")
		if again := ask(t, q, "read", "git"); again.ID != j.ID || j.State != Waiting || j.By != "user:ada" {
			t.Errorf("%+v was asked for twice: %+v", j, again)
		}
		start(t, q)
		wait(t, q, j.ID, "half done", func(j Job) bool {
			return j.Said == "half of git" && j.Done == 1 && j.State == Running && !j.Began.IsZero()
		})
		if again := ask(t, q, "read", "git"); again.ID != j.ID {
			t.Errorf("what runs was begun again: %+v", again)
		}
		if other := ask(t, q, "read", "host"); other.ID == j.ID {
			t.Error("another target is the same job")
		}
		close(goOn)
		got := wait(t, q, j.ID, "done", state(Done))
		if got.Said != "all" || got.Done != 2 || got.Ended.IsZero() || !got.Over() {
			t.Errorf("it ended as %+v", got)
		}
		if again := ask(t, q, "read", "git"); again.ID == j.ID {
			t.Error("what is over cannot be asked for again")
		}
		list, err := q.List(t.Context(), 10)
		if err != nil || len(list) != 3 || list[2].ID != j.ID {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestAJobStopsWhenAskedAndFailsWithItsReason(t *testing.T) {
	each(t, func(t *testing.T, open func(map[string]Work) *Queue) {
		q := open(map[string]Work{
			"wait": func(ctx context.Context, _ string, _ func(Progress)) error { <-ctx.Done(); return ctx.Err() },
			"fail": func(context.Context, string, func(Progress)) error {
				return fault.New(fault.Unavailable, "The host is away.").WithNext("Try again later.")
			},
			"panic": func(context.Context, string, func(Progress)) error { panic("oh") },
		})
		waiting := ask(t, q, "wait", "first")
		if j, err := q.StopJob(t.Context(), waiting.ID); err != nil || j.State != Stopped {
			t.Errorf("what had not begun: %+v, %v", j, err)
		}
		if _, err := q.StopJob(t.Context(), 4711); !fault.Is(err, fault.NotFound) {
			t.Errorf("a job that never was: %v", err)
		}
		start(t, q)
		j := ask(t, q, "wait", "second")
		wait(t, q, j.ID, "running", state(Running))
		if j, err := q.StopJob(t.Context(), j.ID); err != nil || !j.Stopping {
			t.Errorf("it is to stop: %+v, %v", j, err)
		}
		wait(t, q, j.ID, "stopped", state(Stopped))
		if got := wait(t, q, ask(t, q, "fail", "").ID, "failed", state(Failed)); got.Error != "The host is away. Try again later." {
			t.Errorf("why it failed: %q", got.Error)
		}
		wait(t, q, ask(t, q, "panic", "").ID, "failed", state(Failed))
	})
}

func TestServersShareTheWorkAndTakeOverWhatOneLeaves(t *testing.T) {
	each(t, func(t *testing.T, open func(map[string]Work) *Queue) {
		var mu sync.Mutex
		took := map[string]int{} // by server
		all := make(chan struct{})
		works := func(server string) map[string]Work {
			return map[string]Work{"meet": func(ctx context.Context, _ string, _ func(Progress)) error {
				mu.Lock()
				if took[server]++; took["one"]+took["two"] == 2*Together {
					close(all)
				}
				mu.Unlock()
				select {
				case <-all:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}, "stay": func(ctx context.Context, _ string, _ func(Progress)) error {
				if server == "two" {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}}
		}
		one, two := open(works("one")), open(works("two"))
		stop := start(t, one)
		begun := start(t, two)
		var jobs []Job
		for i := range 2 * Together {
			jobs = append(jobs, ask(t, one, "meet", fmt.Sprint(i)))
		}
		for _, j := range jobs {
			wait(t, one, j.ID, "done", state(Done))
		}
		if took["one"] != Together || took["two"] != Together {
			t.Errorf("they took %v", took)
		}
		begun() // only one is left
		j := ask(t, one, "stay", "")
		wait(t, one, j.ID, "running", state(Running))
		stop()
		if got := wait(t, one, j.ID, "back in the queue", state(Waiting)); got.Error != "" {
			t.Errorf("%+v", got)
		}
		three := open(works("two"))
		start(t, three)
		wait(t, three, j.ID, "done by another", state(Done))
	})
}

func TestWhatAKilledProcessDidBeginsAgain(t *testing.T) {
	each(t, func(t *testing.T, open func(map[string]Work) *Queue) {
		q := open(map[string]Work{"read": func(context.Context, string, func(Progress)) error { return nil }})
		killed, held, fresh := ask(t, q, "read", "killed"), ask(t, q, "read", "held"), ask(t, q, "read", "fresh")
		long, now := time.Now().UTC().Add(-time.Hour), time.Now().UTC()
		for id, at := range map[int64]time.Time{killed.ID: long, held.ID: long, fresh.ID: now} {
			if err := q.exec(t.Context(), "UPDATE river_job SET state = 'running', attempted_at = $1, attempt = 1 WHERE id = $2", q.time(at), id); err != nil {
				t.Fatal(err)
			}
		}
		release, err := q.db.Lock(t.Context(), asked{Work: "read", Target: "held"}.lock())
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		if err := q.Revive(t.Context()); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[int64]State{killed.ID: Waiting, held.ID: Running, fresh.ID: Running} {
			if j, err := q.Get(t.Context(), id); err != nil || j.State != want {
				t.Errorf("%+v should be %s: %v", j, want, err)
			}
		}
		start(t, q)
		wait(t, q, killed.ID, "done", state(Done))
	})
}

func TestAJobIsStoppedFromAnotherProcess(t *testing.T) {
	each(t, func(t *testing.T, open func(map[string]Work) *Queue) {
		q := open(map[string]Work{"read": func(ctx context.Context, _ string, _ func(Progress)) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		start(t, q)
		j := ask(t, q, "read", "git")
		wait(t, q, j.ID, "running", state(Running))
		other := open(nil)
		if _, err := other.StopJob(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		wait(t, other, j.ID, "stopped", state(Stopped))
	})
}

func TestJobsOfAClockThatWasSetBackBeginNow(t *testing.T) {
	each(t, func(t *testing.T, open func(map[string]Work) *Queue) {
		q := open(map[string]Work{"read": func(context.Context, string, func(Progress)) error { return nil }})
		tomorrow := time.Now().UTC().Add(24 * time.Hour)
		waits, put, killed := ask(t, q, "read", "waits"), ask(t, q, "read", "put off"), ask(t, q, "read", "killed")
		for id, set := range map[int64]string{waits.ID: "scheduled_at = $1", put.ID: "state = 'scheduled', scheduled_at = $1", killed.ID: "state = 'running', attempt = 1, attempted_at = $1"} {
			if err := q.exec(t.Context(), "UPDATE river_job SET "+set+", created_at = $2 WHERE id = $3", q.time(tomorrow), q.time(tomorrow), id); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Revive(t.Context()); err != nil {
			t.Fatal(err)
		}
		start(t, q)
		for _, j := range []Job{waits, put, killed} {
			wait(t, q, j.ID, "done", state(Done))
		}
		if j, ok, err := q.Last(t.Context(), "read", "waits"); err != nil || !ok || j.ID != waits.ID {
			t.Errorf("%+v %t %v", j, ok, err)
		}
	})
}

func TestAQueueThatCannotBeReadBeginsAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jobs.db"), []byte("this is no database, and long enough to be seen as none"), 0o600); err != nil {
		t.Fatal(err)
	}
	works := map[string]Work{"read": func(context.Context, string, func(Progress)) error { return errors.New("no") }}
	q, err := Open(t.Context(), storetest.SQLite(t), dir, "", works)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	ask(t, q, "read", "git")
}

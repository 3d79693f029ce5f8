package server

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/queue"
	"tickmark/internal/record"
	"tickmark/internal/report/typst/typsttest"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workspace"
)

func open(t *testing.T, o workspace.Options) *workspace.Workspace {
	t.Helper()
	o.Create, o.Cache = true, typsttest.Dir()
	w, err := workspace.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// serve serves the workspace until stop, which returns what Serve returned.
func serve(t *testing.T, w *workspace.Workspace) (address string, stop func() error) {
	t.Helper()
	l, err := Take(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), w, l)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := s.Serve(ctx)
		s.Close()
		ended <- err
	}()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { stop() })
	return "http://" + s.Address(), stop
}

func get(t *testing.T, address, token string) (int, string) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), "GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

func TestServerAnswersPagesAPIAndLedger(t *testing.T) {
	for name, o := range map[string]func(t *testing.T) workspace.Options{
		"sqlite": func(t *testing.T) workspace.Options { return workspace.Options{Data: t.TempDir()} },
		"postgres": func(t *testing.T) workspace.Options {
			return workspace.Options{Data: t.TempDir(), Database: storetest.PostgresURL(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, o(t))
			me, err := w.Local(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			token, _, err := w.Gate.NewToken(t.Context(), me, access.TokenRequest{User: me.User.Key, Name: "test", Scope: "read", Expires: time.Now().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			at, _ := serve(t, w)
			for path, want := range map[string]int{
				"/sign-in": 200, "/": 303, "/ledger/checkpoint": 200, "/ledger/tile/0/000.p/1": 200, "/ledger/tile/0/nope": 404,
				"/api/v1/kinds": 401, "/nowhere": 303,
			} {
				if code, body := get(t, at+path, ""); code != want {
					t.Errorf("%s without a sign-in: %d, not %d: %.200s", path, code, want, body)
				}
			}
			code, body := get(t, at+"/api/v1/kinds", token)
			if code != 200 || !json.Valid([]byte(body)) || !strings.Contains(body, "person") {
				t.Errorf("the kinds: %d %.200s", code, body)
			}
		})
	}
}

func TestSecondServerOfASQLiteWorkspaceIsRefused(t *testing.T) {
	o := workspace.Options{Data: t.TempDir()}
	w := open(t, o)
	_, stop := serve(t, w)
	other := open(t, o) // commands beside a server are welcome
	l, err := Take(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = New(t.Context(), other, l)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), o.Data) {
		t.Fatalf("a second server: %v", err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), other, l)
	if err != nil {
		t.Fatalf("after the first one stopped: %v", err)
	}
	s.Close()
}

func TestSeveralServersShareAPostgresWorkspace(t *testing.T) {
	o := workspace.Options{Data: t.TempDir(), Database: storetest.PostgresURL(t)}
	one, _ := serve(t, open(t, o))
	two, _ := serve(t, open(t, o))
	for _, at := range []string{one, two} {
		if code, _ := get(t, at+"/ledger/checkpoint", ""); code != 200 {
			t.Errorf("%s: %d", at, code)
		}
	}
}

func TestOfSeveralServersOneWorks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := workspace.Options{Data: t.TempDir()}
		if db.Engine == store.Postgres {
			o.Database = storetest.PostgresURL(t)
		}
		w := open(t, o)
		me, err := w.Local(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: "git", Connector: "git", Every: "10m", Settings: map[string]string{"path": t.TempDir()}}, nil); err != nil {
			t.Fatal(err)
		}
		runs := func() int {
			list, err := w.Collect.LastRuns(t.Context(), "git", 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		other := open(t, o)
		release, err := other.DB.Lock(t.Context(), "work")
		if err != nil {
			t.Fatal(err)
		}
		s, _ := working(t, w)
		if err := s.minute(t.Context()); err != nil || len(jobs(t, s)) != 0 {
			t.Errorf("both ask for work: %+v, %v", jobs(t, s), err)
		}
		release()
		for range 2 { // what is asked for already is not asked for twice
			if err := s.minute(t.Context()); err != nil {
				t.Error(err)
			}
		}
		idle(t, s)
		var names []string
		for _, j := range jobs(t, s) {
			names = append(names, j.Work+" "+j.Target+" "+string(j.State))
		}
		slices.Sort(names)
		if want := []string{"collect git done", "judge  done", "night  done"}; !slices.Equal(names, want) || runs() != 1 {
			t.Errorf("%d runs, jobs %q, want %q", runs(), names, want)
		}
		if last, err := w.Monitor.LastNight(t.Context()); err != nil || last.At == 0 || last.Differ != 0 {
			t.Errorf("at night nothing was judged again: %+v %v", last, err)
		}
	})
}

// working is a server that takes work from the queue until stop, and does nothing by itself.
func working(t *testing.T, w *workspace.Workspace) (s *Server, stop func()) {
	t.Helper()
	l, err := Take(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s, err = New(t.Context(), w, l); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	if s.life = ctx; s.queue.Start(ctx) != nil {
		t.Fatal("the queue does not start")
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := s.queue.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		s.under.Wait()
	})
	t.Cleanup(stop)
	return s, stop
}

func jobs(t *testing.T, s *Server) []queue.Job {
	t.Helper()
	list, err := s.queue.List(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// idle waits until nothing is under way.
func idle(t *testing.T, s *Server) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !slices.ContainsFunc(jobs(t, s), func(j queue.Job) bool { return !j.Over() }) {
			return
		}
	}
	t.Fatalf("they do not end: %+v", jobs(t, s))
}

func TestTakenOrMistypedAddressIsSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for address, want := range map[string]fault.Kind{l.Addr().String(): fault.Unavailable, "nonsense": fault.Usage, "127.0.0.1:port": fault.Unavailable, "192.0.2.1:1": fault.Unavailable} {
		got, err := Take(t.Context(), address)
		if err == nil {
			got.Close()
		}
		var f *fault.Fault
		if f, _ = err.(*fault.Fault); f == nil || f.Kind != want || !strings.Contains(f.Message, address) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestStoppingSignsTheLastCheckpoint(t *testing.T) {
	w := open(t, workspace.Options{Data: t.TempDir()})
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, stop := serve(t, w)
	if _, err := w.Book.Put(t.Context(), me, record.Change{Kind: "person", Body: []byte(`{"id":"p1","name":"Ada","email":"ada@example.com"}`)}); err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	head, err := w.Log.Head(t.Context(), w.DB)
	if err != nil {
		t.Fatal(err)
	}
	signed, _, err := w.Log.LastCheckpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := merkle.OpenCheckpoint(signed, w.Log.VKey)
	if err != nil {
		t.Fatal(err)
	}
	if c.Size != head.Size {
		t.Errorf("the checkpoint covers %d entries of %d", c.Size, head.Size)
	}
}

func TestStoppingEndsTheCollectionThatAPageBeganAndTheNextStartGoesOn(t *testing.T) {
	o := workspace.Options{Data: t.TempDir()}
	w := open(t, o)
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reading := make(chan struct{}, 1)
	w.Collect.Connectors = []connector.Connector{{Name: "slow", Title: "Slow", Kinds: []record.Kind{{Name: "git_commit"}},
		Read: func(ctx context.Context, _ connector.Values, _ connector.Sink) error {
			reading <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}}}
	if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: "slow", Connector: "slow", Every: "24h"}, nil); err != nil {
		t.Fatal(err)
	}
	last := func() (sum collect.Summary) {
		runs, err := w.Collect.LastRuns(t.Context(), "slow", 1)
		if err != nil || len(runs) != 1 {
			t.Fatal(len(runs), err)
		}
		if sum, err = collect.ParseSummary(runs[0]); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	cut := func(sum collect.Summary) bool {
		return sum.Outcome != collect.Running && sum.Outcome != collect.Complete && strings.Contains(sum.Missing[0].Reason, "it was stopped before it ended")
	}
	s, stop := working(t, w)
	j, err := s.queue.Ask(t.Context(), collectWork, "slow", "person:ada")
	if err != nil {
		t.Fatal(err)
	}
	<-reading
	stop()
	if sum := last(); !cut(sum) {
		t.Errorf("the run reads %+v", sum)
	}
	s.Close()
	again, _ := working(t, w)
	<-reading
	if got, err := again.queue.Get(t.Context(), j.ID); err != nil || got.State != queue.Running {
		t.Errorf("after the next start: %+v, %v", got, err)
	}
	if _, err := again.queue.StopJob(t.Context(), j.ID); err != nil { // somebody stops it for good
		t.Fatal(err)
	}
	idle(t, again)
	if got, err := again.queue.Get(t.Context(), j.ID); err != nil || got.State != queue.Stopped || !cut(last()) {
		t.Errorf("stopped: %+v, %v; %+v", got, err, last())
	}
}

func TestConnectionsAreCollectedWhenTheyAreDue(t *testing.T) {
	w := open(t, workspace.Options{Data: t.TempDir()})
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	now := time.Now()
	w.Log.Clock = func() time.Time { return now }
	for _, c := range []collect.Connection{
		{Name: "often", Connector: "git", Every: "10m"}, {Name: "rarely", Connector: "git", Every: "24h"}, {Name: "paused", Connector: "git", Every: "10m", Paused: true},
		{Name: "lost", Connector: "git", Every: "10m"},
	} {
		c.Settings = map[string]string{"path": dir}
		if c.Name == "lost" { // what cannot be read keeps nobody else from being read
			c.Settings["path"] = dir + "/nowhere"
		}
		if _, err := w.Collect.Add(t.Context(), me, c, nil); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := working(t, w)
	for _, step := range []struct {
		later time.Duration
		runs  string
	}{{0, "1 1 0 1"}, {time.Minute, "1 1 0 1"}, {10 * time.Minute, "2 1 0 2"}, {24 * time.Hour, "3 2 0 3"}} {
		now = now.Add(step.later)
		if err := s.collectDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		idle(t, s)
		var got []string
		for _, name := range []string{"often", "rarely", "paused", "lost"} {
			runs, err := w.Collect.LastRuns(t.Context(), name, 10)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string('0'+rune(len(runs))))
		}
		if strings.Join(got, " ") != step.runs {
			t.Errorf("after %s the runs are %s, not %s", step.later, got, step.runs)
		}
	}
}

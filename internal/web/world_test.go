package web

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/queue"
	"tickmark/internal/record"
	"tickmark/internal/report/document"
	"tickmark/internal/report/typst/typsttest"
	"tickmark/internal/workspace"
)

// world is a real workspace that has read a real repository and this machine, with its pages served.
type world struct {
	*workspace.Workspace
	URL   string
	Links []string // one-time sign-in links, unused
	by    access.Session
	http  *http.Client
	jobs  jobs // that were asked for
	site  *site
}

// jobs is a queue that nobody takes from.
type jobs []queue.Job

func (l *jobs) Ask(_ context.Context, work, target, by string) (queue.Job, error) {
	j := queue.Job{ID: int64(len(*l) + 1), Work: work, Target: target, By: by, State: queue.Waiting, Asked: time.Now()}
	*l = append(*l, j)
	return j, nil
}

func (l *jobs) StopJob(_ context.Context, id int64) (queue.Job, error) {
	if id < 1 || int(id) > len(*l) {
		return queue.Job{}, fault.New(fault.NotFound, "There is no such job.")
	}
	j := &(*l)[id-1]
	if j.Stopping = j.State == queue.Running; j.State == queue.Waiting {
		j.State = queue.Stopped
	}
	return *j, nil
}

func (l *jobs) List(context.Context, int) ([]queue.Job, error) { return slices.Clone(*l), nil }

// paper is one renderer for all tests: making its machine code is the dear part.
var paper = sync.OnceValue(func() *document.Renderer { return document.New(typsttest.Dir(), 2) })

func newWorld(t testing.TB) *world {
	t.Helper()
	w, ctx := emptyWorld(t), t.Context()
	w.put(t, "organisation", "organisation", map[string]any{"name": "Example Ltd", "time_zone": "Europe/Berlin"})
	w.put(t, "person", "ada", map[string]any{"id": "ada", "name": "Ada", "email": "ada@example.org", "start": "2024-01-01", "employment": "employee"})
	repo := repository(t)
	for name, settings := range map[string]map[string]string{"git": {"path": repo}, "host": nil} {
		if _, err := w.Workspace.Collect.Add(ctx, w.by, collect.Connection{Name: name, Connector: name, Settings: settings}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Workspace.Collect.Run(ctx, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Monitor.Evaluate(ctx, check.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Log.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

// emptyWorld is a workspace as it is before anybody has done anything.
func emptyWorld(t testing.TB) *world {
	t.Helper()
	ctx := t.Context()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	w := &world{URL: "http://localhost:" + port}
	if w.Workspace, err = workspace.Open(ctx, workspace.Options{Data: t.TempDir(), BaseURL: w.URL, Create: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(ctx); err != nil {
		t.Fatal(err)
	}
	if w.by, err = w.Local(ctx); err != nil {
		t.Fatal(err)
	}
	h, site, err := newSite(Deps{Book: w.Book, Blobs: w.Blobs, Keys: w.Keys, Firm: w.Firm, Access: w.Gate, Monitor: w.Monitor, Collector: w.Workspace.Collect, Jobs: &w.jobs, Paper: paper(), BaseURL: w.URL, Release: "test", Behind: func(what string, do func(context.Context) error) {
		if err := do(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.site = site
	srv := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h}}
	srv.Start()
	t.Cleanup(srv.Close)
	jar, _ := cookiejar.New(nil)
	w.http = &http.Client{Jar: jar}
	return w
}

// trials are what was tried, by id.
func (w *world) trials(t testing.TB) map[string]*trial {
	t.Helper()
	w.site.mu.Lock()
	defer w.site.mu.Unlock()
	return maps.Clone(w.site.trials)
}

// lastTrial is the newest trial.
func (w *world) lastTrial(t testing.TB) (string, *trial) {
	t.Helper()
	var newest *trial
	for _, x := range w.trials(t) {
		if newest == nil || x.at.After(newest.at) {
			newest = x
		}
	}
	if newest == nil {
		t.Fatal("nothing was tried")
	}
	return newest.id, newest
}

func (w *world) put(t testing.TB, kind, key string, body map[string]any) record.Version {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.Book.Put(t.Context(), w.by, record.Change{Kind: kind, Key: key, Body: b})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// link makes a one-time link for the first user.
func (w *world) link(t testing.TB) string {
	t.Helper()
	link, err := w.Gate.Link(t.Context(), w.by, w.by.User.Key)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// signIn signs the test's own client in by a one-time link.
func (w *world) signIn(t testing.TB) {
	t.Helper()
	u, err := url.Parse(w.link(t))
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := w.post(t, "/sign-in/link", url.Values{"token": {u.Query().Get("token")}}); status != http.StatusOK {
		t.Fatalf("sign in answered %d", status)
	}
}

func (w *world) get(t testing.TB, path string) (int, string) {
	t.Helper()
	r, err := w.http.Get(w.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func (w *world) post(t testing.TB, path string, form url.Values) (int, string) {
	t.Helper()
	r, err := w.http.PostForm(w.URL+path, form)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// repository makes a small repository with two authors and a merge.
func repository(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=ada", "GIT_AUTHOR_EMAIL=ada@example.org", "GIT_COMMITTER_NAME=ada", "GIT_COMMITTER_EMAIL=ada@example.org",
			"GIT_AUTHOR_DATE=2026-11-01T10:00:00+01:00", "GIT_COMMITTER_DATE=2026-11-01T10:00:00+01:00")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	git("init", "-q", "-b", "main")
	for _, f := range []string{"README.md", "CODEOWNERS"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("* ada\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		git("add", f)
		git("commit", "-q", "-m", "Add "+f)
	}
	git("tag", "v1.0")
	return dir
}

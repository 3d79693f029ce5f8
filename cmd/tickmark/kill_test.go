package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workspace"
)

// These tests end the program by force and show that the next start is sound: nothing acknowledged is lost, no batch is
// half there, the ledger proves, an interrupted collection is named and the next one completes.

const batch = 500 // records that a collection writes at once

// heavy is n, or many times as much where the dear tests run.
func heavy(n, many int) int {
	if os.Getenv("TICKMARK_TEST_HEAVY") != "" {
		return n * many
	}
	return n
}

// writer is a program that puts people into the workspace until it is killed, and says each key once it is acknowledged.
func writer() {
	ctx := context.Background()
	w, err := workspace.Open(ctx, workspace.Options{Data: os.Args[1], Database: os.Args[2]})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	me, err := w.Local(ctx)
	for i := 0; err == nil; i++ {
		key := os.Args[3] + "-" + fmt.Sprint(i)
		if _, err = w.Book.Put(ctx, me, person(key), person(key+"-too")); err == nil {
			fmt.Println(key)
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func person(key string) record.Change {
	body, _ := json.Marshal(map[string]string{"id": key, "name": key, "email": key + "@example.com"})
	return record.Change{Kind: "person", Key: key, Body: body}
}

func TestKilledWriterLosesNothingAcknowledged(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killWriter(t, workspace.Options{Data: t.TempDir()}, heavy(5, 40), nil) })
	t.Run("postgres", func(t *testing.T) {
		killWriter(t, workspace.Options{Data: t.TempDir(), Database: storetest.PostgresURL(t)}, heavy(5, 40), nil)
	})
	t.Run("postgres stopped at once", func(t *testing.T) { // as when its machine goes down; it has to recover from its log
		if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
			t.Skip("only with TICKMARK_TEST_HEAVY")
		}
		url, crash := cluster(t)
		killWriter(t, workspace.Options{Data: t.TempDir(), Database: url}, 20, crash)
	})
}

// killWriter kills the writer again and again; with crash, its database instead.
func killWriter(t *testing.T, o workspace.Options, rounds int, crash func()) {
	made(t, o)
	var acknowledged []string
	for round := range rounds {
		c := exec.Command("tickmark-writer", o.Data, o.Database, fmt.Sprint("r", round))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range rand.IntN(40) {
			if !lines.Scan() || !strings.HasPrefix(lines.Text(), "r") {
				t.Fatalf("the writer says %q", lines.Text())
			}
			acknowledged = append(acknowledged, lines.Text())
		}
		time.Sleep(time.Duration(rand.IntN(8000)) * time.Microsecond)
		if crash != nil {
			crash()
		}
		c.Process.Kill()   // an error: it ended by itself, for its database is gone
		for lines.Scan() { // what it said before it died counts too
			if strings.HasPrefix(lines.Text(), fmt.Sprint("r", round, "-")) {
				acknowledged = append(acknowledged, lines.Text())
			}
		}
		if err := c.Wait(); err == nil {
			t.Fatal("the writer was not killed")
		}

		w := sound(t, o)
		people := map[string]bool{}
		page := record.Query{Kind: "person", Limit: 1000}
		for {
			p, err := w.Book.List(t.Context(), page)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range p.Versions {
				people[v.Key] = true
			}
			if page.After = p.Next; page.After == "" {
				break
			}
		}
		for _, key := range acknowledged {
			if !people[key] {
				t.Fatalf("round %d: %s was acknowledged and is lost", round, key)
			}
		}
		for key := range people {
			if one, _ := strings.CutSuffix(key, "-too"); !people[one] || !people[one+"-too"] {
				t.Fatalf("round %d: %s is there without what was written with it", round, key)
			}
		}
		w.Close()
	}
	t.Logf("%d kills, %d writes acknowledged, none lost, every proof holds", rounds, len(acknowledged))
}

// cluster starts a PostgreSQL of its own, with fsync, and returns its address and what stops it at once and starts it again.
func cluster(t *testing.T) (url string, crash func()) {
	t.Helper()
	bin := os.Getenv("TICKMARK_TEST_POSTGRES_BIN")
	if bin == "" {
		t.Skip("TICKMARK_TEST_POSTGRES_BIN names no directory with initdb and pg_ctl; scripts/test does")
	}
	above, err := os.MkdirTemp("", "tickmark-postgres-") // the test's own directory is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(above) })
	dir := filepath.Join(above, "cluster")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(above, 0o711)); err != nil {
		t.Fatal(err)
	}
	var as *syscall.SysProcAttr
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	run := func(name string, args ...string) {
		t.Helper()
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir, c.SysProcAttr = "/", as // and no pipes, which the server would keep open
		if err := c.Run(); err != nil {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("%s %s: %v: %s", name, args, err, log)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	run("initdb", "-N", "-D", dir, "-U", "postgres", "-A", "trust", "--locale=C", "-E", "UTF8")
	start := func() {
		run("pg_ctl", "start", "-w", "-s", "-D", dir, "-l", filepath.Join(dir, "log"), "-o", fmt.Sprintf("-h 127.0.0.1 -p %d -c unix_socket_directories=''", port))
	}
	stop := func() { run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", dir) }
	start()
	t.Cleanup(stop)
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port), func() { stop(); start() }
}

func TestKilledInitIsCompletedByTheNext(t *testing.T) {
	begun := time.Now()
	if out, err := exec.Command("tickmark", "init", "--data", filepath.Join(t.TempDir(), "whole")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(begun)
	for range heavy(8, 20) {
		o := workspace.Options{Data: filepath.Join(t.TempDir(), "data")}
		c := exec.Command("tickmark", "init", "--data", o.Data)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took/4 + time.Duration(rand.Int64N(int64(took)*3/4)))
		c.Process.Kill()
		c.Wait()
		made(t, o)
		w := sound(t, o)
		users, err := w.Gate.Users(t.Context())
		if err != nil || len(users) != 1 {
			t.Errorf("%d users, %v", len(users), err)
		}
		if n, err := w.Book.Count(t.Context(), record.Query{Kind: "criterion"}); err != nil || n.N != 61 {
			t.Errorf("%d criteria, %v", n.N, err)
		}
		w.Close()
	}
}

func TestSeveralInitsAtOnceMakeOneWorkspace(t *testing.T) {
	for range heavy(3, 10) {
		o := workspace.Options{Data: filepath.Join(t.TempDir(), "data")}
		var all []*exec.Cmd
		for range 4 {
			c := exec.Command("tickmark", "init", "--data", o.Data)
			c.Stderr = new(bytes.Buffer)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		for _, c := range all {
			if err := c.Wait(); err != nil {
				t.Errorf("%v: %s", err, c.Stderr)
			}
		}
		w := sound(t, o)
		users, err := w.Gate.Users(t.Context())
		if err != nil || len(users) != 1 {
			t.Errorf("%d users, %v", len(users), err)
		}
		if _, err := w.Log.Checkpoint(t.Context()); err != nil {
			t.Error(err)
		}
		w.Close()
	}
}

func TestKilledPackageIsWholeOrAbsent(t *testing.T) {
	o := workspace.Options{Data: filepath.Join(t.TempDir(), "data")}
	connected(t, o, 1500)
	if out, err := exec.Command("tickmark", "collect", "git", "--data", o.Data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out := filepath.Join(t.TempDir(), "p.zip")
	begun := time.Now()
	if out, err := exec.Command("tickmark", "package", "--data", o.Data, "--out", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(begun)
	for range heavy(4, 20) {
		os.Remove(out)
		c := exec.Command("tickmark", "package", "--data", o.Data, "--out", out)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(took/4 + time.Duration(rand.Int64N(int64(took)*3/4)))
		c.Process.Kill()
		c.Wait()
		if _, err := os.Stat(out); err == nil {
			if out, err := exec.Command("tickmark", "verify", out).CombinedOutput(); err != nil {
				t.Errorf("half a package: %s", out)
			}
		}
	}
	sound(t, o).Close()
}

func TestKilledCollectionIsNamedAndCompleted(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		killCollection(t, func() workspace.Options { return workspace.Options{Data: t.TempDir()} })
	})
	t.Run("postgres", func(t *testing.T) {
		killCollection(t, func() workspace.Options {
			return workspace.Options{Data: t.TempDir(), Database: storetest.PostgresURL(t)}
		})
	})
}

func killCollection(t *testing.T, fresh func() workspace.Options) {
	const commits = 2500
	interrupted := 0
	for round := range heavy(3, 20) {
		o := fresh()
		connected(t, o, commits)
		w := sound(t, o)
		c := exec.Command("tickmark", "collect", "git", "--data", o.Data, "--database", o.Database)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		want := []int64{1, batch, 2 * batch}[round%3] // so many commits are there when the kill comes
		for begun := time.Now(); ; {
			n, err := w.Book.Count(t.Context(), record.Query{Kind: "git_commit"})
			if err != nil {
				t.Fatal(err)
			}
			if n.N >= want || time.Since(begun) > time.Minute {
				break
			}
		}
		if round >= 3 {
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		}
		c.Process.Kill()
		c.Wait()
		w.Close()
		interrupted += completes(t, o, commits)
	}
	if interrupted == 0 {
		t.Error("no kill met a run under way")
	}
	t.Logf("%d runs were met under way", interrupted)
}

// A copy of the files at an instant, made while the program stands still, is what a machine that stopped then would find.
// The index of the write-ahead log (-shm) is memory, and dies with the machine.
func TestWorkspaceIsSoundAtEveryInstantOfACollection(t *testing.T) {
	const commits = 2500
	start := workspace.Options{Data: filepath.Join(t.TempDir(), "start")}
	connected(t, start, commits)
	whole := clone(t, start.Data)
	begun := time.Now()
	if out, err := exec.Command("tickmark", "collect", "git", "--data", whole.Data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	took := time.Since(begun)
	os.RemoveAll(whole.Data)

	o := clone(t, start.Data)
	c := exec.Command("tickmark", "collect", "git", "--data", o.Data)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var copies []workspace.Options
	pace := time.NewTicker(took / time.Duration(heavy(50, 4)))
	defer pace.Stop()
	last := ""
	for running := true; running; {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		case <-pace.C:
			c.Process.Signal(syscall.SIGSTOP)
			if now := sizes(o.Data); now != last { // something was written since the last copy
				copies = append(copies, clone(t, o.Data))
				last = now
			}
			c.Process.Signal(syscall.SIGCONT)
		}
	}
	if len(copies) < 5 {
		t.Errorf("only %d instants differ", len(copies))
	}
	interrupted := 0
	for i, at := range copies {
		if i%max(1, len(copies)/heavy(6, 8)) == 0 {
			interrupted += completes(t, at, commits)
		} else {
			w := sound(t, at)
			wholeBatches(t, w, commits)
			w.Close()
		}
		os.RemoveAll(at.Data)
	}
	t.Logf("%d instants, %d of them completed; %d runs were under way", len(copies), min(len(copies), heavy(6, 8)), interrupted)
}

// made sets a workspace up.
func made(t *testing.T, o workspace.Options) {
	t.Helper()
	o.Create = true
	w, err := workspace.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// connected sets a workspace up with a connection to a repository of so many commits.
func connected(t *testing.T, o workspace.Options, commits int) {
	t.Helper()
	made(t, o)
	dir := t.TempDir()
	var in bytes.Buffer
	for i := range commits {
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\ndata 9\nchange %02d\nM 644 inline file\ndata 8\n%8d\n", 1767600000+i, i%100, i)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main", dir}, {"-C", dir, "fast-import", "--quiet"}} {
		c := exec.Command("git", args...)
		c.Stdin = &in
		if args[0] == "init" {
			c.Stdin = nil
		}
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", args, err, out)
		}
	}
	w, err := workspace.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: "git", Connector: "git", Settings: map[string]string{"path": dir}}, nil); err != nil {
		t.Fatal(err)
	}
}

// clone copies the files of a workspace that nobody is writing.
func clone(t *testing.T, dir string) workspace.Options {
	t.Helper()
	to, err := os.MkdirTemp(t.TempDir(), "copy-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tickmark.db", "tickmark.db-wal", "ledger.key", "secret.key"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) && strings.HasSuffix(name, "-wal") {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return workspace.Options{Data: to}
}

func sizes(dir string) string {
	out := ""
	for _, name := range []string{"tickmark.db", "tickmark.db-wal"} {
		if i, err := os.Stat(filepath.Join(dir, name)); err == nil {
			out += fmt.Sprint(i.Size(), i.ModTime())
		}
	}
	return out
}

// sound opens a workspace whose program was killed and proves everything in it.
func sound(t *testing.T, o workspace.Options) *workspace.Workspace {
	t.Helper()
	w, err := workspace.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open after the kill: %v", err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Book.Verify(t.Context(), nil); err != nil {
		t.Fatalf("after the kill: %v", err)
	}
	if _, err := w.Monitor.Verify(t.Context(), nil); err != nil {
		t.Fatalf("after the kill: %v", err)
	}
	return w
}

func wholeBatches(t *testing.T, w *workspace.Workspace, commits int) {
	t.Helper()
	n, err := w.Book.Count(t.Context(), record.Query{Kind: "git_commit"})
	if err != nil {
		t.Fatal(err)
	}
	if n.N%batch != 0 && n.N != int64(commits) {
		t.Fatalf("%d commits are there: a batch is half written", n.N)
	}
}

// completes proves the workspace, collects and judges, and returns how many runs it found interrupted: one or none.
func completes(t *testing.T, o workspace.Options, commits int) (interrupted int) {
	t.Helper()
	w := sound(t, o)
	defer w.Close()
	wholeBatches(t, w, commits)
	begun, err := w.Collect.LastRuns(t.Context(), "git", 1)
	if err != nil {
		t.Fatal(err)
	}
	underWay := len(begun) > 0 && strings.Contains(string(begun[0].Body), `"outcome":"`+collect.Running+`"`)
	sum, err := w.Collect.Run(t.Context(), "git", nil)
	for begun := time.Now(); fault.Is(err, fault.Unavailable) && time.Since(begun) < time.Minute; { // PostgreSQL has not noticed the death yet
		sum, err = w.Collect.Run(t.Context(), "git", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if sum.Outcome != collect.Complete {
		t.Fatalf("the next run is %s: %+v", sum.Outcome, sum.Missing)
	}
	if n, err := w.Book.Count(t.Context(), record.Query{Kind: "git_commit"}); err != nil || n.N != int64(commits) {
		t.Fatalf("%d commits of %d, %v", n.N, commits, err)
	}
	if underWay {
		killed, err := w.Book.Get(t.Context(), collect.RunKind, begun[0].Key, 0)
		if err != nil || !strings.Contains(string(killed.Body), `"outcome":"`+collect.Interrupted+`"`) {
			t.Fatalf("the killed run reads %s, %v", killed.Body, err)
		}
		interrupted = 1
	}
	if _, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Book.Verify(t.Context(), nil); err != nil {
		t.Fatalf("after the next run: %v", err)
	}
	if _, err := w.Monitor.Verify(t.Context(), nil); err != nil {
		t.Fatalf("after the next run: %v", err)
	}
	return interrupted
}

// A full disk refuses with a sentence, loses nothing, and once there is room everything goes on.
func TestFullDiskRefusesAndGoesOn(t *testing.T) {
	dir := small(t, 6<<20)
	o := workspace.Options{Data: filepath.Join(dir, "data")}
	connected(t, o, 3)
	ballast := filepath.Join(dir, "ballast")
	room := func(left int64) {
		t.Helper()
		os.Remove(ballast)
		f, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		block := make([]byte, 4096)
		for range (free(t, dir) - left) / 4096 {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
	}
	w := sound(t, o)
	me, err := w.Local(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	refused := error(nil)
	for _, left := range []int64{256 << 10, 128 << 10, 32 << 10, 0} {
		room(left)
		for refused = nil; refused == nil; {
			if _, refused = w.Book.Put(t.Context(), me, person(fmt.Sprint("p", written))); refused == nil {
				written++
			}
		}
		if !fault.Is(refused, fault.Unavailable) || !strings.Contains(refused.Error(), "The disk is full; nothing was written") {
			t.Fatalf("with %d bytes left, after %d records: %v", left, written, refused)
		}
	}
	for _, args := range [][]string{{"put", "person", "--file", "-"}, {"collect", "git"}} {
		c := exec.Command("tickmark", append(args, "--data", o.Data)...)
		c.Stdin = bytes.NewReader(person("late").Body)
		out, err := c.CombinedOutput()
		if e := (*exec.ExitError)(nil); !errors.As(err, &e) || e.ExitCode() != 1 || !strings.Contains(string(out), "The disk is full") {
			t.Errorf("%s on a full disk: %v: %s", args, err, out)
		}
	}
	// Reading goes on while the disk is full.
	if n, err := w.Book.Count(t.Context(), record.Query{Kind: "person"}); err != nil || n.N != int64(written) {
		t.Errorf("%d records of %d while the disk is full, %v", n.N, written, err)
	}
	w.Close()
	os.Remove(ballast)
	w = sound(t, o)
	if n, err := w.Book.Count(t.Context(), record.Query{Kind: "person"}); err != nil || n.N != int64(written) {
		t.Errorf("%d records of %d once there is room, %v", n.N, written, err)
	}
	if _, err := w.Book.Put(t.Context(), me, person("after")); err != nil {
		t.Error(err)
	}
	if _, err := w.Book.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	t.Logf("%d records were acknowledged, the next refused: %v", written, refused)
}

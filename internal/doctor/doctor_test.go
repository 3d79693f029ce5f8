package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/doctor"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workspace"
)

func TestWhatIsWrongIsSaidAndWhatToDo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := workspace.Options{Data: filepath.Join(t.TempDir(), "data"), Create: true}
		if db.Engine == store.Postgres {
			o.Database = storetest.PostgresURL(t)
		}
		w, err := workspace.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Setup(t.Context()); err != nil {
			t.Fatal(err)
		}
		look := func() (string, []doctor.Line) {
			lines, err := doctor.Look(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(lines)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if l.Said == "" || l.State == doctor.Good && l.Next != "" {
					t.Errorf("%+v", l)
				}
			}
			return string(b), lines
		}
		said, lines := look()
		if doctor.Worst(lines) != doctor.Warn {
			t.Errorf("a fresh workspace is %s: %s", doctor.Worst(lines), said)
		}
		for _, want := range []string{"Nothing is connected", "No outsider sees", "None was made with tickmark backup", "nobody can approve"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q is not said: %s", want, said)
			}
		}

		me, err := w.Local(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: "git", Connector: "git", Every: "10m", Settings: map[string]string{"path": t.TempDir()}}, nil); err != nil {
			t.Fatal(err)
		}
		if s, _ := w.Collect.Run(t.Context(), "git", nil); s.Outcome == collect.Complete {
			t.Fatal("a directory without a repository was read")
		}
		if err := w.Log.Write(t.Context(), func(tx *ledger.Tx) error {
			if _, err := tx.Act(t.Context(), "check.rechecked", "job:check", "workspace", check.Rechecked{Judged: 9, Differ: 2, Where: map[string]int{"HOST-01": 2}}); err != nil {
				return err
			}
			_, err := tx.Act(t.Context(), "workspace.backed_up", "person:ada", "workspace", nil)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if said, _ = look(); !strings.Contains(said, "tickmark connect test git") || !strings.Contains(said, "The last was made on") || !strings.Contains(said, "2 of 9 answers came out otherwise: HOST-01 (2)") {
			t.Error(said)
		}
		if err := w.Log.Write(t.Context(), func(tx *ledger.Tx) error {
			_, err := tx.Act(t.Context(), "check.rechecked", "job:check", "workspace", check.Rechecked{Judged: 9, Altered: 3, AlteredIn: map[string]int{"HOST-01": 2, "JOIN-01": 1}, Records: 1})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if said, lines = look(); doctor.Worst(lines) != doctor.Bad || !strings.Contains(said, "The ledger does not back 3 answers: HOST-01 (2), JOIN-01 (1).") || !strings.Contains(said, "no answer was corrected by them") {
			t.Error(said)
		}
		if err := os.MkdirAll(filepath.Join(w.Data, "checks"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.Data, "checks", "own.yaml"), []byte("id: OWN-01\nfor: nothing\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(w.Data, "ledger.key"), 0o644); err != nil {
			t.Fatal(err)
		}
		clock := w.Log.Clock
		w.Log.Clock = func() time.Time { return clock().Add(-time.Hour) }
		again, err := workspace.Open(t.Context(), o) // which reads the broken check
		if err != nil {
			t.Fatal(err)
		}
		again.Log.Clock = w.Log.Clock
		defer again.Close()
		w = again
		said, lines = look()
		for _, want := range []string{"chmod go-rwx", "ahead of this machine's clock", "OWN-01"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q is not said: %s", want, said)
			}
		}
		if doctor.Worst(lines) != doctor.Bad {
			t.Errorf("it is %s", doctor.Worst(lines))
		}
	})
}

// The program starts again with yesterday's clock: recorded time goes on, nothing passes for what was not read, and it is said.
func TestYesterdaysClockTakesNothingBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := workspace.Options{Data: filepath.Join(t.TempDir(), "data"), Create: true}
		if db.Engine == store.Postgres {
			o.Database = storetest.PostgresURL(t)
		}
		behind := time.Duration(0)
		start := func() *workspace.Workspace {
			w, err := workspace.Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			w.Log.Clock = func() time.Time { return time.Now().Add(-behind) }
			account, err := w.Book.Kinds.Named("host_account")
			if err != nil {
				t.Fatal(err)
			}
			w.Collect.Connectors = []connector.Connector{{Name: "host", Title: "Host", Kinds: []record.Kind{*account}, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
				if behind == time.Hour { // half a day ago it was read; an hour ago it was refused
					out.Missing(connector.Gap{Kind: "host_account", Denied: true, Reason: "it was refused"})
					return nil
				}
				if err := out.Item(connector.Item{Kind: "host_account", Key: "root", Raw: []byte(`{"name":"root","rights":{"admin":true,"sudo":true,"nopasswd":true}}`)}); err != nil {
					return err
				}
				out.Complete("host_account", "")
				return nil
			}}}
			return w
		}
		run := func(w *workspace.Workspace) collect.Summary {
			s, err := w.Collect.Run(t.Context(), "host", nil)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		passes := func(w *workspace.Workspace) bool {
			states, err := w.Monitor.Summary(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			some := false
			for _, s := range states {
				some = some || s.For == "host_account" && s.Counts.Pass > 0
			}
			return some
		}
		behind = 12 * time.Hour
		w := start()
		if _, err := w.Setup(t.Context()); err != nil {
			t.Fatal(err)
		}
		me, err := w.Local(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Collect.Add(t.Context(), me, collect.Connection{Name: "host", Connector: "host", Every: "24h"}, nil); err != nil {
			t.Fatal(err)
		}
		if s := run(w); s.Outcome != collect.Complete || s.Clock != "" {
			t.Errorf("%+v", s)
		}
		if e, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil || e.Behind != 0 || !passes(w) {
			t.Fatalf("%+v %v", e, err)
		}
		behind = time.Hour
		if s := run(w); s.Outcome == collect.Complete || passes(w) {
			t.Errorf("%+v", s)
		}
		before, err := w.Log.Head(t.Context(), w.DB)
		if err != nil {
			t.Fatal(err)
		}
		w.Close()

		behind = 11 * time.Hour // when it was read, by what stands
		w = start()
		defer w.Close()
		if passes(w) {
			t.Error("what was refused since is taken for read, because the clock was set back")
		}
		s := run(w)
		if s.Outcome != collect.Complete || !strings.Contains(s.Clock, "behind what was recorded before") || store.At(s.Started) < before.At || s.Ended.Before(s.Started) {
			t.Errorf("%+v", s)
		}
		if last, err := w.Collect.LastRuns(t.Context(), "host", 1); err != nil || len(last) != 1 || last[0].Key != fmt.Sprint(s.Number) {
			t.Errorf("the last run is %+v, %v", last, err)
		}
		if e, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil || e.Behind < 9*time.Hour {
			t.Errorf("%+v %v", e, err)
		}
		if n, err := w.Monitor.Night(t.Context(), nil); err != nil || n.Differ > 0 {
			t.Errorf("%+v %v", n, err)
		}
		if last, err := w.Monitor.LastNight(t.Context()); err != nil || last.Behind < 9*time.Hour {
			t.Errorf("%+v %v", last, err)
		}
		if after, err := w.Log.Head(t.Context(), w.DB); err != nil || after.At <= before.At || after.Size <= before.Size {
			t.Errorf("%+v and before %+v, %v", after, before, err)
		}
		if _, err := w.Book.Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
		lines, err := doctor.Look(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.What == "clock" && (l.State != doctor.Bad || !strings.Contains(l.Said, "ahead of this machine's clock")) {
				t.Errorf("%+v", l)
			}
		}
	})
}

// The file of an imported scan is proof of what it said: nobody may be told that it is not needed.
func TestTheFileOfAScanIsNamedByItsScan(t *testing.T) {
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	const file = "[]"
	h, _, err := w.Blobs.Put(t.Context(), strings.NewReader(file), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Collect.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: "results", Connector: "results"}, nil); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"id":"s","tool":"gitleaks","target":"web","format":"SARIF","at":"2026-01-02T00:00:00Z","sha256":%q,"size":%d}`, h, len(file))
	if _, err := w.Collect.Take(t.Context(), record.Job("person:ada"), "results", collect.Handed{Kinds: []string{"tool_scan"}, Origin: record.Uploaded, Read: func(_ context.Context, out connector.Sink) error {
		err := out.Item(connector.Item{Kind: "tool_scan", Key: "s", Raw: []byte(body)})
		out.Complete("tool_scan", "")
		return err
	}}, nil); err != nil {
		t.Fatal(err)
	}
	lines, err := doctor.Look(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if l.What == "files" && l.State != doctor.Good {
			t.Errorf("%+v", l)
		}
	}
}

func TestFilesThatAreMissingOrThatNoRecordNamesAreSaid(t *testing.T) {
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	line := func(state, want string) {
		t.Helper()
		lines, err := doctor.Look(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.What == "files" && l.State == state && strings.Contains(l.Said, want) {
				return
			}
		}
		t.Errorf("no line of files is %s and says %q: %+v", state, want, lines)
	}
	line(doctor.Good, "0 with 0 B")
	h, n, err := w.Blobs.Put(t.Context(), strings.NewReader("minutes"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	line(doctor.Warn, "1 that no record names are kept: "+h.String()) // as a kill between the file and its record leaves it
	for _, name := range []string{"Minutes", "Minutes of May"} {
		if _, err := w.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: "evidence", Key: "e1",
			Body: json.RawMessage(fmt.Sprintf(`{"title":%q,"sort":"document","file_name":"m.txt","sha256":%q,"size":%d}`, name, h, n))}); err != nil {
			t.Fatal(err)
		}
	}
	line(doctor.Good, "1 with 7 B")
	too, n, err := w.Blobs.Put(t.Context(), strings.NewReader("attached"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: "attachment", Key: "a1",
		Body: json.RawMessage(fmt.Sprintf(`{"on":"evidence/e1","on_kind":"evidence","name":"a.txt","sha256":%q,"size":%d}`, too, n))}); err != nil {
		t.Fatal(err)
	}
	line(doctor.Good, "2 with 15 B")
	if err := w.Blobs.Remove(h); err != nil {
		t.Fatal(err)
	}
	line(doctor.Bad, "1 that records name are missing: "+h.String()+" of evidence e1")
}

func TestEachKindsSpaceIsCounted(t *testing.T) {
	for engine, address := range map[string]func(testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": storetest.PostgresURL} {
		t.Run(engine, func(t *testing.T) {
			w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Database: address(t), Create: true})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			for _, name := range []string{"Ada", "Ada L"} {
				if _, err := w.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: "person", Key: "p", Body: json.RawMessage(`{"id":"p","name":"` + name + `","email":"a@example.org"}`)}); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := w.Blobs.Put(t.Context(), strings.NewReader(strings.Repeat("a file", 1000)), 1<<20); err != nil {
				t.Fatal(err)
			}
			x, err := doctor.Explain(t.Context(), w)
			if k := x.Kinds; err != nil || len(k) != 1 || k[0].Kind != "person" || k[0].Versions != 2 || k[0].Bodies == 0 || k[0].History == 0 || k[0].Indexed == 0 {
				t.Errorf("%+v, %v", k, err)
			}
			parts := map[string]doctor.Share{}
			for _, p := range x.Parts {
				parts[p.What] = p
			}
			for _, what := range []string{"records and their versions", "index of lists and filters", "ledger", "answers of checks", "runs and coverage", "everything else"} {
				if parts[what].Bytes == 0 {
					t.Errorf("%s take nothing: %+v", what, x.Parts)
				}
			}
			if parts["records and their versions"].Indexes == 0 || parts["files"].Bytes != 6000 {
				t.Errorf("%+v", x.Parts)
			}
		})
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1500: "1.5 kB", 2_000_000: "2.0 MB", 3_400_000_000: "3.4 GB"} {
		if got := doctor.Bytes(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}

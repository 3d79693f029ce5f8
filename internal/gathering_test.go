package internal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/connector/file"
	"tickmark/internal/connector/git"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func collector(t *testing.T, db *store.DB) *collect.Collector {
	t.Helper()
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(append(append(append(record.Builtin(), collect.Kinds()...), git.Connector().Kinds...), person.Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return &collect.Collector{Book: book, Keys: keys, Connectors: []connector.Connector{git.Connector(), file.Connector(kinds.Named)}}
}

func connect(t *testing.T, c *collect.Collector, connector string, settings map[string]string) {
	t.Helper()
	_, err := c.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: connector, Connector: connector, Settings: settings}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// gather runs a connection and returns what it found of one kind.
func gather(t *testing.T, c *collect.Collector, connection, kind string) collect.Tally {
	t.Helper()
	s, err := c.Run(t.Context(), connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Missing) > 0 {
		t.Errorf("missing: %+v", s.Missing)
	}
	for _, k := range s.Kinds {
		if k.Kind == kind {
			return k
		}
	}
	t.Fatalf("nothing is said of %s", kind)
	return collect.Tally{}
}

func TestGitIsCollectedByWhatChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		run := func(args ...string) string {
			t.Helper()
			cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false"}, args...)...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
			return strings.TrimSpace(string(out))
		}
		commit := func(subject string) string {
			run("commit", "--quiet", "--allow-empty", "-m", subject)
			return run("rev-parse", "HEAD")
		}
		run("init", "--quiet", "--initial-branch=main")
		commit("one")
		run("checkout", "--quiet", "-b", "side")
		side := commit("side")
		run("checkout", "--quiet", "main")

		c := collector(t, db)
		connect(t, c, "git", map[string]string{"path": dir})
		if k := gather(t, c, "git", git.KindCommit); k.New != 2 || !k.Complete {
			t.Errorf("first: %+v", k)
		}
		if k := gather(t, c, "git", git.KindCommit); k.Read+k.New+k.Changed+k.Closed != 0 || !k.Complete {
			t.Errorf("nothing new: %+v", k)
		}
		run("merge", "--quiet", "--ff-only", "side")
		if k := gather(t, c, "git", git.KindCommit); k.New != 0 || k.Changed != 1 {
			t.Errorf("merged: %+v", k)
		}
		history, err := c.Book.History(t.Context(), git.KindCommit, side)
		if err != nil || len(history) != 2 || !strings.Contains(string(history[0].Body)+string(history[1].Body), `"on_default_branch":false`) {
			t.Errorf("the merged commit has %d versions, %v", len(history), err)
		}
		gone := commit("to be pushed away")
		if k := gather(t, c, "git", git.KindCommit); k.New != 1 {
			t.Errorf("one more: %+v", k)
		}
		run("reset", "--quiet", "--hard", "HEAD~1")
		if k := gather(t, c, "git", git.KindCommit); k.Closed != 1 || k.New+k.Changed != 0 {
			t.Errorf("pushed away: %+v", k)
		}
		if history, err := c.Book.History(t.Context(), git.KindCommit, gone); err != nil || len(history) == 0 {
			t.Errorf("the commit that was pushed away has no history: %v", err)
		}
	})
}

func TestFilesAreCollectedByWhatChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		at := filepath.Join(t.TempDir(), "people.csv")
		write := func(rows string) {
			t.Helper()
			if err := os.WriteFile(at, []byte("id,name,email\n"+rows), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c := collector(t, db)
		write("1,Ada,ada@example.org\n2,Bob,bob@example.org\n")
		connect(t, c, "file", map[string]string{"path": at, "kind": "person"})
		if k := gather(t, c, "file", "person"); k.New != 2 || !k.Complete {
			t.Errorf("first: %+v", k)
		}
		v, err := c.Book.GetFrom(t.Context(), "person", "1", "file", 0, record.Company)
		if err != nil || v.Origin != record.Uploaded {
			t.Errorf("origin %q, %v", v.Origin, err)
		}
		if k := gather(t, c, "file", "person"); k.New+k.Changed+k.Closed != 0 || !k.Complete {
			t.Errorf("nothing new: %+v", k)
		}
		write("1,Ada Lovelace,ada@example.org\n")
		gone, err := c.Run(t.Context(), "file", nil) // who is not listed any more is asked about, and not ended
		if err != nil || len(gone.Missing) != 1 || !gone.Missing[0].Confirm || len(gone.Kinds) != 1 || gone.Kinds[0].Changed != 1 || gone.Kinds[0].Closed != 0 {
			t.Errorf("changed: %+v, missing %+v, %v", gone.Kinds, gone.Missing, err)
		}
		write("1,,ada@example.org\n")
		s, err := c.Run(t.Context(), "file", nil)
		if err == nil && len(s.Missing) == 0 {
			t.Error("a bad row left no trace")
		}
		if v, err := c.Book.GetFrom(t.Context(), "person", "1", "file", 0, record.Company); err != nil || !strings.Contains(string(v.Body), "Ada Lovelace") {
			t.Errorf("after a bad file: %s, %v", v.Body, err)
		}
	})
}

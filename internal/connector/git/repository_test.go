package git_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/git"
)

// newRepository is an empty repository whose branch is main.
func newRepository(tb testing.TB, args ...string) string {
	dir, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	run(tb, dir, nil, append([]string{"init", "--quiet", "--initial-branch=main"}, args...)...)
	return dir
}

// run is git as ada uses it, on a clock that stands still.
func run(tb testing.TB, dir string, stdin io.Reader, args ...string) string {
	tb.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgSign=false",
		"-c", "tag.gpgSign=false", "-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir, cmd.Stdin = dir, stdin
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-02T03:04:05+0100", "GIT_COMMITTER_DATE=2026-01-02T03:04:06+0100",
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files and commits them.
func commit(tb testing.TB, dir, subject string, files map[string]string) string {
	tb.Helper()
	for name, content := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	run(tb, dir, nil, "add", "--all", "--force")
	run(tb, dir, nil, "commit", "--quiet", "--allow-empty", "-m", subject)
	return run(tb, dir, nil, "rev-parse", "HEAD")
}

// object stores a commit or tag exactly as given, well formed or not.
func object(tb testing.TB, dir, kind, content string) string {
	tb.Helper()
	return run(tb, dir, strings.NewReader(content), "hash-object", "--literally", "-w", "-t", kind, "--stdin")
}

func read(tb testing.TB, dir string, sink *connectortest.Recorder, settings ...string) *connectortest.Recorder {
	tb.Helper()
	v := connector.Values{"path": dir}
	for i := 0; i < len(settings); i += 2 {
		v[settings[i]] = settings[i+1]
	}
	if err := git.Connector().Read(tb.Context(), v, sink); err != nil {
		tb.Fatal(err)
	}
	for _, p := range sink.Problems(git.Connector()) {
		tb.Error(p)
	}
	return sink
}

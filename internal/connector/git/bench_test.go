package git_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/connector/git"
)

// history makes a repository of n commits by fast-import, every tenth a merge, over a few files.
func history(tb testing.TB, n int) string {
	dir := newRepository(tb)
	name := filepath.Join(tb.TempDir(), "stream")
	f, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := 1; i <= n; i++ {
		message := fmt.Sprintf("billing: charge the account once (%d)\n\nThe second charge came from a retry that did not\ncarry the key of the first. See T-%d.\n", i, i)
		fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\nauthor Ada %d <ada%d@example.org> %d +0100\ncommitter Bob <bob@example.org> %d +0100\ndata %d\n%s",
			i, i%50, i%50, 1577836800+i*1500, 1577836900+i*1500, len(message), message)
		if i > 1 {
			fmt.Fprintf(w, "from :%d\n", i-1)
		}
		if i > 10 && i%10 == 0 {
			fmt.Fprintf(w, "merge :%d\n", i-7)
		}
		body := fmt.Sprintf("line %d\n", i)
		fmt.Fprintf(w, "M 100644 inline file%d.txt\ndata %d\n%s\n", i%20, len(body), body)
	}
	fmt.Fprintf(w, "commit refs/heads/main\nmark :%d\ncommitter Bob <bob@example.org> 1900000000 +0100\ndata 3\nci\nfrom :%d\nM 100644 inline .ci/run\ndata 3\nok\n\n", n+1, n)
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	f.Close()
	in, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	run(tb, dir, in, "fast-import", "--quiet")
	return dir
}

// BenchmarkRead reads a repository of 100,000 commits for the first time, again with nothing new, and again with one new
// commit. The sink keeps keys only, so the figures are this package's and git's.
func BenchmarkRead(b *testing.B) {
	dir := history(b, 100_000)
	first := &connectortest.Recorder{Light: true}
	read := func(b *testing.B, sink *connectortest.Recorder) {
		if err := git.Connector().Read(b.Context(), connector.Values{"path": dir}, sink); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			first = &connectortest.Recorder{Light: true}
			read(b, first)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(first.Count(git.KindCommit)), "commits")
		b.ReportMetric(float64(m.Sys)/(1<<20), "MB")
	})
	b.Run("unchanged", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			next := first.Next()
			b.StartTimer()
			read(b, next)
			if next.Count(git.KindCommit) != 0 {
				b.Fatal("commits were handed over again")
			}
		}
	})
	run(b, dir, nil, "commit", "--allow-empty", "--quiet", "-m", "one more")
	b.Run("one new", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			next := first.Next()
			b.StartTimer()
			read(b, next)
			if next.Count(git.KindCommit) != 1 {
				b.Fatalf("%d commits were handed over", next.Count(git.KindCommit))
			}
		}
	})
}

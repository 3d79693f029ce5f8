package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tickmark/internal/anchor/anchortest"
	"tickmark/internal/report/typst/typsttest"
)

// The scripts in testdata/script specify the whole command line, run against the program itself. Besides what testscript
// knows they may say:
//
//	exits N tickmark ARGS…      the program ends with exactly this exit code
//	repo DIR N                  DIR becomes a git repository with N commits
//	fields FILE NAME…           the JSON object, or each object of the array, has exactly these fields, in this order
//	value VAR FILE PATH         VAR becomes the value at PATH (a.0.b) of the JSON
//	lines FILE N                the file has N lines
//	same A B                    both are the same text
//	fetch FILE URL [TOKEN]      FILE becomes what GET answers, whatever the status, which FILE begins with
//	flip FILE                   changes one bit in the middle of the file
//	scramble FILE               overwrites the second half of a file but for its length
//	sql FILE STATEMENT          changes a SQLite file behind the program's back
//	port VAR                    VAR becomes an address where nobody listens
//	listens ADDRESS             waits until somebody does
//
// $TSA is a time-stamp authority, whose root is in tsa.pem, where OpenSSL is installed.
func TestScript(t *testing.T) {
	var tsa *anchortest.Authority
	if _, err := exec.LookPath("openssl"); err == nil {
		tsa = anchortest.Start(t)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TICKMARK_DATA", filepath.Join(e.WorkDir, "data"))
			e.Setenv("TICKMARK_CACHE", typsttest.Dir())
			e.Setenv("TODAY", time.Now().UTC().Format(time.DateOnly))
			e.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				e.Setenv("GIT_"+who+"_NAME", "Ada")
				e.Setenv("GIT_"+who+"_EMAIL", "ada@example.com")
				e.Setenv("GIT_"+who+"_DATE", "2026-01-05T09:00:00Z")
			}
			if tsa == nil {
				return nil
			}
			e.Setenv("TSA", tsa.URL)
			return os.WriteFile(filepath.Join(e.WorkDir, "tsa.pem"), tsa.Roots, 0o644)
		},
		Condition: func(cond string) (bool, error) {
			if cond == "reader" { // not root, who may read everything
				return os.Geteuid() != 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "repo": repo, "fields": fields, "value": value, "lines": lines, "sql": change, "port": port, "listens": listens, "same": same, "flip": flip, "scramble": scramble, "fetch": fetch,
		},
	})
}

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tickmark": main, "tickmark-writer": writer})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: exits N PROGRAM ARGS…")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

func repo(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(ts.Exec("git", "init", "-q", "-b", "main", dir))
	for i := range n {
		ts.Check(os.WriteFile(filepath.Join(dir, "file"), fmt.Appendf(nil, "%d\n", i), 0o644))
		ts.Check(ts.Exec("git", "-C", dir, "add", "file"))
		ts.Check(ts.Exec("git", "-C", dir, "commit", "-q", "-m", fmt.Sprintf("change %d", i+1)))
	}
}

func fields(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	objects := []json.RawMessage{json.RawMessage(text)}
	if strings.HasPrefix(text, "[") {
		ts.Check(json.Unmarshal([]byte(text), &objects))
		if len(objects) == 0 {
			ts.Fatalf("the array is empty")
		}
	}
	for _, o := range objects {
		d := json.NewDecoder(strings.NewReader(string(o)))
		_, err := d.Token()
		ts.Check(err)
		var names []string
		for d.More() {
			name, err := d.Token()
			ts.Check(err)
			names = append(names, fmt.Sprint(name))
			var v any
			ts.Check(d.Decode(&v))
		}
		if !slices.Equal(names, args[1:]) {
			ts.Fatalf("the fields are %s, not %s", names, args[1:])
		}
	}
}

func value(ts *testscript.TestScript, _ bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &v))
	for step := range strings.SplitSeq(args[2], ".") {
		switch x := v.(type) {
		case map[string]any:
			y, ok := x[step]
			if !ok {
				ts.Fatalf("%s: there is no %s", args[2], step)
			}
			v = y
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(x) {
				ts.Fatalf("%s: there is no element %s among %d", args[2], step, len(x))
			}
			v = x[i]
		default:
			ts.Fatalf("%s: %s is not in an object or array", args[2], step)
		}
	}
	if s, ok := v.(string); ok {
		ts.Setenv(args[0], s)
		return
	}
	b, err := json.Marshal(v)
	ts.Check(err)
	ts.Setenv(args[0], string(b))
}

func lines(ts *testscript.TestScript, _ bool, args []string) {
	if got := strings.Count(ts.ReadFile(args[0]), "\n"); strconv.Itoa(got) != args[1] {
		ts.Fatalf("%d lines, not %s", got, args[1])
	}
}

func change(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

func port(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

func same(ts *testscript.TestScript, neg bool, args []string) {
	if (args[0] == args[1]) == neg {
		ts.Fatalf("%s and %s", args[0], args[1])
	}
}

func flip(ts *testscript.TestScript, _ bool, args []string) {
	b := []byte(ts.ReadFile(args[0]))
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

func scramble(ts *testscript.TestScript, _ bool, args []string) {
	b := []byte(ts.ReadFile(args[0]))
	for i := len(b) / 2; i < len(b); i++ {
		b[i] ^= byte(i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o644))
}

func fetch(ts *testscript.TestScript, _ bool, args []string) {
	q, err := http.NewRequest("GET", args[1], nil)
	ts.Check(err)
	if len(args) > 2 {
		q.Header.Set("Authorization", "Bearer "+args[2])
	}
	a, err := http.DefaultClient.Do(q)
	ts.Check(err)
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append([]byte(a.Status+"\n"), b...), 0o644))
}

func listens(ts *testscript.TestScript, _ bool, args []string) {
	for begun := time.Now(); time.Since(begun) < time.Minute; {
		c, err := net.DialTimeout("tcp", args[0], time.Second)
		if err == nil {
			c.Close()
			return
		}
	}
	ts.Fatalf("nobody listens on %s", args[0])
}

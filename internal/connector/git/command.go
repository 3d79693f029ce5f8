package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
)

// fixed stands before every subcommand: nothing that a repository's own configuration or refs can name is run, fetched,
// substituted or believed. The commit graph is a cache beside the objects; walking without it means that history is what
// the commits say.
var fixed = []string{
	"--no-pager", "--no-optional-locks", "--no-replace-objects", "--literal-pathspecs",
	"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.commitGraph=false",
	"-c", "core.alternateRefsCommand=", "-c", "core.pager=cat", "-c", "protocol.allow=never",
	"-c", "core.sshCommand=false", "-c", "core.askPass=", "-c", "credential.helper=", "-c", "diff.external=",
	"-c", "advice.graftFileDeprecated=false", "-c", "core.quotePath=true", "-c", "color.ui=never",
}

// passed are the only variables of our environment that git sees: where programs and the user's own configuration
// (safe.directory) are. GIT_DIR and its kin, set when we run inside a hook, would point it elsewhere.
var passed = []string{"PATH", "HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME", "TMPDIR", "SUDO_UID",
	"SystemRoot", "USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "ProgramData", "TEMP", "PATHEXT"}

const maxAnswer = 1 << 30 // bytes of one answer held in memory: refs of a very large repository are some 100 MB

// command runs git in one folder and records each question.
type command struct {
	program string
	dir     string
	env     []string
	out     connector.Sink
}

func newCommand(dir string, out connector.Sink) (*command, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find folder %s: %w", dir, err)
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fault.New(fault.NotFound, "There is no folder %s.", abs).WithNext("Set path to the repository's folder.")
	case errors.Is(err, os.ErrPermission):
		return nil, fault.New(fault.Denied, "The folder %s cannot be read by this user.", abs).WithNext("Run as a user who may read it.")
	case err != nil:
		return nil, fmt.Errorf("find folder %s: %w", abs, err)
	case !info.IsDir():
		return nil, fault.New(fault.Invalid, "%s is a file, not a folder.", abs).WithNext("Set path to the repository's folder.")
	}
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The git command was not found, so the repository %s cannot be read.", abs).
			WithNext("Install git and see that it is on the PATH.")
	}
	c := &command{program: program, dir: abs, out: out}
	for _, name := range passed {
		if v, ok := os.LookupEnv(name); ok {
			c.env = append(c.env, name+"="+v)
		}
	}
	c.env = append(c.env, "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_NO_LAZY_FETCH=1",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_GRAFT_FILE="+os.DevNull, "GIT_PAGER=cat", "GIT_ATTR_NOSYSTEM=1")
	return c, nil
}

// failed is what git said when it ended badly.
type failed struct {
	args   []string
	code   int
	stderr string
}

func (f *failed) Error() string {
	return fmt.Sprintf("git %s ended with %d: %s", f.args[0], f.code, firstLine(f.stderr))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return cut(clean(line), 300)
}

// process is a git command whose answer is being read.
type process struct {
	io.Reader
	cmd    *exec.Cmd
	args   []string
	kind   string
	stderr *tail
	sum    hash.Hash
	n      int64
	at     time.Time
	c      *command
}

// start runs git with stdin and lets the caller read the answer; the caller must call end.
func (c *command) start(ctx context.Context, kind string, stdin io.Reader, args ...string) (*process, error) {
	p := &process{args: args, kind: kind, stderr: &tail{}, sum: sha256.New(), at: c.out.Now(), c: c}
	p.cmd = exec.CommandContext(ctx, c.program, append(append([]string{}, fixed...), args...)...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdin, p.cmd.Stderr = c.dir, c.env, stdin, p.stderr
	p.cmd.WaitDelay = 2 * time.Second
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("run git %s: %w", args[0], err)
	}
	p.Reader = io.TeeReader(out, p)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("run git %s: %w", args[0], err)
	}
	return p, nil
}

// Write takes a copy of the answer as it is read, for its length and hash.
func (p *process) Write(b []byte) (int, error) {
	p.n += int64(len(b))
	return p.sum.Write(b)
}

// end waits for the command and records the exchange. The answer must have been read to its end, or abandoned by killing.
func (p *process) end(ctx context.Context) error {
	_, copyErr := io.Copy(io.Discard, p.Reader)
	err := p.cmd.Wait()
	status := fmt.Sprintf("exit %d", p.cmd.ProcessState.ExitCode())
	p.c.out.Exchange(connector.Exchange{Kind: p.kind, Request: "exec git " + strings.Join(p.args, " "), Status: status,
		Bytes: p.n, SHA256: [32]byte(p.sum.Sum(nil)), At: p.at, Took: p.c.out.Now().Sub(p.at)})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &failed{args: p.args, code: exit.ExitCode(), stderr: p.stderr.String()}
	}
	if err == nil {
		err = copyErr
	}
	if err != nil {
		return fmt.Errorf("run git %s: %w", p.args[0], err)
	}
	return nil
}

// stop ends a command whose answer is no longer wanted.
func (p *process) stop(ctx context.Context) {
	p.cmd.Process.Kill()
	p.end(ctx)
}

// ask runs git and returns its whole answer and what it said beside.
func (c *command) ask(ctx context.Context, kind string, args ...string) (answer []byte, beside string, err error) {
	p, err := c.start(ctx, kind, nil, args...)
	if err != nil {
		return nil, "", err
	}
	answer, err = io.ReadAll(io.LimitReader(p, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = fault.New(fault.TooLarge, "The answer of git %s is larger than %d MB.", args[0], maxAnswer>>20)
	}
	if err != nil {
		p.stop(ctx)
		return nil, "", err
	}
	err = p.end(ctx)
	return answer, p.stderr.String(), err
}

// line asks for one line.
func (c *command) line(ctx context.Context, kind string, args ...string) (string, error) {
	answer, _, err := c.ask(ctx, kind, args...)
	return strings.TrimSuffix(string(answer), "\n"), err
}

// tail keeps the first bytes of what a program says beside its answer.
type tail struct{ b bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if room := 16<<10 - t.b.Len(); room > 0 {
		t.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tail) String() string { return t.b.String() }

package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/connector"
)

const (
	maxAnswer   = 16 << 20         // bytes of one file or one command's output
	patience    = 20 * time.Second // for one command
	commandPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin"
)

// errNotInstalled says that a command is in none of the system's own folders.
var errNotInstalled = errors.New("not installed")

// errTooLong says that an answer was cut off, so nothing may be concluded from it.
var errTooLong = fmt.Errorf("the answer is longer than %d MB", maxAnswer>>20)

// machine is one reading of this machine. It asks; every question is recorded with the run.
type machine struct {
	ctx   context.Context
	out   connector.Sink
	base  string // where the file system begins: "/", or a recorded machine in tests
	exec  func(ctx context.Context, argv []string) answer
	given string // an id for a machine that has none
	user  int    // the number of the user this runs as
	kernel

	mu   sync.Mutex
	from map[string][]connector.Answer // by kind: what was answered so far

	whole struct{ encrypted, firewall, updated, lock verdict } // what the sections found out about the machine as a whole; each has one writer
}

// verdict is a yes or no about the whole machine, drawn from objects that another section read.
type verdict struct {
	is  *bool  // nil: it cannot be told
	gap string // why it was not read
}

func (v verdict) part(name string) connector.Part {
	if v.gap != "" {
		return connector.Part{Name: name, Gap: v.gap}
	}
	return part(name, v.is)
}

// kernel are the questions put to the kernel directly.
type kernel struct {
	tables func() (int, error) // how many nftables tables there are
	clock  func() (synchronised bool, err error)
	owner  func(path string) (uid, gid int64, ok bool)
}

// root tells whether this process may read what only root may.
func (m *machine) root() bool { return m.user == 0 }

// answer is what a command said.
type answer struct {
	out, err []byte
	exit     int
	failed   error // it did not run, or not to its end
}

// said is the last line a command wrote to say what went wrong.
func (a answer) said() string {
	text := strings.TrimSpace(string(a.err))
	if text == "" {
		text = strings.TrimSpace(string(a.out))
	}
	lines := strings.Split(text, "\n")
	last := strings.ToValidUTF8(strings.TrimSpace(lines[len(lines)-1]), "?")
	if len(last) > 200 {
		last = strings.ToValidUTF8(last[:200], "") + " …"
	}
	return last
}

func (m *machine) path(p string) string { return filepath.Join(m.base, filepath.FromSlash(p)) }

// file reads a whole file. The error is fs.ErrNotExist when there is none, fs.ErrPermission when it was refused.
func (m *machine) file(kind, path string) ([]byte, error) {
	begun := time.Now()
	b, err := m.bytes(path)
	m.record(kind, "read "+path, outcome(err), b, begun)
	return b, err
}

// peek reads a small file without recording it: for the many files of /proc and /sys that one recorded question covers.
func (m *machine) peek(path string) string {
	b, err := m.bytes(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (m *machine) bytes(path string) ([]byte, error) {
	f, err := os.Open(m.path(path))
	if err != nil {
		return nil, plain(err, path)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	if err != nil {
		return nil, plain(err, path)
	}
	if len(b) > maxAnswer {
		return nil, fmt.Errorf("read %s: %w", path, errTooLong)
	}
	return b, nil
}

// list names what is in a folder, in order of name.
func (m *machine) list(kind, path string) ([]string, error) {
	begun := time.Now()
	entries, err := os.ReadDir(m.path(path))
	if err != nil {
		err = plain(err, path)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	m.record(kind, "list "+path, outcome(err), []byte(strings.Join(names, "\n")), begun)
	return names, err
}

// exists tells whether a path is there; a refusal is an error, which is not "no".
func (m *machine) exists(path string) (bool, error) {
	_, err := os.Stat(m.path(path))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, plain(err, path)
}

// run asks a command with fixed arguments: no shell, no input, the C locale, a limit on time and output.
func (m *machine) run(kind string, argv ...string) answer {
	begun := time.Now()
	a := m.exec(m.ctx, argv)
	status := fmt.Sprintf("exit %d", a.exit)
	if a.failed != nil {
		status = a.failed.Error()
	}
	m.record(kind, "exec "+strings.Join(argv, " "), status, a.out, begun)
	return a
}

// installed tells whether a command is in one of the system's own folders.
func (m *machine) installed(name string) bool { return m.command(name) != "" }

func (m *machine) command(name string) string {
	for _, dir := range strings.Split(commandPath, ":") {
		p := dir + "/" + name
		if info, err := os.Stat(m.path(p)); err == nil && info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}

func (m *machine) record(kind, request, status string, reply []byte, begun time.Time) {
	x := connector.Exchange{
		Kind: kind, Request: request, Status: status, Bytes: int64(len(reply)), SHA256: sha256.Sum256(reply), Body: append([]byte{}, reply...),
		At: begun.UTC(), Took: time.Since(begun),
	}
	switch {
	case strings.HasSuffix(request, "machine-id"), strings.Contains(request, "ioreg"), strings.Contains(request, "MachineGuid"):
		x.Body, x.Unkept = nil, "It is the id of this machine, of which only a digest is given away."
	case strings.HasPrefix(request, "read ") && strings.Contains(request, "shadow"):
		x.Body, x.Unkept = nil, "It holds the hashes of passwords."
	}
	a := m.out.Exchange(x)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.from == nil {
		m.from = map[string][]connector.Answer{}
	}
	m.from[kind] = append(m.from[kind], a)
}

// answersTo are the answers that an object of a kind was made of: all that were given for the kind until now.
func (m *machine) answersTo(kind string) []connector.Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.from[kind])
}

// perform runs a command of this machine.
func perform(ctx context.Context, argv []string, environment ...string) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append([]string{"PATH=" + commandPath, "LC_ALL=C", "LANG=C"}, environment...)
	cmd.WaitDelay = time.Second
	out, said := &limited{}, &limited{}
	cmd.Stdout, cmd.Stderr = out, said
	err := cmd.Run()
	a := answer{out: out.Bytes(), err: said.Bytes()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		a.failed = fmt.Errorf("no answer within %s", patience)
		if errors.Is(ctx.Err(), context.Canceled) {
			a.failed = ctx.Err()
		}
	case out.over || said.over:
		a.failed = errTooLong
	case errors.As(err, &exit) && exit.Exited():
		a.exit = exit.ExitCode()
	case err != nil:
		a.failed = err
	}
	return a
}

// limited keeps the first maxAnswer bytes and drops the rest, so that a chatty command still ends.
type limited struct {
	bytes.Buffer
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if room := maxAnswer - l.Len(); len(p) > room {
		l.over = true
		l.Buffer.Write(p[:room])
		return len(p), nil
	}
	return l.Buffer.Write(p)
}

// plain keeps of a path error what a person needs and what errors.Is finds.
func plain(err error, path string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w", path, fs.ErrPermission)
	}
	return err
}

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	}
	return err.Error()
}

// missing reports what could not be read. A refusal names root, which is who may.
func (m *machine) missing(kind, part string, err error) {
	g := connector.Gap{Kind: kind, Part: part, Reason: because(err)}
	if errors.Is(err, fs.ErrPermission) {
		g.Denied, g.Needs = true, administrator
	}
	m.out.Missing(g)
}

// because is the sentence for a gap.
func because(err error) string {
	text := strings.ToValidUTF8(err.Error(), "?")
	switch {
	case errors.Is(err, fs.ErrPermission):
		if path, _, ok := strings.Cut(text, ": "+fs.ErrPermission.Error()); ok {
			return "The machine refused to let this user read " + path + "."
		}
	case errors.Is(err, fs.ErrNotExist):
		if path, _, ok := strings.Cut(text, ": "+fs.ErrNotExist.Error()); ok {
			return "There is no " + path + " on this machine."
		}
	}
	if text != "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return strings.TrimSuffix(text, ".") + "."
}

// maxKey is the longest key in bytes; an index of a database takes no longer one by far. Only rules and paths come near it.
const maxKey = 400

// keyed cuts a key that is too long and gives it a digest of the whole in place of its end.
func keyed(key string) string {
	key = clean(key)
	if len(key) <= maxKey {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return strings.ToValidUTF8(key[:maxKey-40], "") + " … " + hex.EncodeToString(sum[:16])
}

// put hands over one object.
func (m *machine) put(kind, key, label string, raw []byte, body any, parts ...connector.Part) error {
	return m.out.Item(connector.Item{
		Kind: kind, Key: keyed(key), Label: clean(label), Raw: raw, Body: encode(body), Parts: parts, From: m.answersTo(kind),
	})
}

// part is a named answer about an object.
func part(name string, body any) connector.Part {
	return connector.Part{Name: name, JSON: encode(body)}
}

// encode writes a body; the bodies of this package are plain structs, which always encode.
func encode(body any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic(fmt.Sprintf("encode %T: %v", body, err))
	}
	return bytes.TrimSpace(b.Bytes())
}

// clean makes a text that every database holds.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// lines splits an answer, without line ends and without the empty rest behind the last.
func lines(b []byte) []string {
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// sources joins several answers about one object, each under the question it answers.
type sources struct{ b bytes.Buffer }

func (s *sources) add(question string, reply []byte) {
	fmt.Fprintf(&s.b, "# %s\n", question)
	s.b.Write(reply)
	if len(reply) > 0 && reply[len(reply)-1] != '\n' {
		s.b.WriteByte('\n')
	}
}

func (s *sources) bytes() []byte { return s.b.Bytes() }

// ptr makes a known value; nil stands for what is not known.
func ptr[T any](v T) *T { return &v }

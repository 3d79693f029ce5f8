package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"tickmark/internal/fault"
)

// Set is the checks in use, by id. They are read when they are first asked for: most of what is done with a workspace judges
// nothing, and to compile the library takes longer than all the rest of opening one.
type Set struct {
	mu       sync.RWMutex
	checks   []*Check
	problems []Problem
	byID     map[string]*Check

	load   func() (*Set, error) // reads it; nil for one that was read and stays
	first  func()               // reads it once
	dir    string               // of the organisation's own
	looked string               // what the files in it looked like
}

// Checks are those in use, by id. One whose file is broken is among them, as far as the file says which check it is.
func (s *Set) Checks() []*Check {
	defer s.open()()
	return s.checks
}

// Problems are the organisation's own files that are no checks.
func (s *Set) Problems() []Problem {
	defer s.open()()
	return s.problems
}

func (s *Set) of(id string) *Check {
	defer s.open()()
	return s.byID[id]
}

// later is a set that load reads when it is first asked for. That a library cannot be read is a mistake in the release: whoever asks
// then panics, each time, for a set without checks would end what was answered.
func later(dir string, load func() (*Set, error)) *Set {
	s := &Set{dir: dir, load: load}
	s.first = sync.OnceFunc(func() {
		if err := s.again(); err != nil {
			panic(err)
		}
	})
	return s
}

// open reads the set if nobody has, and keeps it as it is until done.
func (s *Set) open() (done func()) {
	if s.first != nil {
		s.first()
	}
	s.mu.RLock()
	return s.mu.RUnlock
}

func (s *Set) again() error {
	n, err := s.load()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checks, s.problems, s.byID, s.looked = n.checks, n.problems, n.byID, n.looked
	return nil
}

// refresh reads the files again if any was changed, added or removed since, so that every process judges by the same.
func (s *Set) refresh() error {
	s.open()()
	if s.dir == "" || looks(s.dir) == s.looked {
		return nil
	}
	return s.again()
}

// looks is what tells that a file in a directory was changed.
func looks(dir string) string {
	var b strings.Builder
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isCheckFile(path) {
			return nil
		}
		if info, err := d.Info(); err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String()
}

// Get finds a check.
func (s *Set) Get(id string) (*Check, error) {
	if c := s.of(id); c != nil {
		return c, nil
	}
	return nil, fault.New(fault.NotFound, "There is no check %s.", id).WithNext("tickmark check list shows them all.")
}

// Load reads every .yaml file under the file system, which is the library, and under the directory, which is the
// organisation's own checks and may be empty. A bad file of the library fails the whole, and the error names each.
func Load(words *Vocabulary, controls map[string]bool, library fs.FS, dir string) (*Set, error) {
	shipped, err := Library(words, controls, library)
	if err != nil {
		return nil, err
	}
	s := shipped.With(words, controls, dir)
	s.open()()
	return s, nil
}

// Shipped is Library for the checks of this release, which a test reads: here that is put off until they are needed.
func Shipped(words *Vocabulary, controls map[string]bool, library fs.FS) *Set {
	return later("", func() (*Set, error) { return Library(words, controls, library) })
}

// Library reads the checks that come with a release; nil for none.
func Library(words *Vocabulary, controls map[string]bool, library fs.FS) (*Set, error) {
	s := &Set{byID: map[string]*Check{}}
	var errs []error
	if library != nil {
		bad := func(_ string, _ []byte, err error) { errs = append(errs, err) }
		s.gather(words, Rules{Controls: controls, Unknown: true}, library, "", bad)
	}
	if len(errs) > 0 {
		lines := make([]string, len(errs))
		for i, err := range errs {
			lines[i] = err.Error()
		}
		return nil, &fault.Fault{Kind: fault.Invalid, Message: strings.Join(lines, "\n"), Err: errors.Join(errs...)}
	}
	s.sort()
	return s, nil
}

// With gives the set with the organisation's own checks, of the directory, beside it. A bad file there is a Problem of the set, and the
// check in it is Broken: one mistake must not stop the rest, and must not leave a pass standing.
func (s *Set) With(words *Vocabulary, controls map[string]bool, dir string) *Set {
	if dir == "" {
		return s
	}
	return later(dir, func() (*Set, error) { return s.with(words, controls, dir), nil })
}

func (s *Set) with(words *Vocabulary, controls map[string]bool, dir string) *Set {
	n := &Set{byID: map[string]*Check{}}
	for _, c := range s.Checks() {
		n.byID[c.ID] = c
		n.checks = append(n.checks, c)
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) { // it holds no checks yet
		return n
	}
	prefix := filepath.ToSlash(dir)
	n.looked = looks(dir) // before they are read
	var broken []*Check
	n.gather(words, Rules{Controls: controls}, os.DirFS(dir), prefix, func(file string, data []byte, err error) {
		p := Problem{File: file, Message: err.Error()}
		// Where the folder lies differs between who opens it; what is answered must not.
		c := salvage(words, file, data, strings.ReplaceAll(p.Message, prefix+"/", ""))
		p.Check = c.ID
		n.problems = append(n.problems, p)
		broken = append(broken, c)
	})
	for _, c := range broken {
		if c.ID != "" && n.byID[c.ID] == nil { // another file may hold a sound check of that id
			n.byID[c.ID] = c
			n.checks = append(n.checks, c)
		}
	}
	n.sort()
	return n
}

func (s *Set) sort() {
	slices.SortFunc(s.checks, func(a, b *Check) int { return strings.Compare(a.ID, b.ID) })
}

// gather reads the checks of a file system; what is none goes to bad, with its file and bytes, which may be nil.
func (s *Set) gather(words *Vocabulary, rules Rules, fsys fs.FS, prefix string, bad func(file string, data []byte, err error)) {
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		file := filepath.ToSlash(filepath.Join(prefix, path))
		if err != nil {
			bad(file, nil, fault.New(fault.Unavailable, "%s cannot be read: %w.", file, err))
			return nil
		}
		if d.IsDir() || !isCheckFile(path) {
			return nil
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			bad(file, nil, fault.New(fault.Unavailable, "%s cannot be read: %w.", file, err))
			return nil
		}
		c, err := Read(words, rules, file, data)
		if err == nil {
			c.Own = prefix != ""
			err = s.add(c)
		}
		if err != nil {
			bad(file, data, err)
		}
		return nil
	})
	if err != nil {
		bad(prefix, nil, fault.New(fault.Unavailable, "The checks cannot be read: %w.", err))
	}
}

func isCheckFile(path string) bool {
	ext := filepath.Ext(path)
	return (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(filepath.Base(path), ".")
}

func (s *Set) add(c *Check) error {
	if old := s.byID[c.ID]; old != nil {
		return fault.New(fault.Invalid, "%s: the check %s is already in %s.", c.File, c.ID, old.File)
	}
	s.byID[c.ID] = c
	s.checks = append(s.checks, c)
	return nil
}

// Report is what Test found, a Trial per file.
type Report []Trial

// Trial is one file's examples. Err says why the file is no check; its examples are then not run.
type Trial struct {
	File     string
	ID       string
	Err      error
	Examples []Tried
}

// Tried is one example's answer.
type Tried struct {
	Name        string
	Line        int
	Expect, Got Status
	Reason      string
	Held        bool
}

// OK reports whether every file is a check and every example held.
func (r Report) OK() bool {
	for _, t := range r {
		if t.Err != nil || slices.ContainsFunc(t.Examples, func(e Tried) bool { return !e.Held }) {
			return false
		}
	}
	return true
}

// Counts are the files, the examples, and how many of the examples did not hold.
func (r Report) Counts() (files, examples, failed int) {
	for _, t := range r {
		files++
		examples += len(t.Examples)
		for _, e := range t.Examples {
			if !e.Held {
				failed++
			}
		}
	}
	return files, examples, failed
}

// Test runs the examples of every check in the file system.
func Test(words *Vocabulary, rules Rules, fsys fs.FS) (Report, error) {
	var report Report
	ids := map[string]string{}
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !isCheckFile(path) {
			return nil
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		report = append(report, trial(words, rules, path, data, ids))
		return nil
	})
	return report, err
}

// TestPaths is Test for files and directories of the operating system.
func TestPaths(words *Vocabulary, rules Rules, paths ...string) (Report, error) {
	var report Report
	ids := map[string]string{}
	for _, p := range paths {
		found := false
		err := filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() || path != p && !isCheckFile(path) {
				return nil
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found = true
			report = append(report, trial(words, rules, path, data, ids))
			return nil
		})
		if err != nil {
			return nil, fault.New(fault.NotFound, "%s cannot be read: %v.", p, err)
		}
		if !found {
			return nil, fault.New(fault.NotFound, "There is no check under %s.", p).WithNext("A check is a .yaml file.")
		}
	}
	return report, nil
}

func trial(words *Vocabulary, rules Rules, file string, data []byte, ids map[string]string) Trial {
	t := Trial{File: file}
	c, err := parse(words, rules, file, data)
	if err != nil {
		t.Err = err
		return t
	}
	t.ID = c.ID
	if other := ids[c.ID]; other != "" {
		t.Err = fault.New(fault.Invalid, "%s: the check %s is already in %s.", file, c.ID, other)
		return t
	}
	ids[c.ID] = file
	for _, e := range c.Examples {
		got := c.try(e)
		t.Examples = append(t.Examples, Tried{Name: e.Name, Line: e.Line, Expect: e.Expect, Got: got.Status, Reason: got.Reason, Held: got.Status == e.Expect})
	}
	return t
}

package check

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tickmark/internal/fault"
)

// Set is the checks in use, by id.
type Set struct {
	Checks []*Check // sorted by id
	byID   map[string]*Check
}

// Get finds a check.
func (s *Set) Get(id string) (*Check, error) {
	if c := s.byID[id]; c != nil {
		return c, nil
	}
	return nil, fault.New(fault.NotFound, "There is no check %s.", id).WithNext("tickmark check list shows them all.")
}

// Load reads every .yaml file under the file system, which is the library, and under the directory, which is the
// organisation's own checks and may be empty. All files are tried; a single bad one fails the whole, and the error names
// each.
func Load(words *Vocabulary, controls map[string]bool, library fs.FS, dir string) (*Set, error) {
	s := &Set{byID: map[string]*Check{}}
	var errs []error
	if library != nil {
		errs = append(errs, s.load(words, Rules{Controls: controls, Unknown: true}, library, "", false)...)
	}
	if dir != "" {
		if _, err := os.Stat(dir); err != nil {
			return nil, fault.New(fault.NotFound, "The directory of checks %s cannot be read: %v.", dir, err)
		}
		errs = append(errs, s.load(words, Rules{Controls: controls}, os.DirFS(dir), dir, true)...)
	}
	if len(errs) > 0 {
		lines := make([]string, len(errs))
		for i, err := range errs {
			lines[i] = err.Error()
		}
		return nil, &fault.Fault{Kind: fault.Invalid, Message: strings.Join(lines, "\n"), Err: errors.Join(errs...)}
	}
	slices.SortFunc(s.Checks, func(a, b *Check) int { return strings.Compare(a.ID, b.ID) })
	return s, nil
}

func (s *Set) load(words *Vocabulary, rules Rules, fsys fs.FS, prefix string, own bool) (errs []error) {
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
		c, err := Read(words, rules, filepath.ToSlash(filepath.Join(prefix, path)), data)
		if err == nil {
			c.Own = own
			err = s.add(c)
		}
		if err != nil {
			errs = append(errs, err)
		}
		return nil
	})
	if err != nil {
		errs = append(errs, fault.New(fault.Unavailable, "The checks cannot be read: %w.", err))
	}
	return errs
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
	s.Checks = append(s.Checks, c)
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

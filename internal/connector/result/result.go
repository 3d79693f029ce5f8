// Package result reads what other tools found: scans for weaknesses, results of compliance rules, test reports, device logs. The
// one rule: a file is taken whole or not at all, and speaks only for what its own scan looked at: one tool on one target.
//
// A file is read as a stream, three times: who made it, whether it is sound, and what it holds; it may be larger than memory.
package result

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// MaxBytes is the largest file that is taken.
const MaxBytes = 1 << 30

const maxElement = 16 << 20 // of one finding

// The kinds of results.
const (
	ScanKind   = "tool_scan"
	FlawKind   = "vulnerability_finding"
	RuleKind   = "rule_result"
	DeviceKind = "osquery_device"
	RowKind    = "osquery_row"
	PartKind   = "software_component"

	testRun = "test_run" // which is declared where it is pushed
)

// Options say how a file is to be understood.
type Options struct {
	Name    string    // of the file, for messages and the record
	Target  string    // what was scanned, where the file does not say; and a name for a part of it
	Command string    // how the tool was called, for the record
	SHA256  string    // of the file, where it is kept
	Size    int64     //
	At      time.Time // when the tool ran, where the file does not say
	Mapping Mapping
}

// Scan is what a file says of one tool's look at one target.
type Scan struct {
	Tool    string         `json:"tool"`
	Version string         `json:"version,omitempty"`
	Target  string         `json:"target"`
	Profile string         `json:"profile,omitempty"`
	Format  string         `json:"format"`
	Command string         `json:"command,omitempty"`
	At      time.Time      `json:"at"`
	OK      bool           `json:"ok"`
	Items   map[string]int `json:"-"`
	Found   int            `json:"found"`
	File    string         `json:"file_name,omitempty"`
	SHA256  string         `json:"sha256,omitempty"`
	Size    int64          `json:"size,omitempty"`
}

// Report is what is known of a file once it was read.
type Report struct {
	Format   string
	Scans    []Scan   // by scope
	Kinds    []string // that it speaks for
	Unmapped []string // rules that no control is named for, sorted
	Items    int
}

// scope is what a scan vouches for.
func (s Scan) scope() string {
	out := s.Tool + "/" + s.Target
	if s.Profile != "" {
		out = s.Tool + "/" + s.Profile + "/" + s.Target
	}
	return clip(out, 250)
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return fmt.Sprintf("%s…%016x", strings.ToValidUTF8(s[:n-20], ""), xxh3.HashString(s))
}

// Open opens the file anew, from its beginning.
type Open func() (io.ReadCloser, error)

// Read tells what a file holds, and refuses one that is not sound.
func Read(ctx context.Context, open Open, o Options) (*File, error) {
	f := &File{open: open, o: o, scans: map[string]*Scan{}, keys: map[string]uint64{}, unmapped: map[string]bool{}}
	if err := f.recognise(); err != nil {
		return nil, err
	}
	if err := f.pass(ctx, nil); err != nil {
		return nil, err
	}
	f.keys = nil
	return f, nil
}

// File is a file that was understood.
type File struct {
	open    Open
	o       Options
	format  *format
	wrapped bool  // the findings stand in a member
	about   about // what it says of itself

	scans    map[string]*Scan
	kinds    []string
	keys     map[string]uint64 // content by kind and key
	unmapped map[string]bool
	items    int
}

// Report says what the file holds.
func (f *File) Report() Report {
	r := Report{Format: f.format.title, Items: f.items, Kinds: f.Kinds()}
	for _, s := range f.scans {
		r.Scans = append(r.Scans, *s)
	}
	slices.SortFunc(r.Scans, func(a, b Scan) int { return strings.Compare(a.scope(), b.scope()) })
	for rule := range f.unmapped {
		r.Unmapped = append(r.Unmapped, rule)
	}
	slices.Sort(r.Unmapped)
	return r
}

// Kinds are the kinds that the file speaks for, also where it found none of them.
func (f *File) Kinds() []string { return append([]string{ScanKind}, f.kinds...) }

// Hand gives every record of the file to a run and says what it vouches for.
func (f *File) Hand(ctx context.Context, out connector.Sink) error {
	if err := f.pass(ctx, out); err != nil {
		return err
	}
	for scope, s := range f.scans {
		raw, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if err := out.Item(connector.Item{Kind: ScanKind, Key: scope, Scope: scope, Label: s.Tool + " on " + s.Target, Raw: raw}); err != nil {
			return err
		}
		for _, kind := range f.Kinds() {
			if kind == testRun || kind == RowKind {
				out.Through(kind, scope, s.At)
			} else {
				out.Complete(kind, scope)
			}
		}
	}
	return nil
}

// about is what a file says of itself as a whole.
type about struct {
	tool, version, target, profile, command string
	at                                      time.Time
	rules                                   map[string]rule
	first                                   int64 // where the tool was named
}

type rule struct{ title, severity string }

// found is one thing that a tool says.
type found struct {
	kind, key, label string
	target, profile  string // where they differ from the file's
	tool, version    string
	rule             string // of a rule's result
	at, occurred     time.Time
	body             map[string]any
	raw              []byte
}

// add takes one thing at a place in the file. Without out it is only looked at.
func (f *File) add(x found, at int64, out connector.Sink) error {
	tool := cmp.Or(x.tool, f.about.tool, f.format.tool)
	if tool == "" {
		return f.wrong(at, "it does not say which tool made it")
	}
	if first := cmp.Or(f.about.tool, f.format.tool); first != "" && tool != first && !f.format.many {
		return f.wrong(at, "it holds results of %s and of %s; import each by itself", first, tool)
	}
	if f.about.tool == "" {
		f.about.tool = tool
	}
	s := Scan{Tool: tool, Version: cmp.Or(x.version, f.about.version), Target: cmp.Or(x.target, f.about.target), Profile: cmp.Or(x.profile, f.about.profile), Format: f.format.name,
		Command: cmp.Or(f.o.Command, f.about.command), OK: true, File: f.o.Name, SHA256: f.o.SHA256, Size: f.o.Size}
	switch {
	case s.Target == "":
		s.Target = f.o.Target
	case f.o.Target != "" && f.o.Target != s.Target:
		s.Target += " (" + f.o.Target + ")"
	}
	if s.Target == "" {
		return &fault.Fault{Kind: fault.Invalid, Message: fmt.Sprintf("The file %s does not say what was scanned.", f.o.Name), Next: "Say it with --target, such as the name of the repository or machine."}
	}
	s.At = cmp.Or(x.at, f.about.at, f.o.At)
	scope := s.scope()
	known := f.scans[scope]
	if known == nil {
		if len(f.scans) >= 10_000 {
			return f.wrong(at, "it speaks of more than 10,000 targets")
		}
		known = &s
		f.scans[scope] = known
	}
	if s.At.After(known.At) && out == nil {
		known.At = s.At
	}
	if x.kind == "" {
		return nil // only that the target was scanned
	}
	if !slices.Contains(f.kinds, x.kind) {
		f.kinds = append(f.kinds, x.kind)
	}
	for k, v := range x.body {
		if v == nil || v == "" {
			delete(x.body, k)
		}
	}
	x.body["tool"] = tool
	if x.kind == FlawKind || x.kind == RuleKind {
		x.body["target"] = s.Target
	}
	if x.kind == RuleKind {
		if status := x.body["status"]; status == "pass" || status == "fail" {
			x.body["holds"] = status == "pass"
		}
		controls := f.o.Mapping.Controls(tool, x.rule)
		x.body["controls"], x.body["mapped"] = controls, len(controls) > 0
		if len(controls) == 0 && len(f.unmapped) < 100_000 {
			f.unmapped[tool+" "+x.rule] = true
		}
	}
	key := clip(x.key, 250)
	if x.kind != DeviceKind && x.kind != testRun {
		key = clip(scope+"/"+x.key, 290)
	}
	x.body["id"] = key
	body, err := json.Marshal(x.body)
	if err != nil {
		return f.wrong(at, "%v", err)
	}
	if len(body) > record.MaxBody || len(x.raw) > maxElement {
		return f.wrong(at, "one finding is larger than 8 MiB")
	}
	if out == nil {
		sum, id := xxh3.Hash(body), x.kind+"\x00"+key
		if had, twice := f.keys[id]; twice && had != sum {
			return f.wrong(at, "%s %q stands in it twice, with different content", x.kind, x.key)
		} else if twice {
			return nil
		}
		f.keys[id] = sum
		f.items++
		known.Found++
		return nil
	}
	if f.keys == nil {
		f.keys = map[string]uint64{}
	}
	if _, twice := f.keys[x.kind+"\x00"+key]; twice {
		return nil
	}
	f.keys[x.kind+"\x00"+key] = 0
	return out.Item(connector.Item{Kind: x.kind, Key: key, Scope: scope, Label: x.label, Raw: bytes.Clone(x.raw), Body: body, Occurred: x.occurred})
}

// wrong refuses the file, at a byte.
func (f *File) wrong(at int64, why string, args ...any) error {
	return fault.New(fault.Invalid, "Nothing of %s was taken: near byte %d: %s.", f.o.Name, at, fmt.Sprintf(why, args...))
}

// pass reads the whole file once.
func (f *File) pass(ctx context.Context, out connector.Sink) error {
	if f.format.about != nil {
		if err := f.stream(ctx, f.format.about); err != nil {
			return err
		}
	}
	if err := f.stream(ctx, func(r io.Reader) error { return f.format.items(f, r, out) }); err != nil {
		return err
	}
	if len(f.scans) == 0 { // a scan that found nothing is one
		if err := f.add(found{}, 0, out); err != nil {
			return err
		}
	}
	for _, kind := range f.format.kinds {
		if !slices.Contains(f.kinds, kind) {
			f.kinds = append(f.kinds, kind)
		}
	}
	slices.Sort(f.kinds)
	return nil
}

func (f *File) stream(ctx context.Context, read func(io.Reader) error) error {
	r, err := f.open()
	if err != nil {
		return err
	}
	defer r.Close()
	in := &limited{ctx: ctx, r: r, left: MaxBytes}
	err = read(in)
	if in.err != nil {
		return in.err
	}
	return err
}

// limited reads within the limit and stops when it is told to.
type limited struct {
	ctx  context.Context
	r    io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		l.err = err
		return 0, err
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.err = fault.New(fault.TooLarge, "The file is larger than %d MiB.", MaxBytes>>20).WithNext("Scan fewer targets at once, or let the tool write several files.")
		return 0, l.err
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}

// severity is a tool's word for how bad something is in ours; empty when it says none.
func severity(s string) string {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "critical", "fatal", "very-high", "9", "10":
		return "critical"
	case "high", "error", "important":
		return "high"
	case "medium", "moderate", "warning":
		return "medium"
	case "low", "minor", "negligible":
		return "low"
	case "info", "informational", "information", "note", "none":
		return "info"
	}
	return ""
}

// moment reads a time as tools write it; zero when it is none.
func moment(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "Mon Jan _2 15:04:05 2006 UTC", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

func first(values ...string) string { return cmp.Or(values...) }

// verdict is the status of a rule's result in our words.
func verdict(s string) string {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "pass", "passed", "ok", "fixed":
		return "pass"
	case "fail", "failed", "alarm":
		return "fail"
	case "notapplicable", "not_applicable", "not_available", "skip", "skipped", "notselected", "informational", "info":
		return "not_applicable"
	}
	return "unknown" // a warning, an error, what must be looked at by hand: nobody said that it holds
}

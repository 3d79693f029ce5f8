// Package check judges records by checks: YAML files with CEL expressions and the examples that prove them. The one rule:
// a check answers pass only when it knows; what is missing, null, mistaken in type, half read or not connected is unknown,
// with a sentence that says why.
package check

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/expr"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Status is a check's answer about one record.
type Status string

// The statuses.
const (
	Pass          Status = "pass"
	Fail          Status = "fail"
	Unknown       Status = "unknown"
	NotApplicable Status = "not_applicable"
)

// Severities, worst first.
var severities = []string{"critical", "high", "medium", "low"}

// Check is one automated rule.
type Check struct {
	ID, Title string
	For       string // a kind or a view
	Where     string // CEL; empty: every record
	Let       []Let
	Expect    string // CEL
	Because   string // CEL that makes the sentence of a failure
	Severity  string // critical, high, medium, low
	Controls  []string
	Settings  []Setting
	Why       string
	Fix       []Fix
	MaxGap    time.Duration // between two reads; beyond it the state is unknown. Zero: no limit
	Examples  []Example
	File      string // where it was read from
	Own       bool   // from the organisation's own directory rather than the library
	Broken    string // why its file or settings cannot be used, a sentence: every answer is then unknown

	Logic []byte   // canonical JSON of everything its answers depend on, but the settings
	Hash  [32]byte // SHA-256 of Logic, a line feed, and the settings as JSON

	asks          bool // its logic asks conditions that other records hold
	named         bool // its logic asks for key, label, source or a let
	vague         bool // what it reads is not known, so that it rests on everything it may
	words         *Vocabulary
	said          map[string]bool // every word of its logic; nil: not known
	where, expect *expr.Program
	because       *expr.Program
	lets          []*expr.Program
	settings      *expr.Doc
	settingsJSON  []byte
	Joins         []string // kinds and views it looks up, sorted
	Clock         bool     // its text reads the clock
	Fields        []string // top-level fields of the record it reads, sorted
}

// Let names the records of a kind or view whose field equals a value.
type Let struct {
	Name, Kind, Field string
	Value             string // CEL over r
}

// Setting is a number, text or list that the organisation may set otherwise.
type Setting struct {
	Name    string
	Default any // bool, int64, float64, string or []any of one of these
	Value   any // in effect
}

// Fix says how to put a failure right, in one place: console, cli, terraform and so on.
type Fix struct{ Where, How string }

// Subject is the record to judge. Doc is its body as stored; a view is applied to it.
type Subject struct {
	Kind, Key, Label, Source string
	Doc                      *expr.Doc
	Seen                     bool // Doc is already in the fields of the check's view
}

// Source is the other records that a check may look up. Find must be asked by the name the check uses: a kind or a view.
// Covered says whether every kind behind the name was read completely, and if not, why, in a sentence.
type Source interface {
	expr.Source
	Covered(name string) (bool, string)
}

// Result is an answer about one record at one moment.
type Result struct {
	Status Status
	Reason string    // a sentence; empty for pass and, mostly, not applicable
	Clock  bool      // the answer depends on the moment
	Flip   time.Time // the earliest moment at which it may change by itself; zero: never
	Joins  []Join    // what it looked up
}

// Join is a lookup behind an answer.
type Join struct {
	Name, Field string // the kind or view, and its field
	Value       any
	// Needed says that the answer may rest on there being no further record: if the name was not covered, the answer is
	// unknown. Otherwise a failure that was found stands, and only a pass falls.
	Needed bool
}

// Evaluate judges a record at a moment, with what is not covered unknown.
func (c *Check) Evaluate(s Subject, now time.Time, source Source) Result {
	return c.Judge(s, now, source).Under(source.Covered)
}

// Judge judges a record as though everything looked up had been read completely; Under then applies coverage. The two are
// apart because an outage must not rewrite stored answers.
func (c *Check) Judge(s Subject, now time.Time, source expr.Source) Result {
	if c.Broken != "" {
		return Result{Status: Unknown, Reason: c.Broken}
	}
	doc := s.Doc
	if c.words.IsView(c.For) && !s.Seen {
		seen, in, err := c.words.See(c.For, s.Kind, s.Doc)
		switch {
		case err != nil:
			return Result{Status: Unknown, Reason: "The record cannot be read as " + c.For + ": " + err.Error() + "."}
		case in.Answer == expr.False:
			return Result{Status: NotApplicable}
		case in.Answer == expr.Unknown:
			return Result{Status: Unknown, Reason: in.Reason}
		}
		doc = seen
	}
	sc := scopes.Get().(*expr.Scope)
	defer scopes.Put(sc)
	*sc = expr.Scope{Now: now, Settings: c.settings, Source: source}
	if c.asks {
		sc.Fits = c.words.fits(s)
	}
	if c.named {
		sc.Vars = map[string]any{"key": s.Key, "label": s.Label, "source": s.Source, "kind": s.Kind}
	}
	for i, l := range c.Let {
		sc.Vars[l.Name] = c.join(l, c.lets[i], doc, sc, source)
	}
	var r Result
	if c.where != nil {
		switch v := c.where.Eval(doc, sc); v.Answer {
		case expr.False:
			r.Status = NotApplicable
		case expr.Unknown:
			r.Status, r.Reason = Unknown, v.Reason
		}
	}
	asked := len(sc.Reads)
	if r.Status == "" {
		switch v := c.expect.Eval(doc, sc); v.Answer {
		case expr.True:
			r.Status = Pass
		case expr.False:
			r.Status = Fail
		default:
			r.Status, r.Reason = Unknown, v.Reason
		}
	}
	for i, read := range sc.Reads {
		r.Joins = append(r.Joins, Join{Name: read.Kind, Field: read.Field, Value: read.Value, Needed: read.Absence || i < asked})
	}
	r.Clock, r.Flip = sc.Clock, sc.Flip
	if r.Status == Fail {
		if sc.Vars == nil && c.because.Vars {
			sc.Vars = map[string]any{"key": s.Key, "label": s.Label, "source": s.Source, "kind": s.Kind}
		}
		r.Reason = c.sentence(doc, sc)
	}
	return r
}

// scopes are used again: most judgements take less time than making one.
var scopes = sync.Pool{New: func() any { return new(expr.Scope) }}

// Reads are the kinds whose records a check reads: those that it is for, and those that it looks up.
func (c *Check) Reads() []*record.Kind {
	var out []*record.Kind
	for _, name := range append([]string{c.For}, c.Joins...) {
		for _, k := range c.words.Kinds(name) {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}

// asked are the kinds and views that the check's where looks up.
func (c *Check) asked() []string {
	if c.where == nil {
		return nil
	}
	out := slices.Clone(c.where.Joins)
	for _, l := range c.Let {
		if regexp.MustCompile(`\b` + l.Name + `\b`).MatchString(c.Where) {
			out = append(out, l.Kind)
		}
	}
	return out
}

// join looks a let up when it is first looked at.
func (c *Check) join(l Let, value *expr.Program, doc *expr.Doc, sc *expr.Scope, source expr.Source) func() expr.Rows {
	var rows *expr.Rows
	return func() expr.Rows {
		if rows != nil {
			return *rows
		}
		rows = &expr.Rows{Kind: l.Kind, Field: l.Field}
		v, err := value.Native(doc, sc)
		switch v.(type) {
		case string, int64, float64, bool:
			rows.Value = v
			rows.Docs, rows.Err = source.Find(l.Kind, l.Field, v, false)
		default:
			if err == nil {
				err = errors.New("it is neither text nor a number nor true or false")
			}
			rows.Err = fmt.Errorf("%s needs %s: %s", l.Name, l.Value, lowerFirst(strings.TrimSuffix(err.Error(), ".")))
		}
		return *rows
	}
}

// sentence says why a record fails; when the sentence itself cannot be made, the title and why not.
func (c *Check) sentence(doc *expr.Doc, sc *expr.Scope) string {
	// What because looks up is no part of the answer.
	aside := *sc
	aside.Reads = nil
	text, err := c.because.Text(doc, &aside)
	if err != nil {
		return c.Title + ": no. (" + err.Error() + ")"
	}
	return sentence(text)
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' || s == "" {
		return s // SSH daemons
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// Under gives the answer that stands when the names were covered as told. A pass, or not applicable, that looked at anything
// not covered is unknown; a failure is unknown only if it may rest on a record not having been there.
func (r Result) Under(covered func(name string) (bool, string)) Result {
	if r.Status == Unknown {
		return r
	}
	for _, j := range r.Joins {
		if r.Status == Fail && !j.Needed {
			continue
		}
		if ok, why := covered(j.Name); !ok {
			r.Status, r.Reason = Unknown, why
			if why == "" {
				r.Reason = "Not every " + j.Name + " was read."
			}
			return r
		}
	}
	return r
}

// With gives the check with the organisation's settings in place of the defaults; a value of another type is refused.
func (c *Check) With(set map[string]any) (*Check, error) {
	n := *c
	n.Settings = slices.Clone(c.Settings)
	for name, value := range set {
		i := slices.IndexFunc(n.Settings, func(s Setting) bool { return s.Name == name })
		if i < 0 {
			return nil, fault.New(fault.Invalid, "The check %s has no setting %q.", c.ID, name)
		}
		v, err := settingLike(n.Settings[i].Default, value)
		if err != nil {
			return nil, fault.New(fault.Invalid, "The setting %s of the check %s: %v.", name, c.ID, err)
		}
		n.Settings[i].Value = v
	}
	return &n, n.settle()
}

// settle makes the settings in effect and the hash.
func (c *Check) settle() error {
	set := map[string]any{}
	for _, s := range c.Settings {
		set[s.Name] = s.Value
	}
	var err error
	if c.settingsJSON, err = json.Marshal(set); err != nil {
		return fmt.Errorf("write the settings of %s: %w", c.ID, err)
	}
	if c.settings, err = expr.Parse(c.settingsJSON); err != nil {
		return fmt.Errorf("settings of %s: %w", c.ID, err)
	}
	c.settings.Share() // by whoever judges by the check meanwhile
	c.Hash = sha256.Sum256(append(append(slices.Clone(c.Logic), '\n'), c.settingsJSON...))
	return nil
}

// SettingsJSON is the settings in effect, a JSON object with sorted names.
func (c *Check) SettingsJSON() string { return string(c.settingsJSON) }

// settingLike gives value in the type of the default.
func settingLike(def, value any) (any, error) {
	switch d := def.(type) {
	case bool:
		if v, ok := value.(bool); ok {
			return v, nil
		}
		return nil, fmt.Errorf("%v is not true or false", value)
	case string:
		if v, ok := value.(string); ok {
			return v, nil
		}
		return nil, fmt.Errorf("%v is not text", value)
	case int64:
		switch v := value.(type) {
		case int64:
			return v, nil
		case int:
			return int64(v), nil
		case float64:
			if v == float64(int64(v)) && v < 1<<53 && v > -(1<<53) {
				return int64(v), nil
			}
		}
		return nil, fmt.Errorf("%v is not a whole number", value)
	case float64:
		switch v := value.(type) {
		case int64:
			return float64(v), nil
		case int:
			return float64(v), nil
		case float64:
			return v, nil
		}
		return nil, fmt.Errorf("%v is not a number", value)
	case []any:
		list, ok := value.([]any)
		if !ok {
			return nil, fmt.Errorf("%v is not a list", value)
		}
		out := make([]any, len(list))
		for i, e := range list {
			if len(d) == 0 {
				out[i] = e
				continue
			}
			v, err := settingLike(d[0], e)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}
	return nil, fmt.Errorf("%v cannot be a setting", value)
}

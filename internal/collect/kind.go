// Package collect runs connections: it reads a source through its connector, writes what changed, closes what is gone, and
// keeps the coverage that says for which time the source vouches. The one rule: only what was read completely may close a
// record or count as covered; everything else is a gap with its reason.
package collect

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/record"
)

// The kinds of this package.
const (
	ConnectionKind = "connection"
	RunKind        = "run"
)

// The outcomes of a run.
const (
	Running     = "running"
	Complete    = "complete"
	Incomplete  = "incomplete"
	Failed      = "failed"
	Interrupted = "interrupted"
)

// Kinds are the connection and the run.
func Kinds() []record.Kind {
	return []record.Kind{
		{Name: ConnectionKind, Title: "Connection", Group: "System", Label: "title", System: true,
			Help: "A configured instance of a connector. Its secrets are sealed apart and never part of the record.",
			Fields: []record.Field{
				{Name: "connector", Type: record.Text, Required: true, Indexed: true},
				{Name: "title", Type: record.Text, Required: true},
				{Name: "settings", Type: record.JSON, Help: "The settings that are no secrets."},
				{Name: "secrets", Type: record.Text, List: true, Help: "The names of the settings that are sealed."},
				{Name: "every", Type: record.Text, Required: true, Help: "How often it is collected, such as 1h."},
				{Name: "paused", Type: record.Bool, Indexed: true},
				{Name: "webhook", Type: record.Bool, Help: "The service says when something changed, so that it is read at once."},
			}},
		{Name: RunKind, Title: "Run", Group: "System", Label: "connection", System: true, Occurred: "started",
			Help: "One collection by a connection: what was read, what changed, and what could not be read.",
			Fields: []record.Field{
				{Name: "connection", Type: record.Ref, Refers: ConnectionKind, Required: true, Indexed: true},
				{Name: "connector", Type: record.Text},
				{Name: "started", Type: record.Time, Required: true},
				{Name: "ended", Type: record.Time},
				{Name: "outcome", Type: record.Choice, Required: true, Indexed: true, Choices: []string{Running, Complete, Incomplete, Failed, Interrupted}},
				{Name: "kinds", Type: record.Object, List: true, Fields: []record.Field{
					{Name: "kind", Type: record.Text}, {Name: "read", Type: record.Integer}, {Name: "new", Type: record.Integer},
					{Name: "changed", Type: record.Integer}, {Name: "closed", Type: record.Integer}, {Name: "complete", Type: record.Bool},
					{Name: "unchanged", Type: record.Bool, Help: "The source proved that nothing changed since the last complete read."},
					{Name: "expected", Type: record.Integer, Help: "How many there are, as the service counts."},
					{Name: "questions", Type: record.Integer}, {Name: "pages", Type: record.Integer},
					{Name: "denied", Type: record.Integer, Help: "Questions, or lists, that the service refused."},
					{Name: "throttled", Type: record.Integer, Help: "How often the service said that it was asked too much."},
					{Name: "waited", Type: record.Integer, Help: "Milliseconds waited for that."},
					{Name: "took", Type: record.Integer, Help: "Milliseconds from the first question to the last answer."},
					{Name: "population", Title: "Population digest", Type: record.Text, Help: "A digest over the keys and hashes of everything that stood there: SHA-256 in parts of keys, or, without a word before it, in order of key."}}},
				{Name: "missing", Type: record.Object, List: true, Fields: []record.Field{
					{Name: "kind", Type: record.Text}, {Name: "scope", Type: record.Text}, {Name: "part", Type: record.Text}, {Name: "denied", Type: record.Bool},
					{Name: "reason", Type: record.Text}, {Name: "needs", Type: record.Text}, {Name: "confirm", Type: record.Bool, Help: "It waits for a person to confirm that it really is empty."}}},
				{Name: "requests", Type: record.Integer, Help: "Questions asked of the source."},
				{Name: "bytes", Type: record.Integer, Help: "Bytes of its answers."},
				{Name: "answers", Title: "Digest of the answers", Type: record.Text, Help: "SHA-256 over the digests of the answers, in order."},
				{Name: "kept", Title: "Answers kept", Type: record.Integer, Help: "Answers that brought something, whose bytes are kept."},
				{Name: "traced", Title: "Digest of the traces", Type: record.Text, Help: "SHA-256 over the answers of which something was made, and over which version was made of which of them."},
				{Name: "kept_digest", Title: "Digest of the answers kept", Type: record.Text, Help: "Of a run of an earlier release: SHA-256 over the numbers and hashes of the answers kept, in order."},
				{Name: "account", Type: record.Text, Help: "Who Tickmark ran as on the machine that collected."},
				{Name: "collector", Type: record.Text, Help: "SHA-256 of the program that collected."},
				{Name: "sender", Type: record.Text, Help: "Who sent what was taken over, and the key that signed it, where Tickmark did not read it itself."},
				{Name: "scopes", Type: record.Text, List: true, Help: "What a run spoke for that was sent: nothing is said of any other scope."},
				{Name: "release", Type: record.Text},
				{Name: "clock", Type: record.Text, Help: "What was wrong with the clock of the machine that collected."},
			}},
	}
}

// Summary is the body of a run.
type Summary struct {
	Connection string    `json:"connection"`
	Connector  string    `json:"connector"`
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended,omitzero"`
	Outcome    string    `json:"outcome"`
	Kinds      []Tally   `json:"kinds,omitempty"`
	Missing    []Missing `json:"missing,omitempty"`
	Requests   int64     `json:"requests"`
	Bytes      int64     `json:"bytes"`
	Answers    string    `json:"answers,omitempty"`
	Kept       int64     `json:"kept,omitempty"`
	Traced     string    `json:"traced,omitempty"`      // as record.Book.Traced has it
	KeptDigest string    `json:"kept_digest,omitempty"` // of a run of an earlier release
	Account    string    `json:"account,omitempty"`
	Collector  string    `json:"collector,omitempty"`
	Sender     string    `json:"sender,omitempty"`
	Scopes     []string  `json:"scopes,omitempty"` // of what was sent: those that it vouched for
	Release    string    `json:"release,omitempty"`
	Clock      string    `json:"clock,omitempty"` // what was wrong with the clock

	Number int64 `json:"-"` // the run's key
}

// Tally counts what a run found of one kind.
type Tally struct {
	Kind       string `json:"kind"`
	Read       int64  `json:"read"`
	New        int64  `json:"new"`
	Changed    int64  `json:"changed"`
	Closed     int64  `json:"closed"`
	Complete   bool   `json:"complete"`
	Unchanged  bool   `json:"unchanged,omitempty"`
	Expected   int64  `json:"expected,omitempty"`
	Questions  int64  `json:"questions,omitempty"`
	Pages      int64  `json:"pages,omitempty"`
	Denied     int64  `json:"denied,omitempty"`
	Throttled  int64  `json:"throttled,omitempty"`
	Waited     int64  `json:"waited,omitempty"` // milliseconds
	Took       int64  `json:"took,omitempty"`   // milliseconds
	Population string `json:"population,omitempty"`
}

// Missing is something in scope that the run did not read.
type Missing struct {
	Kind    string `json:"kind"`
	Scope   string `json:"scope,omitempty"`
	Part    string `json:"part,omitempty"`
	Denied  bool   `json:"denied,omitempty"`
	Reason  string `json:"reason"`
	Needs   string `json:"needs,omitempty"`
	Confirm bool   `json:"confirm,omitempty"`
}

// ParseSummary reads a run's record.
func ParseSummary(v record.Version) (Summary, error) {
	var s Summary
	if err := json.Unmarshal(v.Body, &s); err != nil {
		return s, fmt.Errorf("read the run %s: %w", v.Key, err)
	}
	n, err := strconv.ParseInt(v.Key, 10, 64)
	s.Number = n
	return s, err
}

func (s Summary) nothing() bool {
	for _, k := range s.Kinds {
		if k.Complete {
			return false
		}
	}
	return true
}

// Course says how the reading went, where the service told or made one wait.
func (t Tally) Course() []string {
	var out []string
	if t.Expected > 0 && t.Expected != t.Read {
		out = append(out, fmt.Sprintf("%d expected", t.Expected))
	}
	if t.Pages > 0 {
		out = append(out, fmt.Sprintf("%d pages", t.Pages))
	}
	if t.Denied > 0 {
		out = append(out, fmt.Sprintf("%d denied", t.Denied))
	}
	if t.Throttled > 0 {
		out = append(out, fmt.Sprintf("%d times throttled, %s waited", t.Throttled, time.Duration(t.Waited)*time.Millisecond))
	}
	return out
}

// Describe says in one line what a run found.
func (s Summary) Describe() string {
	var read, changed, closed int64
	for _, k := range s.Kinds {
		read, changed, closed = read+k.Read, changed+k.New+k.Changed, closed+k.Closed
	}
	if read == 0 && len(s.Missing) == 0 && len(s.Kinds) > 0 && !slices.ContainsFunc(s.Kinds, func(k Tally) bool { return !k.Unchanged }) {
		return "nothing changed since the last run"
	}
	out := []string{fmt.Sprintf("%d read", read), fmt.Sprintf("%d new or changed", changed)}
	if closed > 0 {
		out = append(out, fmt.Sprintf("%d gone", closed))
	}
	if len(s.Missing) > 0 {
		out = append(out, fmt.Sprintf("%d not read", len(s.Missing)))
	}
	return strings.Join(out, ", ")
}

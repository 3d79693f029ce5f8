// Package connector says what a connector is and holds the engine that reads a service for it. The one rule: a connector
// hands over the service's own bytes and says what it could not read; it judges nothing and writes nothing.
package connector

import (
	"context"
	"time"

	"tickmark/internal/record"
)

// Connector declares how one service is read. Name is the word used by `connect add`.
type Connector struct {
	Name, Title, Help string
	Settings          []Setting
	Permissions       []Permission
	Grant             string        // a policy or commands to copy that grant just the permissions, where the service has such; Markdown
	Tried             string        // against what it was tested, and whether it ever ran against the real service: honest sentences
	Kinds             []record.Kind // every kind it can hand over, Collected true
	Hook              *Hook         // how the service says that something changed; nil where it cannot
	Local             bool          // it reads this machine's own files or settings; set up on its command line only
	Demonstration     bool          // it reads what does not exist, in the kinds of other connectors; never offered
	Limits            Limits        // what it asks of a service at most; none where it asks nothing over a network
	Enrolled          bool          // machines make its connections when they enrol, and nobody else; what they send is signed
	Borrows           bool          // its kinds are those of another connector, which declares them
	FreshFor          time.Duration // how long a complete read vouches for the state; zero: two collection intervals
	Origin            record.Origin // how its records came here; Collected when empty
	Any               bool          // it hands over the kinds that its settings name, and declares none
	Sent              bool          // it reads no source: what it hands over is sent to it, and it has no interval of its own

	// Read reads everything in scope. It reports what it could not read through Sink and returns an error only when
	// nothing more can be read (the repository is gone, the context ended): the engine then marks every kind not yet
	// completed as failed with that reason.
	Read func(ctx context.Context, v Values, out Sink) error
}

// Offered says that a person may make a connection of it.
func (c Connector) Offered() bool { return !c.Demonstration && !c.Enrolled }

// KindNames are the names of its kinds.
func (c Connector) KindNames() []string {
	var out []string
	for _, k := range c.Kinds {
		out = append(out, k.Name)
	}
	return out
}

// Setting is one value the operator supplies.
type Setting struct {
	Name, Title, Help string
	Required, Secret  bool
	Lines             bool // of several lines, such as a private key
	Default           string
}

// Permission is what the operator must grant, and what cannot be read without it.
type Permission struct {
	Name  string   `json:"name"`  // as the service calls it
	Why   string   `json:"why"`   // a sentence
	Kinds []string `json:"kinds"` // kinds (or kind.part) that need it
}

// Values are a connection's settings by name, secrets opened.
type Values map[string]string

// Sink takes what a connector reads. Its methods may be called from several goroutines.
type Sink interface {
	// Item hands over one object. An error ends the read and must be returned.
	Item(Item) error
	// Seen says that an object read before is still there, byte for byte, without handing it over again; only for objects
	// whose key is the hash of their content. It reports false when the object is not known and must be handed over.
	Seen(kind, key string) bool
	// Unchanged says that every object of the kind in this scope stands as at the last complete read, proven by the
	// connector (an equal content hash over the whole); it counts as a complete read. It reports false when there was
	// no complete read before; the connector must then read everything.
	Unchanged(kind, scope string) bool
	// Complete says that every object of the kind in this scope was handed over or Seen: what is missing is closed.
	Complete(kind, scope string)
	// Under says that the scopes of the kind are keys of the parent kind: what stands in the scope of a parent that is gone goes
	// with it, once all parents were read.
	Under(kind, parent string)
	// Through says that all events of the kind in this scope up to the moment were handed over, now or by earlier runs. It
	// closes nothing, because a service forgets its events; with no gap in the scope it counts as a complete read.
	Through(kind, scope string, until time.Time)
	// Since is the moment of the last Through, whether the rest of that run was complete or not: events before it need not be
	// asked for again. It is zero when there was none, or when the connection was set up anew since.
	Since(kind, scope string) time.Time
	// Missing says that a kind (or, with part, one part of it) could not be read in this scope, fully or at all.
	Missing(Gap)
	// Exchange records one question asked of the source, with its answer, for provenance. What is made of the answer names what is
	// returned, in From: so a record is traced to it, and its bytes are kept when something new came out of it.
	Exchange(Exchange) Answer
	// Progress says how far a long read is; total 0 when unknown.
	Progress(kind string, done, total int)
	// State returns what SetState kept after the last run in which every kind was complete; nil at first.
	State() []byte
	// SetState keeps bytes for the next run, in the run's last transaction; dropped when the run is incomplete.
	SetState([]byte)
	// Now is the run's clock.
	Now() time.Time
}

// Item is one object as the service stated it.
type Item struct {
	Kind, Key string
	Scope     string // parent scope: completeness and closing are per kind and scope; "" for the whole connection
	Raw       []byte // the source's own bytes of this object
	Body      []byte // JSON made from Raw by a deterministic conversion; nil when Raw is itself the JSON object
	Label     string
	Occurred  time.Time // for events; zero otherwise. Its zone is kept.
	Parts     []Part    // further named answers about the same object, added to the body under their names
	From      []Answer  // that it was made of, without those of its parts
}

// Part is the answer of one further call about an object. Exactly one of JSON, Absent and Gap says what came back.
type Part struct {
	Name   string
	JSON   []byte
	Raw    []byte // the source's own bytes, where JSON was made of them by a deterministic conversion
	Absent bool   // the service said that there is none; the body says so with null
	Gap    string // denied or failed, with the reason: ends the part's coverage, never changes the body
	From   []Answer
}

// Gap is something in scope that was not read.
type Gap struct {
	Kind, Scope, Part string
	Denied            bool   // the source refused, as opposed to failing
	Reason            string // a sentence for a person: what was refused or went wrong
	Needs             string // the permission that would allow it: "root", "repo:read"; empty when unknown
}

type glimpse struct{}

// Glimpse asks Read for no more than shows what the credential may read: of each list the first page, of what is read for
// each object the first. A connector that does not know of it reads everything, which shows the same.
func Glimpse(ctx context.Context) context.Context { return context.WithValue(ctx, glimpse{}, true) }

// Glimpsed reports whether no more is asked for than that.
func Glimpsed(ctx context.Context) bool { return ctx.Value(glimpse{}) != nil }

type patience struct{}

// Patience sets how long Read waits before it asks again the first time, where the service does not say; each further wait is
// twice as long. It is for tests of services that fail, which would wait minutes.
func Patience(ctx context.Context, first time.Duration) context.Context {
	return context.WithValue(ctx, patience{}, first)
}

// FirstWait is what was set so, and usual otherwise.
func FirstWait(ctx context.Context, usual time.Duration) time.Duration {
	if d, ok := ctx.Value(patience{}).(time.Duration); ok {
		return d
	}
	return usual
}

// Exchange is one question and its answer. It never holds a header or a secret.
type Exchange struct {
	Kind    string
	Page    bool          // it asked for a page of a list, not for something about one object
	Busy    bool          // the service said that it was asked too much or cannot answer just now
	Wait    time.Duration // how long it is waited until it is asked again
	Request string        // "GET https://…/users?after=…", "exec git for-each-ref", "read /etc/passwd"
	Status  string        // "200", "exit 0", "ok", "permission denied"
	Bytes   int64
	SHA256  [32]byte // of the unedited answer
	At      time.Time
	Took    time.Duration

	// Body is the unedited answer, which nobody writes to any more. It is nil where an answer is never kept, such as one that is a
	// credential or a stream each of whose objects is kept by itself; Unkept then says why, as a sentence.
	Body   []byte
	Unkept string

	Reveals func(body []byte) bool // says that the connection's credential stands in it; such an answer is not kept. nil: it cannot

	Place string // what the question is called where its request differs from run to run, as with cursors; the request when empty
}

// Answer stands for an answer as the run has it: only the Sink that gave it looks into it. It is nil where nothing is recorded.
type Answer any

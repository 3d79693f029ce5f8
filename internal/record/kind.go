// Package record is the heart: kinds of record, their versions, and reading them as of any moment. The one rule: nothing
// is overwritten and nothing is written outside this package, so that every version has its commitment in the ledger.
package record

import "time"

// Type is the type of a field's value, as it stands in the JSON body.
type Type string

// The types of a field.
const (
	Text    Type = "text"    // a string
	Long    Type = "long"    // a string of several paragraphs, Markdown
	Integer Type = "integer" // a whole number
	Number  Type = "number"  // a number
	Bool    Type = "bool"    // true or false
	Time    Type = "time"    // RFC 3339 string with zone
	Date    Type = "date"    // YYYY-MM-DD
	Choice  Type = "choice"  // one of Choices
	Ref     Type = "ref"     // the key of a record of kind Refers
	Email   Type = "email"
	URL     Type = "url"
	Object  Type = "object" // named fields within
	JSON    Type = "json"   // anything; not searched, not indexed
)

// Field is one declared value in a kind's body.
type Field struct {
	Name     string // as in the JSON body, snake_case
	Title    string // sentence case; from Name when empty
	Help     string
	Type     Type
	List     bool     // the value is an array of Type
	Required bool     // validation refuses a body without it (authored kinds)
	Choices  []string // for Choice
	Refers   string   // for Ref: the kind
	Fields   []Field  // for Object

	Personal bool // personal data: redacted in redacted exports, removed by erasure
	Secret   bool // never stored: a keyed digest takes its place
	Volatile bool // outside the version hash; latest value and read time are kept beside
	Indexed  bool // filters, sorts and joins are fast; at most about eight a kind
	Fixed    bool // set by the system or by an action, never by a form, import or apply (states, approvals, act times)
	Hidden   bool // not a column of the default list
}

// Room says who may see records of a kind; record filters it in SQL.
type Room string

// The rooms.
const (
	Company Room = "company"
	Auditor Room = "auditor"
	Trust   Room = "trust"
)

// View is a question asked of every provider in the same words, such as account, person, change or device. Fields maps the
// view's field to a CEL expression over r (the record's body); a field left out is absent, which is unknown and never false.
type View struct {
	Name   string
	Where  string            // CEL over r: which records are in the view; empty for all
	Fields map[string]string // view field -> CEL over r
}

// Kind declares a type of record, once; validation, list, form, detail, import, export, API and CLI come from it.
type Kind struct {
	Name   string // snake_case, singular: git_commit
	Title  string // "Commit"
	Plural string // "Commits"
	Help   string // a sentence for the manual and the empty list
	Group  string // where the records browser lists it: "Program", "Host", "Git", "System"
	Room   Room   // Company when empty

	Schema  int      // version of the body's shape, from 1; zero means 1
	Upcasts []Upcast // Upcasts[i] takes a body from schema i+1 to i+2; pure, run on reading, stored bytes are never rewritten

	Key      string // CEL or field name giving an authored record's key when the writer gives none; empty: a random id
	Label    string // the field shown as the record's name; Key when empty
	Occurred string // the field that holds when an event happened; empty for things that are states
	Since    string // of a collected state, the time at which it was first seen: kept while the record is open, where its source says none
	Fields   []Field
	Views    []View
	States   *Machine // nil when the kind has no life cycle

	// Guard may refuse a change of content with a fault, or set derived fields of after; before is nil for a new record.
	// Kind.Written calls it last, and moves don't.
	Guard func(before, after map[string]any, actor Actor) error

	// Check may refuse a write or a move because of the day or of what other records say. It runs in the transaction of the
	// write, after the guards; before is nil for a new record.
	Check func(look Look, before, after map[string]any, actor Actor) error

	// Follows are the changes that a write or a move brings with it: they are written in the same transaction, in the name of
	// the job of that kind, so that neither is ever there without the other.
	Follows func(look Look, key string, before, after map[string]any) ([]Change, error)

	// Sight makes this the kind that governs its room: it says what somebody may do with everything that belongs to a record of it.
	Sight func(body map[string]any, actor Actor) Sight
	// Keeps says, of a governing record, why nothing that belongs to it may be erased at a moment; empty when it may be.
	Keeps  func(body map[string]any, at time.Time) string
	Common bool // in a governed room: it belongs to no governing record, and everybody of the room sees it

	governor *Kind  // of a governed room, this kind itself included
	governs  string // the indexed field that names the governing record

	Collected bool // read from a source: no form, no import under this name, unknown fields are kept
	Lasting   bool // a source that no longer lists a record of it does not end it: people say what became of it
	System    bool // written only by Tickmark itself (run, connection): shown, exported, never imported
}

// Upcast turns a decoded body of one schema into the next; it must be pure.
type Upcast func(body map[string]any) map[string]any

// Machine is a kind's life cycle: the field "state" moves only along these edges. Kind.Written and Kind.Moved apply it.
type Machine struct {
	Initial string
	Moves   []Move

	By, At  string   // fields that take who first wrote the record (Actor.Stamp) and when (RFC 3339, UTC)
	Authors string   // list field that gathers everyone who wrote content since the record was last in Initial
	Frozen  []string // states in which content stands still; a state that no move leaves is always frozen
	Revises []string // fields whose change, outside Initial, returns the record to Initial, to be approved anew

	// Independent says whether somebody other than its authors approved the text that stands. Only then are they forgotten when
	// it is changed; nil: they never are.
	Independent func(before map[string]any) bool
}

// Move is one permitted change of state. Guard may refuse it with a fault; it sees the body before and after and who acts.
// The time of the act is in after, in the field At names.
type Move struct {
	Name, Title string // verb, snake_case and sentence case: "approve", "Approve"
	From        []string
	To          string  // empty: the state stays
	Fields      []Field // what the person must say when acting
	By, At      string  // fields that take who acted (Actor.Stamp) and when (RFC 3339, UTC)
	Job         bool    // a job may make the move too; otherwise only a person may
	Guard       func(before, after map[string]any, actor Actor) error
}

// Actor is who acts: a person through a user, a connection, or a job.
type Actor struct {
	User   string // user key; empty for connections and jobs
	Person string // person key the user resolves to; separation of duties compares this
	Name   string // what the ledger and pages show: "person:ada", "connection:host", "job:check"
}

// FieldNamed returns the declared field of that name.
func (k *Kind) FieldNamed(name string) (Field, bool) {
	for _, f := range k.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

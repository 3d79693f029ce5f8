package web

import (
	"context"
	"time"

	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// KindList shows every kind of record with how many there are.
type KindList struct {
	Groups  []KindGroup
	Total   int64
	Imports bool // the reader may take files of some
}

// KindGroup is a heading of it.
type KindGroup struct {
	Name  string
	Kinds []KindRow
}

// KindRow is one kind.
type KindRow struct {
	Name, Title, Help string
	Count             int64
	Exact             bool
}

// RecordList shows the records of one kind.
type RecordList struct {
	Kind, Title, Help string
	Columns           []part.Column
	Rows              []RecordRow
	Filter            part.Filter
	Wrong             string // what is wrong with the expression
	Partial           string // why the list may not be whole: the scan stopped
	Pager             part.Pager
	Exports           []part.Link
	Makes             bool // a person can make one here
	Filtered          bool
	Bulk              *Bulk // what can be done with chosen rows; nil: nothing
	Shown             []ColumnChoice
	From, To          string // days of a window; empty for a moment
}

// ColumnChoice is a column that the list may show.
type ColumnChoice struct {
	Name, Text string
	Shown      bool
}

// RecordRow is one of them; Cells match the columns after the label.
type RecordRow struct {
	Label, Key, Href string
	Pick             string // what choosing it says; empty where it cannot be chosen
	Cells            []Cell
	Source           string
	Since            time.Time
	Until            time.Time // over a window: when it ceased to hold; zero while it holds
	Lost             string    // how its body went; empty while it is there
}

// Cell is one value in the list.
type Cell struct {
	Text   string
	Time   time.Time
	Href   string
	Status part.Status
	Links  []part.Link // several records of Kind
	Kind   string
	Mono   bool
	End    bool
	Whole  bool // short, and never broken over lines
	Person bool // Text is a person's key
}

// RecordPage shows one record; Tab decides which of its faces is filled in.
type RecordPage struct {
	Kind, KindTitle, Plural string
	Key, Label, Source      string
	State                   part.Status // its life cycle's state, if it has one
	Worst                   part.Status // of its results; empty when no check judges it
	Room                    record.Room
	Tab                     string    // "", results, history, raw, proof, comments, attachments
	Gone                    time.Time // since when it is no longer there
	Lost                    string    // how its body went; empty while it is there
	Tabs                    []part.Tab
	Program                 *part.Link // its own page, for kinds that have one
	Editable                bool
	Moves                   []Move
	About                   []part.Fact

	Fields      []part.Fact
	Parts       []PartRow
	Results     []ResultRow
	Window      Window
	Versions    []VersionRow
	Compare     *Comparison
	Raw         Raw
	Proof       *Proof
	Comments    []Comment
	Attachments []Attachment
}

// PartRow is a named part of a composed record and whether it was read.
type PartRow struct {
	Name, Reason string
	Status       part.Status // covered, denied, failed
}

// VersionRow is one version of the record.
type VersionRow struct {
	From, To time.Time
	By       string
	Reason   string
	Origin   string
	Entry    int64
	Changes  []part.Change // against the version before
	First    bool
	Deleted  bool
	Erased   bool
	Lost     string // how its body went; empty while it is there
	Href     string // compares with the version before
}

// Comparison is the difference between any two versions.
type Comparison struct {
	Before, After time.Time
	Choices       []time.Time
	Changes       []part.Change
	Lost          string // why they cannot be compared
}

// Raw is what the source said, byte for byte.
type Raw struct {
	Bytes            []byte
	SHA256           string
	Size             int64
	Download         string
	Source, Endpoint string
	Answers          []Answered // that it was made of
	Read             time.Time
	Authored         bool // typed here: canonical JSON, no source
	Erased           bool
}

// Answered is an answer of the source that the version was made of.
type Answered struct {
	Request, Status string
	At              time.Time
	Size            int64
	SHA256          string
	Edited          []string // where a digest stands in the place of a secret
	Gone            string   // why its bytes are not there
	Download        string
}

// Proof walks from the record to what an outsider can check.
type Proof struct {
	Entry      int64
	Commitment string
	Leaf       string
	Path       []string // audit path, leaf to root
	Size       int64
	Root       string
	Checkpoint string // signed text
	Key        string // verifier key
	At         time.Time
	Anchor     time.Time // the first stamp of an outside authority that covers the entry; zero when none
	AnchorBy   string    // the authority
	AnchorHref string    // the stamp
	Pending    bool      // not yet in a signed checkpoint
	Wrong      string    // the proof does not verify: said aloud
}

// Comment is what somebody wrote beside a record.
type Comment struct {
	By, Text string
	At       time.Time
}

// Attachment is a file kept with a record.
type Attachment struct {
	Name, Href, SHA256, Type, By string
	Size                         int64
	At                           time.Time
}

// Move is a step of the life cycle as a page offers it.
type Move = form.Move

// RecordForm makes or edits a record.
type RecordForm struct {
	Kind, Title, Help string
	Key               string // empty for a new one
	TakesKey          bool   // the writer names it
	Form              form.Form
	Action            string
	Cancel            string
	Seen              string // the version that was edited; another since is a conflict
	File              bool   // takes a file: evidence
	Conflict          *Conflict
}

func rawFacts(ctx context.Context, r Raw) []part.Fact {
	facts := []part.Fact{{Name: "SHA-256", Value: part.Hash(r.SHA256, 64)}}
	if r.Source != "" {
		facts = append(facts, part.Fact{Name: "Source", Value: part.LinkTo(part.Link{Text: r.Source, Href: part.Path("sources", r.Source)})})
	}
	if r.Endpoint != "" {
		facts = append(facts, part.Say("Endpoint", r.Endpoint))
	}
	if !r.Read.IsZero() {
		facts = append(facts, part.Fact{Name: "Read", Value: part.Date(r.Read)})
	}
	return facts
}

package web

import (
	"time"

	"tickmark/internal/policy"
	"tickmark/internal/web/part"
	"tickmark/internal/wording"
)

// PolicyList shows the texts in force, those under way, and who accepted them.
type PolicyList struct {
	Cards   []part.Stat
	Filter  part.Filter
	Rows    []PolicyRow
	Any     bool // there are policies, whatever the filter
	Offered int  // templates that no policy was begun from
	Makes   bool // the reader may begin one
}

// PolicyRow is one policy.
type PolicyRow struct {
	ID, Title, Href   string
	Sort              string
	Owner             string
	Status            part.Status // of the text in force, or of the one under way when none is
	InForce           string      // its number; empty when no text is in force
	Since             time.Time
	Working           string      // number of the text under way
	WorkingStatus     part.Status // its state
	Review            time.Time   // the last day on which the approval is not too old
	ReviewStatus      part.Status // due, overdue; empty while there is time
	Accepted, Overdue int
	Audience          int
	Retired           bool
}

// PolicyPage shows one policy; Tab decides which of its faces is filled in.
type PolicyPage struct {
	PolicyRow
	Tab    string
	Tabs   []part.Tab
	Facts  []part.Fact
	Record string
	Script string // address of the editor's
	Rich   string // address of the rich editor's, which is large and loaded only there

	Missed []string // times of the window in which its review was not held, in sentences

	Moves   []Move // of the text under way
	Act     string // where those moves are posted, without the move
	Retire  *Move  // of the policy itself
	Under   string // where the text under way is read
	Edits   bool   // the reader may change owner, approver and audience
	Begins  bool   // a next version can be begun
	Reviews []ReviewRow
	CanSay  bool // the reader may record a review without change

	Version  VersionSummary // the text that is shown
	HTML     string
	Missing  []string // variables of it that have no value
	Gaps     []string // what keeps it from being sent for review
	Wording  []wording.Found
	Note     string // why the last try was refused, or comments that came with it
	NoteBy   string
	NoteAt   time.Time
	Editor   *PolicyEditor
	Change   *PolicyChange
	Versions []VersionSummary
	People   []AcceptRow
	Clauses  []ClauseRow
	Unlinked int
	Others   []part.Link // controls of the policy that no clause names
	History  []part.Event
}

// wide says that a table takes the place of the side column.
func (x PolicyPage) wide() bool { return contains([]string{"versions", "acknowledgements"}, x.Tab) }

// dated writes a date as people do.
func dated(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("2 Jan 2006")
}

// VersionSummary is one text of a policy.
type VersionSummary struct {
	Key, Number, Change string
	Href, Compare       string
	Status              part.Status
	InForce             bool
	Summary             string
	Authors             []string
	ReviewedBy          string
	ApprovedBy          string
	ApprovedAt          time.Time
	Alone               string    // what stands beside an approval that no second person gave
	From, To            time.Time // in force
	Effective           string
	SHA256              string
	Proof               string // its record
}

// PolicyEditor is the form in which a draft is written.
type PolicyEditor struct {
	Action                   string
	Title, Change, Effective string
	Number                   string
	First                    bool // no version was published, so it can only be a major one
	Summary, Text            string
	Variables                []VariableRow
	Seen                     string
	Reason                   string
	Preview                  string // HTML; empty when none was asked for
	Previewed                bool
	Wrong                    string
	Theirs                   *TheirText // somebody saved meanwhile
	Closed                   string     // why the text can't be edited now
}

// TheirText is what somebody else saved while the reader was writing.
type TheirText struct {
	By   string
	At   time.Time
	Text string
	Diff []BlockChange // from theirs to the reader's
}

// VariableRow is a name in double braces with its value.
type VariableRow struct {
	Name, Title, Value string
	Default            string
}

// PolicyChange is the difference between two texts.
type PolicyChange struct {
	From, To string
	Choices  []VersionSummary
	Blocks   []BlockChange
	Same     bool
}

// AcceptRow is one person's acknowledgement.
type AcceptRow struct {
	Person, Name  string
	Status        part.Status
	Version       string
	Assigned, Due string
	OverdueSince  string
	At            time.Time
	SHA256        string
	Record        string
}

// ClauseRow is a sentence of the text with the controls that carry it out.
type ClauseRow struct {
	ID, Text string
	Controls []part.Link // Status says how the control stands; without an address it is not adopted
}

// ReviewRow is a review that found nothing to change.
type ReviewRow struct {
	Key, By, Note string
	Status        part.Status
	At            time.Time
	ApprovedBy    string
	ApprovedAt    time.Time
	Alone         string // what stands beside an approval that no second person gave
	Moves         []Move
	Record        string
}

// PolicyNew is where a policy begins.
type PolicyNew struct {
	Groups []TemplateGroup
	Filter part.Filter
	Wrong  string
	ID     string
	Title  string
}

// TemplateGroup is a heading with its templates.
type TemplateGroup struct {
	Title string
	Rows  []TemplateRow
}

// TemplateRow is one template.
type TemplateRow struct {
	policy.Template
	Words   int
	Clauses int
	Begun   string // the policy that was begun from it
}

package web

import (
	"time"

	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

// PeopleList shows who works here, who comes and who goes, and what each still owes.
type PeopleList struct {
	Cards    []part.Stat
	Filter   part.Filter
	Rows     []PersonRow
	Pager    part.Pager
	Any      bool // there are people at all
	Makes    bool
	Loose    int // accounts that are nobody's
	Exports  []part.Link
	ShowsDue bool // policies are published, so that duties are shown
}

// PersonRow is one person.
type PersonRow struct {
	Key, Name, Email, Position, Employment string
	State                                  part.Status // joining, current, leaving, left
	Start, End                             string
	Done, Duties, Late                     int // acknowledgements
	Accounts                               int
	Login                                  string // the user, if the person can sign in here
}

// PersonPage shows one person.
type PersonPage struct {
	PersonRow
	Record   string
	Editable bool
	Tab      string
	Tabs     []part.Tab
	Facts    []part.Fact
	Duty     []DutyRow
	Accounts []AccountRow
	Unseen   []string // ids of accounts that no source lists now
	Owned    []OwnedRow
	Changes  []ChangeRow
	Commits  string // how many changes in all
	History  []part.Event
}

// DutyRow is a policy that the person has to acknowledge.
type DutyRow struct {
	Policy, Href string
	State        part.Status
	Due          string
	Late         bool
	At           time.Time
}

// AccountRow is an account that a source lists.
type AccountRow struct {
	ID, Name, Href, Kind, Source string
	Link                         string // how a person's record names it
	Email                        string
	Enabled, Admin               string // Yes, No, or empty for unknown
	LastUsed                     string
	Suggested                    string // the person it may be, by its name or address; a person decides
}

// OwnedRow is something the person answers for.
type OwnedRow struct {
	Kind, Title, Href string
	State             part.Status
	Due               string
}

// ChangeRow is a change the person made.
type ChangeRow struct {
	Title, Href string
	At          time.Time
}

// LooseAccounts shows the accounts that resolve to no person.
type LooseAccounts struct {
	Rows   []AccountRow
	Filter part.Filter
	Pager  part.Pager
	People []form.Option
	Total  int
	Says   bool // may say whose they are
}

// Package cycle holds the company's programme: one turn of it from scoping to the report and on to the next, with its sponsor,
// its charter, its milestones and its advisers. The one rule: it is ready only when nothing on record blocks it, and what blocks
// is computed from the records and said by name.
package cycle

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/record"
)

// Name is the name of the kind.
const Name = "cycle"

// FieldworkDays is how long a firm commonly needs from the end of the window to its report, where nobody said otherwise.
const FieldworkDays = 60

// Cycle is a turn of the programme as its record says it.
type Cycle struct {
	Key       string   `json:"id"`
	Name      string   `json:"name"`
	Period    string   `json:"period"`
	Previous  string   `json:"previous"`
	Sponsor   string   `json:"sponsor"`
	Owner     string   `json:"owner"`
	Charter   string   `json:"charter"`
	ReportWhy string   `json:"report_reason"`
	TypeWhy   string   `json:"type_reason"`
	Drivers   []Driver `json:"drivers"`
	Wanted    string   `json:"wanted_by"`
	Days      int      `json:"fieldwork_days"`
	Firm      string   `json:"firm"`
	Auditors  []string `json:"auditors"`
	Chartered string   `json:"charter_approved_at"`
	ChartedBy string   `json:"charter_approved_by"`
	State     string   `json:"state"`
	Unready   string   `json:"unready_reason"`
}

// Driver is one reason for which the report is wanted.
type Driver struct {
	Sort   string `json:"sort"`
	Name   string `json:"name"`
	Source string `json:"source"`
	Type   string `json:"wants"`
	By     string `json:"by"`
}

// Read reads a cycle from its record.
func Read(v record.Version) (Cycle, error) {
	var c Cycle
	if err := json.Unmarshal(v.Body, &c); err != nil {
		return c, fmt.Errorf("read the cycle %s: %w", v.Key, err)
	}
	c.Key = v.Key
	return c, nil
}

// of is Read of a body.
func of(body map[string]any) (c Cycle, err error) {
	raw, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		err = fmt.Errorf("read a cycle: %w", err)
	}
	return c, err
}

// Kinds are the kinds of this room.
func Kinds() []record.Kind { return []record.Kind{Kind(), MilestoneKind(), AdviserKind()} }

// charter are the fields that the sponsor approves as the charter.
var charter = []string{"sponsor", "owner", "period", "charter", "drivers", "report_reason", "type_reason", "wanted_by"}

// Kind declares the cycle, with the states in which a programme can be.
func Kind() record.Kind {
	kept := func(name string, t record.Type) record.Field {
		return record.Field{Name: name, Type: t, Fixed: true, Hidden: true}
	}
	fields := []record.Field{
		{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as fy26."},
		{Name: "name", Type: record.Text, Required: true, Help: "As people say it, such as SOC 2 programme FY26."},
		{Name: "period", Title: "Examination", Type: record.Ref, Refers: "period", Required: true, Indexed: true, Help: "The period that it works towards: report, categories, window, team."},
		{Name: "previous", Title: "Follows", Type: record.Ref, Refers: Name, Indexed: true, Hidden: true, Help: "The cycle before this one."},
		{Name: "sponsor", Type: record.Ref, Refers: "person", Required: true, Indexed: true, Help: "The executive who stands for it and approves its charter."},
		{Name: "owner", Title: "Compliance owner", Type: record.Ref, Refers: "person", Required: true, Indexed: true, Help: "Who runs it from day to day; another person than the sponsor."},
		{Name: "charter", Type: record.Long, Hidden: true, Help: "What the programme is for, what it may decide, what it is given: people, time, money."},
		{Name: "drivers", Title: "Why the report is wanted", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "sort", Type: record.Choice, Required: true, Choices: []string{"customer", "contract", "market", "regulator", "investor", "other"}},
			{Name: "name", Type: record.Text, Required: true, Help: "Who asks, such as the customer's name."},
			{Name: "source", Title: "Where it says so", Type: record.Text, Help: "The clause of the contract, the letter, the law."},
			{Name: "wants", Title: "Type wanted", Type: record.Choice, Choices: []string{"type_1", "type_2"}},
			{Name: "by", Title: "Wanted by", Type: record.Date},
		}},
		{Name: "report_reason", Title: "Why this report", Type: record.Long, Hidden: true, Help: "SOC 1 is about customers' financial reporting, SOC 2 about security and the chosen categories, SOC 3 is its public summary. Write which was chosen and why."},
		{Name: "type_reason", Title: "Why this type", Type: record.Long, Hidden: true, Help: "Type I judges the design at a date, Type II also the operation over a window. Write which was chosen and why."},
		{Name: "wanted_by", Title: "Report wanted by", Type: record.Date, Indexed: true},
		{Name: "fieldwork_days", Title: "Days of fieldwork", Type: record.Integer, Hidden: true, Help: fmt.Sprintf("From the end of the window to the report; %d unless said otherwise.", FieldworkDays)},
		{Name: "firm", Title: "Examining firm", Type: record.Text, Hidden: true},
		{Name: "auditors", Type: record.Ref, Refers: "person", List: true, Hidden: true, Help: "People of the firm, where this workspace knows them."},
		{Name: "carried", Title: "Carried over", Type: record.Object, List: true, Fixed: true, Hidden: true, Help: "What was open when it was rolled forward from the cycle before.", Fields: []record.Field{
			{Name: "kind", Type: record.Text, Required: true}, {Name: "key", Type: record.Text, Required: true}, {Name: "label", Type: record.Text}, {Name: "state", Type: record.Text},
		}},
		{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
		{Name: "charter_authors", Type: record.Ref, Refers: "person", List: true, Fixed: true, Hidden: true, Help: "Who wrote what the charter says since it was last approved."},
		{Name: "charter_approved_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
		{Name: "charter_approved_at", Type: record.Time, Fixed: true, Hidden: true},
		kept("begun_by", record.Ref), kept("begun_at", record.Time),
		kept("scoped_by", record.Ref), kept("scoped_at", record.Time), kept("scope_memo", record.Long),
		kept("assessed_by", record.Ref), kept("assessed_at", record.Time), kept("gap_outcome", record.Long),
		kept("ready_by", record.Ref), kept("ready_at", record.Time),
		kept("opened_by", record.Ref), kept("opened_at", record.Time), kept("unready_reason", record.Long),
		kept("examined_by", record.Ref), kept("examined_at", record.Time),
		kept("reported_by", record.Ref), kept("reported_at", record.Time), kept("report_date", record.Date), kept("report_number", record.Text), kept("report_note", record.Long),
		kept("rested_by", record.Ref), kept("rested_at", record.Time),
		kept("returned_by", record.Ref), kept("returned_at", record.Time), kept("returned_reason", record.Long),
		kept("ended_by", record.Ref), kept("ended_at", record.Time), kept("ended_reason", record.Long),
		kept("rolled_by", record.Ref), kept("rolled_at", record.Time), kept("next_id", record.Text), kept("next_name", record.Text), kept("next_to", record.Date), kept("next_type", record.Choice), kept("next_gap_reason", record.Long),
	}
	for i := range fields {
		switch f := &fields[i]; {
		case f.Fixed && f.Type == record.Ref && f.Refers == "":
			f.Refers = "person"
		case f.Name == "next_type":
			f.Choices = []string{"type_1", "type_2"}
		}
	}
	return record.Kind{
		Name: Name, Title: "Programme cycle", Plural: "Programme cycles", Group: "Program",
		Help: "One turn of the SOC 2 programme: who stands for it and why, its charter and where it stands, from scoping to the report and on to the next.",
		Key:  "id", Label: "name", Fields: fields, States: machine(), Guard: written, Check: allowed, Follows: follows,
	}
}

func machine() *record.Machine {
	long := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	back := func(name, title, from, to string) record.Move {
		return record.Move{Name: name, Title: title, From: []string{from}, To: to, By: "returned_by", At: "returned_at", Guard: person("take a step back"), Fields: []record.Field{
			long("returned_reason", "Reason", "Say what turned up.")}}
	}
	before := []string{"scoping", "gap", "remediation", "ready", "in_window", "in_examination"}
	return &record.Machine{
		Initial: "scoping", By: "begun_by", At: "begun_at",
		Moves: []record.Move{
			{Name: "approve_charter", Title: "Approve the charter", From: before, By: "charter_approved_by", At: "charter_approved_at", Guard: approveCharter},
			{Name: "settle_scope", Title: "Settle the scope", From: []string{"scoping"}, To: "gap", By: "scoped_by", At: "scoped_at", Guard: person("settle the scope"), Fields: []record.Field{
				long("scope_memo", "Scope memo", "Say which categories, which system, what was left out and why.")}},
			{Name: "plan_remediation", Title: "Finish the gap analysis", From: []string{"gap"}, To: "remediation", By: "assessed_by", At: "assessed_at", Guard: person("finish the gap analysis"), Fields: []record.Field{
				long("gap_outcome", "Outcome", "Say what was looked at, what is missing, and who does something about it.")}},
			{Name: "declare_ready", Title: "Declare ready", From: []string{"remediation"}, To: "ready", By: "ready_by", At: "ready_at", Guard: person("declare it ready")},
			{Name: "open_window", Title: "Begin the window", From: []string{"ready"}, To: "in_window", By: "opened_by", At: "opened_at", Job: true},
			{Name: "open_unready", Title: "Begin the window although not ready", From: []string{"gap", "remediation"}, To: "in_window", By: "opened_by", At: "opened_at", Guard: person("begin the window"), Fields: []record.Field{
				long("unready_reason", "Reason", "Say why the window begins although something blocks it; the firm will see what did.")}},
			{Name: "begin_examination", Title: "Begin the examination", From: []string{"ready", "in_window"}, To: "in_examination", By: "examined_by", At: "examined_at", Guard: person("begin the examination")},
			{Name: "report", Title: "Record the report", From: []string{"in_examination"}, To: "reported", By: "reported_by", At: "reported_at", Guard: person("record the report"), Fields: []record.Field{
				{Name: "report_date", Title: "Date of the report", Type: record.Date, Required: true, Help: "Give the date that stands on it."},
				{Name: "report_number", Title: "Its number or name", Type: record.Text, Required: true, Help: "Name the report as the firm does."},
				{Name: "report_note", Title: "Note", Type: record.Long, Help: "What management takes from it. The opinion stands in the report alone."}}},
			{Name: "rest", Title: "Go on until the next window", From: []string{"reported"}, To: "between_reports", By: "rested_by", At: "rested_at", Guard: person("go on")},
			{Name: "roll_forward", Title: "Roll forward", From: []string{"in_window", "in_examination", "reported", "between_reports"}, By: "rolled_by", At: "rolled_at", Guard: rolled, Fields: []record.Field{
				{Name: "next_id", Title: "Id of the next", Type: record.Text, Required: true, Help: "Give a short id, such as fy27; the next period gets it too."},
				{Name: "next_name", Title: "Name of the next", Type: record.Text, Required: true, Help: "Give its name, such as FY27 Type II."},
				{Name: "next_to", Title: "Last day of the next window", Type: record.Date, Required: true, Help: "The next window begins on the day after this one ends; say when it ends."},
				{Name: "next_type", Title: "Type of the next", Type: record.Choice, Choices: []string{"type_1", "type_2"}, Help: "The same as before unless said otherwise; a Type I is commonly followed by a Type II."}}},
			back("rescope", "Settle the scope again", "gap", "scoping"),
			back("reassess", "Look at the gaps again", "remediation", "gap"),
			back("reopen", "Go back to remediation", "ready", "remediation"),
			{Name: "finish", Title: "End", From: []string{"between_reports"}, To: "ended", By: "ended_by", At: "ended_at", Guard: person("end it"), Fields: []record.Field{
				long("ended_reason", "Reason", "Say what follows it, or why nothing does.")}},
			{Name: "abandon", Title: "Abandon", From: before, To: "abandoned", By: "ended_by", At: "ended_at", Guard: person("abandon it"), Fields: []record.Field{
				long("ended_reason", "Reason", "Say why no report is wanted any more.")}},
		},
	}
}

// States are the states of a programme that goes on, in their order.
func States() []string {
	return []string{"scoping", "gap", "remediation", "ready", "in_window", "in_examination", "reported", "between_reports"}
}

type guard = func(before, after map[string]any, actor record.Actor) error

// person refuses an act behind which no person stands; the program's own move is left to what the days say.
func person(act string) guard {
	return func(_, _ map[string]any, actor record.Actor) error {
		if actor.IsJob() {
			return nil
		}
		return record.Apart(actor, act)
	}
}

// written lets a changed charter wait for its approval again, and refuses a sponsor who runs it as well.
func written(before, after map[string]any, actor record.Actor) error {
	if s := text(after, "sponsor"); s != "" && s == text(after, "owner") {
		return fault.New(fault.Invalid, "%s is both sponsor and compliance owner, so nobody would look at the charter but its author.", s).WithNext("Name another person as owner, or as sponsor.")
	}
	changed := before == nil
	for _, f := range charter {
		changed = changed || !reflect.DeepEqual(before[f], after[f])
	}
	if !changed {
		return nil
	}
	var authors []any
	if before != nil && before["charter_approved_by"] == nil {
		authors, _ = before["charter_authors"].([]any)
	}
	if authors = slices.Clone(authors); !slices.Contains(authors, any(actor.Stamp())) {
		authors = append(authors, actor.Stamp())
	}
	after["charter_authors"] = authors
	delete(after, "charter_approved_by")
	delete(after, "charter_approved_at")
	return nil
}

// approveCharter is the sponsor's alone, and not of what they wrote themselves.
func approveCharter(before, _ map[string]any, actor record.Actor) error {
	if before["charter_approved_by"] != nil {
		return fault.New(fault.Conflict, "The charter was approved by %v.", before["charter_approved_by"]).WithNext("It waits for approval again once it is changed.")
	}
	if strings.TrimSpace(text(before, "charter")) == "" {
		return fault.New(fault.Invalid, "There is no charter to approve.").WithNext("Write in charter what the programme is for, what it may decide and what it is given.")
	}
	authors, _ := before["charter_authors"].([]any)
	if len(authors) == 0 {
		return fault.New(fault.Denied, "Nobody is known as the author of the charter, so nobody can be shown to be someone else.").WithNext("Write the charter again, then have the sponsor approve it.")
	}
	var parties []record.Party
	for _, a := range authors {
		stamp, _ := a.(string)
		parties = append(parties, record.Party{Role: "an author of the charter", Stamp: stamp})
	}
	if err := record.Apart(actor, "approve the charter", parties...); err != nil {
		return err
	}
	if actor.Person != text(before, "sponsor") {
		return fault.New(fault.Denied, "Only the sponsor, %s, approves the charter.", text(before, "sponsor")).WithNext("Ask the sponsor.")
	}
	return nil
}

// allowed is what the day and the other records say of a move.
func allowed(look record.Look, before, after map[string]any, actor record.Actor) error {
	c, err := of(after)
	if err != nil {
		return err
	}
	if err := c.apart(look); err != nil {
		return err
	}
	was, is := text(before, record.StateField), c.State
	if before == nil || was == is {
		if before != nil && before["rolled_at"] != after["rolled_at"] {
			return rollable(look, c, text(after, "next_id"), text(after, "next_to"))
		}
		return nil
	}
	w, err := world(look, c)
	if err != nil {
		return err
	}
	switch is {
	case "gap":
		if was == "scoping" {
			return refuse("The scope cannot be settled", w.scoped())
		}
	case "ready":
		return refuse("The programme is not ready", w.all())
	case "in_window":
		if w.period.Type == "type_1" {
			return fault.New(fault.Conflict, "%s is a Type I and has no window.", w.period.Name).WithNext("Begin the examination on its day or later.")
		}
		if w.today < w.period.From {
			return fault.New(fault.Conflict, "The window begins on %s, and today is %s.", w.period.From, w.today).WithNext("It begins by itself on that day.")
		}
	case "in_examination":
		if was == "in_window" && w.today <= w.period.To {
			return fault.New(fault.Conflict, "The window runs through %s, and today is %s.", w.period.To, w.today).WithNext("Until then the firm does interim work only; record the examination once the window is over.")
		}
		if was == "ready" && w.period.Type != "type_1" {
			return fault.New(fault.Conflict, "%s is a Type II, whose window comes first.", w.period.Name).WithNext("Begin the window.")
		}
		if w.today < w.period.To {
			return fault.New(fault.Conflict, "The report speaks as of %s, and today is %s.", w.period.To, w.today).WithNext("Wait for that day.")
		}
		if c.Firm == "" {
			return fault.New(fault.Invalid, "Nothing says which firm examines.").WithNext("Fill in firm.")
		}
	case "reported":
		if d := text(after, "report_date"); d > w.today || d < w.period.To {
			return fault.New(fault.Invalid, "The report is dated %s, and it can only lie between %s, where what it speaks of ends, and today.", d, w.period.To).WithNext("Give the date that stands on the report.")
		}
	}
	return nil
}

// refuse says what blocks, the first of it in full.
func refuse(what string, blocks []Block) error {
	if len(blocks) == 0 {
		return nil
	}
	more := ""
	if n := len(blocks) - 1; n == 1 {
		more = " One more thing blocks it."
	} else if n > 1 {
		more = fmt.Sprintf(" %d more things block it.", n)
	}
	return fault.New(fault.Conflict, "%s: %s.%s", what, lower(blocks[0].What), more).WithNext("%s", blocks[0].Next)
}

// today is the day of a look where the organisation is.
func today(look record.Look) (string, error) {
	zone := time.UTC
	v, err := look.Get("organisation", organisation.Key)
	switch {
	case err == nil:
		zone = organisation.Zone(v.Body)
	case !fault.Is(err, fault.NotFound):
		return "", err
	}
	return calendar.Text(calendar.Of(look.At, zone)), nil
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

func lower(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

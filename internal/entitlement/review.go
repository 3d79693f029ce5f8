package entitlement

import (
	"strconv"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// RemoveDays is how many working days a removal may take after it was decided.
const RemoveDays = 10

// Campaign is a review as its record says it.
type Campaign struct {
	ID          string    `json:"id"`
	Title       string    `json:"title"`
	Sort        string    `json:"sort"`
	Matrices    []string  `json:"systems"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	Due         string    `json:"due"`
	Owner       string    `json:"owner"`
	State       string    `json:"state"`
	Extracts    []Extract `json:"extracts"`
	File        string    `json:"file"`
	Lines       int       `json:"lines"`
	Pending     int       `json:"pending"`
	Bulk        int       `json:"bulk"`
	Kept        int       `json:"kept"`
	Modified    int       `json:"modified"`
	Removed     int       `json:"removed"`
	Unresolved  []string  `json:"unresolved"`
	Gaps        []string  `json:"gaps"`
	Previous    string    `json:"previous"`
	Overdue     string    `json:"overdue_since"`
	CollectedAt string    `json:"collected_at"`
	OpenedAt    string    `json:"opened_at"`
	DecidedBy   string    `json:"decided_by"`
	DecidedAt   string    `json:"decided_at"`
	SignedBy    string    `json:"signed_by"`
	SignedAt    string    `json:"signed_at"`
}

// Extract is where the lines of one system come from.
type Extract struct {
	System  string   `json:"system"`
	Version string   `json:"version"`
	Query   []string `json:"query"`
	Source  []string `json:"source"`
	Run     []string `json:"run"`
	Read    string   `json:"read"`    // the oldest of the reads
	Counted int      `json:"counted"` // accounts that the sources said they have
	Found   int      `json:"found"`   // accounts that are here
	Lines   int      `json:"lines"`
	Gaps    []string `json:"gaps"`
}

// CampaignOf reads a review.
func CampaignOf(body any) (Campaign, error) {
	var c Campaign
	return c, read(body, &c)
}

// ReviewKind declares the review: planned, collecting, in review, remediating, completed; cancelled.
func ReviewKind() record.Kind {
	whole := func(name, title string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Integer, Fixed: true, Hidden: true}
	}
	fixed := func(name, title string, of record.Type) record.Field {
		return record.Field{Name: name, Title: title, Type: of, Fixed: true, Hidden: true}
	}
	lines := whole("lines", "Lines")
	lines.Hidden = false
	pending := whole("pending", "Not decided")
	pending.Hidden = false
	who := func(name string) record.Field {
		return record.Field{Name: name, Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}
	}
	list := func(f record.Field) record.Field { f.List = true; return f }
	return record.Kind{
		Name: Review, Title: "Access review", Plural: "Access reviews", Group: "Program",
		Help: "Everybody's access to some systems, looked at line by line by who owns them: kept, changed or removed, and what was removed is proved at the source.",
		Key:  "id", Label: "title",
		Fields: []record.Field{
			{Name: "id", Title: "Id", Type: record.Text, Required: true, Help: "Such as 2026-q2."},
			{Name: "title", Type: record.Text, Required: true},
			{Name: "sort", Title: "Of", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"systems", "privileged", "service"}, Help: "Everybody of the systems, or only their privileged rights, or only accounts of programs."},
			{Name: "systems", Type: record.Ref, Refers: Matrix, List: true, Required: true, Indexed: true, Help: "The role matrices of the systems."},
			{Name: "from", Title: "First day of the span", Type: record.Date, Required: true, Indexed: true}, {Name: "to", Title: "Last day of the span", Type: record.Date, Required: true, Indexed: true},
			{Name: "due", Type: record.Date, Required: true, Indexed: true, Help: "At most 15 days after the span."},
			{Name: "owner", Title: "Lead", Type: record.Ref, Refers: "person", Required: true, Indexed: true, Help: "Who runs it and signs it off."},
			{Name: record.StateField, Type: record.Choice, Choices: reviewMachine().States(), Fixed: true, Indexed: true},
			who("planned_by"), fixed("planned_at", "Planned", record.Time), fixed("collected_at", "Extracted", record.Time), who("collected_by"), fixed("opened_at", "In review since", record.Time),
			{Name: "extracts", Type: record.JSON, Fixed: true, Hidden: true, Help: "For each system: what was asked of which source, by which run, how much it said it has and how much is here."},
			fixed("file", "SHA-256 of the extract", record.Text), lines, pending, whole("bulk", "Decided many at once"), whole("kept", "Kept"), whole("modified", "To change"), whole("removed", "To remove"),
			list(fixed("unresolved", "Accounts of nobody that is known", record.Text)), list(fixed("gaps", "What the extract lacks", record.Text)),
			{Name: "previous", Type: record.Ref, Refers: Review, Fixed: true, Hidden: true, Help: "The review that it is compared with."},
			fixed("overdue_since", "Overdue since", record.Date),
			who("decided_by"), fixed("decided_at", "All decided", record.Time), who("signed_by"), fixed("signed_at", "Signed off", record.Time), fixed("sign_off", "What was found", record.Long),
			who("cancelled_by"), fixed("cancelled_at", "Cancelled", record.Time), fixed("cancelled_reason", "Why it was cancelled", record.Long),
		},
		States: reviewMachine(),
		Guard:  planned,
		Check:  finished,
	}
}

func reviewMachine() *record.Machine {
	long := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	return &record.Machine{
		Initial: "planned", By: "planned_by", At: "planned_at",
		Moves: []record.Move{
			{Name: "collect", Title: "Take the extract", From: []string{"planned"}, To: "collecting", By: "collected_by", At: "collected_at", Guard: leads("take the extract")},
			{Name: "open", Title: "Open the review", From: []string{"collecting"}, To: "in_review", At: "opened_at", Job: true, Guard: opened},
			{Name: "remediate", Title: "End the decisions", From: []string{"in_review"}, To: "remediating", By: "decided_by", At: "decided_at", Guard: decided},
			{Name: "complete", Title: "Sign off", From: []string{"remediating"}, To: "completed", By: "signed_by", At: "signed_at", Guard: leads("sign it off"),
				Fields: []record.Field{long("sign_off", "What was found", "Say what was found, and what follows.")}},
			{Name: "cancel", Title: "Cancel", From: []string{"planned", "collecting", "in_review"}, To: "cancelled", By: "cancelled_by", At: "cancelled_at",
				Fields: []record.Field{long("cancelled_reason", "Reason", "Say why.")}, Guard: someone("cancel it")},
		},
	}
}

func planned(before, after map[string]any, actor record.Actor) error {
	if state := text(before, record.StateField); before != nil && state != "planned" && !actor.IsJob() {
		return fault.New(fault.Conflict, "This review is %s, and what it is of can no longer be changed.", strings.ReplaceAll(state, "_", " ")).WithNext("Cancel it and plan another, or plan a second one beside it.")
	}
	if from, to := text(after, "from"), text(after, "to"); to < from {
		return fault.New(fault.Invalid, "The span would end on %s, before it begins on %s.", to, from).WithNext("Write its first and last day.")
	}
	last, err := time.Parse(time.DateOnly, text(after, "to"))
	if err != nil {
		return fault.New(fault.Invalid, "The last day of the span is not a day.").WithNext("Write it as 2026-06-30.")
	}
	if most := last.AddDate(0, 0, 15).Format(time.DateOnly); text(after, "due") > most && !actor.IsJob() {
		return fault.New(fault.Invalid, "It would be due on %s, later than 15 days after its span.", text(after, "due")).WithNext("Let it be due by %s.", most)
	}
	if before != nil && text(before, "overdue_since") != "" && text(before, "due") != text(after, "due") {
		return fault.New(fault.Conflict, "It is overdue since %s, and its date stays.", text(before, "overdue_since")).WithNext("Finish it late; that it was late stays in view.")
	}
	return nil
}

func leads(act string) func(before, after map[string]any, actor record.Actor) error {
	return func(before, _ map[string]any, actor record.Actor) error {
		if owner := text(before, "owner"); actor.Person == "" || owner != actor.Person {
			return fault.New(fault.Denied, "Only who leads this review, %s, can %s.", owner, act).WithNext("Ask them, or name another lead before it begins.")
		}
		return nil
	}
}

// opened is for the program, once the extract is kept.
func opened(before, _ map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "A review opens by itself when its extract is taken.").WithNext("Take the extract: tickmark review extract KEY.")
	}
	if text(before, "file") == "" {
		return fault.New(fault.Conflict, "There is no extract yet.").WithNext("Take it again: tickmark review extract KEY.")
	}
	return nil
}

func decided(before, after map[string]any, actor record.Actor) error {
	c, err := CampaignOf(before)
	if err != nil {
		return err
	}
	if c.Pending > 0 {
		return fault.New(fault.Conflict, "%d of %d lines are not decided.", c.Pending, c.Lines).WithNext("Decide each: keep, modify or remove.")
	}
	return leads("end the decisions")(before, after, actor)
}

// finished holds that nothing that was decided is left undone.
func finished(look record.Look, before, after map[string]any, _ record.Actor) error {
	if text(after, record.StateField) != "completed" || text(before, record.StateField) == "completed" {
		return nil
	}
	all, err := look.Find(Removal, "review", text(after, "id"))
	if err != nil {
		return err
	}
	n := 0
	for _, v := range all {
		var b struct{ State string }
		if err := read(v.Body, &b); err != nil {
			return err
		}
		if b.State == "open" {
			n++
		}
	}
	if n > 0 {
		return fault.New(fault.Conflict, "%d changes that were decided are not shown by their sources yet.", n).WithNext("Have them done and the sources read; or name the exception that lets one stay: access_change, except.")
	}
	return nil
}

// Decided is one act of deciding, over one line or many.
type Decided struct {
	Key      string `json:"-"`
	Review   string `json:"review"`
	Lines    string `json:"lines"` // such as 1-40,52
	Count    int    `json:"count"`
	Decision string `json:"decision"`
	Reason   string `json:"reason,omitempty"`
	Target   string `json:"target,omitempty"` // the role to have instead, for modify
	Bulk     bool   `json:"bulk,omitempty"`
	By       string `json:"by"`
	At       string `json:"at"`
}

// DecisionKind declares an act of deciding. Acts follow each other and none is changed: of a line the last one holds.
func DecisionKind() record.Kind {
	return record.Kind{
		Name: Decision, Title: "Review decision", Plural: "Review decisions", Group: "Program", System: true, Occurred: "at",
		Help: "What a reviewer decided of one line of an access review or of many at once, and when. A line may be decided again; every act stays.",
		Fields: []record.Field{
			{Name: "review", Type: record.Ref, Refers: Review, Required: true, Indexed: true}, {Name: "lines", Type: record.Text, Required: true}, {Name: "count", Type: record.Integer},
			{Name: "decision", Type: record.Choice, Choices: []string{"keep", "modify", "remove"}, Required: true, Indexed: true}, {Name: "reason", Type: record.Long},
			{Name: "target", Title: "Role instead", Type: record.Text}, {Name: "bulk", Title: "Many at once", Type: record.Bool},
			{Name: "by", Type: record.Ref, Refers: "person", Required: true, Indexed: true}, {Name: "at", Type: record.Time, Required: true},
		},
	}
}

// ChangeKind declares what a review decided to be changed: open, executed, excepted, not needed.
func ChangeKind() record.Kind {
	fixed := func(name, title string, of record.Type) record.Field {
		return record.Field{Name: name, Title: title, Type: of, Fixed: true, Hidden: true}
	}
	return record.Kind{
		Name: Removal, Title: "Decided change of access", Plural: "Decided changes of access", Group: "Program", System: true, Label: "title",
		Help: "A right that a review decided to remove or to change. It is done when the source shows it, read after the decision; never because somebody says so.",
		Fields: []record.Field{
			{Name: "title", Type: record.Text, Personal: true}, {Name: "review", Type: record.Ref, Refers: Review, Indexed: true}, {Name: "line", Type: record.Integer},
			{Name: "system", Title: "System", Type: record.Ref, Refers: Matrix, Indexed: true}, {Name: "role", Type: record.Text, Hidden: true}, {Name: "account", Type: record.Text, Personal: true, Indexed: true},
			{Name: "person", Type: record.Ref, Refers: "person", Indexed: true}, {Name: "decision", Type: record.Choice, Choices: []string{"modify", "remove"}}, {Name: "target", Title: "Role instead", Type: record.Text},
			{Name: "decided_by", Type: record.Ref, Refers: "person", Hidden: true}, {Name: "decided_at", Type: record.Time},
			{Name: "due", Type: record.Date, Indexed: true, Help: "Ten working days after the decision."},
			{Name: "of_kind", Type: record.Text, Hidden: true}, {Name: "of_key", Type: record.Text, Hidden: true}, {Name: "source", Type: record.Text, Hidden: true}, {Name: "where", Title: "Shown where", Type: record.Text, Hidden: true},
			{Name: "target_kind", Type: record.Text, Hidden: true}, {Name: "target_where", Type: record.Text, Hidden: true},
			{Name: record.StateField, Type: record.Choice, Choices: changeMachine().States(), Fixed: true, Indexed: true},
			fixed("executed_at", "Shown by the source", record.Time), fixed("snapshot", "What shows it", record.Text), fixed("days", "Working days it took", record.Integer), fixed("overdue_since", "Overdue since", record.Date),
			{Name: "exception", Type: record.Ref, Refers: "exception", Fixed: true, Hidden: true}, {Name: "excepted_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, fixed("excepted_at", "Excepted", record.Time),
			fixed("ended_at", "No longer needed since", record.Time), fixed("ended_reason", "Why it is not needed", record.Text),
		},
		States: changeMachine(),
		Check:  excepted,
	}
}

func changeMachine() *record.Machine {
	job := func(_, _ map[string]any, actor record.Actor) error {
		if !actor.IsJob() {
			return fault.New(fault.Denied, "Only the source shows that it is done, in a read after the decision.").WithNext("Have the source read; Tickmark then sets it.")
		}
		return nil
	}
	return &record.Machine{
		Initial: "open",
		Moves: []record.Move{
			{Name: "execute", Title: "Done", From: []string{"open"}, To: "executed", At: "executed_at", Job: true, Guard: job,
				Fields: []record.Field{{Name: "snapshot", Title: "What shows it", Type: record.Text, Required: true}, {Name: "days", Type: record.Integer}}},
			{Name: "except", Title: "Let it stay by an exception", From: []string{"open"}, To: "excepted", By: "excepted_by", At: "excepted_at",
				Fields: []record.Field{{Name: "exception", Type: record.Ref, Refers: "exception", Required: true, Help: "The approved exception that names the account."}},
				Guard: func(before, _ map[string]any, actor record.Actor) error {
					return record.Apart(actor, "let it stay", record.Party{Role: "the one whose access it is", Stamp: text(before, "person")})
				}},
			{Name: "drop", Title: "No longer needed", From: []string{"open"}, To: "not_needed", At: "ended_at", Job: true, Guard: job,
				Fields: []record.Field{{Name: "ended_reason", Title: "Reason", Type: record.Text, Required: true}}},
		},
	}
}

func excepted(look record.Look, before, after map[string]any, _ record.Actor) error {
	if text(after, record.StateField) != "excepted" || text(before, record.StateField) == "excepted" {
		return nil
	}
	v, err := look.Get("exception", text(after, "exception"))
	if err != nil {
		return err
	}
	var x struct {
		State     string
		Resources []string
	}
	if err := read(v.Body, &x); err != nil {
		return err
	}
	for _, r := range x.Resources {
		if (x.State == "approved" || x.State == "active") && r == text(after, "account") {
			return nil
		}
	}
	return fault.New(fault.Conflict, "The exception %s is %s and does not name the account %s.", v.Key, x.State, text(after, "account")).
		WithNext("Name an approved exception that has the account among its resources.")
}

// Spans writes line numbers, in order, as 1-40,52.
func Spans(lines []int) string {
	var b strings.Builder
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(lines[i]))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(lines[j]))
		}
		i = j + 1
	}
	return b.String()
}

// EachLine hands over the numbers that Spans wrote; false when it is not one.
func EachLine(spans string, fn func(line int)) bool {
	for part := range strings.SplitSeq(spans, ",") {
		from, to, two := strings.Cut(part, "-")
		a, err := strconv.Atoi(from)
		if err != nil {
			return false
		}
		b := a
		if two {
			if b, err = strconv.Atoi(to); err != nil {
				return false
			}
		}
		for n := a; n <= b; n++ {
			fn(n)
		}
	}
	return true
}

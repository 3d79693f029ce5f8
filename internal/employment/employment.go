// Package employment holds how people come, change and go: one record for each event, opened from what their own records say, with the
// steps it calls for and what the sources show of it. The one rule: an exit is closed only when every source of accounts was read
// completely after it, and none shows an account that can still be used; what was not read is not proved.
package employment

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kinds are the kinds of this room.
func Kinds() []record.Kind { return []record.Kind{ChangeKind(), ReviewKind()} }

// What the sources show of an account.
const (
	Enabled  = "enabled"
	Disabled = "disabled"
	Gone     = "gone"    // it was there, and a complete read shows it no more
	Unclear  = "unknown" // the source does not say, or was not read
	None     = "none"    // the source holds no account of theirs
)

// Proof is what one source shows of one account, or of having none.
type Proof struct {
	Source  string    `json:"source"`
	Account string    `json:"account,omitempty"`
	Kind    string    `json:"kind,omitempty"`
	State   string    `json:"state"`
	Since   time.Time `json:"since,omitzero"`   // from when on the source said so, as read
	ReadAt  time.Time `json:"read_at,omitzero"` // the last complete read
	After   bool      `json:"after"`            // that read was after the leaving time, and is fresh
	Why     string    `json:"why,omitempty"`
}

// Proved says whether nothing can be used there any more, as read after the person left.
func (p Proof) Proved() bool {
	return p.After && (p.State == Disabled || p.State == Gone || p.State == None)
}

// Job is what a person's record says of their work here.
type Job struct {
	Manager    string `json:"manager,omitempty"`
	Title      string `json:"title,omitempty"`
	Department string `json:"department,omitempty"`
}

// Change is one event as its record says it.
type Change struct {
	Key         string    `json:"-"`
	Sort        string    `json:"sort"`
	Person      string    `json:"person"`
	On          string    `json:"on"`
	LastWorked  string    `json:"last_worked"`
	ToldOn      string    `json:"told_on"`
	Was         Job       `json:"was"`
	Became      Job       `json:"became"`
	Proofs      []Proof   `json:"proofs"`
	Systems     *int      `json:"systems"`
	Unread      *int      `json:"unread"`
	FirstAccess string    `json:"first_access"`
	LookedAt    time.Time `json:"looked_at"`
	State       string    `json:"state"`
	ConfirmedBy string    `json:"confirmed_by"`
	ConfirmedAt time.Time `json:"confirmed_at"`
	OpenedAt    time.Time `json:"opened_at"`
	ClosedBy    string    `json:"closed_by"`
	ClosedAt    time.Time `json:"closed_at"`
	Withdrawn   string    `json:"withdrawn_reason"`
}

// Read reads the record of one.
func Read(v record.Version) (Change, error) {
	c := Change{}
	if err := json.Unmarshal(v.Body, &c); err != nil {
		return c, fmt.Errorf("read the change %s: %w", v.Key, err)
	}
	c.Key = v.Key
	return c, nil
}

// ChangeKind declares the event: open, closed; withdrawn when what the person's record said was taken back. Only the program opens one.
func ChangeKind() record.Kind {
	job := []record.Field{{Name: "manager", Type: record.Ref, Refers: "person"}, {Name: "title", Title: "Position", Type: record.Text}, {Name: "department", Type: record.Text}}
	return record.Kind{
		Name: "employment_change", Title: "Employment change", Plural: "Employment changes", Group: "Program",
		Help:  "That somebody joins, changes their work here, or leaves, with what it calls for and what the sources show.",
		Label: "label",
		Fields: []record.Field{
			{Name: "label", Title: "Event", Type: record.Text, Fixed: true, Personal: true},
			{Name: "sort", Type: record.Choice, Required: true, Indexed: true, Choices: []string{"joiner", "mover", "leaver"}},
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "on", Title: "Day", Type: record.Date, Required: true, Indexed: true, Help: "The first day, the day of the change, or the last working day."},
			{Name: "reason", Type: record.Choice, Choices: []string{"voluntary", "involuntary", "contract_ended", "retired", "died"}, Hidden: true, Help: "Of somebody who leaves, as far as others need to know."},
			{Name: "note", Type: record.Long, Hidden: true},
			{Name: "last_worked", Title: "Last working time", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "told_on", Title: "Told on", Type: record.Date, Fixed: true, Hidden: true, Help: "When the person's record said so for the first time."},
			{Name: "was", Type: record.Object, Fixed: true, Hidden: true, Fields: job},
			{Name: "became", Type: record.Object, Fixed: true, Hidden: true, Fields: job},
			{Name: "proofs", Type: record.Object, List: true, Fixed: true, Hidden: true, Help: "What each source shows. Sources that were read and hold nothing are only counted.", Fields: []record.Field{
				{Name: "source", Type: record.Text}, {Name: "account", Type: record.Text}, {Name: "kind", Type: record.Text},
				{Name: "state", Type: record.Choice, Choices: []string{Enabled, Disabled, Gone, Unclear, None}},
				{Name: "since", Type: record.Time}, {Name: "read_at", Type: record.Time}, {Name: "after", Type: record.Bool}, {Name: "why", Type: record.Text},
			}},
			{Name: "systems", Title: "Sources of accounts", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "unread", Title: "Of them not read since", Type: record.Integer, Fixed: true, Hidden: true},
			{Name: "first_access", Title: "First access seen", Type: record.Date, Fixed: true, Hidden: true, Help: "The first day on which a source listed an account of theirs that could be used."},
			{Name: "looked_at", Type: record.Time, Fixed: true, Hidden: true, Help: "When the sources were last compared."},
			{Name: record.StateField, Type: record.Choice, Choices: changeMachine().States(), Fixed: true, Indexed: true},
			{Name: "opened_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "confirmed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "confirmed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "rights", Title: "Rights after the change", Type: record.Choice, Choices: []string{"as_they_should_be", "to_be_removed"}, Fixed: true, Hidden: true},
			{Name: "rights_note", Title: "What is removed, or why all stays", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "closed_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "closed_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "outcome", Type: record.Long, Fixed: true, Hidden: true},
			{Name: "withdrawn_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true},
			{Name: "withdrawn_at", Type: record.Time, Fixed: true, Hidden: true},
			{Name: "withdrawn_reason", Type: record.Long, Fixed: true, Hidden: true},
		},
		States: changeMachine(), Guard: written, Check: checkChange,
	}
}

func changeMachine() *record.Machine {
	return &record.Machine{
		Initial: "open", At: "opened_at",
		Moves: []record.Move{
			{Name: "confirm", Title: "Confirm rights", From: []string{"open"}, By: "confirmed_by", At: "confirmed_at", Guard: confirm,
				Fields: []record.Field{
					{Name: "rights", Title: "Rights after the change", Type: record.Choice, Required: true, Choices: []string{"as_they_should_be", "to_be_removed"}, Help: "Whether what they may do fits the new work."},
					{Name: "rights_note", Title: "What is removed, or why all stays", Type: record.Long, Required: true, Help: "Name the systems and rights."},
				}},
			{Name: "close", Title: "Close", From: []string{"open"}, To: "closed", By: "closed_by", At: "closed_at", Guard: closing,
				Fields: []record.Field{{Name: "outcome", Type: record.Long, Required: true, Help: "Say what was looked at."}}},
			{Name: "withdraw", Title: "Withdraw", From: []string{"open"}, To: "withdrawn", By: "withdrawn_by", At: "withdrawn_at", Job: true, Guard: apart("withdraw"),
				Fields: []record.Field{{Name: "withdrawn_reason", Title: "Reason", Type: record.Long, Required: true, Help: "Say what turned out otherwise."}}},
		},
	}
}

// ReviewKind declares that a manager reviewed somebody's work. What was said in it stays where it was said: only that it was held, when,
// by whom, and that duties for controls were spoken of.
func ReviewKind() record.Kind {
	return record.Kind{
		Name: "performance_review", Title: "Performance review", Plural: "Performance reviews", Group: "Program",
		Help: "That somebody's work was reviewed on a day. What was said stays in the personnel file.",
		Fields: []record.Field{
			{Name: "person", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "on", Title: "Held on", Type: record.Date, Required: true, Indexed: true},
			{Name: "reviewer", Type: record.Ref, Refers: "person", Required: true, Indexed: true},
			{Name: "competence", Title: "Competence was covered", Type: record.Bool},
			{Name: "duties", Title: "Duties for controls were covered", Type: record.Bool},
			{Name: "reference", Type: record.Text, Hidden: true, Help: "Where it is kept."},
		},
		Guard: func(_, after map[string]any, actor record.Actor) error {
			who := text(after, "person")
			if who == text(after, "reviewer") {
				return fault.New(fault.Invalid, "Nobody reviews their own work.").WithNext("Name the manager who held the review.")
			}
			if actor.IsJob() {
				return nil
			}
			return record.Apart(actor, "record this review", record.Party{Role: "the one who was reviewed", Stamp: who})
		},
		Check: func(look record.Look, _, after map[string]any, _ record.Actor) error {
			if day := look.At.UTC().AddDate(0, 0, 1).Format(time.DateOnly); text(after, "on") >= day {
				return fault.New(fault.Invalid, "%s has not come yet.", text(after, "on")).WithNext("Record the review once it was held.")
			}
			return nil
		},
	}
}

func text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

func decode(body map[string]any) (Change, error) {
	c := Change{}
	b, err := json.Marshal(body)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		err = fmt.Errorf("read a change of employment: %w", err)
	}
	return c, err
}

// written lets only the program open one, and nobody change whose it is.
func written(before, after map[string]any, actor record.Actor) error {
	if actor.IsJob() {
		return nil
	}
	if before == nil {
		return fault.New(fault.Denied, "Changes of employment are opened by Tickmark, from what people's records say.").
			WithNext("Enter the first day, the manager or the last working day on the person.")
	}
	for _, f := range []string{"sort", "person", "on"} {
		if before[f] != after[f] {
			return fault.New(fault.Invalid, "%s comes from the person's record.", f).WithNext("Change it there; this record follows.")
		}
	}
	return apart("change this")(before, after, actor)
}

// apart keeps everybody out of the handling of their own coming, changing and going.
func apart(act string) func(before, after map[string]any, actor record.Actor) error {
	return func(before, _ map[string]any, actor record.Actor) error {
		if actor.IsJob() {
			return nil
		}
		return record.Apart(actor, act, record.Party{Role: "the one it is about", Stamp: text(before, "person")})
	}
}

func confirm(before, after map[string]any, actor record.Actor) error {
	if err := apart("confirm these rights")(before, after, actor); err != nil {
		return err
	}
	c, err := decode(before)
	switch {
	case err != nil:
		return err
	case c.Sort != "mover":
		return fault.New(fault.Conflict, "Rights are confirmed when somebody changes their work, and this is a %s.", c.Sort).WithNext("Do the steps that it has.")
	case !c.ConfirmedAt.IsZero():
		return fault.New(fault.Conflict, "The rights were confirmed already, by %s.", c.ConfirmedBy).WithNext("Do the steps that are left.")
	case c.Became.Manager != "" && c.Became.Manager != actor.Person:
		return fault.New(fault.Denied, "Only %s, the new manager, can confirm what they may do.", c.Became.Manager).WithNext("Ask them.")
	}
	return nil
}

// stale is how old the last comparison with the sources may be when an exit is closed by it.
const stale = 2 * time.Hour

// closing refuses what is not shown by the sources.
func closing(before, after map[string]any, actor record.Actor) error {
	if err := apart("close this")(before, after, actor); err != nil {
		return err
	}
	c, err := decode(before)
	if err != nil {
		return err
	}
	if at, err := time.Parse(time.RFC3339, text(after, "closed_at")); c.Sort == "leaver" && (err != nil || at.Sub(c.LookedAt) > stale) {
		return fault.New(fault.Conflict, "It can't be closed: the sources were last compared on %s.", c.LookedAt.Format("2 January 2006 15:04")).
			WithNext("Let the server run for some minutes, which compares them, and close it then.")
	}
	if open := c.Blocks(); len(open) > 0 {
		more := ""
		if len(open) > 3 {
			more, open = fmt.Sprintf(", and %d more", len(open)-3), open[:3]
		}
		return fault.New(fault.Conflict, "It can't be closed: %s%s.", strings.Join(open, "; "), more).
			WithNext("Do what is left, read the sources again, and close it then.")
	}
	return nil
}

// Blocks are what the event itself still lacks before it can be closed, in words; its steps and the person's record come on top.
func (c Change) Blocks() []string {
	var out []string
	switch c.Sort {
	case "mover":
		if c.ConfirmedAt.IsZero() {
			out = append(out, "the new manager has not confirmed the rights")
		}
	case "leaver":
		if c.LookedAt.IsZero() || c.Systems == nil || *c.Systems == 0 {
			return []string{"no source of accounts is read, so that nothing shows that access ended"}
		}
		for _, p := range c.Proofs {
			if !p.Proved() {
				out = append(out, p.Words())
			}
		}
		if c.Unread != nil && *c.Unread > 0 && !slices.ContainsFunc(c.Proofs, func(p Proof) bool { return !p.Proved() }) {
			out = append(out, fmt.Sprintf("%d sources were not read since", *c.Unread))
		}
	}
	return out
}

// Words says what a proof shows.
func (p Proof) Words() string {
	what := p.Source
	if p.Account != "" {
		what = "the account " + p.Account + " of " + p.Source
	}
	switch {
	case p.State == Enabled:
		return what + " can still be used"
	case p.Why != "":
		return what + ": " + p.Why
	case !p.After:
		return what + " was not read completely since"
	case p.State == Unclear:
		return what + " does not say whether it can be used"
	}
	return what + " shows nothing that can be used"
}

// checkChange holds closing against the steps and the person's record, and opening against the person's being there.
func checkChange(look record.Look, before, after map[string]any, _ record.Actor) error {
	if before == nil || text(after, record.StateField) != "closed" || text(before, record.StateField) == "closed" {
		return nil
	}
	open, err := Left(look, text(before, "sort"), text(before, "person"), func() ([]record.Version, error) {
		all, err := look.Find("task", "person", text(before, "person"))
		return slices.DeleteFunc(all, func(v record.Version) bool { return !strings.HasPrefix(v.Key, stepPrefix(before)) }), err
	})
	if err != nil || len(open) == 0 {
		return err
	}
	return fault.New(fault.Conflict, "It can't be closed: %s.", strings.Join(open, "; ")).WithNext("Finish the steps, have another person verify them, and fill in what the person's record lacks.")
}

// Left are the steps that are not finished and what the person's record lacks, in words.
func Left(look record.Look, sort, person string, steps func() ([]record.Version, error)) ([]string, error) {
	tasks, err := steps()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range tasks {
		var t struct{ Title, State string }
		if err := json.Unmarshal(v.Body, &t); err != nil {
			return nil, fmt.Errorf("read task %s: %w", v.Key, err)
		}
		if t.State != "verified" && t.State != "cancelled" {
			out = append(out, fmt.Sprintf("%q is %s", t.Title, strings.ReplaceAll(t.State, "_", " ")))
		}
	}
	if sort != "joiner" {
		return out, nil
	}
	v, err := look.Get("person", person)
	if err != nil {
		return nil, err
	}
	var p struct {
		Screened string
		Terms    string `json:"terms_signed"`
	}
	if err := json.Unmarshal(v.Body, &p); err != nil {
		return nil, fmt.Errorf("read person %s: %w", person, err)
	}
	if p.Screened == "" {
		out = append(out, "no cleared screening is on record")
	}
	if p.Terms == "" {
		out = append(out, "no signed terms are on record")
	}
	return out, nil
}

func stepPrefix(body map[string]any) string {
	return Key(text(body, "sort"), text(body, "person"), text(body, "on")) + "-"
}

// Key is the key of an event: each of its sort, of a person, on a day, there is once.
func Key(sort, person, on string) string { return sort + "-" + person + "-" + on }

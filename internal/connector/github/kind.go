package github

import (
	"strings"

	"tickmark/internal/record"
)

// The kinds this connector hands over.
const (
	KindOrganization = "github_organization"
	KindMember       = "github_member"
	KindOutside      = "github_outside_collaborator"
	KindTeam         = "github_team"
	KindTeamMember   = "github_team_member"
	KindRepository   = "github_repository"
	KindRuleset      = "github_ruleset"
	KindPull         = "github_pull_request"
	KindPush         = "github_push"
	KindDeployment   = "github_deployment"
	KindEnvironment  = "github_environment"
	KindDeployKey    = "github_deploy_key"
	KindApp          = "github_app"
	KindWebhook      = "github_webhook"
	KindDependabot   = "github_dependabot_alert"
	KindCodeScanning = "github_code_scanning_alert"
	KindSecret       = "github_secret_alert"
	KindAudit        = "github_audit_event"
)

func kind(name, title, plural, label, help string, fields []record.Field, views ...record.View) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "GitHub", Collected: true, Label: label, Fields: fields, Views: views}
}

func text(name string) record.Field  { return record.Field{Name: name, Type: record.Text} }
func yesNo(name string) record.Field { return record.Field{Name: name, Type: record.Bool} }
func at(name string) record.Field    { return record.Field{Name: name, Type: record.Time} }
func number(name string) record.Field {
	return record.Field{Name: name, Type: record.Integer, Hidden: true}
}

func hidden(f record.Field) record.Field   { f.Hidden = true; return f }
func indexed(f record.Field) record.Field  { f.Indexed = true; return f }
func personal(f record.Field) record.Field { f.Personal = true; return f }
func volatile(f record.Field) record.Field { f.Volatile, f.Hidden = true, true; return f }

func help(f record.Field, title, text string) record.Field { f.Title, f.Help = title, text; return f }

// object is a member with members.
func object(name string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Type: record.Object, Fields: fields, Hidden: true}
}

func list(f record.Field) record.Field { f.List = true; return f }

// moving are members that change all the time and say nothing that is judged.
func moving(names string) (out []record.Field) {
	for name := range strings.FieldsSeq(names) {
		out = append(out, volatile(record.Field{Name: name, Type: record.JSON}))
	}
	return out
}

// user is an account as GitHub names it.
func user(name string) record.Field {
	return object(name, personal(text("login")), number("id"), text("type"))
}

func repositoryField(name string) record.Field {
	return indexed(help(text(name), "Repository", "As OWNER/NAME."))
}

func organizationKind() record.Kind {
	return kind(KindOrganization, "Organisation", "Organisations", "login", "An organisation at GitHub, with what its owners have set for all of it.", append([]record.Field{
		text("login"), text("name"), number("id"),
		help(yesNo("two_factor_requirement_enabled"), "Second factor required", "Only an owner's credential is told."),
		help(text("default_repository_permission"), "Base permission", "What every member may do in every repository."),
		hidden(yesNo("members_can_create_public_repositories")), hidden(yesNo("members_can_invite_outside_collaborators")),
		hidden(yesNo("members_can_delete_repositories")), hidden(yesNo("members_can_change_repo_visibility")), hidden(yesNo("web_commit_signoff_required")),
		object("plan", append(moving("seats filled_seats space private_repos"), text("name"))...),
		object("actions_permissions", text("enabled_repositories"), text("allowed_actions"), yesNo("sha_pinning_required")),
		object("actions_workflow", text("default_workflow_permissions"), yesNo("can_approve_pull_request_reviews")),
	}, moving("updated_at followers following public_repos public_gists total_private_repos owned_private_repos private_gists disk_usage collaborators")...))
}

func account() []record.Field {
	return []record.Field{indexed(personal(text("login"))), number("id"), hidden(text("type")), hidden(yesNo("site_admin")),
		help(yesNo("two_factor_disabled"), "No second factor", "Absent when the credential is not an owner's.")}
}

func memberKind() record.Kind {
	return kind(KindMember, "Member", "Members", "login", "An account that is a member of the organisation.",
		append(account(), indexed(help(yesNo("owner"), "Owner", "May do anything in the organisation."))),
		record.View{Name: "account", Fields: map[string]string{"id": "r.login", "enabled": "true", "admin": "r.owner", "mfa": "!r.two_factor_disabled",
			"external": "false", "service": `r.type == "Bot"`}})
}

func outsideKind() record.Kind {
	return kind(KindOutside, "Outside collaborator", "Outside collaborators", "login", "An account outside the organisation that may work in some of its repositories.", account(),
		record.View{Name: "account", Fields: map[string]string{"id": "r.login", "enabled": "true", "admin": "false", "mfa": "!r.two_factor_disabled",
			"external": "true", "service": `r.type == "Bot"`}})
}

func teamKind() record.Kind {
	return kind(KindTeam, "Team", "Teams", "name", "A team of the organisation.", []record.Field{
		text("name"), indexed(text("slug")), number("id"), text("privacy"), text("permission"), object("parent", text("name"), text("slug"))})
}

func teamMemberKind() record.Kind {
	return kind(KindTeamMember, "Team member", "Team members", "login", "That an account is in a team, itself or by a team below it.", []record.Field{
		indexed(personal(text("login"))), indexed(text("team")), number("id"), hidden(text("type"))})
}

// counters of a repository, wherever it is told of.
const counters = `pushed_at updated_at size stargazers_count watchers_count watchers forks_count forks open_issues_count open_issues network_count subscribers_count
	score permissions role_name`

func repositoryKind() record.Kind {
	enabled := func(name string) record.Field { return object(name, text("status")) }
	on := func(name string) record.Field { return object(name, yesNo("enabled")) }
	actors := []record.Field{list(object("users", text("login"))), list(object("teams", text("slug"))), list(object("apps", text("slug")))}
	return kind(KindRepository, "Repository", "Repositories", "full_name", "A repository with the rules that hold for its default branch: the branch's own protection, and those of rulesets.",
		append([]record.Field{
			indexed(text("full_name")), hidden(text("name")), number("id"), indexed(text("visibility")), hidden(yesNo("private")), indexed(yesNo("archived")), hidden(yesNo("fork")),
			hidden(yesNo("disabled")), text("default_branch"), hidden(yesNo("delete_branch_on_merge")), {Name: "temp_clone_token", Type: record.Text, Secret: true, Hidden: true},
			object("security_and_analysis", enabled("advanced_security"), enabled("secret_scanning"), enabled("secret_scanning_push_protection"), enabled("dependabot_security_updates")),
			help(yesNo("vulnerability_alerts"), "Dependency alerts", "Whether Dependabot tells of known vulnerabilities."),
			help(object("protection",
				object("required_pull_request_reviews", number("required_approving_review_count"), yesNo("dismiss_stale_reviews"), yesNo("require_code_owner_reviews"),
					yesNo("require_last_push_approval"), object("bypass_pull_request_allowances", actors...)),
				object("required_status_checks", yesNo("strict"), list(text("contexts")), list(object("checks", text("context")))),
				on("enforce_admins"), on("allow_force_pushes"), on("allow_deletions"), on("required_signatures"), on("required_linear_history"), on("lock_branch"),
			), "Branch protection", "Of the default branch; null when it has none."),
			help(list(object("rules", text("type"), text("ruleset_source_type"), text("ruleset_source"), number("ruleset_id"),
				object("parameters", number("required_approving_review_count"), yesNo("dismiss_stale_reviews_on_push"), yesNo("require_code_owner_review"),
					yesNo("require_last_push_approval"), yesNo("strict_required_status_checks_policy"), list(object("required_status_checks", text("context"))))),
			), "Rules", "Of every active ruleset that holds for the default branch."),
		}, moving(counters)...))
}

func rulesetKind() record.Kind {
	return kind(KindRuleset, "Ruleset", "Rulesets", "name", "A ruleset that holds for a repository, its own or the organisation's, and who may bypass it.", append([]record.Field{
		indexed(number("id")), text("name"), repositoryField("repository"), yesNo("repository_archived"), text("target"), text("enforcement"), text("source_type"), text("source"),
		help(list(object("bypass_actors", number("actor_id"), text("actor_type"), text("bypass_mode"))), "Who may bypass it", "Absent when the credential may not see that."),
		{Name: "rules", Type: record.JSON, Hidden: true}, {Name: "conditions", Type: record.JSON, Hidden: true}, hidden(at("updated_at")),
	}, moving("current_user_can_bypass")...))
}

func pushKind() record.Kind {
	k := kind(KindPush, "Branch update", "Branch updates", "activity_type", "What moved the default branch: a merged pull request, or a push that went around one.", []record.Field{
		repositoryField("repository"), indexed(text("activity_type")), text("ref"), hidden(text("before")), indexed(text("after")), at("timestamp"), user("actor")})
	k.Occurred = "timestamp"
	return k
}

func deploymentKind() record.Kind {
	k := kind(KindDeployment, "Deployment", "Deployments", "environment", "A deployment that was made or asked for through GitHub, with how it went.", []record.Field{
		repositoryField("repository"), indexed(text("environment")), text("sha"), text("ref"), hidden(text("task")), number("id"), user("creator"), at("created_at"), volatile(at("updated_at")),
		list(object("statuses", text("state"), at("created_at"), user("creator"))),
	}, record.View{Name: "deployment", Fields: map[string]string{
		"id": `r.repository + "#" + string(r.id)`, "system": "r.repository", "environment": "r.environment", "commit": "r.sha", "at": "r.created_at", "by": "r.creator.login",
		// GitHub calls what a later deployment replaced inactive; that it had succeeded stays true.
		"status": `r.statuses.exists(s, s.state == "success") ? "success" : r.statuses.size() == 0 ? "none" : r.statuses[0].state`,
	}})
	k.Occurred = "created_at"
	return k
}

func environmentKind() record.Kind {
	return kind(KindEnvironment, "Environment", "Environments", "name", "A place to deploy to, and what must happen before.", []record.Field{
		indexed(text("name")), repositoryField("repository"), yesNo("repository_archived"), number("id"),
		list(object("protection_rules", text("type"), yesNo("prevent_self_review"), number("wait_timer"), list(object("reviewers", text("type"))))),
		help(object("deployment_branch_policy", yesNo("protected_branches"), yesNo("custom_branch_policies")), "Branches", "From which it may be deployed; null when from any."),
		hidden(at("updated_at"))})
}

func deployKeyKind() record.Kind {
	return kind(KindDeployKey, "Deploy key", "Deploy keys", "title", "A key that reads or writes one repository without being anybody's account.", []record.Field{
		text("title"), repositoryField("repository"), yesNo("repository_archived"), number("id"), yesNo("read_only"), hidden(yesNo("verified")), hidden(yesNo("enabled")), at("created_at"),
		indexed(personal(text("added_by"))), {Name: "last_used", Type: record.Time, Volatile: true}, hidden(text("key"))})
}

func appKind() record.Kind {
	return kind(KindApp, "App", "Apps", "app_slug", "A GitHub App that is installed in the organisation, and what it may do.", []record.Field{
		text("app_slug"), number("id"), number("app_id"), text("repository_selection"), {Name: "permissions", Type: record.JSON, Hidden: true}, hidden(list(text("events"))),
		at("created_at"), at("suspended_at"), volatile(at("updated_at"))})
}

func webhookKind() record.Kind {
	return kind(KindWebhook, "Webhook", "Webhooks", "", "Where the organisation sends its events.", []record.Field{
		yesNo("active"), number("id"), list(text("events")),
		object("config", text("url"), text("content_type"), text("insecure_ssl"), record.Field{Name: "secret", Type: record.Text, Secret: true})})
}

func alertFields(more ...record.Field) []record.Field {
	return append([]record.Field{number("number"), indexed(text("state")), at("created_at"), at("fixed_at"), at("dismissed_at"), hidden(text("dismissed_reason")),
		user("dismissed_by"), object("repository", text("full_name")), volatile(at("updated_at"))}, more...)
}

// vulnerability is the view of an alert; severity and state are told in other words by each.
func vulnerability(title, severity, state, tool string) record.View {
	return record.View{Name: "vulnerability", Fields: map[string]string{"id": `r.repository.full_name + "#" + string(r.number)`, "title": title, "severity": severity,
		"asset": "r.repository.full_name", "detected": "r.created_at", "fixed": "r.fixed_at", "state": state, "tool": tool}}
}

func dependabotKind() record.Kind {
	return kind(KindDependabot, "Dependabot alert", "Dependabot alerts", "", "A known vulnerability in something a repository depends on.", alertFields(
		at("auto_dismissed_at"),
		object("security_advisory", text("ghsa_id"), text("cve_id"), text("summary"), text("severity")),
		object("dependency", text("manifest_path"), text("scope"), object("package", text("ecosystem"), text("name"))),
	), vulnerability("r.security_advisory.summary", "r.security_advisory.severity",
		`r.state == "auto_dismissed" ? "dismissed" : r.state`, `"Dependabot"`))
}

func codeScanningKind() record.Kind {
	return kind(KindCodeScanning, "Code scanning alert", "Code scanning alerts", "", "What an analysis of the code found.", alertFields(
		object("rule", text("id"), text("description"), text("severity"), text("security_severity_level")), object("tool", text("name")),
		record.Field{Name: "most_recent_instance", Type: record.JSON, Volatile: true, Hidden: true},
	), vulnerability("r.rule.description",
		// The level of a security rule; others are told by how loud they are.
		`has(r.rule.security_severity_level) && r.rule.security_severity_level != null ? r.rule.security_severity_level :
			r.rule.severity == "error" ? "high" : r.rule.severity == "warning" ? "medium" : r.rule.severity == "note" ? "low" : "info"`,
		`r.state == "closed" ? "fixed" : r.state`, "r.tool.name"))
}

func secretKind() record.Kind {
	view := vulnerability("r.secret_type_display_name", `"critical"`,
		`r.state == "open" ? "open" : r.resolution == "revoked" ? "fixed" : "dismissed"`, `"Secret scanning"`)
	view.Fields["fixed"] = `r.resolution == "revoked" ? r.resolved_at : r.fixed_at`
	return kind(KindSecret, "Secret alert", "Secret alerts", "secret_type_display_name", "A secret that was found in code. The secret itself is not asked for.", alertFields(
		text("secret_type_display_name"), hidden(text("secret_type")), text("resolution"), at("resolved_at"), user("resolved_by"), yesNo("push_protection_bypassed"),
		hidden(text("validity")), record.Field{Name: "secret", Type: record.Text, Secret: true, Hidden: true}), view)
}

func auditKind() record.Kind {
	return kind(KindAudit, "Audit log entry", "Audit log entries", "action", "What somebody did in the organisation, from GitHub's own log.", []record.Field{
		indexed(text("action")), personal(text("actor")), personal(text("user")), text("repo"), hidden(text("team")), number("created_at"), hidden(text("_document_id")),
		hidden(text("permission")), hidden(text("operation_type")),
	}, record.View{Name: "grant", Where: `r.action in ["org.add_member", "org.update_member", "team.add_member", "repo.add_member", "repo.update_member"]`, Fields: map[string]string{
		"id": "r._document_id", "account": "r.user", "role": `has(r.permission) && r.permission != null ? r.permission : r.action`,
		"system": `has(r.repo) && r.repo != null ? r.repo : has(r.team) && r.team != null ? r.team : "organisation"`,
		"at":     "timestamp(r.created_at / 1000)", "by": "r.actor"}})
}

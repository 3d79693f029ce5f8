package gitlab

import (
	"strings"

	"tickmark/internal/record"
)

// The kinds this connector hands over.
const (
	KindGroup        = "gitlab_group"
	KindMember       = "gitlab_member"
	KindGroupToken   = "gitlab_group_token"
	KindProject      = "gitlab_project"
	KindProjectToken = "gitlab_project_token"
	KindEnvironment  = "gitlab_protected_environment"
	KindDeployment   = "gitlab_deployment"
	KindRequest      = "gitlab_merge_request"
)

func kind(name, title, plural, label, help string, fields []record.Field, views ...record.View) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "GitLab", Collected: true, Label: label, Fields: fields, Views: views}
}

func text(name string) record.Field  { return record.Field{Name: name, Type: record.Text} }
func yesNo(name string) record.Field { return record.Field{Name: name, Type: record.Bool} }
func at(name string) record.Field    { return record.Field{Name: name, Type: record.Time} }
func number(name string) record.Field {
	return record.Field{Name: name, Type: record.Integer, Hidden: true}
}

func hidden(f record.Field) record.Field  { f.Hidden = true; return f }
func indexed(f record.Field) record.Field { f.Indexed = true; return f }

func object(name string, fields ...record.Field) record.Field {
	return record.Field{Name: name, Type: record.Object, Fields: fields, Hidden: true}
}

func list(f record.Field) record.Field { f.List = true; return f }

// moving are members that change all the time and say nothing that is judged.
func moving(names string) (out []record.Field) {
	for name := range strings.FieldsSeq(names) {
		out = append(out, record.Field{Name: name, Type: record.JSON, Volatile: true, Hidden: true})
	}
	return out
}

func user(name string) record.Field {
	return object(name, record.Field{Name: "username", Type: record.Text, Personal: true}, number("id"), text("state"))
}

func groupKind() record.Kind {
	return kind(KindGroup, "Group", "Groups", "full_path", "A group at GitLab, with what its owners have set for all of it.", append([]record.Field{
		text("full_path"), text("name"), number("id"), text("visibility"), number("parent_id"),
		{Name: "require_two_factor_authentication", Type: record.Bool, Title: "Second factor required"}, number("two_factor_grace_period"),
		{Name: "runners_token", Type: record.Text, Secret: true, Hidden: true},
		{Name: "projects", Type: record.JSON, Volatile: true, Hidden: true}, {Name: "shared_projects", Type: record.JSON, Volatile: true, Hidden: true},
	}, moving("statistics root_storage_statistics")...))
}

func memberKind() record.Kind {
	return kind(KindMember, "Member", "Members", "username", "An account that is a member of the group, itself or by a group above or below it.", []record.Field{
		indexed(record.Field{Name: "username", Type: record.Text, Personal: true}), {Name: "name", Type: record.Text, Personal: true}, number("id"), indexed(text("state")),
		indexed(record.Field{Name: "access_level", Type: record.Integer, Help: "10 guest, 20 reporter, 30 developer, 40 maintainer, 50 owner."}),
		{Name: "email", Type: record.Email, Personal: true, Hidden: true}, hidden(at("created_at")), {Name: "expires_at", Type: record.Date, Hidden: true}, hidden(text("membership_state")),
	}, record.View{Name: "account", Fields: map[string]string{"id": "r.username", "name": "r.name", "email": "r.email", "enabled": `r.state == "active"`,
		"admin": "r.access_level >= 50", "service": "r.username.matches(" + botName + ")"}})
}

// botName is how GitLab names the accounts behind group and project tokens and service accounts.
const botName = `"^(project|group)_[0-9]+_bot|^service_account_"`

func tokenKind(name, title, plural string, more ...record.Field) record.Kind {
	return kind(name, title, plural, "name", "A token that acts without being anybody's account.", append([]record.Field{
		text("name"), number("id"), yesNo("active"), yesNo("revoked"), list(text("scopes")), number("access_level"), at("created_at"),
		{Name: "expires_at", Type: record.Date}, {Name: "last_used_at", Type: record.Time, Volatile: true}, number("user_id"), hidden(text("description"))}, more...),
		// What tokens of every service are asked: whether one is in force, since when and until when.
		record.View{Name: "token", Where: "r.active", Fields: map[string]string{"id": "string(r.id)", "name": "r.name", "created": "r.created_at", "expires": "r.expires_at", "purpose": "r.description"}})
}

func groupTokenKind() record.Kind { return tokenKind(KindGroupToken, "Group token", "Group tokens") }

func projectTokenKind() record.Kind {
	return tokenKind(KindProjectToken, "Project token", "Project tokens", indexed(text("project")), yesNo("project_archived"))
}

func projectKind() record.Kind {
	level := func(name string) record.Field {
		return list(object(name, number("access_level"), number("user_id"), number("group_id"), number("deploy_key_id")))
	}
	return kind(KindProject, "Project", "Projects", "path_with_namespace", "A project with the rules of its branches and of approval.", append([]record.Field{
		indexed(text("path_with_namespace")), number("id"), text("visibility"), indexed(yesNo("archived")), text("default_branch"), yesNo("only_allow_merge_if_pipeline_succeeds"),
		hidden(yesNo("allow_merge_on_skipped_pipeline")), hidden(yesNo("only_allow_merge_if_all_discussions_are_resolved")), hidden(text("merge_method")),
		{Name: "runners_token", Type: record.Text, Secret: true, Hidden: true},
		list(object("protected_branches", text("name"), level("push_access_levels"), level("merge_access_levels"), yesNo("allow_force_push"), yesNo("code_owner_approval_required"))),
		object("approvals", yesNo("reset_approvals_on_push"), yesNo("merge_requests_author_approval"), yesNo("merge_requests_disable_committers_approval"),
			yesNo("disable_overriding_approvers_per_merge_request")),
		list(object("approval_rules", number("id"), text("name"), text("rule_type"), number("approvals_required"), yesNo("applies_to_all_protected_branches"), list(object("protected_branches", text("name"))))),
	}, moving("last_activity_at updated_at star_count forks_count open_issues_count statistics import_status import_error permissions repository_storage")...))
}

func environmentKind() record.Kind {
	return kind(KindEnvironment, "Protected environment", "Protected environments", "name", "An environment that only some may deploy to.", []record.Field{
		indexed(text("name")), indexed(text("project")), yesNo("project_archived"),
		list(object("deploy_access_levels", number("access_level"), number("user_id"), number("group_id"), text("access_level_description"))),
		list(object("approval_rules", number("access_level"), number("user_id"), number("group_id"), number("required_approvals")))})
}

func deploymentKind() record.Kind {
	k := kind(KindDeployment, "Deployment", "Deployments", "sha", "A deployment that a pipeline made.", []record.Field{
		indexed(text("project")), number("id"), number("iid"), text("sha"), text("ref"), text("status"), at("created_at"), hidden(at("updated_at")), user("user"),
		object("environment", text("name"), text("tier")), {Name: "deployable", Type: record.JSON, Volatile: true, Hidden: true},
	}, record.View{Name: "deployment", Fields: map[string]string{"id": `r.project + "#" + string(r.id)`, "system": "r.project", "environment": "r.environment.name",
		"commit": "r.sha", "at": "r.created_at", "by": "r.user.username", "status": "r.status"}})
	k.Occurred = "created_at"
	return k
}

// A merged request is read with its approvals, the versions that were pushed and, by GraphQL, its commits with their authors.
//
// An approval counts when it came after the last version was pushed and before the merge, and by an account that is no bot.
// GitLab says when somebody approved only in its newer releases; before that it is unknown.
func requestKind() record.Kind {
	k := kind(KindRequest, "Merge request", "Merge requests", "title", "A merged request with its approvals, versions and commits.", append([]record.Field{
		indexed(text("project")), number("iid"), text("title"), user("author"), indexed(at("merged_at")), user("merge_user"), hidden(text("default_branch")), hidden(text("target_branch")),
		hidden(text("source_branch")), hidden(text("sha")), hidden(text("merge_commit_sha")), hidden(text("squash_commit_sha")), hidden(text("web_url")), hidden(at("created_at")),
		object("head_pipeline", text("status"), text("sha")),
		{Name: "description", Type: record.Long, Hidden: true, Personal: true},
		object("approvals", list(object("approved_by", user("user"), at("approved_at")))),
		list(object("versions", number("id"), text("head_commit_sha"), at("created_at"))),
		object("commits", list(object("nodes", text("sha"), text("authorEmail"), record.Field{Name: "message", Type: record.Long}, object("author", text("username"), yesNo("bot")))),
			object("pageInfo", yesNo("hasNextPage"))),
	}, moving("updated_at user_notes_count upvotes downvotes time_stats task_completion_status references merge_status detailed_merge_status changes_count user")...), record.View{
		Name: "change", Where: "r.target_branch == r.default_branch",
		Fields: map[string]string{
			"id": `r.project + "!" + string(r.iid)`, "title": "r.title", "author": "r.author.username", "merged_at": "r.merged_at", "merged_by": "r.merge_user.username",
			"repository": "r.project", "url": "r.web_url",
			// What the merge made of the branch: a merge commit, a squashed one, or the last of its own.
			"commit":  `has(r.merge_commit_sha) && r.merge_commit_sha != null ? r.merge_commit_sha : has(r.squash_commit_sha) && r.squash_commit_sha != null ? r.squash_commit_sha : r.sha`,
			"authors": with(authorsKnown + " ? authors : [authors][1]"), "approvers": approvers, "independent": with(independent),
			"checks_passed": `r.head_pipeline != null && r.head_pipeline.sha == r.sha && r.head_pipeline.status == "success"`,
		},
	})
	k.Occurred = "merged_at"
	return k
}

// machines write commits as co-authors and are nobody's second account.
const machines = `["noreply@anthropic.com", "noreply@openai.com", "cursoragent@cursor.com"]`

// with gives an expression the words coauthors (addresses), authors and approvers (user names).
func with(expression string) string {
	for _, w := range []struct{ name, means string }{{"approvers", approvers}, {"authors", authors}, {"coauthors", coauthors}} {
		expression = "cel.bind(" + w.name + ", " + w.means + ", " + expression + ")"
	}
	return expression
}

var (
	coauthors = oneLine(`r.commits.nodes.map(c, c.message).join("\n").split("\n").filter(l, l.lowerAscii().startsWith("co-authored-by:")).map(l,
		l.contains("<") && l.indexOf(">") > l.indexOf("<") ? l.substring(l.indexOf("<") + 1, l.indexOf(">")).lowerAscii() : "")`)
	linked  = `c.author != null && has(c.author.username)`
	authors = oneLine(`[r.author.username] + r.commits.nodes.filter(c, ` + linked + `).map(c, c.author.username)
		+ coauthors.filter(e, e.contains("-") && e.endsWith("@users.noreply.gitlab.com")).map(e, e.substring(e.indexOf("-") + 1, e.indexOf("@")))`)
	authorsKnown = oneLine(`(r.commits.nodes.size() > 0 && !r.commits.pageInfo.hasNextPage && r.commits.nodes.all(c, ` + linked + `)
		&& coauthors.all(e, e.contains("-") && e.endsWith("@users.noreply.gitlab.com") || e in ` + machines + ` || r.commits.nodes.exists(c, c.authorEmail.lowerAscii() == e)))`)
	// The newest version is the one of the commit that was merged; GitLab lists the newest first.
	approvers = oneLine(`r.approvals.approved_by.filter(a, !a.user.username.matches(` + botName + `)
		&& a.approved_at <= r.merged_at && r.versions.filter(v, v.head_commit_sha == r.sha).size() > 0
		&& r.versions.all(v, v.created_at <= a.approved_at || v.created_at > r.merged_at)).map(a, a.user.username)`)
	independent = oneLine(`!approvers.exists(a, !authors.exists(b, a.lowerAscii() == b.lowerAscii())) ? false : [true][` + authorsKnown + ` ? 0 : 1]`)
)

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

package gitea

import (
	"strings"

	"tickmark/internal/record"
)

// The kinds this connector hands over.
const (
	KindOrganization = "gitea_organization"
	KindMember       = "gitea_member"
	KindTeam         = "gitea_team"
	KindTeamMember   = "gitea_team_member"
	KindRepository   = "gitea_repository"
	KindDeployKey    = "gitea_deploy_key"
	KindPull         = "gitea_pull_request"
)

func kind(name, title, plural, label, help string, fields []record.Field, views ...record.View) record.Kind {
	return record.Kind{Name: name, Title: title, Plural: plural, Help: help, Group: "Gitea", Collected: true, Label: label, Fields: fields, Views: views}
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

const accountMoves = "last_login followers_count following_count starred_repos_count"

func user(name string) record.Field {
	return object(name, append(moving(accountMoves), personal(text("login")), number("id"))...)
}

func organizationKind() record.Kind {
	return kind(KindOrganization, "Organisation", "Organisations", "name", "An organisation at a Gitea or Forgejo server.", []record.Field{
		text("name"), text("full_name"), number("id"), text("visibility"), yesNo("repo_admin_change_team_access")})
}

func memberKind() record.Kind {
	return kind(KindMember, "Member", "Members", "login", "An account that is a member of the organisation.", append([]record.Field{
		indexed(personal(text("login"))), personal(text("full_name")), number("id"), {Name: "email", Type: record.Email, Personal: true, Hidden: true}, hidden(at("created")),
		{Name: "active", Type: record.Bool, Help: "Told only to an administrator of the server; others are told no."}, hidden(yesNo("prohibit_login")), hidden(yesNo("restricted")), hidden(yesNo("is_admin")),
	}, moving(accountMoves)...), record.View{Name: "account", Fields: map[string]string{"id": "r.login", "name": "r.full_name", "email": "r.email", "created": "r.created",
		// Yes where it is said; no cannot be told from not being allowed to know.
		"enabled": "[true][r.active && !r.prohibit_login ? 0 : 1]"}})
}

func teamKind() record.Kind {
	return kind(KindTeam, "Team", "Teams", "name", "A team of the organisation; the team Owners may do everything.", []record.Field{
		text("name"), number("id"), text("permission"), yesNo("includes_all_repositories"), yesNo("can_create_org_repo"), {Name: "units_map", Type: record.JSON, Hidden: true},
		object("organization", text("name"))})
}

func teamMemberKind() record.Kind {
	return kind(KindTeamMember, "Team member", "Team members", "login", "That an account is in a team.", append([]record.Field{
		indexed(personal(text("login"))), indexed(text("team")), text("team_permission"), number("id")}, moving(accountMoves)...))
}

const counters = `updated_at size stars_count forks_count watchers_count open_issues_count open_pr_counter release_counter permissions mirror_updated avatar_url`

func repositoryKind() record.Kind {
	return kind(KindRepository, "Repository", "Repositories", "full_name", "A repository with the protection of its branches.", append([]record.Field{
		indexed(text("full_name")), hidden(text("name")), number("id"), yesNo("private"), indexed(yesNo("archived")), yesNo("empty"), hidden(yesNo("mirror")), text("default_branch"),
		object("owner", append(moving(accountMoves), text("login"))...),
		list(object("branch_protections", text("rule_name"), yesNo("enable_push"), yesNo("enable_push_whitelist"), list(text("push_whitelist_usernames")), list(text("push_whitelist_teams")),
			yesNo("push_whitelist_deploy_keys"), yesNo("enable_force_push"), number("required_approvals"), yesNo("dismiss_stale_approvals"), yesNo("ignore_stale_approvals"),
			yesNo("block_admin_merge_override"), yesNo("enable_status_check"), list(text("status_check_contexts")), yesNo("block_on_outdated_branch"))),
	}, moving(counters)...))
}

func deployKeyKind() record.Kind {
	return kind(KindDeployKey, "Deploy key", "Deploy keys", "title", "A key that reads or writes one repository without being anybody's account.", []record.Field{
		text("title"), {Name: "of", Title: "Repository", Type: record.Text, Indexed: true}, number("id"), yesNo("read_only"), at("created_at"), hidden(text("fingerprint")), hidden(text("key")),
		{Name: "repository", Type: record.JSON, Volatile: true, Hidden: true}})
}

// Counted as an approval is a review that approves the very last commit, came before the merge, is not dismissed, and after
// which the same person asked for no changes. Where anybody may review, only one that Gitea calls official counts.
func pullKind() record.Kind {
	side := func(name string) record.Field {
		return object(name, text("ref"), text("sha"), object("repo", append(moving(counters), text("full_name"), text("default_branch"))...))
	}
	k := kind(KindPull, "Pull request", "Pull requests", "title", "A merged pull request with its reviews, commits and statuses.", append([]record.Field{
		indexed(number("number")), text("title"), user("user"), indexed(at("merged_at")), user("merged_by"), hidden(indexed(text("merge_commit_sha"))), hidden(text("html_url")), side("head"), side("base"),
		hidden(yesNo("merged")), hidden(at("created_at")), hidden(yesNo("repository_private")), {Name: "body", Type: record.Long, Hidden: true, Personal: true},
		list(object("reviews", number("id"), user("user"), text("state"), text("commit_id"), yesNo("stale"), yesNo("official"), yesNo("dismissed"), at("submitted_at"))),
		list(object("commits", text("sha"), user("author"), object("commit", record.Field{Name: "message", Type: record.Long}, object("author", personal(text("name")), personal(text("email")))))),
		object("status", text("state"), number("total_count"), record.Field{Name: "repository", Type: record.JSON, Volatile: true}),
	}, moving("updated_at comments review_comments mergeable")...), record.View{
		Name: "change", Where: "r.base.ref == r.base.repo.default_branch",
		Fields: map[string]string{
			"id": `r.base.repo.full_name + "#" + string(r.number)`, "title": "r.title", "author": "r.user.login", "merged_at": "r.merged_at", "merged_by": "r.merged_by.login",
			"repository": "r.base.repo.full_name", "commit": "r.merge_commit_sha", "url": "r.html_url",
			"authors": with(authorsKnown + " ? authors : [authors][1]"), "approvers": approvers, "independent": with(independent),
			"checks_passed": `r.status.total_count > 0 && r.status.state == "success"`,
		},
	})
	k.Occurred = "merged_at"
	return k
}

// machines write commits as co-authors and are nobody's second account.
const machines = `["noreply@anthropic.com", "noreply@openai.com", "cursoragent@cursor.com"]`

// with gives an expression the words coauthors (addresses), authors and approvers (logins).
func with(expression string) string {
	for _, w := range []struct{ name, means string }{{"approvers", approvers}, {"authors", authors}, {"coauthors", coauthors}} {
		expression = "cel.bind(" + w.name + ", " + w.means + ", " + expression + ")"
	}
	return expression
}

var (
	coauthors = oneLine(`r.commits.map(c, c.commit.message).join("\n").split("\n").filter(l, l.lowerAscii().startsWith("co-authored-by:")).map(l,
		l.contains("<") && l.indexOf(">") > l.indexOf("<") ? l.substring(l.indexOf("<") + 1, l.indexOf(">")).lowerAscii() : "")`)
	// Gitea names no account for an address that it does not know; the id of such an author is 0 or there is none.
	linked       = `c.author != null && has(c.author.login) && c.author.login != "" && c.author.id > 0`
	authors      = oneLine(`[r.user.login] + r.commits.filter(c, ` + linked + `).map(c, c.author.login)`)
	authorsKnown = oneLine(`(r.commits.size() > 0 && r.commits.all(c, ` + linked + `)
		&& coauthors.all(e, e in ` + machines + ` || r.commits.exists(c, c.commit.author.email.lowerAscii() == e)))`)
	approvers = oneLine(`r.reviews.filter(v, v.state == "APPROVED" && v.user != null && v.user.id > 0 && !v.dismissed && v.commit_id == r.head.sha
		&& v.submitted_at <= r.merged_at && (r.repository_private || v.official)
		&& !r.reviews.exists(w, w.user != null && w.user.id == v.user.id && w.state == "REQUEST_CHANGES" && w.submitted_at > v.submitted_at && w.submitted_at <= r.merged_at)
		).map(v, v.user.login)`)
	independent = oneLine(`!approvers.exists(a, !authors.exists(b, a.lowerAscii() == b.lowerAscii())) ? false : [true][` + authorsKnown + ` ? 0 : 1]`)
)

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

package github

import (
	"strings"

	"tickmark/internal/record"
)

// A pull request is read once it is merged, with its reviews, its commits and the checks of its last commit, all as GitHub
// states them. Who made the change and who approved it is worked out by the view from these, so that the reasoning stands with
// every answer that rests on it.
//
// Counted as an approval is a review that says so of the very last commit, came before the merge, was not dismissed, was not
// followed by a request for changes of the same person, and is by an account that is no bot and, where anybody may review,
// belongs to the organisation.
func pullKind() record.Kind {
	side := func(name string) record.Field {
		return object(name, text("ref"), text("sha"), object("repo", append(moving(counters), text("full_name"), text("default_branch"), yesNo("private"))...))
	}
	k := kind(KindPull, "Pull request", "Pull requests", "title", "A merged pull request with its reviews, commits and checks.", append([]record.Field{
		indexed(number("number")), text("title"), user("user"), indexed(at("merged_at")), user("merged_by"), hidden(at("created_at")), hidden(at("closed_at")),
		hidden(indexed(text("merge_commit_sha"))), hidden(text("html_url")), side("head"), side("base"), {Name: "body", Type: record.Long, Hidden: true, Personal: true},
		help(number("commits"), "How many commits", "GitHub lists at most 250 of them."),
		list(object("reviews", number("id"), user("user"), text("state"), text("commit_id"), at("submitted_at"), text("author_association"))),
		list(object("commit_list", text("sha"), user("author"),
			object("commit", record.Field{Name: "message", Type: record.Long}, object("author", personal(text("name")), personal(text("email")))))),
		list(object("check_runs", text("name"), text("status"), text("conclusion"))),
		list(object("status_list", text("context"), text("state"))),
	}, moving("updated_at comments review_comments mergeable mergeable_state rebaseable auto_merge")...), record.View{
		Name: "change", Where: "r.base.ref == r.base.repo.default_branch",
		Fields: map[string]string{
			"id": `r.base.repo.full_name + "#" + string(r.number)`, "title": "r.title", "author": "r.user.login", "merged_at": "r.merged_at", "merged_by": "r.merged_by.login",
			"repository": "r.base.repo.full_name", "commit": "r.merge_commit_sha", "url": "r.html_url",
			"authors": with(authorsKnown + " ? authors : [authors][1]"), "approvers": approvers, "independent": with(independent), "checks_passed": checksPassed,
		},
	})
	k.Occurred = "merged_at"
	return k
}

// Machines that write commits as co-authors and are nobody's second account.
var machines = `["noreply@anthropic.com", "noreply@openai.com", "cursoragent@cursor.com", "noreply@github.com"]`

// with gives an expression the words coauthors (addresses), authors (logins) and approvers (logins).
func with(expression string) string {
	for _, w := range []struct{ name, means string }{
		{"approvers", approvers},
		{"authors", authors},
		{"coauthors", coauthors},
	} {
		expression = "cel.bind(" + w.name + ", " + w.means + ", " + expression + ")"
	}
	return expression
}

var (
	// The trailers of every commit's message, as git has them. One without an address is "".
	coauthors = oneLine(`r.commit_list.map(c, c.commit.message).join("\n").split("\n").filter(l, l.lowerAscii().startsWith("co-authored-by:")).map(l,
		l.contains("<") && l.indexOf(">") > l.indexOf("<") ? l.substring(l.indexOf("<") + 1, l.indexOf(">")).lowerAscii() : "")`)
	// Who opened it, who is linked to a commit, and co-authors by the address that GitHub itself gives to an account.
	authors = oneLine(`[r.user.login] + r.commit_list.filter(c, ` + linked + `).map(c, c.author.login)
		+ coauthors.filter(e, e.endsWith("@users.noreply.github.com")).map(e, e.substring(e.indexOf("+") + 1, e.indexOf("@")))`)
	linked = `c.author != null && has(c.author.login)`
	// Every commit is listed and linked to an account, and every co-author is an account, a known machine or the address of such a commit.
	authorsKnown = oneLine(`(r.commit_list.size() == r.commits && r.commits > 0 && r.commit_list.all(c, ` + linked + `)
		&& coauthors.all(e, e.endsWith("@users.noreply.github.com") || e in ` + machines + ` || r.commit_list.exists(c, c.commit.author.email.lowerAscii() == e)))`)
	approvers = oneLine(`r.reviews.filter(v, v.state == "APPROVED" && v.user != null && v.user.type != "Bot" && !v.user.login.endsWith("[bot]") && v.commit_id == r.head.sha
		&& v.submitted_at <= r.merged_at && (r.base.repo.private || v.author_association in ["OWNER", "MEMBER", "COLLABORATOR"])
		&& !r.reviews.exists(w, w.user != null && w.user.id == v.user.id && w.state == "CHANGES_REQUESTED" && w.submitted_at > v.submitted_at && w.submitted_at <= r.merged_at)
		).map(v, v.user.login)`)
	// Nobody but known authors approved: no, whoever else wrote. Else it can be said only when every author is known; the list
	// that has no second member makes it unknown.
	independent  = oneLine(`!approvers.exists(a, !authors.exists(b, a.lowerAscii() == b.lowerAscii())) ? false : [true][` + authorsKnown + ` ? 0 : 1]`)
	checksPassed = oneLine(`r.check_runs.size() + r.status_list.size() > 0
		&& r.check_runs.all(c, c.status == "completed" && c.conclusion in ["success", "neutral", "skipped"]) && r.status_list.all(s, s.state == "success")`)
)

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

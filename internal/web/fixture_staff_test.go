package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/employment"
	"tickmark/internal/markdown"
	"tickmark/internal/policy"
	"tickmark/internal/training"
	"tickmark/internal/web/part"
	"tickmark/internal/web/people"
)

// staffFixtures are the pages of who comes, changes and goes, and of what people learn.
func staffFixtures() []fixture {
	within := func(title, section string, body templ.Component) templ.Component {
		return roomPage(framed(title, section, part.Crumb{Text: "People", Href: "/people"}, part.Crumb{Text: title}), body)
	}
	cards := []part.Stat{{Word: "Joining", Icon: "plus", N: 1, Small: "open", Href: "/people/changes?sort=joiner"}, {Word: "Changing", Icon: "refresh-cw", N: 1, Small: "open", Href: "/people/changes?sort=mover"}, {Word: "Leaving", Icon: "log-out", N: 1, Small: "open", Href: "/people/changes?sort=leaver", Current: true}}
	filter := part.Filter{Action: "/people/changes", NoWords: true, Found: "3 of 9", Groups: []part.Choice{{Name: "sort", Label: "What", Segments: true, Options: []part.Option{{Value: "", Text: "All"}, {Value: "leaver", Text: "Leavers"}}}}}
	leaver := people.ChangeRow{Href: "/people/changes/leaver-bo-2026-11-20", Name: "Bo With a Long Family Name", Person: "/people/bo", Sort: "leaver", On: "2026-11-20", State: "open", Steps: 4, Done: 1, Late: 1, Accounts: 3, Open: 2, Left: "the account 00u1 of okta can still be used"}
	proofs := []people.ProofRow{
		{Proof: employment.Proof{Source: "okta", Account: "00u1abcdefghijklmnop", Kind: "okta_user", State: employment.Enabled, Since: ago(40 * day), ReadAt: ago(3600e9), After: true}, Leaver: true},
		{Proof: employment.Proof{Source: "github", State: employment.Unclear, Why: "its accounts (github user) were not read completely of late"}, Leaver: true},
		{Proof: employment.Proof{Source: "web-1", Account: "bo", Kind: "host_account", State: employment.Gone, Since: ago(day), ReadAt: ago(3600e9), After: true}, Leaver: true},
		{Proof: employment.Proof{Source: "aws", Account: "bo", Kind: "aws_iam_user", State: employment.Disabled, Since: ago(day), ReadAt: ago(3600e9), After: true}, Leaver: true},
	}
	module := people.ModuleRow{Title: "Security awareness", Href: "/training/security-awareness", Topic: "Security awareness", Audience: "Everyone", Rhythm: "Every 12 months", State: "published", Edition: 2, Questions: 5, People: 212, Completed: 190, Assigned: 18, Overdue: 4}
	asked := []training.Question{{ID: "q1", Question: "A message asks you to pay an invoice today and to tell nobody. What do you do?", Options: []string{"Pay it and ask later", "Ask by a way you already know, and report it"}}, {ID: "q2", Question: "Where do passwords belong?", Options: []string{"In the vault", "In a note"}}}
	score := 80
	return []fixture{
		{path: "/people/changes", page: func() templ.Component {
			return within("Joining, changing, leaving", "/people", people.ShowChanges(people.Changes{Cards: cards, Filter: filter, Any: true, Rows: []people.ChangeRow{leaver,
				{Href: "/people/changes/joiner-cy-2027-01-04", Name: "Cy", Person: "/people/cy", Sort: "joiner", On: "2027-01-04", State: "open", Steps: 4, Left: "no cleared screening is on record"},
				{Href: "/people/changes/mover-di-2026-11-02", Name: "Di", Person: "/people/di", Sort: "mover", On: "2026-11-02", State: "closed", Steps: 2, Done: 2, Accounts: 4}}}))
		}},
		{path: "/people/changes-empty", page: func() templ.Component {
			return within("Joining, changing, leaving", "/people", people.ShowChanges(people.Changes{Cards: cards, Filter: filter}))
		}},
		{path: "/people/changes/leaver-bo-2026-11-20", page: func() templ.Component {
			return within("Bo leaves", "/people", people.ShowChange(people.ChangePage{ChangeRow: leaver, Key: "leaver-bo-2026-11-20", Title: "Bo leaves", Record: "/records/employment_change/leaver-bo-2026-11-20", Looked: true, Systems: 14, Unread: 1,
				Steps:  []people.Step{{Title: "Disable the accounts of Bo in okta", Href: "/records/task/a", Owner: "Ada", Due: "2026-11-20", State: "open", Late: true}, {Title: "Change what Bo knew", Href: "/records/task/b", Owner: "Ada", Due: "2026-11-23", State: "verified"}},
				Blocks: []string{"the account 00u1 of okta can still be used", "github was not read completely since"}, Proofs: proofs, Facts: []part.Fact{part.Say("Last working day", "2026-11-20"), part.Say("Entered on", "2026-11-02")}}))
		}},
		{path: "/people/changes/unread", page: func() templ.Component {
			return within("Cy joins", "/people", people.ShowChange(people.ChangePage{ChangeRow: people.ChangeRow{Name: "Cy", Person: "/people/cy", Sort: "joiner", On: "2027-01-04", State: "open"}, Key: "joiner-cy-2027-01-04", Title: "Cy joins", Record: "/records/employment_change/x", Looked: true}))
		}},
		{path: "/people/duties/ada", page: func() templ.Component {
			return within("Duties of Ada", "/people", people.ShowDuties(people.Sheet{Name: "Ada", Person: "/people/ada", Export: "/people/duties/ada?as=csv", Role: "Runs security.", Left: []string{"Risks"}, Facts: []part.Fact{part.Say("Position", "Head of security")},
				Rows: []people.Duty{{Sort: "Control", Title: "Administrators use a second factor", Href: "/records/control/AC-06", State: "active"}, {Sort: "Policy to know", Title: "Code of conduct", Due: "2026-10-01", Since: "2026-09-12", State: "acknowledged"}, {Sort: "Training", Title: "Security awareness", Due: "2026-11-10", State: "overdue"}}}))
		}},
		{path: "/policies/coverage", page: func() templ.Component {
			return within("Criteria and policies", "/policies", people.ShowCoverage(people.Covering{Cards: cards[:2], Titles: map[string]string{"access-control": "Access control policy", "backup": "Backup and restore"},
				Rows: []policy.Covered{{Criterion: "CC6.1", Title: "Access to systems is restricted", InForce: []string{"access-control"}}, {Criterion: "A1.2", Title: "Data can be brought back", Suggested: []string{"backup"}}}}))
		}},
		{path: "/training", page: func() templ.Component {
			return within("Training", "/training", people.ShowTraining(people.Catalogue{Rows: []people.ModuleRow{module, {Title: "Privacy", Href: "/training/privacy", Topic: "Privacy", Audience: "Groups", Rhythm: "Once", State: "draft"}}, Writes: true, Begin: []part.Option{{Value: "secure-development", Text: "Secure development"}}}))
		}},
		{path: "/training-empty", page: func() templ.Component {
			return within("Training", "/training", people.ShowTraining(people.Catalogue{Writes: true, Begin: []part.Option{{Value: "privacy", Text: "Privacy"}}}))
		}},
		{path: "/training/security-awareness", page: func() templ.Component {
			return within("Security awareness", "/training", people.ShowModule(people.ModulePage{ModuleRow: module, Key: "security-awareness", Record: "/records/training_module/security-awareness", HTML: markdown.HTML("# Security awareness\n\nBe slow when somebody is in a hurry."), Asked: asked,
				Filter: part.Filter{Action: "/training/security-awareness", Hint: "Filter by name", Found: "2 of 212"}, Pager: part.Pager{Shown: 2, Next: "/training/security-awareness?after=50", Note: "of 212"}, Facts: []part.Fact{part.Say("Pass mark", "80 percent")},
				Rows: []people.PersonStanding{{Name: "Cy", Href: "/people/cy", Due: "2026-11-01", State: "overdue", Late: true, Attempts: 2}, {Name: "Ada", Href: "/people/ada", Last: "2026-03-01", State: "completed", Late: true}}}))
		}},
		{path: "/me/training/t1", alone: true, page: func() templ.Component {
			return learnPage(framed("Security awareness", "/me"), LearnPage{Title: "Security awareness", HTML: markdown.HTML("# Security awareness\n\nBe slow when somebody is in a hurry."), Questions: asked, Action: "/me/training/t1", Pass: 80, Due: noon.Add(20 * day), Status: "due", SHA256: sha, Attempts: 1, Last: &training.Attempt{Right: 1, Of: 2}, Wrong: []int{2}})
		}},
		{path: "/me/training/t2", alone: true, page: func() templ.Component {
			return learnPage(framed("Privacy", "/me"), LearnPage{Title: "Privacy", HTML: markdown.HTML("# Privacy\n\nFor a purpose."), Status: "completed", CompletedOn: "2026-11-02", Score: &score, Attempts: 2, Late: true, SHA256: sha})
		}},
		{path: "/me/access", alone: true, page: func() templ.Component {
			return accessPage(framed("My access", "/me"), AccessPage{Accounts: fixtureAccounts(), Ask: "/new/access_request"})
		}},
		{path: "/me/access-empty", alone: true, page: func() templ.Component { return accessPage(framed("My access", "/me"), AccessPage{}) }},
		{path: "/me/report", alone: true, page: func() templ.Component {
			return reportFormPage(framed("Report something", "/me"), ReportForm{Wrong: "Say in a sentence what you saw."})
		}},
	}
}

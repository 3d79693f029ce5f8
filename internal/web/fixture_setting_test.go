package web

import (
	"fmt"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/check"
	stands "tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/web/chart"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

func settingFixtures() []fixture {
	page := func(title, href string) Page { return framed(title, href, settingCrumbs(title)...) }
	return []fixture{
		{path: "/settings", page: func() templ.Component {
			var v SettingsIndex
			for _, it := range settingPages()[1:] {
				v.Items = append(v.Items, SettingsItem{it, "What it says now, in a sentence"})
			}
			return settingsPage(framed("Settings", "/settings"), v)
		}},
		{path: "/settings/organisation", page: func() templ.Component {
			return organisationPage(page("Organisation and periods", "/settings/organisation"), OrganisationPage{Facts: []part.Fact{part.Say("Name", "Example Ltd"), part.Say("Time zone", "Europe/Berlin")}, Edit: "/records/organisation/organisation/edit", Editable: true,
				Periods: []PeriodRow{{Name: "FY26 Type II", Href: "/records/period/fy26", Report: "SOC 2 Type II", From: "2026-01-01", To: "2026-12-31", Fieldwork: "2027-01-11", Categories: "Security, Availability", State: "current"}, {Name: "FY27 Type II", Href: "/records/period/fy27", Report: "SOC 2 Type II", From: "2027-01-01", To: "2027-12-31", Categories: "Security", State: "planned"}}})
		}},
		{path: "/settings/checks", page: func() templ.Component {
			return checkSettingsPage(page("Checks and deadlines", "/settings/checks"), CheckSettings{Changes: true, Days: []part.Fact{part.Say("Critical", "7 days"), part.Say("High", "30 days"), part.Say("Medium", "90 days"), part.Say("Low", "180 days")},
				Filter: part.Filter{Action: "/settings/checks", Hint: "Filter by text or id", Found: "3 of 48"},
				Rows: []CheckSetting{{ID: "HOST-04", Title: "Root does not sign in by ssh", Severity: "critical"}, {ID: "HOST-09", Title: "Security updates are installed in time", Severity: "high", Own: true, Reason: "Agreed in the risk assessment of May", By: "person:ada", At: ago(9 * day), Values: []SettingValue{{"max_age_days", "Max age days", "14", "30"}}},
					{ID: "GIT-02", Title: "Commits are signed", Severity: "low", Off: true, Own: true, Reason: "Our releases are signed instead", By: "person:ada", At: ago(30 * day), Fault: "The check GIT-02 has no setting \"x\"."}}})
		}},
		{path: "/settings/jobs", page: func() templ.Component {
			return jobsPage(page("Jobs", "/settings/jobs"), JobList{Rows: []JobRow{
				{Title: "Judge what changed", Status: "waiting", By: "connection:git", Asked: ago(time.Minute), Stop: "/settings/jobs/4/stop"},
				{Title: "Collect", Target: part.Link{Text: "git", Href: "/sources/git"}, Status: "running", Said: "Commits", Done: 61_200, Of: 100_000, By: "person:ada", Asked: ago(2 * time.Minute), Began: ago(time.Minute), Took: time.Minute, Stop: "/settings/jobs/3/stop"},
				{Title: "Judge everything anew", Status: "running", By: "job:night", Asked: ago(time.Hour), Began: ago(time.Hour), Took: time.Hour, Stopping: true},
				{Title: "Collect", Target: part.Link{Text: "host", Href: "/sources/host"}, Status: "failed", Error: "The workspace cannot be written just now: the disk is full. Make room and try again.", By: "job:schedule", Asked: ago(day), Began: ago(day), Ended: ago(day).Add(3 * time.Second), Took: 3 * time.Second},
				{Title: "Collect", Target: part.Link{Text: "host", Href: "/sources/host"}, Status: "done", Said: "The run is complete", By: "job:schedule", Asked: ago(2 * day), Began: ago(2 * day), Ended: ago(2 * day).Add(2 * time.Second), Took: 2 * time.Second},
			}})
		}},
		{path: "/settings/retention", page: func() templ.Component {
			rule := RetentionRule{Key: "git_commit", Kind: "git_commit", Title: "Commits", Reason: "Old commits are in the repository", By: "person:ada", Days: 730, Since: ago(30 * day), Versions: 12_400, Bytes: 3_400_000, Young: 900,
				Kept: []part.Fact{part.Say("A check failed by it, or an answer that stands rests on it", "1,204")}}
			other := RetentionRule{Key: "host_package@build-1", Kind: "host_package", Title: "Packages", Source: "build-1", Reason: "It is rebuilt each day", By: "person:ada", Days: 400, Since: ago(day)}
			return retentionPage(page("Retention", "/settings/retention"), RetentionPage{Rules: []RetentionRule{rule, other}, Changes: true, Looked: true, Tried: &rule, Draft: RetentionDraft{"git_commit", "", "730", "Old commits are in the repository"},
				Kinds: []form.Option{{Key: "git_commit", Label: "Commits"}, {Key: "host_package", Label: "Packages"}}, Gone: []part.Fact{part.Say("Commits", "40,000 bodies, 12.1 MB, the last on 3 May 2026")}})
		}},
		{path: "/settings/version", page: func() templ.Component {
			return versionPage(page("Backup and version", "/settings/version"), VersionPage{Facts: []part.Fact{part.Say("Release", "v0.4.0"), part.Say("Database", "SQLite"), part.Say("Outside anchor", "None.")}, Backup: []string{"The database: tickmark.db in the workspace's directory.", "secret.key, which opens credentials."}})
		}},
		{path: "/settings/history", page: func() templ.Component {
			return settingsHistoryPage(page("History of settings", "/settings/history"), fixtureEvents())
		}},
	}
}

func fixtureTime() CheckTime {
	from, to := store.At(ago(30*day)), store.At(noon)
	e := stands.Effect{Of: "check", ID: "HOST-11", From: from, To: to, Line: stands.Line{Checked: 1, Coverage: 96.4, Failed: 2, Failures: 3, Hours: stands.Hours{Pass: 640, Fail: 60, Unknown: 20},
		Longest: &stands.Longest{Check: "HOST-11", Kind: "host_sshd", Key: "build-1", Label: "build-1", Reason: "PermitRootLogin is yes", From: store.At(ago(9 * day)), To: to}}}
	t := CheckTime{EffectView: EffectView{Path: "/checks/HOST-11/time", FromDay: "2026-05-01", ToDay: "2026-05-31", Windows: []part.Link{{Text: "30 days", Href: "/checks/HOST-11/time?from=2026-05-01&to=2026-05-31"}, {Text: "FY26 Type II", Href: "/checks/HOST-11/time?from=2026-01-01&to=2026-05-31"}}, E: e, CSV: "/effectiveness/HOST-11", JSON: "/api/v1/effectiveness/HOST-11", Records: true,
		Drawing: chart.Timeline("HOST-11", ago(30*day), noon, time.Time{}, time.UTC, []chart.Row{{Label: "As a whole", Intervals: marks([]check.Stretch{{From: from, To: to, Status: check.Fail}}, "HOST-11", from, to, time.UTC)}}),
		Lines:   []EffectLine{{Text: "HOST-11", Href: "/checks/HOST-11/time", Note: "Root does not sign in", Line: e.Line}},
		Fixes:   []FixRow{{Fix: stands.Fix{Finding: "host-11", Title: "Root signs in by ssh", Check: "HOST-11", Severity: "high", State: "closed", Due: "2026-05-20", Late: true}, Href: "/findings/host-11", Since: ago(20 * day), Fixed: ago(2 * day), Took: 18 * day}},
		Gaps:    []TimeGap{{What: "ssh daemons of web-1", Reason: "The run did not end.", From: ago(20 * day), To: ago(19 * day)}}},
		Shares: []part.Fact{part.Say("Passing", "1,200"), part.Say("Failing", "60.0"), part.Say("Unknown", "20.0")}}
	pass, fail, unsure := make([]float64, 30), make([]float64, 30), make([]float64, 30)
	for i := range 30 {
		t.Labels = append(t.Labels, fmt.Sprintf("%d", i+1))
		pass[i], fail[i], unsure[i] = 40, float64(i%7), float64(time.Duration(i)%3)
	}
	t.Series = []chart.Series{{Name: "Passing", Class: "pass", Values: pass}, {Name: "Failing", Class: "fail", Values: fail}, {Name: "Unknown", Class: "unknown", Values: unsure}}
	return t
}

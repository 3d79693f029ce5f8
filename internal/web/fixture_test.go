package web

import (
	"fmt"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/markdown"
	"tickmark/internal/record"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

const day = 24 * time.Hour

type fixture struct {
	path  string
	alone bool
	page  func() templ.Component
}

func framed(title, section string, crumbs ...part.Crumb) Page {
	here, _ := url.Parse(section)
	if len(crumbs) == 0 {
		crumbs = []part.Crumb{{Text: title}}
	}
	return Page{Title: title, Section: section, Crumbs: crumbs, Frame: Frame{
		Organisation: "Example Ltd", Period: "FY26 Type II", Side: sidebar(), Settings: settingPages(), Reader: Reader{Login: "ada@example.org", Name: "Ada", Admin: true}, Here: here,
		Counts: map[string]int{"/findings": 3, "/checks": 7},
		Asset:  func(name string) string { return "/static/x/" + name },
	}}
}

func fixtures() []fixture {
	all := fixtureTrials()
	all = append(all, []fixture{
		{path: "/criteria", page: func() templ.Component {
			return criteriaPage(framed("Criteria", "/criteria", part.Crumb{Text: "Program"}, part.Crumb{Text: "Criteria"}), CriteriaList{
				Counts: part.Counts{Passing: 30, Attention: 5, Failing: 4, Unknown: 22},
				Filter: part.Filter{Action: "/criteria", Hint: "Filter by text or id", Found: "3 of 61", Groups: []part.Choice{part.StatusChoice(""), {Name: "category", Label: "Category", Options: []part.Option{{Value: "", Text: "All categories"}, {Value: "privacy", Text: "Privacy"}}}}},
				Groups: []CriteriaGroup{{ID: "CC6", Name: "Logical and physical access", Counts: part.Counts{Passing: 1, Failing: 1, Unknown: 1}, Rows: []CriterionRow{
					{ID: "CC6.1", Title: "Access to systems is restricted to who needs it", Category: "Common", Status: part.Failing, Points: 6, Answered: 3, Required: 5, Controls: 5, Checks: part.Counts{Passing: 8, Failing: 1}},
					{ID: "CC6.2", Title: "Access is granted and taken away in time", Category: "Common", Status: part.Passing, Points: 3, Controls: 3, Checks: part.Counts{Passing: 4}},
					{ID: "CC6.3", Title: "Roles and duties are kept apart", Category: "Common", Status: part.Unknown},
				}}},
			})
		}},
		{path: "/criteria/CC6.1", page: func() templ.Component {
			return criterionPage(framed("CC6.1", "/criteria", part.Crumb{Text: "Criteria", Href: "/criteria"}, part.Crumb{Text: "CC6.1"}), CriterionPage{
				ID: "CC6.1", Title: "Access to systems is restricted to who needs it", Series: "CC6", SeriesName: "Logical access", Category: "common", Record: "/records/criterion/CC6.1",
				Summary: "Software, infrastructure and data are protected by controls over who may reach them.", Intent: "Most incidents begin with an account that should not have had the access it had.",
				Answer:   fixtureAnswer(part.Failing),
				Controls: fixtureControls(), Offered: fixtureCatalogue(),
				Answered: 3, Required: 5, Focus: []Focus{{Key: "a", Text: "Assets are known and classified"}, {Key: "b", Text: "Personal data is kept apart", OnlyFor: []string{"privacy"}}},
			})
		}},
		{path: "/controls", page: func() templ.Component {
			return controlsPage(framed("Controls", "/controls", part.Crumb{Text: "Program"}, part.Crumb{Text: "Controls"}), ControlList{
				Counts: part.Counts{Passing: 14, Attention: 8, Failing: 6, Unknown: 4}, Rows: fixtureControls(), Offered: 95,
				Filter: part.Filter{Action: "/controls", Hint: "Filter by text, id or owner", Found: "4 of 32", Groups: []part.Choice{part.StatusChoice("")}},
			})
		}},
		{path: "/controls-empty", page: func() templ.Component {
			return controlsPage(framed("Controls", "/controls"), ControlList{Offered: 127, Filter: part.Filter{Action: "/controls", Hint: "Filter by text, id or owner"}})
		}},
		{path: "/controls/AC-06", page: func() templ.Component {
			return controlPage(framed("AC-06", "/controls", part.Crumb{Text: "Controls", Href: "/controls"}, part.Crumb{Text: "AC-06"}), ControlPage{
				ID: "AC-06", Title: "Administrators use a second factor", Statement: "Every account with administrative rights signs in with a second factor that resists phishing.",
				Answer: fixtureAnswer(part.Attention), Criteria: []part.Link{{Text: "CC6.1", Href: "/criteria/CC6.1"}}, State: "approved", OwnerRole: "security_lead", Frequency: "continuous", Nature: "preventive", Manner: "automated", Category: "access",
				Checks: fixtureChecks(), Evidence: []EvidenceRow{{Title: "Screenshot of the policy", Href: "/records/evidence/e1", From: ago(90 * day), To: noon, Received: ago(3 * day), SHA256: sha, By: "ada"}},
				Expected: []string{"List of administrators", "Export of factors in use"}, Findings: fixtureFindings(), History: fixtureEvents(), Record: "/records/control/AC-06", Key: "AC-06", Tabs: controlTabsOf("AC-06", "", nil),
			})
		}},
		{path: "/catalogue", page: func() templ.Component {
			return cataloguePage(framed("Catalogue", "/controls"), Catalogue{Rows: fixtureCatalogue(), Adopted: 32, Total: 127, Filter: part.Filter{Action: "/catalogue", Hint: "Filter by text or id"}})
		}},
		{path: "/checks", page: func() templ.Component {
			return checksPage(framed("Checks", "/checks", part.Crumb{Text: "Program"}, part.Crumb{Text: "Checks"}), CheckList{Counts: part.Counts{Passing: 21, Attention: 3, Failing: 2, Unknown: 7, Unconnected: 212}, Rows: fixtureChecks(), Current: "failing",
				Filter: part.Filter{Action: "/checks", Hint: "Filter by text, id or kind", Found: "4 of 33", Groups: []part.Choice{part.StatusChoice("failing")}}})
		}},
		{path: "/checks/changed", page: func() templ.Component {
			return checksPage(framed("Checks", "/checks", part.Crumb{Text: "Program"}, part.Crumb{Text: "Checks"}), CheckList{Counts: part.Counts{Passing: 21, Unknown: 8}, Rows: fixtureChecks(),
				Night:  check.Rechecked{At: 1_796_004_000_000_000, Checks: 29, Judged: 8013, Differ: 2, Altered: 2, AlteredIn: map[string]int{"HOST-01": 2}},
				Filter: part.Filter{Action: "/checks", Hint: "Filter by text, id or kind", Found: "4 of 29", Groups: []part.Choice{part.StatusChoice("")}}})
		}},
		{path: "/checks/broken", page: func() templ.Component {
			return checksPage(framed("Checks", "/checks", part.Crumb{Text: "Program"}, part.Crumb{Text: "Checks"}), CheckList{Counts: part.Counts{Passing: 21, Unknown: 8}, Rows: fixtureChecks(), Night: check.Rechecked{At: 1_796_004_000_000_000, Checks: 29, Judged: 8013, Differ: 2},
				Broken: []check.Problem{{File: "/var/lib/tickmark/checks/ours-01.yaml", Check: "OURS-01", Message: "/var/lib/tickmark/checks/ours-01.yaml:5:9: there is no field positon declared in person; did you mean position?"}},
				Filter: part.Filter{Action: "/checks", Hint: "Filter by text, id or kind", Found: "4 of 29", Groups: []part.Choice{part.StatusChoice("")}}})
		}},
		{path: "/checks/HOST-04", page: func() templ.Component { return checkPage(fixtureCheck("")) }},
		{path: "/checks/HOST-04/records", page: func() templ.Component { return checkPage(fixtureCheck("records")) }},
		{path: "/checks/HOST-04/logic", page: func() templ.Component { return checkPage(fixtureCheck("logic")) }},
		{path: "/checks/HOST-04/time", page: func() templ.Component {
			p, c := fixtureCheck("time")
			c.Time = fixtureTime()
			return checkPage(p, c)
		}},
		{path: "/checks/HOST-04/versions", page: func() templ.Component { return checkPage(fixtureCheck("versions")) }},
		{path: "/findings", page: func() templ.Component {
			return findingsPage(framed("Findings", "/findings", part.Crumb{Text: "Program"}, part.Crumb{Text: "Findings"}), FindingList{Rows: fixtureFindings(), Any: true, Cards: []part.Stat{{Word: "Open", Icon: "flag", N: 3, Href: "/findings?state=open"}, {Word: "Past due", Icon: "circle-x", N: 1, Href: "/findings?due=past"}, {Word: "Due in 7 days", Icon: "clock", N: 2, Href: "/findings?due=soon"}, {Word: "Without owner", Icon: "user", N: 1, Href: "/findings?owner=none"}},
				Filter: part.Filter{Action: "/findings", Hint: "Filter by text or check"}})
		}},
		{path: "/findings/f1", page: func() templ.Component {
			rows := fixtureFindings()
			return findingPage(framed("Finding", "/findings", part.Crumb{Text: "Findings", Href: "/findings"}, part.Crumb{Text: "Root may sign in by ssh"}), FindingPage{FindingRow: rows[0], Answer: fixtureAnswer(part.Failing), Detail: "Opened by itself.", Record: "/records/finding/f1",
				Items: []FindingItem{{Text: "build-1", Href: "/records/host_sshd/build-1", Reason: "PermitRootLogin is yes", Since: ago(9 * day), Due: ago(2 * day), Status: part.Failing}},
				Fix:   []Fix{{Where: "cli", Text: "sed -i 's/^PermitRootLogin.*/PermitRootLogin no/' /etc/ssh/sshd_config"}}, History: fixtureEvents(),
				Moves: []Move{{Name: "start", Title: "Start", Form: form.New([]record.Field{{Name: "note", Type: record.Text, Required: true}}, nil)}, {Name: "close", Title: "Close", Blocked: "Only the owner of the control can close it."}},
			})
		}},
		{path: "/records", page: func() templ.Component {
			return kindsPage(framed("Records", "/records"), KindList{Groups: []KindGroup{{Name: "Host", Kinds: []KindRow{{Name: "host_account", Title: "Accounts", Count: 41, Exact: true}, {Name: "host_socket", Title: "Listening sockets", Count: 12, Exact: true}}}, {Name: "Git", Kinds: []KindRow{{Name: "git_commit", Title: "Commits", Count: 100000}}}}})
		}},
		{path: "/records/git_commit", page: func() templ.Component { return recordsPage(fixtureRecords()) }},
		{path: "/records/git_commit/a1", page: func() templ.Component { return recordPage(fixtureRecord("")) }},
		{path: "/records/git_commit/a1/history", page: func() templ.Component { return recordPage(fixtureRecord("history")) }},
		{path: "/records/git_commit/a1/results", page: func() templ.Component { return recordPage(fixtureRecord("results")) }},
		{path: "/records/git_commit/a1/raw", page: func() templ.Component { return recordPage(fixtureRecord("raw")) }},
		{path: "/records/git_commit/a1/proof", page: func() templ.Component { return recordPage(fixtureRecord("proof")) }},
		{path: "/records/git_commit/a1/comments", page: func() templ.Component { return recordPage(fixtureRecord("comments")) }},
		{path: "/records/git_commit/a1/attachments", page: func() templ.Component { return recordPage(fixtureRecord("attachments")) }},
		{path: "/new/everything", page: func() templ.Component {
			return formPage(framed("New", "/records"), RecordForm{Kind: "everything", Title: "New thing", TakesKey: true, Action: "/new/everything", Cancel: "/records/everything", File: true, Form: everyField()})
		}},
		{path: "/sources", page: func() templ.Component {
			return sourcesPage(framed("Sources", "/sources"), SourceList{Rows: fixtureSources()})
		}},
		{path: "/connect", page: func() templ.Component {
			return connectorsPage(framed("Connect a source", "/sources", part.Crumb{Text: "Sources", Href: "/sources"}, part.Crumb{Text: "Connect"}), ConnectorList{Filter: part.Filter{Action: "/connect", Hint: "Filter by name", Found: "2 of 2"},
				Rows: []ConnectorRow{{Name: "shop", Title: "Shop", Help: "Reads what a shop sells.", Kinds: 4, Checks: 12}, {Name: "host", Title: "This machine", Help: "Reads the machine.", Kinds: 16, Local: true, Used: []string{"host"}}}})
		}},
		{path: "/connect/shop", page: func() templ.Component { return fixtureSourceForm() }},
		{path: "/sources/host", page: func() templ.Component {
			return sourcePage(framed("host", "/sources", part.Crumb{Text: "Sources", Href: "/sources"}, part.Crumb{Text: "host"}), SourcePage{SourceRow: fixtureSources()[0], Collects: true, Changes: true, Tries: true, Secret: true, Busy: true, Job: JobRow{Title: "Collect", Status: "running", Said: "Files", Done: 40, Of: 100, Stop: "/settings/jobs/1/stop"}, Answer: fixtureAnswer("incomplete"), Settings: []part.Fact{part.Say("Path", "/")},
				Permissions: []PermissionRow{{Name: "root", Why: "Firewall rules are shown to root only.", Kinds: []string{"host_firewall"}, Missing: true}},
				From:        ago(14 * day), To: noon, Now: noon,
				Coverage: []CoverageRow{{Kind: "host_account", Title: "Accounts", Now: "covered", Spans: []CoverageSpan{{From: ago(13 * day)}}}, {Kind: "host_firewall", Title: "Firewall rules", Now: "denied", Spans: []CoverageSpan{{From: ago(13 * day), To: ago(6 * day)}, {From: ago(6 * day), Reason: "nft: operation not permitted"}}}},
				Gaps:     []GapRow{{Kind: "host_firewall", Title: "Firewall rules", Denied: true, Reason: "nft: operation not permitted", Needs: "root"}},
				Runs:     []RunRow{fixtureRun(), fixtureRun()}})
		}},
		{path: "/sources/host/runs/12", page: func() templ.Component {
			return fixtureRunPage()
		}},
		{path: "/ledger", page: func() templ.Component {
			e := EntryRow{Index: 1042, What: "Version of Commit 3f2a91c", Href: "/records/git_commit/a1", By: "connection:git", Hash: sha, At: ago(time.Hour)}
			return ledgerPage(framed("Ledger", "/ledger"), LedgerPage{Origin: "example.org/tickmark", Size: 1043, Root: sha, Checkpoint: checkpoint, Signed: ago(time.Minute), Key: "example.org/tickmark+1234abcd+ATx", Recent: []EntryRow{e}, Older: "/ledger?before=900", Asked: "1042", Entry: &e, Proof: fixtureProof(), Anchor: ago(50 * time.Hour), MayAnchor: true,
				Anchors: []AnchorRow{{Title: "Stamps of the North", Href: "/records/anchor/north", Last: ago(50 * time.Hour), Stamp: "/records/stamp/north-900", Size: 900, Late: true, Why: "It answered 503."}, {Title: "Second", Href: "/records/anchor/second", Paused: true}}})
		}},
		{path: "/search?q=root", page: func() templ.Component {
			return searchPage(framed("Search", ""), fixtureSearch())
		}},
		{path: "/settings/users", page: func() templ.Component {
			return usersPage(framed("Users", "/settings/users"), UserList{Filter: part.Filter{Action: "/settings/users", Hint: "Filter by name or address", Found: "2 of 2"}, Pager: part.Pager{Shown: 2, Next: "/settings/users?after=u2"}, Roles: []string{"owner", "lead", "engineer"}, Link: "http://localhost:8420/sign-in/link?token=ABC", For: "bob", Rows: []UserRow{{Key: "u1", Name: "Ada", Email: "ada@example.org", Roles: []string{"owner"}, Ways: "passkey", Made: ago(day), Me: true}, {Key: "u2", Name: "bob", Email: "bob@example.org", Roles: []string{"lead"}, Ways: "none yet", Disabled: true, Made: ago(day)}}})
		}},
		{path: "/settings/tokens", page: func() templ.Component {
			return tokensPage(framed("Tokens", "/settings/tokens"), TokenList{Plain: "tm_ABCDEF", Connects: true, Scopes: []part.Option{{Value: "read", Text: "Read"}, {Value: "write", Text: "Read, and write what people write"}}, Rows: []TokenRow{{ID: "t1", Name: "CI", User: "Ada", Scope: "Read", Made: ago(day), Expires: noon.Add(90 * day)}}})
		}},
		{path: "/settings/me", page: func() templ.Component {
			return mePage(framed("My sign-in methods", "/settings/me"), Me{Name: "Ada", Roles: []string{"owner"}, Passkeys: []PasskeyRow{{ID: "p1", Label: "Laptop", Made: ago(day), Used: ago(time.Hour)}}})
		}},
		{path: "/problem-employee", page: func() templ.Component {
			p := framed("You may not see or do this", "")
			p.Frame.Reader.Portal, p.Frame.Reader.Unenrolled = true, true
			return problemPage(p, Problem{Status: 403, Title: "You may not see or do this", Message: "As employee you can't read controls.", Next: "Ask an owner of the workspace."})
		}},
		{path: "/problem", page: func() templ.Component {
			return problemPage(framed("Not found", ""), Problem{Status: 404, Title: "There is nothing here", Message: "There is no control AC-99.", Next: "Look in the list of controls."})
		}},
		{path: "/sign-in", alone: true, page: func() templ.Component { return signInPage(framed("Sign in", "/sign-in"), SignIn{To: "/"}) }},
		{path: "/sign-in/link", alone: true, page: func() templ.Component {
			return linkPage(framed("Welcome", "/sign-in"), LinkLanding{Token: "T", Name: "Ada"})
		}},
		{path: "/sign-in/enrol", alone: true, page: func() templ.Component { return enrolPage(framed("Enrol", "/sign-in"), Enrol{Name: "Ada"}) }},
		{path: "/sign-in/enrol/password", alone: true, page: func() templ.Component {
			return enrolPasswordPage(framed("Password", "/sign-in"), EnrolPassword{Secret: "JBSWY3DPEHPK3PXP", QR: "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="})
		}},
		{path: "/sign-in/recovery", alone: true, page: func() templ.Component {
			return recoveryPage(framed("Recovery", "/sign-in"), Recovery{Codes: []string{"abcd-efgh", "ijkl-mnop", "qrst-uvwx", "yzab-cdef"}})
		}},
	}...)
	for _, more := range [][]fixture{
		demoFixtures(),
		personFixtures(),
		staffFixtures(),
		reportFixtures(),
		bulkFixtures(),
		settingFixtures(),
		policyFixtures(),
		startFixtures(),
		guideFixtures(),
		workFixtures(),
		systemFixtures(),
		riskFixtures(),
		programmeFixtures(),
		entitlementFixtures(),
		roomFixtures(),
		scopeFixtures(),
		betweenFixtures(),
		controlFixtures(),
		evidenceFixtures(),
	} {
		all = append(all, more...)
	}
	return all
}

const (
	sha        = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	checkpoint = "example.org/tickmark\n1043\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=\n\n— example.org/tickmark Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)

func fixtureAnswer(s part.Status) part.Answer {
	return part.Answer{Status: s, Why: "1 of 3 records fails: build-1 lets root sign in by ssh.", Since: ago(9 * day),
		From: []part.Link{{Text: "3 ssh daemons", Href: "/records/host_sshd"}, {Text: "host", Href: "/sources/host", Note: "read 2 hours ago"}},
		Next: []part.Link{{Text: "Fix build-1", Href: "/findings/f1", Note: "due 2 days ago"}}}
}

func fixtureControls() []ControlRow {
	return []ControlRow{
		{ID: "AC-01", Title: "Production access requires single sign-on with a phishing-resistant second factor", Href: "/controls/AC-01", Status: part.Passing, Criteria: []string{"CC6.1"}, Category: "access", Owner: "Ada", Frequency: "continuous", Checks: part.Counts{Passing: 1}, Evidence: 9},
		{ID: "AC-02", Title: "Access to production is reviewed each quarter by the system owner", Href: "/controls/AC-02", Status: part.Attention, Criteria: []string{"CC6.2", "CC6.3"}, Category: "access", Owner: "bob", Frequency: "quarterly", Checks: part.Counts{Passing: 3, Attention: 1}, Evidence: 3},
		{ID: "AC-03", Title: "Access is removed within one business day of termination", Href: "/controls/AC-03", Status: part.Failing, Criteria: []string{"CC6.2"}, Category: "access", Frequency: "per_event", Checks: part.Counts{Failing: 3}, Evidence: 5},
		{ID: "GOV-01", Title: "Oversight body reviews security and control results", Href: "/controls/GOV-01", Status: part.Unknown, Criteria: []string{"CC1.2", "CC2.2"}, Category: "governance", Owner: "Ada", Frequency: "quarterly"},
	}
}

func fixtureCatalogue() []CatalogueRow {
	return []CatalogueRow{
		{ID: "GOV-02", Title: "Organisation structure and named security roles", Statement: "The Chief Executive approves an organisation chart.", Criteria: []string{"CC1.3"}, Category: "governance", Stage: "startup", Frequency: "annual"},
		{ID: "GOV-03", Title: "Code of conduct accepted by everyone", Statement: "Everyone accepts it.", Criteria: []string{"CC1.1"}, Category: "governance", Stage: "startup", Frequency: "annual", Adopted: true},
	}
}

func fixtureChecks() []CheckRow {
	return []CheckRow{
		{ID: "HOST-04", Title: "Root does not sign in by ssh", Href: "/checks/HOST-04", For: "ssh daemons", Severity: "critical", Status: part.Failing, Results: part.Counts{Passing: 2, Failing: 1}, Since: ago(9 * day), Controls: []string{"AC-06"}},
		{ID: "HOST-07", Title: "Disks are encrypted", Href: "/checks/HOST-07", For: "mounts", Severity: "high", Status: part.Attention, Results: part.Counts{Passing: 4, Attention: 1}, Since: ago(3 * day)},
		{ID: "HOST-09", Title: "A firewall is on", Href: "/checks/HOST-09", For: "firewalls", Severity: "medium", Status: part.Unknown, Since: ago(3 * day)},
		{ID: "GIT-02", Title: "Every change was reviewed", Href: "/checks/GIT-02", For: "changes", Severity: "low", Status: part.Passing, Results: part.Counts{Passing: 99120, NotApplicable: 880}, Since: ago(40 * day)},
	}
}

func fixtureCheck(tab string) (Page, CheckPage) {
	return framed("HOST-04", "/checks", part.Crumb{Text: "Checks", Href: "/checks"}, part.Crumb{Text: "HOST-04"}), CheckPage{
		ID: "HOST-04", Title: "Root does not sign in by ssh", Severity: "critical", For: "ssh daemons", ForHref: "/records/host_sshd", Answer: fixtureAnswer(part.Failing), Tab: tab,
		Why: "Nobody can be held to account for what a shared account did.", Fix: []Fix{{Where: "cli", Text: "sed -i 's/^PermitRootLogin.*/PermitRootLogin no/' /etc/ssh/sshd_config\nsystemctl reload ssh"}},
		Controls: []part.Link{{Text: "AC-06", Href: "/controls/AC-06"}}, Criteria: []part.Link{{Text: "CC6.1", Href: "/criteria/CC6.1"}}, Counts: part.Counts{Passing: 2, Failing: 1},
		Results: fixtureResults(), Filter: part.Filter{Action: "/checks/HOST-04/records", Hint: "Filter by name", Groups: []part.Choice{part.StatusChoice("")}},
		Window: fixtureWindow(), Where: "", Expect: "r.permit_root_login == 'no'", Because: `"root may sign in to " + r.host`, Source: "id: HOST-04\ntitle: Root does not sign in by ssh\n", Hash: sha,
		Settings: []part.Fact{part.Say("Maximum age", "90 days")}, Examples: []Example{{Name: "yes", Body: `{"permit_root_login":"yes","port":22,"x":null,"ok":true}`, Expect: part.Failing}, {Name: "no", Body: `{"permit_root_login":"no"}`, Expect: part.Passing}, {Name: "not read", Body: `{}`, Expect: part.Unknown}},
		Series:  []CheckSeries{{Hash: sha, From: ago(13 * day), Why: "Shipped with Tickmark", Current: true}},
		Finding: "/findings/f1",
	}
}

func fixtureResults() []ResultRow {
	return []ResultRow{
		{Text: "build-1", Note: "host_sshd", Href: "/records/host_sshd/build-1", Status: part.Failing, Reason: "root may sign in to build-1", Since: ago(9 * day), Due: ago(2 * day)},
		{Text: "web-1", Href: "/records/host_sshd/web-1", Status: part.Passing, Since: ago(13 * day)},
	}
}

func fixtureWindow() Window {
	return Window{From: ago(14 * day), To: noon, Now: noon, Rows: []WindowRow{
		{Label: "build-1", Href: "/records/host_sshd/build-1", Spans: []Span{{From: ago(13 * day), To: ago(9 * day), Status: part.Passing}, {From: ago(9 * day), To: ago(5 * day), Status: part.Failing, Reason: "root may sign in"}, {From: ago(5 * day), To: ago(4 * day), Status: part.Unknown}, {From: ago(4 * day), Status: part.Failing}}},
		{Label: "web-1", Spans: []Span{{From: ago(13 * day), Status: part.Passing}}},
	}}
}

func fixtureFindings() []FindingRow {
	return []FindingRow{
		{Key: "f1", Title: "Root may sign in by ssh", Href: "/findings/f1", Check: part.Link{Text: "HOST-04", Href: "/checks/HOST-04"}, Severity: "critical", State: "open", Status: part.Failing, Items: 1, Opened: ago(9 * day), Due: ago(2 * day)},
		{Key: "f2", Title: "A disk is not encrypted", Href: "/findings/f2", Check: part.Link{Text: "HOST-07", Href: "/checks/HOST-07"}, Severity: "high", State: "in_progress", Status: part.Attention, Items: 1, Owner: "bob", Opened: ago(3 * day), Due: noon.Add(4 * day)},
	}
}

func fixtureEvents() []part.Event {
	return []part.Event{
		{What: "Control AC-06 changed", Href: "/controls/AC-06", By: "person:ada", Reason: "new owner", At: ago(2 * time.Hour)},
		{What: "HOST-04 on build-1", Href: "/checks/HOST-04", By: "job:check", At: ago(9 * day), Status: part.Failing},
	}
}

func fixtureSources() []SourceRow {
	return []SourceRow{
		{Name: "host", Connector: "Linux host", Status: "incomplete", LastRun: ago(2 * time.Hour), Complete: ago(6 * day), Records: 412, Gaps: 1, Kinds: 14, Every: time.Hour},
		{Name: "git", Connector: "Git repository", Status: "complete", LastRun: ago(2 * time.Hour), Complete: ago(2 * time.Hour), Records: 100231, Kinds: 5},
	}
}

func fixtureSourceForm() templ.Component {
	k := connector.Connector{Name: "shop", Title: "Shop", Help: "Reads what a shop sells.",
		Settings: []connector.Setting{{Name: "organisation", Title: "Organisation", Help: "As it stands in its address.", Required: true},
			{Name: "token", Title: "Token", Help: "One that may only read.", Required: true, Secret: true}, {Name: "key", Title: "Private key", Help: "In PEM form.", Secret: true, Lines: true}},
		Grant: "Run this once.", Tried: "Tested against a shop that the tests open.", Permissions: []connector.Permission{{Name: "shop:goods:read", Why: "To read what is on sale."}}}
	return sourceFormPage(framed("Connect Shop", "/sources", part.Crumb{Text: "Sources", Href: "/sources"}, part.Crumb{Text: "Connect", Href: "/connect"}, part.Crumb{Text: "Shop"}),
		SourceForm{Connector: k, New: true, Grant: markdown.HTML("Run this once:\n\n```\nshop grant reader --to tickmark\n```"), Conn: collect.Connection{Name: "shop", Every: "1h", Secrets: []string{"key"}}, Every: []part.Option{{Value: "1h", Text: "Every hour"}},
			Wrong: "Shop needs the secret token.", Checks: []part.Link{{Text: "AC-06 Second factor", Href: "/checks/AC-06"}}, CheckMore: 3, Cancel: "/connect"})
}

func fixtureRun() RunRow {
	return RunRow{ID: 12, Href: "/sources/host/runs/12", Status: "incomplete", Began: ago(2 * time.Hour), Ended: ago(2*time.Hour - 900*time.Millisecond), Read: 412, Changed: 2, New: 1, Gaps: 1, By: "job:collect", Entry: 1040}
}

func fixtureProof() *Proof {
	return &Proof{Entry: 1042, Commitment: sha, Leaf: sha, Path: []string{sha, sha, sha}, Size: 1043, Root: sha, Checkpoint: checkpoint, Key: "example.org/tickmark+1234abcd+ATx", At: ago(time.Hour)}
}

func fixtureSearch() Search {
	return Search{Q: "root", Groups: []SearchGroup{{Title: "Go to", Hits: []Hit{{Text: "Controls", Href: "/controls", Icon: "shield-check"}}}, {Title: "Checks", Hits: []Hit{{Text: "Root does not sign in by ssh", Note: "HOST-04", Href: "/checks/HOST-04", Status: part.Failing}}}}}
}

func fixtureRecords() (Page, RecordList) {
	l := RecordList{Kind: "git_commit", Title: "Commits", Help: "Every commit of the repositories that are read.", Makes: true,
		Columns: []part.Column{{Text: "Commit"}, {Text: "Author", Sort: "/records/git_commit?sort=author", Dir: "ascending"}, {Text: "Signed"}, {Text: "Lines", End: true}, {Text: "Source"}, {Text: "Since"}, {Text: "Quick look", Mute: true}},
		Filter:  part.Filter{Action: "/records/git_commit", Hint: "Filter by name or id", CEL: true, Found: "100,000", Groups: []part.Choice{{Name: "signed", Label: "Signed", Options: []part.Option{{Value: "", Text: "Signed: any"}, {Value: "good", Text: "Good"}}}}},
		Pager:   part.Pager{Shown: 50, Next: "/records/git_commit?after=x", Note: "of 100,000"}, Partial: "The filter looked at 20,000 records and stopped. Narrow it by an indexed field to see all.",
		Exports: []part.Link{{Text: "CSV", Href: "/export/git_commit/csv"}, {Text: "XLSX", Href: "/export/git_commit/xlsx"}, {Text: "JSON", Href: "/export/git_commit/json"}}}
	for i := range 6 {
		l.Rows = append(l.Rows, RecordRow{Label: "Refuse a control without an owner", Key: fmt.Sprintf("%s%d", sha[:39], i), Href: "/records/git_commit/a1", Cells: []Cell{{Text: "ada"}, {Status: "covered"}, {Text: "120", End: true}}, Source: "git", Since: ago(day)})
	}
	l.Rows[2].Cells[0] = Cell{}
	l.Shown = []ColumnChoice{{"author", "Author", true}, {"signed", "Signed", true}, {"tree", "Tree", false}}
	return framed("Commits", "/records", part.Crumb{Text: "Records", Href: "/records"}, part.Crumb{Text: "Commits"}), l
}

func fixtureRecord(tab string) (Page, RecordPage) {
	r := RecordPage{Kind: "git_commit", KindTitle: "Commit", Plural: "Commits", Key: sha[:40], Label: "Refuse a control without an owner", Tab: tab, Editable: true,
		About:  []part.Fact{part.Say("Source", "git"), part.Say("Origin", "Collected"), {Name: "Holds since", Value: part.Time(ago(day))}},
		Fields: []part.Fact{part.Say("Author", "ada"), part.Say("Committer", ""), {Name: "Time", Value: part.Date(ago(day))}},
		Source: "git", Parts: []PartRow{{Name: "Signature", Status: "covered"}, {Name: "Review", Reason: "403: needs repo:read", Status: "denied"}},
		Results: fixtureResults(), Window: fixtureWindow(), Raw: Raw{Bytes: []byte(`{"author":"ada","parents":["a","b"],"n":1.50,"ok":true,"x":null}`), SHA256: sha, Size: 63, Download: "/records/git_commit/a1/bytes", Source: "git", Read: ago(time.Hour),
			Answers: []Answered{{Request: "GET https://git.example.org/api/v1/repos/shop/commits?page=3", Status: "200", At: ago(time.Hour), Size: 48213, SHA256: sha, Download: "/records/git_commit/a1/answers/7"},
				{Request: "GET https://git.example.org/api/v1/repos/shop/hooks", Status: "200", At: ago(time.Hour), Size: 913, SHA256: sha, Edited: []string{"/0/config/secret"}, Download: "/records/git_commit/a1/answers/8"},
				{Request: "GET https://git.example.org/api/v1/repos/shop/keys", Status: "200", At: ago(time.Hour), Size: 120, SHA256: sha, Gone: "Its bytes were destroyed on 2 January 2026: they held a record that was erased."}}},
		Proof: fixtureProof(), Comments: []Comment{{By: "ada", Text: "Looked at it.", At: ago(time.Hour)}}, Attachments: []Attachment{{Name: "scan.pdf", Href: "/files/x", SHA256: sha, Type: "application/pdf", Size: 120332, By: "ada", At: ago(time.Hour)}}}
	before, after := []byte(`{"title":"Access ends within one business day of termination.","owner":"ada","old":1}`), []byte(`{"title":"Access ends within four hours of termination.","owner":"ada","tags":["a","b"]}`)
	ch := part.Compare(before, after)
	r.Versions = []VersionRow{{From: ago(day), By: "ada", Reason: "shorter", Origin: "typed", Entry: 1042, Changes: ch, Href: "/records/git_commit/a1/history"}, {From: ago(3 * day), By: "connection:git", Origin: "collected", Entry: 12, First: true}}
	r.Compare = &Comparison{Before: ago(3 * day), After: ago(day), Choices: []time.Time{ago(day), ago(3 * day)}, Changes: ch}
	for _, t := range []string{"", "results", "history", "raw", "proof", "comments", "attachments"} {
		name := part.Sentence(t)
		if t == "" {
			name = "Overview"
		}
		r.Tabs = append(r.Tabs, part.Tab{Text: name, Href: "/records/git_commit/a1/" + t, Current: t == tab})
	}
	return framed("Commit", "/records", part.Crumb{Text: "Records", Href: "/records"}, part.Crumb{Text: "Commits", Href: "/records/git_commit"}, part.Crumb{Text: "3f2a91c"}), r
}

func everyField() form.Form {
	fields := []record.Field{
		{Name: "title", Type: record.Text, Required: true, Help: "What it is called."}, {Name: "detail", Type: record.Long}, {Name: "count", Type: record.Integer}, {Name: "share", Type: record.Number},
		{Name: "done", Type: record.Bool}, {Name: "at", Type: record.Time}, {Name: "on", Type: record.Date}, {Name: "severity", Type: record.Choice, Choices: []string{"low", "high"}}, {Name: "owner", Type: record.Ref, Refers: "person"},
		{Name: "email", Type: record.Email}, {Name: "page", Type: record.URL}, {Name: "extra", Type: record.JSON}, {Name: "tags", Type: record.Text, List: true}, {Name: "criteria", Type: record.Choice, List: true, Choices: []string{"a", "b"}},
		{Name: "place", Type: record.Object, Fields: []record.Field{{Name: "city", Type: record.Text}}}, {Name: "steps", Type: record.Object, List: true, Fields: []record.Field{{Name: "what", Type: record.Text, Required: true}}},
		{Name: "state", Type: record.Text, Fixed: true},
	}
	f := form.New(fields, []byte(`{"title":"A","count":3,"done":false,"steps":[{"what":"look"}],"tags":["x","y"]}`))
	f.Inputs[0].Wrong = "This is needed."
	for i, in := range f.Inputs {
		if in.Name == "owner" {
			f.Inputs[i].Values, f.Inputs[i].Options = []string{"ada"}, []form.Option{{Key: "ada", Label: "Ada Lovelace"}}
		}
	}
	return f
}

package web

import (
	"slices"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/connector"
	"tickmark/internal/web/part"
)

// fixtureTrials are the pages of what a credential may read, of a new secret and of what a run did.
func fixtureTrials() []fixture {
	crumbs := []part.Crumb{{Text: "Sources", Href: "/sources"}, {Text: "shop", Href: "/sources/shop"}, {Text: "Test"}}
	rows := []TrialRow{{Kind: "order", Title: "Orders", Status: "read", Seen: "100 of 41,230"}, {Kind: "customer", Title: "Customers", Status: "read", Seen: "0"},
		{Kind: "order", Title: "Orders", Part: "refunds", Status: "denied", Reason: "shop.example.org/orders/1/refunds refused it: 403 Forbidden.", Needs: "shop:refunds:read"},
		{Kind: "employee", Title: "Employees", Status: "failed", Reason: "shop.example.org/employees answered 502 Bad Gateway three times."}}
	of := func(path, title string, v TrialPage) fixture {
		v.ID, v.Name, v.Service = "T1", "shop", "Shop"
		return fixture{path: path, page: func() templ.Component { return trialPage(framed(title, "/sources", crumbs...), v) }}
	}
	return []fixture{
		of("/trials/running", "What shop can read", TrialPage{Purpose: trialLook, Running: true, Far: JobRow{Title: "Test", Status: "running", Said: "Orders", Done: 40, Of: 100}, Source: "/sources/shop"}),
		of("/trials/look", "What shop can read", TrialPage{Purpose: trialLook, Rows: rows, Requests: 7, Took: 900 * time.Millisecond, Tone: part.Unsure, Icon: "circle-alert", Word: "2 of what is in scope cannot be read", Sayings: "What rests on it would be unknown. Grant what is missing, then try again. Nothing was written.", Source: "/sources/shop"}),
		of("/trials/add", "What shop can read", TrialPage{Purpose: trialAdd, Rows: rows[:2], Requests: 2, Took: 300 * time.Millisecond, Tone: part.OK, Icon: "circle-check", Word: "Everything in scope can be read", Sayings: "Of each list one page was asked for. Nothing was written.", Change: "/connect/shop?trial=T1", Keeps: true, Whole: true}),
		of("/trials/turn", "A new secret for shop", TrialPage{Purpose: trialTurn, Rows: rows, Requests: 7, Took: 900 * time.Millisecond, Tone: part.Bad, Icon: "circle-x", Word: "The old secret stays", Sayings: "With the new secret order (refunds) cannot be read: shop.example.org/orders/1/refunds refused it: 403 Forbidden.", Source: "/sources/shop", Keeps: true}),
		{path: "/manual", page: func() templ.Component {
			return manualIndexPage(framed("Manual", "/manual"), ManualIndex{Filter: part.Filter{Action: "/manual", Hint: "Search the manual", Found: "2 pages"}, Groups: []ManualGroup{{Title: "How to", Pages: []part.Link{{Text: "Sending records", Href: "/manual/push"}, {Text: "Backups", Href: "/manual/backup"}}}}})
		}},
		{path: "/manual/found", page: func() templ.Component {
			return manualIndexPage(framed("Manual", "/manual"), ManualIndex{Filter: part.Filter{Action: "/manual", Q: "spool", Hint: "Search the manual", Found: "1 section"}, Found: []ManualHit{{Link: part.Link{Text: "From a pipeline", Href: "/manual/push#from-a-pipeline"}, Page: "Sending records", Around: "What is sent is first written into a spool."}}})
		}},
		{path: "/manual/checks/git", page: func() templ.Component { return fixtureManual("checks/git") }},
		{path: "/manual/push", page: func() templ.Component { return fixtureManual("push") }},
		{path: "/sources/shop/secret", page: func() templ.Component {
			return secretPage(framed("A new secret for shop", "/sources", crumbs...), SecretForm{Name: "shop", Wrong: "No secret was given.", Grant: "<p>Run this once.</p>",
				Secrets: []connector.Setting{{Name: "token", Title: "Token", Help: "One that may only read.", Required: true, Secret: true}, {Name: "key", Title: "Private key", Help: "In PEM form.", Secret: true, Lines: true}}})
		}},
		{path: "/sources/host/runs/12/changed/host_account", page: func() templ.Component {
			return runChangesPage(framed("Accounts that run 12 changed", "/sources", crumbs...), RunChanges{Source: "host", Run: "12", Title: "Accounts", Pager: part.Pager{Shown: 3, Next: "/sources/host/runs/12/changed/host_account?after=9"}, Rows: []ChangedRow{
				{Title: "backup", Key: "backup", Href: "/records/host_account/backup/history", What: "New", At: ago(time.Hour), Entry: 1040, Proof: "/ledger?entry=1040"},
				{Title: "Ada", Key: "ada@build-1.internal.example.org", Href: "/records/host_account/ada/history", What: "Changed", At: ago(time.Hour), Entry: 1041, Proof: "/ledger?entry=1041"},
				{Title: "old", Key: "old", Href: "/records/host_account/old/history", What: "Gone", At: ago(time.Hour), Entry: 1042, Proof: "/ledger?entry=1042"}}})
		}},
	}
}

func fixtureRunPage() templ.Component {
	return runPage(framed("Run", "/sources", part.Crumb{Text: "Sources", Href: "/sources"}, part.Crumb{Text: "host", Href: "/sources/host"}, part.Crumb{Text: "Run 12"}), RunPage{RunRow: fixtureRun(), Source: "host", Busy: true,
		Job: JobRow{Title: "Collect", Status: "running", Said: "Files", Done: 40, Of: 100, Stop: "/settings/jobs/1/stop"},
		Kinds: []RunKind{{Kind: "host_account", Title: "Accounts", Status: "complete", Seen: 41, New: 1, Expected: "41", Asked: 3, Pages: 2, Took: 900 * time.Millisecond, Changes: "/sources/host/runs/12/changed/host_account", Notes: []string{"Throttled 2 times, 3 s waited"}},
			{Kind: "host_firewall", Title: "Firewall rules", Status: "denied", Notes: []string{"Denied: needs root"}, Asked: 1}},
		Gaps: []GapRow{{Title: "Firewall rules", Denied: true, Reason: "nft: operation not permitted", Needs: "root"}}, Asked: 12_340, Unkept: 2_340,
		Exchanges: []ExchangeRow{{Kind: "host_account", Request: "read /etc/passwd", Status: "ok", Bytes: 2301, SHA256: sha, At: ago(time.Hour), Took: 3 * time.Millisecond}},
		Pager:     part.Pager{Shown: 1, First: "/sources/host/runs/12", Next: "/sources/host/runs/12?after=100", Note: "of 12,340"}})
}

func fixtureManual(name string) templ.Component {
	pages, err := manual()
	if err != nil {
		panic(err)
	}
	d := pages[slices.IndexFunc(pages, func(d ManualDoc) bool { return d.Name == name })]
	d.Sections = d.Sections[:min(3, len(d.Sections))]
	return manualDocPage(framed(d.Title, "/manual", part.Crumb{Text: "Manual", Href: "/manual"}, part.Crumb{Text: d.Title}), d)
}

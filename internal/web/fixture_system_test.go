package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/system"
	"tickmark/internal/web/part"
)

// systemFixtures are the pages of the boundary and of the promises.
func systemFixtures() []fixture {
	return []fixture{
		{path: "/systems", page: func() templ.Component {
			return systemsPage(framed("Systems", "/systems"), SystemList{May: true, Rows: []SystemRow{{Key: "production", Name: "Example Cloud", Href: "/systems/production", State: "approved", Services: []string{"Order tracking", "Billing"}, Owner: "Ada", Components: 4, Examined: true}, {Key: "office", Name: "Office", Href: "/systems/office", State: "draft"}}})
		}},
		{path: "/systems-none", page: func() templ.Component { return systemsPage(framed("Systems", "/systems"), SystemList{May: true}) }},
		{path: "/systems/production", page: func() templ.Component {
			return systemPage(framed("Example Cloud", "/systems", part.Crumb{Text: "Systems", Href: "/systems"}, part.Crumb{Text: "Example Cloud"}), SystemPage{Key: "production", Name: "Example Cloud", State: "draft", Description: "Tracks orders for shops.", Edit: true,
				Inside: "The servers, the code and the people that run order tracking.", Outside: "The office network, from which nothing in production can be reached.", Services: []string{"Order tracking"}, Owner: "Ada", ApprovedBy: "Bob", ApprovedAt: ago(40 * day), Examined: "FY26 Type II",
				Components: []ComponentRow{
					{Component: system.Component{Name: "Source code", Type: "software", Source: "git"}, From: ago(90 * day), State: "active", Records: []part.Link{{Text: "Repository", Href: "/sources/git"}}},
					{Component: system.Component{Name: "Production hosts", Type: "infrastructure", Kinds: []string{"host_account"}, Where: `r.host.startsWith("prod-")`, Description: "Four servers"}, From: noon.Add(20 * day), State: "planned", Records: []part.Link{{Text: "41 accounts", Href: "/records/host_account"}, {Text: "gone_kind", Note: "There is no such kind."}}},
					{Component: system.Component{Name: "Old billing", Type: "software"}, From: ago(400 * day), To: ago(30 * day), State: "gone"},
				},
				Data: []system.Data{{Name: "Orders", Class: "confidential", Personal: true, Where: "Database", Retention: "Two years"}, {Name: "Prices", Class: "public"}}, Record: "/records/system/production", History: fixtureEvents()})
		}},
		{path: "/systems/empty", page: func() templ.Component {
			return systemPage(framed("Office", "/systems"), SystemPage{Key: "office", Name: "Office", State: "draft", Record: "/records/system/office"})
		}},
		{path: "/commitments", page: func() templ.Component {
			return commitmentsPage(framed("Commitments", "/commitments"), CommitmentList{Any: true, May: true, Cards: part.CountStats(part.Counts{Passing: 1, Unknown: 1}, "/commitments", ""), Filter: part.Filter{Action: "/commitments", Hint: "Filter by text or id", Found: "3 of 3"},
				Rows: []CommitmentRow{
					{ID: "SC-01", Title: "Customer data is kept safe", Href: "/records/commitment/SC-01", Statement: "We protect customer data against access by anyone who does not need it.", MadeIn: "Terms of service, section 4", Category: "security", Sort: "service_commitment", Criteria: []string{"CC6.1", "CC6.3"}, Controls: []part.Link{{Text: "AC-01", Href: "/controls/AC-01"}, {Text: "AC-02", Href: "/controls/AC-02"}}, Status: part.Passing, Why: "1 control is not in operation yet."},
					{ID: "SC-02", Title: "The service is up", Href: "/records/commitment/SC-02", Statement: "The service is available 99.9 percent of each month.", MadeIn: "Agreement", Category: "availability", Sort: "service_commitment", Status: part.Unknown, Why: "It names no control."},
					{ID: "SR-01", Title: "Backups are kept abroad", Href: "/records/commitment/SR-01", Statement: "Backups are kept in a second region.", MadeIn: "Policy", Category: "availability", Sort: "system_requirement", Ended: true},
				}})
		}},
		{path: "/commitments-none", page: func() templ.Component {
			return commitmentsPage(framed("Commitments", "/commitments"), CommitmentList{May: true, Filter: part.Filter{Action: "/commitments", Hint: "Filter by text or id", Found: "0 of 0"}})
		}},
	}
}

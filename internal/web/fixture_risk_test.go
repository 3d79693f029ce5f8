package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/web/part"
)

// riskFixtures are the register, the matrix, and both before anything is in them.
func riskFixtures() []fixture {
	tabs := func(matrix bool) []part.Tab {
		return []part.Tab{{Text: "Register", Href: "/risks", Current: !matrix}, {Text: "Assets and measures", Href: "/risks/matrix", Current: matrix}}
	}
	theft := RiskRow{ID: "R-01", Title: "Somebody takes the backups", Href: "/records/risk/R-01", Owner: "Ada", State: "treating", Response: "reduce", Inherent: 20, Level: "critical", Affects: []string{"confidentiality"},
		Controls: []part.Link{{Text: "BKP-01", Href: "/controls/BKP-01"}}, Due: []part.Link{{Text: "A key for each store", Href: "/records/task/t1", Note: "2026-12-01"}, {Text: "Move them abroad", Href: "/records/task/t2"}}}
	bearable := RiskRow{ID: "R-02", Title: "The provider raises its prices", Href: "/records/risk/R-02", State: "risk_accepted", Inherent: 12, Residual: 6, Level: "medium", Until: "2027-03-31"}
	register := RiskPage{Tabs: tabs(false), May: true, Any: true, Rows: []RiskRow{theft, bearable, {ID: "R-03", Title: "Nobody knows yet", Href: "/records/risk/R-03", State: "identified"}},
		Cards:  []part.Stat{{Word: "Above the accepted level", Icon: "triangle-alert", N: 1, Href: "/risks?show=above"}, {Word: "To decide", Icon: "circle-dot", N: 1, Href: "/risks?show=undecided"}, {Word: "In treatment", Icon: "clock", N: 1, Href: "/risks?show=treating"}, {Word: "Accepted for a time", Icon: "scale", N: 1, Href: "/risks?show=accepted"}},
		Filter: part.Filter{Action: "/risks", Hint: "Filter by text, threat or weakness", Found: "3 of 3"}}
	register.Map[3][4], register.Map[1][2], register.Map[2][3], register.Map[0][0] = 1, 3, 2, 12
	return []fixture{
		{path: "/risks", page: func() templ.Component { return risksPage(framed("Risks", "/risks"), register) }},
		{path: "/risks-none", page: func() templ.Component {
			return risksPage(framed("Risks", "/risks"), RiskPage{Tabs: tabs(false), May: true})
		}},
		{path: "/risks/matrix", page: func() templ.Component {
			return risksPage(framed("Risks", "/risks"), RiskPage{Whole: true, Tabs: tabs(true), Any: true, Lost: []RiskRow{bearable}, Matrix: []AssetRow{
				{ID: "db", Title: "Orders database", Href: "/records/asset/db", Needs: [3]int{4, 4, 3}, Risks: []RiskRow{theft, {ID: "R-03", Title: "Nobody knows yet", Href: "/records/risk/R-03", State: "identified"}}},
				{ID: "site", Title: "Public site", Href: "/records/asset/site", Needs: [3]int{1, 3, 0}}}})
		}},
	}
}

package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/web/part"
)

func workFixtures() []fixture {
	filter := part.Filter{Action: "/work", Hint: "Filter by text or person", Found: "6 of 6", Groups: []part.Choice{{Name: "whose", Label: "Whose", Segments: true, Options: []part.Option{{Value: "", Text: "Mine"}, {Value: "everyone", Text: "Everyone's"}}}, {Name: "act", Label: "What to do", Options: []part.Option{{Value: "", Text: "Whatever is to be done"}, {Value: "Fix", Text: "Fix"}}}}}
	control := func(id string) part.Link { return part.Link{Text: id, Href: "/controls/" + id} }
	v := WorkPage{Any: true, Filter: filter,
		Cards: []part.Stat{{Icon: "circle-x", Word: "Overdue", N: 2, Href: "/work?when=overdue"}, {Icon: "clock", Word: "Due within 14 days", N: 2, Href: "/work?when=soon", Current: true}, {Icon: "calendar-clock", Word: "Later", N: 1, Href: "/work?when=later"}, {Icon: "circle-dashed", Word: "Without a date", N: 1, Href: "/work?when=none"}},
		Groups: []WorkGroup{
			{Title: "Overdue", Tone: part.Bad, Rows: []WorkRow{
				{Act: "Do late", Title: "Access to systems is reviewed by their owners, Q3 2026", Href: "/occurrences/o1", Why: "Missed; doing it late ends the failure, and it stays missed", Due: part.Due{Day: ago(6 * day), Overdue: true}, For: "Ada", Control: control("AC-05")},
				{Act: "Hand in", Title: "Signed minutes of the security review, October 2026", Href: "/new/evidence?control=GOV-02", Why: "Evidence of a control", Due: part.Due{Day: ago(2 * day), Overdue: true}, Control: control("GOV-02")}}},
			{Title: "Due within 14 days", Tone: part.Warn, Rows: []WorkRow{
				{Act: "Fix", Title: "Administrators without a second factor", Href: "/findings/f1", Why: "High finding", Due: part.Due{Day: ago(-3 * day)}, For: "Ada"},
				{Act: "Acknowledge", Title: "Acceptable use policy", Href: "/me", Why: "Policy to read and accept", Due: part.Due{Day: ago(-9 * day)}, For: "Ada"}}},
			{Title: "Later", Rows: []WorkRow{{Act: "Do", Title: "Restore test of the customer database, Q4 2026", Href: "/occurrences/o2", Why: "Due performance", Due: part.Due{Day: ago(-39 * day)}, For: "Ada", Control: control("BKP-03")}}},
			{Title: "Without a date", Rows: []WorkRow{{Act: "Approve", Title: "Administrators use a second factor", Href: "/controls/AC-06", Why: "Control; its authors cannot approve it", Control: control("AC-06")}}},
		}}
	every := v
	every.Everyone = true
	return []fixture{
		{path: "/work", page: func() templ.Component { return workPage(framed("My work", "/work"), v) }},
		{path: "/work-everyone", page: func() templ.Component { return workPage(framed("My work", "/work"), every) }},
		{path: "/work-empty", page: func() templ.Component { return workPage(framed("My work", "/work"), WorkPage{Filter: filter}) }},
		{path: "/work-unlinked", page: func() templ.Component {
			return workPage(framed("My work", "/work"), WorkPage{Filter: filter, Unlinked: true})
		}},
	}
}

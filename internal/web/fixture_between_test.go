package web

import (
	"errors"
	"net/url"

	"github.com/a-h/templ"

	"tickmark/internal/engagement"
	"tickmark/internal/exchange"
	"tickmark/internal/grant"
	"tickmark/internal/record"
	"tickmark/internal/web/describe"
	"tickmark/internal/web/form"
	"tickmark/internal/web/grants"
	"tickmark/internal/web/parcel"
	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
)

// betweenFixtures are the pages of what lies between a company and its firm: parcels, the description, the report and who reads it.
func betweenFixtures() []fixture {
	frame := func(title, section string, body templ.Component) templ.Component {
		p := framed(title, section, part.Crumb{Text: title})
		p.Loads = []string{"room.css", "grid.js"}
		return roomPage(p, body)
	}
	row := parcel.Row{ID: "acme-26", Name: "Example and Partners, certified public accountants", Href: "/parcels/acme-26", State: "confirmed", Fingerprint: sha, Address: "https://firm.example", ConfirmedBy: "person:ada", Expires: noon.AddDate(0, 0, 20), Sent: 4, Taken: 3, Refused: 1}
	ended := parcel.Row{ID: "acme-25", Name: "Example and Partners", Href: "/parcels/acme-25", State: "ended", EndedAt: ago(40 * day), EndedBy: "person:ada", Reason: "The engagement is archived.", Sent: 12}
	one := parcel.One{Row: row, May: true, Mine: sha,
		Sent:      []parcel.Parcel{{Number: 4, At: noon, Items: 2, Hash: sha, Tells: []string{"evidence_request r1", "firm_answer a"}, By: "person:ada", Href: "/parcels/acme-26/sent/4"}},
		Taken:     []parcel.Parcel{{Number: 3, At: ago(day), Items: 1, Hash: sha, Tells: []string{"request r1"}, By: "person:ada"}},
		Refused:   []parcel.Parcel{{At: ago(2 * day), Hash: sha, Why: "tampered", Detail: "The bytes of minutes.pdf are not those that its hash names.", By: "person:ada"}},
		Came:      []parcel.Came{{Sort: "evidence_request", Of: "r1", Title: "Minutes of the board", Number: 3, At: ago(day), Record: "/records/parcel_item/1", File: "minutes.pdf", Href: "/parcels/acme-26/files/1"}},
		Asked:     []room.RequestRow{{Key: "r1", Name: "Minutes of the board", Href: "/parcels/acme-26/asked/r1", Sort: "Document", Control: "GOV-01", State: "open", Due: room.Deadline{Day: noon.AddDate(0, 0, 4), Left: 4}}},
		Unapplied: []exchange.Unapplied{{Name: "Offboarding tickets", Why: "The firm's request was withdrawn meanwhile."}}, Refusal: parcel.Refusal{At: "take", Sentence: "This is no parcel: it is not a zip file."}}
	firm := one
	firm.Firm, firm.Overview, firm.Refusal, firm.Asked, firm.Unapplied = true, "/engagements/acme-26", parcel.Refusal{At: "end", Sentence: "Say why it ends."}, nil, nil
	next := parcel.Next{ID: "acme-26", Name: "Example and Partners", May: true, Begun: true, Wait: 1, Known: 2, Digest: sha, Query: url.Values{},
		Items: []parcel.NextItem{{Sort: "firm_answer", Key: "a", Title: "Minutes of the board", Says: []part.Fact{part.Say("Answer", "There was none in February.")}, File: "minutes.pdf", Proof: true}, {Sort: "population", Key: "p", Title: "Leavers"}},
		Kinds: []parcel.Pick{{Name: "policy", Title: "Policies", Picked: true}, {Name: "control", Title: "Controls"}}, Records: "control AC-01\n", Files: []parcel.Kept{{Sort: "evidence", Key: "e1", Name: "list.csv", Sum: sha}}, Asked: []string{"leavers"}}
	moves := func(id string) []form.Move {
		m := form.Move{ID: id + "-", Name: "approve", Title: "Approve", Seen: "2026-11-22T10:00:00Z", Form: form.New([]record.Field{{Name: "approval_reason", Title: "Why", Type: record.Long}}, nil)}
		m.Form.Inputs[0].ID = id + "-approve-"
		return []form.Move{m, {ID: id + "-", Name: "submit", Title: "Submit", Blocked: "Four criteria lack something.", Who: "Can do it: Ada."}}
	}
	text := describe.PartRow{Name: "dc1", Title: "Services provided", Help: "What the service is, and for whom.", Text: "Orders.", Shown: "<p>Orders are taken.</p>", Edit: "/descriptions/d/edit/dc1"}
	vague := text
	vague.Name, vague.Title, vague.Warnings, vague.Text, vague.Shown, vague.Edit = "dc2", "Commitments", []string{"It is close to the template."}, "", "", "/descriptions/d/edit/dc2"
	description := describe.One{Row: describe.Row{ID: "d", Name: "Orders FY26", Href: "/descriptions/d", System: "Orders", Days: "1 Jan 2026 to 30 Jun 2026", State: "draft", Lacks: 2}, Record: "/records/description/d", Lists: "/records/description/d/edit", Moves: moves("description"), AsOf: noon, By: "person:ada", Sum: sha,
		Criteria: []describe.Criterion{{DC: "DC 1", Title: "Types of services", Parts: []describe.PartRow{text}}, {DC: "DC 2", Title: "Principal commitments", Missing: []string{"No commitment names its source."}, Parts: []describe.PartRow{vague}}}, Files: []part.Link{{Text: "PDF", Href: "/descriptions/d/file?as=pdf"}}}
	queue := grants.Queue{May: true, Classes: []string{"customer", "prospect"}, Reports: []grant.Issued{}, Link: "https://tickmark.example/received/abc", For: "Uma Vale", Rows: []grants.Row{
		{Key: "g1", Recipient: "Uma Vale", Company: "Borealis", Email: "uma@borealis.example", Class: "customer", Purpose: "Vendor review", Report: "SOC 2 Type II, 1", Agreement: "Contract 7", AgreedOn: "2026-03-01", Expires: "2027-03-01", Mark: "TM-4F2A", State: "granted", Asked: "person:ada", Approved: "person:bob", Act: "/report-access/g1", Record: "/records/report_grant/g1",
			Downloads: []grants.Download{{At: noon, From: "192.0.2.7"}}, Moves: moves("g1")},
		{Key: "g2", Recipient: "Ivo Lund", Company: "Cirrus", Email: "ivo@cirrus.example", Class: "prospect", State: "refused", Reason: "No agreement is on file.", Act: "/report-access/g2", Record: "/records/report_grant/g2", Edit: "/records/report_grant/g2/edit"}}}
	report := room.ReportPage{Tabs: []part.Tab{{Text: "Overview", Href: "/engagements/acme-26"}, {Text: "Report", Href: "/engagements/acme-26/report", Current: true}}, State: "quality_review", Missing: []string{"The assertion of management is not there."}, Day: "2026-11-22", Issue: "/engagements/acme-26/report/issue", Wrong: "The report is dated before the opinion.",
		Guards: []engagement.Guard{{What: "Review notes are closed"}, {What: "The opinion is signed", Refused: errors.New("no opinion")}},
		Drafts: []room.DraftRow{{Name: "SOC 2 Type II", Formats: []part.Link{{Text: "PDF", Href: "/engagements/acme-26/report/soc2.pdf"}, {Text: "DOCX", Href: "/engagements/acme-26/report/soc2.docx"}}}},
		Texts:  []room.TextRow{{Sort: "assertion", From: "Parcel 3", Sum: sha, Record: "/records/management_text/1"}},
		Issued: []room.IssuedRow{{Form: "SOC 2 Type II", Number: "2026-1", Dated: "2026-11-20", File: "report.pdf", Sum: sha, Href: "/engagements/acme-26/report/issued/1", Record: "/records/report_issue/1", Version: 1, Size: 1 << 20, By: "person:paula", At: noon}}}
	return []fixture{
		{path: "/parcels", page: func() templ.Component {
			return frame("Parcels", "/parcels", parcel.HomeView(parcel.Home{May: true, Fingerprint: sha, Rows: []parcel.Row{row, ended}, Refusal: parcel.Refusal{At: "invite", Sentence: "The address is not https."}}))
		}},
		{path: "/parcels-firm", page: func() templ.Component {
			return frame("Parcels", "/parcels", parcel.HomeView(parcel.Home{Firm: true, May: true, Fingerprint: sha}))
		}},
		{path: "/parcels/acme-26", page: func() templ.Component { return frame("acme-26", "/parcels", parcel.OneView(one)) }},
		{path: "/parcels-firm/acme-26", page: func() templ.Component { return frame("acme-26", "/parcels", parcel.OneView(firm)) }},
		{path: "/parcels/acme-26/next", page: func() templ.Component { return frame("Next", "/parcels", parcel.NextView(next)) }},
		{path: "/descriptions", page: func() templ.Component {
			return frame("System description", "/descriptions", describe.HomeView(describe.Home{Rows: []describe.Row{description.Row}, Systems: []part.Link{{Text: "Orders", Href: "orders"}}, May: true, Wrong: "The days end before they begin."}))
		}},
		{path: "/descriptions/d", page: func() templ.Component {
			return frame("Orders FY26", "/descriptions", describe.OneView(description))
		}},
		{path: "/descriptions/d/edit/dc2", page: func() templ.Component {
			return frame("Commitments", "/descriptions", describe.EditView(describe.Editing{ID: "d", Title: "Commitments", DC: "DC 2", Help: "What was promised.", Text: "We promise.", Action: "/descriptions/d/edit/dc2", Back: "/descriptions/d", Seen: "2026-11-22T10:00:00Z", Wrong: "Somebody changed it meanwhile.", Missing: []string{"No commitment names its source."}, Warnings: []string{"It is close to the template."}, Template: "We commit to {{uptime}}."}))
		}},
		{path: "/engagements/acme-26/report", page: func() templ.Component { return frame("Report", room.Section, room.ReportView(report)) }},
		{path: "/report-access", page: func() templ.Component { return frame("Report access", "/report-access", grants.QueueView(queue)) }},
		{path: "/report-access-none", page: func() templ.Component {
			return frame("Report access", "/report-access", grants.QueueView(grants.Queue{May: true, Classes: []string{"customer"}}))
		}},
	}
}

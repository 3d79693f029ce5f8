package examination

import (
	"cmp"
	"time"

	"tickmark/internal/description"
	"tickmark/internal/report/document"
)

// BridgeLetter is management's letter on the time since a report. An unapproved one is a draft.
func BridgeLetter(b description.Bridge, f *description.File) document.Document {
	company := cmp.Or(f.LegalName, f.Organisation)
	d := document.Document{Title: "Bridge letter", Subtitle: day(b.ReportTo) + " to " + day(b.Until), Organisation: company, Running: "Bridge letter, until " + day(b.Until), Language: "en", Notice: "By management; not examined. " + b.Recipients,
		Facts: []document.Fact{{Name: "Report", Value: b.Report}, {Name: "Issued by", Value: b.Firm}, {Name: "Its period ended", Value: day(b.ReportTo)}, {Name: "This letter speaks until", Value: day(b.Until)}, {Name: "Next report expected", Value: day(b.Next)}, {Name: "For", Value: b.Recipients}}}
	if b.State != "approved" {
		d.Banner, d.Watermark = "Draft: management has not approved this letter.", "DRAFT"
	}
	at, err := time.Parse(time.RFC3339Nano, b.ApprovedAt)
	if err != nil {
		at, _ = time.Parse(time.DateOnly, b.Until)
	}
	d.Date = at
	s := document.Section{ID: "letter", Title: "Statement of management", Blocks: []document.Block{
		para("%s received the report named above on its system %s from %s. Its period ended on %s. This letter is management's own statement on the time from then until %s.", company, f.SystemName, b.Firm, day(b.ReportTo), day(b.Until))}}
	if len(b.Disclosed) == 0 {
		s.Blocks = append(s.Blocks, para("Management is not aware of material changes to the system or its controls in that time, nor of deficiencies or incidents that would adversely affect the conclusions of the report."))
	} else {
		s.Blocks = append(s.Blocks, para("Management is aware of the following, and of nothing else, that is material to the system or its controls in that time or would adversely affect the conclusions of the report:"))
		var items []string
		for _, x := range b.Disclosed {
			items = append(items, full(x.Text))
		}
		s.Blocks = append(s.Blocks, bullets(items)...)
	}
	s.Blocks = append(s.Blocks, para("The next report is expected on %s. This letter is no substitute for the report, was examined by nobody, and is meant only for %s.", day(b.Next), b.Recipients))
	signed := []document.Fact{{Name: "For management", Value: "Not approved"}}
	if b.State == "approved" {
		signed = []document.Fact{{Name: "For management", Value: b.ApprovedBy}, {Name: "Approved on", Value: at.Format("2 January 2006")}}
	}
	s.Blocks = append(s.Blocks, document.Block{Sign: signed})
	d.Sections = []document.Section{s}
	return d
}

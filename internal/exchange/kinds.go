package exchange

import (
	"tickmark/internal/engagement"
	"tickmark/internal/record"
)

// The kinds: of the company about the firm, and of the firm about the company. Each link is one exchange, each parcel one that
// was sent or taken, each item what the other side told. Tickmark alone writes them, so that nobody edits what was told.
const (
	FirmLink      = "firm_link"
	FirmParcel    = "firm_parcel"
	FirmItem      = "firm_item"
	CompanyLink   = "company_link"
	CompanyParcel = "company_parcel"
	CompanyItem   = "company_item"
)

// Kinds are all kinds of this room.
func Kinds() []record.Kind {
	out := []record.Kind{answerKind()}
	for _, side := range []struct {
		other, of string
		room      record.Room
		names     [3]string
	}{{"firm", "Firm", record.Company, [3]string{FirmLink, FirmParcel, FirmItem}}, {"company", "Company", record.Auditor, [3]string{CompanyLink, CompanyParcel, CompanyItem}}} {
		within := record.Field{Name: engagement.Name, Type: record.Text, Required: true, Indexed: true, Help: "The id of the engagement."}
		if side.room == record.Auditor {
			within.Type, within.Refers = record.Ref, engagement.Name
		}
		kind := func(i int, title, plural, help, label string, fields ...record.Field) {
			out = append(out, record.Kind{Name: side.names[i], Title: side.of + "'s " + title, Plural: side.of + "'s " + plural, Group: "Examination", Room: side.room, System: true, Help: help, Label: label,
				Fields: append([]record.Field{within}, fields...)})
		}
		kind(0, "exchange", "exchanges", "The exchange of parcels with the "+side.other+" for one engagement: its key, as people compared it, and where it is.", "name",
			record.Field{Name: "name", Type: record.Text, Required: true},
			record.Field{Name: record.StateField, Type: record.Choice, Choices: []string{"invited", "confirmed", "ended"}, Indexed: true},
			record.Field{Name: "key", Title: "Key of the other side", Type: record.Text, Hidden: true},
			record.Field{Name: "fingerprint", Title: "Fingerprint of that key", Type: record.Text, Help: "Compared by two people, by another way than the parcels take."},
			record.Field{Name: "confirmed_by", Title: "Who compared it", Type: record.Text},
			record.Field{Name: "address", Type: record.URL, Help: "Where the company's server takes and hands out parcels."},
			record.Field{Name: "bearer", Title: "SHA-256 of the token for HTTPS", Type: record.Text, Hidden: true},
			record.Field{Name: "sealed", Title: "The token, sealed for this workspace", Type: record.Text, Hidden: true},
			record.Field{Name: "expires", Title: "The token ends", Type: record.Time},
			record.Field{Name: "ended_by", Title: "Who ended it", Type: record.Text, Hidden: true},
			record.Field{Name: "ended_at", Title: "When it was ended", Type: record.Time},
			record.Field{Name: "reason", Title: "Why it was ended", Type: record.Long},
			record.Field{Name: "distrusted", Title: "Keys that are never taken again", Type: record.Text, List: true, Hidden: true})
		kind(1, "parcel", "parcels", "A parcel that was sent to the "+side.other+" or taken from it, with its place in the chain.", "name",
			record.Field{Name: "name", Type: record.Text, Required: true},
			record.Field{Name: "direction", Type: record.Choice, Choices: []string{"sent", "taken", "refused"}, Indexed: true},
			record.Field{Name: "number", Type: record.Integer, Required: true, Indexed: true},
			record.Field{Name: "hash", Title: "SHA-256 of its content", Type: record.Text, Required: true},
			record.Field{Name: "previous", Title: "That of the one before", Type: record.Text, Hidden: true},
			record.Field{Name: "file", Title: "SHA-256 of the file", Type: record.Text, Hidden: true},
			record.Field{Name: "made", Type: record.Time},
			record.Field{Name: "items", Type: record.Integer},
			record.Field{Name: "why", Title: "Why it was refused", Type: record.Text, Hidden: true},
			record.Field{Name: "detail", Title: "What was wrong with it", Type: record.Long, Hidden: true},
			record.Field{Name: "by", Title: "Who brought or made it", Type: record.Text, Hidden: true},
			record.Field{Name: "told", Title: "What it tells", Type: record.Text, List: true, Hidden: true, Help: "Each as sort, key and the first digits of its hash."})
		kind(2, "item", "items", "What the "+side.other+" told in a parcel, as it was told. Nobody here changes it.", "title",
			record.Field{Name: "sort", Type: record.Text, Required: true, Indexed: true},
			record.Field{Name: "of", Title: "Key there", Type: record.Text, Required: true, Indexed: true},
			record.Field{Name: "title", Type: record.Text, Required: true},
			record.Field{Name: "content", Type: record.JSON, Hidden: true},
			record.Field{Name: "sha256", Title: "SHA-256 of its file", Type: record.Text, Indexed: true, Hidden: true},
			record.Field{Name: "file_name", Type: record.Text, Hidden: true},
			record.Field{Name: "parcel", Title: "In which parcel", Type: record.Ref, Refers: side.names[1], Hidden: true},
			record.Field{Name: "number", Title: "Number of the parcel", Type: record.Integer})
	}
	return out
}

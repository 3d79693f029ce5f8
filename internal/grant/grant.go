// Package grant holds who outside may read an issued report, and which copy they were given. The one rule: a report of restricted use goes
// to nobody outside the classes it names, without a confidentiality agreement on file, or by the decision of the one who asked for it;
// and each recipient's copy bears a mark that is on record.
package grant

import (
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/issue"
	"tickmark/internal/record"
)

// Name and DownloadName are the kinds of this room.
const (
	Name         = "report_grant"
	DownloadName = "report_download"
)

// Kinds are all kinds of this room.
func Kinds() []record.Kind { return []record.Kind{Kind(), DownloadKind()} }

// Classes are the specified parties of a report of restricted use; nobody else is given one.
func Classes() []string {
	return []string{"user_entity", "business_partner", "practitioner", "prospect", "regulator"}
}

// Kind declares a grant: one recipient, one issued version of a report.
func Kind() record.Kind {
	m := machine()
	fields := []record.Field{
		{Name: "recipient", Title: "Who is to read it", Type: record.Text, Required: true, Personal: true, Help: "The person, by name."},
		{Name: "company", Title: "Of which company", Type: record.Text, Required: true, Indexed: true},
		{Name: "email", Type: record.Email, Required: true, Personal: true, Help: "Where you send the link. Tickmark sends nothing itself."},
		{Name: "class", Title: "What they are to the company", Type: record.Choice, Choices: append(Classes(), "other"), Required: true, Indexed: true, Help: "A report of restricted use goes to customers, partners subject to the system's risks, practitioners who serve them, prospects and regulators, and to nobody else."},
		{Name: "purpose", Title: "What they need it for", Type: record.Long, Required: true},
		{Name: "report", Title: "SHA-256 of the issued report", Type: record.Text, Required: true, Indexed: true, Help: "Of the issued version's file, as the firm's parcel told it."},
		{Name: "form", Type: record.Choice, Choices: []string{issue.SOC2, issue.SOC3}, Fixed: true},
		{Name: "number", Title: "Number of the version", Type: record.Text, Fixed: true},
		{Name: "agreement", Title: "Confidentiality agreement", Type: record.Text, Hidden: true, Help: "Its SHA-256, the key of the evidence, or where it is filed."},
		{Name: "agreed_on", Title: "Signed on", Type: record.Date, Hidden: true},
		{Name: "expires", Title: "Until", Type: record.Date, Indexed: true, Help: "The last day on which it can be downloaded."},
		{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
		{Name: "authors", Type: record.Text, List: true, Fixed: true, Hidden: true},
		{Name: "mark", Title: "Mark of the copy", Type: record.Text, Fixed: true, Indexed: true, Help: "It stands on every page of the copy that this recipient was given."},
		{Name: "copy", Title: "SHA-256 of the copy", Type: record.Text, Fixed: true, Hidden: true, Indexed: true},
		{Name: "link", Title: "SHA-256 of the link's secret", Type: record.Text, Fixed: true, Hidden: true, Indexed: true},
		{Name: "reason", Type: record.Long, Fixed: true, Hidden: true, Help: "Why it was refused or revoked."},
	}
	for _, verb := range []string{"requested", "asked", "approved", "granted", "expired", "revoked", "refused"} {
		fields = append(fields, record.Field{Name: verb + "_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, record.Field{Name: verb + "_at", Type: record.Time, Fixed: true, Hidden: true})
	}
	return record.Kind{Name: Name, Title: "Report recipient", Plural: "Report recipients", Group: "Examination", Label: "recipient",
		Help:   "Who outside may read an issued report: asked for, under which agreement, approved by whom, which copy, until when.",
		Fields: fields, States: m, Check: allowed}
}

func machine() *record.Machine {
	reason := record.Field{Name: "reason", Type: record.Long, Required: true, Help: "Say why; it stays on record."}
	return &record.Machine{Initial: "requested", By: "requested_by", At: "requested_at", Authors: "authors", Frozen: []string{"approved", "granted"}, Moves: []record.Move{
		{Name: "ask_agreement", Title: "Ask for an agreement", From: []string{"requested"}, To: "agreement_pending", By: "asked_by", At: "asked_at"},
		{Name: "approve", Title: "Approve", From: []string{"requested", "agreement_pending"}, To: "approved", By: "approved_by", At: "approved_at", Guard: approved},
		{Name: "grant", Title: "Give the copy", From: []string{"approved"}, To: "granted", By: "granted_by", At: "granted_at", Guard: granted, Fields: []record.Field{{Name: "mark", Type: record.Text, Required: true, Help: "Give the copy on its page: the mark is made there."},
			{Name: "copy", Type: record.Text, Required: true, Help: "Give the copy on its page: it is made there."}, {Name: "link", Type: record.Text, Required: true, Help: "Give the copy on its page: the link is made there."}}},
		{Name: "expire", Title: "End after its last day", From: []string{"approved", "granted"}, To: "expired", At: "expired_at", Job: true, Guard: expired},
		{Name: "revoke", Title: "Revoke", From: []string{"approved", "granted"}, To: "revoked", By: "revoked_by", At: "revoked_at", Fields: []record.Field{reason}},
		{Name: "refuse", Title: "Refuse", From: []string{"requested", "agreement_pending"}, To: "refused", By: "refused_by", At: "refused_at", Fields: []record.Field{reason}},
	}}
}

// approved refuses an approval by the one who asked or wrote it.
func approved(before, _ map[string]any, actor record.Actor) error {
	if before["form"] == issue.SOC3 {
		return nil // it is for anybody
	}
	parties := []record.Party{{Role: "the one who asked for it", Stamp: engagement.Text(before, "requested_by")}}
	for _, a := range engagement.List(before, "authors") {
		parties = append(parties, record.Party{Role: "the one who asked for it", Stamp: a})
	}
	return record.Apart(actor, "approve", parties...)
}

// granted takes only what stands for a copy.
func granted(_, after map[string]any, _ record.Actor) error {
	for _, f := range []string{"copy", "link"} {
		if v := engagement.Text(after, f); v != "" && !engagement.IsSum(v) {
			return fault.New(fault.Invalid, "%s must be the 64 hexadecimal digits of a SHA-256.", f).WithNext("Give the copy on its page: it is made there.")
		}
	}
	return nil
}

// expired ends a grant by a job only, and only when its last day is over.
func expired(before, after map[string]any, actor record.Actor) error {
	if !actor.IsJob() {
		return fault.New(fault.Denied, "A grant ends by itself after its last day.").WithNext("Revoke it, with a reason, to end it before.")
	}
	if day := engagement.Text(before, "expires"); day == "" || engagement.Text(after, "expired_at") <= day+"T23:59:59.999999999Z" {
		return fault.New(fault.Conflict, "Its last day is not over.").WithNext("Wait until it is, or revoke it.")
	}
	return nil
}

// Issued is an issued version of a report that this workspace knows.
type Issued struct {
	Engagement, Form, Number, Dated, File, Name string
}

// Reports are the issued versions that this workspace knows: those that a firm's parcel told, and those that were issued here.
func Reports(look record.Look) (out []Issued, err error) {
	told, err := look.All(exchange.FirmItem)
	if err != nil {
		return nil, err
	}
	for _, v := range told {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, err
		}
		if b["sort"] != exchange.IssuedReport {
			continue
		}
		c, _ := b["content"].(map[string]any)
		out = append(out, Issued{engagement.Text(b, engagement.Name), engagement.Text(c, "form"), engagement.Text(c, "number"), engagement.Text(c, "dated"), engagement.Text(b, "sha256"), engagement.Text(b, "file_name")})
	}
	here, err := look.All(issue.Name)
	if err != nil {
		return nil, err
	}
	for _, v := range here {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, err
		}
		out = append(out, Issued{engagement.Text(b, engagement.Name), engagement.Text(b, "form"), engagement.Text(b, "number"), engagement.Text(b, "dated"), engagement.Text(b, "file"), engagement.Text(b, "file_name")})
	}
	slices.SortFunc(out, func(a, b Issued) int { return strings.Compare(b.Dated+b.Number, a.Dated+a.Number) })
	return out, nil
}

// allowed holds a grant to an issued report, and its steps to what a report of restricted use asks for.
func allowed(look record.Look, before, after map[string]any, actor record.Actor) error {
	list, err := Reports(look)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(r Issued) bool { return r.File == engagement.Text(after, "report") })
	if i < 0 {
		return fault.New(fault.Invalid, "No issued report with this SHA-256 is known here.").WithNext("Take the firm's parcel that tells it, and choose the version.")
	}
	r := list[i]
	after["form"], after["number"] = r.Form, r.Number
	was, is := engagement.Text(before, record.StateField), engagement.Text(after, record.StateField)
	if was == is {
		return nil
	}
	if is == "approved" || is == "granted" || is == "refused" || is == "revoked" {
		if err := ofTheFirm(look, r.Engagement, actor); err != nil {
			return err
		}
	}
	today := look.At.UTC().Format(time.DateOnly)
	switch is {
	case "approved":
		return approvable(r, after, today)
	case "granted":
		if day := engagement.Text(after, "expires"); day != "" && day < today {
			return fault.New(fault.Conflict, "Its last day, %s, is over.", day).WithNext("Ask for it anew.")
		}
	}
	return nil
}

func approvable(r Issued, b map[string]any, today string) error {
	day := engagement.Text(b, "expires")
	switch {
	case r.Form == issue.SOC3:
		return nil // it is for anybody
	case day == "" || day < today:
		return fault.New(fault.Conflict, "Nothing says until when it may be read, or that day is over.").WithNext("Fill in until.")
	case !slices.Contains(Classes(), engagement.Text(b, "class")):
		return fault.New(fault.Conflict, "The report is of restricted use, and this recipient belongs to none of the parties that it names.").WithNext("Give them the SOC 3, or refuse.")
	case engagement.Text(b, "agreement") == "" || engagement.Text(b, "agreed_on") == "":
		return fault.New(fault.Conflict, "No confidentiality agreement is on file.").WithNext("Fill in the agreement and the day on which it was signed.")
	case engagement.Text(b, "agreed_on") > today:
		return fault.New(fault.Conflict, "The agreement would be signed on %s, which has not come yet.", engagement.Text(b, "agreed_on")).WithNext("Fill in the day on which it was signed.")
	}
	return nil
}

// ofTheFirm refuses who examined: management says who reads its report.
func ofTheFirm(look record.Look, id string, actor record.Actor) error {
	v, err := look.Get(engagement.Name, id)
	if fault.Is(err, fault.NotFound) {
		return nil // the engagement is in the firm's workspace
	}
	if err != nil {
		return err
	}
	b, err := engagement.Body(v)
	if err == nil && engagement.RoleOf(b, actor.Person) != "" {
		err = fault.New(fault.Denied, "%s is of the firm that examined, and management says who reads its report.", actor.Stamp()).WithNext("Let somebody of the company decide.")
	}
	return err
}

// DownloadKind declares one download of a copy. Tickmark alone writes it.
func DownloadKind() record.Kind {
	return record.Kind{Name: DownloadName, Title: "Download of a report", Plural: "Downloads of reports", Group: "Examination", System: true, Label: "mark",
		Help: "That a recipient's copy of a report was downloaded through its link, when and from where.",
		Fields: []record.Field{
			{Name: "grant", Type: record.Ref, Refers: Name, Required: true, Indexed: true},
			{Name: "mark", Title: "Mark of the copy", Type: record.Text, Required: true},
			{Name: "at", Type: record.Time, Required: true},
			{Name: "from", Title: "From which address", Type: record.Text, Personal: true},
			{Name: "by", Title: "By", Type: record.Text, Help: "The recipient through the link, or a user of this workspace."},
			{Name: "copy", Title: "SHA-256 of the copy", Type: record.Text, Required: true, Hidden: true},
		}}
}

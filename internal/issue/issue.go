// Package issue holds what the firm puts in a report beside its own work, and what it issued: management's texts as they were
// received, recommendations that stand outside the report, and every issued version. The one rule: an issued version never
// changes; what is issued again is another version, with its reason.
package issue

import (
	"slices"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// Kinds of this room.
const (
	Name               = "issued_report"
	TextName           = "report_text"
	RecommendationName = "recommendation"
)

// Kinds are all of them.
func Kinds() []record.Kind { return []record.Kind{kind(), text(), recommendation()} }

// Sorts of text that are management's. Only management writes them; the firm takes them as they are.
const (
	Description = "description"
	Assertion   = "assertion"
	Subservice  = "subservice_assertion"
	Other       = "other_information"
)

// Forms of a report.
const (
	SOC2 = "soc_2"
	SOC3 = "soc_3"
)

// text is a text of management's as it was received: its words are those of the file with that sum, and nobody here edits them.
func text() record.Kind {
	m := &record.Machine{Initial: "received", By: "received_by", At: "received_at", Frozen: []string{"received"}, Moves: []record.Move{
		{Name: "replace", Title: "Replaced by a later one", From: []string{"received"}, To: "replaced", By: "replaced_by", At: "replaced_at"}}}
	return record.Kind{
		Name: TextName, Title: "Text of management", Plural: "Texts of management", Group: "Examination", Room: record.Auditor, Label: "sort",
		Help: "The description, an assertion or other information of management's, as it was received for the report. The firm edits none of it.",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "sort", Type: record.Choice, Required: true, Choices: []string{Description, Assertion, Subservice, Other}},
			{Name: "subservice", Title: "Subservice organisation", Type: record.Text, Help: "Whose assertion it is, with the inclusive method."},
			{Name: "file", Title: "SHA-256 of the file", Type: record.Text, Required: true, Help: "Markdown, or for the description the file that tickmark description file writes."},
			{Name: "signed", Title: "SHA-256 of the signed letter", Type: record.Text, Hidden: true, Help: "Of an assertion whose words these are; empty when the file itself is the letter."},
			{Name: "received_from", Title: "Received from", Type: record.Text, Required: true, Help: "Who of management handed it over."},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
			{Name: "received_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "received_at", Type: record.Time, Fixed: true},
			{Name: "replaced_by", Type: record.Ref, Refers: "person", Fixed: true, Hidden: true}, {Name: "replaced_at", Type: record.Time, Fixed: true, Hidden: true},
		},
		States: m,
		Guard: func(_, after map[string]any, _ record.Actor) error {
			switch {
			case !engagement.IsSum(engagement.Text(after, "file")):
				return fault.New(fault.Invalid, "file must be the 64 hexadecimal digits of the file's SHA-256.")
			case engagement.Text(after, "signed") != "" && !engagement.IsSum(engagement.Text(after, "signed")):
				return fault.New(fault.Invalid, "signed must be the 64 hexadecimal digits of the letter's SHA-256.")
			case (after["sort"] == Subservice) != (engagement.Text(after, "subservice") != ""):
				return fault.New(fault.Invalid, "An assertion of a subservice organisation names it, and no other text does.").WithNext("Fill in subservice, or leave it empty.")
			}
			return nil
		},
		Check: func(look record.Look, before, after map[string]any, actor record.Actor) error {
			if _, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "take texts of management", engagement.Workers()...); err != nil || before != nil {
				return err
			}
			all, err := engagement.Found(look, TextName, engagement.Name, after[engagement.Name])
			if err != nil {
				return err
			}
			if slices.ContainsFunc(all, func(t map[string]any) bool {
				return t["sort"] == after["sort"] && engagement.Text(t, "subservice") == engagement.Text(after, "subservice") && t[record.StateField] == "received"
			}) {
				return fault.New(fault.Conflict, "There is a text of that sort already.").WithNext("Mark that one as replaced first; both stay on record.")
			}
			return nil
		},
	}
}

// recommendation is what the firm advises beside the report: it stands in the management letter and in no section of the report.
func recommendation() record.Kind {
	return record.Kind{
		Name: RecommendationName, Title: "Recommendation", Plural: "Recommendations", Group: "Examination", Room: record.Auditor, Label: "name",
		Help: "What the firm advises management beside the report. It is printed in the management letter and never in the report.",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "name", Type: record.Text, Required: true},
			{Name: "priority", Type: record.Choice, Required: true, Choices: []string{"high", "medium", "low"}},
			{Name: "observation", Type: record.Long, Required: true, Help: "What was seen."},
			{Name: "advice", Type: record.Long, Required: true, Help: "What the firm recommends, and what it is good for."},
			{Name: "controls", Type: record.Text, List: true},
			{Name: "response", Title: "Management's response", Type: record.Long, Hidden: true, Help: "In management's own words."},
		},
		Check: func(look record.Look, _, after map[string]any, actor record.Actor) error {
			_, err := engagement.Member(look, engagement.Text(after, engagement.Name), actor, "recommend", engagement.Workers()...)
			return err
		},
	}
}

// kind is an issued version of a report. No move leaves its state, so its content stands still for ever.
func kind() record.Kind {
	m := &record.Machine{Initial: "issued", By: "issued_by", At: "issued_at"}
	return record.Kind{
		Name: Name, Title: "Issued report", Plural: "Issued reports", Group: "Examination", Room: record.Auditor, Label: "number",
		Help: "One issued version of a report, with the sum of its file. It never changes; what is issued again is another version.",
		Fields: []record.Field{
			{Name: engagement.Name, Type: record.Ref, Refers: engagement.Name, Required: true, Indexed: true},
			{Name: "form", Type: record.Choice, Required: true, Choices: []string{SOC2, SOC3}},
			{Name: "number", Type: record.Text, Required: true, Help: "A version that is issued again has a new number."},
			{Name: "dated", Type: record.Date, Required: true},
			{Name: "file", Title: "SHA-256 of the file", Type: record.Text, Required: true, Indexed: true},
			{Name: "file_name", Title: "File", Type: record.Text, Required: true},
			{Name: "size", Title: "Bytes", Type: record.Integer, Required: true},
			{Name: "made_by", Title: "Made by", Type: record.Choice, Required: true, Choices: []string{"tickmark", "firm"}, Help: "Set by Tickmark from the papers, or by the firm itself and taken as it is."},
			{Name: "compared", Title: "Compared with the papers", Type: record.Long, Hidden: true, Help: "What a comparison of Section IV with the papers found, or that none was made."},
			{Name: "reason", Type: record.Long, Help: "Why it was issued again."},
			{Name: "version", Type: record.Integer, Fixed: true},
			{Name: record.StateField, Type: record.Choice, Choices: m.States(), Fixed: true, Indexed: true},
			{Name: "issued_by", Type: record.Ref, Refers: "person", Fixed: true}, {Name: "issued_at", Type: record.Time, Fixed: true},
		},
		States: m,
		Guard: func(before, after map[string]any, _ record.Actor) error {
			if before != nil {
				return fault.New(fault.Conflict, "An issued version never changes.").WithNext("Issue another version with its reason.")
			}
			if !engagement.IsSum(engagement.Text(after, "file")) {
				return fault.New(fault.Invalid, "file must be the 64 hexadecimal digits of the file's SHA-256.")
			}
			return nil
		},
		Check: issued,
	}
}

// issued holds a version to its engagement and to the versions before it.
func issued(look record.Look, _, after map[string]any, actor record.Actor) error {
	id := engagement.Text(after, engagement.Name)
	v, err := look.Get(engagement.Name, id)
	if err != nil {
		return err
	}
	e, err := engagement.Body(v)
	if err != nil {
		return err
	}
	if err := engagement.Requires(e, actor, "issue its report", engagement.Partner); err != nil {
		return err
	}
	_, end, err := engagement.Window(e)
	if err != nil {
		return err
	}
	all, err := engagement.Found(look, Name, engagement.Name, id)
	if err != nil {
		return err
	}
	earlier := slices.DeleteFunc(all, func(b map[string]any) bool { return b["form"] != after["form"] })
	day := engagement.Text(after, "dated")
	switch {
	case !slices.Contains([]string{"issued", "archived"}, engagement.Text(e, record.StateField)):
		return fault.New(fault.Conflict, "The engagement is %s, and nothing of it is issued yet.", engagement.Text(e, record.StateField)).WithNext("Issue it with tickmark audit issue, which moves the engagement and keeps the file in one step.")
	case after["form"] == SOC3 && e["type"] != engagement.Type2:
		return fault.New(fault.Conflict, "A SOC 3 rests on an examination of Type II.")
	case len(earlier) == 0 && after["form"] == SOC2 && (after["file"] != e["report_file"] || after["number"] != e["report_number"] || after["dated"] != e["report_date"]):
		return fault.New(fault.Conflict, "The engagement was issued as number %s of %s with the SHA-256 %s, and this is another file, number or day.",
			engagement.Text(e, "report_number"), engagement.Text(e, "report_date"), engagement.Text(e, "report_file")).WithNext("Register that file first.")
	case len(earlier) == 0 && after["form"] == SOC3 && day < engagement.Text(e, "report_date"):
		return fault.New(fault.Conflict, "The SOC 3 would be dated %s, before the SOC 2 report it rests on, %s.", day, engagement.Text(e, "report_date"))
	case len(earlier) > 0 && engagement.Text(after, "reason") == "":
		return fault.New(fault.Invalid, "It was issued already, and another version needs a reason.").WithNext("Say why: --reason.")
	case day > look.At.In(end.Location()).Format(time.DateOnly):
		return fault.New(fault.Conflict, "The report is dated %s, which has not come yet.", day).WithNext("Date it the day on which it is signed.")
	}
	for _, b := range earlier {
		switch {
		case b["number"] == after["number"]:
			return fault.New(fault.Conflict, "The number %s was issued already.", engagement.Text(b, "number")).WithNext("Give the new version a number of its own.")
		case b["file"] == after["file"]:
			return fault.New(fault.Conflict, "That very file was issued as number %s.", engagement.Text(b, "number"))
		case engagement.Text(b, "dated") > day:
			return fault.New(fault.Conflict, "Number %s is dated %s, after this version.", engagement.Text(b, "number"), engagement.Text(b, "dated"))
		}
	}
	after["version"] = float64(len(earlier) + 1)
	return nil
}

package examination

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/description"
	"tickmark/internal/framework"
	"tickmark/internal/report/document"
)

// Copy is for whom a document is made.
type Copy string

// The copies. A draft and the firm's own lead each line to the record behind it; what is issued leads nowhere.
const (
	Draft     Copy = "draft"
	FirmsCopy Copy = "firm"
	Final     Copy = "final"
)

// Date is the day by which a document is dated: that of the report, or the end of the window.
func (r *Report) day() time.Time {
	t, _ := time.Parse(time.DateOnly, cmp.Or(r.Date, r.To))
	return t
}

// writing is a document under way.
type writing struct {
	r    *Report
	copy Copy
	link func(Reference) string
}

// frame is what all documents of an engagement have in common.
func (w *writing) frame(title, notice string) document.Document {
	d := document.Document{Title: title, Subtitle: w.subtitle(), Organisation: w.r.Company, Running: title + ", " + w.span(), Date: w.r.day(), Language: "en", Contents: true, Notice: notice}
	switch w.copy {
	case Draft:
		d.Banner, d.Watermark = "Draft: not issued and not signed. Nobody may rely on it or pass it on.", "DRAFT"
	case FirmsCopy:
		d.Banner = "The firm's own copy, with references into its file. It is not the issued report and stays with the firm."
	}
	return d
}

func (w *writing) subtitle() string {
	return "On the system " + w.r.System + ", relevant to " + list(categories(w.r.Categories))
}

// Report2 is the SOC 2 report, Type I or Type II, in its five sections.
func Report2(r *Report, c Copy, link func(Reference) string) document.Document {
	if c == Final {
		r = r.Issued()
	}
	w := &writing{r: r, copy: c, link: link}
	kind := "SOC 2 Type I report"
	if r.Type2() {
		kind = "SOC 2 Type II report"
	}
	d := w.frame(kind, "Restricted to the parties that Section I specifies")
	d.Facts = w.facts()
	d.Cover = "This report is intended only for the parties that Section I specifies. It states the opinion of an independent CPA firm; it is no certificate, and it gives reasonable and not absolute assurance."
	d.Sections = []document.Section{w.opinion(), w.assertion(), w.description(), w.tests(), w.other()}
	if c != Final {
		d.Sections = append(d.Sections, w.open(), w.references())
		if len(r.Missing) == 0 || c == FirmsCopy {
			d.Sections = slices.Delete(d.Sections, 5, 6)
		}
	}
	return d
}

func (w *writing) facts() []document.Fact {
	r := w.r
	facts := []document.Fact{{Name: "Service organisation", Value: r.Company}, {Name: "System", Value: r.System}, {Name: "Categories", Value: capital(list(categories(r.Categories)))}}
	if r.Type2() {
		facts = append(facts, document.Fact{Name: "Period", Value: day(r.From) + " to " + day(r.To)})
	} else {
		facts = append(facts, document.Fact{Name: "As of", Value: day(r.To)})
	}
	facts = append(facts, document.Fact{Name: "Service auditor", Value: r.Firm})
	if r.Number != "" {
		facts = append(facts, document.Fact{Name: "Number", Value: r.Number})
	}
	if r.Date != "" {
		facts = append(facts, document.Fact{Name: "Date of the report", Value: day(r.Date)})
	}
	return facts
}

// refs are the references of a line; none in what is issued.
func (w *writing) refs(codes ...string) []document.Ref {
	var out []document.Ref
	if w.copy == Final {
		return nil
	}
	for _, c := range codes {
		if c == "" || slices.ContainsFunc(out, func(r document.Ref) bool { return r.Code == c }) {
			continue
		}
		ref := document.Ref{Code: c}
		if w.link != nil {
			if i := slices.IndexFunc(w.r.References, func(x Reference) bool { return x.Code == c }); i >= 0 {
				ref.Href = w.link(w.r.References[i])
			}
		}
		out = append(out, ref)
	}
	return out
}

// assertion is Section II: management's own words.
func (w *writing) assertion() document.Section {
	s := document.Section{ID: "section-2", Title: "Section II. Assertion of management"}
	if w.r.Assertion == nil {
		s.Blocks = append(s.Blocks, absent("Management's assertion was not received yet."))
	} else {
		s.Blocks = append(s.Blocks, w.words(*w.r.Assertion)...)
	}
	for _, o := range w.r.Others {
		s.Sections = append(s.Sections, document.Section{ID: id("assertion", o.Of), Title: "Assertion of " + o.Of, Blocks: w.words(o)})
	}
	return s
}

// words are a text of management's as it is, with who signed it.
func (w *writing) words(x Words) []document.Block {
	out := document.Markdown(x.Text)
	var sign []document.Fact
	if len(x.Signed) > 0 {
		sign = append(sign, document.Fact{Name: "Signed by", Value: strings.Join(x.Signed, ", ")})
	}
	if x.Dated != "" {
		sign = append(sign, document.Fact{Name: "Dated", Value: day(x.Dated)})
	}
	if len(sign) > 0 {
		out = append(out, document.Block{Sign: sign})
	}
	if refs := w.refs(x.Ref); len(refs) > 0 {
		out = append(out, document.Block{Text: document.Plain("Text of management, SHA-256 " + x.SHA256 + "."), Small: true, Refs: refs})
	}
	return out
}

// description is Section III.
func (w *writing) description() document.Section {
	s := document.Section{ID: "section-3", Title: "Section III. Description of the system by management"}
	d := w.r.Description
	switch {
	case d == nil:
		s.Blocks = append(s.Blocks, absent("Management's description was not received yet."))
		return s
	case d.File == nil:
		s.Blocks = document.Markdown(d.Text)
	default:
		s.Sections = Described3(d.File)
	}
	if refs := w.refs(d.Ref); len(refs) > 0 {
		s.Blocks = append(s.Blocks, document.Block{Text: document.Plain("Text of management, SHA-256 " + d.SHA256 + "."), Small: true, Refs: refs})
	}
	return s
}

// Described3 are the parts of a description as sections, with the tables of the registers.
func Described3(f *description.File) []document.Section {
	var out []document.Section
	for _, p := range description.Parts() {
		if p.Type2 && f.Type != "type_2" {
			continue
		}
		blocks := document.Markdown(f.Text(p.Name))
		blocks = append(blocks, register(f, p.Name)...)
		if len(blocks) == 0 {
			blocks = []document.Block{absent("Nothing is said of this yet.")}
		}
		out = append(out, document.Section{ID: "description-" + strings.ReplaceAll(p.Name, "_", "-"), Title: p.Title, Follows: true, Blocks: blocks})
	}
	return out
}

// register is the table that belongs to a part.
func register(f *description.File, part string) []document.Block {
	components := func(sort string) []document.Block {
		var rows []document.Row
		for _, c := range f.Components {
			if c.Type == sort && c.Outside == "" {
				rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.Name}, {Text: c.Description}, {Text: between(c.From, c.To)}}})
			}
		}
		if rows == nil {
			return nil
		}
		return []document.Block{table("Components: "+strings.ReplaceAll(sort, "_", " "), rows, document.Column{Title: "Component", Width: 1.2}, document.Column{Title: "What it is", Width: 2}, document.Column{Title: "Part of the system", Width: 1.1})}
	}
	switch part {
	case "services":
		return bullets(f.Services)
	case "commitments":
		var rows []document.Row
		for _, c := range f.Commitments {
			rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.ID}, {Text: c.Statement}, {Text: capital(plain(c.Sort)), Sub: capital(plain(c.Category))}, {Text: c.MadeIn}}})
		}
		return []document.Block{table("Commitments and requirements", rows, document.Column{Title: "Id", Width: -48}, document.Column{Title: "Statement", Width: 2.4}, document.Column{Title: "Sort", Width: 1}, document.Column{Title: "Made in", Width: 1})}
	case "infrastructure":
		out := components("infrastructure")
		if len(f.Locations) > 0 {
			out = append(out, document.Block{Text: document.Plain("Locations: " + strings.Join(f.Locations, ", ") + ".")})
		}
		return out
	case "software":
		return components("software")
	case "people":
		out := components("people")
		var rows []document.Row
		for _, p := range f.Positions {
			rows = append(rows, document.Row{Cells: []document.Cell{{Text: p.Title}, {Text: capital(p.Employment)}, {Text: fmt.Sprint(p.Count)}}})
		}
		if rows != nil {
			out = append(out, para("Positions on %s:", day(f.To)), table("Positions on "+day(f.To), rows, document.Column{Title: "Position", Width: 2}, document.Column{Title: "Employment", Width: 1}, document.Column{Title: "People", Width: -50, Right: true}))
		}
		return out
	case "procedures":
		out := components("procedure")
		var rows []document.Row
		for _, p := range f.Procedures {
			rows = append(rows, document.Row{Cells: []document.Cell{{Text: p.Title}, {Text: p.Version}, {Text: day(p.Since)}}})
		}
		if rows != nil {
			out = append(out, para("Policies in force on %s:", day(f.To)), table("Policies in force", rows, document.Column{Title: "Policy", Width: 2.4}, document.Column{Title: "Version", Width: -60}, document.Column{Title: "In force from", Width: 1}))
		}
		return out
	case "data":
		out := components("data")
		var rows []document.Row
		for _, d := range f.Data {
			personal := "No"
			if d.Personal {
				personal = "Yes"
			}
			rows = append(rows, document.Row{Cells: []document.Cell{{Title: d.Name}, {Text: capital(d.Class)}, {Text: personal}, {Text: d.Where}, {Text: d.Retention}}})
		}
		if rows != nil {
			out = append(out, para("Data that is kept or passes through:"), table("Data", rows, document.Column{Title: "Data", Width: 1.4}, document.Column{Title: "Class", Width: 1}, document.Column{Title: "Personal", Width: -50}, document.Column{Title: "Kept in", Width: 1.2}, document.Column{Title: "Kept for", Width: 1}))
		}
		return out
	case "boundaries":
		var out []document.Block
		if f.Inside != "" {
			out = append(out, document.Block{Head: head("Inside the boundary")})
			out = append(out, document.Markdown(f.Inside)...)
		}
		if f.Beyond != "" {
			out = append(out, document.Block{Head: head("Outside the boundary")})
			out = append(out, document.Markdown(f.Beyond)...)
		}
		var rows []document.Row
		for _, c := range f.Components {
			if c.Outside != "" {
				rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.Name}, {Text: c.Outside}}})
			}
		}
		if rows != nil {
			out = append(out, table("Outside the boundary", rows, document.Column{Title: "Component", Width: 1}, document.Column{Title: "Why it is outside", Width: 2}))
		}
		return out
	case "control_activities":
		return []document.Block{{Text: document.Plain("The controls, with the criteria that they help to meet, are listed in Section IV and are part of this description.")}}
	case "incidents":
		if f.NoIncidents {
			return []document.Block{{Text: document.Plain("No incident came from controls that were not suitably designed or did not operate effectively, and none otherwise led to a significant failure to meet a commitment or requirement.")}}
		}
		var rows []document.Row
		for _, i := range f.Incidents {
			rows = append(rows, document.Row{Cells: []document.Cell{{Text: day(i.On)}, {Text: i.Nature}, {Text: i.Extent}, {Text: i.Done}}})
		}
		return []document.Block{table("Incidents", rows, document.Column{Title: "Day", Width: -82}, document.Column{Title: "What happened", Width: 1.4}, document.Column{Title: "Extent and effect", Width: 1.4}, document.Column{Title: "What was done", Width: 1.4})}
	case "user_controls":
		if f.NoUserControls {
			return []document.Block{{Text: document.Plain("The controls were designed so that the criteria are met without controls of user entities.")}}
		}
		var rows []document.Row
		for _, u := range f.UserControls {
			rows = append(rows, document.Row{Cells: []document.Cell{{Text: u.Text}, {Words: u.Criteria}}})
		}
		return []document.Block{{Text: document.Plain("The controls were designed on the assumption that user entities operate the controls below.")},
			table("Controls expected of user entities", rows, document.Column{Title: "Control expected of user entities", Width: 3}, document.Column{Title: "Criteria", Width: 1})}
	case "subservice":
		var rows []document.Row
		for _, s := range f.Subservice {
			rows = append(rows, document.Row{Cells: []document.Cell{{Title: s.Name, Sub: method(s.Method)}, {Text: s.Services}, {Lines: lines(s.Expected)}, {Words: s.Criteria}}})
		}
		if rows == nil {
			return []document.Block{{Text: document.Plain("No subservice organisation is used whose controls are needed to meet the criteria.")}}
		}
		return []document.Block{table("Subservice organisations", rows, document.Column{Title: "Organisation", Width: 1.1}, document.Column{Title: "Services", Width: 1.2}, document.Column{Title: "Controls expected of it", Width: 2}, document.Column{Title: "Criteria", Width: .9})}
	case "not_relevant":
		if len(f.NotRelevant) == 0 {
			return []document.Block{{Text: document.Plain("All criteria of the categories in scope are relevant to the system.")}}
		}
		var rows []document.Row
		for _, n := range f.NotRelevant {
			rows = append(rows, document.Row{Cells: []document.Cell{{Title: n.Criterion}, {Text: n.Reason}}})
		}
		return []document.Block{table("Criteria that are not relevant", rows, document.Column{Title: "Criterion", Width: -64}, document.Column{Title: "Why it is not relevant", Width: 3})}
	case "changes":
		var rows []document.Row
		for _, c := range f.Disclosed() {
			rows = append(rows, document.Row{Cells: []document.Cell{{Text: day(c.On)}, {Text: capital(c.What)}, {Text: c.Before}, {Text: c.After}}})
		}
		if rows == nil {
			return []document.Block{{Text: document.Plain("Nothing about the system or its controls changed in the period that is significant to those who use the service.")}}
		}
		return []document.Block{table("Changes in the period", rows, document.Column{Title: "From", Width: -82}, document.Column{Title: "What changed", Width: 1}, document.Column{Title: "Before", Width: 1.4}, document.Column{Title: "After", Width: 1.4})}
	}
	return nil
}

// tests is Section IV.
func (w *writing) tests() document.Section {
	r := w.r
	if !r.Type2() {
		s := document.Section{ID: "section-4", Title: "Section IV. Criteria and controls"}
		s.Blocks = []document.Block{para("The controls below were designed and put into operation by management as of %s. Their operation over time was not tested, and no result of such tests is stated.", day(r.To))}
		s.Sections = []document.Section{w.matrix(), w.controls1()}
		return s
	}
	s := document.Section{ID: "section-4", Title: "Section IV. Criteria, controls, tests and results"}
	s.Sections = []document.Section{w.manner(), w.matrix(), w.controls2()}
	return s
}

// manner says once how all controls were tested.
func (w *writing) manner() document.Section {
	s := document.Section{ID: "section-4-manner", Title: "How controls were tested", Follows: true, Blocks: []document.Block{
		para("%s tested the controls that are listed here over the period %s to %s. The nature of each test is named with its words: inquiry of those who perform or oversee a control, observation of its performance, inspection of documents, settings and records, and reperformance. %s", w.r.Firm, day(w.r.From), day(w.r.To), w.inquired()),
		para("Where a control is performed on many occasions, the items to be tested were drawn from the complete list of its occasions in the period; a list that is small was tested whole. A control that bears on several criteria was tested once. Where a test found exceptions, the number of items tested, the number of those that deviated and what happened are stated; where it found none, sizes are not stated."),
		para("The marks mean: no exceptions noted, the tests found nothing that deviates from the control as it is worded; exception noted, at least one occasion deviated, whatever was corrected afterwards; did not operate, nothing in the period called for the control, so that its operation was not tested."),
	}}
	var rows []document.Row
	for _, p := range w.r.Populations {
		complete := "Source read completely over the period"
		if !p.Complete {
			complete = "Completeness rests on the evaluation beside it"
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: p.Name, Sub: "For " + p.Control, Refs: w.refs(p.Ref)}, {Text: p.Source, Sub: capital(p.Origin)}, {Text: full(p.Completeness), Sub: complete}, {Text: full(p.Accuracy)}}})
	}
	if rows != nil {
		s.Blocks = append(s.Blocks, document.Block{Head: head("Information that the company produced")}, para("Lists that the company produced were used as the basis of tests only after their completeness and accuracy had been evaluated."),
			table("Evaluation of lists", rows, document.Column{Title: "List", Width: 1}, document.Column{Title: "From", Width: 1}, document.Column{Title: "Completeness", Width: 1.7}, document.Column{Title: "Accuracy", Width: 1.4}))
	}
	return s
}

// matrix lists the criteria with the controls that bear on them.
func (w *writing) matrix() document.Section {
	var rows []document.Row
	last := ""
	for _, c := range w.r.Criteria {
		if c.Category != last {
			last = c.Category
			rows = append(rows, document.Row{Group: group(c.Category)})
		}
		cell := document.Cell{Words: c.Controls}
		if len(c.Controls) == 0 {
			cell = document.Cell{Text: "Not relevant: " + full(c.NotRelevant)}
			if c.NotRelevant == "" {
				cell = document.Cell{Status: &document.Status{Word: "No control", Tone: document.Attention}}
			}
		}
		row := document.Row{Cells: []document.Cell{{Title: c.ID, Refs: w.refs(c.Refs...)}, {Text: c.Title}, cell}}
		if w.copy != Final && w.r.Type2() {
			row.Cells[2].Sub = "Concluded: " + cmp.Or(plain(c.Conclusion), "not yet")
		}
		rows = append(rows, row)
	}
	about := "The criteria are the trust services criteria for " + list(categories(w.r.Categories)) + "; their titles here are summaries in the firm's words."
	if w.copy != Final && w.r.Type2() {
		about += " What the firm concluded on each stands in this copy only; the issued report states it through the opinion."
	}
	return document.Section{ID: "section-4-criteria", Title: "Criteria and controls", Follows: true, Blocks: []document.Block{
		para("%s", about),
		table("Criteria and controls", rows, document.Column{Title: "Criterion", Width: -64}, document.Column{Title: "What it asks, in short", Width: 2.2}, document.Column{Title: "Controls", Width: 1.8}),
	}}
}

// controls1 lists the controls of a Type I.
func (w *writing) controls1() document.Section {
	var rows []document.Row
	for _, k := range w.r.Controls {
		cell := document.Cell{Lines: worded(k)}
		if k.Result != nil {
			cell.Sub = k.Result.Text
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: k.ID, Refs: w.refs(k.Refs...)}, cell, {Words: k.Criteria}}})
	}
	return document.Section{ID: "section-4-controls", Title: "Controls", Follows: true, Blocks: []document.Block{
		table("Controls", rows, document.Column{Title: "Control", Width: -64}, document.Column{Title: "As management describes it", Width: 3}, document.Column{Title: "Criteria", Width: 1.1})}}
}

// controls2 lists the controls of a Type II with their tests and results.
func (w *writing) controls2() document.Section {
	var rows []document.Row
	for _, k := range w.r.Controls {
		about := document.Cell{Title: k.ID, Lines: worded(k), Sub: strings.Join(k.Criteria, ", "), Refs: w.refs(k.Refs...)}
		var done document.Cell
		for _, t := range k.Tests {
			done.Lines = append(done.Lines, document.Line{Text: test(t), Refs: w.refs(t.Refs...)})
		}
		if len(k.Tests) == 0 {
			done = document.Cell{Text: "No test is on record."}
		}
		rows = append(rows, document.Row{Cells: []document.Cell{about, done, w.outcome(k)}})
	}
	return document.Section{ID: "section-4-controls", Title: "Controls, tests and results", Follows: true, Blocks: []document.Block{
		table("Controls, tests and results", rows, document.Column{Title: "Control, as management describes it", Width: 1.5}, document.Column{Title: "Tests performed by the service auditor", Width: 2}, document.Column{Title: "Result", Width: 1.25})}}
}

// outcome is the result of a control's tests. A result is words; only what is not concluded has a mark, which no issued report has.
func (w *writing) outcome(k Control) document.Cell {
	if k.Result == nil {
		return document.Cell{Status: &document.Status{Word: "Not concluded", Tone: document.Attention}}
	}
	c := document.Cell{Text: k.Result.Text, Refs: w.refs(k.Result.Refs...)}
	if k.Result.Sort == Undecided {
		c.Status, c.Text = &document.Status{Word: "Not concluded", Tone: document.Attention}, strings.TrimPrefix(k.Result.Text, "Not concluded: ")
	}
	return c
}

func test(t Test) string {
	name := map[string]string{"inquiry": "Inquir", "observation": "Observ", "inspection": "Inspect", "reperformance": "Reperform"}[t.Sort]
	text := full(t.Text)
	if name != "" && !strings.Contains(strings.ToLower(text), strings.ToLower(name)) {
		return capital(t.Sort) + ": " + text
	}
	return text
}

// worded are a control's words, with the days for which they held where they changed.
func worded(k Control) []document.Line {
	var out []document.Line
	for _, x := range k.Worded {
		text := x.Text
		if len(k.Worded) > 1 {
			text = day(x.From) + " to " + day(x.To) + ": " + text
		}
		out = append(out, document.Line{Text: text})
	}
	return out
}

// other is Section V: what management says, which nobody examined.
func (w *writing) other() document.Section {
	s := document.Section{ID: "section-5", Title: "Section V. Other information provided by management", Blocks: []document.Block{
		{Note: &document.Note{Tone: document.Info, Title: "Not examined", Text: "What stands in this section is management's own and was not examined. The service auditor expresses no opinion and gives no assurance on it."}}}}
	if w.r.Type2() {
		rows := []document.Row{} // an empty table says that there is none
		for _, d := range w.r.Deviations {
			answer := document.Cell{Text: full(cmp.Or(d.Response, "Management gave no response."))}
			if d.Remediation != "" {
				answer.Sub = "Corrected since, which changes nothing in the result: " + full(d.Remediation)
			}
			rows = append(rows, document.Row{Cells: []document.Cell{{Title: d.Number, Sub: d.Control, Refs: w.refs(d.Ref)}, {Text: full(d.Facts)}, answer}})
		}
		s.Sections = append(s.Sections, document.Section{ID: "section-5-responses", Title: "Management's responses to exceptions", Follows: true, Blocks: []document.Block{
			document.Block{Table: &document.Table{Label: "Responses", Empty: "No exception was noted, so there is nothing to respond to.", Rows: rows,
				Columns: []document.Column{{Title: "Number", Width: -52}, {Title: "Exception noted in Section IV", Width: 1.4}, {Title: "Response of management", Width: 1.6}}}}}})
	}
	if w.r.Other != nil {
		s.Sections = append(s.Sections, document.Section{ID: "section-5-other", Title: "Other information", Follows: true, Blocks: w.words(*w.r.Other)})
	} else if !w.r.Type2() {
		s.Blocks = append(s.Blocks, para("Management provided no other information."))
	}
	return s
}

// open lists, in a draft, what stands against its issue.
func (w *writing) open() document.Section {
	return document.Section{ID: "open", Title: "What stands against its issue", Blocks: append([]document.Block{para("This page is in no issued report.")}, bullets(w.r.Missing)...)}
}

// references is the table of what each mark leads to.
func (w *writing) references() document.Section {
	var rows []document.Row
	for _, x := range w.r.References {
		c := document.Cell{Text: x.Label, Sub: plain(x.Kind) + " " + x.Key}
		if w.link != nil {
			c = document.Cell{Title: x.Label, Href: w.link(x), Sub: c.Sub}
		}
		rows = append(rows, document.Row{Ref: x.Code, Cells: []document.Cell{{Code: x.Code}, c, {Text: x.VersionFrom.Time().UTC().Format("2 Jan 2006, 15:04 UTC")}, {Text: fmt.Sprint(x.Entry)}}})
	}
	return document.Section{ID: "references", Title: "References into the firm's file", Blocks: []document.Block{
		para("Each mark in this copy leads to the record that its line rests on, as it stood when the copy was made. This page and the marks are in no issued report."),
		table("References", rows, document.Column{Title: "Mark", Width: -52}, document.Column{Title: "Record", Width: 2.4}, document.Column{Title: "Held since", Width: 1.3}, document.Column{Title: "Ledger entry", Width: -64, Right: true})}}
}

func absent(text string) document.Block {
	return document.Block{Note: &document.Note{Tone: document.Attention, Title: "Missing", Text: text}}
}

func para(format string, args ...any) document.Block {
	return document.Block{Text: document.Plain(fmt.Sprintf(format, args...))}
}

func head(text string) *document.Head { return &document.Head{Level: 1, Spans: document.Plain(text)} }

func table(label string, rows []document.Row, columns ...document.Column) document.Block {
	if rows == nil {
		rows = []document.Row{}
	}
	return document.Block{Table: &document.Table{Label: label, Columns: columns, Rows: rows, Empty: "There is nothing to list."}}
}

func bullets(items []string) []document.Block {
	if len(items) == 0 {
		return nil
	}
	l := document.List{}
	for _, i := range items {
		l.Items = append(l.Items, []document.Block{{Text: document.Plain(i)}})
	}
	return []document.Block{{List: &l}}
}

func lines(items []string) []document.Line {
	var out []document.Line
	for _, i := range items {
		out = append(out, document.Line{Text: i})
	}
	return out
}

func id(parts ...string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(strings.Join(parts, "-"), func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	}), "-"))
}

func day(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return t.Format("2 January 2006")
}

func between(from, to string) string {
	if to == "" {
		return "Since " + day(from)
	}
	return day(from) + " to " + day(to)
}

func plain(s string) string { return strings.ReplaceAll(s, "_", " ") }

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func method(s string) string {
	if s == "inclusive" {
		return "Included in the description"
	}
	return "Carved out"
}

func categories(list []string) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = plain(c)
	}
	return out
}

func group(category string) string {
	if category == framework.Security || category == "common" {
		return "Security (common criteria)"
	}
	return capital(plain(category))
}

// list joins words as a sentence does.
func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

// DescriptionDocument is a description by itself, for management to read before it is approved.
func DescriptionDocument(f *description.File, draft bool) document.Document {
	when := "As of " + day(f.To)
	if f.Type == "type_2" {
		when = day(f.From) + " to " + day(f.To)
	}
	d := document.Document{Title: "Description of the system " + f.SystemName, Subtitle: when, Organisation: cmp.Or(f.LegalName, f.Organisation), Running: "Description of the system, " + when, Language: "en", Contents: true, Notice: "Confidential",
		Facts: []document.Fact{{Name: "Categories", Value: capital(list(categories(f.Categories)))}, {Name: "Registers as of", Value: f.AsOf}}, Sections: Described3(f)}
	d.Date, _ = time.Parse(time.RFC3339Nano, f.AsOf)
	for i := range d.Sections {
		d.Sections[i].Follows = i > 0
	}
	if draft {
		d.Banner, d.Watermark = "Draft: management has not approved this text.", "DRAFT"
	}
	return d
}

// inquired says of inquiry what the papers show: that it was made for every control only where each of them has it among its tests.
func (w *writing) inquired() string {
	for _, k := range w.r.Controls {
		if !slices.ContainsFunc(k.Tests, func(t Test) bool { return t.Sort == "inquiry" }) {
			return "Inquiry was never the only test of the operation of a control."
		}
	}
	return "Inquiry was made for every control and was never the only test of its operation."
}

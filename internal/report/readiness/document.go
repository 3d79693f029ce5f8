package readiness

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"tickmark/internal/report/document"
	"tickmark/internal/store"
	"tickmark/internal/wording"
)

// Notice stands at the foot of every page.
const Notice = "For management's own use. It states records and answers; it is no opinion and gives no assurance."

// DemoBanner stands at the head of every page of a workspace whose records are invented.
const DemoBanner = "Demo data: this organisation and all its records are invented."

// paper lays a report out.
type paper struct {
	r    *Report
	zone *time.Location
	link func(Reference) string
	refs map[string]Reference
}

// Document lays the report out in sections. link says where a reference leads on a page; nil for none.
func Document(r *Report, link func(Reference) string) document.Document {
	p := &paper{r: r, link: link, refs: map[string]Reference{}}
	var err error
	if p.zone, err = time.LoadLocation(r.Zone); err != nil {
		p.zone = time.UTC
	}
	for _, x := range r.References {
		p.refs[x.Code] = x
	}
	d := document.Document{
		Title: "Readiness report", Organisation: r.Organisation.Name, Running: "Readiness report, as of " + p.at(r.AsOf), Notice: Notice,
		Subtitle: p.subtitle(), Facts: p.cover(), Date: r.AsOf.Time(), Language: "en", Contents: true,
		Cover:    "Every line carries a tickmark, such as R-0001; a line without one tells of something that is not on record. The last section says for each mark which record in which version it was traced to, and which entry of the ledger proves that version unchanged.",
		Sections: []document.Section{p.summary(), p.scope(), p.criteria(), p.controls(), p.gaps(), p.checks(), p.findings(), p.unwatched(), p.policies(), p.sources(), p.changes(), p.references()},
	}
	if r.Organisation.Demo {
		d.Banner = DemoBanner
	}
	return d
}

func (p *paper) subtitle() string {
	if p.r.Period != nil {
		return "For " + p.r.Period.Name + ", a " + p.r.Period.Title() + " examination"
	}
	return "No period is chosen yet"
}

func (p *paper) cover() []document.Fact {
	facts := []document.Fact{{Name: "As of", Value: p.at(p.r.AsOf)}, {Name: "Window", Value: p.window()}, {Name: "Categories", Value: words(p.r.Scope.Categories)}}
	if !p.r.Scope.Chosen {
		facts[2].Value += ", assumed: none are chosen yet"
	}
	if x := p.r.Period; x != nil && x.Fieldwork != "" {
		facts = append(facts, document.Fact{Name: "Fieldwork begins", Value: date(x.Fieldwork)})
	}
	return append(facts,
		document.Fact{Name: "Ledger", Value: fmt.Sprintf("%s, %d entries", p.r.Ledger.Origin, p.r.Ledger.Size)},
		document.Fact{Name: "Root", Value: p.r.Ledger.Root, Code: true})
}

func (p *paper) window() string {
	last := (p.r.To - 1).Time().In(p.zone)
	s := fmt.Sprintf("%s to %s, %s: %s", p.r.From.Time().In(p.zone).Format("2 Jan 2006"), last.Format("2 Jan 2006"), p.r.Zone, p.r.Window)
	if x := p.r.Period; x != nil && p.r.Window == "the period "+x.Name && x.To > last.Format(time.DateOnly) {
		s += " so far"
	}
	return s
}

// at is a moment in the organisation's zone, to the minute.
func (p *paper) at(m store.Moment) string { return m.Time().In(p.zone).Format("2 Jan 2006, 15:04 MST") }

func (p *paper) day(m store.Moment) string { return m.Time().In(p.zone).Format("2 Jan 2006") }

// date is a day in words; a text that is none stays.
func date(s string) string {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return t.Format("2 Jan 2006")
}

// words makes names of the records into words: processing_integrity.
func words(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = plain(s)
	}
	return strings.Join(out, ", ")
}

func plain(s string) string {
	s = strings.ReplaceAll(s, "_", " ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

var statusWords = map[string]document.Status{
	Passing: {Word: "Passing", Tone: document.Pass}, Attention: {Word: "Attention", Tone: document.Attention}, Failing: {Word: "Failing", Tone: document.Fail},
	Unknown: {Word: "Unknown", Tone: document.Unknown}, NotApplicable: {Word: "Not applicable", Tone: document.None},
}

func status(s string) *document.Status {
	w, ok := statusWords[s]
	if !ok {
		w = document.Status{Word: plain(s), Tone: document.Info}
	}
	return &w
}

// ref is the tickmark of a code, with where it leads.
func (p *paper) ref(codes ...string) []document.Ref {
	var out []document.Ref
	for _, c := range codes {
		if c == "" {
			continue
		}
		x := document.Ref{Code: c}
		if p.link != nil {
			x.Href = p.link(p.refs[c])
		}
		out = append(out, x)
	}
	return out
}

func (p *paper) one(code string) *document.Ref {
	if list := p.ref(code); len(list) > 0 {
		return &list[0]
	}
	return nil
}

func text(format string, args ...any) document.Block {
	return document.Block{Text: document.Plain(fmt.Sprintf(format, args...))}
}

func small(s string) document.Block {
	return document.Block{Text: document.Plain(s), Small: true}
}

func table(t document.Table) document.Block {
	if t.Rows == nil {
		t.Rows = []document.Row{}
	}
	return document.Block{Table: &t}
}

func tally(s Standing) []document.Count {
	var out []document.Count
	for _, x := range []struct {
		n int
		s string
	}{{s.Failing, Failing}, {s.Attention, Attention}, {s.Unknown, Unknown}, {s.Passing, Passing}, {s.NotApplicable, NotApplicable}} {
		if x.n > 0 {
			out = append(out, document.Count{N: x.n, Status: *status(x.s)})
		}
	}
	return out
}

func (p *paper) summary() document.Section {
	r := p.r
	overdue := 0
	for _, f := range r.Findings {
		if f.Open && f.Overdue != "" {
			overdue++
		}
	}
	findings := document.Tile{Title: "Open findings", To: "findings", Number: r.Counts.Findings}
	if overdue > 0 {
		findings.Parts = []document.Count{{N: overdue, Status: document.Status{Word: "past due", Tone: document.Fail}}}
	}
	if n := r.Counts.Findings - overdue; n > 0 {
		findings.Parts = append(findings.Parts, document.Count{N: n, Status: document.Status{Word: "in time", Tone: document.Attention}})
	}
	s := document.Section{ID: "summary", Title: "Where it stands", Blocks: []document.Block{
		{Tiles: []document.Tile{
			{Title: "Criteria in scope", To: "criteria", Number: r.Counts.Criteria.Total(), Parts: tally(r.Counts.Criteria)},
			{Title: "Controls", To: "controls", Number: r.Counts.Controls.Total(), Parts: tally(r.Counts.Controls)},
			{Title: "Checks", To: "checks", Number: r.Counts.Checks.Total(), Parts: tally(r.Counts.Checks)},
			findings,
			{Title: "Gaps", To: "gaps", Number: r.Counts.Gaps, Parts: severities(r.Gaps)},
		}},
	}}
	if list := p.first(); len(list) > 0 {
		s.Sections = append(s.Sections, document.Section{ID: "first", Title: "What to do first", Blocks: []document.Block{{List: &document.List{Ordered: true, Items: list}}}})
	}
	s.Sections = append(s.Sections, document.Section{ID: "reading", Title: "How to read it", Blocks: []document.Block{
		table(document.Table{Label: "The words for how something stands", Columns: []document.Column{{Title: "Word", Width: -92}, {Title: "Meaning", Width: 1}}, Rows: []document.Row{
			wordRow(Passing, "It was judged on complete records, and nothing failed."),
			wordRow(Attention, "Something fails; the due date of its finding has not passed."),
			wordRow(Failing, "Something fails, and no due date lies ahead."),
			wordRow(Unknown, "It could not be judged: not observed, read too long ago, read by half, or nothing on record. Unknown never counts as passing."),
			wordRow(NotApplicable, "Nothing there is falls under it, or the organisation gave the reason why it is not relevant."),
		}}),
		{Note: &document.Note{Tone: document.Info, Title: "What this report does not say",
			Text: "It adds nothing up to a score and draws no conclusion about an examination; that is the auditor's part. It shows what was on record, for which time, and what could not be known. What people do and nobody recorded is not in it."}},
		small(fmt.Sprintf("How things stand is as of %s, as it was known then. How checks went over the window is as known when the ledger had %d entries. Days and times are those of the zone %s.", p.at(r.AsOf), r.Ledger.Size, r.Zone)),
	}})
	return s
}

func wordRow(s, meaning string) document.Row {
	return document.Row{Cells: []document.Cell{{Status: status(s)}, {Text: meaning}}}
}

func severities(gaps []Gap) []document.Count {
	n := map[string]int{}
	for _, g := range gaps {
		n[g.Severity]++
	}
	var out []document.Count
	for _, s := range []struct {
		name string
		tone document.Tone
	}{{"critical", document.Fail}, {"high", document.Attention}, {"medium", document.Info}, {"low", document.None}} {
		if n[s.name] > 0 {
			out = append(out, document.Count{N: n[s.name], Status: document.Status{Word: s.name, Tone: s.tone}})
		}
	}
	return out
}

// first are the worst gaps, each with what to do.
func (p *paper) first() [][]document.Block {
	var out [][]document.Block
	for _, g := range p.r.Gaps[:min(5, len(p.r.Gaps))] {
		out = append(out, []document.Block{{Text: []document.Span{{Text: strings.TrimSuffix(g.What, ".") + ". ", Bold: true}, {Text: g.Next}}, Refs: p.ref(g.Ref)}})
	}
	return out
}

func (p *paper) scope() document.Section {
	org := []document.Fact{{Name: "Organisation", Value: cmp.Or(p.r.Organisation.LegalName, p.r.Organisation.Name), Ref: p.one(p.r.Organisation.Ref)}}
	if p.r.Library != "" {
		org = append(org, document.Fact{Name: "Criteria", Value: "Library " + p.r.Library})
	}
	s := document.Section{ID: "scope", Title: "Scope", Blocks: []document.Block{{Facts: org}}}
	if x := p.r.Period; x != nil {
		facts := []document.Fact{{Name: "Period", Value: x.Name, Ref: p.one(x.Ref)}, {Name: "Report", Value: x.Title()}, {Name: "Categories", Value: words(p.r.Scope.Categories)}}
		if x.From != "" {
			facts = append(facts, document.Fact{Name: "Window", Value: date(x.From) + " to " + date(x.To) + ", both inclusive, in " + p.r.Zone})
		} else {
			facts = append(facts, document.Fact{Name: "As of", Value: date(x.To)})
		}
		if x.Objective != "" {
			facts = append(facts, document.Fact{Name: "Objective", Value: x.Objective})
		}
		s.Blocks[0].Facts = append(org, facts...)
	} else {
		s.Blocks = append(s.Blocks, document.Block{Note: &document.Note{Tone: document.Attention, Title: "No period is chosen",
			Text: "Which report, for which window and which categories is not settled. What every SOC 2 examination covers is shown, over the last " + fmt.Sprint(DefaultDays) + " days."}})
	}
	if len(p.r.Scope.Systems) == 0 {
		s.Blocks = append(s.Blocks, document.Block{Note: &document.Note{Tone: document.Attention, Title: "No system is described", Text: "Nothing says yet what is inside the boundary and what is outside."}})
	}
	for _, x := range p.r.Scope.Systems {
		s.Sections = append(s.Sections, p.system(x))
	}
	if n := p.wording(); n != nil {
		s.Blocks = append(s.Blocks, document.Block{Note: n})
	}
	rows := []document.Row{}
	for _, c := range p.r.Scope.Commitments {
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.Title, Sub: plain(c.Sort), Refs: p.ref(c.Ref)}, {Text: plain(c.Category)}, {Text: c.MadeIn}, {Words: c.Controls}}})
	}
	s.Sections = append(s.Sections, document.Section{ID: "commitments", Title: "Commitments and requirements", Blocks: []document.Block{table(document.Table{
		Label: "What was promised, where, and which controls keep it", Empty: "No commitments are on record.",
		Columns: []document.Column{{Title: "Commitment", Width: 3}, {Title: "Category", Width: 1}, {Title: "Made in", Width: 1.6}, {Title: "Kept by", Width: 1.2}}, Rows: rows})}})
	return s
}

// wording warns of what the organisation's own texts in the scope say that must not be said of a report.
func (p *paper) wording() *document.Note {
	var texts []string
	if x := p.r.Period; x != nil {
		texts = append(texts, x.Name, x.Objective)
	}
	for _, x := range p.r.Scope.Systems {
		texts = append(texts, x.Name, x.Description, x.Inside, x.Outside)
		for _, c := range x.Components {
			texts = append(texts, c.Description)
		}
	}
	for _, c := range p.r.Scope.Commitments {
		texts = append(texts, c.Title)
	}
	var says []string
	for _, f := range wording.Check(strings.Join(texts, "\n")) {
		says = append(says, fmt.Sprintf("Instead of “%s” say: %s.", f.Text, f.Say))
	}
	if len(says) == 0 {
		return nil
	}
	return &document.Note{Tone: document.Attention, Title: "Some words in this section are not true of a SOC 2 report", Text: strings.Join(says, " ")}
}

func (p *paper) system(x System) document.Section {
	approved := "Not approved: " + plain(x.State)
	if t, err := time.Parse(time.RFC3339Nano, x.ApprovedAt); err == nil && x.State == "approved" {
		approved = "Approved by " + x.ApproverName + " on " + t.In(p.zone).Format("2 Jan 2006")
		if said := x.Approval().Said(x.ReviewDue, x.LateName); said != "" {
			approved += ", " + said
		}
	}
	facts := []document.Fact{{Name: "System", Value: x.Name, Ref: p.one(x.Ref)}, {Name: "Boundary", Value: approved}}
	for _, f := range []document.Fact{{Name: "What it does", Value: x.Description}, {Name: "Services", Value: strings.Join(x.Services, ", ")}, {Name: "Inside", Value: x.Inside}, {Name: "Outside", Value: x.Outside},
		{Name: "Locations", Value: strings.Join(x.Locations, ", ")}, {Name: "Owner", Value: x.OwnerName}} {
		if f.Value != "" {
			facts = append(facts, f)
		}
	}
	rows := []document.Row{}
	for _, c := range x.Components {
		to := ""
		if c.To != "" {
			to = "through " + date(c.To)
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.Name, Sub: c.Description}, {Text: plain(c.Type)}, {Text: "from " + date(c.From), Sub: to, Refs: p.ref(x.Ref)}}})
	}
	blocks := []document.Block{{Facts: facts}, {Head: &document.Head{Level: 1, Spans: document.Plain("Parts")}}, table(document.Table{Label: "Parts of " + x.Name, Empty: "No parts of this system are named.",
		Columns: []document.Column{{Title: "Part", Width: 3}, {Title: "Sort", Width: 1}, {Title: "Inside", Width: 1.2}}, Rows: rows})}
	if len(x.Data) > 0 {
		rows := []document.Row{}
		for _, d := range x.Data {
			personal := "No"
			if d.Personal {
				personal = "Yes"
			}
			rows = append(rows, document.Row{Cells: []document.Cell{{Title: d.Name}, {Text: plain(d.Class)}, {Text: personal}, {Text: d.Where}, {Text: d.Retention, Refs: p.ref(x.Ref)}}})
		}
		blocks = append(blocks, document.Block{Head: &document.Head{Level: 1, Spans: document.Plain("Data")}}, table(document.Table{Label: "Data in " + x.Name, Columns: []document.Column{{Title: "Data", Width: 2}, {Title: "Class", Width: 1}, {Title: "Personal", Width: 0.8}, {Title: "Kept in", Width: 1.4}, {Title: "Retention", Width: 1.2}}, Rows: rows}))
	}
	return document.Section{ID: "system-" + slug(x.Key), Title: x.Name, Blocks: blocks}
}

// slug makes a key into an id of a section.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(s))
}

var series = map[string]string{
	"CC1": "Control environment", "CC2": "Communication and information", "CC3": "Risk assessment", "CC4": "Monitoring", "CC5": "Control activities",
	"CC6": "Logical and physical access", "CC7": "System operations", "CC8": "Change management", "CC9": "Risk mitigation", "A1": "Availability",
	"PI1": "Processing integrity", "C1": "Confidentiality", "P1": "Privacy: notice", "P2": "Privacy: choice and consent", "P3": "Privacy: collection",
	"P4": "Privacy: use, retention and disposal", "P5": "Privacy: access", "P6": "Privacy: disclosure and notification", "P7": "Privacy: quality", "P8": "Privacy: monitoring and enforcement",
}

func (p *paper) criteria() document.Section {
	var rows []document.Row
	last := ""
	for _, c := range p.r.Criteria {
		if c.Series != last {
			last = c.Series
			rows = append(rows, document.Row{Group: strings.TrimSpace(c.Series + "  " + series[c.Series])})
		}
		kept := "no evidence kept"
		if c.Evidence > 0 {
			kept = count(c.Evidence, "piece") + " of evidence"
		}
		rows = append(rows, document.Row{Cells: []document.Cell{{Title: c.ID, Refs: p.ref(c.Ref)}, {Text: c.Title}, {Status: status(c.Status), Sub: c.Why},
			{Words: c.Controls, Text: none(len(c.Controls), "No control")}, {Text: none(len(c.Checks), "No check") + some(len(c.Checks), "check"), Sub: kept}}})
	}
	s := document.Section{ID: "criteria", Title: "Criteria", Blocks: []document.Block{
		text("The %d criteria that the chosen categories bring into scope, by their official ids and in our own words. A criterion stands as the worst of its controls in operation. Evidence is what speaks for some day of the window.", len(p.r.Criteria)),
		table(document.Table{Label: "Criteria in scope", Columns: []document.Column{{Title: "Id", Width: -48}, {Title: "Criterion", Width: 2.2}, {Title: "Stands", Width: 2}, {Title: "Controls", Width: 1.3}, {Title: "Checks, evidence", Width: 1}}, Rows: rows}),
	}}
	if len(p.r.OutOfScope) > 0 {
		s.Blocks = append(s.Blocks, small("Not in scope, for their categories are not chosen: "+strings.Join(p.r.OutOfScope, ", ")+"."))
	}
	return s
}

func none(n int, s string) string {
	if n == 0 {
		return s
	}
	return ""
}

func some(n int, word string) string {
	if n == 0 {
		return ""
	}
	return count(n, word)
}

func (p *paper) controls() document.Section {
	var rows []document.Row
	for _, c := range p.r.Controls {
		owner := cmp.Or(c.Owner, "Nobody owns it")
		rows = append(rows, document.Row{Cells: []document.Cell{
			{Title: c.ID, Refs: p.ref(c.Ref)},
			{Title: c.Title, Sub: strings.Join(c.Criteria, ", ")},
			{Status: status(c.Status), Sub: c.Why},
			{Text: owner, Sub: strings.ReplaceAll(c.Frequency, "_", " ") + ", " + life(c.State)},
			p.operated(c),
		}})
	}
	return document.Section{ID: "controls", Title: "Controls", Blocks: []document.Block{
		text("What the organisation does to meet the criteria. A control stands as the worst of what gives evidence for it; with nothing to judge it is unknown. Performances, and the evidence that speaks for them, are those of the window."),
		table(document.Table{Label: "Controls", Empty: "No controls are adopted.", Columns: []document.Column{{Title: "Id", Width: -48}, {Title: "Control and criteria", Width: 1.7}, {Title: "Stands", Width: 1.7}, {Title: "Owner", Width: 1}, {Title: "In the window", Width: 1.9}}, Rows: rows}),
	}}
}

// operated says how a control was performed and what is kept as proof. A cell does not go on over pages, so that only the
// first marks stand in it; the references at the end have all.
func (p *paper) operated(c Control) document.Cell {
	const most = 12
	refs := slices.Clone(c.Occurrences.Refs)
	for _, r := range c.Requirements {
		refs = append(refs, r.Ref)
	}
	for _, e := range c.Evidence {
		refs = append(refs, e.Ref)
	}
	cell := document.Cell{Text: occurred(c), Sub: proof(c), Refs: p.ref(refs[:min(most, len(refs))]...)}
	if n := len(refs) - most; n > 0 {
		cell.Sub += fmt.Sprintf(". The first %d marks stand here, %d more among the references.", most, n)
	}
	return cell
}

func life(state string) string {
	if state == "active" {
		return "in operation"
	}
	return state
}

func occurred(c Control) string {
	o := c.Occurrences
	switch {
	case o.Due+o.NotApplicable > 0:
	case c.Frequency == "continuous":
		return "Works continuously"
	case c.Frequency == "per_event":
		return "No event is on record"
	default:
		return "None was due"
	}
	parts := []string{}
	for _, x := range []struct {
		n    int
		word string
	}{{o.OnTime, "on time"}, {o.Late, "late"}, {o.Missed, "missed"}, {o.Open, "not due yet"}, {o.NotApplicable, "not applicable"}} {
		if x.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.word))
		}
	}
	return count(o.Due+o.NotApplicable, "performance") + ": " + strings.Join(parts, ", ")
}

func proof(c Control) string {
	reviewed := 0
	for _, e := range c.Evidence {
		if e.State == "reviewed" {
			reviewed++
		}
	}
	s := "No evidence kept"
	if n := len(c.Evidence); n > 0 {
		s = fmt.Sprintf("%s of evidence, %d reviewed", count(n, "piece"), reviewed)
	}
	met, waiting, spans := 0, 0, 0
	for _, r := range c.Requirements {
		spans += r.Spans
		met += r.Met
		for _, u := range r.Unmet {
			if u.Waiting {
				waiting++
			}
		}
	}
	if spans > 0 {
		s += fmt.Sprintf("; %d of %s covered", met, count(spans, "required span"))
	}
	if waiting > 0 {
		s += fmt.Sprintf(", %d waiting for review", waiting)
	}
	return s
}

func (p *paper) gaps() document.Section {
	by := map[string][]Gap{}
	for _, g := range p.r.Gaps {
		by[g.Stage] = append(by[g.Stage], g)
	}
	var rows []document.Row
	for _, stage := range []string{"startup", "growth", "enterprise"} {
		if len(by[stage]) == 0 {
			continue
		}
		rows = append(rows, document.Row{Group: fmt.Sprintf("%s (%d)", map[string]string{"startup": "Needed from the start", "growth": "Needed in growth", "enterprise": "Needed in an enterprise"}[stage], len(by[stage]))})
		for _, g := range by[stage] {
			who := document.Cell{Text: "Nobody yet"}
			if f := p.finding(g); f != nil && g.Task == nil {
				who = document.Cell{Text: cmp.Or(f.Owner, "Nobody yet"), Sub: "finding " + strings.ReplaceAll(f.State, "_", " "), Refs: p.ref(f.Ref)}
				if f.Open && f.Due != "" {
					who.Sub += ", due " + date(f.Due)
				}
			} else if g.Task != nil {
				who = document.Cell{Text: cmp.Or(g.Owner, "Nobody yet"), Sub: plain(g.Task.State)}
				if g.Task.Due != "" {
					who.Sub += ", due " + date(g.Task.Due)
				}
			}
			rows = append(rows, document.Row{Cells: []document.Cell{{Status: severity(g.Severity)}, {Title: g.What, Text: g.Why, Sub: strings.Join(g.Criteria, ", "), Refs: p.ref(g.Ref)}, {Text: g.Next}, who}})
		}
	}
	return document.Section{ID: "gaps", Title: "What is missing", Blocks: []document.Block{
		text("Computed from the records, by the stage of a company from which on they matter: a gap is open for exactly as long as its reason holds, whatever a task or a finding says."),
		table(document.Table{Label: "Gaps, by the stage from which on they matter", Empty: "Nothing is missing that the records can show.", Columns: []document.Column{{Title: "Severity", Width: -62}, {Title: "Gap, why, and criteria", Width: 3.4}, {Title: "What to do", Width: 2.2}, {Title: "Who", Width: 1.4}}, Rows: rows}),
	}}
}

// finding is the open one about the check that a gap is about, or the one whose risk was accepted, which fixes nothing.
func (p *paper) finding(g Gap) *Finding {
	var found *Finding
	for i, f := range p.r.Findings {
		if g.Kind == "check" && f.Check == g.Key && (f.Open || f.State == "risk_accepted" && found == nil) {
			found = &p.r.Findings[i]
		}
	}
	return found
}

func severity(s string) *document.Status {
	tone := map[string]document.Tone{"critical": document.Fail, "high": document.Attention, "medium": document.Info}[s]
	return &document.Status{Word: plain(s), Tone: cmp.Or(tone, document.None)}
}

const strips = 240 // steps in which a timeline is drawn

// strip draws a course; of several answers in one step the worst is shown, so that no failure is too short to be seen.
func (p *paper) strip(c Course) *document.Strip {
	rank := map[string]int{Failing: 3, Unknown: 2, Passing: 1}
	tones := map[string]document.Tone{Failing: document.Fail, Unknown: document.Unknown, Passing: document.Pass, "nothing": document.None}
	var step [strips]string
	whole := float64(p.r.To - p.r.From)
	for _, s := range c.Spans {
		if s.To-s.From < 1000 {
			continue
		}
		a := int(math.Floor(float64(s.From-p.r.From) / whole * strips))
		b := int(math.Ceil(float64(s.To-p.r.From) / whole * strips))
		for i := max(a, 0); i < min(b, strips); i++ {
			if step[i] == "" || rank[s.Status] > rank[step[i]] {
				step[i] = s.Status
			}
		}
	}
	out := &document.Strip{Says: p.says(c), Pieces: []document.Piece{}}
	for i := 0; i < strips; {
		j := i
		for j < strips && step[j] == step[i] {
			j++
		}
		if t := tones[step[i]]; t != "" && t != document.None {
			out.Pieces = append(out.Pieces, document.Piece{From: float64(i) / strips, To: float64(j) / strips, Tone: t})
		}
		i = j
	}
	return out
}

func (p *paper) says(c Course) string {
	var parts []string
	for _, x := range []struct {
		word  string
		hours float64
	}{{"passing", c.PassHours}, {"failing", c.FailHours}, {"unknown", c.UnknownHours}, {"nothing to judge", c.NothingHours}} {
		if x.hours > 1.0/3600 {
			parts = append(parts, span(x.hours)+" "+x.word)
		}
	}
	return strings.Join(parts, ", ")
}

// span is a length of time in words.
func span(hours float64) string {
	switch {
	case hours >= 48:
		return fmt.Sprintf("%.0f days", math.Floor(hours/24))
	case hours >= 1:
		return fmt.Sprintf("%.0f h", math.Floor(hours))
	}
	return fmt.Sprintf("%.0f min", math.Max(1, math.Floor(hours*60)))
}

package room

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

// Paper is the workpaper of one control.
type Paper struct {
	Control, Reference, Text string
	State                    part.Status
	Tabs                     []part.Tab
	Before, After            part.Link // the papers beside it
	Begin                    string    // where the paper is begun, while there is none
	Record, Act              string
	Moves                    []form.Move
	Plan                     []part.Fact
	Signed                   []part.Fact
	Procedures               []Procedure
	Walkthrough              string
	Design, DesignReason     string
	Configurations           []string
	Population               *PopulationCard
	Lists                    string // the page of populations and samples
	Samples                  []SampleLine
	Grid                     Grid
	Deviations               []DeviationRow
	Unrecorded               []Unrecorded
	NewDeviation             string
	Pointers                 []workpaper.Pointer // what the rules point at now
	Result, ResultReason     string
	Softer, Partner          string
	Compensating             []string
	Notes                    []NoteRow
	NewNote                  string
	Requests                 []RequestRow
	NewRequest               string
	Unproduced               []Unproduced
	Edit                     map[string]string // where each part is edited; empty where the reader may not
}

// Procedure is what was done.
type Procedure struct {
	Sort, Text, Aim string
	On              time.Time
}

// PopulationCard is the list that the paper rests on, with what shows that it is whole.
type PopulationCard struct {
	Name, Href string
	State      part.Status
	Facts      []part.Fact
	Gaps       []string
}

// SampleLine is a draw from it.
type SampleLine struct {
	Name, Href, Method string
	Size               int
	Why, Extends       string
	State              part.Status
	Statistical        bool
	Replaced           int
}

// DeviationRow is a deviation with its steps.
type DeviationRow struct {
	Name, Item, Sort, Facts string
	Attributes              []string
	State                   part.Status
	Cause, Disposition      string
	Repaired                string
	Suspected               bool
	Moves                   []form.Move
	Act, Record             string
}

// Unrecorded is a cell that deviates and stands in no deviation.
type Unrecorded struct{ Item, Attribute, Href string }

// NoteRow is a reviewer's note.
type NoteRow struct {
	Note, Answer, By, Answered string
	At                         time.Time
	State                      part.Status
	Moves                      []form.Move
	Act                        string
}

func (s *Site) paper(w http.ResponseWriter, r *http.Request) error {
	f, err := s.open(r)
	if err != nil {
		return err
	}
	p, err := s.paperOf(r.Context(), f, segment(r, "control"))
	if err != nil {
		return err
	}
	return s.Show(w, r, status(r.Context()), shell.Page{Title: p.Control, Section: Section, Crumbs: f.crumbs(part.Crumb{Text: p.Control})}, PaperView(p))
}

func (s *Site) paperOf(ctx context.Context, f *file, control string) (p Paper, err error) {
	p.Control, p.Lists = control, f.path("samples")
	if p.Tabs, err = f.tabs(""); err != nil {
		return p, err
	}
	ids, byID, err := f.controls()
	if err != nil {
		return p, err
	}
	p.Text = text(byID[control], "text")
	if i := slices.Index(ids, control); i >= 0 {
		if i > 0 {
			p.Before = part.Link{Text: ids[i-1], Href: f.path("papers", ids[i-1])}
		}
		if i+1 < len(ids) {
			p.After = part.Link{Text: ids[i+1], Href: f.path("papers", ids[i+1])}
		}
	}
	found, err := f.those(workpaper.Name, "control", control)
	if err != nil {
		return p, err
	}
	criteria := engagement.List(byID[control], "criteria")
	if len(found) == 0 {
		p.State = "not_started"
		if s.mayWrite(ctx) {
			p.Begin = f.path("new", workpaper.Name) + "?control=" + control
		}
		return p, nil
	}
	e := found[0]
	p.State, p.Reference, p.Record, p.Act = part.Status(e.state()), e.text("reference"), part.Path("records", workpaper.Name, e.Key), f.record(e)
	if p.Moves, err = s.movesOf(ctx, e); err != nil {
		return p, err
	}
	p.Edit = map[string]string{}
	if s.mayWrite(ctx) {
		for name := range sections {
			p.Edit[name] = f.path("edit", workpaper.Name, e.Key) + "?part=" + name
		}
		p.NewDeviation = f.path("new", workpaper.DeviationName) + "?control=" + control
		p.NewNote = f.path("new", workpaper.NoteName) + "?paper=" + e.Key
	}
	p.Plan = []part.Fact{part.Say("Objective", e.text("objective")), part.Say("Inherent risk", part.Sentence(e.text("risk"))), part.Say("Why", e.text("risk_reason")), part.Say("Criteria", strings.Join(criteria, ", ")),
		part.Say("How it operates", cmp.Or(part.Sentence(text(byID[control], "nature")), "Not in a matrix")+", "+text(byID[control], "frequency")), part.Say("Performed by", text(byID[control], "performer"))}
	p.Signed = signed(e)
	for _, x := range engagement.Objects(e.Body, "procedures") {
		on, _ := time.Parse(time.DateOnly, text(x, "on"))
		p.Procedures = append(p.Procedures, Procedure{Sort: part.Sentence(text(x, "sort")), Text: text(x, "text"), Aim: part.Sentence(text(x, "aim")), On: on})
	}
	for _, x := range engagement.Objects(e.Body, "configurations") {
		p.Configurations = append(p.Configurations, text(x, "name")+": "+strings.Join(engagement.List(x, "shown_by"), ", ")+"; it blocked: "+text(x, "negative"))
	}
	p.Walkthrough, p.Design, p.DesignReason = e.text("walkthrough"), e.text("design"), e.text("design_reason")
	p.Result, p.ResultReason, p.Softer, p.Partner, p.Compensating = e.text("result"), e.text("result_reason"), e.text("softer_reason"), e.text("partner_reason"), engagement.List(e.Body, "compensating")
	if err := s.lists(f, e, &p); err != nil {
		return p, err
	}
	if p.Grid, err = s.gridOf(ctx, f, e); err != nil {
		return p, err
	}
	if err := s.deviations(ctx, f, e, &p); err != nil {
		return p, err
	}
	if err := s.notes(ctx, f, e, &p); err != nil {
		return p, err
	}
	if err := s.requestsOf(ctx, f, &p); err != nil {
		return p, err
	}
	p.Pointers, err = workpaper.Pointed(f.look, e.Body)
	return p, err
}

func signed(e entry) []part.Fact {
	var out []part.Fact
	for _, x := range [][3]string{{"Prepared", "prepared_by", "prepared_at"}, {"Reviewed", "reviewed_by", "reviewed_at"}, {"Partner", "signed_by", "signed_at"}} {
		out = append(out, part.Fact{Name: x[0], Value: signature(e.text(x[1]), e.at(x[2]))})
	}
	return out
}

// lists fills in population and samples.
func (s *Site) lists(f *file, e entry, p *Paper) error {
	key := e.text(workpaper.PopulationName)
	if key == "" {
		return nil
	}
	x, err := s.within(f, workpaper.PopulationName, key)
	if err != nil {
		return err
	}
	p.Population = &PopulationCard{Name: x.text("name"), Href: f.path("populations", key), State: part.Status(x.state()), Facts: whole(x), Gaps: engagement.List(x.Body, "gaps")}
	samples, err := f.those(workpaper.SampleName, workpaper.PopulationName, key)
	if err != nil {
		return err
	}
	for _, d := range samples {
		p.Samples = append(p.Samples, f.sampleLine(d))
	}
	return nil
}

func (f *file) sampleLine(d entry) SampleLine {
	statistical, _ := d.Body["statistical"].(bool)
	return SampleLine{Name: d.text("name"), Href: f.path("populations", d.text(workpaper.PopulationName)) + "#" + part.ID("sample", d.Key), Method: part.Sentence(d.text("method")), Size: workpaper.Whole(d.Body["size"]),
		Why: d.text("size_reason"), Extends: d.text("extends_reason"), State: part.Status(d.state()), Statistical: statistical, Replaced: len(engagement.Objects(d.Body, "replaced"))}
}

// explainedOf counts the differences of a comparison that somebody explained; empty where nothing was compared by Tickmark.
func explainedOf(x entry) string {
	if x.text("reconciled_at") == "" {
		return ""
	}
	all, n := engagement.Objects(x.Body, "differences"), 0
	for _, d := range all {
		if text(d, "explained") != "" {
			n++
		}
	}
	return part.Number(int64(n)) + " of " + part.Number(int64(len(all)))
}

// whole are the facts by which one judges whether a list is complete and accurate.
func whole(x entry) []part.Fact {
	rows := "Not delivered yet"
	if x.Body["row_count"] != nil {
		rows = part.Number(int64(workpaper.Whole(x.Body["row_count"])))
	}
	complete := "Nobody said"
	switch x.Body["complete"] {
	case true:
		complete = "Yes"
	case false:
		complete = "No"
	}
	facts := []part.Fact{part.Say("Rows", rows), part.Say("System of record", x.text("source")), part.Say("Query", x.text("query")), part.Say("Window", windowOf(x.Body)), part.Say("Drawn by", x.text("extractor")),
		{Name: "Drawn", Value: part.Date(x.at("extracted_at"))}, part.Say("Origin", part.Sentence(x.text("origin"))), part.Say("Source read completely", complete),
		part.Say("Why nothing is missing", x.text("completeness")), part.Say("Why each row is true", x.text("accuracy")), part.Say("Logic and control of the tool", x.text("logic"))}
	if x.text("reconciled_with") != "" {
		facts = append(facts, part.Say("Reconciled with", x.text("reconciled_with")), part.Say("Matched, only here, only there", part.Number(int64(workpaper.Whole(x.Body["matched"])))+", "+part.Number(int64(workpaper.Whole(x.Body["only_here"])))+", "+part.Number(int64(workpaper.Whole(x.Body["only_there"])))),
			part.Say("Differences explained", cmp.Or(explainedOf(x), x.text("explained"))))
		for _, d := range engagement.Objects(x.Body, "differences") {
			facts = append(facts, part.Say("Only "+text(d, "side")+": "+text(d, "row"), text(d, "explained")))
		}
	}
	return append(facts, part.Fact{Name: "Hash of the population", Value: part.Hash(x.text("root"), 24)})
}

// deviations fills in those of the control, and the cells that deviate without one.
func (s *Site) deviations(ctx context.Context, f *file, e entry, p *Paper) error {
	list, err := f.those(workpaper.DeviationName, "control", p.Control)
	if err != nil {
		return err
	}
	for _, d := range list {
		suspected, _ := d.Body["suspected"].(bool)
		row := DeviationRow{Name: d.text("name"), Item: d.text("item"), Sort: part.Sentence(d.text("sort")), Facts: d.text("facts"), Attributes: engagement.List(d.Body, "attributes"), State: part.Status(d.state()), Cause: d.text("cause"),
			Disposition: part.Sentence(d.text("disposition")), Repaired: d.text("remediation"), Suspected: suspected, Act: f.record(d), Record: part.Path("records", workpaper.DeviationName, d.Key)}
		if row.Moves, err = s.movesOf(ctx, d); err != nil {
			return err
		}
		p.Deviations = append(p.Deviations, row)
	}
	for _, c := range engagement.Objects(e.Body, "grid") {
		if c["mark"] != workpaper.Deviates || slices.ContainsFunc(list, func(d entry) bool {
			return d.text("item") == text(c, "item") && slices.Contains(engagement.List(d.Body, "attributes"), text(c, "attribute"))
		}) {
			continue
		}
		u := Unrecorded{Item: text(c, "item"), Attribute: text(c, "attribute")}
		if p.NewDeviation != "" {
			u.Href = p.NewDeviation + "&item=" + u.Item + "&attributes=" + u.Attribute
		}
		p.Unrecorded = append(p.Unrecorded, u)
	}
	return nil
}

func (s *Site) notes(ctx context.Context, f *file, e entry, p *Paper) error {
	list, err := f.those(workpaper.NoteName, "paper", e.Key)
	if err != nil {
		return err
	}
	for _, n := range list {
		row := NoteRow{Note: n.text("note"), Answer: n.text("answer"), By: n.text("raised_by"), Answered: n.text("answered_by"), At: n.at("raised_at"), State: part.Status(n.state()), Act: f.record(n)}
		if row.Moves, err = s.movesOf(ctx, n); err != nil {
			return err
		}
		p.Notes = append(p.Notes, row)
	}
	return nil
}

// About is a deviation in a line: its sort, its item and the attributes.
func (d DeviationRow) About() string {
	out := d.Sort
	if d.Item != "" {
		out += ", item " + d.Item
	}
	if len(d.Attributes) > 0 {
		out += ", " + strings.Join(d.Attributes, ", ")
	}
	return out
}

// Pointing is a marker of an attribute with its reasons; without a marker, what has to be answered first.
type Pointing struct {
	Attribute, Marker string
	Reasons           []string
}

// Pointed are the pointers with the same attribute and marker together.
func (p Paper) Pointed() []Pointing {
	var out []Pointing
	for _, x := range p.Pointers {
		i := slices.IndexFunc(out, func(o Pointing) bool { return o.Attribute == x.Attribute && o.Marker == x.Marker })
		if i < 0 {
			out, i = append(out, Pointing{Attribute: x.Attribute, Marker: x.Marker}), len(out)
		}
		out[i].Reasons = append(out[i].Reasons, x.Reason)
	}
	return out
}

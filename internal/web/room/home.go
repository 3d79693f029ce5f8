package room

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/opinion"
	"tickmark/internal/request"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

// Home is every engagement of the firm.
type Home struct {
	Rows []HomeRow
	May  bool // propose another
}

// HomeRow is one engagement, with what is open in it.
type HomeRow struct {
	Name, Company, Href, Type, Window, Role string
	Stage                                   part.Status
	Over                                    bool // declined, withdrawn or archived
	Fieldwork, Report                       Deadline
	Papers, Reviewed                        int
	Notes, Requests, Deviations             int // open ones
}

// Deadline is a day with how far away it is.
type Deadline struct {
	Day  time.Time // zero: none was set
	Left int       // days from today; below zero when it is past
	Met  bool      // what was due is done
}

var over = []string{"declined", "withdrawn", "archived"}

func (s *Site) home(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, access.Read, engagement.Name); err != nil {
		return err
	}
	look := s.look(ctx)
	found, err := look.All(engagement.Name)
	if err != nil {
		return err
	}
	var h Home
	h.May = !part.Past(ctx) && s.may(ctx, access.Write, engagement.Name) == nil
	for _, v := range found {
		e, err := entryOf(v)
		if err != nil {
			return err
		}
		if err := s.sees(ctx, e); fault.Is(err, fault.NotFound) {
			continue
		} else if err != nil {
			return err
		}
		f := &file{entry: e, me: s.Who(ctx), look: look, kept: map[string][]entry{}}
		row, err := f.row(ctx)
		if err != nil {
			return err
		}
		h.Rows = append(h.Rows, row)
	}
	slices.SortStableFunc(h.Rows, func(a, b HomeRow) int {
		if a.Over != b.Over {
			return map[bool]int{true: 1, false: -1}[a.Over]
		}
		if c := a.Report.Day.Compare(b.Report.Day); c != 0 && !a.Report.Day.IsZero() && !b.Report.Day.IsZero() {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return s.Show(w, r, http.StatusOK, shell.Page{Title: "Engagements", Section: Section, Crumbs: []part.Crumb{{Text: "Engagements"}}}, HomeView(h))
}

// row sums up an engagement.
func (f *file) row(ctx context.Context) (HomeRow, error) {
	row := HomeRow{Name: f.text("name"), Company: f.text("company"), Href: f.path(), Type: kindOf(f.text("type")), Window: windowOf(f.Body), Stage: stageOf(f.state()), Over: slices.Contains(over, f.state()),
		Role: words(engagement.RoleOf(f.Body, f.me.User.Person))}
	worked := !slices.Contains([]string{"proposed", "accepted", "planning", "fieldwork_interim", "fieldwork_final"}, f.state())
	row.Fieldwork, row.Report = f.deadline(ctx, "fieldwork_to", worked), f.deadline(ctx, "report_by", slices.Contains([]string{"issued", "archived"}, f.state()))
	papers, err := f.all(workpaper.Name)
	if err != nil {
		return row, err
	}
	for _, p := range papers {
		if row.Papers++; reviewed(p) {
			row.Reviewed++
		}
	}
	if row.Requests, err = f.unfinished(request.Name, "accepted", "withdrawn", "not_available"); err != nil {
		return row, err
	}
	row.Notes, err = f.unfinished(workpaper.NoteName, "closed")
	if err == nil {
		row.Deviations, err = f.unfinished(workpaper.DeviationName, decided...)
	}
	return row, err
}

// decided are the states of a deviation about which somebody decided.
var decided = []string{"disposition_set", "response_received", "reported", "not_a_deviation"}

func reviewed(paper entry) bool {
	return slices.Contains([]string{"reviewed", "partner_signed"}, paper.state())
}

// open is how many records of a kind are in none of the states.
func (f *file) unfinished(kind string, states ...string) (n int, err error) {
	list, err := f.all(kind)
	for _, e := range list {
		if !slices.Contains(states, e.state()) {
			n++
		}
	}
	return n, err
}

func (f *file) deadline(ctx context.Context, field string, met bool) Deadline {
	day, err := time.Parse(time.DateOnly, f.text(field))
	if err != nil {
		return Deadline{}
	}
	today, err := time.Parse(time.DateOnly, f.today(ctx))
	if err != nil {
		return Deadline{}
	}
	return Deadline{Day: day, Left: int(day.Sub(today).Hours() / 24), Met: met}
}

// Said is how far away the day is.
func (d Deadline) Said() string {
	switch {
	case d.Met:
		return "done"
	case d.Left == 0:
		return "today"
	case d.Left < 0:
		return part.Count(-d.Left, "day") + " late"
	}
	return "in " + part.Count(d.Left, "day")
}

func kindOf(t string) string {
	return map[string]string{engagement.Type1: "Type I", engagement.Type2: "Type II", engagement.Readiness: "Readiness assessment"}[t]
}

// windowOf is the window in words, its days inclusive.
func windowOf(b map[string]any) string {
	day := func(s string) string {
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return t.Format("2 Jan 2006")
		}
		return s
	}
	if text(b, "from") == "" {
		return "as of " + day(text(b, "to"))
	}
	return day(text(b, "from")) + " to " + day(text(b, "to"))
}

// Overview is one engagement: where it stands, what stands against the next step, who works on it, and how far the papers are.
type Overview struct {
	ID, Name, Company string
	Stage             part.Status
	Unusual           []string
	Stages            []Stage
	Steps             []form.Move // what may follow, with what stands against it
	Record, Act       string      // the engagement's record, and where its steps are posted
	Edit              string
	Tabs              []part.Tab
	Stats             []part.Stat
	Papers            []PaperRow
	Missing           []string // controls of the frozen matrix without a paper
	New               string   // where a paper is begun
	Matrices          []MatrixRow
	NewMatrix         string
	Criteria          []CriterionRow
	Team              []Member
	About             []part.Fact
}

// Stage is one step of the way from proposal to archive.
type Stage struct {
	Word string
	Done bool
	Now  bool
	At   time.Time
}

// PaperRow is the paper of one control.
type PaperRow struct {
	Control, Reference, Text, Href string
	Criteria                       []string
	Risk                           part.Status
	State                          part.Status
	Rows                           int // of its population; below zero when none is frozen
	Items, Cells, Marked           int
	Deviations                     int
	Design, Result                 string
	Prepared, Reviewed             string
	Notes                          int
}

// MatrixRow is a matrix with its steps.
type MatrixRow struct {
	Name, Days string
	State      part.Status
	Controls   int
	Lacks      []string // criteria in scope for which nothing speaks
	Moves      []form.Move
	Act, Edit  string
}

// CriterionRow is a criterion in scope with what speaks for it.
type CriterionRow struct {
	ID, Title   string
	Controls    []part.Link
	Unspoken    bool   // no control and no reason
	NotRelevant string // the reason
	Conclusion  part.Status
	Href        string
}

// Member is one of the team with what was confirmed.
type Member struct {
	Person, Role, Credential string
	Me                       bool
	Accepted, Issue          string // state of the confirmation at acceptance and before issue; empty when there is none
	Exempt                   bool   // a peer reviewer only reads
	Confirm                  []Confirming
}

// Confirming is what the reader may confirm: a record to write, or one to confirm.
type Confirming struct {
	Stage, New string
	Moves      []form.Move
	Act        string
}

var stages = []struct{ state, word, at string }{{"proposed", "Proposed", "proposed_at"}, {"accepted", "Accepted", "accepted_at"}, {"planning", "Planning", "planned_at"}, {"fieldwork_interim", "Interim fieldwork", "begun_at"},
	{"fieldwork_final", "Final fieldwork", "finalised_at"}, {"wrap_up", "Wrap-up", "wrapped_up_at"}, {"draft_report", "Draft report", "drafted_at"}, {"quality_review", "Quality review", "handed_over_at"}, {"issued", "Issued", "issued_at"}, {"archived", "Archived", "archived_at"}}

func (s *Site) overview(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	o := Overview{ID: f.Key, Name: f.text("name"), Company: f.text("company"), Stage: stageOf(f.state()), Unusual: engagement.Unusual(f.Body), Record: part.Path("records", engagement.Name, f.Key), Act: f.record(f.entry)}
	if o.Tabs, err = f.tabs("Overview"); err != nil {
		return err
	}
	if o.Steps, err = s.movesOf(ctx, f.entry); err != nil {
		return err
	}
	if s.mayWrite(ctx) {
		o.Edit, o.New, o.NewMatrix = f.path("edit", engagement.Name, f.Key), f.path("new", workpaper.Name), f.path("new", engagement.MatrixName)
	}
	past := slices.IndexFunc(stages, func(x struct{ state, word, at string }) bool {
		return x.state == cmp.Or(f.text("suspended_from"), f.state()) || x.state == f.state()
	})
	for i, x := range stages {
		o.Stages = append(o.Stages, Stage{Word: x.word, Done: i < past, Now: i == past && x.state == f.state(), At: f.at(x.at)})
	}
	if err := s.papers(ctx, f, &o); err != nil {
		return err
	}
	if err := s.criteria(ctx, f, &o); err != nil {
		return err
	}
	if err := s.team(ctx, f, &o); err != nil {
		return err
	}
	row, err := f.row(ctx)
	if err != nil {
		return err
	}
	ids, _, err := f.controls()
	if err != nil {
		return err
	}
	o.Stats = []part.Stat{
		{Word: "Papers reviewed", Icon: "file-check", N: int64(row.Reviewed), Small: fmt.Sprintf("of %d", max(len(ids), row.Papers)), Href: f.path() + "#papers"},
		{Word: "Open review notes", Icon: "message-square", N: int64(row.Notes), Href: f.path() + "#papers"},
		{Word: "Open requests", Icon: "inbox", N: int64(row.Requests), Href: f.path("requests")},
		{Word: "Undecided deviations", Icon: "flag", N: int64(row.Deviations), Href: f.path() + "#papers"},
	}
	o.About = f.about(ctx, row)
	return s.Show(w, r, status(ctx), shell.Page{Title: o.Name, Section: Section, Crumbs: f.crumbs()}, OverviewView(o))
}

// mayWrite says whether the reader may write in the room at all; the records' rules say the rest.
func (s *Site) mayWrite(ctx context.Context) bool {
	return !part.Past(ctx) && s.may(ctx, access.Write, workpaper.Name) == nil
}

func (f *file) about(ctx context.Context, row HomeRow) []part.Fact {
	var categories []string
	for _, c := range engagement.List(f.Body, "categories") {
		categories = append(categories, part.Sentence(c))
	}
	firm, _ := f.Body["firm"].(map[string]any)
	facts := []part.Fact{part.Say("Company", f.text("company")), part.Say("System", f.text("system")), part.Say("Report", kindOf(f.text("type"))), part.Say("Window", windowOf(f.Body)+", "+f.text("zone")),
		part.Say("Categories", strings.Join(categories, ", ")), {Name: "Fieldwork ends", Value: deadlineView(row.Fieldwork)}, {Name: "Report is due", Value: deadlineView(row.Report)}, part.Say("Firm", text(firm, "name"))}
	var carved []string
	for _, x := range engagement.Objects(f.Body, "subservice") {
		carved = append(carved, text(x, "name")+" ("+words(text(x, "method"))+")")
	}
	return append(facts, part.Say("Subservice organisations", cmp.Or(strings.Join(carved, ", "), "None named")), part.Say("Materiality", f.text("materiality")))
}

// controls are those of the frozen matrices, or of drafts while nothing is frozen.
func (f *file) controls() (ids []string, byID map[string]map[string]any, err error) {
	list, err := f.all(engagement.MatrixName)
	if err != nil {
		return nil, nil, err
	}
	var frozen, draft []map[string]any
	for _, m := range list {
		switch m.state() {
		case "frozen":
			frozen = append(frozen, m.Body)
		case "draft":
			draft = append(draft, m.Body)
		}
	}
	if len(frozen) == 0 {
		frozen = draft
	}
	slices.SortFunc(frozen, func(a, b map[string]any) int { return strings.Compare(text(a, "from"), text(b, "from")) })
	ids, byID = engagement.Controls(frozen)
	return ids, byID, nil
}

// papers fills in how far each paper is.
func (s *Site) papers(ctx context.Context, f *file, o *Overview) error {
	ids, byID, err := f.controls()
	if err != nil {
		return err
	}
	list, err := f.all(workpaper.Name)
	if err != nil {
		return err
	}
	of := map[string]entry{}
	for _, p := range list {
		of[p.text("control")] = p
		if !slices.Contains(ids, p.text("control")) {
			ids = append(ids, p.text("control"))
		}
	}
	deviations, err := f.all(workpaper.DeviationName)
	if err != nil {
		return err
	}
	notes, err := f.all(workpaper.NoteName)
	if err != nil {
		return err
	}
	for _, id := range ids {
		c := byID[id]
		row := PaperRow{Control: id, Text: text(c, "text"), Criteria: engagement.List(c, "criteria"), Href: f.path("papers", id), Rows: -1, State: "not_started"}
		p, ok := of[id]
		if !ok {
			o.Missing = append(o.Missing, id)
			o.Papers = append(o.Papers, row)
			continue
		}
		row.Reference, row.Risk, row.State, row.Design, row.Result = p.text("reference"), part.Status(p.text("risk")), part.Status(p.state()), p.text("design"), p.text("result")
		row.Prepared, row.Reviewed = p.text("prepared_by"), p.text("reviewed_by")
		if err := f.progress(p, &row); err != nil {
			return err
		}
		for _, d := range deviations {
			if d.text("control") == id && d.state() != "not_a_deviation" {
				row.Deviations++
			}
		}
		for _, n := range notes {
			if n.text("paper") == p.Key && n.state() != "closed" {
				row.Notes++
			}
		}
		o.Papers = append(o.Papers, row)
	}
	return nil
}

// progress counts the cells of a paper's grid.
func (f *file) progress(p entry, row *PaperRow) error {
	if key := p.text(workpaper.PopulationName); key != "" {
		list, err := f.all(workpaper.PopulationName)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(list, func(e entry) bool { return e.Key == key && e.state() == "frozen" }); i >= 0 {
			row.Rows = workpaper.Whole(list[i].Body["row_count"])
		}
	}
	rows, err := workpaper.Rows(f.look, p.Body)
	if err != nil {
		return err
	}
	row.Items = len(rows)
	row.Cells = len(rows) * len(engagement.Objects(p.Body, "attributes"))
	for _, c := range engagement.Objects(p.Body, "grid") {
		if text(c, "mark") != "open" {
			row.Marked++
		}
	}
	return nil
}

// criteria fills in what speaks for each criterion in scope.
func (s *Site) criteria(ctx context.Context, f *file, o *Overview) error {
	known, err := framework.Load()
	if err != nil {
		return err
	}
	matrices, err := f.all(engagement.MatrixName)
	if err != nil {
		return err
	}
	spoken, reasons := map[string][]string{}, map[string]string{}
	for _, m := range matrices {
		if m.state() == "dropped" {
			continue
		}
		row := MatrixRow{Name: m.text("name"), Days: windowOf(m.Body), State: part.Status(m.state()), Controls: len(engagement.Objects(m.Body, "controls")), Act: f.record(m)}
		if row.Lacks, err = engagement.Uncovered(f.Body, m.Body); err != nil {
			return err
		}
		if row.Moves, err = s.movesOf(ctx, m); err != nil {
			return err
		}
		if m.state() == "draft" && s.mayWrite(ctx) {
			row.Edit = f.path("edit", engagement.MatrixName, m.Key)
		}
		o.Matrices = append(o.Matrices, row)
		for _, c := range engagement.Objects(m.Body, "controls") {
			for _, id := range engagement.List(c, "criteria") {
				if !slices.Contains(spoken[id], text(c, "id")) {
					spoken[id] = append(spoken[id], text(c, "id"))
				}
			}
		}
		for _, n := range engagement.Objects(m.Body, "not_relevant") {
			reasons[text(n, "criterion")] = text(n, "reason")
		}
	}
	conclusions, err := f.all(opinion.CriterionName)
	if err != nil {
		return err
	}
	states := map[string]part.Status{}
	for _, p := range o.Papers {
		states[p.Control] = p.State
	}
	for _, c := range known {
		if !c.InScope(engagement.List(f.Body, "categories")) {
			continue
		}
		row := CriterionRow{ID: c.ID, Title: c.Title, NotRelevant: reasons[c.ID], Href: f.path("opinion") + "#" + part.ID("criterion", c.ID)}
		for _, id := range spoken[c.ID] {
			row.Controls = append(row.Controls, part.Link{Text: id, Href: f.path("papers", id), Status: states[id]})
		}
		row.Unspoken = len(row.Controls) == 0 && row.NotRelevant == ""
		for _, x := range conclusions {
			if x.text("criterion") == c.ID {
				row.Conclusion = part.Status(x.text("conclusion"))
			}
		}
		o.Criteria = append(o.Criteria, row)
	}
	return nil
}

// team fills in who works on it and what each confirmed.
func (s *Site) team(ctx context.Context, f *file, o *Overview) error {
	list, err := f.all(engagement.IndependenceName)
	if err != nil {
		return err
	}
	me := s.Who(ctx).User.Person
	for _, m := range engagement.Objects(f.Body, "team") {
		row := Member{Person: text(m, "person"), Role: part.Sentence(text(m, "role")), Credential: text(m, "credential"), Me: me != "" && text(m, "person") == me, Exempt: m["role"] == engagement.PeerReviewer}
		for _, stage := range []string{engagement.AtAcceptance, engagement.BeforeIssue} {
			state, c := "", Confirming{Stage: stage}
			for _, e := range list {
				if e.text("person") != row.Person || e.text("stage") != stage {
					continue
				}
				if state = e.state(); row.Me {
					if c.Moves, err = s.movesOf(ctx, e); err != nil {
						return err
					}
					c.Act = f.record(e)
				}
			}
			if row.Me && state == "" && s.mayWrite(ctx) && (stage == engagement.AtAcceptance || f.state() == "quality_review") {
				c.New = f.path("new", engagement.IndependenceName) + "?person=" + me + "&stage=" + stage
			}
			if stage == engagement.AtAcceptance {
				row.Accepted = state
			} else {
				row.Issue = state
			}
			if c.New != "" || len(c.Moves) > 0 {
				row.Confirm = append(row.Confirm, c)
			}
		}
		o.Team = append(o.Team, row)
	}
	return nil
}

// stageOf is a state as the one vocabulary has it; proposed stands elsewhere for what needs an approval.
func stageOf(state string) part.Status {
	if state == "proposed" {
		return "offered"
	}
	return part.Status(state)
}

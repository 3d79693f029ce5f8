package cycle

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/gap"
	"tickmark/internal/period"
	"tickmark/internal/readiness"
	"tickmark/internal/web/part"
)

// Board is the gaps by criterion.
type Board struct {
	Tabs []part.Tab
	Name string
	Rows []BoardRow
}

// BoardRow is a criterion in scope: whether controls for it are designed, whether they run, and what is missing.
type BoardRow struct {
	ID, Title, Href   string
	Design, Operation string
	DesignTone        part.Tone
	OperationTone     part.Tone
	Severity          string
	Excluded          bool
	Controls          []part.Link
	Gaps              []gap.Gap
	Tasks, Verified   int
}

// designs and operations are the words of the board with their tones, as flags of how far a criterion is.
var tones = map[string]part.Tone{"none": part.Bad, "partial": part.Warn, "designed": part.OK, "not running": part.Bad, "running": part.Warn, "proven": part.OK, "not relevant": part.Idle}

func (s *Site) board(r *http.Request) (Board, gap.World, error) {
	ctx := r.Context()
	if err := s.may(ctx, "control", "criterion", "finding", "task", "evidence"); err != nil {
		return Board{}, gap.World{}, err
	}
	w, list, err := s.Gaps(ctx)
	if err != nil {
		return Board{}, w, err
	}
	b := Board{Tabs: tabs(Section + "/gaps")}
	if w.Period != nil {
		b.Name = w.Period.Name
	}
	b.Rows = rows(w, list)
	return b, w, nil
}

// rows judges each criterion in scope by what is on record: a control is designed once it is approved, runs once it is in
// operation, and the criterion is proven only while all that is judged of it passes and nothing at all of it is a gap.
func rows(w gap.World, list []gap.Gap) []BoardRow {
	asked := func(c framework.Criterion) bool {
		if w.Period == nil {
			return c.InScope([]string{framework.Security})
		}
		return w.Period.InScope(c)
	}
	inScope := map[string]bool{}
	for _, c := range w.Criteria {
		inScope[c.ID] = asked(c)
	}
	life := map[string]string{}
	for _, c := range w.Controls {
		life[c.Key] = c.State
	}
	var out []BoardRow
	for _, c := range w.Standing.Criteria {
		if !inScope[c.ID] {
			continue
		}
		row := BoardRow{ID: c.ID, Title: c.Title, Href: part.Path("criteria", c.ID), Excluded: c.Excluded, Design: "none", Operation: "not running"}
		approved, active, drafts := 0, 0, 0
		for _, k := range c.Controls {
			row.Controls = append(row.Controls, part.Link{Text: k, Href: part.Path("controls", k)})
			switch life[k] {
			case "active":
				active++
				approved++
			case "approved", "approved_by_author":
				approved++
			case "draft":
				drafts++
			}
		}
		for _, g := range list {
			if !slices.Contains(g.Criteria, c.ID) {
				continue
			}
			row.Gaps = append(row.Gaps, g)
			if row.Severity == "" {
				row.Severity = g.Severity // the worst come first
			}
			if g.Task != nil {
				row.Tasks++
				if g.Task.State == "verified" {
					row.Verified++
				}
			}
		}
		switch {
		case approved > 0 && drafts == 0:
			row.Design = "designed"
		case approved+drafts > 0:
			row.Design = "partial"
		}
		switch {
		case active > 0 && c.Status == check.Pass && len(row.Gaps) == 0:
			row.Operation = "proven"
		case active > 0:
			row.Operation = "running"
		}
		if c.Excluded {
			row.Design, row.Operation = "not relevant", "not relevant"
		}
		row.DesignTone, row.OperationTone = tones[row.Design], tones[row.Operation]
		out = append(out, row)
	}
	return out
}

func (s *Site) gaps(w http.ResponseWriter, r *http.Request) error {
	b, _, err := s.board(r)
	if err != nil {
		return err
	}
	return s.Show(w, r, http.StatusOK, page("Gaps by criterion"), BoardView(b))
}

func (s *Site) gapsCSV(w http.ResponseWriter, r *http.Request) error {
	b, world, err := s.board(r)
	if err != nil {
		return err
	}
	out := [][]string{{"criterion", "title", "design", "operation", "severity", "gap", "what", "why", "next", "task", "task_state", "owner", "due", "assessed_at", "assessed_by"}}
	when, by := world.Now.Format(time.RFC3339), "Tickmark, from the records; read by "+s.Who(r.Context()).Actor().Stamp()
	for _, row := range b.Rows {
		if len(row.Gaps) == 0 {
			out = append(out, []string{row.ID, row.Title, row.Design, row.Operation, "", "", "", "", "", "", "", "", "", when, by})
		}
		for _, g := range row.Gaps {
			line := []string{row.ID, row.Title, row.Design, row.Operation, g.Severity, g.ID, g.What, g.Why, g.Next, "", "", "", "", when, by}
			if g.Task != nil {
				line[9], line[10], line[11], line[12] = g.Task.Title, g.Task.State, g.Task.Owner, g.Task.Due
			}
			out = append(out, line)
		}
	}
	return table(w, "gaps", out)
}

// table writes a table for spreadsheets. What would begin a formula there is written as text.
func table(w http.ResponseWriter, name string, rows [][]string) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	c := csv.NewWriter(w)
	for _, row := range rows {
		for i, v := range row {
			if v != "" && strings.ContainsRune("=+-@\t\r", rune(v[0])) {
				row[i] = "'" + v
			}
		}
		if err := c.Write(row); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// ScopePage is what categories ask for.
type ScopePage struct {
	Tabs           []part.Tab
	Now            []string
	Choices        []ScopeChoice
	Asked          bool
	Added, Removed []framework.Criterion
	Controls       []string // starter controls that are for what is added alone
	Evidence       int
	Begun          string // the first day of the window, once it has begun
	Change         string // where a change is proposed
	NoPromise      []string
	NotRelevant    []NotRelevant
	Criteria       int
	Suggested      []string
}

// ScopeChoice is a category.
type ScopeChoice struct {
	Name, Word string
	On, Fixed  bool
}

// NotRelevant is a criterion in scope that the organisation says nothing touches.
type NotRelevant struct{ ID, Title, Reason, Href string }

func (s *Site) scope(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, "period", "criterion", "commitment", "system"); err != nil {
		return err
	}
	look := s.look(ctx)
	p, _, err := period.Working(look)
	if err != nil {
		return err
	}
	_, today, err := s.days(ctx, look)
	if err != nil {
		return err
	}
	now := p.Categories
	if len(now) == 0 {
		now = []string{framework.Security}
	}
	d := ScopePage{Tabs: tabs(Section + "/scope"), Now: now, Asked: q.Has("category")}
	wanted := now
	if d.Asked {
		wanted = []string{framework.Security}
		for _, c := range q["category"] {
			if slices.Contains(framework.Categories(), c) && !slices.Contains(wanted, c) {
				wanted = append(wanted, c)
			}
		}
	}
	for _, c := range framework.Categories() {
		d.Choices = append(d.Choices, ScopeChoice{Name: c, Word: part.Sentence(c), On: slices.Contains(wanted, c), Fixed: c == framework.Security})
	}
	if p.From != "" && p.State == "current" && p.From <= today.Format(time.DateOnly) {
		d.Begun, d.Change = p.From, "/new/"+period.ChangeName
	}
	if err := d.effect(now, wanted); err != nil {
		return err
	}
	if err := d.stated(look, wanted); err != nil {
		return err
	}
	return s.Show(w, r, http.StatusOK, page("Scope"), ScopeView(d))
}

// effect compares what is asked for now with what would be.
func (d *ScopePage) effect(now, wanted []string) error {
	library, err := framework.Load()
	if err != nil {
		return err
	}
	added := map[string]bool{}
	for _, c := range library {
		was, is := c.InScope(now), c.InScope(wanted)
		if is {
			d.Criteria++
		}
		switch {
		case is && !was:
			d.Added = append(d.Added, c)
			added[c.ID] = true
		case was && !is:
			d.Removed = append(d.Removed, c)
		}
	}
	starters, err := control.Catalogue()
	if err != nil {
		return err
	}
	for _, i := range starters {
		if len(i.Criteria) > 0 && added[i.Criteria[0]] {
			d.Controls = append(d.Controls, i.ID+", "+i.Title)
			d.Evidence += len(i.Evidence)
		}
	}
	return nil
}

// assessment is the report of a readiness assessment: what was found of each criterion and what management does about it.
func (s *Site) assessment(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, readiness.AssessmentName, readiness.ResultName, readiness.ObservationName); err != nil {
		return err
	}
	look := s.look(ctx)
	v, err := look.Get(readiness.AssessmentName, part.Segment(r.PathValue("id")))
	if err != nil {
		return err
	}
	a, err := readiness.Read[readiness.Assessment](v)
	if err != nil {
		return err
	}
	d := AssessmentPage{Name: a.Name, State: part.Status(a.State), Summary: a.Summary, Record: part.Path("records", readiness.AssessmentName, a.Key), May: !part.Past(ctx) && a.State == "in_progress" && slices.Contains(a.Assessors, s.Who(ctx).Actor().Person),
		Facts: []part.Fact{part.Say("Firm", a.Firm), part.Say("Assessors", part.People(ctx, a.Assessors...)), part.Say("The firm's part", a.Independence), part.Say("From", a.From), part.Say("Through", a.To), part.Say("Criteria library", libraryVersion())}}
	p := period.Period{}
	if pv, err := look.Get("period", a.Period); err == nil {
		if p, err = period.Read(pv); err != nil {
			return err
		}
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	found, err := look.Find(readiness.ResultName, "assessment", a.Key)
	if err != nil {
		return err
	}
	results := map[string]readiness.Result{}
	for _, v := range found {
		x, err := readiness.Read[readiness.Result](v)
		if err != nil {
			return err
		}
		results[x.Criterion] = x
	}
	library, err := framework.Load()
	if err != nil {
		return err
	}
	for _, c := range library {
		x, there := results[c.ID]
		if !there && (p.Key == "" || !p.InScope(c)) {
			continue
		}
		d.Rows = append(d.Rows, AssessmentRow{ID: c.ID, Title: c.Title, Result: x.Result, Basis: x.Basis, Edit: part.Path("records", readiness.ResultName, a.Key+"."+c.ID), New: "/new/" + readiness.ResultName + "?assessment=" + a.Key + "&criterion=" + c.ID})
	}
	noted, err := look.Find(readiness.ObservationName, "assessment", a.Key)
	if err != nil {
		return err
	}
	for _, v := range noted {
		o, err := readiness.Read[readiness.Observation](v)
		if err != nil {
			return err
		}
		row := ObservationRow{Title: o.Title, Text: o.Text, Href: part.Path("records", readiness.ObservationName, o.Key), Criteria: strings.Join(o.Criteria, ", "), Weight: o.Weight, State: part.Status(o.State), Plan: o.Response, Due: o.Due, Late: o.Late}
		if o.Owner != "" {
			row.Owner = part.People(ctx, o.Owner)
		}
		d.Observations = append(d.Observations, row)
	}
	k, err := s.Book.Kinds.Named(readiness.ObservationName)
	if err != nil {
		return err
	}
	d.May = d.May && s.Who(ctx).May(ctx, access.Write, k) == nil
	d.New = "/new/" + readiness.ObservationName + "?assessment=" + a.Key
	return s.Show(w, r, http.StatusOK, page(a.Name), AssessmentView(d))
}

// libraryVersion is the version of the criteria that this release has.
func libraryVersion() string {
	list, err := framework.Load()
	if err != nil || len(list) == 0 {
		return ""
	}
	return fmt.Sprint(list[0].Version)
}

// AssessmentPage is a readiness assessment.
type AssessmentPage struct {
	Name, Summary, Record, New string
	State                      part.Status
	May                        bool
	Facts                      []part.Fact
	Rows                       []AssessmentRow
	Observations               []ObservationRow
}

// AssessmentRow is a criterion; an empty result is one that nobody wrote.
type AssessmentRow struct{ ID, Title, Result, Basis, Edit, New string }

// ObservationRow is an observation with what management does about it.
type ObservationRow struct {
	Title, Text, Href, Criteria, Weight, Plan, Owner, Due, Late string
	State                                                       part.Status
}

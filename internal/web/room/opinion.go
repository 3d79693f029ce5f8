package room

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tickmark/internal/engagement"
	"tickmark/internal/opinion"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// Opinion is the partner's page: what was concluded on each criterion, the matters with where each leads, the opinion, and
// what the report may not be issued without.
type Opinion struct {
	Name                            string
	Type                            string
	Readiness                       bool
	Tabs                            []part.Tab
	Criteria                        []CriterionLine
	Unconcluded                     int
	Matters                         []MatterRow
	NewMatter, NewOpinion, NewEvent string
	NewLetter                       string
	Subjects                        []Subject
	Opinions                        []OpinionRow
	Letters                         []LetterRow
	Events                          []EventRow
	Day                             string // for which the guards are told
	Guards                          []engagement.Guard
	Steps                           []form.Move
	Act                             string
}

// CriterionLine is one criterion in scope with its conclusion.
type CriterionLine struct {
	ID, Title, Anchor, Reason string
	NotRelevant               string
	Controls                  []part.Link
	Conclusion, State         part.Status
	Moves                     []form.Move
	Act, Edit, New            string
	By, Reviewer              string
}

// MatterRow is a matter with the opinion that its answers lead to.
type MatterRow struct {
	Name, Subject, Sort, Facts, Judgement string
	Criteria                              []string
	ByManagement                          bool
	State                                 part.Status
	Material, Pervasive                   string
	Cell                                  opinion.Cell
	Moves                                 []form.Move
	Act, Edit                             string
}

// Subject is one subject of the report with every cell that a matter leads to.
type Subject struct {
	Name  string
	Cells []opinion.Cell
}

// Leads are the matters of the subject that lead to an opinion of that sort; for unqualified, those that lead to none.
func (s Subject) Leads(sort string) []string {
	var out []string
	for _, c := range s.Cells {
		if c.Opinion == sort || sort == "unqualified" && c.Opinion == "" && c.Open != "" {
			out = append(out, c.Matter)
		}
	}
	return out
}

// OpinionRow is an opinion as it is written.
type OpinionRow struct {
	Name, Aggregate, Emphasis string
	State                     part.Status
	Subjects                  []part.Fact
	Moves                     []form.Move
	Act, Edit                 string
	Agreed, Signed            string
}

// LetterRow is a letter of management's.
type LetterRow struct {
	Sort, Dated, For, File string
	State                  part.Status
	Moves                  []form.Move
	Act                    string
}

// EventRow is one inquiry of subsequent events.
type EventRow struct{ UpTo, Asked, Questions, Answers, Bears, Effect string }

func (s *Site) opinion(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := s.open(r)
	if err != nil {
		return err
	}
	o := Opinion{Name: f.text("name"), Type: f.text("type"), Readiness: f.text("type") == engagement.Readiness, Day: f.today(ctx), Act: f.record(f.entry)}
	if d := r.URL.Query().Get("day"); d != "" {
		if _, err := time.Parse(time.DateOnly, d); err == nil {
			o.Day = d
		}
	}
	if o.Tabs, err = f.tabs("Opinion"); err != nil {
		return err
	}
	writes := s.mayWrite(ctx)
	if writes {
		o.NewMatter, o.NewEvent, o.NewLetter = f.path("new", opinion.MatterName), f.path("new", opinion.InquiryName), f.path("new", opinion.LetterName)
	}
	if err := s.criterionLines(r, f, &o); err != nil {
		return err
	}
	matters, err := f.all(opinion.MatterName)
	if err != nil {
		return err
	}
	var bodies []map[string]any
	for _, m := range matters {
		bodies = append(bodies, m.Body)
	}
	cells := opinion.Cells(bodies)
	for i, m := range matters {
		by, _ := m.Body["by_management"].(bool)
		row := MatterRow{Name: m.text("name"), Subject: part.Sentence(m.text("subject")), Sort: part.Sentence(m.text("sort")), Facts: m.text("facts"), Judgement: m.text("judgement"), Criteria: engagement.List(m.Body, "criteria"), ByManagement: by,
			State: part.Status(m.state()), Material: m.text("material"), Pervasive: m.text("pervasive"), Cell: cells[i], Act: f.record(m)}
		if writes && m.state() == "open" {
			row.Edit = f.path("edit", opinion.MatterName, m.Key)
		}
		if row.Moves, err = s.movesOf(ctx, m); err != nil {
			return err
		}
		o.Matters = append(o.Matters, row)
	}
	for _, name := range opinion.Subjects(o.Type) {
		x := Subject{Name: name}
		for _, c := range cells {
			if c.Subject == name {
				x.Cells = append(x.Cells, c)
			}
		}
		o.Subjects = append(o.Subjects, x)
	}
	if err := s.written(r, f, &o); err != nil {
		return err
	}
	if !slices.Contains([]string{"issued", "archived"}, f.state()) && !o.Readiness {
		o.Guards = engagement.IssueGuards(f.look, f.Body, o.Day)
	}
	steps, err := s.movesOf(ctx, f.entry)
	if err != nil {
		return err
	}
	for _, m := range steps {
		if slices.Contains([]string{"issue", "return_to_draft", "archive", "recall"}, m.Name) {
			o.Steps = append(o.Steps, m)
		}
	}
	return s.Show(w, r, status(ctx), shell.Page{Title: "Opinion", Section: Section, Crumbs: f.crumbs(part.Crumb{Text: "Opinion"})}, OpinionView(o))
}

// criterionLines fills in what was concluded on each criterion in scope; what nobody concluded stands empty.
func (s *Site) criterionLines(r *http.Request, f *file, o *Opinion) error {
	ctx := r.Context()
	var view Overview
	if err := s.papers(ctx, f, &view); err != nil {
		return err
	}
	if err := s.criteria(ctx, f, &view); err != nil {
		return err
	}
	conclusions, err := f.all(opinion.CriterionName)
	if err != nil {
		return err
	}
	for _, c := range view.Criteria {
		line := CriterionLine{ID: c.ID, Title: c.Title, Anchor: part.ID("criterion", c.ID), NotRelevant: c.NotRelevant, Controls: c.Controls}
		q := url.Values{"criterion": {c.ID}}
		for _, l := range c.Controls {
			q.Add("controls", l.Text)
		}
		i := slices.IndexFunc(conclusions, func(e entry) bool { return e.text("criterion") == c.ID })
		switch {
		case i >= 0:
			e := conclusions[i]
			line.Conclusion, line.State, line.Reason, line.Act, line.By, line.Reviewer = part.Status(e.text("conclusion")), part.Status(e.state()), e.text("reason"), f.record(e), e.text("prepared_by"), e.text("reviewed_by")
			if s.mayWrite(ctx) {
				line.Edit = f.path("edit", opinion.CriterionName, e.Key)
			}
			if line.Moves, err = s.movesOf(ctx, e); err != nil {
				return err
			}
		case c.NotRelevant == "":
			o.Unconcluded++
			if s.mayWrite(ctx) {
				line.New = f.path("new", opinion.CriterionName) + "?" + q.Encode()
			}
		}
		o.Criteria = append(o.Criteria, line)
	}
	return nil
}

// written fills in the opinion, the letters and the inquiries.
func (s *Site) written(r *http.Request, f *file, o *Opinion) error {
	ctx := r.Context()
	opinions, err := f.all(opinion.Name)
	if err != nil {
		return err
	}
	if len(opinions) == 0 && s.mayWrite(ctx) {
		o.NewOpinion = f.path("new", opinion.Name)
	}
	for _, e := range opinions {
		row := OpinionRow{Name: e.text("name"), Aggregate: e.text("aggregate"), Emphasis: e.text("emphasis"), State: part.Status(e.state()), Act: f.record(e), Agreed: e.text("agreed_by"), Signed: e.text("signed_by")}
		for _, x := range engagement.Objects(e.Body, "subjects") {
			row.Subjects = append(row.Subjects, part.Fact{Name: part.Sentence(text(x, "subject")), Value: givenView(text(x, "opinion"), text(x, "basis"))})
		}
		if s.mayWrite(ctx) {
			row.Edit = f.path("edit", opinion.Name, e.Key)
		}
		if row.Moves, err = s.movesOf(ctx, e); err != nil {
			return err
		}
		o.Opinions = append(o.Opinions, row)
	}
	letters, err := f.all(opinion.LetterName)
	if err != nil {
		return err
	}
	for _, e := range letters {
		row := LetterRow{Sort: part.Sentence(e.text("sort")), Dated: e.text("dated"), For: strings.Join(engagement.List(e.Body, "signed_for"), ", "), File: e.text("file"), State: part.Status(e.state()), Act: f.record(e)}
		if row.Moves, err = s.movesOf(ctx, e); err != nil {
			return err
		}
		o.Letters = append(o.Letters, row)
	}
	events, err := f.all(opinion.InquiryName)
	for _, e := range events {
		o.Events = append(o.Events, EventRow{e.text("up_to"), e.text("asked"), e.text("questions"), e.text("answers"), part.Sentence(e.text("bears")), e.text("effect")})
	}
	return err
}

// About is a matter in a line.
func (m MatterRow) About() string {
	out := m.Sort + " of the " + strings.ToLower(m.Subject)
	if len(m.Criteria) > 0 {
		out += ", " + strings.Join(m.Criteria, ", ")
	}
	if m.ByManagement {
		out += ", imposed by management"
	}
	return out
}

// Judged is what the partner answered.
func (m MatterRow) Judged() string {
	out := "Material: " + m.Material
	if m.Pervasive != "" {
		out += "; pervasive: " + m.Pervasive
	}
	return out + ". " + m.Judgement
}

func signers(ctx context.Context, by, reviewer string) string {
	out := "Prepared by " + part.People(ctx, by)
	if reviewer != "" {
		out += ", reviewed by " + part.People(ctx, reviewer)
	}
	return out
}

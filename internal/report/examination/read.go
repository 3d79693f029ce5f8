package examination

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tickmark/internal/blob"
	"tickmark/internal/description"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/issue"
	"tickmark/internal/opinion"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
)

// maxText is the largest text of management's that is put in a report, in bytes.
const maxText = 16 << 20

// reading is a report while it is read.
type reading struct {
	ctx        context.Context
	look       record.Look
	blobs      blob.Store
	e          map[string]any
	r          *Report
	codes      map[[2]string]string
	papers     map[string]paper // by control
	deviations map[string][]*Deviation
	conclusion map[string]string // reference, by criterion
	matrices   []found
}

// found is a record with its body.
type found struct {
	v record.Version
	b map[string]any
}

type paper struct {
	found
	population *found
	samples    []found
}

// Read reads the report of an engagement as its file stands at the moment of the look.
func Read(ctx context.Context, look record.Look, blobs blob.Store, id string) (*Report, error) {
	v, err := look.Get(engagement.Name, id)
	if err != nil {
		return nil, err
	}
	e, err := engagement.Body(v)
	if err != nil {
		return nil, err
	}
	if e["type"] == engagement.Readiness {
		return nil, fault.New(fault.Conflict, "A readiness assessment has no report of an examination.").WithNext("Hand over its observations.")
	}
	firm, _ := e["firm"].(map[string]any)
	r := &Report{Format: Format, ID: engagement.Text(e, "id"), Name: engagement.Text(e, "name"), Company: engagement.Text(e, "company"), Addressee: cmp.Or(engagement.Text(e, "addressee"), "The management of "+engagement.Text(e, "company")),
		System: engagement.Text(e, "system"), Type: engagement.Text(e, "type"), Categories: engagement.List(e, "categories"), From: engagement.Text(e, "from"), To: engagement.Text(e, "to"), Zone: engagement.Text(e, "zone"),
		Firm: engagement.Text(firm, "name"), City: engagement.Text(firm, "city"), State: engagement.Text(e, record.StateField), Number: engagement.Text(e, "report_number"), Date: engagement.Text(e, "report_date"),
		Subservice: []Subservice{}, UserControls: []UserControl{}, Criteria: []Criterion{}, Controls: []Control{}, Deviations: []Deviation{}, Missing: []string{}}
	slices.SortFunc(r.Categories, func(a, b string) int {
		return slices.Index(framework.Categories(), a) - slices.Index(framework.Categories(), b)
	})
	m := &reading{ctx: ctx, look: look, blobs: blobs, e: e, r: r, codes: map[[2]string]string{}, papers: map[string]paper{}, deviations: map[string][]*Deviation{}, conclusion: map[string]string{}}
	m.ref(v)
	for _, s := range engagement.Objects(e, "subservice") {
		r.Subservice = append(r.Subservice, Subservice{engagement.Text(s, "name"), engagement.Text(s, "services"), engagement.Text(s, "method"), engagement.List(s, "expected")})
	}
	for _, u := range engagement.Objects(e, "user_controls") {
		r.UserControls = append(r.UserControls, UserControl{engagement.Text(u, "text"), engagement.List(u, "criteria")})
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{{"the control matrix", m.matrix}, {"deviations", m.read}, {"papers", m.tests}, {"criteria", m.criteria}, {"the opinion", m.opinion}, {"texts of management", m.texts}, {"recommendations", m.advice}} {
		if err := step.do(); err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", step.name, r.ID, err)
		}
	}
	m.agree()
	return r, nil
}

// lacks keeps what stands against the issue.
func (m *reading) lacks(format string, args ...any) {
	m.r.Missing = append(m.r.Missing, fmt.Sprintf(format, args...))
}

// ref gives a version its reference; the same record has one, wherever it is named.
func (m *reading) ref(v record.Version) string {
	id := [2]string{v.Kind, v.Key}
	if code, ok := m.codes[id]; ok {
		return code
	}
	code := fmt.Sprintf("R-%04d", len(m.r.References)+1)
	m.codes[id] = code
	m.r.References = append(m.r.References, Reference{Code: code, Kind: v.Kind, Key: v.Key, Label: cmp.Or(v.Label, v.Key), VersionFrom: v.From, Entry: v.Entry})
	return code
}

// all are the engagement's records of a kind, by key.
func (m *reading) all(kind string) ([]found, error) {
	list, err := m.look.Find(kind, engagement.Name, m.r.ID)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b record.Version) int { return strings.Compare(a.Key, b.Key) })
	out := make([]found, 0, len(list))
	for _, v := range list {
		b, err := engagement.Body(v)
		if err != nil {
			return nil, err
		}
		out = append(out, found{v, b})
	}
	return out, nil
}

// matrix reads the controls in the order of the frozen matrices, each with its words in each part of the window.
func (m *reading) matrix() error {
	all, err := m.all(engagement.MatrixName)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.b[record.StateField] == "frozen" {
			m.matrices = append(m.matrices, x)
		}
	}
	slices.SortFunc(m.matrices, func(a, b found) int {
		return strings.Compare(engagement.Text(a.b, "from"), engagement.Text(b.b, "from"))
	})
	if len(m.matrices) == 0 {
		m.lacks("No control matrix is frozen.")
	}
	for _, x := range m.matrices {
		code := m.ref(x.v)
		for _, c := range engagement.Objects(x.b, "controls") {
			i := slices.IndexFunc(m.r.Controls, func(k Control) bool { return k.ID == engagement.Text(c, "id") })
			if i < 0 {
				m.r.Controls = append(m.r.Controls, Control{ID: engagement.Text(c, "id")})
				i = len(m.r.Controls) - 1
			}
			k := &m.r.Controls[i]
			k.Nature, k.Frequency = engagement.Text(c, "nature"), engagement.Text(c, "frequency")
			for _, id := range engagement.List(c, "criteria") {
				if !slices.Contains(k.Criteria, id) {
					k.Criteria = append(k.Criteria, id)
				}
			}
			if !slices.Contains(k.Refs, code) {
				k.Refs = append(k.Refs, code)
			}
			from, to, text := engagement.Text(x.b, "from"), engagement.Text(x.b, "to"), strings.TrimSpace(engagement.Text(c, "text"))
			if n := len(k.Worded); n > 0 && k.Worded[n-1].Text == text && nextDay(k.Worded[n-1].To) == from {
				k.Worded[n-1].To = to
			} else {
				k.Worded = append(k.Worded, Worded{from, to, text})
			}
		}
	}
	slices.SortStableFunc(m.r.Controls, func(a, b Control) int { return strings.Compare(a.ID, b.ID) })
	order, err := framework.Load()
	if err != nil {
		return err
	}
	at := map[string]int{}
	for i, c := range order {
		at[c.ID] = i
	}
	for i := range m.r.Controls {
		slices.SortFunc(m.r.Controls[i].Criteria, func(a, b string) int { return at[a] - at[b] })
	}
	return nil
}

func nextDay(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, 1).Format(time.DateOnly)
}

// read reads the deviations that stand, and numbers them by control.
func (m *reading) read() error {
	all, err := m.all(workpaper.DeviationName)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(strings.Compare(engagement.Text(a.b, "control"), engagement.Text(b.b, "control")), strings.Compare(engagement.Text(a.b, "identified_at"), engagement.Text(b.b, "identified_at")))
	})
	for _, x := range all {
		state := engagement.Text(x.b, record.StateField)
		if state == "not_a_deviation" {
			continue
		}
		if !slices.Contains([]string{"response_received", "reported"}, state) {
			m.lacks("The deviation %q of %s is %s.", engagement.Text(x.b, "name"), engagement.Text(x.b, "control"), strings.ReplaceAll(state, "_", " "))
		}
		d := Deviation{Number: "D-" + strconv.Itoa(len(m.r.Deviations)+1), Control: engagement.Text(x.b, "control"), Sort: engagement.Text(x.b, "sort"), Facts: engagement.Text(x.b, "facts"),
			Occurred: engagement.Text(x.b, "occurred"), Response: engagement.Text(x.b, "response"), For: engagement.Text(x.b, "responded_for"), Remediation: engagement.Text(x.b, "remediation"),
			Ref: m.ref(x.v), key: x.v.Key, item: engagement.Text(x.b, "item")}
		m.r.Deviations = append(m.r.Deviations, d)
	}
	for i := range m.r.Deviations {
		d := &m.r.Deviations[i]
		m.deviations[d.Control] = append(m.deviations[d.Control], d)
	}
	return nil
}

// tests reads each control's paper: what was done and what it came to.
func (m *reading) tests() error {
	papers, err := m.all(workpaper.Name)
	if err != nil {
		return err
	}
	populations, err := m.all(workpaper.PopulationName)
	if err != nil {
		return err
	}
	samples, err := m.all(workpaper.SampleName)
	if err != nil {
		return err
	}
	for _, x := range papers {
		p := paper{found: x}
		for i, y := range populations {
			if y.v.Key == engagement.Text(x.b, "population") {
				p.population = &populations[i]
			}
		}
		for _, y := range samples {
			if p.population != nil && engagement.Text(y.b, "population") == p.population.v.Key && y.b["control"] == x.b["control"] && !slices.Contains([]string{"designed", "voided"}, engagement.Text(y.b, record.StateField)) {
				p.samples = append(p.samples, y)
			}
		}
		m.papers[engagement.Text(x.b, "control")] = p
	}
	told := map[string]bool{}
	for i := range m.r.Controls {
		k := &m.r.Controls[i]
		p, ok := m.papers[k.ID]
		if !ok {
			m.lacks("There is no paper of %s.", k.ID)
			if m.r.Type2() {
				k.Result = &Result{Sort: Undecided, Text: "Not concluded: there is no paper."}
			}
			continue
		}
		refs := []string{m.ref(p.v)}
		if p.population != nil {
			refs = append(refs, m.ref(p.population.v))
		}
		for _, s := range p.samples {
			refs = append(refs, m.ref(s.v))
		}
		k.Refs = append(k.Refs, refs[0])
		if signed := m.signed(p); signed != "" {
			m.lacks("The paper of %s %s", k.ID, signed)
		}
		if !m.r.Type2() {
			if engagement.Text(p.b, "design") == "not_suitable" {
				k.Result = &Result{Sort: NotSuitable, Text: "The control was not suitably designed. " + engagement.Text(p.b, "design_reason"), Refs: refs}
			}
			continue
		}
		k.Tests = tests(p, refs)
		res := m.result(k.ID, p)
		res.Refs = append(res.Refs, refs...)
		k.Result = &res
		if res.Sort == Undecided {
			m.lacks("%s: %s", k.ID, res.Text)
		}
		if p.population != nil && !told[p.population.v.Key] {
			told[p.population.v.Key] = true
			b := p.population.b
			m.r.Populations = append(m.r.Populations, Population{Name: engagement.Text(b, "name"), Source: engagement.Text(b, "source"), Origin: engagement.Text(b, "origin"), Complete: b["complete"] == true,
				Completeness: engagement.Text(b, "completeness"), Accuracy: engagement.Text(b, "accuracy"), Control: k.ID, Ref: m.ref(p.population.v)})
		}
	}
	for _, d := range m.r.Deviations {
		if !slices.ContainsFunc(m.r.Controls, func(k Control) bool { return k.ID == d.Control }) {
			m.lacks("The deviation %s is of %s, which no frozen matrix has.", d.Number, d.Control)
		}
	}
	return nil
}

// tests are the lines of what was done, those on the operation where there are any.
func tests(p paper, refs []string) []Test {
	var out []Test
	for _, only := range []bool{true, false} {
		for _, x := range engagement.Objects(p.b, "procedures") {
			if only && x["aim"] == "design" {
				continue
			}
			out = append(out, Test{Sort: engagement.Text(x, "sort"), Text: strings.TrimSpace(engagement.Text(x, "text")), Refs: refs})
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// signed is what a paper lacks to be relied on; empty when it is reviewed.
func (m *reading) signed(p paper) string {
	if state := engagement.Text(p.b, record.StateField); !slices.Contains([]string{"reviewed", "partner_signed"}, state) {
		return "is " + strings.ReplaceAll(state, "_", " ") + " and not reviewed."
	}
	return ""
}

// result says what the tests of a control came to. Only a signed paper says anything, and that nothing deviated is computed from
// its grid again: each attribute of each item must be marked, none may deviate or wait, and no deviation may stand.
func (m *reading) result(control string, p paper) Result {
	undecided := func(why string) Result { return Result{Sort: Undecided, Text: "Not concluded: " + why} }
	if why := m.signed(p); why != "" {
		return undecided("the paper " + why)
	}
	standing := m.deviations[control]
	reason := engagement.Text(p.b, "result_reason")
	if p.b["design"] != "suitable" {
		r := Result{Sort: NotSuitable, Text: "The control was not suitably designed, so its operation was not tested. " + engagement.Text(p.b, "design_reason")}
		return m.counted(r, p, standing)
	}
	switch result := engagement.Text(p.b, "result"); result {
	case workpaper.NotOperated:
		if p.population == nil || workpaper.Whole(p.population.b["row_count"]) != 0 || p.population.b["complete"] != true || len(standing) > 0 {
			return undecided("nothing shows that it had no occasion to operate.")
		}
		return Result{Sort: NotOperated, Text: "The control did not operate: nothing that calls for it occurred in the period. Its operating effectiveness was not tested."}
	case workpaper.NotTested:
		return m.counted(Result{Sort: NotTested, Text: "Operating effectiveness was not tested. " + reason}, p, standing)
	case workpaper.Effective:
		if len(standing) > 0 {
			return undecided("deviations stand, and the paper concludes as if there were none.")
		}
		if why := whole(p); why != "" {
			return undecided(why)
		}
		return Result{Sort: NoExceptions, Text: "No exceptions noted."}
	case workpaper.EffectiveWithDeviation, workpaper.NotEffective:
		r := Result{Sort: Exceptions}
		if len(standing) == 0 {
			if result == workpaper.EffectiveWithDeviation {
				return undecided("it is concluded as effective with a deviation, and none is on record.")
			}
			r.Text = "Exception noted. The control did not operate effectively. " + reason
			return r
		}
		r = m.counted(r, p, standing)
		if result == workpaper.NotEffective {
			r.Text += " The control did not operate effectively."
		}
		return r
	default:
		return undecided("there is no conclusion on its operation.")
	}
}

// counted adds the deviations to a result: how many items were tested, how many deviated, and what happened.
func (m *reading) counted(r Result, p paper, standing []*Deviation) Result {
	if len(standing) == 0 {
		return r
	}
	items, targeted := map[string]bool{}, map[string]bool{}
	for _, s := range p.samples {
		for _, i := range workpaper.Items(s.b) {
			items[i] = true
		}
		for _, t := range engagement.Objects(s.b, "targeted") {
			targeted[strconv.Itoa(workpaper.Whole(t["position"]))] = true
		}
	}
	deviated := map[string]bool{}
	outside := 0
	for _, d := range standing {
		if items[d.item] {
			deviated[d.item] = true
		} else {
			outside++
		}
		r.Deviations = append(r.Deviations, d.Number)
		r.Refs = append(r.Refs, d.Ref)
	}
	r.Tested, r.Deviated = len(items), len(deviated)
	said := word(len(standing), "Exception noted", "Exceptions noted")
	if r.Tested > 0 {
		said += fmt.Sprintf(" for %d of %d items tested", r.Deviated, r.Tested)
		if n := len(targeted); n > 0 {
			said += fmt.Sprintf(", %d of which were chosen on purpose", n)
		}
	}
	if outside > 0 && r.Tested > 0 {
		said += fmt.Sprintf(", and %d outside the sample", outside)
	}
	said += "."
	for _, d := range standing {
		said += " " + d.Number + ": " + full(d.Facts)
	}
	r.Text = strings.TrimSpace(strings.TrimSpace(r.Text) + " " + said)
	return r
}

// whole reports what a paper that concludes on effective operation does not show; empty when each cell of each item is marked as met
// or as not applicable.
func whole(p paper) string {
	if p.population == nil {
		if len(engagement.Objects(p.b, "configurations")) == 0 {
			return "the paper has neither a population nor a configuration that held."
		}
		return ""
	}
	if p.population.b[record.StateField] != "frozen" || workpaper.Whole(p.population.b["row_count"]) == 0 {
		return "its population is not frozen, or has no rows."
	}
	attributes := engagement.Objects(p.b, "attributes")
	if len(p.samples) == 0 || len(attributes) == 0 {
		return "the paper has no sample, or no attribute that was tested."
	}
	marks := map[[2]string]string{}
	for _, c := range engagement.Objects(p.b, "grid") {
		marks[[2]string{engagement.Text(c, "item"), engagement.Text(c, "attribute")}] = engagement.Text(c, "mark")
		if mark := engagement.Text(c, "mark"); mark != workpaper.Met && mark != workpaper.NotAsked {
			return fmt.Sprintf("item %s is marked %s.", engagement.Text(c, "item"), mark)
		}
	}
	for _, s := range p.samples {
		for _, i := range workpaper.Items(s.b) {
			for _, a := range attributes {
				if mark := marks[[2]string{i, engagement.Text(a, "id")}]; mark != workpaper.Met && mark != workpaper.NotAsked {
					return fmt.Sprintf("item %s is not marked in %s.", i, engagement.Text(a, "id"))
				}
			}
		}
	}
	return ""
}

// criteria reads the criteria in scope with their controls, and the firm's conclusions.
func (m *reading) criteria() error {
	all, err := framework.Load()
	if err != nil {
		return err
	}
	concluded, err := m.all(opinion.CriterionName)
	if err != nil {
		return err
	}
	for _, c := range all {
		if !c.InScope(m.r.Categories) {
			continue
		}
		x := Criterion{ID: c.ID, Title: c.Title, Category: c.Category, Controls: []string{}}
		for _, k := range m.r.Controls {
			if slices.Contains(k.Criteria, c.ID) {
				x.Controls = append(x.Controls, k.ID)
			}
		}
		for _, mx := range m.matrices {
			for _, n := range engagement.Objects(mx.b, "not_relevant") {
				if engagement.Text(n, "criterion") == c.ID {
					x.NotRelevant = engagement.Text(n, "reason")
				}
			}
			if code := m.ref(mx.v); !slices.Contains(x.Refs, code) {
				x.Refs = append(x.Refs, code)
			}
		}
		done := false
		for _, y := range concluded {
			if y.b["criterion"] == c.ID {
				x.Refs = append(x.Refs, m.ref(y.v))
				if y.b[record.StateField] == "reviewed" {
					x.Conclusion, done = engagement.Text(y.b, "conclusion"), true
				}
			}
		}
		switch {
		case len(x.Controls) == 0 && x.NotRelevant == "":
			m.lacks("No control was examined for %s, and nothing says why it is not relevant.", c.ID)
		case !done && x.NotRelevant == "":
			m.lacks("There is no reviewed conclusion on %s.", c.ID)
		}
		m.r.Criteria = append(m.r.Criteria, x)
	}
	return nil
}

// opinion reads the opinion, and the matters that it is modified for.
func (m *reading) opinion() error {
	all, err := m.all(opinion.Name)
	if err != nil {
		return err
	}
	matters, err := m.all(opinion.MatterName)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b found) int {
		return strings.Compare(engagement.Text(a.b, "signed_at"), engagement.Text(b.b, "signed_at"))
	})
	if len(all) == 0 {
		m.lacks("The partner has written no opinion.")
		return nil
	}
	x := all[len(all)-1]
	o := &Opinion{Signed: x.b[record.StateField] == "signed", Emphasis: engagement.Text(x.b, "emphasis"), Ref: m.ref(x.v)}
	if !o.Signed {
		m.lacks("The opinion is not signed.")
	}
	for _, name := range opinion.Subjects(m.r.Type) {
		for _, s := range engagement.Objects(x.b, "subjects") {
			if s["subject"] != name {
				continue
			}
			sub := Subject{Subject: name, Opinion: engagement.Text(s, "opinion"), Basis: engagement.Text(s, "basis"), Refs: []string{o.Ref}}
			for _, mt := range matters {
				if sub.Opinion == "unqualified" || mt.b["subject"] != name || mt.b["material"] != "yes" || mt.b[record.StateField] != "answered" {
					continue
				}
				sub.Refs = append(sub.Refs, m.ref(mt.v))
				sub.Limited = sub.Limited || mt.b["sort"] == "scope_limitation"
				for _, id := range engagement.List(mt.b, "criteria") {
					if !slices.Contains(sub.Criteria, id) {
						sub.Criteria = append(sub.Criteria, id)
					}
				}
				for _, c := range engagement.List(mt.b, "commitments") {
					if !slices.Contains(sub.Commitments, c) {
						sub.Commitments = append(sub.Commitments, c)
					}
				}
			}
			o.Subjects = append(o.Subjects, sub)
		}
		if len(o.Subjects) == 0 || o.Subjects[len(o.Subjects)-1].Subject != name {
			m.lacks("There is no opinion on the %s.", name)
		}
	}
	m.r.Opinion = o
	return nil
}

// texts reads what management wrote, from the files as they were received.
func (m *reading) texts() error {
	all, err := m.all(issue.TextName)
	if err != nil {
		return err
	}
	letters, err := m.all(opinion.LetterName)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.b[record.StateField] != "received" {
			continue
		}
		sum := engagement.Text(x.b, "file")
		h, err := blob.Parse(sum)
		if err != nil {
			return err
		}
		b, err := blob.Get(m.blobs, h, maxText)
		if fault.Is(err, fault.NotFound) {
			m.lacks("The file of management's %s (%s) is not kept here.", strings.ReplaceAll(engagement.Text(x.b, "sort"), "_", " "), sum)
			continue
		}
		if err != nil {
			return err
		}
		w := Words{Of: engagement.Text(x.b, "subservice"), Text: string(b), SHA256: sum, Ref: m.ref(x.v)}
		switch x.b["sort"] {
		case issue.Description:
			d := &Described{SHA256: sum, By: engagement.Text(m.e, "description_by"), Ref: w.Ref}
			if f, err := description.Parse(b); err == nil {
				d.File = f
			} else if strings.HasPrefix(strings.TrimSpace(w.Text), "{") {
				m.lacks("The description cannot be read: %v", err)
			} else {
				d.Text = w.Text
			}
			m.r.Description = d
		case issue.Assertion:
			for _, l := range letters {
				if l.b["sort"] == opinion.Assertion && l.b[record.StateField] == "received" && (l.b["file"] == sum || l.b["file"] == x.b["signed"]) {
					w.Dated, w.Signed = engagement.Text(l.b, "dated"), engagement.List(l.b, "signed_for")
				}
			}
			if w.Dated == "" {
				m.lacks("The text of the assertion is not that of a letter on record.")
			}
			m.r.Assertion = &w
		case issue.Subservice:
			m.r.Others = append(m.r.Others, w)
		case issue.Other:
			m.r.Other = &w
		}
	}
	return nil
}

func (m *reading) advice() error {
	all, err := m.all(issue.RecommendationName)
	if err != nil {
		return err
	}
	order := []string{"high", "medium", "low"}
	slices.SortStableFunc(all, func(a, b found) int {
		return slices.Index(order, engagement.Text(a.b, "priority")) - slices.Index(order, engagement.Text(b.b, "priority"))
	})
	for _, x := range all {
		m.r.Advice = append(m.r.Advice, Advice{Name: engagement.Text(x.b, "name"), Priority: engagement.Text(x.b, "priority"), Observation: engagement.Text(x.b, "observation"), Advice: engagement.Text(x.b, "advice"),
			Response: engagement.Text(x.b, "response"), Controls: engagement.List(x.b, "controls"), Ref: m.ref(x.v)})
	}
	return nil
}

// agree holds management's texts against what was examined: a report whose parts contradict each other is not issued.
func (m *reading) agree() {
	r := m.r
	if r.Assertion == nil {
		m.lacks("Management's assertion was not taken for the report.")
	}
	for _, s := range r.Subservice {
		if s.Method == "inclusive" && !slices.ContainsFunc(r.Others, func(w Words) bool { return w.Of == s.Name }) {
			m.lacks("%s is included, and the text of its own assertion was not taken.", s.Name)
		}
	}
	if r.Description == nil {
		m.lacks("Management's description was not taken for the report.")
		return
	}
	if approved := engagement.Text(m.e, "description"); approved != "" && approved != r.Description.SHA256 {
		m.lacks("The description on file is not the one that management approved (%s).", approved)
	}
	f := r.Description.File
	if f == nil {
		return
	}
	same := func(what, theirs, ours string) {
		if theirs != ours {
			m.lacks("The description says %s %q, and the engagement %q.", what, theirs, ours)
		}
	}
	same("the type", f.Type, r.Type)
	same("the first day", f.From, r.From)
	same("the last day", f.To, r.To)
	same("the system", f.SystemName, r.System)
	sorted := func(l []string) string { return strings.Join(slices.Sorted(slices.Values(l)), ", ") }
	same("the categories", sorted(f.Categories), sorted(r.Categories))
	for _, i := range f.Complete() {
		for _, x := range i.Missing {
			m.lacks("Description, %s: %s", i.DC, x)
		}
	}
	for _, k := range r.Controls {
		i := slices.IndexFunc(f.Controls, func(c description.Control) bool { return c.ID == k.ID })
		if i < 0 {
			m.lacks("The description does not have the control %s.", k.ID)
		} else if last := k.Worded[len(k.Worded)-1].Text; strings.TrimSpace(f.Controls[i].Statement) != last {
			m.lacks("The words of %s in the description are not those of the matrix.", k.ID)
		}
	}
	for _, s := range r.Subservice {
		i := slices.IndexFunc(f.Subservice, func(o description.Outside) bool { return o.Name == s.Name })
		if i < 0 || f.Subservice[i].Method != s.Method {
			m.lacks("The description does not treat %s as the engagement does (%s).", s.Name, strings.ReplaceAll(s.Method, "_", " "))
		}
	}
	for _, o := range f.Subservice {
		if !slices.ContainsFunc(r.Subservice, func(s Subservice) bool { return s.Name == o.Name }) {
			m.lacks("The description names the subservice organisation %s, and the engagement does not.", o.Name)
		}
	}
	for _, u := range f.UserControls {
		if !slices.ContainsFunc(r.UserControls, func(x UserControl) bool { return x.Text == u.Text }) {
			m.lacks("The description expects of users %q, and the engagement does not.", u.Text)
		}
	}
}

func word(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// full is a text as a sentence.
func full(s string) string {
	s = strings.TrimSpace(s)
	if s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

package cycle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

// Block is one thing that keeps a programme from being ready.
type Block struct {
	What string `json:"what"`
	Next string `json:"next"`
	Kind string `json:"kind,omitempty"` // of the record to open; empty: there is none yet
	Key  string `json:"key,omitempty"`
}

// Blocks are what keeps the cycle from being ready, by the records that a look sees.
func Blocks(look record.Look, c Cycle) ([]Block, error) {
	w, err := world(look, c)
	if err != nil {
		return nil, err
	}
	return w.all(), nil
}

// surroundings are the records that decide about a cycle.
type surroundings struct {
	cycle       Cycle
	today       string
	period      period.Period
	system      systemBody
	people      map[string]string // by key: the last working day; empty while the person is here
	criteria    []criterionBody
	served      map[string]bool // by criterion: a control in operation serves it
	operating   map[string]bool // by control
	commitments []commitmentBody
	findings    []openBody
	tasks       []openBody
	milestones  []Milestone
	observed    []openBody
}

type systemBody struct{ Key, Name, State string }

type criterionBody struct {
	framework.Criterion
	Reason string `json:"not_relevant_reason"`
}

type commitmentBody struct {
	Key, Title, Category, Since, Until string
	Controls                           []string
}

// openBody is what is asked of findings, tasks and observations.
type openBody struct {
	Key, Title, Label, State, Severity, Due, Gap string
	Weight                                       string
}

// world reads what decides. Kinds that a workspace does not have are no part of it.
func world(look record.Look, c Cycle) (w surroundings, err error) {
	w = surroundings{cycle: c, people: map[string]string{}, served: map[string]bool{}, operating: map[string]bool{}}
	if w.today, err = today(look); err != nil {
		return w, err
	}
	if v, err := look.Get("period", c.Period); err == nil {
		if w.period, err = period.Read(v); err != nil {
			return w, err
		}
	} else if !fault.Is(err, fault.NotFound) {
		return w, err
	}
	if w.period.System != "" {
		v, err := look.Get("system", w.period.System)
		if err == nil {
			err = json.Unmarshal(v.Body, &w.system)
			w.system.Key = v.Key
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return w, err
		}
	}
	for _, p := range []string{c.Sponsor, c.Owner} {
		v, err := look.Get("person", p)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		var b struct{ End string }
		if err == nil {
			err = json.Unmarshal(v.Body, &b)
		}
		if err != nil {
			return w, err
		}
		w.people[p] = b.End
	}
	for _, step := range []func(record.Look) error{w.readControls, w.readOpen} {
		if err := step(look); err != nil {
			return w, err
		}
	}
	return w, nil
}

func (w *surroundings) readControls(look record.Look) error {
	controls, err := all[struct {
		Key, State string
		Criteria   []string
	}](look, "control")
	if err != nil {
		return err
	}
	for _, c := range controls {
		if c.State != "active" {
			continue
		}
		w.operating[c.Key] = true
		for _, id := range c.Criteria {
			w.served[id] = true
		}
	}
	if w.criteria, err = all[criterionBody](look, "criterion"); err != nil {
		return err
	}
	w.commitments, err = all[commitmentBody](look, "commitment")
	return err
}

func (w *surroundings) readOpen(look record.Look) (err error) {
	if w.findings, err = all[openBody](look, "finding"); err != nil {
		return err
	}
	if w.tasks, err = all[openBody](look, "task"); err != nil {
		return err
	}
	if w.observed, err = all[openBody](look, "readiness_observation"); err != nil {
		return err
	}
	list, err := all[Milestone](look, "milestone")
	for _, m := range list {
		if m.Cycle == w.cycle.Key {
			w.milestones = append(w.milestones, m)
		}
	}
	return err
}

// all reads the records of a kind, each with its key; none where there is no such kind.
func all[T any](look record.Look, kind string) ([]T, error) {
	if _, err := look.Kind(kind); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil, nil
		}
		return nil, err
	}
	list, err := look.All(kind)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(list))
	for i, v := range list {
		if err := json.Unmarshal(v.Body, &out[i]); err != nil {
			return nil, fmt.Errorf("read %s %s: %w", kind, v.Key, err)
		}
		key, err := json.Marshal(map[string]string{"key": v.Key, "label": v.Label})
		if err == nil {
			err = json.Unmarshal(key, &out[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// scoped is what must be settled before anybody looks for gaps.
func (w surroundings) scoped() []Block {
	var out []Block
	add := func(kind, key, what, next string) { out = append(out, Block{what, next, kind, key}) }
	c := w.cycle
	for _, p := range []struct{ role, key string }{{"sponsor", c.Sponsor}, {"compliance owner", c.Owner}} {
		end, known := w.people[p.key]
		switch {
		case !known:
			add(Name, c.Key, "The "+p.role+" "+p.key+" is not known", "Name a person who is here.")
		case end != "" && end < w.today:
			add(Name, c.Key, "The "+p.role+" "+p.key+" left on "+end, "Name a person who is here.")
		}
	}
	if c.Chartered == "" {
		add(Name, c.Key, "The charter is not approved", "Write the charter and have the sponsor approve it: tickmark act cycle "+c.Key+" approve_charter.")
	}
	if strings.TrimSpace(c.ReportWhy) == "" || strings.TrimSpace(c.TypeWhy) == "" {
		add(Name, c.Key, "Nothing says why this report and this type were chosen", "Fill in report_reason and type_reason.")
	}
	if len(c.Drivers) == 0 {
		add(Name, c.Key, "Nothing says who wants the report", "Name at least one driver.")
	}
	switch {
	case w.period.Key == "":
		add("", "", "The examination "+c.Period+" is not on record", "Plan it: Get started, or tickmark put period.")
		return out
	case w.period.Report == "soc_1":
		add("period", w.period.Key, "A SOC 1 is about customers' financial reporting, which this system does not cover", "Choose SOC 2, or run the SOC 1 elsewhere.")
	}
	switch {
	case w.system.Key == "":
		add("period", w.period.Key, "The examination names no system", "Describe its boundary and name it in the period.")
	case w.system.State != "approved":
		add("system", w.system.Key, "The boundary of "+w.system.Name+" is not approved", "Have somebody who is none of its authors approve it.")
	}
	for _, category := range w.period.Categories {
		if !slices.ContainsFunc(w.commitments, func(p commitmentBody) bool { return p.Category == category && w.held(p) }) {
			add("", "", "No commitment is about "+strings.ReplaceAll(category, "_", " "), "Write what customers are promised about it, or leave the category out: tickmark put commitment.")
		}
	}
	return out
}

func (w surroundings) held(p commitmentBody) bool {
	return (p.Since == "" || p.Since <= w.today) && (p.Until == "" || p.Until >= w.today)
}

// all is everything that keeps it from being ready.
func (w surroundings) all() []Block {
	out := w.scoped()
	add := func(kind, key, what, next string) { out = append(out, Block{what, next, kind, key}) }
	if w.period.Key == "" {
		return out
	}
	if w.period.State != "current" {
		add("period", w.period.Key, "The period "+w.period.Name+" is only planned, or closed", "Make it current.")
	}
	if len(w.criteria) == 0 {
		add("", "", "The criteria are not on record, so nothing shows that each is served", "Open the workspace with this release; it writes them.")
	}
	for _, c := range w.criteria {
		if w.period.InScope(c.Criterion) && !w.served[c.ID] && strings.TrimSpace(c.Reason) == "" {
			add("criterion", c.ID, "No control in operation serves "+c.ID, "Put one into operation, or write why the criterion is not relevant.")
		}
	}
	for _, p := range w.commitments {
		if w.held(p) && !slices.ContainsFunc(p.Controls, func(c string) bool { return w.operating[c] }) {
			add("commitment", p.Key, "No control in operation keeps "+p.Key, "Name one that does, and put it into operation.")
		}
	}
	for _, f := range w.findings {
		open := slices.Contains([]string{"open", "assigned", "in_progress", "fixed", "claimed_false"}, f.State)
		if late := f.Due != "" && f.Due < w.today; open && (f.Severity == "critical" || late) {
			what := "The critical finding “" + f.Label + "” is open"
			if late {
				what = "The finding “" + f.Label + "” was due on " + f.Due
			}
			add("finding", f.Key, what, "Fix it and have another person verify that.")
		}
	}
	for _, t := range w.tasks {
		if t.Gap == "" || t.Due == "" || t.Due >= w.today {
			continue
		}
		switch t.State {
		case "open", "in_progress":
			add("task", t.Key, "The task “"+t.Label+"” was due on "+t.Due, "Finish it, or cancel it with a reason.")
		case "done":
			add("task", t.Key, "Nobody verified the task “"+t.Label+"”", "Have somebody other than who did it look at it.")
		}
	}
	for _, o := range w.observed {
		if o.Weight == "blocking" && !slices.Contains([]string{"verified", "withdrawn"}, o.State) {
			add("readiness_observation", o.Key, "The observation “"+o.Label+"” is "+strings.ReplaceAll(o.State, "_", " ")+", and it blocks", "Do what management planned, and have another person verify it.")
		}
	}
	for _, m := range w.milestones {
		if m.State == "open" && m.Blocking {
			add("milestone", m.Key, "The milestone “"+m.Title+"” is not reached", "Reach it, or drop it with a reason.")
		}
	}
	return out
}

// Feasible says what speaks against the dates on which the report is wanted; nothing where they can be met.
func Feasible(c Cycle, p period.Period) []string {
	_, end := p.Days(time.UTC)
	if p.To == "" {
		return nil
	}
	days := c.Days
	if days <= 0 {
		days = FieldworkDays
	}
	earliest := end.AddDate(0, 0, days-1).Format("2006-01-02")
	var out []string
	late := func(who, day string) {
		if day != "" && day < earliest {
			out = append(out, fmt.Sprintf("%s the report by %s; with the window through %s and %d days of fieldwork it is there on %s at the earliest.", who, day, p.To, days, earliest))
		}
	}
	late("The programme wants", c.Wanted)
	for _, d := range c.Drivers {
		late(d.Name+" wants", d.By)
		if d.Type == "type_2" && p.Type == "type_1" {
			out = append(out, d.Name+" wants a Type II, and this is a Type I.")
		}
	}
	return out
}

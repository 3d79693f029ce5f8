package gap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/framework"
	"tickmark/internal/standing"
)

// catalogue is read once; it comes with the binary, and so do the criteria.
var (
	catalogue = sync.OnceValues(control.Catalogue)
	library   = sync.OnceValues(framework.Load)
)

// Gaps are all gaps of the world, the worst first.
func (w World) Gaps() []Gap {
	f := finding{World: w, inScope: map[string]bool{}, today: w.Now.Format(time.DateOnly), judged: map[string]standing.Control{}}
	excluded := map[string]bool{}
	for _, c := range w.Standing.Criteria {
		excluded[c.ID] = c.Excluded
	}
	for _, c := range w.Criteria {
		f.inScope[c.ID] = f.asked(c) && !excluded[c.ID]
	}
	for _, c := range w.Standing.Controls {
		f.judged[c.Key] = c
	}
	f.scope()
	f.placed()
	f.criteria()
	for _, c := range w.Controls {
		if bears := f.bears(c.Criteria); c.State != "retired" && len(bears) > 0 && f.needed(c) {
			f.control(c, bears)
		}
	}
	f.requirements()
	f.checks()
	f.policies()
	f.commitments()
	f.observations()
	for i := range f.gaps {
		f.gaps[i].Task = w.taskOf(f.gaps[i].ID)
		f.gaps[i].Stage = cmp.Or(f.gaps[i].Stage, control.Stages()[0])
	}
	slices.SortFunc(f.gaps, order)
	return f.gaps
}

type finding struct {
	World
	gaps    []Gap
	inScope map[string]bool // by criterion
	judged  map[string]standing.Control
	today   string
}

func (f *finding) add(g Gap) { f.gaps = append(f.gaps, g) }

// asked reports whether an examination of the period's categories asks for the criterion.
func (w World) asked(c framework.Criterion) bool {
	if w.Period == nil {
		return c.InScope([]string{framework.Security})
	}
	return w.Period.InScope(c)
}

// bears are the criteria in scope among some.
func (f *finding) bears(criteria []string) []string {
	var out []string
	for _, id := range criteria {
		if f.inScope[id] {
			out = append(out, id)
		}
	}
	return out
}

// needed reports whether a control counts: a draft only when its primary criterion is in scope, for it was adopted for that.
func (f *finding) needed(c Control) bool { return c.State != "draft" || f.inScope[c.Criteria[0]] }

func (w World) taskOf(gap string) *Task {
	var best *Task
	for i := range w.Tasks {
		t := &w.Tasks[i]
		if t.Gap != gap {
			continue
		}
		closed := func(t *Task) bool { return t.State == "done" || t.State == "verified" }
		if best == nil || closed(best) && !closed(&t.Task) || closed(best) == closed(&t.Task) && t.Due > best.Due {
			best = &t.Task
		}
	}
	return best
}

func (f *finding) scope() {
	if f.Period == nil {
		f.add(Gap{ID: id(Scope, "period"), Sort: Scope, What: "No examination is planned", Severity: "critical", Remedy: "decision",
			Why:  "Which criteria count and which days belong to the window follow from the period, and there is none.",
			Next: "Go through the guided start."})
		return
	}
	p := f.Period
	if p.State != "current" {
		f.add(Gap{ID: id(Scope, "current"), Sort: Scope, What: "The period " + p.Name + " is only planned", Severity: "high", Remedy: "decision", Kind: "period", Key: p.Key,
			Why: "Checks of the programme count only the categories of the current period.", Next: "Finish the guided start; it makes the period current."})
	}
	switch s := f.System; {
	case s == nil:
		f.add(Gap{ID: id(Scope, "system"), Sort: Scope, What: "The period names no system", Severity: "critical", Remedy: "decision", Kind: "period", Key: p.Key,
			Why: "The report speaks about one system; without its boundary nobody can say what is inside.", Next: "Describe the boundary in the guided start."})
	case s.State != "approved":
		f.add(Gap{ID: id(Scope, "boundary", s.Key), Sort: Scope, What: "The boundary of " + s.Name + " is not approved", Severity: "high", Remedy: "decision", Kind: "system", Key: s.Key,
			Why: "It is a draft, so what is inside and outside is one person's opinion.", Next: "Have somebody who is none of its authors approve it."})
	}
}

func (f *finding) placed() {
	for _, p := range f.Placed {
		if p.Lost == 0 {
			continue
		}
		names := strings.Join(p.Names, ", ")
		if p.Lost > len(p.Names) {
			names += fmt.Sprintf(" and %d more", p.Lost-len(p.Names))
		}
		g := Gap{ID: id(Place, p.Source, p.Kind), Sort: Place, What: fmt.Sprintf("%d of %d %s of %s belong to no system", p.Lost, p.Of, strings.ToLower(p.Title), p.Source), Severity: "medium", Remedy: "decision", Criteria: f.bears([]string{"CC2.1", "CC6.1"}),
			Why: "No boundary speaks of them: " + names + ".", Next: "Name them as a component of a system, or as one that is outside, with the reason."}
		if f.System != nil {
			g.Kind, g.Key = "system", f.System.Key
		}
		f.add(g)
	}
}

func (f *finding) criteria() {
	starters, _ := catalogue()
	for _, c := range f.Standing.Criteria {
		if !f.inScope[c.ID] {
			continue
		}
		life := map[string]int{}
		for _, k := range c.Controls {
			life[f.judged[k].Life]++
		}
		if life["active"] > 0 {
			continue
		}
		g := Gap{ID: id(Criterion, c.ID), Sort: Criterion, What: "No control in operation serves " + c.ID + ", " + c.Title, Severity: "critical", Remedy: "workflow_change",
			Criteria: []string{c.ID}, Kind: "criterion", Key: c.ID}
		var offered []string
		for _, i := range starters {
			if slices.Contains(i.Criteria, c.ID) {
				if g.Stage == "" || stage(i.Stage) < stage(g.Stage) {
					g.Stage = i.Stage
				}
				offered = append(offered, i.ID)
			}
		}
		if len(c.Controls) > 0 {
			g.Severity = "high"
			g.Why = fmt.Sprintf("Of the controls adopted for it, %s; none is in operation.", said(life))
			g.Next = "Approve " + few(c.Controls, 3) + ", name an owner and put it into operation."
		} else {
			g.Why = "No control is adopted for it, so it cannot be met."
			g.Next = "Adopt one for it, such as " + few(offered, 3) + "; or write why the criterion is not relevant."
		}
		f.add(g)
	}
}

func stage(s string) int { return slices.Index(control.Stages(), s) }

// said counts controls by the state of their life.
func said(life map[string]int) string {
	var out []string
	for _, s := range []string{"draft", "approved", "active"} {
		if n := life[s]; n == 1 {
			out = append(out, fmt.Sprintf("1 is %s", s))
		} else if n > 1 {
			out = append(out, fmt.Sprintf("%d are %s", n, s))
		}
	}
	return strings.Join(out, " and ")
}

// few names some of a list.
func few(list []string, most int) string {
	if len(list) == 0 {
		return "one of your own"
	}
	if len(list) > most {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" or %d more", len(list)-most)
	}
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
	return list[0]
}

func (f *finding) control(c Control, bears []string) {
	at := func(g Gap) {
		g.Stage, g.Criteria, g.Control, g.Kind, g.Key = c.Stage, bears, c.Key, "control", c.Key
		f.add(g)
	}
	owner, known := f.People[c.Owner]
	switch {
	case c.Owner == "":
		at(Gap{ID: id(Owner, c.Key), Sort: Owner, What: c.ID + " has no owner", Why: "Nobody answers for “" + c.Title + "”.", Severity: severe(c.State == "active", "high", "medium"), Remedy: "decision",
			Next: "Name the person who is the " + words(cmp.Or(c.OwnerRole, "owner")) + "."})
	case !known:
		at(Gap{ID: id(Owner, c.Key), Sort: Owner, What: "The owner of " + c.ID + " is not known", Why: "The control names " + c.Owner + ", and there is no such person.", Severity: "high", Remedy: "decision",
			Next: "Name a person who is here."})
	case owner.End != "" && owner.End < f.today:
		at(Gap{ID: id(Owner, c.Key), Sort: Owner, What: "The owner of " + c.ID + " has left", Why: owner.Name + " left on " + day(owner.End) + " and still answers for it.", Severity: "high", Remedy: "decision",
			Next: "Name a person who is here."})
	}
	switch c.State {
	case "draft":
		at(Gap{ID: id(Approval, c.Key), Sort: Approval, What: c.ID + " is not approved", Why: "“" + c.Title + "” is a draft; a control counts only once somebody other than its authors approved it.", Severity: "medium", Remedy: "document",
			Next: "Tailor its statement to what you do, then have another person approve it."})
	case "approved":
		at(Gap{ID: id(Operation, c.Key), Sort: Operation, What: c.ID + " is not in operation", Why: "“" + c.Title + "” is approved, and nobody put it into operation.", Severity: "medium", Remedy: remedy(c, "workflow_change"),
			Next: "Put it into operation once it is done as written."})
	case "active":
		f.proof(c, at)
	}
}

// proof finds controls in operation of which nothing on record speaks.
func (f *finding) proof(c Control, at func(Gap)) {
	if len(f.judged[c.Key].Checks) > 0 || slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return slices.Contains(e.Controls, c.Key) }) {
		return
	}
	if slices.ContainsFunc(f.judged[c.Key].Parts, func(p standing.Part) bool { return p.Status == check.Pass || p.Status == check.Fail }) {
		return // its occurrences speak
	}
	why := "No check watches it and no evidence is kept for it."
	if len(c.Checks) > 0 {
		why = "The checks it names (" + strings.Join(c.Checks, ", ") + ") are not in this release, and no evidence is kept for it."
	}
	g := Gap{ID: id(Proof, c.Key), Sort: Proof, What: "Nothing on record shows " + c.ID + ", " + lower(c.Title), Why: why, Severity: "high", Remedy: remedy(c, "evidence"), Next: "Keep evidence for it."}
	if len(c.Evidence) > 0 {
		g.Next = "Keep evidence for it: " + lower(c.Evidence[0]) + "."
	}
	at(g)
}

// remedy is training for the controls that teach people.
func remedy(c Control, otherwise string) string {
	if strings.Contains(strings.ToLower(c.Title), "training") {
		return "training"
	}
	return otherwise
}

func (f *finding) checks() {
	controls := map[string][]Control{}
	states := map[string]check.State{}
	for _, c := range f.Controls {
		if c.State == "retired" || len(f.bears(c.Criteria)) == 0 {
			continue
		}
		for _, s := range f.judged[c.Key].Checks {
			controls[s.ID] = append(controls[s.ID], c)
			states[s.ID] = s
		}
	}
	for name, s := range states {
		if s.Status != check.Fail && s.Status != check.Unknown {
			continue
		}
		g := Gap{Sort: Failing, Severity: s.Severity, Remedy: "technical", Kind: "check", Key: name}
		for _, c := range controls[name] {
			for _, id := range f.bears(c.Criteria) {
				if !slices.Contains(g.Criteria, id) {
					g.Criteria = append(g.Criteria, id)
				}
			}
			if g.Control == "" {
				g.Control, g.Stage = c.Key, c.Stage
			}
		}
		slices.Sort(g.Criteria)
		if s.Status == check.Fail {
			g.ID, g.What = id(Failing, name), name+" fails: "+s.Title
			g.Why = fmt.Sprintf("%d of %d records fail.", s.Counts.Fail, s.Counts.Fail+s.Counts.Pass+s.Counts.Unknown)
			g.Next = "Fix what fails; the check says how."
			if due := f.Due[name]; due != "" {
				g.Next = "Fix what fails by " + day(due) + "; the check says how."
				if due < f.today {
					g.Next = "Fix what fails, which was due on " + day(due) + "; the check says how."
				}
			}
		} else {
			g.Sort, g.ID, g.What, g.Severity = Unknown, id(Unknown, name), name+" is unknown: "+s.Title, "medium"
			if s.Evaluated == 0 && s.Status == check.Unknown && strings.HasPrefix(s.Reason, "The check was not yet") {
				g.Next = "Judge the records: the server does so by itself, tickmark check run does it now."
			}
			g.Why = cmp.Or(s.Reason, fmt.Sprintf("%d of the records cannot be judged.", s.Counts.Unknown))
			g.Next = cmp.Or(g.Next, "Mend what keeps it from being read; the check's page names it.")
			if groups := f.Readers(s.For); len(groups) > 0 && strings.HasPrefix(s.Reason, "No connection reads") {
				g.Next = "Connect a source that reads " + words(s.For) + ": " + few(groups, 3) + "."
			} else if len(groups) == 0 && s.Counts.Unknown == 0 {
				g.Next = "Write the first " + words(s.For) + "."
			}
		}
		f.add(g)
	}
}

func (f *finding) commitments() {
	for _, c := range f.Commitments {
		if c.Until != "" && c.Until < f.today {
			continue
		}
		bears, kept := f.bears(c.Criteria), false
		for _, k := range c.Controls {
			kept = kept || f.judged[k].Life == "active"
		}
		if kept {
			continue
		}
		g := Gap{ID: id(Commitment, c.Key), Sort: Commitment, What: "No control keeps " + c.Key + ", " + c.Title, Severity: "high", Remedy: "workflow_change", Criteria: bears, Kind: "commitment", Key: c.Key,
			Why: "It names no control.", Next: "Name the controls that keep it, or adopt one."}
		if len(c.Controls) > 0 {
			g.Why = "None of the controls it names (" + strings.Join(c.Controls, ", ") + ") is in operation."
			g.Next = "Put " + few(c.Controls, 3) + " into operation."
		}
		f.add(g)
	}
}

// observations are gaps until what management planned is done and verified. What they say stays with the assessment: nothing of
// it reaches an examination from here.
func (f *finding) observations() {
	for _, o := range f.Observations {
		if o.State != "open" && o.State != "planned" && o.State != "fixed" {
			continue
		}
		g := Gap{ID: id(Observed, o.Key), Sort: Observed, What: "An assessor noted: " + o.Title, Severity: map[string]string{"blocking": "critical", "important": "high"}[o.Weight], Remedy: "workflow_change",
			Criteria: f.bears(o.Criteria), Control: o.Control, Kind: "readiness_observation", Key: o.Key,
			Why: "Management has not said what it does about it.", Next: "Write the plan, with who does it and by when."}
		if g.Severity == "" {
			g.Severity = "medium"
		}
		switch o.State {
		case "planned":
			g.Why, g.Next = "It is planned through "+day(o.Due)+" and not done.", "Do what is planned, and say what shows it."
		case "fixed":
			g.Why, g.Next = "It is done, and nobody else looked at it.", "Have somebody other than who did it verify it."
		}
		f.add(g)
	}
}

func severe(yes bool, then, otherwise string) string {
	if yes {
		return then
	}
	return otherwise
}

func words(s string) string { return strings.ReplaceAll(s, "_", " ") }

func lower(s string) string {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

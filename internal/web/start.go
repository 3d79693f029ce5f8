package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/fault"
	"tickmark/internal/guide"
	"tickmark/internal/system"
	"tickmark/internal/web/part"
)

// start shows all steps with what was answered; after the plan, what was made and what comes next.
func (s *site) start(w http.ResponseWriter, r *http.Request) error {
	v, _, err := s.startOf(r.Context(), "")
	if err != nil {
		return err
	}
	p := Page{Title: "Guided start", Section: "/plan", Crumbs: []part.Crumb{{Text: "Plan", Href: "/plan"}, {Text: "Guided start"}}}
	return s.show(w, r, p, func(p Page) templ.Component { return startPage(p, v) })
}

func (s *site) startStep(w http.ResponseWriter, r *http.Request) error {
	v, st, err := s.startOf(r.Context(), r.PathValue("step"))
	if err != nil {
		return err
	}
	v.A = st.Said()
	v.Warnings = st.Warnings(v.A.Window, v.A.Type)
	if !st.Answered("policies") {
		v.A.Policies = nil
	}
	if v.Step.Name == "boundary" && !st.Answered("boundary") {
		v.A.System.Components = append(v.A.System.Components, st.Components()...)
	}
	return s.showStep(w, r, http.StatusOK, v)
}

func (s *site) showStep(w http.ResponseWriter, r *http.Request, status int, v StartPage) error {
	for i := range v.Policies {
		v.Policies[i].Chosen = v.A.Policies == nil || contains(v.A.Policies, v.Policies[i].ID)
	}
	p := Page{Title: v.Step.Title, Section: "/plan", Crumbs: []part.Crumb{{Text: "Plan", Href: "/plan"}, {Text: "Guided start", Href: "/start"}, {Text: v.Step.Title}}}
	return s.showAs(w, r, status, p, func(p Page) templ.Component { return startStepPage(p, v) })
}

// startOf is what every page of the guided start shows. The guide is about now: at a past moment it can be read, not answered.
func (s *site) startOf(ctx context.Context, step string) (StartPage, *guide.State, error) {
	if err := s.may(ctx, "period"); err != nil {
		return StartPage{}, nil, err
	}
	st, err := guide.Load(ctx, s.Book)
	if err != nil {
		return StartPage{}, nil, err
	}
	v := StartPage{Steps: startSteps(), Next: st.Next(), Today: st.Today, Running: st.Running, Begun: st.Begun()}
	i := slices.IndexFunc(v.Steps, func(x StartStep) bool { return x.Name == step })
	if step != "" && i < 0 {
		return v, st, fault.New(fault.NotFound, "The guided start has no step %q.", step).WithNext("Its steps are on its first page.")
	}
	for k := range v.Steps {
		v.Steps[k].Done = st.Answered(v.Steps[k].Name)
		v.Steps[k].Current = k == i
		if v.Steps[k].Done {
			v.Answered++
		} else if !contains([]string{"commitments", "team", "plan"}, v.Steps[k].Name) {
			v.Missing = append(v.Missing, v.Steps[k])
		}
	}
	if st.Period != nil {
		v.Name = st.Period.Name
		from, to := st.Period.Days(time.UTC)
		v.Days = int(to.Sub(from) / day24)
	}
	if st.System != nil {
		v.System, v.Approved = st.System.Key, st.System.ApprovedAt != ""
	}
	if i < 0 {
		v.Made = made(st)
		return v, st, nil
	}
	v.Step, v.Number = v.Steps[i], i+1
	if i > 0 {
		v.Back = part.Path("start", v.Steps[i-1].Name)
	}
	for _, key := range slices.Sorted(maps.Keys(st.People)) {
		v.People = append(v.People, part.Option{Value: key, Text: st.People[key]})
	}
	v.Effects, v.Roles, v.Suggested, v.Plan = st.Effects(), st.Roles(), st.Suggested(), st.Plan()
	for _, c := range st.Proposed() {
		if k := len(v.Families); k == 0 || v.Families[k-1].Name != c.Family {
			v.Families = append(v.Families, StartFamily{Name: c.Family})
		}
		f := &v.Families[len(v.Families)-1]
		f.Rows = append(f.Rows, c)
		v.Proposed++
	}
	for _, t := range guide.Templates(st.Categories()) {
		v.Policies = append(v.Policies, StartPolicy{Template: t, There: st.Policies[t.ID]})
	}
	return v, st, nil
}

const day24 = 24 * time.Hour

// made is what the plan put in place, each leading to its list.
func made(st *guide.State) []part.Link {
	adopted, owned := 0, 0
	for _, c := range st.Controls {
		if c.State != "retired" {
			adopted++
			if c.Owner != "" {
				owned++
			}
		}
	}
	policies := 0
	for _, there := range st.Policies {
		if there {
			policies++
		}
	}
	return []part.Link{
		{Text: part.Count(adopted, "control"), Href: "/controls", Note: fmt.Sprintf("%d of them with an owner; each is a draft until another person approves it.", owned)},
		{Text: part.Count(policies, "policy", "policies"), Href: "/policies", Note: "Begun from templates; say only what you do."},
		{Text: part.Count(len(st.Tasks), "open task"), Href: "/plan/tasks", Note: "With owners and due dates."},
	}
}

// startAnswer keeps the answers of a step and goes on.
func (s *site) startAnswer(w http.ResponseWriter, r *http.Request) error {
	ctx, step := r.Context(), r.PathValue("step")
	if err := s.mayProgram(r); err != nil {
		return err
	}
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	v, st, err := s.startOf(ctx, step)
	if err != nil {
		return err
	}
	v.A = typedAnswers(step, r.PostForm, st)
	if _, err := guide.Apply(ctx, s.Book, session(ctx), step, v.A); err != nil {
		var f *fault.Fault
		if !errors.As(err, &f) || fault.Is(err, fault.Denied) {
			return err
		}
		v.Wrong, v.Advice = f.Message, f.Next
		v.Warnings = st.Warnings(v.A.Window, v.A.Type)
		return s.showStep(w, r, fault.Status(err), v)
	}
	to, said := "/start", v.Step.Title+" is kept."
	switch where := r.PostForm.Get("go"); {
	case where == "stay":
		to = part.Path("start", step)
	case where == "back" && v.Back != "":
		to = v.Back
	case where == "later":
		to, said = "/", "Kept. The guided start goes on where you left it."
	case step == "plan":
		said = "The plan is confirmed."
	case v.Number < len(v.Steps):
		to = part.Path("start", v.Steps[v.Number].Name)
	}
	return done(w, r, to, said)
}

// startFollowing plans the examination after the current one.
func (s *site) startFollowing(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.mayProgram(r); err != nil {
		return err
	}
	st, err := guide.Load(ctx, s.Book)
	if err != nil {
		return err
	}
	if st.Period == nil || st.Period.State != "current" {
		return fault.New(fault.Conflict, "The next examination is planned already, or none is current.").WithNext("Go on with the guided start.")
	}
	changes, err := st.Following()
	if err != nil {
		return err
	}
	if _, err := s.Book.Put(ctx, session(ctx), changes...); err != nil {
		return err
	}
	return done(w, r, "/start", "The next examination is planned. Look at each step again.")
}

// typedAnswers reads the form of a step. What the step does not ask stays as it was.
func typedAnswers(step string, f url.Values, st *guide.State) guide.Answers {
	a := st.Said()
	line := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	long := func(name string) string { return strings.TrimSpace(strings.ReplaceAll(f.Get(name), "\r\n", "\n")) }
	list := func(name string) []string { return strings.Split(long(name), "\n") }
	switch step {
	case "objective":
		a.Objective = long("objective")
	case "report":
		a.Report = line("report")
	case "type":
		a.Type = line("type")
	case "categories":
		a.Categories = f["categories"]
	case "window":
		a.Window = guide.Window{From: line("from"), To: line("to"), Fieldwork: line("fieldwork")}
	case "organisation":
		a.Organisation = guide.Organisation{Name: line("name"), LegalName: line("legal_name"), Website: line("website"), TimeZone: line("time_zone"), Stage: line("stage")}
	case "boundary":
		x := &a.System
		x.Name, x.Description, x.Services, x.Inside, x.Outside, x.Locations, x.Owner = line("name"), long("description"), list("services"), long("inside"), long("outside"), list("locations"), line("owner")
		x.Components, x.Data = nil, nil
		for i := range rows(f, "c") {
			n := fmt.Sprintf("c.%d.", i)
			x.Components = append(x.Components, system.Component{Name: line(n + "name"), Type: line(n + "type"), Description: line(n + "description"), Source: line(n + "source"), Kinds: kept(st, line(n+"name"), line(n+"from")).Kinds,
				Where: kept(st, line(n+"name"), line(n+"from")).Where, Outside: kept(st, line(n+"name"), line(n+"from")).Outside, From: line(n + "from"), To: line(n + "to")})
		}
		for i := range rows(f, "d") {
			n := fmt.Sprintf("d.%d.", i)
			x.Data = append(x.Data, system.Data{Name: line(n + "name"), Class: line(n + "class"), Personal: line(n+"personal") != "", Where: line(n + "where"), Retention: line(n + "retention")})
		}
	case "commitments":
		was := a.Commitments
		a.Commitments = nil
		offered := st.Suggested()
		for i := range rows(f, "c") {
			n := fmt.Sprintf("c.%d.", i)
			c := guide.Commitment{ID: line(n + "id"), Title: line(n + "title"), Category: line(n + "category"), Statement: long(n + "statement"), MadeIn: line(n + "made_in")}
			if line(n+"offered") != "" && c.MadeIn == "" {
				continue // a suggestion that was not taken
			}
			for _, x := range slices.Concat(was, offered) {
				if x.ID == c.ID && (x.ID != "" || x.Title == c.Title) {
					c.Criteria, c.Controls, c.Sort = x.Criteria, x.Controls, x.Sort
				}
			}
			a.Commitments = append(a.Commitments, c)
		}
	case "team":
		a.Team = map[string]string{}
		for name := range f {
			if role, ok := strings.CutPrefix(name, "role."); ok {
				a.Team[role] = line(name)
			}
		}
		for i := range rows(f, "p") {
			n := fmt.Sprintf("p.%d.", i)
			a.People = append(a.People, guide.Person{ID: line(n + "id"), Name: line(n + "name"), Email: line(n + "email"), Title: line(n + "title")})
		}
	case "controls":
		a.LeaveOut = nil
		for _, c := range st.Proposed() {
			if line("keep."+c.ID) == "" {
				a.LeaveOut = append(a.LeaveOut, guide.LeftOut{Control: c.ID, Reason: line("reason." + c.ID)})
			}
		}
	case "policies":
		a.Policies = append([]string{}, f["policies"]...)
	case "plan":
		for _, t := range st.Plan() {
			a.Plan = append(a.Plan, guide.Task{Name: t.Name, Owner: line("owner." + t.Name), Due: line("due." + t.Name), Skip: line("keep."+t.Name) == ""})
		}
	}
	return a
}

// kept is the component that a row of the form stands for, for what the form does not show of it.
func kept(st *guide.State, name, from string) system.Component {
	if st.System != nil {
		for _, c := range st.System.Components {
			if c.Name == name && c.From == from {
				return c
			}
		}
	}
	return system.Component{}
}

// rows is how many rows of a name a form has.
func rows(f url.Values, name string) int {
	n := 0
	for f.Has(fmt.Sprintf("%s.%d.name", name, n)) || f.Has(fmt.Sprintf("%s.%d.title", name, n)) {
		n++
	}
	return n
}

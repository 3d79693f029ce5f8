package web

import (
	"github.com/a-h/templ"

	"tickmark/internal/guide"
	examination "tickmark/internal/period"
	"tickmark/internal/system"
	"tickmark/internal/web/part"
)

// guideFixtures are the pages of the guided start, each step filled in.
func guideFixtures() []fixture {
	out := []fixture{
		{path: "/start", page: func() templ.Component {
			v := fixtureStep("")
			v.Answered, v.Next = 0, "objective"
			return startPage(framed("Guided start", "/plan"), v)
		}},
		{path: "/start-half", page: func() templ.Component { return startPage(framed("Guided start", "/plan"), fixtureStep("")) }},
		{path: "/start-done", page: func() templ.Component {
			v := fixtureStep("")
			v.Answered, v.Next, v.Begun, v.System = 12, "", true, "production"
			v.Made = []part.Link{{Text: "83 controls", Href: "/controls", Note: "60 of them with an owner; each is a draft until another person approves it."}, {Text: "25 policies", Href: "/policies", Note: "Begun from templates."}}
			return startPage(framed("Guided start", "/plan"), v)
		}},
		{path: "/start-blocked", page: func() templ.Component {
			v := fixtureStep("plan")
			v.Missing = v.Steps[9:11]
			return startStepPage(framed("Plan", "/plan"), v)
		}},
		{path: "/start-wrong", page: func() templ.Component {
			v := fixtureStep("window")
			v.Wrong, v.Advice, v.Running = "The window ends before it begins.", "Choose another last day.", "FY26 Type II"
			return startStepPage(framed("Window", "/plan"), v)
		}},
	}
	for _, s := range startSteps() {
		out = append(out, fixture{path: "/start/" + s.Name, page: func() templ.Component { return startStepPage(framed(s.Title, "/plan"), fixtureStep(s.Name)) }})
	}
	return out
}

func fixtureStep(step string) StartPage {
	st := &guide.State{Today: "2026-11-22", Period: &examination.Period{Key: "examination-1", Name: "FY27 Type II", Report: "soc_2", Type: "type_2", State: "planned", Stage: "startup", Objective: "Two customers ask for it before they renew in March.",
		Categories: []string{"security", "availability"}, From: "2027-01-01", To: "2027-02-28", Fieldwork: "2027-02-15", System: "production", Policies: []string{"access-control", "backup", "code-of-conduct"}},
		Organisation: guide.Organisation{Name: "Example Ltd", TimeZone: "Europe/Berlin", Stage: "startup"}, People: map[string]string{"ada": "Ada", "bob": "Bob"},
		System: &system.System{Key: "production", Name: "Example Cloud", Inside: "The servers, the code and the people that run order tracking.", Outside: "The office network.", Services: []string{"Order tracking"},
			Components: []system.Component{{Name: "Source code", Type: "software", Source: "git", From: "2026-11-20"}}, Data: []system.Data{{Name: "Orders", Class: "confidential", Personal: true, Where: "Database"}}},
		Commitments: []guide.Commitment{{ID: "SC-01", Title: "Customer data is kept safe", Category: "security", Statement: "We protect customer data.", MadeIn: "Terms of service"}}}
	v := StartPage{Steps: startSteps(), Next: "team", Answered: 8, Today: st.Today, Name: st.Period.Name, A: st.Said(), Effects: st.Effects(), Roles: st.Roles(), Suggested: st.Suggested(), Plan: st.Plan(), People: []part.Option{{Value: "ada", Text: "Ada"}, {Value: "bob", Text: "Bob"}}}
	v.Warnings = st.Warnings(v.A.Window, v.A.Type)
	v.A.LeaveOut = []guide.LeftOut{{Control: "AC-01", Reason: "We have no such access."}}
	for i := range v.Steps {
		v.Steps[i].Done = i < 8
		if v.Steps[i].Name == step {
			v.Steps[i].Current, v.Number, v.Step = true, i+1, v.Steps[i]
			if i > 0 {
				v.Back = "/start/" + v.Steps[i-1].Name
			}
		}
	}
	for _, c := range st.Proposed() {
		if k := len(v.Families); k == 0 || v.Families[k-1].Name != c.Family {
			if k == 2 {
				break
			}
			v.Families = append(v.Families, StartFamily{Name: c.Family})
		}
		f := &v.Families[len(v.Families)-1]
		f.Rows = append(f.Rows, c)
	}
	v.Proposed = len(st.Proposed())
	for _, t := range guide.Templates(st.Categories()) {
		v.Policies = append(v.Policies, StartPolicy{Template: t, Chosen: contains(v.A.Policies, t.ID), There: t.ID == "backup"})
	}
	return v
}

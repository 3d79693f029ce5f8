package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/fault"
	"tickmark/internal/markdown"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/training"
	"tickmark/internal/web/part"
)

// trainingsOf are one's own modules: those to take, those due first in front, and those that were completed.
func (s *site) trainingsOf(ctx context.Context, who string) (open, completed []AcceptDuty, err error) {
	look := s.lookAt(ctx)
	all, err := training.Assignments(look, "person", who)
	if err != nil {
		return nil, nil, err
	}
	now, zone := part.Of(ctx).Moment(), part.Of(ctx).Zone
	for _, a := range all {
		if a.State == "void" {
			continue
		}
		v, err := look.Get("training_module", a.Module)
		if err != nil {
			return nil, nil, err
		}
		m, err := training.ReadModule(v)
		if err != nil {
			return nil, nil, err
		}
		x := AcceptDuty{Title: m.Title, Href: part.Path("me", "training", a.Key), Minutes: max(1, len(strings.Fields(m.Text))/200+len(m.Questions)/2), Due: endOfDay(a.Due, zone), Late: a.OverdueSince != "", Again: a.Because == "cadence", Status: "due"}
		switch {
		case a.State == "completed":
			x.Status, x.At = "completed", endOfDay(a.CompletedOn, zone).Add(-1)
			completed = append(completed, x)
			continue
		case !now.Before(x.Due):
			x.Status = "overdue"
		}
		open = append(open, x)
	}
	slices.SortStableFunc(open, func(a, b AcceptDuty) int { return a.Due.Compare(b.Due) })
	slices.SortStableFunc(completed, func(a, b AcceptDuty) int { return b.At.Compare(a.At) })
	return open, completed, nil
}

// ownTraining is an assignment of the reader's own; those of others are not there.
func (s *site) ownTraining(ctx context.Context, key string) (a training.Assignment, m training.Module, err error) {
	missing := fault.New(fault.NotFound, "There is no training for you to take here.").WithNext("Look at your page.")
	who := session(ctx).User.Person
	if who == "" {
		return a, m, missing
	}
	look := s.lookAt(ctx)
	all, err := training.Assignments(look, "person", who)
	if err != nil {
		return a, m, err
	}
	i := slices.IndexFunc(all, func(a training.Assignment) bool { return a.Key == key })
	if i < 0 {
		return a, m, missing
	}
	a = all[i]
	v, err := look.Get("training_module", a.Module)
	if err != nil {
		return a, m, err
	}
	m, err = training.ReadModule(v)
	return a, m, err
}

// learn shows one module to read, and its questions. Which answers are right is not on the page, and nothing that tells it is.
func (s *site) learn(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	a, m, err := s.ownTraining(ctx, segment(r, "key"))
	if err != nil {
		return err
	}
	d := LearnPage{Title: m.Title, HTML: markdown.HTML(m.Text), Questions: m.Questions, Action: part.Path("me", "training", a.Key), Pass: m.Pass(), Due: endOfDay(a.Due, part.Of(ctx).Zone), Status: "due", SHA256: m.SHA256, Late: a.OverdueSince != "", CompletedOn: a.CompletedOn, Score: a.Score}
	switch {
	case a.State == "completed":
		d.Status = "completed"
	case a.State == "void":
		d.Status, d.Closed = "void", "Nobody asks you to take this any more."
	case m.State != "published":
		d.Closed = "This module is being written anew, and can be taken once it is published again."
	case !part.Of(ctx).Moment().Before(d.Due):
		d.Status = "overdue"
	}
	if n := len(a.Attempts); n > 0 {
		last := a.Attempts[n-1]
		d.Attempts, d.Last = n, &last
		for i, q := range m.Questions {
			if slices.Contains(last.Wrong, q.ID) && last.Edition == m.Edition {
				d.Wrong = append(d.Wrong, i+1)
			}
		}
	}
	p := Page{Title: m.Title, Section: "/me"}
	return s.show(w, r, p, func(p Page) templ.Component { return learnPage(p, d) })
}

// learned hands answers in.
func (s *site) learned(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "key")
	_, m, err := s.ownTraining(ctx, key)
	if err != nil {
		return err
	}
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	answers := []any{}
	for _, q := range m.Questions {
		if v := r.PostForm.Get("answer-" + q.ID); v != "" {
			answers = append(answers, q.ID+"="+v)
		}
	}
	if _, err := s.Book.Put(ctx, session(ctx), record.Change{Kind: "training_assignment", Key: key, Move: "hand_in", Said: map[string]any{"answers": answers}, Reason: "answered"}); err != nil {
		return err
	}
	a, _, err := s.ownTraining(ctx, key)
	if err != nil {
		return err
	}
	if a.State != "completed" {
		return done(w, r, part.Path("me", "training", key), "That was not enough yet. Read it again, and try once more.")
	}
	return done(w, r, "/me", "You completed "+m.Title+".")
}

// myAccess shows the accounts that are known to be one's own. They are one's own, so no further right is asked for.
func (s *site) myAccess(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who := session(ctx).User.Person
	d := AccessPage{Unlinked: who == ""}
	if who != "" {
		all, err := s.everyone(ctx)
		if err != nil {
			return err
		}
		whose := &person.Directory{}
		for _, p := range all {
			whose.Add(p.ID, append([]string{p.Email}, p.OtherEmails...), p.Accounts)
		}
		for _, k := range s.Monitor.Words.Kinds(accountView) {
			err := s.accountsIn(ctx, k, func(a person.Account) bool { o := whose.Owners(a); return len(o) == 1 && o[0] == who }, func(a AccountRow) { d.Accounts = append(d.Accounts, a) })
			if err != nil {
				return err
			}
		}
		slices.SortStableFunc(d.Accounts, func(a, b AccountRow) int { return strings.Compare(a.Source+a.ID, b.Source+b.ID) })
	}
	d.Ask = s.askForAccess(ctx)
	return s.show(w, r, Page{Title: "My access", Section: "/me"}, func(p Page) templ.Component { return accessPage(p, d) })
}

// askForAccess is where access is asked for; empty where nothing takes it yet, or the reader may not.
func (s *site) askForAccess(ctx context.Context) string {
	k, err := s.Book.Kinds.Named("access_request")
	if err != nil || session(ctx).May(ctx, access.Write, k) != nil {
		return ""
	}
	return "/new/access_request"
}

// reporter is somebody who works here and tells of what they saw: that needs no right to write findings of one's own accord.
type reporter struct{ access.Session }

func (r reporter) May(ctx context.Context, verb string, k *record.Kind) error {
	if verb == access.Write && k != nil && k.Name == "finding" {
		return nil
	}
	return r.Session.May(ctx, verb, k)
}

func (s *site) report(w http.ResponseWriter, r *http.Request) error {
	return s.showReport(w, r, http.StatusOK, ReportForm{Unlinked: session(r.Context()).User.Person == ""})
}

func (s *site) showReport(w http.ResponseWriter, r *http.Request, status int, f ReportForm) error {
	return s.showAs(w, r, status, Page{Title: "Report something", Section: "/me"}, func(p Page) templ.Component { return reportFormPage(p, f) })
}

// reported opens a finding from what somebody told. How bad it is others judge: until then it counts as high.
func (s *site) reported(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := limited(w, r, formLimit); err != nil {
		return err
	}
	f := ReportForm{What: strings.TrimSpace(r.PostForm.Get("what")), More: strings.TrimSpace(r.PostForm.Get("more")), Sort: r.PostForm.Get("sort"), Unlinked: session(ctx).User.Person == ""}
	if f.What == "" {
		f.Wrong = "Say in a sentence what you saw."
		return s.showReport(w, r, http.StatusUnprocessableEntity, f)
	}
	if f.Unlinked {
		return fault.New(fault.Denied, "Your account is linked to no person, so that nobody could ask you about it.").WithNext("Tell whoever invited you to link it, and report it to them now.")
	}
	origin := "report"
	if f.Sort == "incident" {
		origin = "incident"
	}
	body := encodedBody(map[string]any{"title": f.What, "description": f.More, "origin": origin, "severity": "high"})
	if _, err := s.Book.Put(ctx, reporter{session(ctx)}, record.Change{Kind: "finding", Body: body, Reason: "reported on the own page"}); err != nil {
		return err
	}
	return done(w, r, "/me", "Thank you. It is with those who look into it.")
}

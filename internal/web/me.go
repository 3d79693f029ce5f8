package web

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/fault"
	"tickmark/internal/markdown"
	"tickmark/internal/policy"
	"tickmark/internal/record"
	"tickmark/internal/web/part"
)

// dutiesOf are one's own acknowledgements, of texts in force and what was accepted of them, those due first in front. They
// are one's own, so no further right is asked for.
func (s *site) dutiesOf(ctx context.Context, who string) (open, accepted []policy.Acknowledgement, versions map[string]policy.Version, err error) {
	look := s.lookAt(ctx)
	mine, err := look.Find("acknowledgement", "person", who)
	if err != nil {
		return nil, nil, nil, err
	}
	versions = map[string]policy.Version{}
	for _, rec := range mine {
		a, err := policy.ReadAcknowledgement(rec)
		if err != nil {
			return nil, nil, nil, err
		}
		v, err := look.Get("policy_version", a.Version)
		if err != nil {
			return nil, nil, nil, err
		}
		if versions[a.Version], err = policy.ReadVersion(v); err != nil {
			return nil, nil, nil, err
		}
		switch a.State {
		case "assigned":
			open = append(open, a)
		case "acknowledged":
			accepted = append(accepted, a)
		}
	}
	slices.SortStableFunc(open, func(a, b policy.Acknowledgement) int {
		return cmp.Or(strings.Compare(a.Due, b.Due), strings.Compare(a.Policy, b.Policy))
	})
	slices.SortStableFunc(accepted, func(a, b policy.Acknowledgement) int { return b.AcknowledgedAt.Compare(a.AcknowledgedAt) })
	return open, accepted, versions, nil
}

func (s *site) mine(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	me := session(ctx)
	d := Duties{Name: me.User.Name, Working: s.may(ctx, "policy") == nil}
	p := Page{Title: "My page", Section: "/me"}
	if me.User.Person == "" {
		d.Unlinked = true
		return s.show(w, r, p, func(p Page) templ.Component { return dutiesPage(p, d) })
	}
	open, accepted, versions, err := s.dutiesOf(ctx, me.User.Person)
	if err != nil {
		return err
	}
	zone, now := part.Of(ctx).Zone, part.Of(ctx).Moment()
	row := func(a policy.Acknowledgement) AcceptDuty {
		v := versions[a.Version]
		due := endOfDay(a.Due, zone)
		x := AcceptDuty{Title: v.Title, Number: v.Number, Href: part.Path("me", "policies", a.Key), Minutes: max(1, len(strings.Fields(v.Text))/200), Due: due, At: a.AcknowledgedAt, Late: a.OverdueSince != "", Status: "due"}
		switch {
		case a.State == "acknowledged":
			x.Status = "acknowledged"
		case !now.Before(due):
			x.Status = "overdue"
		}
		x.Again = slices.ContainsFunc(accepted, func(b policy.Acknowledgement) bool { return b.Policy == a.Policy && b.Key != a.Key })
		return x
	}
	for _, a := range open {
		d.Open = append(d.Open, row(a))
	}
	for _, a := range accepted {
		d.Done = append(d.Done, row(a))
	}
	if d.Learn, d.Learned, err = s.trainingsOf(ctx, me.User.Person); err != nil {
		return err
	}
	d.Ask = s.askForAccess(ctx)
	if d.Tasks, err = s.ownTasks(ctx, me.User.Person); err != nil {
		return err
	}
	return s.show(w, r, p, func(p Page) templ.Component { return dutiesPage(p, d) })
}

// ownTasks is the work that one has to do oneself, those due first in front.
func (s *site) ownTasks(ctx context.Context, who string) ([]DutyTask, error) {
	list, err := s.lookAt(ctx).Find("task", "owner", who)
	if err != nil {
		return nil, err
	}
	var out []DutyTask
	now, linked := part.Of(ctx).Moment(), s.may(ctx, "task") == nil
	for _, v := range list {
		var t struct{ Title, Due, State string }
		if err := json.Unmarshal(v.Body, &t); err != nil {
			return nil, err
		}
		if t.State != "open" && t.State != "in_progress" {
			continue
		}
		x := DutyTask{Title: t.Title, Due: endOfDay(t.Due, part.Of(ctx).Zone), Status: "due"}
		if linked {
			x.Href = s.pathOf("task", v.Key)
		}
		if !x.Due.IsZero() && !now.Before(x.Due) {
			x.Status = "overdue"
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b DutyTask) int { return a.Due.Compare(b.Due) })
	return out, nil
}

// own is an acknowledgement of the reader's own; those of others are not there.
func (s *site) own(ctx context.Context, key string) (policy.Acknowledgement, policy.Version, error) {
	missing := fault.New(fault.NotFound, "There is no policy for you to accept here.").WithNext("Look at your page.")
	look := s.lookAt(ctx)
	rec, err := look.Get("acknowledgement", key)
	if fault.Is(err, fault.NotFound) {
		return policy.Acknowledgement{}, policy.Version{}, missing
	}
	if err != nil {
		return policy.Acknowledgement{}, policy.Version{}, err
	}
	a, err := policy.ReadAcknowledgement(rec)
	if err != nil {
		return a, policy.Version{}, err
	}
	if who := session(ctx).User.Person; who == "" || a.Person != who {
		return a, policy.Version{}, missing
	}
	v, err := look.Get("policy_version", a.Version)
	if err != nil {
		return a, policy.Version{}, err
	}
	version, err := policy.ReadVersion(v)
	return a, version, err
}

// duty shows one policy to read and accept, and what changed since it was accepted last.
func (s *site) duty(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "key")
	a, v, err := s.own(ctx, key)
	if err != nil {
		return err
	}
	open, accepted, versions, err := s.dutiesOf(ctx, session(ctx).User.Person)
	if err != nil {
		return err
	}
	text, _ := v.Render()
	d := DutyPage{Title: v.Title, Number: v.Number, Summary: v.Summary, HTML: markdown.HTML(text), Action: part.Path("me", "policies", key), Due: endOfDay(a.Due, part.Of(ctx).Zone), At: a.AcknowledgedAt, SHA256: cmp.Or(a.SHA256, v.SHA256), Status: "due"}
	switch {
	case a.State == "acknowledged":
		d.Status = "acknowledged"
	case a.State == "void" || v.State != "published":
		d.Status, d.Closed = "void", "This text is no longer in force, so there is nothing to accept. Your page shows the one that is."
	case !part.Of(ctx).Moment().Before(d.Due):
		d.Status = "overdue"
	}
	for _, o := range open {
		if o.Key != key {
			d.Left++
		}
	}
	for _, b := range accepted { // the latest first
		if b.Policy == a.Policy && b.Key != key && (a.AcknowledgedAt.IsZero() || b.AcknowledgedAt.Before(a.AcknowledgedAt)) {
			before, _ := versions[b.Version].Render()
			d.Since, d.Changes = versions[b.Version].Number, blockDiff(before, text)
			break
		}
	}
	p := Page{Title: v.Title, Section: "/me"}
	return s.show(w, r, p, func(p Page) templ.Component { return dutyPage(p, d) })
}

// dutyDone accepts it, and leads on to the next.
func (s *site) dutyDone(w http.ResponseWriter, r *http.Request) error {
	ctx, key := r.Context(), segment(r, "key")
	_, v, err := s.own(ctx, key)
	if err != nil {
		return err
	}
	if _, err := s.Book.Put(ctx, session(ctx), record.Change{Kind: "acknowledgement", Key: key, Move: "acknowledge", Reason: "read and accepted"}); err != nil {
		return err
	}
	open, _, _, err := s.dutiesOf(ctx, session(ctx).User.Person)
	if err != nil {
		return err
	}
	to := "/me"
	if len(open) > 0 {
		to = part.Path("me", "policies", open[0].Key)
	}
	return done(w, r, to, "You accepted "+v.Title+".")
}

// minutes says how long something takes to read.
func minutes(n int) string { return "about " + part.Count(n, "minute") }

// dayOf is the day before a due moment, the last on which something is in time.
func dayOf(due time.Time) string { return due.Add(-time.Second).Format("2 January 2006") }

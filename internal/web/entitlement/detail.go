package entitlement

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tickmark/internal/entitlement"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
)

func unmarshal(b []byte, into any) error { return json.Unmarshal(b, into) }

// RequestPage is one request.
type RequestPage struct {
	Title, Reason, Record string
	State                 part.Status
	Conflicts             []string
	Said                  string // of an approval that no second person gave
	Doubt                 string
	About, Way            []part.Fact
	Approvers             string
	Moves                 []form.Move
}

func (s *Site) request(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, entitlement.Request); err != nil {
		return err
	}
	look := s.Desk.Book.LookAt(ctx, part.Of(ctx).AsOf)
	v, err := look.Get(entitlement.Request, part.Segment(r.PathValue("key")))
	if err != nil {
		return err
	}
	a, err := entitlement.AskedOf(v.Body)
	if err != nil {
		return err
	}
	p := RequestPage{Title: a.Title, Reason: a.Reason, Record: recordPath(v.Kind, v.Key), State: status(a.State), Conflicts: a.Conflicts, Said: a.Approval().Said(a.ReviewDue, part.People(ctx, a.LateReviewer))}
	if p.Moves, err = s.Moves(ctx, v); err != nil {
		return err
	}
	who := func(key string) string {
		if key == "" {
			return ""
		}
		return part.People(ctx, key)
	}
	p.About = []part.Fact{part.Say("For", who(a.Beneficiary)), part.Say("Role", a.RoleName), part.Say("Rights", a.Rights), part.Say("Sensitivity", part.Sentence(a.Sensitivity)), part.Say("Needed through", a.Until), part.Say("Judged by", a.MatrixVersion), part.Say("Exception", a.Exception)}
	day := part.Of(ctx).Moment().In(part.Of(ctx).Zone).Format(time.DateOnly)
	if m, err := entitlement.At(look, a.Matrix, part.Of(ctx).Moment()); err == nil {
		p.Approvers = part.People(ctx, m.ApproversOn(day)...)
	}
	line := func(text, at string) string {
		if t := instant(at); !t.IsZero() && text != "" {
			return text + ", " + part.Full(t, part.Of(ctx).Zone)
		}
		return text
	}
	confirmed := line(who(a.ApprovedBy), a.ApprovedAt)
	if a.Instead != "" {
		confirmed += ", instead of " + who(a.Instead)
	}
	given := line(a.GrantedBy, a.GrantedAt)
	if a.How == "typed" {
		given += " (typed; nobody reads this system)"
	}
	verified := ""
	if a.VerifiedAt != "" {
		verified = line(strings.TrimSpace(who(a.VerifiedBy)), a.VerifiedAt)
	}
	p.Way = []part.Fact{part.Say("Asked by", line(who(a.RequestedBy), a.RequestedAt)), part.Say("Confirmed by", confirmed), part.Say("Comment", a.Decision), part.Say("Given", given), part.Say("Verified", verified), part.Say("What shows it", a.Snapshot), part.Say("Ended", line(who(a.EndedBy), a.EndedAt)), part.Say("Why it ended", a.EndedReason)}
	if a.State == "provisioned" && a.Read {
		p.Doubt = "The source shows the role and others of this system that nobody asked for. It is verified as soon as a read shows exactly what was approved."
	}
	return s.show(w, r, p.Title, Section, RequestView(p), part.Crumb{Text: "Access", Href: "/access"}, part.Crumb{Text: p.Title})
}

// MatrixPage is one role matrix, as it is written and as it is in force.
type MatrixPage struct {
	Key, Name, Record, Edit string
	State                   part.Status
	Number                  int
	Since                   string
	Draft                   bool // what is written is not what is in force
	Roles                   []entitlement.Role
	Holders                 map[string]int
	Conflicts               []entitlement.Conflict
	Approvers               []Appointment
	Facts                   []part.Fact
	Moves                   []form.Move
}

// Appointment is who confirms access, and whether today.
type Appointment struct {
	Who, Days, Delegate string
	Today               bool
}

func (s *Site) matrix(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, entitlement.Matrix, entitlement.Right); err != nil {
		return err
	}
	look := s.Desk.Book.LookAt(ctx, part.Of(ctx).AsOf)
	v, err := look.Get(entitlement.Matrix, part.Segment(r.PathValue("key")))
	if err != nil {
		return err
	}
	var b matrixBody
	if err := readBody(v, &b); err != nil {
		return err
	}
	p := MatrixPage{Key: v.Key, Name: b.Name, Record: recordPath(v.Kind, v.Key), State: status(b.State), Roles: b.Roles, Conflicts: b.Conflicts, Draft: b.State == "draft", Holders: map[string]int{}}
	if s.writes(ctx, entitlement.Matrix) {
		p.Edit = p.Record + "/edit"
	}
	if p.Moves, err = s.Moves(ctx, v); err != nil {
		return err
	}
	if m, err := entitlement.At(look, v.Key, part.Of(ctx).Moment()); err == nil {
		p.Number, p.Since = m.Number, day(ctx, m.Since)
	}
	held, err := look.Find(entitlement.Right, "matrix", v.Key)
	if err != nil {
		return err
	}
	for _, x := range held {
		var h entitlement.Held
		if err := readBody(x, &h); err != nil {
			return err
		}
		p.Holders[h.Role]++
	}
	today := part.Of(ctx).Moment().In(part.Of(ctx).Zone).Format(time.DateOnly)
	for _, a := range b.Approvers {
		x := Appointment{Who: part.People(ctx, a.Person), Days: "from " + a.From, Today: a.From <= today && (a.To == "" || today <= a.To)}
		if a.To != "" {
			x.Days += " through " + a.To
		}
		if a.Delegate != "" {
			x.Delegate = fmt.Sprintf("%s, from %s", part.People(ctx, a.Delegate), a.DelegateFrom)
			if a.DelegateTo != "" {
				x.Delegate += " through " + a.DelegateTo
			}
		}
		p.Approvers = append(p.Approvers, x)
	}
	months := ""
	if b.ReviewMonths > 0 {
		months = fmt.Sprintf("Every %d months", b.ReviewMonths)
	}
	owner := ""
	if b.Owner != "" {
		owner = part.People(ctx, b.Owner)
	}
	p.Facts = []part.Fact{part.Say("Owner", owner), part.Say("Boundary", b.System), part.Say("Read by", strings.Join(b.Sources, ", ")), part.Say("Signs on by", part.Sentence(b.SignOn)), part.Say("Second factor", part.Sentence(b.Factor)), part.Say("Rights are given as", part.Sentence(b.RoleModel)), part.Say("Accounts are made", part.Sentence(b.Provisioning)), part.Say("Reviewed", months)}
	return s.show(w, r, p.Name, Section, MatrixView(p), part.Crumb{Text: "Access", Href: "/access"}, part.Crumb{Text: "Role matrices", Href: "/access/matrices"}, part.Crumb{Text: p.Name})
}

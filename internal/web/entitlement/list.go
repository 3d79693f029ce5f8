package entitlement

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tickmark/internal/entitlement"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/web/part"
)

func (s *Site) requests(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, entitlement.Request); err != nil {
		return err
	}
	me, state := s.Who(ctx).Actor().Person, q.Get("state")
	mine, err := s.appointments(ctx, me)
	if err != nil {
		return err
	}
	t := Table{Title: "Access", Sentence: "Who asked for which role, who confirmed it, and what the system itself shows of it.", Tabs: s.tabs("Requests"), Icon: "key-round",
		Heads: []string{"Request", "State", "For", "Asked by", "Confirmed by", "Shown by"}, None: "No request yet", NoneSay: "Somebody asks for a role of a system's matrix; who is appointed for that system confirms it."}
	if s.writes(ctx, entitlement.Request) {
		t.Buttons = []part.Link{{Text: "Ask for access", Href: "/new/access_request"}}
		t.First = t.Buttons[0]
	}
	n := map[string]int64{}
	total := 0
	type dated struct {
		at  string
		row Row
	}
	var rows []dated
	err = each(ctx, s, entitlement.Request, func(v record.Version, a entitlement.Asked) error {
		total++
		n[a.State]++
		waits := a.State == "submitted" && mine[a.Matrix] && a.Beneficiary != me
		if waits {
			n["mine"]++
		}
		if state != "" && state != a.State && !(state == "mine" && waits) || !fits(q.Get("q"), a.Title, a.Matrix, a.Reason) {
			return nil
		}
		first := link(a.Title, part.Path("access", "requests", v.Key)).with(a.Reason)
		if len(a.Conflicts) > 0 {
			first.Marks = append(first.Marks, marks[entitlement.Conflicting])
		}
		if a.Sensitivity == "privileged" {
			first.Marks = append(first.Marks, marks[entitlement.Privileged])
		}
		confirmed := Cell{Person: a.ApprovedBy, Sub: a.Approval().Said(a.ReviewDue, part.People(ctx, a.LateReviewer))}
		if a.ApprovedBy == "" {
			confirmed = Cell{Text: "Nobody yet"}
		}
		rows = append(rows, dated{a.RequestedAt, Row{first, chip(a.State).with(day(ctx, a.RequestedAt)), Cell{Person: a.Beneficiary}, Cell{Person: a.RequestedBy}, confirmed, shownBy(a)}})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b dated) int { return strings.Compare(b.at, a.at) })
	for _, d := range rows {
		t.Rows = append(t.Rows, d.row)
	}
	for _, c := range []struct{ word, icon, state string }{{"You decide", "inbox", "mine"}, {"To decide", "circle-dot", "submitted"}, {"To give", "clock", "approved"}, {"To verify", "eye", "provisioned"}, {"Verified", "circle-check", "verified"}} {
		t.Cards = append(t.Cards, part.Stat{Word: c.word, Icon: c.icon, N: n[c.state], Href: "/access?state=" + c.state, Current: state == c.state})
	}
	t.Filter = part.Filter{Action: "/access", Q: q.Get("q"), Hint: "Filter by person, role, system or reason", Found: fmt.Sprintf("%d of %d", len(t.Rows), total), Keep: map[string]string{"state": state}}
	return s.table(w, r, Section, t)
}

// shownBy says how it is known that a role was given.
func shownBy(a entitlement.Asked) Cell {
	switch {
	case a.How == "typed":
		return Cell{Text: "Typed", Sub: "nobody reads this system", Marks: []Mark{marks[entitlement.Typed]}}
	case a.How == "collected":
		return Cell{Text: "The source", Sub: a.Snapshot}
	case a.State == "approved" && a.Read:
		return Cell{Text: "Not yet", Sub: "the next read shows it"}
	}
	return Cell{Text: "–"}
}

// appointments are the systems for which somebody is appointed today.
func (s *Site) appointments(ctx context.Context, person string) (map[string]bool, error) {
	out := map[string]bool{}
	today := part.Of(ctx).Moment().In(part.Of(ctx).Zone).Format(time.DateOnly)
	all, err := s.inForce(ctx)
	for _, m := range all {
		if ok, _ := m.Appointed(person, today); ok && person != "" {
			out[m.Matrix] = true
		}
	}
	return out, err
}

// inForce are the matrices in force at the reader's moment, by key.
func (s *Site) inForce(ctx context.Context) (map[string]entitlement.Roles, error) {
	out := map[string]entitlement.Roles{}
	err := s.Desk.Book.EachAt(ctx, s.Desk.Book.DB, entitlement.Version, at(ctx), func(v record.Version) error {
		m, err := entitlement.RolesOf(v)
		if err == nil && m.Until == "" {
			out[m.Matrix] = m
		}
		return err
	})
	return out, err
}

type matrixBody struct {
	ID, Name, State, Owner, System, Factor, Provisioning string
	SignOn                                               string `json:"sign_on"`
	RoleModel                                            string `json:"role_model"`
	ReviewMonths                                         int    `json:"review_months"`
	Sources                                              []string
	Roles                                                []entitlement.Role
	Conflicts                                            []entitlement.Conflict
	Approvers                                            []entitlement.Approver
}

func (s *Site) matrices(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, entitlement.Matrix, entitlement.Version); err != nil {
		return err
	}
	force, err := s.inForce(ctx)
	if err != nil {
		return err
	}
	t := Table{Title: "Role matrices", Sentence: "The roles of each system: what they let somebody do, who may have them, which exclude each other, and who confirms access.", Tabs: s.tabs("Role matrices"), Icon: "list-checks",
		Heads: []string{"System", "State", "In force", ">Roles", ">Conflict pairs", "Confirms access today", "Read by", "Owner"}, None: "No role matrix yet", NoneSay: "Write the roles of one system and have another person approve them. Requests, rights and reviews begin with that."}
	if s.writes(ctx, entitlement.Matrix) {
		t.Buttons = []part.Link{{Text: "New role matrix", Href: "/new/role_matrix"}}
		t.First = t.Buttons[0]
	}
	today := part.Of(ctx).Moment().In(part.Of(ctx).Zone).Format(time.DateOnly)
	total := 0
	err = each(ctx, s, entitlement.Matrix, func(v record.Version, b matrixBody) error {
		total++
		if !fits(q.Get("q"), b.Name, v.Key) {
			return nil
		}
		in, confirms := Cell{Text: "None"}, Cell{Text: "Nobody", Marks: []Mark{{part.Bad, "circle-x", "Nobody is appointed"}}}
		if m, ok := force[v.Key]; ok {
			in = Cell{Text: fmt.Sprintf("Version %d", m.Number), Sub: "since " + day(ctx, m.Since)}
			if names := m.ApproversOn(today); len(names) > 0 {
				confirms = say(part.People(ctx, names...))
			}
		}
		by := say(strings.Join(b.Sources, ", "))
		if len(b.Sources) == 0 {
			by = Cell{Text: "Nobody", Marks: []Mark{marks[entitlement.Typed]}}
		}
		t.Rows = append(t.Rows, Row{link(b.Name, part.Path("access", "matrices", v.Key)).with(v.Key), chip(b.State), in, {Text: fmt.Sprint(len(b.Roles)), End: true}, {Text: fmt.Sprint(len(b.Conflicts)), End: true}, confirms, by, {Person: b.Owner}})
		return nil
	})
	t.Filter = part.Filter{Action: "/access/matrices", Q: q.Get("q"), Hint: "Filter by system", Found: fmt.Sprintf("%d of %d", len(t.Rows), total)}
	if err != nil {
		return err
	}
	return s.table(w, r, Section, t)
}

func (s *Site) rights(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, entitlement.Right); err != nil {
		return err
	}
	by, name := q.Get("by"), "By person"
	if by != "system" {
		by = "person"
	} else {
		name = "By system"
	}
	t := Table{Title: "Access rights", Sentence: "What the sources show that somebody has, as the role matrices say how they show it.", Tabs: s.tabs(name), Icon: "users",
		Heads: []string{"Whose", "Role", "System", "Account", "Since", "Asked for"}, None: "No right is known", NoneSay: "A role matrix in force that says how a source shows its roles, and a source that was read."}
	t.First = part.Link{Text: "Role matrices", Href: "/access/matrices"}
	total := 0
	flag := q.Get("flag")
	n := map[string]int64{}
	type keyed struct {
		key string
		row Row
	}
	var rows []keyed
	err := each(ctx, s, entitlement.Right, func(v record.Version, h entitlement.Held) error {
		total++
		flags := flagsOf(h)
		for _, f := range flags {
			n[f]++
		}
		if flag != "" && !slices.Contains(flags, flag) || !fits(q.Get("q"), h.Title, h.Matrix, h.Account, h.Person) || q.Get("person") != "" && h.Person != q.Get("person") || q.Get("system") != "" && h.Matrix != q.Get("system") {
			return nil
		}
		whose := Cell{Person: h.Person}
		switch {
		case h.Machine != "":
			whose = link(h.Machine, recordPath("machine_identity", h.Machine)).with("machine identity")
		case h.Person == "":
			whose = say("Nobody that is known")
		}
		whose.Marks = marked(flags...)
		asked := Cell{Text: "No"}
		switch {
		case h.Request != "":
			asked = link("Yes", part.Path("access", "requests", h.Request))
		case h.Birthright:
			asked = say("On joining")
		case h.Machine != "":
			asked = say("A machine's")
		}
		since := day(ctx, v.From.Time().UTC().Format(time.RFC3339Nano))
		system := link(h.Matrix, part.Path("access", "matrices", h.Matrix))
		role := link(cmp.Or(h.RoleName, h.Role), recordPath(entitlement.Right, v.Key))
		row := Row{whose, role, system, say(h.Account), say(since), asked}
		key := cmp.Or(h.Person, h.Machine, "~"+h.Account) + h.Key()
		if by == "system" {
			row, key = Row{system, role, whose, say(h.Account), say(since), asked}, h.Key()
		}
		rows = append(rows, keyed{key, row})
		return nil
	})
	if err != nil {
		return err
	}
	if by == "system" {
		t.Heads = []string{"System", "Role", "Whose", "Account", "Since", "Asked for"}
	}
	slices.SortFunc(rows, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	for _, k := range rows {
		t.Rows = append(t.Rows, k.row)
	}
	for _, f := range []string{entitlement.Privileged, entitlement.NoRequest, entitlement.Unfit, entitlement.Conflicting, entitlement.NoOwner, entitlement.NoFactor} {
		t.Cards = append(t.Cards, part.Stat{Word: marks[f].Word, Icon: marks[f].Icon, N: n[f], Href: "/access/rights?by=" + by + "&flag=" + f, Current: flag == f})
	}
	t.Filter = part.Filter{Action: "/access/rights", Q: q.Get("q"), Hint: "Filter by person, role, system or account", Found: fmt.Sprintf("%d of %d", len(t.Rows), total), Keep: map[string]string{"by": by, "flag": flag, "person": q.Get("person"), "system": q.Get("system")}}
	return s.table(w, r, Section, t)
}

// flagsOf are the marks of a right, as a review would make them of what the record says.
func flagsOf(h entitlement.Held) []string {
	var out []string
	mark := func(on bool, f string) {
		if on {
			out = append(out, f)
		}
	}
	mark(h.Sensitivity == "privileged", entitlement.Privileged)
	mark(h.Person == "" && h.Machine == "", entitlement.NoOwner)
	mark(len(h.Conflicts) > 0, entitlement.Conflicting)
	mark(h.MFA != nil && !*h.MFA && h.Machine == "", entitlement.NoFactor)
	mark(h.Request == "" && !h.Birthright && h.Machine == "", entitlement.NoRequest)
	fits, known := entitlement.Role{Positions: h.Positions}.Fits(h.Position)
	mark(known && !fits, entitlement.Unfit)
	return out
}

// privileged are privileged rights with why somebody has each: the reason of its request, or that of the last review that kept it.
func (s *Site) privileged(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, entitlement.Right, entitlement.Request, entitlement.Review); err != nil {
		return err
	}
	asked := map[string]entitlement.Asked{}
	if err := each(ctx, s, entitlement.Request, func(v record.Version, a entitlement.Asked) error { asked[v.Key] = a; return nil }); err != nil {
		return err
	}
	kept, err := s.keptFor(ctx)
	if err != nil {
		return err
	}
	t := Table{Title: "Privileged access", Sentence: "Who can change systems or other people's rights, why, and how that was confirmed.", Tabs: s.tabs("Privileged"), Icon: "shield-check",
		Heads: []string{"Whose", "Role", "System", "Why", "Confirmed", "Ends"}, None: "No privileged right is known", NoneSay: "Mark roles as privileged in their matrix and say how a source shows them."}
	t.First = part.Link{Text: "Role matrices", Href: "/access/matrices"}
	total, without := 0, int64(0)
	err = each(ctx, s, entitlement.Right, func(v record.Version, h entitlement.Held) error {
		if h.Sensitivity != "privileged" {
			return nil
		}
		total++
		why, confirmed, ends := Cell{Text: "Nobody said why", Marks: []Mark{{part.Bad, "circle-x", "No reason"}}}, Cell{Text: "–"}, Cell{Text: "–"}
		if a, ok := asked[h.Request]; ok {
			why, confirmed = link(a.Reason, part.Path("access", "requests", h.Request)), Cell{Person: a.ApprovedBy, Sub: day(ctx, a.ApprovedAt)}
			ends = say(cmp.Or(a.Until, "–"))
		} else if l, ok := kept[h.Key()]; ok {
			why, confirmed = link(l.Reason, part.Path("access-reviews", l.Was)), Cell{Person: l.By, Sub: "in a review, " + day(ctx, l.At)}
		} else if h.Machine != "" {
			why = link("The purpose of the machine identity", recordPath("machine_identity", h.Machine))
		} else {
			without++
		}
		if q.Get("flag") == "without" && why.Text != "Nobody said why" || !fits(q.Get("q"), h.Title, h.Matrix, h.Account, h.Person) {
			return nil
		}
		whose := Cell{Person: h.Person, Sub: h.Account, Marks: marked(flagsOf(h)...)}
		if h.Person == "" {
			whose.Text = cmp.Or(h.Machine, "Nobody that is known")
		}
		t.Rows = append(t.Rows, Row{whose, link(h.RoleName, recordPath(entitlement.Right, v.Key)), link(h.Matrix, part.Path("access", "matrices", h.Matrix)), why, confirmed, ends})
		return nil
	})
	if err != nil {
		return err
	}
	t.Cards = []part.Stat{{Word: "Privileged rights", Icon: "shield-check", N: int64(total), Href: "/access/privileged", Current: q.Get("flag") == ""}, {Word: "Without a reason", Icon: "circle-x", N: without, Href: "/access/privileged?flag=without", Current: q.Get("flag") == "without"}}
	t.Filter = part.Filter{Action: "/access/privileged", Q: q.Get("q"), Hint: "Filter by person, role or system", Found: fmt.Sprintf("%d of %d", len(t.Rows), total), Keep: map[string]string{"flag": q.Get("flag")}}
	return s.table(w, r, Section, t)
}

// keptFor are the lines that the last review of each right kept with a reason; Was is then the review.
func (s *Site) keptFor(ctx context.Context) (map[string]entitlement.Line, error) {
	out := map[string]entitlement.Line{}
	type of struct {
		key string
		c   entitlement.Campaign
	}
	var all []of
	err := each(ctx, s, entitlement.Review, func(v record.Version, c entitlement.Campaign) error {
		if c.File != "" && c.State != "cancelled" {
			all = append(all, of{v.Key, c})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b of) int { return strings.Compare(a.c.OpenedAt, b.c.OpenedAt) })
	for _, x := range all[max(0, len(all)-6):] {
		lines, err := s.Desk.Lines(ctx, x.key, x.c)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if l.Decision == "keep" && l.Reason != "" && l.Sensitivity == "privileged" {
				l.Was = x.key
				out[l.System+"/"+l.Role+"/"+l.Source+"/"+l.Key] = l
			}
		}
	}
	return out, nil
}

// changes are the rights that began and ended between two days.
func (s *Site) changes(w http.ResponseWriter, r *http.Request) error {
	ctx, q := r.Context(), r.URL.Query()
	if err := s.may(ctx, entitlement.Right); err != nil {
		return err
	}
	zone := part.Of(ctx).Zone
	end := part.Of(ctx).Moment().In(zone)
	from, errFrom := time.ParseInLocation(time.DateOnly, q.Get("from"), zone)
	to, errTo := time.ParseInLocation(time.DateOnly, q.Get("to"), zone)
	if errFrom != nil {
		from = end.AddDate(0, -1, 0)
	}
	if errTo != nil {
		to = end
	}
	until := to
	if errTo == nil {
		until = to.AddDate(0, 0, 1)
	}
	if until.After(end) {
		until = end
	}
	t := Table{Title: "Changes of access", Sentence: "Which rights began and which ended between two days, as the sources showed them.", Tabs: s.tabs("Changes"), Icon: "history",
		Heads: []string{"When", "What", "Right", "Whose", "Account", "Asked for"}, None: "No right changed between these days", NoneSay: "Choose other days, or have the sources read."}
	type dated struct {
		at  time.Time
		row Row
	}
	var rows []dated
	gains, losses, total := int64(0), int64(0), 0
	last := map[string]record.Version{}
	add := func(when time.Time, what string, tone part.Tone, icon string, h entitlement.Held, key string) {
		if when.Before(from) || !when.Before(until) {
			return
		}
		total++
		gained := what == "Gained"
		if gained {
			gains++
		} else {
			losses++
		}
		if show := q.Get("show"); show == "gained" && !gained || show == "lost" && gained || show == "privileged" && h.Sensitivity != "privileged" || !fits(q.Get("q"), h.Title, h.Matrix, h.Person, h.Account) {
			return
		}
		asked := say("No")
		if h.Request != "" {
			asked = link("Yes", part.Path("access", "requests", h.Request))
		} else if h.Birthright {
			asked = say("On joining")
		} else if !gained {
			asked = say("–")
		}
		rows = append(rows, dated{when, Row{say(when.In(zone).Format("2006-01-02 15:04")), {Marks: []Mark{{tone, icon, what}}}, link(h.RoleName+" of "+h.Matrix, recordPath(entitlement.Right, key)).marked(marked(flagsOf(h)...)...), {Person: h.Person}, say(h.Account), asked}})
	}
	first := map[string]bool{}
	err := s.Desk.Book.EachDuring(ctx, s.Desk.Book.DB, entitlement.Right, 1, store.At(until), func(v record.Version) error {
		if v.Erased {
			return nil
		}
		var h entitlement.Held
		if err := readBody(v, &h); err != nil {
			return err
		}
		if old, ok := last[v.Key]; !first[v.Key] || ok && old.To != v.From {
			add(v.From.Time(), "Gained", part.Info, "plus", h, v.Key)
		}
		if first[v.Key] = true; !v.Open() && v.Closed != nil {
			add(v.To.Time(), "Lost", part.Idle, "circle-minus", h, v.Key)
		}
		last[v.Key] = v
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b dated) int { return b.at.Compare(a.at) })
	for _, d := range rows {
		t.Rows = append(t.Rows, d.row)
	}
	days := "from=" + from.Format(time.DateOnly) + "&to=" + to.Format(time.DateOnly)
	t.Cards = []part.Stat{{Word: "Gained", Icon: "plus", N: gains, Href: "/access/changes?show=gained&" + days, Current: q.Get("show") == "gained"}, {Word: "Lost", Icon: "circle-minus", N: losses, Href: "/access/changes?show=lost&" + days, Current: q.Get("show") == "lost"}}
	t.Note = fmt.Sprintf("From %s through %s. A right counts from the read that first showed it.", from.Format(time.DateOnly), to.Format(time.DateOnly))
	t.Filter = part.Filter{Action: "/access/changes", Q: q.Get("q"), Hint: "Filter by person, role or system", Found: fmt.Sprintf("%d of %d", len(t.Rows), total), Keep: map[string]string{"show": q.Get("show"), "from": from.Format(time.DateOnly), "to": to.Format(time.DateOnly)}}
	return s.show(w, r, t.Title, Section, ChangesView(t, from.Format(time.DateOnly), to.Format(time.DateOnly)), part.Crumb{Text: t.Title})
}

// authentication is how people sign on to each system, and for how many of its accounts a second factor is shown.
func (s *Site) authentication(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := s.may(ctx, entitlement.Matrix, entitlement.Right); err != nil {
		return err
	}
	type count struct{ with, without, unknown int }
	by := map[string]*count{}
	seen := map[string]bool{}
	err := each(ctx, s, entitlement.Right, func(_ record.Version, h entitlement.Held) error {
		if k := h.Matrix + " " + h.Account; h.Machine == "" && !seen[k] && (h.Enabled == nil || *h.Enabled) {
			seen[k] = true
			if by[h.Matrix] == nil {
				by[h.Matrix] = &count{}
			}
			switch {
			case h.MFA == nil:
				by[h.Matrix].unknown++
			case *h.MFA:
				by[h.Matrix].with++
			default:
				by[h.Matrix].without++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t := Table{Title: "Sign-on", Sentence: "How people sign on to each system, how rights are given there, and for how many accounts with a role the source shows a second factor.", Tabs: s.tabs("Sign-on"), Icon: "lock",
		Heads: []string{"System", "Signs on by", "Second factor", "Shown by the source", "Rights", "Accounts are made", "Reviewed"}, None: "No role matrix yet", NoneSay: "Each matrix says how people sign on to its system."}
	t.First = part.Link{Text: "New role matrix", Href: "/new/role_matrix"}
	blanks := int64(0)
	err = each(ctx, s, entitlement.Matrix, func(v record.Version, b matrixBody) error {
		if b.State == "retired" {
			return nil
		}
		blank := false
		said := func(text string) Cell {
			if text == "" {
				blank = true
				return Cell{Text: "Not said", Marks: []Mark{{part.Unsure, "circle-question-mark", "Blank"}}}
			}
			return say(part.Sentence(text))
		}
		shown := Cell{Text: "Nothing"}
		if c := by[v.Key]; c != nil {
			shown = say(fmt.Sprintf("%d with, %d without", c.with, c.without))
			if c.unknown > 0 {
				shown.Sub = fmt.Sprintf("of %d it does not say", c.unknown)
			}
			if c.without > 0 {
				shown.Marks = []Mark{marks[entitlement.NoFactor]}
			}
		}
		months := ""
		if b.ReviewMonths > 0 {
			months = fmt.Sprintf("every %d months", b.ReviewMonths)
		}
		t.Rows = append(t.Rows, Row{link(b.Name, part.Path("access", "matrices", v.Key)), said(b.SignOn), said(b.Factor), shown, said(b.RoleModel), said(b.Provisioning), said(months)})
		if blank {
			blanks++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if blanks > 0 {
		t.Note = fmt.Sprintf("%s blank. Fill in its role matrix; the description of the system rests on it.", part.Count(int(blanks), "system has a", "systems have a"))
	}
	return s.table(w, r, Section, t)
}

func readBody(v record.Version, into any) error { return unmarshal(v.Body, into) }

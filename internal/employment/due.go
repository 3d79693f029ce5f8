package employment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
)

// Back is how long ago something may have happened and still be opened by itself: what was on record before nobody asked for.
const Back = 31

// Ahead is how long before a first or a last day its event is opened.
const Ahead = 30

// Within are the days, working days where said, that each step has.
const (
	deviceDays  = 14 // days
	otherDays   = 1  // working days
	confirmDays = 5  // working days
	removeDays  = 10 // working days
)

type someone struct {
	ID         string `json:"-"`
	Name       string `json:"name"`
	Start      string `json:"start"`
	End        string `json:"end"`
	Manager    string `json:"manager"`
	Title      string `json:"title"`
	Department string `json:"department"`
	LastWorked string `json:"last_worked"`
	Screened   string `json:"screened"`
	Terms      string `json:"terms_signed"`
}

func (p someone) job() Job { return Job{Manager: p.Manager, Title: p.Title, Department: p.Department} }

// Round is one look at everybody: what time and people's records call for.
type Round struct {
	ctx    context.Context
	book   *record.Book
	look   record.Look
	zone   *time.Location
	today  string
	people map[string]someone
	team   map[string]string
	events map[string]record.Version
}

// NewRound reads what a round needs.
func NewRound(ctx context.Context, book *record.Book) (*Round, error) {
	r := &Round{ctx: ctx, book: book, look: book.LookAt(ctx, time.Time{}), zone: time.UTC, people: map[string]someone{}, team: map[string]string{}, events: map[string]record.Version{}}
	if v, err := r.look.Get(organisation.Kind().Name, organisation.Key); err == nil {
		r.zone = organisation.Zone(v.Body)
	} else if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	r.today = calendar.Text(calendar.Of(r.look.At, r.zone))
	p, _, err := period.Current(ctx, book, 0)
	if err != nil {
		return nil, err
	}
	for _, m := range p.Team {
		r.team[m.Role] = cmp.Or(r.team[m.Role], m.Person)
	}
	if err := book.EachAt(ctx, book.DB, "employment_change", 0, func(v record.Version) error { r.events[v.Key] = v; return nil }); err != nil {
		return nil, err
	}
	return r, nil
}

// Events are the events that people's records call for now, and those that they no longer do.
func (r *Round) Events() ([]record.Change, error) {
	from := r.day(r.today, -Back)
	var out []record.Change
	var last string
	var before *someone
	since := record.Moment(calendar.Begins(calendar.Parse(from), r.zone).UnixMicro())
	err := r.book.EachDuring(r.ctx, r.book.DB, "person", since, record.Moment(r.look.At.UnixMicro())+1, func(v record.Version) error {
		if v.Erased || v.Source != record.Program {
			return nil
		}
		p := someone{ID: v.Key}
		if err := json.Unmarshal(v.Body, &p); err != nil {
			return fmt.Errorf("read person %s: %w", v.Key, err)
		}
		p.ID = v.Key
		if last != v.Key {
			last, before = v.Key, nil
		}
		at := calendar.Text(calendar.Of(v.From.Time(), r.zone))
		if before != nil && p.Start != "" && p.Start <= at && (p.End == "" || p.End >= at) && before.Start == p.Start && before.job() != p.job() {
			out = r.open(out, p, "mover", at, at, map[string]any{"was": before.job(), "became": p.job()})
		}
		recent := v.From >= since
		if p.End != "" && p.End <= r.day(r.today, Ahead) && (p.End >= from || recent && before != nil && before.End != p.End) && v.To > record.Moment(r.look.At.UnixMicro()) {
			told, err := r.told(p)
			if err != nil {
				return err
			}
			more := map[string]any{}
			if p.LastWorked != "" {
				more["last_worked"] = p.LastWorked
			}
			out = r.open(out, p, "leaver", p.End, told, more)
		}
		before = &p
		r.people[v.Key] = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, p := range r.people {
		if p.Start >= from && p.Start <= r.day(r.today, Ahead) && (p.End == "" || p.End >= r.today) {
			out = r.open(out, p, "joiner", p.Start, "", nil)
		}
	}
	for key, v := range r.events {
		c, err := Read(v)
		if err != nil {
			return nil, err
		}
		p, known := r.people[c.Person]
		if !known || c.State != "open" {
			continue
		}
		over := ""
		switch {
		case c.Sort == "leaver" && p.End != c.On && !(p.End == "" && p.Start > c.On):
			over = "the last working day on record is " + cmp.Or(p.End, "empty") + " now"
		case c.Sort == "joiner" && p.Start != c.On:
			over = "the first day on record is " + cmp.Or(p.Start, "empty") + " now"
		}
		if over != "" {
			at := v.From
			out = append(out, record.Change{Kind: v.Kind, Key: key, Move: "withdraw", Said: map[string]any{"withdrawn_reason": over}, Reason: over, If: &at})
		}
	}
	slices.SortFunc(out, func(a, b record.Change) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}

func (r *Round) open(out []record.Change, p someone, sort, on, told string, more map[string]any) []record.Change {
	key := Key(sort, p.ID, on)
	if _, there := r.events[key]; there || slices.ContainsFunc(out, func(c record.Change) bool { return c.Key == key }) {
		return out
	}
	verb := map[string]string{"joiner": " joins", "mover": " changes their work", "leaver": " leaves"}[sort]
	body := map[string]any{"sort": sort, "person": p.ID, "on": on, "label": cmp.Or(p.Name, p.ID) + verb}
	if told != "" {
		body["told_on"] = told
	}
	for k, v := range more {
		body[k] = v
	}
	none := record.Moment(0)
	return append(out, record.Change{Kind: "employment_change", Key: key, Body: encoded(body), Reason: "the person's record says so", If: &none})
}

// told is the day on which a person's record first gave the last working day that it gives now.
func (r *Round) told(p someone) (string, error) {
	all, err := r.book.History(r.ctx, "person", p.ID)
	if err != nil {
		return "", err
	}
	first := r.look.At
	for _, v := range all {
		var b someone
		if v.Erased || v.Source != record.Program {
			continue
		}
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return "", err
		}
		if b.End == p.End && v.From.Time().Before(first) {
			first = v.From.Time()
		}
	}
	return calendar.Text(calendar.Of(first, r.zone)), nil
}

// Open are the events that are open, by their key.
func (r *Round) Open() ([]record.Version, error) {
	list, err := r.book.Find(r.ctx, r.book.DB, "employment_change", record.StateField, "open", 0)
	slices.SortFunc(list, func(a, b record.Version) int { return strings.Compare(a.Key, b.Key) })
	return list, err
}

// Left is the moment at which somebody's access had to be over.
func (r *Round) Left(c Change) time.Time {
	if t, err := time.Parse(time.RFC3339, c.LastWorked); err == nil {
		return t
	}
	return calendar.Ends(calendar.Parse(c.On), r.zone)
}

// Looked is the event with what the sources show of it now, if that differs or was not looked at for an hour.
func (r *Round) Looked(v record.Version, c Change, s *Sources) (record.Change, error) {
	body := map[string]any{}
	if err := json.Unmarshal(v.Body, &body); err != nil {
		return record.Change{}, err
	}
	left := r.Left(c)
	if c.Sort != "leaver" {
		left = time.Time{}
	}
	proofs, systems, unread := s.Of(c.Person, left, c.Proofs)
	delete(body, "proofs")
	if len(proofs) > 0 {
		body["proofs"] = proofs
	}
	body["systems"], body["unread"], body["looked_at"] = systems, unread, r.look.At.UTC().Format(time.RFC3339)
	if c.Sort == "joiner" && c.FirstAccess == "" {
		for _, p := range proofs {
			if day := calendar.Text(calendar.Of(p.Since, r.zone)); p.State == Enabled && (body["first_access"] == nil || day < text(body, "first_access")) {
				body["first_access"] = day
			}
		}
	}
	at := v.From
	return record.Change{Kind: v.Kind, Key: v.Key, Body: encoded(body), Reason: "what the sources show", If: &at}, nil
}

// often is how long the sources stay uncompared, and kept how long what they show is left standing while it is the same.
const (
	often = 10 * time.Minute
	kept  = time.Hour
)

// Waits says whether an event is compared with the sources again.
func (r *Round) Waits(c Change) bool {
	return c.Sort != "mover" && r.look.At.Sub(c.LookedAt) >= often
}

// Differs says whether a look shows anything else than the one before, or that one is old.
func (r *Round) Differs(c, now Change) bool {
	return r.look.At.Sub(c.LookedAt) >= kept || now.FirstAccess != c.FirstAccess || !slices.EqualFunc(c.Proofs, now.Proofs, func(a, b Proof) bool {
		return a.Source == b.Source && a.Account == b.Account && a.State == b.State && a.After == b.After && a.Why == b.Why
	}) || c.Systems == nil || *c.Systems != *now.Systems || *c.Unread != *now.Unread
}

// Steps are the tasks that an event calls for and that are not there yet, and those that the records settle by themselves.
func (r *Round) Steps(c Change, s *Sources) ([]record.Change, error) {
	p := r.people[c.Person]
	p.ID = c.Person
	list, err := r.look.Find("task", "person", c.Person)
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for _, v := range list {
		var t struct{ State string }
		if err := json.Unmarshal(v.Body, &t); err != nil {
			return nil, err
		}
		have[v.Key] = t.State
	}
	name := cmp.Or(p.Name, c.Person)
	var out []record.Change
	step := func(id, title, description, due string, roles ...string) {
		key := c.Key + "-" + id
		if _, there := have[key]; there {
			return
		}
		body := map[string]any{"title": title, "description": description, "sort": "workflow_change", "due": due, "person": c.Person}
		if owner := r.owner(c, p, roles...); owner != "" {
			body["owner"] = owner
		}
		none := record.Moment(0)
		out = append(out, record.Change{Kind: "task", Key: key, Body: encoded(body), Reason: "step of " + c.Key, If: &none})
	}
	settle := func(id, outcome string) {
		if st := have[c.Key+"-"+id]; st == "open" || st == "in_progress" {
			out = append(out, record.Change{Kind: "task", Key: c.Key + "-" + id, Move: "settle", Said: map[string]any{"outcome": outcome}, Reason: "it is on record"})
		}
	}
	switch c.Sort {
	case "joiner":
		if p.Screened == "" {
			step("screening", "Screen "+name, "Nobody gets access to production or to data of customers before. Enter the day of the clearance on the person's record, which closes this.", c.On, "hr_lead", "people_lead")
		} else {
			settle("screening", "Cleared on "+p.Screened+".")
		}
		if p.Terms == "" {
			step("terms", "Have "+name+" sign confidentiality terms", "By the first day. Enter the day of the signature on the person's record, which closes this.", c.On, "hr_lead", "people_lead")
		} else {
			settle("terms", "Signed on "+p.Terms+".")
		}
		step("device", "Hand out and enrol a device for "+name, "Encrypted, locked and managed before it is used.", r.working(c.On, 5), "it_lead", "security_lead")
		step("access", "Ask for the access that "+name+" needs", "What the role gives, and no more; somebody other than who asks approves it.", r.working(c.On, 1), "manager")
	case "mover":
		step("confirm", "Confirm what "+name+" may do now", "Open the change, look at the accounts they hold, and confirm or name what goes.", r.working(c.On, confirmDays), "manager")
		if !c.ConfirmedAt.IsZero() {
			settle("confirm", "Confirmed by "+c.ConfirmedBy+".")
		}
		step("remove", "Remove what "+name+" may no longer do", "What the new manager did not confirm goes at its source.", r.working(c.On, removeDays), "it_lead", "security_lead")
		if err := r.duties(c, name, r.working(c.On, removeDays), step); err != nil {
			return nil, err
		}
	case "leaver":
		held := map[string][]string{}
		open := map[string]bool{}
		for _, x := range c.Proofs {
			if x.Account != "" {
				held[x.Source] = append(held[x.Source], x.Account)
			}
			open[x.Source] = open[x.Source] || !x.Proved()
		}
		for source, accounts := range held {
			due := r.working(c.On, otherDays)
			if s != nil && s.SignOn(source) {
				due = c.On
			}
			step("account-"+source, "Disable the accounts of "+name+" in "+source, "They hold "+strings.Join(accounts, ", ")+". The next complete read of "+source+" shows whether it is done, and closes this.", due, "it_lead", "security_lead")
			if !open[source] {
				settle("account-"+source, "A complete read after the last working time shows none that can be used.")
			}
		}
		step("secrets", "Change what "+name+" knew", "Tokens, keys, shared passwords, membership of groups, and the rules of the mailbox.", r.working(c.On, otherDays), "it_lead", "security_lead")
		step("device", "Take back the devices and badges of "+name, "And wipe what is not used again.", r.day(c.On, deviceDays), "it_lead", "hr_lead")
		if err := r.duties(c, name, c.On, step); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// duties asks for a successor for what somebody answers for, by name.
func (r *Round) duties(c Change, name, due string, step func(id, title, description, due string, roles ...string)) error {
	var owned []string
	for _, kind := range []string{"control", "policy", "system", "risk", "asset", "machine_identity", "training_module"} {
		list, err := r.look.Find(kind, "owner", c.Person)
		if err != nil {
			return err
		}
		for _, v := range list {
			var b struct{ State string }
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return err
			}
			if b.State != "retired" && b.State != "closed" {
				owned = append(owned, cmp.Or(v.Label, v.Key)+" ("+strings.ReplaceAll(kind, "_", " ")+")")
			}
		}
	}
	if len(owned) > 0 {
		slices.Sort(owned)
		step("duties", "Find successors for what "+name+" answers for", "They own "+strings.Join(owned, ", ")+". Name another owner on each.", due, "compliance_manager", "security_lead")
	}
	return nil
}

// owner is who does a step: a role of the period's team, or the manager; never the one it is about.
func (r *Round) owner(c Change, p someone, roles ...string) string {
	for _, role := range append(roles, "manager", "compliance_manager", "security_lead") {
		who := r.team[role]
		if role == "manager" {
			who = cmp.Or(c.Became.Manager, p.Manager)
		}
		if who != "" && who != c.Person {
			return who
		}
	}
	return ""
}

func (r *Round) day(from string, n int) string {
	return calendar.Text(calendar.Parse(from).AddDate(0, 0, n))
}

// working is the n-th working day after a day.
func (r *Round) working(from string, n int) string {
	d := calendar.Parse(from)
	for n > 0 {
		d = d.AddDate(0, 0, 1)
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday {
			n--
		}
	}
	return calendar.Text(d)
}

func encoded(body map[string]any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // of plain values only
	}
	return b
}

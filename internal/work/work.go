// Package work gathers what waits for somebody: to fix, to do, to review, to approve, to acknowledge, to hand in. The one
// rule: it writes nothing and remembers nothing; what waits follows from the records of the moment.
package work

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/approval"
	"tickmark/internal/calendar"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
	"tickmark/internal/standing"
)

// Item is one thing that waits.
type Item struct {
	Act     string   `json:"act"` // what is to be done: Fix, Review, Approve
	Kind    string   `json:"kind"`
	Key     string   `json:"key"`
	Label   string   `json:"label"`
	Why     string   `json:"why,omitempty"`
	For     string   `json:"for,omitempty"` // the person it waits for; empty: anybody who may, but those in Not
	Not     []string `json:"not,omitempty"` // people who had a part in it and so cannot do it
	Due     string   `json:"due,omitempty"` // YYYY-MM-DD
	Overdue bool     `json:"overdue"`
	Control string   `json:"control,omitempty"` // the control it is for
	From    string   `json:"from,omitempty"`    // the span it is for, when it has one
	To      string   `json:"to,omitempty"`
	Title   string   `json:"-"` // of the requirement that evidence is handed in for
}

// Waits reports whether an item waits for a person: it is theirs, or nobody's in particular and they had no part in it.
func (i Item) Waits(person string) bool {
	if i.For != "" || person == "" {
		return i.For == person && person != ""
	}
	return !slices.Contains(i.Not, person)
}

// List is what waits for a person at a moment, or for everybody when person is empty; zero is now. What is due first comes
// first, what has no date last.
func List(ctx context.Context, book *record.Book, person string, at record.Moment) ([]Item, error) {
	o, err := standing.Load(ctx, book, at)
	if err != nil {
		return nil, err
	}
	return Of(ctx, book, o, person, at)
}

// Of is List over an operation that was read already.
func Of(ctx context.Context, book *record.Book, o *standing.Operation, person string, at record.Moment) ([]Item, error) {
	return (&list{ctx: ctx, book: book, o: o, person: person, at: at, today: calendar.Text(o.Today)}).of()
}

// Each is Of for everybody, with every acknowledgement as whose it is instead of one line for each text: for telling people.
func Each(ctx context.Context, book *record.Book, o *standing.Operation, at record.Moment) ([]Item, error) {
	return (&list{ctx: ctx, book: book, o: o, at: at, today: calendar.Text(o.Today), each: true}).of()
}

func (l *list) of() ([]Item, error) {
	for _, step := range []func() error{l.findings, l.tasks, l.controls, l.evidence, l.exceptions, l.versions, l.acknowledgements, l.trainings, l.access, l.programme} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("gather what waits: %w", err)
		}
	}
	l.occurrences()
	l.requirements()
	slices.SortStableFunc(l.items, func(a, b Item) int {
		return cmp.Or(boolean(a.Due == "")-boolean(b.Due == ""), cmp.Compare(a.Due, b.Due), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	return l.items, nil
}

type list struct {
	ctx    context.Context
	book   *record.Book
	o      *standing.Operation
	person string
	at     record.Moment
	today  string
	each   bool // every acknowledgement for itself
	items  []Item
	owners map[string]owned // by control
}

type owned struct {
	owner, label string
	reviewEach   bool
	retired      bool
}

// add keeps an item that waits for the person asked about.
func (l *list) add(i Item) {
	if l.person != "" && !i.Waits(l.person) {
		return
	}
	i.Overdue = i.Due != "" && i.Due < l.today
	l.items = append(l.items, i)
}

// each reads the records of a kind in some states.
func each[T any](l *list, kind string, states []string, do func(key, label string, x T)) error {
	for _, s := range states {
		found, err := l.book.Find(l.ctx, l.book.DB, kind, record.StateField, s, l.at)
		if err != nil {
			return err
		}
		for _, v := range found {
			var x T
			if err := json.Unmarshal(v.Body, &x); err != nil {
				return fmt.Errorf("read %s %s: %w", kind, v.Key, err)
			}
			do(v.Key, v.Label, x)
		}
	}
	return nil
}

func (l *list) findings() error {
	type body struct {
		State, Owner, Due, Severity string
		FixedBy                     string `json:"fixed_by"`
		ClaimedBy                   string `json:"claimed_by"`
	}
	return each(l, "finding", []string{"open", "assigned", "in_progress", "fixed", "verified", "claimed_false"}, func(key, label string, b body) {
		i := Item{Act: "Fix", Kind: "finding", Key: key, Label: label, For: b.Owner, Due: b.Due, Why: sentence(b.Severity) + " finding"}
		switch b.State {
		case "fixed":
			i.Act, i.For, i.Not = "Verify", "", []string{b.FixedBy}
		case "verified":
			i.Act = "Close"
		case "claimed_false":
			i.Act, i.For, i.Not = "Decide the claim", "", []string{b.ClaimedBy, b.Owner}
		default:
			if b.Owner == "" {
				i.Act = "Assign"
			}
		}
		l.add(i)
	})
}

func (l *list) tasks() error {
	type body struct {
		State, Owner, Due, Control string
		DoneBy                     string `json:"done_by"`
	}
	return each(l, "task", []string{"open", "in_progress", "done"}, func(key, label string, b body) {
		i := Item{Act: "Do", Kind: "task", Key: key, Label: label, For: b.Owner, Due: b.Due, Control: b.Control, Why: "Task"}
		if b.State == "done" {
			i.Act, i.For, i.Not, i.Why = "Verify", "", []string{b.DoneBy}, "Done; another person verifies it"
		}
		l.add(i)
	})
}

// controls wait for approval once somebody owns them: until then nobody says that the text is theirs.
func (l *list) controls() error {
	l.owners = map[string]owned{}
	type body struct {
		State, Owner string
		Authors      []string
		ReviewEach   bool   `json:"review_each"`
		ReviewDue    string `json:"review_due"`
		Reviewer     string `json:"late_reviewed_by"`
		ApprovedBy   string `json:"approved_by"`
	}
	return l.book.EachAt(l.ctx, l.book.DB, "control", l.at, func(v record.Version) error {
		var b body
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return fmt.Errorf("read control %s: %w", v.Key, err)
		}
		l.owners[v.Key] = owned{b.Owner, v.Label, b.ReviewEach, b.State == "retired"}
		i := Item{Kind: "control", Key: v.Key, Label: v.Label, Control: v.Key}
		switch {
		case b.State == "draft" && b.Owner != "":
			i.Act, i.Not, i.Why = "Approve", b.Authors, "Control; its authors cannot approve it"
			l.add(i)
		case b.State == "approved" || b.State == string(approval.ByAuthor):
			i.Act, i.For, i.Why = "Put into operation", b.Owner, "Approved control"
			l.add(i)
		}
		if b.State != "draft" && b.State != "retired" && b.ReviewDue != "" && b.Reviewer == "" {
			i.Act, i.For, i.Not, i.Due, i.Why = "Review", "", append(b.Authors, b.ApprovedBy), b.ReviewDue, "Control approved by its author"
			l.add(i)
		}
		return nil
	})
}

func (l *list) evidence() error {
	for key, e := range l.o.Evidence {
		if e.State == "received" {
			i := Item{Act: "Review", Kind: "evidence", Key: key, Label: e.Title, Not: []string{e.ReceivedBy}, Why: "Evidence that nobody else looked at"}
			if len(e.Controls) > 0 {
				i.Control = e.Controls[0]
			}
			l.add(i)
		}
	}
	return nil
}

// renewDays is how long before its last day an exception waits to be ended or asked for anew.
const renewDays = 30

func (l *list) exceptions() error {
	type body struct {
		State, Control, Expiry, Start, Beneficiary string
		RequestedBy                                string `json:"requested_by"`
		Authors                                    []string
	}
	soon := calendar.Text(l.o.Today.AddDate(0, 0, renewDays))
	return each(l, "exception", []string{"requested", "active"}, func(key, label string, b body) {
		i := Item{Kind: "exception", Key: key, Label: label, Control: b.Control}
		switch {
		case b.State == "requested":
			i.Act, i.Due, i.Not, i.Why = "Approve", b.Start, append(b.Authors, b.RequestedBy, b.Beneficiary), "Exception; it is approved before it begins"
		case b.Expiry <= soon:
			i.Act, i.Due, i.For, i.Why = "End or renew", b.Expiry, b.RequestedBy, "Exception about to expire; renewal is a new request"
		default:
			return
		}
		l.add(i)
	})
}

func (l *list) versions() error {
	type body struct {
		State, Policy string
		Authors       []string
	}
	if err := l.later("policy_version", "Policy approved by its author", "approved", "published"); err != nil {
		return err
	}
	if err := l.later("policy_review", "Policy review approved by its reviewer", "approved"); err != nil {
		return err
	}
	if err := l.later("system", "Boundary approved by its author", "approved"); err != nil {
		return err
	}
	return each(l, "policy_version", []string{"in_review", "pending_approval"}, func(key, label string, b body) {
		i := Item{Act: "Review", Kind: "policy_version", Key: key, Label: label, Not: b.Authors, Why: "Policy in review"}
		if b.State == "pending_approval" {
			i.Act, i.Why = "Approve", "Policy; its authors cannot approve it"
			var p struct{ Approver string }
			if v, err := l.book.Get(l.ctx, "policy", b.Policy, l.at); err == nil && json.Unmarshal(v.Body, &p) == nil {
				i.For = p.Approver
			}
		}
		l.add(i)
	})
}

// later are approvals by an author alone that wait for somebody independent.
func (l *list) later(kind, why string, states ...string) error {
	return each(l, kind, states, func(key, label string, b struct {
		State, Reviewer string
		Authors         []string
		By              string `json:"approved_by"`
		Due             string `json:"review_due"`
		Late            string `json:"late_reviewed_by"`
	}) {
		if approval.How(b.State, b.By, b.Due, b.Late) == approval.ByAuthor {
			l.add(Item{Act: "Review", Kind: kind, Key: key, Label: cmp.Or(label, key), Not: append(b.Authors, b.By, b.Reviewer), Due: b.Due, Why: why})
		}
	})
}

// acknowledgements of one person are read by that person; those of everybody are told text by text.
func (l *list) acknowledgements() error {
	type body struct{ State, Person, Policy, Version, Due string }
	if l.each {
		return each(l, "acknowledgement", []string{"assigned"}, func(key, _ string, b body) {
			l.add(Item{Act: "Acknowledge", Kind: "acknowledgement", Key: key, Label: l.policy(b.Policy), For: b.Person, Due: b.Due, Why: "Policy to read and accept"})
		})
	}
	if l.person != "" {
		found, err := l.book.Find(l.ctx, l.book.DB, "acknowledgement", "person", l.person, l.at)
		if err != nil {
			return err
		}
		for _, v := range found {
			var b body
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return err
			}
			if b.State == "assigned" {
				l.add(Item{Act: "Acknowledge", Kind: "acknowledgement", Key: v.Key, Label: l.policy(b.Policy), For: b.Person, Due: b.Due, Why: "Policy to read and accept"})
			}
		}
		return nil
	}
	open, first := map[string]int{}, map[string]body{}
	err := each(l, "acknowledgement", []string{"assigned"}, func(_, _ string, b body) {
		if open[b.Policy]++; first[b.Policy].Due == "" || b.Due < first[b.Policy].Due {
			first[b.Policy] = b
		}
	})
	for p, n := range open {
		people := "people have"
		if n == 1 {
			people = "person has"
		}
		l.add(Item{Act: "Remind", Kind: "policy", Key: p, Label: l.policy(p), Due: first[p].Due, Why: fmt.Sprintf("%d %s not acknowledged it", n, people)})
	}
	return err
}

// trainings of one person are read by that person; those of everybody are told module by module.
func (l *list) trainings() error {
	type body struct{ State, Person, Module, Due string }
	title := func(key string) string {
		if v, err := l.book.Get(l.ctx, "training_module", key, l.at); err == nil {
			return v.Label
		}
		return key
	}
	if l.each || l.person != "" {
		take := func(key string, b body) {
			l.add(Item{Act: "Take", Kind: "training_assignment", Key: key, Label: title(b.Module), For: b.Person, Due: b.Due, Why: "Training"})
		}
		if l.each {
			return each(l, "training_assignment", []string{"assigned"}, func(key, _ string, b body) { take(key, b) })
		}
		found, err := l.book.Find(l.ctx, l.book.DB, "training_assignment", "person", l.person, l.at)
		for _, v := range found {
			var b body
			if err := json.Unmarshal(v.Body, &b); err != nil {
				return err
			}
			if b.State == "assigned" {
				take(v.Key, b)
			}
		}
		return err
	}
	open, first := map[string]int{}, map[string]string{}
	err := each(l, "training_assignment", []string{"assigned"}, func(_, _ string, b body) {
		if open[b.Module]++; first[b.Module] == "" || b.Due < first[b.Module] {
			first[b.Module] = b.Due
		}
	})
	for m, n := range open {
		people := "people have"
		if n == 1 {
			people = "person has"
		}
		l.add(Item{Act: "Remind", Kind: "training_module", Key: m, Label: title(m), Due: first[m], Why: fmt.Sprintf("%d %s not completed it", n, people)})
	}
	return err
}

func (l *list) policy(key string) string {
	if v, err := l.book.Get(l.ctx, "policy", key, l.at); err == nil {
		return v.Label
	}
	return key
}

// occurrences wait from the first day of their span.
func (l *list) occurrences() {
	for c, all := range l.o.Occurrences {
		for _, x := range all {
			i := Item{Kind: "occurrence", Key: x.Key, Label: x.Title, Control: c, Due: x.Due, From: x.From, To: x.To, For: cmp.Or(x.Owner, l.owners[c].owner)}
			switch {
			case x.State == "scheduled" && x.From <= l.today:
				i.Act, i.Why = "Do", "Due performance"
			case x.State == "missed" && l.o.Within(x):
				i.Act, i.Why = "Do late", "Missed; doing it late ends the failure, and it stays missed"
			case (x.State == "performed" || x.State == "performed_late") && l.owners[c].reviewEach && x.ReviewedBy == "":
				i.Act, i.For, i.Not, i.Due, i.Why = "Review", "", []string{x.PerformedBy}, "", "Performance that another person reviews"
			default:
				continue
			}
			l.add(i)
		}
	}
}

// requirements wait once their span is over and nothing covers it.
func (l *list) requirements() {
	for c, all := range l.o.Requirements {
		if l.owners[c].retired {
			continue
		}
		for _, r := range all {
			for _, s := range r.Spans {
				if s.State != requirement.Gap && (s.State != requirement.Open || calendar.Text(s.To) >= l.today) {
					continue
				}
				l.add(Item{Act: "Hand in", Kind: "requirement", Key: r.Key, Label: r.Title + ", " + s.Words(), For: cmp.Or(r.Owner, l.owners[c].owner), Control: c,
					Due: calendar.Text(s.Due), From: calendar.Text(s.From), To: calendar.Text(s.To), Title: r.Title, Why: "Evidence of a control"})
			}
		}
	}
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sentence(s string) string {
	if s == "" {
		return "A"
	}
	return string(s[0]-'a'+'A') + s[1:]
}

package work

import (
	"tickmark/internal/calendar"
	"tickmark/internal/fault"
)

// renewObligationDays is how long before its review is due an obligation waits.
const renewObligationDays = 30

// programme is what the programme itself waits for: milestones, changes of scope, observations, obligations, charters.
func (l *list) programme() error {
	for _, k := range []struct {
		kind string
		read func() error
	}{{"cycle", l.charters}, {"milestone", l.milestones}, {"scope_change", l.changes}, {"not_relevant", l.relevance}, {"readiness_observation", l.observations}, {"obligation", l.obligations}} {
		if _, err := l.book.Kinds.Named(k.kind); fault.Is(err, fault.NotFound) {
			continue
		}
		if err := k.read(); err != nil {
			return err
		}
	}
	return nil
}

func (l *list) charters() error {
	return each(l, "cycle", []string{"scoping", "gap", "remediation", "ready", "in_window", "in_examination"}, func(key, label string, b struct {
		Sponsor, Charter string
		Approved         string `json:"charter_approved_at"`
	}) {
		if b.Approved == "" && b.Charter != "" {
			l.add(Item{Act: "Approve", Kind: "cycle", Key: key, Label: label, For: b.Sponsor, Why: "Charter of the programme; its sponsor approves it"})
		}
	})
}

func (l *list) milestones() error {
	return each(l, "milestone", []string{"open"}, func(key, label string, b struct{ Owner, Due string }) {
		l.add(Item{Act: "Reach", Kind: "milestone", Key: key, Label: label, For: b.Owner, Due: b.Due, Why: "Milestone of the programme"})
	})
}

func (l *list) changes() error {
	return each(l, "scope_change", []string{"proposed"}, func(key, label string, b struct {
		From    string
		Authors []string
	}) {
		l.add(Item{Act: "Approve", Kind: "scope_change", Key: key, Label: label, Not: b.Authors, Due: b.From, Why: "Change of scope; it is approved before it takes effect"})
	})
}

func (l *list) relevance() error {
	return each(l, "not_relevant", []string{"proposed"}, func(key, label string, b struct{ Authors []string }) {
		l.add(Item{Act: "Agree", Kind: "not_relevant", Key: key, Label: label, Not: b.Authors, Why: "Criterion said not to be relevant; another person agrees or refuses"})
	})
}

func (l *list) observations() error {
	return each(l, "readiness_observation", []string{"open", "planned", "fixed"}, func(key, label string, b struct {
		State, Owner, Due string
		FixedBy           string `json:"fixed_by"`
	}) {
		i := Item{Act: "Plan", Kind: "readiness_observation", Key: key, Label: label, Why: "Noted in a readiness assessment; management says what it does about it"}
		switch b.State {
		case "planned":
			i.Act, i.For, i.Due, i.Why = "Do", b.Owner, b.Due, "Planned after a readiness assessment"
		case "fixed":
			i.Act, i.Not, i.Due, i.Why = "Verify", []string{b.FixedBy, b.Owner}, b.Due, "Done; another person verifies it"
		}
		l.add(i)
	})
}

// obligations wait before their review is due, and at once where they were never reviewed.
func (l *list) obligations() error {
	soon := calendar.Text(l.o.Today.AddDate(0, 0, renewObligationDays))
	return each(l, "obligation", []string{"in_force"}, func(key, label string, b struct {
		Owner string
		Due   string `json:"review_due"`
	}) {
		if b.Due <= soon {
			l.add(Item{Act: "Review", Kind: "obligation", Key: key, Label: label, For: b.Owner, Due: b.Due, Why: "Obligation; it is read again within a year"})
		}
	})
}

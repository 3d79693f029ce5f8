package work

import (
	"slices"
	"time"

	"tickmark/internal/entitlement"
	"tickmark/internal/record"
)

// access is requests that wait for who is appointed, reviews for who owns the systems or leads them, and rights that are to go.
func (l *list) access() error {
	force := map[string]entitlement.Roles{}
	err := l.book.EachAt(l.ctx, l.book.DB, entitlement.Version, l.at, func(v record.Version) error {
		m, err := entitlement.RolesOf(v)
		if err == nil && m.Until == "" {
			force[m.Matrix] = m
		}
		return err
	})
	if err != nil || len(force) == 0 {
		return err
	}
	err = each(l, entitlement.Request, []string{"submitted", "approved", "provisioned"}, func(key, label string, a entitlement.Asked) {
		i := Item{Kind: entitlement.Request, Key: key, Label: label, Not: []string{a.Beneficiary}}
		switch asked, err := time.Parse(time.RFC3339Nano, a.RequestedAt); {
		case a.State == "submitted":
			i.Act, i.Why = "Decide", "Access that somebody asked for; it expires undecided"
			if err == nil {
				i.Due = asked.AddDate(0, 0, entitlement.DecideDays-1).UTC().Format(time.DateOnly)
			}
			for _, p := range force[a.Matrix].ApproversOn(l.today) {
				if p == a.Beneficiary || p == a.RequestedBy && !force[a.Matrix].ManagerAsks {
					continue
				}
				i.For = p
				l.add(i)
				if l.person == "" && !l.each {
					break // once in the list of everybody
				}
			}
			return
		case a.Read:
			return // the next read of the source goes on with it
		case a.State == "approved":
			i.Act, i.Why = "Give", "Approved access of a system that nobody reads"
		default:
			i.Act, i.Why, i.Not = "Verify", "Access that was entered by hand; another looks", append(i.Not, a.ProvisionedBy)
		}
		l.add(i)
	})
	if err != nil {
		return err
	}
	err = each(l, entitlement.Review, []string{"planned", "collecting", "in_review", "remediating"}, func(key, label string, c entitlement.Campaign) {
		i := Item{Kind: entitlement.Review, Key: key, Label: label, For: c.Owner, Due: c.Due, From: c.From, To: c.To}
		switch {
		case c.State == "planned" && c.To > l.today:
			return // its span is not over
		case c.State == "planned" || c.State == "collecting":
			i.Act, i.Why = "Take the extract", "Access review"
		case c.State == "remediating":
			i.Act, i.Why = "Sign off", "Access review; what was removed is to be shown by the sources"
		case c.Pending == 0:
			i.Act, i.Why = "End the decisions", "Access review; every line is decided"
		default:
			i.Act, i.Why = "Review access", "Access review of "+c.From+" to "+c.To
			var owners []string
			for _, m := range c.Matrices {
				if o := force[m].Owner; o != "" && !slices.Contains(owners, o) {
					owners = append(owners, o)
				}
			}
			for _, o := range owners {
				i.For = o
				l.add(i)
			}
			return
		}
		l.add(i)
	})
	if err != nil {
		return err
	}
	type change struct{ System, Due, Account string }
	return each(l, entitlement.Removal, []string{"open"}, func(key, label string, b change) {
		l.add(Item{Act: "Take away", Kind: entitlement.Removal, Key: key, Label: label, For: force[b.System].Owner, Due: b.Due, Why: "A review decided it; done when the source shows it"})
	})
}

package access

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// engagementKind is the kind of what the firm conducts, which this package knows only by its name.
const engagementKind = "engagement"

// Closed are the states of an engagement in which nobody answers in it any more, and nothing of it changes.
func Closed() []string { return []string{"declined", "withdrawn", "archived"} }

// answers refuses the role by which papers are read to who answers for the company in an engagement: the firm's papers say what is
// found about those who answer.
func (g *Gate) answers(ctx context.Context, q store.Q, u User) error {
	if u.Disabled || u.Person == "" || !slices.Contains(u.Roles, Auditor) {
		return nil
	}
	if _, err := g.book.Kinds.Named(engagementKind); err != nil {
		return nil
	}
	return g.book.EachOpen(record.AsProgram(ctx), q, engagementKind, func(v record.Version) error {
		var e struct {
			State    string
			Contacts []string
		}
		if err := json.Unmarshal(v.Body, &e); err != nil {
			return fmt.Errorf("read the contacts of %s: %w", v.Key, err)
		}
		if slices.Contains(e.Contacts, u.Person) && !slices.Contains(Closed(), e.State) {
			return fault.New(fault.Conflict, "%s answers for the company in the engagement %s, and with the role %s the account would read the firm's papers.", u.Person, v.Key, Auditor).
				WithNext("Let the firm take the person out of the contacts first, or give the role to somebody else.")
		}
		return nil
	})
}

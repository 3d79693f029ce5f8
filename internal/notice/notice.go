// Package notice says what people must be told of what waits: that something is due soon, is overdue, or has been for so long
// that whoever is above its owner must know. The one rule: it is computed from the same source as My work, and nothing is
// handed to the same person twice on one day.
package notice

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/work"
)

// SoonDays is how long before its day something is told to its owner, and EscalateDays how long after it to whoever is above.
const (
	SoonDays     = 3
	EscalateDays = 7
)

// Level says why somebody is told.
type Level string

// The levels.
const (
	Soon      Level = "soon"
	Overdue   Level = "overdue"
	Escalated Level = "escalated"
)

// Notice is one thing that one person is told.
type Notice struct {
	ID    string    `json:"id"` // the same as long as it says the same
	Level Level     `json:"level"`
	To    string    `json:"to"` // a person
	Item  work.Item `json:"item"`
	Late  int       `json:"late"` // days since it was due; negative before
}

// Chain says who is above whom.
type Chain struct {
	Managers map[string]string // by person
	Lead     string            // who leads the programme: told of what is nobody's in particular, and where there is no manager
}

// ReadChain reads it from the people and the period's team as of a moment; zero is now.
func ReadChain(ctx context.Context, book *record.Book, at record.Moment) (Chain, error) {
	c := Chain{Managers: map[string]string{}}
	p, ok, err := period.Current(ctx, book, at)
	if err != nil {
		return c, err
	}
	for _, role := range []string{"compliance_manager", "security_lead"} {
		for _, m := range p.Team {
			if ok && m.Role == role {
				c.Lead = cmp.Or(c.Lead, m.Person)
			}
		}
	}
	return c, book.EachAt(ctx, book.DB, "person", at, func(v record.Version) error {
		var b struct{ Manager string }
		if err := json.Unmarshal(v.Body, &b); err != nil {
			return fmt.Errorf("read person %s: %w", v.Key, err)
		}
		c.Managers[v.Key] = b.Manager
		return nil
	})
}

// above is who is told when somebody is late for long: the manager, else the lead, and never the same person again.
func (c Chain) above(person string) string {
	for _, p := range []string{c.Managers[person], c.Lead} {
		if p != "" && p != person {
			return p
		}
	}
	return ""
}

// Of are the notices that what waits for everybody gives on a day, for one person or for all when person is empty; what is
// latest first.
func Of(items []work.Item, today calendar.Day, c Chain, person string) []Notice {
	var out []Notice
	for _, i := range items {
		due := calendar.Parse(i.Due)
		if due.IsZero() {
			continue
		}
		late := int(today.Sub(due).Hours() / 24)
		owner := cmp.Or(i.For, c.Lead)
		add := func(level Level, to string) {
			if to != "" && (person == "" || to == person) {
				out = append(out, Notice{ID: fmt.Sprintf("%s %s/%s %s %s", level, i.Kind, i.Key, i.From, i.Due), Level: level, To: to, Item: i, Late: late})
			}
		}
		switch {
		case late > 0:
			add(Overdue, owner)
		case late >= -SoonDays:
			add(Soon, owner)
		}
		if late > EscalateDays {
			add(Escalated, c.above(owner))
		}
	}
	slices.SortStableFunc(out, func(a, b Notice) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(b.Late, a.Late), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Kind declares what a user has seen of their notices. Only the program writes it, when they say so.
func Kind() record.Kind {
	return record.Kind{
		Name: "seen", Title: "Seen notices", Plural: "Seen notices", Group: "System", System: true,
		Help: "Which of the notices of the moment a user said that they have seen.",
		Key:  "user",
		Fields: []record.Field{
			{Name: "user", Type: record.Text, Required: true},
			{Name: "notices", Type: record.Text, List: true, Help: "The notices, by their ids."},
		},
		Guard: func(_, _ map[string]any, actor record.Actor) error {
			if !actor.IsJob() {
				return fault.New(fault.Denied, "What somebody has seen is written when they say so on their page.").WithNext("Open My work and mark the notices as seen.")
			}
			return nil
		},
	}
}

// Seen are the ids that a user has seen.
func Seen(ctx context.Context, book *record.Book, user string) (map[string]bool, error) {
	v, err := book.Get(ctx, "seen", user, 0)
	if fault.Is(err, fault.NotFound) {
		return map[string]bool{}, nil
	}
	if err != nil {
		return nil, err
	}
	var b struct{ Notices []string }
	if err := json.Unmarshal(v.Body, &b); err != nil {
		return nil, fmt.Errorf("read what %s has seen: %w", user, err)
	}
	out := map[string]bool{}
	for _, id := range b.Notices {
		out[id] = true
	}
	return out, nil
}

// Mark keeps that a user has seen notices. What is no longer told is forgotten.
func Mark(ctx context.Context, book *record.Book, user string, list []Notice) error {
	ids := []string{}
	for _, n := range list {
		ids = append(ids, n.ID)
	}
	slices.Sort(ids)
	body, err := json.Marshal(map[string]any{"user": user, "notices": slices.Compact(ids)})
	if err != nil {
		return err
	}
	_, err = book.Put(ctx, record.Job("job:notice"), record.Change{Kind: "seen", Key: user, Body: body, Reason: "marked as seen"})
	return err
}

// Digest is what one person is told on one day.
type Digest struct {
	Person  string   `json:"person"`
	Notices []Notice `json:"notices"`
}

// Digests gathers notices by person.
func Digests(list []Notice) []Digest {
	var out []Digest
	for _, n := range list {
		if len(out) == 0 || out[len(out)-1].Person != n.To {
			out = append(out, Digest{Person: n.To})
		}
		out[len(out)-1].Notices = append(out[len(out)-1].Notices, n)
	}
	return out
}

const digestVerb = "digest"

// Give records in the ledger that a digest is handed over, and by which way, before it is. It reports false, and records
// nothing, when that person got one on this day already: begins is the moment at which the day began.
func (d Digest) Give(ctx context.Context, log *ledger.Log, begins store.Moment, by, way string) (given bool, err error) {
	err = log.Write(ctx, func(tx *ledger.Tx) error {
		n, err := store.One[int64](ctx, tx, "SELECT COUNT(*) FROM action WHERE verb = $1 AND subject = $2 AND at >= $3", digestVerb, "person/"+d.Person, begins)
		if err != nil || n > 0 {
			return err
		}
		given = true
		count := map[Level]int{}
		for _, x := range d.Notices {
			count[x.Level]++
		}
		_, err = tx.Act(ctx, digestVerb, by, "person/"+d.Person, map[string]any{"way": way, "soon": count[Soon], "overdue": count[Overdue], "escalated": count[Escalated]})
		return err
	})
	return given && err == nil, err
}

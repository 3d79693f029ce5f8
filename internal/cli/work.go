package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/notice"
	"tickmark/internal/standing"
	"tickmark/internal/store"
	"tickmark/internal/work"
	"tickmark/internal/workspace"
)

type workCommand struct {
	Person string `placeholder:"KEY" help:"What waits for this person; what waits for everybody otherwise."`
	AsOf   string `placeholder:"TIME" help:"As of a past moment."`
	Digest bool   `help:"What each person is to be told today: due soon, overdue, escalated. Nobody is told twice on one day; the ledger records who was."`
}

func (c *workCommand) Run(s *session) error {
	at, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, who access.Session) error {
		if c.Digest && c.AsOf != "" {
			return fault.New(fault.Invalid, "A digest says what is so today, and not as of a past moment.").WithNext("Leave --as-of out.")
		}
		if c.Person != "" {
			if _, err := w.Book.Get(s, "person", c.Person, at); err != nil {
				return err
			}
		}
		if c.Digest {
			return c.digest(s, w, who.Actor().Name)
		}
		list, err := work.List(s, w.Book, c.Person, at)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(append([]work.Item{}, list...))
		}
		var rows [][]string
		for _, i := range list {
			rows = append(rows, []string{word(i.Overdue, i.Due+" overdue", i.Due), i.Act, i.Kind, i.Label, i.For, i.Why})
		}
		if len(rows) == 0 {
			s.say("Nothing waits.")
			return nil
		}
		return s.table([]string{"due", "act", "kind", "record", "for", "why"}, rows)
	})
}

// digest hands everybody what they are to be told today, once.
func (c *workCommand) digest(s *session, w *workspace.Workspace, by string) error {
	o, err := standing.Load(s, w.Book, 0)
	if err != nil {
		return err
	}
	items, err := work.Each(s, w.Book, o, 0)
	if err != nil {
		return err
	}
	chain, err := notice.ReadChain(s, w.Book, 0)
	if err != nil {
		return err
	}
	given := []notice.Digest{}
	for _, d := range notice.Digests(notice.Of(items, o.Today, chain, c.Person)) {
		ok, err := d.Give(s, w.Log, store.At(calendar.Begins(o.Today, o.Zone)), by, "printed")
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		given = append(given, d)
		if s.flags.JSON {
			continue
		}
		var p struct{ Name, Email string }
		if v, err := w.Book.Get(s, "person", d.Person, 0); err == nil {
			if err := json.Unmarshal(v.Body, &p); err != nil {
				return err
			}
		}
		s.fact("%s <%s>", cmp.Or(p.Name, d.Person), p.Email)
		for _, n := range d.Notices {
			s.fact("  %s", line(n))
		}
	}
	if s.flags.JSON {
		return s.writeJSON(given)
	}
	if len(given) == 0 {
		s.say("Nobody is to be told anything more today.")
	}
	return nil
}

// line is a notice in one line.
func line(n notice.Notice) string {
	when := "due " + n.Item.Due
	switch n.Level {
	case notice.Overdue:
		when = "overdue since " + n.Item.Due
	case notice.Escalated:
		when = fmt.Sprintf("%d days overdue, and waits for %s", n.Late, cmp.Or(n.Item.For, "whoever may"))
	}
	return strings.TrimSpace(fmt.Sprintf("%s: %s (%s)", n.Item.Act, n.Item.Label, when))
}

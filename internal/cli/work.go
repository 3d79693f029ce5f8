package cli

import (
	"tickmark/internal/access"
	"tickmark/internal/work"
	"tickmark/internal/workspace"
)

type workCommand struct {
	Person string `placeholder:"KEY" help:"What waits for this person; what waits for everybody otherwise."`
	AsOf   string `placeholder:"TIME" help:"As of a past moment."`
}

func (c *workCommand) Run(s *session) error {
	at, err := moment("as-of", c.AsOf)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		if c.Person != "" {
			if _, err := w.Book.Get(s, "person", c.Person, at); err != nil {
				return err
			}
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

package cli

import (
	"encoding/json"
	"strings"
	"time"

	"tickmark/internal/access"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/record"
	"tickmark/internal/workpaper"
	"tickmark/internal/workspace"
)

type auditFacts struct {
	Paper     string `arg:"" help:"The key of the workpaper."`
	Accept    bool   `help:"Mark the blank cells as the machine says, in your name; what it does not know stays blank."`
	Attribute string `placeholder:"ID" help:"With --accept, only this attribute."`
}

func (c *auditFacts) Run(s *session) error {
	return s.desk(func(_ *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		if c.Accept {
			n, err := d.Accept(s, me, c.Paper, c.Attribute)
			if err != nil {
				return err
			}
			if s.flags.JSON {
				return s.writeJSON(map[string]int{"accepted": n})
			}
			s.fact("%d cells are marked as the machine says.", n)
			return nil
		}
		facts, err := d.Ask(s, me, c.Paper)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(facts)
		}
		var rows [][]string
		for _, f := range facts {
			if f.Says != workpaper.Met {
				rows = append(rows, []string{f.Item, f.Attribute, strings.ReplaceAll(f.Says, "_", " "), clip(f.Reason, 120)})
			}
		}
		s.fact("A machine was asked %d times; %d answers are another than met. Nothing is marked by that.", len(facts), len(rows))
		return s.table([]string{"item", "attribute", "says", "why"}, rows)
	})
}

type auditConfigurations struct {
	Population string `arg:"" help:"The key of a frozen population of a configuration, drawn by Tickmark."`
	Setting    string `required:"" placeholder:"CEL" help:"The setting of a row as text, such as string(r.protected)."`
	Paper      string `placeholder:"KEY" help:"Write them into this workpaper as the configurations of a test of one."`
	Negative   string `placeholder:"TEXT" help:"With --paper: what was tried that it had to block, and that it did."`
}

func (c *auditConfigurations) Run(s *session) error {
	if c.Paper != "" && c.Negative == "" {
		return fault.New(fault.Usage, "A test of one needs what was tried that it had to block: --negative.")
	}
	return s.desk(func(w *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		list, err := d.Configurations(s, me, c.Population, c.Setting)
		if err != nil {
			return err
		}
		if c.Paper != "" {
			if err := configure(s, w, me, c, list); err != nil {
				return err
			}
		}
		if s.flags.JSON {
			return s.writeJSON(list)
		}
		var rows [][]string
		for _, h := range list {
			rows = append(rows, []string{h.Name, h.Value, h.From.Format(time.RFC3339), h.To.Format(time.RFC3339)})
		}
		return s.table([]string{"record", "setting", "from", "to"}, rows)
	})
}

// configure writes configurations into a paper, each distinct one by its own name.
func configure(s *session, w *workspace.Workspace, me access.Session, c *auditConfigurations, list []fieldwork.Held) error {
	p, err := w.Book.GetFrom(s, workpaper.PopulationName, c.Population, record.Program, 0, record.Auditor)
	if err != nil {
		return err
	}
	pop, err := engagement.Body(p)
	if err != nil {
		return err
	}
	v, err := w.Book.GetFrom(s, workpaper.Name, c.Paper, record.Program, 0, record.Auditor)
	if err != nil {
		return err
	}
	b, err := engagement.Body(v)
	if err != nil {
		return err
	}
	out := make([]any, len(list))
	for i, h := range list {
		out[i] = map[string]any{"name": h.Name + ": " + h.Value, "from": h.From.Format(time.RFC3339Nano), "to": h.To.Format(time.RFC3339Nano), "shown_by": []any{engagement.Text(pop, "file")}, "negative": c.Negative}
	}
	b["configurations"] = out
	raw, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = w.Book.Put(s, me, record.Change{Kind: workpaper.Name, Key: c.Paper, Body: raw, If: &v.From, Reason: "configurations from " + c.Population})
	return err
}

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

type populationReconcile struct {
	Population string `arg:"" help:"The key of the population, which was delivered and not evaluated yet."`
	With       string `required:"" placeholder:"KEY" help:"The population to compare it with, from a source of its own."`
	Ours       string `required:"" placeholder:"CEL" help:"What names a row here, as text, such as r.email."`
	Theirs     string `required:"" placeholder:"CEL" help:"What names a row there."`
}

func (c *populationReconcile) Run(s *session) error {
	return s.desk(func(_ *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		r, err := d.Reconcile(s, me, c.Population, c.With, c.Ours, c.Theirs)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(r)
		}
		s.fact("%d rows agree, %d stand only here and %d only there.", r.Matched, r.OnlyHere, r.OnlyThere)
		var rows [][]string
		for _, x := range r.List {
			rows = append(rows, []string{x.Side, x.Row, clip(x.Text, 100)})
		}
		return s.table([]string{"side", "row", "content"}, rows)
	})
}

type populationExplain struct {
	Population string `arg:"" help:"The key of the population."`
	Side       string `required:"" enum:"here,there" placeholder:"SIDE" help:"here or there."`
	Row        string `required:"" placeholder:"ROW" help:"The row, as the list of differences has it."`
	Because    string `required:"" placeholder:"TEXT" help:"What became of it."`
}

func (c *populationExplain) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		v, err := w.Book.Put(s, me, record.Change{Kind: workpaper.PopulationName, Key: c.Population, Move: "explain", Said: map[string]any{"explanations": []any{map[string]any{"side": c.Side, "row": c.Row, "explained": c.Because}}}})
		if err != nil {
			return err
		}
		return s.written(v[0])
	})
}

type auditRollForward struct {
	From  string `arg:"" help:"The id of the engagement that ends."`
	To    string `arg:"" help:"The id of the next one; it is proposed when there is none, and filled once it is accepted."`
	First string `placeholder:"DAY" help:"Of a new one: the first day of its window; none for a Type I."`
	Last  string `placeholder:"DAY" help:"Of a new one: the last day, or the day of a Type I."`
}

func (c *auditRollForward) Run(s *session) error {
	return s.desk(func(_ *workspace.Workspace, me access.Session, d *fieldwork.Desk) error {
		r, err := d.RollForward(s, me, c.From, c.To, c.First, c.Last)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(r)
		}
		if r.Proposed {
			s.fact("%s is proposed with the scope of %s. Once it is accepted: tickmark audit roll-forward %s %s", c.To, c.From, c.From, c.To)
			return nil
		}
		s.fact("%s has %d papers and %d requests of last year's, as drafts%s. No risk, mark, result or evidence came along.", c.To, len(r.Papers), len(r.Requests), word(r.Matrix != "", ", and a draft of its matrix", ""))
		for _, p := range r.Prior {
			s.fact("  %s: %d of %d deviated in %s; its sample is larger now, or says why not.", p.Control, p.Deviations, p.Tested, c.From)
		}
		return nil
	})
}

package cli

import (
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/guide"
	"tickmark/internal/workspace"
)

type startCommand struct {
	File  string `required:"" placeholder:"FILE" help:"Answers as YAML; - reads standard input. docs/start.md shows an example."`
	Draft bool   `help:"Keep the answers and stop before the plan, so that it can be looked at under /start."`
}

func (c *startCommand) Run(s *session) error {
	in := s.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return unreadable(c.File, err)
		}
		defer f.Close()
		in = io.Reader(f)
	}
	a, err := guide.Read(in)
	if err != nil {
		return err
	}
	return s.with(func(w *workspace.Workspace, me access.Session) error {
		n, err := guide.Run(s, w.Book, me, a, !c.Draft)
		if err != nil {
			return err
		}
		st, err := guide.Load(s, w.Book)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			return s.writeJSON(map[string]any{"period": st.Period.Key, "state": st.Period.State, "written": n, "warnings": st.Warnings(guide.Window{From: st.Period.From, To: st.Period.To, Fieldwork: st.Period.Fieldwork}, st.Period.Type)})
		}
		s.fact("%s, %s, %s", st.Period.Name, strings.Join(st.Period.Categories, ", "), st.Period.State)
		for _, kind := range slices.Sorted(maps.Keys(n)) {
			s.fact("  %-12s %d written", kind, n[kind])
		}
		if len(n) == 0 {
			s.say("Nothing was written: all of it stands there already.")
		}
		for _, warning := range st.Warnings(guide.Window{From: st.Period.From, To: st.Period.To, Fieldwork: st.Period.Fieldwork}, st.Period.Type) {
			s.say("%s", warning)
		}
		if c.Draft {
			s.say("The plan is not confirmed. Look at it under /start/plan, or run the same without --draft.")
		} else {
			s.say("What comes next: tickmark gaps, or /plan.")
		}
		return nil
	})
}

package cli

import (
	"fmt"
	"strings"

	"tickmark/internal/access"
	"tickmark/internal/doctor"
	"tickmark/internal/fault"
	"tickmark/internal/workspace"
)

type doctorCommand struct {
	Space bool `help:"Explain what takes the space, by part and by kind."`
}

func (c *doctorCommand) Run(s *session) error {
	return s.with(func(w *workspace.Workspace, _ access.Session) error {
		if c.Space {
			return c.space(s, w)
		}
		lines, err := doctor.Look(s, w)
		if err != nil {
			return err
		}
		if s.flags.JSON {
			if err := s.writeJSON(lines); err != nil {
				return err
			}
		} else {
			for _, l := range lines {
				s.fact("%-4s  %s: %s.", l.State, l.What, printable(strings.TrimSuffix(l.Said, ".")))
				if l.Next != "" {
					s.fact("      %s", printable(l.Next))
				}
			}
		}
		if doctor.Worst(lines) == doctor.Bad {
			return fault.New(fault.Unavailable, "Something is wrong with this workspace.").WithNext("See the lines marked bad.")
		}
		return nil
	})
}

func (c *doctorCommand) space(s *session, w *workspace.Workspace) error {
	x, err := doctor.Explain(s, w)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.writeJSON(x)
	}
	var rows [][]string
	for _, p := range x.Parts {
		rows = append(rows, []string{p.What, doctor.Bytes(p.Bytes), doctor.Bytes(p.Indexes)})
	}
	if err := s.table([]string{"on the disk", "bytes", "of them indexes of the database"}, rows); err != nil {
		return err
	}
	s.fact("")
	rows = nil
	for _, k := range x.Kinds {
		rows = append(rows, []string{k.Kind, fmt.Sprint(k.Versions), doctor.Bytes(k.Bodies), doctor.Bytes(k.History), fmt.Sprint(k.Dropped), doctor.Bytes(k.Raw), doctor.Bytes(k.Sources), doctor.Bytes(k.Indexed), fmt.Sprint(k.Answers)})
	}
	if free, bitwise, err := w.DB.Free(s); err != nil {
		return err
	} else if free > 0 && !bitwise && w.DB.Path() != "" {
		defer s.fact("Of the file, %s are free and kept for what is written next: an older release made it. tickmark retention compact gives it back, once.", doctor.Bytes(free))
	}
	return s.table([]string{"kind", "versions", "bodies now", "bodies before", "dropped", "sources' bytes", "their answers", "index", "answers"}, rows)
}

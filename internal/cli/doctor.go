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
	Space bool `help:"Explain what takes the space, by kind."`
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
	list, err := doctor.Spaces(s, w)
	if err != nil {
		return err
	}
	if s.flags.JSON {
		return s.writeJSON(list)
	}
	var rows [][]string
	for _, x := range list {
		rows = append(rows, []string{x.Kind, fmt.Sprint(x.Versions), doctor.Bytes(x.Bodies), doctor.Bytes(x.Raw), doctor.Bytes(x.Indexed), fmt.Sprint(x.Answers)})
	}
	return s.table([]string{"kind", "versions", "bodies", "sources' bytes", "index", "answers"}, rows)
}

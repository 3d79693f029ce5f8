package internal

import (
	"slices"
	"testing"

	"tickmark/internal/control"
	"tickmark/internal/evidence"
	"tickmark/internal/exception"
	"tickmark/internal/finding"
	"tickmark/internal/framework"
	"tickmark/internal/organisation"
	"tickmark/internal/person"
	"tickmark/internal/record"
)

func TestProgramKindsDeclareWhatTheyUse(t *testing.T) {
	for _, k := range []record.Kind{framework.Kind(), control.Kind(), organisation.Kind(), person.Kind(), evidence.Kind(), finding.Kind(), exception.Kind()} {
		indexed := 0
		for _, f := range k.Fields {
			if f.Indexed {
				indexed++
			}
			if f.Type == record.Choice && len(f.Choices) == 0 || f.Type == record.Ref && f.Refers == "" || f.Type == record.Object && len(f.Fields) == 0 {
				t.Errorf("%s.%s is declared by half", k.Name, f.Name)
			}
		}
		if indexed > 8 {
			t.Errorf("%s has %d indexed fields", k.Name, indexed)
		}
		if k.Help == "" || k.Group == "" || k.Plural == "" {
			t.Errorf("%s lacks help, group or plural", k.Name)
		}
		if _, ok := k.FieldNamed(k.Label); !ok {
			t.Errorf("%s is labelled by %q, which it does not declare", k.Name, k.Label)
		}
		if k.States == nil {
			continue
		}
		state, ok := k.FieldNamed(record.StateField)
		if !ok || !state.Fixed || !slices.Equal(state.Choices, k.States.States()) {
			t.Errorf("%s: its field state must be fixed and list %v", k.Name, k.States.States())
		}
		stamps := []string{k.States.By, k.States.At, k.States.Authors}
		for _, m := range k.States.Moves {
			stamps = append(stamps, m.By, m.At)
			for _, f := range m.Fields {
				if _, ok := k.FieldNamed(f.Name); !ok {
					t.Errorf("%s: %s sets %q, which is not declared", k.Name, m.Name, f.Name)
				}
				if f.Required && f.Help == "" {
					t.Errorf("%s: %s asks for %q without saying what that is", k.Name, m.Name, f.Name)
				}
			}
			if m.Title == "" {
				t.Errorf("%s: %s has no title for its button", k.Name, m.Name)
			}
		}
		for _, name := range stamps {
			if f, ok := k.FieldNamed(name); name != "" && (!ok || !f.Fixed) {
				t.Errorf("%s: the machine sets %q, which is not declared as fixed", k.Name, name)
			}
		}
		for _, name := range k.States.Revises {
			if _, ok := k.FieldNamed(name); !ok {
				t.Errorf("%s: revises %q, which is not declared", k.Name, name)
			}
		}
	}
}

package internal

import (
	"slices"
	"testing"

	"tickmark/content"
	"tickmark/internal/check"
	"tickmark/internal/control"
	"tickmark/internal/evidence"
	"tickmark/internal/exception"
	"tickmark/internal/finding"
	"tickmark/internal/framework"
	"tickmark/internal/occurrence"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/requirement"
	"tickmark/internal/system"
	"tickmark/internal/workspace"
)

func programKinds() []record.Kind {
	return []record.Kind{framework.Kind(), control.Kind(), organisation.Kind(), system.Kind(), period.Kind(), person.Kind(), person.MachineKind(), evidence.Kind(), requirement.Kind(), occurrence.Kind(), finding.Kind(), exception.Kind()}
}

func TestProgramKindsDeclareWhatTheyUse(t *testing.T) {
	if _, err := record.NewKinds(programKinds()...); err != nil {
		t.Fatal(err)
	}
	for _, k := range programKinds() {
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

func TestShippedChecksHold(t *testing.T) {
	items, err := control.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, item := range items {
		known[item.ID] = true
	}
	all, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	words, err := check.NewVocabulary(all.All()...)
	if err != nil {
		t.Fatal(err)
	}
	report, err := check.Test(words, check.Rules{Controls: known, Unknown: true}, content.Check)
	if err != nil {
		t.Fatal(err)
	}
	for _, trial := range report {
		if trial.Err != nil {
			t.Error(trial.Err)
		}
		for _, e := range trial.Examples {
			if !e.Held {
				t.Errorf("%s:%d: %q expects %s and got %s: %s", trial.File, e.Line, e.Name, e.Expect, e.Got, e.Reason)
			}
		}
	}
	if len(report) == 0 {
		t.Error("no check was found")
	}
}

func TestShippedChecksAnswerAsByCELAlone(t *testing.T) {
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	words, err := check.NewVocabulary(kinds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := check.Test(words, check.Rules{}, content.Check)
	if err != nil {
		t.Fatal(err)
	}
	want, err := check.Test(words.Plain(), check.Rules{}, content.Check)
	if err != nil || len(want) < 70 {
		t.Fatal(len(want), err)
	}
	for i := range want {
		for j, e := range want[i].Examples {
			if g := got[i].Examples[j]; g != e {
				t.Errorf("%s: %q is %s (%s), by CEL alone %s (%s)", want[i].ID, e.Name, g.Got, g.Reason, e.Got, e.Reason)
			}
		}
	}
}

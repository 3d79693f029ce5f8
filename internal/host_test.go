package internal

import (
	"io/fs"
	"testing"

	"tickmark/content"
	"tickmark/internal/check"
	"tickmark/internal/connector/host"
	"tickmark/internal/control"
	"tickmark/internal/person"
	"tickmark/internal/record"
)

func TestChecksOfHostHold(t *testing.T) {
	items, err := control.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, item := range items {
		known[item.ID] = true
	}
	var kinds []*record.Kind
	for _, k := range append(host.Connector().Kinds, person.Kind()) {
		kinds = append(kinds, &k)
	}
	words, err := check.NewVocabulary(kinds...)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(content.Check, "check/host")
	if err != nil {
		t.Fatal(err)
	}
	report, err := check.Test(words, check.Rules{Controls: known, Unknown: true}, files)
	if err != nil {
		t.Fatal(err)
	}
	if len(report) < 40 {
		t.Errorf("only %d checks were found", len(report))
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
}

func TestKindsOfHostHold(t *testing.T) {
	if _, err := record.NewKinds(append(host.Connector().Kinds, person.Kind())...); err != nil {
		t.Fatal(err)
	}
}

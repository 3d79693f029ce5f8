package check

import (
	"testing"

	"tickmark/internal/record"
)

func TestNearIsTheSameSourceAndMachine(t *testing.T) {
	machine := &lookups{of: record.Version{Source: "fleet", Key: "web-1"}}
	part := &lookups{of: record.Version{Source: "fleet", Key: "web-1/sshd", Scope: "web-1"}}
	for _, c := range []struct {
		of            *lookups
		source, scope string
		want          bool
	}{
		{machine, "fleet", "web-1", true}, {machine, "fleet", "", true}, {machine, "fleet", "web-2", false}, {machine, "other", "web-1", false}, {machine, "other", "", false},
		{part, "fleet", "web-1", true}, {part, "fleet", "", true}, {part, "fleet", "web-2", false}, {part, "other", "web-1", false},
	} {
		if got := c.of.near(c.source, c.scope); got != c.want {
			t.Errorf("%s %s beside %s of %s: %v", c.source, c.scope, c.of.of.Key, c.of.of.Source, got)
		}
	}
}

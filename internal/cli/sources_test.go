package cli

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/workspace"
)

var update = flag.Bool("update", false, "write the pages that are made of declarations")

// docs/sources.md is what the connectors declare; go test ./internal/cli -run Sources -update writes it anew.
func TestTheManualOfSourcesIsWhatIsDeclared(t *testing.T) {
	const file = "../../docs/sources.md"
	want := sources(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the connectors declare (%v): go test ./internal/cli -run Sources -update", file, err)
	}
}

func sources(t *testing.T) string {
	t.Helper()
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := workspace.Checks(kinds, "")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Sources\n\nWhat each connector reads, with which permissions, for which checks, and against what it was tested. This page is made of what\nthe connectors declare. Files of your own that are connectors: [connectors.md](connectors.md).\n")
	for _, c := range workspace.Connectors() {
		if c.Demonstration {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n`tickmark connect add %s`. %s\n", c.Title, c.Help, c.Name, cmp.Or(c.Tried, "Its maker did not say against what it was tested."))
		if len(c.Settings) > 0 {
			b.WriteString("\n| setting | what it is |\n|---|---|\n")
			for _, s := range c.Settings {
				fmt.Fprintf(&b, "| `%s`%s | %s |\n", s.Name, marks(s), cell(cmp.Or(s.Help, s.Title)))
			}
		}
		if len(c.Permissions) > 0 {
			b.WriteString("\n| permission | why | for |\n|---|---|---|\n")
			for _, p := range c.Permissions {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", cell(p.Name), cell(p.Why), strings.Join(p.Kinds, ", "))
			}
		}
		if len(c.Kinds) > 0 {
			b.WriteString("\n| kind | what it is | as | checks |\n|---|---|---|---|\n")
			for _, k := range c.Kinds {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, cell(cmp.Or(k.Help, k.Title)), strings.Join(views(k), ", "), strings.Join(checksOf(set, k), ", "))
			}
		}
	}
	return b.String()
}

func marks(s connector.Setting) string {
	switch {
	case s.Secret && s.Required:
		return " (secret, needed)"
	case s.Secret:
		return " (secret)"
	case s.Required:
		return " (needed)"
	}
	return ""
}

func cell(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "|", "\\|") }

func views(k record.Kind) []string {
	var out []string
	for _, v := range k.Views {
		out = append(out, v.Name)
	}
	slices.Sort(out)
	return out
}

func checksOf(set *check.Set, k record.Kind) []string {
	var out []string
	for _, c := range set.Checks() {
		if c.For == k.Name || slices.Contains(views(k), c.For) {
			out = append(out, c.ID)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

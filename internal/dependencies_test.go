package internal

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func TestEveryDirectDependencyIsExplained(t *testing.T) {
	data, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/decisions/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && !strings.Contains(string(doc), "| `"+r.Mod.Path+"` |") {
			t.Errorf("%s has no line in docs/decisions/dependencies.md: why, licence, last release", r.Mod.Path)
		}
	}
}

package internal

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

func TestEveryDirectDependencyIsExplained(t *testing.T) {
	doc, err := os.ReadFile("../docs/decisions/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	product, bench, ok := strings.Cut(string(doc), "\n## Bench only\n")
	if !ok {
		t.Fatal("docs/decisions/dependencies.md has no heading for what only bench needs")
	}
	for file, told := range map[string]string{"../go.mod": product, "../bench/go.mod": product + bench} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mod, err := modfile.Parse(file, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range mod.Require {
			if !r.Indirect && r.Mod.Path != "tickmark" && !strings.Contains(told, "| `"+r.Mod.Path+"` |") {
				t.Errorf("%s of %s has no line in docs/decisions/dependencies.md: why, licence, last release", r.Mod.Path, file)
			}
		}
	}
}

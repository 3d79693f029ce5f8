package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tickmark/internal/workspace"
)

// asked is what testdata/asked.yaml holds.
type asked struct {
	Subjects []struct {
		Prefix, Title string
		Checks        []string
	}
	Answered map[string][]string
	Waits    map[string]string
}

// docs/every-check.md accounts for each check that was asked for: it is there, another answers it, or it waits for something named.
func TestTheManualOfChecksAccountsForEachThatWasAskedFor(t *testing.T) {
	const file = "../../docs/every-check.md"
	raw, err := os.Open("testdata/asked.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var a asked
	list := yaml.NewDecoder(raw)
	list.KnownFields(true)
	if err := list.Decode(&a); err != nil {
		t.Fatal(err)
	}
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := workspace.Checks(kinds, "")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]string{}
	for _, c := range set.Checks() {
		there[c.ID] = c.Title
	}
	counted := map[string]bool{}
	joins, shipped, answered, waiting := 0, 0, 0, 0
	var b strings.Builder
	for _, s := range a.Subjects {
		fmt.Fprintf(&b, "\n## %s\n\n| check | stands |\n|---|---|\n", s.Title)
		for _, n := range s.Checks {
			id := s.Prefix + "-" + n
			if counted[id] {
				t.Errorf("%s is asked for twice", id)
			}
			counted[id] = true
			if s.Prefix == "JOIN" {
				joins++
			}
			by, waits := a.Answered[id], a.Waits[id]
			switch {
			case there[id] != "":
				shipped++
				fmt.Fprintf(&b, "| %s | there: %s |\n", id, there[id])
			case len(by) > 0:
				answered++
				for _, other := range by {
					if there[other] == "" {
						t.Errorf("%s is said to be answered by %s, which is not there", id, other)
					}
				}
				fmt.Fprintf(&b, "| %s | answered by %s |\n", id, strings.Join(by, " with "))
			case waits != "":
				waiting++
				fmt.Fprintf(&b, "| %s | **waits** for %s |\n", id, waits)
			default:
				t.Errorf("%s is neither there nor answered by another, and testdata/asked.yaml does not say what it waits for", id)
			}
		}
	}
	for _, ids := range [][]string{keys(a.Answered), keys(a.Waits)} {
		for _, id := range ids {
			if !counted[id] {
				t.Errorf("testdata/asked.yaml explains %s, which was not asked for", id)
			}
		}
	}
	if len(counted)-joins != 213 || joins != 17 {
		t.Errorf("%d checks and %d across sources are accounted for, of 213 and 17", len(counted)-joins, joins)
	}
	var more []string
	for id := range there {
		if !counted[id] {
			more = append(more, id)
		}
	}
	slices.Sort(more)
	want := fmt.Sprintf("# Every check that was asked for\n\nMade of the files in `content/check` and of `internal/cli/testdata/asked.yaml`. Of 213 checks by what they judge and 17 across sources,\n"+
		"%d are there, %d are answered by a check that asks every source alike, and %d wait for what is named. What no check answers is never counted as\npassed. [Each that is there](checks/README.md); [how checks work](checks.md).\n%s\n"+
		"## Beside these\n\n%d more: %s.\n", shipped, answered, waiting, b.String(), len(more), strings.Join(more, ", "))
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what stands (%v): go test ./internal/cli -run TestTheManualOfChecks -update", file, err)
	}
}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

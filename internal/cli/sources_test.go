package cli

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/connector"
	"tickmark/internal/control"
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

// docs/checks is what the files of checks say, a page for each folder of content/check, and their index.
func TestTheManualOfChecksIsWhatTheirFilesSay(t *testing.T) {
	const dir = "../../docs/checks"
	want := checkPages(t)
	if *update {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(dir + "/*")
	if err != nil || len(files) != len(want) {
		t.Errorf("%s holds %d pages of %d, %v: go test ./internal/cli -run Manual -update", dir, len(files), len(want), err)
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
			t.Errorf("%s is not what the files of checks say (%v): go test ./internal/cli -run Manual -update", name, err)
		}
	}
}

func checkPages(t *testing.T) map[string]string {
	t.Helper()
	kinds, err := workspace.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := workspace.Checks(kinds, "")
	if err != nil {
		t.Fatal(err)
	}
	folders, there := map[string][]*check.Check{}, map[string]bool{}
	for _, c := range set.Checks() {
		folder := path.Base(path.Dir(filepath.ToSlash(c.File)))
		folders[folder] = append(folders[folder], c)
		there[c.ID] = true
	}
	out := map[string]string{}
	var index strings.Builder
	index.WriteString("# Each check\n\nMade of the files in `content/check`; [how checks work](../checks.md).\n\n| page | checks |\n|---|---|\n")
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		title, intro := "Checks: "+folder, ""
		if b, err := os.ReadFile("../../content/check/" + folder + "/README.md"); err == nil {
			first, rest, _ := strings.Cut(string(b), "\n")
			title, intro = strings.TrimPrefix(first, "# "), strings.TrimSpace(rest)+"\n\n"
		}
		var b strings.Builder
		b.WriteString("# " + title + "\n\n" + intro)
		var ids []string
		for _, c := range folders[folder] {
			ids = append(ids, c.ID)
			b.WriteString(checkText(c))
		}
		out[folder+".md"] = strings.TrimRight(b.String(), "\n") + "\n"
		fmt.Fprintf(&index, "| [%s](%s.md) | %s |\n", title, folder, strings.Join(ids, ", "))
	}
	library, err := control.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	named, missing := map[string]bool{}, map[string]bool{}
	for _, c := range library {
		for _, x := range c.Checks {
			named[x.Check] = true
			if !there[x.Check] {
				missing[x.Check] = true
			}
		}
	}
	fmt.Fprintf(&index, "\n## Not yet\n\n%d of the %d that starter controls name: %s.\n", len(missing), len(named), strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	out["README.md"] = index.String()
	return out
}

func checkText(c *check.Check) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s %s\n\nJudges `%s`. Severity %s. For %s.\n\n%s\n\n", c.ID, c.Title, c.For, c.Severity, strings.Join(c.Controls, ", "), strings.TrimSpace(c.Why))
	if len(c.Settings) > 0 {
		b.WriteString("| setting | default |\n|---|---|\n")
		for _, s := range c.Settings {
			fmt.Fprintf(&b, "| `%s` | `%v` |\n", s.Name, cell(fmt.Sprint(s.Default)))
		}
		b.WriteString("\n")
	}
	for _, f := range c.Fix {
		how := strings.TrimSpace(f.How)
		if strings.Contains(how, "\n") || f.Where == "cli" || f.Where == "terraform" {
			how = "\n\n```\n" + how + "\n```\n"
		}
		fmt.Fprintf(&b, "*%s*: %s\n\n", f.Where, how)
	}
	for _, x := range c.Examples {
		fmt.Fprintf(&b, "- %s: %s\n", x.Name, x.Expect)
	}
	return b.String() + "\n"
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

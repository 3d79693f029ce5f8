package internal

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The manual lists what must never be otherwise in an examination, each with the tests that try to break it. A rule without a test,
// and a test that is not there, are found here.
func TestEachInvariantHasATestThatTriesToBreakIt(t *testing.T) {
	page, err := os.ReadFile("../docs/invariants.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]+) \| ([^|]+) \|$`)
	test := regexp.MustCompile("`([a-z/]+) (Test[A-Za-z0-9]+)`")
	sources := map[string]string{}
	next := 1
	for _, r := range row.FindAllStringSubmatch(string(page), -1) {
		if r[1] != fmt.Sprint(next) {
			t.Errorf("rule %s stands where %d should", r[1], next)
		}
		next++
		named := test.FindAllStringSubmatch(r[3], -1)
		if len(named) == 0 {
			t.Errorf("rule %s (%s) names no test", r[1], strings.TrimSpace(r[2]))
		}
		for _, n := range named {
			if _, ok := sources[n[1]]; !ok {
				files, err := filepath.Glob(filepath.Join(filepath.FromSlash(n[1]), "*_test.go"))
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range slices.Sorted(slices.Values(files)) {
					b, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					sources[n[1]] += string(b)
				}
			}
			if !strings.Contains(sources[n[1]], "func "+n[2]+"(t *testing.T)") {
				t.Errorf("rule %s names %s in internal/%s, and there is none", r[1], n[2], n[1])
			}
		}
	}
	if next != 16 {
		t.Errorf("the page has %d rules, and an examination has 15", next-1)
	}
}

// Package internal only holds tests of how the rooms stand to each other.
package internal

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// rooms stand in a line: a package may import only packages of its own room and of rooms before it. A package that is not
// named itself belongs to the nearest room above it.
func rooms() []string {
	return strings.Fields(`
		content docs internal/markdown internal/wording
		internal/fault internal/store internal/store/storetest internal/queue internal/secret internal/awsauth internal/bucket internal/blob internal/blob/blobtest
		internal/ledger/merkle internal/ledger/stamp internal/sample client internal/ledger internal/expr internal/record
		internal/connector internal/connector/connectortest internal/connector/ticket internal/connector/
		internal/collect internal/agent internal/check internal/access internal/anchor
		internal/calendar internal/approval internal/framework internal/control
		internal/person internal/organisation internal/system internal/scope internal/period internal/commitment internal/obligation internal/risk internal/policy internal/training internal/description
		internal/population internal/engagement internal/workpaper internal/opinion internal/issue internal/fieldwork internal/request internal/evidence internal/requirement internal/occurrence internal/finding internal/exception internal/entitlement internal/task internal/employment internal/cycle internal/readiness internal/savedview
		internal/standing internal/gap internal/guide internal/work internal/agenda internal/notice internal/programme internal/report internal/signature internal/exchange internal/grant internal/firmfile internal/retention
		internal/corpus
		internal/workspace internal/backup internal/doctor internal/job internal/demo internal/api internal/web internal/server internal/cli
		internal cmd/tickmark scripts/openapi`)
}

// room is the place in the line of a package path without its module; a room with a slash at its end holds only packages
// within it, which don't import each other.
func room(path string) int {
	for at := path; at != "."; at = parent(at) {
		if at != path {
			if i := slices.Index(rooms(), at+"/"); i >= 0 {
				return i
			}
		}
		if i := slices.Index(rooms(), at); i >= 0 {
			return i
		}
	}
	return -1
}

func parent(path string) string {
	i := strings.LastIndex(path, "/")
	if i < 0 {
		return "."
	}
	return path[:i]
}

func TestRoomsImportOnlyWhatStandsBefore(t *testing.T) {
	for pkg, imports := range packages(t) {
		here := room(pkg)
		if here < 0 || pkg != "internal" && rooms()[here] == "internal" {
			t.Errorf("%s has no room; give it a place in the line", pkg)
			continue
		}
		for _, imp := range imports {
			there := room(imp)
			if there > here || there == here && strings.HasSuffix(rooms()[here], "/") {
				t.Errorf("%s imports %s, which does not stand before it", pkg, imp)
			}
		}
	}
}

func TestTheOrganisationsKindsHoldNoSQL(t *testing.T) {
	for _, pkg := range strings.Fields("framework person organisation system period commitment obligation cycle readiness risk policy evidence requirement occurrence finding exception task") {
		for _, imp := range packages(t)["internal/"+pkg] {
			if imp == "internal/store" {
				t.Errorf("%s imports the store; the organisation's own kinds are struct, rules and states", pkg)
			}
		}
	}
}

// packages maps each package of the module to the packages of the module that it imports, tests left out.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.Command("go", "list", "-f", "{{.ImportPath}}{{range .Imports}} {{.}}{{end}}", "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		pkg := strings.TrimPrefix(f[0], "tickmark/")
		all[pkg] = nil
		for _, imp := range f[1:] {
			if ours, ok := strings.CutPrefix(imp, "tickmark/"); ok {
				all[pkg] = append(all[pkg], ours)
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("go list named no package")
	}
	return all
}

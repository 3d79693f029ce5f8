package host

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"testing"
)

// Each system's own file must declare what the others do, or the package does not compile there. That it does compile is held
// where a database is compiled for other systems anyway: internal/agent/machine, TICKMARK_TEST_HEAVY.
func TestEverySystemDeclaresTheSame(t *testing.T) {
	want := []string{"administrator", "environment", "identity", "notRead", "permissions", "sections", "self", "thisKernel"}
	for _, system := range []string{"linux", "darwin", "windows"} {
		f, err := parser.ParseFile(token.NewFileSet(), "host_"+system+".go", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]bool{}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				has[d.Name.Name] = true
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok {
						for _, n := range v.Names {
							has[n.Name] = true
						}
					}
				}
			}
		}
		for _, name := range want {
			if !has[name] {
				t.Errorf("host_%s.go declares no %s", system, name)
			}
		}
		if system != "linux" && len(has) != len(want) {
			t.Errorf("host_%s.go declares %d names, and the others %v", system, len(has), slices.Sorted(slices.Values(want)))
		}
	}
}

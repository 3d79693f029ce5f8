package check_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"tickmark/internal/check"
)

func TestALibraryThatCannotBeReadIsNeverAnEmptySet(t *testing.T) {
	broken := check.Shipped(words(t), nil, fstest.MapFS{"a.yaml": {Data: []byte("id: HOST-01")}})
	own := broken.With(words(t), nil, t.TempDir())
	for _, set := range []*check.Set{broken, own, broken, own} { // each time, whoever caught the first
		func() {
			defer func() {
				if recover() == nil {
					t.Error("it passes for a set")
				}
			}()
			t.Errorf("there are %d checks", len(set.Checks()))
		}()
	}
}

func TestWorkspacesShareTheLibraryAndNotTheirOwnChecks(t *testing.T) {
	library := check.Shipped(words(t), nil, fstest.MapFS{"a.yaml": {Data: []byte(multiFactor)}})
	mine, other := t.TempDir(), t.TempDir()
	if err := os.WriteFile(mine+"/mine.yaml", []byte(strings.Replace(multiFactor, "HOST-01", "OWN-01", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine+"/bad.yaml", []byte("id: OWN-02"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := library.With(words(t), nil, mine), library.With(words(t), nil, other)
	if len(a.Checks()) != 3 || len(a.Problems()) != 1 || len(b.Checks()) != 1 || len(b.Problems()) != 0 || len(library.Checks()) != 1 {
		t.Errorf("there are %d, %d and %d", len(a.Checks()), len(b.Checks()), len(library.Checks()))
	}
	one, err1 := a.Get("HOST-01")
	two, err2 := b.Get("HOST-01")
	if err1 != nil || err2 != nil || one != two {
		t.Errorf("the library was compiled twice: %v %v", err1, err2)
	}
}

package verify_test

import (
	"os/exec"
	"strings"
	"testing"
)

func TestVerifyingNeedsNoDatabase(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		switch {
		case pkg == "database/sql", strings.HasPrefix(pkg, "modernc.org/"), strings.HasPrefix(pkg, "github.com/jackc/"), pkg == "tickmark/internal/store", pkg == "net/http":
			t.Errorf("verifying imports %s", pkg)
		}
	}
}

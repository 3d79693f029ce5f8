package report_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/report"
	"tickmark/internal/store/storetest"
)

var update = flag.Bool("update", false, "write testdata anew: a package, its key and a proof, as this release makes them")

func testdata(name string) string { return filepath.Join("verify", "testdata", name) }

// TestWhatEarlierReleasesMadeStillVerifies reads a package and a proof that were handed over once. They are never made anew
// for a change of the code: a new format gets new ones beside them.
func TestWhatEarlierReleasesMadeStillVerifies(t *testing.T) {
	if *update {
		w := sourced(t, storetest.SQLite(t))
		b := w.pack(w.options())
		p, err := report.Prove(w.ctx, w.book, me, "host_user", "ada", 0)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"v2.zip": b, "v2.json": proof, "v2.key": []byte(w.book.Log.VKey)} {
			if err := os.WriteFile(testdata(name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"v1", "v2"} {
		key, err := os.ReadFile(testdata(name + ".key"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{name + ".zip", name + ".json"} {
			v, err := report.Verify(t.Context(), testdata(file), string(key))
			if err != nil || !v.OK {
				t.Errorf("%s: %v\n%s", file, err, say(v))
			}
			if file == "v2.zip" && !strings.Contains(say(v), "trace to 4 unedited answers") || file == "v1.zip" && !strings.Contains(say(v), "What sources answered is not in the package") {
				t.Errorf("%s says otherwise of its answers:\n%s", file, say(v))
			}
		}
	}
}

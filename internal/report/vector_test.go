package report_test

import (
	"flag"
	"os"
	"path/filepath"
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
		w := full(t, storetest.SQLite(t))
		b := w.pack(w.options())
		p, err := report.Prove(w.ctx, w.book, me, "host_user", "ada", 0)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"v1.zip": b, "v1.json": proof, "v1.key": []byte(w.book.Log.VKey)} {
			if err := os.WriteFile(testdata(name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	key, err := os.ReadFile(testdata("v1.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"v1.zip", "v1.json"} {
		v, err := report.Verify(t.Context(), testdata(name), string(key))
		if err != nil || !v.OK {
			t.Errorf("%s: %v\n%s", name, err, say(v))
		}
	}
}

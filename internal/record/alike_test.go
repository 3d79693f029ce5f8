package record

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestWhatIsToldByTheBodyComesBack(t *testing.T) {
	body := []byte(`{"account":"100000000001","door":"the north entrance","id":"b00001","log":{"zone":"the inner circle"},"serial":1}`)
	raws := []string{"", "x", `{}`, string(body), `{"id":"b00001","serial":1,"log":{"zone":"the inner circle"},"door":"the north entrance","account":"100000000001"}`,
		strings.Repeat("the north entrance", 30), "tree 1\nauthor Ada\n\nthe inner circle", strings.ReplaceAll(string(body), ",", ",\n  ")}
	for _, raw := range raws {
		told := alike(nil, []byte(raw), body)
		if got, err := unlike(told, body); err != nil || string(got) != raw {
			t.Fatalf("%q came back as %q, %v", raw, got, err)
		}
		if len(raw) > 100 && strings.HasPrefix(raw, `{"id"`) && len(told) > 40 {
			t.Errorf("the same in another order takes %d bytes", len(told))
		}
		r := rand.New(rand.NewPCG(1, uint64(len(raw))))
		for range 2000 { // damage is an error or other bytes, and never a panic
			bad := bytes.Clone(told)
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] = byte(r.IntN(256))
			}
			got, err := unlike(bad[:len(bad)-r.IntN(2)], body)
			if err == nil && len(got) > 4*MaxBody {
				t.Fatal(len(got))
			}
		}
	}
	for _, bad := range [][]byte{nil, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, {5, 0, 5, 2}, {5, 0, 0, 0}, {5, 9, 'a'}, {5, 0, 200, 2, 0}, {0, 0, 0}} {
		if got, err := unlike(bad, []byte("abc")); err == nil {
			t.Errorf("%v was read as %q", bad, got)
		}
	}
}

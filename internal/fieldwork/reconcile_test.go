package fieldwork

import (
	"fmt"
	"strings"
	"testing"
)

// TestEachDifferenceOfTwoListsIsFound compares lists with rows of one value, rows that say nothing, and rows twice.
func TestEachDifferenceOfTwoListsIsFound(t *testing.T) {
	rows := func(said string) (out []valued) {
		for i, v := range strings.Fields(said) {
			out = append(out, valued{row: fmt.Sprint(v, i), value: v, unsaid: v == "?"})
		}
		return out
	}
	for _, c := range []struct {
		here, there, want string
		matched           int
	}{
		{"a b c", "c b a", "", 3},
		{"a b", "a", "here b1", 1},
		{"a", "a b", "there b1", 1},
		{"", "a", "there a0", 0},
		{"a a", "a", "here a1", 1},
		{"a", "a a", "there a1", 1},
		{"?", "?", "here ?0, there ?0", 0}, // neither says what it is, so nobody knows that they are the same
		{"a ?", "a b", "here ?1, there b1", 1},
	} {
		r := compare(rows(c.here), rows(c.there))
		var got []string
		for _, d := range r.List {
			got = append(got, d.Side+" "+d.Row)
		}
		if strings.Join(got, ", ") != c.want || r.Matched != c.matched || r.OnlyHere+r.OnlyThere != len(r.List) {
			t.Errorf("%q and %q: %d agree, %v; want %d, %s", c.here, c.there, r.Matched, got, c.matched, c.want)
		}
	}
}

package sample_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/sample"
)

// vectors are testdata/vectors.json. They were made by testdata/redraw.py and not by this program, and are never made anew for
// a change of either: a new format gets new ones beside them.
type vectors struct {
	Engagement, Control string
	Nonce               sample.Nonce
	Commitment, Empty   sample.Hash
	Delivered           []struct {
		At                           int64
		Location, Salt, Key, Content string
	}
	Order       []int
	Commitments []sample.Hash
	Population  sample.Hash
	Seed        sample.Seed
	Draws       []struct {
		Plan sample.Plan
		Runs []sample.Run
	}
	Extensions []struct {
		Plan   sample.Plan
		Number int
		Seen   []int
		Runs   []sample.Run
	}
	Steps []struct {
		Every    int64 `json:"every_hours"`
		Rows, N  int
		Patterns []string
	}
	Shares []struct {
		N             int
		Sizes, Shares []int
	}
	Sizes []struct {
		Confidence, Tolerable  sample.Rate
		Planned, Population, N int
	}
	Limits []struct {
		Confidence, Rate     sample.Rate
		Population, N, Found int
		Deviations           int
	}
}

func readVectors(t *testing.T) (v vectors, occurrences []sample.Occurrence) {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	for _, d := range v.Delivered {
		salt, err := hex.DecodeString(d.Salt)
		if err != nil {
			t.Fatal(err)
		}
		occurrences = append(occurrences, sample.Occurrence{At: d.At, Location: d.Location, Opening: sample.Opening{Salt: salt, Key: d.Key, Content: []byte(d.Content)}})
	}
	return v, occurrences
}

func TestPublishedVectors(t *testing.T) {
	v, occurrences := readVectors(t)
	f, err := sample.Freeze(slices.Values(occurrences))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range f.Rows {
		if r.Commitment != v.Commitments[i] {
			t.Errorf("row %d commits to %s", i, r.Commitment)
		}
	}
	seed, err := sample.SeedOf(v.Engagement, v.Control, f.Hash, v.Nonce)
	if err != nil || f.Hash != v.Population || !slices.Equal(f.Order, v.Order) || v.Nonce.Commitment() != v.Commitment || seed != v.Seed {
		t.Fatalf("population %s, order %v, commitment %s, seed %s, %v", f.Hash, f.Order, v.Nonce.Commitment(), seed, err)
	}
	if h, err := sample.HashOf(nil); err != nil || h != v.Empty {
		t.Errorf("no rows have the hash %s, %v", h, err)
	}
	for _, d := range v.Draws {
		if runs, err := sample.Draw(seed, f.Rows, d.Plan); err != nil || !same(runs, d.Runs) {
			t.Errorf("%+v draws %v, %v", d.Plan, runs, err)
		}
	}
	for _, d := range v.Extensions {
		if runs, err := sample.Extend(seed, f.Rows, d.Plan, d.Number, d.Seen); err != nil || !same(runs, d.Runs) {
			t.Errorf("extension %d, %+v, draws %v, %v", d.Number, d.Plan, runs, err)
		}
	}
	for _, s := range v.Steps {
		rows := make([]sample.Row, s.Rows)
		for i := range rows {
			rows[i].At = 1767225600000000 + int64(i)*s.Every*3_600_000_000
		}
		found, err := sample.Cycles(rows, s.N)
		if err != nil || !slices.EqualFunc(found, s.Patterns, func(c sample.Cycle, name string) bool { return c.Pattern == name }) {
			t.Errorf("%+v: %v, %v", s, found, err)
		}
	}
	for _, s := range v.Shares {
		if got, err := sample.Share(s.N, s.Sizes); err != nil || !slices.Equal(got, s.Shares) {
			t.Errorf("%d over %v: %v, %v", s.N, s.Sizes, got, err)
		}
	}
	for _, s := range v.Sizes {
		a := sample.Assurance{Confidence: s.Confidence, Tolerable: s.Tolerable}
		got, err := a.SizeFor(s.Planned)
		if s.Population > 0 {
			got, err = a.SizeFrom(s.Population, s.Planned)
		}
		if err != nil || got != s.N {
			t.Errorf("%+v: %d, %v", s, got, err)
		}
	}
	for _, l := range v.Limits {
		stage := sample.Stage{Plan: sample.Plan{Method: sample.Random, Size: l.N}, Runs: []sample.Run{{Items: upTo(l.N)}}}
		got, err := sample.Limit([]sample.Stage{stage}, l.Population, l.Found, l.Confidence)
		if err != nil || got.Rate != l.Rate || got.Deviations != l.Deviations {
			t.Errorf("%+v: %+v, %v", l, got, err)
		}
	}
	if len(v.Draws) < 10 || len(v.Extensions) < 4 || len(v.Steps) < 10 || len(v.Sizes) < 40 || len(v.Limits) < 10 {
		t.Error("vectors are missing")
	}
}

// TestAnotherProgramReachesTheSameItems runs the second implementation, which shares nothing with this one.
func TestAnotherProgramReachesTheSameItems(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 to run the second implementation; its vectors are still read back")
	}
	out, err := exec.Command(python, "testdata/redraw.py", "--vectors").Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != string(want) {
		t.Error("testdata/redraw.py reaches other items than testdata/vectors.json holds")
	}
}

func same(a, b []sample.Run) bool {
	return slices.EqualFunc(a, b, func(a, b sample.Run) bool {
		return a.Location == b.Location && slices.Equal(a.Items, b.Items) && slices.Equal(a.Reserves, b.Reserves)
	})
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestTheArithmeticNeedsNothingButTheTree(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if strings.Contains(pkg, ".") || strings.HasPrefix(pkg, "tickmark/") && pkg != "tickmark/internal/ledger/merkle" || slices.Contains([]string{"math/rand", "math/rand/v2", "crypto/rand", "os", "net", "database/sql"}, pkg) {
			t.Errorf("it imports %s", pkg)
		}
	}
}

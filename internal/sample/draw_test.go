package sample_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickmark/internal/sample"
)

// plainly draws as docs/sampling.md says it, without any of the program's shortcuts: a whole shuffle of each run, with numbers
// of any size.
func plainly(seed sample.Seed, rows []sample.Row, p sample.Plan) []sample.Run {
	below := func(run, j, m int) int {
		b := binary.BigEndian.AppendUint64(seed[:len(seed):len(seed)], uint64(run))
		if j > 0 {
			b = binary.BigEndian.AppendUint64(b, uint64(j))
		}
		h := sha256.Sum256(b)
		return int(new(big.Int).Mod(new(big.Int).SetBytes(h[:]), big.NewInt(int64(m))).Int64())
	}
	shuffled := func(run, from, to int) []int {
		var all []int
		for i := from; i < to; i++ {
			all = append(all, i)
		}
		for j := range all {
			r := j + below(run, j, len(all)-j)
			all[j], all[r] = all[r], all[j]
		}
		return all
	}
	var out []sample.Run
	switch p.Method {
	case sample.Random:
		all := shuffled(0, 0, len(rows))
		items := slices.Clone(all[:p.Size])
		slices.Sort(items)
		return []sample.Run{{Items: items, Reserves: all[p.Size:min(p.Size+p.Reserves, len(all))]}}
	case sample.Stratified:
		for i := range p.Size {
			all := shuffled(i, i*len(rows)/p.Size, (i+1)*len(rows)/p.Size)
			out = append(out, sample.Run{Items: all[:1], Reserves: all[1:min(1+p.Reserves, len(all))]})
		}
	case sample.Systematic:
		start := below(0, 0, len(rows))
		taken := map[int]bool{}
		for i := range p.Size {
			taken[(i*len(rows)+start)/p.Size] = true
		}
		for i := range p.Size {
			all := slices.DeleteFunc(shuffled(i+1, i*len(rows)/p.Size, (i+1)*len(rows)/p.Size), func(x int) bool { return taken[x] })
			out = append(out, sample.Run{Items: []int{(i*len(rows) + start) / p.Size}, Reserves: all[:min(p.Reserves, len(all))]})
		}
	}
	return out
}

func drawnSeed(t *rapid.T) sample.Seed {
	return sample.Seed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
}

func TestAPlainDrawReachesTheSameItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := freeze(t, occurrences(rapid.IntRange(1, 80).Draw(t, "N"))).Rows
		p := sample.Plan{Method: rapid.SampledFrom([]sample.Method{sample.Stratified, sample.Random, sample.Systematic}).Draw(t, "method"),
			Size: rapid.IntRange(1, len(rows)).Draw(t, "n"), Reserves: rapid.IntRange(0, 5).Draw(t, "reserves")}
		seed := drawnSeed(t)
		got, err := sample.Draw(seed, rows, p)
		if want := plainly(seed, rows, p); err != nil || !same(got, want) {
			t.Fatalf("%v, %v; plainly %v", got, err, want)
		}
	})
}

func TestEachRunGivesOneItemAndItsOwnReserves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := freeze(t, occurrences(rapid.IntRange(1, 200).Draw(t, "N"))).Rows
		n := rapid.IntRange(1, len(rows)).Draw(t, "n")
		runs, err := sample.Draw(drawnSeed(t), rows, sample.Plan{Method: sample.Stratified, Size: n, Reserves: rapid.IntRange(0, len(rows)).Draw(t, "reserves")})
		if err != nil || len(runs) != n {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		shortest, longest := len(rows), 0
		for i, r := range runs {
			from, to := i*len(rows)/n, (i+1)*len(rows)/n
			shortest, longest = min(shortest, to-from), max(longest, to-from)
			if len(r.Items) != 1 {
				t.Fatalf("run %d has %d items", i, len(r.Items))
			}
			all := slices.Sorted(slices.Values(append(slices.Clone(r.Reserves), r.Items...)))
			if all[0] < from || all[len(all)-1] >= to || len(slices.Compact(all)) != 1+len(r.Reserves) {
				t.Fatalf("run %d, rows %d to %d, has %v", i, from, to, all)
			}
		}
		if longest-shortest > 1 {
			t.Fatalf("runs of %d and of %d rows", shortest, longest)
		}
	})
}

func TestEveryDrawHasItsSizeAndNoRowTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := freeze(t, occurrences(rapid.IntRange(4, 120).Draw(t, "N"))).Rows
		seed, seen := drawnSeed(t), []int(nil)
		for stage := 0; len(seen) < len(rows)-2; stage++ {
			p := sample.Plan{Method: rapid.SampledFrom([]sample.Method{sample.Stratified, sample.Random, sample.Systematic}).Draw(t, "method"),
				Size: rapid.IntRange(2, len(rows)-len(seen)).Draw(t, "n"), Reserves: rapid.IntRange(0, 9).Draw(t, "reserves"), ByLocation: rapid.Bool().Draw(t, "by location")}
			var runs []sample.Run
			var err error
			if stage == 0 {
				runs, err = sample.Draw(seed, rows, p)
			} else {
				runs, err = sample.Extend(seed, rows, p, stage, seen)
			}
			if err != nil {
				t.Fatal(err)
			}
			var items, all []int
			places := map[string]bool{}
			for _, r := range runs {
				items, all = append(items, r.Items...), append(append(all, r.Items...), r.Reserves...)
				for _, i := range append(slices.Clone(r.Items), r.Reserves...) {
					if p.ByLocation && rows[i].Location != r.Location {
						t.Fatalf("row %d of %s stands in a run of %s", i, rows[i].Location, r.Location)
					}
					places[rows[i].Location] = true
				}
			}
			for _, i := range all {
				if slices.Contains(seen, i) {
					t.Fatalf("row %d was looked at before", i)
				}
			}
			slices.Sort(all)
			if len(items) != p.Size || len(slices.Compact(all)) != len(all) {
				t.Fatalf("%d of %d items, all %v", len(items), p.Size, all)
			}
			seen = append(seen, items...)
		}
	})
}

// TestRowsAreAlikeLikely counts over many seeds how often each row is drawn and lays it beside what is due, by chi-square.
func TestRowsAreAlikeLikely(t *testing.T) {
	const seeds, rowsN, n = 6_000, 30, 5
	rows := freeze(t, occurrences(rowsN)).Rows
	for _, p := range []sample.Plan{{Method: sample.Stratified, Size: n, Reserves: 1}, {Method: sample.Random, Size: n, Reserves: n}, {Method: sample.Systematic, Size: n, Reserves: 1}, {Method: sample.Stratified, Size: 6, ByLocation: true}, {Method: sample.Systematic, Size: 4}} {
		var drawn, reserved [rowsN]float64
		for i := range seeds {
			seed, err := sample.SeedOf("engagement", "control", sample.Hash{}, sample.Nonce(sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))))
			if err != nil {
				t.Fatal(err)
			}
			runs, err := sample.Draw(seed, rows, p)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range runs {
				for _, x := range r.Items {
					drawn[x]++
				}
				for _, x := range r.Reserves {
					reserved[x]++
				}
			}
		}
		for what, counts := range map[string][rowsN]float64{"items": drawn, "reserves": reserved} {
			if what == "reserves" && p.Reserves == 0 {
				continue
			}
			due := float64(seeds*p.Size) / rowsN
			chi := 0.0
			for _, c := range counts {
				chi += (c - due) * (c - due) / due
			}
			// Draws without replacement vary less than a chi-square of 29 degrees; 71 is passed once in 20,000.
			if math.IsNaN(chi) || chi > 71 {
				t.Errorf("%+v, %s: chi-square %.1f, %v", p, what, chi, counts)
			}
		}
	}
}

func TestAnExtensionOfAnotherSizeOrNumberIsAnotherDraw(t *testing.T) {
	rows := freeze(t, occurrences(500)).Rows
	seen := []int{3, 77}
	first := func(n, number int) int {
		runs, err := sample.Extend(sample.Seed{9}, rows, sample.Plan{Method: sample.Random, Size: n, Reserves: 200}, number, seen)
		if err != nil {
			t.Fatal(err)
		}
		return runs[0].Reserves[0]
	}
	if a, b, c := first(10, 1), first(11, 1), first(10, 2); a == b || a == c {
		t.Errorf("%d, %d, %d", a, b, c)
	}
}

func TestADrawRefusesWhatItCannotGive(t *testing.T) {
	rows := freeze(t, occurrences(20)).Rows
	timeless := slices.Clone(rows)
	for i := range timeless {
		timeless[i].At = sample.NoTime
	}
	slices.SortFunc(timeless, sample.Compare)
	swapped := slices.Clone(rows)
	swapped[0], swapped[9] = swapped[9], swapped[0]
	for _, c := range []struct {
		rows []sample.Row
		plan sample.Plan
		want string
	}{
		{rows, sample.Plan{Method: sample.Stratified, Size: 0}, "0 items cannot be drawn"},
		{rows, sample.Plan{Method: sample.Stratified, Size: 21}, "21 items cannot be drawn from 20"},
		{nil, sample.Plan{Method: sample.Random, Size: 1}, "from 0 rows"},
		{rows, sample.Plan{Method: sample.Random, Size: 2, Reserves: -1}, "-1 reserves"},
		{rows, sample.Plan{Method: sample.All, Size: 20}, "nothing to draw"},
		{rows, sample.Plan{Method: sample.Haphazard, Size: 2}, "nothing to draw"},
		{rows, sample.Plan{Method: "block", Size: 2}, `no method "block"`},
		{rows, sample.Plan{Size: 2}, `no method ""`},
		{rows, sample.Plan{Method: sample.Random, Size: 1, ByLocation: true}, "do not reach 2 locations"},
		{swapped, sample.Plan{Method: sample.Random, Size: 2}, "canonical order"},
		{timeless, sample.Plan{Method: sample.Stratified, Size: 2}, "has no time"},
		{timeless, sample.Plan{Method: sample.Systematic, Size: 2}, "has no time"},
	} {
		if runs, err := sample.Draw(sample.Seed{}, c.rows, c.plan); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, %v", c.plan, runs, err)
		}
	}
	if _, err := sample.Draw(sample.Seed{}, timeless, sample.Plan{Method: sample.Random, Size: 2}); err != nil {
		t.Error(err)
	}
	if runs, err := sample.Draw(sample.Seed{}, rows, sample.Plan{Method: sample.Systematic, Size: 3, Reserves: math.MaxInt}); err != nil || len(runs) != 3 {
		t.Errorf("%v, %v", runs, err)
	}
	for _, c := range []struct {
		number int
		seen   []int
		size   int
	}{{0, []int{1}, 2}, {1, nil, 2}, {1, []int{20}, 2}, {1, []int{-1}, 2}, {1, []int{1, 2}, 19}} {
		if runs, err := sample.Extend(sample.Seed{}, rows, sample.Plan{Method: sample.Random, Size: c.size}, c.number, c.seen); err == nil {
			t.Errorf("%+v: %v", c, runs)
		}
	}
	for _, c := range []struct {
		n     int
		sizes []int
	}{{1, nil}, {2, []int{1, 1, 1}}, {4, []int{1, 2}}, {2, []int{0, 2}}} {
		if got, err := sample.Share(c.n, c.sizes); err == nil {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestConfidenceIsForSimpleRandomSelectionOnly(t *testing.T) {
	for _, p := range []sample.Plan{{Method: sample.All}, {Method: sample.Stratified}, {Method: sample.Systematic}, {Method: sample.Haphazard}, {}, {Method: sample.Random, ByLocation: true}} {
		if ok, why := p.Statistical(); ok || why == "" {
			t.Errorf("%+v: %v, %q", p, ok, why)
		}
	}
	if ok, why := (sample.Plan{Method: sample.Random}).Statistical(); !ok || why != "" {
		t.Errorf("%v, %q", ok, why)
	}
}

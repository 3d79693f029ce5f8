package sample_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickmark/internal/sample"
)

func TestExtent(t *testing.T) {
	for _, c := range []struct {
		n, upTo int
		risk    sample.Risk
		size    int
		all     bool
	}{
		{0, 25, sample.High, 0, true}, {1, 25, sample.Low, 1, true}, {25, 25, sample.Low, 25, true}, {26, 25, sample.Low, 3, false},
		{26, 25, sample.High, 8, false}, {60, 25, sample.Moderate, 7, false}, {61, 25, sample.Moderate, 10, false}, {365, 25, sample.High, 40, false},
		{366, 25, sample.High, 60, false}, {1_000_000, 25, sample.High, 60, false}, {12, 0, sample.Moderate, 3, false}, {2, 0, sample.High, 2, true}, {50, 50, sample.Low, 50, true},
	} {
		e, err := sample.ByPeople(c.n, c.upTo, sample.Common(), c.risk)
		if err != nil || e.Size != c.size || e.All != c.all || e.Rule == "" {
			t.Errorf("%+v: %+v, %v", c, e, err)
		}
	}
	if n, err := (sample.Table{Name: "strict", Version: "1", Bands: []sample.Band{{1, 5, 5, 5}}}).Size(3, sample.Low); err != nil || n != 3 {
		t.Errorf("a table asks for %d of 3, %v", n, err)
	}
	if e := sample.ByMachine(4711); e.Size != 4711 || !e.All {
		t.Errorf("%+v", e)
	}
	for _, c := range []struct {
		n, upTo int
		risk    sample.Risk
	}{{-1, 25, sample.Low}, {5, -1, sample.Low}, {500, 25, ""}, {5, 25, "severe"}} {
		if e, err := sample.ByPeople(c.n, c.upTo, sample.Common(), c.risk); err == nil {
			t.Errorf("%+v: %+v", c, e)
		}
	}
	if p := sample.ByMachine(30).Plan(2); p != (sample.Plan{Method: sample.All, Size: 30}) {
		t.Errorf("%+v", p)
	}
	e, _ := sample.ByPeople(300, 25, sample.Common(), sample.High)
	if p := e.Plan(2); p != (sample.Plan{Method: sample.Stratified, Size: 40, Reserves: 2}) {
		t.Errorf("%+v", p)
	}
	for _, c := range []struct {
		size, n int
		reason  string
		ok      bool
	}{{40, 300, "", true}, {60, 300, "", true}, {39, 300, "", false}, {39, 300, " ", false}, {39, 300, "two controls cover it", true}, {301, 300, "", false}, {0, 300, "none", false}, {-1, 300, "none", false}} {
		if err := e.Choose(c.size, c.n, c.reason); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := sample.ByMachine(300).Choose(299, 300, "enough"); err == nil {
		t.Error("a machine decides all, and one was left out")
	}
	if err := sample.ByMachine(0).Choose(0, 0, ""); err != nil {
		t.Error(err)
	}
}

func TestATableIsEditedAsDataAndChecked(t *testing.T) {
	b, err := json.Marshal(sample.Common())
	if err != nil {
		t.Fatal(err)
	}
	var again sample.Table
	if err := json.Unmarshal(b, &again); err != nil || again.Check() != nil {
		t.Fatalf("%v, %v", err, again.Check())
	}
	for name, edit := range map[string]func(*sample.Table){
		"name and a version":      func(t *sample.Table) { t.Version = " " },
		"must be from 1":          func(t *sample.Table) { t.Bands = t.Bands[1:] },
		"first band":              func(t *sample.Table) { t.Bands = nil },
		"comes after":             func(t *sample.Table) { t.Bands[3].From = 3 },
		"none less than":          func(t *sample.Table) { t.Bands[3].High = 1 },
		"at least 1":              func(t *sample.Table) { t.Bands[0].Low = 0 },
		"less than the one from ": func(t *sample.Table) { t.Bands[5].Low = 2 },
	} {
		table := sample.Common()
		edit(&table)
		if err := table.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if n, err := table.Size(100, sample.High); err == nil {
			t.Errorf("%s: a size of %d", name, n)
		}
	}
}

func TestATestOfOneNeedsEveryAnswer(t *testing.T) {
	full := sample.Automated{Configurations: 40, Automated: "yes", Unchanged: "yes", Technology: "yes", Negative: "yes", Inspected: "yes"}
	if e, against := full.OfOne(); len(against) > 0 || e.Size != 40 || !e.All {
		t.Errorf("%+v, %v", e, against)
	}
	for name, spoil := range map[string]func(*sample.Automated){
		"configurations": func(a *sample.Automated) { a.Configurations = 0 }, "automated": func(a *sample.Automated) { a.Automated = "no" },
		"unchanged": func(a *sample.Automated) { a.Unchanged = "" }, "technology": func(a *sample.Automated) { a.Technology = "maybe" },
		"negative": func(a *sample.Automated) { a.Negative = "" }, "inspected": func(a *sample.Automated) { a.Inspected = "no" },
	} {
		a := full
		spoil(&a)
		if e, against := a.OfOne(); len(against) != 1 || e != (sample.Extent{}) {
			t.Errorf("%s: %+v, %v", name, e, against)
		}
	}
}

// The tables of attribute sampling as firms use them: least sizes by tolerable rate and planned deviations.
func TestSizesAreThoseOfPublishedTables(t *testing.T) {
	for _, c := range []struct {
		confidence, tolerable sample.Rate
		sizes                 []int // by planned deviations from 0
	}{
		{90, 5, []int{45, 77, 105, 132}}, {90, 6, []int{38, 64, 88, 110}}, {90, 8, []int{28, 48, 65, 82}}, {90, 9, []int{25, 42, 58, 73}},
		{90, 10, []int{22, 38, 52, 65}}, {90, 15, []int{15, 25, 34, 43}}, {90, 20, []int{11, 18, 25, 32}},
		{95, 5, []int{59, 93, 124, 153}}, {95, 6, []int{49, 78, 103, 127}}, {95, 8, []int{36, 58, 77, 95}}, {95, 10, []int{29, 46, 61, 76}}, {95, 15, []int{19, 30, 40, 50}},
	} {
		for planned, want := range c.sizes {
			a := sample.Assurance{Confidence: c.confidence * sample.Percent, Tolerable: c.tolerable * sample.Percent}
			if n, err := a.SizeFor(planned); err != nil || n != want {
				t.Errorf("%d%%, %d%%, %d planned: %d, not %d, %v", c.confidence, c.tolerable, planned, n, want, err)
			}
		}
	}
	for _, c := range []struct{ population, a, b, c int }{{4, 4, 4, 4}, {12, 8, 9, 12}, {24, 13, 15, 19}, {52, 16, 20, 33}, {100, 18, 23, 39}, {250, 21, 26, 51}, {1000, 22, 28, 56}, {5000, 22, 29, 58}} {
		for i, want := range []int{c.a, c.b, c.c} {
			a := []sample.Assurance{{90 * sample.Percent, 10 * sample.Percent}, {95 * sample.Percent, 10 * sample.Percent}, {95 * sample.Percent, 5 * sample.Percent}}[i]
			if n, err := a.SizeFrom(c.population, 0); err != nil || n != want {
				t.Errorf("%d rows, %+v: %d, not %d, %v", c.population, a, n, want, err)
			}
		}
	}
	// With an expected rate: the deviations that are planned for follow from it.
	a := sample.Assurance{Confidence: 95 * sample.Percent, Tolerable: 5 * sample.Percent}
	for _, c := range []struct {
		expected sample.Rate // hundredths of a percent
		n, c     int
	}{{0, 59, 0}, {25, 93, 1}, {100, 93, 1}, {125, 124, 2}, {150, 124, 2}, {175, 153, 3}, {200, 181, 4}} {
		if n, planned, err := a.Size(0, c.expected*sample.Percent/100); err != nil || n != c.n || planned != c.c {
			t.Errorf("expected %d: %d with %d, %v", c.expected, n, planned, err)
		}
	}
	for _, expected := range []sample.Rate{5 * sample.Percent, 6 * sample.Percent, -1, 49_900} {
		if n, c, err := a.Size(0, expected); err == nil {
			t.Errorf("expected %s: %d with %d", expected, n, c)
		}
	}
}

func TestLimitsAreThoseOfPublishedTables(t *testing.T) {
	for _, c := range []struct {
		n    int
		tens []float64 // percent at 90 % for 0, 1 and 2 deviations, then at 95 %
	}{
		{5, []float64{36.9, 58.4, 75.3, 45.1, 65.7, 81.1}}, {10, []float64{20.6, 33.7, 45.0, 25.9, 39.4, 50.7}}, {15, []float64{14.2, 23.6, 31.7, 18.1, 27.9, 36.3}},
		{20, []float64{10.9, 18.1, 24.5, 13.9, 21.6, 28.3}}, {25, []float64{8.8, 14.7, 19.9, 11.3, 17.6, 23.1}}, {30, []float64{7.4, 12.4, 16.8, 9.5, 14.9, 19.5}},
		{40, []float64{5.6, 9.4, 12.8, 7.2, 11.3, 14.9}}, {60, []float64{3.8, 6.3, 8.6, 4.9, 7.7, 10.1}},
	} {
		for i, want := range c.tens {
			l, err := sample.Limit(random(c.n), 1_000_000, i%3, []sample.Rate{90, 95}[i/3]*sample.Percent)
			if got := math.Round(float64(l.Rate)/float64(sample.Percent)*10) / 10; err != nil || got != want {
				t.Errorf("n %d, %d deviations: %s, not %.1f%%, %v", c.n, i%3, l.Rate, want, err)
			}
		}
	}
}

func random(n int) []sample.Stage {
	return []sample.Stage{{Plan: sample.Plan{Method: sample.Random, Size: n}, Runs: []sample.Run{{Items: upTo(n)}}}}
}

func TestLimitsAreStatedForOneSimpleRandomSelectionOnly(t *testing.T) {
	extended := append(random(25), random(15)...)
	located, stratified, haphazard, all, half := random(25), random(25), random(25), random(25), random(25)
	located[0].Plan.ByLocation = true
	stratified[0].Plan.Method = sample.Stratified
	haphazard[0].Plan.Method = sample.Haphazard
	all[0].Plan.Method = sample.All
	half[0].Runs[0].Items = upTo(12)
	for name, stages := range map[string][]sample.Stage{"none": nil, "extended": extended, "by location": located, "stratified": stratified, "haphazard": haphazard, "all": all, "half": half} {
		if l, err := sample.Limit(stages, 300, 0, 90*sample.Percent); err == nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
	for _, c := range []struct {
		population, deviations int
		confidence             sample.Rate
	}{{24, 0, 90}, {300, 26, 90}, {300, -1, 90}, {300, 0, 100}, {300, 0, 0}, {300, 0, 40}} {
		if l, err := sample.Limit(random(25), c.population, c.deviations, c.confidence*sample.Percent); err == nil {
			t.Errorf("%+v: %+v", c, l)
		}
	}
	if l, err := sample.Limit(random(25), 300, 25, 90*sample.Percent); err != nil || l.Rate != 100*sample.Percent || l.Deviations != 300 {
		t.Errorf("%+v, %v", l, err)
	}
}

// TestSizesAndLimitsAgainstTheirDefinition counts ways, one by one, with fractions.
func TestSizesAndLimitsAgainstTheirDefinition(t *testing.T) {
	binomial := func(n, k int, rate sample.Rate) *big.Rat {
		p, sum := big.NewRat(int64(rate), 1_000_000), new(big.Rat)
		q := new(big.Rat).Sub(big.NewRat(1, 1), p)
		for i := 0; i <= min(k, n); i++ {
			term := new(big.Rat).SetInt(new(big.Int).Binomial(int64(n), int64(i)))
			for range i {
				term.Mul(term, p)
			}
			for range n - i {
				term.Mul(term, q)
			}
			sum.Add(sum, term)
		}
		return sum
	}
	// Each way to draw n of a small population is looked at: the first bad rows deviate.
	drawn := func(population, bad, n, k int) *big.Rat {
		var ways, few int64
		for set := range 1 << population {
			size, found := 0, 0
			for i := range population {
				if set>>i&1 == 1 {
					size++
					if i < bad {
						found++
					}
				}
			}
			if size == n {
				ways++
				if found <= k {
					few++
				}
			}
		}
		return big.NewRat(few, ways)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := sample.Assurance{Confidence: sample.Rate(rapid.IntRange(500_000, 990_000).Draw(t, "confidence")), Tolerable: sample.Rate(rapid.IntRange(80_000, 600_000).Draw(t, "tolerable"))}
		left := big.NewRat(int64(100*sample.Percent-a.Confidence), int64(100*sample.Percent))
		k := rapid.IntRange(0, 2).Draw(t, "planned")
		n, err := a.SizeFor(k)
		if err != nil || binomial(n, k, a.Tolerable).Cmp(left) > 0 || binomial(n-1, k, a.Tolerable).Cmp(left) <= 0 {
			t.Fatalf("%+v, %d planned: %d, %v", a, k, n, err)
		}
		l, err := sample.Limit(random(n), 1_000_000, k, a.Confidence)
		if err != nil || binomial(n, k, l.Rate).Cmp(left) > 0 || binomial(n, k, l.Rate-1).Cmp(left) <= 0 {
			t.Fatalf("%+v, %d of %d: %+v, %v", a, k, n, l, err)
		}
		population := rapid.IntRange(1, 9).Draw(t, "population")
		bad := int(int64(population)*int64(a.Tolerable)/1_000_000) + 1
		if n, err = a.SizeFrom(population, k); k >= bad {
			if err == nil {
				t.Fatalf("%+v, %d rows, %d planned: %d", a, population, k, n)
			}
			return
		}
		if err != nil || drawn(population, bad, n, k).Cmp(left) > 0 || n > 1 && drawn(population, bad, n-1, k).Cmp(left) <= 0 {
			t.Fatalf("%+v, %d rows, %d planned: %d, %v", a, population, k, n, err)
		}
		k = min(k, n)
		l, err = sample.Limit(random(n), population, k, a.Confidence)
		if most := population - (n - k); err != nil || l.Deviations > most || l.Deviations < most && drawn(population, l.Deviations+1, n, k).Cmp(left) > 0 || l.Deviations > k && drawn(population, l.Deviations, n, k).Cmp(left) <= 0 {
			t.Fatalf("%+v, %d of %d of %d rows: %+v, %v", a, k, n, population, l, err)
		}
	})
}

func TestAssuranceRefusesWhatNoSampleShows(t *testing.T) {
	for _, a := range []sample.Assurance{{}, {90 * sample.Percent, 0}, {100 * sample.Percent, 5 * sample.Percent}, {40 * sample.Percent, 5 * sample.Percent}, {90 * sample.Percent, 100 * sample.Percent}, {95 * sample.Percent, 1}} {
		if n, err := a.SizeFor(0); err == nil {
			t.Errorf("%+v: %d", a, n)
		}
		if a.Tolerable == 1 {
			continue // of a small population even that can be shown, by all of it
		}
		if n, err := a.SizeFrom(100, 0); err == nil {
			t.Errorf("%+v: %d", a, n)
		}
	}
	a := sample.Assurance{Confidence: 95 * sample.Percent, Tolerable: 1}
	if n, err := a.SizeFrom(100, 0); err != nil || n != 95 {
		t.Errorf("%d, %v", n, err)
	}
	for _, c := range []struct{ population, planned int }{{0, 0}, {-1, 0}, {100, -1}, {100, 1}} {
		if n, err := a.SizeFrom(c.population, c.planned); err == nil {
			t.Errorf("%+v: %d", c, n)
		}
	}
	if s := (sample.Rate(369_041)).String(); s != "36.9041%" {
		t.Error(s)
	}
	if s := (5 * sample.Percent).String(); s != "5%" {
		t.Error(s)
	}
}

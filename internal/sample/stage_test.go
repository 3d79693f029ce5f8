package sample_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/sample"
)

func TestAReplacementIsTheNextReserveOfTheSameRun(t *testing.T) {
	s := sample.Stage{Plan: sample.Plan{Method: sample.Stratified, Size: 2, Reserves: 2},
		Runs: []sample.Run{{Items: []int{3}, Reserves: []int{5, 1}}, {Items: []int{12}, Reserves: []int{19}}}}
	for _, c := range []struct{ item, by int }{{12, 19}, {3, 5}, {5, 1}} {
		r, err := s.Replace(c.item, sample.Void, "withdrawn the same day")
		if err != nil || r.By != c.by {
			t.Fatalf("row %d by %+v, %v", c.item, r, err)
		}
		s.Replaced = append(s.Replaced, r)
	}
	for item, want := range map[int]string{3: "before", 1: "no reserve left", 19: "no reserve left", 4: "no item", 12: "before"} {
		if r, err := s.Replace(item, sample.Void, "withdrawn"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("row %d: %+v, %v", item, r, err)
		}
	}
	if err := s.CheckReplaced(); err != nil {
		t.Error(err)
	}
	s.Targeted = []sample.Targeted{{7, "the largest"}}
	if !slices.Equal(s.Tested(), []int{1, 19}) || !slices.Equal(s.Seen(), []int{1, 3, 5, 7, 12, 19}) {
		t.Errorf("tested %v, seen %v", s.Tested(), s.Seen())
	}
	s.Replaced[0].By = 5
	if err := s.CheckReplaced(); err == nil || !strings.Contains(err.Error(), "next reserve of its run is row 19") {
		t.Error(err)
	}
}

func TestEvidenceThatCannotBeFoundIsNoReplacement(t *testing.T) {
	s := sample.Stage{Runs: []sample.Run{{Items: []int{3}, Reserves: []int{5}}}}
	for _, c := range []struct {
		why    sample.Why
		reason string
		want   string
	}{{"no_evidence", "the ticket is lost", "is a deviation"}, {"", "it is void", "no reason"}, {sample.Trial, " ", "without a reason"}} {
		if r, err := s.Replace(3, c.why, c.reason); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %+v, %v", c, r, err)
		}
	}
}

func TestTargetedItemsAreApart(t *testing.T) {
	s := sample.Stage{Runs: []sample.Run{{Items: []int{3}, Reserves: []int{5}}}, Replaced: []sample.Replacement{{3, 5, sample.Void, "void"}}}
	for position, want := range map[int]string{3: "tested anyway", 5: "tested anyway", 8: "tested anyway", 10: "no row 10", -1: "no row -1"} {
		s.Targeted = []sample.Targeted{{position, "risky"}}
		if err := s.CheckTargeted(10, []int{8}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("row %d: %v", position, err)
		}
	}
	for _, targeted := range [][]sample.Targeted{{{1, " "}}, {{1, "risky"}, {1, "again"}}} {
		s.Targeted = targeted
		if err := s.CheckTargeted(10, nil); err == nil {
			t.Errorf("%v", targeted)
		}
	}
	s.Targeted = []sample.Targeted{{1, "risky"}, {2, "risky"}}
	if err := s.CheckTargeted(10, []int{8}); err != nil {
		t.Error(err)
	}
}

func TestPickedItemsAreRecordedAsSuch(t *testing.T) {
	picked := func(items ...int) sample.Stage {
		return sample.Stage{Plan: sample.Plan{Method: sample.Haphazard, Size: 3}, Runs: []sample.Run{{Items: items}}}
	}
	if err := picked(1, 4, 9).CheckPicked(10, []int{2}); err != nil {
		t.Error(err)
	}
	random, reserved := picked(1, 4, 9), picked(1, 4, 9)
	random.Plan.Method = sample.Random
	reserved.Runs[0].Reserves = []int{5}
	for want, s := range map[string]sample.Stage{"of the 3 that were planned": picked(1, 4), "among 10": picked(1, 4, 10), "no row -1": picked(-1, 4, 9), "each once": picked(1, 4, 4),
		"ascending": picked(4, 1, 9), "looked at before": picked(1, 2, 9), "not picked": random, "without reserves": reserved} {
		if err := s.CheckPicked(10, []int{2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestAnIntervalThatKeepsStepWithAPatternIsFound(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	list := func(n int, step func(i int) time.Time) (rows []sample.Row) {
		for i := range n {
			rows = append(rows, sample.Row{At: step(i).UnixMicro(), Commitment: sample.Hash{byte(i >> 8), byte(i)}})
		}
		return rows
	}
	day := func(i int) time.Time { return time.Date(2026, 1, 1+i, 9, 0, 0, 0, berlin) }
	workday := func(i int) time.Time { return time.Date(2026, 1, 5+i/5*7+i%5, 9, 0, 0, 0, berlin) }
	for _, c := range []struct {
		name string
		rows []sample.Row
		n    int
		want []string
	}{
		{"daily, each seventh", list(364, day), 52, []string{"day of the week"}},
		{"daily, each fourteenth", list(364, day), 26, []string{"day of the week"}},
		{"daily, each fifteenth", list(360, day), 24, nil},
		{"daily, twelve a year", list(365, day), 12, []string{"part of the month"}},
		{"daily, four a year, which is each thirteen weeks", list(365, day), 4, []string{"day of the week", "part of the month", "month of the quarter"}},
		{"daily, twenty-five", list(365, day), 25, nil},
		{"working days, each fifth", list(260, workday), 52, []string{"day of the week"}},
		{"working days, each tenth", list(260, workday), 26, []string{"day of the week"}},
		{"working days, each sixth", list(258, workday), 43, nil},
		{"weekly, which is of one day anyway", list(52, func(i int) time.Time { return day(7 * i) }), 13, nil},
		{"monthly, all", list(12, func(i int) time.Time { return time.Date(2026, time.Month(1+i), 1, 9, 0, 0, 0, berlin) }), 4, []string{"month of the quarter"}},
		{"hourly, each twenty-fourth", list(24*60, func(i int) time.Time { return day(0).Add(time.Duration(i) * time.Hour) }), 60, []string{"hour of the day"}},
		{"hourly, each twenty-fifth", list(25*40, func(i int) time.Time { return day(0).Add(time.Duration(i) * time.Hour) }), 40, nil},
		{"one item", list(365, day), 1, nil},
		{"about midnight, summer and winter", list(364, func(i int) time.Time { return time.Date(2026, 1, 1+i, 1, 30, 0, 0, berlin) }), 52, []string{"day of the week"}},
		{"about noon, summer and winter", list(364, func(i int) time.Time { return time.Date(2026, 1, 1+i, 13, 30, 0, 0, berlin) }), 52, []string{"day of the week"}},
	} {
		found, err := sample.Cycles(c.rows, c.n)
		var got []string
		for _, f := range found {
			got = append(got, f.Pattern)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, found, err)
		}
		_, err = sample.Draw(sample.Seed{1}, c.rows, sample.Plan{Method: sample.Systematic, Size: c.n})
		if (err != nil) != (len(c.want) > 0) || err != nil && !strings.Contains(err.Error(), c.want[0]) {
			t.Errorf("%s is drawn: %v", c.name, err)
		}
	}
	if _, err := sample.Cycles([]sample.Row{{At: sample.NoTime}}, 1); err == nil {
		t.Error("a list without times has no pattern to look for")
	}
}

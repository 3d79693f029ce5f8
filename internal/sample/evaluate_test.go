package sample_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickmark/internal/sample"
)

// recorded is a deviation of which everything is recorded, of a cause and an episode of its own.
func recorded(item int) sample.Deviation {
	name := string(rune('a' + item))
	return sample.Deviation{Item: item, Kind: sample.Wrong, Cause: "cause " + name, Episode: "episode " + name, Design: sample.No}
}

// results are complete and have the given number of deviations, none of which marks anything.
func results(population, size, deviations int) sample.Results {
	r := sample.Results{Population: population, Complete: sample.Yes, Size: size, Tested: size, Planned: deviations,
		Concentrated: sample.Judgement{Answer: sample.No, Reason: "three sites"}, Persistent: sample.Judgement{Answer: sample.No, Reason: "all in March"}}
	for i := range deviations {
		r.Deviations = append(r.Deviations, recorded(i))
	}
	return r
}

func evaluate(t *testing.T, r sample.Results) (markers, open []string) {
	t.Helper()
	o, err := sample.Evaluate(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range o.Markers {
		markers = append(markers, m.Marker)
		if m.Origin != "rule_output" || m.Reason == "" {
			t.Errorf("%+v", m)
		}
	}
	return markers, o.Open
}

func TestMarkers(t *testing.T) {
	for _, c := range []struct {
		name             string
		population, size int
		deviations       int
		edit             func(*sample.Results)
		want             []string
	}{
		{"nothing deviates", 30, 25, 0, nil, nil},
		{"no rows", 0, 0, 0, nil, []string{sample.DidNotOccur}},
		{"isolated in a sample", 300, 25, 1, nil, []string{sample.Isolated}},
		{"more than planned", 300, 25, 1, func(r *sample.Results) { r.Planned = 0 }, []string{sample.BeyondPlan, sample.Isolated}},
		{"a rate in a sample is none", 300, 25, 3, nil, []string{sample.Isolated}},
		{"census below 5 percent", 21, 21, 1, nil, []string{sample.Isolated}},
		{"census of 5 percent", 20, 20, 1, nil, []string{sample.RateMarker}},
		{"census of ten", 10, 10, 1, nil, []string{sample.RateMarker}},
		{"census of nine has no rate", 9, 9, 5, nil, []string{sample.Isolated}},
		{"a census was planned for nothing", 100, 100, 1, func(r *sample.Results) { r.Planned = 0 }, []string{sample.Isolated}},
		{"one cause twice", 300, 40, 2, func(r *sample.Results) { r.Deviations[1].Cause = " Cause  A " }, []string{sample.RepeatedCause}},
		{"one cause in one episode", 300, 40, 2, func(r *sample.Results) {
			r.Deviations[1].Cause, r.Deviations[1].Episode = r.Deviations[0].Cause, r.Deviations[0].Episode
		}, []string{sample.Isolated}},
		{"concentrated", 300, 40, 1, func(r *sample.Results) { r.Concentrated.Answer = sample.Yes }, []string{sample.Concentration}},
		{"persistent", 300, 40, 1, func(r *sample.Results) { r.Persistent.Answer = sample.Yes }, []string{sample.Persistence}},
		{"by design", 300, 40, 2, func(r *sample.Results) { r.Deviations[1].Design = sample.Yes }, []string{sample.DesignCause}},
		{"few, not done", 4, 4, 1, func(r *sample.Results) {
			r.Deviations[0].Kind, r.Deviations[0].Slice = sample.NotDone, "the second quarter"
		}, []string{sample.SliceFailed, sample.Isolated}},
		{"few, not shown", 9, 9, 1, func(r *sample.Results) { r.Deviations[0].Kind, r.Deviations[0].Slice = sample.NoEvidence, "May" }, []string{sample.SliceFailed, sample.Isolated}},
		{"few, covered", 4, 4, 1, func(r *sample.Results) { r.Deviations[0].Kind, r.Deviations[0].Covered = sample.NotDone, "MON-03" }, []string{sample.Isolated}},
		{"few, late", 4, 4, 1, func(r *sample.Results) {
			r.Deviations[0].Kind, r.Deviations[0].Factors = sample.Late, "two days, no change between"
		}, []string{sample.Isolated}},
		{"many, not done", 10, 10, 1, func(r *sample.Results) { r.Deviations[0].Kind = sample.NotDone }, []string{sample.RateMarker}},
	} {
		r := results(c.population, c.size, c.deviations)
		if c.edit != nil {
			c.edit(&r)
		}
		if markers, open := evaluate(t, r); !slices.Equal(markers, c.want) || len(open) > 0 {
			t.Errorf("%s: %v, open %v", c.name, markers, open)
		}
	}
}

func TestNothingIsTakenFromSilence(t *testing.T) {
	for name, c := range map[string]struct {
		silence func(*sample.Results)
		open    string
	}{
		"kind":                {func(r *sample.Results) { r.Deviations[1].Kind = "" }, "in which way"},
		"cause":               {func(r *sample.Results) { r.Deviations[1].Cause = " " }, "its cause"},
		"episode":             {func(r *sample.Results) { r.Deviations[1].Episode = "" }, "which episode"},
		"design":              {func(r *sample.Results) { r.Deviations[1].Design = "" }, "lies in the design"},
		"factors":             {func(r *sample.Results) { r.Deviations[1].Kind = sample.Late }, "what was weighed"},
		"slice":               {func(r *sample.Results) { r.Deviations[1].Kind = sample.NotDone }, "which part of the window"},
		"concentration":       {func(r *sample.Results) { r.Concentrated = sample.Judgement{} }, "where it defeats"},
		"reason":              {func(r *sample.Results) { r.Persistent.Reason = "" }, "go on over the window"},
		"an item":             {func(r *sample.Results) { r.Tested-- }, "1 of 9 items have no answer"},
		"whether it was all":  {func(r *sample.Results) { r.Complete = "" }, "is not answered"},
		"that it was not all": {func(r *sample.Results) { r.Complete = sample.No }, "not completely read"},
	} {
		r := results(9, 9, 2)
		r.Deviations[1].Cause = r.Deviations[0].Cause // would mark, were all said
		c.silence(&r)
		markers, open := evaluate(t, r)
		if len(markers) > 0 || len(open) != 1 || !strings.Contains(open[0], c.open) {
			t.Errorf("%s: %v, open %v", name, markers, open)
		}
	}
	for _, complete := range []sample.Answer{sample.No, sample.Unanswered, "perhaps"} {
		r := results(0, 0, 0)
		r.Complete = complete
		if markers, open := evaluate(t, r); len(markers) > 0 || len(open) != 1 {
			t.Errorf("%q: %v, %v", complete, markers, open)
		}
	}
	// That a sample has more deviations than planned is counted, and waits for nothing.
	r := results(300, 25, 1)
	r.Planned, r.Deviations[0].Cause = 0, ""
	if markers, open := evaluate(t, r); !slices.Equal(markers, []string{sample.BeyondPlan}) || len(open) != 1 {
		t.Errorf("%v, %v", markers, open)
	}
}

func TestResultsThatCannotBeAreRefused(t *testing.T) {
	for _, edit := range []func(*sample.Results){
		func(r *sample.Results) { r.Population = 24 }, func(r *sample.Results) { r.Population = -1 }, func(r *sample.Results) { r.Tested = 26 }, func(r *sample.Results) { r.Tested = 1 },
		func(r *sample.Results) { r.Size = 0 }, func(r *sample.Results) { r.Planned = -1 }, func(r *sample.Results) { r.Deviations[1].Item = 0 },
	} {
		r := results(300, 25, 2)
		edit(&r)
		if o, err := sample.Evaluate(r); err == nil {
			t.Errorf("%+v: %+v", r, o)
		}
		if lacks, err := sample.Lacks(r, sample.NotEffective, sample.Grounds{}); err == nil {
			t.Errorf("%+v: %v", r, lacks)
		}
	}
}

func TestHarsherIsFreeAndSofterNeedsMore(t *testing.T) {
	marked := results(20, 20, 1)
	plain := results(300, 25, 1)
	beyond := results(300, 25, 1)
	beyond.Planned = 0
	open := results(300, 25, 0)
	open.Tested = 24
	both := sample.Grounds{By: "p1", Reviewer: "p2", Reason: "caught the next day"}
	for _, c := range []struct {
		name   string
		r      sample.Results
		c      sample.Conclusion
		g      sample.Grounds
		lacked int
	}{
		{"no conclusion", results(30, 30, 0), "", both, 1},
		{"all as it should be", results(30, 30, 0), sample.Effective, sample.Grounds{}, 0},
		{"harsher", results(30, 30, 0), sample.NotEffective, sample.Grounds{}, 0},
		{"an item without an answer", open, sample.Effective, both, 1},
		{"with a deviation that is none", results(30, 30, 0), sample.EffectiveWithDeviation, both, 1},
		{"as if there were none", plain, sample.Effective, both, 1},
		{"isolated, planned", plain, sample.EffectiveWithDeviation, sample.Grounds{}, 0},
		{"beyond the plan", beyond, sample.EffectiveWithDeviation, both, 1},
		{"beyond the plan, made up for", beyond, sample.EffectiveWithDeviation, sample.Grounds{Compensating: "MON-03"}, 0},
		{"beyond the plan, a partner", beyond, sample.EffectiveWithDeviation, sample.Grounds{Partner: "one clerk, gone since"}, 0},
		{"systematic", marked, sample.EffectiveWithDeviation, sample.Grounds{}, 2},
		{"systematic, no reviewer", marked, sample.EffectiveWithDeviation, sample.Grounds{By: "p1", Reason: "caught"}, 1},
		{"systematic, own reviewer", marked, sample.EffectiveWithDeviation, sample.Grounds{By: "p1", Reviewer: " P1", Reason: "caught"}, 1},
		{"systematic, nobody concludes", marked, sample.EffectiveWithDeviation, sample.Grounds{Reviewer: "p2", Reason: "caught"}, 1},
		{"systematic, reviewed", marked, sample.EffectiveWithDeviation, both, 0},
		{"systematic, harsher", marked, sample.NotEffective, sample.Grounds{}, 0},
		{"did not occur", results(0, 0, 0), sample.NotOperated, sample.Grounds{}, 0},
		{"did not occur, no pass", results(0, 0, 0), sample.Effective, both, 1},
		{"did not occur, no deviation", results(0, 0, 0), sample.NotEffective, both, 1},
		{"occurred", results(3, 3, 0), sample.NotOperated, both, 1},
		{"not tested, no reason", results(3, 3, 0), sample.NotTested, sample.Grounds{}, 1},
		{"not tested", results(3, 3, 0), sample.NotTested, sample.Grounds{Reason: "out of the window"}, 0},
		{"not tested, with deviations", plain, sample.NotTested, sample.Grounds{Reason: "out of the window"}, 1},
	} {
		if lacks, err := sample.Lacks(c.r, c.c, c.g); err != nil || len(lacks) != c.lacked {
			t.Errorf("%s: %q, %v", c.name, lacks, err)
		}
	}
	unread := results(0, 0, 0)
	unread.Complete = sample.No
	if lacks, err := sample.Lacks(unread, sample.NotOperated, both); err != nil || len(lacks) != 1 {
		t.Errorf("an unread source shows that it did not occur: %q, %v", lacks, err)
	}
}

// Whatever is answered, effective never stands beside a deviation, an item without an answer or a source that was not read.
func TestEffectiveStandsOnlyOnWhatWasShown(t *testing.T) {
	answers := []sample.Answer{sample.Yes, sample.No, sample.Unanswered}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 30).Draw(t, "N")
		size := rapid.IntRange(min(n, 1), n).Draw(t, "size")
		r := results(n, size, rapid.IntRange(0, min(size, 3)).Draw(t, "deviations"))
		r.Tested = rapid.IntRange(len(r.Deviations), size).Draw(t, "tested")
		r.Complete = rapid.SampledFrom(answers).Draw(t, "complete")
		for i := range r.Deviations {
			r.Deviations[i].Cause = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "cause")
			r.Deviations[i].Kind = rapid.SampledFrom([]sample.DeviationKind{"", sample.Late, sample.NotDone}).Draw(t, "kind")
			r.Deviations[i].Design = rapid.SampledFrom(answers).Draw(t, "design")
		}
		g := sample.Grounds{By: "p1", Reviewer: "p2", Reason: "r", Compensating: "c", Partner: "p"}
		sound := n > 0 && r.Tested == size && r.Complete == sample.Yes
		lacks, err := sample.Lacks(r, sample.Effective, g)
		if err != nil || (len(lacks) == 0) != (sound && len(r.Deviations) == 0) {
			t.Fatalf("%+v: %v, %v", r, lacks, err)
		}
		if lacks, _ := sample.Lacks(r, sample.EffectiveWithDeviation, g); len(lacks) == 0 && !sound {
			t.Fatalf("%+v", r)
		}
		o, _ := sample.Evaluate(r)
		if len(o.Open) > 0 && slices.ContainsFunc([]string{sample.Isolated, sample.RepeatedCause, sample.RateMarker, sample.DesignCause}, o.Has) {
			t.Fatalf("%+v", o)
		}
	})
}

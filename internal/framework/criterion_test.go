package framework

import (
	"regexp"
	"strings"
	"testing"

	"tickmark/internal/fault"
)

func TestLibraryHoldsTheSixtyOne(t *testing.T) {
	criteria, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	series, category := map[string]int{}, map[string]int{}
	for _, c := range criteria {
		series[c.Series]++
		category[c.Category]++
		if !strings.HasPrefix(c.ID, c.Series+".") {
			t.Errorf("%s stands in series %s", c.ID, c.Series)
		}
		if (c.Category == Common) != strings.HasPrefix(c.ID, "CC") {
			t.Errorf("%s is %s", c.ID, c.Category)
		}
		if c.Version != "tsc-2017-pof-2022" {
			t.Errorf("%s carries version %q", c.ID, c.Version)
		}
		for i, f := range c.Focus {
			if !regexp.MustCompile(`^` + regexp.QuoteMeta(c.ID) + `-f\d+$`).MatchString(f.Key) {
				t.Errorf("%s focus %d has key %s", c.ID, i, f.Key)
			}
		}
	}
	want := map[string]int{"CC1": 5, "CC2": 3, "CC3": 4, "CC4": 2, "CC5": 3, "CC6": 8, "CC7": 5, "CC8": 1, "CC9": 2, "A1": 3,
		"PI1": 5, "C1": 2, "P1": 1, "P2": 1, "P3": 2, "P4": 3, "P5": 2, "P6": 7, "P7": 1, "P8": 1}
	for s, n := range want {
		if series[s] != n {
			t.Errorf("series %s has %d criteria, want %d", s, series[s], n)
		}
	}
	if len(criteria) != 61 || category[Common] != 33 || category[Availability] != 3 || category[ProcessingIntegrity] != 5 ||
		category[Confidentiality] != 2 || category[Privacy] != 18 {
		t.Errorf("%d criteria: %v", len(criteria), category)
	}
}

func TestScopeFollowsTheChosenCategories(t *testing.T) {
	criteria, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		chosen []string
		want   int
	}{
		{nil, 0},
		{[]string{Security}, 33},
		{[]string{Security, Availability}, 36},
		{[]string{Security, Availability, Confidentiality}, 38},
		{Categories(), 61},
	} {
		n := 0
		for _, k := range criteria {
			if k.InScope(c.chosen) {
				n++
			}
		}
		if n != c.want {
			t.Errorf("%v: %d criteria in scope, want %d", c.chosen, n, c.want)
		}
	}
}

func TestAChangedLibraryIsRefused(t *testing.T) {
	one := "version: v\ncounts: {total: 61, common: 33, availability: 3, processing_integrity: 5, confidentiality: 2, privacy: 18}\ncriteria:\n" +
		"  - {id: CC1.1, series: CC1, category: common, title: t, coso_principle: 1, summary: s, intent: i, focus: [], applies_when: {any_category: [security]}}\n"
	for name, c := range map[string]struct{ data, want string }{
		"too few":          {one, "f.yaml holds 1 criteria"},
		"twice":            {one + one[strings.Index(one, "  - "):], "CC1.1 stands twice"},
		"unknown category": {strings.Replace(one, "category: common", "category: safety", 1), `unknown category "safety"`},
		"unknown scope":    {strings.Replace(one, "[security]", "[safety]", 1), `unknown category "safety"`},
		"misspelt field":   {strings.Replace(one, "summary:", "sumary:", 1), "f.yaml:4:77: there is no field \"sumary\" here"},
		"missing field":    {strings.Replace(one, " intent: i,", "", 1), "f.yaml:4:5: \"intent\" is missing"},
		"repeated field":   {strings.Replace(one, " intent: i,", " intent: i, intent: j,", 1), "\"intent\" stands here twice"},
		"number for text":  {strings.Replace(one, "title: t", "title: 7", 1), "f.yaml:4:55: expected text"},
		"text for number":  {strings.Replace(one, "total: 61", "total: many", 1), "f.yaml:2:17: expected a whole number"},
		"empty text":       {strings.Replace(one, "title: t", "title: ''", 1), "the text is empty"},
		"alias":            {strings.Replace(one, "title: t", "title: &t t", 1), "anchors and aliases"},
		"second document":  {one + "---\nversion: w\n", "a second document"},
		"not YAML":         {"version: [", "f.yaml:1:1: this is not YAML"},
		"empty file":       {"", "f.yaml is empty"},
	} {
		_, err := parse("f.yaml", []byte(c.data))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package risk

import "testing"

// The common threats can be read, each is one of a kind, and the frauds that an assessment must look at are among them.
func TestCommonThreatsAreThere(t *testing.T) {
	list, err := Threats()
	if err != nil {
		t.Fatal(err)
	}
	seen, from := map[string]bool{}, map[string]int{}
	for _, x := range list {
		if seen[x.Threat] || seen[x.Title] {
			t.Errorf("%q stands twice", x.Title)
		}
		seen[x.Threat], seen[x.Title] = true, true
		from[x.Source]++
	}
	for _, s := range []string{"growth", "location", "practice", "vendor", "fraud", "change", "disruption"} {
		if from[s] == 0 {
			t.Errorf("no common threat comes from %s", s)
		}
	}
	if from["fraud"] < 3 {
		t.Errorf("%d threats are frauds", from["fraud"])
	}
}

package web

import (
	"strings"
	"testing"
)

// What is on record stands in the map, the register and the matrix, by what remains once that is known.
func TestRisksAreMappedByWhatIsOnRecord(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.put(t, "organisation", "organisation", map[string]any{"name": "Example Ltd"})
	w.signIn(t)
	if _, page := w.get(t, "/risks"); !strings.Contains(page, "No risk yet") {
		t.Errorf("an empty register says %s", plainText(page))
	}
	w.put(t, "asset", "db", map[string]any{"id": "db", "title": "Orders database", "sort": "data", "confidentiality": 4, "integrity": 3, "availability": 2})
	w.put(t, "asset", "gone", map[string]any{"id": "gone", "title": "Old database", "sort": "data", "until": "2020-01-01"})
	w.put(t, "risk", "R-01", map[string]any{"id": "R-01", "title": "Theft", "source": "practice", "assets": []string{"db"}, "likelihood": 4, "impact": 5, "affects": []string{"confidentiality"}})
	w.put(t, "risk", "R-02", map[string]any{"id": "R-02", "title": "Prices", "source": "vendor", "likelihood": 2, "impact": 2})
	w.put(t, "task", "t1", map[string]any{"title": "A key for each", "sort": "technical", "risk": "R-01", "due": "2030-01-01"})
	_, page := w.get(t, "/risks")
	for _, want := range []string{`<td class="critical"><b>1</b>`, `<td class="low"><b>1</b>`, "Theft", "Prices", "A key for each"} {
		if !strings.Contains(page, want) {
			t.Errorf("the register lacks %q", want)
		}
	}
	if strings.Index(page, ">Theft<") > strings.Index(page, ">Prices<") {
		t.Error("the worst does not come first")
	}
	if _, page = w.get(t, "/risks?show=above"); !strings.Contains(page, ">Theft<") || strings.Contains(page, ">Prices<") {
		t.Error("what is above the accepted level is one of the two")
	}
	_, page = w.get(t, "/risks/matrix")
	for want, is := range map[string]bool{"Orders database": true, "Theft": true, "Old database": false, "R-02": true} {
		if strings.Contains(page, want) != is {
			t.Errorf("the matrix and %q: want %v", want, is)
		}
	}
}

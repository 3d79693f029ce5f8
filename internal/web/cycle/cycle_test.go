package cycle

import (
	"net/http/httptest"
	"strings"
	"testing"

	"tickmark/internal/calendar"
	"tickmark/internal/check"
	"tickmark/internal/framework"
	"tickmark/internal/gap"
	"tickmark/internal/period"
	"tickmark/internal/standing"
)

// The worst of a week stands in its cell, and what was missed is never hidden behind what was done.
func TestACellShowsTheWorstOfItsWeek(t *testing.T) {
	w := weeks(calendar.Parse("2026-04-01"), calendar.Parse("2026-04-14"), calendar.Parse("2026-04-07"))
	if len(w) != 3 || calendar.Text(w[0].to) != "2026-04-05" || calendar.Text(w[2].to) != "2026-04-14" || !w[1].Now || w[0].Now || w[0].Label != "Apr" || w[1].Label != "" {
		t.Fatalf("weeks: %+v", w)
	}
	for _, c := range []struct{ states, mark string }{
		{"", ""}, {"performed", "D"}, {"performed performed", "D2"}, {"performed missed performed", "M3"}, {"scheduled performed_late", "L2"}, {"not_applicable", "N"}, {"not_applicable performed", "D2"},
	} {
		var in []performance
		for i, s := range strings.Fields(c.states) {
			in = append(in, performance{Key: s + string(rune('a'+i)), State: s})
		}
		got := cell(in, w[0])
		if got.Mark != c.mark {
			t.Errorf("%q is shown as %q, want %q", c.states, got.Mark, c.mark)
		}
		if strings.Contains(c.states, "missed") && (!strings.Contains(got.Said, "1 missed") || !strings.Contains(got.Href, "missed")) {
			t.Errorf("%q is said as %q and leads to %s", c.states, got.Said, got.Href)
		}
	}
}

// A criterion is proven only while its control is in operation and nothing about its proof is a gap.
func TestACriterionIsProvenOnlyByWhatIsOnRecord(t *testing.T) {
	w := gap.World{Period: &period.Period{Categories: []string{framework.Security}}}
	add := func(id string, excluded bool, status check.Status, controls ...string) {
		c := framework.Criterion{ID: id}
		c.AppliesWhen.AnyCategory = []string{framework.Security}
		if strings.HasPrefix(id, "P") {
			c.AppliesWhen.AnyCategory = []string{framework.Privacy}
		}
		w.Criteria = append(w.Criteria, c)
		w.Standing.Criteria = append(w.Standing.Criteria, standing.Criterion{ID: id, Status: status, Excluded: excluded, Controls: controls})
	}
	w.Controls = []gap.Control{{Key: "A", State: "active"}, {Key: "B", State: "active"}, {Key: "D", State: "draft"}, {Key: "P", State: "approved"}}
	add("CC1.1", false, check.Pass)
	add("CC1.2", false, check.Pass, "D")
	add("CC1.3", false, check.Pass, "A", "D")
	add("CC1.4", false, check.Pass, "A")
	add("CC1.5", false, check.Pass, "B")
	add("CC2.1", true, check.Pass)
	add("CC2.2", false, check.Pass, "P")
	add("CC2.3", false, check.Unknown, "A")
	add("P1.1", false, check.Pass, "A")
	gaps := []gap.Gap{{ID: "g", Sort: gap.Proof, Severity: "high", Criteria: []string{"CC1.5"}, Task: &gap.Task{State: "verified"}}, {ID: "h", Sort: gap.Owner, Severity: "low", Criteria: []string{"CC1.5", "CC1.4"}}}
	want := map[string]string{"CC1.1": "none/not running", "CC1.2": "partial/not running", "CC1.3": "partial/proven", "CC1.4": "designed/running", "CC2.3": "designed/running", "CC1.5": "designed/running", "CC2.1": "not relevant/not relevant", "CC2.2": "designed/not running"}
	got := rows(w, gaps)
	if len(got) != len(want) {
		t.Errorf("%d criteria are shown, want %d: what is out of scope is not", len(got), len(want))
	}
	for _, r := range got {
		if s := r.Design + "/" + r.Operation; s != want[r.ID] {
			t.Errorf("%s is %s, want %s", r.ID, s, want[r.ID])
		}
		if r.ID == "CC1.5" && (r.Severity != "high" || len(r.Gaps) != 2 || r.Tasks != 1 || r.Verified != 1) {
			t.Errorf("CC1.5: %+v", r)
		}
	}
}

// What categories ask for is told before anything is changed, both ways.
func TestTheEffectOfCategoriesIsTold(t *testing.T) {
	var more, fewer ScopePage
	if err := more.effect([]string{"security"}, []string{"security", "availability"}); err != nil {
		t.Fatal(err)
	}
	if len(more.Added) != 3 || len(more.Removed) != 0 || more.Criteria != 36 || len(more.Controls) == 0 || more.Evidence == 0 {
		t.Errorf("with availability: %d more, %d fewer, %d in scope, %d controls, %d pieces of evidence", len(more.Added), len(more.Removed), more.Criteria, len(more.Controls), more.Evidence)
	}
	if err := fewer.effect([]string{"security", "privacy"}, []string{"security"}); err != nil {
		t.Fatal(err)
	}
	if len(fewer.Removed) != 18 || len(fewer.Added) != 0 || fewer.Criteria != 33 {
		t.Errorf("without privacy: %d fewer, %d in scope", len(fewer.Removed), fewer.Criteria)
	}
}

// A spreadsheet that opens a table runs nothing that somebody wrote into a title.
func TestATableHoldsNoFormula(t *testing.T) {
	w := httptest.NewRecorder()
	if err := table(w, "x", [][]string{{"=1+1", "@a", "plain, with a comma", "-2"}}); err != nil {
		t.Fatal(err)
	}
	if got := w.Body.String(); got != "'=1+1,'@a,\"plain, with a comma\",'-2\n" {
		t.Errorf("the table is %q", got)
	}
}

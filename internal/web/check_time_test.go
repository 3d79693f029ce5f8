package web

import (
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
)

func TestACheckOverTimeSaysHowLongWhatFailedAndWhereItCouldNotSpeak(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := w.Log.Clock().AddDate(0, 0, 3)
	w.Log.Clock = func() time.Time { return later }
	w.signIn(t) // a session does not last three days
	id := ""
	for _, s := range mustSummary(t, w) {
		if s.Counts.Fail > 0 && id == "" {
			id = s.ID
		}
	}
	if id == "" {
		t.Fatal("no check fails in this world, so nothing can be drawn")
	}
	_, page := w.get(t, "/checks/"+id+"/time")
	said := plainText(page)
	for _, x := range []string{"Longest failure", "Covered", "still failing", "When it could not speak"} {
		if !strings.Contains(said, x) {
			t.Errorf("it does not say %q: %s", x, said)
		}
	}
	if strings.Contains(said, "Covered100") {
		t.Errorf("thirty days are said to be covered, of which three were watched: %s", said)
	}
	if _, page = w.get(t, "/checks/"+id+"/backtest"); !strings.Contains(plainText(page), "Judge the past with this check") {
		t.Error("a back-test is not offered")
	}
	_, page = w.get(t, "/checks/"+id+"/backtest?from="+later.AddDate(0, 0, -10).Format(time.DateOnly))
	if said := plainText(page); !strings.Contains(said, "What was judged") || strings.Contains(said, "was not judged") || !strings.Contains(page, "/api/v1/checks/"+id+"/backtest?from=") {
		t.Errorf("a back-test says %s", said)
	}
	if _, page = w.get(t, "/checks/"+id+"/backtest?from=soon"); !strings.Contains(plainText(page), "is not a day") {
		t.Error("a window from no day is judged")
	}
	if _, page = w.get(t, "/checks/"+id); !strings.Contains(page, "/proof") || !strings.Contains(page, "/raw") {
		t.Error("its records do not lead to the bytes and the proof")
	}
}

func mustSummary(t *testing.T, w *world) []check.State {
	t.Helper()
	all, err := w.Monitor.Summary(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

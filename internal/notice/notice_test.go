package notice_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tickmark/internal/calendar"
	"tickmark/internal/fault"
	"tickmark/internal/notice"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/work"
	"tickmark/internal/workspace"
)

func TestEachIsToldWhatIsDueAndWhoeverIsAboveWhatIsLate(t *testing.T) {
	chain := notice.Chain{Managers: map[string]string{"ada": "bob", "bob": "", "lead": ""}, Lead: "lead"}
	today := calendar.Parse("2026-03-15")
	for name, c := range map[string]struct {
		item work.Item
		want []string
	}{
		"four days before":               {work.Item{For: "ada", Due: "2026-03-19"}, nil},
		"three days before":              {work.Item{For: "ada", Due: "2026-03-18"}, []string{"soon ada"}},
		"on the day":                     {work.Item{For: "ada", Due: "2026-03-15"}, []string{"soon ada"}},
		"a day late":                     {work.Item{For: "ada", Due: "2026-03-14"}, []string{"overdue ada"}},
		"a week late":                    {work.Item{For: "ada", Due: "2026-03-08"}, []string{"overdue ada"}},
		"eight days late":                {work.Item{For: "ada", Due: "2026-03-07"}, []string{"overdue ada", "escalated bob"}},
		"who has no manager":             {work.Item{For: "bob", Due: "2026-03-07"}, []string{"overdue bob", "escalated lead"}},
		"the lead's own, with nobody up": {work.Item{For: "lead", Due: "2026-03-07"}, []string{"overdue lead"}},
		"nobody's in particular":         {work.Item{Due: "2026-03-14"}, []string{"overdue lead"}},
		"without a day":                  {work.Item{For: "ada"}, nil},
	} {
		var got []string
		for _, n := range notice.Of([]work.Item{c.item}, today, chain, "") {
			got = append(got, fmt.Sprint(n.Level, " ", n.To))
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	item := work.Item{For: "ada", Due: "2026-03-07", Kind: "task", Key: "t"}
	if n := len(notice.Of([]work.Item{item}, today, chain, "bob")); n != 1 {
		t.Errorf("bob is told %d things", n)
	}
	moved := item
	moved.Due = "2026-03-08"
	if a, b := notice.Of([]work.Item{item}, today, chain, "ada"), notice.Of([]work.Item{moved}, today, chain, "ada"); a[0].ID == b[0].ID {
		t.Error("with another due date it is told as if it had been seen")
	}
}

func TestNobodyIsToldTwiceOnOneDay(t *testing.T) {
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	now := time.Date(2026, 3, 15, 9, 0, 0, 0, time.UTC)
	w.Log.Clock = func() time.Time { now = now.Add(time.Microsecond); return now }
	list := notice.Of([]work.Item{{For: "ada", Due: "2026-03-14"}, {For: "bob", Due: "2026-03-15"}}, calendar.Parse("2026-03-15"), notice.Chain{}, "")
	give := func() (given []string) {
		for _, d := range notice.Digests(list) {
			ok, err := d.Give(t.Context(), w.Log, store.At(now.Truncate(24*time.Hour)), "user:ada", "printed")
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				given = append(given, fmt.Sprint(d.Person, " ", len(d.Notices)))
			}
		}
		return given
	}
	if got := give(); !slices.Equal(got, []string{"ada 1", "bob 1"}) {
		t.Errorf("given %q", got)
	}
	before, err := w.Log.Head(t.Context(), w.DB)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(10 * time.Hour)
	if got := give(); got != nil {
		t.Errorf("told again on the same day: %q", got)
	}
	if after, err := w.Log.Head(t.Context(), w.DB); err != nil || after.Size != before.Size {
		t.Errorf("what was not told is in the ledger: %d, %d before (%v)", after.Size, before.Size, err)
	}
	now = now.Add(10 * time.Hour)
	if got := give(); len(got) != 2 {
		t.Errorf("the next day: %q", got)
	}

	if err := notice.Mark(t.Context(), w.Book, "ada", list[:1]); err != nil {
		t.Fatal(err)
	}
	seen, err := notice.Seen(t.Context(), w.Book, "ada")
	if err != nil || !seen[list[0].ID] || len(seen) != 1 {
		t.Errorf("seen %v (%v)", seen, err)
	}
	k, err := w.Book.Kinds.Named("seen")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Written(nil, map[string]any{"user": "bob"}, record.Actor{User: "ada", Person: "ada"}, now); !fault.Is(err, fault.Denied) {
		t.Errorf("ada wrote what bob has seen: %v", err)
	}
}

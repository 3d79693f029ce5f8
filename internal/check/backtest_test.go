package check_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// backtest judges a window with a check of the set; it says what would be answered, and what otherwise than it was.
func (d *desk) backtest(id, from, to string) (check.Backtest, string, string, error) {
	d.Helper()
	c, err := d.m.InUse(d.ctx, id)
	if err != nil {
		d.Fatal(err)
	}
	return d.try(c, from, to)
}

func (d *desk) try(c *check.Check, from, to string) (check.Backtest, string, string, error) {
	d.Helper()
	var answers, differences []string
	b, err := d.m.Backtest(d.ctx, c, d.at(from), d.at(to), func(x check.Retried) error {
		for _, r := range x.Results {
			answers = append(answers, r.Key+" "+string(r.Status)+" "+short(r.From)+"–"+short(r.To))
		}
		for _, x := range x.Differences {
			differences = append(differences, x.Key+" "+string(x.Was)+" "+string(x.Would)+" "+short(x.From)+"–"+short(x.To))
		}
		return nil
	})
	return b, strings.Join(answers, "\n"), strings.Join(differences, "\n"), err
}

func TestBacktestJudgesThePastAndWritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db)
		d.covered("host_user", "2026-01-01 00:00", "2026-01-04 00:00", "permission denied")
		d.see("host_user", "bob", `{"name":"bob","mail":"bob@example.org","human":true,"mfa":false,"locked":false}`)
		d.see("person", "bob", `{"email":"bob@example.org","end":"2026-01-02"}`)
		d.goTo("2026-01-03 12:00")
		d.see("host_user", "bob", `{"name":"bob","mail":"bob@example.org","human":true,"mfa":true,"locked":true}`)
		d.goTo("2026-01-05 00:00")
		d.use(multiFactor, strings.Replace(leavers, "max_gap: 36h\n", "", 1))
		for id, want := range map[string]string{
			"HOST-01": "bob fail 01 00:00–03 12:00\nbob pass 03 12:00–04 00:00\nbob unknown 04 00:00–05 00:00",
			// Applicable one day after the last day; bob's account was locked at noon.
			"JOIN-01": "bob fail 03 00:00–03 12:00\nbob pass 03 12:00–04 00:00\nbob unknown 04 00:00–05 00:00",
		} {
			b, got, differs, err := d.backtest(id, "2026-01-01 00:00", "2026-01-05 00:00")
			if err != nil || got != want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, want)
			}
			// Nothing was answered, so everything is new and nothing is flipped.
			if strings.Count(differs, "unanswered") != strings.Count(differs, "\n")+1 || b.Flipped != 0 || b.Records != 1 || b.Answers != 3 {
				t.Errorf("%s: %+v\n%s", id, b, differs)
			}
		}
		if n, _ := store.One[int64](d.ctx, db, "SELECT count(*) FROM result"); n != 0 {
			t.Errorf("%d rows were written", n)
		}
		for _, end := range []string{"2027-01-05 00:00", "2026-01-01 00:00"} {
			if _, _, _, err := d.backtest("HOST-01", "2026-01-01 00:00", end); err == nil {
				t.Errorf("a window until %s was judged", end)
			}
		}
	})
}

func TestBacktestSaysWhatItWouldHaveAnsweredOtherwise(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "2026-01-05 00:00", "permission denied")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true,"locked":true}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false,"locked":true}`)
		d.see("host_user", "cron", `{"name":"cron","human":false,"mfa":false,"locked":false}`)
		d.goTo("2026-01-02 00:00")
		d.evaluate()
		d.goTo("2026-01-03 00:00")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true,"locked":true}`)
		d.see("host_user", "dan", `{"name":"dan","human":true,"mfa":true,"locked":false}`)
		d.evaluate()
		d.goTo("2026-01-04 00:00")
		d.see("host_user", "dan", "")
		d.goTo("2026-01-06 00:00")
		d.evaluate()

		b, got, differs, err := d.backtest("HOST-01", "2026-01-02 00:01", "2026-01-06 00:00")
		if err != nil || differs != "" || len(b.Pairs) != 0 || b.Flipped != 0 || b.Records != 4 || b.Versions != 5 {
			t.Errorf("the check itself would have answered otherwise: %+v %v\n%s\n%s", b, err, got, differs)
		}

		// Another logic, from a file, of a check that is in use under the same id: machines count, and a locked account passes.
		other, err := check.Read(d.m.Words, check.Rules{}, "new.yaml", []byte(strings.NewReplacer("where: r.human\n", "", "expect: r.mfa\n", "expect: r.mfa || r.locked\n",
			"human: true, mfa: false}, expect: fail", "mfa: false, locked: false}, expect: fail", "human: true, mfa: true}, expect", "mfa: true, locked: true}, expect",
			"  - {name: a machine, record: {name: bob, human: false}, expect: not_applicable}\n", "").Replace(multiFactor)))
		if err != nil {
			t.Fatal(err)
		}
		b, _, differs, err = d.try(other, "2026-01-01 00:00", "2026-01-06 00:00")
		want := `ada unanswered pass 01 00:00–02 00:00
bob unanswered pass 01 00:00–02 00:00
bob fail pass 02 00:00–03 00:00
cron unanswered fail 01 00:00–02 00:00
cron not_applicable fail 02 00:00–05 00:00
cron not_applicable unknown 05 00:00–06 00:00`
		if err != nil || differs != want {
			t.Errorf("%v\n%s\nwant\n%s", err, differs, want)
		}
		if b.Flipped != 2 || len(b.Pairs) != 5 || !slices.ContainsFunc(b.Pairs, func(p check.Pair) bool {
			return p.Was == check.NotApplicable && p.Would == check.Fail && p.Records == 1 && p.Intervals == 1 && p.Hours > 71.9 && p.Hours <= 72
		}) {
			t.Errorf("%+v", b)
		}
	})
}

// A check that was in use all along, and evaluated after every change, would have answered what it answered. The history is made
// at random; what it does is printed when it does not hold.
func TestBacktestOfACheckInUseAgreesWithWhatItAnswered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		merges := strings.NewReplacer("HOST-01", "MERGE-01", "for: host_user\nwhere: r.human\nexpect: r.mfa", "for: merge\nexpect: r.reviewed", `"user " + r.name + " can sign in without a second factor"`, `"nobody reviewed it"`,
			multiFactor[strings.Index(multiFactor, "examples:"):], `examples:
  - {name: seen, record: {reviewed: true}, expect: pass}
  - {name: not seen, record: {reviewed: false}, expect: fail}
  - {name: not told, record: {}, expect: unknown}
`).Replace(multiFactor)
		d := open(t, db, multiFactor, joiner, strings.NewReplacer("JOIN-01", "LEFT-01", "max_gap: 36h\n", "").Replace(leavers), merges)
		seed := uint64(time.Now().UnixNano())
		r := rand.New(rand.NewPCG(seed, 1))
		var done []string
		d.evaluate()
		names := []string{"ada", "bob", "eve"}
		read, happened := map[string]bool{}, map[string]string{}
		cover := func(kind string, on bool) {
			if on == read[kind] {
				return
			}
			if read[kind] = on; on {
				d.covered(kind, d.now.Format("2006-01-02 15:04"), "", "")
			} else {
				d.run("UPDATE coverage SET valid_to = $1, last_read = $1, ended = 'denied' WHERE kind = $2 AND valid_to = $3", store.At(d.now), kind, store.Forever)
			}
		}
		cover("host_user", true)
		cover("merge", true)
		start := d.now.Add(time.Minute)
		d.now = start
		for range 40 {
			d.now = d.now.Add(time.Duration(1+r.IntN(600)) * time.Minute)
			name := names[r.IntN(len(names))]
			what := ""
			switch n := r.IntN(12); {
			case n < 5 && read["host_user"]:
				what = fmt.Sprintf(`{"name":%q,"mail":"%s@example.org","human":%t,"mfa":%t,"locked":%t}`, name, names[r.IntN(3)], r.IntN(4) > 0, r.IntN(2) > 0, r.IntN(2) > 0)
				d.see("host_user", name, what)
			case n < 6 && read["host_user"]:
				if _, err := d.book.Get(d.ctx, "host_user", name, 0); err != nil {
					continue
				}
				d.see("host_user", name, "")
			case n < 7 && read["merge"]:
				if happened[name] == "" {
					happened[name] = d.now.Add(-time.Duration(r.IntN(3000)) * time.Minute).Format(time.RFC3339)
				}
				what = fmt.Sprintf(`{"at":%q,"reviewed":%t}`, happened[name], r.IntN(2) > 0)
				d.see("merge", name, what)
			case n < 10:
				what = fmt.Sprintf(`{"email":"%s@example.org"`, name)
				if r.IntN(2) > 0 {
					what += fmt.Sprintf(`,"end":"%s"`, d.now.AddDate(0, 0, r.IntN(6)-3).Format(time.DateOnly))
				}
				what += "}"
				d.see("person", name, what)
			default:
				kind := []string{"host_user", "host_user", "merge"}[r.IntN(3)]
				cover(kind, !read[kind])
				what = fmt.Sprint(kind, " is read: ", read[kind])
			}
			done = append(done, d.now.Format("02 15:04 ")+name+" "+what)
			d.evaluate()
		}
		d.now = d.now.Add(time.Hour)
		d.evaluate()
		for _, id := range []string{"HOST-01", "JOIN-01", "LEFT-01", "MERGE-01"} {
			_, got, differs, err := d.backtest(id, start.Format("2006-01-02 15:04"), d.now.Format("2006-01-02 15:04"))
			if err != nil || differs != "" {
				t.Errorf("seed %d, %s: %v\n%s\nwould be\n%s\notherwise than\n%s\nafter\n%s", seed, id, err, differs, got, d.say(check.Filter{Check: id, From: store.At(start), To: store.At(d.now)}), strings.Join(done, "\n"))
			}
		}
	})
}

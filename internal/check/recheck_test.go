package check_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// again is what judging again found, in short.
func (d *desk) again(at string) (out check.Recheck, lines string) {
	d.Helper()
	o := check.RecheckOptions{}
	if at != "" {
		o.AsOf = d.at(at)
	}
	out, err := d.m.Recheck(d.ctx, o)
	if err != nil {
		d.Fatal(err)
	}
	var all []string
	for _, x := range out.Differences {
		all = append(all, fmt.Sprintf("%s %s: %s since %s, judged %s by %d versions", x.Check, x.Key, x.Stored, short(x.Since), x.Judged, len(x.Versions)))
	}
	return out, strings.Join(all, "\n")
}

func TestJudgingAgainNamesEveryAnswerThatDiffers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		loose := strings.Replace(leavers, "max_gap: 36h\n", "", 1)
		d := open(t, db, multiFactor, loose)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "1", `{"name":"ada","mail":"ada@example.org","human":true,"mfa":true,"locked":false}`)
		d.see("host_user", "2", `{"name":"bob","mail":"bob@example.org","human":true,"mfa":false,"locked":false}`)
		d.see("person", "bob", `{"email":"bob@example.org","end":"2025-12-01"}`)
		d.evaluate()
		if out, lines := d.again(""); lines != "" || out.Judged != 3 || out.Checks != 2 {
			t.Errorf("%+v", out)
		}
		d.goTo("2026-01-03 00:00")
		d.see("check_setting", "JOIN-01", `{"check":"JOIN-01","settings":{"days":60},"reason":"contract"}`)
		d.see("host_user", "2", `{"name":"bob","mail":"bob@example.org","human":true,"mfa":true,"locked":true}`)
		d.evaluate()
		before, _ := store.One[int64](d.ctx, db, "SELECT count(*) FROM entry")
		for _, at := range []string{"", "2026-01-01 12:00"} { // of then, by the setting of then
			if _, lines := d.again(at); lines != "" {
				t.Errorf("at %s: %s", at, lines)
			}
		}

		d.run("UPDATE result SET status = 1 WHERE status = 2 AND reason LIKE 'User bob%'")
		d.run("DELETE FROM result WHERE valid_to = $1 AND record = (SELECT id FROM record WHERE key = '1')", store.Forever)
		d.run("UPDATE result SET valid_to = $1 WHERE reason LIKE 'The account of bob%'", store.Forever)
		if _, lines := d.again("2026-01-01 12:00"); lines != "HOST-01 1: not_applicable since 01 00:00, judged pass by 1 versions\nHOST-01 2: pass since 01 00:00, judged fail by 1 versions" {
			t.Error(lines)
		}
		if _, lines := d.again(""); lines != "HOST-01 1: not_applicable since 01 00:00, judged pass by 1 versions" {
			t.Error(lines)
		}
		if after, _ := store.One[int64](d.ctx, db, "SELECT count(*) FROM entry"); after != before {
			t.Error("judging again wrote")
		}

		// A night notes what differed, and judges anew what stands.
		if last, err := d.m.LastNight(d.ctx); err != nil || last.At != 0 {
			t.Errorf("%+v %v", last, err)
		}
		if found, err := d.m.Night(d.ctx, nil); err != nil || found.Differ != 1 {
			t.Errorf("%+v %v", found, err)
		}
		if last, err := d.m.LastNight(d.ctx); err != nil || last.At == 0 || last.Differ != 1 || last.Where["HOST-01"] != 1 || last.Altered == 0 {
			t.Errorf("%+v %v", last, err)
		}
		if found, err := d.m.Night(d.ctx, nil); err != nil || found.Differ != 0 {
			t.Errorf("%+v %v", found, err)
		}
	})
}

// A mistake of Tickmark's own is committed to like any answer, and is corrected.
func TestANightCorrectsAMistakeThatTheLedgerBacks(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "1", `{"name":"ada","human":true,"mfa":false}`)
		d.evaluate()
		err := d.book.Log.Write(d.ctx, func(tx *ledger.Tx) error {
			wrong := check.CommittedFlip{}
			if err := d.m.Flips(d.ctx, tx, func(f check.CommittedFlip) error { wrong = f; return nil }); err != nil {
				return err
			}
			flip := wrong.Flip()
			flip.Status, flip.Reason, flip.Known = 1, "", int64(tx.Now)
			c := flip.Commitment()
			entry := tx.Append(merkle.LeafResults, check.FlipsCommitment(flip.Check, flip.Hash, [][32]byte{c}))
			if _, err := tx.Exec(d.ctx, "UPDATE result SET superseded = $1 WHERE id = $2", tx.Now, wrong.ID); err != nil {
				return err
			}
			_, err := tx.Exec(d.ctx, `INSERT INTO result (id, series, record, status, reason, valid_from, valid_to, known, superseded, version, basis, entry, salt, commitment)
				SELECT id + 1, series, record, 1, '', valid_from, valid_to, $1, $2, version, basis, $3, salt, $4 FROM result WHERE id = $5`, tx.Now, store.Forever, entry, c[:], wrong.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.m.Verify(d.ctx, nil); err != nil {
			t.Fatal(err)
		}
		d.want(check.Filter{}, "1 pass 01 00:00–")
		d.goTo("2026-01-02 00:00")
		if found, err := d.m.Night(d.ctx, nil); err != nil || found.Differ != 1 || found.Altered != 0 {
			t.Errorf("%+v %v", found, err)
		}
		d.want(check.Filter{}, "1 fail 01 00:00– User ada can sign in without a second factor. (corrected)")
	})
}

func TestWhatSomebodyChangedInTheDatabaseIsSetAside(t *testing.T) {
	for name, harm := range map[string]struct {
		sql     string
		altered int
	}{
		"a status":                   {"UPDATE result SET status = 1, reason = '' WHERE status = 2", 1},
		"a status and a sentence":    {"UPDATE result SET status = 3, reason = 'fine' WHERE status = 2", 1},
		"a beginning":                {"UPDATE result SET valid_from = valid_from + 3600000000 WHERE status = 2", 2},
		"an end":                     {"UPDATE result SET valid_to = valid_from + 3600000000 WHERE status = 2", 1},
		"a pass that goes on":        {"UPDATE result SET valid_to = valid_to + 3600000000 WHERE status = 1 AND valid_to < 4611686018427387904", 1},
		"a row gone":                 {"DELETE FROM result WHERE status = 2", 2},
		"a row and its proof":        {"UPDATE result SET status = 1, salt = NULL WHERE status = 2", 1},
		"a pass that was never said": {"UPDATE result SET status = 1, salt = NULL, commitment = (SELECT hash FROM series LIMIT 1) WHERE status = 2", 1},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := open(t, db, multiFactor)
				d.covered("host_user", "2026-01-01 00:00", "", "")
				d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true}`)
				d.evaluate()
				d.goTo("2026-01-02 00:00")
				d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
				d.evaluate()
				d.run(harm.sql)
				d.goTo("2026-01-03 00:00")
				before, err := store.All[row](d.ctx, db, "SELECT "+rowColumns+" FROM result ORDER BY id")
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // it stays said
					found, err := d.m.Night(d.ctx, nil)
					if err != nil || found.Altered < harm.altered {
						t.Fatalf("%+v %v", found, err)
					}
					if last, err := d.m.LastNight(d.ctx); err != nil || last.Altered != found.Altered || len(last.AlteredIn) == 0 {
						t.Errorf("%+v %v", last, err)
					}
				}
				if said := d.say(check.Filter{}); !strings.HasPrefix(said, "bob fail 02 00:00– User bob can sign in without a second factor.") {
					t.Error(said)
				}
				for _, f := range []check.Filter{{AsOf: d.at("2026-01-02 12:00")}, {From: d.at("2026-01-02 00:01"), To: d.at("2026-01-03 00:01")}} {
					if said := d.say(f); strings.Contains(said, "pass") {
						t.Errorf("what was changed passes for an answer: %s", said)
					}
				}
				for _, old := range before {
					now, err := store.One[row](d.ctx, db, "SELECT "+rowColumns+" FROM result WHERE id = $1", old.ID)
					if now.Dropped = old.Dropped; err != nil || now != old {
						t.Errorf("what was found is not kept: %+v, and it was %+v %v", now, old, err)
					}
				}
				if again, lines := d.again(""); lines != "" {
					t.Errorf("%+v %s", again, lines)
				}
				if err := d.book.DB.Read(d.ctx, func(tx *store.Tx) error {
					n, err := store.One[int64](d.ctx, tx, "SELECT count(*) FROM result_tally t WHERE t.n <> (SELECT count(*) FROM result a WHERE a.series = t.series AND a.status = t.status AND a.valid_to = $1 AND a.superseded = $1)", store.Forever)
					if err == nil && n > 0 {
						t.Error("the tallies are not the counts")
					}
					return err
				}); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestNothingIsCorrectedByARecordThatSomebodyChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.evaluate()
		d.run("UPDATE version SET body = (SELECT v.body FROM version v JOIN record r ON r.id = v.record WHERE r.key = 'ada') WHERE record = (SELECT id FROM record WHERE key = 'bob')")
		d.goTo("2026-01-02 00:00")
		if found, err := d.m.Night(d.ctx, nil); err != nil || found.Differ != 1 {
			t.Errorf("%+v %v", found, err)
		}
		if last, err := d.m.LastNight(d.ctx); err != nil || last.Records != 1 {
			t.Errorf("%+v %v", last, err)
		}
		d.want(check.Filter{Status: check.Fail}, "bob fail 01 00:00– User bob can sign in without a second factor.")
	})
}

func TestJudgingAgainFindsAnswersAboutWhatIsGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "1", `{"name":"ada","human":true,"mfa":true}`)
		d.evaluate()
		d.goTo("2026-01-02 00:00")
		d.see("host_user", "1", "")
		d.evaluate()
		d.run("UPDATE result SET valid_to = $1 WHERE status = 1", store.Forever)
		d.run("DELETE FROM result WHERE status = 0")
		if _, lines := d.again(""); lines != "HOST-01 1: pass since 01 00:00, judged not_applicable by 1 versions" {
			t.Error(lines)
		}
	})
}

// An outage writes as little about many records as about few: nothing.
func TestAnOutageWritesNoAnswerHoweverManyRecordsThereAre(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		refused := false
		c := &collect.Collector{Book: d.book, Connectors: []connector.Connector{{Name: "host", Title: "Host", Kinds: []record.Kind{*kinds()[0]}, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
			if refused {
				out.Missing(connector.Gap{Kind: "host_user", Denied: true, Reason: "it was refused"})
				return nil
			}
			for i := range 1200 {
				if err := out.Item(connector.Item{Kind: "host_user", Key: fmt.Sprint(i), Raw: fmt.Appendf(nil, `{"name":"u%d","human":true,"mfa":%t}`, i, i%2 == 0)}); err != nil {
					return err
				}
			}
			out.Complete("host_user", "")
			return nil
		}}}}
		if _, err := c.Add(d.ctx, record.Job("person:ada"), collect.Connection{Name: "host", Connector: "host", Every: "24h"}, nil); err != nil {
			t.Fatal(err)
		}
		round := func() (rows int64) {
			if _, err := c.Run(d.ctx, "host", nil); err != nil {
				t.Fatal(err)
			}
			d.now = d.now.Add(time.Minute)
			for _, o := range []check.Options{{}, {Light: true}, {Full: true}} {
				if _, err := d.m.Evaluate(d.ctx, o); err != nil {
					t.Fatal(err)
				}
			}
			for _, sql := range []string{"SELECT count(*) FROM result", "SELECT count(*) FROM version v JOIN kind k ON k.id = v.kind WHERE k.name = 'host_user'", "SELECT count(*) FROM value x JOIN field f ON f.id = x.field JOIN kind k ON k.id = f.kind WHERE k.name = 'host_user'"} {
				n, err := store.One[int64](d.ctx, db, sql)
				if err != nil {
					t.Fatal(err)
				}
				rows += n
			}
			return rows
		}
		before := round()
		d.goTo("2026-01-03 00:00")
		refused = true
		if after := round(); after != before || before < 2400 {
			t.Errorf("the outage wrote %d rows, beside %d", after-before, before)
		}
		if sum, err := d.m.Summary(d.ctx, 0); err != nil || sum[0].Counts != (check.Counts{Unknown: 1200}) {
			t.Errorf("%+v %v", sum, err)
		}
		d.goTo("2026-01-04 00:00")
		refused = false
		if after := round(); after != before {
			t.Errorf("its end wrote %d rows", after-before)
		}
		if sum, err := d.m.Summary(d.ctx, 0); err != nil || sum[0].Counts != (check.Counts{Pass: 600, Fail: 600}) {
			t.Errorf("%+v %v", sum, err)
		}
	})
}

func TestAFirstJudgingThatWasBrokenOffAnswersNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "1", `{"name":"ada","human":true,"mfa":true}`)
		d.see("host_user", "2", `{"name":"bob","human":true,"mfa":true}`)
		d.evaluate()
		d.run("UPDATE series SET evaluated = 0, upto = 0, flip = 0") // as though it had been killed before its end
		d.goTo("2026-01-01 00:05")
		why := "The check was not judged to its end."
		d.want(check.Filter{}, "1 unknown 01 00:00– "+why, "2 unknown 01 00:00– "+why)
		if got := d.control("AC-06"); got != check.Unknown {
			t.Errorf("half a judging makes its control %s", got)
		}
		d.goTo("2026-01-02 00:00")
		d.see("host_user", "1", "")
		d.see("host_user", "2", `{"name":"bob","human":true,"mfa":false}`)
		d.goTo("2026-01-03 00:00")
		d.evaluate()
		d.want(check.Filter{}, "2 fail 03 00:00– User bob can sign in without a second factor.")
		if _, lines := d.again(""); lines != "" {
			t.Error(lines)
		}
		courses, err := d.m.Courses(d.ctx, d.at("2026-01-01 00:00"), d.at("2026-01-03 00:00"))
		for _, s := range courses["HOST-01"] {
			if s.Status != check.Unknown && s.To > d.at("2026-01-01 00:01") {
				t.Errorf("the time that was not judged to its end: %+v", s)
			}
		}
		if err != nil || len(courses["HOST-01"]) == 0 {
			t.Errorf("%+v %v", courses, err)
		}
	})
}

func TestALateEventIsJudgedAtEachMomentSinceItHappened(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, worldChecks()["CHG-02"])
		d.covered("merge", "2025-01-01 00:00", "", "")
		d.evaluate()
		d.goTo("2026-01-10 00:00")
		d.see("merge", "1", `{"at":"2026-01-02T00:00:00Z","reviewed":false}`)
		d.evaluate()
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-10 00:00")}, "1 pass 02 00:00–05 00:00", "1 fail 05 00:00– Nobody looked at 1.")
		page, err := d.m.Results(d.ctx, check.Filter{})
		if err != nil || len(page.Results) != 1 || page.Results[0].From != d.at("2026-01-05 00:00") || page.Results[0].Known < d.at("2026-01-10 00:00") {
			t.Errorf("when it was, and when it was known: %+v %v", page.Results, err)
		}
	})
}

// Of a body that was dropped, no field may count as one that is not there: this check would pass by it.
func TestALookupInADroppedBodyIsUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		text := mergeCheck("CHG-01", `find("host_user", "key", r.by).all(u, !has(u.locked) || !u.locked)`,
			`record: {by: a}, others: {host_user: [{key: a, locked: true}]}`, `record: {by: a}, others: {host_user: [{key: a, locked: false}]}`)
		d := open(t, db, text)
		for _, kind := range []string{"merge", "host_user"} {
			d.covered(kind, "2026-01-01 00:00", "", "")
		}
		d.see("host_user", "ada@example.org", `{"name":"ada","locked":false}`)
		d.see("merge", "m", `{"at":"2026-01-01T00:00:00Z","by":"ada@example.org"}`)
		d.evaluate()
		d.goTo("2026-01-05 00:00")
		d.see("host_user", "ada@example.org", `{"name":"ada","locked":true}`)
		d.goTo("2026-01-06 00:00")
		d.see("host_user", "ada@example.org", `{"name":"ada","locked":false}`)
		all, err := d.book.EndedBy(d.ctx, db, "host_user", store.At(d.now)+10, 0, 10)
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		err = d.book.Log.Write(d.ctx, func(tx *ledger.Tx) error {
			_, err := d.book.Drop(d.ctx, tx, "job:retention", record.Dropping{Kind: "host_user", Rule: "host_user"}, all)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		d.goTo("2026-01-08 00:00")
		d.evaluate()
		page, err := d.m.Results(d.ctx, check.Filter{From: d.at("2026-01-05 12:00"), To: d.at("2026-01-05 13:00")})
		if err != nil || len(page.Results) != 1 || page.Results[0].Status != check.Unknown || !strings.Contains(page.Results[0].Reason, "dropped on 6 January 2026 by the retention rule for host_user") {
			t.Errorf("%+v %v", page.Results, err)
		}
		for _, at := range []string{"", "2026-01-03 00:00", "2026-01-05 12:00"} {
			if out, lines := d.again(at); lines != "" || at != "" && (len(out.Left) != 1 || !strings.Contains(out.Left[0].Why, "by the retention rule for host_user") || out.Judged != 0) {
				t.Errorf("judged again at %q: %+v", at, out)
			}
		}
		b, got, differs, err := d.backtest("CHG-01", "2026-01-02 00:00", "2026-01-08 00:00")
		if err != nil || got != "m unknown 02 00:00–06 00:00\nm pass 06 00:00–08 00:00" || differs != "" || b.Flipped != 0 {
			t.Errorf("%+v %v\n%s\n%s", b, err, got, differs)
		}
	})
}

package check_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// desk is a workspace with a clock that the test sets.
type desk struct {
	tester
	ctx  context.Context
	now  time.Time
	book *record.Book
	m    *check.Monitor
	runs int64
}

// tester is a test, or one of the many tries of a property.
type tester interface {
	rapid.TB
	TempDir() string
}

func open(t tester, db *store.DB, checks ...string) *desk {
	t.Helper()
	d := &desk{tester: t, ctx: context.Background(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	log, err := ledger.Open(d.ctx, db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log.Clock = func() time.Time { return d.now }
	var all []record.Kind
	for _, k := range kinds() {
		if k.Name == "person" {
			k.Fields[0].Indexed = true
		}
		all = append(all, *k)
	}
	all = append(all, record.Kind{Name: "merge", Collected: true, Occurred: "at", Fields: []record.Field{{Name: "at", Type: record.Time}, {Name: "reviewed", Type: record.Bool}, {Name: "by", Type: record.Email}}})
	all = append(all, record.Kind{Name: "device", Collected: true, Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "owner", Type: record.Text}, {Name: "locked", Type: record.Bool}, {Name: "seen", Type: record.Time, Volatile: true}}})
	all = append(all, record.Kind{Name: "boundary", Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "parts", Type: record.Object, List: true, Fields: []record.Field{
		{Name: "owner", Type: record.Text}, {Name: "from", Type: record.Date}, {Name: "to", Type: record.Date}}}}})
	all = append(all, check.Kind(), finding.Kind(), record.Kind{Name: "control", Fields: []record.Field{{Name: "id", Type: record.Text}}}, record.Kind{Name: "exception", Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "until", Type: record.Date}}})
	ks, err := record.NewKinds(append(all, collect.Kinds()...)...)
	if err != nil {
		t.Fatal(err)
	}
	if d.book, err = record.OpenBook(d.ctx, log, ks, func(_ string, v []byte) string { return string(v) }); err != nil {
		t.Fatal(err)
	}
	d.use(checks...)
	return d
}

// use loads the checks as the set in use.
func (d *desk) use(checks ...string) {
	d.Helper()
	words, err := check.NewVocabulary(d.book.Kinds.All()...)
	if err != nil {
		d.Fatal(err)
	}
	library := fstest.MapFS{}
	for i, c := range checks {
		library[fmt.Sprintf("%d.yaml", i)] = &fstest.MapFile{Data: []byte(c)}
	}
	set, err := check.Load(words, nil, library, "")
	if err != nil {
		d.Fatal(err)
	}
	d.m = check.NewMonitor(d.book, words, set)
}

func (d *desk) at(s string) store.Moment {
	d.Helper()
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		d.Fatal(err)
	}
	return store.At(t)
}

// goTo sets the clock.
func (d *desk) goTo(s string) { d.Helper(); d.now = d.at(s).Time() }

// see writes what a connection saw.
func (d *desk) see(kind, key, body string) {
	d.Helper()
	c := record.Change{Kind: kind, Key: key, Source: "host", Origin: record.Collected, Body: json.RawMessage(body), Reason: "read"}
	if k, _ := d.book.Kinds.Named(kind); !k.Collected {
		c.Source, c.Origin = "", record.Typed
	}
	if body == "" {
		c.Body, c.Delete = nil, true
	}
	if _, err := d.book.Put(d.ctx, record.Job("connection:host"), c); err != nil {
		d.Fatal(err)
	}
}

// run changes the database behind the book's back.
func (d *desk) run(sql string, args ...any) {
	d.Helper()
	if err := d.book.DB.Write(d.ctx, func(tx *store.Tx) error { _, err := tx.Exec(d.ctx, sql, args...); return err }); err != nil {
		d.Fatal(err)
	}
}

// covered says that the kind was read completely from one time to another; "" for until further notice.
func (d *desk) covered(kind, from, to, ended string) {
	d.Helper()
	d.coveredBy("host", kind, from, to, ended)
}

func (d *desk) coveredBy(connection, kind, from, to, ended string) {
	d.Helper()
	end, last := store.Forever, d.at(from)
	if to != "" {
		end, last = d.at(to), d.at(to)
	}
	d.runs++
	err := d.book.DB.Write(d.ctx, func(tx *store.Tx) error {
		return store.Insert(d.ctx, tx, "coverage", []string{"id", "connection", "kind", "part", "scope", "valid_from", "valid_to", "last_read", "reads", "first_run", "last_run", "ended"},
			[][]any{{d.runs, connection, kind, "", "", d.at(from), end, last, 1, 1, 1, ended}})
	})
	if err != nil {
		d.Fatal(err)
	}
}

func (d *desk) evaluate() check.Evaluation {
	d.Helper()
	e, err := d.m.Evaluate(d.ctx, check.Options{})
	if err != nil {
		d.Fatal(err)
	}
	return e
}

// say is the results in short: key status from–to (reason).
func (d *desk) say(f check.Filter) string {
	d.Helper()
	f.Limit = 1 // pages must join
	var lines []string
	for {
		page, err := d.m.Results(d.ctx, f)
		if err != nil {
			d.Fatal(err)
		}
		for _, r := range page.Results {
			line := r.Key + " " + string(r.Status) + " " + short(r.From) + "–" + short(r.To)
			if r.Reason != "" {
				line += " " + r.Reason
			}
			if r.Corrected {
				line += " (corrected)"
			}
			lines = append(lines, line)
		}
		if page.Next == "" {
			return strings.Join(lines, "\n")
		}
		f.After = page.Next
	}
}

func short(m store.Moment) string {
	if m == store.Forever {
		return ""
	}
	return m.Time().Truncate(time.Minute).Format("02 15:04")
}

func (d *desk) want(f check.Filter, lines ...string) {
	d.Helper()
	if got := d.say(f); got != strings.Join(lines, "\n") {
		d.Errorf("got\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
}

func TestAnswersAreIntervalsAndOnlyFlipsAreWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.see("host_user", "cron", `{"name":"cron","human":false}`)
		d.see("host_user", "dan", `{"name":"dan","human":true}`)
		if e := d.evaluate(); e.Flips != 3 || e.Judged != 4 {
			t.Errorf("%+v", e)
		}
		if e := d.evaluate(); e.Flips != 0 || e.Judged != 0 {
			t.Errorf("nothing changed: %+v", e)
		}
		d.goTo("2026-01-02 00:00")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true}`)
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true,"locked":false}`)
		d.goTo("2026-01-02 00:10")
		if e := d.evaluate(); e.Flips != 1 || e.Judged != 2 {
			t.Errorf("%+v", e)
		}
		d.goTo("2026-01-03 00:00")
		d.see("host_user", "bob", `{"name":"bob","human":false,"mfa":true}`)
		d.see("host_user", "ada", "")
		d.goTo("2026-01-03 00:10")
		d.evaluate()
		missing := "The field mfa of host_user is missing."
		d.want(check.Filter{Check: "HOST-01"}, "dan unknown 01 00:00– "+missing)
		d.want(check.Filter{AsOf: d.at("2026-01-01 12:00")}, "ada pass 01 00:00–03 00:00", "bob fail 01 00:00–02 00:00 User bob can sign in without a second factor.", "dan unknown 01 00:00– "+missing)
		// Bob's new version was not yet judged.
		d.want(check.Filter{AsOf: d.at("2026-01-02 00:05")}, "ada pass 01 00:00–03 00:00", "bob fail 01 00:00– User bob can sign in without a second factor.", "dan unknown 01 00:00– "+missing)
		d.want(check.Filter{AsOf: d.at("2026-01-02 00:05"), Check: "HOST-01", Status: check.NotApplicable}, "cron not_applicable 01 00:00–")
		d.want(check.Filter{AsOf: d.at("2026-01-02 12:00"), Key: "bob"}, "bob pass 02 00:00–03 00:00")
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-03 00:05"), Key: "bob"},
			"bob fail 01 00:00–02 00:00 User bob can sign in without a second factor.", "bob pass 02 00:00–03 00:00")
		d.want(check.Filter{Check: "HOST-01", Status: check.NotApplicable}, "bob not_applicable 03 00:00–", "cron not_applicable 01 00:00–")
		if e, err := d.m.Evaluate(d.ctx, check.Options{Full: true}); err != nil || e.Flips != 0 || e.Judged != 3 {
			t.Errorf("from scratch it must come out the same: %+v %v", e, err)
		}
		if _, err := d.book.Log.Verify(d.ctx, db, nil); err != nil {
			t.Error(err)
		}
		if n, err := d.m.Verify(d.ctx, nil); err != nil || n == 0 {
			t.Errorf("%d %v", n, err)
		}
	})
}

func TestOutageMakesUnknownAndRewritesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "2026-01-02 00:00", "permission denied")
		d.covered("host_user", "2026-01-04 00:00", "", "")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.evaluate()
		rows, _ := store.One[int64](d.ctx, db, "SELECT count(*) FROM result")
		why := "The host users could not be read completely from host: Permission denied."
		d.goTo("2026-01-03 00:00")
		d.want(check.Filter{}, "ada unknown 02 00:00– "+why, "bob unknown 02 00:00– "+why)
		d.want(check.Filter{Status: check.Pass})
		d.want(check.Filter{Status: check.Fail})
		sum, err := d.m.Summary(d.ctx, 0)
		if err != nil || sum[0].Status != check.Unknown || sum[0].Counts != (check.Counts{Unknown: 2}) || sum[0].Reason != why {
			t.Errorf("%+v %v", sum, err)
		}
		d.goTo("2026-01-05 00:00")
		d.want(check.Filter{}, "ada pass 01 00:00–", "bob fail 01 00:00– User bob can sign in without a second factor.")
		d.want(check.Filter{AsOf: d.at("2026-01-03 00:00"), Status: check.Unknown}, "ada unknown 02 00:00– "+why, "bob unknown 02 00:00– "+why)
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-05 00:00"), Key: "ada"}, "ada pass 01 00:00–02 00:00", "ada unknown 02 00:00–04 00:00 "+why, "ada pass 04 00:00–")
		w, err := d.m.Window(d.ctx, "HOST-01", d.at("2026-01-01 00:00"), d.at("2026-01-05 00:00"))
		if err != nil || w.Percent < 49.9 || w.Percent > 50.1 || len(w.Gaps) < 1 || w.PassTime < 47.9 || w.Unsure < 95.9 {
			t.Errorf("%+v %v", w, err)
		}
		if n, _ := store.One[int64](d.ctx, db, "SELECT count(*) FROM result"); n != rows {
			t.Errorf("the outage wrote %d rows", n-rows)
		}
		sum, _ = d.m.Summary(d.ctx, 0)
		if sum[0].Status != check.Fail || sum[0].Counts != (check.Counts{Pass: 1, Fail: 1}) {
			t.Errorf("%+v", sum)
		}
		sum, err = d.m.Summary(d.ctx, d.at("2026-01-03 00:00"))
		if err != nil || sum[0].Counts != (check.Counts{Unknown: 2}) {
			t.Errorf("%+v %v", sum, err)
		}
	})
}

func TestClockFlipsAreDatedWhenTheyHappen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		young := strings.NewReplacer("HOST-01", "HOST-02", "where: r.human\n", "", "r.mfa\n", "age(r.changed) < 90\n",
			"mfa: false}", "changed: 2025-01-01T00:00:00Z}", "mfa: true}", "changed: 2025-12-01T00:00:00Z}", "  - {name: a machine, record: {name: bob, human: false}, expect: not_applicable}\n", "").Replace(multiFactor)
		d := open(t, db, young)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "ada", `{"name":"ada","changed":"2025-10-05T00:00:00Z"}`)
		d.evaluate()
		d.goTo("2026-01-02 00:00")
		if e := d.evaluate(); e.Judged != 0 {
			t.Errorf("no answer can have changed, and it judged: %+v", e)
		}
		d.goTo("2026-01-10 00:00") // the answer turned on the 3rd, while nobody looked
		if e := d.evaluate(); e.Flips != 1 || e.Corrected != 0 {
			t.Errorf("%+v", e)
		}
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-10 00:00")}, "ada pass 01 00:00–03 00:00", "ada fail 03 00:00– User ada can sign in without a second factor.")
		d.want(check.Filter{AsOf: d.at("2026-01-05 00:00")}, "ada pass 01 00:00–") // as far as was known
		if e := d.evaluate(); e.Flips != 0 {
			t.Errorf("%+v", e)
		}
		if n, err := d.m.Verify(d.ctx, nil); err != nil || n != 2 {
			t.Errorf("%d %v", n, err)
		}
	})
}

func TestJoinFollowsOtherRecordsAndTheirCoverage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, leavers)
		d.see("person", "bob", `{"email":"bob@example.org","end":"2025-12-01"}`)
		d.see("person", "ada", `{"email":"ada@example.org","end":"2025-12-01"}`)
		d.evaluate()
		none := "No connection reads any account."
		d.want(check.Filter{}, "bob unknown 01 00:00– "+none, "ada unknown 01 00:00– "+none)
		d.covered("host_user", "2026-01-01 00:00", "2026-01-08 00:00", "")
		d.run("UPDATE coverage SET last_read = $1", d.at("2026-01-03 00:00"))
		d.see("host_user", "1", `{"name":"bob","mail":"bob@example.org","human":true,"locked":false}`)
		d.goTo("2026-01-02 00:00")
		d.see("host_user", "2", `{"name":"ada","mail":"ada@example.org","human":true,"locked":true}`)
		d.goTo("2026-01-02 00:05")
		d.evaluate()
		fails := "The account of bob@example.org is still active."
		d.want(check.Filter{}, "bob fail 01 00:00– "+fails, "ada pass 01 00:00–")
		d.goTo("2026-01-03 00:00")
		d.see("host_user", "1", `{"name":"bob","mail":"bob@example.org","human":true,"locked":true}`)
		d.goTo("2026-01-03 00:05")
		d.evaluate()
		d.want(check.Filter{Key: "bob", From: d.at("2026-01-01 00:00"), To: d.at("2026-01-03 00:05")}, "bob pass 01 00:00–01 00:00", "bob fail 01 00:00–03 00:00 "+fails, "bob pass 03 00:00–")
		if e := d.evaluate(); e.Judged != 0 {
			t.Errorf("nothing changed, and it judged: %+v", e)
		}
		d.run("UPDATE coverage SET last_read = $1", d.at("2026-01-08 00:00"))
		d.goTo("2026-01-10 00:00") // max_gap is 36 h after the last read at 8 00:00
		stale := "The host users were last read completely from host at 2026-01-08 00:00 UTC, and what they are since is not known."
		d.want(check.Filter{Key: "bob"}, "bob unknown 08 00:00– "+stale)
		page, err := d.m.Results(d.ctx, check.Filter{Key: "bob"})
		if err != nil || len(page.Results[0].Others) != 1 {
			t.Errorf("%+v %v", page, err)
		}
	})
}

func TestEventIsJudgedOnWhenItHappenedAndCorrectedByALateVersion(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, strings.NewReplacer("HOST-01", "CHG-01", "for: host_user", "for: merge", "where: r.human\n", "", "r.mfa\n", "r.reviewed\n", `"user " + r.name + " can sign in without a second factor"`, `"it was not reviewed"`,
			"{name: bob, human: true, mfa: false}", "{reviewed: false}", "{name: bob, human: true, mfa: true}", "{reviewed: true}", "{name: bob, human: true}", "{}", "  - {name: a machine, record: {name: bob, human: false}, expect: not_applicable}\n", "").Replace(multiFactor))
		d.covered("merge", "2025-01-01 00:00", "", "")
		d.goTo("2026-01-05 00:00")
		d.see("merge", "1", `{"at":"2026-01-02T00:00:00Z","reviewed":false}`)
		d.evaluate()
		d.want(check.Filter{}, "1 fail 02 00:00– It was not reviewed.")
		d.goTo("2026-01-06 00:00")
		d.see("merge", "1", `{"at":"2026-01-02T00:00:00Z","reviewed":true}`)
		d.see("merge", "0", `{"at":"2026-01-01T00:00:00Z","reviewed":true}`)
		d.goTo("2026-01-06 01:00")
		if e := d.evaluate(); e.Corrected != 1 {
			t.Errorf("%+v", e)
		}
		d.want(check.Filter{}, "1 pass 02 00:00– (corrected)", "0 pass 01 00:00–")
		d.want(check.Filter{AsOf: d.at("2026-01-05 12:00")}, "1 fail 02 00:00– It was not reviewed.")
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-06 00:00"), Key: "1"}, "1 pass 02 00:00– (corrected)")
		if n, err := d.m.Verify(d.ctx, nil); err != nil || n != 3 {
			t.Errorf("%d %v", n, err)
		}
	})
}

func TestChangedSettingsBeginANewSeriesAndKeepTheOld(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		loose := strings.Replace(leavers, "max_gap: 36h\n", "", 1)
		d := open(t, db, loose)
		d.see("person", "bob", `{"email":"bob@example.org","end":"2025-12-01"}`)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.evaluate()
		d.want(check.Filter{}, "bob pass 01 00:00–")
		d.goTo("2026-01-02 00:00")
		d.see("check_setting", "JOIN-01", `{"check":"JOIN-01","settings":{"days":60},"reason":"contract"}`)
		d.evaluate()
		d.want(check.Filter{})
		d.want(check.Filter{Check: "JOIN-01", Status: check.NotApplicable}, "bob not_applicable 02 00:00–")
		d.want(check.Filter{AsOf: d.at("2026-01-01 12:00")}, "bob pass 01 00:00–02 00:00")
		d.goTo("2026-01-03 00:00")
		d.see("check_setting", "JOIN-01", `{"check":"JOIN-01","off":true,"reason":"not ours"}`)
		d.evaluate()
		series, err := d.m.SeriesOf(d.ctx, "JOIN-01")
		if err != nil || len(series) != 2 || series[0].Settings != `{"days":1}` || series[1].Settings != `{"days":60}` || series[1].Ended != d.at("2026-01-03 00:00")+1 && series[1].Ended == store.Forever {
			t.Errorf("%+v %v", series, err)
		}
		sum, err := d.m.Summary(d.ctx, 0)
		if err != nil || sum[0].Status != check.Unknown || !sum[0].Off || sum[0].Reason != "The check is turned off by connection:host: not ours" {
			t.Errorf("%+v %v", sum, err)
		}
		d.use(strings.Replace(loose, "!a.active)", "!a.active || r.email == 'x')", 1))
		d.see("check_setting", "JOIN-01", `{"check":"JOIN-01","off":false,"reason":"ours again"}`)
		d.goTo("2026-01-04 00:00")
		d.evaluate()
		d.want(check.Filter{}, "bob pass 04 00:00–")
		d.see("check_setting", "JOIN-01", `{"check":"JOIN-01","settings":{"days":"many"},"reason":"mistake"}`)
		if sum, err = d.m.Summary(d.ctx, 0); err != nil || !strings.Contains(sum[0].Fault, "many is not a whole number") {
			t.Errorf("%+v %v", sum, err)
		}
	})
}

func TestNothingToJudgeIsUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		sum, err := d.m.Summary(d.ctx, 0)
		if err != nil || sum[0].Status != check.Unknown || sum[0].Reason != "The check was not yet evaluated." {
			t.Errorf("%+v %v", sum, err)
		}
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.evaluate()
		sum, _ = d.m.Summary(d.ctx, 0)
		if sum[0].Status != check.Unknown || sum[0].Reason != "There is nothing to judge." {
			t.Errorf("%+v", sum)
		}
		if c := check.Control("AC-06", sum); c.Status != check.Unknown || len(c.Checks) != 1 {
			t.Errorf("%+v", c)
		}
		if c := check.Control("AC-07", sum); c.Status != check.Unknown || c.Reason != "No check is about this control." {
			t.Errorf("%+v", c)
		}
	})
	for _, c := range []struct {
		of   []check.Status
		want check.Status
	}{{nil, check.Unknown}, {[]check.Status{check.Pass}, check.Pass}, {[]check.Status{check.Pass, check.Unknown}, check.Unknown}, {[]check.Status{check.Unknown, check.Fail, check.Pass}, check.Fail}, {[]check.Status{check.NotApplicable}, check.Unknown}} {
		if got := check.Worst(c.of...); got != c.want {
			t.Errorf("%v: %s", c.of, got)
		}
	}
}

func TestErasureTakesTheSentencesAndLeavesTheProof(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.evaluate()
		d.goTo("2026-01-02 00:00")
		if err := d.book.Erase(d.ctx, record.Job("job:try"), "host_user", "bob", "asked"); err != nil {
			t.Fatal(err)
		}
		d.goTo("2026-01-02 00:05")
		d.evaluate()
		d.want(check.Filter{}, "ada pass 01 00:00–")
		left, err := store.One[int64](d.ctx, db, "SELECT count(*) FROM result WHERE reason LIKE '%bob%'")
		if err != nil || left != 0 {
			t.Errorf("%d sentences name bob, %v", left, err)
		}
		if n, err := store.One[int64](d.ctx, db, "SELECT count(*) FROM result WHERE ended < 1000000000000000"); err != nil || n != 0 {
			t.Errorf("%d rows will grow when they end, %v", n, err)
		}
		if n, err := d.m.Verify(d.ctx, nil); err != nil || n != 3 {
			t.Errorf("%d %v", n, err)
		}
		if _, err := d.m.Evaluate(d.ctx, check.Options{Full: true}); err != nil {
			t.Error(err)
		}
	})
}

func TestVerifyNamesAChangedAnswer(t *testing.T) {
	for name, sql := range map[string]string{
		"a status":       "UPDATE result SET status = 1 WHERE status = 2",
		"a sentence":     "UPDATE result SET reason = 'fine' WHERE status = 2",
		"a beginning":    "UPDATE result SET valid_from = valid_from - 1 WHERE status = 2",
		"an end":         "UPDATE result SET valid_to = valid_from + 1 WHERE status = 2",
		"a row gone":     "DELETE FROM result WHERE status = 2",
		"a forged proof": "UPDATE result SET commitment = salt WHERE status = 2",
		"its salt":       "UPDATE result SET salt = NULL, status = 1 WHERE status = 2",
		"another salt":   "UPDATE result SET salt = NULL, commitment = hash FROM (SELECT hash FROM series LIMIT 1) AS s WHERE status = 2",
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := open(t, db, multiFactor)
				d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
				d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
				d.evaluate()
				if _, err := d.m.Verify(d.ctx, nil); err != nil {
					t.Fatal(err)
				}
				if err := db.Write(d.ctx, func(tx *store.Tx) error { _, err := tx.Exec(d.ctx, sql); return err }); err != nil {
					t.Fatal(err)
				}
				if _, err := d.m.Verify(d.ctx, nil); err == nil {
					t.Error("nothing was noticed")
				}
			})
		})
	}
}

func TestWindowHasEveryIntervalOfARecordThatChangedOften(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		for i := range 120 {
			d.now = d.now.Add(time.Minute)
			d.see("host_user", "bob", fmt.Sprintf(`{"name":"bob","human":true,"mfa":%v}`, i%2 == 0))
			d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
			d.evaluate()
		}
		lines := strings.Split(d.say(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-02 00:00")}), "\n")
		if len(lines) != 121 {
			t.Errorf("%d intervals", len(lines))
		}
		sum, err := d.m.Summary(d.ctx, d.at("2026-01-01 00:30")) // just before what was seen then was written
		if err != nil || sum[0].Counts != (check.Counts{Pass: 2}) {
			t.Errorf("%+v %v", sum[0].Counts, err)
		}
		if sum, err = d.m.Summary(d.ctx, d.at("2026-01-01 00:31")); err != nil || sum[0].Counts != (check.Counts{Pass: 1, Fail: 1}) {
			t.Errorf("%+v %v", sum[0].Counts, err)
		}
		w, err := d.m.Window(d.ctx, "HOST-01", d.at("2026-01-01 00:00"), d.at("2026-01-02 00:00"))
		if err != nil || w.FailTime < 0.98 || w.FailTime > 1.01 {
			t.Errorf("%+v %v", w, err)
		}
	})
}

func TestNewRecordIsJudgedWhenItsOwnMomentComes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		loose := strings.Replace(leavers, "max_gap: 36h\n", "", 1)
		d := open(t, db, loose)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "1", `{"name":"bob","mail":"bob@example.org","human":true,"locked":false}`)
		d.evaluate()
		d.see("person", "bob", `{"email":"bob@example.org","end":"2026-01-05"}`)
		d.see("person", "eve", `{"email":"eve@example.org","end":"2026-01-20"}`)
		d.goTo("2026-01-02 00:00")
		if e := d.evaluate(); e.Judged != 2 {
			t.Errorf("%+v", e)
		}
		for _, day := range []string{"03", "05", "06"} {
			d.goTo("2026-01-" + day + " 00:00")
			if e := d.evaluate(); e.Judged != 0 {
				t.Errorf("on the %sth: %+v", day, e)
			}
		}
		d.want(check.Filter{})
		d.goTo("2026-01-06 00:01")
		d.evaluate()
		d.want(check.Filter{}, "bob fail 06 00:00– The account of bob@example.org is still active.")
		d.goTo("2026-01-19 00:00")
		if e := d.evaluate(); e.Judged != 0 {
			t.Errorf("%+v", e)
		}
		d.goTo("2026-01-25 00:00")
		d.evaluate()
		d.want(check.Filter{Key: "eve"}, "eve pass 21 00:00–")
	})
}

func TestLookupByKeySeesEverySource(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		text := `id: JOIN-09
title: Every root account has a second factor
for: person
let: {roots: 'host_user by key = "root"'}
expect: roots.all(a, a.mfa)
because: '"a root account has none"'
severity: high
why: Root may do everything.
fix: {cli: enrol it}
examples:
  - {name: all have it, record: {email: a}, others: {host_user: [{key: root, mfa: true}]}, expect: pass}
  - {name: one has not, record: {email: a}, others: {host_user: [{key: root, mfa: true}, {key: root, mfa: false}]}, expect: fail}
  - {name: not read, record: {email: a}, expect: unknown}
`
		d := open(t, db, text)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("person", "ada", `{"email":"ada@example.org"}`)
		d.see("host_user", "root", `{"mfa":true}`)
		if _, err := d.book.Put(d.ctx, record.Job("connection:other"), record.Change{Kind: "host_user", Key: "root", Source: "other", Origin: record.Collected, Body: json.RawMessage(`{"mfa":false}`)}); err != nil {
			t.Fatal(err)
		}
		d.evaluate()
		d.want(check.Filter{}, "ada fail 01 00:00– A root account has none.")
	})
}

func TestWhatStandsBesideIsOfTheSameMachine(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		text := `id: HOST-90
title: A guard watches the machine
for: host_user
where: r.human == false
expect: beside("host_user", "name", "guard").exists(g, g.mfa)
because: '"no guard is beside " + r.name'
severity: high
why: One guard watches one machine.
fix: {cli: send one}
examples:
  - {name: watched, record: {name: m, human: false}, others: {host_user: [{name: guard, mfa: true}]}, expect: pass}
  - {name: alone, record: {name: m, human: false}, others: {host_user: []}, expect: fail}
  - {name: not read, record: {name: m, human: false}, expect: unknown}
`
		d := open(t, db, text)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.coveredBy("other", "host_user", "2026-01-01 00:00", "", "")
		put := func(source, key, body string) {
			if _, err := d.book.Put(d.ctx, record.Job("connection:"+source), record.Change{Kind: "host_user", Key: key, Source: source, Origin: record.Collected, Body: json.RawMessage(body)}); err != nil {
				t.Fatal(err)
			}
		}
		put("host", "m1", `{"name":"m1","human":false}`)
		put("host", "g1", `{"name":"guard","human":true,"mfa":true}`)
		put("other", "m2", `{"name":"m2","human":false}`)
		d.evaluate()
		d.want(check.Filter{Key: "m1"}, "m1 pass 01 00:00–")
		d.want(check.Filter{Key: "m2"}, "m2 fail 01 00:00– No guard is beside m2.")
	})
}

func TestTwoEvaluationsAtOnceAnswerOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		for round := range 5 {
			d.now = d.now.Add(time.Hour)
			for i := range 30 {
				d.see("host_user", key(i), fmt.Sprintf(`{"name":"x","human":true,"mfa":%v}`, (i+round)%2 == 0))
			}
			done := make(chan error)
			for range 3 {
				m := check.NewMonitor(d.book, d.m.Words, d.m.Set) // another server of the same workspace
				go func() {
					_, err := m.Evaluate(d.ctx, check.Options{})
					done <- err
				}()
			}
			for range 3 {
				if err := <-done; err != nil && !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			}
		}
		d.evaluate()
		if n, err := store.One[int64](d.ctx, db, "SELECT count(*) FROM series"); err != nil || n != 1 {
			t.Errorf("%d series, %v", n, err)
		}
		twice, err := store.All[int64](d.ctx, db, "SELECT record FROM result WHERE valid_to = $1 AND superseded = $1 GROUP BY series, record HAVING count(*) > 1", store.Forever)
		if err != nil || len(twice) > 0 {
			t.Errorf("records with two answers: %v, %v", twice, err)
		}
		if _, err := d.m.Verify(d.ctx, nil); err != nil {
			t.Error(err)
		}
		sum, err := d.m.Summary(d.ctx, 0)
		if err != nil || sum[0].Counts.Pass != 15 || sum[0].Counts.Fail != 15 {
			t.Errorf("%+v %v", sum[0].Counts, err)
		}
	})
}

func TestALookupThatTheDatabaseRefusesAnswersNothing(t *testing.T) {
	type harm func(d *desk) (mend string, args []any)
	for name, hurt := range map[string]harm{
		"the index is out of reach": func(d *desk) (string, []any) {
			d.run("ALTER TABLE value RENAME TO elsewhere")
			return "ALTER TABLE elsewhere RENAME TO value", nil
		},
		"a record cannot be opened": func(d *desk) (string, []any) {
			v, err := d.book.Get(d.ctx, "person", "bob", 0)
			if err != nil {
				d.Fatal(err)
			}
			body, err := store.One[[]byte](d.ctx, d.book.DB, "SELECT body FROM version WHERE id = $1", v.ID)
			if err != nil {
				d.Fatal(err)
			}
			d.run("UPDATE version SET body = $1 WHERE id = $2", []byte("no body"), v.ID)
			return "UPDATE version SET body = $1 WHERE id = $2", []any{body, v.ID}
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := open(t, db, joiner)
				d.covered("host_user", "2026-01-01 00:00", "", "")
				d.see("host_user", "bob", `{"name":"bob","mail":"bob@example.org","human":true,"locked":false}`)
				d.see("person", "bob", `{"email":"bob@example.org"}`)
				d.evaluate()
				d.goTo("2026-01-02 00:00")
				d.see("host_user", "bob", `{"name":"bob","mail":"bob@example.org","human":true,"mfa":true,"locked":false}`)
				d.see("host_user", "eve", `{"name":"eve","mail":"eve@example.org","human":true,"locked":false}`)
				mend, args := hurt(d)
				if _, err := d.m.Evaluate(d.ctx, check.Options{}); err == nil {
					t.Error("the evaluation went on")
				}
				if n, err := store.One[int64](d.ctx, db, "SELECT count(*) FROM result"); err != nil || n != 1 {
					t.Errorf("%d answers are kept, where there was one: %v", n, err)
				}
				// A back-test reads what is looked up whole, and needs no index of it.
				if _, _, _, err := d.backtest("JOIN-01", "2026-01-01 00:00", "2026-01-02 00:00"); (err == nil) != (name == "the index is out of reach") {
					t.Errorf("the past was judged otherwise than what can be read of it allows: %v", err)
				}
				d.run(mend, args...)
				d.goTo("2026-01-02 01:00")
				d.evaluate()
				d.want(check.Filter{}, "bob pass 01 00:00–", "eve pass 02 00:00–")
			})
		})
	}
}

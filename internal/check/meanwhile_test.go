package check_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var joiner = strings.NewReplacer("for: person\nwhere: r.end != null && age(r.end) > settings.days\n", "for: host_user\n", "accounts: account by email = r.email", "people: person by email = r.mail",
	"accounts.all(a, !a.active)", "r.locked || people.all(p, !has(p.end) || p.end == null || age(p.end) <= settings.days)", `"the account of " + r.email + " is still active"`, `"the account of " + r.mail + " is still active"`,
	"max_gap: 36h\n", "", leavers[strings.Index(leavers, "examples:"):], `examples:
  - {name: left, record: {mail: a, locked: false}, others: {person: [{email: a, end: 2025-01-01}]}, expect: fail}
  - {name: here, record: {mail: a, locked: false}, others: {person: [{email: a}]}, expect: pass}
  - {name: unread, record: {mail: a}, others: {person: [{email: a, end: 2025-01-01}]}, expect: unknown}
`).Replace(leavers)

func TestADeviationThatBeganAndEndedBetweenTwoEvaluationsIsKept(t *testing.T) {
	account := func(locked bool) string {
		return fmt.Sprintf(`{"name":"bob","mail":"bob@example.org","human":true,"mfa":true,"locked":%t}`, locked)
	}
	fails := "The account of bob@example.org is still active."
	for name, c := range map[string]struct {
		meanwhile func(d *desk)
		want      []string
	}{
		"another record made it fail, and it was mended itself": {func(d *desk) {
			d.goTo("2026-01-05 10:00")
			d.see("person", "bob", `{"email":"bob@example.org","end":"2026-01-02"}`)
			d.goTo("2026-01-06 11:00")
			d.see("host_user", "bob", account(true))
		}, []string{"bob pass 01 00:00–05 10:00", "bob fail 05 10:00–06 11:00 " + fails, "bob pass 06 11:00–"}},
		"another record made it fail, and took it back": {func(d *desk) {
			d.goTo("2026-01-05 10:00")
			d.see("person", "bob", `{"email":"bob@example.org","end":"2026-01-02"}`)
			d.goTo("2026-01-06 11:00")
			d.see("person", "bob", `{"email":"bob@example.org"}`)
		}, []string{"bob pass 01 00:00–05 10:00", "bob fail 05 10:00–06 11:00 " + fails, "bob pass 06 11:00–"}},
		"a day made it fail, and it was mended itself": {func(d *desk) {
			d.see("person", "bob", `{"email":"bob@example.org","end":"2026-01-04"}`)
			d.evaluate()
			d.goTo("2026-01-07 11:00")
			d.see("host_user", "bob", account(true))
		}, []string{"bob pass 01 00:00–05 00:00", "bob fail 05 00:00–07 11:00 " + fails, "bob pass 07 11:00–"}},
		"it was gone before anybody looked": {func(d *desk) {
			d.goTo("2026-01-05 10:00")
			d.see("person", "bob", `{"email":"bob@example.org","end":"2026-01-02"}`)
			d.goTo("2026-01-06 11:00")
			d.see("host_user", "bob", "")
		}, []string{"bob pass 01 00:00–05 10:00", "bob fail 05 10:00–06 11:00 " + fails}},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := open(t, db, joiner)
				d.covered("host_user", "2026-01-01 00:00", "", "")
				d.see("host_user", "bob", account(false))
				d.see("person", "bob", `{"email":"bob@example.org"}`)
				d.evaluate()
				c.meanwhile(d)
				d.goTo("2026-01-08 00:00")
				d.evaluate()
				d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-08 00:00")}, c.want...)
				courses, err := d.m.Courses(d.ctx, d.at("2026-01-01 00:00"), d.at("2026-01-08 00:00"))
				if err != nil || !slices.ContainsFunc(courses["JOIN-01"], func(s check.Stretch) bool {
					return s.Status == check.Fail && s.From <= d.at("2026-01-06 00:00") && s.To >= d.at("2026-01-06 11:00")
				}) {
					t.Errorf("the check's course has no failure: %+v %v", courses, err)
				}
				if f := d.finding("join-01-host"); f["state"] != "fixed" || len(f["items"].([]any)) != 1 {
					t.Errorf("no finding, fixed already, says so: %v", f)
				}
				if e := d.evaluate(); e.Flips != 0 {
					t.Errorf("it was answered again: %+v", e)
				}
				if _, err := d.m.Verify(d.ctx, nil); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWhatCouldNotAllBeJudgedIsUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, joiner)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "bob", `{"name":"bob","mail":"bob@example.org","human":true,"mfa":true,"locked":false}`)
		d.see("person", "bob", `{"email":"bob@example.org"}`)
		d.evaluate()
		for i := range 40 {
			d.goTo(fmt.Sprintf("2026-01-02 00:%02d", i))
			d.see("person", "bob", fmt.Sprintf(`{"email":"bob@example.org","end":"2030-01-%02d"}`, i%28+1))
		}
		d.goTo("2026-01-03 00:00")
		d.evaluate()
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-03 00:00")}, "bob pass 01 00:00–02 00:00",
			"bob unknown 02 00:00–02 00:24 So much of what it looks up changed between two evaluations that not every moment was judged.", "bob pass 02 00:24–")
	})
}

func TestAFailureOutlivesTurningTheCheckOff(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.evaluate()
		d.goTo("2026-01-03 00:00")
		d.see("check_setting", "HOST-01", `{"check":"HOST-01","off":true,"reason":"it fails"}`)
		d.evaluate()
		d.goTo("2026-01-05 00:00")
		courses, err := d.m.Courses(d.ctx, d.at("2026-01-02 00:00"), d.at("2026-01-05 00:00"))
		got := courses["HOST-01"]
		if err != nil || len(got) != 2 || got[0].Status != check.Fail || got[0].From != d.at("2026-01-02 00:00") || got[1].Status != check.Unknown || got[1].Reason != "The check was not in use." {
			t.Errorf("%+v %v", got, err)
		}
	})
}

func TestALightEvaluationJudgesWhatChangedAndWhatIsDue(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, strings.Replace(leavers, "max_gap: 36h\n", "", 1))
		light := func() check.Evaluation {
			t.Helper()
			e, err := d.m.Evaluate(d.ctx, check.Options{Light: true})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("host_user", "1", `{"name":"bob","mail":"bob@example.org","human":true,"locked":false}`)
		d.see("person", "bob", `{"email":"bob@example.org","end":null}`)
		light()
		d.want(check.Filter{})
		d.goTo("2026-01-02 10:00")
		d.see("person", "bob", `{"email":"bob@example.org","end":"2026-01-02"}`)
		light()
		d.want(check.Filter{})
		d.goTo("2026-01-05 10:00")
		if e := light(); e.Flips != 1 {
			t.Errorf("%+v", e)
		}
		d.want(check.Filter{}, "bob fail 03 00:00– The account of bob@example.org is still active.")
		if e := light(); e.Judged != 0 {
			t.Errorf("nothing changed, and it judged: %+v", e)
		}
		if e, err := d.m.Evaluate(d.ctx, check.Options{Full: true}); err != nil || e.Flips != 0 {
			t.Errorf("judged anew it came out otherwise: %+v %v", e, err)
		}
	})
}

func TestASlipOfMinutesOpensNoFinding(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.evaluate()
		d.goTo("2026-01-01 01:00")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.goTo("2026-01-01 01:10")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true}`)
		d.goTo("2026-01-01 02:00")
		d.evaluate()
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-01 02:00")}, "bob fail 01 01:00–01 01:10 User bob can sign in without a second factor.", "bob pass 01 01:10–")
		if _, err := d.book.Get(d.ctx, "finding", "host-01-host", 0); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
	})
}

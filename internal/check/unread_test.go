package check_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// aged makes a check of the day on which a user last changed something.
func aged(where, expect, fails, passes string) string {
	return strings.NewReplacer("WHERE", where, "EXPECT", expect, "FAILS", fails, "PASSES", passes).Replace(`id: HOST-02
title: It is of the right age
for: host_user
where: WHERE
expect: EXPECT
because: '"user " + r.name + " fails"'
severity: critical
why: Time tells.
fix: {cli: change it}
examples:
  - {name: wrong, record: {name: bob, human: true, mfa: false, changed: FAILS}, expect: fail}
  - {name: right, record: {name: bob, human: true, mfa: true, changed: PASSES}, expect: pass}
  - {name: not read, record: {name: bob, human: true, mfa: true}, expect: unknown}
`)
}

func TestTimeThatPassesWhileASourceIsNotReadChangesNoAnswer(t *testing.T) {
	const new, ancient = "2025-12-01T00:00:00Z", "2025-01-01T00:00:00Z"
	young := aged("r.human", "age(r.changed) < 90", ancient, new)
	old := aged("r.human", "age(r.changed) >= 90", new, ancient)
	asked := aged("age(r.changed) < 90", "r.mfa", new, new)
	const fails = "User bob fails."
	why := "The host users could not be read completely from host: Permission denied."
	gap := "bob unknown 02 00:00–05 00:00 " + why
	// Until the 3rd, 00:00, it is younger than 90 days; from the 2nd to the 5th nothing is read.
	const before, after = `{"name":"bob","human":true,"changed":"2025-10-05T00:00:00Z","mfa":false}`, `{"name":"bob","human":true,"changed":"2026-01-04T00:00:00Z","mfa":false}`
	for name, c := range map[string]struct {
		check, then    string // the check, and what is read in the end
		want           []string
		during, finish string // the state of the finding while nothing is read, and in the end
		fixed          string // when its failure ended
	}{
		"pass became fail, and so it was":        {young, before, []string{"bob pass 01 00:00–02 00:00", gap, "bob fail 05 00:00– " + fails}, "", "open", ""},
		"pass became fail, and it was mended":    {young, after, []string{"bob pass 01 00:00–02 00:00", gap, "bob pass 05 00:00–"}, "", "", ""},
		"fail became pass, and so it was":        {old, before, []string{"bob fail 01 00:00–02 00:00 " + fails, gap, "bob pass 05 00:00–"}, "open", "fixed", "2026-01-05T00:00"},
		"fail became pass, and it goes on":       {old, after, []string{"bob fail 01 00:00–02 00:00 " + fails, gap, "bob fail 05 00:00– " + fails}, "open", "open", ""},
		"fail was not asked for, and so it was":  {asked, before, []string{"bob fail 01 00:00–02 00:00 " + fails, gap}, "open", "fixed", "2026-01-05T00:00"},
		"fail was not asked for, and it goes on": {asked, after, []string{"bob fail 01 00:00–02 00:00 " + fails, gap, "bob fail 05 00:00– " + fails}, "open", "open", ""},
	} {
		for _, watched := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, evaluated meanwhile %v", name, watched), func(t *testing.T) {
				storetest.Each(t, func(t *testing.T, db *store.DB) {
					d := open(t, db, c.check)
					finding := func(want, fixed string) {
						t.Helper()
						v, err := d.book.Get(d.ctx, "finding", "host-02-host", 0)
						if fault.Is(err, fault.NotFound) {
							v.Body, err = []byte("{}"), nil
						}
						var f struct {
							State string
							Items []struct{ From, To string }
						}
						if err = errors.Join(err, json.Unmarshal(v.Body, &f)); err != nil || f.State != want {
							t.Errorf("the finding is %q and not %q: %v", f.State, want, err)
						}
						if want != "" && (len(f.Items) != 1 || !strings.HasPrefix(f.Items[0].To, fixed) || fixed == "" && f.Items[0].To != "") {
							t.Errorf("its items are %v", f.Items)
						}
					}
					d.covered("host_user", "2026-01-01 00:00", "2026-01-02 00:00", "permission denied")
					d.see("host_user", "bob", before)
					d.evaluate()
					d.goTo("2026-01-04 00:00")
					if watched {
						for _, o := range []check.Options{{}, {Light: true}, {Full: true}} {
							if e, err := d.m.Evaluate(d.ctx, o); err != nil || e.Flips != 0 {
								t.Errorf("%+v: an answer turned: %+v %v", o, e, err)
							}
						}
						d.want(check.Filter{}, "bob unknown 02 00:00– "+why)
						finding(c.during, "")
					}
					d.goTo("2026-01-05 00:00")
					d.covered("host_user", "2026-01-05 00:00", "", "")
					d.see("host_user", "bob", c.then)
					d.goTo("2026-01-06 00:00")
					d.evaluate()
					d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-06 00:00")}, c.want...)
					finding(c.finish, c.fixed)
					courses, err := d.m.Courses(d.ctx, d.at("2026-01-01 00:00"), d.at("2026-01-06 00:00"))
					if err != nil || slices.ContainsFunc(courses["HOST-02"], func(s check.Stretch) bool {
						return s.From < d.at("2026-01-05 00:00") && s.To > d.at("2026-01-02 00:00") && s.Status != check.Unknown
					}) {
						t.Errorf("the check's course: %+v %v", courses["HOST-02"], err)
					}
					if e, err := d.m.Evaluate(d.ctx, check.Options{Full: true}); err != nil || e.Flips != 0 {
						t.Errorf("judged anew it came out otherwise: %+v %v", e, err)
					}
				})
			})
		}
	}
}

func TestAFailureNeitherBeginsNorEndsByWhatIsLookedUpAndNotRead(t *testing.T) {
	leavers := strings.Replace(leavers, "max_gap: 36h\n", "", 1)
	forgiving := strings.NewReplacer("!a.active)", "!a.active || age(r.end) > 40)", "end: 2025-12-01", "end: 2025-12-20").Replace(leavers)
	account := func(locked bool) string {
		return fmt.Sprintf(`{"name":"bob","mail":"bob@example.org","human":true,"locked":%t}`, locked)
	}
	fails := "The account of bob@example.org is still active."
	why := "The host users could not be read completely from host: Permission denied."
	for name, c := range map[string]struct {
		check, end     string // of the person's work
		elsewhere      bool   // the account is seen by another connection too, which goes on
		then           string // what is read in the end
		want           []string
		during, finish string
	}{
		"it began, and so it was":            {leavers, "2026-01-02", false, account(false), []string{"bob unknown 03 00:00–05 00:00 " + why, "bob fail 05 00:00– " + fails}, "", "open"},
		"it began, and it was mended":        {leavers, "2026-01-02", false, account(true), []string{"bob unknown 03 00:00–05 00:00 " + why, "bob pass 05 00:00–"}, "", ""},
		"it began, and was read elsewhere":   {leavers, "2026-01-02", true, account(false), []string{"bob fail 03 00:00– " + fails}, "open", "open"},
		"it had begun before":                {leavers, "2025-12-30", false, account(false), []string{"bob fail 01 00:00– " + fails}, "open", "open"},
		"it ended by the day, and so it was": {forgiving, "2025-11-24", false, account(false), []string{"bob fail 01 00:00–03 00:00 " + fails, "bob unknown 03 00:00–05 00:00 " + why, "bob pass 05 00:00–"}, "open", "fixed"},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := open(t, db, c.check)
				finding := func(want string) {
					t.Helper()
					state := ""
					if v, err := d.book.Get(d.ctx, "finding", "join-01-program", 0); err == nil {
						state = d.finding(v.Key)["state"].(string)
					}
					if state != want {
						t.Errorf("the finding is %q and not %q", state, want)
					}
				}
				d.covered("host_user", "2026-01-01 00:00", "2026-01-02 00:00", "permission denied")
				d.see("host_user", "1", account(false))
				if c.elsewhere {
					d.coveredBy("git", "git_user", "2026-01-01 00:00", "", "")
					if _, err := d.book.Put(d.ctx, record.Job("connection:git"), record.Change{Kind: "git_user", Key: "bob", Source: "git", Origin: record.Collected, Body: json.RawMessage(`{"login":"bob","human":true,"locked":false}`)}); err != nil {
						t.Fatal(err)
					}
				}
				d.see("person", "bob", fmt.Sprintf(`{"email":"bob@example.org","end":%q}`, c.end))
				d.evaluate()
				d.goTo("2026-01-04 00:00")
				d.evaluate()
				finding(c.during)
				if e, err := d.m.Evaluate(d.ctx, check.Options{Full: true}); err != nil || e.Flips != 0 {
					t.Errorf("judged anew it came out otherwise: %+v %v", e, err)
				}
				d.goTo("2026-01-05 00:00")
				d.covered("host_user", "2026-01-05 00:00", "", "")
				d.see("host_user", "1", c.then)
				d.goTo("2026-01-06 00:00")
				d.evaluate()
				d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-06 00:00")}, c.want...)
				finding(c.finish)
				if e, err := d.m.Evaluate(d.ctx, check.Options{Full: true}); err != nil || e.Flips != 0 {
					t.Errorf("judged anew it came out otherwise: %+v %v", e, err)
				}
			})
		})
	}
}

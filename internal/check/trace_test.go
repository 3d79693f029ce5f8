package check_test

import (
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestTheTraceOfACheckIsItsWorstAnswerAndNeverAPassWhereNothingWasRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true}`)
		d.covered("host_user", "2026-01-01 00:00", "2026-01-20 00:00", "connection refused")
		d.evaluate()
		d.goTo("2026-01-05 00:00")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.evaluate()
		d.goTo("2026-01-08 00:00")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true}`)
		d.evaluate()
		d.goTo("2026-01-30 00:00")
		list, err := d.m.Traces(d.ctx, d.at("2025-12-22 00:00"), d.at("2026-03-01 00:00"))
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		c := list[0]
		var said []string
		for _, s := range c.Stretches {
			if s.To-s.From < 10 {
				continue // a check is in use from the microsecond in which it was first asked
			}
			said = append(said, fmt.Sprintf("%s %s %s", s.Status, s.From.Time().Format("01-02"), s.To.Time().Format("01-02")))
		}
		want := "unknown 12-22 01-01, pass 01-01 01-05, fail 01-05 01-08, pass 01-08 01-20, unknown 01-20 01-30"
		if got := strings.Join(said, ", "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
		if c.Percent < 48.6 || c.Percent > 48.8 { // 19 of 39 days
			t.Errorf("covered %v", c.Percent)
		}
		if c.FailTime != 72 || c.Pass != 2 || c.Fail != 1 || c.Unknown != 2 {
			t.Errorf("%+v", c)
		}
		if f := c.Longest; f == nil || f.Key != "bob" || (f.To-f.From).Time().Sub(store.Moment(0).Time()).Hours() != 72 {
			t.Errorf("%+v", f)
		}
		if c.Entry <= 0 || c.Partial || !strings.Contains(c.Stretches[len(c.Stretches)-1].Reason, "onnection refused") {
			t.Errorf("%+v", c)
		}
	})
}

func TestTheTraceOfACheckThatWasTurnedOffStaysAndEnds(t *testing.T) {
	d := open(t, storetest.SQLite(t), multiFactor)
	d.covered("host_user", "2026-01-01 00:00", "", "")
	d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
	d.evaluate()
	d.goTo("2026-01-03 00:00")
	if _, err := d.book.Put(d.ctx, record.Job("job:test"), record.Change{Kind: check.SettingKind, Key: "HOST-01", Body: []byte(`{"check":"HOST-01","off":true,"reason":"noise"}`)}); err != nil {
		t.Fatal(err)
	}
	d.evaluate()
	d.goTo("2026-01-05 00:00")
	list, err := d.m.Traces(d.ctx, d.at("2026-01-01 00:01"), d.at("2026-01-05 00:00"))
	if err != nil {
		t.Fatal(err)
	}
	s := list[0].Stretches
	if len(s) != 2 || s[0].Status != check.Fail || s[1].Status != check.Unknown || s[1].Reason != "The check was not in use." {
		t.Errorf("%+v", s)
	}
}

package check_test

import (
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestAnEffectHasEveryFailureAndGapAsKnownThen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, multiFactor)
		d.covered("host_user", "2026-01-01 00:00", "2026-01-05 00:00", "permission denied")
		d.covered("host_user", "2026-01-06 00:00", "", "")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.evaluate()
		d.goTo("2026-01-02 00:00")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true}`)
		d.evaluate()
		d.goTo("2026-01-03 00:00")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":false}`)
		d.goTo("2026-01-03 12:00") // found out late
		d.evaluate()
		d.goTo("2026-01-08 00:00")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.evaluate()
		d.goTo("2026-01-09 00:00")
		for name, c := range map[string]struct {
			to, asOf string
			want     string
		}{
			// What failed and was mended stays, and an outage cuts a failure: nobody knows that it went on.
			"now":                    {"2026-01-09 00:00", "", "fail 01–02, pass 02–03, fail 03–05, unknown 05–06, fail 06–08, pass 08–09"},
			"until the outage":       {"2026-01-04 00:00", "", "fail 01–02, pass 02–03, fail 03–04"},
			"then":                   {"2026-01-09 00:00", "2026-01-04 00:00", "fail 01–02, pass 02–03, fail 03–04"},
			"before it was found":    {"2026-01-09 00:00", "2026-01-03 06:00", "fail 01–02, pass 02–03"},
			"before the first of it": {"2026-01-09 00:00", "2026-01-01 06:00", "fail 01–01"},
		} {
			asOf := store.Moment(0)
			if c.asOf != "" {
				asOf = d.at(c.asOf)
			}
			list, err := d.m.Effects(d.ctx, []string{"HOST-01", "NONE-01"}, d.at("2026-01-01 00:01"), d.at(c.to), asOf)
			if err != nil || len(list) != 2 {
				t.Fatal(list, err)
			}
			var said []string
			for _, x := range list[0].Stretches {
				said = append(said, string(x.Status)+" "+short(x.From)[:2]+"–"+short(x.To)[:2])
			}
			if got := strings.Join(said, ", "); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
			if list[1].Percent != 0 || len(list[1].Gaps) != 1 {
				t.Errorf("a check that is not: %+v", list[1])
			}
			e := list[0]
			switch name {
			case "now":
				if e.Failed != 2 || e.Failures != 3 || e.Longest == nil || e.Longest.Key != "ada" || short(e.Longest.From) != "03 00:00" || short(e.Longest.To) != "05 00:00" || len(e.Worst) != 2 || e.Worst[0].Key != "ada" || e.Worst[0].Hours < 95.9 || e.Worst[0].Hours > 96.1 {
					t.Errorf("%+v %+v", e, e.Longest)
				}
				if e.Percent < 87.4 || e.Percent > 87.6 || len(e.Gaps) != 1 {
					t.Errorf("covered %v, gaps %v", e.Percent, e.Gaps)
				}
			case "then":
				if e.Failed != 2 || e.Failures != 2 || e.Longest == nil || e.Longest.Key != "ada" || e.Percent != 100 {
					t.Errorf("%+v %+v", e, e.Longest)
				}
			case "before it was found":
				if e.Failed != 1 || e.Failures != 1 || e.Longest.Key != "bob" {
					t.Errorf("%+v %+v", e, e.Longest)
				}
			}
		}
		page, err := d.m.Results(d.ctx, check.Filter{Check: "HOST-01", Key: "ada", From: d.at("2026-01-01 00:01"), To: d.at("2026-01-03 06:00"), Known: d.at("2026-01-03 06:00")})
		if err != nil || len(page.Results) != 1 || page.Results[0].Status != check.Pass {
			t.Errorf("before it was found: %+v %v", page, err)
		}
	})
}

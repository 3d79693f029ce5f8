package check_test

import (
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/check"
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

		// A night notes what differed and corrects what stands.
		if last, err := d.m.LastNight(d.ctx); err != nil || last.At != 0 {
			t.Errorf("%+v %v", last, err)
		}
		if found, err := d.m.Night(d.ctx, nil); err != nil || found.Differ != 1 {
			t.Errorf("%+v %v", found, err)
		}
		if last, err := d.m.LastNight(d.ctx); err != nil || last.At == 0 || last.Differ != 1 || last.Where["HOST-01"] != 1 {
			t.Errorf("%+v %v", last, err)
		}
		if found, err := d.m.Night(d.ctx, nil); err != nil || found.Differ != 0 {
			t.Errorf("%+v %v", found, err)
		}
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

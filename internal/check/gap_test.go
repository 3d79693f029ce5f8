package check_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// reads says that the kind was read completely at each of the times, by runs that took five minutes, and that each read still
// vouched when the next came: one stretch.
func (d *desk) reads(kind string, times ...string) {
	d.Helper()
	by := record.Job("connection:host")
	if _, err := d.book.Get(d.ctx, collect.ConnectionKind, "host", 0); err != nil {
		if _, err := d.book.Put(d.ctx, by, record.Change{Kind: collect.ConnectionKind, Key: "host", Body: json.RawMessage(`{"connector":"host","title":"host","every":"1h"}`)}); err != nil {
			d.Fatal(err)
		}
	}
	for i, t := range times {
		ended := d.at(t).Time()
		body := fmt.Sprintf(`{"connection":"host","started":%q,"ended":%q,"outcome":"complete"}`, ended.Add(-5*time.Minute).Format(time.RFC3339Nano), ended.Format(time.RFC3339Nano))
		if _, err := d.book.Put(d.ctx, by, record.Change{Kind: collect.RunKind, Key: fmt.Sprint(i + 1), Body: json.RawMessage(body)}); err != nil {
			d.Fatal(err)
		}
	}
	d.runs++
	first, last := d.at(times[0]), d.at(times[len(times)-1])
	err := d.book.DB.Write(d.ctx, func(tx *store.Tx) error {
		return store.Insert(d.ctx, tx, "coverage", []string{"id", "connection", "kind", "part", "scope", "valid_from", "valid_to", "last_read", "reads", "first_run", "last_run", "ended"},
			[][]any{{d.runs, "host", kind, "", "", first, last + store.Moment(14*24*time.Hour/time.Microsecond), last, len(times), 1, len(times), ""}})
	})
	if err != nil {
		d.Fatal(err)
	}
}

var gapped = strings.Replace(multiFactor, "severity: ", "max_gap: 36h\nseverity: ", 1)

func TestBetweenTwoReadsFurtherApartThanTheMaxGapIsUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, gapped)
		d.goTo("2026-01-01 00:00")
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.evaluate()
		d.goTo("2026-01-20 12:00")
		d.reads("host_user", "2026-01-01 00:00", "2026-01-02 00:00", "2026-01-07 00:00", "2026-01-08 00:00", "2026-01-19 00:00", "2026-01-20 00:00")
		d.evaluate()
		// Trust in a read ends 36 hours after its run began, and comes back when the next one ended.
		first := "The host users were not read from host between 2026-01-01 23:55 UTC and 2026-01-07 00:00 UTC, which is longer than the check allows."
		second := "The host users were not read from host between 2026-01-07 23:55 UTC and 2026-01-19 00:00 UTC, which is longer than the check allows."
		d.want(check.Filter{From: d.at("2026-01-01 00:00"), To: d.at("2026-01-20 12:00")},
			"ada pass 01 00:00–03 11:55", "ada unknown 03 11:55–07 00:00 "+first, "ada pass 07 00:00–09 11:55", "ada unknown 09 11:55–19 00:00 "+second, "ada pass 19 00:00–")
		d.want(check.Filter{AsOf: d.at("2026-01-05 00:00")}, "ada unknown 03 11:55– "+first)
		d.want(check.Filter{AsOf: d.at("2026-01-08 00:00")}, "ada pass 01 00:00–")
		d.want(check.Filter{}, "ada pass 01 00:00–")
		w, err := d.m.Window(d.ctx, "HOST-01", d.at("2026-01-01 00:00"), d.at("2026-01-20 12:00"))
		known := 19.5*24 - (3*24 + 12 + 5./60) - (9*24 + 12 + 5./60)
		if err != nil || w.Percent < 100*known/(19.5*24)-1e-6 || w.Percent > 100*known/(19.5*24)+1e-6 {
			t.Errorf("%v percent, %v", w.Percent, err)
		}
	})
}

func TestReadsThatNoRunAccountsForAreNotTrusted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, gapped)
		d.see("host_user", "ada", `{"name":"ada","human":true,"mfa":true}`)
		d.evaluate()
		d.goTo("2026-01-06 00:00")
		d.reads("host_user", "2026-01-01 00:00", "2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00", "2026-01-05 00:00")
		if err := d.book.DB.Write(d.ctx, func(tx *store.Tx) error {
			_, err := tx.Exec(d.ctx, "UPDATE coverage SET reads = 4")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		page, err := d.m.Results(d.ctx, check.Filter{AsOf: d.at("2026-01-04 00:00")})
		if err != nil || len(page.Results) != 1 || page.Results[0].Status != check.Unknown {
			t.Errorf("%+v %v", page.Results, err)
		}
	})
}

package check_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func (d *desk) finding(key string) map[string]any {
	d.Helper()
	v, err := d.book.Get(d.ctx, "finding", key, 0)
	if err != nil {
		d.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(v.Body, &body); err != nil {
		d.Fatal(err)
	}
	return body
}

func (d *desk) move(key, move string, said map[string]any, who string) {
	d.Helper()
	if _, err := d.book.Put(d.ctx, person{who}, record.Change{Kind: "finding", Key: key, Move: move, Said: said, Reason: "x"}); err != nil {
		d.Fatal(err)
	}
}

// person may do everything.
type person struct{ name string }

func (p person) May(context.Context, string, *record.Kind) error { return nil }
func (p person) Actor() record.Actor {
	return record.Actor{User: p.name, Person: p.name, Name: "person:" + p.name}
}

func TestFindingFollowsTheCheckAndIsNeverClosedByIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, strings.Replace(multiFactor, "controls: [AC-06]\n", "", 1))
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("person", "ada", `{"email":"ada@example.org"}`)
		d.see("person", "eve", `{"email":"eve@example.org"}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.see("host_user", "cat", `{"name":"cat","human":true,"mfa":false}`)
		d.evaluate()
		const key = "host-01-host"
		f := d.finding(key)
		if f["state"] != "open" || f["due"] != "2026-01-08" || f["severity"] != "critical" || len(f["items"].([]any)) != 2 || f["check"] != "HOST-01" {
			t.Errorf("%+v", f)
		}
		before := d.finding(key)
		d.evaluate()
		if fmt.Sprint(before) != fmt.Sprint(d.finding(key)) {
			t.Error("nothing changed, and the finding did")
		}
		d.goTo("2026-01-02 00:00")
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":true}`)
		d.evaluate()
		f = d.finding(key)
		if f["state"] != "open" || !strings.Contains(fmt.Sprint(f["items"]), "ended_as:pass") {
			t.Errorf("%+v", f)
		}
		d.goTo("2026-01-03 00:00")
		d.see("host_user", "cat", `{"name":"cat","human":true}`)
		d.evaluate()
		if f = d.finding(key); f["state"] != "open" || !strings.Contains(fmt.Sprint(f["items"]), "ended_as:unknown") {
			t.Errorf("unknown is not fixed: %+v", f)
		}
		d.goTo("2026-01-04 00:00")
		d.see("host_user", "cat", "")
		d.evaluate()
		if f = d.finding(key); f["state"] != "fixed" || !strings.Contains(fmt.Sprint(f["items"]), "ended_as:gone") {
			t.Errorf("%+v", f)
		}
	})
}

func TestFindingIsMarkedFixedReopenedAndOpenedAnewAfterItsClose(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := open(t, db, strings.Replace(multiFactor, "controls: [AC-06]\n", "", 1))
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("person", "ada", `{"email":"ada@example.org"}`)
		d.see("person", "eve", `{"email":"eve@example.org"}`)
		fails, passes := `{"name":"bob","human":true,"mfa":false}`, `{"name":"bob","human":true,"mfa":true}`
		const key = "host-01-host"
		turn := func(body, day string) {
			d.goTo("2026-01-" + day + " 00:00")
			d.see("host_user", "bob", body)
			d.evaluate()
		}
		turn(fails, "02")
		turn(passes, "03")
		if f := d.finding(key); f["state"] != "fixed" {
			t.Fatalf("%+v", f)
		}
		turn(fails, "04")
		if f := d.finding(key); f["state"] != "open" || len(f["items"].([]any)) != 2 {
			t.Fatalf("%+v", f)
		}
		turn(passes, "05")
		d.move(key, "verify", map[string]any{"verification": "looked"}, "ada")
		d.move(key, "close", map[string]any{"lasting": "policy", "similar": "none"}, "eve")
		d.evaluate()
		if f := d.finding(key); f["state"] != "closed" {
			t.Fatalf("%+v", f)
		}
		turn(fails, "06")
		if f := d.finding(key); f["state"] != "closed" {
			t.Fatalf("%+v", f)
		}
		if f := d.finding(key + "-2"); f["state"] != "open" || len(f["items"].([]any)) != 1 || !strings.HasPrefix(f["first_seen"].(string), "2026-01-06") {
			t.Fatalf("%+v", f)
		}
	})
}

// A finding that stays open while records fail and are mended in turn keeps to a size, and those that fail are never left out.
func TestAFindingThatStaysOpenDoesNotGrowWithoutEnd(t *testing.T) {
	d := open(t, storetest.SQLite(t), multiFactor)
	state := func(i int, mfa bool) {
		d.see("host_user", fmt.Sprintf("u%03d", i), fmt.Sprintf(`{"name":"u%03d","human":true,"mfa":%t}`, i, mfa))
	}
	d.covered("host_user", "2026-01-01 00:00", "", "")
	state(0, false)
	d.evaluate()
	for day := 2; day <= 4; day++ {
		for _, mfa := range []bool{false, true} {
			d.goTo(fmt.Sprintf("2026-01-%02d %02d:00", day, map[bool]int{false: 6, true: 18}[mfa]))
			for i := 1; i <= 90; i++ {
				state(i, mfa)
			}
			d.evaluate()
		}
	}
	v, err := d.book.Find(d.ctx, d.book.DB, "finding", "check", "HOST-01", 0)
	if err != nil || len(v) != 1 {
		t.Fatal(len(v), err)
	}
	var f struct {
		Items []struct{ Key, From, To string }
	}
	if err := json.Unmarshal(v[0].Body, &f); err != nil {
		t.Fatal(err)
	}
	days := map[string]int{}
	for _, i := range f.Items {
		if i.To == "" {
			days[i.Key]++
		} else {
			days[i.To[:10]]++
		}
	}
	if len(f.Items) != 201 || days["u000"] != 1 || days["2026-01-04"] != 90 || days["2026-01-03"] != 90 || days["2026-01-02"] != 20 {
		t.Errorf("%d items: %v", len(f.Items), days)
	}
}

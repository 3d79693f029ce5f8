package check_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tickmark/internal/check"
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

// A finding that is kept by what changed is the one that comes of reading everything; the package's tests compare the two
// wherever that is done (export_test.go). Here many records turn, more than are listed, and people step in between.
func TestAFindingIsKeptByWhatChanged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		defer check.List(check.List(3))
		checks := []string{multiFactor, overView}
		d := open(t, db, checks...)
		for _, kind := range []string{"host_user", "git_user"} {
			d.covered(kind, "2026-01-01 00:00", "", "")
		}
		d.see("person", "ada", `{"email":"ada@example.org"}`)
		dice := rand.New(rand.NewPCG(1, 2))
		state := func(i int, body string) {
			kind, source := "host_user", "host"
			if i >= 10 {
				kind, source = "git_user", "git"
			}
			c := record.Change{Kind: kind, Key: fmt.Sprintf("u%02d", i), Source: source, Origin: record.Collected, Body: json.RawMessage(body), Reason: "read"}
			if body == "" {
				c.Body, c.Delete = nil, true
			}
			if _, err := d.book.Put(d.ctx, record.Job("connection:"+source), c); err != nil && body != "" {
				t.Fatal(err)
			}
		}
		body := func(i int) string {
			if i >= 10 {
				return fmt.Sprintf(`{"login":%q,"human":true,"locked":%t}`, []string{"ada@example.org", "bob"}[dice.IntN(2)], dice.IntN(3) == 0)
			}
			if dice.IntN(9) == 0 {
				return ""
			}
			return fmt.Sprintf(`{"name":"u%02d","mail":"u@example.%s","human":true,"mfa":%t}`, i, []string{"org", "com"}[dice.IntN(2)], dice.IntN(2) == 0)
		}
		state(0, `{"name":"always","human":true,"mfa":false}`)
		for i := 1; i < 17; i++ {
			state(i, body(i))
		}
		d.evaluate()
		before := check.Followed
		for step := range 80 {
			for range 1 + dice.IntN(4) {
				d.now = d.now.Add(time.Duration(1+dice.IntN(200)) * time.Minute)
				i := 1 + dice.IntN(16)
				state(i, body(i))
			}
			if i := 1 + dice.IntN(9); step%3 == 0 { // it fails for a while, and is over before anybody looks
				for _, mfa := range []bool{true, false, true} {
					d.now = d.now.Add(90 * time.Minute)
					state(i, fmt.Sprintf(`{"name":"u%02d","mail":"u@example.org","human":true,"mfa":%t}`, i, mfa))
				}
			}
			switch step {
			case 20:
				d.move("host-01-host", "assign", map[string]any{"owner": "ada", "due": "2026-02-01"}, "ada")
			case 34:
				if err := d.book.Erase(d.ctx, record.Job("job:try"), "host_user", "u00", "asked"); err != nil {
					t.Fatal(err)
				}
			}
			if step%9 == 8 { // another process
				mine := d.m
				d.use(checks...)
				d.evaluate()
				d.m = mine
				continue
			}
			d.evaluate()
			if step == 34 && strings.Contains(fmt.Sprint(d.finding("host-01-host")), "always") {
				t.Error("the finding names what was erased")
			}
		}
		if n := check.Followed - before; n < 20 {
			t.Errorf("%d findings were kept by what changed", n)
		}
	})
}

// All findings of an evaluation are written together. What somebody wrote of one meanwhile stays, and the others are written too.
func TestFindingsAreWrittenTogetherAndOverNobodysWork(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		second := strings.Replace(multiFactor, "id: HOST-01", "id: HOST-02", 1)
		d := open(t, db, multiFactor, second)
		d.covered("host_user", "2026-01-01 00:00", "", "")
		d.see("person", "ada", `{"email":"ada@example.org"}`)
		d.see("host_user", "bob", `{"name":"bob","human":true,"mfa":false}`)
		d.evaluate()
		keys := []string{"host-01-host", "host-02-host"}
		written := map[store.Moment]bool{}
		for hour, name := range []string{"cat", "dan", "eve"} {
			d.goTo(fmt.Sprintf("2026-01-02 0%d:00", hour))
			d.see("host_user", name, `{"name":"`+name+`","human":true,"mfa":false}`)
			before := check.Followed
			if hour == 1 {
				check.Meanwhile = func(id string) {
					if id == "HOST-02" { // HOST-01 was read
						d.move(keys[0], "assign", map[string]any{"owner": "ada", "due": "2026-02-01"}, "ada")
					}
				}
				defer func() { check.Meanwhile = nil }()
			}
			d.evaluate()
			check.Meanwhile = nil
			if check.Followed != before+2 {
				t.Fatalf("%d findings were kept by what changed", check.Followed-before)
			}
			clear(written)
			for _, key := range keys {
				f := d.finding(key)
				if len(f["items"].([]any)) != hour+2 {
					t.Errorf("%s lists %v", key, f["items"])
				}
				v, err := d.book.Get(d.ctx, "finding", key, 0)
				if err != nil {
					t.Fatal(err)
				}
				written[v.From] = true
			}
			if together := len(written) == 1; together == (hour == 1) {
				t.Errorf("at %d they were written at %v", hour, written)
			}
			if f := d.finding(keys[0]); hour > 0 && (f["owner"] != "ada" || f["state"] != "assigned" || f["due"] != "2026-02-01") {
				t.Errorf("what ada said is gone: %v", f)
			}
		}
	})
}

package collect_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestAStoppedRunSaysSoAndClosesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`, "b": `{"id":"b"}`}, items: map[string]string{"i": `{"id":"i"}`}}
		c := collector(t, db, s)
		run(t, c)
		delete(s.boxes, "b")
		ctx, stop := context.WithCancel(t.Context())
		s.then = func(connector.Sink) error { stop(); return nil } // the connector itself notices nothing
		got, err := c.Run(ctx, "shelf", nil)
		if err != nil || got.Outcome == collect.Complete || got.Outcome == collect.Running {
			t.Fatalf("%s, %v", got.Outcome, err)
		}
		if len(got.Missing) == 0 || !strings.Contains(got.Missing[0].Reason, "it was stopped before it ended") {
			t.Errorf("%+v", got.Missing)
		}
		s.then, s.same = nil, true
		if got := run(t, c); got.Outcome != collect.Complete || s.used {
			t.Errorf("the run after a stopped one is %s; it took the stopped one's state: %t", got.Outcome, s.used)
		}
		if n := count(t, c, "box"); n != 1 {
			t.Errorf("%d boxes after a complete read", n)
		}
	})
}

func TestASecondRunOfAConnectionIsRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`}, items: map[string]string{}}
		c := collector(t, db, s)
		s.then = func(connector.Sink) error {
			s.then = nil
			if _, err := c.Run(t.Context(), "shelf", nil); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "shelf is being collected already") {
				t.Errorf("a run beside another: %v", err)
			}
			return nil
		}
		if got := run(t, c); got.Outcome != collect.Complete {
			t.Errorf("%+v", got)
		}
		if runs, err := c.LastRuns(t.Context(), "shelf", 10); err != nil || len(runs) != 1 {
			t.Errorf("%d runs are on record, %v", len(runs), err)
		}
	})
}

// On PostgreSQL a lock ends with the connection that holds it. A run that lost it is not beside another one: it writes nothing
// more from the moment that the other began.
func TestARunThatLostItsLockWritesNothingBesideAnother(t *testing.T) {
	for name, begins := range map[string]bool{"another began": true, "no other began": false} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), storetest.PostgresURL(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			s := &shelf{boxes: map[string]string{"old": `{"id":"old"}`}, items: map[string]string{}}
			c := collector(t, db, s)
			run(t, c)
			s.then = func(out connector.Sink) error {
				s.then = nil
				cut, err := store.All[bool](t.Context(), db, `SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
					AND classid = (hashtext(current_schema())::bigint & 4294967295)::oid AND objid = (hashtext('collect-shelf')::bigint & 4294967295)::oid`)
				if err != nil || len(cut) != 1 || !cut[0] {
					t.Fatalf("the lock's connection: %v, %v", cut, err)
				}
				if begins {
					s.boxes = map[string]string{"new": `{"id":"new"}`}
					if got := run(t, c); got.Outcome != collect.Complete {
						t.Errorf("the other run is %s", got.Outcome)
					}
				}
				for i := range 2000 {
					if err := out.Item(connector.Item{Kind: "box", Key: fmt.Sprint(i), Raw: fmt.Appendf(nil, `{"id":"%d"}`, i)}); err != nil {
						return err
					}
				}
				return nil
			}
			got, err := c.Run(t.Context(), "shelf", nil)
			if !begins {
				if err != nil || got.Outcome != collect.Complete || count(t, c, "box") != 2001 {
					t.Errorf("the run is %s with %d boxes, %v", got.Outcome, count(t, c, "box"), err)
				}
				return
			}
			if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "Another run of shelf began") {
				t.Errorf("the run that lost its lock: %+v, %v", got, err)
			}
			if _, err := c.Book.Get(t.Context(), "box", "new", 0); err != nil || count(t, c, "box") != 1 {
				t.Errorf("%d boxes stand, and of the one that the other run read: %v", count(t, c, "box"), err)
			}
			for number, outcome := range map[string]string{"2": collect.Interrupted, "3": collect.Complete} {
				v, err := c.Book.Get(t.Context(), collect.RunKind, number, 0)
				if err != nil || !strings.Contains(string(v.Body), fmt.Sprintf(`"outcome":%q`, outcome)) {
					t.Errorf("run %s: %s, %v", number, v.Body, err)
				}
			}
			if got := run(t, c); got.Outcome != collect.Complete || count(t, c, "box") != 1 {
				t.Errorf("the next run: %+v", got)
			}
		})
	}
}

func TestARunThatOutlivesItsConnectionVouchesForNothing(t *testing.T) {
	s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`}, items: map[string]string{}}
	c := collector(t, storetest.SQLite(t), s)
	run(t, c)
	s.then = func(connector.Sink) error {
		return c.Remove(t.Context(), record.Job("person:ada"), "shelf", "moved")
	}
	got, err := c.Run(t.Context(), "shelf", nil)
	if err != nil || got.Outcome == collect.Complete {
		t.Errorf("the run is %s, %v", got.Outcome, err)
	}
	now := store.At(c.Book.Log.Clock())
	for _, r := range covered(t, c, "box") {
		if r.To > now {
			t.Errorf("boxes are covered until %s by a connection that is gone", r.To)
		}
	}
}

func TestChangedSettingsAreReadAnew(t *testing.T) {
	s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`}, items: map[string]string{}, same: true}
	c := collector(t, storetest.SQLite(t), s)
	run(t, c)
	if run(t, c); !s.used {
		t.Fatal("what did not change was read again")
	}
	if _, err := c.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: "shelf", Connector: "shelf", Every: "2h"}, map[string]secret.Value{"key": secret.Of("hunter2")}); err != nil {
		t.Fatal(err)
	}
	s.used = false
	if got := run(t, c); got.Outcome != collect.Complete || s.used {
		t.Errorf("%s; what was read under other settings still counts: %t", got.Outcome, s.used)
	}
}

// The database fails in the middle of a run: what was acknowledged stands, the run vouches for nothing, closes nothing and is
// marked by the next, which heals.
func TestARunThatTheDatabaseCutsOffIsHealedByTheNext(t *testing.T) {
	for name, engine := range map[string]struct {
		disk bool
		open func(t *testing.T) (db *store.DB, harm, mend func())
	}{
		"the disk is full": {true, func(t *testing.T) (*store.DB, func(), func()) {
			db := storetest.SQLite(t)
			limit := func(pages string) {
				if err := db.Write(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(t.Context(), "PRAGMA max_page_count = "+pages); return err }); err != nil {
					t.Fatal(err)
				}
			}
			return db, func() { limit("1") }, func() { limit("1000000") } // 1: no more than there are
		}},
		"PostgreSQL is restarted": {false, func(t *testing.T) (*store.DB, func(), func()) {
			url := storetest.PostgresURL(t)
			mark := "t" + strings.ToLower(rand.Text()[:12])
			db, err := store.Open(t.Context(), url+"&application_name="+mark)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			other, err := store.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
			back, ended := make(chan bool), make(chan error, 1)
			down := func() {
				for { // it takes no connection until it is back
					select {
					case <-back:
						ended <- nil
						return
					default:
					}
					if _, err := store.All[bool](t.Context(), other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", mark); err != nil {
						ended <- err
						return
					}
				}
			}
			return db, func() { go down() }, func() {
				close(back)
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			db, harm, mend := engine.open(t)
			s := &shelf{boxes: map[string]string{"gone": `{"id":"gone"}`}, items: map[string]string{"i": `{"id":"i"}`}}
			c := collector(t, db, s)
			run(t, c)
			before, err := c.Book.Log.Head(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			s.boxes = map[string]string{}
			for i := range 1000 {
				s.boxes[fmt.Sprintf("b%04d", i)] = fmt.Sprintf(`{"id":"b%04d"}`, i)
			}
			s.then = func(out connector.Sink) error {
				for range 2000 { // until the first batch at least was written
					if now, err := c.Book.Log.Head(t.Context(), db); err != nil {
						t.Error(err)
						break
					} else if now.Size >= before.Size+500 {
						break
					}
					time.Sleep(5 * time.Millisecond)
				}
				harm()
				for i := 1000; i < 9000; i++ {
					if err := out.Item(connector.Item{Kind: "box", Key: fmt.Sprintf("b%04d", i), Raw: fmt.Appendf(nil, `{"id":"b%04d"}`, i)}); err != nil {
						return err
					}
				}
				return nil
			}
			_, err = c.Run(t.Context(), "shelf", nil)
			mend()
			if err == nil || engine.disk && (!fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "The disk is full; nothing was written")) {
				t.Fatalf("the run ended with %v", err)
			}
			kept := count(t, c, "box")
			if _, err := c.Book.Get(t.Context(), "box", "gone", 0); err != nil || kept < 500 {
				t.Errorf("%d boxes stand, and of the one that was there: %v", kept, err)
			}
			s.then = nil
			for i := 1000; i < 2000; i++ {
				s.boxes[fmt.Sprintf("b%04d", i)] = fmt.Sprintf(`{"id":"b%04d"}`, i)
			}
			if got := run(t, c); got.Outcome != collect.Complete || count(t, c, "box") != 2000 {
				t.Errorf("the next run: %+v", got)
			}
			v, err := c.Book.Get(t.Context(), collect.RunKind, "2", 0)
			if err != nil || !strings.Contains(string(v.Body), `"outcome":"interrupted"`) {
				t.Errorf("the run that was cut off: %s, %v", v.Body, err)
			}
			if _, err := c.Book.Verify(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
	}
}

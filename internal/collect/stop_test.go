package collect_test

import (
	"context"
	"strings"
	"testing"

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

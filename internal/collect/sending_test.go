package collect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var ship = record.Kind{Name: "ship", Label: "id", Collected: true, Occurred: "at", Fields: []record.Field{
	{Name: "id", Type: record.Text, Required: true}, {Name: "at", Type: record.Time, Required: true}, {Name: "ok", Type: record.Bool, Indexed: true}}}

// sent is a collector with a connection "ci" to which boxes and ships are sent.
func sent(t testing.TB, db *store.DB) *collect.Collector {
	t.Helper()
	c := collectorOf(t, db, &shelf{}, box, ship)
	c.Connectors = append(c.Connectors, connector.Connector{Name: "push", Title: "Push", Sent: true, Origin: record.Forwarded, Kinds: []record.Kind{box, ship},
		Settings: []connector.Setting{{Name: "kinds", Required: true}}})
	if _, err := c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "ci", Connector: "push", Settings: map[string]string{"kinds": "box, ship"}}, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func items(kind string, keys ...string) []json.RawMessage {
	var out []json.RawMessage
	for _, k := range keys {
		body := fmt.Sprintf(`{"id":%q}`, k)
		if kind == "ship" {
			body = fmt.Sprintf(`{"id":%q,"at":"2026-01-02T03:04:05+01:00","ok":true}`, k)
		}
		out = append(out, json.RawMessage(fmt.Sprintf(`{"kind":%q,"key":%q,"body":%s}`, kind, k, body)))
	}
	return out
}

func all(n int64) *int64 { return &n }

// deliver sends one message, which must be taken.
func deliver(t testing.TB, c *collect.Collector, d collect.Delivery) collect.Sending {
	t.Helper()
	d.Connection, d.Sender = "ci", "person:ada"
	s, err := c.Receive(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// take runs the connection, to which something must have been sent.
func take(t testing.TB, c *collect.Collector) collect.Summary {
	t.Helper()
	s, err := c.Run(context.Background(), "ci", nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSentIsTakenOnceHoweverOftenItIsSent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := sent(t, db)
		one := collect.Delivery{ID: "r1", Kinds: []string{"box"}, Batch: "1", Items: items("box", "a", "b")}
		two := collect.Delivery{ID: "r1", Kinds: []string{"box"}, Batch: "2", Items: items("box", "c"), Complete: all(3)}
		deliver(t, c, one)
		if s := deliver(t, c, one); s.Items != 2 || s.Batches != 1 || s.State != collect.Open {
			t.Fatalf("%+v", s)
		}
		if _, err := c.Run(context.Background(), "ci", nil); !fault.Is(err, fault.Incomplete) || count(t, c, "box") != 0 {
			t.Fatalf("an open run was taken over: %v", err)
		}
		deliver(t, c, two)
		if s := deliver(t, c, two); s.State != collect.Ready || s.Items != 3 {
			t.Fatalf("%+v", s)
		}
		got := take(t, c)
		if got.Outcome != collect.Complete || got.Kinds[0].New != 3 || got.Requests != 2 {
			t.Fatalf("%+v", got)
		}
		if s := deliver(t, c, two); s.State != collect.Taken || s.Run != got.Number {
			t.Errorf("%+v", s)
		}
		v, err := c.Book.GetFrom(context.Background(), "box", "a", "ci", 0, record.Company)
		if err != nil || v.Origin != record.Forwarded || v.Actor != "connection:ci" {
			t.Errorf("%+v %v", v, err)
		}
		if asked, err := c.Exchanges(context.Background(), got.Number, 0, 10); err != nil || len(asked) != 2 || asked[0].Request != "batch 1 of run r1, sent by person:ada" {
			t.Errorf("%+v %v", asked, err)
		}
		if _, err := c.Run(context.Background(), "ci", nil); !fault.Is(err, fault.Incomplete) {
			t.Errorf("what was taken over was taken over again: %v", err)
		}
	})
}

func TestOnlyACompleteSendingClosesStatesAndNoneClosesEvents(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := sent(t, db)
		now := time.Date(2046, 3, 1, 12, 0, 0, 0, time.UTC)
		c.Book.Log.Clock = func() time.Time { return now }
		both := []string{"box", "ship"}
		deliver(t, c, collect.Delivery{ID: "r1", Kinds: both, Batch: "1", Items: append(items("box", "a", "b"), items("ship", "s")...), Complete: all(3)})
		take(t, c)
		until := covered(t, c, "box")[0].To

		now = now.Add(time.Hour)
		deliver(t, c, collect.Delivery{ID: "r2", Kinds: both, Batch: "1", Items: items("box", "a")}) // and is never heard of again
		now = now.Add(25 * time.Hour)
		if got := take(t, c); got.Outcome != collect.Failed && got.Outcome != collect.Incomplete || count(t, c, "box") != 2 || !strings.Contains(got.Missing[0].Reason, "did not say") {
			t.Fatalf("%+v, %d boxes", got, count(t, c, "box"))
		}
		if cov := covered(t, c, "box"); cov[0].To >= until || cov[0].Ended == "" {
			t.Errorf("an incomplete run vouches: %+v", cov)
		}

		now = now.Add(time.Hour)
		deliver(t, c, collect.Delivery{ID: "r3", Kinds: both, Batch: "1", Items: append(items("box", "a"), items("ship", "later", "s")...), Complete: all(3)})
		got := take(t, c)
		if got.Outcome != collect.Complete || count(t, c, "box") != 1 || count(t, c, "ship") != 2 {
			t.Fatalf("%+v: %d boxes, %d ships", got, count(t, c, "box"), count(t, c, "ship"))
		}
		if k := got.Kinds[1]; k.Kind != "ship" || k.New != 1 || k.Changed != 0 || k.Closed != 0 {
			t.Errorf("%+v", k)
		}
		if v, err := c.Book.Get(context.Background(), "ship", "s", 0); err != nil || v.Occurred == nil || v.Occurred.Zone != "+01:00" {
			t.Errorf("%+v %v", v, err)
		}

		// Of one machine, nothing of another is closed.
		for i, scope := range []string{"m1", "m2", "m1"} {
			it := json.RawMessage(fmt.Sprintf(`{"kind":"box","key":"%s-%d","scope":%q,"body":{"id":"x"}}`, scope, i, scope))
			deliver(t, c, collect.Delivery{ID: fmt.Sprint("m", i), Kinds: []string{"box"}, Scopes: []string{scope}, Batch: "1", Items: []json.RawMessage{it}, Complete: all(1)})
			take(t, c)
		}
		if n := count(t, c, "box"); n != 3 { // a, m2-1, m1-2
			t.Errorf("%d boxes", n)
		}
	})
}

func TestWhatIsSentIsRefusedWhole(t *testing.T) {
	c := sent(t, storetest.SQLite(t))
	if _, err := c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "narrow", Connector: "push", Settings: map[string]string{"kinds": "ship"}}, nil); err != nil {
		t.Fatal(err)
	}
	deliver(t, c, collect.Delivery{ID: "begun", Kinds: []string{"box"}, Batch: "1", Items: items("box", "a")})
	raw := func(s string) []json.RawMessage {
		return []json.RawMessage{items("box", "fine")[0], json.RawMessage(s)}
	}
	for says, d := range map[string]collect.Delivery{
		"To narrow no box may be sent":      {Connection: "narrow", ID: "r", Kinds: []string{"box"}, Batch: "1", Items: items("box", "a")},
		"Tickmark reads it itself":          {Connection: "shelf", ID: "r", Kinds: []string{"box"}, Batch: "1", Items: items("box", "a")},
		"was not begun for this kind":       {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: items("ship", "a")},
		"not begun for the scope":           {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: raw(`{"kind":"box","key":"b","scope":"m","body":{"id":"b"}}`)},
		"Item 2 (box \"b\"): full: \"yes\"": {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: raw(`{"kind":"box","key":"b","body":{"id":"b","full":"yes"}}`)},
		"no field \"size\"":                 {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: raw(`{"kind":"box","key":"b","body":{"size":1}}`)},
		"stands in the batch twice":         {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: raw(`{"kind":"box","key":"fine","body":{"id":"b"}}`)},
		"unknown field \"keys\"":            {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: raw(`{"kind":"box","keys":"b","body":{}}`)},
		"at is needed":                      {ID: "r", Kinds: []string{"ship"}, Batch: "1", Items: []json.RawMessage{json.RawMessage(`{"kind":"ship","key":"b","body":{"id":"b"}}`)}},
		"It has no body":                    {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: raw(`{"kind":"box","key":"b"}`)},
		"cannot be a record's key":          {ID: "r", Kinds: []string{"box"}, Batch: "1", Items: raw(`{"kind":"box","key":"","body":{"id":"b"}}`)},
		"arrived before with other content": {ID: "begun", Kinds: []string{"box"}, Batch: "1", Items: items("box", "b")},
		"said to have 2 items, and 1 have":  {ID: "begun", Kinds: []string{"box"}, Complete: all(2)},
		"begun for the kinds box":           {ID: "begun", Kinds: []string{"ship"}, Complete: all(1)},
		"no batch is without items":         {ID: "r", Kinds: []string{"box"}, Batch: "1"},
		"says which kinds it sends":         {ID: "r", Batch: "1", Items: items("box", "a")},
		"written by people, or by Tickmark": {},
	} {
		if d.ID == "" {
			_, err := c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "wide", Connector: "push", Settings: map[string]string{"kinds": "run"}}, nil)
			if !fault.Is(err, fault.Denied) {
				t.Errorf("a connection may be sent runs: %v", err)
			}
			continue
		}
		if d.Connection == "" {
			d.Connection = "ci"
		}
		if _, err := c.Receive(context.Background(), d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, _, err := c.SendingOf(context.Background(), "ci", "r"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a refused batch began a run: %v", err)
	}
	deliver(t, c, collect.Delivery{ID: "begun", Kinds: []string{"box"}, Complete: all(1)})
	if _, err := c.Receive(context.Background(), collect.Delivery{Connection: "ci", ID: "begun", Kinds: []string{"box"}, Batch: "2", Items: items("box", "late")}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a complete run grows: %v", err)
	}
}

func TestASendingIsTakenOverAgainAfterItsRunWasKilled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := sent(t, db)
		var keys []string
		for i := range 3000 {
			keys = append(keys, fmt.Sprintf("s%04d", i))
		}
		deliver(t, c, collect.Delivery{ID: "r1", Kinds: []string{"ship"}, Batch: "1", Items: items("ship", keys[:1500]...)})
		deliver(t, c, collect.Delivery{ID: "r1", Kinds: []string{"ship"}, Batch: "2", Items: items("ship", keys[1500:]...), Complete: all(3000)})
		ctx, stop := context.WithCancel(context.Background())
		if _, err := c.Run(ctx, "ci", func(_, _ string, done, _ int) {
			if done == 2000 {
				stop()
			}
		}); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if n := count(t, c, "ship"); n == 0 || n == 3000 {
			t.Fatalf("the run was to be stopped half way; %d ships", n)
		}
		got := take(t, c)
		if got.Outcome != collect.Complete || count(t, c, "ship") != 3000 || got.Kinds[0].Changed != 0 {
			t.Errorf("%+v, %d ships", got, count(t, c, "ship"))
		}
		deliver(t, c, collect.Delivery{ID: "r2", Kinds: []string{"ship"}, Batch: "1", Items: items("ship", keys[:2500]...), Complete: all(2500)})
		if got := take(t, c); got.Outcome != collect.Complete || count(t, c, "ship") != 3000 {
			t.Errorf("events were closed that a sending did not hold: %+v", got)
		}
		if h, err := c.Book.History(context.Background(), "ship", keys[0]); err != nil || len(h) != 1 {
			t.Errorf("%d versions, %v", len(h), err)
		}
	})
}

func TestTheSendingsOfARemovedConnectionGoWithIt(t *testing.T) {
	c := sent(t, storetest.SQLite(t))
	deliver(t, c, collect.Delivery{ID: "r1", Kinds: []string{"box"}, Batch: "1", Items: items("box", "a"), Complete: all(1)})
	if err := c.Remove(context.Background(), record.Job("person:ada"), "ci", "over"); err != nil {
		t.Fatal(err)
	}
	if list, err := c.Waiting(context.Background(), "ci"); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

var flaw = record.Kind{Name: "flaw", Label: "id", Since: "seen", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "seen", Type: record.Time}}}

func TestWhatIsHandedOverIsSeenSinceItCameAndPreviewedBeforeItIsTaken(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, me := context.Background(), record.Job("person:ada")
		c := collectorOf(t, db, &shelf{}, box, flaw)
		c.Connectors = append(c.Connectors, connector.Connector{Name: "results", Title: "Results", Sent: true, Origin: record.Uploaded})
		if _, err := c.Add(ctx, me, collect.Connection{Name: "results", Connector: "results"}, nil); err != nil {
			t.Fatal(err)
		}
		now := time.Date(2046, 3, 1, 12, 0, 0, 0, time.UTC)
		c.Book.Log.Clock = func() time.Time { return now }
		file := func(bodies ...string) collect.Handed {
			return collect.Handed{Kinds: []string{"flaw"}, Origin: record.Uploaded, Read: func(_ context.Context, out connector.Sink) error {
				for _, b := range bodies {
					if err := out.Item(connector.Item{Kind: "flaw", Key: b[7:8], Scope: "s", Raw: []byte(b)}); err != nil {
						return err
					}
				}
				out.Complete("flaw", "s")
				return nil
			}}
		}
		both := file(`{"id":"a"}`, `{"id":"b","seen":"2025-01-01T00:00:00Z"}`)
		before, err := c.Book.Log.Head(ctx, c.Book.DB)
		if err != nil {
			t.Fatal(err)
		}
		sum, err := c.Preview(ctx, "results", both)
		if err != nil || sum.Kinds[0].New != 2 || count(t, c, "flaw") != 0 {
			t.Fatalf("%+v %v", sum, err)
		}
		if after, err := c.Book.Log.Head(ctx, c.Book.DB); err != nil || after.Size != before.Size {
			t.Errorf("a preview wrote: %v", err)
		}
		many := collect.Handed{Kinds: []string{"box"}, Origin: record.Uploaded, Read: func(_ context.Context, out connector.Sink) error {
			for i := range 1200 { // more than are written at once
				if err := out.Item(connector.Item{Kind: "box", Key: fmt.Sprint(i), Raw: []byte(`{"id":"x"}`)}); err != nil {
					return err
				}
			}
			return nil
		}}
		if _, err := c.Preview(ctx, "results", many); err != nil || count(t, c, "box") != 0 {
			t.Errorf("a preview wrote %d boxes: %v", count(t, c, "box"), err)
		}
		if sum, err = c.Take(ctx, me, "results", both, nil); err != nil || sum.Outcome != collect.Complete {
			t.Fatalf("%+v %v", sum, err)
		}
		now = now.Add(48 * time.Hour)
		changed := file(`{"id":"a","more":1}`, `{"id":"b","seen":"2025-01-01T00:00:00Z"}`)
		if sum, err = c.Take(ctx, me, "results", both, nil); err != nil || sum.Kinds[0].Changed != 0 {
			t.Errorf("the same again is a change: %+v %v", sum.Kinds, err)
		}
		if sum, err = c.Take(ctx, me, "results", changed, nil); err != nil || sum.Kinds[0].Changed != 1 {
			t.Errorf("%+v %v", sum.Kinds, err)
		}
		seen := func(key string) string {
			v, err := c.Book.GetFrom(ctx, "flaw", key, "results", 0, record.Company)
			if err != nil {
				t.Fatal(err)
			}
			var b struct{ Seen string }
			if err := json.Unmarshal(v.Body, &b); err != nil {
				t.Fatal(err)
			}
			return b.Seen
		}
		if seen("a") != "2046-03-01T12:00:00Z" || seen("b") != "2025-01-01T00:00:00Z" {
			t.Errorf("seen since %s and %s", seen("a"), seen("b"))
		}
		gone := file(`{"id":"b","seen":"2025-01-01T00:00:00Z"}`)
		if sum, err = c.Preview(ctx, "results", gone); err != nil || sum.Kinds[0].Closed != 1 || count(t, c, "flaw") != 2 {
			t.Errorf("%+v %v", sum.Kinds, err)
		}
		if _, err = c.Take(ctx, me, "results", gone, nil); err != nil || count(t, c, "flaw") != 1 {
			t.Error(err)
		}
		now = now.Add(time.Hour)
		if _, err = c.Take(ctx, me, "results", changed, nil); err != nil || seen("a") != "2046-03-03T13:00:00Z" {
			t.Errorf("what came back is seen since %s: %v", seen("a"), err)
		}
		if _, err := c.Take(ctx, me, "shelf", both, nil); !fault.Is(err, fault.Denied) {
			t.Errorf("a connection that Tickmark reads was given something: %v", err)
		}
	})
}

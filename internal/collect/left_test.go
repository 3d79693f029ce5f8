package collect_test

import (
	"context"
	"encoding/json"
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

// spans are the stretches of coverage in short: scope, part, how many hours each lasted, and why it ended.
func spans(t *testing.T, c *collect.Collector, kind string) string {
	t.Helper()
	var out []string
	for _, x := range covered(t, c, kind) {
		out = append(out, strings.Trim(fmt.Sprintf("%s/%s %dh %s", x.Scope, x.Part, (x.To-x.From+store.Moment(time.Minute/time.Microsecond))/store.Moment(time.Hour/time.Microsecond), x.Ended), " "))
	}
	return strings.Join(out, ", ")
}

func TestPartsStandWhereNothingIsNew(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		s := &shelf{}
		c := collectorOf(t, db, s, box, ship)
		now := time.Date(2046, 3, 1, 12, 0, 0, 0, time.UTC)
		c.Book.Log.Clock = func() time.Time { return now }
		gap, hand := "", true
		c.Connectors = append(c.Connectors, connector.Connector{Name: "dock", Title: "Dock", Kinds: []record.Kind{ship}, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
			if hand {
				p := connector.Part{Name: "ok", JSON: []byte("true")}
				if gap != "" {
					p = connector.Part{Name: "ok", Gap: gap}
				}
				if err := out.Item(connector.Item{Kind: "ship", Key: "s", Scope: "pier", Raw: []byte(`{"id":"s","at":"2046-03-01T00:00:00Z"}`), Occurred: now, Parts: []connector.Part{p}}); err != nil {
					return err
				}
			}
			out.Through("ship", "pier", out.Now())
			return nil
		}})
		if _, err := c.Add(ctx, record.Job("person:ada"), collect.Connection{Name: "dock", Connector: "dock", Every: "1h"}, nil); err != nil {
			t.Fatal(err)
		}
		step := func(want string) {
			t.Helper()
			if _, err := c.Run(ctx, "dock", nil); err != nil {
				t.Fatal(err)
			}
			if got := spans(t, c, "ship"); got != want {
				t.Errorf("%s\nand not\n%s", got, want)
			}
			now = now.Add(time.Hour)
		}
		step("pier/ 2h, pier/ok 2h")
		hand = false
		step("pier/ 3h, pier/ok 3h")
		step("pier/ 4h, pier/ok 4h")
		hand, gap = true, "it was refused"
		step("pier/ 5h, pier/ok 3h it was refused")
		hand = false // silence does not heal what was refused
		step("pier/ 6h, pier/ok 3h it was refused")
		hand, gap = true, ""
		step("pier/ 7h, pier/ok 3h it was refused, pier/ok 2h")
	})
}

func TestAScopeIsEndedByWhoMayAndWhereNobodyElseTells(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		c := sent(t, db)
		for _, scope := range []string{"m1", "m2"} {
			it := json.RawMessage(fmt.Sprintf(`{"kind":"box","key":%q,"scope":%q,"body":{"id":"x"}}`, scope, scope))
			deliver(t, c, collect.Delivery{ID: scope, Kinds: []string{"box"}, Scopes: []string{scope}, Batch: "1", Items: []json.RawMessage{it}, Complete: all(1)})
			if s := take(t, c); len(s.Scopes) != 1 || s.Scopes[0] != scope {
				t.Errorf("the run speaks for %v", s.Scopes)
			}
		}
		ada := record.Job("person:ada")
		for says, end := range map[string]func() error{
			"seen when it is read":   func() error { return c.Retire(ctx, ada, "shelf", "m1", "given up") },
			"A scope is needed":      func() error { return c.Retire(ctx, ada, "ci", "", "given up") },
			"A reason is needed":     func() error { return c.Retire(ctx, ada, "ci", "m1", "") },
			"Nothing was sent to":    func() error { return c.Retire(ctx, ada, "ci", "m3", "given up") },
			"There is no connection": func() error { return c.Retire(ctx, ada, "other", "m1", "given up") },
		} {
			if err := end(); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", says, err)
			}
		}
		if err := c.Retire(ctx, nobody{ada}, "ci", "m1", "given up"); !fault.Is(err, fault.Denied) {
			t.Errorf("who may not ended a scope: %v", err)
		}
		if got := spans(t, c, "box"); got != "m1/ 336h, m2/ 336h" {
			t.Errorf("what was refused wrote: %s", got)
		}
		if err := c.Retire(ctx, ada, "ci", "m1", "given up"); err != nil {
			t.Fatal(err)
		}
		if got := spans(t, c, "box"); got != "m1/ 0h "+collect.Retired+", m2/ 336h" || count(t, c, "box") != 2 {
			t.Errorf("%s, %d boxes", got, count(t, c, "box"))
		}
		if err := c.Retire(ctx, ada, "ci", "m1", "again"); !fault.Is(err, fault.NotFound) {
			t.Errorf("it ended twice: %v", err)
		}
	})
}

// nobody may do nothing.
type nobody struct{ record.Authority }

func (nobody) May(context.Context, string, *record.Kind) error {
	return fault.New(fault.Denied, "This is not allowed.")
}

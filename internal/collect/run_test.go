package collect_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// shelf is a source that a test fills: it hands over what says, and reports what it is told to.
type shelf struct {
	boxes map[string]string
	items map[string]string
	gaps  []connector.Gap
	fail  error
	same  bool
	then  func(connector.Sink) error
	used  bool // Unchanged was granted
}

var box = record.Kind{Name: "box", Label: "id", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text, Indexed: true}, {Name: "full", Type: record.Bool, Indexed: true}}}
var event = record.Kind{Name: "event", Label: "id", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}}}
var item = record.Kind{Name: "item", Label: "id", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}}}

func (s *shelf) read(_ context.Context, v connector.Values, out connector.Sink) error {
	if v["key"] != "hunter2" {
		return errors.New("the key did not arrive")
	}
	for name, set := range map[string]map[string]string{"box": s.boxes, "item": s.items} {
		if s.same && out.State() != nil && out.Unchanged(name, "") {
			s.used = true
			continue
		}
		for k, body := range set {
			if err := out.Item(connector.Item{Kind: name, Key: k, Raw: []byte(body)}); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(s.gaps, func(g connector.Gap) bool { return g.Kind == name && g.Part == "" }) && s.fail == nil {
			out.Complete(name, "")
		}
	}
	for _, g := range s.gaps {
		out.Missing(g)
	}
	out.SetState([]byte("state"))
	if s.then != nil {
		return s.then(out)
	}
	return s.fail
}

func collector(t *testing.T, db *store.DB, s *shelf) *collect.Collector {
	t.Helper()
	return collectorOf(t, db, s, box)
}

func collectorOf(t testing.TB, db *store.DB, s *shelf, box record.Kind, more ...record.Kind) *collect.Collector {
	t.Helper()
	dir := t.TempDir()
	log, err := ledger.Open(context.Background(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(append(append(append(record.Builtin(), collect.Kinds()...), box, item, event), more...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(context.Background(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	c := &collect.Collector{Book: book, Keys: keys, Connectors: []connector.Connector{{Name: "shelf", Title: "Shelf", Kinds: []record.Kind{box, item},
		Settings: []connector.Setting{{Name: "key", Secret: true, Required: true}}, Read: s.read}}}
	if _, err := c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "shelf", Connector: "shelf"}, map[string]secret.Value{"key": secret.Of("hunter2")}); err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, c *collect.Collector) collect.Summary {
	t.Helper()
	s, err := c.Run(context.Background(), "shelf", nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func count(t *testing.T, c *collect.Collector, kind string) int64 {
	t.Helper()
	n, err := c.Book.Count(context.Background(), record.Query{Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return n.N
}

func covered(t *testing.T, c *collect.Collector, kind string) []collect.Coverage {
	t.Helper()
	cs, err := c.Coverage(context.Background(), collect.CoverageQuery{Kind: kind})
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func TestOnlyACompleteReadClosesWhatIsGone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &shelf{boxes: map[string]string{"a": `{"id":"a","full":true}`, "b": `{"id":"b","full":false}`}, items: map[string]string{"i": `{"id":"i"}`}}
		c := collector(t, db, s)
		if got := run(t, c); got.Outcome != collect.Complete || got.Kinds[0].New != 2 || got.Kinds[0].Population == "" {
			t.Fatalf("%+v", got)
		}
		head, _ := c.Book.Log.Head(context.Background(), db)
		if got := run(t, c); got.Kinds[0].New+got.Kinds[0].Changed != 0 {
			t.Errorf("nothing changed, but %+v", got.Kinds)
		}
		after, _ := c.Book.Log.Head(context.Background(), db)
		if after.Size != head.Size+2 { // the run's beginning and end
			t.Errorf("%d entries for an unchanged read", after.Size-head.Size)
		}

		delete(s.boxes, "b")
		s.gaps = []connector.Gap{{Kind: "box", Denied: true, Reason: "the second shelf is locked", Needs: "key"}}
		got := run(t, c)
		if got.Outcome != collect.Incomplete || count(t, c, "box") != 2 || len(got.Missing) != 1 || !got.Missing[0].Denied {
			t.Errorf("half a read closed something or hid its gap: %+v", got)
		}
		if cs := covered(t, c, "box"); len(cs) != 1 || cs[0].Ended != "the second shelf is locked" || cs[0].To > store.At(time.Now()) {
			t.Errorf("coverage of a denied kind: %+v", cs)
		}
		if cs := covered(t, c, "item"); len(cs) != 1 || cs[0].Ended != "" || cs[0].To < store.At(time.Now()) {
			t.Errorf("one denied kind took another's coverage: %+v", cs)
		}

		s.gaps = nil
		if got := run(t, c); got.Kinds[0].Closed != 1 || count(t, c, "box") != 1 {
			t.Errorf("%+v", got)
		}
		if cs := covered(t, c, "box"); len(cs) != 2 {
			t.Errorf("the gap is gone: %+v", cs)
		}
		if _, err := c.Book.Verify(context.Background(), nil); err != nil {
			t.Error(err)
		}
	})
}

func TestAnEmptyListWaitsForAPerson(t *testing.T) {
	s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`}, items: map[string]string{"i": `{"id":"i"}`}}
	c := collector(t, storetest.SQLite(t), s)
	run(t, c)
	s.boxes = nil
	got := run(t, c)
	if got.Outcome != collect.Incomplete || !got.Missing[0].Confirm || count(t, c, "box") != 1 {
		t.Fatalf("%+v", got)
	}
	if cs := covered(t, c, "box"); cs[0].Ended == "" {
		t.Errorf("an implausibly empty list is vouched for: %+v", cs)
	}
	if err := c.Confirm(context.Background(), record.Job("person:ada"), "shelf", "box", ""); err != nil {
		t.Fatal(err)
	}
	if got := run(t, c); got.Outcome != collect.Complete || count(t, c, "box") != 0 {
		t.Errorf("%+v", got)
	}
}

func TestAFailedRunVouchesForNothing(t *testing.T) {
	s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`}, items: map[string]string{"i": `{"id":"i"}`}}
	c := collector(t, storetest.SQLite(t), s)
	run(t, c)
	s.fail, s.boxes = errors.New("the lamp went out"), map[string]string{"z": `{"id":"z"}`}
	got := run(t, c)
	if got.Outcome != collect.Failed || len(got.Missing) != 2 || !strings.Contains(got.Missing[0].Reason, "lamp") {
		t.Errorf("%+v", got)
	}
	if count(t, c, "box") != 2 {
		t.Error("a failed run closed a record")
	}
	s.fail, s.same = nil, true
	run(t, c)
	if s.used {
		t.Error("after a run that was cut short, nothing may count as unchanged")
	}
	if count(t, c, "box") != 1 {
		t.Error("what the failed run left behind was not settled")
	}
	run(t, c)
	if !s.used {
		t.Error("after a complete run the proof of no change was refused")
	}
}

// A service forgets its events: what it no longer lists stays, and is asked for again only as far as something was missing.
func TestEventsAreReadOnAndNeverClosed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var ring func(connector.Sink) error
		c := collector(t, db, &shelf{})
		c.Connectors = append(c.Connectors, connector.Connector{Name: "bell", Title: "Bell", Kinds: []record.Kind{event},
			Read: func(_ context.Context, _ connector.Values, out connector.Sink) error { return ring(out) }})
		add := func() {
			t.Helper()
			if _, err := c.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: "bell", Connector: "bell"}, nil); err != nil {
				t.Fatal(err)
			}
		}
		add()
		day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		var since time.Time
		read := func(until time.Time, then func(connector.Sink) error, keys ...string) collect.Summary {
			t.Helper()
			ring = func(out connector.Sink) error {
				since = out.Since("event", "")
				for _, k := range keys {
					if err := out.Item(connector.Item{Kind: "event", Key: k, Raw: []byte(`{"id":"` + k + `"}`)}); err != nil {
						return err
					}
				}
				out.Through("event", "", until)
				if then != nil {
					return then(out)
				}
				return nil
			}
			got, err := c.Run(t.Context(), "bell", nil)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := read(day, nil, "a", "b"); got.Outcome != collect.Complete || !since.IsZero() {
			t.Fatalf("%+v, since %s", got, since)
		}
		if cs := covered(t, c, "event"); len(cs) != 1 || cs[0].Ended != "" {
			t.Errorf("coverage %+v", cs)
		}
		// Half of it, then nothing more: no coverage, but no need to read that half again.
		broke := func(out connector.Sink) error {
			out.Missing(connector.Gap{Kind: "event", Reason: "busy"})
			return nil
		}
		if got := read(day.AddDate(0, 0, 1), broke, "c"); got.Outcome != collect.Incomplete || !since.Equal(day) || count(t, c, "event") != 3 {
			t.Errorf("%+v, since %s, %d events", got, since, count(t, c, "event"))
		}
		if cs := covered(t, c, "event"); cs[len(cs)-1].Ended == "" {
			t.Errorf("a gap is covered: %+v", cs)
		}
		// One that cannot be kept must be asked for again.
		spoilt := func(out connector.Sink) error {
			return out.Item(connector.Item{Kind: "event", Key: "d", Raw: []byte("[]")})
		}
		if got := read(day.AddDate(0, 0, 9), spoilt); got.Outcome != collect.Incomplete || !since.Equal(day.AddDate(0, 0, 1)) {
			t.Errorf("%+v, since %s", got, since)
		}
		if got := read(day.AddDate(0, 0, 2), nil); got.Outcome != collect.Complete || !since.Equal(day.AddDate(0, 0, 1)) || count(t, c, "event") != 3 {
			t.Errorf("%+v, since %s, %d events", got, since, count(t, c, "event"))
		}
		// Set up anew, perhaps to look further back.
		add()
		if read(day, nil, "a"); !since.IsZero() || count(t, c, "event") != 3 {
			t.Errorf("since %s, %d events", since, count(t, c, "event"))
		}
	})
}

// A source may send anything. What cannot be kept is named with its reason, everything else is kept and nothing is closed, and once
// the source sends it well the next run heals.
func TestBadObjectsAreNamedAndNothingElseIsLost(t *testing.T) {
	deep := func(n int) string { return `{"id":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for name, bad := range map[string]struct{ body, said string }{
		"not JSON":       {"<html>it broke</html>", "not valid JSON: invalid character '<' at start of value"},
		"cut off":        {`{"id":"b"`, "not valid JSON: unexpected EOF"},
		"nothing":        {"", "not valid JSON: unexpected EOF"},
		"a list":         {`["b"]`, "must be a JSON object"},
		"two of a name":  {`{"id":"b","id":"c"}`, `not valid JSON: duplicate object member name "id"`},
		"two far within": {`{"id":"b","a":[{"x":1,"x":1}]}`, `not valid JSON: duplicate object member name "x"`},
		"not UTF-8":      {"{\"id\":\"b\xff\"}", "not valid JSON: invalid UTF-8"},
		"of 50 MB":       {`{"id":"` + strings.Repeat("b", 50<<20) + `"}`, "of 52428809 bytes is over the limit of 8388608"},
		"10,000 deep":    {deep(10_000), "not valid JSON: exceeded max depth"},
	} {
		for _, parts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, parts %t", name, parts), func(t *testing.T) {
				s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`, "b": `{"id":"b"}`, "gone": `{"id":"gone"}`}, items: map[string]string{"i": `{"id":"i"}`}}
				c := collector(t, storetest.SQLite(t), s)
				run(t, c)
				delete(s.boxes, "b")
				delete(s.boxes, "gone")
				s.boxes["new"] = `{"id":"new"}`
				s.then = func(out connector.Sink) error {
					it := connector.Item{Kind: "box", Key: "b", Raw: []byte(bad.body)}
					if parts {
						it.Parts = []connector.Part{{Name: "more", JSON: []byte(`{"x":1}`)}}
					}
					return out.Item(it)
				}
				got := run(t, c)
				if got.Outcome != collect.Incomplete || len(got.Missing) != 1 || !strings.Contains(got.Missing[0].Reason, `The object "b" cannot be kept`) || !strings.Contains(got.Missing[0].Reason, bad.said) {
					t.Errorf("%s: %+.300v", got.Outcome, got.Missing)
				}
				if n := count(t, c, "box"); n != 4 {
					t.Errorf("%d boxes stand, of a, b, gone and new", n)
				}
				if cs := covered(t, c, "box"); cs[len(cs)-1].Ended == "" {
					t.Errorf("it is vouched for: %+v", cs)
				}
				s.boxes["b"], s.then = `{"id":"b","full":true}`, nil
				if got := run(t, c); got.Outcome != collect.Complete || count(t, c, "box") != 3 {
					t.Errorf("the next run: %+v", got)
				}
			})
		}
	}
	s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`}, items: map[string]string{"i": `{"id":"i"}`}}
	c := collector(t, storetest.SQLite(t), s)
	s.then = func(out connector.Sink) error {
		return out.Item(connector.Item{Kind: "box", Key: "a", Raw: []byte(`{"id":"another"}`)})
	}
	if got := run(t, c); got.Outcome != collect.Incomplete || !strings.Contains(got.Missing[0].Reason, `two objects "a"`) {
		t.Errorf("a key named twice: %+v", got)
	}
}

// Numbers that a float cannot hold are kept with all their digits, and so is whatever is only unusual.
func TestUnusualObjectsAreKeptAsTheyCame(t *testing.T) {
	deep := `{"id":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`
	for raw, body := range map[string]string{
		`{"n":9007199254740993,"id":"b"}`:                      `{"id":"b","n":9007199254740993}`,
		`{"id":"b","n":[-123456789012345678901234567890,1e3]}`: `{"id":"b","n":[-123456789012345678901234567890,1000]}`,
		`{"id":"b","n":0.1234567890123456789}`:                 `{"id":"b","n":0.12345678901234568}`, // the source's own bytes have the rest
		`{"id":"b","n":"\u0000\ud83d\ude00","":{}}`:            "{\"\":{},\"id\":\"b\",\"n\":\"\\u0000\U0001F600\"}",
		deep: deep,
	} {
		s := &shelf{boxes: map[string]string{"b": raw}, items: map[string]string{"i": `{"id":"i"}`}}
		c := collector(t, storetest.SQLite(t), s)
		if got := run(t, c); got.Outcome != collect.Complete {
			t.Fatalf("%.80s: %+.300v", raw, got.Missing)
		}
		v, err := c.Book.Get(t.Context(), "box", "b", 0)
		if err != nil {
			t.Fatal(err)
		}
		own, err := c.Book.Raw(t.Context(), v)
		if err != nil || string(own) != raw || string(v.Body) != body {
			t.Errorf("%.80s came back as %.80s, its body as %.80s, %v", raw, own, v.Body, err)
		}
		if _, err := c.Book.Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
	}
}

func TestARunThatWasKilledIsMarkedByTheNext(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &shelf{boxes: map[string]string{}, items: map[string]string{"i": `{"id":"i"}`}}
		c := collector(t, db, s)
		for i := range 2300 {
			s.boxes[fmt.Sprint(i)] = fmt.Sprintf(`{"id":"%d"}`, i)
		}
		func() {
			defer func() { recover() }()
			s.then = func(connector.Sink) error { panic("killed") }
			c.Run(context.Background(), "shelf", nil)
		}()
		s.then = nil
		if n := count(t, c, "box"); n != 2000 {
			t.Errorf("%d boxes were kept before the end, four batches were expected", n)
		}
		if got := run(t, c); got.Outcome != collect.Complete || count(t, c, "box") != 2300 || got.Kinds[0].New != 300 {
			t.Errorf("%+v", got.Kinds)
		}
		v, err := c.Book.Get(context.Background(), collect.RunKind, "1", 0)
		if err != nil {
			t.Fatal(err)
		}
		var first collect.Summary
		json.Unmarshal(v.Body, &first)
		if first.Outcome != collect.Interrupted {
			t.Errorf("%+v", first)
		}
	})
}

func TestSecretsStayOutOfRecordsAndErrors(t *testing.T) {
	db := storetest.SQLite(t)
	c := collector(t, db, &shelf{})
	v, err := c.Book.Get(context.Background(), collect.ConnectionKind, "shelf", 0)
	if err != nil || strings.Contains(string(v.Body), "hunter2") || !strings.Contains(string(v.Body), `"secrets":["key"]`) {
		t.Errorf("%s %v", v.Body, err)
	}
	_, err = c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "x", Connector: "shelf", Settings: map[string]string{"key": "hunter2"}}, nil)
	if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	sealed, err := store.All[[]byte](context.Background(), db, "SELECT value FROM sealed")
	if err != nil || len(sealed) != 1 || strings.Contains(string(sealed[0]), "hunter2") {
		t.Errorf("%q %v", sealed, err)
	}
}

// A connection's settings are in a record that many may read.
func TestAPasswordInAnAddressIsNoSetting(t *testing.T) {
	c := collector(t, storetest.SQLite(t), &shelf{})
	c.Connectors[0].Settings = append(c.Connectors[0].Settings, connector.Setting{Name: "endpoint"})
	add := func(at string) error {
		_, err := c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "x", Connector: "shelf", Settings: map[string]string{"endpoint": at}}, map[string]secret.Value{"key": secret.Of("hunter2")})
		return err
	}
	for _, at := range []string{"https://ada:hunter2@shelf.example", " HTTPS://hunter2@shelf.example/x", "postgres://ada:hunter2@db.example/x", "ldap://:hunter2@dir.example", "https://shelf.example/?a=b&token=hunter2",
		"postgres://ada@db.example/x?password=hunter2"} {
		if err := add(at); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", at, err)
		}
	}
	if v, err := c.Book.Get(context.Background(), collect.ConnectionKind, "x", 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("it was kept: %s %v", v.Body, err)
	}
	for _, at := range []string{"https://shelf.example:8443/a@b", "postgres://ada@db.example:5432/x?sslmode=verify-full", "ldaps://dir.example", "arn:aws:iam::111122223333:role/x", "2026-01-01T00:00:00Z", "SELECT ':' || '@'"} {
		if err := add(at); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// A part of what is gone is gone with it; of what only could not be read, or came back empty, it stays.
func TestWhatLiesUnderAnObjectGoesWithIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &shelf{boxes: map[string]string{"a": `{"id":"a"}`, "b": `{"id":"b"}`, "c": `{"id":"c"}`}}
		var denied string
		s.then = func(out connector.Sink) error {
			out.Under("item", "box")
			for b := range s.boxes {
				if b == denied {
					out.Missing(connector.Gap{Kind: "item", Scope: b, Denied: true, Reason: "no"})
					continue
				}
				for _, n := range []string{"1", "2"} {
					if err := out.Item(connector.Item{Kind: "item", Scope: b, Key: b + n, Raw: []byte(`{"id":"` + b + n + `"}`)}); err != nil {
						return err
					}
				}
				out.Complete("item", b)
			}
			return nil
		}
		c := collector(t, db, s)
		for _, step := range []struct {
			what   string
			change func()
			items  int64
		}{
			{"all", func() {}, 6},
			{"one is denied", func() { denied = "b" }, 6},
			{"boxes were not all read", func() {
				denied = ""
				delete(s.boxes, "c")
				s.gaps = []connector.Gap{{Kind: "box", Reason: "half of the list"}}
			}, 6},
			{"one box is gone", func() { s.gaps = nil }, 4},
			{"the list of boxes came back empty", func() { clear(s.boxes) }, 4},
			{"and that is confirmed", func() {
				if err := c.Confirm(t.Context(), record.Job("person:ada"), "shelf", "box", ""); err != nil {
					t.Fatal(err)
				}
				then := s.then
				s.then = func(out connector.Sink) error { out.Complete("item", ""); return then(out) }
			}, 0},
		} {
			step.change()
			sum := run(t, c)
			if n := count(t, c, "item"); n != step.items {
				t.Errorf("%s: %d items stand, not %d: %+v", step.what, n, step.items, sum)
			}
		}
	})
}

func TestAPartRefusedInOneScopeEndsThereAlone(t *testing.T) {
	refused := false
	s := &shelf{}
	s.then = func(out connector.Sink) error {
		for _, scope := range []string{"x", "y"} {
			more := connector.Part{Name: "more", JSON: []byte(`{"n":1}`), Raw: []byte(`<n>1</n>`)}
			if refused && scope == "y" {
				out.Missing(connector.Gap{Kind: "event", Scope: scope, Part: "more", Denied: true, Reason: "It was refused.", Needs: "look"})
				more = connector.Part{Name: "more", Gap: "It was refused."}
			}
			if err := out.Item(connector.Item{Kind: "event", Key: "in " + scope, Scope: scope, Raw: []byte(`{"id":"e"}`), Parts: []connector.Part{more}}); err != nil {
				return err
			}
			out.Complete("event", scope)
		}
		return nil
	}
	c := collector(t, storetest.SQLite(t), s)
	c.Connectors[0].Kinds = append(c.Connectors[0].Kinds, event)
	run(t, c)
	v, err := c.Book.GetFrom(context.Background(), "event", "in y", "shelf", 0, record.Company)
	if err != nil || !strings.Contains(string(v.Body), `"more":{"n":1}`) {
		t.Fatalf("%s %v", v.Body, err)
	}
	refused = true
	got := run(t, c)
	if len(got.Missing) != 1 || !got.Missing[0].Denied || got.Missing[0].Needs != "look" {
		t.Errorf("what was refused is said twice, or not as the connector said it: %+v", got.Missing)
	}
	parts := 0
	for _, cs := range covered(t, c, "event") {
		if cs.Part == "more" {
			parts++
		}
		if cs.Part == "more" && (cs.Ended != "") != (cs.Scope == "y") || cs.Part == "more" && cs.Scope == "x" && cs.LastRun != 2 {
			t.Errorf("%+v", cs)
		}
	}
	if parts != 2 {
		t.Errorf("%d stretches of coverage of the part, not one in each scope", parts)
	}
	if v, err = c.Book.GetFrom(context.Background(), "event", "in y", "shelf", 0, record.Company); err != nil || !strings.Contains(string(v.Body), `"more":{"n":1}`) {
		t.Errorf("what was known of it is gone: %s %v", v.Body, err)
	}
}

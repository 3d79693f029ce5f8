package population_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var leaver = record.Kind{Name: "leaver", Plural: "Leavers", Label: "id", Collected: true, Occurred: "left", Fields: []record.Field{{Name: "id", Type: record.Text, Indexed: true}, {Name: "left", Type: record.Time}, {Name: "team", Type: record.Text, Indexed: true}}}
var setting = record.Kind{Name: "setting", Plural: "Settings", Label: "id", Collected: true, Fields: []record.Field{{Name: "id", Type: record.Text}, {Name: "on", Type: record.Bool}}}

// company is a workspace with one source, whose clock the test moves.
type company struct {
	*collect.Collector
	t     testing.TB
	now   time.Time
	left  []time.Time
	on    bool
	fails bool
}

func open(t testing.TB, db *store.DB) *company {
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
	kinds, err := record.NewKinds(append(append(record.Builtin(), collect.Kinds()...), leaver, setting, population.Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(context.Background(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	c := &company{t: t, now: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { return c.now }
	c.Collector = &collect.Collector{Book: book, Keys: keys, Connectors: []connector.Connector{{Name: "hr", Title: "HR", Kinds: []record.Kind{leaver, setting}, Read: c.read, FreshFor: 30 * 24 * time.Hour}}}
	if _, err := c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "hr", Connector: "hr"}, nil); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *company) read(_ context.Context, _ connector.Values, out connector.Sink) error {
	for i, at := range c.left {
		if err := out.Item(connector.Item{Kind: "leaver", Key: fmt.Sprint(i), Raw: fmt.Appendf(nil, `{"id":"%d","left":%q,"team":"t%d"}`, i, at.Format(time.RFC3339), i%2), Occurred: at}); err != nil {
			return err
		}
	}
	if err := out.Item(connector.Item{Kind: "setting", Key: "mfa", Raw: fmt.Appendf(nil, `{"id":"mfa","on":%v}`, c.on)}); err != nil {
		return err
	}
	if c.fails {
		out.Missing(connector.Gap{Kind: "leaver", Reason: "the list was cut"})
		return nil
	}
	out.Complete("leaver", "")
	out.Complete("setting", "")
	return nil
}

func (c *company) run(day string) {
	c.t.Helper()
	at, err := time.Parse(time.RFC3339, day)
	if err != nil {
		c.t.Fatal(err)
	}
	c.now = at
	if _, err := c.Run(context.Background(), "hr", nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c *company) draw(q population.Query) (population.Drawn, []byte, error) {
	var b bytes.Buffer
	if q.Zone == nil {
		q.Zone = time.UTC
	}
	d, err := population.Draw(context.Background(), c.Book, record.Job("person:ada"), q, &b)
	return d, b.Bytes(), err
}

func at(s string) time.Time { t, _ := time.Parse(time.RFC3339, s); return t }

func TestAPopulationIsWhatHappenedInTheWindowAndSaysWhatItMayLack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := open(t, db)
		c.left = []time.Time{at("2025-12-31T23:30:00Z"), at("2026-01-01T00:10:00Z"), at("2026-03-31T21:59:59Z"), at("2026-03-31T22:00:00Z")}
		c.run("2026-01-01T00:30:00Z")
		year := population.Query{Kind: "leaver", From: "2026-01-01", To: "2026-03-31"}
		if _, _, err := c.draw(year); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "2026-03-31") {
			t.Fatalf("drawn before the window was over: %v", err)
		}
		for _, day := range []string{"2026-01-25T00:00:00Z", "2026-02-20T00:00:00Z", "2026-03-15T00:00:00Z", "2026-04-02T00:00:00Z"} {
			c.run(day)
		}
		d, file, err := c.draw(year)
		if err != nil {
			t.Fatal(err)
		}
		if d.Rows != 3 || d.Sort != population.Events || d.Origin != "collected" {
			t.Errorf("%d rows (%s, %s), want the three of the window", d.Rows, d.Sort, d.Origin)
		}
		if d.Complete || len(d.Gaps) != 1 || !strings.Contains(d.Gaps[0], "hr was not read from 2026-01-01T00:00:00Z to 2026-01-01T00:30:00Z") {
			t.Errorf("complete %v, gaps %q: the half hour before the first read is not known", d.Complete, d.Gaps)
		}
		keys := map[string]bool{}
		h, end, err := population.Read(bytes.NewReader(file), func(r population.Row) error { keys[r.Key] = true; return nil })
		if err != nil || h.Kind != "leaver" || end.Root != d.Root || len(keys) != 3 || keys["hr 0"] {
			t.Errorf("read back: %v %v %v", err, keys, end)
		}
		berlin, _ := time.LoadLocation("Europe/Berlin")
		year.Zone = berlin
		if d, _, err = c.draw(year); err != nil || d.Rows != 3 { // the first two and the third; the fourth is April in Berlin
			t.Errorf("in Berlin: %d rows, %v", d.Rows, err)
		}
		year.Zone, year.Where = nil, `r.team == "t0"`
		if d, _, err = c.draw(year); err != nil || d.Rows != 1 || d.Query != year.Where {
			t.Errorf("of one team: %d rows, %v", d.Rows, err)
		}
		kept, err := c.Book.List(t.Context(), record.Query{Kind: population.Name})
		if err != nil || len(kept.Versions) != 3 {
			t.Fatalf("%d extracts are on record, %v; each that was drawn is", len(kept.Versions), err)
		}

		c.left, c.fails = append(c.left, at("2026-03-20T00:00:00Z")), true
		c.run("2026-04-03T00:00:00Z")
		year.Where = ""
		if d, _, err = c.draw(year); err != nil || d.Rows != 4 {
			t.Errorf("after a read that was cut: %d rows, %v", d.Rows, err)
		}
	})
}

// A reading counts as fresh for some time; of what happened in that time it knows nothing.
func TestAListIsNotCompleteUntilItsSourceIsReadAfterTheWindow(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	january := population.Query{Kind: "leaver", From: "2026-01-01", To: "2026-01-31"}
	c.run("2025-12-30T00:00:00Z")
	c.run("2026-01-20T00:00:00Z")
	c.now = at("2026-02-02T00:00:00Z")
	d, _, err := c.draw(january)
	if err != nil || d.Complete || len(d.Gaps) != 1 || !strings.Contains(d.Gaps[0], "hr was last read at 2026-01-20T00:00:00Z, before the window was over") {
		t.Errorf("complete %v %q, %v, and nobody asked who left after the 20th", d.Complete, d.Gaps, err)
	}
	c.left = []time.Time{at("2026-01-25T00:00:00Z")}
	c.run("2026-02-02T00:00:00Z")
	if d, _, err = c.draw(january); err != nil || !d.Complete || d.Rows != 1 {
		t.Errorf("complete %v %q, %d rows, %v", d.Complete, d.Gaps, d.Rows, err)
	}
}

func TestAConfigurationIsEveryStateOfTheWindow(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	c.run("2025-12-30T00:00:00Z")
	c.on = true
	c.run("2026-01-20T00:00:00Z")
	c.run("2026-02-02T00:00:00Z")
	d, _, err := c.draw(population.Query{Kind: "setting", From: "2026-01-01", To: "2026-01-31"})
	if err != nil || d.Rows != 2 || d.Sort != population.Configuration || !d.Complete {
		t.Errorf("%d rows, %s, complete %v %q, %v; want off and on", d.Rows, d.Sort, d.Complete, d.Gaps, err)
	}
	if d, _, err = c.draw(population.Query{Kind: "leaver", From: "2026-01-01", To: "2026-01-31"}); err != nil || d.Rows != 0 || !d.Complete {
		t.Errorf("no rows from a source that was read completely: %d, complete %v %q, %v", d.Rows, d.Complete, d.Gaps, err)
	}
}

func TestAFileThatWasTouchedIsRefused(t *testing.T) {
	c := open(t, storetest.SQLite(t))
	for i := range 5 {
		c.left = append(c.left, at("2026-01-10T00:00:00Z").Add(time.Duration(i)*time.Hour))
	}
	c.run("2026-02-02T00:00:00Z")
	_, file, err := c.draw(population.Query{Kind: "leaver", From: "2026-01-01", To: "2026-01-31"})
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(file, []byte("\n"))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"cut short":        join(lines[:4]...),
		"cut in a line":    file[:len(file)-200],
		"a row left out":   join(append(append([][]byte{}, lines[:2]...), lines[3:]...)...),
		"a row twice":      join(append(append([][]byte{}, lines[:3]...), lines[2:]...)...),
		"a row changed":    bytes.Replace(file, []byte(`\"id\":\"2\"`), []byte(`\"id\":\"9\"`), 1),
		"a time changed":   bytes.Replace(file, []byte("2026-01-10T02:00:00Z\",\"salt"), []byte("2026-01-10T02:00:01Z\",\"salt"), 1),
		"something after":  append(bytes.Clone(file), `{"key":"x"}`...),
		"another form":     bytes.Replace(file, []byte(population.Format), []byte("tickmark population v9"), 1),
		"an unknown field": bytes.Replace(file, []byte(`"sort":`), []byte(`"sorted":`), 1),
	} {
		if bytes.Equal(b, file) {
			t.Fatalf("%s: the file was not touched", name)
		}
		if _, _, err := population.Read(bytes.NewReader(b), nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

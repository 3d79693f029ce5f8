package workspace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/record"
)

// Whatever is looked up, of whichever connector: while one of those that provide it is read by half, that nothing was found
// there is unknown. A new connector, kind or view is in here by itself.
func TestALookupOverAHalfReadProviderIsUnknown(t *testing.T) {
	w := opened(t)
	words := map[string]bool{}
	var names []string
	provides := map[string]map[string]bool{} // by what is looked up: the connectors
	down := ""
	var connectors []connector.Connector
	for _, c := range Connectors() {
		if c.Demonstration || len(c.Kinds) == 0 {
			continue
		}
		for _, k := range c.Kinds {
			list := []string{k.Name}
			for _, v := range k.Views {
				list = append(list, v.Name)
			}
			for _, n := range list {
				if !words[n] {
					words[n] = true
					names = append(names, n)
					provides[n] = map[string]bool{}
				}
				provides[n][c.Name] = true
			}
		}
		connectors = append(connectors, connector.Connector{Name: c.Name, Title: c.Title, Kinds: c.Kinds, Read: func(_ context.Context, _ connector.Values, out connector.Sink) error {
			for _, k := range c.Kinds {
				if down == c.Name {
					out.Missing(connector.Gap{Kind: k.Name, Denied: true, Reason: "It was refused by half."})
				} else {
					out.Complete(k.Name, "")
				}
			}
			return nil
		}})
	}
	slices.Sort(names)
	files := fstest.MapFS{}
	for i, n := range names {
		files[fmt.Sprintf("%d.yaml", i)] = &fstest.MapFile{Data: []byte(strings.NewReplacer("ID", fmt.Sprintf("OUT-%03d", i), "NAME", n).Replace(`id: ID
title: Nothing is there
for: person
expect: r.name != "bad" && size(find("NAME", "key", r.id)) == 0
because: '"something is there of " + key'
severity: low
why: It should not be.
fix: {console: remove it}
examples:
  - {name: wrong, record: {id: a, name: bad}, others: {NAME: []}, expect: fail}
  - {name: right, record: {id: a, name: good}, others: {NAME: []}, expect: pass}
  - {name: not read, record: {id: a, name: good}, expect: unknown}
`))}
	}
	set, err := check.Load(w.Words, nil, files, "")
	if err != nil {
		t.Fatal(err)
	}
	w.Monitor = check.NewMonitor(w.Book, w.Words, set)
	w.Collect.Connectors = connectors
	by := record.Job("person:ada")
	if _, err := w.Book.Put(t.Context(), by, record.Change{Kind: "person", Key: "a", Body: []byte(`{"id":"a","name":"Ada","email":"ada@example.org"}`)}); err != nil {
		t.Fatal(err)
	}
	read := func(name string) {
		if _, err := w.Collect.Run(t.Context(), name, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range connectors {
		if _, err := w.Collect.Add(t.Context(), by, collect.Connection{Name: c.Name, Connector: c.Name, Every: "24h"}, nil); err != nil {
			t.Fatal(err)
		}
		read(c.Name)
	}
	answers := func(what string, unknown func(name string) bool) {
		if _, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil {
			t.Fatal(err)
		}
		got := map[string]check.Interval{}
		for after := ""; ; {
			page, err := w.Monitor.Results(t.Context(), check.Filter{Kind: "person", Key: "a", After: after, Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Results {
				got[r.Check] = r
			}
			if after = page.Next; after == "" {
				break
			}
		}
		for i, n := range names {
			r, want := got[fmt.Sprintf("OUT-%03d", i)], check.Pass
			if unknown(n) {
				want = check.Unknown
			}
			if r.Status != want || want == check.Unknown && !strings.Contains(r.Reason, "It was refused by half.") {
				t.Errorf("%s: a lookup in %s is %s, not %s: %s", what, n, r.Status, want, r.Reason)
			}
		}
	}
	answers("all are read", func(string) bool { return false })
	for _, c := range connectors {
		down = c.Name
		read(c.Name)
		answers(c.Name+" is half read", func(n string) bool { return provides[n][c.Name] })
		down = ""
		read(c.Name)
	}
	answers("all are read again", func(string) bool { return false })
	if len(connectors) < 3 || len(slices.Collect(maps.Keys(words))) < 20 {
		t.Errorf("%d connectors and %d names were tried", len(connectors), len(words))
	}
}

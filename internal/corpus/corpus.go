// Package corpus is a large organisation for measurements: objects of six kinds as a cloud states them, thirty checks, and a
// year in which some of them change every hour. The one rule: it is read, judged and kept through the same doors as
// everything else, on a clock that is set, and the same every time.
package corpus

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/control"
	"tickmark/internal/exception"
	"tickmark/internal/finding"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
)

// Connection is the name of the connection that reads the objects.
const Connection = "cloud"

// Options say how large a world is.
type Options struct {
	Records int
	Checks  int    // of the thirty; 0: none
	Held    bool   // the objects stay in memory; otherwise each read makes them anew
	Dir     string // where its keys are; empty: somewhere for the test alone
}

// World is a workspace of the objects.
type World struct {
	Log     *ledger.Log
	Book    *record.Book
	Collect *collect.Collector
	Monitor *check.Monitor
	Now     time.Time // what the clock says

	Compared time.Time // when the last run had handed everything over, by the machine's clock
	EachHour func()    // done at the end of each of Hours, where it is set

	objects []object
	next    int // the number of the next object that comes
	dice    *rand.Rand
}

type object struct {
	i, rev int
	key    string
	raw    []byte // when they are held
}

// Began is what the clock of a new world says.
var Began = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

// Open makes a world in an empty database. Nothing of it was read yet. A database that a world was made in before is opened as
// it is, and its objects are not known.
func Open(t testing.TB, db *store.DB, o Options) *World {
	t.Helper()
	w := &World{Now: Began, dice: rand.New(rand.NewPCG(1, 2))}
	dir, ctx := o.Dir, context.Background()
	if dir == "" {
		dir = t.TempDir()
	}
	fail := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var err error
	w.Log, err = ledger.Open(ctx, db, dir)
	fail(err)
	w.Log.Clock = func() time.Time { return w.Now }
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	fail(err)
	all := append(Kinds(), check.Kind(), finding.Kind(), exception.Kind(), control.Kind(), framework.Kind(), person.Kind())
	kinds, err := record.NewKinds(append(append(all, record.Builtin()...), collect.Kinds()...)...)
	fail(err)
	w.Book, err = record.OpenBook(ctx, w.Log, kinds, keys.Digest)
	fail(err)
	words, err := check.NewVocabulary(kinds.All()...)
	fail(err)
	set, err := check.Load(words, nil, Checks(o.Checks), "")
	fail(err)
	w.Monitor = check.NewMonitor(w.Book, words, set)
	w.Collect = &collect.Collector{Book: w.Book, Keys: keys, Connectors: []connector.Connector{{Name: Connection, Title: "Cloud", Kinds: Kinds(), Read: w.read}}}
	if head, err := w.Log.Head(ctx, db); err != nil || head.Size > 0 {
		fail(err)
		w.Now = head.At.Time()
		return w
	}
	_, err = w.Collect.Add(ctx, record.Job("person:ada"), collect.Connection{Name: Connection, Connector: Connection}, nil)
	fail(err)
	for range o.Records {
		w.come(o.Held)
	}
	return w
}

func (w *World) come(held bool) {
	x := object{i: w.next, key: Key(w.next)}
	if held {
		x.raw = Body(x.i, 0)
	}
	w.objects = append(w.objects, x)
	w.next++
}

// read is the connector: it hands over every object.
func (w *World) read(_ context.Context, _ connector.Values, out connector.Sink) error {
	for _, x := range w.objects {
		raw := x.raw
		if raw == nil {
			raw = Body(x.i, x.rev)
		}
		if err := out.Item(connector.Item{Kind: kindOf(x.i), Key: x.key, Raw: raw}); err != nil {
			return err
		}
	}
	for _, k := range kindNames {
		out.Complete(k, "")
	}
	w.Compared = time.Now()
	return nil
}

// Each hands over every object as its source states it.
func (w *World) Each(each func(kind string, raw []byte)) {
	for _, x := range w.objects {
		raw := x.raw
		if raw == nil {
			raw = Body(x.i, x.rev)
		}
		each(kindOf(x.i), raw)
	}
}

// Change changes n objects at the source, each once, and says as what, for who writes only what changed.
func (w *World) Change(n int) []record.Observation {
	var out []record.Observation
	seen := map[int]bool{}
	for len(seen) < min(n, len(w.objects)) {
		at := w.dice.IntN(len(w.objects))
		if seen[at] {
			continue
		}
		seen[at] = true
		x := &w.objects[at]
		x.rev++
		raw := Body(x.i, x.rev)
		if x.raw != nil {
			x.raw = raw
		}
		out = append(out, record.Observation{Kind: kindOf(x.i), Key: x.key, Raw: raw})
	}
	return out
}

// Replace takes n objects away at the source, and as many others come.
func (w *World) Replace(n int) {
	for range n {
		at, last := w.dice.IntN(len(w.objects)), len(w.objects)-1
		held := w.objects[at].raw != nil
		w.objects[at] = w.objects[last]
		w.objects = w.objects[:last]
		w.come(held)
	}
}

// Run collects and judges, now.
func (w *World) Run(t testing.TB) (collect.Summary, check.Evaluation) {
	t.Helper()
	return w.CollectNow(t), w.Judge(t)
}

// CollectNow collects, now.
func (w *World) CollectNow(t testing.TB) collect.Summary {
	t.Helper()
	s, err := w.Collect.Run(context.Background(), Connection, nil)
	if err != nil || s.Outcome != collect.Complete {
		t.Fatal(s.Outcome, s.Missing, err)
	}
	return s
}

// Judge judges what was collected.
func (w *World) Judge(t testing.TB) check.Evaluation {
	t.Helper()
	e, err := w.Monitor.Evaluate(context.Background(), check.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Hours lets time pass: in each hour 0.09 percent of the objects change and 0.005 percent are replaced, and what every hours
// brought is collected and judged at once.
func (w *World) Hours(t testing.TB, hours, every int) {
	t.Helper()
	n, changes, replaced := len(w.objects), 0, 0
	for h := 1; h <= hours; h++ {
		w.Now = w.Now.Add(time.Hour)
		changes, replaced = changes+n*9, replaced+n
		w.Change(changes / 10_000)
		w.Replace(replaced / 20_000)
		changes, replaced = changes%10_000, replaced%20_000
		if h%every == 0 || h == hours {
			w.Run(t)
		}
		if w.EachHour != nil {
			w.EachHour()
		}
	}
}

// String says how large the world is.
func (w *World) String() string { return fmt.Sprintf("%d objects, %d ever", len(w.objects), w.next) }

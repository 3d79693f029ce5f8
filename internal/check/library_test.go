package check_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"tickmark/internal/check"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func TestOwnChecksComeFromADirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	noUnknown := strings.Replace(multiFactor, "  - {name: not read, record: {name: bob, human: true}, expect: unknown}\n", "", 1)
	write("mine.yaml", strings.Replace(noUnknown, "HOST-01", "OWN-01", 1))
	set, err := check.Load(words(t), nil, fstest.MapFS{"a.yaml": {Data: []byte(multiFactor)}}, dir)
	if err != nil || len(set.Checks()) != 2 || set.Checks()[0].Own || !set.Checks()[1].Own {
		t.Fatalf("%v %v", set, err)
	}
	report, err := check.TestPaths(words(t), check.Rules{}, dir)
	if err != nil || !report.OK() || len(report) != 1 || report[0].ID != "OWN-01" {
		t.Errorf("%+v %v", report, err)
	}
	write("again.yaml", noUnknown+"  - {name: odd, record: {name: bob, human: true, mfa: true}, expect: fail}\n")
	set, err = check.Load(words(t), nil, nil, dir)
	if err != nil || len(set.Problems()) != 1 || set.Problems()[0].Check != "HOST-01" || !strings.HasSuffix(set.Problems()[0].Message, "again.yaml:15:5: the example \"odd\" of HOST-01 should be fail, and is pass.") {
		t.Fatalf("%+v %v", set, err)
	}
	if c, err := set.Get("OWN-01"); err != nil || c.Broken != "" {
		t.Errorf("a sound file fell with a broken one: %v %v", c, err)
	}
	if c, err := set.Get("HOST-01"); err != nil || c.Broken == "" || strings.Contains(c.Broken, dir) {
		t.Errorf("a broken check is not there as one, or says where the folder lies: %v %v", c, err)
	}
	set, err = check.Load(words(t), nil, fstest.MapFS{"a.yaml": {Data: []byte(multiFactor)}}, dir)
	if c, e := set.Get("HOST-01"); err != nil || e != nil || c.Broken != "" || c.Own || len(set.Problems()) != 1 {
		t.Errorf("a broken file took the place of the library's check: %v %v %v", c, err, e)
	}
	report, err = check.TestPaths(words(t), check.Rules{}, dir+"/again.yaml", dir+"/mine.yaml")
	if err != nil || report.OK() || report[0].Examples[3].Held {
		t.Errorf("%+v %v", report, err)
	}
	if _, err = check.TestPaths(words(t), check.Rules{}, dir+"/none"); err == nil {
		t.Error("a path that is not there")
	}
}

// BenchmarkEvaluateAll judges 100,000 records, first all, then with nothing new, then with 100 changed.
func BenchmarkEvaluateAll(b *testing.B) {
	db := storetest.SQLite(b)
	t := &testing.T{}
	d := open(t, db, multiFactor)
	d.tester = t
	const n = 100_000
	body := func(i int, mfa bool) json.RawMessage {
		j, _ := json.Marshal(map[string]any{"name": key(i), "human": i%10 > 0, "mfa": mfa, "groups": []string{"a", "b"}, "mail": key(i) + "@example.org"})
		return j
	}
	put := func(from, to int, mfa bool) {
		var changes []record.Change
		for i := from; i < to; i++ {
			changes = append(changes, record.Change{Kind: "host_user", Key: key(i), Source: "host", Origin: record.Collected, Body: body(i, mfa), Reason: "read"})
		}
		if _, err := d.book.Put(d.ctx, record.Job("connection:host"), changes...); err != nil {
			b.Fatal(err)
		}
	}
	for i := 0; i < n; i += 5000 {
		put(i, i+5000, i%2 == 0)
	}
	evaluate := func(o check.Options) check.Evaluation {
		begun := time.Now()
		e, err := d.m.Evaluate(d.ctx, o)
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("judged %d, %d flips in %v", e.Judged, e.Flips, time.Since(begun))
		return e
	}
	evaluate(check.Options{})
	b.Run("nothing new", func(b *testing.B) {
		for b.Loop() {
			d.m.Evaluate(d.ctx, check.Options{})
		}
	})
	mfa := false
	b.Run("100 changed", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			mfa = !mfa
			put(0, 100, mfa)
			b.StartTimer()
			d.m.Evaluate(d.ctx, check.Options{})
		}
	})
	evaluate(check.Options{Full: true})
	b.Run("summary", func(b *testing.B) {
		for b.Loop() {
			d.m.Summary(d.ctx, 0)
		}
	})
	d.covered("host_user", "2025-01-01 00:00", "", "")
	b.Run("summary covered", func(b *testing.B) {
		for b.Loop() {
			d.m.Summary(d.ctx, 0)
		}
	})
	b.Run("failing page", func(b *testing.B) {
		for b.Loop() {
			if p, err := d.m.Results(d.ctx, check.Filter{Check: "HOST-01", Status: check.Fail, Limit: 50}); err != nil || len(p.Results) != 50 {
				b.Fatal(err)
			}
		}
	})
	then := store.At(d.now.Add(12 * time.Hour))
	d.now = d.now.Add(24 * time.Hour)
	b.Run("failing page as of", func(b *testing.B) {
		for b.Loop() {
			if p, err := d.m.Results(d.ctx, check.Filter{Check: "HOST-01", Status: check.Fail, Limit: 50, AsOf: then}); err != nil || len(p.Results) != 50 {
				b.Fatal(err, len(p.Results))
			}
		}
	})
	b.Run("summary as of", func(b *testing.B) {
		for b.Loop() {
			d.m.Summary(d.ctx, then)
		}
	})
	b.Run("one record", func(b *testing.B) {
		for b.Loop() {
			d.m.Results(d.ctx, check.Filter{Kind: "host_user", Key: key(5)})
		}
	})
}

func key(i int) string {
	const digits = "0123456789"
	out := []byte("user-000000")
	for p := len(out) - 1; i > 0; p-- {
		out[p] = digits[i%10]
		i /= 10
	}
	return string(out)
}

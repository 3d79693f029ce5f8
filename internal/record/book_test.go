package record_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var thing = record.Kind{Name: "thing", Title: "Thing", Label: "name", Fields: []record.Field{
	{Name: "name", Type: record.Text, Required: true},
	{Name: "colour", Type: record.Choice, Choices: []string{"red", "green", "blue"}, Indexed: true},
	{Name: "size", Type: record.Integer, Indexed: true},
	{Name: "tags", Type: record.Text, List: true, Indexed: true},
	{Name: "note", Type: record.Long},
	{Name: "pin", Type: record.Text, Secret: true},
	{Name: "seen", Type: record.Time, Volatile: true},
}}

var meeting = record.Kind{Name: "meeting", Label: "title", Occurred: "held", Fields: []record.Field{
	{Name: "title", Type: record.Text}, {Name: "held", Type: record.Time, Required: true}}}

var me = record.Job("job:test")

func open(t testing.TB, db *store.DB, kinds ...record.Kind) *record.Book {
	t.Helper()
	return openAt(t, db, t.TempDir(), kinds...)
}

func openAt(t testing.TB, db *store.DB, dir string, kinds ...record.Kind) *record.Book {
	t.Helper()
	log, err := ledger.Open(context.Background(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	ks, err := record.NewKinds(append(append([]record.Kind{thing, meeting}, record.Builtin()...), kinds...)...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := record.OpenBook(context.Background(), log, ks, func(p string, v []byte) string { return fmt.Sprintf("%s:%d", p, len(v)) })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, b *record.Book, key, body string) record.Version {
	t.Helper()
	v, err := b.Put(context.Background(), me, record.Change{Kind: "thing", Key: key, Body: json.RawMessage(body)})
	if err != nil {
		t.Fatal(err)
	}
	return v[0]
}

func TestNothingIsOverwritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db)
		first := put(t, b, "a", `{"name":"Ball","colour":"red"}`)
		second := put(t, b, "a", `{"name":"Ball","colour":"blue"}`)
		again := put(t, b, "a", `{"colour":"blue","name":"Ball"}`)
		if again.From != second.From {
			t.Error("the same content made a new version")
		}
		was, err := b.Get(ctx, "thing", "a", first.From)
		if err != nil || !strings.Contains(string(was.Body), "red") {
			t.Errorf("as of its first moment: %s %v", was.Body, err)
		}
		if _, err := b.Get(ctx, "thing", "a", first.From-1); !fault.Is(err, fault.NotFound) {
			t.Errorf("before it was: %v", err)
		}
		if _, err := b.Get(ctx, "thing", "a", store.At(time.Now().Add(time.Hour))); !fault.Is(err, fault.Invalid) {
			t.Errorf("in the future: %v", err)
		}
		h, err := b.History(ctx, "thing", "a")
		if err != nil || len(h) != 2 || h[0].To != h[1].From || !h[1].Open() {
			t.Errorf("history %+v %v", h, err)
		}
		if _, err := b.Put(ctx, me, record.Change{Kind: "thing", Key: "a", Delete: true, Reason: "sold"}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Get(ctx, "thing", "a", 0); !fault.Is(err, fault.NotFound) {
			t.Errorf("after its end: %v", err)
		}
		put(t, b, "a", `{"name":"Ball again"}`)
		if h, _ := b.History(ctx, "thing", "a"); len(h) != 3 || h[1].Closed == nil {
			t.Errorf("history %+v", h)
		}
		if p, err := b.Verify(ctx, nil); err != nil || p.Versions != 3 || p.Actions != 1 {
			t.Errorf("verify %+v %v", p, err)
		}
	})
}

func TestBadContentIsRefusedWhole(t *testing.T) {
	b := open(t, storetest.SQLite(t))
	put(t, b, "x", `{"name":"x"}`)
	for name, c := range map[string]struct{ body, says string }{
		"no name":       {`{"colour":"red"}`, "name is needed"},
		"choice":        {`{"name":"n","colour":"pink"}`, "one of red, green, blue"},
		"number":        {`{"name":"n","size":1.5}`, "a whole number"},
		"list":          {`{"name":"n","tags":"a"}`, "a list"},
		"unknown field": {`{"name":"n","color":"red"}`, `no field "color"`},
		"twice":         {`{"name":"n","name":"m"}`, "duplicate"},
		"not JSON":      {`{"name":`, "not valid JSON"},
		"custom":        {`{"name":"n","custom":{"shelf":1}}`, `no custom field "shelf"`},
	} {
		_, err := b.Put(context.Background(), me, record.Change{Kind: "thing", Key: "good", Body: json.RawMessage(`{"name":"good"}`)},
			record.Change{Kind: "thing", Key: "bad", Body: json.RawMessage(c.body)})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := b.Count(context.Background(), record.Query{Kind: "thing"}); err != nil || n.N != 1 {
		t.Errorf("something was written: %+v %v", n, err)
	}
	zero := store.Moment(0)
	if _, err := b.Put(context.Background(), me, record.Change{Kind: "thing", Key: "x", Body: json.RawMessage(`{"name":"y"}`), If: &zero}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second creation: %v", err)
	}
}

func TestSecretsAreNeverStoredAndVolatileValuesMakeNoVersion(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db)
		one := put(t, b, "a", `{"name":"Safe","pin":"hunter2","seen":"2026-01-01T00:00:00Z"}`)
		two := put(t, b, "a", `{"name":"Safe","pin":"hunter2","seen":"2026-01-02T00:00:00Z"}`)
		if one.From != two.From {
			t.Error("a volatile value made a version")
		}
		v, err := b.Get(ctx, "thing", "a", 0)
		if err != nil || strings.Contains(string(v.Full()), "hunter2") || !strings.Contains(string(v.Full()), "2026-01-02") {
			t.Errorf("%s %v", v.Full(), err)
		}
		raw, err := b.Raw(ctx, v)
		if err != nil || strings.Contains(string(raw), "hunter2") {
			t.Errorf("raw %s %v", raw, err)
		}
	})
}

func TestErasureLeavesTheProofsIntact(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db)
		put(t, b, "ada@example.com", `{"name":"Ada","colour":"red"}`)
		put(t, b, "ada@example.com", `{"name":"Ada","colour":"blue"}`)
		put(t, b, "bob", `{"name":"Bob","colour":"blue"}`)
		hold, err := b.Put(ctx, me, record.Change{Kind: "hold", Body: json.RawMessage(`{"on":"thing/ada@example.com","on_kind":"thing","reason":"dispute"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Erase(ctx, me, "thing", "ada@example.com", "asked to"); !fault.Is(err, fault.Denied) {
			t.Fatalf("under a hold: %v", err)
		}
		if _, err := b.Put(ctx, me, record.Change{Kind: "hold", Key: hold[0].Key, Delete: true, Reason: "settled"}); err != nil {
			t.Fatal(err)
		}
		if err := b.Erase(ctx, me, "thing", "ada@example.com", "asked to"); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"record", "version", "value", "volatile"} {
			rows, err := db.Query(ctx, "SELECT * FROM "+table)
			if err != nil {
				t.Fatal(err)
			}
			cols, _ := rows.Columns()
			for rows.Next() {
				vals := make([]any, len(cols))
				for i := range vals {
					vals[i] = new(any)
				}
				rows.Scan(vals...)
				for i, v := range vals {
					if s := strings.ToLower(fmt.Sprintf("%s", *v.(*any))); strings.Contains(s, "ada") {
						t.Errorf("%s.%s still holds %s", table, cols[i], s)
					}
				}
			}
			rows.Close()
		}
		if p, err := b.Verify(ctx, nil); err != nil || p.Erased != 4 {
			t.Errorf("verify %+v %v", p, err)
		}
		if n, _ := b.Count(ctx, record.Query{Kind: "thing", Where: `r.colour == "blue"`}); n.N != 1 {
			t.Errorf("counted %+v", n)
		}
	})
}

func TestVerifyFindsAChangedRecord(t *testing.T) {
	for _, change := range []string{
		"UPDATE version SET body = (SELECT body FROM version WHERE id = 2) WHERE id = 1",
		"UPDATE version SET reason = 'because' WHERE id = 1",
		"UPDATE version SET valid_from = valid_from - 1 WHERE id = 1",
		"DELETE FROM version WHERE id = 2",
		"UPDATE record SET key = 'other' WHERE id = 1",
		"UPDATE version SET salt = NULL, reason = 'erased, as it were' WHERE id = 1",
		"UPDATE action SET actor = 'person:nobody'",
		"UPDATE action SET actor = 'person:nobody', salt = NULL",
		"DELETE FROM action",
	} {
		ctx := context.Background()
		db := storetest.SQLite(t)
		b := open(t, db)
		put(t, b, "a", `{"name":"A"}`)
		put(t, b, "b", `{"name":"B"}`)
		b.Put(ctx, me, record.Change{Kind: "thing", Key: "b", Delete: true, Reason: "sold"})
		if _, err := b.Verify(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, change); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Verify(ctx, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: verify says %v", change, err)
		}
	}
}

// TestListsAgreeWithANaiveReading drives random histories and compares every list with a plain model of what held when.
func TestListsAgreeWithANaiveReading(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db)
		rng := rand.New(rand.NewPCG(7, 11))
		type body struct {
			Name   string   `json:"name"`
			Colour string   `json:"colour,omitempty"`
			Size   *int     `json:"size,omitempty"`
			Tags   []string `json:"tags,omitempty"`
		}
		now := map[string]body{}
		type moment struct {
			at    store.Moment
			state map[string]body
		}
		var past []moment
		for step := range 150 {
			key := fmt.Sprintf("k%02d", rng.IntN(25))
			if _, ok := now[key]; ok && rng.IntN(5) == 0 {
				if _, err := b.Put(ctx, me, record.Change{Kind: "thing", Key: key, Delete: true, Reason: "r"}); err != nil {
					t.Fatal(err)
				}
				delete(now, key)
			} else {
				x := body{Name: fmt.Sprintf("N%d", rng.IntN(8)), Colour: []string{"", "red", "green", "blue"}[rng.IntN(4)]}
				if rng.IntN(3) > 0 {
					n := rng.IntN(7) - 3
					x.Size = &n
				}
				for range rng.IntN(3) {
					x.Tags = append(x.Tags, string(rune('a'+rng.IntN(3))))
				}
				raw, _ := json.Marshal(x)
				put(t, b, key, string(raw))
				now[key] = x
			}
			if step%30 == 29 {
				h, _ := b.Log.Head(ctx, db)
				past = append(past, moment{h.At, maps.Clone(now)})
			}
		}
		past = append(past, moment{0, now})
		filters := map[string]func(body) bool{
			"":                  func(body) bool { return true },
			`r.colour == "red"`: func(x body) bool { return x.Colour == "red" },
			`r.colour != "red"`: func(x body) bool { return x.Colour != "red" && x.Colour != "" },
			`r.size > 0`:        func(x body) bool { return x.Size != nil && *x.Size > 0 },
			`r.size <= -1`:      func(x body) bool { return x.Size != nil && *x.Size <= -1 },
			`"a" in r.tags`:     func(x body) bool { return slices.Contains(x.Tags, "a") },
			`r.name == "N3"`:    func(x body) bool { return x.Name == "N3" },
			`r.colour in ["red","blue"] && r.size >= 1`: func(x body) bool {
				return (x.Colour == "red" || x.Colour == "blue") && x.Size != nil && *x.Size >= 1
			},
			`r.colour == "green" && "b" in r.tags && r.name != "N1"`: func(x body) bool {
				return x.Colour == "green" && slices.Contains(x.Tags, "b") && x.Name != "N1"
			},
		}
		for _, m := range past {
			for where, holds := range filters {
				var want []string
				for k, x := range m.state {
					if holds(x) {
						want = append(want, k)
					}
				}
				slices.Sort(want)
				for _, sort := range []string{"", "size", "-colour"} {
					var got []string
					q := record.Query{Kind: "thing", AsOf: m.at, Where: where, Sort: sort, Limit: 4}
					var last record.Version
					for {
						page, err := b.List(ctx, q)
						if err != nil {
							t.Fatal(where, sort, err)
						}
						for _, v := range page.Versions {
							if sort == "" && last.Key != "" && strings.ToLower(last.Label) > strings.ToLower(v.Label) {
								t.Errorf("%q: %s before %s", where, last.Label, v.Label)
							}
							last = v
							got = append(got, v.Key)
						}
						if q.After = page.Next; q.After == "" {
							break
						}
					}
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Fatalf("where %q sort %q as of %v: got %v, want %v", where, sort, m.at, got, want)
					}
				}
				n, err := b.Count(ctx, record.Query{Kind: "thing", AsOf: m.at, Where: where})
				if err != nil || !n.Exact || n.N != int64(len(want)) {
					t.Errorf("count %q as of %v: %+v, want %d (%v)", where, m.at, n, len(want), err)
				}
			}
		}
		if _, err := b.Verify(ctx, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestATextWithinIsFoundWhateverItsLettersAndItsLength(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db, record.Kind{Name: "box", Label: "name", Collected: true, Fields: []record.Field{{Name: "name", Type: record.Text, Indexed: true}, {Name: "colour", Type: record.Choice, Choices: []string{"red"}, Indexed: true}}})
		long := func(n int, end string) string { return strings.Repeat("x", n-len(end)) + end }
		names := []string{"Ada Lovelace", "ada", "sada", "ÄRGER im Büro", "\u212Aelvin", "\u0130stanbul", "100% sure_thing", `a\b`, "two  spaces", "two spaces", "a\ttab", "Straße", long(57, "end"), long(58, "End"), long(61, "END"),
			long(120, "middle"), long(179, "ünd"), long(200, "far"), long(299, "away"), long(400, "beyond"), strings.Repeat("ü", 30) + "end", "ΣΊΣΥΦΟΣ"}
		parts := []string{"ada", "s", "sa", "k", "i", "ß", "ss", "ärger", "ÄRGER", "%", "_", `\`, "%_", "  ", "o  s", "o s", " ", "\t", "end", "End", "END", "xend", "middle", "ünd", "far", "away", "beyond", "üend", "σ", "ς", "x", "", "nowhere", long(101, "end"), "\ufffd"}
		fill := func(turn int) {
			var list []*record.Observed
			for i, name := range names {
				name = names[(i+turn)%len(names)]
				key := fmt.Sprintf("k%02d", i)
				body, _ := json.Marshal(map[string]any{"name": name, "colour": "red"})
				if i%2 == 0 {
					body, _ = json.Marshal(map[string]any{"name": name})
				}
				put(t, b, key, string(body))
				o, err := b.Observe(record.Collection{Run: 1, Source: "s", Origin: record.Collected, Actor: "connection:s"}, record.Observation{Kind: "box", Key: key, Raw: body, Label: "Box " + key}, nil)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, o)
			}
			if err := b.Log.Write(ctx, func(tx *ledger.Tx) error { return b.Keep(ctx, tx, list) }); err != nil {
				t.Fatal(err)
			}
		}
		fill(0)
		head, err := b.Log.Head(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		fill(7)
		for turn, at := range map[int]store.Moment{0: head.At, 7: 0} {
			for _, part := range parts {
				for where, holds := range map[string]func(name string, red bool) bool{
					fmt.Sprintf("lower(r.name).contains(%q)", part):                       func(name string, red bool) bool { return strings.Contains(strings.ToLower(name), part) },
					fmt.Sprintf(`r.name.contains(%q)`, part):                              func(name string, red bool) bool { return strings.Contains(name, part) },
					fmt.Sprintf(`r.colour == "red" && r.name.lower().contains(%q)`, part): func(name string, red bool) bool { return red && strings.Contains(strings.ToLower(name), part) },
					fmt.Sprintf(`r.name != "ada" && lower(r.name).contains(%q)`, part): func(name string, red bool) bool {
						return name != "ada" && strings.Contains(strings.ToLower(name), part)
					},
				} {
					var want []string
					for i := range names {
						if holds(names[(i+turn)%len(names)], i%2 == 1) {
							want = append(want, fmt.Sprintf("k%02d", i))
						}
					}
					for _, q := range []record.Query{{Kind: "thing"}, {Kind: "thing", Sort: "-colour"}, {Kind: "box"}, {Kind: "box", Sort: "name"}} {
						var got []string
						q.AsOf, q.Where, q.Limit = at, where, 7
						for page := (record.Page{Next: "x"}); page.Next != ""; q.After = page.Next {
							if page, err = b.List(ctx, q); err != nil {
								t.Fatal(where, err)
							}
							for _, v := range page.Versions {
								got = append(got, v.Key)
							}
						}
						if slices.Sort(got); !slices.Equal(got, want) {
							t.Errorf("%s of %s by %q as of %v: got %v, want %v", where, q.Kind, q.Sort, at, got, want)
						}
						q.After = ""
						if n, err := b.Count(ctx, q); err != nil || !n.Exact || n.N != int64(len(want)) {
							t.Errorf("%s of %s as of %v: counted %+v, want %d (%v)", where, q.Kind, at, n, len(want), err)
						}
					}
				}
			}
		}
	})
}

func TestAnIndexDeclaredLaterServesThePastToo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		dir := t.TempDir()
		plain := record.Kind{Name: "plain", Label: "name", Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "on", Type: record.Bool}}}
		b := openAt(t, db, dir, plain)
		first, err := b.Put(ctx, me, record.Change{Kind: "plain", Key: "p", Body: json.RawMessage(`{"name":"P","on":true}`)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(ctx, me, record.Change{Kind: "plain", Key: "p", Body: json.RawMessage(`{"name":"P","on":false}`)}); err != nil {
			t.Fatal(err)
		}
		plain.Fields = slices.Clone(plain.Fields)
		plain.Fields[1].Indexed = true
		b = openAt(t, db, dir, plain)
		for at, want := range map[store.Moment]int64{0: 0, first[0].From: 1} {
			if n, err := b.Count(ctx, record.Query{Kind: "plain", AsOf: at, Where: "r.on"}); err != nil || n.N != want {
				t.Errorf("as of %v: %+v %v", at, n, err)
			}
		}
	})
}

func TestDuringFindsEverythingThatHeldInTheWindow(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db)
		a1 := put(t, b, "a", `{"name":"A","colour":"red"}`)
		a2 := put(t, b, "a", `{"name":"A","colour":"blue"}`)
		put(t, b, "b", `{"name":"B","colour":"red"}`)
		page, err := b.List(ctx, record.Query{Kind: "thing", During: [2]store.Moment{a1.From, a2.From}, Where: `r.colour == "red"`, Limit: 1})
		if err != nil || len(page.Versions) != 1 || page.Versions[0].Key != "a" || page.Next != "" {
			t.Errorf("%+v %v", page, err)
		}
		c1 := put(t, b, "c", `{"name":"C","colour":"red"}`)
		c2 := put(t, b, "c", `{"name":"Ah, no longer C","colour":"blue"}`)
		for _, source := range []string{"one", "two"} {
			if _, err := b.Put(ctx, record.Job("job:try"), record.Change{Kind: "thing", Key: "a", Source: source, Origin: record.Uploaded, Body: []byte(`{"name":"A of another"}`)}); err != nil {
				t.Fatal(err)
			}
		}
		last := put(t, b, "d", `{"name":"D"}`)
		said := func(list []record.Version) string {
			var out []string
			for _, v := range list {
				out = append(out, v.Key+" "+v.Source+" "+v.Label)
			}
			return strings.Join(out, ", ")
		}
		for name, c := range map[string]struct {
			q    record.Query
			want string
		}{
			"all":               {record.Query{During: [2]store.Moment{a1.From, last.From + 1}}, "a one A of another, a program A, a program A, a two A of another, b program B, c program C, c program Ah, no longer C, d program D"},
			"of a source":       {record.Query{During: [2]store.Moment{a1.From, last.From + 1}, Source: "two"}, "a two A of another"},
			"before the end":    {record.Query{During: [2]store.Moment{a1.From, last.From}}, "a one A of another, a program A, a program A, a two A of another, b program B, c program C, c program Ah, no longer C"},
			"after the change":  {record.Query{During: [2]store.Moment{c2.From, last.From}}, "a one A of another, a program A, a two A of another, b program B, c program Ah, no longer C"},
			"until the change":  {record.Query{During: [2]store.Moment{c1.From, c2.From}}, "a program A, b program B, c program C"},
			"with a filter":     {record.Query{During: [2]store.Moment{a1.From, last.From}, Where: `r.colour == "red"`}, "a program A, b program B, c program C"},
			"nothing held then": {record.Query{During: [2]store.Moment{1, a1.From}}, ""},
		} {
			c.q.Kind = "thing"
			for limit := 1; limit < 10; limit++ {
				var got []record.Version
				for q := c.q; ; {
					q.Limit = limit
					page, err := b.List(ctx, q)
					if err != nil || len(page.Versions) > limit || page.Partial {
						t.Fatalf("%s: %+v %v", name, page, err)
					}
					got = append(got, page.Versions...)
					if q.After = page.Next; page.Next == "" {
						break
					}
				}
				if said(got) != c.want {
					t.Errorf("%s, %d a page: %s, want %s", name, limit, said(got), c.want)
				}
			}
			if n, err := b.Count(ctx, c.q); err != nil || !n.Exact || int(n.N) != strings.Count(c.want+", ", " program ")+strings.Count(c.want, " one ")+strings.Count(c.want, " two ") {
				t.Errorf("%s: counted %+v %v", name, n, err)
			}
			if c.q.Where == "" && c.q.Source == "" {
				var got []record.Version
				err := b.EachDuring(ctx, b.DB, "thing", c.q.During[0], c.q.During[1], func(v record.Version) error { got = append(got, v); return nil })
				if err != nil || said(got) != c.want {
					t.Errorf("%s: each is %s, %v", name, said(got), err)
				}
			}
		}
		if _, err := b.List(ctx, record.Query{Kind: "thing", During: [2]store.Moment{2, 2}}); err == nil {
			t.Error("a window without any time in it is listed")
		}
	})
}

func TestSearchFindsWordsNowAndThen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		b := open(t, db)
		was := put(t, b, "a", `{"name":"Production database"}`)
		put(t, b, "a", `{"name":"Retired database"}`)
		for _, c := range []struct {
			text string
			at   store.Moment
			want int
		}{{"prod", 0, 0}, {"prod data", was.From, 1}, {"RETIR", 0, 1}, {"database nothing", 0, 0}, {"%", 0, 0}} {
			found, err := b.Search(ctx, c.text, c.at, record.Company, 10)
			if err != nil || len(found) != c.want {
				t.Errorf("%q at %v: %d found, %v", c.text, c.at, len(found), err)
			}
		}
	})
}

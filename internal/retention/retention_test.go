package retention_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/evidence"
	"tickmark/internal/exception"
	"tickmark/internal/fault"
	"tickmark/internal/finding"
	"tickmark/internal/ledger"
	"tickmark/internal/occurrence"
	"tickmark/internal/organisation"
	"tickmark/internal/period"
	"tickmark/internal/record"
	"tickmark/internal/report"
	"tickmark/internal/retention"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// place is a workspace whose ledger has lived through some years.
type place struct {
	testing.TB
	ctx  context.Context
	book *record.Book
	now  time.Time
}

func machine(name string) record.Kind {
	return record.Kind{Name: name, Plural: name + "s", Label: "name", Collected: true, Fields: []record.Field{{Name: "name", Type: record.Text}, {Name: "n", Type: record.Integer}},
		Views: []record.View{{Name: "device", Fields: map[string]string{"name": "r.name"}}}}
}

func open(t testing.TB, db *store.DB) *place {
	t.Helper()
	p := &place{TB: t, ctx: context.Background(), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	log, err := ledger.Open(p.ctx, db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log.Clock = func() time.Time { return p.now }
	kinds := append(record.Builtin(), retention.Kind(), machine("laptop"), machine("server"), organisation.Kind(), report.Kind())
	for _, k := range []record.Kind{period.Kind(), finding.Kind(), exception.Kind(), evidence.Kind(), occurrence.Kind()} {
		for i := range k.Fields { // what they refer to is not here
			k.Fields[i].Required = false
			if k.Fields[i].Type == record.Ref {
				k.Fields[i].Type, k.Fields[i].Refers = record.Text, ""
			}
		}
		k.Check, k.Guard, k.States = nil, nil, nil
		kinds = append(kinds, k)
	}
	ks, err := record.NewKinds(kinds...)
	if err != nil {
		t.Fatal(err)
	}
	if p.book, err = record.OpenBook(p.ctx, log, ks, func(string, []byte) string { return "" }); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) put(kind, key, body string) {
	p.Helper()
	c := record.Change{Kind: kind, Key: key, Body: json.RawMessage(body)}
	if k, _ := p.book.Kinds.Named(kind); k.Collected {
		c.Source, c.Origin = "cloud", record.Collected
		if strings.HasPrefix(key, "old-") {
			c.Source = "attic"
		}
	}
	if body == "" {
		c.Body, c.Delete, c.Reason = nil, true, "over"
	}
	if _, err := p.book.Put(p.ctx, record.Job("job:test"), c); err != nil {
		p.Fatal(err)
	}
}

// days lets days go by, on each fifth of which something is recorded.
func (p *place) days(n int) {
	p.Helper()
	for ; n > 0; n -= 5 {
		p.now = p.now.AddDate(0, 0, min(n, 5))
		if err := p.book.Log.Write(p.ctx, func(tx *ledger.Tx) error { _, err := tx.Act(p.ctx, "day.passed", "job:test", "", nil); return err }); err != nil {
			p.Fatal(err)
		}
	}
}

func (p *place) rule(kind, source string, days int) {
	p.Helper()
	if _, err := retention.Set(p.ctx, p.book, record.Job("person:ada"), retention.Rule{Kind: kind, Source: source, Days: days, Reason: "the disk is small"}); err != nil {
		p.Fatal(err)
	}
}

// run applies the rules, and demands that it is what the preview said and that everything is still proved.
func (p *place) run() retention.Plan {
	p.Helper()
	said, err := retention.Preview(p.ctx, p.book)
	if err != nil {
		p.Fatal(err)
	}
	done, err := retention.Run(p.ctx, p.book, nil)
	if err != nil {
		p.Fatal(err)
	}
	for i, l := range done.Rules {
		if s := said.Rules[i]; s.Versions != l.Versions || s.Bytes != l.Bytes || !maps.Equal(s.Kept, l.Kept) || s.Young != l.Young {
			p.Errorf("the preview said %+v, and it was %+v", s, l)
		}
	}
	if _, err := p.book.Verify(p.ctx, nil); err != nil {
		p.Error(err)
	}
	return done
}

// gone are the bodies that are dropped, as key/what it said.
func (p *place) gone(kind, key string) (out []bool) {
	p.Helper()
	all, err := p.book.History(p.ctx, kind, key)
	if err != nil {
		p.Fatal(err)
	}
	for _, v := range all {
		out = append(out, v.Dropped != nil)
	}
	return out
}

func TestWithoutARuleNothingIsDropped(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	p.put("laptop", "a", `{"name":"a"}`)
	p.put("laptop", "a", `{"name":"b"}`)
	p.days(2000)
	if plan, err := retention.Run(p.ctx, p.book, nil); err != nil || len(plan.Rules) != 0 {
		t.Errorf("%+v %v", plan, err)
	}
	if got := p.gone("laptop", "a"); slices.Contains(got, true) {
		t.Error(got)
	}
}

// nobody is somebody who administers nothing.
type nobody struct{ record.Authority }

func (nobody) May(_ context.Context, verb string, k *record.Kind) error {
	if verb == "admin" && k == nil {
		return fault.New(fault.Denied, "You can't.")
	}
	return nil
}

func TestARuleIsRefusedThatMayNotBe(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	p.put("laptop", "a", `{"name":"a"}`)
	ada := record.Job("person:ada")
	for name, c := range map[string]struct {
		by   record.Authority
		rule retention.Rule
		kind fault.Kind
	}{
		"no administrator":      {nobody{ada}, retention.Rule{Kind: "laptop", Days: 400, Reason: "r"}, fault.Denied},
		"what people wrote":     {ada, retention.Rule{Kind: "evidence", Days: 4000, Reason: "r"}, fault.Invalid},
		"what Tickmark wrote":   {ada, retention.Rule{Kind: "report", Days: 4000, Reason: "r"}, fault.Invalid},
		"no such kind":          {ada, retention.Rule{Kind: "lap", Days: 4000, Reason: "r"}, fault.NotFound},
		"too short":             {ada, retention.Rule{Kind: "laptop", Days: 399, Reason: "r"}, fault.Invalid},
		"too long":              {ada, retention.Rule{Kind: "laptop", Days: 40_000, Reason: "r"}, fault.Invalid},
		"no reason":             {ada, retention.Rule{Kind: "laptop", Days: 400, Reason: " "}, fault.Invalid},
		"a source never read":   {ada, retention.Rule{Kind: "laptop", Source: "clod", Days: 400, Reason: "r"}, fault.NotFound},
		"a negative one":        {ada, retention.Rule{Kind: "laptop", Days: -400, Reason: "r"}, fault.Invalid},
		"and one that is right": {ada, retention.Rule{Kind: "laptop", Source: "cloud", Days: 400, Reason: "r"}, ""},
	} {
		r, err := retention.Set(p.ctx, p.book, c.by, c.rule)
		if c.kind == "" && (err != nil || r.Key != "laptop@cloud" || r.By != "person:ada" || r.Entry == 0) || c.kind != "" && !fault.Is(err, c.kind) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	if err := retention.End(p.ctx, p.book, nobody{ada}, "laptop", "cloud", "r"); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	if err := retention.End(p.ctx, p.book, ada, "laptop", "cloud", "no more"); err != nil {
		t.Error(err)
	}
	if rules, err := retention.Rules(p.ctx, p.book, 0); err != nil || len(rules) != 0 {
		t.Errorf("%+v %v", rules, err)
	}
	acts, err := store.All[string](p.ctx, p.book.DB, "SELECT verb || ' ' || actor || ' ' || subject FROM action WHERE verb LIKE 'retention.%' ORDER BY entry")
	if err != nil || strings.Join(acts, ", ") != "retention.set person:ada laptop@cloud, retention.ended person:ada laptop@cloud" {
		t.Errorf("%v %v", acts, err)
	}
	if h, err := p.book.History(p.ctx, retention.RuleKind, "laptop@cloud"); err != nil || len(h) != 1 || h[0].Closed == nil {
		t.Errorf("%+v %v", h, err)
	}
}

func TestWhatAnythingRestsOnIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := open(t, db)
		keys := []string{"plain", "held", "failed", "failing", "stands", "looked", "found", "excepted", "commented", "linked", "event", "reported", "old-source"}
		for _, k := range keys { // each has three versions that ended, at days 10, 20 and 30
			p.put("laptop", k, `{"name":"`+k+`","n":1}`)
		}
		p.put("organisation", "organisation", `{"name":"Example","time_zone":"Europe/Berlin"}`)
		begun := p.now
		on := func(day int) string { return begun.AddDate(0, 0, day).Format(time.RFC3339) }
		for n := range 3 {
			p.days(10)
			for _, k := range keys {
				p.put("laptop", k, fmt.Sprintf(`{"name":%q,"n":%d}`, k, n+2))
			}
		}
		p.days(5)
		p.put("server", "s", `{"name":"s"}`)
		p.put("server", "s", `{"name":"t"}`)
		p.put("hold", "h", `{"on_kind":"laptop","on":"laptop/held","reason":"a court asks"}`)
		version := func(key string, n int) record.Version {
			h, err := p.book.History(p.ctx, "laptop", key)
			if err != nil {
				t.Fatal(err)
			}
			return h[n]
		}
		id := int64(0)
		answer := func(v record.Version, status int, from, to store.Moment, basis string) {
			id++
			err := db.Write(p.ctx, func(tx *store.Tx) error {
				return store.Insert(p.ctx, tx, "result", []string{"id", "series", "record", "status", "reason", "valid_from", "valid_to", "known", "superseded", "version", "basis", "entry"},
					[][]any{{id, 1, v.Record, status, "", from, to, from, store.Forever, v.ID, basis, id}})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		first, second := version("failed", 0), version("failed", 1)
		answer(first, 1, first.From, second.From, "")
		answer(first, 2, second.From-1, second.To-1, "") // it began in the first, and failed through most of the second
		answer(version("failed", 2), 1, second.To-1, store.Forever, "")
		answer(version("failing", 1), 2, version("failing", 1).From, store.Forever, "")
		answer(version("stands", 0), 1, first.From, store.Forever, "")
		answer(version("plain", 3), 1, first.From, store.Forever, fmt.Sprintf(`{"joins":[{"name":"laptop"}],"versions":[%d]}`, version("looked", 1).ID))
		p.put("finding", "f", fmt.Sprintf(`{"title":"f","items":[{"kind":"laptop","key":"found","from":%q,"to":%q}]}`, on(12), on(18)))
		p.put("exception", "x", `{"title":"x","resources":["excepted"]}`)
		p.put("comment", "c", `{"on_kind":"laptop","on":"laptop/commented","text":"look at this"}`)
		p.put("evidence", "e", `{"title":"e","sort":"observation","link":"https://tickmark.example.org/records/laptop/linked?at=2026-01-05"}`)
		p.put("occurrence", "o", `{"title":"o","event_kind":"laptop","event_key":"event"}`)
		p.days(500)
		p.rule("laptop", "", 400)
		p.rule("laptop", "attic", 900)
		l := p.run().Rules
		if len(l) != 2 || l[0].Key != "laptop" || l[0].Versions == 0 || l[1].Versions != 0 || l[1].Young != 3 || l[0].Young != 0 {
			t.Fatalf("%+v", l)
		}
		want := map[string][]bool{ // whose bodies are gone; the last version holds
			"plain": {true, true, true, false}, "held": {false, false, false, false}, "failed": {false, false, false, false}, "failing": {true, false, false, false},
			"stands": {false, true, true, false}, "looked": {true, false, true, false}, "found": {true, false, true, false}, "excepted": {false, false, false, false},
			"commented": {false, false, false, false}, "linked": {false, false, false, false}, "event": {false, false, false, false}, "reported": {true, true, true, false},
			"old-source": {false, false, false, false},
		}
		for key, is := range want {
			if got := p.gone("laptop", key); !slices.Equal(got, is) {
				t.Errorf("%s: %v, want %v", key, got, is)
			}
		}
		if got := p.gone("server", "s"); slices.Contains(got, true) {
			t.Errorf("a kind without a rule: %v", got)
		}
		kept := l[0].Kept
		if kept[retention.Held] != 3 || kept[retention.Excepted] != 3 || kept[retention.Referred] != 9 || kept[retention.Found] != 1 || kept[retention.Answered] != 3+2+1+1 {
			t.Errorf("%+v", kept)
		}

		// The hold ends, and what it kept goes with the next run; what was dropped is not counted again.
		p.put("hold", "h", "")
		if l := p.run().Rules; l[0].Versions != 3 || l[0].Batches != 1 {
			t.Errorf("%+v", l)
		}
		if l := p.run().Rules; l[0].Versions != 0 {
			t.Errorf("%+v", l)
		}
		so, err := p.book.DroppedSoFar(p.ctx, db)
		if err != nil || so["laptop"].Versions != 3+1+2+2+2+3+3 {
			t.Errorf("%+v %v", so, err)
		}
	})
}

func TestTheWindowOfAPeriodIsKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := open(t, db)
		for n := range 4 { // versions of 60 days
			p.put("laptop", "a", fmt.Sprintf(`{"name":"a","n":%d}`, n))
			p.days(60)
		}
		p.put("laptop", "b", `{"name":"b","n":1}`)
		p.put("laptop", "b", `{"name":"b","n":2}`)
		period := func(state, from, to string) {
			p.put("period", "p", fmt.Sprintf(`{"id":"p","name":"P","report":"soc_2","type":"type_2","categories":["security"],"from":%q,"to":%q,"state":%q}`, from, to, state))
		}
		period("current", "2026-03-10", "2026-04-10")
		p.days(1000)
		p.rule("laptop", "", 400)
		for _, step := range []struct {
			what string
			do   func()
			want []bool
		}{
			{"open", func() {}, []bool{true, false, true, false}}, // the second held from 2 March to 1 May
			{"another window in its place", func() { period("current", "2027-03-10", "2027-04-10") }, []bool{true, false, true, false}},
			{"just closed", func() { period("closed", "2027-03-10", "2027-04-10"); p.days(395) }, []bool{true, false, true, false}},
			{"long closed", func() { p.days(20) }, []bool{true, true, true, false}},
		} {
			step.do()
			if l := p.run().Rules[0]; !slices.Equal(p.gone("laptop", "a"), step.want) {
				t.Errorf("%s: %v %+v", step.what, p.gone("laptop", "a"), l)
			}
		}
	})
}

func TestWhatWasHandedOverIsKept(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	var at []time.Time
	for n := range 4 {
		p.put("laptop", "a", fmt.Sprintf(`{"name":"a","n":%d}`, n))
		p.days(10)
		at = append(at, p.now)
	}
	p.put("report", "r", fmt.Sprintf(`{"title":"r","sort":"readiness","format":"pdf","as_of":%q,"from":%[1]q,"to":%[1]q,"ledger_size":1,"file_name":"f","size":1,"sha256":"x","made_by":"x"}`, at[0].Format(time.RFC3339)))
	err := p.book.Log.Write(p.ctx, func(tx *ledger.Tx) error {
		entries, err := store.One[int64](p.ctx, tx, "SELECT count(*) FROM action WHERE at <= $1", store.At(at[1]))
		if err != nil {
			return err
		}
		_, err = tx.Act(p.ctx, "package.made", "person:ada", "package", map[string]any{"manifest": "x", "entries": entries + 2})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.days(500)
	p.rule("laptop", "", 400)
	if l := p.run().Rules[0]; !slices.Equal(p.gone("laptop", "a"), []bool{false, false, true, false}) || l.Kept[retention.Delivered] != 2 {
		t.Errorf("%v %+v", p.gone("laptop", "a"), l)
	}
}

func TestAClockSetForwardMakesNothingOld(t *testing.T) {
	p := open(t, storetest.SQLite(t))
	p.put("laptop", "a", `{"name":"a","n":1}`)
	p.put("laptop", "a", `{"name":"a","n":2}`)
	p.days(100)
	p.put("laptop", "a", `{"name":"a","n":3}`)
	p.days(340)
	p.rule("laptop", "", 400)
	p.now = p.now.AddDate(3, 0, 0)
	for range 3 { // writing by the wrong clock does not help
		p.put("server", "s", fmt.Sprintf(`{"name":"%d"}`, p.now.Unix()))
		p.now = p.now.Add(time.Hour)
		if l := p.run().Rules[0]; l.Versions > 1 || l.Young == 0 {
			t.Errorf("%+v", l)
		}
	}
	if got := p.gone("laptop", "a"); !slices.Equal(got, []bool{true, false, false}) {
		t.Errorf("%v: the first is 440 days old by the ledger, the second 340", got)
	}
	p.now = p.now.AddDate(-3, 0, 0) // and put right again
	if l := p.run().Rules[0]; l.Versions != 0 {
		t.Errorf("%+v", l)
	}
}

func TestARunThatIsCutOffHasDoneWholeBatches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		p := open(t, db)
		for n := range 2 {
			var list []record.Change
			for i := range 1200 {
				list = append(list, record.Change{Kind: "laptop", Key: fmt.Sprint(i), Source: "cloud", Body: json.RawMessage(fmt.Sprintf(`{"name":"%d","n":%d}`, i, n))})
			}
			if _, err := p.book.Put(p.ctx, record.Job("job:test"), list...); err != nil {
				t.Fatal(err)
			}
			p.days(5)
		}
		p.days(420)
		p.rule("laptop", "", 400)
		plan, err := retention.Preview(p.ctx, p.book)
		if versions, bytes := plan.Total(); err != nil || versions != 1200 || bytes < 1200*10 {
			t.Fatalf("%+v %v", plan, err)
		}
		ctx, cut := context.WithCancel(p.ctx)
		_, err = retention.Run(ctx, p.book, func(_ string, n int64) {
			if n >= 500 {
				cut()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if v, err := p.book.Verify(p.ctx, nil); err != nil || v.Dropped != 500 {
			t.Errorf("%+v %v", v, err)
		}
		if l := p.run().Rules[0]; l.Versions != 700 || l.Batches != 2 {
			t.Errorf("%+v", l)
		}
		// A rule that is ended while its run goes on drops nothing more.
		p.put("laptop", "0", `{"name":"0","n":9}`)
		p.days(450)
		if err := retention.End(p.ctx, p.book, record.Job("person:ada"), "laptop", "", "no more"); err != nil {
			t.Fatal(err)
		}
		if plan, err := retention.Run(p.ctx, p.book, nil); err != nil || len(plan.Rules) != 0 {
			t.Errorf("%+v %v", plan, err)
		}
		tried, err := retention.Preview(p.ctx, p.book, retention.Rule{Kind: "laptop", Days: 400})
		if err != nil || len(tried.Rules) != 1 || tried.Rules[0].Versions != 1 {
			t.Errorf("%+v %v", tried, err)
		}
	})
}

package record_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var parcel = record.Kind{Name: "parcel", Label: "name", Collected: true, Fields: []record.Field{
	{Name: "id", Type: record.Text}, {Name: "name", Type: record.Text},
	{Name: "depot", Type: record.Text, Indexed: true}, {Name: "state", Type: record.Choice, Choices: []string{"open", "held", "done"}, Indexed: true},
	{Name: "weight", Type: record.Integer, Indexed: true}, {Name: "insured", Type: record.Bool, Indexed: true}, {Name: "note", Type: record.Text}}}

// million fills a book with n parcels, a hundredth of which changed once since.
func million(b *testing.B, n int) (*record.Book, store.Moment) {
	book := open(b, storetest.SQLite(b), parcel)
	ctx := context.Background()
	c := record.Collection{Run: 1, Source: "depot", Origin: record.Collected, Actor: "connection:depot"}
	keep := func(from, to, step int, state string) {
		var list []*record.Observed
		known, err := book.Known(ctx, "parcel", "depot")
		if err != nil {
			b.Fatal(err)
		}
		flush := func() {
			if err := book.Log.Write(ctx, func(tx *ledger.Tx) error { return book.Keep(ctx, tx, list) }); err != nil {
				b.Fatal(err)
			}
			list = list[:0]
		}
		for i := from; i < to; i += step {
			id := fmt.Sprintf("p%07d", i)
			s := state
			if s == "" {
				s = []string{"open", "held", "done"}[i%97%3]
			}
			body := fmt.Sprintf(`{"id":"%s","name":"Parcel %d of the %d","depot":"d%d","state":"%s","weight":%d,"insured":%t,"note":"left at the door of number %d, signed for by nobody"}`,
				id, i*7919%n, i%31, i%5000, s, i*31%1000, i%3 == 0, i)
			o, err := book.Observe(c, record.Observation{Kind: "parcel", Key: id, Raw: []byte(body)}, known[id])
			if err != nil {
				b.Fatal(err)
			}
			if o != nil {
				list = append(list, o)
			}
			if len(list) == 1000 {
				flush()
			}
		}
		flush()
	}
	keep(0, n, 1, "")
	h, err := book.Log.Head(ctx, book.DB)
	if err != nil {
		b.Fatal(err)
	}
	keep(0, n, 100, "held")
	return book, h.At
}

// BenchmarkAnswers measures what a page asks of a large book: a list with a filter, a sort and a count, a detail, a search,
// now and as of an earlier moment. TICKMARK_BENCH_RECORDS sets the number of records.
func BenchmarkAnswers(b *testing.B) {
	n := 20_000
	if s := os.Getenv("TICKMARK_BENCH_RECORDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	start := time.Now()
	book, then := million(b, n)
	b.Logf("%d records in %s", n, time.Since(start).Round(time.Second))
	ctx := context.Background()
	queries := map[string]record.Query{
		"all":              {},
		"equal":            {Where: `r.state == "open"`},
		"equal_rare":       {Where: `r.depot == "d77"`},
		"sort":             {Sort: "weight"},
		"equal_sort":       {Where: `r.state == "open"`, Sort: "-weight"},
		"two_sort":         {Where: `r.state == "open" && r.insured`, Sort: "weight"},
		"rare_sort":        {Where: `r.depot == "d77"`, Sort: "weight"},
		"range":            {Where: `r.weight > 990`},
		"rest":             {Where: `r.state == "open" && r.name.contains("7")`},
		"past_equal_sort":  {Where: `r.state == "open"`, Sort: "weight", AsOf: then},
		"past_all":         {AsOf: then},
		"second_page_sort": {Where: `r.state == "open"`, Sort: "-weight"},
	}
	for name, q := range queries {
		q.Kind = "parcel"
		if name == "second_page_sort" {
			p, err := book.List(ctx, q)
			if err != nil {
				b.Fatal(err)
			}
			q.After = p.Next
		}
		b.Run("list/"+name, func(b *testing.B) {
			for b.Loop() {
				p, err := book.List(ctx, q)
				if err != nil || len(p.Versions) == 0 {
					b.Fatal(len(p.Versions), err)
				}
			}
		})
		b.Run("count/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := book.Count(ctx, q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := book.Get(ctx, "parcel", fmt.Sprintf("p%07d", n/2), 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("history", func(b *testing.B) {
		for b.Loop() {
			if _, err := book.History(ctx, "parcel", "p0000000"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("search", func(b *testing.B) {
		for b.Loop() {
			if _, err := book.Search(ctx, "parcel 77", 0, record.Company, 20); err != nil {
				b.Fatal(err)
			}
		}
	})
}

var worker = record.Kind{Name: "worker", Label: "name", Key: "id", Fields: []record.Field{
	{Name: "id", Type: record.Text, Required: true, Indexed: true}, {Name: "name", Type: record.Text, Required: true},
	{Name: "email", Type: record.Email, Required: true, Indexed: true}, {Name: "start", Type: record.Date, Indexed: true}, {Name: "end", Type: record.Date, Indexed: true},
	{Name: "manager", Type: record.Ref, Refers: "worker"}, {Name: "title", Type: record.Text},
	{Name: "employment", Type: record.Choice, Choices: []string{"employee", "contractor"}, Indexed: true},
	{Name: "other_emails", Type: record.Email, List: true, Indexed: true}, {Name: "accounts", Type: record.Text, List: true, Indexed: true}}}

// BenchmarkImport measures an import of 20,000 people into an empty book, and the same again with every second one changed.
func BenchmarkImport(b *testing.B) {
	const n = 20_000
	changes := func(title string) []record.Change {
		out := make([]record.Change, n)
		for i := range out {
			t := "Engineer"
			if i%2 == 0 {
				t = title
			}
			manager := ""
			if i >= 20 {
				manager = fmt.Sprintf(`,"manager":"p%06d"`, i%20)
			}
			key := fmt.Sprintf("p%06d", i)
			out[i] = record.Change{Kind: "worker", Key: key, Origin: record.Uploaded, Reason: "imported", Body: []byte(fmt.Sprintf(
				`{"id":%q,"name":"Worker number %d","email":"p%d@example.com","start":"2024-%02d-%02d","title":%q,"employment":"employee"%s}`, key, i*7919%n, i, i%12+1, i%28+1, t, manager))}
		}
		return out
	}
	for b.Loop() {
		b.StopTimer()
		book := open(b, storetest.SQLite(b), worker)
		first, second := changes("Engineer"), changes("Head of something")
		b.StartTimer()
		start := time.Now()
		if _, err := book.Put(context.Background(), record.Job("job:import"), first...); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(start).Seconds(), "new/s")
		start = time.Now()
		if _, err := book.Put(context.Background(), record.Job("job:import"), second...); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(n/time.Since(start).Seconds(), "again/s")
	}
}

package collect

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Exchange implements connector.Sink.
func (r *run) Exchange(e connector.Exchange) connector.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Requests++
	r.sum.Bytes += e.Bytes
	e.Request, e.Status = r.hide(e.Request), r.hide(e.Status)
	r.ask(e)
	r.answers = append(r.answers, e.SHA256[:]...)
	sum := bytes.Clone(e.SHA256[:]) // a slice of e would hold its bytes as long as the row is held
	x := &noted{row: []any{r.sum.Number, r.sum.Requests, e.Kind, e.Request, e.Status, e.Bytes, sum, store.At(e.At), e.Took.Microseconds()}}
	if len(r.noted) < maxExchanges {
		r.noted = append(r.noted, x)
	}
	return &reply{noted: x, body: e.Body, reveals: e.Reveals, Answer: record.Answer{Run: r.sum.Number, N: r.sum.Requests, Source: r.conn.Name, Place: cmp.Or(e.Place, e.Request), Why: e.Unkept}}
}

var exchangeColumns = []string{"run", "n", "kind", "request", "status", "bytes", "sha256", "at", "took"}

// ask counts a question of a kind.
func (r *run) ask(e connector.Exchange) {
	if e.Kind == "" { // for a token
		return
	}
	a := r.asked[e.Kind]
	if a == nil {
		a = &asked{began: e.At}
		r.asked[e.Kind] = a
	}
	a.questions++
	if e.Page && e.Status == "200" {
		a.pages++
	}
	if e.Busy {
		a.throttled++
		a.waited += e.Wait
	}
	if end := e.At.Add(e.Took); end.After(a.ended) {
		a.ended = end
	}
}

// asked is how the reading of a kind went.
type asked struct {
	questions, pages, throttled, expected int64
	waited                                time.Duration
	began, ended                          time.Time
}

// tallies are what was found of each kind, and how its reading went.
func (r *run) tallies() []Tally {
	var out []Tally
	names := map[string]bool{}
	for name := range r.kinds {
		names[name] = true
	}
	for name := range r.asked { // of one that was refused nothing else is known
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		t := Tally{Kind: name}
		if k := r.kinds[name]; k != nil {
			t = k.tally
		}
		for _, g := range r.gaps {
			if g.Kind == name && g.Denied {
				t.Denied++
			}
		}
		if a := r.asked[name]; a != nil {
			t.Questions, t.Pages, t.Throttled, t.Expected = a.questions, a.pages, a.throttled, a.expected
			t.Waited, t.Took = a.waited.Milliseconds(), a.ended.Sub(a.began).Milliseconds()
		}
		out = append(out, t)
	}
	return out
}

// Progress implements connector.Sink.
func (r *run) Progress(kind string, done, total int) {
	if total > 0 {
		r.mu.Lock()
		if a := r.asked[kind]; a != nil {
			a.expected = int64(total)
		}
		r.mu.Unlock()
	}
	if r.progress != nil {
		r.progress(r.conn.Name, kind, done, total)
	}
}

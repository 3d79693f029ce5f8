package connector_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// tower is a declared service with events: flights, told in the list by number only, each with the bags and whether it landed;
// and pilots, of whom a further list says who may fly at night.
func tower() connector.Connector {
	s := connector.Service{
		Base: func(connector.Values) string { return "https://tower.example" },
		Sign: func(v connector.Values, h http.Header) error {
			h.Set("Authorization", "Bearer "+v["token"])
			return nil
		},
		Next: connector.LinkPages, Backoff: time.Millisecond, Parallel: 1,
		Told: []connector.Told{{Status: 404, Says: "not found", Denied: true}, {Status: 403, Says: "slow down", Busy: true}},
		Lists: []connector.List{
			{Kind: "tower_field", Path: "/fields", Key: "name", Needs: "fields"},
			{Kind: "tower_pilot", For: "tower_field", Path: "/{name}/pilots", Key: "{parent}/{id}", Needs: "pilots",
				Marks: []connector.Mark{{Name: "night", Path: "/{name}/pilots?only=night", Key: "{parent}/{id}", Needs: "pilots:night"}}},
			{Kind: "tower_flight", For: "tower_field", Path: "/{name}/flights?sort={name}", Key: "{parent}#{number}", Label: "{parent} {number}", Occurred: "left",
				Changed: "changed", Only: "left", Object: "/{parent.name}/flights/{number}", Needs: "flights", Parts: []connector.Call{
					{Name: "field", From: "title"},
					{Name: "at", From: "key"},
					{Name: "bags", Path: "/{parent.name}/flights/{number}/bags", Next: connector.LinkPages, Items: "list", Total: "total", Needs: "flights"},
					{Name: "landed", Path: "/landed/{plane.id}", Needs: "flights", Spare: true, Told: []connector.Told{{Status: 204, Means: "true"}, {Status: 404, Says: "in the air", Means: "false"},
						{Status: 404, Says: "no radar"}}},
				}},
		},
	}
	kind := func(name string) record.Kind { return record.Kind{Name: name, Collected: true} }
	return connector.Connector{Name: "tower", Read: s.Read, Kinds: []record.Kind{kind("tower_field"), kind("tower_pilot"), kind("tower_flight")},
		Permissions: []connector.Permission{{Name: "fields", Kinds: []string{"tower_field"}}, {Name: "pilots", Kinds: []string{"tower_pilot"}},
			{Name: "pilots:night", Kinds: []string{"tower_pilot.night"}}, {Name: "flights", Kinds: []string{"tower_flight", "tower_flight.landed"}}}}
}

func flights() connectortest.Cassette {
	return connectortest.Cassette{
		"/fields":                {Body: `[{"name":"a&b","title":"North"}]`},
		"/a&b/pilots":            {Body: `[{"id":1},{"id":2}]`},
		"/a&b/pilots?only=night": {Body: `[{"id":2}]`},
		"/a&b/flights?sort=a%26b": {Header: http.Header{"Link": {`<{{base}}/a&b/flights?page=2>; rel="next"`}},
			Body: `[{"number":9,"changed":"2026-03-09T00:00:00Z","left":null},{"number":4,"changed":"2026-03-04T00:00:00Z","left":"2026-03-03T00:00:00Z"}]`},
		"/a&b/flights?page=2": {Header: http.Header{"Link": {`<{{base}}/a&b/flights?page=3>; rel="next"`}},
			Body: `[{"number":4,"changed":"2026-03-04T00:00:00Z","left":"2026-03-03T00:00:00Z"},{"number":3,"changed":"2026-03-03T00:00:00Z","left":"2026-03-03T00:00:00Z"},{"number":1,"changed":"2025-01-01T00:00:00Z","left":"2025-01-01T00:00:00Z"}]`},
		"/a&b/flights/4":             {Body: `{"number":4,"left":"2026-03-03T00:00:00Z","plane":{"id":"p4"}}`},
		"/a&b/flights/3":             {Body: `{"number":3,"left":1772496000000,"plane":{"id":"p3"}}`},
		"/a&b/flights/4/bags":        {Header: http.Header{"Link": {`<{{base}}/a&b/flights/4/bags?page=2>; rel="next"`}}, Body: `{"total":2,"list":[{"bag":1}]}`},
		"/a&b/flights/4/bags?page=2": {Body: `{"total":2,"list":[{"bag":2}]}`},
		"/a&b/flights/3/bags":        {Body: `{"total":0,"list":[]}`},
		"/landed/p4":                 {Status: 404, Body: `{"message":"In the air"}`},
		"/landed/p3":                 {Status: 204},
	}
}

var march = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)

func TestDeclaredEventsConform(t *testing.T) {
	connectortest.Run(t, tower(), connectortest.Suite{Values: connector.Values{"token": "s3cr3t-token"}, Secrets: []string{"s3cr3t-token"}, Cassette: flights(), Now: march})
}

// fly reads the tower from a cassette.
func fly(t *testing.T, tape connectortest.Cassette, sink *connectortest.Recorder, since string) []string {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.RequestURI())
		mu.Unlock()
		replay(tape).ServeHTTP(w, r)
	}))
	defer srv.Close()
	if err := tower().Read(t.Context(), connector.Values{"token": "s3cr3t-token", "endpoint": srv.URL, "since": since}, sink); err != nil {
		t.Fatal(err)
	}
	return asked
}

func TestEventsAreWholeAndTheirPartsSayWhatTheServiceSaid(t *testing.T) {
	r := &connectortest.Recorder{Clock: march}
	fly(t, flights(), r, "")
	if keys := r.Keys("tower_flight", "a&b"); !slices.Equal(keys, []string{"a&b#3", "a&b#4"}) || !r.Completed("tower_flight", "a&b") {
		t.Fatalf("%v %v", keys, r.Gaps())
	}
	if b := fmt.Sprint(r.Body("tower_flight", "a&b#4")); b != "map[at:a&b bags:[map[bag:1] map[bag:2]] field:North landed:false left:2026-03-03T00:00:00Z number:4 plane:map[id:p4]]" {
		t.Error(b)
	}
	if it, _ := r.Find("tower_flight", "a&b#3"); !it.Occurred.Equal(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)) || r.Body("tower_flight", "a&b#3")["landed"] != true {
		t.Errorf("%+v", it)
	}
	for key, night := range map[string]bool{"a&b/1": false, "a&b/2": true} {
		if r.Body("tower_pilot", key)["night"] != night {
			t.Errorf("%s: %v", key, r.Body("tower_pilot", key))
		}
	}
	tape := flights()
	tape["/landed/p3"] = connectortest.Reply{Status: 404, Body: `{"message":"No radar"}`}
	r = &connectortest.Recorder{Clock: march}
	if fly(t, tape, r, ""); r.Body("tower_flight", "a&b#3")["landed"] != nil || !r.Whole() {
		t.Errorf("%v %v", r.Body("tower_flight", "a&b#3"), r.Gaps())
	}
	tape["/landed/p3"] = connectortest.Reply{Status: 404, Body: `{"message":"Not Found"}`}
	r = &connectortest.Recorder{Clock: march}
	if fly(t, tape, r, ""); len(r.Gaps()) != 1 || !r.Gaps()[0].Denied || r.Gaps()[0].Part != "landed" || r.Count("tower_flight") != 2 || !r.Completed("tower_flight", "a&b") {
		t.Errorf("%+v, %d flights", r.Gaps(), r.Count("tower_flight"))
	}
	if _, said := r.Body("tower_flight", "a&b#3")["landed"]; said {
		t.Error("what was denied is said")
	}
	tape["/a&b/flights/3/bags"] = connectortest.Reply{Status: 403, Body: "{}"}
	r = &connectortest.Recorder{Clock: march}
	if fly(t, tape, r, ""); r.Completed("tower_flight", "a&b") || r.Count("tower_flight") != 0 {
		t.Errorf("%+v, %d flights", r.Gaps(), r.Count("tower_flight"))
	}
	tape = flights()
	tape["/a&b/pilots?only=night"] = connectortest.Reply{Status: 403, Body: "{}"}
	r = &connectortest.Recorder{Clock: march}
	if fly(t, tape, r, ""); len(r.Gaps()) != 1 || r.Gaps()[0].Part != "night" || r.Body("tower_pilot", "a&b/1") == nil {
		t.Errorf("%+v", r.Gaps())
	}
	if _, said := r.Body("tower_pilot", "a&b/1")["night"]; said {
		t.Error("a list that was refused marks somebody")
	}
}

func TestEventsAreReadOnFromWhereTheRunBeforeEnded(t *testing.T) {
	first := &connectortest.Recorder{Clock: march}
	if asked := fly(t, flights(), first, ""); slices.Contains(asked, "/a&b/flights?page=3") {
		t.Error("it read beyond what is older than a year")
	}
	again := first.Next()
	if asked := fly(t, flights(), again, ""); slices.Contains(asked, "/a&b/flights/4") || len(again.Keys("tower_flight", "a&b")) != 2 || !again.Completed("tower_flight", "a&b") {
		t.Errorf("%v, %v", asked, again.Keys("tower_flight", "a&b"))
	}
	// The newer of two breaks off; the older is kept, and not asked for again when it is well.
	tape := flights()
	tape["/a&b/flights/4/bags"] = connectortest.Reply{Status: 500}
	broken := &connectortest.Recorder{Clock: march}
	fly(t, tape, broken, "")
	if broken.Completed("tower_flight", "a&b") || !strings.Contains(fmt.Sprint(broken.Gaps()), "500") {
		t.Errorf("%v", broken.Gaps())
	}
	healed := broken.Next()
	if since := healed.Since("tower_flight", "a&b"); !since.Equal(time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the next run begins at %s", since)
	}
	fly(t, flights(), healed, "")
	if !slices.Equal(healed.Keys("tower_flight", "a&b"), []string{"a&b#3", "a&b#4"}) || !healed.Completed("tower_flight", "a&b") {
		t.Errorf("%v %v", healed.Keys("tower_flight", "a&b"), healed.Gaps())
	}
}

func TestEventsInAnotherOrderAreReadToTheEnd(t *testing.T) {
	tape := flights()
	tape["/a&b/flights?page=2"] = connectortest.Reply{Header: http.Header{"Link": {`<{{base}}/a&b/flights?page=3>; rel="next"`}},
		Body: `[{"number":1,"changed":"2025-01-01T00:00:00Z","left":"x"},{"number":3,"changed":"2026-03-03T00:00:00Z","left":"2026-03-03T00:00:00Z"},{"number":1,"changed":"2025-01-01T00:00:00Z","left":"x"}]`}
	tape["/a&b/flights?page=3"] = connectortest.Reply{Body: `[]`}
	r := &connectortest.Recorder{Clock: march}
	if asked := fly(t, tape, r, ""); !slices.Contains(asked, "/a&b/flights?page=3") || r.Count("tower_flight") != 2 {
		t.Errorf("%v", asked)
	}
	tape["/a&b/flights?page=3"] = connectortest.Reply{Body: `[{"number":7,"changed":"lately"}]`}
	r = &connectortest.Recorder{Clock: march}
	if fly(t, tape, r, ""); !strings.Contains(fmt.Sprint(r.Gaps()), `at "lately", which is not a time`) || r.Completed("tower_flight", "a&b") {
		t.Errorf("%v", r.Gaps())
	}
}

func TestHowFarBackEventsAreReadIsASetting(t *testing.T) {
	tape := flights()
	tape["/a&b/flights?page=3"] = connectortest.Reply{Body: `[]`}
	tape["/a&b/flights/1"] = connectortest.Reply{Body: `{"number":1,"plane":{"id":"p3"}}`}
	tape["/a&b/flights/1/bags"] = connectortest.Reply{Body: `{"total":0,"list":[]}`}
	r := &connectortest.Recorder{Clock: march}
	if fly(t, tape, r, "2025-01-01"); r.Count("tower_flight") != 3 {
		t.Errorf("%v %v", r.Keys("tower_flight", "a&b"), r.Gaps())
	}
	if err := tower().Read(t.Context(), connector.Values{"token": "x", "since": "last week"}, r); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func TestAServiceThatSaysItWasAskedTooMuchIsAskedAgain(t *testing.T) {
	tape := replay(flights())
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-RateLimit-Remaining", "4000")
		w.Header().Set("X-RateLimit-Reset", fmt.Sprint(march.Add(time.Hour).Unix()))
		at := n.Add(1)
		if at == 1 {
			w.WriteHeader(403)
			io.WriteString(w, `{"message":"Slow down, please."}`)
			return
		}
		if at == 3 {
			w.WriteHeader(502)
			return
		}
		tape.ServeHTTP(w, r)
	}))
	defer srv.Close()
	r := &connectortest.Recorder{Clock: march}
	if err := tower().Read(t.Context(), connector.Values{"token": "s3cr3t-token", "endpoint": srv.URL}, r); err != nil || !r.Whole() || r.Count("tower_flight") != 2 {
		t.Errorf("%v %v", err, r.Gaps())
	}
}

// Where the service's clock is far behind, what it dates before this machine's last read is not there yet: the next run begins by the
// service's clock, or what happens meanwhile would never be read.
func TestEventsOfAServiceWithAClockBehindAreNotLost(t *testing.T) {
	dated := func(of connectortest.Cassette, at time.Time, more http.Header) connectortest.Cassette {
		for request, reply := range of {
			reply.Header = reply.Header.Clone()
			if reply.Header == nil {
				reply.Header = http.Header{}
			}
			reply.Header.Set("Date", at.UTC().Format(http.TimeFormat))
			for name := range more {
				reply.Header.Set(name, more.Get(name))
			}
			of[request] = reply
		}
		return of
	}
	behind := march.Add(-3 * time.Hour)
	first := &connectortest.Recorder{Clock: march}
	fly(t, dated(flights(), behind, nil), first, "")
	if first.Whole() || len(first.Gaps()) != 1 || !strings.Contains(first.Gaps()[0].Reason, "clock is 3h0m0s behind") || first.Count("tower_flight") != 2 {
		t.Errorf("%+v, %d flights", first.Gaps(), first.Count("tower_flight"))
	}
	next := first.Next()
	if since := next.Since("tower_flight", "a&b"); !since.Equal(behind) {
		t.Errorf("the next run begins at %s, not %s", since, behind)
	}
	next.Clock = march.Add(time.Hour)
	later := dated(flights(), next.Clock, nil) // the clock was set
	list := later["/a&b/flights?sort=a%26b"]
	list.Body = `[{"number":5,"changed":"2026-03-09T21:30:00Z","left":"2026-03-09T21:30:00Z"},` + list.Body[1:] // dated while it was behind
	later["/a&b/flights?sort=a%26b"] = list
	later["/a&b/flights/5"] = connectortest.Reply{Body: `{"number":5,"left":"2026-03-09T21:30:00Z","plane":{"id":"p3"}}`}
	later["/a&b/flights/5/bags"] = connectortest.Reply{Body: `{"total":0,"list":[]}`}
	fly(t, later, next, "")
	if _, found := next.Find("tower_flight", "a&b#5"); !found || !next.Whole() {
		t.Errorf("%v %v", next.Keys("tower_flight", "a&b"), next.Gaps())
	}
	for name, at := range map[string]time.Time{"a little behind": march.Add(-59 * time.Minute), "ahead": march.Add(48 * time.Hour)} {
		r := &connectortest.Recorder{Clock: march}
		if fly(t, dated(flights(), at, nil), r, ""); !r.Whole() || !r.Next().Since("tower_flight", "a&b").Equal(march) {
			t.Errorf("%s: %v", name, r.Gaps())
		}
	}
	kept := &connectortest.Recorder{Clock: march}
	if fly(t, dated(flights(), behind, http.Header{"Age": {"10800"}}), kept, ""); !kept.Whole() {
		t.Errorf("an answer that was kept on the way is taken for one of a clock behind: %v", kept.Gaps())
	}
}

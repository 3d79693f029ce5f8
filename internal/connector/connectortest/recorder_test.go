package connectortest_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/record"
)

func declared() connector.Connector {
	return connector.Connector{Kinds: []record.Kind{{Name: "thing"}, {Name: "other"}}}
}

func TestBreachesOfTheContractAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		does func(r *connectortest.Recorder)
		says string
	}{
		"kind left out": {func(r *connectortest.Recorder) { r.Complete("thing", "") }, "other is neither complete nor unchanged nor missing"},
		"complete and missing": {func(r *connectortest.Recorder) {
			r.Complete("thing", "")
			r.Missing(connector.Gap{Kind: "thing", Reason: "x"})
		}, "both complete and missing"},
		"kind not declared":      {func(r *connectortest.Recorder) { r.Complete("stranger", "") }, `"stranger" is not declared`},
		"item twice":             {func(r *connectortest.Recorder) { r.Item(item("a")); r.Item(item("a")) }, "twice"},
		"item without key":       {func(r *connectortest.Recorder) { r.Item(item("")) }, "no key"},
		"key that is not text":   {func(r *connectortest.Recorder) { r.Item(item("\xff")) }, "cannot hold"},
		"body that is no object": {func(r *connectortest.Recorder) { it := item("a"); it.Raw = []byte("[]"); r.Item(it) }, "not a JSON object"},
		"part that says nothing": {func(r *connectortest.Recorder) { it := item("a"); it.Parts = []connector.Part{{Name: "p"}}; r.Item(it) }, "not exactly one"},
		"gap without a reason":   {func(r *connectortest.Recorder) { r.Missing(connector.Gap{Kind: "thing"}) }, "no reason"},
		"object of no answer":    {func(r *connectortest.Recorder) { r.Item(item("a")) }, `thing "a" names no answer that it was made of`},
		"answer of no run": {func(r *connectortest.Recorder) {
			it := item("a")
			it.From = []connector.Answer{"an answer"}
			r.Item(it)
		}, "what this run did not give"},
		"answer without its bytes": {func(r *connectortest.Recorder) {
			it := item("a")
			it.From = []connector.Answer{r.Exchange(connector.Exchange{Request: "GET /", Status: "200", At: time.Now(), Bytes: 3})}
			r.Item(it)
		}, "whose bytes were not handed over, and not why"},
		"answer with other bytes": {func(r *connectortest.Recorder) {
			it := item("a")
			it.From = []connector.Answer{r.Exchange(connector.Exchange{Request: "GET /", Status: "200", At: time.Now(), Bytes: 3, Body: []byte("abc")})}
			r.Item(it)
		}, "have another SHA-256"},
		"exchange without status": {func(r *connectortest.Recorder) { r.Exchange(connector.Exchange{Request: "x", At: time.Now()}) }, "lacks"},
	} {
		r := &connectortest.Recorder{}
		c.does(r)
		if got := strings.Join(r.Problems(declared()), "; "); !strings.Contains(got, c.says) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestNextRunKnowsWhatACompleteRunLeft(t *testing.T) {
	first := &connectortest.Recorder{}
	first.Item(item("a"))
	first.Item(item("b"))
	first.Complete("thing", "")
	first.Missing(connector.Gap{Kind: "other", Reason: "denied"})
	first.SetState([]byte("1"))

	second := first.Next()
	if second.State() != nil {
		t.Error("an incomplete run kept its state")
	}
	if !second.Unchanged("thing", "") || second.Unchanged("other", "") {
		t.Error("unchanged goes by what was complete")
	}
	second = first.Next()
	if !second.Seen("thing", "a") || second.Seen("thing", "c") {
		t.Error("seen goes by what stood")
	}
	second.Complete("thing", "")
	second.Complete("other", "")
	second.SetState([]byte("2"))
	third := second.Next()
	if third.Seen("thing", "b") || string(third.State()) != "2" {
		t.Error("what a complete run did not see is still known, or its state is not")
	}
	if got := second.Keys("thing", ""); !slices.Equal(got, []string{"a"}) {
		t.Errorf("keys %v", got)
	}
}

func item(key string) connector.Item {
	return connector.Item{Kind: "thing", Key: key, Raw: []byte("{}")}
}

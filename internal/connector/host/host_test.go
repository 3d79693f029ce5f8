package host

import (
	"testing"

	"tickmark/internal/connector/connectortest"
)

func TestX(t *testing.T) {
	r := &connectortest.Recorder{}
	c := Connector()
	if err := c.Read(t.Context(), nil, r); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Problems(c) {
		t.Error(p)
	}
	for _, g := range r.Gaps() {
		t.Logf("%+v", g)
	}
	for _, it := range r.Items("") {
		t.Logf("%s %s %s %v", it.Kind, it.Key, it.Body, len(it.Parts))
	}
	for _, x := range r.Exchanges() {
		t.Logf("%s %s %s", x.Request, x.Status, x.Took)
	}
}

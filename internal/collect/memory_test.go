package collect

import (
	"runtime"
	"testing"
	"weak"

	"tickmark/internal/connector"
)

// A run keeps the row of each question to its end. With the bytes of its answer a million records took a gigabyte.
func TestARunForgetsTheBytesOfAnswersThatBroughtNothing(t *testing.T) {
	r := &run{asked: map[string]*asked{}, hide: func(s string) string { return s }}
	body := make([]byte, 1<<20)
	held := weak.Make(&body[0])
	r.Exchange(connector.Exchange{Kind: "ship", Request: "GET /ships", Body: body})
	body = nil
	runtime.GC()
	runtime.GC()
	if held.Value() != nil {
		t.Error("the bytes are still held")
	}
	if len(r.noted) != 1 {
		t.Errorf("%d questions are noted", len(r.noted))
	}
	runtime.KeepAlive(r)
}

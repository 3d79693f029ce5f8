package github

import (
	"encoding/json"
	"testing"

	"tickmark/internal/expr"
)

// BenchmarkChange is what it costs to see one merged pull request as a change.
func BenchmarkChange(b *testing.B) {
	words, r := vocabulary(b), heard(b, nil)
	body, err := json.Marshal(r.Body(KindPull, "acme/web#7"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		doc, err := expr.Parse(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, in, err := words.See("change", KindPull, doc); err != nil || in.Answer != expr.True {
			b.Fatal(err)
		}
	}
}

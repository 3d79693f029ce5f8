package collect

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// What an item is does not depend on which of two readers understood it.
func TestAnItemIsReadByTheSameRulesWhoeverReadsIt(t *testing.T) {
	slowly := func(raw []byte) (Sent, bool) {
		var it Sent
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		return it, dec.Decode(&it) == nil
	}
	for _, raw := range []string{
		`{"kind":"ship","key":"a","body":{"id":"a"}}`,
		`{"kind":"ship","key":"a","scope":"s","label":"l","occurred":"2026-01-02T03:04:05.123456+01:00","body":{"id":"\u0041","n":1.50}}`,
		`{"Kind":"ship","KEY":"a","body":{}}`,
		`{"kind":"ship","kind":"boat","key":"a","body":{}}`,
		`{"kind":null,"key":null,"body":null}`,
		`{"kind":"ship","key":"a"}`,
		`{"kind":"ship","key":"a","body":{"a":1,"a":2}}`,
		`{"kind":"ship","key":"a","body":{},"raw":"aGFsbG8=","parts":[{"Name":"p"}]}`,
		`{"kind":"ship","key":"a","body":{},"raw":"aGFs\nbG8="}`,
		`{"kind":"ship","key":"a","body":{},"occurred":"2026-01-02"}`,
		`{"kind":"ship","key":"a","body":{},"colour":"red"}`,
		`{"kind":"ship","key":7,"body":{}}`,
		"{\"kind\":\"ship\",\"key\":\"\xff\",\"body\":{}}",
		`{"kind":"ship","key":"\ud800","body":{}}`,
		`[]`, `null`, ``, `{`,
	} {
		want, good := slowly([]byte(raw))
		got, err := readSent([]byte(raw))
		if (err == nil) != good {
			t.Errorf("%s: %v, and by the standard library good is %v", raw, err, good)
		} else if good && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: read as %#v, not as %#v", raw, got, want)
		}
	}
}

package record

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func slowly(t *rapid.T, body []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	m := map[string]any{}
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// Whatever a body holds, the quick reading of it is that of the standard library.
func TestABodyIsDecodedAsTheStandardLibraryDoes(t *testing.T) {
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		plain := []*rapid.Generator[any]{
			rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Float64Range(-1e300, 1e300).AsAny(),
			rapid.SampledFrom([]string{"", "a\"b", "\\u0041", "\u0000\u001f", "\U0001F600", "line\nnext\t", "</script>", "\u2028"}).AsAny(),
		}
		if depth == 0 {
			return rapid.OneOf(plain...)
		}
		return rapid.OneOf(append(plain, rapid.SliceOfN(value(depth-1), 0, 4).AsAny(), rapid.MapOfN(rapid.String(), value(depth-1), 0, 4).AsAny())...)
	}
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(rapid.MapOfN(rapid.String(), value(3), 0, 6).Draw(t, "body"))
		if err != nil {
			t.Fatal(err)
		}
		canon, err := Canonical(raw)
		if err != nil {
			t.Skip(err)
		}
		got, err := decode(canon)
		if err != nil {
			t.Fatal(err)
		}
		want := slowly(t, canon)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nread as %#v\nnot as  %#v", canon, got, want)
		}
		for name, v := range want {
			if s, _ := v.(string); TextOf(canon, name) != s {
				t.Fatalf("%q of %s is told as %q", name, canon, TextOf(canon, name))
			}
		}
	})
}

// The parser refuses what is nested more than 300 deep; such a body is read none the less.
func TestADeepBodyIsDecoded(t *testing.T) {
	deep := strings.Repeat(`[`, 400) + strings.Repeat(`]`, 400)
	body := []byte(`{"at":"2026-01-02T03:04:05Z","deep":` + deep + `}`)
	m, err := decode(body)
	if err != nil || m["at"] != "2026-01-02T03:04:05Z" || m["deep"] == nil {
		t.Fatalf("%v: %v", err, m)
	}
	if got := TextOf(body, "at"); got != "2026-01-02T03:04:05Z" {
		t.Fatalf("told as %q", got)
	}
	if _, err := decode([]byte(`{"a":`)); err == nil {
		t.Fatal("half a body was decoded")
	}
}

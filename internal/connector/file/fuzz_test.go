package file_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"tickmark/internal/connector/file"
	"tickmark/internal/fault"
)

// FuzzRead gives anything as a file: it is refused by a fault, or its rows are JSON objects with keys that differ.
func FuzzRead(f *testing.F) {
	for name, content := range map[string]string{
		"a.csv": "id,name,tags,place.city\n1,Ada,a;b,Berlin\n", "a.json": `[{"id":"1","name":"Ada","custom":{"a":null}}]`, "a.jsonl": "{\"id\":\"1\"}\n{}", "a.tsv": "key\tname\n", "a.xlsx": "PK\x03\x04",
	} {
		f.Add(name, []byte(content))
	}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		rows, err := file.Read(staff(), name, bytes.NewReader(content), file.Mapping{})
		if err != nil {
			if len(rows) > 0 || fault.KindOf(err) == fault.Internal {
				t.Fatalf("%d rows and %v", len(rows), err)
			}
			return
		}
		keys := map[string]bool{}
		for _, r := range rows {
			var body map[string]any
			if json.Unmarshal(r.Body, &body) != nil || body["id"] == nil || keys[r.Key] {
				t.Fatalf("row %s with key %q", r.Body, r.Key)
			}
			keys[r.Key] = true
		}
	})
}

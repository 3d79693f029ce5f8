package backup_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tickmark/internal/backup"
	"tickmark/internal/fault"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/workspace"
)

// made is a workspace with something in every corner: a file, a check of its own, an ended record, a text that is not UTF-8.
func made(t *testing.T, database string) *workspace.Workspace {
	t.Helper()
	w, err := workspace.Open(t.Context(), workspace.Options{Data: filepath.Join(t.TempDir(), "data"), Database: database, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, n, err := w.Blobs.Put(t.Context(), strings.NewReader("minutes"), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	by := record.Job("job:test")
	_, err = w.Book.Put(t.Context(), by,
		record.Change{Kind: "person", Key: "p1", Body: json.RawMessage(`{"id":"p1","name":"Ada \"é\"","email":"ada@example.org"}`)},
		record.Change{Kind: "person", Key: "p2", Body: json.RawMessage(`{"id":"p2","name":"Bob","email":"bob@example.org"}`)},
		record.Change{Kind: "evidence", Key: "e1", Body: json.RawMessage(fmt.Sprintf(`{"title":"Minutes","sort":"document","file_name":"m.txt","sha256":%q,"size":%d}`, h, n))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Book.Put(t.Context(), by, record.Change{Kind: "person", Key: "p2", Delete: true, Reason: "left"}); err != nil {
		t.Fatal(err)
	}
	if w.DB.Engine == store.SQLite {
		if err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
			return store.Insert(t.Context(), tx, "meta", []string{"name", "value"}, [][]any{{"strange \xff\xfe name", []byte{}}})
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(w.Data, "checks", "own"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.Data, "checks", "own", "README.md"), []byte("ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t *testing.T, w *workspace.Workspace, o backup.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Write(t.Context(), w, f, o); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// members are the contents of a backup by name.
func members(t *testing.T, path string) map[string][]byte {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = b
	}
	return out
}

func pack(t *testing.T, files map[string][]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "b")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, b := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	return path
}

// sorted are the rows of a table in an order of their own, for engines give them in any.
func sorted(b []byte) string {
	lines := strings.Split(string(b), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestAWorkspaceComesBackAsItWas(t *testing.T) {
	w := made(t, "")
	first := write(t, w, backup.Options{Keys: true})
	want := members(t, first)
	ends := map[string]string{"sqlite": ""}
	if os.Getenv("TICKMARK_TEST_POSTGRES") != "" {
		ends["postgres"] = storetest.PostgresURL(t)
	}
	for engine, database := range ends {
		t.Run(engine, func(t *testing.T) {
			from, want := first, want
			if engine == "postgres" { // it keeps no text that is not UTF-8
				err := w.DB.Write(t.Context(), func(tx *store.Tx) error {
					_, err := tx.Exec(t.Context(), "DELETE FROM meta WHERE name LIKE 'strange%'")
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				from = write(t, w, backup.Options{Keys: true})
				want = members(t, from)
			}
			data := filepath.Join(t.TempDir(), "again")
			if err := os.MkdirAll(data+".restoring/junk", 0o700); err != nil { // an earlier one was killed
				t.Fatal(err)
			}
			if _, err := backup.Restore(t.Context(), from, backup.Target{Data: data, Database: database, Actor: "person:ada"}); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(data + ".restoring"); err == nil {
				t.Error("what was worked with is still there")
			}
			again, err := workspace.Open(t.Context(), workspace.Options{Data: data, Database: database})
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			acts, err := again.Log.Actions(t.Context(), again.DB, 0, 1)
			if err != nil || acts[0].Verb != "workspace.restored" || acts[0].Actor != "person:ada" {
				t.Errorf("%+v, %v", acts, err)
			}
			got := members(t, write(t, again, backup.Options{Keys: true}))
			for name, b := range want {
				switch name {
				case "manifest.json", "tables/entry.jsonl", "tables/tile.jsonl", "tables/head.jsonl", "tables/checkpoint.jsonl", "tables/action.jsonl":
					continue // that it was restored is in them
				}
				if sorted(b) != sorted(got[name]) {
					t.Errorf("%s came back otherwise:\n%.300s\n%.300s", name, sorted(b), sorted(got[name]))
				}
			}
			for _, name := range []string{"tables/entry.jsonl", "tables/action.jsonl"} {
				if before := bytes.Count(want[name], []byte("\n")); bytes.Count(got[name], []byte("\n")) != before+1 {
					t.Errorf("%s had %d rows and has %d", name, before, bytes.Count(got[name], []byte("\n")))
				}
			}
		})
	}
}

func TestABackupThatIsNotWholeIsRefusedAndLeavesNothing(t *testing.T) {
	w := made(t, "")
	good := members(t, write(t, w, backup.Options{Keys: true}))
	whole, err := os.ReadFile(write(t, w, backup.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	changed := func(name string, change func([]byte) []byte) string {
		m := map[string][]byte{}
		for k, v := range good {
			m[k] = v
		}
		if b := change(m[name]); b == nil {
			delete(m, name)
		} else {
			m[name] = b
		}
		return pack(t, m)
	}
	edit := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(from)) {
				t.Fatalf("%q is not there", from)
			}
			return bytes.Replace(b, []byte(from), []byte(to), 1)
		}
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, whole[:len(whole)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	keyless := write(t, w, backup.Options{})
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, file, data string
		kind             fault.Kind
		want             string
	}{
		{"cut short", short, "", fault.Invalid, "no whole backup"},
		{"no backup", text(t, "hello"), "", fault.Invalid, "no whole backup"},
		{"no manifest", changed("manifest.json", func([]byte) []byte { return nil }), "", fault.Invalid, "has no manifest.json"},
		{"a table is missing", changed("tables/version.jsonl", func([]byte) []byte { return nil }), "", fault.Invalid, "tables/version.jsonl is missing"},
		{"a file too many", changed("files/x", func([]byte) []byte { return []byte("x") }), "", fault.Invalid, "does not list files/x"},
		{"a row was changed", changed("tables/kind.jsonl", edit(`"person"`, `"persom"`)), "", fault.Invalid, "the table kind was changed"},
		{"a row is gone", changed("tables/entry.jsonl", func(b []byte) []byte { return b[:bytes.LastIndexByte(b[:len(b)-1], '\n')+1] }), "", fault.Invalid, "the table entry was changed"},
		{"a row is no row", changed("tables/entry.jsonl", func(b []byte) []byte { return append([]byte("[1]\n"), b...) }), "", fault.Invalid, "row 1: it has 1 values"},
		{"newer", changed("manifest.json", edit(`"schema": `, `"schema": 9`)), "", fault.Invalid, "newer Tickmark"},
		{"a path outside", changed("manifest.json", edit(`"checks/own/README.md"`, `"../README.md"`)), "", fault.Invalid, `"../README.md"`},
		{"no keys", keyless, "", fault.Usage, "holds no keys"},
		{"something is there", keyless, full, fault.Conflict, "is not empty"},
	} {
		data := c.data
		if data == "" {
			data = filepath.Join(t.TempDir(), "data")
		}
		_, err := backup.Restore(t.Context(), c.file, backup.Target{Data: data, Actor: "person:ada"})
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		left, _ := filepath.Glob(data + "*")
		if c.data == "" && len(left) > 0 {
			t.Errorf("%s: %s is left", c.what, left)
		}
	}
	// Who changes rows and the manifest with them is found by the ledger.
	m := map[string][]byte{}
	for k, v := range good {
		m[k] = v
	}
	m["tables/action.jsonl"] = edit("user", "uses")(m["tables/action.jsonl"])
	var manifest map[string]any
	if err := json.Unmarshal(m["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	for _, x := range manifest["tables"].([]any) {
		if x := x.(map[string]any); x["name"] == "action" {
			x["sha256"] = sum(m["tables/action.jsonl"])
		}
	}
	if m["manifest.json"], err = json.Marshal(manifest); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	if _, err := backup.Restore(t.Context(), pack(t, m), backup.Target{Data: data, Actor: "person:ada"}); err == nil || !strings.Contains(err.Error(), "action") {
		t.Errorf("a changed action came back: %v", err)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("it is in place none the less")
	}
	// With the keys beside it, the one without comes back.
	if _, err := backup.Restore(t.Context(), keyless, backup.Target{Data: data, Keys: w.Data, Actor: "person:ada"}); err != nil {
		t.Error(err)
	}
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func text(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

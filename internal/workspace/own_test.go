package workspace

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/check"
	"tickmark/internal/collect"
	"tickmark/internal/record"
)

// A connector in a file is collected like any other. When its file is broken later, its records stay, what they say is not
// vouched for, and nothing else is stopped.
func TestAConnectorOfTheWorkspacesOwnIsCollected(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `[{"id":"r1","floor":3},{"id":"r2"}]`)
	}))
	defer srv.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "connectors", "rooms.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rooms = "name: rooms\nendpoint: https://rooms.example\nkinds:\n  - {name: own_room, label: id, fields: [{name: id}, {name: floor, type: integer}]}\nlists:\n  - {kind: own_room, path: /rooms, key: id}\n"
	write(rooms)
	open := func() *Workspace {
		t.Helper()
		w, err := Open(t.Context(), Options{Data: dir, Create: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Setup(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := open()
	if len(w.Wrong) != 0 {
		t.Fatal(w.Wrong)
	}
	if _, err := w.Collect.Add(t.Context(), record.Job("person:ada"), collect.Connection{Name: "rooms", Connector: "rooms", Settings: map[string]string{"endpoint": srv.URL}}, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Collect.Run(t.Context(), "rooms", nil); err != nil || got.Outcome != collect.Complete || got.Kinds[0].New != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	w.Close()

	write("name: rooms\nendpoint: ftp://rooms.example\n")
	w = open()
	if len(w.Wrong) != 1 || !strings.Contains(w.Wrong[0].Error(), "rooms.yaml: Its endpoint") {
		t.Errorf("%v", w.Wrong)
	}
	if _, err := w.Collect.Run(t.Context(), "rooms", nil); err == nil || !strings.Contains(err.Error(), `There is no connector "rooms"`) {
		t.Errorf("a run of it: %v", err)
	}
	if _, err := w.Monitor.Evaluate(t.Context(), check.Options{}); err != nil {
		t.Errorf("judging: %v", err)
	}
	if _, err := w.Book.Verify(t.Context(), nil); err != nil {
		t.Errorf("verifying: %v", err)
	}
	w.Close()

	write(rooms)
	w = open()
	defer w.Close()
	if got, err := w.Collect.Run(t.Context(), "rooms", nil); err != nil || got.Outcome != collect.Complete || got.Kinds[0].Read != 2 || got.Kinds[0].New != 0 {
		t.Errorf("mended: %+v %v", got, err)
	}
	if v, err := w.Book.Get(t.Context(), "own_room", "r1", 0); err != nil || !strings.Contains(string(v.Body), `"floor":3`) {
		t.Errorf("%s %v", v.Body, err)
	}
}

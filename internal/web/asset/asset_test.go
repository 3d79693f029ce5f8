package asset

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFilesAreKeptForEverUnderTheirHashOnly(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, accept string
		status       int
		cache        string
		encoding     string
	}{
		{s.URL("app.css"), "gzip", 200, "immutable", "gzip"},
		{s.URL("app.css"), "", 200, "immutable", ""},
		{"/static/0123/app.js", "gzip", 200, "no-cache", "gzip"},
		{s.URL("milkdown.js"), "gzip", 200, "immutable", "gzip"},
		{s.URL("milkdown.js"), "", 200, "immutable", ""},
		{s.URL("milkdown.js.gz"), "gzip", 404, "", ""},
		{s.URL("inter.woff2"), "gzip", 200, "immutable", ""},
		{s.URL("../asset.go"), "", 404, "", ""},
		{s.URL("nothing.js"), "", 404, "", ""},
	} {
		r := httptest.NewRequest("GET", c.path, nil)
		r.Header.Set("Accept-Encoding", c.accept)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Header().Get("Cache-Control"), c.cache) || w.Header().Get("Content-Encoding") != c.encoding {
			t.Errorf("%s: %d %v", c.path, w.Code, w.Header())
		}
		if packed := strings.HasPrefix(w.Body.String(), "\x1f\x8b"); packed != (c.encoding == "gzip") {
			t.Errorf("%s with %q is sent packed: %v", c.path, c.accept, packed)
		}
	}
}

func TestPagesWeighLittle(t *testing.T) {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for name, f := range s.files {
		size := len(f.gzip)
		if f.gzip == nil {
			size = len(f.plain)
		}
		if name == "milkdown.js" || name == "editor.js" { // only the page that edits a policy loads them
			if size > 160_000 {
				t.Errorf("%s takes %d bytes packed", name, size)
			}
			continue
		}
		total += size
		if name == "app.css" && size > 12_000 {
			t.Errorf("the stylesheet takes %d bytes packed", size)
		}
	}
	if total > 90_000 {
		t.Errorf("a first page takes %d bytes of files", total)
	}
	t.Logf("%d bytes packed", total)
}

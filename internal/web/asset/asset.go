// Package asset holds the files that pages load: one stylesheet, a few script modules, htmx and one font. The one rule:
// their address holds the hash of them all, so that a browser keeps them for ever and never mixes two releases.
package asset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed static
var static embed.FS

// Licences are the licences of the embedded work of others: htmx (0BSD), Inter (OFL 1.1), Lucide (ISC) and
// Milkdown with what it stands on (MIT), which scripts/editor/build bundles.
//
//go:embed licence
var Licences embed.FS

// Set serves the files under one hashed prefix.
type Set struct {
	prefix string
	files  map[string]file
}

type file struct {
	kind        string
	plain, gzip []byte // gzip is nil where it does not pay
}

var kinds = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".woff2": "font/woff2",
	".svg":   "image/svg+xml",
}

// Load reads the embedded files and packs what can be packed.
func Load() (*Set, error) {
	s := &Set{files: map[string]file{}}
	sum := sha256.New()
	err := fs.WalkDir(static, "static", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := static.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, "static/")
		fmt.Fprintf(sum, "%s %d\n", name, len(b))
		sum.Write(b)
		f := file{plain: b}
		if short, packed := strings.CutSuffix(name, ".gz"); packed { // a large file is kept as it is sent
			name, f.gzip = short, b
			if f.plain, err = unpack(b); err != nil {
				return fmt.Errorf("unpack %s: %w", name, err)
			}
		}
		if f.kind = kinds[name[strings.LastIndexByte(name, '.'):]]; f.kind == "" {
			return fmt.Errorf("no content type for %s", name)
		}
		if strings.HasPrefix(f.kind, "text/") && f.gzip == nil {
			f.gzip = pack(b)
		}
		s.files[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read embedded files: %w", err)
	}
	s.prefix = "/static/" + hex.EncodeToString(sum.Sum(nil))[:12] + "/"
	return s, nil
}

func unpack(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func pack(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// URL is the address of a file: URL("app.css").
func (s *Set) URL(name string) string { return s.prefix + name }

// ServeHTTP answers /static/{hash}/{name}; an old hash gets the present file, without the promise to keep it.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(r.URL.Path, "/static/")
	_, name, _ := strings.Cut(rest, "/")
	f, ok := s.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(r.URL.Path, s.prefix) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	body := f.plain
	if f.gzip != nil {
		h.Add("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.gzip
		}
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

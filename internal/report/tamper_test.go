package report_test

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"

	"tickmark/internal/report/archive"
)

type file struct {
	name string
	b    []byte
}

func unzip(t testing.TB, b []byte) []file {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []file
	for _, m := range a.Members {
		c, err := io.ReadAll(a.Open(m))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, file{m.Name, c})
	}
	return out
}

// rezip makes an archive of the same profile, packed as a package packs or stored.
func rezip(t testing.TB, files []file, packed map[string]bool) []byte {
	t.Helper()
	var out bytes.Buffer
	w := archive.NewWriter(&out)
	for _, f := range files {
		m := archive.Member{Name: f.name, CRC: archive.CRC(f.b), Size: int64(len(f.b)), Packed: int64(len(f.b))}
		b := f.b
		if packed[f.name] {
			var z bytes.Buffer
			d, _ := flate.NewWriter(&z, 5)
			d.Write(f.b)
			d.Close()
			b, m.Method, m.Packed = z.Bytes(), archive.Deflated, int64(z.Len())
		}
		if err := w.Add(m, bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tickmark/internal/fault"
)

const limit = 1 << 20

func dir(t *testing.T) *Dir {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func put(t *testing.T, d *Dir, b []byte) Hash {
	t.Helper()
	h, n, err := d.Put(t.Context(), bytes.NewReader(b), limit)
	if err != nil || n != int64(len(b)) {
		t.Fatalf("put: %d bytes, %v", n, err)
	}
	return h
}

// files lists every file under the directory.
func files(t *testing.T, d *Dir) (names []string) {
	t.Helper()
	err := filepath.WalkDir(d.path, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestPutThatEndsEarlyKeepsNothing(t *testing.T) {
	d := dir(t)
	cut := errors.New("connection reset")
	if _, _, err := d.Put(t.Context(), io.MultiReader(strings.NewReader("half"), failing{cut}), limit); !errors.Is(err, cut) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := io.MultiReader(strings.NewReader("half"), readerFunc(func([]byte) (int, error) { cancel(); return 1, nil }), strings.NewReader("rest"))
	if _, _, err := d.Put(ctx, r, limit); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := files(t, d); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// A process killed while writing leaves a file among the unfinished ones: never under a hash, and cleared a day later.
func TestOpenClearsOnlyAbandonedWrites(t *testing.T) {
	d := dir(t)
	h := put(t, d, []byte("kept"))
	dead, alive := filepath.Join(d.path, unfinished, "dead"), filepath.Join(d.path, unfinished, "alive")
	for _, f := range []string{dead, alive} {
		if err := os.WriteFile(f, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * abandoned)
	if err := os.Chtimes(dead, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(d.file(h), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(d.path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the abandoned write is still there")
	}
	for _, f := range []string{alive, d.file(h)} {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
}

func TestUnwritableFolderIsAFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "blobs")); !fault.Is(err, fault.Unavailable) {
		t.Errorf("open: %v", err)
	}
	d := dir(t)
	if err := os.RemoveAll(d.path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Put(t.Context(), strings.NewReader("x"), limit); !fault.Is(err, fault.Unavailable) {
		t.Errorf("put: %v", err)
	}
}

func TestParseTakesOnlyTheOneSpelling(t *testing.T) {
	h := Of([]byte("x"))
	if got, err := Parse(h.String()); err != nil || got != h {
		t.Fatal(got, err)
	}
	for _, s := range []string{"", "abc", h.String()[1:], h.String() + "0", strings.ToUpper(h.String()), "../" + h.String()[3:], h.String() + "/.."} {
		if _, err := Parse(s); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

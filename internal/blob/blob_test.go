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
	"sync"
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

func TestPutThenGet(t *testing.T) {
	d := dir(t)
	for _, b := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("evidence "), 100_000)} {
		h := put(t, d, b)
		if h != Of(b) {
			t.Errorf("hash %s", h)
		}
		got, err := d.Get(h, limit)
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		if has, err := d.Has(h); !has || err != nil {
			t.Errorf("has %v, %v", has, err)
		}
	}
	h := put(t, d, []byte("x"))
	if n := len(files(t, d)); n != 3 {
		t.Errorf("%d files after the same bytes twice", n)
	}
	if want := filepath.Join(d.path, h.String()[:2], h.String()[2:4], h.String()); d.file(h) != want {
		t.Errorf("file %s", d.file(h))
	}
}

func TestPutRefusesOverLimitAndKeepsNothing(t *testing.T) {
	d := dir(t)
	if _, n, err := d.Put(t.Context(), strings.NewReader("12345"), 5); err != nil || n != 5 {
		t.Fatalf("exactly the limit: %d, %v", n, err)
	}
	for _, limit := range []int64{4, 0, -1} {
		if _, _, err := d.Put(t.Context(), strings.NewReader("12345"), limit); !fault.Is(err, fault.TooLarge) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	if n := len(files(t, d)); n != 1 {
		t.Errorf("%d files", n)
	}
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

func TestDamageIsNoticedOnReading(t *testing.T) {
	whole := bytes.Repeat([]byte("evidence "), 10_000)
	for name, damage := range map[string]func([]byte) []byte{
		"one bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut short": func(b []byte) []byte { return b[:len(b)-1] },
		"emptied":   func([]byte) []byte { return nil },
		"longer":    func(b []byte) []byte { return append(b, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			d := dir(t)
			h := put(t, d, whole)
			if err := os.WriteFile(d.file(h), damage(bytes.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			if b, err := d.Get(h, limit); !fault.Is(err, fault.Unavailable) {
				t.Errorf("got %d bytes, %v", len(b), err)
			}
			r, _, err := d.Open(h)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := io.Copy(io.Discard, r); err == nil {
				t.Error("streamed without an error")
			}
			if put(t, d, whole); len(files(t, d)) != 1 {
				t.Error("more than one file")
			}
			if b, err := d.Get(h, limit); err != nil || !bytes.Equal(b, whole) {
				t.Errorf("putting the same bytes again did not heal: %v", err)
			}
		})
	}
}

func TestMissingIsNotFound(t *testing.T) {
	d := dir(t)
	h := Of([]byte("never kept"))
	if _, err := d.Get(h, limit); !fault.Is(err, fault.NotFound) {
		t.Errorf("get: %v", err)
	}
	if has, err := d.Has(h); has || err != nil {
		t.Errorf("has %v, %v", has, err)
	}
	if err := d.Remove(h); err != nil {
		t.Errorf("remove: %v", err)
	}
}

func TestRemoveDestroys(t *testing.T) {
	d := dir(t)
	h := put(t, d, []byte("x"))
	if err := d.Remove(h); err != nil {
		t.Fatal(err)
	}
	if left := files(t, d); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestGetRefusesMoreThanAskedFor(t *testing.T) {
	d := dir(t)
	h := put(t, d, []byte("12345"))
	if _, err := d.Get(h, 4); !fault.Is(err, fault.TooLarge) {
		t.Errorf("got %v", err)
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

func TestSameBytesFromManyAtOnce(t *testing.T) {
	d := dir(t)
	b := bytes.Repeat([]byte("x"), 100_000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if h, _, err := d.Put(t.Context(), bytes.NewReader(b), limit); err != nil || h != Of(b) {
				t.Error(h, err)
			}
			if _, err := d.Get(Of(b), limit); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(files(t, d)); n != 1 {
		t.Errorf("%d files", n)
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

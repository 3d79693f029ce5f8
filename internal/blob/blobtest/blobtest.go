// Package blobtest is the suite that every store of blobs passes.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"tickmark/internal/blob"
	"tickmark/internal/fault"
)

const limit = 16 << 20

// Run tests a store. open opens an empty one, and gives what changes the bytes kept under a hash behind the store's back.
func Run(t *testing.T, open func(t *testing.T) (s blob.Store, damage func(h blob.Hash, b []byte))) {
	whole := bytes.Repeat([]byte("evidence "), 10_000)
	t.Run("what is put is what is got", func(t *testing.T) {
		s, _ := open(t)
		var want []blob.Hash
		for _, b := range [][]byte{{}, []byte("x"), whole, bytes.Repeat(whole, 100), []byte("x")} {
			h := put(t, s, b)
			if h != blob.Of(b) {
				t.Errorf("hash %s", h)
			}
			if got, err := blob.Get(s, h, limit); err != nil || !bytes.Equal(got, b) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if has, err := s.Has(h); !has || err != nil {
				t.Errorf("has %v, %v", has, err)
			}
			want = append(want, h)
		}
		if got := all(t, s); len(got) != 4 { // the same bytes are kept once
			t.Errorf("%d are kept", len(got))
		} else if want = want[:4]; true {
			slices.SortFunc(want, func(a, b blob.Hash) int { return bytes.Compare(a[:], b[:]) })
			if !slices.Equal(got, want) {
				t.Errorf("they are %s, not %s", got, want)
			}
		}
	})
	t.Run("more than the limit is refused, and nothing kept", func(t *testing.T) {
		s, _ := open(t)
		for _, limit := range []int64{4, 0, -1} {
			if _, _, err := s.Put(t.Context(), strings.NewReader("12345"), limit); !fault.Is(err, fault.TooLarge) {
				t.Errorf("limit %d: %v", limit, err)
			}
		}
		if n := len(all(t, s)); n != 0 {
			t.Errorf("%d are kept", n)
		}
		h, n, err := s.Put(t.Context(), strings.NewReader("12345"), 5)
		if err != nil || n != 5 {
			t.Fatalf("exactly the limit: %d, %v", n, err)
		}
		if _, err := blob.Get(s, h, 4); !fault.Is(err, fault.TooLarge) {
			t.Errorf("got more than asked for: %v", err)
		}
	})
	t.Run("what ends early is not kept", func(t *testing.T) {
		s, _ := open(t)
		cut := errors.New("connection reset")
		if _, _, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("half"), broken{cut}), limit); !errors.Is(err, cut) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := s.Put(ctx, strings.NewReader("half"), limit); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if n := len(all(t, s)); n != 0 {
			t.Errorf("%d are kept", n)
		}
	})
	for name, change := range map[string]func([]byte) []byte{
		"one bit":   func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut short": func(b []byte) []byte { return b[:len(b)-1] },
		"emptied":   func([]byte) []byte { return nil },
		"longer":    func(b []byte) []byte { return append(b, 0) },
	} {
		t.Run("damage is noticed: "+name, func(t *testing.T) {
			s, damage := open(t)
			h := put(t, s, whole)
			damage(h, change(bytes.Clone(whole)))
			if b, err := blob.Get(s, h, limit); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), h.String()) {
				t.Errorf("got %d bytes, %v", len(b), err)
			}
			r, _, err := s.Open(h)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := io.Copy(io.Discard, r); err == nil {
				t.Error("streamed without an error")
			}
			put(t, s, whole)
			if b, err := blob.Get(s, h, limit); err != nil || !bytes.Equal(b, whole) {
				t.Errorf("putting the same bytes again did not heal: %v", err)
			}
		})
	}
	t.Run("what is missing is named, what is removed is gone", func(t *testing.T) {
		s, _ := open(t)
		h := blob.Of([]byte("never kept"))
		missing := func() {
			t.Helper()
			if _, err := blob.Get(s, h, limit); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), h.String()) {
				t.Errorf("get: %v", err)
			}
			if has, err := s.Has(h); has || err != nil {
				t.Errorf("has %v, %v", has, err)
			}
			if err := s.Remove(h); err != nil {
				t.Errorf("remove: %v", err)
			}
		}
		missing()
		h = put(t, s, []byte("x"))
		if err := s.Remove(h); err != nil {
			t.Fatal(err)
		}
		missing()
		if n := len(all(t, s)); n != 0 {
			t.Errorf("%d are kept", n)
		}
	})
	t.Run("the same bytes from many at once", func(t *testing.T) {
		s, _ := open(t)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if h, _, err := s.Put(t.Context(), bytes.NewReader(whole), limit); err != nil || h != blob.Of(whole) {
					t.Error(h, err)
				}
				if _, err := blob.Get(s, blob.Of(whole), limit); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(all(t, s)); n != 1 {
			t.Errorf("%d are kept", n)
		}
	})
}

func put(t *testing.T, s blob.Store, b []byte) blob.Hash {
	t.Helper()
	h, n, err := s.Put(t.Context(), bytes.NewReader(b), limit)
	if err != nil || n != int64(len(b)) {
		t.Fatalf("put: %d bytes, %v", n, err)
	}
	return h
}

func all(t *testing.T, s blob.Store) (list []blob.Hash) {
	t.Helper()
	if err := s.Each(func(h blob.Hash, size int64) error {
		if r, n, err := s.Open(h); err != nil || n != size {
			t.Errorf("%s has %d bytes in the list and %d when read, %v", h, size, n, err)
		} else {
			r.Close()
		}
		list = append(list, h)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

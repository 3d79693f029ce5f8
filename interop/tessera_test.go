// Package interop reads Tickmark's ledger with another implementation of the same formats, Tessera, and Tessera's log with
// Tickmark's follower. It is a module of its own, so that nobody who builds Tickmark compiles Tessera.
package interop

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store/storetest"
)

const entries = 2*256*256 + 300 // three levels of tiles, the last of them parts

// filled is a ledger of so many entries.
func filled(t *testing.T) *ledger.Log {
	t.Helper()
	l, err := ledger.Open(t.Context(), storetest.SQLite(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	grow(t, l, entries)
	return l
}

func grow(t *testing.T, l *ledger.Log, n int) {
	t.Helper()
	err := l.Write(t.Context(), func(tx *ledger.Tx) error {
		for i := range n {
			tx.Append(merkle.LeafVersion, [32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
}

type fetcher interface {
	fsck.Fetcher
	ReadTile(ctx context.Context, level, index uint64, part uint8) ([]byte, error)
}

func hashes(bundle []byte) ([][]byte, error) {
	b := api.EntryBundle{}
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	out := make([][]byte, len(b.Entries))
	for i, e := range b.Entries {
		out[i] = rfc6962.DefaultHasher.HashLeaf(e)
	}
	return out, nil
}

func sound(t *testing.T, vkey string, f fetcher) error {
	t.Helper()
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return fsck.New(v.Name(), v, f, hashes, fsck.Opts{N: 2}).Check(t.Context())
}

func TestTesseraReadsAndChecksOurLog(t *testing.T) {
	l := filled(t)
	site := httptest.NewServer(http.StripPrefix("/ledger", l.Handler()))
	defer site.Close()
	at, err := url.Parse(site.URL + "/ledger/")
	if err != nil {
		t.Fatal(err)
	}
	web, err := client.NewHTTPFetcher(at, site.Client())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	if _, err := l.Export(t.Context(), dir, nil); err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(l.VKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]fetcher{"over HTTP": web, "from an exported directory": client.FileFetcher{Root: dir}} {
		t.Run(name, func(t *testing.T) {
			if err := sound(t, l.VKey, f); err != nil {
				t.Errorf("fsck: %v", err)
			}
			point, _, _, err := client.FetchCheckpoint(t.Context(), f.ReadCheckpoint, v, v.Name())
			if err != nil || point.Size != entries {
				t.Fatalf("%+v, %v", point, err)
			}
			proofs, err := client.NewProofBuilder(t.Context(), point.Size, f.ReadTile)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range []uint64{0, 1, 255, 256, 65535, 65536, entries / 2, entries - 1} {
				b, err := client.GetEntryBundle(t.Context(), f.ReadEntryBundle, i/256, point.Size)
				if err != nil {
					t.Fatal(err)
				}
				leaf, err := l.Entries(t.Context(), l.DB, int64(i), int64(i)+1)
				if err != nil || !bytes.Equal(leaf[0], b.Entries[i%256]) {
					t.Fatalf("entry %d is %q there and %q here, %v", i, b.Entries[i%256], leaf, err)
				}
				theirs, err := proofs.InclusionProof(t.Context(), i)
				if err != nil {
					t.Fatal(err)
				}
				ours, err := l.ProveEntry(t.Context(), l.DB, entries, int64(i))
				if err != nil || len(ours) != len(theirs) {
					t.Fatalf("proofs of entry %d: %d and %d hashes, %v", i, len(ours), len(theirs), err)
				}
				raw := make([][]byte, len(ours))
				for k, h := range ours {
					if raw[k] = h[:]; !bytes.Equal(h[:], theirs[k]) {
						t.Errorf("the proofs of entry %d differ", i)
					}
				}
				if err := proof.VerifyInclusion(rfc6962.DefaultHasher, i, point.Size, rfc6962.DefaultHasher.HashLeaf(leaf[0]), raw, point.Hash); err != nil {
					t.Errorf("our proof of entry %d: %v", i, err)
				}
				if i == 0 {
					continue
				}
				c, err := l.Consistent(t.Context(), int64(i), 0)
				if err != nil {
					t.Fatal(err)
				}
				raw = raw[:0]
				for _, h := range c.Proof {
					raw = append(raw, bytes.Clone(h[:]))
				}
				if err := proof.VerifyConsistency(rfc6962.DefaultHasher, i, point.Size, raw, c.Old.Hash[:], point.Hash); err != nil {
					t.Errorf("our proof from %d entries: %v", i, err)
				}
			}
		})
	}
	// What was changed in the copy, Tessera finds too.
	for _, name := range []string{"tile/0/000", "tile/1/001", "tile/2/000.p/2", "tile/entries/001", "checkpoint"} {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(whole)
		changed[len(changed)/2] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := sound(t, l.VKey, client.FileFetcher{Root: dir}); err == nil {
			t.Errorf("%s was changed, and Tessera does not see it", name)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// theirs makes a log with Tessera, or lets one grow.
func theirs(t *testing.T, dir string, key note.Signer, n int, salt string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	o := tessera.NewAppendOptions().WithCheckpointSigner(key).WithBatching(256, 20*time.Millisecond).WithCheckpointInterval(100 * time.Millisecond)
	log, shutdown, reader, err := tessera.NewAppender(ctx, driver, o)
	if err != nil {
		t.Fatal(err)
	}
	var added []tessera.IndexFuture
	for i := range n {
		added = append(added, log.Add(ctx, tessera.NewEntry(fmt.Appendf(nil, "%s %d", salt, i))))
	}
	published := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
	for _, a := range added {
		if _, _, err := published.Await(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestOurFollowerReadsTesserasLog(t *testing.T) {
	secret, vkey, err := note.GenerateKey(rand.Reader, "tessera.example/log")
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	dir, other := t.TempDir(), t.TempDir()
	root := dir
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(root)).ServeHTTP(w, r)
	}))
	defer site.Close()
	f := &ledger.Follower{Base: site.URL, VKey: vkey, HTTP: site.Client()}
	var known []byte
	total := int64(0)
	for _, more := range []int{5, 251, 700} { // a part, exactly one tile, several
		theirs(t, dir, key, more, "entry")
		signed, point, err := f.Follow(t.Context(), known)
		if total += int64(more); err != nil || point.Size != total {
			t.Fatalf("%d of %d entries, %v", point.Size, total, err)
		}
		known = signed
	}
	theirs(t, other, key, 1200, "another")
	root = other
	var fork *ledger.Fork
	if _, _, err := f.Follow(t.Context(), known); !errors.As(err, &fork) || !strings.Contains(fork.Why, "rewritten") {
		t.Errorf("another log under the same key: %v", err)
	}
}

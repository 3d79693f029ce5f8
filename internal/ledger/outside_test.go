package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

// twin opens another database under the signing key of dir: what whoever holds the key could show instead.
func twin(t *testing.T, dir string) *ledger.Log {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(dir, "ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "ledger.key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	return openLog(t, storetest.SQLite(t), other)
}

func openLog(t *testing.T, db *store.DB, dir string) *ledger.Log {
	t.Helper()
	l, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func sign(t *testing.T, l *ledger.Log) []byte {
	t.Helper()
	b, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestADatabaseThatWentBackIsNoticed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dir := t.TempDir()
		l := openLog(t, db, dir)
		lost := func(db *store.DB) *ledger.Loss {
			loss, err := openLog(t, db, dir).Lost(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return loss
		}
		if lost(db) != nil {
			t.Error("a new workspace lost something")
		}
		fill(t, l, 3, 100)
		sign(t, l)
		fill(t, l, 1, 10) // written and never signed
		if loss := lost(db); loss != nil {
			t.Errorf("%+v", loss)
		}
		seen, err := os.ReadFile(filepath.Join(dir, "ledger.seen"))
		if err != nil {
			t.Fatal(err)
		}

		old := twin(t, dir) // an older database under the same key
		fill(t, old, 2, 100)
		loss := lost(old.DB)
		if loss == nil || loss.Size != 200 || loss.Seen.Size != 300 || !strings.Contains(loss.Refusal().Error(), "older") {
			t.Fatalf("%+v", loss)
		}
		fill(t, old, 2, 100) // it grows beyond what was seen, and is still another log
		loss = lost(old.DB)
		if loss == nil || loss.Size != 400 || !fault.Is(loss.Refusal(), fault.Conflict) || !strings.Contains(loss.Refusal().Error(), "another ledger") {
			t.Fatalf("%+v", loss)
		}

		o := openLog(t, old.DB, dir)
		if loss, err := o.Accept(t.Context(), "person:ada"); err != nil || loss == nil {
			t.Fatal(loss, err)
		}
		if lost(old.DB) != nil {
			t.Error("what was accepted is asked again")
		}
		acts, err := o.Actions(t.Context(), old.DB, 0, 1)
		if err != nil || acts[0].Verb != "ledger.restored" || acts[0].Actor != "person:ada" || !strings.Contains(string(acts[0].Detail), `"seen_size":300`) {
			t.Errorf("%+v, %v", acts, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "ledger.seen.lost-300")); err != nil || !bytes.Equal(b, seen) {
			t.Errorf("the lost checkpoint is gone: %v", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "ledger.seen"), []byte("hello"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Lost(t.Context()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a file that is no checkpoint: %v", err)
		}
	})
}

// Each server of a workspace has its own memory; what one signed the others know too.
func TestAServerThatSignedNothingNoticesToo(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one, two := t.TempDir(), t.TempDir()
		signer := openLog(t, db, one)
		fill(t, signer, 1, 200)
		sign(t, signer)
		key, err := os.ReadFile(filepath.Join(one, "ledger.key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(two, "ledger.key"), key, 0o600); err != nil {
			t.Fatal(err)
		}
		other := openLog(t, db, two)
		for range 2 { // it starts, and a minute passes
			if err := other.Notice(t.Context()); err != nil {
				t.Fatal(err)
			}
			fill(t, signer, 1, 100)
			sign(t, signer)
		}
		old := twin(t, two)
		fill(t, old, 1, 250) // the database as it was before the last of these
		back := openLog(t, old.DB, two)
		if err := back.Notice(t.Context()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "over 300 entries was signed here, the database has 250") {
			t.Errorf("%v", err)
		}
		if loss, err := back.Lost(t.Context()); err != nil || loss == nil || loss.Seen.Size != 300 {
			t.Errorf("%+v, %v", loss, err)
		}
	})
}

func TestAnExportedLogIsReadByStrangersAndGoesOn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, dir, out := context.Background(), t.TempDir(), filepath.Join(t.TempDir(), "log")
		l := openLog(t, db, dir)
		site := httptest.NewServer(http.FileServer(http.Dir(out)))
		defer site.Close()
		files := 0
		for _, more := range []int{1, 254, 1, 700, 0} { // parts, exactly one full tile, several
			fill(t, l, 1, more)
			e, err := l.Export(ctx, out, nil)
			if err != nil {
				t.Fatal(err)
			}
			files += e.Files
			o := &outsider{t: t, base: site.URL, vkey: l.VKey, plain: true}
			tree := o.tree()
			h, err := l.Head(ctx, db)
			if err != nil || h.Size != tree.N || h.Root != tree.Hash || e.Size != tree.N {
				t.Fatalf("exported %d, %v", tree.N, err)
			}
			for _, i := range []int64{0, tree.N / 2, tree.N - 1} {
				hash, err := tlog.TileHashReader(tree, o).ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
				if err != nil || hash[0] != tlog.RecordHash(o.leaf(tree, i)) {
					t.Fatalf("entry %d of %d: %v", i, tree.N, err)
				}
			}
		}
		if e, err := l.Export(ctx, out, nil); err != nil || e.Files != 1 {
			t.Errorf("nothing is new, and %d files were written, %v", e.Files, err)
		}
		bundle := filepath.Join(out, "tile", "entries", "001")
		whole, err := os.ReadFile(bundle)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(bundle, whole[:len(whole)-1], 0o600); err != nil { // as a power cut leaves it
			t.Fatal(err)
		}
		if _, err := l.Export(ctx, out, nil); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(bundle); err != nil || !bytes.Equal(b, whole) {
			t.Errorf("a bundle that was cut short was not written again, %v", err)
		}
		before, err := os.ReadFile(filepath.Join(out, "checkpoint"))
		if err != nil {
			t.Fatal(err)
		}
		other := twin(t, dir)
		fill(t, other, 1, 20)
		for range 2 { // first it is shorter, then longer and another
			if _, err := other.Export(ctx, out, nil); !fault.Is(err, fault.Conflict) {
				t.Errorf("another log was written over this one: %v", err)
			}
			fill(t, other, 1, 2000)
		}
		if b, err := os.ReadFile(filepath.Join(out, "checkpoint")); err != nil || !bytes.Equal(b, before) {
			t.Errorf("the directory changed, %v", err)
		}
	})
}

func TestAFollowerSeesALogThatWasRewritten(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, storetest.SQLite(t), dir)
	serving := l
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serving.Handler().ServeHTTP(w, r) }))
	defer site.Close()
	f := &ledger.Follower{Base: site.URL + "/", VKey: l.VKey, HTTP: site.Client()}
	var known []byte
	for _, more := range []int{0, 5, 250, 1, 1000, 0} {
		fill(t, l, 1, more)
		sign(t, l)
		signed, c, err := f.Follow(t.Context(), known)
		if err != nil {
			t.Fatalf("at %d entries: %v", c.Size, err)
		}
		known = signed
	}
	serving = twin(t, dir)
	for _, more := range []int{1000, 256, 700} { // shorter, as long, longer
		fill(t, serving, 1, more)
		sign(t, serving)
		var fork *ledger.Fork
		if _, c, err := f.Follow(t.Context(), known); !errors.As(err, &fork) || !bytes.Equal(fork.Known, known) || !bytes.Contains(fork.Evidence(), fork.Shown) {
			t.Errorf("at %d entries: %v", c.Size, err)
		}
	}
	stranger := openLog(t, storetest.SQLite(t), t.TempDir())
	serving = stranger
	sign(t, stranger)
	if _, _, err := f.Follow(t.Context(), known); !fault.Is(err, fault.Invalid) {
		t.Errorf("another key: %v", err)
	}
	site.Config.Handler = http.NotFoundHandler()
	if _, _, err := f.Follow(t.Context(), known); !fault.Is(err, fault.Incomplete) {
		t.Errorf("a log that does not answer is no fork: %v", err)
	}
}

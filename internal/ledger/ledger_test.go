package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func fill(t *testing.T, l *ledger.Log, txs, each int) {
	t.Helper()
	for i := range txs {
		err := l.Write(context.Background(), func(tx *ledger.Tx) error {
			for j := range each {
				if _, err := tx.Act(context.Background(), "test.did", "person:ada", fmt.Sprint(i, j), nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestEveryEntryAndEveryPrefixIsProvable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		l, err := ledger.Open(ctx, db, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		fill(t, l, 30, 25) // crosses two full tiles
		h, err := l.Head(ctx, db)
		if err != nil {
			t.Fatal(err)
		}
		leaves, err := l.Entries(ctx, db, 0, h.Size)
		if err != nil || int64(len(leaves)) != h.Size || h.Size != 750 {
			t.Fatal(len(leaves), h.Size, err)
		}
		for _, i := range []int64{0, 1, 255, 256, 511, 512, 749} {
			p, err := l.ProveEntry(ctx, db, h.Size, i)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(p, h.Size, h.Root, i, tlog.RecordHash(leaves[i])); err != nil {
				t.Fatalf("entry %d: %v", i, err)
			}
		}
		var tree merkle.Tree
		for n, leaf := range leaves {
			tree.Add(tlog.RecordHash(leaf), func(merkle.Tile) {})
			if n%97 == 0 {
				p, err := l.ProveTree(ctx, db, h.Size, int64(n+1))
				if err != nil {
					t.Fatal(err)
				}
				if err := tlog.CheckTree(p, h.Size, h.Root, int64(n+1), tree.Root()); err != nil {
					t.Fatalf("prefix %d: %v", n+1, err)
				}
			}
		}
		for _, sizes := range [][2]int64{{1, 0}, {256, 512}, {257, 600}, {750, 750}} {
			c, err := l.Consistent(ctx, sizes[0], sizes[1])
			if err != nil || tlog.CheckTree(c.Proof, c.New.N, c.New.Hash, c.Old.N, c.Old.Hash) != nil || c.Old.N != sizes[0] {
				t.Errorf("from %v: %+v, %v", sizes, c, err)
			}
		}
		for _, sizes := range [][2]int64{{0, 0}, {-1, 5}, {6, 5}, {5, 751}} {
			if _, err := l.Consistent(ctx, sizes[0], sizes[1]); !fault.Is(err, fault.Invalid) {
				t.Errorf("from %v: %v", sizes, err)
			}
		}
		if _, err := l.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := l.Verify(ctx, db, nil); err != nil || n != 750 {
			t.Fatal(n, err)
		}
	})
}

// A leaf is kept in 40 bytes. What was kept as its text stands beside it, and is the same leaf.
func TestALeafIsKeptPackedOrAsItsText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		l, err := ledger.Open(ctx, db, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		types := []string{merkle.LeafVersion, merkle.LeafClose, merkle.LeafRun, merkle.LeafResults, merkle.LeafAction, merkle.LeafErasure, merkle.LeafManifest, "unheard"}
		var want []merkle.Leaf
		write := func(at time.Time) {
			t.Helper()
			l.Clock = func() time.Time { return at }
			if err := l.Write(ctx, func(tx *ledger.Tx) error {
				for i, typ := range types {
					c := [32]byte{0, byte(i), 't', 255}
					tx.Append(typ, c)
					want = append(want, merkle.Leaf{Type: typ, At: int64(tx.Now), Commitment: c})
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		write(time.UnixMicro(1))
		write(time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC))
		write(time.UnixMicro(1<<56 - 1))
		write(time.UnixMicro(1 << 56))
		kept, err := store.All[int64](ctx, db, "SELECT length(leaf) FROM entry ORDER BY idx")
		if err != nil {
			t.Fatal(err)
		}
		same := func() {
			t.Helper()
			got, err := l.Entries(ctx, db, 0, 100)
			if err != nil || len(got) != len(want) {
				t.Fatal(len(got), err)
			}
			for i, leaf := range want {
				if string(got[i]) != string(leaf.Bytes()) {
					t.Errorf("entry %d is %q, not %q", i, got[i], leaf.Bytes())
				}
				if packed := i < 3*len(types) && leaf.Type != "unheard"; packed != (kept[i] == 40) {
					t.Errorf("entry %d takes %d bytes", i, kept[i])
				}
				if one, err := l.Leaf(ctx, int64(i)); err != nil || one != leaf {
					t.Errorf("entry %d alone is %v, %v", i, one, err)
				}
			}
			some, err := l.Leaves(ctx, db, []int64{3, 99, 0})
			if err != nil || len(some) != 2 || some[0] != want[0] || some[3] != want[3] {
				t.Errorf("%v, %v", some, err)
			}
			if n, err := l.Verify(ctx, db, nil); err != nil || n != int64(len(want)) {
				t.Error(n, err)
			}
			if n, err := l.CountLeaves(ctx, db, merkle.LeafRun); err != nil || n != 4 {
				t.Error(n, err)
			}
		}
		same()
		if err := db.Write(ctx, func(tx *store.Tx) error { // as they were kept before
			for i := 0; i < len(want); i += 2 {
				if _, err := tx.Exec(ctx, "UPDATE entry SET leaf = $1 WHERE idx = $2", want[i].Bytes(), i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		same()
	})
}

func TestRecordedTimeNeverGoesBackAndAFailedWriteLeavesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		l, err := ledger.Open(ctx, db, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		fill(t, l, 3, 1)
		before, _ := l.Head(ctx, db)
		err = l.Write(ctx, func(tx *ledger.Tx) error {
			if tx.Now <= before.At {
				t.Errorf("time went back: %v after %v", tx.Now, before.At)
			}
			tx.Append(merkle.LeafAction, [32]byte{1})
			return fmt.Errorf("changed my mind")
		})
		if err == nil {
			t.Fatal("the error was swallowed")
		}
		fill(t, l, 1, 1)
		if n, err := l.Verify(ctx, db, nil); err != nil || n != before.Size+1 {
			t.Fatal(n, err)
		}
	})
}

func TestVerifyNamesWhatWasChanged(t *testing.T) {
	for name, change := range map[string]string{
		"leaf":     "UPDATE entry SET leaf = (SELECT leaf FROM entry WHERE idx = 4) WHERE idx = 3",
		"removed":  "DELETE FROM entry WHERE idx = 3",
		"appended": "INSERT INTO entry (idx, leaf) SELECT 1000, leaf FROM entry WHERE idx = 3",
		"tile":     "UPDATE tile SET data = (SELECT root FROM head) WHERE level = 0 AND idx = 0",
		"edge":     "UPDATE tile SET data = (SELECT root FROM head) WHERE level = 0 AND idx = 1",
		"above":    "UPDATE tile SET data = (SELECT root FROM head) WHERE level = 1",
		"no tile":  "DELETE FROM tile WHERE level = 1",
		"a tile":   "INSERT INTO tile (level, idx, data) SELECT 2, 0, root FROM head",
		"last":     "DELETE FROM entry WHERE idx = 299",
		"head":     "UPDATE head SET root = (SELECT leaf FROM entry WHERE idx = 1)",
		"cut":      "UPDATE head SET size = 5",
		"signed":   "UPDATE checkpoint SET note = (SELECT leaf FROM entry WHERE idx = 1)",
	} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			db := storetest.SQLite(t)
			l, err := ledger.Open(ctx, db, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			fill(t, l, 3, 100)
			if _, err := l.Checkpoint(ctx); err != nil {
				t.Fatal(err)
			}
			if err := db.Write(ctx, func(tx *store.Tx) error { _, err := tx.Exec(ctx, change); return err }); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Verify(ctx, db, nil); !fault.Is(err, fault.Invalid) {
				t.Errorf("verify says %v", err)
			} else {
				t.Log(err)
			}
		})
	}
}

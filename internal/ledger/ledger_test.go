package ledger_test

import (
	"context"
	"fmt"
	"testing"

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

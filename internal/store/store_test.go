package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/fault"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func meta(t *testing.T, db *store.DB) map[string]string {
	t.Helper()
	type row struct {
		Name  string `db:"name"`
		Value []byte `db:"value"`
	}
	rows, err := store.All[row](context.Background(), db, "SELECT name, value FROM meta")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows {
		out[r.Name] = string(r.Value)
	}
	return out
}

func set(ctx context.Context, tx *store.Tx, names ...string) error {
	var rows [][]any
	for _, n := range names {
		rows = append(rows, []any{n, []byte("v")})
	}
	return store.Insert(ctx, tx, "meta", []string{"name", "value"}, rows)
}

func TestATransactionLandsWholeOrNotAtAll(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		var names []string
		for i := range 200 { // more than a statement holds
			names = append(names, fmt.Sprint("n", i))
		}
		if err := db.Write(ctx, func(tx *store.Tx) error { return set(ctx, tx, names...) }); err != nil {
			t.Fatal(err)
		}
		if n := len(meta(t, db)); n != 200 {
			t.Errorf("%d rows of 200", n)
		}
		changed := errors.New("changed my mind")
		if err := db.Write(ctx, func(tx *store.Tx) error { return errors.Join(set(ctx, tx, "late"), changed) }); !errors.Is(err, changed) {
			t.Error(err)
		}
		if err := db.Write(ctx, func(tx *store.Tx) error { return set(ctx, tx, "n1") }); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second row of the same key: %v", err)
		}
		if _, ok := meta(t, db)["late"]; ok {
			t.Error("a transaction that failed left something")
		}
		if _, err := db.Exec(ctx, "DELETE FROM meta"); err == nil {
			t.Error("a write outside a transaction was accepted")
		}
		if _, err := store.One[int64](ctx, db, "SELECT n FROM tally WHERE n = $1", 7); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no row: %v", err)
		}
	})
}

func TestAReadSeesOneMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		err := db.Read(ctx, func(tx *store.Tx) error {
			count := func() int64 {
				n, err := store.One[int64](ctx, tx, "SELECT count(*) FROM meta")
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := count()
			if err := db.Write(ctx, func(w *store.Tx) error { return set(ctx, w, "meanwhile") }); err != nil {
				return err
			}
			if count() != before {
				t.Error("what was written meanwhile is seen")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestPeopleWriteBeforeJobs(t *testing.T) {
	db := storetest.SQLite(t)
	ctx := context.Background()
	var mu sync.Mutex
	var order []string
	inside, let := make(chan bool), make(chan bool)
	var all sync.WaitGroup
	all.Go(func() {
		db.Write(ctx, func(*store.Tx) error { close(inside); <-let; return nil })
	})
	<-inside
	write := func(ctx context.Context, who string) {
		all.Go(func() {
			db.Write(ctx, func(*store.Tx) error { mu.Lock(); order = append(order, who); mu.Unlock(); return nil })
		})
	}
	write(store.Background(ctx), "job")
	for db.Waiting() < 1 {
		time.Sleep(time.Millisecond)
	}
	write(ctx, "person")
	for db.Waiting() < 2 {
		time.Sleep(time.Millisecond)
	}
	late, cancel := context.WithCancel(ctx)
	cancel()
	if err := db.Write(late, func(*store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a write that nobody waits for any more: %v", err)
	}
	close(let)
	all.Wait()
	if strings.Join(order, " ") != "person job" {
		t.Error(order)
	}
}

func TestANewerSchemaAndRubbishAreRefusedUntouched(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "tickmark.db")
	db, err := store.Open(ctx, "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9000, 1)")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := store.Open(ctx, "sqlite:"+path); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "newer Tickmark") {
		t.Errorf("a newer schema: %v", err)
	}
	rubbish := filepath.Join(dir, "rubbish.db")
	text := []byte(strings.Repeat("this is no database ", 300))
	if err := os.WriteFile(rubbish, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(ctx, "sqlite:"+rubbish); !fault.Is(err, fault.Unavailable) {
		t.Errorf("rubbish: %v", err)
	}
	if now, _ := os.ReadFile(rubbish); string(now) != string(text) {
		t.Error("the file that is no database was written to")
	}
	if _, err := store.Open(ctx, "mysql://x"); !fault.Is(err, fault.Usage) {
		t.Errorf("another database: %v", err)
	}
}

func TestALockHasOneHolder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		release, err := db.Lock(ctx, "collect-git")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Lock(ctx, "collect-git"); !errors.Is(err, store.ErrLocked) {
			t.Errorf("a second holder: %v", err)
		}
		if other, err := db.Lock(ctx, "collect-host"); err != nil {
			t.Error(err)
		} else {
			other()
		}
		release()
		if release, err = db.Lock(ctx, "collect-git"); err != nil {
			t.Errorf("after its release: %v", err)
		} else {
			release()
		}
	})
}

func TestOpenedByManyAtOnce(t *testing.T) {
	for range 30 {
		file := "sqlite:" + filepath.Join(t.TempDir(), "new", "t.db")
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 8 {
			all.Go(func() {
				<-begin
				db, err := store.Open(context.Background(), file)
				if err != nil {
					t.Error(err)
					return
				}
				db.Close()
			})
		}
		close(begin)
		all.Wait()
	}
}

func TestFreedSpaceIsGivenBackToTheDisk(t *testing.T) {
	ctx := context.Background()
	size := func(db *store.DB) int64 {
		i, err := os.Stat(db.Path())
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	emptied := func(db *store.DB) {
		t.Helper()
		var rows [][]any
		for i := range 2000 {
			rows = append(rows, []any{fmt.Sprint("x", i), make([]byte, 4000)})
		}
		for _, err := range []error{
			db.Write(ctx, func(tx *store.Tx) error { return store.Insert(ctx, tx, "meta", []string{"name", "value"}, rows) }),
			db.Write(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, "DELETE FROM meta WHERE name LIKE 'x%'")
				return err
			}),
			db.Forget(ctx),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	db := storetest.SQLite(t)
	emptied(db)
	before := size(db)
	n, err := db.GiveBack(ctx)
	if free, bitwise, _ := db.Free(ctx); err != nil || n < 7<<20 || before-size(db) < n || free != 0 || !bitwise {
		t.Errorf("gave back %d of %d, %d are left: %v", n, before, size(db), err)
	}
	if n, err := db.GiveBack(ctx); n != 0 || err != nil {
		t.Error(n, err)
	}

	// A file of before has to be written anew once.
	path := filepath.Join(t.TempDir(), "old.db")
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("CREATE TABLE old (n INTEGER); DROP TABLE old"); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	if db, err = store.Open(ctx, "sqlite:"+path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	emptied(db)
	before = size(db)
	if n, err := db.GiveBack(ctx); n != 0 || err != nil || size(db) != before {
		t.Error(n, err)
	}
	if err := db.Compact(ctx); err != nil || before-size(db) < 7<<20 {
		t.Errorf("%d of %d are left: %v", size(db), before, err)
	}
	emptied(db)
	if n, err := db.GiveBack(ctx); n < 7<<20 || err != nil {
		t.Error(n, err)
	}
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite"

	"tickmark/internal/fault"
)

// What SQLite needs: write-ahead log so that readers never wait, full sync so that an acknowledged write survives a power
// cut, zeros over what is deleted so that what was erased is gone from the file too, free pages that can be given back, and a
// single writing connection that begins with the write lock taken. The first connection turns the log on, one process at a time: SQLite lets none wait for that.
func openSQLite(ctx context.Context, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "The folder of the workspace, %s, cannot be made: %w.", filepath.Dir(path), err).WithNext("Check who may write there, or name another with --data.")
	}
	vacuum := "" // how a file gives space back is settled when it is made; saying it again would write to it
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		vacuum = "&_pragma=auto_vacuum(2)"
	}
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fault.New(fault.Unavailable, "The workspace %s cannot be opened: %w.", path, err).WithNext("Check that you own it and that the disk is writable.")
	} else {
		f.Close()
	}
	dsn := func(extra string) string {
		u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
		return u.String() + "?_pragma=busy_timeout(10000)&_pragma=synchronous(full)&_pragma=secure_delete(1)&_pragma=foreign_keys(1)&_pragma=temp_store(memory)&_pragma=mmap_size(0)" + extra
	}
	w, err := sql.Open("sqlite", dsn("&_txlock=immediate"+vacuum+"&_pragma=journal_mode(wal)&_pragma=cache_size(-32000)&_pragma=wal_autocheckpoint(4000)"))
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1)
	db := &DB{Engine: SQLite, path: path, write: w}
	release, err := alone(ctx, db)
	if err != nil {
		w.Close()
		return nil, err
	}
	err = w.PingContext(ctx)
	release()
	if err != nil {
		w.Close()
		if f, ok := kind(err).(*fault.Fault); ok && !damaged(err) {
			f.Message = path + ": " + f.Message
			return nil, f
		}
		return nil, fault.New(fault.Unavailable, "The workspace %s is not a readable database: %w.", path, err).WithNext("Restore it from a backup, or name another folder with --data.")
	}
	if db.read, err = sql.Open("sqlite", dsn("&_pragma=query_only(1)&_pragma=cache_size(-8000)")); err != nil {
		w.Close()
		return nil, err
	}
	n := max(4, runtime.NumCPU())
	db.read.SetMaxOpenConns(n)
	db.read.SetMaxIdleConns(n)
	return db, nil
}

// Free is how much of a SQLite file is free, and whether it can be given back bit by bit; a file that an older release made cannot,
// until it is compacted. PostgreSQL keeps its free space for what is written next.
func (db *DB) Free(ctx context.Context) (bytes int64, bitwise bool, err error) {
	if db.Engine == Postgres {
		return 0, false, nil
	}
	for sql, into := range map[string]func(int64){
		"SELECT freelist_count * page_size FROM pragma_freelist_count(), pragma_page_size()": func(n int64) { bytes = n },
		"SELECT auto_vacuum FROM pragma_auto_vacuum()":                                       func(n int64) { bitwise = n == 2 },
	} {
		n, err := One[int64](ctx, db, sql)
		if err != nil {
			return 0, false, err
		}
		into(n)
	}
	return bytes, bitwise, nil
}

const givenAtOnce = 1000 // pages; other writes come between

// GiveBack gives free space of a SQLite file back to the disk, a little at a time, and returns how much; nothing where the file must
// be compacted for that.
func (db *DB) GiveBack(ctx context.Context) (int64, error) {
	begun, bitwise, err := db.Free(ctx)
	if err != nil || !bitwise || begun == 0 {
		return 0, err
	}
	left := begun
	for left > 0 {
		err := db.inTurn(ctx, func() error {
			rows, err := db.conn.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", givenAtOnce))
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() { // each gives a page back
			}
			return rows.Err()
		})
		if err != nil {
			return begun - left, err
		}
		now, _, err := db.Free(ctx)
		if err != nil || now >= left {
			return begun - left, err
		}
		left = now
	}
	return begun, db.Forget(ctx)
}

// Compact writes a SQLite file anew without its free space, so that from then on it can be given back bit by bit. It takes about as
// much room beside the file as the file has, and nothing else is written meanwhile.
func (db *DB) Compact(ctx context.Context) error {
	if db.Engine == Postgres {
		return fault.New(fault.Invalid, "PostgreSQL looks after its space itself.").WithNext("VACUUM FULL gives it back to the disk.")
	}
	err := db.inTurn(ctx, func() error {
		for _, sql := range []string{"PRAGMA auto_vacuum = 2", "VACUUM"} {
			if _, err := db.conn.ExecContext(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return db.Forget(ctx)
}

// inTurn runs fn on the writing connection outside any transaction, in the turn of a job.
func (db *DB) inTurn(ctx context.Context, fn func() error) error {
	if err := db.turn.enter(ctx, true); err != nil {
		return err
	}
	defer db.turn.leave()
	return kind(fn())
}

func damaged(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && (se.Code()&0xff == 11 || se.Code()&0xff == 26)
}

// Forget empties SQLite's write-ahead log, which holds pages as they were before an erasure; a reader that is under way at
// that moment puts it off to the next time. PostgreSQL forgets when it vacuums.
func (db *DB) Forget(ctx context.Context) error {
	if db.Engine == Postgres {
		return nil
	}
	if err := db.turn.enter(ctx, false); err != nil {
		return err
	}
	defer db.turn.leave()
	_, err := db.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return kind(err)
}

// kind turns an engine's error into a fault where a person can act on it.
func kind(err error) error {
	if err == nil {
		return nil
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case 5, 6: // BUSY, LOCKED
			return fault.New(fault.Unavailable, "The workspace is being written by another process: %w.", err).WithNext("Try again in a moment.")
		case 13: // FULL
			return fault.New(fault.Unavailable, "The disk is full; nothing was written: %w.", err).WithNext("Free some space and try again.")
		case 8: // READONLY
			return fault.New(fault.Unavailable, "The workspace cannot be written: %w.", err).WithNext("Check who owns its folder and files, and that the disk is not mounted read-only.")
		case 11, 26: // CORRUPT, NOTADB
			return fault.New(fault.Unavailable, "The workspace's database is damaged or is not one: %w.", err).WithNext("Restore it from a backup.")
		case 19: // CONSTRAINT
			return fault.New(fault.Conflict, "It exists already or breaks a rule of the database: %w.", err)
		}
		return err
	}
	return kindPostgres(err)
}

func (db *DB) beginWrite(ctx context.Context) (*sql.Tx, error) {
	if db.Engine == SQLite {
		// What ctx ends are the statements; the transaction is ended by Write. Left to database/sql, its rollback runs beside the
		// next transaction's begin on the one connection.
		return db.conn.BeginTx(context.WithoutCancel(ctx), nil)
	}
	t, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if _, err := t.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext(current_schema()), 8420)"); err != nil {
		t.Rollback()
		return nil, err
	}
	return t, nil
}

func (db *DB) snapshot() sql.IsolationLevel {
	if db.Engine == Postgres {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// ErrLocked says that another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// Lock takes a named lock of the workspace that ends with the process that holds it, however it ends. It does not wait.
func (db *DB) Lock(ctx context.Context, name string) (release func(), err error) {
	if db.Engine == Postgres {
		c, err := db.write.Conn(ctx)
		if err != nil {
			return nil, kind(err)
		}
		var ok bool
		if err := c.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(hashtext(current_schema()), hashtext($1))", name).Scan(&ok); err != nil || !ok {
			c.Close()
			if err == nil {
				err = ErrLocked
			}
			return nil, kind(err)
		}
		return func() {
			c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtext(current_schema()), hashtext($1))", name)
			c.Close()
		}, nil
	}
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(name))
	f, err := os.OpenFile(filepath.Join(filepath.Dir(db.path), "."+safe+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, ErrLocked
	}
	return func() { f.Close() }, nil
}

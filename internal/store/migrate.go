package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"tickmark/internal/fault"
)

//go:embed migration/*.sql
var migrations embed.FS

// migrate brings the schema to a version, or up to date (0): forward only, one process at a time, the SQLite file copied first.
func migrate(ctx context.Context, db *DB, to int64) error {
	list, newest, err := load(db.Engine)
	if err != nil {
		return err
	}
	dialect := database.DialectSQLite3
	if db.Engine == Postgres {
		dialect = database.DialectPostgres
	}
	p, err := goose.NewProvider(dialect, db.write, nil, goose.WithGoMigrations(list...), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	release, err := alone(ctx, db) // before the version is read: of several that start at once, the first upgrades
	if err != nil {
		return err
	}
	defer release()
	at, err := p.GetDBVersion(ctx)
	if err != nil {
		return kind(fmt.Errorf("read the schema's version: %w", err))
	}
	if at > newest {
		return fault.New(fault.Invalid, "The workspace was made by a newer Tickmark (schema %d; this one knows %d).", at, newest).WithNext("Install the newer release.")
	}
	if to == 0 {
		to = newest
	}
	if at >= to {
		return nil
	}
	if db.Engine == SQLite && at > 0 {
		copied := fmt.Sprintf("%s.before-%d", db.path, to)
		if _, err := os.Stat(copied); err != nil {
			if _, err := db.write.ExecContext(ctx, "VACUUM INTO ?", copied); err != nil {
				return fault.New(fault.Unavailable, "The workspace could not be copied to %s before its upgrade: %w.", copied, err).WithNext("Free some space and start again; nothing was changed.")
			}
		}
	}
	if _, err := p.UpTo(ctx, to); err != nil {
		return kind(fmt.Errorf("upgrade the schema: %w", err))
	}
	return nil
}

// alone waits until no other process opens or upgrades the database.
func alone(ctx context.Context, db *DB) (release func(), err error) {
	if db.Engine == Postgres {
		c, err := db.write.Conn(ctx)
		if err != nil {
			return nil, kind(err)
		}
		if _, err := c.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext(current_schema()), 8421)"); err != nil {
			c.Close()
			return nil, kind(err)
		}
		return func() {
			c.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtext(current_schema()), 8421)")
			c.Close()
		}, nil
	}
	for begun := time.Now(); ; {
		release, err := db.Lock(ctx, "migrate")
		if !errors.Is(err, ErrLocked) {
			return release, err
		}
		if time.Since(begun) > time.Minute {
			return nil, fault.New(fault.Unavailable, "Another process has been opening or upgrading the workspace %s for a minute.", db.path).WithNext("Wait for it, and try again.")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// load reads the migrations for one engine: {{id}} is an integer primary key, {{rowless}} a table kept in its key's order, and
// {{postgres}} begins what is only for that engine.
func load(e Engine) (list []*goose.Migration, newest int64, err error) {
	words := strings.NewReplacer("{{id}}", "INTEGER PRIMARY KEY", "{{rowless}}", "WITHOUT ROWID")
	if e == Postgres {
		words = strings.NewReplacer("{{id}}", "BIGINT PRIMARY KEY", "{{rowless}}", "")
	}
	names, err := fs.Glob(migrations, "migration/*.sql")
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		n, err := strconv.ParseInt(strings.TrimPrefix(name, "migration/")[:4], 10, 64)
		if err != nil {
			return nil, 0, fmt.Errorf("migration %s does not begin with four digits", name)
		}
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, 0, err
		}
		var statements []string
		for s := range strings.SplitSeq(words.Replace(string(text)), ";\n") {
			if s = strings.TrimSpace(s); strings.HasPrefix(s, "{{postgres}} ") && e != Postgres {
				continue
			}
			if s = strings.TrimPrefix(s, "{{postgres}} "); s != "" {
				statements = append(statements, s)
			}
		}
		list = append(list, goose.NewGoMigration(n, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			for _, s := range statements {
				if _, err := tx.ExecContext(ctx, s); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		}}, nil))
		newest = max(newest, n)
	}
	return list, newest, nil
}

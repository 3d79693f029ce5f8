// Package storetest opens databases for tests. The one rule: whatever passes on SQLite must pass on PostgreSQL, so store
// tests run on both; the test command sets TICKMARK_TEST_POSTGRES and so never skips the second.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tickmark/internal/store"
)

// Each runs the test on a fresh database of each engine.
func Each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite opens a fresh SQLite database.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "tickmark.db"))
}

// Postgres opens a fresh schema on the server that TICKMARK_TEST_POSTGRES names.
func Postgres(t testing.TB) *store.DB {
	t.Helper()
	return open(t, PostgresURL(t))
}

// PostgresURL makes a fresh schema and returns the address of a database that sees only it.
func PostgresURL(t testing.TB) string {
	t.Helper()
	url := os.Getenv("TICKMARK_TEST_POSTGRES")
	if url == "" {
		t.Skip("TICKMARK_TEST_POSTGRES names no server; `make test` starts one")
	}
	p, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	schema := "t" + strings.ToLower(rand.Text()[:16])
	if _, err := p.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Exec("DROP SCHEMA " + schema + " CASCADE")
		p.Close()
	})
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
	}
	return url + sep + "search_path=" + schema
}

func open(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

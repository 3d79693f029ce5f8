package main

import (
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// tables puts the records into a database and gives an engine that asks one query of each kind. The records are stored as the
// database likes them best beforehand, which costs it nothing here.
func tables(db *sql.DB, name, column, made string, of func(rule) string, elsewhere func() time.Duration, docs []doc) (engine, error) {
	db.SetMaxOpenConns(1)
	for _, k := range kinds {
		if _, err := db.Exec("CREATE TEMP TABLE " + k.Name + " (i INTEGER PRIMARY KEY, b " + column + ")"); err != nil {
			return engine{}, err
		}
	}
	tx, err := db.Begin()
	if err != nil {
		return engine{}, err
	}
	defer tx.Rollback()
	for i, d := range docs {
		if _, err := tx.Exec("INSERT INTO "+d.kind+" VALUES ($1, "+made+")", i, string(d.body)); err != nil {
			return engine{}, err
		}
	}
	if err := tx.Commit(); err != nil {
		return engine{}, err
	}
	queries := make([]string, len(kinds))
	for n, k := range kinds {
		var columns []string
		for _, r := range rulesOf(k.Name) {
			columns = append(columns, "coalesce("+of(r)+", false)")
		}
		queries[n] = "SELECT i, " + strings.Join(columns, ", ") + " FROM " + k.Name
	}
	return engine{name: name, how: "one query for each kind over records already stored as JSONB", judge: func(docs []doc, out []bool) (time.Duration, error) {
		before := elsewhere()
		for _, q := range queries {
			rows, err := db.Query(q)
			if err != nil {
				return 0, err
			}
			var a [perKind]bool
			for i := 0; rows.Next(); {
				if err := rows.Scan(&i, &a[0], &a[1], &a[2], &a[3], &a[4]); err != nil {
					return 0, err
				}
				copy(out[i*perKind:], a[:])
			}
			if err := rows.Err(); err != nil {
				return 0, err
			}
		}
		return elsewhere() - before, nil
	}}, nil
}

func sqlite(docs []doc) (engine, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return engine{}, err
	}
	return tables(db, "SQL on SQLite", "BLOB", "jsonb($2)", func(r rule) string { return r.sqlite }, func() time.Duration { return 0 }, docs)
}

func postgres(docs []doc) (engine, error) {
	url := os.Getenv("TICKMARK_TEST_POSTGRES")
	if url == "" {
		return engine{name: "SQL on PostgreSQL", skip: "TICKMARK_TEST_POSTGRES names no server"}, nil
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return engine{}, err
	}
	db.SetMaxOpenConns(1)
	var pid int
	if err := db.QueryRow("SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return engine{}, err
	}
	if _, err := spent(pid); err != nil {
		return engine{name: "SQL on PostgreSQL", skip: "the server is not on this machine, so its processor time cannot be read"}, nil
	}
	if _, err := db.Exec("SET jit = off; SET max_parallel_workers_per_gather = 0"); err != nil {
		return engine{}, err
	}
	return tables(db, "SQL on PostgreSQL", "jsonb", "$2::text::jsonb", func(r rule) string { return r.postgres }, func() time.Duration { t, _ := spent(pid); return t }, docs)
}

// spent is the processor time of another process of this machine (proc(5), stat), counted in hundredths of a second.
func spent(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has no times", pid)
	}
	user, err := strconv.Atoi(f[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond, err
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib"

	"tickmark/internal/fault"
)

const poolSize = 16 // connections

// again does what reads or begins, and does it anew while it meets connections of the pool that the server has cut: all of them,
// once, when PostgreSQL was restarted. Nothing was done yet, so that nothing is done twice.
func again[T any](ctx context.Context, do func() (T, error)) (T, error) {
	for tries := 0; ; tries++ {
		v, err := do()
		if err == nil || !cut(err) || tries > poolSize || ctx.Err() != nil {
			return v, kind(err)
		}
	}
}

// cut reports whether the server closed the connection.
func cut(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code == "57P01" || pe.Code == "57P02" // by an administrator, or after a crash
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err)
}

func openPostgres(ctx context.Context, url string) (*DB, error) {
	p, err := sql.Open("pgx", url)
	if err != nil {
		return nil, badURL("postgres://…")
	}
	p.SetMaxOpenConns(poolSize)
	p.SetMaxIdleConns(8)
	if err := p.PingContext(ctx); err != nil {
		p.Close()
		return nil, fault.New(fault.Unavailable, "The PostgreSQL database cannot be reached: %w.", err).WithNext("Check the address, the user and that the server runs.")
	}
	var collate, encoding string
	err = p.QueryRowContext(ctx, "SELECT datcollate, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()").Scan(&collate, &encoding)
	if err == nil && (collate != "C" && collate != "POSIX" && collate != "C.UTF-8" && collate != "C.utf8" || encoding != "UTF8") {
		err = fault.New(fault.Invalid, "The PostgreSQL database sorts by %s in %s; Tickmark needs the C locale and UTF8.", collate, encoding).
			WithNext("Make it with: CREATE DATABASE tickmark TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'.")
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return &DB{Engine: Postgres, read: p, write: p}, nil
}

func badURL(url string) error {
	return fault.New(fault.Usage, "The database address %q is neither sqlite:FILE nor postgres://….", url)
}

func kindPostgres(err error) error {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return err
	}
	switch pe.Code[:2] {
	case "23":
		return fault.New(fault.Conflict, "It exists already or breaks a rule of the database: %w.", err)
	case "53", "57", "08":
		return fault.New(fault.Unavailable, "PostgreSQL cannot serve just now; nothing was written: %w.", err).WithNext("Try again in a moment.")
	}
	return err
}

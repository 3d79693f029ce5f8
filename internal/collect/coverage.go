package collect

import (
	"context"
	"fmt"
	"strings"

	"tickmark/internal/record"
	"tickmark/internal/store"
)

// Coverage is an interval in which a connection vouches for a kind (or one part of it) in a parent scope.
type Coverage struct {
	Connection string       `db:"connection" json:"connection"`
	Kind       string       `db:"kind" json:"kind"`
	Part       string       `db:"part" json:"part,omitempty"`
	Scope      string       `db:"scope" json:"scope,omitempty"`
	From       store.Moment `db:"valid_from" json:"from"`
	To         store.Moment `db:"valid_to" json:"to"` // may lie ahead: until then the last read counts as fresh
	LastRead   store.Moment `db:"last_read" json:"last_read"`
	Reads      int64        `db:"reads" json:"reads"`
	LastRun    int64        `db:"last_run" json:"last_run"`
	Ended      string       `db:"ended" json:"ended,omitempty"` // why it ended before its time
}

// CoverageQuery asks for coverage; empty fields match all.
type CoverageQuery struct {
	Connection, Kind string
	From, To         store.Moment // overlap; zero: unbounded
}

// Coverage returns the intervals, by connection, kind, part, scope and time.
func (c *Collector) Coverage(ctx context.Context, q CoverageQuery) ([]Coverage, error) {
	return CoverageOf(ctx, c.Book.DB, q)
}

// CoverageOf is Coverage for who has only the database.
func CoverageOf(ctx context.Context, db store.Q, q CoverageQuery) ([]Coverage, error) {
	where, args := []string{"1 = 1"}, []any{}
	add := func(cond string, v any) {
		args = append(args, v)
		where = append(where, fmt.Sprintf(cond, len(args)))
	}
	if q.Connection != "" {
		add("connection = $%d", q.Connection)
	}
	if q.Kind != "" {
		add("kind = $%d", q.Kind)
	}
	if q.From != 0 {
		add("valid_to > $%d", q.From)
	}
	if q.To != 0 {
		add("valid_from < $%d", q.To)
	}
	return store.All[Coverage](ctx, db, `SELECT connection, kind, part, scope, valid_from, valid_to, last_read, reads, last_run, ended FROM coverage
		WHERE `+strings.Join(where, " AND ")+" ORDER BY connection, kind, part, scope, valid_from", args...)
}

// Exchange is one question a run asked of its source.
type Exchange struct {
	N       int64        `db:"n" json:"n"`
	Kind    string       `db:"kind" json:"kind"`
	Request string       `db:"request" json:"request"`
	Status  string       `db:"status" json:"status"`
	Bytes   int64        `db:"bytes" json:"bytes"`
	SHA256  []byte       `db:"sha256" json:"sha256"`
	At      store.Moment `db:"at" json:"at"`
	Took    int64        `db:"took" json:"took"` // microseconds
}

// Exchanges returns what a run asked, from the n-th on.
func (c *Collector) Exchanges(ctx context.Context, run, after int64, limit int) ([]Exchange, error) {
	return store.All[Exchange](ctx, c.Book.DB, "SELECT n, kind, request, status, bytes, sha256, at, took FROM exchange WHERE run = $1 AND n > $2 ORDER BY n LIMIT $3", run, after, limit)
}

// LastRuns returns the newest runs of a connection, newest first.
func (c *Collector) LastRuns(ctx context.Context, connection string, limit int) ([]record.Version, error) {
	page, err := c.Book.List(ctx, record.Query{Kind: RunKind, Where: fmt.Sprintf("r.connection == %q", connection), Limit: limit})
	return page.Versions, err
}

// Package store opens the database: SQLite or PostgreSQL behind one SQL text. The one rule: a write happens only inside
// DB.Write, one at a time for the whole workspace, so that recorded time and the ledger have a single order.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
)

// Engine names a database engine.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// ErrNotFound is returned by One when no row matches.
var ErrNotFound = errors.New("no row")

// Q runs SQL: a DB (each statement its own snapshot) or a Tx.
type Q interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	Exec(ctx context.Context, query string, args ...any) (int64, error)
}

// DB is an open database. It is trusted for durability and isolation, not for integrity: the ledger proves that.
type DB struct {
	Engine Engine
	path   string  // SQLite: the file
	read   *sql.DB // many connections
	write  *sql.DB // SQLite: one connection; PostgreSQL: the same pool as read
	turn   turnstile
	stmts  statements // prepared on read
	conn   *sql.Conn  // SQLite: the writing connection
	mine   statements // prepared on conn
}

// Tx is a transaction.
type Tx struct {
	tx    *sql.Tx
	db    *DB
	cache *statements // on SQLite's writing connection, where every statement belongs to the open transaction
}

// Open opens the database that url names, "sqlite:FILE" or "postgres://…", and brings its schema up to date.
func Open(ctx context.Context, url string) (*DB, error) { return OpenAt(ctx, url, 0) }

// OpenAt is Open for a schema of an older version, for what was written under it.
func OpenAt(ctx context.Context, url string, version int64) (*DB, error) {
	var db *DB
	var err error
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		db, err = openSQLite(ctx, strings.TrimPrefix(url, "sqlite:"))
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		db, err = openPostgres(ctx, url)
	default:
		return nil, badURL(url)
	}
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, db, version); err != nil {
		db.Close()
		return nil, err
	}
	if db.Engine == SQLite {
		if db.conn, err = db.write.Conn(ctx); err != nil {
			db.Close()
			return nil, kind(err)
		}
	}
	return db, nil
}

// Close closes every connection.
func (db *DB) Close() error {
	db.stmts.close()
	db.mine.close()
	if db.conn != nil {
		db.conn.Close()
	}
	err := db.read.Close()
	if db.write != db.read {
		err = errors.Join(db.write.Close(), err)
	}
	return err
}

// Path is the SQLite file, or "".
func (db *DB) Path() string { return db.path }

// Query runs a reading statement.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return again(ctx, func() (*sql.Rows, error) {
		s, err := db.stmts.get(ctx, db.read, query)
		if err != nil {
			return nil, err
		}
		return s.QueryContext(ctx, args...)
	})
}

// Exec on a DB is refused: writes go through Write.
func (db *DB) Exec(context.Context, string, ...any) (int64, error) {
	return 0, errors.New("store: a write outside DB.Write")
}

// Query runs a reading statement in the transaction.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if tx.cache == nil {
		rows, err := tx.tx.QueryContext(ctx, query, args...)
		return rows, kind(err)
	}
	s, err := tx.cache.get(ctx, tx.db.conn, query)
	if err != nil {
		return nil, kind(err)
	}
	rows, err := s.QueryContext(ctx, args...)
	return rows, kind(err)
}

// Exec runs a writing statement and returns how many rows it touched.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	var r sql.Result
	var err error
	if tx.cache == nil {
		r, err = tx.tx.ExecContext(ctx, query, args...)
	} else {
		var s *sql.Stmt
		if s, err = tx.cache.get(ctx, tx.db.conn, query); err != nil {
			return 0, kind(err)
		}
		r, err = s.ExecContext(ctx, args...)
	}
	if err != nil {
		return 0, kind(err)
	}
	return r.RowsAffected()
}

func (tx *Tx) engine() Engine { return tx.db.Engine }

type background struct{}

// Background marks ctx as a job's: its writes let people's writes go first.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, background{}, true)
}

// Write runs fn in a writing transaction; all of it lands or nothing. One writer at a time in the whole workspace.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	job, _ := ctx.Value(background{}).(bool)
	if err := db.turn.enter(ctx, job); err != nil {
		return err
	}
	defer db.turn.leave()
	t, err := again(ctx, func() (*sql.Tx, error) { return db.beginWrite(ctx) })
	if err != nil {
		return err
	}
	defer t.Rollback()
	tx := &Tx{tx: t, db: db}
	if db.Engine == SQLite {
		tx.cache = &db.mine
	}
	if err := fn(tx); err != nil {
		return err
	}
	return kind(t.Commit())
}

// Read runs fn over one consistent snapshot.
func (db *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	t, err := again(ctx, func() (*sql.Tx, error) {
		return db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: db.snapshot()})
	})
	if err != nil {
		return err
	}
	defer t.Rollback()
	return fn(&Tx{tx: t, db: db})
}

// turnstile lets one writer in at a time, people before jobs.
type turnstile struct {
	mu     sync.Mutex
	busy   bool
	people []chan struct{}
	jobs   []chan struct{}
}

func (t *turnstile) enter(ctx context.Context, job bool) error {
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	c := make(chan struct{})
	q := &t.people
	if job {
		q = &t.jobs
	}
	*q = append(*q, c)
	t.mu.Unlock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	for i, o := range *q {
		if o == c {
			*q = append((*q)[:i], (*q)[i+1:]...)
			t.mu.Unlock()
			return ctx.Err()
		}
	}
	t.mu.Unlock()
	t.leave() // the turn came at the same moment: pass it on
	return ctx.Err()
}

func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range []*[]chan struct{}{&t.people, &t.jobs} {
		if len(*q) > 0 {
			c := (*q)[0]
			*q = (*q)[1:]
			close(c)
			return
		}
	}
	t.busy = false
}

// statements keeps prepared statements by their text.
type statements struct {
	mu sync.Mutex
	m  map[string]*sql.Stmt
}

type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

func (s *statements) get(ctx context.Context, db preparer, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	st := s.m[query]
	s.mu.Unlock()
	if st != nil {
		return st, nil
	}
	st, err := db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.m[query]; other != nil {
		st.Close()
		return other, nil
	}
	if s.m == nil {
		s.m = map[string]*sql.Stmt{}
	}
	if len(s.m) > 500 { // a caller builds SQL without bound: keep memory flat
		for q, old := range s.m {
			old.Close()
			delete(s.m, q)
		}
	}
	s.m[query] = st
	return st, nil
}

func (s *statements) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.m {
		st.Close()
	}
	s.m = nil
}

var fieldsOf sync.Map // reflect.Type -> map[string][]int

func columns(t reflect.Type) map[string][]int {
	if m, ok := fieldsOf.Load(t); ok {
		return m.(map[string][]int)
	}
	m := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if c := f.Tag.Get("db"); c != "" {
			m[c] = f.Index
		}
	}
	fieldsOf.Store(t, m)
	return m
}

// All returns every row: T is a struct whose fields are tagged `db:"column"`, or a scalar for one column.
func All[T any](ctx context.Context, q Q, query string, args ...any) ([]T, error) {
	var out []T
	err := Each(ctx, q, func(v T) error { out = append(out, v); return nil }, query, args...)
	return out, err
}

// Each hands every row to fn without keeping them.
func Each[T any](ctx context.Context, q Q, fn func(T) error, query string, args ...any) error {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	t := reflect.TypeFor[T]()
	at := make([][]int, len(names))
	if t.Kind() == reflect.Struct {
		m := columns(t)
		for i, c := range names {
			ix, ok := m[c]
			if !ok {
				return fmt.Errorf("store: column %q has no field in %s", c, t)
			}
			at[i] = ix
		}
	}
	dst := make([]any, len(names))
	for rows.Next() {
		var v T
		if t.Kind() == reflect.Struct {
			rv := reflect.ValueOf(&v).Elem()
			for i := range names {
				dst[i] = rv.FieldByIndex(at[i]).Addr().Interface()
			}
		} else {
			dst[0] = &v
		}
		if err := rows.Scan(dst...); err != nil {
			return err
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return kind(rows.Err())
}

// One returns the first row, or ErrNotFound.
func One[T any](ctx context.Context, q Q, query string, args ...any) (T, error) {
	var first T
	found := errors.New("found")
	err := Each(ctx, q, func(v T) error { first = v; return found }, query, args...)
	if err == found {
		return first, nil
	}
	if err == nil {
		err = ErrNotFound
	}
	return first, err
}

const chunk = 64 // rows a statement: 64 rows of 20 columns stay under both engines' limits

// Insert adds rows, many to a statement.
func Insert(ctx context.Context, q Q, table string, cols []string, rows [][]any) error {
	return insert(ctx, q, table, cols, "", rows)
}

// InsertOr is Insert with a clause after the values, such as ON CONFLICT (id) DO NOTHING.
func InsertOr(ctx context.Context, q Q, table string, cols []string, clause string, rows [][]any) error {
	return insert(ctx, q, table, cols, " "+clause, rows)
}

func insert(ctx context.Context, q Q, table string, cols []string, clause string, rows [][]any) error {
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		if n < chunk {
			n = 1 << (bits(n) - 1) // few distinct statement texts: 64, 32, 16, 8, 4, 2, 1
		}
		args := make([]any, 0, n*len(cols))
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := q.Exec(ctx, insertText(q, table, cols, clause, n), args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func bits(n int) int {
	b := 0
	for ; n > 0; n >>= 1 {
		b++
	}
	return b
}

// insertText writes plain ? on SQLite, whose driver looks every numbered placeholder up by its name, one after the other.
func insertText(q Q, table string, cols []string, clause string, n int) string {
	plain := false
	if e, ok := q.(interface{ engine() Engine }); ok {
		plain = e.engine() == SQLite
	}
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", table, strings.Join(cols, ", "))
	k := 0
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for j := range cols {
			if j > 0 {
				b.WriteByte(',')
			}
			k++
			if plain {
				b.WriteByte('?')
			} else {
				fmt.Fprintf(&b, "$%d", k)
			}
		}
		b.WriteByte(')')
	}
	b.WriteString(clause)
	return b.String()
}

// Marks returns n placeholders from $start on, for IN lists: "$3,$4".
func Marks(start, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", start+i)
	}
	return b.String()
}

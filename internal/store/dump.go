package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Table is a table as it is copied out of one database and into another, of the same engine or not.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
}

// Column is a column, and whether it holds text, bytes or integers.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

const versionTable = "goose_db_version"

// Newest is the newest version of the schema that this release knows.
func Newest() (int64, error) {
	_, n, err := load(SQLite)
	return n, err
}

// Version is the version of the schema.
func Version(ctx context.Context, q Q) (int64, error) {
	return One[int64](ctx, q, "SELECT max(version_id) FROM "+versionTable)
}

// Tables lists what the database holds, in order of name.
func Tables(ctx context.Context, tx *Tx) ([]Table, error) {
	type row struct {
		Table  string `db:"tab"`
		Column string `db:"col"`
		Type   string `db:"typ"`
	}
	query := `SELECT m.name AS tab, c.name AS col, c.type AS typ FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> $1 ORDER BY m.name, c.cid`
	if tx.db.Engine == Postgres {
		query = `SELECT table_name AS tab, column_name AS col, data_type AS typ FROM information_schema.columns
			WHERE table_schema = current_schema() AND table_name <> $1 ORDER BY table_name COLLATE "C", ordinal_position`
	}
	rows, err := All[row](ctx, tx, query, versionTable)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	var out []Table
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].Name != r.Table {
			out = append(out, Table{Name: r.Table})
		}
		c := Column{Name: r.Column}
		switch t := strings.ToLower(r.Type); t {
		case "text":
			c.Type = "text"
		case "bytea":
			c.Type = "bytes"
		case "bigint", "integer":
			c.Type = "integer"
		default:
			return nil, fmt.Errorf("the column %s.%s is of the type %s, which no copy knows", r.Table, r.Column, r.Type)
		}
		t := &out[len(out)-1]
		t.Columns = append(t.Columns, c)
	}
	return out, nil
}

// Rows hands over every row of a table: nil, int64, string or []byte in each column, as its type says.
func Rows(ctx context.Context, tx *Tx, t Table, fn func(row []any) error) error {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	rows, err := tx.Query(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+t.Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	row, into := make([]any, len(names)), make([]any, len(names))
	for rows.Next() {
		for i, c := range t.Columns {
			switch c.Type {
			case "integer":
				into[i] = new(sql.NullInt64)
			case "text":
				into[i] = new(sql.NullString)
			default:
				into[i] = new(sql.Null[[]byte])
			}
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read a row of %s: %w", t.Name, err)
		}
		for i := range into {
			row[i] = nil
			switch v := into[i].(type) {
			case *sql.NullInt64:
				if v.Valid {
					row[i] = v.Int64
				}
			case *sql.NullString:
				if v.Valid {
					row[i] = v.String
				}
			case *sql.Null[[]byte]:
				if v.Valid {
					row[i] = append([]byte{}, v.V...) // an empty value is none the less one
				}
			}
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return kind(rows.Err())
}

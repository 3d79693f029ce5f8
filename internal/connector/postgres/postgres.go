// Package postgres reads a PostgreSQL server as a system in scope, and answers of queries as records. The one rule: it asks in
// transactions that read only, for what its role was granted and no more, and no statement takes longer than a minute.
package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

//go:embed grant.sql
var grant string

// The kinds.
const (
	Setting   = "postgres_setting"
	Role      = "postgres_role"
	Rule      = "postgres_hba"
	Extension = "postgres_extension"
	Database  = "postgres_database"
	Row       = "sql_row"
)

func settings(more ...connector.Setting) []connector.Setting {
	return append([]connector.Setting{
		{Name: "url", Title: "Address", Required: true, Help: "As postgres://USER@HOST:5432/DATABASE, without the password. TLS with a checked certificate unless sslmode says otherwise."},
		{Name: "password", Title: "Password", Secret: true, Help: "Of the role in the address."},
	}, more...)
}

// Connector returns the connector that reads a server.
func Connector() connector.Connector {
	return connector.Connector{
		Name: "postgres", Title: "PostgreSQL", Help: "Reads a server's settings, roles, host rules, extensions and databases; never a table's content.",
		Settings: settings(), Grant: "```sql\n" + grant + "```", Kinds: kinds(),
		Permissions: []connector.Permission{
			{Name: "pg_read_all_settings", Why: "Settings that only superusers see are left out without it.", Kinds: []string{Setting}},
			{Name: "EXECUTE ON FUNCTION pg_hba_file_rules()", Why: "Who may connect from where stands in a file of the server.", Kinds: []string{Rule}},
		},
		Tried: "PostgreSQL 15, as Debian has it, with a role that has just these grants and with one that has none. It never ran against a managed service.",
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			return read(ctx, v, out, func(r *reader) error {
				for _, q := range questions {
					if err := r.ask(q); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// SQL returns the connector that makes records of a query's answer.
func SQL() connector.Connector {
	return connector.Connector{
		Name: "sql", Title: "SQL query", Help: "Makes a record of each row that a query answers, on PostgreSQL or what speaks its protocol, such as Steampipe. The query runs in a transaction that reads only.",
		Settings: settings(
			connector.Setting{Name: "name", Title: "Name of the query", Required: true, Help: "Short, such as open_buckets: the field query of each row."},
			connector.Setting{Name: "query", Title: "Query", Required: true, Lines: true, Help: "One SELECT. Its columns are the fields of row; status, resource and reason are taken as such where they are named so."},
			connector.Setting{Name: "key", Title: "Key", Required: true, Help: "The columns that together name a row, parted by commas."},
		),
		Grant: "```sql\n" + grant + "```", Kinds: []record.Kind{rowKind()},
		Tried: "PostgreSQL 15, as Debian has it. Steampipe speaks the same protocol; the connector never ran against it.",
		Read: func(ctx context.Context, v connector.Values, out connector.Sink) error {
			return read(ctx, v, out, func(r *reader) error { return r.rows(v) })
		},
	}
}

type reader struct {
	ctx  context.Context
	conn *pgx.Conn
	out  connector.Sink
}

// read connects and gives the server's answers within one transaction that reads only.
func read(ctx context.Context, v connector.Values, out connector.Sink, do func(*reader) error) error {
	config, err := pgx.ParseConfig(v["url"])
	if err != nil {
		return fault.New(fault.Invalid, "The address of the server cannot be read.").WithNext("Write it as postgres://USER@HOST:5432/DATABASE.")
	}
	if config.Password != "" && v["password"] == "" {
		return fault.New(fault.Invalid, "The address holds a password, where everybody who may see connections reads it.").WithNext("Take it out, and give it as the secret password.")
	}
	if !strings.Contains(v["url"], "sslmode=") && !local(config.Host) {
		if config, err = pgx.ParseConfig(with(v["url"], "sslmode=verify-full")); err != nil {
			return fault.New(fault.Invalid, "TLS cannot be set up for the server.").WithNext("Name the certificate of its authority with sslrootcert=FILE in the address.")
		}
	}
	if v["password"] != "" {
		config.Password = v["password"]
	}
	config.ConnectTimeout = 20 * time.Second
	for name, value := range map[string]string{"application_name": "tickmark", "default_transaction_read_only": "on", "statement_timeout": "60000", "lock_timeout": "5000"} {
		config.RuntimeParams[name] = value
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // Steampipe prepares nothing
	config.DialFunc = patiently(ctx, config.DialFunc)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return unreachable(config, err)
	}
	defer func() {
		soon, enough := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer enough()
		conn.Close(soon)
	}()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return said(err)
	}
	defer func() {
		soon, enough := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer enough()
		tx.Rollback(soon)
	}()
	return said(do(&reader{ctx, conn, out}))
}

func local(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1" || strings.HasPrefix(host, "/")
}

func with(url, param string) string {
	if strings.Contains(url, "?") {
		return url + "&" + param
	}
	return url + "?" + param
}

// unreachable says why, without what a driver's error may hold of the address.
func unreachable(config *pgx.ConnConfig, err error) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return fault.New(fault.Denied, "The server %s did not let %s in: %s (%s).", config.Host, config.User, pg.Message, pg.Code).WithNext("Check the password, the role and the host rules.")
	}
	if why := connector.Untrusted(config.Host, err); why != "" {
		return fault.New(fault.Unavailable, "%s", why).WithNext("Check the address; renew the certificate, or name its authority in the address with sslrootcert.")
	}
	why := "no connection"
	switch {
	case strings.Contains(err.Error(), "tls") || strings.Contains(err.Error(), "x509") || strings.Contains(err.Error(), "TLS"):
		why = "it offers no TLS, or its certificate cannot be trusted"
	case errors.Is(err, context.DeadlineExceeded) || timedOut(err):
		why = "it did not answer"
	}
	return fault.New(fault.Unavailable, "The server %s, port %d, cannot be reached: %s.", config.Host, config.Port, why).WithNext("Check the address, the network between, and its certificate (sslmode, sslrootcert).")
}

func said(err error) error {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return fault.New(fault.Unavailable, "The server refused: %s (%s).", pg.Message, pg.Code)
	}
	if timedOut(err) && !errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, "The server fell silent in the middle of an answer: nothing came for a long while.").WithNext("Check the network between; what stands is kept, and the next run asks again.")
	}
	return err
}

func timedOut(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// question is one list: each row of its answer is a JSON object, as the server makes it.
type question struct {
	kind, sql, key string
	needs          string
}

// What the session itself set is not the server's.
var questions = []question{
	{kind: Setting, key: "name", needs: "pg_read_all_settings", sql: `SELECT to_jsonb(s) FROM (SELECT name, setting AS value, unit, category, context, source, boot_val AS default_value, pending_restart FROM pg_catalog.pg_settings
		WHERE source NOT IN ('client', 'session') AND name NOT IN ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable', 'in_hot_standby') ORDER BY name) s`},
	{kind: Role, key: "name", sql: `SELECT to_jsonb(s) FROM (SELECT r.rolname AS name, r.rolsuper AS superuser, r.rolbypassrls AS bypasses_row_security, r.rolcreaterole AS creates_roles, r.rolcreatedb AS creates_databases,
		r.rolcanlogin AS can_login, r.rolreplication AS replicates, r.rolconnlimit AS connection_limit, r.rolvaliduntil AS valid_until,
		coalesce((SELECT jsonb_agg(g.rolname ORDER BY g.rolname) FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid), '[]') AS member_of
		FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY r.rolname) s`},
	{kind: Rule, key: "place", needs: "EXECUTE ON FUNCTION pg_hba_file_rules()", sql: `SELECT to_jsonb(s) || jsonb_build_object('place', s.line_number::text) FROM (SELECT line_number, type, database, user_name, address, netmask, auth_method, options, error
		FROM pg_catalog.pg_hba_file_rules ORDER BY line_number) s`},
	{kind: Extension, key: "name", sql: `SELECT to_jsonb(s) FROM (SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY 1) s`},
	{kind: Database, key: "name", sql: `SELECT to_jsonb(s) FROM (SELECT d.datname AS name, pg_catalog.pg_get_userbyid(d.datdba) AS owner, pg_catalog.pg_encoding_to_char(d.encoding) AS encoding, d.datallowconn AS open,
		st.checksum_failures FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_stat_database st ON st.datid = d.oid WHERE NOT d.datistemplate ORDER BY 1) s`},
}

// ask reads one list. What the role may not see is a gap that names the grant; the others are read on.
func (r *reader) ask(q question) error {
	if q.kind == Setting {
		var sees bool
		if err := r.conn.QueryRow(r.ctx, "SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user").Scan(&sees); err != nil {
			return said(err)
		}
		if !sees {
			defer r.out.Missing(connector.Gap{Kind: q.kind, Denied: true, Needs: q.needs, Reason: "The role does not see the settings that only superusers see."})
		}
	}
	if _, err := r.conn.Exec(r.ctx, "SAVEPOINT list"); err != nil { // a refusal would end the transaction
		return said(err)
	}
	type answer struct {
		raw  []byte
		from connector.Answer
	}
	var answers []answer
	n, err := r.query(q.kind, q.sql, func(raw []byte, from connector.Answer) error {
		answers = append(answers, answer{raw, from})
		return nil
	})
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		if _, err := r.conn.Exec(r.ctx, "ROLLBACK TO SAVEPOINT list"); err != nil {
			return said(err)
		}
		r.out.Missing(connector.Gap{Kind: q.kind, Denied: pg.Code == "42501", Needs: q.needs, Reason: fmt.Sprintf("The server refused: %s (%s).", pg.Message, pg.Code)})
		return nil
	}
	if err != nil {
		return err
	}
	for _, a := range answers {
		var m map[string]any
		if err := json.Unmarshal(a.raw, &m); err != nil {
			return err
		}
		key := fmt.Sprint(m[q.key])
		if err := r.out.Item(connector.Item{Kind: q.kind, Key: key, Label: key, Raw: a.raw, From: []connector.Answer{a.from}}); err != nil {
			return err
		}
	}
	r.out.Progress(q.kind, n, n)
	r.out.Complete(q.kind, "")
	return nil
}

// mostAtOnce is how many bytes of rows are one answer: more come in several, each of rows that follow each other.
const mostAtOnce = 4 << 20

// query hands over each row's only column, as the server wrote it, with the answer that it is in: the rows, one a line.
func (r *reader) query(kind, sql string, row func(raw []byte, from connector.Answer) error) (n int, err error) {
	begun := r.out.Now()
	statement := "SQL " + strings.Join(strings.Fields(sql), " ")
	var list [][]byte
	size, part := 0, 0
	record := func(status string) connector.Answer {
		body := append(bytes.Join(list, []byte("\n")), '\n')
		if len(list) == 0 {
			body = []byte{}
		}
		e := connector.Exchange{Kind: kind, Page: true, Request: statement, Status: status, At: begun, Took: r.out.Now().Sub(begun), Bytes: int64(len(body)), SHA256: sha256.Sum256(body), Body: body}
		if part++; part > 1 {
			e.Request += fmt.Sprintf(", part %d of its rows", part)
		}
		return r.out.Exchange(e)
	}
	give := func() error {
		from := record("ok")
		for _, raw := range list {
			if err := row(raw, from); err != nil {
				return err
			}
		}
		list, size, begun = nil, 0, r.out.Now()
		return nil
	}
	rows, err := r.conn.Query(r.ctx, sql)
	if err == nil {
		for rows.Next() {
			var raw []byte
			if err = rows.Scan(&raw); err != nil {
				break
			}
			n++
			list, size = append(list, slices.Clone(raw)), size+len(raw)+1
			if size < mostAtOnce {
				continue
			}
			if err := give(); err != nil {
				rows.Close()
				return n, err
			}
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
	}
	pg := (*pgconn.PgError)(nil)
	switch {
	case errors.As(err, &pg):
		record("refused " + pg.Code)
	case err != nil:
		record("broken off")
	case len(list) > 0 || part == 0:
		err = give()
	}
	return n, err
}

const mostRows = 1_000_000

// rows makes records of a query's answer.
func (r *reader) rows(v connector.Values) error {
	query := strings.TrimRight(strings.TrimSpace(v["query"]), "; \n\t")
	if first := strings.ToLower(strings.SplitN(query+" ", " ", 2)[0]); !slices.Contains([]string{"select", "with", "table", "values"}, strings.TrimSpace(strings.SplitN(first, "\n", 2)[0])) {
		return fault.New(fault.Invalid, "The query does not begin with select.").WithNext("Ask for rows; nothing else is done.")
	}
	keys := strings.FieldsFunc(v["key"], func(r rune) bool { return r == ',' || r == ' ' })
	seen := 0
	_, err := r.query(Row, "SELECT to_jsonb(answer)::text FROM ("+query+"\n) answer", func(raw []byte, from connector.Answer) error {
		if seen++; seen > mostRows {
			return fault.New(fault.TooLarge, "The query answers more than %d rows.", mostRows).WithNext("Ask for less.")
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			return err
		}
		var key []string
		for _, k := range keys {
			if m[k] == nil || string(m[k]) == "null" {
				return fault.New(fault.Invalid, "Row %d has no %s, which names it.", seen, k).WithNext("The setting key must name columns that every row has.")
			}
			key = append(key, plain(m[k]))
		}
		body := map[string]any{"query": v["name"], "id": strings.Join(key, "/"), "row": json.RawMessage(raw)}
		for _, name := range []string{"status", "resource", "reason"} {
			if m[name] != nil && string(m[name]) != "null" {
				body[name] = plain(m[name])
			}
		}
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		return r.out.Item(connector.Item{Kind: Row, Key: v["name"] + "/" + strings.Join(key, "/"), Label: strings.Join(key, "/"), Raw: raw, Body: b, From: []connector.Answer{from}})
	})
	if err != nil {
		return said(err)
	}
	r.out.Complete(Row, "")
	return nil
}

func plain(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

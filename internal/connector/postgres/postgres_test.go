package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

// server is the owner's connection to the tests' PostgreSQL, and the address for a role that is made with what grant.sql says.
func server(t *testing.T, granted bool) (owner *sql.DB, v connector.Values) {
	t.Helper()
	address := os.Getenv("TICKMARK_TEST_POSTGRES")
	if address == "" {
		t.Skip("TICKMARK_TEST_POSTGRES names no server; `make test` starts one")
	}
	owner, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Close() })
	role, password := "r"+strings.ToLower(rand.Text()[:12]), "planted"+rand.Text()
	script := strings.NewReplacer("tickmark", role, "choose one", password).Replace(grant)
	if !granted {
		_, script, _ = strings.Cut(script, "CREATE ROLE")
		script = "CREATE ROLE" + strings.SplitAfter(script, ";")[0]
	}
	if _, err := owner.Exec(script); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := owner.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return owner, connector.Values{"url": u.String(), "password": password, "role": role}
}

func quiet(t *testing.T, rec *connectortest.Recorder, secret string, err error) {
	t.Helper()
	b, _ := json.Marshal([]any{rec.Exchanges(), rec.Gaps(), rec.Items(Setting), rec.Items(Role), rec.Items(Row)})
	if strings.Contains(string(b), secret) || err != nil && strings.Contains(err.Error(), secret) {
		t.Error("the password is in what is kept or said")
	}
}

func TestAServerIsReadWithTheGrantsAndNoMore(t *testing.T) {
	_, v := server(t, true)
	rec := &connectortest.Recorder{}
	if err := Connector().Read(context.Background(), v, rec); err != nil {
		t.Fatal(err)
	}
	for _, p := range rec.Problems(Connector()) {
		t.Error(p)
	}
	quiet(t, rec, v["password"], nil)
	if !rec.Whole() {
		t.Errorf("gaps: %v", rec.Gaps())
	}
	for kind, part := range map[string]string{Setting: `"name": "password_encryption"`, Role: `"can_login": true`, Rule: `"auth_method"`, Extension: `"plpgsql"`, Database: `"owner"`} {
		found := false
		for _, it := range rec.Items(kind) {
			found = found || strings.Contains(string(it.Raw), part)
		}
		if !found {
			t.Errorf("no %s says %s, of %d", kind, part, len(rec.Items(kind)))
		}
	}
	for _, it := range rec.Items(Setting) {
		if it.Key == "statement_timeout" || it.Key == "application_name" {
			t.Errorf("%s is what this session set: %s", it.Key, it.Raw)
		}
	}
	again := rec.Next()
	if err := Connector().Read(context.Background(), v, again); err != nil {
		t.Fatal(err)
	}
	if a, b := len(rec.Items(Setting)), len(again.Items(Setting)); a != b || a < 200 {
		t.Errorf("%d settings, then %d", a, b)
	}
}

func TestWhatARoleMayNotSeeIsAGapThatNamesTheGrant(t *testing.T) {
	_, v := server(t, false)
	rec := &connectortest.Recorder{}
	if err := Connector().Read(context.Background(), v, rec); err != nil {
		t.Fatal(err)
	}
	denied := map[string]string{}
	for _, g := range rec.Gaps() {
		if g.Denied {
			denied[g.Kind] = g.Needs
		}
	}
	if len(denied) != 2 || denied[Setting] != "pg_read_all_settings" || !strings.Contains(denied[Rule], "pg_hba_file_rules") {
		t.Errorf("%v", rec.Gaps())
	}
	if len(rec.Items(Role)) == 0 || len(rec.Items(Database)) == 0 {
		t.Error("what may be seen was not read")
	}
}

func TestAQuerysRowsAreRecordsAndNothingIsWritten(t *testing.T) {
	owner, v := server(t, true)
	table := "t" + strings.ToLower(rand.Text()[:12])
	if _, err := owner.Exec("CREATE TABLE public." + table + " (id int, resource text, status text); INSERT INTO public." + table + " VALUES (1, 'a', 'ok'), (2, 'b', 'alarm'); GRANT SELECT, INSERT, DELETE ON public." + table + " TO " + v["role"] + "; GRANT USAGE ON SCHEMA public TO " + v["role"]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { owner.Exec("DROP TABLE public." + table) })
	ask := func(query, key string) (*connectortest.Recorder, error) {
		rec := &connectortest.Recorder{}
		err := SQL().Read(context.Background(), connector.Values{"url": v["url"], "password": v["password"], "name": "open", "query": query, "key": key}, rec)
		quiet(t, rec, v["password"], err)
		return rec, err
	}
	rec, err := ask("select id, resource, status, 1.50 as price from public."+table+" order by id;", "id")
	if err != nil || len(rec.Items(Row)) != 2 || !rec.Whole() {
		t.Fatal(err, rec.Gaps())
	}
	if it := rec.Items(Row)[1]; it.Key != "open/2" || !strings.Contains(string(it.Body), `"status":"alarm"`) || !strings.Contains(string(it.Body), `1.50`) {
		t.Errorf("%s %s", it.Key, it.Body)
	}
	for query, says := range map[string]string{
		"delete from public." + table: "does not begin with select",
		"with gone as (delete from public." + table + " returning id) select id from gone":                                "refused",
		"select id from public." + table + ") x; delete from public." + table + "; select 1 from (select 1 as id":         "refused",
		"select id from public." + table + ") x; commit; delete from public." + table + "; select 1 from (select 1 as id": "refused",
		"select nothing from public." + table:                       "refused",
		"select resource from public." + table:                      "has no id",
		"select id from pg_sleep(0), public." + table + " where id": "refused",
	} {
		if rec, err := ask(query, "id"); err == nil || !strings.Contains(err.Error(), says) || len(rec.Items(Row)) > 0 && rec.Whole() {
			t.Errorf("%s: %v", query, err)
		}
	}
	var n int
	if err := owner.QueryRow("SELECT count(*) FROM public." + table).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows stand: %v", n, err)
	}
}

func TestAServerThatCannotBeReachedIsNamedWithoutThePassword(t *testing.T) {
	for address, says := range map[string]string{
		"postgres://ada:planted-secret@127.0.0.1:1/x":  "holds a password",
		"postgres://ada@127.0.0.1:1/x":                 "cannot be reached",
		"mysql://x":                                    "cannot be read",
		"postgres://ada@tickmark-nowhere.invalid/x":    "cannot be reached",
		"postgres://ada@127.0.0.1:1/x?sslmode=sideway": "cannot be read",
	} {
		rec := &connectortest.Recorder{}
		err := Connector().Read(context.Background(), connector.Values{"url": address}, rec)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "planted-secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

package interop

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5"
	"github.com/rs/zerolog"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/workspace"
)

// network is what the network does to what a service answers, in toxiproxy's words.
type network struct {
	name, toxic string
	whole       bool     // everything is read all the same
	says        []string // one of these is in the reason
	cloud       bool     // also before what is asked hundreds of questions, which takes its time
}

// broken are the words for an answer that did not come, or not whole. A service whose answers are cut off may say an error next.
var broken = []string{"cannot be reached", "could not be reached", "broke off", "did not answer", "reset", "closed", "EOF", "answered 500"}

var networks = []network{
	{name: "is slow", whole: true, cloud: true, toxic: `{"type":"latency","attributes":{"latency":40,"jitter":30}}`},
	{name: "brings it in crumbs", whole: true, toxic: `{"type":"slicer","attributes":{"average_size":700,"size_variation":300,"delay":50}}`},
	{name: "resets at once", toxic: `{"type":"reset_peer","attributes":{"timeout":0}}`, says: broken},
	{name: "resets in the middle", cloud: true, toxic: `{"type":"reset_peer","attributes":{"timeout":60}}`, says: broken},
	{name: "brings the first 300 bytes", toxic: `{"type":"limit_data","attributes":{"bytes":300}}`, says: broken},
	{name: "brings half of it", cloud: true, toxic: `{"type":"limit_data","attributes":{"bytes":30000}}`, says: broken},
	{name: "says no more", toxic: `{"type":"timeout","attributes":{"timeout":300}}`, says: broken},
}

// through is a proxy before a service, whose network can be made bad.
func through(t *testing.T, upstream string) *toxiproxy.Proxy {
	t.Helper()
	p := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "service", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// free is an address at which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answers waits until a service does.
func answers(t *testing.T, at string) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		if r, err := http.Get(at); err == nil {
			r.Body.Close()
			return
		}
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("%s does not answer", at)
		}
	}
}

// post sends the form of a question of IAM, which the emulator takes without a true signature.
func post(t *testing.T, at, form string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", form, answer.Status, body)
	}
}

// A bad network between the collector and a real PostgreSQL: the run says what happened, what stood stands, and the next run over a good one
// has each change once, no object twice and none that is missing.
func TestABadNetworkBeforeADatabase(t *testing.T) {
	at := os.Getenv("TICKMARK_TEST_POSTGRES")
	if at == "" {
		t.Skip("TICKMARK_TEST_POSTGRES names no server; scripts/test starts one")
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	db, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	do := func(statement string) {
		t.Helper()
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	table := "bucket_" + strings.ToLower(fmt.Sprint(time.Now().UnixNano()))
	do("CREATE TABLE " + table + " (id int PRIMARY KEY, note text)")
	t.Cleanup(func() { db.Exec(context.Background(), "DROP TABLE "+table) })
	do("INSERT INTO " + table + " SELECT i, repeat('x', 60) FROM generate_series(1, 2000) i")
	p := through(t, u.Host)
	password, _ := u.User.Password()
	address := url.URL{Scheme: "postgres", User: url.User(u.User.Username()), Host: p.Listen, Path: u.Path, RawQuery: u.RawQuery}
	endure(t, p, collect.Connection{Name: "buckets", Connector: "sql", Settings: map[string]string{"url": address.String(), "name": "buckets", "key": "id",
		"query": "SELECT id, note FROM " + table + " ORDER BY id"}}, map[string]secret.Value{"password": secret.Of(password)}, "sql_row", 2000, func(n int) {
		do(fmt.Sprintf("DELETE FROM %s WHERE id = %d", table, n+1))
		do(fmt.Sprintf("INSERT INTO %s VALUES (%d, 'new')", table, 10_000+n))
		do(fmt.Sprintf("UPDATE %s SET note = 'changed' WHERE id = %d", table, 1000+n))
	})
}

// The same before an emulated AWS, which is asked hundreds of questions and not one.
func TestABadNetworkBeforeACloud(t *testing.T) {
	if os.Getenv("TICKMARK_TEST_HEAVY") == "" {
		t.Skip("a cloud answers thousands of questions through a bad network for minutes: TICKMARK_TEST_HEAVY")
	}
	program, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not installed: pip install 'moto[server]==5.2.1'")
	}
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	upstream := free(t)
	_, port, _ := strings.Cut(upstream, ":")
	c := exec.Command(program, "-H", "127.0.0.1", "-p", port)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	answers(t, "http://"+upstream+"/moto-api/data.json")
	aws := func(form string) {
		t.Helper()
		post(t, "http://"+upstream, form)
	}
	for i := range 60 {
		aws(fmt.Sprintf("Action=CreateUser&Version=2010-05-08&UserName=user%d", i))
	}
	p := through(t, upstream)
	endure(t, p, collect.Connection{Name: "cloud", Connector: "aws", Settings: map[string]string{"endpoint": "http://" + p.Listen, "regions": "eu-west-1", connector.PerMinute: "1000000"}}, nil,
		"aws_iam_user", 60, func(n int) {
			aws(fmt.Sprintf("Action=DeleteUser&Version=2010-05-08&UserName=user%d", n))
			aws(fmt.Sprintf("Action=CreateUser&Version=2010-05-08&UserName=new%d", n))
		})
}

// endure reads a service over each bad network, between changes that change makes there: of its kind the number of objects stays.
func endure(t *testing.T, p *toxiproxy.Proxy, c collect.Connection, secrets map[string]secret.Value, kind string, objects int, change func(n int)) {
	t.Helper()
	w, err := workspace.Open(t.Context(), workspace.Options{Data: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if _, err := w.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, k := range w.Collect.Connectors { // retries are not waited for
		if read := k.Read; read != nil {
			w.Collect.Connectors[i].Read = func(ctx context.Context, v connector.Values, out connector.Sink) error {
				return read(connector.Patience(ctx, time.Millisecond), v, out)
			}
		}
	}
	if _, err := w.Collect.Add(t.Context(), record.Job("person:ada"), c, secrets); err != nil {
		t.Fatal(err)
	}
	run := func() collect.Summary {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		got, err := w.Collect.Run(ctx, c.Name, nil)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	open := func() map[string]store.Moment {
		t.Helper()
		out := map[string]store.Moment{}
		if err := w.Book.EachOpen(t.Context(), w.DB, kind, func(v record.Version) error {
			if _, twice := out[v.Key]; twice {
				t.Errorf("%s is there twice", v.Key)
			}
			out[v.Key] = v.From
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	read := func(s collect.Summary) (out struct{ fresh, changed, gone int64 }) {
		for _, k := range s.Kinds {
			if k.Kind == kind {
				out.fresh, out.changed, out.gone = int64(k.New), int64(k.Changed), int64(k.Closed)
			}
		}
		return out
	}
	known := func(s collect.Summary) []string { // what the service never answers, over any network
		var out []string
		for _, m := range s.Missing {
			out = append(out, m.Kind+" "+m.Part)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	first := run()
	usual := known(first)
	if got := read(first); got.fresh != int64(objects) {
		t.Fatalf("%d of %d read: %+v", got.fresh, objects, first)
	}
	for n, bad := range networks {
		if c.Connector == "aws" && !bad.cloud {
			continue
		}
		t.Run(bad.name, func(t *testing.T) {
			stood := open()
			change(n)
			if _, err := p.Toxics.AddToxicJson(strings.NewReader(strings.TrimSuffix(bad.toxic, "}") + `,"name":"bad","stream":"downstream"}`)); err != nil {
				t.Fatal(err)
			}
			got := run()
			if err := p.Toxics.RemoveToxic(t.Context(), "bad"); err != nil {
				t.Fatal(err)
			}
			now := open()
			if bad.whole {
				if missing := known(got); !slices.Equal(missing, usual) || len(now) != objects {
					t.Errorf("%v is missing, of %d there are %d", got.Missing, objects, len(now))
				}
			} else {
				if !slices.ContainsFunc(got.Missing, func(m collect.Missing) bool {
					return slices.ContainsFunc(bad.says, func(s string) bool { return strings.Contains(m.Reason, s) })
				}) {
					t.Errorf("the run is %s and says %+v", got.Outcome, got.Missing)
				}
			}
			healed := run()
			if missing := known(healed); !slices.Equal(missing, usual) {
				t.Errorf("the run that should heal it lacks %v: %+v", missing, healed.Missing)
			}
			after := open()
			for key := range stood {
				_, still := now[key]
				if _, is := after[key]; is && !still {
					t.Errorf("%s was closed and is there", key)
				}
			}
			for key := range now {
				_, before := stood[key]
				if _, is := after[key]; !is && !before {
					t.Errorf("%s was made up", key)
				}
			}
			untouched := maps.Clone(after)
			maps.DeleteFunc(untouched, func(key string, from store.Moment) bool { return stood[key] == from })
			if len(after) != objects || len(untouched) > 2 {
				t.Errorf("%d of %d objects, %d of them new or changed", len(after), objects, len(untouched))
			}
			if again := read(run()); again.fresh+again.changed+again.gone != 0 {
				t.Errorf("reading the same again wrote %+v", again)
			}
		})
	}
}

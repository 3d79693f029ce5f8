package collect_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

var member = record.Kind{Name: "member", Label: "name", Collected: true, Fields: []record.Field{
	{Name: "id", Type: record.Text}, {Name: "name", Type: record.Text, Personal: true}, {Name: "role", Type: record.Text},
	{Name: "seen", Type: record.Integer, Volatile: true},
	{Name: "hook", Type: record.Object, Fields: []record.Field{{Name: "secret", Type: record.Text, Secret: true}}}}}

// office is a service whose members are listed in pages, with a question about each for its keys.
type office struct {
	mu      sync.Mutex
	members []map[string]any
	said    map[[32]byte][]byte
	server  *httptest.Server
}

const planted = "planted-credential-7351"

func newOffice(t testing.TB, n int) *office {
	o := &office{said: map[[32]byte][]byte{}}
	for i := range n {
		m := map[string]any{"id": fmt.Sprint(i), "name": fmt.Sprintf("Person %d", i), "role": "member", "seen": 1, "about": strings.Repeat(fmt.Sprintf("line %d of it. ", i), 20)}
		if i == 3 {
			m["hook"] = map[string]any{"url": "https://example.org", "secret": planted}
		}
		o.members = append(o.members, m)
	}
	o.server = httptest.NewServer(http.HandlerFunc(o.serve))
	t.Cleanup(o.server.Close)
	return o
}

func (o *office) serve(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var body []byte
	if r.URL.Path == "/token" {
		body = []byte(`{"access_token":"granted-bearer-9921","token_type":"bearer","expires_in":3600}`)
	} else if id, is := strings.CutPrefix(r.URL.Path, "/keys/"); is {
		answer := map[string]any{"keys": []string{"key of " + id}}
		if id == "0" {
			answer["you"] = "hunter2-of-the-office" // the credential
		}
		body, _ = json.Marshal(answer)
	} else {
		page := 0
		fmt.Sscan(r.URL.Query().Get("page"), &page)
		end := min((page+1)*25, len(o.members))
		out := map[string]any{"items": o.members[page*25 : end]}
		if end < len(o.members) {
			out["next"] = fmt.Sprintf("/members?page=%d&cursor=%d", page+1, time.Now().UnixNano())
		}
		body, _ = json.MarshalIndent(out, "", "  ")
		body = append(body, '\n')
	}
	o.said[sha256.Sum256(body)] = body
	w.Write(body)
}

func (o *office) set(i int, name string, value any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.members[i][name] = value
}

// of is a collector of the office, in a workspace.
func (o *office) of(t testing.TB, db *store.DB) *collect.Collector {
	t.Helper()
	c := collectorOf(t, db, &shelf{}, box, member)
	service := connector.Service{Base: func(connector.Values) string { return o.server.URL }, Next: connector.URLPages("next"),
		Token: func(ctx context.Context, v connector.Values, from *connector.Issuer) (connector.Token, error) {
			return from.OAuth(ctx, "/token", map[string][]string{"client_secret": {v["key"]}})
		},
		Lists: []connector.List{{Kind: "member", Path: "/members", Items: "items", Key: "id", Label: "name", Parts: []connector.Call{{Name: "keys", Path: "/keys/{id}", Member: "keys"}}}}}
	c.Connectors = append(c.Connectors, connector.WithPrivate(connector.Connector{Name: "office", Title: "Office", Kinds: []record.Kind{member},
		Settings: []connector.Setting{{Name: "endpoint"}, {Name: "key", Secret: true, Required: true}}, Read: service.Read}))
	if _, err := c.Add(context.Background(), record.Job("person:ada"), collect.Connection{Name: "office", Connector: "office", Settings: map[string]string{connector.Private: "yes"}},
		map[string]secret.Value{"key": secret.Of("hunter2-of-the-office")}); err != nil {
		t.Fatal(err)
	}
	return c
}

func visit(t testing.TB, c *collect.Collector) collect.Summary {
	t.Helper()
	s, err := c.Run(context.Background(), "office", nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Outcome != collect.Complete {
		t.Fatalf("the run is %s: %v", s.Outcome, s.Missing)
	}
	return s
}

// sources are the answers behind the version of a member that holds, and their bytes; of one that is gone, nil.
func (o *office) sources(t testing.TB, c *collect.Collector, key string) (list []record.Source, bodies [][]byte) {
	t.Helper()
	v, err := c.Book.Get(context.Background(), "member", key, 0)
	if err != nil {
		t.Fatal(err)
	}
	if list, err = c.Book.SourcesOf(context.Background(), c.Book.DB, v.ID); err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Run != v.Run {
			t.Errorf("member %s is of run %d and came from run %d", key, v.Run, s.Run)
		}
		_, body, err := c.Answer(context.Background(), s.Run, s.N)
		if s.Gone == "" && err != nil {
			t.Fatal(err)
		}
		o.mu.Lock()
		said, was := o.said[[32]byte(s.SHA256)]
		o.mu.Unlock()
		if !was {
			t.Errorf("nothing with the hash of %s was ever answered", s.Request)
		}
		if s.Gone == "" && len(s.Edited) == 0 && !bytes.Equal(said, body) {
			t.Errorf("%s is not as it was answered", s.Request)
		}
		bodies = append(bodies, body)
	}
	return list, bodies
}

func TestEveryVersionIsTracedToTheUneditedAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		o := newOffice(t, 60)
		c := o.of(t, db)
		first := visit(t, c)
		if first.Kept != 3+59 || first.Traced == "" {
			t.Fatalf("%d answers are kept of 3 pages and 59 questions", first.Kept)
		}
		for i := 1; i < 60; i++ {
			list, bodies := o.sources(t, c, fmt.Sprint(i))
			if len(list) != 2 || !strings.Contains(list[0].Request, "/members") || !strings.Contains(list[1].Request, fmt.Sprintf("/keys/%d", i)) {
				t.Fatalf("member %d was made of %+v", i, list)
			}
			if !bytes.Contains(bodies[0], fmt.Appendf(nil, `"Person %d"`, i)) || !bytes.Contains(bodies[1], fmt.Appendf(nil, `"key of %d"`, i)) {
				t.Errorf("the answers of member %d do not speak of it", i)
			}
		}

		list, bodies := o.sources(t, c, "4") // beside the one with a secret
		if len(list[0].Edited) != 1 || list[0].Edited[0] != "/items/3/hook/secret" {
			t.Errorf("the page with the secret is edited at %q", list[0].Edited)
		}
		if bytes.Contains(bodies[0], []byte(planted)) || !bytes.Contains(bodies[0], []byte(`"secret": "digest:`)) {
			t.Errorf("the secret stands in the kept answer: %s", bodies[0])
		}

		if s := visit(t, c); s.Kept != 0 {
			t.Errorf("%d answers are kept of a run that brought nothing", s.Kept)
		}
		o.set(30, "seen", 2)
		if s := visit(t, c); s.Kept != 0 {
			t.Errorf("%d answers are kept where a volatile value changed", s.Kept)
		}
		o.set(30, "role", "owner")
		if s := visit(t, c); s.Kept != 2 {
			t.Errorf("%d answers are kept where one member changed", s.Kept)
		}
		if list, _ := o.sources(t, c, "30"); len(list) != 2 || list[0].Run != 4 {
			t.Errorf("the changed member came from %+v", list)
		}
		if list, _ := o.sources(t, c, "31"); len(list) != 2 || list[0].Run != 1 {
			t.Errorf("its neighbour came from %+v", list)
		}
	})
}

func TestSecretsAreNowhereInTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.db")
	db, err := store.Open(context.Background(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, 30)
	c := o.of(t, db)
	visit(t, c)
	list, _ := o.sources(t, c, "0")
	if !strings.Contains(list[1].Gone, "credential") {
		t.Errorf("an answer that holds the connection's credential is kept: %+v", list[1])
	}
	ids, err := store.All[int64](context.Background(), db, "SELECT id FROM answer WHERE body IS NOT NULL")
	if err != nil || len(ids) < 30 {
		t.Fatalf("%d answers are kept, %v", len(ids), err)
	}
	for _, id := range ids { // those are packed, so that the file alone does not show it
		_, body, err := c.Answer(context.Background(), id>>24, id&(1<<24-1))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{planted, "granted-bearer-9921", "hunter2-of-the-office"} {
			if bytes.Contains(body, []byte(s)) {
				t.Errorf("%s stands in a kept answer", s)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{planted, "granted-bearer-9921", "hunter2-of-the-office"} {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s stands in %s", s, filepath.Base(f))
			}
		}
	}
}

func TestAnswersAreToldOneByTheOtherAndNoneIsLost(t *testing.T) {
	const pages = 140 // beyond one chain
	var said [][]byte
	boxes := map[string]any{}
	for i := range 100 {
		boxes[fmt.Sprintf("b%03d", i)] = strings.Repeat(fmt.Sprintf("box %d, ", i*7919), 40)
	}
	s := &shelf{then: func(out connector.Sink) error {
		for i := range pages {
			boxes[fmt.Sprintf("b%03d", i*37%100)] = fmt.Sprintf("changed for the %d. time", i)
			body, _ := json.Marshal(boxes)
			said = append(said, body)
			from := out.Exchange(connector.Exchange{Kind: "box", Request: fmt.Sprintf("GET /boxes?at=%d", i), Status: "200", At: out.Now(), Place: "/boxes", Body: body, Bytes: int64(len(body)), SHA256: sha256.Sum256(body)})
			if err := out.Item(connector.Item{Kind: "box", Key: fmt.Sprint(i), Raw: []byte(`{"id":"b"}`), From: []connector.Answer{from}}); err != nil {
				return err
			}
		}
		return nil
	}}
	db := storetest.SQLite(t)
	c := collector(t, db, s)
	if got := run(t, c); got.Kept != pages {
		t.Fatalf("%d answers are kept of %d", got.Kept, pages)
	}
	for i := range pages {
		_, body, err := c.Answer(context.Background(), 1, int64(i+1))
		if err != nil || !bytes.Equal(body, said[i]) {
			t.Fatalf("answer %d is another by now: %v", i+1, err)
		}
	}
	type sum struct {
		N int64 `db:"n"`
		B int64 `db:"b"`
	}
	told, err := store.One[sum](context.Background(), db, "SELECT count(*) AS n, sum(length(body)) AS b FROM answer WHERE link > 0")
	if err != nil {
		t.Fatal(err)
	}
	if told.N != pages-2 || told.B/told.N > 60 {
		t.Errorf("%d answers of %d bytes are told by the one before, in %d bytes each", told.N, len(said[0]), told.B/told.N)
	}

	// What is not what was received is not given out.
	other := bytes.Repeat([]byte{1}, 32)
	for _, spoil := range []string{"UPDATE exchange SET sha256 = $1 WHERE n = 10", "UPDATE answer SET kept = $1 WHERE id = 16777216 + 99", "UPDATE answer SET question = 0, kept = $1 WHERE id = 16777216 + 100"} {
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Exec(context.Background(), spoil, other)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Answer(context.Background(), 1, 10); !fault.Is(err, fault.Invalid) {
			t.Errorf("after %s an answer is given out: %v", spoil, err)
		}
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			h := sha256.Sum256(said[9])
			if _, err := tx.Exec(context.Background(), "UPDATE exchange SET sha256 = $1 WHERE n = 10", h[:]); err != nil {
				return err
			}
			_, err := tx.Exec(context.Background(), "UPDATE answer SET kept = NULL, question = 1 WHERE kept IS NOT NULL")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Answer(context.Background(), 1, 10); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Write(context.Background(), func(tx *store.Tx) error { // other bytes, whole by themselves
		_, err := tx.Exec(context.Background(), "UPDATE answer SET link = 0, body = $1 WHERE id = 16777216 + 10", []byte("\x00other bytes"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Answer(context.Background(), 1, 10); !fault.Is(err, fault.Invalid) {
		t.Errorf("bytes that were put in the place of an answer are given out: %v", err)
	}
}

func TestErasureDestroysTheAnswersThatHeldTheRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		o := newOffice(t, 60)
		c := o.of(t, db)
		visit(t, c)
		o.set(5, "role", "owner")
		visit(t, c)
		hold := func(key string) {
			body := fmt.Sprintf(`{"on_kind":"member","on":"member/%s","reason":"a suit"}`, key)
			if _, err := c.Book.Put(ctx, record.Job("person:ada"), record.Change{Kind: "hold", Key: "h", Body: []byte(body), Reason: "held"}); err != nil {
				t.Fatal(err)
			}
		}
		hold("7")
		if err := c.Book.Erase(ctx, record.Job("person:ada"), "member", "6", "asked to"); !fault.Is(err, fault.Denied) {
			t.Fatalf("an answer that holds a record under a legal hold is destroyed: %v", err)
		}
		if err := c.Book.Erase(ctx, record.Job("person:ada"), "member", "30", "asked to"); err != nil {
			t.Fatal(err)
		}
		if list, _ := o.sources(t, c, "31"); list[0].Gone == "" || !strings.Contains(list[0].Gone, "erased") || list[0].SHA256 == nil || list[1].Gone != "" {
			t.Errorf("the page that held the erased member: %+v", list)
		}
		if list, _ := o.sources(t, c, "5"); list[0].Gone != "" {
			t.Errorf("another page is gone: %+v", list)
		}
		if list, _ := o.sources(t, c, "55"); list[0].Gone != "" {
			t.Errorf("another page is gone: %+v", list)
		}
		for _, table := range []string{"answer"} {
			n, err := store.One[int64](ctx, db, "SELECT count(*) FROM "+table+" WHERE gone > 0 AND body IS NOT NULL")
			if err != nil || n != 0 {
				t.Errorf("%d bodies are left of what is gone, %v", n, err)
			}
		}
		// What is answered later is kept again, and does not rest on what went.
		o.set(31, "role", "owner")
		visit(t, c)
		if list, _ := o.sources(t, c, "31"); list[0].Gone != "" {
			t.Errorf("the next answer is not kept: %+v", list[0])
		}
		if _, err := c.Book.Verify(ctx, nil); err != nil {
			t.Error(err)
		}
		// One that came to the page of a held one without a change is known to stand there.
		o.mu.Lock()
		o.members = o.members[1:]
		o.mu.Unlock()
		o.set(9, "role", "owner")
		visit(t, c)
		if err := c.Book.Erase(ctx, record.Job("person:ada"), "member", "25", "asked to"); !fault.Is(err, fault.Denied) {
			t.Errorf("the page that holds it by now is forgotten: %v", err)
		}
	})
}

func TestRetentionDropsAnAnswerWithAllThatItBrought(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		o := newOffice(t, 25)
		c := o.of(t, db)
		now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		c.Book.Log.Clock = func() time.Time { return now }
		visit(t, c)
		for i := range 4 { // runs 2 to 5: each ends what the one before said of member 1
			now = now.AddDate(0, 0, 1)
			o.set(1, "role", fmt.Sprintf("role %d", i))
			if i == 1 {
				o.set(2, "role", "stays") // run 3 brought something that holds
			}
			visit(t, c)
		}
		now = now.AddDate(1, 0, 0)
		if err := c.Book.Log.Write(ctx, func(tx *ledger.Tx) error {
			ended, err := c.Book.EndedBy(ctx, tx, "member", tx.Now, 0, 1000)
			if err != nil {
				return err
			}
			if len(ended) != 4+1 {
				t.Errorf("%d versions ended", len(ended))
			}
			_, err = c.Book.Drop(ctx, tx, "job:retention", record.Dropping{Kind: "member", Rule: "member", Days: 30}, ended)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for run, gone := range map[int64]bool{1: false, 2: true, 3: false, 4: true, 5: false} {
			id, err := store.One[int64](ctx, db, "SELECT min(id) - $1 FROM answer WHERE id BETWEEN $1 AND $2", run<<24, (run+1)<<24-1)
			if err != nil {
				t.Fatal(err)
			}
			s, body, err := c.Answer(ctx, run, id)
			if gone != strings.Contains(s.Gone, "retention rule") || gone == (err == nil) {
				t.Errorf("the answer of run %d: %+v, %v", run, s, err)
			}
			if !gone && !bytes.Equal(body, o.said[[32]byte(s.SHA256)]) && s.Edited == nil {
				t.Errorf("the answer of run %d is another by now", run)
			}
		}
	})
}

func TestVerifyingNamesTheAnswerOrRunThatIsWrong(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		o := newOffice(t, 60)
		c := o.of(t, db)
		visit(t, c)
		o.set(1, "role", "owner")
		visit(t, c)
		if err := c.Book.Erase(ctx, record.Job("person:ada"), "member", "30", "asked to"); err != nil {
			t.Fatal(err)
		}
		p, err := c.VerifyAnswers(ctx, nil)
		if err != nil || p.Runs != 2 || p.Answers != 3+59-2+2 || p.Gone != 2 || p.Unkept != 1 || p.Traces != 61 {
			t.Fatalf("%+v, %v", p, err)
		}
		gone, err := store.One[int64](ctx, db, "SELECT min(gone) FROM answer WHERE gone > 0")
		if err != nil {
			t.Fatal(err)
		}
		runs := map[int64]record.Commits{}
		if err := c.Book.EachOpen(ctx, db, collect.RunKind, func(v record.Version) error {
			s, err := collect.ParseSummary(v)
			runs[s.Number] = record.Commits{Traced: s.Traced}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		number := func(request string) int64 { // of an answer of run 1, which come in any order
			n, err := store.One[int64](ctx, db, "SELECT n FROM exchange WHERE run = 1 AND request LIKE $1", "%"+request)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		n, other := number("/keys/7"), number("/keys/8")
		const first = "WHERE id = (SELECT min(id) FROM version WHERE answers IS NOT NULL)" // of run 1
		answer, named, asked := fmt.Sprintf("WHERE id = 16777216 + %d", n), fmt.Sprintf("answer %d of run 1", n), fmt.Sprintf("WHERE run = 1 AND n = %d", n)
		for name, x := range map[string]struct {
			spoil string
			with  any
			says  string
		}{
			"other bytes":        {"UPDATE answer SET body = $1 " + answer, []byte("\x00other"), named + " (GET "},
			"bytes in no order":  {"UPDATE answer SET body = $1 " + answer, []byte{9, 9}, named},
			"bytes removed":      {"UPDATE answer SET body = NULL WHERE id = 16777216 + $1", n, named + " (GET "},
			"said to be erased":  {"UPDATE answer SET body = NULL, gone = $1 " + answer, gone, "which destroyed others"},
			"erased by nothing":  {"UPDATE answer SET body = NULL, gone = $1 " + answer, 1, "which destroyed nothing"},
			"said to be unkept":  {"UPDATE answer SET body = NULL, why = $1 " + answer, "It is long.", "the answers of run 1"},
			"another request":    {"UPDATE exchange SET request = $1 " + asked, "GET /members", "the answers of run 1"},
			"another status":     {"UPDATE exchange SET status = $1 " + asked, "204", "the answers of run 1"},
			"another hash":       {"UPDATE exchange SET sha256 = $1 " + asked, make([]byte, 32), "the answers of run 1"},
			"traced to another":  {"UPDATE version SET answers = $1 " + first, []byte{2, 4}, "the answers of run 1"},
			"traced to none":     {"UPDATE version SET answers = NULL WHERE $1 = 1 AND id = (SELECT min(id) FROM version WHERE answers IS NOT NULL)", 1, "the answers of run 1"},
			"traced to nothing":  {"UPDATE version SET answers = $1 " + first, []byte{127}, "answer 127 of run 1, which is not on record"},
			"an answer removed":  {"DELETE FROM answer WHERE id = 16777216 + $1", n, "run 1"},
			"a question removed": {"DELETE FROM exchange WHERE run = 1 AND n = $1", other, fmt.Sprintf("answer %d of run 1", other)},
			"a run removed":      {"UPDATE answer SET id = id + $1 WHERE id > 33554432", 16777216, "run 3"},
		} {
			var said error
			giveUp := errors.New("nothing of it is kept")
			err := db.Write(ctx, func(tx *store.Tx) error {
				n, err := tx.Exec(ctx, x.spoil, x.with)
				if err != nil || n == 0 {
					return fmt.Errorf("%d rows, %w", n, err)
				}
				_, said = c.Book.VerifyAnswers(ctx, tx, runs, nil)
				return giveUp
			})
			if !errors.Is(err, giveUp) {
				t.Fatalf("%s: %v", name, err)
			}
			if !fault.Is(said, fault.Invalid) || !strings.Contains(said.Error(), x.says) {
				t.Errorf("%s: %v", name, said)
			}
		}
		if _, err := c.VerifyAnswers(ctx, nil); err != nil {
			t.Error(err)
		}
	})
}

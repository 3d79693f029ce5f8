package collect_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tickmark/internal/collect"
	"tickmark/internal/connector"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store/storetest"
)

// shop is a web service with three pages of boxes, a part of each, and items that only some keys may see.
func shop(t *testing.T, answer func(w http.ResponseWriter, r *http.Request) bool) (*collect.Collector, *httptest.Server) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case answer != nil && answer(w, r):
		case !strings.HasPrefix(key, "good-key"):
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"message":"unknown key %s"}`, key)
		case r.URL.Path == "/boxes":
			page := r.URL.Query().Get("page")
			next := map[string]string{"": `"b"`, "b": `"c"`, "c": "null"}[page]
			fmt.Fprintf(w, `{"total":3,"next":%s,"boxes":[{"id":"box%s"}]}`, next, page)
		case strings.HasPrefix(r.URL.Path, "/boxes/"):
			io.WriteString(w, `{"full":true}`)
		case key == "good-key-of-boxes-only":
			w.WriteHeader(403)
		default:
			io.WriteString(w, `[{"id":"i"}]`)
		}
	}))
	t.Cleanup(srv.Close)
	s := connector.Service{
		Base:    func(v connector.Values) string { return cmp.Or(v["address"], srv.URL) },
		Sign:    func(v connector.Values, h http.Header) error { h.Set("Authorization", "Bearer "+v["key"]); return nil },
		Backoff: time.Millisecond,
		Lists: []connector.List{
			{Kind: "box", Path: "/boxes", Items: "boxes", Key: "id", Total: "total", Next: connector.CursorPages("next", "page"), Needs: "boxes:read",
				Parts: []connector.Call{{Name: "full", Path: "/boxes/{id}", Member: "full", Needs: "boxes:read"}}},
			{Kind: "item", Path: "/items", Key: "id", Needs: "items:read"},
		},
	}
	c := collectorOf(t, storetest.SQLite(t), &shelf{}, box)
	c.Connectors[0].Read = s.Read
	c.Connectors[0].Settings = append(c.Connectors[0].Settings, connector.Setting{Name: "address"})
	if _, err := c.Rotate(t.Context(), record.Job("person:ada"), "shelf", map[string]secret.Value{"key": secret.Of("good-key-of-all")}, "it is the first", nil); err != nil {
		t.Fatal(err)
	}
	return c, srv
}

func TestATrialSaysWhatACredentialReadsAndWritesNothing(t *testing.T) {
	c, _ := shop(t, nil)
	before, err := c.Book.Log.Head(t.Context(), c.Book.DB)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"good-key-of-all":        "box read 1 of 3; item read 1 of 0; 3 questions",
		"good-key-of-boxes-only": "box read 1 of 3; item denied 0 of 0 items:read; 3 questions",
		"bad-key-1234":           "box denied 0 of 0 boxes:read; item denied 0 of 0 items:read; 2 questions",
	} {
		trial, err := c.Try(t.Context(), record.Job("person:ada"), "shelf", map[string]secret.Value{"key": secret.Of(key)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range trial.Rows {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %d of %d %s", r.Kind, r.Outcome, r.Seen, r.Expected, r.Needs)))
		}
		if s := strings.Join(append(got, fmt.Sprintf("%d questions", trial.Requests)), "; "); s != want {
			t.Errorf("%s: %s", key, s)
		}
		if b, _ := json.Marshal(trial); strings.Contains(string(b), key) {
			t.Errorf("the secret is in %s", b)
		}
	}
	if after, err := c.Book.Log.Head(t.Context(), c.Book.DB); err != nil || after.Size != before.Size || count(t, c, "box") != 0 {
		t.Errorf("a trial wrote %d entries, %v", after.Size-before.Size, err)
	}
	if _, err := c.Try(t.Context(), record.Job("person:ada"), "shelf", map[string]secret.Value{"kez": secret.Of("x")}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("a secret that there is not: %v", err)
	}
}

func TestASecretIsReplacedOnlyByOneThatReadsWhatItDid(t *testing.T) {
	c, _ := shop(t, nil)
	ada := record.Job("person:ada")
	if got := run(t, c); got.Outcome != collect.Complete {
		t.Fatalf("%+v", got.Missing)
	}
	turn := func(key string, untested string) error {
		_, err := c.Rotate(t.Context(), ada, "shelf", map[string]secret.Value{"key": secret.Of(key)}, untested, nil)
		if err != nil && key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("the secret is in %v", err)
		}
		return err
	}
	for _, key := range []string{"bad-key-1234", "good-key-of-boxes-only"} {
		if err := turn(key, ""); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "The old one stays") {
			t.Errorf("%s was taken: %v", key, err)
		}
		if got := run(t, c); got.Outcome != collect.Complete {
			t.Errorf("the old secret reads no more: %+v", got.Missing)
		}
	}
	if err := turn("", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty secret: %v", err)
	}
	if err := turn("good-key-of-today", ""); err != nil {
		t.Fatal(err)
	}
	if got := run(t, c); got.Outcome != collect.Complete {
		t.Errorf("the new secret: %+v", got.Missing)
	}
	if err := turn("good-key-of-boxes-only", "the service is down"); err != nil {
		t.Fatal(err)
	}
	got := run(t, c)
	if got.Outcome != collect.Incomplete || len(got.Missing) != 1 || got.Missing[0].Needs != "items:read" {
		t.Errorf("%+v", got.Missing)
	}
	if err := turn("good-key-of-boxes-only", ""); err != nil { // it reads no less than the one before
		t.Error(err)
	}

	if err := turn("bad-key-1234", "the service is down"); err != nil {
		t.Fatal(err)
	}
	if got := run(t, c); len(got.Missing) != 2 {
		t.Fatalf("%+v", got)
	}
	if err := turn("bad-key-5678", ""); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "nothing can be read") {
		t.Errorf("after a run that read nothing one was taken that reads nothing: %v", err)
	}
	if err := turn("good-key-of-boxes-only", ""); err != nil {
		t.Errorf("what reads as much as before the run that read nothing: %v", err)
	}
	acts, err := c.Book.Log.Actions(t.Context(), c.Book.DB, 1<<62, 100)
	if err != nil {
		t.Fatal(err)
	}
	acts = slices.DeleteFunc(acts, func(a ledger.Action) bool { return a.Verb != "connection.secret_replaced" })
	if len(acts) != 6 || !strings.Contains(string(acts[1].Detail), "the service is down") || acts[0].Actor != "person:ada" || acts[0].Subject != "shelf" {
		t.Errorf("on record: %+v", acts)
	}
}

func TestWhatIsSealedIsTriedNowhereElse(t *testing.T) {
	c, _ := shop(t, nil)
	var sent []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	at := func(address, key string) error {
		conn, err := c.Connection(t.Context(), "shelf")
		if err != nil {
			t.Fatal(err)
		}
		conn.Settings = map[string]string{"address": address}
		given := map[string]secret.Value{}
		if key != "" {
			given["key"] = secret.Of(key)
		}
		_, err = c.TryAs(t.Context(), record.Job("person:ada"), conn, given, nil)
		return err
	}
	if err := at(other.URL, ""); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "not sent anywhere else") || len(sent) > 0 {
		t.Errorf("with what is sealed: %v, sent %q", err, sent)
	}
	if err := at("", ""); err != nil {
		t.Errorf("as it is set up: %v", err)
	}
	if err := at(other.URL, "another-key"); err != nil || len(sent) == 0 || sent[0] != "Bearer another-key" {
		t.Errorf("with a secret that is given: %v, sent %q", err, sent)
	}
}

func TestARunSaysHowItsReadingWent(t *testing.T) {
	busy := map[string]bool{}
	c, _ := shop(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/items" && r.Header.Get("Authorization") != "" {
			w.WriteHeader(403)
			return true
		}
		if r.URL.Query().Get("page") == "b" && !busy["b"] {
			busy["b"] = true
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(429)
			return true
		}
		return false
	})
	got := run(t, c)
	if len(got.Kinds) != 2 {
		t.Fatalf("%+v", got.Kinds)
	}
	b, i := got.Kinds[0], got.Kinds[1]
	if b.Read != 3 || b.Expected != 3 || b.Pages != 3 || b.Questions != 7 || b.Throttled != 1 || b.Waited != 1000 || b.Denied != 0 || b.Took < 0 || !b.Complete {
		t.Errorf("boxes: %+v", b)
	}
	if i.Kind != "item" || i.Denied != 1 || i.Pages != 0 || i.Questions != 1 || i.Complete {
		t.Errorf("items: %+v", i)
	}
	if s := strings.Join(b.Course(), ", "); s != "3 pages, 1 times throttled, 1s waited" {
		t.Error(s)
	}
}

func TestASecretThatTheSourceSaysBackIsInNoRecord(t *testing.T) {
	s := &shelf{items: map[string]string{"i": `{"id":"i"}`}}
	c := collector(t, storetest.SQLite(t), s)
	s.then = func(out connector.Sink) error {
		out.Missing(connector.Gap{Kind: "box", Reason: "The key hunter2 is not known."})
		out.Exchange(connector.Exchange{Kind: "box", Request: "GET /boxes?key=hunter2", Status: "refused hunter2", At: out.Now()})
		return fmt.Errorf("refused hunter2")
	}
	got := run(t, c)
	x, err := c.Exchanges(context.Background(), got.Number, 0, 10)
	if err != nil || len(x) != 1 {
		t.Fatal(x, err)
	}
	b, _ := json.Marshal(got)
	if len(got.Missing) == 0 || strings.Contains(string(b)+x[0].Request+x[0].Status, "hunter2") {
		t.Errorf("%s %+v", b, x)
	}
}

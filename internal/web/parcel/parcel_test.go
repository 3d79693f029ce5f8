package parcel_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/control"
	"tickmark/internal/engagement"
	"tickmark/internal/exchange"
	"tickmark/internal/fault"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/person"
	"tickmark/internal/population"
	"tickmark/internal/record"
	"tickmark/internal/secret"
	"tickmark/internal/store/storetest"
	"tickmark/internal/web/form"
	"tickmark/internal/web/parcel"
	"tickmark/internal/web/part"
	"tickmark/internal/web/shell"
)

// TestTheCompanyLooksAnswersAndSendsExactlyWhatItSaw walks the company's pages from the first look to the parcel.
func TestTheCompanyLooksAnswersAndSendsExactlyWhatItSaw(t *testing.T) {
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), storetest.SQLite(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 7, 10, 9, 0, 0, 0, time.UTC)
	log.Clock = func() time.Time { now = now.Add(time.Second); return now }
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.OpenAt(filepath.Join(dir, "files"), "")
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(append(append(append(exchange.Kinds(), engagement.Kinds()...), record.Builtin()...), person.Kind(), control.Kind(), framework.Kind(), population.Kind())...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	office := &exchange.Office{Book: book, Keys: keys, Blobs: blobs}
	me := access.Session{User: access.User{Key: "cleo", Name: "Cleo", Roles: []access.Role{access.Lead}, Person: "cleo"}}
	ctx := t.Context()
	put := func(by record.Authority, kind, key, source, body string) {
		t.Helper()
		if _, err := book.Put(ctx, by, record.Change{Kind: kind, Key: key, Source: source, Body: json.RawMessage(body)}); err != nil {
			t.Fatal(err)
		}
	}
	put(me, "person", "cleo", "", `{"id":"cleo","name":"Cleo Park","email":"cleo@acme.example"}`)
	site := &parcel.Site{Office: office, Company: func(context.Context) string { return "Acme" }, Site: shell.Site{
		Who: func(context.Context) access.Session { return me },
		Show: func(w http.ResponseWriter, r *http.Request, status int, p shell.Page, body templ.Component) error {
			w.WriteHeader(status)
			return body.Render(r.Context(), w)
		},
		Done: func(w http.ResponseWriter, r *http.Request, to, _ string) error {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return nil
		},
		Moves: func(context.Context, record.Version) ([]form.Move, error) { return nil, nil },
		Read: func(_ http.ResponseWriter, r *http.Request) error {
			if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
				return r.ParseMultipartForm(1 << 20)
			}
			return r.ParseForm()
		},
	}}
	mux := http.NewServeMux()
	for pattern, do := range site.Routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := do(w, r.WithContext(part.With(r.Context(), part.View{Now: now, Name: func(key string) string { return key }}))); err != nil {
				http.Error(w, err.Error(), fault.Status(err))
			}
		})
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	get := func(path string) string {
		t.Helper()
		a, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, _ := io.ReadAll(a.Body)
		if a.StatusCode != 200 {
			t.Fatalf("GET %s: %d %s", path, a.StatusCode, b)
		}
		return string(b)
	}
	post := func(path string, in url.Values, status int) string {
		t.Helper()
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		a, err := client.PostForm(server.URL+path, in)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, _ := io.ReadAll(a.Body)
		if a.StatusCode != status {
			t.Fatalf("POST %s: %d, want %d: %s", path, a.StatusCode, status, b)
		}
		return string(b)
	}
	if page := get("/parcels"); !strings.Contains(page, "No exchange yet") || !strings.Contains(page, exchange.Fingerprint(log.VKey)) {
		t.Error("the first page does not say how an exchange begins, or which key is this one's")
	}
	if page := get("/parcels/acme-26/next?record=person/cleo"); !strings.Contains(page, "cleo@acme.example") || strings.Contains(page, "Send exactly this") {
		t.Error("before the exchange the preview shows not what it would tell, or lets it be sent")
	}
	invitation := post("/parcels/invite", url.Values{"engagement": {"acme-26"}, "firm": {"Example CPAs"}}, 200)
	if in, err := exchange.ReadInvitation([]byte(invitation)); err != nil || in.Company != "Acme" {
		t.Fatalf("the invitation: %+v, %v", in, err)
	}
	firm, err := ledger.Open(ctx, storetest.SQLite(t), t.TempDir()) // the firm's key answers
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(exchange.Acceptance{Format: "tickmark acceptance v1", Engagement: "acme-26", Firm: "Example CPAs", Key: firm.VKey, Company: log.VKey})
	answer, err := firm.Statement("tickmark acceptance v1\n" + string(raw) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := office.Confirm(ctx, me, answer, exchange.Fingerprint(firm.VKey)); err != nil {
		t.Fatal(err)
	}
	put(record.Job("job:exchange"), exchange.FirmItem, exchange.ItemKey("acme-26", exchange.EvidenceRequest, "r1"), "firm:acme-26",
		`{"engagement":"acme-26","sort":"evidence_request","of":"r1","title":"Minutes","content":{"name":"Minutes","text":"The minutes of the board.","sort":"inquiry","due":"2026-07-20","state":"open"},"number":1}`)
	asked := "/parcels/acme-26/asked/evidence_request/r1"
	if page := get("/parcels/acme-26"); !strings.Contains(page, asked) {
		t.Error("what the firm asked is not on the page of the exchange")
	}
	if page := post(asked+"/submit", url.Values{}, 409); !strings.Contains(page, "Nothing is handed in") {
		t.Error("an empty answer is taken, or its refusal is not beside it")
	}
	post(asked+"/submit", url.Values{"answer": {"It met four times."}}, 303)
	if page := get(asked); !strings.Contains(page, "It met four times.") || !strings.Contains(page, "the next parcel") {
		t.Error("the request does not show what was handed in, or with what it goes")
	}
	page := get("/parcels/acme-26/next")
	seen := regexp.MustCompile(`name="seen" value="([0-9a-f]{64})"`).FindStringSubmatch(page)
	if seen == nil || !strings.Contains(page, "It met four times.") || !strings.Contains(page, "Cleo Park") {
		t.Fatalf("the preview does not show the answer: %s", page)
	}
	post("/parcels/acme-26/send", url.Values{}, 422)
	if page := post("/parcels/acme-26/send", url.Values{"seen": {seen[1]}, "record": {"person/cleo"}}, 409); !strings.Contains(page, "no longer what was looked at") {
		t.Error("more is sent than was looked at")
	}
	post("/parcels/acme-26/send", url.Values{"seen": {seen[1]}}, 303)
	if page := get(asked); !strings.Contains(page, "parcel 1") {
		t.Error("the request does not say with which parcel its answer went")
	}
	file := get("/parcels/acme-26/sent/1")
	p, _, err := exchange.Inspect(strings.NewReader(file), int64(len(file)), log.VKey, exchange.Company)
	if err != nil || len(p.Items) != 1 || p.Items[0].Sort != exchange.AnswerGiven {
		t.Errorf("the parcel: %+v, %v", p.Items, err)
	}
	post("/parcels/acme-26/end", url.Values{"reason": {""}}, 422)
	post("/parcels/acme-26/end", url.Values{"reason": {"We chose another firm."}}, 303)
	if page := get("/parcels/acme-26"); !strings.Contains(page, "We chose another firm.") || strings.Contains(page, "Take a parcel") {
		t.Error("the page of an ended exchange")
	}
}

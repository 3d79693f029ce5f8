package room_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"tickmark/internal/access"
	"tickmark/internal/blob"
	"tickmark/internal/engagement"
	"tickmark/internal/fault"
	"tickmark/internal/fieldwork"
	"tickmark/internal/framework"
	"tickmark/internal/ledger"
	"tickmark/internal/opinion"
	"tickmark/internal/person"
	"tickmark/internal/record"
	"tickmark/internal/request"
	"tickmark/internal/secret"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
	"tickmark/internal/web/asset"
	"tickmark/internal/web/form"
	"tickmark/internal/web/part"
	"tickmark/internal/web/room"
	"tickmark/internal/web/shell"
	"tickmark/internal/workpaper"
)

type body = map[string]any

// firm is a firm's workspace with its pages served to whoever the cookie "as" names, in the smallest frame that shows them.
type firm struct {
	t    testing.TB
	desk *fieldwork.Desk
	site *room.Site
	URL  string
	now  time.Time
}

type asKey struct{}

func as(name string) access.Session {
	roles := []access.Role{access.Auditor}
	if name == "client" || name == "lead" {
		roles = []access.Role{access.Lead}
	}
	return access.Session{User: access.User{Key: name, Name: name, Roles: roles, Person: name}}
}

func open(t testing.TB, db *store.DB) *firm {
	t.Helper()
	dir := t.TempDir()
	log, err := ledger.Open(t.Context(), db, dir)
	if err != nil {
		t.Fatal(err)
	}
	f := &firm{t: t, now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	log.Clock = func() time.Time { f.now = f.now.Add(time.Second); return f.now }
	keys, err := secret.Open(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.OpenAt(filepath.Join(dir, "files"), "")
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(append(append(append(append(engagement.Kinds(), workpaper.Kinds()...), opinion.Kinds()...), record.Builtin()...), append(more(), person.Kind())...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, keys.Digest)
	if err != nil {
		t.Fatal(err)
	}
	f.desk = &fieldwork.Desk{Book: book, Keys: keys, Blobs: blobs}
	for _, p := range []string{"paula", "mara", "pete", "quinn", "client"} {
		f.put("mara", "person", p, body{"id": p, "name": strings.ToUpper(p[:1]) + p[1:], "email": p + "@firm.example"})
	}
	f.serve()
	return f
}

func (f *firm) serve() {
	files, err := asset.Load()
	if err != nil {
		f.t.Fatal(err)
	}
	f.site = &room.Site{Desk: f.desk, Site: shell.Site{
		Who: func(ctx context.Context) access.Session { s, _ := ctx.Value(asKey{}).(access.Session); return s },
		Show: func(w http.ResponseWriter, r *http.Request, status int, p shell.Page, body templ.Component) error {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(status)
			fmt.Fprintf(w, `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>%s</title><link rel="stylesheet" href="%s"><link rel="stylesheet" href="%s"><script src="%s" type="module"></script></head><body><main id="main">`,
				templ.EscapeString(p.Title), files.URL("app.css"), files.URL("room.css"), files.URL("grid.js"))
			err := body.Render(r.Context(), w)
			io.WriteString(w, "</main></body></html>")
			return err
		},
		Done: func(w http.ResponseWriter, r *http.Request, to, _ string) error {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return nil
		},
		Moves:   f.moves,
		Options: func(*http.Request, []form.Input) error { return nil },
		Read: func(_ http.ResponseWriter, r *http.Request) error {
			if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
				return r.ParseMultipartForm(1 << 20)
			}
			return r.ParseForm()
		},
	}}
	mux := http.NewServeMux()
	mux.Handle("GET /static/", files)
	for pattern, do := range f.site.Routes() {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			name := "mara"
			if c, err := r.Cookie("as"); err == nil {
				name = c.Value
			}
			ctx := context.WithValue(part.With(r.Context(), part.View{Now: f.desk.Book.Log.Now(), Name: func(key string) string { return strings.ToUpper(key[:1]) + key[1:] }}), asKey{}, as(name))
			if err := do(w, r.WithContext(ctx)); err != nil {
				http.Error(w, err.Error(), fault.Status(err))
			}
		})
	}
	srv := httptest.NewServer(mux)
	f.t.Cleanup(srv.Close)
	f.URL = srv.URL
}

// moves are the steps of a record as the site offers them.
func (f *firm) moves(ctx context.Context, v record.Version) ([]form.Move, error) {
	k, err := f.desk.Book.Kinds.Named(v.Kind)
	if err != nil {
		return nil, err
	}
	b, err := engagement.Body(v)
	if err != nil {
		return nil, err
	}
	var out []form.Move
	look := f.desk.Book.LookAt(ctx, time.Time{})
	for _, m := range k.States.MovesFrom(engagement.Text(b, record.StateField)) {
		move := form.Move{Name: m.Name, Title: m.Title, Seen: part.Stamp(v.From.Time()), Form: form.New(m.Fields, nil)}
		var refused *fault.Fault
		if errors.As(k.Refusal(look, b, m.Name, f.site.Who(ctx).Actor()), &refused) && (refused.Kind == fault.Denied || refused.Kind == fault.Conflict) {
			move.Blocked = refused.Message
		}
		out = append(out, move)
	}
	return out, nil
}

func (f *firm) put(by, kind, key string, b body) {
	f.t.Helper()
	raw, err := json.Marshal(b)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.desk.Book.Put(f.t.Context(), anybody(by), record.Change{Kind: kind, Key: key, Body: raw}); err != nil {
		f.t.Fatalf("%s %s by %s: %v", kind, key, by, err)
	}
}

func (f *firm) act(by, kind, key, move string, said body) {
	f.t.Helper()
	raw, err := json.Marshal(said)
	if err == nil {
		err = json.Unmarshal(raw, &said)
	}
	if err == nil {
		_, err = f.desk.Book.Put(f.t.Context(), anybody(by), record.Change{Kind: kind, Key: key, Move: move, Said: said})
	}
	if err != nil {
		f.t.Fatalf("%s %s %s by %s: %v", move, kind, key, by, err)
	}
}

// anybody is an account of a person that may do everything; the records' own rules say the rest.
type anybody string

func (a anybody) May(context.Context, string, *record.Kind) error { return nil }
func (a anybody) Actor() record.Actor {
	return record.Actor{User: string(a), Person: string(a), Name: "person:" + string(a)}
}

func (f *firm) get(kind, key string) body {
	f.t.Helper()
	v, err := f.desk.Book.GetFrom(f.t.Context(), kind, key, record.Program, 0, record.Auditor)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := engagement.Body(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// page reads a page as somebody.
func (f *firm) page(name, path string) (int, string) {
	f.t.Helper()
	return f.ask(name, "GET", path, "", nil)
}

func (f *firm) post(name, path string, in url.Values) (int, string) {
	f.t.Helper()
	return f.ask(name, "POST", path, "application/x-www-form-urlencoded", strings.NewReader(in.Encode()))
}

func (f *firm) ask(name, method, path, sort string, in io.Reader) (int, string) {
	f.t.Helper()
	r, err := http.NewRequest(method, f.URL+path, in)
	if err != nil {
		f.t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "as", Value: name})
	if sort != "" {
		r.Header.Set("Content-Type", sort)
	}
	client := &http.Client{CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		r.AddCookie(&http.Cookie{Name: "as", Value: name})
		return nil
	}}
	a, err := client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// upload posts a form with files.
func (f *firm) upload(name, path string, fields url.Values, files ...[3]string) (int, string) {
	f.t.Helper()
	var b strings.Builder
	m := multipart.NewWriter(&b)
	for k, vs := range fields {
		for _, v := range vs {
			m.WriteField(k, v)
		}
	}
	for _, x := range files {
		w, err := m.CreateFormFile(x[0], x[1])
		if err != nil {
			f.t.Fatal(err)
		}
		io.WriteString(w, x[2])
	}
	m.Close()
	return f.ask(name, "POST", path, m.FormDataContentType(), strings.NewReader(b.String()))
}

var noTime time.Time

var sum = strings.Repeat("0123456789abcdef", 4)

func member(p, role string) body { return body{"person": p, "role": role, "credential": "CPA, 2026"} }

// planned takes an engagement to its fieldwork, with two controls.
func (f *firm) planned() {
	f.t.Helper()
	f.put("mara", "engagement", "acme-26", body{"id": "acme-26", "name": "Acme FY26 Type II", "company": "Acme", "operator": "company", "type": "type_2", "categories": []string{"security"}, "system": "Acme Cloud",
		"from": "2026-01-01", "to": "2026-06-30", "zone": "Europe/Berlin", "report_by": "2026-08-01", "fieldwork_to": "2026-07-20",
		"team": []body{member("paula", "partner"), member("mara", "manager"), member("pete", "preparer"), member("quinn", "quality_reviewer")},
		"firm": body{"name": "Example CPAs", "licence": "12345", "jurisdiction": "NY", "licensed_to": "2027-12-31", "peer_reviewed": "2024-05-01", "peer_review": "pass"}})
	for _, p := range []string{"paula", "mara", "pete", "quinn"} {
		f.put(p, "independence", "a-"+p, body{"engagement": "acme-26", "person": p, "stage": "acceptance", "interests": "None."})
		f.act(p, "independence", "a-"+p, "confirm", nil)
	}
	f.act("paula", "engagement", "acme-26", "accept", body{"competence": "Skills.", "integrity": "No doubts.", "letter": sum, "sponsor": "Chief executive"})
	f.act("mara", "engagement", "acme-26", "plan", nil)
	all, _ := framework.Load()
	var ids []string
	for _, c := range all {
		if c.InScope([]string{"security"}) {
			ids = append(ids, c.ID)
		}
	}
	f.put("pete", "control_matrix", "m1", body{"engagement": "acme-26", "name": "All", "from": "2026-01-01", "to": "2026-06-30", "controls": []body{
		{"id": "AC-03", "text": "Leavers lose access within a day.", "criteria": ids, "nature": "manual", "frequency": "on each event", "performer": "IT"},
		{"id": "AC-01", "text": "Access is approved first.", "criteria": []string{"CC6.1"}, "nature": "manual", "frequency": "on each event"}}})
	f.act("mara", "control_matrix", "m1", "freeze", nil)
	for _, c := range []string{"AC-03", "AC-01"} {
		f.put("pete", "workpaper", c, body{"engagement": "acme-26", "reference": "CC6.2-" + c + "-1", "control": c, "objective": "Access ends in time.", "risk": "moderate"})
	}
	f.act("mara", "engagement", "acme-26", "begin_fieldwork", body{"plan": "Leavers first."})
	f.now = time.Date(2026, 7, 10, 9, 0, 0, 0, time.UTC)
}

// attributes are n of them, A, B, C.
func attributes(n int) []body {
	var out []body
	for i := range n {
		id := string(rune('A' + i))
		out = append(out, body{"id": id, "text": "What is tested as " + id + ".", "deviation": "It is not so.", "decided_by": "person"})
	}
	return out
}

// leavers is a list of n of them as somebody exported it.
func leavers(n int) string {
	var b strings.Builder
	b.WriteString("id,left,team\n")
	at := time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, "L%04d,%s,team %d\n", i, at.Add(time.Duration(i)*7*time.Hour).Format(time.RFC3339), i%3)
	}
	return b.String()
}

// sampled gives AC-03 a population of n leavers with a sample of size, and a paper with so many attributes.
func (f *firm) sampled(n, size, attrs int) []string {
	f.t.Helper()
	ctx, pete := f.t.Context(), anybody("pete")
	if _, err := f.desk.Commit(ctx, pete, "acme-26", "AC-03", ""); err != nil {
		f.t.Fatal(err)
	}
	f.put("pete", "population", "p1", body{"engagement": "acme-26", "name": "Leavers", "control": "AC-03", "sort": "events", "source": "people system", "query": "end between", "from": "2026-01-01", "to": "2026-06-30"})
	if _, err := f.desk.Deliver(ctx, pete, "p1", strings.NewReader(leavers(n)), fieldwork.Delivery{Key: "id", At: "left", Extractor: "Payroll", Extracted: time.Date(2026, 7, 2, 0, 0, 0, 0, time.UTC), Complete: true}); err != nil {
		f.t.Fatal(err)
	}
	f.act("pete", "population", "p1", "evaluate", body{"completeness": "Payroll count.", "accuracy": "Traced five.", "logic": "Read the query.", "reliable": "yes"})
	f.act("pete", "population", "p1", "freeze", nil)
	f.put("pete", "sample", "s1", body{"engagement": "acme-26", "name": "Leavers", "control": "AC-03", "population": "p1", "method": "stratified", "size": size, "size_reason": "Table, moderate risk.", "reserves": 1})
	if _, err := f.desk.Draw(ctx, pete, "s1"); err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.desk.Release(ctx, pete, "s1"); err != nil {
		f.t.Fatal(err)
	}
	f.act("pete", "sample", "s1", "begin_test", nil)
	b := f.get("workpaper", "AC-03")
	b["population"], b["attributes"] = "p1", attributes(attrs)
	f.put("pete", "workpaper", "AC-03", b)
	return workpaper.Items(f.get("sample", "s1"))
}

// seen is the version that a page's form was made from.
func (f *firm) seen(kind, key string) string {
	f.t.Helper()
	v, err := f.desk.Book.GetFrom(f.t.Context(), kind, key, record.Program, 0, record.Auditor)
	if err != nil {
		f.t.Fatal(err)
	}
	return part.Stamp(v.From.Time())
}

func memory(t testing.TB) *store.DB { return storetest.SQLite(t) }

func more() []record.Kind { return request.Kinds() }

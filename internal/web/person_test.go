package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tickmark/internal/ledger"
	"tickmark/internal/record"
)

// upload posts a file, as a page that takes one file does.
func (w *world) upload(t *testing.T, path, name, content string) (int, string) {
	t.Helper()
	return w.uploadAs(t, path, nil, "file", name, content)
}

// uploadAs posts a form with a file in one of its fields.
func (w *world) uploadAs(t *testing.T, path string, form url.Values, field, name, content string) (int, string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for k, list := range form {
		for _, v := range list {
			m.WriteField(k, v)
		}
	}
	f, _ := m.CreateFormFile(field, name)
	f.Write([]byte(content))
	m.Close()
	r, err := w.http.Post(w.URL+path, m.FormDataContentType(), &b)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var page bytes.Buffer
	page.ReadFrom(r.Body)
	return r.StatusCode, page.String()
}

func TestAFileOfPeopleIsLookedAtThenTakenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	w.put(t, "person", "ada", map[string]any{"id": "ada", "name": "Ada", "email": "ada@example.org", "start": "2024-01-01", "employment": "employee", "accounts": []string{"adm-ada"}})
	people := func() int64 {
		n, err := w.Book.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n["person"]
	}
	status, page := w.upload(t, "/import/person", "people.csv", "id;name;Mail;start\nada;Ada L;ada@example.org;2024-01-01\nbob;Bob;bob@example.org;soon\n")
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("a bad file answers %d: %s", status, plainText(page))
	}
	if said := plainText(page); !strings.Contains(said, "What is wrong in the file") || !strings.Contains(said, "3") {
		t.Errorf("it does not name the bad row: %s", said)
	}
	status, page = w.upload(t, "/import/person", "people.csv", "id;name;Mail;start\nada;Ada L;ada@example.org;2024-01-01\nbob;Bob;bob@example.org;2026-02-01\n")
	again := filled(t, page, "/import/person")
	if status != http.StatusUnprocessableEntity || again.Get("staged") == "" {
		t.Fatalf("a file without the needed address answers %d: %s", status, plainText(page))
	}
	again.Set("column.2", "email")
	again.Set("do", "look")
	status, page = w.post(t, "/import/person", again)
	if said := plainText(page); status != 200 || !strings.Contains(said, "1 would be new, 1 changed, 0 stay") {
		t.Fatalf("looking again answers %d: %s", status, said)
	}
	if people() != 1 {
		t.Fatal("looking wrote something")
	}
	take := filled(t, page, "/import/person")
	take.Set("do", "import")
	if status, page = w.post(t, "/import/person", take); status != 200 || !strings.Contains(page, "Bob") {
		t.Fatalf("taking answers %d: %s", status, plainText(page))
	}
	v, err := w.Book.Get(t.Context(), "person", "ada", 0)
	if err != nil || !strings.Contains(string(v.Body), "adm-ada") || !strings.Contains(string(v.Body), "Ada L") || !strings.Contains(v.Reason, "SHA-256") {
		t.Errorf("ada is %s because %s (%v)", v.Body, v.Reason, err)
	}
	if status, _ = w.post(t, "/import/person", take); status != http.StatusNotFound {
		t.Errorf("the same file can be taken again: %d", status)
	}

	// A kept mapping reads a list of everybody; who is missing in it is asked about and not ended.
	w.put(t, "import_mapping", "hr", map[string]any{"id": "hr", "name": "Personnel", "kind": "person", "text": "fields: {id: Number, name: Who, email: Mail}\nignore: ['*']\nleft: {column: Status, values: [Gone], here: [Here], day: import}\n"})
	if _, page = w.get(t, "/import/person"); !strings.Contains(page, `value="hr"`) {
		t.Errorf("the kept mapping cannot be chosen: %s", plainText(page))
	}
	_, page = w.upload(t, "/import/person", "hr.csv", "Number;Who;Mail;Status\nada;Ada L;ada@example.org;Gone\n")
	again = filled(t, page, "/import/person")
	again.Set("mapping", "hr")
	again.Set("everybody", "yes")
	again.Set("do", "look")
	status, page = w.post(t, "/import/person", again)
	if said := plainText(page); status != 200 || !strings.Contains(said, "0 would be new, 1 changed") || !strings.Contains(said, "1 person not in the file") || !strings.Contains(said, "Bob") {
		t.Fatalf("looking by the mapping answers %d: %s", status, said)
	}
	take = filled(t, page, "/import/person")
	take.Set("do", "import")
	if status, page = w.post(t, "/import/person", take); status != 200 || people() != 2 {
		t.Fatalf("taking by the mapping answers %d and leaves %d people: %s", status, people(), plainText(page))
	}
	if v, err = w.Book.Get(t.Context(), "person", "ada", 0); err != nil || !strings.Contains(string(v.Body), `"end":"`) || !strings.Contains(string(v.Body), "adm-ada") {
		t.Errorf("ada is %s (%v)", v.Body, err)
	}
	if _, page = w.get(t, "/records/task"); !strings.Contains(plainText(page), "Does Bob (bob) still work here?") {
		t.Errorf("nobody is asked about Bob: %s", plainText(page))
	}
}

func TestAccountsOfNobodyAreLinkedToWhomTheyBelong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	_, page := w.get(t, "/people/unresolved?enabled=all&q=root")
	if !strings.Contains(page, `value="host/root"`) {
		t.Fatalf("the account root is not among those of nobody: %s", plainText(page))
	}
	status, page := w.post(t, "/people/unresolved", url.Values{"account": {"host/root", "host/daemon"}, "person": {"ada"}})
	if status != 200 || strings.Contains(page, `value="host/root"`) {
		t.Errorf("linking answers %d", status)
	}
	if _, page = w.get(t, "/people/ada"); !strings.Contains(plainText(page), "root") || !strings.Contains(plainText(page), "The accounts host/root, host/daemon are theirs") || strings.Contains(plainText(page), "No source lists") {
		t.Errorf("the person does not show the account and why: %s", plainText(page))
	}
	w.put(t, "machine_identity", "mail", map[string]any{"id": "mail", "name": "Mail", "owner": "ada", "purpose": "Sends mail.", "accounts": []string{"host/mail"}})
	if _, page = w.get(t, "/people/unresolved?enabled=all&q=mail"); strings.Contains(page, `value="host/mail"`) {
		t.Error("a machine identity's account is among those of nobody")
	}
	if status, _ = w.post(t, "/people/unresolved", url.Values{"person": {"ada"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("linking nothing answers %d", status)
	}
}

func TestTheCardsOfPeopleLeadToListsOfThatMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	now := time.Now()
	day := func(n int) string { return now.AddDate(0, 0, n).Format("2006-01-02") }
	for i, p := range []map[string]any{{"start": day(-400)}, {"start": day(-3)}, {"start": day(20)}, {"start": day(-400), "end": day(10)}, {"start": day(-400), "end": day(-5)}, {"start": day(-400), "end": day(-90)}} {
		id := fmt.Sprintf("p%d", i)
		p["id"], p["name"], p["email"] = id, "Person "+id, id+"@example.org"
		w.put(t, "person", id, p)
	}
	for who, want := range map[string]int{"": 7, "current": 4, "joiners": 2, "leavers": 2, "left": 2} {
		if n := w.rows(t, "/people?who="+who); n != want {
			t.Errorf("%q lists %d people, want %d", who, n, want)
		}
	}
}

// A link in somebody's record goes before an address, also on the page of whose address it is.
func TestAnAccountThatAnotherLinksIsNotShownByItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t)
	for _, p := range []string{"eve", "fay"} {
		w.put(t, "person", p, map[string]any{"id": p, "name": p, "email": p + "@example.org", "start": "2024-01-01", "employment": "employee"})
	}
	c := record.Collection{Run: 1, Source: "tracker", Origin: record.Collected, Actor: "connection:tracker"}
	o, err := w.Book.Observe(c, record.Observation{Kind: "youtrack_user", Key: "1-7", Raw: []byte(`{"id":"1-7","login":"seventh","email":"eve@example.org","banned":false}`)}, nil)
	if err == nil {
		err = w.Log.Write(t.Context(), func(tx *ledger.Tx) error { return w.Book.Keep(t.Context(), tx, []*record.Observed{o}) })
	}
	if err != nil {
		t.Fatal(err)
	}
	shows := func(person string) bool {
		_, page := w.get(t, "/people/"+person)
		return strings.Contains(plainText(page), "seventh")
	}
	if !shows("eve") || shows("fay") {
		t.Errorf("by its address it is hers: %v, %v", shows("eve"), shows("fay"))
	}
	w.put(t, "person", "fay", map[string]any{"id": "fay", "name": "fay", "email": "fay@example.org", "start": "2024-01-01", "employment": "employee", "accounts": []string{"tracker/1-7"}})
	if shows("eve") || !shows("fay") {
		t.Errorf("another links it, and it is still hers: %v, %v", shows("eve"), shows("fay"))
	}
}

// The pages of lists at the size of a large company: 2,000 people and 10,000 things.
func BenchmarkLists(b *testing.B) {
	w := newWorld(b)
	w.signIn(b)
	put := func(kind string, n int, body func(id string) map[string]any) {
		var changes []record.Change
		for i := range n {
			id := fmt.Sprintf("x%05d", i)
			j, err := json.Marshal(body(id))
			if err != nil {
				b.Fatal(err)
			}
			if changes = append(changes, record.Change{Kind: kind, Key: id, Body: j}); len(changes) == 500 || i == n-1 {
				if _, err := w.Book.Put(b.Context(), w.by, changes...); err != nil {
					b.Fatal(err)
				}
				changes = nil
			}
		}
	}
	put("person", 2000, func(id string) map[string]any {
		return map[string]any{"id": id, "name": "Person " + id, "email": id + "@example.org", "start": "2024-01-01", "employment": "employee", "accounts": []string{id, "adm-" + id}}
	})
	put("task", 10_000, func(id string) map[string]any {
		return map[string]any{"title": "Asset " + id, "sort": "technical", "owner": "x00042", "due": "2026-12-24"}
	})
	for _, path := range []string{"/people", "/people?q=x019", "/people/x00042", "/people/unresolved", "/records/person", "/records/task", "/records/task?f_state=open&sort=-due", "/records/task?q=x0999", "/search?q=x09999", "/settings/checks"} {
		b.Run(strings.NewReplacer("/", "_", "?", "_").Replace(path), func(b *testing.B) {
			for b.Loop() {
				if status, _ := w.get(b, path); status != 200 {
					b.Fatal(status)
				}
			}
		})
	}
}

package anchor_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tickmark/internal/anchor"
	"tickmark/internal/anchor/anchortest"
	"tickmark/internal/fault"
	"tickmark/internal/ledger"
	"tickmark/internal/ledger/merkle"
	"tickmark/internal/ledger/stamp"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func open(t *testing.T, db *store.DB) *anchor.Keeper {
	t.Helper()
	log, err := ledger.Open(t.Context(), db, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := record.NewKinds(append(record.Builtin(), anchor.Kinds()...)...)
	if err != nil {
		t.Fatal(err)
	}
	book, err := record.OpenBook(t.Context(), log, kinds, func(string, []byte) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	return &anchor.Keeper{Book: book}
}

func configure(t *testing.T, k *anchor.Keeper, a anchor.Authority) error {
	t.Helper()
	body, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Book.Put(t.Context(), record.Job("job:test"), record.Change{Kind: anchor.AuthorityKind, Key: "tsa", Body: body})
	return err
}

func TestOnceADayAnAuthorityStampsTheLedger(t *testing.T) {
	tsa := anchortest.Start(t)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k := open(t, db)
		clock := time.Now()
		k.Book.Log.Clock = func() time.Time { return clock }
		if err := configure(t, k, anchor.Authority{Title: "Loopback", URL: tsa.URL, Certificates: string(tsa.Roots)}); err != nil {
			t.Fatal(err)
		}
		stamps := func() int64 {
			n, err := k.Book.Count(t.Context(), record.Query{Kind: anchor.StampKind})
			if err != nil {
				t.Fatal(err)
			}
			return n.N
		}
		for range 2 { // the second finds that nothing is due
			if err := k.Due(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := stamps(); n != 1 {
			t.Fatalf("%d stamps, 1 was due", n)
		}
		s, ok, err := anchor.Last(t.Context(), k.Book, "tsa", 0)
		if err != nil || !ok || s.Authority != "Loopback stamps" || time.Since(s.At).Abs() > time.Minute {
			t.Fatalf("%+v, %v, %v", s, ok, err)
		}
		c, err := merkle.OpenCheckpoint([]byte(s.Checkpoint), k.Book.Log.VKey)
		if err != nil || c.Size != s.Size {
			t.Errorf("the stamp is over %d entries, it says %d; %v", c.Size, s.Size, err)
		}
		for entry, want := range map[int64]bool{0: true, s.Size - 1: true, s.Size: false} {
			if _, ok, err := anchor.Covering(t.Context(), k.Book, entry); err != nil || ok != want {
				t.Errorf("entry %d is covered: %v, %v", entry, ok, err)
			}
		}
		clock = clock.Add(50 * time.Minute) // ours and the authority's clocks differ, and less than a day has passed
		if err := k.Due(t.Context()); err != nil || stamps() != 1 {
			t.Errorf("%d stamps, %v", stamps(), err)
		}
		clock = s.At.Add(25 * time.Hour)
		if err := k.Due(t.Context()); err == nil || !strings.Contains(err.Error(), "clock") {
			t.Errorf("an authority a day behind was believed: %v", err)
		}
		acts, err := k.Book.Log.Actions(t.Context(), db, 0, 10)
		if err != nil || len(acts) != 1 || acts[0].Verb != "anchor.failed" || !strings.Contains(string(acts[0].Detail), "clock") {
			t.Errorf("the failure is not in the ledger: %+v, %v", acts, err)
		}
		if err := k.Due(t.Context()); err != nil {
			t.Errorf("an authority that failed was asked again at once: %v", err)
		}
	})
}

// Whatever an authority answers that is not a stamp over this checkpoint by a trusted certificate, nothing is kept.
func TestWhatIsNoStampIsRefused(t *testing.T) {
	tsa, stranger := anchortest.Start(t), anchortest.Start(t)
	k := open(t, storetest.SQLite(t))
	var replay []byte
	answers := map[string]struct {
		do   http.HandlerFunc
		want string
	}{
		"an error": {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", 503) }, "503"},
		"a page":   {func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) }, "instead of application/timestamp-reply"},
		"not DER":  {func(w http.ResponseWriter, r *http.Request) { reply(w, []byte("hello")) }, "no stamp"},
		"too much": {func(w http.ResponseWriter, r *http.Request) { reply(w, make([]byte, 1<<20)) }, "longer than"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, tsa.URL, http.StatusTemporaryRedirect)
		}, "307"},
		"an old reply": {func(w http.ResponseWriter, r *http.Request) { reply(w, replay) }, "another question"},
		"a stranger":   {func(w http.ResponseWriter, r *http.Request) { relay(w, r, stranger.URL) }, "signature does not hold"},
	}
	signed, err := k.Book.Log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q, err := stamp.Ask(signed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(tsa.URL, stamp.QueryType, strings.NewReader(string(q.Body)))
	if err != nil {
		t.Fatal(err)
	}
	replay = body(t, r)
	for name, a := range answers {
		s := httptest.NewServer(a.do)
		if err := configure(t, k, anchor.Authority{Title: name, URL: s.URL, Certificates: string(tsa.Roots)}); err != nil {
			t.Fatal(err)
		}
		list, err := k.Authorities(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if _, err := k.Stamp(t.Context(), list[0]); err == nil || !strings.Contains(err.Error(), a.want) || !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
	if n, err := k.Book.Count(t.Context(), record.Query{Kind: anchor.StampKind}); err != nil || n.N != 0 {
		t.Errorf("%d stamps were kept, %v", n.N, err)
	}
}

func TestAnAuthorityThatCannotBeTrustedIsNotConfigured(t *testing.T) {
	k := open(t, storetest.SQLite(t))
	tsa := anchortest.Start(t)
	for _, a := range []anchor.Authority{
		{Title: "no certificate", URL: tsa.URL, Certificates: "hello"},
		{Title: "a key", URL: tsa.URL, Certificates: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
		{Title: "a file", URL: "file:///etc/passwd", Certificates: string(tsa.Roots)},
		{Title: "a password", URL: "https://a:b@example.org/", Certificates: string(tsa.Roots)},
	} {
		if err := configure(t, k, a); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", a.Title, err)
		}
	}
}

func TestAStampHoldsForItsOwnBytesAlone(t *testing.T) {
	tsa, other := anchortest.Start(t), anchortest.Start(t)
	signed := []byte("a checkpoint\n")
	q, err := stamp.Ask(signed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.Post(tsa.URL, stamp.QueryType, strings.NewReader(string(q.Body)))
	if err != nil {
		t.Fatal(err)
	}
	roots, err := stamp.Roots(tsa.Roots)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := q.Token(body(t, r), roots)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := stamp.Check(token, signed, roots); err != nil || !s.Trusted {
		t.Error(s, err)
	}
	if s, err := stamp.Check(token, signed, nil); err != nil || s.Trusted {
		t.Error(s, err)
	}
	if _, err := stamp.Check(token, []byte("another checkpoint\n"), roots); err == nil {
		t.Error("it holds for other bytes")
	}
	strangers, err := stamp.Roots(other.Roots)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stamp.Check(token, signed, strangers); err == nil {
		t.Error("it holds for another root")
	}
	held := 0
	for i := range token { // no byte of what is signed may change unnoticed; around it stand certificates that are not used
		b := append([]byte(nil), token...)
		b[i] ^= 1
		if s, err := stamp.Check(b, signed, roots); err == nil {
			held++
			if s.Authority != "Loopback stamps" || !s.At.Equal(mustCheck(t, token, signed).At) {
				t.Fatalf("byte %d: %s changes what the stamp says", i, base64.StdEncoding.EncodeToString(b[i:i+1]))
			}
		}
	}
	if held > len(token)/2 {
		t.Errorf("%d of %d bytes can be changed", held, len(token))
	}
}

func mustCheck(t *testing.T, token, signed []byte) stamp.Statement {
	t.Helper()
	s, err := stamp.Check(token, signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func reply(w http.ResponseWriter, b []byte) {
	w.Header().Set("Content-Type", stamp.ReplyType)
	w.Write(b)
}

func relay(w http.ResponseWriter, r *http.Request, to string) {
	a, err := http.Post(to, stamp.QueryType, r.Body)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	defer a.Body.Close()
	b, _ := io.ReadAll(a.Body)
	reply(w, b)
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("%s: %s %v", r.Status, b, err)
	}
	return b
}

package anchor_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tickmark/internal/anchor"
	"tickmark/internal/anchor/anchortest"
	"tickmark/internal/fault"
	"tickmark/internal/ledger/stamp"
	"tickmark/internal/record"
	"tickmark/internal/store"
	"tickmark/internal/store/storetest"
)

func witnessed(url, vkey string) anchor.Authority {
	return anchor.Authority{Title: "Loopback witness", Method: anchor.ByWitness, URL: url, VKey: vkey}
}

func only(t *testing.T, k *anchor.Keeper) anchor.State {
	t.Helper()
	list, err := k.States(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0]
}

func TestAWitnessCosignsWhatGoesOnFromWhatItSaw(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		k, w := open(t, db), anchortest.StartWitness(t, "witness.example/one")
		clock := time.Now()
		k.Book.Log.Clock = func() time.Time { return clock }
		if err := configure(t, k, witnessed(w.URL+"/", w.VKey)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second finds that nothing is due
			if err := k.Due(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		first := only(t, k).Last
		for range 3 { // each goes on from the one before, which it makes an entry
			if _, err := k.Stamp(t.Context(), only(t, k).Authority); err != nil {
				t.Fatal(err)
			}
		}
		s := only(t, k).Last
		if first.Size == 0 || s.Size != first.Size+3 || s.Authority != "witness.example/one" || s.VKey != w.VKey || time.Since(s.At).Abs() > time.Minute {
			t.Errorf("%+v after %+v", s, first)
		}
		key, err := stamp.ParseWitness(w.VKey)
		if err != nil {
			t.Fatal(err)
		}
		if _, said, err := key.Cosigned([]byte(s.Token), []byte(s.Checkpoint)); err != nil || !said.At.Equal(s.At) {
			t.Errorf("what was kept says %+v, %v", said, err)
		}

		// Another workspace under the same key shows another log: its proof from what was seen does not hold.
		other := open(t, storetest.SQLite(t))
		if err := configure(t, other, witnessed(w.URL, w.VKey)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"the log went back", "one of the two was rewritten"} {
			_, err := other.Stamp(t.Context(), only(t, other).Authority)
			if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", want, err)
			}
			if st := only(t, other); !st.Fork || st.Last.Size != 0 || !strings.Contains(st.Why, want) {
				t.Errorf("%s: it stands as %+v", want, st)
			}
			for i := range 20 { // until it is the longer one
				if err := configure(t, other, anchor.Authority{Title: strings.Repeat("x", i+1), Method: anchor.ByWitness, URL: w.URL, VKey: w.VKey}); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// Whatever a witness answers that is not its cosignature over this checkpoint, nothing is kept.
func TestWhatIsNoCosignatureIsRefused(t *testing.T) {
	k, w, stranger := open(t, storetest.SQLite(t)), anchortest.StartWitness(t, "witness.example/one"), anchortest.StartWitness(t, "witness.example/one")
	answers := map[string]struct {
		do   http.HandlerFunc
		want string
	}{
		"a log it does not know": {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "unknown log", 404) }, "its operator enters the log's name"},
		"an error":               {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", 500) }, "500"},
		"a redirect":             {func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, w.URL, 307) }, "307"},
		"a size that is none":    {func(w http.ResponseWriter, r *http.Request) { http.Error(w, "many", 409) }, "without saying how many"},
		"a size again and again": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(409)
			w.Write([]byte("1\n"))
		}, "refuses the proof"},
		"too much":           {func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 1<<20)) }, "longer than"},
		"nothing":            {func(w http.ResponseWriter, r *http.Request) {}, "does not hold"},
		"a page":             {func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>\n")) }, "does not hold"},
		"another checkpoint": {func(rw http.ResponseWriter, r *http.Request) { rw.Write([]byte(w.Cosign("other\n1\nx\n", time.Now()))) }, "does not hold"},
		"a stranger under its name": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Write([]byte(stranger.Cosign(textOf(t, r), time.Now())))
		}, "there is no cosignature by witness.example/one"},
		"a clock of yesterday": {func(rw http.ResponseWriter, r *http.Request) {
			rw.Write([]byte(w.Cosign(textOf(t, r), time.Now().Add(-24*time.Hour))))
		}, "clock"},
	}
	for name, a := range answers {
		s := httptest.NewServer(a.do)
		if err := configure(t, k, witnessed(s.URL, w.VKey)); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Stamp(t.Context(), only(t, k).Authority); err == nil || !strings.Contains(err.Error(), a.want) || !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		if st := only(t, k); st.Fork || st.Why == "" {
			t.Errorf("%s: %+v", name, st)
		}
		s.Close()
	}
	if n, err := k.Book.Count(t.Context(), record.Query{Kind: anchor.StampKind}); err != nil || n.N != 0 {
		t.Errorf("%d cosignatures were kept, %v", n.N, err)
	}
	for _, key := range []string{"", "hello", k.Book.Log.VKey, w.VKey[:len(w.VKey)-2] + "A=", strings.Replace(w.VKey, "one", "two", 1)} {
		if err := configure(t, k, witnessed(w.URL, key)); !fault.Is(err, fault.Invalid) {
			t.Errorf("the key %q: %v", key, err)
		}
	}
}

func textOf(t *testing.T, r *http.Request) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	_, signed, _ := strings.Cut(string(b), "\n\n")
	text, _, _ := strings.Cut(signed, "\n\n")
	return text + "\n"
}

package access

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"tickmark/internal/store/storetest"
)

// What a signed-in request costs before its page begins.
func BenchmarkSignedInRequest(b *testing.B) {
	db := storetest.SQLite(b)
	h := open(b, db, b.TempDir(), &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}, "")
	var err error
	if h.ada, err = h.FirstUser(b.Context(), NewUser{Name: "Ada Example", Email: "ada@example.org"}); err != nil {
		b.Fatal(err)
	}
	in := h.signIn("ada")
	next := h.Sessions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := FromContext(r.Context()); !ok {
			b.Fatal("nobody is signed in")
		}
	}))
	for b.Loop() {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(in.cookies[cookieName])
		next.ServeHTTP(httptest.NewRecorder(), r)
	}
}

package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"tickmark/internal/api"
	"tickmark/internal/exchange"
	"tickmark/internal/secret"
)

// TestTheExchangeOfParcelsAnswersAsItsDocumentSays asks each of its addresses with and without the token of an invitation, and with a
// token of this workspace, which opens none of them.
func TestTheExchangeOfParcelsAnswersAsItsDocumentSays(t *testing.T) {
	f := open(t, sqlite(t))
	keys, err := secret.Open(t.TempDir() + "/secret.key")
	if err != nil {
		t.Fatal(err)
	}
	office := exchange.Office{Book: f.book, Keys: keys, Blobs: f.deps.Blobs}
	signed, err := office.Invite(t.Context(), f.owner, "acme-26", "Acme", "Example CPAs", "https://acme.example")
	if err != nil {
		t.Fatal(err)
	}
	in, err := exchange.ReadInvitation(signed)
	if err != nil {
		t.Fatal(err)
	}
	deps := f.deps
	deps.Parcels = (&exchange.Desk{Office: office, Dir: t.TempDir()}).Handler()
	h := api.New(deps)
	send := func(method, path, token string, head map[string]string, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		for k, v := range head {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	spec, err := openapi3.NewLoader().LoadFromData(downgraded(t, send("GET", "/api/openapi.json", f.token, nil, "").Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	agrees := func(what, path, method string, w *httptest.ResponseRecorder, status int) {
		t.Helper()
		op := spec.Paths.Find(path).GetOperation(method)
		if w.Code != status {
			t.Fatalf("%s: %d, want %d: %s", what, w.Code, status, w.Body)
		}
		response := op.Responses.Status(w.Code)
		if response == nil {
			response = op.Responses.Default()
		}
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := response.Value.Content.Get("application/json").Schema.Value.VisitJSON(v); err != nil {
			t.Errorf("%s answers %s\nand the document says otherwise: %v", what, w.Body, err)
		}
		if op.Security == nil || len(*op.Security) != 1 || (*op.Security)[0]["parcels"] == nil {
			t.Errorf("%s: the document does not say by which token", what)
		}
	}
	one := exchange.Path + "/{number}"
	for _, token := range []string{"", f.token, in.Token + "x"} {
		agrees("no token of an invitation", exchange.Path, http.MethodGet, send("GET", exchange.Path, token, nil, ""), 401)
		agrees("no token of an invitation", exchange.Path, http.MethodPost, send("POST", exchange.Path, token, nil, "x"), 401)
		agrees("no token of an invitation", one, http.MethodGet, send("GET", exchange.Path+"/1", token, nil, ""), 401)
	}
	if w := send("GET", "/api/v1/me", in.Token, nil, ""); w.Code != 401 {
		t.Errorf("the token of an invitation opens something else: %d", w.Code)
	}
	agrees("standing", exchange.Path, http.MethodGet, send("GET", exchange.Path, in.Token, nil, ""), 200)
	agrees("a part without its names", exchange.Path, http.MethodPost, send("POST", exchange.Path, in.Token, nil, "x"), 422)
	hash := strings.Repeat("ab", 32)
	agrees("the first part", exchange.Path, http.MethodPost, send("POST", exchange.Path, in.Token, map[string]string{"Tickmark-Parcel": hash, "Tickmark-Offset": "0", "Tickmark-Size": "9"}, "abc"), 200)
	w := send("POST", exchange.Path, in.Token, map[string]string{"Tickmark-Parcel": hash, "Tickmark-Offset": "3", "Tickmark-Size": "9"}, "defghi")
	agrees("what comes to no parcel", exchange.Path, http.MethodPost, w, 422)
	if !strings.Contains(w.Body.String(), `"refused":"broken"`) {
		t.Errorf("refused as %s", w.Body)
	}
	agrees("a parcel that was not made", one, http.MethodGet, send("GET", exchange.Path+"/1", in.Token, nil, ""), 404)
	if names := spec.Components.SecuritySchemes; names["parcels"] == nil || slices.Contains([]string{""}, names["parcels"].Value.Description) {
		t.Error("the document does not say what the token is")
	}
}

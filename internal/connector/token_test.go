package connector_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
	"tickmark/internal/record"
)

// vault is a declared service with a credential that is fetched: its users in GraphQL, and for each project of a setting its
// safes, for each safe its keys, for each key its uses.
func vault() (connector.Connector, connector.Service) {
	s := connector.Service{
		Base:    func(connector.Values) string { return "https://api.vault.example" },
		TokenAt: func(connector.Values) string { return "https://login.vault.example" },
		Token: func(ctx context.Context, v connector.Values, from *connector.Issuer) (connector.Token, error) {
			now := from.Now()
			jwt, err := connector.SignJWT(v["key"], "k1", map[string]any{"iss": v["client"], "aud": from.URL("/oauth/token"), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})
			if err != nil {
				return connector.Token{}, err
			}
			return from.OAuth(ctx, "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_assertion": {jwt}})
		},
		Failed:  connector.GraphQLFailed,
		Backoff: time.Millisecond,
		Lists: []connector.List{
			{Kind: "vault_user", Path: "/graphql", Items: "data.org.users.nodes", Key: "id", Needs: "users",
				Body:     connector.GraphQL("query($org: String!, $after: String) { org(name: $org) { users(after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }", map[string]any{"org": "{settings.org}"}),
				NextBody: connector.GraphQLPages("data.org.users", "after")},
			{Kind: "vault_safe", Each: "projects", Path: "/projects/{key}/safes:search", Body: map[string]any{"filter": []any{"{key}", "all"}, "limit": 2}, Items: "safes", Key: "{parent}/{name}",
				NextBody: connector.BodyCursor("next", "page.token"), Needs: "safes"},
			{Kind: "vault_key", For: "vault_safe", Path: "/projects/{parent}/safes/{name}/keys", Key: "{parent}/{id}", Needs: "keys",
				Parts: []connector.Call{{Name: "owner", Path: "/owners/{parent.name}/{id}", Needs: "keys"}}},
			{Kind: "vault_use", For: "vault_key", Path: "/projects/{parent.parent}/safes/{parent.name}/keys/{id}/uses", Key: "{parent}/{at}", Label: "{parent.id} at {at}", Needs: "keys"},
		},
	}
	var kinds []record.Kind
	for _, l := range s.Lists {
		kinds = append(kinds, record.Kind{Name: l.Kind, Collected: true})
	}
	return connector.Connector{Name: "vault", Read: s.Read, Kinds: kinds, Permissions: []connector.Permission{
		{Name: "users", Kinds: []string{"vault_user"}}, {Name: "safes", Kinds: []string{"vault_safe", "vault_key", "vault_use"}}, {Name: "keys", Kinds: []string{"vault_key", "vault_key.owner", "vault_use"}}}}, s
}

func vaultTape() connectortest.Cassette {
	return connectortest.Cassette{
		"POST /oauth/token": {Body: `{"access_token":"issued-secret-1","token_type":"Bearer","expires_in":3600}`},
		`POST /graphql {"query":"query($org: String!, $after: String) { org(name: $org) { users(after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }","variables":{"org":"acme"}}`:              {Body: `{"data":{"org":{"users":{"nodes":[{"id":"u1"}],"pageInfo":{"hasNextPage":true,"endCursor":"c1"}}}}}`},
		`POST /graphql {"query":"query($org: String!, $after: String) { org(name: $org) { users(after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }","variables":{"org":"acme","after":"c1"}}`: {Body: `{"data":{"org":{"users":{"nodes":[{"id":"u2"}],"pageInfo":{"hasNextPage":false,"endCursor":"c2"}}}}}`},
		`POST /projects/one/safes:search {"filter":["one","all"],"limit":2}`:                      {Body: `{"safes":[{"name":"a"}],"next":"t"}`},
		`POST /projects/one/safes:search {"filter":["one","all"],"limit":2,"page":{"token":"t"}}`: {Body: `{"safes":[{"name":"b"}]}`},
		`POST /projects/two/safes:search {"filter":["two","all"],"limit":2}`:                      {Body: `{"safes":[{"name":"a"}]}`},
		"/projects/one/safes/a/keys":        {Body: `[{"id":1}]`},
		"/projects/one/safes/b/keys":        {Body: `[]`},
		"/projects/two/safes/a/keys":        {Body: `[{"id":1}]`},
		"/owners/a/1":                       {Body: `{"name":"ada"}`},
		"/projects/one/safes/a/keys/1/uses": {Body: `[{"at":"noon"}]`},
		"/projects/two/safes/a/keys/1/uses": {Body: `[{"at":"noon"}]`},
	}
}

// pemKey is a fresh private key as a service hands it out.
func pemKey(t *testing.T, key any) string {
	t.Helper()
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func vaultValues(t *testing.T) connector.Values {
	return connector.Values{"org": "acme", "projects": "one, two,one", "client": "client-1", "key": pemKey(t, ecKey(t))}
}

func TestServiceWithAFetchedCredentialConforms(t *testing.T) {
	c, _ := vault()
	v := vaultValues(t)
	connectortest.Run(t, c, connectortest.Suite{Values: v, Secrets: []string{"issued-secret-1", v["key"], "PRIVATE KEY"}, Cassette: vaultTape(), Tokens: []string{"POST /oauth/token"}})
}

func TestObjectsBelowObjectsAreNamedByThoseAbove(t *testing.T) {
	c, _ := vault()
	srv := httptest.NewServer(connectortest.Serve(t, vaultTape()))
	defer srv.Close()
	v := vaultValues(t)
	v["endpoint"], v["token_endpoint"] = srv.URL, srv.URL
	r := &connectortest.Recorder{}
	if err := c.Read(t.Context(), v, r); err != nil || !r.Whole() {
		t.Fatal(err, r.Gaps())
	}
	if it, ok := r.Find("vault_use", "two/a/1/noon"); !ok || it.Scope != "two/a/1" || it.Label != "1 at noon" {
		t.Errorf("%+v", it)
	}
	if it, ok := r.Find("vault_safe", "two/a"); !ok || it.Scope != "two" {
		t.Errorf("%+v", it)
	}
	if b := r.Body("vault_key", "one/a/1"); b["owner"].(map[string]any)["name"] != "ada" {
		t.Errorf("%v", b)
	}
	for _, x := range r.Exchanges() {
		if strings.Contains(x.Request, "oauth") && x.Request != "POST "+srv.URL+"/oauth/token" {
			t.Errorf("the question for a token is kept as %s", x.Request)
		}
	}
	v["projects"] = " "
	r = &connectortest.Recorder{}
	if err := c.Read(t.Context(), v, r); err != nil || r.Completed("vault_safe", "") || len(r.Gaps()) == 0 {
		t.Errorf("with no project: %v, %v", err, r.Gaps())
	}
}

func TestATokenIsUsedUntilItEndsAndFetchedAnewOnceWhenRefused(t *testing.T) {
	_, s := vault()
	s.Lists = []connector.List{{Kind: "vault_user", Path: "/a?page=1", Key: "id", Next: connector.NumberPages("page", 1)}}
	for name, c := range map[string]struct {
		expires int // seconds
		good    func(token, page int64) bool
		tokens  int64
		whole   bool
	}{
		"one for all":                  {3600, func(int64, int64) bool { return true }, 1, true},
		"ended by the service":         {3600, func(token, page int64) bool { return page < 4 || token > 1 }, 2, true},
		"never taken":                  {3600, func(int64, int64) bool { return false }, 2, false},
		"ended before its first use":   {1, func(int64, int64) bool { return true }, 1, true},
		"one that says nothing of end": {0, func(int64, int64) bool { return true }, 1, true},
	} {
		var tokens atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oauth/token" {
				fmt.Fprintf(w, `{"access_token":"issued-%d","expires_in":%d}`, tokens.Add(1), c.expires)
				return
			}
			var page, token int64
			fmt.Sscan(r.URL.Query().Get("page"), &page)
			fmt.Sscanf(r.Header.Get("Authorization"), "Bearer issued-%d", &token)
			if !c.good(token, page) {
				w.WriteHeader(401)
				return
			}
			if page > 6 {
				io.WriteString(w, "[]")
				return
			}
			fmt.Fprintf(w, `[{"id":%d}]`, page)
		}))
		v := vaultValues(t)
		v["endpoint"], v["token_endpoint"] = srv.URL, srv.URL
		r := &connectortest.Recorder{Clock: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
		err := s.Read(t.Context(), v, r)
		srv.Close()
		if err != nil || tokens.Load() != c.tokens || r.Completed("vault_user", "") != c.whole || c.whole && r.Count("vault_user") != 6 {
			t.Errorf("%s: %v, %d tokens, %d users, %v", name, err, tokens.Load(), r.Count("vault_user"), r.Gaps())
		}
	}
}

func TestErrorsInAnAnswerOf200AreGaps(t *testing.T) {
	c, _ := vault()
	for body, denied := range map[string]bool{
		`{"data":{"org":{"users":{"nodes":[],"pageInfo":{"hasNextPage":false}}}},"errors":[{"message":"took too long"}]}`: false,
		`{"data":null,"errors":[{"message":"took too long","type":"FORBIDDEN"}]}`:                                         true,
	} {
		tape := vaultTape()
		for at := range tape {
			if strings.HasPrefix(at, "POST /graphql") {
				tape[at] = connectortest.Reply{Body: body}
			}
		}
		srv := httptest.NewServer(connectortest.Serve(t, tape))
		v := vaultValues(t)
		v["endpoint"], v["token_endpoint"] = srv.URL, srv.URL
		r := &connectortest.Recorder{}
		err := c.Read(t.Context(), v, r)
		srv.Close()
		if err != nil || len(r.Gaps()) != 1 || !strings.Contains(r.Gaps()[0].Reason, "took too long") || r.Gaps()[0].Denied != denied || r.Completed("vault_user", "") {
			t.Errorf("%s: %v, %+v", body, err, r.Gaps())
		}
	}
}

func TestJWTsVerify(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec := ecKey(t)
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(token string) (head map[string]any, claims map[string]any, sum [32]byte, sig []byte) {
		p := strings.Split(token, ".")
		for i, into := range []any{&head, &claims} {
			b, err := base64.RawURLEncoding.DecodeString(p[i])
			if err != nil || json.Unmarshal(b, into) != nil {
				t.Fatal(token, err)
			}
		}
		if sig, err = base64.RawURLEncoding.DecodeString(p[2]); err != nil {
			t.Fatal(err)
		}
		return head, claims, sha256.Sum256([]byte(p[0] + "." + p[1])), sig
	}
	for _, key := range []string{pemKey(t, rsaKey), string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}))} {
		token, err := connector.SignJWT("\n"+key, "id", map[string]any{"iss": "a"})
		if err != nil {
			t.Fatal(err)
		}
		head, claims, sum, sig := parse(token)
		if head["alg"] != "RS256" || head["kid"] != "id" || claims["iss"] != "a" || rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, sum[:], sig) != nil {
			t.Errorf("%v %v does not verify", head, claims)
		}
	}
	for _, key := range []string{pemKey(t, ec), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))} {
		token, err := connector.SignJWT(key, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		head, _, sum, sig := parse(token)
		if head["alg"] != "ES256" || head["kid"] != nil || len(sig) != 64 || !ecdsa.Verify(&ec.PublicKey, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			t.Errorf("%v does not verify", head)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for says, key := range map[string]string{
		"not in PEM":    "hunter2-hunter2",
		"encrypted":     "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----",
		"certificate":   "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----",
		"cannot be rea": "-----BEGIN PRIVATE KEY-----\naGVsbG8=\n-----END PRIVATE KEY-----",
		"neither":       pemKey(t, other),
	} {
		if _, err := connector.SignJWT(key, "", nil); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aGVsbG8") {
			t.Errorf("%s: %v", says, err)
		}
	}
}

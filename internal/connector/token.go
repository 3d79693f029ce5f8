package connector

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tickmark/internal/fault"
)

// Token is a credential that was fetched.
type Token struct {
	Header  http.Header // what it adds to every request
	Expires time.Time   // zero: as long as the run
}

// Bearer is a token as most services want it.
func Bearer(token string, expires time.Time) Token {
	return Token{Header: http.Header{"Authorization": {"Bearer " + token}}, Expires: expires}
}

// early is how long before its end a token is no longer used.
const early = time.Minute

// Issuer is the host that gives tokens. What is sent to it and what it answers is in no record.
type Issuer struct {
	c    *client
	base *url.URL
}

// URL is the address of a path there, for a JWT's audience.
func (i *Issuer) URL(path string) string { return strings.TrimRight(i.base.String(), "/") + path }

// Now is the run's clock.
func (i *Issuer) Now() time.Time { return i.c.out.Now() }

// Post asks for a token with a header of its own and a body, which may be nil, and returns the answer's JSON.
func (i *Issuer) Post(ctx context.Context, path string, header http.Header, contentType string, body []byte) ([]byte, error) {
	at, err := address(i.base, path)
	if err != nil {
		return nil, err
	}
	if header == nil {
		header = http.Header{}
	}
	i.c.guard(header)
	a, err := i.c.get(ctx, "", question{URL: at, body: body, mime: contentType, grant: header}, nil)
	return a.body, err
}

// OAuth asks for a token as OAuth 2 has it (RFC 6749): the form is one of client credentials or of a signed assertion.
func (i *Issuer) OAuth(ctx context.Context, path string, form url.Values) (Token, error) {
	for _, name := range []string{"client_secret", "assertion", "client_assertion", "refresh_token", "password"} {
		i.c.cover.Add(form.Get(name))
	}
	now := i.Now()
	body, err := i.Post(ctx, path, nil, "application/x-www-form-urlencoded", []byte(form.Encode()))
	if err != nil {
		return Token{}, err
	}
	var a struct {
		AccessToken string      `json:"access_token"`
		TokenType   string      `json:"token_type"`
		ExpiresIn   json.Number `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &a); err != nil || a.AccessToken == "" || a.TokenType != "" && !strings.EqualFold(a.TokenType, "bearer") {
		return Token{}, refuse("%s answered without a token that can be used.", i.base.Host+path)
	}
	t := Bearer(a.AccessToken, time.Time{})
	if n, err := a.ExpiresIn.Int64(); err == nil && n > 0 {
		t.Expires = now.Add(time.Duration(n) * time.Second)
	}
	return t, nil
}

// ServiceAccount signs in as a Google service account by the JSON file of its key (RFC 7523), for scopes with spaces between;
// in the name of subject, unless it is empty. The file's own address of tokens is not used.
func (i *Issuer) ServiceAccount(ctx context.Context, file, scopes, subject string) (Token, error) {
	var key struct {
		Type    string `json:"type"`
		Email   string `json:"client_email"`
		KeyID   string `json:"private_key_id"`
		Private string `json:"private_key"`
	}
	if err := json.Unmarshal([]byte(file), &key); err != nil || key.Type != "service_account" || key.Email == "" || key.Private == "" {
		return Token{}, fault.New(fault.Invalid, "The key is not that of a service account.").WithNext("Give the JSON file that Google made when the key was created.")
	}
	now := i.Now()
	claims := map[string]any{"iss": key.Email, "scope": scopes, "aud": i.URL("/token"), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	if subject != "" {
		claims["sub"] = subject
	}
	assertion, err := SignJWT(key.Private, key.KeyID, claims)
	if err != nil {
		return Token{}, err
	}
	return i.OAuth(ctx, "/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
}

// credential is what signs a question, and the number of the token in it: 0 when it was not fetched.
func (c *client) credential(ctx context.Context, q question) (http.Header, int, error) {
	if q.grant != nil {
		return q.grant, 0, nil
	}
	if c.fetch == nil {
		return nil, 0, nil
	}
	c.fetching.Lock()
	defer c.fetching.Unlock()
	now := c.out.Now()
	if c.token.Header == nil || !c.token.Expires.IsZero() && !now.Before(c.token.Expires.Add(-early)) {
		t, err := c.fetch(ctx)
		if err != nil {
			return nil, 0, c.unsigned(err)
		}
		c.guard(t.Header)
		if !t.Expires.IsZero() && !now.Before(t.Expires.Add(-early)) {
			t.Expires = now.Add(2 * early) // one that lives for seconds, or another clock: used until it is refused
		}
		c.token = t
		c.fetched++
	}
	return c.token.Header, c.fetched, nil
}

// expire forgets a token that the service no longer takes, unless another came meanwhile.
func (c *client) expire(number int) {
	c.fetching.Lock()
	defer c.fetching.Unlock()
	if c.fetched == number {
		c.token = Token{}
	}
}

// unsigned says that no credential was had: nothing can be read then.
func (c *client) unsigned(err error) error {
	var r *refused
	if !errors.As(err, &r) {
		return err
	}
	kind := fault.Unavailable
	if r.denied {
		kind = fault.Denied
	}
	return fault.New(kind, "No token was given: %s", c.cover.Hide(r.reason)).WithNext("Check the connection's credential and what it is allowed.")
}

// oauthError is the error that a token host names (RFC 6749, 5.2), with a space before it.
func (c *client) oauthError(body []byte) string {
	var e struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &e) != nil || e.Error == "" {
		return ""
	}
	s := ", " + e.Error
	if e.Description != "" {
		s += " (" + strings.TrimRight(e.Description, ".") + ")"
	}
	s = printable(c.cover.Hide(s)) // before it is cut, or half of a secret would stay
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// SignJWT makes a signed token (RFC 7519) of claims with a private key in PEM: RS256 for RSA, ES256 for P-256. kid names the
// key, and may be empty.
func SignJWT(key, kid string, claims map[string]any) (string, error) {
	signer, err := privateKey(key)
	if err != nil {
		return "", err
	}
	head := map[string]any{"typ": "JWT", "alg": "RS256"}
	if _, ok := signer.(*ecdsa.PrivateKey); ok {
		head["alg"] = "ES256"
	}
	if kid != "" {
		head["kid"] = kid
	}
	var parts []string
	for _, part := range []any{head, claims} {
		b, err := json.Marshal(part)
		if err != nil {
			return "", fmt.Errorf("sign a token: %w", err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(b))
	}
	text := strings.Join(parts, ".")
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	switch k := signer.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			return "", fmt.Errorf("sign a token: %w", err)
		}
		sig = make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
	case *rsa.PrivateKey:
		if sig, err = rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:]); err != nil {
			return "", fmt.Errorf("sign a token: %w", err)
		}
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig), nil
}

// privateKey reads a key in PEM: PKCS #8, PKCS #1 or SEC 1. Its errors say nothing of what the key holds.
func privateKey(text string) (crypto.Signer, error) {
	bad := func(why string) error {
		return fault.New(fault.Invalid, "The private key %s.", why).WithNext("Give the file that the service made for you, from -----BEGIN to the last line.")
	}
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil, bad("is not in PEM")
	}
	if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return nil, bad("is encrypted with a password, which nobody could give at night")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, bad("is a " + strings.ToLower(printable(block.Type)))
	}
	if err != nil {
		return nil, bad("cannot be read")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return nil, bad("is shorter than 2048 bits")
		}
		return k, nil
	case *ecdsa.PrivateKey:
		if k.Curve.Params().Name == "P-256" {
			return k, nil
		}
	}
	return nil, bad("is neither RSA nor P-256")
}

package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// authenticator is a passkey in software: one discoverable ES256 credential, with the browser around it. A test spoils
// what it wants to see refused.
type authenticator struct {
	t      *testing.T
	origin string // what the browser says it is at
	rp     string // whom the credential is bound to; from the options when empty
	flags  byte   // user present, user verified, …
	count  uint32

	id     []byte
	key    *ecdsa.PrivateKey
	handle []byte
	spoil  func(clientData map[string]any) // before signing
	damage func(signature []byte)          // after signing
}

const (
	userPresent  = 0x01
	userVerified = 0x04
	attested     = 0x40
)

func newAuthenticator(t *testing.T) *authenticator {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &authenticator{t: t, origin: "http://localhost:8420", flags: userPresent | userVerified, id: id, key: key}
}

type raw = base64url

type base64url []byte

func (b base64url) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(b)), nil
}

func (b *base64url) UnmarshalText(s []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(s))
	return err
}

// creation are the options of navigator.credentials.create that matter here.
type creation struct {
	Challenge raw
	RP        struct{ ID string }
	User      struct{ ID raw }
	Exclude   []struct{ ID raw } `json:"excludeCredentials"`
	Selection struct {
		ResidentKey      string `json:"residentKey"`
		UserVerification string `json:"userVerification"`
	} `json:"authenticatorSelection"`
	Attestation string
}

// create answers navigator.credentials.create.
func (a *authenticator) create(options []byte) []byte {
	a.t.Helper()
	var o creation
	a.read(options, &o)
	a.handle = o.User.ID
	if a.rp == "" {
		a.rp = o.RP.ID
	}
	point, err := a.key.PublicKey.ECDH()
	if err != nil {
		a.t.Fatal(err)
	}
	xy := point.Bytes()[1:]
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: xy[:32], -3: xy[32:]})
	if err != nil {
		a.t.Fatal(err)
	}
	data := a.data(a.flags | attested)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = binary.BigEndian.AppendUint16(data, uint16(len(a.id)))
	data = append(append(data, a.id...), cose...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": data})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(map[string]any{
		"id": raw(a.id), "rawId": raw(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": raw(a.client("webauthn.create", o.Challenge)), "attestationObject": raw(object), "transports": []string{"internal"}},
	})
}

// get answers navigator.credentials.get.
func (a *authenticator) get(options []byte) []byte {
	a.t.Helper()
	var o struct {
		Challenge raw
		RPID      string `json:"rpId"`
		Allow     []any  `json:"allowCredentials"`
		Verify    string `json:"userVerification"`
	}
	a.read(options, &o)
	if o.RPID == "" || o.Verify != "required" || len(o.Allow) != 0 {
		a.t.Errorf("options of sign-in: %s", options)
	}
	a.count++
	data, client := a.data(a.flags), a.client("webauthn.get", o.Challenge)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		a.t.Fatal(err)
	}
	if a.damage != nil {
		a.damage(signature)
	}
	return a.write(map[string]any{
		"id": raw(a.id), "rawId": raw(a.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{"clientDataJSON": raw(client), "authenticatorData": raw(data), "signature": raw(signature), "userHandle": raw(a.handle)},
	})
}

func (a *authenticator) data(flags byte) []byte {
	h := sha256.Sum256([]byte(a.rp))
	return binary.BigEndian.AppendUint32(append(h[:], flags), a.count)
}

func (a *authenticator) client(typ string, challenge []byte) []byte {
	c := map[string]any{"type": typ, "challenge": raw(challenge), "origin": a.origin, "crossOrigin": false}
	if a.spoil != nil {
		a.spoil(c)
	}
	return a.write(c)
}

func (a *authenticator) read(b []byte, v any) {
	a.t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		a.t.Fatalf("%v in %s", err, b)
	}
}

func (a *authenticator) write(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

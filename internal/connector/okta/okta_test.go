package okta

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func suite(t *testing.T) connectortest.Suite {
	return connectortest.Suite{Now: now, Cassette: connectortest.Load(t, "testdata/cassette.json"), Again: connectortest.Load(t, "testdata/again.json"), Secrets: []string{"00SECRET-token-of-okta"},
		Values: connector.Values{"domain": "example.okta.com", "token": "00SECRET-token-of-okta"}}
}

func TestOktaConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func TestOktaIsAskedAndAnswersAsDescribed(t *testing.T) {
	// The description forgets the rules of enrolment policies.
	connectortest.Described(t, suite(t).Cassette, "testdata/openapi.json", "", "/api/v1/policies/00p1enroll0000000001/rules")
}

func TestAnApplicationSignsInByItsKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s := suite(t)
	s.Cassette = maps.Clone(s.Cassette)
	s.Cassette["POST /oauth2/v1/token"] = connectortest.Reply{Body: `{"token_type":"Bearer","expires_in":3600,"access_token":"fetched-token-of-okta","scope":"okta.users.read"}`}
	s.Tokens = []string{"POST /oauth2/v1/token"}
	s.Values = connector.Values{"domain": "example.okta.com", "client_id": "0oa1client", "key_id": "k1", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))}
	s.Secrets = []string{"fetched-token-of-okta", "BEGIN EC PRIVATE KEY"}
	connectortest.Run(t, Connector(), s)
}

package google

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
	"tickmark/internal/fault"
)

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func suite(t *testing.T) connectortest.Suite {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	account, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "reader@example.iam.gserviceaccount.com", "private_key_id": "k1", "private_key": private,
		"token_uri": "https://elsewhere.example/token"})
	if err != nil {
		t.Fatal(err)
	}
	return connectortest.Suite{Now: now, Cassette: connectortest.Load(t, "testdata/cassette.json"), Again: connectortest.Load(t, "testdata/again.json"), Tokens: []string{"POST /token"},
		Secrets: []string{"ya29.fetched-token-of-google", strings.Split(private, "\n")[1]}, Values: connector.Values{"key": string(account), "subject": "ada@example.com"}}
}

func TestGoogleConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func TestGoogleIsAskedAndAnswersAsDescribed(t *testing.T) {
	all := suite(t).Cassette
	directory, alerts := maps.Clone(all), maps.Clone(all)
	maps.DeleteFunc(directory, func(request string, _ connectortest.Reply) bool {
		return !strings.HasPrefix(request, "/admin/directory/")
	})
	maps.DeleteFunc(alerts, func(request string, _ connectortest.Reply) bool {
		return !strings.HasPrefix(request, "/v1beta1/alerts")
	})
	connectortest.Described(t, directory, "testdata/openapi.json", "")
	connectortest.Described(t, alerts, "testdata/alerts.json", "")
}

func TestAKeyThatIsNoServiceAccountsIsRefused(t *testing.T) {
	for _, key := range []string{"", "{}", `{"type":"authorized_user","client_email":"a","private_key":"b"}`} {
		err := Connector().Read(t.Context(), connector.Values{"key": key, "subject": "ada@example.com", "endpoint": "http://127.0.0.1:1", "token_endpoint": "http://127.0.0.1:1"}, &connectortest.Recorder{})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

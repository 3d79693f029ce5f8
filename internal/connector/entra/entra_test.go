package entra

import (
	"maps"
	"strings"
	"testing"
	"time"

	"tickmark/internal/connector"
	"tickmark/internal/connector/connectortest"
)

var now = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func suite(t *testing.T) connectortest.Suite {
	return connectortest.Suite{Now: now, Cassette: connectortest.Load(t, "testdata/cassette.json"), Again: connectortest.Load(t, "testdata/again.json"),
		Tokens: []string{"POST /example.com/oauth2/v2.0/token"}, Secrets: []string{"s3cret~of-the-application", "fetched-token-of-entra"},
		Values: connector.Values{"tenant": "example.com", "client_id": "00000000-0000-4000-8000-0000000000e2", "client_secret": "s3cret~of-the-application"}}
}

func TestEntraConforms(t *testing.T) { connectortest.Run(t, Connector(), suite(t)) }

func TestEntraIsAskedAndAnswersAsDescribed(t *testing.T) {
	c := maps.Clone(suite(t).Cassette)
	maps.DeleteFunc(c, func(request string, _ connectortest.Reply) bool { return strings.HasPrefix(request, "POST ") })
	// The description knows neither the report of authentication methods nor sponsors nor sign-in activity.
	connectortest.Described(t, c, "testdata/openapi.json", "/v1.0", "/v1.0/reports/authenticationMethods/", "/v1.0/users?$top=999&$filter=userType", "/v1.0/users?$top=500")
}

func TestWhatTheLicenceDoesNotTellLeavesTheUsers(t *testing.T) {
	s := suite(t)
	for request := range s.Cassette {
		if strings.HasPrefix(request, "/v1.0/reports/") || strings.Contains(request, "signInActivity") {
			s.Cassette[request] = connectortest.Reply{Status: 403, Body: `{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant"}}`}
		}
	}
	r := connectortest.Play(t, Connector(), s)
	if r.Count(kindUser) != 3 || !r.Completed(kindUser, "") || r.Whole() {
		t.Errorf("%d users, gaps %v", r.Count(kindUser), r.Gaps())
	}
	if b := r.Body(kindUser, "00000000-0000-4000-8000-000000000001"); b["registration"] != nil || b["mail"] != "ada@example.com" {
		t.Errorf("user %v", b)
	}
}

func TestUsersCarryTheirSecondFactorsAndLastSignIn(t *testing.T) {
	r := connectortest.Play(t, Connector(), suite(t))
	b := r.Body(kindUser, "00000000-0000-4000-8000-000000000001")
	if b["registration"].(map[string]any)["isMfaCapable"] != true || b["sign_in"].(map[string]any)["signInActivity"] == nil {
		t.Errorf("user %v", b)
	}
	if b, there := r.Body(kindUser, "00000000-0000-4000-8000-000000000003")["registration"]; b != nil || !there {
		t.Errorf("a user of whom the report says nothing has %v", b)
	}
}
